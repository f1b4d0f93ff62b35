//! Recording what was done, in the run that it belongs to.

use super::account::Account;
use super::configuration::Configuration;
use super::journal::new_id;
use super::log::Log;
use super::told;
use super::which_run::Meant;
use crate::domain::change::{Reason, Refusal};
use crate::domain::event::{Changed, Draft, Noted};
use crate::domain::workflow::{Gate, Held, Run};
use crate::error::Error;

/// Records something in the run that is meant (the named one, over or not, else this server's latest,
/// else the project's latest, while they go on), or outside of runs without one. Returns the run.
///
/// # Errors
///
/// There is no run of that name, or the log cannot be used.
pub async fn note(log: &Log, workflow_id: Option<String>, draft: Draft) -> Result<Option<String>, Error> {
    let meant = Meant::new(log, workflow_id);
    let run = log
        .journal()
        .read(move |history| {
            let open = meant.run(history)?.filter(|run| meant.named.is_some() || run.phase.is_open());
            Ok::<_, Error>(open.map(|run| (run.id.clone(), run.grounds())))
        })
        .await??;
    let (run, grounds) = run.map_or((None, Vec::new()), |(run, grounds)| (Some(run), grounds));
    let name = run.as_deref().unwrap_or_default();
    if log.is_logged(name) {
        log.journal().record(name, vec![draft.on(grounds)]).await?;
    }
    Ok(run)
}

/// Records what came of consults, on their account: in its run, else beside all runs. A log that
/// cannot be written does not take the result from the caller.
pub(super) async fn note_on(log: &Log, account: &Account, drafts: Vec<Draft>) {
    let run = account.run.as_deref().unwrap_or_default();
    if !log.is_logged(run) {
        return;
    }
    let drafts = drafts.into_iter().map(|draft| draft.on(account.rests_on.clone())).collect();
    if let Err(error) = log.journal().record(run, drafts).await {
        tracing::warn!(%error, "a result is not in the log");
    }
}

/// The same of a topic's result that rests on some consults, after events beside it. Its secrets are masked:
/// names and words of others can contain anything.
pub(super) async fn note_masked(
    config: &Configuration,
    log: &Log,
    account: &Account,
    noted: serde_json::Result<Noted>,
    consults: &[String],
    mut drafts: Vec<Draft>,
) {
    let masked = match noted {
        Ok(Noted { topic, content }) => {
            config.masked(move |masker| Noted { topic, content: masker.mask_value(content) }).await
        }
        Err(error) => Err(Error::Internal(error.to_string())),
    };
    match masked {
        Ok(noted) => {
            drafts.push(Draft::new(new_id(), noted).on(consults.iter().cloned()));
            note_on(log, account, drafts).await;
        }
        Err(error) => tracing::warn!(%error, "a result is not in the log"),
    }
}

/// The run that a change belongs to, and which changes it takes.
pub struct Belonging {
    /// The run.
    pub run: Run,
    pub gate: Gate,
}

impl Belonging {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.run.id
    }
}

/// The run that a patch belongs to. One at a time, and none before its time; where it is only tried,
/// its time does not matter. For a thread that may block.
///
/// # Errors
///
/// The run refuses it, or the log cannot be read by a server that works on a run.
pub fn run_to_patch(log: &Log, is_tried: bool) -> Result<Option<Belonging>, Refusal> {
    run_to_change(log, |run| {
        let gate = if is_tried { Gate::Any } else { run.may_change()? };
        run.may_patch().map_err(|refusal| Held { reason: Reason::ChangeUnverified, refusal }).map(|()| gate)
    })
}

/// The run that the undoing of a change belongs to.
///
/// # Errors
///
/// The run takes no change, or the log cannot be read by a server that works on a run.
pub fn run_to_restore(log: &Log) -> Result<Option<Belonging>, Refusal> {
    run_to_change(log, |run| match run.may_change()? {
        Gate::Any => Ok(Gate::Any),
        Gate::Approved(approved) => Err(run.differs(&approved, "a restore is another change")),
    })
}

/// The run that the taking back of what a killed server had begun belongs to: that is never refused.
/// If the log cannot name the run, there is none.
pub fn run_to_recover(log: &Log) -> Option<String> {
    run_to_change(log, |_| Ok(Gate::Any)).ok().flatten().map(|belonging| belonging.run.id)
}

fn run_to_change(
    log: &Log,
    may: impl FnOnce(&Run) -> Result<Gate, Held>,
) -> Result<Option<Belonging>, Refusal> {
    let meant = Meant::new(log, None);
    let found = log.journal().read_now(|history| {
        meant.open_run(history).map(|run| may(run).map(|gate| Belonging { run: run.clone(), gate }))
    });
    match found {
        Ok(None) => Ok(None),
        Ok(Some(Ok(belonging))) => Ok(Some(belonging)),
        Ok(Some(Err(held))) => Err(refused(held)),
        // The log knows whether a run blocks this: an unreadable log opens no gate.
        Err(error) => Err(Refusal::new(Reason::LogUnavailable, error)),
    }
}

/// Outcome of a change that a run refuses.
pub fn refused(Held { reason, refusal }: Held) -> Refusal {
    let next = refusal.next.clone();
    Refusal::new(reason, refusal).with_next(next)
}

/// Records a change of files from the thread that made it, so that no end of the call comes between.
/// A log that cannot be written does not undo the change.
pub fn note_change(log: &Log, run: Option<&str>, changed: Changed) {
    told::changed(run, &changed);
    let name = run.unwrap_or_default();
    if !log.is_logged(name) {
        return;
    }
    let grounds = log.journal().read_now(|history| history.run(name).map(Run::grounds));
    let draft = Draft::new(new_id(), changed).on(grounds.ok().flatten().unwrap_or_default());
    if let Err(error) = log.journal().record_now(name, vec![draft]) {
        tracing::warn!(%error, "a change of files is not in the log");
    }
}
