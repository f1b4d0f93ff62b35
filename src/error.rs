//! Everything that can go wrong, each with a stable code, the next step, and whether trying again
//! can help.

pub(crate) mod reference;

use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use crate::domain::budget::{BudgetExceeded, CapExceeded};
use crate::domain::calibrate::OracleUnusable;
use crate::domain::change;
use crate::domain::cut::cut;
use crate::domain::decision::Contradiction;
use crate::domain::vote::NoWinner;
use crate::domain::workflow::Refusal;
use crate::host::human::NoPerson;
use crate::host::store::StoreError;
use crate::provider::failure::{CliFailure, Fact};

/// An error of a tool or a sub-command.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Arguments that do not fit the tool's schema.
    #[error("{0}")]
    InvalidArguments(String),
    /// A name that does not exist.
    #[error("there is no {kind} `{name}`")]
    Unknown {
        /// The kind of thing, for example `provider`.
        kind: &'static str,
        /// The name as given.
        name: String,
        /// The existing names, nearest first.
        available: Vec<String>,
    },
    /// A part of an id that matches several ids.
    #[error("`{part}` is part of several {kind} ids")]
    Ambiguous {
        /// The kind of id, for example `request`.
        kind: &'static str,
        /// The part as given.
        part: String,
        matches: Vec<String>,
    },
    /// A provider that is switched off.
    #[error("the provider `{0}` is switched off")]
    ProviderDisabled(String),
    /// The command of a provider is not on this machine.
    #[error("the command `{command}` of the provider `{provider}` was not found")]
    CliNotFound {
        provider: String,
        command: String,
        /// Providers that are installed.
        installed: Vec<String>,
    },
    /// The command of a provider is there, but cannot be started.
    #[error("{program} of the provider `{provider}` cannot be started: {reason}")]
    CliNotExecutable { provider: String, program: String, reason: String },
    /// The sandbox is required and this machine has none.
    #[error("`sandbox: required` is set, but the sandbox is not available: {0}")]
    NoSandbox(String),
    /// A sub-command needs something on this machine that is missing or broken.
    #[error("{reason}")]
    Setup { reason: String, hint: String },
    /// No provider can be asked.
    #[error("no provider can be asked")]
    NoProvider,
    /// Only the understudy is available, and repeating its fixed rules gives neither votes nor a measurement.
    #[error(
        "no model is installed: the understudy answers by fixed rules, and repeating them gives no votes and no measurement"
    )]
    NoVoter,
    /// The call depends on configuration that cannot be used.
    #[error("the configuration is invalid: {}", .0.join("; "))]
    ConfigInvalid(Vec<String>),
    /// The prompt is longer than the CLI accepts.
    #[error("the prompt must be at most {limit} {unit} for {provider} (got {actual})")]
    PromptTooLong {
        provider: String,
        limit: usize,
        actual: usize,
        /// `characters` or `bytes`.
        unit: &'static str,
    },
    /// The time limit of the call passed.
    #[error("{provider} did not answer within {} s{}", .after.as_secs(), and_said(.said))]
    Timeout {
        provider: String,
        /// The time limit.
        after: Duration,
        /// Its output in the meantime, if there was any.
        said: String,
    },
    /// The CLI began to write and then wrote nothing more.
    #[error("{provider} began to answer and then was silent for {} s{}", .after.as_secs(), and_said(.said))]
    Stalled {
        provider: String,
        after: Duration,
        /// Its earlier output, if there was any.
        said: String,
    },
    /// The CLI wrote more than one call may.
    #[error("{provider} wrote more than {limit} bytes")]
    OutputTooLarge {
        provider: String,
        /// The limit in bytes.
        limit: u64,
    },
    #[error("{provider}: {failure}")]
    Cli {
        provider: String,
        failure: CliFailure,
        /// Other providers that are installed and may be asked instead.
        others: Vec<String>,
    },
    /// A server inside a consultant was asked to consult.
    #[error("this server runs inside a consultant, and a consultant does not consult")]
    NestedConsult,
    /// The returned state of a dialog is invalid, so the human's answer does not count.
    #[error("{0}")]
    RequestState(String),
    /// The caller cancelled the call.
    #[error("the call was cancelled")]
    Cancelled,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The maximum number of calls is waiting already.
    #[error("{0} calls are waiting already")]
    Busy(usize),
    /// Every candidate of an ensemble failed.
    #[error("every candidate failed: {}", .failures.join("; "))]
    EveryCandidateFailed {
        /// Each candidate's error.
        failures: Vec<String>,
        /// Providers that are installed and were not asked.
        others: Vec<String>,
    },
    /// A vote has no winner.
    #[error("{0}")]
    Vote(NoWinner),
    /// The command cannot tell right answers from wrong ones.
    #[error("{0}")]
    Oracle(OracleUnusable),
    /// A shipped document, or the user's replacement of it, cannot be used.
    #[error("{name}: {reason}")]
    Document {
        /// The document.
        name: String,
        reason: String,
    },
    /// The workflow refuses the request.
    #[error("{0}")]
    Workflow(Refusal),
    /// The consults of a run or a stage are used up.
    #[error("{}", budget_exceeded(.0))]
    BudgetExhausted(BudgetExceeded),
    /// The call could exceed a cap on spending.
    #[error("{}", cap_exceeded(.0))]
    CapReached(Box<CapExceeded>),
    /// A cap in dollars is set, and the price of a provider is unknown.
    #[error("a cap in dollars is set, but no price is known for {}", priceless(.provider, .model))]
    PriceUnknown {
        provider: String,
        /// Its model; empty if the CLI chooses.
        model: String,
    },
    /// The log of the project cannot be used.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// An approval cannot be decided this way.
    #[error("{0}")]
    Approval(#[from] ApprovalProblem),
    /// A defect of Maestro itself.
    #[error("internal error: {0}")]
    Internal(String),
}

