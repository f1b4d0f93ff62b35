//! Stage 4: what the error says now, how belief changed, and the one next action.

use serde_json::Value;

use super::{Content, Noun, Source, noted, percent};
use crate::domain::report::read::{number, phrase, text, truth};
use crate::domain::text::{Text, say};

const CHANGED: Noun = Noun { key: "files_changed", words: "n_files_proposed" };
const ADDED: Noun = Noun { key: "lines_added", words: "n_lines_added" };
const REMOVED: Noun = Noun { key: "lines_removed", words: "n_lines_removed" };
const ANALYSES: Noun = Noun { key: "error_analyses", words: "n_error_analyses" };
const ACTIONS: Noun = Noun { key: "next_actions", words: "n_next_actions" };

pub(super) fn read(content: &mut Content, source: &Source<'_>) {
    analysis(content, source);
    update(content, source);
    action(content, source);
    if truth(source.value, "should_try_alternative") == Some(true) {
        content.finding(source, say!("label_advises"), say!("another_hypothesis"));
    }
    content.claim(source);
    regression(content, source);
    let Some(diff) = source.value.get("change").and_then(diff_of) else { return };
    if let Some(change) = content.change(source, diff) {
        let (files, added, removed) = (change.files.len(), change.added, change.removed);
        content.count(CHANGED, files);
        content.count(ADDED, added);
        content.count(REMOVED, removed);
    }
}

pub(super) fn diff_of(change: &Value) -> Option<&str> {
    change.as_str().or_else(|| change.get("diff")?.as_str())
}

fn analysis(content: &mut Content, source: &Source<'_>) {
    let label = say!("label_error");
    let Some(analysis) = source.value.get("error_analysis") else {
        return content.risk_of(source, say!("no_error_analysis"));
    };
    let Some(kind) = text(analysis, "error_type") else {
        let said = phrase(analysis);
        if said.is_empty() {
            return content.risk_of(source, say!("no_error_analysis"));
        }
        content.count(ANALYSES, 1);
        content.context(source, "debug_analysis", Text::quoted(said.clone()));
        return content.finding(source, label, Text::quoted(said));
    };
    content.count(ANALYSES, 1);
    let is_new = truth(analysis, "is_new_error")
        .map(|new| if new { say!("another_error") } else { say!("same_error") });
    let related = truth(analysis, "is_related_to_change")
        .map(|related| if related { say!("caused_by_change") } else { say!("not_caused_by_change") });
    let notes: Vec<Text> = is_new.into_iter().chain(related).collect();
    let shown = noted(kind, &notes);
    content.context(source, "debug_analysis", shown.clone());
    content.finding(source, label, shown);
    if let Some(theory) = text(analysis, "root_cause_theory") {
        content.finding(source, say!("label_cause"), Text::quoted(theory));
    }
}

fn update(content: &mut Content, source: &Source<'_>) {
    let Some(update) = source.value.get("hypothesis_update") else { return };
    let (Some(id), Some(confidence)) = (text(update, "id"), number(update, "new_confidence")) else {
        let said = phrase(update);
        if !said.is_empty() {
            content.finding(source, say!("label_hypothesis"), Text::quoted(said));
        }
        return;
    };
    let now = percent(confidence);
    let reason = text(update, "reason").map(|reason| format!(": {reason}")).unwrap_or_default();
    let shown = say!("confidence_now", id = id, now = now, reason = reason);
    content.context(source, "debug_hypothesis", shown.clone());
    content.finding(source, say!("label_hypothesis"), shown);
}

fn action(content: &mut Content, source: &Source<'_>) {
    let label = say!("label_next_action");
    let Some(action) = source.value.get("next_action") else {
        return content.risk_of(source, say!("no_next_action"));
    };
    let kind = text(action, "type").or_else(|| action.as_str().map(|text| text.trim().to_owned()));
    let details = text(action, "details").map(|details| format!(": {details}")).unwrap_or_default();
    let Some(kind) = kind.filter(|kind| !kind.is_empty()) else {
        let said = phrase(action);
        if said.is_empty() {
            return content.risk_of(source, say!("no_next_action"));
        }
        content.count(ACTIONS, 1);
        return content.finding(source, label, Text::quoted(said));
    };
    content.count(ACTIONS, 1);
    let shown = match kind.as_str() {
        "edit" => say!("action_edit"),
        "test" => say!("action_test"),
        "rollback" => say!("action_rollback"),
        "escalate" => say!("action_escalate"),
        _ => Text::quoted(kind.clone()),
    };
    if matches!(kind.as_str(), "rollback" | "escalate") {
        content.risk_of(source, say!("advises", what = shown));
    }
    let shown = shown.map(|shown| format!("{shown}{details}"));
    content.context(source, "debug_action", shown.clone());
    content.finding(source, label, shown);
}

fn regression(content: &mut Content, source: &Source<'_>) {
    let compared = source.value.get("test_result").and_then(|result| text(result, "compared_to_previous"));
    if compared.as_deref() == Some("regression") {
        content.risk_of(source, say!("regression"));
    }
}
