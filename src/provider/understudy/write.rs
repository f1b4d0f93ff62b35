//! The answers, one function for each form.

use serde_json::{Value, json};

use super::ANSWERED_BY;
use super::case::Case;
use super::faults::{Fault, clip};

/// Longest document, in bytes: what is longer is flagged as rambling, and rightly so.
const MAX_DOCUMENT: usize = 9_000;
/// Longest answer in prose, in characters.
const MAX_PROSE: usize = 4_000;
/// Entries of one list.
const MOST: usize = 8;
/// The contract takes no more hypotheses.
const MOST_HYPOTHESES: usize = 5;

const NO_COMMAND: &str = "run what printed this output again";
const NO_CAUSE: &str = "why it fails: rules read the output and do not look for a cause";
const NO_INTENT: &str = "what the program is meant to do";

pub(super) fn prose(case: &Case<'_>) -> String {
    let mut text =
        String::from("Understudy (rules, no model): this is read from the text, not understood.\n");
    if case.is_empty() {
        text.push_str("\nNo error and no failing test was found in it.\n");
        let files = case.prompt.files.iter().map(|file| clip(file.path, 160));
        section(&mut text, "Files that came along", files.take(MOST));
        text.push_str("\nA question without an error needs a provider with a model.\n");
        return clip(&text, MAX_PROSE);
    }
    section(&mut text, "Failing tests", tests(case).into_iter());
    let error = |fault: &Fault| {
        let source = fault.place().and_then(|frame| case.source(frame));
        let source = source.map(|line| format!("\n  `{line}`")).unwrap_or_default();
        format!("{}{source}", case.located(fault))
    };
    section(&mut text, "Errors, word for word", case.faults.iter().take(MOST).map(error));
    section(&mut text, "Run again", case.command().into_iter());
    section(&mut text, "Not known to rules", [NO_CAUSE, NO_INTENT].into_iter().map(str::to_owned));
    clip(&text, MAX_PROSE)
}

fn section(text: &mut String, title: &str, items: impl Iterator<Item = String>) {
    let mut items = items.peekable();
    if items.peek().is_some() {
        text.extend(["\n", title, ":\n"]);
    }
    for item in items {
        text.extend(["- ", &item, "\n"]);
    }
}

/// Stage 1: what is there.
pub(super) fn analysis(case: &Case<'_>) -> Value {
    let mut observations = Vec::new();
    for fault in case.faults.iter().take(MOST) {
        observations.push(fact(case, &fault.error, fault));
        if let Some(line) = fault.place().and_then(|frame| case.source(frame)) {
            observations.push(fact(case, &format!("the line reads `{line}`"), fault));
        }
    }
    observations.extend(tests(case).into_iter().map(|name| {
        json!({ "fact": format!("failing test: {name}"), "source": "test output", "certainty": "high" })
    }));
    if observations.is_empty() {
        let text = "no error and no failing test is in the packed context";
        observations.push(json!({ "fact": text, "source": "packed context", "certainty": "high" }));
    }
    let passed = case.passed.filter(|passed| *passed > 0);
    let constraints = case.prompt.constraints.iter().take(MOST).map(|text| clip(text, 200));
    fitted(json!({
        "answered_by": ANSWERED_BY,
        "observations": observations,
        "repro_steps": case.command().into_iter().collect::<Vec<_>>(),
        "affected_modules": modules(case),
        "invariants": passed.map(|passed| format!("the {passed} tests that pass now still pass")).into_iter().collect::<Vec<_>>(),
        "constraints": constraints.collect::<Vec<_>>(),
        "unknowns": [NO_CAUSE, NO_INTENT],
        "confidence": if case.is_empty() { 0.1 } else if modules(case).is_empty() { 0.3 } else { 0.5 },
    }))
}

fn fact(case: &Case<'_>, text: &str, fault: &Fault) -> Value {
    let text = clip(text, 300);
    match fault.place() {
        Some(frame) => {
            json!({ "fact": text, "source": case.file(frame), "line_number": frame.line, "certainty": "high" })
        }
        None => json!({ "fact": text, "source": "error output", "certainty": "high" }),
    }
}

