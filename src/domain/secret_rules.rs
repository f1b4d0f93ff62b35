//! The rule file for secrets, `conf/secrets.yaml`: what is masked in text, and which files
//! are never read. One file, because whoever overrides one usually means the other too.

use serde::Deserialize;

use super::mask::MaskRules;
use super::rule::{self, RuleError};
use super::secret_path::FileRules;

/// Everything that `conf/secrets.yaml` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRules {
    /// What is masked in text.
    pub masking: MaskRules,
    /// Which files are refused by name.
    pub files: FileRules,
}

impl SecretRules {
    /// Reads the rule file. The examples are not tried; see [`SecretRules::check`].
    ///
    /// # Errors
    /// If the text is not YAML of this form.
    pub fn from_yaml(text: &str) -> Result<Self, RuleError> {
        rule::from_yaml(text)
    }

    /// Compiles every pattern and tries every example.
    ///
    /// # Errors
    /// At the first rule that does not do what its examples say.
    pub fn check(&self) -> Result<(), RuleError> {
        self.masking.check()?;
        self.files.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_rules_do_what_their_examples_say() {
        let rules = SecretRules::from_yaml(include_str!("../../conf/secrets.yaml")).unwrap();
        assert_eq!(rules.check(), Ok(()));
    }
}