fn and_said(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!("; it said: {said}") }
}

fn cap_exceeded(exceeded: &CapExceeded) -> String {
    let CapExceeded { standing, wanted, .. } = exceeded;
    format!(
        "the call may take {wanted}, which would pass the cap on {} ({} of {} spent, {} under way)",
        standing.cap.words(),
        standing.spent,
        standing.limit,
        standing.reserved
    )
}

fn priceless(provider: &str, model: &str) -> String {
    if model.is_empty() { provider.to_owned() } else { format!("{provider}'s {model}") }
}

/// The budget that is used up or does not suffice.
fn budget_exceeded(exceeded: &BudgetExceeded) -> String {
    let BudgetExceeded { of, limit, used, wanted, .. } = exceeded;
    if used >= limit {
        return format!(
            "the budget of {of} is used up: {used} of {limit} consults (the call needs {wanted} more)"
        );
    }
    format!(
        "the budget of {of} is too small: {} of {limit} consults are left (the call needs {wanted})",
        limit - used
    )
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum ApprovalProblem {
    /// A human must decide; a decision by the model does not count.
    #[error("a human must decide request {0}, and this client cannot ask one")]
    HumanWanted(String),
    /// No person is known to use this terminal.
    #[error("only a person may do this: {0}")]
    NoPerson(NoPerson),
    /// A command of an agent or of Maestro started this server, not a person's client.
    #[error(
        "a command of {0} started this server, and no person's client controls it: it may not decide, hand in or change anything"
    )]
    SecondServer(String),
    /// A dialog elsewhere already asks the human.
    #[error("a dialog shows request {0} to the human, and only their answer there decides it")]
    DialogOpen(String),
    /// The human did not decide.
    #[error("request {request} was not decided: {why}")]
    Undecided { request: String, why: &'static str },
    /// The model asks to skip the first stages.
    #[error("start_stage must be analyze (got {stage})")]
    LateStart { stage: &'static str, setting: String },
    /// The answers contradict the decision.
    #[error("request {request} was not decided: {}", lines(what))]
    Contradiction { request: String, what: Vec<Contradiction> },
    #[error("the report of request {0} is not the one that the human reviewed")]
    OtherReport(String),
}

fn lines(what: &[Contradiction]) -> String {
    what.iter().map(Contradiction::line).collect::<Vec<_>>().join("; ")
}

impl ApprovalProblem {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::HumanWanted(_) | Self::NoPerson(_) => "human_wanted",
            Self::SecondServer(_) => "second_server",
            Self::DialogOpen(_) => "dialog_open",
            Self::Undecided { .. } => "undecided",
            Self::OtherReport(_) => "other_report",
            Self::LateStart { .. } => "late_start",
            Self::Contradiction { .. } => "answers_contradict",
        }
    }
}

