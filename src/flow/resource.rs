//! Resources: runs, reports, evidence and long answers, by address.

use serde_json::{Value, json};

use super::approval::find;
use super::configuration::Configuration;
use super::evidence::{ChainRequest, chain, piece};
use super::kit::Kit;
use super::log::Log;
use super::project_files::ProjectFiles;
use super::scope::off_thread;
use super::time::rfc3339;
use super::workflow::state;
use crate::domain::address::Address;
use crate::domain::cut::cut_line;
use crate::domain::workflow::Run;
use crate::error::Error;

/// Runs in the list of runs.
const MOST_RUNS: usize = 100;

/// Pieces of evidence in the newest evidence.
const MOST_PIECES: usize = 50;

/// Addresses of each family in the list.
const MOST_LISTED: usize = 20;

/// Letters of a task in a list.
const MOST_TASK: usize = 80;

/// A resource in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub address: Address,
    /// Description; empty if the title says all.
    pub about: String,
}

/// The resources, a bounded number of each family, newest first. Evidence is not listed piece by piece:
/// that would read the whole log whenever a client connects.
pub async fn listed(project: &ProjectFiles, log: &Log) -> Vec<Listed> {
    let mut all = vec![plain(Address::Runs), plain(Address::Trail)];
    let read = log.journal().read(|history| {
        let runs = history.runs().rev().take(MOST_LISTED).map(|run| Listed {
            address: Address::Run(run.id.clone()),
            about: format!("{}: {}", run.phase, cut_line(&run.task, MOST_TASK)),
        });
        let requests = history.requests().into_iter().take(MOST_LISTED).map(|(run, request)| Listed {
            address: Address::Approval(request.id.clone()),
            about: format!(
                "{}, {}: {}",
                request.asked.stage.name(),
                request.status(),
                cut_line(&run.task, MOST_TASK)
            ),
        });
        runs.chain(requests).collect::<Vec<Listed>>()
    });
    match read.await {
        Ok(logged) => all.extend(logged),
        Err(error) => tracing::warn!(%error, "runs and reports cannot be listed"),
    }
    let answers = project.answers().clone();
    let names = off_thread(move || answers.newest(MOST_LISTED)).await.unwrap_or_default();
    all.extend(names.into_iter().map(|name| plain(Address::Answer(name))));
    all
}

fn plain(address: Address) -> Listed {
    Listed { address, about: String::new() }
}

/// The text of a resource; `None` if it does not exist.
///
/// # Errors
///
/// The log or the file cannot be read.
pub async fn read(kit: &Kit, address: Address) -> Result<Option<String>, Error> {
    let found = match address {
        Address::Runs => runs(&kit.log).await.map(Some),
        Address::Run(id) => match state(&kit.config, &kit.log, Some(id)).await {
            Ok(overview) => Ok(overview.run.map(|state| json!(state))),
            Err(error) => nothing_there(error),
        },
        Address::Trail => {
            let request = ChainRequest { limit: MOST_PIECES, ..ChainRequest::default() };
            chain(&kit.config, &kit.log, request).await.map(|chain| Some(json!(chain)))
        }
        Address::Evidence(id) => piece(&kit.log, &id).await.map(|piece| piece.map(|piece| json!(piece))),
        Address::Approval(request) => return report(&kit.log, &request).await,
        Address::Answer(name) => return answer(&kit.config, &kit.project, name).await,
    };
    Ok(found?.map(|value| format!("{value:#}")))
}

/// Turns the error for an unknown name into `None`.
fn nothing_there<T>(error: Error) -> Result<Option<T>, Error> {
    if matches!(error, Error::Unknown { .. }) { Ok(None) } else { Err(error) }
}

async fn runs(log: &Log) -> Result<Value, Error> {
    log.journal()
        .read(|history| {
            let runs: Vec<Value> = history.runs().rev().take(MOST_RUNS).map(run).collect();
            json!({ "count": runs.len(), "total": history.runs().count(), "runs": runs })
        })
        .await
}

fn run(run: &Run) -> Value {
    json!({
        "workflow_id": run.id,
        "task": run.task,
        "state": run.phase.to_string(),
        "started_at": rfc3339(run.started_at),
        "pending_request": run.pending().map(|request| request.id.clone()),
        "resource": Address::Run(run.id.clone()).to_string(),
    })
}

/// The report as its reviewer reads it, and the decision on it.
async fn report(log: &Log, request: &str) -> Result<Option<String>, Error> {
    let found = match find(log, request).await {
        Ok(found) => found.request,
        Err(error) => return nothing_there(error),
    };
    let decided = match &found.decided {
        None => "Status: pending".to_owned(),
        Some((at, said)) => {
            let by = serde_json::to_value(said.decided_by).unwrap_or_default();
            let by = by.as_str().unwrap_or_default().to_owned();
            format!("Status: {} ({by}, {})", found.status(), rfc3339(*at))
        }
    };
    Ok(Some(format!("{}\n\n{decided}\n", found.asked.display.trim_end())))
}

/// A kept answer. It was masked when it was kept; rules that were added since are applied too.
async fn answer(
    config: &Configuration,
    project: &ProjectFiles,
    name: String,
) -> Result<Option<String>, Error> {
    let (config, project) = (config.clone(), project.clone());
    off_thread(move || {
        let text = project.answers().read(&name).map_err(|error| Error::Document {
            name: Address::Answer(name.clone()).to_string(),
            reason: error.to_string(),
        })?;
        let masker = config.masker()?;
        Ok(text.map(|text| masker.mask(&text).text.into_owned()))
    })
    .await?
}
