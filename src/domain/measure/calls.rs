//! Calls added up: how many, how long, what they cost and why they failed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::Consult;
use super::latency::Latency;
use super::number::Sum;

/// A total of something that not every call reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported<T> {
    /// The total of the calls that report it.
    total: T,
    calls: u64,
}

impl<T: Copy> Reported<T> {
    /// The total; none where no call reported it, because then it is not known to be nothing.
    pub fn total(&self) -> Option<T> {
        (self.calls > 0).then_some(self.total)
    }

    pub fn calls(&self) -> u64 {
        self.calls
    }

    fn add(&mut self, value: Option<T>, plus: fn(T, T) -> T) {
        if let Some(value) = value {
            self.total = plus(self.total, value);
            self.calls += 1;
        }
    }

    fn merge(&mut self, other: Self, plus: fn(T, T) -> T) {
        self.total = plus(self.total, other.total);
        self.calls += other.calls;
    }
}

/// Calls added up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// Calls.
    pub total: u64,
    /// Calls that failed.
    pub failed: u64,
    /// The failed ones by the code of their error.
    pub failures: BTreeMap<String, u64>,
    pub latency: Latency,
    /// Tokens sent.
    pub input_tokens: Reported<u64>,
    /// Tokens answered.
    pub output_tokens: Reported<u64>,
    /// US dollars.
    pub cost: Reported<Sum>,
    /// Calls by the model that answered and the one that was asked for, each as far as it is known.
    pub models: BTreeMap<(String, Option<String>), u64>,
}

impl Calls {
    /// Adds a call.
    pub fn add(&mut self, consult: &Consult) {
        self.total += 1;
        if let Some(code) = &consult.code {
            self.failed += 1;
            *self.failures.entry(code.clone()).or_default() += 1;
        }
        self.latency.add(consult.elapsed_ms);
        self.input_tokens.add(consult.input_tokens, u64::saturating_add);
        self.output_tokens.add(consult.output_tokens, u64::saturating_add);
        self.cost.add(consult.cost_usd.and_then(Sum::of), plus);
        let models = (consult.model.clone(), consult.model_asked.clone());
        *self.models.entry(models).or_default() += 1;
    }

    /// Adds what another one holds.
    pub fn merge(&mut self, other: &Self) {
        self.total += other.total;
        self.failed += other.failed;
        for (code, count) in &other.failures {
            *self.failures.entry(code.clone()).or_default() += count;
        }
        self.latency.merge(&other.latency);
        self.input_tokens.merge(other.input_tokens, u64::saturating_add);
        self.output_tokens.merge(other.output_tokens, u64::saturating_add);
        self.cost.merge(other.cost, plus);
        for (models, count) in &other.models {
            *self.models.entry(models.clone()).or_default() += count;
        }
    }

    /// Calls that succeeded.
    pub fn succeeded(&self) -> u64 {
        self.total - self.failed
    }
}

fn plus(mut left: Sum, right: Sum) -> Sum {
    left += right;
    left
}
