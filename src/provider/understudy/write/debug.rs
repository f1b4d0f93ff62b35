//! Stage 4: what the error says now, and whether it said so before.

use super::ANSWERED_BY;
use crate::provider::understudy::case::Case;
use crate::provider::understudy::clue;
use crate::provider::understudy::command;
use crate::provider::understudy::evidence::{Fault, clip};
use crate::provider::understudy::pattern::Pattern;
use serde_json::{Value, json};

static SELECTED: Pattern = Pattern::new(r#"(?i)"?selected"?(?: hypothesis)?"?\s*[:=]\s*"?(H[0-9]+)\b"#);

pub(crate) fn debug(case: &Case<'_>) -> Value {
    let faults = case.faults();
    let Some(fault) = faults.first() else {
        return nothing(case);
    };
    let is_known = was_seen(case, fault);
    let command = command::for_fault(case, fault).or_else(|| command::for_all(case));
    let mut answer = json!({
        "answered_by": ANSWERED_BY,
        "error_analysis": {
            "error_type": fault.class,
            "is_new_error": !is_known,
            "root_cause_theory": theory(case, fault),
        },
        "next_action": next(command.as_deref(), is_known),
        "should_try_alternative": is_known,
    });
    if let (Some(id), Some(object)) = (selected(case), answer.as_object_mut()) {
        let reason = "an error is still there after the change";
        object.insert(
            "hypothesis_update".to_owned(),
            json!({ "id": id, "new_confidence": 0.2, "reason": reason }),
        );
    }
    answer
}

fn nothing(case: &Case<'_>) -> Value {
    let command = command::for_all(case);
    let details = match command {
        Some(command) => {
            format!("run `{command}` and pass on its whole output: no error was in this context")
        }
        None => "no error, frame or failing test is in the context: rules have nothing to work on".to_owned(),
    };
    let kind = if case.evidence.tests.is_empty() { "escalate" } else { "test" };
    json!({
        "answered_by": ANSWERED_BY,
        "error_analysis": { "error_type": "none found", "is_new_error": false },
        "next_action": { "type": kind, "details": clip(&details, 600) },
    })
}

/// The same words stand in the prompt outside of the errors of now, so they were reported before.
fn was_seen(case: &Case<'_>, fault: &Fault) -> bool {
    let title = fault.title();
    !case.prompt.errors.is_empty() && case.prompt.other.iter().any(|line| line.contains(&title))
}

fn theory(case: &Case<'_>, fault: &Fault) -> String {
    let Some(place) = case.place(fault) else {
        return clip(&format!("{}; no frame of the project is shown", fault.title()), 480);
    };
    let says = clue::find(case, fault, &place).map_or_else(String::new, |clue| format!(": {}", clue.says));
    clip(&format!("{} at {}{says}", fault.title(), place.label()), 480)
}

fn next(command: Option<&str>, is_known: bool) -> Value {
    match (command, is_known) {
        (_, true) => json!({
            "type": "escalate",
            "details": "the same error as before the change: rules see nothing new in it, a model or a person has to look",
        }),
        (Some(command), false) => {
            json!({ "type": "test", "details": clip(&format!("run `{command}` after one smallest change"), 600) })
        }
        (None, false) => {
            json!({ "type": "test", "details": "run what printed this error again after one smallest change" })
        }
    }
}

fn selected<'c>(case: &'c Case<'_>) -> Option<&'c str> {
    case.prompt.other.iter().find_map(|line| SELECTED.find(line)).map(|found| found.text(1))
}
