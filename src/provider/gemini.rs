//! The Gemini CLI.

use serde_json::{Value, json};

use super::failure::{CliFailure, FailureKind};
use super::schema::in_words;
use super::version::Version;
use super::{Answer, Ask, Invocation, Output, Places, Usage, never_a_command};

/// Bytes that the CLI takes at most; beyond, it cuts the prompt with no more than a warning.
pub const MAX_PROMPT_BYTES: usize = 8 * 1024 * 1024;

/// The first version whose policies cannot be widened by other policy files.
const ADMIN_POLICY: Version = Version::new(0, 40, 0);

/// Everything is denied but listing the working directory, which is empty: the service refuses a
/// request that offers an empty list of tools.
const POLICY: &str = r#"[[rule]]
toolName = "*"
decision = "deny"
priority = 998

[[rule]]
toolName = "list_directory"
decision = "allow"
priority = 999
"#;

/// How to ask: every tool denied, plan mode off (it can end in a mode that runs commands), no MCP
/// servers, no extensions, in an empty directory.
#[must_use]
pub fn invocation(ask: &Ask<'_>, places: &Places, version: Option<Version>) -> Invocation {
    let system = places.files.join("system.md");
    let policy = places.files.join("policy.toml");
    let prompt = match ask.schema {
        Some(schema) => format!("{}\n\n{}", ask.prompt, in_words(schema)),
        None => ask.prompt.to_owned(),
    };
    let mut call = Invocation { stdin: never_a_command(&prompt).into_bytes(), ..Invocation::default() };
    let policy_flag =
        if version.is_none_or(|version| version >= ADMIN_POLICY) { "--admin-policy" } else { "--policy" };
    call.args(ask.extra_args);
    call.args(["-m", ask.model, "-o", "stream-json", policy_flag])
        .arg(&policy)
        .args(["--allowed-mcp-server-names", "__none__", "-e", "none"])
        .env("GEMINI_CLI_TRUST_WORKSPACE", "true")
        .env("GEMINI_CLI_NO_RELAUNCH", "true")
        .env("GEMINI_SYSTEM_MD", &system)
        .env("TERM", "xterm-256color")
        .env("COLORTERM", "truecolor");
    call.files.push((system, ask.system.to_owned()));
    call.files.push((policy, POLICY.to_owned()));
    call.files.push((places.work.join(".gemini/settings.json"), workspace_settings().to_string()));
    call
}

fn workspace_settings() -> Value {
    json!({
        "general": {
            "enableAutoUpdate": false,
            "enableAutoUpdateNotification": false,
            "maxAttempts": 2,
            "plan": { "enabled": false },
        },
        "model": { "disableLoopDetection": true, "skipNextSpeakerCheck": true, "maxSessionTurns": 3 },
        "skills": { "enabled": false },
        "hooksConfig": { "enabled": false },
        "experimental": { "enableAgents": false },
        "context": { "includeDirectoryTree": false },
        "privacy": { "usageStatisticsEnabled": false },
    })
}

/// Reads the events on stdout, a JSON document a line.
///
/// # Errors
///
/// What the CLI reported.
pub fn parse(output: &Output) -> Result<Answer, CliFailure> {
    let mut answer = Answer::default();
    let mut reported = None;
    let mut status = None;
    for event in output.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let text = |key: &str| event.get(key).and_then(Value::as_str);
        match text("type") {
            Some("message") if text("role") == Some("assistant") => {
                answer.text.push_str(text("content").unwrap_or_default());
            }
            Some("error") if text("severity") == Some("error") => {
                reported = text("message").map(ToOwned::to_owned);
            }
            Some("result") => {
                status = text("status").map(ToOwned::to_owned);
                answer.usage = usage(&event);
                answer.model = served_model(&event);
                if let Some(message) = event.pointer("/error/message").and_then(Value::as_str) {
                    reported = Some(message.to_owned());
                }
            }
            _ => {}
        }
    }
    match status.as_deref() {
        Some("success") if output.ended_well() && !answer.text.trim().is_empty() => Ok(answer),
        Some("success") if output.ended_well() => Err(CliFailure::new(
            FailureKind::AnswerEmpty,
            reported.unwrap_or_else(|| "the answer is empty".to_owned()),
        )),
        _ => Err(failure(output, reported)),
    }
}

fn failure(output: &Output, reported: Option<String>) -> CliFailure {
    let Some(words) = reported else {
        return by_exit_code(output, output.failure());
    };
    let by_words = CliFailure::from_words(words);
    by_exit_code(output, by_words)
}

/// Where the words tell nothing, the exit code may: it is the low byte of the HTTP status, or one of
/// the CLI's own.
fn by_exit_code(output: &Output, by_words: CliFailure) -> CliFailure {
    if by_words.kind != FailureKind::CliFailed {
        return by_words;
    }
    let status = match output.exit_code {
        Some(41) => return CliFailure::new(FailureKind::LoginMissing, by_words.detail),
        Some(144) => 400,
        Some(145) => 401,
        Some(147) => 403,
        Some(173) => 429,
        Some(244) => 500,
        Some(247) => 503,
        _ => return by_words,
    };
    CliFailure::from_status(status, by_words.detail)
}

/// The model that wrote most of the output; a small one may have chosen it.
fn served_model(event: &Value) -> Option<String> {
    let models = event.pointer("/stats/models")?.as_object()?;
    let written = |model: &Value| model.get("output_tokens").and_then(Value::as_u64).unwrap_or(0);
    models.iter().max_by_key(|(_, model)| written(model)).map(|(name, _)| name.clone())
}

fn usage(event: &Value) -> Usage {
    let count = |key: &str| event.pointer(&format!("/stats/{key}")).and_then(Value::as_u64);
    Usage { input_tokens: count("input_tokens"), output_tokens: count("output_tokens"), cost_usd: None }
}
