//! The flagged answers: how many, whose, and why.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::event::{Body, Event};

/// The reason of an answer that does not fit the schema that was asked for.
const MISFIT: &str = "schema_mismatch";

/// Flagged answers, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FlagSummary {
    /// Answers by provider.
    pub by_provider: BTreeMap<String, u64>,
    /// Answers by reason; an answer may have several.
    pub by_reason: BTreeMap<String, u64>,
    /// Answers.
    pub total_flagged: u64,
}

impl FlagSummary {
    /// Counts an event, where it is about a flagged answer.
    pub fn add(&mut self, event: &Event) {
        let Some((provider, reasons)) = flagged(event) else { return };
        self.total_flagged += 1;
        *self.by_provider.entry(provider.to_owned()).or_default() += 1;
        for reason in reasons {
            *self.by_reason.entry(reason.to_owned()).or_default() += 1;
        }
    }
}

/// Returns whose answer an event says is flagged, and why, each reason once.
pub(super) fn flagged(event: &Event) -> Option<(&str, Vec<&str>)> {
    let (provider, reasons, misfits) = if let Body::Answered(answered) = &event.body {
        let candidate = &answered.candidate;
        (&candidate.provider, &candidate.red_flags, !candidate.schema_errors.is_empty())
    } else if let Body::RedFlagged(flagged) = &event.body {
        (&flagged.provider, &flagged.reasons, false)
    } else {
        return None;
    };
    let mut reasons: Vec<&str> = reasons.iter().map(String::as_str).collect();
    reasons.sort_unstable();
    reasons.dedup();
    reasons.extend(misfits.then_some(MISFIT));
    (!reasons.is_empty()).then_some((provider, reasons))
}
