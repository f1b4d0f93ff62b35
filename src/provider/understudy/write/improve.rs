//! Stage 5: tests and edge cases that follow from what failed.

use super::{ANSWERED_BY, fitted};
use crate::provider::understudy::case::Case;
use crate::provider::understudy::evidence::{Fault, clip};
use crate::provider::understudy::kind::{self, Kind};
use serde_json::{Value, json};

pub(crate) fn improve(case: &Case<'_>) -> Value {
    let faults = case.faults();
    let cases: Vec<String> = faults.iter().take(4).map(|fault| edge(case, fault)).collect();
    let category = faults.first().map_or("other", |fault| kind::category(kind::of(fault)));
    let title = faults
        .first()
        .map_or_else(|| "not visible in the packed context".to_owned(), |fault| clip(&fault.title(), 240));
    fitted(json!({
        "answered_by": ANSWERED_BY,
        "improvements": improvements(case, &cases),
        "ready_for_merge": false,
        "final_checklist": [
            "not ready: rules cannot judge whether a change is complete, a reviewer has to",
            "every test that failed passes now, and no other test fails",
        ],
        "regression_tests": tests(case),
        "edge_cases_identified": cases.iter().map(|text| json!({ "case": text, "test_added": false })).collect::<Vec<_>>(),
        "summary": { "root_cause": title, "fix_description": "not judged: the understudy has no model" },
        "lessons": { "root_cause_category": category, "prevention_checklist": cases },
        "status": "needs_review",
    }))
}

fn improvements(case: &Case<'_>, cases: &[String]) -> Vec<Value> {
    let tests = case.evidence.tests.iter().take(4).map(|test| {
        json!({ "type": "test", "description": clip(&format!("keep `{}` as a regression test", test.name), 260), "risk": "low" })
    });
    let edges = cases.iter().map(|text| json!({ "type": "edge_case", "description": text, "risk": "low" }));
    let mut all: Vec<Value> = tests.chain(edges).collect();
    if all.is_empty() {
        let text = "no failure is in the packed context; add a test that fails without the change";
        all.push(json!({ "type": "test", "description": text, "risk": "low" }));
    }
    all
}

fn tests(case: &Case<'_>) -> Vec<Value> {
    let tests = case.evidence.tests.iter().take(8);
    tests
        .map(|test| {
            let mut value =
                json!({ "test_name": test.name, "description": "failed before the change; must pass after it" });
            if let (Some(object), false) = (value.as_object_mut(), test.file.is_empty()) {
                object.insert("test_file".to_owned(), json!(test.file));
            }
            value
        })
        .collect()
}

/// The neighbours of a failure: inputs on which the same kind of error likes to come back.
fn edge(case: &Case<'_>, fault: &Fault) -> String {
    let values = match kind::of(fault) {
        Kind::MissingKey => "a key that is absent, and the same key in another spelling",
        Kind::NoValue => "a value that is absent",
        Kind::OutOfRange => "nothing, one element, and the last element",
        Kind::DivideByZero => "zero and an empty collection",
        Kind::Comparison => "the smallest input, and the ones right beside the failing one",
        Kind::BadFormat => "empty text, blanks around it, and text in another format",
        Kind::Arity | Kind::TypeMismatch | Kind::NotCallable | Kind::NoMember => {
            "each type of argument that callers pass"
        }
        Kind::MissingModule | Kind::Undefined | Kind::Syntax => "a run from a clean checkout",
        Kind::Overflow => "the largest and the smallest number",
        Kind::Recursion => "an input that nests deeply, and one that refers to itself",
        Kind::Io => "a file or host that is not there",
        Kind::Ownership | Kind::Memory => "an element that is used after it was given away or freed",
        Kind::Other => "the input that raised it, and the one right beside it",
    };
    let at = case.place(fault).map_or_else(|| clip(&fault.title(), 120), |place| place.label());
    format!("{at}: {values}")
}
