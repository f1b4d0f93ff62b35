//! The log on standard error: useful at `info`, without secrets at every level, and empty if all goes well
//! and nobody asked for more.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, Client, PATIENCE, Server, eventually, hello, scripted};
use crate::workflow::{FIRST_DIFF, analysis, answered, arguments, project, task};

/// A mark in every text of the session. No masking rule knows it, so a line with the mark shows that the log
/// printed a text.
const MARK: &str = "quokka";

/// A text that must not appear in the log. It names the place that held it.
fn secret(place: &str) -> String {
    format!("{MARK}-{place}-8f3a")
}

/// A key that the masker knows by its form.
fn key(place: &str) -> String {
    format!("sk-proj-{place}0123456789abcdefghijABCDEFGHIJ")
}

fn logged(server: Server, level: &str) -> Server {
    server.keeps_log().env("MAESTRO_LOG_LEVEL", level)
}

/// A project with a secret in every possible place.
fn with_secrets(level: &str) -> Server {
    let mut answers = [
        Answer::accept(json!({ "decision": secret("unreadable-decision") })),
        Answer::accept(json!({ "decision": "approve", (secret("unreadable-field")): "x" })),
        Answer::approve().field("comment", &secret("comment")),
        Answer::revise(&secret("revision")),
    ]
    .into_iter();
    logged(project(), level)
        .env("OPENAI_API_KEY", &secret("openai-key"))
        .env("GEMINI_API_KEY", &secret("gemini-key"))
        .env("UNRELATED", &secret("unrelated-variable"))
        .env("MAESTRO_CODEX_EXTRA_ARGS", &format!("--token {}", secret("extra-args")))
        .user_file("cli_clients.yaml",
            format!("providers:\n  gemini: {{ extra_env: {{ SOME_TOKEN: {} }} }}\n", secret("extra-env")),
        )
        .file("mean.py", format!("# {}\ndef mean(numbers):\n    return sum(numbers) / 2\n", secret("source")))
        .file(
            "test_said.py",
            format!(
                "import sys, unittest\nprint({0:?})\nprint({0:?}, file=sys.stderr)\nclass T(unittest.TestCase):\n    def test_it(self): self.assertEqual({0:?}, 2)\n",
                secret("verify-output")
            ),
        )
        .human_by(move |_| answers.next())
}

fn fails(script: &mut Value, place: &str) -> String {
    script["stderr"] = json!(secret(&format!("{place}-stderr")));
    script["message"] = json!(secret(&format!("{place}-message")));
    scripted(script.clone())
}

fn consults(client: &mut Client) {
    let question = |script: Value| format!("{} {}", secret("prompt"), scripted(script));
    let reply = client.call(
        "maestro_consult",
        json!({
            "prompt": question(json!({ "text": secret("answer"), "stderr": secret("stderr") })),
            "context_errors": [secret("context-error"), key("contexterror")],
            "context_facts": [secret("context-fact")],
            "context_files": ["mean.py"],
        }),
    );
    assert_eq!(reply["ok"], true, "{reply}");
    for (place, mut script) in [("exit", json!({ "exit": 3 })), ("status", json!({ "status": 401 }))] {
        let prompt = fails(&mut script, place);
        let reply = client.call("maestro_consult", json!({ "prompt": prompt, "provider": "gemini" }));
        assert_eq!(reply["ok"], false, "{reply}");
    }
    let slow = question(json!({ "first": secret("first"), "sleep": 60 }));
    let reply = client.call("maestro_consult", json!({ "prompt": slow, "timeout_sec": 1 }));
    assert_eq!(reply["code"], "timeout", "{reply}");
    let calls = client.log("codex").len();
    let id = client.begin_call("maestro_consult", json!({ "prompt": slow }));
    client.wait_for_calls("codex", calls + 1);
    client.cancel(id);
    eventually("the cancelled call is told", PATIENCE, || {
        !lines(&client.server.logged(), &["call ended", "outcome=\"cancelled\""]).is_empty()
    });
    let both = question(json!({ "text": secret("ensemble"), "gemini": { "exit": 1 } }));
    let ensemble = json!({ "task": both, "providers": ["codex", "gemini"] });
    let reply = client.call("maestro_ensemble_generate", ensemble);
    assert_eq!(reply["count"], 1, "{reply}");
    let vote = json!({ "question": question(json!({ "text": secret("vote") })), "providers": ["codex"] });
    let reply = client.call("maestro_consensus_vote", vote);
    assert_eq!(reply["ok"], true, "{reply}");
}

