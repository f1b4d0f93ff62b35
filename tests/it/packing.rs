//! Packed contexts: the files, the lines, and the limits.

use serde_json::{Value, json};

use crate::harness::{PATIENCE, Server, memory_kb};

fn numbered(count: usize) -> String {
    (1..=count).map(|line| format!("line {line}\n")).collect()
}

fn omitted_reason(result: &Value, path: &str) -> String {
    result["omitted"]
        .as_array()
        .unwrap()
        .iter()
        .find(|omission| omission["path"] == path)
        .unwrap_or_else(|| panic!("{path} is not in {}", result["omitted"]))["reason"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn what_lies_outside_is_refused_by_name() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.txt"), "outside").unwrap();
    let server = Server::new().file("inside.txt", "inside").file("src/x.txt", "x");
    std::os::unix::fs::symlink(outside.path().join("secret.txt"), server.project().join("link.txt")).unwrap();
    std::os::unix::fs::symlink(outside.path(), server.project().join("linked")).unwrap();
    std::os::unix::fs::symlink("inside.txt", server.project().join("good-link.txt")).unwrap();
    let absolute = server.project().join("src/x.txt").display().to_string();
    let mut client = server.start();
    let given = [
        "/etc/passwd", "/etc/./passwd", "/etc//passwd", "../../etc/passwd", "src/../../x", "link.txt",
        "linked/secret.txt", "inside.txt", "good-link.txt", &absolute,
    ];
    let result = client.call("maestro_pack_context", json!({ "files": given, "stage": "analyze" }));
    let text = result["packed_context"].as_str().unwrap();
    assert!(!text.contains("outside") && !text.contains("root:"));
    for path in &given[..7] {
        assert!(omitted_reason(&result, path).contains("outside"), "{path}");
    }
    let packed: Vec<&str> =
        result["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(packed, ["inside.txt", "src/x.txt"]);
    assert_eq!(result["stats"]["truncated"], true);
}

#[test]
fn further_roots_are_open() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("shared.py"), "shared = 1").unwrap();
    let path = outside.path().join("shared.py").canonicalize().unwrap().display().to_string();
    let mut client =
        Server::new().env("MAESTRO_REPO_ROOTS", &format!("/no/such:{}", outside.path().display())).start();
    for name in [path.as_str(), "shared.py", "*.py"] {
        let result = client.call("maestro_pack_context", json!({ "files": [name] }));
        assert!(result["packed_context"].as_str().unwrap().contains("shared = 1"), "{name}: {result}");
    }
}

#[test]
fn secrets_are_refused_by_name_and_ordinary_files_are_not() {
    let secrets = [
        ".env", ".env.local", "deploy/server.pem", "id_rsa", ".ssh/config", ".aws/credentials",
        ".git/config", ".npmrc", "ca.crt", "node_modules/x/index.js", ".venv/x.py", "venv/x.py",
        "__pycache__/a.py", "a.pyc", "prod.env", "aws_credentials.csv", "team-secrets.txt",
    ];
    let ordinary =
        ["secret_santa.py", "passwd_reset.py", "environment.py", ".env.example", "tokenizer.json", "key.py"];
    let mut server = Server::new();
    for name in secrets.iter().chain(&ordinary) {
        server = server.file(name, "content");
    }
    let mut client = server.start();
    let result = client.call("maestro_pack_context", json!({ "files": secrets }));
    for name in secrets {
        let is_installed =
            ["node_modules", "venv", "__pycache__", ".pyc"].iter().any(|part| name.contains(part));
        let told = if is_installed { "refused as no source" } else { "refused as a secret" };
        assert!(omitted_reason(&result, name).contains(told), "{name}");
    }
    assert_eq!(result["files"], json!([]));
    let result = client.call("maestro_pack_context", json!({ "files": ordinary }));
    assert_eq!(result["files"].as_array().unwrap().len(), ordinary.len(), "{}", result["omitted"]);
    let by_pattern = client.call("maestro_pack_context", json!({ "files": ["**/*"], "stage": "analyze" }));
    let text = by_pattern["packed_context"].as_str().unwrap();
    assert!(!text.contains("### deploy/server.pem") && text.contains("### secret_santa.py"));
}

