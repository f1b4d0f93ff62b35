//! Tells dangerous calls and commands that an answer proposes from those that it only mentions.
//!
//! Code and commands outside a sentence are meant to be run. Inside a sentence, the sentence decides: "run
//! `x`" proposes it, "never run `x`" and "the script runs `x`" do not.

use std::sync::LazyLock;

use super::Named;
use crate::domain::cut::head;
use crate::domain::packed::list;
use crate::domain::pattern::Patterns;

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns::read("src/domain/redflag/proposal.yaml"));

/// A part of an answer that may propose something to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// Code in a fence, a field or a diff.
    Code {
        text: String,
        /// The last line before it.
        lead: String,
    },
    /// Running text.
    Prose(String),
}

fn holds(pattern: &str, text: &str) -> bool {
    PATTERNS.is_in(pattern, text)
}

impl Segment {
    /// The first place found by `find` that the text proposes to run, up to the end of its line.
    pub(super) fn proposed(&self, find: impl Fn(&str) -> Vec<(usize, usize)>) -> Option<String> {
        match self {
            Self::Code { text, lead } => {
                if holds("against", lead) || holds("shown", lead) && !holds("proposed", lead) {
                    return None;
                }
                find(text).first().map(|(at, _)| rest_of_line(text, *at))
            }
            Self::Prose(text) => text.lines().find_map(|line| {
                let found = find(line).into_iter().find(|(from, to)| is_proposed(line, *from, *to));
                found.map(|(at, _)| rest_of_line(line, at))
            }),
        }
    }
}

fn rest_of_line(text: &str, at: usize) -> String {
    text.get(at..).unwrap_or_default().lines().next().unwrap_or_default().to_owned()
}

/// True if the match between two places of a line is proposed to be run.
fn is_proposed(line: &str, from: usize, to: usize) -> bool {
    let outside_code = outside_code(line, from, to);
    if !holds("sentence", &outside_code) {
        // The whole line is the command.
        return true;
    }
    let (before, after) = clause(line, from, to);
    if holds("against", before) || holds("against", after) {
        return false;
    }
    let found = line.get(from..to).unwrap_or_default();
    if is_harmless_in_a_sentence(line, from) {
        return false;
    }
    if holds("proposed_after", after) {
        return true;
    }
    if holds("proposed", before.trim_start()) {
        return !starts_with_a_subject(before);
    }
    is_severe(line, from, found) && !holds("described", before) && !holds("described", after)
}

/// True if a clause has another subject than the reader, like `The clean target can run x`.
fn starts_with_a_subject(before: &str) -> bool {
    let first = before.split_whitespace().next().unwrap_or_default().to_lowercase();
    ["the", "it", "this", "that", "they", "attackers", "anyone", "somebody", "someone", "users"]
        .contains(&first.as_str())
        && !before.to_lowercase().contains(" is to ")
        && !before.to_lowercase().contains("fix is")
        && !before.to_lowercase().contains("solution is")
}

/// True if the match is a harmless redirection, as to `/dev/null`.
fn is_harmless_in_a_sentence(line: &str, from: usize) -> bool {
    let here = line.get(from..).unwrap_or_default().trim_start_matches('>').trim_start();
    ["/dev/null", "/dev/stderr", "/dev/stdout", "/dev/tty"].iter().any(|device| here.starts_with(device))
}

/// True if the command destroys everything: the root, the home directory, all files, a whole disk. It counts
/// as proposed unless the sentence clearly describes it.
fn is_severe(line: &str, from: usize, found: &str) -> bool {
    let command = head(line.get(from..).unwrap_or_default(), 80);
    let words: Vec<&str> = command.split(['`', '\n']).next().unwrap_or_default().split_whitespace().collect();
    let is_everything = |word: &&str| {
        let word = word.trim_matches(|letter: char| "\"'.,;".contains(letter));
        ["/", "~", "~/", "*", "/*", "~/*", "--no-preserve-root", "$HOME"].contains(&word)
    };
    found.starts_with("mkfs") || words.iter().any(is_everything)
}

/// The line without the match and without text between backticks.
fn outside_code(line: &str, from: usize, to: usize) -> String {
    let before = line.get(..from).unwrap_or_default();
    let after = line.get(to..).unwrap_or_default();
    let in_code = before.matches('`').count() % 2 == 1;
    let kept = |text: &str, skip: usize| text.split('`').skip(skip).step_by(2).collect::<Vec<_>>().join(" ");
    format!("{} {}", kept(before, 0), kept(after, usize::from(in_code)))
}

