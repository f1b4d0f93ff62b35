//! A piece of configuration that could not be used.

/// Calls that a problem affects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every call that needs the configuration.
    Everything,
    /// Calls to one provider.
    Provider(String),
    /// Nothing: it is worth a look, and no more.
    Nothing,
}

/// A piece of configuration that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub scope: Scope,
    /// The file and line or the variable, what is wrong, and the accepted form.
    pub message: String,
}

impl Problem {
    /// A problem of every call.
    pub fn everything(message: String) -> Self {
        Self { scope: Scope::Everything, message }
    }

    /// Something worth a look that stands in nobody's way.
    pub fn notice(message: String) -> Self {
        Self { scope: Scope::Nothing, message }
    }

    /// A problem of one provider's calls.
    pub fn provider(name: &str, message: String) -> Self {
        Self { scope: Scope::Provider(name.to_owned()), message }
    }
}
