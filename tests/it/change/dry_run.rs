//! A dry run gives the answer of the real run, failures included, and writes nothing.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use super::{apply, assert_same, snapshot};
use crate::harness::{Client, Server};

/// A result without the fields that only the real run has.
pub(super) fn said(result: &Value) -> Value {
    let mut said = result.clone();
    for key in ["dry_run", "backup_dir", "backup_session"] {
        said[key] = json!(null);
    }
    // The note about the log depends on whether anything has opened it already.
    if let Some(fields) = said.as_object_mut() {
        fields.remove("log_warning");
    }
    said
}

fn tried(client: &mut Client, patch: &str) -> Value {
    let before = snapshot(&client.project());
    let store = || std::fs::symlink_metadata(client.project().join(".maestro/backups")).is_ok();
    let had_store = store();
    let result = client.call("maestro_apply_patch", json!({ "patch": patch, "dry_run": true }));
    assert_eq!((&result["dry_run"], &result["backup_session"]), (&json!(true), &json!(null)), "{result}");
    assert_same(&snapshot(&client.project()), &before, "a dry run");
    let now = std::fs::symlink_metadata(client.project().join(".maestro/backups")).is_ok();
    assert_eq!(now, had_store, "a dry run makes no backup");
    result
}

fn creating(path: &str) -> String {
    format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n")
}

fn changing(path: &str) -> String {
    format!("--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-one\n+two\n")
}

#[test]
fn a_dry_run_answers_what_the_real_run_does() {
    let good = format!("{}{}", changing("f.txt"), creating("new/n.txt"));
    let long = "x".repeat(256);
    let cases = [
        ("", good.clone()),
        ("patch_invalid", "no diff".to_owned()),
        ("patch_invalid", creating("../x")),
        ("patch_invalid", creating(&long)),
        ("patch_invalid", creating(&format!("not/there/{long}/x"))),
        ("patch_invalid", creating(&format!("{}x", "d/".repeat(3_000)))),
        ("context_mismatch", format!("{good}{}", changing("g.txt").replace("one", "other"))),
        ("context_not_unique", format!("{good}--- a/twice\n+++ b/twice\n@@ -9 +9 @@\n-one\n+two\n")),
        ("path_refused", format!("{good}{}", creating(".env"))),
        ("path_refused", format!("{good}{}{}", creating("a/b"), creating("a"))),
        ("file_missing", format!("{good}{}", changing("nothing").replace("+two\n", ""))),
        ("file_exists", format!("{good}{}", creating("g.txt"))),
        (
            "file_too_large",
            format!("{good}{}", creating("big").replace("+x", &"x".repeat(1_000_001).replacen('x', "+", 1))),
        ),
    ];
    for (code, patch) in cases {
        let twice = "one\nx\nx\none\n";
        let mut client =
            Server::new().file("f.txt", "one\n").file("g.txt", "one\n").file("twice", twice).start();
        let tried = tried(&mut client, &patch);
        let result = apply(&mut client, &patch);
        assert_eq!(said(&tried), said(&result), "{code}");
        assert_eq!(result["code"].as_str().unwrap_or_default(), code, "{result}");
        assert_eq!(result["ok"] == true, code.is_empty(), "{result}");
        assert_eq!(result.get("retryable").is_none(), code.is_empty(), "{result}");
        assert_eq!(result.get("error").unwrap().is_null(), code.is_empty(), "null on success: {result}");
    }
}

/// If no backup can be made, nothing changes, and a dry run reports it.
#[test]
fn a_store_that_cannot_be_made_fails_both() {
    let outside = tempfile::tempdir().unwrap();
    for (place, is_link) in [(".maestro", true), (".maestro/backups", false), (".maestro/backups", true)] {
        let server = Server::new().file("f.txt", "one\n");
        let path = server.project().join(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if is_link {
            symlink(outside.path(), &path).unwrap();
        } else {
            std::fs::write(&path, "a file").unwrap();
        }
        let mut client = server.start();
        let tried = tried(&mut client, &changing("f.txt"));
        let result = apply(&mut client, &changing("f.txt"));
        assert_eq!(said(&tried), said(&result), "{place}");
        assert_eq!(result["code"], "write_failed", "{place}: {result}");
        assert_eq!(std::fs::read(client.project().join("f.txt")).unwrap(), b"one\n");
    }
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_dry_run_waits_for_a_change_under_way_and_then_says_so() {
    let mut client = Server::new().file("f.txt", "one\n").start();
    let backups = client.project().join(".maestro/backups");
    std::fs::create_dir_all(&backups).unwrap();
    let held = std::fs::File::create(backups.join(".lock")).unwrap();
    held.lock().unwrap();
    let result = tried(&mut client, &changing("f.txt"));
    assert_eq!((&result["code"], &result["retryable"]), (&json!("change_locked"), &json!(true)), "{result}");
    drop(held);
    assert_eq!(tried(&mut client, &changing("f.txt"))["ok"], true);
}
