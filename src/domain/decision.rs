//! Contradictions between a decision and the answers or comments given with it: in a form, in a terminal, on
//! the page or in relayed words. The person is asked back once; the same decision made again counts.

use super::catalogue::{Catalogue, CommentWords};
use super::cut::{cut_line, head, one_line};
use super::event::Decision;
use super::pattern::Pattern;
use super::plain::has_words;
use super::question::Responses;

/// Something said with a decision that contradicts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// An answer to a question speaks against approval.
    Answer {
        /// Id of the question.
        id: &'static str,
        /// Text of the question.
        question: String,
        answer: String,
    },
    /// A comment contradicts the decision; holds the comment.
    Comment(String),
    /// An approval has instructions for changes.
    Instructions,
    /// A revision does not say what to change.
    NoWords,
}

impl Contradiction {
    pub fn line(&self) -> String {
        match self {
            Self::Answer { id, question, answer } => format!("{question} - {answer} ({id})"),
            Self::Comment(said) => format!("your words: \u{201c}{}\u{201d}", cut_line(said, MOST_CHARS)),
            Self::Instructions => "an approval with instructions for a revision".to_owned(),
            Self::NoWords => "a revision without a word on what to change".to_owned(),
        }
    }

    /// True if repeating the decision does not resolve it: a revision always needs words.
    pub fn is_final(&self) -> bool {
        match self {
            Self::NoWords => true,
            Self::Answer { .. } | Self::Comment(_) | Self::Instructions => false,
        }
    }
}

/// Maximum characters of a person's words in a message.
const MOST_CHARS: usize = 200;

/// The words that a person adds to a decision.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words<'a> {
    pub comment: Option<&'a str>,
    /// Changes that the person wants.
    pub instructions: Option<&'a str>,
}

pub fn contradictions(decision: Decision, responses: &Responses, words: Words<'_>) -> Vec<Contradiction> {
    let Words { comment, instructions } = words;
    let has_words = instructions.is_some_and(has_words);
    let says = |said: &[Option<&str>], leaning_to: Leaning| {
        let said = said.iter().flatten().filter(|said| leaning(said) == Some(leaning_to));
        said.map(|said| Contradiction::Comment((*said).to_owned())).collect::<Vec<_>>()
    };
    match decision {
        Decision::Approve => {
            let against = responses.against_approval();
            let refusing = responses.in_own_words();
            let refusing = refusing.into_iter().filter(|concern| refuses(concern.response.english()));
            let concerns = against.into_iter().chain(refusing).map(|concern| Contradiction::Answer {
                id: concern.id,
                question: concern.question.english().to_owned(),
                answer: cut_line(concern.response.english(), MOST_CHARS),
            });
            let instructed = has_words.then_some(Contradiction::Instructions);
            concerns.chain(instructed).chain(says(&[comment], Leaning::Against)).collect()
        }
        Decision::Revise if !has_words => vec![Contradiction::NoWords],
        Decision::Revise | Decision::Reject => says(&[comment, instructions], Leaning::For),
    }
}

/// The message that asks the person to decide again, with all contradictions.
pub fn asked_back(decision: Decision, found: &[Contradiction]) -> String {
    let lines: Vec<String> = found.iter().map(|one| format!("- {}", one.line())).collect();
    format!(
        "You chose to {}, but this contradicts it:\n{}\nPlease decide again. If you make the same decision, it counts.",
        decision.name(),
        lines.join("\n")
    )
}

// The side that a comment takes, as far as its words show it. It is a reason to ask back, but never decides.

/// Maximum characters of a comment that are read.
const MOST_READ: usize = 4_000;
/// Maximum words of a comment that counts as praise.
const MOST_PRAISE: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaning {
    For,
    Against,
}

/// True if a pattern of any language matches: a Korean reader may write in English.
fn any(of: fn(&CommentWords) -> &Vec<Pattern>, text: &str) -> bool {
    Catalogue::all().iter().flat_map(|known| of(&known.comments)).any(|known| known.is_in(text))
}

/// The sentences of a comment in lower case, without harmless phrases.
fn sentences(said: &str) -> Vec<String> {
    let lower: String = head(said, MOST_READ).to_lowercase();
    let plain = lower
        .replace(['\u{2019}', '\u{2018}', '`'], "'")
        .replace(['*', '_', '"', '\u{201c}', '\u{201d}'], " ");
    plain
        .split_inclusive(['.', '!', '?', ';', '\n'])
        // A question takes no side.
        .filter(|sentence| !sentence.trim_end().ends_with('?'))
        .map(|sentence| {
            let harmless = Catalogue::all().iter().flat_map(|known| &known.comments.harmless);
            harmless
                .filter_map(Pattern::regex)
                .fold(one_line(sentence), |line, known| known.replace_all(&line, " ").trim().to_owned())
        })
        .collect()
}

/// True if a text refuses the subject of the decision.
fn refuses(said: &str) -> bool {
    sentences(said).iter().any(|sentence| any(|words| &words.refuses, sentence))
}

