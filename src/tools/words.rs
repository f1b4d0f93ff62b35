//! The texts that a model reads of each tool: `words.yaml`, laid over its schema.

use std::collections::HashMap;

use rmcp::model::{JsonObject, Tool};
use serde::Deserialize;
use serde_json::Value;

use crate::domain::typed::from_yaml;

/// The texts, embedded. A test reads them, so that they always parse.
const TEXTS: &str = include_str!("words.yaml");

/// The texts of all tools.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    /// Parameters that mean the same in every tool.
    parameters: HashMap<String, String>,
    tools: HashMap<String, ToolWords>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolWords {
    description: String,
    #[serde(default)]
    parameters: HashMap<String, String>,
}

impl Words {
    pub(super) fn embedded() -> Option<Self> {
        from_yaml(TEXTS)
            .inspect_err(|error| tracing::error!(%error, "the texts of the tools cannot be read"))
            .ok()
    }

    /// Describes a tool and the parameters of its schema. A parameter without a text here keeps its own.
    pub(super) fn describe(&self, tool: &mut Tool, schema: &mut JsonObject) {
        let Some(words) = self.tools.get(tool.name.as_ref()) else {
            return;
        };
        tool.description = Some(words.description.clone().into());
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
        // Only this form of a document refuses a key that is there twice.
        serde_yaml::from_str::<serde_yaml::Value>(TEXTS).unwrap();
        let words: Words = serde_yaml::from_str(TEXTS).unwrap();
        assert!(words.tools.len() > 40 && words.parameters.len() > 5);
        assert!(Words::embedded().is_some());
    }
}
