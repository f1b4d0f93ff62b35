//! Decisions, runs and reasons in a terminal, while a server of the same project runs.

use std::process::Output;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use maestro::testing::{DecidedBy, Decision, Environment, Kit, Supervisor, Verdict, decide};
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Server, eventually, scripted};

/// The time within which a waiting call must learn of a decision.
const SOON: Duration = Duration::from_millis(300);

/// Begins a run whose first stage waits for a decision. Returns the run and the request.
fn asked(client: &mut Client) -> (String, String) {
    client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    let request = client.call("maestro_request_approval", analysis());
    (text(&request["workflow_id"]), text(&request["request_id"]))
}

fn analysis() -> Value {
    let fact = json!({ "fact": "mean([]) fails", "source": "a.py", "certainty": "high" });
    json!({ "stage": "analyze", "outputs": { "observations": [fact], "unknowns": ["why"] } })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The JSON that a sub-command prints.
fn json_of(client: &Client, arguments: &[&str]) -> Value {
    let output = client.server.run(arguments, "");
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Every request, the newest first.
fn requests(client: &Client) -> Vec<Value> {
    json_of(client, &["approvals", "--all", "--json"]).as_array().unwrap().clone()
}

fn state(client: &Client) -> String {
    text(&json_of(client, &["runs", "--json"])[0]["state"])
}

/// Makes a decision in a terminal, and leaves every critical question open.
fn decides(client: &Client, arguments: &[&str], word: &str) -> (i32, String) {
    let mut person = client.server.person(arguments);
    for _ in 0..2 {
        person.reads("(Enter: none): ").types("");
    }
    person.reads(&format!("Type `{}`", arguments[1])).types(word);
    person.leaves()
}

#[test]
fn nobody_decides_without_a_terminal() {
    let mut client = Server::new().start();
    let (run, request) = asked(&mut client);
    for arguments in [
        vec!["approvals", "approve", &request],
        vec!["approvals", "revise", &request, "-m", "shorter"],
        vec!["approvals", "reject", &request, "-m", "no"],
        vec!["runs", "stop", &run, "-m", "enough"],
    ] {
        let output = client.server.run(&arguments, &format!("\n\n{}\n", arguments[1]));
        assert_eq!(output.status.code(), Some(5), "{arguments:?}: {}", said(&output));
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            complaint.contains("human_wanted") && complaint.contains("must be a terminal"),
            "{complaint}"
        );
    }
    assert_eq!(state(&client), "awaiting_approval(analyze)");
    assert_eq!(requests(&client)[0]["status"], "pending");
}

#[test]
fn an_agents_shell_is_nobodys_terminal() {
    let mut client = Server::new().start();
    let (run, request) = asked(&mut client);
    for variable in ["CLAUDECODE", "CODEX_CI", "GEMINI_CLI", "MAESTRO_DEPTH", "AI_AGENT"] {
        for arguments in [vec!["approvals", "approve", &request], vec!["runs", "stop", &run, "-m", "enough"]]
        {
            let (code, screen) = client.server.person_with(&arguments, &[(variable, "1")]).leaves();
            assert_eq!(code, 5, "{variable}: {screen}");
            assert!(screen.contains(&format!("{variable} is set")) && !screen.contains("Type `"), "{screen}");
        }
    }
    assert_eq!(state(&client), "awaiting_approval(analyze)");
}

#[test]
fn a_person_reads_answers_and_approves() {
    let mut client = Server::new().start();
    let (_, request) = asked(&mut client);
    let mut person = client.server.person(&["approvals", "approve", &request[30..], "-m", "good"]);
    person.reads("From the orchestrator: 1 observation").reads("RISKS").reads("CRITICAL QUESTIONS (2)");
    person.reads("Which fact that you know of is missing here?").reads("(Enter: none): ").types("");
    person.reads("Do the recorded facts agree").reads("3. Some are wrong");
    person.reads("(Enter: none): ").types("perhaps").reads("the answer to `analyze_accuracy` must be one of");
    person.reads("(Enter: none): ").types("2").reads("Type `approve`").types("approve");
    let (code, screen) = person.leaves();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("approved by a human, in a terminal"), "{screen}");
    assert!(screen.contains("The run is ready(hypothesize)."), "{screen}");

    let decided = &requests(&client)[0];
    assert_eq!(
        (&decided["status"], &decided["decided_by"], &decided["feedback"]),
        (&json!("approved"), &json!("terminal"), &json!("good"))
    );
    assert_eq!(decided["question_responses"], json!({ "analyze_accuracy": "Most of them" }));
    assert_eq!(decided["unanswered_critical"], json!(["analyze_completeness"]));
    assert_eq!(client.call("maestro_workflow_state", json!({}))["workflow"]["state"], "ready(hypothesize)");
}

