//! The sandbox around checks and consultants, tested with programs that try to get out.

mod suites;

use serde_json::{Value, json};

use crate::harness::{Client, Server, git};

/// A test program that attempts things and reports which succeeded.
const TRIES: &str = r#"
import os, socket, tempfile, unittest

def works(action):
    try:
        action()
        return True
    except OSError:
        return False

def loopback():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        socket.create_connection(server.getsockname()).close()

class Tries(unittest.TestCase):
    def test_all(self):
        home = os.path.expanduser("~")
        server = f"/proc/{os.getppid()}/environ"
        tried = {
            "write_new": works(lambda: open("new.txt", "w").close()),
            "write_old": works(lambda: open("src/a.py", "a").close()),
            "write_temporary": works(lambda: open(os.path.join(tempfile.gettempdir(), "x"), "w").close()),
            "write_log": works(lambda: open(".maestro/maestro.db", "r+b").close()),
            "read_log": works(lambda: open(".maestro/maestro.db", "rb").close()),
            "write_git": works(lambda: open(".git/hooks/pre-commit", "w").close()),
            "read_git": works(lambda: open(".git/HEAD").read()),
            "write_home": works(lambda: open(os.path.join(home, ".bashrc"), "a").close()),
            "read_home": works(lambda: open(os.path.join(home, "secret.txt")).read()),
            "read_beside": works(lambda: open("../fake/secret.txt").read()),
            "loopback": works(loopback),
        }
        print(" ".join(f"{name}={int(went)}" for name, went in tried.items()), flush=True)
"#;

fn project() -> Server {
    let server = Server::new()
        .file("test_tries.py", TRIES)
        .file("src/a.py", "")
        .file(".git/HEAD", "ref: refs/heads/main\n")
        .file(".git/hooks/x", "")
        .home_file("secret.txt", "private");
    std::fs::write(server.project().parent().unwrap().join("fake/secret.txt"), "private").unwrap();
    server
}

fn tried(server: Server) -> (Value, String) {
    let mut client = server.start();
    // The log holds an event before the check looks at it.
    client.call("maestro_workflow_with_hitl", json!({ "task_description": "x" }));
    let result =
        client.call("maestro_verify", json!({ "commands": [{ "command": "python3 -m unittest -v" }] }));
    let check = result["results"][0].clone();
    let output = format!("{}{}", check["stdout"].as_str().unwrap(), check["stderr"].as_str().unwrap());
    (check, output)
}

#[test]
fn a_check_may_write_the_project_and_neither_the_log_nor_the_home() {
    let (check, output) = tried(project());
    let held = check["metadata"]["sandbox"].as_str().unwrap();
    if !held.starts_with("landlock") {
        // This machine has no sandbox to test, so the test says so and stops.
        eprintln!("not checked, the sandbox here is: {held}");
        return;
    }
    for open in ["write_new", "write_old", "write_temporary", "read_git", "loopback"] {
        assert!(output.contains(&format!("{open}=1")), "{open}: {output}");
    }
    for closed in ["write_log", "read_log", "write_git", "write_home", "read_home", "read_beside"] {
        assert!(output.contains(&format!("{closed}=0")), "{closed}: {output}");
    }
}

/// A test that passes, and on the way changes a file that acts by itself.
const ARMS: &str = r#"
import os, pathlib, unittest

def write(name):
    try:
        path = pathlib.Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
        return 1
    except OSError:
        return 0

def took(action):
    try:
        action()
        return 1
    except OSError:
        return 0

class Arms(unittest.TestCase):
    def test_arms(self):
        for name in NAMES:
            print(f"{name}={write(name)}", flush=True)
        print("renamed=%d" % took(lambda: os.rename(".claude", "aside")))
        print("removed=%d" % took(lambda: os.remove(".mcp.json")))
        print("linked=%d" % took(lambda: os.symlink("/tmp", ".claude/hooks")))
"#;

fn arms(names: &[&str]) -> Server {
    Server::new()
        .file("test_arms.py", ARMS.replace("NAMES", &format!("{names:?}")))
        .file(".claude/settings.json", "{ \"x\": 1 }")
        .file(".mcp.json", "{ \"x\": 1 }")
        .file("web/.vscode/tasks.json", "{ \"x\": 1 }")
        .file(".git/HEAD", "ref: refs/heads/main\n")
}

