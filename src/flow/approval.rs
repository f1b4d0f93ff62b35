//! Decisions on stages: requested with a report, made once, and recorded with who made them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::configuration::Configuration;
use super::journal::{Decided, new_id};
use super::kit::Kit;
use super::log::Log;
use super::time::{milliseconds, now, rfc3339};
use crate::domain::address::Address;
use crate::domain::approvals::{Approvals, DecidedBy};
use crate::domain::decision::{Words, contradictions};
use crate::domain::event::{ApprovalDecided, Decision, DialogClosed, DialogOpened, Draft, Opened, StateUsed};
use crate::domain::history::History;
use crate::domain::order::Gather;
use crate::domain::question::{self, Responses};
use crate::domain::report::{Choice, meant};
use crate::domain::size::weight_of;
use crate::domain::stage::Stage;
use crate::domain::workflow::{Request, Run};
use crate::error::{ApprovalProblem, Error};

/// Bytes of all reports in one list. Further reports are read one by one.
const MOST_REPORTS: usize = 30_000;

/// Lists the requests of all runs that wait for a decision, oldest first. A request carries its report if
/// `MOST_REPORTS` leaves room for it.
///
/// # Errors
///
/// The log cannot be read.
pub async fn pending(log: &Log) -> Result<Vec<Value>, Error> {
    let read = log.journal().read(|history| {
        let mut room = MOST_REPORTS;
        let listed = |(run, request): (&Run, &Request)| {
            let weight = weight_of(&request.asked.report);
            match room.checked_sub(weight) {
                Some(left) => {
                    room = left;
                    entry(run, request)
                }
                None => in_short(run, request),
            }
        };
        history.pending().map(listed).collect()
    });
    read.await
}

/// Lists the newest requests of a stage or of all stages, pending ones included, and counts each kind of
/// decision.
///
/// # Errors
///
/// The log cannot be read.
pub async fn decisions(log: &Log, stage: Option<Stage>, limit: usize) -> Result<Value, Error> {
    let read = log.journal().read(move |history| {
        let wanted = |request: &Request| stage.is_none_or(|stage| request.asked.stage == stage);
        let all: Vec<(&Run, &Request)> =
            history.requests().into_iter().filter(|(_, request)| wanted(request)).collect();
        let count = |decision: Decision| {
            let decided = all.iter().filter_map(|(_, request)| request.decided.as_ref());
            decided.filter(|(_, decided)| decided.decision == decision).count()
        };
        let history: Vec<Value> =
            all.iter().take(limit).map(|(run, request)| in_short(run, request)).collect();
        json!({
            "count": history.len(),
            "total": all.len(),
            "history": history,
            "summary": {
                "approved": count(Decision::Approve),
                "rejected": count(Decision::Reject),
                "revision_requested": count(Decision::Revise),
            },
        })
    });
    read.await
}

/// The status of a request in one word. An undecided request of an ended run has the status of its run.
pub fn status(run: &Run, request: &Request) -> &'static str {
    if request.decided.is_none() && !run.phase.is_open() { run.phase.name() } else { request.status() }
}

/// A request with its report.
pub fn entry(run: &Run, request: &Request) -> Value {
    let mut entry = in_short(run, request);
    if let Some(fields) = entry.as_object_mut() {
        fields.insert("report".to_owned(), request.asked.report.clone());
    }
    entry
}

/// A request without its report; `resource` is the address of the report.
fn in_short(run: &Run, request: &Request) -> Value {
    let decided = request.decided.as_ref();
    json!({
        "request_id": request.id,
        "workflow_id": run.id,
        "stage": request.asked.stage,
        "summary": request.asked.report.get("summary"),
        "risks": request.asked.report.get("risks").and_then(Value::as_array).map(Vec::len),
        "iteration": request.asked.iteration,
        "status": status(run, request),
        "created_at": rfc3339(request.at),
        "responded_at": decided.map(|(at, _)| rfc3339(*at)),
        "approval_decision": decided.map(|(_, it)| it.decision),
        "decided_by": decided.map(|(_, it)| it.decided_by),
        "feedback": decided.and_then(|(_, it)| it.feedback.clone()),
        "revision_instructions": decided.and_then(|(_, it)| it.revision_instructions.clone()),
        "question_responses": decided.map(|(_, it)| it.responses.clone()),
        "chosen": decided.and_then(|(_, it)| it.chosen.clone()),
        "unanswered_critical": decided.map(|(_, it)| it.unanswered_critical.clone()),
        "digest": request.asked.digest,
        "change_digest": request.asked.change,
        "resource": Address::Approval(request.id.clone()).to_string(),
    })
}

