//! `maestro-mcp backups`: what can be undone, and removing what is too old or too large.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::arguments::{BackupsAction, BackupsOptions, PruneOptions};
use super::quantity::{bytes, time};
use super::terminal::print;
use crate::error::Error;
use crate::flow::change::{Backup, BackupState, backups, keep, prune};
use crate::flow::session::Session;
use crate::host::change::{Keep, Pruned};

pub(super) fn run(session: &Session, options: &BackupsOptions) -> Result<ExitCode, Error> {
    let text = match &options.action {
        None => list(session, options.json)?,
        Some(BackupsAction::Prune(limits)) => remove(session, limits, options.json)?,
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn list(session: &Session, json: bool) -> Result<String, Error> {
    let found = backups(session)?;
    if json {
        return pretty(&found);
    }
    if found.is_empty() {
        return Ok(format!("There are no backups in {}.\n", session.root().display()));
    }
    Ok(found.iter().map(row).collect())
}

/// `0197… 2026-11-21 05:52:06  patch     3 files   1.2 MB  applied`
fn row(backup: &Backup) -> String {
    let state = match backup.state {
        BackupState::Applied => "applied",
        BackupState::Undone => "undone",
        BackupState::PartlyUndone => "partly undone",
        BackupState::Open => "open",
    };
    let undoes = backup.undoes.as_ref().map(|undone| format!(" (undoes {undone})")).unwrap_or_default();
    let files = if backup.files == 1 { "file " } else { "files" };
    format!(
        "{}  {}  {:<7}  {:>4} {files}  {:>9}  {state}{undoes}\n",
        backup.session,
        time(backup.at_ms),
        backup.kind,
        backup.files,
        bytes(backup.bytes)
    )
}

fn remove(session: &Session, limits: &PruneOptions, json: bool) -> Result<String, Error> {
    // Limits of one's own stand instead of the configured ones, not beside them.
    let own = Keep { age: limits.older_than, bytes: limits.keep_bytes, sessions: limits.keep_sessions };
    let limits = if own == Keep::default() {
        session.check_config()?;
        keep(session)
    } else {
        own
    };
    let pruned = prune(session, &limits)?;
    if json {
        return pretty(&pruned);
    }
    let Pruned { sessions, bytes: freed } = pruned;
    let mut text = String::new();
    for name in &sessions {
        let _ = writeln!(text, "{name}  removed");
    }
    let _ = writeln!(text, "{} removed, {} freed.", sessions.len(), bytes(freed));
    Ok(text)
}

fn pretty(value: &impl serde::Serialize) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(text + "\n")
}
