//! Conversations with consultants, read from the log.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::Handle;
use super::polish::{Parameters, arguments};
use super::reply::reply;
use crate::error::Error;
use crate::flow::thread::{LISTED, fork, list, search, show};

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

#[tool_router(router = threads_tools, vis = "pub(crate)")]
impl Handle {
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
