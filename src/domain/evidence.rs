//! Events as evidence: observations, hypotheses, decisions and verifications, with the events that each rests
//! on.
//!
//! Evidence is not stored separately. It is a view of the log without bookkeeping events (reservations,
//! deliveries, used states). Links skip those events.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::{Duration, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};
use strum::{EnumString, IntoStaticStr};

use super::approvals::DecidedBy;
use super::cut::{DOTS, ends};
use super::event::consult::{ConsultSettled, Kept};
use super::event::stage::{Answered, StageFailed, StageFinished, StageStarted};
use super::event::{
    ApprovalDecided, ApprovalRequested, Body, ChangeKind, Changed, Event, EvidenceLogged, EvidenceType,
    Noted, Topic, Verified,
};
use super::pairs::without_nulls;
use super::stage::Stage;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Kind {
    /// An observation.
    Observation,
    /// A hypothesis.
    Hypothesis,
    /// A decision.
    Decision,
    /// A verification.
    Verification,
    /// A consultant was asked.
    Consult,
    /// An answer was flagged.
    RedFlag,
    /// A vote.
    Vote,
    /// A selection among candidates.
    Selection,
    /// A patch was applied.
    Patch,
    /// A patch was undone.
    Rollback,
    /// A decision was requested or made.
    Approval,
    /// The outcome of a run or a stage.
    Stage,
}

impl From<EvidenceType> for Kind {
    fn from(logged: EvidenceType) -> Self {
        match logged {
            EvidenceType::Observation => Self::Observation,
            EvidenceType::Hypothesis => Self::Hypothesis,
            EvidenceType::Decision => Self::Decision,
            EvidenceType::Verification => Self::Verification,
        }
    }
}

/// The stage of a piece of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[derive(EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum OfStage {
    /// Collect the facts.
    Analyze,
    /// Explain the facts.
    Hypothesize,
    /// Make the smallest change.
    Implement,
    /// Fix the failures that the change left.
    Debug,
    /// Stabilise what works.
    Improve,
    /// No stage in particular.
    Any,
}

impl OfStage {
    /// The name of the stage, as in the log.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Parses the name of a stage; an unknown name gives [`Self::Any`].
    pub fn written(text: &str) -> Self {
        text.parse().unwrap_or(Self::Any)
    }
}

impl From<Stage> for OfStage {
    fn from(stage: Stage) -> Self {
        Self::written(stage.name())
    }
}

impl From<Option<Stage>> for OfStage {
    fn from(stage: Option<Stage>) -> Self {
        stage.map_or(Self::Any, Self::from)
    }
}

/// The amount of a piece of evidence to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A short form: prompts and answers appear as length and digest.
    Brief,
    /// Everything in the log.
    Whole,
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// Id of its event.
    pub id: String,
    pub evidence_type: Kind,
    pub stage: OfStage,
    pub content: Value,
    /// The author: a provider, `maestro`, `orchestrator`, `human`, or the recorded source.
    pub source: String,
    /// Certainty, 0 to 1. Events that this server observed have 1.
    pub confidence: f64,
    /// Ids of the events that it rests on.
    pub links: Vec<String>,
    /// Time in milliseconds since 1970.
    #[serde(rename = "timestamp", serialize_with = "as_text")]
    pub at: u64,
    /// Id of its run; empty if it belongs to none.
    #[serde(rename = "workflow_id", skip_serializing_if = "String::is_empty")]
    pub run: String,
    /// True if a part of the content was left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shortened: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn as_text<S: Serializer>(at: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(*at)))
}

impl Evidence {
    /// The evidence that an event is. `None` for bookkeeping.
    pub fn of(event: &Event, detail: Detail) -> Option<Self> {
        Some(Self {
            id: event.id.clone(),
            links: event.rests_on.clone(),
            at: event.at,
            run: event.run.clone(),
            ..told(event, detail)?
        })
    }

    /// Shortens the content to about `room` characters.
    pub fn shorten(&mut self, room: usize) {
        let (content, is_cut) = compact(&self.content, room);
        self.content = content;
        self.shortened |= is_cut;
    }
}

/// The source of everything that this server observed or did itself.
const MAESTRO: &str = "maestro";

