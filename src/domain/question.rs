//! The questions that a person answers when reviewing a stage, and the rules that judge the answers.
//!
//! They are embedded on purpose: the model under review can edit the project's files, and no edit may make
//! the review easier.

use std::collections::HashMap;
use std::sync::OnceLock;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use strum::{IntoStaticStr, VariantArray};
use thiserror::Error;

use super::catalogue::{Catalogue, QuestionWords};
use super::cut::one_line;
use super::language::Language;
use super::packed;
use super::pattern::Pattern;
use super::stage::Stage;
use super::text::{Text, gather_texts, spread_texts};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[derive(Serialize, Deserialize, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Without an answer, an approval is not informed.
    Critical,
    /// The question should be answered.
    High,
    /// An answer helps.
    Medium,
    /// The question is for those who have the time.
    Low,
}

impl Priority {
    /// Every priority, the gravest first.
    pub const ALL: &'static [Self] = Self::VARIANTS;

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
    /// The answers offered; empty if the person answers in their own words.
    pub options: Vec<Text>,
    /// True if the person answers in their own words.
    pub requires_text_response: bool,
    pub context: Option<Text>,
    /// The answer, if it was given.
    pub response: Option<String>,
}

const TEXTS: &[&str] = &["question", "options", "context"];
spread_texts!(Question: TEXTS);
gather_texts!(Question: TEXTS);

/// The questions of a stage, in the order in which they are asked.
pub fn for_stage(stage: Stage) -> Vec<Question> {
    rows(stage).iter().map(Row::question).collect()
}

/// The number of questions by priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    #[serde(rename = "critical_count")]
    pub critical: usize,
    #[serde(rename = "high_count")]
    pub high: usize,
    #[serde(rename = "medium_count")]
    pub medium: usize,
    #[serde(rename = "low_count")]
    pub low: usize,
}

impl Counts {
    pub fn of(questions: &[Question]) -> Self {
        let count = |priority| questions.iter().filter(|question| question.priority == priority).count();
        Self {
            critical: count(Priority::Critical),
            high: count(Priority::High),
            medium: count(Priority::Medium),
            low: count(Priority::Low),
        }
    }

    pub fn get(self, priority: Priority) -> usize {
        match priority {
            Priority::Critical => self.critical,
            Priority::High => self.high,
            Priority::Medium => self.medium,
            Priority::Low => self.low,
        }
    }
}

/// A question in a list, without the fields that only a report needs.
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

/// The questions of a stage, as the tool returns them.
#[derive(Clone, Debug, Serialize)]
pub struct StageQuestions {
    ok: bool,
    stage: Stage,
    total_questions: usize,
    questions: Vec<Listed>,
    /// Question ids by priority, in the order of the questions.
    by_priority: IndexMap<&'static str, Vec<String>>,
    summary: Counts,
}

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
        by_priority: Priority::ALL.iter().copied().map(|priority| (priority.name(), ids(priority))).collect(),
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

/// The reason why an answer is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ResponseError {
    /// The stage has no question with this id.
    #[error("{stage} has no question `{id}`; its questions are {}", known.join(", "))]
    Unknown {
        /// As given.
        id: String,
        stage: &'static str,
        /// The ids of the stage's questions.
        known: Vec<&'static str>,
    },
    /// The answer is not one of the choices.
    #[error("the answer to `{id}` must be one of: {} (got `{given}`)", offered.join(" | "))]
    NotOffered {
        /// The id of the question.
        id: &'static str,
        /// As given.
        given: String,
        offered: Vec<String>,
    },
    /// The answer is not a string.
    #[error("the answer to `{id}` must be a text")]
    NotText {
        /// The id of the question.
        id: &'static str,
    },
    /// A question is answered twice, under ids that differ only in blanks or case.
    #[error("`{id}` is answered twice")]
    Twice {
        /// The id of the question.
        id: &'static str,
    },
}

/// The accepted answers of a review, by question id. A chosen option is kept in its English words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Responses {
    #[serde(skip)]
    stage: Option<Stage>,
    given: IndexMap<&'static str, String>,
}

/// An answer picked from a review, with its question. Most name a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(remote = "Self")]
pub struct Concern {
    /// The id of the question.
    pub id: &'static str,
    pub priority: Priority,
    pub question: Text,
    /// The answer: a chosen option in each language, the person's own words as given.
    pub response: Text,
}

