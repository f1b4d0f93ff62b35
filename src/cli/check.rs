//! `maestro-mcp check`: shows what works, what does not work, and the next step. With `--settings` it also
//! shows every setting.

mod registered;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use super::install::{Client, Scope as InstallScope, Targets};
use super::slash_commands::{COMMANDS, this_binary};
use super::terminal::{self, Colour, age, cut, one_line, paint, print, result, short};
use crate::domain::breaker::{SPENT, Spent};
use crate::domain::budget::Standing as CapStanding;
use crate::domain::cut::wrapping;
use crate::domain::measure::cost::CapNote;
use crate::domain::report::LineKind;
use crate::domain::words::{in_a_variable, things};
use crate::error::reference::for_person;
use crate::error::{Error, reference};
use crate::flow::account::today;
use crate::flow::configuration::Configuration;
use crate::flow::consultant_state::{ChosenBy, LoginState, ProviderState, providers};
use crate::flow::health::{Health, LastFailure, Waiting, health, rule_errors};
use crate::flow::kit::Kit;
use crate::flow::time::now;
use crate::flow::{breaker, wall};
use crate::host::config::{Enabled, Sandbox, Scope};
use crate::host::human::harmless;
use crate::host::trust::Trust;
use crate::host::wall::WallStanding;
use crate::provider::Adapter;
use crate::provider::catalogue::Provider;
use registered::{CLAUDE_CODE, Registration, claude, plugin, registrations, shown};

/// Exit code if no consultant can be used.
const NO_CONSULTANT: u8 = 3;

/// Exit code if the configuration cannot be used.
const NO_CONFIGURATION: u8 = 2;

/// Width in columns of a text that does not go to a terminal.
const USUAL_WIDTH: usize = 80;

/// The results of all checks.
struct Examined<'a> {
    kit: &'a Kit,
    states: Vec<ProviderState>,
    health: Health,
    spent: BTreeMap<String, Spent>,
    wall: Result<Option<WallStanding>, Error>,
    caps: Vec<CapStanding>,
    registrations: Vec<Registration>,
}

/// A section of the output.
#[derive(Serialize)]
struct Section {
    title: &'static str,
    findings: Vec<Finding>,
}

pub(super) async fn run(kit: Kit, settings: bool, json: bool) -> Result<ExitCode, Error> {
    let masker = match kit.config.masker() {
        Ok(masker) => masker,
        // Nothing else is printed: without the masking rules it could contain secrets.
        Err(error) => {
            let version = env!("CARGO_PKG_VERSION");
            result(json, json!({ "version": version, "problems": [error.to_string()] }), || {
                format!("maestro-mcp {version}\n\nProblems\n\u{2717} {error}\n")
            })?;
            return Ok(error.exit_code());
        }
    };
    let own = this_binary()?;
    let examined = Examined {
        states: providers(&kit).await,
        health: health(&kit.log).await,
        spent: breaker::open(&kit.log).await,
        wall: wall::standing(&kit.config, &kit.processes).await,
        caps: today(&kit.config, &kit.log).await,
        registrations: registrations(&kit.config, &own),
        kit: &kit,
    };
    kit.processes.supervisor().shutdown().await;
    // The user's own settings may contain keys.
    let safe = |text: &str| harmless(&masker.mask(text).text);
    let mut sections = examined.sections();
    for finding in sections.iter_mut().flat_map(|section| &mut section.findings) {
        finding.found = safe(&finding.found);
        finding.next.iter_mut().for_each(|next| *next = safe(next));
    }
    let status = examined.status();
    print(&if json {
        safe(&examined.as_json(&sections))
    } else {
        let mut out = examined.as_text(&sections);
        if settings {
            out.push_str(&terminal::folded(&safe(&examined.settings()), terminal::width()));
        }
        out
    })?;
    Ok(ExitCode::from(status))
}

