//! A project inside a directory that no patch may change.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use maestro::testing::{Environment, PatchOutcome, PatchRequest, RestoreRequest, Kit, Supervisor, apply_patch, parse_diff, restore};
use serde_json::{Value, json};

/// The content of a tree: modes, and the bytes of files or the targets of links.
type Snapshot = BTreeMap<PathBuf, (u32, Vec<u8>)>;

/// The scenarios whose inputs make the project.
const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/scenarios/change");

pub struct World {
    around: PathBuf,
    project: PathBuf,
    outside: Snapshot,
    inside: Snapshot,
    kit: Kit,
    runtime: tokio::runtime::Runtime,
}

impl World {
    pub fn new() -> Self {
        let around = std::env::temp_dir().join(format!("maestro-fuzz-{}", std::process::id()));
        let project = around.join("project");
        fs::create_dir_all(&project).unwrap();
        fs::create_dir_all(around.join("beside/deep")).unwrap();
        fs::write(around.join("f.txt"), "line 1\n").unwrap();
        fs::write(around.join("beside/f.txt"), "line 1\nline 2\n").unwrap();
        fs::write(around.join("beside/deep/x"), "x\n").unwrap();
        fill(&project);
        // Maestro keeps the user's key in the home directory.
        let home = std::env::temp_dir().join(format!("maestro-fuzz-home-{}", std::process::id()));
        let environment: Environment =
            [("HOME", home.to_str().unwrap()), ("PATH", "")].into_iter().collect();
        let kit = Kit::new(environment, &project, Supervisor::new(None));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (outside, inside) = (snapshot(&around, "project"), snapshot(&project, ".maestro"));
        Self { around, project, outside, inside, kit, runtime }
    }

    pub fn check(&self, text: &str) {
        let text = text.replace("@OUTSIDE@", self.around.to_str().unwrap());
        if parse_diff(&text).is_err() {
            return;
        }
        let tried = self.apply(&text, true);
        self.must_be_as_before("a dry run");
        assert!(!self.project.join(".maestro").exists(), "a dry run leaves nothing");
        let applied = self.apply(&text, false);
        assert_eq!(said(&tried), said(&applied), "a dry run says what the real run does");
        assert_eq!(self.outside, snapshot(&self.around, "project"), "outside of the project");
        if applied.ok {
            self.undo(&applied);
        }
        self.must_be_as_before(if applied.ok { "restored" } else { "refused" });
        fs::remove_dir_all(self.project.join(".maestro")).unwrap();
    }

    fn apply(&self, patch: &str, dry_run: bool) -> PatchOutcome {
        let request = PatchRequest { patch: patch.to_owned(), workspace_root: None, dry_run };
        self.runtime.block_on(apply_patch(&self.kit, request)).unwrap()
    }

    fn undo(&self, applied: &PatchOutcome) {
        assert_ne!(self.inside, snapshot(&self.project, ".maestro"), "a patch that does nothing");
        let backup_session = applied.backup_session.clone().unwrap();
        let request = RestoreRequest { backup_session, workspace_root: None, files: None };
        let undone = self.runtime.block_on(restore(&self.kit, request)).unwrap();
        assert!(undone.ok, "{undone:?}");
    }

    fn must_be_as_before(&self, what: &str) {
        assert_eq!(self.inside, snapshot(&self.project, ".maestro"), "{what}: the project");
        assert_eq!(self.outside, snapshot(&self.around, "project"), "{what}: outside of the project");
    }
}

/// An outcome without the fields that only the real run has.
fn said(outcome: &PatchOutcome) -> Value {
    let mut said = serde_json::to_value(outcome).unwrap();
    for only_real in ["dry_run", "backup_dir", "backup_session"] {
        said[only_real] = json!(null);
    }
    said
}

/// Copies the inputs of all scenarios into one tree. If two have a file of the same name, the first is kept.
fn fill(project: &Path) {
    let mut scenarios: Vec<PathBuf> =
        fs::read_dir(SCENARIOS).unwrap().map(|entry| entry.unwrap().path()).collect();
    scenarios.sort();
    for scenario in scenarios {
        copy(&scenario.join("input"), project);
        for line in fs::read_to_string(scenario.join("modes")).unwrap_or_default().lines() {
            let (mode, path) = line.split_once(' ').unwrap();
            let mode = fs::Permissions::from_mode(u32::from_str_radix(mode, 8).unwrap());
            fs::set_permissions(project.join(path), mode).unwrap();
        }
    }
    symlink("../beside", project.join("out")).unwrap();
    symlink("../f.txt", project.join("link.txt")).unwrap();
    symlink("..", project.join("up")).unwrap();
}

fn copy(from: &Path, to: &Path) {
    let Ok(entries) = fs::read_dir(from) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            let _ = fs::create_dir(&target);
            copy(&path, &target);
        } else if !target.exists() {
            fs::write(target, fs::read(path).unwrap()).unwrap();
        }
    }
}

/// Everything below a directory except the entry `without`.
fn snapshot(root: &Path, without: &str) -> Snapshot {
    let mut found = Snapshot::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path == root.join(without) {
                continue;
            }
            let metadata = fs::symlink_metadata(&path).unwrap();
            let content = if metadata.is_dir() {
                left.push(path.clone());
                Vec::new()
            } else if metadata.is_symlink() {
                fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            } else {
                fs::read(&path).unwrap()
            };
            found.insert(path, (metadata.mode(), content));
        }
    }
    found
}
