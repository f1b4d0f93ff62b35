//! The fold: entry after entry, in any order, small however many there are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calls::Calls;
use super::cost::{Cells, Key};
use super::entry::{
    Candidates, Change, Consult, Entry, Outcome, Patch, Redundancy, Selection, StageRun, Verdict,
    Verification,
};
use super::number::Sum;
use super::outcome::Outcomes;
use super::run::RunTally;
use super::scope::Scope;
use super::stage::StageTally;
use crate::domain::event::consult::Purpose;
use crate::domain::select::record::Basis;
use crate::domain::spending::{Cell, Taken, Whose};
use crate::domain::stage::Stage;

/// Everything counted. It grows with the number of providers, error codes and runs, not with that
/// of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All calls.
    pub calls: Calls,
    /// Calls by provider.
    pub providers: BTreeMap<String, Calls>,
    /// Calls by purpose.
    pub purposes: BTreeMap<Purpose, u64>,
    /// Tokens and money, by model, stage and thread.
    pub(crate) cells: Cells,
    /// Work by stage.
    pub stages: BTreeMap<Stage, StageTally>,
    /// Runs by id.
    pub runs: BTreeMap<String, RunTally>,
    /// Reasoning turns outside of any run.
    pub turns_outside: u64,
    /// Selections.
    pub selections: Selections,
    /// Verifications by verdict.
    pub verifications: BTreeMap<Verdict, u64>,
    /// Changes.
    pub patches: Patches,
    /// Groups of answers that were compared.
    pub groups: Groups,
    /// Tasks outside of any run.
    pub outcomes_outside: Outcomes,
}

/// Selections among candidates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selections {
    /// Selections.
    pub total: u64,
    /// Those that tests decided.
    pub with_tests: u64,
    /// Those that nobody won.
    pub without_winner: u64,
}

/// Patches and restores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patches {
    /// Patches that were applied.
    pub applied: u64,
    /// Changes that were undone.
    pub restored: u64,
}

/// Groups of answers to the same question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// Groups.
    pub total: u64,
    /// Groups with two answers or more.
    pub compared: u64,
    /// Their mean similarities, added up.
    pub similarity: Sum,
}

impl Tally {
    /// Everything that a scope covers.
    pub fn of<'a>(scope: &Scope, entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut tally = Self::default();
        for entry in entries.into_iter().filter(|entry| scope.covers(entry)) {
            tally.add(entry);
        }
        tally
    }

    /// Adds an entry.
    pub fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::Consult(consult) => self.add_consult(consult),
            Entry::StageRun(run) => self.add_stage_run(run),
            Entry::Verification(verification) => self.add_verification(verification),
            Entry::Selection(selection) => self.add_selection(selection),
            Entry::Patch(patch) => self.add_patch(patch),
            Entry::Candidates(candidates) => self.add_candidates(candidates),
            Entry::Redundancy(redundancy) => self.add_redundancy(redundancy),
            Entry::Outcome(outcome) => self.add_outcome(outcome),
        }
    }

    /// Adds a call to a consultant.
    pub fn add_consult(&mut self, consult: &Consult) {
        self.calls.add(consult);
        self.providers.entry(consult.provider.clone()).or_default().add(consult);
        *self.purposes.entry(consult.purpose).or_default() += 1;
        let key = Key {
            whose: Whose { provider: consult.provider.clone(), model: consult.model.clone() },
            stage: consult.stage,
            thread: consult.thread.clone(),
        };
        let taken = Taken {
            input: consult.input_tokens,
            output: consult.output_tokens,
            dollars: consult.cost_usd,
            estimate: consult.estimate,
        };
        self.cells.entry(key).or_default().merge(&Cell::of(taken));
        if let Some(stage) = consult.stage {
            self.stages.entry(stage).or_default().add_consult(consult);
        }
        if consult.purpose.is_turn() {
            self.add_turn(consult.run.as_deref());
        }
    }

    /// Adds a run of a stage, which is a turn of the orchestrator's too.
    pub fn add_stage_run(&mut self, run: &StageRun) {
        self.stages.entry(run.stage).or_default().add_run(run);
        self.add_turn(run.run.as_deref());
        if let Some(id) = &run.run {
            self.run(id).add_stage(run.stage, run.end);
        }
    }

    /// Adds a verification.
    pub fn add_verification(&mut self, verification: &Verification) {
        *self.verifications.entry(verification.verdict).or_default() += 1;
        if let Some(run) = &verification.run {
            self.run(run).add_verification(verification);
        }
    }

    /// Adds a selection.
    pub fn add_selection(&mut self, selection: &Selection) {
        self.selections.total += 1;
        match selection.basis {
            Basis::Tests => self.selections.with_tests += 1,
            Basis::StaticChecks | Basis::Judge | Basis::Rubric => {}
        }
        self.selections.without_winner += u64::from(!selection.won);
    }

    /// Adds a patch or restore.
    pub fn add_patch(&mut self, patch: &Patch) {
        match patch.change {
            Change::Applied => self.patches.applied += 1,
            Change::Restored => self.patches.restored += 1,
        }
        if let Some(run) = &patch.run {
            self.run(run).add_patch(patch);
        }
    }

    /// Adds answers to the same question; how alike they are is found here.
    pub fn add_candidates(&mut self, candidates: &Candidates) {
        self.add_redundancy(&candidates.redundancy());
    }

    /// Adds answers to the same question that were compared already.
    pub fn add_redundancy(&mut self, redundancy: &Redundancy) {
        self.groups.total += 1;
        let share = redundancy.similarity.filter(|share| (0.0..=1.0).contains(share));
        if let Some(similarity) = share.and_then(Sum::of) {
            self.groups.compared += 1;
            self.groups.similarity += similarity;
        }
    }

    /// Adds the end of a task.
    pub fn add_outcome(&mut self, outcome: &Outcome) {
        match &outcome.run {
            Some(run) => self.run(run).add_outcome(outcome),
            None => self.outcomes_outside.add(outcome.agents, outcome.success),
        }
    }

    /// Adds what another tally of other entries holds. Runs of the same id are one run.
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
        for (verdict, count) in &other.verifications {
            *self.verifications.entry(*verdict).or_default() += count;
        }
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

    /// Runs of stages.
    pub fn stage_runs(&self) -> u64 {
        self.stages.values().map(StageTally::runs).sum()
    }

    /// Returns how tasks ended, inside runs and outside of them.
    pub fn outcomes(&self) -> Outcomes {
        let mut outcomes = self.outcomes_outside;
        for (agents, success) in self.runs.values().filter_map(RunTally::outcome) {
            outcomes.add(agents, success);
        }
        outcomes
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
