//! The canonical form of answers: answers with the same form vote together.
//!
//! JSON is compared by value, a diff by the lines that it removes and adds, several lines by their text, and
//! one line by its words. No word, sign or unit is dropped: two options must never become the same. The case
//! of a plain word does not count; the case of a name does.

mod code;
pub(crate) mod fields;
mod place;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use strum::IntoStaticStr;
use unicode_normalization::UnicodeNormalization as _;

use crate::domain::answer::spoken;
use crate::domain::cut::one_line;
use crate::domain::diff::{Action, FilePatch, Side, parse};
use crate::domain::fence::whole;
use crate::domain::order::{Gather, Order};
use crate::domain::packed::list;
use crate::domain::pattern::Pattern;

/// The kind of an answer, which decides how it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// JSON, by value: the order of keys, the spelling of numbers and white space do not count.
    Json,
    /// A diff, by its changes: for each file the removed and the added lines.
    Diff,
    /// Several lines, for example code, by their text without white space at the ends.
    Lines,
    /// One line, by its words without marks around the whole. Numbers are compared by value.
    Text,
    /// A document, by the fields that the step declares.
    Fields,
    /// An option of a closed list.
    Choice,
}

/// An answer in its canonical form.
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
        if let Some(key) = json_key(bare) {
            return Self { form: Form::Json, key };
        }
        // A diff may be inside prose: the parser of diffs removes the fences.
        if let Some(key) = patch_key(answer) {
            return Self { form: Form::Diff, key };
        }
        if bare.contains('\n') {
            return Self { form: Form::Lines, key: lines(bare) };
        }
        Self::of_line(bare)
    }

    /// The canonical form of one line of text.
    pub fn of_line(line: &str) -> Self {
        Self { form: Form::Text, key: text_key(line) }
    }

    /// The canonical form of an option of a closed list.
    pub fn of_option(option: &str) -> Self {
        Self { form: Form::Choice, key: option.to_owned() }
    }

    /// The canonical form of a JSON document found in an answer.
    pub fn of_document(document: &Value) -> Self {
        Self { form: Form::Json, key: key_of(document.clone()) }
    }

    /// The text that is compared among answers of the same form.
    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn form(&self) -> Form {
        self.form
    }
}

/// The inside of a code fence that encloses the whole text, or the trimmed text if none does.
pub fn unfenced(text: &str) -> &str {
    let text = text.trim();
    inside_fence(text).unwrap_or(text)
}

fn inside_fence(text: &str) -> Option<&str> {
    let fenced = whole(text).filter(|fenced| fenced.is_closed)?;
    Some(fenced.inside.trim_matches('\n').trim_end())
}

/// Lines without white space at their ends, and without empty lines around them.
fn lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').nfc().collect()
}

// The canonical form of one line.
//
// These do not count: marks around the whole, Unicode's two spellings of a letter, the case of plain words,
// the spelling of numbers and of paths. These count: words, signs, units, and the case of identifiers.
// Answers that differ in one of them never vote together.

/// The number of letters from which on a word after a number is no abbreviated unit.
const LEAST_FOLDED: usize = 4;

/// Words that introduce an answer and are not part of it.
static LEAD_IN: Pattern = Pattern::new(
    r"(?i)\A(?:(?:so|thus|therefore|hence|ok|okay|well|sure)\b[,:]?\s+)?(?:(?:and\s+)?(?:my|the|our)\s+)?(?:(?:final|correct|right|best|short)\s+)*(?:answer|verdict|result|choice)\s*(?:is|would\s+be)?\s*[:：=]\s*|\A(?:(?:so|thus|therefore|hence|ok|okay|well|sure)\b[,:]?\s+)?(?:my|the|our)\s+(?:(?:final|correct|right|best|short)\s+)*(?:answer|verdict|choice)\s+(?:is|would\s+be)\s+",
);

