//! Parses the files of a patch: headers of git and of `diff -u`, and the hunks below them.

use super::hunk::{self, Cursor, Setting, is_mail};
use super::name::{self, Header};
use super::{Action, DiffError, Fence, FilePatch, Hunk, Line, Patch, Side, lines, shown};

/// Parses a patch completely or not at all. Other text is prose before the first file, after the last one, or
/// outside of the code fences around files. Anywhere else it is an error.
///
/// # Errors
///
/// A part of the text is invalid or ambiguous.
pub fn parse(text: &str) -> Result<Patch, DiffError> {
    let mut patch = Patch::default();
    let (lines, text_ends) = lines(text, &mut patch.normalised);
    let mut reader = Reader {
        cursor: Cursor::new(&lines),
        text_ends,
        patch,
        draft: None,
        outside: Part::default(),
        inside: Part::default(),
        fenced: false,
        uncounted: false,
        prose: false,
    };
    reader.read()?;
    let mut patch = reader.patch;
    if reader.fenced {
        patch.normalised.push("code fences were removed".to_owned());
    }
    if reader.prose {
        patch.normalised.push("text around the patch was left out".to_owned());
    }
    if patch.files.is_empty() {
        return Err(DiffError("the text contains no unified diff".to_owned()));
    }
    Ok(patch)
}

/// A part of the text: outside of all fences, or inside the open one.
#[derive(Debug, Default)]
struct Part {
    /// True if it contains a file.
    has_files: bool,
    /// The first line of prose after its last file.
    prose: Option<(usize, String)>,
    /// True inside a mail, whose text goes on up to the next file.
    in_mail: bool,
}

/// Reads a text from its first line to its last.
// The booleans are independent observations.
#[allow(clippy::struct_excessive_bools)]
struct Reader<'s, 'a> {
    cursor: Cursor<'s, 'a>,
    text_ends: bool,
    patch: Patch,
    draft: Option<Draft>,
    outside: Part,
    inside: Part,
    /// True if a fence contained files.
    fenced: bool,
    /// True if a hunk ended only because a fence did.
    uncounted: bool,
    prose: bool,
}

impl Reader<'_, '_> {
    fn read(&mut self) -> Result<(), DiffError> {
        while let Some(line) = self.cursor.peek() {
            if self.cursor.at_fence_end() {
                self.close_fence(line)?;
            } else if let Some(fence) = Fence::opens(line).filter(|_| self.cursor.fence.is_none()) {
                self.open_fence(line, fence)?;
            } else if let Some(rest) = line.text.strip_prefix("diff --git ") {
                self.begin(line)?;
                let git = Some(GitLine::of(rest.trim_end()));
                let mut draft = Draft { line: line.number, git, ..Draft::default() };
                draft.note_blanks(line);
                self.draft = Some(draft);
                self.cursor.advance(1);
            } else if self.cursor.at_names() {
                self.names(line)?;
            } else if line.text.starts_with("@@") {
                self.hunk(line)?;
            } else {
                self.other(line)?;
            }
        }
        self.finish()?;
        match self.cursor.fence {
            // An open fence without a file is no part of the patch. But if a fence ended a hunk, that line
            // may have been part of the hunk, and the fence that is now open is its true end.
            Some(fence) if self.inside.has_files || self.uncounted => Err(DiffError::at(
                fence.line,
                "the code fence that opens here is never closed: the patch may be cut off, or one of its lines looks like a fence",
            )),
            Some(_) | None => Ok(()),
        }
    }

    fn part(&mut self) -> &mut Part {
        if self.cursor.fence.is_some() { &mut self.inside } else { &mut self.outside }
    }

    fn open_fence(&mut self, line: Line, fence: Fence) -> Result<(), DiffError> {
        self.leave_file(line)?;
        if self.outside.has_files {
            self.outside.prose.get_or_insert((line.number, shown(line.text)));
        }
        self.inside = Part::default();
        self.cursor.fence = Some(fence);
        self.cursor.advance(1);
        Ok(())
    }

