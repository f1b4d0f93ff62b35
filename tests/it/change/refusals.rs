//! Patches that must be refused, and files that must stay as they are.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::{Value, json};

use super::{apply, assert_same, restore, snapshot};
use crate::harness::{Client, Server};

const CHANGE: &str = "--- a/f.txt\n+++ b/f.txt\n@@ -1 +1 @@\n-one\n+two\n";

fn creating(path: &str) -> String {
    format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+planted\n")
}

fn changing(path: &str) -> String {
    CHANGE.replace("f.txt", path)
}

fn started() -> Client {
    Server::new().file("f.txt", "one\n").start()
}

fn read(client: &Client, path: &str) -> String {
    std::fs::read_to_string(client.project().join(path)).unwrap()
}

#[test]
fn links_are_refused_wherever_they_are() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("f.txt"), "one\n").unwrap();
    let server = Server::new().file("f.txt", "one\n").file("real/f.txt", "one\n");
    let project = server.project();
    symlink(outside.path(), project.join("out")).unwrap();
    symlink(outside.path().join("f.txt"), project.join("link.txt")).unwrap();
    symlink("f.txt", project.join("inner.txt")).unwrap();
    symlink("real", project.join("alias")).unwrap();
    let before = snapshot(&project);
    let mut client = server.start();
    for path in ["out/f.txt", "link.txt", "inner.txt", "alias/f.txt"] {
        let result = apply(&mut client, &changing(path));
        assert_eq!(result["code"], "path_refused", "{path}: {result}");
        assert!(result["error"].as_str().unwrap().contains("symbolic link"), "{path}: {result}");
    }
    for path in ["out/new.txt", "alias/new.txt", "link.txt"] {
        assert_eq!(apply(&mut client, &creating(path))["code"], "path_refused", "{path}");
    }
    assert_same(&snapshot(&client.project()), &before, "links");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn the_root_is_not_the_caller_s_to_choose() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("f.txt"), "one\n").unwrap();
    let mut client =
        Server::new().file("f.txt", "one\n").file("sub/f.txt", "one\n").file(".git/f.txt", "one\n").start();
    let mut applied =
        |root: &str| client.call("maestro_apply_patch", json!({ "patch": CHANGE, "workspace_root": root }));
    for root in [outside.path().to_str().unwrap(), "..", "/", "sub/../..", "nothing", "f.txt", ".git"] {
        assert_eq!(applied(root)["code"], "path_refused", "{root}");
    }
    let result = applied("sub");
    assert_eq!(result["files_changed"], json!(["sub/f.txt"]), "{result}");
    assert_eq!((read(&client, "f.txt"), read(&client, "sub/f.txt")), ("one\n".into(), "two\n".into()));
    let undone = client.call(
        "maestro_restore_from_backup",
        json!({ "backup_session": result["backup_session"], "workspace_root": "sub", "files": ["f.txt"] }),
    );
    assert_eq!(undone["restored_files"], json!(["sub/f.txt"]), "{undone}");
    assert_eq!(read(&client, "sub/f.txt"), "one\n");
    assert_eq!(std::fs::read(outside.path().join("f.txt")).unwrap(), b"one\n");
}

#[test]
fn further_roots_are_read_and_not_changed() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("f.txt"), "one\n").unwrap();
    let root = outside.path().canonicalize().unwrap().display().to_string();
    let mut client = Server::new().env("MAESTRO_REPO_ROOTS", &root).file("f.txt", "one\n").start();
    for dry_run in [true, false] {
        let arguments = json!({ "patch": CHANGE, "workspace_root": root, "dry_run": dry_run });
        let result = client.call("maestro_apply_patch", arguments);
        assert_eq!(result["code"], "path_refused", "{result}");
        assert!(result.to_string().contains("changes are made in the project root"), "{result}");
    }
    assert_eq!(std::fs::read(outside.path().join("f.txt")).unwrap(), b"one\n");
}

