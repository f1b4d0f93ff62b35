//! Packs a context: constraints, errors, facts and files become one text that never exceeds its limit.
//! Lines keep their true numbers, however many are left out before them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Serialize;

use super::cut::{ends, head, is_longer};
use super::fence::fence_for;
use super::size::share;
use crate::domain::order::Gather;
use errors::error_lines;

pub use places::{Mention, mentions};

mod errors;
mod places;

/// The most characters shown of a line of a file or an error. A longer line is cut with a note.
pub const MAX_LINE_CHARS: usize = 1_000;

/// The material to pack. Every text is already masked.
#[derive(Clone, Debug, Default)]
pub struct Material {
    pub constraints: Vec<String>,
    /// Error texts, stack traces, logs.
    pub errors: Vec<String>,
    pub facts: Vec<String>,
    /// Files, with the lines that were read.
    pub files: Vec<FileText>,
}

/// The lines of a file that were read.
#[derive(Clone, Debug, Default)]
pub struct FileText {
    /// The path as shown.
    pub path: String,
    pub total_lines: usize,
    /// Text by line number, from 1.
    pub lines: BTreeMap<usize, String>,
    /// Numbers of the lines that may be shown, most important first.
    pub ranking: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
pub struct PackLimits {
    pub error_lines: usize,
    /// Characters of the whole text.
    pub total_chars: usize,
}

/// A packed context, with a list of omissions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    pub text: String,
    /// Its length in characters.
    pub total_chars: usize,
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
    pub total_lines: usize,
}

/// A part that was left out or cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Omission {
    /// The path of a file, or the name of an item, like `error 2`.
    pub path: String,
    pub reason: String,
}