fn gated(client: &mut Client) {
    client.call("maestro_workflow_with_hitl", json!({ "task": secret("task") }));
    let mut output = analysis();
    output["observations"][0]["fact"] = json!(secret("output"));
    let mut call = arguments("analyze");
    call["task"] = json!(format!("{} {}", secret("stage-task"), answered(&output)));
    let mut reply = Value::Null;
    // The human's first two answers cannot be read, and the third one approves.
    for _ in 0..3 {
        reply = client.call("maestro_run_stage_with_approval", call.clone());
    }
    assert_eq!(reply["approval"]["status"], "approved", "{reply}");
    let mut call = arguments("hypothesize");
    call["task"] = json!(task(&json!({ "exit": 1, "stderr": secret("stage-stderr") })));
    let reply = client.call("maestro_run_stage", call);
    assert_eq!(reply["ok"], false, "{reply}");
    let outputs =
        json!({ "hypotheses": [{ "id": "H1", "claim": secret("claim"), "verification_test": "x" }] });
    let asked =
        client.call("maestro_request_approval", json!({ "stage": "hypothesize", "outputs": outputs }));
    let request = &asked["request_id"];
    let decision = json!({
        "request_id": request,
        "approved": false,
        "feedback": secret("feedback"),
        "revision_instructions": secret("instructions"),
    });
    let reply = client.call("maestro_submit_approval", decision);
    assert_eq!(reply["status"], "revision_requested", "{reply}");
}

fn changes(client: &mut Client) {
    let good = FIRST_DIFF.replace("@@ -1,2 +1,2 @@", "@@ -2,2 +2,2 @@").replace("sum(numbers) / 4", &{
        let secret = secret("patch");
        format!("sum(numbers) / 4  # {secret}")
    });
    let applied = client.call("maestro_apply_patch", json!({ "patch": good }));
    assert_eq!(applied["ok"], true, "{applied}");
    let restored =
        client.call("maestro_restore_from_backup", json!({ "backup_session": applied["backup_session"] }));
    assert_eq!(restored["ok"], true, "{restored}");
    let bad = FIRST_DIFF.replace("sum(numbers) / 2", &secret("no-such-line"));
    assert_eq!(client.call("maestro_apply_patch", json!({ "patch": bad }))["ok"], false);
    let command = json!({ "command": "python3 -B -m unittest test_said" });
    let refused = json!({ "command": format!("curl {}", secret("command")) });
    let reply = client.call("maestro_verify", json!({ "commands": [command, refused] }));
    assert_eq!(reply["ok"], false, "{reply}");
    assert!(reply.to_string().contains(MARK), "{reply}");
}

