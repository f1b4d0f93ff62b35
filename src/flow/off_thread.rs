//! Work that takes a thread (masking, parsing, files, the log), away from the one that answers calls.

use std::any::Any;

use crate::error::Error;

/// Does the work on a thread of its own while other calls go on. Its log lines belong to the call that
/// waits for it.
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
    let call = tracing::Span::current();
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
