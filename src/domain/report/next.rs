//! What an approval leads to, and what the reviewer is asked to do.

use super::material::{Iteration, Material, Next};
use super::text::Text;
use crate::domain::question::{Counts, Question};
use crate::domain::stage::Stage;

/// The stage that follows.
pub(super) fn stage(next: Next) -> Option<Stage> {
    match next {
        Next::Stage(stage) => Some(stage),
        Next::DebugAgain(_) => Some(Stage::Debug),
        Next::Escalate | Next::Complete => None,
    }
}

/// An iteration in words. The first of a stage without a limit needs none.
pub(super) fn round(round: Iteration) -> Option<Text> {
    match (round.number, round.of) {
        (number, Some(of)) => Some(Text::new(
            format!("iteration {number} of {of}"),
            format!("전체 {of}회 중 {number}번째 반복"),
        )),
        (1, None) => None,
        (number, None) => Some(Text::new(format!("iteration {number}"), format!("{number}번째 반복"))),
    }
}

pub(super) fn preview(next: Next) -> Text {
    match next {
        Next::Stage(stage) => of_stage(stage),
        Next::DebugAgain(iteration) => {
            let round = round(iteration).unwrap_or_default();
            Text::new(
                format!(
                    "Debugging goes on with {}: one more smallest change, then the checks again.",
                    round.en
                ),
                format!(
                    "디버깅을 계속합니다({}). 최소한의 변경을 한 번 더 적용한 뒤 다시 검증합니다.",
                    round.ko
                ),
            )
        }
        Next::Escalate => Text::new(
            "Debugging has used all of its iterations. A person takes over, with what was learnt so far.",
            "디버깅 반복 횟수를 모두 사용했습니다. 지금까지 알아낸 내용을 바탕으로 사람이 이어받습니다.",
        ),
        Next::Complete => Text::new(
            "This is the last stage. With your approval the run is complete.",
            "마지막 단계입니다. 승인하시면 전체 작업이 완료됩니다.",
        ),
    }
}

fn of_stage(stage: Stage) -> Text {
    match stage {
        Stage::Analyze => Text::new(
            "Facts are collected: what happens, how to see it again, and what must stay true. No code is changed.",
            "무엇이 일어나는지, 어떻게 재현하는지, 무엇이 유지되어야 하는지 사실을 수집합니다. 코드는 변경하지 않습니다.",
        ),
        Stage::Hypothesize => Text::new(
            "The approved facts are explained by competing hypotheses, each with a test that could refute it; one is selected. No code is changed.",
            "승인된 사실을 설명하는 여러 가설을 세우고, 각 가설에 반증 가능한 검증 방법을 붙인 뒤 하나를 선택합니다. 코드는 변경하지 않습니다.",
        ),
        Stage::Implement => Text::new(
            "The smallest change that tests the selected hypothesis is made, and the checks are run. You review the diff.",
            "선택된 가설을 검증하는 최소한의 변경을 적용하고 검증을 실행합니다. 변경 내용(diff)은 검토를 거칩니다.",
        ),
        Stage::Debug => Text::new(
            "What still fails is read closely and fixed by one smallest change at a time, with the checks after each.",
            "아직 실패하는 부분을 자세히 분석하고, 한 번에 하나씩 최소한의 변경으로 고치며 매번 검증합니다.",
        ),
        Stage::Improve => Text::new(
            "The working change is reviewed: edge cases, regression tests, and the checklist for the merge.",
            "동작하는 변경을 검토합니다. 경계 사례와 회귀 테스트, 병합 점검 항목을 확인합니다.",
        ),
    }
}

/// Returns what the reviewer is asked to do.
pub(super) fn action(material: &Material<'_>, questions: &[Question], risks: usize) -> Text {
    let critical = Counts::of(questions).critical;
    let weigh = match risks {
        0 => Text::new("Read what was found", "확인된 내용을 읽고"),
        1 => Text::new("Read what was found, weigh the risk", "확인된 내용을 읽고 위험 요소를 따져 본 뒤"),
        2.. => Text::new(
            format!("Read what was found, weigh the {risks} risks"),
            format!("확인된 내용을 읽고 위험 요소 {risks}건을 따져 본 뒤"),
        ),
    };
    let decide = match material.next {
        Next::Stage(_) | Next::DebugAgain(_) => Text::new(
            "Then approve, or refuse and say what has to change. Nothing goes on before you decide.",
            "그다음 승인하거나, 거절하고 무엇을 고쳐야 하는지 알려 주십시오. 결정하실 때까지 다음 단계로 넘어가지 않습니다.",
        ),
        Next::Escalate => Text::new(
            "Then approve to take over, or refuse and say what has to be tried once more.",
            "그다음 승인하여 이어받거나, 거절하고 다시 시도할 내용을 알려 주십시오.",
        ),
        Next::Complete => Text::new(
            "Then approve to complete the run, or refuse and say what is still missing.",
            "그다음 승인하여 작업을 완료하거나, 거절하고 아직 부족한 점을 알려 주십시오.",
        ),
    };
    Text::new(
        format!("{} and answer the {critical} critical questions. {}", weigh.en, decide.en),
        format!("{} 필수 질문 {critical}개에 답해 주십시오. {}", weigh.ko, decide.ko),
    )
}
