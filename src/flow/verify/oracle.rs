//! A check that tells whether an answer is right, run under the rules of every check.

use std::sync::Arc;

use super::plan::{Kept, Plan, plan_in};
use super::policy::{InForce, load};
use super::run::{self, CheckResult};
use super::{Entry, VerifyRequest};
use crate::domain::calibrate::failure::OracleUnusable;
use crate::domain::verification::status::Status;
use crate::error::Error;
use crate::flow::off_thread::off_thread;
use crate::flow::progress::Progress;
use crate::flow::session::Session;
use crate::host::exhibit::{EXAMPLE, Exhibit};

/// Placeholder for the answer's file in a command.
const PLACEHOLDER: &str = "{answer}";

/// Characters of the oracle's output that a verdict may quote.
const ROOM: usize = 2_400;

/// A command that is permitted and gets answers to judge.
pub struct Oracle {
    command: String,
    rules: Arc<InForce>,
}

/// Verdict of an oracle on an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The command passed.
    Right,
    /// It did not, with its status in a line.
    Wrong(String),
    /// It failed by itself, which says nothing of the answer.
    Broken(String),
}

impl Oracle {
    /// An oracle by its command, which is judged before any answer is there.
    ///
    /// # Errors
    ///
    /// No rule permits the command, or the rules cannot be used.
    pub async fn new(session: &Session, command: &str) -> Result<Self, Error> {
        let loading = session.clone();
        let rules = off_thread(move || load(&loading)).await??;
        let oracle = Self { command: command.to_owned(), rules };
        let plan = oracle.plan(session, EXAMPLE, "").await?;
        let refused = plan.checks.iter().find_map(|check| match &check.verdict {
            Some(Ok(_)) => None,
            Some(Err(refused)) => Some(format!("refused by rule `{}`: {}", refused.rule, refused.reason)),
            None => Some("there is no command".to_owned()),
        });
        match refused {
            None => Ok(oracle),
            Some(reason) => Err(oracle.unusable(reason)),
        }
    }

    /// Gives the command one answer: on its standard input, and as a file whose path stands for
    /// `{answer}`. What it finds is no verification of the project, so it is not recorded as one.
    ///
    /// # Errors
    ///
    /// The command could not be run.
    pub async fn judge(
        &self,
        session: &Session,
        answer: &str,
        progress: &Progress,
    ) -> Result<Verdict, Error> {
        let (root, text) = (session.root().to_owned(), answer.to_owned());
        let exhibit = off_thread(move || Exhibit::new(&root, &text)).await?;
        let exhibit = exhibit
            .map_err(|error| self.unusable(format!("the answer cannot be put into a file: {error}")))?;
        let plan = self.plan(session, &exhibit.path(), answer).await?;
        let Some(check) = plan.checks.first() else {
            return Err(self.unusable("there is no command".to_owned()));
        };
        let result = run::run(session, &plan, check, ROOM, progress).await;
        self.read(&result)
    }

    fn read(&self, result: &CheckResult) -> Result<Verdict, Error> {
        let note = || result.metadata.note.clone().unwrap_or_default();
        match result.status {
            Status::Passed => Ok(Verdict::Right),
            Status::Error if result.exit_code.is_none() => Err(self.unusable(note())),
            Status::Failed | Status::Error => Ok(match own_error(result) {
                Some(why) => Verdict::Broken(why),
                None => Verdict::Wrong(result.in_a_line()),
            }),
            Status::CompileError | Status::TimedOut | Status::Crashed | Status::OutputTooLarge => {
                Ok(Verdict::Broken(result.in_a_line()))
            }
            Status::NoTests => Err(self.unusable("it ran no test".to_owned())),
            Status::NotFound | Status::Refused | Status::NothingToRun | Status::Skipped => {
                Err(self.unusable(note()))
            }
        }
    }

    /// The command for one answer, judged by the rules.
    async fn plan(&self, session: &Session, path: &str, answer: &str) -> Result<Plan, Error> {
        let entry = Entry { command: Some(self.command.replace(PLACEHOLDER, path)), ..Entry::default() };
        let request = VerifyRequest { entries: vec![entry], ..VerifyRequest::default() };
        let (planning, rules) = (session.clone(), Arc::clone(&self.rules));
        let mut plan =
            off_thread(move || plan_in(planning.environment(), &*planning.project()?, rules, &request))
                .await??;
        plan.kept = Kept::Nothing;
        for check in &mut plan.checks {
            answer.as_bytes().clone_into(&mut check.stdin);
        }
        Ok(plan)
    }

    /// The error of a command that failed by itself instead of judging.
    pub fn broken(&self, times: u32, why: &str) -> Error {
        self.unusable(format!(
            "it failed by itself on {times} answers, which is no verdict. The first time: {why}"
        ))
    }

    fn unusable(&self, reason: String) -> Error {
        Error::Oracle(OracleUnusable { command: self.command.clone(), reason })
    }
}

/// Why a command failed by itself: by convention 1 says "wrong", and an assertion does; another code or an
/// exception is an error of its own.
fn own_error(result: &CheckResult) -> Option<String> {
    const WRONG: i32 = 1;
    let stderr = result.stderr.trim();
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let asserts = last.contains("AssertionError") || last.contains("assertion");
    let raised = stderr.contains("Traceback (most recent call last)")
        || stderr.contains("node:internal/")
        || stderr.contains("panicked at");
    match result.exit_code {
        Some(WRONG) if !raised || asserts => None,
        Some(WRONG) => Some(format!("{}: {last}", result.in_a_line())),
        Some(code) => Some(format!(
            "{}: exit code {code} is no verdict (0 is right, 1 is wrong): {last}",
            result.in_a_line()
        )),
        None => Some(result.in_a_line()),
    }
}
