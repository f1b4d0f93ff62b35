//! Findings that several reviewers share, and their order.

use super::{Finding, FixStatus, Status};
use crate::domain::measure::number::mean_pairwise;
use crate::domain::order::Order;

/// Lines between two findings of the same place.
const NEAR: usize = 4;
/// Similarity of the words of two findings of the same place, at least.
const ALIKE: f64 = 0.22;

/// Findings with those of the same place and the like claim as one. Single ones stay: most defects are
/// found by one reviewer alone.
pub fn merged(all: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    for finding in all {
        match kept.iter_mut().find(|other| is_same(other, &finding)) {
            Some(same) => join(same, finding),
            None => kept.push(finding),
        }
    }
    kept
}

fn is_same(one: &Finding, other: &Finding) -> bool {
    if one.file != other.file || one.line.abs_diff(other.line) > NEAR {
        return false;
    }
    let said = |finding: &Finding| format!("{} {}", finding.claim, finding.scenario);
    let alike = mean_pairwise(&[said(one), said(other)]).unwrap_or(0.0);
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let (quote, others) = (squeezed(&one.quote), squeezed(&other.quote));
    let shares = quote.contains(&others) || others.contains(&quote);
    // Two different faults of one line have few words in common.
    alike >= if shares { ALIKE / 2.0 } else { ALIKE * 1.5 }
}

fn join(same: &mut Finding, other: Finding) {
    for name in other.found_by {
        if !same.found_by.contains(&name) {
            same.found_by.push(name);
        }
    }
    if !other.claim.is_empty() && !same.also.contains(&other.claim) && same.claim != other.claim {
        same.also.push(other.claim);
    }
    if other.severity < same.severity {
        same.severity = other.severity;
        same.severity_stated = other.severity_stated;
        same.note = other.note;
    }
    if same.scenario.len() < other.scenario.len() && same.scenario.trim().is_empty() {
        same.scenario = other.scenario;
    }
    if other.status < same.status {
        same.status = other.status;
        same.line_stated = None;
        same.line = other.line;
        same.quote = other.quote;
    }
}

/// Findings in the order in which somebody should look at them: first what was verified best, then what
/// does most harm. The number of finders does not count.
pub fn ranked(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.order_by(|one, other| {
        let key = |finding: &Finding| (verified(finding), finding.severity);
        key(one).cmp(&key(other)).then_with(|| (&one.file, one.line).cmp(&(&other.file, other.line)))
    });
    findings
}

fn verified(finding: &Finding) -> u8 {
    match (finding.fix.as_ref().map(|fix| fix.status), finding.status) {
        (Some(FixStatus::Proven), _) => 0,
        (_, Status::Exact) => 1,
        (_, Status::Moved) => 2,
        (_, Status::Absent) => 3,
    }
}
