//! A closed list of options, and the search for the option that an answer names.

use std::collections::BTreeSet;
use thiserror::Error;

use super::canonical::Canonical;
use super::denial;
use super::stated::stated;
use crate::domain::order::Gather;
use crate::domain::packed::list;

/// The most options of one vote.
pub const MOST_OPTIONS: usize = 20;
/// Words that mean every other option if `but` follows.
const ALL: [&str; 3] = ["all", "anything", "everything"];
/// The most characters of one option.
const MOST_CHARS: usize = 200;
/// Words between a name in Korean and what is said of it.
const DEGREES: [&str; 4] = ["더", "가장", "제일", "훨씬"];

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
    /// The words with their signs, if another option has the same words: `int` beside `int*`.
    signs: Option<Vec<String>>,
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
        let of_words: Vec<(Vec<String>, Vec<String>)> =
            written.iter().map(|text| (words(text), signs(text))).collect();
        for (at, one) in of_words.iter().enumerate() {
            if let Some(other) = of_words.iter().take(at).position(|other| other == one) {
                return Err(OptionsError::Same(other, at));
            }
        }
        let labels: Vec<Option<(String, Vec<String>)>> = written.iter().map(|text| labelled(text)).collect();
        let marks: BTreeSet<&String> = labels.iter().flatten().map(|(label, _)| label).gather();
        let texts: BTreeSet<&Vec<String>> = labels.iter().flatten().map(|(_, text)| text).gather();
        let has_labels = marks.len() == written.len();
        let has_texts = texts.len() == written.len();
        let option = |(text, label): (String, Option<(String, Vec<String>)>)| {
            let own = (words(&text), signs(&text));
            let is_like = |other: &&(Vec<String>, Vec<String>)| other.0 == own.0;
            let has_a_double = of_words.iter().filter(is_like).count() > 1;
            let (mut names, signs) = (vec![own.0], has_a_double.then_some(own.1));
            if let Some((label, text)) = label.filter(|_| has_labels) {
                names.push(vec![label]);
                names.extend(has_texts.then_some(text));
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
            Listed { written: text, names, letter, signs }
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
        let bare = self::tokens(Canonical::of_line(said).key());
        let is_whole = |option: &&Listed| option.is_at(&tokens) || option.is_at(&bare);
        if let Some(option) = self.options.iter().find(is_whole) {
            return Ok(option);
        }
        let all: Vec<&str> = tokens.iter().map(|token| token.lower.as_str()).collect();
        let ends = |at: usize| tokens.get(at).is_some_and(|token| token.ends_clause);
        let leads = |mention: &Mention| mention.from == 0 && ends(mention.to - 1);
        let own = |mention: &Mention| all.get(mention.from..mention.to).unwrap_or_default();
        let mut mentions = self.mentions(&tokens);
        // `Yes, no blocker remains` does not name `no`.
        if mentions.iter().any(leads) {
            mentions.retain(|mention| {
                let begins = mention.from.checked_sub(1).is_some_and(ends);
                let next = all.get(mention.to).filter(|_| !ends(mention.to - 1));
                let is_longer = next.is_some_and(|word| !denial::takes_back(word));
                !(begins && is_longer && own(mention).len() == 1 && denial::is_negative(own(mention)))
            });
        }
        let named: BTreeSet<usize> = mentions.iter().map(|mention| mention.option).gather();
        let mut named_in_order = named.iter();
        let (Some(first), None) = (named_in_order.next(), named_in_order.next()) else {
            return Err(if named.is_empty() { NoChoice::None } else { NoChoice::Several });
        };
        let option = self.options.get(*first).ok_or(NoChoice::None)?;
        // `Redis: no` denies it, though `no` is a clause of its own.
        let is_refused = mentions.iter().filter(|mention| ends(mention.to - 1)).any(|mention| {
            let after = (mention.to..tokens.len()).find(|at| ends(*at)).map_or(tokens.len(), |at| at + 1);
            let is_yes = mention.from == 0 && list("affirmative").contains(&own(mention).join(" ").as_str());
            !is_yes
                && !denial::is_negative(own(mention))
                && all.get(mention.to..after).is_some_and(denial::denies)
        });
        if is_refused {
            return Err(NoChoice::None);
        }
        // `No, it is not safe` answers with its first word.
        let leads = mentions.iter().any(leads);
        let is_inside = |at: usize| mentions.iter().any(|mention| (mention.from..mention.to).contains(&at));
        let is_in_a_clause_with_it = |at: usize| {
            mentions.iter().any(|mention| {
                // The parenthesis of `nicht (Redis)` ends no clause.
                let opens = tokens.get(mention.from).is_some_and(|token| token.opens);
                let start = mention.from - usize::from(opens && at < mention.from);
                let between = if at < mention.from { at..start } else { mention.to - 1..at };
                tokens.get(between).is_some_and(|between| !between.iter().any(|token| token.ends_clause))
            })
        };
        let denied = all.iter().enumerate().filter(|(at, _)| !is_inside(*at)).any(|(at, word)| {
            let before = at.checked_sub(1).and_then(|at| all.get(at));
            let is_all_but = *word == "but" && before.is_some_and(|it| ALL.contains(it));
            let hedges = || is_all_but || all.get(at..).is_some_and(denial::hedges);
            denial::is_contrary(word) || hedges() && is_in_a_clause_with_it(at)
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
                    let Some(tail) = tail(here, name, tokens.get(from + name.len()..)) else { continue };
                    let is_letter = name.len() == 1
                        && option
                            .letter
                            .as_ref()
                            .is_some_and(|letter| letter.to_lowercase() == *name.concat());
                    let keeps_case = || {
                        here.iter().all(|token| option.letter.as_deref() == token.written.strip_suffix(tail))
                    };
                    if option.has_signs_of(here) && (!is_letter || keeps_case()) {
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

impl Listed {
    /// True if words are the option and nothing else.
    fn is_at(&self, tokens: &[Token]) -> bool {
        let is_same = |name: &Vec<String>| tokens.iter().map(|token| &token.lower).eq(name);
        self.names.iter().any(is_same) && self.has_signs_of(tokens)
    }

    /// True if words have the signs that tell the option from another one with the same words.
    fn has_signs_of(&self, tokens: &[Token]) -> bool {
        let is_same = |signs: &Vec<String>| tokens.iter().map(|token| &token.signs).eq(signs);
        self.signs.as_ref().is_none_or(is_same)
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
    /// The word in small letters with the signs around it, but without the punctuation of a sentence.
    signs: String,
    /// True if a clause ends after the word.
    ends_clause: bool,
    /// True if a parenthesis opens before the word.
    opens: bool,
}

/// The letters at the end of a Korean name, if words are the name: nothing, an ending, or a particle before a
/// word in favour of it. `적용을 미룸` is against it.
fn tail<'a>(here: &'a [Token], name: &[String], after: Option<&[Token]>) -> Option<&'a str> {
    let ((last, before), (last_word, words)) = (here.split_last()?, name.split_last()?);
    let is_same = before.iter().zip(words).all(|(token, word)| token.lower == *word);
    let tail = last.lower.strip_prefix(last_word.as_str()).filter(|_| is_same)?;
    let is_degree = |token: &&Token| DEGREES.contains(&token.lower.as_str());
    let said = after.unwrap_or_default().iter().find(|token| !is_degree(token));
    let is_favoured = || said.is_some_and(|token| denial::favours(&token.lower));
    // Two letters are too few to tell: `예를` begins `예를 들어`.
    let is_ending = || {
        last.lower.chars().count() > 2
            && (list("sentence_endings").contains(&tail)
                || list("name_particles").contains(&tail) && is_favoured())
    };
    (tail.is_empty() || is_ending()).then_some(tail)
}

fn tokens(text: &str) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let plain = super::canonical::plain(&spaced(text));
    let words: Vec<&str> = plain.split(' ').collect();
    for (at, word) in words.iter().copied().enumerate() {
        // A single dash, a word like `because` or a last parenthesis ends the clause before it too.
        if (list("reasons").contains(&word) || words.get(at..).is_some_and(is_last_aside))
            && let Some(before) = found.last_mut()
        {
            before.ends_clause = true;
        }
        found.extend(token(word));
    }
    found
}

/// True if words begin with a parenthesis after which the sentence does not go on, unlike `(v7) is not safe`.
fn is_last_aside(words: &[&str]) -> bool {
    let mut rest = words.iter().skip_while(|word| !word.contains(')'));
    let ends = rest.next().is_none_or(|word| !word.trim_end_matches(['*', '_', '"', '`']).ends_with(')'));
    let is_opening = words.first().is_some_and(|word| word.starts_with('('));
    is_opening && (ends || rest.next().is_none_or(|word| list("reasons").contains(word)))
}

/// A text with white space beside the punctuation of languages that write none there.
fn spaced(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    let is_unspaced = |letter: char| letter.is_alphabetic() && !letter.is_ascii();
    let mut letters = text.chars().peekable();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        match letter {
            '(' if is_unspaced(before)
                || before != ' ' && letters.peek().copied().is_some_and(is_unspaced) =>
            {
                spaced.push_str(" (");
            }
            '、' | '，' => spaced.push_str(", "),
            '。' => spaced.push_str(". "),
            '；' => spaced.push_str("; "),
            '：' => spaced.push_str(": "),
            '！' => spaced.push_str("! "),
            '？' => spaced.push_str("? "),
            '（' => spaced.push_str(" ("),
            '）' => spaced.push_str(") "),
            other => spaced.push(other),
        }
        before = letter;
    }
    spaced
}

fn token(word: &str) -> Option<Token> {
    let is_mark = |letter: char| "\"'`*_()[]{}<>,;:!?.…—–¡¿「」『』".contains(letter);
    // `!ready` is the opposite of `ready`, so its mark stays.
    let bare = word.trim_start_matches(['"', '\'', '`', '*', '(']);
    let is_turned = bare.strip_prefix('!').is_some_and(|it| it.starts_with(|it: char| it.is_alphanumeric()));
    let core = if is_turned { bare } else { word.trim_start_matches(is_mark) };
    let core = core.trim_end_matches(is_mark);
    let core = if core.chars().any(char::is_alphanumeric) {
        core
    } else {
        word.trim_matches(|letter: char| "\"'`*_.…,;:!?—–-".contains(letter))
    };
    if core.is_empty() {
        return None;
    }
    let after = word.rsplit_once(core).map_or("", |(_, after)| after);
    Some(Token {
        lower: Canonical::of_line(core).key().to_lowercase(),
        written: core.to_owned(),
        signs: Canonical::of_line(word.trim_end_matches([',', ';', ':'])).key().to_lowercase(),
        ends_clause: after.contains([',', ';', ':', '.', '…', '!', '—', '–', ')']),
        opens: word.starts_with('('),
    })
}

fn words(text: &str) -> Vec<String> {
    tokens(text).into_iter().map(|token| token.lower).collect()
}

fn signs(text: &str) -> Vec<String> {
    tokens(text).into_iter().map(|token| token.signs).collect()
}

/// Splits an option like `A) token bucket` into label and text. None if it has no label.
fn labelled(text: &str) -> Option<(String, Vec<String>)> {
    let (label, rest) = text.trim().split_once([' ', '\t'])?;
    let is_label = label.ends_with([')', '.', ':'])
        && (1..=3).contains(&label.trim_matches(|letter: char| !letter.is_alphanumeric()).chars().count());
    let (label, text) = (words(label).concat(), words(rest));
    (is_label && !label.is_empty() && !text.is_empty()).then_some((label, text))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_denied_option_is_no_choice_in_any_language() {
        for (list, answers) in [
            (
                &["적용", "보류"][..],
                &[
                    "적용 안 함", "적용 안함", "적용 금지", "적용 반대", "적용: 안 함", "적용 하지 않음",
                    "적용 하면 안 됩니다", "적용 불가", "적용 말고 다른 것", "적용 (반대)",
                ][..],
            ),
            (
                &["Redis", "Postgres"],
                &[
                    "Redis 아님", "Redis 제외", "Redis 빼고 전부", "nicht Redis", "kein Redis",
                    "Redis nicht", "auf keinen Fall Redis", "Redis ではない", "Redis 以外",
                    "Redis は使わない", "Redis、不可", "pas Redis", "sin Redis", "Redis 不行", "不用 Redis",
                    "除了 Redis", "не Redis", "Redis is a bad idea", "Redis — no",
                    "Redis: no, it loses data", "Redis - never", "!Redis", "`!Redis`", "Redis: hardly",
                ],
            ),
            (&["안전", "위험"], &["안전 하지 않음", "안전 하지 않습니다."]),
            (&["安全", "危険"], &["安全 ではない", "安全 ではありません"]),
            (&["!ready", "waiting"], &["ready"]),
        ] {
            let options = options(list);
            for answer in answers {
                assert_eq!(options.chosen(answer), Err(NoChoice::None), "{answer}");
            }
        }
        for (list, answer, expected) in [
            (&["적용", "보류"][..], "적용, 안 하면 데이터가 사라집니다", "적용"),
            (&["적용", "보류"], "적용. 보안 문제가 없다", "적용"),
            (&["적용 안 함", "적용"], "적용 안 함", "적용 안 함"),
            (&["허용", "금지"], "금지", "금지"),
            (&["허용", "금지"], "금지, 위험하므로", "금지"),
            (&["Redis 제외", "Postgres 제외"], "Redis 제외 권장", "Redis 제외"),
            (&["A", "B"], "A 안", "A"),
            (&["はい", "いいえ"], "はい、安全です", "はい"),
            (&["はい", "いいえ"], "「いいえ」", "いいえ"),
            (&["不可", "可"], "不可", "不可"),
            (&["nein", "ja"], "Nein, niemals.", "nein"),
            (&["yes", "no"], "No. Never.", "no"),
            (&["Redis", "Postgres"], "Redis, no doubt", "Redis"),
            (&["Redis", "Postgres"], "Redis, weil nicht alles in den Speicher passt", "Redis"),
            (&["Redis", "Postgres"], "Redis — es gibt keine Alternative", "Redis"),
            (&["sin", "cos"], "use sin", "sin"),
            (&["Noto Sans", "Roboto"], "I prefer Noto Sans", "Noto Sans"),
        ] {
            assert_eq!(options(list).chosen(answer), Ok(expected), "{answer}");
        }
    }

    #[test]
    fn a_reason_with_words_of_denial_is_no_denial() {
        type Case = (&'static [&'static str], &'static str, &'static [&'static str]);
        let cases: [Case; 16] = [
            (
                &["Redis", "Postgres"],
                "Redis",
                &[
                    "Redis, kein Problem",
                    "Redis – kein Plattenzugriff",
                    "Redis, kein Zweifel",
                    "Redis, aucun problème",
                    "Redis, ningún problema",
                    "Redis, nessun problema",
                    "Redis、ブロックしない",
                    "Redis，不用担心",
                    "Redis (keine Platte nötig)",
                    "Redis (no blocker remains)",
                    "Redis (perhaps with a replica)",
                    "Redis(문제 없음)",
                    "Redis, 반대 의견 없음",
                    "Redis、反対意見なし",
                    "Redis，没有问题",
                    "Redis를 추천합니다",
                    "Redis가 더 적합합니다",
                    "**Redis (no blocker remains)**",
                    "Redis (not slow). It is safe.",
                    "Redis (not slow) — it is safe",
                    "Redis、反対ではない",
                    "Redis，反对的理由没有",
                    "Redis, 반대하지 않음",
                ],
            ),
            (
                &["ja", "nein"],
                "ja",
                &["ja, kein Blocker", "Ja – keine Bedenken", "ja (kein Risiko)", "Ja, nie"],
            ),
            (
                &["적용", "보류"],
                "적용",
                &[
                    "적용, 반대 없음",
                    "적용, 제외 없음",
                    "적용 — 금지 아님",
                    "적용 - 불가피함",
                    "적용 (보류하지 않을 이유가 없음)",
                    "적용 (반대 의견 없음)",
                    "적용 (불가 사유 없음)",
                    "적용(문제 없음)",
                    "적용(보류할 이유 없음)",
                    "적용, 보류하지 않음",
                    "적용합니다",
                    "적용이 맞습니다",
                    "적용을 권장",
                    "적용해야 합니다",
                    "적용을 권장 — 금지 아님",
                ],
            ),
            (
                &["예", "아니오"],
                "예",
                &["예, 반대 없음", "예, 불필요합니다", "예(필요함)", "예 (문제 아님)", "예입니다"],
            ),
            (
                &["예", "아니오"],
                "아니오",
                &["아니오 (불가)", "아니오, 불필요합니다", "예를 들어 느리므로 아니오"],
            ),
            (&["はい", "いいえ"], "はい", &["はい、危険ではない", "はい、失敗しません", "はい(問題なし)"]),
            (&["はい", "いいえ"], "いいえ", &["いいえ、不可", "いいえ(禁止)"]),
            (&["是", "否"], "是", &["是，不用改", "是，不能并发访问", "是，没有问题"]),
            (&["是", "否"], "否", &["否，不行"]),
            (&["A", "B"], "A", &["A (no lock is needed)", "A입니다", "A입니다."]),
            (
                &["yes", "no"],
                "yes",
                &["yes (not a risk)", "yes — no blocker remains", "Yes, no blocker remains", "yes, unlikely"],
            ),
            (&["yes", "no"], "no", &["no (never)", "No, no lock is held"]),
            (&["approve", "reject"], "approve", &["approve (no concerns)", "approve, no issues"]),
            (&["찬성", "반대"], "찬성", &["찬성, 반대 의견 없음"]),
            (&["да", "нет"], "да", &["да, нет проблем"]),
            (&["적용 안 함", "적용"], "적용 안 함", &["적용 안 함입니다"]),
        ];
        for (list, expected, answers) in cases {
            let options = options(list);
            for answer in answers {
                assert_eq!(options.chosen(answer), Ok(expected), "{answer}");
            }
        }
    }

    #[test]
    fn a_bare_denial_stays_one() {
        type Case = (&'static [&'static str], NoChoice, &'static [&'static str]);
        let cases: [Case; 5] = [
            (
                &["Redis", "Postgres"],
                NoChoice::None,
                &[
                    "Redis (not recommended)",
                    "Redis, not suitable",
                    "Redis (not acceptable)",
                    "Redis (no)",
                    "Redis (maybe)",
                    "Redis (nicht empfohlen)",
                    "Redis, keinesfalls",
                    "nicht (Redis)",
                    "Redis (v7) is not suitable",
                    "Redis (the fast one) should be avoided, never used",
                    "Redis, falsche Wahl",
                    "Redis (불가 판정)",
                    "Redis, 반대 의견",
                    "kein (Redis)",
                    "not (Redis)",
                    "Redis、使用しない",
                    "Redis、推奨しません",
                    "Redis、不可です",
                    "Redis（使わないでください）",
                    "Redis、使うべきではない",
                    "Redis，不推荐使用",
                    "Redis，不用",
                    "Redis，我不建议采用",
                    "Redis（不行的）",
                    "Redis, 제외합니다",
                    "Redis (pas recommandé)",
                    "Redis (не рекомендуется)",
                    "Redis가 좋지 않음",
                    "Redis를 버림",
                    "Redis가 더 위험함",
                ],
            ),
            (
                &["적용", "보류"],
                NoChoice::None,
                &[
                    "적용 (반대)",
                    "적용(반대)",
                    "적용, 반대합니다",
                    "적용: 반대 함",
                    "적용, 불가능",
                    "적용 — 안 합니다",
                    "적용: 하면 안 됩니다",
                    "적용, 사용하지 않음",
                    "적용, 안 하는 것이 좋습니다",
                    "적용을 미룸",
                    "적용을 반대",
                    "적용이 아님",
                    "적용이 필요 없음",
                    "적용을 선택할 수 없음",
                    "적용하지 않음",
                    "적용은 위험",
                    "적용, 불필요합니다",
                ],
            ),
            (
                &["yes", "no"],
                NoChoice::Several,
                &[
                    "yes, no", "yes... no, wait", "yes… no, wait", "yes, no wait", "yes, no sorry",
                    "yes, or no",
                ],
            ),
            (&["예", "아니오"], NoChoice::None, &["예 아님"]),
            (&["적용", "보류"], NoChoice::Several, &["적용입니다, 보류", "적용이 맞음 (보류)"]),
        ];
        for (list, expected, answers) in cases {
            let options = options(list);
            for answer in answers {
                assert_eq!(options.chosen(answer), Err(expected), "{answer}");
            }
        }
    }

    #[test]
    fn options_may_differ_in_signs_alone() {
        for (list, answers) in [
            (
                &["int", "int*"][..],
                &[
                    ("int", "int"),
                    ("int*", "int*"),
                    ("`int*`", "int*"),
                    ("Option int*.", "int*"),
                    ("**int**", "int"),
                ][..],
            ),
            (&["len", "__len__"], &[("ANSWER: __len__", "__len__"), ("**ANSWER: len**", "len")]),
            (&["x <= 3", "x >= 3"], &[("x <= 3", "x <= 3"), ("It is x >= 3.", "x >= 3")]),
            (&["ready", "!ready"], &[("!ready", "!ready"), ("`ready`", "ready"), ("Ready!", "ready")]),
            (&["foo", "foo()"], &[("foo()", "foo()"), ("foo", "foo")]),
            (&["A) int", "B) int*"], &[("B", "B) int*"), ("A) int", "A) int")]),
        ] {
            let options = options(list);
            for (answer, expected) in answers {
                assert_eq!(options.chosen(answer), Ok(*expected), "{answer}");
            }
        }
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
