//! Figures of a run or of the project, always from the log, so that every server and every terminal shows
//! the same.

use super::account::standings;
use super::configuration::Configuration;
use super::kit::Kit;
use super::time::now;
use super::which_run::Meant;
use crate::domain::history::History;
use crate::domain::measure::cost::Costs;
use crate::domain::measure::report::Report;
use crate::domain::measure::tally::{Baseline, Scope, Tally};
use crate::error::Error;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The current run, if there is one, else the project.
    Current,
    /// The named run, else the current one.
    Run(Option<String>),
    /// The project, inside and outside of runs.
    Project,
    /// The last days.
    Days(u32),
}

/// The figures of a scope.
///
/// # Errors
///
/// The run does not exist, or the log cannot be read.
pub async fn metrics(kit: &Kit, wanted: Wanted) -> Result<Report, Error> {
    kit.config.check()?;
    let named = if let Wanted::Run(named) = &wanted { named.clone() } else { None };
    let (meant, config) = (Meant::new(&kit.log, named), kit.config.clone());
    let read = kit.log.journal().read(move |history| {
        let scope = scope(history, &wanted, &meant)?;
        Ok(report(&config, history, scope))
    });
    read.await?
}

/// The figures of a scope, and their cost.
pub(crate) fn report(config: &Configuration, history: &History, scope: Scope) -> Report {
    let tally = tally(history, &scope);
    let run = match &scope {
        Scope::Run(run) => Some(run.as_str()),
        Scope::Project | Scope::Days(_) => None,
    };
    let caps = standings(config, history, run);
    let cost = Costs::of(&tally.cells, &config.loaded().prices, &caps);
    Report { cost: Some(cost), ..Report::of(scope, &tally, config.baseline()) }
}

/// The figures of a scope without their cost.
pub(crate) fn figures(history: &History, scope: Scope, baseline: Baseline) -> Report {
    let tally = tally(history, &scope);
    Report::of(scope, &tally, baseline)
}

fn tally(history: &History, scope: &Scope) -> Tally {
    const DAY: u64 = 24 * 60 * 60 * 1_000;
    match scope {
        Scope::Run(run) => history.tally_of(run).unwrap_or_default(),
        Scope::Project => history.tally(),
        Scope::Days(days) => {
            history.tally_since(now().saturating_sub(u64::from(days.saturating_sub(1)) * DAY))
        }
    }
}

fn scope(history: &History, wanted: &Wanted, meant: &Meant) -> Result<Scope, Error> {
    let run = || Ok::<_, Error>(meant.run(history)?.map(|run| Scope::Run(run.id.clone())));
    match wanted {
        Wanted::Project => Ok(Scope::Project),
        Wanted::Days(days) => Ok(Scope::Days(*days)),
        Wanted::Current => Ok(run()?.unwrap_or(Scope::Project)),
        Wanted::Run(_) => run()?.ok_or_else(|| {
            Error::InvalidArguments(
                "no run goes on here: name one with workflow_id, or ask for the project".to_owned(),
            )
        }),
    }
}
