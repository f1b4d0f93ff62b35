//! The request state of a question: it goes to the client and comes back, and a client may change
//! whatever it likes, so it is sealed.
//!
//! It is signed, not encrypted, and holds no secret. The seal binds it to the tool and its
//! arguments; it carries what the question is about, and a nonce by which the caller sees that an
//! answer was used before.

use std::time::Duration;

use rmcp::model::{RequestStateCodec, RequestStateError, SealOptions};
use serde::{Deserialize, Serialize};
use thiserror::Error as ThisError;

use crate::error::Error;
use crate::flow::approval::dialog::PATIENCE;
use crate::host::seal_key::SealKey;

/// For how long a question can be answered.
pub(super) const LIFETIME: Duration = PATIENCE;

/// The longest state that is looked at, in bytes; ours are below 2,000.
const MOST_BYTES: usize = 8 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subject {
    /// The run.
    pub(crate) workflow_id: String,
    /// The request for approval.
    pub(crate) request_id: String,
    /// The stage.
    pub(crate) stage: String,
    /// The digest of what is reviewed.
    pub(crate) digest: String,
    /// True if it is asked back about what contradicts the decision.
    #[serde(default)]
    pub(crate) is_back: bool,
}

/// The call that asked; the one that answers must be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// The tool.
    pub(super) tool: String,
    /// The digest of its arguments.
    pub(super) arguments: String,
}

/// The content of a state that is ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Opened {
    pub(super) subject: Subject,
    pub(super) nonce: String,
}

/// Why an answer does not count. What exactly is wrong with a state is for the log only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
pub(crate) enum StateError {
    /// The state is not ours for this call.
    #[error(
        "the request state does not fit this call: it was changed, is older than a day, or belongs to another question or other arguments"
    )]
    Unfit(Unfit),
    /// An answer without the state that it belongs to.
    #[error("an answer came without its request state")]
    Missing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It was changed, or sealed for another call, or by another project.
    Foreign,
    /// Its time is over.
    Expired,
    /// It is about another question.
    OtherSubject,
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        tracing::debug!(?error, "an answer that does not count");
        Self::RequestState(error.to_string())
    }
}

/// Seals states, and opens its own.
#[derive(Clone, Debug)]
pub(crate) struct Seal {
    codec: RequestStateCodec,
}

impl Seal {
    /// A seal with a project's key.
    pub(crate) fn new(key: &SealKey) -> Self {
        // The key has the length that the codec asks for, by its type.
        Self { codec: RequestStateCodec::new_unchecked(key.bytes()) }
    }

    pub(super) fn seal(&self, subject: &Subject, call: &Call, lifetime: Duration) -> Result<String, Error> {
        let inside = Opened { subject: subject.clone(), nonce: uuid::Uuid::now_v7().to_string() };
        let bound = call.bound();
        let options = SealOptions::new().associated_data(bound.as_bytes()).ttl(lifetime);
        self.codec.seal_json_with(&inside, &options).map_err(|error| Error::Internal(error.to_string()))
    }

    pub(super) fn open(&self, sealed: &str, call: &Call) -> Result<Opened, StateError> {
        if sealed.len() > MOST_BYTES {
            return Err(StateError::Unfit(Unfit::Foreign));
        }
        self.codec.open_json_with(sealed, call.bound().as_bytes()).map_err(|error| {
            StateError::Unfit(match error {
                RequestStateError::Expired => Unfit::Expired,
                _ => Unfit::Foreign,
            })
        })
    }
}

impl Call {
    /// Returns what a state is bound to without holding it, in a form that no two calls have in common.
    fn bound(&self) -> String {
        serde_json::json!(["maestro.dialog.1", self.tool, self.arguments]).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seal() -> (tempfile::TempDir, Seal) {
        let root = tempfile::tempdir().unwrap();
        let key = SealKey::of_user(root.path()).unwrap().0;
        (root, Seal::new(&key))
    }

    fn subject() -> Subject {
        Subject {
            workflow_id: "w".to_owned(),
            request_id: "r".to_owned(),
            stage: "analyze".to_owned(),
            digest: "d".to_owned(),
            is_back: false,
        }
    }

    fn call(tool: &str, arguments: &str) -> Call {
        Call { tool: tool.to_owned(), arguments: arguments.to_owned() }
    }

    const FOREIGN: StateError = StateError::Unfit(Unfit::Foreign);

    #[test]
    fn a_state_opens_for_its_own_call_after_a_restart() {
        let (root, seal) = seal();
        let call = call("t", "a");
        let sealed = seal.seal(&subject(), &call, LIFETIME).unwrap();
        let restarted = Seal::new(&SealKey::of_user(root.path()).unwrap().0);
        let opened = restarted.open(&sealed, &call).unwrap();
        assert_eq!(opened.subject, subject());
        let again = seal.open(&seal.seal(&subject(), &call, LIFETIME).unwrap(), &call).unwrap();
        assert_ne!(opened.nonce, again.nonce);
    }

    #[test]
    fn it_opens_for_no_other_call_and_in_no_other_project() {
        let (_root, one) = seal();
        let (_elsewhere, other) = seal();
        let sealed = one.seal(&subject(), &call("t", "a"), LIFETIME).unwrap();
        assert_eq!(one.open(&sealed, &call("t", "b")), Err(FOREIGN));
        assert_eq!(one.open(&sealed, &call("ta", "")), Err(FOREIGN));
        assert_eq!(other.open(&sealed, &call("t", "a")), Err(FOREIGN));
        assert_eq!(one.open("", &call("t", "a")), Err(FOREIGN));
        assert_eq!(one.open(&"x".repeat(MOST_BYTES + 1), &call("t", "a")), Err(FOREIGN));
    }

    #[test]
    fn its_time_ends() {
        let (_root, seal) = seal();
        let sealed = seal.seal(&subject(), &call("t", "a"), Duration::ZERO).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(seal.open(&sealed, &call("t", "a")), Err(StateError::Unfit(Unfit::Expired)));
    }

    #[test]
    fn what_is_wrong_with_a_state_is_not_told() {
        let said = |unfit| StateError::Unfit(unfit).to_string();
        assert_eq!(said(Unfit::Foreign), said(Unfit::Expired));
        assert_eq!(said(Unfit::Foreign), said(Unfit::OtherSubject));
    }

    proptest! {
        #[test]
        fn no_changed_state_opens(at in any::<proptest::sample::Index>(), letter in "[A-Za-z0-9_.-]") {
            let (_root, seal) = seal();
            let call = call("t", "a");
            let sealed = seal.seal(&subject(), &call, LIFETIME).unwrap();
            let at = at.index(sealed.len());
            let mut changed = sealed.clone();
            changed.replace_range(at..=at, &letter);
            if changed != sealed {
                prop_assert_eq!(seal.open(&changed, &call), Err(FOREIGN));
            }
        }
    }
}
