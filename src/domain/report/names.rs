//! What people call the stages.

use super::text::Words;
use crate::domain::stage::Stage;

/// The display name of a stage.
pub(super) fn stage(stage: Stage) -> Words {
    match stage {
        Stage::Analyze => Words::new("Example Analysis", "사례 분석"),
        Stage::Hypothesize => Words::new("Hypothesis Formulation", "가설 수립"),
        Stage::Implement => Words::new("Code Implementation", "코드 구현"),
        Stage::Debug => Words::new("Iterative Debugging", "반복 디버깅"),
        Stage::Improve => Words::new("Recursive Improvement", "재귀적 개선"),
    }
}

/// The place of a stage among all, from 1.
pub(super) fn number(stage: Stage) -> usize {
    match stage {
        Stage::Analyze => 1,
        Stage::Hypothesize => 2,
        Stage::Implement => 3,
        Stage::Debug => 4,
        Stage::Improve => 5,
    }
}