/// Stage 2: where the errors show. A place is no cause, and the confidence says so.
pub(super) fn hypotheses(case: &Case<'_>) -> Value {
    let command = case.command().unwrap_or_else(|| NO_COMMAND.to_owned());
    let of_fault = |fault: &Fault| {
        let source = fault.place().and_then(|frame| case.source(frame));
        let evidence = source.map(|line| format!("the line reads `{line}`"));
        (format!("The error shows here: {}", case.located(fault)), evidence)
    };
    let of_test = |name: &String| (format!("The failing test is {name}"), None);
    let mut claims: Vec<(String, Option<String>)> = case.faults.iter().map(of_fault).collect();
    claims.extend(case.tests.iter().filter(|_| case.faults.is_empty()).map(of_test));
    if claims.is_empty() {
        claims.push(("No error and no failing test is in the packed context".to_owned(), None));
    }
    claims.truncate(MOST_HYPOTHESES);
    let ids: Vec<String> = (1..=claims.len()).map(|number| format!("H{number}")).collect();
    let one = |(id, (claim, evidence)): (&String, (String, Option<String>))| {
        json!({
            "id": id,
            "claim": format!("{claim}. Its cause is not known to rules."),
            "verification_test": clip(&command, 600),
            "evidence_for": evidence.into_iter().collect::<Vec<_>>(),
            "evidence_against": [],
            "confidence": if case.is_empty() { 0.1 } else { 0.2 },
            "provider": super::NAME,
        })
    };
    json!({
        "answered_by": ANSWERED_BY,
        "hypotheses": ids.iter().zip(claims).map(one).collect::<Vec<_>>(),
        "selected": "H1",
        "selection_reason": "it comes first in the output; rules rank no causes",
        "test_command": clip(&command, 600),
    })
}

/// Stage 3: where to change something. Code takes understanding, so there is none.
pub(super) fn implementation(case: &Case<'_>) -> Value {
    let command = case.command().unwrap_or_else(|| NO_COMMAND.to_owned());
    let packed = || case.prompt.files.first().map(|file| clip(file.path, 160));
    let file = modules(case).into_iter().next().or_else(packed).unwrap_or_else(|| "unknown".to_owned());
    let error = case.faults.first().map(|fault| format!(" The first error: {}.", case.located(fault)));
    json!({
        "answered_by": ANSWERED_BY,
        "patch_plan": format!(
            "The understudy has no model and writes no code: `diff` is empty on purpose.{} After a change, {}.",
            error.unwrap_or_default(),
            run_again(case),
        ),
        "files_to_change": [file],
        "diff": "",
        "verification_command": command,
        "risks": ["the file named here is where the error shows; its cause can be in another one"],
    })
}

/// Stage 4: what the error says now, and whether it said so before.
pub(super) fn debug(case: &Case<'_>) -> Value {
    let error = case.faults.first();
    let kind = match (error, case.tests.first()) {
        (Some(fault), _) => clip(fault.class(), 120),
        (None, Some(name)) => format!("failing test: {name}"),
        (None, None) => "none found".to_owned(),
    };
    // The same words stand in the prompt outside of the errors of now, so they were reported before.
    let was_seen = error.is_some_and(|fault| {
        !case.prompt.errors.is_empty() && case.prompt.other.iter().any(|line| line.contains(&fault.error))
    });
    let run = format!("after the next smallest change, {}", run_again(case));
    let (next, details) = match (was_seen, case.is_empty()) {
        (true, _) => ("escalate", "the same error as before the change; a model or a person has to look"),
        (false, true) => {
            ("escalate", "no error and no failing test is in the context; pass on the whole output")
        }
        (false, false) => ("test", run.as_str()),
    };
    let shown =
        error.map_or_else(String::new, |fault| format!("; the error shows here: {}", case.located(fault)));
    json!({
        "answered_by": ANSWERED_BY,
        "error_analysis": {
            "error_type": kind,
            "is_new_error": error.is_some() && !was_seen,
            "root_cause_theory": format!("not known to rules{shown}"),
        },
        "next_action": { "type": next, "details": details },
    })
}

/// Stage 5: the failing tests to keep. The schema wants a yes or a no on merging; rules may not say yes.
pub(super) fn improvement(case: &Case<'_>) -> Value {
    let kept = case.tests.iter().take(MOST);
    let kept = kept.map(|name| json!({ "test_name": name, "description": "failed in the output read here" }));
    let no_judge = "open: rules cannot judge whether to merge; a model or a person has to";
    fitted(json!({
        "answered_by": ANSWERED_BY,
        "improvements": [],
        "ready_for_merge": false,
        "final_checklist": [no_judge, &format!("open: {}", run_again(case))],
        "regression_tests": kept.collect::<Vec<_>>(),
    }))
}

fn run_again(case: &Case<'_>) -> String {
    case.command().map_or_else(|| NO_COMMAND.to_owned(), |command| format!("run `{}`", clip(&command, 600)))
}

/// Names of failing tests, and how many more there are.
fn tests(case: &Case<'_>) -> Vec<String> {
    let more = case.tests.len().saturating_sub(MOST) + case.more_tests;
    let more = (more > 0).then(|| format!("and {more} more"));
    case.tests.iter().take(MOST).cloned().chain(more).collect()
}

/// Files in which errors show: the places first, then the frames around them.
fn modules(case: &Case<'_>) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    let places = case.faults.iter().filter_map(Fault::place);
    for frame in places.chain(case.faults.iter().flat_map(|fault| &fault.frames)) {
        let file = case.file(frame);
        if files.len() < MOST && !files.contains(&file) {
            files.push(file);
        }
    }
    files
}

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
