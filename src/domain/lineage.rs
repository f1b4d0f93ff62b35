//! Walks over the links between events, to show everything that an event rests on.
//!
//! Links form a graph, but a text shows a tree. An event that is reached twice is shown once with the events
//! below it; after that it is only named. So a walk always ends, and it has at most as many steps as there
//! are links, plus one.

use serde::Serialize;

use std::collections::{HashMap, HashSet};

/// An item with links, such as an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Linked {
    pub id: String,
    /// Ids of the items that it rests on. Some may not exist.
    pub rests_on: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the items that an item rests on.
    Back,
    /// To the items that rest on an item.
    Forward,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The item appears for the first time; the items below it follow.
    Shown,
    /// The item appeared before, with the items below it.
    Again,
    /// The item is below itself: it rests on itself through others.
    Cycle,
    /// An item rests on this one, but it does not exist.
    Missing,
}

/// One step of a walk, which is one line of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Number of links between the start and this item on this branch.
    pub depth: usize,
    pub id: String,
    pub standing: Standing,
}

/// Walks along the links depth-first. Items with the same id count as one item with all their links.
pub fn walk(all: &[Linked], start: &str, direction: Direction) -> Vec<Step> {
    let known: HashSet<&str> = all.iter().map(|linked| linked.id.as_str()).collect();
    let links = links(all, direction);
    let none = Vec::new();
    let mut steps = Vec::new();
    let mut shown: HashSet<&str> = HashSet::new();
    // The items above the current one, by depth.
    let mut above: Vec<&str> = Vec::new();
    let mut left: Vec<(usize, &str)> = vec![(0, start)];
    while let Some((depth, id)) = left.pop() {
        above.truncate(depth);
        let standing = if !known.contains(id) {
            Standing::Missing
        } else if above.contains(&id) {
            Standing::Cycle
        } else if shown.insert(id) {
            Standing::Shown
        } else {
            Standing::Again
        };
        steps.push(Step { depth, id: id.to_owned(), standing });
        if standing == Standing::Shown {
            above.push(id);
            let next = links.get(id).unwrap_or(&none);
            left.extend(next.iter().rev().map(|next| (depth + 1, *next)));
        }
    }
    steps
}

/// The links of each item, without repetitions, in the given order.
fn links(all: &[Linked], direction: Direction) -> HashMap<&str, Vec<&str>> {
    let mut links: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut seen: HashSet<(&str, &str)> = HashSet::new();
    for linked in all {
        for other in &linked.rests_on {
            let (from, to) = match direction {
                Direction::Back => (linked.id.as_str(), other.as_str()),
                Direction::Forward => (other.as_str(), linked.id.as_str()),
            };
            if seen.insert((from, to)) {
                links.entry(from).or_default().push(to);
            }
        }
    }
    links
}

#[cfg(test)]
mod tests;
