//! The place of the log: its directory and its file. Neither may be a link.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, Metadata, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Kept, StoreError};
use crate::host::environment::Environment;
use crate::host::file_stamp::FileStamp;
use crate::host::git::{self, Checkout};
use crate::host::seal_key::SealKey;

/// The file of the log.
pub(super) const FILE: &str = "maestro.db";

/// Permissions for the owner only.
const PRIVATE_DIRECTORY: u32 = 0o700;

/// Identity of a file: device, inode, and the creation time, because inodes are reused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    number: u64,
    made: Option<SystemTime>,
}

impl FileId {
    fn of(found: &Metadata) -> Self {
        Self { device: found.dev(), number: found.ino(), made: found.created().ok() }
    }
}

/// Identities of the files that `SQLite` keeps beside an open log: the pending events, and an index of them.
pub(super) type Beside = [Option<FileId>; 2];

const BESIDE: [&str; 2] = ["maestro.db-wal", "maestro.db-shm"];

/// A file in the log's place.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) id: FileId,
    pub(super) bytes: u64,
}

/// The directory of a log.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) directory: PathBuf,
    root: Option<PathBuf>,
}

impl Place {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, root: None }
    }

    pub(super) fn below(self, root: &Path) -> Self {
        Self { root: Some(root.to_owned()), ..self }
    }

    /// The file of the log. A link is refused when it is opened.
    pub(super) fn file(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// True if the file belongs to another user.
    pub(super) fn is_of_another_user(&self) -> bool {
        let user = rustix::process::geteuid().as_raw();
        fs::symlink_metadata(self.file()).is_ok_and(|found| found.uid() != user)
    }

    /// The path of the file without links.
    pub(super) fn real_file(&self) -> Result<PathBuf, StoreError> {
        let real = self.directory.canonicalize();
        Ok(real.map_err(|error| StoreError::of_file(&self.directory, &error))?.join(FILE))
    }

    /// True if the log may be complete only together with a file beside it: one with pending events, or of
    /// an unfinished creation.
    pub(super) fn is_unfinished(&self) -> bool {
        ["maestro.db-wal", "maestro.db-journal"]
            .iter()
            .any(|name| fs::metadata(self.directory.join(name)).is_ok_and(|found| found.len() > 0))
    }

    /// The identities of the files beside the log.
    pub(super) fn beside(&self) -> Beside {
        BESIDE.map(|name| Some(FileId::of(&fs::symlink_metadata(self.directory.join(name)).ok()?)))
    }

    /// Renames those of `files` that still exist. They belong to a log that is gone, and `SQLite` would use
    /// them for the new file in its place.
    pub(super) fn set_aside(&self, files: &Beside) {
        let mark = uuid::Uuid::now_v7();
        for ((name, before), now) in BESIDE.iter().zip(files).zip(&self.beside()) {
            if before.is_some() && before == now {
                let aside = self.directory.join(format!("{name}.replaced-{mark}"));
                // Another server may be renaming it too.
                let _ = fs::rename(self.directory.join(name), aside);
            }
        }
    }

    /// The file in the log's place; None if it does not exist.
    pub(super) fn find(&self) -> Result<Option<Found>, StoreError> {
        if metadata(&self.directory)?.is_none() {
            return Ok(None);
        }
        check_directory(&self.directory)?;
        let file = self.file();
        let Some(found) = metadata(&file)? else {
            return Ok(None);
        };
        if !found.is_file() {
            return Err(not_ours(&file, &found, "it is not a regular file"));
        }
        Ok(Some(Found { id: FileId::of(&found), bytes: found.len() }))
    }

    /// Creates the directory and an empty file that only the user can read, unless they exist.
    pub(super) fn make(&self) -> Result<(), StoreError> {
        if let Some(root) = &self.root {
            check_root(root)?;
        }
        make_directory(&self.directory)?;
        if self.find()?.is_some() {
            return Ok(());
        }
        let explain = |error: &io::Error| StoreError::of_file(&self.directory, error);
        // A temporary file is private from the beginning. It is closed before it gets its name, because
        // closing a file releases the locks that this process has on it.
        let new = tempfile::Builder::new().prefix(".maestro-db-").tempfile_in(&self.directory);
        match new.map_err(|error| explain(&error))?.into_temp_path().persist_noclobber(self.file()) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(explain(&error.error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Checks that the directory of a project exists. It is not created.
///
/// # Errors
///
/// It does not exist.
pub fn check_root(root: &Path) -> Result<(), StoreError> {
    if root.is_dir() {
        return Ok(());
    }
    Err(StoreError::Io { reason: format!("the project directory {} does not exist", root.display()) })
}

/// Creates one of Maestro's own directories unless it exists, with a `.gitignore` for it.
pub(super) fn make_directory(directory: &Path) -> Result<(), StoreError> {
    let explain = |error: &io::Error| StoreError::of_file(directory, error);
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent).map_err(|error| explain(&error))?;
    }
    let ignored = match DirBuilder::new().mode(PRIVATE_DIRECTORY).create(directory) {
        Ok(()) => "*\n".to_owned(),
        // Other files in an existing directory may belong to the user and to git.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            check_directory(directory)?;
            format!("/.gitignore\n/{FILE}*\n/.maestro-db-*\n")
        }
        Err(error) => return Err(explain(&error)),
    };
    let file = directory.join(".gitignore");
    let made = fs::File::options().write(true).create_new(true).open(&file);
    match made.and_then(|mut made| made.write_all(ignored.as_bytes())) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(StoreError::of_file(&file, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Refuses a link, and anything else that is not a directory.
fn check_directory(directory: &Path) -> Result<(), StoreError> {
    match metadata(directory)? {
        Some(found) if !found.is_dir() => Err(not_ours(directory, &found, "it is not a directory")),
        Some(_) | None => Ok(()),
    }
}

fn not_ours(path: &Path, found: &Metadata, otherwise: &'static str) -> StoreError {
    let reason =
        if found.is_symlink() { "it is a symbolic link, which the log does not follow" } else { otherwise };
    StoreError::NotOurs { path: path.to_owned(), reason }
}

fn metadata(path: &Path) -> Result<Option<Metadata>, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::of_file(path, &error)),
    }
}

// A fold of a log is saved beside the log's mark in the user's own directory, so that not every process must
// fold a long log from its first event. It is sealed with the user's key and bound to the hash of its last
// event. Only the build that saved it can use it. A fold that does not fit is ignored.

/// Size of a mark in bytes, padded with blanks. A disk writes this many bytes completely or not at all.
const MARK_BYTES: usize = 512;

/// Maximum size of a file with a fold, in bytes.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Header of a saved fold, on a line of its own.
#[derive(Serialize, Deserialize)]
struct Head {
    /// The build that saved the fold.
    program: String,
    seq: u64,
    /// The hash of the event at `seq`.
    hash: String,
    seal: String,
}

impl Head {
    fn sealed(&self, key: &SealKey, fold: &[u8]) -> String {
        let seq = self.seq.to_be_bytes();
        key.sign("fold", &[self.program.as_bytes(), &seq, self.hash.as_bytes(), fold])
    }
}

/// Reads the fold in a file, with the hash of its last event; None if it does not fit this build and key.
pub(super) fn load(file: &Path, key: &SealKey) -> Option<(Kept, String)> {
    let program = program()?;
    let found = File::open(file).ok()?;
    if found.metadata().ok()?.len() > MOST_BYTES {
        return None;
    }
    let mut bytes = Vec::new();
    found.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    let end = memchr::memchr(b'\n', &bytes)?;
    let fold = bytes.split_off(end + 1);
    let head: Head = serde_json::from_slice(&bytes).ok()?;
    let fits = head.program == program && head.seal == head.sealed(key, &fold);
    fits.then_some((Kept { seq: head.seq, fold }, head.hash))
}

pub(super) fn save(file: &Path, key: &SealKey, hash: String, kept: &Kept) -> std::io::Result<()> {
    let (Some(program), Some(directory)) = (program(), file.parent()) else { return Ok(()) };
    let mut head = Head { program: program.to_owned(), seq: kept.seq, hash, seal: String::new() };
    head.seal = head.sealed(key, &kept.fold);
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(&serde_json::to_vec(&head)?)?;
    new.write_all(b"\n")?;
    new.write_all(&kept.fold)?;
    new.persist(file).map_err(|error| error.error)?;
    Ok(())
}

/// Identity of this program, different for each version and build.
fn program() -> Option<&'static str> {
    static PROGRAM: OnceLock<Option<String>> = OnceLock::new();
    let find = || {
        let found = fs::metadata(std::env::current_exe().ok()?).ok()?;
        let (size, at, nanos) = (found.size(), found.mtime(), found.mtime_nsec());
        Some(format!("{} {size} {at}.{nanos}", env!("CARGO_PKG_VERSION")))
    };
    PROGRAM.get_or_init(find).as_deref()
}

