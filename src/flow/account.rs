//! Accounts: the run that pays for a consult, and the caps on spending. A consult is reserved before it
//! starts and settled after it ends.

use jiff::ZonedDateTime as Zoned;

use super::configuration::Configuration;
use super::journal::{Decided, RestsOn, new_id};
use super::kit::Kit;
use super::log::Log;
use super::scope::off_thread_with;
use super::time::now;
use super::which_run::Meant;
use crate::domain::budget::{BudgetExceeded, Cap, Caps, Spender, Standing};
use crate::domain::call_options::CallOptions;
use crate::domain::change::Mark;
use crate::domain::event::Draft;
use crate::domain::event::consult::{
    ConsultReleased, ConsultReserved, ConsultSettled, Kept, Purpose, bounded,
};
use crate::domain::history::History;
use crate::domain::spending::{Prices, Spending, Weight, expected_weight, weight};
use crate::domain::stage::Stage;
use crate::domain::tokens::{Expected, Tokens};
use crate::domain::workflow::{Phase, Run};
use crate::error::Error;
use crate::provider::catalogue::Provider;
use crate::provider::choice::Choice;

/// Payer of a consult.
#[derive(Clone, Debug)]
pub struct Account {
    /// The run that pays. `None` if the consult belongs to no run; then no budget limits it.
    pub run: Option<String>,
    pub stage: Option<Stage>,
    pub purpose: Purpose,
    /// Ids of the events that the consult rests on.
    pub rests_on: Vec<String>,
}

impl Account {
    /// A consult outside any run.
    pub fn outside(purpose: Purpose) -> Self {
        Self { run: None, stage: None, purpose, rests_on: Vec::new() }
    }

    /// The account of the run that a call names, else the account outside any run.
    ///
    /// # Errors
    ///
    /// See [`Self::of`].
    pub async fn of_named(log: &Log, workflow_id: Option<String>, purpose: Purpose) -> Result<Self, Error> {
        off_thread_with(log, move |log| Self::of(log, workflow_id.as_deref(), None, purpose)).await
    }

    /// Finds the account of a consult that the orchestrator asks for: the named run, else the run in which
    /// the named stage is running, else no run. So an open run does not pay for other work. Blocks.
    ///
    /// # Errors
    ///
    /// The named run does not exist, or the log is busy and a run may have to pay.
    pub fn of(
        log: &Log,
        workflow_id: Option<&str>,
        stage: Option<Stage>,
        purpose: Purpose,
    ) -> Result<Self, Error> {
        let outside = Self { run: None, stage, purpose, rests_on: Vec::new() };
        if workflow_id.is_none() && stage.is_none() {
            return Ok(outside);
        }
        let meant = Meant::new(log, workflow_id.map(str::to_owned));
        let found = log.journal().read_now(|history| {
            let run = meant.run(history)?;
            let is_meant = |run: &&Run| {
                run.phase.is_open()
                    && (workflow_id.is_some()
                        || matches!(run.phase, Phase::Running(running) if stage == Some(running)))
            };
            Ok::<_, Error>(run.filter(is_meant).map(|run| (run.id.clone(), run.phase.stage())))
        });
        let run = match found {
            Ok(found) => found?,
            // A log that stays unreadable stops no consult. A log that is busy stops one only if a run may
            // have to pay.
            Err(error)
                if !meant.is_definite() || matches!(&error, Error::Store(store) if !store.retryable()) =>
            {
                tracing::warn!(%error, "the log cannot be read: the consult belongs to no run");
                None
            }
            Err(error) => return Err(error),
        };
        // The current stage of the run pays, whichever stage was named: a stage cannot use the consults of
        // another.
        Ok(match run {
            Some((run, stage)) => Self { run: Some(run), stage, purpose, rests_on: Vec::new() },
            None => outside,
        })
    }
}

/// Source of a consult's token count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// The CLI reported its tokens.
    Told,
    /// The CLI answered with this many bytes.
    Answered(usize),
    /// The call failed after it may have reached a model.
    Unknown,
    /// The call reached no model.
    Nothing,
}

/// A reserved consult. Dropping it unsettled releases it, so that the consult counts nowhere.
pub struct Reservation {
    kit: Kit,
    account: Account,
    provider: String,
    /// Id of its event in the log; empty if it belongs to no run and no cap applies.
    id: String,
    /// Tokens of the question, estimated from its characters.
    question: u64,
    /// Estimated tokens.
    expected: Tokens,
    is_over: bool,
}

