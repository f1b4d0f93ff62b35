//! Decisions on stages: requested with a report, made once, and recorded with their source.

pub(crate) mod decide;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use review::{Review, ReviewFigures, critical_questions, review};
use serde_json::{Value, json};

use super::journal::new_id;
use super::log::Log;
use super::time::{now, rfc3339};
use crate::domain::address::Address;
use crate::domain::event::{Decision, DialogClosed, DialogOpened, Draft};
use crate::domain::size::weight_of;
use crate::domain::stage::Stage;
use crate::domain::workflow::{Request, Run};
use crate::error::Error;

use decide::Reviewed;

mod review;

/// Most bytes of the reports in a list together; the others are read one by one.
const MOST_REPORTS: usize = 30_000;

/// Every request that waits for a decision, in every run of the project, oldest first. The first
/// come with their reports, as many as have room.
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

#[derive(Clone, Debug)]
pub struct Decisions {
    /// The requests, newest first, as many as were asked for.
    pub history: Vec<Value>,
    pub total: usize,
    pub approved: usize,
    pub rejected: usize,
    /// Of how many another version was asked for.
    pub revision_requested: usize,
}

/// Requests of a stage or of all, newest first; pending ones among them.
///
/// # Errors
///
/// The log cannot be read.
pub async fn decisions(log: &Log, stage: Option<Stage>, limit: usize) -> Result<Decisions, Error> {
    let read = log.journal().read(move |history| {
        let wanted = |request: &Request| stage.is_none_or(|stage| request.asked.stage == stage);
        let all: Vec<(&Run, &Request)> =
            history.requests().into_iter().filter(|(_, request)| wanted(request)).collect();
        let count = |decision: Decision| {
            let decided = all.iter().filter_map(|(_, request)| request.decided.as_ref());
            decided.filter(|(_, decided)| decided.decision == decision).count()
        };
        Decisions {
            total: all.len(),
            approved: count(Decision::Approve),
            rejected: count(Decision::Reject),
            revision_requested: count(Decision::Revise),
            history: all.iter().take(limit).map(|(run, request)| in_short(run, request)).collect(),
        }
    });
    read.await
}

/// The status in a word; nobody decides on the request of a run that was stopped.
pub fn status(run: &Run, request: &Request) -> &'static str {
    if request.decided.is_none() && !run.phase.is_open() { run.phase.name() } else { request.status() }
}

/// A request with all that is known of it, its report among it.
pub fn entry(run: &Run, request: &Request) -> Value {
    let mut entry = in_short(run, request);
    if let Some(fields) = entry.as_object_mut() {
        fields.insert("report".to_owned(), request.asked.report.clone());
    }
    entry
}

/// A request without its report, which is at its `resource`.
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

/// How long a dialog is waited for.
pub const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// A dialog in the log, which it leaves when this is dropped.
pub struct Dialog {
    log: Log,
    run: String,
    id: String,
}

impl Dialog {
    /// Notes that a dialog about a request stands before the human.
    ///
    /// # Errors
    ///
    /// The log cannot be written.
    pub async fn open(log: &Log, open: &Reviewed) -> Result<Self, Error> {
        let id = note(log, open).await?;
        Ok(Self { log: log.clone(), run: open.run.id.clone(), id })
    }
}

impl Drop for Dialog {
    fn drop(&mut self) {
        close(&self.log, &self.run, &self.id);
    }
}

/// Notes a dialog that is answered by another call: an answer, or the time, closes it. Returns the
/// dialog's id.
///
/// # Errors
///
/// The log cannot be written.
pub async fn note(log: &Log, open: &Reviewed) -> Result<String, Error> {
    // Others take it for closed when this server dies.
    log.show_alive()?;
    let id = new_id();
    let draft = Draft::new(id.clone(), opened(log, &open.request.id));
    log.journal().record(&open.run.id, vec![draft]).await?;
    Ok(id)
}

/// Event of a dialog. Nothing rests on it: it tells of the screen, not of the decision.
fn opened(log: &Log, request: &str) -> DialogOpened {
    let patience = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
    DialogOpened {
        request: request.to_owned(),
        server: log.server().to_owned(),
        until: now().saturating_add(patience),
    }
}

fn close(log: &Log, run: &str, dialog: &str) {
    let closed = Draft::new(new_id(), DialogClosed { dialog: dialog.to_owned() });
    if let Err(error) = log.journal().record_now(run, &[closed]) {
        tracing::warn!(%error, "the log does not know that a dialog was closed");
    }
}

/// The dialog that a call is going to show about a request which is not made yet. The caller that makes the
/// request appends both at once, so that no other word comes in between. It closes when this is
/// dropped, and is not opened after that.
pub struct DialogAhead {
    announced: Announced,
}

/// The same for the maker of the request, which may go on without the call.
#[derive(Clone)]
pub struct Announced {
    log: Log,
    id: String,
    state: Arc<Mutex<Ahead>>,
}

#[derive(Default)]
enum Ahead {
    /// The call waits for the request.
    #[default]
    Waiting,
    /// The dialog was appended with its request, or is about to be.
    Appended { run: String, request: String },
    /// The call is over, or another call goes on with the dialog.
    Over,
}

impl DialogAhead {
    /// Others can see from now on whether this server, and with it the dialog, goes on.
    ///
    /// # Errors
    ///
    /// The directory of the log cannot be written.
    pub fn new(log: &Log) -> Result<Self, Error> {
        log.show_alive()?;
        let announced = Announced { log: log.clone(), id: new_id(), state: Arc::default() };
        Ok(Self { announced })
    }

    pub fn announced(&self) -> Announced {
        self.announced.clone()
    }

    /// True if the dialog about a request was appended with it.
    pub fn stands_for(&self, request: &str) -> bool {
        matches!(&*self.announced.held(), Ahead::Appended { request: own, .. } if own == request)
    }

    /// Another call brings the answer: the dialog stays open after this one.
    pub fn leave_open(&self) {
        *self.announced.held() = Ahead::Over;
    }
}

impl Drop for DialogAhead {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut *self.announced.held(), Ahead::Over);
        if let Ahead::Appended { run, .. } = state {
            close(&self.announced.log, &run, &self.announced.id);
        }
    }
}

impl Announced {
    /// The event to append with a request; none where the call has gone.
    pub fn draft(&self, run: &str, request: &str) -> Option<Draft> {
        let mut state = self.held();
        match &*state {
            Ahead::Over => return None,
            Ahead::Waiting | Ahead::Appended { .. } => {
                *state = Ahead::Appended { run: run.to_owned(), request: request.to_owned() };
            }
        }
        Some(Draft::new(self.id.clone(), opened(&self.log, request)))
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
