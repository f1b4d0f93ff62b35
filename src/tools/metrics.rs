//! The figures of a run or of the project.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::Handle;
use super::polish::{Parameters, arguments};
use super::reply::reply;
use crate::error::Error;
use crate::flow::metrics::{Wanted, metrics};

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

#[tool_router(router = metrics_tools, vis = "pub(crate)")]
impl Handle {
    /// Returns calls, failures, times, tokens and efficiency of a run or the project.
    #[tool(input_schema = arguments::<MetricsInput>())]
    async fn maestro_get_metrics(&self, Parameters(input): Parameters<MetricsInput>) -> CallToolResult {
        reply(match input.wanted() {
            Ok(wanted) => metrics(self.kit(), wanted).await,
            Err(error) => Err(error),
        })
    }
}
