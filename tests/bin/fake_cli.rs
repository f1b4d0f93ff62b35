//! A scripted fake of an LLM's command line.
//!
//! Its own options come first, as the leading words of a provider's command:
//!
//! - `--as codex|gemini|claude|text`: the CLI to imitate;
//! - `--print-version V`: the version to print for `--version`;
//! - `--log FILE`: appends a JSON line with its arguments, environment, directory and prompt;
//! - `--state FILE`: counts its calls in the file;
//! - `--script JSON`: a script for every prompt; the script in the prompt is merged over it.
//!
//! The prompt holds the script: `@@fake {"text": "hi"}@@`. Its keys:
//!
//! - `text`: the answer; `<half>` in it is printed as half of a surrogate pair, in JSON;
//! - `repeat`: how many times the text is printed;
//! - `bytes`: raw bytes, printed instead of an answer;
//! - `first`: a text to print before `sleep`;
//! - `sleep`: seconds to wait before the answer;
//! - `exit`: the exit code; a code other than 0 replaces the answer;
//! - `status`, `message`: the HTTP status and the text to fail with;
//! - `fail_n`: only the first N calls fail with `status`;
//! - `stderr`: a text for standard error;
//! - `warning`: a note of the CLI itself beside its answer;
//! - `served`: the model that answers, if it is not the requested one;
//! - `judge`: answers as a judge that prefers the `first` candidate, the `longest`, or one with this text;
//! - `child`: leaves a process behind, in the process group (`"group"`) or outside of it (`"escaped"`);
//! - `ignore_term`: never ends, and ignores the signal TERM;
//! - `flood`: prints this many bytes and then waits;
//! - `no_read`: leaves standard input unread; this script stands in the arguments.
//!
//! One prompt may go to several CLIs. The script under `codex`, `gemini`, `claude` or `text-cli` is for that
//! CLI alone. The script under `later` is for every call after the first (counted by `--state`). Both are
//! merged over the rest.

#![allow(
    clippy::print_stdout, clippy::panic, clippy::print_stderr, clippy::exit, clippy::unwrap_used,
    clippy::expect_used, missing_docs
)]

use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::time::Duration;

use serde_json::{Value, json};

fn main() {
    let mut words = std::env::args().skip(1).collect::<Vec<_>>();
    let mut own = |name: &str| -> Option<String> {
        let at = words.iter().position(|word| word == name)?;
        let value = words.get(at + 1)?.clone();
        words.drain(at..=at + 1);
        Some(value)
    };
    let style = own("--as").unwrap_or_else(|| "text".into());
    let version = own("--print-version").unwrap_or_else(|| "9.9.9".into());
    let (log, state, always) = (own("--log"), own("--state"), own("--script"));
    if words.iter().any(|word| word == "--version") {
        println!("fake-cli {version}");
        note(log.as_deref(), &json!({ "args": words }));
        return;
    }
    if words.starts_with(&["debug".into(), "models".into()]) {
        let levels = |most: usize| {
            let all = ["low", "medium", "high", "xhigh", "max", "ultra"];
            all.iter().take(most).map(|effort| json!({ "effort": effort })).collect::<Vec<_>>()
        };
        let model = |slug: &str, priority: u32, most: usize| json!({ "slug": slug, "priority": priority, "visibility": "list", "supported_reasoning_levels": levels(most) });
        println!("{}", json!({ "models": [model("fake-small", 2, 4), model("fake-large", 1, 6)] }));
        return;
    }
    if words.ends_with(&["status".into()]) {
        return;
    }
    let mut prompt = Vec::new();
    let unread = words.iter().any(|word| word.contains("no_read"));
    if !unread {
        std::io::stdin().read_to_end(&mut prompt).unwrap();
    }
    let prompt = String::from_utf8_lossy(&prompt).into_owned();
    let asked =
        script(&prompt).or_else(|| words.iter().find_map(|word| script(word))).unwrap_or_else(|| json!({}));
    let script = match always {
        None => asked,
        Some(always) => {
            let mut script: Value = serde_json::from_str(&always).expect("a script that is JSON");
            script.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
            script
        }
    };
    // The call is counted first. A test that sees it in the log may kill it at once, and the next call must
    // still be a later one.
    let calls = count_call(state.as_deref());
    record(log.as_deref(), &words, &prompt);
    let mut script = laid_over(script, if style == "text" { "text-cli" } else { &style });
    if calls > 1.0 {
        script = laid_over(script, "later");
    }
    act(&style, &with_judgement(script, &prompt), calls, &words);
}

