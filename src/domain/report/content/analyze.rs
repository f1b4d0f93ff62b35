//! Stage 1: facts, reproduction, modules, invariants, and what is not known.

use serde_json::Value;

use super::{Content, Noun, Source, noted, percent};
use crate::domain::report::read::{items, number, phrase, text, texts};
use crate::domain::text::{Text, say};

const OBSERVATIONS: Noun = Noun { key: "observations", words: "n_observations" };
const STEPS: Noun = Noun { key: "repro_steps", words: "n_repro_steps" };
const MODULES: Noun = Noun { key: "affected_modules", words: "n_affected_modules" };
const INVARIANTS: Noun = Noun { key: "invariants", words: "n_invariants" };
const CONSTRAINTS: Noun = Noun { key: "constraints", words: "n_constraints" };
const UNKNOWNS: Noun = Noun { key: "unknowns", words: "n_unknowns" };

/// Below it, an output says itself that its record is not complete.
const LOW_CONFIDENCE: f64 = 0.5;

pub(super) fn read(content: &mut Content, source: &Source<'_>) {
    let value = source.value;
    let observations: Vec<Text> = items(value, "observations").into_iter().map(observation).collect();
    if observations.is_empty() {
        content.risk_of(source, say!("no_fact"));
    }
    content.list(source, &say!("label_fact"), OBSERVATIONS, observations);

    let steps = texts(value, "repro_steps");
    if steps.is_empty() {
        content.risk_of(source, say!("not_reproduced"));
    } else {
        content.context(source, "analyze_repro", Text::quoted(steps.join("; ")));
    }
    let numbered = steps.iter().enumerate().map(|(index, step)| Text::quoted(step_of(index, step))).collect();
    content.list(source, &say!("label_steps"), STEPS, numbered);

    let modules = texts(value, "affected_modules");
    content.count(MODULES, modules.len());
    if !modules.is_empty() {
        let joined = modules.join(", ");
        content.context(source, "analyze_files", Text::quoted(joined.clone()));
        content.finding(source, say!("label_modules"), Text::quoted(joined));
    }
    content.quotes(source, &say!("label_invariant"), INVARIANTS, "invariants");
    content.quotes(source, &say!("label_constraint"), CONSTRAINTS, "constraints");
    content.quotes(source, &say!("label_not_known"), UNKNOWNS, "unknowns");
    confidence(content, source);
}

fn confidence(content: &mut Content, source: &Source<'_>) {
    let Some(confidence) = number(source.value, "confidence") else { return };
    let shown = percent(confidence);
    content.finding(source, say!("label_completeness"), say!("own_estimate", share = shown));
    if confidence < LOW_CONFIDENCE {
        content.risk_of(source, say!("incomplete_record", share = shown));
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
        "high" => say!("certain"),
        "medium" => say!("partly_seen"),
        "low" => say!("uncertain"),
        _ => Text::quoted(certainty),
    });
    let notes: Vec<Text> = place.map(Text::quoted).into_iter().chain(certainty).collect();
    noted(fact, &notes)
}
