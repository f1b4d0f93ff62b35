//! Reviews: what reviewers found, whether it stands in the files, and what became of their fixes.

use serde_json::{Value, json};

use super::parts::{colour, short};
use crate::domain::review::{Finding, FixStatus, Severity, Status};
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
            "who": who(&review.record.reviewers),
            "worst": review.record.findings.iter().map(|finding| finding.severity).min().map(severity),
            "age": now.saturating_sub(review.at),
        })
    });
    json!({ "title": "reviews", "list": all.collect::<Vec<_>>(), "total": index.reviews.len() })
}

fn who(names: &[String]) -> Vec<Value> {
    names.iter().map(|name| json!({ "name": name, "colour": colour(name) })).collect()
}

fn severity(severity: Severity) -> Value {
    let colour = match severity {
        Severity::Critical | Severity::High => "bad",
        Severity::Medium => "warn",
        Severity::Low | Severity::Info => "",
    };
    json!({ "name": severity.name(), "colour": colour })
}

pub(in crate::page) fn one(index: &Index, id: &str, now: u64) -> Option<Value> {
    let Reviewed { id, run, at, record } = index.reviews.iter().find(|review| review.id == id)?;
    let by = |wanted| record.findings.iter().filter(|finding| finding.severity == wanted).count();
    let counts = Severity::ALL.iter().copied().map(|one| (one, by(one))).filter(|(_, count)| *count > 0);
    Some(json!({
        "id": id,
        "short": short(id),
        "target": record.target,
        "files": record.files,
        "who": who(&record.reviewers),
        "counts": counts.map(|(one, count)| json!({ "severity": severity(one), "count": count })).collect::<Vec<_>>(),
        "findings": record.findings.iter().map(finding).collect::<Vec<_>>(),
        "discarded": record.discarded,
        "changed": record.tree_changed,
        "run": run,
        "run_short": short(run),
        "age": now.saturating_sub(*at),
    }))
}

fn finding(finding: &Finding) -> Value {
    let (status, colour) = match finding.status {
        Status::Exact => ("exact", "ok"),
        Status::Moved => ("moved", "warn"),
        Status::Absent => ("absent", "bad"),
    };
    let fix = finding.fix.as_ref().map(|fix| {
        let (status, colour) = match fix.status {
            FixStatus::Proven => ("proven", "ok"),
            FixStatus::Passes => ("passes", "ok"),
            FixStatus::Untested => ("untested", ""),
            FixStatus::Fails => ("fails", "bad"),
            FixStatus::DoesNotApply => ("does_not_apply", "bad"),
        };
        json!({ "status": status, "colour": colour, "by": fix.by, "patch": fix.patch, "reasons": fix.reasons })
    });
    json!({
        "id": finding.id,
        "file": finding.file,
        "line": finding.line,
        "quote": finding.quote,
        "claim": finding.claim,
        "scenario": finding.scenario,
        "severity": severity(finding.severity),
        "stated": finding.severity_stated.map(Severity::name),
        "who": who(&finding.found_by),
        "status": status,
        "colour": colour,
        "stated_line": finding.line_stated,
        "note": finding.note,
        "also": finding.also,
        "fix": fix,
    })
}
