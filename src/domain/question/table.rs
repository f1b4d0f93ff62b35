//! The questions of every stage, from `questions.yaml` and the words of each language.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::{Priority, Question};
use crate::domain::catalogue::QuestionWords;
use crate::domain::language::Language;
use crate::domain::stage::Stage;
use crate::domain::text::Text;

/// The questions without their words, embedded. A test reads them, so they always parse.
const QUESTIONS: &str = include_str!("questions.yaml");

/// Consequence of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Bearing {
    /// Nothing has to follow.
    Fine,
    /// Something is not as it should be.
    Concern,
    /// It is not as it should be, and an approval does not go with that.
    Against,
}

/// An answer that is offered.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) text: Text,
    pub(super) bearing: Bearing,
}

impl Choice {
    /// True if an answer is this choice, in any language.
    pub(super) fn is(&self, answer: &str) -> bool {
        Language::all().any(|language| same(self.text.of(language), answer))
    }
}

/// A question; its answer is in one's own words where no choice is offered.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: &'static str,
    pub(super) priority: Priority,
    pub(super) text: Text,
    pub(super) choices: Vec<Choice>,
    /// Every answer but `nothing` is a concern.
    pub(super) asks_for_trouble: bool,
}

impl Row {
    pub(super) fn question(&self) -> Question {
        Question {
            id: self.id.to_owned(),
            priority: self.priority,
            question: self.text.clone(),
            options: self.choices.iter().map(|choice| choice.text.clone()).collect(),
            requires_text_response: self.choices.is_empty(),
            context: None,
            response: None,
        }
    }
}

/// True if two texts are the same but for blanks around them and the case of letters.
pub(super) fn same(left: &str, right: &str) -> bool {
    left.trim().to_lowercase() == right.trim().to_lowercase()
}

/// A question as `questions.yaml` has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    priority: Priority,
    #[serde(default)]
    choices: Vec<Bearing>,
    #[serde(default)]
    asks_for_trouble: bool,
}

impl Entry {
    /// The entry with its words. None where English has none for it.
    fn row(self) -> Option<Row> {
        let english = Language::ENGLISH.words().questions.get_key_value(&self.id)?;
        let words = |language: Language| language.words().questions.get(&self.id).unwrap_or(english.1);
        let choice = |(place, bearing): (usize, &Bearing)| {
            let text = |words: &QuestionWords| words.choices.get(place).cloned().unwrap_or_default();
            Choice { text: Text::in_each(|language| text(words(language))), bearing: *bearing }
        };
        Some(Row {
            id: english.0,
            priority: self.priority,
            text: Text::in_each(|language| words(language).question.clone()),
            choices: self.choices.iter().enumerate().map(choice).collect(),
            asks_for_trouble: self.asks_for_trouble,
        })
    }
}

/// The questions of a stage, in the order in which they are asked.
pub(super) fn rows(stage: Stage) -> &'static [Row] {
    static ROWS: OnceLock<HashMap<Stage, Vec<Row>>> = OnceLock::new();
    let all = ROWS.get_or_init(|| {
        let read: HashMap<Stage, Vec<Entry>> = serde_yaml::from_str(QUESTIONS)
            .inspect_err(|error| tracing::error!(%error, "the questions cannot be read"))
            .unwrap_or_default();
        let rows = |entries: Vec<Entry>| entries.into_iter().filter_map(Entry::row).collect();
        read.into_iter().map(|(stage, entries)| (stage, rows(entries))).collect()
    });
    all.get(&stage).map_or(&[], Vec::as_slice)
}
