//! One line for each event: what happened, who did it, and the words that came with it.

use serde::Serialize;
use serde_json::Value;

use super::cut::cut_line;
use super::event::{ApprovalDecided, ChangeKind, Changed, EvidenceLogged};
use crate::domain::event::Body;
use crate::domain::event::consult::ConsultSettled;
use crate::domain::event::stage::Mode;
use crate::domain::stage::Stage;
use crate::domain::words::share_in_percent;

/// Maximum characters of one part.
const MOST_LETTERS: usize = 300;

/// The parts of the line of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Kind of the event, as in the log.
    pub kind: &'static str,
    /// The provider or person who acted; empty if there is none.
    pub who: String,
    pub content: String,
}

impl Label {
    /// The parts as one line.
    pub fn line(&self) -> String {
        let Self { kind, who, content } = self;
        if who.is_empty() { format!("{kind}: {content}") } else { format!("{kind} ({who}): {content}") }
    }
}

/// Makes the label of an event.
pub fn label(body: &Body) -> Label {
    let (who, content) = match body {
        Body::RunStarted(it) => (String::new(), format!("{}: {}", it.start_stage.name(), it.task)),
        Body::RunStopped(it) => (String::new(), it.why.clone()),
        Body::RunResumed(_) => (String::new(), "the run continues".to_owned()),
        Body::StageStarted(it) => (
            it.providers.join(", "),
            format!("{}, {}: {}", round(it.stage, it.iteration), mode(it.mode), it.why),
        ),
        Body::StageResumed(_) => (String::new(), "the stage continues in another server".to_owned()),
        Body::Answered(it) => (
            it.candidate.provider.clone(),
            format!("{}: {}", it.stage.name(), answer(it.candidate.error.as_deref(), &it.candidate.content)),
        ),
        Body::StageFinished(it) => {
            (it.provider.clone(), format!("{}: {}", round(it.stage, it.iteration), said(&it.output)))
        }
        Body::StageFailed(it) => (String::new(), format!("{}: {} [{}]", it.stage.name(), it.error, it.code)),
        Body::StageInterrupted(it) => (String::new(), format!("{}: {}", it.stage.name(), it.why)),
        Body::StageDelivered(_) => (String::new(), "the caller has the result".to_owned()),
        Body::ApprovalRequested(it) => {
            (String::new(), format!("{}: {}", round(it.stage, it.iteration), summary(&it.report)))
        }
        Body::ApprovalDecided(it) => (it.decided_by.words().to_owned(), decided(it)),
        Body::StateUsed(_) => (String::new(), "an answer from a form was used".to_owned()),
        Body::DialogOpened(_) => (String::new(), "a dialog was shown to the human".to_owned()),
        Body::DialogClosed(_) => (String::new(), "the dialog was closed".to_owned()),
        Body::ConsultReserved(it) => (it.provider.clone(), at_stage(it.stage)),
        Body::ConsultSettled(it) => (it.provider.clone(), settled(it)),
        Body::ConsultReleased(it) => (String::new(), it.why.clone()),
        Body::EvidenceLogged(it) => (it.source.clone(), evidence(it)),
        Body::Verified(it) => {
            (String::new(), format!("{}: {}", if it.passed { "passed" } else { "failed" }, it.summary))
        }
        Body::Changed(it) => (String::new(), changed(it)),
        Body::RedFlagged(it) => (it.provider.clone(), it.reasons.join(", ")),
        Body::Noted(it) => (String::new(), format!("{}: {}", <&str>::from(it.topic), said(&it.content))),
    };
    Label { kind: body.kind(), who: brief(&who), content: brief(&content) }
}

fn brief(text: &str) -> String {
    cut_line(text, MOST_LETTERS)
}

fn round(stage: Stage, iteration: u32) -> String {
    if iteration > 1 { format!("{}, round {iteration}", stage.name()) } else { stage.name().to_owned() }
}

fn at_stage(stage: Option<Stage>) -> String {
    stage.map_or("outside any stage", Stage::name).to_owned()
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Consult => "one consultant",
        Mode::Ensemble => "several side by side",
        Mode::Solo => "the orchestrator itself",
    }
}

fn answer(error: Option<&str>, content: &str) -> String {
    error.map_or_else(|| content.to_owned(), |error| format!("failed: {error}"))
}

/// A JSON value as one line for people.
fn said(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(said).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name}: {}", said(value)));
            fields.collect::<Vec<_>>().join("; ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn summary(report: &Value) -> String {
    report.get("summary").map(said).unwrap_or_default()
}

fn decided(it: &ApprovalDecided) -> String {
    let words = it.revision_instructions.as_ref().or(it.feedback.as_ref());
    let words = words.map_or(String::new(), |words| format!(": {words}"));
    format!("{} {}{words}", it.stage.name(), it.decision.status())
}

fn settled(it: &ConsultSettled) -> String {
    let outcome = it.code.as_ref().map_or_else(|| "answered".to_owned(), |code| format!("failed, {code}"));
    format!("{}: {outcome} after {} ms, {}", at_stage(it.stage), it.elapsed_ms, it.model)
}

fn evidence(it: &EvidenceLogged) -> String {
    let kind: &str = it.evidence_type.into();
    format!("{kind}, {} sure: {}", share_in_percent(it.confidence), said(&it.content))
}

fn changed(it: &Changed) -> String {
    let what = match it.kind {
        ChangeKind::Applied => "patch applied",
        ChangeKind::RolledBack => "patch undone",
        ChangeKind::Recovered => "an unfinished change of a killed server was undone",
    };
    let files: Vec<String> = it.files.iter().map(|file| format!("{} {}", file.action(), file.path)).collect();
    let undoes = it.undoes.as_ref().map_or(String::new(), |session| format!(", undoes {session}"));
    format!("{what} ({}{undoes}): {}", it.backup_session, files.join(", "))
}