fn armed(server: Server) -> (Value, String, Client) {
    let mut client = server.start();
    let commands = json!({ "commands": [{ "command": "python3 -m unittest -v" }] });
    let check = client.call("maestro_verify", commands)["results"][0].clone();
    let output = format!("{}{}", check["stdout"].as_str().unwrap(), check["stderr"].as_str().unwrap());
    (check, output, client)
}

#[test]
fn a_check_cannot_change_what_acts_by_itself() {
    let names =
        [".claude/settings.json", ".claude/new.json", ".mcp.json", "web/.vscode/tasks.json", "web/a.txt"];
    let (check, output, client) = armed(arms(&names));
    if !check["metadata"]["sandbox"].as_str().unwrap().starts_with("landlock") {
        eprintln!("not checked, the sandbox here is: {}", check["metadata"]["sandbox"]);
        return;
    }
    for closed in [".claude/settings.json", ".claude/new.json", ".mcp.json", "web/.vscode/tasks.json"] {
        assert!(output.contains(&format!("{closed}=0")), "{closed}: {output}");
    }
    for tried in ["renamed=0", "removed=0", "linked=0", "web/a.txt=1"] {
        assert!(output.contains(tried), "{tried}: {output}");
    }
    let kept = std::fs::read_to_string(client.project().join(".claude/settings.json")).unwrap();
    assert_eq!(kept, "{ \"x\": 1 }");
    // Nothing was changed, so the check keeps its verdict.
    assert_eq!(check["metadata"]["wrote"], Value::Null, "{check}");
    assert_eq!(check["metadata"]["proof"]["tests"], 1, "{check}");
}

