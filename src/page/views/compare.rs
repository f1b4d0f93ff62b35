//! Answers of several consultants to one question, side by side.

use serde_json::{Value, json};

use super::parts::{citations, cited, shortened, with};
use crate::domain::event::EnsembleNoted;
use crate::domain::event::stage::{Candidate, StageFinished};
use crate::domain::history::History;
use crate::domain::measure::number::mean_pairwise;
use crate::domain::order::Order;
use crate::domain::report::Choice;
use crate::domain::select::rank::SelectionRecord;
use crate::domain::words::share_in_percent;
use crate::domain::workflow::{Request, Run};
use crate::flow::project_files::ProjectFiles;
use crate::page::index::{Index, Outcome};

/// Maximum number of listed comparisons.
const MOST: usize = 60;

/// Maximum number of characters of an answer that are shown at first.
const MOST_LETTERS: usize = 6_000;

/// All comparisons, newest first.
pub(in crate::page) fn list(history: &History, index: &Index) -> Value {
    let row = |id: &str, at: u64, kind: &str, what: &str, stage: Option<&str>, who: Vec<&str>| {
        (at, json!({ "id": id, "at": at, "kind": kind, "what": what, "stage": stage, "who": who }))
    };
    let stages = history.runs().flat_map(|run| {
        run.requests.iter().filter_map(move |request| {
            let finished = run.finished_of(request)?;
            let answers = finished.candidates.iter().filter(|one| one.ok).count();
            let who = finished.candidates.iter().map(|one| one.provider.as_str()).collect();
            let stage = Some(finished.stage.name());
            (answers > 1).then(|| row(&request.id, request.at, "compare_stage", &run.task, stage, who))
        })
    });
    let ensembles = index.ensembles.iter().map(|it| {
        let who = it.samples.iter().map(|one| one.provider.as_str()).collect();
        row(&it.id, it.at, "compare_ensemble", task_of(&it.record), None, who)
    });
    let selections = index.selections.iter().map(|it| {
        let who = it.record.options.iter().map(|one| one.provider.as_deref().unwrap_or(&one.id)).collect();
        let winner = it.record.winner_id.as_deref().unwrap_or_default();
        row(&it.id, it.at, "compare_selection", winner, None, who)
    });
    let mut all: Vec<(u64, Value)> = stages.chain(ensembles).chain(selections).collect();
    all.order_by_key(|(at, _)| std::cmp::Reverse(*at));
    let total = all.len();
    let list: Vec<Value> = all.into_iter().take(MOST).map(|(_, value)| value).collect();
    json!({ "title": "compare", "list": list, "total": total })
}

fn task_of(noted: &EnsembleNoted) -> &str {
    noted.task.as_ref().and_then(|task| task.text.as_deref()).unwrap_or_default()
}

/// The comparison with this id; None if it does not exist.
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
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let answers = finished.candidates.iter().zip(1_u32..).map(|(one, number)| {
        json!({
            "of": one,
            "number": number,
            "citations": cited(one.citations.as_deref().unwrap_or_default()),
            "text": shortened(&text_of(one), MOST_LETTERS),
            "is_first": one.provider == finished.provider && one.ok,
        })
    });
    let providers: Vec<&str> = answered.iter().map(|one| one.provider.as_str()).collect();
    json!({
        "kind": "compare_stage",
        "what": run.task,
        "stage": finished.stage.name(),
        "run": run.id,
        "request": request.id,
        "answers": answers.collect::<Vec<_>>(),
        "providers": providers,
        "claims": Choice::of_report(&request.asked.report),
        "likeness": mean_pairwise(&texts).map(share_in_percent),
        "chosen": request.chosen(),
    })
}

fn text_of(candidate: &Candidate) -> String {
    match &candidate.structured {
        Some(value) => serde_json::to_string_pretty(value).unwrap_or_default(),
        None => candidate.content.clone(),
    }
}

fn ensemble(
    project: &ProjectFiles,
    found: &Outcome<EnsembleNoted>,
    texts: &dyn Fn(&str) -> Option<String>,
) -> Value {
    let files = &found.record.context_files;
    let answers = found.samples.iter().zip(1_u32..).map(|(one, number)| {
        let text = one.response.as_deref().and_then(texts).unwrap_or_default();
        json!({
            "of": one,
            "number": number,
            "citations": citations(project, &text, files),
            "text": shortened(&text, MOST_LETTERS),
        })
    });
    json!({
        "kind": "compare_ensemble",
        "what": task_of(&found.record),
        "run": found.run,
        "answers": answers.collect::<Vec<_>>(),
        "likeness": found.record.redundancy.map(share_in_percent),
    })
}

fn selection(found: &Outcome<SelectionRecord>) -> Value {
    let winner = &found.record.winner_id;
    let more = json!({ "kind": "compare_selection", "what": winner, "chosen": winner, "run": found.run });
    with(&found.record, more)
}
