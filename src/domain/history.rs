//! The state of a project: a fold over every event of its log.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::approvals::DecidedBy;
use super::breaker::{self, Spent};
use super::calibrate::{CalibrationRecord, Measurement, Together};
use super::coordination::diversity::Question;
use super::coordination::record::RunRecord;
use super::event::stage::Mode;
use super::event::{Body, Decision, DialogOpened, Event, Noted, Topic};
use super::job::Jobs;
use super::measure::cost::Cells;
use super::measure::record::count;
use super::measure::tally::Tally;
use super::microstep::StepType;
use super::pairs;
use super::select::rank::SelectionRecord;
use super::spending::Spending;
use super::stage::Stage;
use super::thread::Threads;
use super::track_record::{Place, TrackRecord};
use super::vote::VoteRecord;
use super::workflow::{Attempt, Outcome, Phase, Request, Run};
use crate::domain::order::Order;

/// Maximum number of delivered results outside of runs that are kept.
const MOST_DELIVERED: usize = 16;

/// The state that all decisions are based on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    /// Position in the log of the last applied event.
    pub last_seq: u64,
    /// Position of the last event of each run; the empty id stands for the project itself.
    last: HashMap<String, u64>,
    runs: Runs,
    /// Id of the run of each request.
    requests: BTreeMap<String, String>,
    /// Stages outside of runs, by attempt. Of equal requests only the latest attempt is kept.
    loose: BTreeMap<String, StageOutsideRun>,
    /// Recorded results of topologies, the oldest first.
    pub coordination: Vec<RunRecord>,
    /// Questions that several providers answered, the oldest first.
    pub questions: Vec<Question>,
    /// Measurements by step and provider: the latest one of each model, the newest last.
    #[serde(with = "pairs")]
    calibrations: BTreeMap<(StepType, String), Vec<Measurement>>,
    /// Joint measurements of several providers, by step and the providers' names.
    #[serde(with = "pairs")]
    together: BTreeMap<(StepType, Vec<String>), Together>,
    /// Open dialogs, by the id of the event that opened them.
    dialogs: BTreeMap<String, DialogOpened>,
    /// Nonces of the sealed dialog states that were used.
    used_states: BTreeSet<String>,
    /// Conversations.
    pub threads: Threads,
    /// The spent limits of providers.
    pub spent: BTreeMap<String, Spent>,
    /// Counts of right and wrong answers of each provider.
    pub(crate) track_record: TrackRecord,
    /// The calls that continue without their callers.
    pub jobs: Jobs,
    /// The spending that caps limit.
    pub(crate) spending: Spending,
    /// Figures by run and day. Those outside of runs are under the empty id. Every event is counted once.
    tallies: HashMap<String, BTreeMap<u64, Tally>>,
}

/// A stage outside of any run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageOutsideRun {
    pub attempt: Attempt,
    /// The result, if there is one.
    pub result: Option<LooseResult>,
}

/// The outcome of a stage outside of runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum LooseResult {
    /// The stage produced outputs.
    Finished(super::event::stage::StageFinished),
    /// The stage ended without outputs.
    Failed(super::event::stage::StageFailed),
}

impl History {
    /// Applies an event. Events come in the order of the log; an event that comes again changes nothing.
    pub fn apply(&mut self, event: Event) {
        if event.seq <= self.last_seq {
            return;
        }
        self.last_seq = event.seq;
        match self.last.get_mut(&event.run) {
            Some(last) => *last = event.seq,
            None => drop(self.last.insert(event.run.clone(), event.seq)),
        }
        // This must look at the run before the event changes it.
        let stage = self.runs.get(&event.run).and_then(worked_on);
        count(&event, stage, || {
            self.tallies.entry(event.run.clone()).or_default().entry(event.at / DAY).or_default()
        });
        self.spending.apply(&event);
        self.judge(&event);
        match &event.body {
            Body::RunStarted(started) if !self.runs.known.contains_key(&event.run) => {
                self.runs.begin(Run::begin(&event, started));
                return;
            }
            Body::StateUsed(used) => {
                self.used_states.insert(used.nonce.clone());
                self.dialogs.retain(|_, dialog| !event.rests_on.contains(&dialog.request));
            }
            Body::DialogOpened(opened) => {
                self.dialogs.insert(event.id.clone(), opened.clone());
            }
            Body::DialogClosed(closed) => drop(self.dialogs.remove(&closed.dialog)),
            Body::ApprovalDecided(decided) => {
                self.dialogs.retain(|_, dialog| dialog.request != decided.request);
            }
            Body::Noted(noted) => self.apply_noted(event.seq, event.at, noted),
            Body::ConsultSettled(settled) => {
                self.threads.settled(event.seq, event.at, settled);
                breaker::settled(&mut self.spent, event.at, settled);
            }
            Body::ApprovalRequested(_) => {
                self.requests.insert(event.id.clone(), event.run.clone());
            }
            Body::RunStarted(_)
            | Body::RunStopped(_)
            | Body::RunResumed(_)
            | Body::StageStarted(_)
            | Body::StageResumed(_)
            | Body::Answered(_)
            | Body::StageFinished(_)
            | Body::StageFailed(_)
            | Body::StageInterrupted(_)
            | Body::StageDelivered(_)
            | Body::ConsultReserved(_)
            | Body::ConsultReleased(_)
            | Body::EvidenceLogged(_)
            | Body::Verified(_)
            | Body::Changed(_)
            | Body::RedFlagged(_) => {}
        }
        match self.runs.get_mut(&event.run) {
            Some(run) => run.fold(event),
            None => self.apply_loose(&event),
        }
    }

