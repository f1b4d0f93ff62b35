//! Reviews: findings, the checks of their quotes, and the results of fixes.

use serde_json::{Value, json};

use super::parts::with;
use crate::domain::review::Severity;
use crate::page::index::{Index, Outcome};

/// Maximum number of listed reviews.
const MOST: usize = 60;

/// All reviews, newest first.
pub(in crate::page) fn list(index: &Index) -> Value {
    let all = index.reviews.iter().rev().take(MOST).map(|review| {
        json!({
            "id": review.id,
            "what": review.record.target,
            "found": review.record.findings.len(),
            "discarded": review.record.discarded,
            "who": review.record.reviewers,
            "worst": review.record.findings.iter().map(|finding| finding.severity).min(),
            "at": review.at,
        })
    });
    json!({ "title": "reviews", "list": all.collect::<Vec<_>>(), "total": index.reviews.len() })
}

pub(in crate::page) fn one(index: &Index, id: &str) -> Option<Value> {
    let Outcome { id, run, at, record, .. } = index.reviews.iter().find(|review| review.id == id)?;
    let by = |wanted| record.findings.iter().filter(|finding| finding.severity == wanted).count();
    let counts = Severity::ALL.iter().map(|one| json!({ "severity": one, "count": by(*one) }));
    Some(with(record, json!({ "id": id, "at": at, "run": run, "counts": counts.collect::<Vec<_>>() })))
}
