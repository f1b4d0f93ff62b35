//! Conversations with consultants. They continue with any provider, from the log alone.

use serde_json::{Value, json};

use crate::harness::{Client, Server, scripted};

fn two() -> Server {
    Server::new().codex().fake("gemini", "gemini")
}

fn ask(client: &mut Client, provider: &str, says: &str, thread: Option<&Value>) -> Value {
    let mut arguments = json!({ "prompt": scripted(json!({ "text": says })), "provider": provider });
    if let Some(thread) = thread {
        arguments["thread"] = thread.clone();
    }
    let result = client.call("maestro_consult", arguments);
    assert_eq!(result["ok"], true, "{result}");
    result
}

fn last_prompt(client: &Client, provider: &str) -> String {
    client.log(provider).last().unwrap()["prompt"].as_str().unwrap().to_owned()
}

#[test]
fn a_thread_goes_on_with_another_provider_after_a_restart_and_on_another_server() {
    let mut client = two().start();
    let first = ask(&mut client, "codex", "the lock order differs", None);
    let thread = first["thread"].clone();
    assert!(thread.as_str().unwrap().starts_with("thread-"), "{first}");
    assert_eq!(first["turn"], 1);
    assert!(first.get("history").is_none(), "{first}");
    client.restart();
    let second = ask(&mut client, "gemini", "then drain deadlocks", Some(&thread));
    assert_eq!((&second["thread"], &second["turn"]), (&thread, &json!(2)));
    assert_eq!((&second["history"]["turns"], &second["history"]["dropped"]), (&json!(1), &json!(0)));
    let prompt = last_prompt(&client, "gemini");
    assert!(
        prompt.contains("# Conversation so far") && prompt.contains("the lock order differs"),
        "{prompt}"
    );
    assert!(prompt.contains("Answer of codex"), "{prompt}");
    let mut other = client.server.beside().start();
    let third = ask(&mut other, "codex", "take them in one order", Some(&thread));
    assert_eq!(third["turn"], 3);
    let prompt = last_prompt(&other, "codex");
    assert!(prompt.contains("## Turn 2") && prompt.contains("then drain deadlocks"), "{prompt}");
    // No CLI is told to continue a session of its own.
    let arguments = other.log("codex").last().unwrap()["args"].to_string();
    assert!(!arguments.contains("resume") && arguments.contains("ephemeral"), "{arguments}");
    let shown = client.call("maestro_threads", json!({ "thread": thread }));
    let said = shown["said"].as_array().unwrap();
    assert_eq!(said.len(), 3, "{shown}");
    assert_eq!(said[1]["answer"], "then drain deadlocks");
    assert_eq!(said[1]["provider"], "gemini");
    assert!(said[1]["model"].is_string(), "{shown}");
}

#[test]
fn a_new_consult_knows_nothing_of_another() {
    let mut client = two().start();
    let one = ask(&mut client, "codex", "pelican", None);
    let two = ask(&mut client, "codex", "heron", None);
    assert_ne!(one["thread"], two["thread"]);
    assert!(!last_prompt(&client, "codex").contains("Conversation so far"));
}

#[test]
fn a_thread_without_a_named_provider_goes_on_with_its_last() {
    let mut client = two().start();
    let first = ask(&mut client, "gemini", "one", None);
    let arguments = json!({ "prompt": "and then?", "thread": first["thread"], "role": "debugger" });
    let second = client.call("maestro_consult_with_role", arguments);
    assert_eq!((&second["provider"], &second["turn"]), (&json!("gemini"), &json!(2)), "{second}");
}

#[test]
fn a_secret_of_an_earlier_turn_does_not_come_back() {
    let secret = "AKIAIOSFODNN7EXAMPLQ";
    let mut client = two().start();
    let first = ask(&mut client, "codex", &format!("the key {secret} is wrong"), None);
    ask(&mut client, "gemini", "so rotate it", Some(&first["thread"]));
    let prompt = last_prompt(&client, "gemini");
    assert!(prompt.contains("is wrong") && !prompt.contains(secret), "{prompt}");
    let shown = client.call("maestro_threads", json!({ "action": "show", "thread": first["thread"] }));
    assert!(!shown.to_string().contains(secret), "{shown}");
}

