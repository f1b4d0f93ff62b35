//! The effect on the files: modes, links, backups, other writers, refusals.

use std::cell::Cell;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[test]
fn the_mode_and_the_owner_stay() {
    let home = Home::with("{}");
    let file = &home.targets.settings;
    fs::set_permissions(file, fs::Permissions::from_mode(0o640)).unwrap();
    // Only root can give a file away; for anybody else the owner is kept anyway.
    let _ = std::os::unix::fs::chown(file, Some(1234), Some(4321));
    let before = fs::metadata(file).unwrap();
    home.install().unwrap();
    let after = fs::metadata(file).unwrap();
    assert_eq!(mode(file), 0o640);
    assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
}

#[test]
fn a_backup_never_replaces_another() {
    let home = Home::new();
    let directory = commands(&home);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("maestro-debug.md"), "mine").unwrap();
    fs::write(directory.join("maestro-debug.md.maestro-backup"), "first").unwrap();
    symlink("nowhere", directory.join("maestro-debug.md.maestro-backup.2")).unwrap();
    let said = home.install().unwrap();
    let backup = directory.join("maestro-debug.md.maestro-backup.3");
    assert!(said.contains(&format!("backup: {}\n", backup.display())), "{said}");
    assert_eq!(fs::read_to_string(backup).unwrap(), "mine");
    assert_eq!(fs::read_to_string(directory.join("maestro-debug.md.maestro-backup")).unwrap(), "first");
}

#[test]
fn a_link_stays_a_link() {
    let home = Home::new();
    fs::create_dir(home.path("dotfiles")).unwrap();
    fs::write(home.path("dotfiles/claude.json"), "{}").unwrap();
    symlink("dotfiles/claude.json", home.path("hop")).unwrap();
    symlink("hop", &home.targets.settings).unwrap();
    home.install().unwrap();
    assert_eq!(fs::read_link(&home.targets.settings).unwrap(), Path::new("hop"));
    assert!(home.settings().contains(BINARY));
    let dotfiles: Vec<_> = fs::read_dir(home.path("dotfiles")).unwrap().collect();
    assert_eq!(dotfiles.len(), 1);
    home.uninstall().unwrap();
    assert_eq!(fs::read_to_string(home.path("dotfiles/claude.json")).unwrap(), "{}");
}

#[test]
fn a_link_to_nothing_yet_is_filled_and_a_loop_is_refused() {
    let home = Home::new();
    symlink("elsewhere/claude.json", &home.targets.settings).unwrap();
    home.install().unwrap();
    assert!(home.path("elsewhere/claude.json").is_file());
    assert_eq!(mode(&home.targets.settings), 0o600);

    let home = Home::new();
    symlink(".claude.json", &home.targets.settings).unwrap();
    let error = home.install().unwrap_err();
    assert!(error.to_string().contains("symbolic links"), "{error}");
}

#[test]
fn another_version_of_a_command_is_kept_before_it_is_replaced() {
    let home = Home::new();
    fs::create_dir_all(commands(&home)).unwrap();
    let debug = commands(&home).join("maestro-debug.md");
    fs::write(&debug, "mine").unwrap();
    let same = commands(&home).join("maestro-workflow.md");
    fs::write(&same, COMMANDS[1].text).unwrap();
    fs::write(commands(&home).join("other.md"), "other").unwrap();
    let said = home.install().unwrap();
    let kept = commands(&home).join("maestro-debug.md.maestro-backup");
    assert_eq!(fs::read_to_string(kept).unwrap(), "mine");
    assert_eq!(fs::read_to_string(debug).unwrap(), COMMANDS[0].text);
    assert!(said.contains(&format!("unchanged {}\n", same.display())), "{said}");
    assert!(!said.contains("other.md"));
}

#[test]
fn a_linked_command_is_unlinked_and_its_target_stays() {
    let home = Home::new();
    fs::create_dir_all(commands(&home)).unwrap();
    fs::write(home.path("shared.md"), COMMANDS[0].text).unwrap();
    let link = commands(&home).join("maestro-debug.md");
    symlink(home.path("shared.md"), &link).unwrap();
    home.uninstall().unwrap();
    assert!(link.symlink_metadata().is_err());
    assert!(home.path("shared.md").exists());
}

