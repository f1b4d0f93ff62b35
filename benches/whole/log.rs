//! A log of 100,000 events: the time to fold it, and the time to append to it.

use std::sync::Arc;
use std::time::Instant;

use maestro::testing::{Draft, Journal, Marks, SealKey, SqliteStore, new_id};

use super::many::{EVENTS, fill, settled};
use super::{median, milliseconds};

/// The measured times, in milliseconds.
pub(crate) struct Measured {
    /// The size of the log in megabytes.
    pub(crate) megabytes: f64,
    /// Time of the first fold, without any cache.
    pub(crate) fold: f64,
    /// Time of a fold after another process of this user has left its cache.
    pub(crate) again: f64,
    /// Time to count the figures of the whole project after the fold.
    pub(crate) figures: f64,
    /// Time to append one event: the median.
    pub(crate) append: f64,
    /// Time to append one event: the 99th percentile.
    pub(crate) append_p99: f64,
}

pub(crate) fn measure() -> Measured {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let open = || Journal::new(Arc::new(SqliteStore::new(directory.path().to_owned())));
    let timed = |work: &mut dyn FnMut()| {
        let started = Instant::now();
        work();
        milliseconds(started.elapsed())
    };
    let look = |journal: Journal| {
        timed(&mut || {
            let seen = runtime
                .block_on(journal.read(|history| {
                    assert!(history.latest_open(0).is_none_or(|run| run.phase.is_open()));
                    history.last_seq
                }))
                .unwrap();
            assert!(usize::try_from(seen).unwrap() >= EVENTS);
        })
    };
    let fold = median((0..7).map(|_| look(open())).collect());
    let state = tempfile::tempdir().unwrap();
    let key = SealKey::of_user(state.path()).unwrap();
    let known = || {
        let marks = Marks::new(state.path()).sealed_by(&key);
        Journal::new(Arc::new(SqliteStore::new(directory.path().to_owned()).with_marks(Some(marks))))
    };
    SqliteStore::new(directory.path().to_owned()).with_marks(Some(Marks::new(state.path()))).adopt().unwrap();
    // The first fold leaves the mark and the cached fold.
    look(known());
    let again = median((0..7).map(|_| look(known())).collect());
    let journal = open();
    runtime.block_on(journal.read(|_| ())).unwrap();
    let figures = median(
        (0..7)
            .map(|_| {
                timed(&mut || {
                    assert!(
                        runtime.block_on(journal.read(maestro::testing::History::tally)).unwrap().calls.total
                            > 0
                    );
                })
            })
            .collect(),
    );
    let mut appends: Vec<f64> = (0..300)
        .map(|_| {
            let drafts = vec![Draft::new(new_id(), settled(None, String::new()))];
            let append = journal.record("", drafts);
            let started = Instant::now();
            runtime.block_on(append).unwrap();
            milliseconds(started.elapsed())
        })
        .collect();
    appends.sort_by(f64::total_cmp);
    let bytes = std::fs::metadata(directory.path().join("maestro.db")).unwrap().len();
    Measured {
        megabytes: f64::from(u32::try_from(bytes / 1_024).unwrap()) / 1_024.0,
        fold,
        again,
        figures,
        append: appends[appends.len() / 2],
        append_p99: appends[appends.len() * 99 / 100],
    }
}
