//! The views that one only looks at, and the two small forms among them: ending a run, and trusting
//! the project's own files.

use std::collections::BTreeMap;

use axum::extract::{Form, Path, Query};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::guard::Visit;
use super::index::Index;
use super::{Page, guard, views};
use crate::domain::cut::one_line;
use crate::domain::measure::tally::Scope;
use crate::domain::order::Gather;
use crate::error::Error;
use crate::flow::breaker;
use crate::flow::metrics::report;
use crate::flow::workflow::stop as end;

pub(super) async fn runs(visit: Visit) -> Response {
    let now = visit.page.now();
    let read = visit
        .page
        .kit
        .log
        .journal()
        .read(move |history| (views::frame(history, "runs"), views::queue::runs(history, now)));
    visit.show("list.html", read.await).await
}

pub(super) async fn run(visit: Visit, Path(id): Path<String>) -> Response {
    show_run(&visit, id, StatusCode::OK, None).await
}

async fn show_run(visit: &Visit, id: String, status: StatusCode, problem: Option<&'static str>) -> Response {
    let shown = run_of(visit, id, problem).await;
    visit.framed(status, "run.html", shown).await
}

async fn run_of(visit: &Visit, id: String, problem: Option<&'static str>) -> Result<(Value, Value), Error> {
    let page = visit.page.clone();
    let (now, limits) = (page.now(), page.kit.config.limits());
    let nonce = visit.nonce(&format!("stop {id}"));
    let read = visit.page.kit.log.journal().read(move |history| {
        let Some(run) = history.run(&id) else { return Err(unknown("run", &id)) };
        let mut view =
            page.index(|index| views::run::run(&page.kit.project, history, run, index, limits, now))?;
        add(&mut view, "nonce", json!(nonce));
        add(&mut view, "problem", json!(problem));
        Ok((views::frame(history, &format!("runs/{id}")), view))
    });
    read.await?
}

/// Ends a run; that needs words.
pub(super) async fn stop(
    visit: Visit,
    Path(id): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let fields: BTreeMap<String, String> = fields.into_iter().gather();
    let said = |name: &str| fields.get(name).map(|text| text.trim()).unwrap_or_default();
    if !visit.is_nonce(&format!("stop {id}"), said("nonce")) {
        return show_run(&visit, id, StatusCode::CONFLICT, Some("stop_old_form")).await;
    }
    let why = one_line(said("why"));
    if why.is_empty() {
        return show_run(&visit, id, StatusCode::UNPROCESSABLE_ENTITY, Some("stop_needs_words")).await;
    }
    let page = &visit.page;
    match end(&page.kit.config, &page.kit.log, &id, why).await {
        // One that has ended meanwhile is shown as it is.
        Ok(_) | Err(Error::Workflow(_)) => Redirect::to(&page.path(&format!("runs/{id}"))).into_response(),
        Err(error) => visit.failed(&error).await,
    }
}

pub(super) async fn why(visit: Visit, Path(id): Path<String>) -> Response {
    let (here, now) = (format!("why/{id}"), visit.page.now().at);
    let made = visit.make("why.html", here, move |page| {
        page.index(|index| views::why::why(index, &id, now))?.ok_or_else(|| unknown("event", &id))
    });
    made.await
}

pub(super) async fn compared(visit: Visit) -> Response {
    let now = visit.page.now().at;
    let made = visit.make("list.html", "compare".to_owned(), move |page| {
        let list = page
            .kit
            .log
            .journal()
            .read_now(|history| page.index(|index| views::compare::list(history, index, now)));
        list?.map(|list| titled(list, "compare"))
    });
    made.await
}

