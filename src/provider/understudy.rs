//! The built-in provider without a model.
//!
//! It reads the prompt with its packed context and answers in the asked form from what is really there:
//! frames, failing tests, files, classes of errors. It holds no prepared answer, calls nothing, and every
//! answer says who gave it. Text in, text out: no files, no clock, no randomness, linear in the text.

mod case;
mod clue;
mod code;
mod command;
mod deviation;
mod evidence;
mod functions;
mod kind;
mod origin;
mod packed;
mod paths;
mod pattern;
mod prompt;
mod read;
mod spectrum;
mod suspects;
#[cfg(test)]
mod tests;
mod write;

use crate::domain::stage::{SchemaName, Stage};
use case::Case;

/// The name that the understudy answers under, and no other.
pub const NAME: &str = "understudy";

/// What it has in the place of a model.
pub const MODEL: &str = "rules";

/// What the answer has to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Readable text.
    Prose,
    /// `stage1_output`: observations.
    Stage1,
    /// `stage2_output`: hypotheses.
    Stage2,
    /// `stage3_output`: where to change something, with an empty diff.
    Stage3,
    /// `stage4_output`: what the error says now.
    Stage4,
    /// `stage5_output`: tests and edge cases.
    Stage5,
    /// `judge_output`: test results only.
    Judge,
}

impl Form {
    /// The form of a schema, else of a stage; prose without either.
    #[must_use]
    pub fn of(schema: Option<SchemaName>, stage: Option<Stage>) -> Self {
        match schema.or_else(|| stage.map(Stage::schema)) {
            None => Self::Prose,
            Some(SchemaName::Stage1Output) => Self::Stage1,
            Some(SchemaName::Stage2Output) => Self::Stage2,
            Some(SchemaName::Stage3Output) => Self::Stage3,
            Some(SchemaName::Stage4Output) => Self::Stage4,
            Some(SchemaName::Stage5Output) => Self::Stage5,
            Some(SchemaName::JudgeOutput) => Self::Judge,
        }
    }
}

/// Answers a prompt. For a stage or a judge the answer is a JSON document of that schema.
#[must_use]
pub fn answer(prompt: &str, form: Form) -> String {
    let case = |is_free| Case::read(prompt, is_free);
    match form {
        Form::Prose => write::prose(&case(true)),
        Form::Stage1 => write::analysis(&case(false)).to_string(),
        Form::Stage2 => write::hypotheses(&case(false)).to_string(),
        Form::Stage3 => write::implement(&case(false)).to_string(),
        Form::Stage4 => write::debug(&case(false)).to_string(),
        Form::Stage5 => write::improve(&case(false)).to_string(),
        Form::Judge => write::judge(prompt).to_string(),
    }
}
