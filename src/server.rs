//! The MCP server: a cloneable handle, and the choke point that every call passes.
//!
//! [`stdio`] serves until the client leaves, `wire` reads and writes its messages, and `jobs` runs calls
//! that may take long. The choke point refuses unknown tools, catches panics, ends cancelled calls, and
//! keeps results within the size that clients show. Everything else is in the tools.

mod call_log;
mod jobs;
mod prompts;
mod resources;
pub(crate) mod stdio;
mod wire;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, CustomRequest, CustomResult,
    ErrorCode, GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, Implementation,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities,
    ServerConfig, Tool, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::domain::cut::head;
use crate::domain::packed;
use crate::error::Error;
use crate::flow::change::recover;
use crate::flow::job::Jobs;
use crate::flow::kit::Kit;
use crate::flow::worktree_note::place_notes;
use crate::tools::catalogue::{BACKGROUND, Handle, Tools, is_long};
use crate::tools::{WRONG_ARGUMENTS, failure, in_languages, with_links, with_notes, with_room, written};
use call_log::CallLog;
use jobs::{Asking, Reasons};

/// Maximum number of running calls; further ones are refused at once.
const MOST_CALLS: usize = 2_000;

/// The tool that shows jobs.
const JOB: &str = "maestro_job";

/// The instructions for a client's model.
const INSTRUCTIONS: &str = "src/server/instructions.txt";

/// The server. Clones share everything.
#[derive(Clone)]
pub struct Maestro {
    inner: Arc<Inner>,
}

struct Inner {
    handle: Handle,
    calls: AtomicUsize,
    call_log: CallLog,
    /// Ends the calls that a client waits for.
    stop: CancellationToken,
    /// Ends jobs, which continue after the client has left.
    jobs_stop: CancellationToken,
    asking: Asking,
    reasons: Reasons,
    /// True if jobs of other servers may have ended, or may still end, unnoticed by this one.
    looks_elsewhere: AtomicBool,
}

/// Counts a running call until it is dropped, however the call ends.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Maestro {
    /// A server for a project. `stop` ends every running call; the wire writes the reasons of cancelled calls
    /// to `reasons`.
    fn new(kit: Kit, stop: CancellationToken, reasons: Reasons) -> Self {
        let inner = Inner {
            handle: Handle::new(kit, stop.clone()),
            calls: AtomicUsize::new(0),
            call_log: CallLog::default(),
            stop,
            jobs_stop: CancellationToken::new(),
            asking: Asking::default(),
            reasons,
            looks_elsewhere: AtomicBool::new(true),
        };
        Self { inner: Arc::new(inner) }
    }

    pub fn kit(&self) -> &Kit {
        &self.inner.handle.kit
    }

    fn jobs(&self) -> &Jobs {
        &self.inner.handle.jobs
    }

    fn tools(&self) -> &Tools {
        self.inner.handle.tools()
    }

    /// Number of calls since the start.
    fn calls_so_far(&self) -> u64 {
        self.inner.call_log.calls()
    }

    fn unknown_tool(&self, name: &str) -> ErrorData {
        const MOST_CHARS: usize = 80;
        let switched_off = &self.kit().config.settings().disabled_tools;
        if switched_off.iter().any(|tool| tool == name) {
            let message = format!("{name} is switched off (disabled_tools, MAESTRO_DISABLED_TOOLS)");
            return ErrorData::invalid_params(message, None);
        }
        let shown = head(name, MOST_CHARS);
        let nearest = self.tools().nearest(shown).join(", ");
        ErrorData::invalid_params(format!("unknown tool: {shown}; nearest: {nearest}"), None)
    }

    fn count_call(&self) -> Option<Counted<'_>> {
        let counted = Counted(&self.inner.calls);
        (self.inner.calls.fetch_add(1, Ordering::Relaxed) < MOST_CALLS).then_some(counted)
    }

    /// Runs a call, and ends it early if it is cancelled, the server stops, or it panics.
    async fn guarded(
        &self,
        request: CallToolRequestParams,
        mut context: RequestContext<RoleServer>,
        stop: CancellationToken,
    ) -> Result<CallToolResponse, ErrorData> {
        context.extensions.insert(self.starts_again());
        let cancelled = context.ct.clone();
        let name = request.name.clone();
        let call = AssertUnwindSafe(async {
            let undone = recover(self.kit()).await;
            // Checked concurrently with the call, because neither needs the other.
            let placed = place_notes(&self.kit().project, &name, request.arguments.as_ref());
            let called = self.tools().router.call(ToolCallContext::new(&self.inner.handle, request, context));
            let (response, placed) = futures_util::future::join(called, placed).await;
            let response = response?;
            let mut notes: Vec<_> = self.kit().config.untold().into_iter().collect();
            notes.extend(self.kit().log.untold());
            notes.extend(placed.unwrap_or_default());
            if !undone.is_empty() {
                notes.push(("restored_after_crash", json!(undone)));
            }
            Ok(with_notes(response, notes))
        })
        .catch_unwind();
        tokio::select! {
            biased;
            () = cancelled.cancelled() => Ok(failure(&Error::Cancelled).into()),
            () = stop.cancelled() => Ok(failure(&Error::ShuttingDown).into()),
            outcome = call => outcome.unwrap_or_else(|_| {
                Ok(failure(&Error::Internal(format!("{name} panicked"))).into())
            }),
        }
    }
}

