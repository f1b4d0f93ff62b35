//! State of a call that its work can reach anywhere: whether it is to end, what it says meanwhile,
//! and which answers it need not pay for again. And work that takes a thread (masking, parsing, files, the
//! log), away from the one that answers calls.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::error::Error;

tokio::task_local! {
    static SCOPE: Scope;
}

/// An answer that arrived in a job whose server is gone.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The id of its consult in the log.
    pub consult: String,
    pub provider: String,
    /// The digest of the prompt.
    pub prompt: String,
    /// The answer, its secrets masked.
    pub text: String,
    /// The model that answered; empty where nobody told.
    pub model: String,
    /// The conversation that it is a turn of.
    pub thread: Option<String>,
}

/// The scope of a call.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Ends the call.
    pub call: CancellationToken,
    /// Ends also work that outlives its call.
    pub all: CancellationToken,
    said: Arc<Mutex<String>>,
    is_detached: Arc<AtomicBool>,
    asks_spent: bool,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Scope {
    /// The same with answers that need not be asked for again.
    pub fn with_arrived(self, arrived: Vec<Arrived>) -> Self {
        Self { arrived: Arc::new(Mutex::new(arrived)), ..self }
    }

    /// The same for a person who asks a provider by name: also one whose limit is spent, since they may have got more.
    pub(crate) fn asking_spent(self) -> Self {
        Self { asks_spent: true, ..self }
    }

    /// True if also a provider is asked whose limit is spent.
    pub(crate) fn asks_spent(&self) -> bool {
        self.asks_spent
    }

    /// The scope of the call that is worked on here, if it has one.
    pub fn current() -> Option<Self> {
        SCOPE.try_with(Clone::clone).ok()
    }

    /// Does some work in this scope.
    pub async fn around<T>(self, work: impl Future<Output = T>) -> T {
        SCOPE.scope(self, work).await
    }

    /// Its caller waits no more.
    pub fn detach(&self) {
        self.is_detached.store(true, Ordering::Relaxed);
    }

    /// True if its caller waits no more.
    pub fn is_detached(&self) -> bool {
        self.is_detached.load(Ordering::Relaxed)
    }

    /// Notes what it does at the moment.
    pub fn say(&self, message: &str) {
        message.clone_into(&mut self.said.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Returns what it said last; empty where it said nothing yet.
    pub fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes an answer to this very prompt by this provider, if one arrived: each once.
    pub fn take_arrived(&self, provider: &str, prompt: &str) -> Option<Arrived> {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let at = arrived.iter().position(|one| one.provider == provider && one.prompt == prompt)?;
        Some(arrived.remove(at))
    }

    /// True if there is any answer to take.
    pub fn has_arrived(&self) -> bool {
        !self.arrived.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// Does the work on a thread of its own while other calls go on. Its log lines and its scope belong to
/// the call that waits for it.
///
/// # Errors
///
/// The work panicked.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let done = run(Box::new(move || Box::new(work()))).await?;
    let lost = |_| Error::Internal("the work came to another result than it should".to_owned());
    done.downcast().map(|done| *done).map_err(lost)
}

/// Work and its result. What runs it would be compiled anew for every type of them, of which there are some
/// two hundred here: boxed, all are of one type, and the binary is smaller.
type Work = Box<dyn FnOnce() -> Box<dyn Any + Send> + Send>;

async fn run(work: Work) -> Result<Box<dyn Any + Send>, Error> {
    let (call, scope) = (tracing::Span::current(), Scope::current());
    let work = move || match scope {
        Some(scope) => SCOPE.sync_scope(scope, work),
        None => work(),
    };
    let done = tokio::task::spawn_blocking(move || call.in_scope(work)).await;
    done.map_err(|error| Error::Internal(error.to_string()))
}

/// The same for work that needs a shared handle and may fail.
///
/// # Errors
///
/// Those of the work, or it panicked.
pub(super) async fn off_thread_with<S: Clone + Send + 'static, T: Send + 'static>(
    shared: &S,
    work: impl FnOnce(&S) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let shared = shared.clone();
    off_thread(move || work(&shared)).await?
}
