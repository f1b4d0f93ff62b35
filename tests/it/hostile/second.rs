//! A second server below a check, below a consultant or in an agent's shell, and a relayed decision while a
//! dialog is open.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Answer, Client, PATIENCE, Server, binary, fake_cli};

/// A client as a script: it starts a server, greets it as `claude-code`, makes calls, and writes the replies
/// to a file.
const CLIENT: &str = r#"
import json, os, subprocess, sys
binary, out, calls = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
server = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
def ask(n, method, params):
    server.stdin.write(json.dumps({"jsonrpc": "2.0", "id": n, "method": method, "params": params}) + "\n")
    server.stdin.flush()
    while True:
        line = server.stdout.readline()
        if not line: raise SystemExit("the server has gone")
        said = json.loads(line)
        if said.get("id") == n: return said
ask(0, "initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "claude-code", "version": "9.9.9"}})
server.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
said = [ask(n + 1, "tools/call", {"name": name, "arguments": arguments})["result"]["structuredContent"] for n, (name, arguments) in enumerate(calls)]
with open(out + ".new", "w") as file: json.dump(said, file)
os.rename(out + ".new", out)
"#;

/// Runs the client detached: outside its process group, its session, its parents and its environment.
const DETACHED: &str = r#"
import os, sys
if os.fork(): sys.exit(0)
os.setsid()
if os.fork(): os._exit(0)
os.execve(sys.executable, [sys.executable] + sys.argv[1:], {"PATH": "/usr/bin:/bin", "HOME": os.path.expanduser("~"), "CLAUDE_PROJECT_DIR": os.getcwd()})
"#;

/// Every call that decides, submits or changes something.
fn acts(request: &str) -> Value {
    let patch = "--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1 @@\n+x\n";
    json!([
        ["maestro_submit_approval", { "request_id": request, "approved": true }],
        ["maestro_request_approval", { "stage": "analyze", "outputs": {} }],
        ["maestro_run_stage_with_approval", { "stage": "analyze", "task": "x", "context_files": [] }],
        ["maestro_run_stage", { "stage": "analyze", "task": "x" }],
        ["maestro_workflow_with_hitl", { "task": "x" }],
        ["maestro_apply_patch", { "patch": patch }],
        ["maestro_restore_from_backup", { "backup_session": "x" }],
        ["maestro_log_evidence", { "stage": "analyze", "evidence_type": "observation", "source": "x", "content": {} }],
    ])
}

/// A project in which analyze waits for a decision.
fn waiting(server: Server) -> (Client, String) {
    let mut client = server.start();
    client.call("maestro_workflow_with_hitl", json!({ "task": "mend it" }));
    let asked = client.call(
        "maestro_request_approval",
        json!({ "stage": "analyze", "outputs": { "observations": ["x"] } }),
    );
    let request = asked["request_id"].as_str().unwrap_or_else(|| panic!("{asked:#}")).to_owned();
    (client, request)
}

/// Waits for the replies of a script. None if they do not come in time.
fn written(path: &PathBuf) -> Option<Vec<Value>> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(20) {
        if let Ok(text) = std::fs::read_to_string(path) {
            return Some(serde_json::from_str(&text).unwrap());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

fn python() -> String {
    let found = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}

fn refused(said: &[Value], code: &str) {
    for (result, act) in said.iter().zip(acts("r").as_array().unwrap()) {
        assert_eq!(result["code"], code, "{act}: {result:#}");
    }
    assert_eq!(said.len(), acts("r").as_array().unwrap().len());
}

fn decides_nothing(client: &mut Client, request: &str) {
    let history = client.call("maestro_get_approval_history", json!({ "request_id": request }));
    assert_eq!(history["history"][0]["status"], "pending", "{history:#}");
    assert!(!client.project().join("new.txt").exists());
}

/// Runs a script under the name of an agent.
fn below_agent(server: &Server, agent: &str, words: &[&str]) -> std::process::Output {
    let script = server.program(&format!("bin/{agent}"), "#!/bin/sh\n\"$@\"\nexit $?\n");
    let mut command = Command::new(script);
    let own = server.command();
    command.env_clear().envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.args(words).current_dir(server.project()).stdin(Stdio::null());
    command.output().unwrap()
}

#[test]
fn a_server_that_an_agents_command_started_decides_nothing() {
    let (mut client, request) = waiting(Server::new().env("MAESTRO_APPROVALS", "relay"));
    let script = client.server.program("client.py", CLIENT);
    let out = client.project().parent().unwrap().join("said.json");
    for agent in ["claude", "codex", "gemini"] {
        let _ = std::fs::remove_file(&out);
        let (script, out, acts) =
            (script.display().to_string(), out.display().to_string(), acts(&request).to_string());
        let binary = binary().display().to_string();
        let ran = below_agent(&client.server, agent, &[&python(), &script, &binary, &out, &acts]);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        refused(&written(&PathBuf::from(&out)).unwrap(), "second_server");
    }
    // The shell becomes the server, and another process of the shell writes its input.
    let line = |id: u64, method: &str, params: Value| {
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
    };
    let lines = [
        line(0, "initialize", crate::harness::hello()),
        line(
            1,
            "tools/call",
            json!({ "name": "maestro_submit_approval", "arguments": { "request_id": request, "approved": true } }),
        ),
    ];
    let feed = format!("(printf '%s\\n' '{}' '{}'; sleep 2)", lines[0], lines[1]);
    for shell in
        [format!("{feed} | {}", binary().display()), format!("exec {} < <({feed})", binary().display())]
    {
        let ran = below_agent(&client.server, "claude", &["/bin/bash", "-c", &shell]);
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(said.contains("second_server"), "{shell}: {said}");
    }
    decides_nothing(&mut client, &request);
}

#[test]
fn a_server_that_the_agent_itself_feeds_decides() {
    let (client, request) = waiting(Server::new().env("MAESTRO_APPROVALS", "relay"));
    // The client is the agent: a script under its name, at the other end of the pipe.
    let agent = client.server.program("bin/claude", &format!("#!{}\n{CLIENT}", python()));
    let out = client.project().parent().unwrap().join("said.json");
    let mut command = Command::new(agent);
    let own = client.server.command();
    command.env_clear().envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("CLAUDECODE", "1").current_dir(client.project());
    let calls = json!([["maestro_submit_approval", { "request_id": request, "approved": true }]]);
    command.arg(binary()).arg(&out).arg(calls.to_string());
    assert!(command.status().unwrap().success());
    let said = written(&out).unwrap();
    assert_eq!(said[0]["ok"], true, "{said:#?}");
    // The client's name counts only in the server that began the run, and this is another server.
    assert_eq!(said[0]["decided_by"], "relayed", "{said:#?}");
}

#[test]
fn nothing_below_a_check_decides() {
    for how in ["plain", "detached"] {
        let (mut client, request) =
            waiting(Server::new().env("MAESTRO_APPROVALS", "relay").env("MAESTRO_SANDBOX", "off"));
        let script = client.server.program("client.py", CLIENT);
        let detached = client.server.program("detached.py", DETACHED);
        let out = client.project().parent().unwrap().join("said.json");
        let words = json!([script, binary(), out, acts(&request).to_string()]);
        let program = format!(
            "import subprocess, sys, time, os, json\nwords = json.loads({:?})\nif {how:?} == 'detached': words = [{:?}] + words\nsubprocess.run([sys.executable] + words)\nfor _ in range(200):\n    if os.path.exists({:?}): break\n    time.sleep(0.05)\n",
            words.to_string(),
            detached.display().to_string(),
            out.display().to_string(),
        );
        std::fs::create_dir_all(client.project().join("tests")).unwrap();
        std::fs::write(client.project().join("tests/run.py"), program).unwrap();
        let checks = json!({ "commands": [{ "command": "python3 tests/run.py" }] });
        let result = client.call("maestro_verify", checks);
        let said = written(&out).unwrap_or_else(|| panic!("{how}: {result:#}"));
        refused(&said, "nested_consult");
        decides_nothing(&mut client, &request);
    }
}

#[test]
fn nothing_below_a_consultant_decides() {
    let (mut client, request) = {
        let server = Server::new().env("MAESTRO_APPROVALS", "relay").env("MAESTRO_SANDBOX", "off");
        let script = server.program("client.py", CLIENT);
        let detached = server.program("detached.py", DETACHED);
        let out = server.project().parent().unwrap().join("said.json");
        let cli = format!(
            "#!/bin/sh\nR=$(cat {request})\ncd {project}\n{python} {detached} {script} {binary} {out} \"$R\"\ni=0; while [ ! -e {out} ] && [ $i -lt 200 ]; do sleep 0.05; i=$((i+1)); done\nexec {fake} --as codex \"$@\"\n",
            request = server.project().parent().unwrap().join("acts.json").display(),
            project = server.project().display(),
            python = python(),
            detached = detached.display(),
            script = script.display(),
            binary = binary().display(),
            out = out.display(),
            fake = fake_cli().display(),
        );
        let cli = server.program("codex-cli", &cli);
        waiting(server.env("MAESTRO_CODEX_CMD", &cli.display().to_string()))
    };
    std::fs::write(client.project().parent().unwrap().join("acts.json"), acts(&request).to_string()).unwrap();
    let answer = client.call("maestro_consult", json!({ "provider": "codex", "prompt": "why?" }));
    let out = client.project().parent().unwrap().join("said.json");
    let said = written(&out).unwrap_or_else(|| panic!("{answer:#}"));
    refused(&said, "nested_consult");
    decides_nothing(&mut client, &request);
}

#[test]
fn a_terminal_below_an_agent_is_nobodys() {
    let (mut client, request) = waiting(Server::new().env("MAESTRO_APPROVALS", "relay"));
    let binary = binary().display().to_string();
    for words in [
        &["approvals", "approve", &request] as &[&str],
        &["approvals", "reject", &request],
        &["approvals", "revise", &request, "--message", "more"],
        &["runs", "stop", "x", "--message", "enough"],
        &["trust"],
    ] {
        // `script` runs the command in a terminal, and types the word.
        let typed = format!(
            "(sleep 0.3; echo approve; sleep 0.3) | script -qec '{binary} {}' /dev/null",
            words.join(" ")
        );
        let ran = below_agent(&client.server, "codex", &["/bin/bash", "-c", &typed]);
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(said.contains("codex is a parent of this command"), "{words:?}: {said}");
    }
    decides_nothing(&mut client, &request);
}

#[test]
fn a_relayed_word_closes_no_dialog() {
    // The human looks at the form, while the model of another server claims that the human has decided.
    let server = Server::new();
    let other = server.beside().start();
    let mut other = Some(other);
    let mut client = server
        .human_by(move |_| {
            let mut other = other.take().unwrap();
            let open = other.call("maestro_get_pending_approvals", json!({}));
            let request = open["pending_requests"][0]["request_id"].clone();
            let said =
                other.call("maestro_submit_approval", json!({ "request_id": request, "approved": true }));
            assert_eq!(said["code"], "dialog_open", "{said:#}");
            Some(Answer::reject())
        })
        .start();
    client.call("maestro_workflow_with_hitl", json!({ "task": "mend it" }));
    let asked = client.call(
        "maestro_request_approval",
        json!({ "stage": "analyze", "outputs": { "observations": ["x"] } }),
    );
    let submit = json!({ "request_id": asked["request_id"], "approved": true });
    let decided = client.call("maestro_submit_approval", submit);
    assert_eq!(decided["decided_by"], "elicitation", "{decided:#}");
    assert_eq!(decided["status"], "rejected", "{decided:#}");
    let kinds: Vec<String> =
        client.events().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect();
    assert!(
        kinds.iter().any(|kind| kind == "dialog_opened") && kinds.iter().any(|kind| kind == "dialog_closed")
    );
}

#[test]
fn a_dialog_that_died_with_its_server_holds_nobody() {
    let server = Server::new();
    let mut other = server.beside().start();
    let mut client = server.human_by(|_| None).start();
    client.call("maestro_workflow_with_hitl", json!({ "task": "mend it" }));
    let asked = client.call(
        "maestro_request_approval",
        json!({ "stage": "analyze", "outputs": { "observations": ["x"] } }),
    );
    let submit = json!({ "request_id": asked["request_id"], "approved": true });
    client.begin_call("maestro_submit_approval", submit.clone());
    let started = Instant::now();
    while !client.events().iter().any(|event| event["kind"] == "dialog_opened") {
        assert!(started.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(other.call("maestro_submit_approval", submit.clone())["code"], "dialog_open");
    let pid = rustix::process::Pid::from_raw(client.pid().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let started = Instant::now();
    loop {
        let said = other.call("maestro_submit_approval", submit.clone());
        if said["ok"] == true {
            assert_eq!(said["decided_by"], "relayed");
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{said:#}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
