//! The protocol on standard input and output, and every mistake that a client can make.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::harness::{PATIENCE, Server, children, eventually, hello, is_alive, memory_kb, scripted};

/// The longest time that the server may take to end.
const AT_ONCE: Duration = Duration::from_millis(100);

#[test]
fn both_eras_are_served() {
    for server in [Server::new(), Server::new().modern()] {
        let mut client = server.start();
        let tools = client.request("tools/list", json!({}));
        assert_eq!(tools["result"]["tools"].as_array().unwrap().len(), 46);
        assert_eq!(client.call("maestro_help", json!({ "topic": "overview" }))["ok"], true);
    }
}

#[test]
fn initialize_negotiates_down_and_names_us() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", "1999-01-01"] {
        let mut client = Server::new().start_silent();
        let mut params = hello();
        params["protocolVersion"] = json!(version);
        let result = client.request("initialize", params)["result"].clone();
        let newest_with_handshake =
            if version < "2025-11-25" && version > "2000" { version } else { "2025-11-25" };
        assert_eq!(result["protocolVersion"], newest_with_handshake);
        assert_eq!(result["serverInfo"]["name"], "maestro-mcp");
        assert_eq!(result["serverInfo"]["version"], env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn discover_names_us_and_our_versions() {
    let mut client = Server::new().modern().start_silent();
    let result = client.request("server/discover", json!({}))["result"].clone();
    assert!(result["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")));
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "maestro-mcp");
    assert!(result["instructions"].as_str().unwrap().contains("maestro_consult"));
}

#[test]
fn a_client_that_only_discovers_leaves_a_clean_end() {
    let mut client = Server::new().modern().start_silent();
    client.request("server/discover", json!({}));
    assert!(client.close().0.success());
    ends_at_once(|| {
        let (status, took) = Server::new().start_silent().close();
        assert!(status.success());
        took
    });
}

/// Asserts that the server ends at once. The best of three ends counts, because the machine may be busy with
/// other tests.
fn ends_at_once(end: impl Fn() -> Duration) {
    let best = (0..3).map(|_| end()).min().unwrap();
    assert!(best < AT_ONCE, "{best:?}");
}

#[test]
fn the_end_of_input_ends_calls_under_way() {
    ends_at_once(end_of_input_with_a_call_under_way);
}

fn end_of_input_with_a_call_under_way() -> Duration {
    let mut client = Server::new().codex().start();
    client.begin_call("maestro_consult", json!({ "prompt": scripted(json!({ "sleep": 30 })) }));
    let pid = client.wait_for_calls("codex", 1)[0]["pid"].as_u64().unwrap();
    let (status, took) = client.close();
    assert!(status.success(), "{status}");
    eventually("the child is gone", Duration::from_secs(1), || !is_alive(pid));
    took
}

#[test]
fn signals_end_the_server_and_its_children() {
    for signal in ["INT", "TERM"] {
        ends_at_once(|| signal_with_a_call_under_way(signal));
    }
}

fn signal_with_a_call_under_way(signal: &str) -> Duration {
    let mut client = Server::new().codex().start();
    client.begin_call("maestro_consult", json!({ "prompt": scripted(json!({ "ignore_term": true })) }));
    let pid = client.wait_for_calls("codex", 1)[0]["pid"].as_u64().unwrap();
    let (status, took) = client.signal(signal);
    assert_eq!(status.code(), Some(0), "SIG{signal}");
    eventually("the child is gone", Duration::from_secs(1), || !is_alive(pid));
    took
}

#[test]
fn a_kill_of_the_server_leaves_no_child() {
    let mut client = Server::new().codex().start();
    client.begin_call("maestro_consult", json!({ "prompt": scripted(json!({ "sleep": 60 })) }));
    let pid = client.wait_for_calls("codex", 1)[0]["pid"].as_u64().unwrap();
    client.signal("KILL");
    eventually("the child is gone", Duration::from_secs(5), || !is_alive(pid));
}

#[test]
fn notifications_before_the_first_request_are_survived() {
    let mut client = Server::new().start_silent();
    client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    client.send(
        &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 9 } }),
    );
    client.send(&json!({ "jsonrpc": "2.0", "id": 77, "result": {} }));
    assert_eq!(client.request("initialize", hello())["result"]["serverInfo"]["name"], "maestro-mcp");
}

