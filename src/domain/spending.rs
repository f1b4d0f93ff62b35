//! Tokens and cost of consults: reported, estimated, and expected.
//!
//! An unknown cost never counts as zero. If a CLI reports its cost, that counts. Else the price list prices
//! its tokens. Tokens that were not reported are estimated from the length of the texts, and kept apart.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::event::consult::ConsultSettled;
use super::event::{Body, Event};
use super::measure::number::{Sum, real};
use super::pairs;
use super::served::bare;
use super::tokens::{Expected, Tokens};

/// Expected tokens of an answer if no earlier call of the provider is known.
const USUAL_ANSWER: u64 = 4_000;

/// The number of a provider's last calls that estimates are made from.
const REMEMBERED: usize = 20;

/// The unit of times of spending, in milliseconds. Midnight of every time zone is a multiple of it.
const QUARTER_HOUR: u64 = 15 * 60 * 1_000;

/// The number of quarters of an hour that are kept: two days.
const KEPT_QUARTERS: u64 = 2 * 24 * 4;

/// Sums over some calls of one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub(crate) calls: u64,
    /// Tokens that CLIs reported.
    pub(crate) told: Tokens,
    /// Calls whose input or output tokens, or both, were not reported.
    pub(crate) untold: u64,
    /// Estimates of the tokens that were not reported.
    pub(crate) estimated: Tokens,
    /// Dollars that CLIs reported.
    pub(crate) dollars: Sum,
    /// Calls that reported dollars.
    pub(crate) with_dollars: u64,
    /// Tokens of calls that reported all tokens but no dollars. A price list prices them.
    pub(crate) to_price: Tokens,
    /// The number of those calls.
    pub(crate) calls_to_price: u64,
    /// Tokens, some of them estimated, of calls that reported neither all tokens nor dollars.
    pub(crate) to_guess: Tokens,
    /// The number of those calls.
    pub(crate) calls_to_guess: u64,
}

impl Cell {
    pub(crate) fn of(call: &ConsultSettled) -> Self {
        let (input, output, estimate) = (call.input_tokens, call.output_tokens, call.estimate);
        let told = Tokens { input: input.unwrap_or(0), output: output.unwrap_or(0) };
        let guess = estimate.unwrap_or_default();
        let is_told = input.is_some() && output.is_some();
        // An estimate of zero means that nothing reached a model.
        let is_free = estimate == Some(Tokens::default());
        let estimated = Tokens {
            input: if input.is_some() { 0 } else { guess.input },
            output: if output.is_some() { 0 } else { guess.output },
        };
        let mut all = told;
        all += estimated;
        let dollars = call.cost_usd.and_then(Sum::of);
        let mut cell = Self { calls: 1, told, dollars: dollars.unwrap_or_default(), ..Self::default() };
        cell.with_dollars = u64::from(dollars.is_some());
        if !is_told && !is_free {
            cell.untold = 1;
            cell.estimated = estimated;
        }
        match (dollars, is_told, is_free) {
            (Some(_), ..) | (None, false, true) => {}
            (None, true, _) => (cell.to_price, cell.calls_to_price) = (told, 1),
            (None, false, false) => (cell.to_guess, cell.calls_to_guess) = (all, 1),
        }
        cell
    }

    /// Adds another cell.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.told += other.told;
        self.untold += other.untold;
        self.estimated += other.estimated;
        self.dollars += other.dollars;
        self.with_dollars += other.with_dollars;
        self.to_price += other.to_price;
        self.calls_to_price += other.calls_to_price;
        self.to_guess += other.to_guess;
        self.calls_to_guess += other.calls_to_guess;
    }

    /// The weight against a cap: all calls, with an estimate of each unknown cost.
    pub(crate) fn weight(&self, provider: &str, model: &str, prices: &Prices) -> Weight {
        let rate = prices.of(provider, model).or_else(|| prices.dearest(provider));
        let mut tokens = self.told;
        tokens += self.estimated;
        let mut weight = Weight { tokens: tokens.both(), dollars: self.dollars, unpriced: 0 };
        match rate {
            Some(rate) => {
                weight.dollars += rate.of(self.to_price);
                weight.dollars += rate.of(self.to_guess);
            }
            None => weight.unpriced = self.calls_to_price + self.calls_to_guess,
        }
        weight
    }
}

