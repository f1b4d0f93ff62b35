//! Calls as results show them: of one provider, or of all.

use std::collections::BTreeMap;

use serde::Serialize;

use super::calls::Calls;
use super::latency::Percentiles;
use super::number::{Sum, ratio, shown};

/// The calls of one provider, and their cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProviderStats {
    /// Calls.
    pub total_calls: u64,
    /// Calls that succeeded.
    pub successful_calls: u64,
    /// Calls that failed.
    pub failed_calls: u64,
    /// The share of calls that succeeded, 0 to 1.
    pub success_rate: Option<f64>,
    /// The failed ones by the code of their error.
    pub failures: BTreeMap<String, u64>,
    /// Mean milliseconds of a call.
    pub avg_latency_ms: Option<f64>,
    /// Milliseconds of all calls added up, those side by side too.
    pub total_elapsed_ms: u64,
    /// Percentiles of the milliseconds of a call.
    pub latency: Option<Percentiles>,
    pub spent: Spent,
    /// The calls by the model that answered and the one that was asked for.
    pub models: Vec<ModelCalls>,
}

/// Calls of one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelCalls {
    /// The model that answered, else the one that was asked for; none where nobody told.
    pub model: Option<String>,
    /// The model that was asked for; none where the CLI chose.
    pub model_asked: Option<String>,
    pub calls: u64,
}

/// Tokens and money, as far as the CLIs say; none where none of them says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spent {
    /// Tokens sent.
    pub input_tokens: Option<u64>,
    /// Tokens answered.
    pub output_tokens: Option<u64>,
    /// Calls whose CLI told the tokens that it answered.
    pub calls_with_tokens: u64,
    /// US dollars.
    pub cost_usd: Option<f64>,
    /// Calls whose CLI told its cost.
    pub calls_with_cost: u64,
}

impl From<&Calls> for ProviderStats {
    fn from(calls: &Calls) -> Self {
        Self {
            total_calls: calls.total,
            successful_calls: calls.succeeded(),
            failed_calls: calls.failed,
            success_rate: ratio(calls.succeeded(), calls.total).and_then(shown),
            failures: calls.failures.clone(),
            avg_latency_ms: ratio(calls.latency.total_ms(), calls.total).and_then(shown),
            total_elapsed_ms: calls.latency.total_ms(),
            latency: calls.latency.percentiles(),
            spent: calls.into(),
            models: calls.models.iter().map(ModelCalls::of).collect(),
        }
    }
}

impl ModelCalls {
    fn of(((model, model_asked), calls): (&(String, Option<String>), &u64)) -> Self {
        let model = Some(model.clone()).filter(|model| !model.is_empty());
        Self { model, model_asked: model_asked.clone(), calls: *calls }
    }
}

impl From<&Calls> for Spent {
    fn from(calls: &Calls) -> Self {
        Self {
            input_tokens: calls.input_tokens.total(),
            output_tokens: calls.output_tokens.total(),
            calls_with_tokens: calls.output_tokens.calls(),
            cost_usd: calls.cost.total().map(Sum::value),
            calls_with_cost: calls.cost.calls(),
        }
    }
}