/// Packs the material in this order: constraints, errors, facts, files. The errors leave half of the
/// remaining room to the files that need it.
pub fn pack(material: &Material, limits: PackLimits) -> Packed {
    let mut packer = Packer { limit: limits.total_chars, packed: Packed::default(), section: None };
    for (index, text) in material.constraints.iter().enumerate() {
        packer.add("Constraints", Block::bullet(format!("constraint {}", index + 1), text));
    }
    let files: Vec<Block> = material.files.iter().map(Block::file).collect();
    let errors = material.errors.iter().enumerate().map(|(index, text)| {
        let ranking = error_lines(text, limits.error_lines);
        Block::error(index + 1, text, ranking, limits.total_chars)
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

/// A packed text with its first `by` files moved to the end. It finds the files by their headings: lines of
/// files are numbered, so none looks like a heading.
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
    /// Adds the errors. They may take half of the room, and more if the files do not need the rest. A long
    /// error leaves the other errors their share.
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

    /// Adds as much of a block as fits, and returns the number of its lines that are shown.
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
            let reason = format!("{} lines cut to {} characters", fitted.cut_lines, block.line_chars);
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

/// A line as it is shown. A line longer than `most` loses its middle, because the beginning and the end of a
/// message matter most.
fn shown_line(text: &str, most: usize) -> Cow<'_, str> {
    let tail = most * 2 / 5;
    match ends(text, most - tail, tail) {
        Some((first, omitted, last)) => {
            Cow::Owned(format!("{first} ... {omitted} characters omitted ... {last}"))
        }
        None => Cow::Borrowed(text),
    }
}

/// A long `label: value` line, cut to its label and the part in which its value differs from the value of
/// `other`, the line that it is compared with. None unless both lines have a label.
fn shown_value(text: &str, other: &str, most: usize) -> Option<String> {
    /// Characters shown before the difference.
    const BEFORE: usize = 60;
    let label = |text: &str| {
        let end = text.find([':', '='])?;
        (end <= 24 && text.trim_start().starts_with(char::is_alphabetic)).then_some(end + 1)
    };
    let (own, theirs) = (label(text)?, label(other)?);
    let (name, value) = text.split_at_checked(own)?;
    let (_, compared) = other.split_at_checked(theirs)?;
    let (value, compared) = (value.trim_start(), compared.trim_start());
    let same = value.chars().zip(compared.chars()).take_while(|(left, right)| left == right).count();
    let skipped = same.saturating_sub(BEFORE);
    let shown: String = value.chars().skip(skipped).take(most).collect();
    let left = value.chars().count().saturating_sub(skipped + most);
    let gap = |count: usize| {
        if count == 0 { String::new() } else { format!(" ... {count} characters omitted ... ") }
    };
    Some(format!("{name} {}{shown}{}", gap(skipped), gap(left)))
}

/// Lines on each side of a named line that matter more than the rest of the file.
const WINDOW: usize = 15;

/// The numbers of the most important lines of a file, best first: the lines around those that an error
/// names, then two lines of the head for each line of the tail. At most `limit` numbers, each in
/// `1..=total`.
pub fn file_lines(total: usize, named: &[usize], limit: usize) -> Vec<usize> {
    let around = (0..=WINDOW).flat_map(|distance| {
        named
            .iter()
            .flat_map(move |line| [line.checked_sub(distance), Some(line + distance)].into_iter().flatten())
    });
    let head_and_tail = (0..total).flat_map(|step| [2 * step + 1, 2 * step + 2, total.saturating_sub(step)]);
    distinct(around.chain(head_and_tail), total, limit)
}

fn distinct(order: impl Iterator<Item = usize>, total: usize, limit: usize) -> Vec<usize> {
    let wanted = limit.min(total);
    let mut seen = HashSet::new();
    order.filter(|line| (1..=total).contains(line) && seen.insert(*line)).take(wanted).collect()
}

/// An item of the context: a constraint, an error, a fact or a file.
struct Block {
    /// Its name in the list of omissions.
    label: String,
    total: usize,
    /// The most characters shown of a line.
    line_chars: usize,
    style: Style,
    lines: Vec<Line>,
    ranking: Vec<usize>,
}

/// A line with its true number, from 1.
struct Line {
    number: usize,
    text: String,
    is_cut: bool,
}

enum Style {
    /// A list item without line numbers.
    Bullet,
    /// A fenced block under a heading.
    Fenced { heading: String, numbers: bool },
}

struct Fitted {
    text: String,
    shown: usize,
    short_of_room: bool,
    /// Shown lines without their middle.
    cut_lines: usize,
}

impl Line {
    fn shown((number, text): (usize, &str), most: usize) -> Self {
        let shown = shown_line(text, most);
        Self { number, is_cut: matches!(shown, Cow::Owned(_)), text: shown.into_owned() }
    }
}

impl Block {
    /// A list item. Its first lines matter most.
    fn bullet(label: String, text: &str) -> Self {
        let lines: Vec<Line> = (1..)
            .zip(text.lines())
            .map(|(number, text)| Line { number, text: text.to_owned(), is_cut: false })
            .collect();
        let (total, ranking) = (lines.len(), (1..=lines.len()).collect());
        Self { label, total, line_chars: MAX_LINE_CHARS, style: Style::Bullet, ranking, lines }
    }

    /// An error. Where room is short, its lines are cut shorter, so that no line takes most of the room.
    fn error(number: usize, text: &str, ranking: Vec<usize>, room: usize) -> Self {
        const LEAST: usize = 160;
        const A_LINE: usize = 10;
        let line_chars = (room / A_LINE).clamp(LEAST, MAX_LINE_CHARS);
        let all: Vec<&str> = text.lines().collect();
        let shown = |(index, text): (usize, &&str)| {
            let near = [index + 1, index + 2, index.wrapping_sub(1), index.wrapping_sub(2)];
            let is_compared = |other: &&&str| is_longer(text, line_chars) && is_longer(other, line_chars);
            let other = near.iter().filter_map(|near| all.get(*near)).find(is_compared);
            match other.and_then(|other| shown_value(text, other, line_chars)) {
                Some(text) => Line { number: index + 1, text, is_cut: true },
                None => Line::shown((index + 1, text), line_chars),
            }
        };
        let lines: Vec<Line> = all.iter().enumerate().map(shown).collect();
        Self {
            label: format!("error {number}"),
            total: lines.len(),
            line_chars,
            style: Style::Fenced { heading: format!("### Error {number}"), numbers: false },
            ranking,
            lines,
        }
    }

    fn file(file: &FileText) -> Self {
        Self {
            label: file.path.clone(),
            total: file.total_lines,
            line_chars: MAX_LINE_CHARS,
            style: Style::Fenced { heading: format!("### {}", file.path), numbers: true },
            lines: file
                .lines
                .iter()
                .map(|(number, text)| Line::shown((*number, text), MAX_LINE_CHARS))
                .collect(),
            ranking: file.ranking.clone(),
        }
    }

    /// The number of characters with all ranked lines shown.
    fn chars(&self) -> usize {
        self.render(self.ranking.len()).chars().count()
    }

    /// As many ranked lines as fit into `room` characters. None if not even a piece of a line fits.
    fn fit(&self, room: usize) -> Option<Fitted> {
        let whole = self.render(self.ranking.len());
        if whole.chars().count() <= room {
            return Some(self.fitted(whole, self.ranking.len(), false));
        }
        // The text grows with the number of lines, so bisection finds the largest number that fits.
        let (mut fits, mut exceeds) = (0, self.ranking.len());
        while fits + 1 < exceeds {
            let middle = usize::midpoint(fits, exceeds);
            if self.render(middle).chars().count() <= room {
                fits = middle;
            } else {
                exceeds = middle;
            }
        }
        if fits == 0 {
            return self.first_line_cut(room);
        }
        let text = self.render(fits);
        (text.chars().count() <= room).then(|| self.fitted(text, fits, true))
    }

    fn fitted(&self, text: String, shown: usize, short_of_room: bool) -> Fitted {
        let kept: BTreeSet<usize> = self.ranking.iter().take(shown).copied().gather();
        let cut_lines = self.lines.iter().filter(|line| line.is_cut && kept.contains(&line.number)).count();
        Fitted { text, shown, short_of_room, cut_lines }
    }

    /// The first line of a list item, cut to the room. None for other blocks, or if too little would be left.
    fn first_line_cut(&self, room: usize) -> Option<Fitted> {
        const NOTE: &str = " ... cut ...\n";
        const WORTHWHILE: usize = 40;
        let first = self.lines.first()?;
        let kept = room.checked_sub(NOTE.len() + 2)?;
        match self.style {
            Style::Bullet if kept >= WORTHWHILE => {
                let text = format!("- {}{NOTE}", head(&first.text, kept));
                Some(self.fitted(text, 1, true))
            }
            Style::Bullet | Style::Fenced { .. } => None,
        }
    }

    fn render(&self, keep: usize) -> String {
        let kept: BTreeSet<usize> = self.ranking.iter().take(keep).copied().gather();
        let lines: Vec<&Line> = self.lines.iter().filter(|line| kept.contains(&line.number)).collect();
        match &self.style {
            Style::Bullet => self.render_bullet(&lines),
            Style::Fenced { heading, numbers } => self.render_fenced(heading, *numbers, &lines),
        }
    }

    fn render_bullet(&self, lines: &[&Line]) -> String {
        let mut text = String::new();
        for line in lines {
            text.push_str(if text.is_empty() { "- " } else { "  " });
            text.push_str(&line.text);
            text.push('\n');
        }
        let omitted = self.total - lines.len();
        if omitted > 0 {
            text.push_str(&format!("  ... {omitted} lines omitted ...\n"));
        }
        text
    }

    fn render_fenced(&self, heading: &str, numbers: bool, lines: &[&Line]) -> String {
        let fence = fence_for(lines.iter().map(|line| line.text.as_str()));
        let width = self.total.to_string().len().max(4);
        let mut text = heading.to_owned();
        if numbers && lines.len() < self.total {
            text.push_str(&format!(" ({} of {} lines)", lines.len(), self.total));
        }
        text.push('\n');
        text.push_str(&fence);
        text.push('\n');
        let mut next = 1;
        for line in lines {
            push_gap(&mut text, next, line.number);
            if numbers {
                text.push_str(&format!("{:>width$} | ", line.number));
            }
            text.push_str(&line.text);
            text.push('\n');
            next = line.number + 1;
        }
        push_gap(&mut text, next, self.total + 1);
        text.push_str(&fence);
        text.push('\n');
        text
    }
}

/// Adds a note about the lines left out between the `expected` line and the `following` one.
fn push_gap(text: &mut String, expected: usize, following: usize) {
    match following - expected {
        0 => {}
        1 => text.push_str(&format!("... 1 line omitted ({expected}) ...\n")),
        count => text.push_str(&format!("... {count} lines omitted ({expected}-{}) ...\n", following - 1)),
    }
}

#[cfg(test)]
mod tests;