/// Spending to compare with a cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    /// Tokens sent and received.
    pub(crate) tokens: u64,
    /// US dollars.
    pub(crate) dollars: Sum,
    /// Calls whose cost cannot even be estimated, as there is no price.
    pub(crate) unpriced: u64,
}

impl AddAssign for Weight {
    fn add_assign(&mut self, other: Self) {
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.dollars += other.dollars;
        self.unpriced += other.unpriced;
    }
}

/// The provider and model of the calls of a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ModelKey {
    pub(crate) provider: String,
    /// The model that answered, else the one that was asked for; empty if neither is known.
    pub(crate) model: String,
}

impl ModelKey {
    pub(crate) fn of(call: &ConsultSettled) -> Self {
        Self { provider: call.provider.clone(), model: call.model.clone() }
    }
}

/// A consult that has not ended: it is under way, or its server is gone.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Open {
    run: String,
    at: u64,
    provider: String,
    expected: Expected,
}

/// A finished call, to estimate later ones from.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct PastCall {
    /// Tokens sent in addition to the question: the CLI's own prompt.
    beyond: u64,
    /// Tokens answered.
    output: u64,
}

/// The calls of a quarter of an hour.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Quarter(#[serde(with = "pairs")] BTreeMap<ModelKey, Cell>);

/// The fold of the log for caps and estimates.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Spending {
    open: HashMap<String, Open>,
    /// The last two days, by quarters of an hour.
    quarters: BTreeMap<u64, Quarter>,
    seen: HashMap<String, VecDeque<PastCall>>,
}

impl Spending {
    pub(crate) fn apply(&mut self, event: &Event) {
        if let Body::ConsultReserved(reserved) = &event.body
            && let Some(expected) = &reserved.expected
        {
            let open = Open {
                run: event.run.clone(),
                at: event.at,
                provider: reserved.provider.clone(),
                expected: expected.clone(),
            };
            self.open.insert(event.id.clone(), open);
        } else if let Body::ConsultReleased(released) = &event.body {
            self.open.remove(&released.reservation);
        } else if let Body::ConsultSettled(settled) = &event.body {
            self.open.remove(&settled.reservation);
            self.settled(event.at, settled);
        }
    }

    fn settled(&mut self, at: u64, settled: &ConsultSettled) {
        let quarter = at / QUARTER_HOUR;
        let Quarter(cells) = self.quarters.entry(quarter).or_default();
        cells.entry(ModelKey::of(settled)).or_default().merge(&Cell::of(settled));
        let newest = self.quarters.last_key_value().map_or(quarter, |(newest, _)| *newest);
        while let Some(oldest) = self.quarters.first_entry()
            && oldest.key().saturating_add(KEPT_QUARTERS) < newest
        {
            oldest.remove();
        }
        if let (Some(input), Some(output), Some(estimate)) =
            (settled.input_tokens, settled.output_tokens, settled.estimate)
        {
            let seen = self.seen.entry(settled.provider.clone()).or_default();
            seen.push_back(PastCall { beyond: input.saturating_sub(estimate.input), output });
            if seen.len() > REMEMBERED {
                seen.pop_front();
            }
        }
    }

    /// The estimated tokens of a call with a question of `question` tokens: the greatest overhead and the
    /// longest answer among the provider's last calls.
    pub(crate) fn expected(&self, provider: &str, question: u64) -> Tokens {
        let seen = self.seen.get(provider);
        let most = |of: fn(&PastCall) -> u64| seen.into_iter().flatten().map(of).max();
        Tokens {
            input: question.saturating_add(most(|seen| seen.beyond).unwrap_or(0)),
            output: most(|seen| seen.output).unwrap_or(USUAL_ANSWER),
        }
    }

