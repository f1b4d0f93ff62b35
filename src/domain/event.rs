//! The events of the log: everything that happened to a project, one fact per event.
//!
//! State is never stored, only folded from these (`domain::history`). An event is kept for ever, so
//! its form may grow by fields with a default, and never changes otherwise.

pub(crate) mod approval;
pub(crate) mod consult;
pub(crate) mod noted;
pub(crate) mod record;
pub(crate) mod stage;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::chain::Shown;
use approval::{ApprovalDecided, ApprovalRequested, DialogClosed, DialogOpened, StateUsed};
use consult::{ConsultReleased, ConsultReserved, ConsultSettled, SettledBrief};
use record::{Changed, EvidenceLogged, Noted, RedFlagged, Verified};
use stage::{
    Answered, RunResumed, RunStarted, RunStopped, StageDelivered, StageFailed, StageFinished,
    StageInterrupted, StageResumed, StageStarted,
};

/// One event of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its place in the log, from 1.
    pub seq: u64,
    /// The run that it belongs to; empty for the project itself.
    pub run: String,
    /// Milliseconds since 1970.
    pub at: u64,
    /// Its id, by which others rest on it.
    pub id: String,
    /// The ids of what it rests on.
    pub rests_on: Vec<String>,
    pub body: Body,
}

/// An event that is not in the log yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Its id.
    pub id: String,
    /// The ids of what it rests on.
    pub rests_on: Vec<String>,
    pub body: Body,
}

impl Draft {
    /// An event that rests on nothing yet.
    pub fn new(id: impl Into<String>, body: impl Into<Body>) -> Self {
        Self { id: id.into(), rests_on: Vec::new(), body: body.into() }
    }

    /// The same, resting on something.
    pub fn on(mut self, ids: impl IntoIterator<Item = String>) -> Self {
        self.rests_on.extend(ids.into_iter().filter(|id| !id.is_empty()));
        self
    }
}

/// The text of an event's body in the log.
#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rests_on: Vec<String>,
    data: T,
}

/// Why an event of the log cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} ({kind}): {reason}")]
pub struct Unreadable {
    /// Its place in the log.
    pub seq: u64,
    /// Its kind.
    pub kind: String,
    pub reason: String,
}

/// The kind whose texts are the longest, and which no state depends on.
const CONSULT_SETTLED: &str = "consult_settled";

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident => $kind:literal,)*) => {
        #[derive(Clone, Debug, PartialEq)]
        pub enum Body {
            $($(#[$doc])* $name($name),)*
        }

        impl Body {
            /// The kind, as the log names it.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $kind,)*
                }
            }
        }

        $(impl From<$name> for Body {
            fn from(body: $name) -> Self {
                Self::$name(body)
            }
        })*

        impl Draft {
            /// The body as the log holds it.
            ///
            /// # Errors
            ///
            /// A body that is no JSON.
            pub fn text(&self) -> Result<String, serde_json::Error> {
                let (id, rests_on) = (self.id.clone(), self.rests_on.clone());
                match &self.body {
                    $(Body::$name(data) => serde_json::to_string(&Envelope { id, rests_on, data }),)*
                }
            }
        }

        impl Event {
            /// Reads an event of the log.
            ///
            /// # Errors
            ///
            /// A kind that this version does not know, or a body that does not fit its kind.
            pub fn read(seq: u64, run: String, at: u64, kind: &str, text: &str) -> Result<Self, Unreadable> {
                let read = match kind {
                    $($kind => envelope::<$name>(text),)*
                    _ => Err("this version does not know the kind".to_owned()),
                };
                let unreadable = |reason| Unreadable { seq, kind: kind.to_owned(), reason };
                let (id, rests_on, body) = read.map_err(unreadable)?;
                Ok(Self { seq, run, at, id, rests_on, body })
            }
        }
    };
}