#[test]
fn a_decision_as_json_goes_to_a_pipe_while_the_person_is_asked_on_the_terminal() {
    let mut client = Server::new().start();
    let (run, request) = asked(&mut client);
    let binary = crate::harness::binary().display();
    let decided = client.project().join("decided.json");
    let shell = |command: String| {
        let command = format!("{binary} {command} --json > {}", decided.display());
        client.server.beside().script("").person(&["-c", &command])
    };
    // Without a terminal there is nobody to ask.
    let piped = client.server.run(&["approvals", "approve", &request, "--json"], "");
    assert_eq!(piped.status.code(), Some(5));
    let refused: Value = serde_json::from_slice(&piped.stdout).unwrap();
    assert_eq!((&refused["ok"], &refused["code"]), (&json!(false), &json!("human_wanted")));

    let mut person = shell(format!("approvals approve {request} -m good"));
    person.reads("(Enter: none): ").types("").reads("(Enter: none): ").types("");
    let (code, screen) = person.reads("Type `approve`").types("no").leaves();
    assert!(code == 1 && screen.contains("nothing was decided"), "{screen}");
    let document = || -> Value { serde_json::from_slice(&std::fs::read(&decided).unwrap()).unwrap() };
    assert_eq!(document()["ok"], false);

    let mut person = shell(format!("approvals approve {request} -m good"));
    person.reads("(Enter: none): ").types("").reads("(Enter: none): ").types("");
    let (code, screen) = person.reads("Type `approve`").types("approve").leaves();
    assert_eq!(code, 0, "{screen}");
    let told = document();
    assert_eq!(
        (&told["status"], &told["decided_by"], &told["feedback"]),
        (&json!("approved"), &json!("terminal"), &json!("good"))
    );

    let mut person = shell(format!("runs stop {run} -m enough"));
    let (code, screen) = person.reads("Type `stop`").types("stop").leaves();
    assert_eq!(code, 0, "{screen}");
    assert_eq!((&document()["state"], &document()["open"]), (&json!("stopped"), &json!(false)));
}

#[test]
fn answers_of_the_command_line_are_not_asked_again() {
    let mut client = Server::new().start();
    let (_, request) = asked(&mut client);
    let refused = |answer: &str| {
        let arguments = ["approvals", "approve", &request, "--answer", answer];
        let (code, screen) = client.server.person(&arguments).leaves();
        assert_eq!(code, 2, "{screen}");
        assert!(screen.contains("invalid_arguments") && !screen.contains("Type `"), "{screen}");
    };
    refused("analyze_accuracy");
    refused("analyze_accuracy=perhaps");
    refused("nobody_asks=this");
    let arguments = [
        "approvals", "approve", &request, "--answer", "analyze_completeness=nothing", "--answer",
        "analyze_accuracy=all of them",
    ];
    let mut person = client.server.person(&arguments);
    let (code, screen) = person.reads("Type `approve`").types("approve").leaves();
    assert_eq!(code, 0, "{screen}");
    assert!(!screen.contains("(Enter: none)"), "{screen}");
    let responses = &requests(&client)[0]["question_responses"];
    assert_eq!(*responses, json!({ "analyze_completeness": "nothing", "analyze_accuracy": "All of them" }));
}

#[test]
fn another_word_decides_nothing() {
    let mut client = Server::new().start();
    let (_, request) = asked(&mut client);
    for word in ["yes", "Approve", "", "reject"] {
        let (code, screen) = decides(&client, &["approvals", "approve", &request], word);
        assert_eq!(code, 1, "{screen}");
        assert!(screen.contains("nothing was decided"), "{screen}");
    }
    // Input that came before the question is no answer to it.
    let mut person = client.server.person(&["approvals", "approve", &request]);
    person.types("\n\napprove\napprove").reads("Type `approve`").types("no");
    assert_eq!(person.leaves().0, 1);
    assert_eq!(requests(&client)[0]["status"], "pending");
}