#[test]
fn a_link_with_an_innocent_name_to_a_secret_is_refused() {
    let server = Server::new().file(".env", "TOKEN=1");
    std::os::unix::fs::symlink(".env", server.project().join("notes.txt")).unwrap();
    let result = server.start().call("maestro_pack_context", json!({ "files": ["notes.txt"] }));
    assert!(omitted_reason(&result, "notes.txt").contains("refused as a secret"));
}

#[test]
fn what_is_no_text_file_is_refused_at_once() {
    let server = Server::new().file("image.bin", [0_u8, 1, 2, 3]).file("src/a.py", "x");
    let pipe = server.project().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut client = server.start();
    let id = client.begin_call(
        "maestro_pack_context",
        json!({ "files": ["pipe", "image.bin", "src", "*.zig", "src/[.py"] }),
    );
    let started = std::time::Instant::now();
    let result = client.result(id);
    assert!(started.elapsed() < PATIENCE / 10);
    for (path, reason) in [
        ("pipe", "not a regular file"),
        ("image.bin", "binary"),
        ("src", "a directory"),
        ("*.zig", "no file matches"),
        ("src/[.py", "not a pattern"),
    ] {
        assert!(omitted_reason(&result, path).contains(reason), "{path}: {result}");
    }
}

/// No file can have such a name, so nothing is sent for it.
#[test]
fn a_name_that_no_file_can_have_is_no_file() {
    let server = Server::new().codex().file("a.py", "x = 1\n");
    std::os::unix::fs::symlink("loop.py", server.project().join("loop.py")).unwrap();
    let mut client = server.start();
    for name in
        [String::new(), "n".repeat(300), "n".repeat(4_000), "a.py\u{0}".to_owned(), "loop.py".to_owned()]
    {
        let result = client.call("maestro_consult", json!({ "prompt": "why?", "context_files": [&name] }));
        let error = result["error"].as_str().unwrap_or_else(|| panic!("{name}: {result}"));
        let told = if name.is_empty() { "a file name must not be empty" } else { "there is no file `" };
        assert!(error.starts_with(told) && error.len() < 300, "{error}");
    }
    assert!(client.log("codex").is_empty());
}

/// Terminal colours hide neither a test's name nor a named file.
#[test]
fn colours_are_taken_off_errors() {
    let mut client = Server::new().file("cart.py", "x = 1\n".repeat(900)).start();
    let passed = "\u{1b}[32mtests/test_cart.py::test_passes PASSED\u{1b}[0m\n".repeat(300);
    let error = format!(
        "{passed}\u{1b}[31m\u{1b}[1m____ test_total ____\u{1b}[0m\n\u{1b}[31mE   assert \u{1b}[1m9\u{1b}[22m == 10\u{1b}[0m\n  File \"\u{1b}[35mcart.py\u{1b}[0m\", line \u{1b}[35m500\u{1b}[0m, in total\n{passed}"
    );
    let arguments = json!({ "errors": [error], "files": ["cart.py"], "max_chars": 2_000 });
    let packed = client.call("maestro_pack_context", arguments)["packed_context"].clone();
    let packed = packed.as_str().unwrap();
    assert!(!packed.contains('\u{1b}'), "{packed}");
    for kept in ["____ test_total ____", "assert 9 == 10", "File \"cart.py\", line 500", " 500 | x = 1"] {
        assert!(packed.contains(kept), "{kept}: {packed}");
    }
}

/// The lines that the output of a tool names come first, in whichever form the tool names them.
#[test]
fn the_line_that_a_tool_names_is_sent() {
    let outputs: Vec<Value> = serde_yaml::from_str(include_str!("../data/places.yaml")).unwrap();
    let text = |output: &Value, key: &str| output[key].as_str().unwrap().to_owned();
    let server = outputs
        .iter()
        .fold(Server::new(), |server, output| server.file(&text(output, "file"), numbered(2_000)));
    let mut client = server.start();
    for output in &outputs {
        let asked = json!({ "files": [output["file"]], "errors": [output["output"]] });
        let packed = text(&client.call("maestro_pack_context", asked), "packed_context");
        assert!(packed.contains("\n1660 | line 1660\n"), "{}: {packed}", output["tool"]);
        assert!(!packed.contains(" 900 | "), "{}: {packed}", output["tool"]);
    }
}

