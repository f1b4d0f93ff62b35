//! When two answers are the same answer.
//!
//! Answers vote together only where they say the same by their form: JSON by value, a diff by its
//! changes, lines by their text, and one line by its words. Case counts, and no word is dropped: an
//! option must never collapse into another. What is compared is never shown; the answer is.

mod json;
mod patch;

use serde::Serialize;
use serde_json::Value;

/// The form by which an answer is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// By value: the order of keys, the spelling of numbers and white space are the same.
    Json,
    /// By the changes: files, places and lines, without index lines, times and hunk counts.
    Diff,
    /// Several lines, code for example: by their text, without white space at their ends.
    Lines,
    /// One line: by its words, without quotes around it all and without a full stop behind it.
    Text,
}

/// An answer in the form by which it is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Canonical {
    form: Form,
    key: String,
}

impl Canonical {
    /// The canonical form of an answer. A code fence around the whole answer does not count.
    #[must_use]
    pub fn of(answer: &str) -> Self {
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
        Self { form: Form::Text, key: one_line(bare) }
    }

    /// The canonical form of a JSON document, wherever in an answer it stood.
    #[must_use]
    pub fn of_document(document: &Value) -> Self {
        Self { form: Form::Json, key: json::key_of(document.clone()) }
    }

    /// What is compared, for an answer of its form.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How it is compared.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }
}

/// What is inside, where one code fence encloses the whole text; else the text, trimmed.
#[must_use]
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
    lines.join("\n").trim_matches('\n').to_owned()
}

/// One line by its words.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let words = words.join(" ");
    let mut bare = undecorated(&words);
    // A full stop ends a sentence; after anything but a word it may mean something.
    if let Some(rest) = bare.strip_suffix('.')
        && rest.ends_with(char::is_alphanumeric)
    {
        bare = undecorated(rest);
    }
    bare.to_owned()
}

/// Without quotes, backticks or bold marks that enclose the whole.
fn undecorated(text: &str) -> &str {
    let strip = |text: &str, mark: &str| -> Option<usize> {
        let inner = text.strip_prefix(mark)?.strip_suffix(mark)?;
        (!inner.is_empty() && !inner.contains(mark)).then_some(mark.len())
    };
    let mut text = text;
    while let Some(width) = ["**", "`", "\"", "'"].into_iter().find_map(|mark| strip(text, mark)) {
        text = text.get(width..text.len() - width).unwrap_or(text).trim();
    }
    text
}

#[cfg(test)]
mod tests;