/// The text before and after a match within its clause. Marks before the match and between backticks do not
/// end a clause.
fn clause(line: &str, from: usize, to: usize) -> (&str, &str) {
    let before = line.get(..from).unwrap_or_default();
    let open = if before.matches('`').count() % 2 == 1 { before.rfind('`') } else { None };
    let lead = before.get(..open.unwrap_or(before.len())).unwrap_or_default();
    let mut begins = 0;
    let mut in_code = false;
    let mut letters = lead.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next_is_space = letters.peek().is_none_or(|(_, next)| next.is_whitespace());
        match letter {
            '`' => in_code = !in_code,
            ',' | ';' | '.' | '!' | '?' if !in_code && next_is_space => begins = at + letter.len_utf8(),
            '—' | '–' if !in_code => begins = at + letter.len_utf8(),
            _ => {}
        }
    }
    let before = before.get(begins..).unwrap_or_default();
    let after = line.get(to..).unwrap_or_default();
    let after = if open.is_some() { after.split_once('`').map_or("", |(_, rest)| rest) } else { after };
    let ends = after.find(['.', ';', '!', '?', ',']).unwrap_or(after.len());
    (before, after.get(..ends).unwrap_or(after))
}

/// The files that a text proposes to write. A text of one word counts as a file name.
pub(super) fn written_files(prose: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for pattern in ["into", "itself"].into_iter().filter_map(|name| PATTERNS.get(name)) {
        for line in prose.lines() {
            for captures in pattern.captures_iter(line) {
                let Some(file) = captures.get(1) else { continue };
                let (before, _) = clause(line, file.start(), file.end());
                if !holds("against", before) {
                    found.push(file.as_str().trim_end_matches(['.', '!', '?']));
                }
            }
        }
    }
    let whole = prose.trim();
    if !whole.contains(char::is_whitespace) && !whole.is_empty() {
        found.push(whole.trim_matches(['`', '"']));
    }
    // A template of a secret file holds no secret.
    let is_template =
        |file: &&str| ["example", "sample", "template", "dist"].iter().any(|end| file.ends_with(end));
    found.retain(|file| !is_template(file));
    found
}

// Evasion: an answer that commits to nothing.
//
// A single word like "maybe" is no sign: right answers have it as often as wrong ones. The sign is an answer
// without a definite clause: each clause hedges, refuses, asks, promises or praises.

/// The least number of words in a definite clause.
const LEAST_WORDS: usize = 4;
/// The least number of letters in a definite clause of a script without spaces.
const LEAST_LETTERS: usize = 8;

/// A clause that commits to nothing, with the rule that found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Evasion {
    /// The name of the rule.
    pub(super) rule: String,
    pub(super) clause: String,
}

/// The first evasive clause, if no other clause is definite. None if the text has code, which is definite, or
/// no evasive clause, like a short answer.
pub(super) fn evasion(prose: &str, has_code: bool, evasive: &[Named]) -> Option<Evasion> {
    if has_code {
        return None;
    }
    let mut found = None;
    for clause in clauses(prose) {
        let by_rule = evasive.iter().find(|(_, pattern)| pattern.is_in(clause.text)).map(|(name, _)| *name);
        let why = by_rule
            .or_else(|| clause.is_question.then_some("question"))
            .or_else(|| is_circular(clause.text).then_some("circular"));
        match why {
            Some(rule) if found.is_none() => {
                found = Some(Evasion { rule: rule.to_owned(), clause: clause.text.to_owned() });
            }
            None if is_definite(clause.text) => return None,
            Some(_) | None => {}
        }
    }
    found
}

#[derive(Debug)]
struct Clause<'a> {
    text: &'a str,
    is_question: bool,
}

fn clauses(prose: &str) -> Vec<Clause<'_>> {
    let Some(between) = PATTERNS.get("between") else { return Vec::new() };
    let mut found = Vec::new();
    let mut from = 0;
    for end in between.find_iter(prose) {
        let text = prose.get(from..end.start()).unwrap_or_default().trim();
        found.push(Clause { text, is_question: end.as_str().contains(['?', '？']) });
        from = end.end();
    }
    let text = prose.get(from..).unwrap_or_default().trim();
    found.push(Clause { text, is_question: false });
    found.retain(|clause| !clause.text.is_empty());
    found
}

