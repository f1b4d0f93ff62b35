//! Consults: the prompt, the answer, and the error message of a failure.

mod scenarios;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Server, scripted, three};

#[test]
fn an_answer_comes_with_its_usage() {
    for (provider, style, input, output) in
        [("codex", "codex", 11, 7), ("gemini", "gemini", 12, 8), ("claude", "claude", 13, 9)]
    {
        let mut client = Server::new().fake(provider, style).start();
        let result = client.call(
            "maestro_consult",
            json!({ "prompt": scripted(json!({ "text": "forty-two" })), "provider": provider }),
        );
        assert_eq!(result["ok"], true, "{result}");
        assert_eq!(result["content"], "forty-two");
        assert_eq!(result["provider"], provider);
        assert_eq!(result["usage"]["input_tokens"], input);
        assert_eq!(result["usage"]["output_tokens"], output);
        assert_eq!(result["truncated"], false);
        assert_eq!(result["stderr"], "");
        assert!(result["elapsed_ms"].is_u64());
    }
}

#[test]
fn the_prompt_goes_through_stdin_and_through_nothing_else() {
    let secret_of_the_prompt = "a-phrase-that-nobody-else-may-read";
    let mut client = Server::new().fake("claude", "claude").start();
    for prompt in [
        format!("-{secret_of_the_prompt}"),
        format!("--help {secret_of_the_prompt}"),
        format!("x {secret_of_the_prompt} \u{1F600}\n"),
    ] {
        client.call("maestro_consult", json!({ "prompt": prompt, "provider": "claude" }));
        let call = client.log("claude").pop().unwrap();
        assert_eq!(call["prompt"], prompt);
        assert!(!call["args"].to_string().contains(secret_of_the_prompt));
        assert!(!call["env"].to_string().contains(secret_of_the_prompt));
    }
}

#[test]
fn a_leading_slash_is_no_command() {
    let mut client = Server::new().fake("claude", "claude").fake("gemini", "gemini").start();
    for provider in ["claude", "gemini"] {
        client.call("maestro_consult", json!({ "prompt": "/help me", "provider": provider }));
        assert_eq!(client.log(provider)[0]["prompt"], "\n/help me");
    }
}

#[test]
fn a_prompt_of_four_megabytes_arrives_whole() {
    let mut client = Server::new().fake("claude", "claude").start();
    let prompt = "0123456789abcde\n".repeat(4 * 1024 * 1024 / 16);
    let result = client.call("maestro_consult", json!({ "prompt": prompt, "provider": "claude" }));
    assert_eq!(result["ok"], true);
    assert_eq!(client.log("claude")[0]["prompt"].as_str().unwrap().len(), 4 * 1024 * 1024);
}

#[test]
fn a_prompt_beyond_a_cli_s_own_limit_is_refused_before_the_call() {
    let mut client = Server::new().codex().fake("gemini", "gemini").start();
    let result = client.call("maestro_consult", json!({ "prompt": "é".repeat(1_048_577) }));
    assert_eq!(result["code"], "prompt_too_long");
    assert!(result["error"].as_str().unwrap().contains("1048576"), "{}", result["error"]);
    let result = client
        .call("maestro_consult", json!({ "prompt": "é".repeat(4 * 1024 * 1024 + 1), "provider": "gemini" }));
    assert_eq!(result["code"], "prompt_too_long");
    assert!(client.log("codex").is_empty() && client.log("gemini").is_empty());
    let fits = client.call("maestro_consult", json!({ "prompt": "é".repeat(1_048_576) }));
    assert_eq!(fits["ok"], true);
}

