//! Calls that may take long. The client waits for them, or they run as jobs or as tasks of the protocol.
//!
//! Each of these calls runs in a task separate from its request. So it can continue and keep its answer if
//! the client gives up waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CreateTaskResult, DetailedTask, InputRequests,
    InputRequiredResult, InputResponses, ProtocolVersion, RequestId, Task, TaskPayload, TaskStatus,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::{Maestro, wrong_arguments_as_result};
use crate::domain::job::{Cause, Outcome};
use crate::domain::order::Gather;
use crate::error::Error;
use crate::flow::job::{Asked, Call, Shown, State};
use crate::flow::scope::Scope;
use crate::flow::time::{now, rfc3339};
use crate::tools::catalogue::{Again, takes_time};
use crate::tools::dialog::NobodyToAsk;
use crate::tools::{failure, reply, structured, with_links, with_room, written};

/// Interval at which a client may ask for the state of a task, in milliseconds.
const POLL_MS: u64 = 1_000;

/// Maximum number of questions that one task may ask the human.
const MOST_ROUNDS: usize = 16;

/// Maximum number of kept reasons of cancelled calls.
const MOST_REASONS: usize = 256;

/// The reasons why clients cancelled calls, by request id.
#[derive(Clone, Debug, Default)]
pub(super) struct Reasons(Arc<Mutex<Vec<(RequestId, String)>>>);

impl Reasons {
    pub(super) fn add(&self, id: &RequestId, reason: Option<&str>) {
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reasons.len() >= MOST_REASONS {
            reasons.remove(0);
        }
        reasons.push((id.clone(), reason.unwrap_or_default().to_lowercase()));
    }

    /// True if the client cancelled a call because its own time limit passed: the answer is still wanted.
    /// The TypeScript SDK says `Request timed out`. The Rust SDK says `request timeout` and `maximum total
    /// timeout exceeded`. Codex says `MCP request cancelled by caller`, both at its time limit and when a
    /// person interrupts it; the answer is kept in both cases, because it costs money.
    fn is_time_out(&self, id: &RequestId) -> bool {
        const WORDS: [&str; 5] = ["timeout", "timed out", "time-out", "deadline", "cancelled by caller"];
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = reasons.iter().position(|(known, _)| known == id) else { return false };
        let (_, reason) = reasons.remove(at);
        WORDS.iter().any(|word| reason.contains(word))
    }
}

/// The questions of tasks that wait for an answer, by task.
#[derive(Debug, Default)]
pub(super) struct Asking(Mutex<BTreeMap<String, Question>>);

#[derive(Debug)]
struct Question {
    requests: InputRequests,
    answer: oneshot::Sender<InputResponses>,
}

impl Asking {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Question>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self, job: &str) -> Option<InputRequests> {
        self.lock().get(job).map(|question| question.requests.clone())
    }

    /// Passes an answer to its task. An answer without a question is ignored, as the protocol demands.
    pub(super) fn answer(&self, job: &str, responses: InputResponses) {
        let mut asking = self.lock();
        let is_asked = asking
            .get(job)
            .is_some_and(|question| responses.keys().any(|key| question.requests.contains_key(key)));
        if is_asked && let Some(question) = asking.remove(job) {
            // If this fails, the job has ended and needs no answer.
            let _ = question.answer.send(responses);
        }
    }
}

/// How a job can ask the human through the client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialogs {
    InTask,
    /// It cannot ask, and decisions stay pending.
    None,
}

enum Answered {
    By(InputResponses),
    /// Something was decided elsewhere, so the call looks again.
    LookAgain,
    Over,
}

/// The recipient of a call's outcome.
enum Recipient {
    Waited(oneshot::Sender<Result<CallToolResponse, ErrorData>>),
    Job(String),
    Over,
}

