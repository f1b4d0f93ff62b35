//! Results of coordination: records, their sums, and whether several agents still pay.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::Handle;
use super::catalogue::{Load, found_by};
use super::coordination::Arranged;
use super::parameters::{NoInput, Parameters};
use super::reply::{failure, reply};
use crate::domain::stage::Stage;
use crate::error::Error;
use crate::flow::coordination::health::{Counted, check_degradation};
use crate::flow::coordination::{GivenAnswer, Outcome, record, summary};

/// The most outputs or answers of one result.
const MOST_TEXTS: usize = 32;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DegradationInput {
    /// Topology in use.
    current_topology: Arranged,
    /// Between agents.
    #[serde(default)]
    total_messages: u64,
    /// Reasoning turns.
    #[serde(default)]
    total_rounds: u64,
    /// Runs.
    #[serde(default)]
    successes: u64,
    /// Runs.
    #[serde(default)]
    failures: u64,
    /// Likeness of outputs, 0 to 1.
    #[serde(default)]
    redundancy_rate: f64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ResultInput {
    /// Topology used.
    topology: Arranged,
    /// Result was right.
    success: bool,
    /// In all.
    #[serde(default)]
    tokens_used: u64,
    /// Between agents.
    #[serde(default)]
    messages_sent: u64,
    /// Reasoning turns.
    #[serde(default = "once")]
    rounds: u64,
    /// Agents' texts, to compare.
    outputs: Option<Vec<String>>,
    /// Answers of wrong form.
    #[serde(default)]
    format_errors: u64,
    /// Stage of the work.
    stage: Option<Stage>,
    /// What it was after, as `maestro_classify_task` names it.
    intent: Option<String>,
    /// Each `{provider, answer, correct?}`.
    answers: Option<Vec<AnswerInput>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct AnswerInput {
    /// The provider.
    provider: String,
    /// Its answer.
    answer: String,
    /// Whether it was right, if known.
    correct: Option<bool>,
}

fn once() -> u64 {
    1
}

#[tool_router(router = coordination_record_tools, vis = "pub(crate)")]
impl Handle {
    /// Says by counts whether several agents cost more than they bring.
    #[tool(
        title = "Check for degradation",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("overhead error amplification redundancy fall back to single agent", Load::OnSearch)
    )]
    async fn maestro_check_degradation(
        &self,
        Parameters(input): Parameters<DegradationInput>,
    ) -> CallToolResult {
        let counted = Counted {
            topology: input.current_topology.into(),
            messages: input.total_messages,
            rounds: input.total_rounds,
            successes: input.successes,
            failures: input.failures,
            redundancy: input.redundancy_rate,
        };
        reply(check_degradation(self.session(), &counted).await)
    }

    /// Records how work went under a topology; later choices weigh it.
    #[tool(
        title = "Record a coordination result",
        annotations(read_only_hint = false, destructive_hint = false, idempotent_hint = false, open_world_hint = false),
        meta = found_by("log outcome success tokens messages rounds of a topology", Load::OnSearch)
    )]
    async fn maestro_record_coordination_result(
        &self,
        Parameters(input): Parameters<ResultInput>,
    ) -> CallToolResult {
        match outcome(input) {
            Ok(outcome) => reply(record(self.session(), &outcome).await),
            Err(error) => failure(&error),
        }
    }

    /// Returns results by topology, and providers' independence.
    #[tool(
        title = "Get coordination statistics",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("success rate overhead by topology diversity of providers statistics", Load::OnSearch)
    )]
    async fn maestro_get_coordination_stats(
        &self,
        Parameters(NoInput {}): Parameters<NoInput>,
    ) -> CallToolResult {
        reply(summary(self.session()).await)
    }
}

fn outcome(input: ResultInput) -> Result<Outcome, Error> {
    let outputs = input.outputs.unwrap_or_default();
    let answers = input.answers.unwrap_or_default();
    for (name, count) in [("outputs", outputs.len()), ("answers", answers.len())] {
        if count > MOST_TEXTS {
            return Err(Error::InvalidArguments(format!(
                "{name} must hold at most {MOST_TEXTS} entries (got {count})"
            )));
        }
    }
    let answers = answers.into_iter().map(|given| GivenAnswer {
        provider: given.provider,
        answer: given.answer,
        correct: given.correct,
    });
    Ok(Outcome {
        topology: input.topology.into(),
        success: input.success,
        tokens_used: input.tokens_used,
        messages_sent: input.messages_sent,
        rounds: input.rounds,
        format_errors: input.format_errors,
        stage: input.stage,
        intent: input.intent,
        outputs,
        answers: answers.collect(),
    })
}
