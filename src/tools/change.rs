//! Changing files: a patch, and its undoing.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};

use super::catalogue::Handle;
use super::polish::{Parameters, arguments};
use super::reply::reply;
use crate::flow::change::{PatchRequest, RestoreRequest, apply_patch, restore};

#[tool_router(router = change_tools, vis = "pub(crate)")]
impl Handle {
    /// Applies a unified diff to the project, whole or not at all, with a backup.
    #[tool(input_schema = arguments::<PatchRequest>())]
    async fn maestro_apply_patch(&self, Parameters(input): Parameters<PatchRequest>) -> CallToolResult {
        reply(apply_patch(self.kit(), input).await)
    }

    /// Undoes an applied patch exactly.
    #[tool(input_schema = arguments::<RestoreRequest>())]
    async fn maestro_restore_from_backup(
        &self,
        Parameters(input): Parameters<RestoreRequest>,
    ) -> CallToolResult {
        reply(restore(self.kit(), input).await)
    }
}
