//! The fold from which figures are computed. It takes entries in any order, and its size does not depend on
//! their number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cost::{Cells, Key};
use super::number::{Latency, Sum, ratio, shown};
use crate::domain::event::ChangeKind;
use crate::domain::event::consult::{ConsultSettled, Purpose};
use crate::domain::event::stage::Mode;
use crate::domain::pairs;
use crate::domain::select::rank::Basis;
use crate::domain::spending::{Cell, ModelKey};
use crate::domain::stage::Stage;
use crate::domain::verification::status::Status;

/// All counts. Their size grows with the number of providers, error codes and runs, not of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub calls: Calls,
    pub providers: BTreeMap<String, Calls>,
    /// Number of calls by purpose.
    pub purposes: BTreeMap<Purpose, u64>,
    /// Tokens and money, by model, stage and thread.
    #[serde(with = "pairs")]
    pub(crate) cells: Cells,
    /// Work by stage.
    pub stages: BTreeMap<Stage, StageTally>,
    /// Runs by id.
    pub runs: BTreeMap<String, RunTally>,
    /// Reasoning turns outside of runs.
    pub turns_outside: u64,
    pub selections: Selections,
    /// Verifications by verdict.
    pub verifications: Verifications,
    /// Patches that were applied and undone.
    pub patches: Patches,
    /// Groups of answers that were compared.
    pub groups: Groups,
    /// Recorded outcomes of tasks outside of runs.
    pub outcomes_outside: Outcomes,
}

/// Selections among candidates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selections {
    pub total: u64,
    /// Number of selections that tests decided.
    pub with_tests: u64,
    /// Number of selections without a winner.
    pub without_winner: u64,
}

/// Number of verifications by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verifications {
    /// Number in which everything passed.
    pub passed: u64,
    /// Number in which something failed.
    pub failed: u64,
    /// Number without a verdict.
    pub undecided: u64,
}

/// Number of patches that were applied and undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patches {
    pub applied: u64,
    /// Number of changes that were undone.
    pub restored: u64,
}

/// Groups of answers to the same question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    pub total: u64,
    /// Number of groups with at least two answers.
    pub compared: u64,
    /// Sum of the mean similarities of the compared groups.
    pub similarity: Sum,
}

impl Tally {
    /// Adds a call to a consultant that was started. Its retries and its result do not matter: it is one
    /// call.
    pub fn add_consult(&mut self, run: Option<&str>, call: &ConsultSettled) {
        self.calls.add(call);
        self.providers.entry(call.provider.clone()).or_default().add(call);
        *self.purposes.entry(call.purpose).or_default() += 1;
        let key = Key {
            model_key: ModelKey::of(call),
            stage: call.stage,
            thread: call.turn.as_ref().map(|turn| turn.thread.clone()),
        };
        self.cells.entry(key).or_default().merge(&Cell::of(call));
        if let Some(stage) = call.stage {
            let stage = self.stages.entry(stage).or_default();
            stage.consults += 1;
            stage.failed_consults += u64::from(call.code.is_some());
        }
        if call.purpose.is_turn() {
            self.add_turn(run);
        }
    }

    /// Adds a run of a stage, which is also a turn of the orchestrator. `mode` is `None` if the run failed.
    pub fn add_stage_run(&mut self, run: Option<&str>, stage: Stage, mode: Option<Mode>, elapsed_ms: u64) {
        self.stages.entry(stage).or_default().add_run(mode, elapsed_ms);
        self.add_turn(run);
        if let Some(id) = run {
            self.run(id).improved |= stage == Stage::Improve && mode.is_some();
        }
    }

    /// Adds a verification. All commands of one call are one. `sequence` is its position in the log.
    pub fn add_verification(
        &mut self,
        run: Option<&str>,
        sequence: u64,
        stage: Option<Stage>,
        verdict: Verdict,
    ) {
        match verdict {
            Verdict::Passed => self.verifications.passed += 1,
            Verdict::Failed => self.verifications.failed += 1,
            Verdict::Undecided => self.verifications.undecided += 1,
        }
        if let Some(run) = run {
            self.run(run).add_verification(sequence, stage, verdict);
        }
    }

    pub fn add_selection(&mut self, basis: Basis, won: bool) {
        self.selections.total += 1;
        match basis {
            Basis::Tests => self.selections.with_tests += 1,
            Basis::StaticChecks | Basis::Judge | Basis::Rubric => {}
        }
        self.selections.without_winner += u64::from(!won);
    }

