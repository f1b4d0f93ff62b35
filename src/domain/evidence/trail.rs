//! The trail of what rests on what, past the bookkeeping in between.

use std::collections::{HashMap, HashSet};

use super::{Detail, Evidence};
use crate::domain::event::Event;

/// Reads the log in its order and lets links lead past what is no evidence: a consult rests on its
/// reservation, the reservation on its stage, so the consult rests on the stage.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    past: HashMap<String, Vec<String>>,
}

impl Trail {
    /// The next event of the log, as evidence if it is any.
    pub fn next(&mut self, event: &Event, detail: Detail) -> Option<Evidence> {
        let links = self.resolved(&event.rests_on);
        match Evidence::of(event, detail) {
            Some(evidence) => Some(Evidence { links, ..evidence }),
            None => {
                self.past.insert(event.id.clone(), links);
                None
            }
        }
    }

    fn resolved(&self, rests_on: &[String]) -> Vec<String> {
        let mut links: Vec<String> = Vec::new();
        for id in rests_on {
            match self.past.get(id) {
                Some(behind) => links.extend(behind.iter().cloned()),
                None => links.push(id.clone()),
            }
        }
        let mut seen = HashSet::new();
        links.retain(|id| seen.insert(id.clone()));
        links
    }
}

/// Collects which evidence rests on which, to find all that is behind one piece.
#[derive(Clone, Debug, Default)]
pub struct Behind {
    trail: Trail,
    links: HashMap<String, Vec<String>>,
}

impl Behind {
    /// The next event of the log.
    pub fn add(&mut self, event: &Event) {
        if let Some(evidence) = self.trail.next(event, Detail::Brief) {
            self.links.insert(evidence.id, evidence.links);
        }
    }

    /// A piece and all that it rests on, directly or through others; none where there is no such
    /// piece.
    pub fn of(&self, id: &str) -> Option<HashSet<String>> {
        self.links.get(id)?;
        let mut found = HashSet::new();
        let mut left = vec![id];
        while let Some(id) = left.pop() {
            // What a log says may run in circles; everything is visited once.
            if let Some(links) = self.links.get(id)
                && found.insert(id.to_owned())
            {
                left.extend(links.iter().map(String::as_str));
            }
        }
        Some(found)
    }
}
