//! The answers, one file for each form.

mod analysis;
mod debug;
mod hypotheses;
mod implement;
mod improve;
mod judge;
mod prose;

pub(super) use analysis::analysis;
pub(super) use debug::debug;
pub(super) use hypotheses::hypotheses;
pub(super) use implement::implement;
pub(super) use improve::improve;
pub(super) use judge::judge;
pub(super) use prose::prose;

use serde_json::Value;

use super::case::Case;
use super::evidence::Fault;

/// Every answer says who gave it.
const ANSWERED_BY: &str = "understudy (rules, no model)";

/// Longest document, in bytes: what is longer is flagged as rambling, and rightly so.
const MAX_DOCUMENT: usize = 9_000;

/// Takes the last entries off the longest lists until the document is short enough.
fn fitted(mut document: Value) -> Value {
    while document.to_string().len() > MAX_DOCUMENT {
        let lists = document.as_object_mut().into_iter().flat_map(|object| object.values_mut());
        let longest = lists.filter_map(Value::as_array_mut).max_by_key(|list| list.len());
        if longest.filter(|list| list.len() > 1).and_then(Vec::pop).is_none() {
            break;
        }
    }
    document
}

/// What rules cannot know, whatever they found.
fn limits(case: &Case<'_>) -> Vec<String> {
    let mut limits =
        vec!["what the program is meant to do: rules read the output and the source, no intent".to_owned()];
    let missing = |fault: &&&Fault| case.place(fault).is_some_and(|place| place.source.is_none());
    if let Some(place) = case.faults().iter().find(missing).and_then(|fault| case.place(fault)) {
        limits.push(format!("the source at {}:{}, which was not packed", place.file, place.line));
    }
    if case.evidence.faults.iter().any(|fault| fault.frames.is_empty()) {
        limits.push("the stack of errors that were printed without one".to_owned());
    }
    if !case.evidence.tests.is_empty() && case.evidence.passed.is_empty() {
        limits.push("which tests passed: the output names the failing ones only".to_owned());
    }
    limits
}
