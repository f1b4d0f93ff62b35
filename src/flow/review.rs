//! Reviews: several consultants look at a change or files. Their findings are checked against the files,
//! merged and ranked, and proposed fixes are tried in a copy.
//!
//! Findings and fixes are two questions. A reviewer that is asked for both at once bends the finding to the
//! fix, and a fix is worth its price only for a finding that holds. So the second question goes to one of
//! those who found it, once for all of its findings.

mod material;
mod related;
mod seen;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::breaker::{Permission, StandIns, StoodIn, ready};
use super::configuration::Configuration;
use super::consult::{Consulted, Layout, Prepared, Question, Turn, ask, prepare};
use super::ensemble::{answered, chosen, turns};
use super::journal::new_id;
use super::kit::Kit;
use super::log::Log;
use super::note::note_on;
use super::progress::Progress;
use super::project_files::ProjectFiles;
use super::scope::{off_thread, off_thread_with};
use super::select::{Trialled, tried_alone};
use crate::domain::call_options::CallOptions;
use crate::domain::diff;
use crate::domain::event::consult::Purpose;
use crate::domain::event::{Draft, Noted, Topic};
use crate::domain::pack::Omission;
use crate::domain::prompt::prompt;
use crate::domain::review::{
    Claimed, Discarded, Finding, FixStatus, Reviewed, Severity, TriedFix, findings, fixes, merged, ranked,
    summary, verify_claim,
};
use crate::domain::served::ModelNote;
use crate::domain::stage::{Role, SchemaName};
use crate::domain::track_record::Work;
use crate::error::{Error, ErrorNote};
use crate::provider::Usage;
use material::Material;

/// Reviewers of one review.
const MOST_REVIEWERS: usize = 8;
/// Criteria, and characters of them together.
const MOST_CRITERIA: usize = 20;
const MOST_CRITERIA_CHARS: usize = 4_000;
/// Discarded findings that a result lists.
const MOST_DISCARDED: usize = 60;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Range(String),
    Staged,
    /// The difference to the last commit, new files included.
    Working,
    Files(Vec<String>),
}

impl Target {
    /// The subject in a few words.
    pub fn in_words(&self) -> String {
        match self {
            Self::Range(range) => range.clone(),
            Self::Staged => "staged".to_owned(),
            Self::Working => "working".to_owned(),
            Self::Files(files) => format!("files: {}", files.join(", ")),
        }
    }
}

/// Handling of fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixes {
    /// Fixes for the gravest findings that hold are requested and tried.
    Tried,
    Not,
}

/// The request for a review.
#[derive(Clone, Debug)]
pub struct ReviewRequest {
    pub target: Target,
    /// Criteria beyond the usual ones.
    pub criteria: Vec<String>,
    /// Reviewers; every installed one if none is named.
    pub providers: Option<Vec<String>>,
    /// Options for each reviewer; a model only with one provider.
    pub options: CallOptions,
    pub fixes: Fixes,
    /// The run that pays.
    pub workflow_id: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Review {
    /// True if a reviewer answered, or if there was nothing to review.
    pub ok: bool,
    /// Summary in a line.
    pub summary: String,
    /// Findings that hold: the best verified first, then by severity.
    pub findings: Vec<Finding>,
    pub discarded: Vec<Discarded>,
    /// The gravest severity of the findings.
    pub highest_severity: Option<Severity>,
    pub reviewers: Vec<Reviewer>,
    pub target: String,
    pub files: Vec<String>,
    /// Parts that no reviewer saw, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Omission>,
    /// Reviewed files that changed during the review.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tree_changed: Vec<String>,
    /// Secrets that were masked on the way out.
    pub masked: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Id under which it is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_id: Option<String>,
    #[serde(flatten)]
    pub failure: Option<ErrorNote>,
    /// The error, for callers in this process.
    #[serde(skip)]
    pub cause: Option<Error>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Reviewer {
    pub provider: String,
    /// The model that answered.
    pub model: Option<String>,
    #[serde(flatten)]
    pub told: ModelNote,
    /// True if the answer could be read.
    pub ok: bool,
    /// Number of findings that held.
    pub held: usize,
    /// Number of its findings that were discarded.
    pub discarded: usize,
    /// The provider that it replaced, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stood_in_for: Option<StoodIn>,
    /// Milliseconds.
    pub elapsed_ms: u64,
    #[serde(skip_serializing_if = "Usage::is_empty")]
    pub usage: Usage,
    /// Why the answer could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Code of that error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
}

/// The record of a review in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReviewNoted {
    pub(crate) target: String,
    pub(crate) summary: String,
    pub(crate) files: Vec<String>,
    pub(crate) reviewers: Vec<String>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) discarded: usize,
    pub(crate) tree_changed: Vec<String>,
}

