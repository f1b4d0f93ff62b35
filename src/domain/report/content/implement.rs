//! Stage 3: the change, its plan, its files, and how it is to be checked.

use serde_json::Value;

use super::{Content, Source};
use crate::domain::report::read::{items, number, says_none, text, texts, truth};
use crate::domain::report::text::{Noun, Text, Words};

const PLANNED: Noun = Noun::new("files_planned", ["file planned", "files planned"], ["계획된 파일", "개"]);
const CHANGED: Noun =
    Noun::new("files_changed", ["file in the diff", "files in the diff"], ["diff에 포함된 파일", "개"]);
const ADDED: Noun = Noun::new("lines_added", ["line added", "lines added"], ["추가", "줄"]);
const REMOVED: Noun = Noun::new("lines_removed", ["line removed", "lines removed"], ["삭제", "줄"]);

pub(super) fn read(content: &mut Content, source: &Source<'_>) {
    let value = source.value;
    content.quote(source, Words::new("Plan", "변경 계획"), "patch_plan");
    let planned = texts(value, "files_to_change");
    content.count(PLANNED, planned.len());
    if !planned.is_empty() {
        content.finding(source, Words::new("Files planned", "대상 파일"), Text::quoted(planned.join(", ")));
    }
    change(content, source, &planned);
    if let Some(command) = text(value, "verification_command") {
        content.names_a_check = true;
        content.context(source, "impl_tests", Text::quoted(command.clone()));
        content.finding(source, Words::new("To verify", "검증 명령"), Text::quoted(command));
    }
    content.claim(source);
    lint(content, source);
    if let Some(command) = text(value, "rollback_command") {
        content.context(source, "impl_rollback", Text::quoted(command.clone()));
        content.finding(source, Words::new("To undo", "되돌리는 방법"), Text::quoted(command));
    }
    for risk in texts(value, "risks").into_iter().filter(|risk| !says_none(risk)) {
        content.risk_of(source, &risk, &risk);
    }
    next_action(content, source);
}

fn change(content: &mut Content, source: &Source<'_>, planned: &[String]) {
    let diff = diff_of(source.value);
    let Some(change) = content.change(source, &diff) else {
        return content.risk_of(source, "no diff to review", "검토할 diff가 없습니다");
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
        let size =
            Text::new(format!("{paths}: +{added} -{removed}"), format!("{paths}: +{added} -{removed}"));
        content.finding(source, Words::new("Diff", "변경 크기"), size);
    }
    if !beyond.is_empty() {
        let beyond = beyond.join(", ");
        content.risk_of(
            source,
            &format!("the diff touches files that are not in the plan: {beyond}"),
            &format!("계획에 없는 파일을 변경합니다: {beyond}"),
        );
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
    let count = |key| number(result, key).filter(|number| *number >= 0.0).unwrap_or_default();
    let (errors, warnings) = (count("errors"), count("warnings"));
    match truth(result, "passed") {
        Some(true) => {
            let text = Text::new(
                format!("reported as passed ({errors:.0} errors, {warnings:.0} warnings)"),
                format!("통과했다고 보고됨 (오류 {errors:.0}건, 경고 {warnings:.0}건)"),
            );
            content.finding(source, Words::new("Static checks", "정적 검사"), text);
        }
        Some(false) => content.risk_of(
            source,
            &format!("static checks failed ({errors:.0} errors, {warnings:.0} warnings)"),
            &format!("정적 검사에 실패했습니다 (오류 {errors:.0}건, 경고 {warnings:.0}건)"),
        ),
        None => {}
    }
}

fn next_action(content: &mut Content, source: &Source<'_>) {
    let Some(action) = text(source.value, "next_action") else { return };
    let shown = match action.as_str() {
        "proceed_to_improve" => Text::new("go on to improve", "개선 단계로 진행"),
        "proceed_to_debug" => Text::new("go on to debug", "디버깅 단계로 진행"),
        "revert_and_retry" => Text::new("undo the change and try again", "변경을 되돌리고 다시 시도"),
        "escalate" => Text::new("hand it to a person", "사람에게 넘김"),
        _ => Text::quoted(action.clone()),
    };
    if matches!(action.as_str(), "revert_and_retry" | "escalate") {
        content.risk_of(source, &format!("advises to {}", shown.en), &format!("권고 사항: {}", shown.ko));
    }
    content.finding(source, Words::new("It advises", "권고"), shown);
}
