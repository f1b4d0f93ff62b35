//! Choosing among answers, and holding an answer against the rules.

use rmcp::model::CallToolResult;
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::{Load, found_by};
use super::parameters::Parameters;
use super::reply::{failure, reply};
use super::report::reporting;
use super::verify::{EntryInput, entries};
use crate::domain::event::consult::Purpose;
use crate::domain::microstep::StepType;
use crate::domain::select::Mode;
use crate::domain::validate::ContentType;
use crate::flow::account::Account;
use crate::flow::inspect::{ValidationRequest, red_flag_check, validate_content};
use crate::flow::select::{self, SelectRequest, select};
use crate::server::Maestro;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SelectInput {
    /// Candidates {id, provider, content}, as an ensemble returns them.
    candidates: Vec<CandidateInput>,
    /// What decides among those that stand level by tests.
    #[serde(default)]
    mode: Mode,
    /// What their tests said.
    test_results: Option<Vec<TestResultInput>>,
    /// What a linter said.
    lint_results: Option<Vec<LintResultInput>>,
    /// Who judges; never a candidate's author.
    #[serde(default = "claude")]
    judge_provider: String,
    /// What the judge looks at.
    criteria: Option<Vec<String>>,
    /// Checks to try diffs with, as for the verify tool; empty: the project's own.
    #[schemars(with = "Option<Vec<serde_json::Map<String, serde_json::Value>>>")]
    #[serde(default)]
    verify: Option<Vec<EntryInput>>,
}

// An ensemble's candidates carry more than is needed here, and are taken as they are.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
struct CandidateInput {
    id: Option<String>,
    provider: Option<String>,
    #[serde(default)]
    content: String,
    #[serde(default)]
    #[schemars(skip)]
    truncated: bool,
    #[schemars(skip)]
    content_file: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct TestResultInput {
    candidate_id: String,
    passed: bool,
    output: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct LintResultInput {
    candidate_id: String,
    /// From 0 to 1.
    score: Option<f64>,
    output: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RedFlagInput {
    /// The answer.
    content: String,
    /// The step it answers; its rules and schema apply.
    step_type: Option<StepType>,
    /// Rules by name, instead of the step's.
    rules: Option<Vec<String>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ValidateInput {
    /// The content.
    content: String,
    /// What it is to be.
    #[serde(default)]
    content_type: ContentType,
    /// Most characters; default 15000, for a diff 50000.
    #[schemars(with = "usize")]
    #[serde(default)]
    max_chars: Option<usize>,
    /// Fields that its JSON must have; a.b for nested ones.
    require_json_fields: Option<Vec<String>>,
    /// Regexes that must not match, at most 20.
    forbidden_patterns: Option<Vec<String>>,
}

fn claude() -> String {
    "claude".to_owned()
}

#[tool_router(router = selection_tools, vis = "pub(crate)")]
impl Maestro {
    /// Chooses one candidate as it is, tests first, or none: by given results, by a neutral judge, or by trying each diff in a copy of the project. One that failed its tests never wins.
    #[tool(
        title = "Select the best candidate",
        annotations(read_only_hint = false, destructive_hint = false, idempotent_hint = false, open_world_hint = true),
        meta = found_by("choose pick best candidate patch judge compare tests ranking winner", Load::OnSearch)
    )]
    async fn maestro_select_best(
        &self,
        Parameters(input): Parameters<SelectInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let request = match input.request() {
            Ok(request) => request,
            Err(error) => return failure(&error),
        };
        let account = match Account::of(self.session(), None, None, Purpose::Judge).await {
            Ok(account) => account,
            Err(error) => return failure(&error),
        };
        reporting(&context, |progress| async move {
            reply(select(self.session(), request, &account, &progress).await)
        })
        .await
    }

    /// Holds an answer against red flags: length, schema, diff, hedging, dangerous code and commands, files that no patch should touch.
    #[tool(
        title = "Check for red flags",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("red flag discard answer hedging dangerous invalid diff missing fields", Load::OnSearch)
    )]
    async fn maestro_red_flag_check(&self, Parameters(input): Parameters<RedFlagInput>) -> CallToolResult {
        reply(red_flag_check(self.session(), input.content, input.step_type, input.rules).await)
    }

    /// Says whether a content is fit to be used: length, JSON with its fields or a diff, and phrases that it must not hold.
    #[tool(
        title = "Validate content",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("validate check JSON fields diff format length forbidden regex", Load::OnSearch)
    )]
    async fn maestro_validate_content(&self, Parameters(input): Parameters<ValidateInput>) -> CallToolResult {
        let request = ValidationRequest {
            content: input.content,
            content_type: input.content_type,
            max_chars: input.max_chars,
            fields: input.require_json_fields.unwrap_or_default(),
            forbidden_patterns: input.forbidden_patterns.unwrap_or_default(),
        };
        reply(validate_content(self.session(), request).await)
    }
}

impl SelectInput {
    fn request(self) -> Result<SelectRequest, crate::error::Error> {
        let candidate = |one: CandidateInput| select::CandidateInput {
            id: one.id,
            provider: one.provider,
            content: one.content,
            truncated: one.truncated,
            content_file: one.content_file,
        };
        let tests = |one: TestResultInput| select::TestResult {
            candidate_id: one.candidate_id,
            passed: one.passed,
            output: one.output,
        };
        let lint = |one: LintResultInput| select::LintResult {
            candidate_id: one.candidate_id,
            score: one.score,
            output: one.output,
        };
        Ok(SelectRequest {
            candidates: self.candidates.into_iter().map(candidate).collect(),
            mode: self.mode,
            test_results: self.test_results.into_iter().flatten().map(tests).collect(),
            lint_results: self.lint_results.into_iter().flatten().map(lint).collect(),
            judge_provider: self.judge_provider,
            criteria: self.criteria.unwrap_or_default(),
            verify: self.verify.map(|verify| entries("verify", verify)).transpose()?,
        })
    }
}