/// The evidence without the fields that every event has. `None` for bookkeeping.
fn told(event: &Event, detail: Detail) -> Option<Evidence> {
    Some(match &event.body {
        Body::RunStarted(started) => {
            stage(started.start_stage, MAESTRO, json!({ "event": "run_started", "task": started.task }))
        }
        Body::RunStopped(stopped) => {
            stage(OfStage::Any, MAESTRO, json!({ "event": "run_stopped", "why": stopped.why }))
        }
        Body::RunResumed(_) => stage(OfStage::Any, MAESTRO, json!({ "event": "run_resumed" })),
        Body::StageStarted(started) => begun(started),
        Body::Answered(answered) => answer(event, answered, detail),
        Body::StageFinished(done) => finished(done),
        Body::StageFailed(done) => failed(done),
        Body::StageInterrupted(cut) => {
            stage(cut.stage, MAESTRO, json!({ "event": "interrupted", "why": cut.why }))
        }
        Body::ApprovalRequested(asked) => requested(event, asked, detail),
        Body::ApprovalDecided(said) => decided(said),
        Body::ConsultSettled(settled) => consult(settled, detail),
        Body::EvidenceLogged(logged) => recorded(logged),
        Body::Verified(checks) => verified(checks),
        Body::Changed(change) => changed(change),
        Body::RedFlagged(flagged) => Evidence {
            evidence_type: Kind::RedFlag,
            ..stage(flagged.stage, &flagged.provider, json!({ "reasons": flagged.reasons }))
        },
        Body::Noted(noted) => noted_result(noted)?,
        Body::StageResumed(_)
        | Body::StageDelivered(_)
        | Body::StateUsed(_)
        | Body::DialogOpened(_)
        | Body::DialogClosed(_)
        | Body::ConsultReserved(_)
        | Body::ConsultReleased(_) => return None,
    })
}

/// Evidence about a stage, with the fields of the event still empty. The other kinds of evidence are built
/// from it.
fn stage(of: impl Into<OfStage>, source: &str, content: Value) -> Evidence {
    Evidence {
        id: String::new(),
        evidence_type: Kind::Stage,
        stage: of.into(),
        content,
        source: source.to_owned(),
        confidence: 1.0,
        links: Vec::new(),
        at: 0,
        run: String::new(),
        shortened: false,
    }
}

fn begun(started: &StageStarted) -> Evidence {
    let content = json!({
        "event": "started",
        "iteration": started.iteration,
        "mode": started.mode,
        "why": started.why,
        "providers": started.providers,
    });
    stage(started.stage, MAESTRO, content)
}

fn answer(event: &Event, answered: &Answered, detail: Detail) -> Evidence {
    let candidate = &answered.candidate;
    let flags = flagged(event).map(|(_, reasons)| reasons);
    let content = without_nulls(json!({
        "event": "answered",
        "candidate": candidate.id,
        "model": named(&candidate.model),
        "model_asked": candidate.told.model_asked,
        "effort": candidate.told.effort,
        "warning": candidate.told.warning,
        "ok": candidate.ok,
        "elapsed_ms": candidate.elapsed_ms,
        "code": candidate.code,
        "error": candidate.error,
        "reasons": flags,
        "schema_errors": Some(&candidate.schema_errors).filter(|errors| !errors.is_empty()),
        "chars": candidate.content.chars().count(),
        "answer": Some(&candidate.content).filter(|_| detail == Detail::Whole),
        "content_file": candidate.content_file,
    }));
    let kind = if flags.is_some() { Kind::RedFlag } else { Kind::Stage };
    Evidence { evidence_type: kind, ..stage(answered.stage, &candidate.provider, content) }
}

/// The name of a model. `None` if it is unknown.
fn named(model: &str) -> Option<&str> {
    Some(model).filter(|model| !model.is_empty())
}

fn finished(done: &StageFinished) -> Evidence {
    let content = json!({
        "event": "finished",
        "iteration": done.iteration,
        "mode": done.mode,
        "consults_used": done.consults_used,
        "elapsed_ms": done.elapsed_ms,
        "output": done.output,
    });
    stage(done.stage, &done.provider, content)
}

fn failed(done: &StageFailed) -> Evidence {
    let content = json!({
        "event": "failed",
        "code": done.code,
        "error": done.error,
        "consults_used": done.consults_used,
        "elapsed_ms": done.elapsed_ms,
    });
    stage(done.stage, MAESTRO, content)
}

