//! Configuration: the user's file overrides the project's, the environment overrides both, and each mistake
//! has a clear message.

use serde_json::{Value, json};

use crate::harness::{Server, fake_cli, scripted};

fn check(server: &Server) -> Value {
    let output = server.run(&["check", "--json"], "");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout)))
}

fn setting<'a>(report: &'a Value, path: &str) -> (&'a str, &'a str) {
    let found = report["settings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|setting| setting["path"] == path)
        .unwrap_or_else(|| panic!("no {path}"));
    (found["value"].as_str().unwrap(), found["origin"].as_str().unwrap())
}

#[test]
fn defaults_are_the_documented_ones() {
    let report = check(&Server::new());
    for (provider, timeout) in [("codex", "900"), ("gemini", "600"), ("claude", "600")] {
        assert_eq!(setting(&report, &format!("providers.{provider}.timeout_sec")), (timeout, "built in"));
    }
    assert_eq!(setting(&report, "max_parallel"), ("8", "built in"));
    // Model names go out of date, so the binary contains none.
    let settings = report["settings"].as_array().unwrap().iter();
    let models: Vec<&Value> = settings
        .filter(|setting| setting["path"].as_str().unwrap().rsplit('.').next() == Some("model"))
        .collect();
    assert!(models.is_empty(), "{models:?}");
    assert_eq!(report["problems"], json!([]));
}

#[test]
fn the_stronger_layer_wins_and_is_named() {
    let server = Server::new()
        .user_file(
            "cli_clients.yaml",
            "providers: { codex: { model: of-the-user, timeout_sec: 11 }, claude: { model: of-the-user } }\n",
        )
        .file(
            ".maestro/cli_clients.yaml",
            "providers: { codex: { model: of-the-project }, gemini: { model: of-the-project } }\n",
        )
        .env("MAESTRO_CLAUDE_MODEL", "of-the-variable");
    let report = check(&server);
    let (model, origin) = setting(&report, "providers.codex.model");
    assert!(model == "of-the-user" && origin.contains(".config/maestro"), "{origin}");
    let (model, origin) = setting(&report, "providers.gemini.model");
    assert!(model == "of-the-project" && origin.ends_with(".maestro/cli_clients.yaml"), "{origin}");
    assert_eq!(setting(&report, "providers.claude.model"), ("of-the-variable", "MAESTRO_CLAUDE_MODEL"));
    let (timeout, origin) = setting(&report, "providers.codex.timeout_sec");
    assert!(timeout == "11" && origin.contains("maestro"), "{origin}");
}

#[test]
fn every_variable_of_a_provider_has_its_effect() {
    let server = Server::new()
        .env("MAESTRO_GEMINI_CMD", "my-gemini --x")
        .env("MAESTRO_GEMINI_MODEL", "m")
        .env("MAESTRO_GEMINI_EFFORT", "LOW")
        .env("MAESTRO_GEMINI_TIMEOUT", "7")
        .env("MAESTRO_GEMINI_ENABLED", "off")
        .env("MAESTRO_GEMINI_STALL_TIMEOUT", "0");
    let report = check(&server);
    for (key, value) in [
        ("command", "my-gemini --x"),
        ("model", "m"),
        ("effort", "low"),
        ("timeout_sec", "7"),
        ("enabled", "false"),
        ("stall_timeout_sec", "0"),
    ] {
        assert_eq!(setting(&report, &format!("providers.gemini.{key}")).0, value);
    }
    let mut client = server.start();
    let result = client.call("maestro_list_providers", json!({}));
    assert!(result["switched_off"].as_array().unwrap().contains(&json!("gemini")));
}

#[test]
fn a_providers_timeout_holds_where_a_call_names_none() {
    let mut client = Server::new().codex().env("MAESTRO_CODEX_TIMEOUT", "1").start();
    let result = client.call("maestro_consult", json!({ "prompt": scripted(json!({ "sleep": 60 })) }));
    assert_eq!(result["code"], "timeout");
    assert!(result["error"].as_str().unwrap().contains("within 1 s"));
    let given = client
        .call("maestro_consult", json!({ "prompt": scripted(json!({ "sleep": 1.5 })), "timeout_sec": 20 }));
    assert_eq!(given["ok"], true, "{given}");
}

#[test]
fn any_further_cli_is_a_line_of_yaml() {
    let fake = fake_cli();
    let server = Server::new()
        .user_file(
            "cli_clients.yaml",
            format!(
                "providers: {{ mine: {{ command: \"{} --log log.jsonl ask {{model}}\", model: small }} }}\n",
                fake.display()
            ),
        )
        .env("MAESTRO_MINE_TIMEOUT", "33");
    assert_eq!(setting(&check(&server), "providers.mine.timeout_sec"), ("33", "MAESTRO_MINE_TIMEOUT"));
    let mut client = server.start();
    let tools = client.request("tools/list", json!({}))["result"]["tools"].clone();
    let consult =
        tools.as_array().unwrap().iter().find(|tool| tool["name"] == "maestro_consult").unwrap().clone();
    assert!(
        consult["inputSchema"]["properties"]["provider"]["enum"].as_array().unwrap().contains(&json!("mine"))
    );
    let result = client
        .call("maestro_consult", json!({ "prompt": scripted(json!({ "text": "hi" })), "provider": "mine" }));
    assert_eq!(
        (&result["ok"], &result["content"], &result["model"]),
        (&json!(true), &json!("hi"), &json!("small")),
        "{result}"
    );
}

#[test]
fn a_template_can_say_everything() {
    let fake = fake_cli();
    let config = format!(
        r#"
providers:
  lines:
    command: "{0} --as codex"
    model: m-1
    extra_env: {{ MODEL_OF_THE_CALL: "{{model}}" }}
    template:
      args: ["--sys", "{{system_file}}", "-m", "{{model}}"]
      answer: {{ json_lines: /item/text, where: {{ /type: item.completed }}, join: last }}
      error: {{ json_lines: /error/message, where: {{ /type: turn.failed }} }}
      usage: {{ input: /usage/input_tokens, output: /usage/output_tokens }}
      files: {{ settings.json: "{{}}" }}
  document:
    command: "{0} --as claude"
    template: {{ answer: {{ json: /result }}, usage: {{ cost: /total_cost_usd }} }}
  argument:
    command: "{0} no_read"
    template: {{ args: ["-p", "{{prompt}}"], prompt: argument }}
"#,
        fake.display()
    );
    let mut client = Server::new().user_file("cli_clients.yaml", config).start();
    let lines = client
        .call("maestro_consult", json!({ "prompt": scripted(json!({ "text": "A" })), "provider": "lines" }));
    assert_eq!((&lines["content"], &lines["usage"]["input_tokens"]), (&json!("A"), &json!(11)), "{lines}");
    let failed = client.call(
        "maestro_consult",
        json!({ "prompt": scripted(json!({ "status": 401 })), "provider": "lines" }),
    );
    assert_eq!(failed["code"], "login_missing", "{failed}");
    let document = client.call(
        "maestro_consult",
        json!({ "prompt": scripted(json!({ "text": "B" })), "provider": "document" }),
    );
    assert_eq!(
        (&document["content"], &document["usage"]["cost_usd"]),
        (&json!("B"), &json!(0.25)),
        "{document}"
    );
    let argument = client.call(
        "maestro_consult",
        json!({ "prompt": scripted(json!({ "text": "C" })), "provider": "argument" }),
    );
    assert_eq!(argument["content"], "C", "{argument}");
    let long =
        client.call("maestro_consult", json!({ "prompt": "x".repeat(200_000), "provider": "argument" }));
    assert_eq!(long["code"], "prompt_too_long");
}

#[test]
fn what_does_not_parse_is_named_with_its_accepted_form() {
    for (name, value, form) in [
        ("MAESTRO_CODEX_TIMEOUT", "soon", "whole number of seconds"),
        ("MAESTRO_CODEX_ENABLED", "maybe", "true or false"),
        ("MAESTRO_CODEX_EXTRA_ARGS", "'open", "a quote is not closed"),
        ("MAESTRO_CODEX_MODEL", "${MODEL}", "contains a ${...}"),
        ("MAESTRO_MAX_PARALLEL", "many", "whole number"),
        ("MAESTRO_MAX_PARALLEL", "0", "must be 1 to 256"),
        ("MAESTRO_CAPABILITY_THRESHOLD", "1.5", "0 to 1"),
        ("MAESTRO_LOG_LEVEL", "loud", "error, warn, info, debug or trace"),
        ("MAESTRO_MASK_REGEXES", "(", "MASK_REGEXES"),
    ] {
        let mut client = Server::new().codex().env(name, value).start();
        let result = client.call("maestro_consult", json!({ "prompt": "x" }));
        assert_eq!(result["code"], "config_invalid", "{name}={value}: {result}");
        let error = result["error"].as_str().unwrap();
        assert!(error.contains(name) && error.contains(form), "{name}={value}: {error}");
        assert_eq!(
            client.call("maestro_help", json!({ "topic": "overview" }))["ok"],
            true,
            "the server still answers"
        );
    }
}

#[test]
fn a_bad_value_of_one_provider_leaves_the_others_alone() {
    let mut client =
        Server::new().codex().fake("claude", "claude").env("MAESTRO_CODEX_TIMEOUT", "soon").start();
    assert_eq!(client.call("maestro_consult", json!({ "prompt": "x", "provider": "claude" }))["ok"], true);
    let named = json!({ "prompt": "x", "provider": "codex" });
    assert_eq!(client.call("maestro_consult", named)["code"], "config_invalid");
}

#[test]
fn files_are_named_with_the_line() {
    for (text, parts) in [
        ("providers:\n  codex:\n    modle: x\n", vec!["cli_clients.yaml", "line 3", "modle"]),
        ("providers:\n  codex:\n    timeout_sec: soon\n", vec!["cli_clients.yaml", "line 3", "timeout_sec"]),
        (
            "# ${NOT_THIS}\nproviders:\n  codex:\n    model: ${NO_SUCH_MODEL}\n",
            vec!["cli_clients.yaml", "line 4", "NO_SUCH_MODEL", "${NO_SUCH_MODEL:-default}"],
        ),
        ("providers: [\n", vec!["cli_clients.yaml", "line"]),
        ("providers: { codex: { template: { answer: { jason: /x } } } }\n", vec!["answer must be"]),
        ("providers: { codex: { trust: 7 } }\n", vec!["cli_clients.yaml", "trust", "must be 0 to 1 (got 7)"]),
    ] {
        let mut client = Server::new().codex().user_file("cli_clients.yaml", text).start();
        let result = client.call("maestro_consult", json!({ "prompt": "x" }));
        assert_eq!(result["code"], "config_invalid", "{text}: {result}");
        for part in parts {
            assert!(
                result["error"].as_str().unwrap().contains(part),
                "{text}: {part} is not in {}",
                result["error"]
            );
        }
    }
}

#[test]
fn a_variable_that_is_none_is_pointed_out_and_stops_nothing() {
    let server = Server::new().codex().env("MAESTRO_CODEX_TIMEOT", "5");
    let report = check(&server);
    assert!(
        report["problems"][0].as_str().unwrap().contains("did you mean MAESTRO_CODEX_TIMEOUT"),
        "{report}"
    );
    assert_eq!(server.start().call("maestro_consult", json!({ "prompt": "x" }))["ok"], true);
}

#[test]
fn tools_can_be_switched_off() {
    let mut client =
        Server::new().env("MAESTRO_DISABLED_TOOLS", "maestro_pack_context, maestro_get_role").start();
    let tools = client.request("tools/list", json!({}))["result"]["tools"].clone();
    assert_eq!(tools.as_array().unwrap().len(), 44);
    let reply = client.request("tools/call", json!({ "name": "maestro_pack_context", "arguments": {} }));
    assert_eq!(reply["error"]["code"], -32602);
}

/// A setting without effect is worse than no setting, so a test sets each one.
#[test]
fn every_variable_is_set_by_a_test() {
    fn texts(directory: &std::path::Path, all: &mut String) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                texts(&path, all);
            } else if path.file_name().is_some_and(|name| name != "variables.rs") {
                *all += &String::from_utf8_lossy(&std::fs::read(&path).unwrap());
            }
        }
    }
    let mut all = String::new();
    for directory in ["tests/it", "src/host/config"] {
        texts(std::path::Path::new(directory), &mut all);
    }
    let names = maestro::testing::settings::variables().general.iter().map(|variable| variable.name.as_str());
    let without: Vec<&str> = names.filter(|name| !all.contains(&format!("\"{name}\""))).collect();
    assert!(without.is_empty(), "no test sets {without:?}");
}

