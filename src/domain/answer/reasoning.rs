//! Blocks in which a model thought aloud before it answered.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::document::FenceWalk;

/// The names of such blocks, in the marks that models put around them.
const NAMES: &str = "think|thinking|thought|thoughts|reason|reasoning|reflection|reflect|scratchpad|scratch_pad|analysis|chain_of_thought|chain-of-thought|cot|inner_monologue|internal_monologue|deliberation|antml:thinking|antml:reasoning|seed:think";

/// Marks that may enclose the whole of what comes after the reasoning.
const WRAPPERS: [&str; 6] = ["answer", "final_answer", "final", "response", "output", "result"];

/// An opening or closing mark: `<think>`, `[THINK]`, `<|begin_of_thought|>`, `◁think▷`.
static MARK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = format!(
        r"(?i)<(?P<slash>/?)\s*(?:{NAMES})(?:\s[^<>\n]{{0,80}})?>|\[(?P<bracket>/?)think\]|<\|(?P<turn>begin|end)_of_(?:thought|thinking|reasoning)\|>|<\|(?P<bar>/?)(?:think|thinking|reasoning)\|>|◁(?P<triangle>/?)think▷"
    );
    Regex::new(&pattern).ok()
});

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

    /// True if reasoning stood beside it.
    pub fn has_reasoned(&self) -> bool {
        self.reasoned
    }

    /// True if nothing else was there.
    pub fn is_only_reasoning(&self) -> bool {
        self.reasoned && self.text.trim().is_empty()
    }

    /// The answer as a text of its own.
    pub fn into_text(self) -> String {
        self.text.into_owned()
    }
}

/// A mark in a text.
#[derive(Clone, Copy, Debug)]
struct Mark {
    start: usize,
    end: usize,
    closes: bool,
}

/// An answer without the blocks in which the model thought: closed ones, one that was never closed
/// (then the rest is reasoning), and one whose beginning went with the prompt (then all before its
/// end is). A mark that is spoken of, in code or between quotes, is left alone.
pub fn spoken(answer: &str) -> Spoken<'_> {
    let untouched = || Spoken { text: Cow::Borrowed(answer), reasoned: false };
    let may_hold_one =
        answer.contains(['<', '◁']) || answer.contains("[THINK]") || answer.contains("[/THINK]");
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
            // Its beginning is not here: all up to this place was reasoning.
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
    let Some(pattern) = MARK.as_ref() else { return Vec::new() };
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
    pattern.captures_iter(answer).filter_map(mark).collect()
}

/// True if a place is inside a code fence, or between backticks on its line.
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

/// A block begins where nothing but white space, or another block, stands before it on its line.
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

/// A closing mark ends a thought where it stands at an end of its line, or after a whole sentence, or
/// before the answer itself; in the middle of a sentence it is spoken of.
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

/// Returns what is inside, where marks such as `<answer>` enclose the whole.
fn unwrapped(text: &str) -> &str {
    let inside = |name: &str| {
        let rest = text.strip_prefix('<')?.strip_prefix(name)?.strip_prefix('>')?;
        let inner = rest.strip_suffix('>')?.strip_suffix(name)?.strip_suffix("</")?;
        Some(inner.trim())
    };
    WRAPPERS.into_iter().find_map(inside).unwrap_or(text)
}
