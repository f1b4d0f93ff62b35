//! The events of the log: each is one fact about something that happened in a project.
//!
//! State is not stored but computed by folding events (`domain::history`). An event is kept forever, so its
//! format may change only by new fields that have a default.

pub(crate) mod consult;
pub(crate) mod stage;

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::skip_serializing_none;
use strum::{EnumString, IntoStaticStr};

use super::approvals::DecidedBy;
use super::calibrate::CalibrationRecord;
use super::chain::Shown;
use super::coordination::record::RunRecord;
use super::select::rank::SelectionRecord;
use super::stage::Stage;
use super::typed::from_value;
use super::verification::Kind;
use super::verification::status::{Proof, Status};
use super::vote::VoteRecord;

use consult::{ConsultReleased, ConsultReserved, ConsultSettled, Kept};
use stage::{
    Answered, RunResumed, RunStarted, RunStopped, StageDelivered, StageFailed, StageFinished,
    StageInterrupted, StageResumed, StageStarted,
};

/// One event of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Position in the log, from 1.
    pub seq: u64,
    /// Id of its run; empty for the project itself.
    pub run: String,
    /// Time in milliseconds since 1970.
    pub at: u64,
    /// Id of the event, to which other events link.
    pub id: String,
    /// Ids of the events that it rests on.
    pub rests_on: Vec<String>,
    pub body: Body,
}

/// An event that is not in the log yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub id: String,
    /// Ids of the events that it rests on.
    pub rests_on: Vec<String>,
    pub body: Body,
}

impl Draft {
    /// A draft that rests on no other event.
    pub fn new(id: impl Into<String>, body: impl Into<Body>) -> Self {
        Self { id: id.into(), rests_on: Vec::new(), body: body.into() }
    }

    /// Adds the ids of events that it rests on. Empty ids are ignored.
    pub fn on(mut self, ids: impl IntoIterator<Item = String>) -> Self {
        self.rests_on.extend(ids.into_iter().filter(|id| !id.is_empty()));
        self
    }
}

/// The format of an event's body in the log.
#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rests_on: Vec<String>,
    data: T,
}

/// The reason why an event of the log cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} ({kind}): {reason}")]
pub struct Unreadable {
    /// Position of the event in the log.
    pub seq: u64,
    pub kind: String,
    pub reason: String,
}

