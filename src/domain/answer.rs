//! Reading what a model answered: its reasoning is set aside, and the JSON document in it found.
//!
//! Stages, votes, judges and red flags all read answers through this one module, so that an answer
//! that one of them reads is read by the others as well, and in the same way.

mod document;
mod reasoning;

use serde_json::Value;

pub(in crate::domain) use document::{FenceLine, FenceWalk};
pub use document::{Found, Unreadable, looks_like_one, texts};
pub use reasoning::spoken;

/// The JSON document of an answer, wherever the model put it: alone, in a fence, or amid prose.
/// Reasoning is no part of the answer, so that a draft in it is none either.
///
/// # Errors
///
/// There is none, it is broken, or there are several that differ.
pub fn document(answer: &str) -> Result<Found, Unreadable> {
    let spoken = spoken(answer);
    match document::find(spoken.text()) {
        Err(Unreadable::Nothing) if spoken.is_only_reasoning() => Err(Unreadable::OnlyReasoning),
        found => found,
    }
}

/// The document of an answer that is nothing else: no word stands beside it.
pub fn alone(answer: &str) -> Option<Value> {
    document(answer).ok().filter(|found| found.around.is_empty()).map(|found| found.value)
}

/// Places where a document does not fit a schema, at most so many. The document itself has no place.
pub fn schema_errors(schema: &Value, document: &Value, most: usize) -> Vec<String> {
    let validator = match jsonschema::validator_for(schema) {
        Ok(validator) => validator,
        Err(error) => return vec![format!("the schema itself: {error}")],
    };
    let errors = validator.iter_errors(document).take(most);
    errors
        .map(|error| match error.instance_path().to_string() {
            place if place.is_empty() => error.to_string(),
            place => format!("{place}: {error}"),
        })
        .collect()
}

#[cfg(test)]
mod tests;
