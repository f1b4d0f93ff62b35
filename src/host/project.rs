//! The project's files, and the rules on reading and changing them.
//!
//! Every path is resolved, including symbolic links, before it is judged. Then it is opened through a
//! capability of its root, so that a link swapped in meanwhile cannot lead outside.

mod names;
mod reader;

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use globset::GlobBuilder;
use ignore::{DirEntry, WalkBuilder};
use rustix::process::getuid;

use super::environment::Environment;
use crate::domain::cut::cut;
use crate::domain::order::Order;
use crate::domain::secret_path::{self, FileRules, folded};
use crate::error::Error;

pub use names::Names;
pub use reader::FileLines;

/// The reason why a file is not read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It does not exist.
    #[error("not found")]
    NotFound,
    /// It is outside the project root and `MAESTRO_REPO_ROOTS`, or a link leads out.
    #[error("outside the project root and MAESTRO_REPO_ROOTS")]
    Outside,
    /// It is in a root that is only for reading.
    #[error("in MAESTRO_REPO_ROOTS, where files are only read; changes are made in the project root")]
    ReadOnly,
    /// Its name is that of a file with secrets.
    #[error("{}", secret_path::refusal(.0))]
    Secret(String),
    #[error("a directory; name a file or a pattern such as {0}/**/*.py")]
    Directory(String),
    /// It is a file where a directory is needed.
    #[error("not a directory")]
    NoDirectory,
    /// It is a pipe, a socket or a device.
    #[error("not a regular file")]
    Special,
    /// It is not text.
    #[error("binary")]
    Binary,
    /// No file matches the pattern.
    #[error("no file matches")]
    NoMatch,
    /// The pattern covers more than can be searched.
    #[error("more than {0} files and directories to look through; name a narrower pattern")]
    TooBroad(usize),
    /// The pattern is invalid.
    #[error("not a pattern: {0}")]
    BadPattern(String),
    /// There are more files than the stage packs.
    #[error("over the limit of {0} files")]
    TooMany(usize),
    /// The system refused access.
    #[error("{0}")]
    Unreadable(String),
}

/// Maximum number of missing files that one refusal names.
const MOST_MISSING: usize = 5;

/// Maximum length of a name in a refusal, in characters.
const MOST_NAME: usize = 200;

/// The directories whose files may be read.
#[derive(Debug)]
pub struct Project {
    roots: Vec<PathBuf>,
    secrets: FileRules,
    /// Maestro's own directories. They contain trust records, keys and marks.
    own: Vec<PathBuf>,
    home: Option<PathBuf>,
}

/// A file that may be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// The path for display: relative to the project root if the file is below it, else absolute.
    pub shown: String,
    root: PathBuf,
    relative: PathBuf,
}

/// The root of the project: `CLAUDE_PROJECT_DIR`, else the nearest directory at or above the working
/// directory that contains `.maestro` or `.git`, else the working directory.
///
/// The search stops at the home directory.
pub fn root(environment: &Environment, working_directory: &Path) -> PathBuf {
    if let Some(named) = environment.get("CLAUDE_PROJECT_DIR").filter(|named| !named.contains("${")) {
        return working_directory.join(named);
    }
    let home = environment.home().map(|home| home.canonicalize().unwrap_or(home));
    working_directory
        .ancestors()
        .take_while(|directory| home.as_deref() != Some(*directory))
        .find(|directory| overrides(directory).is_some() || directory.join(".git").exists())
        .unwrap_or(working_directory)
        .to_owned()
}

/// The directory of a project's own configuration, if only this user can have created it: it belongs to the
/// user, and its parent is not writable by everybody, as `/tmp` is.
pub fn overrides(root: &Path) -> Option<PathBuf> {
    const OPEN_TO_EVERYBODY: u32 = 0o002;
    let directory = root.join(".maestro");
    let found = std::fs::symlink_metadata(&directory).ok()?;
    let is_shared = std::fs::metadata(root).is_ok_and(|root| root.mode() & OPEN_TO_EVERYBODY != 0);
    (found.uid() == getuid().as_raw() && !is_shared).then_some(directory)
}

