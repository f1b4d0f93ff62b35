//! The Gemini CLI.

use serde_json::{Value, json};

use super::events::{self, Piece, in_short, kind, pieces};
use super::failure::{CliFailure, Evidence};
use super::installed::Version;
use super::schema::in_words;
use super::{Answer, Ask, Asked, Files, Form, Places, Usage, never_a_command};
use crate::host::process::{Exit, Launch, Outcome};

/// The newest version that Maestro is tested with.
pub const NEWEST_TRIED: Version = Version::new(0, 61, 0);

/// Maximum size of a prompt in bytes. The CLI cuts a longer one, with only a warning.
pub const MAX_PROMPT_BYTES: usize = 8 * 1024 * 1024;

/// The first version whose policies cannot be widened by other policy files.
const ADMIN_POLICY: Version = Version::new(0, 40, 0);

/// A policy that denies every tool except listing the working directory, which is empty. One tool must be
/// allowed, because the service refuses a request with an empty list of tools.
const POLICY: &str = r#"[[rule]]
toolName = "*"
decision = "deny"
priority = 998

[[rule]]
toolName = "list_directory"
decision = "allow"
priority = 999
"#;

/// Composes a call in an empty directory with every other tool denied, no MCP servers, no extensions, and
/// plan mode off (it can end in a mode that runs commands).
pub fn put(ask: &Ask<'_>, places: &Places, launch: &mut Launch) -> Files {
    let system = places.temporary.join("system.md");
    let policy = places.temporary.join("policy.toml");
    let prompt = match ask.schema {
        Some(schema) => format!("{}\n\n{}", ask.prompt, in_words(schema)),
        None => ask.prompt.to_owned(),
    };
    launch.stdin = never_a_command(&prompt).into_bytes();
    let policy_flag =
        if ask.version.is_none_or(|version| version >= ADMIN_POLICY) { "--admin-policy" } else { "--policy" };
    launch.args(ask.extra_args);
    if let Some(model) = ask.model {
        launch.args(["-m", model]);
    }
    launch
        .args(["-o", "stream-json", policy_flag])
        .arg(&policy)
        .args(["--allowed-mcp-server-names", "__none__", "-e", "none"])
        .env("GEMINI_CLI_TRUST_WORKSPACE", "true")
        .env("GEMINI_CLI_NO_RELAUNCH", "true")
        .env("GEMINI_SYSTEM_MD", &system)
        .env("TERM", "xterm-256color")
        .env("COLORTERM", "truecolor");
    vec![
        (system, ask.system.to_owned()),
        (policy, POLICY.to_owned()),
        (places.work.join(".gemini/settings.json"), workspace_settings(ask).to_string()),
    ]
}

fn workspace_settings(ask: &Ask<'_>) -> Value {
    let mut settings = json!({
        "general": {
            "enableAutoUpdate": false,
            "enableAutoUpdateNotification": false,
            // The CLI's own retry joins the text before a break with the text after it. A new start does not.
            "maxAttempts": 1,
            "plan": { "enabled": false },
        },
        "model": { "disableLoopDetection": true, "skipNextSpeakerCheck": true, "maxSessionTurns": 3 },
        "skills": { "enabled": false },
        "hooksConfig": { "enabled": false },
        "experimental": { "enableAgents": false },
        "context": { "includeDirectoryTree": false },
        "privacy": { "usageStatisticsEnabled": false },
    });
    if let (Some(effort), Some(settings)) = (ask.effort, settings.as_object_mut()) {
        settings.insert("modelConfigs".to_owned(), thinking(effort, ask.model));
    }
    settings
}

/// The settings for a thinking level. They set it for the base of all models with levels that the CLI knows,
/// and for an unknown model by its name.
fn thinking(effort: &str, model: Option<&str>) -> Value {
    let config = json!({
        "generateContentConfig": { "thinkingConfig": { "thinkingLevel": effort.to_uppercase() } },
    });
    let named = model.filter(|model| model.starts_with("gemini-"));
    json!({
        "customAliases": { "chat-base-3": { "extends": "chat-base", "modelConfig": config } },
        "overrides": named
            .map(|model| json!({ "match": { "model": model }, "modelConfig": config }))
            .into_iter()
            .collect::<Vec<_>>(),
    })
}

/// True if an output contains the result event, which ends the answer.
pub fn is_finished(stdout: &str) -> bool {
    events::any(stdout, |event| kind(event) == Some("result"))
}

/// True if the CLI says that it will ask again. The configured number of attempts applies only to the answer.
/// The request that chooses a model is made up to five times, with pauses of up to half a minute.
pub(crate) fn tries_again(stderr: &str) -> bool {
    stderr.lines().any(|line| line.starts_with("Attempt ") && line.contains("Retrying "))
}

/// The requests of a start, one to each model. One request may choose the model for the other, and the choice
/// is known from then on.
pub(crate) fn asked(output: &Outcome<String>) -> Asked {
    if tries_again(&output.stderr) {
        return Asked { requests: 1, next: 2, chosen: None };
    }
    let models = |event: &Value| {
        let models = event.pointer("/stats/models")?.as_object()?;
        let tokens = |model: &Value| model.get("total_tokens").and_then(Value::as_u64).unwrap_or(0);
        // The model that was asked last failed, so it used no tokens.
        let silent = models.iter().find(|(_, model)| tokens(model) == 0).map(|(name, _)| name.clone());
        let requests = u32::try_from(models.len()).unwrap_or(u32::MAX).max(1);
        Some(Asked { requests, next: if silent.is_some() { 1 } else { requests }, chosen: silent })
    };
    let found = pieces(&output.stdout).into_iter().rev().find_map(|piece| match piece {
        Piece::Document(event) => models(&event),
        Piece::Broken(_) | Piece::Noise(_) => None,
    });
    found.unwrap_or_default()
}

