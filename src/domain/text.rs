//! Texts in every language of the catalogues.

use std::collections::HashMap;
use std::fmt::Display;
use std::ops::Deref;

use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::catalogue::{Catalogue, Phrase};
use super::language::Language;
use super::words::grouped;

/// A text in every language, in the order of [`Language::all`]. A single entry stands for all languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "HashMap<String, String>")]
pub struct Text(Vec<String>);

/// The text under a key of the catalogues, with values filled in: `say!("and_more", n = 3)`.
macro_rules! say {
    ($key:expr $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::domain::text::Text::said($key, &[$((stringify!($name), &$value)),*])
    };
}
pub(crate) use say;

/// A value to fill into a text. It may differ by language.
pub trait Part {
    fn in_language(&self, language: Language) -> String;
}

impl<T: Display + ?Sized> Part for T {
    fn in_language(&self, _: Language) -> String {
        self.to_string()
    }
}

impl Part for Text {
    fn in_language(&self, language: Language) -> String {
        self.of(language).to_owned()
    }
}

impl Part for &Text {
    fn in_language(&self, language: Language) -> String {
        self.of(language).to_owned()
    }
}

impl Text {
    /// The text under a key of the catalogues, with values filled in. [`say`] is a shorthand.
    pub fn said(key: &str, parts: &[(&str, &dyn Part)]) -> Self {
        Self::filled(|catalogue| catalogue.words.get(key), key, parts)
    }

    /// The text under a key of the catalogues; None if English does not have the key.
    pub fn known(key: &str) -> Option<Self> {
        Language::ENGLISH.words().words.contains_key(key).then(|| Self::said(key, &[]))
    }

    /// The text under a key of the local page.
    pub fn of_page(key: &str) -> Self {
        Self::filled(|catalogue| catalogue.page.get(key), key, &[])
    }

    /// The phrase in each language with values filled in. English replaces a missing phrase, and the key
    /// replaces English.
    fn filled(
        phrase: impl Fn(&'static Catalogue) -> Option<&'static Phrase>,
        key: &str,
        parts: &[(&str, &dyn Part)],
    ) -> Self {
        let english = phrase(Language::ENGLISH.words());
        let in_one = |language: Language| {
            let Some(phrase) = phrase(language.words()).or(english) else { return key.to_owned() };
            let values: Vec<(&str, String)> =
                parts.iter().map(|(name, part)| (*name, part.in_language(language))).collect();
            let n = values.iter().find(|(name, _)| *name == "n").map(|(_, value)| value.as_str());
            fill(phrase.text(n), &values)
        };
        Self(Language::all().map(in_one).collect())
    }

    /// A text that is never translated: words of a model, a name or a number.
    pub fn quoted(text: impl Into<String>) -> Self {
        Self(vec![text.into()])
    }

    pub fn in_each(text: impl Fn(Language) -> String) -> Self {
        Self(Language::all().map(text).collect())
    }

    pub fn of(&self, language: Language) -> &str {
        self.0.get(language.place()).or(self.0.first()).map_or("", String::as_str)
    }

    pub fn english(&self) -> &str {
        self.of(Language::ENGLISH)
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(String::is_empty)
    }

    /// True if the text is the same in every language.
    pub fn is_the_same(&self) -> bool {
        self.0.windows(2).all(|two| two.first() == two.last())
    }

    /// The text with the same change made in every language.
    pub fn map(&self, change: impl Fn(&str) -> String) -> Self {
        Self(self.0.iter().map(|text| change(text)).collect())
    }

    pub fn join(parts: &[Self], separator: &str) -> Self {
        let of = |language| parts.iter().map(|part| part.of(language)).collect::<Vec<_>>().join(separator);
        Self(Language::all().map(of).collect())
    }

    /// A list as a phrase in each language: `a`, `a and b`, `a, b and c`.
    pub fn listed(parts: &[Self]) -> Self {
        let Some((last, first)) = parts.split_last() else { return Self::default() };
        let Some((one, more)) = first.split_first() else { return last.clone() };
        let first = more.iter().fold(one.clone(), |all, next| say!("list_next", all = all, next = next));
        say!("list_last", all = first, last = last)
    }

    /// A duration in milliseconds, seconds, or minutes and seconds.
    pub fn duration(milliseconds: u64) -> Self {
        let seconds = milliseconds / 1_000;
        match seconds {
            0 => say!("milliseconds", n = milliseconds),
            1..60 => say!("seconds", n = format!("{seconds}.{}", milliseconds % 1_000 / 100)),
            60.. => say!("minutes", minutes = grouped(seconds / 60), seconds = seconds % 60),
        }
    }
}

/// Replaces each `{name}` with its value. Other braces stay.
pub fn fill(template: &str, values: &[(&str, impl AsRef<str>)]) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let value = after
            .split_once('}')
            .and_then(|(name, after)| Some((values.iter().find(|(known, _)| *known == name)?, after)));
        match value {
            Some(((_, value), after)) => {
                out.push_str(value.as_ref());
                rest = after;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out + rest
}

impl From<HashMap<String, String>> for Text {
    fn from(mut texts: HashMap<String, String>) -> Self {
        let english = texts.get(Language::ENGLISH.tag()).cloned().unwrap_or_default();
        Self(Language::all().map(|one| texts.remove(one.tag()).unwrap_or_else(|| english.clone())).collect())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Language::all().map(|one| (one.tag(), self.of(one))))
    }
}

/// A text that is English in results; people get it in their language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct English(pub Text);

impl Deref for English {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.english()
    }
}

