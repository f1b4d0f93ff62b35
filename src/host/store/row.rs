//! Rows of the log as events.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::StoreError;
use crate::domain::chain::Stored;

const LAST: &str = "SELECT seq, run, at, kind, body, prev_hash, hash FROM event ORDER BY seq DESC LIMIT 1";

/// The last event of the log.
pub(super) fn last_event(connection: &Connection) -> Result<Option<Stored>, StoreError> {
    Ok(connection.prepare_cached(LAST)?.query_row([], event).optional()?)
}

pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        seq: number(row, 0)?,
        run: row.get(1)?,
        at: number(row, 2)?,
        kind: row.get(3)?,
        body: row.get(4)?,
        prev_hash: row.get(5)?,
        hash: row.get(6)?,
    })
}

pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}