    /// Applies a noted result. A result that a later version wrote in another form is ignored.
    fn apply_noted(&mut self, seq: u64, at: u64, noted: &Noted) {
        match noted.topic {
            Topic::Coordination => {
                let Some(record) = noted.read::<RunRecord>() else { return };
                for answer in &record.answers {
                    if let (Some(stage), Some(is_right)) = (record.stage, answer.correct) {
                        self.track_record.judge_one(Place::Stage(stage), &answer.provider, is_right);
                    }
                }
                self.ask(record.answers.clone());
                self.coordination.push(record);
            }
            Topic::Vote => {
                self.ask(noted.read::<VoteRecord>().map(|vote| vote.answers).unwrap_or_default());
            }
            Topic::Selection => {
                let record = noted.read::<SelectionRecord>();
                self.ask(record.map(|selection| selection.answers).unwrap_or_default());
            }
            Topic::Calibration => {
                let Some(record) = noted.read::<CalibrationRecord>() else { return };
                let step = record.step_type;
                for one in record.providers {
                    let (right, wrong) = (one.right, one.valid.saturating_sub(one.right));
                    self.track_record.judge(Place::Step(step), &one.provider, right.into(), wrong.into());
                    let known = self.calibrations.entry((step, one.provider.clone())).or_default();
                    known.retain(|other| other.model != one.model);
                    known.push(one);
                }
                if let Some(together) = record.together {
                    let names = together.voters.iter().map(|(provider, _)| provider.clone()).collect();
                    self.together.insert((step, names), together);
                }
            }
            Topic::Thread => {
                if let Some(forked) = noted.read() {
                    self.threads.forked(at, forked);
                }
            }
            Topic::Job => {
                if let Some(job) = noted.read() {
                    self.jobs.apply(seq, at, job);
                }
            }
            Topic::Tools | Topic::Ensemble | Topic::Review => {}
        }
    }

    /// Counts a decision for or against the provider of an answer, and a discarded answer against it. The
    /// policy's decisions do not count, because the policy only approves.
    fn judge(&mut self, event: &Event) {
        match &event.body {
            Body::Answered(answered) if !answered.candidate.ok && answered.candidate.error.is_none() => {
                self.track_record.judge_one(
                    Place::Stage(answered.stage),
                    &answered.candidate.provider,
                    false,
                );
            }
            Body::ApprovalDecided(decided) if decided.decided_by != DecidedBy::Policy => {
                let pending = self.runs.get(&event.run).filter(|run| {
                    matches!(&run.phase, Phase::AwaitingApproval { request, .. } if *request == decided.request)
                });
                let finished = pending.and_then(|run| run.finished.last());
                if let Some(finished) =
                    finished.filter(|done| done.stage == decided.stage && done.mode != Mode::Solo)
                {
                    let is_right = decided.decision == Decision::Approve;
                    self.track_record.judge_one(Place::Stage(finished.stage), &finished.provider, is_right);
                }
            }
            _ => {}
        }
    }

    /// Records a question that several providers answered. One answer alone allows no comparison.
    fn ask(&mut self, answers: Question) {
        if answers.len() > 1 {
            self.questions.push(answers);
        }
    }

