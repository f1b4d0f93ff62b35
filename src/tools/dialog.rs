//! Asking a human through the client: a form with a decision, and what was said to it.
//!
//! In the older protocols the server asks during the call ([`ask_legacy`]); in the stateless one the
//! call returns with the question, and the client calls again with the answer ([`ask_modern`],
//! [`read_modern`]). In place of the form it may be shown an address to open. Only a clear decision counts: nothing here ever becomes an approval
//! by itself.

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
    /// The title of the form.
    pub(crate) title: String,
    /// The language of its fields.
    pub(crate) language: Language,
    /// The further questions, each in a field that may stay empty.
    pub(crate) critical: Vec<CriticalQuestion>,
    /// Line beside the decision: the gravest risk, or that nothing is decided yet.
    pub(crate) hint: String,
}

impl Form {
    /// The same, shown once more, with what is asked back above it.
    pub(crate) fn again(&self, aside: &str) -> Self {
        Self { message: format!("{aside}\n\n{}", self.message), ..self.clone() }
    }
}

/// A question whose answer matters for the decision.
#[derive(Clone, Debug)]
pub(crate) struct CriticalQuestion {
    /// The name of its field, and of its answer.
    pub(crate) id: String,
    /// The question.
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
    /// One that is shown as what it stands for.
    pub(crate) fn plain(value: impl Into<String>) -> Self {
        let value = value.into();
        Self { title: value.clone(), value }
    }
}

/// A decision and what was said with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    /// The decision.
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
    /// The human has opened the address, or says so. That is no decision.
    Went,
    /// The human does not want to answer.
    Declined,
    /// The dialog was closed, or never shown: a client without a screen answers so by itself.
    Cancelled,
    /// Something came back that is no answer, with the reason.
    Unreadable(String),
    /// Nobody answered in time.
    TimedOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// By a request during the call.
    Legacy,
    /// By a result, after which it calls again.
    Modern,
}

/// A mark on a call that goes on without its client: nobody can be asked through it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NobodyToAsk;

/// Dialogs that the client offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    /// A form alone.
    Form,
    /// An address to open, where a form may stand in.
    Both,
    /// An address to open alone.
    Page,
}

/// How this call's client can ask its human.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asking {
    pub(crate) era: Era,
    pub(crate) means: Means,
}

/// Returns how the client of a call can ask its human, if it can. A client that names only URLs cannot show
/// a form.
pub(crate) fn asking(context: &RequestContext<RoleServer>) -> Option<Asking> {
    if context.extensions.get::<NobodyToAsk>().is_some() {
        return None;
    }
    let modes = context.client_capabilities()?.elicitation?;
    let means = match (modes.form.is_some(), modes.url.is_some()) {
        (true, true) => Means::Both,
        (false, true) => Means::Page,
        // An empty capability is that of the first version, which knew forms only.
        (_, false) => Means::Form,
    };
    let is_modern =
        context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    Some(Asking { era: if is_modern { Era::Modern } else { Era::Legacy }, means })
}
