//! Runs git so that it starts no program of the repository's configuration, asks no questions, and leaves
//! the index alone. The configuration cannot be trusted: a repository from an archive brings its own, and a
//! program that ran in the project may have changed it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::domain::packed::list;

/// Environment variables for git.
pub(crate) const VARIABLES: [(&str, &str); 10] = [
    ("GIT_PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_ASKPASS", "false"),
    ("GIT_SSH_COMMAND", "false"),
    ("GIT_EDITOR", "false"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_ALLOW_PROTOCOL", "none"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    (NOTHING, ""),
];

/// An empty variable, for settings whose key `-c` would split at the wrong place.
const NOTHING: &str = "MAESTRO_NOTHING";

/// Options that prevent git from starting programs of this repository's configuration. Blocks.
pub(crate) fn running_nothing(program: &Path, directory: &Path) -> Vec<OsString> {
    let mut options: Vec<OsString> = Vec::new();
    if leads_elsewhere(directory) {
        // There is no such directory, so git refuses, and its message repeats this text.
        options.push("--git-dir=its `.git` leads to another repository".into());
    }
    options.extend(list("git_settings").iter().flat_map(|setting| ["-c".into(), OsString::from(setting)]));
    let configured = configured(program, directory);
    options.extend(switched_off(&configured));
    // A repository could set any directory as the place of its files, to have those shown or copied. A
    // worktree and a submodule set the directory in which they are.
    if let Some(top) = top(directory).filter(|_| configured.iter().any(|key| key == ELSEWHERE)) {
        let mut option = OsString::from("--work-tree=");
        option.push(top);
        options.push(option);
    }
    options
}

/// The same for the repositories inside this one, into which git looks to see if they have changes. Blocks.
pub(crate) fn running_nothing_inside(program: &Path, directory: &Path) -> Vec<OsString> {
    let mut options = Vec::new();
    let mut left: Vec<(PathBuf, usize)> = top(directory).into_iter().map(|top| (top, 0)).collect();
    while let Some((repository, depth)) = left.pop() {
        for inner in inner(program, &repository) {
            options.extend(switched_off(&configured(program, &inner)));
            if depth < MOST_NESTED {
                left.push((inner, depth + 1));
            }
        }
    }
    options
}

/// Maximum depth of repositories in repositories.
const MOST_NESTED: usize = 8;

/// The entries of a repository's index that are repositories of their own.
fn inner(program: &Path, top: &Path) -> Vec<PathBuf> {
    const REPOSITORY: &[u8] = b"160000 ";
    let asked = asking(program, top).args(["ls-files", "--stage", "-z"]).output();
    let listed = asked.map(|asked| asked.stdout).unwrap_or_default();
    let entries = listed.split(|byte| *byte == 0).filter(|entry| entry.starts_with(REPOSITORY));
    let names = entries.filter_map(|entry| entry.splitn(2, |byte| *byte == b'\t').nth(1));
    names.map(|name| top.join(OsStr::from_bytes(name))).collect()
}

/// Options that empty settings which make git start programs.
fn switched_off(configured: &[String]) -> Vec<OsString> {
    let mut options: Vec<OsString> = Vec::new();
    // `-c` splits at the first `=`, and the name of a filter may contain one. `--config-env` splits at the
    // last.
    let mut set = |key: &str, value: &str| {
        if key.contains('=') {
            options.push(format!("--config-env={key}={NOTHING}").into());
        } else {
            options.extend(["-c".into(), format!("{key}={value}").into()]);
        }
    };
    for key in configured.iter().filter(|key| *key != ELSEWHERE) {
        set(key, "");
        if let Some((filter, _)) = key.strip_prefix("filter.").and_then(|rest| rest.rsplit_once('.')) {
            set(&format!("filter.{filter}.required"), "false");
        }
    }
    options
}

/// The key of the setting that places a repository's files in another directory.
const ELSEWHERE: &str = "core.worktree";

/// The nearest directory at or above `directory` that has a `.git`.
fn top(directory: &Path) -> Option<PathBuf> {
    let real = directory.canonicalize().ok()?;
    let top = real.ancestors().find(|above| above.join(".git").symlink_metadata().is_ok())?;
    Some(top.to_owned())
}

/// True if a directory's repository refers to another one, whose commits would then be shown as this one's.
/// The author of an archive can arrange that, because the archive may contain a `.git`.
fn leads_elsewhere(directory: &Path) -> bool {
    let Some(top) = top(directory) else { return false };
    let own = top.join(".git");
    if let Some(repository) = named_by(&own) {
        return !repository.starts_with(&top) && !knows(&repository, &own);
    }
    let is_inside = |path: &Path| path.canonicalize().is_ok_and(|real| real.starts_with(&top));
    let common = fs::read_to_string(own.join("commondir")).ok();
    let mut left = MOST_LINKS_LOOKED_FOR;
    !is_inside(&own)
        || common.is_some_and(|common| !is_inside(&own.join(common.trim())))
        || !links(&own, &mut left).iter().all(|link| is_inside(link))
}

/// Maximum number of inspected entries in a repository's directory.
const MOST_LINKS_LOOKED_FOR: usize = 5_000;

/// The links in a repository's directory. Git itself makes none that leads out of it.
fn links(directory: &Path, left: &mut usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        *left = left.saturating_sub(1);
        let Ok(kind) = entry.file_type() else { continue };
        // Directories with names of two letters hold objects, and are skipped.
        if kind.is_symlink() {
            found.push(entry.path());
        } else if kind.is_dir() && entry.file_name().len() != 2 && *left > 0 {
            found.extend(links(&entry.path(), left));
        }
    }
    found
}

