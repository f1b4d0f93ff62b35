//! JSON files of a CLI's own.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use jsonc_parser::{ParseOptions, parse_to_serde_value};
use serde_json::Value;

/// Bytes of a configuration that are read; one that holds more is none.
const MOST_BYTES: u64 = 1024 * 1024;

/// A JSON document of the CLI's own, which may hold comments; none that is too large or no document.
pub(super) fn read_json(file: &Path) -> Option<Value> {
    parse_to_serde_value(&read(file)?, &ParseOptions::default()).ok()
}

/// The text of a regular file of ordinary size. Links are followed: many keep such files elsewhere.
pub(super) fn read(file: &Path) -> Option<String> {
    // Looked at before it is opened: a pipe would wait for somebody to write.
    std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file)?;
    let mut bytes = Vec::new();
    File::open(file).ok()?.take(MOST_BYTES + 1).read_to_end(&mut bytes).ok()?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= MOST_BYTES);
    let text = String::from_utf8(bytes).ok().filter(|_| fits)?;
    Some(text.trim_start_matches('\u{feff}').to_owned())
}
