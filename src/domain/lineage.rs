//! Links between events: a walk over everything that an event rests on.
//!
//! Links make a graph, but a text shows a tree. An event that is reached twice is shown once with the
//! events below it, and only named the other times. So a walk always ends, and is no longer than the number
//! of links.

use serde::Serialize;

use std::collections::{HashMap, HashSet};

/// A thing with links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Linked {
    pub id: String,
    /// Ids of the things that it rests on; some may not exist.
    pub rests_on: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To what a thing rests on.
    Back,
    /// To what rests on a thing.
    Forward,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// For the first time; the things below it follow.
    Shown,
    /// Again; the things below it are elsewhere.
    Again,
    /// Below itself: it rests on itself through others.
    Cycle,
    /// Something rests on it, but it does not exist.
    Missing,
}

/// One line of a walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Number of links from the start, along this branch.
    pub depth: usize,
    pub id: String,
    pub standing: Standing,
}

/// Walks along the links, each branch to its end. Things with the same id count as one, with the links of
/// all.
pub fn walk(all: &[Linked], start: &str, direction: Direction) -> Vec<Step> {
    let known: HashSet<&str> = all.iter().map(|linked| linked.id.as_str()).collect();
    let links = links(all, direction);
    let none = Vec::new();
    let mut steps = Vec::new();
    let mut shown: HashSet<&str> = HashSet::new();
    // The things above the current one, by depth.
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

/// The links of each thing, without repetitions, in the given order.
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
