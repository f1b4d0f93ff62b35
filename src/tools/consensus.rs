//! Votes, micro-steps, and the calibration of votes.

use rmcp::model::CallToolResult;
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalogue::Handle;
use super::polish::{Parameters, arguments, number};
use super::reply::reply;
use super::report::replying;
use crate::domain::calibrate::{Task, USUAL_SAMPLES};
use crate::domain::call_options::{CallOptions, Effort};
use crate::domain::event::consult::Purpose;
use crate::domain::microstep::StepType;
use crate::domain::pairs::with;
use crate::domain::redflag::AnswerForm;
use crate::domain::stage::Stage;
use crate::domain::vote::choice::Options;
use crate::error::Error;
use crate::flow::account::Account;
use crate::flow::calibrate::{CalibrationRequest, MOST_SAMPLES, calibrate};
use crate::flow::progress::Progress;
use crate::flow::vote::consensus::{ConsensusRequest, consensus};
use crate::flow::vote::step::{StepRequest, vote_step};

/// Questions of one calibration.
const MOST_PROMPTS: usize = 10;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct VoteInput {
    /// Question, complete without context.
    question: String,
    /// Lead that wins; left out, 2 with three providers
    #[schemars(extend("default" = 3))]
    k: Option<u32>,
    /// Max samples; left out, 8k if that is more
    #[schemars(extend("default" = 12))]
    max_rounds: Option<u32>,
    /// Closed list of answers; others are discarded
    options: Option<Vec<String>>,
    /// Default: all installed.
    providers: Option<Vec<String>>,
    /// Default: as configured, else high.
    effort: Option<Effort>,
    /// Discard other answers.
    #[serde(default)]
    require_json: bool,
    /// Discard longer answers; up to 15000.
    #[serde(default = "number::<2_000>")]
    #[schemars(range(min = 1, max = 15_000))]
    max_response_chars: u32,
    /// Run it is recorded in; samples have limits of their own.
    workflow_id: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StepInput {
    /// Micro-step.
    step_type: StepType,
    /// Complete question.
    prompt: String,
    /// Material.
    #[serde(default)]
    context: String,
    /// Default: as configured, else high.
    effort: Option<Effort>,
    /// Lead that wins; default: measured, else the step's.
    k: Option<u32>,
    /// Max samples; left out, 8k if that is more
    #[schemars(extend("default" = 15))]
    max_rounds: Option<u32>,
    /// Default: all installed.
    providers: Option<Vec<String>>,
    /// Run it is recorded in; samples have limits of their own.
    workflow_id: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StepsInput {
    /// Default: all.
    stage: Option<Stage>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CalibrateInput {
    /// Micro-step.
    step_type: StepType,
    /// Question that the oracle can judge.
    test_prompt: String,
    /// More such questions, which share the samples.
    #[serde(default)]
    test_prompts: Vec<String>,
    /// Check; gets each answer on stdin and as file {answer}.
    oracle_command: Option<String>,
    /// Default: as configured, else high.
    effort: Option<Effort>,
    /// Wanted for the whole task.
    #[serde(default = "almost_sure")]
    target_success_rate: f64,
    /// Steps of the whole task.
    #[serde(default = "number::<100>")]
    estimated_total_steps: u32,
    /// Up to 100; left out, 30
    #[schemars(extend("default" = 10), range(min = 1, max = MOST_SAMPLES))]
    num_samples: Option<u32>,
    /// Default: all installed.
    providers: Option<Vec<String>>,
    /// Run it is recorded in; samples have limits of their own.
    workflow_id: Option<String>,
}

fn almost_sure() -> f64 {
    0.99
}

#[tool_router(router = consensus_tools, vis = "pub(crate)")]
impl Handle {
    /// Samples a short question until an answer leads by k votes; compares the option or last line ANSWER.
    #[tool(input_schema = arguments::<VoteInput>())]
    async fn maestro_consensus_vote(
        &self,
        Parameters(input): Parameters<VoteInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let kit = &self.kit;
        replying(&context, |progress| async move {
            let account = Account::of_named(&kit.log, input.workflow_id.clone(), Purpose::Vote).await?;
            say_out_of_reach(input.k, input.max_rounds, &progress);
            consensus(kit, input.request(account)?, &progress).await.map(with_out_of_reach)
        })
        .await
    }

    /// Votes on a micro-step: schema-bound JSON answers, checked for red flags.
    #[tool(input_schema = arguments::<StepInput>())]
    async fn maestro_vote_micro_step(
        &self,
        Parameters(input): Parameters<StepInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let kit = &self.kit;
        replying(&context, |progress| async move {
            let account = Account::of_named(&kit.log, input.workflow_id.clone(), Purpose::Vote).await?;
            say_out_of_reach(input.k, input.max_rounds, &progress);
            vote_step(kit, input.request(account), &progress).await.map(with_out_of_reach)
        })
        .await
    }

    /// Lists micro-steps: schema, default k, red flags, tools, oracle.
    #[tool(input_schema = arguments::<StepsInput>())]
    async fn maestro_get_micro_steps(&self, Parameters(input): Parameters<StepsInput>) -> CallToolResult {
        reply(self.kit.config.micro_steps().map(|steps| {
            let steps: Vec<_> = steps.of_stage(input.stage).collect();
            json!({ "micro_steps": steps, "count": steps.len() })
        }))
    }

    /// Measures a micro-step's accuracy by an oracle command and recommends a k for votes.
    #[tool(input_schema = arguments::<CalibrateInput>())]
    async fn maestro_calibrate(
        &self,
        Parameters(input): Parameters<CalibrateInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let kit = &self.kit;
        replying(&context, |progress| async move {
            let account =
                Account::of_named(&kit.log, input.workflow_id.clone(), Purpose::Calibration).await?;
            calibrate(kit, input.request(account)?, &progress).await
        })
        .await
    }
}

/// The warning if a vote has fewer samples than the lead that wins.
fn out_of_reach(k: u64, max_rounds: u64) -> Option<String> {
    (max_rounds < k).then(|| {
        format!("no answer can win: max_rounds {max_rounds} is below k {k}. The samples only show how the answers are distributed")
    })
}

/// Warns before the samples are paid.
fn say_out_of_reach(k: Option<u32>, max_rounds: Option<u32>, progress: &Progress) {
    if let Some(warning) = k.zip(max_rounds).and_then(|(k, most)| out_of_reach(k.into(), most.into())) {
        progress.say(&warning);
    }
}

/// The result of a vote with the warning, also for a k that the caller did not name.
fn with_out_of_reach(result: Value) -> Value {
    let number = |name: &str| result.get(name).and_then(Value::as_u64);
    let Some(warning) = number("k").zip(number("max_rounds")).and_then(|(k, most)| out_of_reach(k, most))
    else {
        return result;
    };
    let others = result.get("warning").and_then(Value::as_str).map(|others| format!("; {others}"));
    let warning = warning + &others.unwrap_or_default();
    with(result, json!({ "warning": warning }))
}

impl VoteInput {
    fn request(self, account: Account) -> Result<ConsensusRequest, Error> {
        Ok(ConsensusRequest {
            question: self.question,
            k: self.k,
            max_samples: self.max_rounds,
            options: self
                .options
                .filter(|options| !options.is_empty())
                .map(Options::new)
                .transpose()
                .map_err(|error| Error::InvalidArguments(error.to_string()))?,
            providers: self.providers,
            call: CallOptions::new(None, self.effort, None),
            form: if self.require_json { AnswerForm::Json } else { AnswerForm::Text },
            max_chars: usize::try_from(self.max_response_chars).unwrap_or(usize::MAX),
            account,
        })
    }
}

impl StepInput {
    fn request(self, account: Account) -> StepRequest {
        StepRequest {
            kind: self.step_type,
            prompt: self.prompt,
            context: self.context,
            k: self.k,
            max_samples: self.max_rounds,
            providers: self.providers,
            options: CallOptions::new(None, self.effort, None),
            account,
        }
    }
}

impl CalibrateInput {
    fn request(self, account: Account) -> Result<CalibrationRequest, Error> {
        let task = Task::new(self.estimated_total_steps, 1, self.target_success_rate);
        let mut prompts = vec![self.test_prompt];
        for prompt in self.test_prompts {
            if !prompts.contains(&prompt) {
                prompts.push(prompt);
            }
        }
        if prompts.len() > MOST_PROMPTS {
            let got = prompts.len();
            let problem = format!(
                "test_prompt and test_prompts must be at most {MOST_PROMPTS} questions together (got {got})"
            );
            return Err(Error::InvalidArguments(problem));
        }
        let samples = self.num_samples.unwrap_or(USUAL_SAMPLES);
        if usize::try_from(samples).is_ok_and(|samples| samples < prompts.len()) {
            let count = prompts.len();
            let problem =
                format!("num_samples must be at least {count}, one for each question (got {samples})");
            return Err(Error::InvalidArguments(problem));
        }
        Ok(CalibrationRequest {
            kind: self.step_type,
            prompts,
            oracle: self.oracle_command,
            task: task.map_err(|error| Error::InvalidArguments(error.to_string()))?,
            samples,
            providers: self.providers,
            options: CallOptions::new(None, self.effort, None),
            account,
        })
    }
}
