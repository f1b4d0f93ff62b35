//! The Codex CLI (`codex exec --json`).

use serde_json::Value;

use super::failure::{CliFailure, FailureKind};
use super::schema::strict;
use super::version::Version;
use super::{Answer, Ask, Invocation, Output, Places, Usage};

/// Characters that the CLI takes at most.
pub const MAX_PROMPT_CHARS: usize = 1_048_576;

/// The first version that can leave the user's configuration and rules out.
const IGNORES_USER_CONFIG: Version = Version::new(0, 145, 0);

/// Everything by which the CLI could act, look around, or phone home. Unknown names are ignored
/// when they come through `-c`, so that one list serves every version.
const FEATURES_OFF: [&str; 21] = [
    "shell_tool",
    "unified_exec",
    "apps",
    "plugins",
    "remote_plugin",
    "goals",
    "view_image",
    "image_generation",
    "tool_suggest",
    "skill_search",
    "multi_agent",
    "hooks",
    "shell_snapshot",
    "browser_use",
    "in_app_browser",
    "computer_use",
    "sleep_tool",
    "workspace_dependencies",
    "skill_mcp_dependency_install",
    "daemon_auto_start",
    "unbounded_connection_retries",
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

/// How to ask: a read-only sandbox without any tool that reads, in an empty directory.
#[must_use]
pub fn invocation(ask: &Ask<'_>, places: &Places, version: Option<Version>) -> Invocation {
    let system = places.files.join("system.md");
    let mut call = Invocation { stdin: ask.prompt.as_bytes().to_vec(), ..Invocation::default() };
    call.arg("exec").args(ask.extra_args);
    call.args(["--json", "--skip-git-repo-check", "--ephemeral"]);
    if version.is_none_or(|version| version >= IGNORES_USER_CONFIG) {
        call.args(["--ignore-user-config", "--ignore-rules"]);
    }
    call.args(["-s", "read-only", "-C"]).arg(&places.work).args(["-m", ask.model]);
    call.arg("-c").arg(format!("model_instructions_file={}", toml_string(&system.to_string_lossy())));
    for feature in FEATURES_OFF {
        call.arg("-c").arg(format!("features.{feature}=false"));
    }
    for setting in SETTINGS {
        call.args(["-c", setting]);
    }
    if let Some(schema) = ask.schema {
        let file = places.files.join("schema.json");
        call.arg("--output-schema").arg(&file);
        call.files.push((file, strict(schema).to_string()));
    }
    call.arg("-");
    call.files.push((system, ask.system.to_owned()));
    call
}

/// A string of the CLI's `-c key=value`, which is TOML; JSON's escapes are TOML's.
fn toml_string(text: &str) -> String {
    Value::from(text).to_string()
}

/// Reads the events on stdout, a JSON document a line.
///
/// # Errors
///
/// What the CLI reported.
pub fn parse(output: &Output) -> Result<Answer, CliFailure> {
    let mut answer = Answer::default();
    let mut completed = false;
    let mut failed = None;
    for event in output.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        match event.get("type").and_then(Value::as_str) {
            Some("item.completed") => {
                if event.pointer("/item/type").and_then(Value::as_str) == Some("agent_message")
                    && let Some(text) = event.pointer("/item/text").and_then(Value::as_str)
                {
                    text.clone_into(&mut answer.text);
                }
            }
            Some("turn.completed") => {
                completed = true;
                answer.usage = usage(&event);
            }
            Some("turn.failed") => {
                failed = event.pointer("/error/message").and_then(Value::as_str).map(ToOwned::to_owned);
            }
            // `error` events tell of reconnects and the like; the turn's own end decides.
            _ => {}
        }
    }
    if let Some(message) = failed {
        return Err(CliFailure::from_words(message));
    }
    if !completed || !output.ended_well() {
        return Err(output.failure());
    }
    if answer.text.trim().is_empty() {
        return Err(CliFailure::new(FailureKind::AnswerEmpty, "the answer is empty"));
    }
    Ok(answer)
}

fn usage(event: &Value) -> Usage {
    let count = |key: &str| event.pointer(&format!("/usage/{key}")).and_then(Value::as_u64);
    Usage { input_tokens: count("input_tokens"), output_tokens: count("output_tokens"), cost_usd: None }
}
