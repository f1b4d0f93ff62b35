//! Plans a patch: computes every effect before anything is written.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_with::skip_serializing_none;

use super::{PatchRecord, PatchRequest, Work, below};
use crate::domain::change::{Reason, Refusal};
use crate::domain::cut::head;
use crate::domain::diff::{self, Action, Applied, Changed, ChangedLines, FilePatch, Offset, Patch, Side};
use crate::domain::order::Gather;
use crate::domain::workflow::{ApprovedChange, Gate};
use crate::flow::note::{Belonging, refused};
use crate::host::change::{After, Change, FileState, Obstacle, Permission, Plan, Tree};
use crate::host::project::{Base, Project};

/// One file of a patch.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct Detail {
    /// Its name.
    pub path: String,
    pub action: Action,
    /// Its old name, if that differs.
    pub from: Option<String>,
    pub ok: bool,
    /// Number of added lines.
    pub added: usize,
    /// Number of removed lines.
    pub removed: usize,
    /// The reason why the patch does not apply to this file.
    pub error: Option<String>,
    /// The error's code.
    pub code: Option<&'static str>,
}

/// A hunk that applies at another place than its header says.
#[derive(Clone, Debug, Serialize)]
pub struct FileOffset {
    pub path: String,
    /// Hunk and its place.
    #[serde(flatten)]
    pub offset: Offset,
}

/// Maximum size of a file in bytes, before and after the patch.
const MOST_BYTES: u64 = 1_000_000;

/// The result of trying a patch on the files.
pub(super) struct Planned {
    plan: Plan,
    pub(super) details: Vec<Detail>,
    pub(super) offsets: Vec<FileOffset>,
    pub(super) normalised: Vec<String>,
    failures: Vec<Refusal>,
}

impl Planned {
    /// The plan, if every file can be changed.
    pub(super) fn plan(self) -> Result<Plan, Refusal> {
        if let Some(first) = self.failures.first() {
            let messages: Vec<&str> = self.failures.iter().map(|failure| failure.message.as_str()).collect();
            let refusal = Refusal::new(first.reason, format!("nothing was written: {}", messages.join("; ")));
            return Err(Refusal { next: first.next.clone(), ..refusal });
        }
        if self.plan.changes.is_empty() {
            return Err(Refusal::new(Reason::PatchInvalid, "nothing would change"));
        }
        Ok(self.plan)
    }

    /// The resulting content of each file by its path, without content for a removed file. `None` if the
    /// patch does not apply.
    pub(super) fn result(&self) -> Option<BTreeMap<&str, Option<&After>>> {
        let is_possible = self.failures.is_empty();
        is_possible.then(|| self.plan.changes.iter().map(|it| (it.path.as_str(), it.after.as_ref())).gather())
    }
}

/// Tries a patch on the files. Writes nothing.
pub(super) fn plan(project: &Project, base: &Base, tree: &Tree, patch: &Patch) -> Planned {
    let mut trial =
        Trial { project, tree, files: BTreeMap::new(), offsets: Vec::new(), normalised: Vec::new() };
    let mut failures = Vec::new();
    let mut details = Vec::new();
    for file in &patch.files {
        let (old, new) = (below(&base.prefix, &file.old), below(&base.prefix, &file.new));
        let tried = trial.try_file(file, &old, &new);
        let (action, refusal) = match tried {
            Ok(action) => (action, None),
            Err(refusal) => (file.action, Some(refusal)),
        };
        details.push(detail(file, action, old, new, refusal.as_ref()));
        failures.extend(refusal);
    }
    failures.extend(trial.conflicts());
    let changes = trial.changes();
    let (make, prune) = directories(tree, &changes);
    failures.extend(unwritable(tree, &changes));
    let root = base.root.to_string_lossy().into_owned();
    Planned {
        plan: Plan { kind: "patch", root, changes, make, prune, ..Plan::default() },
        details,
        offsets: trial.offsets,
        normalised: trial.normalised,
        failures,
    }
}

fn detail(file: &FilePatch, action: Action, old: String, new: String, refusal: Option<&Refusal>) -> Detail {
    let count =
        |side: Side| file.hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.side == side).count();
    Detail {
        action,
        from: (old != new).then_some(old),
        path: new,
        ok: refusal.is_none(),
        added: count(Side::Added),
        removed: count(Side::Removed),
        error: refusal.map(|refusal| refusal.message.clone()),
        code: refusal.map(|refusal| refusal.reason.code()),
    }
}

