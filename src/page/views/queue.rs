//! The queue: waiting requests, running work, runs, and the last decisions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::parts::{price, with};
use crate::domain::breaker;
use crate::domain::event::ApprovalDecided;
use crate::domain::history::History;
use crate::domain::order::Order;
use crate::domain::question::Priority;
use crate::domain::report::{ProposedChange, Report};
use crate::domain::stage::Stage;
use crate::domain::typed::from_value;
use crate::domain::workflow::{Phase, Request, Run};

/// Maximum numbers of runs in the queue, runs in the list, and decisions.
const MOST_SHOWN: usize = 10;
const MOST_RUNS: usize = 200;
const MOST_DECISIONS: usize = 12;

/// The facts that the view needs in addition to the log.
#[derive(Clone, Copy, Debug)]
pub(in crate::page) struct Now {
    /// Maximum number of consults of a run.
    pub(in crate::page) most: u32,
    /// Runs whose last event is older than this time are parked.
    pub(in crate::page) idle_before: u64,
}

pub(in crate::page) fn queue(
    history: &History,
    now: Now,
    asks_trust: bool,
    spent: &BTreeMap<String, breaker::Spent>,
) -> Value {
    let mut waiting: Vec<(&Run, &Request)> = history.pending().collect();
    waiting.order_by_key(|(_, request)| std::cmp::Reverse(request.at));
    let runs: Vec<&Run> = history.runs().rev().collect();
    json!({
        "asks_trust": asks_trust,
        "breakers": spent,
        "pending": waiting.iter().map(|(run, request)| pending(run, request)).collect::<Vec<_>>(),
        "working": runs.iter().filter_map(|run| working(run)).collect::<Vec<_>>(),
        "runs_total": runs.len(),
        "runs": runs.iter().take(MOST_SHOWN).map(|run| listed(history, run, now)).collect::<Vec<_>>(),
        "decisions": last(&history.requests()),
    })
}

/// All runs, newest first.
pub(in crate::page) fn runs(history: &History, now: Now) -> Value {
    let all: Vec<Value> = history.runs().rev().take(MOST_RUNS).map(|run| listed(history, run, now)).collect();
    json!({ "title": "runs", "list": all })
}

fn pending(run: &Run, request: &Request) -> Value {
    let report: Option<Report> = from_value(request.asked.report.clone()).ok();
    let report = report.as_ref();
    let files: Vec<String> = report
        .iter()
        .flat_map(|report| &report.diff)
        .flat_map(|change| &change.files)
        .map(|file| file.path.clone())
        .take(4)
        .collect();
    let sum = |of: fn(&ProposedChange) -> usize| {
        report.map_or(0, |report| report.diff.iter().map(of).sum::<usize>())
    };
    json!({
        "id": request.id,
        "stage": request.asked.stage.name(),
        "number": 1 + Stage::ALL.iter().take_while(|it| **it != request.asked.stage).count(),
        "task": run.task,
        "summary": report.map(|report| &report.summary),
        "files": files,
        "is_changed": run.asks_for_another_change(request),
        "added": sum(|change| change.added),
        "removed": sum(|change| change.removed),
        "risks": report.map_or(0, |report| report.risks.len()),
        "critical": report.map_or(0, |report| {
            report.questions.iter().filter(|it| it.priority == Priority::Critical).count()
        }),
        "at": request.at,
    })
}

/// A running stage, with the providers that were asked and their answers so far.
pub(super) fn working(run: &Run) -> Option<Value> {
    let Phase::Running(stage) = run.phase else { return None };
    let attempt = run.attempt.as_ref().filter(|attempt| attempt.stage == stage)?;
    let asked = attempt.planned();
    let who: Vec<Value> = asked
        .iter()
        .map(|(id, provider)| {
            let answer = attempt.answers.iter().find(|answer| answer.stands_for() == id);
            json!({
                "provider": provider,
                "answered": answer.map(|answer| answer.elapsed_ms),
                "failed": answer.is_some_and(|answer| !answer.ok),
            })
        })
        .collect();
    Some(json!({
        "task": run.task,
        "stage": stage.name(),
        "at": attempt.started_at,
        "who": who,
        "is_solo": attempt.is_solo(),
    }))
}

fn listed(history: &History, run: &Run, now: Now) -> Value {
    json!({
        "id": run.id,
        "task": run.task,
        "state": run.phase.name(),
        "stage": run.phase.stage().map(Stage::name),
        "why": match &run.phase { Phase::Stopped(why) => Some(why), _ => None },
        "is_parked": run.is_parked(now.idle_before),
        "used": run.budget.used(),
        "most": now.most,
        "cost": history.tally_of(&run.id).and_then(|tally| price(&tally.calls)),
        "at": run.last_at,
    })
}

fn last(requests: &[(&Run, &Request)]) -> Vec<Value> {
    let at = |request: &Request| request.decided.as_ref().map(|(at, _)| *at);
    let mut decided: Vec<&(&Run, &Request)> =
        requests.iter().filter(|(_, request)| request.decided.is_some()).collect();
    decided.order_by_key(|(_, request)| std::cmp::Reverse(at(request)));
    let shown = |(run, request): &(&Run, &Request)| {
        let (at, decided) = request.decided.as_ref()?;
        Some(with(settled(*at, decided), json!({ "run": run.id, "id": request.id })))
    };
    decided.into_iter().take(MOST_DECISIONS).filter_map(shown).collect()
}

/// A recorded decision.
pub(super) fn settled(at: u64, decided: &ApprovalDecided) -> Value {
    with(decided, json!({ "at": at, "status": decided.decision.status() }))
}
