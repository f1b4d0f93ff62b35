//! The settings of one provider in `conf/cli_clients.yaml`.

use std::path::{Component, Path};

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer};

use crate::domain::call_options::Effort;
use crate::domain::packed::list;
use crate::domain::typed::from_value;

/// One consultant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderSettings {
    pub enabled: Enabled,
    pub adapter: AdapterKind,
    /// Program and leading arguments, as shell words.
    pub command: String,
    /// Default model; None leaves the choice to the CLI and its user.
    #[serde(deserialize_with = "name_or_none")]
    pub model: Option<String>,
    /// Default effort.
    #[serde(deserialize_with = "effort_or_none")]
    pub effort: Option<Effort>,
    /// Timeout of a call in seconds.
    pub timeout_sec: u64,
    /// Seconds of silence after the first output that end a call; 0 means never.
    pub stall_timeout_sec: u64,
    /// The user's arguments, before ours.
    pub extra_args: Vec<String>,
    /// Environment variables to set for the CLI.
    pub extra_env: IndexMap<String, String>,
    /// Environment variables that the CLI inherits; a trailing `*` matches a prefix.
    pub allow_env: Vec<String>,
    /// Providers that may answer instead, in this order; empty by default.
    pub fallback: Vec<String>,
    /// Default trust, 0 to 1.
    pub trust: f64,
    /// How to call and read a CLI without an adapter of its own.
    pub template: TemplateSettings,
}

impl Default for ProviderSettings {
    fn default() -> Self {
        Self {
            enabled: Enabled::Yes,
            adapter: AdapterKind::Template,
            command: String::new(),
            model: None,
            effort: None,
            timeout_sec: 600,
            stall_timeout_sec: 300,
            extra_args: Vec::new(),
            extra_env: IndexMap::new(),
            allow_env: Vec::new(),
            fallback: Vec::new(),
            trust: 0.7,
            template: TemplateSettings::default(),
        }
    }
}

impl ProviderSettings {
    /// The invalid values among those that have the right type, as `(key, problem)`.
    pub(super) fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if let Some(model) = self.model.as_deref().filter(|model| model.starts_with('-')) {
            faults.push(("model", format!("must be a name, not a flag (got {model:?})")));
        }
        if self.timeout_sec == 0 {
            faults.push(("timeout_sec", "must be 1 or more seconds, for example 600 (got 0)".to_owned()));
        }
        if !(0.0..=1.0).contains(&self.trust) {
            faults.push(("trust", format!("must be 0 to 1 (got {})", self.trust)));
        }
        if self.adapter != AdapterKind::Understudy {
            match shlex::split(&self.command) {
                None => faults
                    .push(("command", format!("has a quote that is not closed (got {:?})", self.command))),
                Some(words) if words.is_empty() => {
                    faults.push((
                        "command",
                        "must be a program with its arguments, for example \"codex\" (got nothing)"
                            .to_owned(),
                    ));
                }
                Some(_) => {}
            }
        }
        if let Some(flag) = undoing(self.adapter, &self.extra_args) {
            faults.push((
                "extra_args",
                format!("must not hold `{flag}`: it would let the consultant do more than write text"),
            ));
        }
        let asks_by_argument = self.template.args.iter().any(|arg| arg.contains("{prompt}"))
            || self.command.contains("{prompt}");
        if asks_by_argument != (self.template.prompt == PromptChannel::Argument) {
            faults.push((
                "template",
                "must hold {prompt} in args if prompt is `argument`, and only then".to_owned(),
            ));
        }
        let pointers = self.template.pointers();
        if let Some(bad) = pointers.iter().find(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
            faults.push((
                "template",
                format!("must hold JSON pointers, which begin with a slash: \"/{bad}\" (got {bad:?})"),
            ));
        }
        let leads_out =
            |name: &String| Path::new(name).components().any(|part| !matches!(part, Component::Normal(_)));
        if let Some(name) = self.template.files.keys().find(|name| leads_out(name)) {
            faults.push((
                "template.files",
                format!("must name files inside the working directory (got {name:?})"),
            ));
        }
        faults
    }
}

