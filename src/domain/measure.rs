//! The costs and the yield of a workflow, as a fold over what was recorded.
//!
//! A [`tally::Tally`] takes event after event, in any order and in any grouping, and
//! [`report::Report`] turns it into figures. Nothing here is a guess: a figure for which nothing
//! was recorded is `None`, with a note that names the missing data.
//!
//! # What a turn is
//!
//! The paper counts reasoning turns. The orchestrator's thoughts between its calls cannot be seen
//! from here, so a turn is counted where it can be seen: every consult, candidate, resample, judge
//! call and vote sample is one, failed or not, and every run of a stage is one more for the
//! orchestrator that asked for it and read the outcome. Repeats of a start that failed for a
//! passing reason belong to their consult. Calibration works on no task and counts as a call only.
//!
//! Source of the figures: Kim et al., "Towards a Science of Scaling Agent Systems", section 4.1 and
//! table 5.

pub(crate) mod cost;
pub(crate) mod number;
pub(crate) mod record;
pub(crate) mod report;
pub(crate) mod tally;

#[cfg(test)]
mod tests;