/// Reviews, and records the review.
///
/// # Errors
///
/// The arguments are invalid, the repository cannot be read, no provider can be asked, or the budget is too
/// small. Failing reviewers are no error: the review reports them.
pub async fn review(kit: &Kit, request: ReviewRequest, progress: &Progress) -> Result<Review, Error> {
    kit.processes.refuse_nested()?;
    kit.config.check()?;
    let criteria = checked_criteria(&request.criteria)?;
    let is_named = request.providers.as_ref().is_some_and(|named| !named.is_empty());
    progress.say("reading what is to be reviewed");
    let request = Arc::new(request);
    let asking = Arc::clone(&request);
    let ready = off_thread_with(kit, move |kit| get_ready(kit, &asking, &criteria));
    let Ready { providers, material, asked } = ready.await?;
    let Some(Asked { prepared, turns, everybody }) = asked else {
        return Ok(Review::of_nothing(&request.target, material.left_out));
    };
    let stand_ins = &StandIns::new(Permission::of(is_named), &providers, everybody);
    let replies = answered(kit, turns, providers, stand_ins, progress).await;
    let consults: Vec<String> = replies.iter().map(|reply| reply.consult.clone()).collect();
    let (checking, material) = (kit.clone(), Arc::new(material));
    let seen = Arc::clone(&material);
    let checked = off_thread(move || checked(&checking.config, &checking.project, &seen, replies)).await?;
    let mut review = Review {
        target: request.target.in_words(),
        files: material.files.iter().map(|file| file.name.clone()).collect(),
        left_out: material.left_out.clone(),
        masked: material.masked + prepared.masked(),
        ..checked
    };
    if request.fixes == Fixes::Tried && !review.findings.is_empty() {
        tried(kit, &request, &prepared, &material, &mut review, progress).await;
        review.findings = ranked(std::mem::take(&mut review.findings));
    }
    let (watching, seen) = (kit.clone(), Arc::clone(&material));
    review.tree_changed = off_thread(move || seen.changed_since(&watching.config, &watching.project)).await?;
    if !review.tree_changed.is_empty() {
        review.warn("files changed during the review: their findings are about the earlier versions");
    }
    record(&kit.config, &kit.log, &prepared, consults, &mut review).await;
    Ok(review)
}

/// A prepared review: its reviewers and its material. Without material no reviewer is asked.
struct Ready {
    providers: Vec<String>,
    material: Material,
    asked: Option<Asked>,
}

struct Asked {
    prepared: Arc<Prepared>,
    turns: Vec<Turn>,
    everybody: Vec<String>,
}

