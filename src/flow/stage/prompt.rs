//! The prompt of a stage: a template on disk, filled with what approved stages handed on.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::StageRequest;
use crate::domain::consultant;
use crate::domain::handover::Handover;
use crate::domain::outline::outline;
use crate::domain::pack::fence_for;
use crate::error::Error;
use crate::flow::document;
use crate::flow::session::Session;

/// The prompt of a stage. A template that names a value that there is not is an error.
///
/// # Errors
///
/// A template or a schema that cannot be used.
pub(super) fn prompt(
    session: &Session,
    request: &StageRequest,
    handover: &Handover,
    iteration: u32,
) -> Result<String, Error> {
    let own = session.document(&format!("skills/prompts/{}.md", request.stage.name()))?;
    let common = session.document("skills/prompts/common.md")?;
    let schema = consultant::schema(&document::schema(session, request.stage.schema())?);
    let invalid = |origin: &str, error: &minijinja::Error| Error::Document {
        name: origin.to_owned(),
        reason: format!("{error:#}"),
    };
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).build();
    templates.add_filter("item", item);
    templates.add_filter("fenced", fenced);
    templates.set_syntax(syntax.map_err(|error| invalid("the syntax of templates", &error))?);
    templates.add_template_owned("common", common.text).map_err(|error| invalid(&common.origin, &error))?;
    let given = Given { task: &request.task, iteration, format: outline(&schema), handover };
    let text = templates
        .render_str(&own.text, minijinja::Value::from(Serde(given)))
        .map_err(|error| invalid(&own.origin, &error))?;
    Ok(text.trim().to_owned())
}

/// A text inside a list: its further lines stand under the first, where none is taken for a heading.
fn item(text: &str) -> String {
    text.trim().replace('\n', "\n  ")
}

/// A text in a fence that it cannot close.
fn fenced(text: &str, language: &str) -> String {
    let fence = fence_for(text.lines());
    format!("{fence}{language}\n{}\n{fence}", text.trim_end_matches('\n'))
}

#[derive(Serialize)]
struct Given<'a> {
    task: &'a str,
    iteration: u32,
    format: String,
    #[serde(flatten)]
    handover: &'a Handover,
}
