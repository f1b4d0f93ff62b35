//! The state of this machine's consultants for a person: the program of each CLI, its version and its login.

use std::path::Path;

use futures_util::future::join_all;
use serde::Serialize;

use super::configuration::Configuration;
use super::kit::Kit;
use super::providers::{Home, PATIENCE, does_not_run, in_words, print, probe};
use super::scope::off_thread;
use crate::domain::call_options::CallOptions;
use crate::domain::words::in_a_variable;
use crate::error::Error;
use crate::error::reference::for_person;
use crate::host::config::Enabled;
use crate::host::process::Ended;
use crate::provider::catalogue::Provider;
use crate::provider::choice::{Choice, not_carried};
use crate::provider::effort::Wish;
use crate::provider::failure::FailureKind;
use crate::provider::{Adapter, login};

/// One consultant's state.
#[derive(Clone, Debug, Serialize)]
pub struct ProviderState {
    pub name: String,
    pub enabled: bool,
    pub program: Option<String>,
    /// The version that it prints.
    pub version: Option<String>,
    pub login: LoginState,
    /// True if a consult can succeed, as far as can be seen from here.
    pub usable: bool,
    /// The default model; `None` if the CLI chooses.
    pub model: Option<String>,
    pub model_by: ChosenBy,
    /// Default effort.
    pub effort: String,
    pub effort_by: ChosenBy,
    /// Timeout in seconds.
    pub timeout_sec: u64,
    pub notes: Vec<String>,
}

/// Origin of a model or an effort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChosenBy {
    /// Maestro's configuration, or arguments that it adds.
    Configuration,
    /// The user's own configuration of the CLI.
    Cli,
    /// Neither: the default applies.
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginState {
    LoggedIn,
    LoggedOut,
    /// It needs no login, or cannot be asked.
    Unknown,
}

/// The state of every provider that may be asked or whose CLI is installed.
pub async fn providers(kit: &Kit) -> Vec<ProviderState> {
    let catalogue = kit.config.catalogue();
    let is_shown = |provider: &&Provider| provider.settings.enabled != Enabled::No || catalogue.has(provider);
    let shown = catalogue.iter().filter(is_shown);
    join_all(shown.map(|provider| state(kit, provider))).await
}

async fn state(kit: &Kit, provider: &Provider) -> ProviderState {
    let program = kit.config.catalogue().find(provider);
    let name = provider.command();
    // A program of the project that its name alone would mean.
    let of_project = || kit.config.find_program(name).filter(|_| program.is_none() && !name.is_empty());
    let of_project = of_project();
    let (owned, environment) = (provider.clone(), kit.config.clone());
    let choice =
        off_thread(move || Choice::of(&owned, environment.environment(), &CallOptions::default())).await.ok();
    let (model, wish) = choice.map_or((None, Wish::Usual), |choice| (choice.model, choice.wish));
    let notes = kit.config.loaded().problems_of(&provider.name);
    let mut state = ProviderState {
        name: provider.name.clone(),
        enabled: provider.settings.enabled != Enabled::No,
        program: program.as_ref().or(of_project.as_ref()).map(|program| program.display().to_string()),
        version: None,
        login: LoginState::Unknown,
        usable: notes.is_empty() && provider.settings.enabled != Enabled::No && program.is_some(),
        model_by: match (&model, &provider.settings.model) {
            (None, _) => ChosenBy::Nobody,
            (Some(_), Some(_)) => ChosenBy::Configuration,
            (Some(_), None) => ChosenBy::Cli,
        },
        model,
        effort: wish.word().to_owned(),
        effort_by: match wish {
            Wish::Named(_) => ChosenBy::Configuration,
            Wish::Own(_) => ChosenBy::Cli,
            Wish::Usual => ChosenBy::Nobody,
        },
        timeout_sec: provider.settings.timeout_sec,
        notes,
    };
    if of_project.is_some() && state.enabled {
        state.notes.push(format!(
            "it is in this project, so it was not run; if it is yours, set MAESTRO_{}_CMD to its full path",
            in_a_variable(&provider.name)
        ));
    }
    // A disabled provider is not run: its program may only share the name of a known CLI.
    if let Some(program) = program.filter(|_| state.enabled) {
        look_at(kit, provider, &program, &mut state).await;
    }
    state
}