#[test]
fn ids_are_known_by_any_part_that_no_other_has() {
    let mut client = Server::new().start();
    let (_, first) = asked(&mut client);
    let (code, _) = decides(&client, &["approvals", "approve", &first], "approve");
    assert_eq!(code, 0);
    let outputs =
        json!({ "hypotheses": [{ "id": "H1", "claim": "nothing to divide by" }], "selected": "H1" });
    let second =
        client.call("maestro_request_approval", json!({ "stage": "hypothesize", "outputs": outputs }));
    let second = text(&second["request_id"]);
    for (part, expected) in
        [(&first[..], &first), (&first[24..], &first), (&second[20..].to_uppercase(), &second)]
    {
        assert_eq!(
            json_of(&client, &["approvals", "show", part, "--json"])["request_id"],
            **expected,
            "{part}"
        );
    }
    let unknown = client.server.run(&["approvals", "show", "nobody"], "");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(said(&unknown).contains("unknown_request") && said(&unknown).contains(&second));
    // Both ids begin with the same time.
    let ambiguous = client.server.run(&["approvals", "show", &first[..6]], "");
    assert_eq!(ambiguous.status.code(), Some(2));
    let complaint = said(&ambiguous);
    assert!(complaint.contains("ambiguous_name"), "{complaint}");
    assert!(complaint.contains(&first) && complaint.contains(&second), "{complaint}");
}

#[test]
fn a_decision_is_shown_with_whose_it_is() {
    let mut client = Server::new().start();
    let (_, request) = asked(&mut client);
    let (code, _) = decides(&client, &["approvals", "reject", &request, "-m", "the wrong problem"], "reject");
    assert_eq!(code, 0);
    assert_eq!(state(&client), "stopped");
    let (code, screen) = client.server.person(&["approvals", "approve", &request]).leaves();
    assert_eq!(code, 5, "{screen}");
    for part in [
        "rejected by a human, in a terminal",
        "comment: the wrong problem",
        "already_decided",
        "decision is final",
    ] {
        assert!(screen.contains(part), "{part}: {screen}");
    }
    let result = client.call("maestro_submit_approval", json!({ "request_id": request, "approved": true }));
    assert_eq!(result["code"], "already_decided");
    assert!(said(&client.server.run(&["approvals"], "")).contains("Nothing waits"));
    assert!(said(&client.server.run(&["approvals", "--all"], "")).contains("rejected, terminal"));
}

#[test]
fn a_revision_says_what_is_to_be_done() {
    let mut client = Server::new().start();
    let (_, request) = asked(&mut client);
    let without = client.server.person(&["approvals", "revise", &request]).leaves();
    assert_eq!(without.0, 2, "{}", without.1);
    assert!(without.1.contains("--message"), "{}", without.1);
    let empty = client.server.person(&["approvals", "revise", &request, "-m", "  "]).leaves();
    assert_eq!(empty.0, 2, "{}", empty.1);
    assert_eq!(requests(&client)[0]["status"], "pending");
    let arguments = ["approvals", "revise", &request, "-m", "look at b.py too"];
    let (code, screen) = decides(&client, &arguments, "revise");
    assert_eq!(code, 0, "{screen}");
    assert_eq!(requests(&client)[0]["revision_instructions"], "look at b.py too");
    assert_eq!(state(&client), "revising(analyze)");
}

#[test]
fn of_two_terminals_the_first_decides() {
    let mut client = Server::new().start();
    let (_, request) = asked(&mut client);
    let mut persons: Vec<_> = ["approve", "reject"]
        .iter()
        .map(|word| client.server.person(&["approvals", word, &request, "-m", word]))
        .collect();
    for person in &mut persons {
        person.reads("(Enter: none): ").types("").reads("(Enter: none): ").types("").reads("Type `");
    }
    let (code, screen) = persons[1].types("reject").leaves();
    assert_eq!(code, 0, "{screen}");
    let (code, screen) = persons[0].types("approve").leaves();
    assert_eq!(code, 5, "{screen}");
    assert!(screen.contains("already_decided") && screen.contains("was rejected before"), "{screen}");
    assert_eq!(requests(&client)[0]["feedback"], "reject");
    assert_eq!(state(&client), "stopped");
}

