//! Material of a review: a diff or files, read once, with line numbers, masked, within limits.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Target;
use super::related::related;
use super::seen::{Change, Seen, masked};
use crate::domain::change::Mark;
use crate::domain::citations::Lines;
use crate::domain::diff::{self, Patch};
use crate::domain::pack::Omission;
use crate::domain::plain::plain;
use crate::domain::secret_path;
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::project_files::ProjectFiles;
use crate::flow::verify::guarded;
use crate::host::git::{VARIABLES, running_nothing};
use crate::host::project::{Project, Refusal};

/// Bytes of a diff that are read.
const MOST_DIFF: u64 = 2 * 1024 * 1024;
/// Bytes of a file that is read.
const MOST_FILE: u64 = 1024 * 1024;
/// Files of one review.
const MOST_FILES: usize = 60;
/// Characters of the material.
const MOST_CHARS: usize = 60_000;
/// The option for the lines around each change.
const AROUND: &str = "-U12";
/// Options of a diff that is parsed: the user's display settings must not change the text.
const SHOWN_AS: [&str; 8] = [
    "--no-color", "--relative", "--src-prefix=a/", "--dst-prefix=b/", "--find-renames", "--submodule=short",
    "-O/dev/null", AROUND,
];

/// A file under review.
pub(super) struct File {
    pub(super) name: String,
    /// Its old name, if it was renamed.
    pub(super) was: Option<String>,
    pub(super) lines: Lines,
    pub(super) removed: Vec<(usize, String)>,
    /// The first and the last line of each part that the reviewers see.
    pub(super) shown: Vec<(usize, usize)>,
    mark: Mark,
}

pub(super) struct Material {
    pub(super) files: Vec<File>,
    pub(super) text: String,
    pub(super) left_out: Vec<Omission>,
    /// Files whose diff is too long to be read, each with the reason.
    pub(super) unread: Vec<String>,
    pub(super) masked: usize,
    version: Version,
}

/// Version of the files under review.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Version {
    /// As they are on the disk.
    Working,
    Staged,
    /// As a commit has them.
    Commit(String),
}

/// Reads the change or the files to review. Blocks.
pub(super) fn material(
    config: &Configuration,
    project: &ProjectFiles,
    target: &Target,
) -> Result<Material, Error> {
    let project = project.reader()?;
    let masker = config.masker()?;
    let reader = Reader { config, project: &project };
    let mut gathered = match target {
        Target::Files(files) => reader.files(files)?,
        Target::Working => reader.change(&["HEAD"], Version::Working, New::Too)?,
        Target::Staged => reader.change(&["--cached"], Version::Staged, New::Not)?,
        Target::Range(range) => {
            let (version, until) = reader.version(range)?;
            reader.change(&[&until], version, New::Not)?
        }
    };
    let (mut text, mut files, mut masked) = (String::new(), Vec::new(), 0);
    for change in &gathered.changes {
        let seen = change.seen(&masker);
        let mut left = |reason| gathered.left_out.push(Omission { path: change.name.clone(), reason });
        if text.chars().count() + seen.text.chars().count() > MOST_CHARS {
            left(format!("over the limit of {MOST_CHARS} characters"));
            continue;
        }
        if let Some(cut) = &seen.cut {
            left(format!("{cut} were not shown"));
        }
        masked += seen.masked;
        text.push_str(&seen.text);
        text.push('\n');
        files.push(change.file(seen));
    }
    let (around, count) = related(&project, &masker, &gathered.changes);
    masked += count;
    if !around.is_empty() && !text.is_empty() {
        text.push_str("## Elsewhere in the project: what defines or uses the names of this change\n");
        text.push_str(&around);
    }
    let Gathered { left_out, unread, version, .. } = gathered;
    Ok(Material { files, text, left_out, unread, masked, version })
}

