//! `maestro-mcp check`: what works, what does not, and the next steps.

use serde_json::{Value, json};

use crate::harness::{Server, binary, scripted};
use crate::workflow::{begin, project, stage};

/// The output of `check`, and its exit status.
fn checked(server: &Server) -> (String, i32) {
    let output = server.run(&["check"], "");
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}

fn report(server: &Server) -> Value {
    serde_json::from_slice(&server.run(&["check", "--json"], "").stdout).unwrap()
}

/// Writes a shell script as a program of the user, and returns its path.
fn script(server: &Server, place: &str, body: &str) -> String {
    server.program(place, &format!("#!/bin/sh\n{body}\n")).display().to_string()
}

/// A text on one line.
fn unfolded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The lines of a finding: the line with the words, and its next steps.
fn about(screen: &str, words: &str) -> String {
    let from = screen.find(words).unwrap_or_else(|| panic!("nothing about {words}: {screen}"));
    let begin = screen[..from].rfind('\n').map_or(0, |at| at + 1);
    let mut lines = screen[begin..].lines();
    let first = lines.next().unwrap().to_owned();
    lines.take_while(|line| line.starts_with("  ")).fold(first, |all, line| format!("{all} {}", line.trim()))
}

#[test]
fn a_consultant_is_one_line_with_a_mark_and_the_next_step() {
    let out = "[ \"$1\" = auth ] && exit 1\necho '2.1.332 (Claude Code)'";
    let server = Server::new()
        .codex()
        .env("MAESTRO_CODEX_EFFORT", "low")
        .home_file(".codex/config.toml", "model = \"gpt-5.5\"\n");
    let claude = script(&server, "bin/claude", out);
    let server = server.env("MAESTRO_CLAUDE_CMD", &claude).env("MAESTRO_CLAUDE_MODEL", "opus");
    let (screen, status) = checked(&server);
    assert_eq!(status, 0, "{screen}");
    let codex = about(&screen, "codex 9.9.9");
    assert!(codex.starts_with("\u{2713} ") && codex.contains("logged in"), "{codex}");
    assert!(codex.contains("model: gpt-5.5 (its own)") && codex.contains("effort low (asked)"), "{codex}");
    let claude = about(&screen, "claude 2.1.332");
    assert!(claude.starts_with("\u{2717} ") && claude.contains("not logged in"), "{claude}");
    assert!(claude.contains("next: Run `claude` and /login once, or set ANTHROPIC_API_KEY."), "{claude}");
    let gemini = about(&screen, "gemini: not installed");
    assert!(
        gemini.starts_with("\u{2717} ") && gemini.contains("npm install -g @google/gemini-cli"),
        "{gemini}"
    );
    assert!(!screen.contains("the user") && !screen.contains("timeout_sec"), "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 80 || line.contains('/')), "{screen}");
    let states = report(&server)["providers"].clone();
    let of = |name: &str| states.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    assert_eq!((&of("codex")["usable"], &of("codex")["model_by"]), (&json!(true), &json!("cli")));
    assert_eq!(
        (&of("claude")["usable"], &of("claude")["model_by"]),
        (&json!(false), &json!("configuration"))
    );
}

#[test]
fn without_a_usable_consultant_the_status_is_three() {
    let says_no = |server: Server| {
        let path = script(&server, "bin/codex", "[ \"$1\" = login ] && exit 1\necho codex-cli 0.171.0");
        server.env("MAESTRO_CODEX_CMD", &path)
    };
    let broken = |server: Server| {
        let path = script(&server, "bin/codex", "exec node-that-is-not-there");
        server.env("MAESTRO_CODEX_CMD", &path)
    };
    for (server, why) in [
        (Server::new(), "not installed"),
        (says_no(Server::new()), "not logged in"),
        (broken(Server::new()), "cli_broken"),
        (Server::new().codex().env("MAESTRO_CODEX_ENABLED", "off"), "switched off"),
        (Server::new().codex().env("MAESTRO_CODEX_TIMEOUT", "soon"), "MAESTRO_CODEX_TIMEOUT=soon"),
    ] {
        let (screen, status) = checked(&server);
        assert!(status == 3 && screen.contains(why), "{why}: {status}\n{screen}");
        assert!(screen.contains("no consultant can be used"), "{screen}");
        assert_eq!(server.run(&["check", "--json"], "").status.code(), Some(3), "{why}");
    }
    let (_, status) = checked(&Server::new().codex());
    assert_eq!(status, 0);
}

#[test]
fn the_last_failure_is_told_with_the_time_at_which_it_ends() {
    let mut client = Server::new().codex().start();
    let words = "You've hit your usage limit. Try again at Aug 27th, 2099 5:05 AM.";
    let failed = json!({ "prompt": scripted(json!({ "status": 429, "message": words })) });
    let result = client.call("maestro_consult", failed);
    assert_eq!(result["code"], "quota_exceeded", "{result}");
    let settled = client.events().into_iter().find(|event| event["kind"] == "consult_settled").unwrap();
    assert_eq!(settled["data"]["resets_at"], result["resets_at"], "{settled}");
    let (screen, status) = checked(&client.server);
    let codex = about(&screen, "codex 9.9.9");
    assert!(codex.starts_with("! ") && codex.contains("last failure: quota_exceeded"), "{codex}");
    assert!(codex.contains("resets at 2099-08-27") && status == 0, "{codex}");
    assert!(codex.contains("next: Look at the account"), "{codex}");
    assert!(screen.contains("1 event, every hash fits"), "{screen}");

    // A limit without an end time blocks no provider. The next consult is sent and answered.
    let mut client = Server::new().codex().start();
    let failed =
        json!({ "prompt": scripted(json!({ "status": 429, "message": "You've hit your usage limit." })) });
    client.call("maestro_consult", failed);
    client.call("maestro_consult", json!({ "prompt": "x" }));
    let codex = about(&checked(&client.server).0, "codex 9.9.9");
    assert!(codex.starts_with("\u{2713} ") && codex.contains("answered since"), "{codex}");
    assert_eq!(report(&client.server)["log"]["last_failures"]["codex"]["answered_since"], true);
}

#[test]
fn a_limit_that_is_spent_has_a_line_of_its_own_and_a_way_out() {
    let words = "You've hit your usage limit. Try again at Aug 27th, 2099 5:05 AM.";
    let spent = scripted(json!({ "status": 429, "message": words }));
    for (fallback, meanwhile) in
        [("", "if `fallback: [..]` of codex"), ("gemini", "meanwhile gemini may answer")]
    {
        let configuration = format!("providers:\n  codex:\n    fallback: [{fallback}]\n");
        let mut client = Server::new()
            .codex()
            .env("MAESTRO_GEMINI_ENABLED", "false")
            .user_file("cli_clients.yaml", configuration)
            .start();
        let (before, _) = checked(&client.server);
        assert!(!before.contains("is not asked until"), "{before}");
        assert_eq!(report(&client.server)["breakers"], json!([]));
        client.call("maestro_consult", json!({ "prompt": spent }));
        let (screen, status) = checked(&client.server);
        let line = about(&screen, "codex is not asked until");
        assert!(line.starts_with("! codex is not asked until 2099-08-27") && status == 0, "{line}");
        for part in ["quota_exceeded", "just now", meanwhile, "maestro-mcp consult --provider codex"] {
            assert!(unfolded(&line).contains(part), "{part}: {line}");
        }
        let breaker = report(&client.server)["breakers"][0].clone();
        assert_eq!((&breaker["provider"], &breaker["code"]), (&json!("codex"), &json!("quota_exceeded")));
        assert!(
            breaker["until"].as_str().unwrap().starts_with("2099") && breaker["next"].is_array(),
            "{breaker}"
        );
        // A caller who knows that there is quota names the provider. Its answer ends the wait for all.
        let asked = client.log("codex").len();
        let unnamed = client.server.run(&["consult", "hello"], "");
        assert!(!unnamed.status.success());
        assert_eq!(client.log("codex").len(), asked);
        let said = client.server.run(&["consult", "--provider", "codex", "hello"], "");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        assert_eq!(report(&client.server)["breakers"], json!([]));
        assert_eq!(client.call("maestro_consult", json!({ "prompt": "x" }))["ok"], true);
    }
}

#[test]
fn a_log_that_cannot_be_written_is_told() {
    let server = Server::new().codex().run_as_nobody();
    let (screen, _) = checked(&server);
    let log = about(&screen, "log: ");
    assert!(log.starts_with("\u{2717} ") && log.contains("cannot be written"), "{screen}");
}

#[test]
fn it_tells_where_maestro_is_registered_and_by_which_path() {
    let own = binary().display().to_string();
    let (screen, _) = checked(&Server::new());
    assert!(about(&screen, "not registered").contains("next: maestro-mcp install"), "{screen}");
    for (command, mark, words) in [
        (own.as_str(), "\u{2713}", "as this binary"),
        ("/gone/maestro-mcp", "\u{2717}", "/gone/maestro-mcp, which does not exist"),
        ("/gone/start-maestro", "\u{2717}", "/gone/start-maestro, which does not exist"),
    ] {
        let entry = json!({ "mcpServers": { "maestro": { "command": command } } });
        let server = Server::new().home_file(".claude.json", &entry.to_string());
        let line = about(&checked(&server).0, "Claude Code: registered");
        assert!(line.starts_with(mark) && line.contains(words) && line.contains("~/.claude.json"), "{line}");
    }
    // Another copy is recognised by its path and never run, whatever file names it.
    let server = Server::new();
    let mark = server.project().parent().unwrap().join("it-ran");
    let other = script(&server, "other/maestro-mcp", &format!("touch {}", mark.display()));
    let here = server.project().display().to_string();
    let of_project = json!({ "mcpServers": { "maestro": { "command": other, "args": ["serve"] } } });
    let local = json!({ "projects": { here: { "mcpServers": { "mine": { "command": other } } } } });
    let server = server
        .file(".mcp.json", of_project.to_string())
        .home_file(".claude.json", &local.to_string())
        .home_file(".codex/config.toml", &format!("[mcp_servers.maestro]\ncommand = \"{own}\"\n"))
        .home_file(
            ".gemini/settings.json",
            "{ // mine\n\"mcpServers\": {\"maestro\": {\"command\": \"sh\", \"args\": [\"maestro-mcp\"]}} }",
        )
        .home_file(
            ".config/opencode/opencode.json",
            "{\"mcp\":{\"maestro\":{\"command\":[\"/gone/maestro-mcp\",\"serve\"]}}}",
        );
    let (screen, _) = checked(&server);
    assert_eq!(unfolded(&screen).matches("another copy of Maestro").count(), 2, "{screen}");
    assert!(about(&screen, "Codex: registered").contains("as this binary"), "{screen}");
    let launched = about(&screen, "Gemini: registered");
    assert!(launched.starts_with("! ") && launched.contains("started by sh"), "{screen}");
    assert!(about(&screen, "opencode: registered").starts_with("\u{2717}"), "{screen}");
    assert!(!mark.exists(), "{screen}");
    let found = report(&server)["registrations"].clone();
    assert_eq!(found.as_array().unwrap().len(), 5, "{found}");
    // A broken settings file counts as no registration, and `check` goes on.
    for text in ["[1, 2", "[]", "{\"mcpServers\": 3}", "{\"mcpServers\": {\"maestro\": 3}}", ""] {
        let server = Server::new().home_file(".claude.json", text);
        assert!(checked(&server).0.contains("Maestro is not registered there"), "{text}");
    }
}

#[test]
fn slash_commands_are_compared_with_those_of_the_binary() {
    let server = Server::new();
    assert!(server.run(&["install"], "").status.success());
    let (screen, _) = checked(&server);
    assert!(about(&screen, "slash commands").contains("current, in ~/.claude/commands"), "{screen}");
    assert!(about(&screen, "Claude Code").contains("as this binary"), "{screen}");
    let server = server.home_file(".claude/commands/maestro-debug.md", "of last year");
    let line = about(&checked(&server).0, "slash commands");
    assert!(line.starts_with("! ") && line.contains("maestro-debug.md"), "{line}");
    assert!(line.contains("next: maestro-mcp install"), "{line}");
}

#[test]
fn what_waits_for_a_decision_is_told_with_the_command() {
    let mut client = project().start();
    let (screen, _) = checked(&client.server);
    assert!(
        screen.contains("nothing waits for your decision") && screen.contains("log: none yet"),
        "{screen}"
    );
    assert!(!client.project().join(".maestro").exists(), "`check` creates nothing");
    begin(&mut client);
    let reply = stage(&mut client, "analyze");
    assert_eq!(reply["ok"], true, "{reply}");
    let (screen, _) = checked(&client.server);
    let line = about(&screen, "waits for your decision");
    assert!(line.starts_with("! ") && line.contains("analyze of \u{201c}mend the mean\u{201d}"), "{screen}");
    assert!(line.contains("next: maestro-mcp approvals show "), "{line}");
    assert!(about(&screen, "log:").contains("every hash fits"), "{screen}");
}

#[test]
fn a_log_that_is_not_sound_is_told() {
    let mut client = Server::new().codex().start();
    client.call("maestro_consult", json!({ "prompt": "x" }));
    client.close();
    let log = client.project().join(".maestro/maestro.db");
    std::fs::write(&log, b"SQLite format 3\0 and then nothing of the kind").unwrap();
    for side in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(client.project().join(format!(".maestro/maestro.db{side}")));
    }
    let (screen, _) = checked(&client.server);
    let line = about(&screen, "log: ");
    assert!(line.starts_with("\u{2717} ") && line.contains("next: "), "{screen}");
}

