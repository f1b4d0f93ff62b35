//! The tree that a call looked at: the path of the project's root, and a note if the caller may have meant
//! another worktree of the repository.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::project_files::ProjectFiles;
use super::scope::off_thread;
use crate::domain::diff;
use crate::error::Error;
use crate::host::git::Checkout;

/// Tools whose results are about the files of the project.
const TOOLS: [&str; 8] = [
    "maestro_verify", "maestro_apply_patch", "maestro_restore_from_backup", "maestro_pack_context",
    "maestro_consult", "maestro_consult_with_role", "maestro_ensemble_generate", "maestro_select_best",
];
/// Arguments that name paths. Others may be long and are not copied.
const NAMING: [&str; 7] = ["cwd", "workspace_root", "files", "context_files", "commands", "verify", "patch"];
/// Maximum number of paths that are checked.
const MOST_PATHS: usize = 200;

/// Notes on the tree beside a result. The arguments are copied at once, and checked when the future is
/// awaited.
///
/// # Errors
///
/// The thread that checks them panicked.
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
}

/// The note if something points into another worktree.
fn elsewhere(root: &Path, working_directory: &Path, arguments: &Map<String, Value>) -> Option<String> {
    let own = Checkout::around(root).filter(Checkout::has_others)?;
    let other = |path: &Path| Checkout::around(path).filter(|other| own.is_beside(other));
    let shown = root.display();
    let named =
        paths(arguments).into_iter().find_map(|path| other(&root.join(&path)).map(|tree| (path, tree)));
    if let Some((path, tree)) = named {
        return Some(format!(
            "`{path}` lies in {}, another worktree of the same repository; this server's project is {shown}",
            tree.root.display()
        ));
    }
    // A server that was started in a worktree means that worktree; else the root names the project.
    let tree = other(working_directory)?;
    Some(format!(
        "this server was started in {}, another worktree of the same repository, and works in {shown} (CLAUDE_PROJECT_DIR); to work there, start it with that directory as its project, or give paths and `cwd` inside it",
        tree.root.display()
    ))
}

/// The paths that a request names.
fn paths(arguments: &Map<String, Value>) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut paths: Vec<String> = Vec::new();
    for key in ["cwd", "workspace_root"] {
        paths.extend(arguments.get(key).and_then(text));
    }
    for key in ["files", "context_files"] {
        paths.extend(arguments.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(text));
    }
    for key in ["commands", "verify"] {
        let entries = arguments.get(key).and_then(Value::as_array).into_iter().flatten();
        paths.extend(entries.filter_map(|entry| entry.get("cwd").and_then(text)));
    }
    if let Some(Ok(patch)) = arguments.get("patch").and_then(Value::as_str).map(diff::parse) {
        let below = arguments.get("workspace_root").and_then(text).map(PathBuf::from).unwrap_or_default();
        let names = patch.files.into_iter().map(|file| below.join(file.new).to_string_lossy().into_owned());
        paths.extend(names);
    }
    paths.truncate(MOST_PATHS);
    paths
}
