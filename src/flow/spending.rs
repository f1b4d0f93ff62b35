//! Caps on spending, held against the log before a consult starts.

use jiff::ZonedDateTime as Zoned;

use super::configuration::Configuration;
use super::log::Log;
use crate::domain::call_options::CallOptions;
use crate::domain::cap::{Cap, Caps, Standing};
use crate::domain::history::History;
use crate::domain::price::Prices;
use crate::domain::spending::{Weight, expected_weight, weight};
use crate::domain::tokens::Expected;
use crate::error::Error;
use crate::provider::catalogue::Provider;
use crate::provider::choice::Choice;

/// Spending that caps limit.
#[derive(Clone)]
pub(super) struct Guard {
    caps: Caps,
    prices: Prices,
    /// Where each cap is set.
    set_by: [(Cap, String); 4],
    /// When the day began, in milliseconds since 1970.
    day: u64,
}

/// A consult that is to be reserved.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) provider: String,
    /// The model that it is asked for; empty where the CLI chooses.
    model: String,
    /// True if rules answer it, which cost nothing.
    is_free: bool,
}

impl Guard {
    /// The guard over the caps that are set; none where none is.
    pub(super) fn of(config: &Configuration) -> Option<Self> {
        let caps = config.settings().caps;
        let set_by = Cap::ALL.map(|cap| (cap, config.loaded().set_by(&format!("caps.{}", cap.key()))));
        caps.any().then(|| Self { caps, prices: config.loaded().prices.clone(), set_by, day: midnight() })
    }

    /// Admits consults under the caps, and returns the estimated tokens of each.
    ///
    /// # Errors
    ///
    /// They would pass a cap, or nobody knows what one costs.
    pub(super) fn admit(
        &self,
        history: &History,
        run: Option<&str>,
        wanted: &[Wanted],
        question: u64,
    ) -> Result<Vec<Option<Expected>>, Error> {
        let is_priced = self.caps.day_usd.is_some() || (run.is_some() && self.caps.run_usd.is_some());
        let mut sum = Weight::default();
        let mut all = Vec::new();
        for one in wanted {
            if one.is_free {
                all.push(None);
                continue;
            }
            let known =
                self.prices.of(&one.provider, &one.model).or_else(|| self.prices.dearest(&one.provider));
            if is_priced && known.is_none() {
                return Err(Error::PriceUnknown { provider: one.provider.clone(), model: one.model.clone() });
            }
            let tokens = history.spending().expected(&one.provider, question);
            let expected = Expected { model: one.model.clone(), tokens };
            sum += expected_weight(&one.provider, &expected, &self.prices);
            all.push(Some(expected));
        }
        if all.iter().any(Option::is_some) {
            for standing in self.standings(history, run) {
                standing.admits(sum, run).map_err(Error::CapReached)?;
            }
        }
        Ok(all)
    }

    /// How the caps stand.
    fn standings(&self, history: &History, run: Option<&str>) -> Vec<Standing> {
        let spending = history.spending();
        // The empty name is that of all that belongs to no run.
        let of_run = run.map(|run| {
            if run.is_empty() {
                return (Weight::default(), Weight::default());
            }
            let cells = history.cells_of(run);
            let spent = weight(cells.iter().map(|(key, cell)| (&key.whose, cell)), &self.prices);
            (spent, spending.open_in(run, &self.prices))
        });
        let of_day = (spending.since(self.day, &self.prices), spending.open_since(self.day, &self.prices));
        let set_by = |cap| self.set_by.iter().find(|(one, _)| *one == cap).map(|(_, by)| by.clone());
        self.caps.standings(of_run, of_day, |cap| set_by(cap).unwrap_or_default())
    }
}

/// How the caps that are set stand, for a run and for today.
pub(crate) fn standings(config: &Configuration, history: &History, run: Option<&str>) -> Vec<Standing> {
    Guard::of(config).map(|guard| guard.standings(history, run)).unwrap_or_default()
}

/// How every cap stands today, those of a run as for one that has spent nothing; none where none is set.
pub(crate) async fn today(config: &Configuration, log: &Log) -> Vec<Standing> {
    let Some(guard) = Guard::of(config) else { return Vec::new() };
    log.journal().read(move |history| guard.standings(history, Some(""))).await.unwrap_or_default()
}

/// The consults that are to be reserved, with the models that they go to as far as that matters. Blocks.
pub(super) fn wanted(config: &Configuration, providers: &[String], model: Option<&str>) -> Vec<Wanted> {
    let options = CallOptions { model: model.map(str::to_owned), ..CallOptions::default() };
    let in_dollars = config.settings().caps.in_dollars();
    let one = |name: &String| {
        let provider = config.catalogue().get(name).ok();
        let is_free = provider.is_some_and(Provider::is_understudy);
        let chosen = provider
            .filter(|_| in_dollars && !is_free)
            .and_then(|provider| Choice::of(provider, config.environment(), &options).model);
        Wanted { provider: name.clone(), model: chosen.unwrap_or_default(), is_free }
    };
    providers.iter().map(one).collect()
}

/// When today began where the user is.
fn midnight() -> u64 {
    let now = Zoned::now();
    let start = now.start_of_day().unwrap_or(now);
    u64::try_from(start.timestamp().as_millisecond()).unwrap_or(0)
}
