//! The tools, prompts and resources that the official conformance suite expects of a server, on the transport
//! of the real server. Their answers are in `fixtures.json`; their side effects are here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![expect(deprecated, reason = "the suite of 2025-11-25 asks for sampling, logging and subscriptions")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use maestro::testing::{Error, serve_handler};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientResult, ContentBlock,
    CreateMessageRequestParams, ElicitRequest, ElicitRequestParams, GetPromptRequestParams,
    GetPromptResponse, GetPromptResult, Implementation, InputRequiredResult, InputResponses,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, LoggingLevel,
    LoggingMessageNotificationParam, PaginatedRequestParams, ProgressNotificationParam, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, RequestStateCodec, SealOptions,
    ServerCapabilities, ServerConfig, ServerRequest, SetLevelRequestMethod, SetLevelRequestParams,
    SubscribeRequestMethod, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestMethod,
    UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast;

/// Pause between two notifications, as the suite requires.
const PAUSE: Duration = Duration::from_millis(50);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve_handler(Fixtures::new()).await
}

#[derive(Clone)]
struct Fixtures {
    inner: Arc<Inner>,
}

struct Inner {
    data: Value,
    states: RequestStateCodec,
    changes: broadcast::Sender<Change>,
    level: Mutex<LoggingLevel>,
}

/// A list that changed.
#[derive(Clone, Copy)]
enum Change {
    Tools,
    Prompts,
}

/// The outcome of a call that needs input from the client.
enum Asked {
    Again(InputRequiredResult),
    Answered(Map<String, Value>),
}

type Context = RequestContext<RoleServer>;

impl Fixtures {
    fn new() -> Self {
        let inner = Inner {
            data: serde_json::from_str(include_str!("fixtures.json")).expect("the fixtures are JSON"),
            states: RequestStateCodec::try_new([7; 32]).expect("the key is long enough"),
            changes: broadcast::channel(16).0,
            level: Mutex::new(LoggingLevel::Debug),
        };
        Self { inner: Arc::new(inner) }
    }

    fn part<T: DeserializeOwned>(&self, name: &str) -> T {
        typed(self.inner.data[name].clone())
    }

    fn entry(&self, part: &str, name: &str) -> Option<Value> {
        self.inner.data[part].get(name).cloned()
    }

    /// The next round of questions that the client has not answered, or the answers if none is left.
    fn ask(
        &self,
        name: &str,
        plan: &Value,
        answers: &InputResponses,
        state: Option<&str>,
        context: &Context,
    ) -> Result<Asked, ErrorData> {
        let rounds = plan["rounds"].as_array().expect("a plan has rounds");
        let round = match state {
            Some(sealed) => usize::from(self.opened(sealed, name)?),
            None => 0,
        };
        let questions = able(&rounds[round], context)?;
        let answered = questions.keys().all(|key| answers.get(key).is_some_and(Value::is_object));
        let next = if answered { round + 1 } else { round };
        let Some(round) = rounds.get(next) else {
            return Ok(Asked::Answered(facts(answers)));
        };
        let mut asked = json!({ "resultType": "input_required", "inputRequests": able(round, context)? });
        if plan["sealed"] == json!(true) {
            let number = u8::try_from(next).expect("few rounds");
            let options = SealOptions::new().associated_data(name.as_bytes()).ttl(Duration::from_secs(60));
            asked["requestState"] = json!(self.inner.states.seal_with(&[number], &options));
        }
        Ok(Asked::Again(typed(asked)))
    }

    fn opened(&self, sealed: &str, name: &str) -> Result<u8, ErrorData> {
        let refused = || ErrorData::invalid_params("the request state is not one of this server's", None);
        let bytes = self.inner.states.open_with(sealed, name.as_bytes()).map_err(|_| refused())?;
        bytes.first().copied().ok_or_else(refused)
    }

    fn announce(&self, change: Change) {
        // It is not an error if nobody listens.
        self.inner.changes.send(change).ok();
    }