/// The first argument that would let a known CLI do more than answer; None if all are harmless.
fn undoing(adapter: AdapterKind, arguments: &[String]) -> Option<&str> {
    if matches!(adapter, AdapterKind::Template | AdapterKind::Understudy) {
        return None;
    }
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        let flag = argument.split('=').next().unwrap_or_default();
        let lower = flag.to_ascii_lowercase();
        let is_config = adapter == AdapterKind::Codex && (lower == "--config" || argument.starts_with("-c"));
        if is_config {
            let setting = match argument.strip_prefix("--config=").or_else(|| argument.strip_prefix("-c")) {
                Some(joined) if !joined.is_empty() => joined.trim_start_matches('='),
                _ => arguments.next().unwrap_or_default(),
            };
            // Without `=` it sets nothing; the CLI reports that itself.
            if setting.contains('=')
                && !list("codex_settings").iter().any(|known| setting.trim_start().starts_with(known))
            {
                return Some(flag);
            }
            continue;
        }
        let undoes = list("undoing_flags").iter().any(|known| match known.strip_suffix('*') {
            Some(beginning) => lower.starts_with(beginning),
            // A short flag may take its value without a separator.
            None => {
                lower == *known
                    || known.len() == 2
                        && *known != "--"
                        && !lower.starts_with("--")
                        && lower.starts_with(known)
            }
        });
        if undoes
            || adapter == AdapterKind::Claude && lower == "-c"
            || adapter == AdapterKind::Codex && lower == "-p"
        {
            return Some(flag);
        }
    }
    None
}

/// True if a text can be the name of a model. The name becomes an argument, so it must not look like a flag
/// or contain blanks.
pub fn is_model_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.contains(|letter: char| letter.is_whitespace() || letter.is_control())
}

/// Reads a name. An empty one counts as missing.
fn name_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    Ok(name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()))
}

fn effort_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Effort>, D::Error> {
    let Some(word) = name_or_none(deserializer)? else { return Ok(None) };
    let known = word.to_ascii_lowercase().parse();
    known.map(Some).map_err(|_| serde::de::Error::custom(format!("effort must be {}", Effort::NAMES)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enabled {
    Yes,
    No,
    /// Enabled if a call names it, or if no other CLI is installed.
    Auto,
}

impl<'de> Deserialize<'de> for Enabled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Bool(true) => Ok(Self::Yes),
            serde_json::Value::Bool(false) => Ok(Self::No),
            word if word == "auto" => Ok(Self::Auto),
            _ => Err(serde::de::Error::custom("enabled must be true, false or auto")),
        }
    }
}

/// How a provider is called and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdapterKind {
    /// The Codex CLI.
    Codex,
    /// The Gemini CLI.
    Gemini,
    /// The Claude CLI.
    Claude,
    /// Any other CLI, as its `template` describes it.
    Template,
    /// The provider inside this binary.
    Understudy,
}

/// How to call and read a CLI without an adapter of its own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TemplateSettings {
    /// Arguments, with placeholders.
    pub args: Vec<String>,
    pub prompt: PromptChannel,
    pub answer: AnswerRule,
    /// Place of an error in the output, in addition to a non-zero exit code.
    pub error: Option<ErrorRule>,
    pub usage: Option<UsageRule>,
    /// Files written into the private working directory before the start.
    pub files: IndexMap<String, String>,
    /// Maximum length of a prompt in characters.
    pub max_prompt_chars: Option<usize>,
}

impl TemplateSettings {
    /// Every JSON pointer of its rules.
    fn pointers(&self) -> Vec<&str> {
        let answer = match &self.answer {
            AnswerRule::Text => None,
            AnswerRule::Json(pointer) | AnswerRule::JsonLines { pointer, .. } => Some(pointer),
        };
        let usage = self.usage.iter().flat_map(|rule| [&rule.input, &rule.output, &rule.cost]).flatten();
        let error = self.error.iter().map(|rule| &rule.pointer);
        answer.into_iter().chain(usage).chain(error).map(String::as_str).collect()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptChannel {
    /// Through standard input.
    #[default]
    Stdin,
    /// In place of `{prompt}` in an argument.
    Argument,
}

/// Place of the answer in a CLI's output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AnswerRule {
    /// All of stdout.
    #[default]
    Text,
    /// A JSON pointer into one document.
    Json(String),
    /// A JSON pointer into the matching lines.
    JsonLines {
        pointer: String,
        /// Pointers, and the values required there.
        matching: IndexMap<String, serde_json::Value>,
        join: Join,
    },
}

/// How answers from several lines are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// They are pieces of one answer.
    #[default]
    Concat,
    /// The last one counts.
    Last,
}

