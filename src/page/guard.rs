//! Checks every request to the page, and adds security headers to every answer.

use std::collections::BTreeMap;

use axum::extract::{Form, FromRequest, FromRequestParts, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::door::Visitor;
use super::look::Look;
use super::{Page, render, views};
use crate::domain::history::History;
use crate::domain::order::Gather;
use crate::error::Error;

/// The content security policy: only our own style, script and forms, and no frames.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const ALWAYS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    // Not `no-referrer`: with it a browser sends `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// Checks host and origin of each request, and adds the headers to each answer.
pub(super) async fn guard(State(page): State<Page>, request: Request, next: Next) -> Response {
    let is_link = request.uri().path() == format!("/{}/open", page.door.prefix());
    let mut response = match checked(&page, request.method(), request.uri(), request.headers(), is_link) {
        Ok(()) => next.run(request).await,
        Err(refused) => (refused, refused.to_string()).into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Checks host and origin exactly. Cookies ignore ports, so the page of another local server could send ours.
/// A link may be opened from anywhere, because its token protects it.
fn checked(
    page: &Page,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    is_link: bool,
) -> Result<(), StatusCode> {
    let ours = page.host.as_bytes();
    let is_told = only(headers, header::HOST.as_str()).is_ok_and(|host| host == Some(ours));
    // The request was sent to another name, which may be a foreign one that resolves to this machine.
    if !is_told || uri.authority().is_some_and(|asked| asked.as_str().as_bytes() != ours) {
        return Err(StatusCode::MISDIRECTED_REQUEST);
    }
    let is_read = method == Method::GET || method == Method::HEAD;
    let own = format!("http://{}", page.host);
    match only(headers, header::ORIGIN.as_str())? {
        Some(origin) if origin == own.as_bytes() => {}
        None if is_read => {}
        Some(_) | None => return Err(StatusCode::FORBIDDEN),
    }
    match only(headers, "sec-fetch-site")? {
        // Browsers before 2023 do not send this header; the check of the origin must do.
        None | Some(b"same-origin") => Ok(()),
        // The address was typed, or another program opened it.
        Some(b"none") if is_read => Ok(()),
        Some(_) if is_read && is_link => Ok(()),
        Some(_) => Err(StatusCode::FORBIDDEN),
    }
}

/// The value of a header that occurs at most once. With several, one could be checked and another used.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, StatusCode> {
    let mut all = headers.get_all(name).iter();
    let first = all.next().map(HeaderValue::as_bytes);
    if all.next().is_some() { Err(StatusCode::FORBIDDEN) } else { Ok(first) }
}

/// A page without a view, which says what happened and what to do.
pub(super) async fn bare(page: &Page, look: Look, status: StatusCode, kind: &str) -> Response {
    let shown = json!({ "kind": kind, "target": page.path("queue"), "base": page.base() });
    answer(status, "bare.html", look, shown).await
}

pub(super) async fn failed(page: &Page, look: Look, error: &Error) -> Response {
    let (status, kind) = match error {
        Error::Unknown { .. } => (StatusCode::NOT_FOUND, "unknown"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
    };
    let shown = json!({
        "kind": kind, "target": page.path("queue"), "base": page.base(), "error": error.to_string(), "hint": error.hint(),
    });
    answer(status, "bare.html", look, shown).await
}

/// Renders a template on a blocking thread.
pub(super) async fn answer(status: StatusCode, template: &'static str, look: Look, shown: Value) -> Response {
    let rendered = tokio::task::spawn_blocking(move || render::page(template, look, &shown)).await;
    match rendered {
        Ok(Ok(text)) => (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response(),
        Ok(Err(error)) => {
            tracing::error!(%error, "a view cannot be shown");
            (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a view cannot be shown");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The fields of a submitted form.
pub(super) struct Fields(pub(super) BTreeMap<String, String>);

impl FromRequest<Page> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, page: &Page) -> Result<Self, Response> {
        let look = request.extensions().get().map_or(page.look, |visitor: &Visitor| visitor.look);
        match Form::<Vec<(String, String)>>::from_request(request, page).await {
            Ok(Form(fields)) => Ok(Self(fields.into_iter().gather())),
            Err(refused) if refused.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(bare(page, look, refused.status(), "too_long").await)
            }
            Err(refused) => Err(refused.into_response()),
        }
    }
}

/// A request of an admitted visitor.
pub(super) struct Visit {
    pub(super) page: Page,
    pub(super) visitor: Visitor,
}

impl FromRequestParts<Page> for Visit {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, page: &Page) -> Result<Self, StatusCode> {
        let visitor = parts.extensions.get().copied().ok_or(StatusCode::FORBIDDEN)?;
        Ok(Self { page: page.clone(), visitor })
    }
}

impl Visit {
    /// The mark for a form of this visitor.
    pub(super) fn nonce(&self, purpose: &str) -> String {
        self.page.door.nonce(&self.visitor, purpose)
    }

    pub(super) fn is_nonce(&self, purpose: &str, said: &str) -> bool {
        self.page.door.is_nonce(&self.visitor, purpose, said)
    }

    /// Shows a view of the log's fold, inside the frame of every page.
    pub(super) async fn read(
        &self,
        status: StatusCode,
        template: &'static str,
        here: String,
        view: impl FnOnce(&History) -> Result<Value, Error> + Send + 'static,
    ) -> Response {
        let read = self.page.kit.log.journal().read(move |history| {
            let view = view(history)?;
            Ok((views::frame(history, &here), view))
        });
        match read.await.and_then(|shown| shown) {
            Ok((frame, view)) => {
                let shown = json!({
                    "frame": frame,
                    "base": self.page.base(),
                    "project": self.page.project(),
                    "prefs": self.nonce("prefs"),
                    "view": view,
                });
                answer(status, template, self.visitor.look, shown).await
            }
            Err(error) => self.failed(&error).await,
        }
    }

    pub(super) async fn failed(&self, error: &Error) -> Response {
        failed(&self.page, self.visitor.look, error).await
    }

    /// Shows a finished view.
    pub(super) async fn show(
        &self,
        status: StatusCode,
        template: &'static str,
        here: String,
        view: Result<Value, Error>,
    ) -> Response {
        self.read(status, template, here, |_| view).await
    }

    /// Makes a view on a blocking thread, and shows it.
    pub(super) async fn make(
        &self,
        template: &'static str,
        here: String,
        view: impl FnOnce(&Page) -> Result<Value, Error> + Send + 'static,
    ) -> Response {
        let view = self.page.blocking(view).await.and_then(|it| it);
        self.show(StatusCode::OK, template, here, view).await
    }
}
