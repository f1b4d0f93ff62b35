//! The rings of the architecture, held by reading the source.

use std::path::{Path, PathBuf};

fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut left = vec![PathBuf::from("src").join(directory)];
    let root = PathBuf::from(format!("src/{directory}.rs"));
    if root.exists() {
        found.push((root.clone(), std::fs::read_to_string(root).unwrap()));
    }
    while let Some(next) = left.pop() {
        let Ok(entries) = std::fs::read_dir(&next) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{directory}");
    found
}

/// A file's code without its tests: an inline test module goes from its brace to the one that closes
/// it, of a test module in a file of its own only the lines that name it.
fn code(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept.extend([line, "\n"]);
            continue;
        }
        let item = lines.next().unwrap();
        if item.ends_with('{') {
            let indent = item.len() - item.trim_start().len();
            let close = format!("{}}}", &item[..indent]);
            assert!(lines.any(|line| line == close), "nothing closes {item}");
        } else {
            assert!(item.ends_with(';'), "{item} is neither a module nor named in a line");
        }
    }
    kept
}

#[test]
fn what_the_other_tests_read_is_all_code_but_tests() {
    let of = |path: &str| code(&std::fs::read_to_string(path).unwrap());
    let tests_elsewhere = of("src/domain/workflow.rs");
    assert!(tests_elsewhere.contains("pub struct Run {"));
    assert!(tests_elsewhere.contains("pub fn approved("));
    assert!(!tests_elsewhere.contains("mod tests"));
    let tests_inside_a_module = of("src/host/process/sweep.rs");
    assert!(tests_inside_a_module.contains("#[cfg(not(target_os = \"linux\"))]"));
    assert!(!tests_inside_a_module.contains("#[test]"));
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_stem().is_some_and(|name| name == "tests")
}

#[test]
fn the_domain_is_pure() {
    let impure = [
        "tokio",
        "std::fs",
        "std::process",
        "std::net",
        "std::env",
        "SystemTime",
        "Instant",
        "rand::",
        "std::thread",
    ];
    for (path, text) in sources("domain") {
        if is_test(&path) {
            continue;
        }
        for word in impure {
            assert!(!code(&text).contains(word), "{} speaks of {word}", path.display());
        }
    }
}

#[test]
fn each_ring_uses_only_those_to_its_left() {
    let rings: [(&str, &[&str]); 7] = [
        ("domain", &["host", "provider", "flow", "page", "tools", "server", "cli"]),
        ("host", &["provider", "flow", "page", "tools", "server", "cli"]),
        ("provider", &["flow", "page", "tools", "server", "cli"]),
        ("flow", &["page", "tools", "server", "cli"]),
        // The tools lead a person to the page; it knows nothing of MCP.
        ("page", &["tools", "server", "cli"]),
        // A tool is a method of the server's handle: that type, and nothing else of the server.
        ("tools", &["cli", "server::stdio", "server::wire", "server::lines"]),
        ("server", &["cli"]),
    ];
    for (ring, forbidden) in rings {
        for (path, text) in sources(ring) {
            for other in forbidden {
                assert!(!code(&text).contains(&format!("crate::{other}")), "{} uses {other}", path.display());
            }
        }
    }
}

#[test]
fn nobody_prints_to_standard_output_by_accident() {
    for ring in ["domain", "host", "provider", "flow", "page", "tools", "server", "cli"] {
        for (path, text) in sources(ring) {
            for word in ["println!", "print!(", "dbg!(", "todo!", "unimplemented!"] {
                let found = code(&text).contains(word) && !is_test(&path);
                assert!(!found, "{}: {word}", path.display());
            }
        }
    }
}
