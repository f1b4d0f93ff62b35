//! The questions that a person answers when a stage is reviewed, and how answers are judged.
//!
//! They are embedded on purpose: a project's files can be edited by the model whose work is reviewed, and
//! a review must not be made easier by such an edit.

mod response;
mod table;

pub use response::{Responses, read, told};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::stage::Stage;
use super::text::{Text, gather_texts, spread_texts};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// An approval without an answer is not an informed one.
    Critical,
    /// It should be answered.
    High,
    /// An answer helps.
    Medium,
    /// For those who have the time.
    Low,
}

impl Priority {
    /// Every priority, the gravest first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// The name used in results.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A question as a report or a result carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Question {
    pub id: String,
    pub priority: Priority,
    pub question: Text,
    /// The answers offered; none where the answer is in one's own words.
    pub options: Vec<Text>,
    /// True if the answer is in one's own words.
    pub requires_text_response: bool,
    pub context: Option<Text>,
    /// The answer, once there is one.
    pub response: Option<String>,
}

const TEXTS: &[&str] = &["question", "options", "context"];
spread_texts!(Question: TEXTS);
gather_texts!(Question: TEXTS);

/// The questions of a stage, in the order in which they are asked.
pub fn for_stage(stage: Stage) -> Vec<Question> {
    table::rows(stage).iter().map(table::Row::question).collect()
}

/// Number of questions there are of each priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Of priority critical.
    #[serde(rename = "critical_count")]
    pub critical: usize,
    /// Of priority high.
    #[serde(rename = "high_count")]
    pub high: usize,
    /// Of priority medium.
    #[serde(rename = "medium_count")]
    pub medium: usize,
    /// Of priority low.
    #[serde(rename = "low_count")]
    pub low: usize,
}

impl Counts {
    /// Counts questions by their priority.
    pub fn of(questions: &[Question]) -> Self {
        let count = |priority| questions.iter().filter(|question| question.priority == priority).count();
        Self {
            critical: count(Priority::Critical),
            high: count(Priority::High),
            medium: count(Priority::Medium),
            low: count(Priority::Low),
        }
    }

    /// Returns how many there are of one priority.
    pub fn get(self, priority: Priority) -> usize {
        match priority {
            Priority::Critical => self.critical,
            Priority::High => self.high,
            Priority::Medium => self.medium,
            Priority::Low => self.low,
        }
    }
}

/// A question without what only a report has.
#[derive(Clone, Debug, Serialize)]
#[serde(remote = "Self")]
pub struct Listed {
    id: String,
    question: Text,
    priority: Priority,
    options: Vec<Text>,
    requires_text_response: bool,
}

spread_texts!(Listed: TEXTS);

/// The questions of a stage, as they are listed for whoever asks.
#[derive(Clone, Debug, Serialize)]
pub struct StageQuestions {
    ok: bool,
    stage: Stage,
    total_questions: usize,
    questions: Vec<Listed>,
    /// Ids, in the order of the questions.
    by_priority: IndexMap<&'static str, Vec<String>>,
    summary: Counts,
}

/// Lists the questions of a stage.
pub fn list(stage: Stage) -> StageQuestions {
    let questions = for_stage(stage);
    let ids = |priority| {
        let those = questions.iter().filter(move |question| question.priority == priority);
        those.map(|question| question.id.clone()).collect::<Vec<_>>()
    };
    StageQuestions {
        ok: true,
        stage,
        total_questions: questions.len(),
        by_priority: Priority::ALL.into_iter().map(|priority| (priority.name(), ids(priority))).collect(),
        summary: Counts::of(&questions),
        questions: questions.into_iter().map(Listed::from).collect(),
    }
}

impl From<Question> for Listed {
    fn from(question: Question) -> Self {
        Self {
            id: question.id,
            question: question.question,
            priority: question.priority,
            options: question.options,
            requires_text_response: question.requires_text_response,
        }
    }
}

#[cfg(test)]
mod tests;
