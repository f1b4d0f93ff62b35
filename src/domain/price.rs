//! Prices of models: a table with a date and a source. A user's own table comes before it.

use serde::Deserialize;

use super::measure::number::{Sum, real};
use super::tokens::Tokens;

/// Tokens that a price is for.
const UNIT: f64 = 1e6;

/// A price list as a file holds it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceList {
    /// The day on which its prices held.
    #[serde(default)]
    pub(crate) date: String,
    /// Their source.
    #[serde(default)]
    pub(crate) source: String,
    /// The prices.
    #[serde(default)]
    models: Vec<Price>,
}

/// US dollars for a million tokens of a model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    /// The consultant that answers with it.
    provider: String,
    /// The model's name; a `*` at its end stands for anything.
    model: String,
    /// Tokens sent.
    input: f64,
    /// Tokens answered.
    output: f64,
}

/// Price of a million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    input: f64,
    output: f64,
}

/// The prices in force: a user's own first, then those that ship.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prices(Vec<PriceList>);

impl PriceList {
    /// Reason why the list cannot be used.
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

    /// Number of letters of a name it stands for; none where it is about another model.
    fn fit(&self, model: &str) -> Option<usize> {
        let own = self.model.to_ascii_lowercase();
        match own.strip_suffix('*') {
            Some(beginning) => model.starts_with(beginning).then_some(beginning.len()),
            None => (!model.is_empty() && (own == model || own == bare(model))).then_some(usize::MAX),
        }
    }
}

impl Rate {
    /// Price of these tokens.
    pub(crate) fn of(self, tokens: Tokens) -> Sum {
        let dollars = (self.input * real(tokens.input) + self.output * real(tokens.output)) / UNIT;
        Sum::of(dollars).unwrap_or_default()
    }
}

impl Prices {
    /// Price lists, the strongest first.
    pub(crate) fn new(lists: Vec<PriceList>) -> Self {
        Self(lists)
    }

    /// The price of a provider's model; none where no list has one. An empty name is of a model that
    /// nobody told: only a `*` is about it.
    pub(crate) fn of(&self, provider: &str, model: &str) -> Option<Rate> {
        let model = model.to_ascii_lowercase();
        let best = |list: &PriceList| {
            let fits = list.models.iter().filter(|one| one.provider == provider);
            let fits = fits.filter_map(|one| Some((one.fit(&model)?, one.rate())));
            fits.max_by_key(|(letters, _)| *letters).map(|(_, rate)| rate)
        };
        self.0.iter().find_map(best)
    }

    /// The dearest price of a provider's models: what a cap takes where the model is not known, or has
    /// no price. None where the provider has none at all.
    pub(crate) fn dearest(&self, provider: &str) -> Option<Rate> {
        let all = self.0.iter().flat_map(|list| &list.models).filter(|one| one.provider == provider);
        all.map(Price::rate).reduce(|one, other| Rate {
            input: one.input.max(other.input),
            output: one.output.max(other.output),
        })
    }

    /// The day and the source of each list, the strongest first.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|list| (list.date.as_str(), list.source.as_str()))
    }
}

/// A model's name without its date and its variant: `claude-haiku-4-5-20251001`, `opus[1m]`, `x-latest`.
fn bare(model: &str) -> &str {
    let model = model.split_once('[').map_or(model, |(name, _)| name);
    let model = model.strip_suffix("-latest").unwrap_or(model);
    let is_date = |part: &str| {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        digits == 8 && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    };
    // A date of eight digits, or of ten letters with hyphens between.
    let cut = [9, 11].into_iter().find_map(|length| {
        let at = model.len().checked_sub(length)?;
        let tail = model.get(at..)?.strip_prefix('-')?;
        is_date(tail).then(|| model.get(..at))?
    });
    cut.unwrap_or(model)
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
