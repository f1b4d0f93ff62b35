//! The sub-commands, as a person runs them.

use serde_json::{Value, json};

use crate::harness::{Server, binary, scripted};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_shows_an_example_of_every_sub_command() {
    let server = Server::new();
    let all = text(&server.run(&["--help"], "").stdout);
    let lists = all.split_once("\nSet up:\n").unwrap().1.split_once("\nOptions:\n").unwrap().0;
    let listed = lists.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
    let mut listed: Vec<&str> = listed.collect();
    listed.sort_unstable();
    let commands = "approvals backups check completions consult demo errors evidence install man mcp-config metrics page review runs serve threads trust uninstall watch why";
    assert_eq!(listed.join(" "), commands, "{all}");
    for command in listed {
        let help = text(&server.run(&[command, "--help"], "").stdout);
        assert!(
            help.contains("Example") && help.contains(&format!("maestro-mcp {command}")),
            "{command}: {help}"
        );
    }
}

#[test]
fn the_version_says_what_was_built() {
    let version = text(&Server::new().run(&["--version"], "").stdout);
    let rest = version.trim().strip_prefix(concat!("maestro-mcp ", env!("CARGO_PKG_VERSION"), " (")).unwrap();
    let parts: Vec<&str> = rest.strip_suffix(')').unwrap().split(", ").collect();
    let [commit, target, profile] = parts[..] else { panic!("{version}") };
    let is_commit = |word: &str| word.len() >= 12 && word.chars().all(|letter| letter.is_ascii_hexdigit());
    if cfg!(debug_assertions) {
        assert_eq!((commit, profile), ("working tree", "debug"));
    } else {
        let commit = commit.strip_suffix("+changes").unwrap_or(commit);
        assert!(is_commit(commit) || commit == "unknown", "{version}");
        assert_eq!(profile, "release");
    }
    assert!(target.starts_with(std::env::consts::ARCH) && target.contains(std::env::consts::OS), "{version}");
}

#[test]
fn errors_explains_one_code_or_all() {
    let server = Server::new();
    let document = std::fs::read_to_string("docs/errors.md").unwrap();
    assert_eq!(text(&server.run(&["errors", "--markdown"], "").stdout), document);
    let all = text(&server.run(&["errors"], "").stdout);
    assert!(!all.contains("###") && !all.contains("make docs"), "Markdown is not for a person: {all}");
    let codes = document.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    for code in codes {
        assert!(all.contains(code), "{code}");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&server.run(&["errors", "timeout", "--json"], "").stdout).unwrap();
    assert!(
        json[0]["model"].is_string() && json[0]["you"].is_string() && json[0]["meaning"].is_string(),
        "{json}"
    );
    let one = text(&server.run(&["errors", "login_missing"], "").stdout);
    assert!(
        one.starts_with("login_missing\n") && one.contains("log in") && !one.contains("rate_limited"),
        "{one}"
    );
    let none = server.run(&["errors", "login_misses"], "");
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("Available: login_missing,"), "{}", text(&none.stderr));
}

#[test]
fn shells_and_man_are_told_of_every_sub_command() {
    let server = Server::new();
    let outputs =
        [["completions", "bash"].as_slice(), &["completions", "zsh"], &["completions", "fish"], &["man"]];
    for arguments in outputs {
        let output = server.run(arguments, "");
        let shown = text(&output.stdout).replace("\\-", "-");
        assert!(output.status.success(), "{arguments:?}");
        for word in ["check", "mcp-config", "approvals", "evidence", "older-than"] {
            assert!(shown.contains(word), "{arguments:?}: {word}");
        }
    }
    let overview = text(&server.run(&["--help"], "").stdout);
    for heading in ["Set up:", "Ask:", "Decide:", "Look back:", "  completions", "  man", "Example:"] {
        assert!(overview.contains(heading), "{heading}: {overview}");
    }
    assert_eq!(server.run(&["completions", "cmd"], "").status.code(), Some(2));
}

#[test]
fn mcp_config_names_this_binary() {
    let output = Server::new().run(&["mcp-config"], "");
    let config: Value = serde_json::from_slice(&output.stdout).unwrap();
    let command = config["mcpServers"]["maestro"]["command"].as_str().unwrap();
    assert_eq!(std::path::Path::new(command), binary().canonicalize().unwrap());
}