#[test]
fn the_oldest_turns_are_dropped_first_and_that_is_said() {
    let mut client = two().start();
    let long = |word: &str| json!({ "text": format!("{word} "), "repeat": 3_000 });
    let say = |client: &mut Client, order: Value, thread: Value| {
        let mut arguments = json!({ "prompt": scripted(order), "provider": "codex" });
        if !thread.is_null() {
            arguments["thread"] = thread;
        }
        client.call("maestro_consult", arguments)
    };
    let first = say(&mut client, long("pelican"), Value::Null);
    let thread = first["thread"].clone();
    say(&mut client, long("heron"), thread.clone());
    say(&mut client, long("stork"), thread.clone());
    let last = say(&mut client, json!({ "text": "done" }), thread);
    assert_eq!(last["history"]["turns"].as_u64().unwrap() + last["history"]["dropped"].as_u64().unwrap(), 3);
    assert!(last["history"]["dropped"].as_u64().unwrap() >= 1, "{last}");
    let prompt = last_prompt(&client, "codex");
    assert!(prompt.contains("left out") && prompt.contains("stork") && !prompt.contains("pelican"));
}

#[test]
fn the_files_of_a_conversation_go_along_again_as_they_are_now() {
    let mut client = two().file("a.py", "x = 1\n").start();
    let arguments = json!({ "prompt": "what is x?", "provider": "codex", "context_files": ["a.py"] });
    let first = client.call("maestro_consult", arguments);
    std::fs::write(client.project().join("a.py"), "x = 2\n").unwrap();
    let second = ask(&mut client, "gemini", "two", Some(&first["thread"]));
    assert_eq!(second["context"]["files"][0]["path"], "a.py", "{second}");
    assert!(last_prompt(&client, "gemini").contains("x = 2"));
    std::fs::remove_file(client.project().join("a.py")).unwrap();
    let third = ask(&mut client, "gemini", "gone", Some(&first["thread"]));
    assert!(third.get("context").is_none(), "{third}");
}

#[test]
fn a_fork_goes_its_own_way() {
    let mut client = two().start();
    let first = ask(&mut client, "codex", "pelican", None);
    ask(&mut client, "codex", "heron", Some(&first["thread"]));
    let fork = client.call("maestro_threads", json!({ "thread": first["thread"], "turn": 1 }));
    assert_eq!((&fork["turns"], &fork["forked_from"]["after_turn"]), (&json!(1), &json!(1)), "{fork}");
    let on_fork = ask(&mut client, "codex", "stork", Some(&fork["thread"]));
    assert_eq!(on_fork["turn"], 2);
    let prompt = last_prompt(&client, "codex");
    assert!(prompt.contains("pelican") && !prompt.contains("heron"), "{prompt}");
    client.restart();
    let list = client.call("maestro_threads", json!({}));
    assert_eq!(list["count"], 2, "{list}");
    assert_eq!(list["threads"][0]["thread"], fork["thread"]);
    let original = client.call("maestro_threads", json!({ "thread": first["thread"] }));
    assert_eq!(original["turns"], 2, "{original}");
    for (turn, told) in [(0, "(got 0)"), (9, "turn must be 1 to 2")] {
        let refused = client.call("maestro_threads", json!({ "thread": first["thread"], "turn": turn }));
        assert_eq!(refused["code"], "invalid_arguments");
        assert!(refused["error"].as_str().unwrap().contains(told), "{refused}");
    }
}

#[test]
fn what_was_said_is_found() {
    let mut client = two().start();
    let first = ask(&mut client, "codex", "The pelican holds the second lock", None);
    ask(&mut client, "codex", "nothing of the kind", None);
    let hits = client.call("maestro_threads", json!({ "query": "second PELICAN" }));
    assert_eq!(hits["count"], 1, "{hits}");
    assert_eq!(hits["hits"][0]["thread"], first["thread"]);
    assert!(hits["hits"][0]["excerpt"].as_str().unwrap().contains("pelican"), "{hits}");
    assert_eq!(client.call("maestro_threads", json!({ "query": "ostrich" }))["count"], 0);
    assert_eq!(client.call("maestro_threads", json!({ "action": "search" }))["code"], "invalid_arguments");
}

