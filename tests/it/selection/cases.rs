//! Selections by trial in everyday situations. The situations and the right outcomes are in
//! `tests/data/selection_cases.yaml`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::select;
use crate::harness::{Server, git};

type Files = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Table {
    base: Files,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    files: Files,
    #[serde(default = "yes")]
    verify: bool,
    probe: Option<String>,
    #[serde(default)]
    lint: BTreeMap<String, f64>,
    candidates: Vec<Given>,
    expect: Map<String, Value>,
    #[serde(default)]
    standing: BTreeMap<String, String>,
    #[serde(default)]
    reason: BTreeMap<String, String>,
    hint: Option<String>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    id: String,
    change: Option<BTreeMap<String, Option<String>>>,
    damage: Option<Damage>,
    says: Option<String>,
}

#[derive(Deserialize)]
struct Damage {
    from: String,
    to: String,
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

impl Given {
    /// The answer of the candidate: a diff that git makes. The project stays as it was.
    fn content(&self, root: &Path) -> String {
        let Some(change) = &self.change else { return self.says.clone().unwrap() };
        for (name, text) in change {
            match text {
                Some(text) => write(root, name, text),
                None => std::fs::remove_file(root.join(name)).unwrap(),
            }
        }
        git(root, &["add", "-A"]);
        let diff = git(root, &["diff", "--cached", "--no-color"]);
        git(root, &["reset", "-q", "--hard"]);
        let Some(Damage { from, to }) = &self.damage else { return diff };
        assert!(diff.contains(from.as_str()), "{diff}");
        diff.replacen(from.as_str(), to, 1)
    }
}

/// Differences between a case's outcome and the expected one.
fn wrong(base: &Files, case: &Case) -> Vec<String> {
    let server = Server::new();
    let root = server.project();
    for (name, text) in base.iter().chain(&case.files) {
        write(&root, name, text);
    }
    std::fs::write(root.join(".gitignore"), "__pycache__/\n.maestro/\n").unwrap();
    git(&root, &["init", "-q"]);
    git(&root, &["add", "-A"]);
    git(&root, &["commit", "-qm", "first"]);
    const AUTHORS: [&str; 3] = ["codex", "gemini", "claude"];
    let candidates: Vec<Value> = case
        .candidates
        .iter()
        .zip(AUTHORS.iter().cycle())
        .map(|(one, author)| super::candidate(&one.id, author, &one.content(&root)))
        .collect();
    let mut arguments = json!({ "candidates": candidates });
    if case.verify {
        arguments["verify"] = json!([{ "command": "python3 -m unittest", "timeout_sec": 60 }]);
    }
    if let Some(probe) = &case.probe {
        arguments["probe"] = json!([{ "command": probe }]);
    }
    let lint = case.lint.iter().map(|(id, score)| json!({ "candidate_id": id, "score": score }));
    arguments["lint_results"] = lint.collect();
    let result = select(&mut server.start(), arguments);
    let mut wrong = Vec::new();
    for (key, expected) in &case.expect {
        if &result[key] != expected {
            wrong.push(format!("{key} is {} and should be {expected}", result[key]));
        }
    }
    let of = |id: &String| {
        let mut all = result["candidates"].as_array().into_iter().flatten();
        all.find(|one| one["id"] == json!(id)).cloned().unwrap_or_default()
    };
    for (id, standing) in &case.standing {
        if of(id)["standing"] != json!(standing) {
            wrong.push(format!("{id} is {} and should be {standing}", of(id)["standing"]));
        }
    }
    for (id, reason) in &case.reason {
        let said = format!("{} {} {}", of(id), result["warning"], result["error"]);
        if !said.contains(reason.as_str()) {
            wrong.push(format!("nothing says `{reason}` of {id}"));
        }
    }
    if case.hint.as_ref().is_some_and(|hint| !result["hint"].to_string().contains(hint.as_str())) {
        wrong.push(format!("the hint is {}", result["hint"]));
    }
    if !wrong.is_empty() {
        wrong.push(format!("{result:#}"));
    }
    wrong.into_iter().map(|wrong| format!("{}: {wrong}", case.name)).collect()
}

#[test]
fn every_case_comes_out_right() {
    let text = include_str!("../../data/selection_cases.yaml");
    // This YAML reader applies merge keys only on request.
    let mut table: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
    table.apply_merge().unwrap();
    let table: Table = serde_yaml::from_value(table).unwrap();
    assert!(table.cases.len() >= 20);
    let only = std::env::var("SELECTION_CASE").unwrap_or_default();
    let chosen = table.cases.iter().filter(|case| case.name.contains(&only));
    let wrong: Vec<String> = chosen.flat_map(|case| wrong(&table.base, case)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
