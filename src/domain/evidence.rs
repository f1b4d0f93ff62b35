//! Events as evidence: what was seen, supposed, chosen and tried, and what each of it rests on.
//!
//! Nothing is recorded twice: evidence is a view of the log, in which bookkeeping (reservations,
//! deliveries, used states) does not appear, and links lead past it.

mod compact;
mod content;
mod flags;
mod listing;
mod trail;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::Event;
use super::event::record::EvidenceType;
use super::stage::Stage;

pub use compact::compact;
pub use flags::FlagSummary;
pub use listing::{Filter, Listing};
pub use trail::{Behind, Trail};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Kind {
    /// Something seen.
    Observation,
    /// Something supposed.
    Hypothesis,
    /// Something chosen.
    Decision,
    /// Something tried.
    Verification,
    /// A consultant was asked.
    Consult,
    /// An answer was flagged.
    RedFlag,
    /// A vote.
    Vote,
    /// A selection among candidates.
    Selection,
    /// A patch was applied.
    Patch,
    /// A patch was undone.
    Rollback,
    /// A decision was asked for, or made.
    Approval,
    /// Outcome of a run and its stages.
    Stage,
}

impl From<EvidenceType> for Kind {
    fn from(logged: EvidenceType) -> Self {
        match logged {
            EvidenceType::Observation => Self::Observation,
            EvidenceType::Hypothesis => Self::Hypothesis,
            EvidenceType::Decision => Self::Decision,
            EvidenceType::Verification => Self::Verification,
        }
    }
}

/// The stage that a piece of evidence belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum OfStage {
    /// Freeze the facts.
    Analyze,
    /// Explain them.
    Hypothesize,
    /// Make the smallest change.
    Implement,
    /// Fix what the change left failing.
    Debug,
    /// Stabilise what works.
    Improve,
    /// None of them in particular.
    Any,
}

impl OfStage {
    /// Returns how it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Analyze => Stage::Analyze.name(),
            Self::Hypothesize => Stage::Hypothesize.name(),
            Self::Implement => Stage::Implement.name(),
            Self::Debug => Stage::Debug.name(),
            Self::Improve => Stage::Improve.name(),
            Self::Any => "any",
        }
    }

    /// As somebody wrote it down; what is none of the five belongs to none in particular.
    pub fn written(text: &str) -> Self {
        Stage::ALL.into_iter().find(|stage| stage.name() == text).into()
    }
}

impl From<Stage> for OfStage {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Analyze => Self::Analyze,
            Stage::Hypothesize => Self::Hypothesize,
            Stage::Implement => Self::Implement,
            Stage::Debug => Self::Debug,
            Stage::Improve => Self::Improve,
        }
    }
}

impl From<Option<Stage>> for OfStage {
    fn from(stage: Option<Stage>) -> Self {
        stage.map_or(Self::Any, Self::from)
    }
}

/// The length of a piece that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Its content in short: of prompts and answers their length and digest.
    Brief,
    /// All that the log holds.
    Whole,
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The id of its event.
    pub id: String,
    pub evidence_type: Kind,
    /// The stage that it belongs to.
    pub stage: OfStage,
    pub content: Value,
    /// Its author: a provider, `maestro`, `orchestrator`, `human`, or as somebody recorded it.
    pub source: String,
    /// Certainty, 0 to 1. What this server saw itself is certain.
    pub confidence: f64,
    /// The ids of what it rests on.
    pub links: Vec<String>,
    /// Milliseconds since 1970.
    pub at: u64,
    /// Its run; empty where it belongs to none.
    pub run: String,
}

impl Evidence {
    /// The evidence that an event is; none where it is bookkeeping.
    pub fn of(event: &Event, detail: Detail) -> Option<Self> {
        let told = content::told(event, detail)?;
        Some(Self {
            id: event.id.clone(),
            evidence_type: told.kind,
            stage: told.stage,
            content: told.content,
            source: told.source,
            confidence: told.confidence,
            links: event.rests_on.clone(),
            at: event.at,
            run: event.run.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
