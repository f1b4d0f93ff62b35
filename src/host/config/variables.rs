//! The `MAESTRO_*` variables, read by their table and laid over the files.

use serde_json::{Value, json};

use super::Problem;
use super::layer::Layers;
use crate::domain::call_options::Effort;
use crate::domain::language::Languages;
use crate::domain::mask::split_user_regexes;
use crate::host::environment::Environment;

/// The form in which a variable is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Words,
    Seconds,
    Count,
    Bytes,
    Days,
    Fraction,
    Positive,
    Tokens,
    Flag,
    Enabled,
    Level,
    Names,
    Directories,
    Patterns,
    Approvals,
    Effort,
    Language,
    Sandbox,
    Network,
}

/// Lays the environment over the files.
pub(super) fn add(layers: &mut Layers, environment: &Environment) {
    let providers = layers.provider_names();
    for (name, text) in environment.text() {
        if !name.starts_with("MAESTRO_") || is_read_elsewhere(name) || text.is_empty() {
            continue;
        }
        match target(name, &providers) {
            Some((path, form)) => lay(layers, name, text, &path, form),
            None => layers.problem(Problem::notice(unknown(name, &providers))),
        }
    }
}

/// True if a variable is ours but sets nothing here.
fn is_read_elsewhere(name: &str) -> bool {
    GENERAL.iter().any(|variable| variable.name == name && variable.path.is_empty())
}

fn target<'a>(name: &str, providers: &'a [String]) -> Option<(Vec<&'a str>, Form)> {
    if let Some(variable) = GENERAL.iter().find(|variable| variable.name == name) {
        return Some((variable.path.to_vec(), variable.form));
    }
    providers.iter().find_map(|provider| {
        let suffix = name.strip_prefix(&prefix(provider))?;
        let variable = PER_PROVIDER.iter().find(|variable| variable.name == suffix)?;
        Some(([&["providers", provider.as_str()], variable.path].concat(), variable.form))
    })
}

fn prefix(provider: &str) -> String {
    let upper: String = provider
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' })
        .collect();
    format!("MAESTRO_{upper}_")
}

fn lay(layers: &mut Layers, name: &str, text: &str, path: &[&str], form: Form) {
    match read(form, text) {
        Ok(value) => layers.set(name, path, value),
        Err(accepted) => {
            let message = match form {
                // Arguments of a command line and masking patterns may be secrets: they are not repeated.
                Form::Words | Form::Patterns => format!("{name}: {accepted}"),
                _ => format!("{name}={text}: {accepted}"),
            };
            layers.problem(match path {
                ["providers", provider, ..] => Problem::provider(provider, message),
                _ => Problem::everything(message),
            });
        }
    }
}

/// The value, or the accepted form.
fn read(form: Form, text: &str) -> Result<Value, String> {
    if !matches!(form, Form::Patterns) && text.contains("${") {
        return Err("holds a ${...} that was not replaced: set that variable where the server is registered, or write the value itself".to_owned());
    }
    let text = text.trim();
    match form {
        Form::Text => Ok(json!(text)),
        Form::Words => shlex::split(text)
            .map(|words| json!(words))
            .ok_or_else(|| "must be arguments as a shell reads them; a quote is not closed".to_owned()),
        Form::Seconds => whole(text, "seconds, for example 600"),
        Form::Bytes => whole(text, "bytes, for example 500000000; 0 is no limit"),
        Form::Days => whole(text, "days, for example 30; 0 is no limit"),
        Form::Count => text
            .parse::<u32>()
            .map(|count| json!(count))
            .map_err(|_| "must be a whole number, 0 or more, for example 8".to_owned()),
        Form::Fraction => text
            .parse::<f64>()
            .ok()
            .filter(|fraction| (0.0..=1.0).contains(fraction))
            .map(|fraction| json!(fraction))
            .ok_or_else(|| "must be 0 to 1, for example 0.45".to_owned()),
        Form::Positive => text
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite() && *number > 0.0)
            .map(|number| json!(number))
            .ok_or_else(|| "must be a number above 0, for example 7.2".to_owned()),
        Form::Tokens => text
            .parse::<u64>()
            .ok()
            .filter(|count| *count > 0)
            .map(|count| json!(count))
            .ok_or_else(|| "must be a whole number of tokens above 0, for example 200000".to_owned()),
        Form::Flag => flag(text)
            .map(|flag| json!(flag))
            .ok_or_else(|| "must be true or false (also 1, 0, yes, no, on, off)".to_owned()),
        Form::Enabled if text.eq_ignore_ascii_case("auto") => Ok(json!("auto")),
        Form::Enabled => flag(text)
            .map(|flag| json!(flag))
            .ok_or_else(|| "must be auto, true or false (also 1, 0, yes, no, on, off)".to_owned()),
        Form::Level => Some(text.to_ascii_lowercase())
            .map(|level| if level == "warning" { "warn".to_owned() } else { level })
            .filter(|level| ["error", "warn", "info", "debug", "trace"].contains(&level.as_str()))
            .map(|level| json!(level))
            .ok_or_else(|| "must be error, warn, info, debug or trace".to_owned()),
        Form::Effort => Some(text.to_ascii_lowercase())
            .filter(|word| word.is_empty() || Effort::named(word).is_some())
            .map(|word| json!(word))
            .ok_or_else(|| format!("must be {}", Effort::NAMES)),
        Form::Approvals => one_of(text, &["ask", "human", "relay"]),
        Form::Language => one_of(text, &Languages::names()),
        Form::Sandbox => one_of(text, &["off", "auto", "required"]),
        Form::Network => one_of(text, &["on", "off"]),
        Form::Names => Ok(list(text, &[',', ' '])),
        Form::Directories => Ok(list(text, &[':'])),
        Form::Patterns => {
            split_user_regexes(text).map(|patterns| json!(patterns)).map_err(|error| error.to_string())
        }
    }
}

