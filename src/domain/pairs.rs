//! Serde helpers. `#[serde(with = "pairs")]` writes a map as a list of pairs, since a JSON key must be a
//! string. The others add fields to a record or leave fields out.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

/// A record as JSON, followed by the fields of `more`. Nothing is added unless both are objects.
pub(crate) fn with(record: impl Serialize, more: impl Serialize) -> Value {
    let mut record = json!(record);
    if let (Value::Object(fields), Value::Object(more)) = (&mut record, json!(more)) {
        fields.extend(more);
    }
    record
}

/// True if a field holds its default: `#[serde(skip_serializing_if = "is_default")]`.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A record without its null fields.
pub(crate) fn without_nulls(record: Value) -> Value {
    without_nulls_but(record, &[])
}

/// A record without its null fields, except those named in `these`.
pub(crate) fn without_nulls_but(mut record: Value, these: &[&str]) -> Value {
    if let Value::Object(fields) = &mut record {
        fields.retain(|name, value| !value.is_null() || these.contains(&name.as_str()));
    }
    record
}

pub(crate) fn serialize<'a, M, S: Serializer>(map: &'a M, serializer: S) -> Result<S::Ok, S::Error>
where
    &'a M: IntoIterator<Item: Serialize>,
{
    serializer.collect_seq(map)
}

pub(crate) fn deserialize<'de, K, V, M, D>(deserializer: D) -> Result<M, D::Error>
where
    M: IntoIterator<Item = (K, V)> + Extend<(K, V)> + Default,
    K: Deserialize<'de>,
    V: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let mut map = M::default();
    map.extend(Vec::deserialize(deserializer)?);
    Ok(map)
}
