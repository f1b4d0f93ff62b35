//! Calls that go on without their callers, and consultants whose limit is spent.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::breaker::Spent;
use crate::flow::job::List;

/// Every job, the latest first, and who is not asked for a while.
pub(in crate::page) fn list(jobs: &List, spent: &BTreeMap<String, Spent>, now: u64) -> Value {
    json!({
        "list": jobs.jobs,
        "total": jobs.count,
        "breakers": breakers(spent, now),
    })
}

/// Consultants whose limit is spent, and until when they are not asked.
pub(in crate::page) fn breakers(spent: &BTreeMap<String, Spent>, now: u64) -> Vec<Value> {
    let one = |(name, spent): (&String, &Spent)| json!({ "name": name, "until": spent.resets_at, "age": now.saturating_sub(spent.said_at) });
    spent.iter().map(one).collect()
}
