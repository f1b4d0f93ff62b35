//! The processes of CLIs: their standard input, and how they end.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Client, PATIENCE, Server, children, eventually, is_alive, processes_of_call, scripted};

#[test]
fn a_cancelled_call_ends_its_whole_tree_and_frees_its_slot() {
    let mut client = Server::new().codex().env("MAESTRO_MAX_PARALLEL", "1").start();
    let first = client.begin_call(
        "maestro_consult",
        json!({ "prompt": scripted(json!({ "child": "escaped", "sleep": 60 })) }),
    );
    let call = client.wait_for_calls("codex", 1)[0].clone();
    let id = call["env"]["CONSULT_CALL_ID"].as_str().unwrap();
    eventually("the escaped child is there", Duration::from_secs(5), || processes_of_call(id).len() >= 2);
    let second = client.begin_call("maestro_consult", json!({ "prompt": "next" }));
    client.cancel(first);
    let started = Instant::now();
    assert_eq!(client.result(second)["ok"], true);
    assert!(started.elapsed() < Duration::from_secs(4));
    eventually("nothing of the call is left", Duration::from_secs(4), || processes_of_call(id).is_empty());
}

#[test]
fn a_timeout_is_kept_as_given_and_ends_the_tree() {
    let mut client = Server::new().codex().start();
    let started = Instant::now();
    let result = client.call(
        "maestro_consult",
        json!({
            "prompt": scripted(json!({ "child": "group", "first": "half an answer", "sleep": 60 })),
            "timeout_sec": 1,
        }),
    );
    assert_eq!(result["code"], "timeout", "{result}");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    let id = client.log("codex")[0]["env"]["CONSULT_CALL_ID"].as_str().unwrap().to_owned();
    eventually("nothing of the call is left", Duration::from_secs(3), || processes_of_call(&id).is_empty());
}

#[test]
fn a_cli_that_ignores_the_signal_is_killed_after_the_grace() {
    let mut client = Server::new().codex().start();
    let started = Instant::now();
    let result = client.call(
        "maestro_consult",
        json!({ "prompt": scripted(json!({ "ignore_term": true })), "timeout_sec": 1 }),
    );
    assert_eq!(result["code"], "timeout");
    let took = started.elapsed();
    // Below the sandbox's helper the grace is 1.8 s, so that the helper ends within the server's 2 s.
    assert!((Duration::from_millis(2_750)..Duration::from_secs(5)).contains(&took), "{took:?}");
}

#[test]
fn silence_after_a_beginning_is_a_stall() {
    let mut client = Server::new().codex().env("MAESTRO_CODEX_STALL_TIMEOUT", "1").start();
    let result = client
        .call("maestro_consult", json!({ "prompt": scripted(json!({ "first": "I begin", "sleep": 60 })) }));
    assert_eq!(result["code"], "stalled", "{result}");
}

#[test]
fn a_cli_that_only_speaks_at_its_end_does_not_stall() {
    let mut client = Server::new().codex().env("MAESTRO_CODEX_STALL_TIMEOUT", "1").start();
    let result = client
        .call("maestro_consult", json!({ "prompt": scripted(json!({ "sleep": 2.5 })), "timeout_sec": 30 }));
    assert_eq!(result["ok"], true, "{result}");
}

#[test]
fn a_child_left_behind_is_no_failure_and_does_not_stay() {
    let mut client = Server::new().codex().start();
    let started = Instant::now();
    let result = client.call("maestro_consult", json!({ "prompt": scripted(json!({ "child": "group" })) }));
    assert_eq!(result["ok"], true, "{result}");
    assert!(started.elapsed() < Duration::from_secs(3));
    let id = client.log("codex")[0]["env"]["CONSULT_CALL_ID"].as_str().unwrap().to_owned();
    eventually("nothing of the call is left", Duration::from_secs(3), || processes_of_call(&id).is_empty());
}

