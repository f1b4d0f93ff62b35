//! The words of the page, English and Korean side by side.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::look::Tongue;

const CATALOGUE: &str = include_str!("words.yaml");

type Catalogue = HashMap<String, (String, String)>;

fn catalogue() -> &'static Catalogue {
    static READ: OnceLock<Catalogue> = OnceLock::new();
    READ.get_or_init(|| serde_yaml::from_str(CATALOGUE).unwrap_or_default())
}

/// A text of the catalogue; its name where it has none.
pub(super) fn word(tongue: Tongue, name: &str) -> String {
    match catalogue().get(name) {
        Some((en, ko)) => match tongue {
            Tongue::English => en.clone(),
            Tongue::Korean => ko.clone(),
            Tongue::Both if en == ko => en.clone(),
            Tongue::Both => format!("{en} · {ko}"),
        },
        None => name.to_owned(),
    }
}

/// Returns how long something lasted or is ago, in its largest unit.
pub(super) fn span(tongue: Tongue, milliseconds: u64) -> String {
    const UNITS: [(u64, &str, &str); 4] =
        [(86_400_000, "d", "일"), (3_600_000, "h", "시간"), (60_000, "min", "분"), (1_000, "s", "초")];
    let found = UNITS.iter().find(|(length, ..)| milliseconds >= *length);
    match (found, tongue) {
        (Some((length, _, unit)), Tongue::Korean) => format!("{}{unit}", milliseconds / length),
        (Some((length, unit, _)), Tongue::English | Tongue::Both) => {
            format!("{} {unit}", milliseconds / length)
        }
        (None, Tongue::Korean) => "0초".to_owned(),
        (None, Tongue::English | Tongue::Both) => "0 s".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_templates_is_in_the_catalogue_and_none_is_there_for_nothing() {
        let read: Catalogue = serde_yaml::from_str(CATALOGUE).unwrap();
        let mut sources = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/page")];
        let (mut text, mut templates) = (String::new(), String::new());
        while let Some(next) = sources.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                match path.extension().and_then(|kind| kind.to_str()) {
                    None => sources.push(path),
                    Some("html") => templates.push_str(&std::fs::read_to_string(path).unwrap()),
                    Some("rs") => text.push_str(&std::fs::read_to_string(path).unwrap()),
                    Some(_) => {}
                }
            }
        }
        text.push_str(&templates);
        // A name that ends in an underscore is completed by what is shown.
        let used = templates.split("t(\"").skip(1).map(|part| part.split('"').next().unwrap());
        let missing: Vec<&str> =
            used.filter(|name| !name.ends_with('_') && !read.contains_key(*name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        let is_used = |name: &str| {
            let parts = name.match_indices('_');
            let by_part = parts.into_iter().any(|(place, _)| {
                let (head, tail) = (name.get(..=place).unwrap(), name.get(place..).unwrap());
                text.contains(&format!("\"{head}\"")) || text.contains(&format!("\"{tail}\""))
            });
            by_part || text.contains(&format!("\"{name}\""))
        };
        let unused: Vec<&String> = read.keys().filter(|name| !is_used(name)).collect();
        assert!(unused.is_empty(), "{unused:?}");
        for (name, (en, ko)) in &read {
            assert!(!en.is_empty() && !ko.is_empty(), "{name}");
        }
    }

    #[test]
    fn times_are_told_in_both_languages() {
        assert_eq!(span(Tongue::English, 125_000), "2 min");
        assert_eq!(span(Tongue::Korean, 125_000), "2분");
        assert_eq!(span(Tongue::Korean, 5), "0초");
    }
}
