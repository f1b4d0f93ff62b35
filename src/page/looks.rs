//! The views that only show something, and two small forms: to end a run, and to trust the project's own
//! files.

use std::collections::BTreeMap;

use axum::extract::{Path, Query};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value, json};

use super::guard::{Fields, Visit};
use super::index::{Index, Sample};
use super::views::parts::with;
use super::{Page, guard, views};
use crate::domain::cut::one_line;
use crate::domain::history::History;
use crate::domain::measure::tally::Scope;
use crate::domain::order::Gather;
use crate::domain::plain::has_words;
use crate::error::Error;
use crate::flow::breaker;
use crate::flow::metrics::report;
use crate::flow::workflow::stop as end;

pub(super) async fn runs(visit: Visit) -> Response {
    let now = visit.page.now();
    let runs = move |history: &History| Ok(views::queue::runs(history, now));
    visit.read(StatusCode::OK, "list.html", "runs".to_owned(), runs).await
}

pub(super) async fn run(visit: Visit, Path(id): Path<String>) -> Response {
    show_run(&visit, id, StatusCode::OK, None).await
}

async fn show_run(visit: &Visit, id: String, status: StatusCode, problem: Option<&'static str>) -> Response {
    let page = visit.page.clone();
    let (idle_before, limits) = (page.now().idle_before, page.kit.config.limits());
    let nonce = visit.nonce(&format!("stop {id}"));
    let here = format!("runs/{id}");
    let run = move |history: &History| {
        let run = history.run(&id).ok_or_else(|| unknown("run", &id))?;
        let view =
            page.index(|index| views::run::run(&page.kit.project, history, run, index, limits, idle_before))?;
        Ok(with(&view, json!({ "nonce": nonce, "problem": problem })))
    };
    visit.read(status, "run.html", here, run).await
}

/// Ends a run. The form must give a reason.
pub(super) async fn stop(visit: Visit, Path(id): Path<String>, Fields(fields): Fields) -> Response {
    let said = |name: &str| fields.get(name).map(|text| text.trim()).unwrap_or_default();
    if !visit.is_nonce(&format!("stop {id}"), said("nonce")) {
        return show_run(&visit, id, StatusCode::CONFLICT, Some("stop_old_form")).await;
    }
    let why = one_line(said("why"));
    if !has_words(&why) {
        return show_run(&visit, id, StatusCode::UNPROCESSABLE_ENTITY, Some("stop_needs_words")).await;
    }
    let page = &visit.page;
    match end(&page.kit.config, &page.kit.log, &id, why).await {
        // A run that has already ended is just shown.
        Ok(_) | Err(Error::Workflow(_)) => Redirect::to(&page.path(&format!("runs/{id}"))).into_response(),
        Err(error) => visit.failed(&error).await,
    }
}

pub(super) async fn why(visit: Visit, Path(id): Path<String>) -> Response {
    let made = visit.make("why.html", format!("why/{id}"), move |page| {
        page.index(|index| views::why::why(index, &id))?.ok_or_else(|| unknown("event", &id))
    });
    made.await
}

pub(super) async fn compared(visit: Visit) -> Response {
    let page = visit.page.clone();
    let list = move |history: &History| page.index(|index| views::compare::list(history, index));
    visit.read(StatusCode::OK, "list.html", "compare".to_owned(), list).await
}

pub(super) async fn compare(visit: Visit, Path(id): Path<String>) -> Response {
    let made = visit.make("compare.html", format!("compare/{id}"), move |page| {
        let texts = texts_of(page, |index| {
            let found = index.ensembles.iter().find(|it| it.id == id);
            found.map(|found| found.samples.iter().collect()).unwrap_or_default()
        })?;
        let text = |digest: &str| texts.get(digest).cloned();
        let view = page.kit.log.journal().read_now(|history| {
            page.index(|index| views::compare::one(&page.kit.project, history, index, &text, &id))
        })??;
        view.ok_or_else(|| unknown("comparison", &id))
    });
    made.await
}

pub(super) async fn votes(visit: Visit) -> Response {
    let made = visit.make("list.html", "votes".to_owned(), move |page| {
        let texts = texts_of(page, |index| {
            index.open_votes(0).into_iter().flat_map(|(_, samples)| samples).collect()
        })?;
        let text = |digest: &str| texts.get(digest).cloned();
        page.index(|index| views::vote::list(index, &text))
    });
    made.await
}

pub(super) async fn vote(visit: Visit, Path(id): Path<String>) -> Response {
    let made = visit.make("vote.html", format!("votes/{id}"), move |page| {
        let texts = texts_of(page, |index| {
            let found = index.votes.iter().find(|it| it.id == id);
            found.map(|found| found.samples.iter().collect()).unwrap_or_default()
        })?;
        let text = |digest: &str| texts.get(digest).cloned();
        page.index(|index| views::vote::one(index, &text, &id))?.ok_or_else(|| unknown("vote", &id))
    });
    made.await
}

pub(super) async fn threads(visit: Visit) -> Response {
    let list = |history: &History| Ok(views::threads::list(history));
    visit.read(StatusCode::OK, "list.html", "threads".to_owned(), list).await
}

pub(super) async fn thread(visit: Visit, Path(id): Path<String>) -> Response {
    let view = thread_of(&visit.page, &id).await;
    visit.show(StatusCode::OK, "thread.html", format!("threads/{id}"), view).await
}

