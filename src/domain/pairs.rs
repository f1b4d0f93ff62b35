//! Help for serde: a map as a list of pairs, since a key of JSON is a text (`#[serde(with = "pairs")]`), and
//! fields that are left out.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// True if there is nothing to say of a field: `#[serde(skip_serializing_if = "is_default")]`.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
