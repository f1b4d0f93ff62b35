//! Serves on standard input and output until the client leaves or a signal comes.

use std::time::{Duration, Instant};

use rmcp::service::ServerInitializeError;
use rmcp::transport::io::stdio_pipes;
use rmcp::{ServerHandler, ServiceExt as _};
use tokio::signal::unix::{SignalKind, signal};

use super::Maestro;
use super::wire::{Ends, MAX_LINE, Wire};
use crate::error::Error;
use crate::flow::kit::Kit;

/// Time that a client has to read the last replies after it has closed its end.
const LAST_REPLIES: Duration = Duration::from_millis(20);

/// Maximum time for interrupted stages to record their end. Their consults fail at once, so this takes
/// milliseconds, and no time if no stage is running.
const LAST_EVENTS: Duration = Duration::from_secs(1);

/// Serves until the end of input, SIGINT or SIGTERM. Jobs that still run after the end of input are finished
/// first. When this returns, within 100 milliseconds after that, every child process is gone.
///
/// # Errors
///
/// The signals cannot be received, or the first exchange with the client fails.
pub async fn serve(kit: Kit) -> Result<(), Error> {
    kit.processes.serve();
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    let ends = Ends::default();
    let (supervisor, background) = (kit.processes.supervisor().clone(), kit.processes.background().clone());
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        project = kit.project.root().display().to_string(),
        pid = std::process::id(),
        "started"
    );
    let begun = Instant::now();
    let server = Maestro::new(kit, ends.input.clone(), ends.reasons.clone());
    let (jobs, jobs_stop) = (server.jobs().clone(), server.inner.jobs_stop.clone());
    let (served, why) = tokio::select! {
        served = until_end_of_input(server.clone(), ends.clone()) => {
            let why = if served.is_ok() { "end of input" } else { "the first exchange failed" };
            (served, why)
        }
        _ = interrupt.recv() => (Ok(()), "SIGINT"),
        _ = terminate.recv() => (Ok(()), "SIGTERM"),
        () = nobody_listens(&ends) => {
            let why = if ends.output.is_cancelled() { "the client reads no replies" } else { "end of input" };
            (Ok(()), why)
        }
    };
    let seconds = begun.elapsed().as_secs();
    tracing::info!(why, calls = server.calls_so_far(), seconds, "shutting down");
    drop(server);
    ends.input.cancel();
    // A client that only closes its end leaves its jobs running. A signal stops them.
    if matches!(why, "end of input" | "the client reads no replies") && jobs.count() > 0 {
        tracing::info!(jobs = jobs.count(), "the client has left; jobs go on");
        tokio::select! {
            () = jobs.all_ended() => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
    drop(jobs);
    jobs_stop.cancel();
    supervisor.shutdown().await;
    background.close();
    if tokio::time::timeout(LAST_EVENTS, background.wait()).await.is_err() {
        tracing::warn!("a stage is left to the next server: its end is not in the log");
    }
    tracing::info!("stopped");
    served
}

/// Serves another handler on the same transport until the end of input, for conformance tests with handlers
/// that the real server does not have.
///
/// # Errors
///
/// The first exchange with the client fails.
pub async fn serve_handler(handler: impl ServerHandler) -> Result<(), Error> {
    let ends = Ends::default();
    tokio::select! {
        served = until_end_of_input(handler, ends.clone()) => served,
        () = nobody_listens(&ends) => Ok(()),
    }
}

/// Waits until the client reads no more replies, or has left and had time to read the last ones.
async fn nobody_listens(ends: &Ends) {
    let left = async {
        ends.input.cancelled().await;
        tokio::time::sleep(LAST_REPLIES).await;
    };
    tokio::select! {
        () = ends.output.cancelled() => {}
        () = left => {}
    }
}

async fn until_end_of_input(server: impl ServerHandler, ends: Ends) -> Result<(), Error> {
    let (reader, writer) = stdio_pipes();
    let nobody_listens = ends.output.clone();
    match server.serve(Wire::new(reader, writer, MAX_LINE, ends)).await {
        Ok(running) => running.waiting().await.map(drop).map_err(Error::internal),
        // A health check may leave before its first request.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => Ok(()),
        Err(_) if nobody_listens.is_cancelled() => Ok(()),
        // The text of this error would contain the whole request with its secrets.
        Err(ServerInitializeError::ExpectedInitializeRequest(_)) => {
            Err(Error::Internal("the client's first request is not `initialize`".to_owned()))
        }
        Err(error) => Err(Error::internal(error)),
    }
}
