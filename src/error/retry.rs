//! Whether trying again can help, or asking another provider.

use super::Error;

impl Error {
    /// Whether the same call may succeed a little later.
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
            | Self::NoSandbox(_)
            | Self::Setup { .. }
            | Self::NoProvider
            | Self::NoVoter
            | Self::ConfigInvalid(_)
            | Self::PromptTooLong { .. }
            | Self::OutputTooLarge { .. }
            | Self::NestedConsult
            | Self::RequestState(_)
            | Self::Cancelled
            | Self::EveryCandidateFailed { .. }
            | Self::Vote(_)
            | Self::Oracle(_)
            | Self::Document { .. }
            | Self::Workflow(_)
            | Self::BudgetExhausted(_)
            | Self::Approval(_)
            | Self::Internal(_) => false,
        }
    }

    /// Whether a provider is missing or takes no questions, so that another may take its place. A CLI
    /// that fails at its work has failed.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Cli { failure, .. } => failure.kind.is_refusal(),
            Self::ProviderDisabled(_) | Self::CliNotFound { .. } | Self::CliNotExecutable { .. } => true,
            Self::InvalidArguments(_)
            | Self::Unknown { .. }
            | Self::Ambiguous { .. }
            | Self::NoSandbox(_)
            | Self::Setup { .. }
            | Self::NoProvider
            | Self::NoVoter
            | Self::ConfigInvalid(_)
            | Self::PromptTooLong { .. }
            | Self::Timeout { .. }
            | Self::Stalled { .. }
            | Self::OutputTooLarge { .. }
            | Self::NestedConsult
            | Self::RequestState(_)
            | Self::Cancelled
            | Self::ShuttingDown
            | Self::Busy(_)
            | Self::EveryCandidateFailed { .. }
            | Self::Vote(_)
            | Self::Oracle(_)
            | Self::Document { .. }
            | Self::Workflow(_)
            | Self::BudgetExhausted(_)
            | Self::Store(_)
            | Self::Approval(_)
            | Self::Internal(_) => false,
        }
    }
}