#[test]
fn install_twice_is_install_once_and_uninstall_takes_it_back() {
    let settings = "{\n  \"numStartups\": 12345678901234567890,\n  \"tips\": {\"a\": 1.0}, \"mcpServers\": {\"other\": {\"command\": \"x\"}}\n}";
    let server = Server::new().home_file(".claude.json", settings);
    let home = server.project().parent().unwrap().join("home");
    assert!(server.run(&["install"], "").status.success());
    let once = std::fs::read_to_string(home.join(".claude.json")).unwrap();
    let parsed: Value = serde_json::from_str(&once).unwrap();
    assert_eq!(parsed["mcpServers"]["maestro"]["type"], "stdio");
    assert!(once.contains("12345678901234567890") && once.contains("{\"a\": 1.0}"));
    let commands: Vec<String> = names(&home.join(".claude/commands"));
    assert_eq!(
        commands,
        [
            "maestro-analyze.md", "maestro-compare.md", "maestro-consult.md", "maestro-debug.md",
            "maestro-review.md", "maestro-workflow.md"
        ]
    );
    let files = names(&home);
    assert!(server.run(&["install"], "").status.success());
    assert_eq!(std::fs::read_to_string(home.join(".claude.json")).unwrap(), once);
    assert_eq!(names(&home), files, "twice is the same as once");
    assert!(server.run(&["uninstall"], "").status.success());
    let after: Value =
        serde_json::from_str(&std::fs::read_to_string(home.join(".claude.json")).unwrap()).unwrap();
    assert_eq!(after, serde_json::from_str::<Value>(settings).unwrap());
    assert_eq!(names(&home), [".claude.json"], "nothing is left behind");
}

#[test]
fn install_for_a_project_writes_only_there() {
    let server = Server::new().file(".git/HEAD", "ref: refs/heads/main\n");
    assert!(server.run(&["install", "--project"], "").status.success());
    let config: Value =
        serde_json::from_str(&std::fs::read_to_string(server.project().join(".mcp.json")).unwrap()).unwrap();
    assert!(config["mcpServers"]["maestro"]["command"].is_string());
    assert!(server.project().join(".claude/commands/maestro-debug.md").exists());
    assert!(names(&server.project().parent().unwrap().join("home")).is_empty());
}

#[test]
fn a_shared_file_names_the_program_and_no_directory_of_this_machine() {
    for (client, file) in [
        ("claude", ".mcp.json"),
        ("codex", ".codex/config.toml"),
        ("gemini", ".gemini/settings.json"),
        ("vscode", ".vscode/mcp.json"),
        ("cursor", ".cursor/mcp.json"),
        ("zed", ".zed/settings.json"),
        ("opencode", "opencode.json"),
    ] {
        let server = Server::new().file(".git/HEAD", "ref: refs/heads/main\n");
        let bin = server.project().parent().unwrap().join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::os::unix::fs::symlink(binary().canonicalize().unwrap(), bin.join("maestro-mcp")).unwrap();
        let before = names(&server.project());
        let path = format!("{}:/usr/bin:/bin", bin.display());

        let by_path = server.run(&["install", "--project", "--client", client], "");
        assert!(text(&by_path.stderr).contains("not on your PATH"), "{}", text(&by_path.stderr));
        let server = server.env("PATH", &path);
        let by_name = server.run(&["install", "--project", "--client", client], "");
        assert!(by_name.status.success() && by_name.stderr.is_empty(), "{}", text(&by_name.stderr));
        let written = std::fs::read_to_string(server.project().join(file)).unwrap();
        assert!(written.contains("\"maestro-mcp\""), "{written}");
        assert!(!written.contains(bin.to_str().unwrap()) && !written.contains("target"), "{written}");

        // The user's own file gets the path of the link, which survives an update.
        let own = text(&server.run(&["mcp-config", "--client", client], "").stdout);
        assert!(own.contains(&format!("\"{}/maestro-mcp\"", bin.display())), "{own}");

        assert!(server.run(&["uninstall", "--project", "--client", client], "").status.success());
        assert_eq!(names(&server.project()), before, "{client} leaves nothing behind");
    }
}

#[test]
fn an_unknown_client_is_refused_with_those_that_there_are() {
    let refused = Server::new().run(&["install", "--client", "emacs"], "");
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    assert!(said.contains("claude, codex, gemini, vscode, cursor, zed, opencode"), "{said}");
    let refused = Server::new().run(&["consult", "--role", "poet", "why?"], "");
    assert!(text(&refused.stderr).contains("example_analyst"), "{}", text(&refused.stderr));
}

