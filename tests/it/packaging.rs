//! What is published: the registry's entry and the names in it.

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
        assert_eq!(complaints(&entry), [String::new(); 0], "{entry:#}");
        assert_eq!(entry["version"], env!("CARGO_PKG_VERSION"));
        let owner = repository.split('/').nth(3).unwrap();
        assert_eq!(entry["name"], format!("io.github.{owner}/maestro-consult"));
        // One package each for those who have node and those who have Python.
        let of = |key: &str| entry["packages"].as_array().unwrap().iter().map(|it| it[key].clone()).collect();
        let (kinds, names): (Vec<Value>, Vec<Value>) = (of("registryType"), of("identifier"));
        assert_eq!(kinds, [json!("npm"), json!("pypi")]);
        assert!(names.iter().all(|name| name == "maestro-consult"));
    }
}

#[test]
fn a_repository_that_the_registry_cannot_check_is_refused() {
    for repository in [
        "https://gitlab.com/o/maestro",
        "git@github.com:o/maestro",
        "https://github.com/o",
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
