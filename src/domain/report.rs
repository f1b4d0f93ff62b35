//! The report of a stage, as a person reads it before deciding: in English and in Korean, made of
//! what the outputs say and of what is known about them.

mod applied;
mod change;
mod choice;
mod content;
mod dialog;
mod display;
mod material;
mod names;
mod next;
mod page;
mod read;
mod risk;
mod wrap;

pub use super::event::stage::Mode;
pub use applied::AppliedChange;
pub use change::ProposedChange;
pub use choice::{Choice, meant};
pub use dialog::{dialog, fitted, heart};
pub use display::{display, lines};
pub use material::{
    Cost, Failure, Flagged, Iteration, Material, Next, ORCHESTRATOR, OpenQuestion, Output, Said,
    SchemaErrors, VerificationNote,
};
pub use names::stage as stage_name;
pub use page::{Line, LineKind};
pub use risk::is_low_risk;
pub use wrap::columns;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::question::{self, Question};
use super::stage::Stage;
use super::text::{Text, gather_texts, say, spread_texts};
use content::Content;

/// A report for review. It can be stored and shown again by another process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Report {
    /// The stage.
    pub stage: Stage,
    pub stage_display_name: Text,
    pub summary: Text,
    /// Findings of the outputs, each as `label: text`; what a model wrote is quoted as it is.
    pub key_findings: Vec<Text>,
    pub risks: Vec<Text>,
    pub questions: Vec<Question>,
    /// The stage that an approval leads to; none at the end.
    pub next_stage: Option<Stage>,
    pub next_stage_preview: Text,
    /// The outputs: the object itself where there is one, else by source.
    pub outputs: Value,
    /// Figures: what was spent, and the caller's own.
    pub metrics: Map<String, Value>,
    /// Milliseconds that the stage took.
    pub duration_ms: u64,
    /// The time of the report.
    pub timestamp: String,
    pub mode: Mode,
    /// Why it was done so.
    pub mode_reason: Option<String>,
    pub iteration: Option<Iteration>,
    /// The sources of the outputs, in order.
    pub sources: Vec<String>,
    /// The counts of everything that the report speaks of.
    pub counts: IndexMap<String, usize>,
    /// Discarded answers.
    pub red_flags: Vec<Flagged>,
    /// Answers that do not fit the schema.
    pub schema: Vec<SchemaErrors>,
    /// Consultants without an answer.
    pub failures: Vec<Failure>,
    /// The latest recorded verification.
    pub tests: Option<VerificationNote>,
    /// Proposed changes.
    pub diff: Vec<ProposedChange>,
    /// The choices, where there is more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// Changes that were made since the last report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applied: Vec<AppliedChange>,
    pub cost: Cost,
    /// Critical questions of earlier stages without an answer.
    pub open_questions: Vec<OpenQuestion>,
    pub action_required: Text,
}

/// The fields that a stored report has once for each language.
const TEXTS: &[&str] =
    &["stage_display_name", "summary", "key_findings", "risks", "next_stage_preview", "action_required"];
spread_texts!(Report: TEXTS);
gather_texts!(Report: TEXTS);

/// The change that a stage's output proposes, where the stage makes one.
pub fn proposed_diff(stage: Stage, output: &Value) -> Option<String> {
    content::proposed_diff(stage, output)
}

/// Makes the report of a stage.
pub fn report(material: &Material<'_>) -> Report {
    let content = content::read(material);
    let risks = risk::all(material, &content);
    let questions = questions(material, &content);
    Report {
        stage: material.stage,
        stage_display_name: names::stage(material.stage),
        summary: summary(material, &content),
        counts: counts(material, &content, risks.len()),
        key_findings: content.findings,
        action_required: next::action(material, &questions, risks.len()),
        risks,
        questions,
        next_stage: next::stage(material.next),
        next_stage_preview: next::preview(material.next),
        outputs: outputs(material.outputs),
        metrics: metrics(material),
        duration_ms: material.cost.duration_ms,
        timestamp: material.at.to_owned(),
        mode: material.mode,
        mode_reason: material.why.map(str::to_owned),
        iteration: material.iteration,
        sources: material.outputs.iter().map(|output| output.source.to_owned()).collect(),
        red_flags: material.flags.clone(),
        schema: material.schema_errors.clone(),
        failures: material.failures.clone(),
        tests: material.verification.clone(),
        diff: content.changes,
        choices: content.choices,
        applied: material.applied.clone(),
        cost: material.cost,
        open_questions: material.open_questions.clone(),
    }
}

/// The questions of the stage, each with what it is about here.
fn questions(material: &Material<'_>, content: &Content) -> Vec<Question> {
    let mut questions = question::for_stage(material.stage);
    let iteration = material.iteration.and_then(|round| Some(("debug_iteration", next::round(round)?)));
    for (id, context) in content.contexts.iter().cloned().chain(iteration) {
        if let Some(question) = questions.iter_mut().find(|question| question.id == id) {
            question.context = Some(context.map(read::shortened));
        }
    }
    questions
}

fn summary(material: &Material<'_>, content: &Content) -> Text {
    let called: Vec<Text> = material.outputs.iter().map(|output| content::called(output.source)).collect();
    let phrase = content.phrase();
    if called.is_empty() || phrase.is_empty() {
        return say!("nothing_handed_in");
    }
    say!("summary", who = Text::listed(&called), what = phrase)
}

fn counts(material: &Material<'_>, content: &Content, risks: usize) -> IndexMap<String, usize> {
    let structured = |output: &&Output<'_>| matches!(output.said, Said::Structured(_));
    let ours = [
        ("outputs", material.outputs.len()),
        ("structured_outputs", material.outputs.iter().filter(structured).count()),
        ("key_findings", content.findings.len()),
        ("risks", risks),
        ("red_flagged", material.flags.len()),
        ("schema_errors", material.schema_errors.len()),
        ("failures", material.failures.len()),
        ("open_questions", material.open_questions.len()),
    ];
    content.counts().chain(ours).map(|(key, number)| (key.to_owned(), number)).collect()
}

fn outputs(outputs: &[Output<'_>]) -> Value {
    let value = |output: &Output<'_>| match output.said {
        Said::Structured(value) => value.clone(),
        Said::Text(text) => Value::String(text.to_owned()),
    };
    if let [Output { said: Said::Structured(value @ Value::Object(_)), .. }] = outputs {
        return (*value).clone();
    }
    let mut by_source = Map::new();
    for output in outputs {
        let mut key = output.source.to_owned();
        let mut number = 1;
        while by_source.contains_key(&key) {
            number += 1;
            key = format!("{}#{number}", output.source);
        }
        by_source.insert(key, value(output));
    }
    Value::Object(by_source)
}

fn metrics(material: &Material<'_>) -> Map<String, Value> {
    let mut metrics = material.metrics.cloned().unwrap_or_default();
    if let Ok(Value::Object(cost)) = serde_json::to_value(material.cost) {
        metrics.extend(cost);
    }
    metrics
}

#[cfg(test)]
mod tests;
