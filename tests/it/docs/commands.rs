//! Runs the commands in the documents' code blocks as they are written.

use std::process::Command;

use serde_json::{Value, json};

use super::documents;
use crate::harness::{Server, binary};

/// The lines of code that call the program, each with the path of its document.
fn lines() -> Vec<(String, String)> {
    let is_document = |path: &std::path::Path| path.extension().is_some_and(|kind| kind == "md");
    let texts = documents().into_iter().filter(|(path, _)| is_document(path));
    let mut found = Vec::new();
    for (path, text) in texts.map(|(path, text)| (path.display().to_string(), text)) {
        for line in text.lines().filter_map(|line| line.strip_prefix("    ")) {
            let is_call = line.starts_with("maestro-mcp ") || line.contains("| maestro-mcp ");
            // A usage pattern is not a command.
            let is_pattern = line.contains(" [--") || line.contains("NAME");
            if is_call && !is_pattern {
                found.push((path.clone(), line.to_owned()));
            }
        }
    }
    found
}

#[test]
fn what_stands_as_code_in_the_documents_runs() {
    let mut client = Server::new()
        .codex()
        .fake("claude", "claude")
        .file("src/a.py", "x = 1\n")
        .file("question.md", "why?")
        .start();
    client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    let fact = json!({ "fact": "it fails", "source": "src/a.py", "certainty": "high" });
    let outputs = json!({ "observations": [fact], "unknowns": [] });
    let request = client.call("maestro_request_approval", json!({ "stage": "analyze", "outputs": outputs }));
    let request = request["request_id"].as_str().unwrap().to_owned();
    // Puts the program under its own name, and a test program that fails, into a directory of the PATH.
    let bin = client.project().parent().unwrap().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(binary().canonicalize().unwrap(), bin.join("maestro-mcp")).unwrap();
    let pytest = "#!/bin/sh\necho 'FAILED test_a.py::test_total'\nexit 1\n";
    std::fs::write(bin.join("pytest"), pytest).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(bin.join("pytest"), executable).unwrap();

    let lines = lines();
    assert!(lines.len() >= 15, "{lines:#?}");
    for (path, line) in lines {
        let command = line.replace("4f2a", &request);
        let mut shell = Command::new("/bin/sh");
        let own = client.server.command();
        shell.env_clear().envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        let output = shell.args(["-c", &command]).current_dir(client.project()).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let decides = ["approve ", "revise ", "reject ", "stop "].iter().any(|word| line.contains(word));
        let expected = if decides { 5 } else { 0 };
        assert_eq!(output.status.code(), Some(expected), "{path}: {line}: {said}");
        if decides {
            assert!(said.contains("human_wanted"), "{path}: {line}: {said}");
        }
        if line.contains("--json") {
            let document: Result<Value, _> = serde_json::from_slice(&output.stdout);
            assert!(document.is_ok(), "{path}: {line}: {said}");
        }
    }
}
