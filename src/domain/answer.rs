//! Reads a model's answer: sets its reasoning aside, and finds the JSON document in it.
//!
//! Stages, votes, judges and red flags all read answers through this module, so that they read the same
//! answer in the same way.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;
use serde_json::{Deserializer, Value};
use thiserror::Error;

use super::cut::cut;
use super::fence::{FenceLine, FenceWalk};
use super::pattern::Pattern;

/// Finds the JSON document of an answer, wherever the model put it: alone, in a fence, or amid prose.
/// Reasoning is not part of the answer, so a draft in it does not count.
///
/// # Errors
///
/// There is no document, it is broken, or several documents differ.
pub fn document(answer: &str) -> Result<Found, Unreadable> {
    let spoken = spoken(answer);
    match find(spoken.text()) {
        Err(Unreadable::Nothing) if spoken.is_only_reasoning() => Err(Unreadable::OnlyReasoning),
        found => found,
    }
}

/// The document of an answer. `None` if there are other words around it.
pub fn alone(answer: &str) -> Option<Value> {
    document(answer).ok().filter(|found| found.around.is_empty()).map(|found| found.value)
}

// Finding the JSON document.
//
// A fence ends only at a long enough line of backticks or tildes. Even then the JSON decides: the longest
// prefix that parses counts. Prose around one document is accepted. Two different documents are refused,
// because the intended one cannot be known.

/// Maximum number of places in running text at which a document may begin.
const MOST_STARTS: usize = 2_000;
/// Maximum characters of a parser's error in a message.
const SHOWN: usize = 120;

/// A document and the text around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The document.
    pub value: Value,
    /// The text beside it, without the fence that encloses it.
    pub around: String,
}

/// The reason why no document can be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// There is no document.
    #[error("the answer is not a JSON document")]
    Nothing,
    /// The model reasoned and did not answer.
    #[error("the answer is not a JSON document: it is only a block of reasoning")]
    OnlyReasoning,
    /// A document begins but cannot be parsed to its end.
    #[error("the answer is not a JSON document: one begins at line {line} and cannot be read ({problem})")]
    Broken {
        /// The line of the answer at which it begins.
        line: usize,
        problem: String,
    },
    /// There are several different documents.
    #[error("the answer must be one JSON document (got {0} different ones)")]
    Several(usize),
}

/// A document at its position in a text.
#[derive(Debug)]
struct Candidate {
    value: Value,
    place: Range<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Alone, or in a fence for JSON.
    Offered,
    /// In code of another language, or between backticks: probably a quote.
    Quoted,
}

/// Finds the document of a text without reasoning.
fn find(text: &str) -> Result<Found, Unreadable> {
    let text = &*whole_letters(text.trim().trim_start_matches('\u{feff}'));
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(Found { value, around: String::new() });
    }
    let fences = fences(text);
    let (mut found, broken) = candidates(text, &fences);
    let is_offered = |candidate: &Candidate| candidate.kind == Kind::Offered;
    if found.iter().any(is_offered) {
        found.retain(is_offered);
    } else if let Some(broken) = broken {
        return Err(broken);
    }
    let mut different: Vec<&Value> = Vec::new();
    for candidate in &found {
        if !different.contains(&&candidate.value) {
            different.push(&candidate.value);
        }
    }
    if different.len() > 1 {
        return Err(Unreadable::Several(different.len()));
    }
    let around = around(text, &found, &fences);
    let first = found.into_iter().next().ok_or(Unreadable::Nothing)?;
    Ok(Found { value: first.value, around })
}

/// True if a text seems to be meant as a JSON document.
pub fn looks_like_json(text: &str) -> bool {
    let text = text.trim_start();
    let fence = text.trim_start_matches(['`', '~']);
    let is_fence_of_json = text.starts_with("```") || text.starts_with("~~~");
    text.starts_with('{')
        || begins_an_object(text)
        || text.starts_with('[') && text.trim_end().ends_with(']')
        || is_fence_of_json && (fence.starts_with("json") || fence.trim_start().starts_with('{'))
}

/// A fence of a text.
#[derive(Debug)]
struct Fence {
    /// The whole fence, its opening and closing lines included.
    whole: Range<usize>,
    inside: Range<usize>,
    label: String,
}

fn fences(text: &str) -> Vec<Fence> {
    let mut fences = Vec::new();
    let mut walk = FenceWalk::default();
    let mut open: Option<(Range<usize>, String)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let here = at..at + line.len();
        at = here.end;
        match walk.step(line) {
            FenceLine::Begins(label) => open = Some((here, label.to_owned())),
            FenceLine::Ends => {
                let begun = open.take();
                fences.extend(begun.map(|(first, label)| Fence {
                    inside: first.end..here.start,
                    whole: first.start..here.end,
                    label,
                }));
            }
            FenceLine::Inside | FenceLine::Outside => {}
        }
    }
    let unclosed = open.map(|(first, label)| Fence {
        inside: first.end..text.len(),
        whole: first.start..text.len(),
        label,
    });
    fences.extend(unclosed);
    fences
}