#[test]
fn a_check_that_makes_what_acts_by_itself_opens_nothing_and_is_named() {
    let cases: [(&[&str], &[&str]); 3] = [
        (&[".codex/config.toml", "a.txt"], &[".codex/config.toml"]),
        (&["web/app/.claude/settings.json", ".envrc"], &[".envrc", "web/app/.claude/settings.json"]),
        (&[".pytest_cache/x", ".coverage", "node_modules/.cache/x", "web/__pycache__/a.pyc"], &[]),
    ];
    for (names, found) in cases {
        let (check, output, _) = armed(arms(names));
        assert!(names.iter().all(|name| output.contains(&format!("{name}=1"))), "{output}");
        assert_eq!(check["status"], "passed", "{check}");
        let metadata = &check["metadata"];
        let mut wrote: Vec<&str> =
            metadata["wrote"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        wrote.sort_unstable();
        assert_eq!(wrote, found, "{check}");
        assert_eq!(metadata["proof"]["tests"], u64::from(found.is_empty()), "{check}");
        if let Some(name) = found.first() {
            assert!(metadata["note"].as_str().unwrap().contains(name), "{check}");
            assert!(metadata["proof"]["idle"].as_str().unwrap().contains(name), "{check}");
        }
    }
}

#[test]
fn without_a_sandbox_a_change_of_what_acts_by_itself_is_still_named() {
    let (check, _, _) = armed(arms(&[".claude/settings.json"]).env("MAESTRO_SANDBOX", "off"));
    let wrote = check["metadata"]["wrote"].to_string();
    assert!(wrote.contains("settings.json") && wrote.contains(".mcp.json"), "{check}");
    assert_eq!(check["metadata"]["proof"]["tests"], 0, "{check}");
}

#[test]
fn switched_off_it_is_said_to_be_off() {
    let (check, output) = tried(project().env("MAESTRO_SANDBOX", "off"));
    assert_eq!(check["metadata"]["sandbox"], "none");
    assert!(output.contains("read_home=1"), "{output}");
}

#[test]
fn a_project_has_no_say_in_it() {
    let (check, _) = tried(project().file(".maestro/maestro.yaml", "sandbox: off\nnetwork: on\n"));
    assert_ne!(check["metadata"]["sandbox"], "none");
}

#[test]
fn without_a_network_loopback_stays() {
    let (check, output) = tried(project().env("MAESTRO_NETWORK", "off"));
    let held = check["metadata"]["sandbox"].as_str().unwrap();
    assert!(held.contains("network: "), "{held}");
    assert!(output.contains("loopback=1"), "{output}");
}

#[test]
fn a_consultant_sees_its_own_directory_and_nothing_of_the_project() {
    let tries = "#!/bin/sh\n[ \"$1\" = --version ] && echo 1.2.3 && exit\n\
        here() { \"$@\" >/dev/null 2>&1 && echo 1 || echo 0; }\n\
        answer=\"own=$(here touch x) project=$(here cat PROJECT/src/a.py) write=$(here touch PROJECT/new) home=$(here cat HOME/secret.txt) other=$(here cat TEMPORARY/maestro-call-other/prompt)\"\n\
        printf '%s\\n' '{\"type\":\"thread.started\",\"thread_id\":\"t\"}' '{\"type\":\"turn.started\"}'\n\
        printf '{\"type\":\"item.completed\",\"item\":{\"id\":\"i\",\"type\":\"agent_message\",\"text\":\"%s\"}}\\n' \"$answer\"\n\
        printf '%s\\n' '{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}'\n";
    let server = project();
    let base = server.project().parent().unwrap().to_owned();
    // Nothing else in the temporary directory is closed, so the sandbox need not open it in parts.
    let temporary = base.join("temporary");
    let others = temporary.join("maestro-call-other");
    std::fs::create_dir_all(&others).unwrap();
    std::fs::write(others.join("prompt"), "x").unwrap();
    let tries = tries
        .replace("TEMPORARY", temporary.to_str().unwrap())
        .replace("PROJECT", server.project().to_str().unwrap())
        .replace("HOME", base.join("home").to_str().unwrap());
    let program = server.program("fake/codex", &tries);
    let server = server.env("TMPDIR", temporary.to_str().unwrap());
    let mut client = server.env("MAESTRO_CODEX_CMD", program.to_str().unwrap()).start();
    let result = client.call("maestro_consult", json!({ "prompt": "x", "provider": "codex" }));
    let held = result["sandbox"].as_str().unwrap_or_default();
    if held.starts_with("landlock") {
        assert_eq!(result["content"], "own=1 project=0 write=0 home=0 other=0", "{result}");
    } else {
        eprintln!("not checked, the sandbox here is: {held}");
        assert_eq!(result["ok"], true, "{result}");
    }
}

/// Claude keeps its login in the directory that `CLAUDE_CONFIG_DIR` names, which may be written.
#[test]
fn a_variable_does_not_open_the_whole_home_to_a_consultant() {
    let tries = "#!/bin/sh\n[ \"$1\" = --version ] && echo 1.2.3 && exit\n\
        here() { \"$@\" >/dev/null 2>&1 && echo 1 || echo 0; }\n\
        answer=\"home=$(here cat HOME/secret.txt) write=$(here touch HOME/new) login=$(here touch HOME/.claude/new)\"\n\
        printf '{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"num_turns\":1,\"result\":\"%s\"}\\n' \"$answer\"\n";
    let server = project();
    let base = server.project().parent().unwrap().to_owned();
    let home = base.join("home");
    std::fs::create_dir_all(home.join(".claude")).unwrap();
    let program = server.program("fake/claude", &tries.replace("HOME", home.to_str().unwrap()));
    let server = server.env("CLAUDE_CONFIG_DIR", home.to_str().unwrap());
    let mut client = server.env("MAESTRO_CLAUDE_CMD", program.to_str().unwrap()).start();
    let result = client.call("maestro_consult", json!({ "prompt": "x", "provider": "claude" }));
    let held = result["sandbox"].as_str().unwrap_or_default();
    if held.starts_with("landlock") {
        assert_eq!(result["content"], "home=0 write=0 login=1", "{result}");
    } else {
        eprintln!("not checked, the sandbox here is: {held}");
    }
}

/// A command that starts a process without any link to its caller: it has another session, another
/// environment and, by two forks, another parent. The process sleeps for some seconds. The command fails
/// unless the process runs.
fn detached(seconds: &str) -> String {
    format!(
        "pid=$(env -i /bin/sh -c '(setsid /bin/sh -c \"(sleep {seconds} >/dev/null 2>&1 </dev/null & \
         echo \\$!)\" &)') && kill -0 \"$pid\""
    )
}

fn is_asleep(seconds: &str) -> bool {
    let words = format!("sleep\0{seconds}\0");
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .any(|entry| std::fs::read(entry.path().join("cmdline")).is_ok_and(|found| found == words.as_bytes()))
}

/// A test that leaves such a process behind. It passes only if the process runs.
fn leaves_behind(seconds: &str) -> String {
    let command = detached(seconds);
    format!(
        "import os, subprocess, unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        \
         subprocess.run(['/bin/sh', '-c', {command:?}], check=True)\n        import cart\n        \
         self.assertEqual(cart.total([1]), 1)\n"
    )
}

#[test]
fn what_a_check_detaches_from_everything_ends_with_it() {
    for sandbox in ["off", "auto"] {
        let mut client = Server::new()
            .env("MAESTRO_SANDBOX", sandbox)
            .file("cart.py", "def total(items): return sum(items)\n")
            .file("test_it.py", leaves_behind("4711.1"))
            .start();
        let check = json!({ "commands": [{ "command": "python3 -m unittest" }] });
        let result = client.call("maestro_verify", check);
        assert_eq!(result["results"][0]["passed"], true, "{result}");
        assert!(!is_asleep("4711.1"), "{sandbox}: {result}");
    }
}

/// A consultant's program that leaves one process behind when asked for its version, and another when it
/// answers. It gives neither unless the process runs. `fake/versions` gets a line for each version.
fn consultant(server: Server, sleeps: [&str; 2]) -> Server {
    let versions = server.project().parent().unwrap().join("fake/versions");
    let text = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then {} && echo 1.2.3 | tee -a {}; exit; fi\n{} || exit 1\n\
         printf '%s\\n' '{{\"type\":\"thread.started\",\"thread_id\":\"t\"}}' '{{\"type\":\"turn.started\"}}' \
         '{{\"type\":\"item.completed\",\"item\":{{\"id\":\"i\",\"type\":\"agent_message\",\"text\":\"The lock is taken twice.\"}}}}' \
         '{{\"type\":\"turn.completed\",\"usage\":{{\"input_tokens\":1,\"output_tokens\":1}}}}'\n",
        detached(sleeps[0]),
        versions.display(),
        detached(sleeps[1]),
    );
    let program = server.program("fake/leaving-codex", &text);
    server.env("MAESTRO_CODEX_CMD", program.to_str().unwrap())
}

