//! Changing files: a patch, and its undoing.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::Handle;
use super::polish::{Parameters, arguments};
use super::reply::reply;
use crate::flow::change::{PatchRequest, RestoreRequest, apply_patch, restore};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PatchInput {
    /// Unified diff.
    patch: String,
    /// Default: project root.
    workspace_root: Option<String>,
    /// Only check.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RestoreInput {
    /// From the patch's reply.
    backup_session: String,
    /// Default: project root.
    workspace_root: Option<String>,
    /// Only these.
    files: Option<Vec<String>>,
}

#[tool_router(router = change_tools, vis = "pub(crate)")]
impl Handle {
    /// Applies a unified diff to the project, whole or not at all, with a backup.
    #[tool(input_schema = arguments::<PatchInput>())]
    async fn maestro_apply_patch(&self, Parameters(input): Parameters<PatchInput>) -> CallToolResult {
        let PatchInput { patch, workspace_root, dry_run } = input;
        reply(apply_patch(self.kit(), PatchRequest { patch, workspace_root, dry_run }).await)
    }

    /// Undoes an applied patch exactly.
    #[tool(input_schema = arguments::<RestoreInput>())]
    async fn maestro_restore_from_backup(
        &self,
        Parameters(input): Parameters<RestoreInput>,
    ) -> CallToolResult {
        let RestoreInput { backup_session, workspace_root, files } = input;
        reply(restore(self.kit(), RestoreRequest { backup_session, workspace_root, files }).await)
    }
}
