//! Which tree a call looked at: the project's root by its whole path, and whether the caller may have
//! meant another worktree of the same repository.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::off_thread::off_thread;
use super::project_files::ProjectFiles;
use crate::domain::diff;
use crate::error::Error;
use crate::host::git::Checkout;

/// Tools whose results are about the files of the project.
const TOOLS: [&str; 8] = [
    "maestro_verify",
    "maestro_apply_patch",
    "maestro_restore_from_backup",
    "maestro_pack_context",
    "maestro_consult",
    "maestro_consult_with_role",
    "maestro_ensemble_generate",
    "maestro_select_best",
];
/// Arguments that name paths. The others may be long, and are not copied.
const NAMING: [&str; 7] = ["cwd", "workspace_root", "files", "context_files", "commands", "verify", "patch"];
/// Paths of a request that are looked at.
const MOST_PATHS: usize = 200;

/// Returns what a result says of it beside its own keys. The arguments are taken at once, and looked at
/// when this is awaited.
///
/// # Errors
///
/// The thread that looks was cut short.
pub fn place_notes(
    project: &ProjectFiles,
    tool: &str,
    arguments: Option<&Map<String, Value>>,
) -> impl Future<Output = Result<Vec<(&'static str, Value)>, Error>> + use<> {
    let named = |name: &&str| Some(((*name).to_owned(), arguments?.get(*name)?.clone()));
    let arguments: Option<Map<String, Value>> =
        TOOLS.contains(&tool).then(|| NAMING.iter().filter_map(named).collect());
    let project = project.clone();
    async move {
        let Some(arguments) = arguments else { return Ok(Vec::new()) };
        off_thread(move || {
            let root = project.root().canonicalize().unwrap_or_else(|_| project.root().to_owned());
            let mut notes = vec![("project_root", json!(root.to_string_lossy()))];
            if let Some(note) = elsewhere(&root, project.working_directory(), &arguments) {
                notes.push(("other_worktree", json!(note)));
            }
            notes
        })
        .await
    }
