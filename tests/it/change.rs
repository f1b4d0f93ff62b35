//! Patches and restores, through the real server.

mod backups;
mod crash;
mod dry_run;
mod random;
mod refusals;
mod scenarios;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

pub(crate) use crash::cut_short;
use serde_json::{Value, json};

use crate::harness::Client;

/// The content of a tree: directories, links, and files with their modes and bytes.
pub(crate) type Snapshot = BTreeMap<String, (u32, Vec<u8>)>;

/// Everything below a directory except `.git` and `.maestro`.
pub(crate) fn snapshot(root: &Path) -> Snapshot {
    let mut found = Snapshot::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if [".git", ".maestro"].contains(&name.as_str()) {
                continue;
            }
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            let content = if metadata.is_dir() {
                left.push(path);
                Vec::new()
            } else if metadata.is_symlink() {
                std::fs::read_link(&path).unwrap().to_str().unwrap().into()
            } else {
                std::fs::read(&path).unwrap()
            };
            found.insert(name, (metadata.mode(), content));
        }
    }
    found
}

/// Asserts that two trees are the same, and names the difference if not.
pub(crate) fn assert_same(left: &Snapshot, right: &Snapshot, what: &str) {
    for name in left.keys().chain(right.keys()) {
        let shown = |side: Option<&(u32, Vec<u8>)>| {
            side.map(|(mode, content)| format!("{mode:o} {:?}", String::from_utf8_lossy(content)))
        };
        assert_eq!(shown(left.get(name)), shown(right.get(name)), "{what}: {name}");
    }
}

pub(crate) fn apply(client: &mut Client, patch: &str) -> Value {
    client.call("maestro_apply_patch", json!({ "patch": patch }))
}

pub(crate) fn restore(client: &mut Client, session: &Value) -> Value {
    client.call("maestro_restore_from_backup", json!({ "backup_session": session }))
}