#[test]
fn what_a_consultant_and_the_question_for_its_version_detach_ends_with_them() {
    let sleeps = ["4712.1", "4712.2"];
    let left = || sleeps.iter().filter(|seconds| is_asleep(seconds)).count();
    for sandbox in ["off", "auto"] {
        let mut client = consultant(Server::new().env("MAESTRO_SANDBOX", sandbox), sleeps).start();
        let versions = client.project().parent().unwrap().join("fake/versions");
        let versions = || std::fs::read_to_string(&versions).unwrap_or_default().lines().count();
        for (tool, arguments) in [
            ("maestro_list_providers", json!({})),
            ("maestro_consult", json!({ "prompt": "why?", "provider": "codex" })),
            (
                "maestro_ensemble_generate",
                json!({ "task": "why?", "providers": ["codex"], "n_per_provider": 2 }),
            ),
            ("maestro_consensus_vote", json!({ "question": "why?", "providers": ["codex"], "k": 1 })),
        ] {
            let result: Value = client.call(tool, arguments);
            assert_eq!((&result["ok"], left()), (&json!(true), 0), "{sandbox}: {tool}: {result}");
            if tool == "maestro_ensemble_generate" {
                assert_eq!(result["count"], 2, "{sandbox}: {result}");
            }
            // The list asks for the version, and the others know it then.
            assert_eq!(versions(), 1, "{sandbox}: {tool}: {result}");
        }
        let server = client.server.beside();
        for (asked, words) in [(2, vec!["check"]), (3, vec!["consult", "why?", "--provider", "codex"])] {
            let output = server.run(&words, "");
            assert_eq!((output.status.code(), left()), (Some(0), 0), "{sandbox}: maestro-mcp {words:?}");
            assert_eq!(versions(), asked, "{sandbox}: maestro-mcp {words:?}");
        }
    }
}