    fn apply_loose(&mut self, event: &Event) {
        match &event.body {
            Body::StageStarted(started) => {
                self.loose.retain(|_, loose| loose.attempt.request != started.request);
                let attempt = Attempt::begun(&event.id, event.at, started);
                self.loose.insert(event.id.clone(), StageOutsideRun { attempt, result: None });
            }
            Body::StageResumed(resumed) => {
                if let Some(loose) = self.loose.get_mut(&resumed.attempt) {
                    loose.attempt.server.clone_from(&resumed.server);
                    loose.attempt.outcome = Outcome::Open;
                }
            }
            Body::Answered(answered) => {
                if let Some(loose) = self.loose.get_mut(&answered.attempt) {
                    loose.attempt.answers.push(answered.candidate.clone());
                }
            }
            Body::StageFinished(finished) => {
                if let Some(loose) = self.loose.get_mut(&finished.attempt) {
                    loose.attempt.outcome = Outcome::Finished;
                    loose.result = Some(LooseResult::Finished(finished.clone()));
                }
            }
            Body::StageFailed(failed) => {
                if let Some(loose) = self.loose.get_mut(&failed.attempt) {
                    loose.attempt.outcome = Outcome::Failed;
                    loose.result = Some(LooseResult::Failed(failed.clone()));
                }
            }
            Body::StageInterrupted(cut) => {
                if let Some(loose) = self.loose.get_mut(&cut.attempt) {
                    loose.attempt.outcome = Outcome::Interrupted;
                }
            }
            Body::StageDelivered(delivered) => {
                if let Some(loose) = self.loose.get_mut(&delivered.attempt) {
                    loose.attempt.delivered = true;
                }
                self.forget_delivered();
            }
            _ => {}
        }
    }

    /// Drops old delivered results. Recent ones stay, because other callers may wait for the same result.
    fn forget_delivered(&mut self) {
        let delivered = self.loose.iter().filter(|(_, loose)| loose.attempt.delivered);
        let mut old: Vec<(u64, String)> =
            delivered.map(|(id, loose)| (loose.attempt.started_at, id.clone())).collect();
        old.order_by(Ord::cmp);
        for (_, id) in old.iter().take(old.len().saturating_sub(MOST_DELIVERED)) {
            self.loose.remove(id);
        }
    }

    /// Position of the last event of a run; 0 if it has none.
    pub fn last_of(&self, run: &str) -> u64 {
        self.last.get(run).copied().unwrap_or(0)
    }

    pub fn run(&self, id: &str) -> Option<&Run> {
        self.runs.get(id)
    }

