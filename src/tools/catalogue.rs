//! Every tool of this server, made once.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use rmcp::RoleServer;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::model::{JsonObject, Tool};
use rmcp::service::RequestContext;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::arguments::fitted;
use super::polish::{plain, served};
use super::words::Words;
use crate::domain::alike::nearest_first;
use crate::domain::toolset::is_wanted;
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::job::{Jobs, Shown};
use crate::flow::kit::Kit;
use crate::flow::providers::Overview;
use crate::flow::toolbox::SharedToolbox;
use crate::page::Page;

/// Repeats a lost job, given the job and the call that asks for it. The server puts it into the extensions
/// of each call.
#[derive(Clone)]
pub(crate) struct Again(pub(crate) Arc<StartAgain>);

type StartAgain =
    dyn Fn(String, RequestContext<RoleServer>) -> BoxFuture<'static, Result<Shown, Error>> + Send + Sync;

/// Receiver of every tool: the parts that tools work with, and the server's memory between calls. Clones
/// share everything.
#[derive(Clone)]
pub struct Handle {
    pub(crate) kit: Kit,
    pub(crate) jobs: Jobs,
    pub(crate) memory: Arc<Memory>,
    /// Ends the page with the server.
    stop: CancellationToken,
}

#[derive(Default)]
pub(crate) struct Memory {
    tools: OnceLock<Tools>,
    page: OnceCell<Page>,
    pub(crate) overview: Overview,
    pub(crate) toolbox: SharedToolbox,
}

impl Handle {
    pub(crate) fn new(kit: Kit, stop: CancellationToken) -> Self {
        let jobs = Jobs::new(kit.config.clone(), kit.log.clone());
        Self { kit, jobs, memory: Arc::default(), stop }
    }

    /// The local web page, served on first need.
    ///
    /// # Errors
    ///
    /// This server runs below a consult, or no port is free.
    pub(crate) async fn page(&self) -> Result<&Page, Error> {
        self.kit.processes.refuse_nested()?;
        let start = || Page::start(self.kit.clone(), self.jobs.clone(), self.stop.clone());
        self.memory.page.get_or_try_init(start).await
    }

    /// The tools, made on first need: a client that only says hello does not wait for them.
    pub(crate) fn tools(&self) -> &Tools {
        self.memory.tools.get_or_init(|| Tools::new(&self.kit.config))
    }

    #[cfg(test)]
    pub(crate) fn set_tools(&self, tools: Tools) {
        assert!(self.memory.tools.set(tools).is_ok());
    }
}

/// The argument that turns a long call into a job.
pub(crate) const BACKGROUND: &str = "background";

/// Tools whose calls may take long. Each takes `background`, and its call continues if the client gives up.
const LONG: [&str; 11] = [
    "maestro_consult",
    "maestro_consult_with_role",
    "maestro_ensemble_generate",
    "maestro_run_stage",
    "maestro_run_stage_with_approval",
    "maestro_consensus_vote",
    "maestro_vote_micro_step",
    "maestro_calibrate",
    "maestro_select_best",
    "maestro_verify",
    "maestro_review",
];

/// True if a tool's calls may take long.
pub(crate) fn is_long(tool: &str) -> bool {
    LONG.contains(&tool)
}

/// True if this call asks a model or runs a check; a selection by given results does neither.
pub(crate) fn takes_time(tool: &str, arguments: &Value) -> bool {
    let chooses = tool == "maestro_select_best";
    !chooses || arguments.get("verify").is_some_and(Value::is_array) || arguments["mode"] == "llm_judge"
}

/// The tools of a server and how they are called.
pub struct Tools {
    /// Calls by name.
    pub router: ToolRouter<Handle>,
    /// The answer to `tools/list`, by name.
    pub list: Vec<Tool>,
    /// The plain schemas of the parameters, by the tool's name.
    forms: HashMap<String, JsonObject>,
}

impl Tools {
    /// The tools of a configuration: without disabled ones, and with the names of the configured providers.
    pub fn new(config: &Configuration) -> Self {
        let mut router = Handle::approval_tools()
            + Handle::consult_tools()
            + Handle::change_tools()
            + Handle::consensus_tools()
            + Handle::coordination_record_tools()
            + Handle::coordination_tools()
            + Handle::record_tools()
            + Handle::job_tools()
            + Handle::library_tools()
            + Handle::review_tools()
            + Handle::selection_tools()
            + Handle::stage_tools()
            + Handle::toolbox_tools()
            + Handle::workflow_tools();
        let wanted = &config.settings().toolsets;
        let unwanted: Vec<String> = router
            .map
            .keys()
            .filter(|name| !is_wanted(name, wanted))
            .map(std::string::ToString::to_string)
            .collect();
        for name in unwanted {
            router.remove_route(&name);
        }
        for name in &config.settings().disabled_tools {
            router.remove_route(name);
        }
        let providers: Vec<String> =
            config.catalogue().enabled().map(|provider| provider.name.clone()).collect();
        let words = Words::embedded();
        let mut forms = HashMap::new();
        for route in router.map.values_mut() {
            let mut form = plain(&route.attr.input_schema);
            if is_long(&route.attr.name)
                && let Some(Value::Object(properties)) = form.get_mut("properties")
            {
                properties.insert(BACKGROUND.to_owned(), json!({ "type": "boolean", "default": false }));
            }
            let mut schema = served(&form, &providers);
            words.describe(&mut route.attr, &mut schema);
            route.attr.input_schema = Arc::new(schema);
            forms.insert(route.attr.name.to_string(), form);
        }
        Self { list: router.list_all(), router, forms }
    }

    /// The arguments of a call in the form of its tool's schema, or the problems with them.
    pub fn fitted(&self, name: &str, arguments: JsonObject) -> Result<JsonObject, String> {
        match self.forms.get(name) {
            Some(form) => fitted(form, arguments),
            None => Ok(arguments),
        }
    }

    /// Tokens that a tool takes in a model's context: a quarter of the bytes of its name, description and
    /// parameters. `None` for a tool that is not served.
    pub fn context_cost(&self, name: &str) -> Option<usize> {
        const BYTES_PER_TOKEN: usize = 4;
        let tool = self.list.iter().find(|tool| tool.name == name)?;
        let read = serde_json::json!({
            "name": tool.name, "description": tool.description, "inputSchema": tool.input_schema,
        });
        Some(read.to_string().len() / BYTES_PER_TOKEN)
    }

    /// Known names similar to an unknown one.
    pub fn nearest(&self, name: &str) -> Vec<&str> {
        let mut names = nearest_first(self.list.iter().map(|tool| tool.name.as_ref()), name);
        names.truncate(3);
        names
    }
}