/// Everything before the first CLI starts. Blocks.
fn get_ready(kit: &Kit, request: &ReviewRequest, criteria: &[String]) -> Result<Ready, Error> {
    let providers = reviewers(kit, request)?;
    let places = providers.iter().map(|_| kit.processes.slots().place()).collect::<Result<Vec<_>, _>>()?;
    let account = Account::of(&kit.log, request.workflow_id.as_deref(), None, Purpose::Candidate)?;
    let material = material::material(&kit.config, &kit.project, &request.target)?;
    if material.files.is_empty() && !material.unread.is_empty() {
        // A pipeline must not take an unread change for a harmless one.
        let problem = format!("nothing could be reviewed; {}", material.unread.join("; "));
        return Err(Error::InvalidArguments(format!("{problem}. Review a smaller range, or name `files`")));
    }
    if material.files.is_empty() {
        return Ok(Ready { providers, material, asked: None });
    }
    let question = question(request, &material, criteria, account);
    let prepared = prepare(kit, question, Layout::Sections, None)?;
    let turns = turns(kit, &prepared, &providers, places)?;
    let everybody = ready(kit, Work::default()).names;
    let asked = Some(Asked { prepared, turns, everybody });
    Ok(Ready { providers, material, asked })
}

fn checked_criteria(given: &[String]) -> Result<Vec<String>, Error> {
    let criteria: Vec<String> =
        given.iter().map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect();
    let chars: usize = criteria.iter().map(|one| one.chars().count()).sum();
    if criteria.len() > MOST_CRITERIA || chars > MOST_CRITERIA_CHARS {
        return Err(Error::InvalidArguments(format!(
            "criteria must have at most {MOST_CRITERIA} texts with {MOST_CRITERIA_CHARS} characters in all (got {} with {chars})",
            criteria.len()
        )));
    }
    Ok(criteria)
}

/// The reviewers. Rules see no defect, so the understudy is asked only if it is named.
fn reviewers(kit: &Kit, request: &ReviewRequest) -> Result<Vec<String>, Error> {
    let is_named = request.providers.as_ref().is_some_and(|named| !named.is_empty());
    let (mut providers, _) = chosen(kit, request.providers.clone(), Work::default())?;
    if !is_named {
        let is_model = |name: &String| kit.config.catalogue().get(name).is_ok_and(|one| !one.is_understudy());
        providers.retain(is_model);
    }
    if providers.is_empty() {
        return Err(Error::NoProvider);
    }
    if providers.len() > MOST_REVIEWERS {
        return Err(Error::InvalidArguments(format!(
            "providers must have at most {MOST_REVIEWERS} names (got {})",
            providers.len()
        )));
    }
    if request.options.model.is_some() && providers.len() > 1 {
        let problem = "model needs exactly one provider: name it in `providers`, or leave `model` out";
        return Err(Error::InvalidArguments(problem.to_owned()));
    }
    Ok(providers)
}

fn question(request: &ReviewRequest, material: &Material, criteria: &[String], account: Account) -> Question {
    let task = match request.target {
        Target::Files(_) => prompt("review_files", &[]),
        Target::Range(_) | Target::Staged | Target::Working => prompt("review_change", &[]),
    };
    let listed = criteria.iter().fold(String::new(), |all, one| all + "- " + one + "\n");
    let wanted =
        if listed.is_empty() { String::new() } else { prompt("review_criteria", &[("criteria", &listed)]) };
    let prompt = format!("# Under review\n\n{}\n\n# Task\n\n{task}\n\n{wanted}", material.text.trim_end())
        .trim_end()
        .to_owned();
    Question {
        role: Some(Role::Reviewer),
        schema: Some(SchemaName::Review),
        options: request.options.clone(),
        ..Question::new(prompt, account)
    }
}

