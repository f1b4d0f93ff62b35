//! Candidates tried in copies of the project; the project itself stays as it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{candidate, select};
use crate::harness::{Client, Server, eventually, git};

const TESTS: &str = "import unittest\nfrom cart import total\n\nclass A(unittest.TestCase):\n    def test_sum(self): self.assertEqual(total([1, 2]), 3)\n    def test_none(self): self.assertEqual(total([]), 0)\n";
const CART: &str = "def total(items):\n    # add them up\n    return sum(items) + 1\n";

/// A project with a committed fault and an uncommitted second test.
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

/// Every file below a directory with its bytes, except the project's own log.
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
    assert_eq!(report("short")["standing"], "proven");
    assert_eq!(
        report("short")["proven_by"],
        json!(["test_cart.A.test_none", "test_cart.A.test_sum"]),
        "{}",
        report("short")
    );
    assert!(report("no-tests")["reasons"][1].as_str().unwrap().contains("removes, skips"), "{result}");
    assert_eq!(report("half")["checks"][0]["failing"], json!(["test_cart.A.test_none"]));
    assert!(report("elsewhere")["does_not_apply"].as_str().unwrap().contains("cart.py"));
    // The uncommitted test ran as well.
    assert_eq!(result["base"][0]["totals"]["failed"], 2);
    assert!(result["warning"].as_str().unwrap().contains("prose"));

    eventually("the copies go", Duration::from_secs(10), || left_in(scratch.path()) == 0);
    eventually("git forgets them", Duration::from_secs(10), || !root.join(".git/worktrees").exists());
    let after = tree(&root);
    let changed: Vec<&PathBuf> =
        before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).collect();
    assert!(changed.is_empty(), "{changed:?}");
}

/// A project from an archive brings its own git configuration.
#[test]
fn a_trial_starts_nothing_that_the_repository_configures() {
    let (server, _scratch) = project();
    let root = server.project();
    let mark = root.parent().unwrap().join("it-ran");
    let program = server.program("evil", &format!("#!/bin/sh\ntouch {}\nexec cat\n", mark.display()));
    std::fs::write(root.join(".gitattributes"), "*.py filter=evil diff=evil\n").unwrap();
    git(&root, &["add", "-A"]);
    git(&root, &["commit", "-qm", "second"]);
    for key in ["clean", "smudge", "process"].map(|key| format!("filter.evil.{key}")).iter().chain(&[
        "core.fsmonitor".to_owned(),
        "diff.evil.command".to_owned(),
        "diff.evil.textconv".to_owned(),
        "diff.external".to_owned(),
    ]) {
        git(&root, &["config", key, program.to_str().unwrap()]);
    }
    git(&root, &["config", "filter.evil.required", "true"]);
    for hook in ["post-checkout", "post-index-change", "reference-transaction"] {
        std::fs::copy(&program, root.join(".git/hooks").join(hook)).unwrap();
    }
    // One file that git has to inspect, and one that it does not know.
    std::fs::write(root.join("cart.py"), CART).unwrap();
    std::fs::write(root.join("more.py"), "x = 1\n").unwrap();
    let mut client = server.start();
    let result = tried(&mut client, json!([candidate("right", "codex", &diff("sum(items)"))]));
    assert_eq!(result["winner_id"], "right", "{result}");
    assert!(!mark.exists(), "a trial started a program of the repository's: {result}");
}