#[test]
fn the_policy_follows_its_variables() {
    let mut client = Server::new()
        .env("MAESTRO_CAPABILITY_THRESHOLD", "0.6")
        .env("MAESTRO_MAX_CONSULT_PER_STAGE", "4")
        .env("MAESTRO_MAX_CONSULT_TOTAL", "9")
        .env("MAESTRO_ENSEMBLE_HYPOTHESES", "false")
        .env("MAESTRO_ENSEMBLE_IMPL", "true")
        .env("MAESTRO_DEBUG_SINGLE_AGENT", "true")
        .env("MAESTRO_PREFER_TESTS_FIRST", "no")
        .start();
    let policy = client.call("maestro_get_coordination_policy", json!({}));
    assert_eq!(policy["policies"]["capability_threshold"], 0.6);
    assert_eq!(
        policy["policies"]["budgets"],
        json!({ "max_consults_per_stage": 4, "max_consults_total": 9, "max_debug_iterations": 5 })
    );
    assert_eq!(policy["policies"]["prefer_tests_first"], false);
    assert_eq!(policy["stage_defaults"]["hypothesize"]["ensemble_allowed"], false);
    assert_eq!(policy["stage_defaults"]["implement"]["ensemble_allowed"], true);
    assert_eq!(policy["stage_defaults"]["debug"]["ensemble_allowed"], false);
    let skill = client.call("maestro_get_skill", json!({ "stage": "hypothesize" }));
    assert_eq!(skill["coordination_policy"]["max_consults"], 4);
    assert_eq!(skill["coordination_policy"]["ensemble_allowed"], false);
    assert!(skill["content"].as_str().unwrap().contains("0.6"));
}