spread_texts!(Concern: &["question", "response"]);

/// Reads the answers to the questions of a stage. Case and blanks around ids and answers do not matter. An
/// option may be given in any language. A blank answer does not count.
///
/// # Errors
///
/// One error for each answer that is not accepted.
pub fn read(stage: Stage, given: &Map<String, Value>) -> Result<Responses, Vec<ResponseError>> {
    let mut accepted = IndexMap::new();
    let mut refused = Vec::new();
    for (id, value) in given {
        match one(stage, id, value) {
            Ok(None) => {}
            Ok(Some((row, _))) if accepted.contains_key(row.id.as_str()) => {
                refused.push(ResponseError::Twice { id: &row.id });
            }
            Ok(Some((row, answer))) => {
                accepted.insert(row.id.as_str(), answer);
            }
            Err(error) => refused.push(error),
        }
    }
    if refused.is_empty() { Ok(Responses { stage: Some(stage), given: accepted }) } else { Err(refused) }
}

fn one(stage: Stage, id: &str, value: &Value) -> Result<Option<(&'static Row, String)>, ResponseError> {
    let row = rows(stage).iter().find(|row| same(&row.id, id)).ok_or_else(|| ResponseError::Unknown {
        id: id.to_owned(),
        stage: stage.name(),
        known: rows(stage).iter().map(|row| row.id.as_str()).collect(),
    })?;
    let answer = match value {
        Value::Null => "",
        Value::String(text) => text.trim(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            return Err(ResponseError::NotText { id: &row.id });
        }
    };
    if answer.is_empty() {
        return Ok(None);
    }
    if row.choices.is_empty() {
        return Ok(Some((row, answer.to_owned())));
    }
    match row.chosen(answer) {
        Some((text, _)) => Ok(Some((row, text.english().to_owned()))),
        None => Err(ResponseError::NotOffered {
            id: &row.id,
            given: answer.to_owned(),
            offered: row.options().iter().map(|option| option.english().to_owned()).collect(),
        }),
    }
}

/// True if an answer names nothing: it is blank, or `nothing`, `none` or the like with only filler words
/// around. False if it names something or makes an exception.
fn says_nothing(answer: &str) -> bool {
    let words: Vec<String> = answer
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let whole = one_line(&answer.to_lowercase());
    let whole = whole.trim_end_matches(|letter: char| !letter.is_alphanumeric());
    let is = |of: fn(&Catalogue) -> &Vec<Pattern>| {
        Catalogue::all().iter().flat_map(of).any(|known| known.is_in(whole))
    };
    if is(|known| &known.not_nothing) {
        return false;
    }
    if is(|known| &known.all_well) {
        return true;
    }
    let is_nothing = |word: &String| is_no(word);
    let is_around = |word: &String| Catalogue::all().iter().any(|known| known.around_nothing.contains(word));
    let is_blank = words.is_empty() || words == ["n", "a"];
    is_blank || (words.iter().any(is_nothing) && words.iter().all(|word| is_nothing(word) || is_around(word)))
}

/// True if a word in lower case means `nothing` or `no`.
fn is_no(word: &str) -> bool {
    Catalogue::all().iter().any(|known| known.nothing.iter().any(|nothing| nothing == word))
}

/// An answer without a `no` at its start: that answers the question and refuses nothing.
pub(super) fn after_no(answer: &str) -> &str {
    let answer = answer.trim_start();
    let is_letter = |letter: char| letter.is_alphanumeric();
    let end = answer.find(|letter| !is_letter(letter)).unwrap_or(answer.len());
    let (first, rest) = answer.split_at(end);
    if is_no(&first.to_lowercase()) && !rest.trim_start().starts_with(is_letter) {
        rest.trim_start_matches(|letter| !is_letter(letter))
    } else {
        answer
    }
}