/// The files as they would be after the part of the patch that was tried so far.
struct Trial<'a> {
    project: &'a Project,
    tree: &'a Tree,
    files: BTreeMap<String, Tried>,
    offsets: Vec<FileOffset>,
    normalised: Vec<String>,
}

#[derive(Clone)]
struct Tried {
    before: Option<FileState>,
    after: Option<After>,
}

impl Trial<'_> {
    fn try_file(&mut self, file: &FilePatch, old: &str, new: &str) -> Result<Action, Refusal> {
        judge(self.project, old)?;
        judge(self.project, new)?;
        let source = self.state(old)?;
        let creates_unsaid = file.action == Action::Modify && source.is_none() && only_adds(file);
        if file.action == Action::Create || creates_unsaid {
            self.create(file, new)?;
            if creates_unsaid {
                self.normalised.push(format!("{new}: the file is new, but the header does not say so"));
            }
            return Ok(Action::Create);
        }
        let Some(source) = source else {
            return Err(Refusal::new(Reason::FileMissing, format!("{old}: the file does not exist")));
        };
        let applied = self.applied(file, old, &source.content)?;
        match file.action {
            Action::Delete if !applied.content.is_empty() => {
                let message = format!("{old}: the file contains more than the patch removes");
                return Err(Refusal::new(Reason::ContextMismatch, message));
            }
            Action::Delete => self.set(old, None),
            Action::Modify => self.set(new, Some(changed(&source, applied.content, file))),
            Action::Rename | Action::Copy | Action::Create => {
                self.must_be_free(new)?;
                self.set(new, Some(changed(&source, applied.content, file)));
                if file.action == Action::Rename {
                    self.set(old, None);
                }
            }
        }
        Ok(file.action)
    }

    fn create(&mut self, file: &FilePatch, new: &str) -> Result<(), Refusal> {
        self.must_be_free(new)?;
        let applied = self.applied(file, new, b"")?;
        let permission = Permission::New { executable: file.executable == Some(true) };
        self.set(new, Some(After { content: applied.content, permission }));
        Ok(())
    }

    fn must_be_free(&mut self, path: &str) -> Result<(), Refusal> {
        match self.state(path)? {
            Some(_) => Err(Refusal::new(Reason::FileExists, format!("{path}: the file exists already"))),
            None => Ok(()),
        }
    }

    fn state(&mut self, path: &str) -> Result<Option<After>, Refusal> {
        if let Some(tried) = self.files.get(path) {
            return Ok(tried.after.clone());
        }
        let before = self.tree.look(path, MOST_BYTES).map_err(|obstacle| refusal(path, &obstacle))?;
        let after = before
            .as_ref()
            .map(|file| After { content: file.content.clone(), permission: Permission::Exact(file.mode) });
        self.files.insert(path.to_owned(), Tried { before, after: after.clone() });
        Ok(after)
    }

    fn set(&mut self, path: &str, after: Option<After>) {
        if let Some(tried) = self.files.get_mut(path) {
            tried.after = after;
        }
    }

    fn applied(&mut self, file: &FilePatch, path: &str, content: &[u8]) -> Result<Applied, Refusal> {
        let applied = diff::apply(content, file).map_err(|failure| {
            let reason =
                if failure.is_ambiguous() { Reason::ContextNotUnique } else { Reason::ContextMismatch };
            let next = failure.next().map(str::to_owned);
            Refusal { next, ..Refusal::new(reason, format!("{path}: {failure}")) }
        })?;
        if u64::try_from(applied.content.len()).unwrap_or(u64::MAX) > MOST_BYTES {
            return Err(refusal(path, &Obstacle::TooLarge(MOST_BYTES)));
        }
        self.normalised.extend(applied.normalised.iter().map(|note| format!("{path}: {note}")));
        self.offsets.extend(
            applied.offsets.iter().map(|offset| FileOffset { path: path.to_owned(), offset: offset.clone() }),
        );
        Ok(applied)
    }

    /// Refusals of files that the patch also needs as directories.
    fn conflicts(&self) -> Vec<Refusal> {
        let written: BTreeSet<&str> = self
            .files
            .iter()
            .filter(|(_, tried)| tried.after.is_some())
            .map(|(path, _)| path.as_str())
            .gather();
        let is_both = |path: &&&str| ancestors(path).any(|above| written.contains(above));
        let refusal = |path: &&str| {
            Refusal::new(
                Reason::PathRefused,
                format!("{path}: the patch turns a directory above it into a file"),
            )
        };
        written.iter().filter(is_both).map(refusal).collect()
    }

    fn changes(&self) -> Vec<Change> {
        let is_same = |tried: &Tried| match (&tried.before, &tried.after) {
            (None, None) => true,
            (Some(before), Some(after)) => {
                before.content == after.content && after.permission == Permission::Exact(before.mode)
            }
            _ => false,
        };
        let change = |(path, tried): (&String, &Tried)| Change {
            path: path.clone(),
            before: tried.before.clone(),
            after: tried.after.clone(),
        };
        self.files.iter().filter(|(_, tried)| !is_same(tried)).map(change).collect()
    }
}