fn one_of(text: &str, words: &[&str]) -> Result<Value, String> {
    let word = text.to_ascii_lowercase();
    let known = words.contains(&word.as_str());
    if known { Ok(json!(word)) } else { Err(format!("must be one of {}", words.join(", "))) }
}

fn whole(text: &str, of: &str) -> Result<Value, String> {
    text.parse::<u64>().map(|number| json!(number)).map_err(|_| format!("must be a whole number of {of}"))
}

fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn list(text: &str, separators: &[char]) -> Value {
    text.split(|letter| separators.contains(&letter)).map(str::trim).filter(|item| !item.is_empty()).collect()
}

fn unknown(name: &str, providers: &[String]) -> String {
    let general = GENERAL.iter().filter(|variable| !variable.path.is_empty());
    let known =
        general.map(|variable| variable.name.to_owned()).chain(providers.iter().flat_map(|provider| {
            PER_PROVIDER.iter().map(|variable| format!("{}{}", prefix(provider), variable.name))
        }));
    let nearest = known
        .max_by(|left, right| strsim::jaro_winkler(left, name).total_cmp(&strsim::jaro_winkler(right, name)))
        .unwrap_or_default();
    format!("{name}: there is no such setting; did you mean {nearest}?")
}

/// One variable.
#[derive(Clone, Copy)]
pub(in crate::host::config) struct Variable {
    /// Its name; of a provider's, what follows `MAESTRO_<PROVIDER>_`.
    pub(in crate::host::config) name: &'static str,
    /// The keys that it sets; none where something else than the configuration reads it.
    pub(in crate::host::config) path: &'static [&'static str],
    pub(in crate::host::config) form: Form,
    pub(in crate::host::config) meaning: &'static str,
    pub(in crate::host::config) usual: Usual,
}

/// Default where nobody sets a variable.
#[derive(Clone, Copy)]
pub(in crate::host::config) enum Usual {
    /// The value at its path in the files that ship.
    Shipped,
    /// Something that those files do not say, in words.
    Words(&'static str),
}

const fn shipped(
    name: &'static str,
    path: &'static [&'static str],
    form: Form,
    meaning: &'static str,
) -> Variable {
    Variable { name, path, form, meaning, usual: Usual::Shipped }
}

const fn worded(
    name: &'static str,
    path: &'static [&'static str],
    form: Form,
    usual: &'static str,
    meaning: &'static str,
) -> Variable {
    Variable { name, path, form, meaning, usual: Usual::Words(usual) }
}