/// Reserves a consult with each of several providers: all of them or none. Blocks.
///
/// # Errors
///
/// The budget is too small, a cap on spending would be exceeded, or the log cannot be written.
pub(crate) fn reserve(
    kit: &Kit,
    account: &Account,
    asked: &Asked<'_>,
    providers: &[String],
) -> Result<Vec<Reservation>, Error> {
    let guard = CapGuard::of(&kit.config);
    let usual = Spending::default().expected("", asked.tokens);
    let (reserved, stage) = match (&account.run, &guard) {
        (None, None) => (providers.iter().map(|_| (String::new(), usual)).collect(), account.stage),
        _ => reserve_in(kit, guard.as_ref(), account, asked, providers)?,
    };
    let account = Account { stage, ..account.clone() };
    let made = |((id, expected), provider): ((_, _), &String)| Reservation {
        kit: kit.clone(),
        account: account.clone(),
        provider: provider.clone(),
        id,
        question: asked.tokens,
        expected,
        is_over: false,
    };
    Ok(reserved.into_iter().zip(providers).map(made).collect())
}

/// Size and model of a question, from which its price is estimated.
pub(crate) struct Asked<'a> {
    /// Tokens of the question, estimated from its characters.
    pub(crate) tokens: u64,
    /// The requested model, if any.
    pub(crate) model: Option<&'a str>,
}

/// The number of consults that an account has left; `usize::MAX` outside a run. Blocks.
///
/// # Errors
///
/// The log cannot be read.
pub fn left(config: &Configuration, log: &Log, account: &Account) -> Result<usize, Error> {
    let Some(run) = &account.run else { return Ok(usize::MAX) };
    let left = log.journal().read_now(|history| {
        let run = history.run(run)?;
        Some(run.budget.left(run.charge(account.stage, account.purpose), config.limits()))
    });
    Ok(left?.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX)))
}

/// Ids of reservations with their expected tokens, and the stage that they belong to.
type Reserved = (Vec<(String, Tokens)>, Option<Stage>);

/// Reserves in the log. If no stage was named, the run's current stage pays.
fn reserve_in(
    kit: &Kit,
    guard: Option<&CapGuard>,
    account: &Account,
    asked: &Asked<'_>,
    providers: &[String],
) -> Result<Reserved, Error> {
    let (purpose, question) = (account.purpose, asked.tokens);
    let wanted = wanted(&kit.config, providers, asked.model);
    // A cap on a day covers all runs, so the decision rests on the whole log.
    let rests_on = if guard.is_some() { RestsOn::TheLog } else { RestsOn::ItsRun };
    kit.log.journal().decide_now(rests_on, |history| {
        let stage = match &account.run {
            None => account.stage,
            Some(id) => {
                let run = history.run(id).ok_or_else(|| Error::Internal(format!("run {id} is gone")))?;
                let charge = run.charge(account.stage, purpose);
                let count = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
                run.budget
                    .may(charge, count, kit.config.limits())
                    .map_err(|exceeded| exhausted(run, exceeded))?;
                charge.stage
            }
        };
        let expected = match guard {
            None => wanted.iter().map(|_| None).collect(),
            Some(guard) => guard.admit(history, account.run.as_deref(), &wanted, question)?,
        };
        let (mut drafts, mut reserved) = (Vec::new(), Vec::new());
        for (one, expected) in wanted.iter().zip(expected) {
            let usual = || history.spending.expected(&one.provider, question);
            let tokens = expected.as_ref().map_or_else(usual, |expected| expected.tokens);
            let body = ConsultReserved { stage, purpose, provider: one.provider.clone(), expected };
            let draft = Draft::new(new_id(), body).on(account.rests_on.clone());
            reserved.push((draft.id.clone(), tokens));
            drafts.push(draft);
        }
        let run = account.run.clone().unwrap_or_default();
        Ok((run, Decided::append(drafts, (reserved, stage))))
    })
}

/// The error for a run whose consults are used up. It names the run.
pub fn exhausted(run: &Run, exceeded: BudgetExceeded) -> Error {
    Error::BudgetExhausted(BudgetExceeded {
        by: Spender {
            run: run.id.clone(),
            task: run.task.clone(),
            age_ms: now().saturating_sub(run.started_at),
        },
        ..exceeded
    })
}

impl Reservation {
    /// The provider that it is reserved for.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The account that pays.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The token estimate that the log keeps beside a consult. If the CLI reported its tokens, this is the
    /// estimate of the question alone, from which later estimates learn.
    pub(crate) fn estimate(&self, took: TokenSource) -> Tokens {
        match took {
            TokenSource::Told => Tokens { input: self.question, output: 0 },
            TokenSource::Answered(bytes) => {
                Tokens { input: self.expected.input, output: Tokens::of_bytes(bytes) }
            }
            TokenSource::Unknown => self.expected,
            TokenSource::Nothing => Tokens::default(),
        }
    }

    /// Settles the reservation after the consult. True if the event was recorded in the log. Blocks for one
    /// write.
    ///
    /// # Errors
    ///
    /// The log cannot be written.
    pub fn settle(&mut self, id: String, settled: ConsultSettled) -> Result<bool, Error> {
        self.is_over = true;
        match self.drafts(id, settled) {
            Some((run, drafts)) => self.kit.log.journal().record_now(&run, drafts).map(|()| true),
            None => Ok(false),
        }
    }