/// A repository whose configuration names other people's files as its own.
#[test]
fn a_trial_copies_nothing_from_outside_of_the_project() {
    let (server, _scratch) = project();
    let server = server.home_file("private.txt", "a private thing\n");
    let root = server.project();
    let home = root.parent().unwrap().join("home").display().to_string();
    let test = TESTS.replace("    def test_none", "    def test_private(self):\n        import os\n        self.assertFalse(os.path.exists('private.txt'))\n    def test_none");
    std::fs::write(root.join("test_cart.py"), test).unwrap();
    git(&root, &["add", "-A"]);
    git(&root, &["commit", "-qm", "second"]);
    git(&root, &["config", "core.worktree", &home]);
    let mut client = server.start();
    let result = tried(&mut client, json!([candidate("right", "codex", &diff("sum(items)"))]));
    assert!(!result.to_string().contains("test_private"), "{result}");
    let shown = client.call("maestro_verify", json!({ "commands": [{ "command": "git status --short" }] }));
    assert!(!shown.to_string().contains("private.txt"), "{shown}");
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

const LOOSENED: &str = "--- a/test_cart.py\n+++ b/test_cart.py\n@@ -4,3 +4,3 @@\n class A(unittest.TestCase):\n-    def test_sum(self): self.assertEqual(total([1, 2]), 3)\n-    def test_none(self): self.assertEqual(total([]), 0)\n+    def test_sum(self): self.assertEqual(total([1, 2]), 4)\n+    def test_none(self): self.assertEqual(total([]), 1)\n";

/// A candidate of a result, by its id.
fn report(result: &Value, id: &str) -> Value {
    result["candidates"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone()
}

fn reasons(result: &Value, id: &str) -> String {
    report(result, id)["reasons"].to_string()
}

#[test]
fn the_projects_own_tests_decide_and_who_weakens_them_is_named() {
    let (server, _scratch) = project();
    let mut client = server.file("pytest.ini", "[pytest]\n").start();
    let skipped = "--- a/test_cart.py\n+++ b/test_cart.py\n@@ -4,3 +4,4 @@\n class A(unittest.TestCase):\n+    @unittest.skip('later')\n     def test_sum(self): self.assertEqual(total([1, 2]), 3)\n     def test_none(self): self.assertEqual(total([]), 0)\n";
    let more = "--- a/test_cart.py\n+++ b/test_cart.py\n@@ -6,1 +6,2 @@\n     def test_none(self): self.assertEqual(total([]), 0)\n+    def test_one(self): self.assertEqual(total([1]), 1)\n";
    let runner = "--- a/pytest.ini\n+++ b/pytest.ini\n@@ -1,1 +1,2 @@\n [pytest]\n+testpaths = nowhere\n";
    let right = diff("sum(items)");
    let result = tried(
        &mut client,
        json!([
            candidate("loosened", "codex", LOOSENED),
            candidate("loosened-too", "claude", &format!("{LOOSENED}{}", diff("sum(items) + 1  # done"))),
            candidate("skips", "codex", &format!("{right}{skipped}")),
            candidate("runner", "claude", &format!("{right}{runner}")),
            candidate("adds", "gemini", &format!("{right}{more}")),
        ]),
    );
    assert_eq!(result["winner_id"], "adds", "{result}");
    for (id, standing, why) in [
        ("loosened", "failed", "test_cart.py"),
        ("loosened-too", "failed", "test_cart.py"),
        ("skips", "open", "removes, skips or rewrites tests; their own version was put back: test_cart.py"),
        ("runner", "open", "changes how tests are run; this was put back: pytest.ini"),
        ("adds", "proven", ""),
    ] {
        assert_eq!(report(&result, id)["standing"], standing, "{id}: {result}");
        assert!(reasons(&result, id).contains(why), "{id}: {}", reasons(&result, id));
        if standing == "open" {
            assert_eq!(report(&result, id)["behaves_like"], 1);
        }
    }
    // The author's own test is no proof and did not run.
    assert_eq!(report(&result, "adds")["adds_tests"], json!(["test_cart.py"]));
    assert_eq!(result["requires_review"], true);
}

#[test]
fn tests_that_the_project_passes_as_it_is_prove_nothing() {
    let (server, _scratch) = project();
    let weak = TESTS.replace("total([1, 2]), 3", "total([1, 2]), 4").replace("total([]), 0", "total([]), 1");
    std::fs::write(server.project().join("test_cart.py"), weak).unwrap();
    let mut client = server.start();
    let result = tried(
        &mut client,
        json!([
            candidate("a", "codex", &diff("1 + sum(items)")),
            candidate("b", "gemini", &diff("sum(items) + len([0])")),
            candidate("c", "claude", &diff("sum([1, *items])")),
        ]),
    );
    assert_eq!((&result["winner_id"], &result["requires_review"]), (&Value::Null, &json!(true)), "{result}");
    for id in ["a", "b", "c"] {
        assert_eq!(
            (&report(&result, id)["standing"], &report(&result, id)["tests"]),
            (&json!("open"), &json!("passed"))
        );
        assert!(reasons(&result, id).contains("the base passes these tests too"), "{result}");
    }
    let alone = tried(&mut client, json!([candidate("a", "codex", &diff("1 + sum(items)"))]));
    assert_eq!((&alone["winner_id"], &alone["requires_review"]), (&json!("a"), &json!(true)), "{alone}");
    assert!(alone["warning"].as_str().unwrap().contains("the base passes these tests too"));
}

#[test]
fn every_hunk_has_to_be_seen_by_a_test() {
    let (server, _scratch) = project();
    let mut client = server
        .file("price.py", "RATE = 2\n\ndef price(count):\n    return count * RATE\n")
        .file("NOTES.md", "Notes\n")
        .start();
    let sneaky = "--- a/price.py\n+++ b/price.py\n@@ -1,1 +1,1 @@\n-RATE = 2\n+RATE = 3\n";
    let notes = "--- a/NOTES.md\n+++ b/NOTES.md\n@@ -1,1 +1,2 @@\n Notes\n+The total is right now.\n";
    let right = diff("sum(items)");
    let result = tried(
        &mut client,
        json!([
            candidate("sneaky", "codex", &format!("{right}{sneaky}")),
            candidate("noted", "gemini", &format!("{right}{notes}")),
        ]),
    );
    assert_eq!(result["winner_id"], "noted", "{result}");
    assert_eq!(report(&result, "sneaky")["standing"], "open");
    assert!(
        reasons(&result, "sneaky")
            .contains("hunk 2 of 2 (price.py, line 1) can be undone, and no test fails"),
        "{result}"
    );
    assert_eq!(report(&result, "noted")["ablation"]["silent"], json!(["hunk 2 of 2 (NOTES.md, line 1)"]));
    // A bound that leaves out hunks is reported, and leaves the candidate unproven.
    let bounded = select(
        &mut client,
        json!({
            "candidates": [candidate("sneaky", "codex", &format!("{right}{sneaky}"))],
            "verify": [{ "command": "python3 -m unittest" }],
            "max_ablations": 1,
        }),
    );
    assert!(reasons(&bounded, "sneaky").contains("max_ablations was reached"), "{bounded}");
    assert_eq!(report(&bounded, "sneaky")["standing"], "open");
    let wrong = select(&mut client, json!({ "candidates": [], "max_ablations": 101 }));
    assert!(wrong["error"].as_str().unwrap().contains("max_ablations must be 0 to 100 (got 101)"), "{wrong}");
}

#[test]
fn two_hunks_that_need_one_another_are_both_seen() {
    let (server, _scratch) = project();
    let mut client = server.start();
    let helper = "--- a/cart.py\n+++ b/cart.py\n@@ -1,3 +1,3 @@\n def total(items):\n     # add them up\n-    return sum(items) + 1\n+    return added(items)\n--- /dev/null\n+++ b/adding.py\n@@ -0,0 +1,2 @@\n+def added(items):\n+    return sum(items)\n";
    let with_import = helper
        .replace("@@ -1,3 +1,3 @@\n def total", "@@ -1,3 +1,5 @@\n+from adding import added\n+\n def total");
    let result = tried(&mut client, json!([candidate("a", "codex", &with_import)]));
    assert_eq!((&result["winner_id"], &result["requires_review"]), (&json!("a"), &json!(false)), "{result}");
    assert_eq!(report(&result, "a")["ablation"], json!({ "parts": 2, "undone": 2, "unseen": [] }));
}

#[test]
fn a_winner_that_fails_when_it_is_run_once_more_gives_way_to_the_next() {
    let (server, _scratch) = project();
    let mut client = server.start();
    let flaky = "--- a/cart.py\n+++ b/cart.py\n@@ -1,3 +1,6 @@\n+import os\n+SEEN = os.path.exists('seen')\n+open('seen', 'w').close()\n def total(items):\n     # add them up\n-    return sum(items) + 1\n+    return sum(items) + SEEN\n";
    let lint = json!([{ "candidate_id": "flaky", "score": 1.0 }, { "candidate_id": "steady", "score": 0.5 }]);
    let result = select(
        &mut client,
        json!({
            "candidates": [candidate("flaky", "codex", flaky), candidate("steady", "gemini", &diff("sum(items)"))],
            "verify": [{ "command": "python3 -m unittest" }],
            "lint_results": lint,
        }),
    );
    assert_eq!(result["winner_id"], "steady", "{result}");
    assert_eq!(report(&result, "flaky")["standing"], "failed");
    assert!(reasons(&result, "flaky").contains("failed when it was run once more"), "{result}");
}

#[test]
fn candidates_that_pass_and_behave_differently_are_put_before_whoever_asked() {
    let (server, _scratch) = project();
    let mut client = server
        .file("tests/check_totals.py", "import sys\nsys.path.insert(0, '.')\nfrom cart import total\nprint(total([5, 6]), total([-1]))\n")
        .file("tests/check_time.py", "import sys, time\nsys.path.insert(0, '.')\nfrom cart import total\nbegin = time.perf_counter()\nprint(total([5, 6]), object())\nprint(f'done in {time.perf_counter() - begin:.9f}s')\n")
        .file("tests/check_chance.py", "import random\nprint(random.random())\n")
        .start();
    let fixed = |body: &str| diff(body);
    let all = json!([
        candidate("table", "codex", &fixed("{2: 3, 0: 0}[len(items)] if len(items) != 1 else 0")),
        candidate("table-too", "claude", &fixed("3 if len(items) > 1 else 0")),
        candidate("right", "gemini", &fixed("sum(items)")),
        candidate("right-too", "codex", &fixed("sum(item for item in items)")),
    ]);
    let with = |candidates: &Value, probe: Value, mode: &str| json!({ "candidates": candidates, "verify": [{ "command": "python3 -m unittest" }], "probe": probe, "mode": mode });
    let probe = json!([{ "command": "python3 tests/check_totals.py" }]);
    for mode in ["tests_first", "hybrid", "llm_judge"] {
        let result = select(&mut client, with(&all, probe.clone(), mode));
        assert_eq!((&result["ok"], &result["winner_id"]), (&json!(true), &Value::Null), "{result}");
        assert_eq!(result["requires_review"], true);
        assert_eq!(result["undecided_between"].as_array().unwrap().len(), 4);
        assert_eq!(report(&result, "table")["probes"][0]["stdout"], "3 0\n");
        assert_eq!(report(&result, "right")["probes"][0]["stdout"], "11 -1\n");
        assert_eq!(result["base_probes"][0]["stdout"], "12 0\n");
        assert!(result["hint"].as_str().unwrap().contains("ask which is right"));
    }
    // Without a probe nothing is settled either, and the result asks for one.
    let unprobed = select(&mut client, with(&all, json!([]), "tests_first"));
    assert_eq!(unprobed["winner_id"], Value::Null, "{unprobed}");
    assert!(unprobed["hint"].as_str().unwrap().contains("`probe`"));
    // If the outputs are equal, either candidate may win.
    let alike = json!([all[2], all[3]]);
    let settled = select(&mut client, with(&alike, probe.clone(), "tests_first"));
    assert_eq!(
        (&settled["winner_id"], &settled["requires_review"]),
        (&json!("right"), &json!(false)),
        "{settled}"
    );
    // Times and addresses differ from run to run, and hide no other difference.
    let timed = json!([{ "command": "python3 tests/check_time.py" }]);
    let settled = select(&mut client, with(&alike, timed.clone(), "tests_first"));
    assert_eq!(settled["winner_id"], "right", "{settled}");
    let differing = select(&mut client, with(&all, timed, "tests_first"));
    assert!(differing["hint"].as_str().unwrap().contains("ask which is right"), "{differing}");
    // Chance distinguishes nothing.
    let chance = json!([{ "command": "python3 tests/check_chance.py" }]);
    let unsettled = select(&mut client, with(&alike, chance, "tests_first"));
    assert_eq!(unsettled["winner_id"], Value::Null, "{unsettled}");
    assert!(unsettled["hint"].as_str().unwrap().contains("Give `probe`"), "{unsettled}");
    let note = report(&unsettled, "right")["probes"][0]["note"].clone();
    assert!(note.as_str().unwrap().contains("not deterministic"), "{unsettled}");
    // A probe that prints nothing shows nothing.
    let silent = json!([{ "command": "python3 test_cart.py" }]);
    let unsettled = select(&mut client, with(&alike, silent, "tests_first"));
    assert_eq!(unsettled["winner_id"], Value::Null, "{unsettled}");
    assert!(unsettled["hint"].as_str().unwrap().contains("the probes printed nothing"), "{unsettled}");
    for (arguments, why) in [
        (
            with(&all, json!([{ "command": "python3 -c pass" }]), "tests_first"),
            "probe: `python3 -c pass` is refused",
        ),
        (json!({ "candidates": all, "probe": probe }), "probe needs verify"),
    ] {
        let refused = select(&mut client, arguments);
        assert!(refused["error"].as_str().unwrap().contains(why), "{refused}");
    }
}

#[test]
fn who_tested_nothing_is_not_told_that_tests_passed() {
    let (server, _scratch) = project();
    let mut client = server.start();
    let candidates =
        json!([candidate("a", "codex", &diff("sum(items)")), candidate("b", "gemini", &diff("0"))]);
    let verify = json!([{ "command": ".venv/bin/python -m unittest" }]);
    let result = select(&mut client, json!({ "candidates": candidates, "verify": verify }));
    assert_eq!(result["winner_id"], Value::Null, "{result}");
    assert!(result["hint"].as_str().unwrap().starts_with("No test gave a result"), "{result}");
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
