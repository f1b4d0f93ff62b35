//! Asks a human through the client, by a form with a decision, and reads the answer.
//!
//! In older protocols the server asks during the call ([`ask_legacy`]). In the stateless one the call
//! returns the question, and the client calls again with the answer ([`ask_modern`], [`read_modern`]).
//! Instead of the form, the client may show an address to open. Only a clear decision counts: nothing here
//! ever becomes an approval by itself.

mod form;
mod modern;

use std::collections::BTreeMap;

use rmcp::RoleServer;
use rmcp::model::ProtocolVersion;
use rmcp::service::RequestContext;

pub(crate) use crate::domain::event::Decision;
use crate::domain::language::Language;

pub(crate) use form::{Choices, Seal, Subject};
pub(crate) use modern::{Answer, Retry, ask_legacy, ask_modern, read_modern};

/// A question to a human, as a form.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    /// The report to decide on. Line ends are kept; markdown is not rendered.
    pub(crate) message: String,
    pub(crate) title: String,
    /// The language of its fields.
    pub(crate) language: Language,
    /// Further questions; their fields may stay empty.
    pub(crate) critical: Vec<CriticalQuestion>,
    /// Line beside the decision: the gravest risk, or that nothing is decided yet.
    pub(crate) hint: String,
}

impl Form {
    /// The same form, with a contradiction above it.
    pub(crate) fn again(&self, aside: &str) -> Self {
        Self { message: format!("{aside}\n\n{}", self.message), ..self.clone() }
    }
}

/// A question whose answer matters for the decision.
#[derive(Clone, Debug)]
pub(crate) struct CriticalQuestion {
    /// The name of its field, and of its answer.
    pub(crate) id: String,
    pub(crate) title: String,
    /// Help for the answer; may be empty.
    pub(crate) description: String,
    /// Answers to choose from, each with its label; empty for a text.
    pub(crate) options: Vec<Offered>,
}

/// An answer that is offered.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    pub(crate) value: String,
    pub(crate) title: String,
}

impl Offered {
    /// An answer whose label is its value.
    pub(crate) fn plain(value: impl Into<String>) -> Self {
        let value = value.into();
        Self { title: value.clone(), value }
    }
}

/// A decision, with the words and answers beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    /// The comment, word for word.
    pub(crate) comment: Option<String>,
    /// The answers to critical questions, by their ids.
    pub(crate) responses: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// The human decided.
    Decided(Decided),
    /// The human wants to read everything before they decide.
    ReadsFirst,
    /// The human opened the address, or says so. That is not a decision.
    Went,
    /// The human does not want to answer.
    Declined,
    /// The dialog was closed, or never shown: a client without a screen answers in this way.
    Cancelled,
    /// The answer is invalid, with the reason.
    Unreadable(String),
    /// No answer came in time.
    TimedOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// The server sends a request during the call.
    Legacy,
    /// The call returns the question, and the client calls again with the answer.
    Modern,
}

/// Marks a call that continues without its client, so that no human can be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NobodyToAsk;

/// Dialogs that the client offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    /// A form alone.
    Form,
    /// An address to open, else a form.
    Both,
    /// An address to open alone.
    Page,
}

/// The way in which a call's client can ask its human.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asking {
    pub(crate) era: Era,
    pub(crate) means: Means,
}

/// Finds the way in which a call's client can ask its human, if it can. A client that declares only URLs
/// cannot show a form.
pub(crate) fn asking(context: &RequestContext<RoleServer>) -> Option<Asking> {
    if context.extensions.get::<NobodyToAsk>().is_some() {
        return None;
    }
    let modes = context.client_capabilities()?.elicitation?;
    let means = match (modes.form.is_some(), modes.url.is_some()) {
        (true, true) => Means::Both,
        (false, true) => Means::Page,
        // An empty capability is that of the first version, which had only forms.
        (_, false) => Means::Form,
    };
    let is_modern =
        context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    Some(Asking { era: if is_modern { Era::Modern } else { Era::Legacy }, means })
}