/// Place of an error in a CLI's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorRule {
    /// Pointer to its message.
    pub pointer: String,
    /// Pointers, and the values required there.
    pub matching: IndexMap<String, serde_json::Value>,
}

/// Place of the usage in a CLI's output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UsageRule {
    /// Pointer to the input tokens.
    pub input: Option<String>,
    /// Pointer to the output tokens.
    pub output: Option<String>,
    /// Pointer to the cost in US dollars.
    pub cost: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    json: Option<String>,
    json_lines: Option<String>,
    #[serde(default, rename = "where")]
    matching: IndexMap<String, serde_json::Value>,
    #[serde(default)]
    join: Join,
}

impl<'de> Deserialize<'de> for AnswerRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = serde_json::Value::deserialize(deserializer)?;
        let refusal = || {
            serde::de::Error::custom(
                "answer must be `text`, `{ json: /pointer }` or `{ json_lines: /pointer, where: {..}, join: concat|last }`",
            )
        };
        if written == "text" {
            return Ok(Self::Text);
        }
        match from_value::<WrittenRule>(written).map_err(|_| refusal())? {
            WrittenRule { json: Some(pointer), json_lines: None, .. } => Ok(Self::Json(pointer)),
            WrittenRule { json: None, json_lines: Some(pointer), matching, join } => {
                Ok(Self::JsonLines { pointer, matching, join })
            }
            WrittenRule { .. } => Err(refusal()),
        }
    }
}

impl<'de> Deserialize<'de> for ErrorRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match WrittenRule::deserialize(deserializer)? {
            WrittenRule { json: Some(pointer), json_lines: None, matching, .. }
            | WrittenRule { json: None, json_lines: Some(pointer), matching, .. } => {
                Ok(Self { pointer, matching })
            }
            WrittenRule { .. } => Err(serde::de::Error::custom(
                "error must be `{ json: /pointer }` or `{ json_lines: /pointer, where: {..} }`",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(adapter: AdapterKind, line: &str) -> Option<String> {
        undoing(adapter, &shlex::split(line).unwrap()).map(ToOwned::to_owned)
    }

    #[test]
    fn arguments_that_would_undo_ours_are_found() {
        for (adapter, line, flag) in [
            (
                AdapterKind::Claude,
                "--verbose --dangerously-skip-permissions",
                "--dangerously-skip-permissions",
            ),
            (AdapterKind::Claude, "--tools default", "--tools"),
            (AdapterKind::Claude, "--allowedTools=Bash", "--allowedTools"),
            (AdapterKind::Claude, "--mcp-config x.json", "--mcp-config"),
            (AdapterKind::Claude, "-c", "-c"),
            (AdapterKind::Claude, "--", "--"),
            (AdapterKind::Codex, "-c model_reasoning_effort=high -c features.shell_tool=true", "-c"),
            (AdapterKind::Codex, "-cmcp_servers.x.command=y", "-cmcp_servers.x.command"),
            (AdapterKind::Codex, "--config=sandbox_mode=danger-full-access", "--config"),
            (AdapterKind::Codex, "-sdanger-full-access", "-sdanger-full-access"),
            (AdapterKind::Codex, "--sandbox=workspace-write", "--sandbox"),
            (AdapterKind::Gemini, "--yolo", "--yolo"),
            (AdapterKind::Gemini, "-e all", "-e"),
            (AdapterKind::Gemini, "--approval-mode yolo", "--approval-mode"),
        ] {
            assert_eq!(found(adapter, line).as_deref(), Some(flag), "{line}");
        }
        for (adapter, line) in [
            (AdapterKind::Codex, "-c model_reasoning_effort=\"high\""),
            (AdapterKind::Codex, "--config model_verbosity=low"),
            (AdapterKind::Claude, "--effort high --fallback-model sonnet"),
            (AdapterKind::Gemini, "--debug"),
            (AdapterKind::Template, "--yolo"),
        ] {
            assert_eq!(found(adapter, line), None, "{line}");
        }
    }
}
