//! Work that takes a thread (masking, parsing, files, the log), away from the one that answers calls.

use tokio::sync::oneshot;

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
    let call = tracing::Span::current();
    let (sender, receiver) = oneshot::channel();
    // The runtime's code for a task is compiled anew for every type of work, of which there are some
    // sixty here: boxed, all work is of one type, and the binary is smaller.
    let work: Box<dyn FnOnce() + Send> = Box::new(move || drop(sender.send(call.in_scope(work))));
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))?;
    receiver.await.map_err(|error| Error::Internal(error.to_string()))
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
