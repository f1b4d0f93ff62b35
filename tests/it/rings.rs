//! The rings of the architecture, checked in the source.

use std::collections::{BTreeMap, BTreeSet};
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

/// A file's code without its tests. An inline test module is left out up to its closing brace. Of a test
/// module in its own file, the lines that name it are left out.
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
        "tokio", "std::fs", "std::process", "std::net", "std::env", "SystemTime", "Instant", "rand::",
        "std::thread",
    ];
    for (path, text) in sources("domain") {
        if is_test(&path) {
            continue;
        }
        for word in impure {
            assert!(!code(&text).contains(word), "{} names {word}", path.display());
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
        // The tools lead a person to the page; the page knows nothing of MCP.
        ("page", &["tools", "server", "cli"]),
        ("tools", &["server", "cli"]),
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

/// A file's module: `flow/log.rs` is `["flow", "log"]`.
fn module(path: &Path) -> Vec<String> {
    let inside = path.strip_prefix("src").unwrap().with_extension("");
    inside.iter().map(|part| part.to_string_lossy().into_owned()).collect()
}

/// Paths that begin with `crate::` or `super::`, with braces expanded. Inside an inline module, `super` is
/// the file.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let (mut prefixes, mut current, mut is_inside) = (Vec::new(), Vec::<String>::new(), false);
    let code: String = code(text)
        .lines()
        .map(|line| line.split("//").next().unwrap_or(line))
        .map(|line| {
            is_inside = (is_inside && line != "}") || (line.contains("mod ") && line.ends_with('{'));
            if is_inside { line.replace("super::", "") + "\n" } else { line.to_owned() + "\n" }
        })
        .collect();
    let mut rest = code.as_str();
    while let Some(letter) = rest.chars().next() {
        let word: String =
            rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
        if word.is_empty() {
            rest = &rest[letter.len_utf8()..];
            match letter {
                '{' => prefixes.push(std::mem::take(&mut current)),
                ',' | ';' | '}' => {
                    found.push(std::mem::take(&mut current));
                    if letter == '}' {
                        prefixes.pop();
                    }
                    if letter == ',' {
                        current = prefixes.last().cloned().unwrap_or_default();
                    }
                }
                ':' | ' ' | '\n' => {}
                _ => found.push(std::mem::take(&mut current)),
            }
        } else {
            rest = &rest[word.len()..];
            let goes_on = rest.starts_with("::");
            if current.is_empty() {
                current = prefixes.last().cloned().unwrap_or_default();
            }
            current.push(word);
            if !goes_on {
                found.push(std::mem::take(&mut current));
            }
        }
    }
    found.retain(|path| path.len() > 1 && (path[0] == "crate" || path[0] == "super"));
    found
}

/// Files that a file imports. Modules below it that it uses by name are parts of it.
fn imports(files: &BTreeMap<Vec<String>, String>) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let of = |here: &Vec<String>, text: &String| {
        let target = |path: Vec<String>| {
            let above = path.iter().take_while(|word| *word == "super").count();
            let mut target =
                if above == 0 { Vec::new() } else { here[..here.len().saturating_sub(above)].to_vec() };
            for word in path.into_iter().skip(above.max(1)) {
                target.push(word);
                if !files.contains_key(&target) {
                    target.pop();
                    break;
                }
            }
            target
        };
        paths(text).into_iter().map(target).filter(|path| path != here && !path.is_empty()).collect()
    };
    files.iter().map(|(here, text)| (here.clone(), of(here, text))).collect()
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let rings = ["domain", "host", "provider", "flow", "tools", "server", "cli", "error", "page"];
    let there = rings.iter().filter(|ring| Path::new(&format!("src/{ring}.rs")).exists());
    let files: BTreeMap<Vec<String>, String> = there
        .flat_map(|ring| sources(ring))
        .filter(|(path, _)| !is_test(path))
        .map(|(path, text)| (module(&path), text))
        .collect();
    let mut edges = imports(&files);
    let log = &edges[&vec!["flow".to_owned(), "log".to_owned()]];
    assert!(log.contains(&vec!["flow".to_owned(), "journal".to_owned()]), "imports are read: {log:?}");
    // Files that import none of the rest are in no circle.
    loop {
        let free: Vec<Vec<String>> =
            edges.iter().filter(|(_, to)| to.is_empty()).map(|(file, _)| file.clone()).collect();
        if free.is_empty() {
            break;
        }
        edges.retain(|file, _| !free.contains(file));
        for to in edges.values_mut() {
            to.retain(|file| !free.contains(file));
        }
    }
    // Files that none of the rest imports are in no circle either.
    while let Some(unused) = edges.keys().find(|file| !edges.values().any(|to| to.contains(*file))).cloned() {
        edges.remove(&unused);
    }
    let named: Vec<String> = edges
        .iter()
        .map(|(file, to)| {
            let to: Vec<String> = to.iter().map(|file| file.join("/")).collect();
            format!("{} imports {}", file.join("/"), to.join(", "))
        })
        .collect();
    assert!(named.is_empty(), "files import each other in a circle:\n{}", named.join("\n"));
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