    fn drafts(&self, id: String, mut settled: ConsultSettled) -> Option<(String, Vec<Draft>)> {
        self.kit.log.ledger().add(&settled);
        let is_traced = self.account.run.is_some() || self.kit.config.settings().tracing.enabled;
        // A cap counts spending even if texts are not kept.
        let is_recorded = is_traced || !self.id.is_empty();
        if !is_traced {
            (settled.prompt, settled.response, settled.turn) = (None, None, None);
        }
        settled.reservation.clone_from(&self.id);
        let rests_on = self.account.rests_on.iter().cloned().chain([self.id.clone()]);
        let draft = Draft::new(if id.is_empty() { new_id() } else { id }, settled).on(rests_on);
        is_recorded.then(|| (self.account.run.clone().unwrap_or_default(), vec![draft]))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.id.is_empty() && !self.is_over {
            let run = self.account.run.as_deref().unwrap_or_default();
            let body = ConsultReleased { reservation: self.id.clone(), why: "it never started".to_owned() };
            let released = self.kit.log.journal().record_now(run, vec![Draft::new(new_id(), body)]);
            if let Err(error) = released {
                tracing::warn!(%error, "a consult that never started still counts");
            }
        }
    }
}

/// A text in the form that the log keeps: length, digest and, if texts are saved, the [`bounded`] text.
pub fn kept(text: &str, is_saved: bool) -> Kept {
    Kept {
        chars: u64::try_from(text.chars().count()).unwrap_or(u64::MAX),
        sha256: Mark::of(text.as_bytes()).sha256,
        text: is_saved.then(|| bounded(text).into_owned()),
    }
}

/// Checks consults against the caps on spending.
#[derive(Clone)]
struct CapGuard {
    caps: Caps,
    prices: Prices,
    /// Origin of each cap.
    set_by: [(Cap, String); 4],
    /// Start of the day, in milliseconds since 1970.
    day: u64,
}

/// A consult to reserve.
#[derive(Clone, Debug)]
struct Wanted {
    provider: String,
    /// The requested model; empty if the CLI chooses.
    model: String,
    /// True if the understudy answers it by rules, which costs nothing.
    is_free: bool,
}

impl CapGuard {
    /// The guard for the configured caps; `None` if no cap is set.
    fn of(config: &Configuration) -> Option<Self> {
        let caps = config.settings().caps;
        let set_by = Cap::ALL.map(|cap| (cap, config.loaded().set_by(&format!("caps.{}", cap.key()))));
        caps.any().then(|| Self { caps, prices: config.loaded().prices.clone(), set_by, day: midnight() })
    }

    /// Admits consults under the caps, and returns the estimated tokens of each.
    ///
    /// # Errors
    ///
    /// The consults would exceed a cap, or the price of one is unknown.
    fn admit(
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
            let tokens = history.spending.expected(&one.provider, question);
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

    /// The state of each cap, for a run and for today.
    fn standings(&self, history: &History, run: Option<&str>) -> Vec<Standing> {
        let spending = &history.spending;
        // In the log the empty name stands for everything outside of runs; here it means a run that has spent
        // nothing.
        let of_run = run.map(|run| {
            if run.is_empty() {
                return (Weight::default(), Weight::default());
            }
            let cells = history.cells_of(run);
            let spent = weight(cells.iter().map(|(key, cell)| (&key.model_key, cell)), &self.prices);
            (spent, spending.open_in(run, &self.prices))
        });
        let of_day = (spending.since(self.day, &self.prices), spending.open_since(self.day, &self.prices));
        let set_by = |cap| self.set_by.iter().find(|(one, _)| *one == cap).map(|(_, by)| by.clone());
        self.caps.standings(of_run, of_day, |cap| set_by(cap).unwrap_or_default())
    }
}

/// The state of the caps that are set, for a run and for today.
pub(crate) fn standings(config: &Configuration, history: &History, run: Option<&str>) -> Vec<Standing> {
    CapGuard::of(config).map(|guard| guard.standings(history, run)).unwrap_or_default()
}

/// The state of every cap today. Caps of a run are shown as for a run that has spent nothing.
pub(crate) async fn today(config: &Configuration, log: &Log) -> Vec<Standing> {
    let Some(guard) = CapGuard::of(config) else { return Vec::new() };
    log.journal().read(move |history| guard.standings(history, Some(""))).await.unwrap_or_default()
}

/// The consults to reserve, with the model of each if a price depends on it. Blocks.
fn wanted(config: &Configuration, providers: &[String], model: Option<&str>) -> Vec<Wanted> {
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

/// Start of the current day in the user's time zone.
fn midnight() -> u64 {
    let now = Zoned::now();
    let start = now.start_of_day().unwrap_or(now);
    u64::try_from(start.timestamp().as_millisecond()).unwrap_or(0)
}
