//! Model and effort of a call: the order of those whose word counts.

use super::catalogue::Provider;
use super::effort::Wish;
use super::own::{OwnChoice, own_choice};
use crate::domain::call_options::CallOptions;
use crate::host::environment::Environment;

/// Model and effort that a call asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The model; none leaves it to the CLI.
    pub model: Option<String>,
    /// True if the user's own arguments name it already, so that we do not.
    pub is_written: bool,
    pub wish: Wish,
}

impl Choice {
    /// By the first that says something: the call, our configuration (the environment before files),
    /// the user's own arguments, the user's own configuration of the CLI. The last is a file: not for
    /// the runtime's thread.
    pub fn of(provider: &Provider, environment: &Environment, options: &CallOptions) -> Self {
        let model = options.model.clone().or_else(|| provider.settings.model.clone());
        let effort = options.effort.or(provider.settings.effort);
        let written = if model.is_none() { written(provider, &["-m", "--model"]) } else { None };
        let is_decided = (model.is_some() || written.is_some()) && effort.is_some();
        let own = if is_decided { OwnChoice::default() } else { own_choice(&provider.adapter, environment) };
        Self {
            is_written: written.is_some(),
            model: model.or(written).or(own.model),
            wish: match (effort, written_effort(provider).or(own.effort)) {
                (Some(effort), _) => Wish::Named(effort),
                (None, Some(word)) => Wish::Own(word),
                (None, None) => Wish::Usual,
            },
        }
    }
}

/// The value of a flag among the user's own arguments.
fn written(provider: &Provider, flags: &[&str]) -> Option<String> {
    let words = || provider.leading_arguments().iter().chain(&provider.settings.extra_args);
    let behind = words()
        .zip(words().skip(1))
        .find_map(|(flag, value)| flags.contains(&flag.as_str()).then(|| value.clone()));
    let joined = || {
        words().find_map(|word| {
            let (flag, value) = word.split_once('=')?;
            flags.contains(&flag).then(|| value.to_owned())
        })
    };
    behind.or_else(joined).filter(|value| !value.contains('{'))
}

/// Returns how hard the user's own arguments tell the CLI to think.
fn written_effort(provider: &Provider) -> Option<String> {
    let setting =
        written(provider, &["model_reasoning_effort"]).map(|word| word.trim_matches('"').to_owned());
    setting.or_else(|| written(provider, &["--effort"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::config::ProviderSettings;

    #[test]
    fn a_model_among_the_users_own_arguments_is_seen() {
        let of = |command: &str, extra: &[&str]| {
            let settings = ProviderSettings {
                command: command.to_owned(),
                extra_args: extra.iter().map(|word| (*word).to_owned()).collect(),
                ..ProviderSettings::default()
            };
            written(&Provider::new("it", &settings), &["-m", "--model"])
        };
        assert_eq!(of("claude --model sonnet", &[]).as_deref(), Some("sonnet"));
        assert_eq!(of("codex", &["-m", "gpt-5.5"]).as_deref(), Some("gpt-5.5"));
        assert_eq!(of("codex", &["--model=gpt-5.5"]).as_deref(), Some("gpt-5.5"));
        assert_eq!(of("mycli --model {model}", &[]), None);
        assert_eq!(of("codex", &["-m"]), None);
        let effort = |words: &[&str]| {
            let extra_args = words.iter().map(|word| (*word).to_owned()).collect();
            written_effort(&Provider::new(
                "it",
                &ProviderSettings { extra_args, ..ProviderSettings::default() },
            ))
        };
        assert_eq!(effort(&["-c", "model_reasoning_effort=\"ultra\""]).as_deref(), Some("ultra"));
        assert_eq!(effort(&["--effort", "max"]).as_deref(), Some("max"));
        assert_eq!(effort(&["--fast"]), None);
    }
}