#[test]
fn a_decision_on_another_report_does_not_count() {
    let mut client = Server::new().start();
    let (_, request) = asked(&mut client);
    let verdict = Verdict {
        chosen: None,
        is_meant: false,
        request,
        decision: Decision::Approve,
        decided_by: DecidedBy::Terminal,
        opened: None,
        feedback: None,
        revision_instructions: None,
        responses: serde_json::Map::new(),
        seen: Some("the digest of what was shown".to_owned()),
        nonce: None,
    };
    let kit = Kit::new(Environment::default(), &client.project(), Supervisor::new(None));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let refused = runtime.block_on(decide(&kit, verdict.clone())).unwrap_err();
    assert_eq!(refused.code(), "other_report");
    assert_eq!(requests(&client)[0]["status"], "pending");
    let seen = Some(text(&requests(&client)[0]["digest"]));
    runtime.block_on(decide(&kit, Verdict { seen, ..verdict })).unwrap();
    assert_eq!(requests(&client)[0]["decided_by"], "terminal");
}

/// A client whose call waits in an unanswered dialog. Returns the client, the request and the id of the call.
fn waiting() -> (Client, String, u64) {
    let mut client = Server::new().human_by(|_| None).start();
    let (_, request) = asked(&mut client);
    let id = client.begin_call("maestro_submit_approval", json!({ "request_id": request, "approved": true }));
    while client.asked().is_empty() {
        // The dialog opens while the client waits for the next reply.
        client.call("maestro_workflow_state", json!({}));
    }
    (client, request, id)
}

fn closed(client: &Client) -> bool {
    client.notifications.iter().any(|it| it["method"] == "notifications/cancelled")
}

#[test]
fn a_waiting_call_returns_what_a_terminal_says() {
    let (mut client, request, id) = waiting();
    let (code, screen) = decides(&client, &["approvals", "revise", &request, "-m", "shorter"], "revise");
    assert_eq!(code, 0, "{screen}");
    let result = client.result(id);
    assert_eq!(
        (&result["status"], &result["decided_by"]),
        (&json!("revision_requested"), &json!("terminal"))
    );
    assert_eq!(result["feedback_summary"]["revision_instructions"], "shorter");
    assert!(closed(&client), "{:?}", client.notifications);
}

#[test]
fn a_waiting_call_learns_of_a_decision_within_300_ms() {
    let (mut client, request, id) = waiting();
    let mut person = client.server.person(&["approvals", "approve", &request]);
    person.reads("(Enter: none): ").types("").reads("(Enter: none): ").types("");
    person.reads("Type `approve`").types("approve");
    let result = client.result(id);
    let arrived = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert_eq!((&result["status"], &result["decided_by"]), (&json!("approved"), &json!("terminal")));
    let at = text(&requests(&client)[0]["responded_at"]);
    let decided = humantime::parse_rfc3339(&at).unwrap().duration_since(UNIX_EPOCH).unwrap();
    let took = arrived.saturating_sub(decided);
    assert!(took < SOON, "{took:?}");
    assert!(closed(&client), "{:?}", client.notifications);
    assert_eq!(person.leaves().0, 0);
}

#[test]
fn a_stopped_run_holds_nobody() {
    let (mut client, request, id) = waiting();
    let run = text(&json_of(&client, &["runs", "--json"])[0]["workflow_id"]);
    let stop = ["runs", "stop", &run[24..], "-m", "given up"];
    let (code, screen) = client.server.person(&stop).reads("Type `stop`").types("no").leaves();
    assert_eq!(code, 1, "{screen}");
    assert_eq!(state(&client), "awaiting_approval(analyze)");
    let (code, screen) = client.server.person(&stop).reads("Type `stop`").types("stop").leaves();
    assert_eq!(code, 0, "{screen}");

    // The waiting call is refused, and so is every later one.
    assert_eq!(client.result(id)["code"], "run_stopped");
    assert!(closed(&client), "{:?}", client.notifications);
    let listed = &json_of(&client, &["runs", "--json"])[0];
    assert_eq!((&listed["open"], &listed["pending_request"]), (&json!(false), &Value::Null));
    let (code, screen) = client.server.person(&stop).leaves();
    assert_eq!(code, 5, "{screen}");
    assert!(screen.contains("run_stopped") && screen.contains("given up"), "{screen}");
    let (code, screen) = client.server.person(&["approvals", "approve", &request]).leaves();
    assert_eq!(code, 5, "{screen}");
    assert!(screen.contains("run_stopped"), "{screen}");
    assert!(said(&client.server.run(&["approvals"], "")).contains("Nothing waits"));
    assert_eq!(requests(&client)[0]["status"], "stopped");
    let shown = said(&client.server.run(&["approvals", "show", &request], ""));
    assert!(shown.contains("not decided: the run was stopped (given up)"), "{shown}");
    let next = client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    assert_eq!((&next["continued"], &next["ok"]), (&json!(false), &json!(true)));
}

