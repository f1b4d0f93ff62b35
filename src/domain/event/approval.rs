//! Events of approvals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::skip_serializing_none;
use strum::IntoStaticStr;

use crate::domain::stage::Stage;

/// A decision is asked for. Its event's id names the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalRequested {
    /// The stage.
    pub stage: Stage,
    pub iteration: u32,
    pub report: Value,
    /// The same as text.
    pub display: String,
    /// The digest of the report, which every decision repeats.
    pub digest: String,
    /// The digest of the change that it proposes (`domain::diff::digest`), where it proposes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Go on.
    Approve,
    /// Do the stage again, differently.
    Revise,
    /// Stop.
    Reject,
}

impl Decision {
    /// Every decision, as a form lists them.
    pub const ALL: [Self; 3] = [Self::Approve, Self::Revise, Self::Reject];

    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The status of a request that was decided so.
    pub fn status(self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::Revise => "revision_requested",
            Self::Reject => "rejected",
        }
    }
}

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
    /// Nobody: the rule for stages of low risk.
    Policy,
    /// The model says that a human said so.
    Relayed,
}

impl DecidedBy {
    /// Returns whose word it is, for people.
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

/// Way in which a human came to the page on which they decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opened {
    /// By the dialog of a client.
    Dialog,
    /// By a command in a terminal.
    Terminal,
}

/// Somebody decided.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalDecided {
    /// The request.
    pub request: String,
    /// The stage.
    pub stage: Stage,
    pub decision: Decision,
    pub decided_by: DecidedBy,
    /// Way in which they came to the page, where they decided on it.
    #[serde(default)]
    pub opened: Option<Opened>,
    /// The digest of what was reviewed.
    pub digest: String,
    /// The digest of the change that was reviewed.
    #[serde(default)]
    pub change: Option<String>,
    #[serde(default)]
    pub feedback: Option<String>,
    #[serde(default)]
    pub revision_instructions: Option<String>,
    /// Answers by question.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub responses: BTreeMap<String, String>,
    /// The choice that goes on, where one was chosen.
    #[serde(default)]
    pub chosen: Option<String>,
    /// Critical questions without an answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unanswered_critical: Vec<String>,
}

/// A dialog about a request stands before a human. Its event's id names the dialog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DialogOpened {
    /// The request.
    pub request: String,
    /// The server that asks; its dialogs end with it.
    pub server: String,
    /// Time when it is no longer waited for, in milliseconds since 1970.
    pub until: u64,
}

/// A dialog was closed without a decision, or with one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DialogClosed {
    /// The dialog.
    pub dialog: String,
}

/// A sealed state of a dialog was used; it counts once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateUsed {
    pub nonce: String,
}
