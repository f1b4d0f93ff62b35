//! The causes and the consequences of an event.

use serde_json::{Value, json};

use crate::domain::lineage::{Direction, Linked, walk};
use crate::page::index::Index;

/// Maximum number of shown steps of a chain.
const MOST_STEPS: usize = 400;

/// The causes and consequences of an event; None if it does not exist.
pub(in crate::page) fn why(index: &Index, id: &str) -> Option<Value> {
    let fact = index.fact(id)?;
    let links: Vec<Linked> = index.facts.iter().map(|fact| fact.linked.clone()).collect();
    let steps = |direction| {
        let all = walk(&links, id, direction);
        let shown = all.iter().skip(1).take(MOST_STEPS);
        let shown = shown.map(|step| json!({ "at": step, "fact": index.fact(&step.id) }));
        json!({
            "steps": shown.collect::<Vec<_>>(),
            "more": all.len().saturating_sub(MOST_STEPS + 1),
        })
    };
    Some(json!({ "fact": fact, "rests_on": steps(Direction::Back), "led_to": steps(Direction::Forward) }))
}
