//! The log and git: a log is one user's, so none that git tracks is honoured, and none is offered to
//! git for a commit.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::place::FILE;

/// True if git tracks the log of a directory.
pub(super) fn is_tracked(directory: &Path) -> bool {
    let Some(git) = repository(directory) else { return false };
    // Asking git takes a process; its list of files is searched for the name first.
    let index = fs::read(git.join("index")).unwrap_or_default();
    if memchr::memmem::find(&index, FILE.as_bytes()).is_none() {
        return false;
    }
    // Where git cannot say, what its list of files says counts.
    ask(directory, &["ls-files", "--error-unmatch", "--", FILE]) != Some(1)
}

/// Makes git leave the log of a directory alone, and says so where it cannot.
pub(super) fn keep_out(directory: &Path) -> Option<String> {
    let git = repository(directory)?;
    let ignored = || ask(directory, &["check-ignore", "-q", "--no-index", "--", FILE]) != Some(1);
    if ignored() {
        return None;
    }
    let below = below_root(directory)?;
    let lines = format!("/{below}{FILE}*\n/{below}.maestro-db-*\n");
    let exclude = git.join("info/exclude");
    let text = fs::read_to_string(&exclude).unwrap_or_default();
    if !text.contains(&lines) {
        let _ = fs::create_dir_all(git.join("info"));
        let file = fs::File::options().create(true).append(true).open(&exclude);
        let _ = file.and_then(|mut file| {
            write!(file, "{}{lines}", if text.is_empty() || text.ends_with('\n') { "" } else { "\n" })
        });
    }
    (!ignored()).then(|| {
        format!(
            "git would take {}/{FILE} into a commit, with prompts and answers in it, because a .gitignore of the project says so; add `{FILE}*` to {}/.gitignore",
            directory.display(),
            directory.display()
        )
    })
}

/// The directory of the repository that a directory lies in.
fn repository(directory: &Path) -> Option<PathBuf> {
    let real = directory.canonicalize().ok()?;
    let found = real.ancestors().find(|above| fs::symlink_metadata(above.join(".git")).is_ok())?;
    let git = found.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = fs::read_to_string(&git).ok()?;
    let named = found.join(text.strip_prefix("gitdir:")?.trim());
    named.is_dir().then_some(named)
}

/// The path from the working tree's root to a directory, with a slash at its end.
fn below_root(directory: &Path) -> Option<String> {
    let real = directory.canonicalize().ok()?;
    let root = real.ancestors().find(|above| fs::symlink_metadata(above.join(".git")).is_ok())?;
    let below = real.strip_prefix(root).ok()?.to_str()?.to_owned();
    Some(if below.is_empty() { below } else { format!("{below}/") })
}

/// Returns what git answers by its exit code; none where it could not be asked.
fn ask(directory: &Path, arguments: &[&str]) -> Option<i32> {
    let passed = ["PATH", "HOME", "XDG_CONFIG_HOME"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)));
    let status = Command::new("git")
        .args([
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "safe.bareRepository=explicit",
        ])
        .args(arguments.iter().map(OsStr::new))
        .current_dir(directory)
        .env_clear()
        .envs(passed)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.ok()?.code().filter(|code| *code < 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(directory: &Path, arguments: &[&str]) {
        let done = Command::new("git").args(arguments).current_dir(directory).stdout(Stdio::null()).status();
        assert!(done.unwrap().success(), "{arguments:?}");
    }

    #[test]
    fn a_tracked_log_is_known_and_others_are_kept_out() {
        let project = tempfile::tempdir().unwrap();
        let own = project.path().join("sub/.maestro");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join(FILE), "x").unwrap();
        assert!(!is_tracked(&own) && keep_out(&own).is_none(), "there is no git");
        git(project.path(), &["init", "-q"]);
        assert!(!is_tracked(&own));
        assert_eq!(keep_out(&own), None);
        let exclude = fs::read_to_string(project.path().join(".git/info/exclude")).unwrap();
        assert!(exclude.contains("/sub/.maestro/maestro.db*\n"), "{exclude}");
        fs::write(own.join(".gitignore"), "!maestro.db\n").unwrap();
        assert!(keep_out(&own).unwrap().contains("git would take"));
        git(project.path(), &["add", "-f", "sub/.maestro/maestro.db"]);
        assert!(is_tracked(&own));
    }
}
