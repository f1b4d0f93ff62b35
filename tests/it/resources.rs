//! Resources and prompts over the wire, in both eras.

use serde_json::{Value, json};

use crate::harness::{Client, Server, scripted};

fn list(client: &mut Client) -> Vec<Value> {
    client.request("resources/list", json!({}))["result"]["resources"].as_array().unwrap().clone()
}

fn read(client: &mut Client, uri: &str) -> Value {
    client.request("resources/read", json!({ "uri": uri }))
}

/// The single text at an address.
fn text(client: &mut Client, uri: &str) -> String {
    let reply = read(client, uri);
    let contents = reply["result"]["contents"].as_array().unwrap_or_else(|| panic!("{reply}"));
    assert_eq!(contents.len(), 1);
    assert_eq!(contents[0]["uri"], uri);
    assert!(contents[0]["mimeType"].is_string());
    contents[0]["text"].as_str().unwrap().to_owned()
}

fn data(client: &mut Client, uri: &str) -> Value {
    serde_json::from_str(&text(client, uri)).unwrap()
}

/// The addresses that a result links to.
fn links(reply: &Value) -> Vec<String> {
    let blocks = reply["result"]["content"].as_array().unwrap().iter();
    let links = blocks.filter(|block| block["type"] == "resource_link");
    links.map(|link| link["uri"].as_str().unwrap().to_owned()).collect()
}

fn hand_in(client: &mut Client) -> Value {
    client.call("maestro_workflow_with_hitl", json!({ "task": "fix the total" }));
    let id = client.begin_call(
        "maestro_request_approval",
        json!({ "stage": "analyze", "outputs": { "observations": ["the total is nought"] } }),
    );
    client.reply(id)
}

fn eras() -> [Server; 2] {
    [Server::new(), Server::new().modern()]
}

#[test]
fn what_a_new_project_has_is_listed_and_nothing_is_made() {
    for server in eras() {
        let mut client = server.start();
        let uris: Vec<Value> = list(&mut client).iter().map(|it| it["uri"].clone()).collect();
        assert_eq!(uris, ["maestro://runs", "maestro://evidence"]);
        let templates = client.request("resources/templates/list", json!({}));
        let forms: Vec<&Value> = templates["result"]["resourceTemplates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|template| &template["uriTemplate"])
            .collect();
        assert_eq!(
            forms,
            [
                "maestro://runs/{workflow_id}",
                "maestro://approvals/{request_id}",
                "maestro://evidence/{id}",
                "maestro://answers/{name}",
            ]
        );
        assert_eq!(data(&mut client, "maestro://runs")["runs"], json!([]));
        assert_eq!(data(&mut client, "maestro://evidence")["evidence"], json!([]));
        assert!(!client.project().join(".maestro").exists(), "reading creates nothing");
    }
}

#[test]
fn capabilities_name_what_there_is_and_promise_no_notices() {
    let mut client = Server::new().modern().start_silent();
    let result = client.request("server/discover", json!({}))["result"].clone();
    let extensions = json!({ "io.modelcontextprotocol/tasks": {} });
    let expected = json!({ "extensions": extensions, "prompts": {}, "resources": {}, "tools": {} });
    assert_eq!(result["capabilities"], expected);
}

#[test]
fn a_report_is_linked_and_read_as_text() {
    for server in eras() {
        let mut client = server.start();
        let reply = hand_in(&mut client);
        let result = &reply["result"]["structuredContent"];
        let request = result["request_id"].as_str().unwrap_or_else(|| panic!("{reply}"));
        let uri = format!("maestro://approvals/{request}");
        assert_eq!(result["resource"], json!(uri));
        assert_eq!(links(&reply), [uri.as_str()]);
        let report = text(&mut client, &uri);
        assert!(report.starts_with(result["display"].as_str().unwrap().trim_end()), "{report}");
        assert!(report.ends_with("Status: pending\n"), "{report}");
        let id =
            client.begin_call("maestro_submit_approval", json!({ "request_id": request, "approved": true }));
        assert_eq!(client.result(id)["status"], "approved");
        let report = text(&mut client, &uri);
        assert!(report.contains("Status: approved (relayed, "), "{report}");

        let listed = list(&mut client);
        let entry = listed.iter().find(|it| it["uri"] == json!(uri)).unwrap_or_else(|| panic!("{listed:?}"));
        assert_eq!(entry["mimeType"], "text/plain");
        assert_eq!(entry["description"], "analyze, approved: fix the total");
    }
}

#[test]
fn runs_and_evidence_are_read_as_data() {
    let mut client = Server::new().start();
    let reply = hand_in(&mut client);
    let run = reply["result"]["structuredContent"]["workflow_id"].as_str().unwrap().to_owned();
    let runs = data(&mut client, "maestro://runs");
    assert_eq!(runs["runs"][0]["workflow_id"], json!(run));
    assert_eq!(runs["runs"][0]["state"], "awaiting_approval(analyze)");
    let uri = runs["runs"][0]["resource"].as_str().unwrap().to_owned();
    assert_eq!(data(&mut client, &uri)["task"], "fix the total");
    let id = client.begin_call(
        "maestro_log_evidence",
        json!({
            "evidence_type": "observation", "stage": "analyze", "source": "me",
            "content": { "long": "x".repeat(100_000) }
        }),
    );
    let logged = client.reply(id);
    let uri = logged["result"]["structuredContent"]["resource"].as_str().unwrap().to_owned();
    assert_eq!(links(&logged), [uri.as_str()]);
    let piece = data(&mut client, &uri);
    assert_eq!(piece["content"]["long"].as_str().unwrap().len(), 100_000, "whole");
    let newest = data(&mut client, "maestro://evidence");
    let last = newest["evidence"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["id"], &last["shortened"]), (&piece["id"], &json!(true)));
    assert!(last.to_string().len() < 50_000);
}

