//! A closed list of options, and the search for the option that an answer names.

use std::collections::BTreeSet;
use thiserror::Error;

use super::canonical::{Canonical, unfenced};
use crate::domain::order::Gather;
use crate::domain::packed::list;
use crate::domain::pattern::Pattern;

/// The most options of one vote.
pub const MOST_OPTIONS: usize = 20;
/// Words that mean every other option if `but` follows.
const ALL: [&str; 3] = ["all", "anything", "everything"];
/// The most characters of one option.
const MOST_CHARS: usize = 200;

/// The answers that a vote permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    options: Vec<Listed>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    written: String,
    /// The names of the option, each as a list of words: the whole text, and for `A) text` also the label
    /// alone and the text alone.
    names: Vec<Vec<String>>,
    /// The single letter that is a name of the option, if there is one. Within a sentence it must have this
    /// case, since `a` is a word.
    letter: Option<String>,
}

/// The error for a list of options that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// The list has fewer than two options or too many.
    #[error("options must have 2 to {MOST_OPTIONS} entries (got {0})")]
    Count(usize),
    /// This option has no letter or digit, or is too long.
    #[error("options[{0}] must have 1 to {MOST_CHARS} characters, one of them a letter or digit")]
    Length(usize),
    /// Answers cannot tell these two options apart.
    #[error("options[{0}] and options[{1}] must differ in more than case and punctuation")]
    Same(usize, usize),
}

/// The reason why an answer is no vote for one of the options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoChoice {
    /// It names no option, or denies the one that it names.
    None,
    /// It names more than one option.
    Several,
}

impl Options {
    /// Makes a closed list of options.
    ///
    /// # Errors
    ///
    /// The list is too short or too long, or two options are the same.
    pub fn new(written: Vec<String>) -> Result<Self, OptionsError> {
        if !(2..=MOST_OPTIONS).contains(&written.len()) {
            return Err(OptionsError::Count(written.len()));
        }
        let bad = |text: &String| words(text).is_empty() || text.chars().count() > MOST_CHARS;
        if let Some(at) = written.iter().position(bad) {
            return Err(OptionsError::Length(at));
        }
        for (at, one) in written.iter().enumerate() {
            if let Some(other) = written.iter().take(at).position(|other| words(other) == words(one)) {
                return Err(OptionsError::Same(other, at));
            }
        }
        let labels: Vec<Option<(String, Vec<String>)>> = written.iter().map(|text| labelled(text)).collect();
        let marks: BTreeSet<&String> = labels.iter().flatten().map(|(label, _)| label).gather();
        let texts: BTreeSet<&Vec<String>> = labels.iter().flatten().map(|(_, text)| text).gather();
        let has_labels = marks.len() == written.len() && texts.len() == written.len();
        let option = |(text, label): (String, Option<(String, Vec<String>)>)| {
            let mut names = vec![words(&text)];
            if let Some((label, text)) = label.filter(|_| has_labels) {
                names.extend([vec![label], text]);
            }
            let letter = names.iter().find_map(|name| match name.as_slice() {
                [one] if one.chars().count() == 1 && one.chars().all(char::is_alphabetic) => {
                    Some(one.clone())
                }
                _ => None,
            });
            let letter = letter.map(|lower| {
                text.chars().find(|it| it.to_lowercase().eq(lower.chars())).map_or(lower, String::from)
            });
            Listed { written: text, names, letter }
        };
        Ok(Self { options: written.into_iter().zip(labels).map(option).collect() })
    }

    /// The options as they were written.
    pub fn written(&self) -> impl Iterator<Item = &str> {
        self.options.iter().map(|option| option.written.as_str())
    }

    /// The option that an answer names in its `ANSWER:` line, or in its last line if it has no such line.
    ///
    /// # Errors
    ///
    /// The answer names no option or several.
    pub fn chosen(&self, answer: &str) -> Result<&str, NoChoice> {
        let said = stated(answer).unwrap_or_else(|| answer.trim().lines().last().unwrap_or_default());
        self.named(said).map(|option| option.written.as_str())
    }