#[test]
fn secrets_and_internals_are_refused_by_name() {
    let mut client = started();
    for path in [
        ".env",
        "a/.env.local",
        "id_rsa",
        "x/server.pem",
        ".git/config",
        "vendor/x/.git/hooks/pre-commit",
        ".GIT/config",
        ".maestro/cli_clients.yaml",
        "sub/.maestro/x",
        ".npmrc",
        "a/.ssh/config",
        "ca.crt",
        "node_modules/.bin/jest",
        ".venv/bin/pytest",
        "app/venv/x.py",
        "__pycache__/a.py",
        "a.pyc",
        "prod.env",
        "aws_credentials.csv",
        "team-secrets.txt",
    ] {
        let result = apply(&mut client, &creating(path));
        assert_eq!(result["code"], "path_refused", "{path}: {result}");
        assert!(!client.project().join(path).exists());
    }
    for path in [
        "secret_santa.py", "my_secrets.rs", "credentials_test.go", "pem.rs", "keyboard.key.ts", ".gitignore",
        ".env.example", "tokenizer.json",
    ] {
        assert_eq!(apply(&mut client, &creating(path))["ok"], true, "{path}");
    }
}

#[test]
fn what_is_too_large_or_no_file_is_refused_and_kept() {
    let mut large = "one\n".to_owned();
    large.push_str(&"x".repeat(1_000_000));
    let server = Server::new().file("f.txt", large).file("dir/x", "x").file("ok.txt", "one\n");
    let pipe = server.project().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut client = server.start();
    let both = format!("{}{CHANGE}", changing("ok.txt"));
    assert_eq!(apply(&mut client, &both)["code"], "file_too_large");
    assert_eq!(read(&client, "ok.txt"), "one\n");
    assert_eq!(read(&client, "f.txt").len(), 1_000_004);
    for path in ["dir", "pipe", "ok.txt/below"] {
        assert_eq!(apply(&mut client, &changing(path))["code"], "path_refused", "{path}");
        assert_eq!(apply(&mut client, &creating(path))["code"], "path_refused", "{path}");
    }
    let grown = format!("--- /dev/null\n+++ b/big\n@@ -0,0 +1 @@\n+{}\n", "x".repeat(1_000_000));
    assert_eq!(apply(&mut client, &grown)["code"], "file_too_large");
}

#[test]
fn a_session_is_a_name_and_never_a_path() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("planted.txt"), "x").unwrap();
    let mut client = started();
    let session = apply(&mut client, CHANGE)["backup_session"].clone();
    let before = snapshot(&client.project());
    let name = session.as_str().unwrap();
    for wrong in [
        "",
        ".",
        "..",
        "../..",
        "/",
        outside.path().to_str().unwrap(),
        "../backups",
        ".open",
        &format!("./{name}"),
        &format!("../backups/{name}"),
        &name.to_uppercase(),
        &format!("{name}/"),
        "01a2b3c4-d5e6-7f80-9a1b-2c3d4e5f6071",
    ] {
        let result = restore(&mut client, &json!(wrong));
        assert_eq!(result["code"], "backup_unknown", "{wrong}: {result}");
        assert_eq!((&result["ok"], &result["restored_files"]), (&json!(false), &json!([])), "{wrong}");
    }
    assert_same(&snapshot(&client.project()), &before, "nothing was restored");
    let none =
        client.call("maestro_restore_from_backup", json!({ "backup_session": name, "files": ["other.txt"] }));
    assert_eq!(none["ok"], false);
    assert_eq!(none["failed"][0]["path"], "other.txt");
    let empty = client.call("maestro_restore_from_backup", json!({ "backup_session": name, "files": [] }));
    assert_eq!(empty["ok"], false, "{empty}");
}

