//! A tool's schema in two forms: a plain one to read arguments by, and the served one for a model: names,
//! types, choices, defaults and a few words each.

use std::sync::Arc;
use std::time::Duration;

use rmcp::ErrorData;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{CallToolResponse, ContentBlock, JsonObject, ProtocolVersion, Resource};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::domain::address::Address;
use crate::domain::redflag::Flag;
use crate::domain::stage::Stage;
use crate::domain::typed::{Misfit, from_value};
use crate::domain::words::span;
use crate::flow::progress::Progress;

const NOISE: [&str; 3] = ["$schema", "title", "format"];

/// Schema keys that no model needs: the parameter's text gives the range, and a value outside is refused
/// with the reason.
const BOUNDS: [&str; 4] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];

/// A tool's schema with one type in each place, and with every bound.
pub(super) fn plain(schema: &JsonObject) -> JsonObject {
    let mut schema = schema.clone();
    schema.shift_remove("description");
    simplify(&mut schema);
    schema.entry("properties").or_insert_with(|| json!({}));
    schema.insert("additionalProperties".into(), Value::Bool(false));
    schema
}

/// The served form of a plain schema.
pub(super) fn served(plain: &JsonObject, providers: &[String]) -> JsonObject {
    let mut schema = plain.clone();
    leave_out(&mut schema, &BOUNDS);
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, property) in properties {
            if let Value::Object(property) = property {
                name_choices(name, property, providers);
            }
        }
    }
    schema
}

fn simplify(schema: &mut Map<String, Value>) {
    merge_constants(schema);
    merge_null(schema);
    leave_out_null(schema);
    for noise in NOISE {
        schema.shift_remove(noise);
    }
    if schema.get("additionalProperties") == Some(&Value::Bool(true)) {
        schema.shift_remove("additionalProperties");
    }
    if [Some(&Value::Null), Some(&json!([]))].contains(&schema.get("default")) {
        schema.shift_remove("default");
    }
    if let Some(Value::String(words)) = schema.get_mut("description") {
        *words = words.trim_end_matches('.').replace('`', "");
    }
    for inner in inner(schema) {
        simplify(inner);
    }
}

fn leave_out(schema: &mut Map<String, Value>, names: &[&str]) {
    for name in names {
        schema.shift_remove(*name);
    }
    for inner in inner(schema) {
        leave_out(inner, names);
    }
}

/// The schemas of an array's items or an object's properties.
fn inner(schema: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    schema
        .iter_mut()
        .flat_map(|(key, value)| match (key.as_str(), value) {
            ("items", items) => vec![items],
            ("properties", Value::Object(properties)) => properties.values_mut().collect(),
            _ => Vec::new(),
        })
        .filter_map(Value::as_object_mut)
}

/// Turns `oneOf` over constants, which documented variants produce, into `enum`.
fn merge_constants(object: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("oneOf") else {
        return;
    };
    let values: Option<Vec<Value>> = choices
        .iter()
        .flat_map(|choice| match choice.get("enum") {
            Some(Value::Array(values)) => values.iter().map(|value| Some(value.clone())).collect(),
            _ => vec![choice.get("const").cloned()],
        })
        .collect();
    if let Some(values) = values {
        object.shift_remove("oneOf");
        object.insert("type".into(), json!("string"));
        object.insert("enum".into(), Value::Array(values));
    }
}

/// Turns `anyOf` over a type and null into the type.
fn merge_null(object: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("anyOf") else {
        return;
    };
    let [Value::Object(inner), Value::Object(null)] = choices.as_slice() else {
        return;
    };
    if null.get("type") != Some(&json!("null")) {
        return;
    }
    let mut inner = inner.clone();
    // A type's description is about the type; the parameter has its own.
    inner.shift_remove("description");
    merge_constants(&mut inner);
    object.shift_remove("anyOf");
    for (key, value) in inner {
        object.entry(key).or_insert(value);
    }
}

/// Removes null: it is accepted for an optional parameter, but no model needs to send it.
fn leave_out_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get("type")
        && let [name, Value::String(null)] = types.as_slice()
        && null == "null"
    {
        let name = name.clone();
        schema.insert("type".into(), name);
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
}

fn name_choices(name: &str, property: &mut Map<String, Value>, providers: &[String]) {
    match name {
        "provider" | "judge_provider" => {
            property.insert("enum".into(), json!(providers));
        }
        "providers" => {
            property.insert("items".into(), json!({ "type": "string", "enum": providers }));
        }
        "rules" => {
            property.insert("items".into(), json!({ "type": "string", "enum": Flag::ALL.iter().map(|flag| flag.name()).collect::<Vec<_>>() }));
        }
        _ => {}
    }
}

/// Links of one result.
const MOST_LINKS: usize = 24;

/// The places of a result that may name a resource.
const PLACES: [&str; 2] = ["/resource", "/approval/resource"];

/// The lists of a result whose entries may name a resource.
const LISTS: [&str; 3] = ["/candidates", "/output/candidates", "/stage_result/output/candidates"];

/// Adds a link for each named resource, if the client's version of the protocol has links.
pub(crate) fn with_links(response: CallToolResponse, version: Option<&ProtocolVersion>) -> CallToolResponse {
    let knows_links = version.is_some_and(|version| *version >= ProtocolVersion::V_2025_06_18);
    match response {
        CallToolResponse::Complete(mut result) if knows_links => {
            if let Some(value) = &result.structured_content {
                result.content.extend(named(value).iter().map(link));
            }
            result.into()
        }
        other => other,
    }
}