/// The critical questions of a report.
pub fn critical_questions(report: &Value) -> Value {
    let questions = report.get("questions").and_then(Value::as_array).into_iter().flatten();
    let critical = questions.filter(|question| question.get("priority") == Some(&json!("critical")));
    critical.cloned().collect()
}

/// Time that a dialog waits for an answer.
pub const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// An open dialog as the log records it; dropping it records that the dialog was closed. A call may announce
/// a dialog before its request exists. The code that makes the request then appends both at once, so that no
/// other decision comes in between.
pub struct Dialog {
    announced: Announced,
}

/// The announced dialog, for the code that makes the request. That code may outlive the call.
#[derive(Clone)]
pub struct Announced {
    log: Log,
    id: String,
    state: Arc<Mutex<Ahead>>,
}

#[derive(Default)]
enum Ahead {
    /// The call waits for its request.
    #[default]
    Waiting,
    /// The dialog is appended with its request, or about to be.
    Appended { run: String, request: String },
    /// The call is over, or another call continues the dialog.
    Over,
}

impl Dialog {
    /// Prepares a dialog. From now on other servers can see that this server, and so its dialog, is alive.
    ///
    /// # Errors
    ///
    /// The directory of the log cannot be written.
    pub fn new(log: &Log) -> Result<Self, Error> {
        log.show_alive()?;
        let announced = Announced { log: log.clone(), id: new_id(), state: Arc::default() };
        Ok(Self { announced })
    }

    /// Records that a dialog shows a request to the human.
    ///
    /// # Errors
    ///
    /// The log cannot be written.
    pub async fn open(log: &Log, open: &Reviewed) -> Result<Self, Error> {
        let dialog = Self::new(log)?;
        let draft = dialog.announced.draft(&open.run.id, &open.request.id);
        log.journal().record(&open.run.id, draft.into_iter().collect()).await?;
        Ok(dialog)
    }

    pub fn announced(&self) -> Announced {
        self.announced.clone()
    }

    /// True if this dialog was appended together with the request.
    pub fn stands_for(&self, request: &str) -> bool {
        matches!(&*self.announced.held(), Ahead::Appended { request: own, .. } if own == request)
    }

    /// Keeps the dialog open after this call, because another call brings the answer.
    pub fn leave_open(&self) {
        *self.announced.held() = Ahead::Over;
    }
}

impl Drop for Dialog {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut *self.announced.held(), Ahead::Over);
        let Ahead::Appended { run, .. } = state else { return };
        let closed = Draft::new(new_id(), DialogClosed { dialog: self.announced.id.clone() });
        if let Err(error) = self.announced.log.journal().record_now(&run, vec![closed]) {
            tracing::warn!(%error, "the log does not know that a dialog was closed");
        }
    }
}

impl Announced {
    /// The event to append with a request; `None` if the call is over or another call continues the dialog.
    pub fn draft(&self, run: &str, request: &str) -> Option<Draft> {
        let mut state = self.held();
        match &*state {
            Ahead::Over => return None,
            Ahead::Waiting | Ahead::Appended { .. } => {
                *state = Ahead::Appended { run: run.to_owned(), request: request.to_owned() };
            }
        }
        // It rests on nothing: it records the screen, not the decision.
        let opened = DialogOpened {
            request: request.to_owned(),
            server: self.log.server().to_owned(),
            until: now().saturating_add(milliseconds(PATIENCE)),
        };
        Some(Draft::new(self.id.clone(), opened))
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Ahead> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Announced {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Announced").field("id", &self.id).finish_non_exhaustive()
    }
}

// Deciding a request: once, with the record of who decided.

#[derive(Clone, Debug)]
pub struct Verdict {
    pub request: String,
    pub decision: Decision,
    pub decided_by: DecidedBy,
    /// The way in which the person reached the page, if they decided there.
    pub opened: Option<Opened>,
    pub feedback: Option<String>,
    pub revision_instructions: Option<String>,
    /// The person's answers, by question id.
    pub responses: Map<String, Value>,
    /// The choice that the person made, if any.
    pub chosen: Option<String>,
    /// True if the person confirmed answers that contradict the decision.
    pub is_meant: bool,
    /// Digest of the report that the person saw, if known.
    pub seen: Option<String>,
    /// Nonce of the sealed state, if one was used.
    pub nonce: Option<String>,
}

impl Verdict {
    /// The comment and the instructions for a revision.
    pub fn words(&self) -> Words<'_> {
        let (comment, instructions) = (self.feedback.as_deref(), self.revision_instructions.as_deref());
        Words { comment, instructions }
    }
}

