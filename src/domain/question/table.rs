//! The questions of every stage, from `questions.yaml` and the words of each language.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::{Priority, Question};
use crate::domain::catalogue::Catalogue;
use crate::domain::language::Language;
use crate::domain::stage::Stage;

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
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) en: &'static str,
    pub(super) ko: &'static str,
    pub(super) bearing: Bearing,
}

/// A question; its answer is in one's own words where no choice is offered.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: &'static str,
    pub(super) priority: Priority,
    pub(super) en: &'static str,
    pub(super) ko: &'static str,
    pub(super) choices: Vec<Choice>,
    /// Every answer but `nothing` is a concern.
    pub(super) asks_for_trouble: bool,
}

impl Row {
    pub(super) fn question(&self) -> Question {
        Question {
            id: self.id.to_owned(),
            priority: self.priority,
            question: self.en.to_owned(),
            question_ko: self.ko.to_owned(),
            options: self.choices.iter().map(|choice| choice.en.to_owned()).collect(),
            options_ko: self.choices.iter().map(|choice| choice.ko.to_owned()).collect(),
            requires_text_response: self.choices.is_empty(),
            context: None,
            context_ko: None,
            response: None,
        }
    }
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
    /// The entry with its words. None where a language has none for it.
    fn row(self) -> Option<Row> {
        let words = |language| Catalogue::of(language).questions.get(&self.id);
        let (en, ko) = (words(Language::English)?, words(Language::Korean)?);
        let texts = en.choices.iter().zip(&ko.choices).zip(&self.choices);
        let choices = texts.map(|((en, ko), bearing)| Choice { en, ko, bearing: *bearing }).collect();
        let id = Catalogue::of(Language::English).questions.get_key_value(&self.id)?.0;
        Some(Row {
            id,
            priority: self.priority,
            en: &en.question,
            ko: &ko.question,
            choices,
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
