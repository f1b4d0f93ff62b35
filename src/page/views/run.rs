//! A run: running work, the use of time, the stages, the budget, and the chain of events.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::parts::{citations, cited, colour, price, stages};
use super::queue::{settled, working};
use crate::domain::budget::Limits;
use crate::domain::citations::Citation;
use crate::domain::history::History;
use crate::domain::measure::report::Spent;
use crate::domain::stage::Stage;
use crate::domain::text::gather;
use crate::domain::workflow::{Phase, Request, Run};
use crate::flow::project_files::ProjectFiles;
use crate::flow::time::now;
use crate::page::index::{Fact, Index, OfRun, Took, Work};

/// Width of the chart and height of a row, in units of the chart.
const WIDTH: u64 = 1_000;
const ROW: u64 = 28;

/// Maximum numbers of events in the short and in the full chain. A long run has thousands.
const MOST_SHORT: usize = 100;
const MOST_ALL: usize = 300;

/// Maximum number of outputs of the orchestrator whose places are checked for a view.
const MOST_CHECKED: usize = 5;

/// Events that the short chain leaves out.
const DETAILS: [&str; 7] = [
    "consult_reserved", "consult_settled", "consult_released", "stage_delivered", "stage_resumed",
    "state_used", "stage_started",
];

/// Kinds of events that are shown beside the chain.
const SIDE: [&str; 3] = ["answered", "red_flagged", "evidence_logged"];

pub(in crate::page) fn run(
    project: &ProjectFiles,
    history: &History,
    run: &Run,
    index: &Index,
    limits: Limits,
    idle_before: u64,
) -> Value {
    let now = now();
    let calls = history.tally_of(&run.id).map(|tally| tally.calls);
    let spent = calls.as_ref().map(Spent::from);
    let waited: u64 = run.requests.iter().map(|request| until(request, now).saturating_sub(request.at)).sum();
    let worked: u64 = run.finished.iter().map(|finished| finished.elapsed_ms).sum();
    let nothing = OfRun::default();
    let events = index.of_run(&run.id).unwrap_or(&nothing);
    let checks: Vec<bool> = events.took.iter().filter_map(|took| took.work.passed()).collect();
    json!({
        "id": run.id,
        "task": run.task,
        "state": run.phase.name(),
        "stage": run.phase.stage().map(Stage::name),
        "stopped": match &run.phase { Phase::Stopped(why) => Some(why), _ => None },
        "is_open": run.phase.is_open(),
        "is_parked": run.is_parked(idle_before),
        "at": run.started_at,
        "approvals": run.approvals,
        "events": events.count(),
        "pending": run.pending().map(|request| &request.id),
        "stages": stages(run, run.phase.stage()),
        "working": working(run),
        "chart": chart(run, &events.took, now),
        "rows": rows(run),
        "budget": budget(run, limits),
        "worked": worked,
        "waited": waited,
        "tokens": spent.as_ref().and_then(|it| Some(it.input_tokens? + it.output_tokens?)),
        "cost": calls.as_ref().and_then(price),
        "patches": events.changes,
        "checks": checks.len(),
        "last_check": checks.last(),
        "chain": chain(index, events, false),
        "all": chain(index, events, true),
        "side": SIDE,
        "outputs": outputs(project, run),
    })
}

fn until(request: &Request, now: u64) -> u64 {
    request.decided.as_ref().map_or(now, |(at, _)| *at)
}

fn rows(run: &Run) -> Vec<Value> {
    run.requests
        .iter()
        .map(|request| {
            let finished = run.finished_of(request);
            let who = finished.into_iter().flat_map(|it| {
                let own = it.candidates.is_empty().then_some(&it.provider);
                own.into_iter().chain(it.candidates.iter().filter(|one| one.ok).map(|one| &one.provider))
            });
            json!({
                "request": request.id,
                "stage": request.asked.stage.name(),
                "round": request.asked.iteration,
                "who": who.collect::<Vec<_>>(),
                "summary": gather(request.asked.report.clone(), &["summary"]).get("summary"),
                "decided": request.decided.as_ref().map(|(at, decided)| settled(*at, decided)),
                "time": finished.map(|it| it.elapsed_ms),
            })
        })
        .collect()
}

fn budget(run: &Run, limits: Limits) -> Vec<Value> {
    let bar = |name: &str, used: u32, most: u32| {
        let cells: Vec<bool> = (0..most.min(24)).map(|place| place < used).collect();
        json!({ "name": name, "used": used, "most": most, "cells": cells })
    };
    vec![bar("budget_run", run.budget.used(), limits.total), bar("budget_debug", run.debug_iteration, 5)]
}

