//! One line for several who are asked side by side: how many have answered, and who is waited for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::progress::Progress;

/// How often the line is said again while nothing changes.
const PAUSE: Duration = Duration::from_secs(1);

/// Several who are asked side by side.
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
    /// A watch over those of these names.
    #[must_use]
    pub fn over(progress: &Progress, names: impl IntoIterator<Item = String>) -> Arc<Self> {
        let seats = names.into_iter().map(|name| (name, Seat::Waiting)).collect();
        let state = State { begun: Instant::now(), seats, said: None };
        Arc::new(Self { progress: progress.clone(), state: Mutex::new(state) })
    }

    /// What each of them says comes to the one line of all.
    #[must_use]
    pub fn progress(self: &Arc<Self>) -> Progress {
        Progress::watched(Arc::clone(self))
    }

    /// One of them is through.
    pub fn done(&self, seat: usize, answered: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, now)) = state.seats.get_mut(seat) {
            *now = if answered { Seat::Answered } else { Seat::Failed };
        }
        state.said = Some(Instant::now());
        self.progress.say(&state.line());
    }

    /// One of them is at work.
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
        if !waiting.is_empty() {
            line.push_str(&format!("; waiting for {}", waiting.join(", ")));
        }
        line
    }
}
