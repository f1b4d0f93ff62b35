//! The advice to try again, or to ask another provider.

use super::Error;

impl Error {
    /// True if the same call may succeed a little later.
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
            | Self::CapReached(_)
            | Self::PriceUnknown { .. }
            | Self::Approval(_)
            | Self::Internal(_) => false,
        }
    }

    /// True if a model may have been reached before the failure, so that the call may have cost something.
    pub(crate) fn may_have_cost(&self) -> bool {
        match self {
            Self::Cli { failure, .. } => failure.kind.may_have_cost(),
            Self::Timeout { .. }
            | Self::Stalled { .. }
            | Self::OutputTooLarge { .. }
            | Self::Cancelled
            | Self::ShuttingDown
            | Self::Internal(_) => true,
            _ => false,
        }
    }

    /// True if there was no room for a consult: in the budget of its run, or under a cap on spending.
    pub(crate) fn is_out_of_budget(&self) -> bool {
        matches!(self, Self::BudgetExhausted(_) | Self::CapReached(_) | Self::PriceUnknown { .. })
    }

    /// True if a provider is missing or takes no questions, so that another may take its place. A CLI
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
            | Self::CapReached(_)
            | Self::PriceUnknown { .. }
            | Self::Store(_)
            | Self::Approval(_)
            | Self::Internal(_) => false,
        }
    }
}