impl Found {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or is not a regular file.
    pub fn open(&self) -> Result<std::fs::File, Refusal> {
        let unreadable = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => Refusal::NotFound,
            _ => Refusal::Unreadable(error.to_string()),
        };
        let directory = Dir::open_ambient_dir(&self.root, ambient_authority()).map_err(unreadable)?;
        let mut options = OpenOptions::new();
        // Opening a pipe without a writer would block otherwise.
        options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        let file = directory.open_with(&self.relative, &options).map_err(unreadable)?.into_std();
        let kind = file.metadata().map_err(unreadable)?;
        if kind.is_dir() {
            return Err(Refusal::Directory(self.shown.clone()));
        }
        if !kind.is_file() {
            return Err(Refusal::Special);
        }
        Ok(file)
    }
}

impl Project {
    /// The project's root, resolved.
    pub fn root(&self) -> &Path {
        self.roots.first().map_or(Path::new("/"), PathBuf::as_path)
    }

    /// A project with its root and further roots. Missing directories are left out.
    pub fn new(root: &Path, further: &[PathBuf], secrets: FileRules) -> Self {
        let roots = std::iter::once(root.to_owned())
            .chain(further.iter().map(|other| root.join(other)))
            .filter_map(|directory| directory.canonicalize().ok())
            .collect();
        Self { roots, secrets, own: Vec::new(), home: None }
    }

    /// The same project with the user's directories. Maestro's own directories are then neither read nor
    /// changed, whatever path leads there, and nothing is changed if the root is the home directory or above
    /// it.
    pub fn of_user(mut self, environment: &Environment) -> Self {
        let real = |directory: PathBuf| directory.canonicalize().ok();
        self.home = environment.home().and_then(real);
        // If the whole project is in one of these directories, its user wants it read.
        let apart = |own: &PathBuf| !self.roots.first().is_some_and(|root| root.starts_with(own));
        self.own = environment.own_directories().into_iter().filter_map(real).filter(apart).collect();
        self
    }

    /// The reason why nothing in the project may be changed; None if it may be.
    fn refuses_changes(&self) -> Option<Refusal> {
        let (root, home) = (self.roots.first()?, self.home.as_ref()?);
        let why = "Maestro changes nothing in the home directory or in one that holds it; start it in the directory of a project";
        home.starts_with(root).then(|| Refusal::Unreadable(why.to_owned()))
    }

    /// True if a resolved path is in one of Maestro's own directories.
    fn is_own(&self, real: &Path) -> bool {
        self.own.iter().any(|own| real.starts_with(own))
    }

    /// The same rules for another root, for example a copy of the project. Other roots cannot be read there.
    pub fn at(&self, root: &Path) -> Self {
        Self { own: self.own.clone(), ..Self::new(root, &[], self.secrets.clone()) }
    }

    /// Finds the files of a path or a pattern.
    ///
    /// # Errors
    ///
    /// No file may be read there.
    pub fn find(&self, given: &str) -> Result<Vec<Found>, Refusal> {
        match self.find_one(Path::new(given)) {
            Err(Refusal::NotFound) if is_pattern(given) => expand(self, given),
            found => found.map(|found| vec![found]),
        }
    }

    /// Finds the file of a path. Wildcards are taken literally.
    ///
    /// # Errors
    ///
    /// No file may be read there.
    pub fn look(&self, given: &str) -> Result<Found, Refusal> {
        let given = Path::new(given);
        if self.lacks(given) { Err(Refusal::NotFound) } else { self.find_one(given) }
    }

    /// True if the project has nothing with this path. Cheap: it does not resolve each part.
    pub fn lacks(&self, given: &Path) -> bool {
        let is_gone = |root: &PathBuf| {
            std::fs::symlink_metadata(root.join(given))
                .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        };
        !self.leads_out(given) && self.roots.iter().all(is_gone)
    }

    /// A file below the root that a walk found without following links.
    ///
    /// # Errors
    ///
    /// Its name is that of a file with secrets, or it belongs to Maestro.
    pub fn walked(&self, relative: PathBuf) -> Result<Found, Refusal> {
        let root = self.root();
        let real = root.join(&relative);
        self.judge_name(&real)?;
        Ok(Found { shown: self.shown(&real), root: root.to_owned(), relative })
    }