/// A request in its current state, decided or not.
#[derive(Clone, Debug)]
pub struct Reviewed {
    pub run: Run,
    pub request: Request,
}

/// A decision in the log.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The run after the decision.
    pub run: Run,
    pub request: Request,
    /// The decision.
    pub decided: ApprovalDecided,
}

impl Reviewed {
    /// The recorded decision.
    ///
    /// # Errors
    ///
    /// There is no decision: the run ended first, or the request is still open.
    pub fn settled(self) -> Result<Settled, Error> {
        let Self { run, request } = self;
        match request.decided.clone() {
            Some((_, decided)) => Ok(Settled { run, request, decided }),
            None => {
                run.may_go_on().map_err(Error::Workflow)?;
                Err(Error::Internal(format!("nobody decided request {}", request.id)))
            }
        }
    }
}

/// Records a decision.
///
/// # Errors
///
/// The request does not exist or was decided before, an answer does not fit its question, the run does not
/// accept this kind of decision, or the log cannot be used.
pub async fn decide(kit: &Kit, verdict: Verdict) -> Result<Settled, Error> {
    match verdict.decided_by {
        DecidedBy::Elicitation | DecidedBy::ClientDialog | DecidedBy::Relayed => {
            kit.processes.refuse_strangers()?;
        }
        // The terminal was checked before, and a policy needs no person.
        DecidedBy::Terminal | DecidedBy::Page | DecidedBy::Policy => kit.processes.refuse_nested()?,
    }
    let verdict = masked(&kit.config, verdict).await?;
    let request = verdict.request.clone();
    let (id, server, log) = (new_id(), kit.config.settings().approvals, kit.log.clone());
    let decision = move |history: &History| {
        if verdict.decided_by == DecidedBy::Relayed {
            refuse_over_dialog(&log, history, &verdict.request)?;
        }
        draft(history, &verdict, &id, server)
    };
    kit.log.journal().decide_on(decision).await?;
    find(&kit.log, &request).await?.settled()
}

/// Refuses a relayed decision while a dialog is open: the human answers there.
fn refuse_over_dialog(log: &Log, history: &History, request: &str) -> Result<(), Error> {
    let is_alive = |server: &str| server == log.server() || log.is_alive(server);
    if history.dialogs(request, now()).any(|dialog| is_alive(&dialog.server)) {
        return Err(ApprovalProblem::DialogOpen(request.to_owned()).into());
    }
    Ok(())
}

/// A request and its run in their current state.
///
/// # Errors
///
/// The request does not exist, or the log cannot be read.
pub async fn find(log: &Log, request: &str) -> Result<Reviewed, Error> {
    let request = request.to_owned();
    let found = log.journal().read(move |history| {
        let (run, found) = known(history, &request)?;
        Ok(Reviewed { run: run.clone(), request: found.clone() })
    });
    found.await?
}

/// True if a request still waits for a decision.
///
/// # Errors
///
/// The request does not exist, or the log cannot be read.
pub async fn is_open(log: &Log, request: &str) -> Result<bool, Error> {
    let request = request.to_owned();
    let open = log.journal().read(move |history| {
        let (run, found) = known(history, &request)?;
        Ok(found.decided.is_none() && run.phase.is_open())
    });
    open.await?
}

/// True if the answer with this nonce was used before.
///
/// # Errors
///
/// The log cannot be read.
pub async fn is_used(log: &Log, nonce: String) -> Result<bool, Error> {
    log.journal().read(move |history| history.is_used(&nonce)).await
}

/// Marks a sealed state as used although its answer decides nothing: every answer counts only once.
///
/// # Errors
///
/// The request does not exist, the state was used before, or the log cannot be used.
pub async fn use_up(log: &Log, request: &str, nonce: String) -> Result<(), Error> {
    let (request, id) = (request.to_owned(), new_id());
    let decision = move |history: &History| {
        let (run, request) = known(history, &request)?;
        unused(history, &nonce)?;
        let used = Draft::new(id.clone(), StateUsed { nonce: nonce.clone() }).on([request.id.clone()]);
        Ok((run.id.clone(), Decided::append(vec![used], ())))
    };
    log.journal().decide_on(decision).await
}

