use std::path::Path;
use std::time::Instant;

use super::*;
use crate::domain::rule::RuleFile as _;
use crate::domain::secret_path::SecretRules;

fn project(root: &Path) -> Project {
    let rules = SecretRules::from_yaml(include_str!("../../../conf/secrets.yaml")).unwrap();
    Project::new(root, &[], rules.files)
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn found(root: &Path, answer: &str) -> Vec<(String, Standing)> {
    let all = checked(&project(root), &claims(answer).0, &[]);
    all.into_iter().map(|one| (one.file.unwrap_or(one.cited), one.status)).collect()
}

#[test]
fn a_path_means_the_file_that_it_can_mean() {
    use Standing::{Absent, Exact, LineOnly, Unchecked};
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    write(root, "src/app/user.py", "a = 1\nb = 2\n");
    write(root, "src/other/user.py", "a = 1\nc = 3 + d\n");
    write(root, "docs/my notes.md", "one\n");
    write(root, "tool", "#!/bin/sh\nexit 0\n");
    write(root, ".env", "TOKEN=1\n");
    write(root, "blob.bin.py", "a\0b\n");
    std::os::unix::fs::symlink("/etc/passwd", root.join("link.py")).unwrap();
    let one = |file: &str, status| vec![(file.to_owned(), status)];
    for (answer, wanted) in [
        ("src/app/user.py:2", one("src/app/user.py", LineOnly)),
        ("./src/app/user.py:2", one("src/app/user.py", LineOnly)),
        ("b/src/app/user.py:2", one("src/app/user.py", LineOnly)),
        ("src\\app\\user.py:2", one("src/app/user.py", LineOnly)),
        ("app/user.py:2", one("src/app/user.py", LineOnly)),
        ("user.py:2 `c = 3 + d`", one("src/other/user.py", Exact)),
        ("C:\\work\\proj\\src\\app\\user.py:2", one("src/app/user.py", LineOnly)),
        ("/srv/build/src/app/user.py:2", one("src/app/user.py", LineOnly)),
        ("`docs/my notes.md:1`", one("docs/my notes.md", LineOnly)),
        ("docs/my notes.md:1: error", one("docs/my notes.md", LineOnly)),
        ("see docs/my notes.md:1", one("docs/my notes.md", LineOnly)),
        ("in docs/my notes.md line 7", one("docs/my notes.md", Absent)),
        ("in your notes.md:1", one("notes.md:1", Absent)),
        ("tool:2 exits", one("tool", LineOnly)),
        ("https://github.com/o/r/blob/main/src/app/user.py#L2", one("src/app/user.py", LineOnly)),
        ("src/app/nothing.py:2", one("src/app/nothing.py:2", Absent)),
        ("nothing.py:2", one("nothing.py:2", Absent)),
        ("src/app/user.py:3", one("src/app/user.py", Absent)),
        ("/etc/passwd.conf:1", one("/etc/passwd.conf:1", Unchecked)),
        ("../../secret.py:1", one("../../secret.py:1", Unchecked)),
        ("link.py:1", one("link.py:1", Unchecked)),
        (".env:1 and deploy/.env:1", vec![]),
        ("blob.bin.py:1", one("blob.bin.py:1", Unchecked)),
        ("host:8080 and localhost:2 and redis:7", vec![]),
    ] {
        assert_eq!(found(root, answer), wanted, "{answer}");
    }
}

#[test]
fn forty_kilobytes_take_under_five_milliseconds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = project(root);
    let files = ["src/flow/consult.rs", "kit.rs", "src/domain/mask.rs", "Cargo.toml", "tests/it/harness.rs"];
    let mut answer = String::new();
    for number in 0.. {
        if answer.len() >= 40_000 {
            break;
        }
        let file = files[number % files.len()];
        answer.push_str(&format!(
            "{number}. In `{file}:{}` the call `let session = session.clone();` keeps the lock over the await, as a second caller at 12:30 on localhost:8080 would see; src/gone_{number}.rs:3 is no help either.\n",
            number % 90 + 1
        ));
    }
    let mut best = f64::MAX;
    for _ in 0..7 {
        let begun = Instant::now();
        let all = checked(&project, &claims(&answer).0, &[]);
        best = best.min(begun.elapsed().as_secs_f64() * 1_000.0);
        assert!(all.len() > 200, "{}", all.len());
    }
    println!("citations of {} bytes: {best:.2} ms", answer.len());
    // This build is not optimized, and other tests run beside it.
    let most = if cfg!(debug_assertions) { 400.0 } else { 5.0 };
    assert!(best < most, "{best} ms");
}