#[test]
fn each_failure_has_its_own_code_and_a_hint() {
    let cases = [
        (json!({ "status": 401, "message": "Unauthorized" }), "login_missing"),
        (json!({ "status": 403, "message": "forbidden" }), "login_missing"),
        (json!({ "status": 404, "message": "model not found" }), "model_unavailable"),
        (json!({ "status": 400, "message": "bad" }), "request_rejected"),
        (
            json!({ "status": 429, "message": "insufficient_quota: check your plan and billing details" }),
            "quota_exceeded",
        ),
        (json!({ "text": "" }), "answer_empty"),
        (json!({ "text": "  \n" }), "answer_empty"),
    ];
    for (provider, style) in [("codex", "codex"), ("gemini", "gemini"), ("claude", "claude")] {
        let mut client = Server::new().fake(provider, style).start();
        for (script, code) in &cases {
            let result = client
                .call("maestro_consult", json!({ "prompt": scripted(script.clone()), "provider": provider }));
            assert_eq!(result["code"], *code, "{provider} {script}: {result}");
            assert!(!result["hint"].as_str().unwrap().is_empty());
            assert!(!result["error"].as_str().unwrap().is_empty());
            assert_eq!(result["attempts"], Value::Null, "{code} is final");
        }
    }
}

#[test]
fn transient_failures_are_retried_twice_and_no_more() {
    let mut client = Server::new().codex().fake("claude", "claude").start();
    let passing = client.call("maestro_consult", json!({ "prompt": scripted(json!({ "status": 529, "fail_n": 2, "text": "at last" })), "provider": "claude" }));
    assert_eq!(passing["ok"], true, "{passing}");
    assert_eq!(passing["content"], "at last");
    assert_eq!(passing["attempts"], 3);
    let lasting = client.call(
        "maestro_consult",
        json!({ "prompt": scripted(json!({ "status": 429, "message": "slow down" })) }),
    );
    assert_eq!(lasting["code"], "rate_limited", "{lasting}");
    assert_eq!(client.log("codex").len(), 3);
    let said = client.progress();
    assert!(said.iter().any(|message| message.contains("trying again")), "{said:?}");
}

#[test]
fn retries_stay_inside_the_timeout() {
    let mut client = Server::new().codex().start();
    let started = Instant::now();
    let result = client
        .call("maestro_consult", json!({ "prompt": scripted(json!({ "status": 503 })), "timeout_sec": 2 }));
    assert_eq!(result["code"], "overloaded", "{result}");
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(client.log("codex").len(), 2);
}

#[test]
fn an_exit_without_a_word_is_explained() {
    let mut client = Server::new().codex().start();
    let result = client.call("maestro_consult", json!({ "prompt": scripted(json!({ "exit": 3 })) }));
    assert_eq!(result["code"], "cli_failed", "{result}");
    assert_eq!(result["exit_code"], 3);
    assert!(result["error"].as_str().unwrap().contains("exit code 3"));
}

#[test]
fn stderr_of_a_success_is_kept() {
    let mut client = Server::new().codex().start();
    let result =
        client.call("maestro_consult", json!({ "prompt": scripted(json!({ "stderr": "a warning" })) }));
    assert_eq!(result["ok"], true);
    assert_eq!(result["stderr"], "a warning");
}

#[test]
fn bytes_that_are_no_text_do_not_lose_the_answer() {
    let config = "providers: { plain: { command: '${FAKE}' } }\n";
    let fake = crate::harness::fake_cli();
    let mut client =
        Server::new().env("FAKE", fake.to_str().unwrap()).user_file("cli_clients.yaml", config).start();
    let result = client.call(
        "maestro_consult",
        json!({ "prompt": scripted(json!({ "bytes": [104, 105, 255, 33] })), "provider": "plain" }),
    );
    assert_eq!(result["ok"], true, "{result}");
    assert_eq!(result["content"], "hi\u{fffd}!");
}

