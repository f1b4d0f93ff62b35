//! The `MAESTRO_*` variables, read by their table and laid over the files.

pub(super) mod table;

use serde_json::{Value, json};

use super::Problem;
use super::layer::Layers;
use crate::domain::effort::Effort;
use crate::domain::language::Languages;
use crate::domain::mask::split_user_regexes;
use crate::host::environment::Environment;
use table::{GENERAL, PER_PROVIDER};

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
                // What goes onto a command line, or is to be masked, may be a secret: it is not repeated.
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