#[test]
fn a_rule_file_that_cannot_be_used_is_named() {
    for file in ["verification.yaml", "sandbox.yaml", "redflags.yaml", "micro_steps.yaml", "intents.yaml"] {
        let (screen, _) = checked(&Server::new().codex().user_file(file, "nonsense: 1\n"));
        let screen = unfolded(&screen);
        let before = screen.split(file).next().unwrap();
        assert!(before.rfind('\u{2717}') > before.rfind('\u{2713}'), "{file}: {screen}");
        assert!(screen.contains("unknown key `nonsense`"), "{file}: {screen}");
    }
}

#[test]
fn a_bad_key_is_told_once_and_what_does_not_exist_is_told() {
    let server = Server::new()
        .codex()
        .user_file("maestro.yaml", "max_paralel: 3\n")
        .env("MAESTRO_DISABLED_TOOLS", "maestro_consult,maestro_consullt_with_role,frobnicate")
        .env("MAESTRO_REPO_ROOTS", "/no/such/place");
    let (screen, status) = checked(&server);
    assert_eq!((screen.matches("max_paralel").count(), status), (1, 2), "{screen}");
    assert!(
        about(&screen, "maestro_consullt_with_role").contains("did you mean maestro_consult_with_role?"),
        "{screen}"
    );
    assert!(about(&screen, "frobnicate").contains("there is no such tool"), "{screen}");
    assert!(!screen.contains("names maestro_consult,"), "{screen}");
    assert!(about(&screen, "/no/such/place").contains("MAESTRO_REPO_ROOTS"), "{screen}");
    let one = Server::new().codex().env("MAESTRO_CODEX_TIMEOUT", "soon");
    let (screen, _) = checked(&one);
    assert_eq!(screen.matches("MAESTRO_CODEX_TIMEOUT").count(), 1, "{screen}");
}

