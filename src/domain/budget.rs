//! Budgets: the consults that a run may make, and the caps on tokens and money.
//!
//! A consult is reserved before it starts and settled after it ends. Both are in the log, so several servers
//! together never exceed a limit. If a server is killed, its reservations stay spent, because the CLI may
//! have done the work.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::event::consult::Purpose;
use super::measure::number::Sum;
use super::spending::Weight;
use super::stage::Stage;
use super::words::{dollars, things};

/// The limits of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Consults of one stage.
    pub per_stage: u32,
    /// Consults of one round of debug.
    pub per_debug_round: u32,
    /// Consults of the run.
    pub total: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The stage of the consult.
    pub stage: Option<Stage>,
    /// The round of debug; 0 for other stages.
    pub round: u32,
    pub purpose: Purpose,
}

impl Charge {
    fn counts_in_total(self) -> bool {
        // Votes and calibrations have their own limit, `max_rounds`.
        !matches!(self.purpose, Purpose::Vote | Purpose::Calibration)
    }

    fn counts_in_stage(self) -> bool {
        self.counts_in_total() && self.purpose != Purpose::Resample
    }

    /// The key that the consult is counted under: its stage, and its round in debug.
    fn place(self) -> Option<(&'static str, u32)> {
        let stage = self.stage.filter(|_| self.counts_in_stage())?;
        Some((stage.name(), if stage == Stage::Debug { self.round } else { 0 }))
    }
}

/// The reason why a consult may not start: a budget is used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetExceeded {
    /// Name of the used-up budget: `the run`, or a stage.
    pub of: String,
    pub limit: u32,
    pub used: u32,
    pub wanted: u32,
    pub by: Spender,
}

/// The run that used up a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spender {
    /// Id of the run.
    pub run: String,
    pub task: String,
    /// Age in milliseconds.
    pub age_ms: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    open: BTreeMap<String, Charge>,
    total: u32,
    places: BTreeMap<(&'static str, u32), u32>,
}

/// The used and the remaining budget of a run in results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Consults so far, running ones included.
    pub used: u32,
    pub limit: u32,
    pub left: u32,
    pub left_in_stage: u32,
}

impl Budget {
    /// The budget of a run that starts with `total` consults already used.
    pub fn carrying(total: u32) -> Self {
        Self { total, ..Self::default() }
    }

    /// Checks that `wanted` further consults may start.
    ///
    /// # Errors
    ///
    /// A budget has too little left for all of them.
    pub fn may(&self, charge: Charge, wanted: u32, limits: Limits) -> Result<(), BudgetExceeded> {
        if charge.counts_in_total() && self.total.saturating_add(wanted) > limits.total {
            let of = "the run".to_owned();
            return Err(BudgetExceeded {
                of,
                limit: limits.total,
                used: self.total,
                wanted,
                by: Spender::default(),
            });
        }
        let Some(place) = charge.place() else { return Ok(()) };
        let (limit, used) = (limit_of(charge, limits), self.used_in(place));
        if used.saturating_add(wanted) > limit {
            let of = match charge.stage {
                Some(Stage::Debug) => format!("round {} of debug", charge.round),
                stage => stage.map(Stage::name).unwrap_or_default().to_owned(),
            };
            return Err(BudgetExceeded { of, limit, used, wanted, by: Spender::default() });
        }
        Ok(())
    }

    /// Number of consults of a kind that may still start.
    pub fn left(&self, charge: Charge, limits: Limits) -> u32 {
        let in_total = limits.total.saturating_sub(self.total);
        match charge.place() {
            Some(place) => in_total.min(limit_of(charge, limits).saturating_sub(self.used_in(place))),
            None if charge.counts_in_total() => in_total,
            None => u32::MAX,
        }
    }

    /// The used and the remaining budget, for a result.
    pub fn balance(&self, stage: Option<Stage>, round: u32, limits: Limits) -> Balance {
        let charge = Charge { stage, round, purpose: Purpose::Candidate };
        Balance {
            used: self.total,
            limit: limits.total,
            left: limits.total.saturating_sub(self.total),
            left_in_stage: self.left(charge, limits),
        }
    }

    /// Consults so far, running ones included.
    pub fn used(&self) -> u32 {
        self.total
    }

    /// Reserves a consult.
    pub fn reserve(&mut self, id: &str, charge: Charge) {
        if self.open.insert(id.to_owned(), charge).is_none() {
            self.total += u32::from(charge.counts_in_total());
            if let Some(place) = charge.place() {
                *self.places.entry(place).or_default() += 1;
            }
        }
    }

    /// Settles a consult. A failed one frees its place in the stage for another provider, but counts in the
    /// run.
    pub fn settle(&mut self, id: &str, answered: bool) {
        if let Some(charge) = self.open.remove(id)
            && !answered
        {
            self.free_place(charge);
        }
    }