/// The kind of event with the longest texts. No state depends on these texts.
const CONSULT_SETTLED: &str = "consult_settled";

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident => $kind:literal,)*) => {
        #[derive(Clone, Debug, PartialEq)]
        pub enum Body {
            $($(#[$doc])* $name($name),)*
        }

        impl Body {
            /// The name of the kind in the log.
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
            /// The body as the log stores it.
            ///
            /// # Errors
            ///
            /// The body cannot be represented as JSON.
            pub fn text(&self) -> Result<String, serde_json::Error> {
                let (id, rests_on) = (self.id.clone(), self.rests_on.clone());
                match &self.body {
                    $(Body::$name(data) => serde_json::to_string(&Envelope { id, rests_on, data }),)*
                }
            }
        }

        impl Event {
            /// Parses an event.
            ///
            /// # Errors
            ///
            /// This version does not know the kind, or the text does not have the form of that kind.
            pub fn read(seq: u64, run: String, at: u64, kind: &str, text: &str) -> Result<Self, Unreadable> {
                let read = match kind {
                    $($kind => envelope::<$name>(text),)*
                    _ => Err("this version does not know the kind".to_owned()),
                };
                let unreadable = |reason| Unreadable { seq, kind: kind.to_owned(), reason };
                let (id, rests_on, body) = read.map_err(unreadable)?;
                let body = match body {
                    Body::ConsultSettled(settled) => settled.with_prompt().into(),
                    other => other,
                };
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
    /// A parked run continues.
    RunResumed => "run_resumed",
    /// A stage began.
    StageStarted => "stage_started",
    /// An interrupted stage continues.
    StageResumed => "stage_resumed",
    /// A candidate of a stage answered.
    Answered => "answered",
    /// A stage produced its outputs.
    StageFinished => "stage_finished",
    /// A stage ended without outputs.
    StageFailed => "stage_failed",
    /// A stage was interrupted by the end of its server.
    StageInterrupted => "stage_interrupted",
    /// The caller received the result of a stage.
    StageDelivered => "stage_delivered",
    /// A decision was requested.
    ApprovalRequested => "approval_requested",
    /// A decision was made.
    ApprovalDecided => "approval_decided",
    /// The sealed state of a dialog was used.
    StateUsed => "state_used",
    /// A dialog was shown to a human.
    DialogOpened => "dialog_opened",
    /// A dialog was closed.
    DialogClosed => "dialog_closed",
    /// A consult is about to start.
    ConsultReserved => "consult_reserved",
    /// A consult ended.
    ConsultSettled => "consult_settled",
    /// A reserved consult never started.
    ConsultReleased => "consult_released",
    /// A piece of evidence was recorded.
    EvidenceLogged => "evidence_logged",
    /// The project's checks ran.
    Verified => "verified",
    /// A patch was applied, or undone.
    Changed => "changed",
    /// An answer was flagged.
    RedFlagged => "red_flagged",
    /// A result of a topic that has its own fold: votes, selections, coordination, tools.
    Noted => "noted",
}

impl Event {
    /// Parses the part of an event that the state depends on: everything except the texts of consults, which
    /// make up most of a log.
    ///
    /// # Errors
    ///
    /// The same as for [`Self::read`].
    pub fn fold(shown: Shown<'_>) -> Result<Self, Unreadable> {
        let Shown { seq, run, at, kind, body: text } = shown;
        if kind != CONSULT_SETTLED {
            return Self::read(seq, run.to_owned(), at, kind, text);
        }
        let (id, rests_on, body) = envelope::<ConsultSettled<IgnoredAny>>(text)
            .map_err(|reason| Unreadable { seq, kind: kind.to_owned(), reason })?;
        Ok(Self { seq, run: run.to_owned(), at, id, rests_on, body })
    }
}

impl Draft {
    /// The appended event as [`Event::fold`] reads it, without parsing the long texts of a consult again.
    ///
    /// # Errors
    ///
    /// The same as for [`Event::read`].
    pub fn folded(self, shown: Shown<'_>) -> Result<Event, Unreadable> {
        let Body::ConsultSettled(settled) = self.body else { return Event::fold(shown) };
        let Shown { seq, run, at, .. } = shown;
        let body = ConsultSettled { prompt: None, response: None, ..settled }.into();
        Ok(Event { seq, run: run.to_owned(), at, id: self.id, rests_on: self.rests_on, body })
    }
}

fn envelope<T: DeserializeOwned + Into<Body>>(text: &str) -> Result<(String, Vec<String>, Body), String> {
    let read: Envelope<T> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok((read.id, read.rests_on, read.data.into()))
}

/// A request for a decision. The id of its event is the id of the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalRequested {
    pub stage: Stage,
    pub iteration: u32,
    pub report: Value,
    /// The report as text for people.
    pub display: String,
    /// Digest of the report, which every decision must repeat.
    pub digest: String,
    /// Digest of the proposed change (`domain::diff::digest`), if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[derive(Serialize, Deserialize, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Continue with the next stage.
    Approve,
    /// Repeat the stage with changes.
    Revise,
    /// Stop the run.
    Reject,
}

impl Decision {
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The status of a request after this decision.
    pub fn status(self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::Revise => "revision_requested",
            Self::Reject => "rejected",
        }
    }
}

/// The way in which a human opened the page on which they decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opened {
    /// By the dialog of a client.
    Dialog,
    /// By a command in a terminal.
    Terminal,
}

/// A decision was made.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalDecided {
    pub request: String,
    pub stage: Stage,
    pub decision: Decision,
    pub decided_by: DecidedBy,
    /// The way in which the page was opened, if the decision was made there.
    pub opened: Option<Opened>,
    /// Digest of the report that was reviewed.
    pub digest: String,
    /// Digest of the change that was reviewed.
    pub change: Option<String>,
    pub feedback: Option<String>,
    pub revision_instructions: Option<String>,
    /// Answers to questions, by question id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub responses: BTreeMap<String, String>,
    /// Id of the choice that was selected, if any.
    pub chosen: Option<String>,
    /// Ids of critical questions without an answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unanswered_critical: Vec<String>,
}

