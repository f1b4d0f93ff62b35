//! A log in memory, for what is not to be written anywhere: it ends with its server.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{EventStore, Expected, StoreError};
use crate::domain::chain::{Record, START, Shown, Stored};

/// The log of a server that does not trace.
#[derive(Debug, Default)]
pub struct MemoryStore {
    events: Mutex<Vec<Stored>>,
}

impl MemoryStore {
    fn events(&self) -> MutexGuard<'_, Vec<Stored>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn last_of(events: &[Stored], run: &str) -> u64 {
    events.iter().rev().find(|event| event.run == run).map_or(0, |event| event.seq)
}

impl EventStore for MemoryStore {
    fn append(
        &self,
        expected: Expected,
        run: &str,
        at: u64,
        records: &[Record],
    ) -> Result<Vec<Stored>, StoreError> {
        let mut events = self.events();
        let (expected, found) = match expected {
            Expected::Any => (0, 0),
            Expected::At(seq) => (seq, last_of(&events, run)),
            Expected::Last(seq) => (seq, events.last().map_or(0, |last| last.seq)),
        };
        if expected != found {
            return Err(StoreError::Conflict { run: run.to_owned(), expected, found });
        }
        let mut appended = Vec::with_capacity(records.len());
        for record in records {
            let (seq, hash, before) =
                events.last().map_or((0, START.to_owned(), 0), |last| (last.seq, last.hash.clone(), last.at));
            let stored = Stored::following(&hash, seq + 1, at.max(before), record);
            events.push(stored.clone());
            appended.push(stored);
        }
        Ok(appended)
    }

    fn read_since(&self, after: u64, run: Option<&str>, limit: usize) -> Result<Vec<Stored>, StoreError> {
        let events = self.events();
        let wanted =
            events.iter().filter(|event| event.seq > after && run.is_none_or(|run| event.run == run));
        Ok(wanted.take(limit).cloned().collect())
    }

    fn show_since(
        &self,
        after: u64,
        limit: usize,
        see: &mut dyn FnMut(Shown<'_>) -> Result<(), StoreError>,
    ) -> Result<usize, StoreError> {
        let events = self.events();
        let mut count = 0;
        for event in events.iter().filter(|event| event.seq > after).take(limit) {
            let Stored { seq, run, at, kind, body, .. } = event;
            see(Shown { seq: *seq, run, at: *at, kind, body })?;
            count += 1;
        }
        Ok(count)
    }

    fn generation(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(run: &str) -> Record {
        Record { run: run.to_owned(), kind: "noted".to_owned(), body: "{}".to_owned() }
    }

    #[test]
    fn it_appends_where_nobody_else_did_and_shows_what_is_new() {
        let log = MemoryStore::default();
        log.append(Expected::At(0), "a", 5, &[record("a"), record("a")]).unwrap();
        log.append(Expected::At(0), "b", 1, &[record("b")]).unwrap();
        let late = log.append(Expected::At(1), "a", 9, &[record("a")]).unwrap_err();
        assert!(matches!(late, StoreError::Conflict { expected: 1, found: 2, .. }));

        let all = log.read_since(0, None, 10).unwrap();
        assert_eq!(
            all.iter().map(|event| (event.seq, event.at)).collect::<Vec<_>>(),
            [(1, 5), (2, 5), (3, 5)]
        );
        assert!(all.iter().all(Stored::fits_its_hash));
        assert_eq!(log.read_since(0, Some("b"), 10).unwrap(), all[2..]);
        let mut seen = Vec::new();
        let count = log.show_since(1, 10, &mut |shown| {
            seen.push(shown.seq);
            Ok(())
        });
        assert_eq!((count.unwrap(), seen), (2, vec![2, 3]));
    }
}