    fn named(&self, said: &str) -> Result<&Listed, NoChoice> {
        let tokens = tokens(said);
        let all: Vec<String> = tokens.iter().map(|token| token.lower.clone()).collect();
        let whole = |option: &&Listed| option.names.contains(&all);
        if let Some(option) = self.options.iter().find(whole) {
            return Ok(option);
        }
        let lead_less = words(super::canonical::Canonical::of_line(said).key());
        if let Some(option) = self.options.iter().find(|option| option.names.contains(&lead_less)) {
            return Ok(option);
        }
        let mentions = self.mentions(&tokens);
        let named: BTreeSet<usize> = mentions.iter().map(|mention| mention.option).gather();
        let mut named_in_order = named.iter();
        let (Some(first), None) = (named_in_order.next(), named_in_order.next()) else {
            return Err(if named.is_empty() { NoChoice::None } else { NoChoice::Several });
        };
        let option = self.options.get(*first).ok_or(NoChoice::None)?;
        // `No, it is not safe` answers with its first word.
        let leads = mentions.iter().any(|mention| {
            mention.from == 0 && tokens.get(mention.to - 1).is_some_and(|last| last.ends_clause)
        });
        let is_inside = |at: usize| mentions.iter().any(|mention| (mention.from..mention.to).contains(&at));
        let is_in_a_clause_with_it = |at: usize| {
            mentions.iter().any(|mention| {
                let between = if at < mention.from { at..mention.from } else { mention.to - 1..at };
                tokens.get(between).is_some_and(|between| !between.iter().any(|token| token.ends_clause))
            })
        };
        let denied = tokens.iter().enumerate().filter(|(at, _)| !is_inside(*at)).any(|(at, token)| {
            let word = token.lower.as_str();
            let before = at.checked_sub(1).and_then(|at| tokens.get(at)).map(|token| token.lower.as_str());
            let is_all_but = word == "but" && before.is_some_and(|it| ALL.contains(&it));
            let hedges = is_all_but || list("hedging").contains(&word);
            list("contrary").contains(&word) || hedges && is_in_a_clause_with_it(at)
        });
        if denied && !leads { Err(NoChoice::None) } else { Ok(option) }
    }

    /// Every place at which an option is named. A name inside a longer name does not count.
    fn mentions(&self, tokens: &[Token]) -> Vec<Mention> {
        let mut found = Vec::new();
        for (number, option) in self.options.iter().enumerate() {
            for name in &option.names {
                for from in 0..tokens.len() {
                    let Some(here) = tokens.get(from..from + name.len()) else { continue };
                    let is_same = here.iter().zip(name).all(|(token, word)| token.lower == *word);
                    let is_letter = name.len() == 1
                        && option
                            .letter
                            .as_ref()
                            .is_some_and(|letter| letter.to_lowercase() == *name.concat());
                    let keeps_case =
                        || here.iter().all(|token| option.letter.as_ref() == Some(&token.written));
                    if is_same && (!is_letter || keeps_case()) {
                        found.push(Mention { option: number, from, to: from + name.len() });
                    }
                }
            }
        }
        let is_part = |one: &Mention| {
            found.iter().any(|other| {
                other.from <= one.from && one.to <= other.to && other.to - other.from > one.to - one.from
            })
        };
        found.iter().copied().filter(|one| !is_part(one)).collect()
    }
}

#[derive(Clone, Copy, Debug)]
struct Mention {
    option: usize,
    from: usize,
    to: usize,
}

/// A word of an answer.
#[derive(Debug)]
struct Token {
    lower: String,
    written: String,
    /// True if a clause ends after the word.
    ends_clause: bool,
}

