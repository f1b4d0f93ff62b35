//! Reviews: every finding is checked against the code, merged and ranked, and its fix is tried in a copy.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Server, fake_cli, git, scripted, three};

const GOOD: &str = "def mean(values):\n    total = 0\n    for i in range(len(values)):\n        total += values[i]\n    return total / len(values)\n";
const TESTS: &str = "import unittest\nfrom stats import mean\n\n\nclass T(unittest.TestCase):\n    def test_mean(self):\n        self.assertEqual(mean([4, 2]), 3)\n";

fn bad() -> String {
    GOOD.replace("range(len(values))", "range(1, len(values))")
}

/// A repository whose working tree has a bug that the last commit does not have.
fn repository() -> Server {
    in_repository(three())
}

/// Makes the repository for a server that already has its CLIs.
pub(crate) fn in_repository(server: Server) -> Server {
    let server = server
        .file("stats.py", GOOD)
        .file("test_stats.py", TESTS)
        .file("app.py", "from stats import mean\nprint(mean([1, 2]))\n");
    let root = server.project();
    git(&root, &["init", "-q"]);
    git(&root, &["add", "-A"]);
    git(&root, &["commit", "-qm", "first"]);
    std::fs::write(root.join("stats.py"), bad()).unwrap();
    server
}

fn answer(findings: &Value) -> String {
    json!({ "findings": findings }).to_string()
}

fn found(line: u32, quote: &str, claim: &str, scenario: &str, severity: &str) -> Value {
    json!({ "file": "stats.py", "line": line, "quote": quote, "claim": claim, "scenario": scenario, "severity": severity })
}

/// The answer of each reviewer in another form: bare, fenced in prose, and with another order of keys.
fn script() -> String {
    let codex = answer(&json!([
        found(
            3,
            "for i in range(1, len(values)):",
            "The first value is skipped.",
            "mean([4]) returns 0.0 where 4.0 is right.",
            "medium"
        ),
        found(
            3,
            "while i < len(values):",
            "An invented loop never ends.",
            "Any list hangs the caller forever.",
            "critical"
        ),
    ]));
    let gemini = format!(
        "I looked at it closely.\n```json\n{}\n```\nThat is all.",
        answer(&json!([
            found(
                2,
                "    3+| range(1, len(values))",
                "skips the first value of the list",
                "mean([4]) is 0.0",
                "high"
            ),
            found(5, "return total / len(values)", "Division by zero for an empty list.", "", "high"),
        ]))
    );
    let claude = answer(&json!([
        { "severity": "P0", "line": 1, "file": "/etc/passwd", "quote": "root:x:0:0", "claim": "leak", "scenario": "the password file is read by all" },
        { "severity": "low", "line": 1, "file": "../../outside.py", "quote": "secret = 1", "claim": "leak", "scenario": "a file of somebody else is read" },
    ]));
    scripted(
        json!({ "codex": { "text": codex }, "gemini": { "text": gemini }, "claude": { "text": claude } }),
    )
}