/// Reads the answers and checks each finding against the files. Blocks.
fn checked(
    config: &Configuration,
    project: &ProjectFiles,
    material: &Material,
    replies: Vec<Consulted>,
) -> Review {
    let mut all = Review::default();
    let (mut failures, mut unread) = (Vec::new(), 0);
    for reply in replies {
        let read = match (&reply.failure, reply.ok) {
            (None, true) => findings(&reply.content),
            (failure, _) => Err(failure.as_ref().map_or_else(String::new, |failure| failure.error.clone())),
        };
        let mut reviewer = Reviewer {
            provider: reply.provider.clone(),
            model: reply.model,
            told: reply.told,
            ok: read.is_ok(),
            held: 0,
            discarded: 0,
            stood_in_for: reply.stood_in,
            elapsed_ms: reply.elapsed_ms,
            usage: reply.usage,
            error: read.as_ref().err().cloned(),
            code: reply.failure.as_ref().map(|failure| failure.code),
        };
        match read {
            Ok((claims, more)) => {
                unread += more;
                for claimed in claims {
                    match held_in(config, project, material, &claimed, &reply.provider) {
                        Ok(finding) => {
                            reviewer.held += 1;
                            all.findings.push(finding);
                        }
                        Err(discarded) => {
                            reviewer.discarded += 1;
                            all.discarded.push(*discarded);
                        }
                    }
                }
            }
            Err(why) => failures.push(format!("{}: {why}", reply.provider)),
        }
        all.reviewers.push(reviewer);
    }
    all.summed_up(failures, unread)
}

fn held_in(
    config: &Configuration,
    project: &ProjectFiles,
    material: &Material,
    claimed: &Claimed,
    by: &str,
) -> Result<Finding, Box<Discarded>> {
    let name = claimed.file.trim_start_matches("./");
    let bare = name.strip_prefix("a/").or_else(|| name.strip_prefix("b/")).unwrap_or(name);
    if bare.is_empty() {
        return verify_claim(claimed, by, Err("it names no file".to_owned()));
    }
    let is = |file: &str| file == name || file == bare;
    let ends = |file: &str| std::path::Path::new(file).ends_with(bare);
    let was = |file: &material::File, fits: &dyn Fn(&str) -> bool| file.was.as_deref().is_some_and(fits);
    let files = || material.files.iter();
    let known = files().find(|file| is(&file.name));
    let known = known.or_else(|| files().find(|file| was(file, &is)));
    let known = known.or_else(|| files().find(|file| ends(&file.name)));
    if let Some(file) = known.or_else(|| files().find(|file| was(file, &ends))) {
        let reviewed = Reviewed {
            file: &file.name,
            lines: &file.lines,
            removed: &file.removed,
            shown: Some(&file.shown),
        };
        let is_old_name = !is(&file.name) && !ends(&file.name);
        return verify_claim(claimed, by, Ok(reviewed)).map(|finding| match file.was.as_deref() {
            Some(was) if is_old_name => finding.renamed(was),
            Some(_) | None => finding,
        });
    }
    match material::other(config, project, bare) {
        Ok((shown, lines)) => {
            verify_claim(claimed, by, Ok(Reviewed { file: &shown, lines: &lines, removed: &[], shown: None }))
        }
        Err(why) => verify_claim(claimed, by, Err(format!("its file cannot be checked: {why}"))),
    }
}

impl Review {
    fn of_nothing(target: &Target, left_out: Vec<Omission>) -> Self {
        let summary = match left_out.len() {
            0 => "there is nothing to review: no change".to_owned(),
            1 => "there is nothing to review: the one file was left out".to_owned(),
            count => format!("there is nothing to review: all {count} files were left out"),
        };
        Self { ok: true, summary, target: target.in_words(), left_out, ..Self::default() }
    }

    /// Merges, ranks and numbers the findings, and adds the summary, the warnings and the error.
    fn summed_up(mut self, failures: Vec<String>, unread: usize) -> Self {
        self.findings = ranked(merged(self.findings));
        for (number, finding) in (1..).zip(&mut self.findings) {
            let number: usize = number;
            finding.id = format!("F{number}");
        }
        let answered = self.reviewers.iter().filter(|reviewer| reviewer.ok).count();
        self.ok = answered > 0;
        self.summary = summary(&self.findings, self.discarded.len(), answered);
        self.highest_severity = self.findings.iter().map(|finding| finding.severity).min();
        if answered > 0 && !failures.is_empty() {
            self.warn(&format!("{} of {} reviewers failed", failures.len(), self.reviewers.len()));
        }
        if unread > 0 {
            self.warn(&format!("{unread} further findings of one answer were not read"));
        }
        let more = self.discarded.len().saturating_sub(MOST_DISCARDED);
        if more > 0 {
            self.discarded.truncate(MOST_DISCARDED);
            self.warn(&format!("{more} further discarded findings are not listed"));
        }
        self.cause = (answered == 0).then(|| Error::EveryCandidateFailed { failures, others: Vec::new() });
        self.failure = self.cause.as_ref().map(Error::note);
        self
    }

