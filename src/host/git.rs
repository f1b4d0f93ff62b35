//! git as Maestro runs it: it starts nothing that the repository configures, asks nobody, and leaves the
//! index alone. A repository brings its own configuration where it came as an archive, and a program that
//! runs in the project may have written to it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Settings that git is given first: they switch off the keys by which a repository makes it start programs.
const QUIET: [&str; 17] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "safe.bareRepository=explicit",
    "core.pager=cat",
    "core.editor=false",
    "core.sshCommand=false",
    "core.gitProxy=",
    "core.askPass=false",
    "core.alternateRefsCommand=",
    "credential.helper=",
    "gpg.program=false",
    "gpg.ssh.program=false",
    "gpg.x509.program=false",
    "log.showSignature=false",
    "diff.external=",
    "protocol.allow=never",
    "submodule.recurse=false",
];

/// Environment of git.
pub(crate) const VARIABLES: [(&str, &str); 9] = [
    ("GIT_PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_ASKPASS", "false"),
    ("GIT_SSH_COMMAND", "false"),
    ("GIT_EDITOR", "false"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_ALLOW_PROTOCOL", "none"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
];

/// The options by which git starts nothing that this repository configures. Blocks.
pub(crate) fn running_nothing(program: &Path, directory: &Path) -> Vec<OsString> {
    let mut options: Vec<OsString> = Vec::new();
    let mut set = |setting: String| options.extend(["-c".into(), setting.into()]);
    for setting in QUIET {
        set(setting.to_owned());
    }
    let configured = configured(program, directory);
    for key in configured.iter().filter(|key| *key != ELSEWHERE) {
        set(format!("{key}="));
        if let Some((filter, _)) = key.strip_prefix("filter.").and_then(|rest| rest.rsplit_once('.')) {
            set(format!("filter.{filter}.required=false"));
        }
    }
    // A repository could name any directory for its files, and have them shown or copied.
    if let Some(top) = top(directory).filter(|_| configured.iter().any(|key| key == ELSEWHERE)) {
        let mut option = OsString::from("--work-tree=");
        option.push(top);
        options.push(option);
    }
    options
}

/// The key by which a repository has its files elsewhere.
const ELSEWHERE: &str = "core.worktree";

/// The directory that holds the repository of a directory; none where that is a worktree or a submodule,
/// whose files lie where they must.
fn top(directory: &Path) -> Option<PathBuf> {
    let real = directory.canonicalize().ok()?;
    let top = real.ancestors().find(|above| above.join(".git").symlink_metadata().is_ok())?;
    top.join(".git").is_dir().then(|| top.to_owned())
}

/// A question to git that starts nothing.
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

/// The keys of a repository's own configuration by which git starts programs: filters, drivers of diffs
/// and merges, aliases. Asking for them starts none.
fn configured(program: &Path, directory: &Path) -> Vec<String> {
    let asked = asking(program, directory)
        .args(["config", "--show-scope", "--name-only"])
        .args(["--get-regexp", r"^(core\.worktree|filter\..*\.(clean|smudge|process)|diff\..*\.(command|textconv)|interactive\.difffilter|pager\..*|trailer\..*\.(command|cmd))$"])
        .output();
    let Ok(asked) = asked else { return Vec::new() };
    let text = String::from_utf8_lossy(&asked.stdout).into_owned();
    // What the user configured for all repositories is the user's own.
    let own = text
        .lines()
        .filter_map(|line| line.strip_prefix("local\t").or_else(|| line.strip_prefix("worktree\t")));
    own.map(str::to_owned).collect()
}