impl Material {
    /// The files that changed since they were read. Blocks.
    pub(super) fn changed_since(&self, config: &Configuration, project: &ProjectFiles) -> Vec<String> {
        let Ok(project) = project.reader() else { return Vec::new() };
        let reader = Reader { config, project: &project };
        let is_changed = |file: &&File| {
            let now = reader.content(&file.name, &self.version).unwrap_or_default();
            Mark::of(now.as_bytes()) != file.mark
        };
        self.files.iter().filter(is_changed).map(|file| file.name.clone()).collect()
    }
}

/// The text of a project file that is not under review itself, for example a caller. Blocks.
pub(super) fn other(
    config: &Configuration,
    project: &ProjectFiles,
    name: &str,
) -> Result<(String, Lines), String> {
    let project = project.reader().map_err(|error| error.to_string())?;
    let masker = config.masker().map_err(|error| error.to_string())?;
    let found = project.look(name).map_err(|refusal| refusal.to_string())?;
    let text = read(found.open().map_err(|refusal| refusal.to_string())?)?;
    let lines: Vec<&str> = text.lines().collect();
    let lines = masked(&lines, &masker);
    Ok((found.shown, Lines::of(lines.iter().flat_map(|line| [line, "\n"]).collect())))
}

struct Gathered {
    changes: Vec<Change>,
    left_out: Vec<Omission>,
    unread: Vec<String>,
    version: Version,
}

/// Says if files that git does not track yet are reviewed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum New {
    Too,
    Not,
}

struct Reader<'a> {
    config: &'a Configuration,
    project: &'a Project,
}

