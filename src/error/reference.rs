//! Every code with what it means and what to do: the source of `docs/errors.md` and of
//! `maestro-mcp errors`.

mod asking;
mod changes;
mod checking;
mod consultants;
mod log;
mod server;
mod workflow;

/// What one code stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The stable code.
    pub code: &'static str,
    /// What happened, in Markdown.
    pub meaning: &'static str,
    /// What the model that called does next, in Markdown.
    pub model: &'static str,
    /// What the person does, in Markdown.
    pub user: &'static str,
}

/// Codes that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Its heading.
    pub title: &'static str,
    /// Its codes.
    pub entries: &'static [Entry],
}

/// Every code, in the order of the document.
pub const GROUPS: [Group; 7] = [
    Group { title: "Arguments, names and configuration", entries: &asking::ENTRIES },
    Group { title: "Consultants", entries: &consultants::ENTRIES },
    Group { title: "The gated workflow", entries: &workflow::ENTRIES },
    Group { title: "Changes to files", entries: &changes::ENTRIES },
    Group { title: "Checking and choosing", entries: &checking::ENTRIES },
    Group { title: "The event log", entries: &log::ENTRIES },
    Group { title: "The server", entries: &server::ENTRIES },
];

const fn entry(code: &'static str, meaning: &'static str, model: &'static str, user: &'static str) -> Entry {
    Entry { code, meaning, model, user }
}

/// Every entry, in the order of the document.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    GROUPS.iter().flat_map(|group| group.entries)
}

/// The entry of a code.
pub fn find(code: &str) -> Option<&'static Entry> {
    entries().find(|entry| entry.code == code)
}

impl Entry {
    /// The entry as a part of a Markdown document.
    pub fn markdown(&self) -> String {
        let Self { code, meaning, model, user } = self;
        format!("### `{code}`\n\n{meaning}\n\n- **The model:** {model}\n- **You:** {user}\n")
    }

    /// The entry for a terminal.
    pub fn plain(&self) -> String {
        let Self { code, meaning, model, user } = self;
        format!("{code}\n  {meaning}\n  the model: {model}\n  you:       {user}\n")
    }
}

/// The whole of `docs/errors.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Error codes\n\nThis file is written by `make docs` from the table in `src/error/reference.rs`; nothing in it is typed by hand.\n\n\
         A result that failed has `ok: false` with `error` (what happened), `code` (one of these words), `hint` (the next\n\
         step) and `retryable` (whether the same call may succeed a little later). Where a limit of an\n\
         account stands in the way and the CLI says when it ends, `resets_at` has the time. Where `hint` and this file differ,\n\
         `hint` knows more: it speaks of the case at hand. `maestro-mcp errors CODE` prints an entry in a terminal.\n",
    );
    for group in &GROUPS {
        out.push_str(&format!("\n## {}\n", group.title));
        for entry in group.entries {
            out.push_str(&format!("\n{}", entry.markdown()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_there_once_and_in_full() {
        let codes: BTreeSet<&str> = entries().map(|entry| entry.code).collect();
        assert_eq!(codes.len(), entries().count());
        for Entry { code, meaning, model, user } in entries() {
            assert!(code.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_'), "{code}");
            for text in [meaning, model, user] {
                assert!(text.len() > 10 && text.ends_with('.') && !text.contains('\n'), "{code}: {text}");
            }
        }
    }

    #[test]
    fn an_entry_is_found_by_its_code() {
        assert_eq!(find("timeout").map(|entry| entry.code), Some("timeout"));
        assert_eq!(find("time"), None);
        assert!(find("timeout").is_some_and(|entry| markdown().contains(&entry.markdown())));
    }
}