#[test]
fn findings_are_checked_merged_and_ranked() {
    let server = repository();
    let mut client = server.start();
    let arguments = json!({ "working": true, "criteria": [script()], "try_fixes": false });
    let result = client.call("maestro_review", arguments);
    assert_eq!(result["ok"], true, "{result}");
    let findings = result["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 2, "{result:#}");
    let first = &findings[0];
    assert_eq!(
        (&first["file"], &first["line"], &first["status"]),
        (&json!("stats.py"), &json!(3), &json!("exact"))
    );
    assert_eq!((&first["severity"], &first["found_by"]), (&json!("high"), &json!(["codex", "gemini"])));
    let second = &findings[1];
    assert_eq!((&second["severity"], &second["severity_stated"]), (&json!("medium"), &json!("high")));
    assert_eq!(second["found_by"], json!(["gemini"]));
    let discarded = result["discarded"].as_array().unwrap();
    assert_eq!(discarded.len(), 3, "{result:#}");
    assert!(discarded.iter().all(|one| one["status"] == "absent"));
    assert!(discarded[1]["reason"].as_str().unwrap().contains("outside"), "{result:#}");
    assert_eq!(result["highest_severity"], "high");
    assert_eq!(result["files"], json!(["stats.py"]));
    assert!(result["review_id"].is_string());
}

#[test]
fn what_was_asked_holds_the_change_its_surroundings_and_no_secret() {
    let server = repository()
        .file(".env", "PASSWORD=hunter2hunter2\n")
        .file("new.py", "TOKEN = 'ghp_0123456789abcdefghijklmnopqrstuvwxyzAB'\n");
    let mut client = server.start();
    let script = scripted(json!({ "text": answer(&json!([])) }));
    let result = client.call("maestro_review", json!({ "providers": ["codex"], "criteria": [script] }));
    assert_eq!(result["findings"], json!([]), "{result}");
    let left_out: Vec<&str> =
        result["left_out"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(left_out, [".env"]);
    assert!(result["masked"].as_u64().unwrap() > 0);
    let prompt = client.log("codex").iter().find(|call| call["prompt"].is_string()).unwrap()["prompt"]
        .as_str()
        .unwrap()
        .to_owned();
    for wanted in [
        "    3+|     for i in range(1, len(values)):",
        "-|     for i in range(len(values)):",
        "app.py:2: print(mean([1, 2]))",
        "## new.py",
    ] {
        assert!(prompt.contains(wanted), "{wanted}: {prompt}");
    }
    assert!(!prompt.contains("hunter2") && !prompt.contains("ghp_0123456789"), "{prompt}");
}

#[test]
fn staged_range_and_files_are_what_they_say() {
    let server = repository();
    let root = server.project();
    git(&root, &["add", "stats.py"]);
    // The staged version has the bug, and the working tree does not.
    std::fs::write(root.join("stats.py"), GOOD).unwrap();
    let mut client = server.start();
    let text = answer(&json!([found(
        3,
        "for i in range(1, len(values)):",
        "The first value is skipped.",
        "mean([4]) returns 0.0",
        "high"
    )]));
    let criteria = [scripted(json!({ "text": text }))];
    let mut ask = |target: Value| {
        let mut arguments = json!({ "providers": ["codex"], "criteria": criteria, "try_fixes": false });
        arguments.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
        client.call("maestro_review", arguments)
    };
    assert_eq!(ask(json!({ "staged": true }))["findings"][0]["status"], "exact");
    assert_eq!(ask(json!({ "files": ["*.py"] }))["discarded"].as_array().unwrap().len(), 1);
    assert!(ask(json!({ "working": true }))["summary"].as_str().unwrap().contains("nothing to review"));
    git(&root, &["commit", "-qm", "second"]);
    assert_eq!(ask(json!({ "range": "HEAD~1..HEAD" }))["findings"][0]["line"], 3);
    for range in ["--output=x", "HEAD;ls", "nothing..HEAD", "-p", "HEAD:.env"] {
        assert_eq!(ask(json!({ "range": range }))["code"], "invalid_arguments", "{range}");
    }
    assert_eq!(ask(json!({ "staged": true, "range": "HEAD" }))["code"], "invalid_arguments");
    assert_eq!(ask(json!({ "files": ["gone.py"] }))["code"], "invalid_arguments");
}

#[test]
fn nothing_that_the_repository_configures_runs() {
    let server = repository().file(".gitattributes", "*.py diff=evil filter=evil\n");
    let root = server.project();
    let mark = root.join("ran");
    let evil = format!("sh -c 'touch {}; cat'", mark.display());
    for key in [
        "diff.evil.textconv", "diff.evil.command", "filter.evil.clean", "filter.evil.smudge",
        "core.fsmonitor", "diff.external", "core.pager",
    ] {
        git(&root, &["config", key, &evil]);
    }
    let _ = std::fs::remove_file(&mark);
    let mut client = server.start();
    let script = scripted(json!({ "text": answer(&json!([])) }));
    let result = client.call("maestro_review", json!({ "providers": ["codex"], "criteria": [script] }));
    assert_eq!(result["ok"], true, "{result}");
    assert!(!mark.exists());
}

/// The prompt of a consultant in a review, and the result.
fn reviewed(server: Server, arguments: Value) -> (String, Value) {
    let mut client = server.start();
    let script = scripted(json!({ "text": answer(&json!([])) }));
    let mut asked = json!({ "providers": ["codex"], "criteria": [script] });
    asked.as_object_mut().unwrap().extend(arguments.as_object().unwrap().clone());
    let result = client.call("maestro_review", asked);
    let prompts: Vec<String> = client.log("codex").iter().map(ToString::to_string).collect();
    (prompts.join("\n"), result)
}

/// A repository can name any place of this machine as its files or its commits.
#[test]
fn a_repository_that_leads_elsewhere_shows_nothing_from_there() {
    type Arm = fn(&Path, &Path);
    let write = |path: &Path, text: &str| std::fs::write(path, text).unwrap();
    let arms: [(&str, Arm); 7] = [
        ("files elsewhere", |root, private| {
            git(root, &["config", "core.worktree", private.to_str().unwrap()]);
        }),
        ("files above", |root, private| {
            git(root, &["config", "core.worktree", private.parent().unwrap().to_str().unwrap()]);
        }),
        ("files elsewhere, by a file", |root, private| {
            git(root, &["config", "core.worktree", private.to_str().unwrap()]);
            std::fs::rename(root.join(".git"), root.join("evil")).unwrap();
            std::fs::write(root.join(".git"), "gitdir: evil\n").unwrap();
        }),
        ("another repository, by a file", |root, private| {
            std::fs::remove_dir_all(root.join(".git")).unwrap();
            std::fs::write(root.join(".git"), format!("gitdir: {}/.git\n", private.display())).unwrap();
        }),
        ("another repository, by a link", |root, private| {
            std::fs::remove_dir_all(root.join(".git")).unwrap();
            std::os::unix::fs::symlink(private.join(".git"), root.join(".git")).unwrap();
        }),
        ("commits elsewhere", |root, private| {
            let common = format!("{}/.git\n", private.display());
            std::fs::write(root.join(".git/commondir"), common).unwrap();
        }),
        ("names and objects elsewhere", |root, private| {
            let own = root.join(".git");
            std::fs::remove_dir_all(own.join("refs")).unwrap();
            std::os::unix::fs::symlink(private.join(".git/refs"), own.join("refs")).unwrap();
            std::fs::create_dir_all(own.join("objects/info")).unwrap();
            let objects = format!("{}/.git/objects\n", private.display());
            std::fs::write(own.join("objects/info/alternates"), objects).unwrap();
        }),
    ];
    for (what, arm) in arms {
        for arguments in [json!({}), json!({ "staged": true }), json!({ "range": "HEAD~1..HEAD" })] {
            let server = repository();
            let root = server.project();
            git(&root, &["commit", "-aqm", "second"]);
            let private = root.parent().unwrap().join("private");
            std::fs::create_dir(&private).unwrap();
            git(&private, &["init", "-q"]);
            for text in ["the first secret\n", "the second secret\n"] {
                write(&private.join("stats.py"), text);
                git(&private, &["add", "-A"]);
                git(&private, &["commit", "-qm", "x"]);
            }
            write(&private.join("stats.py"), "the third secret\n");
            git(&private, &["add", "-A"]);
            arm(&root, &private);
            let (asked, result) = reviewed(server, arguments.clone());
            let told = format!("{asked}{result}");
            for text in ["first secret", "second secret", "third secret"] {
                assert!(!told.contains(text), "{what} {arguments}: {text}: {told}");
            }
        }
    }
}

/// A worktree and a submodule keep their repositories elsewhere, and are reviewed like any other.
#[test]
fn a_worktree_and_a_submodule_are_reviewed() {
    let server = repository();
    let root = server.project();
    git(&root, &["stash", "-q"]);
    git(&root, &["worktree", "add", "-q", "../tree"]);
    let tree = root.parent().unwrap().join("tree");
    std::fs::write(tree.join("stats.py"), bad()).unwrap();
    let server = server.env("CLAUDE_PROJECT_DIR", tree.to_str().unwrap());
    let (asked, result) = reviewed(server, json!({}));
    assert!(result["ok"] == true && asked.contains("range(1, len(values))"), "{result}");
    let server = repository();
    let root = server.project();
    let allowed = ["-c", "protocol.file.allow=always", "submodule", "add", "-q"];
    git(&root, &[&allowed[..], &[root.to_str().unwrap(), "sub"]].concat());
    std::fs::write(root.join("sub/stats.py"), bad()).unwrap();
    let server = server.env("CLAUDE_PROJECT_DIR", root.join("sub").to_str().unwrap());
    let (asked, result) = reviewed(server, json!({}));
    assert!(result["ok"] == true && asked.contains("range(1, len(values))"), "{result}");
}

#[test]
fn a_finding_on_the_old_name_of_a_renamed_file_holds() {
    let server = repository();
    let root = server.project();
    git(&root, &["mv", "stats.py", "numbers.py"]);
    let mut client = server.start();
    let quote = "for i in range(1, len(values)):";
    let script = scripted(
        json!({ "text": answer(&json!([found(3, quote, "skips", "mean([4]) returns 0.0 for all", "high")])) }),
    );
    let result = client
        .call("maestro_review", json!({ "criteria": [script], "providers": ["codex"], "try_fixes": false }));
    let finding = &result["findings"][0];
    assert_eq!((&finding["file"], &finding["line"]), (&json!("numbers.py"), &json!(3)), "{result}");
    assert_eq!(finding["status"], "moved", "{result}");
    assert!(finding["note"].as_str().unwrap().contains("named stats.py"), "{result}");
}

fn conflict(root: &Path) {
    git(root, &["commit", "-qam", "bad"]);
    git(root, &["checkout", "-q", "-b", "other", "HEAD~1"]);
    std::fs::write(root.join("stats.py"), GOOD.replace("len(values))", "len(values) - 1)")).unwrap();
    git(root, &["commit", "-qam", "other"]);
    let words = ["-c", "user.name=t", "-c", "user.email=t@example.org", "merge", "-"];
    let merge = Command::new("git").args(words).current_dir(root).output().unwrap();
    assert!(!merge.status.success());
}

fn odd(root: &Path) {
    std::os::unix::fs::symlink("stats.py", root.join("link.py")).unwrap();
    std::fs::write(root.join("blob.py"), b"a\0b").unwrap();
    std::fs::create_dir(root.join("inner")).unwrap();
    git(&root.join("inner"), &["init", "-q"]);
    git(&root.join("inner"), &["commit", "-q", "--allow-empty", "-m", "x"]);
    std::fs::set_permissions(root.join("app.py"), Permissions::from_mode(0o755)).unwrap();
    git(root, &["add", "-A"]);
}

fn secret(root: &Path) {
    std::fs::write(root.join(".env"), "A=1\n").unwrap();
    git(root, &["add", "-f", ".env"]);
    git(root, &["commit", "-qm", "a secret"]);
    std::fs::write(root.join(".env"), "A=22222222\n").unwrap();
}

/// A repository in any state is reviewed, or the result says plainly what prevents it.
#[test]
fn a_repository_in_any_state_is_reviewed_or_said_to_be_in_the_way() {
    type Arm = fn(&Path);
    let write = |root: &Path, name: &str, text: &str| std::fs::write(root.join(name), text).unwrap();
    let staged = || json!({ "staged": true });
    let working = || json!({ "working": true });
    let range = |range: &str| json!({ "range": range });
    let anew: Arm = |root| {
        std::fs::remove_dir_all(root.join(".git")).unwrap();
        git(root, &["init", "-q"]);
    };
    let named: Arm = |root| {
        for name in ["새 파일.py", "a \"b\" c.py", "two\nlines.py"] {
            std::fs::write(root.join(name), "x = 1\n").unwrap();
        }
        git(root, &["add", "-A"]);
    };
    let shallow: Arm = |root| {
        git(root, &["commit", "-qam", "second"]);
        let head = std::fs::read(root.join(".git/refs/heads/main")).unwrap();
        std::fs::write(root.join(".git/shallow"), head).unwrap();
    };
    let branch: Arm = |root| {
        git(root, &["checkout", "-q", "-b", "fix/#12"]);
        git(root, &["commit", "-qam", "bad"]);
    };
    let states: [(&str, Arm, Value, &[&str]); 18] = [
        ("a tracked secret", secret, working(), &["\"path\":\".env\"", "refused as a secret", "## stats.py"]),
        ("no commit", anew, working(), &["no commit yet", "review `staged`"]),
        (
            "no commit, staged",
            |root| {
                std::fs::remove_dir_all(root.join(".git")).unwrap();
                git(root, &["init", "-q"]);
                git(root, &["add", "stats.py"]);
            },
            staged(),
            &["## stats.py"],
        ),
        (
            "no repository",
            |root| std::fs::remove_dir_all(root.join(".git")).unwrap(),
            working(),
            &["not a git repository", "`files`"],
        ),
        ("detached", |root| drop(git(root, &["checkout", "-q", "--detach"])), working(), &["## stats.py"]),
        ("conflict, staged", conflict, staged(), &["in conflict"]),
        ("conflict, working", conflict, working(), &["## stats.py", "<<<<<<<"]),
        ("names", named, staged(), &["## 새 파일.py", "a \\\"b\\\" c.py", "line break"]),
        (
            "no text",
            odd,
            staged(),
            &["a submodule at another commit", "a symbolic link", "\"binary\"", "(executable)"],
        ),
        ("shallow", shallow, range("HEAD~1"), &["there is no commit `HEAD~1`", "--unshallow"]),
        ("odd branch", branch, range("main..fix/#12"), &["## stats.py"]),
        ("three dots", branch, range("main...HEAD"), &["## stats.py"]),
        ("one commit", branch, range("main"), &["## stats.py"]),
        ("unknown", branch, range("nowhere..HEAD"), &["there is no commit `nowhere`"]),
        ("an option", branch, range("--output=x"), &["does not begin with"]),
        ("an excluded one", branch, range("^main"), &["does not begin with"]),
        (
            "no change",
            |root| drop(git(root, &["checkout", "-q", "--", "stats.py"])),
            working(),
            &["no change"],
        ),
        (
            "line ends",
            |root| std::fs::write(root.join("stats.py"), bad().replace('\n', "\r\n")).unwrap(),
            working(),
            &["## stats.py"],
        ),
    ];
    for (state, arm, arguments, wanted) in states {
        let server = repository();
        let root = server.project();
        git(&root, &["branch", "-q", "-M", "main"]);
        write(&root, "stats.py", &bad());
        arm(&root);
        let (asked, result) = reviewed(server, arguments);
        for words in wanted {
            assert!(format!("{asked}\n{result}").contains(words), "{state}: {words}: {asked}\n{result:#}");
        }
    }
}

#[test]
fn a_fix_is_tried_in_a_copy() {
    let findings = answer(&json!([found(
        3,
        "for i in range(1, len(values)):",
        "The first value is skipped.",
        "mean([4]) returns 0.0",
        "high"
    )]));
    let patch = "--- a/stats.py\n+++ b/stats.py\n@@ -2,3 +2,3 @@\n     total = 0\n-    for i in range(1, len(values)):\n+    for i in range(len(values)):\n         total += values[i]\n";
    let fixes = json!({ "fixes": [{ "id": "F1", "patch": patch }] }).to_string();
    // The second question does not repeat the criteria, so the command holds the script.
    let server = repository();
    let root = server.project();
    let script = json!({ "text": findings, "later": { "text": fixes } }).to_string();
    let state = root.parent().unwrap().join("fake/reviewer.state");
    let command =
        format!("{} --as codex --state {} --script '{script}'", fake_cli().display(), state.display());
    let mut client = server.env("MAESTRO_CODEX_CMD", &command).start();
    let result = client.call("maestro_review", json!({ "providers": ["codex"] }));
    let fix = &result["findings"][0]["fix"];
    assert_eq!(fix["by"], "codex", "{result:#}");
    // One of the project's tests fails without it and passes with it.
    assert_eq!(fix["status"], "proven", "{result:#}");
    assert!(fix["reasons"].to_string().contains("fails without it, passes with it"), "{result:#}");
    assert_eq!(std::fs::read_to_string(root.join("stats.py")).unwrap(), bad());
}

#[test]
fn a_tree_that_changes_meanwhile_is_noticed() {
    let server = repository();
    let file = server.project().join("stats.py");
    let mut client = server.start();
    let script = scripted(json!({ "sleep": 2, "text": answer(&json!([])) }));
    let writer = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(1));
        std::fs::write(file, "def mean(values):\n    return 0\n").unwrap();
    });
    let result = client.call("maestro_review", json!({ "providers": ["codex"], "criteria": [script] }));
    writer.join().unwrap();
    assert_eq!(result["tree_changed"], json!(["stats.py"]), "{result}");
}

