//! Choosing among answers, and holding an answer against the rules.

use rmcp::model::CallToolResult;
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::Handle;
use super::change::entries;
use super::polish::{Parameters, arguments};
use super::reply::{failure, reply};
use super::report::reporting;
use crate::domain::call_options::{CallOptions, Effort};
use crate::domain::event::consult::Purpose;
use crate::domain::microstep::StepType;
use crate::domain::select::Mode;
use crate::domain::validate::ContentType;
use crate::flow::account::Account;
use crate::flow::inspect::{ValidationRequest, red_flag_check, validate_content};
use crate::flow::select::{self, CandidateInput, LintResult, SelectRequest, TestResult, select};
use crate::flow::verify::Entry;

/// Hunks of a candidate that may be undone.
const MOST_ABLATIONS: usize = 100;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SelectInput {
    /// Each `{id, provider, content}`.
    candidates: Vec<CandidateInput>,
    /// The tie-breaker among candidates with equal test results.
    #[serde(default)]
    mode: Mode,
    /// Each `{candidate_id, passed, output?}`.
    test_results: Option<Vec<TestResult>>,
    /// Each `{candidate_id, score? 0 to 1, output?}`.
    lint_results: Option<Vec<LintResult>>,
    /// Never judges its own: another CLI does, or each author judges the others' candidates.
    #[schemars(with = "String", default = "usual_judge")]
    judge_provider: Option<String>,
    /// The judge's; default: as configured, else its own.
    model: Option<String>,
    /// The judge's; default: as configured, else high.
    effort: Option<Effort>,
    /// For the judge.
    criteria: Option<Vec<String>>,
    /// The task of the candidates; the judge reads it.
    task: Option<String>,
    /// Files that the judge reads with the task.
    context_files: Option<Vec<String>>,
    /// Instead of task: the `ensemble_id` of `maestro_ensemble_generate`.
    ensemble_id: Option<String>,
    /// Checks for diffs, as in `maestro_verify`; empty: detected.
    verify: Option<Vec<Entry>>,
    /// With verify: hunks of a candidate that are undone one at a time, 0 to 100.
    #[serde(default = "ablations")]
    max_ablations: i64,
    /// With verify: commands whose output tells apart candidates that pass, as in `maestro_verify`.
    probe: Option<Vec<Entry>>,
    /// Run in whose budget judges count; left out, none.
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

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ValidateInput {
    /// Text.
    content: String,
    /// Wanted form.
    #[serde(default)]
    content_type: ContentType,
    /// Default: 15000, for a diff 50000.
    #[schemars(with = "usize")]
    #[serde(default)]
    max_chars: Option<usize>,
    /// Fields; a.b for nested.
    require_json_fields: Option<Vec<String>>,
    /// Regexes, up to 20.
    forbidden_patterns: Option<Vec<String>>,
}

fn ablations() -> i64 {
    i64::try_from(select::ABLATIONS).unwrap_or_default()
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
        let named = input.workflow_id.clone();
        let request = match input.request() {
            Ok(request) => request,
            Err(error) => return failure(&error),
        };
        let account = match Account::of_named(&self.kit().log, named, Purpose::Judge).await {
            Ok(account) => account,
            Err(error) => return failure(&error),
        };
        reporting(&context, |progress| async move {
            reply(Box::pin(select(self.kit(), request, &account, &progress)).await)
        })
        .await
    }

    /// Checks an answer for red flags: length, schema, hedging, dangerous code, forbidden files.
    #[tool(input_schema = arguments::<RedFlagInput>())]
    async fn maestro_red_flag_check(&self, Parameters(input): Parameters<RedFlagInput>) -> CallToolResult {
        reply(red_flag_check(&self.kit().config, input.content, input.step_type, input.rules).await)
    }

    /// Checks a text's length, form (JSON fields or diff) and forbidden phrases.
    #[tool(input_schema = arguments::<ValidateInput>())]
    async fn maestro_validate_content(&self, Parameters(input): Parameters<ValidateInput>) -> CallToolResult {
        let request = ValidationRequest {
            content: input.content,
            content_type: input.content_type,
            max_chars: input.max_chars,
            fields: input.require_json_fields.unwrap_or_default(),
            forbidden_patterns: input.forbidden_patterns.unwrap_or_default(),
        };
        reply(validate_content(&self.kit().config, request).await)
    }
}

impl SelectInput {
    fn request(self) -> Result<SelectRequest, crate::error::Error> {
        let most = usize::try_from(self.max_ablations).ok().filter(|most| *most <= MOST_ABLATIONS);
        let max_ablations = most.ok_or_else(|| {
            crate::error::Error::InvalidArguments(format!(
                "max_ablations must be 0 to {MOST_ABLATIONS} (got {})",
                self.max_ablations
            ))
        })?;
        Ok(SelectRequest {
            max_ablations,
            probe: entries("probe", self.probe.unwrap_or_default())?,
            options: CallOptions::new(self.model, self.effort, None),
            candidates: self.candidates,
            mode: self.mode,
            test_results: self.test_results.unwrap_or_default(),
            lint_results: self.lint_results.unwrap_or_default(),
            judge_provider: self.judge_provider,
            criteria: self.criteria.unwrap_or_default(),
            task: self.task,
            context_files: self.context_files.unwrap_or_default(),
            ensemble_id: self.ensemble_id,
            verify: self.verify.map(|verify| entries("verify", verify)).transpose()?,
        })
    }
}