/// The repository that a `.git` file names; None if `.git` is not a file.
pub(crate) fn named_by(own: &Path) -> Option<PathBuf> {
    const MOST_BYTES: u64 = 4_096;
    let about = fs::metadata(own).ok()?;
    if !about.is_file() || about.len() > MOST_BYTES {
        return None;
    }
    let text = fs::read_to_string(own).ok()?;
    own.parent()?.join(text.strip_prefix("gitdir:")?.trim()).canonicalize().ok()
}

/// True if a repository elsewhere knows the `.git` file that names it. That holds for a worktree, and for a
/// submodule of a project above.
pub(crate) fn knows(repository: &Path, own: &Path) -> bool {
    let points_back = fs::read_to_string(repository.join("gitdir"))
        .is_ok_and(|back| is_same(&repository.join(back.trim()), own));
    let is_submodule = own.ancestors().skip(2).any(|above| {
        above.join(".git/modules").canonicalize().is_ok_and(|modules| repository.starts_with(modules))
    });
    points_back || is_submodule
}

fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// A git command for a query that starts no other program.
pub(crate) fn asking(program: &Path, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"])
        .args(["-c", "safe.bareRepository=explicit"])
        .current_dir(directory)
        .envs(VARIABLES)
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Keys of a repository's own configuration that make git start programs or use other files: filters, diff
/// drivers, pagers, trailers, the place of the files, and lists of names. The query itself starts no program.
fn configured(program: &Path, directory: &Path) -> Vec<String> {
    let asked = asking(program, directory)
        .args(["config", "--show-scope", "--name-only"])
        .args(["--get-regexp", r"^(core\.worktree|filter\..*\.(clean|smudge|process)|diff\..*\.(command|textconv)|interactive\.difffilter|pager\..*|trailer\..*\.(command|cmd)|mailmap\.(file|blob))$"])
        .output();
    let Ok(asked) = asked else { return Vec::new() };
    let text = String::from_utf8_lossy(&asked.stdout).into_owned();
    // Settings with a wider scope are the user's own.
    let own = text
        .lines()
        .filter_map(|line| line.strip_prefix("local\t").or_else(|| line.strip_prefix("worktree\t")));
    own.map(str::to_owned).collect()
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// Its top directory.
    pub root: PathBuf,
    /// The repository, which several checkouts may share.
    pub(crate) repository: PathBuf,
}

impl Checkout {
    /// The checkout that contains a path. The path need not exist.
    pub fn around(path: &Path) -> Option<Self> {
        let root = top(path.ancestors().find(|above| above.exists())?)?;
        let repository = repository(&root)?;
        Some(Self { root, repository })
    }

    /// The directory that holds its index.
    pub(crate) fn own_directory(&self) -> Option<PathBuf> {
        own_directory(&self.root)
    }

    /// True if its repository has further checkouts.
    pub fn has_others(&self) -> bool {
        let worktrees = fs::read_dir(self.repository.join("worktrees"));
        worktrees.is_ok_and(|mut entries| entries.next().is_some())
    }

    /// True if `other` is another checkout of the same repository.
    pub fn is_beside(&self, other: &Self) -> bool {
        self.repository == other.repository && self.root != other.root
    }
}

/// The repository of a checkout. For a worktree it is the common one.
fn repository(root: &Path) -> Option<PathBuf> {
    let own = own_directory(root)?;
    let is_worktree = own.parent().and_then(Path::file_name).is_some_and(|name| name == "worktrees");
    if is_worktree && !root.join(".git").is_dir() {
        return own.ancestors().nth(2).map(Path::to_owned);
    }
    Some(own)
}

/// The `.git` directory of a checkout, or the directory that its `.git` file names.
fn own_directory(root: &Path) -> Option<PathBuf> {
    let git = root.join(".git");
    if git.is_dir() { git.canonicalize().ok() } else { named_by(&git) }
}
