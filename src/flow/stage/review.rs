//! The outputs of a stage with the request for their approval, and the policy's approval where it
//! gives one, or the dialog that asks for it: in one append.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::domain::approvals::Approvals;
use crate::domain::event::Draft;
use crate::domain::event::approval::{ApprovalDecided, DecidedBy, Decision};
use crate::domain::event::stage::StageFinished;
use crate::domain::workflow::Run;
use crate::error::Error;
use crate::flow::approval::dialog::Announced;
use crate::flow::approval::{Review, ReviewFigures, review};
use crate::flow::journal::new_id;
use crate::flow::session::Session;
use crate::flow::time::now;

/// The ids of a stage's last events, made once, however often the decision is tried.
pub(super) struct Ids {
    pub(super) finished: String,
    pub(super) compared: String,
    pub(super) request: String,
    decision: String,
}

impl Ids {
    pub(super) fn new() -> Self {
        Self { finished: new_id(), compared: new_id(), request: new_id(), decision: new_id() }
    }
}

/// The outputs; within a run with the request for approval, and with its approval where the policy gives
/// it, else with the dialog that is going to be shown.
pub(super) fn with_review(
    run: Option<&Run>,
    finished: StageFinished,
    ids: &Ids,
    limits: &ReviewFigures,
    metrics: Option<&Map<String, Value>>,
    dialog: Option<&Announced>,
) -> Result<Vec<Draft>, Error> {
    let rests_on = match run {
        // It was handed in without being begun.
        Some(run) if finished.attempt.is_empty() => run.grounds(),
        Some(_) | None => vec![finished.attempt.clone()],
    };
    let Some(run) = run else {
        return Ok(vec![Draft::new(ids.finished.clone(), finished).on(rests_on)]);
    };
    let Review { asked, is_approved_by_policy } = review(run, &finished, limits, metrics, now())?;
    let (stage, shown, change) = (asked.stage, asked.digest.clone(), asked.change.clone());
    let mut drafts = vec![
        Draft::new(ids.finished.clone(), finished).on(rests_on),
        Draft::new(ids.request.clone(), asked).on([ids.finished.clone()]),
    ];
    if is_approved_by_policy {
        let decided = ApprovalDecided {
            request: ids.request.clone(),
            stage,
            decision: Decision::Approve,
            decided_by: DecidedBy::Policy,
            opened: None,
            digest: shown,
            change,
            feedback: None,
            revision_instructions: None,
            responses: BTreeMap::new(),
            chosen: None,
            unanswered_critical: Vec::new(),
        };
        drafts.push(Draft::new(ids.decision.clone(), decided).on([ids.request.clone()]));
    } else if run.approvals(limits.approvals) != Approvals::Relay {
        drafts.extend(dialog.and_then(|dialog| dialog.draft(&run.id, &ids.request)));
    }
    Ok(drafts)
}

/// Returns what the report shows beside the run; what the run has spent is added where its log is read.
pub(super) fn review_figures(session: &Session) -> ReviewFigures {
    let policy = &session.config().settings.policy;
    let settings = &session.config().settings;
    ReviewFigures {
        approvals: settings.approvals,
        low_risk: settings.auto_approve_low_risk,
        languages: settings.language,
        max_total: policy.max_consults_total,
        max_debug_rounds: policy.max_debug_iterations,
        ..ReviewFigures::default()
    }
}
