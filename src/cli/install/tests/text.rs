//! The effect on the text of a settings file.

use super::*;

/// The settings after an install, and after an uninstall that followed it.
fn there_and_back(before: &str) -> (String, String) {
    let home = Home::with(before);
    home.install().unwrap();
    let installed = home.settings();
    home.uninstall().unwrap();
    let left = home.targets.settings.exists();
    let back = if left { home.settings() } else { installed.clone() };
    (installed, back)
}

/// The entry as it stands in a file that breaks lines.
fn entry_lines(newline: &str, indent: &str, unit: &str) -> String {
    let inner = format!("{newline}{indent}{unit}");
    format!(
        "\"maestro\": {{{inner}\"type\": \"stdio\",{inner}\"command\": \"{BINARY}\",\
         {inner}\"args\": [],{inner}\"env\": {{}}{newline}{indent}}}"
    )
}

#[test]
fn the_entry_follows_the_layout_of_other_servers_and_goes_without_a_trace() {
    let lines = [
        ("{\n  \"n\": 1e400,\n\n  \"mcpServers\": {\n    \"x\": {}@\n  }\n}\n", "\n", "    ", "  "),
        ("{\r\n\t\"mcpServers\": {\r\n\t\t\"x\": 1.0@\r\n\t}\r\n}", "\r\n", "\t\t", "\t"),
        ("\u{feff}{\n \"mcpServers\": {\n\n  \"x\": {}@\n\n },\n \"a\": 1, \"a\": 2\n}", "\n", "  ", " "),
        ("{\n    \"mcpServers\"  :  {\n        \"x\":{}@},\"z\":0}\n\n\n", "\n", "        ", "    "),
    ];
    for (pattern, newline, indent, unit) in lines {
        let before = pattern.replace('@', "");
        let entry = entry_lines(newline, indent, unit);
        let after = pattern.replace('@', &format!(",{newline}{indent}{entry}"));
        assert_eq!(there_and_back(&before), (after, before));
    }
}

