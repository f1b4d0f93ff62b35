//! The micro-steps and the red flags of votes, ready to use.

use crate::domain::microstep::flags::VoteFlags;
use crate::domain::microstep::{MicroStep, MicroStepRules, StepType};
use crate::domain::rule::RuleError;
use crate::error::Error;

/// What `conf/micro_steps.yaml` says.
#[derive(Debug)]
pub struct VoteRules {
    /// The steps.
    pub steps: MicroStepRules,
    /// The red flags.
    pub flags: VoteFlags,
}

impl VoteRules {
    /// Compiles the rules.
    ///
    /// # Errors
    ///
    /// A pattern or a schema that cannot be used.
    pub fn new(steps: MicroStepRules) -> Result<Self, RuleError> {
        Ok(Self { flags: VoteFlags::new(&steps)?, steps })
    }

    /// A step by its type.
    ///
    /// # Errors
    ///
    /// There is none, which the file's reader has made sure of.
    pub fn step(&self, kind: StepType) -> Result<&MicroStep, Error> {
        let found = self.steps.steps.iter().find(|step| step.kind == kind);
        found.ok_or_else(|| Error::Internal(format!("there is no step {}", kind.name())))
    }
}
