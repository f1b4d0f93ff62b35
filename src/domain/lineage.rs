//! The links between events: a walk through what rests on what, from one of them.
//!
//! Links make a graph, and a text shows a tree: an event that is reached twice is shown with the events
//! below it once, and named the other times. So a walk ends, however the links run, and it is no
//! longer than there are links.

use serde::Serialize;

use std::collections::{HashMap, HashSet};

/// Somebody with links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Linked {
    /// Its id.
    pub id: String,
    /// The ids of what it rests on; some may belong to nobody.
    pub rests_on: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To what somebody rests on.
    Back,
    /// To what rests on them.
    Forward,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// For the first time; what it leads to follows.
    Shown,
    /// Once more; what it leads to stands elsewhere.
    Again,
    /// Above itself: it rests on itself, by however many others.
    Cycle,
    /// Somebody rests on it, and nobody has that id.
    Missing,
}

/// One line of a walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Number of links away from the start, along this branch.
    pub depth: usize,
    pub id: String,
    pub standing: Standing,
}

/// Walks from somebody along the links, each branch to its end. Ids that several have count as one,
/// with the links of all.
pub fn walk(all: &[Linked], start: &str, direction: Direction) -> Vec<Step> {
    let known: HashSet<&str> = all.iter().map(|linked| linked.id.as_str()).collect();
    let links = links(all, direction);
    let none = Vec::new();
    let mut steps = Vec::new();
    let mut shown: HashSet<&str> = HashSet::new();
    // Those above the one that is looked at, by depth.
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

/// The links of each, without repetitions, in the order in which they were given.
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