/// Sets the judgement as the text of the script, if the script has the key `judge`.
fn with_judgement(mut script: Value, prompt: &str) -> Value {
    let Some(preference) = script.get("judge").and_then(Value::as_str) else { return script };
    let candidates: Vec<(&str, &str)> = prompt
        .split(" begin ")
        .skip(1)
        .filter_map(|piece| piece.split_once('\n'))
        // The task is between such lines too, but its label is longer than a letter.
        .filter(|(label, _)| label.len() == 1)
        .map(|(label, rest)| (label, rest.split("\n==== ").next().unwrap()))
        .collect();
    let winner = match preference {
        "first" => candidates.first(),
        "longest" => candidates.iter().max_by_key(|(_, content)| content.len()),
        own => candidates.iter().find(|(_, content)| content.contains(own)),
    };
    let winner = winner.map(|(label, _)| *label);
    let score = |label: &str| if Some(label) == winner { 0.9 } else { 0.4 };
    let scores: serde_json::Map<String, Value> =
        candidates.iter().map(|(label, _)| ((*label).to_owned(), score(label).into())).collect();
    let text = json!({ "winner_id": winner, "scores": scores, "rationale": "as it prefers" }).to_string();
    if let Some(script) = script.as_object_mut() {
        script.insert("text".into(), text.into());
    }
    script
}

fn script(text: &str) -> Option<Value> {
    // In a conversation, only the script in the last question counts.
    let text = text
        .find("\n# Task\n")
        .filter(|_| text.contains("# Conversation so far"))
        .map_or(text, |_| text.rsplit_once("\n# Task\n").map_or(text, |(_, asked)| asked));
    let (_, after) = text.split_once("@@fake ")?;
    let (inside, _) = after.split_once("@@")?;
    Some(serde_json::from_str(inside).expect("a script that is JSON"))
}

/// The script with its section `name` merged over it.
fn laid_over(mut script: Value, name: &str) -> Value {
    if let Some(Value::Object(more)) = script.get(name).cloned() {
        script.as_object_mut().unwrap().extend(more);
    }
    script
}

fn record(log: Option<&str>, words: &[String], prompt: &str) {
    let environment: serde_json::Map<String, Value> =
        std::env::vars().map(|(name, value)| (name, Value::from(value))).collect();
    let here = std::env::current_dir().unwrap();
    let mut files: Vec<String> = std::fs::read_dir(&here)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let read = |flag: &str| {
        let at = words.iter().position(|word| word == flag)?;
        std::fs::read_to_string(words.get(at + 1)?).ok()
    };
    let after = |flag: &str| words.iter().skip_while(|word| *word != flag).nth(1).cloned();
    note(
        log,
        &json!({
            "args": words,
            "env": environment,
            "cwd": here,
            "files": files,
            "prompt": prompt,
            "system": read("--system-prompt-file").or_else(|| file_of_system(words)),
            "schema": read("--output-schema").or_else(|| after("--json-schema")),
            "workspace": std::fs::read_to_string(here.join(".gemini/settings.json")).ok(),
            "pid": std::process::id(),
        }),
    );
}

/// Content of the file with the system prompt. Codex names the file in a setting, gemini in a variable.
fn file_of_system(words: &[String]) -> Option<String> {
    let setting = words.iter().find_map(|word| word.strip_prefix("model_instructions_file="));
    let file = setting.map(|file| file.trim_matches('"').to_owned());
    std::fs::read_to_string(file.or_else(|| std::env::var("GEMINI_SYSTEM_MD").ok())?).ok()
}

