//! The texts that people read. Each language has one file in `catalogue/`, named after its language code. To
//! add a language, add a file with the keys of `en.yaml`; nothing else changes.

use std::collections::HashMap;
use std::sync::LazyLock;

use indexmap::IndexMap;
use serde::Deserialize;

use super::packed;
use super::pattern::Pattern;

/// Directory of the catalogues.
const CATALOGUES: &str = "src/domain/catalogue";

/// The language code of each catalogue, English first.
pub static CODES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let names =
        packed::below(CATALOGUES).filter_map(|file| file.path.rsplit('/').next()?.strip_suffix(".yaml"));
    let (english, others): (Vec<_>, Vec<_>) = names.partition(|code| *code == "en");
    [english, others].concat()
});

/// The words of one language.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Name of the language in that language, short enough for a button.
    pub name: String,
    /// True if this language is part of a report in both languages.
    #[serde(default)]
    pub in_both: bool,
    /// Answers that mean "nothing", and words that may stand around them.
    pub nothing: Vec<String>,
    pub around_nothing: Vec<String>,
    /// Whole answers that mean "nothing" too, in lower case.
    pub all_well: Vec<Pattern>,
    /// Answers of these words that name something all the same.
    pub not_nothing: Vec<Pattern>,
    /// Words in a comment that support or contradict the decision.
    pub comments: CommentWords,
    /// Questions, by their id.
    pub questions: IndexMap<String, QuestionWords>,
    /// Reports, dialogs and messages, by key.
    pub words: HashMap<String, Phrase>,
    /// Texts of the local web page, by key.
    pub page: HashMap<String, Phrase>,
}

/// Regular expressions that are matched with a comment in lower case.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommentWords {
    /// Phrases that only look like one of the others.
    pub harmless: Vec<Pattern>,
    /// A refusal.
    pub refuses: Vec<Pattern>,
    /// A refusal if it is the whole comment.
    pub alone: Vec<Pattern>,
    /// A fault in the subject of the decision.
    pub faults: Vec<Pattern>,
    pub praises: Vec<Pattern>,
    /// Words that turn praise into a wish.
    pub turns: Vec<Pattern>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuestionWords {
    pub question: String,
    #[serde(default)]
    pub choices: Vec<String>,
    /// Answers in one's own words that speak against an approval, besides a refusal.
    #[serde(default)]
    pub refuses: Vec<Pattern>,
}

/// A text with `{names}` of values, or two texts chosen by the number `{n}`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Phrase {
    Plain(String),
    Counted { one: String, many: String },
}

impl Phrase {
    /// The text for a value of `{n}`.
    pub fn text(&self, n: Option<&str>) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Counted { one, .. } if n == Some("1") => one,
            Self::Counted { many, .. } => many,
        }
    }
}

impl Catalogue {
    /// All catalogues, in the order of [`CODES`].
    pub fn all() -> &'static [Self] {
        static READ: LazyLock<Vec<Catalogue>> = LazyLock::new(|| {
            CODES.iter().map(|code| packed::read(&format!("{CATALOGUES}/{code}.yaml"))).collect()
        });
        &READ
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0)).collect()
    }

    /// Every text of a document by its path, with its placeholders. The two forms of a number are one text.
    fn texts(value: &Value, way: &str, found: &mut BTreeMap<String, BTreeSet<String>>) {
        match value {
            Value::Object(fields) => {
                for (name, inner) in fields {
                    let form = matches!(name.as_str(), "one" | "many");
                    let way = if form { way.to_owned() } else { format!("{way}/{name}") };
                    texts(inner, &way, found);
                }
            }
            // Lists of words to recognize differ; those to show do not.
            Value::Array(_)
                if way.starts_with("/comments/")
                    || ["nothing", "all_well", "/refuses"].iter().any(|end| way.ends_with(end)) => {}
            Value::Array(values) => {
                for (place, inner) in values.iter().enumerate() {
                    texts(inner, &format!("{way}/{place}"), found);
                }
            }
            Value::Bool(_) => {}
            text => {
                let text = text.as_str().unwrap_or_else(|| panic!("{way} is no text"));
                let own = found.entry(way.to_owned()).or_default();
                own.extend(placeholders(text).into_iter().map(str::to_owned));
                let may_be_empty = way.ends_with("/with_and") || way.ends_with("/between");
                assert!(may_be_empty || !text.trim().is_empty(), "{way} is empty");
            }
        }
    }

    #[test]
    fn every_catalogue_has_the_keys_and_placeholders_of_english() {
        let text = |code: &str| packed::text(&format!("{CATALOGUES}/{code}.yaml")).unwrap();
        let mut wanted = BTreeMap::new();
        texts(&serde_yaml::from_str(&text("en")).unwrap(), "", &mut wanted);
        assert_eq!(CODES[0], "en");
        for code in CODES.iter() {
            let text = text(code);
            serde_yaml::from_str::<Catalogue>(&text).unwrap_or_else(|error| panic!("{code}: {error}"));
            let mut found = BTreeMap::new();
            texts(&serde_yaml::from_str(&text).unwrap(), "", &mut found);
            for (way, names) in &wanted {
                let theirs = found.remove(way).unwrap_or_else(|| panic!("{code} lacks {way}"));
                // A number in words, such as `1 risk`, needs no placeholder in one form.
                assert_eq!(&theirs, names, "{code}: placeholders of {way}");
            }
            assert!(found.is_empty(), "{code} has keys that English lacks: {found:?}");
        }
    }

    #[test]
    fn every_key_that_code_says_is_there_and_none_is_there_for_nothing() {
        let words = &Catalogue::all()[0].words;
        let mut sources = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut code = String::new();
        while let Some(next) = sources.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    sources.push(path);
                } else if path.extension().is_some_and(|kind| kind == "rs") {
                    code.push_str(&std::fs::read_to_string(path).unwrap());
                }
            }
        }
        let call = ["say", "!("].concat();
        let said = code
            .split(&call)
            .skip(1)
            .filter_map(|part| part.trim_start().strip_prefix('"')?.split('"').next());
        let missing: BTreeSet<&str> = said.filter(|key| !words.contains_key(*key)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        let made = [
            "stage_", "priority_", "definition_", "certainty_", "advice_", "kind_", "level_", "preview_",
            "file_",
        ];
        let is_made = |key: &str| made.iter().any(|head| key.starts_with(head));
        let unused: BTreeSet<_> =
            words.keys().filter(|key| !is_made(key) && !code.contains(&format!("\"{key}\""))).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }
}
