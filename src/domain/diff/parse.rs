//! The files of a patch: headers of git and of `diff -u`, and the hunks below them.

use super::hunk::{self, Cursor};
use super::name::{self, Header};
use super::source::{Line, Segment, segments};
use super::{Action, DiffError, FilePatch, Hunk, Patch, Side};

/// Reads a patch.
///
/// # Errors
///
/// What of it cannot be understood, or could mean two things.
pub fn parse(text: &str) -> Result<Patch, DiffError> {
    let mut patch = Patch::default();
    for segment in segments(text, &mut patch.normalised)? {
        read_segment(&segment, &mut patch)?;
    }
    if patch.files.is_empty() {
        return Err(DiffError::NoDiff);
    }
    Ok(patch)
}

/// A file as far as it was read.
// What the headers say is told apart by as many flags as there are headers.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Default)]
struct Draft {
    line: usize,
    git: Option<(String, String)>,
    is_git: bool,
    headers: Option<(Header, Header)>,
    from: Option<String>,
    to: Option<String>,
    copies: bool,
    creates: bool,
    deletes: bool,
    mode: Option<String>,
    hunks: Vec<Hunk>,
}

fn read_segment(segment: &Segment, patch: &mut Patch) -> Result<(), DiffError> {
    let mut cursor = Cursor::new(&segment.lines, segment.fenced);
    let mut draft: Option<Draft> = None;
    let mut prose = false;
    while let Some(line) = cursor.peek() {
        if let Some(rest) = line.text.strip_prefix("diff --git ") {
            finish(draft.take(), patch)?;
            let rest = rest.trim_end();
            draft = Some(Draft {
                line: line.number,
                git: name::git_names(rest),
                is_git: true,
                ..Draft::default()
            });
            cursor.advance(1);
        } else if cursor.at_names() {
            let open = draft.take_if(|draft| draft.headers.is_none() && draft.hunks.is_empty());
            finish(draft.take(), patch)?;
            let open = open.unwrap_or_else(|| Draft { line: line.number, ..Draft::default() });
            draft = Some(with_headers(open, &mut cursor)?);
        } else if line.text.starts_with("@@") {
            let Some(draft) = draft.as_mut() else {
                return Err(DiffError::NoName(line.number));
            };
            draft.hunks.push(hunk::read(&mut cursor, &mut patch.normalised)?);
        } else {
            let is_header = match draft.as_mut().filter(|draft| draft.is_git && draft.hunks.is_empty()) {
                Some(draft) => extended(draft, line)?,
                None => false,
            };
            prose |= !is_header && !is_noise(line)?;
            cursor.advance(1);
        }
    }
    if prose {
        patch.normalised.push("text around the patch was left out".to_owned());
    }
    finish(draft, patch)
}

/// Lines between files that say nothing; what says that it cannot be applied is an error.
fn is_noise(line: Line) -> Result<bool, DiffError> {
    let text = line.text;
    if text.starts_with("*** Begin Patch") || text.starts_with("*** Update File:") {
        return Err(DiffError::OtherFormat(line.number));
    }
    let binary = text.starts_with("Binary files ") && text.trim_end().ends_with(" differ");
    if binary || text.starts_with("GIT binary patch") {
        return Err(DiffError::Binary(line.number));
    }
    if text.starts_with("diff --cc ") || text.starts_with("diff --combined ") {
        return Err(DiffError::Combined(line.number));
    }
    let known = ["index ", "Index: ", "=====", "diff ", "Only in ", "-- "];
    Ok(text.trim().is_empty() || known.iter().any(|word| text.starts_with(word)))
}

fn with_headers(mut draft: Draft, cursor: &mut Cursor) -> Result<Draft, DiffError> {
    let mut next = |mark: &str| {
        let line = cursor.peek();
        cursor.advance(1);
        let header = line.and_then(|line| name::header(line.text.strip_prefix(mark)?));
        header.ok_or(DiffError::NoName(draft.line))
    };
    let old = next("--- ")?;
    let new = next("+++ ")?;
    draft.headers = Some((old, new));
    Ok(draft)
}