/// The chart of a run: spans of work, of waiting for a person, and of checks. None if no time has passed.
fn chart(run: &Run, took: &[Took], now: u64) -> Option<Value> {
    // The time after the end of a run would make its work too small to see.
    let end = if run.phase.is_open() { now } else { run.last_at };
    let total = end.saturating_sub(run.started_at);
    if total == 0 {
        return None;
    }
    let place = |at: u64| at.saturating_sub(run.started_at).min(total).saturating_mul(WIDTH) / total;
    let bar = |from: u64, to: u64, kind: &str, lane: u64, lanes: u64| {
        let (x, right) = (place(from), place(to));
        let height = (ROW - 10) / lanes.max(1);
        json!({ "x": x, "w": (right - x.min(right)).max(2), "y": 4 + lane * height, "h": height.max(3) - 1, "kind": kind })
    };
    let mut shown: BTreeMap<Stage, (Vec<Value>, u64, u64)> = BTreeMap::new();
    let mut add = |stage: Stage, value: Value, work: u64, wait: u64| {
        let (bars, worked, waited) = shown.entry(stage).or_default();
        bars.push(value);
        *worked += work;
        *waited += wait;
    };
    for Took { at, elapsed_ms, work } in took {
        let began = at.saturating_sub(*elapsed_ms);
        match work {
            Work::Stage { stage, answers } => {
                if answers.is_empty() {
                    add(*stage, bar(began, *at, "claude", 0, 1), *elapsed_ms, 0);
                }
                for (lane, (provider, its)) in (0_u64..).zip(answers) {
                    let lanes = u64::try_from(answers.len()).unwrap_or(1);
                    let work = if lane == 0 { *elapsed_ms } else { 0 };
                    add(*stage, bar(began, began + its, colour(provider), lane, lanes), work, 0);
                }
            }
            Work::Checks { stage, .. } => {
                let stage = stage.or(run.phase.stage()).unwrap_or(Stage::Improve);
                add(stage, bar(began, *at, "check", 0, 1), *elapsed_ms, 0);
            }
        }
    }
    for request in &run.requests {
        let until = until(request, now);
        let waited = until.saturating_sub(request.at);
        add(request.asked.stage, bar(request.at, until, "waited", 0, 1), 0, waited);
    }
    let rows: Vec<Value> = shown
        .into_iter()
        .zip(0_u64..)
        .map(|((stage, (bars, worked, waited)), row)| {
            json!({ "stage": stage.name(), "y": row * ROW, "bars": bars, "worked": worked, "waited": waited })
        })
        .collect();
    Some(json!({ "rows": rows, "width": WIDTH, "row": ROW, "total": total }))
}

/// The events of a run from the last one back to the first, up to a limit.
fn chain<'a>(index: &'a Index, events: &'a OfRun, with_details: bool) -> Vec<&'a Fact> {
    let shown = index.latest(events).filter(|fact| with_details || !DETAILS.contains(&fact.label.kind));
    shown.take(if with_details { MOST_ALL } else { MOST_SHORT }).collect()
}

/// The results of the stages, the latest first, with the places that their answers name. Consultants' answers
/// were checked when they arrived. The latest outputs of the orchestrator are checked now.
fn outputs(project: &ProjectFiles, run: &Run) -> Vec<Value> {
    let mut checked_now = 0;
    let mut places = |known: Option<&[Citation]>, text: &str| match known {
        Some(known) => cited(known),
        None if checked_now < MOST_CHECKED => {
            checked_now += 1;
            citations(project, text, &[])
        }
        None => cited(&[]),
    };
    let mut all = Vec::new();
    for (it, number) in run.finished.iter().rev().zip(1_u32..) {
        let text = serde_json::to_string_pretty(&it.output).unwrap_or_default();
        let answer = |nth: u32, name: &str, places: Value| json!({ "number": format!("{number}-{nth}"), "name": name, "citations": places });
        let mut answers = Vec::new();
        for (one, nth) in it.candidates.iter().filter(|one| one.ok).zip(1_u32..) {
            answers.push(answer(nth, &one.provider, places(one.citations.as_deref(), &text)));
        }
        if answers.is_empty() {
            answers.push(answer(1, &it.provider, places(None, &text)));
        }
        all.push(json!({
            "stage": it.stage.name(), "round": it.iteration, "who": it.provider,
            "text": text, "answers": answers,
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_apart_by_its_kind_is_a_kind_of_the_log() {
        for kind in DETAILS.iter().chain(&SIDE) {
            let data = r#"{"id":"e","rests_on":[],"data":{}}"#;
            let read = crate::domain::event::Event::read(1, String::new(), 0, kind, data);
            let unknown = read.err().is_some_and(|error| error.to_string().contains("does not know"));
            assert!(!unknown, "{kind}");
        }
    }
}