#[test]
fn a_flood_is_stopped() {
    let mut client = Server::new().codex().start();
    let result =
        client.call("maestro_consult", json!({ "prompt": scripted(json!({ "flood": 90_000_000 })) }));
    assert_eq!(result["code"], "output_too_large", "{result}");
}

#[test]
fn more_calls_than_slots_wait_in_order_and_say_so() {
    let mut client = Server::new().codex().env("MAESTRO_MAX_PARALLEL", "2").start();
    let ids: Vec<u64> = (0..5)
        .map(|number| {
            client.begin_call(
                "maestro_consult",
                json!({ "prompt": scripted(json!({ "sleep": 0.4, "text": number.to_string() })) }),
            )
        })
        .collect();
    for id in &ids {
        assert_eq!(client.result(*id)["ok"], true);
    }
    let order: Vec<String> =
        client.log("codex").iter().map(|call| call["prompt"].as_str().unwrap().to_owned()).collect();
    let number_of =
        |prompt: &String| prompt.split("\"text\":\"").nth(1).unwrap()[..1].parse::<u32>().unwrap();
    let mut started: Vec<u32> = order.iter().map(number_of).collect();
    // Two parallel processes may write their first line in either order.
    started[..2].sort_unstable();
    started[2..4].sort_unstable();
    assert_eq!(started, [0, 1, 2, 3, 4]);
    let said = client.progress();
    assert!(
        said.iter().any(|message| message.contains("waiting for a slot: 2 of 2 in use, 2 ahead")),
        "{said:?}"
    );
}

#[test]
fn consults_run_side_by_side() {
    let mut client = Server::new().codex().start();
    client.call("maestro_consult", json!({ "prompt": "the first one also asks for the version" }));
    let started = Instant::now();
    let ids: Vec<u64> = (0..8)
        .map(|_| client.begin_call("maestro_consult", json!({ "prompt": scripted(json!({ "sleep": 1 })) })))
        .collect();
    for id in ids {
        assert_eq!(client.result(id)["ok"], true);
    }
    assert!(started.elapsed() < Duration::from_millis(2_500), "{:?}", started.elapsed());
}

#[test]
fn a_consultant_gets_its_own_environment_and_an_empty_directory() {
    let secrets = [
        "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "CLAUDECODE",
        "CLAUDE_CODE_SESSION_ID", "NODE_OPTIONS", "LD_PRELOAD_NOT",
    ];
    let mut server = Server::new()
        .codex()
        .env("OPENAI_API_KEY", "own-key-0123456789")
        .env("HTTPS_PROXY", "http://proxy:1")
        .env("LC_ALL", "C.UTF-8");
    for name in secrets {
        server = server.env(name, "not-for-codex-123");
    }
    let mut client = server.file("AGENTS.md", "trap").start();
    assert_eq!(client.call("maestro_consult", json!({ "prompt": "x" }))["ok"], true);
    let call = &client.log("codex")[0];
    let environment = call["env"].as_object().unwrap();
    for name in secrets {
        assert!(!environment.contains_key(name), "{name} reached the consultant");
    }
    assert_eq!(environment["OPENAI_API_KEY"], "own-key-0123456789");
    assert_eq!(environment["HTTPS_PROXY"], "http://proxy:1");
    assert_eq!(environment["LC_ALL"], "C.UTF-8");
    assert_eq!(environment["MAESTRO_DEPTH"], "1");
    let ours: Vec<&String> = environment.keys().filter(|name| name.starts_with("MAESTRO_")).collect();
    assert_eq!(ours, ["MAESTRO_DEPTH"]);
    assert_eq!(call["files"], json!([]));
    let cwd = std::path::PathBuf::from(call["cwd"].as_str().unwrap());
    assert!(!cwd.starts_with(client.project()));
    eventually("the private directory is gone", Duration::from_secs(3), || !cwd.exists());
}

