//! A diff by its changes.

use super::path;
use crate::domain::diff::{Action, FilePatch, Side, parse};

/// The changes of a diff as text, where the text holds one: for each file the lines that go and those
/// that come, in order. Context, numbers, times and the spelling of headers do not count.
pub(super) fn key(text: &str) -> Option<String> {
    // The reader is thorough; most texts need not be read.
    if !text.contains("@@") && !text.contains("diff --git") {
        return None;
    }
    let patch = parse(text).ok()?;
    let mut files: Vec<String> = patch.files.iter().map(file).collect();
    // The order of files is nobody's choice.
    files.sort();
    Some(files.concat())
}

fn file(file: &FilePatch) -> String {
    let (old, new) = (path::shortest(&file.old), path::shortest(&file.new));
    let done = match file.action {
        // A file that is made and one that is filled are the same lines.
        Action::Create | Action::Modify => format!("{new}\n"),
        Action::Delete => format!("delete {old}\n"),
        Action::Rename => format!("rename {old} {new}\n"),
        Action::Copy => format!("copy {old} {new}\n"),
    };
    let mode = match file.executable {
        Some(true) => "executable\n",
        Some(false) => "not executable\n",
        None => "",
    };
    let mut text = format!("{done}{mode}");
    for hunk in &file.hunks {
        let lines: Vec<(Side, &str)> =
            hunk.lines.iter().map(|line| (line.side, line.text.trim_end())).collect();
        for block in lines.split(|(side, _)| *side == Side::Context) {
            text.push_str(&change(block));
        }
    }
    text
}

/// Lines that are changed together: those that go, then those that come, without lines that do both.
fn change(block: &[(Side, &str)]) -> String {
    let of = |wanted: Side| block.iter().filter(move |(side, _)| *side == wanted).map(|(_, text)| *text);
    let (mut removed, mut added): (Vec<&str>, Vec<&str>) =
        (of(Side::Removed).collect(), of(Side::Added).collect());
    while !removed.is_empty() && removed.first() == added.first() {
        removed.remove(0);
        added.remove(0);
    }
    while !removed.is_empty() && removed.last() == added.last() {
        removed.pop();
        added.pop();
    }
    if removed.is_empty() && added.is_empty() {
        return String::new();
    }
    let lines =
        removed.iter().map(|line| format!("-{line}\n")).chain(added.iter().map(|line| format!("+{line}\n")));
    format!("@\n{}", lines.collect::<String>())
}