#[test]
fn the_project_is_the_nearest_marked_parent_that_is_ours() {
    let root_of = |server: &Server, below: &str| {
        let mut command = server.command();
        command.args(["check", "--json"]).current_dir(server.project().join(below));
        let report: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        std::path::PathBuf::from(report["project_root"].as_str().unwrap())
    };
    let git = Server::new().file(".git/HEAD", "x").file("a/b/c.txt", "x");
    assert_eq!(root_of(&git, "a/b"), git.project());
    let nearer =
        Server::new().file(".git/HEAD", "x").file("a/.maestro/maestro.yaml", "").file("a/b/c.txt", "x");
    assert_eq!(root_of(&nearer, "a/b"), nearer.project().join("a"));
    let unmarked = Server::new().file("a/b/c.txt", "x");
    assert_eq!(root_of(&unmarked, "a/b"), unmarked.project().join("a/b"));
    let named = Server::new().file("a/b/c.txt", "x").env("CLAUDE_PROJECT_DIR", "/usr");
    assert_eq!(root_of(&named, "a"), std::path::Path::new("/usr"));

    // In a world-writable directory, anybody can have put the marker. A home directory is not a project.
    let shared = Server::new().file(".maestro/maestro.yaml", "").file("a/c.txt", "x");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(shared.project(), open).unwrap();
    assert_eq!(root_of(&shared, "a"), shared.project().join("a"));
    let home = Server::new().file(".maestro/maestro.yaml", "").file("a/c.txt", "x");
    let project = home.project().display().to_string();
    assert_eq!(root_of(&home.env("HOME", &project), "a"), std::path::Path::new(&project).join("a"));
}

