//! Every sub-command: JSON on request, no progress or colour in a pipe, and lines that fit a terminal.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::{Deserializer, Value, json};
use unicode_width::UnicodeWidthStr;

use crate::harness::{Client, Server, scripted};

/// Each sub-command, with arguments that need no person.
const CALLS: [(&str, &[&str]); 33] = [
    ("serve", &[]),
    ("check", &["--settings"]),
    ("mcp-config", &["--client", "zed"]),
    ("install", &["--client", "codex"]),
    ("uninstall", &["--client", "codex"]),
    ("consult", &["--provider", "codex", "QUESTION"]),
    ("review", &["--providers", "codex", "src/a.py"]),
    ("demo", &["--no-page"]),
    ("trust", &["--show"]),
    ("approvals", &[]),
    ("approvals show", &["REQUEST"]),
    ("approvals approve", &["REQUEST"]),
    ("approvals revise", &["REQUEST", "-m", "shorter"]),
    ("approvals reject", &["REQUEST"]),
    ("page", &[]),
    ("runs", &[]),
    ("runs show", &["RUN"]),
    ("runs resume", &["RUN"]),
    ("runs stop", &["RUN", "-m", "enough"]),
    ("threads", &[]),
    ("threads show", &["THREAD"]),
    ("threads search", &["why"]),
    ("threads fork", &["THREAD"]),
    ("watch", &["--run", "nobody"]),
    ("why", &["REQUEST"]),
    ("evidence verify", &[]),
    ("evidence export", &[]),
    ("metrics", &["--all"]),
    ("backups", &[]),
    ("backups prune", &[]),
    ("errors", &["timeout"]),
    ("completions", &["bash"]),
    ("man", &[]),
];

/// Sub-commands that only lead to their own sub-commands.
const LEADS_ON: [&str; 1] = ["evidence"];

/// A Korean task, longer than any line, with a word wider than a terminal.
const TASK: &str = "재고 원장의 평균을 고치고 /srv/very/long/path/without/any/blank/in/it/that/no/terminal/of/this/world/can/show/at/once.py 의 오류를 없애기";

/// A project with a run, a waiting request and a consult. Returns the ids of the run, the request and the
/// thread.
fn busy() -> (Client, String, String, String) {
    let mut client = Server::new().codex().file("src/a.py", "x = 1\n").start();
    let run = client.call("maestro_workflow_with_hitl", json!({ "task": TASK }));
    let question = scripted(json!({ "text": "because of the empty list" }));
    let asked = client.call("maestro_consult", json!({ "prompt": question, "provider": "codex" }));
    let fact = json!({ "fact": TASK, "source": "src/a.py", "certainty": "high" });
    let outputs = json!({ "observations": [fact], "unknowns": [TASK] });
    let request = client.call("maestro_request_approval", json!({ "stage": "analyze", "outputs": outputs }));
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned();
    (client, text(&run["workflow_id"]), text(&request["request_id"]), text(&asked["thread"]))
}

/// The ids that replace the names in `CALLS`.
struct Calls {
    run: String,
    request: String,
    thread: String,
}

impl Calls {
    fn words(&self, name: &str, words: &[&str]) -> Vec<String> {
        let filled = words.iter().map(|word| match *word {
            "RUN" => self.run.clone(),
            "REQUEST" => self.request.clone(),
            "THREAD" => self.thread.clone(),
            "QUESTION" => scripted(json!({ "text": "so" })),
            other => other.to_owned(),
        });
        name.split(' ').map(ToOwned::to_owned).chain(filled).collect()
    }
}

fn run(server: &Server, words: &[String], more: &[&str]) -> Output {
    let words: Vec<&str> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
    server.run(&words, "")
}

/// Every sub-command, from the manual page.
fn listed(server: &Server) -> BTreeSet<String> {
    let page: Value = serde_json::from_slice(&server.run(&["man", "--json"], "").stdout).unwrap();
    let page = page["page"].as_str().unwrap().replace("\\-", "-");
    page.lines().filter_map(|line| line.strip_prefix(".SS ").map(ToOwned::to_owned)).collect()
}