/// An answer with its question, for a reader who did not see the review. None if the answer only says that
/// all is well.
pub fn told(stage: Stage, id: &str, answer: &str) -> Option<String> {
    let Some(row) = rows(stage).iter().find(|row| same(&row.id, id)) else {
        return Some(format!("{id}: {answer}"));
    };
    let bare = answer.trim().trim_end_matches(['.', '!']);
    let is_all_well = match row.options().first() {
        // The first option is the one without a reservation.
        Some(first) => is(first, answer),
        None => says_nothing(bare),
    };
    (!is_all_well).then(|| format!("{} - {}", row.text().english(), answer.trim()))
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

    /// The answers that name a problem: a choice marked as one, or any answer but `nothing` to a question
    /// that asks for trouble.
    pub fn concerns(&self) -> Vec<Concern> {
        self.answers_where(|row, answer| match row.chosen(answer) {
            Some((_, bearing)) => bearing != Bearing::Fine,
            None => row.asks_for_trouble && !says_nothing(answer),
        })
    }

    /// The choices that contradict an approval.
    pub fn against_approval(&self) -> Vec<Concern> {
        self.answers_where(|row, answer| {
            row.chosen(answer).is_some_and(|(_, bearing)| bearing == Bearing::Against)
        })
    }

    /// The answers in the person's own words.
    pub fn in_own_words(&self) -> Vec<Concern> {
        self.answers_where(|row, _| row.choices.is_empty())
    }

    fn answers_where(&self, is_one: impl Fn(&Row, &str) -> bool) -> Vec<Concern> {
        let rows = self.stage.map_or(&[][..], rows);
        rows.iter()
            .filter_map(|row| {
                let answer = self.get(&row.id).filter(|answer| is_one(row, answer))?;
                Some(Concern {
                    id: &row.id,
                    priority: row.priority,
                    question: row.text(),
                    response: row.chosen(answer).map_or_else(|| Text::quoted(answer), |(text, _)| text),
                })
            })
            .collect()
    }

    /// The concerns about critical questions.
    pub fn critical_concerns(&self) -> Vec<Concern> {
        let mut concerns = self.concerns();
        concerns.retain(|concern| concern.priority == Priority::Critical);
        concerns
    }
}

/// The embedded file of questions, without their words. A test parses it.
const QUESTIONS: &str = "src/domain/question/questions.yaml";

/// The consequence of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Bearing {
    /// Nothing is wrong.
    Fine,
    /// Something is wrong.
    Concern,
    /// Something is wrong, and the answer contradicts an approval.
    Against,
}

/// A question of `questions.yaml`. A question without choices is answered in one's own words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    priority: Priority,
    #[serde(default)]
    choices: Vec<Bearing>,
    /// True if every answer but `nothing` is a concern.
    #[serde(default)]
    asks_for_trouble: bool,
}

impl Row {
    /// The text that `of` picks from the question's words in each language, or in English if a language
    /// lacks it.
    fn in_each(&self, of: impl Fn(&QuestionWords) -> Option<&String>) -> Text {
        let in_one = |language: Language| of(language.words().questions.get(&self.id)?);
        Text::in_each(|language| in_one(language).or(in_one(Language::ENGLISH)).cloned().unwrap_or_default())
    }

    fn text(&self) -> Text {
        self.in_each(|words| Some(&words.question))
    }

    fn options(&self) -> Vec<Text> {
        (0..self.choices.len()).map(|place| self.in_each(|words| words.choices.get(place))).collect()
    }

    /// The choice that an answer names in any language, with its consequence.
    fn chosen(&self, answer: &str) -> Option<(Text, Bearing)> {
        let mut choices = self.options().into_iter().zip(self.choices.iter().copied());
        choices.find(|(text, _)| is(text, answer))
    }

    fn question(&self) -> Question {
        Question {
            id: self.id.clone(),
            priority: self.priority,
            question: self.text(),
            options: self.options(),
            requires_text_response: self.choices.is_empty(),
            context: None,
            response: None,
        }
    }
}

/// True if an answer equals this text in any language.
fn is(text: &Text, answer: &str) -> bool {
    Language::all().any(|language| same(text.of(language), answer))
}

/// True if two texts are equal apart from case and the blanks around them.
fn same(left: &str, right: &str) -> bool {
    left.trim().to_lowercase() == right.trim().to_lowercase()
}

/// The questions of a stage, in the order in which they are asked.
fn rows(stage: Stage) -> &'static [Row] {
    static ROWS: OnceLock<HashMap<Stage, Vec<Row>>> = OnceLock::new();
    let all = ROWS.get_or_init(|| packed::read(QUESTIONS));
    all.get(&stage).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;