/// The canonical form of one line, as text.
fn text_key(line: &str) -> String {
    let plain = plain(line);
    let bare = without_lead_in(undressed_but_code(&plain));
    if let Some(code) = code_word(bare).filter(|code| Number::of(code).is_none()) {
        return one_word(code, Marked::AsCode);
    }
    words(undressed(bare))
}

/// A line without the words that introduce an answer.
fn without_lead_in(line: &str) -> &str {
    let found = LEAD_IN.find(line);
    match found.and_then(|found| line.get(found.end()..)) {
        Some(rest) if !rest.trim().is_empty() => undressed_but_code(rest),
        Some(_) | None => line,
    }
}

/// A line in one spelling of letters, quotes, spaces and minus signs.
pub(super) fn plain(line: &str) -> String {
    let letters = line.nfc().filter_map(|letter| match letter {
        '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => None,
        '‘' | '’' | '‛' => Some('\''),
        '“' | '”' | '„' | '«' | '»' => Some('"'),
        '\u{2212}' | '\u{2010}' | '\u{2011}' => Some('-'),
        letter if letter.is_whitespace() => Some(' '),
        letter => Some(letter),
    });
    one_line(&letters.collect::<String>())
}

/// A text without marks around the whole, backticks included.
fn undressed(text: &str) -> &str {
    let mut text = undressed_but_code(text);
    while let Some(inner) = enclosed(text, "`") {
        text = undressed_but_code(inner);
    }
    text
}

/// A text without marks around the whole. Backticks stay, since the case of code counts.
fn undressed_but_code(text: &str) -> &str {
    const AROUND: [&str; 6] = ["**", "__", "*", "_", "\"", "'"];
    let mut text = text.trim();
    loop {
        let list_mark =
            ["- ", "* ", "> ", "+ ", "# ", "## ", "### "].iter().find_map(|mark| text.strip_prefix(mark));
        let inner = list_mark
            .or_else(|| AROUND.iter().find_map(|mark| enclosed(text, mark)))
            .or_else(|| in_parentheses(text))
            .or_else(|| without_end(text));
        match inner.map(str::trim) {
            Some(inner) if !inner.is_empty() => text = inner,
            Some(_) | None => return text,
        }
    }
}

pub(super) fn enclosed<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let inner = text.strip_prefix(mark)?.strip_suffix(mark)?;
    // A name with double underscores around it, like `__init__`.
    let is_name = mark == "__" && inner.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    // A pattern for the names of files, like `*.*` and `**/src/**`.
    let is_glob = mark.starts_with('*')
        && (inner.starts_with('/') && inner.ends_with('/') || mark == "*" && inner.starts_with('.'));
    (!inner.is_empty() && !inner.contains(mark) && !is_name && !is_glob).then_some(inner)
}

fn in_parentheses(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    (!inner.contains(['(', ')'])).then_some(inner)
}

/// A text without the full stop or exclamation marks at its end. None if there are none, or if they do not
/// follow a word and so may have a meaning.
fn without_end(text: &str) -> Option<&str> {
    let closes = |letter: char| letter.is_alphanumeric() || "`*\"')".contains(letter);
    if let Some(rest) = text.strip_suffix(['.', '。']) {
        return rest.ends_with(closes).then_some(rest);
    }
    let rest = text.trim_end_matches(['!', '！']);
    // `5!` is a factorial.
    let says_a_word = |letter: char| letter.is_alphabetic() || "`*\"')".contains(letter);
    (rest.len() < text.len() && rest.ends_with(says_a_word)).then_some(rest)
}

