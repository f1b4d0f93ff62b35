//! Maestro's entry in the text of a client's settings, whatever their format.

use super::client::{Client, Format, NAME};
use super::error::Fault;
pub(super) use super::jsonc::List;
use super::{jsonc, toml};

const BOM: &str = "\u{feff}";

/// The text that starts `command` as the server, or `None` if it does already.
pub(super) fn register(client: Client, bytes: &[u8], command: &str) -> Result<Option<Vec<u8>>, Fault> {
    edited(bytes, |text| match client.format() {
        Format::Json | Format::Jsonc => {
            jsonc::register(text, client.format(), client.lists(), NAME, |list| client.entry(list, command))
        }
        Format::Toml => {
            let list = table(client);
            toml::register(text, list, NAME, &client.entry(&[list], command))
        }
    })
}

/// Returns what is left without the server, or `None` if it was not there.
pub(super) fn deregister(client: Client, bytes: &[u8], list: List) -> Result<Option<Vec<u8>>, Fault> {
    edited(bytes, |text| match client.format() {
        Format::Json | Format::Jsonc => jsonc::deregister(text, client.format(), client.lists(), NAME, list),
        Format::Toml => toml::deregister(text, table(client), NAME),
    })
}

/// True if a file has a list of servers without any.
pub(super) fn has_empty_list(client: Client, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    match client.format() {
        Format::Json | Format::Jsonc => {
            jsonc::has_empty_list(text.strip_prefix(BOM).unwrap_or(&text), client.format(), client.lists())
        }
        Format::Toml => false,
    }
}

/// True if a file with nothing but this in it may as well not be there.
pub(super) fn says_nothing(client: Client, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix(BOM).unwrap_or(&text);
    text.trim().is_empty() || (client.format() != Format::Toml && jsonc::is_empty(text))
}

/// A file that holds nothing but the entry.
pub(super) fn alone(client: Client, command: &str) -> Result<String, Fault> {
    match client.format() {
        Format::Json | Format::Jsonc => {
            let fresh = |list: &[&str]| client.entry(list, command);
            Ok(jsonc::register("", client.format(), client.lists(), NAME, fresh)?.unwrap_or_default())
        }
        Format::Toml => {
            let list = table(client);
            toml::snippet(list, NAME, &client.entry(&[list], command))
        }
    }
}

fn table(client: Client) -> &'static str {
    client.lists().first().and_then(|list| list.first()).copied().unwrap_or_default()
}

fn edited(
    bytes: &[u8],
    edit: impl FnOnce(&str) -> Result<Option<String>, Fault>,
) -> Result<Option<Vec<u8>>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Fault::Syntax {
            line: before.split(|byte| *byte == b'\n').count(),
            column: before.len() - line_start + 1,
            reason: "the text is not UTF-8".to_owned(),
        }
    })?;
    let (bom, body) = match text.strip_prefix(BOM) {
        Some(body) => (BOM, body),
        None => ("", text),
    };
    Ok(edit(body)?.map(|edited| format!("{bom}{edited}").into_bytes()))
}