/// A dialog shows a request to a human. The id of its event is the id of the dialog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DialogOpened {
    pub request: String,
    /// The server that shows the dialog; the dialog ends with it.
    pub server: String,
    /// End of the wait for an answer, in milliseconds since 1970.
    pub until: u64,
}

/// A dialog was closed, with or without a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DialogClosed {
    pub dialog: String,
}

/// The sealed state of a dialog was used. It is valid only once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateUsed {
    pub nonce: String,
}

/// The kind of recorded evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum EvidenceType {
    /// An observation.
    Observation,
    /// A hypothesis.
    Hypothesis,
    /// A decision.
    Decision,
    /// A verification.
    Verification,
}

/// A recorded piece of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceLogged {
    pub evidence_type: EvidenceType,
    /// Name of the stage that it was recorded for.
    pub stage: String,
    pub content: Value,
    pub source: String,
    /// Certainty of the author, 0 to 1.
    pub confidence: f64,
}

/// One check of the project.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub command: String,
    /// The working directory, relative to the project root.
    pub cwd: String,
    pub kind: Kind,
    pub status: Status,
    pub exit_code: Option<i32>,
    /// The tests that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<String>,
    /// Duration in milliseconds.
    pub elapsed_ms: u64,
    /// The test counts. `None` in the log of an earlier version.
    pub proof: Option<Proof>,
}

/// The project's checks ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// True if there was at least one check and all passed.
    pub passed: bool,
    /// A summary in one line.
    pub summary: String,
    /// All checks that ran.
    pub checks: Vec<Check>,
    /// Test checks of the project that did not run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

impl Verified {
    /// Number of tests that ran and passed. `None` without checks.
    pub fn tests(&self) -> Option<usize> {
        let proofs: Vec<&Proof> = self.checks.iter().filter_map(|check| check.proof.as_ref()).collect();
        (!proofs.is_empty() || !self.checks.is_empty()).then(|| proofs.iter().map(|proof| proof.tests).sum())
    }
}

/// The kind of change to the project's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A patch was applied.
    Applied,
    /// A patch was undone.
    RolledBack,
    /// A change that a killed server had left unfinished was undone.
    Recovered,
}

/// A patch was applied, or undone.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    pub kind: ChangeKind,
    /// The backup session with the state before the change; after a crash, the session that was still open.
    pub backup_session: String,
    /// The backup session that it restored.
    pub undoes: Option<String>,
    /// The directory that the paths are relative to.
    #[serde(default)]
    pub root: String,
    /// The files, each once.
    pub files: Vec<ChangedFile>,
    /// SHA-256 of the patch's text.
    pub patch_sha256: Option<String>,
    /// The masked patch, shortened to the part that a report shows; only in a run.
    pub patch: Option<String>,
    /// Id of the request that approved the change.
    pub approved_by: Option<String>,
    /// Files that were not restored after a crash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A changed file. Without `before` it was created, without `after` it was removed. After a crash, `before`
/// is the content that the unfinished change had written, or was about to write.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    /// The path of the file.
    pub path: String,
    /// SHA-256 of the old content.
    pub before: Option<String>,
    /// SHA-256 of the new content.
    pub after: Option<String>,
}

impl ChangedFile {
    /// The kind of change, as a word. A rename removes one file and creates another.
    pub fn action(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "created",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "removed",
        }
    }
}

/// An answer that was flagged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedFlagged {
    pub provider: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The reasons for the flag.
    pub reasons: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    Vote,
    /// A selection among candidates.
    Selection,
    Calibration,
    /// A recorded result of a topology.
    Coordination,
    /// A change of the set of loaded tools.
    Tools,
    /// The answers of an ensemble.
    Ensemble,
    /// A conversation that begins with the turns of another one.
    Thread,
    /// A call that continues without its caller (a job).
    Job,
    Review,
}