async fn thread_of(page: &Page, id: &str) -> Result<Value, Error> {
    let wanted = id.to_owned();
    let found = page.kit.log.journal().read(move |history| history.threads.get(&wanted).cloned());
    let thread = found.await?.ok_or_else(|| unknown("thread", id))?;
    let places = thread.turns.iter().map(|turn| turn.seq).collect();
    let events = page.kit.log.journal().events_at(places).await?;
    page.blocking(move |page| views::threads::one(&page.kit.project, &thread, &events)).await
}

pub(super) async fn reviews(visit: Visit) -> Response {
    let list = |page: &Page| page.index(views::reviews::list);
    visit.make("list.html", "reviews".to_owned(), list).await
}

pub(super) async fn review(visit: Visit, Path(id): Path<String>) -> Response {
    let made = visit.make("review.html", format!("reviews/{id}"), move |page| {
        page.index(|index| views::reviews::one(index, &id))?.ok_or_else(|| unknown("review", &id))
    });
    made.await
}

/// Shows the jobs, and the consultants whose limit is reached.
pub(super) async fn jobs(visit: Visit) -> Response {
    let spent = breaker::open(&visit.page.kit.log).await;
    let jobs = visit.page.jobs.list().await.map(|jobs| with(&jobs, json!({ "breakers": spent })));
    visit.show(StatusCode::OK, "jobs.html", "jobs".to_owned(), jobs).await
}

/// Shows the figures of a run, of some days, or of the whole project. An invalid number of days counts as
/// none.
pub(super) async fn metrics(visit: Visit, Query(of): Query<Vec<(String, String)>>) -> Response {
    let config = visit.page.kit.config.clone();
    let mut of: BTreeMap<String, String> = of.into_iter().gather();
    let run = of.remove("run");
    let days = of.get("days").and_then(|days| days.parse::<u32>().ok());
    let days = days.filter(|days| (1..=366).contains(days));
    let here = match (&run, days) {
        (Some(run), _) => format!("metrics?run={run}"),
        (None, Some(days)) => format!("metrics?days={days}"),
        (None, None) => "metrics".to_owned(),
    };
    let metrics = move |history: &History| {
        let run = run.as_deref();
        if let Some(run) = run.filter(|run| history.run(run).is_none()) {
            return Err(unknown("run", run));
        }
        let scope = match (run, days) {
            (Some(run), _) => Scope::Run(run.to_owned()),
            (None, Some(days)) => Scope::Days(days),
            (None, None) => Scope::Project,
        };
        Ok(views::metrics::metrics(history, &report(&config, history, scope), run, days))
    };
    visit.read(StatusCode::OK, "metrics.html", here, metrics).await
}

pub(super) async fn trust(visit: Visit) -> Response {
    show_trust(&visit, StatusCode::OK, None).await
}

async fn show_trust(visit: &Visit, status: StatusCode, problem: Option<&'static str>) -> Response {
    let found = visit.page.blocking(|page| views::trust::trust(&page.kit.config)).await;
    let view = found.map(|view| {
        let hash = view.get("hash").and_then(Value::as_str).unwrap_or_default();
        with(&view, json!({ "nonce": visit.nonce(&format!("trust {hash}")), "problem_kind": problem }))
    });
    visit.show(status, "trust.html", "trust".to_owned(), view).await
}

/// Confirms exactly the files that were shown, by their hash.
pub(super) async fn confirm(visit: Visit, Fields(fields): Fields) -> Response {
    let said = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let hash = said("hash");
    let is_ours = visit.is_nonce(&format!("trust {hash}"), &said("nonce"));
    if !is_ours || said("read").is_empty() {
        return show_trust(&visit, StatusCode::CONFLICT, Some("stop_old_form")).await;
    }
    let confirmed = visit.page.blocking(move |page| {
        let library = page.kit.config.library();
        // A different hash means that the files changed after they were shown.
        let is_same = library.layer().hash() == hash;
        is_same.then(|| library.confirm(&hash).map_err(|error| error.to_string()))
    });
    match confirmed.await {
        Ok(Some(Ok(()))) => Redirect::to(&visit.page.path("trust")).into_response(),
        Ok(Some(Err(why))) => {
            let error = Error::Setup {
                reason: format!("your confirmation cannot be saved: {why}"),
                hint:
                    "Make your own configuration directory writable (MAESTRO_HOME, else ~/.config/maestro)."
                        .to_owned(),
            };
            visit.failed(&error).await
        }
        Ok(None) => show_trust(&visit, StatusCode::CONFLICT, Some("trust_other")).await,
        Err(error) => visit.failed(&error).await,
    }
}

/// A recorded prompt or answer as plain text.
pub(super) async fn blob(visit: Visit, Path(digest): Path<String>) -> Response {
    let found = visit.page.blocking(move |page| page.indexed.text(&page.kit.log, &digest)).await;
    match found.and_then(|it| it) {
        Ok(Some(text)) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        Ok(None) => guard::bare(&visit.page, visit.visitor.look, StatusCode::NOT_FOUND, "unknown").await,
        Err(error) => visit.failed(&error).await,
    }
}

/// The recorded texts of answers, by their hash.
fn texts_of(page: &Page, of: impl FnOnce(&Index) -> Vec<&Sample>) -> Result<BTreeMap<String, String>, Error> {
    let digests = page.index(|index| {
        of(index).into_iter().filter_map(|one| one.response.clone()).collect::<Vec<String>>()
    })?;
    let mut texts = BTreeMap::new();
    for digest in digests {
        if let Some(text) = page.indexed.text(&page.kit.log, &digest)? {
            texts.insert(digest, text);
        }
    }
    Ok(texts)
}

fn unknown(kind: &'static str, name: &str) -> Error {
    Error::Unknown { kind, name: name.to_owned(), available: Vec::new() }
}
