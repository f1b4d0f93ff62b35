//! The words of each event as evidence, in short.

use serde_json::{Value, json};

use super::flags::flagged;
use super::{Detail, Kind, OfStage};
use crate::domain::event::approval::{ApprovalDecided, ApprovalRequested, DecidedBy};
use crate::domain::event::consult::{ConsultSettled, Kept};
use crate::domain::event::record::{ChangeKind, Changed, EvidenceLogged, Noted, Topic, Verified};
use crate::domain::event::stage::{Answered, StageFailed, StageFinished, StageStarted};
use crate::domain::event::{Body, Event};

/// The source of what this server saw and did itself.
const MAESTRO: &str = "maestro";

pub(super) struct Told {
    pub(super) kind: Kind,
    pub(super) stage: OfStage,
    pub(super) content: Value,
    pub(super) source: String,
    pub(super) confidence: f64,
}

/// Returns what an event says; none where it is bookkeeping.
pub(super) fn told(event: &Event, detail: Detail) -> Option<Told> {
    Some(match &event.body {
        Body::RunStarted(started) => {
            stage(started.start_stage, MAESTRO, json!({ "event": "run_started", "task": started.task }))
        }
        Body::RunStopped(stopped) => {
            stage(OfStage::Any, MAESTRO, json!({ "event": "run_stopped", "why": stopped.why }))
        }
        Body::RunResumed(_) => stage(OfStage::Any, MAESTRO, json!({ "event": "run_resumed" })),
        Body::StageStarted(started) => begun(started),
        Body::Answered(answered) => answer(event, answered, detail),
        Body::StageFinished(done) => finished(done),
        Body::StageFailed(done) => failed(done),
        Body::StageInterrupted(cut) => {
            stage(cut.stage, MAESTRO, json!({ "event": "interrupted", "why": cut.why }))
        }
        Body::ApprovalRequested(asked) => requested(event, asked, detail),
        Body::ApprovalDecided(said) => decided(said),
        Body::ConsultSettled(settled) => consult(settled, detail),
        Body::EvidenceLogged(logged) => recorded(logged),
        Body::Verified(checks) => verified(checks),
        Body::Changed(change) => changed(change),
        Body::RedFlagged(flagged) => Told {
            kind: Kind::RedFlag,
            ..stage(flagged.stage, &flagged.provider, json!({ "reasons": flagged.reasons }))
        },
        Body::Noted(noted) => noted_result(noted)?,
        Body::StageResumed(_)
        | Body::StageDelivered(_)
        | Body::StateUsed(_)
        | Body::DialogOpened(_)
        | Body::DialogClosed(_)
        | Body::ConsultReserved(_)
        | Body::ConsultReleased(_) => return None,
    })
}

fn without_nulls(mut content: Value) -> Value {
    if let Some(fields) = content.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    content
}

/// Returns what became of a stage; what others build on.
fn stage(of: impl Into<OfStage>, source: &str, content: Value) -> Told {
    Told { kind: Kind::Stage, stage: of.into(), content, source: source.to_owned(), confidence: 1.0 }
}

fn begun(started: &StageStarted) -> Told {
    let content = json!({
        "event": "started",
        "iteration": started.iteration,
        "mode": started.mode,
        "why": started.why,
        "providers": started.providers,
    });
    stage(started.stage, MAESTRO, content)
}

fn answer(event: &Event, answered: &Answered, detail: Detail) -> Told {
    let candidate = &answered.candidate;
    let flags = flagged(event).map(|(_, reasons)| reasons);
    let content = without_nulls(json!({
        "event": "answered",
        "candidate": candidate.id,
        "model": named(&candidate.model),
        "model_asked": candidate.told.model_asked,
        "effort": candidate.told.effort,
        "warning": candidate.told.warning,
        "ok": candidate.ok,
        "elapsed_ms": candidate.elapsed_ms,
        "code": candidate.code,
        "error": candidate.error,
        "reasons": flags,
        "schema_errors": Some(&candidate.schema_errors).filter(|errors| !errors.is_empty()),
        "chars": candidate.content.chars().count(),
        "answer": Some(&candidate.content).filter(|_| detail == Detail::Whole),
        "content_file": candidate.content_file,
    }));
    let kind = if flags.is_some() { Kind::RedFlag } else { Kind::Stage };
    Told { kind, ..stage(answered.stage, &candidate.provider, content) }
}

/// A model's name; none where nobody told.
fn named(model: &str) -> Option<&str> {
    Some(model).filter(|model| !model.is_empty())
}

fn finished(done: &StageFinished) -> Told {
    let content = json!({
        "event": "finished",
        "iteration": done.iteration,
        "mode": done.mode,
        "consults_used": done.consults_used,
        "elapsed_ms": done.elapsed_ms,
        "output": done.output,
    });
    stage(done.stage, &done.provider, content)
}

