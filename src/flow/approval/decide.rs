//! Deciding on a request: once, with the record of whose word it is.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::domain::approvals::Approvals;
use crate::domain::approvals::DecidedBy;
use crate::domain::decision::{Words, contradictions};
use crate::domain::event::{ApprovalDecided, Decision, Draft, Opened, StateUsed};
use crate::domain::history::History;
use crate::domain::order::Gather;
use crate::domain::question::{self, Responses};
use crate::domain::report::{Choice, meant};
use crate::domain::workflow::{Request, Run};
use crate::error::{ApprovalProblem, Error};
use crate::flow::configuration::Configuration;
use crate::flow::journal::{Decided, new_id};
use crate::flow::kit::Kit;
use crate::flow::log::Log;
use crate::flow::time::now;

#[derive(Clone, Debug)]
pub struct Verdict {
    /// The request.
    pub request: String,
    pub decision: Decision,
    pub decided_by: DecidedBy,
    /// Way in which they came to the page, where they decided on it.
    pub opened: Option<Opened>,
    pub feedback: Option<String>,
    pub revision_instructions: Option<String>,
    /// Their answers by question.
    pub responses: Map<String, Value>,
    /// Choice that goes on, where the person made one.
    pub chosen: Option<String>,
    /// True if they were asked back about what contradicts the decision, or say so again.
    pub is_meant: bool,
    /// The digest of the report that they saw, where it is known.
    pub seen: Option<String>,
    /// Nonce of the sealed state, where one was used.
    pub nonce: Option<String>,
}

/// A request as it is now, decided or not.
#[derive(Clone, Debug)]
pub struct Reviewed {
    /// The run.
    pub run: Run,
    /// The request.
    pub request: Request,
}

/// A decision in the log.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The run after it.
    pub run: Run,
    /// The request with it.
    pub request: Request,
    /// The decision.
    pub decided: ApprovalDecided,
}

impl Reviewed {
    /// The decision that somebody made.
    ///
    /// # Errors
    ///
    /// Nobody made one: the run ended before, or the request is still open.
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
/// There is no such request, it was decided before, answers that no question allows, or the log
/// cannot be used.
pub async fn decide(kit: &Kit, verdict: Verdict) -> Result<Settled, Error> {
    match verdict.decided_by {
        DecidedBy::Elicitation | DecidedBy::ClientDialog | DecidedBy::Relayed => {
            kit.processes.refuse_strangers()?;
        }
        // The terminal was checked before, and a rule needs no person.
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

/// A dialog that somebody may be looking at is answered there, and not by the model.
fn refuse_over_dialog(log: &Log, history: &History, request: &str) -> Result<(), Error> {
    let is_alive = |server: &str| server == log.server() || log.is_alive(server);
    if history.dialogs(request, now()).any(|dialog| is_alive(&dialog.server)) {
        return Err(ApprovalProblem::DialogOpen(request.to_owned()).into());
    }
    Ok(())
}

/// A request and its run as they are now.
///
/// # Errors
///
/// There is no such request, or the log cannot be read.
pub async fn find(log: &Log, request: &str) -> Result<Reviewed, Error> {
    let request = request.to_owned();
    let found = log.journal().read(move |history| {
        let (run, found) = known(history, &request)?;
        Ok(Reviewed { run: run.clone(), request: found.clone() })
    });
    found.await?
}

/// Returns whether a request still waits for a decision: nobody made one, and its run goes on.
///
/// # Errors
///
/// There is no such request, or the log cannot be read.
pub async fn is_open(log: &Log, request: &str) -> Result<bool, Error> {
    let request = request.to_owned();
    let open = log.journal().read(move |history| {
        let (run, found) = known(history, &request)?;
        Ok(found.decided.is_none() && run.phase.is_open())
    });
    open.await?
}

/// Marks a sealed state as used where its answer decides nothing: an answer counts once, whatever it
/// says.
///
/// # Errors
///
/// There is no such request, the state was used before, or the log cannot be used.
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
        return Err(Error::RequestState("this answer was used before, and an answer counts once".to_owned()));
    }
    Ok(())
}

/// A request and its run.
///
/// # Errors
///
/// There is no such request.
pub fn known<'a>(history: &'a History, request: &str) -> Result<(&'a Run, &'a Request), Error> {
    history.request(request).ok_or_else(|| Error::Unknown {
        kind: "request",
        name: request.to_owned(),
        available: history.pending().map(|(_, request)| request.id.clone()).collect(),
    })
}

/// Returns whether a request may be decided with these answers, before anybody is asked.
///
/// # Errors
///
/// It was decided before, its run has ended, or answers that no question allows.
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
    let words = Words {
        comment: verdict.feedback.as_deref(),
        instructions: verdict.revision_instructions.as_deref(),
    };
    let against = contradictions(verdict.decision, &responses, words);
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

/// The id of the choice that is meant.
fn chosen(request: &Request, said: Option<&str>) -> Result<Option<String>, Error> {
    let Some(said) = said.filter(|said| !said.trim().is_empty()) else { return Ok(None) };
    let choices = Choice::of_report(&request.asked.report);
    match meant(&choices, said) {
        Some(choice) => Ok(Some(choice.id.clone())),
        None => {
            let ids: Vec<&str> = choices.iter().map(|choice| choice.id.as_str()).collect();
            let known = if ids.is_empty() {
                "there is nothing to choose".to_owned()
            } else {
                format!("one of: {}", ids.join(", "))
            };
            Err(Error::InvalidArguments(format!(
                "chosen: `{}` is no choice of this request; {known}",
                said.trim()
            )))
        }
    }
}

/// Returns what a reviewer says is masked as everything that is stored.
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
