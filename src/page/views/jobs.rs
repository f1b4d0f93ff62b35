//! Calls that go on without their callers, and consultants whose limit is spent.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::parts::colour;
use crate::domain::breaker::Spent;
use crate::flow::job::{List, Shown, State};

/// Every job, the latest first, and who is not asked for a while.
pub(in crate::page) fn list(jobs: &List, spent: &BTreeMap<String, Spent>, now: u64) -> Value {
    json!({
        "list": jobs.jobs.iter().map(job).collect::<Vec<_>>(),
        "total": jobs.count,
        "breakers": breakers(spent, now),
    })
}

fn job(job: &Shown) -> Value {
    let (state, colour) = match job.state {
        State::Running => ("running", "info"),
        State::Done => ("done", "ok"),
        State::Failed => ("failed", "bad"),
        State::Cancelled => ("cancelled", "warn"),
        State::ServerGone => ("server_gone", "bad"),
    };
    json!({
        "id": job.job,
        "tool": job.tool,
        "state": state,
        "colour": colour,
        "cause": job.cause,
        "elapsed": job.elapsed_ms,
        "progress": job.progress,
        "is_collected": job.collected,
        "again_of": job.again_of,
    })
}

/// Consultants whose limit is spent, and until when they are not asked.
pub(in crate::page) fn breakers(spent: &BTreeMap<String, Spent>, now: u64) -> Vec<Value> {
    let one = |(name, spent): (&String, &Spent)| {
        json!({
            "name": name,
            "colour": colour(name),
            "until": spent.resets_at,
            "age": now.saturating_sub(spent.said_at),
        })
    };
    spent.iter().map(one).collect()
}