    /// Refuses names of missing files, before anything is sent.
    ///
    /// # Errors
    ///
    /// A file that is named without a wildcard does not exist.
    pub fn check_there(&self, files: &[String]) -> Result<(), Error> {
        let missing = files.iter().filter(|name| self.is_missing(name));
        let told: Vec<String> = missing
            .take(MOST_MISSING)
            .map(|name| {
                if name.trim().is_empty() {
                    return "a file name must not be empty".to_owned();
                }
                let near = match without_lines(name).filter(|file| !self.is_missing(file)) {
                    Some(file) => format!(
                        "; name the whole file `{file}`: the lines that an error or a fact names come first"
                    ),
                    None => {
                        self.nearest(name).map_or(String::new(), |near| format!("; the nearest is `{near}`"))
                    }
                };
                format!("there is no file `{}`{near}", cut(name, MOST_NAME))
            })
            .collect();
        if told.is_empty() { Ok(()) } else { Err(Error::InvalidArguments(told.join("; "))) }
    }

    /// As [`Self::check_there`], and refuses directories.
    ///
    /// # Errors
    ///
    /// A file that is named without a wildcard does not exist, or is a directory.
    pub fn check_files(&self, files: &[String]) -> Result<(), Error> {
        self.check_there(files)?;
        let named = files.iter().filter(|name| !is_pattern(name));
        let directory = named.map(|name| (name, self.find_one(Path::new(name)))).find_map(|(name, found)| {
            let refusal = found.err().filter(|refusal| matches!(refusal, Refusal::Directory(_)))?;
            Some(format!("`{name}` is {refusal}"))
        });
        directory.map_or(Ok(()), |problem| Err(Error::InvalidArguments(problem)))
    }

    /// The names whose files still exist.
    pub fn still_there(&self, mut files: Vec<String>) -> Vec<String> {
        files.retain(|name| !self.is_missing(name));
        files
    }

    /// True if a name has no wildcard and nothing exists there.
    fn is_missing(&self, given: &str) -> bool {
        !is_pattern(given)
            && (given.is_empty() || matches!(self.find_one(Path::new(given)), Err(Refusal::NotFound)))
    }

    /// The existing file whose name is most similar to a missing one. The file name alone counts first,
    /// because the directory is forgotten most often.
    pub fn nearest(&self, given: &str) -> Option<String> {
        const MOST_LOOKED_AT: usize = 20_000;
        const LIKE_ENOUGH: f64 = 0.75;
        // Two names may look the same and be written in different forms of Unicode.
        let name_of = |path: &str| folded(path.rsplit('/').next().unwrap_or(path));
        let wanted = (folded(given.trim_start_matches("./")), name_of(given));
        let files = self.roots.iter().flat_map(|root| walk(root));
        let likeness = |shown: &str| {
            let by_name = strsim::normalized_damerau_levenshtein(&name_of(shown), &wanted.1);
            let by_path = strsim::normalized_damerau_levenshtein(&folded(shown), &wanted.0);
            (by_name.max(by_path), by_path)
        };
        files
            .take(MOST_LOOKED_AT)
            .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
            .filter_map(|entry| self.resolve(entry.path()).ok())
            .map(|found| (likeness(&found.shown), found.shown))
            .filter(|((likeness, _), _)| *likeness >= LIKE_ENOUGH)
            .max_by(|(left, _), (right, _)| left.0.total_cmp(&right.0).then(left.1.total_cmp(&right.1)))
            .map(|(_, shown)| shown)
    }

    fn find_one(&self, given: &Path) -> Result<Found, Refusal> {
        let mut refusal = Refusal::NotFound;
        for root in &self.roots {
            match self.resolve(&root.join(given)) {
                Ok(found) => return Ok(found),
                Err(Refusal::NotFound) => {}
                Err(other) => {
                    refusal = other;
                    break;
                }
            }
        }
        // A path outside is refused even if nothing exists there, so that the answer reveals nothing.
        if self.leads_out(given) {
            return Err(Refusal::Outside);
        }
        Err(refusal)
    }

    fn resolve(&self, path: &Path) -> Result<Found, Refusal> {
        let real = path.canonicalize().map_err(|error| match error.kind() {
            // No file has a name that is too long or contains a zero byte.
            std::io::ErrorKind::NotFound
            | std::io::ErrorKind::NotADirectory
            | std::io::ErrorKind::InvalidInput
            | std::io::ErrorKind::InvalidFilename => Refusal::NotFound,
            _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => Refusal::NotFound,
            _ => Refusal::Unreadable(error.to_string()),
        })?;
        let root = self.roots.iter().find(|root| real.starts_with(root)).ok_or(Refusal::Outside)?;
        // Both names are judged: neither the link nor its target may have the name of a secret.
        self.judge_name(&real)?;
        if real != path {
            self.judge_name(path)?;
        }
        let relative = real.strip_prefix(root).map_err(|_| Refusal::Outside)?.to_owned();
        if relative.as_os_str().is_empty() || real.is_dir() {
            let root = relative.as_os_str().is_empty();
            let shown = if root { ".".to_owned() } else { relative.display().to_string() };
            return Err(Refusal::Directory(shown));
        }
        Ok(Found { shown: self.shown(&real), root: root.clone(), relative })
    }

