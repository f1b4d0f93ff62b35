//! The requested model, the model that answered, and the effort.

use serde_json::{Value, json};

use crate::harness::{Client, Server, fake_cli, scripted, three};

/// The arguments of the last call of a provider's fake CLI that was not a question for its version.
fn arguments(client: &Client, provider: &str) -> Vec<String> {
    let calls = client.log(provider);
    let last = calls.iter().rev().find(|call| call["cwd"].is_string()).unwrap();
    last["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// The argument behind a flag.
fn behind(words: &[String], flag: &str) -> Option<String> {
    words.iter().position(|word| word == flag).map(|at| words[at + 1].clone())
}

/// The model and the effort in a CLI's arguments.
fn told(client: &Client, provider: &str) -> (Option<String>, Option<String>) {
    let words = arguments(client, provider);
    let effort = words.iter().find_map(|word| word.strip_prefix("model_reasoning_effort="));
    let effort = effort.map(|word| word.trim_matches('"').to_owned()).or(behind(&words, "--effort"));
    (behind(&words, "-m").or(behind(&words, "--model")), effort)
}

fn pair(model: Option<&str>, effort: Option<&str>) -> (Option<String>, Option<String>) {
    (model.map(str::to_owned), effort.map(str::to_owned))
}

fn consult(client: &mut Client, more: Value) -> Value {
    let mut arguments = json!({ "prompt": "x" });
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.call("maestro_consult", arguments)
}

#[test]
fn nobody_s_model_is_nobody_s_flag_and_the_usual_effort_is_high() {
    let mut client = three().start();
    for (provider, model, confirmed, effort) in [
        ("codex", Value::Null, false, Some("high")),
        ("claude", json!("fake-default"), true, Some("high")),
        ("gemini", json!("fake-default"), true, None),
    ] {
        let result = consult(&mut client, json!({ "provider": provider }));
        assert_eq!(told(&client, provider), pair(None, effort), "{provider}");
        assert_eq!(result["model"], model, "{result}");
        assert_eq!(result["model_asked"], Value::Null, "{result}");
        assert_eq!(result["model_confirmed"], confirmed, "{result}");
        assert_eq!(result["effort"], "high", "{result}");
        assert_eq!(result["warning"], Value::Null, "{result}");
    }
}

#[test]
fn the_users_own_choice_is_carried_over_and_nothing_else_of_his_configuration() {
    let mut client = three()
        .home_file(
            ".codex/config.toml",
            "model = 'own-codex'\nmodel_reasoning_effort = \"ultra\"\nmodel_provider = 'evil'\nopenai_base_url = 'http://evil'\n[mcp_servers.evil]\ncommand = 'evil'\n",
        )
        .home_file(".gemini/settings.json", "// mine\n{\"model\":{\"name\":\"gemini-own\"},\"mcpServers\":{\"evil\":{}}}")
        .home_file(
            ".claude/settings.json",
            "{\"model\":\"own-claude\",\"effortLevel\":\"low\",\"env\":{\"ANTHROPIC_BASE_URL\":\"http://evil\"},\"hooks\":{\"evil\":1}}",
        )
        .start();
    for (provider, model, effort) in [
        ("codex", "own-codex", Some("ultra")),
        ("gemini", "gemini-own", None),
        ("claude", "own-claude", Some("low")),
    ] {
        let result = consult(&mut client, json!({ "provider": provider }));
        assert_eq!(told(&client, provider), pair(Some(model), effort), "{provider}");
        assert_eq!((&result["model"], &result["model_asked"]), (&json!(model), &json!(model)), "{result}");
        let call = client.log(provider).last().unwrap().to_string();
        assert!(!call.contains("evil"), "{call}");
    }
    // Maestro's own configuration is stronger than the CLI's, and the call is stronger than both.
    let listed = client.call("maestro_list_providers", json!({}))["providers"].clone();
    assert_eq!(listed[0]["model"], "own-codex", "{listed}");
    assert_eq!(
        (&listed[2]["model"], &listed[2]["effort"]),
        (&json!("own-claude"), &json!("low")),
        "{listed}"
    );
    consult(&mut client, json!({ "provider": "claude", "model": "named", "effort": "max" }));
    assert_eq!(told(&client, "claude"), pair(Some("named"), Some("max")));
}

#[test]
fn the_call_is_stronger_than_a_variable_that_is_stronger_than_a_file_that_is_stronger_than_the_users_own() {
    let own = "{\"model\":\"own\",\"effortLevel\":\"low\"}";
    let file = "providers: { claude: { model: file, effort: medium } }\n";
    let server = || Server::new().fake("claude", "claude").home_file(".claude/settings.json", own);
    let in_file = || server().file(".maestro/cli_clients.yaml", file);
    let by_variable =
        || in_file().env("MAESTRO_CLAUDE_MODEL", "variable").env("MAESTRO_CLAUDE_EFFORT", "xhigh");
    for (server, more, model, effort) in [
        (server(), json!({}), "own", "low"),
        (in_file(), json!({}), "file", "medium"),
        (by_variable(), json!({}), "variable", "xhigh"),
        (by_variable(), json!({ "model": "call", "effort": "max" }), "call", "max"),
    ] {
        let mut client = server.start();
        let mut arguments = json!({ "provider": "claude" });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let result = consult(&mut client, arguments);
        assert_eq!(told(&client, "claude"), pair(Some(model), Some(effort)));
        assert_eq!((&result["model"], &result["effort"]), (&json!(model), &json!(effort)), "{result}");
    }
}

#[test]
fn a_model_among_the_users_own_arguments_is_not_given_twice() {
    let mut client = Server::new()
        .codex()
        .env("MAESTRO_CODEX_EXTRA_ARGS", "-m mine")
        .home_file(".codex/config.toml", "model = 'own'\n")
        .start();
    let result = consult(&mut client, json!({}));
    let words = arguments(&client, "codex");
    assert_eq!(words.iter().filter(|word| *word == "-m").count(), 1, "{words:?}");
    assert_eq!((&result["model"], &result["model_confirmed"]), (&json!("mine"), &json!(false)), "{result}");
}

#[test]
fn an_effort_that_nobody_knows_is_refused_with_those_that_there_are() {
    let mut client = three().start();
    for (tool, arguments) in [
        ("maestro_consult", json!({ "prompt": "x" })),
        ("maestro_consult_with_role", json!({ "prompt": "x", "role": "judge" })),
        ("maestro_ensemble_generate", json!({ "task": "x" })),
        ("maestro_run_stage", json!({ "task": "x", "stage": "analyze" })),
        ("maestro_run_stage_with_approval", json!({ "task": "x", "stage": "analyze" })),
        ("maestro_consensus_vote", json!({ "question": "x" })),
        ("maestro_vote_micro_step", json!({ "prompt": "x", "step_type": "s1_spec_extract" })),
        ("maestro_calibrate", json!({ "test_prompt": "x", "step_type": "s1_spec_extract" })),
        ("maestro_select_best", json!({ "candidates": [{ "id": "a", "content": "x" }] })),
    ] {
        let mut arguments = arguments;
        arguments["effort"] = json!("hard");
        let result = client.call(tool, arguments);
        assert_eq!(result["code"], "invalid_arguments", "{tool}: {result}");
        let error = result["error"].as_str().unwrap();
        assert!(error.contains("effort") && error.contains("xhigh"), "{tool}: {error}");
    }
    assert!(client.log("codex").is_empty() && client.log("claude").is_empty());
    let mut client = Server::new().codex().env("MAESTRO_CODEX_EFFORT", "hard").start();
    let result = consult(&mut client, json!({}));
    assert_eq!(result["code"], "config_invalid", "{result}");
    assert!(result["error"].as_str().unwrap().contains("low, medium, high, xhigh or max"), "{result}");
}

/// Both orders of a judge use the model and the effort that the call names.
#[test]
fn a_judge_has_a_model_and_an_effort_of_its_own() {
    let one = |id: &str, provider: &str| json!({ "id": id, "provider": provider, "content": format!("candidate {id}, in so many words") });
    let asked = |candidates: Value, more: Value| {
        let mut asked = json!({ "candidates": candidates, "mode": "llm_judge", "criteria": [scripted(json!({ "judge": "candidate a" }))] });
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asked
    };
    let mut client =
        three().env("MAESTRO_CLAUDE_MODEL", "configured").env("MAESTRO_CLAUDE_EFFORT", "low").start();
    let of_others = json!([one("a", "codex"), one("b", "gemini")]);
    let named = asked(of_others.clone(), json!({ "model": "named", "effort": "max" }));
    assert_eq!(client.call("maestro_select_best", named)["winner_id"], "a");
    assert_eq!(told(&client, "claude"), pair(Some("named"), Some("max")));
    let usual = asked(of_others, json!({}));
    assert_eq!(client.call("maestro_select_best", usual)["winner_id"], "a");
    assert_eq!(told(&client, "claude"), pair(Some("configured"), Some("low")));
    assert_eq!(client.log("claude").len(), 4);
    // If the usual judge wrote a candidate, another provider judges. The model belongs to the usual judge, so
    // the other one does not get it.
    let own = asked(json!([one("a", "claude"), one("b", "gemini")]), json!({ "model": "named" }));
    let result = client.call("maestro_select_best", own);
    assert_eq!(result["judge"]["provider"], "codex", "{result}");
    assert_eq!(told(&client, "codex").0, None);
    let bad = asked(json!([one("a", "codex"), one("b", "gemini")]), json!({ "model": "--evil" }));
    let refused = client.call("maestro_select_best", bad);
    assert_eq!(refused["code"], "invalid_arguments", "{refused}");
}

#[test]
fn every_tool_that_asks_tells_the_effort() {
    let mut client = Server::new().fake("claude", "claude").start();
    for (tool, arguments) in [
        ("maestro_consult_with_role", json!({ "prompt": "x", "role": "judge", "provider": "claude" })),
        ("maestro_ensemble_generate", json!({ "task": "x" })),
        ("maestro_consensus_vote", json!({ "question": "x", "k": 1 })),
        (
            "maestro_vote_micro_step",
            json!({ "prompt": "x", "step_type": "s1_spec_extract", "max_rounds": 1, "k": 1 }),
        ),
        (
            "maestro_calibrate",
            json!({ "test_prompt": "x", "step_type": "s1_spec_extract", "num_samples": 1 }),
        ),
        (
            "maestro_select_best",
            json!({ "candidates": [{ "id": "a", "content": "The cache is stale." }, { "id": "b", "content": "The lock is never taken." }], "mode": "llm_judge" }),
        ),
        ("maestro_run_stage", json!({ "task": "x", "stage": "analyze" })),
        ("maestro_run_stage_with_approval", json!({ "task": "x", "stage": "analyze" })),
    ] {
        for effort in ["low", "xhigh"] {
            let mut arguments = arguments.clone();
            arguments["effort"] = json!(effort);
            if arguments["task"].is_string() {
                arguments["task"] = json!(format!("x {effort}"));
            }
            let before = client.log("claude").len();
            let result = client.call(tool, arguments);
            if tool == "maestro_run_stage_with_approval" && effort == "xhigh" {
                continue; // it waits for a decision on the other
            }
            assert!(client.log("claude").len() > before, "{tool}: {result}");
            assert_eq!(told(&client, "claude").1.as_deref(), Some(effort), "{tool}: {result}");
        }
    }
}

#[test]
fn what_a_cli_cannot_take_is_said() {
    let of = |version: &str, more: Value| {
        let log = format!("--log {}", std::env::temp_dir().join("unused").display());
        let server = Server::new();
        let log = log.replace(
            &std::env::temp_dir().join("unused").display().to_string(),
            &server.project().join("../fake/claude.log").display().to_string(),
        );
        let command = format!("{} --as claude --print-version {version} {log}", fake_cli().display());
        let mut client = server.env("MAESTRO_CLAUDE_CMD", &command).start();
        let mut arguments = json!({ "provider": "claude" });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let result = consult(&mut client, arguments);
        assert_eq!(result["ok"], true, "{result}");
        (told(&client, "claude").1, result["effort"].clone(), result["warning"].clone())
    };
    let (effort, used, warning) = of("2.0.64", json!({}));
    assert!(effort.is_none() && used.is_null(), "{effort:?} {used}");
    assert!(warning.as_str().unwrap().contains("2.1.72"), "{warning}");
    let (effort, used, warning) = of("2.1.110", json!({ "effort": "xhigh" }));
    assert!(effort.as_deref() == Some("high") && used == "high", "{effort:?} {used}");
    assert!(warning.as_str().unwrap().contains("xhigh"), "{warning}");
    let (effort, used, warning) = of("2.1.332", json!({ "effort": "xhigh" }));
    assert!(effort.as_deref() == Some("xhigh") && used == "xhigh" && warning.is_null());
}

#[test]
fn codex_is_told_no_more_than_its_model_takes() {
    let mut client = Server::new().codex().start();
    for (more, wanted, warns) in [
        (json!({ "effort": "max", "model": "fake-small" }), "xhigh", true),
        (json!({ "effort": "max", "model": "fake-large" }), "max", false),
        (json!({ "effort": "max" }), "max", false),
        (json!({ "effort": "max", "model": "unlisted" }), "high", true),
        (json!({ "effort": "low", "model": "unlisted" }), "low", false),
    ] {
        let result = consult(&mut client, more.clone());
        assert_eq!(told(&client, "codex").1.as_deref(), Some(wanted), "{more}");
        assert_eq!(
            (&result["effort"], result["warning"].is_string()),
            (&json!(wanted), warns),
            "{more}: {result}"
        );
    }
}

#[test]
fn gemini_is_told_in_its_settings_and_its_older_models_not_at_all() {
    let mut client = Server::new().fake("gemini", "gemini").start();
    let ask = |client: &mut Client, more: Value, served: &str| {
        let prompt = scripted(json!({ "served": served }));
        let mut arguments = json!({ "provider": "gemini", "prompt": prompt });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let result = client.call("maestro_consult", arguments);
        let settings = client.log("gemini").last().unwrap()["workspace"].clone();
        let settings: Value = serde_json::from_str(settings.as_str().unwrap()).unwrap();
        let level = settings.pointer(
            "/modelConfigs/customAliases/chat-base-3/modelConfig/generateContentConfig/thinkingConfig/thinkingLevel",
        );
        (level.cloned(), result)
    };
    let (level, result) = ask(&mut client, json!({ "effort": "low" }), "gemini-3.8-flash");
    assert_eq!((level, &result["effort"]), (Some(json!("LOW")), &json!("low")), "{result}");
    let (level, result) =
        ask(&mut client, json!({ "effort": "max", "model": "pro" }), "gemini-3.1-pro-preview");
    assert_eq!((level, &result["effort"]), (Some(json!("HIGH")), &json!("high")), "{result}");
    assert!(result["warning"].as_str().unwrap().contains("max"), "{result}");
    // The server knows the model's name before the answer, or only after it.
    let (level, result) =
        ask(&mut client, json!({ "effort": "low", "model": "gemini-2.5-pro" }), "gemini-2.5-pro");
    assert_eq!((level, &result["effort"]), (None, &Value::Null), "{result}");
    assert!(result["warning"].as_str().unwrap().contains("gemini-3"), "{result}");
    let (_, result) = ask(&mut client, json!({}), "gemini-2.5-flash");
    assert_eq!(result["effort"], Value::Null, "{result}");
}

#[test]
fn the_model_that_answered_is_named_and_another_one_is_warned_of() {
    let mut client = three().start();
    for (provider, asked, served, warns) in [
        ("claude", "claude-opus-5", "claude-haiku-5", true),
        ("claude", "opus", "claude-opus-5-5", false),
        ("gemini", "gemini-3-pro-preview", "gemini-3.1-pro-preview", true),
        ("gemini", "gemini-3.8-flash", "gemini-3.8-flash", false),
    ] {
        let prompt = scripted(json!({ "served": served }));
        let result =
            client.call("maestro_consult", json!({ "prompt": prompt, "provider": provider, "model": asked }));
        assert_eq!(
            (&result["model"], &result["model_asked"], &result["model_confirmed"]),
            (&json!(served), &json!(asked), &json!(true)),
            "{result}"
        );
        let warning = result["warning"].as_str().unwrap_or_default();
        assert_eq!(warning.contains(asked) && warning.contains(served), warns, "{result}");
        let settled = client.events().into_iter().rev().find(|event| event["kind"] == "consult_settled");
        let settled = settled.unwrap()["data"].clone();
        assert_eq!((&settled["model"], &settled["told"]["model_asked"]), (&json!(served), &json!(asked)));
        assert_eq!(settled["told"]["warning"].is_string(), warns, "{settled}");
    }
    let codex =
        client.call("maestro_consult", json!({ "prompt": "x", "provider": "codex", "model": "named" }));
    assert_eq!((&codex["model"], &codex["model_confirmed"]), (&json!("named"), &json!(false)), "{codex}");
    let ensemble = client.call(
        "maestro_ensemble_generate",
        json!({ "task": scripted(json!({ "served": "someone" })), "providers": ["gemini"] }),
    );
    assert_eq!(ensemble["candidates"][0]["model"], "someone", "{ensemble}");
    let record = client.call("maestro_get_evidence_chain", json!({}));
    assert!(record.to_string().contains("gemini-3.1-pro-preview"), "{record}");
}

/// A vote and a judgement are no better than the model behind them.
#[test]
fn a_vote_and_a_judge_tell_of_another_model() {
    let mut client = three().env("MAESTRO_CLAUDE_MODEL", "claude-opus-5-5").start();
    let script = |more: Value| {
        let mut script = json!({ "served": "claude-haiku-4-5" });
        script.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        scripted(script)
    };
    let assert_told = |told: &Value, warning: &Value| {
        assert_eq!(told["models"]["claude"], json!(["claude-haiku-4-5"]), "{told}");
        let note = &told["model_notes"]["claude"];
        assert_eq!(
            (&note["model_asked"], &note["effort"]),
            (&json!("claude-opus-5-5"), &json!("high")),
            "{told}"
        );
        for told in [&note["warning"], warning] {
            let told = told.as_str().unwrap();
            assert_eq!(told.matches("claude-haiku-4-5 answered").count(), 1, "{told}");
        }
    };
    let question = format!("A or B? {}", script(json!({ "text": "ANSWER: A" })));
    let vote = client.call(
        "maestro_consensus_vote",
        json!({ "question": question, "options": ["A", "B"], "providers": ["claude"], "k": 2 }),
    );
    assert_eq!(vote["winner"], "A", "{vote}");
    assert_told(&vote, &vote["warning"]);
    let candidate =
        |id: &str| json!({ "id": id, "provider": "x", "content": format!("the text of {id}, written by x") });
    let selection = client.call(
        "maestro_select_best",
        json!({
            "candidates": [candidate("first"), candidate("second")],
            "mode": "llm_judge",
            "criteria": [script(json!({ "judge": "of second" }))],
            "context_files": ["*.zig"],
        }),
    );
    assert_eq!(selection["judge"]["verdict"], "winner", "{selection}");
    assert_told(&selection["judge"], &selection["warning"]);
    assert_eq!(
        selection["omitted"],
        json!([{ "path": "*.zig", "reason": "no file matches" }]),
        "{selection}"
    );
}

/// The result says why a model that works in the CLI is not found here.
#[test]
fn a_model_whose_service_is_not_carried_is_explained() {
    let server = || {
        Server::new().codex().home_file(
            ".codex/config.toml",
            "model = 'my-deploy'\nmodel_provider = 'azure'\nprofile = 'local'\n[profiles.local]\nmodel = 'qwen3-coder:30b'\nmodel_provider = 'ollama'\n",
        )
    };
    let refused = scripted(json!({ "status": 404, "message": "model not found" }));
    let result = server().start().call("maestro_consult", json!({ "provider": "codex", "prompt": refused }));
    assert_eq!(
        (&result["code"], &result["model"]),
        (&json!("model_unavailable"), &json!("qwen3-coder:30b")),
        "{result}"
    );
    assert!(result["warning"].as_str().unwrap().contains("model_provider = ollama"), "{result}");
    assert!(result["hint"].as_str().unwrap().contains("MAESTRO_CODEX_EXTRA_ARGS"), "{result}");
    let mut client = server().env("MAESTRO_CODEX_EXTRA_ARGS", "-cmodel_provider=ollama -mgpt-x").start();
    let result = consult(&mut client, json!({ "provider": "codex" }));
    assert_eq!((&result["model"], &result["warning"]), (&json!("gpt-x"), &Value::Null), "{result}");
    assert!(!arguments(&client, "codex").contains(&"-m".to_owned()), "{result}");
}

#[test]
fn a_cli_s_own_notes_reach_the_warning() {
    let mut client = three().start();
    let note =
        "Model metadata for `x` not found. Defaulting to fallback metadata; this can degrade performance.";
    for (provider, said) in
        [("codex", note), ("gemini", note), ("claude", "[claude-code:unrecognized_model] {\"model\":\"x\"}")]
    {
        let prompt = scripted(json!({ "warning": said }));
        let result = client.call("maestro_consult", json!({ "prompt": prompt, "provider": provider }));
        assert_eq!(result["ok"], true, "{result}");
        assert_eq!(result["warning"], said, "{result}");
    }
    let prompt = scripted(json!({ "warning": "Codex is ignoring 1 unrecognized configuration setting." }));
    let result = client.call("maestro_consult", json!({ "prompt": prompt, "provider": "codex" }));
    assert_eq!(result["warning"], Value::Null, "{result}");
}

#[test]
fn a_template_without_a_model_has_no_flag_for_one() {
    let server = Server::new();
    let log = server.project().join("../fake/mine.log");
    let fake = format!("{} --log {}", fake_cli().display(), log.display());
    let mut client = server
        .home_file(
            ".config/maestro/cli_clients.yaml",
            &format!(
                "providers:\n  mine:\n    command: \"{fake} ask --model {{model}} --think={{effort}} --end\"\n    extra_env: {{ THE_MODEL: \"{{model}}\" }}\n  theirs:\n    command: \"{fake}\"\n    template: {{ args: [run, \"{{model}}\"] }}\n"
            ),
        )
        .start();
    let result = consult(&mut client, json!({ "provider": "mine" }));
    assert_eq!(
        (&result["ok"], &result["model"], &result["effort"]),
        (&json!(true), &Value::Null, &json!("high")),
        "{result}"
    );
    assert_eq!(arguments(&client, "mine"), ["ask", "--think=high", "--end"]);
    assert!(client.log("mine").last().unwrap()["env"]["THE_MODEL"].is_null());
    consult(&mut client, json!({ "provider": "mine", "model": "m", "effort": "low" }));
    assert_eq!(arguments(&client, "mine"), ["ask", "--model", "m", "--think=low", "--end"]);
    assert_eq!(client.log("mine").last().unwrap()["env"]["THE_MODEL"], "m");
    consult(&mut client, json!({ "provider": "theirs" }));
    assert_eq!(arguments(&client, "mine"), ["run"]);
    let result = consult(&mut client, json!({ "provider": "theirs", "model": "m", "effort": "low" }));
    assert!(result["warning"].as_str().unwrap().contains("effort low was not used"), "{result}");
}

#[test]
fn codex_is_told_of_a_gateway_in_the_form_that_it_reads() {
    let mut client = Server::new().codex().env("OPENAI_BASE_URL", "https://gate.example/v1?a=\"b\"").start();
    consult(&mut client, json!({}));
    let words = arguments(&client, "codex");
    assert!(
        words.contains(&"openai_base_url=\"https://gate.example/v1?a=\\\"b\\\"\"".to_owned()),
        "{words:?}"
    );
}

#[test]
fn the_first_that_can_be_used_is_asked_where_nobody_is_named() {
    let mut client = Server::new().fake("gemini", "gemini").fake("claude", "claude").start();
    assert_eq!(consult(&mut client, json!({}))["provider"], "gemini", "codex is not installed");
    let role = client.call("maestro_consult_with_role", json!({ "prompt": "x", "role": "judge" }));
    assert_eq!(role["provider"], "gemini", "{role}");
    let mut client = three().env("MAESTRO_CODEX_TIMEOUT", "soon").start();
    assert_eq!(consult(&mut client, json!({}))["provider"], "gemini", "codex is not set up");
    let mut client = three().start();
    let refused = consult(&mut client, json!({ "prompt": scripted(json!({ "status": 401 })) }));
    assert_eq!(
        (&refused["provider"], &refused["code"]),
        (&json!("codex"), &json!("login_missing")),
        "{refused}"
    );
    assert_eq!(consult(&mut client, json!({}))["provider"], "gemini", "codex is not logged in");
    assert_eq!(consult(&mut client, json!({ "provider": "codex" }))["ok"], true);
    assert_eq!(consult(&mut client, json!({}))["provider"], "codex", "it has answered since");
}

#[test]
fn a_variable_of_stage_choice_has_its_effect() {
    let of = |server: Server, stage: &str| {
        let mut client = server.start();
        client.call("maestro_run_stage", json!({ "task": "x", "stage": stage }))
    };
    let implement = of(three(), "implement");
    assert_eq!(implement["mode"], "consult", "{implement}");
    let several = of(three().env("MAESTRO_ENSEMBLE_IMPL", "true"), "implement");
    assert_eq!(several["mode"], "ensemble", "{several}");
    let asked = several["output"]["candidates"].as_array().unwrap();
    assert!(
        ["codex", "gemini"].iter().all(|name| asked.iter().any(|one| one["provider"] == *name)),
        "{several}"
    );
    let alone = of(Server::new().codex().env("MAESTRO_ENSEMBLE_IMPL", "true"), "implement");
    assert_eq!(alone["mode"], "consult", "{alone}");
    assert!(alone["why"].as_str().unwrap().contains("no second CLI is installed"), "{alone}");
    assert_eq!(of(three(), "hypothesize")["mode"], "ensemble");
    assert_eq!(of(three().env("MAESTRO_ENSEMBLE_HYPOTHESES", "false"), "hypothesize")["mode"], "consult");
    assert_eq!(of(three(), "debug")["mode"], "consult");
    assert_eq!(of(three().env("MAESTRO_DEBUG_SINGLE_AGENT", "false"), "debug")["mode"], "ensemble");
}

#[test]
fn a_stage_keeps_the_provider_s_timeout_unless_it_is_given_one() {
    let slow = json!({ "sleep": 3 }).to_string();
    let mut client = Server::new().codex().env("MAESTRO_CODEX_TIMEOUT", "1").start();
    let task = format!("x @@fake {slow}@@");
    let result = client.call("maestro_run_stage", json!({ "task": task, "stage": "implement" }));
    assert!(result.to_string().contains("within 1 s"), "{result}");
    let given =
        client.call("maestro_run_stage", json!({ "task": task, "stage": "implement", "timeout_sec": 20 }));
    assert!(!given.to_string().contains("within"), "{given}");
}