    /// Adds an applied or undone patch. A refused patch changes nothing and is not in the log.
    pub fn add_change(&mut self, run: Option<&str>, sequence: u64, kind: ChangeKind) {
        match kind {
            ChangeKind::Applied => self.patches.applied += 1,
            ChangeKind::RolledBack | ChangeKind::Recovered => self.patches.restored += 1,
        }
        if let Some(run) = run {
            self.run(run).add_change(sequence);
        }
    }

    /// Adds a group of answers to the same question. `similarity` is the mean cosine similarity of their
    /// pairs, 0 to 1, and `None` for fewer than two answers with words.
    pub fn add_redundancy(&mut self, similarity: Option<f64>) {
        self.groups.total += 1;
        let share = similarity.filter(|share| (0.0..=1.0).contains(share));
        if let Some(similarity) = share.and_then(Sum::of) {
            self.groups.compared += 1;
            self.groups.similarity += similarity;
        }
    }

    /// Adds a tally of other entries. Runs with the same id are one run.
    pub fn merge(&mut self, other: &Self) {
        self.calls.merge(&other.calls);
        for (provider, calls) in &other.providers {
            self.providers.entry(provider.clone()).or_default().merge(calls);
        }
        for (purpose, count) in &other.purposes {
            *self.purposes.entry(*purpose).or_default() += count;
        }
        for (key, cell) in &other.cells {
            self.cells.entry(key.clone()).or_default().merge(cell);
        }
        for (stage, tally) in &other.stages {
            self.stages.entry(*stage).or_default().merge(tally);
        }
        for (run, tally) in &other.runs {
            self.run(run).merge(tally);
        }
        self.turns_outside += other.turns_outside;
        self.verifications.passed += other.verifications.passed;
        self.verifications.failed += other.verifications.failed;
        self.verifications.undecided += other.verifications.undecided;
        self.selections.total += other.selections.total;
        self.selections.with_tests += other.selections.with_tests;
        self.selections.without_winner += other.selections.without_winner;
        self.patches.applied += other.patches.applied;
        self.patches.restored += other.patches.restored;
        self.groups.total += other.groups.total;
        self.groups.compared += other.groups.compared;
        self.groups.similarity += other.groups.similarity;
        self.outcomes_outside.merge(other.outcomes_outside);
    }

    /// Number of runs of stages.
    pub fn stage_runs(&self) -> u64 {
        self.stages.values().map(|stage| stage.runs).sum()
    }

    fn add_turn(&mut self, run: Option<&str>) {
        match run {
            Some(run) => self.run(run).turns += 1,
            None => self.turns_outside += 1,
        }
    }

    fn run(&mut self, id: &str) -> &mut RunTally {
        self.runs.entry(id.to_owned()).or_default()
    }
}

/// The total of a value that not every call reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported<T> {
    /// The total over the calls that report it.
    total: T,
    calls: u64,
}

impl<T: Copy> Reported<T> {
    /// The total. `None` if no call reported the value: then the total is unknown, not zero.
    pub fn total(&self) -> Option<T> {
        (self.calls > 0).then_some(self.total)
    }

    pub fn calls(&self) -> u64 {
        self.calls
    }

    fn add(&mut self, value: Option<T>, plus: fn(T, T) -> T) {
        if let Some(value) = value {
            self.total = plus(self.total, value);
            self.calls += 1;
        }
    }

    fn merge(&mut self, other: Self, plus: fn(T, T) -> T) {
        self.total = plus(self.total, other.total);
        self.calls += other.calls;
    }
}

/// Sums over calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    pub total: u64,
    pub failed: u64,
    /// Number of failed calls by error code.
    pub failures: BTreeMap<String, u64>,
    pub latency: Latency,
    /// Number of input tokens.
    pub input_tokens: Reported<u64>,
    /// Number of output tokens.
    pub output_tokens: Reported<u64>,
    /// Cost in US dollars.
    pub cost: Reported<Sum>,
    /// Number of calls by the model that answered (empty if unknown) and the requested model.
    #[serde(with = "pairs")]
    pub models: BTreeMap<(String, Option<String>), u64>,
}

impl Calls {
    /// Number of calls whose CLI did not report its cost.
    pub fn without_cost(&self) -> u64 {
        self.total - self.cost.calls()
    }

    pub fn add(&mut self, consult: &ConsultSettled) {
        self.total += 1;
        if let Some(code) = &consult.code {
            self.failed += 1;
            *self.failures.entry(code.clone()).or_default() += 1;
        }
        self.latency.add(consult.elapsed_ms);
        self.input_tokens.add(consult.input_tokens, u64::saturating_add);
        self.output_tokens.add(consult.output_tokens, u64::saturating_add);
        self.cost.add(consult.cost_usd.and_then(Sum::of), plus);
        let models = (consult.model.clone(), consult.told.model_asked.clone());
        *self.models.entry(models).or_default() += 1;
    }

