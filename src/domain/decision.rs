//! Contradictions between a decision and the answers or comments given with it: in a form, in a terminal, on
//! the page or in relayed words. The person is asked back once; the same decision made again counts.

use super::catalogue::{Catalogue, CommentWords};
use super::cut::{cut_line, head, one_line};
use super::event::Decision;
use super::pattern::Pattern;
use super::plain::has_words;
use super::question::{Responses, after_no};

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
            let refusing =
                refusing.into_iter().filter(|concern| refuses(concern.id, concern.response.english()));
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

/// True if the answer to an open question refuses the subject of the decision.
fn refuses(id: &str, answer: &str) -> bool {
    let own =
        || Catalogue::all().iter().filter_map(|known| known.questions.get(id)).flat_map(|of| &of.refuses);
    sentences(answer).iter().any(|sentence| own().any(|known| known.is_in(sentence)))
        || sentences(after_no(answer)).iter().any(|sentence| any(|words| &words.refuses, sentence))
}

/// True if a comment is nothing but a word or a sign that refuses.
fn is_refusal(said: &str) -> bool {
    let is_end = |letter: char| letter.is_whitespace() || ['.', '!', '~'].contains(&letter);
    any(|words| &words.alone, said.trim().trim_end_matches(is_end).to_lowercase().as_str())
}

