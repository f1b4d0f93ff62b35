//! The Claude CLI (`claude -p`).

use serde_json::Value;

use super::failure::{CliFailure, FailureKind};
use super::schema::inline;
use super::{Answer, Ask, Invocation, Output, Places, Usage, never_a_command};

/// How to ask: no tools, no MCP servers, no settings, no memory files, one turn.
#[must_use]
pub fn invocation(ask: &Ask<'_>, places: &Places) -> Invocation {
    let system = places.files.join("system.md");
    let mut call = Invocation { stdin: never_a_command(ask.prompt).into_bytes(), ..Invocation::default() };
    // Before our own, which can be undone by none of them so.
    call.args(ask.extra_args);
    // Only the stream tells which model answered, and when a limit ends.
    call.args(["-p", "--model", ask.model, "--output-format", "stream-json", "--verbose"])
        .args(["--tools", "", "--strict-mcp-config", "--setting-sources", "", "--disable-slash-commands"])
        .arg("--no-session-persistence")
        // A structured answer is a tool call of its own, with a turn to correct it.
        .args(["--max-turns", if ask.schema.is_some() { "3" } else { "1" }, "--system-prompt-file"])
        .arg(&system)
        // Files named in the prompt (`@/etc/passwd`) are otherwise read and sent.
        .env("CLAUDE_CODE_DISABLE_ATTACHMENTS", "1")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("DISABLE_TELEMETRY", "1")
        .env("DISABLE_AUTOUPDATER", "1")
        .env("CLAUDE_CODE_MAX_RETRIES", "2")
        .env("MAX_STRUCTURED_OUTPUT_RETRIES", "2")
        // What fits the model is for the service to say: the CLI's own estimate refuses 3 MB.
        .env("CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE", "10000000");
    if let Some(schema) = ask.schema {
        call.arg("--json-schema").arg(inline(schema).to_string());
    }
    call.files.push((system, ask.system.to_owned()));
    call
}

/// Reads the events on stdout, a JSON document a line; the last result ends them.
///
/// # Errors
///
/// What the CLI reported.
pub fn parse(output: &Output) -> Result<Answer, CliFailure> {
    let events = events(&output.stdout);
    let Some(result) = events.iter().rev().find(|event| is(event, "result")) else {
        return Err(output.failure());
    };
    let text = result.get("result").and_then(Value::as_str).unwrap_or_default().to_owned();
    let turns = result.get("num_turns").and_then(Value::as_u64).unwrap_or(0);
    let succeeded = result.get("subtype").and_then(Value::as_str) == Some("success")
        && result.get("is_error") != Some(&Value::Bool(true))
        && output.ended_well();
    if !succeeded {
        return Err(failure(result, text));
    }
    if turns == 0 {
        return Err(CliFailure::new(
            FailureKind::CliFailed,
            format!("the prompt was taken for a command: {text}"),
        ));
    }
    let structured = result.get("structured_output").filter(|value| !value.is_null()).cloned();
    if text.trim().is_empty() && structured.is_none() {
        return Err(CliFailure::new(FailureKind::AnswerEmpty, "the answer is empty"));
    }
    let text = structured.as_ref().map_or(text, Value::to_string);
    Ok(Answer { text, structured, usage: usage(result), model: served_model(&events), ..Answer::default() })
}

/// The events: one a line, or (from a wrapper that asks for `json`) one document or a list of them.
fn events(stdout: &str) -> Vec<Value> {
    match serde_json::from_str(stdout.trim()) {
        Ok(Value::Array(events)) => events,
        Ok(document) => vec![document],
        Err(_) => stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
    }
}

fn is(event: &Value, kind: &str) -> bool {
    event.get("type").and_then(Value::as_str) == Some(kind)
}

/// The model by the service's own word. The names in the result are the ones that were asked for.
fn served_model(events: &[Value]) -> Option<String> {
    let named = |event: &Value| event.pointer("/message/model").and_then(Value::as_str).map(str::to_owned);
    // The CLI writes messages of its own under a name in angle brackets.
    let served = |name: &String| !name.starts_with('<');
    events.iter().rev().filter(|event| is(event, "assistant")).filter_map(named).find(served)
}

fn failure(result: &Value, text: String) -> CliFailure {
    let errors = result.get("errors").and_then(Value::as_array).map(|errors| {
        errors
            .iter()
            .map(|error| error.as_str().map_or_else(|| error.to_string(), ToOwned::to_owned))
            .collect::<Vec<_>>()
            .join("; ")
    });
    let detail = match errors {
        Some(errors) if text.is_empty() => errors,
        _ => text,
    };
    let kind = match result.get("subtype").and_then(Value::as_str) {
        Some("error_max_structured_output_retries" | "error_max_turns") => {
            Some(FailureKind::AnswerUnreadable)
        }
        Some("error_max_budget_usd") => Some(FailureKind::QuotaExceeded),
        _ => None,
    };
    if let Some(kind) = kind {
        return CliFailure::new(kind, detail);
    }
    match result.get("api_error_status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok())
    {
        Some(status) => CliFailure::from_status(status, detail),
        None => CliFailure::from_words(detail),
    }
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