fn requested(event: &Event, asked: &ApprovalRequested, detail: Detail) -> Evidence {
    let content = without_nulls(json!({
        "event": "requested",
        "request_id": event.id,
        "iteration": asked.iteration,
        "digest": asked.digest,
        "report": Some(&asked.report).filter(|_| detail == Detail::Whole),
    }));
    Evidence { evidence_type: Kind::Approval, ..stage(asked.stage, MAESTRO, content) }
}

fn decided(said: &ApprovalDecided) -> Evidence {
    let content = json!({
        "event": "decided",
        "request_id": said.request,
        "decision": said.decision,
        "decided_by": said.decided_by,
        "feedback": said.feedback,
        "revision_instructions": said.revision_instructions,
        "question_responses": said.responses,
        "unanswered_critical": said.unanswered_critical,
    });
    Evidence { evidence_type: Kind::Approval, ..stage(said.stage, whose_word(said.decided_by), content) }
}

fn whose_word(by: DecidedBy) -> &'static str {
    match by {
        DecidedBy::Elicitation | DecidedBy::ClientDialog | DecidedBy::Terminal | DecidedBy::Page => "human",
        DecidedBy::Policy => MAESTRO,
        DecidedBy::Relayed => "orchestrator",
    }
}

fn consult(settled: &ConsultSettled, detail: Detail) -> Evidence {
    let content = without_nulls(json!({
        "purpose": settled.purpose,
        "model": named(&settled.model),
        "model_asked": settled.told.model_asked,
        "effort": settled.told.effort,
        "warning": settled.told.warning,
        "ok": settled.code.is_none(),
        "code": settled.code,
        "elapsed_ms": settled.elapsed_ms,
        "attempts": settled.attempts,
        "input_tokens": settled.input_tokens,
        "output_tokens": settled.output_tokens,
        "cost_usd": settled.cost_usd,
        "response": settled.response.as_ref().map(|text| shown(text, detail)),
        "prompt": settled.prompt.as_ref().map(|text| shown(text, detail)),
    }));
    Evidence { evidence_type: Kind::Consult, ..stage(settled.stage, &settled.provider, content) }
}

fn shown(kept: &Kept, detail: Detail) -> Value {
    let text = kept.text.as_ref().filter(|_| detail == Detail::Whole);
    without_nulls(json!({ "chars": kept.chars, "sha256": kept.sha256, "text": text }))
}

fn recorded(logged: &EvidenceLogged) -> Evidence {
    Evidence {
        evidence_type: logged.evidence_type.into(),
        confidence: logged.confidence,
        ..stage(OfStage::written(&logged.stage), &logged.source, logged.content.clone())
    }
}

fn verified(verified: &Verified) -> Evidence {
    let checks: Vec<Value> = verified
        .checks
        .iter()
        .map(|check| {
            json!({
                "command": check.command,
                "cwd": check.cwd,
                "status": check.status,
                "exit_code": check.exit_code,
                "failing": check.failing,
            })
        })
        .collect();
    let content = json!({ "passed": verified.passed, "summary": verified.summary, "checks": checks });
    Evidence { evidence_type: Kind::Verification, ..stage(OfStage::Any, MAESTRO, content) }
}

fn changed(change: &Changed) -> Evidence {
    let kind = match change.kind {
        ChangeKind::Applied => Kind::Patch,
        ChangeKind::RolledBack | ChangeKind::Recovered => Kind::Rollback,
    };
    let content = json!({
        "event": change.kind,
        "backup_session": change.backup_session,
        "files": change.files,
        "patch_sha256": change.patch_sha256,
    });
    Evidence { evidence_type: kind, ..stage(OfStage::Any, MAESTRO, content) }
}

/// The evidence in a noted result. `None` for tools, threads and jobs.
fn noted_result(noted: &Noted) -> Option<Evidence> {
    let kind = match noted.topic {
        Topic::Vote => Kind::Vote,
        Topic::Selection => Kind::Selection,
        Topic::Ensemble | Topic::Review => Kind::Consult,
        Topic::Calibration | Topic::Coordination => Kind::Observation,
        Topic::Tools | Topic::Thread | Topic::Job => return None,
    };
    let of = noted.content.get("stage").and_then(Value::as_str).map_or(OfStage::Any, OfStage::written);
    Some(Evidence { evidence_type: kind, ..stage(of, MAESTRO, noted.content.clone()) })
}