/// The side of a comment. `None` if its words do not show one.
fn leaning(said: &str) -> Option<Leaning> {
    let sentences = sentences(said);
    if is_refusal(said)
        || sentences.iter().any(|one| any(|words| &words.refuses, one) || any(|words| &words.faults, one))
    {
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
            let CommentWords { harmless, refuses, alone, faults, praises, turns } = &known.comments;
            let answers = known.questions.values().map(|question| &question.refuses);
            let comments =
                [harmless, refuses, alone, faults, praises, turns, &known.all_well, &known.not_nothing];
            for pattern in comments.into_iter().chain(answers).flatten() {
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
    fn a_refusal_is_heard_in_few_words() {
        for said in [
            "Please don't merge this, put it in a separate PR",
            "please revert this and send a separate change",
            "this is wrong and must be fixed",
            "The plan is wrong and should be corrected",
            "it does not work and needs more work",
            "This isn't right and needs rework",
            "The previous analysis is wrong",
            "the tests don't pass so it needs work",
            "not ready and needs changes",
            "please reject, do it in another change",
            "Wrong divisor still not fixed",
            "fix it when the tests are in, the cause is wrong",
            "나중에 말고 지금 수정해 주세요",
            "별도 브랜치에서 다시 수정해 주세요",
            "추가 수정이 필요하고 설명도 없습니다",
            "다음에 나오는 줄을 고쳐 주세요",
            "request changes",
            "changes requested",
            "needs changes",
            "NACK",
            "-1",
            "veto",
            "no-go",
            "needs work",
            "revise please",
            "please redo the analysis",
            "LGTM after you fix the typo",
            "only if the tests pass",
            "thumbs down",
            "👎",
            "👎🏽",
            "❌",
            "❌❌",
            "Please revert",
            "let's not merge",
            "재검토",
            "취소",
            "아니",
            "아직",
            "다시",
            "ㄴㄴ",
            "다음에",
            "그건 원인이 아니에요",
            "승인 안 함",
            "틀림",
            "수정해 주세요",
            "nicht mergen!",
            "まだマージしないで",
            "マージしないでください",
            "不要合并",
            "only if it works",
            "only if it works on Windows",
            "approved once the typo is fixed",
            "I request changes",
            "requesting a few changes",
            "some changes needed",
            "This needs work",
            "it still needs rework",
            "needs more changes",
            "Undo.",
            "Revise",
            "please fix the typo",
            "NACK: breaks the API",
            "Bitte nicht mergen",
            "고쳐 주세요",
            "다시요",
            "재작업 바랍니다",
            "이 방법은 정답이 아닙니다",
            "보완 부탁드립니다",
            "아직 준비가 안 됐어요",
            "Ne fusionnez pas",
            "let's not do this",
            "Put it on hold",
            "not good",
            "tests still fail",
            "I don't like it",
            "please don't",
        ] {
            assert_eq!(leaning(said), Some(Leaning::Against), "{said}: {:?}", sentences(said));
        }
    }

    #[test]
    fn a_harmless_comment_is_not_asked_back() {
        for said in [
            "다시 시작해도 됩니다",
            "잘못됐던 부분이 고쳐짐",
            "was not correct before, now it is",
            "-1 is returned for a missing key, good",
            "No changes needed",
            "no further changes required",
            "needs no changes",
            "nothing needs work",
            "the requested changes are in",
            "all changes requested earlier are done",
            "merge it after the release",
            "after you add an item the total is right",
            "Revert button looks good",
            "the undo stack is fine",
            "please add docs later",
            "Please fix the docs in a follow-up",
            "revert it if CI fails",
            "the cancel path works",
            "let's not worry about the name",
            "only style nits",
            "only on Mondays",
            "Only two lines, nice",
            "no-go areas are respected",
            "The veto logic is right",
            "stop words are handled",
            "needs no rework",
            "it doesn't need more work",
            "I requested changes and they are done",
            "good now that you fixed it",
            "looks good after you fixed the typo",
            "Wait for CI, then merge",
            "it was completely wrong before",
            "No, it is fine",
            "the ❌ marks are gone",
            "👍",
            "✅",
            "this test does not need changes",
            "not only good but fast",
            "취소해도 되는 기능",
            "대기하지 않아도 됩니다",
            "수정해 주셔서 감사합니다",
            "나중에 이름을 바꿔 주세요",
            "더 수정할 것이 없습니다",
            "수정 요청 사항이 반영됨",
            "틀림없습니다",
            "문제가 아닙니다",
            "취소 처리도 좋네요",
            "다시 봐도 좋습니다",
            "아직까지는 좋습니다",
            "다음에 할 일은 따로 적겠습니다",
            "재검토 결과 좋습니다",
            "아니나 다를까 잘 됩니다",
            "재작업이 잘 됐습니다",
            "검토 완료",
            "수고하셨습니다",
            "원인이 맞습니다",
            "이제 재현되지 않습니다",
            "승인합니다",
            "좋아요",
            "네",
            "예, 좋습니다",
            "테스트도 통과했어요",
            "괜찮습니다",
            "머지해 주세요",
            "마음에 듭니다",
            "버그가 없습니다",
            "오류가 남지 않습니다",
            "틀렸던 값이 맞네요",
            "マージしてください",
            "问题不大",
            "gut",
            "mach weiter",
            "ok to merge if tests pass",
            "Approve, please merge",
            "please merge",
            "please go ahead",
            "Please ship",
            "hold the door",
            "I like it",
            "I want this",
            "later: add docs",
            "I don't think it is wrong",
            "the old code is wrong, approve",
            "the wrong answer is gone",
            "더 이상 문제 있는 부분 없음",
            "문제가 있던 부분이 고쳐졌네요",
            "버그가 많던 부분인데 잘 고쳤습니다",
            "중단된 작업을 이어갑니다, 좋아요",
            "거부 목록 처리도 좋습니다",
        ] {
            assert_ne!(leaning(said), Some(Leaning::Against), "{said}: {:?}", sentences(said));
        }
    }

    #[test]
    fn a_review_that_is_content_is_not_asked_back() {
        for said in [
            "수정 요청드린 부분 모두 반영됐네요",
            "수정 부탁드린 부분 반영 확인했습니다",
            "이름은 다음 PR에서 수정해 주세요",
            "no - fine as it is",
            "fine, if you rename it later",
            "다시 검토해 보니 괜찮습니다",
            "Fixed on the first try, nice",
            "bad rounding fixed",
            "Nope, nothing to add",
            "approved, but remove the debug line in a follow-up",
            "LGTM, nice work",
            "nit: rename later",
            "approved, thanks for the changes",
            "변경 확인했습니다, 진행하세요",
        ] {
            assert_ne!(leaning(said), Some(Leaning::Against), "{said}: {:?}", sentences(said));
        }
    }

    #[test]
    fn a_no_answers_an_open_question_and_only_some_of_them_ask_for_a_yes() {
        for (stage, id, answer, count) in [
            (Stage::Analyze, "analyze_completeness", "no", 0),
            (Stage::Analyze, "analyze_completeness", "No, the record is complete", 0),
            (Stage::Analyze, "analyze_completeness", "No. I looked at every caller.", 0),
            (Stage::Analyze, "analyze_completeness", "아니요, 없습니다", 0),
            (Stage::Analyze, "analyze_completeness", "No, do not go on like this", 1),
            (Stage::Implement, "impl_side_effects", "No!", 0),
            (Stage::Analyze, "analyze_repro", "only on Mondays", 0),
            (Stage::Analyze, "analyze_repro", "only if the cache is empty", 0),
            (Stage::Analyze, "analyze_repro", "no", 1),
            (Stage::Analyze, "analyze_repro", "It does not reproduce on my machine", 1),
            (Stage::Analyze, "analyze_repro", "I can't reproduce it.", 1),
            (Stage::Analyze, "analyze_repro", "재현이 안 됩니다", 1),
            (Stage::Analyze, "analyze_repro", "Yes; it does not reproduce with the older release", 0),
            (Stage::Hypothesize, "hypo_plausibility", "None of them", 1),
            (Stage::Hypothesize, "hypo_plausibility", "H1, no other fits", 0),
            (Stage::Hypothesize, "hypo_plausibility", "No doubt, H1", 0),
            (Stage::Analyze, "analyze_repro", "No difference on mine", 0),
            (Stage::Implement, "impl_side_effects", "the tests need fixing", 0),
        ] {
            assert_eq!(found(stage, Decision::Approve, id, answer, None), count, "{id}: {answer}");
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
