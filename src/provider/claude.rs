//! The Claude CLI (`claude -p`).

use jiff::Timestamp;
use serde_json::Value;

use super::events::{self, Piece, kind, pieces};
use super::failure::{CliFailure, Evidence, FailureKind};
use super::installed::Version;
use super::schema::inline;
use super::{Answer, Ask, Files, Form, Places, Usage, never_a_command};
use crate::host::process::{Launch, Outcome};

/// The newest version that Maestro is tested with.
pub const NEWEST_TRIED: Version = Version::new(2, 1, 332);

/// Composes a call without tools, MCP servers, settings and memory files, for one turn.
pub fn put(ask: &Ask<'_>, places: &Places, launch: &mut Launch) -> Files {
    let system = places.temporary.join("system.md");
    launch.stdin = never_a_command(ask.prompt).into_bytes();
    // The user's arguments come first, so that they cannot override ours.
    launch.args(ask.extra_args);
    // Only the stream reports the model that answered, and the end of a limit.
    launch
        .args(["-p", "--output-format", "stream-json", "--verbose"])
        .args(["--tools", "", "--strict-mcp-config", "--setting-sources", "", "--disable-slash-commands"])
        .arg("--no-session-persistence")
        // A structured answer is a separate tool call, with a turn to correct it.
        .args(["--max-turns", if ask.schema.is_some() { "3" } else { "1" }, "--system-prompt-file"])
        .arg(&system)
        // Otherwise the CLI reads and sends files that the prompt names (`@/etc/passwd`).
        .env("CLAUDE_CODE_DISABLE_ATTACHMENTS", "1")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("DISABLE_TELEMETRY", "1")
        .env("DISABLE_AUTOUPDATER", "1")
        // One start makes one request: Maestro itself does the retries.
        .env("CLAUDE_CODE_MAX_RETRIES", "0")
        .env("CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK", "1")
        .env("MAX_STRUCTURED_OUTPUT_RETRIES", "2")
        // The service decides if a prompt fits the model: the CLI's own estimate refuses 3 MB.
        .env("CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE", "10000000");
    if let Some(model) = ask.model {
        launch.args(["--model", model]);
    }
    if let Some(effort) = ask.effort {
        launch.args(["--effort", effort]);
    }
    if let Some(schema) = ask.schema {
        launch.arg("--json-schema").arg(inline(schema).to_string());
    }
    vec![(system, ask.system.to_owned())]
}

/// True if an output contains the result event, which ends the answer.
pub fn is_finished(stdout: &str) -> bool {
    events::any(stdout, |event| kind(event) == Some("result"))
}

/// Parses the events on stdout: one per line or, from a wrapper that asks for `json`, one document or a list.
/// The last result event contains the whole answer.
///
/// # Errors
///
/// The failure that the CLI reported.
pub fn parse(output: &Outcome<String>) -> Result<Answer, CliFailure> {
    let mut told = Evidence::default();
    let (mut events, mut form) = (Vec::new(), Form::Absent);
    for piece in pieces(&output.stdout) {
        match piece {
            Piece::Document(event) => {
                form = Form::Begun;
                limit(&event, &mut told);
                events.push(event);
            }
            Piece::Broken(line) | Piece::Noise(line) => told.note(line),
        }
    }
    let ends = |(_, event): &(usize, &Value)| kind(event) == Some("result");
    let Some((place, result)) = events.iter().enumerate().rev().find(ends) else {
        for event in events.iter().filter(|event| event.get("error").is_some()) {
            told.note(&event.to_string());
        }
        return Err(output.failure(&told, form));
    };
    let text = result.get("result").and_then(Value::as_str).unwrap_or_default();
    let subtype = result.get("subtype").and_then(Value::as_str);
    if subtype != Some("success") || result.get("is_error") == Some(&Value::Bool(true)) {
        return Err(failure(output, result, told));
    }
    if result.get("num_turns").and_then(Value::as_u64).unwrap_or(0) == 0 {
        return Err(CliFailure::new(
            FailureKind::CliFailed,
            format!("the CLI took the prompt for a command: {text}"),
        ));
    }
    if result.get("stop_reason").and_then(Value::as_str) == Some("max_tokens") {
        return Err(CliFailure::new(
            FailureKind::AnswerTruncated,
            "the answer was cut at the model's output limit",
        ));
    }
    let structured = result.get("structured_output").filter(|value| !value.is_null()).cloned();
    if text.trim().is_empty() && structured.is_none() {
        return Err(output.empty(&told));
    }
    // These are notes on the model or on a flag. Everything else on stderr is noise of the CLI's runtime.
    let is_note = |line: &&str| line.starts_with("Warning: ") || line.starts_with("[claude-code:");
    let warnings = output.stderr.lines().filter(is_note).map(str::to_owned).collect();
    let (usage, model) = (usage(result), served_model(&events));
    // A long text is moved, not copied.
    let text = match (&structured, events.swap_remove(place).get_mut("result").map(Value::take)) {
        (Some(structured), _) => structured.to_string(),
        (None, Some(Value::String(text))) => text,
        (None, _) => String::new(),
    };
    Ok(Answer { text, structured, usage, model, warnings, ..Answer::default() })
}

