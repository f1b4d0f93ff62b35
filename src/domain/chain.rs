//! The hash chain over the event log: every event contains the hash of the event before it.
//!
//! The chain reveals an event that was changed, moved, inserted or removed, except at the end. Alone it
//! cannot reveal that the last events were cut off, or that the rest of the log was rewritten with new
//! hashes. For that, keep a copy of the last hash elsewhere; `maestro-mcp evidence verify --expect HASH`
//! compares it with the log.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::words::hex;

/// The `prev_hash` of the first event.
pub const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Prefix of every hashed text. Another encoding needs another prefix, so that no text fits both.
const ENCODING: &str = "maestro event 1";

/// An event before it is appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Id of its run; empty for the project itself.
    pub run: String,
    /// The name of the event.
    pub kind: String,
    /// The content as JSON text.
    pub body: String,
}

/// An event in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// Its position in the project's log: 1, 2, 3 and so on, without gaps.
    pub seq: u64,
    /// Id of its run; empty for the project itself.
    pub run: String,
    /// Time of appending, in milliseconds since 1970 (UTC). Never earlier than that of the event before.
    pub at: u64,
    /// The name of the event.
    pub kind: String,
    /// The content as JSON text, unchanged.
    pub body: String,
    /// The hash of the event before it; [`START`] for the first.
    pub prev_hash: String,
    /// The hash of all fields above.
    pub hash: String,
}

/// A borrowed view of an event, without its hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'a> {
    /// Its position in the project's log.
    pub seq: u64,
    /// Id of its run; empty for the project itself.
    pub run: &'a str,
    /// Time of appending, in milliseconds since 1970 (UTC).
    pub at: u64,
    /// The name of the event.
    pub kind: &'a str,
    /// The content as JSON text, unchanged.
    pub body: &'a str,
}

impl Stored {
    /// Builds the event that follows the one with the hash `prev_hash`.
    pub fn following(prev_hash: &str, seq: u64, at: u64, record: &Record) -> Self {
        Self {
            seq,
            run: record.run.clone(),
            at,
            kind: record.kind.clone(),
            body: record.body.clone(),
            prev_hash: prev_hash.to_owned(),
            hash: hash(prev_hash, seq, &record.run, at, &record.kind, &record.body),
        }
    }

    /// The view of the event without its hashes.
    pub fn shown(&self) -> Shown<'_> {
        Shown { seq: self.seq, run: &self.run, at: self.at, kind: &self.kind, body: &self.body }
    }

    /// True if its hash fits its content.
    pub fn fits_its_hash(&self) -> bool {
        self.hash == hash(&self.prev_hash, self.seq, &self.run, self.at, &self.kind, &self.body)
    }
}

/// The hash of an event: SHA-256 in hexadecimal over the prefix and all fields. Each text is preceded by its
/// length in bytes, and each number has 64 bits, so no two events have the same encoding.
pub fn hash(prev_hash: &str, seq: u64, run: &str, at: u64, kind: &str, body: &str) -> String {
    let mut digest = Sha256::new();
    add_text(&mut digest, ENCODING);
    add_text(&mut digest, prev_hash);
    digest.update(seq.to_le_bytes());
    add_text(&mut digest, run);
    digest.update(at.to_le_bytes());
    add_text(&mut digest, kind);
    add_text(&mut digest, body);
    hex(&digest.finalize())
}

fn add_text(digest: &mut Sha256, text: &str) {
    digest.update((text.len() as u64).to_le_bytes());
    digest.update(text.as_bytes());
}

/// The result for a chain without a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    pub events: u64,
    /// The hash of the last event; [`START`] if there is none.
    pub last_hash: String,
}

/// The first break of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("event {seq}: {why}")]
pub struct Broken {
    /// Position of the broken event; if events are missing, of the first missing one.
    pub seq: u64,
    /// The kind of the break.
    pub why: Flaw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The event is missing, and later ones follow.
    Missing,
    /// The event stands after a later one, or twice.
    OutOfOrder,
    /// Its `prev_hash` is not the hash of the event before it.
    Link,
    /// Its hash does not fit its content.
    Content,
}

impl fmt::Display for Flaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Missing => "it is missing, but later events exist",
            Self::OutOfOrder => "it comes after an event that it should precede",
            Self::Link => "it does not follow the event before it: one of the two was changed or exchanged",
            Self::Content => "its content does not match its hash",
        })
    }
}

/// Checks a chain event by event, so that a long log need not be in memory.
#[derive(Clone, Debug)]
pub struct Check {
    state: Checked,
}

impl Default for Check {
    fn default() -> Self {
        Self { state: Checked { events: 0, last_hash: START.to_owned() } }
    }
}

impl Check {
    /// Checks the next event.
    ///
    /// # Errors
    ///
    /// The chain is broken here. The events after it prove nothing.
    pub fn add(&mut self, event: &Stored) -> Result<(), Broken> {
        let expected = self.state.events + 1;
        let broken = |seq, why| Err(Broken { seq, why });
        if event.seq > expected {
            return broken(expected, Flaw::Missing);
        }
        if event.seq < expected {
            return broken(event.seq, Flaw::OutOfOrder);
        }
        if event.prev_hash != self.state.last_hash {
            return broken(event.seq, Flaw::Link);
        }
        if !event.fits_its_hash() {
            return broken(event.seq, Flaw::Content);
        }
        self.state = Checked { events: expected, last_hash: event.hash.clone() };
        Ok(())
    }

    /// The result for the events so far.
    pub fn so_far(&self) -> &Checked {
        &self.state
    }
}