#[test]
fn reviewers_that_fail_are_told_apart() {
    let server = repository();
    let mut client = server.start();
    let text = answer(&json!([found(3, "range(1, len(values))", "skips", "mean([4]) returns 0.0", "high")]));
    let script = scripted(
        json!({ "codex": { "text": text }, "gemini": { "text": "It looks good to me." }, "claude": { "exit": 3, "stderr": "broken" } }),
    );
    let result = client.call("maestro_review", json!({ "criteria": [script], "try_fixes": false }));
    assert_eq!(
        (&result["ok"], result["findings"].as_array().unwrap().len()),
        (&json!(true), 1),
        "{result:#}"
    );
    assert!(result["warning"].as_str().unwrap().contains("2 of 3 reviewers failed"));
    let script = scripted(json!({ "text": "It looks good to me." }));
    let result = client.call("maestro_review", json!({ "criteria": [script], "try_fixes": false }));
    assert_eq!((&result["ok"], &result["code"]), (&json!(false), &json!("every_candidate_failed")));
}

#[test]
fn the_exit_status_tells_a_hook() {
    let server = repository();
    let text = answer(&json!([found(
        3, "range(1, len(values))", "The first value is skipped.", "mean([4]) returns 0.0", "medium"
    )]));
    let script = scripted(json!({ "text": text }));
    let run = |more: &[&str]| {
        let mut words = vec!["review", "--providers", "codex", "--criteria", &script];
        words.extend(more);
        let output = server.run(&words, "");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, printed) = run(&[]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.starts_with("stats.py:3: medium: The first value is skipped. [codex]"), "{printed}");
    assert_eq!(run(&["--fail-on", "medium"]).0, Some(1));
    assert_eq!(run(&["--staged"]).0, Some(0));
    assert_eq!(run(&["--range", "nothing..HEAD"]).0, Some(2));
    let (code, printed) = run(&["--json", "--fail-on", "low", "stats.py"]);
    assert_eq!(code, Some(1));
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["findings"][0]["found_by"], json!(["codex"]));
    let nested = repository().env("MAESTRO_DEPTH", "1").run(&["review", "--providers", "codex"], "");
    assert_eq!(nested.status.code(), Some(6), "a review that was not made found nothing");
}