    /// The rule that refuses to read a path in the project; None if it may be read.
    pub fn refuses_reading(&self, relative: &Path) -> Option<&str> {
        self.secrets.refuse(relative)
    }

    /// Refuses paths of secrets and of Maestro's own directories. The rules on secrets apply to the path
    /// relative to its root.
    fn judge_name(&self, path: &Path) -> Result<(), Refusal> {
        if self.is_own(path) {
            return Err(Refusal::Secret("maestro-own".to_owned()));
        }
        let below = self.roots.iter().find_map(|root| path.strip_prefix(root).ok());
        match below.and_then(|relative| self.secrets.refuse(relative)) {
            Some(rule) => Err(Refusal::Secret(rule.to_owned())),
            None => Ok(()),
        }
    }

    fn leads_out(&self, given: &Path) -> bool {
        let mut depth = 0_i32;
        for component in given.components() {
            match component {
                Component::ParentDir => depth -= 1,
                Component::Normal(_) => depth += 1,
                Component::CurDir => {}
                Component::RootDir | Component::Prefix(_) => {
                    return !self.roots.iter().any(|root| given.starts_with(root));
                }
            }
            if depth < 0 {
                return true;
            }
        }
        false
    }

    fn shown(&self, real: &Path) -> String {
        self.roots.first().and_then(|root| real.strip_prefix(root).ok()).unwrap_or(real).display().to_string()
    }
}

/// Maximum number of entries to search for one pattern, so that the search of a huge tree ends.
const MOST_ENTRIES: usize = 200_000;

fn is_pattern(given: &str) -> bool {
    given.contains(['*', '?', '[', '{'])
}

/// Finds the files that match a pattern, sorted by name. Hidden files, files in `.gitignore`, secrets and
/// links that lead out are skipped.
fn expand(project: &Project, pattern: &str) -> Result<Vec<Found>, Refusal> {
    let matcher = GlobBuilder::new(pattern.trim_start_matches("./"))
        .literal_separator(true)
        .build()
        .map_err(|error| Refusal::BadPattern(error.kind().to_string()))?
        .compile_matcher();
    if project.leads_out(Path::new(pattern)) {
        return Err(Refusal::Outside);
    }
    let mut found: HashSet<Found> = HashSet::new();
    let mut looked_at = 0;
    for root in &project.roots {
        for entry in walk(&root.join(literal_start(pattern))) {
            looked_at += 1;
            if looked_at > MOST_ENTRIES {
                return Err(Refusal::TooBroad(MOST_ENTRIES));
            }
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap_or(path);
            if (matcher.is_match(name) || matcher.is_match(path))
                && let Ok(file) = project.resolve(path)
            {
                found.insert(file);
            }
        }
    }
    if found.is_empty() {
        return Err(Refusal::NoMatch);
    }
    let mut found: Vec<Found> = found.into_iter().collect();
    found.order_by(|left, right| left.shown.cmp(&right.shown));
    Ok(found)
}

/// The entries below a directory, without hidden ones and those in `.gitignore`.
fn walk(directory: &Path) -> impl Iterator<Item = DirEntry> + use<> {
    WalkBuilder::new(directory).follow_links(false).require_git(false).build().filter_map(Result::ok)
}

/// The directory before the first wildcard. Only this one needs to be searched.
fn literal_start(pattern: &str) -> PathBuf {
    let components: Vec<Component<'_>> = Path::new(pattern).components().collect();
    components
        .iter()
        .take(components.len().saturating_sub(1))
        .take_while(|component| !is_pattern(&component.as_os_str().to_string_lossy()))
        .collect()
}

/// The file in a name with line numbers, for example `src/a.py:10-20` or `src/a.py#L10`.
fn without_lines(name: &str) -> Option<&str> {
    let name = name.trim();
    let file = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || "L-:,".contains(letter));
    let rest = name.get(file.len()..)?;
    match file.strip_suffix('#') {
        Some(file) => Some(file),
        None => rest.starts_with(':').then_some(file),
    }
}

