//! Asking consultants.

use std::num::NonZeroU64;

use rmcp::model::CallToolResult;
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::catalogue::Handle;
use super::polish::{NoInput, Parameters, arguments, number};
use super::reply::{reply, reply_with_value};
use super::report::replying;
use crate::domain::call_options::{CallOptions, Effort};
use crate::domain::event::consult::Purpose;
use crate::domain::stage::{Role, SchemaName, Stage};
use crate::flow::account::Account;
use crate::flow::consult::{Consulted, Question, consult};
use crate::flow::ensemble::{Whom, generate};
use crate::flow::pack::{ContextRequest, pack_context};

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
    #[serde(default)]
    context_files: Vec<String>,
    /// Known facts.
    #[serde(default)]
    context_facts: Vec<String>,
    /// Error texts.
    #[serde(default)]
    context_errors: Vec<String>,
    /// Constraints on the answer.
    #[serde(default)]
    context_constraints: Vec<String>,
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
    #[serde(default)]
    context_files: Vec<String>,
    /// Known facts.
    #[serde(default)]
    context_facts: Vec<String>,
    /// Error texts.
    #[serde(default)]
    context_errors: Vec<String>,
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
    #[serde(default)]
    context_files: Vec<String>,
    /// Known facts.
    #[serde(default)]
    context_facts: Vec<String>,
    /// Error texts.
    #[serde(default)]
    context_errors: Vec<String>,
    /// Candidates each, up to 8.
    #[serde(default = "number::<1>")]
    #[schemars(range(min = 1, max = 8))]
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

#[derive(Serialize)]
struct WithRole {
    #[serde(flatten)]
    reply: Consulted,
    role: Role,
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
        let (kit, provider, thread) = (&self.kit, input.provider.clone(), input.thread.clone());
        let question = input.question();
        replying(&context, |progress| async move {
            Box::pin(consult(kit, provider, question, thread, &progress)).await
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
        let (kit, role) = (&self.kit, input.role);
        let (provider, thread) = (input.provider.clone(), input.thread.clone());
        let question = input.question();
        replying(&context, |progress| async move {
            let reply = Box::pin(consult(kit, provider, question, thread, &progress)).await?;
            Ok(WithRole { reply, role })
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
        let times = usize::try_from(input.n_per_provider).unwrap_or(1);
        let kit = &self.kit;
        let whom = Whom { named: input.providers.clone(), times, stand_in: input.stand_in };
        let question = input.question();
        replying(&context, |progress| async move { generate(kit, whom, question, &progress).await }).await
    }

    /// Lists consultants: installed, enabled, models, timeouts.
    #[tool(input_schema = arguments::<NoInput>())]
    async fn maestro_list_providers(&self, Parameters(NoInput {}): Parameters<NoInput>) -> CallToolResult {
        reply_with_value(self.memory.overview.look(&self.kit).await.map(|value| value.as_ref().clone()))
    }

    /// Packs files, facts, errors and constraints into the masked text of a consult.
    #[tool(input_schema = arguments::<ContextRequest>())]
    async fn maestro_pack_context(&self, Parameters(input): Parameters<ContextRequest>) -> CallToolResult {
        let kit = &self.kit;
        reply(match kit.config.check() {
            Ok(()) => pack_context(&kit.config, &kit.project, input).await,
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
            context: ContextRequest { constraints: self.context_constraints, ..context },
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
