//! Modes of approval: who may decide on a stage.

use serde::{Deserialize, Serialize};

/// The modes of approval, from the least strict to the strictest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approvals {
    /// The model relays the human's decision; no dialog is shown.
    Relay,
    /// The human decides in a dialog if there is one, else the model relays their decision.
    #[default]
    Ask,
    /// A human decides, always.
    Human,
}

impl Approvals {
    /// The stricter of a run's mode and a server's.
    pub fn stricter(self, other: Self) -> Self {
        self.max(other)
    }

    /// True if a decision from this source counts. If a human is required, neither a policy counts nor a
    /// model's argument, even one that the client has shown in a dialog of its own.
    pub fn takes(self, word: DecidedBy) -> bool {
        match word {
            DecidedBy::Elicitation | DecidedBy::Terminal | DecidedBy::Page => true,
            DecidedBy::ClientDialog | DecidedBy::Policy | DecidedBy::Relayed => self != Self::Human,
        }
    }
}

/// The source of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// A human, in a form that this server asked for.
    Elicitation,
    /// A human, in the permission dialog of a client that always asks.
    ClientDialog,
    /// A human, in a terminal.
    Terminal,
    /// A human, on the local web page.
    Page,
    /// Nobody: the policy for stages of low risk.
    Policy,
    /// The model says that a human said so.
    Relayed,
}

impl DecidedBy {
    /// The source in words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Elicitation => "a human, in a form of the client",
            Self::ClientDialog => "a human, in the client's permission dialog",
            Self::Terminal => "a human, in a terminal",
            Self::Page => "a human, on the page",
            Self::Policy => "the policy for stages of low risk",
            Self::Relayed => "the model, which says that a human said so",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stricter_of_two_holds_whichever_is_first() {
        use Approvals::{Ask, Human, Relay};
        for (one, other, holds) in
            [(Relay, Ask, Ask), (Human, Relay, Human), (Ask, Human, Human), (Relay, Relay, Relay)]
        {
            assert_eq!((one.stricter(other), other.stricter(one)), (holds, holds));
        }
    }
}