fn only_adds(file: &FilePatch) -> bool {
    match file.hunks.as_slice() {
        [hunk] => {
            hunk.lines.iter().all(|line| line.side == Side::Added)
                && hunk.old_start.is_none_or(|start| start <= 1)
        }
        _ => false,
    }
}

fn changed(source: &After, content: Vec<u8>, file: &FilePatch) -> After {
    let permission = match (source.permission, file.executable) {
        (permission, None) => permission,
        (Permission::Exact(mode), Some(true)) => Permission::Exact(mode | ((mode & 0o444) >> 2)),
        (Permission::Exact(mode), Some(false)) => Permission::Exact(mode & !0o111),
        (Permission::New { .. }, Some(executable)) => Permission::New { executable },
    };
    After { content, permission }
}

/// Refuses a file that may not be changed, whatever it contains.
pub(super) fn judge(project: &Project, path: &str) -> Result<(), Refusal> {
    match project.refuses_change(path) {
        Some(why) => Err(Refusal::new(Reason::PathRefused, format!("{path}: {why}"))),
        None => Ok(()),
    }
}

/// The refusal that reports an obstacle at a path.
pub(super) fn refusal(path: &str, obstacle: &Obstacle) -> Refusal {
    let reason = match obstacle {
        Obstacle::Link(_)
        | Obstacle::Above(_)
        | Obstacle::NotDirectory(_)
        | Obstacle::Directory
        | Obstacle::Special => Reason::PathRefused,
        Obstacle::TooLarge(_) => Reason::FileTooLarge,
        Obstacle::Changed => Reason::FileChanged,
        Obstacle::Foreign | Obstacle::Io(_) => Reason::WriteFailed,
    };
    let what = match obstacle {
        Obstacle::Link(at) if at == path => "it is a symbolic link".to_owned(),
        other => other.to_string(),
    };
    Refusal::new(reason, format!("{path}: {what}"))
}

/// The directories above a path, nearest first.
pub(super) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(path.rsplit_once('/'), |(above, _)| above.rsplit_once('/')).map(|(above, _)| above)
}

/// Directories to create, parents first, and to remove if they are left empty, children first.
type Directories = (Vec<(String, Option<u32>)>, Vec<(String, u32)>);

fn directories(tree: &Tree, changes: &[Change]) -> Directories {
    let of = |written: bool| -> BTreeSet<&str> {
        let paths = changes.iter().filter(|change| change.after.is_some() == written);
        paths.flat_map(|change| ancestors(&change.path)).gather()
    };
    let make = of(true).into_iter().filter(|path| matches!(tree.directory_mode(path), Ok(None)));
    let prune = of(false)
        .into_iter()
        .rev()
        .filter_map(|path| Some((path.to_owned(), tree.directory_mode(path).ok()??)));
    (make.map(|path| (path.to_owned(), None)).collect(), prune.collect())
}

/// Refusals of directories that may not be written to.
fn unwritable(tree: &Tree, changes: &[Change]) -> Vec<Refusal> {
    let above = |change: &Change| {
        let nearest = ancestors(&change.path).find(|path| matches!(tree.directory_mode(path), Ok(Some(_))));
        nearest.unwrap_or_default().to_owned()
    };
    let directories: BTreeSet<String> = changes.iter().map(above).gather();
    let closed = directories.iter().filter(|path| !tree.is_writable(path));
    closed.map(|path| Refusal::new(Reason::WriteFailed, format!("`{path}` may not be written to"))).collect()
}