#[test]
fn every_sub_command_speaks_json_and_is_quiet_in_a_pipe() {
    let (client, run_id, request, thread) = busy();
    let known: BTreeSet<String> = CALLS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let all = listed(&client.server);
    let left: Vec<_> = all.difference(&known).filter(|name| !LEADS_ON.contains(&name.as_str())).collect();
    assert!(left.is_empty() && known.is_subset(&all), "not swept: {left:?}, or gone: {known:?}");
    let calls = Calls { run: run_id, request, thread };
    for (name, words) in CALLS {
        let words = calls.words(name, words);
        let output = run(&client.server, &words, &["--json"]);
        let (shown, said) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let documents: Result<Vec<Value>, _> = Deserializer::from_str(&shown).into_iter().collect();
        let documents = documents.unwrap_or_else(|error| panic!("{name}: {error}: {shown}"));
        assert!(
            name == "serve" || documents.iter().any(|it| it.is_object() || it.is_array()),
            "{name}: {shown}{said}"
        );
        assert!(
            !shown.contains('\u{1b}') && !said.contains('\u{1b}') && !said.contains('\r'),
            "{name}: {said}"
        );
        if output.status.success() {
            assert_eq!(said.lines().filter(|line| !is_a_remark(line)).count(), 0, "{name}: {said}");
        } else {
            let failed = documents.last().unwrap();
            assert!(failed["ok"] == json!(false) && failed["error"].is_string(), "{name}: {failed}");
        }
        // The same call without `--json`.
        let output = run(&client.server, &words, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains('\u{1b}') && !said.contains('\r'), "{name}: {said}");
        if output.status.success() {
            assert_eq!(said.lines().filter(|line| !is_a_remark(line)).count(), 0, "{name}: {said}");
        }
    }
}

/// True for a warning or advice about the result. Progress has none of these marks.
fn is_a_remark(line: &str) -> bool {
    line.starts_with("maestro-mcp: ") || line.starts_with("  ") || line.contains(" WARN ")
}

#[test]
fn wrong_usage_ends_with_2_and_the_next_step_in_words_and_as_json() {
    let server = Server::new();
    for (name, _) in CALLS {
        for more in [&["--no-such-option"][..], &["--no-such-option", "--json"]] {
            let words: Vec<&str> = name.split(' ').chain(more.iter().copied()).collect();
            let output = server.run(&words, "");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
            assert!(said.contains("--no-such-option") && said.contains("--help"), "{words:?}: {said}");
            if more.len() == 2 {
                let document: Value = serde_json::from_slice(&output.stdout).expect(name);
                assert_eq!(document["code"], "invalid_arguments", "{document}");
                assert!(document["hint"].as_str().unwrap().contains("--help"), "{document}");
            }
        }
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let (mut client, run_id, request, thread) = busy();
    client.call(
        "maestro_log_evidence",
        json!({ "evidence_type": "observation", "stage": "analyze", "content": { "seen": TASK }, "source": "시험" }),
    );
    let calls = Calls { run: run_id, request, thread };
    // Documents for programs may have wider lines, and some commands run until somebody ends them.
    let programs = ["serve", "page", "watch", "evidence export", "completions", "man", "mcp-config"];
    // Lines that are too wide although no single word is, such as a path, an address or an id.
    let mut wide = Vec::new();
    for columns in [60_u16, 80] {
        for (name, words) in CALLS.iter().filter(|(name, _)| !programs.contains(name)) {
            let words = calls.words(name, words);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if name.starts_with("approvals ") && *name != "approvals show" || *name == "runs stop" {
                continue;
            }
            let (_, screen) = client.server.person_in(columns, &words, &[("NO_COLOR", "1")]).leaves();
            for line in screen.lines() {
                // The status line is erased again.
                let line = line.rsplit("\u{1b}[2K").next().unwrap();
                let longest = line.split_whitespace().map(UnicodeWidthStr::width).max().unwrap_or_default();
                let indent = line.len() - line.trim_start().len();
                // Code of a diff and a command to copy stay as they are.
                let is_as_it_is = line.trim_start().starts_with(['+', '-']) || line.contains("maestro-mcp ");
                let fits = is_as_it_is || line.width() <= usize::from(columns);
                if !fits && indent + longest <= usize::from(columns) {
                    wide.push(format!("{name} at {columns}: {line}"));
                }
                assert!(!line.contains('\u{1b}'), "{name}: {line:?}");
            }
        }
    }
    assert!(wide.is_empty(), "{wide:#?}");
}
