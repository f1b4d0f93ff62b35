//! Answers of several consultants to one question, side by side.

use serde_json::{Value, json};

use super::parts::{citations, cited, dollars};
use crate::domain::cut::head;
use crate::domain::event::stage::{Candidate, StageFinished};
use crate::domain::history::History;
use crate::domain::measure::number::mean_pairwise;
use crate::domain::order::Order;
use crate::domain::report::Choice;
use crate::domain::workflow::{Request, Run};
use crate::flow::project_files::ProjectFiles;
use crate::page::index::{Ensemble, Index, Selected};

/// Comparisons that are listed.
const MOST: usize = 60;

/// Letters of an answer that are shown at once.
const MOST_LETTERS: usize = 6_000;

/// Everything that can be compared, newest first.
pub(in crate::page) fn list(history: &History, index: &Index, now: u64) -> Value {
    let stages = history.runs().flat_map(|run| {
        run.requests.iter().filter_map(move |request| {
            let finished = run.finished_of(request)?;
            let answers = finished.candidates.iter().filter(|one| one.ok).count();
            (answers > 1).then(|| {
                let names: Vec<&str> = finished.candidates.iter().map(|one| one.provider.as_str()).collect();
                (request.at, json!({
                    "id": request.id, "kind": "compare_stage", "what": run.task, "stage": finished.stage.name(),
                    "who": names, "age": now.saturating_sub(request.at),
                }))
            })
        })
    });
    let ensembles = index.ensembles.iter().map(|it| {
        let names: Vec<&str> = it.samples.iter().map(|one| one.provider.as_str()).collect();
        let task = it.noted.task.as_ref().and_then(|task| task.text.clone()).unwrap_or_default();
        (
            it.at,
            json!({
                "id": it.id, "kind": "compare_ensemble", "what": task, "stage": null, "who": names,
                "age": now.saturating_sub(it.at),
            }),
        )
    });
    let selections = index.selections.iter().map(|it| {
        let names: Vec<&str> =
            it.record.options.iter().map(|one| one.provider.as_deref().unwrap_or(one.id.as_str())).collect();
        (
            it.at,
            json!({
                "id": it.id, "kind": "compare_selection",
                "what": it.record.winner_id.as_deref().unwrap_or_default(), "stage": null, "who": names,
                "age": now.saturating_sub(it.at),
            }),
        )
    });
    let mut all: Vec<(u64, Value)> = stages.chain(ensembles).chain(selections).collect();
    all.order_by_key(|(at, _)| std::cmp::Reverse(*at));
    let total = all.len();
    json!({ "list": all.into_iter().take(MOST).map(|(_, value)| value).collect::<Vec<_>>(), "total": total })
}

/// The comparison with this id, if there is one.
pub(in crate::page) fn one(
    project: &ProjectFiles,
    history: &History,
    index: &Index,
    texts: &dyn Fn(&str) -> Option<String>,
    id: &str,
) -> Option<Value> {
    if let Some((run, request)) = history.request(id) {
        return Some(stage(run, request, run.finished_of(request)?));
    }
    if let Some(found) = index.ensembles.iter().find(|it| it.id == id) {
        return Some(ensemble(project, found, texts));
    }
    index.selections.iter().find(|it| it.id == id).map(selection)
}