#[test]
fn a_file_on_one_line_stays_on_one_line() {
    let big = r#"{"n":12345678901234567890,"mcpServers":{"x":{}@},"u":"\u00e9\ud800\/"}"#;
    let before = big.replace('@', "");
    let after = big.replace('@', &format!(",\"maestro\":{ENTRY}"));
    assert_eq!(there_and_back(&before), (after, before));

    let (installed, _) = there_and_back(r#"{"a": 1}"#);
    assert_eq!(
        installed,
        format!(
            r#"{{"a": 1, "mcpServers": {{"maestro": {}}}}}"#,
            ENTRY.replace(':', ": ").replace(',', ", ")
        )
    );
    let (installed, back) = there_and_back(r#"{"mcpServers":{}}"#);
    assert_eq!(installed, format!(r#"{{"mcpServers":{{"maestro":{ENTRY}}}}}"#));
    assert_eq!(back, r#"{"mcpServers":{}}"#, "the list was there before");
}

#[test]
fn an_empty_or_missing_object_of_servers_is_filled() {
    let entry = entry_lines("\n", "    ", "  ");
    let filled = format!("{{\n  \"a\": 1,\n  \"mcpServers\": {{\n    {entry}\n  }}\n}}\n");
    let (without, empty) = ("{\n  \"a\": 1\n}\n", "{\n  \"a\": 1,\n  \"mcpServers\": {}\n}\n");
    let broken = "{\n  \"a\": 1,\n  \"mcpServers\": {\n  }\n}\n";
    // A list that was there empty stays; one of ours goes.
    for (before, after) in [(without, without), (empty, empty), (broken, empty)] {
        let (installed, back) = there_and_back(before);
        assert_eq!(installed, filled);
        assert_eq!(back, after);
    }
}

#[test]
fn a_file_without_json_counts_as_an_empty_object() {
    let created = {
        let home = Home::new();
        home.install().unwrap();
        home.settings()
    };
    for before in ["", "\n", " \r\n", "{}\n"] {
        assert_eq!(there_and_back(before).0, created, "{before:?}");
    }
    let (with_bom, _) = there_and_back("\u{feff}");
    assert_eq!(with_bom, format!("\u{feff}{created}"));
}

#[test]
fn another_command_is_updated_and_the_users_keys_stay() {
    let pattern = "{\"mcpServers\": {\n \"maestro\" : {\"command\" :  @C, \"alwaysLoad\":true,\n\
                   \"args\": @A, \"env\": {\"K\": \"v\"}, \"timeout\": 6e4, \"type\": @T} }}";
    let with = |command: &str, args: &str, kind: &str| {
        let text = pattern.replace("@C", command).replace("@A", args);
        text.replace("@T", kind)
    };
    let home = Home::with(with("\"/old\"", "[ \"-v\" ]", "\"http\""));
    home.install().unwrap();
    let command = format!("\"{BINARY}\"");
    assert_eq!(home.settings(), with(&command, "[]", "\"stdio\""));

    // The same in another spelling is the same.
    let spelt = with(&command.replace('o', "\\u006f"), "[ ]", "\"std\\u0069o\"");
    let home = Home::with(&spelt);
    home.install().unwrap();
    assert_eq!(home.settings(), spelt);
    assert!(!home.names().iter().any(|name| name.contains("backup")));
}

#[test]
fn an_entry_that_starts_nothing_is_completed() {
    for (before, after) in [
        (r#"{"mcpServers":{"maestro":{}}}"#, format!("{{\"command\":\"{BINARY}\"}}")),
        (r#"{"mcpServers":{"maestro":{"env":{}}}}"#, format!("{{\"env\":{{}},\"command\":\"{BINARY}\"}}")),
        (r#"{"mcpServers":{"maestro":null}}"#, ENTRY.to_owned()),
    ] {
        let (installed, _) = there_and_back(before);
        assert_eq!(installed, format!(r#"{{"mcpServers":{{"maestro":{after}}}}}"#));
    }
}

#[test]
fn of_duplicate_keys_the_last_is_the_one_that_counts() {
    let pattern = r#"{"mcpServers":{"maestro":{"command":"a"}},"mcp\u0053ervers":{"maestro":1@}}"#;
    let home = Home::with(pattern.replace('@', ""));
    home.install().unwrap();
    assert!(home.settings().starts_with(r#"{"mcpServers":{"maestro":{"command":"a"}},"#));
    assert!(home.settings().ends_with(&format!("{{\"maestro\":{ENTRY}}}}}")));

    let home = Home::with(pattern.replace('@', r#","x":1,"m\u0061estro":{}"#));
    home.uninstall().unwrap();
    assert_eq!(home.settings(), r#"{"mcpServers":{"maestro":{"command":"a"}},"mcp\u0053ervers":{"x":1}}"#);
}

#[test]
fn the_entry_is_removed_from_any_place() {
    for (before, after) in [
        ("{ \"maestro\": {}, \"x\": 1 }", "{ \"x\": 1 }"),
        ("{\n \"x\": 1,\n \"maestro\": {} ,\n \"y\": 2\n}", "{\n \"x\": 1,\n \"y\": 2\n}"),
        ("{\n \"x\": 1\n , \"maestro\": 0\n}", "{\n \"x\": 1\n}"),
    ] {
        let home = Home::with(format!("{{\"mcpServers\": {before}}}"));
        home.uninstall().unwrap();
        assert_eq!(home.settings(), format!("{{\"mcpServers\": {after}}}"));
    }
}

#[test]
fn what_is_nested_too_deep_is_refused_and_left_alone() {
    let deep = format!("{{\"d\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let home = Home::with(&deep);
    let error = home.install().unwrap_err().to_string();
    assert!(error.contains("nesting depth"), "{error}");
    assert_eq!(home.settings(), deep);
}

#[test]
fn what_is_not_json_is_refused_with_its_line_and_left_alone() {
    let cases: [(&[u8], &str); 13] = [
        (b"{\n  \"a\": 1,\n}", "line 2, column 9: Trailing commas are not allowed"),
        (b"{\n  // note\n  \"a\": 1\n}", "line 2, column 3"),
        (b"{\"a\": 1} x", "line 1, column 10"),
        (b"{\"a\": 01}", "line 1, column 8"),
        (b"{\"a\": \"\\x41\"}", "line 1, column 8: Invalid escape"),
        (b"{'a': 1}", "line 1"),
        (b"{\"a\": NaN}", "line 1"),
        (b"{\"a\": 1", "Unterminated object"),
        (b"{\n\"a\": \"\xff\"}", "line 2, column 7: the text is not UTF-8"),
        (b"\n[1]", "line 2: the top level is not"),
        (b"null", "line 1: the top level is not"),
        (b"{\n\"mcpServers\": []}", "line 2: `mcpServers` is not"),
        (b"{\"mcpServers\":\n\nnull}", "line 3: `mcpServers` is not"),
    ];
    for (before, message) in cases {
        let home = Home::with(before);
        for refused in [home.install(), home.uninstall()] {
            let error = refused.unwrap_err();
            let text = error.to_string();
            assert!(text.contains(message), "{text}");
            assert!(text.starts_with(home.targets.settings.to_str().unwrap()));
            assert!(error.hint().starts_with("the file was left as it is"));
        }
        assert_eq!(fs::read(&home.targets.settings).unwrap(), before);
        assert_eq!(home.names(), [".claude.json"]);
    }
}
