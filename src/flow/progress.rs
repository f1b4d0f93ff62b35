//! Progress messages for a waiting caller.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

/// Takes the messages of a flow about its progress. Sending one never waits and never fails.
#[derive(Clone, Debug)]
pub struct Progress {
    sender: Option<mpsc::UnboundedSender<String>>,
    label: String,
    /// Set if several providers are asked side by side: their messages become one line about all of them.
    watch: Option<Arc<Watch>>,
}

impl Progress {
    /// A progress with a receiver.
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender: Some(sender), label: String::new(), watch: None }, receiver)
    }

    /// A progress without a receiver.
    pub fn silent() -> Self {
        Self { sender: None, label: String::new(), watch: None }
    }

    /// The same progress, with a label before every message.
    pub fn labelled(&self, label: &str) -> Self {
        Self { sender: self.sender.clone(), label: format!("{label}: "), watch: self.watch.clone() }
    }

    /// The progress of one of several that are watched together.
    fn watched(watch: Arc<Watch>) -> Self {
        Self { sender: None, label: String::new(), watch: Some(watch) }
    }

    /// Says something.
    pub fn say(&self, message: &str) {
        if let Some(watch) = &self.watch {
            watch.tick();
        }
        if let Some(sender) = &self.sender {
            // It is not this flow's concern if the listener is gone.
            let _ = sender.send(format!("{}{message}", self.label));
        }
    }
}

/// Interval at which the line is repeated if nothing changes.
const PAUSE: Duration = Duration::from_secs(1);

/// Names in the line: a client shows one row.
const MOST_NAMED: usize = 6;

/// The progress of several that are asked side by side.
#[derive(Debug)]
pub struct Watch {
    progress: Progress,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    begun: Instant,
    seats: Vec<(String, Seat)>,
    said: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seat {
    Waiting,
    Answered,
    Failed,
}

impl Watch {
    /// A watch over the named providers.
    pub fn over(progress: &Progress, names: impl IntoIterator<Item = String>) -> Arc<Self> {
        let seats = names.into_iter().map(|name| (name, Seat::Waiting)).collect();
        let state = State { begun: Instant::now(), seats, said: None };
        Arc::new(Self { progress: progress.clone(), state: Mutex::new(state) })
    }

    /// The progress for one of them.
    pub fn progress(self: &Arc<Self>) -> Progress {
        Progress::watched(Arc::clone(self))
    }

    /// Notes that one of them has finished.
    pub fn done(&self, seat: usize, answered: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, now)) = state.seats.get_mut(seat) {
            *now = if answered { Seat::Answered } else { Seat::Failed };
        }
        state.said = Some(Instant::now());
        self.progress.say(&state.line());
    }

    /// Notes that one of them is working, and repeats the line if it is due.
    pub fn tick(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.said.is_none_or(|said| said.elapsed() >= PAUSE) {
            state.said = Some(Instant::now());
            self.progress.say(&state.line());
        }
    }
}

impl State {
    fn line(&self) -> String {
        let count = |wanted| self.seats.iter().filter(|(_, seat)| *seat == wanted).count();
        let failed = count(Seat::Failed);
        let mut line = format!("{} of {} answered", count(Seat::Answered), self.seats.len());
        if failed > 0 {
            line.push_str(&format!(", {failed} failed"));
        }
        let seconds = self.begun.elapsed().as_secs();
        let waiting = self.seats.iter().filter(|(_, seat)| *seat == Seat::Waiting);
        let waiting: Vec<String> = waiting.map(|(name, _)| format!("{name} {seconds} s")).collect();
        let (named, more) = waiting.split_at(waiting.len().min(MOST_NAMED));
        if !named.is_empty() {
            line.push_str(&format!("; waiting for {}", named.join(", ")));
        }
        if !more.is_empty() {
            line.push_str(&format!(" and {} more", more.len()));
        }
        line
    }
}
