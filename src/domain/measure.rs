//! The costs and the results of a workflow, folded from the log.
//!
//! A [`tally::Tally`] takes one event after another, in any order and grouping, and [`report::Report`]
//! computes figures from it. Nothing is guessed: a figure without data is `None`, with a note that names the
//! missing data.
//!
//! # Turns
//!
//! The paper counts reasoning turns. The orchestrator's thoughts between its calls are invisible, so turns
//! are counted where they can be seen. Every consult, candidate, resample, judge call and vote sample is one
//! turn, even if it failed. Every run of a stage is one more turn, for the orchestrator that requested it and
//! read the result. Retries after a transient failure belong to their consult. Calibration belongs to no
//! task, so it counts only as calls.
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