/// Shortens a value to about `room` characters. Returns true with it if something was left out. No text takes
/// more than half of the room, so that later parts are visible too.
pub fn compact(value: &Value, room: usize) -> (Value, bool) {
    let mut cutter = Cutter { left: room, longest: room / 2, is_cut: false };
    let shown = cutter.value(value);
    (shown, cutter.is_cut)
}

struct Cutter {
    left: usize,
    longest: usize,
    is_cut: bool,
}

impl Cutter {
    fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => {
                let mut shown = Vec::new();
                for item in items {
                    if !self.has_room_for(2) {
                        shown.push(Value::String(format!("{DOTS} {} more", items.len() - shown.len())));
                        break;
                    }
                    shown.push(self.value(item));
                }
                Value::Array(shown)
            }
            Value::Object(fields) => {
                let mut shown = Map::new();
                for (name, field) in fields {
                    if !self.has_room_for(name.chars().count() + 4) {
                        let rest: Vec<&str> =
                            fields.keys().skip(shown.len()).take(10).map(String::as_str).collect();
                        shown
                            .insert(DOTS.to_owned(), Value::String(format!("left out: {}", rest.join(", "))));
                        break;
                    }
                    let field = self.value(field);
                    shown.insert(name.clone(), field);
                }
                Value::Object(shown)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                self.left = self.left.saturating_sub(8);
                value.clone()
            }
        }
    }

    /// Subtracts room for a part. False if there was none left.
    fn has_room_for(&mut self, chars: usize) -> bool {
        if self.left == 0 {
            self.is_cut = true;
            return false;
        }
        self.left = self.left.saturating_sub(chars);
        true
    }

    fn text(&mut self, text: &str) -> String {
        let room = self.left.min(self.longest);
        match ends(text, room, 0) {
            Some((shown, more, _)) => {
                self.is_cut = true;
                self.left -= room;
                format!("{shown} {DOTS} {more} more characters")
            }
            None => {
                self.left = self.left.saturating_sub(text.chars().count());
                text.to_owned()
            }
        }
    }
}

/// Maximum characters of one piece that are held in memory while the log is read.
const MOST_HELD: usize = 20_000;

#[derive(Clone, Debug)]
pub struct Filter {
    /// Only evidence of this kind.
    pub kind: Option<Kind>,
    /// Only evidence of this stage.
    pub stage: Option<OfStage>,
    /// Only evidence of this run.
    pub run: Option<String>,
    /// Only evidence with these ids.
    pub among: Option<HashSet<String>>,
    /// Maximum number of pieces; the newest are kept.
    pub limit: usize,
    pub detail: Detail,
}

/// A list of evidence, folded from the log in its order.
#[derive(Clone, Debug)]
pub struct Listing {
    filter: Filter,
    trail: Trail,
    /// The newest pieces that fit the filter, the oldest first.
    pub kept: VecDeque<Evidence>,
    /// Number of pieces that fit the filter, including those that are left out.
    pub total: usize,
    /// Flagged answers of the filter's run and stage.
    pub flags: FlagSummary,
}

impl Listing {
    pub fn new(filter: Filter) -> Self {
        Self {
            filter,
            trail: Trail::default(),
            kept: VecDeque::new(),
            total: 0,
            flags: FlagSummary::default(),
        }
    }

    /// Takes the next event of the log.
    pub fn add(&mut self, event: &Event) {
        let Some(evidence) = self.trail.next(event, self.filter.detail) else { return };
        let filter = &self.filter;
        let in_scope = filter.run.as_ref().is_none_or(|run| *run == evidence.run)
            && filter.stage.is_none_or(|stage| stage == evidence.stage);
        if !in_scope {
            return;
        }
        self.flags.add(event);
        let is_wanted = filter.kind.is_none_or(|kind| kind == evidence.evidence_type)
            && filter.among.as_ref().is_none_or(|among| among.contains(&evidence.id));
        if is_wanted {
            self.total += 1;
            self.keep(evidence);
        }
    }

    fn keep(&mut self, mut evidence: Evidence) {
        if self.filter.limit == 0 {
            return;
        }
        if self.kept.len() == self.filter.limit {
            self.kept.pop_front();
        }
        evidence.shorten(MOST_HELD);
        self.kept.push_back(evidence);
    }
}

/// Reads the log in order and makes links skip bookkeeping. Example: a consult rests on its reservation,
/// which rests on the stage, so the consult links to the stage.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    past: HashMap<String, Vec<String>>,
}

