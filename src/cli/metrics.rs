//! `maestro-mcp metrics`: what the work cost and what it yielded.

mod amount;
mod layout;
pub(crate) mod render;

use std::process::ExitCode;

use clap::Args;

use super::terminal::{self, print};
use crate::domain::measure::report::Report;
use crate::error::Error;
use crate::flow::metrics::{Wanted, metrics};
use crate::flow::session::Session;
use crate::host::environment::Environment;
use layout::Look;
use render::render;

/// The options of `metrics`.
#[derive(Args, Clone, Debug, Default)]
pub struct MetricsOptions {
    /// Figures of this run [default: the latest open run, else the project]
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    pub run: Option<String>,
    /// Figures of the whole project
    #[arg(long)]
    pub all: bool,
    /// Figures of the last N days
    #[arg(long, value_name = "N", conflicts_with_all = ["run", "all"], value_parser = clap::value_parser!(u32).range(1..=366))]
    pub days: Option<u32>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl MetricsOptions {
    /// The scope of the report: the same as of the tool where nothing is said.
    fn wanted(&self) -> Wanted {
        match (&self.run, self.days, self.all) {
            (Some(id), ..) => Wanted::Run(Some(id.clone())),
            (None, Some(days), _) => Wanted::Days(days),
            (None, None, true) => Wanted::Project,
            (None, None, false) => Wanted::Current,
        }
    }
}

/// Prints the figures that the log gives.
///
/// # Errors
/// There is no such run, or the log cannot be read, or standard output not written.
pub async fn run(session: &Session, options: &MetricsOptions) -> Result<ExitCode, Error> {
    let report = metrics(session, options.wanted()).await?;
    print(&text(&report, session.environment(), options)?)?;
    Ok(ExitCode::SUCCESS)
}

fn text(report: &Report, environment: &Environment, options: &MetricsOptions) -> Result<String, Error> {
    if options.json {
        let text =
            serde_json::to_string_pretty(report).map_err(|error| Error::Internal(error.to_string()))?;
        return Ok(format!("{text}\n"));
    }
    Ok(render(report, look(environment)))
}

/// Colours and blocks for a person at a terminal that shows them, plain text for everything else.
fn look(environment: &Environment) -> Look {
    let Some(width) = terminal::width() else {
        return Look::PLAIN;
    };
    Look::of_terminal(
        width,
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| environment.get(name)),
        environment.get("TERM"),
        environment.get("NO_COLOR").is_some(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::measure::baseline::Baseline;
    use crate::domain::measure::scope::Scope;
    use crate::domain::measure::tally::Tally;

    #[test]
    fn the_options_choose_the_scope() {
        let options = MetricsOptions::default();
        assert_eq!(options.wanted(), Wanted::Current);
        assert_eq!(MetricsOptions { all: true, ..options.clone() }.wanted(), Wanted::Project);
        let run = MetricsOptions { run: Some("w1".to_owned()), ..options };
        assert_eq!(run.wanted(), Wanted::Run(Some("w1".to_owned())));
    }

    #[test]
    fn json_is_the_report() {
        let report = Report::of(Scope::Run("w1".to_owned()), &Tally::default(), Baseline::default());
        let options = MetricsOptions { json: true, ..MetricsOptions::default() };
        let text = text(&report, &Environment::default(), &options).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json, serde_json::to_value(&report).unwrap());
        assert_eq!(json["scope"], serde_json::json!({ "kind": "run", "id": "w1" }));
    }
}
