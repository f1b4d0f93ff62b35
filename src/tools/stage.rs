//! Doing one stage of the workflow.

mod shown;

use std::num::NonZeroU64;

use rmcp::model::{CallToolResponse, CallToolResult};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::{Handle, Load, found_by};
use super::decision::{Question, Told, answers, channel};
use super::dialog::{Retry, asking};
use super::polish::Parameters;
use super::reply::{failure_with, reply};
use super::report::reporting;
use crate::domain::call_options::CallOptions;
use crate::domain::effort::Effort;
use crate::domain::stage::Stage;
use crate::error::Error;
use crate::flow::approval::decide::{Settled, find};
use crate::flow::approval::dialog::DialogAhead;
use crate::flow::pack::ContextRequest;
use crate::flow::progress::Progress;
use crate::flow::stage::{ApprovalNote, Gate, StageReply, StageRequest, again, run_stage};

use shown::{refused, refused_with_approval, shown};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StageInput {
    /// Stage.
    stage: Stage,
    /// Goal.
    task: String,
    /// Files or globs.
    context_files: Option<Vec<String>>,
    /// Known facts.
    context_facts: Option<Vec<String>>,
    /// Error texts.
    context_errors: Option<Vec<String>>,
    /// Default: by policy.
    providers: Option<Vec<String>>,
    /// Your chance alone, 0 to 1; from 0.45 no ensemble.
    #[serde(default)]
    baseline_confidence: f64,
    /// Seconds per consult; default: provider's.
    timeout_sec: Option<NonZeroU64>,
    /// Default: as configured, else high.
    effort: Option<Effort>,
    /// Default: current run.
    workflow_id: Option<String>,
}

impl StageInput {
    fn request(self, gate: Gate) -> StageRequest {
        StageRequest {
            stage: self.stage,
            task: self.task,
            context: ContextRequest::given(
                self.context_files,
                self.context_facts,
                self.context_errors,
                Some(self.stage),
            ),
            providers: self.providers,
            baseline_confidence: self.baseline_confidence,
            options: CallOptions::new(None, self.effort, self.timeout_sec),
            workflow_id: self.workflow_id,
            gate,
            dialog: None,
        }
    }
}

#[tool_router(router = stage_tools, vis = "pub(crate)")]
impl Handle {
    /// Runs a stage with its policy's consultants and returns validated outputs; a run then waits for approval.
    #[tool(
        title = "Run a stage",
        annotations(read_only_hint = false, destructive_hint = false, idempotent_hint = false, open_world_hint = true),
        meta = found_by("run workflow stage analyze hypothesize implement debug improve", Load::OnSearch)
    )]
    async fn maestro_run_stage(
        &self,
        Parameters(input): Parameters<StageInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let request = input.request(Gate::InRun);
        let (session, stage) = (self.session(), request.stage);
        let work = |progress: Progress| async move { run_stage(session, request, &progress).await };
        match reporting(&context, work).await {
            Ok(done) => reply(Ok(done)),
            Err(error) => failure_with(&error, &refused(stage)),
        }
    }

    /// Runs a stage of the gated workflow and asks the human to decide, else leaves it pending.
    #[tool(
        title = "Run a stage with approval",
        annotations(read_only_hint = false, destructive_hint = false, idempotent_hint = false, open_world_hint = true),
        meta = found_by("human in the loop gated stage approve review 5-stage workflow", Load::OnSearch)
    )]
    async fn maestro_run_stage_with_approval(
        &self,
        retry: Retry,
        Parameters(input): Parameters<StageInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResponse {
        let request = input.request(Gate::Always);
        let stage = request.stage;
        let work = |progress: Progress| {
            let (context, retry) = (&context, &retry);
            async move { self.with_approval(request, retry, context, &progress).await }
        };
        match Box::pin(reporting(&context, work)).await {
            Ok(response) => response,
            Err(error) => failure_with(&error, &refused_with_approval(stage)).into(),
        }
    }
}

impl Handle {
    async fn with_approval(
        &self,
        request: StageRequest,
        retry: &Retry,
        context: &RequestContext<RoleServer>,
        progress: &Progress,
    ) -> Result<CallToolResponse, Error> {
        let session = self.session();
        let answered = answers(session, retry).await?;
        let ahead = match (&answered, asking(context)) {
            (None, Some(_)) => Some(DialogAhead::new(session)?),
            (Some(_), _) | (None, None) => None,
        };
        let stage = match &answered {
            // The call that brings the answer does not do the stage again.
            Some(request) => again(session, request).await?,
            None => {
                let dialog = ahead.as_ref().map(DialogAhead::announced);
                run_stage(session, StageRequest { dialog, ..request }, progress).await?
            }
        };
        let Some(note) = &stage.approval else {
            return Ok(reply(Ok(shown(stage, None))).into());
        };
        if answered.is_none() && note.decision.is_some() {
            return Ok(reply(Ok(shown(stage, None))).into());
        }
        // The request that the stage ended with, or the one that an answer is about.
        let open = find(session, answered.as_deref().unwrap_or(&note.request_id)).await?;
        let approvals = open.run.approvals(session.config().settings.approvals);
        let Some(asking) = channel(approvals, context) else {
            return Ok(reply(Ok(shown(stage, None))).into());
        };
        let question = Question { maestro: self, session, context, retry, progress, ahead: ahead.as_ref() };
        Ok(match question.ask(asking, &open, "").await? {
            Told::AskAgain(response) => *response,
            Told::Undecided(why) => reply(Ok(shown(stage, Some(why)))).into(),
            Told::Settled(settled) => reply(Ok(shown(after(stage, &settled), None))).into(),
        })
    }
}

/// The reply once the decision is there.
fn after(stage: StageReply, settled: &Settled) -> StageReply {
    StageReply {
        approval: Some(ApprovalNote::of(&settled.request)),
        state: Some(settled.run.phase.to_string()),
        next_stage: settled.run.phase.stage(),
        ..stage
    }
}
