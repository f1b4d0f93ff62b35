//! Evidence: the orchestrator's own records and all other events of the log, as one chain.

use std::collections::{BTreeSet, VecDeque};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::configuration::Configuration;
use super::journal::new_id;
use super::kit::Kit;
use super::log::Log;
use super::note::note;
use super::which_run::named_run;
use crate::domain::address::Address;
use crate::domain::event::{Draft, EvidenceLogged, EvidenceType};
use crate::domain::evidence::{Detail, Evidence, Filter, FlagSummary, Kind, Listing, OfStage, Provenance};
use crate::domain::order::Gather;
use crate::domain::workflow::{LastVerification, Run};
use crate::error::Error;

/// Pieces in one result.
pub const MOST_PIECES: usize = 500;

/// Characters of all contents in one result.
const MOST_CHARS: usize = 40_000;

/// Minimum room for each content in characters, however many there are.
const LEAST_CHARS: usize = 200;

// Evidence to show: input of a tool, whose schema shows only the docs of the fields.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChainRequest {
    /// Only this, like patch.
    #[serde(rename = "evidence_type")]
    pub kind: Option<Kind>,
    /// Only this.
    pub stage: Option<OfStage>,
    /// Newest entries, up to 500.
    #[serde(default = "usual_limit")]
    pub limit: usize,
    /// Only this entry and the entries it rests on, in full.
    pub evidence_id: Option<String>,
    /// Run; default: all.
    pub workflow_id: Option<String>,
}

fn usual_limit() -> usize {
    50
}

/// The evidence that was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Chain {
    /// The pieces, oldest first.
    pub evidence: VecDeque<Evidence>,
    pub count: usize,
    pub total: usize,
    /// Flagged answers of the run and the stage that were asked for.
    pub red_flag_summary: FlagSummary,
}

/// Evidence, oldest first. If the limit cuts, the newest pieces are kept.
///
/// # Errors
///
/// The run or the piece does not exist, or the log cannot be read.
pub async fn chain(config: &Configuration, log: &Log, request: ChainRequest) -> Result<Chain, Error> {
    config.check()?;
    check_run(log, request.workflow_id.clone()).await?;
    let among = match &request.evidence_id {
        Some(id) => {
            let provenance = log.journal().visit(Provenance::default, Provenance::add).await?;
            Some(provenance.of(id).ok_or_else(|| unknown(id))?)
        }
        None => None,
    };
    // One piece and its grounds are requested by name: show as much as there is room for.
    let detail = if among.is_some() { Detail::Whole } else { Detail::Brief };
    let filter = Filter {
        kind: request.kind,
        stage: request.stage,
        run: request.workflow_id,
        among,
        limit: request.limit.min(MOST_PIECES),
        detail,
    };
    let listing = log.journal().visit(move || Listing::new(filter.clone()), Listing::add).await?;
    Ok(shown(listing))
}

async fn check_run(log: &Log, workflow_id: Option<String>) -> Result<(), Error> {
    match workflow_id {
        None => Ok(()),
        Some(id) => log.journal().read(move |history| named_run(history, &id).map(drop)).await?,
    }
}

fn shown(mut listing: Listing) -> Chain {
    let room = (MOST_CHARS / listing.kept.len().max(1)).max(LEAST_CHARS);
    listing.kept.iter_mut().for_each(|evidence| evidence.shorten(room));
    let Listing { kept: evidence, total, flags: red_flag_summary, .. } = listing;
    Chain { count: evidence.len(), total, red_flag_summary, evidence }
}

/// One piece with everything that the log holds of it; `None` if it does not exist.
///
/// # Errors
///
/// The log cannot be read.
pub async fn piece(log: &Log, id: &str) -> Result<Option<Evidence>, Error> {
    let id = id.to_owned();
    let found = log.journal().visit(
        || (crate::domain::evidence::Trail::default(), None),
        move |(trail, found), event| {
            let evidence = trail.next(event, Detail::Whole);
            *found = found.take().or(evidence.filter(|evidence| evidence.id == id));
        },
    );
    Ok(found.await?.1)
}

fn unknown(id: &str) -> Error {
    Error::Unknown { kind: "evidence", name: id.to_owned(), available: Vec::new() }
}

/// Bytes of one content. The log is kept forever, and every server reads it.
const MOST_BYTES: usize = 200_000;

/// Links of one piece.
const MOST_LINKS: usize = 200;

