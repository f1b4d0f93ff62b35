//! The views that one only looks at, and the two small forms among them: ending a run, and trusting
//! the project's own files.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::door::Visitor;
use super::{Page, guard, views};
use crate::domain::measure::tally::Scope;
use crate::domain::order::Gather;
use crate::error::Error;
use crate::flow::breaker;
use crate::flow::metrics::report;
use crate::flow::workflow::stop as end;

type Visit = Extension<Visitor>;

pub(super) async fn runs(State(page): State<Page>, Extension(visitor): Visit) -> Response {
    let now = page.now();
    let read = page
        .kit()
        .log
        .journal()
        .read(move |history| (views::frame(history, "runs"), views::queue::runs(history, now)));
    guard::framed(&page, &visitor, StatusCode::OK, "list.html", read.await).await
}

pub(super) async fn run(
    State(page): State<Page>,
    Extension(visitor): Visit,
    Path(id): Path<String>,
) -> Response {
    show_run(&page, &visitor, id, StatusCode::OK, None).await
}

async fn show_run(
    page: &Page,
    visitor: &Visitor,
    id: String,
    status: StatusCode,
    problem: Option<&'static str>,
) -> Response {
    let shown = run_of(page, visitor, id, problem).await;
    guard::framed(page, visitor, status, "run.html", shown).await
}

async fn run_of(
    page: &Page,
    visitor: &Visitor,
    id: String,
    problem: Option<&'static str>,
) -> Result<(Value, Value), Error> {
    let kit = page.kit();
    let (log, project) = (kit.log.clone(), kit.project.clone());
    let (now, limits) = (page.now(), kit.config.limits());
    let nonce = page.door().nonce(visitor, &format!("stop {id}"));
    let indexed = Arc::clone(page.indexed());
    let read = kit.log.journal().read(move |history| {
        let Some(run) = history.run(&id) else { return Err(unknown("run", &id)) };
        let mut view =
            indexed.read(&log, |index| views::run::run(&project, history, run, index, limits, now))?;
        if let Some(view) = view.as_object_mut() {
            view.insert("nonce".to_owned(), json!(nonce));
            view.insert("problem".to_owned(), json!(problem));
        }
        Ok((views::frame(history, &format!("runs/{id}")), view))
    });
    read.await?
}

/// Ends a run; that needs words.
pub(super) async fn stop(
    State(page): State<Page>,
    Extension(visitor): Visit,
    Path(id): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let fields: BTreeMap<String, String> = fields.into_iter().gather();
    let said = |name: &str| fields.get(name).map(|text| text.trim()).unwrap_or_default();
    if !page.door().is_nonce(&visitor, &format!("stop {id}"), said("nonce")) {
        return show_run(&page, &visitor, id, StatusCode::CONFLICT, Some("stop_old_form")).await;
    }
    let why = said("why").split_whitespace().collect::<Vec<_>>().join(" ");
    if why.is_empty() {
        return show_run(&page, &visitor, id, StatusCode::UNPROCESSABLE_ENTITY, Some("stop_needs_words"))
            .await;
    }
    match end(&page.kit().config, &page.kit().log, &id, why).await {
        // One that has ended meanwhile is shown as it is.
        Ok(_) | Err(Error::Workflow(_)) => Redirect::to(&page.path(&format!("runs/{id}"))).into_response(),
        Err(error) => guard::failed(&page, visitor.look, &error).await,
    }
}

pub(super) async fn why(
    State(page): State<Page>,
    Extension(visitor): Visit,
    Path(id): Path<String>,
) -> Response {
    let here = format!("why/{id}");
    let now = page.now().at;
    let found = page.blocking(move |page| {
        page.indexed().read(&page.kit().log, |index| {
            views::why::why(index, &id, now).ok_or_else(|| unknown("event", &id))
        })
    });
    let shown = with_frame(&page, here, flat(found.await)).await;
    guard::framed(&page, &visitor, StatusCode::OK, "why.html", shown).await
}

pub(super) async fn compared(State(page): State<Page>, Extension(visitor): Visit) -> Response {
    let now = page.now().at;
    let found = page.blocking(move |page| {
        let list = page.kit().log.journal().read_now(|history| {
            page.indexed().read(&page.kit().log, |index| views::compare::list(history, index, now))
        });
        list?.map(|list| titled(list, "compare"))
    });
    let shown = with_frame(&page, "compare".to_owned(), found.await.and_then(|it| it)).await;
    guard::framed(&page, &visitor, StatusCode::OK, "list.html", shown).await
}

