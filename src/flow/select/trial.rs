//! Tries candidates that are diffs, each in a copy of the project, side by side with the unchanged project.
//! The project's own tests decide, so a candidate's changes of tests are reverted before the checks run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use futures_util::future::{join, join_all};
use serde::Serialize;
use serde_with::skip_serializing_none;
use tokio::sync::Semaphore;

use super::{Candidate, MOST_OUTPUT, SelectRequest};
use crate::domain::change::Mark;
use crate::domain::cut::head;
use crate::domain::cut::tail;
use crate::domain::diff::Patch;
use crate::domain::order::Gather;
use crate::domain::select::guard::{Touched, without_tests};
use crate::domain::select::probe::{Repeats, without_times};
use crate::domain::select::proof::{Observed, Weighed, parts, weigh};
use crate::domain::select::{Proof, Tests};
use crate::domain::verification::Kind;
use crate::domain::verification::read::Totals;
use crate::domain::verification::status::Status;
use crate::domain::words::first_names;
use crate::error::Error;
use crate::flow::change::apply_to_copy;
use crate::flow::kit::Kit;
use crate::flow::progress::Progress;
use crate::flow::scope::off_thread;
use crate::flow::verify::{CheckResult, Entry, Hold, VerifyRequest, settled, verify_copy};
use crate::host::change::Tree;
use crate::host::project::Project;
use crate::host::worktree::{TreeError, Trees};

/// Maximum number of candidates in one call; each needs a copy of the project.
const MOST_TRIED: usize = 12;

pub(super) struct Trial<'a> {
    trials: Trials<'a>,
    observed: Vec<Observed>,
    /// The checks in the unchanged project.
    pub(super) base: Vec<CheckNote>,
    /// The probes in the unchanged project.
    pub(super) base_probes: Vec<ProbeNote>,
    /// The candidates in order; `None` for one that was not tried.
    pub(super) tested: Vec<Option<Tested>>,
    /// Candidates that are not diffs.
    pub(super) not_diffs: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Tested {
    /// Number of its copy.
    number: usize,
    applied: Patch,
    /// Its first run.
    observed: Vec<Observed>,
    pub(super) weighed: Weighed,
    pub(super) touched: Touched,
    pub(super) tests: Tests,
    /// Reasons why it is not proven, or that count against it.
    pub(super) reasons: Vec<String>,
    /// Lines that it adds and removes.
    pub(super) changed_lines: usize,
    /// Number of candidates that behave alike in the checks, this one included.
    pub(super) alike: usize,
    /// Why it was not run.
    pub(super) refused: Option<String>,
    pub(super) checks: Vec<CheckNote>,
    pub(super) ablation: Option<AblationNote>,
    pub(super) probes: Vec<ProbeNote>,
    /// True if its checks passed a second time.
    pub(super) confirmed: bool,
}

/// Behaviour that equal candidates share: the end of each check, its failures, and its number of passed
/// tests, since a candidate that removes tests passes as well.
type Behaviour = Vec<(String, Vec<String>, Option<usize>)>;

