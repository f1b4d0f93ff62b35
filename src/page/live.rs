//! Live updates: one watcher of the log for all open streams, and none without an open stream.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::sync::watch::{Receiver, Sender};

use super::Page;

/// Interval at which the log is read while a stream is open. Other processes write to it, too.
const LOOK: Duration = Duration::from_millis(250);

/// Interval of a stream's sign of life; a page that hears nothing for 10 s says so.
const BEAT: Duration = Duration::from_secs(4);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Seen {
    /// Position of the last event.
    last: u64,
    /// Waiting requests.
    waiting: Vec<String>,
}

/// The watcher's findings.
pub(super) struct Watch {
    out: Sender<Seen>,
    /// True while a watcher runs: a reloaded tab may come before the last watcher has noticed that it is
    /// alone.
    is_running: AtomicBool,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self { out: Sender::new(Seen::default()), is_running: AtomicBool::new(false) }
    }

    pub(super) fn is_watched(&self) -> bool {
        self.out.receiver_count() > 0
    }

    /// Subscribes, and starts a watcher if none runs.
    fn listen(&self, page: &Page) -> Receiver<Seen> {
        let receiver = self.out.subscribe();
        if self.begins() {
            tokio::spawn(watch(page.clone()));
        }
        receiver
    }

    /// True for the caller that has to watch from now on.
    fn begins(&self) -> bool {
        !self.is_running.swap(true, Ordering::SeqCst)
    }

    /// True if nobody listens; the next listener then starts a watcher.
    fn is_over(&self) -> bool {
        if self.is_watched() {
            return false;
        }
        self.is_running.store(false, Ordering::SeqCst);
        !(self.is_watched() && self.begins())
    }
}

/// The state of the log; none if it cannot be read.
async fn look(page: &Page) -> Option<Seen> {
    let read = page.kit.log.journal().read(|history| Seen {
        last: history.last_seq,
        waiting: history.pending().map(|(_, request)| request.id.clone()).collect(),
    });
    read.await.inspect_err(|error| tracing::debug!(%error, "the log cannot be read for the page")).ok()
}

/// Watches the log until nobody listens.
async fn watch(page: Page) {
    let out = &page.watch.out;
    loop {
        if let Some(seen) = look(&page).await {
            out.send_if_modified(|known| {
                let last = std::mem::replace(known, seen);
                last != *known
            });
        }
        if page.watch.is_over() {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn told(seen: &Seen) -> Option<Event> {
    let data = serde_json::to_string(seen).ok()?;
    Some(Event::default().event("log").id(seen.last.to_string()).data(data))
}

/// The stream of a tab. Each event is the whole state, so that a reconnecting tab misses nothing.
pub(super) async fn events(State(page): State<Page>) -> Response {
    let receiver = page.watch.listen(&page);
    // The watcher's last state may be old: a request that this tab shows may be missing in it.
    let first = look(&page).await;
    let stop = page.stop.clone();
    let stream = unfold((first, receiver, stop), |(mut first, mut receiver, stop)| async move {
        let event = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            seen = async { first.take() }, if first.is_some() => told(&seen?)?,
            changed = receiver.changed() => {
                changed.ok()?;
                let seen = receiver.borrow_and_update().clone();
                told(&seen)?
            }
            () = tokio::time::sleep(BEAT) => Event::default().event("beat").data(""),
        };
        Some((Ok::<_, Infallible>(event), (first, receiver, stop)))
    });
    Sse::new(stream).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_watcher_runs_however_often_a_tab_is_loaded_anew() {
        let watch = Watch::new();
        let first = watch.out.subscribe();
        assert!(watch.begins());
        drop(first);
        // The next tab comes before the watcher has looked.
        let second = watch.out.subscribe();
        assert!(!watch.begins() && !watch.is_over());
        drop(second);
        assert!(watch.is_over());
        let _third = watch.out.subscribe();
        assert!(watch.begins() && !watch.is_over());
    }
}
