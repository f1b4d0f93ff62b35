//! The questions of every stage as data.

use super::{Priority, Question};
use crate::domain::stage::Stage;

/// What it means if an answer is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bearing {
    /// Nothing has to follow.
    Fine,
    /// Something is not as it should be.
    Concern,
    /// It is not as it should be, and an approval does not go with that.
    Against,
}

/// An answer that is offered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) en: &'static str,
    pub(super) ko: &'static str,
    pub(super) bearing: Bearing,
}

/// A question; its answer is in one's own words where no choice is offered.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: &'static str,
    pub(super) priority: Priority,
    pub(super) en: &'static str,
    pub(super) ko: &'static str,
    pub(super) choices: &'static [Choice],
}

impl Row {
    pub(super) fn question(&self) -> Question {
        Question {
            id: self.id.to_owned(),
            priority: self.priority,
            question: self.en.to_owned(),
            question_ko: self.ko.to_owned(),
            options: self.choices.iter().map(|choice| choice.en.to_owned()).collect(),
            options_ko: self.choices.iter().map(|choice| choice.ko.to_owned()).collect(),
            requires_text_response: self.choices.is_empty(),
            context: None,
            context_ko: None,
            response: None,
        }
    }
}

pub(super) fn rows(stage: Stage) -> &'static [Row] {
    match stage {
        Stage::Analyze => ANALYZE,
        Stage::Hypothesize => HYPOTHESIZE,
        Stage::Implement => IMPLEMENT,
        Stage::Debug => DEBUG,
        Stage::Improve => IMPROVE,
    }
}

const fn fine(en: &'static str, ko: &'static str) -> Choice {
    Choice { en, ko, bearing: Bearing::Fine }
}

const fn concern(en: &'static str, ko: &'static str) -> Choice {
    Choice { en, ko, bearing: Bearing::Concern }
}

const fn against(en: &'static str, ko: &'static str) -> Choice {
    Choice { en, ko, bearing: Bearing::Against }
}

/// Questions in one's own words that ask for trouble: every answer but `nothing` is a concern.
pub(super) const ASK_FOR_TROUBLE: [&str; 4] =
    ["analyze_completeness", "hypo_missing", "impl_side_effects", "improve_risk"];

const ANALYZE: &[Row] = &[
    Row {
        id: "analyze_completeness",
        priority: Priority::Critical,
        en: "Which fact that you know of is missing here? Write \"nothing\" if the record is complete.",
        ko: "알고 계신 사실 중 여기에 빠진 것이 있습니까? 빠진 것이 없으면 \"없음\"이라고 적어 주십시오.",
        choices: &[],
    },
    Row {
        id: "analyze_accuracy",
        priority: Priority::Critical,
        en: "Do the recorded facts agree with what you see yourself?",
        ko: "기록된 사실이 직접 확인하신 내용과 일치합니까?",
        choices: &[
            fine("All of them", "모두 일치함"),
            fine("Most of them", "대체로 일치함"),
            against("Some are wrong", "틀린 것이 있음"),
        ],
    },
    Row {
        id: "analyze_files",
        priority: Priority::High,
        en: "Are these the files and modules to look at?",
        ko: "살펴봐야 할 파일과 모듈이 맞습니까?",
        choices: &[
            fine("Yes, these", "예, 맞음"),
            concern("Some are missing", "빠진 것이 있음"),
            concern("Some do not belong here", "관련 없는 것이 있음"),
        ],
    },
    Row {
        id: "analyze_repro",
        priority: Priority::High,
        en: "Do these steps show the problem on your machine? Where do your own steps differ?",
        ko: "이 절차대로 하면 문제가 재현됩니까? 다르게 재현하신다면 어느 부분이 다릅니까?",
        choices: &[],
    },
    Row {
        id: "analyze_invariants",
        priority: Priority::Medium,
        en: "What else must stay exactly as it is, whatever is changed?",
        ko: "무엇을 바꾸더라도 그대로 유지되어야 하는 것이 더 있습니까?",
        choices: &[],
    },
];

const HYPOTHESIZE: &[Row] = &[
    Row {
        id: "hypo_plausibility",
        priority: Priority::Critical,
        en: "Which hypothesis do you find the most convincing, and why?",
        ko: "어느 가설이 가장 설득력이 있습니까? 그 이유는 무엇입니까?",
        choices: &[],
    },
    Row {
        id: "hypo_missing",
        priority: Priority::Critical,
        en: "Which other cause should be considered before code is changed? Write \"none\" if there is none.",
        ko: "코드를 바꾸기 전에 더 살펴볼 다른 원인이 있습니까? 없으면 \"없음\"이라고 적어 주십시오.",
        choices: &[],
    },
    Row {
        id: "hypo_testability",
        priority: Priority::High,
        en: "Would the named test tell the selected hypothesis from the others?",
        ko: "제시된 검증 방법으로 선택된 가설과 다른 가설을 구별할 수 있습니까?",
        choices: &[fine("Yes", "예"), fine("Only in part", "일부만 가능"), concern("No", "아니요")],
    },
    Row {
        id: "hypo_priority",
        priority: Priority::Medium,
        en: "Should the selected hypothesis be the first to be tested?",
        ko: "선택된 가설부터 검증하는 것이 맞습니까?",
        choices: &[
            fine("Yes, this one first", "예, 이 가설부터"),
            against("No, another one first", "아니요, 다른 가설부터"),
        ],
    },
    Row {
        id: "hypo_risk",
        priority: Priority::Medium,
        en: "What does it cost if this hypothesis is followed and turns out to be wrong?",
        ko: "이 가설을 따랐다가 틀린 것으로 드러나면 어떤 손실이 있습니까?",
        choices: &[],
    },
];