#[test]
fn what_a_trial_and_its_git_detach_ends_with_them() {
    let server = Server::new()
        .file("cart.py", "def total(items): return sum(items) + 1\n")
        .file("test_it.py", leaves_behind("4713.1"))
        .file(".gitattributes", "cart.py filter=leaves\n");
    // Git runs filters of the user's own configuration, and none of the project's.
    let ran = server.project().parent().unwrap().join("fake/ran");
    let filter = format!("#!/bin/sh\n{} && touch '{}'\ncat\n", detached("4713.2"), ran.display());
    let filter = server.program("fake/filter", &filter);
    let config = format!("[filter \"leaves\"]\nsmudge = {}\n", filter.display());
    let mut client = server.home_file(".gitconfig", &config).start();
    git(&client.project(), &["init", "-q"]);
    git(&client.project(), &["add", "-A"]);
    git(&client.project(), &["commit", "-qm", "first"]);
    let diff = "--- a/cart.py\n+++ b/cart.py\n@@ -1 +1 @@\n-def total(items): return sum(items) + 1\n+def total(items): return sum(items)\n";
    let result = client.call(
        "maestro_select_best",
        json!({
            "candidates": [{ "id": "a", "provider": "codex", "content": diff }],
            "verify": [{ "command": "python3 -m unittest" }],
            "probe": [{ "command": "python3 -m unittest" }],
        }),
    );
    // The candidate passes its check and its probe, so each of them left a process behind.
    assert_eq!(result["winner_id"], "a", "{result}");
    assert_eq!(result["candidates"][0]["probes"][0]["exit_code"], 0, "{result}");
    assert!(ran.exists(), "git ran no filter: {result}");
    assert!(!is_asleep("4713.1") && !is_asleep("4713.2"), "{result}");
}

#[test]
fn children_cannot_read_the_servers_environment() {
    let reads = "import os, unittest\n\
        class T(unittest.TestCase):\n    def test_it(self):\n        \
        import re\n        pid = os.getpid()\n        seen = []\n        \
        while pid > 1:\n            pid = int(open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[1])\n            \
        try:\n                seen.append(open(f'/proc/{pid}/environ').read())\n            \
        except OSError:\n                pass\n        \
        self.assertFalse(any('only-for-the-server' in text for text in seen))\n";
    let server = Server::new().file("test_it.py", reads).env("OPENAI_API_KEY", "only-for-the-server");
    // Nothing is closed to root, so the server runs as another user.
    let mut client = server.run_as_nobody().start();
    let result = client.call("maestro_verify", json!({ "commands": [{ "command": "python3 -m unittest" }] }));
    assert_eq!(result["results"][0]["passed"], true, "{result}");
}

/// The helper waits for its orders, and runs nothing without all of them.
#[cfg(target_os = "linux")]
#[test]
fn a_helper_without_its_orders_runs_nothing() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let directory = tempfile::tempdir().unwrap();
    let (output, made) = (directory.path().join("output"), directory.path().join("made"));
    std::fs::write(&output, "").unwrap();
    let word = |text: &str| json!({ "Unix": text.as_bytes() });
    let (output, made_at) = (word(output.to_str().unwrap()), word(made.to_str().unwrap()));
    let orders = json!({
        "program": word("/bin/sh"), "args": [word("-c"), word("cat > \"$1\""), word("sh"), made_at],
        "env": [[word("PATH"), word("/usr/bin:/bin")]], "cwd": word("/"), "output": [output, output],
        "files": null, "network": "as_is", "strictness": "best_effort", "input": "Follows",
        "drain": { "secs": 0, "nanos": 10_000_000 }, "grace": { "secs": 0, "nanos": 10_000_000 },
    });
    let text = orders.to_string().into_bytes();
    let whole = [(text.len() as u64).to_le_bytes().as_slice(), &text, b"its own input"].concat();
    let run = |orders: &[u8]| {
        let mut helper = Command::new(crate::harness::binary());
        let mut helper = helper.arg("contain").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        helper.stdin.take().unwrap().write_all(orders).unwrap();
        helper.wait().unwrap().success()
    };
    for length in [0, 4, 8, 9, text.len(), text.len() + 7] {
        assert!(!run(&whole[..length]), "{length}");
        assert!(!made.exists(), "{length}");
    }
    assert!(run(&whole));
    assert_eq!(std::fs::read_to_string(made).unwrap(), "its own input");
}