impl Reader<'_> {
    fn files(&self, given: &[String]) -> Result<Gathered, Error> {
        let mut gathered = Gathered::of(Version::Working);
        for name in given {
            let found = match self.project.find(name) {
                Ok(found) => found,
                Err(Refusal::NotFound) => {
                    let near = match self.project.nearest(name) {
                        _ if name.contains("..") => "; revisions are a `range`".to_owned(),
                        Some(near) => format!("; the nearest is `{near}`"),
                        None => String::new(),
                    };
                    let problem = format!("there is no file `{name}`{near}");
                    return Err(Error::InvalidArguments(problem));
                }
                Err(refusal) => {
                    gathered.left_out.push(Omission { path: name.clone(), reason: refusal.to_string() });
                    continue;
                }
            };
            for file in found {
                if !gathered.changes.iter().any(|known| known.name == file.shown) {
                    let read = self.content(&file.shown, &Version::Working);
                    gathered.add(file.shown, read, None);
                }
            }
        }
        Ok(gathered)
    }

    fn change(&self, words: &[&str], version: Version, new: New) -> Result<Gathered, Error> {
        let mut arguments = vec!["diff"];
        arguments.extend(SHOWN_AS);
        arguments.extend(words);
        let (printed, is_whole) = self.git(&arguments).map_err(|error| self.in_our_words(error))?;
        let mut gathered = Gathered::of(version);
        let conflicts = printed.lines().filter_map(|line| line.strip_prefix("* Unmerged path "));
        gathered.left_out.extend(conflicts.map(|path| Omission {
            path: path.to_owned(),
            reason: "in conflict: resolve it and stage it, or review `working`".to_owned(),
        }));
        for part in parts(&printed, is_whole) {
            self.take(part, &mut gathered);
        }
        let changed = self.changed_names(words)?;
        let changed = || changed.split('\0').filter(|name| !name.is_empty());
        if !is_whole {
            self.behind_the_cut(changed(), words, &mut gathered);
        }
        // The diff leaves out files with refused names; they are reported all the same.
        for name in changed() {
            if let Some(rule) = self.project.refuses_reading(Path::new(name))
                && !gathered.left_out.iter().any(|left| left.path == name)
            {
                let reason = secret_path::refusal(rule);
                gathered.left_out.push(Omission { path: name.to_owned(), reason });
            }
        }
        if new == New::Too {
            let (listed, _) = self.git(&["ls-files", "--others", "--exclude-standard", "-z"])?;
            for name in listed.split('\0').filter(|name| !name.is_empty() && !name.starts_with(".maestro/")) {
                gathered.add(name.to_owned(), self.content(name, &Version::Working), None);
            }
        }
        Ok(gathered)
    }

    /// Reads the diffs of those files one by one that the whole diff was too long for: one long file must not
    /// hide the others.
    fn behind_the_cut<'a>(
        &self,
        changed: impl Iterator<Item = &'a str>,
        words: &[&str],
        gathered: &mut Gathered,
    ) {
        let mut room = MOST_FILES;
        for name in changed {
            if gathered.knows(name) || self.project.refuses_reading(Path::new(name)).is_some() {
                continue;
            }
            let alone = match room {
                0 => Err(format!("over the limit of {MOST_FILES} files")),
                _ => self.diff_of(name, words).map_err(|error| error.to_string()),
            };
            room = room.saturating_sub(1);
            match alone {
                Ok((printed, true)) if !parts(&printed, true).is_empty() => {
                    for part in parts(&printed, true) {
                        self.take(part, gathered);
                    }
                }
                Ok((_, true)) => gathered.leave_out(name, "its diff cannot be read".to_owned()),
                Ok((_, false)) => {
                    let reason = format!("its diff has more than {MOST_DIFF} bytes");
                    gathered.unread.push(format!("{name}: {reason}"));
                    gathered.leave_out(name, reason);
                }
                Err(reason) => gathered.leave_out(name, reason),
            }
        }
    }

    /// Takes one file's part of a diff.
    fn take(&self, part: &str, gathered: &mut Gathered) {
        let patch = match diff::parse(part) {
            Ok(patch) => patch,
            Err(error) => {
                let reason = no_text(part).map_or_else(|| error.to_string(), str::to_owned);
                return gathered.leave_out(&named(part), reason);
            }
        };
        let Some(file) = patch.files.first() else { return };
        let is_gone = file.action == diff::Action::Delete;
        let name = if is_gone { file.old.clone() } else { file.new.clone() };
        let read = match self.project.refuses_reading(Path::new(&name)) {
            Some(rule) => Err(secret_path::refusal(rule)),
            None if is_gone => Ok(String::new()),
            None => self.content(&name, &gathered.version),
        };
        gathered.add(name, read, Some(patch));
    }

    /// The version at the end of a range, and the range by its commit ids, so that a moving branch changes
    /// nothing.
    fn version(&self, range: &str) -> Result<(Version, String), Error> {
        let invalid = |why: &str| {
            let problem =
                format!("range takes revisions such as main..HEAD or HEAD~2 (got `{range}`): {why}");
            Error::InvalidArguments(problem)
        };
        // No branch name contains these letters; a colon would name a file.
        let is_foreign =
            |letter: char| letter.is_whitespace() || letter.is_control() || ":?*[\\".contains(letter);
        if range.is_empty() || range.chars().any(is_foreign) {
            return Err(invalid("it contains characters that no revision has"));
        }
        let commit = |name: &str| -> Result<String, Error> {
            let name = if name.is_empty() { "HEAD" } else { name };
            let asked = format!("{name}^{{commit}}");
            if name.starts_with(['-', '^']) {
                return Err(invalid("a revision does not begin with `-` or `^`"));
            }
            match self.git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &asked]) {
                Ok((found, _)) if !found.trim().is_empty() => Ok(found.trim().to_owned()),
                Ok(_) | Err(_) => {
                    let is_shallow = self.tells(&["rev-parse", "--is-shallow-repository"], "true");
                    let why = if is_shallow {
                        "; this clone is shallow: `git fetch --unshallow` brings the older ones"
                    } else {
                        ""
                    };
                    Err(invalid(&format!("there is no commit `{name}`{why}")))
                }
            }
        };
        for dots in ["...", ".."] {
            if let Some((from, to)) = range.split_once(dots) {
                let (from, to) = (commit(from)?, commit(to)?);
                return Ok((Version::Commit(to.clone()), format!("{from}{dots}{to}")));
            }
        }
        Ok((Version::Working, commit(range)?))
    }

    /// The content of a file in a version.
    fn content(&self, name: &str, version: &Version) -> Result<String, String> {
        if let Some(rule) = self.project.refuses_reading(Path::new(name)) {
            return Err(secret_path::refusal(rule));
        }
        let object = match version {
            Version::Working => {
                let found = self.project.look(name).map_err(|refusal| refusal.to_string())?;
                return read(found.open().map_err(|refusal| refusal.to_string())?);
            }
            Version::Staged => format!(":./{name}"),
            Version::Commit(commit) => format!("{commit}:./{name}"),
        };
        let (text, is_whole) = self.git(&["show", &object]).map_err(|error| error.to_string())?;
        match (is_whole, text.contains('\0')) {
            (false, _) => Err("too large".to_owned()),
            (true, true) => Err("binary".to_owned()),
            (true, false) => Ok(text),
        }
    }

    /// True if a git command prints exactly this.
    fn tells(&self, arguments: &[&str], wanted: &str) -> bool {
        self.git(arguments).is_ok_and(|(printed, _)| printed.trim() == wanted)
    }

    /// Rewrites git's refusal to compare if a commit or a repository is missing.
    fn in_our_words(&self, error: Error) -> Error {
        let (reason, hint) = if !self.tells(&["rev-parse", "--is-inside-work-tree"], "true") {
            ("the project is not a git repository, so there is no change to review", "Name `files` instead.")
        } else if self.git(&["rev-parse", "--verify", "--quiet", "HEAD"]).is_err() {
            (
                "the repository has no commit yet, so there is nothing to compare with",
                "Name `files`, or stage what is to be reviewed and review `staged`, or commit once.",
            )
        } else {
            return error;
        };
        Error::Setup { reason: format!("review: {reason}"), hint: hint.to_owned() }
    }

    /// Names of all differing files, refused ones included.
    fn changed_names(&self, words: &[&str]) -> Result<String, Error> {
        let options = ["--name-only", "-z", "--relative"];
        self.diff(options.iter().chain(words).map(OsString::from).collect()).map(|(names, _)| names)
    }

    /// The diff of one file, which the caller may read.
    fn diff_of(&self, name: &str, words: &[&str]) -> Result<(String, bool), Error> {
        let mut all: Vec<OsString> = SHOWN_AS.iter().chain(words).map(OsString::from).collect();
        all.extend(["--".into(), format!(":(literal){name}").into()]);
        self.diff(all)
    }

    fn diff(&self, words: Vec<OsString>) -> Result<(String, bool), Error> {
        self.run(|program, root| {
            let mut all = running_nothing(program, root);
            all.extend(
                ["diff", "--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty"].map(OsString::from),
            );
            all.extend(words);
            all
        })
    }

    /// Runs a git command. Returns its output, and true if the output is complete. Nothing that the
    /// repository configures is run.
    fn git(&self, arguments: &[&str]) -> Result<(String, bool), Error> {
        let words: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        let secrets = self.config.secret_rules()?;
        self.run(|program, root| guarded(program, root, &words, &secrets))
    }

    fn run(&self, arguments: impl FnOnce(&Path, &Path) -> Vec<OsString>) -> Result<(String, bool), Error> {
        let setup = |reason: String| Error::Setup {
            reason: format!("review: {reason}"),
            hint: "Name `files` instead, or make the project a git repository with a commit.".to_owned(),
        };
        let root = self.config.root();
        let program =
            self.config.find_outside("git").ok_or_else(|| setup("git is not installed".to_owned()))?;
        let failed = |error: std::io::Error| setup(format!("git: {error}"));
        let mut child = Command::new(&program)
            .args(arguments(&program, root))
            .current_dir(root)
            .envs(VARIABLES)
            .envs(self.config.environment().path_outside(root).map(|path| ("PATH", path)))
            .env("LC_ALL", "C")
            .env_remove("GIT_EXTERNAL_DIFF")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut printed = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(MOST_DIFF + 1).read_to_end(&mut printed).map_err(failed)?;
        }
        let is_whole = u64::try_from(printed.len()).unwrap_or(u64::MAX) <= MOST_DIFF;
        if !is_whole {
            let _ = child.kill();
        }
        let output = child.wait_with_output().map_err(failed)?;
        if is_whole && !output.status.success() {
            let said = plain(&String::from_utf8_lossy(&output.stderr)).trim().to_owned();
            let said = said.lines().next().unwrap_or("it failed").to_owned();
            return Err(setup(format!("git: {said}")));
        }
        Ok((String::from_utf8_lossy(&printed).into_owned(), is_whole))
    }
}