#[test]
fn extra_arguments_and_variables_are_given_and_ours_come_last() {
    let config =
        "providers: { codex: { extra_env: { MY_PROXY: '${PROXY_URL:-none}' }, allow_env: [MY_*] } }\n";
    let mut client = Server::new()
        .codex()
        .user_file("cli_clients.yaml", config)
        .env("MAESTRO_CODEX_EXTRA_ARGS", "-c 'a b' --flag")
        .env("MY_KEY", "k1")
        .start();
    let result = client.call("maestro_consult", json!({ "prompt": "x" }));
    assert_eq!(result["ok"], true, "{result}");
    let call = &client.log("codex")[0];
    let arguments: Vec<&str> =
        call["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(arguments[..5], ["exec", "-c", "a b", "--flag", "--json"]);
    assert_eq!(arguments.last(), Some(&"-"));
    assert_eq!(call["env"]["MY_PROXY"], "none");
    assert_eq!(call["env"]["MY_KEY"], "k1");
}

#[test]
fn a_server_inside_a_consultant_refuses_to_consult() {
    let mut client = Server::new().codex().env("MAESTRO_DEPTH", "1").start();
    for (tool, arguments) in [
        ("maestro_consult", json!({ "prompt": "x" })),
        ("maestro_consult_with_role", json!({ "prompt": "x", "role": "judge" })),
        ("maestro_ensemble_generate", json!({ "task": "x" })),
    ] {
        assert_eq!(client.call(tool, arguments)["code"], "nested_consult");
    }
    assert!(client.log("codex").is_empty());
    assert_eq!(client.call("maestro_help", json!({ "topic": "overview" }))["ok"], true);
}

#[test]
fn the_last_process_of_a_killed_server_is_its_guardian_and_it_ends() {
    let mut client = Server::new().codex().start();
    client.begin_call(
        "maestro_consult",
        json!({ "prompt": scripted(json!({ "child": "escaped", "ignore_term": true })) }),
    );
    let call = client.wait_for_calls("codex", 1)[0].clone();
    let id = call["env"]["CONSULT_CALL_ID"].as_str().unwrap().to_owned();
    let pid = call["pid"].as_u64().unwrap();
    let guardian = guardian_of(client.pid()).expect("a guardian");
    client.signal("KILL");
    eventually("the guardian ends", Duration::from_secs(6), || !is_alive(guardian));
    // The guardian ended the whole tree before it ended itself.
    assert!(!is_alive(pid) && processes_of_call(&id).is_empty());
}

#[test]
fn a_guardian_that_is_killed_harms_nobody_and_is_replaced() {
    let mut client = Server::new().codex().start();
    assert_eq!(client.call("maestro_consult", json!({ "prompt": "x" }))["ok"], true);
    let first = guardian_of(client.pid()).expect("a guardian");
    assert!(
        std::process::Command::new("kill").args(["-KILL", &first.to_string()]).status().unwrap().success()
    );
    eventually("the guardian is gone", Duration::from_secs(2), || !is_alive(first));
    assert_eq!(client.call("maestro_consult", json!({ "prompt": "x" }))["ok"], true);
    let second = guardian_of(client.pid()).expect("another guardian");
    assert_ne!(first, second);
    assert!(client.close().0.success());
    eventually("the guardian goes with its server", Duration::from_secs(2), || !is_alive(second));
}

/// The guardian among a server's children.
fn guardian_of(server: u32) -> Option<u64> {
    children(server).into_iter().find(|pid| {
        is_alive(*pid)
            && std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.contains("guardian"))
    })
}

