//! When two answers are the same answer.
//!
//! Answers vote together only where they say the same by their form: JSON by value, a diff by the lines
//! that it removes and adds, lines by their text, and one line by its words. No word, sign or unit is
//! dropped: an option must never collapse into another. The case of a plain word is dress, that of a
//! name is not.

pub(crate) mod fields;
mod json;
mod number;
mod patch;
mod path;
mod text;

use serde::Serialize;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;

use crate::domain::answer::spoken;

/// The form by which an answer is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// By value: the order of keys, the spelling of numbers and white space are the same.
    Json,
    /// By the changes: for each file the lines that go and those that come.
    Diff,
    /// Several lines, code for example: by their text, without white space at their ends.
    Lines,
    /// One line: by its words, without marks around it all, numbers by their value.
    Text,
    /// By the fields that the step declares.
    Fields,
    /// By the option that it names.
    Choice,
}

/// An answer in the form by which it is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Canonical {
    form: Form,
    key: String,
}

impl Canonical {
    /// The canonical form of an answer. A code fence around the whole answer does not count.
    pub fn of(answer: &str) -> Self {
        let spoken = spoken(answer);
        let answer = spoken.text();
        let bare = unfenced(answer);
        if let Some(key) = json::key(bare) {
            return Self { form: Form::Json, key };
        }
        // A diff may stand in prose: its own reader takes the fences off.
        if let Some(key) = patch::key(answer) {
            return Self { form: Form::Diff, key };
        }
        if bare.contains('\n') {
            return Self { form: Form::Lines, key: lines(bare) };
        }
        Self::of_line(bare)
    }

    /// The canonical form of one line of text.
    pub fn of_line(line: &str) -> Self {
        Self { form: Form::Text, key: text::key(line) }
    }

    /// One of the options of a closed list.
    pub fn of_option(option: &str) -> Self {
        Self { form: Form::Choice, key: option.to_owned() }
    }

    /// Fields of a document, in the form by which they are compared.
    fn of_fields(key: String) -> Self {
        Self { form: Form::Fields, key }
    }

    /// The canonical form of a JSON document, wherever in an answer it stood.
    pub fn of_document(document: &Value) -> Self {
        Self { form: Form::Json, key: json::key_of(document.clone()) }
    }

    /// Returns what is compared, for an answer of its form.
    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn form(&self) -> Form {
        self.form
    }
}

/// Returns what is inside, where one code fence encloses the whole text; else the text, trimmed.
pub fn unfenced(text: &str) -> &str {
    let text = text.trim();
    inside_fence(text).unwrap_or(text)
}

fn inside_fence(text: &str) -> Option<&str> {
    let fence = ["```", "~~~"].into_iter().find(|fence| text.starts_with(fence))?;
    let (_, rest) = text.split_once('\n')?;
    let inside = rest.strip_suffix(fence)?;
    // A fence in between means that the text is more than one block.
    let is_one = !inside.lines().any(|line| line.trim_start().starts_with(fence));
    (is_one && (inside.is_empty() || inside.ends_with('\n'))).then(|| inside.trim_matches('\n').trim_end())
}

/// Lines without white space at their ends, and without empty lines around them.
fn lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').nfc().collect()
}

/// A line in one spelling of its letters, quotes, spaces and minus signs.
pub(super) fn plain(line: &str) -> String {
    text::plain(line)
}

#[cfg(test)]
mod tests;
