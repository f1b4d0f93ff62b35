//! Servers that are killed while they apply a patch, and two servers that patch at once.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Snapshot, apply, assert_same, snapshot};
use crate::harness::{Client, PATIENCE, Seeded, Server, binary, eventually};

const FILES: usize = 300;

/// A project of many files, and a patch that changes, creates and deletes.
fn many() -> (Server, String) {
    let mut server = Server::new();
    let mut patch = String::new();
    for number in 0..FILES {
        let path = format!("d{}/f{number:03}.txt", number % 7);
        match number % 3 {
            0 => {
                server = server.file(&path, "old\n");
                patch += &format!("--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-old\n+new {number}\n");
            }
            1 => {
                server = server.file(&path, "gone\n");
                patch += &format!("--- a/{path}\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n");
            }
            _ => patch += &format!("--- /dev/null\n+++ b/new{}/{path}\n@@ -0,0 +1 @@\n+made\n", number % 5),
        }
    }
    (server, patch)
}

/// Another server on the same project.
struct Second(std::process::Child, std::process::ChildStdin, std::io::BufReader<std::process::ChildStdout>);

impl Second {
    fn start(project: &Path) -> Self {
        use std::process::{Command, Stdio};
        let mut child = Command::new(binary())
            .env_clear()
            .env("HOME", project.parent().unwrap().join("home"))
            .current_dir(project)
            .env("CLAUDE_PROJECT_DIR", project)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut second = Self(child, input, output);
        second.send(
            &json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": crate::harness::hello() }),
        );
        second.reply();
        second.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        second
    }

    fn send(&mut self, message: &Value) {
        use std::io::Write as _;
        writeln!(self.1, "{message}").unwrap();
    }

    fn begin(&mut self, tool: &str, arguments: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": arguments } }));
    }

