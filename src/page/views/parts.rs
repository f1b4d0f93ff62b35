//! Parts that several views share.

use serde_json::{Value, json};

use crate::domain::citations::{Citation, Standing};
use crate::domain::cut::{DOTS, ends, head};
use crate::domain::measure::report::Spent;
use crate::domain::measure::tally::Calls;
use crate::domain::plain::plain;
use crate::domain::stage::Stage;
use crate::domain::words;
use crate::domain::workflow::{Phase, Run};
use crate::flow::citations::citations as check;
use crate::flow::project_files::ProjectFiles;

/// A shortened hash: its first and last eight characters.
pub(in crate::page) fn digest(digest: &str) -> String {
    match ends(digest, 8, 8) {
        Some((head, between, tail)) if between > 4 => format!("{head}{DOTS}{tail}"),
        _ => digest.to_owned(),
    }
}

/// The five stages of a run, each with its state relative to the stage `now`.
pub(super) fn stages(run: &Run, now: Option<Stage>) -> Value {
    let all = Stage::ALL.iter().copied().zip(1..);
    all.map(|(stage, number)| {
        let state = if Some(stage) == now {
            "now"
        } else if run.approval(stage).is_some() {
            "done"
        } else if now.is_some_and(|now| stage < now) || run.phase == Phase::Complete {
            "skipped"
        } else {
            "todo"
        };
        json!({ "number": number, "name": stage.name(), "state": state })
    })
    .collect()
}

pub(in crate::page) use crate::domain::pairs::with;

/// A text split into the beginning that is shown at first, and the rest.
pub(super) fn shortened(text: &str, most_letters: usize) -> Value {
    let head = head(text, most_letters);
    json!({ "head": head, "rest": text.strip_prefix(head) })
}

/// The CSS class for the colour of a provider. Unknown providers share one.
pub(in crate::page) fn colour(provider: &str) -> &'static str {
    ["codex", "gemini", "claude"].into_iter().find(|known| provider.starts_with(known)).unwrap_or("other")
}

/// The places in files that an answer names, checked against the current files.
pub(super) fn citations(project: &ProjectFiles, answer: &str, files: &[String]) -> Value {
    cited(&check(project, &plain(answer), files.iter().map(String::as_str)))
}

/// The places that an answer names, with the results of their check.
pub(super) fn cited(found: &[Citation]) -> Value {
    let absent = found.iter().filter(|one| one.status == Standing::Absent).count();
    json!({ "list": found, "absent": absent })
}

/// Formats an amount of money. An incomplete sum ends in a plus.
pub(in crate::page) fn dollars(cost: f64, is_partial: bool) -> String {
    words::dollars(cost) + if is_partial { "+" } else { "" }
}

/// The price of some calls; None if no CLI reported one.
pub(super) fn price(calls: &Calls) -> Option<String> {
    Spent::from(calls).cost_usd.map(|cost| dollars(cost, calls.without_cost() > 0))
}

/// The CSS class for the colour of a decision, a verdict, a severity or a state.
pub(in crate::page) fn tone(name: &str) -> &'static str {
    match name {
        "approved" | "done" | "exact" | "passes" | "proven" => "ok",
        "running" => "info",
        "cancelled" | "medium" | "moved" | "revision_requested" => "warn",
        "absent" | "critical" | "does_not_apply" | "failed" | "fails" | "high" | "rejected"
        | "server_gone" => "bad",
        "unchecked" => "muted",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_shortened() {
        assert_eq!(digest(&"0123456789abcdef".repeat(4)), "01234567...89abcdef");
        assert_eq!(digest("ab"), "ab");
        assert_eq!(
            (dollars(0.05, true), dollars(0.0012, false)),
            ("$0.0500+".to_owned(), "$0.0012".to_owned())
        );
    }
}
