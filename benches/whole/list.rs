//! The bytes that the list of tools takes in a model's context. They are counted, not measured.

use serde_json::{Value, json};

/// The aim for the whole list, in bytes.
pub(crate) const MOST: usize = 25_000;

/// The bytes that a model reads of each tool, the largest first.
pub(crate) fn costs(reply: &Value) -> Vec<(String, usize)> {
    let read = |tool: &Value| json!({ "name": tool["name"], "description": tool["description"], "inputSchema": tool["inputSchema"] });
    let tools = reply["result"]["tools"].as_array().unwrap();
    let mut costs: Vec<(String, usize)> = tools
        .iter()
        .map(|tool| (tool["name"].as_str().unwrap().to_owned(), read(tool).to_string().len()))
        .collect();
    costs.sort_by(|left, right| (right.1, &left.0).cmp(&(left.1, &right.0)));
    costs
}
