//! Tests: the records of changes.

use super::{RestoreOutcome, *};
use crate::domain::event::{Body, ChangeKind, Changed};
use crate::host::environment::Environment;
use crate::host::process::Supervisor;

const PATCH: &str = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-one\n+two\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+new\n--- a/g\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n";

struct Bench {
    _home: tempfile::TempDir,
    root: tempfile::TempDir,
    kit: Kit,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("f"), "one\n").unwrap();
        std::fs::write(root.path().join("g"), "gone\n").unwrap();
        let home = tempfile::tempdir().unwrap();
        let environment: Environment = [("HOME", home.path().to_str().unwrap())].into_iter().collect();
        let kit = Kit::new(environment, root.path(), Supervisor::new(None));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { root, _home: home, kit, runtime }
    }

    fn apply(&self, patch: &str, dry_run: bool) -> PatchOutcome {
        let request = PatchRequest { patch: patch.to_owned(), workspace_root: None, dry_run };
        self.runtime.block_on(apply_patch(&self.kit, request)).unwrap()
    }

    fn restore(&self, session: &str) -> RestoreOutcome {
        let request =
            RestoreRequest { backup_session: session.to_owned(), workspace_root: None, files: None };
        self.runtime.block_on(restore(&self.kit, request)).unwrap()
    }

    fn recorded(&self) -> Vec<Changed> {
        let events = self.runtime.block_on(self.kit.log.journal().events(None)).unwrap();
        let changes = events.into_iter().filter_map(|event| match event.body {
            Body::Changed(changed) => Some(changed),
            _ => None,
        });
        changes.collect()
    }
}

fn sha256(text: &[u8]) -> String {
    Mark::of(text).sha256
}

fn actions(record: &Changed) -> Vec<(&str, &str)> {
    record.files.iter().map(|file| (file.path.as_str(), file.action())).collect()
}

#[test]
fn a_patch_and_its_undoing_are_recorded() {
    let bench = Bench::new();
    let applied = bench.apply(PATCH, false);
    let session = applied.backup_session.unwrap();
    let [record] = &bench.recorded()[..] else { panic!("{:?}", bench.recorded()) };
    assert_eq!((record.kind, &record.backup_session, &record.undoes), (ChangeKind::Applied, &session, &None));
    assert_eq!(record.patch_sha256, Some(sha256(PATCH.as_bytes())));
    assert_eq!(record.root, bench.root.path().canonicalize().unwrap().to_str().unwrap());
    assert_eq!(actions(record), [("f", "changed"), ("g", "removed"), ("n", "created")]);
    assert_eq!(record.files[0].before, Some(sha256(b"one\n")));
    assert_eq!(record.files[0].after, Some(sha256(b"two\n")));
    let undone = bench.restore(&session);
    let [first, second] = &bench.recorded()[..] else { panic!("{:?}", bench.recorded()) };
    assert_eq!((second.kind, second.undoes.as_ref()), (ChangeKind::RolledBack, Some(&session)));
    assert_eq!(Some(&second.backup_session), undone.undo_session.as_ref());
    assert_eq!(actions(second), [("f", "changed"), ("g", "created"), ("n", "removed")]);
    assert_eq!(
        (&second.files[0].before, &second.files[0].after),
        (&first.files[0].after, &first.files[0].before)
    );
    assert!(second.patch_sha256.is_none());
    // A file that is already restored is not undone once more.
    assert!(bench.restore(&session).ok);
    assert_eq!(bench.recorded().len(), 2);
}

#[test]
fn what_did_not_take_place_is_not_recorded() {
    let bench = Bench::new();
    assert!(bench.apply(PATCH, true).ok);
    for refused in
        ["no diff", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-other\n+two\n", &PATCH.replace("b/n", "b/.env")]
    {
        assert!(!bench.apply(refused, false).ok, "{refused}");
    }
    assert!(!bench.restore("01a2b3c4-d5e6-7f80-9a1b-2c3d4e5f6071").ok);
    assert_eq!(bench.recorded(), []);
}

#[test]
fn what_a_killed_server_left_is_recorded_when_it_is_taken_back() {
    let bench = Bench::new();
    let session = bench.apply(PATCH, false).backup_session.unwrap();
    // A journal that is open is what a kill leaves.
    std::fs::write(bench.root.path().join(".maestro/backups/.open").join(&session), "").unwrap();
    let recovered = bench.runtime.block_on(recover(&bench.kit));
    assert_eq!(recovered.len(), 1);
    let record = bench.recorded().pop().unwrap();
    assert_eq!(record.kind, ChangeKind::Recovered);
    assert_eq!((&record.backup_session, record.undoes.as_ref()), (&session, Some(&session)));
    assert_eq!(record.patch_sha256, Some(sha256(PATCH.as_bytes())));
    assert_eq!(actions(&record), [("f", "changed"), ("g", "created"), ("n", "removed")]);
    assert_eq!(std::fs::read(bench.root.path().join("f")).unwrap(), b"one\n");
    assert!(bench.runtime.block_on(recover(&bench.kit)).is_empty());
    assert_eq!(bench.recorded().len(), 2);
}