/// A backup is a file in the project, so anybody can have forged it.
#[test]
fn a_forged_backup_reaches_nothing() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("f.txt"), "one\n").unwrap();
    let mut client = Server::new().file("f.txt", "one\n").file(".env", "TOKEN=1\n").start();
    let result = apply(&mut client, CHANGE);
    let path = client.project().join(result["backup_dir"].as_str().unwrap()).join("manifest.json");
    let manifest: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for target in [".env", ".git/hooks/pre-commit", "../x", "/tmp/x", ".maestro/maestro.yaml", "a/./b"] {
        let mut forged = manifest.clone();
        forged["files"][0]["path"] = json!(target);
        std::fs::write(&path, forged.to_string()).unwrap();
        let result = restore(&mut client, &result["backup_session"]);
        assert_eq!((&result["ok"], &result["restored_files"]), (&json!(false), &json!([])), "{target}");
    }
    let mut forged = manifest.clone();
    forged["root"] = json!(outside.path());
    std::fs::write(&path, forged.to_string()).unwrap();
    assert_eq!(restore(&mut client, &result["backup_session"])["code"], "backup_unknown");
    std::fs::write(&path, manifest.to_string()).unwrap();
    std::fs::write(path.parent().unwrap().join("0.original"), "forged\n").unwrap();
    assert_eq!(restore(&mut client, &result["backup_session"])["ok"], false);
    assert_eq!((read(&client, "f.txt"), read(&client, ".env")), ("two\n".into(), "TOKEN=1\n".into()));
}

#[test]
fn a_restore_follows_no_link() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("f.txt"), "outside\n").unwrap();
    let mut client = Server::new().file("d/f.txt", "one\n").start();
    let session = apply(&mut client, &changing("d/f.txt"))["backup_session"].clone();
    let project = client.project();
    std::fs::rename(project.join("d"), project.join("moved")).unwrap();
    symlink(outside.path(), project.join("d")).unwrap();
    let result = restore(&mut client, &session);
    assert_eq!(result["ok"], false, "{result}");
    assert!(result["failed"][0]["error"].as_str().unwrap().contains("symbolic link"), "{result}");
    std::fs::remove_file(project.join("d")).unwrap();
    std::fs::rename(project.join("moved"), project.join("d")).unwrap();
    std::fs::remove_file(project.join("d/f.txt")).unwrap();
    symlink(outside.path().join("f.txt"), project.join("d/f.txt")).unwrap();
    assert_eq!(restore(&mut client, &session)["ok"], false);
    assert_eq!(std::fs::read(outside.path().join("f.txt")).unwrap(), b"outside\n");
}

#[test]
fn sessions_are_distinct_however_fast_they_come() {
    let mut client = started();
    let back = "--- a/f.txt\n+++ b/f.txt\n@@ -1 +1 @@\n-two\n+one\n";
    let first = apply(&mut client, CHANGE)["backup_session"].clone();
    let second = apply(&mut client, back)["backup_session"].clone();
    let third = apply(&mut client, CHANGE)["backup_session"].clone();
    assert!(first != second && second != third);
    for (session, content) in [(third, "one\n"), (second, "two\n"), (first, "one\n")] {
        assert_eq!(restore(&mut client, &session)["ok"], true);
        assert_eq!(read(&client, "f.txt"), content);
    }
}