// Evidence to record: input of a tool, whose schema shows only the docs of the fields.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogRequest {
    /// Kind.
    pub evidence_type: EvidenceType,
    /// Its stage.
    pub stage: OfStage,
    /// The content; for a verification with passed or `exit_code`.
    pub content: Map<String, Value>,
    /// File, command, provider or you.
    pub source: String,
    /// 0 to 1.
    #[serde(default = "certain")]
    pub confidence: f64,
    /// The entries that it rests on.
    pub linked_evidence_ids: Option<Vec<String>>,
    /// Default: current run.
    pub workflow_id: Option<String>,
}

fn certain() -> f64 {
    1.0
}

impl LogRequest {
    fn linked(&self) -> &[String] {
        self.linked_evidence_ids.as_deref().unwrap_or_default()
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Logged {
    pub evidence_id: String,
    pub evidence_type: EvidenceType,
    /// The stage that it belongs to.
    pub stage: OfStage,
    /// The run that it belongs to; `None` if it belongs to no run.
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
    /// True if the checks passed; `None` if the content does not say.
    pub passed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The effect in words.
    pub message: &'static str,
}

/// Effect of a verification on the gate before improve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// It opens.
    Opens,
    /// It shuts.
    Shuts,
    /// No effect.
    None,
}

/// Records a piece of evidence in the run that the call means.
///
/// # Errors
///
/// The confidence is not 0 to 1, the source or the content is missing, there is too much content, a link or
/// the run does not exist, or the log cannot be written.
pub async fn log(kit: &Kit, request: LogRequest) -> Result<Logged, Error> {
    kit.processes.refuse_strangers()?;
    kit.config.check()?;
    check(&request)?;
    let linked = known(&kit.log, request.linked()).await?;
    let (evidence_type, stage, workflow_id) =
        (request.evidence_type, request.stage, request.workflow_id.clone());
    let body = masked(&kit.config, request).await?;
    let id = new_id();
    let outcome = LastVerification::of(&body).map(|verification| verification.passed);
    let run = note(&kit.log, workflow_id, Draft::new(id.clone(), body).on(linked)).await?;
    if !kit.log.is_logged(run.as_deref().unwrap_or_default()) {
        return Err(Error::Setup {
            reason: "nothing was recorded: tracing is off and no run is open".to_owned(),
            hint: "Begin a run with maestro_workflow_with_hitl, or let the server trace (tracing.enabled, MAESTRO_TRACING_ENABLED)."
                .to_owned(),
        });
    }
    let gate = match evidence_type {
        EvidenceType::Verification => Some(gate(&kit.log, run.clone(), outcome).await?),
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
    } else if request.linked().len() > MOST_LINKS {
        format!("linked_evidence_ids must hold at most {MOST_LINKS} ids (got {})", request.linked().len())
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

/// The linked ids, each once. Fails if one of them is not in the log.
async fn known(log: &Log, linked: &[String]) -> Result<Vec<String>, Error> {
    if linked.is_empty() {
        return Ok(Vec::new());
    }
    let wanted: BTreeSet<String> = linked.iter().cloned().gather();
    let left = log.journal().visit(
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

async fn masked(config: &Configuration, request: LogRequest) -> Result<EvidenceLogged, Error> {
    let evidence = config.masked(move |masker| EvidenceLogged {
        evidence_type: request.evidence_type,
        stage: request.stage.name().to_owned(),
        content: masker.mask_value(Value::Object(request.content)),
        source: masker.mask(request.source.trim()).text.into_owned(),
        confidence: request.confidence,
    });
    evidence.await
}

async fn gate(log: &Log, run: Option<String>, passed: Option<bool>) -> Result<GateNote, Error> {
    let read = log.journal().read(move |history| run.and_then(|id| history.run(&id).cloned()));
    let run = read.await?;
    let open = run.as_ref().filter(|run| run.phase.is_open());
    let (effect, message) = effect(open, passed);
    Ok(GateNote { effect, passed, state: open.map(|run| run.phase.to_string()), message })
}

fn effect(open: Option<&Run>, passed: Option<bool>) -> (Gate, &'static str) {
    match (open, passed) {
        (_, None) => (
            Gate::None,
            "The content has no result, so nothing changes for improve: give passed (true or false) or exit_code (a number).",
        ),
        (None, Some(_)) => (Gate::None, "It belongs to no open run, so no stage depends on it."),
        (Some(run), Some(true)) if run.is_verified() => (
            Gate::Opens,
            "You say that the checks passed after the last change: improve may begin when it is next.",
        ),
        (Some(_), Some(_)) => (
            Gate::Shuts,
            "The checks did not pass, or what you say of them does not agree: improve may begin after a later verification passes.",
        ),
    }
}
