//! The words that go to consultants, judges, reviewers and voters: `prompts.yaml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::embedded::{Texts, filled};
use super::packed;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    angles: Vec<String>,
    texts: Texts,
}

static FILE: LazyLock<File> = LazyLock::new(|| packed::read("src/domain/prompts.yaml"));
pub static PROMPTS: LazyLock<&Texts> = LazyLock::new(|| &FILE.texts);

/// The prompt under a key, with its values.
pub fn prompt(key: &str, values: &[(&str, &str)]) -> String {
    filled(&PROMPTS, key, values)
}

/// The angle of a member of an ensemble, by its number from 0. The first comes again after the last.
/// Models that read the same words in the same order make the same mistakes; another angle and another
/// order of the files spread them.
pub fn angle(member: usize) -> &'static str {
    FILE.angles.iter().cycle().nth(member % FILE.angles.len().max(1)).map_or("", String::as_str)
}
