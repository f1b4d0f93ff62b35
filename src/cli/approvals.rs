//! `maestro-mcp approvals`: the requests that wait for a decision, their reports, and deciding.

mod decide;
mod list;
mod questions;
mod show;

use std::process::ExitCode;

use super::arguments::{ApprovalsCommand, ApprovalsOptions};
use super::pick::{Kind, pick};
use crate::domain::event::approval::Decision;
use crate::error::Error;
use crate::flow::approval::decide::{Reviewed, find};
use crate::flow::session::Session;

pub(super) async fn run(session: &Session, options: ApprovalsOptions) -> Result<ExitCode, Error> {
    match options.command {
        None => list::run(session, options.all, options.json).await,
        Some(ApprovalsCommand::Show(show)) => show::run(session, &show).await,
        Some(ApprovalsCommand::Approve(said)) => decide::run(session, Decision::Approve, said.into()).await,
        Some(ApprovalsCommand::Revise(said)) => decide::run(session, Decision::Revise, said.into()).await,
        Some(ApprovalsCommand::Reject(said)) => decide::run(session, Decision::Reject, said.into()).await,
    }
}

/// A request by a part of its id.
async fn request(session: &Session, part: &str) -> Result<Reviewed, Error> {
    let read = session.journal().read(|history| {
        let requests = history.requests().into_iter();
        requests.map(|(_, request)| request.id.clone()).collect::<Vec<_>>()
    });
    find(session, &pick(Kind("request"), &read.await?, part)?).await
}
