use std::process::{Command, Output};

use super::*;

fn git(directory: &Path, arguments: &[&str]) -> Output {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").args(identity).args(arguments).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn repository() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    git(root, &["init", "-q"]);
    for name in ["kept", "changed", "staged", "deleted", "becomes_directory", "sub/below"] {
        write(root, name, "old\n");
    }
    write(root, ".gitignore", "ignored\n");
    git(root, &["add", "-A"]);
    git(root, &["commit", "-qm", "first"]);
    directory
}

async fn trees(root: &Path, count: usize) -> Result<Trees, TreeError> {
    let supervisor = Supervisor::new(None);
    Trees::create(&supervisor, &Environment::capture(), root, count).await
}

/// Waits for what is removed in the background.
async fn gone(path: &Path) {
    for _ in 0..500 {
        if !path.exists() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{} is still there", path.display());
}

#[tokio::test]
async fn copies_hold_what_the_project_holds_and_leave_it_alone() {
    let directory = repository();
    let root = directory.path();
    write(root, "changed", "new\n");
    write(root, "staged", "new\n");
    git(root, &["add", "staged"]);
    std::fs::remove_file(root.join("deleted")).unwrap();
    std::fs::remove_file(root.join("becomes_directory")).unwrap();
    write(root, "becomes_directory/inner", "new\n");
    write(root, "untracked name", "new\n");
    write(root, "ignored", "new\n");
    write(root, ".maestro/answers/a", "own\n");
    std::os::unix::fs::symlink("/nowhere", root.join("link")).unwrap();
    std::fs::set_permissions(root.join("changed"), Permissions::from_mode(0o755)).unwrap();
    let status = || git(root, &["status", "--porcelain=v2"]).stdout;
    let (before, index) = (status(), std::fs::read(root.join(".git/index")).unwrap());

    let trees = trees(root, 2).await.unwrap();
    for number in 0..2 {
        let tree = trees.project(number).unwrap();
        let read = |name: &str| std::fs::read_to_string(tree.join(name)).ok();
        for name in ["changed", "staged", "untracked name", "becomes_directory/inner"] {
            assert_eq!(read(name).as_deref(), Some("new\n"), "{name}");
        }
        assert_eq!((read("kept").as_deref(), read("sub/below").as_deref()), (Some("old\n"), Some("old\n")));
        assert_eq!((read("deleted"), read("ignored"), read(".maestro/answers/a")), (None, None, None));
        assert_eq!(std::fs::read_link(tree.join("link")).unwrap(), Path::new("/nowhere"));
        assert_eq!(tree.join("changed").metadata().unwrap().permissions().mode() & 0o777, 0o755);
    }
    assert_eq!((status(), std::fs::read(root.join(".git/index")).unwrap()), (before, index));
    let place = trees.directory().unwrap().to_owned();
    drop(trees);
    gone(&place).await;
    gone(&root.join(".git/worktrees")).await;
}

#[tokio::test]
async fn a_project_below_the_repositorys_root_is_found_in_the_copy() {
    let directory = repository();
    let trees = trees(&directory.path().join("sub"), 1).await.unwrap();
    assert!(trees.project(0).unwrap().join("below").exists());
}

#[tokio::test]
async fn without_a_commit_there_is_no_copy() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(trees(directory.path(), 1).await, Err(TreeError::NoCommit(_))));
    git(directory.path(), &["init", "-q"]);
    assert!(matches!(trees(directory.path(), 1).await, Err(TreeError::NoCommit(_))));
}

#[tokio::test]
async fn what_a_killed_server_left_is_removed_and_what_is_held_is_not() {
    let directory = repository();
    let root = directory.path();
    let base = tempfile::tempdir().unwrap();
    let base = base.path().canonicalize().unwrap();
    let left = |name: &str| {
        let place = base.join(format!("{}{name}", leftover::TREES));
        std::fs::create_dir(&place).unwrap();
        let record = Record { git: "git".into(), repository: root.to_owned() };
        record.write(&place).unwrap();
        git(root, &["worktree", "add", "-q", "--detach", place.join("0").to_str().unwrap()]);
        (leftover::lock(&place).unwrap(), place)
    };
    let (killed, abandoned) = left("killed");
    let (_running, held) = left("running");
    drop(killed);
    // A program that another test starts at this very moment holds a copy of the lock until its exec.
    for _ in 0..200 {
        remove_abandoned(&base);
        if !abandoned.exists() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!((abandoned.exists(), held.exists()), (false, true));
    let listed = String::from_utf8(git(root, &["worktree", "list"]).stdout).unwrap();
    assert!(!listed.contains("killed") && listed.contains("running"), "{listed}");

    // The directory itself can be gone as well.
    std::fs::remove_dir_all(&held).unwrap();
    drop(trees(root, 1).await.unwrap());
    let listed = String::from_utf8(git(root, &["worktree", "list"]).stdout).unwrap();
    assert!(!listed.contains("running"), "{listed}");
}

#[tokio::test]
async fn a_copy_whose_making_was_cut_short_is_forgotten_too() {
    let directory = repository();
    let root = directory.path();
    let trees = trees(root, 2).await.unwrap();
    // As `git worktree add` leaves it where it is ended in its middle.
    std::fs::remove_file(trees.project(1).unwrap().join(".git")).unwrap();
    let place = trees.directory().unwrap().to_owned();
    drop(trees);
    gone(&place).await;
    gone(&root.join(".git/worktrees")).await;
}
