//! The project's checks, run in a copy of the project.

use std::sync::Arc;

use super::plan::{self, Hold, Kept, Plan};
use super::policy::load;
use super::run;
use super::{CheckResult, Entry, MOST_CHECKS, VerifyRequest};
use crate::error::Error;
use crate::flow::off_thread::off_thread;
use crate::flow::progress::Progress;
use crate::flow::session::Session;
use crate::host::project::Project;

/// The checks of a request as entries that name their commands, as they are found in the project
/// itself: a copy that was changed has no say in what it is held against.
///
/// # Errors
///
/// The rules cannot be used, nothing is found, or a rule refuses a command.
pub(in crate::flow) async fn settled(session: &Session, request: VerifyRequest) -> Result<Vec<Entry>, Error> {
    let planning = session.clone();
    let plan = off_thread(move || plan::plan(&planning, &request)).await??;
    let invalid = |problem: String| Err(Error::InvalidArguments(problem));
    if plan.checks.is_empty() {
        return invalid(
            "verify is empty, and the project has no checks of its own that could be found".to_owned(),
        );
    }
    if plan.checks.len() > MOST_CHECKS {
        return invalid(format!("verify must have at most {MOST_CHECKS} checks (got {})", plan.checks.len()));
    }
    let mut entries = Vec::new();
    for check in plan.checks {
        match &check.verdict {
            Some(Ok(_)) => {}
            Some(Err(refused)) => {
                let (rule, reason) = (&refused.rule, &refused.reason);
                return invalid(format!("verify: `{}` is refused by rule `{rule}`: {reason}", check.command));
            }
            None => return invalid("verify: the project has no such check that could be found".to_owned()),
        }
        entries.push(Entry {
            command: Some(check.command),
            kind: Some(check.kind),
            timeout_sec: Some(check.timeout.as_secs()),
            cwd: Some(check.cwd_shown),
            ..Entry::default()
        });
    }
    Ok(entries)
}

/// Runs checks in a copy, one after the other, all of them. Nothing is recorded: they say nothing of
/// the project as it is.
///
/// # Errors
///
/// The rules cannot be used, or a directory is not in the copy.
pub(in crate::flow) async fn verify_copy(
    session: &Session,
    copy: Arc<Project>,
    entries: Vec<Entry>,
    hold: Hold,
    progress: &Progress,
) -> Result<Vec<CheckResult>, Error> {
    let planning = session.clone();
    let request = VerifyRequest { entries, ..VerifyRequest::default() };
    let plan = off_thread(move || plan::plan_in(planning.environment(), &copy, load(&planning)?, &request))
        .await??;
    let plan = Plan { kept: Kept::Nothing, hold: Some(hold), ..plan };
    let room = run::room(plan.checks.len());
    Ok(super::in_order(session, &plan, room, false, progress).await)
}