const IMPLEMENT: &[Row] = &[
    Row {
        id: "impl_approach",
        priority: Priority::Critical,
        en: "Does the change remove the cause, or only the symptom?",
        ko: "이 변경은 원인을 해결합니까, 증상만 가립니까?",
        choices: &[
            fine("The cause", "원인을 해결함"),
            fine("A part of the cause", "원인의 일부를 해결함"),
            against("Only the symptom", "증상만 가림"),
        ],
    },
    Row {
        id: "impl_scope",
        priority: Priority::Critical,
        en: "Is the change as small as it can be?",
        ko: "변경 범위가 필요한 만큼으로 최소화되어 있습니까?",
        choices: &[
            fine("As small as it can be", "최소한의 변경임"),
            fine("Larger, but acceptable", "다소 크지만 괜찮음"),
            against("Too large", "너무 큼"),
        ],
    },
    Row {
        id: "impl_side_effects",
        priority: Priority::Critical,
        en: "Which other behaviour could this change break? Write \"none\" if there is none.",
        ko: "이 변경으로 깨질 수 있는 다른 동작이 있습니까? 없으면 \"없음\"이라고 적어 주십시오.",
        choices: &[],
    },
    Row {
        id: "impl_tests",
        priority: Priority::High,
        en: "Do the tests show whether the change works?",
        ko: "변경이 제대로 동작하는지 테스트로 확인됩니까?",
        choices: &[
            fine("Yes", "예"),
            concern("More tests are needed", "테스트가 더 필요함"),
            concern("No test covers it", "해당 테스트가 없음"),
        ],
    },
    Row {
        id: "impl_review",
        priority: Priority::High,
        en: "Which lines need a second look, and why?",
        ko: "다시 살펴봐야 할 코드가 있습니까? 있다면 어디이며 이유는 무엇입니까?",
        choices: &[],
    },
    Row {
        id: "impl_rollback",
        priority: Priority::Medium,
        en: "Can the change be undone without loss?",
        ko: "문제가 생기면 손실 없이 되돌릴 수 있습니까?",
        choices: &[fine("Yes", "예"), concern("No, or I cannot tell", "아니요, 또는 알 수 없음")],
    },
];

const DEBUG: &[Row] = &[
    Row {
        id: "debug_analysis",
        priority: Priority::Critical,
        en: "Does the analysis explain the error that is seen now?",
        ko: "지금 나타나는 오류가 이 분석으로 설명됩니까?",
        choices: &[fine("Yes", "예"), fine("In part", "일부만 설명됨"), against("No", "아니요")],
    },
    Row {
        id: "debug_hypothesis",
        priority: Priority::Critical,
        en: "What should become of the current hypothesis?",
        ko: "현재 가설을 어떻게 하는 것이 좋겠습니까?",
        choices: &[
            fine("Keep it", "유지"),
            fine("Correct it", "수정"),
            against("Drop it and take another", "버리고 다른 가설로 교체"),
        ],
    },
    Row {
        id: "debug_action",
        priority: Priority::High,
        en: "Is the next action the right one?",
        ko: "제안된 다음 조치가 적절합니까?",
        choices: &[
            fine("Yes", "예"),
            fine("A smaller step would do", "더 작은 단계로 충분함"),
            against("No, something else", "아니요, 다른 조치가 필요함"),
        ],
    },
    Row {
        id: "debug_iteration",
        priority: Priority::Medium,
        en: "How should the loop go on?",
        ko: "디버깅 반복을 어떻게 진행할까요?",
        choices: &[
            fine("One more iteration", "한 번 더 반복"),
            fine("Go on to the limit", "한도까지 계속"),
            against("Undo and begin again", "되돌리고 다시 시작"),
            against("Stop and hand it to a person", "중단하고 사람에게 넘김"),
        ],
    },
    Row {
        id: "debug_insight",
        priority: Priority::High,
        en: "What do you know about this error that has not been used yet?",
        ko: "이 오류에 대해 알고 계신 내용 중 아직 반영되지 않은 것이 있습니까?",
        choices: &[],
    },
];

const IMPROVE: &[Row] = &[
    Row {
        id: "improve_necessary",
        priority: Priority::Critical,
        en: "Are the proposed improvements needed now?",
        ko: "제안된 개선이 지금 필요합니까?",
        choices: &[
            fine("All of them", "모두 필요함"),
            fine("Some of them", "일부만 필요함"),
            against("None of them", "필요하지 않음"),
        ],
    },
    Row {
        id: "improve_priority",
        priority: Priority::High,
        en: "Which improvement matters most, and which can wait?",
        ko: "가장 중요한 개선은 무엇이고, 나중에 해도 되는 것은 무엇입니까?",
        choices: &[],
    },
    Row {
        id: "improve_risk",
        priority: Priority::High,
        en: "Which improvement could break what works now?",
        ko: "지금 잘 동작하는 부분을 깨뜨릴 수 있는 개선이 있습니까?",
        choices: &[],
    },
    Row {
        id: "improve_tests",
        priority: Priority::Medium,
        en: "Are the regression tests enough?",
        ko: "회귀 테스트가 충분합니까?",
        choices: &[
            fine("Yes", "예"),
            concern("Edge cases are missing", "경계 사례가 빠져 있음"),
            concern("The fault itself is not covered", "결함 자체를 검증하지 않음"),
        ],
    },
    Row {
        id: "improve_merge",
        priority: Priority::Critical,
        en: "Can the change be merged?",
        ko: "이 변경을 병합해도 됩니까?",
        choices: &[
            fine("Yes", "예"),
            fine("After small corrections", "조금 고친 뒤 가능"),
            against("No", "아니요"),
        ],
    },
];
