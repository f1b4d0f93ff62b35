//! Compares the answers of a micro-step by the fields that the step declares, each in its own way. Prose and
//! stated confidence are never compared, since they differ between answers that mean the same.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Canonical, Form};
use crate::domain::packed::list;
use crate::domain::vote::canonical;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// By value. One line of text is compared by its words.
    Value,
    /// As the path of a file, in its shortest form.
    Path,
    /// As a place in a file, without brackets, quotes, the word "line" and the name of the module.
    Place,
    /// As code, without comments and blank lines.
    Code,
    /// As a command, by its words.
    Words,
    /// As a diff, by the lines that it removes and adds.
    ChangedLines,
}

/// The compared fields, each with its way of comparing, in the order of the file of steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VoteBy(IndexMap<String, How>);

impl VoteBy {
    /// True if no field is compared. Such a step is not voted on.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The names of the fields, separated by commas.
    pub fn in_a_line(&self) -> String {
        self.names().collect::<Vec<_>>().join(", ")
    }

    /// The canonical form of a document. None if every compared field is absent, null or empty: such an
    /// answer has nothing to vote for.
    pub fn project(&self, document: &Value) -> Option<Canonical> {
        let files: Vec<&str> = self
            .0
            .iter()
            .filter(|(_, how)| **how == How::Path)
            .filter_map(|(name, _)| document.get(name)?.as_str())
            .collect();
        let compared = |(name, how): (&String, &How)| (name.clone(), field(document.get(name), *how, &files));
        let fields: Map<String, Value> = self.0.iter().map(compared).collect();
        let says_something = fields.values().any(|value| !value.is_null());
        says_something.then(|| Canonical { form: Form::Fields, key: Value::Object(fields).to_string() })
    }
}

/// The canonical form of a field. Absent, null and empty values are all null.
fn field(value: Option<&Value>, how: How, files: &[&str]) -> Value {
    match value {
        None | Some(Value::Null) => Value::Null,
        Some(Value::String(text)) if text.trim().is_empty() => Value::Null,
        Some(Value::Array(items)) if items.is_empty() => Value::Null,
        Some(Value::Object(fields)) if fields.is_empty() => Value::Null,
        Some(Value::String(text)) => string(text, how, files),
        Some(Value::Array(items)) => items.iter().map(|item| field(Some(item), how, files)).collect(),
        Some(other) => Value::String(canonical::key_of(other.clone())),
    }
}

fn string(written: &str, how: How, files: &[&str]) -> Value {
    let key = match how {
        How::Value => return Value::String(Canonical::of(written).key),
        How::Path => file(written),
        How::Place => place_key(written, files),
        // Not trimmed, because the indent of the first line counts too.
        How::Code => code_key(super::inside_fence(written.trim()).unwrap_or(written)),
        How::Words => return command(super::unfenced(written)),
        How::ChangedLines => {
            canonical::patch_key(written).unwrap_or_else(|| super::lines(super::unfenced(written)))
        }
    };
    if key.is_empty() { Value::Null } else { Value::String(key) }
}

/// The path of a file, without marks around it and without a line number after it.
fn file(written: &str) -> String {
    let plain = canonical::plain(written);
    let bare = canonical::undressed(&plain);
    let bare = bare.strip_prefix("file://").unwrap_or(bare);
    let without_line =
        bare.split_once('#').filter(|(_, rest)| rest.starts_with(['L', 'l'])).map_or(bare, |(path, _)| path);
    let mut parts = without_line.rsplitn(3, ':').collect::<Vec<_>>();
    while parts.len() > 1 && parts.first().is_some_and(|part| is_a_line_number(part)) {
        parts.remove(0);
    }
    parts.reverse();
    canonical::shortest(&parts.join(":"))
}

fn is_a_line_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit() || letter == '-')
}

