//! Recording evidence, and reading what was recorded.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::Handle;
use super::polish::{Parameters, arguments};
use super::reply::reply;
use crate::domain::evidence::{Kind, OfStage};
use crate::flow::evidence::{ChainRequest, LogRequest, chain, log};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChainInput {
    /// Only this, like patch.
    evidence_type: Option<Kind>,
    /// Only this.
    stage: Option<OfStage>,
    /// Newest entries, up to 500.
    #[serde(default = "fifty")]
    limit: u32,
    /// This and what it rests on, in full.
    evidence_id: Option<String>,
    /// Run; default: all.
    workflow_id: Option<String>,
}

fn fifty() -> u32 {
    50
}

#[tool_router(router = evidence_tools, vis = "pub(crate)")]
impl Handle {
    /// Records evidence in the project's log. A passed verification opens improve, a failed one shuts it.
    #[tool(input_schema = arguments::<LogRequest>())]
    async fn maestro_log_evidence(&self, Parameters(input): Parameters<LogRequest>) -> CallToolResult {
        reply(log(self.kit(), input).await)
    }

    /// Returns the project's evidence, oldest first: recorded, asked, flagged, changed, decided.
    #[tool(input_schema = arguments::<ChainInput>())]
    async fn maestro_get_evidence_chain(&self, Parameters(input): Parameters<ChainInput>) -> CallToolResult {
        let request = ChainRequest {
            kind: input.evidence_type,
            stage: input.stage,
            limit: usize::try_from(input.limit).unwrap_or(usize::MAX),
            evidence_id: input.evidence_id,
            workflow_id: input.workflow_id,
        };
        reply(chain(&self.kit().config, &self.kit().log, request).await)
    }
}
