//! The settings files that had an empty list of servers, or no setting at all, before Maestro was registered.
//! An uninstall gives such a file its list or its text back. The memory lies in the user's state directory. If
//! it cannot be kept, an uninstall leaves less behind; it never fails.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::client::Targets;

/// The text of a file without a setting, or that the list of servers was empty: other settings stay out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Original {
    Text(String),
    EmptyList,
}

type Memory = BTreeMap<String, Original>;

fn all(targets: &Targets) -> Memory {
    let text = targets.memory.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn write(targets: &Targets, all: &Memory) {
    let Some(file) = &targets.memory else { return };
    let written = if all.is_empty() {
        std::fs::remove_file(file)
    } else {
        let made = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(file, serde_json::json!(all).to_string()))
    };
    if let Err(error) = written {
        tracing::debug!(%error, "the memory of settings files cannot be written");
    }
}

fn key(targets: &Targets) -> String {
    targets.settings.to_string_lossy().into_owned()
}

pub(super) fn original(targets: &Targets) -> Option<Original> {
    all(targets).remove(&key(targets))
}

pub(super) fn remember(targets: &Targets, original: Original) {
    let mut all = all(targets);
    all.entry(key(targets)).or_insert(original);
    write(targets, &all);
}

pub(super) fn forget(targets: &Targets) {
    let mut all = all(targets);
    if all.remove(&key(targets)).is_some() {
        write(targets, &all);
    }
}
