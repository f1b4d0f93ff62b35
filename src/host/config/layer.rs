//! Laying one document over another, key by key, while remembering who said what.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::Problem;

/// The documents laid so far.
pub(super) struct Layers {
    merged: Value,
    origins: IndexMap<String, (Value, String)>,
    problems: Vec<Problem>,
}

impl Layers {
    pub(super) fn new() -> Self {
        Self { merged: Value::Object(Map::new()), origins: IndexMap::new(), problems: Vec::new() }
    }

    /// Lays a document on top. Mappings merge; everything else replaces.
    pub(super) fn add(&mut self, origin: &str, document: Value) {
        let Self { merged, origins, .. } = self;
        merge(merged, document, &mut Vec::new(), &mut |path, value| {
            origins.insert(path, (value.clone(), origin.to_owned()));
        });
    }

    /// Lays a single value on top, at a path of keys.
    pub(super) fn set(&mut self, origin: &str, path: &[&str], value: Value) {
        let document = path
            .iter()
            .rev()
            .fold(value, |inner, key| Value::Object(Map::from_iter([((*key).to_owned(), inner)])));
        self.add(origin, document);
    }

    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// The value at a path of keys, as it is now.
    pub(super) fn value(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(&self.merged, |value, key| value.get(key))
    }

    /// The names of the providers that any layer speaks of.
    pub(super) fn provider_names(&self) -> Vec<String> {
        self.merged
            .get("providers")
            .and_then(Value::as_object)
            .map(|providers| providers.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// `(path, value, origin)` of every value.
    pub(super) fn origins(&self) -> Vec<(String, String, String)> {
        self.origins
            .iter()
            .map(|(path, (value, origin))| (path.clone(), plain(value), origin.clone()))
            .collect()
    }

    pub(super) fn finish(self) -> (Value, Vec<Problem>) {
        (self.merged, self.problems)
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn merge(base: &mut Value, over: Value, path: &mut Vec<String>, leaf: &mut impl FnMut(String, &Value)) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                path.push(key.clone());
                merge(base.entry(key).or_insert(Value::Null), value, path, leaf);
                path.pop();
            }
        }
        // An empty document or section is one of comments: it says nothing.
        (_, Value::Null) if path.is_empty() => {}
        (Value::Object(_), Value::Null) => {}
        (base, Value::Object(over)) if !over.is_empty() => {
            *base = Value::Object(Map::new());
            merge(base, Value::Object(over), path, leaf);
        }
        (base, over) => {
            *base = over;
            leaf(path.join("."), base);
        }
    }
}
