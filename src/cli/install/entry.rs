//! Maestro's entry among the MCP servers of a settings document.

use serde_json::{Value, json};

use super::document::{Document, Fault, Span};
use super::layout::{self, Layout};

/// The member of the settings that holds the servers.
pub(super) const SERVERS: &str = "mcpServers";
/// The name under which Claude Code knows this server.
pub(super) const NAME: &str = "maestro";

/// A fresh entry that starts `command`.
pub(super) fn entry(command: &str) -> Value {
    json!({ "type": "stdio", "command": command, "args": [], "env": {} })
}

/// Makes the document start `command` as the server; says whether that changed anything.
pub(super) fn register(document: &mut Document, command: &str) -> Result<bool, Fault> {
    let Some(servers) = servers(document)? else {
        let root = document.root();
        let servers = json!({ NAME: entry(command) });
        let layout = Layout::of_root(document);
        layout::append(document, root, &layout, SERVERS, &servers);
        return Ok(true);
    };
    let Some(found) = document.member(servers, NAME) else {
        let layout = server_layout(document, servers);
        layout::append(document, servers, &layout, NAME, &entry(command));
        return Ok(true);
    };
    if !document.is_object(found.value) {
        let text = server_layout(document, servers).value(&entry(command));
        document.splice(found.value, &text);
        return Ok(true);
    }
    Ok(update(document, servers, command))
}

/// Removes the server; says whether it was there.
pub(super) fn deregister(document: &mut Document) -> Result<bool, Fault> {
    let mut changed = false;
    // If the key is there twice, removing one would bring the other to life.
    while let Some(servers) = servers(document)?
        && let Some(member) = document.member(servers, NAME)
    {
        layout::remove(document, servers, member.key);
        changed = true;
    }
    Ok(changed)
}

fn servers(document: &Document) -> Result<Option<Span>, Fault> {
    let Some(member) = document.member(document.root(), SERVERS) else {
        return Ok(None);
    };
    document.expect_object(member.value, "`mcpServers`")?;
    Ok(Some(member.value))
}

fn server_layout(document: &Document, servers: Span) -> Layout {
    Layout::of(document, servers, || Layout::of_root(document).deeper())
}

/// Brings the fields that start the server up to date and leaves all others to the user.
fn update(document: &mut Document, servers: Span, command: &str) -> bool {
    // A missing type means stdio and missing arguments mean none, so neither needs adding.
    let mut changed = set_field(document, servers, "type", &json!("stdio"), false);
    changed |= set_field(document, servers, "command", &json!(command), true);
    changed |= set_field(document, servers, "args", &json!([]), false);
    changed
}

/// Sets one field of the entry and says whether it had to; an absent one only if `add` says so.
fn set_field(document: &mut Document, servers: Span, key: &str, value: &Value, add: bool) -> bool {
    let Some(found) = document.member(servers, NAME) else {
        return false;
    };
    match document.member(found.value, key) {
        Some(field) => {
            let text = document.text(field.value);
            let same = serde_json::from_str::<Value>(text).is_ok_and(|old| old == *value);
            if !same {
                document.splice(field.value, &value.to_string());
            }
            !same
        }
        None if add => {
            let layout = Layout::of(document, found.value, || server_layout(document, servers).deeper());
            layout::append(document, found.value, &layout, key, value);
            true
        }
        None => false,
    }
}
