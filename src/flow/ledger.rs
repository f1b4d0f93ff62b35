//! The record of every call to a consultant, of every check of the project, and of every change.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::domain::change::Mark;
use crate::domain::verification::Kind;
use crate::domain::verification::status::Status;
use crate::provider::Usage;

/// One call to one consultant, however it ended.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// Its id, which the processes of the call carry too.
    pub id: String,
    /// The provider.
    pub provider: String,
    /// The model asked for.
    pub model: String,
    /// The error's code; none where the call succeeded.
    pub code: Option<&'static str>,
    /// Milliseconds from the first start to the end.
    pub elapsed_ms: u64,
    /// Starts of the CLI, retries included.
    pub attempts: u32,
    /// What it cost.
    pub usage: Usage,
}

/// One check of the project, however it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationRecord {
    /// The id of the call that it belongs to.
    pub id: String,
    /// The command.
    pub command: String,
    /// Where it ran, relative to the project root.
    pub cwd: String,
    /// What it is for.
    pub kind: Kind,
    /// What became of it.
    pub status: Status,
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// The tests that failed.
    pub failing: Vec<String>,
    /// Milliseconds.
    pub elapsed_ms: u64,
}

/// What a change was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A patch.
    Applied,
    /// The undoing of a change, asked for.
    RolledBack,
    /// The undoing of a change whose server was killed before its end.
    RecoveredAfterCrash,
}

/// One change of the project that took place. What was refused or only tried is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeRecord {
    /// Its id.
    pub id: String,
    /// What it was.
    pub kind: ChangeKind,
    /// The session that holds what was there before it; after a crash, the one that was open.
    pub backup_session: String,
    /// The session that it undid.
    pub undoes: Option<String>,
    /// The directory that the paths are relative to.
    pub root: String,
    /// The files, each once.
    pub files: Vec<ChangedFile>,
    /// The mark of the patch, as it was given.
    pub patch: Option<Mark>,
    /// What could not be undone after a crash.
    pub notes: Vec<String>,
}

/// A file of a change. It was made where there is no `before`, and removed where there is no
/// `after`; after a crash, `before` is what the change had made of it or was about to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangedFile {
    /// Its path.
    pub path: String,
    /// What it held.
    pub before: Option<Mark>,
    /// What it holds.
    pub after: Option<Mark>,
}

impl ChangedFile {
    /// What happened to it; a rename is one file removed and another made.
    #[must_use]
    pub fn action(&self) -> FileAction {
        match (&self.before, &self.after) {
            (None, _) => FileAction::Created,
            (Some(_), Some(_)) => FileAction::Changed,
            (Some(_), None) => FileAction::Removed,
        }
    }
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileAction {
    /// It was made.
    Created,
    /// Its content or its permissions were changed.
    Changed,
    /// It was removed.
    Removed,
}

/// Where calls are recorded.
pub trait CallLog: Send + Sync {
    /// Records a call.
    fn record(&self, call: &CallRecord);
    /// Records a check.
    fn record_verification(&self, verification: &VerificationRecord);
    /// Records a change.
    fn record_change(&self, change: &ChangeRecord);
    /// The changes so far, oldest first, as far back as the log goes.
    fn changes(&self) -> Vec<ChangeRecord>;
    /// The checks so far, oldest first, as far back as the log goes.
    fn verifications(&self) -> Vec<VerificationRecord>;
    /// What was recorded of each provider.
    fn totals(&self) -> BTreeMap<String, Totals>;
}

/// The calls to one provider, added up.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Calls.
    pub calls: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Milliseconds in all.
    pub elapsed_ms: u64,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens answered.
    pub output_tokens: u64,
    /// US dollars, as far as the CLIs say.
    pub cost_usd: f64,
}

/// A log that lives as long as the server.
#[derive(Debug, Default)]
pub struct MemoryLog {
    totals: Mutex<BTreeMap<String, Totals>>,
    verifications: Mutex<VecDeque<VerificationRecord>>,
    changes: Mutex<VecDeque<ChangeRecord>>,
}

/// How many checks a log in memory holds.
const MOST_VERIFICATIONS: usize = 200;
/// How many changes it holds.
const MOST_CHANGES: usize = 200;

/// Adds to a list whose oldest entry makes room.
fn remember<T>(list: &Mutex<VecDeque<T>>, entry: T, most: usize) {
    let mut known = list.lock().unwrap_or_else(PoisonError::into_inner);
    known.push_back(entry);
    if known.len() > most {
        known.pop_front();
    }
}

fn all<T: Clone>(list: &Mutex<VecDeque<T>>) -> Vec<T> {
    list.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

impl CallLog for MemoryLog {
    fn record(&self, call: &CallRecord) {
        tracing::info!(
            call = call.id,
            provider = call.provider,
            model = call.model,
            code = call.code.unwrap_or("ok"),
            elapsed_ms = call.elapsed_ms,
            attempts = call.attempts,
            "consult"
        );
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let total = totals.entry(call.provider.clone()).or_default();
        total.calls += 1;
        total.failed += u64::from(call.code.is_some());
        total.elapsed_ms += call.elapsed_ms;
        total.input_tokens += call.usage.input_tokens.unwrap_or(0);
        total.output_tokens += call.usage.output_tokens.unwrap_or(0);
        total.cost_usd += call.usage.cost_usd.unwrap_or(0.0);
    }

    fn record_verification(&self, verification: &VerificationRecord) {
        tracing::info!(
            verification = verification.id,
            command = verification.command,
            status = ?verification.status,
            elapsed_ms = verification.elapsed_ms,
            "verify"
        );
        remember(&self.verifications, verification.clone(), MOST_VERIFICATIONS);
    }

    fn record_change(&self, change: &ChangeRecord) {
        tracing::info!(
            change = change.id,
            kind = ?change.kind,
            backup_session = change.backup_session,
            files = change.files.len(),
            "change"
        );
        remember(&self.changes, change.clone(), MOST_CHANGES);
    }

    fn changes(&self) -> Vec<ChangeRecord> {
        all(&self.changes)
    }

    fn verifications(&self) -> Vec<VerificationRecord> {
        all(&self.verifications)
    }

    fn totals(&self) -> BTreeMap<String, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_recorded_and_the_oldest_make_room() {
        let log = MemoryLog::default();
        for number in 0..MOST_VERIFICATIONS + 2 {
            log.record_verification(&VerificationRecord {
                id: number.to_string(),
                command: "pytest".to_owned(),
                cwd: ".".to_owned(),
                kind: Kind::UnitTest,
                status: Status::Passed,
                exit_code: Some(0),
                failing: Vec::new(),
                elapsed_ms: 1,
            });
        }
        let known = log.verifications();
        assert_eq!(known.len(), MOST_VERIFICATIONS);
        assert_eq!(known[0].id, "2");
    }
}
