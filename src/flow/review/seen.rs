//! The lines of a file as its reviewers see them. They are masked before they are numbered, and within the
//! whole file: a hunk may begin inside a key, and a number before a line hides the words that announce a
//! secret.

use crate::domain::diff::{self, Patch, Side};
use crate::domain::mask::Masker;

/// Lines of a file that is reviewed whole.
const MOST_LINES: usize = 1_200;

/// A file with its change.
pub(super) struct Change {
    pub(super) name: String,
    pub(super) text: String,
    /// Its hunks; `None` if it is reviewed whole.
    pub(super) patch: Option<Patch>,
}

/// A file as its reviewers see it, masked.
pub(super) struct Seen {
    /// All lines after the change, shown or not.
    pub(super) lines: Vec<String>,
    /// Lines that the change removes, with their old numbers.
    pub(super) removed: Vec<(usize, String)>,
    /// The numbers of the first and the last line of each part that is shown.
    pub(super) shown: Vec<(usize, usize)>,
    /// The shown lines with their current numbers.
    pub(super) text: String,
    /// Number of secrets that were masked in the text.
    pub(super) masked: usize,
    /// The part of a whole file that is too long to be shown.
    pub(super) cut: Option<String>,
}

/// A line of a hunk, with its places among the lines before and after the change.
struct Row<'a> {
    text: &'a str,
    side: Side,
    before: usize,
    after: usize,
}

impl Change {
    /// Masks the lines of the file, and shows the changed ones, or all of them if it is reviewed whole.
    pub(super) fn seen(&self, masker: &Masker) -> Seen {
        let whole: Vec<&str> = self.text.lines().collect();
        if self.patch.is_some() { self.seen_change(&whole, masker) } else { self.seen_whole(&whole, masker) }
    }

    fn seen_whole(&self, whole: &[&str], masker: &Masker) -> Seen {
        let (lines, total) = (masked(whole, masker), whole.len());
        let last = total.min(MOST_LINES);
        let mut out = format!("## {}\n", self.name);
        let mut count = 0;
        for (number, (line, plain)) in (1..).zip(lines.iter().zip(whole)).take(MOST_LINES) {
            let number: usize = number;
            out.push_str(&format!("{number:>5} | {line}\n"));
            count += secrets(plain, line, masker);
        }
        let cut = (last < total).then(|| format!("lines {} to {total}", last + 1));
        if let Some(cut) = &cut {
            out.push_str(&format!("({cut} are not shown)\n"));
        }
        Seen { lines, removed: Vec::new(), shown: vec![(1, last)], text: out, masked: count, cut }
    }

    fn seen_change(&self, whole: &[&str], masker: &Masker) -> Seen {
        let files = || self.patch.iter().flat_map(|patch| &patch.files);
        let mut out = format!("## {}\n", self.name);
        for file in files() {
            if file.old != file.new {
                out.push_str(&format!("(was {})\n", file.old));
            }
            match (file.executable, file.action) {
                (Some(true), _) => out.push_str("(executable)\n"),
                (Some(false), diff::Action::Modify) => out.push_str("(not executable any more)\n"),
                (Some(false) | None, _) => {}
            }
        }
        // Both sides of the change as whole texts, because a line alone does not tell if it is a secret.
        let (mut before, mut after, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        let (mut at, mut shift) = (0, 0_isize);
        let hunks = || files().flat_map(|file| &file.hunks);
        let mut starts = Vec::new();
        for hunk in hunks() {
            let old = hunk.old_start.unwrap_or(1).max(1);
            let new = old.saturating_add_signed(shift).max(1);
            let between = whole.get(at..new - 1).unwrap_or_default();
            before.extend_from_slice(between);
            after.extend_from_slice(between);
            starts.push((old, new, rows.len()));
            at = new - 1;
            for line in &hunk.lines {
                let (text, side) = (line.text.as_str(), line.side);
                rows.push(Row { text, side, before: before.len(), after: after.len() });
                if side != Side::Added {
                    before.push(text);
                    shift -= 1;
                }
                if side != Side::Removed {
                    after.push(text);
                    shift += 1;
                    at += 1;
                }
            }
        }
        let rest = whole.get(at..).unwrap_or_default();
        before.extend_from_slice(rest);
        after.extend_from_slice(rest);
        let (before, mut after) = (masked(&before, masker), masked(&after, masker));
        let (mut removed, mut shown, mut count) = (Vec::new(), Vec::new(), 0);
        let ends = starts.iter().skip(1).map(|(.., first)| *first).chain([rows.len()]);
        for ((mut old, mut new, first), end) in starts.iter().copied().zip(ends) {
            let begins = new;
            for row in rows.get(first..end).unwrap_or_default() {
                let old_text = before.get(row.before).map_or("", String::as_str);
                let new_text = after.get(row.after).map_or("", String::as_str);
                let line = match row.side {
                    Side::Removed => old_text,
                    // A line that stays may be a secret on one side only.
                    Side::Context if new_text == row.text => old_text,
                    Side::Added | Side::Context => new_text,
                }
                .to_owned();
                count += secrets(row.text, &line, masker);
                match row.side {
                    Side::Removed => {
                        out.push_str(&format!("      -| {line}\n"));
                        removed.push((old, line));
                        old += 1;
                    }
                    Side::Added => {
                        out.push_str(&format!("{new:>5}+| {line}\n"));
                        new += 1;
                    }
                    Side::Context => {
                        out.push_str(&format!("{new:>5} | {line}\n"));
                        if let Some(after) = after.get_mut(row.after) {
                            *after = line;
                        }
                        old += 1;
                        new += 1;
                    }
                }
            }
            out.push_str("      ...\n");
            shown.push((begins, new.saturating_sub(1)));
        }
        Seen { lines: after, removed, shown, text: out, masked: count, cut: None }
    }

    /// Lines of the hunks, or of the whole file as far as it is shown.
    pub(super) fn plain_lines(&self) -> Vec<&str> {
        match &self.patch {
            None => self.touched(),
            Some(patch) => {
                let lines = patch.files.iter().flat_map(|file| &file.hunks).flat_map(|hunk| &hunk.lines);
                lines.map(|line| line.text.as_str()).collect()
            }
        }
    }

    /// Lines that the change adds or removes; all lines if a file is reviewed whole.
    pub(super) fn touched(&self) -> Vec<&str> {
        match &self.patch {
            None => self.text.lines().take(MOST_LINES).collect(),
            Some(patch) => {
                let lines = patch.files.iter().flat_map(|file| &file.hunks).flat_map(|hunk| &hunk.lines);
                lines.filter(|line| line.side != Side::Context).map(|line| line.text.as_str()).collect()
            }
        }
    }
}

/// Masks lines as one text. Masking keeps the number of lines.
pub(super) fn masked(lines: &[&str], masker: &Masker) -> Vec<String> {
    let whole = lines.join("\n");
    masker.mask(&whole).text.split('\n').take(lines.len()).map(str::to_owned).collect()
}

/// The number of secrets that were masked in a line.
fn secrets(plain: &str, line: &str, masker: &Masker) -> usize {
    if plain == line { 0 } else { masker.mask(plain).count.max(1) }
}
