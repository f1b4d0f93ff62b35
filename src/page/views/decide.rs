//! A request for a decision: everything that its hash covers, the questions, and the form.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::parts::{stages, with};
use super::queue::settled;
use crate::domain::diff as unified;
use crate::domain::event::ChangeKind;
use crate::domain::event::stage::{Candidate, StageFinished};
use crate::domain::question::{Priority, Question};
use crate::domain::report::{
    AppliedChange, ORCHESTRATOR, ProposedChange, Report, VerificationNote, is_stated, proposed_diff,
    source_of,
};
use crate::domain::stage::Stage;
use crate::domain::typed::{Misfit, from_value};
use crate::domain::workflow::{Phase, Request, Run};
use crate::page::diff;

/// The fields of a submitted form that comes back, and the reason.
#[derive(Clone, Debug, Default)]
pub(in crate::page) struct Filled {
    pub(in crate::page) fields: BTreeMap<String, String>,
    /// The reason why the form comes back.
    pub(in crate::page) problem: Option<Problem>,
}

/// The reason why a form comes back. The page has a text for each.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "lines")]
pub(in crate::page) enum Problem {
    /// A revision has no instructions.
    NoWords,
    /// Answers contradict the decision, each in a line.
    Contradiction(Vec<String>),
    /// The page showed another report.
    Stale,
    /// The request is already decided, or its run has ended.
    Decided,
    /// The form belongs to another visit.
    OldForm,
    /// No decision was chosen.
    NoDecision,
    /// Enter was pressed in a field, but only the button records a decision.
    Stray,
    /// Another reason, in words.
    Other([String; 1]),
}

/// The facts that the view needs in addition to the run.
#[derive(Clone, Debug)]
pub(in crate::page) struct Around {
    pub(in crate::page) nonce: String,
    /// Number of consults that the run has left.
    pub(in crate::page) left: u32,
    /// The full text of applied changes, by the session of their backup.
    pub(in crate::page) patches: BTreeMap<String, String>,
}

pub(in crate::page) fn decide(
    run: &Run,
    request: &Request,
    around: &Around,
    filled: &Filled,
) -> Result<Value, Misfit> {
    let report: Report = from_value(request.asked.report.clone())?;
    let finished = finished(run, request);
    let changes = changes(&report, finished);
    let risks = risks(&report);
    let (critical, others): (Vec<_>, Vec<_>) =
        report.questions.iter().partition(|question| question.priority == Priority::Critical);
    let typed = |name: &str| filled.fields.get(name).map(String::as_str).unwrap_or_default();
    let asked = |all: Vec<&Question>| -> Vec<Value> {
        all.into_iter().map(|question| shown(question, typed(&field(question)))).collect()
    };
    let shown = json!({
        "nonce": around.nonce,
        "request": request.id,
        "digest": request.asked.digest,
        "run": run.id,
        "task": run.task,
        "stage": request.asked.stage.name(),
        "round": report.iteration,
        "stages": stages(run, Some(request.asked.stage)),
        "at": request.at,
        "summary": report.summary,
        "lede": lede(&report),
        "who": who(&report, finished),
        "mode": report.mode,
        "why": report.mode_reason,
        "not_sent": report.left_out,
        "risks": risks,
        "risks_found": risks.iter().filter(|risk| risk["origin"] == "found").count(),
        "changes": changes,
        "applied": report.applied.iter().map(|change| applied(change, &around.patches)).collect::<Vec<_>>(),
        "size": size(&report),
        "tests": report.tests.as_ref().map(tests),
        "cost": report.cost,
    });
    let asked = json!({
        "findings": findings(&report),
        "choices": report.choices,
        "wanted": report.choices.iter().filter(|choice| !choice.selected_by.is_empty()).count(),
        "authors": authors(&report),
        "critical": asked(critical),
        "others": asked(others),
        "open_questions": open_questions(&report),
        "next": report.next_stage_preview,
        "asks_again": finished.map_or(ORCHESTRATOR, |it| &it.provider),
        "left": around.left,
        "display": request.asked.display,
        "goes_on": typed("goes_on"),
        "decision": typed("decision"),
        "feedback": typed("feedback"),
        "problem": filled.problem,
        "decided": request.decided.as_ref().map(|(at, decided)| settled(*at, decided)),
        "decision_event": request.decision,
        "stopped": match &run.phase {
            Phase::Stopped(why) if request.decided.is_none() => Some(why),
            Phase::Stopped(_) | Phase::Complete | Phase::Ready(_) | Phase::Running(_) | Phase::Revising(_)
            | Phase::AwaitingApproval { .. } => None,
        },
    });
    Ok(with(&shown, asked))
}

/// The name of a question's form field.
pub(in crate::page) fn field(question: &Question) -> String {
    format!("q_{}", question.id)
}

fn finished<'r>(run: &'r Run, request: &Request) -> Option<&'r StageFinished> {
    let is_it =
        |it: &&StageFinished| it.stage == request.asked.stage && it.iteration == request.asked.iteration;
    run.finished_of(request).or_else(|| run.finished.iter().rev().find(is_it))
}

/// The plan of a proposed change; None in other stages.
fn lede(report: &Report) -> Option<&str> {
    let plan = report.outputs.get("patch_plan").and_then(Value::as_str);
    plan.filter(|_| report.stage == Stage::Implement)
}