    /// The spending since a time, rounded down to a quarter of an hour.
    pub(crate) fn since(&self, start: u64, prices: &Prices) -> Weight {
        let settled = self.quarters.range(start / QUARTER_HOUR..).flat_map(|(_, Quarter(cells))| cells);
        weight(settled, prices)
    }

    /// The estimate of the calls that began since a time and have not ended.
    pub(crate) fn open_since(&self, start: u64, prices: &Prices) -> Weight {
        self.open_where(|open| open.at >= start, prices)
    }

    /// The estimate of a run's calls that have not ended.
    pub(crate) fn open_in(&self, run: &str, prices: &Prices) -> Weight {
        self.open_where(|open| open.run == run, prices)
    }

    fn open_where(&self, counts: impl Fn(&Open) -> bool, prices: &Prices) -> Weight {
        let mut sum = Weight::default();
        for open in self.open.values().filter(|open| counts(open)) {
            sum += expected_weight(&open.provider, &open.expected, prices);
        }
        sum
    }
}

/// The weight of cells against a cap.
pub(crate) fn weight<'a>(cells: impl Iterator<Item = (&'a ModelKey, &'a Cell)>, prices: &Prices) -> Weight {
    let mut sum = Weight::default();
    for (model_key, cell) in cells {
        sum += cell.weight(&model_key.provider, &model_key.model, prices);
    }
    sum
}

/// The estimated weight of a consult against a cap.
pub(crate) fn expected_weight(provider: &str, expected: &Expected, prices: &Prices) -> Weight {
    let rate = prices.of(provider, &expected.model).or_else(|| prices.dearest(provider));
    let dollars = rate.map(|rate| rate.of(expected.tokens)).unwrap_or_default();
    Weight { tokens: expected.tokens.both(), dollars, unpriced: 0 }
}

/// The number of tokens that a price is for.
const UNIT: f64 = 1e6;

/// A price list file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceList {
    /// The date of the prices.
    #[serde(default)]
    pub(crate) date: String,
    #[serde(default)]
    pub(crate) source: String,
    #[serde(default)]
    models: Vec<Price>,
}

/// The price of a model, in US dollars for a million tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    /// The provider that answers with the model.
    provider: String,
    /// The model's name. A `*` at its end matches anything.
    model: String,
    /// Price of tokens sent.
    input: f64,
    /// Price of tokens answered.
    output: f64,
}

/// US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    input: f64,
    output: f64,
}

/// The price lists in force: the user's own first, then the shipped one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prices(Vec<PriceList>);

impl PriceList {
    /// The reason why the list cannot be used; None if it can.
    pub(crate) fn fault(&self) -> Option<String> {
        let is_price = |price: f64| price.is_finite() && price >= 0.0;
        let wrong = self.models.iter().find(|one| !is_price(one.input) || !is_price(one.output))?;
        Some(format!("the prices of {} must be 0 or more", wrong.model))
    }
}

impl Price {
    fn rate(&self) -> Rate {
        Rate { input: self.input, output: self.output }
    }

    /// How well the price fits a model: the number of matching letters, or the maximum if the whole name
    /// matches. None if the price is for another model.
    fn fit(&self, model: &str, bare: &str) -> Option<usize> {
        let own = self.model.to_ascii_lowercase();
        match own.strip_suffix('*') {
            Some(beginning) => model.starts_with(beginning).then_some(beginning.len()),
            None => (!model.is_empty() && (own == model || own == bare)).then_some(usize::MAX),
        }
    }
}

impl Rate {
    /// The price of these tokens.
    pub(crate) fn of(self, tokens: Tokens) -> Sum {
        let dollars = (self.input * real(tokens.input) + self.output * real(tokens.output)) / UNIT;
        Sum::of(dollars).unwrap_or_default()
    }
}

impl Prices {
    /// Takes price lists, the one that overrides the others first.
    pub(crate) fn new(lists: Vec<PriceList>) -> Self {
        Self(lists)
    }