fn names(directory: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn consult_asks_one_question() {
    let server = Server::new().fake("claude", "claude").file("src/a.py", "x = 1\n");
    let output = server.run(
        &["consult", "--provider", "claude", "--file", "src/a.py", &scripted(json!({ "text": "because" }))],
        "",
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "because\n");
    assert_eq!(text(&output.stderr), "", "progress is for a terminal");
    let wrong = server.run(&["consult", "--file", "src/b.py", "why?"], "");
    let said = text(&wrong.stderr);
    assert!(said.contains("src/b.py") && said.contains("--help") && !said.contains("maestro_help"), "{said}");
    let piped = server.run(&["consult", "-"], &scripted(json!({ "text": "from stdin" })));
    assert_eq!(text(&piped.stdout), "from stdin\n");
    let whole =
        server.run(&["consult", "--json", "--role", "judge", "-"], &scripted(json!({ "text": "as data" })));
    let whole: Value = serde_json::from_slice(&whole.stdout).unwrap();
    assert_eq!(whole["content"], "as data");
}

#[test]
fn a_number_is_read_or_its_range_is_told() {
    let server = Server::new().fake("claude", "claude");
    let question = scripted(json!({ "text": "because" }));
    let asked = server.run(&["consult", "--provider", "claude", "--timeout", "30", &question], "");
    assert!(asked.status.success(), "{}", text(&asked.stderr));
    let reviewed = server.run(&["review", "--timeout", "30", "--staged"], "");
    assert_eq!(reviewed.status.code(), Some(3), "{}", text(&reviewed.stderr));
    for (line, range) in [
        ("consult --timeout soon why?", "'--timeout <TIMEOUT>': must be a whole number, 1 or more"),
        ("consult --timeout -5 why?", "'--timeout <TIMEOUT>': must be a whole number, 1 or more"),
        ("review --timeout 0", "'--timeout <TIMEOUT>': must be a whole number, 1 or more"),
        ("page --minutes 121", "'--minutes <N>': must be a whole number from 1 to 120"),
        ("metrics --days -1", "'--days <N>': must be a whole number from 1 to 366"),
        ("threads fork x --turn 0", "'--turn <N>': must be a whole number, 1 or more"),
        ("backups prune --keep-sessions few", "'--keep-sessions <COUNT>': must be a whole number, 0 or more"),
    ] {
        let refused = server.run(&line.split(' ').collect::<Vec<_>>(), "");
        assert_eq!(refused.status.code(), Some(2), "{line}");
        assert!(text(&refused.stderr).contains(range), "{line}: {}", text(&refused.stderr));
    }
}

#[test]
fn consult_fails_with_a_code_and_the_next_step() {
    let server = Server::new().fake("claude", "claude");
    let output = server.run(&["consult", "--provider", "codex", "why?"], "");
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output.stderr).contains("cli_not_found") && text(&output.stderr).contains("MAESTRO_CODEX_CMD")
    );
    assert!(output.stdout.is_empty());
    assert_eq!(server.run(&["consult", "--provider", "gpt", "why?"], "").status.code(), Some(2));
    let broken = server.run(&["consult", "--provider", "claude", &scripted(json!({ "status": 401 }))], "");
    assert_eq!(broken.status.code(), Some(4));
    assert_eq!(server.run(&["consult", "--stage", "dance", "why?"], "").status.code(), Some(2));
}

#[test]
fn check_tells_what_is_there() {
    let server = Server::new()
        .codex()
        .home_file(".gemini/settings.json", "{\"security\":{\"auth\":{\"selectedType\":\"oauth-personal\"}}}")
        .fake("gemini", "gemini");
    let output = server.run(&["check"], "");
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("\u{2713} codex 9.9.9 \u{b7} logged in"), "{said}");
    assert!(said.contains("\u{2717} claude: not installed"), "{said}");
    assert!(
        said.contains("agy") && said.contains("GEMINI_API_KEY"),
        "a Google login needs an alternative: {said}"
    );
    assert!(!said.contains("MAESTRO_CODEX_CMD"), "settings are shown only on request: {said}");
    assert!(text(&server.run(&["check", "--settings"], "").stdout).contains("(MAESTRO_CODEX_CMD)"));
}

