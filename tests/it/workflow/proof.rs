//! "Tests passed" means that tests ran. A command that only lists, collects, compiles or reads opens no gate.

use serde_json::{Value, json};

use super::{FIRST_DIFF, begin, hand_in, pass, patch, project, stage, state};
use crate::harness::{Client, Server};

/// A run with its approved change applied and nothing checked yet.
fn changed(server: Server) -> Client {
    let passes = "import unittest\nclass T(unittest.TestCase):\n    def test_it(self): pass\n";
    let mut client = server.file("test_passes.py", passes).start();
    begin(&mut client);
    for name in ["analyze", "hypothesize", "implement"] {
        pass(&mut client, name);
    }
    assert_eq!(patch(&mut client, FIRST_DIFF)["ok"], true);
    client
}

fn check(client: &mut Client, entry: Value) -> Value {
    client.call("maestro_verify", json!({ "commands": [entry] }))
}

#[test]
fn a_check_without_a_test_opens_nothing() {
    let mut client = changed(project());
    for entry in [
        json!({ "command": "git status" }),
        json!({ "command": "git status", "type": "unit_test" }),
        json!({ "command": "python3 -m compileall -q mean.py" }),
        json!({ "command": "python3 -m py_compile mean.py", "type": "unit_test" }),
        json!({ "command": "python3 -B -m unittest test.test_bool" }),
        json!({ "command": "python3 -B -m unittest -k nothing_of_the_kind test_passes" }),
    ] {
        let reply = check(&mut client, entry.clone());
        assert_ne!(reply["code"], "invalid_arguments", "{entry}: {reply}");
        assert_eq!(state(&mut client)["state"], "ready(debug)", "{entry}: {reply}");
        assert_eq!(reply["tests_passed"], 0, "{entry}: {reply}");
    }
    let reply = check(&mut client, json!({ "command": "python3 -B -m unittest test_passes" }));
    assert_eq!((&reply["ok"], &reply["tests_passed"]), (&json!(true), &json!(1)), "{reply}");
    assert_eq!(state(&mut client)["state"], "ready(improve)");
}

/// Go names passing tests only on request, and Gradle never does.
#[test]
fn a_runner_that_counts_no_passing_tests_opens_the_gate_all_the_same() {
    let server = project()
        .file("go.mod", "module example.com/shop\n\ngo 1.18\n")
        .file("a_test.go", "package shop\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n\nfunc BenchmarkA(b *testing.B) {}\n")
        .file("none/none.go", "package none\n")
        .file("left_out/a_test.go", "package left_out\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { t.Skip() }\n\nfunc BenchmarkA(b *testing.B) {}\n")
        .file("itself/a_test.go", "package itself\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(m *testing.M) { os.Exit(0) }\n")
        .env("GOFLAGS", "-mod=mod");
    if !std::path::Path::new("/usr/bin/go").exists() {
        eprintln!("not checked: there is no go on this machine");
        return;
    }
    let mut client = changed(server);
    for command in [
        "go test ./none", "go test -run Nothing ./...", "go test -count=0 ./...",
        "go test -run ^$ -bench . .", "go test ./left_out", "go test ./itself",
    ] {
        let reply = check(&mut client, json!({ "command": command }));
        assert_eq!(reply["tests_passed"], 0, "{command}: {reply}");
        assert_eq!(state(&mut client)["state"], "ready(debug)", "{command}: {reply}");
    }
    let reply = check(&mut client, json!({ "command": "go test ./..." }));
    assert_eq!((&reply["ok"], &reply["tests_passed"]), (&json!(true), &json!(1)), "{reply}");
    assert_eq!(state(&mut client)["state"], "ready(improve)");
}

/// Node counts a file without tests as a test.
#[test]
fn a_file_without_a_test_is_no_test() {
    if !std::path::Path::new("/usr/bin/node").exists() {
        eprintln!("not checked: there is no node on this machine");
        return;
    }
    let server = project()
        .file("empty.test.js", "")
        .file("words.test.js", "// nothing\nconsole.log('ok 1 - adds');\n")
        .file("adds.test.js", "require('node:test')('adds', () => {});\n");
    let mut client = changed(server);
    for command in ["node --test empty.test.js", "node --test empty.test.js words.test.js"] {
        let reply = check(&mut client, json!({ "command": command }));
        assert_eq!(reply["tests_passed"], 0, "{command}: {reply}");
        assert_eq!(state(&mut client)["state"], "ready(debug)", "{command}: {reply}");
    }
    let reply = check(&mut client, json!({ "command": "node --test" }));
    assert_eq!((&reply["ok"], &reply["tests_passed"]), (&json!(true), &json!(1)), "{reply}");
    assert_eq!(state(&mut client)["state"], "ready(improve)");
}

#[test]
fn a_report_names_what_ran_and_what_it_left_out() {
    let mut client = changed(project().file("sub/go.mod", "module x\n"));
    let command = "python3 -B -m unittest -k test_it test_passes";
    assert_eq!(check(&mut client, json!({ "command": command }))["ok"], true);
    let request = hand_in(&mut client, "improve");
    let report = request["report"].clone();
    assert_eq!(report["tests"]["commands"], json!([command]), "{report}");
    let risks = report["risks"].to_string();
    assert!(risks.contains("Tests were left out") && risks.contains("-k test_it"), "{risks}");
    assert!(risks.contains("A check of the project was not run: go test ./..."), "{risks}");
    assert!(!risks.contains("not run: python"), "{risks}");
}

#[test]
fn a_claim_is_labelled_and_opens_nothing_where_a_human_is_wanted() {
    let claim = json!({
        "evidence_type": "verification", "stage": "debug", "source": "me",
        "content": { "passed": true, "summary": "all green" },
    });
    let mut client = changed(project());
    client.call("maestro_log_evidence", claim.clone());
    assert_eq!(state(&mut client)["state"], "ready(improve)");
    let report = hand_in(&mut client, "improve")["report"].clone();
    assert_eq!(report["tests"]["is_claim"], true, "{report}");
    assert!(
        report["risks"].to_string().contains("claims that the tests pass; nothing ran here (all green)"),
        "{report}"
    );
    let approves =
        || project().env("MAESTRO_APPROVALS", "human").human_by(|_| Some(crate::harness::Answer::approve()));
    let mut client = approves().start();
    begin(&mut client);
    for name in ["analyze", "hypothesize", "implement"] {
        assert_eq!(stage(&mut client, name)["approval"]["status"], "approved");
    }
    assert_eq!(patch(&mut client, FIRST_DIFF)["ok"], true);
    client.call("maestro_log_evidence", claim);
    let state = state(&mut client);
    assert_eq!(state["state"], "ready(debug)", "{state}");
    assert_eq!(
        (&state["verification"]["claim"], &state["verification"]["counts"]),
        (&json!(true), &json!(false))
    );
}

#[test]
fn a_verification_before_the_last_change_is_told_to_be_old() {
    let mut client = changed(project());
    check(&mut client, json!({ "command": "python3 -B -m unittest test_passes" }));
    assert_eq!(state(&mut client)["state"], "ready(improve)");
    let another = FIRST_DIFF
        .replace("-    return sum(numbers) / 2", "-    return sum(numbers) / 4")
        .replace("+    return sum(numbers) / 4", "+    return sum(numbers) / 3");
    assert_eq!(patch(&mut client, &another)["ok"], true);
    let report = hand_in(&mut client, "debug")["report"].clone();
    assert!(
        report["risks"].to_string().contains("Files were changed after the last verification"),
        "{report}"
    );
}
