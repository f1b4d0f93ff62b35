//! Reading what is on record, evidence, figures and conversations, and adding evidence to it.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::Handle;
use super::polish::{Parameters, arguments};
use super::reply::reply;
use crate::domain::evidence::{Kind, OfStage};
use crate::error::Error;
use crate::flow::evidence::{ChainRequest, LogRequest, chain, log};
use crate::flow::metrics::{Wanted, metrics};
use crate::flow::thread::{LISTED, fork, list, search, show};

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

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MetricsInput {
    /// Default: run, else project.
    scope: Option<ScopeName>,
    /// Default: current run.
    workflow_id: Option<String>,
    /// The last so many days of the project, 1 to 366.
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
            if !(1..=366).contains(&days) {
                return Err(Error::InvalidArguments(format!("days must be 1 to 366 (got {days})")));
            }
            if self.workflow_id.is_some() || matches!(self.scope, Some(ScopeName::Run)) {
                return Err(Error::InvalidArguments(
                    "days are of the whole project: leave out scope and workflow_id".to_owned(),
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

/// Threads or hits that one result shows.
const MOST: u32 = 100;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ThreadsInput {
    /// Default: what the rest asks for, else list.
    action: Option<Action>,
    /// Id, for show and fork.
    thread: Option<String>,
    /// Words, for search.
    query: Option<String>,
    /// Fork after this turn; default: the last.
    turn: Option<u32>,
    /// How many, up to 100.
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
    /// Where words were said.
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

    fn limit(&self) -> Result<usize, Error> {
        match self.limit {
            None => Ok(LISTED),
            Some(limit) if (1..=MOST).contains(&limit) => Ok(usize::try_from(limit).unwrap_or(LISTED)),
            Some(limit) => Err(Error::InvalidArguments(format!("limit must be 1 to {MOST} (got {limit})"))),
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
        reply(log(self.kit(), input).await)
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

    /// Returns calls, failures, times, tokens and efficiency of a run or the project.
    #[tool(input_schema = arguments::<MetricsInput>())]
    async fn maestro_get_metrics(&self, Parameters(input): Parameters<MetricsInput>) -> CallToolResult {
        reply(match input.wanted() {
            Ok(wanted) => metrics(self.kit(), wanted).await,
            Err(error) => Err(error),
        })
    }

    /// Lists, shows, searches or forks conversations with consultants; `thread` of a consult goes on with
    /// one.
    #[tool(input_schema = arguments::<ThreadsInput>())]
    async fn maestro_threads(&self, Parameters(input): Parameters<ThreadsInput>) -> CallToolResult {
        let kit = self.kit();
        let limit = match input.limit() {
            Ok(limit) => limit,
            Err(error) => return super::reply::failure(&error),
        };
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
