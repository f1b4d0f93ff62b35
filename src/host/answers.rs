//! Files of long answers. If a result shows only the beginning of an answer, a file holds all of it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use tokio::runtime::Handle;

use super::change::Tree;
use crate::domain::address::Address;
use crate::domain::order::Order;
use crate::domain::verification::rules::ORACLE_DIRECTORY;

/// The place of whole answers: `.maestro/answers` of the project, where the orchestrator can read them. If
/// the project is not writable, it is the temporary directory.
#[derive(Clone, Debug)]
pub struct Answers {
    root: PathBuf,
}

/// The directory of answers, relative to the project root.
const STORE: &str = ".maestro/answers";

/// Maximum size in bytes of an answer that is read back.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// The prefix of an answer's name in the temporary directory.
const ASIDE: &str = "maestro-answer-";

/// Limits of each place. When an answer is kept, the oldest ones beyond a limit are removed.
#[derive(Clone, Copy)]
struct Limits {
    age: Duration,
    bytes: u64,
    files: usize,
}

const LIMITS: Limits =
    Limits { age: Duration::from_secs(30 * 24 * 60 * 60), bytes: 100 * 1024 * 1024, files: 500 };

impl Answers {
    /// Answers of a project.
    pub fn new(project_root: &Path) -> Self {
        Self { root: project_root.to_owned() }
    }

    /// Keeps an answer and returns its file.
    ///
    /// # Errors
    ///
    /// Neither the project nor the temporary directory takes the file.
    pub fn keep(&self, name: &str, text: &str) -> std::io::Result<PathBuf> {
        self.keep_in_project(name, text).or_else(|_| keep_aside(name, text))
    }

    /// The address of the answer in a file; None if the file is not in the project.
    pub fn address(file: &str) -> Option<Address> {
        let path = Path::new(file);
        let is_ours = path.parent().is_some_and(|parent| parent.ends_with(STORE));
        let name = path.file_name().filter(|_| is_ours)?.to_str()?;
        // Only a readable name is an address.
        Address::read(&Address::Answer(name.to_owned()).to_string())
    }

    /// Reads the answer with a file name; None if it does not exist. Follows no link.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not text.
    pub fn read(&self, name: &str) -> std::io::Result<Option<String>> {
        if !is_answer(name) {
            return Ok(None);
        }
        let refused = |reason: String| std::io::Error::other(reason);
        let found = Tree::open(&self.root)?
            .look(&format!("{STORE}/{name}"), MOST_BYTES)
            .map_err(|obstacle| refused(obstacle.to_string()))?;
        found
            .map(|state| String::from_utf8(state.content).map_err(|_| refused("it is not text".to_owned())))
            .transpose()
    }

    /// The names of the newest answers, newest first.
    pub fn newest(&self, limit: usize) -> Vec<String> {
        let entries = std::fs::read_dir(self.root.join(STORE)).into_iter().flatten().flatten();
        let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
        let mut names: Vec<String> = files
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_answer(name))
            .collect();
        names.order_by(|left, right| when(right).cmp(when(left)));
        names.truncate(limit);
        names
    }

    fn keep_in_project(&self, name: &str, text: &str) -> std::io::Result<PathBuf> {
        let store = made(&self.root, STORE)?;
        let file = format!("{name}-{}.md", uuid::Uuid::now_v7());
        write_new(&store, &file, text)?;
        // The answer does not wait for this, because it may look at hundreds of files.
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn_blocking(move || prune(&store, LIMITS, is_answer)));
        }
        Ok(self.root.join(STORE).join(file))
    }
}

/// The end of an answer's name: a UUID that sorts by time, with the extension.
fn when(name: &str) -> &str {
    const ID: usize = "00000000-0000-7000-8000-000000000000.md".len();
    name.len().checked_sub(ID).and_then(|start| name.get(start..)).unwrap_or(name)
}

/// Creates and opens a directory below the project root, and lets git ignore it. All access goes through a
/// capability of the root, so a link cannot lead out of the project.
fn made(project_root: &Path, place: &str) -> std::io::Result<Dir> {
    let root = Dir::open_ambient_dir(project_root, ambient_authority())?;
    root.create_dir_all(place)?;
    let store = root.open_dir(place)?;
    // Only this directory is ignored: other files in `.maestro` may belong under version control.
    match write_new(&store, ".gitignore", "*\n") {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(store),
    }
}

fn write_new(store: &Dir, name: &str, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    store.open_with(name, &options)?.write_all(text.as_bytes())
}

fn is_answer(name: &str) -> bool {
    Address::read(&Address::Answer(name.to_owned()).to_string()).is_some()
}

/// Removes old and surplus answers from the temporary directory.
pub fn prune_aside() {
    if let Ok(directory) = Dir::open_ambient_dir(std::env::temp_dir(), ambient_authority()) {
        prune(&directory, LIMITS, |name| name.starts_with(ASIDE));
    }
}