/// `check` runs no program from a directory of the project that is on the PATH (`node_modules/.bin` often is)
/// and no program that an untrusted project's settings name.
#[test]
fn nothing_of_the_project_is_run() {
    let server = Server::new();
    let mark = server.project().parent().unwrap().join("it-ran");
    let run = format!("touch {}\necho 9.9.9", mark.display());
    let codex = script(&server, "project/node_modules/.bin/codex", &run);
    script(&server, "project/node_modules/.bin/llm", &run);
    let path = server.project().join("node_modules/.bin");
    let server = server.env("PATH", &format!("{}:/usr/bin:/bin", path.display())).file(
        ".maestro/cli_clients.yaml",
        format!("providers:\n  gemini:\n    command: {codex}\n    enabled: true\n"),
    );
    let (screen, status) = checked(&server);
    assert!(!mark.exists() && status == 3, "{screen}");
    assert!(about(&screen, "codex").contains("is in this project, so it was not run"), "{screen}");
    // A program that the user names by its path is run.
    let server = server.env("MAESTRO_CODEX_CMD", &codex);
    let (screen, _) = checked(&server);
    assert!(mark.exists() && screen.contains("codex 9.9.9"), "{screen}");
}

#[test]
fn templates_that_are_installed_and_off_are_named_and_not_run() {
    let server = Server::new().codex();
    let mark = server.project().parent().unwrap().join("it-ran");
    let bin = server.project().parent().unwrap().join("bin");
    for name in ["llm", "ollama"] {
        script(&server, &format!("bin/{name}"), &format!("touch {}", mark.display()));
    }
    let server = server.env("PATH", &format!("{}:/usr/bin:/bin", bin.display()));
    let (screen, _) = checked(&server);
    let line = about(&screen, "installed, but switched off");
    assert!(line.contains("llm") && line.contains("ollama") && line.contains("_ENABLED=1"), "{line}");
    assert!(!mark.exists(), "{screen}");
}

