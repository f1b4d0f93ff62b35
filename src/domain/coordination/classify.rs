//! Scores a task by its words: how decomposable, how sequential and how tool-heavy it is.

use serde::Serialize;

use super::{BadInput, share};
use crate::domain::measure::number::real;
use crate::domain::packed::list;

/// Number of keywords that gives the full score of 1.
const ENOUGH_KEYWORDS: f64 = 5.0;

/// The scores of a task, each 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    pub decomposability: f64,
    pub sequential: f64,
    pub tools: f64,
}

impl Scores {
    /// Checks and holds the scores that a caller gives.
    ///
    /// # Errors
    ///
    /// A score is not 0 to 1.
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
    /// Something works and should become better.
    Refactoring,
    /// Something new is wanted.
    FeatureImplementation,
    /// Anything else.
    General,
}

/// The findings from the words of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    pub scores: Scores,
    /// The first kind that applies, in the order of [`Domain`].
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
    /// The scores by keywords alone, without the minimum that a kind of task sets.
    pub fn by_keywords(&self) -> Scores {
        Scores {
            decomposability: score(&self.keywords.decomposable),
            sequential: score(&self.keywords.sequential),
            tools: score(&self.keywords.tool),
        }
    }
}

/// The keywords that occur, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Keywords {
    pub decomposable: Vec<&'static str>,
    pub sequential: Vec<&'static str>,
    pub tool: Vec<&'static str>,
}

/// Classifies a task by all of its texts.
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
    (real(u64::try_from(found.len()).unwrap_or(u64::MAX)) / ENOUGH_KEYWORDS).min(1.0)
}

// Finds whole words and phrases in free text: `fix` does not occur in `prefix`.

/// Texts that are prepared for searches.
#[derive(Clone, Debug, Default)]
pub struct Wording {
    texts: Vec<String>,
}

impl Wording {
    /// Prepares texts. The search ignores case. A phrase never spans two texts or two sentences.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self { texts: texts.into_iter().map(normal).collect() }
    }

    /// True if a word or phrase (in lower case) occurs.
    pub fn has(&self, phrase: &str) -> bool {
        let phrase = format!(" {phrase} ");
        self.texts.iter().any(|text| text.contains(&phrase))
    }

    /// The words and phrases that occur, in the given order.
    pub fn which(&self, phrases: &[&'static str]) -> Vec<&'static str> {
        phrases.iter().copied().filter(|phrase| self.has(phrase)).collect()
    }

    /// True if any of the words and phrases occurs.
    pub fn has_any(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.has(phrase))
    }
}

/// Marks the end of a sentence or clause.
const CUT: char = '|';

/// A text as lower-case words, each with one space on either side. Blanks and hyphens separate the words of a
/// phrase; any other sign ends the phrase.
fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(' ');
    let mut in_word = false;
    let mut cut = false;
    for letter in text.chars() {
        if letter.is_alphanumeric() || letter == '_' {
            if !in_word && cut {
                out.push(CUT);
                out.push(' ');
            }
            (in_word, cut) = (true, false);
            out.extend(letter.to_lowercase());
        } else {
            if in_word {
                out.push(' ');
            }
            in_word = false;
            cut |= !letter.is_whitespace() && letter != '-';
        }
    }
    if in_word {
        out.push(' ');
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

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

    #[test]
    fn only_whole_words_count() {
        let text = Wording::of(["rename the prefix of the installed capital; add an address"]);
        for part in ["fix", "all", "api", "dress", "install"] {
            assert!(!text.has(part), "{part}");
        }
        assert!(text.has("add") && text.has("prefix"));
    }

    #[test]
    fn phrases_are_words_in_a_row() {
        assert!(Wording::of(["It DEPENDS\n on this"]).has("depends on"));
        assert!(Wording::of(["go step-by-step."]).has("step by step"));
        assert!(!Wording::of(["it depends. On Monday"]).has("depends on"));
        assert!(!Wording::of(["it depends", "on"]).has("depends on"));
        assert!(!Wording::of(["it depends often on"]).has("depends on"));
    }

    #[test]
    fn signs_do_not_hide_a_word() {
        let text = Wording::of(["(error) file.rs, \"git\"; api_key"]);
        assert!(text.has("error") && text.has("file") && text.has("git"));
        assert!(!text.has("api"));
        assert!(!Wording::of([""]).has("error"));
    }

    proptest! {
        #[test]
        fn a_word_is_found_wherever_it_stands(before in "[a-z ,.]{0,20}", after in "[ ,.!?][a-z ,.]{0,20}") {
            let text = format!("{before} Gizmo{after}");
            prop_assert!(Wording::of([text.as_str()]).has("gizmo"));
        }

        #[test]
        fn a_word_inside_another_is_not_found(before in "[a-z_0-9]{1,5}", after in "[a-z_0-9]{0,5}") {
            let text = format!("{before}gizmo{after}");
            prop_assert!(!Wording::of([text.as_str()]).has("gizmo"));
        }
    }
}