    fn close_fence(&mut self, line: Line) -> Result<(), DiffError> {
        self.leave_file(line)?;
        self.cursor.fence = None;
        self.cursor.advance(1);
        Ok(())
    }

    /// Begins a file. Between it and the file before, only other files may be.
    fn begin(&mut self, line: Line) -> Result<(), DiffError> {
        self.finish()?;
        let is_fenced = self.cursor.fence.is_some();
        if if is_fenced { self.outside.has_files } else { self.fenced } {
            let what = "some files or hunks are outside of the code fences and others inside";
            return Err(DiffError::at(line.number, what));
        }
        self.fenced |= is_fenced;
        let part = self.part();
        part.in_mail = false;
        match part.prose.take() {
            Some((line, text)) if part.has_files => Err(between(line, &text)),
            Some(_) | None => {
                part.has_files = true;
                Ok(())
            }
        }
    }

    fn names(&mut self, line: Line) -> Result<(), DiffError> {
        let open = self.draft.take_if(|draft| draft.headers.is_none() && draft.hunks.is_empty());
        let open = match open {
            Some(open) => open,
            None => {
                self.begin(line)?;
                Draft { line: line.number, ..Draft::default() }
            }
        };
        self.draft = Some(with_headers(open, &mut self.cursor)?);
        Ok(())
    }

    fn hunk(&mut self, line: Line) -> Result<(), DiffError> {
        let Some(draft) = self.draft.as_mut() else {
            return Err(match self.part().prose.take() {
                Some((line, text)) if self.part().has_files => between(line, &text),
                Some(_) | None => no_name(line.number),
            });
        };
        let setting = Setting { by_git: draft.is_indexed(), text_ends: self.text_ends, shift: draft.shift };
        let read = hunk::read(&mut self.cursor, setting, &mut self.patch.normalised)?;
        self.uncounted |= !read.counted && self.cursor.at_fence_end();
        if let Some(last) = draft.hunks.last() {
            if last.old_start.is_some() != read.hunk.old_start.is_some() {
                let what = "one hunk of the file has line numbers and another has none";
                return Err(DiffError::at(line.number, what));
            }
            if last.lines.iter().any(|line| !line.ends) {
                let reason = "a hunk follows one that ends with the file's last line";
                return Err(DiffError::at(line.number, reason));
            }
        }
        draft.shift += read.hunk.shift();
        draft.hunks.push(read.hunk);
        Ok(())
    }

    /// Handles a line that begins neither a file, a hunk nor a fence.
    fn other(&mut self, line: Line) -> Result<(), DiffError> {
        if let Some(draft) = self.draft.as_mut().filter(|draft| draft.is_in_header())
            && extended(draft, line)?
        {
            self.cursor.advance(1);
            return Ok(());
        }
        // The line right below a file's headers must be part of the file, or a line was lost there.
        let ends_file = self.cursor.at_preamble() || self.cursor.at_signature() || is_mail(line.text);
        if !line.is_blank() && !ends_file && self.draft.as_ref().is_some_and(Draft::is_in_header) {
            refuse_unsupported(line)?;
            return Err(under_header(line));
        }
        // A blank line is harmless. But git stops at it, in its own headers and between hunks.
        if line.is_blank() {
            if self.draft.as_ref().is_some_and(|draft| draft.is_in_header() || draft.is_indexed()) {
                self.leave_file(line)?;
            }
            self.cursor.advance(1);
            return Ok(());
        }
        self.leave_file(line)?;
        refuse_unsupported(line)?;
        let (at_preamble, at_signature) = (self.cursor.at_preamble(), self.cursor.at_signature());
        let part = self.part();
        if is_mail(line.text) {
            part.in_mail = true;
        }
        // A git header without its file would go unnoticed among the prose.
        if is_orphan(line.text) {
            let what = "is a header of a file, and no `diff --git` line above it names one";
            return Err(DiffError::at(line.number, &format!("`{}` {what}", shown(line.text))));
        }
        if !at_preamble && !at_signature {
            if !part.in_mail {
                part.prose.get_or_insert((line.number, shown(line.text)));
            }
            self.prose = true;
        }
        self.cursor.advance(1);
        while at_signature
            && !self.cursor.at_end()
            && self.cursor.peek().is_some_and(|line| !is_mail(line.text))
        {
            self.cursor.advance(1);
        }
        Ok(())
    }

