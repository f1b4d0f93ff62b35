//! Reviews: what reviewers found, whether it stands in the files, and what became of their fixes.

use serde_json::{Value, json};

use crate::domain::review::Severity;
use crate::page::index::{Index, Reviewed};

/// Reviews that are listed.
const MOST: usize = 60;

/// Every review, newest first.
pub(in crate::page) fn list(index: &Index, now: u64) -> Value {
    let all = index.reviews.iter().rev().take(MOST).map(|review| {
        json!({
            "id": review.id,
            "what": review.record.target,
            "found": review.record.findings.len(),
            "discarded": review.record.discarded,
            "who": review.record.reviewers,
            "worst": review.record.findings.iter().map(|finding| finding.severity).min(),
            "age": now.saturating_sub(review.at),
        })
    });
    json!({ "title": "reviews", "list": all.collect::<Vec<_>>(), "total": index.reviews.len() })
}

pub(in crate::page) fn one(index: &Index, id: &str, now: u64) -> Option<Value> {
    let Reviewed { id, run, at, record } = index.reviews.iter().find(|review| review.id == id)?;
    let by = |wanted| record.findings.iter().filter(|finding| finding.severity == wanted).count();
    let counts = Severity::ALL.iter().copied().map(|one| (one, by(one))).filter(|(_, count)| *count > 0);
    Some(json!({
        "id": id,
        "target": record.target,
        "files": record.files,
        "who": record.reviewers,
        "counts": counts.map(|(one, count)| json!({ "severity": one, "count": count })).collect::<Vec<_>>(),
        "findings": record.findings,
        "discarded": record.discarded,
        "changed": record.tree_changed,
        "run": run,
        "age": now.saturating_sub(*at),
    }))
}
