//! `maestro-mcp backups`: what can be undone, and removing what is too old or too large.

use std::fmt::Write as _;
use std::process::ExitCode;

use comfy_table::Cell;

use super::arguments::{BackupsAction, BackupsOptions, PruneOptions};
use super::terminal::{Look, Side, Tone, bytes, cell, print, short, span, table};
use crate::error::Error;
use crate::flow::change::{Backup, BackupState, backups, keep, prune};
use crate::flow::configuration::Configuration;
use crate::flow::log::Log;
use crate::flow::time::now;
use crate::host::change::{Keep, Pruned};

pub(super) fn run(config: &Configuration, log: &Log, options: &BackupsOptions) -> Result<ExitCode, Error> {
    let text = match &options.action {
        None => list(config, log, options.json)?,
        Some(BackupsAction::Prune(limits)) => remove(config, log, limits, options.json)?,
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn list(config: &Configuration, log: &Log, json: bool) -> Result<String, Error> {
    let found = backups(config, log)?;
    if json {
        return pretty(&found);
    }
    if found.is_empty() {
        return Ok(format!("There are no backups in {}.\n", config.root().display()));
    }
    let now = now();
    Ok(table(&COLUMNS, found.iter().map(|backup| row(backup, now)), Look::of(config)))
}

const COLUMNS: [(&str, Side); 6] = [
    ("backup", Side::Left),
    ("age", Side::Right),
    ("kind", Side::Left),
    ("files", Side::Right),
    ("size", Side::Right),
    ("state", Side::Left),
];

fn row(backup: &Backup, now: u64) -> Vec<Cell> {
    let (state, tone) = match backup.state {
        BackupState::Applied => ("applied", Tone::Plain),
        BackupState::Undone => ("undone", Tone::Faint),
        BackupState::PartlyUndone => ("partly undone", Tone::Waiting),
        BackupState::Open => ("open", Tone::Waiting),
    };
    let undoes =
        backup.undoes.as_ref().map(|undone| format!(", undoes {}", short(undone))).unwrap_or_default();
    vec![
        // Whole, since maestro_restore_from_backup takes it.
        cell(&backup.session, Tone::Plain),
        cell(span(now.saturating_sub(backup.at_ms)), Tone::Faint),
        cell(&backup.kind, Tone::Plain),
        cell(backup.files, Tone::Plain),
        cell(bytes(backup.bytes), Tone::Plain),
        cell(format!("{state}{undoes}"), tone),
    ]
}

fn remove(config: &Configuration, log: &Log, limits: &PruneOptions, json: bool) -> Result<String, Error> {
    // Limits of one's own stand instead of the configured ones, not beside them.
    let own = Keep { age: limits.older_than, bytes: limits.keep_bytes, sessions: limits.keep_sessions };
    let limits = if own == Keep::default() {
        config.check()?;
        keep(config)
    } else {
        own
    };
    let pruned = prune(config, log, &limits)?;
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
