//! MCP prompts: commands that a person starts by name. Each tells the model which tool to call, and when to
//! wait for the person.
//!
//! Each takes one optional argument, because Claude Code passes only single words.

use std::sync::LazyLock;

use rmcp::ErrorData;
use rmcp::model::{GetPromptResult, Prompt, PromptArgument, PromptMessage, Role};
use serde::Deserialize;
use serde_json::Value;

use crate::domain::cut::head;
use crate::domain::packed;
use crate::error::Error;

const SLOT: &str = "{{ request }}";

/// The text in place of a missing argument.
const NOT_GIVEN: &str =
    "(not given here: take it from the conversation; where that does not say, ask, and wait for the answer)";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    name: String,
    title: String,
    description: String,
    argument: String,
    about: String,
}

static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| packed::read("src/server/prompts.yaml"));

impl Template {
    fn prompt(&self) -> Prompt {
        let argument = PromptArgument::new(&self.argument).with_description(&self.about).with_required(false);
        Prompt::new(&self.name, Some(&self.description), Some(vec![argument])).with_title(&self.title)
    }

    fn text(&self) -> String {
        packed::text(&format!("src/server/prompts/{}.txt", self.name)).unwrap_or_default()
    }

    fn filled(&self, given: Option<&str>) -> String {
        let given = given.map(str::trim).filter(|given| !given.is_empty());
        self.text().trim_end().replace(SLOT, given.unwrap_or(NOT_GIVEN))
    }
}

/// All prompts, in the order of the file.
pub(super) fn list() -> Vec<Prompt> {
    TEMPLATES.iter().map(Template::prompt).collect()
}

/// The text of a prompt with its argument filled in.
pub(super) fn get(
    name: &str,
    arguments: &serde_json::Map<String, Value>,
) -> Result<GetPromptResult, ErrorData> {
    let Some(template) = TEMPLATES.iter().find(|template| template.name == name) else {
        let available = TEMPLATES.iter().map(|template| template.name.clone()).collect();
        let error = Error::Unknown { kind: "prompt", name: head(name, 80).to_owned(), available };
        return Err(ErrorData::invalid_params(format!("{error}. {}", error.hint()), None));
    };
    if let Some(other) = arguments.keys().find(|key| *key != &template.argument) {
        let message = format!("the prompt {name} takes `{}`, not `{other}`", template.argument);
        return Err(ErrorData::invalid_params(message, None));
    }
    let given = match arguments.get(&template.argument) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.as_str()),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            let message = format!("the argument `{}` must be a text", template.argument);
            return Err(ErrorData::invalid_params(message, None));
        }
    };
    let message = PromptMessage::new_text(Role::User, template.filled(given));
    Ok(GetPromptResult::new(vec![message]).with_description(&template.description))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_takes_its_argument_once_and_is_short() {
        for template in TEMPLATES.iter() {
            assert_eq!(template.text().matches(SLOT).count(), 1, "{}", template.name);
            assert!(template.filled(None).contains(NOT_GIVEN), "{}", template.name);
            assert!(template.filled(Some("  ")).contains(NOT_GIVEN), "{}", template.name);
            assert!(template.text().len() < 1_500, "{}: {}", template.name, template.text().len());
        }
    }

    #[test]
    fn what_a_person_gives_is_no_template() {
        let filled = TEMPLATES[0].filled(Some("{{ request }} $1"));
        assert!(filled.contains("{{ request }} $1"));
    }
}