impl Maestro {
    /// Runs a call that may take long: as a task, as a job, or while the client waits.
    pub(super) async fn long_call(
        &self,
        request: CallToolRequestParams,
        mut context: RequestContext<RoleServer>,
        is_background: bool,
    ) -> Result<CallToolResponse, ErrorData> {
        let takes_tasks = context.client_capabilities().is_some_and(|it| it.supports_tasks())
            && context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
        let scope = Scope::default();
        let call = Call {
            tool: request.name.to_string(),
            arguments: Value::Object(request.arguments.clone().unwrap_or_default()),
            since: now(),
            cause: if takes_tasks { Cause::Task } else { Cause::Background },
            again_of: None,
        };
        let is_retry = request.request_state.is_some();
        if takes_tasks && !is_retry && (is_background || takes_time(&request.name, &call.arguments)) {
            return Ok(match self.start(call, request, context, scope, Dialogs::InTask).await {
                Ok(job) => CallToolResponse::Task(CreateTaskResult::new(task(&job, TaskStatus::Working))),
                Err(error) => failure(&error).into(),
            });
        }
        if is_background {
            return Ok(reply(self.start(call, request, context, scope, Dialogs::None).await).into());
        }
        let (cancelled, id) = (context.ct.clone(), context.id.clone());
        context.ct = scope.call.clone();
        let (sender, mut receiver) = oneshot::channel();
        let recipient = Arc::new(Mutex::new(Recipient::Waited(sender)));
        self.work_beside(request, context, scope.clone(), Arc::clone(&recipient));
        tokio::select! {
            biased;
            outcome = &mut receiver => outcome.unwrap_or_else(|_| Ok(failure(&Error::ShuttingDown).into())),
            () = cancelled.cancelled() => {
                if self.inner.reasons.is_time_out(&id) {
                    scope.detach();
                    self.adopt(Call { cause: Cause::TimedOut, ..call }, scope, &recipient, receiver).await;
                } else {
                    scope.call.cancel();
                }
                Ok(failure(&Error::Cancelled).into())
            }
            () = self.inner.stop.cancelled() => {
                scope.call.cancel();
                Ok(failure(&Error::ShuttingDown).into())
            }
        }
    }

    /// Runs a call in a separate task, and passes the outcome to its recipient at that time.
    fn work_beside(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
        scope: Scope,
        recipient: Arc<Mutex<Recipient>>,
    ) {
        let server = self.clone();
        let work = async move {
            let outcome = scope.around(server.worked(request, context)).await;
            let recipient = {
                let mut held = recipient.lock().unwrap_or_else(PoisonError::into_inner);
                match std::mem::replace(&mut *held, Recipient::Over) {
                    Recipient::Waited(waiting) => {
                        // If the caller has gone, the outcome is not needed.
                        let _ = waiting.send(outcome);
                        return;
                    }
                    other => other,
                }
            };
            if let Recipient::Job(job) = recipient {
                server.ended(&job, outcome).await;
            }
        };
        self.kit().processes.background().spawn(work.in_current_span());
    }

    /// Turns a call whose client gave up into a job, and keeps its answer.
    async fn adopt(
        &self,
        call: Call,
        scope: Scope,
        recipient: &Mutex<Recipient>,
        mut receiver: oneshot::Receiver<Result<CallToolResponse, ErrorData>>,
    ) {
        let adopting = self.jobs().adopting().await;
        let begun = self.jobs().begin(call, &scope).await;
        drop(adopting);
        let job = match begun {
            Ok(job) => job,
            Err(error) => {
                tracing::warn!(%error, "a call whose client gave up waiting ends: its answer could not be kept");
                scope.call.cancel();
                return;
            }
        };
        let outcome = {
            let mut held = recipient.lock().unwrap_or_else(PoisonError::into_inner);
            match receiver.try_recv() {
                Ok(outcome) => Some(outcome),
                Err(_) => {
                    *held = Recipient::Job(job.clone());
                    None
                }
            }
        };
        match outcome {
            Some(outcome) => self.ended(&job, outcome).await,
            None => self.watch_for_cancel(&job, scope),
        }
    }

    fn watch_for_cancel(&self, job: &str, scope: Scope) {
        let (jobs, job) = (self.jobs().clone(), job.to_owned());
        let stop = self.inner.jobs_stop.clone();
        self.kit().processes.background().spawn(async move {
            tokio::select! {
                () = jobs.cancel_asked(&job) => {
                    scope.all.cancel();
                    scope.call.cancel();
                }
                () = stop.cancelled() => {}
            }
        });
    }

