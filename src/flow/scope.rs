//! The state of a call that all of its work can reach: its cancellation, its last message, and answers that
//! need not be paid for again. Also runs blocking work (masking, parsing, files, the log) on other threads,
//! so that the thread that answers calls stays free.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::runtime::Handle;
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
    /// Digest of the prompt.
    pub prompt: String,
    /// The answer, its secrets masked.
    pub text: String,
    /// The model that answered; empty if unknown.
    pub model: String,
    /// The conversation that it belongs to.
    pub thread: Option<String>,
}

/// The scope of a call.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Cancels the call.
    pub call: CancellationToken,
    /// Cancels also the work that outlives its call.
    pub all: CancellationToken,
    said: Arc<Mutex<String>>,
    is_detached: Arc<AtomicBool>,
    asks_spent: bool,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Scope {
    /// The same scope, with answers that need not be asked for again.
    pub fn with_arrived(self, arrived: Vec<Arrived>) -> Self {
        Self { arrived: Arc::new(Mutex::new(arrived)), ..self }
    }

    /// The same scope, for a person who names a provider: it is asked even if its limit is spent, since the
    /// person may have more quota.
    pub(crate) fn asking_spent(self) -> Self {
        Self { asks_spent: true, ..self }
    }

    /// True if providers with a spent limit are asked.
    pub(crate) fn asks_spent(&self) -> bool {
        self.asks_spent
    }

    /// The scope of the current call, if there is one.
    pub fn current() -> Option<Self> {
        SCOPE.try_with(Clone::clone).ok()
    }

    /// Runs work in this scope.
    pub async fn around<T>(self, work: impl Future<Output = T>) -> T {
        SCOPE.scope(self, work).await
    }

    /// Notes that the caller no longer waits.
    pub fn detach(&self) {
        self.is_detached.store(true, Ordering::Relaxed);
    }

    /// True if the caller no longer waits.
    pub fn is_detached(&self) -> bool {
        self.is_detached.load(Ordering::Relaxed)
    }

    /// Sets the call's current message.
    pub fn say(&self, message: &str) {
        message.clone_into(&mut self.said.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The call's last message; empty if there is none.
    pub fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes an answer of this provider to this very prompt, if one arrived. Each can be taken once.
    pub fn take_arrived(&self, provider: &str, prompt: &str) -> Option<Arrived> {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let at = arrived.iter().position(|one| one.provider == provider && one.prompt == prompt)?;
        Some(arrived.remove(at))
    }

    /// True if there is an answer to take.
    pub fn has_arrived(&self) -> bool {
        !self.arrived.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// Runs work on a thread of its own while other calls go on. Its log lines and its scope belong to the
/// waiting call.
///
/// # Errors
///
/// The work panicked.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let done = run(Box::new(move || Box::new(work()))).await?;
    let lost = |_| Error::Internal("the work returned a value of another type".to_owned());
    done.downcast().map(|done| *done).map_err(lost)
}

/// Work that another thread does meanwhile. If no thread has begun it, [`Self::join`] does it, so a lack of
/// threads delays it and loses nothing.
pub(super) struct Beside<T> {
    offered: Offered<T>,
    done: mpsc::Receiver<T>,
}

type Offered<T> = Arc<Mutex<Option<Box<dyn FnOnce() -> T + Send>>>>;

fn taken<T>(offered: &Offered<T>) -> Option<Box<dyn FnOnce() -> T + Send>> {
    offered.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Offers work to another thread while this one, which may block, does something else. A thread of the pool
/// takes it, because a new thread costs a quarter of a millisecond.
pub(super) fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Beside<T> {
    let call = tracing::Span::current();
    let offered: Offered<T> = Arc::new(Mutex::new(Some(Box::new(move || call.in_scope(work)))));
    let (send, done) = mpsc::channel();
    if let Ok(runtime) = Handle::try_current() {
        let offered = Arc::clone(&offered);
        drop(runtime.spawn_blocking(move || taken(&offered).map(|work| send.send(work()))));
    }
    Beside { offered, done }
}

impl<T> Beside<T> {
    /// Waits for the result, or does the work. Blocks.
    ///
    /// # Errors
    ///
    /// The work panicked on the other thread.
    pub(super) fn join(self) -> Result<T, Error> {
        match taken(&self.offered) {
            Some(work) => Ok(work()),
            None => self.done.recv().map_err(Error::internal),
        }
    }
}

/// Boxed work with a boxed result. Unboxed, the runner would be compiled for each of some two hundred types,
/// and the binary would be larger.
type Work = Box<dyn FnOnce() -> Box<dyn Any + Send> + Send>;

async fn run(work: Work) -> Result<Box<dyn Any + Send>, Error> {
    let (call, scope) = (tracing::Span::current(), Scope::current());
    let work = move || match scope {
        Some(scope) => SCOPE.sync_scope(scope, work),
        None => work(),
    };
    let done = tokio::task::spawn_blocking(move || call.in_scope(work)).await;
    done.map_err(Error::internal)
}

/// As [`off_thread`], for work that needs a shared handle and may fail.
///
/// # Errors
///
/// The error of the work, or it panicked.
pub(super) async fn off_thread_with<S: Clone + Send + 'static, T: Send + 'static>(
    shared: &S,
    work: impl FnOnce(&S) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let shared = shared.clone();
    off_thread(move || work(&shared)).await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_no_thread_took_is_done_by_the_caller() {
        assert_eq!(beside(|| 3).join().unwrap(), 3, "there is no runtime");
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let (release, held) = mpsc::channel::<()>();
        let busy = runtime.spawn_blocking(move || held.recv());
        let _inside = runtime.enter();
        assert_eq!(beside(|| 4).join().unwrap(), 4, "the only thread is busy");
        release.send(()).unwrap();
        runtime.block_on(busy).unwrap().unwrap();
        let caller = std::thread::current().id();
        let other = beside(move || std::thread::current().id());
        while other.offered.lock().unwrap().is_some() {
            std::thread::yield_now();
        }
        assert_ne!(other.join().unwrap(), caller);
        let failing = beside(|| panic!("as it should"));
        while failing.offered.lock().unwrap().is_some() {
            std::thread::yield_now();
        }
        let failed: Result<(), Error> = failing.join();
        assert_eq!(failed.unwrap_err().code(), "internal");
    }
}