impl Examined<'_> {
    fn status(&self) -> u8 {
        let is_model = |state: &&ProviderState| !is_understudy(&self.kit.config, &state.name);
        if !self.kit.config.loaded().general_problems().is_empty() {
            NO_CONFIGURATION
        } else if self.states.iter().filter(is_model).any(|state| state.usable) {
            0
        } else {
            NO_CONSULTANT
        }
    }

    fn sections(&self) -> Vec<Section> {
        let maestro =
            [self.clients(), self.slash_commands(), self.log(), self.waiting(), self.caps(), self.sandbox()]
                .concat();
        let sections = [
            ("Consultants", self.consultants()),
            ("Maestro", maestro),
            ("Ignored until you trust this project (maestro-mcp trust)", self.ignored()),
            ("Problems", self.problems()),
        ];
        let sections = sections.into_iter().map(|(title, findings)| Section { title, findings });
        sections.filter(|section| !section.findings.is_empty()).collect()
    }

    fn consultants(&self) -> Vec<Finding> {
        let is_off = |state: &&ProviderState| self.is_template(&state.name) && !state.enabled;
        let shown = self.states.iter().filter(|state| !is_off(state));
        let failure = |state: &ProviderState| self.health.last_failures.get(&state.name);
        let mut findings: Vec<Finding> =
            shown.map(|state| finding(&self.kit.config, state, failure(state))).collect();
        findings.extend(self.breakers().iter().map(Breaker::finding));
        let off: Vec<&str> = self.states.iter().filter(is_off).map(|state| state.name.as_str()).collect();
        if let Some(first) = off.first() {
            let variable = in_a_variable(first);
            let next = format!(
                "MAESTRO_{variable}_ENABLED=1 in the server's `env` switches {first} on, if it is that CLI"
            );
            let found = format!("installed, but switched off: {}", off.join(", "));
            findings.push(Finding::of(Mark::Good, found, vec![next]));
        }
        if self.status() == NO_CONSULTANT {
            findings.push(Finding::bad(
                "no consultant can be used",
                "fix one of the problems above; until then the understudy answers, by rules and without a model",
            ));
        }
        findings
    }

    /// The reached limits, by provider.
    fn breakers(&self) -> Vec<Breaker> {
        let fallback = |name: &String| {
            self.kit.config.catalogue().get(name).map(|provider| provider.settings.fallback.clone())
        };
        let one =
            |(name, spent): (&String, &Spent)| Breaker::of(name, spent, fallback(name).unwrap_or_default());
        self.spent.iter().map(one).collect()
    }

    fn is_template(&self, name: &str) -> bool {
        provider(&self.kit.config, name).is_some_and(|it| matches!(it.adapter, Adapter::Template(_)))
    }

    /// The registrations of Maestro in clients.
    fn clients(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.registrations.iter().map(Registration::finding).collect();
        let environment = self.kit.config.environment();
        if let Some(plugin) = plugin(environment) {
            findings.push(Finding::good(format!("{CLAUDE_CODE}: registered by its plugin {plugin}")));
        } else if !self.registrations.iter().any(|one| one.client == CLAUDE_CODE) {
            findings.push(Finding::look(
                format!("{CLAUDE_CODE}: Maestro is not registered there"),
                "maestro-mcp install, then restart Claude Code",
            ));
        }
        findings
    }

    /// The installed slash commands, compared with those in this binary.
    fn slash_commands(&self) -> Vec<Finding> {
        let environment = self.kit.config.environment();
        let root = self.kit.config.root();
        let project = Targets::new(Client::Claude, InstallScope::Project(root), environment);
        let places =
            [(claude(environment), "maestro-mcp install"), (project, "maestro-mcp install --project")];
        let mut findings = Vec::new();
        for (targets, again) in places {
            let Some(directory) = targets.and_then(|targets| targets.commands) else { continue };
            findings.extend(commands_in(&directory, &shown(&self.kit.config, &directory), again));
        }
        if findings.is_empty()
            && plugin(environment).is_none()
            && self.registrations.iter().any(|one| one.client == CLAUDE_CODE)
        {
            findings.push(Finding::look(
                "slash commands: not installed (/maestro-debug and others)",
                "maestro-mcp install",
            ));
        }
        findings
    }

    fn log(&self) -> Vec<Finding> {
        let Health { file, exists, events, warnings, .. } = &self.health;
        let file = shown(&self.kit.config, Path::new(file));
        if !warnings.is_empty() {
            let bad = |note: &crate::error::ErrorNote| {
                Finding::bad(format!("log: {}", one_line(&note.error)), for_person(&note.hint))
            };
            return warnings.iter().map(bad).collect();
        }
        let path = Path::new(&self.health.file);
        let mut findings = vec![if !can_be_written(path) {
            Finding::bad(
                format!("log: {file} cannot be written"),
                "make its directory writable for you; until then nothing is recorded, and no run goes on",
            )
        } else if *exists {
            Finding::good(format!("log: {file}, {}, every hash fits", things(*events, "event")))
        } else {
            Finding::good(format!("log: none yet; the first event makes {file}"))
        }];
        for (key, told) in self.kit.log.untold() {
            if key == "log_in_git" {
                let told = told.as_str().map_or_else(|| told.to_string(), str::to_owned);
                findings.push(Finding::of(Mark::Look, format!("log: {told}"), Vec::new()));
            }
        }
        findings
    }

    /// The caps on spending.
    fn caps(&self) -> Vec<Finding> {
        let notes = self.caps.iter().map(CapNote::from);
        notes.map(|note| Finding::good(format!("cap on {}", note.words))).collect()
    }

    /// The requests that wait for a decision.
    fn waiting(&self) -> Vec<Finding> {
        const SHOWN: usize = 3;
        const TASK: usize = 40;
        let waiting = &self.health.waiting;
        let described = |one: &Waiting| {
            let task = cut(&one_line(&one.task), Some(TASK));
            let since = age(now().saturating_sub(one.since));
            Finding::look(
                format!("{} of \u{201c}{task}\u{201d} waits for your decision, since {since}", one.stage),
                format!("maestro-mcp approvals show {}", short(&one.request)),
            )
        };
        if waiting.is_empty() {
            return vec![Finding::good("nothing waits for your decision")];
        }
        let mut findings: Vec<Finding> = waiting.iter().take(SHOWN).map(described).collect();
        let more = waiting.len().saturating_sub(SHOWN);
        if more > 0 {
            findings.push(Finding::look(format!("{more} more wait for a decision"), "maestro-mcp approvals"));
        }
        findings
    }

    /// The sandbox of consultants and checks.
    fn sandbox(&self) -> Vec<Finding> {
        const OFF: &str = "set `sandbox: auto` in your own maestro.yaml to have one";
        const REQUIRED: &str = "no consult and no check runs without it; set `sandbox: auto` in your own maestro.yaml to do without";
        let is_required = self.kit.config.settings().sandbox == Sandbox::Required;
        vec![match &self.wall {
            Err(error) => {
                Finding::look(format!("sandbox: not known: {error}"), "run `maestro-mcp check` again")
            }
            Ok(None) => Finding::look("sandbox: switched off", OFF),
            Ok(Some(standing)) => {
                let found = format!("sandbox: {}", standing.in_words());
                match (standing.missing(), is_required) {
                    (None, _) => Finding::good(found),
                    (Some(_), true) => Finding::bad(found, REQUIRED),
                    (Some(_), false) => Finding::look(
                        found,
                        "consultants and checks run without it; `sandbox: required` refuses that",
                    ),
                }
            }
        }]
    }

    fn ignored(&self) -> Vec<Finding> {
        let ignored = &self.kit.config.loaded().ignored;
        ignored.iter().map(|line| Finding::of(Mark::Look, line, Vec::new())).collect()
    }

    /// The problems of the configuration, except those that are shown with a consultant.
    fn problems(&self) -> Vec<Finding> {
        let is_told =
            |name: &String| self.states.iter().any(|state| state.name == *name && state.program.is_some());
        let mut findings: Vec<Finding> = Vec::new();
        for problem in &self.kit.config.loaded().problems {
            let mark = match &problem.scope {
                Scope::Provider(name) if is_told(name) => continue,
                Scope::Nothing => Mark::Look,
                Scope::Provider(_) | Scope::Everything => Mark::Bad,
            };
            let finding = Finding::of(mark, &problem.message, Vec::new());
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        let rules = rule_errors(&self.kit.config);
        findings.extend(rules.iter().map(|error| Finding::of(Mark::Bad, error.to_string(), Vec::new())));
        findings
    }

    fn as_text(&self, sections: &[Section]) -> String {
        let colour = terminal::colour(&self.kit.config);
        let columns = terminal::width().unwrap_or(USUAL_WIDTH).clamp(40, 100);
        let root = shown(&self.kit.config, self.kit.config.root());
        let mut out =
            format!("maestro-mcp {}\nproject root: {}\n", env!("CARGO_PKG_VERSION"), harmless(&root));
        for Section { title, findings } in sections {
            let _ = write!(out, "\n{title}\n");
            for finding in findings {
                out.push_str(&finding.lines(columns, colour));
            }
        }
        out
    }

    fn settings(&self) -> String {
        let mut out = "\nConfiguration\n".to_owned();
        for (path, value, origin) in &self.kit.config.loaded().origins {
            let provider = path.strip_prefix("providers.").and_then(|rest| rest.split('.').next());
            let is_shown = |name: &str| self.states.iter().any(|state| state.name == name);
            // Settings of disabled templates that are not installed are shown only if they were changed.
            if provider.is_none_or(is_shown) || origin != "built in" {
                let _ = writeln!(out, "  {path} = {value}   ({origin})");
            }
        }
        out
    }

    fn as_json(&self, sections: &[Section]) -> String {
        let config = self.kit.config.loaded();
        let settings: Vec<_> = config
            .origins
            .iter()
            .map(|(path, value, origin)| json!({ "path": path, "value": value, "origin": origin }))
            .collect();
        let problems: Vec<_> = config.problems.iter().map(|problem| &problem.message).collect();
        let off = self.kit.config.catalogue().iter().filter(|provider| {
            provider.settings.enabled == Enabled::No
                && matches!(provider.adapter, Adapter::Template(_))
                && self.kit.config.catalogue().has(provider)
        });
        let report = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "project_root": self.kit.config.root(),
            "exit_status": self.status(),
            "sections": sections,
            "providers": self.states,
            "breakers": self.breakers(),
            "registrations": self.registrations,
            "log": self.health,
            "sandbox": self.wall.as_ref().ok().and_then(Option::as_ref),
            "installed_but_off": off.map(|provider| &provider.name).collect::<Vec<_>>(),
            "settings": settings,
            "problems": problems,
            "project_trusted": config.standing == Trust::Trusted,
            "project_ignored": config.ignored,
        });
        format!("{report:#}\n")
    }
}