bodies! {
    /// A run began.
    RunStarted => "run_started",
    /// A run was ended before its last stage.
    RunStopped => "run_stopped",
    /// A parked run was taken up again.
    RunResumed => "run_resumed",
    /// A stage began.
    StageStarted => "stage_started",
    /// A stage that was interrupted goes on.
    StageResumed => "stage_resumed",
    /// A candidate of a stage answered.
    Answered => "answered",
    /// A stage has its outputs.
    StageFinished => "stage_finished",
    /// A stage ended without outputs.
    StageFailed => "stage_failed",
    /// A stage was cut short by the end of its server.
    StageInterrupted => "stage_interrupted",
    /// The caller has a stage's result.
    StageDelivered => "stage_delivered",
    /// A decision is asked for.
    ApprovalRequested => "approval_requested",
    /// Somebody decided.
    ApprovalDecided => "approval_decided",
    /// A sealed state of a dialog was used.
    StateUsed => "state_used",
    /// A dialog stands before a human.
    DialogOpened => "dialog_opened",
    /// It does no longer.
    DialogClosed => "dialog_closed",
    /// A consult is about to start.
    ConsultReserved => "consult_reserved",
    /// A consult ended.
    ConsultSettled => "consult_settled",
    /// A reserved consult never started.
    ConsultReleased => "consult_released",
    /// Somebody recorded something.
    EvidenceLogged => "evidence_logged",
    /// The project's checks ran.
    Verified => "verified",
    /// A patch was applied, or undone.
    Changed => "changed",
    /// An answer was flagged.
    RedFlagged => "red_flagged",
    /// A result of a topic that folds its own events: votes, selections, coordination, tools.
    Noted => "noted",
}

impl Event {
    /// Reads of an event what the state of a project is folded from: all but the texts of consults,
    /// which are most of a log.
    ///
    /// # Errors
    ///
    /// As of [`Self::read`].
    pub fn fold(shown: Shown<'_>) -> Result<Self, Unreadable> {
        let Shown { seq, run, at, kind, body: text } = shown;
        if kind != CONSULT_SETTLED {
            return Self::read(seq, run.to_owned(), at, kind, text);
        }
        let (id, rests_on, body) = envelope::<SettledBrief>(text).map_err(|reason| Unreadable {
            seq,
            kind: kind.to_owned(),
            reason,
        })?;
        Ok(Self { seq, run: run.to_owned(), at, id, rests_on, body })
    }
}

fn envelope<T: DeserializeOwned + Into<Body>>(text: &str) -> Result<(String, Vec<String>, Body), String> {
    let read: Envelope<T> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok((read.id, read.rests_on, read.data.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let draft = Draft::new("a", RunStopped { why: "enough".to_owned() }).on(["b".to_owned()]);
        let text = draft.text().unwrap();
        let event = Event::read(7, "run".into(), 1, draft.body.kind(), &text).unwrap();
        assert_eq!((event.id, event.rests_on, event.body), (draft.id, draft.rests_on, draft.body));
    }

    #[test]
    fn a_kind_of_a_later_version_is_named() {
        let error = Event::read(3, String::new(), 1, "dreamt", "{}").unwrap_err();
        assert_eq!(error.to_string(), "event 3 (dreamt): this version does not know the kind");
    }

    #[test]
    fn a_consult_is_folded_without_its_texts_and_is_otherwise_the_same() {
        let kept = json!({ "chars": 2, "sha256": "s", "text": "\u{1f600}\"" });
        let data = json!({
            "reservation": "r", "stage": "debug", "purpose": "judge", "provider": "codex", "model": "m",
            "code": "timeout", "elapsed_ms": 5, "attempts": 2, "input_tokens": 1, "output_tokens": 2,
            "cost_usd": 0.5, "prompt": kept, "response": kept,
        });
        let text = json!({ "id": "a", "rests_on": ["b"], "data": data }).to_string();
        let kind = "consult_settled";
        let mut whole = Event::read(3, "w".to_owned(), 9, kind, &text).unwrap();
        let shown = Shown { seq: 3, run: "w", at: 9, kind, body: &text };
        let folded = Event::fold(shown).unwrap();
        assert_ne!(folded, whole);
        if let Body::ConsultSettled(settled) = &mut whole.body {
            settled.prompt = None;
            settled.response = None;
        }
        assert_eq!(folded, whole);
        let unknown = Event::fold(Shown { kind: "dreamt", ..shown }).unwrap_err();
        assert_eq!(unknown.to_string(), "event 3 (dreamt): this version does not know the kind");
    }

    #[test]
    fn a_body_of_another_form_is_refused() {
        let text = json!({ "id": "a", "data": { "why": 3 } }).to_string();
        assert!(Event::read(1, String::new(), 1, "run_stopped", &text).is_err());
    }
}
