//! Calibrations that measured nothing.

use thiserror::Error;

/// A command that was to tell right answers from wrong ones, and cannot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the oracle `{command}` cannot be used: {reason}")]
pub struct OracleUnusable {
    /// The command.
    pub command: String,
    /// Why.
    pub reason: String,
}

impl OracleUnusable {
    /// Next step for the caller.
    pub const HINT: &str = "oracle_command is run as maestro_verify runs a check: by rule, without a shell, inside the project. A script tests/check_answer.py that reads the answer from its standard input is permitted.";
}
