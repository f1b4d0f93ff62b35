//! Cost of calls by model, provider, stage and thread. Calls without a known cost are counted separately.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::number::Sum;
use crate::domain::budget::Standing;
use crate::domain::order::Order;
use crate::domain::pairs::is_default;
use crate::domain::spending::{Cell, ModelKey, Prices};
use crate::domain::stage::Stage;
use crate::domain::tokens::Tokens;
use crate::domain::words::things;

/// Maximum number of threads in the list.
const MOST_THREADS: usize = 20;

/// The group of calls that share a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Key {
    /// The provider and its model.
    pub(crate) model_key: ModelKey,
    /// The stage that the calls served.
    pub(crate) stage: Option<Stage>,
    /// The thread that the calls belong to.
    pub(crate) thread: Option<String>,
}

/// Sums of calls, by group.
pub(crate) type Cells = BTreeMap<Key, Cell>;

/// The cost of calls in total and by group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Costs {
    pub(crate) total: Cost,
    /// By the model that answered.
    pub(crate) by_model: Vec<Named>,
    pub(crate) by_provider: Vec<Named>,
    /// By stage; calls outside of stages have no name.
    pub(crate) by_stage: Vec<Named>,
    /// By thread, the most expensive first; calls outside of threads have no name.
    pub(crate) by_thread: Vec<Named>,
    /// Number of threads that are left out.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) more_threads: u64,
    /// Models whose tokens are reported but whose price is unknown.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) models_without_price: BTreeSet<String>,
    /// The price lists in use, the strongest first.
    pub(crate) prices: Vec<PriceNote>,
    /// The caps that are set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) caps: Vec<CapNote>,
    /// Explanations of unknown or estimated figures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

/// The cost of a group of calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Cost {
    pub(crate) calls: u64,
    /// Input tokens, as reported.
    pub(crate) input_tokens: Option<u64>,
    /// Output tokens, as reported.
    pub(crate) output_tokens: Option<u64>,
    /// Number of calls that did not report all their tokens.
    pub(crate) calls_without_tokens: u64,
    /// Estimated tokens of those calls, from the length of the texts.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) estimated_tokens: u64,
    /// Known US dollars: reported and computed from prices. `None` if nothing is known.
    pub(crate) cost_usd: Option<f64>,
    /// US dollars that CLIs reported.
    pub(crate) told_usd: Option<f64>,
    /// US dollars computed from reported tokens and the price list.
    pub(crate) priced_usd: Option<f64>,
    /// Number of calls without a known cost.
    pub(crate) calls_without_cost: u64,
}

/// The cost of all calls with one name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Named {
    /// The name of the model, provider, stage or thread, if there is one.
    pub(crate) name: Option<String>,
    #[serde(flatten)]
    pub(crate) cost: Cost,
}

/// A price list: its date and its source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PriceNote {
    /// The day on which its prices were valid.
    date: String,
    source: String,
}

/// A cap and its current state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct CapNote {
    /// Its key in the `caps` section of the configuration.
    pub(crate) cap: &'static str,
    pub(crate) limit: serde_json::Number,
    /// Amount spent; an unknown cost counts as an estimate.
    pub(crate) spent: serde_json::Number,
    /// Estimate of the running calls.
    pub(crate) reserved: serde_json::Number,
    /// Number of calls that neither amount includes, because their cost is unknown.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) calls_without_cost: u64,
    /// Origin of the limit: a file, or an environment variable.
    pub(crate) set_by: String,
    /// The state as a sentence.
    pub(crate) words: String,
}

impl std::fmt::Display for PriceNote {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.source.as_str(), self.date.as_str()) {
            ("", "") => formatter.write_str("a list without a date"),
            ("", date) => write!(formatter, "a list of {date}"),
            (source, "") => formatter.write_str(source),
            (source, date) => write!(formatter, "{source} ({date})"),
        }
    }
}