#[test]
fn check_names_the_home_that_cannot_be_private() {
    let server = Server::new().codex().home_file(".codex/AGENTS.md", "my notes");
    let told = |server: &Server| {
        text(&server.run(&["check"], "").stdout).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(told(&server).contains("the AGENTS.md there reaches the model"), "{}", told(&server));
    let server =
        Server::new().codex().home_file(".codex/AGENTS.md", "my notes").home_file(".codex/auth.json", "{}");
    assert!(!told(&server).contains("reaches the model"));
}

#[test]
fn check_fails_where_the_configuration_does() {
    let server = Server::new().env("MAESTRO_MAX_PARALLEL", "lots");
    let output = server.run(&["check"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("MAESTRO_MAX_PARALLEL=lots"));
}

#[test]
fn the_demo_tells_its_story_in_one_screen_and_asks_nobody() {
    // Installed CLIs are not asked: that would cost money.
    let output = Server::new().codex().fake("claude", "claude").run(&["demo"], "");
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    assert!(said.lines().count() <= 60, "{} lines: {said}", said.lines().count());
    assert!(said.lines().all(|line| line.chars().count() <= 80 || line.contains("/demo")), "{said}");
    for part in [
        "No model is asked and nothing is spent",
        "KeyError: 'nut-m4'",
        "All that a consultant sees",
        "inventory/stock.py",
        "+        self._movements.append(Movement(normalise(sku), -quantity))",
        "1 of 1 checks passed",
        "On record",
        "maestro-mcp install",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Each decision names who made it.
    assert_eq!(said.matches("approved (by the demo; in your project, only you can)").count(), 4, "{said}");
    assert!(!said.contains("does not fit") && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn a_list_of_servers_that_was_there_empty_stays_and_no_other() {
    for (client, file, before, after) in [
        ("claude", ".claude.json", Some("{\n  \"theme\": \"dark\",\n  \"mcpServers\": {}\n}\n"), true),
        ("claude", ".claude.json", Some("{\n  \"theme\": \"dark\"\n}\n"), false),
        ("cursor", ".cursor/mcp.json", Some("{ \"mcpServers\": { } }"), true),
        ("cursor", ".cursor/mcp.json", None, false),
    ] {
        let server = Server::new();
        let path = server.project().parent().unwrap().join("home").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if let Some(before) = before {
            std::fs::write(&path, before).unwrap();
        }
        for command in ["install", "install", "uninstall"] {
            let output = server.run(&[command, "--client", client], "");
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
        let left = std::fs::read_to_string(&path).ok();
        let value: Option<Value> = left.as_ref().map(|left| serde_json::from_str(left).unwrap());
        let wanted = before.map(|before| serde_json::from_str::<Value>(before).unwrap());
        assert_eq!(value, wanted, "{client}: {left:?}");
        assert_eq!(left.is_some_and(|left| left.contains("mcpServers")), after, "{client}");
    }
}

#[test]
fn a_link_to_a_missing_file_is_left_as_it_was() {
    for (client, file) in [
        ("claude", ".claude.json"),
        ("codex", ".codex/config.toml"),
        ("gemini", ".gemini/settings.json"),
        ("vscode", ".config/Code/User/mcp.json"),
        ("cursor", ".cursor/mcp.json"),
        ("zed", ".config/zed/settings.json"),
        ("opencode", ".config/opencode/opencode.json"),
    ] {
        // The target's directory exists or not, and another process may write into it meanwhile.
        for (has_directory, gets_neighbour) in [(true, false), (false, false), (false, true)] {
            let server = Server::new();
            let home = server.project().parent().unwrap().join("home");
            let target = home.join("dotfiles/deep/settings");
            if has_directory {
                std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            }
            let link = home.join(file);
            std::fs::create_dir_all(link.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(&target, &link).unwrap();
            for command in ["install", "install", "uninstall"] {
                let output = server.run(&[command, "--client", client], "");
                assert!(output.status.success(), "{client}: {}", text(&output.stderr));
                if command == "install" {
                    assert!(std::fs::read_to_string(&target).unwrap().contains("maestro"), "{client}");
                    if gets_neighbour {
                        std::fs::write(target.with_file_name("neighbour"), "").unwrap();
                    }
                }
            }
            assert!(link.is_symlink() && !target.exists(), "{client}: the link stays without its target");
            assert_eq!(
                target.parent().unwrap().exists(),
                has_directory || gets_neighbour,
                "{client}: {has_directory} {gets_neighbour}"
            );
            assert_eq!(home.join("dotfiles").exists(), has_directory || gets_neighbour, "{client}");
            assert!(!home.join(".local/state/maestro/settings").exists());
        }
    }
}

#[test]
fn a_person_reads_plain_words_where_the_log_cannot_be_written() {
    let server = Server::new().env("MAESTRO_TRACE_DIR", "/proc/nowhere");
    let (_, said) = server.person_with(&["consult", "why?"], &[("NO_COLOR", "1")]).leaves();
    assert!(said.contains("maestro-mcp: a consult is not in the log: "), "{said}");
    assert!(!said.contains(" WARN ") && !said.contains("error="), "{said}");
    // If standard error is not a terminal, the line has its time and level.
    let output = server.run(&["consult", "why?"], "");
    assert!(text(&output.stderr).contains(" WARN a consult is not in the log"), "{}", text(&output.stderr));
}

#[test]
fn the_quick_start_of_the_readme_runs_in_an_empty_home() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    assert!(readme.len() <= 15_000, "{} bytes", readme.len());
    let (_, below) = readme.split_once("## Quick start").unwrap();
    let (section, _) = below.split_once("\n## ").unwrap();
    let commands: Vec<Vec<&str>> = section
        .lines()
        .filter_map(|line| line.strip_prefix("    maestro-mcp "))
        .map(|line| line.split('#').next().unwrap().split_whitespace().collect())
        .collect();
    assert_eq!(commands, [vec!["install"], vec!["check"]]);
    let server = Server::new().codex();
    for command in &commands {
        let output = server.run(command, "");
        assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    }
    let said = text(&server.run(&["check"], "").stdout);
    assert!(said.contains("Claude Code: registered") && said.contains("slash commands: current"), "{said}");
    let home = server.project().parent().unwrap().join("home");
    let settings: Value =
        serde_json::from_str(&std::fs::read_to_string(home.join(".claude.json")).unwrap()).unwrap();
    let command = settings["mcpServers"]["maestro"]["command"].as_str().unwrap();
    assert!(std::path::Path::new(command).is_file(), "{command}");
}

#[test]
fn an_error_is_a_document_where_json_is_asked_for() {
    let server = Server::new();
    for (words, code) in [
        ("errors nope --json", "unknown_name"),
        ("why nope --json", "unknown_name"),
        ("runs show nope --json", "unknown_workflow"),
        ("threads show nope --json", "unknown_thread"),
        ("approvals show nope --json", "unknown_request"),
        ("consult --json --provider nope hi", "unknown_provider"),
    ] {
        let output = server.run(&words.split(' ').collect::<Vec<_>>(), "");
        let document: Value = serde_json::from_slice(&output.stdout).expect(words);
        assert_eq!(
            (&document["ok"], &document["code"]),
            (&json!(false), &json!(code)),
            "{words}: {document}"
        );
        assert!(document["error"].is_string() && document["hint"].is_string(), "{document}");
        assert!(
            !output.status.success() && String::from_utf8_lossy(&output.stderr).contains(code),
            "{words}"
        );
    }
}

#[test]
fn json_is_one_document_on_standard_output() {
    let server = Server::new().codex();
    let id = {
        let asked = server.run(&["consult", "--json", &scripted(json!({ "text": "yes" }))], "");
        let asked: Value = serde_json::from_slice(&asked.stdout).unwrap();
        assert_eq!(asked["content"], "yes", "{asked}");
        asked["thread"].as_str().unwrap().to_owned()
    };
    let commands = [
        "check --json",
        "check --settings --json",
        "mcp-config --json",
        "mcp-config --client codex --json",
        "install --json",
        "install --json",
        "uninstall --json",
        "uninstall --client codex --json",
        "approvals --json",
        "approvals --all --json",
        "runs --json",
        "threads --json",
        "threads show ID --json",
        "threads search yes --json",
        "threads fork ID --json",
        "metrics --json",
        "metrics --all --json",
        "backups --json",
        "backups prune --json",
        "errors --json",
        "errors timeout --json",
        "evidence verify --json",
        "evidence export --json",
        "trust --show --json",
    ];
    for command in commands {
        let command = command.replace("ID", &id);
        let output = server.run(&command.split(' ').collect::<Vec<_>>(), "");
        let document = serde_json::from_slice::<Value>(&output.stdout);
        assert!(
            document.as_ref().is_ok_and(|it| it.is_object() || it.is_array()),
            "{command}: {document:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
    let events: Value =
        serde_json::from_slice(&server.run(&["evidence", "export", "--json"], "").stdout).unwrap();
    let lines = text(&server.run(&["evidence", "export"], "").stdout);
    assert_eq!(events.as_array().unwrap().len(), lines.lines().count());
    assert!(
        lines.lines().count() > 1 && lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok())
    );
}

#[test]
fn the_demo_leaves_a_page_that_answers_where_a_person_watches() {
    let server = Server::new();
    let (code, said) = server.person_with(&["demo"], &[("NO_COLOR", "1")]).leaves();
    assert_eq!(code, 0, "{said}");
    assert!(said.lines().count() <= 60, "{} lines: {said}", said.lines().count());
    let address =
        said.lines().find_map(|line| line.trim().strip_prefix("http://")).unwrap_or_else(|| panic!("{said}"));
    let process: u32 = said
        .split("to end it now: kill ")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let (host, path) = address.split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 303"), "{answer}");
    let ended = std::process::Command::new("kill").arg(process.to_string()).status().unwrap();
    assert!(ended.success());
    crate::harness::eventually("the page ends", std::time::Duration::from_secs(10), || {
        std::net::TcpStream::connect(host).is_err()
    });
    // In a pipe and in CI the demo starts no page, and names the command for it instead.
    let in_ci = server.person_with(&["demo"], &[("CI", "true")]).leaves().1;
    let in_pipe = text(&server.run(&["demo"], "").stdout);
    for said in [in_ci, in_pipe] {
        assert!(said.contains("maestro-mcp page --open") && !said.contains("http://"), "{said}");
    }
}

#[test]
fn the_demo_can_be_run_again_and_leaves_its_project() {
    let server = Server::new();
    let demo = server.project().parent().unwrap().join("home/.cache/maestro/demo");
    let mark = demo.join("of-the-first-run.txt");
    for _ in 0..2 {
        let output = server.run(&["demo"], "");
        let said = text(&output.stdout);
        assert!(output.status.success(), "{said}{}", text(&output.stderr));
        assert!(said.contains("1 of 1 checks passed") && said.contains("The project stays in"), "{said}");
        assert!(said.contains("home/.cache/maestro/demo"), "{said}");
        let mended = std::fs::read_to_string(demo.join("inventory/stock.py")).unwrap();
        assert!(mended.contains("Movement(normalise(sku), -quantity)"), "{mended}");
        assert!(demo.join(".maestro/maestro.db").is_file());
        // Each run begins with a project of its own.
        assert!(!mark.exists());
        std::fs::write(&mark, "").unwrap();
    }
}

#[test]
fn a_live_demo_says_what_it_spends_and_wants_a_yes() {
    let server = Server::new().codex().fake("claude", "claude");
    let output = server.run(&["demo", "--live"], "");
    let said = text(&output.stdout);
    assert!(said.contains("This asks codex, claude up to 6 times, on your own accounts"), "{said}");
    assert!(!output.status.success() && text(&output.stderr).contains("--yes"), "{}", text(&output.stderr));
    assert!(!said.contains("A failing test"), "{said}");
}

#[test]
fn a_live_demo_without_a_cli_says_so() {
    let output = Server::new().run(&["demo", "--live", "--yes"], "");
    assert!(text(&output.stderr).contains("no_provider"), "{}", text(&output.stderr));
}

#[test]
fn the_demo_is_in_colour_for_a_terminal_only() {
    let (code, coloured) = Server::new().person_with(&["demo", "--no-page"], &[("TERM", "xterm")]).leaves();
    assert_eq!(code, 0, "{coloured}");
    for part in ["\u{1b}[32m   approved", "\u{1b}[31m   -  ", "\u{1b}[1;36m3. Analyze", "\u{1b}[32m   1 of 1"]
    {
        assert!(coloured.contains(part), "{part:?}: {coloured}");
    }
    let (_, plain) =
        Server::new().person_with(&["demo", "--no-page"], &[("TERM", "xterm"), ("NO_COLOR", "1")]).leaves();
    assert!(!plain.contains("\u{1b}[3") && !plain.contains("\u{1b}[1"), "{plain}");
}

#[test]
fn the_demo_knows_no_answer_beforehand() {
    let server = Server::new();
    let server = server
        .file("prog/shop.py", "def price(cart, name):\n    return cart[name]\n")
        .file("prog/test_shop.py", "import unittest\nfrom shop import price\n\nclass Shop(unittest.TestCase):\n    def test_unknown_plum(self):\n        self.assertEqual(price({'apple': 1}, 'plum'), 0)\n");
    let directory = server.project().join("prog").display().to_string();
    let output = server.run(&["demo", "--dir", &directory, "--command", "python3 -m unittest test_shop"], "");
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    let answer = said.split("The answers").nth(1).unwrap();
    assert!(
        answer.contains("KeyError") && answer.contains("shop.py") && answer.contains("test_unknown_plum"),
        "{answer}"
    );
}
