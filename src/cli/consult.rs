//! `maestro-mcp consult`: asks one question from a terminal.

use std::io::Read as _;
use std::process::ExitCode;

use serde_json::json;

use super::arguments::ConsultOptions;
use super::terminal::{complain, fail, print_foreign, watched};
use crate::domain::call_options::CallOptions;
use crate::domain::event::consult::Purpose;
use crate::error::Error;
use crate::flow::account::Account;
use crate::flow::consult::{Consulted, ContextNote, Question, consult};
use crate::flow::kit::Kit;
use crate::flow::pack::ContextRequest;
use crate::flow::progress::Progress;
use crate::flow::scope::Scope;

pub(super) async fn run(kit: Kit, options: ConsultOptions, json: bool) -> Result<ExitCode, Error> {
    let (provider, thread) = (options.provider.clone(), options.thread.clone());
    let question = question(options)?;
    let (progress, said) = Progress::channel();
    let scope = Scope::default();
    let scope = if provider.is_some() { scope.asking_spent() } else { scope };
    let asked = scope.around(consult(&kit, provider, question, thread, &progress));
    let answered = Box::pin(watched(asked, said)).await;
    kit.processes.supervisor().shutdown().await;
    show(&answered?, json)
}

fn question(options: ConsultOptions) -> Result<Question, Error> {
    let mut stdin = None;
    let mut read = |text: String| -> Result<String, Error> {
        if text != "-" {
            return Ok(text);
        }
        if let Some(read) = &stdin {
            return Ok(String::clone(read));
        }
        let mut input = Vec::new();
        std::io::stdin()
            .lock()
            .read_to_end(&mut input)
            .map_err(|error| Error::InvalidArguments(format!("standard input: {error}")))?;
        let text = String::from_utf8_lossy(&input).into_owned();
        stdin = Some(text.clone());
        Ok(text)
    };
    let prompt = read(options.question)?;
    Ok(Question {
        role: options.role,
        context: ContextRequest {
            files: options.file,
            errors: options.error.into_iter().map(&mut read).collect::<Result<_, _>>()?,
            stage: options.stage,
            ..ContextRequest::default()
        },
        schema: options.schema,
        options: CallOptions::new(options.model, options.effort, options.timeout),
        // A person's own question belongs to no run.
        ..Question::new(prompt, Account::outside(Purpose::Plain))
    })
}

fn show(reply: &Consulted, json: bool) -> Result<ExitCode, Error> {
    if json {
        print_foreign(&format!("{:#}\n", json!(reply)))?;
        return Ok(reply.cause.as_ref().map_or(ExitCode::SUCCESS, Error::exit_code));
    }
    if let Some(failure) = &reply.cause {
        return Ok(fail(failure));
    }
    let left_out: Vec<String> = reply
        .context
        .iter()
        .flat_map(ContextNote::omitted)
        .map(|omission| format!("left out: {}: {}", omission.path, omission.reason))
        .collect();
    if !left_out.is_empty() {
        complain(&left_out.join("\n"));
    }
    print_foreign(&format!("{}\n", reply.content.trim_end()))?;
    Ok(ExitCode::SUCCESS)
}
