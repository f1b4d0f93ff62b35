//! Stage 1: facts, reproduction, modules, invariants, and what is not known.

use serde_json::Value;

use super::{Content, Source, percent};
use crate::domain::report::read::{items, number, phrase, text, texts};
use crate::domain::report::text::{Noun, Text, Words};

const OBSERVATIONS: Noun = Noun::new("observations", ["observation", "observations"], ["관찰", "건"]);
const STEPS: Noun =
    Noun::new("repro_steps", ["reproduction step", "reproduction steps"], ["재현 단계", "개"]);
const MODULES: Noun =
    Noun::new("affected_modules", ["affected module", "affected modules"], ["관련 모듈", "개"]);
const INVARIANTS: Noun = Noun::new("invariants", ["invariant", "invariants"], ["불변 조건", "개"]);
const CONSTRAINTS: Noun = Noun::new("constraints", ["constraint", "constraints"], ["제약", "개"]);
const UNKNOWNS: Noun = Noun::new("unknowns", ["open point", "open points"], ["미확인 사항", "건"]);

/// Below it, an output says itself that its record is not complete.
const LOW_CONFIDENCE: f64 = 0.5;

pub(super) fn read(content: &mut Content, source: &Source<'_>) {
    let value = source.value;
    let observations: Vec<Text> = items(value, "observations").into_iter().map(observation).collect();
    if observations.is_empty() {
        content.risk_of(source, "no fact is recorded", "기록된 사실이 없습니다");
    }
    content.list(source, Words::new("Fact", "사실"), OBSERVATIONS, observations);

    let steps = texts(value, "repro_steps");
    if steps.is_empty() {
        content.risk_of(source, "the problem was not reproduced", "문제가 재현되지 않았습니다");
    } else {
        content.context(source, "analyze_repro", Text::quoted(steps.join("; ")));
    }
    let numbered = steps.iter().enumerate().map(|(index, step)| Text::quoted(step_of(index, step))).collect();
    content.list(source, Words::new("To reproduce", "재현 단계"), STEPS, numbered);

    let modules = texts(value, "affected_modules");
    content.count(MODULES, modules.len());
    if !modules.is_empty() {
        let joined = modules.join(", ");
        content.context(source, "analyze_files", Text::quoted(joined.clone()));
        content.finding(source, Words::new("Modules", "관련 모듈"), Text::quoted(joined));
    }
    content.quotes(source, Words::new("Invariant", "불변 조건"), INVARIANTS, "invariants");
    content.quotes(source, Words::new("Constraint", "제약"), CONSTRAINTS, "constraints");
    content.quotes(source, Words::new("Not known", "미확인"), UNKNOWNS, "unknowns");
    confidence(content, source);
}

fn confidence(content: &mut Content, source: &Source<'_>) {
    let Some(confidence) = number(source.value, "confidence") else { return };
    let shown = percent(confidence);
    let text = Text::new(format!("{shown}, by its own estimate"), format!("{shown} (자체 추정)"));
    content.finding(source, Words::new("Completeness", "완성도"), text);
    if confidence < LOW_CONFIDENCE {
        content.risk_of(
            source,
            &format!("calls its own record only {shown} complete"),
            &format!("스스로 추정한 기록의 완성도가 {shown}에 그칩니다"),
        );
    }
}

/// A step with its number, unless it has one.
fn step_of(index: usize, step: &str) -> String {
    let has_number = step.trim_start().starts_with(|letter: char| letter.is_ascii_digit());
    if has_number { step.to_owned() } else { format!("{}. {step}", index + 1) }
}

/// A fact with its place and how certain it is.
fn observation(item: &Value) -> Text {
    let Some(fact) = text(item, "fact") else { return Text::quoted(phrase(item)) };
    let place = text(item, "source").map(|place| match number(item, "line_number") {
        Some(line) if line >= 1.0 => format!("{place}:{line:.0}"),
        Some(_) | None => place,
    });
    let certainty = text(item, "certainty").map(|certainty| match certainty.to_lowercase().as_str() {
        "high" => Text::new("certain", "확실함"),
        "medium" => Text::new("partly seen", "일부 확인"),
        "low" => Text::new("uncertain", "불확실"),
        _ => Text::quoted(certainty),
    });
    let notes: Vec<Text> = place.map(Text::quoted).into_iter().chain(certainty).collect();
    if notes.is_empty() {
        return Text::quoted(fact);
    }
    let notes = Text::join(&notes, ", ");
    Text::new(format!("{fact} ({})", notes.en), format!("{fact} ({})", notes.ko))
}
