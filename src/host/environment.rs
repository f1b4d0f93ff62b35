//! The environment of the server's start, read once and passed on as a value.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::domain::order::Gather;

/// The variable with the number of servers above this one. Children get one more.
pub const DEPTH_VARIABLE: &str = "MAESTRO_DEPTH";

/// A snapshot of environment variables.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Takes a snapshot of this process's environment.
    pub fn capture() -> Self {
        std::env::vars_os().collect()
    }

    /// The value of a variable, if it is set, not empty, and valid Unicode.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(OsStr::new(name))
            .and_then(|value| value.to_str())
            .filter(|value| !value.is_empty())
    }

    /// Every variable as the system gave it.
    pub fn iter(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.variables.iter()
    }

    /// Every variable whose name and value are valid Unicode.
    pub fn text(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<PathBuf> {
        self.get("HOME").map(PathBuf::from)
    }

    /// One of Maestro's directories by the XDG rules: inside the directory that `variable` names, else inside
    /// `usual` in the home directory.
    fn own(&self, variable: &str, usual: &str) -> Option<PathBuf> {
        let named = self.get(variable).map(PathBuf::from);
        Some(named.or_else(|| Some(self.home()?.join(usual)))?.join("maestro"))
    }

    /// The directory of the user's own files: `$MAESTRO_HOME`, else below the XDG configuration directory.
    pub fn maestro_home(&self) -> Option<PathBuf> {
        self.get("MAESTRO_HOME").map(PathBuf::from).or_else(|| self.own("XDG_CONFIG_HOME", ".config"))
    }

    /// The directory of files that can be created again.
    pub fn cache_directory(&self) -> Option<PathBuf> {
        self.own("XDG_CACHE_HOME", ".cache")
    }

    /// The directory of this user's state for all projects: below the XDG state directory, else below
    /// `$MAESTRO_HOME`. The XDG directory comes first, so that a user with several configurations has one
    /// state.
    pub fn state_directory(&self) -> Option<PathBuf> {
        self.own("XDG_STATE_HOME", ".local/state")
            .or_else(|| Some(PathBuf::from(self.get("MAESTRO_HOME")?).join("state")))
            .filter(|directory| directory.is_absolute())
    }

    /// All directories outside projects that may be Maestro's own.
    pub fn own_directories(&self) -> Vec<PathBuf> {
        let below = |home: &str| Some(self.home()?.join(home).join("maestro"));
        let named = |name: &str| Some(PathBuf::from(self.get(name)?).join("maestro"));
        [
            self.get("MAESTRO_HOME").map(PathBuf::from),
            self.maestro_home(),
            self.state_directory(),
            named("XDG_CONFIG_HOME"),
            named("XDG_STATE_HOME"),
            named("XDG_CACHE_HOME"),
            named("XDG_DATA_HOME"),
            below(".config"),
            below(".local/state"),
            below(".cache"),
            below(".local/share"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Number of servers above this one; 0 if a person's client started this one.
    pub fn depth(&self) -> u32 {
        self.get(DEPTH_VARIABLE).map_or(0, |depth| depth.trim().parse().unwrap_or(1))
    }

    /// Finds the file of a command: the path itself if it contains a slash, else the first executable of that
    /// name on `PATH`.
    pub fn find_program(&self, command: &str, base: &Path) -> Option<PathBuf> {
        if let Some(below_home) = command.strip_prefix("~/") {
            return Some(self.home()?.join(below_home)).filter(|path| path.is_file());
        }
        if command.contains('/') {
            // If the file is not executable, starting it reports that.
            return Some(base.join(command)).filter(|path| path.is_file());
        }
        self.places().map(|place| place.join(command)).find(|candidate| is_executable(candidate))
    }

    /// As [`Self::find_program`], for a program that Maestro itself starts: a name alone never means a file
    /// of the project, because the project could then choose what runs outside the sandbox. A path still does.
    pub fn find_outside(&self, command: &str, root: &Path) -> Option<PathBuf> {
        if command.contains('/') {
            return self.find_program(command, root);
        }
        let project = Bounds::of(self, root);
        // Only programs that exist are looked at more closely, because that takes longer.
        self.places().find_map(|place| {
            let candidate = Some(place.join(command)).filter(|candidate| is_executable(candidate))?;
            (!project.holds(&place) && !project.holds(&candidate)).then_some(candidate)
        })
    }

    /// `PATH` without the directories of the project, for programs that run outside the sandbox and look for
    /// others: a filter of git, the interpreter of a script.
    pub fn path_outside(&self, root: &Path) -> Option<OsString> {
        let project = Bounds::of(self, root);
        // The directories come from a split, so that they can be joined again.
        let path = std::env::join_paths(self.places().filter(|directory| !project.holds(directory))).ok();
        // An empty path would mean the current directory.
        path.filter(|path| !path.is_empty())
    }

    /// True if a file belongs to the project, so that the project chooses what is in it.
    pub fn is_of_project(&self, path: &Path, root: &Path) -> bool {
        Bounds::of(self, root).holds(path)
    }

    /// The directories of `PATH`. A relative one would depend on the directory of the moment.
    fn places(&self) -> impl Iterator<Item = PathBuf> {
        let path = self.variables.get(OsStr::new("PATH"));
        path.into_iter().flat_map(std::env::split_paths).filter(|directory| directory.is_absolute())
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).gather() }
    }
}

/// The files that a project chooses.
struct Bounds<'a> {
    root: &'a Path,
    real: PathBuf,
    home: Option<PathBuf>,
    /// True if the home directory lies in the project. The user's own programs then lie there too.
    holds_home: bool,
}

