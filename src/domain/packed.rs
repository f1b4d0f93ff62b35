//! The texts and time zones embedded in the binary. The build compresses them to a third of their size.

use std::collections::HashMap;
use std::sync::LazyLock;

use miniz_oxide::inflate::decompress_to_vec;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::typed::from_yaml;

/// A file of the repository, embedded.
pub struct Packed {
    /// Its path from the top of the repository, with `/`.
    pub path: &'static str,
    bytes: &'static [u8],
}

static FILES: &[Packed] = include!(concat!(env!("OUT_DIR"), "/packed.rs"));

impl Packed {
    fn content(&self) -> Vec<u8> {
        decompress_to_vec(self.bytes).unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.content()).unwrap_or_default()
    }
}

/// The files of a directory, in the order of their paths.
pub fn below(directory: &str) -> impl Iterator<Item = &'static Packed> {
    FILES
        .iter()
        .filter(move |file| file.path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/')))
}

/// The text of a file; None if no such file is embedded.
pub fn text(path: &str) -> Option<String> {
    Some(FILES.iter().find(|file| file.path == path)?.text())
}

/// Parses an embedded YAML file. A test parses each of them, so this always succeeds.
pub fn read<T: DeserializeOwned + Default>(path: &str) -> T {
    from_yaml(&text(path).unwrap_or_default())
        .inspect_err(|error| tracing::error!(path, %error, "an embedded file cannot be read"))
        .unwrap_or_default()
}

/// The data of a time zone (`TZif`), by its name in any case.
pub fn zone(name: &str) -> Option<Vec<u8>> {
    let all = FILES.iter().find(|file| file.path == "zones")?.content();
    let mut rest = all.as_slice();
    loop {
        let mut parts = rest.splitn(3, |byte| *byte == b'\n');
        let found = parts.next()?;
        let length: usize = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
        let (data, further) = parts.next()?.split_at_checked(length)?;
        if found.eq_ignore_ascii_case(name.as_bytes()) {
            return Some(data.to_vec());
        }
        rest = further;
    }
}

// `lists.yaml` holds lists of words and names that rules look for.

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists<Text> {
    lists: HashMap<String, Vec<Text>>,
    pairs: HashMap<String, Vec<(Text, Text)>>,
}

static TEXTS: LazyLock<Lists<String>> = LazyLock::new(|| read("src/domain/lists.yaml"));

/// The lists as static strings, so that rules use them like texts in the code.
static LISTS: LazyLock<Lists<&'static str>> = LazyLock::new(|| Lists {
    lists: gathered(&TEXTS.lists, |text| text.as_str()),
    pairs: gathered(&TEXTS.pairs, |(one, other)| (one.as_str(), other.as_str())),
});

fn gathered<From, To>(
    all: &'static HashMap<String, Vec<From>>,
    read: fn(&'static From) -> To,
) -> HashMap<String, Vec<To>> {
    all.iter().map(|(name, items)| (name.clone(), items.iter().map(read).collect())).collect()
}

pub fn list(name: &str) -> &'static [&'static str] {
    LISTS.lists.get(name).map(Vec::as_slice).unwrap_or_default()
}

pub fn pairs(name: &str) -> &'static [(&'static str, &'static str)] {
    LISTS.pairs.get(name).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_is_unpacked_as_it_lies_in_the_repository() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for file in FILES.iter().filter(|file| file.path != "zones") {
            assert_eq!(file.text(), std::fs::read_to_string(root.join(file.path)).unwrap(), "{}", file.path);
        }
        assert!(text("SKILLS.md").is_some() && text("nowhere").is_none());
        assert_eq!(below("roles").count(), std::fs::read_dir(root.join("roles")).unwrap().count());
    }

    #[test]
    fn a_zone_is_found_in_any_case() {
        let seoul = jiff::tz::TimeZone::tzif("Asia/Seoul", &zone("asia/seoul").unwrap()).unwrap();
        let then = "2026-07-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap();
        assert_eq!(seoul.to_offset(then), jiff::tz::offset(9));
        assert!(zone("America/Los_Angeles").is_some() && zone("Zulu").is_some());
        assert!(zone("Asia").is_none() && zone("").is_none());
    }

    /// The sources below a directory.
    fn code(directory: &Path) -> String {
        let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let text = |path: std::path::PathBuf| {
            if path.is_dir() { code(&path) } else { std::fs::read_to_string(&path).unwrap_or_default() }
        };
        entries.map(text).collect()
    }

    #[test]
    fn every_list_is_used_and_every_name_has_a_list() {
        let code = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        let named = |call: &str| -> Vec<String> {
            let call = format!("{call}(\"");
            let rest = code.split(&call).skip(1);
            rest.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
        };
        let (lists, pairs) = (named(" list"), named("pairs"));
        let in_a_call = named("(list");
        let in_a_not = named("!list");
        let used =
            |name: &String| [&lists, &in_a_call, &in_a_not, &pairs].iter().any(|all| all.contains(name));
        for name in LISTS.lists.keys().chain(LISTS.pairs.keys()) {
            assert!(used(name), "{name} is not used");
        }
        for name in lists.iter().chain(&in_a_call).chain(&in_a_not) {
            assert!(!list(name).is_empty(), "{name} has no list");
        }
        for name in &pairs {
            assert!(!super::pairs(name).is_empty(), "{name} has no pairs");
        }
    }
}
