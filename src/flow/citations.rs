//! Checks the places that an answer names against the project's files.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use super::project_files::ProjectFiles;
use crate::domain::citations::{
    Citation, Claim, Form, Lines, MOST_CLAIMS, MOST_TEXT, SearchBudget, Standing, claims, judged, listed,
};
use crate::host::project::{Found, Names, Project, Refusal};

/// Files that are read for one answer.
const MOST_FILES: usize = 64;
/// Bytes of a file that is read.
const MOST_BYTES: u64 = 1024 * 1024;
/// Bytes that are read for one answer, all files together.
const MOST_IN_ALL: u64 = 4 * 1024 * 1024;
/// Room that a read needs beyond the expected size.
const READ_AT_LEAST: usize = 64;
/// Why a file beyond these limits is not read.
const TOO_MANY: &str = "not checked: the answer names too many files";
/// Maximum number of files with the same name that are read.
const MOST_OF_A_NAME: usize = 6;

/// The files that a path in an answer may mean.
enum Meant {
    /// Their texts.
    Texts(Vec<(String, Lines)>),
    /// No file.
    Nothing,
    /// A file that is not read, and why.
    Unread(String),
}

/// Checks the places that a plain answer names: each citation says if its place exists. Files that the
/// project refuses to read are not read here either. A bare file name means a file that was sent with the
/// question, if there is one. Blocks.
pub fn citations<'a>(
    project: &ProjectFiles,
    answer: &str,
    packed: impl Iterator<Item = &'a str>,
) -> Vec<Citation> {
    let (claims, are_all) = claims(answer);
    let Some(project) = project.reader().ok().filter(|_| !claims.is_empty()) else { return Vec::new() };
    let mut all = checked(&project, &claims, &packed.collect::<Vec<_>>());
    if let Some(last) = claims.last().filter(|_| !are_all) {
        let why = format!(
            "only the first {MOST_CLAIMS} places in the first {} KB are checked, and this is the last of them",
            MOST_TEXT / 1024
        );
        all.push(Citation::bare(last, Standing::Unchecked, &why));
    }
    listed(all)
}

/// Checks claims against a project.
fn checked(project: &Project, claims: &[Claim], packed: &[&str]) -> Vec<Citation> {
    let mut reader = Reader { project, claims, packed, names: None, files: 0, left: MOST_IN_ALL };
    let mut meant: HashMap<&str, Meant> = HashMap::new();
    let mut budget = SearchBudget::default();
    claims
        .iter()
        .filter_map(|claim| {
            let meant = meant.entry(claim.path.as_str()).or_insert_with(|| reader.meant(&claim.path));
            match meant {
                Meant::Texts(texts) => texts
                    .iter()
                    .map(|(shown, text)| judged(claim, shown, text, &mut budget))
                    .max_by_key(|citation| weight(citation.status)),
                // A text that is perhaps no place is not reported as wrong.
                Meant::Nothing | Meant::Unread(_) if claim.form == Form::Perhaps => None,
                Meant::Nothing => {
                    let absent =
                        || Citation::bare(claim, Standing::Absent, "there is no such file in the project");
                    Some(reader.with_words_before(claim, &mut budget).unwrap_or_else(absent))
                }
                Meant::Unread(why) => Some(Citation::bare(claim, Standing::Unchecked, why)),
            }
        })
        .collect()
}

/// Rank of a standing: of several files with one name, the best match is meant.
fn weight(standing: Standing) -> u8 {
    match standing {
        Standing::Exact => 4,
        Standing::Moved => 3,
        Standing::LineOnly => 2,
        Standing::Unchecked => 1,
        Standing::Absent => 0,
    }
}

/// Reads the files that paths may mean, within limits.
struct Reader<'a> {
    project: &'a Project,
    claims: &'a [Claim],
    packed: &'a [&'a str],
    names: Option<Names>,
    files: usize,
    left: u64,
}

