//! Holding what an answer says of a file against the file.

use super::{Citation, Claim, Quote, Sense, Standing};

/// Characters of a quote that a result shows.
const MOST_SHOWN: usize = 160;

/// Lines of a range that are compared one by one; beyond them a search by words finds the quote.
const MOST_OF_A_RANGE: usize = 60;
/// Places of a word that are compared.
const MOST_PLACES: usize = 400;

/// A file's lines.
pub struct Lines {
    text: String,
    spans: Vec<(usize, usize)>,
}

impl Lines {
    /// The lines of a text.
    pub fn of(text: String) -> Self {
        let mut spans = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let end = start + line.trim_end_matches(['\n', '\r']).len();
            spans.push((start, end));
            start += line.len();
        }
        Self { text, spans }
    }

    pub fn count(&self) -> usize {
        self.spans.len()
    }

    fn line(&self, at: usize) -> Option<&str> {
        let (start, end) = self.spans.get(at)?;
        self.text.get(*start..*end)
    }

    /// Returns where a quote begins, from 1: within the range if it is there, else in the line nearest to
    /// it.
    pub fn find(&self, quote: &str, line: usize, end: usize) -> Option<usize> {
        let wanted: Vec<String> = quote.lines().map(squeezed).filter(|line| !line.is_empty()).collect();
        let first = wanted.first()?;
        let range = line.saturating_sub(1)..end.max(line).min(self.count());
        if let Some(at) = range.clone().take(MOST_OF_A_RANGE).find(|at| self.begins_at(*at, &wanted)) {
            return Some(at + 1);
        }
        // The longest word finds the lines that are worth a comparison.
        let words = first.split(' ').flat_map(|word| word.split("...")).flat_map(|word| word.split('…'));
        let word = words.max_by_key(|word| word.len()).filter(|word| word.len() > 1)?;
        let places = self.text.match_indices(word).take(MOST_PLACES);
        let mut lines: Vec<usize> = places.filter_map(|(at, _)| self.line_at(at)).collect();
        lines.dedup();
        lines
            .into_iter()
            .filter(|at| self.begins_at(*at, &wanted))
            .min_by_key(|at| (!range.contains(at), (at + 1).abs_diff(line)))
            .map(|at| at + 1)
    }

    fn line_at(&self, byte: usize) -> Option<usize> {
        self.spans.partition_point(|(start, _)| *start <= byte).checked_sub(1)
    }

    fn begins_at(&self, at: usize, wanted: &[String]) -> bool {
        let mut here = (at..self.count()).filter_map(|at| self.line(at)).map(squeezed);
        // A block begins in this very line; blank lines within it do not count.
        let Some(first) = here.next() else { return false };
        let mut wanted = wanted.iter();
        if !wanted.next().is_some_and(|wanted| holds(&first, wanted)) {
            return false;
        }
        let mut here = here.filter(|line| !line.is_empty());
        wanted.all(|wanted| here.next().is_some_and(|line| holds(&line, wanted)))
    }
}

/// True if a line holds a piece of code, from which something may be left out.
fn holds(line: &str, wanted: &str) -> bool {
    if line.contains(wanted) {
        return true;
    }
    if !wanted.contains("...") && !wanted.contains('…') {
        return false;
    }
    let mut rest = line;
    let pieces = wanted.split("...").flat_map(|piece| piece.split('…')).map(str::trim);
    let mut found = 0;
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
        found += piece.len();
    }
    found >= 4
}

/// A line without its indentation, every run of blanks as one.
fn squeezed(line: &str) -> String {
    let mut words = line.split_whitespace();
    let mut all = words.next().unwrap_or_default().to_owned();
    for word in words {
        all.push(' ');
        all.push_str(word);
    }
    all
}

/// Returns what is found of a claim in the file that it means.
pub fn judged(claim: &Claim, file: &str, lines: &Lines) -> Citation {
    let total = lines.count();
    let end = claim.end_line.unwrap_or(claim.line);
    let is_there = (1..=total).contains(&claim.line);
    let mut citation = Citation {
        file: Some(file.to_owned()),
        note: None,
        ..Citation::bare(claim, if is_there { Standing::LineOnly } else { Standing::Absent }, "")
    };
    if !is_there {
        citation.note = Some(format!("the file has {total} lines"));
    } else if end > total {
        citation.note = Some(format!("the file ends with line {total}"));
    }
    let is_within = |at: usize| is_there && (claim.line..=end).contains(&at);
    let mut moved: Option<(&Quote, usize)> = None;
    for quote in &claim.quotes {
        match lines.find(&quote.text, claim.line, end) {
            Some(at) if is_within(at) => {
                citation.quote = Some(shown(&quote.text));
                citation.status = Standing::Exact;
                return citation;
            }
            Some(at) if quote.sense == Sense::Shown && moved.is_none() => moved = Some((quote, at)),
            Some(_) | None => {}
        }
    }
    if let Some((quote, at)) = moved {
        citation.quote = Some(shown(&quote.text));
        citation.status = Standing::Moved;
        citation.found_line = Some(at);
        return citation;
    }
    let shows =
        claim.quotes.iter().find(|quote| quote.sense == Sense::Shown && !quote.text.contains("[MASKED"));
    if let Some(quote) = shows.filter(|_| is_there) {
        citation.quote = Some(shown(&quote.text));
        citation.note = Some("the line is there; the quote is nowhere in the file".to_owned());
    }
    citation
}

fn shown(text: &str) -> String {
    let mut shown: String = text.trim().chars().take(MOST_SHOWN).collect();
    if text.trim().chars().count() > MOST_SHOWN {
        shown.push('…');
    }
    shown
}
