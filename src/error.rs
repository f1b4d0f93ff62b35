//! Everything that can go wrong, each with a stable code, the next step, and whether trying again
//! can help.

mod approval;
mod code;
mod exit;
pub(crate) mod hint;
mod note;
pub(crate) mod reference;
mod retry;

use std::time::Duration;

use thiserror::Error;

pub use approval::ApprovalProblem;
pub(crate) use code::outcome;
pub use note::ErrorNote;

use crate::domain::budget::Short;
use crate::domain::calibrate::failure::OracleUnusable;
use crate::domain::cap::Passed;
use crate::domain::vote::failure::NoWinner;
use crate::domain::workflow::Refusal;
use crate::host::store::StoreError;
use crate::provider::failure::CliFailure;

/// An error of a tool or a sub-command.
#[derive(Clone, Debug, Error)]
pub enum Error {
    /// Arguments that do not fit the tool's schema.
    #[error("{0}")]
    InvalidArguments(String),
    /// A name that nothing goes by.
    #[error("there is no {kind} `{name}`")]
    Unknown {
        /// What was looked for, for example `provider`.
        kind: &'static str,
        /// The name as given.
        name: String,
        /// What there is, nearest first.
        available: Vec<String>,
    },
    /// A part of a name that several go by.
    #[error("several {kind}s have `{part}` in their ids")]
    Ambiguous {
        /// What was looked for, for example `request`.
        kind: &'static str,
        /// The part as given.
        part: String,
        matches: Vec<String>,
    },
    /// A provider that is switched off.
    #[error("the provider `{0}` is switched off")]
    ProviderDisabled(String),
    /// A command that is not on this machine.
    #[error("the command `{command}` of the provider `{provider}` was not found")]
    CliNotFound {
        /// The provider.
        provider: String,
        /// Its command.
        command: String,
        /// Providers that are there.
        installed: Vec<String>,
    },
    /// A command that is there and cannot be started.
    #[error("{program} of the provider `{provider}` cannot be started: {reason}")]
    CliNotExecutable {
        /// The provider.
        provider: String,
        /// Its program.
        program: String,
        reason: String,
    },
    /// The sandbox is required and this machine has none.
    #[error("`sandbox: required` is set, but the sandbox is not available: {0}")]
    NoSandbox(String),
    /// Something on this machine that a sub-command needs.
    #[error("{reason}")]
    Setup { reason: String, hint: String },
    /// Nobody is there to be asked.
    #[error("no provider can be asked")]
    NoProvider,
    /// Only rules are there, and they would repeat themselves.
    #[error(
        "no model can be asked: the understudy answers by rules, and rules that repeat themselves are no votes and measure nothing"
    )]
    NoVoter,
    /// Configuration that the call depends on and that could not be used.
    #[error("the configuration could not be used: {}", .0.join("; "))]
    ConfigInvalid(Vec<String>),
    /// A prompt that is longer than the CLI takes.
    #[error("the prompt must have at most {limit} {unit} for {provider} (got {actual})")]
    PromptTooLong {
        /// The provider.
        provider: String,
        limit: usize,
        actual: usize,
        /// `characters` or `bytes`.
        unit: &'static str,
    },
    /// The time that the call had is over.
    #[error("{provider} did not answer within {} s{}", .after.as_secs(), and_said(.said))]
    Timeout {
        /// The provider.
        provider: String,
        /// The time it had.
        after: Duration,
        /// What it said meanwhile, if it said anything.
        said: String,
    },
    /// The CLI began to write and then fell silent.
    #[error("{provider} began to answer and then was silent for {} s{}", .after.as_secs(), and_said(.said))]
    Stalled {
        /// The provider.
        provider: String,
        after: Duration,
        /// What it said before, if it said anything.
        said: String,
    },
    /// The CLI wrote more than a call may hold.
    #[error("{provider} wrote more than {limit} bytes")]
    OutputTooLarge {
        /// The provider.
        provider: String,
        /// The limit in bytes.
        limit: u64,
    },
    #[error("{provider}: {failure}")]
    Cli {
        /// The provider.
        provider: String,
        failure: CliFailure,
        /// Others that are installed and may be asked instead.
        others: Vec<String>,
    },
    /// A server that a consultant started was asked to consult.
    #[error("this server runs inside a consultant, and a consultant does not consult")]
    NestedConsult,
    /// An answer of a human that does not count.
    #[error("{0}")]
    RequestState(String),
    /// The caller took the call back.
    #[error("the call was cancelled")]
    Cancelled,
    /// The server is going down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// More calls are waiting than the server holds.
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
    /// A vote that nobody won.
    #[error("{0}")]
    Vote(NoWinner),
    /// A command that cannot tell right answers from wrong ones.
    #[error("{0}")]
    Oracle(OracleUnusable),
    /// A shipped or replaced document that could not be used.
    #[error("{name}: {reason}")]
    Document {
        /// The document.
        name: String,
        reason: String,
    },
    /// A run does not do what it is asked to.
    #[error("{0}")]
    Workflow(Refusal),
    /// The consults of a run or a stage are used up.
    #[error("{}", short(.0))]
    BudgetExhausted(Short),
    /// Consults would pass a cap on spending.
    #[error("{}", passed(.0))]
    CapReached(Box<Passed>),
    /// Money is capped, and nobody knows what a provider costs.
    #[error("a cap in dollars is set, but no price is known for {}", priceless(.provider, .model))]
    PriceUnknown {
        /// The provider.
        provider: String,
        /// Its model; empty where the CLI chooses.
        model: String,
    },
    /// The log of the project cannot be used.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The sealed state of a dialog, or a decision, does not belong to what is asked.
    #[error("{0}")]
    Approval(#[from] ApprovalProblem),
    /// A defect of Maestro itself.
    #[error("internal error: {0}")]
    Internal(String),
}

fn and_said(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!("; it said: {said}") }
}

fn passed(passed: &Passed) -> String {
    let Passed { standing, wanted, .. } = passed;
    format!(
        "the cap on {} is {}: {} are spent, {} under way, and what is wanted may take {wanted}",
        standing.cap.words(),
        standing.limit,
        standing.spent,
        standing.reserved
    )
}

fn priceless(provider: &str, model: &str) -> String {
    if model.is_empty() { provider.to_owned() } else { format!("{provider}'s {model}") }
}

/// What is used up, or what does not reach.
fn short(short: &Short) -> String {
    let Short { of, limit, used, wanted, .. } = short;
    if used >= limit {
        return format!("the consults of {of} are used up: {used} of {limit}, and {wanted} more wanted");
    }
    format!(
        "the consults of {of} do not reach: {} of {limit} are left, and {wanted} were wanted",
        limit - used
    )
}
