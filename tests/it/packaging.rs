//! The entry for the MCP registry, and the checks of a release.

use std::process::{Command, Output};

use serde_json::{Value, json};

fn entry_of(repository: &str) -> Output {
    Command::new("python3")
        .args(["packaging/release.py", "--entry", "--repository", repository])
        .output()
        .unwrap()
}

fn complaints(entry: &Value) -> Vec<String> {
    let rules: Value = serde_yaml::from_str(include_str!("../data/registry_entry.yaml")).unwrap();
    let rules = jsonschema::validator_for(&rules).unwrap();
    rules.iter_errors(entry).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_entry_of_the_registry_keeps_its_rules() {
    for repository in
        ["https://github.com/some-one/maestro", "https://github.com/O/m.x.git", "https://github.com/O/m/"]
    {
        let output = entry_of(repository);
        let entry: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(complaints(&entry).is_empty(), "{:?}: {entry:#}", complaints(&entry));
        assert_eq!(entry["version"], env!("CARGO_PKG_VERSION"));
        let owner = repository.split('/').nth(3).unwrap();
        assert_eq!(entry["name"], format!("io.github.{owner}/maestro-consult"));
        // One package each for users of node and users of Python.
        let of = |key: &str| entry["packages"].as_array().unwrap().iter().map(|it| it[key].clone()).collect();
        let (kinds, names): (Vec<Value>, Vec<Value>) = (of("registryType"), of("identifier"));
        assert_eq!(kinds, [json!("npm"), json!("pypi")]);
        assert!(names.iter().all(|name| name == "maestro-consult"));
    }
}

#[test]
fn a_repository_that_the_registry_cannot_check_is_refused() {
    for repository in [
        "https://gitlab.com/o/maestro", "git@github.com:o/maestro", "https://github.com/o",
        "https://github.com/o/m/tree",
    ] {
        let output = entry_of(repository);
        assert_eq!(output.status.code(), Some(2), "{repository}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("https://github.com/OWNER/REPO"), "{said}");
    }
}

#[test]
fn an_entry_that_the_registry_would_refuse_is_found_out() {
    let good: Value = serde_json::from_slice(&entry_of("https://github.com/o/maestro").stdout).unwrap();
    for (pointer, wrong) in [
        ("/name", json!("maestro-consult")),
        ("/name", json!("io.github.o/a/b")),
        ("/name", json!("io.github.o/maestro-")),
        ("/description", json!("d".repeat(101))),
        ("/description", json!("")),
        ("/title", json!("t".repeat(101))),
        ("/version", json!("latest")),
        ("/version", json!("^1.2.3")),
        ("/repository", json!({ "url": "https://github.com/o/m" })),
        ("/repository/source", json!("gitlab")),
        ("/packages/0/version", json!("1.x")),
        ("/packages/0/transport", json!({})),
        ("/packages/0/transport/type", json!("http")),
        ("/packages/0/identifier", json!("maestro consult")),
        ("/packages/1/registryType", json!("cargo")),
        ("/$schema", json!("https://static.modelcontextprotocol.io/schemas/2025-07-09/server.schema.json")),
    ] {
        let mut entry = good.clone();
        *entry.pointer_mut(pointer).unwrap() = wrong.clone();
        assert!(!complaints(&entry).is_empty(), "{pointer}: {wrong}");
    }
}

/// Runs the checks of a release with a fake `make` that prints the output of a step.
fn checked(names: &[&str]) -> Output {
    let place = tempfile::tempdir().unwrap();
    let make = place.path().join("make");
    let script = r#"#!/bin/sh
case $1 in
  lint) cat >/dev/null; echo "SKIPPED advisories: there is no database on this machine" ;;
  test) echo "test the_skipped_one ... ok"; echo "it skipped nothing; 0 skipped" ;;
  soak) echo "a line"; exit 7 ;;
  check-platforms) echo "x86_64-apple-darwin        SKIPPED: rustup target add it"; echo "aarch64        type-checks" ;;
  dist) echo "dist: SKIPPED aarch64: no C compiler" >&2; echo "dist: SKIPPED musl: no library" >&2 ;;
  test-hosts) echo "gemini: SKIPPED, it could not be installed"; echo "hosts: 2 tried, 0 failed, 1 skipped" ;;
  test-clients) echo "NOT RUN a: Claude Code cannot be had"; echo "NOT RUN b: c"; echo "1 passed, 0 failed, 2 not run" ;;
  test-conformance) echo "12 passed, 0 failed, 0 SKIPPED" ;;
esac
"#;
    std::fs::write(&make, script).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&make, executable).unwrap();
    let path = format!("{}:{}", place.path().display(), std::env::var("PATH").unwrap());
    let mut check = Command::new("packaging/release-check.sh");
    check.args(names).env("PATH", path).env("RELEASE_CHECK_LOGS", place.path().join("logs")).output().unwrap()
}

#[test]
fn the_table_of_a_release_tells_passed_failed_and_left_out_apart() {
    let output = checked(&["lint", "test", "soak", "platforms", "dist", "hosts", "clients", "conformance"]);
    assert_eq!(output.status.code(), Some(1), "something failed");
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows: Vec<(&str, String)> = table
        .lines()
        .skip(1)
        .map(|line| {
            let (name, rest) = line.split_once(' ').unwrap();
            // The result comes before the seconds and the log.
            let result = rest.trim_start().split("  ").next().unwrap().to_owned();
            (name, result)
        })
        .collect();
    let rows: Vec<(&str, &str)> = rows.iter().map(|(name, result)| (*name, result.as_str())).collect();
    assert_eq!(
        rows,
        [
            ("lint", "ok, 1 skipped"),
            ("test", "ok"),
            ("soak", "FAILED"),
            ("platforms", "ok, 1 skipped"),
            ("dist", "ok, 2 skipped"),
            ("clients", "ok, 2 skipped"),
            ("hosts", "ok, 1 skipped"),
            ("conformance", "ok"),
        ],
        "{table}"
    );
    assert_eq!(checked(&["lint", "test"]).status.code(), Some(0));
    let unknown = checked(&["lint", "nothing"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no check named nothing"));
}

#[test]
fn every_check_of_a_release_is_a_target_or_a_file() {
    let script = std::fs::read_to_string("packaging/release-check.sh").unwrap();
    let makefile = std::fs::read_to_string("Makefile").unwrap();
    let checks: Vec<(&str, &str)> = script
        .lines()
        .filter_map(|line| line.split_once('|'))
        .filter(|(name, _)| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()))
        .collect();
    assert!(checks.len() >= 15, "{checks:?}");
    for (name, command) in &checks {
        for word in command.split([' ', '&', ';']).collect::<Vec<_>>().windows(2) {
            if word[0] == "make" {
                assert!(makefile.contains(&format!("\n{}:", word[1])), "{name}: {command}");
            }
        }
        for file in command.split(' ').map(std::path::Path::new) {
            let is_script = file.extension().is_some_and(|kind| kind == "py" || kind == "sh");
            assert!(!is_script || file.is_file(), "{name}: {}", file.display());
        }
    }
    // Every target `test-*` is one of the checks.
    for target in makefile.lines().filter_map(|line| line.split_once(':')?.0.strip_prefix("test-")) {
        assert!(
            checks.iter().any(|(_, command)| command.contains(&format!("make test-{target}"))),
            "{target}"
        );
    }
}
