//! Every code with what it means and what to do: the source of `docs/errors.md` and of
//! `maestro-mcp errors`. The texts are in `reference.yaml`.

use std::sync::OnceLock;

use serde::Deserialize;

/// The texts, embedded. A test reads them, so they always parse.
const TEXTS: &str = include_str!("reference.yaml");

/// One code and its explanation. Each text is Markdown.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub code: String,
    pub meaning: String,
    /// Next step of the model that called.
    pub model: String,
    /// Next step of the person.
    pub user: String,
}

/// Codes that belong together.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub title: String,
    pub entries: Vec<Entry>,
}

/// Every code, in the order of the document.
pub fn groups() -> &'static [Group] {
    static GROUPS: OnceLock<Vec<Group>> = OnceLock::new();
    GROUPS.get_or_init(|| {
        serde_yaml::from_str(TEXTS)
            .inspect_err(
                |error| tracing::error!(%error, "the explanations of the error codes cannot be read"),
            )
            .unwrap_or_default()
    })
}

/// Every entry, in the order of the document.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    groups().iter().flat_map(|group| &group.entries)
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
}

/// The whole of `docs/errors.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Error codes\n\nThis file is written by `make docs` from `src/error/reference.yaml`; nothing in it is typed by hand.\n\n\
         A result that failed has `ok: false` with `error` (what happened), `code` (one of these words), `hint` (the next\n\
         step) and `retryable` (whether the same call may succeed a little later). Where a limit of an\n\
         account stands in the way and the CLI says when it ends, `resets_at` has the time. Where `hint` and this file differ,\n\
         `hint` knows more: it speaks of the case at hand. `maestro-mcp errors CODE` prints an entry in a terminal.\n",
    );
    for group in groups() {
        out.push_str(&format!("\n## {}\n", group.title));
        for entry in &group.entries {
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
        assert!(entries().count() > 90, "the texts can be read");
        let codes: BTreeSet<&str> = entries().map(|entry| entry.code.as_str()).collect();
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
        assert_eq!(find("timeout").map(|entry| entry.code.as_str()), Some("timeout"));
        assert_eq!(find("time"), None);
        assert!(find("timeout").is_some_and(|entry| markdown().contains(&entry.markdown())));
    }
}
