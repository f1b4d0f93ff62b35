//! Edits a TOML text, and changes no byte that need not change.
//!
//! `toml_edit` writes a text with plain line ends. So only the bytes that differ are put back into the file,
//! which keeps its own line ends and its last line.

use serde_json::Value as Json;
use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::replace::Fault;

/// The text with the entry in its table; `None` if it already has it.
pub(super) fn register(text: &str, list: &str, name: &str, fresh: &Json) -> Result<Option<String>, Fault> {
    edit(text, |document| {
        let line = line_of(text, list);
        let root = document.as_table_mut();
        if !root.contains_key(list) {
            let mut servers = Table::new();
            servers.set_implicit(true);
            root.insert(list, Item::Table(servers));
        }
        let Some(servers) = root.get_mut(list) else { return Ok(()) };
        let inline = servers.is_inline_table() || servers.as_table().is_some_and(Table::is_dotted);
        let servers = servers
            .as_table_like_mut()
            .ok_or_else(|| Fault::NotObject { line, what: format!("`{list}`") })?;
        match servers.get_mut(name).and_then(Item::as_table_like_mut) {
            Some(there) => update(there, fresh),
            None => {
                servers.insert(name, entry(fresh, inline));
            }
        }
        Ok(())
    })
}

/// The text without the entry; `None` if it is not there.
pub(super) fn deregister(text: &str, list: &str, name: &str) -> Result<Option<String>, Fault> {
    edit(text, |document| {
        let root = document.as_table_mut();
        let Some(servers) = root.get_mut(list) else { return Ok(()) };
        let implicit = servers.as_table().is_some_and(|table| table.is_implicit() || table.is_dotted());
        let servers = servers
            .as_table_like_mut()
            .ok_or_else(|| Fault::NotObject { line: line_of(text, list), what: format!("`{list}`") })?;
        servers.remove(name);
        if servers.is_empty() && implicit {
            root.remove(list);
        }
        Ok(())
    })
}

fn entry(fresh: &Json, inline: bool) -> Item {
    let members = fresh.as_object().into_iter().flatten();
    let fields = members.filter_map(|(key, value)| Some((key.as_str(), toml(value)?)));
    if inline {
        Item::Value(Value::InlineTable(fields.collect::<InlineTable>()))
    } else {
        let mut table = Table::new();
        for (key, value) in fields {
            table.insert(key, Item::Value(value));
        }
        Item::Table(table)
    }
}

/// Sets the program, and removes its arguments. Everything else belongs to the user.
fn update(there: &mut dyn TableLike, fresh: &Json) {
    let command = fresh.get("command").and_then(Json::as_str).unwrap_or_default();
    match there.get_mut("command").and_then(Item::as_value_mut) {
        Some(value) if value.as_str() == Some(command) => {}
        Some(value) => {
            let decor = value.decor().clone();
            *value = command.into();
            *value.decor_mut() = decor;
        }
        None => {
            there.insert("command", toml_edit::value(command));
        }
    }
    if there.get("args").and_then(Item::as_array).is_some_and(|arguments| !arguments.is_empty()) {
        there.remove("args");
    }
}

fn toml(value: &Json) -> Option<Value> {
    match value {
        Json::String(text) => Some(text.as_str().into()),
        Json::Number(number) => number.as_i64().map(Value::from),
        Json::Bool(flag) => Some((*flag).into()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn line_of(text: &str, key: &str) -> usize {
    text.lines()
        .position(|line| line.trim_start().trim_start_matches('[').starts_with(key))
        .map_or(1, |at| at + 1)
}

fn edit(
    text: &str,
    change: impl FnOnce(&mut DocumentMut) -> Result<(), Fault>,
) -> Result<Option<String>, Fault> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or_default();
        Fault::Syntax {
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
            reason: error.message().to_owned(),
        }
    })?;
    let before = document.to_string();
    change(&mut document)?;
    let after = document.to_string();
    Ok((before != after).then(|| transplant(text, &before, &after)))
}

/// Applies the difference between `before` and `after` to `text`. `before` is `text` with plain line ends.
fn transplant(text: &str, before: &str, after: &str) -> String {
    let start = common(before.chars(), after.chars());
    let (old, new) = (before.get(start..).unwrap_or_default(), after.get(start..).unwrap_or_default());
    let end = common(old.chars().rev(), new.chars().rev());
    let ours = new.get(..new.len() - end).unwrap_or_default();
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let ends = text.is_empty() || text.ends_with('\n');
    let whole = if ends { text.to_owned() } else { format!("{text}{newline}") };
    let (head, rest) = whole.split_at(place(&whole, start));
    let tail = rest.get(place(rest, old.len() - end)..).unwrap_or_default();
    let mut edited = format!("{head}{}{tail}", ours.replace('\n', newline));
    if !ends && edited.ends_with(newline) {
        edited.truncate(edited.len() - newline.len());
    }
    edited
}

/// The length in bytes of the common beginning of two texts.
fn common(one: impl Iterator<Item = char>, other: impl Iterator<Item = char>) -> usize {
    one.zip(other).take_while(|(one, other)| one == other).map(|(letter, _)| letter.len_utf8()).sum()
}

/// The position in `text` after a number of bytes, with each line end counted as one byte.
fn place(text: &str, bytes: usize) -> usize {
    let mut counted = 0;
    for (at, letter) in text.char_indices() {
        let part_of_end = letter == '\r' && text.get(at + 1..).is_some_and(|rest| rest.starts_with('\n'));
        if counted >= bytes {
            return at;
        }
        if !part_of_end {
            counted += letter.len_utf8();
        }
    }
    text.len()
}
