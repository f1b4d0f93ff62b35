//! Takes an answer apart: document, diffs, prose and code.

use serde_json::Value;

use super::proposal::{Segment, written_files};
use crate::domain::answer::{Unreadable, document, texts};
use crate::domain::diff::{self, Action, DiffError, FilePatch, Patch, Side};
use crate::domain::fence::{FenceLine, FenceWalk};

/// Fields of a document that hold diffs.
const DIFF_FIELDS: [&str; 4] = ["patch_diff", "fix_patch", "patch", "diff"];
/// Parts of the names of fields that hold code or commands.
const CODE_FIELDS: [&str; 6] = ["command", "code", "script", "cmd", "mre", "snippet"];

/// An answer, taken apart.
#[derive(Debug)]
pub(super) struct Reading {
    /// Its JSON document, or the reason why it has none.
    pub(super) document: Result<Value, Unreadable>,
    pub(super) changes: Vec<Diff>,
    /// Its words, without code.
    pub(super) prose: String,
    /// The prose of the answer as one text, or of each field of its document.
    pub(super) statements: Vec<String>,
    pub(super) around: String,
    /// True if the answer is a text with code, which is definite.
    pub(super) has_code: bool,
    pub(super) segments: Vec<Segment>,
    /// The texts of the answer, code included.
    pub(super) whole: Vec<String>,
    /// The files that the answer wants to change.
    pub(super) files: Vec<String>,
}

impl Reading {
    pub(super) fn of(text: &str) -> Self {
        let is_diff = looks_like_a_diff(text);
        match document(text) {
            Ok(found) if found.value.is_object() || found.value.is_array() && !is_diff => {
                Self::of_document(found.value, &found.around)
            }
            found if is_diff => Self { document: found.map(|found| found.value), ..Self::of_diff(text) },
            found => Self { document: found.map(|found| found.value), ..Self::of_text(text) },
        }
    }

    fn of_text(text: &str) -> Self {
        let prose = without_code(text);
        let segments = segments(text);
        Self {
            document: Err(Unreadable::Nothing),
            changes: Vec::new(),
            statements: vec![prose.clone()],
            around: String::new(),
            has_code: segments.iter().any(|segment| matches!(segment, Segment::Code { .. })),
            segments,
            whole: vec![text.to_owned()],
            files: written_files(text).into_iter().map(str::to_owned).collect(),
            prose,
        }
    }

    fn of_document(document: Value, around: &str) -> Self {
        let texts = texts(&document);
        let is_diff = |(name, _): &&(&str, &str)| DIFF_FIELDS.contains(name);
        let is_code = |(name, _): &&(&str, &str)| CODE_FIELDS.iter().any(|part| name.contains(part));
        let changes: Vec<Diff> = texts.iter().filter(is_diff).map(|(_, text)| Diff::of(text)).collect();
        let others: Vec<&(&str, &str)> = texts.iter().filter(|text| !is_diff(text)).collect();
        let said: Vec<String> =
            others.iter().filter(|text| !is_code(text)).map(|(_, text)| without_code(text)).collect();
        let names = |(name, text): &(&str, &str)| {
            let is_file = ["file", "files", "path"].iter().any(|end| name.ends_with(end));
            is_file.then(|| (*text).to_owned())
        };
        let files = changes.iter().flat_map(Diff::files).chain(texts.iter().filter_map(names));
        let files = files.chain(written_files(around).into_iter().map(str::to_owned)).collect();
        let mut parts: Vec<Segment> = changes
            .iter()
            .map(|change| Segment::Code { text: change.added(), lead: String::new() })
            .collect();
        for other in &others {
            if is_code(other) {
                parts.push(Segment::Code { text: other.1.to_owned(), lead: String::new() });
            } else {
                parts.extend(segments(other.1));
            }
        }
        parts.extend(segments(around));
        let mut prose: Vec<String> = others.iter().map(|(_, text)| without_code(text)).collect();
        let around = without_code(around);
        prose.push(around.clone());
        Self {
            prose: prose.join("\n").trim_end().to_owned(),
            statements: said,
            around,
            has_code: false,
            segments: parts,
            whole: texts.iter().map(|(_, text)| (*text).to_owned()).collect(),
            files,
            changes,
            document: Ok(document),
        }
    }