#[test]
fn a_line_that_is_too_long_is_answered_and_survived() {
    let mut client = Server::new().start();
    let filler = "x".repeat(66 * 1024 * 1024);
    client.send_raw(&format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{{\"name\":\"{filler}\"}},\"id\":4242}}\n"
    ));
    let reply = client.line(PATIENCE).expect("an answer");
    assert_eq!(reply["id"], 4242);
    assert_eq!(reply["error"]["code"], -32600);
    assert_eq!(client.call("maestro_help", json!({ "topic": "limits" }))["ok"], true);
}

#[test]
fn a_message_of_many_megabytes_is_read() {
    let mut client = Server::new().codex().start();
    let prompt = "\u{1}\"".repeat(400_000);
    let result = client.call("maestro_consult", json!({ "prompt": prompt }));
    assert_eq!(result["ok"], true, "{}", result["error"]);
    assert_eq!(client.log("codex")[0]["prompt"].as_str().unwrap().len(), 800_000);
}

#[test]
fn malformed_calls_are_invalid_params() {
    let mut client = Server::new().start();
    for params in [
        json!({}),
        json!({ "arguments": {} }),
        json!({ "name": 7 }),
        json!({ "name": "maestro_help", "arguments": [] }),
    ] {
        let reply = client.request("tools/call", params.clone());
        assert_eq!(reply["error"]["code"], -32602, "{params}: {reply}");
        assert!(reply["error"]["message"].as_str().unwrap().contains("`name` must be a string"), "{reply}");
    }
    let listed = client.request("tools/call", json!({ "name": "maestro_help", "arguments": ["topic"] }));
    assert!(
        listed["error"]["message"].as_str().unwrap().ends_with("`arguments` must be an object"),
        "{listed}"
    );
    let meta = client.request("tools/call", json!({ "name": "maestro_help", "_meta": 3 }));
    assert!(meta["error"]["message"].as_str().unwrap().ends_with("`_meta` must be an object"), "{meta}");
    let methods = ["prompts/get", "resources/read", "completion/complete", "tasks/get", "tasks/cancel"];
    for method in methods {
        assert_eq!(client.request(method, json!({ "nothing": 1 }))["error"]["code"], -32602, "{method}");
    }
    let reply = client.request("tools/call", json!(["maestro_help"]));
    assert!(reply["error"]["message"].as_str().unwrap().contains("`name` must be a string"), "{reply}");
    let unknown = &client.request("no/such", json!({}))["error"];
    assert_eq!(unknown["code"], -32601);
    assert_eq!(unknown["message"], "this server has no method `no/such`");
}

/// Some hosts pass the arguments on as their model wrote them.
#[test]
fn arguments_as_the_text_of_an_object_are_taken() {
    for server in [Server::new(), Server::new().modern()] {
        let mut client = server.start();
        let call = |arguments: &str| json!({ "name": "maestro_help", "arguments": arguments });
        let reply = client.request("tools/call", call(" {\"topic\": \"limits\"}\n"));
        assert_eq!(reply["result"]["structuredContent"]["ok"], true, "{reply}");
        for no_object in ["limits", "[1]", "", "{\"topic\": "] {
            let reply = client.request("tools/call", call(no_object));
            assert_eq!(reply["error"]["code"], -32602, "{no_object}: {reply}");
        }
    }
}

#[test]
fn unknown_tools_are_named() {
    let mut client = Server::new().start();
    let error =
        client.request("tools/call", json!({ "name": "maestro_konsult", "arguments": {} }))["error"].clone();
    assert_eq!(error["code"], -32602);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("maestro_konsult") && message.contains("nearest: maestro_consult"), "{message}");
}

