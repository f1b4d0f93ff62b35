//! Recording a piece of evidence, and what it does to the gate before improve.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::unknown;
use crate::domain::address::Address;
use crate::domain::event::Draft;
use crate::domain::event::record::{EvidenceLogged, EvidenceType};
use crate::domain::evidence::OfStage;
use crate::domain::workflow::{LastVerification, Run};
use crate::error::Error;
use crate::flow::journal::new_id;
use crate::flow::note::note;
use crate::flow::off_thread::off_thread;
use crate::flow::session::Session;

/// Bytes of one content. The log is kept for ever, and every server reads it.
const MOST_BYTES: usize = 200_000;

/// Pieces that one rests on.
const MOST_LINKS: usize = 200;

#[derive(Clone, Debug)]
pub struct LogRequest {
    pub evidence_type: EvidenceType,
    /// The stage that it belongs to.
    pub stage: OfStage,
    pub content: Map<String, Value>,
    pub source: String,
    /// Certainty, 0 to 1.
    pub confidence: f64,
    /// The ids of what it rests on.
    pub linked: Vec<String>,
    /// The run.
    pub workflow_id: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Logged {
    /// Its id.
    pub evidence_id: String,
    pub evidence_type: EvidenceType,
    /// The stage that it belongs to.
    pub stage: OfStage,
    /// The run that it belongs to; none where it stands beside all runs.
    pub workflow_id: Option<String>,
    /// Effect of a verification on the gate before improve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateNote>,
    pub resource: String,
}

/// Effect of a recorded verification on the gate before improve.
#[derive(Clone, Debug, Serialize)]
pub struct GateNote {
    pub effect: Gate,
    /// True if it says that the checks passed; none where it does not say.
    pub passed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The same in words.
    pub message: &'static str,
}

/// Effect of a verification on the gate before improve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// It is open now.
    Opens,
    /// It is shut now.
    Shuts,
    /// Nothing.
    None,
}

/// Records a piece of evidence in the run that is meant.
///
/// # Errors
///
/// A confidence outside 0 to 1, no source, too much content, links to what is not in the log, no
/// such run, or the log cannot be written.
pub async fn log(session: &Session, request: LogRequest) -> Result<Logged, Error> {
    session.refuse_strangers()?;
    session.check_config()?;
    check(&request)?;
    let linked = known(session, &request.linked).await?;
    let (evidence_type, stage, workflow_id) =
        (request.evidence_type, request.stage, request.workflow_id.clone());
    let body = masked(session, request).await?;
    let id = new_id();
    let outcome = LastVerification::of(&body).map(|verification| verification.passed);
    let run = note(session, workflow_id, Draft::new(id.clone(), body).on(linked)).await?;
    if run.is_none() && !session.config().settings.tracing.enabled {
        return Err(Error::Setup {
            reason: "nothing was recorded: tracing is off and no run is open".to_owned(),
            hint: "Begin a run with maestro_workflow_with_hitl, or let the server trace (tracing.enabled, MAESTRO_TRACING_ENABLED)."
                .to_owned(),
        });
    }
    let gate = match evidence_type {
        EvidenceType::Verification => Some(gate(session, run.clone(), outcome).await?),
        EvidenceType::Observation | EvidenceType::Hypothesis | EvidenceType::Decision => None,
    };
    let resource = Address::Evidence(id.clone()).to_string();
    Ok(Logged { evidence_id: id, evidence_type, stage, workflow_id: run, gate, resource })
}

fn check(request: &LogRequest) -> Result<(), Error> {
    let problem = if !(0.0..=1.0).contains(&request.confidence) {
        format!("confidence must be 0 to 1 (got {})", request.confidence)
    } else if request.source.trim().is_empty() {
        "source must not be empty: name the file and line, the command, or who said it".to_owned()
    } else if request.content.is_empty() {
        "content must not be empty".to_owned()
    } else if request.linked.len() > MOST_LINKS {
        format!("linked_evidence_ids must hold at most {MOST_LINKS} ids (got {})", request.linked.len())
    } else {
        let bytes = serde_json::to_string(&request.content).map_or(0, |text| text.len());
        if bytes <= MOST_BYTES {
            return Ok(());
        }
        format!(
            "content must be at most {MOST_BYTES} bytes (got {bytes}): record the conclusion, and name the file"
        )
    };
    Err(Error::InvalidArguments(problem))
}

/// The links, each once, if all of them are in the log.
async fn known(session: &Session, linked: &[String]) -> Result<Vec<String>, Error> {
    if linked.is_empty() {
        return Ok(Vec::new());
    }
    let wanted: BTreeSet<String> = linked.iter().cloned().collect();
    let left = session.journal().visit(
        move || wanted.clone(),
        |left, event| {
            left.remove(&event.id);
        },
    );
    let missing: Vec<String> = left.await?.into_iter().collect();
    if !missing.is_empty() {
        return Err(unknown(&missing.join("`, `")));
    }
    let mut seen = BTreeSet::new();
    Ok(linked.iter().filter(|id| seen.insert(id.as_str())).cloned().collect())
}

async fn masked(session: &Session, request: LogRequest) -> Result<EvidenceLogged, Error> {
    let session = session.clone();
    off_thread(move || {
        let masker = session.masker()?;
        Ok(EvidenceLogged {
            evidence_type: request.evidence_type,
            stage: request.stage.name().to_owned(),
            content: masker.mask_value(Value::Object(request.content)),
            source: masker.mask(request.source.trim()).text.into_owned(),
            confidence: request.confidence,
        })
    })
    .await?
}

async fn gate(session: &Session, run: Option<String>, passed: Option<bool>) -> Result<GateNote, Error> {
    let read = session.journal().read(move |history| run.and_then(|id| history.run(&id).cloned()));
    let run = read.await?;
    let open = run.as_ref().filter(|run| run.phase.is_open());
    let (effect, message) = effect(open, passed);
    Ok(GateNote { effect, passed, state: open.map(|run| run.phase.to_string()), message })
}

fn effect(open: Option<&Run>, passed: Option<bool>) -> (Gate, &'static str) {
    match (open, passed) {
        (_, None) => (
            Gate::None,
            "The content does not say how it went, so improve stays as it is: give passed (true or false) or exit_code (a number).",
        ),
        (None, Some(_)) => (Gate::None, "It belongs to no open run, so no stage depends on it."),
        (Some(run), Some(true)) if run.is_verified() => {
            (Gate::Opens, "The checks passed after the last change: improve may begin when it is next.")
        }
        (Some(_), Some(_)) => {
            (Gate::Shuts, "The checks did not pass: improve may begin after a later verification passes.")
        }
    }
}
