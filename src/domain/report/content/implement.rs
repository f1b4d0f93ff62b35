//! Readers of the stages implement, debug and improve.

use serde_json::Value;

use super::{Content, Source, noted, word};
use crate::domain::report::read::{items, number, phrase, text, texts, truth};
use crate::domain::text::{Text, say};
use crate::domain::words::share_in_percent;

pub(super) fn implementation(content: &mut Content, source: &Source<'_>) {
    let value = source.value;
    content.quote(source, say!("label_plan"), "patch_plan");
    let planned = texts(value, "files_to_change");
    content.count("n_files_planned", planned.len());
    if !planned.is_empty() {
        content.finding(source, say!("label_files_planned"), Text::quoted(planned.join(", ")));
    }
    change(content, source, &planned);
    content.names_a_check |=
        content.told(source, say!("label_to_verify"), "verification_command", "impl_tests");
    content.claim(source);
    lint(content, source);
    content.told(source, say!("label_to_undo"), "rollback_command", "impl_rollback");
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
    content.count("n_files_changed", files);
    content.count("n_lines_added", added);
    content.count("n_lines_removed", removed);
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

/// The diff of the output, or the diffs of its changes joined if it has no whole one.
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
    let shown = word("advice", &action);
    if matches!(action.as_str(), "revert_and_retry" | "escalate") {
        content.risk_of(source, say!("advises", what = shown));
    }
    content.finding(source, say!("label_advises"), shown);
}

pub(super) fn debugging(content: &mut Content, source: &Source<'_>) {
    analysis(content, source);
    update(content, source);
    action(content, source);
    if truth(source.value, "should_try_alternative") == Some(true) {
        content.finding(source, say!("label_advises"), say!("another_hypothesis"));
    }
    content.claim(source);
    regression(content, source);
    let Some(diff) = source.value.get("change").and_then(diff_of_change) else { return };
    if let Some(change) = content.change(source, diff) {
        let (files, added, removed) = (change.files.len(), change.added, change.removed);
        content.count("n_files_proposed", files);
        content.count("n_lines_added", added);
        content.count("n_lines_removed", removed);
    }
}

pub(super) fn diff_of_change(change: &Value) -> Option<&str> {
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
        content.count("n_error_analyses", 1);
        content.context(source, "debug_analysis", Text::quoted(said.clone()));
        return content.finding(source, label, Text::quoted(said));
    };
    content.count("n_error_analyses", 1);
    let is_new = truth(analysis, "is_new_error")
        .map(|new| if new { say!("another_error") } else { say!("same_error") });
    let related = truth(analysis, "is_related_to_change")
        .map(|related| if related { say!("caused_by_change") } else { say!("not_caused_by_change") });
    let notes: Vec<Text> = is_new.into_iter().chain(related).collect();
    let shown = noted(kind, &notes);
    content.context(source, "debug_analysis", shown.clone());
    content.finding(source, label, shown);
    content.quote(&Source { value: analysis, ..*source }, say!("label_cause"), "root_cause_theory");
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
    let now = share_in_percent(confidence);
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
        content.count("n_next_actions", 1);
        return content.finding(source, label, Text::quoted(said));
    };
    content.count("n_next_actions", 1);
    let shown = word("advice", &kind);
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

pub(super) fn improved(content: &mut Content, source: &Source<'_>) {
    let value = source.value;
    readiness(content, source);
    if let Some(summary) = value.get("summary") {
        content.quote(&Source { value: summary, ..*source }, say!("label_root_cause"), "root_cause");
        content.quote(&Source { value: summary, ..*source }, say!("label_fix"), "fix_description");
    }
    improvements(content, source);
    let tests = items(value, "regression_tests");
    if tests.is_empty() {
        content.risk_of(source, say!("no_regression_test"));
    }
    content.list(
        source,
        &say!("label_regression_test"),
        "n_regression_tests",
        tests.into_iter().map(test).collect(),
    );
    cases(content, source);
    checklist(content, source);
    if let Some(lessons) = value.get("lessons") {
        content.each(&Source { value: lessons, ..*source }, &say!("label_lesson"), "prevention_checklist");
    }
}