/// An error as it appears in a result.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorNote {
    pub error: String,
    /// Its stable code.
    pub code: &'static str,
    pub hint: String,
    /// True if the same call may succeed a little later.
    pub retryable: bool,
    /// End of the limit that blocks the call, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<String>,
}

impl From<&change::Refusal> for ErrorNote {
    fn from(refusal: &change::Refusal) -> Self {
        Self {
            error: refusal.message.clone(),
            code: refusal.reason.code(),
            hint: refusal
                .next
                .clone()
                .unwrap_or_else(|| reference::hint_of(refusal.reason.code()).to_owned()),
            retryable: refusal.reason.retryable(),
            resets_at: None,
        }
    }
}

/// Maximum length of an error text in characters. A text repeats input of the caller, which may be long.
const MOST_CHARS: usize = 4_000;

impl Error {
    /// A failure that no caller can cause, by the words of what failed.
    pub fn internal<E: std::fmt::Display>(error: E) -> Self {
        Self::Internal(error.to_string())
    }

    /// The error as it appears in a result.
    pub fn note(&self) -> ErrorNote {
        ErrorNote {
            error: cut(&self.to_string(), MOST_CHARS),
            code: self.code(),
            hint: self.hint(),
            retryable: self.retryable(),
            resets_at: match self {
                Self::Cli { failure, .. } => failure.resets_at.map(|at| at.to_string()),
                _ => None,
            },
        }
    }
}

/// Codes of outcomes that are not errors, but also not what the caller asked for. The result has the
/// details.
pub(crate) mod outcome {
    /// A check did not pass, or was refused.
    pub const CHECKS_FAILED: &str = "checks_failed";
    /// There was no check to run.
    pub const NOTHING_TO_VERIFY: &str = "nothing_to_verify";
    /// A stage's content is invalid.
    pub const CONTENT_INVALID: &str = "content_invalid";
    /// No candidate is good enough to be chosen.
    pub const NO_WINNER: &str = "no_winner";
    /// There is no judgement that ranks the candidates.
    pub const NO_JUDGEMENT: &str = "no_judgement";
    /// Every answer of a stage was discarded.
    pub const NO_VALID_ANSWER: &str = "no_valid_answer";
    /// No provider that was asked answered.
    pub const EVERY_CANDIDATE_FAILED: &str = "every_candidate_failed";
}

/// The code of a name that does not exist.
fn unknown(kind: &str) -> &'static str {
    match kind {
        "provider" => "unknown_provider",
        "topic" => "unknown_topic",
        "workflow" => "unknown_workflow",
        "request" => "unknown_request",
        "evidence" => "unknown_evidence",
        "thread" => "unknown_thread",
        "job" => "unknown_job",
        _ => "unknown_name",
    }
}

