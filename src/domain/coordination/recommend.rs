//! Which stage a task belongs to, by its words.

use super::wording::Wording;
use crate::domain::stage::Stage;

/// Which stages a task speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recommendation {
    /// The stage to begin with.
    pub stage: Stage,
    /// Every stage whose words occur, in their order.
    pub mentioned: Vec<Stage>,
}

/// Recommends a stage for a task.
#[must_use]
pub fn recommend(task: &Wording) -> Recommendation {
    const FIRST_MATCH: [Stage; 4] = [Stage::Implement, Stage::Debug, Stage::Hypothesize, Stage::Improve];
    Recommendation {
        stage: FIRST_MATCH.into_iter().find(|stage| task.has_any(deciding(*stage))).unwrap_or(Stage::Analyze),
        mentioned: Stage::ALL.into_iter().filter(|stage| task.has_any(words(*stage))).collect(),
    }
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

/// Those of its words that decide where to begin.
fn deciding(stage: Stage) -> &'static [&'static str] {
    match stage {
        Stage::Analyze => &[],
        Stage::Hypothesize => &["why", "cause", "hypothesis"],
        Stage::Implement => &["fix", "implement", "add", "patch"],
        Stage::Debug => &["debug", "error", "fail", "broken"],
        Stage::Improve => &["refactor", "improve", "optimize"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(task: &str) -> Recommendation {
        recommend(&Wording::of([task]))
    }

    #[test]
    fn the_words_are_those_of_the_contract() {
        let contract: Value =
            serde_json::from_str(include_str!("../../../tests/data/coordination.json")).unwrap();
        let rules = &contract["rules"]["recommend_tools"];
        let order = rules["suggested_stage"].as_str().unwrap();
        for stage in Stage::ALL {
            assert_eq!(rules[stage.name()], json!(words(stage)));
            if stage != Stage::Analyze {
                assert!(order.contains(&format!("{} [{}]", stage.name(), deciding(stage).join(", "))));
            }
        }
    }

    #[test]
    fn the_first_match_decides_and_all_are_mentioned() {
        let found = of("Investigate why it is broken, then fix it");
        assert_eq!(found.stage, Stage::Implement);
        assert_eq!(found.mentioned, [Stage::Analyze, Stage::Hypothesize, Stage::Implement, Stage::Debug]);
        assert_eq!(of("an address of the prefix").stage, Stage::Analyze);
        assert_eq!(of("why").stage, Stage::Hypothesize);
        assert!(of("").mentioned.is_empty());
    }
}
