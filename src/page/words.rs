//! The words of the page, from the catalogues.

use crate::domain::language::{Language, Languages};
use crate::domain::text::{Text, fill};

/// A text of the catalogues in the languages that are read; its name where it has none.
pub(super) fn word(languages: Languages, name: &str) -> String {
    let text = Text::of_page(name);
    let mut all: Vec<&str> = languages.of_reports().into_iter().map(|language| text.of(language)).collect();
    all.dedup();
    all.join(" · ")
}

/// Returns how long something lasted or is ago, in its largest unit.
pub(super) fn span(languages: Languages, milliseconds: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(86_400_000, "span_d"), (3_600_000, "span_h"), (60_000, "span_min"), (1_000, "span_s")];
    let found = UNITS.iter().find(|(length, _)| milliseconds >= *length);
    let (length, unit) = found.unwrap_or(&(1_000, "span_s"));
    let text = Text::of_page(unit);
    fill(text.of(languages.one(Language::ENGLISH)), &[("n", (milliseconds / length).to_string())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_templates_is_in_the_catalogue_and_none_is_there_for_nothing() {
        let read = &Language::ENGLISH.words().page;
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
    }

    #[test]
    fn times_are_told_in_both_languages() {
        let (both, ko) = (Languages::Both, Languages::named("ko").unwrap());
        assert_eq!((span(both, 125_000), span(ko, 125_000)), ("2 min".to_owned(), "2분".to_owned()));
        assert_eq!(span(ko, 5), "0초");
        assert_eq!(word(both, "queue"), "Queue · 대기열");
    }
}