    /// Adds the calls of another collection.
    pub fn merge(&mut self, other: &Self) {
        self.total += other.total;
        self.failed += other.failed;
        for (code, count) in &other.failures {
            *self.failures.entry(code.clone()).or_default() += count;
        }
        self.latency.merge(&other.latency);
        self.input_tokens.merge(other.input_tokens, u64::saturating_add);
        self.output_tokens.merge(other.output_tokens, u64::saturating_add);
        self.cost.merge(other.cost, plus);
        for (models, count) in &other.models {
            *self.models.entry(models.clone()).or_default() += count;
        }
    }

    pub fn succeeded(&self) -> u64 {
        self.total - self.failed
    }
}

fn plus(mut left: Sum, right: Sum) -> Sum {
    left += right;
    left
}

/// The verdict of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verdict {
    /// Something failed.
    Failed,
    /// Everything passed.
    Passed,
    /// There is no verdict: refused, not found, no tests, wrong arguments.
    Undecided,
}

impl From<Status> for Verdict {
    fn from(status: Status) -> Self {
        match status {
            Status::Passed => Self::Passed,
            Status::Failed | Status::CompileError | Status::TimedOut | Status::Crashed => Self::Failed,
            Status::NoTests
            | Status::OutputTooLarge
            | Status::Error
            | Status::NotFound
            | Status::Refused
            | Status::NothingToRun
            | Status::Skipped => Self::Undecided,
        }
    }
}

/// The figures of one run. "Latest" refers to the position in the log, so that the order in which entries are
/// added does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTally {
    /// Reasoning turns (see [`super`]).
    pub turns: u64,
    changed: Option<u64>,
    verified: Option<(u64, Verdict)>,
    work_verified: Option<(u64, Verdict)>,
    improved: bool,
}

impl RunTally {
    /// True if the task is finished, so that its turns can be compared with those of another whole task.
    pub fn is_finished(&self) -> bool {
        self.improved
    }

    /// Records a change at a position in the log.
    pub fn add_change(&mut self, sequence: u64) {
        self.changed = self.changed.max(Some(sequence));
    }

    /// Records a verification. An undecided one is ignored.
    pub fn add_verification(&mut self, sequence: u64, stage: Option<Stage>, verdict: Verdict) {
        let found = Some((sequence, verdict));
        match verdict {
            Verdict::Undecided => return,
            Verdict::Passed | Verdict::Failed => self.verified = self.verified.max(found),
        }
        match stage {
            Some(Stage::Implement | Stage::Debug | Stage::Improve) => {
                self.work_verified = self.work_verified.max(found);
            }
            Some(Stage::Analyze | Stage::Hypothesize) | None => {}
        }
    }

    /// Adds the figures of another part of the same run.
    pub fn merge(&mut self, other: &Self) {
        self.turns += other.turns;
        self.changed = self.changed.max(other.changed);
        self.verified = self.verified.max(other.verified);
        self.work_verified = self.work_verified.max(other.work_verified);
        self.improved |= other.improved;
    }

    /// True if the task is solved, according to the latest verification of the work. `None` if unknown.
    ///
    /// A test that fails before any change is the reason for the run, not its failure. So only a verification
    /// after the latest change counts. If no change is recorded, because the orchestrator made it by itself,
    /// a verification in implement, debug or improve counts.
    pub fn success(&self) -> Option<bool> {
        let (_, verdict) = match self.changed {
            Some(changed) => self.verified.filter(|(sequence, _)| *sequence > changed),
            None => self.work_verified,
        }?;
        match verdict {
            Verdict::Passed => Some(true),
            Verdict::Failed => Some(false),
            Verdict::Undecided => None,
        }
    }
}

/// Sums over the work of one stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTally {
    pub runs: u64,
    /// Number of runs in which the answer of a consultant was accepted.
    pub answered: u64,
    /// Number of runs that the orchestrator did itself.
    pub solo: u64,
    /// Number of runs without a result.
    pub failed: u64,
    /// Number of calls to consultants.
    pub consults: u64,
    /// Number of calls to consultants that failed.
    pub failed_consults: u64,
    /// Sum of the durations of its runs, in milliseconds.
    pub total_elapsed_ms: u64,
}