impl Trail {
    /// Takes the next event of the log. `None` if it is bookkeeping.
    pub fn next(&mut self, event: &Event, detail: Detail) -> Option<Evidence> {
        let links = self.resolved(&event.rests_on);
        match Evidence::of(event, detail) {
            Some(evidence) => Some(Evidence { links, ..evidence }),
            None => {
                self.past.insert(event.id.clone(), links);
                None
            }
        }
    }

    fn resolved(&self, rests_on: &[String]) -> Vec<String> {
        let mut links: Vec<String> = Vec::new();
        for id in rests_on {
            match self.past.get(id) {
                Some(behind) => links.extend(behind.iter().cloned()),
                None => links.push(id.clone()),
            }
        }
        let mut seen = HashSet::new();
        links.retain(|id| seen.insert(id.clone()));
        links
    }
}

/// Collects the links between evidence, to find everything that one piece rests on.
#[derive(Clone, Debug, Default)]
pub struct Provenance {
    trail: Trail,
    links: HashMap<String, Vec<String>>,
}

impl Provenance {
    /// Takes the next event of the log.
    pub fn add(&mut self, event: &Event) {
        if let Some(evidence) = self.trail.next(event, Detail::Brief) {
            self.links.insert(evidence.id, evidence.links);
        }
    }

    /// The ids of a piece and of everything that it rests on, directly or indirectly. `None` if it does not
    /// exist.
    pub fn of(&self, id: &str) -> Option<HashSet<String>> {
        self.links.get(id)?;
        let mut found = HashSet::new();
        let mut left = vec![id];
        while let Some(id) = left.pop() {
            // Links may form circles, so each event is visited once.
            if let Some(links) = self.links.get(id)
                && found.insert(id.to_owned())
            {
                left.extend(links.iter().map(String::as_str));
            }
        }
        Some(found)
    }
}

/// The reason that is counted for an answer that does not fit the requested schema.
const MISFIT: &str = "schema_mismatch";

/// Counts of flagged answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FlagSummary {
    /// Number of answers by provider.
    pub by_provider: BTreeMap<String, u64>,
    /// Number of answers by reason; an answer may have several reasons.
    pub by_reason: BTreeMap<String, u64>,
    /// Number of answers.
    pub total_flagged: u64,
}

impl FlagSummary {
    /// Counts the flagged answer in an event, if there is one.
    pub fn add(&mut self, event: &Event) {
        let Some((provider, reasons)) = flagged(event) else { return };
        self.total_flagged += 1;
        *self.by_provider.entry(provider.to_owned()).or_default() += 1;
        for reason in reasons {
            *self.by_reason.entry(reason.to_owned()).or_default() += 1;
        }
    }
}

/// The provider and the reasons of a flagged answer in an event, each reason once.
fn flagged(event: &Event) -> Option<(&str, Vec<&str>)> {
    let (provider, reasons, misfits) = if let Body::Answered(answered) = &event.body {
        let candidate = &answered.candidate;
        (&candidate.provider, &candidate.red_flags, !candidate.schema_errors.is_empty())
    } else if let Body::RedFlagged(flagged) = &event.body {
        (&flagged.provider, &flagged.reasons, false)
    } else {
        return None;
    };
    let mut reasons: Vec<&str> = reasons.iter().map(String::as_str).collect();
    reasons.sort_unstable();
    reasons.dedup();
    reasons.extend(misfits.then_some(MISFIT));
    (!reasons.is_empty()).then_some((provider, reasons))
}

#[cfg(test)]
mod more_tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,300}".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 60, 10, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..10).prop_map(Value::Array),
                prop::collection::btree_map("[a-z]{1,12}", inner, 0..10)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_fits_is_untouched_and_what_does_not_is_bounded(value in any_value(), room in 0_usize..2_000) {
            let (shown, is_cut) = compact(&value, room);
            prop_assert_eq!(is_cut, shown != value);
            // Marks of what is missing come on top, a bounded number of them at each of the levels.
            prop_assert!(shown.to_string().chars().count() <= 4 * room + 2_000);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let value = json!({ "a": "x".repeat(100), "b": 1, "c": [1, 2, 3] });
        let (shown, is_cut) = compact(&value, 60);
        assert!(is_cut);
        assert_eq!(shown["a"], json!(format!("{} ... 70 more characters", "x".repeat(30))));
        let (shown, _) = compact(&value, 5);
        assert_eq!(shown["..."], "left out: b, c");
    }
}

#[cfg(test)]
mod tests;