#[test]
fn an_unknown_thread_is_refused_before_anybody_is_asked() {
    let mut client = two().start();
    let nobody = client.call("maestro_consult", json!({ "prompt": "x", "thread": "thread-nobody" }));
    assert_eq!(nobody["code"], "unknown_thread", "{nobody}");
    let first = ask(&mut client, "codex", "one", None);
    let id = first["thread"].as_str().unwrap();
    let near = format!("{}0", &id[..id.len() - 1]);
    let near = if near == id { format!("{}1", &id[..id.len() - 1]) } else { near };
    let refused =
        client.call("maestro_consult", json!({ "prompt": "x", "thread": near, "provider": "codex" }));
    assert_eq!(refused["code"], "unknown_thread", "{refused}");
    assert!(refused["hint"].as_str().unwrap().contains(id), "{refused}");
    assert_eq!(client.log("codex").len(), 1);
    for arguments in [json!({ "action": "show" }), json!({ "action": "fork" }), json!({ "limit": 0 })] {
        assert_eq!(client.call("maestro_threads", arguments)["code"], "invalid_arguments");
    }
}

#[test]
fn a_turn_that_failed_changes_no_thread() {
    let mut client = two().start();
    let first = ask(&mut client, "codex", "one", None);
    let broken = scripted(json!({ "exit": 3, "bytes": [] }));
    let failed = client
        .call("maestro_consult", json!({ "prompt": broken, "provider": "codex", "thread": first["thread"] }));
    assert_eq!((&failed["ok"], &failed["thread"]), (&json!(false), &first["thread"]), "{failed}");
    assert!(failed["thread_note"].as_str().unwrap().contains("is unchanged"), "{failed}");
    let alone = client.call("maestro_consult", json!({ "prompt": broken, "provider": "codex" }));
    assert!(alone.get("thread").is_none(), "{alone}");
    assert_eq!(ask(&mut client, "codex", "two", Some(&first["thread"]))["turn"], 2);
}

#[test]
fn where_texts_are_not_kept_there_is_no_thread_and_the_result_says_so() {
    for (name, value) in [("MAESTRO_SAVE_PROMPTS", "false"), ("MAESTRO_SAVE_RESPONSES", "false")] {
        let mut client = two().env(name, value).start();
        let result = ask(&mut client, "codex", "one", None);
        assert!(result.get("thread").is_none(), "{result}");
        assert!(result["thread_note"].as_str().unwrap().contains("save_prompts"), "{result}");
        assert!(client.events().iter().all(|event| event["data"].get("turn").is_none()));
    }
}

#[test]
fn a_terminal_lists_shows_searches_and_goes_on() {
    let mut client = two().start();
    let first = ask(&mut client, "codex", "the pelican", None);
    let id = first["thread"].as_str().unwrap().to_owned();
    let part = id.strip_prefix("thread-").unwrap();
    let server = &client.server;
    let run = |arguments: &[&str]| {
        let output = server.run(arguments, "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run(&["threads"]).contains(&id));
    let answered = run(&["consult", "--thread", part, "--provider", "gemini", "--json", "and the heron?"]);
    let answered: Value = serde_json::from_str(&answered).unwrap();
    assert_eq!((&answered["thread"], &answered["turn"]), (&json!(id), &json!(2)), "{answered}");
    assert!(run(&["threads", "show", part]).contains("the pelican"));
    assert!(run(&["threads", "search", "pelican"]).contains(&id));
    let list: Value = serde_json::from_str(&run(&["threads", "--json"])).unwrap();
    assert_eq!(list["threads"][0]["turns"], 2);
    let fork: Value =
        serde_json::from_str(&run(&["threads", "fork", part, "--turn", "1", "--json"])).unwrap();
    assert_eq!(fork["forked_from"]["thread"], json!(id));
}

#[test]
fn a_very_long_question_keeps_its_end_where_its_task_stands() {
    let mut client = two().start();
    let material = "0123456789abcde\n".repeat(20_000);
    let prompt =
        format!("pelican\n{material}{}\nwhy does the heron fail?", scripted(json!({ "text": "so" })));
    let first = client.call("maestro_consult", json!({ "prompt": prompt, "provider": "codex" }));
    assert_eq!(first["ok"], true, "{first}");
    assert!(last_prompt(&client, "codex").contains(&material), "the consultant gets all of it");
    ask(&mut client, "gemini", "then", Some(&first["thread"]));
    let next = last_prompt(&client, "gemini");
    assert!(next.contains("pelican") && next.contains("why does the heron fail?"), "{}", next.len());
    let event = client.events().into_iter().find(|event| event["kind"] == "consult_settled").unwrap();
    let kept = event.to_string();
    assert!(kept.len() < 250_000 && kept.contains("characters are left out"), "{}", kept.len());
}