impl Fence {
    /// True if it is for JSON: its label says so, it has no label, or a document stands in place of a label.
    fn is_json(&self) -> bool {
        let label = self.label.to_ascii_lowercase();
        label.is_empty() || label.starts_with("json") || label.starts_with(['{', '['])
    }
}

/// Every document of a text, and the first broken one.
fn candidates(text: &str, fences: &[Fence]) -> (Vec<Candidate>, Option<Unreadable>) {
    let (mut found, mut broken) = (Vec::new(), None);
    // A fence that says JSON may hold a document that is not an object, such as a number.
    let says_json = |fence: &&Fence| {
        fence.label.to_ascii_lowercase().starts_with("json") || fence.whole == (0..text.len())
    };
    for fence in fences.iter().filter(says_json) {
        let inside = text.get(fence.inside.clone()).unwrap_or_default();
        if let Ok(value) = serde_json::from_str::<Value>(inside.trim())
            && !is_document(&value)
        {
            found.push(Candidate { value, place: fence.inside.clone(), kind: Kind::Offered });
        }
    }
    let mut from = 0;
    for _ in 0..MOST_STARTS {
        let rest = text.get(from..).unwrap_or_default();
        let Some(at) = rest.find(['{', '[']).map(|at| from + at) else { break };
        let here = text.get(at..).unwrap_or_default();
        let mut reader = Deserializer::from_str(here).into_iter::<Value>();
        match reader.next() {
            Some(Ok(value)) => {
                let end = at + reader.byte_offset();
                if is_document(&value) {
                    found.push(Candidate { value, place: at..end, kind: kind(text, at, fences) });
                }
                from = end.max(at + 1);
            }
            Some(Err(error)) if begins_an_object(here) => {
                if broken.is_none() && kind(text, at, fences) == Kind::Offered {
                    let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
                    let problem = cut(&error.to_string(), SHOWN);
                    broken = Some(Unreadable::Broken { line, problem });
                }
                // A complete document inside the broken one is only a part of it, so it is skipped.
                from = at + length_of_block(here);
            }
            Some(Err(_)) | None => from = at + 1,
        }
    }
    (found, broken)
}

/// True if the text begins with an object or a list of objects: `{"`, `[{"`, or `{'` with a `':` later.
fn begins_an_object(text: &str) -> bool {
    let mut letters = text.chars().filter(|letter| !letter.is_whitespace());
    match (letters.next(), letters.next(), letters.next()) {
        (Some('{'), Some('"'), _) | (Some('['), Some('{'), Some('"')) => true,
        (Some('{'), Some('\''), _) => text.contains("':"),
        _ => false,
    }
}

/// Length of a block of brackets, ignoring strings; up to the end if it is never closed.
fn length_of_block(text: &str) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0_u32, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '{' | '[' if !in_string => depth += 1,
            '}' | ']' if !in_string => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + letter.len_utf8();
                }
            }
            _ => {}
        }
    }
    text.len()
}

fn kind(text: &str, at: usize, fences: &[Fence]) -> Kind {
    if let Some(fence) = fences.iter().find(|fence| fence.whole.contains(&at)) {
        return if fence.is_json() { Kind::Offered } else { Kind::Quoted };
    }
    let line = text.get(..at).unwrap_or_default().rsplit('\n').next().unwrap_or_default();
    if line.matches('`').count() % 2 == 1 { Kind::Quoted } else { Kind::Offered }
}

