//! Stage 2: competing explanations, their tests, and the one that is selected.

use serde_json::Value;

use super::{Content, Noun, Source, percent};
use crate::domain::report::read::{items, number, phrase, text, texts};
use crate::domain::text::{Text, say};

const HYPOTHESES: Noun = Noun { key: "hypotheses", words: "n_hypotheses" };
const TESTED: Noun = Noun { key: "with_a_test", words: "n_with_a_test" };

pub(super) fn read(content: &mut Content, source: &Source<'_>) {
    let value = source.value;
    let hypotheses = items(value, "hypotheses");
    let testable = hypotheses.iter().filter(|one| text(one, "verification_test").is_some()).count();
    let selected = text(value, "selected");
    content.list(
        source,
        &say!("label_hypothesis"),
        HYPOTHESES,
        hypotheses.iter().map(|one| hypothesis(source, one)).collect(),
    );
    content.count(TESTED, testable);
    judge_field(content, source, &hypotheses);
    match selected {
        Some(id) => judge_selected(content, source, &hypotheses, &id),
        None => content.risk_of(source, say!("none_selected")),
    }
    content.quote(source, say!("label_reason"), "selection_reason");
    let order = texts(value, "recommended_order");
    if order.len() > 1 {
        content.finding(source, say!("label_order"), Text::quoted(order.join(", ")));
    }
    plan(content, source);
}

/// Names what keeps the explanations from competing or being tested.
fn judge_field(content: &mut Content, source: &Source<'_>, hypotheses: &[&Value]) {
    if hypotheses.is_empty() {
        content.risk_of(source, say!("no_hypothesis"));
    }
    for one in hypotheses.iter().filter(|one| text(one, "verification_test").is_none()) {
        let name = text(one, "id").unwrap_or_else(|| phrase(one));
        content.risk_of(source, say!("not_refutable", name = name));
    }
}

fn judge_selected(content: &mut Content, source: &Source<'_>, hypotheses: &[&Value], id: &str) {
    let found = hypotheses.iter().find(|one| text(one, "id").is_some_and(|known| known == id));
    let Some(found) = found else {
        return content.risk_of(source, say!("selected_not_listed", id = id));
    };
    let claim = text(found, "claim").map_or_else(|| id.to_owned(), |claim| format!("{id} - {claim}"));
    content.context(source, "hypo_plausibility", Text::quoted(claim.clone()));
    content.context(source, "hypo_priority", Text::quoted(id));
    content.finding(source, say!("label_selected"), Text::quoted(claim));
    if let Some(prediction) = text(found, "prediction") {
        content.finding(source, say!("label_predicts"), Text::quoted(prediction));
    }
    if let Some(test) = text(found, "verification_test") {
        content.names_a_check = true;
        content.context(source, "hypo_testability", Text::quoted(test.clone()));
        content.finding(source, say!("label_its_test"), Text::quoted(test));
    }
    for evidence in texts(found, "evidence_for") {
        content.finding(source, say!("label_for_it"), Text::quoted(evidence));
    }
    for evidence in texts(found, "evidence_against").into_iter().chain(text(found, "counter_evidence")) {
        content.finding(source, say!("label_against_it"), Text::quoted(evidence));
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
            |expected| say!("expected", command = command, expected = expected),
        );
        content.finding(source, say!("label_command"), shown);
    }
}

/// A hypothesis in one line: its id, how sure its author is, its claim.
fn hypothesis(source: &Source<'_>, item: &Value) -> Text {
    let Some(claim) = text(item, "claim") else { return Text::quoted(phrase(item)) };
    let whose = if source.among_others { format!("{}:", source.name) } else { String::new() };
    let id = text(item, "id").map(|id| format!("{whose}{id} ")).unwrap_or_default();
    match number(item, "confidence").map(percent) {
        Some(confidence) => say!("confident", id = id, confidence = confidence, claim = claim),
        None => Text::quoted(format!("{id}{claim}")),
    }
}
