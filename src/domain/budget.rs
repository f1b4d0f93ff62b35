//! The budget of a run for consults, and what it has spent.
//!
//! A consult is reserved before it starts and settled after, both in the log, so that several
//! servers never pass a limit together. A reservation whose server was killed stays spent: nobody
//! knows what the CLI did with it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::event::consult::Purpose;
use super::stage::Stage;

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
pub struct Item {
    /// The stage that it belongs to.
    pub stage: Option<Stage>,
    /// The round of debug, where it is one of debug; else 0.
    pub round: u32,
    pub purpose: Purpose,
}

impl Item {
    fn counts_in_total(self) -> bool {
        match self.purpose {
            Purpose::Plain | Purpose::Candidate | Purpose::Resample | Purpose::Judge => true,
            // They have their own cap, `max_rounds`.
            Purpose::Vote | Purpose::Calibration => false,
        }
    }

    fn counts_in_stage(self) -> bool {
        self.counts_in_total() && self.purpose != Purpose::Resample
    }

    /// Returns where it counts: the stage, and in debug the round.
    fn place(self) -> Option<(&'static str, u32)> {
        self.stage.filter(|_| self.counts_in_stage()).map(|stage| match stage {
            Stage::Debug => (stage.name(), self.round),
            Stage::Analyze | Stage::Hypothesize | Stage::Implement | Stage::Improve => (stage.name(), 0),
        })
    }
}

/// Why a consult may not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Short {
    /// The budget that is used up: `the run`, or a stage.
    pub of: String,
    /// Its limit.
    pub limit: u32,
    pub used: u32,
    pub wanted: u32,
    pub by: Spender,
}

/// The run that has spent a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spender {
    /// Its id.
    pub run: String,
    pub task: String,
    /// Milliseconds since it began.
    pub age_ms: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    open: BTreeMap<String, Item>,
    total: u32,
    places: BTreeMap<(&'static str, u32), u32>,
}

/// The spent and the remaining budget of a run, as results show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Consults so far, those under way among them.
    pub used: u32,
    /// The limit.
    pub limit: u32,
    pub left: u32,
    pub left_in_stage: u32,
}

impl Budget {
    /// The budget of a run that begins with what was spent before it.
    pub fn carrying(total: u32) -> Self {
        Self { total, ..Self::default() }
    }

    /// Returns whether `wanted` consults may start, all of them.
    ///
    /// # Errors
    ///
    /// Returns what is used up.
    pub fn may(&self, item: Item, wanted: u32, limits: Limits) -> Result<(), Short> {
        if item.counts_in_total() && self.total.saturating_add(wanted) > limits.total {
            let of = "the run".to_owned();
            return Err(Short { of, limit: limits.total, used: self.total, wanted, by: Spender::default() });
        }
        let Some(place) = item.place() else { return Ok(()) };
        let (limit, used) = (limit_of(item, limits), self.used_in(place));
        if used.saturating_add(wanted) > limit {
            let of = item.stage.map_or_else(String::new, |stage| match stage {
                Stage::Debug => format!("round {} of debug", item.round),
                Stage::Analyze | Stage::Hypothesize | Stage::Implement | Stage::Improve => {
                    stage.name().to_owned()
                }
            });
            return Err(Short { of, limit, used, wanted, by: Spender::default() });
        }
        Ok(())
    }

    /// Returns how many consults of a kind may still start.
    pub fn left(&self, item: Item, limits: Limits) -> u32 {
        let in_total = limits.total.saturating_sub(self.total);
        match item.place() {
            Some(place) => in_total.min(limit_of(item, limits).saturating_sub(self.used_in(place))),
            None if item.counts_in_total() => in_total,
            None => u32::MAX,
        }
    }

    /// Returns what is spent and left, for a result.
    pub fn balance(&self, stage: Option<Stage>, round: u32, limits: Limits) -> Balance {
        let item = Item { stage, round, purpose: Purpose::Candidate };
        Balance {
            used: self.total,
            limit: limits.total,
            left: limits.total.saturating_sub(self.total),
            left_in_stage: self.left(item, limits),
        }
    }

    /// Consults so far, those under way among them.
    pub fn used(&self) -> u32 {
        self.total
    }

    /// A consult is about to start.
    pub fn reserve(&mut self, id: &str, item: Item) {
        if self.open.insert(id.to_owned(), item).is_none() {
            self.total += u32::from(item.counts_in_total());
            if let Some(place) = item.place() {
                *self.places.entry(place).or_default() += 1;
            }
        }
    }

