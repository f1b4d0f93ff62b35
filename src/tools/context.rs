//! Packing a context without asking anybody.

use std::num::NonZeroUsize;

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::Handle;
use super::polish::{Parameters, arguments};
use super::reply::reply;
use crate::domain::stage::Stage;
use crate::flow::pack::{ContextRequest, pack_context};

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

#[tool_router(router = context_tools, vis = "pub(crate)")]
impl Handle {
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
