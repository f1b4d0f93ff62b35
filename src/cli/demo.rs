//! `maestro-mcp demo`: a failing program taken through the stages of a run, told in one screen, all of
//! it through the real server over stdio.

mod client;
mod program;
mod show;
mod story;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::arguments::DemoOptions;
use super::person::asked;
use super::terminal::StatusLine;
use crate::error::Error;
use crate::flow::session::Session;
use crate::provider::understudy::NAME as UNDERSTUDY;
use client::Client;
use program::Program;
use show::print;
use story::Story;

/// Consults of a run, when every stage asks: the budget of a run bounds them.
const MOST_CONSULTS: usize = 6;

pub(super) async fn run(session: Session, options: DemoOptions) -> Result<ExitCode, Error> {
    session.refuse_nested()?;
    let program = match (&options.dir, &options.command) {
        (Some(directory), Some(command)) => Program::of_the_user(directory, command)?,
        _ => Program::shipped(session.environment())?,
    };
    let failure = program.run().await?;
    let binary = std::env::current_exe().map_err(|error| Error::Internal(error.to_string()))?;
    let mut client = Client::start(&binary, program.directory())?;
    let outcome = async {
        client.initialize().await?;
        let asked = consultants(&mut client, &options).await?;
        if !may_spend(&asked, &options, program.is_shipped())? {
            print("Nothing was asked.\n")?;
            return Ok(ExitCode::SUCCESS);
        }
        let leaves_page = is_watched(&session) && !options.no_page;
        Story::new(&mut client, &session, &program, &failure, asked, leaves_page).tell().await
    }
    .await;
    client.stop().await;
    outcome
}

/// True if a person is there who can open an address: CI and pipes leave no process behind.
fn is_watched(session: &Session) -> bool {
    let has_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    has_terminal && session.environment().get("CI").is_none()
}

/// Returns who is asked: the understudy, unless the user wants the installed CLIs or names some.
async fn consultants(client: &mut Client, options: &DemoOptions) -> Result<Vec<String>, Error> {
    if !options.provider.is_empty() {
        return Ok(options.provider.clone());
    }
    if !options.live {
        return Ok(vec![UNDERSTUDY.to_owned()]);
    }
    let listed = call(client, "maestro_list_providers", json!({})).await?;
    let installed = listed.get("asked_by_default").and_then(Value::as_array).into_iter().flatten();
    let asked: Vec<String> = installed.filter_map(|name| Some(name.as_str()?.to_owned())).collect();
    if asked.is_empty() || asked == [UNDERSTUDY] {
        return Err(Error::NoProvider);
    }
    Ok(asked)
}

/// Says what a live demo spends, and asks. The understudy spends nothing.
fn may_spend(consultants: &[String], options: &DemoOptions, is_whole_run: bool) -> Result<bool, Error> {
    if consultants.iter().all(|name| name == UNDERSTUDY) {
        return Ok(true);
    }
    let most = if is_whole_run { MOST_CONSULTS } else { consultants.len() };
    let price = format!(
        "This asks {} up to {most} times, on your own accounts. It may take some minutes.",
        consultants.join(", ")
    );
    print(&format!("{price}\n"))?;
    if options.yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::Setup {
            reason: "a live demo spends money and needs your yes".to_owned(),
            hint: "Add --yes to agree, or run `maestro-mcp demo` without --live: it asks no model."
                .to_owned(),
        });
    }
    Ok(matches!(asked("Go on? [y/N] ")?.to_lowercase().as_str(), "y" | "yes"))
}

async fn call(client: &mut Client, tool: &str, arguments: Value) -> Result<Value, Error> {
    let mut status = StatusLine::new();
    let result = client.call(tool, arguments, |message| status.show(message)).await;
    status.clear();
    result
}