fn mistakes(client: &mut Client) {
    for arguments in [
        json!({ "prompt": { (secret("argument")): 1 } }),
        json!({ "prompt": "x", "timeout_sec": secret("timeout") }),
        json!({ "prompt": "x", (secret("unknown-argument")): 1 }),
        json!({ "prompt": "x", "provider": secret("provider") }),
        json!({ "prompt": "x", "model": format!("{} x", secret("model")) }),
    ] {
        let reply = client.call("maestro_consult", arguments);
        assert_eq!(reply["ok"], false, "{reply}");
    }
    client.request("tools/call", json!({ "name": "no_such_tool", "arguments": { "a": secret("tool") } }));
    client.request("tools/call", json!({ "arguments": secret("malformed") }));
    client.request("resources/read", json!({ "uri": format!("maestro://{}", secret("resource")) }));
    client.request("prompts/get", json!({ "name": "x", "arguments": { "a": secret("prompt-argument") } }));
    client.request("no/such/method", json!({ "a": secret("method") }));
    client.send(&json!({ "jsonrpc": "2.0", "method": "no/such/note", "params": { "a": secret("note") } }));
    client.send(&json!({ "jsonrpc": "2.0", "id": 999, "result": { "a": secret("stray-result") } }));
    client.send_raw(&format!("{{ no json {}\n", secret("no-json")));
    let evidence = json!({
        "evidence_type": "observation",
        "stage": "analyze",
        "content": { "said": secret("evidence") },
        "source": secret("evidence-source"),
    });
    assert_eq!(client.call("maestro_log_evidence", evidence)["ok"], true);
}

/// A session in which everything happens, with secrets everywhere. The client itself asserts that the
/// server prints only messages of the protocol.
fn session(level: &str, modern: bool) -> Client {
    let server = with_secrets(level);
    let mut client = if modern { server.modern() } else { server }.start();
    client.request("tools/list", json!({}));
    consults(&mut client);
    changes(&mut client);
    gated(&mut client);
    mistakes(&mut client);
    assert!(client.close().0.success());
    client
}

fn assert_silent(log: &str, level: &str) {
    for line in log.lines() {
        assert!(!line.contains(MARK), "{level}: {line}");
        assert!(!line.contains("abcdefghijABC"), "{level}: {line}");
    }
}

/// The lines of a log that hold all of these texts.
fn lines<'a>(log: &'a str, texts: &[&str]) -> Vec<&'a str> {
    log.lines().filter(|line| texts.iter().all(|text| line.contains(text))).collect()
}

#[test]
fn no_secret_is_printed_at_any_level() {
    for (level, modern) in [("debug", false), ("trace", false), ("trace", true)] {
        let log = session(level, modern).server.logged();
        assert_silent(&log, level);
        // An empty log would contain no secret either.
        assert!(lines(&log, &["DEBUG", "maestro_consult"]).len() >= 5, "{log}");
        assert!(!log.contains("rmcp"), "{log}");
    }
}

#[test]
fn a_wrong_setting_is_told_masked_and_once() {
    let server = logged(Server::new().codex(), "debug")
        .env("MAESTRO_MAX_PARALLEL", &key("maxparallel"))
        .env("MAESTRO_GEMINI_TIMEOUT_SEC", &key("timeoutsec"))
        .env("MAESTRO_CODEX_EXTRA_ARGS", &format!("--token '{}", secret("open-quote")))
        .env("MAESTRO_NO_SUCH_THING", &secret("unknown-variable"))
        .user_file(
            "cli_clients.yaml",
            format!("providers:\n  claude:\n    extra_env: {}\n", secret("extra-env")),
        );
    let mut client = server.start();
    for _ in 0..2 {
        let reply = client.call("maestro_consult", json!({ "prompt": secret("prompt") }));
        assert_eq!(reply["code"], "config_invalid", "{reply}");
    }
    client.close();
    let log = client.server.logged();
    assert_silent(&log, "debug");
    for name in [
        "MAESTRO_MAX_PARALLEL", "MAESTRO_GEMINI_TIMEOUT_SEC", "MAESTRO_CODEX_EXTRA_ARGS",
        "MAESTRO_NO_SUCH_THING", "providers.claude.extra_env",
    ] {
        assert_eq!(lines(&log, &["WARN", "configuration", name]).len(), 1, "{name}: {log}");
    }
}

