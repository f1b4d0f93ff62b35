//! Stage 1: what is there, without an explanation.

use super::{ANSWERED_BY, fitted, limits};
use crate::provider::understudy::case::Case;
use crate::provider::understudy::clue;
use crate::provider::understudy::command;
use crate::provider::understudy::evidence::{Fault, clip};
use serde_json::{Value, json};

pub(crate) fn analysis(case: &Case<'_>) -> Value {
    let faults = case.faults();
    let mut observations: Vec<Value> =
        faults.iter().take(6).flat_map(|fault| of_fault(case, fault)).collect();
    observations.extend(tests(case));
    if observations.is_empty() {
        observations.push(fact(
            "no error, no stack frame and no failing test is in the packed context",
            "packed context",
            0,
        ));
    }
    fitted(json!({
        "answered_by": ANSWERED_BY,
        "observations": observations,
        "repro_steps": steps(case),
        "affected_modules": modules(case),
        "invariants": invariants(case),
        "constraints": case.prompt.constraints.iter().take(8).map(|text| clip(text, 200)).collect::<Vec<_>>(),
        "unknowns": limits(case),
        "confidence": confidence(case),
    }))
}

fn fact(text: &str, source: &str, line: u32) -> Value {
    let mut fact = json!({ "fact": clip(text, 300), "source": source, "certainty": "high" });
    if let (Some(object), true) = (fact.as_object_mut(), line > 0) {
        object.insert("line_number".to_owned(), json!(line));
    }
    fact
}

fn of_fault(case: &Case<'_>, fault: &Fault) -> Vec<Value> {
    let Some(place) = case.place(fault) else {
        return vec![fact(&format!("{} (no frame of the project)", fault.title()), "error output", 0)];
    };
    let mark = if fault.is_cause { " (the cause of another error)" } else { "" };
    let function = if place.function.is_empty() { String::new() } else { format!(" in {}", place.function) };
    let mut facts = vec![fact(&format!("{}{mark}{function}", fault.title()), place.file, place.line)];
    if let Some(source) = place.source {
        facts.push(fact(&format!("the line reads `{}`", clip(source.trim(), 160)), place.file, place.line));
    }
    if let Some(difference) = &fault.difference {
        let note = clue::note(difference).map(|note| format!(" ({note})")).unwrap_or_default();
        let names = (difference.first_name, difference.second_name);
        let text = format!("{}: {}; {}: {}{note}", names.0, difference.first, names.1, difference.second);
        facts.push(fact(&text, place.file, place.line));
    }
    facts
}

fn tests(case: &Case<'_>) -> Vec<Value> {
    let evidence = &case.evidence;
    let mut facts: Vec<Value> = evidence
        .tests
        .iter()
        .take(8)
        .map(|test| fact(&format!("failing test: {}", test.name), "error output", 0))
        .collect();
    let more = evidence.tests.len().saturating_sub(8);
    if more > 0 {
        facts.push(fact(&format!("{more} more failing tests"), "error output", 0));
    }
    facts
}

/// The commands that show it again; the failing ones first.
fn steps(case: &Case<'_>) -> Vec<String> {
    let mut steps: Vec<String> = command::for_all(case).into_iter().collect();
    for command in case.faults().iter().filter_map(|fault| command::for_fault(case, fault)) {
        if steps.len() < 5 && !steps.contains(&command) {
            steps.push(command);
        }
    }
    steps
}

fn modules(case: &Case<'_>) -> Vec<String> {
    let mut modules = Vec::new();
    let faults = case.faults();
    let places = faults.iter().filter_map(|fault| case.place(fault)).map(|place| place.file.to_owned());
    let frames =
        faults.iter().flat_map(|fault| case.project_frames(fault)).map(|place| place.file.to_owned());
    for file in places.chain(frames) {
        if modules.len() < 10 && !modules.contains(&file) {
            modules.push(file);
        }
    }
    modules
}

/// What the failing assertions state, and the tests that pass.
fn invariants(case: &Case<'_>) -> Vec<String> {
    let faults = case.faults();
    let places = faults.iter().flat_map(|fault| case.project_frames(fault));
    let asserted = places.filter(|place| place.is_test).filter_map(|place| {
        let source = place.source?.trim();
        let is_assertion = source.contains("assert") || source.contains("expect");
        is_assertion.then(|| format!("{}:{} states `{}`", place.file, place.line, clip(source, 140)))
    });
    let mut invariants: Vec<String> = Vec::new();
    for text in asserted {
        if invariants.len() < 6 && !invariants.contains(&text) {
            invariants.push(text);
        }
    }
    let passed = case.evidence.passed.len();
    if passed > 0 {
        let first = case.evidence.passed.first().map_or("", String::as_str);
        invariants.push(format!("{passed} tests that pass now keep passing (such as {first})"));
    }
    invariants
}

/// By how much of the evidence could be tied to the source.
fn confidence(case: &Case<'_>) -> f64 {
    let places: Vec<_> = case.evidence.faults.iter().filter_map(|fault| case.place(fault)).collect();
    let has_source = places.iter().any(|place| place.source.is_some());
    match (case.evidence.is_empty(), places.is_empty(), has_source) {
        (true, _, _) => 0.1,
        (false, true, _) => 0.3,
        (false, false, false) => 0.45,
        (false, false, true) => 0.6,
    }
}