#[test]
fn a_review_counts_in_the_run_that_it_names_and_a_consultant_reviews_nothing() {
    let mut client = repository().start();
    let run = client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    let script = scripted(json!({ "text": answer(&json!([])) }));
    let asked = |run: &Value| json!({ "providers": ["codex", "gemini"], "criteria": [script], "workflow_id": run, "try_fixes": false });
    let result = client.call("maestro_review", asked(&run["workflow_id"]));
    assert_eq!(result["ok"], true, "{result}");
    let state = client.call("maestro_workflow_state", json!({ "workflow_id": run["workflow_id"] }));
    assert_eq!(state["workflow"]["budget"]["used"], 2, "{state}");
    // The run has no room for two more consults in this stage.
    let refused = client.call("maestro_review", asked(&run["workflow_id"]));
    assert_eq!(refused["code"], "budget_exhausted", "{refused}");
    assert_eq!((client.log("codex").len(), client.log("gemini").len()), (1, 1));
    assert_eq!(client.call("maestro_review", asked(&json!("no-such-run")))["code"], "unknown_workflow");
    let mut nested = client.server.beside().env("MAESTRO_DEPTH", "1").start();
    let refused = nested.call("maestro_review", json!({ "providers": ["codex"] }));
    assert_eq!(refused["code"], "nested_consult", "{refused}");
    assert_eq!(nested.log("codex").len(), 1);
}

