//! The Codex CLI (`codex exec --json`).

use serde_json::Value;

use super::events::{self, in_short, kind, pieces, together};
use super::failure::{CliFailure, Evidence};
use super::installed::Version;
use super::schema::strict;
use super::{Answer, Ask, Files, Form, Places, Usage};
use crate::host::process::{Launch, Outcome};

/// The newest version that Maestro is tested with.
pub const NEWEST_TRIED: Version = Version::new(0, 171, 0);

/// Maximum number of characters of a prompt.
pub const MAX_PROMPT_CHARS: usize = 1_048_576;

/// The first version that can ignore the user's configuration and rules.
const IGNORES_USER_CONFIG: Version = Version::new(0, 145, 0);

/// The features that let the CLI act, read other data, or contact its vendor. `-c` ignores unknown names, so
/// one list serves every version. Newer versions warn about them, and the warning is dropped.
const FEATURES_OFF: [&str; 32] = [
    "shell_tool", "unified_exec", "apps", "plugins", "remote_plugin", "goals", "view_image",
    "image_generation", "tool_suggest", "skill_search", "multi_agent", "hooks", "shell_snapshot",
    "browser_use", "in_app_browser", "computer_use", "sleep_tool", "workspace_dependencies",
    "skill_mcp_dependency_install", "daemon_auto_start", "unbounded_connection_retries",
    "browser_use_external", "browser_use_full_cdp_access", "browser_annotation_api",
    "in_app_local_automation", "in_app_voice", "in_app_chat", "in_app_dictation", "in_app_updates",
    "auth_elicitation", "tool_call_mcp_elicitation", "write_stdin_approval",
];

const SETTINGS: [&str; 16] = [
    "approval_policy=\"never\"",
    "project_doc_max_bytes=0",
    "include_permissions_instructions=false",
    "include_apps_instructions=false",
    "include_collaboration_mode_instructions=false",
    "include_environment_context=false",
    "skills.include_instructions=false",
    "skills.bundled.enabled=false",
    "web_search=\"disabled\"",
    "agents.enabled=false",
    "tools.experimental_request_user_input.enabled=false",
    "orchestrator.skills.enabled=false",
    "orchestrator.mcp.enabled=false",
    "check_for_update_on_startup=false",
    "analytics.enabled=false",
    "history.persistence=\"none\"",
];

/// Settings for a single request per start. They define the service of the CLI's own login as a provider with
/// another name, because the retries of the built-in one (up to thirty) cannot be changed. Each key is set
/// separately, so that the user can add one.
const ONE_REQUEST: [&str; 6] = [
    "model_provider=\"maestro\"",
    "model_providers.maestro.name=\"OpenAI\"",
    "model_providers.maestro.wire_api=\"responses\"",
    "model_providers.maestro.requires_openai_auth=true",
    "model_providers.maestro.request_max_retries=0",
    "model_providers.maestro.stream_max_retries=0",
];

/// True if the user's arguments choose a service. They then also decide on its retries.
fn chooses_service(arguments: &[String]) -> bool {
    let chooses = |argument: &String| {
        let bare: String = argument.chars().filter(|letter| !letter.is_whitespace()).collect();
        bare.contains("model_provider=") || bare.contains("openai_base_url=") || bare == "--oss"
    };
    arguments.iter().any(chooses)
}

/// Composes a call in a read-only sandbox and an empty directory, without any tool that reads.
pub fn put(ask: &Ask<'_>, places: &Places, launch: &mut Launch) -> Files {
    let system = places.temporary.join("system.md");
    let mut files = vec![(system.clone(), ask.system.to_owned())];
    launch.stdin = ask.prompt.as_bytes().to_vec();
    launch.arg("exec").args(ask.extra_args);
    launch.args(["--json", "--skip-git-repo-check", "--ephemeral"]);
    if ask.version.is_none_or(|version| version >= IGNORES_USER_CONFIG) {
        launch.args(["--ignore-user-config", "--ignore-rules"]);
    }
    launch.args(["-s", "read-only", "-C"]).arg(&places.work);
    if let Some(model) = ask.model {
        launch.args(["-m", model]);
    }
    if let Some(effort) = ask.effort {
        launch.arg("-c").arg(format!("model_reasoning_effort={}", toml_string(effort)));
    }
    launch.arg("-c").arg(format!("model_instructions_file={}", toml_string(&system.to_string_lossy())));
    for feature in FEATURES_OFF {
        launch.arg("-c").arg(format!("features.{feature}=false"));
    }
    for setting in SETTINGS {
        launch.args(["-c", setting]);
    }
    let its_own = !chooses_service(ask.extra_args);
    if its_own {
        for setting in ONE_REQUEST {
            launch.args(["-c", setting]);
        }
    }
    if let Some(url) = ask.gateway {
        let url = toml_string(url);
        launch.arg("-c").arg(format!("openai_base_url={url}"));
        if its_own {
            launch.arg("-c").arg(format!("model_providers.maestro.base_url={url}"));
        }
    }
    if let Some(schema) = ask.schema {
        let file = places.temporary.join("schema.json");
        launch.arg("--output-schema").arg(&file);
        files.push((file, strict(schema).to_string()));
    }
    launch.arg("-");
    files
}

