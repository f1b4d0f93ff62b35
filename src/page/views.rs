//! The views of the page. Each turns the fold of the log into plain values for its template.

pub(super) mod compare;
pub(super) mod decide;
pub(super) mod metrics;
pub(super) mod parts;
pub(super) mod queue;
pub(super) mod reviews;
pub(super) mod run;
pub(super) mod threads;
pub(super) mod trust;
pub(super) mod vote;
pub(super) mod why;

use serde_json::{Value, json};

use crate::domain::history::History;

/// The views in the menu of every page: path, name of the text, and the key after `g`.
pub(super) const VIEWS: [(&str, &str, &str); 8] = [
    ("queue", "queue", "q"),
    ("runs", "run", "r"),
    ("compare", "compare", "c"),
    ("votes", "vote", "v"),
    ("threads", "threads", "t"),
    ("reviews", "reviews", "w"),
    ("jobs", "jobs", "j"),
    ("metrics", "metrics", "m"),
];

/// The values for the frame of every page.
pub(super) fn frame(history: &History, here: &str) -> Value {
    let view = here.split(['/', '?']).next().unwrap_or_default();
    let views: Vec<Value> = VIEWS
        .iter()
        .map(|(path, word, key)| json!({ "path": path, "word": word, "key": key, "is_here": *path == view }))
        .collect();
    json!({
        "views": views,
        "here": here,
        "waiting": history.pending().count(),
        "last": history.last_seq,
    })
}