/// A directory, lines of a file, or a file name in another case is refused, and the error says what to name.
#[test]
fn what_is_nearly_a_file_is_told_before_anything_is_sent() {
    let mut client = Server::new()
        .codex()
        .file("src/a.py", "x = 1\n")
        .file("README.md", "x\n")
        // The name decomposed, as some file systems keep it.
        .file("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}.py", "x\n")
        .start();
    for (name, told) in [
        ("한글.py", "the nearest is `\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}.py`"),
        ("src", "`src` is a directory; name a file or a pattern such as src/**/*.py"),
        ("src/", "`src/` is a directory; name a file or a pattern such as src/**/*.py"),
        (".", "`.` is a directory"),
        ("src/a.py:10-20", "name the whole file `src/a.py`"),
        ("src/a.py:7", "name the whole file `src/a.py`"),
        ("src/a.py:7:3", "name the whole file `src/a.py`"),
        ("src/a.py#L7-L9", "name the whole file `src/a.py`"),
        ("SRC/A.PY", "the nearest is `src/a.py`"),
        ("readme.md", "the nearest is `README.md`"),
        ("src\\a.py", "the nearest is `src/a.py`"),
        ("src/b.py:7", "there is no file `src/b.py:7`"),
    ] {
        for tool in ["maestro_consult", "maestro_ensemble_generate", "maestro_run_stage"] {
            let asked = json!({ "task": "why?", "stage": "analyze", "context_files": ["README.md", name] });
            let mut asked = asked.as_object().unwrap().clone();
            if tool == "maestro_ensemble_generate" {
                asked.remove("stage");
            }
            let result = client.call(tool, asked.into());
            assert_eq!(result["code"], "invalid_arguments", "{tool} {name}: {result}");
            assert!(result["error"].as_str().unwrap().contains(told), "{tool} {name}: {result}");
        }
    }
    assert!(client.log("codex").is_empty());
}

/// An answer without the named file would cost as much as any other, so the call is refused.
#[test]
fn a_file_that_is_named_and_not_there_stops_every_tool_before_anything_is_sent() {
    let mut client = Server::new()
        .codex()
        .fake("gemini", "gemini")
        .fake("claude", "claude")
        .file("src/shop/cart.py", "x = 1\n")
        .file("README.md", "x\n")
        .start();
    let candidates = json!([{ "id": "a", "content": "x" }, { "id": "b", "content": "y" }]);
    let mut tried = 0;
    for tool in client.request("tools/list", json!({}))["result"]["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        let properties = &tool["inputSchema"]["properties"];
        for (parameter, given, nearest) in [
            ("context_files", "cart.py", Some("src/shop/cart.py")),
            ("context_files", "src/shop/crat.py", Some("src/shop/cart.py")),
            ("context_files", "./src/cart.py", Some("src/shop/cart.py")),
            ("context_files", "readme.md", Some("README.md")),
            ("context_files", "nothing/of/the/kind.zig", None),
            ("files", "cart.py", Some("src/shop/cart.py")),
        ] {
            let is_of_packing = parameter == "context_files" || name == "maestro_pack_context";
            if properties.get(parameter).is_none() || !is_of_packing {
                continue;
            }
            let mut arguments = json!({ parameter: ["src/**/*.py", given, "*.zig"] });
            for required in tool["inputSchema"]["required"].as_array().into_iter().flatten() {
                arguments[required.as_str().unwrap()] = match required.as_str().unwrap() {
                    "stage" => json!("analyze"),
                    "role" => json!("judge"),
                    "candidates" => candidates.clone(),
                    _ => json!("x"),
                };
            }
            let result = client.call(name, arguments);
            assert_eq!(result["code"], "invalid_arguments", "{name} {given}: {result}");
            let told = match nearest {
                Some(near) => format!("there is no file `{given}`; the nearest is `{near}`"),
                None => format!("there is no file `{given}`"),
            };
            assert_eq!(result["error"].as_str().unwrap(), told, "{name}");
            tried += 1;
        }
    }
    assert!(tried >= 30, "{tried}");
    for provider in ["codex", "gemini", "claude"] {
        assert_eq!(client.log(provider).len(), 0, "{provider}");
    }
    assert_eq!(client.call("maestro_workflow_state", json!({}))["workflow"]["total_consults"], 0);
}

