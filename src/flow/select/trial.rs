//! Trying candidates that are diffs: each in a copy of the project, side by side, and the project as it
//! is beside them. The project's own tests decide: whatever a candidate changes of them is put back.

mod bench;
mod notes;

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};

use super::intake::Candidate;
use crate::domain::diff::Patch;
use crate::domain::select::ablation::parts;
use crate::domain::select::guard::{Touched, without_tests};
use crate::domain::select::proof::{Observed, Weighed, named, weigh};
use crate::domain::select::{Proof, Tests};
use crate::error::Error;
use crate::flow::progress::Progress;
use crate::flow::session::Session;
use crate::flow::verify::{Entry, VerifyRequest, settled};

use bench::Bench;
pub use notes::{AblationNote, CheckNote, ProbeNote};

/// Candidates that are tried in one call; each is a copy of the project.
const MOST_TRIED: usize = 12;

pub(super) struct Wanted {
    pub(super) checks: Vec<Entry>,
    pub(super) probes: Vec<Entry>,
    /// Parts of a candidate that are undone one at a time.
    pub(super) most_undone: usize,
}

pub(super) struct Trial<'a> {
    bench: Bench<'a>,
    observed: Vec<Observed>,
    /// The checks in the project as it is.
    pub(super) base: Vec<CheckNote>,
    /// The probes in the project as it is.
    pub(super) base_probes: Vec<ProbeNote>,
    /// The candidates in order; none where one was not tried.
    pub(super) tested: Vec<Option<Tested>>,
    /// Candidates that are no diffs.
    pub(super) not_diffs: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Tested {
    /// Its copy.
    number: usize,
    applied: Patch,
    weighed: Weighed,
    pub(super) touched: Touched,
    pub(super) tests: Tests,
    pub(super) lint: Option<f64>,
    /// Why it is not proven, or what speaks against it.
    pub(super) reasons: Vec<String>,
    /// Lines that it adds and removes.
    pub(super) changed_lines: usize,
    /// How many candidates behave like it in the checks, itself included.
    pub(super) alike: usize,
    /// Why it was not run.
    pub(super) refused: Option<String>,
    pub(super) checks: Vec<CheckNote>,
    pub(super) ablation: Option<AblationNote>,
    pub(super) probes: Vec<ProbeNote>,
    /// True if its checks passed once more.
    pub(super) confirmed: bool,
}

/// Behaviour by which two candidates are alike: the end of each check, what failed, and how much passed, since
/// a candidate that takes tests away passes as well.
type Behaviour = Vec<(String, Vec<String>, Option<usize>)>;

/// Tries every candidate that is a diff.
pub(super) async fn run<'a>(
    session: &'a Session,
    candidates: &[Candidate],
    wanted: Wanted,
    progress: &'a Progress,
) -> Result<Trial<'a>, Error> {
    let settle = |entries| settled(session, VerifyRequest { entries, ..VerifyRequest::default() });
    let checks = settle(wanted.checks).await?;
    let probes = if wanted.probes.is_empty() { Vec::new() } else { settle(wanted.probes).await? };
    let patches: Vec<Option<&Patch>> =
        candidates.iter().map(|one| one.patch.as_ref().filter(|_| one.answers)).collect();
    let count = patches.iter().flatten().count();
    if count == 0 {
        let problem = "verify needs candidates that are diffs (got none)".to_owned();
        return Err(Error::InvalidArguments(problem));
    }
    if count > MOST_TRIED {
        let problem = format!("{count} candidates are diffs, and verify tries at most {MOST_TRIED}");
        return Err(Error::InvalidArguments(problem));
    }
    progress.say(&format!("copying the project for {count} candidates"));
    let bench = Bench::new(session, progress, checks, probes, count + 1).await?;
    // The first copy is the project as it is.
    let numbered: Vec<(usize, &Candidate, &Patch)> = candidates
        .iter()
        .zip(&patches)
        .filter_map(|(one, patch)| Some((one, (*patch)?)))
        .zip(1..)
        .map(|((one, patch), number)| (number, one, patch))
        .collect();
    let tried = numbered.iter().map(|(number, one, patch)| bench.first_run(*number, &one.id, patch));
    let (base, tried) = join(bench.check(0, "as it is"), join_all(tried)).await;
    let (observed, base) = base?;
    let mut tested = Vec::new();
    for first in tried {
        tested.push(Tested::new(first?, &observed));
    }
    let ablated: Vec<_> = tested
        .iter()
        .zip(&numbered)
        .map(|(one, (_, candidate, _))| ablation(&bench, one, &candidate.id, wanted.most_undone))
        .collect();
    let ablated = join_all(ablated).await;
    for (one, ablation) in tested.iter_mut().zip(ablated) {
        one.enter(ablation?);
    }
    group(&mut tested);
    let mut tested = tested.into_iter();
    let tested = patches.iter().map(|patch| patch.and_then(|_| tested.next())).collect();
    let not_diffs =
        candidates.iter().zip(&patches).filter(|(_, patch)| patch.is_none()).map(|(one, _)| one.id.clone());
    Ok(Trial { observed, base, base_probes: Vec::new(), tested, not_diffs: not_diffs.collect(), bench })
}