/// The words of a command, for each line, without quotes. Paths that begin with `./` are shortened.
fn command(written: &str) -> Value {
    let line = |line: &str| {
        let line = line.trim().trim_matches('`').trim();
        let line = line.strip_prefix("$ ").unwrap_or(line).trim();
        let words =
            shlex::split(line).unwrap_or_else(|| line.split_whitespace().map(str::to_owned).collect());
        // The program's own path stays, since it decides which program runs.
        let word = |(at, word): (usize, String)| match word.strip_prefix("./") {
            Some(_) if at > 0 => canonical::shortest(&word),
            Some(_) | None => word,
        };
        words.into_iter().enumerate().map(word).collect::<Vec<String>>()
    };
    let lines: Vec<Vec<String>> = written.lines().map(line).filter(|words| !words.is_empty()).collect();
    match lines.as_slice() {
        [] => Value::Null,
        [one] => serde_json::json!(one),
        several => serde_json::json!(several),
    }
}

/// Names at the beginning of a module path that do not count.
const ROOTS: [&str; 5] = ["crate", "self", "super", "this", "src"];

/// The names in a place, then its line numbers, each once, in the order of the text.
fn place_key(written: &str, files: &[&str]) -> String {
    let plain = canonical::plain(written);
    let without_arguments = without_arguments(&plain);
    let ends = |letter: char| letter.is_whitespace() || "\"'`()[]{}<>,;=".contains(letter);
    let (mut names, mut lines): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for word in without_arguments.split(ends).filter(|word| !word.is_empty()) {
        for part in parts(word, files) {
            let into = if part.starts_with(|letter: char| letter.is_ascii_digit()) {
                &mut lines
            } else {
                &mut names
            };
            if !into.contains(&part) {
                into.push(part);
            }
        }
    }
    names.extend(lines);
    names.join(" ")
}

/// A text without the arguments of calls.
fn without_arguments(text: &str) -> String {
    let (mut depth, mut kept, mut after_name) = (0_u32, String::new(), false);
    for letter in text.chars() {
        match letter {
            '(' if depth > 0 || after_name => depth += 1,
            ')' if depth > 0 => depth -= 1,
            _ if depth == 0 => kept.push(letter),
            _ => {}
        }
        after_name = letter.is_alphanumeric() || letter == '_';
    }
    kept
}

/// The parts of a place that a word names: a name without its module, a line number, or both. Empty for a
/// word that only introduces a place, or names one of the `files`.
fn parts(word: &str, files: &[&str]) -> Vec<String> {
    let word = word.trim_end_matches(['.', ':', '!', '?']).trim_start_matches([':', '.', '#']);
    if let Some(number) = line_number(word) {
        return vec![number];
    }
    if word.is_empty() || list("leading").contains(&word.to_lowercase().as_str()) {
        return Vec::new();
    }
    let known: Vec<&str> =
        files.iter().flat_map(|file| file.split(['/', '\\', '.'])).filter(|part| !part.is_empty()).collect();
    // `src/a.py:save` and `src/a.py::save` name the file first.
    let rest = files.iter().find_map(|file| {
        let file = canonical::shortest(canonical::undressed(file));
        let name = file.rsplit('/').next().unwrap_or_default().to_owned();
        let word = canonical::shortest(word);
        [file, name].into_iter().find_map(|file| {
            let rest = word.strip_prefix(&file)?;
            (rest.is_empty() || rest.starts_with([':', '#', '.'])).then(|| rest.to_owned())
        })
    });
    if let Some(rest) = rest {
        return if rest.is_empty() { Vec::new() } else { parts(&rest, &[]) };
    }
    let mut segments: Vec<&str> = word
        .split("::")
        .flat_map(|part| part.split(['.', '#', ':']))
        .filter(|part| !part.is_empty())
        .collect();
    while segments.len() > 1
        && segments.first().is_some_and(|first| known.contains(first) || ROOTS.contains(first))
    {
        segments.remove(0);
    }
    // `save:42` is a name and a line.
    let number = (segments.len() > 1).then(|| segments.last().and_then(|last| line_number(last))).flatten();
    if number.is_some() {
        segments.pop();
    }
    std::iter::once(segments.join(".")).chain(number).collect()
}