/// A reader of an answer must learn first what its author did not see.
#[test]
fn what_was_left_out_is_told_before_the_answer() {
    let files = json!(["a.txt", "*.zig"]);
    let mut client = Server::new().codex().file("a.txt", numbered(900)).start();
    for (tool, arguments, answer) in [
        ("maestro_consult", json!({ "prompt": "x", "context_files": files }), "\"content\":"),
        (
            "maestro_consult_with_role",
            json!({ "prompt": "x", "role": "judge", "context_files": files }),
            "\"content\":",
        ),
        ("maestro_ensemble_generate", json!({ "task": "x", "context_files": files }), "\"candidates\":"),
        ("maestro_pack_context", json!({ "files": files }), "\"packed_context\":"),
        (
            "maestro_run_stage",
            json!({ "stage": "analyze", "task": "x", "context_files": files }),
            "\"stage\":",
        ),
    ] {
        let id = client.begin_call(tool, arguments);
        let reply = client.reply(id);
        let text = reply["result"]["content"][0]["text"].as_str().unwrap().to_owned();
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{tool}: no {part} in {text}"));
        assert!(place("no file matches") < place(answer), "{tool}: {text}");
        assert!(place("of 900 lines omitted").max(place("\"omitted\":")) < place(answer), "{tool}: {text}");
    }
}

#[test]
fn line_numbers_are_true_and_what_an_error_names_is_kept() {
    let mut client = Server::new().file("app/big.py", numbered(2_000)).start();
    let result = client.call("maestro_pack_context", json!({
        "files": ["app/big.py"],
        "errors": ["Traceback (most recent call last):\n  File \"/srv/app/big.py\", line 1234, in f\nValueError: x"],
        "stage": "debug",
    }));
    let text = result["packed_context"].as_str().unwrap();
    assert!(text.contains("1234 | line 1234\n"), "{text}");
    assert!(text.contains("   1 | line 1\n") && text.contains("2000 | line 2000\n"));
    for line in text.lines().filter(|line| line.contains(" | line ")) {
        let (number, content) = line.split_once(" | ").unwrap();
        assert_eq!(content, format!("line {}", number.trim()));
    }
    assert_eq!(result["files"][0], json!({ "path": "app/big.py", "lines": 100, "total_lines": 2000 }));
    assert!(omitted_reason(&result, "app/big.py").contains("1900 of 2000 lines omitted"));
}

#[test]
fn stages_have_their_own_limits() {
    let limits = [
        ("analyze", 10, 300),
        ("hypothesize", 5, 150),
        ("implement", 3, 200),
        ("debug", 3, 100),
        ("improve", 5, 250),
    ];
    let mut server = Server::new();
    for number in 0..12 {
        server = server.file(&format!("f{number:02}.txt"), numbered(400));
    }
    let mut client = server.start();
    for (stage, files, lines) in limits {
        let result = client.call("maestro_pack_context", json!({ "files": ["*.txt"], "stage": stage }));
        assert_eq!(result["files"].as_array().unwrap().len(), files, "{stage}");
        assert_eq!(result["files"][0]["lines"], lines, "{stage}");
        let over: usize = result["omitted"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|omission| omission["reason"] == format!("over the limit of {files} files"))
            .count();
        assert_eq!(over, 12 - files, "{stage}");
    }
}