/// Leaves out one part of a contender after the other, and sees whether a test misses it.
async fn ablation(
    bench: &Bench<'_>,
    tested: &Tested,
    id: &str,
    most: usize,
) -> Result<Option<AblationNote>, Error> {
    if !tested.is_contender() {
        return Ok(None);
    }
    let parts = parts(&tested.applied);
    let mut note = AblationNote {
        parts: parts.each.len(),
        undone: 0,
        unseen: Vec::new(),
        not_undone: parts.each.iter().skip(most).map(|one| one.part.clone()).collect(),
        silent: parts.silent,
    };
    for without in parts.each.into_iter().take(most) {
        note.undone += 1;
        // Without its only part it is the project as it is, where the tests fail.
        if without.patch.files.is_empty() {
            continue;
        }
        let label = format!("{id} without {}", without.part);
        if !bench.misses(tested.number, &tested.applied, &without.patch, &label).await? {
            note.unseen.push(without.part);
        }
    }
    bench.lay(tested.number, &tested.applied, &tested.applied).await?.map_err(Error::Internal)?;
    Ok(Some(note))
}

impl Trial<'_> {
    /// Runs the checks of a winner once more, and those of the project as it is; whether it is still what
    /// it was.
    pub(super) async fn confirm(&mut self, index: usize, id: &str) -> Result<bool, Error> {
        let Some(Some(tested)) = self.tested.get(index) else { return Ok(true) };
        if tested.confirmed || tested.proof() == Proof::Lacks {
            return Ok(true);
        }
        let label = format!("{id} once more");
        let (again, base) =
            join(self.bench.check(tested.number, &label), self.bench.check(0, "as it is, once more")).await;
        let ((with, _), (base, _)) = (again?, base?);
        let first = weigh(&self.observed, &with);
        let second = weigh(&base, &with);
        let Some(Some(tested)) = self.tested.get_mut(index) else { return Ok(true) };
        tested.confirmed = true;
        if first.tests != Some(Tests::Passed) {
            tested.tests = Tests::Failed;
            let names = named(&[first.broken, first.still].concat());
            tested.reasons.push(format!("it passed, and failed when it was run once more: {names}"));
            return Ok(false);
        }
        if second.proof.is_empty() {
            tested.weighed.proof.clear();
            let reason = "its tests failed without it, and passed without it when they were run once more";
            tested.reasons.push(reason.to_owned());
            return Ok(false);
        }
        Ok(true)
    }

    /// Runs the probes on some candidates, and gives each the number of the first that behaves like it.
    pub(super) async fn probe(&mut self, indexes: &[usize]) -> Result<BTreeMap<usize, usize>, Error> {
        let numbers: Vec<(usize, usize)> = indexes
            .iter()
            .filter_map(|index| Some((*index, self.tested.get(*index)?.as_ref()?.number)))
            .collect();
        if !self.bench.has_probes() || numbers.is_empty() {
            return Ok(BTreeMap::new());
        }
        let bench = &self.bench;
        let runs = numbers.iter().map(|(_, number)| bench.probe(*number));
        let (base, runs) = join(bench.probe(0), join_all(runs.collect::<Vec<_>>())).await;
        self.base_probes = base?;
        let mut groups: Vec<(Vec<String>, usize)> = Vec::new();
        let mut first_like = BTreeMap::new();
        let mut any_spoke = false;
        for ((index, _), probes) in numbers.iter().zip(runs) {
            let probes = probes?;
            let marks: Vec<String> = probes.iter().map(ProbeNote::mark).collect();
            any_spoke |= probes.iter().any(ProbeNote::speaks);
            let first = match groups.iter().find(|(known, _)| *known == marks) {
                Some((_, first)) => *first,
                None => {
                    groups.push((marks, *index));
                    *index
                }
            };
            first_like.insert(*index, first);
            if let Some(Some(tested)) = self.tested.get_mut(*index) {
                tested.probes = probes;
            }
        }
        // Silence that all share shows nothing of how they behave.
        Ok(if any_spoke || groups.len() > 1 { first_like } else { BTreeMap::new() })
    }
}