#[test]
fn a_directory_that_cannot_be_written_stops_before_anything_is_changed() {
    // Neither root nor anybody else can create a file in /proc, or below a file.
    let mut home = Home::with("{}");
    for directory in [PathBuf::from("/proc/commands"), home.path(".claude.json/commands")] {
        home.targets.commands = Some(directory);
        let error = home.install().unwrap_err();
        assert!(matches!(error, InstallError::File { .. }), "{error}");
        assert!(error.hint().contains("write"));
        assert_eq!(home.settings(), "{}");
        assert_eq!(home.names(), [".claude.json"]);
    }
    let mut home = Home::new();
    home.targets.settings = PathBuf::from("/proc/.claude.json");
    home.install().unwrap_err();
    assert!(home.names().is_empty());
}

#[test]
fn what_is_not_a_regular_file_is_refused() {
    let home = Home::new();
    fs::create_dir(&home.targets.settings).unwrap();
    let error = home.install().unwrap_err();
    assert!(error.to_string().contains("not a regular file"), "{error}");
}

/// A change that appends a line, while another program writes at the first `times` attempts.
fn disturbed(home: &Home, times: u32) -> Result<Outcome, InstallError> {
    let attempt = Cell::new(0);
    let file = home.path("f");
    let change = FileChange {
        path: file.clone(),
        new_mode: 0o600,
        decide: Box::new(|seen| {
            let bytes = [seen.unwrap_or_default(), b"ours\n"].concat();
            attempt.set(attempt.get() + 1);
            if attempt.get() <= times {
                let theirs = format!("theirs {}\n", attempt.get());
                fs::write(&file, theirs).unwrap();
            }
            Ok(Verdict::Write { bytes, backup: true })
        }),
    };
    Staged::new(&change)?.commit()
}

#[test]
fn what_another_program_writes_meanwhile_is_not_lost() {
    for before in [None, Some("old\n")] {
        let home = Home::new();
        if let Some(text) = before {
            fs::write(home.path("f"), text).unwrap();
        }
        let outcome = disturbed(&home, 2).unwrap();
        let backup = home.path("f.maestro-backup");
        assert_eq!(outcome, Outcome::Written(Some(backup.clone())));
        assert_eq!(fs::read_to_string(home.path("f")).unwrap(), "theirs 2\nours\n");
        assert_eq!(fs::read_to_string(backup).unwrap(), "theirs 2\n");
        assert_eq!(home.names(), ["f", "f.maestro-backup"]);
    }
}

#[test]
fn after_three_disturbed_attempts_it_gives_up_without_a_trace() {
    let home = Home::new();
    let error = disturbed(&home, 3).unwrap_err();
    assert!(matches!(error, InstallError::Busy { .. }), "{error}");
    assert_eq!(fs::read_to_string(home.path("f")).unwrap(), "theirs 3\n");
    assert_eq!(home.names(), ["f"]);
}

#[test]
fn a_reader_sees_the_old_file_or_the_new_one() {
    let filler = "x".repeat(300_000);
    let before = format!("{{\"a\":\"{filler}\",\"mcpServers\":{{\"x\":1}}}}");
    let after = before.replace("1}", &format!("1,\"maestro\":{ENTRY}}}"));
    let home = Home::with(&before);
    let (settings, done) = (home.targets.settings.clone(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let seen = fs::read_to_string(&settings).unwrap();
                assert!(seen == before || seen == after);
            }
        });
        for _ in 0..30 {
            home.install().unwrap();
            home.uninstall().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert!(!home.names().iter().any(|name| name.contains(".tmp")));
}

#[test]
fn commands_of_an_earlier_version_are_replaced_and_not_put_back() {
    let home = Home::new();
    let old = [SlashCommand { file_name: "maestro-debug.md", text: "Debug, as it was\n" }];
    install(&home.targets, BINARY, &old, &mut Vec::new()).unwrap();
    let said = home.install().unwrap();
    assert!(!said.contains("backup"), "{said}");
    home.uninstall().unwrap();
    assert!(home.names().is_empty(), "{:?}", home.names());

    // An update without a further installation.
    install(&home.targets, BINARY, &old, &mut Vec::new()).unwrap();
    home.uninstall().unwrap();
    assert!(home.names().is_empty(), "{:?}", home.names());

    // Then the user edited one.
    install(&home.targets, BINARY, &old, &mut Vec::new()).unwrap();
    let file = commands(&home).join("maestro-debug.md");
    fs::write(&file, "mine").unwrap();
    assert!(home.install().unwrap().contains("backup: "));
    home.uninstall().unwrap();
    assert_eq!(fs::read_to_string(file).unwrap(), "mine");
}