pub(super) async fn compare(
    State(page): State<Page>,
    Extension(visitor): Visit,
    Path(id): Path<String>,
) -> Response {
    let here = format!("compare/{id}");
    let found = page.blocking(move |page| {
        let texts = texts_of(page, &id, |index, id| {
            let found = index.ensembles.iter().find(|it| it.id == id);
            found.map(|it| it.samples.iter().filter_map(|one| one.response.clone()).collect())
        })?;
        let text = |digest: &str| texts.get(digest).cloned();
        let view = page.kit().log.journal().read_now(|history| {
            page.indexed().read(&page.kit().log, |index| {
                views::compare::one(&page.kit().project, history, index, &text, &id)
            })
        })??;
        view.ok_or_else(|| unknown("comparison", &id))
    });
    let shown = with_frame(&page, here, found.await.and_then(|it| it)).await;
    guard::framed(&page, &visitor, StatusCode::OK, "compare.html", shown).await
}

pub(super) async fn votes(State(page): State<Page>, Extension(visitor): Visit) -> Response {
    let now = page.now().at;
    let found = page.blocking(move |page| {
        let digests = page.indexed().read(&page.kit().log, |index| {
            let open = index.open_votes(0);
            let open = open.iter().flat_map(|(_, samples)| samples);
            open.filter_map(|one| one.response.clone()).collect::<Vec<_>>()
        })?;
        let texts = texts_by(page, digests)?;
        let text = |digest: &str| texts.get(digest).cloned();
        page.indexed().read(&page.kit().log, |index| titled(views::vote::list(index, &text, now), "votes"))
    });
    let shown = with_frame(&page, "votes".to_owned(), found.await.and_then(|it| it)).await;
    guard::framed(&page, &visitor, StatusCode::OK, "list.html", shown).await
}

pub(super) async fn vote(
    State(page): State<Page>,
    Extension(visitor): Visit,
    Path(id): Path<String>,
) -> Response {
    let (here, now) = (format!("votes/{id}"), page.now().at);
    let found = page.blocking(move |page| {
        let texts = texts_of(page, &id, |index, id| {
            let found = index.votes.iter().find(|it| it.id == id);
            found.map(|it| it.samples.iter().filter_map(|one| one.response.clone()).collect())
        })?;
        let text = |digest: &str| texts.get(digest).cloned();
        let view = page.indexed().read(&page.kit().log, |index| views::vote::one(index, &text, &id, now))?;
        view.ok_or_else(|| unknown("vote", &id))
    });
    let shown = with_frame(&page, here, found.await.and_then(|it| it)).await;
    guard::framed(&page, &visitor, StatusCode::OK, "vote.html", shown).await
}

pub(super) async fn threads(State(page): State<Page>, Extension(visitor): Visit) -> Response {
    let now = page.now().at;
    let read = page
        .kit()
        .log
        .journal()
        .read(move |history| (views::frame(history, "threads"), views::threads::list(history, now)));
    guard::framed(&page, &visitor, StatusCode::OK, "list.html", read.await).await
}

pub(super) async fn thread(
    State(page): State<Page>,
    Extension(visitor): Visit,
    Path(id): Path<String>,
) -> Response {
    let here = format!("threads/{id}");
    let shown = with_frame(&page, here, thread_of(&page, &id).await).await;
    guard::framed(&page, &visitor, StatusCode::OK, "thread.html", shown).await
}

async fn thread_of(page: &Page, id: &str) -> Result<Value, Error> {
    let (wanted, now) = (id.to_owned(), page.now().at);
    let found = page.kit().log.journal().read(move |history| history.threads().get(&wanted).cloned());
    let thread = found.await?.ok_or_else(|| unknown("thread", id))?;
    let places = thread.turns.iter().map(|turn| turn.seq).collect();
    let events = page.kit().log.journal().events_at(places).await?;
    page.blocking(move |page| views::threads::one(&page.kit().project, &thread, &events, now)).await
}

pub(super) async fn reviews(State(page): State<Page>, Extension(visitor): Visit) -> Response {
    let now = page.now().at;
    let found = page
        .blocking(move |page| page.indexed().read(&page.kit().log, |index| views::reviews::list(index, now)));
    let shown = with_frame(&page, "reviews".to_owned(), found.await.and_then(|it| it)).await;
    guard::framed(&page, &visitor, StatusCode::OK, "list.html", shown).await
}

pub(super) async fn review(
    State(page): State<Page>,
    Extension(visitor): Visit,
    Path(id): Path<String>,
) -> Response {
    let (here, now) = (format!("reviews/{id}"), page.now().at);
    let found = page.blocking(move |page| {
        let view = page.indexed().read(&page.kit().log, |index| views::reviews::one(index, &id, now))?;
        view.ok_or_else(|| unknown("review", &id))
    });
    let shown = with_frame(&page, here, found.await.and_then(|it| it)).await;
    guard::framed(&page, &visitor, StatusCode::OK, "review.html", shown).await
}

pub(super) async fn jobs(State(page): State<Page>, Extension(visitor): Visit) -> Response {
    let now = page.now().at;
    let spent = breaker::open(&page.kit().log).await;
    let found = page.jobs().list().await.map(|jobs| views::jobs::list(&jobs, &spent, now));
    let shown = with_frame(&page, "jobs".to_owned(), found).await;
    guard::framed(&page, &visitor, StatusCode::OK, "jobs.html", shown).await
}

