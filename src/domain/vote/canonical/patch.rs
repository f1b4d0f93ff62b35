//! A diff by its changes.

use crate::domain::diff::{FilePatch, Hunk, Side, parse};

/// The changes of a diff as text, where the text holds one. The first line of a hunk counts, because
/// the same lines may stand in a file twice; counts, times and index lines do not.
pub(super) fn key(text: &str) -> Option<String> {
    // The reader is thorough; most texts need not be read.
    if !text.contains("@@") && !text.contains("diff --git") {
        return None;
    }
    let patch = parse(text).ok()?;
    Some(patch.files.iter().map(file).collect())
}

fn file(file: &FilePatch) -> String {
    let head = format!("{:?} {} {} {:?}\n", file.action, file.old, file.new, file.executable);
    file.hunks.iter().fold(head, |text, part| text + &hunk(part))
}

fn hunk(hunk: &Hunk) -> String {
    let start = hunk.old_start.map_or_else(|| "?".to_owned(), |line| line.to_string());
    let mut text = format!("@ {start}\n");
    for line in &hunk.lines {
        text.push(match line.side {
            Side::Context => ' ',
            Side::Removed => '-',
            Side::Added => '+',
        });
        text.push_str(line.text.trim_end());
        text.push('\n');
    }
    text
}