/// Reads one of git's extended header lines; false if it is none.
fn extended(draft: &mut Draft, line: Line) -> Result<bool, DiffError> {
    let path =
        |rest: &str| Some(name::unquote(rest).map_or_else(|| rest.trim_end().to_owned(), |(name, _)| name));
    let text = line.text;
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
        known_mode(mode, line.number)?;
    } else if let Some(rest) = text.strip_prefix("index ") {
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
    // Old git wrote 100664 too.
    if mode.len() == 6 && mode.starts_with("100") && mode.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(mode.to_owned());
    }
    Err(DiffError::Mode { line, mode: mode.to_owned() })
}

fn finish(draft: Option<Draft>, patch: &mut Patch) -> Result<(), DiffError> {
    let Some(draft) = draft else {
        return Ok(());
    };
    let (action, old, new) = meaning(&draft)?;
    let line = draft.line;
    let valid = |name: String| match name::checked(&name) {
        Ok(name) => Ok(name),
        Err(reason) => Err(DiffError::Name { line, name, reason }),
    };
    let (old, new) = (valid(old)?, valid(new)?);
    let executable = draft.mode.as_deref().map(is_executable);
    contradictions(action, &draft)?;
    if action == Action::Modify && draft.hunks.is_empty() && executable.is_none() {
        return Err(DiffError::NoChange { line, name: new });
    }
    patch.files.push(FilePatch { line, action, old, new, executable, hunks: draft.hunks });
    Ok(())
}

fn is_executable(mode: &str) -> bool {
    mode.bytes().rev().nth(2).is_some_and(|owner| owner.is_ascii_digit() && (owner - b'0') & 1 == 1)
}

/// What happens to which files.
fn meaning(draft: &Draft) -> Result<(Action, String, String), DiffError> {
    let action = if draft.copies { Action::Copy } else { Action::Rename };
    match (&draft.from, &draft.to) {
        (Some(from), Some(to)) => return Ok((action, from.clone(), to.clone())),
        (None, None) => {}
        _ => {
            let reason = "a rename or copy that names only one of its two files";
            return Err(DiffError::Contradiction { line: draft.line, reason });
        }
    }
    let (action, name) = match &draft.headers {
        Some((Header::Nothing, Header::Nothing)) => return Err(DiffError::NoName(draft.line)),
        Some((Header::Nothing, Header::File { name, .. })) => (Action::Create, one_sided(draft, name, false)),
        Some((Header::File { name, .. }, Header::Nothing)) => (Action::Delete, one_sided(draft, name, true)),
        Some((Header::File { name: old, epoch: unborn }, Header::File { name: new, epoch: gone })) => {
            let name = two_sided(draft, old, new)?;
            (named_action(draft, *unborn, *gone), name)
        }
        None => {
            let (old, new) = draft.git.clone().ok_or(DiffError::NoName(draft.line))?;
            if old != new {
                return Err(DiffError::TwoNames { line: draft.line, old, new });
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

fn one_sided(draft: &Draft, name: &str, is_old: bool) -> String {
    match &draft.git {
        Some((old, new)) if old == new => new.clone(),
        _ => name::without_prefix(name, is_old),
    }
}

fn two_sided(draft: &Draft, old: &str, new: &str) -> Result<String, DiffError> {
    let (old, new) = name::without_prefixes(old, new);
    name::common(&old, &new).ok_or(DiffError::TwoNames { line: draft.line, old, new })
}

fn contradictions(action: Action, draft: &Draft) -> Result<(), DiffError> {
    let any = |wanted: fn(Side) -> bool| {
        draft.hunks.iter().flat_map(|hunk| &hunk.lines).any(|line| wanted(line.side))
    };
    let reason = match action {
        Action::Create if any(|side| side != Side::Added) => "a new file whose hunk has old lines",
        Action::Create if draft.hunks.len() > 1 => "a new file with more than one hunk",
        Action::Delete if any(|side| side != Side::Removed) => "a deletion that keeps lines",
        Action::Create if draft.deletes => "a file that is both new and deleted",
        _ => return Ok(()),
    };
    Err(DiffError::Contradiction { line: draft.line, reason })
}