    /// Releases a consult that never started.
    pub fn release(&mut self, id: &str) {
        if let Some(charge) = self.open.remove(id) {
            self.total -= u32::from(charge.counts_in_total());
            self.free_place(charge);
        }
    }

    fn free_place(&mut self, charge: Charge) {
        if let Some(used) = charge.place().and_then(|place| self.places.get_mut(&place)) {
            *used = used.saturating_sub(1);
        }
    }

    fn used_in(&self, place: (&'static str, u32)) -> u32 {
        self.places.get(&place).copied().unwrap_or(0)
    }
}

fn limit_of(charge: Charge, limits: Limits) -> u32 {
    if charge.stage == Some(Stage::Debug) { limits.per_debug_round } else { limits.per_stage }
}

/// The configured caps; a missing one is no cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Caps {
    /// US dollars of a run.
    pub(crate) run_usd: Option<f64>,
    /// Tokens of a run, input and output.
    pub(crate) run_tokens: Option<u64>,
    /// US dollars of a day, of consults in runs and outside of them.
    pub(crate) day_usd: Option<f64>,
    pub(crate) day_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Cap {
    /// US dollars of a run.
    RunUsd,
    RunTokens,
    /// US dollars of a day.
    DayUsd,
    DayTokens,
}

/// An amount that a cap limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// US dollars.
    Dollars(Sum),
    Tokens(u64),
}

/// The current state of a cap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub(crate) cap: Cap,
    pub(crate) limit: Amount,
    /// Amount spent; an unknown cost counts as an estimate.
    pub(crate) spent: Amount,
    /// Estimate of the running calls.
    pub(crate) reserved: Amount,
    /// Number of calls that neither amount includes, because their cost is unknown.
    pub(crate) unpriced: u64,
    /// Origin of the limit: a file, or an environment variable.
    pub(crate) set_by: String,
}

/// A consult that would exceed a cap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapExceeded {
    /// The state of the cap.
    pub(crate) standing: Standing,
    /// Estimate of the refused consult.
    pub(crate) wanted: Amount,
    /// Id of the run; only for a cap on a run.
    pub(crate) run: Option<String>,
}

impl Cap {
    /// Every cap.
    pub(crate) const ALL: [Self; 4] = [Self::RunUsd, Self::RunTokens, Self::DayUsd, Self::DayTokens];

    /// Its key in the `caps` section of the configuration.
    pub(crate) fn key(self) -> &'static str {
        self.into()
    }

    /// The environment variable that sets it.
    pub(crate) fn variable(self) -> String {
        format!("MAESTRO_CAP_{}", self.key().to_ascii_uppercase())
    }

    /// True for a cap on a run, false for one on a day.
    pub(crate) fn is_of_run(self) -> bool {
        matches!(self, Self::RunUsd | Self::RunTokens)
    }

    /// The cap in words, after "the cap on".
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::RunUsd => "dollars of a run",
            Self::RunTokens => "tokens of a run",
            Self::DayUsd => "dollars of a day",
            Self::DayTokens => "tokens of a day",
        }
    }

    /// The part of a weight that this cap limits: dollars or tokens.
    fn amount(self, weight: Weight) -> Amount {
        match self {
            Self::RunUsd | Self::DayUsd => Amount::Dollars(weight.dollars),
            Self::RunTokens | Self::DayTokens => Amount::Tokens(weight.tokens),
        }
    }
}

impl Amount {
    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Dollars(mut one), Self::Dollars(other)) => {
                one += other;
                Self::Dollars(one)
            }
            (Self::Tokens(one), Self::Tokens(other)) => Self::Tokens(one.saturating_add(other)),
            // Both amounts belong to one cap, so their units are equal.
            (one, _) => one,
        }
    }

    fn is_above(self, limit: Self) -> bool {
        match (self, limit) {
            (Self::Dollars(one), Self::Dollars(limit)) => one > limit,
            (Self::Tokens(one), Self::Tokens(limit)) => one > limit,
            (Self::Dollars(_) | Self::Tokens(_), _) => false,
        }
    }

    /// The amount as a number for results.
    pub(crate) fn number(self) -> serde_json::Number {
        match self {
            Self::Dollars(sum) => serde_json::Number::from_f64(sum.value()).unwrap_or_else(|| 0.into()),
            Self::Tokens(count) => count.into(),
        }
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dollars(sum) => formatter.write_str(&dollars(sum.value())),
            Self::Tokens(count) => formatter.write_str(&things(*count, "token")),
        }
    }
}