impl<'a> Bounds<'a> {
    fn of(environment: &Environment, root: &'a Path) -> Self {
        let real = real(root);
        let home = environment.home().map(|home| self::real(&home));
        let holds_home = home.as_ref().is_some_and(|home| home.starts_with(&real));
        Self { root, real, home, holds_home }
    }

    /// True for a path that lies in the project or leads there, and for the programs of its dependencies,
    /// which a package of a workspace finds in the directories above.
    fn holds(&self, path: &Path) -> bool {
        let is_in = |path: &Path| path.starts_with(self.root) || path.starts_with(&self.real);
        let target = real(path);
        (!self.holds_home && (is_in(path) || is_in(&target))) || self.installs(path) || self.installs(&target)
    }

    /// True for a path below a `node_modules/.bin` of the project or of a directory above it.
    fn installs(&self, path: &Path) -> bool {
        path.ancestors().filter(|place| place.ends_with("node_modules/.bin")).any(|place| {
            let above = place.ancestors().nth(2);
            above.is_some_and(|above| {
                let above = real(above);
                // The user installs into the home directory, like into `~/.local/bin`.
                let is_users = self.home.as_ref().is_some_and(|home| home.starts_with(&above));
                let is_inside = !self.holds_home && above.starts_with(&self.real);
                !is_users && (self.real.starts_with(&above) || is_inside)
            })
        })
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn program(file: &Path) {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "#!/bin/sh\n").unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn the_project_chooses_no_program_that_runs_outside_the_sandbox() {
        let top = tempfile::tempdir().unwrap();
        let at = |place: &str| top.path().join(place);
        let root = at("shop/core");
        for file in [
            "shop/core/.venv/bin/git",
            "shop/core/node_modules/.bin/git",
            "shop/node_modules/.bin/git",
            "shop/node_modules/.bin/pytest",
            "shop/core/.venv/bin/pytest",
            "usr/bin/git",
            "other/node_modules/.bin/codex",
            "shop/core/cli/codex.js",
        ] {
            program(&at(file));
        }
        fs::create_dir_all(at("links")).unwrap();
        symlink(root.join("cli/codex.js"), at("links/codex")).unwrap();
        symlink(&root, at("alias")).unwrap();
        let with = |places: &[&str], home: &str| -> Environment {
            let path = std::env::join_paths(places.iter().map(|place| at(place))).unwrap();
            [("PATH", path), ("HOME", at(home).into_os_string())].into_iter().collect()
        };
        for place in [
            "shop/core/.venv/bin", "shop/core/node_modules/.bin", "shop/node_modules/.bin", "alias/.venv/bin",
        ] {
            let environment = with(&[place, "usr/bin"], "home");
            assert_eq!(environment.find_outside("git", &root), Some(at("usr/bin/git")), "{place}");
            assert_eq!(environment.path_outside(&root), Some(at("usr/bin").into_os_string()), "{place}");
            // A check of the user still finds the programs of the project.
            assert_eq!(environment.find_program("git", &root), Some(at(place).join("git")), "{place}");
        }
        let environment = with(&["links", "other/node_modules/.bin"], "home");
        assert_eq!(environment.find_outside("codex", &root), Some(at("other/node_modules/.bin/codex")));
        let named = root.join("cli/codex.js");
        assert_eq!(environment.find_outside(named.to_str().unwrap(), &root), Some(named));
        // The user installs into the home directory, above the project. An empty path would be any directory.
        let environment = with(&["shop/node_modules/.bin"], "shop");
        assert_eq!(environment.find_outside("git", &root), Some(at("shop/node_modules/.bin/git")));
        assert_eq!(with(&["shop/core/.venv/bin"], "home").path_outside(&root), None);
        // In a home directory that is the project, the user's own programs lie below it.
        let environment = with(&["shop/core/.venv/bin"], "shop/core");
        assert_eq!(environment.find_outside("git", &root), Some(root.join(".venv/bin/git")));
    }
}
