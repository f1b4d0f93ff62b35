//! The exit statuses of sub-commands.

use std::process::ExitCode;

use super::Error;

impl Error {
    /// Returns what a sub-command that fails this way exits with: 2 for the caller's mistakes, 3 for what
    /// is missing on this machine, 4 for what the CLI answered,
    /// 5 for what the workflow refuses, 1 for the rest.
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
            | Self::NoSandbox(_)
            | Self::Setup { .. }
            | Self::NoProvider
            | Self::NoVoter => 3,
            Self::Timeout { .. }
            | Self::Stalled { .. }
            | Self::OutputTooLarge { .. }
            | Self::EveryCandidateFailed { .. }
            | Self::Vote(_)
            | Self::Cli { .. } => 4,
            Self::Workflow(_)
            | Self::BudgetExhausted(_)
            | Self::CapReached(_)
            | Self::PriceUnknown { .. }
            | Self::Approval(_) => 5,
            Self::NestedConsult
            | Self::Cancelled
            | Self::ShuttingDown
            | Self::Busy(_)
            | Self::Store(_)
            | Self::Internal(_) => 1,
        })
    }
}
