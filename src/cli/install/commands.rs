//! The slash commands: which of their files to write, and which to take away again.

use std::path::Path;

use super::COMMAND_MODE;
use super::replace::{ABSENT, FileChange, Verdict};

/// A slash command as shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlashCommand<'a> {
    /// The name of its file, such as `maestro-debug.md`.
    pub file_name: &'a str,
    /// The text of its file.
    pub text: &'a str,
}

/// The changes that bring every command to its shipped text, keeping a backup of any other.
pub(super) fn placing<'a>(directory: &Path, commands: &'a [SlashCommand<'a>]) -> Vec<FileChange<'a>> {
    changes(directory, commands, |command, seen| match seen {
        Some(bytes) if bytes == command.text.as_bytes() => Verdict::Keep(None),
        _ => Verdict::Write { bytes: command.text.as_bytes().to_vec(), backup: true },
    })
}

/// The changes that remove every command that nobody edited.
pub(super) fn removing<'a>(directory: &Path, commands: &'a [SlashCommand<'a>]) -> Vec<FileChange<'a>> {
    changes(directory, commands, |command, seen| match seen {
        None => Verdict::Keep(Some(ABSENT)),
        Some(bytes) if bytes == command.text.as_bytes() => Verdict::Remove,
        Some(_) => Verdict::Keep(Some("it differs from what was installed")),
    })
}

fn changes<'a>(
    directory: &Path,
    commands: &'a [SlashCommand<'a>],
    decide: fn(&SlashCommand<'_>, Option<&[u8]>) -> Verdict,
) -> Vec<FileChange<'a>> {
    let change = |command: &'a SlashCommand<'a>| FileChange {
        path: directory.join(command.file_name),
        new_mode: COMMAND_MODE,
        decide: Box::new(move |seen| Ok(decide(command, seen))),
    };
    commands.iter().map(change).collect()
}
