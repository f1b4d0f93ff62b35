//! `maestro_verify` with real programs.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Server, eventually, git, is_alive};

const GOOD: &str =
    "import unittest\nclass A(unittest.TestCase):\n    def test_good(self): self.assertEqual(1, 1)\n";
const BAD: &str = "import unittest\nclass A(unittest.TestCase):\n    def test_good(self): self.assertEqual(1, 1)\n    def test_low_items(self): self.assertEqual(1, 2)\n";

/// A test file that runs these statements when it is loaded.
fn script(body: &str) -> String {
    format!("import os, subprocess, sys, time\n{body}\n")
}

fn one(result: &Value) -> &Value {
    assert_eq!(result["results"].as_array().unwrap().len(), 1, "{result}");
    &result["results"][0]
}

fn run(file: &str, text: &str, command: &str) -> Value {
    let mut client = Server::new().file(file, text).start();
    client.call("maestro_verify", json!({ "commands": [{ "command": command, "timeout_sec": 20 }] }))
}

#[test]
fn a_failing_test_is_named_and_a_passing_one_counts() {
    let result = run("test_a.py", BAD, "python3 -m unittest");
    assert_eq!(result["ok"], false);
    assert_eq!(result["code"], "checks_failed");
    let check = one(&result);
    assert_eq!(check["status"], "failed", "{check}");
    assert_eq!(check["exit_code"], 1);
    assert_eq!(check["type"], "unit_test");
    assert_eq!(check["metadata"]["failing"], json!(["test_a.A.test_low_items"]));
    assert_eq!(check["metadata"]["totals"], json!({ "passed": 1, "failed": 1 }));
    assert!(result["critical_failures"][0].as_str().unwrap().contains("test_low_items"));

    let result = run("test_a.py", GOOD, "python3 -m unittest");
    assert_eq!((&result["ok"], &result["all_passed"]), (&json!(true), &json!(true)), "{result}");
    assert_eq!(one(&result)["metadata"]["rule"], "unittest");
    assert_eq!(result["policy"]["origin"], "built in");
}

#[test]
fn tests_that_a_target_ran_are_no_missing_check() {
    let makefile = "test:\n\tpython3 -m unittest discover -s tests -t .\nlint:\n\ttrue\n";
    let server = Server::new().file("tests/test_a.py", GOOD).file("tests/__init__.py", "");
    let mut client = server.file("Makefile", makefile).start();
    let mut missing = |command: &str| {
        let result = client.call("maestro_verify", json!({ "commands": [{ "command": command }] }));
        assert_eq!(result["ok"], true, "{result}");
        let missing = result["missing_checks"].as_array().cloned().unwrap_or_default();
        missing.iter().any(|command| command.as_str().unwrap().contains("unittest"))
    };
    assert!(!missing("make test"));
    assert!(missing("make lint"));
}

#[test]
fn code_that_does_not_load_and_no_tests_are_told_apart() {
    let broken = run("test_a.py", "import nothing_like_this\n", "python3 -m unittest");
    assert_eq!(one(&broken)["status"], "compile_error");
    let none = run("a.py", "x = 1\n", "python3 -m unittest");
    assert_eq!(one(&none)["status"], "no_tests");
    assert_eq!(none["ok"], false);
    let crashed = run("test_a.py", &script("os.kill(os.getpid(), 11)"), "python3 test_a.py");
    assert_eq!(one(&crashed)["status"], "crashed");
    assert_eq!(one(&crashed)["exit_code"], Value::Null);
    // The test ends the process with success, and the one after it would fail.
    let tests = "import os, unittest\nclass A(unittest.TestCase):\n    def test_a(self): os._exit(0)\n    def test_b(self): self.fail()\n";
    let left = run("test_a.py", tests, "python3 -m unittest");
    assert_eq!((&one(&left)["status"], &left["ok"]), (&json!("crashed"), &json!(false)), "{left}");
    let failed = run("test_a.py", &script("sys.exit(3)"), "python3 test_a.py");
    assert_eq!((&one(&failed)["status"], &one(&failed)["exit_code"]), (&json!("failed"), &json!(3)));
    assert!(
        one(&failed)["metadata"]["note"].as_str().unwrap().contains("no names of failing tests were found"),
        "{failed}"
    );
    let error = run("a.py", "x = 1\n", "make test");
    assert_eq!(one(&error)["status"], "error", "{error}");
}