impl From<&Standing> for CapNote {
    fn from(standing: &Standing) -> Self {
        let Standing { cap, limit, spent, reserved, unpriced, set_by } = standing;
        let more = match unpriced {
            0 => String::new(),
            1 => "; the cost of 1 call is not known".to_owned(),
            calls => format!("; the cost of {calls} calls is not known"),
        };
        Self {
            cap: cap.key(),
            limit: limit.number(),
            spent: spent.number(),
            reserved: reserved.number(),
            calls_without_cost: *unpriced,
            words: format!(
                "{}: {spent} of {limit} spent, {reserved} under way{more} (set by {set_by})",
                cap.words()
            ),
            set_by: set_by.clone(),
        }
    }
}

impl Cost {
    fn of<'a>(cells: impl Iterator<Item = (&'a ModelKey, &'a Cell)>, prices: &Prices) -> Self {
        let mut all = Cell::default();
        let (mut priced, mut calls_priced) = (Sum::default(), 0);
        for (model_key, cell) in cells {
            all.merge(cell);
            if let Some(rate) = prices.of(&model_key.provider, &model_key.model) {
                priced += rate.of(cell.to_price);
                calls_priced += cell.calls_to_price;
            }
        }
        let is_told = all.calls > all.untold || all.told != Tokens::default();
        let mut known = all.dollars;
        known += priced;
        let sum = |is_known: bool, sum: Sum| is_known.then(|| sum.value());
        Self {
            calls: all.calls,
            input_tokens: is_told.then_some(all.told.input),
            output_tokens: is_told.then_some(all.told.output),
            calls_without_tokens: all.untold,
            estimated_tokens: all.estimated.both(),
            cost_usd: sum(all.with_dollars + calls_priced > 0, known),
            told_usd: sum(all.with_dollars > 0, all.dollars),
            priced_usd: sum(calls_priced > 0, priced),
            calls_without_cost: all.calls_to_price - calls_priced + all.calls_to_guess,
        }
    }

    /// Reported input and output tokens together.
    pub(crate) fn tokens(&self) -> Option<u64> {
        Some(self.input_tokens?.saturating_add(self.output_tokens?))
    }
}

impl Costs {
    /// Computes the costs of the cells of a tally.
    pub(crate) fn of(cells: &Cells, prices: &Prices, caps: &[Standing]) -> Self {
        let total = Cost::of(cells.iter().map(|(key, cell)| (&key.model_key, cell)), prices);
        let mut by_thread = grouped(cells, prices, |key| key.thread.clone());
        let more_threads = by_thread.len().saturating_sub(MOST_THREADS);
        by_thread.truncate(MOST_THREADS);
        let without = cells.iter().filter(|(key, cell)| {
            cell.calls_to_price > 0 && prices.of(&key.model_key.provider, &key.model_key.model).is_none()
        });
        let models_without_price: BTreeSet<String> = without
            .map(|(key, _)| match key.model_key.model.as_str() {
                "" => format!("{} (it does not report its model)", key.model_key.provider),
                model => model.to_owned(),
            })
            .collect();
        Self {
            notes: notes(&total, &models_without_price),
            total,
            by_model: grouped(cells, prices, |key| {
                Some(key.model_key.model.clone()).filter(|model| !model.is_empty())
            }),
            by_provider: grouped(cells, prices, |key| Some(key.model_key.provider.clone())),
            by_stage: grouped(cells, prices, |key| key.stage.map(|stage| stage.name().to_owned())),
            by_thread,
            more_threads: u64::try_from(more_threads).unwrap_or(u64::MAX),
            models_without_price,
            prices: prices
                .lists()
                .map(|(date, source)| PriceNote { date: date.to_owned(), source: source.to_owned() })
                .collect(),
            caps: caps.iter().map(CapNote::from).collect(),
        }
    }
}

