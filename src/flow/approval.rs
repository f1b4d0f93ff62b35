//! Decisions on stages: requested with a report, made once, and recorded with their source.

pub(crate) mod decide;
pub(crate) mod dialog;
pub(crate) mod list;
mod review;

pub use review::{Review, ReviewFigures, critical_questions, review};
