//! Masks JSON: all texts in it and the names of fields, because a model may choose those too.

use serde_json::{Map, Value};

use super::Masker;

/// Maximum bytes of a text that is checked together with its name. A longer text is no password.
const LONGEST_NAMED: usize = 1_000;

impl Masker {
    /// Masks all texts of a JSON value and the names of its fields. A text in a field such as `password` is
    /// masked in the same way as `"password": "..."` in running text.
    pub fn mask_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.mask(&text).text.into_owned()),
            Value::Array(items) => items.into_iter().map(|item| self.mask_value(item)).collect(),
            Value::Object(fields) => Value::Object(self.mask_fields(fields)),
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }

    fn mask_fields(&self, fields: Map<String, Value>) -> Map<String, Value> {
        let mut masked = Map::with_capacity(fields.len());
        for (name, value) in fields {
            let value = match value {
                Value::String(text) => Value::String(self.mask_named(&name, &text)),
                other => self.mask_value(other),
            };
            let name = free_name(&masked, self.mask(&name).text.into_owned());
            masked.insert(name, value);
        }
        masked
    }

    fn mask_named(&self, name: &str, text: &str) -> String {
        let masked = self.mask(text).text.into_owned();
        if masked.len() > LONGEST_NAMED {
            return masked;
        }
        let start = format!("{}: ", Value::from(name));
        let line = format!("{start}{}", Value::from(masked.as_str()));
        let told = self.mask(&line).text;
        let told = told.strip_prefix(start.as_str()).and_then(|rest| serde_json::from_str(rest).ok());
        told.unwrap_or(masked)
    }
}

/// Adds a number to a name that is taken, because two names may be equal after masking and no field may be
/// lost.
fn free_name(taken: &Map<String, Value>, name: String) -> String {
    if !taken.contains_key(&name) {
        return name;
    }
    let numbered = (2_usize..).map(|number| format!("{name} ({number})"));
    numbered.into_iter().find(|numbered| !taken.contains_key(numbered)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::domain::mask::tests::masker_with;

    #[test]
    fn names_of_fields_are_masked_and_no_field_is_lost() {
        let masker = masker_with(&[("MY_TOKEN", "s3cretv4lue")], &[], "[MASKED]").unwrap();
        let masked = masker.mask_value(json!({
            "s3cretv4lue": 1,
            "AKIAIOSFODNN7EXAMPLQ": { "fact s3cretv4lue": ["s3cretv4lue", 2] },
            "plain": "text",
        }));
        let shown = masked.to_string();
        assert!(!shown.contains("s3cretv4lue") && !shown.contains("AKIA"), "{shown}");
        assert_eq!(masked["plain"], "text");
        assert_eq!(masked.as_object().unwrap().len(), 3);
    }

    #[test]
    fn a_text_under_the_name_of_a_secret_is_masked() {
        let masker = masker_with(&[], &[], "[MASKED]").unwrap();
        let masked = masker.mask_value(json!({ "password": "q9ZtLr4vXw", "fact": "q9ZtLr4vXw \"is\"" }));
        assert_eq!(masked, json!({ "password": "[MASKED]", "fact": "q9ZtLr4vXw \"is\"" }));
    }
}