/// True if a clause is long enough to be definite. Code in it counts as a word.
fn is_definite(clause: &str) -> bool {
    let words = clause
        .split_whitespace()
        .filter(|word| word.chars().any(|letter| letter.is_alphanumeric() || letter == '`'));
    let letters = clause.chars().filter(|letter| letter.is_alphabetic() && !letter.is_ascii()).count();
    words.count() >= LEAST_WORDS || letters >= LEAST_LETTERS && letters * 2 > clause.chars().count()
}

/// True if a reason only repeats what it explains, like `The test fails because it does not pass`.
fn is_circular(clause: &str) -> bool {
    let Some(found) = PATTERNS.get("because").and_then(|because| because.find(clause)) else { return false };
    let what = stems(clause.get(..found.start()).unwrap_or_default());
    let why = stems(clause.get(found.end()..).unwrap_or_default());
    !what.is_empty() && why.iter().all(|stem| what.contains(stem))
}

/// The stems of the words that carry meaning. All words for failing or passing have the stem `fail`.
fn stems(text: &str) -> Vec<String> {
    let word = |word: &str| {
        let word = word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
        let word = word.strip_suffix("n't").unwrap_or(&word).to_owned();
        let stem = ["ing", "ed", "es", "s"]
            .iter()
            .find_map(|end| word.strip_suffix(end).filter(|_| !word.ends_with("ss")))
            .filter(|stem| stem.len() > 2)
            .unwrap_or(&word);
        let stem = if list("failure_stems").contains(&stem) { "fail" } else { stem };
        let is_empty =
            stem.is_empty() || [word.as_str(), stem].iter().any(|it| list("empty_words").contains(it));
        (!is_empty).then(|| stem.to_owned())
    };
    text.split_whitespace().filter_map(word).collect()
}

/// Finds a clause and its contrary: `X is Y` and `X is not Y`.
pub(super) fn contrary(prose: &str) -> Option<(String, String)> {
    let plain = |text: &str| text.to_lowercase().replace(['*', '_', '"'], "");
    let all: Vec<String> = clauses(prose).iter().map(|clause| plain(clause.text)).collect();
    for denied in &all {
        for (with, without) in [
            (" is not ", " is "),
            (" are not ", " are "),
            (" isn't ", " is "),
            (" was not ", " was "),
            (" does not ", " does "),
        ] {
            if !denied.contains(with) {
                continue;
            }
            let said = denied.replacen(with, without, 1);
            let words = said.split_whitespace().count();
            // A clause may have an introduction: `On reflection, the bug is not there`.
            let other = all.iter().find(|other| {
                words >= LEAST_WORDS
                    && *other != denied
                    && (said.ends_with(other.as_str()) && other.split_whitespace().count() >= LEAST_WORDS
                        || other.ends_with(&said))
            });
            if let Some(other) = other {
                return Some((other.clone(), denied.clone()));
            }
        }
    }
    None
}

/// Finds a text that repeats one to six words, or one letter, again and again. A longer sentence may repeat.
pub(super) fn repetition(text: &str) -> Option<String> {
    // As long as the answer to a step may be.
    const RUN: usize = 10_000;
    const LEAST_TIMES: usize = 5;
    const LONGEST: usize = 6;
    let (mut run, mut last) = (0, '\0');
    for letter in text.chars() {
        run = if letter == last { run + 1 } else { 1 };
        last = letter;
        if run > RUN && letter.is_ascii_alphanumeric() {
            return Some(format!("`{letter}` more than {RUN} times in a row"));
        }
    }
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase())
        .collect();
    for length in 1..=LONGEST {
        let unit = words.get(..length)?;
        let times = words.chunks(length).take_while(|chunk| *chunk == unit).count();
        let covered = times * length * 10 >= words.len() * 8;
        // A column of equal numbers may be an answer.
        let is_said = unit.iter().any(|word| word.chars().any(char::is_alphabetic));
        if times >= LEAST_TIMES && covered && is_said && times * length >= 2 * LONGEST {
            return Some(format!("`{}` {times} times in a row", unit.join(" ")));
        }
    }
    None
}