    fn warn(&mut self, what: &str) {
        self.warning = Some(match self.warning.take() {
            Some(before) => format!("{before}; {what}"),
            None => what.to_owned(),
        });
    }
}

/// Records the findings that hold, masked. The answers are recorded with their consults.
async fn record(
    config: &Configuration,
    log: &Log,
    prepared: &Arc<Prepared>,
    consults: Vec<String>,
    review: &mut Review,
) {
    let noted = ReviewNoted {
        target: review.target.clone(),
        summary: review.summary.clone(),
        files: review.files.clone(),
        reviewers: review.reviewers.iter().map(|reviewer| reviewer.provider.clone()).collect(),
        findings: review.findings.clone(),
        discarded: review.discarded.len(),
        tree_changed: review.tree_changed.clone(),
    };
    let content = config.masked(|masker| serde_json::to_value(noted).map(|value| masker.mask_value(value)));
    let Ok(Ok(content)) = content.await else { return };
    let id = new_id();
    let draft = Draft::new(id.clone(), Noted { topic: Topic::Review, content }).on(consults);
    note_on(log, prepared.account(), vec![draft]).await;
    let is_recorded = log.is_logged(prepared.account().run.as_deref().unwrap_or_default());
    review.review_id = is_recorded.then_some(id);
}

// Fixes: requested after the findings from those who found them, and tried in copies of the project.

/// Findings for which a fix is requested.
const MOST_FIXED: usize = 5;
/// A finding of lower severity is not worth a consult.
const LEAST: Severity = Severity::Medium;

/// Requests fixes of the gravest findings and tries them. Missing fixes are named in the warning; the
/// findings stand without them.
async fn tried(
    kit: &Kit,
    request: &ReviewRequest,
    reviewed: &Arc<Prepared>,
    material: &Material,
    review: &mut Review,
    progress: &Progress,
) {
    let mut by: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let grave = review.findings.iter().enumerate().filter(|(_, finding)| finding.severity <= LEAST);
    for (index, finding) in grave.take(MOST_FIXED) {
        if let Some(finder) = finding.found_by.first() {
            by.entry(finder.clone()).or_default().push(index);
        }
    }
    let mut proposed: Vec<(usize, TriedFix)> = Vec::new();
    for (provider, indexes) in by {
        match proposals(kit, request, reviewed, material, review, &provider, &indexes, progress).await {
            Ok(fixes) => {
                let is_missing = |index: &&usize| !fixes.iter().any(|(fixed, _)| fixed == *index);
                let missing: Vec<String> =
                    indexes.iter().filter(is_missing).map(|index| id_of(review, *index)).collect();
                if !missing.is_empty() {
                    review.warn(&format!("{provider} gave no usable fix for {}", missing.join(", ")));
                }
                proposed.extend(fixes);
            }
            Err(error) => review.warn(&format!("{provider} proposed no fix: {error}")),
        }
    }
    // The trial takes only diffs, and refuses if there is none.
    let (mut readable, mut others): (Vec<_>, Vec<_>) =
        proposed.into_iter().partition(|(_, fix)| diff::parse(&fix.patch).is_ok());
    for (_, fix) in &mut others {
        (fix.status, fix.reasons) = standing(Trialled::NoDiff);
    }
    let diffs: Vec<(String, String)> =
        readable.iter().map(|(index, fix)| (id_of(review, *index), fix.patch.clone())).collect();
    if !diffs.is_empty() {
        match Box::pin(tried_alone(kit, diffs, progress)).await {
            Ok(results) => {
                for ((_, fix), result) in readable.iter_mut().zip(results) {
                    (fix.status, fix.reasons) = standing(result);
                }
            }
            Err(error) => {
                for (_, fix) in &mut readable {
                    fix.reasons = vec![format!("it could not be tried: {error}")];
                }
            }
        }
    }
    for (index, fix) in readable.into_iter().chain(others) {
        if let Some(finding) = review.findings.get_mut(index) {
            finding.fix = Some(fix);
        }
    }
}