impl StageTally {
    pub fn add_run(&mut self, mode: Option<Mode>, elapsed_ms: u64) {
        self.runs += 1;
        match mode {
            Some(Mode::Consult | Mode::Ensemble) => self.answered += 1,
            Some(Mode::Solo) => self.solo += 1,
            None => self.failed += 1,
        }
        self.total_elapsed_ms = self.total_elapsed_ms.saturating_add(elapsed_ms);
    }

    /// Adds the work of another collection.
    pub fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.answered += other.answered;
        self.solo += other.solo;
        self.failed += other.failed;
        self.consults += other.consults;
        self.failed_consults += other.failed_consults;
        self.total_elapsed_ms = self.total_elapsed_ms.saturating_add(other.total_elapsed_ms);
    }
}

/// The work of one stage in results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageStats {
    #[serde(flatten)]
    pub work: StageTally,
    /// Mean duration of a run, in milliseconds.
    pub avg_elapsed_ms: Option<f64>,
}

impl From<StageTally> for StageStats {
    fn from(work: StageTally) -> Self {
        Self { work, avg_elapsed_ms: ratio(work.total_elapsed_ms, work.runs).and_then(shown) }
    }
}

/// Number of tasks and of solved tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solved {
    /// Number of solved tasks.
    pub successes: u64,
    pub tasks: u64,
}

impl Solved {
    /// Counts a task.
    pub fn add(&mut self, success: bool) {
        self.successes += u64::from(success);
        self.tasks += 1;
    }

    /// Share of solved tasks, 0 to 1. `None` without a task.
    pub fn rate(self) -> Option<f64> {
        ratio(self.successes, self.tasks)
    }

    fn merge(&mut self, other: Self) {
        self.successes += other.successes;
        self.tasks += other.tasks;
    }
}

/// Outcomes of tasks by the number of agents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Tasks of a single agent.
    pub single: Solved,
    /// Tasks of several agents.
    pub several: Solved,
}

impl Outcomes {
    /// Adds the outcomes of another collection.
    pub fn merge(&mut self, other: Self) {
        self.single.merge(other.single);
        self.several.merge(other.several);
    }

    /// Error amplification over the tasks: `(1 - P_MAS) / (1 - P_SAS)`. `None` if either has no task, or if a
    /// single agent never failed.
    pub fn error_amplification(self) -> Option<f64> {
        error_amplification(self.several.rate()?, self.single.rate()?)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Scope {
    /// One run of a workflow.
    Run(String),
    /// The whole project, inside and outside of runs.
    Project,
    /// The last days, today included.
    Days(u32),
}

impl Scope {
    /// The scope as a heading.
    pub fn title(&self) -> String {
        match self {
            Self::Run(id) => format!("run {id}"),
            Self::Project => "this project".to_owned(),
            Self::Days(1) => "today".to_owned(),
            Self::Days(days) => format!("the last {days} days"),
        }
    }
}

/// Turns of a single agent for one task (Kim et al., table 5: 7.2, standard deviation 2.1).
pub const PAPER_TURNS: f64 = 7.2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The paper's mean over its own tasks.
    Paper,
    /// The user's setting.
    Configured,
    /// Recorded runs of a single agent.
    Recorded,
}

/// Number of turns that a single agent would need for the task.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Baseline {
    /// Number of reasoning turns, above 0.
    turns: f64,
    origin: Origin,
}

impl Default for Baseline {
    fn default() -> Self {
        Self { turns: PAPER_TURNS, origin: Origin::Paper }
    }
}

impl Baseline {
    /// The baseline that the user configured. The paper's number if it is missing or not above 0.
    pub fn configured(turns: Option<f64>) -> Self {
        match turns.filter(|turns| turns.is_finite() && *turns > 0.0) {
            Some(turns) => Self { turns, origin: Origin::Configured },
            None => Self::default(),
        }
    }

    /// The baseline from recorded runs of a single agent. `None` if their turns are not above 0.
    pub fn recorded(turns: f64) -> Option<Self> {
        (turns.is_finite() && turns > 0.0).then_some(Self { turns, origin: Origin::Recorded })
    }

    /// Number of reasoning turns of a single agent.
    pub fn turns(self) -> f64 {
        self.turns
    }

    /// True if the paper's number is used, because no other is known.
    pub fn is_default(self) -> bool {
        self.origin == Origin::Paper
    }

    /// Coordination overhead in percent: `O = (T - T_SAS) / T_SAS x 100` (section 4.1). Negative if there are
    /// fewer turns than a single agent needs.
    pub fn overhead_percent(self, turns: f64) -> f64 {
        (turns - self.turns) / self.turns * 100.0
    }