fn who(report: &Report, finished: Option<&StageFinished>) -> Vec<Value> {
    let candidates = finished.map(|it| it.candidates.as_slice()).unwrap_or_default();
    report
        .sources
        .iter()
        .map(|source| {
            let found = candidates.iter().find(|it| it.ok && (it.provider == *source || it.id == *source));
            json!({
                "name": source,
                "model": found.map(|it| it.model.as_str()).filter(|model| !model.is_empty()),
                "effort": found.and_then(|it| it.told.effort.as_deref()),
                "elapsed": found.map(|it| it.elapsed_ms),
            })
        })
        .collect()
}

/// The risks: Maestro's own findings first, then the statements of consultants.
fn risks(report: &Report) -> Vec<Value> {
    let all = report.risks.iter().map(|risk| {
        let origin = if is_stated(risk, &report.sources) { "stated" } else { "found" };
        match source_of(risk, &report.sources) {
            Some((source, rest)) => json!({ "origin": origin, "who": source, "text": rest }),
            None => json!({ "origin": origin, "who": null, "text": risk }),
        }
    });
    let (mut found, stated): (Vec<_>, Vec<_>) = all.partition(|risk| risk["origin"] == "found");
    found.extend(stated);
    found
}

/// Every proposed change in full. A report has only the first lines of a long one; the run has the rest.
fn changes(report: &Report, finished: Option<&StageFinished>) -> Vec<Value> {
    report
        .diff
        .iter()
        .map(|change| {
            let whole = finished.and_then(|finished| whole(change, finished));
            let text = whole.as_deref().unwrap_or(&change.text);
            let left_out = if whole.is_some() { 0 } else { change.lines_left_out };
            shown_change(&change.source, text, left_out, change.problem.as_deref())
        })
        .collect()
}

/// The full text of a change that a report shows in part; None if it is not in the run.
fn whole(change: &ProposedChange, finished: &StageFinished) -> Option<String> {
    if change.lines_left_out == 0 {
        return Some(change.text.clone());
    }
    let of = |it: &Candidate| proposed_diff(finished.stage, it.structured.as_ref()?);
    let own = proposed_diff(finished.stage, &finished.output);
    let others = finished.candidates.iter().filter_map(of);
    own.into_iter().chain(others).find(|text| text.trim_end().starts_with(change.text.as_str()))
}

fn shown_change(source: &str, text: &str, left_out: usize, problem: Option<&str>) -> Value {
    let (files, why) = match diff::files(text) {
        Ok(files) if left_out == 0 => (files, None),
        // An incomplete diff is shown as plain text.
        Ok(_) => (Vec::new(), None),
        Err(why) => (Vec::new(), Some(why)),
    };
    json!({
        "source": source,
        "has_text": !text.is_empty(),
        "closed": diff::closed(&files),
        "text": if files.is_empty() { text } else { "" },
        "files": files,
        "left_out": left_out,
        "problem": problem.map(str::to_owned).or(why),
        "digest": unified::digest(text),
    })
}

fn applied(change: &AppliedChange, patches: &BTreeMap<String, String>) -> Value {
    let whole = patches.get(&change.backup_session);
    let text = whole.unwrap_or(&change.text);
    let left_out = if whole.is_some() { 0 } else { change.lines_left_out };
    let more = json!({
        "kind": match change.kind {
            ChangeKind::Applied if change.approved_by.is_some() => "applied_approved",
            ChangeKind::Applied => "applied_unapproved",
            ChangeKind::RolledBack => "rolled_back",
            ChangeKind::Recovered => "recovered",
        },
        "shown": shown_change("", text, left_out, None),
    });
    with(change, more)
}

fn size(report: &Report) -> Value {
    let files: Vec<&str> =
        report.diff.iter().flat_map(|change| &change.files).map(|file| file.path.as_str()).collect();
    json!({
        "files": files,
        "count": files.len(),
        "added": report.diff.iter().map(|change| change.added).sum::<usize>(),
        "removed": report.diff.iter().map(|change| change.removed).sum::<usize>(),
    })
}

fn tests(note: &VerificationNote) -> Value {
    let state = match (note.shows_tests(), note.passed) {
        (true, _) => "passed",
        (false, true) if note.is_claim => "claimed",
        (false, true) if note.is_old => "old",
        (false, true) => "idle",
        (false, false) => "failed",
    };
    with(note, json!({ "state": state }))
}

fn findings(report: &Report) -> Vec<Value> {
    fn parts(text: &str) -> (&str, &str) {
        text.split_once(": ").filter(|(label, _)| label.chars().count() <= 40).unwrap_or(("", text))
    }
    let findings = report.key_findings.iter();
    findings
        .map(|finding| {
            let (label, text) =
                (finding.map(|it| parts(it).0.to_owned()), finding.map(|it| parts(it).1.to_owned()));
            json!({ "label": label, "text": text })
        })
        .collect()
}

/// Number of different authors of the choices. With only one, agreement means nothing.
fn authors(report: &Report) -> usize {
    report.choices.iter().flat_map(|choice| &choice.from).collect::<std::collections::BTreeSet<_>>().len()
}

fn shown(question: &Question, typed: &str) -> Value {
    let options: Vec<Value> = question
        .options
        .iter()
        .zip(0_usize..)
        .map(|(text, place)| json!({ "value": place, "text": text, "is_chosen": typed == place.to_string() }))
        .collect();
    json!({
        "name": field(question),
        "question": question.question,
        "context": question.context,
        "options": options,
        "typed": typed,
    })
}

fn open_questions(report: &Report) -> Vec<Value> {
    report
        .open_questions
        .iter()
        .map(|open| json!({ "stage": open.stage.name(), "question": open.question() }))
        .collect()
}
