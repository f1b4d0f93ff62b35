//! `maestro-mcp demo`: a broken program, its failing tests, and what consultants make of them, all
//! through the real server over stdio.

mod client;
mod program;
mod show;
mod stages;

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::arguments::DemoOptions;
use super::terminal::StatusLine;
use crate::error::Error;
use crate::flow::session::Session;
use crate::provider::understudy::NAME as UNDERSTUDY;
use client::Client;
use program::Program;
use show::print;
use stages::Stages;

/// Lines of an answer that the demo shows.
const SHOWN_LINES: usize = 24;

pub(super) async fn run(session: Session, options: DemoOptions) -> Result<ExitCode, Error> {
    let program = match (options.dir, options.command) {
        (Some(directory), Some(command)) => Program::of_the_user(&directory, &command)?,
        _ => Program::shipped()?,
    };
    let binary = std::env::current_exe().map_err(|error| Error::Internal(error.to_string()))?;
    print(&format!("$ cd {} && {}\n", program.shown(), program.command()))?;
    let failure = program.run().await?;
    print(&format!("{}\n", indented(&last_lines(&failure, 30))))?;
    if session.environment().depth() > 0 {
        return Err(Error::NestedConsult);
    }
    let mut client = Client::start(&binary, program.directory())?;
    let outcome = async {
        let Some(asked) = consult_on(&mut client, &program, &failure, &options.provider).await? else {
            return Ok(ExitCode::from(4));
        };
        // A program of the user's is consulted on and nothing else: nobody approves changes to it here.
        if !program.is_shipped() {
            return Ok(ExitCode::SUCCESS);
        }
        Stages::new(&mut client, &session, &program, &failure, asked).run().await
    }
    .await;
    client.stop().await;
    outcome
}

/// Asks on the failure. Who is to be asked from then on: those who were named, or the understudy where
/// nobody else answered; empty: whoever the policy names. None where nobody answered.
async fn consult_on(
    client: &mut Client,
    program: &Program,
    failure: &str,
    named: &[String],
) -> Result<Option<Vec<String>>, Error> {
    let server = client.initialize().await?;
    print(&format!("--> connected over stdio: {server}\n"))?;
    let asked = providers(client, named).await?;
    let Some(first) = asked.first().cloned() else {
        return Err(Error::NoProvider);
    };
    let context = json!({ "context_errors": [failure], "context_files": program.files() });
    if analyze(client, &context, &asked, &first).await? {
        return Ok(Some(named.to_vec()));
    }
    if first == UNDERSTUDY || !named.is_empty() {
        return Ok(None);
    }
    print("\n--> nobody answered, so the built-in understudy does, in its own name: rules, no model\n")?;
    let understudy = [UNDERSTUDY.to_owned()];
    let answered = analyze(client, &context, &understudy, UNDERSTUDY).await?;
    Ok(answered.then(|| understudy.to_vec()))
}

/// A consult and an ensemble on the failure; true where both were answered.
async fn analyze(client: &mut Client, context: &Value, asked: &[String], first: &str) -> Result<bool, Error> {
    print(&format!("\n--> maestro_consult, stage analyze, {first}\n"))?;
    let mut question = context.clone();
    merge(
        &mut question,
        json!({
            "provider": first,
            "stage": "analyze",
            "schema": "stage1_output",
            "prompt": "These tests fail. Write down what is certain: the observations with their places, how to reproduce the failure, which modules it touches, and what must stay true. Do not guess at a fix.",
        }),
    );
    let consulted = call(client, "maestro_consult", question).await?;
    show_reply(&consulted)?;

    print(&format!("\n--> maestro_ensemble_generate, {}\n", asked.join(", ")))?;
    let mut question = context.clone();
    merge(
        &mut question,
        json!({
            "providers": asked,
            "n_per_provider": if asked.len() == 1 && first != UNDERSTUDY { 2 } else { 1 },
            "task": "These tests fail. Name the most likely root cause, the evidence for it in the code shown, and one test that would prove you wrong.",
        }),
    );
    let ensemble = call(client, "maestro_ensemble_generate", question).await?;
    for candidate in ensemble.get("candidates").and_then(Value::as_array).into_iter().flatten() {
        show_reply(candidate)?;
    }
    Ok([&consulted, &ensemble].iter().all(|result| result.get("ok") == Some(&Value::Bool(true))))
}

/// Who is asked, and why.
async fn providers(client: &mut Client, named: &[String]) -> Result<Vec<String>, Error> {
    if !named.is_empty() {
        print(&format!("--> asked: {}, as named\n", named.join(", ")))?;
        return Ok(named.to_vec());
    }
    let listed = call(client, "maestro_list_providers", json!({})).await?;
    let asked: Vec<String> = listed
        .get("asked_by_default")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(ToOwned::to_owned))
        .collect();
    let why = if asked == [UNDERSTUDY] {
        "no CLI is installed, so the built-in understudy answers: rules, no model"
    } else {
        "the CLIs that are installed"
    };
    print(&format!("--> asked: {} ({why})\n", asked.join(", ")))?;
    Ok(asked)
}

async fn call(client: &mut Client, tool: &str, arguments: Value) -> Result<Value, Error> {
    let mut status = StatusLine::new();
    let result = client.call(tool, arguments, |message| status.show(message)).await;
    status.clear();
    result
}

fn show_reply(reply: &Value) -> Result<(), Error> {
    let text = |key: &str| reply.get(key).and_then(Value::as_str).unwrap_or_default();
    let took = reply.get("elapsed_ms").and_then(Value::as_u64).unwrap_or(0);
    print(&format!("<-- {} {} ({took} ms)\n", text("provider"), text("model")))?;
    if !text("error").is_empty() {
        return print(&indented(&format!("failed: {} [{}]\n{}", text("error"), text("code"), text("hint"))));
    }
    if !text("note").is_empty() {
        print(&indented(&format!("({})", text("note"))))?;
    }
    let answer =
        reply.get("structured").map_or_else(|| text("content").to_owned(), |answer| format!("{answer:#}"));
    let lines: Vec<&str> = answer.lines().collect();
    print(&indented(&lines.iter().take(SHOWN_LINES).copied().collect::<Vec<_>>().join("\n")))?;
    if lines.len() > SHOWN_LINES {
        print(&indented(&format!("... {} more lines", lines.len() - SHOWN_LINES)))?;
    }
    if let Some(verdict) = reply.get("red_flag") {
        print(&indented(&format!("red flags: {verdict}")))?;
    }
    Ok(())
}

fn merge(base: &mut Value, more: Value) {
    if let (Value::Object(base), Value::Object(more)) = (base, more) {
        base.extend(more);
    }
}

fn indented(text: &str) -> String {
    text.lines().flat_map(|line| ["    ", line, "\n"]).collect()
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(count)).copied().collect::<Vec<_>>().join("\n")
}

/// A path as the demo shows it.
fn shown(path: &std::path::Path) -> PathBuf {
    path.file_name().map_or_else(|| path.to_owned(), PathBuf::from)
}
