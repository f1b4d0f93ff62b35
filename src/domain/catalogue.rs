//! The words that people read, one catalogue for each language. Another language is another file in
//! `catalogue/`, its line in [`EMBEDDED`], and its variant of [`Language`].

use std::sync::OnceLock;

use indexmap::IndexMap;
use serde::Deserialize;

use super::language::Language;

/// Every catalogue. A test reads them, so they always parse, and holds their keys against each other.
const EMBEDDED: [(Language, &str); 2] = [
    (Language::English, include_str!("catalogue/en.yaml")),
    (Language::Korean, include_str!("catalogue/ko.yaml")),
];

/// The words of one language.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// By id of the question.
    pub questions: IndexMap<String, QuestionWords>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuestionWords {
    pub question: String,
    #[serde(default)]
    pub choices: Vec<String>,
}

impl Catalogue {
    /// The catalogue of a language.
    pub fn of(language: Language) -> &'static Self {
        static READ: [OnceLock<Catalogue>; EMBEDDED.len()] = [const { OnceLock::new() }; EMBEDDED.len()];
        static NONE: OnceLock<Catalogue> = OnceLock::new();
        let found = EMBEDDED.iter().zip(&READ).find(|((known, _), _)| *known == language);
        found.map_or_else(
            || NONE.get_or_init(Self::default),
            |((_, text), place)| {
                place.get_or_init(|| {
                    serde_yaml::from_str(text)
                        .inspect_err(|error| tracing::error!(%error, "a catalogue cannot be read"))
                        .unwrap_or_default()
                })
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// Every key of a document, with its way.
    fn keys(value: &Value, way: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, inner) in fields {
                    keys(inner, &format!("{way}/{name}"), found);
                }
            }
            Value::Array(values) => {
                for (place, inner) in values.iter().enumerate() {
                    keys(inner, &format!("{way}/{place}"), found);
                }
            }
            text => {
                assert!(text.as_str().is_some_and(|text| !text.trim().is_empty()), "{way} is empty");
                found.insert(way.to_owned());
            }
        }
    }

    #[test]
    fn every_file_is_embedded_and_every_key_is_in_each() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain/catalogue");
        let mut texts: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        let mut embedded: Vec<String> = EMBEDDED.iter().map(|(_, text)| (*text).to_owned()).collect();
        texts.sort();
        embedded.sort();
        assert_eq!(texts, embedded, "a catalogue is not embedded");
        let mut all = Vec::new();
        for (language, text) in EMBEDDED {
            let mut found = BTreeSet::new();
            keys(&serde_yaml::from_str(text).unwrap(), "", &mut found);
            assert!(!Catalogue::of(language).questions.is_empty(), "{language:?}");
            all.push(found);
        }
        assert!(all.windows(2).all(|two| two[0] == two[1]), "{:#?}", all[0].symmetric_difference(&all[1]));
    }
}