fn stage(run: &Run, request: &Request, finished: &StageFinished) -> Value {
    let answered: Vec<&Candidate> = finished.candidates.iter().filter(|one| one.ok).collect();
    let texts: Vec<String> = answered.iter().map(|one| text_of(one)).collect();
    let answers = finished.candidates.iter().zip(1_u32..).map(|(one, number)| {
        json!({
            "id": one.id,
            "number": number,
            "citations": cited(one.citations.as_deref().unwrap_or_default()),
            "name": one.provider,
            "model": one.model,
            "elapsed": one.elapsed_ms,
            "text": shortened(&text_of(one)),
            "flags": one.red_flags,
            "schema": one.schema_errors,
            "error": one.error,
            "is_first": one.provider == finished.provider && one.ok,
        })
    });
    let providers: Vec<&str> = answered.iter().map(|one| one.provider.as_str()).collect();
    let claims = Choice::of_report(&request.asked.report);
    let claims = claims.iter().map(|choice| {
        // Who does not say it is silent on it; who selected another one speaks against it.
        let cells = providers.iter().map(|name| {
            let of = |all: &[String]| all.iter().any(|it| it == name);
            if of(&choice.selected_by) {
                "selects"
            } else if of(&choice.from) {
                "says"
            } else {
                "silent"
            }
        });
        json!({ "id": choice.id, "claim": choice.claim, "cells": cells.collect::<Vec<_>>() })
    });
    json!({
        "kind": "compare_stage",
        "what": run.task,
        "stage": finished.stage.name(),
        "run": run.id,
        "request": request.id,
        "answers": answers.collect::<Vec<_>>(),
        "providers": providers,
        "claims": claims.collect::<Vec<_>>(),
        "likeness": likeness(&texts),
        "chosen": request.chosen(),
        "options": [],
        "basis": null,
    })
}

fn text_of(candidate: &Candidate) -> String {
    match &candidate.structured {
        Some(value) => serde_json::to_string_pretty(value).unwrap_or_default(),
        None => candidate.content.clone(),
    }
}

fn shortened(text: &str) -> Value {
    let head = head(text, MOST_LETTERS);
    json!({ "head": head, "rest": text.strip_prefix(head).filter(|rest| !rest.is_empty()) })
}

/// By how much the answers say the same, in percent, where it can be told.
fn likeness(texts: &[String]) -> Option<u32> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let likeness = mean_pairwise(&texts)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 0 to 100")]
    Some((likeness.clamp(0.0, 1.0) * 100.0).round() as u32)
}

fn ensemble(project: &ProjectFiles, found: &Ensemble, texts: &dyn Fn(&str) -> Option<String>) -> Value {
    let files = &found.noted.context_files;
    let answers = found.samples.iter().zip(1_u32..).map(|(one, number)| {
        let text = one.response.as_deref().and_then(texts);
        json!({
            "id": one.seq.to_string(),
            "number": number,
            "citations": citations(project, text.as_deref().unwrap_or_default(), files),
            "name": one.provider,
            "model": one.model,
            "elapsed": one.elapsed_ms,
            "text": shortened(text.as_deref().unwrap_or_default()),
            "flags": [],
            "schema": [],
            "error": one.code,
            "cost": one.cost_usd.map(|sum| dollars(sum, false)),
            "is_first": false,
        })
    });
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 0 to 100")]
    let likeness = found.noted.redundancy.map(|share| (share.clamp(0.0, 1.0) * 100.0).round() as u32);
    json!({
        "kind": "compare_ensemble",
        "what": found.noted.task.as_ref().and_then(|task| task.text.clone()).unwrap_or_default(),
        "stage": null,
        "run": found.run,
        "request": null,
        "answers": answers.collect::<Vec<_>>(),
        "providers": [],
        "claims": [],
        "likeness": likeness,
        "chosen": null,
        "options": [],
        "basis": null,
    })
}

fn selection(found: &Selected) -> Value {
    let record = &found.record;
    let options = record.options.iter().map(|one| {
        json!({
            "id": one.id,
            "provider": one.provider,
            "tests": one.tests,
            "flags": one.red_flags,
            "is_winner": record.winner_id.as_ref() == Some(&one.id),
        })
    });
    json!({
        "kind": "compare_selection",
        "what": record.winner_id.as_deref().unwrap_or_default(),
        "stage": null,
        "run": found.run,
        "request": null,
        "answers": [],
        "providers": [],
        "claims": [],
        "likeness": null,
        "chosen": record.winner_id,
        "options": options.collect::<Vec<_>>(),
        "basis": record.basis,
        "judge": record.judge,
        "verdict": record.judge_verdict,
    })
}
