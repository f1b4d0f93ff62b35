//! The commitment of an answer: to anything, or to nothing.
//!
//! A word such as "maybe" says little: right answers hold it as often as wrong ones. What tells is an
//! answer of which no clause says anything definite: each one hedges, refuses, asks, promises or praises.

use std::sync::LazyLock;

use regex::Regex;

/// Words that a definite clause has at least.
const LEAST_WORDS: usize = 4;
/// Letters that it has at least in a script that writes no spaces.
const LEAST_LETTERS: usize = 8;

/// Words that end one clause and begin the next.
static BETWEEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)[.!?…]+(?:\s+|$)|[。！？]\s*|\n+|[;:]\s+|\s+[—–-]\s+|,\s+(?:but|yet|however|although|though|so|therefore)\s+").ok()
});

/// Words by which a clause gives its own subject as the reason.
static BECAUSE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i)\s(?:because|since|as)\s").ok());

/// A clause that commits to nothing, by the rule that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Evasion {
    /// The name of the rule.
    pub(super) rule: String,
    /// The clause.
    pub(super) clause: String,
}

/// The first clause that says nothing definite, where no other one does. Code that stands in the text
/// is a commitment, and so is a text of which no clause evades: it may be short.
pub(super) fn evasion(prose: &str, has_code: bool, evasive: &[(String, Regex)]) -> Option<Evasion> {
    if has_code {
        return None;
    }
    let mut found = None;
    for clause in clauses(prose) {
        let by_rule =
            evasive.iter().find(|(_, regex)| regex.is_match(clause.text)).map(|(name, _)| name.as_str());
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
    let Some(between) = BETWEEN.as_ref() else { return Vec::new() };
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

/// True if a clause is long enough to say something. Code in it counts as a word.
fn is_definite(clause: &str) -> bool {
    let words = clause
        .split_whitespace()
        .filter(|word| word.chars().any(|letter| letter.is_alphanumeric() || letter == '`'));
    let letters = clause.chars().filter(|letter| letter.is_alphabetic() && !letter.is_ascii()).count();
    words.count() >= LEAST_WORDS || letters >= LEAST_LETTERS && letters * 2 > clause.chars().count()
}

/// `The test fails because it does not pass`: the reason holds no word that what it explains does not.
fn is_circular(clause: &str) -> bool {
    let Some(found) = BECAUSE.as_ref().and_then(|because| because.find(clause)) else { return false };
    let what = stems(clause.get(..found.start()).unwrap_or_default());
    let why = stems(clause.get(found.end()..).unwrap_or_default());
    !what.is_empty() && why.iter().all(|stem| what.contains(stem))
}

/// The words of a clause that mean something, by their stems. Failing and not passing are one.
fn stems(text: &str) -> Vec<String> {
    const EMPTY: [&str; 44] = [
        "the", "a", "an", "it", "its", "this", "that", "these", "they", "them", "is", "are", "was", "were",
        "be", "been", "being", "do", "does", "did", "not", "no", "has", "have", "had", "in", "on", "of",
        "to", "and", "or", "you", "i", "we", "there", "here", "just", "so", "then", "when", "will", "would",
        "can", "get",
    ];
    const FAILURE: [&str; 9] =
        ["fail", "pass", "work", "wrong", "broken", "break", "error", "succeed", "failure"];
    let word = |word: &str| {
        let word = word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
        let word = word.strip_suffix("n't").unwrap_or(&word).to_owned();
        let stem = ["ing", "ed", "es", "s"]
            .iter()
            .find_map(|end| word.strip_suffix(end).filter(|_| !word.ends_with("ss")))
            .filter(|stem| stem.len() > 2)
            .unwrap_or(&word);
        let stem = if FAILURE.contains(&stem) { "fail" } else { stem };
        (!stem.is_empty() && !EMPTY.contains(&word.as_str()) && !EMPTY.contains(&stem))
            .then(|| stem.to_owned())
    };
    text.split_whitespace().filter_map(word).collect()
}

/// A clause and its contrary: `X is Y` and `X is not Y`.
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
            // Its beginning may lead in: `On reflection, the bug is not there`.
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

/// A few words said again and again, or one letter. A long sentence may be said often.
pub(super) fn repetition(text: &str) -> Option<String> {
    // As long as a step's answer may be: what is longer is none in any case.
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
        // A column of equal numbers says something.
        let is_said = unit.iter().any(|word| word.chars().any(char::is_alphabetic));
        if times >= LEAST_TIMES && covered && is_said && times * length >= 2 * LONGEST {
            return Some(format!("`{}` {times} times in a row", unit.join(" ")));
        }
    }
    None
}
