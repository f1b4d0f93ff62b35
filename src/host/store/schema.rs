//! The form of the log's file: its marks, its tables, and the steps from each version to the next.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior};

use super::StoreError;
use crate::domain::chain::Stored;

/// The mark of our files, `Mstr` in ASCII (`SQLite`'s `application_id`).
const APPLICATION: i32 = 0x4d73_7472;

/// One step for each version, the first from an empty file. A step that was released is never
/// changed; a new version is a new step.
pub(super) const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY,
        run TEXT NOT NULL,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL,
        prev_hash TEXT NOT NULL,
        hash TEXT NOT NULL
    ) STRICT;
    CREATE INDEX event_by_run ON event (run, seq);
    CREATE TRIGGER event_follows_the_last BEFORE INSERT ON event
        WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM event)
        BEGIN SELECT RAISE(ABORT, 'the event log has no gaps and replaces nothing'); END;
    CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
        BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
    CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
        BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
"];

/// Whose file it is, by its marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody's: it is empty.
    Nobody,
    /// Ours, of a version.
    Us(u32),
    /// Another program's.
    Other,
}

/// Reads the marks.
pub(super) fn owner(connection: &Connection) -> Result<Owner, StoreError> {
    let mark = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (mark("application_id")?, mark("user_version")?);
    if application == APPLICATION {
        // A version below 1 was never written by us.
        return Ok(u32::try_from(version)
            .ok()
            .filter(|version| *version > 0)
            .map_or(Owner::Other, Owner::Us));
    }
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_empty = application == 0 && version == 0 && objects == 0;
    Ok(if is_empty { Owner::Nobody } else { Owner::Other })
}

/// Refuses a version that is newer than what is known here.
pub(super) fn check_version(found: u32, migrations: &[&str]) -> Result<(), StoreError> {
    let known = known(migrations);
    if found > known { Err(StoreError::Newer { found, known }) } else { Ok(()) }
}

/// Brings the file to the latest version, in one step for whoever looks on: all of it or nothing.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
    if owner(connection)? == Owner::Us(known(migrations)) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Somebody else may have done it before the lock was ours.
    let version = match owner(&transaction)? {
        Owner::Nobody => 0,
        Owner::Us(version) => version,
        Owner::Other => {
            return Err(StoreError::Corrupt { reason: "its marks are those of another program".to_owned() });
        }
    };
    check_version(version, migrations)?;
    for step in migrations.iter().skip(version as usize) {
        transaction.execute_batch(step)?;
    }
    mark(&transaction, known(migrations))?;
    Ok(transaction.commit()?)
}

fn mark(transaction: &Transaction<'_>, version: u32) -> Result<(), StoreError> {
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", version)?;
    Ok(())
}

fn known(migrations: &[&str]) -> u32 {
    u32::try_from(migrations.len()).unwrap_or(u32::MAX)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(connection: &Connection) -> Vec<String> {
        let mut statement = connection.prepare("SELECT name FROM sqlite_schema ORDER BY name").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn steps_are_taken_once_and_in_order() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE one (a)", "ALTER TABLE one RENAME TO two"];
        migrate(&mut connection, &steps[..1]).unwrap();
        assert_eq!((owner(&connection).unwrap(), objects(&connection)), (Owner::Us(1), vec!["one".into()]));
        for _ in 0..2 {
            migrate(&mut connection, &steps).unwrap();
            assert_eq!(
                (owner(&connection).unwrap(), objects(&connection)),
                (Owner::Us(2), vec!["two".into()])
            );
        }
        let newer = migrate(&mut connection, &steps[..1]).unwrap_err();
        assert_eq!(newer, StoreError::Newer { found: 2, known: 1 });
        assert_eq!(objects(&connection), ["two"]);
    }

    #[test]
    fn a_step_that_fails_leaves_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert!(migrate(&mut connection, &["CREATE TABLE one (a)", "no SQL"]).is_err());
        assert_eq!((owner(&connection).unwrap(), objects(&connection)), (Owner::Nobody, vec![]));
    }

    #[test]
    fn the_file_of_another_program_is_known_by_its_marks() {
        for foreign in ["PRAGMA application_id = 5", "PRAGMA user_version = 1", "CREATE TABLE mine (a)"] {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(foreign).unwrap();
            assert_eq!(owner(&connection).unwrap(), Owner::Other, "{foreign}");
        }
    }
}
