//! Records results in the run that they belong to.

use super::account::Account;
use super::configuration::Configuration;
use super::journal::new_id;
use super::log::Log;
use super::operator_log;
use super::which_run::Meant;
use crate::domain::change::{Reason, Refusal};
use crate::domain::event::{Changed, Draft, Noted};
use crate::domain::workflow::{Gate, Held, Run};
use crate::error::Error;

/// Records an event in the run that the call means (the named one, ended or not, else this server's latest
/// open run, else the project's latest open run), or outside of runs. Returns the run.
///
/// # Errors
///
/// The run does not exist, or the log cannot be used.
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

/// Records the results of consults in the run that pays for them, else outside of runs. If the log cannot
/// be written, the caller still gets the result.
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

/// As [`note_on`], for one result that rests on consults, after the events in `drafts`. Its secrets are
/// masked: names and texts of others can contain anything.
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
        Err(error) => Err(Error::internal(error)),
    };
    match masked {
        Ok(noted) => {
            drafts.push(Draft::new(new_id(), noted).on(consults.iter().cloned()));
            note_on(log, account, drafts).await;
        }
        Err(error) => tracing::warn!(%error, "a result is not in the log"),
    }
}

/// The run that a change belongs to, and the changes that it accepts.
pub struct Belonging {
    pub run: Run,
    pub gate: Gate,
}

impl Belonging {
    pub fn id(&self) -> &str {
        &self.run.id
    }
}

/// Finds the run that a patch belongs to. The run accepts one patch at a time, in the right stage; a dry run
/// (`is_tried`) may come earlier. Blocks.
///
/// # Errors
///
/// The run refuses it, or a server that works on a run cannot read the log.
pub fn run_to_patch(log: &Log, is_tried: bool) -> Result<Option<Belonging>, Refusal> {
    run_to_change(log, |run| {
        let gate = if is_tried { Gate::Any } else { run.may_change()? };
        run.may_patch().map_err(|refusal| Held { reason: Reason::ChangeUnverified, refusal }).map(|()| gate)
    })
}

/// The run that a restore belongs to.
///
/// # Errors
///
/// The run accepts no change, or a server that works on a run cannot read the log.
pub fn run_to_restore(log: &Log) -> Result<Option<Belonging>, Refusal> {
    run_to_change(log, |run| match run.may_change()? {
        Gate::Any => Ok(Gate::Any),
        Gate::Approved(approved) => Err(run.differs(&approved, "a restore is another change")),
    })
}

/// The run of an unfinished change of a killed server; undoing that is never refused. `None` if the log
/// cannot name the run.
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
        // Only the log can tell if a run forbids the change, so a log that cannot be read opens no gate.
        Err(error) => Err(Refusal::new(Reason::LogUnavailable, error)),
    }
}

/// The refusal of a change by a run.
pub fn refused(Held { reason, refusal }: Held) -> Refusal {
    let next = refusal.next.clone();
    Refusal::new(reason, refusal).with_next(next)
}

/// Records a change of files on the thread that made it, so that nothing comes in between. If the log
/// cannot be written, the change stands.
pub fn note_change(log: &Log, run: Option<&str>, changed: Changed) {
    operator_log::changed(run, &changed);
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