#[test]
fn a_first_request_that_is_none_is_not_repeated() {
    let mut client = logged(Server::new().codex(), "trace").start_silent();
    let call = json!({ "name": "maestro_consult", "arguments": { "prompt": secret("prompt") } });
    client.begin("tools/call", call);
    client.line(Duration::from_secs(2));
    // A message instead of a greeting ends the server. The error does not repeat the message.
    client.send(&json!({ "jsonrpc": "2.0", "method": "no/such/note", "params": { "a": secret("note") } }));
    eventually("the server ends", PATIENCE, || client.server.logged().contains("initialize"));
    client.close();
    assert_silent(&client.server.logged(), "trace");
}

#[test]
fn at_info_an_operator_sees_what_happened() {
    let client = session("info", false);
    let log = client.server.logged();
    assert_silent(&log, "info");
    let project = client.project().display().to_string();
    let many: &[(&[&str], usize)] = &[
        (&["started", "version=", &project], 1),
        (&["client=\"test\"", "client_version=\"1\"", "protocol=\"2025-11-25\"", "era=\"session\""], 1),
        (&["consult started", "provider=codex", "purpose=\"plain\""], 3),
        (&["tool=\"maestro_consult\"", "consult ended", "outcome=\"ok\"", "elapsed_ms=", "retries=0"], 1),
        (&["consult ended", "provider=gemini", "outcome=\"cli_failed\"", "exit_code=3"], 1),
        (&["consult ended", "outcome=\"timeout\""], 1),
        (&["consult ended", "outcome=\"cancelled\""], 1),
        (&["tool=\"maestro_consult\"", "call ended", "outcome=\"ok\"", "elapsed_ms="], 1),
        (&["call ended", "outcome=\"timeout\""], 1),
        (&["call ended", "outcome=\"cancelled\""], 1),
        (&["call ended", "outcome=\"invalid_arguments\""], 4),
        (&["call ended", "tool=\"unknown\"", "outcome=\"protocol_error\""], 1),
        (&["purpose=\"candidate\"", "tool=\"maestro_ensemble_generate\""], 2),
        (&["vote ended", "winner=\"codex\"", "samples=", "rounds="], 1),
        (&["run started", "run="], 1),
        (&["stage started", "stage=\"analyze\"", "providers=", "maestro_run_stage_with_approval"], 1),
        (&["stage finished", "stage=\"analyze\""], 1),
        (&["stage failed", "stage=\"hypothesize\"", "outcome="], 1),
        (&["a decision is wanted", "request=", "stage=\"analyze\""], 1),
        (&["WARN", "an answer to a form cannot be read", "request="], 2),
        (&["decided", "decision=\"approve\"", "by=\"a human, in a form of the client\"", "request="], 1),
        (&["decided", "decision=\"revise\"", "by=\"a human, in a form of the client\""], 1),
        (&["patch applied", "files_changed=1", "files_created=0", "files_removed=0", "backup="], 1),
        (&["change undone", "files_changed=1", "undoes="], 1),
        (&["checks ran", "passed=0", "failed=2", "elapsed_ms="], 1),
        (&["shutting down", "why=\"end of input\"", "calls="], 1),
    ];
    for (texts, count) in many {
        let found = lines(&log, texts);
        assert_eq!(found.len(), *count, "{texts:?}: {found:#?} in\n{log}");
    }
    // Every line begins with its time, in UTC, and a level; no line comes twice.
    let mut seen = BTreeMap::new();
    for line in log.lines() {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.len() >= 20 && time.contains('T') && time.ends_with('Z'), "{line}");
        let level = rest.split_whitespace().next().unwrap();
        assert!(["INFO", "WARN"].contains(&level), "{line}");
        *seen.entry(rest).or_insert(0) += 1;
    }
    let doubled: Vec<_> = seen.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "{doubled:#?}");
    // Each call and each consult has its end.
    assert_eq!(lines(&log, &["call ended"]).len(), calls(&log), "{log}");
    assert_eq!(lines(&log, &["consult started"]).len(), lines(&log, &["consult ended"]).len(), "{log}");
}