    /// All runs, the oldest first.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.runs.all()
    }

    /// The open run that began last and has an event since `idle_before`; a run without one is parked.
    pub fn latest_open(&self, idle_before: u64) -> Option<&Run> {
        self.runs.those(move |run| run.is_open && run.last_at >= idle_before).next_back()
    }

    /// Number of consults that a new run counts as used from the start, to prevent fresh budgets. They come
    /// from this server's open run, and from the project's last run and the last one with the same task if
    /// the model relayed their rejection. The largest number counts.
    pub fn carried(&self, task: &str, current: Option<&str>) -> u32 {
        let brief = |holds: &dyn Fn(&str, &Brief<'_>) -> bool| {
            self.runs.briefs().rev().find(|(id, run)| holds(id, run)).map(|(_, run)| run)
        };
        let open = current.and_then(|current| brief(&|id, _| id == current)).filter(|run| run.is_open);
        let last = brief(&|_, _| true);
        let same = brief(&|_, run| run.task == task);
        let rejected = last.into_iter().chain(same).filter(|run| run.was_rejected_by_relay);
        open.into_iter().chain(rejected).map(|run| run.used).max().unwrap_or(0)
    }

    /// The backups that an open run may still need.
    pub fn backups_in_use(&self) -> BTreeSet<String> {
        let open = self.runs.those(|run| run.is_open);
        open.flat_map(|run| run.backups.iter().cloned()).collect()
    }

    /// A request for a decision, with its run.
    pub fn request(&self, id: &str) -> Option<(&Run, &Request)> {
        let run = self.runs.get(self.requests.get(id)?)?;
        Some((run, run.request(id)?))
    }

    /// The latest open run with this task and this first stage.
    pub fn open_of(&self, task: &str, start: Stage) -> Option<&Run> {
        let is_it = |run: &Brief<'_>| run.is_open && run.task == task && run.start_stage == start;
        self.runs.those(is_it).next_back()
    }

    /// Adds a reader for whole runs to a state that an earlier process folded.
    pub fn reading_by(mut self, reader: RunReader) -> Self {
        self.runs.reader = Some(reader);
        self
    }

    /// True if a run could not be read from the log. Then all later answers are incomplete.
    pub fn has_lost(&self) -> bool {
        self.runs.lost.load(Ordering::Relaxed)
    }

    /// All requests that wait for a decision, the oldest first.
    pub fn pending(&self) -> impl Iterator<Item = (&Run, &Request)> {
        self.runs.those(|run| run.waits).filter_map(|run| Some((run, run.pending()?)))
    }

    /// All requests, the newest first.
    pub fn requests(&self) -> Vec<(&Run, &Request)> {
        let mut all: Vec<(&Run, &Request)> =
            self.runs().flat_map(|run| run.requests.iter().map(move |request| (run, request))).collect();
        all.order_by_key(|(_, request)| std::cmp::Reverse(request.at));
        all
    }

    /// The stage outside of runs for a request.
    pub fn loose(&self, request: &str) -> Option<&StageOutsideRun> {
        self.loose.values().find(|loose| loose.attempt.request == request)
    }

    /// The stage outside of runs with this attempt.
    pub fn loose_attempt(&self, attempt: &str) -> Option<&StageOutsideRun> {
        self.loose.get(attempt)
    }

    /// The measurements of a step with a provider, one for each model, the newest last.
    pub fn calibrations(&self, step: StepType, provider: &str) -> &[Measurement] {
        self.calibrations.get(&(step, provider.to_owned())).map(Vec::as_slice).unwrap_or_default()
    }

    /// The joint measurement of a step with exactly these providers.
    pub fn calibration_together(&self, step: StepType, providers: &[String]) -> Option<&Together> {
        let mut names = providers.to_vec();
        names.sort();
        self.together.get(&(step, names))
    }

    /// The figures of a run. `None` if nothing was counted for it.
    pub fn tally_of(&self, run: &str) -> Option<Tally> {
        Some(merged(self.tallies.get(run)?.values()))
    }

    /// Tokens and money of a run, by model, stage and thread.
    pub(crate) fn cells_of(&self, run: &str) -> Cells {
        let mut all = Cells::new();
        for tally in self.tallies.get(run).into_iter().flat_map(BTreeMap::values) {
            for (key, cell) in &tally.cells {
                all.entry(key.clone()).or_default().merge(cell);
            }
        }
        all
    }

    /// The figures since the day (UTC) of a time.
    pub(crate) fn tally_since(&self, start: u64) -> Tally {
        merged(self.tallies.values().flat_map(|days| days.range(start / DAY..).map(|(_, tally)| tally)))
    }

    /// The figures of the project, inside and outside of runs.
    pub fn tally(&self) -> Tally {
        merged(self.tallies.values().flat_map(BTreeMap::values))
    }

    /// The dialogs about a request that still wait at the time `now`. Their servers may be dead.
    pub fn dialogs(&self, request: &str, now: u64) -> impl Iterator<Item = &DialogOpened> {
        self.dialogs.values().filter(move |dialog| dialog.request == request && dialog.until > now)
    }

    /// True if the sealed state with this nonce was used.
    pub fn is_used(&self, nonce: &str) -> bool {
        self.used_states.contains(nonce)
    }
}

/// Reads a whole run from the log. `None` if that fails.
pub type RunReader = Arc<dyn Fn(&str) -> Option<Run> + Send + Sync>;

/// The facts about a run that are needed without reading it as a whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Brief<'a> {
    task: Cow<'a, str>,
    start_stage: Stage,
    last_at: u64,
    is_open: bool,
    /// True if one of its requests waits for a decision.
    waits: bool,
    /// Number of consults so far.
    used: u32,
    was_rejected_by_relay: bool,
}

impl<'a> Brief<'a> {
    fn of(run: &'a Run) -> Self {
        Self {
            task: Cow::Borrowed(&run.task),
            start_stage: run.start_stage,
            last_at: run.last_at,
            is_open: run.phase.is_open(),
            waits: run.pending().is_some(),
            used: run.budget.used(),
            was_rejected_by_relay: run.was_rejected_by_relay(),
        }
    }
}

/// A run that this process folded, or that an earlier process folded and this one reads on demand.
#[derive(Clone, Debug)]
enum Known {
    Here(Box<Run>),
    Earlier { brief: Brief<'static>, read: OnceLock<Option<Box<Run>>> },
}

impl Known {
    fn brief(&self) -> Brief<'_> {
        match self {
            Self::Here(run) => Brief::of(run),
            Self::Earlier { brief, .. } => Brief { task: Cow::Borrowed(&brief.task), ..brief.clone() },
        }
    }
}

