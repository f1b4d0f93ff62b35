//! Each client's own files and formats.

use clap::ValueEnum as _;

use super::*;

/// A settings file of a client: before, and the lines that an install adds.
fn there_and_back(client: Client, before: &str) -> String {
    let home = Home::of(client);
    fs::create_dir_all(home.targets.settings.parent().unwrap()).unwrap();
    fs::write(&home.targets.settings, before).unwrap();
    home.install().unwrap();
    let installed = home.settings();
    home.install().unwrap();
    assert_eq!(home.settings(), installed, "twice is once: {before:?}");
    home.uninstall().unwrap();
    assert_eq!(home.settings(), before);
    installed
}

fn parsed(text: &str) -> serde_json::Value {
    jsonc_parser::parse_to_serde_value(text, &jsonc_parser::ParseOptions::default()).unwrap()
}

#[test]
fn each_client_reads_the_file_that_its_documentation_names() {
    let home = Path::new("/srv/u");
    let places = [
        (Client::Claude, ".claude.json", ".mcp.json"),
        (Client::Codex, ".codex/config.toml", ".codex/config.toml"),
        (Client::Gemini, ".gemini/settings.json", ".gemini/settings.json"),
        #[cfg(target_os = "linux")]
        (Client::Vscode, ".config/Code/User/mcp.json", ".vscode/mcp.json"),
        (Client::Cursor, ".cursor/mcp.json", ".cursor/mcp.json"),
        (Client::Zed, ".config/zed/settings.json", ".zed/settings.json"),
        (Client::Opencode, ".config/opencode/opencode.json", "opencode.json"),
    ];
    for (client, of_user, of_project) in places {
        assert_eq!(user(client, home, &[]).settings, home.join(of_user));
        assert_eq!(project(client, home).settings, home.join(of_project));
        assert!(Targets::new(client, Scope::User, &Environment::default()).is_none());
    }
    for (client, variable, file) in [
        (Client::Codex, "CODEX_HOME", "/elsewhere/config.toml"),
        (Client::Gemini, "GEMINI_CLI_HOME", "/elsewhere/.gemini/settings.json"),
        (Client::Opencode, "XDG_CONFIG_HOME", "/elsewhere/opencode/opencode.json"),
    ] {
        assert_eq!(user(client, home, &[(variable, "/elsewhere")]).settings, Path::new(file));
    }
}

#[test]
fn a_file_without_a_setting_gets_its_text_back() {
    for client in Client::value_variants() {
        for before in ["", "\n", " \r\n"] {
            there_and_back(*client, before);
        }
        if *client != Client::Codex {
            there_and_back(*client, "{}");
            there_and_back(*client, "{\r\n}\r\n");
        }
    }
}

#[test]
fn a_file_that_was_not_there_is_made_and_goes_with_its_directories() {
    for client in Client::value_variants() {
        let home = Home::of(*client);
        home.install().unwrap();
        let made = home.settings();
        let mut out = Vec::new();
        mcp_config(&home.targets, BINARY, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), made, "the snippet is what is written");
        assert!(made.contains(BINARY));
        assert_eq!(mode(&home.targets.settings), 0o600);
        home.uninstall().unwrap();
        assert_eq!(fs::read_dir(home.directory.path()).unwrap().count(), 0, "{client:?}");
    }
}

#[test]
fn the_entries_are_as_the_clients_want_them() {
    let home = Home::of(Client::Codex);
    home.install().unwrap();
    assert_eq!(
        home.settings(),
        format!("[mcp_servers.maestro]\ncommand = \"{BINARY}\"\ntool_timeout_sec = 1800\n")
    );
    let json = |client| -> serde_json::Value {
        let home = Home::of(client);
        home.install().unwrap();
        serde_json::from_str(&home.settings()).unwrap()
    };
    let wanted = [
        (
            Client::Gemini,
            serde_json::json!({"mcpServers": {"maestro": {"command": BINARY, "args": [], "timeout": 1_800_000}}}),
        ),
        (
            Client::Vscode,
            serde_json::json!({"servers": {"maestro": {"type": "stdio", "command": BINARY, "args": []}}}),
        ),
        (
            Client::Cursor,
            serde_json::json!({"mcpServers": {"maestro": {"type": "stdio", "command": BINARY, "args": []}}}),
        ),
        (
            Client::Zed,
            serde_json::json!({"context_servers": {"maestro":
                {"command": BINARY, "args": [], "env": {}, "timeout": 600}}}),
        ),
        (
            Client::Opencode,
            serde_json::json!({"mcp": {"maestro":
                {"type": "local", "command": [BINARY], "enabled": true, "timeout": 1_800_000}}}),
        ),
    ];
    for (client, wanted) in wanted {
        assert_eq!(json(client), wanted);
    }
}