#[test]
fn a_variable_is_a_value_and_never_more() {
    let config =
        "providers: { codex: { model: \"${M}\", timeout_sec: \"${T:-7}\" }, claude: { model: \"${M}\" } }\n";
    let hostile = "x, command: /bin/evil } #";
    let server = Server::new().user_file("cli_clients.yaml", config).env("M", hostile);
    let report = check(&server);
    assert_eq!(report["problems"], json!([]));
    assert_eq!(setting(&report, "providers.codex.model").0, hostile);
    assert_eq!(setting(&report, "providers.codex.timeout_sec").0, "7");
    assert_eq!(setting(&report, "providers.claude.command"), ("claude", "built in"));
    for value in ["4.5", "true", "a: b", "a\\b"] {
        let server = Server::new()
            .user_file("cli_clients.yaml", "providers: { codex: { model: '${M}' } }\n")
            .env("M", value);
        assert_eq!(setting(&check(&server), "providers.codex.model").0, value);
    }
}

#[test]
fn a_template_stays_in_its_directory_and_a_name_is_a_name() {
    for (text, said) in [
        (
            "providers: { x: { command: cat, template: { files: { '../../y': z } } } }\n",
            "must name files inside the working directory",
        ),
        ("providers: { 'x/y': { command: cat } }\n", "a name takes letters, digits, - and _"),
        ("providers: { x: { model: m } }\n", "cli_clients.yaml: providers.x.command must be a program"),
    ] {
        let report = check(&Server::new().user_file("cli_clients.yaml", text));
        assert!(report["problems"].to_string().contains(said), "{text}: {}", report["problems"]);
    }
}

#[test]
fn a_section_of_comments_is_none_and_a_wrong_type_is_located() {
    for text in ["providers:\n  # all of it is commented out\n", "# nothing\n"] {
        let mut client = Server::new().codex().user_file("cli_clients.yaml", text).start();
        assert_eq!(client.call("maestro_consult", json!({ "prompt": "x" }))["ok"], true, "{text}");
    }
    for (text, parts) in [
        ("providers:\n  codex:\n    model: 4.1\n", vec!["cli_clients.yaml", "line 3", "model"]),
        ("providers:\n  mine:\n", vec!["cli_clients.yaml", "mine"]),
        (
            "providers: { x: { command: cat, template: { answer: { json: hello } } } }\n",
            vec!["begin with a slash"],
        ),
        ("providers: { codex: { model: 'x ${} y' } }\n", vec!["cli_clients.yaml", "${NAME:-default}"]),
        (
            "providers: { codex: { timeout_sec: '${SECRET}' } }\n",
            vec!["cli_clients.yaml", "timeout_sec", "a text"],
        ),
    ] {
        let report = check(&Server::new().user_file("cli_clients.yaml", text).env("SECRET", "sesame-open"));
        let problems = report["problems"].to_string();
        for part in parts {
            assert!(problems.contains(part), "{text}: {part} is not in {problems}");
        }
        assert!(!problems.contains("sesame-open") && !problems.contains("u64"), "{problems}");
    }
}
