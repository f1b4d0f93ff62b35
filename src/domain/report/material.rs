//! The material of a report: everything known about a stage when it is reviewed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::diff::{self, Action, FilePatch, Side};
use crate::domain::event::stage::Mode;
use crate::domain::event::{ChangeKind, Changed};
use crate::domain::order::Gather;
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say};
use crate::domain::{question, report};

/// The source of an output that the orchestrator made itself.
pub const ORCHESTRATOR: &str = "orchestrator";

/// Everything about one stage.
#[derive(Clone, Debug)]
pub struct Material<'a> {
    pub stage: Stage,
    pub outputs: &'a [Output<'a>],
    /// Consultants that gave the same answer as the first. Only the first answer is among the outputs.
    pub also: Vec<String>,
    /// Answers that were discarded for red flags.
    pub flags: Vec<Flagged>,
    /// Answers that do not fit the schema of the stage.
    pub schema_errors: Vec<SchemaErrors>,
    /// Consultants that gave no answer.
    pub failures: Vec<Failure>,
    /// Parts of the context that the consultants did not get, or not whole.
    pub left_out: &'a [String],
    /// The latest recorded verification that concerns this stage.
    pub verification: Option<VerificationNote>,
    /// Changes that were made since the last report, oldest first.
    pub applied: Vec<AppliedChange>,
    /// Files of the approved changes, if Maestro applied none since implement was approved.
    pub unapplied: Vec<String>,
    pub cost: Cost,
    /// The caller's own figures, shown beside Maestro's.
    pub metrics: Option<&'a Map<String, Value>>,
    /// Critical questions of earlier stages without an answer.
    pub open_questions: Vec<OpenQuestion>,
    pub began_at: Stage,
    pub mode: Mode,
    /// The reason for the mode of the work.
    pub why: Option<&'a str>,
    /// The iteration, if the stage has several.
    pub iteration: Option<Iteration>,
    pub next: Next,
    /// The time of the report, as text.
    pub at: &'a str,
}

/// An output that was handed in for a stage.
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    /// The consultant, or [`ORCHESTRATOR`].
    pub source: &'a str,
    pub said: Said<'a>,
}

/// The form of an output.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// JSON, in the form of the stage's schema or nearly so.
    Structured(&'a Value),
    /// Any other text.
    Text(&'a str),
}

/// An answer that shows red flags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flagged {
    pub provider: String,
    /// The reasons, in words.
    pub reasons: Vec<String>,
}

/// An answer that does not fit the schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaErrors {
    pub provider: String,
    pub errors: Vec<String>,
}

/// A consultant that gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub provider: String,
    pub message: String,
}

/// A recorded verification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationNote {
    pub passed: bool,
    /// Totals in words.
    pub summary: String,
    /// Names of the failed tests.
    pub failing: Vec<String>,
    /// True if the caller only claims the result: Maestro ran nothing.
    #[serde(default)]
    pub is_claim: bool,
    /// True if files were changed after the verification.
    #[serde(default)]
    pub is_old: bool,
    /// The reason why no test ran; None if tests ran.
    pub idle: Option<String>,
    #[serde(default)]
    pub commands: Vec<String>,
    #[serde(default)]
    pub left_out: Vec<String>,
    /// Commands of the project's own tests that were not run.
    #[serde(default)]
    pub missing: Vec<String>,
}

impl VerificationNote {
    /// True if the verification shows that the tests pass now.
    pub fn shows_tests(&self) -> bool {
        self.passed && !self.is_claim && !self.is_old && self.idle.is_none()
    }

    /// The summary in each language. Words that are not Maestro's own stay as they are.
    pub(super) fn totals(&self) -> Text {
        let counts = self.summary.strip_suffix(" checks passed").and_then(|it| it.split_once(" of "));
        match counts {
            Some((passed, all)) => say!("checks_passed", passed = passed, all = all),
            None => Text::quoted(&self.summary),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    pub consults_stage: u32,
    /// Consults of the run.
    pub consults_total: u32,
    /// The most consults of the run; None outside a run.
    pub max_total: Option<u32>,
    /// Sent tokens, if the consultants report them.
    pub input_tokens: Option<u64>,
    /// Received tokens, if the consultants report them.
    pub output_tokens: Option<u64>,
    /// US dollars, if the consultants report them.
    pub cost_usd: Option<f64>,
    /// Calls whose consultant reports no price, so that the dollars are not all of them.
    #[serde(default)]
    pub calls_without_cost: u64,
    /// Milliseconds that the stage took.
    pub duration_ms: u64,
}

/// A critical question that an earlier review left unanswered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenQuestion {
    /// The stage that was reviewed.
    pub stage: Stage,
    pub id: String,
}

impl OpenQuestion {
    /// The question, or its id if the catalogues no longer have it.
    pub fn question(&self) -> Text {
        let known = question::for_stage(self.stage);
        let asked = known.into_iter().find(|question| question.id == self.id);
        asked.map_or_else(|| Text::quoted(&self.id), |question| question.question)
    }