    /// Efficiency: `Ec = S / (T / T_SAS)` (section 4.1). `None` without a turn.
    pub fn efficiency(self, success: f64, turns: f64) -> Option<f64> {
        (turns > 0.0).then(|| success / (turns / self.turns)).filter(|value| value.is_finite())
    }
}

/// Factor by which failures increase with several agents: `(1 - P_MAS) / (1 - P_SAS)`. The arguments are
/// success rates. `None` if a single agent never failed.
pub fn error_amplification(several: f64, single: f64) -> Option<f64> {
    error_ratio(1.0 - several, 1.0 - single)
}

/// The same factor from failure rates. `None` if a single agent never failed.
pub fn error_ratio(several: f64, single: f64) -> Option<f64> {
    (single > 0.0).then(|| several / single).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_failed_before_the_work_is_no_failure_of_it() {
        let mut run = RunTally::default();
        run.add_verification(1, Some(Stage::Analyze), Verdict::Failed);
        assert_eq!(run.success(), None);
        run.add_change(2);
        assert_eq!(run.success(), None, "nothing was verified since");
        run.add_verification(3, None, Verdict::Passed);
        assert_eq!(run.success(), Some(true));
        run.add_change(5);
        assert_eq!(run.success(), None);
    }

    #[test]
    fn changes_that_nobody_saw_are_judged_by_their_stage() {
        let mut run = RunTally::default();
        run.add_verification(4, Some(Stage::Implement), Verdict::Failed);
        run.add_verification(5, Some(Stage::Debug), Verdict::Passed);
        run.add_verification(6, Some(Stage::Debug), Verdict::Undecided);
        assert_eq!(run.success(), Some(true));
    }

    #[test]
    fn amplification_needs_both_sides() {
        let mut outcomes = Outcomes::default();
        outcomes.several.add(true);
        outcomes.several.add(false);
        assert_eq!(outcomes.error_amplification(), None);
        outcomes.single.add(true);
        assert_eq!(outcomes.error_amplification(), None, "a single agent that never failed");
        for success in [true, true, false] {
            outcomes.single.add(success);
        }
        // Half of the tasks against a quarter of them.
        assert_eq!(outcomes.error_amplification(), Some(2.0));
    }

    /// Table 5: success, turns; and the overhead and efficiency that follow to the given digits.
    const TABLE: [(f64, f64, f64, f64); 5] = [
        (0.466, 7.2, 0.0, 0.466),
        (0.370, 11.4, 58.3, 0.2337),
        (0.477, 26.1, 262.5, 0.1316),
        (0.463, 27.7, 284.7, 0.1203),
        (0.452, 44.3, 515.3, 0.0735),
    ];

    #[test]
    fn the_table_of_the_paper_follows_from_its_turns() {
        let paper = Baseline::default();
        for (success, turns, overhead, efficiency) in TABLE {
            assert!((paper.overhead_percent(turns) - overhead).abs() < 0.05, "{turns}");
            assert!((paper.efficiency(success, turns).unwrap() - efficiency).abs() < 0.000_05, "{turns}");
        }
    }

    #[test]
    fn errors_grow_as_the_shares_of_failure() {
        assert!((error_amplification(0.4, 0.5).unwrap() - 1.2).abs() < 1e-12);
        assert_eq!(error_amplification(0.4, 1.0), None);
        assert_eq!(error_amplification(1.0, 0.5), Some(0.0));
    }

    #[test]
    fn only_a_number_above_nothing_replaces_the_papers() {
        for bad in [None, Some(0.0), Some(-3.0), Some(f64::NAN), Some(f64::INFINITY)] {
            assert_eq!(Baseline::configured(bad), Baseline::default());
        }
        assert!(!Baseline::configured(Some(7.2)).is_default());
    }

    proptest! {
        #[test]
        fn as_many_turns_as_a_single_agent_are_no_overhead(turns in 0.01_f64..1e6) {
            let baseline = Baseline::configured(Some(turns));
            prop_assert!(baseline.overhead_percent(turns).abs() < f64::EPSILON);
            prop_assert!((baseline.efficiency(0.5, turns).unwrap() - 0.5).abs() < 1e-12);
        }

        #[test]
        fn more_turns_are_more_overhead_and_less_efficiency(
            single in 0.1_f64..100.0, turns in 0.1_f64..1000.0, more in 0.1_f64..1000.0,
        ) {
            let baseline = Baseline::configured(Some(single));
            prop_assert!(baseline.overhead_percent(turns + more) > baseline.overhead_percent(turns));
            prop_assert!(baseline.efficiency(1.0, turns + more) < baseline.efficiency(1.0, turns));
        }
    }
}
