//! A change is checked, then somebody else writes, then it is carried out.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;

/// A plan that changes `f` and `d/g`, removes `gone` and makes `new`, from what is there now.
fn checked(tree: &Tree) -> Plan {
    let look = |path: &str| tree.look(path, 1_000).unwrap();
    let after = |text: &str| {
        Some(After { content: text.as_bytes().to_vec(), permission: Permission::New { executable: false } })
    };
    let change = |path: &str, after| Change { path: path.to_owned(), before: look(path), after };
    let changes = vec![
        change("d/g", after("g after\n")),
        change("f", after("f after\n")),
        change("gone", None),
        change("new", after("new\n")),
    ];
    Plan { kind: "patch", changes, ..Plan::default() }
}

/// The action of somebody else.
type Write = fn(&Path);

fn project() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("d")).unwrap();
    for path in ["d/g", "f", "gone"] {
        fs::write(root.path().join(path), format!("{path} before\n")).unwrap();
    }
    root
}

fn files(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for directory in ["", "d"] {
        for entry in fs::read_dir(root.join(directory)).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_file_that_changed_since_it_was_checked_is_refused_and_nothing_is_written() {
    let meanwhile: [(&str, Write); 9] = [
        ("another content", |root| fs::write(root.join("f"), "mine, and longer\n").unwrap()),
        ("another content of the same size", |root| fs::write(root.join("f"), "f BEFORE\n").unwrap()),
        ("other permissions", |root| {
            fs::set_permissions(root.join("f"), fs::Permissions::from_mode(0o600)).unwrap();
        }),
        ("another file of the same content", |root| {
            fs::write(root.join("x"), "f before\n").unwrap();
            fs::rename(root.join("x"), root.join("f")).unwrap();
        }),
        ("a file that is gone", |root| fs::remove_file(root.join("f")).unwrap()),
        ("a file that was to be removed", |root| fs::write(root.join("gone"), "kept\n").unwrap()),
        ("a file that was to be made", |root| fs::write(root.join("new"), "theirs\n").unwrap()),
        ("a link", |root| {
            fs::remove_file(root.join("f")).unwrap();
            symlink("gone", root.join("f")).unwrap();
        }),
        ("a directory that is a link", |root| {
            fs::rename(root.join("d"), root.join("e")).unwrap();
            symlink("e", root.join("d")).unwrap();
        }),
    ];
    for (what, write) in meanwhile {
        let root = project();
        let tree = Tree::open(root.path()).unwrap();
        let store = Store::open(root.path()).unwrap();
        let plan = checked(&tree);
        write(root.path());
        let before = files(root.path());
        let stopped = carry_out(&store, &tree, &plan, &|| false).unwrap_err();
        assert!(matches!(stopped.obstacle, Obstacle::Changed | Obstacle::Link(_)), "{what}: {stopped:?}");
        assert_eq!(stopped.notes, Vec::<String>::new(), "{what}");
        assert_eq!(files(root.path()), before, "{what}");
        assert_eq!(store.open_sessions().unwrap(), Vec::<String>::new(), "{what}");
        assert!(store.list().unwrap().is_empty(), "{what}: no backup of what was not done");
    }
}

#[test]
fn what_did_not_change_is_carried_out() {
    let root = project();
    let tree = Tree::open(root.path()).unwrap();
    let store = Store::open(root.path()).unwrap();
    let manifest = carry_out(&store, &tree, &checked(&tree), &|| false).unwrap();
    let expected = [("d/g", "g after\n"), ("f", "f after\n"), ("new", "new\n")];
    assert_eq!(files(root.path()), expected.map(|(path, text)| (path.to_owned(), text.to_owned())));
    assert_eq!(store.list().unwrap().len(), 1);
    let held = store.bytes(&manifest.session);
    let keep = Keep { bytes: Some(0), ..Keep::default() };
    let protected = std::collections::BTreeSet::from([manifest.session.clone()]);
    assert_eq!(store.prune(&keep, &protected, u64::MAX), Pruned::default());
    // An open journal is what undoes a killed server's work.
    let open = root.path().join(".maestro/backups/.open").join(&manifest.session);
    fs::write(&open, "").unwrap();
    assert_eq!(store.prune(&keep, &std::collections::BTreeSet::new(), u64::MAX), Pruned::default());
    fs::remove_file(open).unwrap();
    let pruned = store.prune(&keep, &std::collections::BTreeSet::new(), u64::MAX);
    assert_eq!(pruned, Pruned { sessions: vec![manifest.session], bytes: held });
    assert!(held > 20 && store.list().unwrap().is_empty());
}

/// A backup that shared the file would change with it: a second name, or a program that still holds the file
/// open, could write to it after the change.
#[test]
fn a_backup_is_a_copy_that_no_later_write_to_the_replaced_file_reaches() {
    let root = project();
    let at = |name: &str| root.path().join(name);
    fs::hard_link(at("f"), at("other")).unwrap();
    let mut held = fs::OpenOptions::new().append(true).open(at("d/g")).unwrap();
    let tree = Tree::open(root.path()).unwrap();
    let store = Store::open(root.path()).unwrap();
    let manifest = carry_out(&store, &tree, &checked(&tree), &|| false).unwrap();
    fs::write(at("other"), "written later\n").unwrap();
    std::io::Write::write_all(&mut held, b"written later\n").unwrap();
    for (path, text) in [("d/g", "d/g before\n"), ("f", "f before\n"), ("gone", "gone before\n")] {
        let before = before(&store, &manifest, path).unwrap().unwrap();
        assert_eq!(String::from_utf8(before.content).unwrap(), text);
    }
}

/// An earlier version kept each content in a file of its own, and so does a note for a person.
#[test]
fn a_backup_is_read_whichever_way_it_was_kept() {
    let root = project();
    let tree = Tree::open(root.path()).unwrap();
    let store = Store::open(root.path()).unwrap();
    let manifest = carry_out(&store, &tree, &checked(&tree), &|| false).unwrap();
    let session = root.path().join(".maestro/backups").join(&manifest.session);
    let text = |path: &str| before(&store, &manifest, path).map(|found| found.unwrap().content);
    fs::write(root.path().join("f"), "theirs\n").unwrap();
    let touched = std::collections::BTreeSet::from(["f".to_owned()]);
    let recovery = roll_back(&store, &tree, &manifest, Some(&touched));
    let shown = recovery.notes[0].rsplit(' ').next().unwrap();
    assert_eq!(fs::read_to_string(root.path().join(shown)).unwrap(), "f before\n", "{recovery:?}");
    for (index, path) in ["d/g", "f", "gone"].iter().enumerate() {
        fs::write(session.join(format!("{index}.original")), format!("{path} before\n")).unwrap();
    }
    fs::remove_file(session.join("originals")).unwrap();
    for path in ["d/g", "f", "gone"] {
        assert_eq!(text(path).unwrap(), format!("{path} before\n").into_bytes());
    }
    fs::write(session.join("1.original"), "forged\n").unwrap();
    assert!(text("f").is_err() && text("gone").is_ok());
}

/// A name that leads out of the tree is no name in it.
#[test]
fn a_tree_ends_at_its_root() {
    let root = project();
    let tree = Tree::open(&root.path().join("d")).unwrap();
    assert!(tree.look("g", 100).unwrap().is_some());
    for path in ["../f", "x/../../f", "./../f"] {
        assert!(matches!(tree.look(path, 100), Ok(None) | Err(Obstacle::Above(_))), "{path}");
        assert!(tree.make_directory(path, None).is_err(), "{path}");
    }
}