#[test]
fn tests_behind_a_target_count_and_findings_do_not() {
    let server = Server::new()
        .file("test_a.py", "import unittest\nclass A(unittest.TestCase):\n    def test_it(self): pass\n")
        .file("Makefile", "check:\n\t@python3 -m unittest\nlint:\n\t@echo all is well\n");
    let mut client = server.start();
    let mut of =
        |command: &str| client.call("maestro_verify", json!({ "commands": [{ "command": command }] }));
    let tests = of("make check");
    assert_eq!(one(&tests)["metadata"]["proof"], json!({ "tests": 1 }), "{tests}");
    assert_eq!(tests["tests_passed"], 1);
    let none = of("make lint");
    assert_eq!(one(&none)["metadata"]["proof"]["idle"], "no test was seen to run", "{none}");
}

/// The names are those of the tests, and the note names the cause.
#[test]
fn a_summary_of_failures_decides_where_the_exit_code_is_swallowed() {
    let tap = "1..2\nok 1 - a\nnot ok 2 - b c\n# tests 2\n# pass 1\n# fail 1\n";
    let pytest = "=== test session starts ===\ncollected 2 items\n\ntest_a.py .F   [100%]\n\n=== 1 failed, 1 passed in 0.02s ===\n";
    let server = Server::new()
        .file("tap.txt", tap)
        .file("pytest.txt", pytest)
        .file("Makefile", "test:\n\t@cat tap.txt; exit 1\ncheck:\n\t@cat pytest.txt\n");
    let mut client = server.start();
    let mut of =
        |command: &str| client.call("maestro_verify", json!({ "commands": [{ "command": command }] }));
    assert_eq!(one(&of("make test"))["metadata"]["failing"], json!(["b c"]));
    let swallowed = of("make check");
    assert_eq!(one(&swallowed)["status"], "failed", "{swallowed}");
    let note = one(&swallowed)["metadata"]["note"].as_str().unwrap();
    assert!(note.contains("exit code is 0") && note.contains("summary"), "{note}");
}

/// Both versions of the file have the same size and time, so Python would take the compiled file of one for
/// that of the other.
#[test]
fn a_right_fix_within_a_second_is_not_judged_by_what_was_compiled_before() {
    let test = "import unittest, shop\nclass A(unittest.TestCase):\n    def test_it(self): self.assertEqual(shop.f(), 2)\n";
    let server = Server::new().file("test_a.py", test).file("shop.py", "def f(): return 1\n");
    let path = server.project().join("shop.py");
    let time = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let write = |text: &str| {
        std::fs::write(&path, text).unwrap();
        std::fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
    };
    write("def f(): return 1\n");
    let mut client = server.start();
    let verify = |client: &mut crate::harness::Client| {
        client.call("maestro_verify", json!({ "commands": [{ "command": "python3 -m unittest" }] }))
    };
    assert_eq!(one(&verify(&mut client))["status"], "failed");
    write("def f(): return 2\n");
    assert_eq!(one(&verify(&mut client))["status"], "passed");
}

#[test]
fn a_number_in_some_text_is_no_failure_and_a_swallowed_one_is() {
    let make = "test:\n\t@echo '14 ok, all green'\n\t@echo '2 failed in staging are known, see #12'\n";
    assert_eq!(one(&run("Makefile", make, "make test"))["status"], "passed");
    let mut client = Server::new()
        .file("test_a.py", BAD)
        .file("Makefile", "test:\n\t@python3 -m unittest || true\n")
        .start();
    let result = client.call("maestro_verify", json!({ "commands": [{ "command": "make test" }] }));
    assert_eq!(one(&result)["status"], "failed", "{result}");
    assert_eq!(one(&result)["metadata"]["failing"], json!(["test_a.A.test_low_items"]));
}

