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
pub enum Form {
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
        Form::Count => accepted(text.parse::<u32>().ok(), "must be a whole number, 0 or more, for example 8"),
        Form::Fraction => {
            let fraction = text.parse::<f64>().ok().filter(|fraction| (0.0..=1.0).contains(fraction));
            accepted(fraction, "must be 0 to 1, for example 0.45")
        }
        Form::Positive => {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
            accepted(number, "must be a number above 0, for example 7.2")
        }
        Form::Tokens => {
            let count = text.parse::<u64>().ok().filter(|count| *count > 0);
            accepted(count, "must be a whole number of tokens above 0, for example 200000")
        }
        Form::Flag => accepted(flag(text), "must be true or false (also 1, 0, yes, no, on, off)"),
        Form::Enabled if text.eq_ignore_ascii_case("auto") => Ok(json!("auto")),
        Form::Enabled => accepted(flag(text), "must be auto, true or false (also 1, 0, yes, no, on, off)"),
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

fn accepted(value: Option<impl Into<Value>>, wanted: &str) -> Result<Value, String> {
    value.map(Into::into).ok_or_else(|| wanted.to_owned())
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

/// One variable. `tests/it/docs/variables.yaml` says what each is for.
#[derive(Clone, Copy)]
pub struct Variable {
    /// Its name; of a provider's, what follows `MAESTRO_<PROVIDER>_`.
    pub name: &'static str,
    /// The keys that it sets; none where something else than the configuration reads it.
    pub path: &'static [&'static str],
    pub form: Form,
}

const fn variable(name: &'static str, path: &'static [&'static str], form: Form) -> Variable {
    Variable { name, path, form }
}

/// Variables of the whole server, in the order in which the documents show them.
pub const GENERAL: [Variable; 44] = [
    variable("MAESTRO_HOME", &[], Form::Text),
    variable("MAESTRO_MAX_PARALLEL", &["max_parallel"], Form::Count),
    variable("MAESTRO_LOG_LEVEL", &["log_level"], Form::Level),
    variable("MAESTRO_LANGUAGE", &["language"], Form::Language),
    variable("MAESTRO_TOOLSETS", &["toolsets"], Form::Names),
    variable("MAESTRO_DISABLED_TOOLS", &["disabled_tools"], Form::Names),
    variable("MAESTRO_REPO_ROOTS", &["repo_roots"], Form::Directories),
    variable("MAESTRO_CONTEXT_MAX_FILES", &["context", "everywhere", "max_files"], Form::Count),
    variable(
        "MAESTRO_CONTEXT_MAX_LINES_PER_FILE",
        &["context", "everywhere", "max_lines_per_file"],
        Form::Count,
    ),
    variable("MAESTRO_CONTEXT_MAX_LINES", &["context", "everywhere", "max_lines_per_file"], Form::Count),
    variable("MAESTRO_CONTEXT_MAX_ERROR_LINES", &["context", "everywhere", "max_error_lines"], Form::Count),
    variable("MAESTRO_CONTEXT_MAX_TOTAL_CHARS", &["context", "everywhere", "max_total_chars"], Form::Count),
    variable("MAESTRO_CONTEXT_MAX_CHARS", &["context", "everywhere", "max_total_chars"], Form::Count),
    variable("MAESTRO_MASK_REGEXES", &["masking", "regexes"], Form::Patterns),
    variable("MAESTRO_MASK_REPLACEMENT", &["masking", "replacement"], Form::Text),
    variable("MAESTRO_CAPABILITY_THRESHOLD", &["policy", "capability_threshold"], Form::Fraction),
    variable("MAESTRO_MAX_CONSULT_PER_STAGE", &["policy", "max_consults_per_stage"], Form::Count),
    variable("MAESTRO_MAX_CONSULT_TOTAL", &["policy", "max_consults_total"], Form::Count),
    variable("MAESTRO_MAX_DEBUG_ITERATIONS", &["policy", "max_debug_iterations"], Form::Count),
    variable("MAESTRO_PREFER_TESTS_FIRST", &["policy", "prefer_tests_first"], Form::Flag),
    variable("MAESTRO_ENSEMBLE_HYPOTHESES", &["policy", "ensemble_hypotheses"], Form::Flag),
    variable("MAESTRO_ENSEMBLE_IMPL", &["policy", "ensemble_implementation"], Form::Flag),
    variable("MAESTRO_DEBUG_SINGLE_AGENT", &["policy", "debug_single_agent"], Form::Flag),
    variable("MAESTRO_MAX_TOOLS", &["policy", "max_tools"], Form::Count),
    variable("MAESTRO_SINGLE_AGENT_TURNS", &["policy", "single_agent_turns"], Form::Positive),
    variable("MAESTRO_APPROVALS", &["approvals"], Form::Approvals),
    variable("MAESTRO_AUTO_APPROVE_LOW_RISK", &["auto_approve_low_risk"], Form::Flag),
    variable("MAESTRO_LATE_START", &["late_start"], Form::Flag),
    variable("MAESTRO_PAGE", &["page"], Form::Flag),
    variable("MAESTRO_SANDBOX", &["sandbox"], Form::Sandbox),
    variable("MAESTRO_NETWORK", &["network"], Form::Network),
    variable("MAESTRO_PARK_AFTER_DAYS", &["park_after_days"], Form::Days),
    variable("MAESTRO_CAP_RUN_USD", &["caps", "run_usd"], Form::Positive),
    variable("MAESTRO_CAP_RUN_TOKENS", &["caps", "run_tokens"], Form::Tokens),
    variable("MAESTRO_CAP_DAY_USD", &["caps", "day_usd"], Form::Positive),
    variable("MAESTRO_CAP_DAY_TOKENS", &["caps", "day_tokens"], Form::Tokens),
    variable("MAESTRO_TRACING_ENABLED", &["tracing", "enabled"], Form::Flag),
    variable("MAESTRO_TRACE_DIR", &["tracing", "directory"], Form::Text),
    variable("MAESTRO_SAVE_PROMPTS", &["tracing", "save_prompts"], Form::Flag),
    variable("MAESTRO_SAVE_RESPONSES", &["tracing", "save_responses"], Form::Flag),
    variable("MAESTRO_BACKUPS_MAX_AGE_DAYS", &["backups", "max_age_days"], Form::Days),
    variable("MAESTRO_BACKUPS_MAX_BYTES", &["backups", "max_bytes"], Form::Bytes),
    variable("MAESTRO_BACKUPS_MAX_SESSIONS", &["backups", "max_sessions"], Form::Count),
    variable("MAESTRO_DEPTH", &[], Form::Text),
];

/// Variables of a provider: `MAESTRO_<PROVIDER>_` and the name.
pub const PER_PROVIDER: [Variable; 7] = [
    variable("CMD", &["command"], Form::Text),
    variable("MODEL", &["model"], Form::Text),
    variable("EFFORT", &["effort"], Form::Effort),
    variable("TIMEOUT", &["timeout_sec"], Form::Seconds),
    variable("ENABLED", &["enabled"], Form::Enabled),
    variable("STALL_TIMEOUT", &["stall_timeout_sec"], Form::Seconds),
    variable("EXTRA_ARGS", &["extra_args"], Form::Words),
];
