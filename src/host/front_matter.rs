//! Documents that begin with YAML between two lines of `---`.

use serde::de::DeserializeOwned;

use crate::domain::yaml_bounds;

/// The head of a document, and the text below it.
///
/// # Errors
///
/// There is no head, or it does not have the expected keys; the text says which line.
pub fn parse<T: DeserializeOwned>(document: &str) -> Result<(T, &str), String> {
    let after = document.strip_prefix("---\n").ok_or("it must begin with YAML between two lines of ---")?;
    let (head, body) = after.split_once("\n---\n").ok_or("the line --- that ends its YAML is missing")?;
    yaml_bounds::check(head).map_err(|error| error.to_string())?;
    let head = serde_yaml::from_str(head).map_err(|error| error.to_string())?;
    Ok((head, body.trim()))
}
