//! Asking consultants.

use std::num::{NonZeroU64, NonZeroUsize};

use rmcp::model::CallToolResult;
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::catalogue::Handle;
use super::polish::{NoInput, Parameters, arguments};
use super::reply::{failure, reply};
use super::report::reporting;
use crate::domain::call_options::{CallOptions, Effort};
use crate::domain::event::consult::Purpose;
use crate::domain::stage::{Role, SchemaName, Stage};
use crate::error::Error;
use crate::flow::account::Account;
use crate::flow::consult::{Consulted, Question, consult};
use crate::flow::ensemble::{Whom, generate};
use crate::flow::pack::{ContextRequest, pack_context};

/// How often one provider may be asked in an ensemble.
const MOST_PER_PROVIDER: u32 = 8;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ConsultInput {
    /// Complete question.
    prompt: String,
    /// Default: the first usable.
    provider: Option<String>,
    /// Other than its default.
    model: Option<String>,
    /// Files or globs.
    context_files: Option<Vec<String>>,
    /// Known facts.
    context_facts: Option<Vec<String>>,
    /// Error texts.
    context_errors: Option<Vec<String>>,
    /// Constraints on the answer.
    context_constraints: Option<Vec<String>>,
    /// For packing limits.
    stage: Option<Stage>,
    /// Seconds; default: provider's.
    #[schemars(with = "NonZeroU64")]
    #[serde(default)]
    timeout_sec: Option<NonZeroU64>,
    /// Answer as this JSON, like `judge_output`.
    schema: Option<SchemaName>,
    /// Default: as configured, else high.
    effort: Option<Effort>,
    /// Run that pays; default: the one whose running stage is named, else none.
    workflow_id: Option<String>,
    /// Conversation to go on with; default: a new one.
    thread: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RoleInput {
    /// Complete question.
    prompt: String,
    /// Persona.
    role: Role,
    /// Default: the first usable.
    provider: Option<String>,
    /// Files or globs.
    context_files: Option<Vec<String>>,
    /// Known facts.
    context_facts: Option<Vec<String>>,
    /// Error texts.
    context_errors: Option<Vec<String>>,
    /// For packing limits.
    stage: Option<Stage>,
    /// Seconds; default: provider's.
    #[schemars(with = "NonZeroU64")]
    #[serde(default)]
    timeout_sec: Option<NonZeroU64>,
    /// Answer as this JSON, like `judge_output`.
    schema: Option<SchemaName>,
    /// Default: as configured, else high.
    effort: Option<Effort>,
    /// Run that pays; default: the one whose running stage is named, else none.
    workflow_id: Option<String>,
    /// Conversation to go on with; default: a new one.
    thread: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EnsembleInput {
    /// Complete question.
    task: String,
    /// Default: all installed.
    providers: Option<Vec<String>>,
    /// Files or globs.
    context_files: Option<Vec<String>>,
    /// Known facts.
    context_facts: Option<Vec<String>>,
    /// Error texts.
    context_errors: Option<Vec<String>>,
    /// Candidates each, up to 8.
    #[serde(default = "once")]
    n_per_provider: u32,
    /// Another provider for one that refuses.
    stand_in: Option<bool>,
    /// Seconds; default: provider's.
    #[schemars(with = "NonZeroU64")]
    #[serde(default)]
    timeout_sec: Option<NonZeroU64>,
    /// Default: as configured, else high.
    effort: Option<Effort>,
    /// Run that pays; default: none.
    workflow_id: Option<String>,
}

fn once() -> u32 {
    1
}

#[derive(Serialize)]
struct WithRole {
    #[serde(flatten)]
    reply: Consulted,
    role: Role,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PackInput {
    /// Files or globs.
    files: Option<Vec<String>>,
    /// Known facts.
    facts: Option<Vec<String>>,
    /// Error texts.
    errors: Option<Vec<String>>,
    /// Constraints on the answer.
    constraints: Option<Vec<String>>,
    /// For packing limits.
    stage: Option<Stage>,
    /// Default: the stage's, else 40000.
    #[schemars(with = "NonZeroUsize")]
    #[serde(default)]
    max_chars: Option<NonZeroUsize>,
}

#[tool_router(router = consult_tools, vis = "pub(crate)")]
impl Handle {
    /// Asks another LLM (text only) for its view, with packed files, facts and errors.
    #[tool(input_schema = arguments::<ConsultInput>())]
    async fn maestro_consult(
        &self,
        Parameters(input): Parameters<ConsultInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let (kit, provider, thread) = (self.kit(), input.provider.clone(), input.thread.clone());
        let question = input.question();
        reporting(&context, |progress| async move {
            reply(Box::pin(consult(kit, provider, question, thread, &progress)).await)
        })
        .await
    }

    /// Asks one consultant in the persona of a role.
    #[tool(input_schema = arguments::<RoleInput>())]
    async fn maestro_consult_with_role(
        &self,
        Parameters(input): Parameters<RoleInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let (kit, role) = (self.kit(), input.role);
        let (provider, thread) = (input.provider.clone(), input.thread.clone());
        let question = input.question();
        reporting(&context, |progress| async move {
            let asked = consult(kit, provider, question, thread, &progress);
            let answered = Box::pin(asked).await;
            reply(answered.map(|reply| WithRole { reply, role }))
        })
        .await
    }

    /// Asks several consultants at once; returns every candidate with its red flags.
    #[tool(input_schema = arguments::<EnsembleInput>())]
    async fn maestro_ensemble_generate(
        &self,
        Parameters(input): Parameters<EnsembleInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        if !(1..=MOST_PER_PROVIDER).contains(&input.n_per_provider) {
            return failure(&Error::InvalidArguments(format!(
                "n_per_provider must be 1 to {MOST_PER_PROVIDER} (got {})",
                input.n_per_provider
            )));
        }
        let times = usize::try_from(input.n_per_provider).unwrap_or(1);
        let kit = self.kit();
        let whom = Whom { named: input.providers.clone(), times, stand_in: input.stand_in };
        let question = input.question();
        reporting(&context, |progress| async move { reply(generate(kit, whom, question, &progress).await) })
            .await
    }

    /// Lists consultants: installed, enabled, models, timeouts.
    #[tool(input_schema = arguments::<NoInput>())]
    async fn maestro_list_providers(&self, Parameters(NoInput {}): Parameters<NoInput>) -> CallToolResult {
        reply(self.overview().look(self.kit()).await.map(|value| value.as_ref().clone()))
    }

    /// Packs files, facts, errors and constraints into the masked text of a consult.
    #[tool(input_schema = arguments::<PackInput>())]
    async fn maestro_pack_context(&self, Parameters(input): Parameters<PackInput>) -> CallToolResult {
        let request = ContextRequest {
            files: input.files.unwrap_or_default(),
            facts: input.facts.unwrap_or_default(),
            errors: input.errors.unwrap_or_default(),
            constraints: input.constraints.unwrap_or_default(),
            stage: input.stage,
            max_chars: input.max_chars.map(NonZeroUsize::get),
        };
        let kit = self.kit();
        reply(match kit.config.check() {
            Ok(()) => pack_context(&kit.config, &kit.project, request).await,
            Err(error) => Err(error),
        })
    }
}

impl ConsultInput {
    fn question(self) -> Question {
        let account =
            Account { run: self.workflow_id, stage: self.stage, ..Account::outside(Purpose::Plain) };
        let context =
            ContextRequest::given(self.context_files, self.context_facts, self.context_errors, self.stage);
        Question {
            context: ContextRequest { constraints: self.context_constraints.unwrap_or_default(), ..context },
            schema: self.schema,
            options: CallOptions::new(self.model, self.effort, self.timeout_sec),
            ..Question::new(self.prompt, account)
        }
    }
}

impl RoleInput {
    fn question(self) -> Question {
        let account =
            Account { run: self.workflow_id, stage: self.stage, ..Account::outside(Purpose::Plain) };
        Question {
            role: Some(self.role),
            context: ContextRequest::given(
                self.context_files, self.context_facts, self.context_errors, self.stage,
            ),
            schema: self.schema,
            options: CallOptions::new(None, self.effort, self.timeout_sec),
            ..Question::new(self.prompt, account)
        }
    }
}

impl EnsembleInput {
    fn question(self) -> Question {
        let account = Account { run: self.workflow_id, ..Account::outside(Purpose::Candidate) };
        Question {
            context: ContextRequest::given(self.context_files, self.context_facts, self.context_errors, None),
            options: CallOptions::new(None, self.effort, self.timeout_sec),
            ..Question::new(self.task, account)
        }
    }
}