#[test]
fn a_long_answer_is_cut_at_a_line_and_kept_whole() {
    let mut client = Server::new().codex().start();
    let result = client.call(
        "maestro_consult",
        json!({ "prompt": scripted(json!({ "text": "0123456789abcdé\n", "repeat": 10_000 })) }),
    );
    assert_eq!(result["truncated"], true);
    let shown = result["content"].as_str().unwrap();
    // In the JSON, a line has one character more, because `\n` takes two. The limit counts those.
    assert!((35_000..=40_000).contains(&shown.chars().count()), "{}", shown.chars().count());
    assert!(shown.ends_with('é'), "cut at a line");
    let whole = std::fs::read_to_string(result["content_file"].as_str().unwrap()).unwrap();
    assert_eq!(whole, "0123456789abcdé\n".repeat(10_000));
    let one_line = client
        .call("maestro_consult", json!({ "prompt": scripted(json!({ "text": "é", "repeat": 50_000 })) }));
    // Each `é` is sent twice with two bytes, so the limit of bytes is reached first.
    assert!((20_000..25_000).contains(&one_line["content"].as_str().unwrap().chars().count()));
    assert_eq!(std::fs::read_to_string(client.project().join(".maestro/answers/.gitignore")).unwrap(), "*\n");
}

#[test]
fn an_answer_of_exactly_the_limit_is_whole() {
    let mut client = Server::new().codex().start();
    let result = client
        .call("maestro_consult", json!({ "prompt": scripted(json!({ "text": "x", "repeat": 40_000 })) }));
    assert_eq!(result["truncated"], false);
    assert!(!client.project().join(".maestro/answers").exists());
}

