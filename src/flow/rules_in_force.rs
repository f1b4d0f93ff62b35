//! The rules that judge checks: the user's or ours, with those that a project adds.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::domain::rule::{RuleError, RuleFile as _};
use crate::domain::verification::policy::{Policy, ProjectState};
use crate::domain::verification::rules::{ProjectRules, VerificationRules};
use crate::error::Error;
use crate::host::library::{BUILT_IN, Document, Library};
use crate::host::trust::Trust;

const DOCUMENT: &str = "conf/verification.yaml";

/// The project's rules, relative to its root.
const PROJECT_FILE: &str = ".maestro/verification.yaml";

/// Maximum number of rules that are compiled before the user has confirmed them.
const MOST_UNCONFIRMED: usize = 50;

#[derive(Clone, Debug, Serialize)]
pub struct PolicyNote {
    /// Their origin: `built in`, or the user's file.
    pub origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectNote>,
}

/// Rules that a project adds.
#[derive(Clone, Debug, Serialize)]
pub struct ProjectNote {
    pub file: &'static str,
    /// `confirmed`, `unconfirmed`, `changed` or `unusable`.
    pub state: &'static str,
    /// Its rules and their commands.
    pub adds: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Rules that are ready to judge, and the note on them in a result.
pub(super) struct InForce {
    sources: Sources,
    pub(super) rules: VerificationRules,
    pub(super) policy: Policy,
    pub(super) note: PolicyNote,
}

/// The sources of the rules.
#[derive(PartialEq, Eq)]
struct Sources {
    document: Document,
    /// The project's file, or why it cannot be read.
    project: Result<Option<String>, String>,
    state: ProjectState,
}

/// Cache of the rules in force, valid while their sources stay the same.
#[derive(Default)]
pub(super) struct LastInForce(Mutex<Option<Arc<InForce>>>);

impl LastInForce {
    /// The current rules. Their sources are read at every call, and compiled if they have changed.
    pub(super) fn look(&self, library: &Library) -> Result<Arc<InForce>, Error> {
        let sources = Sources::read(library)?;
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = last.as_ref().filter(|known| known.sources == sources) {
            return Ok(known.clone());
        }
        let in_force = Arc::new(InForce::compile(sources)?);
        *last = Some(in_force.clone());
        Ok(in_force)
    }
}

impl Sources {
    fn read(library: &Library) -> Result<Self, Error> {
        // A project's file never replaces them.
        let document = library
            .of_user_or_ours(DOCUMENT)
            .map_err(|error| Error::Document { name: DOCUMENT.to_owned(), reason: error.to_string() })?;
        let (project, state) = of_project(library);
        Ok(Self { document, project, state })
    }
}

impl InForce {
    fn compile(sources: Sources) -> Result<Self, Error> {
        let document = &sources.document;
        let invalid =
            |error: RuleError| Error::Document { name: document.origin.clone(), reason: error.to_string() };
        let rules = VerificationRules::from_yaml(&document.text).map_err(invalid)?;
        let make = || Policy::new(&rules).map_err(invalid);
        let mut policy = make()?;
        if document.origin != BUILT_IN {
            policy.check(&rules).map_err(invalid)?;
        }
        let mut note = PolicyNote { origin: document.origin.clone(), project: None };
        if let Some((project, added)) = described(&sources.project, sources.state) {
            note.project = Some(project);
            if let Some(added) = added {
                policy = match policy.with_project(&added, sources.state) {
                    Ok(policy) => policy,
                    Err(error) => {
                        note.project = note.project.map(|project| unusable(&project, &error.to_string()));
                        make()?
                    }
                };
            }
        }
        Ok(Self { sources, rules, policy, note })
    }
}

/// The project's file, and how far it is trusted.
fn of_project(library: &Library) -> (Result<Option<String>, String>, ProjectState) {
    let layer = library.layer();
    let state = match layer.standing {
        Trust::Trusted => ProjectState::Confirmed,
        Trust::Unconfirmed => ProjectState::Unconfirmed,
        Trust::Changed => ProjectState::Changed,
    };
    let found = Library::of_layer(&layer, DOCUMENT).transpose();
    (found.map(|found| found.map(|found| found.text)).map_err(|error| error.to_string()), state)
}

/// The rules that the project adds, and their standing; `None` if it adds none.
pub fn project_note(library: &Library) -> Option<ProjectNote> {
    let (project, state) = of_project(library);
    described(&project, state).map(|(note, _)| note)
}

fn described(
    project: &Result<Option<String>, String>,
    state: ProjectState,
) -> Option<(ProjectNote, Option<ProjectRules>)> {
    let empty = ProjectNote { file: PROJECT_FILE, state: "unconfirmed", adds: Vec::new(), problem: None };
    let text = match project {
        Ok(None) => return None,
        Ok(Some(text)) => text,
        Err(error) => return Some((unusable(&empty, error), None)),
    };
    let rules = match ProjectRules::from_yaml(text) {
        Ok(rules) => rules,
        Err(problem) => return Some((unusable(&empty, &problem.to_string()), None)),
    };
    if state != ProjectState::Confirmed && rules.described().len() > MOST_UNCONFIRMED {
        let problem =
            format!("it has more than {MOST_UNCONFIRMED} rules, which are looked at once they are confirmed");
        return Some((unusable(&empty, &problem), None));
    }
    let name = match state {
        ProjectState::Confirmed => "confirmed",
        ProjectState::Unconfirmed => "unconfirmed",
        ProjectState::Changed => "changed",
    };
    Some((ProjectNote { state: name, adds: rules.described(), ..empty }, Some(rules)))
}

fn unusable(note: &ProjectNote, problem: &str) -> ProjectNote {
    ProjectNote { state: "unusable", problem: Some(problem.to_owned()), ..note.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "rules:\n- name: own\n  type: custom\n  commands: [./a.sh]\n  match: [./a.sh]\n  not_match: [./b.sh]\n";

    #[test]
    fn rules_are_compiled_once_and_every_change_of_their_files_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let (home, root) = (directory.path().join("home"), directory.path().join("project"));
        std::fs::create_dir_all(root.join(".maestro")).unwrap();
        std::fs::create_dir_all(&home).unwrap();
        let (library, last_in_force) =
            (Library::new(Some(home.clone()), Some(root.clone())), LastInForce::default());
        let again = || last_in_force.look(&library).unwrap();
        let first = again();
        assert!(first.note.project.is_none());
        assert!(Arc::ptr_eq(&first, &again()));
        let file = root.join(PROJECT_FILE);
        let mut last = first;
        for text in [RULES, "rules: []\n", "not: rules\n"] {
            std::fs::write(&file, text).unwrap();
            let next = again();
            assert!(!Arc::ptr_eq(&last, &next), "{text}");
            assert!(Arc::ptr_eq(&next, &again()), "{text}");
            assert!(next.note.project.is_some(), "{text}");
            last = next;
        }
        std::fs::write(&file, RULES).unwrap();
        let before = again();
        library.confirm(&library.layer().hash()).unwrap();
        let confirmed = again();
        assert!(!Arc::ptr_eq(&before, &confirmed));
        assert_eq!(confirmed.note.project.as_ref().unwrap().state, "confirmed");
        std::fs::write(&file, format!("{RULES}# more\n")).unwrap();
        assert_eq!(again().note.project.as_ref().unwrap().state, "changed");
        std::fs::remove_file(&file).unwrap();
        assert!(again().note.project.is_none());
        std::fs::write(home.join("verification.yaml"), "nonsense: 1\n").unwrap();
        assert!(last_in_force.look(&library).is_err());
        std::fs::remove_file(home.join("verification.yaml")).unwrap();
        assert!(last_in_force.look(&library).is_ok());
    }
}
