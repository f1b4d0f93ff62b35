//! Reads records (evidence, figures, conversations), and adds evidence.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::Handle;
use super::polish::{Parameters, arguments};
use super::reply::reply;
use crate::error::Error;
use crate::flow::evidence::{ChainRequest, LogRequest, chain, log};
use crate::flow::metrics::{Wanted, metrics};
use crate::flow::thread::{LISTED, fork, list, search, show};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MetricsInput {
    /// Default: run, else project.
    scope: Option<ScopeName>,
    /// Default: current run.
    workflow_id: Option<String>,
    /// The last so many days of the project, 1 to 366.
    #[schemars(range(min = 1, max = 366))]
    days: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum ScopeName {
    /// One run.
    Run,
    /// Everything in the project's log, inside runs and outside of them.
    Project,
}

impl MetricsInput {
    fn wanted(self) -> Result<Wanted, Error> {
        if let Some(days) = self.days {
            if self.workflow_id.is_some() || matches!(self.scope, Some(ScopeName::Run)) {
                return Err(Error::InvalidArguments(
                    "days counts the whole project: leave out scope and workflow_id".to_owned(),
                ));
            }
            return Ok(Wanted::Days(days));
        }
        match (self.scope, self.workflow_id) {
            (None, None) => Ok(Wanted::Current),
            (Some(ScopeName::Run) | None, named) => Ok(Wanted::Run(named)),
            (Some(ScopeName::Project), None) => Ok(Wanted::Project),
            (Some(ScopeName::Project), Some(_)) => Err(Error::InvalidArguments(
                "workflow_id names one run, and scope asks for the project: give one of the two".to_owned(),
            )),
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ThreadsInput {
    /// Default: follows from the other arguments, else list.
    action: Option<Action>,
    /// Id, for show and fork.
    thread: Option<String>,
    /// Words, for search.
    query: Option<String>,
    /// Fork after this turn; default: the last.
    turn: Option<u32>,
    /// Maximum number, up to 100.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Action {
    /// All of them.
    List,
    /// One with its texts.
    Show,
    /// Turns that contain words.
    Search,
    /// Go on from an earlier turn.
    Fork,
}

impl ThreadsInput {
    fn action(&self) -> Action {
        match (self.action, &self.thread, &self.query, self.turn) {
            (Some(action), ..) => action,
            (None, _, Some(_), _) => Action::Search,
            (None, Some(_), None, Some(_)) => Action::Fork,
            (None, Some(_), None, None) => Action::Show,
            (None, None, None, _) => Action::List,
        }
    }

    fn thread(&self, what: &str) -> Result<&str, Error> {
        self.thread.as_deref().filter(|thread| !thread.trim().is_empty()).ok_or_else(|| {
            Error::InvalidArguments(format!(
                "thread is missing: name the thread to {what}; action `list` shows them"
            ))
        })
    }
}

#[tool_router(router = record_tools, vis = "pub(crate)")]
impl Handle {
    /// Records evidence in the project's log. A passed verification opens improve, a failed one shuts it.
    #[tool(input_schema = arguments::<LogRequest>())]
    async fn maestro_log_evidence(&self, Parameters(input): Parameters<LogRequest>) -> CallToolResult {
        reply(log(&self.kit, input).await)
    }

    /// Returns the project's evidence, oldest first: recorded, asked, flagged, changed, decided.
    #[tool(input_schema = arguments::<ChainRequest>())]
    async fn maestro_get_evidence_chain(
        &self,
        Parameters(input): Parameters<ChainRequest>,
    ) -> CallToolResult {
        reply(chain(&self.kit.config, &self.kit.log, input).await)
    }

    /// Returns calls, failures, times, tokens and efficiency of a run or the project.
    #[tool(input_schema = arguments::<MetricsInput>())]
    async fn maestro_get_metrics(&self, Parameters(input): Parameters<MetricsInput>) -> CallToolResult {
        reply(match input.wanted() {
            Ok(wanted) => metrics(&self.kit, wanted).await,
            Err(error) => Err(error),
        })
    }

    /// Lists, shows, searches or forks conversations with consultants; `thread` of a consult goes on with
    /// one.
    #[tool(input_schema = arguments::<ThreadsInput>())]
    async fn maestro_threads(&self, Parameters(input): Parameters<ThreadsInput>) -> CallToolResult {
        let kit = &self.kit;
        let limit = input.limit.map_or(LISTED, |limit| usize::try_from(limit).unwrap_or(LISTED));
        match input.action() {
            Action::List => reply(list(&kit.config, &kit.log, limit).await),
            Action::Show => reply(match input.thread("show") {
                Ok(thread) => show(&kit.config, &kit.log, thread).await,
                Err(error) => Err(error),
            }),
            Action::Search => {
                reply(search(&kit.config, &kit.log, &input.query.unwrap_or_default(), limit).await)
            }
            Action::Fork => reply(match input.thread("fork") {
                Ok(thread) => {
                    let turn = input.turn.map(|turn| usize::try_from(turn).unwrap_or(usize::MAX));
                    fork(&kit.config, &kit.log, thread, turn).await
                }
                Err(error) => Err(error),
            }),
        }
    }
}