#[test]
fn the_sandbox_that_holds_is_told() {
    let (screen, _) = checked(&Server::new());
    let line = about(&screen, "sandbox: ");
    assert!(line.contains("landlock (ABI ") || line.contains("none: "), "{line}");
    let (screen, _) = checked(&Server::new().env("MAESTRO_SANDBOX", "off"));
    assert!(about(&screen, "sandbox: switched off").starts_with("! "), "{screen}");
}

#[test]
fn every_client_that_names_it_is_told() {
    let own = binary().display().to_string();
    let json = |list: &str| format!("{{ \"{list}\": {{ \"maestro\": {{ \"command\": \"{own}\" }} }} }}");
    let toml = format!("[mcp_servers.maestro]\ncommand = \"{own}\"\n");
    let server = Server::new()
        .home_file(".claude.json", &json("mcpServers"))
        .home_file(".codex/config.toml", &toml)
        .home_file(".gemini/settings.json", &json("mcpServers"))
        .home_file(".config/Code/User/mcp.json", &json("servers"))
        .home_file(".cursor/mcp.json", &json("mcpServers"))
        .home_file(".config/zed/settings.json", &format!("// mine\n{}", json("context_servers")))
        .home_file(".config/opencode/opencode.jsonc", &json("mcp"))
        .file(".zed/settings.json", json("context_servers"));
    let (screen, _) = checked(&server);
    for client in ["Claude Code", "Codex", "Gemini", "VS Code", "Cursor", "Zed", "opencode"] {
        let line = about(&screen, &format!("{client}: registered"));
        assert!(line.starts_with('\u{2713}') && line.contains("as this binary"), "{line}");
    }
    assert!(screen.contains(".zed/settings.json"), "{screen}");
}
