//! Files that are damaged, newer or somebody else's: refused, and left as they are.

use super::*;

/// Damages a log that was closed, and holds that it is refused and left as it is.
fn assert_refused(damage: impl Fn(&mut Vec<u8>), expected: impl Fn(&StoreError) -> bool) {
    let (project, store) = project(400);
    drop(store);
    let path = database(&project);
    let mut bytes = std::fs::read(&path).unwrap();
    damage(&mut bytes);
    std::fs::write(&path, &bytes).unwrap();
    for _ in 0..2 {
        let store = SqliteStore::new(project.path().join(".maestro"));
        let error = store.read_since(0, None, usize::MAX).unwrap_err();
        assert!(expected(&error), "{error:?}");
        // A short read may not come across the damage; then it must do no harm.
        let _ = store.read_since(0, Some("run"), 1);
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "left as it is");
    let beside = std::fs::read_dir(project.path().join(".maestro")).unwrap();
    let beside: Vec<_> = beside.map(|entry| entry.unwrap().file_name()).collect();
    assert!(beside.len() <= 4, "{beside:?}");
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    assert_refused(|bytes| bytes[..16].fill(b'x'), is_corrupt);
    assert_refused(|bytes| bytes[..4096].fill(0xff), is_corrupt);
    assert_refused(|bytes| bytes[4096 * 9..4096 * 20].fill(0xa5), is_corrupt);
    assert_refused(|bytes| bytes.truncate(4096 * 7), is_corrupt);
    assert_refused(|bytes| bytes.truncate(50), is_corrupt);
}

#[test]
fn the_file_of_a_newer_version_is_refused_and_left_as_it_is() {
    let newer = |bytes: &mut Vec<u8>| bytes[60..64].copy_from_slice(&7_u32.to_be_bytes());
    assert_refused(newer, |error| *error == StoreError::Newer { found: 7, known: 1 });
}

#[test]
fn the_file_of_another_program_is_refused_and_left_as_it_is() {
    let foreign = |bytes: &mut Vec<u8>| bytes[68..72].copy_from_slice(&7_u32.to_be_bytes());
    assert_refused(foreign, |error| matches!(error, StoreError::NotOurs { .. }));
    assert_refused(|bytes| bytes[68..72].fill(0), |error| matches!(error, StoreError::NotOurs { .. }));
}

#[test]
fn an_append_to_a_refused_file_leaves_it_as_it_is() {
    for at in [0, 60, 68] {
        let (project, store) = project(3);
        drop(store);
        let mut bytes = std::fs::read(database(&project)).unwrap();
        bytes[at..at + 4].copy_from_slice(&99_u32.to_be_bytes());
        std::fs::write(database(&project), &bytes).unwrap();
        let store = SqliteStore::new(project.path().join(".maestro"));
        assert!(store.append(Expected::Any, "", 1, &[record("", "1")]).is_err());
        assert_eq!(std::fs::read(database(&project)).unwrap(), bytes);
    }
}

#[test]
fn damage_that_an_append_meets_is_reported_and_left() {
    let (project, store) = project(400);
    drop(store);
    let mut bytes = std::fs::read(database(&project)).unwrap();
    bytes[4096..].fill(0xa5);
    std::fs::write(database(&project), &bytes).unwrap();
    let store = SqliteStore::new(project.path().join(".maestro"));
    let refused = store.append(Expected::Any, "run", 1, &[record("run", "x")]).unwrap_err();
    assert!(is_corrupt(&refused), "{refused:?}");
    drop(store);
    assert_eq!(std::fs::read(database(&project)).unwrap(), bytes);
}

#[test]
fn an_empty_file_of_the_name_becomes_the_log() {
    let project = tempfile::tempdir().unwrap();
    std::fs::write(project.path().join("maestro.db"), "").unwrap();
    let store = SqliteStore::new(project.path().to_owned());
    assert_eq!(all(&store), []);
    store.append(Expected::At(0), "", 1, &[record("", "1")]).unwrap();
    assert_eq!(all(&store).len(), 1);
}
