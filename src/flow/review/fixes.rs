//! Fixes: asked for after the findings, of those who found them, and tried in copies of the project.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::material::Material;
use super::{Review, ReviewRequest};
use crate::domain::prompt::prompt;
use crate::domain::review::{FixStatus, Severity, TriedFix, fixes};
use crate::error::Error;
use crate::flow::account::Account;
use crate::flow::consult::{Layout, Prepared, Question, Turn, ask, prepare};
use crate::flow::kit::Kit;
use crate::flow::progress::Progress;
use crate::flow::scope::off_thread_with;
use crate::flow::select::{Trialled, tried_alone};

/// Findings for which a fix is asked for.
const MOST_FIXED: usize = 5;
/// A finding of less harm is not worth a consult.
const LEAST: Severity = Severity::Medium;

/// Asks for fixes of the gravest findings and tries them. Missing fixes are named in the warning: the
/// findings stand without it.
pub(super) async fn tried(
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
            Ok(fixes) => proposed.extend(fixes),
            Err(error) => review.warn(&format!("{provider} proposed no fix: {error}")),
        }
    }
    if proposed.is_empty() {
        return;
    }
    let diffs = proposed.iter().map(|(index, fix)| (id_of(review, *index), fix.patch.clone())).collect();
    match Box::pin(tried_alone(kit, diffs, progress)).await {
        Ok(results) => {
            for ((_, fix), result) in proposed.iter_mut().zip(results) {
                (fix.status, fix.reasons) = standing(result);
            }
        }
        Err(error) => {
            for (_, fix) in &mut proposed {
                fix.reasons = vec![format!("it could not be tried: {error}")];
            }
        }
    }
    for (index, fix) in proposed {
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
        Trialled::NoDiff => (FixStatus::DoesNotApply, vec!["it is no unified diff".to_owned()]),
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
    for fix in fixes(&reply.content) {
        let index = indexes.iter().find(|index| id_of(review, **index) == fix.id);
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
