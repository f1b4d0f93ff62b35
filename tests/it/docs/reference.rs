//! The configuration as tables for the documents: every setting with its default. The defaults are those that
//! the server reads from the shipped files.

use std::collections::BTreeMap;

use maestro::testing::settings::{
    AdapterKind, Config, ContextLimits, Enabled, Form, ProviderSettings, Variable, variables,
};
use maestro::testing::{Environment, Library, PAPER_TURNS, Stage, grouped, presets, toolsets};
use serde::Deserialize;

/// The texts of `variables.yaml` about each variable.
#[derive(Deserialize)]
struct Words {
    server: BTreeMap<String, Word>,
    provider: BTreeMap<String, Word>,
}

#[derive(Deserialize)]
struct Word {
    meaning: String,
    /// The default, if the shipped files have none.
    default: Option<String>,
}

fn words() -> Words {
    serde_yaml::from_str(include_str!("variables.yaml")).unwrap()
}

/// The configuration without any file or variable of the user.
pub fn defaults() -> Config {
    Config::load(&Environment::default(), &Library::new(None, None))
}

/// The variables of the server as a table.
pub fn server_variables() -> String {
    let (config, words) = (defaults(), words().server);
    let variables = &variables().general;
    assert_eq!(words.len(), variables.len());
    table("", variables, &words, |variable| of_server(&config, variable))
}

/// The variables that every provider has, as a table.
pub fn provider_variables() -> String {
    let (config, words) = (defaults(), words().provider);
    let variables = &variables().per_provider;
    assert_eq!(words.len(), variables.len());
    table("MAESTRO_<PROVIDER>_", variables, &words, |variable| of_providers(&config, variable))
}

/// The providers that ship, as a table.
pub fn providers() -> String {
    let rows = defaults().providers.into_iter().map(|(name, provider)| {
        let (command, timeout) = if provider.adapter == AdapterKind::Understudy {
            ("in the binary: rules, no model".to_owned(), String::new())
        } else {
            (format!("`{}`", provider.command), format!("{} s", provider.timeout_sec))
        };
        let enabled = match provider.enabled {
            Enabled::Yes => "yes",
            Enabled::No => "no",
            Enabled::Auto => "auto",
        };
        format!("| {name} | {command} | {timeout} | {enabled} |\n").replace("|  |", "| |")
    });
    format!("| provider | command | timeout | enabled |\n|--|--|--|--|\n{}", rows.collect::<String>())
}

fn table(
    prefix: &str,
    variables: &[Variable],
    words: &BTreeMap<String, Word>,
    shipped: impl Fn(&Variable) -> String,
) -> String {
    let row = |variable: &Variable| {
        let word = words.get(&variable.name).unwrap_or_else(|| panic!("no words for {}", variable.name));
        let usual = word.default.clone().unwrap_or_else(|| shipped(variable));
        assert!(word.default.is_some() || !usual.is_empty(), "no default of {}", variable.name);
        format!("| `{prefix}{}` | {} | {usual} |\n", variable.name, word.meaning).replace("|  |", "| |")
    };
    format!("| variable | meaning | default |\n|--|--|--|\n{}", variables.iter().map(row).collect::<String>())
}

fn of_server(config: &Config, variable: &Variable) -> String {
    match variable.path.as_slice() {
        [context, _, limit] if context == "context" => of_stages(config, limit),
        path => {
            shipped(config, &path.join(".")).map(|value| readable(&value, variable.form)).unwrap_or_default()
        }
    }
}

/// A limit outside a stage, and then in each stage.
fn of_stages(config: &Config, limit: &str) -> String {
    let of: fn(ContextLimits) -> usize = match limit {
        "max_files" => |limits| limits.max_files,
        "max_lines_per_file" => |limits| limits.max_lines_per_file,
        "max_error_lines" => |limits| limits.max_error_lines,
        _ => |limits| limits.max_total_chars,
    };
    let shown = |stage| grouped(of(config.context_limits(stage)) as u64);
    let stages: Vec<String> = Stage::ALL.iter().copied().map(|stage| shown(Some(stage))).collect();
    format!("{}; {}", shown(None), stages.join(", "))
}

/// The values of the shipped providers that differ from the default, and then the default. The understudy is
/// not a CLI, so it is left out.
fn of_providers(config: &Config, variable: &Variable) -> String {
    let value = |provider: &ProviderSettings| match variable.name.as_str() {
        "TIMEOUT" => grouped(provider.timeout_sec),
        "STALL_TIMEOUT" => grouped(provider.stall_timeout_sec),
        "ENABLED" => (provider.enabled == Enabled::Yes).to_string(),
        _ if provider.extra_args.is_empty() => "none".to_owned(),
        _ => format!("`{}`", provider.extra_args.join(" ")),
    };
    let others = value(&ProviderSettings::default());
    let mut parts: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, provider) in &config.providers {
        let own = value(provider);
        if provider.adapter == AdapterKind::Understudy || own == others {
            continue;
        }
        match parts.iter_mut().find(|(value, _)| *value == own) {
            Some((_, names)) => names.push(name),
            None => parts.push((own, vec![name])),
        }
    }
    if parts.is_empty() {
        return others;
    }
    let named = parts.into_iter().map(|(value, names)| format!("{}: {value}; ", names.join(", ")));
    format!("{}others: {others}", named.collect::<String>())
}

/// The value at a path, as the configuration keeps it for `check`.
fn shipped(config: &Config, path: &str) -> Option<String> {
    config.origins.iter().find(|(name, _, _)| name == path).map(|(_, value, _)| value.clone())
}

fn readable(value: &str, form: Form) -> String {
    if value == "[]" {
        return "none".to_owned();
    }
    match value.parse() {
        Ok(number) => grouped(number),
        Err(_) if form == Form::Text => format!("`{value}`"),
        Err(_) => value.to_owned(),
    }
}

#[test]
fn every_default_is_there() {
    let table = server_variables();
    for row in [
        "| `MAESTRO_BACKUPS_MAX_BYTES` | maximum number of bytes of all backups together; 0 means no limit | 500,000,000 |",
        "| `MAESTRO_CONTEXT_MAX_FILES` | maximum number of files in a packed context | 7; 10, 5, 3, 3, 5 |",
        "| `MAESTRO_MASK_REPLACEMENT` | text that replaces a secret | `[MASKED]` |",
    ] {
        assert!(table.contains(row), "{table}");
    }
}

/// Compares prose with the facts of the code that it repeats.
#[test]
fn words_agree_with_the_code() {
    let row = |name: &str| {
        let table = server_variables();
        table.lines().find(|line| line.contains(&format!("`{name}`"))).unwrap_or_default().to_owned()
    };
    assert!(row("MAESTRO_SINGLE_AGENT_TURNS").ends_with(&format!("| {PAPER_TURNS} |")));
    for set in toolsets().iter().chain(presets()) {
        assert!(row("MAESTRO_TOOLSETS").contains(&set.name), "{}", set.name);
    }
    let config = defaults();
    assert!(config.settings.toolsets.is_empty());
    assert_eq!(config.settings.tracing.directory, None);
    for (name, provider) in &config.providers {
        assert!(provider.adapter == AdapterKind::Understudy || provider.command == *name, "{name}");
    }
}

#[test]
fn providers_that_differ_are_named() {
    let table = provider_variables();
    assert!(table.contains("| codex: 900; others: 600 |"), "{table}");
    assert!(table.contains("llm, ollama: false; others: true |"), "{table}");
    assert!(table.contains("| claude: 600; others: 300 |") && table.contains("| none |"), "{table}");
}
