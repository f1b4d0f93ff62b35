//! `maestro-mcp backups`: lists the backups of changes, and removes old or large ones.

use std::process::ExitCode;

use comfy_table::Cell;
use serde_json::json;

use super::arguments::{BackupsAction, PruneOptions};
use super::terminal::{Look, Tone, age, bytes, cell, result, short, table};
use crate::error::Error;
use crate::flow::change::{Backup, BackupState, backups, keep, prune};
use crate::flow::configuration::Configuration;
use crate::flow::log::Log;
use crate::flow::time::now;
use crate::host::change::{Keep, Pruned};

pub(super) fn run(
    config: &Configuration,
    log: &Log,
    action: Option<&BackupsAction>,
    json: bool,
) -> Result<ExitCode, Error> {
    if let Some(BackupsAction::Prune(limits)) = action {
        return remove(config, log, limits, json);
    }
    let found = backups(config, log)?;
    result(json, json!(found), || {
        if found.is_empty() {
            return format!("There are no backups in {}.\n", config.root().display());
        }
        let now = now();
        table(&COLUMNS, found.iter().map(|backup| row(backup, now)), Look::of(config))
    })
}

const COLUMNS: [&str; 6] = ["backup", "age", "kind", "files", "size", "state"];

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
        // The whole id, because maestro_restore_from_backup needs it.
        cell(&backup.session, Tone::Plain),
        cell(age(now.saturating_sub(backup.at_ms)), Tone::Faint),
        cell(&backup.kind, Tone::Plain),
        cell(backup.files, Tone::Plain),
        cell(bytes(backup.bytes), Tone::Plain),
        cell(format!("{state}{undoes}"), tone),
    ]
}

fn remove(config: &Configuration, log: &Log, limits: &PruneOptions, json: bool) -> Result<ExitCode, Error> {
    // If the command line gives a limit, none of the configured ones apply.
    let own = Keep { age: limits.older_than, bytes: limits.keep_bytes, sessions: limits.keep_sessions };
    let limits = if own == Keep::default() {
        config.check()?;
        keep(config)
    } else {
        own
    };
    let pruned = prune(config, log, &limits)?;
    result(json, json!(pruned), || {
        let Pruned { sessions, bytes: freed } = &pruned;
        let removed: String = sessions.iter().flat_map(|name| [name.as_str(), "  removed\n"]).collect();
        format!("{removed}{} removed, {} freed.\n", sessions.len(), bytes(*freed))
    })
}
