//! `maestro-mcp backups`, and the automatic removal of backups.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use super::{apply, restore, snapshot};
use crate::harness::{Client, Server};

/// Applies one more change to `f.txt`, and returns its session.
fn change(client: &mut Client, from: usize) -> String {
    let patch = format!("--- a/f.txt\n+++ b/f.txt\n@@ -1 +1 @@\n-{from}\n+{}\n", from + 1);
    let result = apply(client, &patch);
    assert_eq!(result["ok"], true, "{result}");
    result["backup_session"].as_str().unwrap().to_owned()
}

fn started(environment: &[(&str, &str)]) -> Client {
    let server = Server::new().file("f.txt", "0\n");
    environment.iter().fold(server, |server, (name, value)| server.env(name, value)).start()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn listed(client: &Client) -> Vec<Value> {
    let output = client.server.run(&["backups", "--json"], "");
    serde_json::from_str::<Vec<Value>>(&text(&output)).unwrap()
}

fn sessions(client: &Client) -> Vec<String> {
    listed(client).iter().map(|backup| backup["session"].as_str().unwrap().to_owned()).collect()
}

fn pruned(client: &Client, limits: &[&str]) -> Vec<Value> {
    let words: Vec<&str> = ["backups", "prune", "--json"].iter().chain(limits).copied().collect();
    let result: Value = serde_json::from_str(&text(&client.server.run(&words, ""))).unwrap();
    result["sessions"].as_array().unwrap().clone()
}

fn store(client: &Client) -> PathBuf {
    client.project().join(".maestro/backups")
}

/// Renames a backup as if it was made in 2020.
fn age(store: &Path, session: &str) -> String {
    let old = format!("0170{}", &session[4..]);
    std::fs::rename(store.join(session), store.join(&old)).unwrap();
    let manifest = store.join(&old).join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap().replace(session, &old);
    std::fs::write(manifest, text).unwrap();
    old
}

#[test]
fn backups_are_listed_newest_first_with_what_became_of_them() {
    let mut client = started(&[]);
    let project = client.project();
    assert!(text(&client.server.run(&["backups"], "")).starts_with("There are no backups"));
    assert!(listed(&client).is_empty() && pruned(&client, &[]).is_empty());
    assert!(!project.join(".maestro").exists(), "listing creates nothing");
    let (first, second) = (change(&mut client, 0), change(&mut client, 1));
    let third = restore(&mut client, &json!(second))["undo_session"].as_str().unwrap().to_owned();
    let open = store(&client).join(".open").join(&first);
    std::fs::write(&open, "").unwrap();
    let found = listed(&client);
    let column = |key: &str| found.iter().map(|backup| backup[key].clone()).collect::<Vec<_>>();
    assert_eq!(column("session"), [json!(third), json!(second), json!(first)]);
    assert_eq!(column("state"), ["applied", "undone", "open"].map(|state| json!(state)));
    assert_eq!(column("kind"), ["restore", "patch", "patch"].map(|kind| json!(kind)));
    assert_eq!(found[0]["undoes"], json!(second));
    assert!(found.iter().all(|backup| backup["files"] == 1 && backup["bytes"].as_u64().unwrap() > 100));
    let shown = text(&client.server.run(&["backups"], ""));
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("backup ") && lines[0].ends_with("  state"), "{shown}");
    assert!(lines[2].starts_with(&second) && lines[2].contains("  patch "), "{shown}");
    assert!(lines[2].contains("  1  ") && lines[2].ends_with("B  undone"), "{shown}");
    assert!(lines[3].ends_with("  open"), "{shown}");
    // On a terminal of 80 columns every line fits, and the whole id can be copied.
    let (status, shown) = client.server.person_with(&["backups"], &[("NO_COLOR", "1")]).leaves();
    assert!(status == 0 && shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    assert!(shown.contains(&second) && shown.contains("undone"), "{shown}");
    // Neither listing nor pruning undoes anything, and an open session stays.
    assert_eq!(pruned(&client, &["--keep-sessions", "0"]), [json!(second), json!(third)]);
    assert_eq!(sessions(&client), [first]);
    assert_eq!(std::fs::read(project.join("f.txt")).unwrap(), b"1\n");
}

#[test]
fn backups_are_removed_by_age_by_size_and_by_number() {
    let mut client = started(&[]);
    let made: Vec<String> = (0..5).map(|from| change(&mut client, from)).collect();
    let before = snapshot(&client.project());
    let oldest = age(&store(&client), &made[0]);
    assert_eq!(pruned(&client, &["--older-than", "30d"]), [json!(oldest)]);
    let two = listed(&client)[..2].iter().map(|backup| backup["bytes"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(pruned(&client, &["--keep-bytes", &(two + 1).to_string()]), [json!(made[1]), json!(made[2])]);
    assert_eq!(pruned(&client, &["--keep-bytes", "500MB", "--keep-sessions", "1"]), [json!(made[3])]);
    let shown = text(&client.server.run(&["backups", "prune", "--older-than", "0s"], ""));
    assert!(shown.contains(&made[4]) && shown.contains("1 removed"), "{shown}");
    assert!(sessions(&client).is_empty());
    assert_eq!(snapshot(&client.project()), before, "only backups are removed");
    assert_eq!(restore(&mut client, &json!(made[4]))["code"], "backup_unknown");
    for wrong in [["--older-than", "30"], ["--keep-bytes", "1.5MB"], ["--keep-sessions", "-1"]] {
        let words: Vec<&str> = ["backups", "prune"].iter().chain(&wrong).copied().collect();
        assert_eq!(client.server.run(&words, "").status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn after_a_patch_what_is_too_old_or_too_much_goes() {
    let mut client = started(&[("MAESTRO_BACKUPS_MAX_SESSIONS", "2")]);
    let mut made: Vec<String> = (0..4).map(|from| change(&mut client, from)).collect();
    made.reverse();
    assert_eq!(sessions(&client), made[..2]);

    // Every backup has more than one byte, but the newest is kept.
    let mut client = started(&[("MAESTRO_BACKUPS_MAX_BYTES", "1")]);
    change(&mut client, 0);
    let last = change(&mut client, 1);
    assert_eq!(sessions(&client), std::slice::from_ref(&last));
    let undone = restore(&mut client, &json!(last));
    assert_eq!(sessions(&client), [undone["undo_session"].as_str().unwrap()], "{undone}");

    let mut client = started(&[]);
    let first = change(&mut client, 0);
    let old = age(&store(&client), &first);
    let open = change(&mut client, 1);
    assert!(!store(&client).join(&old).exists(), "the default limit is 30 days");
    let kept = age(&store(&client), &open);
    drop(client.server.run(&["backups", "prune"], ""));
    assert!(!store(&client).join(kept).exists(), "the configured limits apply to a manual prune too");
}

#[test]
fn no_limit_is_a_limit_of_0_and_a_wrong_one_is_an_error() {
    let off = [
        ("MAESTRO_BACKUPS_MAX_SESSIONS", "0"),
        ("MAESTRO_BACKUPS_MAX_BYTES", "0"),
        ("MAESTRO_BACKUPS_MAX_AGE_DAYS", "0"),
    ];
    let mut client = started(&off);
    let first = change(&mut client, 0);
    let old = age(&store(&client), &first);
    let second = change(&mut client, 1);
    assert_eq!(sessions(&client), [second, old]);
    let server = Server::new().env("MAESTRO_BACKUPS_MAX_BYTES", "500MB");
    let output = server.run(&["backups", "prune"], "");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("MAESTRO_BACKUPS_MAX_BYTES=500MB") && said.contains("500000000"), "{said}");
}