impl Gathered {
    fn of(version: Version) -> Self {
        Self { changes: Vec::new(), left_out: Vec::new(), unread: Vec::new(), version }
    }

    /// True if a file is read or left out already, under its new name or its old one.
    fn knows(&self, name: &str) -> bool {
        let olds = |change: &Change| change.was().is_some_and(|was| was == name);
        self.changes.iter().any(|change| change.name == name || olds(change))
            || self.left_out.iter().any(|left| left.path == name)
    }

    fn leave_out(&mut self, name: &str, reason: String) {
        self.left_out.push(Omission { path: name.to_owned(), reason });
    }

    fn add(&mut self, name: String, read: Result<String, String>, patch: Option<Patch>) {
        let read = read.and_then(|text| match self.changes.len() {
            count if count >= MOST_FILES => Err(format!("over the limit of {MOST_FILES} files")),
            _ => Ok(text),
        });
        match read {
            Ok(text) => self.changes.push(Change { name, text, patch }),
            Err(reason) => self.leave_out(&name, reason),
        }
    }
}

impl Change {
    /// Its name before the change; the same if it was not renamed.
    fn was(&self) -> Option<&str> {
        let mut files = self.patch.iter().flat_map(|patch| &patch.files);
        files.next().map(|file| file.old.as_str())
    }

