//! The MCP server: a cloneable handle, and the one place through which every call goes.

mod lines;
mod message;
mod prompts;
mod resources;
pub mod stdio;
mod told;
mod wire;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt as _;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CustomRequest, CustomResult, ErrorCode,
    GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::error::Error;
use crate::flow::change::recover;
use crate::flow::place::place_notes;
use crate::flow::session::Session;
use crate::tools::catalogue::Tools;
use crate::tools::{WRONG_ARGUMENTS, failure, with_links, with_notes, with_room};
use told::Told;

/// Calls that may be under way at the same time; what comes beyond is refused at once.
const MOST_CALLS: usize = 2_000;

/// What a client's model is told about the server as a whole.
const INSTRUCTIONS: &str = include_str!("server/instructions.txt");

/// The server. Clones share everything.
#[derive(Clone)]
pub struct Maestro {
    inner: Arc<Inner>,
}

struct Inner {
    session: Session,
    tools: OnceLock<Tools>,
    calls: AtomicUsize,
    told: Told,
    stop: CancellationToken,
}

/// A call under way, counted until it ends in whatever way.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Maestro {
    /// A server over a session. `stop` ends every call under way.
    #[must_use]
    pub fn new(session: Session, stop: CancellationToken) -> Self {
        let (tools, calls, told) = (OnceLock::new(), AtomicUsize::new(0), Told::default());
        Self { inner: Arc::new(Inner { session, tools, calls, told, stop }) }
    }

    /// What the tools work with.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.inner.session
    }

    /// The tools, made on first need: a client that only says hello does not wait for them.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        self.inner.tools.get_or_init(|| Tools::new(&self.inner.session))
    }

    /// Calls since the start.
    fn calls_so_far(&self) -> u64 {
        self.inner.told.calls()
    }

    fn unknown_tool(&self, name: &str) -> ErrorData {
        const MOST_CHARS: usize = 80;
        let switched_off = &self.session().config().settings.disabled_tools;
        if switched_off.iter().any(|tool| tool == name) {
            let message = format!("{name} is switched off (disabled_tools, MAESTRO_DISABLED_TOOLS)");
            return ErrorData::invalid_params(message, None);
        }
        let shown: String = name.chars().take(MOST_CHARS).collect();
        let nearest = self.tools().nearest(&shown).join(", ");
        ErrorData::invalid_params(format!("unknown tool: {shown}; nearest: {nearest}"), None)
    }

    fn count_call(&self) -> Option<Counted<'_>> {
        let counted = Counted(&self.inner.calls);
        (self.inner.calls.fetch_add(1, Ordering::Relaxed) < MOST_CALLS).then_some(counted)
    }

    /// The call itself, inside everything that may end it.
    async fn guarded(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let cancelled = context.ct.clone();
        let name = request.name.clone();
        let call = AssertUnwindSafe(async {
            let undone = recover(self.session()).await;
            let arguments = request.arguments.clone();
            let response = self.tools().router.call(ToolCallContext::new(self, request, context)).await?;
            let mut notes = self.session().untold();
            notes.extend(place_notes(self.session(), &name, arguments.as_ref()).await.unwrap_or_default());
            if !undone.is_empty() {
                notes.push(("restored_after_crash", json!(undone)));
            }
            Ok(with_notes(response, notes))
        })
        .catch_unwind();
        tokio::select! {
            biased;
            () = cancelled.cancelled() => Ok(failure(&Error::Cancelled).into()),
            () = self.inner.stop.cancelled() => Ok(failure(&Error::ShuttingDown).into()),
            outcome = call => outcome.unwrap_or_else(|_| {
                Ok(failure(&Error::Internal(format!("{name} panicked"))).into())
            }),
        }
    }
}

impl Maestro {
    /// The answer to a call, whatever it is.
    async fn answered(
        &self,
        mut request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if !self.tools().router.has_route(&request.name) {
            return Err(self.unknown_tool(&request.name));
        }
        let Some(_counted) = self.count_call() else {
            return Ok(failure(&Error::Busy(MOST_CALLS)).into());
        };
        let version = context.protocol_version();
        self.session().toolbox().update(&mut |toolbox| toolbox.used(&request.name));
        match self.tools().fitted(&request.name, request.arguments.take().unwrap_or_default()) {
            Ok(arguments) => request.arguments = Some(arguments),
            Err(problem) => return Ok(failure(&Error::InvalidArguments(problem)).into()),
        }
        let tool = request.name.clone();
        let response = wrong_arguments_as_result(self.guarded(request, context).await)?;
        let response = with_room(self.session(), &tool, response).await;
        Ok(with_links(response, version.as_ref()))
    }

    /// A request other than a call, inside everything that may end it.
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

/// Lists never change by themselves, so no client need listen for that.
fn capabilities() -> ServerCapabilities {
    ServerCapabilities::builder().enable_prompts().enable_resources().enable_tools().build()
}

impl ServerHandler for Maestro {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(capabilities())
            .with_server_info(
                Implementation::new("maestro-mcp", env!("CARGO_PKG_VERSION")).with_title("Maestro"),
            )
            .with_instructions(INSTRUCTIONS.trim_end())
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.inner.told.greeted(&context);
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.inner.told.client_of(&context);
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
        let told = &self.inner.told;
        told.client_of(&context);
        let ending = told.call(&request.name, self.tools().router.has_route(&request.name));
        let outcome = self.answered(request, context).instrument(ending.span()).await;
        ending.with(&outcome);
        outcome
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let list = async { Ok(resources::list(self.session()).await) };
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
        let text = resources::text(self.session(), &request.uri);
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
        // A known method whose parameters do not parse arrives here.
        let known = ["tools/call", "tools/list", "prompts/get", "resources/read", "completion/complete"];
        if known.contains(&request.method.as_str()) {
            return Err(ErrorData::invalid_params(
                format!("the parameters of {} are malformed", request.method),
                None,
            ));
        }
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, request.method, None))
    }
}

/// Wrong arguments are for the model to correct, so they are a result and no protocol error.
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
