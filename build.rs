//! Tells the binary what it was built from: commit, target and profile, for `--version`.

#![allow(clippy::print_stdout)]

use std::path::Path;
use std::process::Command;

/// What the binary is made of: whether any of it differs from the commit is part of the version.
const SOURCES: [&str; 11] = [
    ".cargo",
    ".claude/commands",
    "Cargo.lock",
    "Cargo.toml",
    "build.rs",
    "conf",
    "demo",
    "roles",
    "schemas",
    "skills",
    "src",
];

fn main() {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| "unknown".to_owned());
    let profile = variable("PROFILE");
    // A debug build would be built anew with every commit; it names none.
    let commit = if profile == "debug" {
        println!("cargo::rerun-if-changed=build.rs");
        "working tree".to_owned()
    } else {
        commit(&variable("CARGO_MANIFEST_DIR")).unwrap_or_else(|| "unknown".to_owned())
    };
    println!("cargo::rustc-env=BUILD_COMMIT={commit}");
    println!("cargo::rustc-env=BUILD_TARGET={}", variable("TARGET"));
    println!("cargo::rustc-env=BUILD_PROFILE={profile}");
}

/// The commit of a checkout; none in an unpacked archive, even inside another repository.
fn commit(root: &str) -> Option<String> {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != Path::new(root).canonicalize().ok()? {
        return None;
    }
    let log = git(root, &["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo::rerun-if-changed={log}");
    let commit = git(root, &["rev-parse", "--short=12", "HEAD"])?;
    let changes = git(root, &[["status", "--porcelain", "--"].as_slice(), &SOURCES].concat())?;
    Some(if changes.is_empty() { commit } else { format!("{commit}+changes") })
}

fn git(root: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
    let text = output.status.success().then(|| String::from_utf8(output.stdout).ok())??;
    Some(text.trim_end().to_owned())
}