fn readiness(content: &mut Content, source: &Source<'_>) {
    let label = say!("label_ready");
    match truth(source.value, "ready_for_merge") {
        Some(true) => {
            content.context(source, "improve_merge", say!("claimed_ready"));
            content.finding(source, label, say!("ready"));
        }
        Some(false) => {
            content.context(source, "improve_merge", say!("claimed_not_ready"));
            content.finding(source, label, say!("not_ready"));
            content.risk_of(source, say!("not_ready_risk"));
        }
        None => content.risk_of(source, say!("readiness_unsaid")),
    }
    match text(source.value, "status").as_deref() {
        Some("needs_review") => {
            content.risk_of(source, say!("asks_for_review"));
        }
        Some("escalate") => {
            content.risk_of(source, say!("asks_to_escalate"));
        }
        Some(_) | None => {}
    }
}

fn improvements(content: &mut Content, source: &Source<'_>) {
    let improvements = items(source.value, "improvements");
    for one in &improvements {
        if text(one, "risk").is_some_and(|risk| risk.eq_ignore_ascii_case("high")) {
            let what = text(one, "description").unwrap_or_else(|| phrase(one));
            content.risk_of(source, say!("risky_improvement", what = what));
        }
        if let Some(diff) = one.get("diff").and_then(Value::as_str) {
            content.change(source, diff);
        }
    }
    content.list(
        source,
        &say!("label_improvement"),
        "n_improvements",
        improvements.into_iter().map(improvement).collect(),
    );
}

fn improvement(item: &Value) -> Text {
    let Some(description) = text(item, "description") else { return Text::quoted(phrase(item)) };
    let kind = text(item, "type").map(|kind| word("kind", &kind));
    let risk = text(item, "risk").map(|risk| say!("risk_level", level = word("level", &risk)));
    let notes: Vec<Text> = kind.into_iter().chain(risk).collect();
    noted(description, &notes)
}

fn test(item: &Value) -> Text {
    let Some(name) = text(item, "test_name") else { return Text::quoted(phrase(item)) };
    let file = text(item, "test_file").map(|file| format!(" ({file})")).unwrap_or_default();
    let description = text(item, "description").map(|text| format!(": {text}")).unwrap_or_default();
    Text::quoted(format!("{name}{file}{description}"))
}

fn cases(content: &mut Content, source: &Source<'_>) {
    let cases = items(source.value, "edge_cases_identified");
    let shown = |case: &&Value| {
        let what = text(case, "case").unwrap_or_else(|| phrase(case));
        match truth(case, "test_added") {
            Some(true) => noted(what, &[say!("tested")]),
            Some(false) => noted(what, &[say!("not_tested")]),
            None => Text::quoted(what),
        }
    };
    for case in &cases {
        let grave = text(case, "risk_level").is_some_and(|risk| !risk.eq_ignore_ascii_case("low"));
        if grave && truth(case, "test_added") == Some(false) {
            let what = text(case, "case").unwrap_or_else(|| phrase(case));
            content.risk_of(source, say!("untested_edge_case", what = what));
        }
    }
    let all = cases.iter().map(shown).collect();
    content.list(source, &say!("label_edge_case"), "n_edge_cases", all);
}

fn checklist(content: &mut Content, source: &Source<'_>) {
    let items = texts(source.value, "final_checklist");
    for item in items.iter().filter_map(|item| item.trim_start_matches(['-', '*', ' ']).strip_prefix("[ ]")) {
        content.risk_of(source, say!("open_item", item = item.trim()));
    }
    let items = items.into_iter().map(Text::quoted).collect();
    content.list(source, &say!("label_checklist"), "n_checklist_items", items);
}
