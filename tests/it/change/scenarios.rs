//! The scenarios in `tests/scenarios/change/NNN_name/`. `patch.diff` is applied to `input/`. The result must
//! be `expected/`, or the refusal whose code is in the file `refused`. The files `modes` and `modes_after`
//! set the permissions of the two trees, one `755 path` per line. The result must hold every line of `says`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::dry_run::said;
use super::{Snapshot, apply, assert_same, restore, snapshot};
use crate::harness::Server;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    // Git keeps no empty directory, so a tree without files does not exist.
    let Ok(entries) = std::fs::read_dir(from) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::write(&target, std::fs::read(&path).unwrap()).unwrap();
        }
    }
}

fn set_modes(file: &Path, root: &Path) {
    for line in std::fs::read_to_string(file).unwrap_or_default().lines() {
        let (mode, path) = line.split_once(' ').unwrap();
        let mode = std::fs::Permissions::from_mode(u32::from_str_radix(mode, 8).unwrap());
        std::fs::set_permissions(root.join(path), mode).unwrap();
    }
}

fn scenarios() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("tests/scenarios/change").unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn expected(scenario: &Path, server: &Server) -> Option<Snapshot> {
    let wanted = scenario.join("expected");
    if scenario.join("refused").exists() {
        return None;
    }
    let scratch = server.project().parent().unwrap().join("expected");
    copy(&wanted, &scratch);
    set_modes(&scenario.join("modes_after"), &scratch);
    Some(snapshot(&scratch))
}

fn run(scenario: &Path) {
    let name = scenario.display().to_string();
    let server = Server::new();
    copy(&scenario.join("input"), &server.project());
    set_modes(&scenario.join("modes"), &server.project());
    let expected = expected(scenario, &server);
    let before = snapshot(&server.project());
    let patch = std::fs::read_to_string(scenario.join("patch.diff")).unwrap();
    let mut client = server.start();
    let tried = client.call("maestro_apply_patch", json!({ "patch": patch, "dry_run": true }));
    assert_same(&snapshot(&client.project()), &before, &format!("{name}: a dry run"));
    assert!(!client.project().join(".maestro").exists(), "{name}: a dry run leaves nothing");
    let result = apply(&mut client, &patch);
    assert_eq!(said(&tried), said(&result), "{name}");
    if let Ok(says) = std::fs::read_to_string(scenario.join("says")) {
        for line in says.lines() {
            assert!(result.to_string().contains(line), "{name}: {line} is not in {result}");
        }
    }
    let Some(expected) = expected else {
        let code = std::fs::read_to_string(scenario.join("refused")).unwrap();
        assert_eq!(result["code"], code.trim(), "{name}: {result}");
        assert_same(&snapshot(&client.project()), &before, &format!("{name}: refused"));
        assert_eq!(result["backup_dir"], json!(null), "{name}");
        return;
    };
    assert_eq!(result["ok"], true, "{name}: {result}");
    assert_same(&snapshot(&client.project()), &expected, &name);
    let directory = result["backup_dir"].as_str().unwrap();
    assert_eq!(directory.rsplit('/').next(), result["backup_session"].as_str(), "{name}");
    let undone = restore(&mut client, &result["backup_session"]);
    assert_eq!(undone["ok"], true, "{name}: {undone}");
    assert_same(&snapshot(&client.project()), &before, &format!("{name}: restored"));
    let again = restore(&mut client, &undone["undo_session"]);
    assert_eq!(again["ok"], true, "{name}: {again}");
    assert_same(&snapshot(&client.project()), &expected, &format!("{name}: the restore undone"));
}

#[test]
fn every_scenario_does_what_it_says() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= 25, "{}", scenarios.len());
    let failed: Vec<PathBuf> = scenarios
        .into_iter()
        .filter(|scenario| std::panic::catch_unwind(|| run(scenario)).is_err())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}