/// Tries every candidate that is a diff.
pub(super) async fn run<'a>(
    kit: &'a Kit,
    candidates: &[Candidate],
    request: &SelectRequest,
    progress: &'a Progress,
) -> Result<Trial<'a>, Error> {
    let settle = |argument, entries| {
        settled(&kit.config, &kit.project, argument, VerifyRequest { entries, ..VerifyRequest::default() })
    };
    let checks = settle("verify", request.verify.clone().unwrap_or_default()).await?;
    let probes =
        if request.probe.is_empty() { Vec::new() } else { settle("probe", request.probe.clone()).await? };
    let patches: Vec<Option<&Patch>> =
        candidates.iter().map(|one| one.patch.as_ref().filter(|_| one.answers)).collect();
    let count = patches.iter().flatten().count();
    if count == 0 {
        let problem = "verify needs candidates that are diffs (got none)".to_owned();
        return Err(Error::InvalidArguments(problem));
    }
    if count > MOST_TRIED {
        let problem = format!("verify tries at most {MOST_TRIED} diffs (got {count})");
        return Err(Error::InvalidArguments(problem));
    }
    progress.say(&format!("copying the project for {count} candidates"));
    let trials = Trials::new(kit, progress, checks, probes, count + 1).await?;
    // The first copy is the unchanged project.
    let numbered: Vec<(usize, &Candidate, &Patch)> = candidates
        .iter()
        .zip(&patches)
        .filter_map(|(one, patch)| Some((one, (*patch)?)))
        .zip(1..)
        .map(|((one, patch), number)| (number, one, patch))
        .collect();
    let tried = numbered.iter().map(|(number, one, patch)| trials.first_run(*number, &one.id, patch));
    let (base, tried) = join(trials.check(0, "as it is"), join_all(tried)).await;
    let (observed, base) = base?;
    let mut tested = Vec::new();
    for one in tried {
        let mut one = one?;
        one.weigh(&observed);
        tested.push(one);
    }
    let ablated: Vec<_> = tested
        .iter()
        .zip(&numbered)
        .map(|(one, (_, candidate, _))| ablation(&trials, one, &candidate.id, request.max_ablations))
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
    Ok(Trial { observed, base, base_probes: Vec::new(), tested, not_diffs: not_diffs.collect(), trials })
}

/// Leaves out one part of a candidate at a time, and checks that a test notices.
async fn ablation(
    trials: &Trials<'_>,
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
        // Without its only part it is the unchanged project, where the tests fail.
        if without.patch.files.is_empty() {
            continue;
        }
        let label = format!("{id} without {}", without.part);
        if !trials.misses(tested.number, &tested.applied, &without.patch, &label).await? {
            note.unseen.push(without.part);
        }
    }
    trials.lay(tested.number, &tested.applied, &tested.applied).await?.map_err(Error::Internal)?;
    Ok(Some(note))
}