/// Parses the events on stdout, one JSON document per line.
///
/// # Errors
///
/// The failure that the CLI reported.
pub fn parse(output: &Outcome<String>) -> Result<Answer, CliFailure> {
    let mut answer = Answer::default();
    let mut told = Evidence { fallback_status: status_by_exit(output.exit), ..Evidence::default() };
    let mut form = Form::Absent;
    let mut failed = false;
    for piece in &pieces(&output.stdout) {
        let Some(event) = form.event(piece, &mut told) else { continue };
        let text = |key: &str| event.get(key).and_then(Value::as_str);
        match kind(event) {
            // A stream that begins again contains the whole answer again.
            Some("init") => answer.text.clear(),
            Some("message") if text("role") == Some("assistant") => {
                answer.text.push_str(text("content").unwrap_or_default());
            }
            Some("error") if text("severity") == Some("warning") => {
                answer.warnings.extend(text("message").map(ToOwned::to_owned));
            }
            Some("error") => {
                failed = true;
                told.say(text("message").map_or_else(|| in_short(event), ToOwned::to_owned));
            }
            Some("result") => {
                answer.usage = usage(event);
                answer.model = served_model(event);
                if event.get("error").is_some_and(|error| !error.is_null()) {
                    told.say(reported(event));
                }
                if text("status") != Some("success") || failed || form == Form::Broken {
                    break;
                }
                return if answer.text.trim().is_empty() { Err(output.empty(&told)) } else { Ok(answer) };
            }
            // The one document that a wrapper may request instead of the stream.
            None if event.get("response").is_some_and(Value::is_string) => {
                text("response").unwrap_or_default().clone_into(&mut answer.text);
                answer.model = served_model(event);
                if !answer.text.trim().is_empty() && form != Form::Broken {
                    return Ok(answer);
                }
            }
            None if event.get("error").is_some_and(|error| !error.is_null()) => told.say(reported(event)),
            _ => {}
        }
    }
    Err(output.failure(&told, form))
}

/// The error of an event: its type, if that says more than the message, and the message.
fn reported(event: &Value) -> String {
    let text = |key: &str| event.pointer(key).and_then(Value::as_str);
    match (text("/error/type"), text("/error/message")) {
        (Some(kind), Some(message)) if kind.ends_with("Error") && kind.len() > "ApiError".len() => {
            format!("{kind}: {message}")
        }
        (_, Some(message)) => message.to_owned(),
        _ => in_short(event),
    }
}

/// The HTTP status that an exit code means: the code is the low byte of the status, or one of the CLI's own.
fn status_by_exit(exit: Exit) -> Option<u16> {
    match exit.code()? {
        41 | 145 => Some(401),
        42 | 144 => Some(400),
        147 => Some(403),
        173 => Some(429),
        244 => Some(500),
        247 => Some(503),
        _ => None,
    }
}

/// The model that wrote most of the output. Others may have only chosen it.
fn served_model(event: &Value) -> Option<String> {
    let models = event.pointer("/stats/models")?.as_object()?;
    let written = |model: &Value| model.get("output_tokens").and_then(Value::as_u64).unwrap_or(0);
    models.iter().max_by_key(|(_, model)| written(model)).map(|(name, _)| name.clone())
}

fn usage(event: &Value) -> Usage {
    let count = |key: &str| event.pointer(&format!("/stats/{key}")).and_then(Value::as_u64);
    Usage { input_tokens: count("input_tokens"), output_tokens: count("output_tokens"), cost_usd: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::process::Ended;
    use crate::host::wall::WallStanding;

    #[test]
    fn it_is_known_what_was_asked_already() {
        assert!(tries_again(
            "Ripgrep is not there.\nAttempt 1 failed with status 429. Retrying with backoff... _ApiError: {}\n    at x"
        ));
        assert!(tries_again("Attempt 2 failed: slow down. Retrying after 3012ms..."));
        assert!(!tries_again("Attempt 1 failed: slow down. Max attempts reached\nRetrying SSE connection"));
        let left = |stdout: String, stderr: &str| Outcome {
            ended: Ended::Exited,
            exit: Exit::Code(1),
            stdout,
            stderr: stderr.to_owned(),
            at: jiff::ZonedDateTime::now(),
            elapsed: std::time::Duration::ZERO,
            leftovers: 0,
            wall: WallStanding::default(),
        };
        let of = |models: Value| {
            let result = json!({ "type": "result", "status": "error", "stats": { "models": models } });
            asked(&left(result.to_string(), ""))
        };
        let chosen = of(json!({ "small": { "total_tokens": 805 }, "large": { "total_tokens": 0 } }));
        assert_eq!(chosen, Asked { requests: 2, next: 1, chosen: Some("large".into()) });
        let unknown = of(json!({ "small": { "total_tokens": 805 }, "large": { "total_tokens": 9 } }));
        assert_eq!(unknown, Asked { requests: 2, next: 2, chosen: None });
        assert_eq!(of(json!({})), Asked::default());
        let begun = "{\"type\":\"init\",\"model\":\"auto\"}";
        assert_eq!(asked(&left(begun.into(), "")), Asked::default());
        assert_eq!(asked(&left(begun.into(), "Attempt 1 failed. Retrying with backoff...")).next, 2);
    }

    #[test]
    fn the_cli_asks_once() {
        let ask = Ask {
            prompt: "x",
            system: "",
            model: None,
            effort: None,
            schema: None,
            gateway: None,
            leading: &[],
            extra_args: &[],
            extra_env: &indexmap::IndexMap::new(),
            version: None,
        };
        assert_eq!(workspace_settings(&ask).pointer("/general/maxAttempts"), Some(&json!(1)));
    }
}
