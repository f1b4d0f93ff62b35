//! Random edits of random trees. `maestro_apply_patch` must produce the same bytes and modes as `git apply`,
//! and a restore must give the first tree back. A damaged patch must be applied as `git apply` applies it, or
//! be refused as a whole.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::{apply, assert_same, restore, snapshot};
use crate::harness::{Client, Seeded, Server};

type Files = BTreeMap<String, (bool, Vec<u8>)>;

const NAMES: [&str; 12] = [
    "a.txt", "b c.txt", "größe.md", "파일.rs", "q\"uote.txt", "tab\there.txt", "UPPER", "x.y.z", "-dash",
    "back\\slash", "émoji🙂.py", "plain",
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

/// Removes everything except git's and Maestro's own directories.
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

fn try_git(directory: &Path, arguments: &[&str]) -> Result<String, String> {
    let out = Command::new("git")
        .args([
            "-c", "core.autocrlf=false", "-c", "user.name=t", "-c", "user.email=t@t", "-c",
            "core.safecrlf=false",
        ])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    if out.status.success() {
        Ok(String::from_utf8(out.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&out.stderr).into_owned())
    }
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    try_git(directory, arguments).unwrap_or_else(|error| panic!("git {arguments:?}: {error}"))
}

/// A tree and the patch that changes it. Git makes the patch in the repository `twin`, which then holds the
/// tree before the change.
fn edit(seeded: &mut Seeded, twin: &Path) -> Option<(Files, String)> {
    let before = tree(seeded);
    let after = after(seeded, &before);
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
    (!patch.is_empty()).then_some((before, patch))
}

fn seeded(seed: u64) -> Seeded {
    Seeded(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
}

fn round(client: &mut Client, twin: &Path, seed: u64) {
    let Some((before, patch)) = edit(&mut seeded(seed), twin) else {
        return;
    };
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

/// Damages a patch as mail programs, terminals, models and length limits do.
#[expect(clippy::too_many_lines, reason = "one arm for each kind of damage")]
fn damaged(seeded: &mut Seeded, patch: &str) -> String {
    let mut lines: Vec<String> = patch.split_inclusive('\n').map(str::to_owned).collect();
    // Git takes fences for text around the patch. The damage moves their lines like others.
    let is_fenced = seeded.below(3) == 0;
    if is_fenced {
        lines.insert(0, "```diff\n".to_owned());
        lines.push("```\n".to_owned());
    }
    let at = seeded.below(lines.len());
    let to = seeded.below(lines.len());
    match seeded.below(24) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        2 => {
            let letters: Vec<char> = lines[at].trim_end().chars().collect();
            let keep = seeded.below(letters.len() + 1);
            lines[at] = letters.into_iter().take(keep).collect::<String>() + "\n";
        }
        3 => lines[at] = lines[at].strip_prefix(' ').unwrap_or(&lines[at]).into(),
        4 => {
            let fence = ["```\n", "```sh\n", "~~~\n", "````\n", " ```\n", "+```\n"][seeded.below(6)];
            lines.insert(at, fence.to_owned());
        }
        5 => drop(lines.drain(..at.min(8))),
        6 => drop(lines.drain(at..)),
        7 => {
            let glued: Vec<String> = lines.iter().skip(to).cloned().collect();
            lines.extend(glued);
        }
        8 => {
            if let Some(header) = lines.iter_mut().find(|line| line.starts_with("@@")) {
                let digit = seeded.below(10).to_string();
                let place = header.find(|letter: char| letter.is_ascii_digit()).unwrap();
                let last = header.rfind(',').map_or(place, |comma| comma + 1);
                let place = [place, last][seeded.below(2)];
                header.replace_range(place..=place, &digit);
            }
        }
        9 => {
            let blank = lines[at].rfind(' ').filter(|blank| *blank > 0);
            if let Some(blank) = blank {
                lines[at].replace_range(blank..=blank, "\n");
            }
        }
        10 => lines.swap(at, to),
        11 => {
            let moved = lines.remove(at);
            lines.insert(to.min(lines.len()), moved);
        }
        12 => {
            let sign = ["+", "-", " ", "\\ ", "@@ "][seeded.below(5)];
            let rest: String = lines[at].chars().skip(1).collect();
            lines[at] = format!("{sign}{rest}");
        }
        13 => {
            let prose = ["And then:\n", "\n", "@@ here\n", "--- a/plain\n", "diff -u x y\n", "index 1..2\n"]
                [seeded.below(6)];
            lines.insert(at, prose.to_owned());
        }
        14 => lines.insert(at, "\\ No newline at end of file\n".to_owned()),
        17 => {
            if let Some(header) = lines.iter_mut().find(|line| line.starts_with("@@"))
                && let Some(place) = header.find('+')
            {
                let digit = seeded.below(10).to_string();
                header.replace_range(place + 1..=place + 1, &digit);
            }
        }
        18 => {
            let end = [" \n", "\t\n", "\r\n", "  \n"][seeded.below(4)];
            lines[at] = lines[at].trim_end_matches('\n').to_owned() + end;
        }
        19 => {
            let other = lines[to].clone();
            lines[at] = other;
        }
        20 => {
            let (from, end) = (at.min(to), at.max(to));
            drop(lines.drain(from..end));
        }
        21 => {
            let letters: Vec<char> = lines[at].chars().collect();
            let cut = seeded.below(letters.len() + 1);
            lines.truncate(at);
            lines.push(letters.into_iter().take(cut).collect());
        }
        22 => {
            let header = [
                "rename from a.txt\n",
                "rename to UPPER\n",
                "new mode 100755\n",
                "old mode 100644\n",
                "new file mode 100644\n",
                "deleted file mode 100644\n",
                "similarity index 100%\n",
                "--- /dev/null\n",
                "+++ /dev/null\n",
                "index 1234567..89abcde 100644\n",
                "diff --git a/plain b/plain\n",
                "From 1234567 Mon Sep 17 00:00:00 2001\n",
                "-- \n",
            ];
            lines.insert(at, header[seeded.below(13)].to_owned());
        }
        23 => {
            // The other mode in one of the lines that have one.
            let mut with_mode: Vec<&mut String> =
                lines.iter_mut().filter(|line| line.contains("100644") || line.contains("100755")).collect();
            if !with_mode.is_empty() {
                let line = with_mode.swap_remove(seeded.below(with_mode.len()));
                *line = if line.contains("100644") {
                    line.replacen("100644", "100755", 1)
                } else {
                    line.replacen("100755", "100644", 1)
                };
            }
        }
        15 => {
            let binary = ["Binary files a/x and b/x differ\n", "GIT binary patch\n", "diff --cc x\n"];
            lines.insert(at, binary[seeded.below(3)].to_owned());
        }
        _ => {
            let header = |line: &String| {
                ["diff ", "index ", "--- ", "+++ ", "@@ ", "new ", "old ", "rename ", "similarity "]
                    .iter()
                    .any(|word| line.starts_with(word))
            };
            let headers: Vec<usize> =
                lines.iter().enumerate().filter(|(_, line)| header(line)).map(|(at, _)| at).collect();
            lines.remove(headers[seeded.below(headers.len())]);
        }
    }
    let mut text = lines.concat();
    if seeded.below(12) == 0 {
        let keep = text.len() - seeded.below(20).min(text.len());
        text.truncate((0..=keep).rev().find(|at| text.is_char_boundary(*at)).unwrap());
    }
    text
}

/// Applies a damaged patch, and asserts that it is applied as git applies it, or refused. Returns true
/// if it was applied.
fn damage_round(client: &mut Client, twin: &Path, seed: u64) -> bool {
    let mut seeded = seeded(seed);
    let Some((before, patch)) = edit(&mut seeded, twin) else {
        return false;
    };
    let text = damaged(&mut seeded, &patch);
    let project = client.project();
    clear(&project);
    write(&project, &before);
    let original = snapshot(&project);
    let result = apply(client, &text);
    if result["ok"] == false {
        assert_same(&snapshot(&project), &original, &format!("seed {seed}: refused"));
        return false;
    }
    let file = twin.parent().unwrap().join("patch.diff");
    // The tool adds a missing final newline and says so; git calls such a patch corrupt.
    let ended = if text.ends_with('\n') { text.clone() } else { format!("{text}\n") };
    std::fs::write(&file, ended).unwrap();
    let by_git = try_git(twin, &["apply", "--whitespace=nowarn", file.to_str().unwrap()]);
    if let Err(error) = by_git {
        panic!("seed {seed}: git refuses ({error}) what was applied: {result}\n{text}");
    }
    assert_same(&snapshot(&project), &snapshot(twin), &format!("seed {seed}, {result}\n{text}"));
    true
}

/// Runs one round for each seed. `make soak` sets a larger number.
fn rounds(mut round: impl FnMut(&mut Client, &Path, u64)) {
    let count = std::env::var("MAESTRO_SOAK_EDITS").ok().map_or(200, |count| count.parse().unwrap());
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
    rounds(round);
}

#[test]
fn damaged_patches_are_what_git_makes_of_them_or_refused() {
    let mut applied = 0;
    rounds(|client, twin, seed| applied += usize::from(damage_round(client, twin, seed)));
    // Some damage changes nothing, such as a line that git ignores too. Most damage is noticed.
    assert!(applied > 0);
}
