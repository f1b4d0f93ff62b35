//! Promises of `docs/differences.md` that no other test covers.

use serde_json::{Value, json};

use crate::harness::{Server, fake_cli, scripted, shells, three};

#[test]
fn a_cli_that_reads_its_input_takes_none_of_the_protocol() {
    let config = "providers: { mine: { template: { args: ['-p', '{prompt}'], prompt: argument } } }\n";
    let mut client = Server::new().user_file("cli_clients.yaml", config).fake("mine", "text").start();
    let consult = client.begin_call(
        "maestro_consult",
        json!({ "prompt": scripted(json!({ "sleep": 0.5 })), "provider": "mine" }),
    );
    // The fake CLI reads its input to the end before it writes its log.
    assert_eq!(client.wait_for_calls("mine", 1)[0]["prompt"], "");
    for _ in 0..20 {
        assert_eq!(client.call("maestro_list_providers", json!({}))["ok"], true);
    }
    let result = client.result(consult);
    assert_eq!(result["content"], "an answer from the fake", "{result}");
}

#[test]
fn a_character_that_comes_in_two_pieces_arrives_whole() {
    let script = "printf '\\303'; printf '\\303' >&2\nsleep 0.4\nprintf '\\251t\\303'; printf '\\251' >&2\nsleep 0.4\nprintf '\\251\\n'\n";
    let mut client = shells(&[("shell", script)]).start();
    let result = client.call("maestro_consult", json!({ "prompt": "x", "provider": "shell" }));
    assert_eq!(
        (&result["ok"], &result["content"], &result["stderr"]),
        (&json!(true), &json!("été"), &json!("é")),
        "{result}"
    );
}

#[test]
fn a_command_may_have_arguments_and_a_path_with_a_blank() {
    let server = Server::new().codex();
    let link = server.project().join("my codex");
    std::os::unix::fs::symlink(fake_cli(), &link).unwrap();
    let log = server.project().parent().unwrap().join("fake/codex.log");
    let command = format!("'{}' --as codex --log {} --profile=work", link.display(), log.display());
    let mut client = server.env("MAESTRO_CODEX_CMD", &command).start();
    let result = client.call("maestro_consult", json!({ "prompt": "x" }));
    assert_eq!(result["ok"], true, "{result}");
    let arguments = &client.log("codex")[0]["args"];
    assert_eq!((&arguments[0], &arguments[1]), (&json!("--profile=work"), &json!("exec")));
}

#[test]
fn every_cli_is_started_without_its_tools() {
    let mut client = three().start();
    let expected: [(&str, &[&[&str]]); 3] = [
        (
            "codex",
            &[
                &["-s", "read-only"],
                &["--ephemeral"],
                &["--ignore-user-config"],
                &["-c", "features.shell_tool=false"],
                &["-c", "project_doc_max_bytes=0"],
            ],
        ),
        ("gemini", &[&["--admin-policy"], &["--allowed-mcp-server-names", "__none__"], &["-e", "none"]]),
        (
            "claude",
            &[
                &["--tools", ""],
                &["--strict-mcp-config"],
                &["--setting-sources", ""],
                &["--disable-slash-commands"],
                &["--no-session-persistence"],
            ],
        ),
    ];
    for (provider, flags) in expected {
        assert_eq!(
            client.call("maestro_consult", json!({ "prompt": "x", "provider": provider }))["ok"],
            true
        );
        let call = client.log(provider).pop().unwrap();
        let arguments: Vec<&str> =
            call["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        for flag in flags {
            assert!(
                arguments.windows(flag.len()).any(|words| words == *flag),
                "{provider}: {flag:?} is not in {arguments:?}"
            );
        }
    }
}

#[test]
fn a_record_that_is_switched_off_is_not_written() {
    let server = Server::new().codex().env("MAESTRO_TRACING_ENABLED", "false");
    let traces = server.project().join("traces").display().to_string();
    let mut client = server.env("MAESTRO_TRACE_DIR", &traces).start();
    assert_eq!(client.call("maestro_consult", json!({ "prompt": "x" }))["ok"], true);
    client.close();
    assert_eq!(std::fs::read_dir(client.project()).unwrap().count(), 0);
}

