//! The queue: what waits for a person, what is worked on, the runs, and the last decisions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::jobs::breakers;
use super::parts::dollars;
use crate::domain::breaker::Spent;
use crate::domain::history::History;
use crate::domain::order::Order;
use crate::domain::report::Report;
use crate::domain::typed::from_value;
use crate::domain::workflow::{Phase, Request, Run};

/// Runs and decisions that are listed.
const MOST_SHOWN: usize = 10;
const MOST_RUNS: usize = 200;
const MOST_DECISIONS: usize = 12;

/// Facts of the view beside the log.
#[derive(Clone, Copy, Debug)]
pub(in crate::page) struct Now {
    pub(in crate::page) at: u64,
    /// Consults that a run may have.
    pub(in crate::page) most: u32,
    /// Runs without an event since then are parked.
    pub(in crate::page) idle_before: u64,
}

pub(in crate::page) fn queue(
    history: &History,
    now: Now,
    asks_trust: bool,
    spent: &BTreeMap<String, Spent>,
) -> Value {
    let mut waiting: Vec<(&Run, &Request)> = history.pending().collect();
    waiting.order_by_key(|(_, request)| std::cmp::Reverse(request.at));
    let runs: Vec<&Run> = history.runs().rev().collect();
    let decided: Vec<(&Run, &Request)> =
        history.requests().into_iter().filter(|(_, request)| request.decided.is_some()).collect();
    json!({
        "asks_trust": asks_trust,
        "breakers": breakers(spent, now.at),
        "pending": waiting.iter().map(|(run, request)| pending(run, request, now.at)).collect::<Vec<_>>(),
        "working": runs.iter().filter_map(|run| working(run, now.at)).collect::<Vec<_>>(),
        "runs_total": runs.len(),
        "runs": runs.iter().take(MOST_SHOWN).map(|run| listed(history, run, now)).collect::<Vec<_>>(),
        "decisions": last(&decided, now.at),
    })
}

/// Every run, newest first.
pub(in crate::page) fn runs(history: &History, now: Now) -> Value {
    let all: Vec<Value> = history.runs().rev().take(MOST_RUNS).map(|run| listed(history, run, now)).collect();
    json!({ "title": "runs", "list": all })
}

fn pending(run: &Run, request: &Request, now: u64) -> Value {
    let report: Option<Report> = from_value(request.asked.report.clone()).ok();
    let report = report.as_ref();
    let files: Vec<String> = report
        .iter()
        .flat_map(|report| &report.diff)
        .flat_map(|change| &change.files)
        .map(|file| file.path.clone())
        .take(4)
        .collect();
    let sum = |of: fn(&crate::domain::report::ProposedChange) -> usize| {
        report.map_or(0, |report| report.diff.iter().map(of).sum::<usize>())
    };
    json!({
        "id": request.id,
        "stage": request.asked.stage.name(),
        "number": 1 + crate::domain::stage::Stage::ALL.iter().take_while(|it| **it != request.asked.stage).count(),
        "task": run.task,
        "summary": report.map(|report| &report.summary),
        "files": files,
        "is_changed": run.asks_for_another_change(request),
        "added": sum(|change| change.added),
        "removed": sum(|change| change.removed),
        "risks": report.map_or(0, |report| report.risks.len()),
        "critical": report.map_or(0, |report| {
            report.questions.iter().filter(|it| it.priority == crate::domain::question::Priority::Critical).count()
        }),
        "age": now.saturating_sub(request.at),
    })
}

/// A stage that is worked on: who was asked, and who has answered.
pub(super) fn working(run: &Run, now: u64) -> Option<Value> {
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
        "since": now.saturating_sub(attempt.started_at),
        "who": who,
        "is_solo": attempt.is_solo(),
    }))
}

fn listed(history: &History, run: &Run, now: Now) -> Value {
    let spent =
        history.tally_of(&run.id).map(|tally| crate::domain::measure::report::Spent::from(&tally.calls));
    let cost = spent.as_ref().and_then(|spent| spent.cost_usd);
    json!({
        "id": run.id,
        "task": run.task,
        "state": run.phase.name(),
        "stage": run.phase.stage().map(crate::domain::stage::Stage::name),
        "why": match &run.phase { Phase::Stopped(why) => Some(why), _ => None },
        "is_parked": run.is_parked(now.idle_before),
        "used": run.budget.used(),
        "most": now.most,
        "cost": cost.map(|cost| dollars(cost, false)),
        "age": now.at.saturating_sub(run.last_at),
    })
}

fn last(decided: &[(&Run, &Request)], now: u64) -> Vec<Value> {
    let mut all: Vec<_> = decided
        .iter()
        .filter_map(|(run, request)| {
            request.decided.as_ref().map(|(at, decided)| (*at, *run, *request, decided))
        })
        .collect();
    all.order_by_key(|(at, ..)| std::cmp::Reverse(*at));
    all.into_iter()
        .take(MOST_DECISIONS)
        .map(|(at, run, request, decided)| {
            json!({
                "id": request.id,
                "run": run.id,
                "stage": decided.stage.name(),
                "decision": decided.decision.status(),
                "by": decided.decided_by,
                "words": decided.revision_instructions.as_ref().or(decided.feedback.as_ref()),
                "chosen": decided.chosen,
                "age": now.saturating_sub(at),
            })
        })
        .collect()
}
