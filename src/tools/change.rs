//! Changing files: a patch, its undoing, and the checks of the project.

use rmcp::model::CallToolResult;
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::Handle;
use super::polish::{Parameters, arguments};
use super::reply::{failure, reply};
use super::report::reporting;
use crate::error::Error;
use crate::flow::change::{PatchRequest, RestoreRequest, apply_patch, restore};
use crate::flow::verify::{Entry, VerifyRequest, verify};

/// The longest that a check may take, in seconds.
const LONGEST: u64 = 7_200;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct VerifyInput {
    /// Each `{command?, type? as lint, args?, language?, timeout_sec?, cwd?}`; empty: detected.
    commands: Vec<Entry>,
    /// Where to run.
    cwd: Option<String>,
    /// Skip the rest.
    #[serde(default)]
    stop_on_failure: bool,
    /// Side by side.
    #[serde(default)]
    parallel: bool,
}

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

    /// Runs the project's checks (tests, linters, types, builds) without a shell; returns statuses and
    /// failing tests.
    #[tool(input_schema = arguments::<VerifyInput>())]
    async fn maestro_verify(
        &self,
        Parameters(input): Parameters<VerifyInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let request = match request(input) {
            Ok(request) => request,
            Err(error) => return failure(&error),
        };
        reply(
            reporting(&context, |progress| async move { verify(self.kit(), request, &progress).await }).await,
        )
    }
}

fn request(input: VerifyInput) -> Result<VerifyRequest, Error> {
    Ok(VerifyRequest {
        entries: entries("commands", input.commands)?,
        cwd: input.cwd,
        stop_on_failure: input.stop_on_failure,
        parallel: input.parallel,
    })
}

/// Checks as they were given under a parameter of that name.
pub(super) fn entries(parameter: &str, given: Vec<Entry>) -> Result<Vec<Entry>, Error> {
    let outside = |seconds: u64| !(1..=LONGEST).contains(&seconds);
    if let Some(wrong) = given.iter().position(|entry| entry.timeout_sec.is_some_and(outside)) {
        return Err(Error::InvalidArguments(format!(
            "{parameter}[{wrong}].timeout_sec must be 1 to {LONGEST}"
        )));
    }
    Ok(given)
}