/// The cost of each name, the most expensive first.
fn grouped(cells: &Cells, prices: &Prices, name: impl Fn(&Key) -> Option<String>) -> Vec<Named> {
    let mut groups: BTreeMap<Option<String>, Vec<(&ModelKey, &Cell)>> = BTreeMap::new();
    for (key, cell) in cells {
        groups.entry(name(key)).or_default().push((&key.model_key, cell));
    }
    let mut all: Vec<Named> = groups
        .into_iter()
        .map(|(name, cells)| Named { name, cost: Cost::of(cells.into_iter(), prices) })
        .collect();
    let weight = |named: &Named| (named.cost.cost_usd.unwrap_or(0.0), named.cost.tokens().unwrap_or(0));
    all.order_by(|one, other| {
        let (one, other) = (weight(one), weight(other));
        other.0.total_cmp(&one.0).then(other.1.cmp(&one.1))
    });
    all
}

fn notes(total: &Cost, without: &BTreeSet<String>) -> Vec<String> {
    let mut notes = Vec::new();
    let calls = |count: u64| things(count, "call");
    if total.calls_without_tokens > 0 {
        let estimate = match total.estimated_tokens {
            0 => "their number is unknown".to_owned(),
            tokens => format!("about {tokens}, estimated from characters, are not included in the totals"),
        };
        notes.push(format!("{} did not report all tokens: {estimate}", calls(total.calls_without_tokens)));
    }
    if total.calls_without_cost > 0 {
        notes.push(format!(
            "the cost of {} is not known and not included in the totals",
            calls(total.calls_without_cost)
        ));
    }
    if !without.is_empty() {
        let names: Vec<&str> = without.iter().map(String::as_str).collect();
        notes.push(format!(
            "no price is known for {}: add it to your own prices.yaml, in ~/.config/maestro",
            names.join(", ")
        ));
    }
    if total.priced_usd.is_some() {
        notes.push(
            "dollars by the price list are an estimate: cached tokens count in full, a subscription is billed otherwise".to_owned(),
        );
    }
    notes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::event::consult::ConsultSettled;
    use crate::domain::spending::PriceList;

    fn prices() -> Prices {
        let list: PriceList = serde_yaml::from_str(
            "date: 2026-01-02\nsource: a test\nmodels:\n- {provider: codex, model: known, input: 1, output: 10}\n",
        )
        .unwrap();
        Prices::new(vec![list])
    }

    fn key(provider: &str, model: &str, stage: Option<Stage>, thread: Option<&str>) -> Key {
        Key {
            model_key: ModelKey { provider: provider.to_owned(), model: model.to_owned() },
            stage,
            thread: thread.map(str::to_owned),
        }
    }

    fn told(input: u64, output: u64) -> ConsultSettled {
        ConsultSettled { input_tokens: Some(input), output_tokens: Some(output), ..ConsultSettled::sample() }
    }

    fn estimated(estimate: Tokens) -> ConsultSettled {
        ConsultSettled { estimate: Some(estimate), ..ConsultSettled::sample() }
    }

    #[test]
    fn what_a_cli_tells_counts_before_the_table_and_what_is_unknown_is_apart() {
        let cells: Cells = [
            (key("codex", "known", None, Some("t")), Cell::of(&told(1_000_000, 100_000))),
            (
                key("claude", "known", Some(Stage::Debug), None),
                Cell::of(&ConsultSettled { cost_usd: Some(0.5), ..told(10, 10) }),
            ),
            (key("codex", "new", None, None), Cell::of(&told(7, 3))),
            (key("gemini", "", None, None), Cell::of(&estimated(Tokens { input: 40, output: 2 }))),
        ]
        .into();
        let costs = Costs::of(&cells, &prices(), &[]);
        let total = &costs.total;
        assert_eq!((total.told_usd, total.priced_usd, total.cost_usd), (Some(0.5), Some(2.0), Some(2.5)));
        assert_eq!((total.input_tokens, total.output_tokens), (Some(1_000_017), Some(100_013)));
        assert_eq!(
            (total.calls_without_tokens, total.estimated_tokens, total.calls_without_cost),
            (1, 42, 2)
        );
        assert_eq!(costs.models_without_price, BTreeSet::from(["new".to_owned()]));
        assert_eq!(costs.by_model[0].name.as_deref(), Some("known"));
        let unknown = costs.by_provider.iter().find(|one| one.name.as_deref() == Some("gemini")).unwrap();
        assert_eq!((unknown.cost.cost_usd, unknown.cost.input_tokens), (None, None));
        assert_eq!(costs.by_thread[0].name.as_deref(), Some("t"));
        assert_eq!(costs.notes.len(), 4, "{:?}", costs.notes);
    }

    #[test]
    fn a_call_that_reached_no_model_is_known_to_have_cost_nothing() {
        let free = estimated(Tokens::default());
        let cells: Cells = [(key("codex", "known", None, None), Cell::of(&free))].into();
        let total = Costs::of(&cells, &prices(), &[]).total;
        assert_eq!((total.calls, total.calls_without_tokens, total.calls_without_cost), (1, 0, 0));
    }

    fn taken() -> impl Strategy<Value = ConsultSettled> {
        let tokens = || prop::option::of(0_u64..10_000_000);
        let estimate = (0_u64..10_000, 0_u64..10_000).prop_map(|(input, output)| Tokens { input, output });
        (tokens(), tokens(), prop::option::of(0.0_f64..10.0), prop::option::of(estimate)).prop_map(
            |(input_tokens, output_tokens, cost_usd, estimate)| ConsultSettled {
                input_tokens,
                output_tokens,
                cost_usd,
                estimate,
                ..ConsultSettled::sample()
            },
        )
    }

    fn keys() -> impl Strategy<Value = Key> {
        let stages = prop::option::of(prop::sample::select(Stage::ALL.to_vec()));
        let threads = prop::option::of(prop::sample::select(vec!["one", "two"]));
        (
            prop::sample::select(vec!["codex", "claude"]),
            prop::sample::select(vec!["known", "new", ""]),
            stages,
            threads,
        )
            .prop_map(|(provider, model, stage, thread)| key(provider, model, stage, thread))
    }

    proptest! {
        /// Each way to split the calls adds up to all of them, in whatever order they came.
        #[test]
        fn every_split_adds_up(calls in prop::collection::vec((keys(), taken()), 0..40)) {
            let mut cells = Cells::new();
            for (key, taken) in &calls {
                cells.entry(key.clone()).or_default().merge(&Cell::of(taken));
            }
            let mut backwards = Cells::new();
            for (key, taken) in calls.iter().rev() {
                backwards.entry(key.clone()).or_default().merge(&Cell::of(taken));
            }
            prop_assert_eq!(&cells, &backwards);
            let costs = Costs::of(&cells, &prices(), &[]);
            for split in [&costs.by_model, &costs.by_provider, &costs.by_stage, &costs.by_thread] {
                let sum = |of: fn(&Cost) -> u64| split.iter().map(|one| of(&one.cost)).sum::<u64>();
                prop_assert_eq!(sum(|cost| cost.calls), costs.total.calls);
                prop_assert_eq!(sum(|cost| cost.input_tokens.unwrap_or(0)), costs.total.input_tokens.unwrap_or(0));
                prop_assert_eq!(sum(|cost| cost.calls_without_cost), costs.total.calls_without_cost);
                prop_assert_eq!(sum(|cost| cost.calls_without_tokens), costs.total.calls_without_tokens);
                let dollars: f64 = split.iter().filter_map(|one| one.cost.cost_usd).sum();
                prop_assert!((dollars - costs.total.cost_usd.unwrap_or(0.0)).abs() < 1e-6);
            }
        }

        /// The weight against a cap is never below the known cost.
        #[test]
        fn a_cap_weighs_at_least_what_is_known(calls in prop::collection::vec((keys(), taken()), 0..40)) {
            let mut cells = Cells::new();
            for (key, taken) in &calls {
                cells.entry(key.clone()).or_default().merge(&Cell::of(taken));
            }
            let total = Costs::of(&cells, &prices(), &[]).total;
            let weight = crate::domain::spending::weight(cells.iter().map(|(key, cell)| (&key.model_key, cell)), &prices());
            prop_assert!(weight.tokens >= total.tokens().unwrap_or(0));
            prop_assert!(weight.dollars.value() + 1e-6 >= total.cost_usd.unwrap_or(0.0));
        }
    }
}
