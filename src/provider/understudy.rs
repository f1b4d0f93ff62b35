//! The built-in provider without a model.
//!
//! It reads the prompt with its packed context and answers in the asked form with what stands there:
//! failing tests, places, errors word for word, and the command to run again. It claims no cause. Every
//! answer says who gave it. Text in, text out: no files, no clock, no randomness, linear in the text.

mod case;
mod command;
mod faults;
mod judge;
mod prompt;
#[cfg(test)]
mod tests;
mod write;

use super::Answer;
use crate::domain::stage::{SchemaName, Stage};
use case::{Case, LastResort};

/// The name that the understudy answers under, and no other.
pub const NAME: &str = "understudy";

/// Its name in the place of a model's.
pub const MODEL: &str = "rules";

/// Every structured answer says who gave it.
const ANSWERED_BY: &str = "understudy (rules, no model)";

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Readable text.
    Prose,
    /// A JSON document of that schema.
    Schema(SchemaName),
}

impl Form {
    /// The form of a schema, else of a stage; prose without either.
    pub fn of(schema: Option<SchemaName>, stage: Option<Stage>) -> Self {
        schema.or_else(|| stage.map(Stage::schema)).map_or(Self::Prose, Self::Schema)
    }
}

/// Answers a prompt in a form, as an adapter reads it from a CLI.
pub fn answer(prompt: &str, form: Form) -> Answer {
    let text = text(prompt, form);
    let structured = serde_json::from_str(&text).ok();
    Answer { text, structured, model: Some(MODEL.to_owned()), ..Answer::default() }
}

fn text(prompt: &str, form: Form) -> String {
    let Form::Schema(schema) = form else {
        return write::prose(&Case::read(prompt, LastResort::AnyErrorWord));
    };
    let case = || Case::read(prompt, LastResort::None);
    let document = match schema {
        SchemaName::Stage1Output => write::analysis(&case()),
        SchemaName::Stage2Output => write::hypotheses(&case()),
        SchemaName::Stage3Output => write::implementation(&case()),
        SchemaName::Stage4Output => write::debug(&case()),
        SchemaName::Stage5Output => write::improvement(&case()),
        SchemaName::JudgeOutput => judge::judge(prompt),
        // Rules see no defect of a change, and do not pretend to.
        SchemaName::Review => serde_json::json!({
            "answered_by": ANSWERED_BY,
            "findings": [],
            "not_checked": ["everything: rules read no code"],
        }),
    };
    document.to_string()
}
