//! Asking for consults, and being refused.

use serde::Serialize;
use thiserror::Error;

use super::place::Place;

/// What a consult is for, as far as limits go. Votes are not here: they have a cap of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The answer of a stage.
    Stage,
    /// One of several answers to the same question.
    Candidate,
    /// A second try for an answer that was discarded.
    Resample,
    /// A judgement of candidates.
    Judge,
    /// A question of the orchestrator's own.
    Plain,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 5] = [Self::Stage, Self::Candidate, Self::Resample, Self::Judge, Self::Plain];

    /// Whether it counts towards the limit of its stage or iteration. A second try does not: the
    /// stage has paid for that answer already. All count towards the total.
    #[must_use]
    pub fn counts_towards_its_place(self) -> bool {
        match self {
            Self::Stage | Self::Candidate | Self::Judge | Self::Plain => true,
            Self::Resample => false,
        }
    }
}

/// Consults that are asked for together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Where in the run.
    pub place: Place,
    /// What they are for.
    pub purpose: Purpose,
    /// How many.
    pub count: u32,
}

/// Consults that were granted and have not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reservation {
    /// The caller's id, one for each reservation.
    pub id: String,
    /// What was granted.
    pub request: Request,
}

/// Which limit refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// That of the whole run.
    Total,
    /// That of a stage or of an iteration of debug.
    Place(Place),
}

impl std::fmt::Display for Why {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Total => out.write_str("the run"),
            Self::Place(place) => place.fmt(out),
        }
    }
}

/// Consults that would pass a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("over budget: {why} may take {limit} consults and has {left} left; {asked} were asked for")]
pub struct Refused {
    /// Which limit refuses.
    pub why: Why,
    /// How many were asked for.
    pub asked: u32,
    /// The limit.
    pub limit: u32,
    /// How many it leaves.
    pub left: u32,
}
