//! A tool's arguments, with errors that name the argument.

use std::borrow::Cow;

use rmcp::ErrorData;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::domain::words::in_plain_words;

/// The prefix by which the choke point tells wrong arguments from other refusals.
pub(crate) const WRONG_ARGUMENTS: &str = "wrong arguments: ";

/// The arguments of a tool. The macros look for a type of this name.
pub(crate) struct Parameters<T>(pub(crate) T);

/// The arguments of a tool that takes none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoInput {}

impl<T: JsonSchema> JsonSchema for Parameters<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<S, T: DeserializeOwned> FromContextPart<ToolCallContext<'_, S>> for Parameters<T> {
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, ErrorData> {
        let arguments = context.arguments.take().unwrap_or_default();
        serde_path_to_error::deserialize(serde_json::Value::Object(arguments)).map(Self).map_err(|error| {
            let path = error.path().to_string();
            let place = if path == "." { String::new() } else { format!("{path}: ") };
            ErrorData::invalid_params(
                format!("{WRONG_ARGUMENTS}{place}{}", in_plain_words(&error.inner().to_string())),
                None,
            )
        })
    }
}