// A mark is the last state of a log that this user has seen: its length and its last hash. It is in the
// user's own directory. A log that came with a repository has no mark. A log that was put back or rewritten
// does not fit its mark. An unchanged log need not be checked from its beginning.

/// Fingerprint of a log's files. It changes with every write to one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Print {
    log: FileStamp,
    latest: Option<FileStamp>,
}

impl Print {
    pub(super) fn of(place: &Place) -> Option<Self> {
        let file = place.file();
        let log = FileStamp::of(&fs::symlink_metadata(&file).ok()?);
        // An empty file has no events, and each reader creates and removes one.
        let latest = fs::symlink_metadata(file.with_extension("db-wal")).ok().filter(|found| found.len() > 0);
        Some(Self { log, latest: latest.map(|found| FileStamp::of(&found)) })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) seq: u64,
    pub(super) hash: String,
    /// The files at that time; None if somebody may have written to them without leaving a mark.
    pub(super) print: Option<Print>,
}

/// Takes the lock of a mark, and waits for at most 50 ms, because the process that holds it may be stopped.
/// False if it still holds the lock. True without waiting if the file system has no locks.
fn hold(lock: impl Fn() -> Result<(), TryLockError>) -> bool {
    const PAUSE: Duration = Duration::from_millis(1);
    (0..50).any(|_| {
        let is_held = matches!(lock(), Err(TryLockError::WouldBlock));
        if is_held {
            std::thread::sleep(PAUSE);
        }
        !is_held
    })
}

