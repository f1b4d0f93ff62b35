//! Side that a comment takes in a decision, as far as words tell: a reason to ask back, and to
//! decide nothing by.

use std::sync::OnceLock;

use regex::Regex;

use crate::domain::catalogue::{Catalogue, CommentWords};
use crate::domain::cut::one_line;

/// Characters of a comment that are read.
const MOST_CHARS: usize = 4_000;
/// Words of a comment that is praise and nothing else.
const MOST_PRAISE: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaning {
    For,
    Against,
}

struct Patterns {
    harmless: Vec<Regex>,
    refuses: Vec<Regex>,
    faults: Vec<Regex>,
    praises: Vec<Regex>,
    turns: Vec<Regex>,
}

/// The patterns of all languages: a reader of Korean may write English.
fn patterns() -> &'static Patterns {
    static READ: OnceLock<Patterns> = OnceLock::new();
    READ.get_or_init(|| {
        let all = |of: fn(&CommentWords) -> &Vec<String>| {
            let texts = Catalogue::all().iter().flat_map(|known| of(&known.comments));
            // A test reads each.
            texts.filter_map(|text| Regex::new(text).ok()).collect()
        };
        Patterns {
            harmless: all(|words| &words.harmless),
            refuses: all(|words| &words.refuses),
            faults: all(|words| &words.faults),
            praises: all(|words| &words.praises),
            turns: all(|words| &words.turns),
        }
    })
}

/// The sentences of a comment in lower case, without what is harmless.
fn sentences(said: &str) -> Vec<String> {
    let lower: String = said.chars().take(MOST_CHARS).collect::<String>().to_lowercase();
    let plain = lower
        .replace(['\u{2019}', '\u{2018}', '`'], "'")
        .replace(['*', '_', '"', '\u{201c}', '\u{201d}'], " ");
    plain
        .split_inclusive(['.', '!', '?', ';', '\n'])
        // A question asks, it says nothing yet.
        .filter(|sentence| !sentence.trim_end().ends_with('?'))
        .map(|sentence| {
            let line = one_line(sentence);
            patterns()
                .harmless
                .iter()
                .fold(line, |line, known| known.replace_all(&line, " ").trim().to_owned())
        })
        .collect()
}

fn any(patterns: &[Regex], text: &str) -> bool {
    patterns.iter().any(|known| known.is_match(text))
}

/// True if a text refuses what is decided on.
pub(super) fn refuses(said: &str) -> bool {
    sentences(said).iter().any(|sentence| any(&patterns().refuses, sentence))
}

/// Where a comment leans; none where its words do not tell.
pub(super) fn leaning(said: &str) -> Option<Leaning> {
    let known = patterns();
    let sentences = sentences(said);
    if sentences.iter().any(|one| any(&known.refuses, one) || any(&known.faults, one)) {
        return Some(Leaning::Against);
    }
    let is_short = said.split_whitespace().count() <= MOST_PRAISE;
    let praises = sentences.iter().any(|one| any(&known.praises, one));
    let turns = sentences.iter().any(|one| any(&known.turns, one));
    (is_short && praises && !turns).then_some(Leaning::For)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_one() {
        for known in Catalogue::all() {
            let CommentWords { harmless, refuses, faults, praises, turns } = &known.comments;
            for text in [harmless, refuses, faults, praises, turns].into_iter().flatten() {
                Regex::new(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            }
        }
    }

    #[test]
    fn what_speaks_against_it_is_heard_in_many_words() {
        for said in [
            "do not merge this, it is wrong",
            "Don't merge!",
            "don\u{2019}t apply it yet",
            "Please do not go ahead with this.",
            "This should not be merged",
            "this can't be merged like that",
            "must never be applied",
            "not mergeable",
            "This isn't ready.",
            "I disagree with H1",
            "I reject this",
            "No, this is something else",
            "no",
            "Stop. Look at the caller first.",
            "WRONG",
            "it's completely wrong",
            "This is the wrong file",
            "wrong approach, see the issue",
            "the fix does not work",
            "it doesn't fix the bug",
            "that is not correct",
            "Not the root cause",
            "this needs more work",
            "needs a different approach",
            "undo this and start over",
            "Fix it first",
            "I like the idea. But the patch is broken.",
            "\u{bcd1}\u{d569}\u{d558}\u{c9c0} \u{b9c8}\u{c138}\u{c694}",
            "이건 틀렸습니다. 적용하지 마세요",
            "병합하면 안 됩니다",
            "머지 금지",
            "아직 승인하지 말아 주세요",
            "동의하지 않습니다",
            "잘못된 수정입니다",
            "원인이 맞지 않습니다",
            "다시 작성해 주세요",
            "문제가 있습니다",
            "테스트가 통과하지 않습니다",
            "반대합니다",
            "아니요",
            "안 돼요",
        ] {
            assert_eq!(leaning(said), Some(Leaning::Against), "{said}: {:?}", sentences(said));
        }
    }

    #[test]
    fn what_goes_with_an_approval_is_let_through() {
        for said in [
            "good",
            "Looks good to me, thanks",
            "nothing wrong here",
            "I don't see anything wrong",
            "I see nothing that is wrong",
            "Not wrong, just slow",
            "What was wrong is fixed now",
            "the wrong divisor is gone",
            "no objections",
            "No concerns",
            "Is this wrong on Windows?",
            "Tell me if it is wrong",
            "fixes the broken mean",
            "merge it after the release",
            "keep the test for the empty list",
            "Do not worry about the caller",
            "please do not touch other.py",
            "좋습니다",
            "문제 없습니다",
            "틀린 곳이 없습니다",
            "잘못된 값이 고쳐졌습니다",
            "진행하세요",
            "",
            " \n",
        ] {
            assert_ne!(leaning(said), Some(Leaning::Against), "{said}: {:?}", sentences(said));
        }
    }

    #[test]
    fn praise_alone_does_not_go_with_a_refusal() {
        for said in ["LGTM", "Looks good, merge it", "ship it", "좋습니다. 진행하세요", "It is fine"]
        {
            assert_eq!(leaning(said), Some(Leaning::For), "{said}");
        }
        for said in [
            "Looks good, but rename it",
            "add a test",
            "이름은 좋지만 테스트를 추가",
            "The right fix is elsewhere",
        ] {
            assert_ne!(leaning(said), Some(Leaning::For), "{said}");
        }
    }
}