/// Lines of a key that the masking knows only by the lines around them.
const KEY: [&str; 3] = [
    "MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBALxq1pZ4Vd0Zt3cN",
    "q8ZtLr4vXw7Yk2Pm9Bd6Hs1Jf5Gc0QnTuVbEaRxWiOyDzKMlCAh3Sj8FpUeNgIo4",
    "7hGfDsAqWeRtYuIoPlKjHgFdSaZxCvBnMqWeRtYuIoPlKjHgFdSaZxCvBnM8x2Kq",
];

#[test]
fn a_secret_of_several_lines_is_masked_before_its_lines_are_numbered() {
    let key = KEY.join("\n");
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----");
    let indented = pem.replace('\n', "\n    ");
    // A hunk around the last line begins inside of the long key.
    let long =
        format!("-----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY-----", format!("{key}\n").repeat(9));
    let files = [
        ("k1.py", format!("K = \"\"\"{pem}\"\"\"\n\ndef use(k):\n    return k\n")),
        ("k2.yaml", format!("tls:\n  key: |\n    {indented}\n  other: 1\n")),
        ("k3.yaml", "db:\n  password: >\n    hunter2Xk9Qpz77\n  port: 1\n".to_owned()),
        ("k4.md", "| user | password |\n|--|--|\n| bob | Xk9Qpz77Lm22 |\n".to_owned()),
        ("k5.pem.txt", format!("{long}\nport = 1\n")),
    ];
    let secrets = [KEY[0], KEY[1], KEY[2], "hunter2Xk9Qpz77", "Xk9Qpz77Lm22"];
    let mut server = repository();
    for (name, text) in &files {
        server = server.file(name, text);
    }
    let (asked, result) = reviewed(server, json!({ "files": ["k*"], "try_fixes": false }));
    assert_eq!(result["files"].as_array().unwrap().len(), 5, "{result}");
    assert!(result["masked"].as_u64().unwrap() >= 5, "{result}");
    for secret in secrets {
        assert!(!asked.contains(secret), "{secret}: {asked}");
    }
    // The same lines in a change, as context and removed.
    let server = repository();
    let root = server.project();
    for (name, text) in &files {
        std::fs::write(root.join(name), text).unwrap();
    }
    git(&root, &["add", "-A"]);
    git(&root, &["commit", "-qm", "second"]);
    for (name, text) in &files[..2] {
        std::fs::write(root.join(name), text.replace("return k", "return 1").replace("other: 1", "other: 2"))
            .unwrap();
    }
    std::fs::write(root.join("k3.yaml"), "db:\n  port: 1\n").unwrap();
    std::fs::remove_file(root.join("k4.md")).unwrap();
    std::fs::write(root.join("k5.pem.txt"), format!("{long}\nport = 2\n")).unwrap();
    let mut client = server.start();
    let quoted = json!({ "file": "k2.yaml", "line": 4, "quote": "    [MASKED]", "severity": "high",
        "claim": "a private key is in the repository", "scenario": "everybody who reads it can sign as this server" });
    let script = scripted(json!({ "text": answer(&json!([quoted])) }));
    let arguments = json!({ "providers": ["codex"], "criteria": [script], "try_fixes": false });
    let result = client.call("maestro_review", arguments);
    let asked = client.log("codex").iter().map(ToString::to_string).collect::<String>();
    for secret in secrets {
        assert!(!asked.contains(secret), "{secret}: {asked}");
    }
    assert!(asked.contains("port = 2") && asked.contains("other: 2"), "{asked}");
    assert_eq!(result["findings"][0]["status"], "exact", "{result:#}");
}

