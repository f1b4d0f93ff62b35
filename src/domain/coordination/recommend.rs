//! The stages that a task names, by its words. Its intent decides the first one.

use super::wording::Wording;
use crate::domain::stage::Stage;

/// Every stage whose words occur, in their order.
pub fn mentioned(task: &Wording) -> Vec<Stage> {
    Stage::ALL.into_iter().filter(|stage| task.has_any(words(*stage))).collect()
}

/// The words of a stage.
fn words(stage: Stage) -> &'static [&'static str] {
    match stage {
        Stage::Analyze => &["analyze", "understand", "read", "examine", "investigate"],
        Stage::Hypothesize => &["why", "cause", "reason", "hypothesis", "theory"],
        Stage::Implement => &["fix", "implement", "add", "create", "write", "patch"],
        Stage::Debug => &["debug", "error", "fail", "broken", "not working"],
        Stage::Improve => &["refactor", "improve", "optimize", "clean", "performance"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_words_are_those_of_the_contract() {
        let contract: Value =
            serde_json::from_str(include_str!("../../../tests/data/coordination.json")).unwrap();
        let rules = &contract["rules"]["recommend_tools"];
        for stage in Stage::ALL {
            assert_eq!(rules[stage.name()], json!(words(stage)));
        }
    }

    #[test]
    fn all_that_are_spoken_of_are_named() {
        let of = |task: &str| mentioned(&Wording::of([task]));
        assert_eq!(
            of("Investigate why it is broken, then fix it"),
            [Stage::Analyze, Stage::Hypothesize, Stage::Implement, Stage::Debug]
        );
        assert!(of("an address of the prefix").is_empty());
    }
}