/// Characters of a patch that the log keeps beside its digest.
const MOST_CHARS: usize = 40_000;

impl Work<'_> {
    /// The parts of a patch that the log keeps.
    ///
    /// # Errors
    ///
    /// The run accepts only an approved change, and the patch is another one.
    pub(super) fn told(
        &self,
        run: &Belonging,
        request: &PatchRequest,
        patch: &Patch,
        planned: &Planned,
        tree: &Tree,
    ) -> Result<PatchRecord, Refusal> {
        let masker = self.kit.config.masker().map_err(|error| Refusal::new(Reason::LogUnavailable, error))?;
        let shown = masker.mask(&request.patch).text;
        let given = Given {
            work: self,
            planned,
            tree,
            lines: self.at_root(diff::changed_lines(patch)),
            // The approved text was masked before it was shown.
            masked: (shown != request.patch.as_str())
                .then(|| diff::parse(&shown).ok().map(|patch| self.at_root(diff::changed_lines(&patch))))
                .flatten(),
        };
        let all = run.run.approved_changes();
        let approved = all.iter().find(|change| given.is(change));
        match &run.gate {
            Gate::Any => {}
            Gate::Approved(wanted) => {
                if approved.is_none() {
                    return Err(refused(run.run.differs(wanted, &given.difference(wanted.last()))));
                }
            }
        }
        let patch = head(&shown, MOST_CHARS).to_owned();
        Ok(PatchRecord { patch: Some(patch), approved_by: approved.map(|change| change.request.clone()) })
    }

    /// The changed lines with names relative to the project's root; files of other roots are left out.
    fn at_root(&self, lines: Changed) -> Changed {
        let prefix = match self.base.root == *self.kit.config.root() {
            true => String::new(),
            false if self.kit.config.root().canonicalize().is_ok_and(|root| root == self.base.root) => {
                String::new()
            }
            false => format!("{}/", self.base.root.display()),
        };
        let named = |name: &str| format!("{prefix}{}", super::below(&self.base.prefix, name));
        lines
            .into_iter()
            .map(|(path, lines)| {
                let from = lines.from.as_deref().map(&named);
                (named(&path), ChangedLines { from, ..lines })
            })
            .collect()
    }
}

/// The patch of a call.
struct Given<'a> {
    work: &'a Work<'a>,
    planned: &'a Planned,
    tree: &'a Tree,
    lines: Changed,
    masked: Option<Changed>,
}

impl Given<'_> {
    /// True if the patch is this approved change. If the approved change applies to the current files, both
    /// must have the same result: the same lines at another place are another change. If it does not apply,
    /// for example because a line above was edited, the changed lines are compared.
    fn is(&self, approved: &ApprovedChange) -> bool {
        let Ok(patch) = diff::parse(&approved.diff) else { return false };
        let lines = diff::changed_lines(&patch);
        if let Some(masked) = &self.masked {
            return *masked == lines;
        }
        let base = self.work.project.base(None);
        let expected = base.map(|base| plan(self.work.project, &base, self.tree, &patch));
        match (expected.as_ref().ok().and_then(Planned::result), self.planned.result()) {
            (Some(expected), Some(given)) => expected == given,
            (None, _) | (_, None) => lines == self.lines,
        }
    }

    /// Describes the difference in a few words.
    fn difference(&self, approved: Option<&ApprovedChange>) -> String {
        let wanted = approved.and_then(ApprovedChange::lines).unwrap_or_default();
        let size = |lines: &ChangedLines| format!("+{} -{}", lines.added.len(), lines.removed.len());
        let given = self.masked.as_ref().unwrap_or(&self.lines);
        let more = given.iter().filter_map(|(path, lines)| match wanted.get(path) {
            None => Some(format!("{path} is not in it")),
            Some(known) if known != lines => {
                Some(format!("{path}: {}, approved was {}", size(lines), size(known)))
            }
            Some(_) => None,
        });
        let missing = wanted.keys().filter(|path| !given.contains_key(*path));
        let missing = missing.map(|path| format!("{path} is missing"));
        let all: Vec<String> = more.chain(missing).collect();
        match all.as_slice() {
            [] => "the lines are the same, but in another place".to_owned(),
            all => all.join("; "),
        }
    }
}
