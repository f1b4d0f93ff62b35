//! Unified diffs as language models write them: read, understood, and applied to bytes.
//!
//! Harmless oddities are normalised and reported: fences, prose around the files, wrong counts, missing
//! line numbers, line ends. What could mean two things is refused, and so is a patch of which any line
//! is not understood. Context must match, always.

mod apply;
mod changed;
mod cursor;
mod hunk;
mod name;
mod nearest;
mod parse;
mod show;
mod source;
mod visible;

pub use apply::{Applied, HunkFailure, Offset, apply};
pub use changed::{Changed, ChangedLines, changed_lines, digest};
pub use name::checked;
pub use parse::parse;
pub use show::Shown;

use thiserror::Error;

/// A patch, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// Its files, in order.
    pub files: Vec<FilePatch>,
    pub normalised: Vec<String>,
}

impl Patch {
    /// Returns how many lines it adds or removes.
    pub fn changed_lines(&self) -> usize {
        let lines = self.files.iter().flat_map(|file| &file.hunks).flat_map(|hunk| &hunk.lines);
        lines.filter(|line| line.side != Side::Context).count()
    }
}

/// The change of a patch to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePatch {
    /// The line of the patch at which it begins.
    pub line: usize,
    pub action: Action,
    /// The file that is read; the one that is made where there is none to read.
    pub old: String,
    /// The file that is written; the one that is removed where none is written.
    pub new: String,
    /// True if the file is executable afterwards, where the patch says so.
    pub executable: Option<bool>,
    /// True if git made it, by its index line: then nothing in it is put right.
    pub by_git: bool,
    /// The changes.
    pub hunks: Vec<Hunk>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed.
    Modify,
    /// It is removed.
    Delete,
    /// It gets another name.
    Rename,
    /// Another file is made from it.
    Copy,
}

/// One place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// The line of the patch at which it begins.
    pub line: usize,
    /// The first line of the file, from 1; none where the patch does not say.
    pub old_start: Option<usize>,
    /// True if its two line numbers mean one place.
    pub place: Stated,
    /// Its lines.
    pub lines: Vec<HunkLine>,
}

/// Position that the two line numbers of a hunk name, after the lines that the hunks above it add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stated {
    /// The same place; or there are none.
    AtOnePlace,
    /// Two places, of which one is a slip.
    AtTwoPlaces,
}

impl Hunk {
    /// Number of lines that the file has behind it.
    fn shift(&self) -> isize {
        self.lines.iter().fold(0, |shift, line| match line.side {
            Side::Context => shift,
            Side::Removed => shift - 1,
            Side::Added => shift + 1,
        })
    }
}

/// One line of a hunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HunkLine {
    pub side: Side,
    /// Its text without the line end.
    pub text: String,
    pub ends: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Both.
    Context,
    /// The one before.
    Removed,
    /// The one after.
    Added,
}

/// Why a text is no patch that can be understood. Lines are lines of the patch.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DiffError {
    /// Nothing in it is a diff.
    #[error("the text contains no unified diff")]
    NoDiff,
    /// Some of it is fenced and some is not.
    #[error("line {0}: a file or a hunk outside of the code fences, and others inside")]
    MixedFences(usize),
    /// A fence that does not end.
    #[error(
        "line {0}: the code fence that opens here is never closed, so the patch may have been cut off or a line of it taken for a fence"
    )]
    FenceOpen(usize),
    /// A fence that ends too early.
    #[error(
        "line {0}: the code fence closes in the middle of a hunk, and what follows looks like more of it"
    )]
    FenceInHunk(usize),
    /// A format of its own.
    #[error("line {0}: the `*** Begin Patch` format is not a unified diff")]
    OtherFormat(usize),
    /// Contents that are no text.
    #[error("line {0}: a binary change")]
    Binary(usize),
    /// A merge's diff.
    #[error("line {0}: combined diffs of merges are not supported")]
    Combined(usize),
    /// A hunk of nobody's.
    #[error("line {0}: a hunk without a file name before it")]
    NoName(usize),
    /// A name that cannot be used.
    #[error("line {line}: the name `{name}` is refused: {reason}")]
    Name {
        line: usize,
        /// The name.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// Two names that do not belong together.
    #[error(
        "line {line}: `{old}` and `{new}` are two files, and no `rename from` says that one becomes the other"
    )]
    TwoNames {
        line: usize,
        /// The one.
        old: String,
        /// The other.
        new: String,
    },
    /// A line that is nothing.
    #[error("line {line}: `{text}` is neither context nor change, in a hunk")]
    Stray { line: usize, text: String },
    /// A line below the header of a file that is no part of one.
    #[error("line {line}: `{text}` is neither a header nor a hunk, under the header of a file")]
    UnderHeader { line: usize, text: String },
    /// Text between two files, or two hunks of one.
    #[error(
        "line {line}: `{text}` stands between two parts of the patch; text goes before the first file or after the last"
    )]
    Between { line: usize, text: String },
    /// A header without its file.
    #[error("line {line}: `{text}` is a header of a file, and no `diff --git` line above it names one")]
    Orphan { line: usize, text: String },
    /// A hunk's header that cannot be read.
    #[error("line {line}: `{text}` is not a complete hunk header (@@ -1,3 +1,4 @@)")]
    HunkHeader { line: usize, text: String },
    /// Lines are missing or too many.
    #[error(
        "line {line}: the hunk says {} old and {} new lines and has {} and {}; git made it (its index line says so), so lines were lost or added on the way",
        .stated.0, .stated.1, .found.0, .found.1
    )]
    Counts {
        /// The hunk.
        line: usize,
        /// Old and new lines by its header.
        stated: (usize, usize),
        /// Old and new lines that are there.
        found: (usize, usize),
    },
    /// The text ends in the middle of a hunk.
    #[error(
        "line {0}: the text ends before this hunk has the lines that it says, so the patch seems cut off"
    )]
    CutOff(usize),
    /// Some hunks have numbers and some have none.
    #[error("line {0}: of two hunks of one file one has line numbers and one has none")]
    SomeNumbers(usize),
    /// A hunk that is over by its counts and seems to go on.
    #[error("line {0}: the hunk is over by its counts, and what follows looks like more of it")]
    Ambiguous(usize),
    /// A hunk without a line.
    #[error("line {0}: a hunk without a line")]
    EmptyHunk(usize),
    /// Links and submodules.
    #[error("line {line}: mode {mode} is neither 100644 nor 100755 (links and submodules are not patched)")]
    Mode {
        line: usize,
        /// The mode.
        mode: String,
    },
    /// Headers that contradict one another or the hunks.
    #[error("line {line}: {reason}")]
    Contradiction { line: usize, reason: &'static str },
    /// A file about which nothing is said.
    #[error("line {line}: nothing changes in `{name}`")]
    NoChange {
        line: usize,
        /// The file.
        name: String,
    },
}

#[cfg(test)]
mod damage;
#[cfg(test)]
mod tests;
