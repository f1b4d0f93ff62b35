//! Classifies a task by its words: how far it can be taken apart, how far its steps depend on one
//! another, and how much of it is work with tools.

use serde::Serialize;

use super::wording::Wording;
use super::{BadInput, number, share};
use crate::domain::packed::list;

/// So many keywords of a list are as good as all of them.
const ENOUGH_KEYWORDS: f64 = 5.0;

/// The features of a task, each 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    pub decomposability: f64,
    pub sequential: f64,
    pub tools: f64,
}

impl Scores {
    /// Scores that a caller gives.
    ///
    /// # Errors
    ///
    /// One that is outside 0 to 1.
    pub fn new(decomposability: f64, sequential: f64, tools: f64) -> Result<Self, BadInput> {
        Ok(Self {
            decomposability: share("decomposability_score", decomposability)?,
            sequential: share("sequential_dependency_score", sequential)?,
            tools: share("tool_complexity", tools)?,
        })
    }
}

/// The kind of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// Something is broken.
    Debugging,
    /// Something works and is to be better.
    Refactoring,
    /// Something is to be there that is not.
    FeatureImplementation,
    /// Anything else.
    General,
}

/// The signals in the words of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    /// The scores.
    pub scores: Scores,
    /// The kind that counts, the first that applies.
    pub domain: Domain,
    /// True if a word of debugging occurs.
    pub is_debugging: bool,
    /// True if a word of refactoring occurs.
    pub is_refactoring: bool,
    /// True if a word of a new feature occurs.
    pub is_feature: bool,
    /// The keywords that were found.
    pub keywords: Keywords,
}

impl Classification {
    /// The scores by the keywords alone, without what the kind of the task adds.
    pub fn by_keywords(&self) -> Scores {
        Scores {
            decomposability: score(&self.keywords.decomposable),
            sequential: score(&self.keywords.sequential),
            tools: score(&self.keywords.tool),
        }
    }
}

/// The keywords found, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Keywords {
    /// Of the list of that name.
    pub decomposable: Vec<&'static str>,
    /// Of the list of that name.
    pub sequential: Vec<&'static str>,
    /// Of the list of that name.
    pub tool: Vec<&'static str>,
}

/// Classifies a task by everything that was said of it.
pub fn classify(text: &Wording) -> Classification {
    let keywords = Keywords {
        decomposable: text.which(list("decomposable")),
        sequential: text.which(list("sequential")),
        tool: text.which(list("tool")),
    };
    let is_debugging = text.has_any(list("debugging"));
    let is_refactoring = text.has_any(list("refactoring"));
    let is_feature = text.has_any(list("feature"));
    let at_least = |applies: bool, floor: f64| if applies { floor } else { 0.0 };
    let scores = Scores {
        decomposability: score(&keywords.decomposable)
            .max(at_least(is_refactoring, 0.5))
            .max(at_least(is_feature, 0.4)),
        sequential: score(&keywords.sequential).max(at_least(is_debugging, 0.7)),
        tools: score(&keywords.tool).max(at_least(is_debugging, 0.5)),
    };
    let domain = if is_debugging {
        Domain::Debugging
    } else if is_refactoring {
        Domain::Refactoring
    } else if is_feature {
        Domain::FeatureImplementation
    } else {
        Domain::General
    };
    Classification { scores, domain, is_debugging, is_refactoring, is_feature, keywords }
}

fn score(found: &[&str]) -> f64 {
    (number(u64::try_from(found.len()).unwrap_or(u64::MAX)) / ENOUGH_KEYWORDS).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn of(text: &str) -> Classification {
        classify(&Wording::of([text]))
    }

    #[test]
    fn the_words_are_those_of_the_contract() {
        let contract: Value =
            serde_json::from_str(include_str!("../../../tests/data/coordination.json")).unwrap();
        assert_eq!(contract["keywords"]["decomposable"], json!(list("decomposable")));
        assert_eq!(contract["keywords"]["sequential"], json!(list("sequential")));
        assert_eq!(contract["keywords"]["tool"], json!(list("tool")));
        let rules = &contract["rules"]["classify"];
        assert_eq!(rules["debugging_words"], json!(list("debugging")));
        assert_eq!(rules["refactoring_words"], json!(list("refactoring")));
        assert_eq!(rules["feature_words"], json!(list("feature")));
    }

    #[test]
    fn a_keyword_counts_once_over_all_texts() {
        let found = classify(&Wording::of(["all of all", "All"]));
        assert_eq!(found.keywords.decomposable, ["all"]);
        assert!((found.scores.decomposability - 0.2).abs() < 1e-12);
    }

    #[test]
    fn five_keywords_are_enough() {
        assert!((of("all each several various multiple options").scores.decomposability - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_first_kind_that_applies_counts() {
        assert_eq!(of("fix and refactor").domain, Domain::Debugging);
        assert_eq!(of("refactor and add").domain, Domain::Refactoring);
        assert_eq!(of("create it").domain, Domain::FeatureImplementation);
        assert_eq!(of("fixture of errors").domain, Domain::General);
    }

    #[test]
    fn a_score_outside_is_named() {
        let error = Scores::new(0.5, 1.2, 0.0).unwrap_err();
        assert_eq!(error.to_string(), "sequential_dependency_score must be 0 to 1 (got 1.2)");
        assert!(Scores::new(-0.1, 0.0, 0.0).is_err());
        assert!(Scores::new(0.0, 0.0, f64::NAN).is_err());
    }

    proptest! {
        #[test]
        fn scores_are_shares_whatever_the_text(text in ".{0,200}") {
            let scores = of(&text).scores;
            for score in [scores.decomposability, scores.sequential, scores.tools] {
                prop_assert!((0.0..=1.0).contains(&score));
            }
        }

        #[test]
        fn more_text_never_lowers_a_score(text in "[a-z ]{0,60}", more in "[a-z ]{0,60}") {
            let (less, all) = (of(&text).scores, of(&format!("{text} {more}")).scores);
            prop_assert!(all.decomposability >= less.decomposability);
            prop_assert!(all.sequential >= less.sequential);
            prop_assert!(all.tools >= less.tools);
        }
    }
}
