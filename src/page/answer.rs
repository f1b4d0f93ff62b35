//! Answers to a browser: a view in its frame, or a page that says what happened.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::door::Visitor;
use super::look::Look;
use super::{Page, render};
use crate::error::Error;

/// A page without a view: what happened, and what to do.
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

/// Renders on a thread that may take its time.
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

/// A view inside the frame that all have.
pub(super) async fn framed(
    page: &Page,
    visitor: &Visitor,
    status: StatusCode,
    template: &'static str,
    shown: Result<(Value, Value), Error>,
) -> Response {
    match shown {
        Ok((frame, view)) => {
            let shown = json!({
                "frame": frame,
                "base": page.base(),
                "project": page.project(),
                "prefs": page.door().nonce(visitor, "prefs"),
                "view": view,
            });
            answer(status, template, visitor.look, shown).await
        }
        Err(error) => failed(page, visitor.look, &error).await,
    }
}
