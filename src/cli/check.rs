//! `maestro-mcp check`: what is there, and what is in force.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::json;

use super::arguments::CheckOptions;
use super::terminal::print;
use crate::error::Error;
use crate::flow::session::Session;
use crate::flow::state::{LoginState, ProviderState, providers};
use crate::host::human::harmless;
use crate::host::trust::Standing;

pub(super) async fn run(session: Session, options: &CheckOptions) -> Result<ExitCode, Error> {
    let states = providers(&session).await;
    session.supervisor().shutdown().await;
    let text = if options.json { as_json(&session, &states) } else { as_text(&session, &states) };
    // What a user configured may hold a key of theirs.
    match session.masker() {
        Ok(masker) => print(&harmless(&masker.mask(&text).text))?,
        // Without the rules nothing is known to be harmless but what is wrong with them.
        Err(error) => {
            let version = env!("CARGO_PKG_VERSION");
            print(&if options.json {
                format!("{:#}\n", json!({ "version": version, "problems": [error.to_string()] }))
            } else {
                format!("maestro-mcp {version}\n\nProblems\n  - {error}\n")
            })?;
            return Ok(error.exit_code());
        }
    }
    let usable = session.config().general_problems().is_empty();
    Ok(if usable { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn as_json(session: &Session, states: &[ProviderState]) -> String {
    let config = session.config();
    let settings: Vec<_> = config
        .origins
        .iter()
        .map(|(path, value, origin)| json!({ "path": path, "value": value, "origin": origin }))
        .collect();
    let problems: Vec<_> = config.problems.iter().map(|problem| &problem.message).collect();
    let report = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "project_root": session.root(),
        "providers": states,
        "settings": settings,
        "problems": problems,
        "project_trusted": config.standing == Standing::Trusted,
        "project_ignored": config.ignored,
    });
    format!("{report:#}\n")
}

fn as_text(session: &Session, states: &[ProviderState]) -> String {
    let mut out = format!(
        "maestro-mcp {}\nproject root: {}\n\nProviders\n",
        env!("CARGO_PKG_VERSION"),
        session.root().display()
    );
    for state in states {
        add_provider(&mut out, session, state);
    }
    out.push_str("\nConfiguration\n");
    let shown: Vec<&str> = states.iter().map(|state| state.name.as_str()).collect();
    for (path, value, origin) in &session.config().origins {
        let provider = path.strip_prefix("providers.").and_then(|rest| rest.split('.').next());
        // Templates that are off and not installed only matter where somebody changed them.
        if provider.is_none_or(|name| shown.contains(&name)) || origin != "built in" {
            let _ = writeln!(out, "  {path} = {value}   ({origin})");
        }
    }
    let ignored = &session.config().ignored;
    if !ignored.is_empty() {
        out.push_str("\nIgnored until you trust this project (maestro-mcp trust)\n");
        for line in ignored {
            let _ = writeln!(out, "  - {line}");
        }
    }
    let problems = &session.config().problems;
    if !problems.is_empty() {
        out.push_str("\nProblems\n");
        for problem in problems {
            let _ = writeln!(out, "  - {}", problem.message);
        }
    }
    out
}

fn add_provider(out: &mut String, session: &Session, state: &ProviderState) {
    let understudy =
        session.catalogue().iter().any(|provider| provider.name == state.name && provider.is_understudy());
    let program = match (&state.program, understudy) {
        (Some(program), _) => program.as_str(),
        (None, true) => "built in: rules, no model",
        (None, false) => "not installed",
    };
    let login = match (state.login, state.program.is_some()) {
        (LoginState::LoggedIn, _) => ", logged in",
        (LoginState::LoggedOut, true) => ", not logged in",
        (LoginState::LoggedOut | LoginState::Unknown, _) => "",
    };
    let switched_off = if state.enabled { "" } else { ", switched off" };
    let model =
        state.model.as_deref().map_or("model of its own choice".to_owned(), |model| format!("model {model}"));
    let effort = if understudy { String::new() } else { format!(", effort {}", state.effort) };
    let model = if understudy { "no model".to_owned() } else { model };
    let version = state.version.as_deref().map_or(String::new(), |version| format!(" {version}"));
    let _ = writeln!(
        out,
        "  {}{version}: {program}{login}{switched_off}; {model}{effort}, {} s",
        state.name, state.timeout_sec
    );
    for note in &state.notes {
        let _ = writeln!(out, "    - {note}");
    }
}
