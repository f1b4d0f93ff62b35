//! Cuts results that are larger than a client shows, and keeps them whole in a file.

use serde_json::{Map, Value, json};

use super::configuration::Configuration;
use super::project_files::ProjectFiles;
use super::scope::off_thread;
use crate::domain::size::{MOST, shortened, weight_of_json};
use crate::error::Error;

/// Bytes reserved for the note on the shortened places.
const FOR_THE_NOTE: usize = 3_000;

/// JSON of this size always fits: a byte counts one and a half times at most.
const ALWAYS_FIT: usize = MOST * 2 / 3;

/// True if the JSON of a result is larger than a client shows.
pub fn is_oversize(json: &str) -> bool {
    json.len() > ALWAYS_FIT && weight_of_json(json) > MOST
}

/// The part of a result that a client shows. If it was shortened, it begins with a note on that and on the
/// whole result.
///
/// # Errors
///
/// The masking rules cannot be used.
pub async fn cut_down(
    config: &Configuration,
    project: &ProjectFiles,
    tool: &str,
    value: Value,
) -> Result<Value, Error> {
    let (config, project, name) =
        (config.clone(), project.clone(), tool.trim_start_matches("maestro_").replace('_', "-"));
    off_thread(move || {
        let masker = config.masker()?;
        let whole = masker.mask(&format!("{value:#}")).text.into_owned();
        let kept = project.answers().keep(&name, &whole);
        let (value, places) = shortened(value, MOST - FOR_THE_NOTE);
        let Value::Object(mut fields) = value else {
            return Ok(value);
        };
        let mut told = Map::new();
        if let Some(ok) = fields.shift_remove("ok") {
            told.insert("ok".to_owned(), ok);
        }
        told.insert("shortened".to_owned(), json!(places));
        match kept {
            Ok(path) => drop(told.insert("whole_result".to_owned(), json!(path))),
            Err(error) => tracing::warn!(%error, "a large result could not be kept whole"),
        }
        told.extend(fields);
        Ok(Value::Object(told))
    })
    .await?
}