    fn of_diff(text: &str) -> Self {
        let change = Diff::of(text);
        let around: Vec<&str> = text.lines().filter(|line| !is_line(line)).collect();
        let around = around.join("\n");
        let mut reading = Self::of_text(&around);
        reading.segments.insert(0, Segment::Code { text: change.added(), lead: String::new() });
        reading.has_code = true;
        reading.whole = vec![text.to_owned()];
        reading.files = change.files();
        reading.changes = vec![change];
        reading
    }

    pub(super) fn count(&self) -> usize {
        self.changes.iter().map(Diff::count).sum()
    }

    /// True if there are diffs and none of them changes anything.
    pub(super) fn changes_nothing(&self) -> bool {
        !self.changes.is_empty() && self.changes.iter().all(Diff::is_empty)
    }

    pub(super) fn changed_lines(&self) -> usize {
        self.changes.iter().map(Diff::changed_lines).sum()
    }
}

/// Splits a text into prose and fenced code, each code with the last line before it.
fn segments(text: &str) -> Vec<Segment> {
    let mut found = Vec::new();
    let (mut prose, mut code): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut fences = FenceWalk::default();
    let mut lead = String::new();
    for line in text.lines() {
        match fences.step(line) {
            FenceLine::Begins(_) => {
                let last = prose.iter().rev().find(|line| !line.trim().is_empty());
                lead = last.map_or(String::new(), |line| (*line).to_owned());
                found.push(Segment::Prose(std::mem::take(&mut prose).join("\n")));
            }
            FenceLine::Outside => prose.push(line),
            FenceLine::Ends => {
                found.push(Segment::Code { text: std::mem::take(&mut code).join("\n"), lead: lead.clone() });
            }
            FenceLine::Inside => code.push(line),
        }
    }
    if fences.is_open() {
        found.push(Segment::Code { text: code.join("\n"), lead });
    }
    found.push(Segment::Prose(prose.join("\n")));
    found.retain(|segment| match segment {
        Segment::Code { text, .. } | Segment::Prose(text) => !text.trim().is_empty(),
    });
    found
}

/// A text without fenced code and code between backticks: the type `Maybe` does not hedge.
fn without_code(text: &str) -> String {
    let mut fences = FenceWalk::default();
    let outside = text.lines().filter(|line| fences.step(line) == FenceLine::Outside);
    let kept = outside.map(|line| line.split('`').step_by(2).collect::<Vec<_>>().join("` `"));
    kept.collect::<Vec<_>>().join("\n")
}

/// True if the last fence of a text is never closed.
pub(super) fn is_fence_open(text: &str) -> bool {
    let mut fences = FenceWalk::default();
    for line in text.lines() {
        fences.step(line);
    }
    fences.is_open()
}

#[derive(Debug)]
pub(super) struct Diff {
    /// The parsed patch, or the reason why it cannot be parsed.
    pub(super) patch: Result<Patch, DiffError>,
    text: String,
}

impl Diff {
    pub(super) fn of(text: &str) -> Self {
        Self { patch: diff::parse(text), text: text.to_owned() }
    }

    /// The files that the diff names. If it cannot be parsed, they are read from its headers.
    pub(super) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = match &self.patch {
            Ok(patch) => patch.files.iter().flat_map(|file| [file.old.clone(), file.new.clone()]).collect(),
            Err(_) => self.text.lines().flat_map(header_names).collect(),
        };
        names.sort();
        names.dedup();
        names
    }

    /// The number of changed files; a renamed one counts once.
    pub(super) fn count(&self) -> usize {
        match &self.patch {
            Ok(patch) => patch.files.len(),
            Err(_) => self.files().len(),
        }
    }

    /// The number of added and removed lines.
    pub(super) fn changed_lines(&self) -> usize {
        match &self.patch {
            Ok(patch) => patch.changed_lines(),
            Err(_) => self.text.lines().filter(|line| is_changed(line)).count(),
        }
    }

    /// True if the diff changes nothing.
    pub(super) fn is_empty(&self) -> bool {
        let moves = |file: &FilePatch| file.action != Action::Modify || file.executable.is_some();
        self.changed_lines() == 0 && !self.patch.as_ref().is_ok_and(|patch| patch.files.iter().any(moves))
    }

    /// The added lines. Only they are proposals.
    pub(super) fn added(&self) -> String {
        let lines: Vec<&str> = match &self.patch {
            Ok(patch) => patch
                .files
                .iter()
                .flat_map(|file| &file.hunks)
                .flat_map(|hunk| &hunk.lines)
                .filter(|line| line.side == Side::Added)
                .map(|line| line.text.as_str())
                .collect(),
            Err(_) => self
                .text
                .lines()
                .filter(|line| is_changed(line))
                .filter_map(|line| line.strip_prefix('+'))
                .collect(),
        };
        lines.join("\n")
    }
}