    /// Ends the current file before another line. The file must be complete.
    fn leave_file(&mut self, line: Line) -> Result<(), DiffError> {
        match &self.draft {
            Some(draft) if draft.hunks.is_empty() && !draft.is_whole() => Err(under_header(line)),
            Some(_) => self.finish(),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<(), DiffError> {
        finish(self.draft.take(), &mut self.patch)
    }
}

/// A file that is still being read.
// Each boolean stands for one header line.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Default)]
struct Draft {
    line: usize,
    /// The `diff --git` line.
    git: Option<GitLine>,
    /// The meaning of git's index line.
    index: Option<Index>,
    /// The prefixes of the extended headers so far.
    seen: Vec<&'static str>,
    /// Number of the first header line with trailing blanks.
    padded: Option<usize>,
    headers: Option<(Header, Header)>,
    from: Option<String>,
    to: Option<String>,
    copies: bool,
    creates: bool,
    deletes: bool,
    old_mode: Option<String>,
    mode: Option<String>,
    hunks: Vec<Hunk>,
    /// Number of lines that the hunks add.
    shift: isize,
}

/// The text after `diff --git `, with its two names if they can be separated.
#[derive(Debug)]
struct GitLine {
    rest: String,
    names: Option<(String, String)>,
}

impl GitLine {
    fn of(rest: &str) -> Self {
        Self { rest: rest.to_owned(), names: name::git_names(rest) }
    }

    /// True if the line may name these two files.
    fn may_name(&self, old: &str, new: &str) -> bool {
        match &self.names {
            Some((git_old, git_new)) => git_old == old && git_new == new,
            None => name::is_git_line(&self.rest, old, new),
        }
    }
}

/// Change of the content according to the two hashes of git's index line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Index {
    /// The content is unchanged, or empty before and after.
    NeedsNoHunk,
    /// The content is changed.
    NeedsHunks,
}

impl Draft {
    /// True if git's extended header lines may follow.
    fn is_in_header(&self) -> bool {
        self.git.is_some() && self.headers.is_none() && self.hunks.is_empty()
    }

    /// True if git made the diff, as its index line shows.
    fn is_indexed(&self) -> bool {
        self.index.is_some()
    }

    fn git_names(&self) -> Option<&(String, String)> {
        self.git.as_ref()?.names.as_ref()
    }

    fn note_blanks(&mut self, line: Line) {
        if line.text.ends_with(' ') {
            self.padded.get_or_insert(line.number);
        }
    }

