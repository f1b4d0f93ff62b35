//! What a run may spend on consultants, and what it has spent.
//!
//! A consult is reserved before it starts and settled after it ended, so that several servers
//! that share a run never pass its limits together, and a server that was killed leaves its
//! reservation counted. Who appends a reservation to the record asks [`Budget::may`] first, over
//! everything recorded so far.
//!
//! One call to a consultant is one consult, however often a start was repeated that failed for a
//! passing reason. Votes have a cap of their own (`max_rounds`) and are not asked here; outside of
//! a run nothing is limited, so that there is no budget.

pub mod left;
pub mod limits;
pub mod place;
pub mod reservation;

use std::collections::{BTreeMap, BTreeSet};

use left::{Left, Remaining};
use limits::Limits;
use place::Place;
use reservation::{Refused, Request, Reservation, Why};

use super::stage::Stage;

/// The consults of one run: a fold over its reservations and what became of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    limits: Limits,
    /// Reservations of consults that have not ended.
    open: BTreeMap<String, Reservation>,
    /// Ids of those that have, so that an entry read twice counts once.
    closed: BTreeSet<String>,
    spent: Spent,
}

/// Consults, in all and by the place whose limit they count towards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Spent {
    total: u32,
    by_place: BTreeMap<Place, u32>,
}

impl Spent {
    fn add(&mut self, request: &Request, consults: u32) {
        self.total = self.total.saturating_add(consults);
        if request.purpose.counts_towards_its_place() {
            let place = self.by_place.entry(request.place).or_default();
            *place = place.saturating_add(consults);
        }
    }

    fn at(&self, place: Place) -> u32 {
        self.by_place.get(&place).copied().unwrap_or(0)
    }
}

impl Budget {
    /// A run that has asked nobody yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, open: BTreeMap::new(), closed: BTreeSet::new(), spent: Spent::default() }
    }

    /// What it may spend.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether these consults fit into what is left. All of them or none.
    ///
    /// # Errors
    /// Which limit refuses them, and how many it leaves.
    pub fn may(&self, request: &Request) -> Result<(), Refused> {
        let asked = request.count;
        let refused = |why, left: Left| Refused { why, asked, limit: left.limit, left: left.left };
        let total = self.total();
        if asked > total.left {
            return Err(refused(Why::Total, total));
        }
        if request.purpose.counts_towards_its_place()
            && let Some(left) = self.left_at(request.place).filter(|left| asked > left.left)
        {
            return Err(refused(Why::Place(request.place), left));
        }
        Ok(())
    }

    /// Reserves consults that fit, under an id of the caller's.
    ///
    /// # Errors
    /// Which limit refuses them; nothing is reserved then.
    pub fn reserve(&mut self, id: &str, request: Request) -> Result<(), Refused> {
        if self.knows(id) {
            return Ok(());
        }
        self.may(&request)?;
        self.record(Reservation { id: id.to_owned(), request });
        Ok(())
    }

    /// Takes over a reservation that is in the record, whatever the limits say today. An id that is
    /// known already changes nothing.
    pub fn record(&mut self, reservation: Reservation) {
        if !self.knows(&reservation.id) {
            self.open.insert(reservation.id.clone(), reservation);
        }
    }

    /// Ends a reservation of which so many consults took place, failed ones included; the rest is
    /// free again. More than were reserved count as all of them. An id that is not open changes
    /// nothing.
    pub fn settle(&mut self, id: &str, consults: u32) {
        if let Some(reservation) = self.open.remove(id) {
            let request = reservation.request;
            self.spent.add(&request, consults.min(request.count));
            self.closed.insert(reservation.id);
        }
    }

    /// Ends a reservation of which no consult started.
    pub fn release(&mut self, id: &str) {
        self.settle(id, 0);
    }

    /// Reservations of consults that have not ended, by id. One of a server that was killed stays
    /// until somebody releases it.
    pub fn open(&self) -> impl Iterator<Item = &Reservation> {
        self.open.values()
    }

    /// What is left, for a state: in all, and for each stage. Of debug, what is left of this
    /// iteration.
    #[must_use]
    pub fn remaining(&self, debug_iteration: u32) -> Remaining {
        let stages = Stage::ALL
            .into_iter()
            .filter_map(|stage| {
                let place = Place::of(Some(stage), debug_iteration);
                Some((stage.name(), self.left_at(place)?))
            })
            .collect();
        Remaining { total: self.total(), stages, debug_iteration }
    }

    fn knows(&self, id: &str) -> bool {
        self.open.contains_key(id) || self.closed.contains(id)
    }

    fn total(&self) -> Left {
        Left::of(self.limits.total, self.spent.total, self.reserved().total)
    }

    /// What is left at a place that has a limit of its own, whatever the total leaves.
    fn left_at(&self, place: Place) -> Option<Left> {
        let limit = place.limit(self.limits)?;
        Some(Left::of(limit, self.spent.at(place), self.reserved().at(place)))
    }

    fn reserved(&self) -> Spent {
        let mut reserved = Spent::default();
        for Reservation { request, .. } in self.open.values() {
            reserved.add(request, request.count);
        }
        reserved
    }
}

#[cfg(test)]
mod tests;