impl Maestro {
    /// Answers a call.
    async fn answered(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if !self.tools().router.has_route(&request.name) {
            return Err(self.unknown_tool(&request.name));
        }
        let Some(_counted) = self.count_call() else {
            return Ok(failure(&Error::Busy(MOST_CALLS)).into());
        };
        let (tool, cancelled) = (request.name.clone(), context.ct.clone());
        let response = self.called(request, context).await?;
        // A note on a result that nobody receives would be lost.
        let finished = match &response {
            CallToolResponse::Complete(result) if !cancelled.is_cancelled() => {
                self.finished_jobs(&tool, result.structured_content.as_ref()).await
            }
            _ => Vec::new(),
        };
        let languages = self.kit().config.settings().language;
        Ok(in_languages(with_notes(response, finished), languages))
    }

    /// Runs a call of a tool that exists.
    async fn called(
        &self,
        mut request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let version = context.protocol_version();
        self.inner.handle.memory.toolbox.used(&request.name);
        match self.tools().fitted(&request.name, request.arguments.take().unwrap_or_default()) {
            Ok(arguments) => request.arguments = Some(arguments),
            Err(problem) => return Ok(failure(&Error::InvalidArguments(problem)).into()),
        }
        let tool = request.name.clone();
        if is_long(&tool) {
            let background = request.arguments.as_mut().and_then(|given| given.shift_remove(BACKGROUND));
            return self.long_call(request, context, background == Some(Value::Bool(true))).await;
        }
        let stop = self.inner.stop.clone();
        let response = wrong_arguments_as_result(self.guarded(request, context, stop).await)?;
        let response = with_room(&self.kit().config, &self.kit().project, &tool, response).await;
        Ok(with_links(response, version.as_ref()))
    }

    /// The ended jobs whose results were not collected. They are reported once, in the next result of any
    /// tool, but not in a result that is about the job itself.
    async fn finished_jobs(&self, tool: &str, result: Option<&Value>) -> Vec<(&'static str, Value)> {
        let Some(result) = result.and_then(Value::as_object) else { return Vec::new() };
        let log = &self.kit().log;
        let has_log = || log.store_directory().join("maestro.db").exists();
        if tool == JOB || !has_log() && log.is_logged("") {
            return Vec::new();
        }
        // Both are read only now, because a call that reports nothing must not use them up.
        if !self.jobs().has_ended() && !self.inner.looks_elsewhere.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let own = result.get("job").and_then(Value::as_str);
        let (told, elsewhere) = self.jobs().untold(own).await;
        self.inner.looks_elsewhere.store(elsewhere || own.is_some(), Ordering::Relaxed);
        told.into_iter().map(|told| ("jobs_finished", told)).collect()
    }