fn failed(done: &StageFailed) -> Told {
    let content = json!({
        "event": "failed",
        "code": done.code,
        "error": done.error,
        "consults_used": done.consults_used,
        "elapsed_ms": done.elapsed_ms,
    });
    stage(done.stage, MAESTRO, content)
}

fn requested(event: &Event, asked: &ApprovalRequested, detail: Detail) -> Told {
    let content = without_nulls(json!({
        "event": "requested",
        "request_id": event.id,
        "iteration": asked.iteration,
        "digest": asked.digest,
        "report": Some(&asked.report).filter(|_| detail == Detail::Whole),
    }));
    Told { kind: Kind::Approval, ..stage(asked.stage, MAESTRO, content) }
}

fn decided(said: &ApprovalDecided) -> Told {
    let content = json!({
        "event": "decided",
        "request_id": said.request,
        "decision": said.decision,
        "decided_by": said.decided_by,
        "feedback": said.feedback,
        "revision_instructions": said.revision_instructions,
        "question_responses": said.responses,
        "unanswered_critical": said.unanswered_critical,
    });
    Told { kind: Kind::Approval, ..stage(said.stage, whose_word(said.decided_by), content) }
}

fn whose_word(by: DecidedBy) -> &'static str {
    match by {
        DecidedBy::Elicitation | DecidedBy::ClientDialog | DecidedBy::Terminal | DecidedBy::Page => "human",
        DecidedBy::Policy => MAESTRO,
        DecidedBy::Relayed => "orchestrator",
    }
}

fn consult(settled: &ConsultSettled, detail: Detail) -> Told {
    let content = without_nulls(json!({
        "purpose": settled.purpose,
        "model": named(&settled.model),
        "model_asked": settled.told.model_asked,
        "effort": settled.told.effort,
        "warning": settled.told.warning,
        "ok": settled.code.is_none(),
        "code": settled.code,
        "elapsed_ms": settled.elapsed_ms,
        "attempts": settled.attempts,
        "input_tokens": settled.input_tokens,
        "output_tokens": settled.output_tokens,
        "cost_usd": settled.cost_usd,
        "response": settled.response.as_ref().map(|text| shown(text, detail)),
        "prompt": settled.prompt.as_ref().map(|text| shown(text, detail)),
    }));
    Told { kind: Kind::Consult, ..stage(settled.stage, &settled.provider, content) }
}

fn shown(kept: &Kept, detail: Detail) -> Value {
    match (detail, &kept.text) {
        (Detail::Whole, Some(text)) => {
            json!({ "chars": kept.chars, "sha256": kept.sha256, "text": text })
        }
        (Detail::Whole, None) | (Detail::Brief, _) => {
            json!({ "chars": kept.chars, "sha256": kept.sha256 })
        }
    }
}

fn recorded(logged: &EvidenceLogged) -> Told {
    Told {
        kind: logged.evidence_type.into(),
        stage: OfStage::written(&logged.stage),
        content: logged.content.clone(),
        source: logged.source.clone(),
        confidence: logged.confidence,
    }
}

fn verified(verified: &Verified) -> Told {
    let checks: Vec<Value> = verified
        .checks
        .iter()
        .map(|check| {
            json!({
                "command": check.command,
                "cwd": check.cwd,
                "status": check.status,
                "exit_code": check.exit_code,
                "failing": check.failing,
            })
        })
        .collect();
    let content = json!({ "passed": verified.passed, "summary": verified.summary, "checks": checks });
    Told { kind: Kind::Verification, ..stage(OfStage::Any, MAESTRO, content) }
}

fn changed(change: &Changed) -> Told {
    let kind = match change.kind {
        ChangeKind::Applied => Kind::Patch,
        ChangeKind::RolledBack | ChangeKind::Recovered => Kind::Rollback,
    };
    let content = json!({
        "event": change.kind,
        "backup_session": change.backup_session,
        "files": change.files,
        "patch_sha256": change.patch_sha256,
    });
    Told { kind, ..stage(OfStage::Any, MAESTRO, content) }
}

/// Returns which tools are loaded is no evidence of anything.
fn noted_result(noted: &Noted) -> Option<Told> {
    let kind = match noted.topic {
        Topic::Vote => Kind::Vote,
        Topic::Selection => Kind::Selection,
        Topic::Ensemble | Topic::Review => Kind::Consult,
        Topic::Calibration | Topic::Coordination => Kind::Observation,
        Topic::Tools | Topic::Thread | Topic::Job => return None,
    };
    let of = noted.content.get("stage").and_then(Value::as_str).map_or(OfStage::Any, OfStage::written);
    Some(Told { kind, ..stage(of, MAESTRO, noted.content.clone()) })
}