impl Trial<'_> {
    /// Runs the checks of a winner and of the unchanged project once more. True if the winner is still
    /// proven.
    pub(super) async fn confirm(&mut self, index: usize, id: &str) -> Result<bool, Error> {
        let Some(Some(tested)) = self.tested.get(index) else { return Ok(true) };
        if tested.confirmed || tested.proof() == Proof::Lacks {
            return Ok(true);
        }
        let label = format!("{id} once more");
        let (again, base) =
            join(self.trials.check(tested.number, &label), self.trials.check(0, "as it is, once more")).await;
        let ((with, _), (base, _)) = (again?, base?);
        let first = weigh(&self.observed, &with);
        let second = weigh(&base, &with);
        let Some(Some(tested)) = self.tested.get_mut(index) else { return Ok(true) };
        tested.confirmed = true;
        if first.tests != Some(Tests::Passed) {
            tested.tests = Tests::Failed;
            let names = first_names(&[first.broken, first.still].concat(), 0);
            tested.reasons.push(format!("it passed, and failed when it was run once more: {names}"));
            return Ok(false);
        }
        if second.proof.is_empty() {
            tested.weighed.proof.clear();
            let reason = "its tests failed without it, but passed without it when they were run once more";
            tested.reasons.push(reason.to_owned());
            return Ok(false);
        }
        Ok(true)
    }

    /// Runs the probes on candidates, and maps each to the first one that behaves alike. The map is empty if
    /// the probes show nothing.
    pub(super) async fn probe(&mut self, indexes: &[usize]) -> Result<BTreeMap<usize, usize>, Error> {
        let numbers: Vec<(usize, usize)> = indexes
            .iter()
            .filter_map(|index| Some((*index, self.tested.get(*index)?.as_ref()?.number)))
            .collect();
        if self.trials.probes.is_empty() || numbers.is_empty() {
            return Ok(BTreeMap::new());
        }
        let trials = &self.trials;
        let run = || join_all(numbers.iter().map(|(_, number)| trials.probe(*number)));
        let (base, runs) = join(trials.probe(0), run()).await;
        self.base_probes = base?;
        let mut runs: Vec<Vec<ProbeNote>> = runs.into_iter().collect::<Result<_, _>>()?;
        let mut repeats = vec![Repeats::Whole; trials.probes.len()];
        let marks = |repeats: &[Repeats], probes: &[ProbeNote]| -> Vec<String> {
            probes.iter().zip(repeats).map(|(probe, repeats)| probe.mark(*repeats)).collect()
        };
        let all_alike = |runs: &[Vec<ProbeNote>]| {
            runs.windows(2)
                .all(|two| matches!(two, [one, other] if marks(&repeats, one) == marks(&repeats, other)))
        };
        // An output that differs may do so from run to run.
        if !all_alike(&runs) {
            let again: Vec<Vec<ProbeNote>> = run().await.into_iter().collect::<Result<_, _>>()?;
            repeats = (0..repeats.len()).map(|probe| repeated(&runs, &again, probe)).collect();
            for probes in &mut runs {
                for (probe, _) in probes.iter_mut().zip(&repeats).filter(|(_, one)| **one == Repeats::Nothing)
                {
                    probe.note.get_or_insert_with(|| NOT_REPEATED.to_owned());
                }
            }
        }
        let mut groups: Vec<(Vec<String>, usize)> = Vec::new();
        let mut first_like = BTreeMap::new();
        let mut any_spoke = false;
        for ((index, _), probes) in numbers.iter().zip(runs) {
            let marks = marks(&repeats, &probes);
            any_spoke |= probes
                .iter()
                .zip(&repeats)
                .any(|(one, repeats)| *repeats != Repeats::Nothing && one.speaks());
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
        // If all are silent, nothing shows how they behave.
        Ok(if any_spoke || groups.len() > 1 { first_like } else { BTreeMap::new() })
    }

    /// True if probes ran, and none of them printed anything.
    pub(super) fn probed_in_silence(&self) -> bool {
        let mut probes = self.tested.iter().flatten().flat_map(|tested| &tested.probes).peekable();
        probes.peek().is_some() && !probes.any(ProbeNote::speaks)
    }
}

/// Why a probe distinguishes nothing.
const NOT_REPEATED: &str = "its output is not deterministic: a second run printed something else";

/// The part of a probe's output that is the same in two runs of each candidate.
fn repeated(first: &[Vec<ProbeNote>], second: &[Vec<ProbeNote>], probe: usize) -> Repeats {
    let repeats = |how: &Repeats| {
        let mut pairs = first.iter().zip(second);
        pairs.all(|(first, second)| {
            let mark = |probes: &[ProbeNote]| probes.get(probe).map(|one| one.mark(*how));
            mark(first) == mark(second)
        })
    };
    [Repeats::Whole, Repeats::WithoutTimes].into_iter().find(repeats).unwrap_or(Repeats::Nothing)
}

impl Tested {
    /// Compares its first run with that of the unchanged project.
    fn weigh(&mut self, base: &[Observed]) {
        self.weighed = weigh(base, &self.observed);
        let tests = self.weighed.tests.unwrap_or_default();
        self.tests = if self.refused.is_some() { Tests::Failed } else { tests };
        let Weighed { proof, broken, still, fewer, .. } = &self.weighed;
        let mut say = |names: &[String], words: &str| {
            if !names.is_empty() {
                self.reasons.push(format!("{words}: {}", first_names(names, 0)));
            }
        };
        say(broken, "it breaks checks that pass without it");
        say(still, "it does not repair checks that fail without it");
        say(fewer, "fewer tests run than without it");
        say(&self.touched.weakened, "it removes, skips or rewrites tests; their own version was put back");
        say(&self.touched.runner, "it changes how tests are run; this was put back");
        if self.tests == Tests::Passed && proof.is_empty() {
            self.reasons.push("the base passes these tests too, so they prove nothing".to_owned());
        }
    }

