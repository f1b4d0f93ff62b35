//! Live updates of the page. One watcher of the log serves all open streams; without a stream there is none.

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

/// Interval at which the log is read while a stream is open, because other processes write to it too.
const LOOK: Duration = Duration::from_millis(250);

/// Interval of a stream's heartbeat. A page shows a warning if nothing arrives for 10 s.
const BEAT: Duration = Duration::from_secs(4);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Seen {
    /// Position of the last event.
    last: u64,
    /// The ids of the waiting requests.
    waiting: Vec<String>,
}

/// The channel from the watcher to the streams.
pub(super) struct Watch {
    out: Sender<Seen>,
    /// True while a watcher runs. A reloaded tab may come before the watcher has noticed that it has no
    /// listeners.
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

    /// True if no watcher was running; the caller must then start one.
    fn begins(&self) -> bool {
        !self.is_running.swap(true, Ordering::SeqCst)
    }

    /// True if there is no listener, so that the watcher must end. The next listener starts another one.
    fn is_over(&self) -> bool {
        if self.is_watched() {
            return false;
        }
        self.is_running.store(false, Ordering::SeqCst);
        !(self.is_watched() && self.begins())
    }
}

/// The state of the log; None if it cannot be read.
async fn look(page: &Page) -> Option<Seen> {
    let read = page.kit.log.journal().read(|history| Seen {
        last: history.last_seq,
        waiting: history.pending().map(|(_, request)| request.id.clone()).collect(),
    });
    read.await.inspect_err(|error| tracing::debug!(%error, "the log cannot be read for the page")).ok()
}

/// Watches the log until there is no listener.
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

/// The heartbeat. Browsers drop an event without data, and then count the server as gone.
fn beat() -> Event {
    Event::default().event("beat").data("1")
}

/// The stream of a tab. Each event is the whole state, so that a reconnecting tab misses nothing.
pub(super) async fn events(State(page): State<Page>) -> Response {
    let receiver = page.watch.listen(&page);
    // The watcher's last state may be too old to contain a request that this tab shows.
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
            () = tokio::time::sleep(BEAT) => beat(),
        };
        Some((Ok::<_, Infallible>(event), (first, receiver, stop)))
    });
    Sse::new(stream).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_event_has_data_because_browsers_drop_one_without() {
        let log = told(&Seen { last: 7, waiting: vec!["a".to_owned()] }).unwrap();
        let both = futures_util::stream::iter([log, beat()].map(Ok::<_, Infallible>));
        let body = Sse::new(both).into_response().into_body();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let sent = String::from_utf8(bytes.to_vec()).unwrap();
        let events: Vec<&str> = sent.split_terminator("\n\n").collect();
        assert_eq!(events.len(), 2, "{sent:?}");
        for event in events {
            let has_data =
                event.lines().any(|line| line.strip_prefix("data:").is_some_and(|it| !it.is_empty()));
            assert!(has_data, "{event:?}");
        }
    }

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