fn named(value: &Value) -> Vec<Address> {
    let places = PLACES.iter().filter_map(|place| value.pointer(place));
    let lists = LISTS.iter().filter_map(|list| value.pointer(list)?.as_array());
    let entries = lists.flatten().filter_map(|entry| entry.get("resource"));
    places.chain(entries).filter_map(|resource| Address::read(resource.as_str()?)).take(MOST_LINKS).collect()
}

/// An address as MCP lists and links it.
pub(crate) fn resource(address: &Address) -> Resource {
    Resource::new(address.to_string(), address.path())
        .with_title(address.title())
        .with_mime_type(address.mime_type())
}

fn link(address: &Address) -> ContentBlock {
    ContentBlock::resource_link(resource(address))
}

/// The prefix that marks wrong arguments for the choke point.
pub(crate) const WRONG_ARGUMENTS: &str = "wrong arguments: ";

/// The arguments of a tool. The macros look for a type of this name.
pub(crate) struct Parameters<T>(pub(crate) T);

/// The arguments of a tool that takes none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoInput {}

// The arguments of a tool that takes a stage. Its schema shows only the docs of the field.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StageInput {
    /// Stage.
    pub(crate) stage: Stage,
}

/// A default of a parameter.
pub(crate) fn number<const N: u32>() -> u32 {
    N
}

/// The schema of a tool's arguments. Only code that depends on the type is compiled for each.
pub(crate) fn arguments<T: JsonSchema>() -> Arc<JsonObject> {
    schema_by(T::json_schema)
}

fn schema_by(schema: fn(&mut SchemaGenerator) -> Schema) -> Arc<JsonObject> {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = schema(&mut generator);
    let definitions = generator.take_definitions(false);
    if !definitions.is_empty() {
        schema.insert("$defs".to_owned(), Value::Object(definitions));
    }
    schema.insert("title".to_owned(), Value::Null);
    // Serialising keeps the order of keys that clients know; `swap_remove` moves the last key into the gap.
    let Ok(Value::Object(mut schema)) = serde_json::to_value(schema) else { return Arc::default() };
    for noise in ["title", "description"] {
        schema.swap_remove(noise);
    }
    Arc::new(schema)
}

impl<S, T: DeserializeOwned> FromContextPart<ToolCallContext<'_, S>> for Parameters<T> {
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, ErrorData> {
        let arguments = context.arguments.take().unwrap_or_default();
        from_value(serde_json::Value::Object(arguments)).map(Self).map_err(|misfit| refusal(&misfit))
    }
}

fn refusal(misfit: &Misfit) -> ErrorData {
    let path = misfit.place();
    let place = if path == "." { String::new() } else { format!("{path}: ") };
    ErrorData::invalid_params(format!("{WRONG_ARGUMENTS}{place}{misfit}"), None)
}

/// Interval at which a waiting call says so. The least patient clients give up after a minute.
pub(crate) const EVERY: Duration = Duration::from_secs(15);

/// Runs something that may take long, and repeatedly reports what the call waits for.
pub(crate) async fn waiting<T>(
    progress: &Progress,
    what: &str,
    every: Duration,
    work: impl Future<Output = T>,
) -> T {
    let started = Instant::now();
    tokio::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done,
        // Without a timer: an answer may come within its first millisecond, and then nothing would be said.
        () = std::future::ready(()) => progress.say(&message(what, Duration::ZERO)),
    }
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::time::sleep(every) => progress.say(&message(what, started.elapsed())),
        }
    }
}

fn message(what: &str, elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0 => format!("waiting for {what}"),
        seconds => format!("waiting for {what} ({})", span(seconds.saturating_mul(1_000))),
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::CallToolResult;
    use serde_json::json;

    use super::*;

    fn links(value: Value, version: &ProtocolVersion) -> Vec<String> {
        match with_links(CallToolResult::structured(value).into(), Some(version)) {
            CallToolResponse::Complete(result) => result
                .content
                .iter()
                .filter_map(|block| Some(block.as_resource_link()?.uri.clone()))
                .collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn what_a_result_names_is_linked_where_the_client_knows_links() {
        let value = json!({
            "approval": { "resource": "maestro://approvals/a" },
            "stage_result": { "output": { "candidates": [{ "resource": "maestro://answers/x.md" }, {}] } },
            "resource": "file:///etc/passwd",
        });
        let expected = ["maestro://approvals/a", "maestro://answers/x.md"];
        for version in [ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2026_07_28] {
            assert_eq!(links(value.clone(), &version), expected);
        }
        assert!(links(value, &ProtocolVersion::V_2025_03_26).is_empty());
    }

    #[test]
    fn the_message_says_for_how_long() {
        for (seconds, expected) in
            [(0, "waiting for you"), (15, "waiting for you (15 s)"), (150, "waiting for you (2 min)")]
        {
            assert_eq!(message("you", Duration::from_secs(seconds)), expected);
        }
    }

    #[tokio::test]
    async fn it_is_said_at_once_and_again_until_the_work_is_done() {
        let (progress, mut said) = Progress::channel();
        let every = Duration::from_millis(10);
        let done = waiting(&progress, "you", every, async {
            for _ in 0..3 {
                assert_eq!(said.recv().await.unwrap(), "waiting for you");
            }
            7
        });
        assert_eq!(done.await, 7);
    }

    #[tokio::test]
    async fn what_is_done_already_is_not_waited_for() {
        let (progress, mut said) = Progress::channel();
        waiting(&progress, "you", EVERY, async {}).await;
        assert!(said.try_recv().is_err());
    }
}