/// Checks a whole log, from its first event on.
#[cfg(test)]
pub fn verify(events: &[Stored]) -> Result<Checked, Broken> {
    let mut check = Check::default();
    events.iter().try_for_each(|event| check.add(event))?;
    Ok(check.state)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chain(records: &[(String, u64, String, String)]) -> Vec<Stored> {
        let mut events: Vec<Stored> = Vec::new();
        for (place, (run, at, kind, body)) in records.iter().enumerate() {
            let previous = events.last().map_or(START, |event| event.hash.as_str()).to_owned();
            let record = Record { run: run.clone(), kind: kind.clone(), body: body.clone() };
            events.push(Stored::following(&previous, place as u64 + 1, *at, &record));
        }
        events
    }

    fn any_chain(least: usize) -> impl Strategy<Value = Vec<Stored>> {
        let text = || ".{0,8}";
        proptest::collection::vec((text(), any::<u64>(), text(), text()), least..12)
            .prop_map(|records| chain(&records))
    }

    #[test]
    fn the_encoding_stays_as_it_is() {
        // Computed by another program, from the description alone.
        assert_eq!(
            hash(START, 1, "run", 2, "kind", "{}"),
            "e8b4ce35d207c0974295b2bdad1dfacd38e4e30dbe8506080535fc907e50972f"
        );
    }

    #[test]
    fn nothing_is_a_chain_too() {
        let none: [Stored; 0] = [];
        assert_eq!(verify(&none), Ok(Checked { events: 0, last_hash: START.to_owned() }));
    }

    #[test]
    fn a_break_has_a_name() {
        let events = chain(&vec![("r".into(), 1, "k".into(), "{}".into()); 4]);
        let found = |events: &[Stored]| verify(events).unwrap_err();
        let mut changed = events.clone();
        changed[1].body = "{ }".into();
        assert_eq!(found(&changed), Broken { seq: 2, why: Flaw::Content });
        let mut relinked = events.clone();
        relinked[1].hash = hash(START, 9, "", 0, "", "");
        assert_eq!(found(&relinked), Broken { seq: 2, why: Flaw::Content });
        let without = [&events[..1], &events[2..]].concat();
        assert_eq!(found(&without), Broken { seq: 2, why: Flaw::Missing });
        let doubled = [&events[..2], &events[1..]].concat();
        assert_eq!(found(&doubled), Broken { seq: 2, why: Flaw::OutOfOrder });
        let mut rewritten = events.clone();
        rewritten[1] = Stored::following(
            &events[0].hash,
            2,
            1,
            &Record { run: "r".into(), kind: "other".into(), body: "{}".into() },
        );
        assert_eq!(found(&rewritten), Broken { seq: 3, why: Flaw::Link });
        // The honest limit: a log without its end is a log.
        assert_eq!(verify(&events[..2]).unwrap().last_hash, events[1].hash);
    }

    proptest! {
        #[test]
        fn a_chain_is_whole(events in any_chain(0)) {
            let checked = verify(&events).unwrap();
            prop_assert_eq!(checked.events, events.len() as u64);
            let last = events.last().map_or(START, |event| event.hash.as_str());
            prop_assert_eq!(checked.last_hash.as_str(), last);
        }

        #[test]
        fn any_change_of_any_field_is_found(
            mut events in any_chain(1),
            place in any::<prop::sample::Index>(),
            field in 0_usize..7,
            text in ".{0,9}",
            number in any::<u64>(),
        ) {
            let event = place.get_mut(&mut events);
            let before = event.clone();
            match field {
                0 => event.seq = number,
                1 => event.run = text,
                2 => event.at = number,
                3 => event.kind = text,
                4 => event.body = text,
                5 => event.prev_hash = text,
                _ => event.hash = text,
            }
            prop_assume!(*event != before);
            prop_assert!(verify(&events).is_err());
        }

        #[test]
        fn letters_that_move_from_field_to_field_are_found(
            run in ".{1,6}", kind in ".{1,6}", body in ".{1,6}",
        ) {
            let whole = hash(START, 1, &run, 1, &kind, &body);
            let mut moved = kind.clone();
            let last = moved.pop().unwrap();
            prop_assert_ne!(&hash(START, 1, &run, 1, &moved, &format!("{last}{body}")), &whole);
            prop_assert_ne!(&hash(START, 1, &format!("{run}{kind}"), 1, "", &body), &whole);
        }

        #[test]
        fn any_removal_but_of_the_tail_is_found(
            events in any_chain(2), from in any::<prop::sample::Index>(), count in 1_usize..4,
        ) {
            let from = from.index(events.len() - 1);
            let to = (from + count).min(events.len() - 1);
            let left = [&events[..from], &events[to..]].concat();
            let first = from as u64 + 1;
            prop_assert_eq!(verify(&left), Err(Broken { seq: first, why: Flaw::Missing }));
        }

        #[test]
        fn any_swap_is_found(
            mut events in any_chain(2), one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(),
        ) {
            let (one, other) = (one.index(events.len()), other.index(events.len()));
            prop_assume!(one != other);
            events.swap(one, other);
            prop_assert!(verify(&events).is_err());
            // Nor does it help to give each the number of its new place.
            for (place, event) in events.iter_mut().enumerate() {
                event.seq = place as u64 + 1;
            }
            prop_assert!(verify(&events).is_err());
        }

        #[test]
        fn anything_put_in_is_found(
            mut events in any_chain(1), place in any::<prop::sample::Index>(), body in ".{0,9}",
        ) {
            let place = place.index(events.len());
            let previous = place.checked_sub(1).map_or(START, |before| events[before].hash.as_str()).to_owned();
            let record = Record { run: String::new(), kind: "new".into(), body };
            events.insert(place, Stored::following(&previous, place as u64 + 1, 0, &record));
            prop_assert!(verify(&events).is_err());
        }
    }
}
