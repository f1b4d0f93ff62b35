//! Stage 4: what the error says now, how belief changed, and the one next action.

use serde_json::Value;

use super::{Content, Source, percent};
use crate::domain::report::read::{number, phrase, text, truth};
use crate::domain::report::text::{Noun, Text, Words};

const CHANGED: Noun = Noun::new(
    "files_changed",
    ["file in the proposed change", "files in the proposed change"],
    ["변경 제안 파일", "개"],
);
const ADDED: Noun = Noun::new("lines_added", ["line added", "lines added"], ["추가", "줄"]);
const REMOVED: Noun = Noun::new("lines_removed", ["line removed", "lines removed"], ["삭제", "줄"]);
const ANALYSES: Noun = Noun::new("error_analyses", ["error analysis", "error analyses"], ["오류 분석", "건"]);
const ACTIONS: Noun = Noun::new("next_actions", ["next action", "next actions"], ["다음 조치", "건"]);

pub(super) fn read(content: &mut Content, source: &Source<'_>) {
    analysis(content, source);
    update(content, source);
    action(content, source);
    if truth(source.value, "should_try_alternative") == Some(true) {
        let text = Text::new("take up another hypothesis", "다른 가설로 전환");
        content.finding(source, Words::new("It advises", "권고"), text);
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
    let label = Words::new("Error", "오류");
    let Some(analysis) = source.value.get("error_analysis") else {
        return content.risk_of(source, "the error is not analysed", "오류 분석이 없습니다");
    };
    let Some(kind) = text(analysis, "error_type") else {
        let said = phrase(analysis);
        if said.is_empty() {
            return content.risk_of(source, "the error is not analysed", "오류 분석이 없습니다");
        }
        content.count(ANALYSES, 1);
        content.context(source, "debug_analysis", Text::quoted(said.clone()));
        return content.finding(source, label, Text::quoted(said));
    };
    content.count(ANALYSES, 1);
    let is_new = truth(analysis, "is_new_error").map(|new| {
        if new {
            Text::new("another error than before", "이전과 다른 오류")
        } else {
            Text::new("the same error as before", "이전과 같은 오류")
        }
    });
    let related = truth(analysis, "is_related_to_change").map(|related| {
        if related {
            Text::new("caused by the latest change", "최근 변경이 원인")
        } else {
            Text::new("not caused by the latest change", "최근 변경과 무관")
        }
    });
    let notes: Vec<Text> = is_new.into_iter().chain(related).collect();
    let notes = Text::join(&notes, ", ");
    let shown = if notes.en.is_empty() {
        Text::quoted(kind)
    } else {
        Text::new(format!("{kind} ({})", notes.en), format!("{kind} ({})", notes.ko))
    };
    content.context(source, "debug_analysis", shown.clone());
    content.finding(source, label, shown);
    if let Some(theory) = text(analysis, "root_cause_theory") {
        content.finding(source, Words::new("Cause", "추정 원인"), Text::quoted(theory));
    }
}

fn update(content: &mut Content, source: &Source<'_>) {
    let Some(update) = source.value.get("hypothesis_update") else { return };
    let (Some(id), Some(confidence)) = (text(update, "id"), number(update, "new_confidence")) else {
        let said = phrase(update);
        if !said.is_empty() {
            content.finding(source, Words::new("Hypothesis", "가설"), Text::quoted(said));
        }
        return;
    };
    let now = percent(confidence);
    let reason = text(update, "reason").map(|reason| format!(": {reason}")).unwrap_or_default();
    let shown =
        Text::new(format!("{id} is now at {now}{reason}"), format!("{id}의 확신도는 이제 {now}{reason}"));
    content.context(source, "debug_hypothesis", shown.clone());
    content.finding(source, Words::new("Hypothesis", "가설"), shown);
}

fn action(content: &mut Content, source: &Source<'_>) {
    let label = Words::new("Next action", "다음 조치");
    let Some(action) = source.value.get("next_action") else {
        return content.risk_of(source, "no next action is named", "다음 조치가 없습니다");
    };
    let kind = text(action, "type").or_else(|| action.as_str().map(|text| text.trim().to_owned()));
    let details = text(action, "details").map(|details| format!(": {details}")).unwrap_or_default();
    let Some(kind) = kind.filter(|kind| !kind.is_empty()) else {
        let said = phrase(action);
        if said.is_empty() {
            return content.risk_of(source, "no next action is named", "다음 조치가 없습니다");
        }
        content.count(ACTIONS, 1);
        return content.finding(source, label, Text::quoted(said));
    };
    content.count(ACTIONS, 1);
    let shown = match kind.as_str() {
        "edit" => Text::new("one edit", "수정 1건"),
        "test" => Text::new("a test first", "먼저 테스트 실행"),
        "rollback" => Text::new("undo the last change", "최근 변경 되돌리기"),
        "escalate" => Text::new("hand it to a person", "사람에게 넘김"),
        _ => Text::quoted(kind.clone()),
    };
    if matches!(kind.as_str(), "rollback" | "escalate") {
        content.risk_of(source, &format!("advises to {}", shown.en), &format!("권고 사항: {}", shown.ko));
    }
    let shown = Text::new(format!("{}{details}", shown.en), format!("{}{details}", shown.ko));
    content.context(source, "debug_action", shown.clone());
    content.finding(source, label, shown);
}

fn regression(content: &mut Content, source: &Source<'_>) {
    let compared = source.value.get("test_result").and_then(|result| text(result, "compared_to_previous"));
    if compared.as_deref() == Some("regression") {
        content.risk_of(
            source,
            "a test that passed before fails now",
            "이전에 통과하던 테스트가 지금은 실패합니다",
        );
    }
}