pub(super) async fn compare(visit: Visit, Path(id): Path<String>) -> Response {
    let made = visit.make("compare.html", format!("compare/{id}"), move |page| {
        let texts = texts_of(page, |index| {
            let found = index.ensembles.iter().find(|it| it.id == id)?;
            Some(found.samples.iter().filter_map(|one| one.response.clone()).collect())
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
    let now = visit.page.now().at;
    let made = visit.make("list.html", "votes".to_owned(), move |page| {
        let texts = texts_of(page, |index| {
            let open = index.open_votes(0);
            let open = open.iter().flat_map(|(_, samples)| samples);
            Some(open.filter_map(|one| one.response.clone()).collect())
        })?;
        let text = |digest: &str| texts.get(digest).cloned();
        page.index(|index| titled(views::vote::list(index, &text, now), "votes"))
    });
    made.await
}

pub(super) async fn vote(visit: Visit, Path(id): Path<String>) -> Response {
    let (here, now) = (format!("votes/{id}"), visit.page.now().at);
    let made = visit.make("vote.html", here, move |page| {
        let texts = texts_of(page, |index| {
            let found = index.votes.iter().find(|it| it.id == id)?;
            Some(found.samples.iter().filter_map(|one| one.response.clone()).collect())
        })?;
        let text = |digest: &str| texts.get(digest).cloned();
        page.index(|index| views::vote::one(index, &text, &id, now))?.ok_or_else(|| unknown("vote", &id))
    });
    made.await
}

pub(super) async fn threads(visit: Visit) -> Response {
    let now = visit.page.now().at;
    let read = visit
        .page
        .kit
        .log
        .journal()
        .read(move |history| (views::frame(history, "threads"), views::threads::list(history, now)));
    visit.show("list.html", read.await).await
}

pub(super) async fn thread(visit: Visit, Path(id): Path<String>) -> Response {
    let view = thread_of(&visit.page, &id).await;
    visit.view("thread.html", format!("threads/{id}"), view).await
}

async fn thread_of(page: &Page, id: &str) -> Result<Value, Error> {
    let (wanted, now) = (id.to_owned(), page.now().at);
    let found = page.kit.log.journal().read(move |history| history.threads.get(&wanted).cloned());
    let thread = found.await?.ok_or_else(|| unknown("thread", id))?;
    let places = thread.turns.iter().map(|turn| turn.seq).collect();
    let events = page.kit.log.journal().events_at(places).await?;
    page.blocking(move |page| views::threads::one(&page.kit.project, &thread, &events, now)).await
}

pub(super) async fn reviews(visit: Visit) -> Response {
    let now = visit.page.now().at;
    let list = move |page: &Page| page.index(|index| views::reviews::list(index, now));
    visit.make("list.html", "reviews".to_owned(), list).await
}

pub(super) async fn review(visit: Visit, Path(id): Path<String>) -> Response {
    let (here, now) = (format!("reviews/{id}"), visit.page.now().at);
    let made = visit.make("review.html", here, move |page| {
        page.index(|index| views::reviews::one(index, &id, now))?.ok_or_else(|| unknown("review", &id))
    });
    made.await
}

pub(super) async fn jobs(visit: Visit) -> Response {
    let now = visit.page.now().at;
    let spent = breaker::open(&visit.page.kit.log).await;
    let view = visit.page.jobs.list().await.map(|jobs| views::jobs::list(&jobs, &spent, now));
    visit.view("jobs.html", "jobs".to_owned(), view).await
}

#[derive(Deserialize)]
pub(super) struct OfRun {
    run: Option<String>,
    days: Option<u32>,
}

pub(super) async fn metrics(visit: Visit, Query(of): Query<OfRun>) -> Response {
    let config = visit.page.kit.config.clone();
    let read = visit.page.kit.log.journal().read(move |history| {
        let run = of.run.as_deref();
        if let Some(run) = run.filter(|run| history.run(run).is_none()) {
            return Err(unknown("run", run));
        }
        let days = of.days.filter(|days| (1..=366).contains(days));
        let scope = match (run, days) {
            (Some(run), _) => Scope::Run(run.to_owned()),
            (None, Some(days)) => Scope::Days(days),
            (None, None) => Scope::Project,
        };
        let report = report(&config, history, scope);
        Ok((views::frame(history, "metrics"), views::metrics::metrics(history, &report, run, days)))
    });
    visit.show("metrics.html", read.await.and_then(|it| it)).await
}

pub(super) async fn trust(visit: Visit) -> Response {
    show_trust(&visit, StatusCode::OK, None).await
}

async fn show_trust(visit: &Visit, status: StatusCode, problem: Option<&'static str>) -> Response {
    let found = visit.page.blocking(|page| views::trust::trust(&page.kit.config)).await;
    let view = found.map(|mut view| {
        let hash = view.get("hash").and_then(Value::as_str).unwrap_or_default().to_owned();
        add(&mut view, "nonce", json!(visit.nonce(&format!("trust {hash}"))));
        add(&mut view, "problem_kind", json!(problem));
        view
    });
    let shown = visit.with_frame("trust".to_owned(), view).await;
    visit.framed(status, "trust.html", shown).await
}

/// Confirms the very files that were shown, by their hash.
pub(super) async fn confirm(visit: Visit, Form(fields): Form<Vec<(String, String)>>) -> Response {
    let fields: BTreeMap<String, String> = fields.into_iter().gather();
    let said = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let hash = said("hash");
    let is_ours = visit.is_nonce(&format!("trust {hash}"), &said("nonce"));
    if !is_ours || said("read").is_empty() {
        return show_trust(&visit, StatusCode::CONFLICT, Some("stop_old_form")).await;
    }
    let confirmed = visit.page.blocking(move |page| {
        let library = page.kit.config.library();
        // If the files changed in the meantime, their hash changed too.
        let is_same = library.layer().hash() == hash;
        is_same.then(|| library.confirm(&hash).map_err(|error| error.to_string()))
    });
    match confirmed.await {
        Ok(Some(Ok(()))) => Redirect::to(&visit.page.path("trust")).into_response(),
        Ok(Some(Err(why))) => {
            let error = Error::Setup {
                reason: format!("your word cannot be kept: {why}"),
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

/// A recorded prompt or answer, as the text that it is.
pub(super) async fn blob(visit: Visit, Path(digest): Path<String>) -> Response {
    let found = visit.page.blocking(move |page| page.indexed.text(&page.kit.log, &digest)).await;
    match found.and_then(|it| it) {
        Ok(Some(text)) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        Ok(None) => guard::bare(&visit.page, visit.visitor.look, StatusCode::NOT_FOUND, "unknown").await,
        Err(error) => visit.failed(&error).await,
    }
}

/// Adds a field to a view.
fn add(view: &mut Value, name: &str, value: Value) {
    if let Some(view) = view.as_object_mut() {
        view.insert(name.to_owned(), value);
    }
}

fn titled(mut list: Value, title: &str) -> Value {
    add(&mut list, "title", json!(title));
    list
}

/// The recorded texts of answers, by digest.
fn texts_of(
    page: &Page,
    of: impl FnOnce(&Index) -> Option<Vec<String>>,
) -> Result<BTreeMap<String, String>, Error> {
    let mut texts = BTreeMap::new();
    for digest in page.index(of)?.unwrap_or_default() {
        if let Some(text) = page.indexed.text(&page.kit.log, &digest)? {
            texts.insert(digest, text);
        }
    }
    Ok(texts)
}

fn unknown(kind: &'static str, name: &str) -> Error {
    Error::Unknown { kind, name: name.to_owned(), available: Vec::new() }
}