#[test]
fn comments_trailing_commas_and_line_ends_stay() {
    let files = [
        "// mine\n{\n  // servers\n  \"servers\": {\n    \"x\": {}, // x\n  },\n}\n",
        "{\r\n\t\"a\": 1, /* one */\r\n\t\"b\": [1, 2,], // \"c\": {}\r\n}\r\n",
        "\u{feff}{\n    \"a\": 1 // no comma\n}\n",
        "{\"a\":1/* é */,\"servers\":{\"x\":{}/* , */}}",
        "{\n  \"a\": 1\n  // the end\n}",
        "{ \"a\": 1 // on one line\n}",
        "{\n  // nothing but this\n}\n",
        "{ /* nothing */ }",
        "{\n  \"servers\": {\n    \"x\": {}\n    // \"y\": {}\n  }, // servers\n  \"z\": 0\n}\n",
    ];
    for before in files {
        for client in [Client::Vscode, Client::Zed, Client::Opencode, Client::Cursor, Client::Gemini] {
            let installed = there_and_back(client, before);
            let body = installed.trim_start_matches('\u{feff}');
            let value = parsed(body);
            assert!(value.to_string().contains(BINARY), "{installed}");
            assert_eq!(installed.contains('\r'), before.contains('\r'));
            if before.contains('\r') {
                assert_eq!(installed.matches('\n').count(), installed.matches("\r\n").count());
            }
        }
    }
}

#[test]
fn a_comment_does_not_swallow_what_follows_the_entry() {
    let home = Home::of(Client::Vscode);
    let text = "{\"servers\": { // ours\n \"maestro\": {}, \"x\": 1, // x\n \"y\": 2}}";
    fs::create_dir_all(home.targets.settings.parent().unwrap()).unwrap();
    fs::write(&home.targets.settings, text).unwrap();
    home.uninstall().unwrap();
    let value = parsed(&home.settings());
    assert_eq!(value, serde_json::json!({"servers": {"x": 1, "y": 2}}), "{}", home.settings());
}

#[test]
fn toml_keeps_its_comments_line_ends_and_last_line() {
    for before in [
        "model = \"m\" # mine\n\n[mcp_servers.x]\ncommand = 'q'\n# the end\n",
        "a = 1\r\n# c\r\n[x] # hi\r\ny = 2\r\n\r\n[mcp_servers.x]\r\ncommand='q'\r\n\r\n[z]\r\n  a = [ 1,\r\n 2 ]\r\n",
        "a=1",
        "a = \"é\"\r\nb = 2",
        "\u{feff}a = 1\n",
        "# nothing but this",
        "mcp_servers = { x = { command = 'c' } }\n",
        "mcp_servers.x.command = 'c'\n[z]\na = 1\n",
        "[mcp_servers]\n\n[z]\na = 1\n",
        "[mcp_servers.x]\ncommand = 'c'\n\n\n[[z]]\na = 1\n# the end",
        "[mcp_servers.x.env]\nA = '1'\n",
    ] {
        let installed = there_and_back(Client::Codex, before);
        let value: toml_edit::DocumentMut = installed.trim_start_matches('\u{feff}').parse().unwrap();
        let entry = &value["mcp_servers"]["maestro"];
        assert_eq!(entry["command"].as_str(), Some(BINARY), "{installed}");
        assert_eq!(entry["tool_timeout_sec"].as_integer(), Some(1800));
        if before.contains('\r') {
            assert_eq!(installed.matches('\n').count(), installed.matches("\r\n").count());
        }
    }
}

#[test]
fn in_toml_the_users_own_keys_stay_and_the_command_is_updated() {
    let home = Home::of(Client::Codex);
    fs::create_dir_all(home.targets.settings.parent().unwrap()).unwrap();
    let before = "[mcp_servers.maestro]\ncommand = '/old' # old\ntool_timeout_sec = 60\nargs = ['-v']\n\n\
                  [mcp_servers.maestro.env]\nK = 'v'\n";
    fs::write(&home.targets.settings, before).unwrap();
    home.install().unwrap();
    let expected = before.replace("'/old'", &format!("\"{BINARY}\"")).replace("args = ['-v']\n", "");
    assert_eq!(home.settings(), expected);
    for broken in ["a = ", "mcp_servers = 1\n", "[mcp_servers\n"] {
        fs::write(&home.targets.settings, broken).unwrap();
        let error = home.install().unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
        assert_eq!(home.settings(), broken);
    }
}

#[test]
fn the_second_version_of_opencode_keeps_servers_one_level_deeper() {
    let before = "{\n  \"mcp\": {\n    \"servers\": {\n      \"x\": {}\n    },\n  },\n}\n";
    let installed = there_and_back(Client::Opencode, before);
    assert!(installed.contains("      \"maestro\": {\n        \"type\": \"local\""), "{installed}");
    assert!(!installed.contains("enabled"));
    // A server of that name is not a list.
    let before = "{\"mcp\": {\"servers\": {\"type\": \"local\", \"command\": [\"x\"]}}}";
    let installed = there_and_back(Client::Opencode, before);
    assert!(installed.contains("\"command\": [\"x\"]}, \"maestro\": {"), "{installed}");
}
