//! The texts of each tool, for models and clients: `words.yaml`, laid over its schema.

use std::collections::HashMap;

use rmcp::model::{JsonObject, MetaObject, Tool, ToolAnnotations};
use serde::Deserialize;
use serde_json::Value;

use crate::domain::packed;

/// The texts, embedded. A test reads them, so that they always parse.
const TEXTS: &str = "src/tools/words.yaml";

/// The texts of all tools.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    /// Parameters that mean the same in every tool.
    parameters: HashMap<String, String>,
    tools: HashMap<String, ToolWords>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolWords {
    /// The name that a client shows to people.
    title: String,
    effect: Effect,
    /// Search words for Claude Code's tool search.
    hint: String,
    #[serde(default)]
    shown: Shown,
    #[serde(default)]
    interaction: Interaction,
    description: String,
    #[serde(default)]
    parameters: HashMap<String, String>,
}

/// The effect of a call, in the terms of MCP's hints.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Effect {
    Reads,
    Records,
    /// Records; the same call again records nothing more.
    RecordsOnce,
    /// Asks a model, or runs a command.
    Asks,
    Changes,
    /// Changes; the same call again changes nothing more.
    ChangesOnce,
}

impl Effect {
    fn annotations(self) -> ToolAnnotations {
        ToolAnnotations::new()
            .read_only(matches!(self, Self::Reads))
            .destructive(matches!(self, Self::Changes | Self::ChangesOnce))
            .idempotent(matches!(self, Self::Reads | Self::RecordsOnce | Self::ChangesOnce))
            .open_world(matches!(self, Self::Asks))
    }
}

/// When a client should show a tool's schema to its model.
#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shown {
    /// From the start.
    Always,
    /// Once a search finds it.
    #[default]
    OnSearch,
}

/// Says if Claude Code asks its human at every call, in every mode.
#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Interaction {
    #[default]
    None,
    Human,
}

impl ToolWords {
    /// A tool's metadata for Claude Code.
    fn meta(&self) -> MetaObject {
        let mut meta = MetaObject::new();
        meta.insert("anthropic/searchHint".into(), Value::from(self.hint.as_str()));
        if self.shown == Shown::Always {
            meta.insert("anthropic/alwaysLoad".into(), Value::Bool(true));
        }
        if self.interaction == Interaction::Human {
            meta.insert("anthropic/requiresUserInteraction".into(), Value::Bool(true));
        }
        meta
    }
}

impl Words {
    pub(super) fn embedded() -> Self {
        packed::read(TEXTS)
    }

    /// Adds a tool's texts and those of its parameters. A parameter without a text here keeps its own.
    pub(super) fn describe(&self, tool: &mut Tool, schema: &mut JsonObject) {
        let Some(words) = self.tools.get(tool.name.as_ref()) else {
            return;
        };
        tool.title = Some(words.title.clone());
        tool.description = Some(words.description.clone().into());
        tool.annotations = Some(words.effect.annotations());
        tool.meta = Some(words.meta());
        let Some(Value::Object(properties)) = schema.get_mut("properties") else {
            return;
        };
        for (name, property) in properties {
            let text = words.parameters.get(name).or_else(|| self.parameters.get(name));
            if let (Some(text), Value::Object(property)) = (text, property) {
                property.insert("description".to_owned(), Value::from(text.as_str()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_can_be_read() {
        let words = Words::embedded();
        assert!(words.tools.len() > 40 && words.parameters.len() > 5);
    }
}
