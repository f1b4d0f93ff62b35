//! Tells the binary what it was built from: commit, target and profile, for `--version`. Embeds a catalogue of words
//! for each file in `src/domain/catalogue`.

#![allow(clippy::print_stdout)]

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

/// The sources of the binary. The version says whether any of them differs from the commit.
const SOURCES: [&str; 12] = [
    ".cargo",
    ".claude/commands",
    "Cargo.lock",
    "Cargo.toml",
    "build.rs",
    "conf",
    "demo",
    LINK_ORDER,
    "roles",
    "schemas",
    "skills",
    "src",
];

/// One file of words for each language, named after its code.
const CATALOGUES: &str = "src/domain/catalogue";

/// The functions that a server needs, made by packaging/link-order.py.
const LINK_ORDER: &str = "packaging/link-order.ld";

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
    if profile == "release" {
        linker();
    }
    if let Err(error) = catalogues() {
        println!("cargo::error={CATALOGUES}: {error}");
    }
}

/// Passes on further work for the linker, where it knows how.
fn linker() {
    println!("cargo::rerun-if-changed={LINK_ORDER}");
    // Functions of the same machine code become one: about 130 KB.
    pass(&["-Xlinker", "--icf=all"]);
    // Functions that a server needs lie side by side: it starts faster then, and takes half the memory.
    if let Ok(script) = Path::new(LINK_ORDER).canonicalize() {
        pass(&["-Xlinker", "-T", "-Xlinker", &script.to_string_lossy()]);
    }
}

/// Passes arguments on to a linker that takes them.
fn pass(arguments: &[&str]) {
    if links_with(arguments).is_some_and(|status| status.success()) {
        for argument in arguments {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
}

/// Links an empty program with these arguments, in the way that cargo links ours.
fn links_with(arguments: &[&str]) -> Option<ExitStatus> {
    let directory = std::path::PathBuf::from(std::env::var_os("OUT_DIR")?);
    let program = directory.join("empty.rs");
    std::fs::write(&program, "fn main() {}\n").ok()?;
    let mut rustc = Command::new(std::env::var_os("RUSTC")?);
    rustc
        .arg(program)
        .arg("-o")
        .arg(directory.join("empty"))
        .arg("--target")
        .arg(std::env::var_os("TARGET")?);
    rustc.args(arguments.iter().map(|argument| format!("-Clink-arg={argument}")));
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    if let Ok(linker) = std::env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    rustc.stderr(Stdio::null()).status().ok()
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
