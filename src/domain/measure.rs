//! The costs and the results of a workflow, as a fold over the log.
//!
//! A [`tally::Tally`] takes event after event, in any order and grouping, and [`report::Report`] turns it
//! into figures. Nothing is guessed: a figure without data is `None`, with a note that names the missing
//! data.
//!
//! # Turns
//!
//! The paper counts reasoning turns. The orchestrator's thoughts between its calls are invisible, so turns
//! are counted where they can be seen: every consult, candidate, resample, judge call and vote sample is
//! one, failed or not, and every run of a stage is one more for the orchestrator that requested it and read
//! the result. Retries after a transient failure belong to their consult. Calibration belongs to no task,
//! and counts only as calls.
//!
//! Source of the figures: Kim et al., "Towards a Science of Scaling Agent Systems", section 4.1 and table
//! 5.

pub(crate) mod cost;
pub(crate) mod number;
pub(crate) mod record;
pub(crate) mod report;
pub(crate) mod tally;

#[cfg(test)]
mod tests;
