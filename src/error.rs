//! Everything that can go wrong, each with a stable code, the next step, and whether trying again
//! can help.

use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

use crate::domain::budget::Short;
use crate::domain::calibrate::failure::OracleUnusable;
use crate::domain::change;
use crate::domain::vote::failure::NoWinner;
use crate::domain::workflow::Refusal;
use crate::host::human::NoPerson;
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
        /// Whose ids hold it.
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
        /// What the system said.
        reason: String,
    },
    /// Something on this machine that a sub-command needs.
    #[error("{reason}")]
    Setup {
        /// What is wrong.
        reason: String,
        /// What to do about it.
        hint: String,
    },
    /// Nobody is there to be asked.
    #[error("no provider can be asked")]
    NoProvider,
    /// Configuration that the call depends on and that could not be used.
    #[error("the configuration could not be used: {}", .0.join("; "))]
    ConfigInvalid(Vec<String>),
    /// A prompt that is longer than the CLI takes.
    #[error("the prompt has {actual} {unit}, and {provider} takes at most {limit}")]
    PromptTooLong {
        /// The provider.
        provider: String,
        /// What it takes.
        limit: usize,
        /// What it was given.
        actual: usize,
        /// `characters` or `bytes`.
        unit: &'static str,
    },
    /// The time that the call had is over.
    #[error("{provider} did not answer within {} s", .after.as_secs())]
    Timeout {
        /// The provider.
        provider: String,
        /// The time it had.
        after: Duration,
    },
    /// The CLI began to write and then fell silent.
    #[error("{provider} began to answer and then was silent for {} s", .after.as_secs())]
    Stalled {
        /// The provider.
        provider: String,
        /// How long it was silent.
        after: Duration,
    },
    /// The CLI wrote more than a call may hold.
    #[error("{provider} wrote more than {limit} bytes")]
    OutputTooLarge {
        /// The provider.
        provider: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// What a CLI said went wrong.
    #[error("{provider}: {failure}")]
    Cli {
        /// The provider.
        provider: String,
        /// What it said.
        failure: CliFailure,
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
    #[error("every candidate failed: {}", .0.join("; "))]
    EveryCandidateFailed(Vec<String>),
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
        /// What is wrong with it.
        reason: String,
    },
    /// A run does not do what it is asked to.
    #[error("{0}")]
    Workflow(Refusal),
    /// The consults of a run or a stage are used up.
    #[error("the consults of {} are used up: {} of {}, and {} more wanted", .0.of, .0.used, .0.limit, .0.wanted)]
    BudgetExhausted(Short),
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

/// What is wrong with a decision.
#[derive(Clone, Debug, Error)]
pub enum ApprovalProblem {
    /// A human must decide, and the model's word is not one's.
    #[error("request {0} is for a human to decide, and nobody can be asked through this client")]
    HumanWanted(String),
    /// Nobody is known to sit at the terminal.
    #[error("only a person can decide: {0}")]
    NoPerson(NoPerson),
    /// The human did not decide.
    #[error("request {request} was not decided: {why}")]
    Undecided {
        /// The request.
        request: String,
        /// What they did instead.
        why: &'static str,
    },
    /// What is reviewed has changed since.
    #[error("request {0} was made for another report than the one that was reviewed")]
    OtherReport(String),
}

/// An error as a result tells it.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorNote {
    /// What went wrong.
    pub error: String,
    /// Its stable code.
    pub code: &'static str,
    /// What to do next.
    pub hint: String,
    /// Whether the same call may succeed a little later.
    pub retryable: bool,
}

impl From<&change::Refusal> for ErrorNote {
    fn from(refusal: &change::Refusal) -> Self {
        Self {
            error: refusal.message.clone(),
            code: refusal.reason.code(),
            hint: refusal.next.clone().unwrap_or_else(|| refusal.reason.hint().to_owned()),
            retryable: refusal.reason.retryable(),
        }
    }
}

/// What a caller gave may be long, and an error repeats it.
fn shortened(text: &str) -> String {
    const MOST_CHARS: usize = 4_000;
    match text.char_indices().nth(MOST_CHARS) {
        None => text.to_owned(),
        Some((at, _)) => format!("{} ...", text.get(..at).unwrap_or_default()),
    }
}

impl Error {
    /// The error as a result tells it.
    #[must_use]
    pub fn note(&self) -> ErrorNote {
        ErrorNote {
            error: shortened(&self.to_string()),
            code: self.code(),
            hint: self.hint(),
            retryable: self.retryable(),
        }
    }

