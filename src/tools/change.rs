//! Changing files: a patch, its undoing, and the checks of the project.

use rmcp::model::CallToolResult;
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};

use super::catalogue::Handle;
use super::polish::{Parameters, arguments};
use super::reply::reply;
use super::report::replying;
use crate::flow::change::{PatchRequest, RestoreRequest, apply_patch, restore};
use crate::flow::verify::{VerifyRequest, verify};

#[tool_router(router = change_tools, vis = "pub(crate)")]
impl Handle {
    /// Applies a unified diff to the project, whole or not at all, with a backup.
    #[tool(input_schema = arguments::<PatchRequest>())]
    async fn maestro_apply_patch(&self, Parameters(input): Parameters<PatchRequest>) -> CallToolResult {
        reply(apply_patch(&self.kit, input).await)
    }

    /// Undoes an applied patch exactly.
    #[tool(input_schema = arguments::<RestoreRequest>())]
    async fn maestro_restore_from_backup(
        &self,
        Parameters(input): Parameters<RestoreRequest>,
    ) -> CallToolResult {
        reply(restore(&self.kit, input).await)
    }

    /// Runs the project's checks (tests, linters, types, builds) without a shell; returns statuses and
    /// failing tests.
    #[tool(input_schema = arguments::<VerifyRequest>())]
    async fn maestro_verify(
        &self,
        Parameters(input): Parameters<VerifyRequest>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        replying(&context, |progress| async move { verify(&self.kit, input, &progress).await }).await
    }
}