#[test]
fn a_megabyte_of_answer_takes_no_time() {
    let mut client = Server::new().fake("claude", "claude").start();
    let started = Instant::now();
    let result = client.call("maestro_consult", json!({ "prompt": scripted(json!({ "text": "0123456789abcdef", "repeat": 65_536 })), "provider": "claude" }));
    assert_eq!(result["truncated"], true);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[test]
fn secrets_are_masked_before_they_leave() {
    let token = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    let mut client = Server::new()
        .codex()
        .env("DEPLOY_TOKEN", "tiny-tokens-value-77")
        .file("config.py", format!("token = \"{token}\"\nother = 1\n"))
        .start();
    let result = client.call(
        "maestro_consult",
        json!({
            "prompt": format!("what of {token}?"),
            "context_files": ["config.py"],
            "context_errors": ["login failed with tiny-tokens-value-77"],
        }),
    );
    assert_eq!(result["masked"], 3, "{result}");
    let prompt = client.log("codex")[0]["prompt"].as_str().unwrap().to_owned();
    assert!(!prompt.contains(token) && !prompt.contains("tiny-tokens-value-77"), "{prompt}");
    assert!(prompt.contains("   2 | other = 1"));
}

#[test]
fn the_users_own_mask_applies() {
    let mut client = Server::new()
        .codex()
        .env("MAESTRO_MASK_REGEXES", "ACME-[0-9]{3,5},zz+top")
        .env("MAESTRO_MASK_REPLACEMENT", "<gone>")
        .start();
    client.call("maestro_consult", json!({ "prompt": "ACME-1234 and zzztop and ACME-1" }));
    assert_eq!(client.log("codex")[0]["prompt"], "<gone> and <gone> and ACME-1");
}

#[test]
fn context_goes_with_the_question_and_what_is_left_out_is_listed() {
    let mut client = Server::new().codex().file("a.py", "x = 1\n").start();
    let result = client.call(
        "maestro_consult",
        json!({
            "prompt": "why?",
            "context_files": ["a.py", "*.zig"],
            "context_facts": ["it rains"],
            "context_constraints": ["no new dependency"],
            "stage": "debug",
        }),
    );
    let prompt = client.log("codex")[0]["prompt"].as_str().unwrap().to_owned();
    assert!(prompt.starts_with("# Material\n\n## Constraints\n- no new dependency"), "{prompt}");
    assert!(prompt.ends_with("\n\n# Task\n\nwhy?"), "{prompt}");
    assert!(prompt.contains("   1 | x = 1"));
    assert_eq!(result["context"]["files"][0]["path"], "a.py");
    assert_eq!(result["context"]["omitted"][0], json!({ "path": "*.zig", "reason": "no file matches" }));
}

#[test]
fn a_role_is_the_consultant_s_system_prompt() {
    let mut client = Server::new().fake("claude", "claude").start();
    let result = client.call(
        "maestro_consult_with_role",
        json!({ "prompt": "x", "role": "debugger", "provider": "claude" }),
    );
    assert_eq!(result["role"], "debugger");
    let role = client.call("maestro_get_role", json!({ "role": "debugger" }));
    let system = client.log("claude")[0]["system"].as_str().unwrap().to_owned();
    assert!(system.contains(role["prompt"].as_str().unwrap()) && system.contains("text only"));
}

#[test]
fn a_schema_reaches_each_cli_in_its_own_form_and_the_answer_is_validated() {
    let answer =
        json!({ "observations": ["it fails"], "repro_steps": [], "affected_modules": [], "invariants": [] })
            .to_string();
    let ask = |provider: &str, text: &str| json!({ "prompt": scripted(json!({ "text": text })), "provider": provider, "schema": "stage1_output" });
    let mut client = three().start();
    for provider in ["codex", "gemini", "claude"] {
        let result = client.call("maestro_consult", ask(provider, &answer));
        assert_eq!(result["structured"]["observations"], json!(["it fails"]), "{result}");
        assert_eq!(result["schema_errors"], Value::Null, "{result}");
    }
    let strict: Value = serde_json::from_str(client.log("codex")[0]["schema"].as_str().unwrap()).unwrap();
    assert_eq!(strict["additionalProperties"], false);
    assert_eq!(strict["required"].as_array().unwrap().len(), strict["properties"].as_object().unwrap().len());
    assert!(client.log("gemini")[0]["prompt"].as_str().unwrap().contains("- observations (list of"));
    let inline = client.log("claude")[0]["args"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .skip_while(|word| *word != "--json-schema")
        .nth(1)
        .unwrap()
        .to_owned();
    assert!(serde_json::from_str::<Value>(&inline).unwrap().get("$schema").is_none());

    let misfit = client.call("maestro_consult", ask("codex", "{\"observations\": 1}"));
    assert!(misfit["schema_errors"].as_array().unwrap().len() > 1, "{misfit}");
    let prose = client.call("maestro_consult", ask("codex", "no JSON at all"));
    assert_eq!(prose["schema_errors"], json!(["the answer is not a JSON document"]));
    assert_eq!(prose["ok"], true);
}

#[test]
fn reasoning_and_prose_around_a_document_are_set_aside() {
    let mut client = Server::new().codex().start();
    let mut ask = |text: &str| {
        let prompt = scripted(json!({ "text": text }));
        client.call("maestro_consult", json!({ "prompt": prompt, "schema": "judge_output" }))
    };
    let judgement = r#"{"winner_id": "A", "scores": [{"name": "A", "value": 0.9}], "rationale": "use\n```py\nx\n```\nhere", "risks": null}"#;
    for (text, reasoned) in [
        (format!("```json\n{judgement}\n```"), false),
        (format!("Here it is:\n{judgement}\nThat is my view."), false),
        (format!("<think>A or B? {{\"winner_id\": \"B\"}}</think>\n{judgement}"), true),
        (format!("B is longer, so A.\n</think>\n{judgement}"), true),
    ] {
        let result = ask(&text);
        assert_eq!(result["structured"]["winner_id"], "A", "{text}: {result}");
        assert_eq!(
            result["note"].as_str().is_some_and(|note| note.contains("reasoning")),
            reasoned,
            "{result}"
        );
        assert!(!result["content"].as_str().unwrap().contains("think"), "{result}");
    }
    let two = ask("{\"winner_id\": \"A\"}\n\n{\"winner_id\": \"B\"}");
    assert!(two["schema_errors"][0].as_str().unwrap().contains("2 different ones"), "{two}");
    let only = ask("<think>A or B? It must be A");
    assert_eq!((&only["ok"], &only["code"]), (&json!(false), &json!("answer_empty")), "{only}");
}

#[test]
fn a_missing_or_switched_off_or_unknown_provider_is_said() {
    let mut client = Server::new().fake("claude", "claude").env("MAESTRO_GEMINI_ENABLED", "false").start();
    let missing = client.call("maestro_consult", json!({ "prompt": "x", "provider": "codex" }));
    assert_eq!(missing["code"], "cli_not_found");
    assert!(missing["hint"].as_str().unwrap().contains("claude"), "{missing}");
    assert_eq!(
        client.call("maestro_consult", json!({ "prompt": "x", "provider": "gemini" }))["code"],
        "provider_disabled"
    );
    let unknown = client.call("maestro_consult", json!({ "prompt": "x", "provider": "gpt" }));
    assert_eq!(unknown["code"], "unknown_provider");
    assert!(unknown["hint"].as_str().unwrap().contains("understudy"));
}

#[test]
fn flags_follow_the_version_and_it_is_asked_for_once() {
    let fake = crate::harness::fake_cli();
    let log = tempfile::NamedTempFile::new().unwrap();
    let command = |version: &str| {
        format!("{} --as codex --print-version {version} --log {}", fake.display(), log.path().display())
    };
    for (version, ignores) in [("0.120.0", false), ("0.169.0", true)] {
        std::fs::write(log.path(), "").unwrap();
        let mut client = Server::new().env("MAESTRO_CODEX_CMD", &command(version)).start();
        for _ in 0..2 {
            assert_eq!(client.call("maestro_consult", json!({ "prompt": "x" }))["ok"], true);
        }
        let lines: Vec<Value> = std::fs::read_to_string(log.path())
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.iter().filter(|line| line["args"] == json!(["--version"])).count(), 1);
        assert_eq!(
            lines[1]["args"].as_array().unwrap().contains(&json!("--ignore-user-config")),
            ignores,
            "{version}"
        );
    }
}

#[test]
fn every_call_is_recorded() {
    let mut client = Server::new().codex().start();
    client.call("maestro_consult", json!({ "prompt": "x" }));
    client.call("maestro_consult", json!({ "prompt": scripted(json!({ "exit": 3 })) }));
    std::thread::sleep(Duration::from_millis(1_100));
    let providers = client.call("maestro_list_providers", json!({}))["providers"].clone();
    let calls =
        &providers.as_array().unwrap().iter().find(|provider| provider["name"] == "codex").unwrap()["calls"];
    assert_eq!(
        (&calls["calls"], &calls["failed"], &calls["input_tokens"]),
        (&json!(2), &json!(1), &json!(11))
    );
}

#[test]
fn the_understudy_answers_only_in_its_own_name() {
    let trace = "Traceback (most recent call last):\n  File \"app/main.py\", line 2, in run\n    return table[key]\nKeyError: 'name'";
    let mut client =
        Server::new().file("app/main.py", "def run(table, key):\n    return table[key]\n").start();
    let result = client.call(
        "maestro_consult",
        json!({
            "prompt": "why?",
            "provider": "understudy",
            "context_errors": [trace],
            "context_files": ["app/main.py"],
            "schema": "stage1_output",
        }),
    );
    assert_eq!(result["ok"], true, "{result}");
    assert_eq!(result["provider"], "understudy");
    assert!(result["note"].as_str().unwrap().contains("no model"));
    assert_eq!(result["schema_errors"], Value::Null, "{result}");
    let said = result["structured"].to_string();
    assert!(said.contains("KeyError") && said.contains("app/main.py"), "{said}");
}

#[test]
fn a_short_first_line_does_not_cut_all_the_rest_away() {
    let mut client = Server::new().codex().start();
    let text = format!("short\n{}", "x".repeat(60_000));
    let result = client.call("maestro_consult", json!({ "prompt": scripted(json!({ "text": text })) }));
    assert!((39_990..=40_000).contains(&result["content"].as_str().unwrap().chars().count()));
}

#[test]
fn an_error_is_as_long_as_a_person_reads() {
    let mut client = Server::new().codex().start();
    let result = client.call(
        "maestro_consult",
        json!({ "prompt": scripted(json!({ "exit": 3, "stderr": format!("{}the end", "x".repeat(300_000)) })) }),
    );
    let error = result["error"].as_str().unwrap();
    assert!(error.len() < 3_000 && error.ends_with("the end"), "{}", error.len());
}

#[test]
fn a_model_is_a_name_and_nothing_else() {
    let mut client = Server::new().codex().start();
    for model in ["--help", "", "a b", "x\ny"] {
        let result = client.call("maestro_consult", json!({ "prompt": "x", "model": model }));
        assert_eq!(result["code"], "invalid_arguments", "{model:?}: {result}");
    }
    assert!(client.log("codex").is_empty());
}

#[test]
fn a_version_belongs_to_a_program_with_its_arguments() {
    let fake = crate::harness::fake_cli();
    let log = tempfile::NamedTempFile::new().unwrap();
    let command = |style: &str, version: &str| {
        format!("{} --as {style} --print-version {version} --log {}", fake.display(), log.path().display())
    };
    let mut client = Server::new()
        .env("MAESTRO_CODEX_CMD", &command("codex", "0.169.0"))
        .env("MAESTRO_GEMINI_CMD", &command("gemini", "0.30.0"))
        .start();
    for provider in ["codex", "gemini"] {
        assert_eq!(
            client.call("maestro_consult", json!({ "prompt": "x", "provider": provider }))["ok"],
            true
        );
    }
    let written = std::fs::read_to_string(log.path()).unwrap();
    assert!(written.contains("\"--policy\"") && !written.contains("--admin-policy"), "{written}");
}

#[test]
fn a_renewed_login_comes_home_also_from_a_cancelled_call() {
    let renews = "#!/bin/sh\n[ \"$1\" = --version ] && echo 1.2.3 && exit\nrm \"$CODEX_HOME/auth.json\"\necho '{\"token\":\"new\"}' > \"$CODEX_HOME/auth.json\"\ntouch \"$HOME/../fake/renewed\"\nsleep 60\n";
    let server = Server::new().home_file(".codex/auth.json", "{\"token\":\"old\"}");
    let home = server.project().parent().unwrap().join("home");
    let mut client = server.shell_cli("codex", renews).start();
    let call = client.begin_call("maestro_consult", json!({ "prompt": "x" }));
    crate::harness::eventually("it is renewed", Duration::from_secs(5), || {
        home.join("../fake/renewed").exists()
    });
    client.cancel(call);
    let login = || std::fs::read_to_string(home.join(".codex/auth.json")).unwrap();
    crate::harness::eventually("it is home", Duration::from_secs(5), || login().contains("new"));
}

#[test]
fn a_cancelled_call_is_recorded_as_one() {
    let mut client = Server::new().codex().start();
    let call = client.begin_call("maestro_consult", json!({ "prompt": scripted(json!({ "sleep": 60 })) }));
    client.wait_for_calls("codex", 1);
    client.cancel(call);
    crate::harness::eventually("it is recorded", Duration::from_secs(5), || {
        let providers = client.call("maestro_list_providers", json!({}))["providers"].clone();
        providers[0]["calls"]["failed"] == json!(1)
    });
}

#[test]
fn silence_and_another_form_are_told_apart() {
    for (provider, style) in [("codex", "codex"), ("gemini", "gemini"), ("claude", "claude")] {
        let mut client = Server::new().fake(provider, style).start();
        let mut code = |script: Value| {
            client.call("maestro_consult", json!({ "prompt": scripted(script), "provider": provider }))
        };
        assert_eq!(code(json!({ "bytes": [] }))["code"], "answer_empty", "{provider}");
        let other = code(json!({ "bytes": [104, 101, 108, 108, 111] }));
        assert_eq!(other["code"], "answer_unreadable", "{provider}");
        assert!(other["error"].as_str().unwrap().contains("hello"), "{other}");
    }
}

#[test]
fn a_version_is_asked_for_within_the_time_of_the_call() {
    let slow = "#!/bin/sh\n[ \"$1\" = --version ] && sleep 30\necho\n";
    let mut client = Server::new().shell_cli("codex", slow).start();
    let started = Instant::now();
    let result = client.call("maestro_consult", json!({ "prompt": "x", "timeout_sec": 1 }));
    assert_eq!(result["code"], "timeout", "{result}");
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
}

#[test]
fn a_cli_that_cannot_be_started_is_said_to_be_so() {
    let server = Server::new().home_file("bare", "no program\n");
    server.program("home/orphan", "#!/no/such/interpreter\n");
    let mut client = server.env("MAESTRO_CLAUDE_CMD", "~/bare").env("MAESTRO_CODEX_CMD", "~/orphan").start();
    for (provider, code, word) in
        [("claude", "cli_not_executable", "permission"), ("codex", "cli_broken", "interpreter")]
    {
        let result = client.call("maestro_consult", json!({ "prompt": "x", "provider": provider }));
        assert_eq!(result["code"], code, "{result}");
        assert!(result["error"].as_str().unwrap().contains(word), "{result}");
    }
}

#[test]
fn the_understudy_tells_what_it_does() {
    let mut client = Server::new().start();
    client.call("maestro_consult", json!({ "prompt": "why?", "provider": "understudy" }));
    assert!(client.progress().iter().any(|message| message.contains("rules, no model")));
}

/// The end of an answer ends the wait. A process that stays is ended with its children.
#[test]
fn a_cli_that_stays_after_its_answer_is_not_waited_for() {
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo 9.9.9 && exit\ncat >/dev/null\n\
        sleep 61 & text=\"$$ $!\"\n\
        printf '{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"%s\"}}\\n' \"$text\"\n\
        printf '{\"type\":\"turn.comp'\nsleep 0.4\nprintf 'leted\",\"usage\":{}}\\n'\nsleep 60\n";
    let mut client = Server::new().shell_cli("codex", script).start();
    let started = Instant::now();
    let result = client.call("maestro_consult", json!({ "prompt": "x" }));
    assert_eq!(result["ok"], true, "{result}");
    assert!(result["warning"].as_str().unwrap().contains("was ended"), "{result}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    // The answer is the process id of the CLI and that of its child.
    let answer = result["content"].as_str().unwrap();
    let pids: Vec<u64> = answer.split(' ').map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.len(), 2, "{answer}");
    for pid in pids {
        crate::harness::eventually("the process ends", Duration::from_secs(5), || {
            !crate::harness::is_alive(pid)
        });
    }
}

#[test]
fn the_hint_of_a_refusal_names_who_else_may_be_asked() {
    let mut client = Server::new().codex().fake("claude", "claude").start();
    let refused = json!({ "prompt": scripted(json!({ "status": 401, "message": "no" })) });
    let result = client.call("maestro_consult", refused);
    assert!(result["hint"].as_str().unwrap().contains("Next: ask `claude`"), "{result}");
    let task = json!({ "prompt": scripted(json!({ "status": 400, "message": "bad" })) });
    let result = client.call("maestro_consult", task);
    assert!(!result["hint"].as_str().unwrap().contains("Next:"), "the fault is in the task: {result}");
}

/// If node is missing, `check` and `maestro_list_providers` report it.
#[test]
fn a_cli_that_does_not_run_is_neither_available_nor_logged_out() {
    for script in ["#!/usr/bin/env node-that-is-not-there\n", "#!/bin/sh\nexec node-that-is-not-there\n"] {
        let server = Server::new().shell_cli("codex", script).shell_cli("claude", script);
        let check = server.run(&["check"], "");
        let shown = String::from_utf8(check.stdout).unwrap();
        assert!(shown.contains("cli_broken") && shown.contains("node-that-is-not-there"), "{shown}");
        for wrong in ["not logged in", "codex login", "within 15 s"] {
            assert!(!shown.contains(wrong), "{wrong}: {shown}");
        }
        let mut client = server.start();
        let listed = client.call("maestro_list_providers", json!({}));
        for name in ["codex", "claude"] {
            let entry =
                listed["providers"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
            assert_eq!(entry["available"], false, "{entry}");
            assert!(entry["problems"].to_string().contains("cli_broken"), "{entry}");
        }
        assert!(!listed["available"].to_string().contains("codex"), "{listed}");
    }
    let mut client = Server::new().codex().start();
    let listed = client.call("maestro_list_providers", json!({}));
    assert!(listed["available"].to_string().contains("codex"), "{listed}");
}

#[test]
fn a_project_that_is_not_there_is_said_and_not_made() {
    let server = Server::new().codex();
    let gone = server.project().join("moved/away");
    let mut client = server.env("CLAUDE_PROJECT_DIR", gone.to_str().unwrap()).start();
    let calls = [
        ("maestro_consult", json!({ "prompt": "x", "context_files": ["a.py"] })),
        ("maestro_ensemble_generate", json!({ "task": "x" })),
        ("maestro_workflow_with_hitl", json!({ "task": "x" })),
        ("maestro_run_stage_with_approval", json!({ "task": "x", "stage": "analyze" })),
        ("maestro_log_evidence", json!({ "stage": "analyze", "content": { "a": 1 }, "source": "test" })),
        ("maestro_list_providers", json!({})),
        ("maestro_get_metrics", json!({})),
        ("maestro_workflow_state", json!({})),
    ];
    for (tool, arguments) in calls {
        let result = client.call(tool, arguments);
        if tool == "maestro_consult" {
            assert_eq!(result["code"], "config_invalid", "{result}");
            let error = result["error"].as_str().unwrap();
            assert!(error.contains("CLAUDE_PROJECT_DIR") && error.contains("moved/away"), "{error}");
        }
        assert!(!client.project().join("moved").exists(), "{tool} made it: {result}");
    }
    let check = client.server.run(&["check"], "");
    assert!(String::from_utf8(check.stdout).unwrap().contains("moved/away"));
    assert!(!client.project().join("moved").exists());
}

/// Only Maestro retries a transient failure, so that retries do not multiply.
#[test]
fn the_clis_try_nothing_again_themselves() {
    let mut client = Server::new().codex().fake("claude", "claude").start();
    for provider in ["codex", "claude"] {
        assert_eq!(
            client.call("maestro_consult", json!({ "prompt": "x", "provider": provider }))["ok"],
            true
        );
    }
    let environment = &client.log("claude")[0]["env"];
    assert_eq!(environment["CLAUDE_CODE_MAX_RETRIES"], "0");
    assert_eq!(environment["CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK"], "1");
    let arguments = client.log("codex")[0]["args"].to_string();
    for setting in ["request_max_retries=0", "stream_max_retries=0", "model_provider="] {
        assert!(arguments.contains(setting), "{arguments}");
    }
}

/// A model or a CLI can cut an answer between the two halves of a surrogate pair. The rest is kept.
#[test]
fn half_of_a_letter_loses_no_answer() {
    let mine = format!(
        "providers:\n  mine:\n    command: \"{} --as claude\"\n    template: {{ prompt: stdin, answer: {{ json_lines: /result, where: {{ /type: result }} }} }}\n",
        crate::harness::fake_cli().display()
    );
    let server = ["codex", "gemini", "claude"]
        .iter()
        .fold(Server::new().user_file("cli_clients.yaml", mine), |server, name| server.fake(name, name));
    let mut client = server.start();
    for provider in ["codex", "gemini", "claude", "mine"] {
        for (text, wanted) in [("<half>", "\u{fffd}"), ("a <half> b", "a \u{fffd} b")] {
            let prompt = scripted(json!({ "text": text }));
            let result = client.call("maestro_consult", json!({ "prompt": prompt, "provider": provider }));
            assert_eq!(
                (&result["ok"], &result["content"]),
                (&json!(true), &json!(wanted)),
                "{provider}: {result}"
            );
        }
    }
}