    /// True if the file is complete without a hunk.
    fn is_whole(&self) -> bool {
        let moves = self.from.is_some() && self.to.is_some();
        self.headers.is_none() && (moves || self.creates || self.deletes || self.mode.is_some())
    }
}

fn no_name(line: usize) -> DiffError {
    DiffError::at(line, "the hunk has no file name before it")
}

fn two_names(line: usize, old: &str, new: &str) -> DiffError {
    let what = "are two files, and no `rename from` says that one becomes the other";
    DiffError::at(line, &format!("`{old}` and `{new}` {what}"))
}

fn under_header(line: Line) -> DiffError {
    let what = "is below the header of a file, but is neither a header nor a hunk";
    DiffError::at(line.number, &format!("`{}` {what}", shown(line.text)))
}

fn between(line: usize, text: &str) -> DiffError {
    let what = "is between two parts of the patch; put text before the first file or after the last";
    DiffError::at(line, &format!("`{text}` {what}"))
}

/// Refuses formats that cannot be applied.
fn refuse_unsupported(line: Line) -> Result<(), DiffError> {
    let text = line.text;
    if text.starts_with("*** Begin Patch") || text.starts_with("*** Update File:") {
        return Err(DiffError::at(line.number, "the `*** Begin Patch` format is not a unified diff"));
    }
    let binary = text.starts_with("Binary files ") && text.trim_end().ends_with(" differ");
    if binary || text.starts_with("GIT binary patch") {
        return Err(DiffError::at(line.number, "binary changes are not supported"));
    }
    if text.starts_with("diff --cc ") || text.starts_with("diff --combined ") {
        return Err(hunk::combined(line.number));
    }
    Ok(())
}

/// True if a line is one of git's extended header lines.
fn is_orphan(text: &str) -> bool {
    let text = text.trim_end();
    let is_mode = ["old mode ", "new mode ", "new file mode ", "deleted file mode "]
        .iter()
        .filter_map(|word| text.strip_prefix(word))
        .any(|mode| mode.len() == 6 && mode.bytes().all(|byte| byte.is_ascii_digit()));
    let is_similarity = ["similarity index ", "dissimilarity index "]
        .iter()
        .filter_map(|word| text.strip_prefix(word))
        .any(|rest| rest.ends_with('%'));
    is_mode || is_similarity || text.strip_prefix("index ").and_then(hashes).is_some()
}

/// The two hashes after `index `, which must have at least the length that git writes.
fn hashes(rest: &str) -> Option<(&str, &str)> {
    let is_hash = |text: &str| text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (old, new) = rest.split_whitespace().next()?.split_once("..")?;
    (is_hash(old) && is_hash(new)).then_some((old, new))
}

/// Compares the content before and after by git's two hashes.
fn index(old: &str, new: &str) -> Index {
    const EMPTY: [&str; 2] = [
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
    ];
    let is_none = |hash: &str| hash.bytes().all(|digit| digit == b'0');
    let is_empty = |hash: &str| is_none(hash) || EMPTY.iter().any(|empty| empty.starts_with(hash));
    if old == new || is_empty(old) && is_empty(new) { Index::NeedsNoHunk } else { Index::NeedsHunks }
}

fn with_headers(mut draft: Draft, cursor: &mut Cursor) -> Result<Draft, DiffError> {
    let mut padded = draft.padded;
    let mut next = |mark: &str| {
        let line = cursor.peek();
        cursor.advance(1);
        if let Some(line) = line.filter(|line| line.text.ends_with(' ')) {
            padded.get_or_insert(line.number);
        }
        let header = line.and_then(|line| name::header(line.text.strip_prefix(mark)?));
        header.ok_or(no_name(line.map_or(draft.line, |line| line.number)))
    };
    let old = next("--- ")?;
    let new = next("+++ ")?;
    draft.headers = Some((old, new));
    draft.padded = padded;
    Ok(draft)
}

/// Prefixes of git's extended header lines.
const EXTENDED: [&str; 11] = [
    "rename from ", "rename to ", "copy from ", "copy to ", "new file mode ", "deleted file mode ",
    "new mode ", "old mode ", "index ", "similarity index ", "dissimilarity index ",
];

/// Parses one of git's extended header lines. False if the line is another one.
fn extended(draft: &mut Draft, line: Line) -> Result<bool, DiffError> {
    let path =
        |rest: &str| Some(name::unquote(rest).map_or_else(|| rest.trim_end().to_owned(), |(name, _)| name));
    let text = line.text;
    if let Some(word) = EXTENDED.into_iter().find(|word| text.starts_with(word)) {
        if draft.seen.contains(&word) {
            let reason = "the file has this header line twice";
            return Err(DiffError::at(line.number, reason));
        }
        draft.seen.push(word);
        draft.note_blanks(line);
    }
    if let Some(rest) = text.strip_prefix("rename from ") {
        draft.from = path(rest);
    } else if let Some(rest) = text.strip_prefix("rename to ") {
        draft.to = path(rest);
    } else if let Some(rest) = text.strip_prefix("copy from ") {
        (draft.from, draft.copies) = (path(rest), true);
    } else if let Some(rest) = text.strip_prefix("copy to ") {
        (draft.to, draft.copies) = (path(rest), true);
    } else if let Some(mode) = text.strip_prefix("new file mode ") {
        (draft.creates, draft.mode) = (true, Some(known_mode(mode, line.number)?));
    } else if let Some(mode) = text.strip_prefix("deleted file mode ") {
        known_mode(mode, line.number)?;
        draft.deletes = true;
    } else if let Some(mode) = text.strip_prefix("new mode ") {
        draft.mode = Some(known_mode(mode, line.number)?);
    } else if let Some(mode) = text.strip_prefix("old mode ") {
        draft.old_mode = Some(known_mode(mode, line.number)?);
    } else if let Some(rest) = text.strip_prefix("index ") {
        draft.index = hashes(rest).map(|(old, new)| index(old, new));
        if let Some(mode) = rest.split_whitespace().nth(1) {
            known_mode(mode, line.number)?;
        }
    } else {
        return Ok(text.starts_with("similarity index ") || text.starts_with("dissimilarity index "));
    }
    Ok(true)
}

fn known_mode(mode: &str, line: usize) -> Result<String, DiffError> {
    let mode = mode.trim();
    // Old versions of git also wrote 100664.
    if mode.len() == 6 && mode.starts_with("100") && mode.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(mode.to_owned());
    }
    let what = format!("mode {mode} is neither 100644 nor 100755 (links and submodules are not patched)");
    Err(DiffError::at(line, &what))
}

