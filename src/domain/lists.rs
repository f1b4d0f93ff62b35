//! Lists of words and names that rules look for, as data: `lists.yaml`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::packed;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists<Text> {
    lists: HashMap<String, Vec<Text>>,
    pairs: HashMap<String, Vec<(Text, Text)>>,
}

static TEXTS: LazyLock<Lists<String>> = LazyLock::new(|| packed::read("src/domain/lists.yaml"));

/// The same, so that rules look for them as for texts in the code.
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

/// A list by its name.
pub fn list(name: &str) -> &'static [&'static str] {
    LISTS.lists.get(name).map(Vec::as_slice).unwrap_or_default()
}

/// A list of pairs by its name.
pub fn pairs(name: &str) -> &'static [(&'static str, &'static str)] {
    LISTS.pairs.get(name).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

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