/// Notes the end of a limit, and the type of an error, from an event before the result.
fn limit(event: &Value, told: &mut Evidence) {
    if kind(event) == Some("rate_limit_event")
        && event.pointer("/rate_limit_info/status").and_then(Value::as_str) == Some("rejected")
    {
        let at = event.pointer("/rate_limit_info/resetsAt").and_then(Value::as_i64);
        told.resets_at = at.and_then(|at| Timestamp::from_second(at).ok());
    }
    if kind(event) == Some("assistant") {
        told.fallback_status = match event.get("error").and_then(Value::as_str) {
            Some("authentication_failed") => Some(401),
            Some("billing_error") => Some(402),
            Some("rate_limit") => Some(429),
            // Other types mention a server even if none was reached.
            Some(_) | None => told.fallback_status,
        };
    }
}

/// The model that the service names. The result has only the name of the requested one.
fn served_model(events: &[Value]) -> Option<String> {
    let named = |event: &Value| event.pointer("/message/model").and_then(Value::as_str).map(str::to_owned);
    // The CLI writes its own messages under a name in angle brackets.
    let served = |name: &String| !name.starts_with('<');
    events.iter().rev().filter(|event| kind(event) == Some("assistant")).filter_map(named).find(served)
}

fn failure(output: &Outcome<String>, result: &Value, mut told: Evidence) -> CliFailure {
    told.say(result.get("result").and_then(Value::as_str).unwrap_or_default());
    for error in result.get("errors").and_then(Value::as_array).into_iter().flatten() {
        told.say(error.as_str().map_or_else(|| error.to_string(), ToOwned::to_owned));
    }
    told.kind = match result.get("subtype").and_then(Value::as_str) {
        Some("error_max_structured_output_retries" | "error_max_turns") => {
            Some(FailureKind::AnswerUnreadable)
        }
        Some("error_max_budget_usd") => Some(FailureKind::QuotaExceeded),
        _ => None,
    };
    let status = result.get("api_error_status").and_then(Value::as_u64);
    told.status = status.and_then(|status| u16::try_from(status).ok());
    let said = told.failure(&output.stderr, output.exit, &output.at);
    said.unwrap_or_else(|| match told.status {
        Some(status) => {
            told.say(format!("the service answered with HTTP status {status} and no message"));
            told.failure("", output.exit, &output.at).unwrap_or_else(|| told.by_end_alone(output.exit, ""))
        }
        None => {
            let ended = told.by_end_alone(output.exit, &output.stderr);
            let subtype = result.get("subtype").and_then(Value::as_str).unwrap_or("no reason");
            CliFailure::new(
                ended.kind,
                format!("it reports an error ({subtype}) without a message; {}", ended.detail),
            )
        }
    })
}

fn usage(result: &Value) -> Usage {
    let count = |key: &str| result.pointer(&format!("/usage/{key}")).and_then(Value::as_u64);
    let input = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
    Usage {
        input_tokens: input.iter().filter_map(|key| count(key)).reduce(|left, right| left + right),
        output_tokens: count("output_tokens"),
        cost_usd: result.get("total_cost_usd").and_then(Value::as_f64),
    }
}
