//! Stage 3: where to change something. Code takes understanding, so there is none in here.

use super::ANSWERED_BY;
use crate::provider::understudy::case::Case;
use crate::provider::understudy::command;
use crate::provider::understudy::evidence::clip;
use crate::provider::understudy::suspects;
use serde_json::{Value, json};

pub(crate) fn implement(case: &Case<'_>) -> Value {
    let command = command::for_all(case)
        .or_else(|| case.faults().iter().find_map(|fault| command::for_fault(case, fault)))
        .unwrap_or_else(|| "run what printed the errors again".to_owned());
    let suspects = suspects::find(case);
    let claim = suspects.first().map_or("", |suspect| suspect.claim.as_str());
    let plan = format!(
        "The understudy has no model and proposes no code: `diff` is empty on purpose. Start from: {} Make the smallest change \
         that removes it, then run: {command}",
        ended(&clip(claim, 480)),
    );
    json!({
        "answered_by": ANSWERED_BY,
        "patch_plan": plan,
        "files_to_change": [file(case)],
        "diff": "",
        "verification_command": command,
        "risks": ["the file named here is where the error shows; its cause can be in another one"],
        "next_action": "escalate",
    })
}

fn ended(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

/// The innermost file of the program, else the first that was packed.
fn file(case: &Case<'_>) -> String {
    let faults = case.faults();
    let places = || faults.iter().filter_map(|fault| case.place(fault));
    let place = places().find(|place| !place.is_test).or_else(|| places().next());
    let packed = case.files().first().map(|file| file.path);
    place.map(|place| place.file).or(packed).unwrap_or("unknown").to_owned()
}