    /// True if its first run counts for it.
    fn is_contender(&self) -> bool {
        self.tests == Tests::Passed
            && !self.weighed.proof.is_empty()
            && self.weighed.fewer.is_empty()
            && self.touched.is_honest()
    }

    /// The proof by its passing tests.
    pub(super) fn proof(&self) -> Proof {
        let is_clean = self.ablation.as_ref().is_some_and(AblationNote::is_clean);
        if self.is_contender() && is_clean { Proof::Speaks } else { Proof::Lacks }
    }

    fn enter(&mut self, ablation: Option<AblationNote>) {
        if let Some(note) = &ablation {
            self.reasons
                .extend(note.unseen.iter().map(|part| format!("{part} can be undone, and no test fails")));
            if !note.not_undone.is_empty() {
                let parts = first_names(&note.not_undone, 0);
                self.reasons
                    .push(format!("max_ablations was reached, so these parts were not undone: {parts}"));
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

/// Counts candidates that behave alike; one that changes tests is like no other.
fn group(tested: &mut [Tested]) {
    let mut groups: BTreeMap<Behaviour, usize> = BTreeMap::new();
    for one in tested.iter().filter(|one| one.touched.is_honest()) {
        *groups.entry(one.behaviour()).or_default() += 1;
    }
    for one in tested.iter_mut().filter(|one| one.touched.is_honest()) {
        one.alike = groups.get(&one.behaviour()).copied().unwrap_or(1);
    }
}

/// Copies in which checks run at the same time.
const MOST_PARALLEL: usize = 4;
/// Size of a file that is searched for tests.
const MOST_LOOKED_INTO: u64 = 4 * 1024 * 1024;
/// Step by which the modification time of a rewritten file advances. Tools that cache compiled files compare
/// whole seconds, so they would take two versions of one second for the same.
const STEP: Duration = Duration::from_secs(2);

/// State of all trials of a call.
struct Trials<'a> {
    kit: &'a Kit,
    trees: Arc<Trees>,
    checks: Vec<Entry>,
    probes: Vec<Entry>,
    slots: Semaphore,
    rounds: AtomicU64,
    progress: &'a Progress,
}

impl<'a> Trials<'a> {
    async fn new(
        kit: &'a Kit,
        progress: &'a Progress,
        checks: Vec<Entry>,
        probes: Vec<Entry>,
        copies: usize,
    ) -> Result<Self, Error> {
        let root = kit.config.root().canonicalize().map_err(Error::internal)?;
        let trees = Trees::create(kit.processes.supervisor(), kit.config.environment(), &root, copies).await;
        Ok(Self {
            kit,
            trees: Arc::new(trees.map_err(|error| cannot_copy(&error))?),
            checks,
            probes,
            slots: Semaphore::new(MOST_PARALLEL),
            rounds: AtomicU64::new(0),
            progress,
        })
    }

    /// Applies the whole patch to see if it applies, then the patch without its changes of tests, and runs
    /// the checks.
    async fn first_run(&self, number: usize, id: &str, patch: &Patch) -> Result<Tested, Error> {
        let (base, whole) = (self.copy(0)?, patch.clone());
        let split = off_thread(move || {
            let tree = base.base(None).ok().and_then(|base| Tree::open(&base.root).ok());
            let content = |path: &str| {
                let state = tree.as_ref()?.look(path, MOST_LOOKED_INTO).ok()??;
                String::from_utf8(state.content).ok()
            };
            without_tests(&whole, &content)
        });
        let (applied, touched) = split.await?;
        let nothing = Patch::default();
        let changed_lines = patch.changed_lines();
        let mut run = Tested { number, applied, touched, changed_lines, alike: 1, ..Tested::default() };
        if let Err(refusal) = self.lay(number, &nothing, patch).await? {
            run.refused = Some(refusal);
            return Ok(run);
        }
        if run.applied != *patch
            && let Err(refusal) = self.lay(number, patch, &run.applied).await?
        {
            run.refused = Some(format!("without its changes of tests: {refusal}"));
            return Ok(run);
        }
        (run.observed, run.checks) = self.check(number, id).await?;
        Ok(run)
    }

    /// Replaces one patch by another in a copy. The inner error says why the new one does not apply.
    async fn lay(&self, number: usize, undone: &Patch, patch: &Patch) -> Result<Result<(), String>, Error> {
        let copy = self.copy(number)?;
        let (trees, patch, undone) = (Arc::clone(&self.trees), patch.clone(), paths(undone));
        let later = SystemTime::now()
            + STEP * u32::try_from(self.rounds.fetch_add(1, Ordering::Relaxed)).unwrap_or(0);
        let root = trees.project(number).unwrap_or_default();
        off_thread(move || {
            trees.reset(number, &undone).map_err(Error::internal)?;
            let store = trees.beside(number).map_err(Error::internal)?;
            let outcome = if patch.files.is_empty() {
                Ok(())
            } else {
                apply_to_copy(&copy, &store, &patch).map(drop).map_err(|refusal| refusal.message)
            };
            for path in undone.iter().chain(&paths(&patch)) {
                if let Ok(file) = std::fs::File::options().write(true).open(root.join(path)) {
                    let _ = file.set_modified(later);
                }
            }
            Ok(outcome)
        })
        .await?
    }

    /// True if a test notices that a part is missing. A tree that cannot be made counts as noticed.
    async fn misses(
        &self,
        number: usize,
        whole: &Patch,
        without: &Patch,
        label: &str,
    ) -> Result<bool, Error> {
        if self.lay(number, whole, without).await?.is_err() {
            return Ok(true);
        }
        let entries = self.checks.iter().filter(|entry| !is_style(entry)).cloned().collect();
        let results = self.run(number, entries, label).await?;
        Ok(results.iter().any(|result| result.status != Status::Passed))
    }

    /// Runs the checks in a copy.
    async fn check(&self, number: usize, label: &str) -> Result<(Vec<Observed>, Vec<CheckNote>), Error> {
        let results = self.run(number, self.checks.clone(), label).await?;
        Ok((results.iter().map(observed).collect(), results.iter().map(CheckNote::of).collect()))
    }

    /// Runs the probes in a copy.
    async fn probe(&self, number: usize) -> Result<Vec<ProbeNote>, Error> {
        let results = self.run(number, self.probes.clone(), "probe").await?;
        let root = self.trees.project(number).unwrap_or_default();
        let root = root.display().to_string();
        Ok(results.iter().map(|result| ProbeNote::of(result, &root)).collect())
    }

    async fn run(&self, number: usize, entries: Vec<Entry>, label: &str) -> Result<Vec<CheckResult>, Error> {
        // The semaphore is never closed, so a slot always comes.
        let _slot = self.slots.acquire().await;
        let copy = Arc::new(self.copy(number)?);
        let hold: Hold = self.trees.clone();
        let progress = self.progress.labelled(label);
        verify_copy(self.kit, copy, entries, hold, &progress).await
    }

    fn copy(&self, number: usize) -> Result<Project, Error> {
        let root: Option<PathBuf> = self.trees.project(number);
        let root = root.ok_or_else(|| Error::Internal("a copy is missing".to_owned()))?;
        Ok(self.kit.project.reader()?.at(&root))
    }
}

fn is_style(entry: &Entry) -> bool {
    match entry.kind {
        Some(Kind::Lint | Kind::Format) => true,
        Some(Kind::UnitTest | Kind::Integration | Kind::TypeCheck | Kind::Custom | Kind::Build) | None => {
            false
        }
    }
}

/// The files that a patch touches.
fn paths(patch: &Patch) -> Vec<PathBuf> {
    let names: BTreeSet<&String> = patch.files.iter().flat_map(|file| [&file.old, &file.new]).gather();
    names.into_iter().map(PathBuf::from).collect()
}

fn cannot_copy(error: &TreeError) -> Error {
    let hint = match error {
        TreeError::NoGit => "Install git, or test the candidates yourself and give test_results.",
        TreeError::NoCommit(_) => {
            "Commit the project first, or test the candidates yourself and give test_results."
        }
        TreeError::TooMuch(_) => "Commit your changes, or ignore generated files, then call again.",
        TreeError::Failed(_) => "Test the candidates yourself and give test_results.",
    };
    Error::Setup { reason: format!("verify: {error}"), hint: hint.to_owned() }
}

/// Names of failing tests that a result lists.
const MOST_NAMES: usize = 20;
/// Characters of a probe's output that a result shows.
const MOST_SHOWN: usize = 1_200;

#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckNote {
    pub command: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub status: Status,
    /// The tests that failed.
    pub failing: Vec<String>,
    pub totals: Option<Totals>,
    /// Why it was not run, or how it ended.
    pub note: Option<String>,
    /// The end of its output, if it did not pass.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub output: String,
}

impl CheckNote {
    fn of(result: &CheckResult) -> Self {
        let both = format!("{}\n{}", result.stdout.trim_end(), result.stderr.trim_end());
        Self {
            command: result.command.clone(),
            kind: result.kind,
            status: result.status,
            failing: result.metadata.failing.iter().take(MOST_NAMES).cloned().collect(),
            totals: result.metadata.totals,
            note: result.metadata.note.clone(),
            output: if result.passed { String::new() } else { tail(both.trim(), MOST_OUTPUT).to_owned() },
        }
    }
}

/// A check with every name that was read, for comparison.
fn observed(result: &CheckResult) -> Observed {
    Observed {
        command: result.command.clone(),
        kind: result.kind,
        status: result.status,
        failing: result.metadata.failing.clone(),
        totals: result.metadata.totals,
    }
}

/// Result of undoing the parts of a candidate one at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AblationNote {
    /// Parts that a program runs.
    pub parts: usize,
    /// Parts that were undone.
    pub undone: usize,
    /// Parts that no test noticed.
    pub unseen: Vec<String>,
    /// Parts beyond `max_ablations`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_undone: Vec<String>,
    /// Parts that need no test: documentation, comments and blank lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<String>,
}

impl AblationNote {
    /// True if a test notices each part.
    fn is_clean(&self) -> bool {
        self.unseen.is_empty() && self.not_undone.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeNote {
    pub command: String,
    pub exit_code: Option<i32>,
    /// Its standard output, cut.
    pub stdout: String,
    /// SHA-256 of the whole output, without the copy's own path.
    pub stdout_sha256: String,
    /// The same without times and addresses.
    #[serde(skip)]
    steady_sha256: String,
    /// Why it was not run, or how it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl ProbeNote {
    fn of(result: &CheckResult, root: &str) -> Self {
        let whole = if result.whole_stdout.is_empty() { &result.stdout } else { &result.whole_stdout };
        let whole = whole.replace(root, ".");
        Self {
            command: result.command.clone(),
            exit_code: result.exit_code,
            stdout: head(&whole, MOST_SHOWN).to_owned(),
            stdout_sha256: Mark::of(whole.as_bytes()).sha256,
            steady_sha256: Mark::of(without_times(&whole).as_bytes()).sha256,
            note: result.metadata.note.clone(),
        }
    }

    /// True if it ended and printed something.
    pub(super) fn speaks(&self) -> bool {
        self.exit_code.is_some() && !self.stdout.trim().is_empty()
    }

    /// The behaviour that it shows, as far as runs repeat it.
    fn mark(&self, repeats: Repeats) -> String {
        let output = match repeats {
            Repeats::Whole => &self.stdout_sha256,
            Repeats::WithoutTimes => &self.steady_sha256,
            Repeats::Nothing => return String::new(),
        };
        format!("{:?} {:?} {output}", self.command, self.exit_code)
    }
}