    async fn log(&self, context: &Context, text: &str) {
        let heard = if modern(context) {
            context.meta.log_level().is_some()
        } else {
            *self.inner.level.lock().unwrap() as u8 <= LoggingLevel::Info as u8
        };
        if heard {
            let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(text));
            context.peer.notify_logging_message(message).await.expect("the client listens");
        }
    }

    /// The side effect of a tool, if it has one.
    async fn act(&self, name: &str, context: &Context) -> Result<(), ErrorData> {
        match name {
            "test_tool_with_logging" | "test_logging_tool" => {
                self.log(context, "Tool execution started").await;
                tokio::time::sleep(PAUSE).await;
                self.log(context, "Tool processing data").await;
                tokio::time::sleep(PAUSE).await;
                self.log(context, "Tool execution completed").await;
            }
            "test_tool_with_progress" => {
                for step in [0.0, 50.0, 100.0] {
                    if let Some(token) = context.meta.get_progress_token() {
                        let progress = ProgressNotificationParam::new(token, step).with_total(100.0);
                        context.peer.notify_progress(progress).await.expect("the client listens");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
            "test_missing_capability" => {
                let needed: ClientCapabilities = typed(json!({ "sampling": {} }));
                if capabilities(context).get("sampling").is_none() {
                    return Err(ErrorData::missing_required_client_capability(needed));
                }
            }
            "test_trigger_tool_change" => self.announce(Change::Tools),
            "test_trigger_prompt_change" => self.announce(Change::Prompts),
            _ => {}
        }
        Ok(())
    }
}

/// Sends a request from the server to the client, which only the era of `initialize` allows.
async fn ask_directly(name: &str, plan: &Value, arguments: &Value, context: &Context) -> CallToolResult {
    let request = filled(plan["request"].clone(), arguments.as_object().unwrap_or(&Map::new()));
    let answer = if name == "test_sampling" {
        let request: CreateMessageRequestParams = typed(request);
        context.peer.create_message(request).await.map(|answer| json!(answer))
    } else {
        let request: ElicitRequestParams = typed(request);
        let request = ServerRequest::ElicitRequest(ElicitRequest::new(request));
        context.peer.send_request(request).await.map(|answer| match answer {
            ClientResult::ElicitResult(answer) => json!(answer),
            other => json!(other),
        })
    };
    match answer {
        Ok(answer) => {
            let heard = match answer.pointer("/content/text") {
                Some(text) => text.as_str().unwrap_or_default().to_owned(),
                None => format!("action={}, content={}", answer["action"], answer["content"]),
            };
            let said = format!("{}{heard}", plan["says"].as_str().unwrap_or_default());
            CallToolResult::success(vec![ContentBlock::text(said)])
        }
        Err(error) => CallToolResult::error(vec![ContentBlock::text(error.to_string())]),
    }
}

fn typed<T: DeserializeOwned>(value: Value) -> T {
    let shown = value.to_string();
    serde_json::from_value(value).unwrap_or_else(|error| unfit(&shown, &error))
}

#[expect(clippy::panic, reason = "a fixture that does not fit its type is a mistake in fixtures.json")]
fn unfit(shown: &str, error: &serde_json::Error) -> ! {
    panic!("{shown}: {error}")
}

fn modern(context: &Context) -> bool {
    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

fn capabilities(context: &Context) -> Value {
    context.client_capabilities().map_or(Value::Null, |known| json!(known))
}

/// The questions of a round that this client can answer.
fn able(round: &Value, context: &Context) -> Result<Map<String, Value>, ErrorData> {
    let able = capabilities(context);
    let questions: Map<String, Value> = round
        .as_object()
        .expect("a round is an object")
        .iter()
        .filter(|(_, question)| {
            let family = question["method"].as_str().and_then(|method| method.split('/').next());
            family.is_some_and(|family| able.get(family).is_some())
        })
        .map(|(key, question)| (key.clone(), question.clone()))
        .collect();
    if questions.is_empty() {
        return Err(ErrorData::missing_required_client_capability(typed(json!({ "elicitation": {} }))));
    }
    Ok(questions)
}

/// The answers, keyed by the names that the texts of the fixtures use.
fn facts(answers: &InputResponses) -> Map<String, Value> {
    let mut facts = Map::new();
    for (key, answer) in answers {
        let whole = answer.pointer("/content/text").cloned().unwrap_or_else(|| json!(answer.to_string()));
        facts.insert(key.clone(), whole);
        for (field, value) in answer["content"].as_object().into_iter().flatten() {
            facts.insert(field.clone(), value.clone());
        }
    }
    facts
}

/// A result for both eras. A client of the older era never sees `resultType`.
fn complete<T: DeserializeOwned>(mut result: Value, facts: &Map<String, Value>) -> T {
    result["resultType"] = json!("complete");
    typed(filled(result, facts))
}

/// Replaces each `{name}` in the texts of a value with the fact of that name.
fn filled(value: Value, facts: &Map<String, Value>) -> Value {
    match value {
        Value::String(text) => {
            let text = facts.iter().fold(text, |text, (name, fact)| {
                let fact = fact.as_str().map_or_else(|| fact.to_string(), str::to_owned);
                text.replace(&format!("{{{name}}}"), &fact)
            });
            Value::String(text)
        }
        Value::Array(items) => items.into_iter().map(|item| filled(item, facts)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, field)| (name, filled(field, facts))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

impl ServerHandler for Fixtures {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_completions()
            .enable_logging()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("conformance-fixtures", env!("CARGO_PKG_VERSION")))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools: Vec<Map<String, Value>> = self.part("tools");
        let tools = tools.into_iter().map(|mut tool| {
            tool.entry("inputSchema").or_insert_with(|| json!({ "type": "object" }));
            typed::<Tool>(Value::Object(tool))
        });
        Ok(ListToolsResult::with_all_items(tools.collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.as_ref();
        if let Some(plan) = self.entry("asks", name) {
            let answers = request.input_responses.clone().unwrap_or_default();
            return Ok(
                match self.ask(name, &plan, &answers, request.request_state.as_deref(), &context)? {
                    Asked::Again(asked) => asked.into(),
                    Asked::Answered(facts) => {
                        complete::<CallToolResult>(plan["result"].clone(), &facts).into()
                    }
                },
            );
        }
        if let Some(plan) = self.entry("asks_directly", name) {
            let arguments = json!(request.arguments);
            return Ok(ask_directly(name, &plan, &arguments, &context).await.into());
        }
        let Some(result) = self.entry("results", name) else {
            return Err(ErrorData::invalid_params(format!("unknown tool: {name}"), None));
        };
        self.act(name, &context).await?;
        Ok(complete::<CallToolResult>(result, &Map::new()).into())
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(self.part("prompts")))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        let name = request.name.as_str();
        let unknown = || ErrorData::invalid_params(format!("unknown prompt: {name}"), None);
        let result = self.entry("prompt_results", name).ok_or_else(unknown)?;
        let mut facts = request.arguments.clone().unwrap_or_default();
        if let Some(plan) = self.entry("asks", name) {
            let answers = request.input_responses.clone().unwrap_or_default();
            match self.ask(name, &plan, &answers, request.request_state.as_deref(), &context)? {
                Asked::Again(asked) => return Ok(asked.into()),
                Asked::Answered(answered) => facts.extend(answered),
            }
        }
        Ok(complete::<GetPromptResult>(result, &facts).into())
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(self.part("resources")))
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(self.part("templates")))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri.as_str();
        let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
        let (uri, facts) = match id {
            Some(id) => ("test://template/{id}/data", Map::from_iter([("id".to_owned(), json!(id))])),
            None => (uri, Map::new()),
        };
        match self.entry("contents", uri) {
            Some(contents) => Ok(complete::<ReadResourceResult>(contents, &facts).into()),
            None => Err(ErrorData::resource_not_found("Resource not found", Some(json!({ "uri": uri })))),
        }
    }

    async fn set_level(&self, request: SetLevelRequestParams, context: Context) -> Result<(), ErrorData> {
        if modern(&context) {
            return Err(ErrorData::method_not_found::<SetLevelRequestMethod>());
        }
        *self.inner.level.lock().unwrap() = request.level;
        Ok(())
    }

    /// A subscription is accepted. It has no effect, because no resource changes.
    async fn subscribe(&self, _request: SubscribeRequestParams, context: Context) -> Result<(), ErrorData> {
        if modern(&context) {
            return Err(ErrorData::method_not_found::<SubscribeRequestMethod>());
        }
        Ok(())
    }

    async fn unsubscribe(
        &self,
        _request: UnsubscribeRequestParams,
        context: Context,
    ) -> Result<(), ErrorData> {
        if modern(&context) {
            return Err(ErrorData::method_not_found::<UnsubscribeRequestMethod>());
        }
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.inner.changes.subscribe();
        loop {
            let change = tokio::select! {
                () = context.cancelled() => return Ok(()),
                change = changes.recv() => change,
            };
            // The sink itself refuses notifications that the client did not request.
            match change {
                Ok(Change::Tools) => context.sink().notify_tool_list_changed().await.ok(),
                Ok(Change::Prompts) => context.sink().notify_prompt_list_changed().await.ok(),
                Err(_) => return Ok(()),
            };
        }
    }
}