#[test]
fn a_timeout_keeps_what_was_printed_and_ends_the_tree() {
    let body = "child = subprocess.Popen(['sleep', '60'], start_new_session=True)\nopen('pid', 'w').write(str(child.pid))\nprint('half way', flush=True)\ntime.sleep(60)";
    let mut client = Server::new().file("test_a.py", script(body)).start();
    let started = Instant::now();
    let result = client.call(
        "maestro_verify",
        json!({ "commands": [{ "command": "python3 test_a.py", "timeout_sec": 2 }] }),
    );
    assert!(started.elapsed() < Duration::from_secs(8));
    let check = one(&result);
    assert_eq!(check["status"], "timed_out", "{check}");
    assert!(check["stdout"].as_str().unwrap().contains("half way"));
    let pid = std::fs::read_to_string(client.project().join("pid")).unwrap().parse().unwrap();
    eventually("the grandchild ends", Duration::from_secs(5), || !is_alive(pid));
    assert!(client.progress().iter().any(|message| message.contains("half way")), "{:?}", client.progress());
}

#[test]
fn a_background_child_that_holds_the_output_delays_nothing() {
    let body = "subprocess.Popen(['sleep', '60'])\nprint('done')";
    let started = Instant::now();
    let result = run("test_a.py", &script(body), "python3 test_a.py");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(one(&result)["status"], "passed", "{result}");
}

#[test]
fn bytes_that_are_no_text_spoil_nothing() {
    let result =
        run("test_a.py", &script("sys.stdout.buffer.write(b'a\\xff\\xfeb\\n')"), "python3 test_a.py");
    assert_eq!(one(&result)["status"], "passed");
    assert_eq!(one(&result)["stdout"], "a\u{fffd}\u{fffd}b\n");
}

#[test]
fn the_input_is_at_its_end_and_not_the_servers() {
    let result = run("test_a.py", &script("print(repr(sys.stdin.read()))"), "python3 test_a.py");
    assert_eq!(one(&result)["stdout"], "''\n", "{result}");
}

#[test]
fn the_environment_is_given_by_rule() {
    let mut client = Server::new()
        .env("SECRET_TOKEN", "abc")
        .env("LD_PRELOAD", "")
        .env("CARGO_HOME", "/somewhere")
        .file("test_a.py", script("print(sorted(os.environ))"))
        .start();
    let result = client.call("maestro_verify", json!({ "commands": [{ "command": "python3 test_a.py" }] }));
    let names = one(&result)["stdout"].as_str().unwrap();
    for name in ["PATH", "HOME", "CARGO_HOME", "CI", "NO_COLOR"] {
        assert!(names.contains(&format!("'{name}'")), "{name}: {names}");
    }
    for name in ["SECRET_TOKEN", "LD_PRELOAD"] {
        assert!(!names.contains(name), "{name}: {names}");
    }
}

#[test]
fn what_is_no_check_is_refused_by_the_rule_that_refuses_it() {
    let mut client = Server::new().file("test_a.py", GOOD).start();
    for (command, rule) in [
        ("python3 -c 'open(\"made\", \"w\")'", "inline_code"),
        ("bash -c 'touch made'", "shell"),
        ("touch made", "not_a_check"),
        ("pytest; touch made", "shell_operator"),
        ("git push", "git_writes"),
        ("pip install x", "installer"),
        ("", "empty_command"),
        ("python3 -m unittest discover -s ..", "outside_project"),
    ] {
        let result = client.call("maestro_verify", json!({ "commands": [{ "command": command }] }));
        let check = one(&result);
        assert_eq!(check["status"], "refused", "{command}: {check}");
        assert_eq!(check["metadata"]["refused"]["rule"], rule, "{command}: {check}");
    }
    assert!(!client.project().join("made").exists());
}

