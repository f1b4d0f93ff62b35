//! One item of a packed context, which can be shown whole, with lines left out, or not at all.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{FileText, shown_line};

/// An item to be shown.
pub(super) struct Block {
    /// Its name in the list of omissions.
    pub(super) label: String,
    pub(super) total: usize,
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

pub(super) struct Fitted {
    pub(super) text: String,
    pub(super) shown: usize,
    pub(super) short_of_room: bool,
    /// Lines of which the middle is left out.
    pub(super) cut_lines: usize,
}

impl Line {
    fn shown((number, text): (usize, &str)) -> Self {
        let shown = shown_line(text);
        Self { number, is_cut: matches!(shown, Cow::Owned(_)), text: shown.into_owned() }
    }
}

impl Block {
    /// A list item: its first lines matter most.
    pub(super) fn bullet(label: String, text: &str) -> Self {
        let lines: Vec<Line> = (1..)
            .zip(text.lines())
            .map(|(number, text)| Line { number, text: text.to_owned(), is_cut: false })
            .collect();
        Self { label, total: lines.len(), style: Style::Bullet, ranking: (1..=lines.len()).collect(), lines }
    }

    /// An error, of which the ranked lines matter most.
    pub(super) fn error(number: usize, text: &str, ranking: &[usize]) -> Self {
        let lines: Vec<Line> = (1..).zip(text.lines()).map(Line::shown).collect();
        Self {
            label: format!("error {number}"),
            total: lines.len(),
            style: Style::Fenced { heading: format!("### Error {number}"), numbers: false },
            ranking: ranking.to_vec(),
            lines,
        }
    }

    /// A file, of which the ranked lines matter most.
    pub(super) fn file(file: &FileText) -> Self {
        Self {
            label: file.path.clone(),
            total: file.total_lines,
            style: Style::Fenced { heading: format!("### {}", file.path), numbers: true },
            lines: file.lines.iter().map(|(number, text)| Line::shown((*number, text))).collect(),
            ranking: file.ranking.clone(),
        }
    }

    /// Its characters where all of its ranked lines are shown.
    pub(super) fn chars(&self) -> usize {
        self.render(self.ranking.len()).chars().count()
    }

    /// The most that fits into `room` characters, or nothing where not even a piece does.
    pub(super) fn fit(&self, room: usize) -> Option<Fitted> {
        let whole = self.render(self.ranking.len());
        if whole.chars().count() <= room {
            return Some(self.fitted(whole, self.ranking.len(), false));
        }
        // The rendering grows with the number of lines, so the largest that fits can be bisected.
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
        let kept: BTreeSet<usize> = self.ranking.iter().take(shown).copied().collect();
        let cut_lines = self.lines.iter().filter(|line| line.is_cut && kept.contains(&line.number)).count();
        Fitted { text, shown, short_of_room, cut_lines }
    }

    /// A single line that is too long for the room is cut between characters.
    fn first_line_cut(&self, room: usize) -> Option<Fitted> {
        const NOTE: &str = " ... cut ...\n";
        const WORTHWHILE: usize = 40;
        let first = self.lines.first()?;
        let kept = room.checked_sub(NOTE.len() + 2)?;
        match self.style {
            Style::Bullet if kept >= WORTHWHILE => {
                let text = format!("- {}{NOTE}", first.text.chars().take(kept).collect::<String>());
                Some(self.fitted(text, 1, true))
            }
            Style::Bullet | Style::Fenced { .. } => None,
        }
    }

    fn render(&self, keep: usize) -> String {
        let kept: BTreeSet<usize> = self.ranking.iter().take(keep).copied().collect();
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

/// Says which lines stand between the next expected one and the one that follows.
fn push_gap(text: &mut String, expected: usize, following: usize) {
    match following - expected {
        0 => {}
        1 => text.push_str(&format!("... 1 line omitted ({expected}) ...\n")),
        count => text.push_str(&format!("... {count} lines omitted ({expected}-{}) ...\n", following - 1)),
    }
}

/// A fence longer than any run of backquotes inside.
pub fn fence_for<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let runs = lines.flat_map(|line| line.split(|letter| letter != '`')).map(str::len);
    "`".repeat(runs.max().unwrap_or(0).max(2) + 1)
}