/// All runs by id, and in the order in which they began.
#[derive(Clone, Default)]
struct Runs {
    known: HashMap<String, Known>,
    /// Ids of the runs, the oldest first.
    order: Vec<String>,
    reader: Option<RunReader>,
    /// True after a run could not be read.
    lost: Arc<AtomicBool>,
}

impl Runs {
    fn begin(&mut self, run: Run) {
        self.order.push(run.id.clone());
        self.known.insert(run.id.clone(), Known::Here(Box::new(run)));
    }

    fn get(&self, id: &str) -> Option<&Run> {
        match self.known.get(id)? {
            Known::Here(run) => Some(run),
            Known::Earlier { read, .. } => read.get_or_init(|| self.read(id)).as_deref(),
        }
    }

    /// A run, for a change.
    fn get_mut(&mut self, id: &str) -> Option<&mut Run> {
        if let Some(Known::Earlier { read, .. }) = self.known.get_mut(id) {
            let run = match read.take() {
                Some(run) => run,
                None => self.read(id),
            };
            self.known.insert(id.to_owned(), Known::Here(run?));
        }
        match self.known.get_mut(id)? {
            Known::Here(run) => Some(run),
            Known::Earlier { .. } => None,
        }
    }

    fn read(&self, id: &str) -> Option<Box<Run>> {
        let run = self.reader.as_ref().and_then(|read| read(id));
        if run.is_none() {
            self.lost.store(true, Ordering::Relaxed);
        }
        run.map(Box::new)
    }

    /// All runs, the oldest first.
    fn all(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.order.iter().filter_map(|id| self.get(id))
    }

    /// The facts about each run, with its id, the oldest first.
    fn briefs(&self) -> impl DoubleEndedIterator<Item = (&str, Brief<'_>)> {
        self.order.iter().filter_map(|id| Some((id.as_str(), self.known.get(id)?.brief())))
    }

    /// The runs that fulfil a condition, the oldest first. The others are not read.
    fn those(&self, holds: impl Fn(&Brief<'_>) -> bool) -> impl DoubleEndedIterator<Item = &Run> {
        self.briefs().filter(move |(_, brief)| holds(brief)).filter_map(|(id, _)| self.get(id))
    }
}

impl fmt::Debug for Runs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.order.iter().map(|id| (id, self.known.get(id)))).finish()
    }
}

impl Serialize for Runs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.briefs())
    }
}

impl<'de> Deserialize<'de> for Runs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let briefs: Vec<(String, Brief<'static>)> = Vec::deserialize(deserializer)?;
        let order = briefs.iter().map(|(id, _)| id.clone()).collect();
        let earlier = |(id, brief)| (id, Known::Earlier { brief, read: OnceLock::new() });
        Ok(Self { known: briefs.into_iter().map(earlier).collect(), order, ..Self::default() })
    }
}

/// Folds the events of one run, the oldest first, into that run.
pub fn refolded(events: impl IntoIterator<Item = Event>) -> Option<Run> {
    let mut run: Option<Run> = None;
    for event in events {
        match (&mut run, &event.body) {
            (Some(run), _) => run.fold(event),
            (None, Body::RunStarted(started)) => run = Some(Run::begin(&event, started)),
            // Events before the run's beginning are not part of it.
            (None, _) => {}
        }
    }
    run
}

/// Milliseconds in a day.
const DAY: u64 = 24 * 60 * 60 * 1_000;

fn merged<'a>(tallies: impl Iterator<Item = &'a Tally>) -> Tally {
    let mut all = Tally::default();
    for tally in tallies {
        all.merge(tally);
    }
    all
}