/// The side of a comment. `None` if its words do not show one.
fn leaning(said: &str) -> Option<Leaning> {
    let sentences = sentences(said);
    if sentences.iter().any(|one| any(|words| &words.refuses, one) || any(|words| &words.faults, one)) {
        return Some(Leaning::Against);
    }
    let is_short = said.split_whitespace().count() <= MOST_PRAISE;
    let praises = sentences.iter().any(|one| any(|words| &words.praises, one));
    let turns = sentences.iter().any(|one| any(|words| &words.turns, one));
    (is_short && praises && !turns).then_some(Leaning::For)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::domain::question::read;
    use crate::domain::stage::Stage;

    fn found(stage: Stage, decision: Decision, id: &str, answer: &str, words: Option<&str>) -> usize {
        let given = Map::from_iter([(id.to_owned(), json!(answer))]);
        let words = Words { instructions: words, comment: None };
        contradictions(decision, &read(stage, &given).unwrap(), words).len()
    }

    #[test]
    fn an_answer_against_an_approval_contradicts_it_and_nothing_else() {
        for (stage, id, answer) in [
            (Stage::Analyze, "analyze_accuracy", "Some are wrong"),
            (Stage::Hypothesize, "hypo_priority", "No, another one first"),
            (Stage::Implement, "impl_approach", "Only the symptom"),
            (Stage::Implement, "impl_scope", "너무 큼"),
            (Stage::Debug, "debug_analysis", "No"),
            (Stage::Debug, "debug_hypothesis", "Drop it and take another"),
            (Stage::Debug, "debug_iteration", "Undo and begin again"),
            (Stage::Improve, "improve_necessary", "None of them"),
            (Stage::Improve, "improve_merge", "No"),
        ] {
            assert_eq!(found(stage, Decision::Approve, id, answer, None), 1, "{id}");
            assert_eq!(found(stage, Decision::Reject, id, answer, None), 0, "{id}");
            assert_eq!(found(stage, Decision::Revise, id, answer, Some("smaller")), 0, "{id}");
        }
        for (stage, id, answer) in [
            (Stage::Analyze, "analyze_accuracy", "Most of them"),
            (Stage::Analyze, "analyze_completeness", "the caller"),
            (Stage::Implement, "impl_tests", "More tests are needed"),
            (Stage::Improve, "improve_merge", "After small corrections"),
        ] {
            assert_eq!(found(stage, Decision::Approve, id, answer, None), 0, "{id}");
        }
    }

    #[test]
    fn a_comment_that_says_the_opposite_contradicts() {
        let said = |decision, text: &str| {
            let words = match decision {
                Decision::Revise => Words { instructions: Some(text), comment: None },
                Decision::Approve | Decision::Reject => Words { comment: Some(text), instructions: None },
            };
            contradictions(decision, &Responses::default(), words)
        };
        let wrong = "Do not merge this, it is wrong";
        assert_eq!(said(Decision::Approve, wrong), [Contradiction::Comment(wrong.to_owned())]);
        assert!(said(Decision::Reject, wrong).is_empty() && said(Decision::Revise, wrong).is_empty());
        assert_eq!(said(Decision::Reject, "LGTM, merge it").len(), 1);
        assert_eq!(said(Decision::Revise, "Looks good to me").len(), 1);
        assert!(said(Decision::Revise, "Looks good, but rename it").is_empty());
        assert!(said(Decision::Approve, "Looks good to me").is_empty());
        for against in [
            "I would rather you didn't",
            "don't",
            "I am not convinced",
            "this must be fixed first",
            "LGTM except that it breaks the build",
            "approved, but fix the typo first",
            "cancel this",
            "not yet",
            "하지 마세요",
            "이건 아닙니다",
            "보류",
            "수정이 필요합니다",
            "먼저 고쳐야 합니다",
        ] {
            assert_eq!(said(Decision::Approve, against).len(), 1, "{against}");
        }
        for with in [
            "don't worry, go on",
            "breaks nothing",
            "nothing breaks",
            "no objections",
            "not bad at all",
            "I am happy with it",
            "문제 없습니다",
            "수정이 필요 없습니다",
            "걱정하지 마세요, 좋습니다",
        ] {
            assert!(said(Decision::Approve, with).is_empty(), "{with}");
        }
        // An open question asks for trouble, so only a refusal contradicts there.
        assert_eq!(
            found(Stage::Analyze, Decision::Approve, "analyze_completeness", "do not go on like this", None),
            1
        );
        assert_eq!(
            found(
                Stage::Analyze,
                Decision::Approve,
                "analyze_completeness",
                "the cache is wrong after it",
                None
            ),
            0
        );
        assert!(Contradiction::Comment("x ".repeat(500)).line().chars().count() < 250);
    }

    #[test]
    fn a_revision_needs_words() {
        for (words, count) in [(None, 1), (Some(""), 1), (Some(" \n"), 1), (Some("smaller"), 0)] {
            let none = read(Stage::Analyze, &Map::<String, Value>::new()).unwrap();
            let words = Words { instructions: words, comment: None };
            assert_eq!(contradictions(Decision::Revise, &none, words).len(), count);
        }
        let words = Words { instructions: Some("smaller"), comment: None };
        assert_eq!(contradictions(Decision::Approve, &Responses::default(), words).len(), 1);
    }

    #[test]
    fn every_pattern_is_one() {
        for known in Catalogue::all() {
            let CommentWords { harmless, refuses, faults, praises, turns } = &known.comments;
            for pattern in [harmless, refuses, faults, praises, turns].into_iter().flatten() {
                assert!(pattern.regex().is_some(), "{pattern:?}");
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
