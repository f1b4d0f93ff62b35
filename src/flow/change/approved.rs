//! Comparison of a patch with the change that a human approved.

use super::Told;
use super::plan::{Planned, plan};
use super::{PatchRequest, Work};
use crate::domain::change::{Reason, Refusal};
use crate::domain::diff::{self, Changed, ChangedLines, Patch};
use crate::domain::workflow::{ApprovedChange, Gate};
use crate::flow::note::{Belonging, refused};
use crate::host::change::Tree;

/// Characters of a patch that the log holds beside its digest.
const MOST_CHARS: usize = 40_000;

impl Work<'_> {
    /// Returns what the log holds of a patch.
    ///
    /// # Errors
    ///
    /// It is not the approved change, where only that may be applied.
    pub(super) fn told(
        &self,
        run: &Belonging,
        request: &PatchRequest,
        patch: &Patch,
        planned: &Planned,
        tree: &Tree,
    ) -> Result<Told, Refusal> {
        let masker = self.session.masker().map_err(|error| Refusal::new(Reason::LogUnavailable, error))?;
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
        let patch: String = shown.chars().take(MOST_CHARS).collect();
        Ok(Told { patch: Some(patch), approved_by: approved.map(|change| change.request.clone()) })
    }

    /// The changed lines by their names below the project's root; files of other roots are left out.
    fn at_root(&self, lines: Changed) -> Changed {
        let prefix = match self.base.root == *self.session.root() {
            true => String::new(),
            false if self.session.root().canonicalize().is_ok_and(|root| root == self.base.root) => {
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

/// A patch that was handed in.
struct Given<'a> {
    work: &'a Work<'a>,
    planned: &'a Planned,
    tree: &'a Tree,
    lines: Changed,
    masked: Option<Changed>,
}

impl Given<'_> {
    /// True if it is an approved change. Where that applies to the files as they are, both must make
    /// the same of them: the same lines elsewhere are another change. Where it does not, for example
    /// since a line above was edited, the lines decide.
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

    /// Returns where it differs, in a few words.
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
            [] => "the same lines in another place".to_owned(),
            all => all.join("; "),
        }
    }
}
