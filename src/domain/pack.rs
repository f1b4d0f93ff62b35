//! Packing a context: constraints, errors, facts and files into one text that never exceeds its
//! limit, with line numbers that stay true across everything left out.

mod block;
mod mention;
mod select;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

pub use block::fence_for;
pub use mention::{Mention, mentions};
pub use select::file_lines;

use super::size::share;
use block::Block;

/// Characters of one line of a file or an error; what is longer is cut with a note.
pub const MAX_LINE_CHARS: usize = 1_000;

/// The material to pack, in the order of its importance. Every text is already masked.
#[derive(Clone, Debug, Default)]
pub struct Material {
    pub constraints: Vec<String>,
    /// Error texts, stack traces, logs.
    pub errors: Vec<String>,
    pub facts: Vec<String>,
    /// Files, as far as they were read.
    pub files: Vec<FileText>,
}

/// The lines of a file that were read, by their true numbers.
#[derive(Clone, Debug, Default)]
pub struct FileText {
    /// The path as shown.
    pub path: String,
    pub total_lines: usize,
    /// Line number (from 1) and text.
    pub lines: BTreeMap<usize, String>,
    /// The lines that matter most, best first; as many as may be shown.
    pub ranking: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
pub struct PackLimits {
    /// Lines of one error.
    pub error_lines: usize,
    /// Characters in all.
    pub total_chars: usize,
}

/// A packed context and what did not get into it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// The text.
    pub text: String,
    /// Its length in characters.
    pub total_chars: usize,
    /// The files in it.
    pub files: Vec<PackedFile>,
    /// The parts that were left out or cut, and why.
    pub omitted: Vec<Omission>,
}

/// A file in a packed context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackedFile {
    /// The path as shown.
    pub path: String,
    /// Lines shown.
    pub lines: usize,
    /// Lines of the file.
    pub total_lines: usize,
}

/// Something left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Omission {
    /// The file, or the item such as `error 2`.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Packs the material, most important first.
pub fn pack(material: &Material, limits: PackLimits) -> Packed {
    let mut packer = Packer { limit: limits.total_chars, packed: Packed::default(), section: None };
    for (index, text) in material.constraints.iter().enumerate() {
        packer.add("Constraints", Block::bullet(format!("constraint {}", index + 1), text));
    }
    let files: Vec<Block> = material.files.iter().map(Block::file).collect();
    let errors = material.errors.iter().enumerate().map(|(index, text)| {
        let ranking = select::error_lines(text, limits.error_lines);
        Block::error(index + 1, text, &ranking)
    });
    packer.add_errors(errors.collect(), &files);
    for (index, text) in material.facts.iter().enumerate() {
        packer.add("Facts", Block::bullet(format!("fact {}", index + 1), text));
    }
    for (file, block) in material.files.iter().zip(files) {
        let shown = packer.add("Files", block);
        if let Some(lines) = shown {
            packer.packed.files.push(PackedFile {
                path: file.path.clone(),
                lines,
                total_lines: file.total_lines,
            });
        }
    }
    packer.packed
}

/// A packed text with its files in another order: the first so many go to the end. Lines of files
/// are numbered, so that no line of theirs looks like a heading.
pub fn with_files_turned(text: &str, by: usize) -> String {
    const SECTION: &str = "## Files\n";
    let Some(start) = text.rfind(SECTION).map(|at| at + SECTION.len()) else {
        return text.to_owned();
    };
    let (before, files) = text.split_at(start);
    let mut starts: Vec<usize> = files.match_indices("\n### ").map(|(at, _)| at + 1).collect();
    starts.insert(0, 0);
    let ends = starts.iter().skip(1).copied().chain([files.len()]);
    let mut blocks: Vec<&str> =
        starts.iter().zip(ends).filter_map(|(start, end)| files.get(*start..end)).collect();
    let count = blocks.len().max(1);
    blocks.rotate_left(by % count);
    format!("{before}{}", blocks.concat())
}

struct Packer {
    limit: usize,
    packed: Packed,
    section: Option<&'static str>,
}

impl Packer {
    /// Adds the errors: half of what is left, and more where the files do not take it. A long one
    /// leaves the others their share.
    fn add_errors(&mut self, errors: Vec<Block>, files: &[Block]) {
        const HEADING: usize = 20;
        let left = self.limit.saturating_sub(self.packed.total_chars + HEADING);
        let for_files: usize = files.iter().map(Block::chars).sum();
        let room = left.saturating_sub(for_files + HEADING).max(left / 2);
        let wanted: Vec<usize> = errors.iter().map(Block::chars).collect();
        for (error, room) in errors.into_iter().zip(share(&wanted, room)) {
            self.add_within("Errors", error, room);
        }
    }

    /// Adds as much of a block as fits, and returns how many of its lines are shown.
    fn add(&mut self, section: &'static str, block: Block) -> Option<usize> {
        self.add_within(section, block, usize::MAX)
    }

    fn add_within(&mut self, section: &'static str, block: Block, most: usize) -> Option<usize> {
        let heading = if self.section == Some(section) {
            String::new()
        } else if self.packed.text.is_empty() {
            format!("## {section}\n")
        } else {
            format!("\n## {section}\n")
        };
        let used = self.packed.total_chars + heading.chars().count();
        let Some(fitted) = self.limit.checked_sub(used).and_then(|room| block.fit(room.min(most))) else {
            self.omit(block.label, format!("over the limit of {} characters", self.limit));
            return None;
        };
        self.section = Some(section);
        self.packed.total_chars = used + fitted.text.chars().count();
        self.packed.text.push_str(&heading);
        self.packed.text.push_str(&fitted.text);
        if fitted.cut_lines > 0 {
            let reason = format!("{} lines cut to {MAX_LINE_CHARS} characters", fitted.cut_lines);
            self.omit(block.label.clone(), reason);
        }
        let left_out = block.total - fitted.shown;
        if left_out > 0 {
            let reason = if fitted.short_of_room {
                format!(
                    "{left_out} of {} lines omitted: over the limit of {} characters",
                    block.total, self.limit
                )
            } else {
                format!("{left_out} of {} lines omitted: over the limit of lines", block.total)
            };
            self.omit(block.label, reason);
        } else if fitted.short_of_room {
            self.omit(block.label, format!("cut: over the limit of {} characters", self.limit));
        }
        Some(fitted.shown)
    }

    fn omit(&mut self, path: String, reason: String) {
        self.packed.omitted.push(Omission { path, reason });
    }
}

/// A line as it is shown: where it is longer than [`MAX_LINE_CHARS`], its middle is left out, for a
/// message begins and ends with what matters.
fn shown_line(text: &str) -> Cow<'_, str> {
    const HEAD: usize = MAX_LINE_CHARS * 3 / 5;
    const TAIL: usize = MAX_LINE_CHARS - HEAD;
    if text.char_indices().nth(MAX_LINE_CHARS).is_none() {
        return Cow::Borrowed(text);
    }
    let head: String = text.chars().take(HEAD).collect();
    let start = text.char_indices().rev().nth(TAIL - 1).map_or(0, |(at, _)| at);
    let tail = text.get(start..).unwrap_or_default();
    let omitted = text.chars().count() - HEAD - TAIL;
    Cow::Owned(format!("{head} ... {omitted} characters omitted ... {tail}"))
}

#[cfg(test)]
mod tests;
