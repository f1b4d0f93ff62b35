//! Candidates tried in copies of the project, which itself stays as it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{candidate, select};
use crate::harness::{Client, Server, eventually};

const TESTS: &str = "import unittest\nfrom cart import total\n\nclass A(unittest.TestCase):\n    def test_sum(self): self.assertEqual(total([1, 2]), 3)\n    def test_none(self): self.assertEqual(total([]), 0)\n";
const CART: &str = "def total(items):\n    # add them up\n    return sum(items) + 1\n";

fn git(directory: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").args(identity).args(arguments).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A project whose fault is committed and whose second test is not.
fn project() -> (Server, tempfile::TempDir) {
    let scratch = tempfile::Builder::new().prefix("maestro-trial-").tempdir().unwrap();
    let committed = TESTS.lines().take(5).collect::<Vec<_>>().join("\n") + "\n";
    let server = Server::new().file("cart.py", CART).file("test_cart.py", committed);
    let root = server.project();
    std::fs::write(root.join(".gitignore"), "__pycache__/\n.maestro/\n").unwrap();
    git(&root, &["init", "-q"]);
    git(&root, &["add", "-A"]);
    git(&root, &["commit", "-qm", "first"]);
    std::fs::write(root.join("test_cart.py"), TESTS).unwrap();
    let place = scratch.path().display().to_string();
    (server.env("TMPDIR", &place), scratch)
}

fn diff(body: &str) -> String {
    format!(
        "--- a/cart.py\n+++ b/cart.py\n@@ -1,3 +1,3 @@\n def total(items):\n     # add them up\n-    return sum(items) + 1\n+    return {body}\n"
    )
}

/// Every file below a directory with its bytes, the project's own log apart.
fn tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() == ".maestro" {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                left.push(entry.path());
            } else {
                found.insert(entry.path(), std::fs::read(entry.path()).unwrap_or_default());
            }
        }
    }
    found
}

fn left_in(scratch: &Path) -> usize {
    let entries = std::fs::read_dir(scratch).unwrap();
    entries
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("maestro-trees-"))
        .count()
}

fn tried(client: &mut Client, candidates: Value) -> Value {
    select(
        client,
        json!({ "candidates": candidates, "verify": [{ "command": "python3 -m unittest", "timeout_sec": 20 }] }),
    )
}

#[test]
fn each_is_tried_and_the_project_stays_as_it_is() {
    let (server, scratch) = project();
    let root = server.project();
    let before = tree(&root);
    let mut client = server.start();
    let gone = "--- a/test_cart.py\n+++ /dev/null\n";
    let no_tests = TESTS.lines().map(|line| format!("-{line}\n")).collect::<String>();
    let no_tests = format!("{gone}@@ -1,6 +0,0 @@\n{no_tests}");
    let result = tried(
        &mut client,
        json!([
            candidate("wrong", "codex", &diff("sum(items) - 1")),
            candidate("long", "codex", &diff("sum(items)\n+\n+# done")),
            candidate("short", "gemini", &format!("Here it is:\n```diff\n{}```\n", diff("sum(items)"))),
            candidate("elsewhere", "claude", &diff("sum(items)").replace("# add them up", "# add up")),
            candidate("half", "claude", &diff("sum(items) or 1")),
            candidate("no-tests", "claude", &no_tests),
            candidate("prose", "claude", "Remove the + 1 in cart.py"),
        ]),
    );
    assert_eq!((&result["ok"], &result["winner_id"]), (&json!(true), &json!("short")), "{result}");
    let report = |id: &str| {
        let all = result["candidates"].as_array().unwrap();
        all.iter().find(|one| one["id"] == id).unwrap().clone()
    };
    for (id, tests) in [
        ("wrong", "failed"),
        ("long", "passed"),
        ("short", "passed"),
        ("elsewhere", "failed"),
        ("half", "failed"),
        ("no-tests", "failed"),
        ("prose", "unknown"),
    ] {
        assert_eq!(report(id)["tests"], tests, "{id}: {}", report(id));
    }
    assert_eq!(report("short")["behaves_like"], 2);
    assert_eq!(report("half")["checks"][0]["failing"], json!(["test_cart.A.test_none"]));
    assert!(report("elsewhere")["does_not_apply"].as_str().unwrap().contains("cart.py"));
    // The test that is not committed ran as well.
    assert_eq!(result["base"][0]["totals"]["failed"], 2);
    assert!(result["warning"].as_str().unwrap().contains("prose"));

    eventually("the copies go", Duration::from_secs(10), || left_in(scratch.path()) == 0);
    eventually("git forgets them", Duration::from_secs(10), || !root.join(".git/worktrees").exists());
    let after = tree(&root);
    let changed: Vec<&PathBuf> =
        before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).collect();
    assert!(changed.is_empty(), "{changed:?}");
}