    fn file(&self, seen: Seen) -> File {
        File {
            name: self.name.clone(),
            was: self.was().filter(|was| *was != self.name).map(str::to_owned),
            mark: Mark::of(self.text.as_bytes()),
            lines: Lines::of(seen.lines.iter().flat_map(|line| [line, "\n"]).collect()),
            removed: seen.removed,
            shown: seen.shown,
        }
    }
}

fn read(file: std::fs::File) -> Result<String, String> {
    let mut bytes = Vec::new();
    file.take(MOST_FILE + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_FILE {
        return Err("too large".to_owned());
    }
    if bytes.contains(&0) {
        return Err("binary".to_owned());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The diff of each file.
fn parts(printed: &str, is_whole: bool) -> Vec<&str> {
    let begins = |at: &usize| *at == 0 || printed.as_bytes().get(at - 1) == Some(&b'\n');
    let starts: Vec<usize> = printed.match_indices("diff --git ").map(|(at, _)| at).filter(begins).collect();
    let ends = starts.iter().skip(1).copied().chain([printed.len()]);
    let mut parts: Vec<&str> =
        starts.iter().zip(ends).filter_map(|(start, end)| printed.get(*start..end)).collect();
    if !is_whole {
        parts.pop();
    }
    parts
}

/// Describes a part of a diff that has no text lines.
fn no_text(part: &str) -> Option<&'static str> {
    let has_mode = |mode: &str| {
        part.lines()
            .take(6)
            .any(|line| line.ends_with(mode) && (line.starts_with("index ") || line.contains("mode ")))
    };
    if part.lines().any(|line| line.starts_with("Binary files ")) {
        Some("binary")
    } else if has_mode(" 160000") {
        Some("a submodule at another commit; review the change in its own repository")
    } else if has_mode(" 120000") {
        Some("a symbolic link")
    } else {
        None
    }
}

/// The name in the header of a part that is not parsed.
fn named(part: &str) -> String {
    diff::new_name(part).unwrap_or_else(|| part.lines().next().unwrap_or_default().to_owned())
}
