//! Packing a context without asking anybody.

use std::num::NonZeroUsize;

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::{Load, found_by};
use super::parameters::Parameters;
use super::reply::reply;
use crate::domain::stage::Stage;
use crate::flow::pack::{ContextRequest, pack_context};
use crate::server::Maestro;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PackInput {
    /// Paths or globs.
    files: Option<Vec<String>>,
    /// What is known.
    facts: Option<Vec<String>>,
    /// Error texts or stack traces.
    errors: Option<Vec<String>>,
    /// What must hold.
    constraints: Option<Vec<String>>,
    /// The stage whose limits apply.
    stage: Option<Stage>,
    /// Characters in all; default: the stage's limit, else 40000.
    #[schemars(with = "NonZeroUsize")]
    #[serde(default)]
    max_chars: Option<NonZeroUsize>,
}

#[tool_router(router = context_tools, vis = "pub(crate)")]
impl Maestro {
    /// Packs files, facts, errors and constraints into one masked text of bounded size, exactly as a consult would send it.
    #[tool(
        title = "Pack context",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("bundle files errors facts into a prompt context line numbers mask secrets", Load::OnSearch)
    )]
    async fn maestro_pack_context(&self, Parameters(input): Parameters<PackInput>) -> CallToolResult {
        let request = ContextRequest {
            files: input.files.unwrap_or_default(),
            facts: input.facts.unwrap_or_default(),
            errors: input.errors.unwrap_or_default(),
            constraints: input.constraints.unwrap_or_default(),
            stage: input.stage,
            max_chars: input.max_chars.map(NonZeroUsize::get),
        };
        let session = self.session();
        reply(match session.check_config() {
            Ok(()) => pack_context(session, request).await,
            Err(error) => Err(error),
        })
    }
}
