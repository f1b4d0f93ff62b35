//! `maestro-mcp page`: serves the local web page of the project.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::arguments::PageOptions;
use super::person::Person;
use super::terminal::{complain, folded, hanging, pick, print, width};
use crate::domain::event::Opened;
use crate::error::Error;
use crate::flow::job::Jobs;
use crate::flow::kit::Kit;
use crate::flow::log::Log;
use crate::host::browser;
use crate::host::human::{Standard, Terminal as _};
use crate::page::{Page, SHORT};

pub(super) async fn run(kit: &Kit, options: PageOptions, json: bool) -> Result<ExitCode, Error> {
    // The address is only for the person. It goes to a terminal, even with `--json`, and never into a pipe.
    Person::who_decides(&kit.config, false)?;
    kit.config.check()?;
    let target = target(&kit.log, options.id.as_deref()).await?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    let stop = CancellationToken::new();
    let jobs = Jobs::new(kit.config.clone(), kit.log.clone());
    let page = Page::start(kit.clone(), jobs, stop.clone()).await?;
    if let Some(minutes) = options.minutes {
        let lifetime = Duration::from_secs(minutes * 60);
        let address = page.link(&target, Opened::Terminal, lifetime)?;
        print(&if json {
            let shown = json!({ "address": address, "minutes": minutes, "process": std::process::id() });
            format!("{shown}\n")
        } else {
            let end = format!(
                "It opens once and ends in {minutes} min; to end it now: kill {}",
                std::process::id()
            );
            format!("  {address}\n{}", hanging("  ", &end, width()))
        })?;
        let_go_of_the_terminal()?;
        tokio::select! {
            () = tokio::time::sleep(lifetime) => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
        return Ok(ExitCode::SUCCESS);
    }
    let mut kept = Vec::new();
    let how = format!(
        "The page of {}. Enter: a new address; Ctrl C: the end.\nFrom another machine: ssh -L {port}:127.0.0.1:{port} HOST\n\n",
        kit.config.root().display(),
        port = page.port()
    );
    Person::reading(json).say(&folded(&how, width()))?;
    loop {
        let address = page.link(&target, Opened::Terminal, SHORT)?;
        print(&if json {
            let shown = json!({ "address": address, "port": page.port(), "opens_within_s": SHORT.as_secs() });
            format!("{shown}\n")
        } else {
            format!("{address}\nIt opens once, within {} s.\n", SHORT.as_secs())
        })?;
        if options.open {
            match browser::open(kit.config.environment(), kit.config.root(), &address) {
                Ok(file) => kept.push(file),
                Err(why) => complain(&format!("no browser was opened: {why}; open the address yourself")),
            }
        }
        tokio::select! {
            more = enter() => if !more {
                // The input has ended, so the page is served until a signal comes.
                tokio::select! { _ = interrupt.recv() => {} _ = terminate.recv() => {} }
                break;
            },
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    stop.cancel();
    Person::reading(json).say("\nThe page has ended.\n")?;
    Ok(ExitCode::SUCCESS)
}

/// Closes all streams to the terminal, so that a program that waits for the end of the output does not wait
/// for this process.
fn let_go_of_the_terminal() -> Result<(), Error> {
    let nothing =
        std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").map_err(Error::internal)?;
    rustix::stdio::dup2_stdin(&nothing).map_err(Error::internal)?;
    rustix::stdio::dup2_stdout(&nothing).map_err(Error::internal)?;
    rustix::stdio::dup2_stderr(&nothing).map_err(Error::internal)
}

/// Waits for Enter. False at the end of input.
async fn enter() -> bool {
    let line = tokio::task::spawn_blocking(|| Standard::Output.line()).await;
    matches!(line, Ok(Ok(line)) if !line.is_empty())
}

/// The place to open on the page: a request by a part of its id, or else the queue.
async fn target(log: &Log, part: Option<&str>) -> Result<String, Error> {
    let Some(part) = part else { return Ok("queue".to_owned()) };
    let read = log.journal().read(|history| {
        history.requests().into_iter().map(|(_, request)| request.id.clone()).collect::<Vec<_>>()
    });
    Ok(format!("decide/{}", pick("request", &read.await?, part)?))
}
