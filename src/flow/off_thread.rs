//! Work that takes a thread (masking, parsing, files), away from the one that answers calls.

use crate::error::Error;

/// Does the work on a thread of its own while other calls go on. What it logs belongs to the call that
/// waits for it.
///
/// # Errors
///
/// The work panicked.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let call = tracing::Span::current();
    tokio::task::spawn_blocking(move || call.in_scope(work))
        .await
        .map_err(|error| Error::Internal(error.to_string()))
}