impl Caps {
    /// The limit of a cap, if it is set.
    pub(crate) fn limit(&self, cap: Cap) -> Option<Amount> {
        match cap {
            Cap::RunUsd => self.run_usd.and_then(Sum::of).map(Amount::Dollars),
            Cap::RunTokens => self.run_tokens.map(Amount::Tokens),
            Cap::DayUsd => self.day_usd.and_then(Sum::of).map(Amount::Dollars),
            Cap::DayTokens => self.day_tokens.map(Amount::Tokens),
        }
    }

    /// True if any cap is set.
    pub(crate) fn any(&self) -> bool {
        Cap::ALL.into_iter().any(|cap| self.limit(cap).is_some())
    }

    /// True if a cap in dollars is set.
    pub(crate) fn in_dollars(&self) -> bool {
        self.run_usd.is_some() || self.day_usd.is_some()
    }

    /// The first invalid cap: its key and the reason.
    pub(crate) fn fault(&self) -> Option<(&'static str, String)> {
        let dollars = [(Cap::RunUsd, self.run_usd), (Cap::DayUsd, self.day_usd)];
        let is_wrong = |sum: f64| !sum.is_finite() || sum <= 0.0;
        let wrong = dollars.into_iter().find_map(|(cap, sum)| {
            let sum = sum.filter(|sum| is_wrong(*sum))?;
            Some((cap.key(), format!("must be above 0, or null for no cap (got {sum})")))
        });
        let tokens = [(Cap::RunTokens, self.run_tokens), (Cap::DayTokens, self.day_tokens)];
        wrong.or_else(|| {
            let zero = tokens.into_iter().find(|(_, count)| *count == Some(0))?;
            Some((zero.0.key(), "must be above 0, or null for no cap (got 0)".to_owned()))
        })
    }

    /// The state of each cap that is set. Outside of a run, the caps on runs are left out. `run` and `day`
    /// are pairs of the spent and the reserved weight.
    pub(crate) fn standings(
        &self,
        run: Option<(Weight, Weight)>,
        day: (Weight, Weight),
        set_by: impl Fn(Cap) -> String,
    ) -> Vec<Standing> {
        let standing = |cap: Cap| {
            let (spent, reserved) = if cap.is_of_run() { run? } else { day };
            let limit = self.limit(cap)?;
            let unpriced = match limit {
                Amount::Dollars(_) => spent.unpriced,
                Amount::Tokens(_) => 0,
            };
            let (spent, reserved, set_by) = (cap.amount(spent), cap.amount(reserved), set_by(cap));
            Some(Standing { cap, limit, spent, reserved, unpriced, set_by })
        };
        Cap::ALL.into_iter().filter_map(standing).collect()
    }
}