/// True if a text looks like a diff.
pub(super) fn looks_like_a_diff(text: &str) -> bool {
    let headers = text.lines().any(|line| line.starts_with("diff --git ") || line.starts_with("@@ "));
    headers || text.lines().zip(text.lines().skip(1)).any(|(old, new)| is_names(old, new))
}

fn is_names(old: &str, new: &str) -> bool {
    old.starts_with("--- ") && new.starts_with("+++ ")
}

/// True if a line belongs to a diff, and not to the text around it.
pub(super) fn is_line(line: &str) -> bool {
    line.starts_with(['+', '-', ' ', '@']) || line.starts_with("diff --git ") || line.starts_with("index ")
}

fn is_changed(line: &str) -> bool {
    line.starts_with(['+', '-']) && !line.starts_with("+++ ") && !line.starts_with("--- ")
}

fn header_names(line: &str) -> Vec<String> {
    let rest = ["+++ ", "--- ", "rename to ", "rename from "].iter().find_map(|mark| line.strip_prefix(mark));
    let names: Vec<&str> = match (rest, line.strip_prefix("diff --git ")) {
        (Some(rest), _) => vec![rest.split('\t').next().unwrap_or(rest)],
        (None, Some(both)) => both.split(' ').collect(),
        (None, None) => Vec::new(),
    };
    let plain = |name: &str| {
        let name = name.trim().trim_matches('"');
        name.strip_prefix("a/").or_else(|| name.strip_prefix("b/")).unwrap_or(name).to_owned()
    };
    names.into_iter().map(plain).filter(|name| name != "/dev/null" && !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_field_by_field() {
        let text = r#"Beside it. {"target_file": "a/.env", "patch_diff": "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-eval(a)\n+b\n", "note": "maybe"}"#;
        let reading = Reading::of(text);
        assert_eq!(reading.files, ["x", "a/.env"]);
        assert_eq!(reading.prose, "a/.env\nmaybe\nBeside it.");
        assert_eq!(reading.statements, ["a/.env", "maybe"]);
        assert_eq!(
            reading.segments.first(),
            Some(&Segment::Code { text: "b".to_owned(), lead: String::new() })
        );
        assert_eq!((reading.count(), reading.changed_lines()), (1, 2));
    }

    #[test]
    fn code_is_no_prose() {
        assert_eq!(without_code("say `maybe` so\n```\nperhaps\n```\nend"), "say ` ` so\nend");
        let found = segments("Never do this:\n```sh\nx\n```\nend");
        assert_eq!(found[1], Segment::Code { text: "x".to_owned(), lead: "Never do this:".to_owned() });
        assert!(is_fence_open("```\nx") && !is_fence_open("````\n```\n````"));
    }

    const TWO: &str = "diff --git a/src/a.py b/src/a.py\n--- a/src/a.py\n+++ b/src/a.py\n@@ -1,2 +1,2 @@\n-x = eval(y)\n+x = int(y)\n z = 1\ndiff --git a/.env b/.env\n--- a/.env\n+++ b/.env\n@@ -1 +1 @@\n-A=1\n+A=2\n";

    #[test]
    fn files_lines_and_additions_are_read() {
        let change = Diff::of(TWO);
        assert_eq!(change.files(), [".env", "src/a.py"]);
        assert_eq!((change.count(), change.changed_lines()), (2, 4));
        assert_eq!(change.added(), "x = int(y)\nA=2");
    }

    #[test]
    fn a_broken_diff_is_read_as_far_as_it_goes() {
        let broken = TWO.replace(" z = 1", "no line of a diff");
        let change = Diff::of(&broken);
        assert!(change.patch.is_err());
        assert_eq!(change.files(), [".env", "src/a.py"]);
        assert_eq!(change.changed_lines(), 4);
        assert_eq!(change.added(), "x = int(y)\nA=2");
    }

    #[test]
    fn prose_with_dashes_is_no_diff() {
        assert!(looks_like_a_diff(TWO));
        assert!(!looks_like_a_diff("- a point\n- another\n\n---\n\n+1"));
    }
}