#[test]
fn a_stage_of_a_stopped_run_ends_with_the_reason() {
    let mut client = Server::new().codex().start();
    client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    let task = scripted(json!({ "text": "{}", "sleep": 2 }));
    let arguments = json!({ "stage": "analyze", "task": task, "providers": ["codex"] });
    let id = client.begin_call("maestro_run_stage_with_approval", arguments);
    client.wait_for_calls("codex", 1);
    let run = text(&json_of(&client, &["runs", "--json"])[0]["workflow_id"]);
    assert_eq!(state(&client), "running(analyze)");
    let stop = ["runs", "stop", &run, "-m", "given up"];
    let (code, screen) = client.server.person(&stop).reads("Type `stop`").types("stop").leaves();
    assert_eq!(code, 0, "{screen}");
    let result = client.result(id);
    assert_eq!(result["code"], "run_stopped", "{result}");
    assert!(requests(&client).is_empty());
}

#[test]
fn runs_show_where_they_are() {
    let mut client = Server::new().codex().start();
    assert!(said(&client.server.run(&["runs"], "")).contains("There is no run."));
    let (run, request) = asked(&mut client);
    client.call(
        "maestro_consult",
        json!({ "prompt": scripted(json!({ "text": "so" })), "provider": "codex", "workflow_id": run }),
    );
    let listed = &json_of(&client, &["runs", "--json"])[0];
    assert_eq!(
        (&listed["workflow_id"], &listed["state"], &listed["task"]),
        (&json!(run), &json!("awaiting_approval(analyze)"), &json!("mend the mean"))
    );
    assert_eq!((&listed["consults_used"], &listed["consults_max"]), (&json!(1), &json!(6)));
    assert_eq!(listed["pending_request"], json!(request));
    let output = said(&client.server.run(&["runs"], ""));
    let line = output.lines().nth(1).unwrap();
    for part in [&run[24..], "1 of 6", "awaiting_approval(analyze)", &request[24..], "mend the mean"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let output = said(&client.server.run(&["approvals"], ""));
    let line = output.lines().nth(1).unwrap();
    for part in [&request[24..], &run[24..], "analyze", "pending", "mend the mean"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[test]
fn a_report_is_in_colour_for_a_terminal_only() {
    let mut client = Server::new().start();
    let (_, request) = asked(&mut client);
    let show = ["approvals", "show", &request];
    let plain = said(&client.server.run(&show, ""));
    assert!(plain.contains("RISKS") && !plain.contains("위험 요소") && !plain.contains('\u{1b}'), "{plain}");
    assert!(plain.contains(&format!("maestro-mcp approvals approve {request}")), "{plain}");
    let (code, coloured) = client.server.person_with(&show, &[("TERM", "xterm")]).leaves();
    assert!(code == 0 && coloured.contains("\u{1b}["), "{coloured}");
    let (_, uncoloured) = client.server.person_with(&show, &[("TERM", "xterm"), ("NO_COLOR", "1")]).leaves();
    assert!(!uncoloured.contains('\u{1b}') && uncoloured.contains(&"=".repeat(80)), "{uncoloured}");
    assert!(!uncoloured.contains(&"=".repeat(81)), "{uncoloured}");
    let data = json_of(&client, &["approvals", "show", &request, "--json"]);
    assert_eq!((&data["stage"], &data["status"]), (&json!("analyze"), &json!("pending")));
    assert!(data["report"]["risks"].is_array());
}

#[test]
fn a_chain_leads_from_a_decision_to_the_beginning_of_its_run() {
    let mut client = Server::new().human(Answer::approve()).start();
    let (run, first) = asked(&mut client);
    client.call("maestro_submit_approval", json!({ "request_id": first, "approved": true }));
    let outputs =
        json!({ "hypotheses": [{ "id": "H1", "claim": "nothing to divide by" }], "selected": "H1" });
    let second =
        client.call("maestro_request_approval", json!({ "stage": "hypothesize", "outputs": outputs }));
    let second = text(&second["request_id"]);

    let chain = json_of(&client, &["why", &second[20..], "--json"]);
    let kinds: Vec<&str> =
        chain.as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap()).collect();
    let down = [
        "approval_requested", "stage_finished", "approval_decided", "approval_requested", "stage_finished",
        "run_started",
    ];
    assert_eq!(kinds, down);
    assert_eq!(chain[2]["who"], "a human, in a form of the client");
    assert_eq!((&chain[5]["depth"], &chain[5]["content"]), (&json!(5), &json!("analyze: mend the mean")));

    let forward = json_of(&client, &["why", &run, "--forward", "--json"]);
    let kinds: Vec<&str> =
        forward.as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, down.iter().rev().copied().collect::<Vec<_>>());
    assert_eq!(forward[5]["id"], json!(second));

    let (code, screen) = client.server.person_with(&["why", &second], &[("NO_COLOR", "1")]).leaves();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    assert!(screen.lines().any(|line| line.contains("          run_started: analyze")), "{screen}");
    let unknown = client.server.run(&["why", "nobody"], "");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(said(&unknown).contains("there is no event `nobody`"));
}

#[test]
fn looking_makes_no_log() {
    let server = Server::new();
    for arguments in [vec!["approvals"], vec!["approvals", "--all", "--json"], vec!["runs"]] {
        assert!(server.run(&arguments, "").status.success(), "{arguments:?}");
    }
    assert_eq!(server.run(&["why", "a"], "").status.code(), Some(2));
    eventually("no log", Duration::from_secs(1), || !server.project().join(".maestro").exists());
}

#[test]
fn a_person_who_starts_the_server_by_hand_is_told_how_to_go_on() {
    let mut person = Server::new().person(&[]);
    person.reads("maestro-mcp is an MCP server").reads("maestro-mcp install").reads("--help");
}

#[test]
fn a_run_is_shown_with_the_way_to_go_on() {
    let mut client = Server::new().start();
    let (run, request) = asked(&mut client);
    let short = &run[run.len() - 6..];
    let shown = said(&client.server.run(&["runs", "show", short], ""));
    for part in [run.as_str(), "mend the mean", "awaiting_approval(analyze)", "approvals approve"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let json = json_of(&client, &["runs", "show", short, "--json"]);
    assert_eq!(json["pending_request"], request.as_str());
    let resumed = said(&client.server.run(&["runs", "resume", short], ""));
    assert!(resumed.contains("approvals show"), "{resumed}");

    client.server.run(&["evidence", "verify", "--json"], "");
    let verified = json_of(&client, &["evidence", "verify", "--json"]);
    assert!(verified["events"].as_u64().unwrap() > 0 && verified["last_hash"].is_string(), "{verified}");
    let errors = json_of(&client, &["errors", "--json", "login_missing"]);
    assert_eq!(errors[0]["code"], "login_missing");
    assert_eq!(client.server.run(&["errors", "--json", "nothing"], "").status.code(), Some(2));
}

#[test]
fn watching_shows_what_was_and_what_comes() {
    use std::io::BufRead as _;

    let mut client = Server::new().start();
    let (run, _) = asked(&mut client);
    let mut watching = client.server.command().args(["watch", "--json"]).spawn().unwrap();
    let mut lines = std::io::BufReader::new(watching.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!((first["kind"].as_str(), first["run"].as_str()), (Some("run_started"), Some(run.as_str())));
    let logged = client.call(
        "maestro_log_evidence",
        json!({ "evidence_type": "observation", "stage": "analyze", "content": { "seen": "it" }, "source": "test" }),
    );
    assert!(logged["evidence_id"].is_string(), "{logged}");
    let later = lines.find_map(|line| {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        (event["kind"] == "evidence_logged").then_some(event)
    });
    assert_eq!(later.unwrap()["who"], "test");
    watching.kill().unwrap();
    watching.wait().unwrap();
}