/// Quotes a string for `-c key=value`, which is TOML. JSON's escapes are valid there.
fn toml_string(text: &str) -> String {
    Value::from(text).to_string()
}

/// True if an output contains the end of the turn, which ends the answer.
pub fn is_finished(stdout: &str) -> bool {
    events::any(stdout, |event| matches!(kind(event), Some("turn.completed" | "turn.failed")))
}

/// Parses the events on stdout, one JSON document per line.
///
/// # Errors
///
/// The failure that the CLI reported.
pub fn parse(output: &Outcome<String>) -> Result<Answer, CliFailure> {
    let mut answer = Answer::default();
    let mut messages: Vec<&str> = Vec::new();
    let mut told = Evidence::default();
    let mut form = Form::Absent;
    let pieces = pieces(&output.stdout);
    for piece in &pieces {
        let Some(event) = form.event(piece, &mut told) else { continue };
        let words = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        match (kind(event), words("/item/type")) {
            // Intermediate remarks, messages by a tool, and the answer cannot be told apart.
            (Some("item.completed"), Some("agent_message")) => messages.extend(words("/item/text")),
            (Some("item.completed"), Some("error")) => {
                answer.warnings.extend(warning(words("/item/message")));
            }
            (Some("turn.completed"), _) if form == Form::Broken => break,
            (Some("turn.completed"), _) => {
                answer.usage = usage(event);
                let (text, parts) = together(&messages);
                answer.text = text;
                if parts > 1 {
                    answer.warnings.push(format!("it wrote {parts} messages: all are here, in their order"));
                }
                return if answer.text.trim().is_empty() { Err(output.empty(&told)) } else { Ok(answer) };
            }
            (Some("turn.failed"), _) => {
                told.say(words("/error/message").map_or_else(|| in_short(event), ToOwned::to_owned));
                return Err(output.failure(&told, Form::Begun));
            }
            // Such events also report reconnects, so the end of the turn decides, if it comes.
            (Some("error"), _) => told.say(reason(words("/message").unwrap_or(&in_short(event)))),
            (None, _) if event.get("error").is_some() => told.say(in_short(event)),
            _ => {}
        }
    }
    Err(output.failure(&told, form))
}

/// The reason in the message of a reconnect, if it has one.
fn reason(message: &str) -> &str {
    let inside = message.strip_prefix("Reconnecting...").and_then(|rest| rest.split_once('('));
    inside.map_or(message, |(_, reason)| reason.trim_end().trim_end_matches(')'))
}

/// A warning of the CLI, unless it only says that one of our settings is unknown.
fn warning(message: Option<&str>) -> Option<String> {
    message.filter(|message| !message.starts_with("Codex is ignoring")).map(ToOwned::to_owned)
}

/// Finds the levels of effort of a model in the list that `codex debug models` prints. Without a model, it
/// is the one that the CLI chooses. None if the list does not have them.
pub fn levels(printed: &str, model: Option<&str>) -> Option<Vec<String>> {
    let list: Value = serde_json::from_str(printed).ok()?;
    let models = list.get("models")?.as_array()?;
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
    let found = match model {
        Some(model) => models.iter().find(|entry| text(entry, "slug").as_deref() == Some(model)),
        None => models
            .iter()
            .filter(|entry| text(entry, "visibility").is_none_or(|shown| shown == "list"))
            .min_by_key(|entry| entry.get("priority").and_then(Value::as_i64).unwrap_or(i64::MAX)),
    };
    let levels = found?.get("supported_reasoning_levels")?.as_array()?;
    Some(levels.iter().filter_map(|level| text(level, "effort")).collect())
}

fn usage(event: &Value) -> Usage {
    let count = |key: &str| event.pointer(&format!("/usage/{key}")).and_then(Value::as_u64);
    Usage { input_tokens: count("input_tokens"), output_tokens: count("output_tokens"), cost_usd: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_of_the_users_choice_is_left_alone() {
        let arguments = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        for own in [
            ["-c", "model_provider=\"mine\""],
            ["-c", "model_provider = 'mine'"],
            ["--config=model_provider=mine", ""],
            ["-c", "openai_base_url=\"http://127.0.0.1:1/v1\""],
            ["--oss", ""],
        ] {
            assert!(chooses_service(&arguments(&own)), "{own:?}");
        }
        for ours in
            [["-c", "model_reasoning_effort=\"low\""], ["-c", "model_providers.maestro.base_url=\"x\""]]
        {
            assert!(!chooses_service(&arguments(&ours)), "{ours:?}");
        }
    }
}
