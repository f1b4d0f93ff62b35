//! A consultant in one line.

use super::{Finding, Mark};
use crate::cli::terminal::span;
use crate::error::reference;
use crate::flow::configuration::Configuration;
use crate::flow::health::LastFailure;
use crate::flow::state::{ChosenBy, LoginState, ProviderState};
use crate::flow::time::now;

/// True if a provider answers by rules and without a model.
pub(super) fn is_understudy(config: &Configuration, name: &str) -> bool {
    config.catalogue().iter().any(|provider| provider.name == name && provider.is_understudy())
}

/// Returns what there is to say of a consultant.
pub(super) fn finding(
    config: &Configuration,
    state: &ProviderState,
    failed: Option<&LastFailure>,
) -> Finding {
    let ProviderState { name, enabled, program, version, login, usable, notes, .. } = state;
    if is_understudy(config, name) {
        return Finding::good(format!("{name}: built in, rules and no model"));
    }
    let Some(program) = program else {
        return not_installed(config, state);
    };
    let version = version.as_deref().map_or(String::new(), |version| format!(" {version}"));
    let mut parts = Vec::new();
    if *enabled {
        parts.extend(match login {
            LoginState::LoggedIn => Some("logged in".to_owned()),
            LoginState::LoggedOut => Some("not logged in".to_owned()),
            LoginState::Unknown => (!usable).then(|| "cannot be asked".to_owned()),
        });
    } else {
        parts.push("switched off".to_owned());
    }
    if *usable {
        parts.push(format!("model: {}", model(state)));
        parts.push(format!("effort {}", effort(state)));
    } else {
        parts.push(program.clone());
    }
    parts.extend(failed.filter(|failed| *usable || !failed.answered_since).map(in_words));
    let is_well = notes.is_empty() && failed.is_none_or(|failed| failed.answered_since);
    let mark = match (*enabled, *usable) {
        (true, false) => Mark::Bad,
        (true, true) if is_well => Mark::Good,
        (true, true) | (false, _) => Mark::Look,
    };
    let mut next = notes.clone();
    if let Some(entry) =
        failed.filter(|failed| *usable && !failed.answered_since).and_then(|f| reference::find(&f.code))
    {
        next.push(entry.user.clone());
    }
    if !enabled {
        next.push(format!("MAESTRO_{}_ENABLED=1 switches it on", variable(name)));
    }
    Finding { mark, found: format!("{name}{version} \u{b7} {}", parts.join(" \u{b7} ")), next }
}

fn not_installed(config: &Configuration, state: &ProviderState) -> Finding {
    let name = &state.name;
    let package = match name.as_str() {
        "claude" => Some("@anthropic-ai/claude-code"),
        "codex" => Some("@openai/codex"),
        "gemini" => Some("@google/gemini-cli"),
        _ => None,
    };
    let set = format!("set MAESTRO_{}_CMD to where it is", variable(name));
    let command = config.catalogue().iter().find(|provider| provider.name == *name);
    let command = command.map(crate::provider::catalogue::Provider::command).unwrap_or_default();
    let called = if command == name { String::new() } else { format!(" ({command})") };
    let next = package.map_or_else(
        || format!("install it, or {set}"),
        |package| format!("npm install -g {package}, or {set}"),
    );
    Finding {
        next: state.notes.iter().cloned().chain([next]).collect(),
        ..Finding::bad(format!("{name}: not installed{called}"), "")
    }
}

fn model(state: &ProviderState) -> String {
    match (&state.model, state.model_by) {
        (None, _) => "its own".to_owned(),
        (Some(model), ChosenBy::Configuration) => format!("{model} (asked)"),
        (Some(model), ChosenBy::Cli | ChosenBy::Nobody) => format!("{model} (its own)"),
    }
}

fn effort(state: &ProviderState) -> String {
    match state.effort_by {
        ChosenBy::Configuration => format!("{} (asked)", state.effort),
        ChosenBy::Cli => format!("{} (its own)", state.effort),
        ChosenBy::Nobody => state.effort.clone(),
    }
}

fn in_words(failed: &LastFailure) -> String {
    let ago = span(now().saturating_sub(failed.at));
    let when = if ago == "now" { "just now".to_owned() } else { format!("{ago} ago") };
    let until = failed.resets_at.as_ref().map_or(String::new(), |at| format!(", resets at {at}"));
    let since = if failed.answered_since { ", answered since" } else { "" };
    format!("last failure: {} {when}{until}{since}", failed.code)
}

fn variable(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}
