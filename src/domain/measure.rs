//! What a workflow costs and what it yields, as a fold over what was recorded.
//!
//! A [`tally::Tally`] takes [`entry::Entry`] after entry, in any order and in any grouping, and
//! [`report::Report`] turns it into figures. Nothing here is a guess: a figure for which nothing
//! was recorded is none, with a note that says what is missing.
//!
//! # What a turn is
//!
//! The paper counts reasoning turns. What the orchestrator thinks between its calls cannot be seen
//! from here, so a turn is counted where it can be seen: every consult, candidate, resample, judge
//! call and vote sample is one, failed or not, and every run of a stage is one more for the
//! orchestrator that asked for it and read the outcome. Repeats of a start that failed for a
//! passing reason belong to their consult. Calibration works on no task and counts as a call only.
//!
//! Source of the figures: Kim et al., "Towards a Science of Scaling Agent Systems", section 4.1 and
//! table 5.

pub mod baseline;
pub mod calls;
pub mod definition;
pub mod entry;
pub mod latency;
pub mod number;
pub mod outcome;
pub mod provider;
pub mod record;
pub mod report;
pub mod run;
pub mod scope;
pub mod similarity;
pub mod stage;
pub mod tally;
pub mod target;

#[cfg(test)]
mod tests;
