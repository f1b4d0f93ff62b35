//! Selects among answers, and checks an answer by the rules.

use rmcp::model::CallToolResult;
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::Handle;
use super::polish::{Parameters, arguments};
use super::reply::reply;
use super::report::replying;
use crate::domain::call_options::{CallOptions, Effort};
use crate::domain::event::consult::Purpose;
use crate::domain::microstep::StepType;
use crate::domain::select::Mode;
use crate::flow::account::Account;
use crate::flow::inspect::{ValidationRequest, red_flag_check, validate_content};
use crate::flow::select::{self, CandidateInput, LintResult, SelectRequest, TestResult, select};
use crate::flow::verify::Entry;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SelectInput {
    /// Each `{id, provider, content}`.
    candidates: Vec<CandidateInput>,
    /// The tie-breaker among candidates with equal test results.
    #[serde(default)]
    mode: Mode,
    /// Each `{candidate_id, passed, output?}`.
    #[serde(default)]
    test_results: Vec<TestResult>,
    /// Each `{candidate_id, score? 0 to 1, output?}`.
    #[serde(default)]
    lint_results: Vec<LintResult>,
    /// Never judges its own: another CLI does, or each author judges the others' candidates.
    #[schemars(with = "String", default = "usual_judge")]
    judge_provider: Option<String>,
    /// The judge's; default: as configured, else its own.
    model: Option<String>,
    /// The judge's; default: as configured, else high.
    effort: Option<Effort>,
    /// For the judge.
    #[serde(default)]
    criteria: Vec<String>,
    /// The task of the candidates; the judge reads it.
    task: Option<String>,
    /// Files that the judge reads with the task.
    #[serde(default)]
    context_files: Vec<String>,
    /// Instead of task: the `ensemble_id` of `maestro_ensemble_generate`.
    ensemble_id: Option<String>,
    /// Checks for diffs, as in `maestro_verify`; empty: detected.
    verify: Option<Vec<Entry>>,
    /// With verify: hunks of a candidate that are undone one at a time, 0 to 100.
    #[serde(default = "ablations")]
    #[schemars(range(min = 0, max = 100))]
    max_ablations: usize,
    /// With verify: commands whose output tells apart candidates that pass, as in `maestro_verify`.
    #[serde(default)]
    probe: Vec<Entry>,
    /// Run whose budget pays the judges; default: none.
    workflow_id: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RedFlagInput {
    /// Answer.
    content: String,
    /// Its micro-step, for rules and schema.
    step_type: Option<StepType>,
    /// Instead of the step's.
    rules: Option<Vec<String>>,
}

fn ablations() -> usize {
    select::ABLATIONS
}

fn usual_judge() -> String {
    select::USUAL_JUDGE.to_owned()
}

#[tool_router(router = selection_tools, vis = "pub(crate)")]
impl Handle {
    /// Chooses a candidate, tests first: by given results, a neutral judge or trying each diff in a copy.
    #[tool(input_schema = arguments::<SelectInput>())]
    async fn maestro_select_best(
        &self,
        Parameters(input): Parameters<SelectInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let kit = &self.kit;
        replying(&context, |progress| async move {
            let account = Account::of_named(&kit.log, input.workflow_id.clone(), Purpose::Judge).await?;
            Box::pin(select(kit, input.request(), &account, &progress)).await
        })
        .await
    }

    /// Checks an answer for red flags: length, schema, hedging, dangerous code, forbidden files.
    #[tool(input_schema = arguments::<RedFlagInput>())]
    async fn maestro_red_flag_check(&self, Parameters(input): Parameters<RedFlagInput>) -> CallToolResult {
        reply(red_flag_check(&self.kit.config, input.content, input.step_type, input.rules).await)
    }

    /// Checks a text's length, form (JSON fields or diff) and forbidden phrases.
    #[tool(input_schema = arguments::<ValidationRequest>())]
    async fn maestro_validate_content(
        &self,
        Parameters(input): Parameters<ValidationRequest>,
    ) -> CallToolResult {
        reply(validate_content(&self.kit.config, input).await)
    }
}

impl SelectInput {
    fn request(self) -> SelectRequest {
        SelectRequest {
            max_ablations: self.max_ablations,
            probe: self.probe,
            options: CallOptions::new(self.model, self.effort, None),
            candidates: self.candidates,
            mode: self.mode,
            test_results: self.test_results,
            lint_results: self.lint_results,
            judge_provider: self.judge_provider,
            criteria: self.criteria,
            task: self.task,
            context_files: self.context_files,
            ensemble_id: self.ensemble_id,
            verify: self.verify,
        }
    }
}