/// The helper of a consult starts before the consult is sure to start.
#[cfg(target_os = "linux")]
#[test]
fn a_helper_that_is_not_needed_ends() {
    let mut client = Server::new().codex().fake("claude", "claude").start();
    let only_its_guardian = |client: &Client| {
        let guardian = guardian_of(client.pid());
        children(client.pid()).into_iter().all(|pid| Some(pid) == guardian)
    };
    for _ in 0..3 {
        let refused = json!({ "prompt": "x", "provider": "codex", "context_files": ["not-there.py"] });
        assert_eq!(client.call("maestro_consult", refused)["ok"], false);
        assert_eq!(
            client.call("maestro_consult", json!({ "prompt": "x", "provider": "claude" }))["ok"],
            true
        );
        // The helper that was started for the consult asks codex for its version.
        assert_eq!(client.call("maestro_consult", json!({ "prompt": "x", "provider": "codex" }))["ok"], true);
        let cancelled = client.begin_call("maestro_consult", json!({ "prompt": "y", "provider": "claude" }));
        client.cancel(cancelled);
    }
    eventually("no helper is left", PATIENCE, || only_its_guardian(&client));
}

#[test]
fn what_a_killed_server_left_on_disk_is_removed_by_the_next() {
    let server = Server::new();
    let temporary = server.project().parent().unwrap().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let with_tmp = |server: Server| server.codex().env("TMPDIR", temporary.to_str().unwrap());
    let left = || std::fs::read_dir(&temporary).unwrap().count();
    let mut client = with_tmp(Server::new()).start();
    client.begin_call("maestro_consult", json!({ "prompt": scripted(json!({ "sleep": 60 })) }));
    client.wait_for_calls("codex", 1);
    client.signal("KILL");
    assert_eq!(left(), 1);
    // Makes the directory old, because a new one could belong to a server that is still making it.
    let directory = std::fs::read_dir(&temporary).unwrap().next().unwrap().unwrap().path();
    let an_hour_ago = std::time::SystemTime::now() - Duration::from_secs(3_600);
    std::fs::File::open(&directory).unwrap().set_modified(an_hour_ago).unwrap();
    let mut next = with_tmp(Server::new()).start();
    assert_eq!(next.call("maestro_consult", json!({ "prompt": "x" }))["ok"], true);
    eventually("nothing is left", Duration::from_secs(3), || left() == 0);
}

/// A server that is killed with its guardian leaves a directory with a copy of a login. The next program of
/// any kind removes it before anything else.
#[test]
fn what_a_killed_server_and_its_guardian_left_goes_at_the_next_start() {
    let server = Server::new().codex();
    let temporary = server.project().parent().unwrap().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let server = server.env("TMPDIR", temporary.to_str().unwrap());
    let left = || {
        std::fs::read_dir(&temporary)
            .unwrap()
            .filter(|entry| {
                entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with("maestro-call-")
            })
            .count()
    };
    let kill = |pid: u64| {
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    };
    for next in ["a server", "a command"] {
        let mut client = server.beside().start();
        let seen = client.log("codex").len();
        client.begin_call("maestro_consult", json!({ "prompt": scripted(json!({ "sleep": 60 })) }));
        let call = client.wait_for_calls("codex", seen + 1)[seen].clone();
        kill(guardian_of(client.pid()).expect("a guardian"));
        kill(u64::from(client.pid()));
        for pid in processes_of_call(call["env"]["CONSULT_CALL_ID"].as_str().unwrap()) {
            kill(pid);
        }
        eventually("the server is gone", PATIENCE, || !is_alive(u64::from(client.pid())));
        assert!(left() > 0);
        let [old, new] = ["old", "new"].map(|age| temporary.join(format!("maestro-answer-codex-{age}.md")));
        std::fs::write(&old, "x").unwrap();
        std::fs::write(&new, "x").unwrap();
        let long_ago = std::time::SystemTime::now() - Duration::from_secs(90 * 24 * 60 * 60);
        std::fs::File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
        if next == "a server" {
            let _running = server.beside().start();
            eventually("a server removes it", PATIENCE, || left() == 0 && !old.exists());
        } else {
            server.run(&["runs"], "");
            assert_eq!((left(), old.exists()), (0, false), "a command removes it");
        }
        assert!(new.exists(), "{next} removes an answer that is not old");
    }
}