impl Error {
    /// The stable code, the exit code of a sub-command, and further facts. The exit code is 2 for a mistake
    /// of the caller, 3 for something missing on this machine, 4 for a failure of a CLI, 5 for a refusal
    /// by the workflow, and 1 for everything else.
    fn facts(&self) -> (&'static str, u8, &'static [Fact]) {
        use Fact::{MayHaveCost, Refusal, Transient};
        match self {
            Self::InvalidArguments(_) => ("invalid_arguments", 2, &[]),
            Self::Unknown { kind, .. } => (unknown(kind), 2, &[]),
            Self::Ambiguous { .. } => ("ambiguous_name", 2, &[]),
            Self::ProviderDisabled(_) => ("provider_disabled", 3, &[Refusal]),
            Self::CliNotFound { .. } => ("cli_not_found", 3, &[Refusal]),
            Self::NoSandbox(_) => ("no_sandbox", 3, &[]),
            Self::CliNotExecutable { .. } => ("cli_not_executable", 3, &[Refusal]),
            Self::Setup { .. } => ("setup_failed", 3, &[]),
            Self::NoProvider | Self::NoVoter => ("no_provider", 3, &[]),
            Self::ConfigInvalid(_) => ("config_invalid", 2, &[]),
            Self::PromptTooLong { .. } => ("prompt_too_long", 2, &[]),
            Self::Timeout { .. } => ("timeout", 4, &[Transient, Refusal, MayHaveCost]),
            Self::Stalled { .. } => ("stalled", 4, &[Transient, Refusal, MayHaveCost]),
            Self::OutputTooLarge { .. } => ("output_too_large", 4, &[MayHaveCost]),
            Self::Cli { failure, .. } => (failure.kind.code(), 4, failure.kind.facts().1),
            Self::NestedConsult => ("nested_consult", 1, &[]),
            Self::RequestState(_) => ("request_state_invalid", 2, &[]),
            Self::Cancelled => ("cancelled", 1, &[MayHaveCost]),
            Self::ShuttingDown => ("shutting_down", 1, &[Transient, MayHaveCost]),
            Self::Busy(_) => ("busy", 1, &[Transient]),
            Self::EveryCandidateFailed { .. } => (outcome::EVERY_CANDIDATE_FAILED, 4, &[]),
            Self::Vote(no_winner) => (no_winner.code(), 4, &[]),
            Self::Oracle(_) => ("oracle_unusable", 2, &[]),
            Self::Document { .. } => ("document_invalid", 2, &[]),
            Self::Workflow(refusal) => (refusal.code, 5, &[]),
            Self::BudgetExhausted(_) => ("budget_exhausted", 5, &[]),
            Self::CapReached(_) => ("cap_reached", 5, &[]),
            Self::PriceUnknown { .. } => ("price_unknown", 5, &[]),
            Self::Store(error) => (error.code(), 1, if error.retryable() { &[Transient] } else { &[] }),
            Self::Approval(problem) => (problem.code(), 5, &[]),
            Self::Internal(_) => ("internal", 1, &[MayHaveCost]),
        }
    }

    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        self.facts().0
    }

    /// The exit code of a sub-command that fails this way.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.facts().1)
    }

    /// True if the same call may succeed a little later.
    pub fn retryable(&self) -> bool {
        self.facts().2.contains(&Fact::Transient)
    }

    /// True if a model may have been reached before the failure, so that the call may have cost something.
    pub(crate) fn may_have_cost(&self) -> bool {
        self.facts().2.contains(&Fact::MayHaveCost)
    }

    /// True if a provider gave no answer for reasons of its own, so that another may take its place. False
    /// for a problem with the task or an answer, which every provider would share.
    pub fn is_refusal(&self) -> bool {
        self.facts().2.contains(&Fact::Refusal)
    }

    /// True if the budget of the run or a cap on spending has no room for the consult.
    pub(crate) fn is_out_of_budget(&self) -> bool {
        matches!(self, Self::BudgetExhausted(_) | Self::CapReached(_) | Self::PriceUnknown { .. })
    }
}