impl Mark {
    fn read(file: &File) -> Option<Self> {
        let mut text = Vec::new();
        file.take(MARK_BYTES as u64).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// The marks of a user.
#[derive(Clone, Debug)]
pub struct Marks {
    directory: PathBuf,
    /// The key that seals the folds of logs.
    key: Option<SealKey>,
}

impl Marks {
    /// The marks in a user's state directory.
    pub fn new(state: &Path) -> Self {
        Self { directory: state.join("logs"), key: None }
    }

    /// The same marks, with saved folds beside them.
    pub fn sealed_by(mut self, key: &SealKey) -> Self {
        self.key = Some(key.clone());
        self
    }

    /// The saved fold of a log, with the hash of its last event.
    pub(super) fn kept(&self, first: &str, place: &Place) -> Option<(Kept, String)> {
        load(&self.fold_file(first, place), self.key.as_ref()?)
    }

    /// Saves a fold of a log up to the event with this hash.
    pub(super) fn keep(&self, first: &str, place: &Place, hash: String, kept: &Kept) {
        let Some(key) = &self.key else { return };
        if let Err(error) = save(&self.fold_file(first, place), key, hash, kept) {
            tracing::debug!(%error, "what was folded of the log cannot be kept");
        }
    }

    pub(super) fn keeps_folds(&self) -> bool {
        self.key.is_some()
    }

    /// True if this user has ever seen a log that begins with this hash.
    pub(super) fn knows(&self, first: &str) -> bool {
        self.of_log(first).is_dir()
    }

    /// Records that this user has a log that begins with this hash.
    pub(super) fn announce(&self, first: &str) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(self.of_log(first));
        if let Err(error) = made {
            tracing::debug!(%error, "the beginning of the log cannot be noted");
        }
    }

    /// The mark of a log at a place.
    pub(super) fn load(&self, first: &str, place: &Place) -> Option<Mark> {
        let file = File::open(self.file(first, place)).ok()?;
        hold(|| file.try_lock_shared());
        Mark::read(&file)
    }

    /// Writes a mark, unless a later one exists. Without a mark, only the next check takes longer.
    pub(super) fn save(&self, first: &str, place: &Place, mark: &Mark) {
        let path = self.file(first, place);
        let open =
            || File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let write = || {
            let file = open().or_else(|_| {
                self.announce(first);
                open()
            })?;
            if !hold(|| file.try_lock()) || Mark::read(&file).is_some_and(|known| known.seq > mark.seq) {
                return Ok(());
            }
            // The mark is overwritten in one write, because a new file for each append took longer than all
            // the rest.
            let text = format!("{:<MARK_BYTES$}", serde_json::to_string(mark)?);
            file.write_all_at(text.as_bytes(), 0)
        };
        if let Err(error) = write() {
            tracing::debug!(%error, "the mark of the log cannot be kept");
        }
    }

    fn of_log(&self, first: &str) -> PathBuf {
        // The value is a hash only if the log is ours. In a foreign log it could be anything.
        let name: String = first.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        self.directory.join(name)
    }

    fn fold_file(&self, first: &str, place: &Place) -> PathBuf {
        self.file(first, place).with_extension("fold")
    }

    fn file(&self, first: &str, place: &Place) -> PathBuf {
        let path = place.real_file().unwrap_or_else(|_| place.file());
        let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
        let name = crate::domain::words::hex(digest.get(..16).unwrap_or_default());
        self.of_log(first).join(format!("{name}.json"))
    }
}

/// True if git tracks the log of a directory.
pub(super) fn is_tracked(directory: &Path) -> bool {
    let Some(git) = Checkout::around(directory).and_then(|checkout| checkout.own_directory()) else {
        return false;
    };
    // Asking git takes a process, so the index is first searched for the name.
    let index = fs::read(git.join("index")).unwrap_or_default();
    if memchr::memmem::find(&index, FILE.as_bytes()).is_none() {
        return false;
    }
    // If git gives no answer, the index counts.
    ask(directory, &["ls-files", "--error-unmatch", "--", FILE]) != Some(1)
}

/// Makes git ignore the log of a directory. Returns a warning if that failed.
pub(super) fn keep_out(directory: &Path) -> Option<String> {
    let checkout = Checkout::around(directory)?;
    let ignored = || ask(directory, &["check-ignore", "-q", "--no-index", "--", FILE]) != Some(1);
    if ignored() {
        return None;
    }
    let real = directory.canonicalize().ok()?;
    // A file in the directory, so that the path ends with a slash unless it is empty.
    let below = real.join(FILE).strip_prefix(&checkout.root).ok()?.to_str()?.strip_suffix(FILE)?.to_owned();
    let lines = format!("/{below}{FILE}*\n/{below}.maestro-db-*\n");
    // Git reads this file from the common repository, not from a worktree's own directory.
    let info = checkout.repository.join("info");
    let exclude = info.join("exclude");
    let text = fs::read_to_string(&exclude).unwrap_or_default();
    if !text.contains(&lines) {
        let _ = fs::create_dir_all(&info);
        let file = fs::File::options().create(true).append(true).open(&exclude);
        let _ = file.and_then(|mut file| {
            write!(file, "{}{lines}", if text.is_empty() || text.ends_with('\n') { "" } else { "\n" })
        });
    }
    (!ignored()).then(|| {
        format!(
            "git would commit {}/{FILE}, with prompts and answers in it, because a .gitignore of the project says so; add `{FILE}*` to {}/.gitignore",
            directory.display(),
            directory.display()
        )
    })
}

/// The exit code of a git command, 0 or 1; None if git could not be asked or failed.
fn ask(directory: &Path, arguments: &[&str]) -> Option<i32> {
    let root = Checkout::around(directory)?.root;
    let environment = Environment::capture();
    let passed = ["HOME", "XDG_CONFIG_HOME"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
        .chain(environment.path_outside(&root).map(|path| ("PATH", path)));
    let status = Command::new(environment.find_outside("git", &root)?)
        .args([
            "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c",
            "safe.bareRepository=explicit",
        ])
        .args(arguments.iter().map(OsStr::new))
        .current_dir(directory)
        .env_clear()
        .envs(passed)
        .envs(git::VARIABLES)
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
        assert!(keep_out(&own).unwrap().contains("git would commit"));
        git(project.path(), &["add", "-f", "sub/.maestro/maestro.db"]);
        assert!(is_tracked(&own));
    }

    #[test]
    fn the_log_of_a_worktree_is_kept_out_too() {
        let project = tempfile::tempdir().unwrap();
        let at = |name: &str| project.path().join(name);
        fs::create_dir(at("main")).unwrap();
        git(&at("main"), &["init", "-q"]);
        let who = ["-c", "user.name=a", "-c", "user.email=a@b.c"];
        git(&at("main"), &[&who[..], &["commit", "-q", "--allow-empty", "-m", "x"]].concat());
        git(&at("main"), &["worktree", "add", "-q", "../other"]);
        let own = at("other/.maestro");
        fs::create_dir(&own).unwrap();
        fs::write(own.join(FILE), "x").unwrap();
        assert_eq!(keep_out(&own), None);
        let exclude = fs::read_to_string(at("main/.git/info/exclude")).unwrap();
        assert!(exclude.contains("/.maestro/maestro.db*\n"), "{exclude}");
        git(&at("other"), &["add", "-f", ".maestro/maestro.db"]);
        assert!(is_tracked(&own));
    }

    /// Servers write a mark and read it at once: nobody sees half of one, and it never goes back.
    #[test]
    fn a_mark_is_whole_and_only_goes_on() {
        let state = tempfile::tempdir().unwrap();
        let (marks, place) = (Marks::new(state.path()), Place::new(state.path().join(".maestro")));
        let mark = |seq: u64| Mark { seq, hash: seq.to_string().repeat(8), print: None };
        std::thread::scope(|scope| {
            for writer in 0..2 {
                let (marks, place) = (&marks, &place);
                scope.spawn(move || (0..200).for_each(|at| marks.save("f", place, &mark(2 * at + writer))));
            }
            let mut last = 0;
            for found in (0..400).filter_map(|_| marks.load("f", &place)) {
                assert!(found == mark(found.seq) && found.seq >= last, "{found:?} after {last}");
                last = found.seq;
            }
        });
        // One of them may have waited for the other in vain.
        marks.save("f", &place, &mark(399));
        assert_eq!(marks.load("f", &place), Some(mark(399)));
        // One that an earlier version wrote is as long as it needs to be, and somebody may hold it for ever.
        let file = marks.file("f", &place);
        fs::write(&file, serde_json::to_vec(&mark(7)).unwrap()).unwrap();
        let stopped = File::open(&file).unwrap();
        stopped.lock().unwrap();
        marks.save("f", &place, &mark(8));
        assert_eq!(marks.load("f", &place), Some(mark(7)));
        drop(stopped);
        marks.save("f", &place, &mark(8));
        assert_eq!(marks.load("f", &place), Some(mark(8)));
        assert_eq!(fs::metadata(&file).unwrap().len(), MARK_BYTES as u64);
    }
}
