//! Recording evidence, and reading what was recorded.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::catalogue::{Load, found_by};
use super::parameters::Parameters;
use super::reply::reply;
use crate::domain::event::record::EvidenceType;
use crate::domain::evidence::{Kind, OfStage};
use crate::flow::evidence::{ChainRequest, LogRequest, chain, log};
use crate::server::Maestro;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LogInput {
    /// What it is.
    evidence_type: EvidenceType,
    /// The stage it belongs to.
    stage: OfStage,
    /// What it says; a verification says passed, or its exit code.
    content: Map<String, Value>,
    /// Who says so: a file, a command, a provider, you.
    source: String,
    /// How sure, 0 to 1.
    #[serde(default = "certain")]
    #[schemars(range(min = 0.0, max = 1.0))]
    confidence: f64,
    /// Ids of what it rests on.
    linked_evidence_ids: Option<Vec<String>>,
    /// The run; default: the current one.
    workflow_id: Option<String>,
}

fn certain() -> f64 {
    1.0
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChainInput {
    /// Only this type.
    evidence_type: Option<Kind>,
    /// Only this stage.
    stage: Option<OfStage>,
    /// The most to return, the newest; 500 at most.
    #[serde(default = "fifty")]
    limit: u32,
    /// Only this piece and what it rests on, in full.
    evidence_id: Option<String>,
    /// Only this run; default: the whole project.
    workflow_id: Option<String>,
}

fn fifty() -> u32 {
    50
}

#[tool_router(router = evidence_tools, vis = "pub(crate)")]
impl Maestro {
    /// Records an observation, hypothesis, decision or verification in the project's log. A verification that says how it went opens or shuts the gate to improve.
    #[tool(
        title = "Log evidence",
        annotations(read_only_hint = false, destructive_hint = false, idempotent_hint = false, open_world_hint = false),
        meta = found_by("record observation hypothesis decision verification evidence note", Load::OnSearch)
    )]
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
        reply(log(self.session(), request).await)
    }

    /// Returns the evidence of the project, oldest first: what was recorded, asked, flagged, changed, checked and decided, each with what it rests on. Flagged answers are summed up beside.
    #[tool(
        title = "Get the evidence chain",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("evidence chain history why red flags recorded observations", Load::OnSearch)
    )]
    async fn maestro_get_evidence_chain(&self, Parameters(input): Parameters<ChainInput>) -> CallToolResult {
        let request = ChainRequest {
            kind: input.evidence_type,
            stage: input.stage,
            limit: usize::try_from(input.limit).unwrap_or(usize::MAX),
            evidence_id: input.evidence_id,
            workflow_id: input.workflow_id,
        };
        reply(chain(self.session(), request).await)
    }
}