#[test]
fn a_long_diff_hides_no_other_file() {
    let server = repository().file("z.py", "x = 1\n").file("a.lock", "1\n");
    let root = server.project();
    git(&root, &["add", "-A"]);
    git(&root, &["commit", "-qm", "second"]);
    std::fs::write(root.join("a.lock"), "a line of a lock file that nobody reads\n".repeat(60_000)).unwrap();
    std::fs::write(root.join("z.py"), "x = risky(2)\n").unwrap();
    let quoted = json!({ "file": "z.py", "line": 1, "quote": "x = risky(2)", "severity": "high",
        "claim": "it is risky", "scenario": "calling it with 2 ends the program at once" });
    let script = scripted(json!({ "text": answer(&json!([quoted])) }));
    let arguments = json!({ "providers": ["codex"], "criteria": [script], "try_fixes": false });
    let mut client = server.start();
    let result = client.call("maestro_review", arguments.clone());
    assert_eq!(result["files"], json!(["z.py"]), "{result:#}");
    assert_eq!(result["findings"][0]["status"], "exact", "{result:#}");
    assert_eq!(result["left_out"][0]["path"], "a.lock", "{result:#}");
    // An unread change alone is no success.
    git(&root, &["checkout", "-q", "z.py"]);
    let alone = client.call("maestro_review", arguments);
    assert_eq!(alone["ok"], false, "{alone:#}");
    assert!(alone["error"].as_str().unwrap().contains("a.lock"), "{alone:#}");
}

#[test]
fn lines_of_a_long_file_that_were_not_shown_are_named() {
    let text: String = (1..=1_500).map(|line| format!("v{line} = {line}\n")).collect();
    let server = repository().file("long.py", text);
    let quoted = |line: u32| {
        json!({ "file": "long.py", "line": line, "quote": format!("v{line} = {line}"), "severity": "high",
            "claim": format!("value {line} is wrong"), "scenario": format!("reading v{line} gives a number that is too large") })
    };
    let script = scripted(json!({ "text": answer(&json!([quoted(700), quoted(1_400)])) }));
    let arguments =
        json!({ "providers": ["codex"], "criteria": [script], "try_fixes": false, "files": ["long.py"] });
    let result = server.start().call("maestro_review", arguments);
    let cut = json!([{ "path": "long.py", "reason": "lines 1201 to 1500 were not shown" }]);
    assert_eq!((&result["left_out"], &result["files"]), (&cut, &json!(["long.py"])), "{result:#}");
    let notes: Vec<&Value> = result["findings"].as_array().unwrap().iter().map(|one| &one["note"]).collect();
    assert_eq!(notes, [&Value::Null, &json!("this line was not shown to the reviewers")], "{result:#}");
}