    /// The stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidArguments(_) => "invalid_arguments",
            Self::Unknown { kind, .. } => match *kind {
                "provider" => "unknown_provider",
                "topic" => "unknown_topic",
                "workflow" => "unknown_workflow",
                "request" => "unknown_request",
                "evidence" => "unknown_evidence",
                _ => "unknown_name",
            },
            Self::Ambiguous { .. } => "ambiguous_name",
            Self::ProviderDisabled(_) => "provider_disabled",
            Self::CliNotFound { .. } => "cli_not_found",
            Self::CliNotExecutable { .. } => "cli_not_executable",
            Self::Setup { .. } => "setup_failed",
            Self::NoProvider => "no_provider",
            Self::ConfigInvalid(_) => "config_invalid",
            Self::PromptTooLong { .. } => "prompt_too_long",
            Self::Timeout { .. } => "timeout",
            Self::Stalled { .. } => "stalled",
            Self::OutputTooLarge { .. } => "output_too_large",
            Self::Cli { failure, .. } => failure.kind.code(),
            Self::NestedConsult => "nested_consult",
            Self::RequestState(_) => "request_state_invalid",
            Self::Cancelled => "cancelled",
            Self::ShuttingDown => "shutting_down",
            Self::Busy(_) => "busy",
            Self::EveryCandidateFailed(_) => "every_candidate_failed",
            Self::Vote(no_winner) => no_winner.code(),
            Self::Oracle(_) => "oracle_unusable",
            Self::Document { .. } => "document_invalid",
            Self::Workflow(refusal) => refusal.code,
            Self::BudgetExhausted(_) => "budget_exhausted",
            Self::Store(error) => error.code(),
            Self::Approval(problem) => match problem {
                ApprovalProblem::HumanWanted(_) | ApprovalProblem::NoPerson(_) => "human_wanted",
                ApprovalProblem::Undecided { .. } => "undecided",
                ApprovalProblem::OtherReport(_) => "other_report",
            },
            Self::Internal(_) => "internal",
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::InvalidArguments(_) => {
                "Correct the arguments; maestro_help with the tool's name shows them all.".into()
            }
            Self::Unknown { kind: "evidence", .. } => {
                "maestro_get_evidence_chain lists the ids that there are; every result that is recorded names its own.".into()
            }
            Self::Unknown { available, .. } => {
                const NEAREST: usize = 8;
                let names: Vec<&str> = available.iter().take(NEAREST).map(String::as_str).collect();
                let more = if available.len() > NEAREST { " and more" } else { "" };
                match names.as_slice() {
                    [] => "There is none.".to_owned(),
                    names => format!("There is: {}{more}.", names.join(", ")),
                }
            }
            Self::Ambiguous { matches, .. } => {
                const SHOWN: usize = 4;
                let ids: Vec<&str> = matches.iter().take(SHOWN).map(String::as_str).collect();
                let more = if matches.len() > SHOWN { " and more" } else { "" };
                format!("Give more of the id: {}{more}.", ids.join(", "))
            }
            Self::ProviderDisabled(name) => format!(
                "Set `enabled: true` for {name} in .maestro/cli_clients.yaml, or ask another provider (maestro_list_providers)."
            ),
            Self::CliNotFound { provider, installed, .. } => {
                let variable = provider.to_ascii_uppercase().replace('-', "_");
                let others = match installed.as_slice() {
                    [] => "No other CLI is installed; provider `understudy` answers by rules, without a model.".to_owned(),
                    some => format!("Installed: {}.", some.join(", ")),
                };
                format!("Install it, or set MAESTRO_{variable}_CMD to where it is. {others}")
            }
            Self::CliNotExecutable { .. } => {
                "Make the file executable, or install the CLI again; `maestro-mcp check` shows which file is meant.".into()
            }
            Self::Setup { hint, .. } => hint.clone(),
            Self::NoProvider => {
                "Install codex, gemini or claude, or name provider `understudy`; `maestro-mcp check` shows what is missing.".into()
            }
            Self::ConfigInvalid(_) => {
                "Correct the value and restart the server; `maestro-mcp check` shows what is in force and where it came from.".into()
            }
            Self::PromptTooLong { .. } => {
                "Send less: fewer context_files, a stage with smaller limits, or a provider that takes more.".into()
            }
            Self::Timeout { .. } => {
                "Give a larger timeout_sec, a smaller context, or another provider.".into()
            }
            Self::Stalled { provider, .. } => format!(
                "Ask again or ask another provider; MAESTRO_{}_STALL_TIMEOUT (seconds, 0 = off) sets the patience.",
                provider.to_ascii_uppercase().replace('-', "_")
            ),
            Self::OutputTooLarge { .. } => "Ask for a shorter answer.".into(),
            Self::Cli { provider, failure } => failure.kind.hint(provider),
            Self::NestedConsult => {
                "Answer from what the prompt holds: only the orchestrator asks consultants.".into()
            }
            Self::RequestState(_) => {
                "Call again with the same arguments, without requestState and inputResponses: the human is asked anew.".into()
            }
            Self::Cancelled => "Nothing was kept of it; call again if it is still wanted.".into(),
            Self::ShuttingDown => "Call again once the client has restarted the server.".into(),
            Self::Busy(_) => "Wait for the running calls to end, then call again.".into(),
            Self::EveryCandidateFailed(_) => {
                "Read each candidate's code and hint; ask other providers, or go on without a consultant.".into()
            }
            Self::Vote(no_winner) => no_winner.hint().into(),
            Self::Oracle(oracle) => oracle.hint().into(),
            Self::Document { .. } => {
                "Correct the file, or remove it: the built-in text is used then.".into()
            }
            Self::Workflow(refusal) => refusal.next.clone(),
            Self::BudgetExhausted(_) => {
                "Do the stage yourself and hand it in with maestro_request_approval; a human can raise the limits (MAESTRO_MAX_CONSULT_TOTAL, MAESTRO_MAX_CONSULT_PER_STAGE) and restart the server.".into()
            }
            Self::Store(error) => error.hint().into(),
            Self::Approval(problem) => match problem {
                ApprovalProblem::HumanWanted(request) | ApprovalProblem::OtherReport(request) => format!(
                    "Ask the human to run `maestro-mcp approvals show {request}` in a terminal, and then approve, revise or reject it there."
                ),
                ApprovalProblem::NoPerson(_) => {
                    "Ask the human to run this command in a terminal of their own.".to_owned()
                }
                ApprovalProblem::Undecided { request, .. } => format!(
                    "The request stays open: ask again with maestro_submit_approval, or `maestro-mcp approvals show {request}` in a terminal."
                ),
            },
            Self::Internal(_) => {
                "Call again; if it stays, report it with the log of MAESTRO_LOG_LEVEL=debug.".into()
            }
        }
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Cli { failure, .. } => failure.kind.is_transient(),
            Self::Store(error) => error.retryable(),
            Self::Busy(_) | Self::Timeout { .. } | Self::Stalled { .. } | Self::ShuttingDown => true,
            Self::InvalidArguments(_)
            | Self::Unknown { .. }
            | Self::Ambiguous { .. }
            | Self::ProviderDisabled(_)
            | Self::CliNotFound { .. }
            | Self::CliNotExecutable { .. }
            | Self::Setup { .. }
            | Self::NoProvider
            | Self::ConfigInvalid(_)
            | Self::PromptTooLong { .. }
            | Self::OutputTooLarge { .. }
            | Self::NestedConsult
            | Self::RequestState(_)
            | Self::Cancelled
            | Self::EveryCandidateFailed(_)
            | Self::Vote(_)
            | Self::Oracle(_)
            | Self::Document { .. }
            | Self::Workflow(_)
            | Self::BudgetExhausted(_)
            | Self::Approval(_)
            | Self::Internal(_) => false,
        }
    }

    /// What a sub-command that fails this way exits with: 2 for the caller's mistakes, 3 for what
    /// is missing on this machine, 4 for what the CLI answered,
    /// 5 for what the workflow refuses, 1 for the rest.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::InvalidArguments(_)
            | Self::Unknown { .. }
            | Self::Ambiguous { .. }
            | Self::PromptTooLong { .. }
            | Self::ConfigInvalid(_)
            | Self::RequestState(_)
            | Self::Oracle(_)
            | Self::Document { .. } => 2,
            Self::ProviderDisabled(_)
            | Self::CliNotFound { .. }
            | Self::CliNotExecutable { .. }
            | Self::Setup { .. }
            | Self::NoProvider => 3,
            Self::Timeout { .. }
            | Self::Stalled { .. }
            | Self::OutputTooLarge { .. }
            | Self::EveryCandidateFailed(_)
            | Self::Vote(_)
            | Self::Cli { .. } => 4,
            Self::Workflow(_) | Self::BudgetExhausted(_) | Self::Approval(_) => 5,
            Self::NestedConsult
            | Self::Cancelled
            | Self::ShuttingDown
            | Self::Busy(_)
            | Self::Store(_)
            | Self::Internal(_) => 1,
        })
    }
}
