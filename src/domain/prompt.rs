//! The texts for consultants, judges, reviewers and voters, from `prompts.yaml`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::packed;
use super::text::fill;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    angles: Vec<String>,
    texts: Texts,
}

static FILE: LazyLock<File> = LazyLock::new(|| packed::read("src/domain/prompts.yaml"));
pub static PROMPTS: LazyLock<&Texts> = LazyLock::new(|| &FILE.texts);

/// The prompt under a key, with its placeholders filled.
pub fn prompt(key: &str, values: &[(&str, &str)]) -> String {
    filled(&PROMPTS, key, values)
}

/// The angle for a member of an ensemble, by its number from 0. After the last angle the list begins again.
/// Models that read the same words in the same order make the same mistakes. Another angle, and another order
/// of the files, make their mistakes differ.
pub fn angle(member: usize) -> &'static str {
    FILE.angles.iter().cycle().nth(member % FILE.angles.len().max(1)).map_or("", String::as_str)
}

// The texts are embedded in the binary, so that a project cannot soften them.

/// Texts by key, with `{name}` where a value belongs.
pub type Texts = HashMap<String, String>;

/// The text under a key, with its placeholders filled; empty if the key is unknown.
pub fn filled(texts: &Texts, key: &str, values: &[(&str, &str)]) -> String {
    texts.get(key).map_or_else(String::new, |text| fill(text, values))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::PROMPTS;
    use crate::domain::coordination::scaling::FINDINGS;

    /// The sources without the catalogue files.
    fn code(directory: &Path) -> String {
        let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        entries
            .map(|path| match path.extension() {
                Some(kind) if kind == "rs" => std::fs::read_to_string(&path).unwrap(),
                _ if path.is_dir() => code(&path),
                _ => String::new(),
            })
            .collect()
    }

    #[test]
    fn every_text_is_used_and_every_key_has_a_text() {
        let code = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        for (texts, call) in [(*PROMPTS, "prompt("), (&*FINDINGS, "finding(")] {
            let said = format!(" {call}\"");
            let keys = code.split(&said).skip(1).filter_map(|rest| rest.split('"').next());
            let missing: Vec<_> = keys.filter(|key| !texts.contains_key(*key)).collect();
            assert!(missing.is_empty(), "{call}: {missing:?}");
            let is_made = |key: &str| key.starts_with("rule_");
            let unused: Vec<_> =
                texts.keys().filter(|key| !is_made(key) && !code.contains(&format!("\"{key}\""))).collect();
            assert!(unused.is_empty(), "{call}: {unused:?}");
        }
    }
}