/// The number of calls that the server itself counted.
fn calls(log: &str) -> usize {
    let end = lines(log, &["shutting down"])[0];
    let count = end.split("calls=").nth(1).unwrap().split_whitespace().next().unwrap();
    count.parse().unwrap()
}

#[test]
fn the_client_of_the_stateless_era_is_told_once() {
    let mut client = logged(Server::new().codex().modern(), "info").start();
    client.request("tools/list", json!({}));
    client.call("maestro_consult", json!({ "prompt": "why?" }));
    client.close();
    let log = client.server.logged();
    assert_eq!(
        lines(&log, &["client=\"test\"", "era=\"stateless\"", "protocol=\"2026-07-28\""]).len(),
        1,
        "{log}"
    );
}

#[test]
fn the_end_says_why() {
    for signal in ["TERM", "INT"] {
        let mut client = logged(Server::new().codex(), "info").start();
        let id = client.begin_call("maestro_consult", json!({ "prompt": scripted(json!({ "sleep": 60 })) }));
        client.wait_for_calls("codex", 1);
        client.signal(signal);
        let log = client.server.logged();
        assert_eq!(lines(&log, &["shutting down", &format!("why=\"SIG{signal}\"")]).len(), 1, "{log}");
        assert_eq!(lines(&log, &["call ended", "maestro_consult", "outcome="]).len(), 1, "{id}: {log}");
        assert_eq!(lines(&log, &["consult ended", "outcome="]).len(), 1, "{log}");
    }
}

#[test]
fn an_ordinary_session_says_nothing() {
    let passes = "import unittest\nclass T(unittest.TestCase):\n    def test_it(self): pass\n";
    let server = project().keeps_log().human(Answer::approve()).file("test_passes.py", passes);
    let mut client = server.start();
    client.request("tools/list", json!({}));
    assert_eq!(client.call("maestro_consult", json!({ "prompt": "why?" }))["ok"], true);
    let both = json!({ "task": "why?", "providers": ["codex", "gemini"] });
    assert_eq!(client.call("maestro_ensemble_generate", both)["ok"], true);
    let applied = client.call("maestro_apply_patch", json!({ "patch": FIRST_DIFF }));
    assert_eq!(applied["ok"], true, "{applied}");
    let backup = json!({ "backup_session": applied["backup_session"] });
    assert_eq!(client.call("maestro_restore_from_backup", backup)["ok"], true);
    client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    let reply = client.call("maestro_run_stage_with_approval", arguments("analyze"));
    assert_eq!(reply["approval"]["status"], "approved", "{reply}");
    let vote = json!({ "question": scripted(json!({ "text": "B" })), "providers": ["codex"] });
    assert_eq!(client.call("maestro_consensus_vote", vote)["ok"], true);
    let check = json!({ "command": "python3 -B -m unittest test_passes" });
    assert_eq!(client.call("maestro_verify", json!({ "commands": [check] }))["ok"], true);
    assert!(client.close().0.success());
    assert_eq!(client.server.logged(), "");
}

#[test]
fn a_log_that_nobody_reads_any_more_costs_no_call() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let server = Server::new().codex().env("MAESTRO_LOG_LEVEL", "trace");
    let mut child = server.command().stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    for request in [
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello() }),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call",
            "params": { "name": "maestro_consult", "arguments": { "prompt": "why?" } } }),
    ] {
        writeln!(input, "{request}").unwrap();
        let reply: Value = serde_json::from_str(&output.next().unwrap().unwrap()).unwrap();
        assert_eq!(reply["id"], request["id"], "{reply}");
        assert_ne!(reply["result"]["isError"], true, "{reply}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_a_killed_server_had_begun_is_told() {
    let client = crate::change::cut_short();
    let mut next = logged(client.server.beside(), "info").start();
    next.call("maestro_pack_context", json!({}));
    next.close();
    let log = next.server.logged();
    assert_eq!(
        lines(&log, &["recovered: an unfinished change of a killed server was undone", "backup="]).len(),
        1,
        "{log}"
    );
}