fn note(log: Option<&str>, line: &Value) {
    if let Some(log) = log {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

fn act(style: &str, script: &Value, calls: f64, words: &[String]) {
    let text = |key: &str| script.get(key).and_then(Value::as_str);
    let number = |key: &str| script.get(key).and_then(Value::as_f64);
    if let Some(kind) = text("child") {
        leave_behind(kind);
    }
    if script.get("ignore_term").is_some() {
        // A shell that ignores the signal replaces this process, so that no process is left to obey it.
        let error = std::process::Command::new("sh")
            .args(["-c", "trap '' TERM; while :; do sleep 0.05; done"])
            .exec();
        panic!("{error}");
    }
    if let Some(first) = text("first") {
        println!("{first}");
    }
    if let Some(seconds) = number("sleep") {
        std::thread::sleep(Duration::from_secs_f64(seconds));
    }
    if let Some(bytes) = number("flood") {
        flood(bytes);
    }
    let fails = number("fail_n").is_none_or(|most| calls <= most);
    if let (Some(status), true) = (number("status"), fails) {
        fail(style, status, text("message").unwrap_or("it failed"));
    }
    if let Some(words) = text("stderr") {
        eprintln!("{words}");
    }
    if let Some(bytes) = script.get("bytes").and_then(Value::as_array) {
        let bytes: Vec<u8> = bytes.iter().map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap()).collect();
        std::io::stdout().write_all(&bytes).unwrap();
    } else if number("exit").is_none_or(|code| code == 0.0) {
        let once = text("text").unwrap_or("an answer from the fake").to_owned();
        let times = number("repeat").map_or(1, |times| times.to_string().parse().unwrap());
        let served = text("served").or_else(|| asked_model(words)).unwrap_or("fake-default");
        answer(style, &once.repeat(times), served, text("warning"));
    }
    if let Some(code) = number("exit") {
        std::process::exit(code.to_string().parse().unwrap());
    }
}

fn leave_behind(kind: &str) {
    let command = match kind {
        "escaped" => "setsid sleep 60 &",
        _ => "sleep 60 &",
    };
    std::process::Command::new("sh").args(["-c", command]).spawn().unwrap().wait().unwrap();
}

fn flood(bytes: f64) {
    let mut left = bytes;
    let chunk = vec![b'x'; 1 << 20];
    while left > 0.0 {
        if std::io::stdout().write_all(&chunk).is_err() {
            return;
        }
        left -= 1_048_576.0;
    }
    std::thread::sleep(Duration::from_secs(60));
}

/// The number of this call. Parallel calls get different numbers: each appends its mark, and the end of the
/// mark is the count.
#[expect(clippy::cast_precision_loss, reason = "few calls are counted")]
fn count_call(state: Option<&str>) -> f64 {
    use std::io::Seek as _;
    let Some(state) = state else { return 1.0 };
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(state).unwrap();
    file.write_all(b".").unwrap();
    file.stream_position().unwrap() as f64
}

fn asked_model(words: &[String]) -> Option<&str> {
    let at = words.iter().position(|word| word == "-m" || word == "--model")?;
    words.get(at + 1).map(String::as_str)
}

/// The answer in the form of the CLI: one event a line.
fn answer(style: &str, text: &str, served: &str, warning: Option<&str>) {
    let events = match style {
        "codex" => [
            Some(json!({ "type": "thread.started", "thread_id": "t" })),
            warning.map(
                |note| json!({ "type": "item.completed", "item": { "type": "error", "message": note } }),
            ),
            Some(json!({ "type": "item.completed", "item": { "type": "agent_message", "text": text } })),
            Some(json!({ "type": "turn.completed", "usage": { "input_tokens": 11, "output_tokens": 7 } })),
        ],
        "gemini" => [
            Some(json!({ "type": "init", "model": "auto" })),
            warning.map(|note| json!({ "type": "error", "severity": "warning", "message": note })),
            Some(json!({ "type": "message", "role": "assistant", "content": text, "delta": true })),
            Some(json!({
                "type": "result", "status": "success",
                "stats": {
                    "input_tokens": 12, "output_tokens": 8,
                    "models": { "fake-classifier": { "output_tokens": 1 }, served: { "output_tokens": 7 } },
                },
            })),
        ],
        "claude" => [
            Some(json!({ "type": "system", "subtype": "init", "model": "fake-resolved" })),
            None,
            Some(json!({
                "type": "assistant",
                "message": { "model": served, "content": [{ "type": "text", "text": text }] },
            })),
            Some(json!({
                "type": "result", "subtype": "success", "is_error": false, "num_turns": 1, "result": text,
                "total_cost_usd": 0.25,
                "usage": { "input_tokens": 3, "cache_read_input_tokens": 10, "output_tokens": 9 },
            })),
        ],
        _ => {
            print!("{text}");
            return;
        }
    };
    if let ("claude", Some(note)) = (style, warning) {
        eprintln!("{note}");
    }
    for event in events.iter().flatten() {
        // Half of a surrogate pair, which no Rust string can hold.
        println!("{}", event.to_string().replace("<half>", r"\ud83d"));
    }
}

fn fail(style: &str, status: f64, message: &str) -> ! {
    match style {
        "codex" => println!(
            "{}",
            json!({ "type": "turn.failed", "error": { "message": format!("unexpected status {status} X: {message}") } })
        ),
        "gemini" => println!(
            "{}",
            json!({ "type": "result", "status": "error", "error": { "message": format!("got status: {status}. {message}") } })
        ),
        "claude" => println!(
            "{}",
            json!({
                "type": "result", "subtype": "success", "is_error": true, "num_turns": 1, "api_error_status": status,
                "result": format!("API Error: {status} {message}"),
            })
        ),
        _ => eprintln!("HTTP {status}: {message}"),
    }
    std::process::exit(1);
}