    /// The price of a provider's model; None if no list has one. An empty name is an unknown model, which
    /// only a `*` matches.
    pub(crate) fn of(&self, provider: &str, model: &str) -> Option<Rate> {
        let (model, bare) = (model.to_ascii_lowercase(), bare(model));
        let best = |list: &PriceList| {
            let fits = list.models.iter().filter(|one| one.provider == provider);
            let fits = fits.filter_map(|one| Some((one.fit(&model, &bare)?, one.rate())));
            fits.max_by_key(|(letters, _)| *letters).map(|(_, rate)| rate)
        };
        self.0.iter().find_map(best)
    }

    /// The dearest input and output price of a provider's models. Caps use it if the model is unknown or has
    /// no price. None if the provider has no price at all.
    pub(crate) fn dearest(&self, provider: &str) -> Option<Rate> {
        let all = self.0.iter().flat_map(|list| &list.models).filter(|one| one.provider == provider);
        all.map(Price::rate).reduce(|one, other| Rate {
            input: one.input.max(other.input),
            output: one.output.max(other.output),
        })
    }

    /// The date and source of each list, in the order of the lists.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|list| (list.date.as_str(), list.source.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> PriceList {
        serde_yaml::from_str(text).unwrap()
    }

    fn shipped() -> PriceList {
        list(include_str!("../../conf/prices.yaml"))
    }

    fn dollars(rate: Option<Rate>, input: u64, output: u64) -> Option<f64> {
        rate.map(|rate| rate.of(Tokens { input, output }).value())
    }

    #[test]
    fn the_shipped_list_has_a_date_a_source_and_prices() {
        let list = shipped();
        assert_eq!((list.date.len(), list.fault()), (10, None));
        assert!(!list.source.is_empty() && list.models.len() > 10);
        for provider in ["codex", "claude", "gemini"] {
            assert!(Prices::new(vec![shipped()]).dearest(provider).is_some(), "{provider}");
        }
    }

    #[test]
    fn a_name_is_known_with_its_date_and_variant_and_no_other_is() {
        let prices = Prices::new(vec![shipped()]);
        let known = [
            "claude-opus-5",
            "claude-opus-5-20260901",
            "Claude-Opus-5[1m]",
            "claude-opus-5-2026-09-01",
            "claude-opus-5-latest",
            "claude-opus-5@20260901",
            "us.anthropic.claude-opus-5-20260901-v1:0",
        ];
        for name in known {
            assert_eq!(dollars(prices.of("claude", name), 1_000_000, 0), Some(5.0), "{name}");
        }
        for (provider, name) in [
            ("claude", "claude-opus-5-7"),
            ("claude", ""),
            ("claude", "opus"),
            ("codex", "claude-opus-5"),
            ("codex", "gpt-6-sol-mini"),
        ] {
            assert_eq!(prices.of(provider, name), None, "{provider} {name}");
        }
    }

    #[test]
    fn a_users_own_price_comes_first_and_the_longest_beginning_wins() {
        let own = list(
            "models:\n- {provider: codex, model: 'gpt-*', input: 1, output: 2}\n- {provider: codex, model: 'gpt-6-*', input: 3, output: 4}\n- {provider: mine, model: '*', input: 7, output: 0}\n",
        );
        let prices = Prices::new(vec![own, shipped()]);
        assert_eq!(dollars(prices.of("codex", "gpt-6-astra"), 1_000_000, 1_000_000), Some(7.0));
        assert_eq!(dollars(prices.of("codex", "gpt-9"), 1_000_000, 0), Some(1.0));
        assert_eq!(dollars(prices.of("mine", ""), 500_000, 9), Some(3.5));
        assert_eq!(prices.of("theirs", "x"), None);
        assert_eq!(dollars(prices.dearest("codex"), 1_000_000, 0), Some(10.0));
        assert_eq!(prices.dearest("theirs"), None);
    }

    #[test]
    fn what_is_no_price_is_a_fault() {
        for wrong in ["-1", ".nan", ".inf"] {
            let list = list(&format!("models:\n- {{provider: a, model: m, input: {wrong}, output: 1}}\n"));
            assert_eq!(list.fault().as_deref(), Some("the prices of m must be 0 or more"));
        }
    }
}