// Places for changes.

/// A directory of the project whose files may be changed. Names are relative to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    pub root: PathBuf,
    /// Its path relative to the root.
    pub prefix: PathBuf,
}

impl Project {
    /// A directory inside the project root; the root by default.
    ///
    /// # Errors
    ///
    /// It does not exist, is not a directory, or is outside.
    pub fn base(&self, given: Option<&str>) -> Result<Base, Refusal> {
        let first = self.roots.first().ok_or(Refusal::NotFound)?;
        if let Some(refusal) = self.refuses_changes() {
            return Err(refusal);
        }
        let Some(given) = given else {
            return Ok(Base { root: first.clone(), prefix: PathBuf::new() });
        };
        let real = first.join(given).canonicalize().map_err(|_| {
            if self.leads_out(Path::new(given)) { Refusal::Outside } else { Refusal::NotFound }
        })?;
        // The further roots are only for reading.
        if !real.starts_with(first) && self.roots.iter().any(|root| real.starts_with(root)) {
            return Err(Refusal::ReadOnly);
        }
        let prefix = real.strip_prefix(first).map_err(|_| Refusal::Outside)?.to_owned();
        if !real.is_dir() {
            return Err(Refusal::NoDirectory);
        }
        Ok(Base { root: first.clone(), prefix })
    }

    pub fn known_root(&self, name: &str) -> Option<&Path> {
        self.roots.iter().map(PathBuf::as_path).find(|root| root.to_str() == Some(name))
    }

    /// The reason why a file of a root may not be changed, whatever it contains; None if it may be.
    pub fn refuses_change(&self, relative: &str) -> Option<String> {
        if self.roots.iter().any(|root| self.is_own(&root.join(relative))) {
            return Some("it belongs to Maestro's own directories".to_owned());
        }
        let parts = || relative.split(['/', '\\']).map(folded);
        if parts().any(|part| part == ".maestro") {
            return Some("it belongs to Maestro's own store".to_owned());
        }
        if parts().any(|part| part == ".git" || part == "git~1") {
            return Some("it belongs to the repository's internals".to_owned());
        }
        self.secrets.refuse(Path::new(relative)).map(secret_path::refusal)
    }
}

// Working directories of programs, and paths in their arguments.

impl Project {
    /// A directory of the project, resolved; the project root by default.
    ///
    /// # Errors
    ///
    /// It does not exist, is not a directory, or is outside.
    pub fn directory(&self, given: Option<&str>) -> Result<PathBuf, Refusal> {
        let root = self.roots.first().ok_or(Refusal::NotFound)?;
        let given = given.unwrap_or_default();
        if Path::new(given).is_relative() && self.leads_out(Path::new(given)) {
            return Err(Refusal::Outside);
        }
        let real = root.join(given).canonicalize().map_err(|_| Refusal::NotFound)?;
        if !self.is_inside(&real) {
            return Err(Refusal::Outside);
        }
        if real.is_dir() { Ok(real) } else { Err(Refusal::NoDirectory) }
    }

    /// True if a path is in the project when a program resolves it from this directory. A missing path is
    /// judged by its nearest existing parent.
    pub fn holds(&self, directory: &Path, path: &str) -> bool {
        if path.starts_with('~') {
            return false;
        }
        let mut here = directory.join(path);
        let mut missing: Vec<PathBuf> = Vec::new();
        loop {
            match here.canonicalize() {
                Ok(real) => {
                    let through = missing.iter().any(|part| !is_plain(part));
                    return !through && self.is_inside(&real);
                }
                // The target of a broken link may exist later.
                Err(_) if here.is_symlink() => return false,
                Err(_) => {}
            }
            let Some(last) = here.components().next_back() else { return false };
            missing.push(PathBuf::from(last.as_os_str()));
            if !here.pop() {
                return false;
            }
        }
    }

    /// The path for display: `.` for the project root.
    pub fn shown_directory(&self, directory: &Path) -> String {
        match self.shown(directory) {
            shown if shown.is_empty() => ".".to_owned(),
            shown => shown,
        }
    }

    fn is_inside(&self, real: &Path) -> bool {
        self.roots.iter().any(|root| real.starts_with(root))
    }
}

fn is_plain(part: &Path) -> bool {
    part.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}