/// Asks a CLI about itself.
async fn look_at(kit: &Kit, provider: &Provider, program: &Path, state: &mut ProviderState) {
    match probe(kit, provider, program, PATIENCE).await {
        Ok(Some(version)) => state.version = Some(version.to_string()),
        Ok(None) => state.notes.push("it printed no version for --version".to_owned()),
        Err(Error::Timeout { .. }) => {
            // A CLI that hangs at its version reports no login either.
            state.usable = false;
            state.notes.push(format!(
                "it printed no version for --version within {} s; run `{} --version` in a terminal",
                PATIENCE.as_secs(),
                provider.command()
            ));
            return;
        }
        Err(error) => {
            state.notes.push(for_person(&in_words(&error)));
            if matches!(error, Error::CliNotFound { .. }) || does_not_run(&error) {
                // Only the CLI could report its login.
                state.usable = false;
                return;
            }
        }
    }
    let (login, why) = login_state(kit, provider, program).await;
    state.login = login;
    state.usable &= login != LoginState::LoggedOut;
    state.notes.extend(why);
    let (owned, environment) = (provider.clone(), kit.config.clone());
    let own = off_thread(move || not_carried(&owned.adapter, environment.environment())).await;
    state.notes.extend(own.unwrap_or_default());
    let private = Path::new("private home");
    state.notes.extend(login::carry(&provider.adapter, kit.config.environment(), private).exemption);
    state.notes.extend(login_notes(&kit.config, provider, state.login));
}

/// The state of the login, with the reason if it is unknown.
async fn login_state(kit: &Kit, provider: &Provider, program: &Path) -> (LoginState, Option<String>) {
    let question: &[&str] = match provider.adapter {
        Adapter::Codex => &["login", "status"],
        Adapter::Claude => &["auth", "status"],
        Adapter::Gemini => {
            return (from_flag(login::gemini_kind(kit.config.environment()).is_some()), None);
        }
        Adapter::Template(_) | Adapter::Understudy => return (LoginState::Unknown, None),
    };
    // A key in the environment is a login that the CLI's own command does not know.
    if login::has_key(&provider.adapter, kit.config.environment()) {
        return (LoginState::LoggedIn, None);
    }
    let asked = question.join(" ");
    match print(kit, provider, program, question, Home::Own, PATIENCE).await {
        Ok(printed) if printed.ended != Ended::Exited => (
            LoginState::Unknown,
            Some(format!("`{asked}` did not end within {} s, so its login is not known", PATIENCE.as_secs())),
        ),
        Ok(printed) => match printed.trouble() {
            None => (from_flag(printed.exit.success()), None),
            // The CLI says no by its exit code, with few words.
            Some(failure) if matches!(failure.kind, FailureKind::LoginMissing | FailureKind::CliFailed) => {
                (LoginState::LoggedOut, None)
            }
            Some(failure) => {
                let (code, hint) = (failure.kind.code(), for_person(&failure.kind.hint(&provider.name)));
                (LoginState::Unknown, Some(format!("{code} at `{asked}`: {}. {hint}", failure.detail)))
            }
        },
        Err(error) => (LoginState::Unknown, Some(error.to_string())),
    }
}

fn from_flag(logged_in: bool) -> LoginState {
    if logged_in { LoginState::LoggedIn } else { LoginState::LoggedOut }
}

fn login_notes(config: &Configuration, provider: &Provider, login: LoginState) -> Vec<String> {
    match (&provider.adapter, login) {
        (Adapter::Gemini, LoginState::LoggedIn)
            if login::gemini_kind(config.environment()).as_deref() == Some("oauth-personal") =>
        {
            vec![format!(
                "it uses a Google-account login, which Google has refused for free, AI Pro and Ultra accounts since 2026-06-18. If calls fail with client_refused: {}",
                for_person(&FailureKind::ClientRefused.hint("gemini"))
            )]
        }
        (_, LoginState::LoggedOut) => vec![for_person(&FailureKind::LoginMissing.hint(&provider.name))],
        (_, LoginState::LoggedIn | LoginState::Unknown) => Vec::new(),
    }
}
