//! Arguments that are far too long.

use serde_json::{Value, json};

use crate::harness::Server;

/// Collects each place in a schema that takes a text, also behind references and alternatives.
fn texts(schema: &Value, root: &Value, place: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return texts(root.pointer(name.trim_start_matches('#')).unwrap(), root, place, found);
    }
    for one in ["anyOf", "oneOf"].iter().filter_map(|key| schema[key].as_array()).flatten() {
        texts(one, root, place, found);
    }
    let is = |kind: &str| {
        schema["type"] == kind || schema["type"].as_array().is_some_and(|all| all.contains(&json!(kind)))
    };
    if is("string") {
        found.push(place.to_owned());
    }
    if is("array") {
        texts(&schema["items"], root, &format!("{place}/0"), found);
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        texts(inner, root, &format!("{place}/{name}"), found);
    }
}

/// The smallest value that fits a schema.
fn least(schema: &Value, root: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        return least(root.pointer(name.trim_start_matches('#')).unwrap(), root);
    }
    if let Some(choice) = schema.pointer("/enum/0").or_else(|| schema.get("const")) {
        return choice.clone();
    }
    if let Some(one) = schema.pointer("/anyOf/0").or_else(|| schema.pointer("/oneOf/0")) {
        return least(one, root);
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("object");
    match kind {
        "string" => json!("a"),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "boolean" => json!(false),
        "array" => json!([least(&schema["items"], root)]),
        _ => {
            let names = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            names
                .map(|name| (name.to_owned(), least(&schema["properties"][name], root)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
    }
}

/// Puts a text at a place, and creates the missing objects on the way.
fn put(value: &mut Value, place: &str, text: &str) {
    match place.trim_start_matches('/').split_once('/') {
        _ if place.is_empty() => *value = json!(text),
        Some(("0", rest)) => put(first(value), &format!("/{rest}"), text),
        Some((name, rest)) => put(&mut member(value)[name], &format!("/{rest}"), text),
        None if place == "/0" => *first(value) = json!(text),
        None => member(value)[&place[1..]] = json!(text),
    }
}

fn first(value: &mut Value) -> &mut Value {
    if value.get(0).is_none() {
        *value = json!([null]);
    }
    &mut value[0]
}

fn member(value: &mut Value) -> &mut Value {
    if !value.is_object() {
        *value = json!({});
    }
    value
}

/// Sends a megabyte in each text argument of each tool. A name is refused at once, and any other text costs
/// no more than reading it. The test counts the server's own processor time.
#[test]
fn no_text_of_a_megabyte_holds_the_server() {
    let mut client = Server::new().codex().file("a.py", "x = 1\n").start();
    let text = "a".repeat(1_000_000);
    let tools = client.request("tools/list", json!({}))["result"]["tools"].as_array().unwrap().clone();
    let (mut tried, mut refused, mut dearest) = (0, 0, (0, String::new()));
    for tool in &tools {
        let (name, schema) = (tool["name"].as_str().unwrap(), &tool["inputSchema"]);
        let mut places = Vec::new();
        texts(schema, schema, "", &mut places);
        for place in places {
            let mut arguments = least(schema, schema);
            put(&mut arguments, &place, &text);
            let before = client.processor_ms();
            let id = client.begin("tools/call", json!({ "name": name, "arguments": arguments }));
            let reply = client.reply(id);
            let used = client.processor_ms() - before;
            let result = &reply["result"]["structuredContent"];
            assert!(result["ok"].is_boolean(), "{name}{place}: {reply}");
            let at_once = result["code"] == "invalid_arguments";
            // A debug build takes 10 to 30 times as long as the shipped one.
            let most = if at_once { 1_000 } else { 10_000 };
            assert!(used <= most, "{name}{place}: {used} ms of a processor, {}", result["code"]);
            (tried, refused) = (tried + 1, refused + usize::from(at_once));
            dearest = dearest.max((used, format!("{name}{place}")));
        }
    }
    eprintln!("{tried} places, {refused} refuse it; the dearest takes {dearest:?} ms");
    assert!(tried > 100 && refused > tried / 2, "{tried} places, {refused} refuse it");
}