#[test]
fn a_restore_of_an_edited_file_loses_nothing() {
    let mut client = Server::new().file("f.txt", "one\n").file("g.txt", "one\n").start();
    let patch = format!("{CHANGE}{}", changing("g.txt"));
    let session = apply(&mut client, &patch)["backup_session"].clone();
    std::fs::write(client.project().join("f.txt"), "edited\n").unwrap();
    std::fs::set_permissions(client.project().join("f.txt"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let edited = snapshot(&client.project());
    let result = restore(&mut client, &session);
    assert_eq!(result["changed_since"], json!(["f.txt"]), "{result}");
    assert_eq!(read(&client, "f.txt"), "one\n");
    assert_eq!(restore(&mut client, &result["undo_session"])["ok"], true);
    assert_same(&snapshot(&client.project()), &edited, "the restore undone");
}

#[test]
fn only_the_named_files_are_restored() {
    let mut client = Server::new().file("f.txt", "one\n").file("g.txt", "one\n").start();
    let patch = format!("{CHANGE}{}{}", changing("g.txt"), creating("new/n.txt"));
    let session = apply(&mut client, &patch)["backup_session"].clone();
    let result = client.call(
        "maestro_restore_from_backup",
        json!({ "backup_session": session, "files": ["./g.txt", "new/n.txt"] }),
    );
    assert_eq!(result["restored_files"], json!(["g.txt", "new/n.txt"]), "{result}");
    assert_eq!(result["removed_files"], json!(["new/n.txt"]));
    assert_eq!((read(&client, "f.txt"), read(&client, "g.txt")), ("two\n".into(), "one\n".into()));
    assert!(!client.project().join("new").exists());
}

#[test]
fn a_patch_that_only_creates_has_a_backup_too() {
    let mut client = started();
    let result = apply(&mut client, &creating("deep/er/n.txt"));
    let directory = result["backup_dir"].as_str().unwrap();
    assert_eq!(directory.rsplit('/').next(), result["backup_session"].as_str());
    assert!(client.project().join(directory).is_dir());
    assert_eq!(restore(&mut client, &result["backup_session"])["ok"], true);
    assert!(!client.project().join("deep").exists());
}

#[test]
fn a_consultant_changes_nothing() {
    let mut client = Server::new().file("f.txt", "one\n").env("MAESTRO_DEPTH", "1").start();
    assert_eq!(apply(&mut client, CHANGE)["code"], "nested_consult");
    assert_eq!(read(&client, "f.txt"), "one\n");
}

/// A file that runs or permits something by itself is changed only by the user, or by a change that the user
/// approved.
#[test]
fn what_acts_by_itself_is_refused_outside_an_approved_change() {
    let manifest = "{ \"scripts\": { \"test\": \"jest\" } }\n";
    let mut client = Server::new()
        .file("package.json", manifest)
        .file(".vscode/tasks.json", "{}\n")
        .file("pyproject.toml", "[project]\nname = 'x'\n")
        .start();
    let before = snapshot(&client.project());
    let create = |path: &str| format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n");
    let cases = [
        create(".claude/settings.json"),
        create(".mcp.json"),
        create(".github/workflows/ci.yml"),
        create(".husky/pre-commit"),
        create(".bashrc"),
        create("sub/.profile"),
        create("pytest.ini").replace("+x", "+addopts = -p x"),
        "--- a/.vscode/tasks.json\n+++ b/.vscode/tasks.json\n@@ -1 +1 @@\n-{}\n+{ }\n".to_owned(),
        "diff --git a/package.json b/.husky/x\nrename from package.json\nrename to .husky/x\n".to_owned(),
        format!(
            "--- a/package.json\n+++ b/package.json\n@@ -1 +1 @@\n-{manifest}+{}",
            manifest.replace("jest", "x")
        ),
        "--- a/pyproject.toml\n+++ b/pyproject.toml\n@@ -2 +2,2 @@\n name = 'x'\n+addopts = '-p evil'\n"
            .to_owned(),
    ];
    for patch in cases {
        for dry_run in [true, false] {
            let reply = client.call("maestro_apply_patch", json!({ "patch": patch, "dry_run": dry_run }));
            assert_eq!(
                (&reply["ok"], &reply["code"]),
                (&json!(false), &json!("change_acts")),
                "{patch}: {reply}"
            );
        }
    }
    assert_same(&snapshot(&client.project()), &before, "refused changes");
    // Sources that the project's own checks run anyway are ordinary sources.
    for path in ["conftest.py", "Makefile", "tests/test_a.py"] {
        assert_eq!(
            client.call("maestro_apply_patch", json!({ "patch": create(path) }))["ok"],
            true,
            "{path}"
        );
    }
}