/// The word between one pair of backticks. None unless that is the whole text.
fn code_word(text: &str) -> Option<&str> {
    let inner = enclosed(text, "`")?.trim();
    (!inner.is_empty() && !inner.contains(' ')).then_some(inner)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marked {
    /// Not marked.
    Plain,
    /// Marked as code, so its case counts.
    AsCode,
}

fn words(line: &str) -> String {
    let tokens: Vec<&str> = line.split(' ').filter(|token| !token.is_empty()).collect();
    let mut out: Vec<String> = Vec::new();
    let mut in_code = false;
    for (at, token) in tokens.iter().enumerate() {
        let marked = if in_code || token.contains('`') { Marked::AsCode } else { Marked::Plain };
        if token.matches('`').count() % 2 == 1 {
            in_code = !in_code;
        }
        let follows_a_word =
            at > 0 && tokens.get(at - 1).is_some_and(|before| before.chars().any(char::is_alphabetic));
        let follows_a_number =
            at > 0 && tokens.get(at - 1).is_some_and(|before| Number::of(before).is_some());
        let has_unit = tokens.get(at + 1).is_some_and(|next| is_unit(next));
        match (marked, Number::of(token)) {
            (Marked::Plain, Some(number)) => {
                // After a word and without a unit, a number like `3.10` may be a version.
                let may_be_a_version = follows_a_word && !has_unit && number.unit.is_empty();
                out.push(number.key(may_be_a_version, token));
            }
            // A short word after a number is a unit, whose case counts: MB is not Mb.
            _ if follows_a_number && token.chars().count() < LEAST_FOLDED => out.push((*token).to_owned()),
            _ => out.push(one_word(token, marked)),
        }
    }
    out.join(" ")
}

fn one_word(token: &str, marked: Marked) -> String {
    if token.contains(['/', '\\']) {
        return shortest(token);
    }
    let is_mark = |letter: char| !letter.is_alphanumeric();
    let core = token.trim_matches(is_mark);
    let lower = core.to_lowercase();
    let folds = list("answer_words").contains(&lower.as_str())
        || marked == Marked::Plain && is_plain_word(token, core);
    if folds { token.replacen(core, &lower, 1) } else { token.to_owned() }
}

/// True for a word of a natural language, not an identifier: letters only, with capitals only at the
/// beginning or everywhere. A single letter is a label.
fn is_plain_word(token: &str, core: &str) -> bool {
    let letters: Vec<char> = core.chars().filter(|letter| !"'-".contains(*letter)).collect();
    let upper = letters.iter().filter(|letter| letter.is_uppercase()).count();
    let begins_upper = letters.first().is_some_and(|letter| letter.is_uppercase());
    let around_is_prose =
        token.chars().all(|letter| letter.is_alphanumeric() || "'-,.;:!?\"*()".contains(letter));
    letters.len() > 1
        && letters.iter().all(|letter| letter.is_alphabetic())
        && around_is_prose
        && !token.contains("()")
        && (upper == 0 || upper == letters.len() || upper == 1 && begins_upper)
}

/// A number with the unit that is attached to it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Number<'a> {
    negative: bool,
    /// The digits, without zeros at either end.
    digits: String,
    /// The power of ten of the last digit.
    exponent: i64,
    unit: &'a str,
    /// True if the number has a fraction and no exponent, like `3.10`.
    is_dotted: bool,
}

/// Words that are units after a number.
const UNITS: [&str; 44] = [
    "%", "percent", "ns", "us", "µs", "ms", "s", "sec", "secs", "second", "seconds", "min", "mins", "minute",
    "minutes", "h", "hour", "hours", "day", "days", "b", "byte", "bytes", "kb", "mb", "gb", "tb", "kib",
    "mib", "gib", "bit", "bits", "hz", "khz", "mhz", "ghz", "px", "times", "x", "items", "lines", "requests",
    "rows", "steps",
];

fn is_unit(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ',', ';', '!']).to_lowercase();
    UNITS.contains(&word.as_str())
}

