//! Answers to the questions: refused where nobody asked or nothing of the kind was offered, and
//! a concern only where the chosen answer says so.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::table::{self, Bearing, Row, same};
use super::{Priority, Question, for_stage};
use crate::domain::catalogue::Catalogue;
use crate::domain::stage::Stage;
use crate::domain::text::{Text, spread_texts};

/// Why an answer is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ResponseError {
    /// There is no such question in the stage.
    #[error("{stage} has no question `{id}`; its questions are {}", known.join(", "))]
    Unknown {
        /// As given.
        id: String,
        /// The stage.
        stage: &'static str,
        /// The questions that there are.
        known: Vec<&'static str>,
    },
    /// The answer is none of those offered.
    #[error("the answer to `{id}` must be one of: {} (got `{given}`)", offered.join(" | "))]
    NotOffered {
        /// The question.
        id: &'static str,
        /// As given.
        given: String,
        offered: Vec<&'static str>,
    },
    /// The answer is no text.
    #[error("the answer to `{id}` must be a text")]
    NotText {
        /// The question.
        id: &'static str,
    },
    /// One question is answered twice, by ids that differ in blanks or case only.
    #[error("`{id}` is answered twice")]
    Twice {
        /// The question.
        id: &'static str,
    },
}

/// The accepted answers of a review, each under the id of its question. An answer that was chosen
/// is in the words of its English option.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Responses {
    #[serde(skip)]
    stage: Option<Stage>,
    given: IndexMap<&'static str, String>,
}

/// An answer that says that something is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(remote = "Self")]
pub struct Concern {
    /// The question.
    pub id: &'static str,
    pub priority: Priority,
    pub question: Text,
    /// The answer: in each language where it was chosen, else as it was given.
    pub response: Text,
}

spread_texts!(Concern: &["question", "response"]);

/// Reads the answers to the questions of a stage. Blanks around ids and answers and the case of
/// letters do not matter, and an option may be given in either language. A blank answer is none.
///
/// # Errors
///
/// Every answer that is not accepted.
pub fn read(stage: Stage, given: &Map<String, Value>) -> Result<Responses, Vec<ResponseError>> {
    let mut accepted = IndexMap::new();
    let mut refused = Vec::new();
    for (id, value) in given {
        match one(stage, id, value) {
            Ok(None) => {}
            Ok(Some((row, _))) if accepted.contains_key(row.id) => {
                refused.push(ResponseError::Twice { id: row.id });
            }
            Ok(Some((row, answer))) => {
                accepted.insert(row.id, answer);
            }
            Err(error) => refused.push(error),
        }
    }
    if refused.is_empty() { Ok(Responses { stage: Some(stage), given: accepted }) } else { Err(refused) }
}

fn one(stage: Stage, id: &str, value: &Value) -> Result<Option<(&'static Row, String)>, ResponseError> {
    let row =
        table::rows(stage).iter().find(|row| same(row.id, id)).ok_or_else(|| ResponseError::Unknown {
            id: id.to_owned(),
            stage: stage.name(),
            known: table::rows(stage).iter().map(|row| row.id).collect(),
        })?;
    let answer = match value {
        Value::Null => "",
        Value::String(text) => text.trim(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            return Err(ResponseError::NotText { id: row.id });
        }
    };
    if answer.is_empty() {
        return Ok(None);
    }
    if row.choices.is_empty() {
        return Ok(Some((row, answer.to_owned())));
    }
    match row.choices.iter().find(|choice| choice.is(answer)) {
        Some(choice) => Ok(Some((row, choice.text.english().to_owned()))),
        None => Err(ResponseError::NotOffered {
            id: row.id,
            given: answer.to_owned(),
            offered: row.choices.iter().map(|choice| choice.text.english()).collect(),
        }),
    }
}

/// True if an answer names nothing: `nothing`, `none` and their like, with words around that add
/// nothing to it. Whatever names something, or makes an exception, does not.
fn says_nothing(answer: &str) -> bool {
    let words: Vec<String> = answer
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let is_nothing = |word: &String| Catalogue::all().iter().any(|known| known.nothing.contains(word));
    let is_around = |word: &String| Catalogue::all().iter().any(|known| known.around_nothing.contains(word));
    let is_blank = words.is_empty() || words == ["n", "a"];
    is_blank || (words.iter().any(is_nothing) && words.iter().all(|word| is_nothing(word) || is_around(word)))
}

/// An answer with its question, for somebody who was not there; none where it says no more than
/// that all is well.
pub fn told(stage: Stage, id: &str, answer: &str) -> Option<String> {
    let Some(row) = table::rows(stage).iter().find(|row| same(row.id, id)) else {
        return Some(format!("{id}: {answer}"));
    };
    let bare = answer.trim().trim_end_matches(['.', '!']);
    let is_all_well = match row.choices.first() {
        // The first answer that is offered is the one without a reservation.
        Some(first) => first.is(answer),
        None => says_nothing(bare),
    };
    (!is_all_well).then(|| format!("{} - {}", row.text.english(), answer.trim()))
}

impl Responses {
    /// The answer to a question.
    pub fn get(&self, id: &str) -> Option<&str> {
        self.given.get(id).map(String::as_str)
    }

    /// Every answer with its question, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.given.iter().map(|(id, answer)| (*id, answer.as_str()))
    }

    /// The critical questions of a stage that have no answer here.
    pub fn unanswered_critical(&self, stage: Stage) -> Vec<Question> {
        let mut questions = for_stage(stage);
        questions
            .retain(|question| question.priority == Priority::Critical && self.get(&question.id).is_none());
        questions
    }

    /// The answers by which the reviewer says that something is not as it should be: choices that are
    /// marked so, and whatever but `nothing` answers a question that asks for trouble.
    pub fn concerns(&self) -> Vec<Concern> {
        self.those(|row, answer| match row.choices.iter().find(|choice| choice.text.english() == answer) {
            Some(choice) => choice.bearing != Bearing::Fine,
            None => row.asks_for_trouble && !says_nothing(answer),
        })
    }

    /// The choices that an approval does not go with.
    pub fn against_approval(&self) -> Vec<Concern> {
        self.those(|row, answer| {
            row.choices
                .iter()
                .any(|choice| choice.text.english() == answer && choice.bearing == Bearing::Against)
        })
    }

    /// Answers in the person's own words.
    pub fn in_own_words(&self) -> Vec<Concern> {
        self.those(|row, _| row.choices.is_empty())
    }

    fn those(&self, is_one: impl Fn(&Row, &str) -> bool) -> Vec<Concern> {
        let rows = self.stage.map_or(&[][..], table::rows);
        rows.iter()
            .filter_map(|row| {
                let answer = self.get(row.id).filter(|answer| is_one(row, answer))?;
                let choice = row.choices.iter().find(|choice| choice.text.english() == answer);
                Some(Concern {
                    id: row.id,
                    priority: row.priority,
                    question: row.text.clone(),
                    response: choice.map_or_else(|| Text::quoted(answer), |choice| choice.text.clone()),
                })
            })
            .collect()
    }

    /// The concerns that answer critical questions.
    pub fn critical_concerns(&self) -> Vec<Concern> {
        let mut concerns = self.concerns();
        concerns.retain(|concern| concern.priority == Priority::Critical);
        concerns
    }
}
