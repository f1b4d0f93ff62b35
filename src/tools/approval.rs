//! Reviews of stages: asks for decisions, submits them, and lists them.

use rmcp::model::{CallToolResponse, CallToolResult};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::catalogue::Handle;
use super::decision::{Question, Told, channel, client_has_asked, report_of, undecided};
use super::dialog::Retry;
use super::polish::{NoInput, Parameters, StageInput, arguments, number};
use super::reply::{failure, reply};
use super::report::reporting;
use crate::domain::address::Address;
use crate::domain::approvals::DecidedBy;
use crate::domain::event::{ApprovalDecided, Decision};
use crate::domain::language::Language;
use crate::domain::question;
use crate::domain::report::stage_name;
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say, spread};
use crate::domain::workflow::Due;
use crate::error::{ApprovalProblem, Error};
use crate::flow::approval::{Reviewed, Settled, Verdict, decide, find, may};
use crate::flow::approval::{critical_questions, decisions, entry, pending};
use crate::flow::progress::Progress;
use crate::flow::stage::{Submission, submit};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SubmitInput {
    /// Request.
    request_id: String,
    /// False with `revision_instructions`: do it again.
    approved: bool,
    /// Comment.
    feedback: Option<String>,
    /// Answers by question id.
    question_responses: Option<Map<String, Value>>,
    /// The wanted changes.
    revision_instructions: Option<String>,
    /// Id of the report's choice to continue with; the human's choice, not yours.
    chosen: Option<String>,
    /// True after the human was asked about contradicting answers and confirmed the decision.
    #[serde(default)]
    is_meant: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HistoryInput {
    /// Only this.
    stage: Option<Stage>,
    /// Max entries.
    #[serde(default = "number::<20>")]
    limit: u32,
    /// Only this, with its report and questions.
    request_id: Option<String>,
}

#[tool_router(router = approval_tools, vis = "pub(crate)")]
impl Handle {
    /// Hands in a stage you did yourself for human review.
    #[tool(input_schema = arguments::<Submission>())]
    async fn maestro_request_approval(&self, Parameters(input): Parameters<Submission>) -> CallToolResult {
        reply(self.request(input).await)
    }

    /// Records the human's decision on a stage; never decide for them.
    #[tool(input_schema = arguments::<SubmitInput>())]
    async fn maestro_submit_approval(
        &self,
        retry: Retry,
        Parameters(input): Parameters<SubmitInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResponse {
        let work = |progress: Progress| {
            let (context, retry) = (&context, &retry);
            async move { self.submit(input, retry, context, &progress).await }
        };
        match Box::pin(reporting(&context, work)).await {
            Ok(response) => response,
            Err(error) => failure(&error).into(),
        }
    }

    /// Lists stages waiting for a decision, with reports.
    #[tool(input_schema = arguments::<NoInput>())]
    async fn maestro_get_pending_approvals(
        &self,
        Parameters(NoInput {}): Parameters<NoInput>,
    ) -> CallToolResult {
        let pending = pending(&self.kit.log).await.map(|requests| {
            let count = requests.len();
            let message = match count {
                0 => say!("nothing_pending"),
                _ => say!("pending", n = count),
            };
            spread(json!({ "count": count, "pending_requests": requests, "message": message }), &["message"])
        });
        reply(pending)
    }

    /// Lists approvals, newest first: decision, who, comment; with `request_id` one with its whole report.
    #[tool(input_schema = arguments::<HistoryInput>())]
    async fn maestro_get_approval_history(
        &self,
        Parameters(input): Parameters<HistoryInput>,
    ) -> CallToolResult {
        if let Some(id) = &input.request_id {
            return reply(self.one_request(id).await);
        }
        let limit = usize::try_from(input.limit).unwrap_or(usize::MAX);
        reply(decisions(&self.kit.log, input.stage, limit).await)
    }

    /// Returns the questions for a stage's reviewer.
    #[tool(input_schema = arguments::<StageInput>())]
    async fn maestro_get_stage_questions(&self, Parameters(input): Parameters<StageInput>) -> CallToolResult {
        reply(Ok(question::list(input.stage)))
    }
}

impl Handle {
    async fn one_request(&self, id: &str) -> Result<Value, Error> {
        let found = find(&self.kit.log, id).await?;
        Ok(json!({ "count": 1, "total": 1, "history": [entry(&found.run, &found.request)] }))
    }

    async fn request(&self, submission: Submission) -> Result<Value, Error> {
        self.kit.config.check()?;
        let (_, request) = submit(&self.kit, submission).await?;
        requested(&find(&self.kit.log, &request).await?)
    }

    async fn submit(
        &self,
        input: SubmitInput,
        retry: &Retry,
        context: &RequestContext<RoleServer>,
        progress: &Progress,
    ) -> Result<CallToolResponse, Error> {
        let kit = &self.kit;
        kit.config.check()?;
        // The caller is checked before a person is asked.
        kit.processes.refuse_strangers()?;
        let open = find(&kit.log, &input.request_id).await?;
        let responses = input.question_responses.clone().unwrap_or_default();
        // A call that comes back with an answer returns what was decided elsewhere meanwhile.
        let is_told = retry.has_answer() && open.request.decided.is_some();
        if !is_told {
            may(&open.run, &open.request, &responses)?;
        }
        let most_rounds = kit.config.settings().policy.max_debug_iterations;
        let approvals = open.run.approvals(kit.config.settings().approvals);
        let decided_by = if approvals.takes(DecidedBy::ClientDialog)
            && open.run.server.as_deref() == Some(kit.log.server())
            && client_has_asked(context)
        {
            DecidedBy::ClientDialog
        } else if let Some(asking) = channel(approvals, context) {
            let question = Question { maestro: self, context, retry, progress, ahead: None };
            return match question.ask(asking, &open, &claim(&input, kit.config.loaded().language())).await? {
                Told::AskAgain(response) => Ok(*response),
                Told::Undecided(why) => Err(undecided(&open.request.id, why)),
                Told::Settled(settled) => Ok(reply(Ok(decided(&settled, most_rounds))).into()),
            };
        } else if !approvals.takes(DecidedBy::Relayed) {
            return Err(ApprovalProblem::HumanWanted(open.request.id).into());
        } else {
            DecidedBy::Relayed
        };
        let settled = decide(kit, verdict(input, responses, decided_by)).await?;
        Ok(reply(Ok(decided(&settled, most_rounds))).into())
    }
}

/// The decision that the model relays.
fn decision(input: &SubmitInput) -> Decision {
    match (input.approved, &input.revision_instructions) {
        (true, _) => Decision::Approve,
        // Instructions without words do not reject: the reviewer is asked for them.
        (false, Some(_)) => Decision::Revise,
        (false, None) => Decision::Reject,
    }
}

/// The model's claim, shown above the report. Only the human's own answer counts.
fn claim(input: &SubmitInput, language: Language) -> String {
    let said =
        input.revision_instructions.iter().chain(&input.feedback).cloned().collect::<Vec<_>>().join("; ");
    let said = if said.is_empty() { said } else { format!(" ({said})") };
    let word = decision(input).name();
    say!("claimed_decision", word = word, said = said).of(language).to_owned()
}

fn verdict(input: SubmitInput, responses: Map<String, Value>, decided_by: DecidedBy) -> Verdict {
    Verdict {
        decision: decision(&input),
        request: input.request_id,
        decided_by,
        opened: None,
        feedback: input.feedback,
        revision_instructions: input.revision_instructions,
        responses,
        chosen: input.chosen,
        is_meant: input.is_meant,
        seen: None,
        nonce: None,
    }
}

/// The result of `maestro_request_approval`.
fn requested(open: &Reviewed) -> Result<Value, Error> {
    let asked = &open.request.asked;
    let report = report_of(open)?;
    let shown = json!({
        "request_id": open.request.id,
        "workflow_id": open.run.id,
        "stage": asked.stage,
        "status": open.request.status(),
        "state": open.run.phase.to_string(),
        "action_required": report.action_required,
        "critical_questions": critical_questions(&asked.report),
        "questions_count": report.questions.len(),
        "resource": Address::Approval(open.request.id.clone()).to_string(),
        "display": asked.display,
        "report": asked.report,
    });
    Ok(spread(shown, &["action_required"]))
}

/// The result of `maestro_submit_approval`.
fn decided(settled: &Settled, most_rounds: u32) -> Value {
    let Settled { run, request, decided } = settled;
    let next_stage = run.phase.stage();
    let is_escalated = next_stage == Some(Stage::Debug)
        && run.may_start(Stage::Debug, most_rounds).is_err_and(|refusal| refusal.code == "debug_escalated");
    let escalated_after = is_escalated.then_some(most_rounds);
    let (message, next_action) =
        told(decided.decision, decided.stage, next_stage, run.due(), escalated_after);
    let mut shown = json!({
        "request_id": request.id,
        "workflow_id": run.id,
        "status": decided.decision.status(),
        "decided_by": decided.decided_by,
        "message": message,
        "next_action": next_action,
        "next_stage": next_stage,
        "state": run.phase.to_string(),
        "feedback_summary": feedback(decided),
    });
    let unanswered = Some(&decided.unanswered_critical).filter(|ids| !ids.is_empty());
    if let (Some(fields), Some(ids)) = (shown.as_object_mut(), unanswered) {
        fields.insert("unanswered_critical".to_owned(), json!(ids));
    }
    spread(shown, &["message"])
}

/// The message about a decision, and the model's next step. `next` is the stage that follows, and `due` what
/// the approved change needs before it. If the rounds of debug are used up, `escalated_after` is their number,
/// and the human takes over.
fn told(
    decision: Decision,
    stage: Stage,
    next: Option<Stage>,
    due: Option<Due>,
    escalated_after: Option<u32>,
) -> (Text, String) {
    let name = stage_name(stage);
    match (decision, next, escalated_after) {
        (Decision::Approve, Some(_), Some(rounds)) => {
            (say!("told_escalated", name = name, rounds = rounds), "escalate".to_owned())
        }
        (Decision::Approve, Some(next), None) => {
            let message = match due {
                Some(due) => say!("told_due", name = name, due = due.words()),
                None => say!("told_approved", name = name, next = next.name()),
            };
            (message, format!("run_stage:{}", next.name()))
        }
        (Decision::Approve, None, _) => (say!("told_complete", name = name), "complete".to_owned()),
        (Decision::Revise, _, _) => (say!("told_revise", name = name), format!("revise:{}", stage.name())),
        (Decision::Reject, _, _) => (say!("told_rejected", name = name), "stop".to_owned()),
    }
}

/// The reviewer's words beside the decision.
fn feedback(decided: &ApprovalDecided) -> Value {
    let answers = decided.responses.iter();
    let responses: Map<String, Value> =
        answers.map(|(id, answer)| (id.clone(), Value::String(answer.clone()))).collect();
    let concerns: Vec<Value> = question::read(decided.stage, &responses).map_or_else(
        |_| Vec::new(),
        |read| {
            let critical = read.critical_concerns().into_iter();
            critical.map(|concern| json!({ "id": concern.id, "response": concern.response })).collect()
        },
    );
    json!({
        "general_feedback": decided.feedback,
        "revision_instructions": decided.revision_instructions,
        "question_responses": responses,
        "critical_concerns": concerns,
        "chosen": decided.chosen,
    })
}
