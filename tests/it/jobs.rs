//! Calls that go on without their caller: in the background on request, after an impatient client gave up, or
//! as tasks.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::http::Browser;
use crate::harness::{Client, PATIENCE, Server, eventually, processes_of_call, scripted};

fn two() -> Server {
    Server::new().codex().fake("gemini", "gemini")
}

fn slow(seconds: f64, text: &str) -> String {
    scripted(json!({ "sleep": seconds, "text": text }))
}

/// Starts a consult in the background and returns its job.
fn start(client: &mut Client, prompt: &str) -> String {
    let begun =
        client.call("maestro_consult", json!({ "prompt": prompt, "provider": "codex", "background": true }));
    assert_eq!((&begun["ok"], &begun["state"]), (&json!(true), &json!("running")), "{begun}");
    begun["job"].as_str().unwrap().to_owned()
}

fn job(client: &mut Client, id: &str, action: &str) -> Value {
    client.call("maestro_job", json!({ "job": id, "action": action }))
}

fn until(client: &mut Client, id: &str, state: &str) -> Value {
    let started = Instant::now();
    loop {
        let shown = job(client, id, "progress");
        if shown["state"] == state {
            return shown;
        }
        assert!(started.elapsed() < PATIENCE, "{state}: {shown}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn first_listed(client: &mut Client) -> Value {
    let started = Instant::now();
    loop {
        let listed = client.call("maestro_job", json!({}));
        if let Some(first) = listed["jobs"].get(0) {
            return first.clone();
        }
        assert!(started.elapsed() < PATIENCE, "no job is listed");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_call_in_the_background_returns_at_once_and_is_waited_for() {
    let mut client = two().start();
    let started = Instant::now();
    let id = start(&mut client, &slow(2.0, "at last"));
    assert!(started.elapsed() < Duration::from_millis(1_500));
    assert_eq!(job(&mut client, &id, "collect")["state"], "running");
    let brief = client.call("maestro_job", json!({ "job": id, "wait_sec": 0 }));
    assert_eq!(brief["state"], "running", "{brief}");
    let done = client.call("maestro_job", json!({ "job": id }));
    assert_eq!((&done["state"], &done["result"]["content"]), (&json!("done"), &json!("at last")), "{done}");
    assert!(done["result"]["thread"].is_string());
    // It can be read again, also by another client.
    let again = job(&mut client.server.beside().start(), &id, "collect");
    assert_eq!(
        (&again["collected"], &again["result"]["content"]),
        (&json!(true), &json!("at last")),
        "{again}"
    );
    assert_eq!(client.call("maestro_job", json!({}))["count"], 1);
    assert_eq!(job(&mut client, "job-nobody", "wait")["code"], "unknown_job");
    assert_eq!(
        client.call("maestro_job", json!({ "job": id, "wait_sec": 999 }))["code"],
        "invalid_arguments"
    );
}

#[test]
fn a_job_that_nobody_collected_is_mentioned_once() {
    let mut client = two().start();
    let id = start(&mut client, &slow(0.2, "done"));
    until(&mut client, &id, "done");
    let next = client.call("maestro_workflow_state", json!({}));
    assert_eq!(next["jobs_finished"][0]["job"], json!(id), "{next}");
    let later = client.call("maestro_workflow_state", json!({}));
    assert!(later.get("jobs_finished").is_none(), "{later}");
    client.restart();
    let restarted = client.call("maestro_workflow_state", json!({}));
    assert!(restarted.get("jobs_finished").is_none(), "{restarted}");
    assert_eq!(job(&mut client, &id, "collect")["result"]["content"], "done");
}

#[test]
fn calls_at_the_same_time_mention_a_job_once_whatever_their_results_are() {
    let mut client = two().start();
    let id = start(&mut client, &slow(0.2, "done"));
    until(&mut client, &id, "done");
    let calls: Vec<u64> = (0..6).map(|_| client.begin_call("maestro_workflow_state", json!({}))).collect();
    let results: Vec<Value> = calls.into_iter().map(|call| client.result(call)).collect();
    let mentions = results.iter().filter(|result| result.get("jobs_finished").is_some()).count();
    assert_eq!(mentions, 1, "{results:#?}");
    let id = start(&mut client, &slow(0.2, "done"));
    until(&mut client, &id, "done");
    let refused = client.call("maestro_workflow_state", json!({ "nonsense": 1 }));
    assert_eq!(refused["code"], "invalid_arguments", "{refused}");
    assert_eq!(refused["jobs_finished"][0]["job"], json!(id), "{refused}");
}

#[test]
fn a_call_whose_client_gives_up_waiting_is_kept() {
    for reason in [
        "Request timed out",
        "request timeout",
        "McpError: MCP error -32001: Request timed out",
        // Codex, at its time limit.
        "MCP request cancelled by caller",
    ] {
        let mut client = two().start();
        let call =
            client.begin_call("maestro_consult", json!({ "prompt": slow(1.0, "kept"), "provider": "codex" }));
        client.wait_for_calls("codex", 1);
        client.give_up(call, reason);
        // A call that follows at once may be answered before the first one is kept.
        let kept = first_listed(&mut client);
        assert_eq!(kept["cause"], "timed_out", "{reason}: {kept}");
        let id = kept["job"].as_str().unwrap().to_owned();
        until(&mut client, &id, "done");
        let next = client.call("maestro_workflow_state", json!({}));
        assert_eq!(next["jobs_finished"][0]["job"], json!(id), "{next}");
        assert_eq!(job(&mut client, &id, "collect")["result"]["content"], "kept");
        assert_eq!(client.log("codex").len(), 1);
    }
}

#[test]
fn a_call_that_a_person_cancels_ends() {
    for reason in ["", "AbortError: user-cancel", "The operation was aborted"] {
        let mut client = two().start();
        let call =
            client.begin_call("maestro_consult", json!({ "prompt": slow(30.0, "x"), "provider": "codex" }));
        client.wait_for_calls("codex", 1);
        client.give_up(call, reason);
        nothing_is_left(&client);
        assert_eq!(client.call("maestro_job", json!({}))["count"], 0, "{reason}");
    }
}

#[test]
fn cancelling_ends_the_whole_tree_and_is_done_once() {
    let mut client = two().start();
    let prompt = scripted(json!({ "child": "escaped", "sleep": 60 }));
    let id = start(&mut client, &prompt);
    let call = call_id(&client.wait_for_calls("codex", 1)[0]);
    eventually("the escaped child is there", PATIENCE, || processes_of_call(&call).len() >= 2);
    let from_elsewhere = job(&mut client.server.beside().start(), &id, "cancel");
    assert_eq!(from_elsewhere["state"], "cancelled", "{from_elsewhere}");
    for _ in 0..2 {
        assert_eq!(job(&mut client, &id, "cancel")["state"], "cancelled");
    }
    nothing_is_left(&client);
}

/// The id of a call, which every process of the call has in its environment.
fn call_id(logged: &Value) -> String {
    logged["env"]["CONSULT_CALL_ID"].as_str().unwrap().to_owned()
}

/// Waits until no process of a call to codex is left.
fn nothing_is_left(client: &Client) {
    for call in client.log("codex").iter().map(call_id) {
        eventually("nothing of the call is left", PATIENCE, || processes_of_call(&call).is_empty());
    }
}

#[test]
fn a_job_goes_on_when_its_client_leaves() {
    let mut client = two().start();
    let id = start(&mut client, &slow(1.5, "still here"));
    client.wait_for_calls("codex", 1);
    let server = client.server.beside();
    client.leave();
    let mut other = server.start();
    let done = job(&mut other, &id, "wait");
    assert_eq!(
        (&done["state"], &done["result"]["content"]),
        (&json!("done"), &json!("still here")),
        "{done}"
    );
}

/// Kills the server when its log has the answer of one consultant.
fn kill_after_an_answer(client: &mut Client) {
    let started = Instant::now();
    while !client.events().iter().any(|event| event["kind"] == "consult_settled") {
        assert!(started.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
    client.signal("KILL");
}

#[test]
fn a_job_of_a_killed_server_is_asked_again_without_paying_twice() {
    let mut client = two().start();
    let arguments = json!({
        "task": scripted(json!({ "codex": { "text": "early" }, "gemini": { "sleep": 60, "text": "late", "later": { "sleep": 0 } } })),
        "providers": ["codex", "gemini"], "background": true,
    });
    let begun = client.call("maestro_ensemble_generate", arguments);
    let id = begun["job"].as_str().unwrap().to_owned();
    client.wait_for_calls("gemini", 1);
    kill_after_an_answer(&mut client);
    let mut other = client.server.beside().start();
    let next = other.call("maestro_workflow_state", json!({}));
    assert_eq!(next["jobs_finished"][0]["state"], "server_gone", "{next}");
    let again = job(&mut other, &id, "again");
    assert_eq!(again["again_of"], json!(id), "{again}");
    let done = job(&mut other, again["job"].as_str().unwrap(), "wait");
    assert_eq!(done["state"], "done", "{done}");
    let answers = done["result"]["candidates"].as_array().unwrap();
    assert_eq!((&answers[0]["content"], &answers[1]["content"]), (&json!("early"), &json!("late")), "{done}");
    assert!(answers[0]["warning"].as_str().unwrap().contains("taken from the log"), "{done}");
    assert_eq!((other.log("codex").len(), other.log("gemini").len()), (1, 2));
}

/// The log keeps both ends of a very long answer. Without its middle it is no answer.
#[test]
fn a_job_that_is_asked_again_takes_no_answer_from_the_log_that_is_not_whole() {
    let mut client = two().start();
    let arguments = json!({
        "task": scripted(json!({
            "codex": { "text": "0123456789", "repeat": 25_000 },
            "gemini": { "sleep": 60, "text": "late", "later": { "sleep": 0 } },
        })),
        "providers": ["codex", "gemini"], "background": true,
    });
    let begun = client.call("maestro_ensemble_generate", arguments)["job"].clone();
    client.wait_for_calls("gemini", 1);
    kill_after_an_answer(&mut client);
    let mut other = client.server.beside().start();
    let again = job(&mut other, begun.as_str().unwrap(), "again")["job"].clone();
    let done = job(&mut other, again.as_str().unwrap(), "wait");
    assert_eq!(done["state"], "done", "{done}");
    assert_eq!((other.log("codex").len(), other.log("gemini").len()), (2, 2));
    assert!(!done.to_string().contains("characters are left out"), "{done}");
}

/// An answer that arrived is paid for once, however often servers are killed and the job is repeated.
#[test]
fn a_job_that_is_lost_twice_and_asked_again_twice_is_paid_once() {
    let mut client = two().start();
    let arguments = json!({
        "task": scripted(json!({ "codex": { "text": "early" }, "gemini": { "sleep": 60, "text": "late" } })),
        "providers": ["codex", "gemini"], "background": true,
    });
    let first = client.call("maestro_ensemble_generate", arguments)["job"].clone();
    let first = first.as_str().unwrap();
    client.wait_for_calls("gemini", 1);
    kill_after_an_answer(&mut client);
    let mut second = client.server.beside().start();
    let again = job(&mut second, first, "again")["job"].clone();
    let again = again.as_str().unwrap();
    second.wait_for_calls("gemini", 2);
    assert_eq!(job(&mut second, first, "again")["job"], json!(again));
    second.signal("KILL");
    let mut third = client.server.beside().start();
    let last = job(&mut third, first, "again");
    assert_eq!(last["again_of"], json!(again), "{last}");
    third.wait_for_calls("gemini", 3);
    assert_eq!(job(&mut third, again, "again")["job"], last["job"]);
    let lost = job(&mut third, first, "progress");
    assert_eq!(lost["again_as"], json!(again), "{lost}");
    assert_eq!((third.log("codex").len(), third.log("gemini").len()), (1, 3));
    // A caller who asked again is not told once more that the answer is lost.
    let next = third.call("maestro_workflow_state", json!({}));
    assert!(next["jobs_finished"].is_null(), "{next}");
}

#[test]
fn a_secret_in_a_job_is_not_in_the_log() {
    let secret = "AKIAIOSFODNN7EXAMPLQ";
    let mut client = two().start();
    let id = start(&mut client, &slow(0.0, &format!("the key {secret}")));
    job(&mut client, &id, "wait");
    let log = client.events().iter().map(Value::to_string).collect::<String>();
    assert!(log.contains("\"ended\"") && !log.contains(secret), "{log}");
}

fn get(client: &mut Client, task: &str) -> Value {
    client.request("tasks/get", json!({ "taskId": task }))["result"].clone()
}

fn until_task(client: &mut Client, task: &str, status: &str) -> Value {
    let started = Instant::now();
    loop {
        let got = get(client, task);
        if got["status"] == status {
            return got;
        }
        assert!(started.elapsed() < PATIENCE, "{status}: {got}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_client_that_takes_tasks_gets_one_and_polls_it() {
    let mut client = two().tasks().start();
    let arguments = json!({ "prompt": slow(1.0, "from a task"), "provider": "codex" });
    let reply = client.request("tools/call", json!({ "name": "maestro_consult", "arguments": arguments }));
    let task = &reply["result"];
    assert_eq!((&task["resultType"], &task["status"]), (&json!("task"), &json!("working")), "{reply}");
    let id = task["taskId"].as_str().unwrap().to_owned();
    assert!(task["pollIntervalMs"].is_number() && task["createdAt"].is_string());
    let working = get(&mut client, &id);
    assert_eq!(
        (&working["status"], &working["resultType"]),
        (&json!("working"), &json!("complete")),
        "{working}"
    );
    assert!(working["statusMessage"].is_string());
    let done = until_task(&mut client, &id, "completed");
    assert_eq!(done["result"]["structuredContent"]["content"], "from a task", "{done}");
    assert!(done["result"]["content"][0]["text"].is_string());
    // The answer is in the log, so another server knows the task too.
    let other = get(&mut client.server.beside().start(), &id);
    assert_eq!(other["status"], "completed", "{other}");
    let unknown = client.request("tasks/get", json!({ "taskId": "nobody" }));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    // A call that takes no time is answered at once, without a task.
    assert_eq!(client.call("maestro_workflow_state", json!({}))["ok"], true);
}

#[test]
fn cancelling_a_task_twice_is_cancelling_it_once() {
    let mut client = two().tasks().start();
    let arguments = json!({ "prompt": slow(60.0, "x"), "provider": "codex" });
    let reply = client.request("tools/call", json!({ "name": "maestro_consult", "arguments": arguments }));
    let id = reply["result"]["taskId"].as_str().unwrap().to_owned();
    client.wait_for_calls("codex", 1);
    for _ in 0..2 {
        let cancelled = client.request("tasks/cancel", json!({ "taskId": id }));
        assert!(cancelled.get("error").is_none(), "{cancelled}");
    }
    assert_eq!(get(&mut client, &id)["status"], "cancelled");
}

#[test]
fn a_task_asks_its_human_and_goes_on_with_the_answer() {
    let mut client = two().tasks().start();
    let (id, asked) = begins(&mut client);
    let (name, request) = asked["inputRequests"].as_object().unwrap().iter().next().unwrap();
    assert_eq!(request["method"], "elicitation/create");
    let decision = request["params"]["requestedSchema"]["properties"].as_object().unwrap();
    assert!(decision.contains_key("decision"), "{asked}");
    // The session goes on meanwhile.
    assert_eq!(client.call("maestro_get_pending_approvals", json!({}))["ok"], true);
    let responses = json!({ name: { "action": "accept", "content": { "decision": "approve" } } });
    let updated = client.request("tasks/update", json!({ "taskId": id, "inputResponses": responses }));
    assert!(updated.get("error").is_none(), "{updated}");
    let started = Instant::now();
    let mut done = get(&mut client, &id);
    while done["status"] != "completed" {
        // If an approval leaves a critical question open, the server may ask once more, under another name.
        if let Some((again, _)) = done["inputRequests"].as_object().and_then(|asked| asked.iter().next()) {
            assert_ne!(again, name, "{done}");
            let responses = json!({ again: { "action": "accept", "content": { "decision": "approve" } } });
            client.request("tasks/update", json!({ "taskId": id, "inputResponses": responses }));
        }
        assert!(started.elapsed() < PATIENCE, "{done}");
        std::thread::sleep(Duration::from_millis(50));
        done = get(&mut client, &id);
    }
    let content = &done["result"]["structuredContent"];
    assert_eq!(content["approval"]["status"], "approved", "{content}");
    assert_eq!(content["approval"]["decided_by"], "elicitation", "{content}");
}

/// Begins a stage whose task asks its human, and returns the task and its state.
fn begins(client: &mut Client) -> (String, Value) {
    let answer = json!({
        "observations": ["the mean of an empty list divides by nothing"], "repro_steps": ["call it"],
        "affected_modules": ["mean.py"], "invariants": ["one number is its own mean"], "confidence": 0.9,
    });
    let run = client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    let arguments = json!({
        "stage": "analyze", "task": scripted(json!({ "text": answer.to_string() })), "providers": ["codex"],
        "workflow_id": run["workflow_id"],
    });
    let call = json!({ "name": "maestro_run_stage_with_approval", "arguments": arguments });
    let reply = client.request("tools/call", call);
    let task = reply["result"]["taskId"].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned();
    let asked = until_task(client, &task, "input_required");
    (task, asked)
}

/// Begins such a stage, and returns the task, the request and the question.
fn asks(client: &mut Client) -> (String, String, Value) {
    let (task, asked) = begins(client);
    let pending = client.call("maestro_get_pending_approvals", json!({}));
    let request =
        pending["pending_requests"][0]["request_id"].as_str().unwrap_or_else(|| panic!("{pending}"));
    let question = asked["inputRequests"].as_object().unwrap().values().next().unwrap().clone();
    (task, request.to_owned(), question)
}

#[test]
fn a_task_whose_decision_is_made_in_a_terminal_ends_with_it() {
    let mut client = two().tasks().start();
    let (task, request, question) = asks(&mut client);
    assert_eq!(question["params"]["mode"], "form", "{question}");
    let mut person = client.server.person(&["approvals", "approve", &request, "-m", "seen"]);
    person.reads("(Enter: none): ").types("").reads("(Enter: none): ").types("");
    assert_eq!(person.reads("Type `approve`").types("approve").leaves().0, 0);
    let done = until_task(&mut client, &task, "completed");
    let approval = &done["result"]["structuredContent"]["approval"];
    assert_eq!(
        (&approval["status"], &approval["decided_by"]),
        (&json!("approved"), &json!("terminal")),
        "{done}"
    );
}

#[test]
fn a_task_that_led_to_the_page_ends_with_the_decision_there() {
    let mut client = two().tasks().opens_pages().start();
    let (task, request, question) = asks(&mut client);
    assert_eq!(question["params"]["mode"], "url", "{question}");
    let (browser, _) = Browser::open(question["params"]["url"].as_str().unwrap());
    let form = browser.get(&format!("decide/{request}"));
    let (digest, nonce) = (form.field("digest"), form.field("nonce"));
    let fields =
        [("request", request.as_str()), ("digest", &digest), ("nonce", &nonce), ("decision", "approve")];
    let sent = browser.post(&format!("decide/{request}"), &fields);
    assert_eq!(sent.status, 303, "{}", sent.body);
    let done = until_task(&mut client, &task, "completed");
    let approval = &done["result"]["structuredContent"]["approval"];
    assert_eq!(
        (&approval["status"], &approval["decided_by"]),
        (&json!("approved"), &json!("page")),
        "{done}"
    );
    let next = client.call("maestro_workflow_state", json!({}));
    assert_eq!(next["workflow"]["current_stage"], "hypothesize", "{next}");
}

#[test]
fn a_task_whose_own_decision_is_open_still_asks_after_another_was_made() {
    let mut client = two().tasks().start();
    let (task, _, _) = asks(&mut client);
    let begun = client.call("maestro_workflow_with_hitl", json!({ "task": "another" }));
    let outputs = json!({ "observations": ["o"], "repro_steps": ["r"], "affected_modules": ["m"], "invariants": ["i"] });
    let arguments = json!({ "stage": "analyze", "outputs": outputs, "workflow_id": begun["workflow_id"] });
    let other = client.call("maestro_request_approval", arguments);
    let mut person = client.server.person(&["approvals", "approve", other["request_id"].as_str().unwrap()]);
    person.reads("(Enter: none): ").types("").reads("(Enter: none): ").types("");
    assert_eq!(person.reads("Type `approve`").types("approve").leaves().0, 0);
    // Gives the task time to look for a decision.
    std::thread::sleep(Duration::from_millis(2_500));
    let still = until_task(&mut client, &task, "input_required");
    assert_eq!(still["inputRequests"].as_object().unwrap().len(), 1, "{still}");
}

#[test]
fn without_tasks_a_stage_in_the_background_leaves_its_decision_pending() {
    let mut client = two().modern().start();
    let answer = json!({ "observations": ["o"], "repro_steps": ["r"], "affected_modules": ["m"], "invariants": ["i"], "confidence": 0.9 });
    let arguments = json!({
        "stage": "analyze", "task": scripted(json!({ "text": answer.to_string() })), "providers": ["codex"], "background": true,
    });
    let begun = client.call("maestro_run_stage_with_approval", arguments);
    let done = job(&mut client, begun["job"].as_str().unwrap(), "wait");
    assert_eq!(done["state"], "done", "{done}");
    assert!(done["result"]["approval"]["request_id"].is_string(), "{done}");
    assert_eq!(done["result"]["approval"]["status"], "pending", "{done}");
}
