//! Running the project's own checks.

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

#[tool_router(router = verify_tools, vis = "pub(crate)")]
impl Handle {
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
