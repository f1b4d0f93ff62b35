//! Prepares a unified diff for the page: by file, with line numbers and the changed words.

use serde::Serialize;

use crate::domain::diff::{self, Action, FilePatch, HunkLine, Side};

/// Maximum number of changed lines of a file that is shown open.
const MOST_OPEN: usize = 400;

/// A file of a diff.
#[derive(Debug, Serialize)]
pub(super) struct File {
    path: String,
    /// Its old name, if it is renamed.
    from: Option<String>,
    action: &'static str,
    added: usize,
    removed: usize,
    is_open: bool,
    is_executable: Option<bool>,
    /// The lines of each hunk.
    hunks: Vec<Vec<Line>>,
}

#[derive(Debug, Serialize)]
struct Line {
    /// `add`, `del` or `same`.
    kind: &'static str,
    old: Option<usize>,
    new: Option<usize>,
    parts: Vec<Part>,
    /// True for a last line without a line end.
    is_cut: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Part {
    text: String,
    is_changed: bool,
}

/// Parses the files of a diff; the error says why it cannot be read.
pub(super) fn files(text: &str) -> Result<Vec<File>, String> {
    diff::parse(text)
        .map(|patch| patch.files.iter().map(File::from).collect())
        .map_err(|error| error.to_string())
}

/// Number of files that are shown closed because of their size.
pub(super) fn closed(files: &[File]) -> usize {
    files.iter().filter(|file| !file.is_open).count()
}

impl From<&FilePatch> for File {
    fn from(patch: &FilePatch) -> Self {
        let count = |side| {
            let lines = patch.hunks.iter().flat_map(|hunk| &hunk.lines);
            lines.filter(|line| line.side == side).count()
        };
        let (added, removed) = (count(Side::Added), count(Side::Removed));
        let (path, from, action) = match patch.action {
            Action::Create => (&patch.new, None, "create"),
            Action::Modify => (&patch.new, None, "modify"),
            Action::Delete => (&patch.old, None, "delete"),
            Action::Rename => (&patch.new, Some(patch.old.clone()), "rename"),
            Action::Copy => (&patch.new, Some(patch.old.clone()), "copy"),
        };
        let mut shift = 0_isize;
        let hunks = patch.hunks.iter().map(|hunk| {
            // A hunk without an old line names the line before it, and 0 at the beginning of a file.
            let is_between = hunk.lines.iter().all(|line| line.side == Side::Added);
            let old =
                hunk.old_start.map(|start| if is_between { start.saturating_add(1) } else { start.max(1) });
            let new = old.and_then(|start| start.checked_add_signed(shift));
            let lines = lines(&hunk.lines, old, new);
            for line in &hunk.lines {
                shift += match line.side {
                    Side::Added => 1,
                    Side::Removed => -1,
                    Side::Context => 0,
                };
            }
            lines
        });
        Self {
            path: path.clone(),
            from,
            action,
            added,
            removed,
            is_open: added + removed <= MOST_OPEN,
            is_executable: patch.executable,
            hunks: hunks.collect(),
        }
    }
}

/// The lines of a hunk. Removed lines and as many added ones after them are compared word by word.
fn lines(hunk: &[HunkLine], mut old: Option<usize>, mut new: Option<usize>) -> Vec<Line> {
    let mut out = Vec::with_capacity(hunk.len());
    let mut rest = hunk;
    while let Some(first) = rest.first() {
        if first.side == Side::Context {
            out.push(Line {
                kind: "same",
                old: take(&mut old),
                new: take(&mut new),
                parts: whole(&first.text),
                is_cut: !first.ends,
            });
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let run = rest.iter().take_while(|line| line.side != Side::Context).count();
        let (changed, after) = rest.split_at(run);
        rest = after;
        let removed: Vec<&HunkLine> = changed.iter().filter(|line| line.side == Side::Removed).collect();
        let added: Vec<&HunkLine> = changed.iter().filter(|line| line.side == Side::Added).collect();
        let is_paired = removed.len() == added.len();
        let parts = |line: &HunkLine, other: Option<&&HunkLine>| match other.filter(|_| is_paired) {
            Some(other) => compared(&line.text, &other.text),
            None => whole(&line.text),
        };
        for (place, line) in removed.iter().enumerate() {
            let parts = parts(line, added.get(place));
            out.push(Line { kind: "del", old: take(&mut old), new: None, parts, is_cut: !line.ends });
        }
        for (place, line) in added.iter().enumerate() {
            let parts = parts(line, removed.get(place));
            out.push(Line { kind: "add", old: None, new: take(&mut new), parts, is_cut: !line.ends });
        }
    }
    out
}

fn take(number: &mut Option<usize>) -> Option<usize> {
    let now = *number;
    *number = now.map(|now| now + 1);
    now
}

fn whole(text: &str) -> Vec<Part> {
    vec![Part { text: text.to_owned(), is_changed: false }]
}

/// Compares a line with another, and splits it into their common beginning, the difference, and their common
/// end.
fn compared(one: &str, other: &str) -> Vec<Part> {
    let (a, b) = (words(one), words(other));
    let head = a.iter().zip(&b).take_while(|(left, right)| left == right).count();
    let most = a.len().min(b.len()) - head;
    let tail =
        a.iter().rev().zip(b.iter().rev()).take(most).take_while(|(left, right)| left == right).count();
    // If the lines have little in common, marking the difference does not help.
    if (head + tail) * 3 < a.len().max(b.len()) {
        return whole(one);
    }
    let middle = a.len() - tail;
    let part = |range: std::ops::Range<usize>, is_changed| {
        let text = a.get(range).unwrap_or_default().concat();
        (!text.is_empty()).then_some(Part { text, is_changed })
    };
    [part(0..head, false), part(head..middle, true), part(middle..a.len(), false)]
        .into_iter()
        .flatten()
        .collect()
}

/// Splits a text into words of letters and digits, and single other characters.
fn words(text: &str) -> Vec<&str> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = if is_word(first) {
            rest.find(|letter| !is_word(letter)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at(end);
        out.push(word);
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "--- a/a.py\n+++ b/a.py\n@@ -10,3 +10,4 @@\n x\n-move(sku, 1)\n+move(normalise(sku), 1)\n+y\n z\n@@ -20,1 +21,1 @@\n-a\n+b\n";

    #[test]
    fn lines_are_numbered_on_both_sides() {
        let files = files(PATCH).unwrap();
        let numbers: Vec<(&str, Option<usize>, Option<usize>)> =
            files[0].hunks.iter().flatten().map(|line| (line.kind, line.old, line.new)).collect();
        assert_eq!(
            numbers,
            [
                ("same", Some(10), Some(10)),
                ("del", Some(11), None),
                ("add", None, Some(11)),
                ("add", None, Some(12)),
                ("same", Some(12), Some(13)),
                ("del", Some(20), None),
                ("add", None, Some(21)),
            ]
        );
        assert_eq!((files[0].added, files[0].removed, files[0].is_open), (3, 2, true));
    }

    #[test]
    fn lines_of_hunks_without_context_are_numbered_as_in_the_files() {
        for (hunks, numbers) in [
            ("@@ -5,0 +6,2 @@\n+a\n+b\n", vec![(None, Some(6)), (None, Some(7))]),
            ("@@ -0,0 +1 @@\n+a\n", vec![(None, Some(1))]),
            ("@@ -5,2 +4,0 @@\n-a\n-b\n", vec![(Some(5), None), (Some(6), None)]),
            (
                "@@ -5,0 +6 @@\n+a\n@@ -9 +10,0 @@\n-b\n@@ -20,0 +21 @@\n+c\n",
                vec![(None, Some(6)), (Some(9), None), (None, Some(21))],
            ),
        ] {
            let files = files(&format!("--- a/a.py\n+++ b/a.py\n{hunks}")).unwrap();
            let lines = files[0].hunks.iter().flatten();
            assert_eq!(lines.map(|line| (line.old, line.new)).collect::<Vec<_>>(), numbers, "{hunks}");
        }
    }

    #[test]
    fn changed_words_are_marked_and_nothing_is_lost() {
        let (a, b) = ("  move(sku, 1)", "  move(normalise(sku), 1)");
        let (one, other) = (compared(a, b), compared(b, a));
        let marked = |parts: &[Part]| {
            parts.iter().filter(|part| part.is_changed).map(|part| part.text.clone()).collect::<String>()
        };
        assert_eq!((marked(&one).as_str(), marked(&other).as_str()), ("sku", "normalise(sku)"));
        let text = |parts: &[Part]| parts.iter().map(|part| part.text.as_str()).collect::<String>();
        assert_eq!(text(&one), "  move(sku, 1)");
        assert_eq!(text(&other), "  move(normalise(sku), 1)");
        assert_eq!(compared("", ""), []);
        assert_eq!(compared("abc", "xyz"), whole("abc"));
    }

    #[test]
    fn what_is_no_diff_says_why() {
        assert!(files("change line 3").unwrap_err().contains("no unified diff"));
    }
}