/// Compares the slash commands in a directory with those in this binary. None if the directory has none.
fn commands_in(directory: &Path, shown: &str, again: &str) -> Option<Finding> {
    const MOST_BYTES: u64 = 1024 * 1024;
    let mut there = 0;
    let mut others = Vec::new();
    for command in COMMANDS {
        let file = directory.join(command.file_name);
        let Ok(about) = std::fs::metadata(&file) else { continue };
        there += 1;
        let is_readable = about.is_file() && about.len() <= MOST_BYTES;
        let same = is_readable && std::fs::read(&file).is_ok_and(|bytes| bytes == command.text.as_bytes());
        others.extend((!same).then_some(command.file_name));
    }
    let missing = COMMANDS.len() - there;
    match (there, others.as_slice()) {
        (0, _) => None,
        (_, []) if missing == 0 => Some(Finding::good(format!("slash commands: current, in {shown}"))),
        (_, []) => Some(Finding::look(format!("slash commands: {missing} are missing in {shown}"), again)),
        (_, others) => Some(Finding::look(
            format!("slash commands: not those of this version in {shown}: {}", others.join(", ")),
            format!("{again} (it keeps a copy of what it replaces)"),
        )),
    }
}

/// True if a file can be written, or created if it does not exist yet.
fn can_be_written(file: &Path) -> bool {
    let writable = |place: &Path| rustix::fs::access(place, rustix::fs::Access::WRITE_OK).is_ok();
    // SQLite also creates files beside it.
    let directory = file.ancestors().skip(1).find(|place| place.exists());
    directory.is_some_and(writable) && (!file.exists() || writable(file))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Mark {
    /// Works.
    Good,
    /// Works, but is worth a look.
    Look,
    /// Does not work.
    Bad,
}

/// A finding, with the next steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    mark: Mark,
    found: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    next: Vec<String>,
}

