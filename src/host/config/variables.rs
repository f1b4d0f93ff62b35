//! The `MAESTRO_*` environment variables. A table maps them to settings, where they override the files.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Problem;
use super::layer::Layers;
use crate::domain::alike::meant;
use crate::domain::call_options::Effort;
use crate::domain::language::Languages;
use crate::domain::mask::split_user_regexes;
use crate::domain::packed;
use crate::domain::words::in_a_variable;
use crate::host::environment::Environment;

/// The form in which a variable is written.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
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

/// Adds the environment on top of the files.
pub(super) fn add(layers: &mut Layers, environment: &Environment, problems: &mut Vec<Problem>) {
    let providers = layers.provider_names();
    for (name, text) in environment.text() {
        if !name.starts_with("MAESTRO_") || is_read_elsewhere(name) || text.is_empty() {
            continue;
        }
        match target(name, &providers) {
            Some((path, form)) => problems.extend(lay(layers, name, text, &path, form)),
            None => problems.push(Problem::notice(unknown(name, &providers))),
        }
    }
}

/// True if a variable is ours but sets no key here, because other code reads it.
fn is_read_elsewhere(name: &str) -> bool {
    variables().general.iter().any(|variable| variable.name == name && variable.path.is_empty())
}

fn target<'a>(name: &str, providers: &'a [String]) -> Option<(Vec<&'a str>, Form)> {
    let keys = |variable: &'static Variable| variable.path.iter().map(String::as_str);
    let Variables { general, per_provider } = variables();
    if let Some(variable) = general.iter().find(|variable| variable.name == name) {
        return Some((keys(variable).collect(), variable.form));
    }
    providers.iter().find_map(|provider| {
        let suffix = name.strip_prefix(&prefix(provider))?;
        let variable = per_provider.iter().find(|variable| variable.name == suffix)?;
        Some((["providers", provider.as_str()].into_iter().chain(keys(variable)).collect(), variable.form))
    })
}

fn prefix(provider: &str) -> String {
    format!("MAESTRO_{}_", in_a_variable(provider))
}

fn lay(layers: &mut Layers, name: &str, text: &str, path: &[&str], form: Form) -> Option<Problem> {
    let accepted = match read(form, text) {
        Ok(value) => {
            layers.set(name, path, value);
            return None;
        }
        Err(accepted) => accepted,
    };
    let message = match form {
        // Arguments and masking patterns may be secrets, so they are not repeated.
        Form::Words | Form::Patterns => format!("{name}: {accepted}"),
        _ => format!("{name}={text}: {accepted}"),
    };
    Some(match path {
        ["providers", provider, ..] => Problem::provider(provider, message),
        _ => Problem::everything(message),
    })
}

/// Parses a value; the error describes the accepted form.
fn read(form: Form, text: &str) -> Result<Value, String> {
    if !matches!(form, Form::Patterns) && text.contains("${") {
        return Err("contains a ${...} that was not replaced: set that variable where the server is registered, or write the value itself".to_owned());
    }
    let text = text.trim();
    match form {
        Form::Text => Ok(json!(text)),
        Form::Words => shlex::split(text)
            .map(|words| json!(words))
            .ok_or_else(|| "must be arguments as a shell reads them; a quote is not closed".to_owned()),
        Form::Seconds => whole(text, "seconds, for example 600"),
        Form::Bytes => whole(text, "bytes, for example 500000000; 0 means no limit"),
        Form::Days => whole(text, "days, for example 30; 0 means no limit"),
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
        Form::Level => {
            let level = text.to_ascii_lowercase();
            let level = if level == "warning" { "warn".to_owned() } else { level };
            let is_known = ["error", "warn", "info", "debug", "trace"].contains(&level.as_str());
            accepted(is_known.then_some(level), "must be error, warn, info, debug or trace")
        }
        Form::Effort => {
            let word = text.to_ascii_lowercase();
            let is_known = word.is_empty() || word.parse::<Effort>().is_ok();
            accepted(is_known.then_some(word), &format!("must be {}", Effort::NAMES))
        }
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
    let Variables { general, per_provider } = variables();
    let general = general.iter().filter(|variable| !variable.path.is_empty());
    let of_providers = providers.iter().flat_map(|provider| {
        per_provider.iter().map(|variable| format!("{}{}", prefix(provider), variable.name))
    });
    let known = general.map(|variable| variable.name.clone()).chain(of_providers);
    let hint = meant(known, name).map_or_else(
        || "docs/configuration.md lists all".to_owned(),
        |meant| format!("did you mean {meant}?"),
    );
    format!("{name}: there is no such setting; {hint}")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Its name; for a provider's variable, the part after `MAESTRO_<PROVIDER>_`.
    pub name: String,
    /// The path of the key that it sets; empty if other code reads the variable.
    pub path: Vec<String>,
    pub form: Form,
}

/// The variables of the whole server, and those that each provider has.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variables {
    pub general: Vec<Variable>,
    pub per_provider: Vec<Variable>,
}

pub fn variables() -> &'static Variables {
    static ALL: LazyLock<Variables> = LazyLock::new(|| packed::read("src/host/config/variables.yaml"));
    &ALL
}