#[test]
fn the_environment_sets_limits() {
    limited("MAESTRO_CONTEXT_MAX_LINES_PER_FILE", "MAESTRO_CONTEXT_MAX_TOTAL_CHARS");
    // Two of the variables have an older name.
    limited("MAESTRO_CONTEXT_MAX_LINES", "MAESTRO_CONTEXT_MAX_CHARS");
}

fn limited(lines: &str, chars: &str) {
    let mut client = Server::new()
        .env("MAESTRO_CONTEXT_MAX_FILES", "1")
        .env(lines, "0")
        .env("MAESTRO_CONTEXT_MAX_ERROR_LINES", "2")
        .env(chars, "600")
        .file("a.txt", numbered(50))
        .file("b.txt", numbered(50))
        .start();
    let result = client.call(
        "maestro_pack_context",
        json!({ "files": ["a.txt", "b.txt"], "errors": ["one\ntwo\nthree\nfour"] }),
    );
    assert_eq!(result["files"], json!([{ "path": "a.txt", "lines": 0, "total_lines": 50 }]));
    let text = result["packed_context"].as_str().unwrap();
    assert!(!text.contains("line 1") && text.contains("50 lines omitted"));
    assert!(text.contains("four") && !text.contains("two"), "{text}");
    let result = client.call("maestro_pack_context", json!({ "facts": ["x".repeat(5_000)] }));
    assert!(result["packed_context"].as_str().unwrap().chars().count() <= 600);
}

#[test]
fn the_total_is_never_exceeded_and_an_own_total_wins() {
    let mut client = Server::new().file("a.txt", numbered(3_000)).start();
    for total in [1, 50, 500, 5_000] {
        let result = client.call(
            "maestro_pack_context",
            json!({
                "files": ["a.txt"],
                "constraints": ["keep it ".repeat(200), "short"],
                "errors": ["boom\n".repeat(300)],
                "stage": "debug",
                "max_chars": total,
            }),
        );
        let length = result["packed_context"].as_str().unwrap().chars().count();
        assert!(length <= total, "{length} > {total}");
        assert_eq!(result["stats"]["total_chars"], length);
        assert_eq!(result["stats"]["truncated"], true);
    }
    for bad in [json!(0), json!(-1), json!("many")] {
        assert_eq!(
            client.call("maestro_pack_context", json!({ "max_chars": bad }))["code"],
            "invalid_arguments"
        );
    }
}

#[test]
fn a_huge_file_is_read_in_bounded_memory() {
    let server = Server::new();
    let path = server.project().join("huge.log");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    for line in 0..2_000_000 {
        use std::io::Write as _;
        writeln!(file, "{line:07} a line of a log file of two hundred megabytes, quite long, and with the same words again and again")
            .unwrap();
    }
    drop(file);
    let mut client = server.start();
    let result = client.call("maestro_pack_context", json!({ "files": ["huge.log"] }));
    assert_eq!(result["files"][0]["total_lines"], 2_000_000);
    let peak = memory_kb(client.pid(), "VmHWM").unwrap();
    assert!(peak < 60_000, "{peak} kB");
}

#[test]
fn nothing_to_pack_is_an_empty_context() {
    let result = Server::new().start().call("maestro_pack_context", json!({}));
    assert_eq!(result["packed_context"], "");
    assert_eq!(
        result["stats"],
        json!({ "errors_count": 0, "facts_count": 0, "files_requested": 0, "total_chars": 0, "truncated": false })
    );
}

#[test]
fn a_pattern_over_thousands_of_files_is_no_work() {
    let server = Server::new();
    let directory = server.project().join("many");
    std::fs::create_dir(&directory).unwrap();
    for number in 0..20_000 {
        std::fs::write(directory.join(format!("{number}.txt")), "x").unwrap();
    }
    let mut client = server.start();
    let started = std::time::Instant::now();
    let result = client.call("maestro_pack_context", json!({ "files": ["**/*.txt"] }));
    assert_eq!(result["files"].as_array().unwrap().len(), 7);
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(
        result["omitted"].as_array().unwrap().last().unwrap()["path"].as_str().unwrap().ends_with(" more")
    );
}
