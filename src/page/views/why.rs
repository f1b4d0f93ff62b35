//! Causes and consequences of an event.

use serde_json::{Value, json};

use crate::domain::lineage::{Direction, Linked, Standing, walk};
use crate::page::index::Index;

/// Steps that are shown of a long chain.
const MOST_STEPS: usize = 400;

/// None where there is no such event.
pub(in crate::page) fn why(index: &Index, id: &str, now: u64) -> Option<Value> {
    let fact = index.fact(id)?;
    let links: Vec<Linked> = index.facts.iter().map(|fact| fact.linked.clone()).collect();
    let steps = |direction| -> (Vec<Value>, usize) {
        let all = walk(&links, id, direction);
        let more = all.len().saturating_sub(MOST_STEPS + 1);
        let shown = all.iter().skip(1).take(MOST_STEPS).map(|step| {
            let found = index.fact(&step.id);
            json!({
                "id": step.id,
                // Deep chains stay readable on a narrow screen: a level is a word, not a margin.
                "depth": step.depth,
                "standing": match step.standing {
                    Standing::Shown => "",
                    Standing::Again => "again",
                    Standing::Cycle => "cycle",
                    Standing::Missing => "missing",
                },
                "kind": found.map(|found| found.label.kind),
                "who": found.map(|found| &found.label.who),
                "text": found.map(|found| &found.label.content),
                "age": found.map(|found| now.saturating_sub(found.at)),
            })
        });
        (shown.collect(), more)
    };
    let ((back, back_more), (forward, forward_more)) = (steps(Direction::Back), steps(Direction::Forward));
    Some(json!({
        "id": id,
        "seq": fact.seq,
        "kind": fact.label.kind,
        "who": fact.label.who,
        "text": fact.label.content,
        "run": fact.run,
        "age": now.saturating_sub(fact.at),
        "back": back,
        "back_more": back_more,
        "forward": forward,
        "forward_more": forward_more,
    }))
}