#[test]
fn a_trace_directory_that_cannot_be_made_stops_nothing() {
    let mut client = Server::new().codex().env("MAESTRO_TRACE_DIR", "/proc/no/such/place").start();
    let result = client.call("maestro_consult", json!({ "prompt": "x" }));
    assert_eq!(result["ok"], true, "{result}");
}

#[test]
fn an_ensemble_that_nobody_answers_is_not_ok() {
    let mut client = Server::new().env("MAESTRO_UNDERSTUDY_ENABLED", "false").start();
    for (providers, code) in [(json!(null), "no_provider"), (json!([]), "invalid_arguments")] {
        let result = client.call("maestro_ensemble_generate", json!({ "task": "x", "providers": providers }));
        assert_eq!((&result["ok"], &result["code"]), (&json!(false), &json!(code)), "{result}");
    }
}

#[test]
fn a_budget_outside_a_run_skips_nothing_in_silence() {
    let mut client = Server::new()
        .codex()
        .env("MAESTRO_MAX_CONSULT_TOTAL", "0")
        .env("MAESTRO_MAX_CONSULT_PER_STAGE", "0")
        .start();
    let result = client.call("maestro_ensemble_generate", json!({ "task": "x" }));
    assert_eq!((&result["ok"], &result["count"]), (&json!(true), &json!(1)), "{result}");
}

#[test]
fn an_unknown_stage_is_refused_by_every_tool_that_takes_one() {
    let mut client = Server::new().codex().start();
    for (tool, arguments) in [
        ("maestro_consult", json!({ "prompt": "x", "stage": "analysis" })),
        ("maestro_consult_with_role", json!({ "prompt": "x", "role": "judge", "stage": "analysis" })),
        ("maestro_pack_context", json!({ "facts": ["x"], "stage": "analysis" })),
        ("maestro_get_skill", json!({ "stage": "analysis" })),
    ] {
        let result = client.call(tool, arguments);
        assert_eq!(result["code"], "invalid_arguments", "{tool}: {result}");
        let error = result["error"].as_str().unwrap();
        assert!(error.contains("stage") && error.contains("analyze"), "{tool}: {error}");
    }
    assert!(client.log("codex").is_empty());
}

#[test]
fn nothing_is_guessed_into_another_type() {
    let mut client = Server::new().codex().start();
    for (tool, arguments, named) in [
        ("maestro_consult", json!({ "prompt": "x", "timeout_sec": "5 s" }), "timeout_sec"),
        ("maestro_consult", json!({ "prompt": "x", "timeout_sec": true }), "timeout_sec"),
        ("maestro_consult", json!({ "prompt": 7 }), "prompt"),
        ("maestro_ensemble_generate", json!({ "task": "x", "n_per_provider": "two" }), "n_per_provider"),
        ("maestro_ensemble_generate", json!({ "task": "x", "n_per_provider": 1.5 }), "n_per_provider"),
        ("maestro_pack_context", json!({ "max_chars": "" }), "max_chars"),
        ("maestro_pack_context", json!({ "facts": "one" }), "facts"),
    ] {
        let result = client.call(tool, arguments.clone());
        assert_eq!(result["code"], "invalid_arguments", "{tool} {arguments}: {result}");
        assert!(result["error"].as_str().unwrap().contains(named), "{tool} {arguments}: {result}");
    }
    assert!(client.log("codex").is_empty());
}

#[test]
fn a_cli_that_is_not_installed_is_not_available() {
    let mut client = Server::new().fake("claude", "claude").env("MAESTRO_GEMINI_ENABLED", "false").start();
    let result = client.call("maestro_list_providers", json!({}));
    let state = |name: &str| -> Vec<Value> {
        let entries = result["providers"].as_array().unwrap();
        let entry = entries.iter().find(|entry| entry["name"] == name).unwrap();
        ["enabled", "installed", "available"].map(|key| entry[key].clone()).to_vec()
    };
    assert_eq!(state("codex"), [true, false, false]);
    assert_eq!(state("claude"), [true, true, true]);
    assert_eq!(result["available"], json!(["claude"]));
    assert_eq!(result["asked_by_default"], json!(["claude"]));
    assert!(result["switched_off"].as_array().unwrap().contains(&json!("gemini")));
}