#[test]
fn a_long_answer_is_read_whole() {
    for server in eras() {
        let mut client = server.codex().start();
        let long = "a long answer. ".repeat(4_000);
        let id = client.begin_call("maestro_consult", json!({ "prompt": scripted(json!({ "text": long })) }));
        let reply = client.reply(id);
        let result = &reply["result"]["structuredContent"];
        assert_eq!(result["truncated"], true, "{result}");
        let uri = result["resource"].as_str().unwrap_or_else(|| panic!("no resource: {result}")).to_owned();
        let file = std::fs::read_to_string(result["content_file"].as_str().unwrap()).unwrap();
        assert_eq!(links(&reply), [uri.as_str()]);
        assert_eq!(text(&mut client, &uri), file);
        assert!(list(&mut client).iter().any(|it| it["uri"] == json!(uri)));
    }
}

#[test]
fn no_address_leads_out_of_the_answers() {
    let mut client = Server::new()
        .file("secret.md", "the secret")
        .file(".maestro/answers/good.md", "good")
        .file(".maestro/hidden.md", "the secret")
        .start();
    let answers = client.project().join(".maestro/answers");
    std::os::unix::fs::symlink("../../secret.md", answers.join("link.md")).unwrap();
    assert_eq!(text(&mut client, "maestro://answers/good.md"), "good");
    for name in [
        "../hidden.md", "..%2fhidden.md", "%2e%2e/hidden.md", "/etc/passwd", "link.md", ".gitignore",
        "good.md/", "good.md/../../hidden.md", "good.md\u{0}", "",
    ] {
        let reply = read(&mut client, &format!("maestro://answers/{name}"));
        assert!(reply.get("error").is_some(), "{name}: {reply}");
        assert!(!reply.to_string().contains("the secret"), "{name}");
    }
    let uris: Vec<Value> = list(&mut client).iter().map(|it| it["uri"].clone()).collect();
    assert!(uris.contains(&json!("maestro://answers/good.md")), "{uris:?}");
    assert!(!uris.contains(&json!("maestro://answers/link.md")), "{uris:?}");
}

#[test]
fn what_is_not_there_is_said_by_the_code_of_the_era() {
    for (server, code) in [(Server::new(), -32002), (Server::new().modern(), -32602)] {
        let mut client = server.start();
        for uri in [
            "maestro://runs/none", "maestro://approvals/none", "maestro://evidence/none",
            "maestro://answers/none.md", "maestro://metrics", "file:///etc/passwd", "",
        ] {
            let error = read(&mut client, uri)["error"].clone();
            assert_eq!(error["code"], code, "{uri}: {error}");
            assert!(error["message"].as_str().unwrap().contains(uri), "{error}");
        }
        let error = client.request("resources/read", json!({}))["error"].clone();
        assert_eq!(error["code"], -32602);
    }
}