    /// Runs a request other than a call. It ends early if it is cancelled, the server stops, or it panics.
    async fn read_only<T>(
        &self,
        context: &RequestContext<RoleServer>,
        work: impl Future<Output = Result<T, ErrorData>>,
    ) -> Result<T, ErrorData> {
        let ended = |error: &Error| Err(ErrorData::internal_error(error.to_string(), None));
        let Some(_counted) = self.count_call() else { return ended(&Error::Busy(MOST_CALLS)) };
        tokio::select! {
            biased;
            () = context.ct.cancelled() => ended(&Error::Cancelled),
            () = self.inner.stop.cancelled() => ended(&Error::ShuttingDown),
            outcome = AssertUnwindSafe(work).catch_unwind() => outcome.unwrap_or_else(|_| {
                ended(&Error::Internal("a request panicked".to_owned()))
            }),
        }
    }
}

/// The capabilities of the server. No notification of changed lists is among them, because the lists never
/// change.
fn capabilities() -> ServerCapabilities {
    ServerCapabilities::builder().enable_prompts().enable_resources().enable_tools().enable_tasks().build()
}

impl ServerHandler for Maestro {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(capabilities())
            .with_server_info(
                Implementation::new("maestro-mcp", env!("CARGO_PKG_VERSION")).with_title("Maestro"),
            )
            .with_instructions(packed::text(INSTRUCTIONS).unwrap_or_default().trim_end())
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.inner.call_log.greeted(&context);
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.inner.call_log.client_of(&context);
        Ok(ListToolsResult::with_all_items(self.tools().list.clone()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools().router.get(name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let call_log = &self.inner.call_log;
        call_log.client_of(&context);
        let ending = call_log.call(&request.name, self.tools().router.has_route(&request.name));
        let outcome = self.answered(request, context).instrument(ending.span()).await;
        ending.with(&outcome);
        outcome.map(|response| match response {
            CallToolResponse::Complete(result) => written(result).into(),
            other => other,
        })
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.task(&request.task_id).await.map(GetTaskResult::new)
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.task(&request.task_id).await?;
        self.inner.asking.answer(&request.task_id, request.input_responses);
        Ok(())
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.task(&request.task_id).await?;
        match self.jobs().cancel(&request.task_id).await {
            Ok(_) => Ok(()),
            Err(error) => Err(ErrorData::internal_error(error.to_string(), None)),
        }
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let list = async { Ok(resources::list(&self.kit().project, &self.kit().log).await) };
        self.read_only(&context, list).await.map(ListResourcesResult::with_all_items)
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let text = resources::text(self.kit(), &request.uri);
        self.read_only(&context, text).await.map(Into::into)
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(prompts::list()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        prompts::get(&request.name, &request.arguments.unwrap_or_default()).map(Into::into)
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        // A known method arrives here if its parameters are invalid.
        Err(wire::malformed(&request.method, None).unwrap_or_else(|| {
            let unknown = format!("this server has no method `{}`", head(&request.method, 80));
            ErrorData::new(ErrorCode::METHOD_NOT_FOUND, unknown, None)
        }))
    }
}

/// Turns wrong arguments into a result instead of a protocol error, so that the model can correct them.
fn wrong_arguments_as_result(
    outcome: Result<CallToolResponse, ErrorData>,
) -> Result<CallToolResponse, ErrorData> {
    match outcome {
        Err(error) => match error.message.strip_prefix(WRONG_ARGUMENTS) {
            Some(message) => {
                let result: CallToolResult = failure(&Error::InvalidArguments(message.to_owned()));
                Ok(result.into())
            }
            None => Err(error),
        },
        answered @ Ok(_) => answered,
    }
}

#[cfg(test)]
mod tests;
