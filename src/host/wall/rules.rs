//! Turns the rules of `conf/sandbox.yaml` into the file rules of one program.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{FileRules, ProjectRules};
use crate::domain::order::Gather;
use crate::domain::rule::RuleFile;
use crate::host::environment::Environment;
use crate::host::git;
use crate::host::process::leftover;

/// Maximum number of entries of one directory that get a rule.
const MOST_ENTRIES: usize = 2_000;

/// Names in a project's root that a check may not write to.
const CLOSED: [&str; 2] = [".maestro", ".git"];

/// The rule file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxRules {
    system: Paths,
    check: CheckRules,
    consultant: ConsultantRules,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Paths {
    read: Vec<String>,
    write: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CheckRules {
    read: Vec<String>,
    write: Vec<String>,
    set: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConsultantRules {
    read: Vec<String>,
    login: BTreeMap<String, Vec<String>>,
}

impl RuleFile for SandboxRules {}

impl SandboxRules {
    /// The files that a check may use. `root` is the project, or a copy of it.
    pub fn check(&self, environment: &Environment, root: &Path, place: &CheckPlace<'_>) -> FileRules {
        let mut rules = self.common(environment);
        rules.read.extend(expand_all(&self.check.read, environment));
        rules.read.extend(place.programs.iter().flat_map(|program| toolchain_of(program, root)));
        rules.write.extend(expand_all(&self.check.write, environment));
        rules.write.extend([place.temporary.to_owned(), place.cache.to_owned()]);
        let mut frozen = git_directories(root);
        frozen.extend(place.guarded.iter().filter(|path| is_inside(path, root)).cloned());
        let hidden = [root.join(".maestro")].into_iter().chain(place.closed.iter().cloned());
        rules.read.extend(frozen.iter().filter(|path| !path.starts_with(root)).cloned());
        rules.project = Some(ProjectRules {
            root: root.to_owned(),
            hidden: hidden.filter(|path| path.starts_with(root) && path != root).collect(),
            // It contains the answer that an oracle judges.
            shown: [root.join(".maestro/oracle")].into_iter().filter(|path| is_inside(path, root)).collect(),
            frozen: frozen.into_iter().filter(|path| path.starts_with(root)).collect(),
            entries: entries(root, place),
        });
        let wide = TooWide::of(environment);
        rules.read.retain(|path| wide.may_be_opened(path));
        rules.write.retain(|path| wide.may_be_opened(path));
        rules.without_repeats()
    }

    /// Environment variables for a check that prevent its tools from writing to closed places.
    pub fn variables(&self, environment: &Environment, place: &CheckPlace<'_>) -> Vec<(OsString, OsString)> {
        let fill = |text: &String| {
            text.replace("{temporary}", &place.temporary.display().to_string())
                .replace("{cache}", &place.cache.display().to_string())
        };
        self.check
            .set
            .iter()
            .filter(|(name, _)| *name == "TMPDIR" || environment.get(name).is_none())
            .map(|(name, value)| (name.into(), fill(value).into()))
            .collect()
    }

    /// The files that a consultant may use. It may use the directories of its call and its login, read files
    /// outside the home directory and the project, and write below the temporary directory.
    pub fn consultant(&self, environment: &Environment, place: &ConsultantPlace) -> FileRules {
        let mut rules = self.common(environment);
        rules.read.extend(expand_all(&self.consultant.read, environment));
        rules.read.extend(homes_of(&place.program));
        rules.read.extend(place.scripts.iter().cloned());
        rules.write.extend(place.own.iter().cloned());
        rules.write.extend(place.login.iter().cloned());
        let mut closed = place.closed.clone();
        match (place.logs_in, self.consultant.login.get(&place.provider)) {
            // The private home contains everything that it needs.
            (LogsIn::ByPrivateHome, _) => closed.extend(environment.home()),
            (LogsIn::ByItsOwnHome, Some(login)) => {
                closed.extend(environment.home());
                rules.write.extend(expand_all(login, environment));
            }
            // The place of its login is unknown, so the home directory stays open, except closed
            // directories in it.
            (LogsIn::ByItsOwnHome, None) => {
                rules
                    .write
                    .extend(environment.home().map(|home| below(&home, &real(&closed))).unwrap_or_default());
            }
        }
        let wide = TooWide::of(environment);
        rules.read.retain(|path| wide.may_be_opened(path));
        rules.write.retain(|path| wide.may_be_opened(path));
        let mut closed = real(&closed);
        let temporary: BTreeSet<PathBuf> =
            place.temporary.iter().filter_map(|path| path.canonicalize().ok()).gather();
        // Temporary directories are opened entry by entry: a rule for a whole one would open the private
        // directories of other calls.
        closed.extend(temporary.iter().cloned());
        rules.write.extend(temporary.iter().flat_map(|temporary| below(temporary, &closed)));
        rules.read.extend(below(Path::new("/"), &closed));
        rules.without_repeats()
    }

    fn common(&self, environment: &Environment) -> FileRules {
        let mut read = expand_all(&self.system.read, environment);
        let path = environment.get("PATH").unwrap_or_default();
        read.extend(std::env::split_paths(path).filter(|directory| directory.is_absolute()).flat_map(
            |directory| {
                // The files of a program are beside its `bin`. `share` is not listed, because it also has
                // private files.
                const BESIDE: [&str; 5] = ["lib", "lib64", "libexec", "include", "pyvenv.cfg"];
                let beside = directory.parent().map(|above| BESIDE.map(|name| above.join(name)));
                std::iter::once(directory.clone()).chain(beside.into_iter().flatten())
            },
        ));
        FileRules { read, write: expand_all(&self.system.write, environment), ..FileRules::default() }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct CheckPlace<'a> {
    /// The temporary directory of the check.
    pub temporary: &'a Path,
    /// The directory with caches of the project's checks.
    pub cache: &'a Path,
    /// The programs that the check's command starts with.
    pub programs: &'a [PathBuf],
    /// Directories of Maestro that stay closed, in addition to `.maestro`.
    pub closed: &'a [PathBuf],
    /// Guarded files in the project, which a check may not change.
    pub guarded: &'a [PathBuf],
}

#[derive(Clone, Debug)]
pub struct ConsultantPlace {
    /// The provider's name.
    pub provider: String,
    /// The program of the provider.
    pub program: PathBuf,
    /// The files that its command names, for example the script that an interpreter runs.
    pub scripts: Vec<PathBuf>,
    /// The temporary directories that everybody uses.
    pub temporary: Vec<PathBuf>,
    /// The directories of the call.
    pub own: Vec<PathBuf>,
    /// Files of the user's login that the call needs.
    pub login: Vec<PathBuf>,
    pub logs_in: LogsIn,
    /// The project, and Maestro's own directories.
    pub closed: Vec<PathBuf>,
}

/// How a consultant gets its login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogsIn {
    /// From a private home with the login in it.
    ByPrivateHome,
    /// From the user's own home.
    ByItsOwnHome,
}

/// Expands `~/` and `$NAME` at the start of a path. None if the variable is not set or the path is not
/// absolute.
fn expand(text: &str, environment: &Environment) -> Option<PathBuf> {
    let path = if let Some(rest) = text.strip_prefix("~/") {
        environment.home()?.join(rest)
    } else if let Some(named) = text.strip_prefix('$') {
        let (name, rest) = named.split_once('/').unwrap_or((named, ""));
        PathBuf::from(environment.get(name)?).join(rest)
    } else {
        PathBuf::from(text)
    };
    path.is_absolute().then_some(path)
}

fn expand_all(texts: &[String], environment: &Environment) -> Vec<PathBuf> {
    texts.iter().filter_map(|text| expand(text, environment)).collect()
}

/// Directories that no rule may open as a whole: the home directory and those above it. They are compared by
/// device and inode, so that no other name opens them.
struct TooWide(HashSet<(u64, u64)>);

impl TooWide {
    fn of(environment: &Environment) -> Self {
        let home = environment.home().map(|home| home.canonicalize().unwrap_or(home));
        Self(home.iter().flat_map(|home| home.ancestors()).filter_map(identity).collect())
    }

    /// False also for a path that does not exist.
    fn may_be_opened(&self, path: &Path) -> bool {
        identity(path).is_some_and(|found| !self.0.contains(&found))
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|found| (found.dev(), found.ino()))
}

/// The places of a program's own files: its directory, and the packages that it was installed with.
fn homes_of(program: &Path) -> Vec<PathBuf> {
    let real = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    let mut homes: Vec<PathBuf> =
        [program, real.as_path()].into_iter().filter_map(Path::parent).map(Path::to_owned).collect();
    // The program itself is listed too, because its directory may be too wide to be opened.
    homes.push(real.clone());
    // A private copy of an interpreter has its libraries beside its `bin`.
    if let Some(bin) = real.parent().filter(|directory| directory.ends_with("bin")) {
        homes.extend(bin.parent().map(|above| above.join("lib")));
    }
    let outermost = real.ancestors().filter(|path| path.ends_with("node_modules")).last();
    homes.extend(outermost.map(Path::to_owned));
    homes
}

/// The places of the files that a program of a check needs. A program outside the project opens the directory
/// that it is in. A program in the project may be a link that an earlier check created, so it opens only
/// `bin` directories and the libraries beside them.
fn toolchain_of(program: &Path, root: &Path) -> Vec<PathBuf> {
    let mut found = if program.starts_with(root) { Vec::new() } else { homes_of(program) };
    let real = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    let outermost = real.ancestors().filter(|path| path.ends_with("node_modules")).last();
    found.extend(outermost.map(Path::to_owned));
    for directory in [program.parent(), real.parent()].into_iter().flatten() {
        found.extend(with_libraries(directory));
        // In a virtual environment, the interpreter is a link to one that may be anywhere.
        let base = ["python3", "python"].iter().find_map(|name| directory.join(name).canonicalize().ok());
        found.extend(base.as_deref().and_then(Path::parent).into_iter().flat_map(with_libraries));
        found.extend(base_of(directory).iter().flat_map(|base| with_libraries(base)));
    }
    found.push(real);
    found
}

/// A `bin` directory and the libraries beside it; empty for any other directory.
fn with_libraries(directory: &Path) -> Vec<PathBuf> {
    const BESIDE: [&str; 4] = ["lib", "lib64", "libexec", "pyvenv.cfg"];
    let Some(above) = directory.parent().filter(|_| directory.ends_with("bin")) else { return Vec::new() };
    std::iter::once(directory.to_owned()).chain(BESIDE.map(|name| above.join(name))).collect()
}

/// The directory of the interpreter that a virtual environment was created from, according to its
/// `pyvenv.cfg`. A check may have written that file, so the directory counts only if it contains an
/// interpreter.
fn base_of(bin: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(bin.parent()?.join("pyvenv.cfg")).ok()?;
    let home = text.lines().find_map(|line| line.strip_prefix("home")?.trim_start().strip_prefix('='))?;
    let home = PathBuf::from(home.trim());
    let holds_one = ["python3", "python"].iter().any(|name| home.join(name).is_file());
    (home.is_absolute() && holds_one).then_some(home)
}

/// The directories that git needs to read for a project. The repository of a worktree or a submodule is
/// elsewhere, and a file in the project names its place. That place counts only if it refers back to the
/// project.
fn git_directories(root: &Path) -> Vec<PathBuf> {
    let own = root.join(".git");
    let mut found = Vec::new();
    if let Some(directory) = git::named_by(&own).filter(|directory| git::knows(directory, &own)) {
        let common = std::fs::read_to_string(directory.join("commondir")).ok();
        let common = common.and_then(|common| directory.join(common.trim()).canonicalize().ok());
        found.extend(common.filter(|common| directory.starts_with(common)));
        found.push(directory);
    }
    if is_inside(&own, root) {
        found.insert(0, own);
    }
    found
}

/// True if a path exists and is inside the root, with all links resolved.
fn is_inside(path: &Path, root: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| root.canonicalize().is_ok_and(|root| path.starts_with(root)))
}

/// The entries of a project's root that may be written to. Links are left out, because they may lead
/// anywhere.
fn entries(root: &Path, place: &CheckPlace<'_>) -> Vec<PathBuf> {
    let closed = place.closed;
    let Ok(found) = std::fs::read_dir(root) else {
        return Vec::new();
    };
    found
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()))
        .filter(|entry| !CLOSED.iter().any(|name| entry.file_name() == *name))
        .filter(|entry| !place.guarded.contains(&entry.path()))
        .flat_map(|entry| {
            let path = entry.path();
            // An entry with a closed directory below it is split, so no new entries can be created beside
            // the closed one.
            if closed.iter().any(|other| other.starts_with(&path)) {
                below(&path, closed)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn real(paths: &[PathBuf]) -> Vec<PathBuf> {
    paths.iter().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone())).collect()
}

/// The entries of a directory that contain nothing closed. An entry that contains something closed is
/// replaced by its own entries, at any depth.
fn below(directory: &Path, closed: &[PathBuf]) -> Vec<PathBuf> {
    // Hashed, because comparing each entry with each closed path took longer than reading the entries.
    let above: HashSet<&OsStr> =
        closed.iter().flat_map(|path| path.ancestors().skip(1)).map(Path::as_os_str).collect();
    let closed: HashSet<&OsStr> = closed.iter().map(|path| path.as_os_str()).collect();
    let mut open = Vec::new();
    let mut parts = vec![directory.to_owned()];
    while let Some(part) = parts.pop() {
        let Ok(found) = std::fs::read_dir(part) else { continue };
        for entry in found.flatten().take(MOST_ENTRIES) {
            let path = entry.path();
            let is_link = entry.file_type().map_or(true, |kind| kind.is_symlink());
            if is_link || closed.contains(path.as_os_str()) || is_maestros_own(&path) {
                continue;
            }
            if above.contains(path.as_os_str()) {
                parts.push(path);
            } else {
                open.push(path);
            }
        }
    }
    open
}

/// True if Maestro itself put an entry into a temporary directory: the prompt and login of another call, a
/// copy of the project, the address of the page, or a long answer.
fn is_maestros_own(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let is_answer = name.starts_with("maestro-") && path.extension().is_some_and(|kind| kind == "md");
    is_answer || leftover::PRIVATE.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> SandboxRules {
        SandboxRules::from_yaml(include_str!("../../../conf/sandbox.yaml")).unwrap()
    }

    fn environment(home: &Path) -> Environment {
        [("HOME", home.to_str().unwrap()), ("PATH", "/usr/bin:/bin"), ("GOPATH", home.to_str().unwrap())]
            .into_iter()
            .collect()
    }

    #[test]
    fn a_project_is_open_but_for_what_must_stay_closed() {
        let directory = tempfile::tempdir().unwrap();
        let (home, root) = (directory.path().join("home"), directory.path().join("home/project"));
        for name in ["src", ".maestro", ".git", ".claude", "logs/maestro", "logs/other"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        std::fs::write(root.join("Cargo.toml"), "").unwrap();
        std::os::unix::fs::symlink(&home, root.join("escape")).unwrap();
        let (temporary, cache) = (directory.path().join("t"), directory.path().join("c"));
        let closed = [root.join("logs/maestro")];
        let place = CheckPlace {
            temporary: &temporary,
            cache: &cache,
            programs: &[],
            closed: &closed,
            guarded: &[root.join(".claude")],
        };
        let own = directory.path().join("environment");
        std::fs::create_dir_all(own.join("bin")).unwrap();
        std::fs::write(own.join("pyvenv.cfg"), "").unwrap();
        let path = own.join("bin").display().to_string();
        let home_text = home.display().to_string();
        let variables = [("HOME", home_text.as_str()), ("PATH", &path), ("GOPATH", &home_text)];
        let rules = shipped().check(&variables.into_iter().collect(), &root, &place);
        let project = rules.project.as_ref().unwrap();
        let written = |name: &str| project.entries.contains(&root.join(name));
        assert!(written("src") && written("Cargo.toml") && written("logs/other"));
        assert!(!written(".maestro") && !written(".git") && !written("escape") && !written("logs/maestro"));
        assert_eq!(project.hidden, [root.join(".maestro"), root.join("logs/maestro")]);
        assert_eq!(project.frozen, [root.join(".git"), root.join(".claude")]);
        assert!(!written(".claude"));
        assert!(rules.read.contains(&own.join("pyvenv.cfg")), "a virtual environment on PATH");
        assert!(!rules.read.contains(&home), "GOPATH is the home directory, and opens nothing");
    }

    /// A repository's own word on where it lies opens only a place that names the repository too.
    #[test]
    fn a_worktree_brings_its_repository_and_a_forged_one_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["main/.git/worktrees/w", "worktree", "forged", "linked", "private/.git/modules/x"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        let gitdir = |to: &str| format!("gitdir: {}\n", at(to).display());
        std::fs::write(at("worktree/.git"), gitdir("main/.git/worktrees/w")).unwrap();
        std::fs::write(at("main/.git/worktrees/w/gitdir"), at("worktree/.git").display().to_string())
            .unwrap();
        std::fs::write(at("main/.git/worktrees/w/commondir"), "../..\n").unwrap();
        let real = |name: &str| at(name).canonicalize().unwrap();
        let found = git_directories(&at("worktree"));
        assert!(
            found.contains(&real("main/.git")) && found.contains(&real("main/.git/worktrees/w")),
            "{found:?}"
        );
        for to in ["private", "private/.git/modules/x", "main/.git/worktrees/w"] {
            std::fs::write(at("forged/.git"), gitdir(to)).unwrap();
            assert_eq!(git_directories(&at("forged")), [at("forged/.git")], "{to}");
        }
        std::os::unix::fs::symlink(at("private"), at("linked/.git")).unwrap();
        assert!(git_directories(&at("linked")).is_empty());
    }

    /// A virtual environment anywhere, of an interpreter that lies anywhere else.
    #[test]
    fn a_virtual_environment_brings_its_interpreter_and_a_link_in_the_project_no_directory() {
        let directory = tempfile::tempdir().unwrap();
        let (home, root) = (directory.path().join("home"), directory.path().join("home/project"));
        let base = directory.path().join("built/python3.99");
        for name in ["home/private", "home/copied/bin", "home/linked/bin", "home/project/.venv/bin"] {
            std::fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        for name in ["bin", "lib"] {
            std::fs::create_dir_all(base.join(name)).unwrap();
        }
        for file in [base.join("bin/python3"), home.join("private/tool"), home.join("copied/bin/pytest")] {
            std::fs::write(file, "").unwrap();
        }
        let link = |from: PathBuf, to: PathBuf| std::os::unix::fs::symlink(from, to).unwrap();
        link(base.join("bin/python3"), home.join("linked/bin/python"));
        link(home.join("private/tool"), root.join(".venv/bin/pytest"));
        let config = format!("home = {}\nversion = 3.99\n", base.join("bin").display());
        std::fs::write(home.join("copied/pyvenv.cfg"), config).unwrap();
        std::fs::write(root.join(".venv/pyvenv.cfg"), format!("home = {}/private\n", home.display()))
            .unwrap();
        let read = |program: PathBuf| {
            let programs = [program];
            let place =
                CheckPlace { temporary: &root, cache: &root, programs: &programs, closed: &[], guarded: &[] };
            shipped().check(&environment(&home), &root, &place).read
        };
        let real = base.canonicalize().unwrap();
        for (program, base) in [("copied/bin/pytest", &base), ("linked/bin/python", &real)] {
            let read = read(home.join(program));
            assert!(
                read.contains(&base.join("bin")) && read.contains(&base.join("lib")),
                "{program} {read:?}"
            );
        }
        let read = read(root.join(".venv/bin/pytest"));
        assert!(!read.iter().any(|path| path.ends_with("private")), "{read:?}");
    }

    #[test]
    fn a_consultant_sees_neither_the_project_nor_the_home() {
        let directory = tempfile::tempdir().unwrap();
        let (home, root) = (directory.path().join("home"), directory.path().join("project"));
        for path in [home.join(".ssh"), home.join(".claude"), root.clone(), directory.path().join("log")] {
            std::fs::create_dir_all(path).unwrap();
        }
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::ffi::OsStrExt as _;
            let no_text = std::ffi::OsStr::from_bytes(b"caf\xe9");
            std::fs::write(directory.path().join(no_text), "").unwrap();
        }
        let place = |provider: &str, logs_in| ConsultantPlace {
            provider: provider.to_owned(),
            scripts: Vec::new(),
            temporary: vec![directory.path().to_owned()],
            program: "/usr/bin/env".into(),
            own: Vec::new(),
            login: Vec::new(),
            logs_in,
            closed: vec![root.clone()],
        };
        let environment = environment(&home);
        let real = |path: PathBuf| path.canonicalize().unwrap();
        let claude = shipped().consultant(&environment, &place("claude", LogsIn::ByItsOwnHome));
        assert!(claude.write.contains(&home.join(".claude")));
        assert!(claude.write.iter().all(|path| path.to_str().is_some()), "the helper is told in text");
        assert!(claude.write.contains(&real(directory.path().join("log"))));
        for path in [&root, &home, &home.join(".ssh")] {
            assert!(!claude.write.contains(&real(path.clone())), "{}", path.display());
        }
        let unknown = shipped().consultant(&environment, &place("mine", LogsIn::ByItsOwnHome));
        assert!(unknown.write.contains(&home.join(".ssh")) && !unknown.write.contains(&real(root)));
    }
}