#[test]
fn six_prompts_take_one_argument_that_may_be_left_out() {
    for server in eras() {
        let mut client = server.start();
        let prompts = client.request("prompts/list", json!({}))["result"]["prompts"].clone();
        let names: Vec<&Value> = prompts.as_array().unwrap().iter().map(|prompt| &prompt["name"]).collect();
        assert_eq!(names, ["debug", "analyze", "consult", "review", "compare", "workflow"]);
        for prompt in prompts.as_array().unwrap() {
            let arguments = prompt["arguments"].as_array().unwrap();
            assert_eq!(arguments.len(), 1, "{prompt}");
            assert_eq!(arguments[0]["required"], false);
            let name = prompt["name"].as_str().unwrap();
            let argument = arguments[0]["name"].as_str().unwrap();
            let with = client.request(
                "prompts/get",
                json!({ "name": name, "arguments": { argument: "tests/test_a.py" } }),
            );
            let message = &with["result"]["messages"][0];
            assert_eq!(message["role"], "user");
            let said = message["content"]["text"].as_str().unwrap();
            assert!(said.contains("tests/test_a.py") && said.to_lowercase().contains("wait"), "{said}");
            let without = client.request("prompts/get", json!({ "name": name }));
            let said = without["result"]["messages"][0]["content"]["text"].as_str().unwrap();
            assert!(said.contains("(not given here"), "{said}");
        }
        for wrong in [
            json!({ "name": "deploy" }),
            json!({ "name": "debug", "arguments": { "nothing": "x" } }),
            json!({ "name": "debug", "arguments": { "failure": 7 } }),
        ] {
            let error = client.request("prompts/get", wrong.clone())["error"].clone();
            assert_eq!(error["code"], -32602, "{wrong}: {error}");
        }
    }
}

/// Slash commands are short, and allow every tool that they name. The plugin has the same commands under its
/// own names.
#[test]
fn commands_are_short_and_the_plugin_has_the_same() {
    const MOST_WORDS: usize = 400;
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let mut client = Server::new().start();
    let tools = client.request("tools/list", json!({}))["result"]["tools"].clone();
    let tools: Vec<&str> =
        tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let names = ["analyze", "compare", "consult", "debug", "review", "workflow"];
    for name in names {
        let command = read(&format!(".claude/commands/maestro-{name}.md"));
        let (head, body) = command.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap();
        assert!(body.split_whitespace().count() <= MOST_WORDS, "{name}: {}", body.split_whitespace().count());
        let word = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_';
        let named = |text: &str| -> Vec<String> {
            let words = text.split(word).map(|one| one.trim_start_matches("mcp__maestro__").to_owned());
            words.filter(|one| one.starts_with("maestro_")).collect()
        };
        let allowed = named(head);
        assert!(allowed.iter().all(|tool| tools.contains(&tool.as_str())), "{name}: {allowed:?}");
        // The person permits each relay of a decision.
        for tool in named(body).iter().filter(|tool| *tool != "maestro_submit_approval") {
            assert!(allowed.contains(tool), "{name}: {tool} is named and not allowed");
        }
        let of_plugin = names
            .iter()
            .fold(command.replace("mcp__maestro__", "mcp__plugin_mconsult_maestro__"), |text, name| {
                text.replace(&format!("/maestro-{name}"), &format!("/mconsult:{name}"))
            });
        assert_eq!(read(&format!("plugin/commands/{name}.md")), of_plugin, "tests/clients/plugin.py --write");
    }
    assert_eq!(std::fs::read_dir(root.join("plugin/commands")).unwrap().count(), names.len());
}

#[test]
fn prompts_name_tools_that_there_are() {
    let mut client = Server::new().start();
    let tools = client.request("tools/list", json!({}))["result"]["tools"].clone();
    let names: Vec<&str> =
        tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    for prompt in ["debug", "analyze", "consult", "compare", "review", "workflow"] {
        let said = client.request("prompts/get", json!({ "name": prompt }))["result"]["messages"].to_string();
        let mentioned = said
            .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .filter(|word| word.starts_with("maestro_"));
        let mentioned: Vec<&str> = mentioned.collect();
        assert!(!mentioned.is_empty(), "{prompt}");
        for word in mentioned {
            assert!(names.contains(&word), "{prompt}: {word}");
        }
    }
}

#[test]
fn the_lists_and_prompts_as_a_client_sees_them() {
    let mut client = Server::new().start();
    let seen = json!({
        "prompts": client.request("prompts/list", json!({}))["result"],
        "debug": client.request("prompts/get", json!({ "name": "debug", "arguments": { "failure": "test_a" } }))["result"],
        "resources": client.request("resources/list", json!({}))["result"],
        "templates": client.request("resources/templates/list", json!({}))["result"],
        "not_found": client.request("resources/read", json!({ "uri": "maestro://runs/x" }))["error"],
    });
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_json_snapshot!("resources_and_prompts", seen);
    });
}