/// True for a non-empty object and for a list with an object: `[1]` in prose is a reference mark.
fn is_document(value: &Value) -> bool {
    match value {
        Value::Object(object) => !object.is_empty(),
        Value::Array(items) => items.iter().any(Value::is_object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A text without its documents, and without fences that contain nothing else.
fn around(text: &str, found: &[Candidate], fences: &[Fence]) -> String {
    let mut places: Vec<Range<usize>> = Vec::new();
    for candidate in found {
        let place = &candidate.place;
        let holds = |fence: &&Fence| {
            let before = text.get(fence.inside.start..place.start).unwrap_or_default();
            let after = text.get(place.end..fence.inside.end).unwrap_or_default();
            let is_bare = |text: &str| {
                text.trim_matches(|letter: char| letter.is_whitespace() || letter == '`').is_empty()
            };
            // The document may begin on the opening line of the fence.
            fence.whole.contains(&place.start) && is_bare(before) && is_bare(after)
        };
        places.push(fences.iter().find(holds).map_or_else(|| place.clone(), |fence| fence.whole.clone()));
    }
    let (mut rest, mut from) = (String::new(), 0);
    for place in places {
        rest.push_str(text.get(from..place.start).unwrap_or_default());
        from = from.max(place.end);
    }
    rest.push_str(text.get(from..).unwrap_or_default());
    rest.trim().to_owned()
}

/// Every text in a document, each with the key of the nearest object around it.
pub fn texts(value: &Value) -> Vec<(&str, &str)> {
    fn collect<'a>(name: &'a str, value: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
        match value {
            Value::String(text) => found.push((name, text)),
            Value::Array(items) => items.iter().for_each(|item| collect(name, item, found)),
            Value::Object(object) => object.iter().for_each(|(key, value)| collect(key, value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut found = Vec::new();
    collect("", value, &mut found);
    found
}

/// Names of tags that may enclose the whole answer after the reasoning.
const WRAPPERS: [&str; 6] = ["answer", "final_answer", "final", "response", "output", "result"];

/// An opening or closing mark of reasoning: `<think>`, `[THINK]`, `<|begin_of_thought|>`, `◁think▷`.
static MARK: Pattern = Pattern::new(concat!(
    r"(?i)<(?P<slash>/?)\s*(?:",
    // The names of reasoning tags.
    "think|thinking|thought|thoughts|reason|reasoning|reflection|reflect|scratchpad|scratch_pad|analysis|chain_of_thought|chain-of-thought|cot|inner_monologue|internal_monologue|deliberation|antml:thinking|antml:reasoning|seed:think",
    r")(?:\s[^<>\n]{0,80})?>|\[(?P<bracket>/?)think\]|<\|(?P<turn>begin|end)_of_(?:thought|thinking|reasoning)\|>|<\|(?P<bar>/?)(?:think|thinking|reasoning)\|>|◁(?P<triangle>/?)think▷",
));

/// An answer without its reasoning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken<'a> {
    text: Cow<'a, str>,
    reasoned: bool,
}

impl Spoken<'_> {
    /// The answer.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True if reasoning was removed from the answer.
    pub fn has_reasoned(&self) -> bool {
        self.reasoned
    }

    /// True if the answer consists of reasoning alone.
    pub fn is_only_reasoning(&self) -> bool {
        self.reasoned && self.text.trim().is_empty()
    }

    /// The answer as an owned text.
    pub fn into_text(self) -> String {
        self.text.into_owned()
    }
}

/// An opening or closing mark of reasoning in a text.
#[derive(Clone, Copy, Debug)]
struct Mark {
    start: usize,
    end: usize,
    closes: bool,
}

/// Removes reasoning blocks from an answer: closed blocks, a block that is never closed (the rest is
/// reasoning), and one that began in the prompt (all text before its end is reasoning). A mark that is only
/// mentioned, in code or between quotes, stays.
pub fn spoken(answer: &str) -> Spoken<'_> {
    let untouched = || Spoken { text: Cow::Borrowed(answer), reasoned: false };
    let may_hold_one =
        ["<", "◁", "THINK]"].iter().any(|mark| memmem::find(answer.as_bytes(), mark.as_bytes()).is_some());
    if !may_hold_one || serde_json::from_str::<serde::de::IgnoredAny>(answer.trim()).is_ok() {
        return untouched();
    }
    let marks = marks(answer);
    if marks.is_empty() {
        return untouched();
    }
    let (mut kept, mut from, mut reasoned) = (String::new(), 0, false);
    let mut coming = marks.iter().copied().peekable();
    while let Some(mark) = coming.next() {
        if mark.start < from {
            continue;
        }
        let between = answer.get(from..mark.start).unwrap_or_default();
        if mark.closes {
            if in_code(&kept, between) || !ends_a_thought(answer, mark) {
                continue;
            }
            // A closing mark without an opening one: all text before it was reasoning.
            kept.clear();
        } else {
            if in_code(&kept, between) || !begins_a_line(answer, mark, from) {
                continue;
            }
            kept.push_str(between);
            let closing = coming.by_ref().find(|next| next.closes && !is_quoted(answer, *next));
            reasoned = true;
            from = closing.map_or(answer.len(), |closing| closing.end);
            continue;
        }
        reasoned = true;
        from = mark.end;
    }
    if !reasoned {
        return untouched();
    }
    kept.push_str(answer.get(from..).unwrap_or_default());
    let kept = unwrapped(kept.trim()).to_owned();
    Spoken { text: Cow::Owned(kept), reasoned }
}

fn marks(answer: &str) -> Vec<Mark> {
    let closes = |found: &regex::Captures<'_>| {
        let slash = ["slash", "bracket", "bar", "triangle"]
            .iter()
            .any(|name| found.name(name).is_some_and(|slash| !slash.is_empty()));
        slash || found.name("turn").is_some_and(|turn| turn.as_str().eq_ignore_ascii_case("end"))
    };
    let mark = |found: regex::Captures<'_>| {
        let whole = found.get(0)?;
        Some(Mark { start: whole.start(), end: whole.end(), closes: closes(&found) })
    };
    MARK.all(answer).filter_map(mark).collect()
}

/// True if a text ends inside a code fence, or between backticks on its last line.
fn in_code(kept: &str, between: &str) -> bool {
    let mut fences = FenceWalk::default();
    let mut last = "";
    for line in kept.lines().chain(between.lines()) {
        last = line;
        fences.step(line);
    }
    let on_a_new_line = between.ends_with('\n') || between.is_empty() && kept.ends_with('\n');
    fences.is_open() || !on_a_new_line && last.matches('`').count() % 2 == 1
}

/// True if a block begins at this mark: only white space or another block precedes it on its line.
fn begins_a_line(answer: &str, mark: Mark, from: usize) -> bool {
    let before = answer.get(from..mark.start).unwrap_or_default();
    before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .all(|letter| letter.is_whitespace() || letter == '\u{feff}')
}

fn is_quoted(answer: &str, mark: Mark) -> bool {
    let before = answer.get(..mark.start).and_then(|text| text.chars().next_back());
    before.is_some_and(|letter| "\"'`“‘«\\".contains(letter))
}

/// True if a closing mark ends a block: nothing precedes or nothing follows it on its line, or a full
/// sentence precedes it, or the text after it does not continue in lower case. In the middle of a sentence it
/// is only mentioned.
fn ends_a_thought(answer: &str, mark: Mark) -> bool {
    if is_quoted(answer, mark) {
        return false;
    }
    let line_before = answer.get(..mark.start).unwrap_or_default().rsplit('\n').next().unwrap_or_default();
    let line_after = answer.get(mark.end..).unwrap_or_default().lines().next().unwrap_or_default();
    if line_before.trim().is_empty() || line_after.trim().is_empty() {
        return true;
    }
    let goes_on = line_after.starts_with(' ') && line_after.trim_start().starts_with(char::is_lowercase);
    line_before.trim_end().ends_with(['.', '!', '?', '…', ')', '。']) || !goes_on
}

/// The inner text if tags such as `<answer>` enclose the whole text, else the text.
fn unwrapped(text: &str) -> &str {
    let inside = |name: &str| {
        let rest = text.strip_prefix('<')?.strip_prefix(name)?.strip_prefix('>')?;
        let inner = rest.strip_suffix('>')?.strip_suffix(name)?.strip_suffix("</")?;
        Some(inner.trim())
    };
    WRAPPERS.into_iter().find_map(inside).unwrap_or(text)
}

// Lone surrogates in JSON. One remains if a model is cut off between the two escapes of a character, or if a
// CLI counts in UTF-16. No Rust string can hold it, so the whole document would fail to parse.

/// Length in bytes of an escape such as `\ud83d`.
const LENGTH: usize = 6;

/// Replaces each lone surrogate by the escape of U+FFFD. Every other byte keeps its position.
pub fn whole_letters(text: &str) -> Cow<'_, str> {
    if !["\\ud", "\\uD"].iter().any(|begun| memmem::find(text.as_bytes(), begun.as_bytes()).is_some()) {
        return Cow::Borrowed(text);
    }
    let (mut whole, mut taken, mut at) = (String::new(), 0, 0);
    while let Some(start) = text.get(at..).and_then(|rest| rest.find('\\')).map(|found| at + found) {
        let half = match unit(text, start) {
            Some(0xd800..=0xdbff) if matches!(unit(text, start + LENGTH), Some(0xdc00..=0xdfff)) => {
                at = start + 2 * LENGTH;
                continue;
            }
            Some(code) => {
                at = start + LENGTH;
                (0xd800..=0xdfff).contains(&code)
            }
            // Two backslashes are one character, so no escape follows them.
            None => {
                let escaped = text.get(start + 1..).and_then(|rest| rest.chars().next());
                at = start + 1 + escaped.map_or(0, char::len_utf8);
                false
            }
        };
        if half {
            whole.push_str(text.get(taken..start).unwrap_or_default());
            whole.push_str("\\ufffd");
            taken = at;
        }
    }
    if taken == 0 {
        return Cow::Borrowed(text);
    }
    whole.push_str(text.get(taken..).unwrap_or_default());
    Cow::Owned(whole)
}

/// The UTF-16 code unit of an escape that begins at this byte.
fn unit(text: &str, start: usize) -> Option<u16> {
    let digits = text.get(start..start + LENGTH)?.strip_prefix("\\u")?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests;