/// Variables of the whole server, in the order in which the README shows them.
pub(in crate::host::config) const GENERAL: [Variable; 44] = [
    worded("MAESTRO_HOME", &[], Form::Text, "`~/.config/maestro`", "where your own configuration lies"),
    shipped(
        "MAESTRO_MAX_PARALLEL",
        &["max_parallel"],
        Form::Count,
        "consultants that run at the same time, 1 to 256",
    ),
    worded(
        "MAESTRO_LOG_LEVEL",
        &["log_level"],
        Form::Level,
        "warn",
        "error, warn, info, debug or trace, to stderr; info is a line for each call, consult, stage, decision, change and check, and no level prints what was asked or answered",
    ),
    shipped(
        "MAESTRO_LANGUAGE",
        &["language"],
        Form::Language,
        "the languages of reports and results: both, en or ko; with both, dialogs and the terminal use one, by `LANG`",
    ),
    worded(
        "MAESTRO_TOOLSETS",
        &["toolsets"],
        Form::Names,
        "all",
        "the [sets of tools](#sets-of-tools) that are offered, separated by commas: consult, change, workflow, evidence, consensus, coordination, toolbox, or the presets core, ask; `maestro_help` always is",
    ),
    shipped(
        "MAESTRO_DISABLED_TOOLS",
        &["disabled_tools"],
        Form::Names,
        "tools that are not offered, separated by commas",
    ),
    shipped(
        "MAESTRO_REPO_ROOTS",
        &["repo_roots"],
        Form::Directories,
        "directories beside the project whose files may be packed, separated by `:`",
    ),
    shipped(
        "MAESTRO_CONTEXT_MAX_FILES",
        &["context", "everywhere", "max_files"],
        Form::Count,
        "files of a packed context",
    ),
    shipped(
        "MAESTRO_CONTEXT_MAX_LINES_PER_FILE",
        &["context", "everywhere", "max_lines_per_file"],
        Form::Count,
        "lines of one file",
    ),
    worded(
        "MAESTRO_CONTEXT_MAX_LINES",
        &["context", "everywhere", "max_lines_per_file"],
        Form::Count,
        "",
        "the same, by its older name",
    ),
    shipped(
        "MAESTRO_CONTEXT_MAX_ERROR_LINES",
        &["context", "everywhere", "max_error_lines"],
        Form::Count,
        "lines of one error text",
    ),
    shipped(
        "MAESTRO_CONTEXT_MAX_TOTAL_CHARS",
        &["context", "everywhere", "max_total_chars"],
        Form::Count,
        "characters in all",
    ),
    worded(
        "MAESTRO_CONTEXT_MAX_CHARS",
        &["context", "everywhere", "max_total_chars"],
        Form::Count,
        "",
        "the same, by its older name",
    ),
    shipped(
        "MAESTRO_MASK_REGEXES",
        &["masking", "regexes"],
        Form::Patterns,
        "your own patterns of secrets: a JSON array, one a line, or separated by commas",
    ),
    shipped(
        "MAESTRO_MASK_REPLACEMENT",
        &["masking", "replacement"],
        Form::Text,
        "what stands where a secret stood",
    ),
    shipped(
        "MAESTRO_CAPABILITY_THRESHOLD",
        &["policy", "capability_threshold"],
        Form::Fraction,
        "measured success of a single agent from which on an ensemble is skipped, 0 to 1; a stated confidence skips nothing",
    ),
    shipped(
        "MAESTRO_MAX_CONSULT_PER_STAGE",
        &["policy", "max_consults_per_stage"],
        Form::Count,
        "consults of one stage of a run; a round of debug has 1 at most",
    ),
    shipped(
        "MAESTRO_MAX_CONSULT_TOTAL",
        &["policy", "max_consults_total"],
        Form::Count,
        "consults of one run",
    ),
    shipped(
        "MAESTRO_MAX_DEBUG_ITERATIONS",
        &["policy", "max_debug_iterations"],
        Form::Count,
        "iterations of debug before it escalates",
    ),
    shipped(
        "MAESTRO_PREFER_TESTS_FIRST",
        &["policy", "prefer_tests_first"],
        Form::Flag,
        "whether a selection puts what tests prove before everything else; off: a judge or the weights may prefer an untested candidate, never one that failed",
    ),
    shipped(
        "MAESTRO_ENSEMBLE_HYPOTHESES",
        &["policy", "ensemble_hypotheses"],
        Form::Flag,
        "whether hypothesize may ask several",
    ),
    shipped(
        "MAESTRO_ENSEMBLE_IMPL",
        &["policy", "ensemble_implementation"],
        Form::Flag,
        "whether implement may ask several",
    ),
    shipped(
        "MAESTRO_DEBUG_SINGLE_AGENT",
        &["policy", "debug_single_agent"],
        Form::Flag,
        "whether debug is held to a single agent",
    ),
    shipped(
        "MAESTRO_MAX_TOOLS",
        &["policy", "max_tools"],
        Form::Count,
        "tools that a stage or a skill loads at a time, the core among them",
    ),
    worded(
        "MAESTRO_SINGLE_AGENT_TURNS",
        &["policy", "single_agent_turns"],
        Form::Positive,
        "7.2",
        "turns that a single agent takes for one of your tasks: what overhead and efficiency are measured against",
    ),
    shipped(
        "MAESTRO_APPROVALS",
        &["approvals"],
        Form::Approvals,
        "which decisions on a stage count: `ask` asks the human if the client can, and accepts a relayed decision if it cannot; `human` refuses relayed decisions; `relay` shows no form",
    ),
    shipped(
        "MAESTRO_AUTO_APPROVE_LOW_RISK",
        &["auto_approve_low_risk"],
        Form::Flag,
        "whether the argument `auto_approve_low_risk` of a run counts; never in a file of a project, and never where `approvals` is `human`",
    ),
    shipped(
        "MAESTRO_LATE_START",
        &["late_start"],
        Form::Flag,
        "whether the argument `start_stage` of a run counts; never in a file of a project, and never where `approvals` is `human`",
    ),
    shipped(
        "MAESTRO_PAGE",
        &["page"],
        Form::Flag,
        "whether a decision leads to the local page where the client can open an address; a form asks otherwise",
    ),
    shipped(
        "MAESTRO_SANDBOX",
        &["sandbox"],
        Form::Sandbox,
        "whether checks, candidates and consultants run in a sandbox: `auto` where the machine has one, `required` or not at all, `off` never",
    ),
    shipped(
        "MAESTRO_NETWORK",
        &["network"],
        Form::Network,
        "the network of checks and candidates: `on` is the machine's own, `off` is loopback only",
    ),
    shipped(
        "MAESTRO_PARK_AFTER_DAYS",
        &["park_after_days"],
        Form::Days,
        "days without activity after which a run is parked: it blocks nothing, and its name or task takes it up again; 0 is never",
    ),
    worded(
        "MAESTRO_CAP_RUN_USD",
        &["caps", "run_usd"],
        Form::Positive,
        "no cap",
        "US dollars that one run may spend; a consult that would pass it is refused ([what it costs](costs.md))",
    ),
    worded(
        "MAESTRO_CAP_RUN_TOKENS",
        &["caps", "run_tokens"],
        Form::Tokens,
        "no cap",
        "tokens, both ways, of one run",
    ),
    worded(
        "MAESTRO_CAP_DAY_USD",
        &["caps", "day_usd"],
        Form::Positive,
        "no cap",
        "US dollars of a day in this project, in runs and outside of them",
    ),
    worded(
        "MAESTRO_CAP_DAY_TOKENS",
        &["caps", "day_tokens"],
        Form::Tokens,
        "no cap",
        "tokens of a day in this project",
    ),
    shipped(
        "MAESTRO_TRACING_ENABLED",
        &["tracing", "enabled"],
        Form::Flag,
        "whether what belongs to no run is recorded; a run always is",
    ),
    worded(
        "MAESTRO_TRACE_DIR",
        &["tracing", "directory"],
        Form::Text,
        "`.maestro`",
        "the directory of the event log, relative to the project root",
    ),
    shipped(
        "MAESTRO_SAVE_PROMPTS",
        &["tracing", "save_prompts"],
        Form::Flag,
        "whether the log keeps what was asked, masked; else its length and digest",
    ),
    shipped(
        "MAESTRO_SAVE_RESPONSES",
        &["tracing", "save_responses"],
        Form::Flag,
        "the same for what was answered",
    ),
    shipped(
        "MAESTRO_BACKUPS_MAX_AGE_DAYS",
        &["backups", "max_age_days"],
        Form::Days,
        "days after which the backup of a patch goes; 0 is no limit",
    ),
    shipped(
        "MAESTRO_BACKUPS_MAX_BYTES",
        &["backups", "max_bytes"],
        Form::Bytes,
        "bytes of all backups together; 0 is no limit",
    ),
    shipped(
        "MAESTRO_BACKUPS_MAX_SESSIONS",
        &["backups", "max_sessions"],
        Form::Count,
        "backups; 0 is no limit",
    ),
    worded(
        "MAESTRO_DEPTH",
        &[],
        Form::Text,
        "",
        "set by Maestro for its consultants: a server that sees it refuses to consult",
    ),
];

/// Variables of a provider: `MAESTRO_<PROVIDER>_` and the name.
pub(in crate::host::config) const PER_PROVIDER: [Variable; 7] = [
    worded(
        "CMD",
        &["command"],
        Form::Text,
        "the provider's name",
        "program and leading arguments, as shell words; a path with a slash is relative to the project root",
    ),
    worded(
        "MODEL",
        &["model"],
        Form::Text,
        "your own choice in the CLI's configuration, else the CLI's",
        "the model asked for when a call names none",
    ),
    worded(
        "EFFORT",
        &["effort"],
        Form::Effort,
        "your own choice in the CLI's configuration, else `high`",
        "how hard it thinks when a call does not say: low, medium, high, xhigh or max",
    ),
    shipped("TIMEOUT", &["timeout_sec"], Form::Seconds, "seconds for a whole call"),
    shipped("ENABLED", &["enabled"], Form::Enabled, "whether it may be asked"),
    shipped(
        "STALL_TIMEOUT",
        &["stall_timeout_sec"],
        Form::Seconds,
        "seconds of silence after its first output; 0 turns it off",
    ),
    shipped("EXTRA_ARGS", &["extra_args"], Form::Words, "arguments in front of ours, as shell words"),
];
