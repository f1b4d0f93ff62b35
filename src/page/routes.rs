//! The routes of the page. Each request becomes a view or a decision.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;

use super::door::Visitor;
use super::guard::{Fields, Visit, answer, bare, failed, guard};
use super::views::decide::Filled;
use super::{Page, decision, live, looks, views};
use crate::domain::history::History;
use crate::domain::packed;
use crate::flow::breaker;

/// Maximum size of a form in bytes. Each of its fields takes 10,000 letters, and a Korean letter has nine bytes
/// in a form.
const MOST_FORM: usize = 1024 * 1024;

/// The static files of the page, with their media types.
const FILES: [(&str, &str); 3] = [
    ("page.css", "text/css; charset=utf-8"),
    ("page.js", "text/javascript; charset=utf-8"),
    ("icon.svg", "image/svg+xml"),
];

pub(super) fn routes(page: Page) -> Router {
    let inside = Router::new()
        .route("/queue", get(queue))
        .route("/decide/{id}", get(show).post(decide))
        .route("/runs", get(looks::runs))
        .route("/runs/{id}", get(looks::run))
        .route("/runs/{id}/stop", post(looks::stop))
        .route("/why/{id}", get(looks::why))
        .route("/compare", get(looks::compared))
        .route("/compare/{id}", get(looks::compare))
        .route("/votes", get(looks::votes))
        .route("/votes/{id}", get(looks::vote))
        .route("/threads", get(looks::threads))
        .route("/threads/{id}", get(looks::thread))
        .route("/reviews", get(looks::reviews))
        .route("/reviews/{id}", get(looks::review))
        .route("/jobs", get(looks::jobs))
        .route("/metrics", get(looks::metrics))
        .route("/trust", get(looks::trust).post(looks::confirm))
        .route("/blob/{digest}", get(looks::blob))
        .route("/events", get(live::events))
        .route("/prefs", post(prefs))
        .route_layer(from_fn_with_state(page.clone(), known));
    // A program that looks at an address by HEAD must not use its token up.
    let only_get = || async { (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET")]) };
    let mut all = inside.route("/open", get(open).head(only_get));
    for (name, kind) in FILES {
        let content = packed::text(&format!("src/page/templates/{name}")).unwrap_or_default();
        let file = move || async move { ([(header::CONTENT_TYPE, kind)], content) };
        all = all.route(&format!("/{name}"), get(file));
    }
    // An address without a place leads to the queue, which checks the visitor.
    let root = || async { Redirect::to("queue") };
    Router::new()
        .route(&format!("/{}/", page.door.prefix()), get(root))
        .nest(&format!("/{}", page.door.prefix()), all)
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(DefaultBodyLimit::max(MOST_FORM))
        .layer(from_fn_with_state(page.clone(), guard))
        .with_state(page)
}

fn visitor(page: &Page, headers: &HeaderMap) -> Option<Visitor> {
    headers.get_all(header::COOKIE).iter().find_map(|value| page.door.visitor(value.to_str().ok()?))
}

/// Admits only visitors with a cookie of this page.
async fn known(State(page): State<Page>, mut request: Request, next: Next) -> Response {
    match visitor(&page, request.headers()) {
        Some(visitor) => {
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        None => bare(&page, page.look, StatusCode::FORBIDDEN, "no_visitor").await,
    }
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    t: String,
}

/// Uses the token of a link. It answers with a page that leads to the target, not with a redirect: after a
/// redirect, a browser that came from a file or another program does not send a strict cookie.
async fn open(State(page): State<Page>, headers: HeaderMap, Query(token): Query<Token>) -> Response {
    match page.door.open(&token.t, page.look) {
        Ok(Some(opened)) => {
            let shown = json!({ "kind": "opened", "target": page.path(&opened.target), "base": page.base() });
            let cookie = page.door.set_cookie(&opened.cookie);
            let text = answer(StatusCode::OK, "bare.html", page.look, shown).await;
            ([(header::SET_COOKIE, cookie)], text).into_response()
        }
        Ok(None) => match (visitor(&page, &headers), page.door.led_to(&token.t)) {
            (Some(_), Some(target)) => Redirect::to(&page.path(&target)).into_response(),
            (Some(visitor), None) => bare(&page, visitor.look, StatusCode::FORBIDDEN, "used_known").await,
            (None, _) => bare(&page, page.look, StatusCode::FORBIDDEN, "used").await,
        },
        Err(error) => failed(&page, page.look, &error).await,
    }
}

async fn queue(visit: Visit) -> Response {
    let page = &visit.page;
    let now = page.now();
    let asks = page.blocking(|page| views::trust::is_asked(&page.kit.config)).await.unwrap_or(false);
    let spent = breaker::open(&page.kit.log).await;
    let queue = move |history: &History| Ok(views::queue::queue(history, now, asks, &spent));
    visit.read(StatusCode::OK, "queue.html", "queue".to_owned(), queue).await
}

async fn show(visit: Visit, Path(id): Path<String>) -> Response {
    decision::show(&visit, &id, StatusCode::OK, Filled::default()).await
}

async fn decide(visit: Visit, Path(id): Path<String>, Fields(fields): Fields) -> Response {
    decision::decide(&visit, &id, fields).await
}

async fn prefs(visit: Visit, Fields(fields): Fields) -> Response {
    let Visit { page, visitor } = &visit;
    let seal = fields.get("seal").map(String::as_str).unwrap_or_default();
    if !visit.is_nonce("prefs", seal) {
        return bare(page, visitor.look, StatusCode::FORBIDDEN, "old_form").await;
    }
    let look = fields.iter().fold(visitor.look, |look, (name, value)| look.choose(name, value));
    page.door.remember(visitor, look);
    // The form names the page that it was on. Only our own paths are accepted.
    let back = fields.get("here").filter(|path| is_own_path(path)).map_or("queue", String::as_str);
    Redirect::to(&page.path(back)).into_response()
}

fn is_own_path(path: &str) -> bool {
    let letter =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '/' | '-' | '_' | '?' | '=');
    !path.is_empty() && !path.starts_with('/') && !path.contains("//") && path.chars().all(letter)
}