impl<'a> Number<'a> {
    /// Parses a word as a number. None for any other word, like a date or a version of three parts.
    fn of(word: &'a str) -> Option<Self> {
        let (negative, rest) = match word.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, word.strip_prefix('+').unwrap_or(word)),
        };
        let (whole, rest) = whole_part(rest)?;
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(after) if after.starts_with(|letter: char| letter.is_ascii_digit()) => digits(after),
            Some(_) | None => ("", rest),
        };
        let (exponent, unit) = match exponent(rest) {
            Some((exponent, rest)) => (Some(exponent), rest),
            None => (None, rest),
        };
        // A comma after the unit belongs to the sentence.
        let unit = unit.trim_end_matches([',', ';']);
        let is_unit = unit
            .chars()
            .all(|letter| letter.is_alphabetic() || letter == '%' || letter == 'µ' || letter == '°');
        if !is_unit || whole.is_empty() && fraction.is_empty() {
            return None;
        }
        // `0x`, `0b` and `0o` begin a number of another base.
        if whole == "0" && fraction.is_empty() && ["x", "b", "o"].contains(&unit) {
            return None;
        }
        let places = i64::try_from(fraction.len()).ok()?;
        let all = format!("{whole}{fraction}");
        let trimmed = all.trim_end_matches('0');
        let zeros = i64::try_from(all.len() - trimmed.len()).ok()?;
        let digits = trimmed.trim_start_matches('0').to_owned();
        let power = exponent.unwrap_or(0).checked_sub(places)?.checked_add(zeros)?;
        let is_zero = digits.is_empty();
        Some(Self {
            negative: negative && !is_zero,
            exponent: if is_zero { 0 } else { power },
            digits,
            unit,
            is_dotted: !fraction.is_empty() && exponent.is_none(),
        })
    }

    /// The number in one spelling, followed by its unit as a separate word. A possible version stays as it is
    /// written: 3.10 is not 3.1.
    fn key(&self, may_be_a_version: bool, written: &str) -> String {
        let written = written.trim_end_matches([',', ';']);
        if self.is_dotted && (may_be_a_version || self.unit.is_empty() && is_like_a_version(written)) {
            return written.to_owned();
        }
        let sign = if self.negative { "-" } else { "" };
        let digits = if self.digits.is_empty() { "0" } else { &self.digits };
        // Whole numbers of usual size are written without an exponent.
        let value = match usize::try_from(self.exponent) {
            Ok(zeros) if zeros <= 20 => format!("{sign}{digits}{}", "0".repeat(zeros)),
            Ok(_) | Err(_) => format!("{sign}{digits}e{}", self.exponent),
        };
        if self.unit.is_empty() { value } else { format!("{value} {}", self.unit) }
    }
}

/// True if a number may be a version, like `1.10`: it is at least 1, and the second of two decimals is 0.
fn is_like_a_version(written: &str) -> bool {
    let Some((whole, fraction)) = written.split_once('.') else { return false };
    let begins_at_one = whole.starts_with(|digit: char| ('1'..='9').contains(&digit));
    begins_at_one && fraction.len() == 2 && fraction.ends_with('0') && fraction != "00"
}

/// Splits off the digits at the beginning, which may have commas between thousands.
fn whole_part(text: &str) -> Option<(String, &str)> {
    let (first, mut rest) = digits(text);
    if first.is_empty() && !rest.starts_with('.') {
        return None;
    }
    let mut whole = first.to_owned();
    if (1..=3).contains(&first.len()) {
        while let Some(group) = rest.strip_prefix(',').map(digits).filter(|(group, _)| group.len() == 3) {
            whole.push_str(group.0);
            rest = group.1;
        }
    }
    Some((whole, rest))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn exponent(text: &str) -> Option<(i64, &str)> {
    let rest = text.strip_prefix(['e', 'E'])?;
    let (negative, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest.strip_prefix('+').unwrap_or(rest)),
    };
    let (power, rest) = digits(rest);
    let power: i64 = power.parse().ok().filter(|power| *power < 1_000_000)?;
    Some((if negative { -power } else { power }, rest))
}