/// Removes this user's files that `is_ours` accepts by name and that exceed the limits. The newest stays.
fn prune(directory: &Dir, limits: Limits, is_ours: impl Fn(&str) -> bool) {
    let user = rustix::process::geteuid().as_raw();
    let entries = directory.entries().into_iter().flatten().flatten();
    let mut files: Vec<(SystemTime, u64, String)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok().filter(|name| is_ours(name))?;
            let found = entry.metadata().ok().filter(|found| found.is_file() && found.uid() == user)?;
            Some((found.modified().ok()?.into_std(), found.len(), name))
        })
        .collect();
    files.order_by(|left, right| right.cmp(left));
    let mut total = 0;
    for (place, (written, bytes, name)) in files.iter().enumerate() {
        total += bytes;
        let is_old = written.elapsed().is_ok_and(|age| age > limits.age);
        if place > 0 && (is_old || total > limits.bytes || place >= limits.files) {
            // Another server may be removing it too.
            let _ = directory.remove_file(name);
        }
    }
}

/// Keeps an answer in the temporary directory, in a file that only this user can read.
fn keep_aside(name: &str, text: &str) -> std::io::Result<PathBuf> {
    prune_aside();
    let mut file = tempfile::Builder::new().prefix(&format!("{ASIDE}{name}-")).suffix(".md").tempfile()?;
    file.write_all(text.as_bytes())?;
    let (_, path) = file.keep().map_err(|error| error.error)?;
    Ok(path)
}

// An exhibit is a text that a check examines. It is a file below the project root for the duration of the
// check, because a check may only use paths inside the project.

/// The path of an imaginary exhibit, to judge a command before there is one.
pub const EXAMPLE: &str = ".maestro/oracle/answer.txt";

/// A file with a text for a check. It is removed on drop.
#[derive(Debug)]
pub struct Exhibit {
    root: PathBuf,
    name: String,
}

impl Exhibit {
    /// Writes a text to a new file below the project root.
    ///
    /// # Errors
    ///
    /// The project cannot be written to.
    pub fn new(project_root: &Path, text: &str) -> std::io::Result<Self> {
        let store = made(project_root, ORACLE_DIRECTORY)?;
        let name = format!("answer-{}.txt", uuid::Uuid::now_v7());
        write_new(&store, &name, text)?;
        Ok(Self { root: project_root.to_owned(), name })
    }

    /// Path relative to the project root. No character in it needs quoting.
    pub fn path(&self) -> String {
        format!("{ORACLE_DIRECTORY}/{}", self.name)
    }
}

impl Drop for Exhibit {
    fn drop(&mut self) {
        let store = Dir::open_ambient_dir(&self.root, ambient_authority())
            .and_then(|root| root.open_dir(ORACLE_DIRECTORY));
        if let Err(error) = store.and_then(|store| store.remove_file(&self.name)) {
            tracing::debug!(%error, "an exhibit could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_old_or_too_much_goes_and_nothing_else() {
        let base = tempfile::tempdir().unwrap();
        let aged = |name: &str, days: u64, bytes: usize| {
            let file = std::fs::File::create_new(base.path().join(name)).unwrap();
            (&file).write_all(&vec![b'x'; bytes]).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60)).unwrap();
        };
        for (name, days, bytes) in
            [("a1", 1, 10), ("a2", 2, 10), ("a3", 3, 10), ("a40", 40, 1), ("mine", 90, 1)]
        {
            aged(name, days, bytes);
        }
        std::os::unix::fs::symlink("mine", base.path().join("a-link")).unwrap();
        let directory = Dir::open_ambient_dir(base.path(), ambient_authority()).unwrap();
        let left = |limits: Limits| {
            prune(&directory, limits, |name| name.starts_with('a'));
            let mut names: Vec<_> =
                directory.entries().unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(left(LIMITS), ["a-link", "a1", "a2", "a3", "mine"]);
        assert_eq!(left(Limits { bytes: 25, ..LIMITS }), ["a-link", "a1", "a2", "mine"]);
        assert_eq!(left(Limits { files: 1, ..LIMITS }), ["a-link", "a1", "mine"]);
        assert_eq!(left(Limits { bytes: 0, files: 0, ..LIMITS }), ["a-link", "a1", "mine"]);
    }

    #[test]
    fn an_exhibit_is_there_as_long_as_it_is_needed() {
        let project = tempfile::tempdir().unwrap();
        let exhibit = Exhibit::new(project.path(), "an answer").unwrap();
        let path = project.path().join(exhibit.path());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "an answer");
        drop(exhibit);
        assert!(!path.exists());
        assert!(project.path().join(ORACLE_DIRECTORY).join(".gitignore").exists());
    }

    #[test]
    fn a_link_leads_nowhere_else() {
        let (project, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(elsewhere.path(), project.path().join(".maestro")).unwrap();
        assert!(Exhibit::new(project.path(), "x").is_err());
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}