#[test]
fn wrong_arguments_are_a_result_that_names_the_argument() {
    let mut client = Server::new().start();
    for (arguments, named) in [
        (json!({}), "prompt"),
        (json!({ "prompt": "x", "timeout_sec": "soon" }), "timeout_sec"),
        (json!({ "prompt": "x", "timeout_sec": -5 }), "timeout_sec"),
        (json!({ "prompt": "x", "timeout_sec": 0 }), "timeout_sec"),
        (json!({ "prompt": "x", "stage": "dance" }), "stage"),
        (json!({ "prompt": "x", "context_files": "a.py" }), "context_files"),
        (json!({ "prompt": "x", "context_files": [1] }), "context_files[0]"),
        (json!({ "prompt": "x", "colour": 1 }), "colour"),
        (json!({ "prompt": "   " }), "prompt"),
    ] {
        let result = client.call("maestro_consult", arguments.clone());
        assert_eq!(result["code"], "invalid_arguments", "{arguments}: {result}");
        assert!(result["error"].as_str().unwrap().contains(named), "{arguments}: {result}");
    }
}

#[test]
fn every_request_gets_an_answer_however_broken_it_is() {
    let mut client = Server::new().start();
    let call = |params: &str, id: u64| {
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{params}}}\n")
    };
    // Half of a surrogate pair, as `JSON.stringify` writes it for a cut emoji, is a character like any other.
    client.send_raw(&call(r#"{"name":"maestro_help","arguments":{"topic":"limits\ud83d"}}"#, 901));
    assert_eq!(client.reply(901)["result"]["structuredContent"]["code"], "unknown_topic");
    for (id, params, code) in [
        (902, "[1]", -32602),
        (903, "{\"name\":\"maestro_help\",\"_meta\":\"x\"}", -32602),
        (904, "{\"name\":NaN}", -32700),
        (905, "{\"name\":\"a\u{0}\"}", -32700),
    ] {
        client.send_raw(&call(params, id));
        assert_eq!(client.reply(id)["error"]["code"], code, "{params}");
    }
    client.send_raw(&call(&format!("{}{}", "[".repeat(400), "]".repeat(400)), 906));
    assert!(client.reply(906)["error"]["code"].is_i64());
}

#[test]
fn a_client_that_takes_no_more_replies_ends_the_server() {
    let server = Server::new().codex();
    let mut child = server.command().spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let first = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello() });
    writeln!(input, "{first}").unwrap();
    drop(child.stdout.take());
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    writeln!(input, "{list}").unwrap();
    eventually("the server is gone", Duration::from_secs(3), || child.try_wait().unwrap().is_some());
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_is_no_message_is_survived() {
    let mut client = Server::new().start();
    for noise in [
        "\n",
        "not json\n",
        "[1,2]\n",
        "7\n",
        "{\"id\":1}\n",
        "\u{feff}{\"jsonrpc\":\"2.0\",\"method\":\"x\"}\r\n",
    ] {
        client.send_raw(noise);
    }
    assert_eq!(client.call("maestro_help", json!({ "topic": "limits" }))["ok"], true);
}

#[test]
fn a_client_that_does_not_read_does_not_fill_our_memory() {
    let server = Server::new();
    let mut child = server.command().spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let output = child.stdout.take().unwrap();
    const REQUESTS: u64 = 4_000;
    let writer = std::thread::spawn(move || {
        let first = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello() });
        writeln!(input, "{first}").unwrap();
        for id in 1..=REQUESTS {
            let request = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/list", "params": {} });
            if writeln!(input, "{request}").is_err() {
                break;
            }
        }
        input
    });
    std::thread::sleep(Duration::from_millis(1_500));
    let resident = memory_kb(child.id(), "VmRSS").unwrap();
    // Without a bound, 4,000 lists of 40 KB would be in memory.
    assert!(resident < 60_000, "{resident} kB resident");
    let replies = BufReader::new(output)
        .lines()
        .take(usize::try_from(REQUESTS).unwrap() + 1)
        .map(Result::unwrap)
        .count();
    assert_eq!(replies, usize::try_from(REQUESTS).unwrap() + 1);
    drop(writer.join().unwrap());
    assert!(child.wait().unwrap().success());
}