    /// The question with its stage.
    pub(super) fn text(&self) -> Text {
        say!("open_question", question = self.question(), stage = report::stage_name(self.stage))
    }
}

/// One iteration of a stage that has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Iteration {
    /// Its number, from 1.
    pub number: u32,
    /// The most iterations; None if only the reviewer ends them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another stage.
    Stage(Stage),
    /// A further iteration of debug.
    DebugAgain(Iteration),
    /// A person: debug has used its iterations.
    Escalate,
    /// The end of the run.
    Complete,
}

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedChange {
    pub kind: ChangeKind,
    /// The request that approved the change; None if no request did.
    pub approved_by: Option<String>,
    pub files: Vec<AppliedFile>,
    /// Lines that it added.
    pub added: usize,
    /// Lines that it removed.
    pub removed: usize,
    /// The first lines of the diff; empty if the change undoes another.
    pub text: String,
    pub lines_left_out: usize,
    /// The backup session that undoes the change.
    pub backup_session: String,
}

/// A file of a change that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedFile {
    pub path: String,
    /// The action on the file, in a word.
    pub action: String,
    /// True if an approved change of the run names it.
    pub is_expected: bool,
    before: Option<String>,
    after: Option<String>,
}

impl AppliedChange {
    /// Reads a change of the log. `approved` holds the files that the approved changes of the run name.
    pub fn of(changed: &Changed, approved: &BTreeSet<String>) -> Self {
        let text = changed.patch.as_deref().unwrap_or_default();
        let ProposedChange { added, removed, text, lines_left_out, .. } = ProposedChange::read("", text);
        Self {
            kind: changed.kind,
            approved_by: changed.approved_by.clone(),
            files: changed
                .files
                .iter()
                .map(|file| AppliedFile {
                    path: file.path.clone(),
                    action: file.action().to_owned(),
                    is_expected: approved.contains(&file.path),
                    before: file.before.clone(),
                    after: file.after.clone(),
                })
                .collect(),
            added,
            removed,
            text,
            lines_left_out,
            backup_session: changed.backup_session.clone(),
        }
    }

    /// A description of the change in one line: actions, files, size.
    pub(super) fn title(&self) -> Text {
        let named =
            |file: &AppliedFile| Text::said(&format!("file_{}", file.action), &[("path", &file.path)]);
        let paths = Text::join(&self.files.iter().map(named).collect::<Vec<_>>(), ", ");
        let size = if self.text.is_empty() {
            String::new()
        } else {
            format!(" (+{} -{})", self.added, self.removed)
        };
        match (self.kind, &self.approved_by) {
            (ChangeKind::Applied, Some(_)) => say!("applied_approved", paths = paths, size = size),
            (ChangeKind::Applied, None) => say!("applied_unapproved", paths = paths, size = size),
            (ChangeKind::RolledBack, _) => say!("undone", paths = paths),
            (ChangeKind::Recovered, _) => say!("undone_after_kill", paths = paths),
        }
    }
}

/// A risk for each file that differs from its first state and that no approved change names.
pub(super) fn risks(applied: &[AppliedChange]) -> Vec<Text> {
    let mut files: BTreeMap<&str, (&AppliedFile, &AppliedFile)> = BTreeMap::new();
    // A change that keeps the content changes the mode, for example to executable.
    let mut modes: BTreeMap<&str, ChangeKind> = BTreeMap::new();
    for (kind, file) in applied.iter().flat_map(|change| change.files.iter().map(|file| (change.kind, file)))
    {
        let (_, last) = files.entry(&file.path).or_insert((file, file));
        *last = file;
        if file.before == file.after {
            modes.insert(&file.path, kind);
        }
    }
    let differs = |path: &str, first: &AppliedFile, last: &AppliedFile| {
        first.before != last.after || modes.get(path) == Some(&ChangeKind::Applied)
    };
    let unexpected =
        files.into_iter().filter(|(path, (first, last))| !last.is_expected && differs(path, first, last));
    unexpected.map(|(path, _)| say!("changed_unapproved", path = path)).collect()
}

/// The most lines of a diff in a report.
const MAX_LINES: usize = 160;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedChange {
    pub source: String,
    /// The changed files; empty if the diff cannot be parsed.
    pub files: Vec<ChangedFile>,
    /// Lines that it adds.
    pub added: usize,
    /// Lines that it removes.
    pub removed: usize,
    /// The reason why the diff cannot be parsed.
    pub problem: Option<String>,
    /// The first lines of the diff.
    pub text: String,
    pub lines_left_out: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    pub path: String,
    /// The old path of a renamed or copied file.
    pub from: Option<String>,
    pub action: Action,
    /// Lines added.
    pub added: usize,
    /// Lines removed.
    pub removed: usize,
    /// True if the file can be executed afterwards and the diff says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_executable: bool,
}

