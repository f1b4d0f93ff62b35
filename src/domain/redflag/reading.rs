//! An answer, taken apart: its document, its diffs, what it says and what it proposes.

use serde_json::Value;

use super::change::{self, ProposedChange};
use crate::domain::answer::{document, texts};

/// Fields of a document that hold diffs.
const DIFF_FIELDS: [&str; 4] = ["patch_diff", "fix_patch", "patch", "diff"];

/// An answer, taken apart.
#[derive(Debug)]
pub(super) struct Reading {
    /// Its JSON document.
    pub(super) document: Option<Value>,
    /// Its diffs.
    pub(super) changes: Vec<ProposedChange>,
    /// What it says, without code.
    pub(super) prose: String,
    /// What it would bring in or have run.
    pub(super) proposed: String,
    /// The files that it names for a change.
    pub(super) files: Vec<String>,
}

impl Reading {
    pub(super) fn of(text: &str) -> Self {
        let is_diff = change::looks_like_one(text);
        match document(text).ok().map(|found| found.value).filter(|document| document.is_object() || !is_diff)
        {
            Some(document) if document.is_object() || document.is_array() => Self::of_document(document),
            document if is_diff => Self { document, ..Self::of_diff(text) },
            document => Self {
                document,
                changes: Vec::new(),
                prose: without_code(text),
                proposed: text.to_owned(),
                files: words_like_files(text),
            },
        }
    }

    fn of_document(document: Value) -> Self {
        let texts = texts(&document);
        let is_diff = |(name, _): &&(&str, &str)| DIFF_FIELDS.contains(name);
        let changes: Vec<ProposedChange> =
            texts.iter().filter(is_diff).map(|(_, text)| ProposedChange::of(text)).collect();
        let others: Vec<&str> = texts.iter().filter(|text| !is_diff(text)).map(|(_, text)| *text).collect();
        let names = |(name, text): &(&str, &str)| {
            let is_file = ["file", "files", "path"].iter().any(|end| name.ends_with(end));
            is_file.then(|| (*text).to_owned())
        };
        let files = changes.iter().flat_map(ProposedChange::files).chain(texts.iter().filter_map(names));
        let added = changes.iter().map(ProposedChange::added);
        Self {
            prose: without_code(&others.join("\n")),
            proposed: added.chain([others.join("\n")]).collect::<Vec<_>>().join("\n"),
            files: files.collect(),
            changes,
            document: Some(document),
        }
    }

    fn of_diff(text: &str) -> Self {
        let change = ProposedChange::of(text);
        let around: Vec<&str> = text.lines().filter(|line| !change::is_line(line)).collect();
        Self {
            document: None,
            prose: without_code(&around.join("\n")),
            proposed: format!("{}\n{}", change.added(), around.join("\n")),
            files: change.files(),
            changes: vec![change],
        }
    }

    pub(super) fn count(&self) -> usize {
        self.changes.iter().map(ProposedChange::count).sum()
    }

    pub(super) fn changed_lines(&self) -> usize {
        self.changes.iter().map(ProposedChange::changed_lines).sum()
    }
}

/// A text without what stands in code fences or between backticks: `Maybe` as a type hedges nothing.
fn without_code(text: &str) -> String {
    let mut inside = false;
    let mut kept = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            kept.push(line.split('`').step_by(2).collect::<Vec<_>>().join("` `"));
        }
    }
    kept.join("\n")
}

/// The words of a text that could be names of files.
fn words_like_files(text: &str) -> Vec<String> {
    let ends = |letter: char| letter.is_whitespace() || "\"'`()<>,;:=*[]{}".contains(letter);
    text.split(ends)
        .map(|word| word.trim_end_matches(['.', '!', '?']))
        .filter(|word| word.contains(['.', '/', '_']))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_field_by_field() {
        let text = r#"{"target_file": "a/.env", "patch_diff": "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-eval(a)\n+b\n", "note": "maybe"}"#;
        let reading = Reading::of(text);
        assert_eq!(reading.files, ["x", "a/.env"]);
        assert_eq!(reading.prose, "a/.env\nmaybe");
        assert_eq!(reading.proposed, "b\na/.env\nmaybe");
        assert_eq!((reading.count(), reading.changed_lines()), (1, 2));
    }

    #[test]
    fn code_is_no_prose() {
        assert_eq!(without_code("say `maybe` so\n```\nperhaps\n```\nend"), "say ` ` so\nend");
    }

    #[test]
    fn words_with_dots_may_be_files() {
        assert_eq!(words_like_files("Put it into `conf/.env`, then run."), ["conf/.env"]);
    }
}