impl Standing {
    /// Admits a consult of this weight.
    ///
    /// # Errors
    ///
    /// The consult would exceed the cap.
    pub(crate) fn admits(self, wanted: Weight, run: Option<&str>) -> Result<(), Box<CapExceeded>> {
        let wanted = self.cap.amount(wanted);
        if self.spent.plus(self.reserved).plus(wanted).is_above(self.limit) {
            let run = run.filter(|_| self.cap.is_of_run()).map(str::to_owned);
            return Err(Box::new(CapExceeded { standing: self, wanted, run }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { per_stage: 2, per_debug_round: 1, total: 6 };

    fn charge(stage: Stage, round: u32, purpose: Purpose) -> Charge {
        Charge { stage: Some(stage), round, purpose }
    }

    #[test]
    fn a_stage_has_two_and_a_round_of_debug_one() {
        let mut budget = Budget::default();
        let analyze = charge(Stage::Analyze, 0, Purpose::Candidate);
        assert!(budget.may(analyze, 2, LIMITS).is_ok());
        assert_eq!(budget.may(analyze, 3, LIMITS).unwrap_err().of, "analyze");
        let third = charge(Stage::Debug, 3, Purpose::Candidate);
        budget.reserve("a", third);
        assert_eq!(budget.may(third, 1, LIMITS).unwrap_err().of, "round 3 of debug");
        assert!(budget.may(charge(Stage::Debug, 4, Purpose::Candidate), 1, LIMITS).is_ok());
    }

    #[test]
    fn a_resample_counts_in_the_run_and_not_in_its_stage() {
        let mut budget = Budget::default();
        budget.reserve("a", charge(Stage::Implement, 0, Purpose::Resample));
        assert_eq!(budget.used(), 1);
        assert_eq!(budget.left(charge(Stage::Implement, 0, Purpose::Candidate), LIMITS), 2);
    }

    #[test]
    fn what_failed_leaves_its_place_in_the_stage_and_what_never_started_counts_nowhere() {
        let mut budget = Budget::default();
        let analyze = charge(Stage::Analyze, 0, Purpose::Candidate);
        budget.reserve("a", analyze);
        budget.settle("a", false);
        assert_eq!((budget.used(), budget.left(analyze, LIMITS)), (1, 2));
        budget.reserve("b", analyze);
        budget.release("b");
        assert_eq!((budget.used(), budget.left(analyze, LIMITS)), (1, 2));
    }

    fn any_charge() -> impl Strategy<Value = Charge> {
        let purposes =
            vec![Purpose::Plain, Purpose::Candidate, Purpose::Resample, Purpose::Judge, Purpose::Vote];
        (prop::sample::select(Stage::ALL.to_vec()), 0_u32..3, prop::sample::select(purposes))
            .prop_map(|(stage, round, purpose)| charge(stage, round, purpose))
    }

    proptest! {
        /// A caller that asks before every reservation never exceeds a limit, in any order of ends.
        #[test]
        fn no_limit_is_passed_by_one(steps in prop::collection::vec((any_charge(), 0_u8..4, 0_usize..40), 0..60)) {
            let mut budget = Budget::default();
            let mut started = Vec::new();
            for (number, (charge, step, which)) in steps.into_iter().enumerate() {
                match step {
                    0 | 1 if budget.may(charge, 1, LIMITS).is_ok() => {
                        budget.reserve(&number.to_string(), charge);
                        started.push((number, charge));
                    }
                    2 if !started.is_empty() => {
                        let (id, _) = started[which % started.len()];
                        budget.settle(&id.to_string(), which % 2 == 0);
                    }
                    3 if !started.is_empty() => {
                        let (id, _) = started[which % started.len()];
                        let was_open = budget.open.contains_key(&id.to_string());
                        budget.release(&id.to_string());
                        if was_open {
                            started.retain(|(other, _)| *other != id);
                        }
                    }
                    _ => {}
                }
                let counted = started.iter().filter(|(_, charge)| charge.counts_in_total()).count();
                prop_assert_eq!(usize::try_from(budget.used()).unwrap(), counted);
                prop_assert!(budget.used() <= LIMITS.total);
                for (place, used) in &budget.places {
                    let limit = if place.0 == "debug" { LIMITS.per_debug_round } else { LIMITS.per_stage };
                    prop_assert!(*used <= limit);
                }
            }
        }
    }

    fn nobody(_: Cap) -> String {
        String::new()
    }

    fn weight(sum: f64) -> Weight {
        Weight { dollars: Sum::of(sum).unwrap(), ..Weight::default() }
    }

    #[test]
    fn a_cap_is_reached_and_never_passed() {
        let caps = Caps { run_usd: Some(1.0), ..Caps::default() };
        let standing = caps.standings(Some((weight(0.5), weight(0.25))), (weight(9.0), weight(9.0)), nobody);
        assert_eq!(standing.len(), 1);
        assert!(standing[0].clone().admits(weight(0.25), Some("r")).is_ok());
        let passed = standing[0].clone().admits(weight(0.26), Some("r")).unwrap_err();
        assert_eq!((passed.run.as_deref(), passed.wanted.to_string().as_str()), (Some("r"), "$0.26"));
    }

    #[test]
    fn caps_of_runs_say_nothing_outside_of_one() {
        let caps = Caps { run_tokens: Some(1), day_tokens: Some(10), ..Caps::default() };
        let tokens = |tokens| Weight { tokens, ..Weight::default() };
        let standing = caps.standings(None, (tokens(3), tokens(0)), nobody);
        assert_eq!(standing.iter().map(|one| one.cap).collect::<Vec<_>>(), [Cap::DayTokens]);
        let admits = |count| standing[0].clone().admits(tokens(count), None).is_ok();
        assert!(admits(7) && !admits(8));
    }

    #[test]
    fn a_cap_that_is_no_amount_is_a_fault() {
        assert_eq!(Caps::default().fault(), None);
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Caps { day_usd: Some(wrong), ..Caps::default() }.fault().unwrap().0, "day_usd");
        }
        assert_eq!(Caps { run_tokens: Some(0), ..Caps::default() }.fault().unwrap().0, "run_tokens");
    }

    proptest! {
        /// A caller that asks before each reservation never passes a cap, whatever is settled for less.
        #[test]
        fn what_was_admitted_stays_below(limit in 1_u64..1_000, steps in prop::collection::vec((0_u64..300, 0_u64..300), 0..40)) {
            let caps = Caps { day_tokens: Some(limit), ..Caps::default() };
            let (mut spent, mut reserved) = (Weight::default(), Weight::default());
            for (wanted, took) in steps {
                let wanted = Weight { tokens: wanted, ..Weight::default() };
                let standing = caps.standings(None, (spent, reserved), nobody)[0].clone();
                if standing.admits(wanted, None).is_ok() {
                    if took % 2 == 0 {
                        spent += Weight { tokens: took.min(wanted.tokens), ..Weight::default() };
                    } else {
                        reserved += wanted;
                    }
                }
                prop_assert!(spent.tokens + reserved.tokens <= limit);
            }
        }
    }
}
