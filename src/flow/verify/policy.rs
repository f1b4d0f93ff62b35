//! The rules in force: ours or the user's, and the project's as far as a person has confirmed them.

use serde::Serialize;

use crate::domain::rule::RuleError;
use crate::domain::verification::policy::{Policy, ProjectState};
use crate::domain::verification::rules::{ProjectRules, VerificationRules};
use crate::error::Error;
use crate::flow::session::Session;
use crate::host::library::{BUILT_IN, Base, Document};
use crate::host::trust::{PROJECT_FILE, Trust, project_rules};

const DOCUMENT: &str = "conf/verification.yaml";

/// Which rules were in force.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyNote {
    /// Where they come from: `built in`, or the user's file.
    pub origin: String,
    /// What the project adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectNote>,
}

/// What a project adds to the rules.
#[derive(Clone, Debug, Serialize)]
pub struct ProjectNote {
    /// The file.
    pub file: &'static str,
    /// `confirmed`, `unconfirmed`, `changed` or `unusable`.
    pub state: &'static str,
    /// Its rules and their commands.
    pub adds: Vec<String>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The rules, ready to judge, and what a result says of them.
pub(super) type Loaded = (VerificationRules, Policy, PolicyNote);

/// Reads and compiles the rules. Blocks.
pub(super) fn load(session: &Session) -> Result<Loaded, Error> {
    let document = document(session)?;
    let invalid =
        |error: RuleError| Error::Document { name: document.origin.clone(), reason: error.to_string() };
    let rules = VerificationRules::from_yaml(&document.text).map_err(invalid)?;
    let make = || Policy::new(&rules).map_err(invalid);
    let policy = make()?;
    if document.origin != BUILT_IN {
        policy.check(&rules).map_err(invalid)?;
    }
    let mut note = PolicyNote { origin: document.origin.clone(), project: None };
    let Some((project, state)) = project_note(session) else { return Ok((rules, policy, note)) };
    let policy = match state {
        Some((added, state)) => match policy.with_project(&added, state) {
            Ok(policy) => policy,
            Err(error) => {
                note.project = Some(unusable(&project, &error.to_string()));
                return Ok((rules.clone(), make()?, note));
            }
        },
        None => policy,
    };
    note.project = Some(project);
    Ok((rules, policy, note))
}

/// The rules: the user's file or ours. A project's file never replaces them.
fn document(session: &Session) -> Result<Document, Error> {
    let path = std::path::Path::new(DOCUMENT);
    let found =
        [Base::User, Base::Embedded].into_iter().find_map(|base| session.library().read_at(base, path));
    let invalid = |reason: String| Error::Document { name: DOCUMENT.to_owned(), reason };
    found.ok_or_else(|| invalid("it is missing".to_owned()))?.map_err(|error| invalid(error.to_string()))
}

/// What the project adds and what that is worth; nothing where it adds nothing.
#[must_use]
pub fn project_note(session: &Session) -> Option<(ProjectNote, Option<(ProjectRules, ProjectState)>)> {
    let empty = ProjectNote { file: PROJECT_FILE, state: "unconfirmed", adds: Vec::new(), problem: None };
    let bytes = match project_rules(session.root()) {
        Ok(None) => return None,
        Ok(Some(bytes)) => bytes,
        Err(error) => return Some((unusable(&empty, &error.to_string()), None)),
    };
    let parsed = String::from_utf8(bytes.clone()).map_err(|error| error.to_string());
    let parsed = parsed.and_then(|text| ProjectRules::from_yaml(&text).map_err(|error| error.to_string()));
    let rules = match parsed {
        Ok(rules) => rules,
        Err(problem) => return Some((unusable(&empty, &problem), None)),
    };
    let trust = Trust::of(session.environment());
    let state = trust.map_or(ProjectState::Unconfirmed, |trust| trust.state(session.root(), &bytes));
    let name = match state {
        ProjectState::Confirmed => "confirmed",
        ProjectState::Unconfirmed => "unconfirmed",
        ProjectState::Changed => "changed",
    };
    Some((ProjectNote { state: name, adds: rules.described(), ..empty }, Some((rules, state))))
}

fn unusable(note: &ProjectNote, problem: &str) -> ProjectNote {
    ProjectNote { state: "unusable", problem: Some(problem.to_owned()), ..note.clone() }
}