#[test]
fn a_link_that_leads_out_is_refused() {
    let server = Server::new();
    std::os::unix::fs::symlink("/etc", server.project().join("etc")).unwrap();
    let mut client = server.start();
    let call = |client: &mut crate::harness::Client, arguments| client.call("maestro_verify", arguments);
    let result = call(&mut client, json!({ "commands": [{ "command": "python3 -m json.tool etc/hosts" }] }));
    assert_eq!(one(&result)["metadata"]["refused"]["rule"], "outside_project");
    for cwd in ["/etc", "..", "etc", "nothing"] {
        let result =
            call(&mut client, json!({ "commands": [{ "command": "python3 -m unittest" }], "cwd": cwd }));
        assert_eq!(result["code"], "invalid_arguments", "{cwd}: {result}");
    }
    let inside = json!({ "commands": [{ "command": "python3 -m unittest", "cwd": "/" }] });
    assert_eq!(call(&mut client, inside)["code"], "invalid_arguments");
}

#[test]
fn checks_run_in_order_and_stop_or_side_by_side() {
    let slow = script("time.sleep(1)\nopen('order', 'a').write('slow ')");
    let server = Server::new()
        .file("test_slow.py", slow)
        .file("test_bad.py", script("open('order', 'a').write('bad ')\nsys.exit(1)"))
        .file("test_last.py", script("open('order', 'a').write('last ')"));
    let mut client = server.start();
    let commands = json!([
        { "command": "python3 test_slow.py" }, { "command": "python3 test_bad.py" }, { "command": "python3 test_last.py" }
    ]);
    let statuses = |result: &Value| -> Vec<String> {
        result["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| check["status"].as_str().unwrap().to_owned())
            .collect()
    };
    let result = client.call("maestro_verify", json!({ "commands": commands, "stop_on_failure": true }));
    assert_eq!(statuses(&result), ["passed", "failed", "skipped"]);
    let order = client.project().join("order");
    assert_eq!(std::fs::read_to_string(&order).unwrap(), "slow bad ");
    std::fs::remove_file(&order).unwrap();
    let result = client.call("maestro_verify", json!({ "commands": commands, "parallel": true }));
    assert_eq!(statuses(&result), ["passed", "failed", "passed"]);
    assert!(std::fs::read_to_string(&order).unwrap().ends_with("slow "));
}

#[test]
fn a_projects_own_checks_are_found_shown_and_run() {
    let server = Server::new()
        .file("test_a.py", GOOD)
        .file("web/package.json", r#"{"scripts":{"test":"jest","lint":"eslint ."}}"#)
        .file("web/pnpm-lock.yaml", "");
    let mut client = server.start();
    let result = client.call("maestro_verify", json!({ "commands": [{ "type": "unit_test" }] }));
    let detected = &result["detected"];
    assert_eq!(detected[0]["language"], "python", "{detected}");
    assert_eq!((&detected[1]["directory"], &detected[1]["manager"]), (&json!("web"), &json!("pnpm")));
    let commands: Vec<&Value> =
        result["results"].as_array().unwrap().iter().map(|check| &check["command"]).collect();
    assert_eq!(commands, ["python3 -m unittest discover", "pnpm test"]);
    assert_eq!(result["results"][0]["status"], "passed", "{result}");

    let mut client = Server::new().file("test_a.py", GOOD).start();
    let result = client.call("maestro_verify", json!({ "commands": [] }));
    assert_eq!((&result["ok"], &one(&result)["type"]), (&json!(true), &json!("unit_test")), "{result}");
}

#[test]
fn nothing_to_run_is_not_ok() {
    let mut client = Server::new().file("README.md", "x").start();
    for commands in [json!([]), json!([{ "type": "lint" }])] {
        let result = client.call("maestro_verify", json!({ "commands": commands }));
        assert_eq!(
            (&result["ok"], &result["code"]),
            (&json!(false), &json!("nothing_to_verify")),
            "{result}"
        );
        assert_eq!(result["all_passed"], false);
    }
}

#[test]
fn an_unknown_type_or_language_is_a_clear_error() {
    let mut client = Server::new().start();
    let result = client.call("maestro_verify", json!({ "commands": [{ "type": "smoke" }] }));
    assert_eq!(result["code"], "invalid_arguments");
    let error = result["error"].as_str().unwrap();
    assert!(error.contains("commands[0].type") && error.contains("unit_test"), "{error}");
    let result =
        client.call("maestro_verify", json!({ "commands": [{ "type": "lint", "language": "cobol" }] }));
    assert!(result["error"].as_str().unwrap().contains("rust"), "{result}");
}

#[test]
fn defaults_follow_language_and_type() {
    let mut client = Server::new().file("test_a.py", GOOD).start();
    for (language, kind, command) in [
        ("python", "unit_test", "python -m pytest -q -v --tb=short"),
        ("typescript", "type_check", "npx --no-install tsc --noEmit -q"),
        ("go", "format", "gofmt -l -q"),
    ] {
        let entry = json!({ "language": language, "type": kind, "args": "-q" });
        let result = client.call("maestro_verify", json!({ "commands": [entry] }));
        assert_eq!(one(&result)["command"], command);
    }
}

#[test]
fn failures_in_the_middle_of_long_output_stay() {
    let body = "for n in range(30000): print('line', n)\nprint('AssertionError: the needle')\nfor n in range(30000): print('line', n)\nprint('the end')\nsys.exit(1)";
    let mut client = Server::new().file("test_a.py", script(body)).start();
    let result = client.call("maestro_verify", json!({ "commands": [{ "command": "python3 test_a.py" }] }));
    let check = one(&result);
    let text = check["stdout"].as_str().unwrap();
    assert!(
        text.len() < 45_000
            && text.contains("line 0\n")
            && text.contains("the needle")
            && text.contains("the end")
    );
    assert_eq!(check["metadata"]["truncated"], true);
    let whole = std::fs::read_to_string(check["metadata"]["output_file"].as_str().unwrap()).unwrap();
    assert!(whole.contains("line 29999"));
}

#[test]
fn a_projects_rules_count_only_once_a_person_confirmed_them() {
    let rules = "rules:\n- name: own\n  type: custom\n  commands: [./check.sh]\n  match: [./check.sh]\n  not_match: [./other.sh]\n";
    let server =
        Server::new().file(".maestro/verification.yaml", rules).file("check.sh", "#!/bin/sh\necho checked\n");
    let script = server.project().join("check.sh");
    std::fs::set_permissions(script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let refused = server.run(&["trust"], "trust\n");
    assert_eq!(refused.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("terminal"));

    let mut client = server.start();
    let arguments = json!({ "commands": [{ "command": "./check.sh" }] });
    let result = client.call("maestro_verify", arguments.clone());
    assert_eq!(one(&result)["metadata"]["refused"]["rule"], "project_rules_unconfirmed");
    assert_eq!(
        result["policy"]["project"],
        json!({ "file": ".maestro/verification.yaml", "state": "unconfirmed", "adds": ["own: ./check.sh"] })
    );

    // Runs the command in a terminal, and types the word when it is asked for.
    let typed = "import os, pty, sys\npid, fd = pty.fork()\nif pid == 0: os.execv(sys.argv[1], sys.argv[1:])\nout = b''\nasked = False\nwhile True:\n    try: more = os.read(fd, 1024)\n    except OSError: break\n    if not more: break\n    out += more\n    if not asked and b'to trust exactly' in out: asked = os.write(fd, b'trust\\n')\nprint(out.decode())\nsys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))";
    let confirm = |variable: Option<&str>| {
        let mut command = client.server.command();
        let mut python = std::process::Command::new("python3");
        python.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        python.envs(variable.map(|name| (name, "1")));
        python.current_dir(client.project()).args(["-c", typed]).arg(command.get_program()).arg("trust");
        command.stdin(Stdio::null());
        python.output().unwrap()
    };
    assert_eq!(confirm(Some("CLAUDECODE")).status.code(), Some(5));
    let confirmed = confirm(None);
    assert!(confirmed.status.success(), "{}", String::from_utf8_lossy(&confirmed.stdout));
    assert!(String::from_utf8_lossy(&confirmed.stdout).contains("own: ./check.sh"));

    let result = client.call("maestro_verify", arguments.clone());
    assert_eq!(
        (&one(&result)["stdout"], &one(&result)["metadata"]["rule_of_project"]),
        (&json!("checked\n"), &json!(true))
    );
    std::fs::write(client.project().join(".maestro/verification.yaml"), format!("{rules}# more\n")).unwrap();
    let result = client.call("maestro_verify", arguments);
    assert_eq!(result["policy"]["project"]["state"], "changed");
    assert_eq!(one(&result)["status"], "refused");
}

#[test]
fn a_server_inside_a_check_or_a_consultant_verifies_nothing() {
    let mut client = Server::new().env("MAESTRO_DEPTH", "1").file("test_a.py", GOOD).start();
    assert_eq!(client.call("maestro_verify", json!({ "commands": [] }))["code"], "nested_consult");
}

#[test]
fn a_rust_project_is_built_and_tested_by_its_own_tools() {
    let cargo = std::path::PathBuf::from(std::env::var_os("CARGO").expect("the tests run under cargo"));
    let path = format!("{}:/usr/bin:/bin", cargo.parent().unwrap().display());
    let manifest = "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    let source = "#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {}\n    #[test]\n    fn low_items() { assert_eq!(1, 2); }\n}\n";
    let mut client =
        Server::new().env("PATH", &path).file("Cargo.toml", manifest).file("src/lib.rs", source).start();
    let result = client.call("maestro_verify", json!({ "commands": [] }));
    let check = one(&result);
    assert_eq!((&check["command"], &check["status"]), (&json!("cargo test"), &json!("failed")), "{check}");
    assert_eq!(check["metadata"]["failing"], json!(["tests::low_items"]));
    std::fs::write(client.project().join("src/lib.rs"), "pub fn f() -> i32 { \"x\" }\n").unwrap();
    let result = client.call("maestro_verify", json!({ "commands": [{ "command": "cargo test" }] }));
    assert_eq!(one(&result)["status"], "compile_error", "{result}");
}

#[test]
fn names_beyond_the_hundred_are_counted() {
    let body = "for number in range(130): setattr(A, f'test_{number:03}', lambda self: self.fail())";
    let text = format!("import unittest\nclass A(unittest.TestCase): pass\n{body}\n");
    let result = run("test_a.py", &text, "python3 -m unittest");
    let check = one(&result);
    assert_eq!(check["metadata"]["failing"].as_array().unwrap().len(), 100, "{check}");
    assert_eq!(check["metadata"]["failing_left_out"], 30);
    assert!(result["critical_failures"][0].as_str().unwrap().ends_with(" and 125 more"), "{result}");
    assert_eq!(result["retryable"], false);
    let few = run("test_a.py", BAD, "python3 -m unittest");
    assert!(one(&few)["metadata"].get("failing_left_out").is_none());
}

/// Writes a program that prints its name and arguments, and returns its directory.
fn stand_in(server: &Server, name: &str) -> std::path::PathBuf {
    let path = server.program(&format!("programs/{name}"), &format!("#!/bin/sh\necho {name} \"$@\"\n"));
    path.parent().unwrap().to_owned()
}

fn found(server: Server, program: &str) -> Vec<String> {
    let directory = stand_in(&server, program);
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let result = server.env("PATH", &path).start().call("maestro_verify", json!({ "commands": [] }));
    let results = result["results"].as_array().unwrap_or_else(|| panic!("{result}"));
    results
        .iter()
        .map(|check| format!("{} {}", check["command"].as_str().unwrap(), check["status"].as_str().unwrap()))
        .collect()
}

#[test]
fn packages_of_a_workspace_run_through_its_manager() {
    let package = r#"{"name":"x","scripts":{"test":"vitest run"}}"#;
    let server = Server::new()
        .file("package.json", r#"{"name":"root","private":true}"#)
        .file("pnpm-workspace.yaml", "packages: ['packages/*']\n")
        .file("pnpm-lock.yaml", "")
        .file("packages/a/package.json", package)
        .file("packages/b/package.json", package);
    assert_eq!(found(server, "pnpm"), ["pnpm -r run test passed"]);
}

#[test]
fn python_runs_through_the_manager_of_the_project() {
    let poetry = "[tool.poetry]\nname = \"x\"\n[tool.poetry.group.dev.dependencies]\npytest = \"*\"\n";
    let server =
        Server::new().file("pyproject.toml", poetry).file("poetry.lock", "").file("tests/test_a.py", "");
    assert_eq!(found(server, "poetry"), ["poetry run pytest passed"]);
}

#[test]
fn tests_beside_the_sources_run_at_the_root() {
    let test = "import unittest\nfrom src.auth import f\nclass A(unittest.TestCase):\n    def test_it(self): self.assertEqual(f(), 2)\n";
    let mut client =
        Server::new().file("tests/test_auth.py", test).file("src/auth.py", "def f(): return 2\n").start();
    let result = client.call("maestro_verify", json!({ "commands": [] }));
    assert_eq!(result["ok"], true, "{result}");
    assert_eq!(one(&result)["metadata"]["cwd"], ".");
    let root = client.project().canonicalize().unwrap();
    assert_eq!(result["project_root"], json!(root));
}

#[test]
fn a_refusal_names_its_reason_and_a_permitted_form() {
    let mut client = Server::new().start();
    for (command, rule, says) in [
        ("uv run pytest", "not_a_check", "`uv run --no-sync pytest -q`"),
        ("pnpm exec vitest", "installer", "npx --no-install"),
        ("tox", "installer", "tox run --skip-env-install"),
        ("pytest --nothing", "pytest", "a permitted form is `pytest`"),
        ("./check.sh", "program_by_path", "by its name"),
    ] {
        let result = client.call("maestro_verify", json!({ "commands": [{ "command": command }] }));
        let refused = &one(&result)["metadata"]["refused"];
        assert_eq!(refused["rule"], rule, "{result}");
        assert!(refused["reason"].as_str().unwrap().contains(says), "{refused}");
    }
}

#[test]
fn another_worktree_of_the_repository_is_told() {
    let server = Server::new().file("test_a.py", GOOD);
    let project = server.project();
    git(&project, &["init", "-q"]);
    git(&project, &["add", "-A"]);
    git(&project, &["commit", "-qm", "x"]);
    git(&project, &["worktree", "add", "-q", "wt"]);
    let mut client = server.start();
    let here = client.call("maestro_verify", json!({ "commands": [{ "command": "python3 -m unittest" }] }));
    assert_eq!(here["other_worktree"], Value::Null, "{here}");
    let arguments = json!({ "commands": [{ "command": "python3 -m unittest", "cwd": "wt" }] });
    let there = client.call("maestro_verify", arguments);
    assert!(there["other_worktree"].as_str().unwrap().contains("`wt` lies in"), "{there}");
    let packed = client.call("maestro_pack_context", json!({ "files": ["wt/test_a.py"] }));
    assert!(packed["other_worktree"].as_str().unwrap().contains("another worktree"), "{packed}");
    assert_eq!(packed["project_root"], json!(project.canonicalize().unwrap()));
}

/// A check may write into the virtual environment that the user activated, so Maestro itself takes no program
/// from there. The commands of the user are found in it.
#[test]
fn a_check_puts_no_program_where_the_server_finds_it() {
    let server = Server::new().file("a.py", "x = 1\n").file(".gitignore", ".venv\n");
    let mark = server.project().parent().unwrap().join("it-ran");
    let program = format!("#!/bin/sh\ntouch {}\nexec /usr/bin/git \"$@\"\n", mark.display());
    let write = format!(
        "import os\nopen('.venv/bin/git', 'w').write({program:?})\nos.chmod('.venv/bin/git', 0o755)\n"
    );
    server.program("project/.venv/bin/ruff", "#!/bin/sh\necho All checks passed!\n");
    let server = server.file("tests/run.py", &write);
    git(&server.project(), &["init", "-q"]);
    git(&server.project(), &["add", "-A"]);
    git(&server.project(), &["commit", "-qm", "one"]);
    let programs = server.project().join(".venv/bin");
    let mut client = server.env("PATH", &format!("{}:/usr/bin:/bin", programs.display())).start();
    for command in ["python3 tests/run.py", "git status", "git diff HEAD", "ruff check ."] {
        let result = client.call("maestro_verify", json!({ "commands": [{ "command": command }] }));
        assert_eq!(result["ok"], true, "{command}: {result}");
    }
    assert!(programs.join("git").exists() && !mark.exists());
}
