//! Stage 3: the change, its plan, its files, and how it is to be checked.

use serde_json::Value;

use super::{Content, Noun, Source};
use crate::domain::report::read::{items, number, says_none, text, texts, truth};
use crate::domain::text::{Text, say};

const PLANNED: Noun = Noun { key: "files_planned", words: "n_files_planned" };
const CHANGED: Noun = Noun { key: "files_changed", words: "n_files_changed" };
const ADDED: Noun = Noun { key: "lines_added", words: "n_lines_added" };
const REMOVED: Noun = Noun { key: "lines_removed", words: "n_lines_removed" };

pub(super) fn read(content: &mut Content, source: &Source<'_>) {
    let value = source.value;
    content.quote(source, say!("label_plan"), "patch_plan");
    let planned = texts(value, "files_to_change");
    content.count(PLANNED, planned.len());
    if !planned.is_empty() {
        content.finding(source, say!("label_files_planned"), Text::quoted(planned.join(", ")));
    }
    change(content, source, &planned);
    if let Some(command) = text(value, "verification_command") {
        content.names_a_check = true;
        content.context(source, "impl_tests", Text::quoted(command.clone()));
        content.finding(source, say!("label_to_verify"), Text::quoted(command));
    }
    content.claim(source);
    lint(content, source);
    if let Some(command) = text(value, "rollback_command") {
        content.context(source, "impl_rollback", Text::quoted(command.clone()));
        content.finding(source, say!("label_to_undo"), Text::quoted(command));
    }
    for risk in texts(value, "risks").into_iter().filter(|risk| !says_none(risk)) {
        content.risk_of(source, Text::quoted(risk));
    }
    next_action(content, source);
}

fn change(content: &mut Content, source: &Source<'_>, planned: &[String]) {
    let diff = diff_of(source.value);
    let Some(change) = content.change(source, &diff) else {
        return content.risk_of(source, say!("no_diff"));
    };
    let (files, added, removed) = (change.files.len(), change.added, change.removed);
    let beyond = change.beyond(planned);
    let paths = change.files.iter().map(|file| file.path.clone()).collect::<Vec<_>>().join(", ");
    content.count(CHANGED, files);
    content.count(ADDED, added);
    content.count(REMOVED, removed);
    if files > 0 {
        content.context(source, "impl_scope", Text::quoted(format!("{paths} (+{added} -{removed})")));
        content.context(source, "impl_review", Text::quoted(paths.clone()));
        let size = Text::quoted(format!("{paths}: +{added} -{removed}"));
        content.finding(source, say!("label_diff"), size);
    }
    if !beyond.is_empty() {
        content.risk_of(source, say!("beyond_plan", files = beyond.join(", ")));
    }
}

/// The whole diff, or the diffs of the files where there is no whole one.
pub(super) fn diff_of(value: &Value) -> String {
    let whole = value.get("diff").and_then(Value::as_str).unwrap_or_default();
    if !whole.trim().is_empty() {
        return whole.to_owned();
    }
    let parts = items(value, "changes").into_iter().filter_map(|change| change.get("diff")?.as_str());
    parts.flat_map(|part| [part.trim_end_matches('\n'), "\n"]).collect()
}

fn lint(content: &mut Content, source: &Source<'_>) {
    let Some(result) = source.value.get("lint_result") else { return };
    let count =
        |key| format!("{:.0}", number(result, key).filter(|number| *number >= 0.0).unwrap_or_default());
    let (errors, warnings) = (count("errors"), count("warnings"));
    match truth(result, "passed") {
        Some(true) => {
            let text = say!("lint_passed", errors = errors, warnings = warnings);
            content.finding(source, say!("label_static_checks"), text);
        }
        Some(false) => {
            content.risk_of(source, say!("lint_failed", errors = errors, warnings = warnings));
        }
        None => {}
    }
}

fn next_action(content: &mut Content, source: &Source<'_>) {
    let Some(action) = text(source.value, "next_action") else { return };
    let shown = match action.as_str() {
        "proceed_to_improve" => say!("advice_improve"),
        "proceed_to_debug" => say!("advice_debug"),
        "revert_and_retry" => say!("advice_revert"),
        "escalate" => say!("action_escalate"),
        _ => Text::quoted(action.clone()),
    };
    if matches!(action.as_str(), "revert_and_retry" | "escalate") {
        content.risk_of(source, say!("advises", what = shown));
    }
    content.finding(source, say!("label_advises"), shown);
}
