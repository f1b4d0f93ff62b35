//! `maestro-mcp why`: shows the events that an event is based on, or those that are based on it.

use std::collections::HashMap;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::evidence::pages;
use super::terminal::{self, Colour, colour, cut, hanging, one_line, pick, result, short};
use crate::domain::cut::head;
use crate::domain::event::{Body, ChangeKind, Event};
use crate::domain::label::{Label, label};
use crate::domain::lineage::{Direction, Linked, Standing, Step, walk};
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::journal::read;
use crate::flow::log::Log;
use crate::flow::time::rfc3339;
use crate::host::store::EventStore;

pub(super) fn run(
    config: &Configuration,
    log: &Log,
    part: &str,
    forward: bool,
    json: bool,
) -> Result<ExitCode, Error> {
    config.check()?;
    let facts = facts(log.store().as_ref())?;
    let start = start(&facts, part)?;
    let direction = if forward { Direction::Forward } else { Direction::Back };
    let links: Vec<Linked> = facts.iter().map(|fact| fact.linked.clone()).collect();
    let by_id: HashMap<&str, &Fact> = facts.iter().map(|fact| (fact.linked.id.as_str(), fact)).collect();
    let steps = walk(&links, &start, direction);
    let all = steps.iter().map(|it| as_json(it, by_id.get(it.id.as_str()).copied())).collect();
    result(json, all, || as_text(&steps, &by_id, terminal::width(), colour(config)))
}

/// An event without its large fields.
struct Fact {
    linked: Linked,
    run: String,
    at: u64,
    label: Label,
    /// Another name of the event: the id of the run that it began, or of the backup of its patch.
    alias: Option<String>,
}

impl Fact {
    fn of(event: Event) -> Self {
        let alias = match &event.body {
            Body::RunStarted(_) => Some(event.run.clone()),
            Body::Changed(changed) if changed.kind == ChangeKind::Applied => {
                Some(changed.backup_session.clone())
            }
            _ => None,
        };
        Self {
            label: label(&event.body),
            linked: Linked { id: event.id, rests_on: event.rests_on },
            run: event.run,
            at: event.at,
            alias,
        }
    }
}

fn facts(store: &dyn EventStore) -> Result<Vec<Fact>, Error> {
    let mut facts = Vec::new();
    for page in pages(store, None) {
        for stored in page? {
            facts.push(Fact::of(read(stored)?));
        }
    }
    Ok(facts)
}

/// Finds an event by its id, by the run that it began, or by the backup of its patch. Returns its id.
fn start(facts: &[Fact], part: &str) -> Result<String, Error> {
    let alias = |fact: &Fact| Some((fact.alias.clone()?, fact.linked.id.clone()));
    let aliases: Vec<(String, String)> = facts.iter().filter_map(alias).collect();
    let ids: Vec<String> = facts
        .iter()
        .rev()
        .map(|fact| fact.linked.id.clone())
        .chain(aliases.iter().map(|(alias, _)| alias.clone()))
        .collect();
    let id = pick("event", &ids, part)?;
    Ok(aliases.into_iter().find(|(alias, _)| *alias == id).map_or(id, |(_, event)| event))
}

fn as_json(step: &Step, fact: Option<&Fact>) -> Value {
    json!({
        "depth": step.depth,
        "id": step.id,
        "standing": step.standing,
        "at": fact.map(|fact| rfc3339(fact.at)),
        "run": fact.map(|fact| &fact.run),
        "kind": fact.map(|fact| fact.label.kind),
        "who": fact.map(|fact| &fact.label.who),
        "content": fact.map(|fact| &fact.label.content),
        "rests_on": fact.map(|fact| &fact.linked.rests_on),
    })
}

/// Formats the steps as columns with time and id, and a tree of wrapped texts. The indent is limited, so that
/// the texts of a deep tree still get most of a line.
fn as_text(steps: &[Step], facts: &HashMap<&str, &Fact>, width: Option<usize>, colour: Colour) -> String {
    const COLUMNS_OF_A_LINK: usize = 2;
    const DEEPEST: usize = 12;
    /// Below this width in columns, the text is on the lines below time and id.
    const NARROW: usize = 72;
    const MOST_LETTERS: usize = 400;
    let mut out = String::new();
    for step in steps {
        let indent = step.depth.saturating_mul(COLUMNS_OF_A_LINK);
        let indent = " ".repeat(if width.is_some() { indent.min(DEEPEST) } else { indent });
        let (at, text) = match facts.get(step.id.as_str()) {
            Some(fact) => (seconds(fact.at), one_line(&fact.label.line())),
            None => (" ".repeat(19), "is not in the log".to_owned()),
        };
        let standing = match step.standing {
            Standing::Shown | Standing::Missing => "",
            Standing::Again => "(shown above) ",
            Standing::Cycle => "(rests on itself) ",
        };
        let text = format!("{standing}{}", cut(&text, width.map(|_| MOST_LETTERS)));
        let head = format!("{at}  {:12}", short(&one_line(&step.id)));
        let shown = match width {
            Some(width) if width < NARROW => {
                format!(
                    "{}\n{}",
                    cut(&head, Some(width)),
                    hanging(&format!("  {indent}"), &text, Some(width))
                )
            }
            width => hanging(&format!("{head}  {indent}"), &text, width),
        };
        let painted = match colour {
            Colour::Ansi => shown.replacen(&head, &format!("\u{1b}[2m{head}\u{1b}[0m"), 1),
            Colour::Plain => shown,
        };
        out.push_str(&painted);
    }
    out
}

/// Formats a time in UTC, to the second.
fn seconds(at: u64) -> String {
    head(&rfc3339(at).replace('T', " "), 19).to_owned()
}

#[cfg(test)]
mod tests;