fn tokens(text: &str) -> Vec<Token> {
    let plain = super::canonical::plain(text);
    let token = |word: &str| {
        let is_mark = |letter: char| "\"'`*_()[]{}<>,;:!?.—–".contains(letter);
        let core = word.trim_start_matches(is_mark);
        let core = core.trim_end_matches(is_mark);
        let core = if core.is_empty() {
            word.trim_matches(|letter: char| "\"'`*_.,;:!?—–-".contains(letter))
        } else {
            core
        };
        if core.is_empty() {
            return None;
        }
        let after = word.rsplit_once(core).map_or("", |(_, after)| after);
        let ends_clause = after.contains([',', ';', ':', '.', '!', '—', '–', ')']);
        let key = Canonical::of_line(core).key().to_lowercase();
        Some(Token { lower: key, written: core.to_owned(), ends_clause })
    };
    let mut found: Vec<Token> = plain.split(' ').filter_map(token).collect();
    // A single dash, or a word like `because`, ends the clause before it too.
    for (at, word) in plain.split(' ').filter(|word| !word.is_empty()).enumerate() {
        if matches!(word, "-" | "—" | "–" | "because" | "since" | "as")
            && at > 0
            && let Some(before) = found.get_mut(at - 1)
        {
            before.ends_clause = true;
        }
    }
    found
}

fn words(text: &str) -> Vec<String> {
    tokens(text).into_iter().map(|token| token.lower).collect()
}

/// Splits an option like `A) token bucket` into label and text. None if it has no label.
fn labelled(text: &str) -> Option<(String, Vec<String>)> {
    let (label, rest) = text.trim().split_once([' ', '\t'])?;
    let is_label = label.ends_with([')', '.', ':'])
        && (1..=3).contains(&label.trim_matches(|letter: char| !letter.is_alphanumeric()).chars().count());
    let (label, text) = (words(label).concat(), words(rest));
    (is_label && !label.is_empty() && !text.is_empty()).then_some((label, text))
}

static LINE: Pattern = Pattern::new(
    r"(?i)^[\s>*_#\-]*(?:(?:my|the)\s+)?(?:final\s+)?answer[ \t]*[*_`]*[ \t]*[:：][ \t]*(?:\*\*|__)?[ \t]*(?P<said>.*)$",
);

/// The text of the last `ANSWER:` line, or the text after it if the line itself is empty. None if there is no
/// such line, or it is not filled in.
pub fn stated(answer: &str) -> Option<&str> {
    let found = LINE.all(answer).last()?;
    let said = found.name("said")?;
    let own = said.as_str().trim();
    let bare = own.trim_end_matches(['*', '_']).trim_end();
    // In `**ANSWER: B**` the last marks belong to those before `ANSWER`.
    let own =
        if bare.matches("**").count() % 2 == 0 && bare.matches("__").count() % 2 == 0 { bare } else { own };
    let said = if own.is_empty() { unfenced(answer.get(said.end()..)?) } else { own };
    (!said.is_empty() && !is_blank_form(said)).then_some(said)
}

/// True if an answer has an `ANSWER:` line that is not filled in.
pub fn is_left_blank(answer: &str) -> bool {
    LINE.is_in(answer) && stated(answer).is_none()
}