    /// Starts a job.
    async fn start(
        &self,
        call: Call,
        request: CallToolRequestParams,
        mut context: RequestContext<RoleServer>,
        scope: Scope,
        dialogs: Dialogs,
    ) -> Result<Shown, Error> {
        scope.detach();
        context.ct = scope.call.clone();
        let job = self.jobs().begin(call, &scope).await?;
        let shown = self.jobs().look(&job).await?;
        self.watch_for_cancel(&job, scope.clone());
        let server = self.clone();
        let work = async move {
            let outcome = server.run(&job, request, context, &scope, dialogs).await;
            server.inner.asking.lock().remove(&job);
            server.ended(&job, outcome).await;
        };
        self.kit().processes.background().spawn(work.in_current_span());
        Ok(shown)
    }

    /// Repeats the call of a lost job. Answers that have arrived are not asked for again.
    ///
    /// # Errors
    ///
    /// The job does not exist or is not lost, or the log cannot be used.
    async fn again(&self, id: &str, context: &RequestContext<RoleServer>) -> Result<Shown, Error> {
        let (call, arrived) = match self.jobs().again(id).await? {
            Asked::Anew(call, arrived) => (call, arrived),
            Asked::Before(job) => return Ok(*job),
        };
        let arguments = match call.arguments.clone() {
            Value::Object(arguments) => arguments,
            _ => Map::new(),
        };
        let arguments = self.tools().fitted(&call.tool, arguments).map_err(Error::InvalidArguments)?;
        let request = CallToolRequestParams::new(call.tool.clone()).with_arguments(arguments);
        let scope = Scope::default().with_arrived(arrived);
        self.start(call, request, context.clone(), scope, Dialogs::None).await
    }

    /// [`Self::again`] as a function for a tool. The future is boxed, because a job's call leads back to the
    /// tools.
    pub(super) fn starts_again(&self) -> Again {
        let server = self.clone();
        Again(Arc::new(move |job, context| server.clone().again_owned(job, context)))
    }

