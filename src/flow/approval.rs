//! Decisions on stages: asked for with a report, made once, by whoever the record says.

pub(crate) mod decide;
pub(crate) mod dialog;
pub(crate) mod list;
mod review;

pub use review::{Review, ReviewFigures, critical_questions, review};