/// A candidate's first run.
pub(super) struct FirstRun {
    number: usize,
    patch: Patch,
    applied: Patch,
    touched: Touched,
    refused: Option<String>,
    observed: Vec<Observed>,
    checks: Vec<CheckNote>,
}

impl Tested {
    fn new(run: FirstRun, base: &[Observed]) -> Self {
        let weighed = weigh(base, &run.observed);
        let tests =
            if run.refused.is_some() { Tests::Failed } else { weighed.tests.unwrap_or(Tests::Unknown) };
        let mut tested = Self {
            number: run.number,
            applied: run.applied,
            tests,
            lint: weighed.lint,
            weighed,
            touched: run.touched,
            reasons: Vec::new(),
            changed_lines: run.patch.changed_lines(),
            alike: 1,
            refused: run.refused,
            checks: run.checks,
            ablation: None,
            probes: Vec::new(),
            confirmed: false,
        };
        tested.reasons = tested.first_reasons();
        tested
    }

    fn first_reasons(&self) -> Vec<String> {
        let Weighed { proof, broken, still, fewer, .. } = &self.weighed;
        let mut reasons = Vec::new();
        let mut say = |names: &[String], words: &str| {
            if !names.is_empty() {
                reasons.push(format!("{words}: {}", named(names)));
            }
        };
        say(broken, "it breaks what passes without it");
        say(still, "it leaves failing what fails without it");
        say(fewer, "fewer tests run than without it");
        say(&self.touched.weakened, "it removes, skips or rewrites tests, whose own version was put back");
        say(&self.touched.runner, "it changes how tests are run, which was put back");
        if self.tests == Tests::Passed && proof.is_empty() {
            reasons.push("the base passes these tests too, so they prove nothing".to_owned());
        }
        reasons
    }

    /// True if tests speak for it as far as the first run tells.
    fn is_contender(&self) -> bool {
        self.tests == Tests::Passed
            && !self.weighed.proof.is_empty()
            && self.weighed.fewer.is_empty()
            && self.touched.is_honest()
    }

    /// Returns what its passing tests are worth.
    pub(super) fn proof(&self) -> Proof {
        let is_clean = self.ablation.as_ref().is_some_and(AblationNote::is_clean);
        if self.is_contender() && is_clean { Proof::Speaks } else { Proof::Lacks }
    }

    /// Returns what fails without it and passes with it.
    pub(super) fn proven_by(&self) -> &[String] {
        &self.weighed.proof
    }

    fn enter(&mut self, ablation: Option<AblationNote>) {
        if let Some(note) = &ablation {
            self.reasons.extend(note.unseen.iter().map(|part| format!("{part} is seen by no test")));
            if !note.not_undone.is_empty() {
                let parts = named(&note.not_undone);
                self.reasons.push(format!("max_ablations left parts that were not undone: {parts}"));
            }
        }
        self.ablation = ablation;
    }

    fn behaviour(&self) -> Behaviour {
        let of = |check: &CheckNote| {
            let mut failing = check.failing.clone();
            failing.sort();
            (format!("{:?}", check.status), failing, check.totals.and_then(|totals| totals.passed))
        };
        self.checks.iter().map(of).collect()
    }
}

/// Counts those that behave alike; who changes tests is like nobody.
fn group(tested: &mut [Tested]) {
    let mut groups: BTreeMap<Behaviour, usize> = BTreeMap::new();
    for one in tested.iter().filter(|one| one.touched.is_honest()) {
        *groups.entry(one.behaviour()).or_default() += 1;
    }
    for one in tested.iter_mut().filter(|one| one.touched.is_honest()) {
        one.alike = groups.get(&one.behaviour()).copied().unwrap_or(1);
    }
}