fn finish(draft: Option<Draft>, patch: &mut Patch) -> Result<(), DiffError> {
    let Some(draft) = draft else {
        return Ok(());
    };
    let (action, old, new) = meaning(&draft)?;
    let line = draft.line;
    let valid = |name: String| {
        name::checked(&name)
            .map_err(|reason| DiffError::at(line, &format!("the name `{name}` is refused: {reason}")))
    };
    let (old, new) = (valid(old)?, valid(new)?);
    let executable = draft.mode.as_deref().map(is_executable);
    contradictions(action, &draft)?;
    if action == Action::Modify && draft.hunks.is_empty() && executable.is_none() {
        return Err(DiffError::at(line, &format!("nothing changes in `{new}`")));
    }
    if let Some(padded) = draft.padded {
        patch.normalised.push(format!("line {padded}: blanks at the end of a file's header were left out"));
    }
    let by_git = draft.is_indexed();
    patch.files.push(FilePatch { line, action, old, new, executable, by_git, hunks: draft.hunks });
    Ok(())
}

fn is_executable(mode: &str) -> bool {
    mode.bytes().rev().nth(2).is_some_and(|owner| owner.is_ascii_digit() && (owner - b'0') & 1 == 1)
}

fn meaning(draft: &Draft) -> Result<(Action, String, String), DiffError> {
    let action = if draft.copies { Action::Copy } else { Action::Rename };
    match (&draft.from, &draft.to) {
        (Some(from), Some(to)) => return Ok((action, from.clone(), to.clone())),
        (None, None) => {}
        _ => {
            let reason = "a rename or copy must name both files";
            return Err(DiffError::at(draft.line, reason));
        }
    }
    let (action, name) = match &draft.headers {
        Some((Header::Nothing, Header::Nothing)) => return Err(no_name(draft.line)),
        Some((Header::Nothing, Header::File { name, .. })) => (Action::Create, one_sided(draft, name)),
        Some((Header::File { name, .. }, Header::Nothing)) => (Action::Delete, one_sided(draft, name)),
        Some((Header::File { name: old, epoch: unborn }, Header::File { name: new, epoch: gone })) => {
            let name = two_sided(draft, old, new)?;
            (named_action(draft, *unborn, *gone), name)
        }
        None => {
            let (old, new) = draft.git_names().cloned().ok_or_else(|| no_name(draft.line))?;
            if old != new {
                return Err(two_names(draft.line, &old, &new));
            }
            (named_action(draft, false, false), new)
        }
    };
    Ok((action, name.clone(), name))
}

fn named_action(draft: &Draft, unborn: bool, gone: bool) -> Action {
    let all = |side: Side| draft.hunks.iter().flat_map(|hunk| &hunk.lines).all(|line| line.side == side);
    if draft.creates || (unborn && all(Side::Added)) {
        Action::Create
    } else if draft.deletes || (gone && all(Side::Removed)) {
        Action::Delete
    } else {
        Action::Modify
    }
}