fn unused(history: &History, nonce: &str) -> Result<(), Error> {
    if history.is_used(nonce) {
        return Err(Error::RequestState(
            "this answer was already used; each answer counts only once".to_owned(),
        ));
    }
    Ok(())
}

/// A request and its run.
///
/// # Errors
///
/// The request does not exist.
pub fn known<'a>(history: &'a History, request: &str) -> Result<(&'a Run, &'a Request), Error> {
    history.request(request).ok_or_else(|| Error::Unknown {
        kind: "request",
        name: request.to_owned(),
        available: history.pending().map(|(_, request)| request.id.clone()).collect(),
    })
}

/// Checks that a request can be decided with these answers, and reads them.
///
/// # Errors
///
/// The request was decided before, its run has ended, or an answer does not fit its question.
pub fn may(run: &Run, request: &Request, answers: &Map<String, Value>) -> Result<Responses, Error> {
    run.may_decide(request).map_err(Error::Workflow)?;
    question::read(request.asked.stage, answers).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Error::InvalidArguments(format!("question_responses: {}", errors.join("; ")))
    })
}

fn draft(
    history: &History,
    verdict: &Verdict,
    id: &str,
    server: Approvals,
) -> Result<(String, Decided<()>), Error> {
    let (run, request) = known(history, &verdict.request)?;
    let responses = may(run, request, &verdict.responses)?;
    if !run.approvals(server).takes(verdict.decided_by) {
        return Err(ApprovalProblem::HumanWanted(request.id.clone()).into());
    }
    if let Some(nonce) = &verdict.nonce {
        unused(history, nonce)?;
    }
    if verdict.seen.as_ref().is_some_and(|seen| *seen != request.asked.digest) {
        return Err(ApprovalProblem::OtherReport(request.id.clone()).into());
    }
    let stage = request.asked.stage;
    let against = contradictions(verdict.decision, &responses, verdict.words());
    if against.iter().any(|one| !verdict.is_meant || one.is_final()) {
        let request = request.id.clone();
        return Err(ApprovalProblem::Contradiction { request, what: against }.into());
    }
    let chosen = chosen(request, verdict.chosen.as_deref())?;
    let unanswered = responses.unanswered_critical(stage);
    let decided = ApprovalDecided {
        request: request.id.clone(),
        stage,
        decision: verdict.decision,
        decided_by: verdict.decided_by,
        opened: verdict.opened,
        digest: request.asked.digest.clone(),
        change: request.asked.change.clone(),
        feedback: verdict.feedback.clone(),
        revision_instructions: verdict.revision_instructions.clone(),
        responses: responses
            .iter()
            .map(|(id, said)| (id.to_owned(), said.to_owned()))
            .gather::<BTreeMap<_, _>>(),
        chosen,
        unanswered_critical: unanswered.into_iter().map(|question| question.id).collect(),
    };
    let mut drafts = vec![Draft::new(id, decided).on([request.id.clone()])];
    if let Some(nonce) = &verdict.nonce {
        drafts.push(Draft::new(new_id(), StateUsed { nonce: nonce.clone() }).on([request.id.clone()]));
    }
    Ok((run.id.clone(), Decided::append(drafts, ())))
}

/// Id of the choice that the person named.
fn chosen(request: &Request, said: Option<&str>) -> Result<Option<String>, Error> {
    let Some(said) = said.filter(|said| !said.trim().is_empty()) else { return Ok(None) };
    let choices = Choice::of_report(&request.asked.report);
    match meant(&choices, said) {
        Some(choice) => Ok(Some(choice.id.clone())),
        None => {
            let ids: Vec<&str> = choices.iter().map(|choice| choice.id.as_str()).collect();
            let wanted = if ids.is_empty() {
                "left out: this request has no choices".to_owned()
            } else {
                format!("one of {}", ids.join(", "))
            };
            Err(Error::InvalidArguments(format!("chosen must be {wanted} (got `{}`)", said.trim())))
        }
    }
}

/// Masks the reviewer's words, like every text that is stored.
async fn masked(config: &Configuration, verdict: Verdict) -> Result<Verdict, Error> {
    let work = config.masked(move |masker| {
        let mask = |text: String| masker.mask(&text).text.into_owned();
        let responses = match masker.mask_value(Value::Object(verdict.responses)) {
            Value::Object(responses) => responses,
            _ => Map::new(),
        };
        Verdict {
            feedback: verdict.feedback.map(mask),
            revision_instructions: verdict.revision_instructions.map(mask),
            responses,
            ..verdict
        }
    });
    work.await
}
