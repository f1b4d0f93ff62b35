//! Consults whose CLI ends in every possible way. `tests/scenarios/consult/NAME/` holds what the CLI printed,
//! how it ended, and what the caller must learn. A scripted CLI replays this to the real server.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::harness::Server;

/// Number of scenarios that run in parallel. They mostly wait.
const SIDE_BY_SIDE: usize = 6;

#[test]
fn every_output_comes_to_what_it_must() {
    let mut found: Vec<PathBuf> = std::fs::read_dir("tests/scenarios/consult")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    assert!(found.len() > 60, "{} scenarios", found.len());
    let left = Mutex::new(found.into_iter());
    let faults = Mutex::new(Vec::new());
    let next = || left.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(directory) = next() {
                    let name = directory.file_name().unwrap().to_string_lossy().into_owned();
                    if let Err(fault) = try_out(&directory) {
                        faults.lock().unwrap().push(format!("{name}: {fault}"));
                    }
                }
            });
        }
    });
    let mut faults = faults.into_inner().unwrap();
    faults.sort();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// Replays a scenario to a server and compares the result.
fn try_out(directory: &Path) -> Result<(), String> {
    let scenario: Value = read(&directory.join("scenario.json")).parse().unwrap();
    let provider = scenario["provider"].as_str().unwrap();
    let script = script(directory, &scenario);
    let mut server = Server::new();
    let cli = server.program("home/cli", &script);
    let home = cli.parent().unwrap();
    let variable = provider.to_uppercase();
    server = server
        .env(&format!("MAESTRO_{variable}_CMD"), cli.to_str().unwrap())
        .env(&format!("MAESTRO_{variable}_ENABLED"), "true")
        .env("TZ", "Asia/Seoul");
    for (name, value) in scenario["env"].as_object().into_iter().flatten() {
        server = server.env(name, value.as_str().unwrap());
    }
    let mut client = server.start();
    let mut call = json!({ "prompt": "a question", "provider": provider });
    for (name, value) in scenario["arguments"].as_object().into_iter().flatten() {
        call[name] = value.clone();
    }
    let result = client.call("maestro_consult", call);
    let starts = read(&home.join("../fake/starts")).lines().count();
    client.close();
    compare(&scenario["wanted"], &result, starts).map_err(|fault| format!("{fault}\n{result:#}"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// A CLI that prints the scenario for any prompt, and its version when asked.
fn script(directory: &Path, scenario: &Value) -> String {
    if let Some(script) = scenario["script"].as_str() {
        return script.to_owned();
    }
    let directory = directory.canonicalize().unwrap();
    let print = |name: &str, to: &str| {
        let file = directory.join(name);
        if file.exists() { format!("cat '{}' {to}\n", file.display()) } else { String::new() }
    };
    let end = match (scenario["signal"].as_str(), scenario["stays"].as_bool()) {
        (Some(signal), _) => format!("kill -{signal} $$\n"),
        (None, Some(true)) => "exec sleep 60\n".to_owned(),
        (None, _) => format!("exit {}\n", scenario["exit"].as_i64().unwrap_or(0)),
    };
    let version = scenario["version"].as_str().unwrap_or("9.9.9");
    format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && echo '{version}' && exit\ncat >/dev/null\necho x >> \"$HOME/../fake/starts\"\n{}{}{end}",
        print("stderr.txt", ">&2"),
        print("stdout.txt", ""),
    )
}

fn compare(wanted: &Value, result: &Value, starts: usize) -> Result<(), String> {
    for (key, value) in wanted.as_object().unwrap() {
        let holds = match key.as_str() {
            "starts" => *value == json!(starts),
            "error_has" | "hint_has" | "warning_has" | "content_has" => {
                let text = result[key.trim_end_matches("_has")].as_str().unwrap_or_default();
                pieces(value).all(|piece| text.contains(piece))
            }
            "error_lacks" | "hint_lacks" | "content_lacks" => {
                let text = result[key.trim_end_matches("_lacks")].as_str().unwrap_or_default();
                pieces(value).all(|piece| !text.contains(piece))
            }
            "resets_in" => resets_in(result).is_some_and(|left| (left - value.as_i64().unwrap()).abs() <= 20),
            other => result[other] == *value,
        };
        if !holds {
            return Err(format!("{key} should be {value} (started {starts} times)"));
        }
    }
    if result["ok"] == json!(false) && result["error"].as_str().is_none_or(|error| error.trim().is_empty()) {
        return Err("a failure without words".to_owned());
    }
    Ok(())
}

fn pieces(value: &Value) -> impl Iterator<Item = &str> {
    let many = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    value.as_str().into_iter().chain(many)
}

/// The seconds until the limit ends.
fn resets_in(result: &Value) -> Option<i64> {
    let at: jiff::Timestamp = result["resets_at"].as_str()?.parse().ok()?;
    Some(at.as_second() - jiff::Timestamp::now().as_second())
}
