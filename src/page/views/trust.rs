//! The project's own files, their effects, and the trust in them.

use serde_json::{Value, json};

use crate::flow::configuration::Configuration;
use crate::flow::rules_in_force::project_note;
use crate::host::trust::{Trust, shown};

/// True if settings in the project's files have no effect until the user trusts them. Blocks.
pub(in crate::page) fn is_asked(config: &Configuration) -> bool {
    let layer = config.library().layer();
    layer.files().next().is_some() && layer.standing != Trust::Trusted && !config.loaded().ignored.is_empty()
}

/// The project's files and their effects. Blocks.
pub(in crate::page) fn trust(config: &Configuration) -> Value {
    let layer = config.library().layer();
    let files: Vec<Value> = layer
        .files()
        .map(|(name, content)| match content {
            Ok(content) => json!({ "name": shown(name), "text": content, "problem": null }),
            Err(unread) => json!({ "name": shown(name), "text": "", "problem": unread.to_string() }),
        })
        .collect();
    let note = project_note(config.library());
    let ignored = &config.loaded().ignored;
    json!({
        "hash": layer.hash(),
        "standing": layer.standing,
        "files": files,
        "ignored": ignored,
        "runs": note.as_ref().map(|note| note.adds.clone()).unwrap_or_default(),
        "problem": note.and_then(|note| note.problem),
        "is_asked": is_asked(config),
    })
}
