//! Work that takes a thread (masking, parsing, files), away from the one that answers calls.

use crate::error::Error;

/// Does the work on a thread of its own while other calls go on.
///
/// # Errors
///
/// The work panicked.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))
}