fn one_sided(draft: &Draft, name: &str) -> String {
    match draft.git_names() {
        Some((old, new)) if old == new => new.clone(),
        _ => name::without_prefix(name),
    }
}

fn two_sided(draft: &Draft, old: &str, new: &str) -> Result<String, DiffError> {
    let (old, new) = name::without_prefixes(old, new);
    name::common(&old, &new).ok_or_else(|| two_names(draft.line, &old, &new))
}

fn contradictions(action: Action, draft: &Draft) -> Result<(), DiffError> {
    let any = |wanted: fn(Side) -> bool| {
        draft.hunks.iter().flat_map(|hunk| &hunk.lines).any(|line| wanted(line.side))
    };
    let (names_none, names_both) = match &draft.headers {
        Some((old, new)) => {
            let none = [old, new].into_iter().any(|header| *header == Header::Nothing);
            (none, !none)
        }
        None => (false, false),
    };
    let changes_mode = draft.mode.is_some() && !draft.creates;
    let reason = match action {
        Action::Create if any(|side| side != Side::Added) => "the hunk of a new file has old lines",
        Action::Create if draft.hunks.len() > 1 => "a new file has more than one hunk",
        Action::Delete if any(|side| side != Side::Removed) => "a deletion keeps lines",
        _ if draft.creates && draft.deletes => "the file is both new and deleted",
        _ if draft.creates && action != Action::Create || draft.deletes && action != Action::Delete => {
            "a header says that the file is new or deleted, and another one contradicts it"
        }
        _ if draft.git.is_some() && names_both && (draft.creates || draft.deletes) => {
            "the file is new or deleted, but neither of its two names is /dev/null"
        }
        _ if draft.is_indexed() && names_none && !(draft.creates || draft.deletes) => {
            "one name is /dev/null, but no `new file mode` or `deleted file mode` is above it"
        }
        _ if draft.git.is_some() && draft.old_mode.is_some() != changes_mode => {
            "the mode changes, but only one of `old mode` and `new mode` is given"
        }
        _ if draft.old_mode.is_some() && draft.old_mode == draft.mode => {
            "the mode before and the mode after are the same"
        }
        _ if draft.headers.is_some() && draft.hunks.is_empty() => "the file has no hunk below its names",
        _ if draft.hunks.is_empty() && draft.index == Some(Index::NeedsHunks) => {
            "the index line says that the content changes, but no hunk says how"
        }
        _ if draft.padded.is_some() && (draft.is_indexed() || draft.from.is_some()) => {
            "a header line ends with blanks that may belong to the name"
        }
        _ if !one_file(draft) => "the header lines name different files",
        _ => return Ok(()),
    };
    Err(DiffError::at(draft.line, reason))
}

/// True if all header lines name the same file.
fn one_file(draft: &Draft) -> bool {
    if let (Some(from), Some(to)) = (&draft.from, &draft.to) {
        let by_git = draft.git.as_ref().is_none_or(|git| git.may_name(from, to));
        let by_names = match &draft.headers {
            Some((Header::File { name: old, .. }, Header::File { name: new, .. })) => {
                name::without_prefixes(old, new) == (from.clone(), to.clone())
            }
            Some(_) => false,
            None => true,
        };
        return by_git && by_names;
    }
    let Some((git_old, git_new)) = draft.git_names() else {
        return true;
    };
    match &draft.headers {
        Some((Header::File { name: old, .. }, Header::File { name: new, .. })) => {
            let (old, new) = name::without_prefixes(old, new);
            name::common(&old, &new).is_some_and(|name| name == *git_new)
        }
        Some((Header::File { name, .. }, Header::Nothing)) => is_name(name, git_old),
        Some((Header::Nothing, Header::File { name, .. })) => is_name(name, git_new),
        Some((Header::Nothing, Header::Nothing)) | None => true,
    }
}

/// True if a name is the wanted one, with or without a prefix.
fn is_name(name: &str, wanted: &str) -> bool {
    name == wanted || name.split_once('/').is_some_and(|(_, below)| below == wanted)
}
