//! Log lines at `info` for an operator, one for each event: names, places and counts, but no text of
//! questions and answers.

use tracing::{Level, info};

use crate::domain::event::{Body, ChangeKind, Changed, Draft};

/// Logs the appended events of a run, its stages and its decisions. Events that the event log may lack
/// (consults, changes, checks) are logged where they happen.
pub(super) fn appended(run: &str, drafts: &[Draft]) {
    if tracing::enabled!(Level::INFO) {
        for draft in drafts {
            one(run, draft);
        }
    }
}

fn one(run: &str, draft: &Draft) {
    match &draft.body {
        Body::RunStarted(it) => info!(run, stage = it.start_stage.name(), "run started"),
        Body::RunStopped(_) => info!(run, "run stopped"),
        Body::RunResumed(_) => info!(run, "run resumed"),
        Body::StageStarted(it) => info!(
            run,
            stage = it.stage.name(),
            iteration = it.iteration,
            mode = <&str>::from(it.mode),
            providers = it.providers.join(","),
            attempt = draft.id,
            "stage started"
        ),
        Body::StageResumed(it) => info!(run, attempt = it.attempt, "stage resumed"),
        Body::StageFinished(it) => info!(
            run,
            stage = it.stage.name(),
            iteration = it.iteration,
            mode = <&str>::from(it.mode),
            provider = it.provider,
            consults = it.consults_used,
            elapsed_ms = it.elapsed_ms,
            "stage finished"
        ),
        Body::StageFailed(it) => info!(
            run,
            stage = it.stage.name(),
            outcome = it.code,
            consults = it.consults_used,
            elapsed_ms = it.elapsed_ms,
            "stage failed"
        ),
        Body::StageInterrupted(it) => {
            info!(run, stage = it.stage.name(), attempt = it.attempt, why = it.why, "stage interrupted");
        }
        Body::ApprovalRequested(it) => info!(
            run,
            request = draft.id,
            stage = it.stage.name(),
            iteration = it.iteration,
            "a decision is wanted"
        ),
        Body::ApprovalDecided(it) => info!(
            run,
            request = it.request,
            stage = it.stage.name(),
            decision = it.decision.name(),
            by = it.decided_by.words(),
            unanswered_critical = it.unanswered_critical.len(),
            "decided"
        ),
        _ => tracing::debug!(run, kind = draft.body.kind(), id = draft.id, "recorded"),
    }
}

/// Logs a change of files, recorded or not.
pub(super) fn changed(run: Option<&str>, changed: &Changed) {
    if !tracing::enabled!(Level::INFO) {
        return;
    }
    let count = |action: &str| changed.files.iter().filter(|file| file.action() == action).count();
    let what = match changed.kind {
        ChangeKind::Applied => "patch applied",
        ChangeKind::RolledBack => "change undone",
        ChangeKind::Recovered => "recovered: an unfinished change of a killed server was undone",
    };
    info!(
        run,
        backup = changed.backup_session,
        undoes = changed.undoes,
        files_changed = count("changed"),
        files_created = count("created"),
        files_removed = count("removed"),
        "{what}"
    );
}
