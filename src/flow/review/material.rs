//! Material of a review: a diff or files, read once, with line numbers, masked, within limits.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Target;
use super::related::{Change, related};
use crate::domain::change::Mark;
use crate::domain::citations::Lines;
use crate::domain::diff::{self, Patch, Side};
use crate::domain::mask::Masker;
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
/// Lines around each change, and lines of a file that is reviewed whole.
const AROUND: usize = 12;
const MOST_LINES: usize = 1_200;

/// A file under review.
pub(super) struct File {
    pub(super) name: String,
    /// Its old name, if it was renamed.
    pub(super) was: Option<String>,
    pub(super) lines: Lines,
    pub(super) removed: Vec<(usize, String)>,
    mark: Mark,
}

pub(super) struct Material {
    pub(super) files: Vec<File>,
    pub(super) text: String,
    pub(super) left_out: Vec<Omission>,
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
    let mut text = String::new();
    let mut masked = 0;
    for change in &gathered.changes {
        let shown = change.shown();
        let clean = masker.mask(&shown);
        if text.chars().count() + clean.text.chars().count() > MOST_CHARS {
            let reason = format!("over the limit of {MOST_CHARS} characters");
            gathered.left_out.push(Omission { path: change.name.clone(), reason });
            continue;
        }
        masked += clean.count;
        text.push_str(&clean.text);
        text.push('\n');
    }
    let (around, count) = related(&project, &masker, &gathered.changes);
    masked += count;
    if !around.is_empty() && !text.is_empty() {
        text.push_str("## Elsewhere in the project: what defines or uses the names of this change\n");
        text.push_str(&around);
    }
    let is_shown = |change: &&Change| !gathered.left_out.iter().any(|left| left.path == change.name);
    let files = gathered.changes.iter().filter(is_shown).map(|change| change.file(&masker)).collect();
    Ok(Material { files, text, left_out: gathered.left_out, masked, version: gathered.version })
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
    Ok((found.shown, as_seen(text, &masker)))
}