/// A result of a topic that has its own fold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    pub topic: Topic,
    /// The result.
    pub content: Value,
}

/// The content of a noted result. Unknown fields are ignored, because a later version may add some.
pub trait Content: Serialize + DeserializeOwned {
    const TOPIC: Topic;
}

impl Noted {
    /// Wraps a result for the log.
    ///
    /// # Errors
    ///
    /// The content cannot be represented as JSON.
    pub fn of<T: Content>(content: &T) -> Result<Self, serde_json::Error> {
        Ok(Self { topic: T::TOPIC, content: serde_json::to_value(content)? })
    }

    /// Parses the content. `None` if it belongs to another topic or has another form.
    pub fn read<T: Content>(&self) -> Option<T> {
        (self.topic == T::TOPIC).then(|| from_value(self.content.clone()).ok()).flatten()
    }
}

/// A comparison of the answers of several consultants to one question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnsembleNoted {
    /// Number of compared answers.
    pub answers: u32,
    /// Redundancy of the answers: mean cosine similarity of their pairs, 0 to 1. `None` for fewer than two
    /// answers with words.
    pub redundancy: Option<f64>,
    /// The question without its files, for a judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Kept>,
    /// Names of the files of the question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context_files: Vec<String>,
}

impl Content for EnsembleNoted {
    const TOPIC: Topic = Topic::Ensemble;
}

impl Content for SelectionRecord {
    const TOPIC: Topic = Topic::Selection;
}

impl Content for VoteRecord {
    const TOPIC: Topic = Topic::Vote;
}

impl Content for CalibrationRecord {
    const TOPIC: Topic = Topic::Calibration;
}

impl Content for RunRecord {
    const TOPIC: Topic = Topic::Coordination;
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
    fn a_prompt_that_is_the_question_is_kept_once() {
        let question = consult::bounded(&"한".repeat(250_000)).into_owned();
        let turn = consult::TurnKept { question: question.clone(), ..consult::TurnKept::default() };
        let prompt = Some(consult::Kept { chars: 250_000, sha256: "s".to_owned(), text: None });
        let settled = ConsultSettled { prompt, turn: Some(turn), ..ConsultSettled::sample() };
        let text = Draft::new("a", settled.clone()).text().unwrap();
        assert_eq!(text.matches('한').count(), 200_000);
        let Body::ConsultSettled(read) =
            Event::read(1, String::new(), 1, CONSULT_SETTLED, &text).unwrap().body
        else {
            panic!("another kind");
        };
        let half = "한".repeat(100_000);
        assert_eq!(question, format!("{half}\n[... 50000 characters are left out ...]\n{half}"));
        assert_eq!(read.prompt.clone().unwrap().text, Some(question));
        assert_eq!(read.prompt.unwrap().whole(), None, "a part is no answer");
        assert_eq!(read.turn, settled.turn);
    }

    #[test]
    fn a_body_of_another_form_is_refused() {
        let text = json!({ "id": "a", "data": { "why": 3 } }).to_string();
        assert!(Event::read(1, String::new(), 1, "run_stopped", &text).is_err());
    }

    #[test]
    fn what_is_noted_is_read_by_its_topic_alone() {
        let ensemble =
            EnsembleNoted { answers: 2, redundancy: Some(0.5), task: None, context_files: Vec::new() };
        let noted = Noted::of(&ensemble).unwrap();
        assert_eq!(noted.content, json!({ "answers": 2, "redundancy": 0.5 }));
        assert_eq!(noted.read::<EnsembleNoted>(), Some(ensemble));
        assert_eq!(noted.read::<SelectionRecord>(), None);
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        let content = json!({ "answers": 2, "redundancy": null, "mood": "good" });
        let noted = Noted { topic: Topic::Ensemble, content };
        let read = EnsembleNoted { answers: 2, redundancy: None, task: None, context_files: Vec::new() };
        assert_eq!(noted.read(), Some(read));
    }

    #[test]
    fn another_form_says_nothing() {
        let noted = Noted { topic: Topic::Selection, content: json!({ "basis": "stars" }) };
        assert_eq!(noted.read::<SelectionRecord>(), None);
    }
}
