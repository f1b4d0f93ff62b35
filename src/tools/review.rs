//! Having a change reviewed, with findings that are checked.

use std::num::NonZeroU64;

use rmcp::model::CallToolResult;
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::polish::{Parameters, arguments};
use super::report::replying;
use crate::domain::call_options::{CallOptions, Effort};
use crate::error::Error;
use crate::flow::review::{Fixes, ReviewRequest, Target, review};
use crate::tools::catalogue::Handle;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReviewInput {
    /// Revisions, e.g. "main..HEAD".
    range: Option<String>,
    /// The staged changes.
    #[serde(default)]
    staged: bool,
    /// The changes since the last commit; the default.
    #[serde(default)]
    working: bool,
    /// Files or globs, as they are.
    #[serde(default)]
    files: Vec<String>,
    /// Additional points to look for.
    #[serde(default)]
    criteria: Vec<String>,
    /// Default: all installed.
    providers: Option<Vec<String>>,
    /// With one provider: other than its default.
    model: Option<String>,
    /// Default: as configured, else high.
    effort: Option<Effort>,
    /// Seconds; default: provider's.
    #[schemars(with = "NonZeroU64")]
    #[serde(default)]
    timeout_sec: Option<NonZeroU64>,
    /// Ask for fixes of confirmed findings and try them in a copy.
    #[serde(default = "yes")]
    try_fixes: bool,
    /// Run that pays; default: none.
    workflow_id: Option<String>,
}

fn yes() -> bool {
    true
}

#[tool_router(router = review_tools, vis = "pub(crate)")]
impl Handle {
    /// Reviews a change or files with several models; every finding's quote is checked.
    #[tool(input_schema = arguments::<ReviewInput>())]
    async fn maestro_review(
        &self,
        Parameters(input): Parameters<ReviewInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let kit = &self.kit;
        replying(&context, |progress| async move { Box::pin(review(kit, input.request()?, &progress)).await })
            .await
    }
}

impl ReviewInput {
    fn request(self) -> Result<ReviewRequest, Error> {
        let given = [self.range.is_some(), self.staged, self.working, !self.files.is_empty()];
        if given.iter().filter(|given| **given).count() > 1 {
            let problem = "give only one of range, staged, working and files";
            return Err(Error::InvalidArguments(problem.to_owned()));
        }
        let target = match self.range {
            Some(range) => Target::Range(range.trim().to_owned()),
            None if !self.files.is_empty() => Target::Files(self.files),
            None if self.staged => Target::Staged,
            None => Target::Working,
        };
        Ok(ReviewRequest {
            target,
            criteria: self.criteria,
            providers: self.providers,
            options: CallOptions::new(self.model, self.effort, self.timeout_sec),
            fixes: if self.try_fixes { Fixes::Tried } else { Fixes::Not },
            workflow_id: self.workflow_id,
        })
    }
}