impl Serialize for English {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

/// The key of a text in a result: `summary` in English, `summary_ko` in Korean.
fn key(name: &str, language: Language) -> String {
    if language == Language::ENGLISH { name.to_owned() } else { format!("{name}_{}", language.tag()) }
}

/// Replaces each text under these names with one key per language, as results have them.
pub fn spread(value: Value, names: &[&str]) -> Value {
    fn one(value: &Value, language: Language) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| one(item, language)).collect(),
            Value::Object(texts) => texts.get(language.tag()).cloned().unwrap_or_default(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }
    let Value::Object(fields) = value else { return value };
    let mut all = Map::new();
    for (name, value) in fields {
        if names.contains(&name.as_str()) {
            all.extend(Language::all().map(|language| (key(&name, language), one(&value, language))));
        } else {
            all.insert(name, value);
        }
    }
    Value::Object(all)
}

/// The reverse of [`spread`]. A language that was added later and is missing reads as English.
pub fn gather(value: Value, names: &[&str]) -> Value {
    fn one(texts: &[(Language, Value)]) -> Value {
        match texts {
            [(_, Value::Array(english)), ..] => (0..english.len())
                .map(|place| {
                    let at =
                        |(language, value): &(Language, Value)| Some((*language, value.get(place)?.clone()));
                    one(&texts.iter().filter_map(at).collect::<Vec<_>>())
                })
                .collect(),
            [(_, Value::String(_)), ..] => {
                texts.iter().map(|(language, text)| (language.tag().to_owned(), text.clone())).collect()
            }
            [(_, other), ..] => other.clone(),
            [] => Value::Null,
        }
    }
    let Value::Object(mut fields) = value else { return value };
    for name in names {
        let of = |language| Some((language, fields.remove(&key(name, language))?));
        let texts: Vec<(Language, Value)> = Language::all().filter_map(of).collect();
        if !texts.is_empty() {
            fields.insert((*name).to_owned(), one(&texts));
        }
    }
    Value::Object(fields)
}

/// Serializes a value with its texts spread.
pub fn spread_as<S: Serializer>(
    value: Result<Value, serde_json::Error>,
    names: &[&str],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    spread(value.map_err(S::Error::custom)?, names).serialize(serializer)
}

/// Serializes a type with `#[serde(remote = "Self")]` so that the texts under these names are spread.
macro_rules! spread_texts {
    ($type:ty: $names:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let value = <$type>::serialize(self, serde_json::value::Serializer);
                $crate::domain::text::spread_as(value, $names, serializer)
            }
        }
    };
}
pub(crate) use spread_texts;

/// The reverse of [`spread_texts`].
macro_rules! gather_texts {
    ($type:ty: $names:expr) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = serde_json::Value::deserialize(deserializer)?;
                let source = $crate::domain::typed::Source($crate::domain::text::gather(value, $names));
                <$type>::deserialize(source).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use gather_texts;

/// Compares the English text.
#[cfg(test)]
impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.english() == *other
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ko(text: &Text) -> &str {
        text.of(Language::of_code("ko").unwrap())
    }

    #[test]
    fn figures_are_written_as_people_do() {
        assert_eq!(Text::duration(850).english(), "850 ms");
        assert_eq!(ko(&Text::duration(12_340)), "12.3초");
        assert_eq!(Text::duration(125_000).english(), "2 min 5 s");
    }

    #[test]
    fn a_number_decides_the_form() {
        let one = say!("n_hypotheses", n = 1);
        assert_eq!((one.english(), ko(&one)), ("1 hypothesis", "가설 1개"));
        assert_eq!(say!("n_hypotheses", n = 0).english(), "0 hypotheses");
    }

    #[test]
    fn lists_read_as_sentences() {
        let words = ["a", "b", "c"].map(Text::quoted);
        let all = Text::listed(&words);
        assert_eq!((all.english(), ko(&all)), ("a, b and c", "a, b, c"));
        assert_eq!(Text::listed(&words[..2]).english(), "a and b");
        assert_eq!(Text::listed(&words[..1]).english(), "a");
    }

    #[test]
    fn a_value_is_filled_in_once_and_never_read_as_a_template() {
        let values = [("a", "{b}".to_owned()), ("b", "x".to_owned())];
        assert_eq!(fill("{a} {c} {b} { {", &values), "{b} {c} x { {");
    }

    #[test]
    fn texts_are_spread_and_gathered() {
        let text = say!("n_hypotheses", n = 1);
        let value = json!({ "a": text, "b": [text], "c": null, "d": 1 });
        let names = ["a", "b", "c"];
        let spread = spread(value.clone(), &names);
        assert_eq!(spread["b_ko"][0], "가설 1개");
        assert_eq!(spread["c_ko"], Value::Null);
        assert_eq!(gather(spread, &names), value);
        let old: Text = serde_json::from_value(gather(json!({ "a": "x" }), &names)["a"].clone()).unwrap();
        assert_eq!(ko(&old), "x");
    }
}
