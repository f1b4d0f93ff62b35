//! Tells the binary what it was built from: commit, target and profile, for `--version`. Embeds a catalogue of words
//! for each file in `src/domain/catalogue`.

#![allow(clippy::print_stdout)]

use std::path::Path;
use std::process::Command;

/// The sources of the binary. The version says whether any of them differs from the commit.
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

/// One file of words for each language, named after its code.
const CATALOGUES: &str = "src/domain/catalogue";

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
    if let Err(error) = catalogues() {
        println!("cargo::error={CATALOGUES}: {error}");
    }
}

/// Writes the table of all catalogues, English first: each code with its text.
fn catalogues() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed={CATALOGUES}");
    let directory = std::env::current_dir()?.join(CATALOGUES);
    let mut files: Vec<_> = std::fs::read_dir(directory)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|kind| kind == "yaml"));
    files.sort_by_key(|path| (!path.ends_with("en.yaml"), path.clone()));
    let entries = files.iter().filter_map(|path| {
        let code = path.file_stem()?.to_str()?;
        let path = path.to_str()?;
        Some(format!("({code:?}, include_str!({path:?})),\n"))
    });
    let table = format!("&[\n{}]\n", entries.collect::<String>());
    let out = std::env::var_os("OUT_DIR").unwrap_or_default();
    std::fs::write(Path::new(&out).join("catalogues.rs"), table)
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