#[test]
fn arguments_keep_the_order_in_which_they_are_declared() {
    let mut client = Server::new().start();
    let tools = client.request("tools/list", json!({}))["result"]["tools"].clone();
    let consult = tools.as_array().unwrap().iter().find(|tool| tool["name"] == "maestro_consult").unwrap();
    let names: Vec<&String> = consult["inputSchema"]["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names[..4], ["prompt", "provider", "model", "context_files"]);
}

#[test]
fn progress_reaches_clients_of_both_eras() {
    for server in [Server::new().codex(), Server::new().codex().modern()] {
        let mut client = server.start();
        let result = client.call(
            "maestro_consult",
            json!({ "prompt": scripted(json!({ "sleep": 1.3, "first": "thinking about it" })) }),
        );
        assert_eq!(result["ok"], true, "{result}");
        let said = client.progress();
        assert!(
            said.iter()
                .any(|message| message.contains("thinking about it") && message.contains("running for")),
            "{said:?}"
        );
        let counts: Vec<f64> = client
            .notifications
            .iter()
            .filter_map(|message| message["params"]["progress"].as_f64())
            .collect();
        assert!(counts.len() >= 2 && counts.windows(2).all(|pair| pair[0] < pair[1]), "{counts:?}");
    }
}

#[test]
fn a_start_reads_writes_and_runs_nothing() {
    let server = Server::new()
        .codex()
        .env("MAESTRO_LOG_LEVEL", "debug")
        .user_file("maestro.yaml", "max_parallel: 2\n")
        .file(".maestro/maestro.yaml", "max_parallel: 2\n")
        .file("a.py", "x = 1\n");
    let base = server.project().parent().unwrap().to_owned();
    let before = files_below(&base);
    let long_ago = SystemTime::now() - Duration::from_secs(2 * 24 * 60 * 60);
    for path in &before {
        let unread = std::fs::FileTimes::new().set_accessed(long_ago);
        std::fs::File::open(path).unwrap().set_times(unread).unwrap();
    }
    let is_read = |path: &Path| path.metadata().unwrap().accessed().unwrap() > long_ago;
    let mut client = server.start();
    let read: Vec<_> = before.iter().filter(|path| is_read(path)).collect();
    assert!(read.is_empty(), "{read:?}");
    // The list of tools depends on the configuration, which is read now.
    client.request("tools/list", json!({}));
    std::fs::read(base.join("project/a.py")).unwrap();
    if is_read(&base.join("project/a.py")) {
        assert!(is_read(&base.join("home/.config/maestro/maestro.yaml")));
    } else {
        eprintln!("whether anything was read is not checked: this file system keeps no access times");
    }
    let after = files_below(&base);
    assert_eq!(before, after);
    assert!(children(client.pid()).is_empty());
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.clone());
            if path.is_dir() {
                left.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn other_calls_answer_at_once_while_a_consult_runs() {
    let mut client = Server::new().codex().start();
    let consult = client.begin_call("maestro_consult", json!({ "prompt": scripted(json!({ "sleep": 1 })) }));
    client.wait_for_calls("codex", 1);
    let started = Instant::now();
    assert_eq!(client.call("maestro_list_providers", json!({}))["ok"], true);
    assert!(started.elapsed() < Duration::from_millis(700), "it waited for the consult");
    let result: Value = client.result(consult);
    assert_eq!(result["ok"], true);
}

#[test]
fn a_client_that_does_not_read_can_still_cancel_and_leave() {
    let server = Server::new().codex();
    let log = server.project().parent().unwrap().join("fake/codex.log");
    let mut child = server.command().spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut say = |message: Value| writeln!(input, "{message}").unwrap();
    say(json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello() }));
    let call =
        json!({ "name": "maestro_consult", "arguments": { "prompt": scripted(json!({ "sleep": 60 })) } });
    say(json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call }));
    let calls = || std::fs::read_to_string(&log).unwrap_or_default();
    eventually("it runs", PATIENCE, || calls().contains("\"pid\""));
    let line = calls().lines().last().unwrap().to_owned();
    let pid = serde_json::from_str::<Value>(&line).unwrap()["pid"].as_u64().unwrap();
    for id in 2..400 {
        say(json!({ "jsonrpc": "2.0", "id": id, "method": "tools/list", "params": {} }));
    }
    say(json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } }));
    eventually("the consult is gone", Duration::from_secs(5), || !is_alive(pid));
    drop(input);
    // Nobody reads the output of the server, and it must end nevertheless.
    eventually("the server is gone", Duration::from_secs(10), || child.try_wait().unwrap().is_some());
}