#[test]
fn nobody_wins_where_no_diff_passes() {
    let (server, _scratch) = project();
    let mut client = server.start();
    let result =
        tried(&mut client, json!([candidate("a", "codex", &diff("0")), candidate("b", "codex", &diff("1"))]));
    assert_eq!((&result["ok"], &result["code"]), (&json!(false), &json!("no_winner")), "{result}");
    assert!(result["candidates"][0]["checks"][0]["output"].as_str().unwrap().contains("FAILED"), "{result}");
}

#[test]
fn a_winner_that_changes_tests_is_named() {
    let (server, _scratch) = project();
    let mut client = server.start();
    let loosened = "--- a/test_cart.py\n+++ b/test_cart.py\n@@ -4,3 +4,3 @@\n class A(unittest.TestCase):\n-    def test_sum(self): self.assertEqual(total([1, 2]), 3)\n-    def test_none(self): self.assertEqual(total([]), 0)\n+    def test_sum(self): self.assertEqual(total([1, 2]), 4)\n+    def test_none(self): self.assertEqual(total([]), 1)\n";
    let result = tried(&mut client, json!([candidate("a", "codex", loosened)]));
    assert_eq!(result["winner_id"], "a", "{result}");
    assert_eq!(result["requires_review"], true);
    assert!(result["warning"].as_str().unwrap().contains("test_cart.py"));
}

#[test]
fn a_project_without_a_commit_says_so() {
    let mut client = Server::new().file("cart.py", CART).file("test_cart.py", TESTS).start();
    let result = tried(&mut client, json!([candidate("a", "codex", &diff("sum(items)"))]));
    assert_eq!(result["code"], "setup_failed", "{result}");
    assert!(result["error"].as_str().unwrap().contains("git repository"));
}

#[test]
fn copies_go_with_a_cancelled_call_and_after_a_kill() {
    let (server, scratch) = project();
    let root = server.project();
    let slow = format!("import time\ntime.sleep(30)\n{TESTS}");
    std::fs::write(root.join("test_cart.py"), slow).unwrap();
    let arguments = json!({
        "candidates": [candidate("a", "codex", &diff("sum(items)"))],
        "verify": [{ "command": "python3 -m unittest", "timeout_sec": 60 }],
    });
    let mut client = server.start();
    let running = |client: &Client| {
        let pattern = client.project().join(".git/worktrees/1");
        pattern.exists() && left_in(scratch.path()) == 1
    };
    let id = client.begin_call("maestro_select_best", arguments.clone());
    eventually("the copies are there", Duration::from_secs(10), || running(&client));
    client.cancel(id);
    eventually("the copies go", Duration::from_secs(10), || left_in(scratch.path()) == 0);
    eventually("git forgets them", Duration::from_secs(10), || !root.join(".git/worktrees").exists());

    client.begin_call("maestro_select_best", arguments);
    eventually("the copies are there", Duration::from_secs(10), || running(&client));
    std::thread::sleep(Duration::from_millis(300));
    client.signal("KILL");
    assert_eq!(left_in(scratch.path()), 1);
    let next = Command::new(crate::harness::binary())
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("TMPDIR", scratch.path().to_str().unwrap())])
        .current_dir(&root)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut next = next.unwrap();
    let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "maestro_verify", "arguments": { "commands": [{ "command": "git status" }] } } });
    let hello =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": crate::harness::hello() });
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let input = next.stdin.as_mut().unwrap();
    std::io::Write::write_all(input, format!("{hello}\n{ready}\n{call}\n").as_bytes()).unwrap();
    eventually("the next server removes them", Duration::from_secs(10), || left_in(scratch.path()) == 0);
    eventually("git forgets them", Duration::from_secs(10), || {
        git(&root, &["worktree", "list"]).lines().count() == 1
    });
    let _ = next.kill();
    let _ = next.wait();
}
