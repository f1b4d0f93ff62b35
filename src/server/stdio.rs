//! Serving on standard input and output until the client goes away or a signal comes.

use rmcp::ServiceExt as _;
use rmcp::service::ServerInitializeError;
use rmcp::transport::io::stdio_pipes;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Maestro;
use super::wire::{MAX_LINE, Wire};
use crate::error::Error;
use crate::flow::session::Session;

/// Serves until the end of input, SIGINT or SIGTERM. Every child is gone when this returns, within
/// 100 milliseconds of the end.
///
/// # Errors
///
/// The signals cannot be listened to, or the first exchange with the client fails.
pub async fn serve(session: Session) -> Result<(), Error> {
    let internal = |error: std::io::Error| Error::Internal(error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(internal)?;
    let stop = CancellationToken::new();
    let supervisor = session.supervisor().clone();
    let server = Maestro::new(session, stop.clone());
    let served = tokio::select! {
        served = until_end_of_input(server, stop.clone()) => served,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    stop.cancel();
    supervisor.shutdown().await;
    served
}

async fn until_end_of_input(server: Maestro, stop: CancellationToken) -> Result<(), Error> {
    let (reader, writer) = stdio_pipes();
    match server.serve(Wire::new(reader, writer, MAX_LINE, stop)).await {
        Ok(running) => running.waiting().await.map(drop).map_err(|error| Error::Internal(error.to_string())),
        // A client that only asks what there is (a health check) leaves before its first request.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => Ok(()),
        Err(error) => Err(Error::Internal(error.to_string())),
    }
}