impl Finding {
    fn of(mark: Mark, found: impl Into<String>, next: Vec<String>) -> Self {
        Self { mark, found: found.into(), next }
    }

    fn good(found: impl Into<String>) -> Self {
        Self::of(Mark::Good, found, Vec::new())
    }

    fn look(found: impl Into<String>, next: impl Into<String>) -> Self {
        Self::of(Mark::Look, found, vec![next.into()])
    }

    fn bad(found: impl Into<String>, next: impl Into<String>) -> Self {
        Self::of(Mark::Bad, found, vec![next.into()])
    }

    /// The lines of a finding, wrapped to a number of columns. A path is not broken.
    fn lines(&self, columns: usize, colour: Colour) -> String {
        let (sign, kind) = match self.mark {
            Mark::Good => ("\u{2713}", LineKind::Good),
            Mark::Look => ("!", LineKind::Priority),
            Mark::Bad => ("\u{2717}", LineKind::Bad),
        };
        let mut out = String::new();
        for line in folded(&self.found, columns, &format!("{sign} "), "  ") {
            out.push_str(&paint(kind, &line, colour));
        }
        for next in &self.next {
            for line in folded(next, columns, "    next: ", "          ") {
                out.push_str(&paint(LineKind::Body, &line, colour));
            }
        }
        out
    }
}

/// Wraps a text into lines, with one prefix for the first line and another for the rest.
fn folded(text: &str, columns: usize, first: &str, others: &str) -> Vec<String> {
    let options = wrapping(columns).initial_indent(first).subsequent_indent(others).break_words(false);
    textwrap::wrap(text, options).into_iter().map(std::borrow::Cow::into_owned).collect()
}