#[derive(Deserialize)]
pub(super) struct OfRun {
    run: Option<String>,
    days: Option<u32>,
}

pub(super) async fn metrics(
    State(page): State<Page>,
    Extension(visitor): Visit,
    Query(of): Query<OfRun>,
) -> Response {
    let kit = page.kit().clone();
    let read = page.kit().log.journal().read(move |history| {
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
        let report = report(&kit, history, scope);
        Ok((views::frame(history, "metrics"), views::metrics::metrics(history, &report, run, days)))
    });
    let shown = read.await.and_then(|it| it);
    guard::framed(&page, &visitor, StatusCode::OK, "metrics.html", shown).await
}

pub(super) async fn trust(State(page): State<Page>, Extension(visitor): Visit) -> Response {
    show_trust(&page, &visitor, StatusCode::OK, None).await
}

async fn show_trust(
    page: &Page,
    visitor: &Visitor,
    status: StatusCode,
    problem: Option<&'static str>,
) -> Response {
    let found = page.blocking(|page| views::trust::trust(&page.kit().config)).await;
    let view = found.map(|mut view| {
        let hash = view.get("hash").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(view) = view.as_object_mut() {
            view.insert("nonce".to_owned(), json!(page.door().nonce(visitor, &format!("trust {hash}"))));
            view.insert("problem_kind".to_owned(), json!(problem));
        }
        view
    });
    let shown = with_frame(page, "trust".to_owned(), view).await;
    guard::framed(page, visitor, status, "trust.html", shown).await
}

/// Confirms the very files that were shown, by their hash.
pub(super) async fn confirm(
    State(page): State<Page>,
    Extension(visitor): Visit,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let fields: BTreeMap<String, String> = fields.into_iter().gather();
    let said = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let hash = said("hash");
    let is_ours = page.door().is_nonce(&visitor, &format!("trust {hash}"), &said("nonce"));
    if !is_ours || said("read").is_empty() {
        return show_trust(&page, &visitor, StatusCode::CONFLICT, Some("stop_old_form")).await;
    }
    let confirmed = page.blocking(move |page| {
        let library = page.kit().config.library();
        // If the files changed in the meantime, their hash changed too.
        let is_same = library.layer().hash() == hash;
        is_same.then(|| library.confirm(&hash).map_err(|error| error.to_string()))
    });
    match confirmed.await {
        Ok(Some(Ok(()))) => Redirect::to(&page.path("trust")).into_response(),
        Ok(Some(Err(why))) => {
            let error = Error::Setup {
                reason: format!("your word cannot be kept: {why}"),
                hint:
                    "Make your own configuration directory writable (MAESTRO_HOME, else ~/.config/maestro)."
                        .to_owned(),
            };
            guard::failed(&page, visitor.look, &error).await
        }
        Ok(None) => show_trust(&page, &visitor, StatusCode::CONFLICT, Some("trust_other")).await,
        Err(error) => guard::failed(&page, visitor.look, &error).await,
    }
}

/// A recorded prompt or answer, as the text that it is.
pub(super) async fn blob(
    State(page): State<Page>,
    Extension(visitor): Visit,
    Path(digest): Path<String>,
) -> Response {
    let found = page.blocking(move |page| page.indexed().text(&page.kit().log, &digest)).await;
    match found.and_then(|it| it) {
        Ok(Some(text)) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        Ok(None) => guard::bare(&page, visitor.look, StatusCode::NOT_FOUND, "unknown").await,
        Err(error) => guard::failed(&page, visitor.look, &error).await,
    }
}

async fn with_frame(page: &Page, here: String, view: Result<Value, Error>) -> Result<(Value, Value), Error> {
    let view = view?;
    let frame = page.kit().log.journal().read(move |history| views::frame(history, &here)).await?;
    Ok((frame, view))
}

fn flat<T>(nested: Result<Result<Result<T, Error>, Error>, Error>) -> Result<T, Error> {
    nested.and_then(|it| it).and_then(|it| it)
}

fn titled(mut list: Value, title: &str) -> Value {
    if let Some(list) = list.as_object_mut() {
        list.insert("title".to_owned(), json!(title));
    }
    list
}

/// The recorded texts of an event's answers, by digest.
fn texts_of(
    page: &Page,
    id: &str,
    of: impl FnOnce(&super::index::Index, &str) -> Option<Vec<String>>,
) -> Result<BTreeMap<String, String>, Error> {
    let digests = page.indexed().read(&page.kit().log, |index| of(index, id))?.unwrap_or_default();
    texts_by(page, digests)
}

fn texts_by(page: &Page, digests: Vec<String>) -> Result<BTreeMap<String, String>, Error> {
    let mut texts = BTreeMap::new();
    for digest in digests {
        if let Some(text) = page.indexed().text(&page.kit().log, &digest)? {
            texts.insert(digest, text);
        }
    }
    Ok(texts)
}

fn unknown(kind: &'static str, name: &str) -> Error {
    Error::Unknown { kind, name: name.to_owned(), available: Vec::new() }
}