impl Reader<'_> {
    /// True if no further file is read for this answer.
    fn is_full(&self) -> bool {
        self.files >= MOST_FILES || self.left == 0
    }

    fn meant(&mut self, path: &str) -> Meant {
        let mut refused = None;
        for given in forms(path) {
            // A path that would not be read need not be resolved.
            if self.is_full() {
                if self.project.lacks(Path::new(given)) {
                    continue;
                }
                return Meant::Unread(TOO_MANY.to_owned());
            }
            match self.project.look(given) {
                Ok(found) => return self.texts([found]),
                Err(Refusal::NotFound) => {}
                Err(refusal) => {
                    refused.get_or_insert(refusal);
                }
            }
        }
        match refused {
            // An absolute path of another machine may end like one of ours.
            Some(Refusal::Outside) | None => {}
            Some(Refusal::Directory(_)) => return Meant::Unread("a directory".to_owned()),
            Some(other) => return Meant::Unread(other.to_string()),
        }
        if refused.is_some() && path.split('/').any(|part| part == "..") {
            return Meant::Unread("not checked, because it is outside the project".to_owned());
        }
        let project = self.project;
        let went = self.packed.iter().filter(|packed| Path::new(packed).ends_with(path));
        let went: Vec<Found> =
            went.filter_map(|packed| project.look(packed).ok()).take(MOST_OF_A_NAME).collect();
        if !went.is_empty() {
            return self.texts(went);
        }
        let claims = self.claims;
        let names = self.names.get_or_insert_with(|| {
            let wanted =
                claims.iter().flat_map(|claim| forms(&claim.path)).filter_map(|path| path.rsplit('/').next());
            Names::of(project, &wanted.collect())
        });
        let found: Vec<Found> = tails(path)
            .map(|tail| names.ending_with(tail))
            .map(|paths| paths.filter_map(|path| project.walked(path).ok()))
            .map(|found| found.take(MOST_OF_A_NAME).collect::<Vec<_>>())
            .find(|found| !found.is_empty())
            .unwrap_or_default();
        let is_whole = names.is_whole;
        match (found.is_empty(), refused) {
            (false, _) => self.texts(found),
            (true, Some(_)) => Meant::Unread("not checked, because it is outside the project".to_owned()),
            (true, None) if !is_whole && !path.contains('/') => Meant::Unread(
                "not checked: the project has too many files to search them for a name without a path"
                    .to_owned(),
            ),
            (true, None) => Meant::Nothing,
        }
    }

    /// Checks a place whose file has a name with blanks: the words before it belong to the name.
    fn with_words_before(&mut self, claim: &Claim, budget: &mut SearchBudget) -> Option<Citation> {
        let words = claim.words_before.as_str();
        let starts = words.rmatch_indices(' ').map(|(at, _)| at + 1).chain([0]);
        let mut longer = starts.filter_map(|at| words.get(at..)).filter(|words| !words.is_empty());
        let (words, found) = longer
            .find_map(|words| Some((words, self.project.look(&format!("{words} {}", claim.path)).ok()?)))?;
        let (cited, path) = (format!("{words} {}", claim.cited), format!("{words} {}", claim.path));
        let claim = Claim { cited, path, ..claim.clone() };
        match self.texts([found]) {
            Meant::Texts(texts) => texts.first().map(|(shown, text)| judged(&claim, shown, text, budget)),
            Meant::Unread(why) => Some(Citation::bare(&claim, Standing::Unchecked, &why)),
            Meant::Nothing => None,
        }
    }

    fn texts(&mut self, found: impl IntoIterator<Item = Found>) -> Meant {
        let mut texts = Vec::new();
        let mut why = None;
        for file in found {
            match self.read(&file) {
                Ok(text) => texts.push((file.shown, Lines::of(text))),
                Err(reason) => why = Some(reason),
            }
        }
        match why.filter(|_| texts.is_empty()) {
            Some(why) => Meant::Unread(why),
            None => Meant::Texts(texts),
        }
    }

    fn read(&mut self, found: &Found) -> Result<String, String> {
        if self.is_full() {
            return Err(TOO_MANY.to_owned());
        }
        self.files += 1;
        let file = found.open().map_err(|refusal| refusal.to_string())?;
        let room = MOST_BYTES.min(self.left) + 1;
        let size = file.metadata().map_err(|error| error.to_string())?.len();
        if size >= room {
            self.left = self.left.saturating_sub(room);
            return Err("the file is too large to be checked".to_owned());
        }
        // The size is known, so two reads suffice: the content, and the end of the file.
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + READ_AT_LEAST);
        file.take(room).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let read = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(read);
        if read >= room {
            return Err("the file is too large to be checked".to_owned());
        }
        if bytes.contains(&0) {
            return Err(Refusal::Binary.to_string());
        }
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}

/// The forms of a path to try: as given, without the `a/` or `b/` of a diff, and without leading non-ASCII
/// characters such as an arrow in a script's output.
fn forms(path: &str) -> impl Iterator<Item = &str> {
    let bare = path.strip_prefix("a/").or_else(|| path.strip_prefix("b/"));
    let alone = Some(path.trim_start_matches(|letter: char| !letter.is_ascii()));
    std::iter::once(path)
        .chain(bare)
        .chain(alone.filter(|alone| alone.len() < path.len() && !alone.is_empty()))
}

/// The suffixes of a path to look for. A relative path is looked for as a whole. An absolute path loses one
/// leading directory after another, but is never reduced to its file name.
fn tails(path: &str) -> impl Iterator<Item = &str> {
    let is_absolute = path.starts_with(['/', '~']) || path.get(1..2) == Some(":");
    let shorter = path.match_indices('/').filter_map(|(at, _)| path.get(at + 1..));
    let shorter = shorter.filter(move |tail| is_absolute && tail.contains('/'));
    std::iter::once(path.trim_start_matches("./")).chain(shorter)
}

#[cfg(test)]
mod tests;
