//! `maestro-mcp errors`: explains one code, lists all codes, or prints all of them as a document.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::terminal::{self, hanging, result};
use crate::domain::alike::nearest_first;
use crate::error::Error;
use crate::error::reference::{self, Entry, Group};

pub(super) fn run(wanted: Option<&str>, markdown: bool, json: bool) -> Result<ExitCode, Error> {
    let entries = match wanted {
        Some(code) => vec![reference::find(code).ok_or_else(|| unknown(code))?],
        None => reference::entries().collect(),
    };
    let width = terminal::width();
    result(json, entries.iter().map(|entry| as_json(entry)).collect(), || match wanted {
        _ if markdown => reference::markdown(),
        Some(_) => entries.iter().map(|entry| in_full(entry, width)).collect(),
        None => in_short(reference::groups(), width),
    })
}

fn as_json(entry: &Entry) -> Value {
    json!({
        "code": entry.code,
        "meaning": entry.meaning,
        "model": entry.model,
        "you": entry.user,
        "text": in_full(entry, None),
    })
}

/// The full text of a code: its meaning, and the next step for the user and for the model.
fn in_full(entry: &Entry, width: Option<usize>) -> String {
    let Entry { code, meaning, model, user, hint: _ } = entry;
    let mut out = format!("{code}\n");
    for (label, text) in [("  ", meaning), ("  you:       ", user), ("  the model: ", model)] {
        out.push_str(&hanging(label, text, width));
    }
    out
}

/// The list of all codes with their meanings.
fn in_short(groups: &[Group], width: Option<usize>) -> String {
    let mut out = String::new();
    for group in groups {
        let _ = writeln!(out, "{}", group.title);
        for entry in &group.entries {
            out.push_str(&hanging(&format!("  {:22}  ", entry.code), &entry.meaning, width));
        }
        out.push('\n');
    }
    out.push_str("maestro-mcp errors CODE says what to do about one.\n");
    out
}

fn unknown(code: &str) -> Error {
    let available = nearest_first(reference::entries().map(|entry| entry.code.clone()), code);
    Error::Unknown { kind: "code", name: code.to_owned(), available }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    #[test]
    fn texts_fit_a_terminal() {
        let short = in_short(reference::groups(), Some(80));
        let full: String = reference::entries().map(|entry| in_full(entry, Some(80))).collect();
        for line in short.lines().chain(full.lines()) {
            assert!(line.width() <= 80, "{line}");
        }
        for entry in reference::entries() {
            assert!(short.contains(&entry.code) && full.contains(&entry.code));
        }
    }
}