impl ProposedChange {
    /// Reads a diff. One that cannot be parsed is kept as text, with the reason.
    pub(super) fn read(source: &str, text: &str) -> Self {
        let (files, problem) = match diff::parse(text) {
            Ok(patch) => (patch.files.iter().map(ChangedFile::from).collect(), None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let lines: Vec<&str> = text.trim_end().lines().collect();
        Self {
            source: source.to_owned(),
            added: files.iter().map(|file: &ChangedFile| file.added).sum(),
            removed: files.iter().map(|file| file.removed).sum(),
            files,
            problem,
            text: lines.iter().take(MAX_LINES).copied().collect::<Vec<_>>().join("\n"),
            lines_left_out: lines.len().saturating_sub(MAX_LINES),
        }
    }

    /// The changed files that are not among the planned ones.
    pub(super) fn beyond(&self, planned: &[String]) -> Vec<String> {
        let planned: BTreeSet<&str> = planned.iter().map(|path| plain(path)).gather();
        let touched = self.files.iter().map(|file| file.path.as_str());
        touched.filter(|path| !planned.contains(plain(path))).map(str::to_owned).collect()
    }
}

fn plain(path: &str) -> &str {
    let path = path.trim().trim_matches('`');
    path.strip_prefix("./").unwrap_or(path)
}

impl From<&FilePatch> for ChangedFile {
    fn from(patch: &FilePatch) -> Self {
        let lines = |side| {
            let of = |hunk: &diff::Hunk| hunk.lines.iter().filter(|line| line.side == side).count();
            patch.hunks.iter().map(of).sum()
        };
        let (path, from) = match patch.action {
            Action::Create | Action::Modify => (&patch.new, None),
            Action::Delete => (&patch.old, None),
            Action::Rename | Action::Copy => (&patch.new, Some(patch.old.clone())),
        };
        Self {
            path: path.clone(),
            from,
            action: patch.action,
            added: lines(Side::Added),
            removed: lines(Side::Removed),
            is_executable: patch.executable == Some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::ChangedFile;

    fn changed(kind: ChangeKind, path: &str, before: &str, after: &str) -> AppliedChange {
        let file = ChangedFile {
            path: path.to_owned(),
            before: Some(before.to_owned()),
            after: Some(after.to_owned()),
        };
        let changed = Changed {
            kind,
            backup_session: "b".to_owned(),
            undoes: None,
            root: String::new(),
            files: vec![file],
            patch_sha256: None,
            patch: None,
            approved_by: None,
            notes: Vec::new(),
        };
        AppliedChange::of(&changed, &["named.py".to_owned()].into())
    }

    #[test]
    fn a_file_that_no_approved_change_names_is_a_risk_once() {
        use ChangeKind::{Applied, RolledBack};
        let all = [
            changed(Applied, "named.py", "1", "2"),
            changed(Applied, "other.py", "1", "2"),
            changed(Applied, "other.py", "2", "3"),
            // An undone change has no effect.
            changed(Applied, "undone.py", "1", "2"),
            changed(RolledBack, "undone.py", "2", "1"),
            changed(Applied, "mode.sh", "1", "1"),
            changed(Applied, "undone.sh", "1", "1"),
            changed(RolledBack, "undone.sh", "1", "1"),
        ];
        let found = risks(&all);
        let found: Vec<&str> = found.iter().map(Text::english).collect();
        let unapproved = |path: &str| {
            format!("{path} was changed since the last report, and no approved change includes it")
        };
        assert_eq!(found, [unapproved("mode.sh"), unapproved("other.py")]);
    }

    const PATCH: &str = "--- a/src/total.py\n+++ b/src/total.py\n@@ -1,2 +1,3 @@\n def total(items):\n-    return items[0]\n+    if not items:\n+        return 0\n";

    #[test]
    fn a_change_is_counted() {
        let change = ProposedChange::read("codex", PATCH);
        assert_eq!((change.files.len(), change.added, change.removed), (1, 2, 1));
        assert_eq!((change.problem.as_deref(), change.lines_left_out), (None, 0));
        assert!(change.beyond(&["./src/total.py".to_owned()]).is_empty());
        assert_eq!(change.beyond(&[]), ["src/total.py"]);
    }

    #[test]
    fn what_cannot_be_read_is_shown_with_the_reason() {
        let change = ProposedChange::read("codex", "change line 3\n");
        assert!(change.problem.unwrap().contains("no unified diff"));
        assert_eq!(change.text, "change line 3");
    }

    #[test]
    fn a_long_change_is_cut_and_says_by_how_much() {
        let text = format!("--- /dev/null\n+++ b/x\n@@ -0,0 +1,200 @@\n{}", "+line\n".repeat(200));
        let change = ProposedChange::read("codex", &text);
        assert_eq!((change.added, change.lines_left_out), (200, 203 - MAX_LINES));
        assert_eq!(change.text.lines().count(), MAX_LINES);
    }
}
