//! Stage 5: improvements, regression tests, the checklist, and whether the change can be merged.

use serde_json::Value;

use super::{Content, Source};
use crate::domain::report::read::{items, phrase, text, texts, truth};
use crate::domain::report::text::{Noun, Text, Words};

const IMPROVEMENTS: Noun = Noun::new("improvements", ["improvement", "improvements"], ["개선", "건"]);
const TESTS: Noun =
    Noun::new("regression_tests", ["regression test", "regression tests"], ["회귀 테스트", "개"]);
const CASES: Noun = Noun::new("edge_cases", ["edge case", "edge cases"], ["경계 사례", "건"]);
const CHECKS: Noun = Noun::new("checklist_items", ["checklist item", "checklist items"], ["점검 항목", "개"]);

pub(super) fn read(content: &mut Content, source: &Source<'_>) {
    let value = source.value;
    readiness(content, source);
    if let Some(summary) = value.get("summary") {
        content.quote(
            &Source { value: summary, ..*source },
            Words::new("Root cause", "근본 원인"),
            "root_cause",
        );
        content.quote(
            &Source { value: summary, ..*source },
            Words::new("Fix", "해결 내용"),
            "fix_description",
        );
    }
    improvements(content, source);
    let tests = items(value, "regression_tests");
    if tests.is_empty() {
        content.risk_of(source, "no regression test", "회귀 테스트가 없습니다");
    }
    content.list(
        source,
        Words::new("Regression test", "회귀 테스트"),
        TESTS,
        tests.into_iter().map(test).collect(),
    );
    cases(content, source);
    checklist(content, source);
    if let Some(lessons) = value.get("lessons") {
        for item in texts(lessons, "prevention_checklist") {
            content.finding(source, Words::new("Lesson", "교훈"), Text::quoted(item));
        }
    }
}

fn readiness(content: &mut Content, source: &Source<'_>) {
    let label = Words::new("Ready to merge", "병합 준비");
    match truth(source.value, "ready_for_merge") {
        Some(true) => {
            content.context(
                source,
                "improve_merge",
                Text::new("reported as ready", "병합 가능하다고 보고됨"),
            );
            content.finding(source, label, Text::new("yes", "완료"));
        }
        Some(false) => {
            content.context(
                source,
                "improve_merge",
                Text::new("reported as not ready", "아직 병합할 수 없다고 보고됨"),
            );
            content.finding(source, label, Text::new("no", "미완료"));
            content.risk_of(source, "the change is not ready to merge", "변경을 아직 병합할 수 없습니다");
        }
        None => content.risk_of(
            source,
            "does not say whether the change can be merged",
            "병합 가능 여부를 밝히지 않았습니다",
        ),
    }
    match text(source.value, "status").as_deref() {
        Some("needs_review") => {
            content.risk_of(source, "asks for a review by a person", "사람의 검토를 요청합니다");
        }
        Some("escalate") => {
            content.risk_of(source, "asks to hand it to a person", "사람에게 넘길 것을 요청합니다");
        }
        Some(_) | None => {}
    }
}

fn improvements(content: &mut Content, source: &Source<'_>) {
    let improvements = items(source.value, "improvements");
    for one in &improvements {
        if text(one, "risk").is_some_and(|risk| risk.eq_ignore_ascii_case("high")) {
            let what = text(one, "description").unwrap_or_else(|| phrase(one));
            content.risk_of(
                source,
                &format!("risky improvement: {what}"),
                &format!("위험도가 높은 개선: {what}"),
            );
        }
        if let Some(diff) = one.get("diff").and_then(Value::as_str) {
            content.change(source, diff);
        }
    }
    content.list(
        source,
        Words::new("Improvement", "개선"),
        IMPROVEMENTS,
        improvements.into_iter().map(improvement).collect(),
    );
}

fn improvement(item: &Value) -> Text {
    let Some(description) = text(item, "description") else { return Text::quoted(phrase(item)) };
    let kind = text(item, "type").map(|kind| match kind.as_str() {
        "refactor" => Text::new("refactoring", "리팩터링"),
        "edge_case" => Text::new("edge case", "경계 사례"),
        "docs" => Text::new("documentation", "문서"),
        "test" => Text::new("test", "테스트"),
        _ => Text::quoted(kind),
    });
    let risk = text(item, "risk").map(|risk| {
        let level = level(&risk);
        Text::new(format!("{} risk", level.en), format!("위험도 {}", level.ko))
    });
    let notes: Vec<Text> = kind.into_iter().chain(risk).collect();
    if notes.is_empty() {
        return Text::quoted(description);
    }
    let notes = Text::join(&notes, ", ");
    Text::new(format!("{description} ({})", notes.en), format!("{description} ({})", notes.ko))
}

fn level(risk: &str) -> Text {
    match risk.to_lowercase().as_str() {
        "low" => Text::new("low", "낮음"),
        "medium" => Text::new("medium", "중간"),
        "high" => Text::new("high", "높음"),
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
            Some(true) => Text::new(format!("{what} (tested)"), format!("{what} (테스트 있음)")),
            Some(false) => Text::new(format!("{what} (not tested)"), format!("{what} (테스트 없음)")),
            None => Text::quoted(what),
        }
    };
    for case in &cases {
        let grave = text(case, "risk_level").is_some_and(|risk| !risk.eq_ignore_ascii_case("low"));
        if grave && truth(case, "test_added") == Some(false) {
            let what = text(case, "case").unwrap_or_else(|| phrase(case));
            content.risk_of(
                source,
                &format!("edge case without a test: {what}"),
                &format!("테스트가 없는 경계 사례: {what}"),
            );
        }
    }
    let all = cases.iter().map(shown).collect();
    content.list(source, Words::new("Edge case", "경계 사례"), CASES, all);
}

fn checklist(content: &mut Content, source: &Source<'_>) {
    let items = texts(source.value, "final_checklist");
    for item in items.iter().filter_map(|item| item.trim_start_matches(['-', '*', ' ']).strip_prefix("[ ]")) {
        let item = item.trim();
        content.risk_of(
            source,
            &format!("open checklist item: {item}"),
            &format!("끝나지 않은 점검 항목: {item}"),
        );
    }
    let items = items.into_iter().map(Text::quoted).collect();
    content.list(source, Words::new("Checklist", "점검 항목"), CHECKS, items);
}