fn id_of(review: &Review, index: usize) -> String {
    review.findings.get(index).map_or_else(String::new, |finding| finding.id.clone())
}

fn standing(result: Trialled) -> (FixStatus, Vec<String>) {
    match result {
        Trialled::NoDiff => (FixStatus::DoesNotApply, vec!["it is not a unified diff".to_owned()]),
        Trialled::Refused(why) => (FixStatus::DoesNotApply, vec![why]),
        Trialled::Failed(reasons) => (FixStatus::Fails, reasons),
        Trialled::Passed { proven_by, .. } if !proven_by.is_empty() => {
            (FixStatus::Proven, vec![format!("fails without it, passes with it: {}", proven_by.join(", "))])
        }
        Trialled::Passed { reasons, .. } => (FixStatus::Passes, reasons),
        Trialled::Unknown(reasons) => (FixStatus::Untested, reasons),
    }
}

#[expect(clippy::too_many_arguments, reason = "all of it goes into one question")]
async fn proposals(
    kit: &Kit,
    request: &ReviewRequest,
    reviewed: &Arc<Prepared>,
    material: &Material,
    review: &Review,
    provider: &str,
    indexes: &[usize],
    progress: &Progress,
) -> Result<Vec<(usize, TriedFix)>, Error> {
    let mut listed = String::new();
    for finding in indexes.iter().filter_map(|index| review.findings.get(*index)) {
        listed.push_str(&format!(
            "- {}: {}:{}: {}\n  quote: {}\n  scenario: {}\n",
            finding.id,
            finding.file,
            finding.line,
            finding.claim,
            finding.quote.replace('\n', "\n  "),
            finding.scenario
        ));
    }
    let question = Question {
        options: request.options.clone(),
        ..Question::new(
            format!(
                "# Under review\n\n{}\n\n# Findings\n\n{listed}\n# Task\n\n{}",
                material.text.trim_end(),
                prompt("review_fixes", &[])
            ),
            Account { rests_on: Vec::new(), ..reviewed.account().clone() },
        )
    };
    let place = kit.processes.slots().place()?;
    let named = provider.to_owned();
    let turn = off_thread_with(kit, move |kit| {
        let prepared = prepare(kit, question, Layout::Plain, None)?;
        Turn::reserved(kit, &named, &prepared, prepared.account(), place)
    });
    let progress = progress.labelled(&format!("{provider}: fixes"));
    let reply = ask(turn.await?, &progress).await;
    if let Some(cause) = reply.cause {
        return Err(cause);
    }
    let mut found = Vec::new();
    let fixes = fixes(&reply.content);
    let is_only = fixes.len() == 1 && indexes.len() == 1;
    for fix in fixes {
        let means = |index: &&usize| is_only && fix.id.is_empty() || fix.is_for(&id_of(review, **index));
        let index = indexes.iter().find(means);
        let is_first = |index: usize| !found.iter().any(|(known, _)| *known == index);
        if let Some(index) = index.copied().filter(|index| is_first(*index)) {
            let fix = TriedFix {
                patch: fix.patch,
                by: provider.to_owned(),
                status: FixStatus::Untested,
                reasons: Vec::new(),
            };
            found.push((index, fix));
        }
    }
    Ok(found)
}