/// Parses a line number or a range: `42`, `L42`, `42-44`.
fn line_number(word: &str) -> Option<String> {
    let digits = word.strip_prefix(['L', 'l']).unwrap_or(word).replace(['L', '–', '—'], "");
    let digits = if word.contains(['–', '—']) {
        word.replace(['–', '—'], "-").replace(['L', 'l'], "")
    } else {
        digits
    };
    let is_number = digits.starts_with(|letter: char| letter.is_ascii_digit())
        && digits.chars().all(|letter| letter.is_ascii_digit() || letter == '-');
    is_number.then(|| digits.trim_end_matches('-').to_owned())
}

/// The way in which a language marks comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comments {
    /// `#`
    Hash,
    /// `//` and `/* */`
    Slashes,
    /// Unknown, so no comment is removed.
    Unknown,
}

fn code_key(code: &str) -> String {
    let comments = comments(code);
    let code = if comments == Comments::Slashes { without_blocks(code) } else { code.to_owned() };
    let line = |line: &str| match comments {
        Comments::Hash => without_end(line, "#"),
        Comments::Slashes => without_end(line, "//"),
        Comments::Unknown => line.to_owned(),
    };
    let lines: Vec<String> =
        code.lines().map(line).map(|line| line.trim_end().replace('\t', "    ")).collect();
    let said: Vec<&String> = lines.iter().filter(|line| !line.trim().is_empty()).collect();
    let margin = said.iter().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    said.iter().map(|line| line.get(margin..).unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

fn comments(code: &str) -> Comments {
    let mut hash = 0_u32;
    let mut slashes = 0_u32;
    for line in code.lines().map(str::trim) {
        let begins = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
        let is_python = begins(&[
            "def ", "class ", "elif ", "from ", "with ", "for ", "if ", "while ", "try:", "except", "else:",
        ]) && line.ends_with(':')
            || begins(&["import ", "from "]) && !line.ends_with(';')
            || begins(&["print(", "assert ", "raise ", "require '", "puts "]) && !line.ends_with(';')
            || begins(&["#!/"]);
        let is_braced = line.ends_with([';', '{', '}'])
            || begins(&[
                "//", "/*", "#include", "#define", "fn ", "let ", "const ", "var ", "func ", "package ",
            ]);
        hash += u32::from(is_python);
        slashes += u32::from(is_braced && !is_python);
    }
    match (hash, slashes) {
        (0, 0) => Comments::Unknown,
        (0, _) => Comments::Slashes,
        (_, 0) => Comments::Hash,
        _ => Comments::Unknown,
    }
}

/// A line without the comment at its end. A mark inside a string begins no comment.
fn without_end(line: &str, mark: &str) -> String {
    let mut quote: Option<char> = None;
    let mut escaped = false;
    let mut before = ' ';
    for (at, letter) in line.char_indices() {
        let rest = line.get(at..).unwrap_or_default();
        match quote {
            _ if escaped => escaped = false,
            Some(_) if letter == '\\' => escaped = true,
            Some(open) if letter == open => quote = None,
            None if "\"'`".contains(letter) => quote = Some(letter),
            // Only after white space, so that `a#b` has no comment.
            None if rest.starts_with(mark) && before.is_whitespace() => {
                return line.get(..at).unwrap_or_default().to_owned();
            }
            Some(_) | None => {}
        }
        before = letter;
    }
    line.to_owned()
}

/// Code without `/* */` comments, except those that may begin inside a string.
fn without_blocks(code: &str) -> String {
    let mut rest = code;
    let mut kept = String::new();
    while let Some((before, after)) = rest.split_once("/*") {
        let line = before.rsplit('\n').next().unwrap_or_default();
        let in_string = line.matches('"').count() % 2 == 1 || line.matches('\'').count() % 2 == 1;
        match after.split_once("*/") {
            Some((_, after)) if !in_string => {
                kept.push_str(before);
                rest = after;
            }
            Some(_) | None => {
                kept.push_str(before);
                kept.push_str("/*");
                rest = after;
            }
        }
    }
    kept + rest
}

#[cfg(test)]
mod tests;
