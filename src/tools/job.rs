//! Calls that go on in the background: waits for them, shows them, ends them.

use std::time::Duration;

use rmcp::model::CallToolResult;
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::{Again, Handle};
use super::polish::{Parameters, arguments};
use super::reply::{failure, reply};
use super::report::replying;
use crate::error::Error;

/// Default wait of a call in seconds: the least patient host gives up after 60.
const WAIT: u32 = 45;

/// Maximum wait of a call in seconds.
const MOST_WAIT: u32 = 280;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct JobInput {
    /// Its id.
    job: Option<String>,
    /// Default: wait for the named job, else list.
    action: Option<Action>,
    /// Seconds to wait.
    #[schemars(range(min = 0, max = MOST_WAIT))]
    wait_sec: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Action {
    /// Every job.
    List,
    /// Until it ends, for a while.
    Wait,
    /// Its state.
    Progress,
    /// Its result, if it has ended.
    Collect,
    /// End it with all that it started.
    Cancel,
    /// Repeat a lost, failed or cancelled job.
    Again,
}

#[tool_router(router = job_tools, vis = "pub(crate)")]
impl Handle {
    /// Waits for a call in the background, shows, collects, cancels or repeats it.
    #[tool(input_schema = arguments::<JobInput>())]
    async fn maestro_job(
        &self,
        Parameters(input): Parameters<JobInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let jobs = &self.jobs;
        let action = input.action.unwrap_or(if input.job.is_some() { Action::Wait } else { Action::List });
        let job = match (action, input.job.as_deref()) {
            (Action::List, _) => return reply(jobs.list().await),
            (_, Some(job)) => job,
            (_, None) => {
                let error = "job is missing: name the job; action `list` shows them".to_owned();
                return failure(&Error::InvalidArguments(error));
            }
        };
        match action {
            Action::List | Action::Progress => reply(jobs.look(job).await),
            Action::Wait | Action::Collect => {
                let seconds = if action == Action::Wait { input.wait_sec.unwrap_or(WAIT) } else { 0 };
                let patience = Duration::from_secs(u64::from(seconds));
                replying(&context, |progress| async move { jobs.wait(job, patience, &progress).await }).await
            }
            Action::Cancel => reply(jobs.cancel(job).await),
            Action::Again => match context.extensions.get::<Again>().cloned() {
                Some(again) => reply(again.0(job.to_owned(), context).await),
                None => failure(&Error::Internal("this server starts no jobs".to_owned())),
            },
        }
    }
}
