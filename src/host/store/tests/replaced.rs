//! Logs that were deleted or replaced under a server, and what a killed one left.

use super::*;

#[test]
fn a_log_that_was_deleted_is_noticed() {
    let (project, store) = project(3);
    std::fs::remove_dir_all(project.path().join(".maestro")).unwrap();
    let stale = store.append(Expected::At(3), "run", 1, &[record("run", "x")]);
    assert_eq!((stale, store.generation()), (Err(StoreError::Replaced), 1));
    assert!(!project.path().join(".maestro").exists());
    assert_eq!(all(&store), []);
    store.append(Expected::At(0), "run", 1, &[record("run", "x")]).unwrap();
    assert_eq!((verify(&all(&store)).unwrap().events, store.generation()), (1, 1));
}

#[test]
fn a_log_that_was_replaced_is_noticed_by_every_method() {
    let replaced = || {
        let (project, store) = project(3);
        let (other, new) = self::project(5);
        drop(new);
        std::fs::rename(database(&other), database(&project)).unwrap();
        (project, store)
    };
    let (_project, store) = replaced();
    assert_eq!(store.read_since(3, None, 9), Err(StoreError::Replaced));
    assert_eq!((all(&store).len(), store.generation()), (5, 1));
    let (_project, store) = replaced();
    assert_eq!((all(&store).len(), store.generation()), (5, 1), "from its beginning there is no mistake");
    let (_project, store) = replaced();
    assert_eq!(store.append(Expected::At(3), "run", 1, &[record("run", "x")]), Err(StoreError::Replaced));
    let (_project, store) = replaced();
    assert_eq!(store.append(Expected::Any, "run", 1, &[record("run", "x")]).unwrap()[0].seq, 6);
    assert_eq!((verify(&all(&store)).unwrap().events, store.generation()), (6, 1));
}

#[test]
fn what_belonged_to_a_replaced_log_is_set_aside_and_kept() {
    let (project, store) = project(3);
    let unmerged = std::fs::read(project.path().join(".maestro/maestro.db-wal")).unwrap();
    std::fs::remove_file(database(&project)).unwrap();
    store.append(Expected::Any, "run", 1, &[record("run", "x")]).unwrap();
    assert_eq!(verify(&all(&store)).unwrap().events, 1);
    let kept = std::fs::read_dir(project.path().join(".maestro"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_str().unwrap().contains("maestro.db-wal.replaced-"));
    assert_eq!(std::fs::read(kept.unwrap()).unwrap(), unmerged);
}

#[test]
fn latest_events_of_another_log_are_refused() {
    let (crashed, store) = project(3);
    let (backup, closed) = project(5);
    drop(closed);
    // As if the first server had been killed, and its file replaced before the next one started.
    let directory = tempfile::tempdir().unwrap();
    let unmerged = directory.path().join("maestro.db-wal");
    std::fs::copy(crashed.path().join(".maestro/maestro.db-wal"), &unmerged).unwrap();
    std::fs::copy(database(&backup), directory.path().join("maestro.db")).unwrap();
    drop(store);
    let before = (std::fs::read(&unmerged).unwrap(), std::fs::read(database(&backup)).unwrap());
    let store = SqliteStore::new(directory.path().to_owned());
    assert!(is_corrupt(&store.read_since(0, None, 9).unwrap_err()));
    assert!(is_corrupt(&store.append(Expected::Any, "run", 1, &[record("run", "x")]).unwrap_err()));
    let after = std::fs::read(directory.path().join("maestro.db")).unwrap();
    assert_eq!((std::fs::read(&unmerged).unwrap(), after), before);
    std::fs::remove_file(unmerged).unwrap();
    assert_eq!(verify(&all(&store)).unwrap().events, 5);
}

#[test]
fn the_latest_events_of_a_killed_server_are_there() {
    let (project, store) = project(3);
    let copy = tempfile::tempdir().unwrap();
    for name in ["maestro.db", "maestro.db-wal"] {
        std::fs::copy(project.path().join(".maestro").join(name), copy.path().join(name)).unwrap();
    }
    let copied = SqliteStore::new(copy.path().to_owned());
    assert_eq!(all(&copied), all(&store));
}

/// Killed, or out of room, while events were merged into the file: the file has some of its pages.
#[test]
fn a_merge_that_ended_at_any_page_loses_nothing() {
    const PAGE: usize = 4096;
    let (project, store) = project(60);
    let events = all(&store);
    let unmerged = std::fs::read(project.path().join(".maestro/maestro.db-wal")).unwrap();
    let before = std::fs::read(database(&project)).unwrap();
    drop(store);
    let merged = std::fs::read(database(&project)).unwrap();
    assert!(merged.len() > before.len() + 3 * PAGE);
    for done in 0..=merged.len() / PAGE {
        let mut file = merged[..done * PAGE].to_vec();
        file.extend_from_slice(before.get(done * PAGE..).unwrap_or_default());
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("maestro.db"), &file).unwrap();
        std::fs::write(directory.path().join("maestro.db-wal"), &unmerged).unwrap();
        let store = SqliteStore::new(directory.path().to_owned());
        assert_eq!(all(&store), events, "{done} pages");
        store.append(Expected::At(60), "run", 1, &[record("run", "x")]).unwrap();
        drop(store);
        let store = SqliteStore::new(directory.path().to_owned());
        assert_eq!(verify(&all(&store)).unwrap().events, 61, "{done} pages");
    }
}
