//! Recording evidence, and reading what was recorded.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::catalogue::Handle;
use super::polish::{Parameters, arguments};
use super::reply::reply;
use crate::domain::event::EvidenceType;
use crate::domain::evidence::{Kind, OfStage};
use crate::flow::evidence::{ChainRequest, LogRequest, chain, log};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LogInput {
    /// Kind.
    evidence_type: EvidenceType,
    /// Its stage.
    stage: OfStage,
    /// The content; for a verification with passed or `exit_code`.
    content: Map<String, Value>,
    /// File, command, provider or you.
    source: String,
    /// 0 to 1.
    #[serde(default = "certain")]
    confidence: f64,
    /// The entries that it rests on.
    linked_evidence_ids: Option<Vec<String>>,
    /// Default: current run.
    workflow_id: Option<String>,
}

fn certain() -> f64 {
    1.0
}

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
    #[tool(input_schema = arguments::<LogInput>())]
    async fn maestro_log_evidence(&self, Parameters(input): Parameters<LogInput>) -> CallToolResult {
        let request = LogRequest {
            evidence_type: input.evidence_type,
            stage: input.stage,
            content: input.content,
            source: input.source,
            confidence: input.confidence,
            linked: input.linked_evidence_ids.unwrap_or_default(),
            workflow_id: input.workflow_id,
        };
        reply(log(self.kit(), request).await)
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