    fn reply(&mut self) -> Value {
        use std::io::BufRead as _;
        let mut line = String::new();
        self.2.read_line(&mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()["result"]["structuredContent"].clone()
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.begin(tool, arguments);
        self.reply()
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_open(project: &Path) -> bool {
    std::fs::read_dir(project.join(".maestro/backups/.open")).is_ok_and(|mut found| found.next().is_some())
}

/// True if a session has a directory, or with `manifest` a manifest in it. Both stay when it ends well.
fn has_begun(project: &Path, manifest: bool) -> bool {
    std::fs::read_dir(project.join(".maestro/backups")).is_ok_and(|found| {
        found
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name().unwrap().len() == 36)
            .any(|path| !manifest || path.join("manifest.json").exists())
    })
}

/// Kills a server `delay` after it has begun a session, and returns the tree at that moment.
fn killed(client: &mut Client, patch: &str, manifest: bool, delay: Duration) -> Snapshot {
    client.begin_call("maestro_apply_patch", json!({ "patch": patch }));
    let started = Instant::now();
    let project = client.project();
    while !has_begun(&project, manifest) {
        assert!(started.elapsed() < PATIENCE, "the change never begins");
        std::thread::yield_now();
    }
    std::thread::sleep(delay);
    client.signal("KILL");
    snapshot(&project)
}

#[test]
fn a_kill_in_the_middle_is_undone_by_the_next_call_of_any_tool() {
    let mut seeded = Seeded(20_261_121);
    let (mut mixed, mut undone) = (0, 0);
    for round in 0..24 {
        let (server, patch) = many();
        let before = snapshot(&server.project());
        let mut client = server.start();
        let delay = Duration::from_micros(u64::try_from(seeded.below(25_000)).unwrap());
        let after_kill = killed(&mut client, &patch, round % 2 == 0, delay);
        let project = client.project();
        let was_open = is_open(&project);
        mixed += usize::from(after_kill != before && was_open);
        let mut next = Second::start(&project);
        let tool = ["maestro_pack_context", "maestro_apply_patch"][round % 2];
        let arguments = [json!({}), json!({ "patch": "no diff" })][round % 2].clone();
        let result = next.call(tool, &arguments);
        assert_eq!(result.get("restored_after_crash").is_some(), was_open, "{delay:?}: {result}");
        if was_open {
            undone += 1;
            assert_eq!(result["restored_after_crash"][0]["notes"], json!([]), "{result}");
            assert_same(&snapshot(&project), &before, &format!("killed after {delay:?}"));
        }
        assert!(!is_open(&project));
        assert!(next.call(tool, &arguments).get("restored_after_crash").is_none());
    }
    assert!(mixed >= 3, "only {mixed} of {undone} kills came in the middle");
}

/// A project in which a server was killed in the middle of a patch.
pub(crate) fn cut_short() -> Client {
    for _ in 0..20 {
        let (server, patch) = many();
        let mut client = server.start();
        killed(&mut client, &patch, true, Duration::ZERO);
        if is_open(&client.project()) {
            return client;
        }
    }
    panic!("every kill came too late");
}

#[test]
fn what_somebody_changed_after_the_kill_is_kept() {
    let client = cut_short();
    let project = client.project();
    std::fs::write(project.join("d0/f000.txt"), "mine\n").unwrap();
    let result = Second::start(&project).call("maestro_pack_context", &json!({}));
    let notes = result["restored_after_crash"][0]["notes"].to_string();
    assert!(notes.contains("d0/f000.txt") && notes.contains("was left as it is"), "{result}");
    assert_eq!(std::fs::read(project.join("d0/f000.txt")).unwrap(), b"mine\n");
    assert_eq!(std::fs::read(project.join("d3/f003.txt")).unwrap(), b"old\n");
}

#[test]
fn two_servers_at_once_never_mix() {
    for round in 0..6 {
        let (server, first) = many();
        let second = first.replace("+new ", "+other ").replace("+made", "+built");
        let mut client = server.start();
        let project = client.project();
        let mut other = Second::start(&project);
        let id = client.begin_call("maestro_apply_patch", json!({ "patch": first }));
        other.begin("maestro_apply_patch", &json!({ "patch": second }));
        let (mine, theirs) = (client.result(id), other.reply());
        assert!(mine["ok"] != theirs["ok"], "round {round}: {mine} {theirs}");
        let word = if mine["ok"] == true { ("new", "made") } else { ("other", "built") };
        for number in 0..FILES {
            let path = format!("d{}/f{number:03}.txt", number % 7);
            match number % 3 {
                0 => assert_eq!(
                    std::fs::read_to_string(project.join(path)).unwrap(),
                    format!("{} {number}\n", word.0)
                ),
                1 => assert!(!project.join(path).exists()),
                _ => {
                    let path = project.join(format!("new{}", number % 5)).join(path);
                    assert_eq!(std::fs::read_to_string(path).unwrap(), format!("{}\n", word.1));
                }
            }
        }
    }
}

#[test]
fn who_waits_too_long_for_another_server_is_refused() {
    let mut client = Server::new().file("f.txt", "one\n").start();
    let backups = client.project().join(".maestro/backups");
    std::fs::create_dir_all(&backups).unwrap();
    let held = std::fs::File::create(backups.join(".lock")).unwrap();
    held.lock().unwrap();
    let patch = "--- a/f.txt\n+++ b/f.txt\n@@ -1 +1 @@\n-one\n+two\n";
    let result = apply(&mut client, patch);
    assert_eq!(result["code"], "change_locked", "{result}");
    drop(held);
    assert_eq!(apply(&mut client, patch)["ok"], true);
}

/// Exchanges two names atomically.
fn exchange(left: &Path, right: &Path) {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, left, CWD, right, RenameFlags::EXCHANGE).unwrap();
}

/// A directory is swapped for a link again and again while patches are applied into it.
#[test]
fn a_link_that_is_swapped_in_leads_nowhere() {
    let outside = tempfile::tempdir().unwrap();
    let server = Server::new().file("d/f.txt", "one\n");
    let project = server.project();
    symlink(outside.path(), project.join("link")).unwrap();
    let mut client = server.start();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let swapper = std::thread::spawn({
        let (stop, project) = (stop.clone(), project.clone());
        move || {
            let mut swaps = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                exchange(&project.join("d"), &project.join("link"));
                std::thread::sleep(Duration::from_micros(300));
                exchange(&project.join("d"), &project.join("link"));
                std::thread::sleep(Duration::from_micros(700));
                swaps += 1;
            }
            swaps
        }
    });
    let mut codes = std::collections::BTreeMap::new();
    for number in 0..300 {
        let patch = format!("--- /dev/null\n+++ b/d/n{number}.txt\n@@ -0,0 +1 @@\n+x\n");
        let result = apply(&mut client, &patch);
        *codes.entry(result["code"].as_str().unwrap_or("ok").to_owned()).or_insert(0) += 1;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(swapper.join().unwrap() > 10);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0, "{codes:?}");
    assert!(codes.contains_key("ok") && codes.len() > 1, "{codes:?}");
}

/// A file that somebody writes while a patch is applied keeps their text. If that stops the patch, nothing
/// else changes.
#[test]
fn a_file_that_changes_meanwhile_is_not_overwritten() {
    let mut seeded = Seeded(7);
    let mut refused = 0;
    for _ in 0..12 {
        let (server, patch) = many();
        let mut before = snapshot(&server.project());
        let mut client = server.start();
        let project = client.project();
        let id = client.begin_call("maestro_apply_patch", json!({ "patch": patch }));
        eventually("the change begins", PATIENCE, || has_begun(&project, false));
        std::thread::sleep(Duration::from_micros(u64::try_from(seeded.below(30_000)).unwrap()));
        std::fs::write(project.join("d3/f297.txt"), "mine\n").unwrap();
        let result = client.result(id);
        assert_eq!(std::fs::read(project.join("d3/f297.txt")).unwrap(), b"mine\n", "{result}");
        if result["ok"] == false {
            refused += 1;
            assert_eq!(result["code"], "file_changed", "{result}");
            before.get_mut("d3/f297.txt").unwrap().1 = b"mine\n".to_vec();
            assert_same(&snapshot(&project), &before, "refused");
        }
    }
    assert!(refused > 0);
}