/// An open breaker: a provider that is not asked because its limit is reached.
#[derive(Debug, Serialize)]
struct Breaker {
    provider: String,
    /// The time until which the provider is not asked.
    until: String,
    /// The time at which its CLI reported the limit, in milliseconds since 1970.
    said_at: u64,
    code: &'static str,
    why: String,
    next: Vec<String>,
    /// Providers that may answer instead.
    fallback: Vec<String>,
}

impl Breaker {
    fn of(provider: &str, spent: &Spent, fallback: Vec<String>) -> Self {
        let ago = ago(spent.said_at);
        let meanwhile = if fallback.is_empty() {
            format!(
                "until then another provider answers if the call names none, or if `fallback: [..]` of {provider} in your own cli_clients.yaml permits it"
            )
        } else {
            format!("meanwhile {} may answer in its place (`fallback`)", fallback.join(", "))
        };
        let sooner = format!(
            "if you have quota earlier: `maestro-mcp consult --provider {provider} hello` asks it all the same, and an answer ends the wait"
        );
        Self {
            provider: provider.to_owned(),
            until: spent.resets_at.clone(),
            said_at: spent.said_at,
            code: SPENT,
            why: format!("its quota or session limit is used up, as its CLI said {ago}"),
            next: vec![meanwhile, sooner],
            fallback,
        }
    }

    fn finding(&self) -> Finding {
        let Self { provider, until, why, code, .. } = self;
        let found = format!("{provider} is not asked until {until}: {why} ({code})");
        Finding::of(Mark::Look, found, self.next.clone())
    }
}

// The finding about one consultant.

/// True if a provider answers by rules and without a model.
fn is_understudy(config: &Configuration, name: &str) -> bool {
    provider(config, name).is_some_and(Provider::is_understudy)
}

/// The provider with a name, even if it is switched off.
fn provider<'a>(config: &'a Configuration, name: &str) -> Option<&'a Provider> {
    config.catalogue().iter().find(|provider| provider.name == name)
}

/// The finding about a consultant.
fn finding(config: &Configuration, state: &ProviderState, failed: Option<&LastFailure>) -> Finding {
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
        next.push(format!("MAESTRO_{}_ENABLED=1 switches it on", in_a_variable(name)));
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
    let set = format!("set MAESTRO_{}_CMD to where it is", in_a_variable(name));
    let command = provider(config, name).map(Provider::command).unwrap_or_default();
    let called = if command == name { String::new() } else { format!(" ({command})") };
    let next = package.map_or_else(
        || format!("install it, or {set}"),
        |package| format!("npm install -g {package}, or {set}"),
    );
    let next = state.notes.iter().cloned().chain([next]).collect();
    Finding::of(Mark::Bad, format!("{name}: not installed{called}"), next)
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
    let when = ago(failed.at);
    let until = failed.resets_at.as_ref().map_or(String::new(), |at| format!(", resets at {at}"));
    let since = if failed.answered_since { ", answered since" } else { "" };
    format!("last failure: {} {when}{until}{since}", failed.code)
}

fn ago(at: u64) -> String {
    let ago = age(now().saturating_sub(at));
    if ago == "now" { "just now".to_owned() } else { format!("{ago} ago") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_current_old_missing_or_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let found = || commands_in(directory.path(), "here", "again");
        assert_eq!(found(), None);
        for command in COMMANDS {
            std::fs::write(directory.path().join(command.file_name), command.text).unwrap();
        }
        assert_eq!(found(), Some(Finding::good("slash commands: current, in here")));
        let first = directory.path().join(COMMANDS[0].file_name);
        std::fs::write(&first, "old").unwrap();
        assert!(found().unwrap().found.contains(COMMANDS[0].file_name));
        std::fs::remove_file(&first).unwrap();
        assert!(found().unwrap().found.contains("1 are missing"));
    }

    #[test]
    fn a_long_line_goes_on_below_and_a_path_stays_whole() {
        let path = format!("/opt/{}/bin/maestro-mcp", "deep/".repeat(20));
        let finding = Finding::look(format!("{} {path}", "word ".repeat(30)), "maestro-mcp install");
        let shown = finding.lines(80, Colour::Plain);
        assert!(shown.starts_with("! word") && shown.contains(&path), "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 80 || line.contains(&path)), "{shown}");
        assert!(shown.ends_with("    next: maestro-mcp install\n"), "{shown}");
        assert_eq!(Finding::good("all well").lines(80, Colour::Plain), "\u{2713} all well\n");
    }
}
