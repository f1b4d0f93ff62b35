//! The stable code of every error.

use super::Error;

/// Codes of what is no error, yet not what was asked for: the result holds the rest.
pub(crate) mod outcome {
    /// A check did not pass, or was refused.
    pub const CHECKS_FAILED: &str = "checks_failed";
    /// There was no check to run.
    pub const NOTHING_TO_VERIFY: &str = "nothing_to_verify";
    /// A content is not fit to be used.
    pub const CONTENT_INVALID: &str = "content_invalid";
    /// No candidate deserves to be chosen.
    pub const NO_WINNER: &str = "no_winner";
    /// Nothing tells the candidates apart.
    pub const NO_JUDGEMENT: &str = "no_judgement";
    /// Every answer of a stage was discarded.
    pub const NO_VALID_ANSWER: &str = "no_valid_answer";
    /// Nobody who was asked answered.
    pub const EVERY_CANDIDATE_FAILED: &str = "every_candidate_failed";
}

impl Error {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidArguments(_) => "invalid_arguments",
            Self::Unknown { kind, .. } => match *kind {
                "provider" => "unknown_provider",
                "topic" => "unknown_topic",
                "workflow" => "unknown_workflow",
                "request" => "unknown_request",
                "evidence" => "unknown_evidence",
                "thread" => "unknown_thread",
                "job" => "unknown_job",
                _ => "unknown_name",
            },
            Self::Ambiguous { .. } => "ambiguous_name",
            Self::ProviderDisabled(_) => "provider_disabled",
            Self::CliNotFound { .. } => "cli_not_found",
            Self::NoSandbox(_) => "no_sandbox",
            Self::CliNotExecutable { .. } => "cli_not_executable",
            Self::Setup { .. } => "setup_failed",
            Self::NoProvider | Self::NoVoter => "no_provider",
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
            Self::EveryCandidateFailed { .. } => outcome::EVERY_CANDIDATE_FAILED,
            Self::Vote(no_winner) => no_winner.code(),
            Self::Oracle(_) => "oracle_unusable",
            Self::Document { .. } => "document_invalid",
            Self::Workflow(refusal) => refusal.code,
            Self::BudgetExhausted(_) => "budget_exhausted",
            Self::CapReached(_) => "cap_reached",
            Self::PriceUnknown { .. } => "price_unknown",
            Self::Store(error) => error.code(),
            Self::Approval(problem) => problem.code(),
            Self::Internal(_) => "internal",
        }
    }
}