/// True for a placeholder that was not filled in: `...` or `<your answer>`.
fn is_blank_form(said: &str) -> bool {
    let is_mark = |letter: char| ".…_-".contains(letter);
    let inside = [('<', '>'), ('[', ']'), ('{', '}'), ('(', ')')]
        .iter()
        .find_map(|(open, close)| said.strip_prefix(*open)?.strip_suffix(*close));
    let is_form = |inside: &str| {
        let is_of_words = |letter: char| letter.is_alphabetic() || letter == ' ' || is_mark(letter);
        inside.chars().all(is_of_words) && inside.to_lowercase().contains("answer")
    };
    said.chars().all(is_mark) || inside.is_some_and(is_form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_says_so_counts() {
        for (answer, said) in [
            ("ANSWER: B", "B"),
            ("It is shorter.\n\nANSWER: option B", "option B"),
            ("**ANSWER:** 42", "42"),
            ("**ANSWER: 42**", "42"),
            ("Final answer: `save()`", "`save()`"),
            ("Answer : yes", "yes"),
            ("> ANSWER: yes", "yes"),
            ("ANSWER: A\nNo, wait.\nANSWER: B", "B"),
            ("ANSWER:\n42\n", "42"),
            ("ANSWER:\n```\n42\n```", "42"),
            ("ANSWER: B\n\nConfidence: high", "B"),
            ("ANSWER: -5", "-5"),
        ] {
            assert_eq!(stated(answer), Some(said), "{answer}");
        }
        for none in
            ["B", "The answer is B", "ANSWER:", "ANSWER: ...", "ANSWER: <your answer>", "{\"answer\": \"B\"}"]
        {
            assert_eq!(stated(none), None, "{none}");
        }
        for blank in ["ANSWER:", "It is hard.\nANSWER: ...", "ANSWER: <answer>", "ANSWER: {your answer}"] {
            assert!(is_left_blank(blank), "{blank}");
        }
        for filled in ["B", "ANSWER: B", "ANSWER: {\"answer\": 42}", "ANSWER: (answer + 1)", "ANSWER: ?"] {
            assert!(!is_left_blank(filled), "{filled}");
        }
    }

    fn options(written: &[&str]) -> Options {
        Options::new(written.iter().map(|text| (*text).to_owned()).collect()).unwrap()
    }

    #[test]
    fn an_option_is_known_by_its_words() {
        type Case = (&'static [&'static str], &'static [(&'static str, &'static str)]);
        let cases: [Case; 5] = [
            (
                &["yes", "no"],
                &[
                    ("Yes", "yes"),
                    ("YES!", "yes"),
                    ("**Yes.**", "yes"),
                    ("`yes`", "yes"),
                    ("The answer is yes.", "yes"),
                    ("Both agree.\nANSWER: No", "no"),
                    ("No, it is not safe.", "no"),
                    ("Yes, because it holds the lock", "yes"),
                    ("I think yes", "yes"),
                ],
            ),
            (
                &["A", "B"],
                &[
                    ("a", "A"),
                    ("(B)", "B"),
                    ("B.", "B"),
                    ("Option B", "B"),
                    ("ANSWER: B) the cache", "B"),
                    ("It is a race, so B", "B"),
                ],
            ),
            (
                &["A) token bucket", "B) fixed window"],
                &[
                    ("A", "A) token bucket"),
                    ("Token Bucket", "A) token bucket"),
                    ("B) fixed window", "B) fixed window"),
                    ("fixed window (B)", "B) fixed window"),
                ],
            ),
            (
                &["cache", "no cache"],
                &[("Cache", "cache"), ("no cache", "no cache"), ("I'd use no cache", "no cache")],
            ),
            (&["42", "4.2", "-42"], &[("42.0", "42"), ("-42", "-42"), ("4.2e1", "42")]),
        ];
        for (list, answers) in cases {
            let options = options(list);
            for (answer, expected) in answers {
                assert_eq!(options.chosen(answer), Ok(*expected), "{answer}");
            }
        }
    }

    #[test]
    fn none_or_several_is_no_choice() {
        let options = options(&["Redis", "Postgres", "in memory"]);
        for (answer, reason) in [
            ("MySQL", NoChoice::None),
            ("", NoChoice::None),
            ("not Redis", NoChoice::None),
            ("Anything except Postgres", NoChoice::None),
            ("I would avoid Redis", NoChoice::None),
            ("hardly Redis", NoChoice::None),
            ("Redis is unlikely", NoChoice::None),
            ("anything but Redis", NoChoice::None),
            ("maybe Redis", NoChoice::None),
            ("Redis or Postgres", NoChoice::Several),
            ("Redis, though in memory is fine", NoChoice::Several),
            ("rediscover", NoChoice::None),
        ] {
            assert_eq!(options.chosen(answer), Err(reason), "{answer}");
        }
        for answer in [
            "I recommend **Redis**.",
            "Option Redis: anything else is slower",
            "Redis handles everything in one process",
            "There is possibly a race, so Redis",
            "Redis, as a loss is unlikely",
        ] {
            assert_eq!(options.chosen(answer), Ok("Redis"), "{answer}");
        }
        assert_eq!(options.chosen("Keep it In-Memory? No: in memory."), Err(NoChoice::None));
    }

    #[test]
    fn a_list_must_tell_answers_apart() {
        let refused =
            |list: &[&str]| Options::new(list.iter().map(|text| (*text).to_owned()).collect()).unwrap_err();
        assert_eq!(refused(&["a"]), OptionsError::Count(1));
        assert_eq!(refused(&["a", " "]), OptionsError::Length(1));
        assert_eq!(refused(&["Yes", "no", "yes."]), OptionsError::Same(0, 2));
    }
}
