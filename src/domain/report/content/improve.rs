//! Stage 5: improvements, regression tests, the checklist, and whether the change can be merged.

use serde_json::Value;

use super::{Content, Noun, Source, noted};
use crate::domain::report::read::{items, phrase, text, texts, truth};
use crate::domain::text::{Text, say};

const IMPROVEMENTS: Noun = Noun { key: "improvements", words: "n_improvements" };
const TESTS: Noun = Noun { key: "regression_tests", words: "n_regression_tests" };
const CASES: Noun = Noun { key: "edge_cases", words: "n_edge_cases" };
const CHECKS: Noun = Noun { key: "checklist_items", words: "n_checklist_items" };

pub(super) fn read(content: &mut Content, source: &Source<'_>) {
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
    content.list(source, &say!("label_regression_test"), TESTS, tests.into_iter().map(test).collect());
    cases(content, source);
    checklist(content, source);
    if let Some(lessons) = value.get("lessons") {
        for item in texts(lessons, "prevention_checklist") {
            content.finding(source, say!("label_lesson"), Text::quoted(item));
        }
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
        IMPROVEMENTS,
        improvements.into_iter().map(improvement).collect(),
    );
}

fn improvement(item: &Value) -> Text {
    let Some(description) = text(item, "description") else { return Text::quoted(phrase(item)) };
    let kind = text(item, "type").map(|kind| match kind.as_str() {
        "refactor" => say!("kind_refactoring"),
        "edge_case" => say!("kind_edge_case"),
        "docs" => say!("kind_documentation"),
        "test" => say!("kind_test"),
        _ => Text::quoted(kind),
    });
    let risk = text(item, "risk").map(|risk| say!("risk_level", level = level(&risk)));
    let notes: Vec<Text> = kind.into_iter().chain(risk).collect();
    noted(description, &notes)
}

fn level(risk: &str) -> Text {
    match risk.to_lowercase().as_str() {
        "low" => say!("level_low"),
        "medium" => say!("level_medium"),
        "high" => say!("level_high"),
        _ => Text::quoted(risk),
    }
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
    content.list(source, &say!("label_edge_case"), CASES, all);
}

fn checklist(content: &mut Content, source: &Source<'_>) {
    let items = texts(source.value, "final_checklist");
    for item in items.iter().filter_map(|item| item.trim_start_matches(['-', '*', ' ']).strip_prefix("[ ]")) {
        content.risk_of(source, say!("open_item", item = item.trim()));
    }
    let items = items.into_iter().map(Text::quoted).collect();
    content.list(source, &say!("label_checklist"), CHECKS, items);
}