    fn again_owned(
        self,
        job: String,
        context: RequestContext<RoleServer>,
    ) -> BoxFuture<'static, Result<Shown, Error>> {
        Box::pin(async move { self.again(&job, &context).await })
    }

    /// Runs the call of a job to its result, and asks the human each time that the call needs an answer.
    async fn run(
        &self,
        job: &str,
        mut request: CallToolRequestParams,
        mut context: RequestContext<RoleServer>,
        scope: &Scope,
        dialogs: Dialogs,
    ) -> Result<CallToolResponse, ErrorData> {
        if dialogs == Dialogs::None {
            context.extensions.insert(NobodyToAsk);
        }
        for round in 1..=MOST_ROUNDS {
            let worked = self.worked(request.clone(), context.clone());
            let asked = match scope.clone().around(worked).await {
                Ok(CallToolResponse::InputRequired(asked)) => asked,
                other => return other,
            };
            let state = asked.request_state.clone();
            (request.input_responses, request.request_state) = match self.ask(job, asked, round, scope).await
            {
                Answered::By(responses) => (Some(responses), state),
                // The call gets the state of the question without an answer, and finds the decision there.
                Answered::LookAgain => (None, state),
                Answered::Over => return Ok(failure(&Error::Cancelled).into()),
            };
        }
        context.extensions.insert(NobodyToAsk);
        (request.input_responses, request.request_state) = (None, None);
        scope.clone().around(self.worked(request, context)).await
    }

    /// Makes the client ask the human, and waits for the answer or for a decision elsewhere.
    async fn ask(&self, job: &str, asked: InputRequiredResult, round: usize, scope: &Scope) -> Answered {
        // In a task, a client asks each name only once, so later rounds need other names.
        let named = |key: &str| if round == 1 { key.to_owned() } else { format!("{key}-{round}") };
        let requests = asked.input_requests.unwrap_or_default();
        let names: BTreeMap<String, String> = requests.keys().map(|key| (named(key), key.clone())).gather();
        let requests = requests.into_iter().map(|(key, request)| (named(&key), request)).collect();
        let (answer, answered) = oneshot::channel();
        scope.say("waiting for the human's decision");
        self.inner.asking.lock().insert(job.to_owned(), Question { requests, answer });
        let outcome = tokio::select! {
            biased;
            answered = answered => match answered {
                Ok(responses) => Answered::By(
                    responses
                        .into_iter()
                        .filter_map(|(name, response)| Some((names.get(&name)?.clone(), response)))
                        .collect(),
                ),
                Err(_) => Answered::Over,
            },
            () = scope.call.cancelled() => Answered::Over,
            () = self.inner.jobs_stop.cancelled() => Answered::Over,
            () = self.decided_elsewhere() => Answered::LookAgain,
        };
        self.inner.asking.lock().remove(job);
        outcome
    }

    /// Waits until a pending decision is made elsewhere.
    async fn decided_elsewhere(&self) {
        const EVERY: Duration = Duration::from_secs(1);
        let open = || {
            let journal = self.kit().log.journal();
            journal.read(|history| {
                history.pending().map(|(_, request)| request.id.clone()).gather::<BTreeSet<String>>()
            })
        };
        let before = open().await.unwrap_or_default();
        loop {
            tokio::time::sleep(EVERY).await;
            if let Ok(now) = open().await
                && !before.is_subset(&now)
            {
                return;
            }
        }
    }

    /// Runs the call, fits the result into the size limit, and adds links.
    async fn worked(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (tool, version) = (request.name.clone(), context.protocol_version());
        let stop = self.inner.jobs_stop.clone();
        let response = wrong_arguments_as_result(self.guarded(request, context, stop).await)?;
        let response = with_room(&self.kit().config, &self.kit().project, &tool, response).await;
        Ok(with_links(response, version.as_ref()))
    }

    /// Records the result of a job.
    async fn ended(&self, job: &str, outcome: Result<CallToolResponse, ErrorData>) {
        let value = match outcome {
            Ok(CallToolResponse::Complete(CallToolResult { structured_content: Some(value), .. })) => value,
            Ok(_) => json!({ "ok": false, "error": "the call ended without a result", "code": "internal" }),
            Err(error) => json!({ "ok": false, "error": error.message, "code": "internal" }),
        };
        let outcome = match (value.get("ok"), value.get("code").and_then(Value::as_str)) {
            // The job stays open, so the next server finds it lost and can repeat it.
            (_, Some("shutting_down")) => return self.jobs().leave(job),
            (_, Some("cancelled")) => Outcome::Cancelled,
            (Some(Value::Bool(false)), _) => Outcome::Failed,
            _ => Outcome::Done,
        };
        let result = (outcome != Outcome::Cancelled).then_some(value);
        self.jobs().end(job, outcome, result).await;
    }

    /// A task, read from the log.
    pub(super) async fn task(&self, id: &str) -> Result<DetailedTask, ErrorData> {
        let jobs = self.jobs();
        let unknown = |error: Error| match error {
            Error::Unknown { .. } => ErrorData::invalid_params(error.to_string(), None),
            error => ErrorData::internal_error(error.to_string(), None),
        };
        let job = jobs.look(id).await.map_err(unknown)?;
        let payload = match job.state {
            State::Running => match self.inner.asking.requests(id) {
                Some(input_requests) => TaskPayload::InputRequired { input_requests },
                None => TaskPayload::Working,
            },
            State::Done | State::Failed => {
                let value = jobs.result_of(&job).await.map_err(unknown)?.unwrap_or_default();
                jobs.collected(&job).await.map_err(unknown)?;
                TaskPayload::Completed { result: object(&written(structured(value))) }
            }
            State::Cancelled => TaskPayload::Cancelled,
            State::ServerGone => {
                let message = "the server that worked on this task is gone; maestro_job with action `again` asks again without paying twice for answers that arrived";
                TaskPayload::Failed { error: object(&json!({ "code": -32_603, "message": message })) }
            }
        };
        Ok(DetailedTask::new(task(&job, payload.status()), payload))
    }
}

fn object(value: &impl serde::Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        Ok(_) | Err(_) => Map::new(),
    }
}

fn task(job: &Shown, status: TaskStatus) -> Task {
    let said = job.progress.clone().unwrap_or_else(|| format!("{}: working", job.tool));
    let task =
        Task::new(&job.job, status, &job.began_at, rfc3339(job.changed)).with_poll_interval_ms(POLL_MS);
    if status.is_terminal() { task } else { task.with_status_message(said) }
}
