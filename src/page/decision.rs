//! Shows a request for a decision on the page, and takes the submitted form.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Map, Value, json};

use super::guard::Visit;
use super::views::decide::{Around, Filled, Problem, field};
use super::views::parts::with;
use super::{Page, views};
use crate::domain::approvals::DecidedBy;
use crate::domain::decision::Contradiction;
use crate::domain::event::{Body, Decision};
use crate::domain::history::History;
use crate::domain::order::Gather;
use crate::domain::report::{Choice, Report};
use crate::domain::typed::from_value;
use crate::error::{ApprovalProblem, Error};
use crate::flow::approval::{Reviewed, Verdict, decide as record, find, known};

/// Shows a request. If a form comes back, it shows the typed words and the problem too.
pub(super) async fn show(visit: &Visit, id: &str, status: StatusCode, filled: Filled) -> Response {
    match found(visit, id).await {
        Ok((Reviewed { run, request }, around)) => {
            let here = format!("decide/{}", request.id);
            let view = move |history: &History| {
                let view = views::decide::decide(&run, &request, &around, &filled).map_err(|error| {
                    Error::Internal(format!("the report of request {}: {error}", request.id))
                })?;
                let next = history.pending().find(|(_, other)| other.id != request.id);
                Ok(with(&view, json!({ "next_request": next.map(|(_, other)| &other.id) })))
            };
            visit.read(status, "decide.html", here, view).await
        }
        Err(error) => visit.failed(&error).await,
    }
}

async fn found(visit: &Visit, id: &str) -> Result<(Reviewed, Around), Error> {
    let page = &visit.page;
    let found = find(&page.kit.log, id).await?;
    let asked = &found.request.asked;
    let applied = asked.report.get("applied").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
    let patches = if applied { patches(page, &found.run.id).await? } else { BTreeMap::new() };
    let around = Around {
        nonce: visit.nonce(&purpose(&found.request.id, &asked.digest)),
        left: page.kit.config.limits().total.saturating_sub(found.run.budget.used()),
        patches,
    };
    Ok((found, around))
}

/// The full text of every change of a run, by the session of its backup.
async fn patches(page: &Page, run: &str) -> Result<BTreeMap<String, String>, Error> {
    let events = page.kit.log.journal().events(Some(run.to_owned())).await?;
    let changes = events.into_iter().filter_map(|event| match event.body {
        Body::Changed(changed) => Some((changed.backup_session, changed.patch?)),
        _ => None,
    });
    Ok(changes.gather())
}

/// The purpose that a form's mark is bound to, in addition to its visitor.
fn purpose(request: &str, digest: &str) -> String {
    format!("decide {request} {digest}")
}

/// Takes a submitted form. It records the decision, or shows the form again with the problem.
pub(super) async fn decide(visit: &Visit, id: &str, fields: BTreeMap<String, String>) -> Response {
    match taken(visit, id, &fields).await {
        Ok(()) => Redirect::to(&visit.page.path(&format!("decide/{id}"))).into_response(),
        Err(Refusal::Back(status, problem)) => {
            let filled = Filled { fields, problem: Some(problem) };
            show(visit, id, status, filled).await
        }
        Err(Refusal::Error(error)) => visit.failed(&error).await,
    }
}

/// The reason why a form was not accepted.
enum Refusal {
    /// The form comes back with the typed words and this problem.
    Back(StatusCode, Problem),
    /// The form cannot come back; this error is shown instead.
    Error(Box<Error>),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Approval(ApprovalProblem::Contradiction { what, .. }) => {
                let problem = if what.iter().any(Contradiction::is_final) {
                    Problem::NoWords
                } else {
                    Problem::Contradiction(what.iter().map(Contradiction::line).collect())
                };
                Self::Back(StatusCode::UNPROCESSABLE_ENTITY, problem)
            }
            Error::Approval(ApprovalProblem::OtherReport(_)) => {
                Self::Back(StatusCode::CONFLICT, Problem::Stale)
            }
            Error::Workflow(_) => Self::Back(StatusCode::CONFLICT, Problem::Decided),
            Error::InvalidArguments(text) => {
                Self::Back(StatusCode::UNPROCESSABLE_ENTITY, Problem::Other([text]))
            }
            error => Self::Error(Box::new(error)),
        }
    }
}

async fn taken(visit: &Visit, id: &str, fields: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let page = &visit.page;
    let said = |name: &str| fields.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let back = |status, problem| Err(Refusal::Back(status, problem));
    let kit = &page.kit;
    let asked = id.to_owned();
    let found = kit.log.journal().read(move |history| {
        known(history, &asked).map(|(run, request)| Reviewed { run: run.clone(), request: request.clone() })
    });
    let Reviewed { run, request } = found.await??;
    // A person who saw another report would decide on that one, so the form comes back.
    let digest = said("digest").unwrap_or_default();
    if said("request") != Some(id) || digest != request.asked.digest {
        return back(StatusCode::CONFLICT, Problem::Stale);
    }
    if !visit.is_nonce(&purpose(id, digest), said("nonce").unwrap_or_default()) {
        return back(StatusCode::CONFLICT, Problem::OldForm);
    }
    run.may_decide(&request).map_err(Error::Workflow)?;
    if said("stray").is_some() {
        return back(StatusCode::UNPROCESSABLE_ENTITY, Problem::Stray);
    }
    let Some(Ok(decision)) = said("decision").map(str::parse::<Decision>) else {
        return back(StatusCode::UNPROCESSABLE_ENTITY, Problem::NoDecision);
    };
    let report: Report = from_value(request.asked.report.clone())
        .map_err(|error| Error::Internal(format!("the report of request {id}: {error}")))?;
    let words = said("feedback").map(|text| text.replace("\r\n", "\n"));
    let is_revision = decision == Decision::Revise;
    let verdict = Verdict {
        request: request.id.clone(),
        decision,
        decided_by: DecidedBy::Page,
        feedback: words.clone().filter(|_| !is_revision),
        revision_instructions: words.filter(|_| is_revision),
        responses: responses(&report, &said),
        chosen: goes_on(&report.choices, decision, said("goes_on")),
        is_meant: said("back").is_some(),
        seen: Some(digest.to_owned()),
        nonce: None,
        opened: Some(visit.visitor.way),
    };
    let settled = record(kit, verdict).await?;
    page.door.revoke(&format!("decide/{id}"));
    tracing::info!(request = settled.request.id, decision = decision.name(), "decided on the page");
    Ok(())
}

/// The answers to the questions: the text of an option chosen by its number, else the typed words.
fn responses<'s>(report: &Report, said: &dyn Fn(&str) -> Option<&'s str>) -> Map<String, Value> {
    let answered = report.questions.iter().filter_map(|question| {
        let typed = said(&field(question))?;
        let place = typed.parse::<usize>().ok().filter(|_| !question.options.is_empty());
        let answer = match place {
            Some(place) => question.options.get(place)?.english().to_owned(),
            None => typed.replace("\r\n", "\n"),
        };
        Some((question.id.clone(), Value::String(answer)))
    });
    answered.collect()
}

/// The id of the choice with this number, if the decision is to approve.
fn goes_on(choices: &[Choice], decision: Decision, number: Option<&str>) -> Option<String> {
    match decision {
        Decision::Approve => {
            let place = number?.parse::<usize>().ok()?.checked_sub(1)?;
            choices.get(place).map(|choice| choice.id.clone())
        }
        Decision::Revise | Decision::Reject => None,
    }
}
