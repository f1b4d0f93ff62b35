//! `maestro-mcp watch`: the events of this project as they come.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use super::arguments::WatchOptions;
use super::terminal::{self, Kind, cut, pick, short};
use crate::domain::event::Event;
use crate::domain::label::label;
use crate::error::Error;
use crate::flow::session::Session;
use crate::flow::time::rfc3339;
use crate::host::human::harmless;
use crate::host::store::{EventStore as _, StoreError};

/// Interval at which the log is looked at. Other processes write it, and it tells nobody.
const PAUSE: Duration = Duration::from_millis(300);
/// Events that are in memory at the same time.
const PAGE: usize = 1_000;
/// Earlier events that are shown first.
const EARLIER: usize = 10;

/// Follows the log until the reader goes away or the process is ended.
pub(super) async fn run(session: &Session, options: &WatchOptions) -> Result<ExitCode, Error> {
    session.check_config()?;
    let run = match &options.run {
        None => None,
        Some(part) => {
            let ids = session
                .journal()
                .read(|history| history.runs().rev().map(|run| run.id.clone()).collect::<Vec<_>>());
            Some(pick(Kind("workflow"), &ids.await?, part)?)
        }
    };
    let store = session.store();
    let mut after = 0;
    let mut earlier = Vec::new();
    let mut first = true;
    loop {
        let page = store.read_since(after, run.as_deref(), PAGE)?;
        let whole = page.len() == PAGE;
        for stored in page {
            after = stored.seq;
            let event = Event::read(stored.seq, stored.run, stored.at, &stored.kind, &stored.body)
                .map_err(|error| StoreError::Corrupt { reason: error.to_string() })?;
            earlier.push(line(&event, options.json));
            if first && earlier.len() > EARLIER {
                earlier.remove(0);
            }
        }
        if whole {
            continue;
        }
        first = false;
        let mut out = io::stdout().lock();
        for line in earlier.drain(..) {
            if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                return Ok(ExitCode::SUCCESS);
            }
        }
        drop(out);
        tokio::time::sleep(PAUSE).await;
    }
}

fn line(event: &Event, as_json: bool) -> String {
    let label = label(&event.body);
    if as_json {
        return json!({
            "seq": event.seq, "at": rfc3339(event.at), "run": event.run, "id": event.id,
            "kind": label.kind, "who": label.who, "content": label.content,
        })
        .to_string();
    }
    let time: String = rfc3339(event.at).chars().skip(11).take(8).collect();
    let text = format!("{time}  {:12}  {}", short(&event.run), label.line());
    let text = if io::stdout().is_terminal() { harmless(&text) } else { text };
    cut(&text, terminal::width())
}
