//! Random edits of random trees: what `maestro_apply_patch` makes of a patch is what `git apply`
//! makes of it, byte for byte and mode for mode, and a restore makes the tree what it was.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::{apply, assert_same, restore, snapshot};
use crate::harness::{Client, Seeded, Server};

type Files = BTreeMap<String, (bool, Vec<u8>)>;

const NAMES: [&str; 12] = [
    "a.txt",
    "b c.txt",
    "größe.md",
    "파일.rs",
    "q\"uote.txt",
    "tab\there.txt",
    "UPPER",
    "x.y.z",
    "-dash",
    "back\\slash",
    "émoji🙂.py",
    "plain",
];
const DIRECTORIES: [&str; 6] = ["", "src/", "src/deep/", "with blank/", "a/", "b/"];

fn content(seeded: &mut Seeded) -> Vec<u8> {
    let ends = if seeded.below(5) == 0 { "\r\n" } else { "\n" };
    let mut text = String::new();
    for number in 0..seeded.below(60) {
        text += &match seeded.below(6) {
            0 => String::new(),
            1 => "    }".to_owned(),
            2 => "-- a comment".to_owned(),
            3 => "++ another".to_owned(),
            _ => format!("line {number} {}", seeded.below(1000)),
        };
        text += ends;
    }
    if seeded.below(4) == 0 {
        text.truncate(text.trim_end().len());
    }
    text.into_bytes()
}

fn edited(seeded: &mut Seeded, content: &[u8]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> =
        content.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    for _ in 0..=seeded.below(5) {
        let at = seeded.below(lines.len() + 1);
        match seeded.below(3) {
            0 => lines.insert(at, format!("new {}\n", seeded.below(1000)).into_bytes()),
            1 if at < lines.len() => drop(lines.remove(at)),
            _ if at < lines.len() => lines[at] = b"changed\n".to_vec(),
            _ => {}
        }
    }
    let mut all = lines.concat();
    if seeded.below(6) == 0 && all.ends_with(b"\n") {
        all.pop();
    }
    all
}

fn tree(seeded: &mut Seeded) -> Files {
    let mut files = Files::new();
    for _ in 0..4 + seeded.below(8) {
        let name = format!("{}{}", DIRECTORIES[seeded.below(6)], NAMES[seeded.below(12)]);
        files.insert(name, (seeded.below(3) == 0, content(seeded)));
    }
    files.retain(|name, _| name != "a" && name != "b");
    files
}

fn after(seeded: &mut Seeded, before: &Files) -> Files {
    let mut files = before.clone();
    for name in before.keys() {
        match seeded.below(7) {
            0 => drop(files.remove(name)),
            1 => {
                let moved = files.remove(name).unwrap();
                files.insert(format!("moved/{}-{name}", seeded.below(100)), moved);
            }
            2 => files.get_mut(name).unwrap().0 ^= true,
            3 | 4 => {
                let file = files.get_mut(name).unwrap();
                file.1 = edited(seeded, &file.1.clone());
            }
            5 => {
                let (mode, old) = files.remove(name).unwrap();
                let new = edited(seeded, &old);
                files.insert(format!("moved/{name}"), (mode, new));
            }
            _ => {}
        }
    }
    for number in 0..seeded.below(3) {
        files.insert(
            format!("created {number}/{}", NAMES[seeded.below(12)]),
            (seeded.below(2) == 0, content(seeded)),
        );
    }
    files
}

fn write(root: &Path, files: &Files) {
    for (name, (executable, content)) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        let mode = if *executable { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// Removes everything but git's and our own.
fn clear(root: &Path) {
    for entry in std::fs::read_dir(root).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.ends_with(".git") || path.ends_with(".maestro") {
            continue;
        }
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else {
            std::fs::remove_file(path).unwrap();
        }
    }
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let out = Command::new("git")
        .args([
            "-c",
            "core.autocrlf=false",
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@t",
            "-c",
            "core.safecrlf=false",
        ])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(out.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn round(client: &mut Client, twin: &Path, seed: u64) {
    let mut seeded = Seeded(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let before = tree(&mut seeded);
    let after = after(&mut seeded, &before);
    for _ in 0..8 {
        seeded.below(2);
    }
    // The twin is a repository, in which git makes the patch and applies it.
    clear(twin);
    write(twin, &after);
    git(twin, &["add", "-A"]);
    let target = git(twin, &["write-tree"]);
    clear(twin);
    write(twin, &before);
    git(twin, &["add", "-A"]);
    let context = format!("-U{}", 1 + seeded.below(4));
    let mut options = vec!["diff-index", "-p", "--cached", "--full-index", "-R", context.as_str()];
    options.extend([["--no-renames"], ["-M"]][seeded.below(2)]);
    options.push(target.trim());
    let patch = git(twin, &options);
    if patch.is_empty() {
        return;
    }
    let project = client.project();
    clear(&project);
    write(&project, &before);
    let original = snapshot(&project);
    let file = twin.parent().unwrap().join("patch.diff");
    std::fs::write(&file, &patch).unwrap();
    git(twin, &["apply", "--whitespace=nowarn", file.to_str().unwrap()]);
    let result = apply(client, &patch);
    assert_eq!(result["ok"], true, "seed {seed}: {result}\n{patch}");
    assert_eq!(result["offsets"], json!([]), "seed {seed}");
    assert_same(&snapshot(&project), &snapshot(twin), &format!("seed {seed}, {result}\n{patch}"));
    let undone = restore(client, &result["backup_session"]);
    assert_eq!(undone["ok"], true, "seed {seed}: {undone}");
    assert_same(&snapshot(&project), &original, &format!("seed {seed}: restored"));
}

fn rounds(count: u64) {
    let twin = tempfile::tempdir().unwrap();
    let repository = twin.path().join("repository");
    std::fs::create_dir(&repository).unwrap();
    git(&repository, &["init", "-q"]);
    let mut client = Server::new().start();
    for seed in 1..=count {
        round(&mut client, &repository, seed);
    }
}

#[test]
fn random_edits_are_what_git_makes_of_them() {
    // `make soak` asks for more of them.
    let asked = std::env::var("MAESTRO_SOAK_EDITS").ok();
    rounds(asked.map_or(200, |count| count.parse().unwrap()));
}
