//! What the list of tools costs a model's context, in bytes: no measurement, a count.

use serde_json::{Value, json};

/// The most that the whole list may take; a test holds it to that.
pub(crate) const MOST: usize = 25_000;

/// What a model reads of each tool of a list, in bytes; the greatest first.
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