/// The stage whose work a project check verifies: the running stage, else the last finished one. A stage that
/// has not begun has done nothing yet.
fn worked_on(run: &Run) -> Option<Stage> {
    if let Phase::Running(stage) = &run.phase {
        return Some(*stage);
    }
    run.finished.last().map(|finished| finished.stage)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::event::consult::ConsultSettled;
    use crate::domain::event::stage::{LowRisk, Mode, RunStarted, StageFinished};
    use crate::domain::event::{Body, Verified};

    fn finished(stage: Stage) -> Body {
        Body::StageFinished(StageFinished {
            attempt: String::new(),
            stage,
            iteration: 1,
            mode: Mode::Solo,
            why: String::new(),
            output: serde_json::Value::Null,
            provider: "orchestrator".to_owned(),
            candidates: Vec::new(),
            consults_used: 0,
            elapsed_ms: 3,
        })
    }

    fn started(stage: Stage) -> Body {
        Body::RunStarted(RunStarted {
            task: "t".to_owned(),
            start_stage: stage,
            low_risk: LowRisk::Ask,
            carried: 0,
            approvals: None,
            server: None,
        })
    }

    fn verified(passed: bool) -> Body {
        let status = if passed { "passed" } else { "failed" };
        let check = serde_json::json!({ "command": "c", "cwd": ".", "kind": "unit_test", "status": status, "elapsed_ms": 1 });
        Body::Verified(Verified {
            missing: Vec::new(),
            passed,
            summary: String::new(),
            checks: vec![serde_json::from_value(check).unwrap()],
        })
    }

    fn changed() -> Body {
        let changed = serde_json::json!({ "kind": "applied", "backup_session": "b", "files": [] });
        Body::Changed(serde_json::from_value(changed).unwrap())
    }

    fn fold(bodies: impl IntoIterator<Item = (&'static str, Body)>) -> History {
        let mut history = History::default();
        for (seq, (run, body)) in (1..).zip(bodies) {
            let (run, id) = (run.to_owned(), seq.to_string());
            history.apply(Event { seq, run, at: seq, id, rests_on: Vec::new(), body });
        }
        history
    }

    #[test]
    fn a_check_before_the_work_is_no_verdict_on_it() {
        let before = fold([("r", started(Stage::Implement)), ("r", verified(false))]);
        let tally = before.tally_of("r").unwrap();
        assert_eq!(tally.verifications.failed, 1);
        assert_eq!(tally.runs["r"].success(), None);
        let after = fold([
            ("r", started(Stage::Implement)),
            ("r", finished(Stage::Implement)),
            ("r", verified(true)),
        ]);
        assert_eq!(after.tally_of("r").unwrap().runs["r"].success(), Some(true));
    }

    #[test]
    fn an_event_that_comes_twice_counts_once() {
        let mut history = fold([("r", started(Stage::Implement)), ("r", finished(Stage::Implement))]);
        let body = finished(Stage::Implement);
        let again =
            Event { seq: 2, run: "r".to_owned(), at: 2, id: "2".to_owned(), rests_on: Vec::new(), body };
        history.apply(again);
        assert_eq!(history.tally().stage_runs(), 1);
    }

    fn bodies() -> impl Strategy<Value = Body> {
        prop_oneof![
            Just(finished(Stage::Implement)),
            Just(changed()),
            any::<bool>().prop_map(verified),
            (any::<bool>(), 0_u64..1_000).prop_map(|(failed, elapsed_ms)| {
                Body::ConsultSettled(ConsultSettled {
                    code: failed.then(|| "timeout".to_owned()),
                    elapsed_ms,
                    input_tokens: Some(elapsed_ms),
                    ..ConsultSettled::sample()
                })
            }),
        ]
    }

    #[test]
    fn days_are_told_apart() {
        let mut history = fold([("r", changed()), ("r", changed())]);
        let body = changed();
        let at = 3 * DAY + 5;
        history.apply(Event {
            seq: 9,
            run: "r".to_owned(),
            at,
            id: "9".to_owned(),
            rests_on: Vec::new(),
            body,
        });
        assert_eq!(history.tally_of("r").unwrap().patches.applied, 3);
        assert_eq!(history.tally_since(at).patches.applied, 1);
        assert_eq!(history.tally_since(DAY).patches.applied, 1);
        assert_eq!(history.tally_since(0).patches.applied, 3);
    }

    proptest! {
        #[test]
        fn runs_and_the_rest_make_up_the_project(
            events in proptest::collection::vec((prop_oneof![Just(""), Just("a"), Just("b")], bodies()), 0..60),
        ) {
            let history = fold(events.clone());
            let mut all = Tally::default();
            for run in ["", "a", "b"] {
                let alone = fold(events.iter().filter(|(of, _)| *of == run).cloned());
                let of = |history: &History| history.tally_of(run).map(|tally| tally.calls);
                prop_assert_eq!(of(&history), of(&alone));
                all.merge(&history.tally_of(run).unwrap_or_default());
            }
            prop_assert_eq!(&history.tally(), &all);
            let calls = events.iter().filter(|(_, body)| matches!(body, Body::ConsultSettled(_))).count();
            prop_assert_eq!(all.calls.total, u64::try_from(calls).unwrap());
        }
    }
}