/// 2^53: below it a double represents every whole number exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The canonical text of a JSON object or array: sorted keys, one spelling of each number. None for any other
/// text, also for other JSON values: `1.10` may be a version.
fn json_key(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok().map(key_of)
}

/// The canonical text of a JSON value.
fn key_of(value: Value) -> String {
    normal(value).to_string()
}

fn normal(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<String, Value> =
                fields.into_iter().map(|(name, value)| (name, normal(value))).gather();
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(normal).collect()),
        Value::Number(number) => Value::Number(one_spelling(number)),
        Value::String(text) => Value::String(patch_key(&text).unwrap_or_else(|| lines(text.trim()))),
        Value::Null | Value::Bool(_) => value,
    }
}

/// A number in one spelling: `2.0` and `2e0` are 2.
fn one_spelling(number: serde_json::Number) -> serde_json::Number {
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() < EXACT =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number within range")]
            serde_json::Number::from(value as i64)
        }
        Some(_) | None => number,
    }
}

/// A path without `./`, `//`, `x/..` and the slash at its end. A URL stays unchanged.
fn shortest(written: &str) -> String {
    if written.contains("://") {
        return written.to_owned();
    }
    let slashes = if is_windows(written) { written.replace('\\', "/") } else { written.to_owned() };
    let is_absolute = slashes.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in slashes.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (is_absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// True for a Windows path: backslashes between names, and no sign of escapes.
fn is_windows(text: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty() && part.chars().all(|letter| letter.is_alphanumeric() || "._-: /".contains(letter))
    };
    text.contains('\\') && text.split('\\').all(is_name)
}

/// The changes of a diff as text: for each file the removed and added lines, in order. Context, line numbers,
/// times and the spelling of headers do not count. None if the text has no diff.
fn patch_key(text: &str) -> Option<String> {
    // Parsing is slow, and most texts have no diff.
    if !text.contains("@@") && !text.contains("diff --git") {
        return None;
    }
    let patch = parse(text).ok()?;
    let mut files: Vec<String> = patch.files.iter().map(file).collect();
    // The order of files has no meaning.
    files.order_by(Ord::cmp);
    Some(files.concat())
}

fn file(file: &FilePatch) -> String {
    let (old, new) = (shortest(&file.old), shortest(&file.new));
    let done = match file.action {
        // Creating a file and filling an empty one are the same change.
        Action::Create | Action::Modify => format!("{new}\n"),
        Action::Delete => format!("delete {old}\n"),
        Action::Rename => format!("rename {old} {new}\n"),
        Action::Copy => format!("copy {old} {new}\n"),
    };
    let mode = match file.executable {
        Some(true) => "executable\n",
        Some(false) => "not executable\n",
        None => "",
    };
    let mut text = format!("{done}{mode}");
    for hunk in &file.hunks {
        let lines: Vec<(Side, &str)> =
            hunk.lines.iter().map(|line| (line.side, line.text.trim_end())).collect();
        for block in lines.split(|(side, _)| *side == Side::Context) {
            text.push_str(&change(block));
        }
    }
    text
}

/// A block of changed lines as text: the removed lines, then the added ones. Equal lines at the beginning or
/// end of both are dropped.
fn change(block: &[(Side, &str)]) -> String {
    let of = |wanted: Side| block.iter().filter(move |(side, _)| *side == wanted).map(|(_, text)| *text);
    let (mut removed, mut added): (Vec<&str>, Vec<&str>) =
        (of(Side::Removed).collect(), of(Side::Added).collect());
    while !removed.is_empty() && removed.first() == added.first() {
        removed.remove(0);
        added.remove(0);
    }
    while !removed.is_empty() && removed.last() == added.last() {
        removed.pop();
        added.pop();
    }
    if removed.is_empty() && added.is_empty() {
        return String::new();
    }
    let lines =
        removed.iter().map(|line| format!("-{line}\n")).chain(added.iter().map(|line| format!("+{line}\n")));
    format!("@\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests;