    /// A consult ended. One that failed leaves its place in the stage to another provider; in the
    /// run it counts.
    pub fn settle(&mut self, id: &str, answered: bool) {
        if let Some(item) = self.open.remove(id)
            && !answered
        {
            self.free_place(item);
        }
    }

    /// A consult never started.
    pub fn release(&mut self, id: &str) {
        if let Some(item) = self.open.remove(id) {
            self.total -= u32::from(item.counts_in_total());
            self.free_place(item);
        }
    }

    fn free_place(&mut self, item: Item) {
        if let Some(used) = item.place().and_then(|place| self.places.get_mut(&place)) {
            *used = used.saturating_sub(1);
        }
    }

    fn used_in(&self, place: (&'static str, u32)) -> u32 {
        self.places.get(&place).copied().unwrap_or(0)
    }
}

fn limit_of(item: Item, limits: Limits) -> u32 {
    match item.stage {
        Some(Stage::Debug) => limits.per_debug_round,
        Some(Stage::Analyze | Stage::Hypothesize | Stage::Implement | Stage::Improve) | None => {
            limits.per_stage
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { per_stage: 2, per_debug_round: 1, total: 6 };

    fn item(stage: Stage, round: u32, purpose: Purpose) -> Item {
        Item { stage: Some(stage), round, purpose }
    }

    #[test]
    fn a_stage_has_two_and_a_round_of_debug_one() {
        let mut budget = Budget::default();
        let analyze = item(Stage::Analyze, 0, Purpose::Candidate);
        assert!(budget.may(analyze, 2, LIMITS).is_ok());
        assert_eq!(budget.may(analyze, 3, LIMITS).unwrap_err().of, "analyze");
        let third = item(Stage::Debug, 3, Purpose::Candidate);
        budget.reserve("a", third);
        assert_eq!(budget.may(third, 1, LIMITS).unwrap_err().of, "round 3 of debug");
        assert!(budget.may(item(Stage::Debug, 4, Purpose::Candidate), 1, LIMITS).is_ok());
    }

    #[test]
    fn a_resample_counts_in_the_run_and_not_in_its_stage() {
        let mut budget = Budget::default();
        budget.reserve("a", item(Stage::Implement, 0, Purpose::Resample));
        assert_eq!(budget.used(), 1);
        assert_eq!(budget.left(item(Stage::Implement, 0, Purpose::Candidate), LIMITS), 2);
    }

    #[test]
    fn what_failed_leaves_its_place_in_the_stage_and_what_never_started_counts_nowhere() {
        let mut budget = Budget::default();
        let analyze = item(Stage::Analyze, 0, Purpose::Candidate);
        budget.reserve("a", analyze);
        budget.settle("a", false);
        assert_eq!((budget.used(), budget.left(analyze, LIMITS)), (1, 2));
        budget.reserve("b", analyze);
        budget.release("b");
        assert_eq!((budget.used(), budget.left(analyze, LIMITS)), (1, 2));
    }

    fn any_item() -> impl Strategy<Value = Item> {
        let purposes =
            vec![Purpose::Plain, Purpose::Candidate, Purpose::Resample, Purpose::Judge, Purpose::Vote];
        (prop::sample::select(Stage::ALL.to_vec()), 0_u32..3, prop::sample::select(purposes))
            .prop_map(|(stage, round, purpose)| item(stage, round, purpose))
    }

    proptest! {
        /// A caller that asks before every reservation never exceeds a limit, in any order of ends.
        #[test]
        fn no_limit_is_passed_by_one(steps in prop::collection::vec((any_item(), 0_u8..4, 0_usize..40), 0..60)) {
            let mut budget = Budget::default();
            let mut started = Vec::new();
            for (number, (item, step, which)) in steps.into_iter().enumerate() {
                match step {
                    0 | 1 if budget.may(item, 1, LIMITS).is_ok() => {
                        budget.reserve(&number.to_string(), item);
                        started.push((number, item));
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
                let counted = started.iter().filter(|(_, item)| item.counts_in_total()).count();
                prop_assert_eq!(usize::try_from(budget.used()).unwrap(), counted);
                prop_assert!(budget.used() <= LIMITS.total);
                for (place, used) in &budget.places {
                    let limit = if place.0 == "debug" { LIMITS.per_debug_round } else { LIMITS.per_stage };
                    prop_assert!(*used <= limit);
                }
            }
        }
    }
}
