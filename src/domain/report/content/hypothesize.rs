//! Stage 2: competing explanations, their tests, and the one that is selected.

use serde_json::Value;

use super::{Content, Source, percent};
use crate::domain::report::read::{items, number, phrase, text, texts};
use crate::domain::report::text::{Noun, Text, Words};

const HYPOTHESES: Noun = Noun::new("hypotheses", ["hypothesis", "hypotheses"], ["가설", "개"]);
const TESTED: Noun = Noun::new("with_a_test", ["way to test them", "ways to test them"], ["검증 방법", "개"]);

pub(super) fn read(content: &mut Content, source: &Source<'_>) {
    let value = source.value;
    let hypotheses = items(value, "hypotheses");
    let testable = hypotheses.iter().filter(|one| text(one, "verification_test").is_some()).count();
    let selected = text(value, "selected");
    content.list(
        source,
        Words::new("Hypothesis", "가설"),
        HYPOTHESES,
        hypotheses.iter().map(|one| hypothesis(source, one)).collect(),
    );
    content.count(TESTED, testable);
    judge_field(content, source, &hypotheses);
    match selected {
        Some(id) => judge_selected(content, source, &hypotheses, &id),
        None => content.risk_of(source, "no hypothesis is selected", "선택된 가설이 없습니다"),
    }
    content.quote(source, Words::new("Reason", "선택 이유"), "selection_reason");
    let order = texts(value, "recommended_order");
    if order.len() > 1 {
        content.finding(source, Words::new("Order", "검증 순서"), Text::quoted(order.join(", ")));
    }
    plan(content, source);
}

/// Whether the explanations compete and can be tested.
fn judge_field(content: &mut Content, source: &Source<'_>, hypotheses: &[&Value]) {
    if hypotheses.is_empty() {
        content.risk_of(source, "there is no hypothesis", "가설이 없습니다");
    }
    for one in hypotheses.iter().filter(|one| text(one, "verification_test").is_none()) {
        let name = text(one, "id").unwrap_or_else(|| phrase(one));
        content.risk_of(
            source,
            &format!("no test could refute this hypothesis: {name}"),
            &format!("반증할 검증 방법이 없는 가설입니다: {name}"),
        );
    }
}

fn judge_selected(content: &mut Content, source: &Source<'_>, hypotheses: &[&Value], id: &str) {
    let found = hypotheses.iter().find(|one| text(one, "id").is_some_and(|known| known == id));
    let Some(found) = found else {
        let (en, ko) = (
            format!("the selected hypothesis {id} is not in the list"),
            format!("선택된 가설 {id}이(가) 제시된 가설 목록에 없습니다"),
        );
        return content.risk_of(source, &en, &ko);
    };
    let claim = text(found, "claim").map_or_else(|| id.to_owned(), |claim| format!("{id} - {claim}"));
    content.context(source, "hypo_plausibility", Text::quoted(claim.clone()));
    content.context(source, "hypo_priority", Text::quoted(id));
    content.finding(source, Words::new("Selected", "선택된 가설"), Text::quoted(claim));
    if let Some(prediction) = text(found, "prediction") {
        content.finding(source, Words::new("It predicts", "예측"), Text::quoted(prediction));
    }
    if let Some(test) = text(found, "verification_test") {
        content.names_a_check = true;
        content.context(source, "hypo_testability", Text::quoted(test.clone()));
        content.finding(source, Words::new("Its test", "검증 방법"), Text::quoted(test));
    }
    for evidence in texts(found, "evidence_for") {
        content.finding(source, Words::new("For it", "뒷받침"), Text::quoted(evidence));
    }
    for evidence in texts(found, "evidence_against").into_iter().chain(text(found, "counter_evidence")) {
        content.finding(source, Words::new("Against it", "반대 근거"), Text::quoted(evidence));
    }
}

/// The command that decides, and what it is expected to show.
fn plan(content: &mut Content, source: &Source<'_>) {
    let plan = source.value.get("verification_plan");
    let command =
        plan.and_then(|plan| text(plan, "test_command")).or_else(|| text(source.value, "test_command"));
    let expected = plan.and_then(|plan| text(plan, "expected_result"));
    if let Some(command) = command {
        content.names_a_check = true;
        let shown = expected.map_or_else(
            || Text::quoted(command.clone()),
            |expected| {
                Text::new(
                    format!("{command} - expected: {expected}"),
                    format!("{command} - 기대 결과: {expected}"),
                )
            },
        );
        content.finding(source, Words::new("Command", "검증 명령"), shown);
    }
}

/// A hypothesis in one line: its id, how sure its author is, its claim.
fn hypothesis(source: &Source<'_>, item: &Value) -> Text {
    let Some(claim) = text(item, "claim") else { return Text::quoted(phrase(item)) };
    let whose = if source.among_others { format!("{}:", source.name) } else { String::new() };
    let id = text(item, "id").map(|id| format!("{whose}{id} ")).unwrap_or_default();
    match number(item, "confidence").map(percent) {
        Some(confidence) => {
            Text::new(format!("{id}({confidence}) {claim}"), format!("{id}(확신도 {confidence}) {claim}"))
        }
        None => Text::quoted(format!("{id}{claim}")),
    }
}
