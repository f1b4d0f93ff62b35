//! The state that `check` reports beside the settings: errors of rule files, decisions that wait for a
//! person, and the last failure of each consultant.

use std::collections::BTreeMap;

use serde::Serialize;

use super::configuration::Configuration;
use super::log::Log;
use super::time::rfc3339;
use crate::domain::event::Body;
use crate::domain::workflow::Run;
use crate::error::{Error, ErrorNote};

/// The errors of the user's own rule files. Each of them stops the calls that need its rules.
pub fn rule_errors(config: &Configuration) -> Vec<Error> {
    let tried = [
        config.checks().err(),
        config.sandbox_rules().err(),
        config.inspector().err(),
        config.micro_steps().err(),
        config.lexicon().err(),
    ];
    tried.into_iter().flatten().collect()
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Health {
    pub file: String,
    /// True if the log exists; the first event creates it.
    pub exists: bool,
    pub events: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ErrorNote>,
    pub waiting: Vec<Waiting>,
    pub last_failures: BTreeMap<String, LastFailure>,
}

/// A stage that waits for a decision.
#[derive(Clone, Debug, Serialize)]
pub struct Waiting {
    pub request: String,
    /// The run.
    pub workflow_id: String,
    pub stage: &'static str,
    pub task: String,
    /// Start of the waiting time, in milliseconds since 1970.
    pub since: u64,
}

/// A consult that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastFailure {
    /// The error's code.
    pub code: String,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// The time as text.
    pub when: String,
    /// End of the limit, if the CLI named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<String>,
    pub answered_since: bool,
}

/// Reads the log, if there is one.
pub async fn health(log: &Log) -> Health {
    let path = log.store_directory().join("maestro.db");
    let mut health = Health {
        file: path.display().to_string(),
        exists: std::fs::symlink_metadata(&path).is_ok(),
        ..Health::default()
    };
    if !health.exists {
        return health;
    }
    let waiting = log.journal().read(|history| {
        let pending = history.pending().filter_map(|(run, request)| waiting(run, &request.id));
        pending.collect::<Vec<_>>()
    });
    match waiting.await {
        Ok(waiting) => health.waiting = waiting,
        Err(error) => health.warnings.push(error.note()),
    }
    if let Some(trouble) = log.store().trouble() {
        let note = Error::from(trouble).note();
        if health.warnings.iter().all(|said| said.error != note.error) {
            health.warnings.push(note);
        }
    }
    let told = log.journal().visit(<(u64, BTreeMap<_, _>)>::default, |(count, failures), event| {
        *count += 1;
        if let Body::ConsultSettled(settled) = &event.body {
            note(
                failures,
                &settled.provider,
                settled.code.as_deref(),
                settled.resets_at.as_deref(),
                event.at,
            );
        }
    });
    match told.await {
        Ok((events, failures)) => {
            health.events = events;
            health.last_failures = failures;
        }
        Err(error) if health.warnings.is_empty() => health.warnings.push(error.note()),
        Err(_) => {}
    }
    health
}

fn waiting(run: &Run, request: &str) -> Option<Waiting> {
    let found = run.request(request)?;
    Some(Waiting {
        request: found.id.clone(),
        workflow_id: run.id.clone(),
        stage: found.asked.stage.name(),
        task: run.task.clone(),
        since: found.at,
    })
}

/// Adds the end of a consult to the failures so far. A cancelled consult says nothing about its CLI.
fn note(
    failures: &mut BTreeMap<String, LastFailure>,
    provider: &str,
    code: Option<&str>,
    resets_at: Option<&str>,
    at: u64,
) {
    match code {
        Some("cancelled" | "shutting_down") => {}
        Some(code) => {
            let failure = LastFailure {
                code: code.to_owned(),
                at,
                when: rfc3339(at),
                resets_at: resets_at.map(str::to_owned),
                answered_since: false,
            };
            failures.insert(provider.to_owned(), failure);
        }
        None => {
            if let Some(failure) = failures.get_mut(provider) {
                failure.answered_since = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_failure_is_kept_and_an_answer_after_it_is_said() {
        let mut failures = BTreeMap::new();
        note(&mut failures, "codex", None, None, 1);
        assert!(failures.is_empty());
        note(&mut failures, "codex", Some("timeout"), None, 2);
        note(&mut failures, "codex", Some("quota_exceeded"), Some("2026-12-01T00:00:00Z"), 3);
        note(&mut failures, "codex", Some("cancelled"), None, 4);
        let last = failures["codex"].clone();
        assert_eq!((last.code.as_str(), last.at, last.answered_since), ("quota_exceeded", 3, false));
        assert_eq!(last.resets_at.as_deref(), Some("2026-12-01T00:00:00Z"));
        note(&mut failures, "codex", None, None, 5);
        assert!(failures["codex"].answered_since);
    }
}