struct Gathered {
    changes: Vec<Change>,
    left_out: Vec<Omission>,
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
        let mut gathered = Gathered { changes: Vec::new(), left_out: Vec::new(), version: Version::Working };
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
        let around = format!("-U{AROUND}");
        // The user's display settings must not change the text.
        let mut arguments = vec![
            "diff", "--no-color", "--relative", "--src-prefix=a/", "--dst-prefix=b/", "--find-renames",
            "--submodule=short", "-O/dev/null", &around,
        ];
        arguments.extend(words);
        let (printed, is_whole) = self.git(&arguments).map_err(|error| self.in_our_words(error))?;
        let mut gathered = Gathered { changes: Vec::new(), left_out: Vec::new(), version };
        if !is_whole {
            let reason = format!("the diff has more than {MOST_DIFF} bytes; name a smaller range or files");
            gathered.left_out.push(Omission { path: "the rest of the diff".to_owned(), reason });
        }
        let conflicts = printed.lines().filter_map(|line| line.strip_prefix("* Unmerged path "));
        gathered.left_out.extend(conflicts.map(|path| Omission {
            path: path.to_owned(),
            reason: "in conflict: resolve it and stage it, or review `working`".to_owned(),
        }));
        for part in parts(&printed, is_whole) {
            match diff::parse(part) {
                Ok(patch) => self.take(patch, &mut gathered),
                Err(error) => {
                    let reason = no_text(part).map_or_else(|| error.to_string(), str::to_owned);
                    gathered.left_out.push(Omission { path: named(part), reason });
                }
            }
        }
        // The diff leaves out files with refused names; they are reported all the same.
        for name in self.changed_names(words)?.split('\0').filter(|name| !name.is_empty()) {
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

    fn take(&self, patch: Patch, gathered: &mut Gathered) {
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
        let options = ["diff", "--no-ext-diff", "--no-textconv", "--name-only", "-z", "--relative"];
        self.run(|program, root| {
            let mut all = running_nothing(program, root);
            all.extend(options.iter().chain(words).map(OsString::from));
            all
        })
        .map(|(names, _)| names)
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
            self.config.find_program("git").ok_or_else(|| setup("git is not installed".to_owned()))?;
        let failed = |error: std::io::Error| setup(format!("git: {error}"));
        let mut child = Command::new(&program)
            .args(arguments(&program, root))
            .current_dir(root)
            .envs(VARIABLES)
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
    fn add(&mut self, name: String, read: Result<String, String>, patch: Option<Patch>) {
        let read = read.and_then(|text| match self.changes.len() {
            count if count >= MOST_FILES => Err(format!("over the limit of {MOST_FILES} files")),
            _ => Ok(text),
        });
        match read {
            Ok(text) => self.changes.push(Change { name, text, patch }),
            Err(reason) => self.left_out.push(Omission { path: name, reason }),
        }
    }
}

impl Change {
    /// The file as a reviewer saw it, so masked.
    fn file(&self, masker: &Masker) -> File {
        let before = self.patch.iter().flat_map(|patch| &patch.files).map(|file| file.old.clone()).next();
        File {
            name: self.name.clone(),
            was: before.filter(|before| *before != self.name),
            mark: Mark::of(self.text.as_bytes()),
            lines: as_seen(self.text.clone(), masker),
            removed: self.removed(masker),
        }
    }

    fn removed(&self, masker: &Masker) -> Vec<(usize, String)> {
        let hunks = self.patch.iter().flat_map(|patch| &patch.files).flat_map(|file| &file.hunks);
        let mut removed = Vec::new();
        for hunk in hunks {
            let mut line = hunk.old_start.unwrap_or(1);
            for one in &hunk.lines {
                if one.side == Side::Removed {
                    removed.push((line.max(1), masker.mask(&one.text).text.into_owned()));
                }
                line += usize::from(one.side != Side::Added);
            }
        }
        removed
    }

    /// The text that a reviewer sees: lines with their current numbers.
    fn shown(&self) -> String {
        let mut out = format!("## {}\n", self.name);
        let Some(patch) = &self.patch else {
            let total = self.text.lines().count();
            for (number, line) in (1..).zip(self.text.lines()).take(MOST_LINES) {
                out.push_str(&format!("{number:>5} | {line}\n"));
            }
            if total > MOST_LINES {
                out.push_str(&format!("(lines {} to {total} are not shown)\n", MOST_LINES + 1));
            }
            return out;
        };
        for file in &patch.files {
            if file.old != file.new {
                out.push_str(&format!("(was {})\n", file.old));
            }
            match (file.executable, file.action) {
                (Some(true), _) => out.push_str("(executable)\n"),
                (Some(false), diff::Action::Modify) => out.push_str("(not executable any more)\n"),
                (Some(false) | None, _) => {}
            }
            let mut shift: isize = 0;
            for hunk in &file.hunks {
                let mut number = hunk.old_start.unwrap_or(1).max(1).saturating_add_signed(shift).max(1);
                for line in &hunk.lines {
                    match line.side {
                        Side::Removed => {
                            out.push_str(&format!("      -| {}\n", line.text));
                            shift -= 1;
                        }
                        Side::Added => {
                            out.push_str(&format!("{number:>5}+| {}\n", line.text));
                            number += 1;
                            shift += 1;
                        }
                        Side::Context => {
                            out.push_str(&format!("{number:>5} | {}\n", line.text));
                            number += 1;
                        }
                    }
                }
                out.push_str("      ...\n");
            }
        }
        out
    }

    /// The lines that a reviewer sees.
    pub(super) fn seen(&self) -> Vec<&str> {
        match &self.patch {
            None => self.touched(),
            Some(patch) => {
                let lines = patch.files.iter().flat_map(|file| &file.hunks).flat_map(|hunk| &hunk.lines);
                lines.map(|line| line.text.as_str()).collect()
            }
        }
    }

    /// Lines that the change adds or removes; all lines if a file is reviewed whole.
    pub(super) fn touched(&self) -> Vec<&str> {
        match &self.patch {
            None => self.text.lines().take(MOST_LINES).collect(),
            Some(patch) => {
                let lines = patch.files.iter().flat_map(|file| &file.hunks).flat_map(|hunk| &hunk.lines);
                lines.filter(|line| line.side != Side::Context).map(|line| line.text.as_str()).collect()
            }
        }
    }
}

/// The lines as a reviewer saw them. If masking changes their number, they stay unmasked: the line numbers
/// would no longer fit.
fn as_seen(text: String, masker: &Masker) -> Lines {
    let clean = masker.mask(&text);
    if clean.count > 0 && clean.text.lines().count() == text.lines().count() {
        return Lines::of(clean.text.into_owned());
    }
    drop(clean);
    Lines::of(text)
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
    let header = part.lines().next().unwrap_or_default();
    header.rsplit_once(" b/").map_or(header, |(_, name)| name).to_owned()
}
