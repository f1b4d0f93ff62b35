//! The best place for a hunk that does not apply: what a mismatch tells its reader.

use std::collections::HashMap;

use super::visible::{look_the_same, looks, shown, shown_exactly, words};

/// Pairs of equal lines that are looked at; lines that stand in a file very often are left out beyond.
const MOST_PAIRS: usize = 4_000_000;
/// Places that are told.
const MOST_PLACES: usize = 2;
/// The score of a line that is equal, and of one that only looks equal.
const EQUAL: u32 = 4;
const ALIKE: u32 = 3;
/// Similarity of two lines, from 0 to 1, so that one may be meant by the other.
const LEAST_LIKENESS: f64 = 0.5;

/// A place of a file, by the first line that differs there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line of the file at which the hunk would begin, from 1.
    pub start: usize,
    /// The line of the file that differs first.
    pub line: usize,
    pub expected: String,
    pub found: String,
    /// True if the two look the same.
    pub looks_same: bool,
}

/// The places where most lines fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nearest {
    /// The first of them.
    pub places: Vec<Place>,
    /// Number of places that fit as well and are not told.
    pub left_out: usize,
    pub equal: usize,
    /// Number of lines of the file the hunk has.
    pub of: usize,
}

impl Nearest {
    /// Finds them; the stated place where no line of the hunk is in the file.
    pub(super) fn find(lines: &[&[u8]], old: &[Vec<u8>], stated: Option<usize>) -> Self {
        let scores = scores(lines, old);
        let best = scores.iter().copied().max().unwrap_or(0);
        let starts: Vec<usize> = if best > 0 {
            scores.iter().enumerate().filter(|(_, score)| **score == best).map(|(at, _)| at).collect()
        } else {
            like(lines, old).or(stated.filter(|at| *at < lines.len())).into_iter().collect()
        };
        let equal = starts.first().map_or(0, |start| {
            let there = lines.iter().skip(*start);
            old.iter().zip(there).filter(|(wanted, line)| wanted.as_slice() == **line).count()
        });
        let places: Vec<Place> =
            starts.iter().take(MOST_PLACES).filter_map(|start| Place::at(lines, *start, old)).collect();
        Self { left_out: starts.len() - places.len(), places, equal, of: old.len() }
    }
}

impl Place {
    fn at(lines: &[&[u8]], start: usize, old: &[Vec<u8>]) -> Option<Self> {
        let (offset, expected) =
            old.iter().enumerate().find(|(at, wanted)| lines.get(start + at) != Some(&wanted.as_slice()))?;
        let line = start + offset + 1;
        let Some(found) = lines.get(start + offset) else {
            let (expected, found) = (shown(&text(expected)), "(the end of the file)".to_owned());
            return Some(Self { start: start + 1, line, expected, found, looks_same: false });
        };
        let (expected, found) = (text(expected), text(found));
        let looks_same = look_the_same(&expected, &found);
        let show = |text: &str| if looks_same { shown_exactly(text) } else { shown(text) };
        let (one, other) = match (expected.strip_suffix('\n'), found.strip_suffix('\n')) {
            (Some(one), Some(other)) => (show(one), show(other)),
            _ => (show(&expected), show(&found)),
        };
        Some(Self { start: start + 1, line, expected: one, found: other, looks_same })
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

/// Returns what is compared where only the look of a line counts.
fn look(line: &[u8]) -> String {
    words(&looks(&text(line))).join(" ")
}

/// Returns how well the hunk fits, for each line at which it might begin.
fn scores(lines: &[&[u8]], old: &[Vec<u8>]) -> Vec<u32> {
    let mut places: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        places.entry(look(line)).or_default().push(at);
    }
    let mut wanted: Vec<(usize, &[usize])> = old
        .iter()
        .enumerate()
        .filter_map(|(at, line)| Some((at, places.get(&look(line))?.as_slice())))
        .collect();
    // The rare lines say most.
    wanted.sort_by_key(|(_, places)| places.len());
    let mut scores = vec![0_u32; lines.len()];
    let mut pairs = 0;
    for (at, places) in wanted {
        pairs += places.len();
        if pairs > MOST_PAIRS {
            break;
        }
        for place in places {
            let score = place.checked_sub(at).and_then(|start| scores.get_mut(start));
            if let Some(score) = score {
                *score +=
                    if lines.get(*place) == old.get(at).map(Vec::as_slice).as_ref() { EQUAL } else { ALIKE };
            }
        }
    }
    scores
}

/// Returns where the longest line of the hunk has its like, though no line is equal.
fn like(lines: &[&[u8]], old: &[Vec<u8>]) -> Option<usize> {
    const MOST_BYTES: usize = 400_000;
    let (at, longest) = old.iter().enumerate().max_by_key(|(_, line)| line.len())?;
    if lines.iter().map(|line| line.len()).sum::<usize>() > MOST_BYTES || longest.len() > 1_000 {
        return None;
    }
    let longest = look(longest);
    let likeness = |line: &[u8]| strsim::sorensen_dice(&look(line), &longest);
    let found = lines.iter().enumerate().map(|(place, line)| (place, likeness(line)));
    let (place, likeness) = found.max_by(|one, other| one.1.total_cmp(&other.1))?;
    if likeness < LEAST_LIKENESS { None } else { place.checked_sub(at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(file: &str, old: &[&str], stated: Option<usize>) -> Nearest {
        let lines: Vec<&[u8]> = file.as_bytes().split_inclusive(|byte| *byte == b'\n').collect();
        let old: Vec<Vec<u8>> = old.iter().map(|line| format!("{line}\n").into_bytes()).collect();
        Nearest::find(&lines, &old, stated)
    }

    #[test]
    fn the_place_with_most_equal_lines_is_found() {
        let near = nearest("x\na\nb\nc\nd\n", &["b", "C?", "d"], Some(0));
        assert_eq!((near.equal, near.of, near.left_out), (2, 3, 0));
        let place = &near.places[0];
        assert_eq!(
            (place.start, place.line, place.expected.as_str(), place.found.as_str()),
            (3, 4, "C?", "c")
        );
    }

    #[test]
    fn two_places_that_fit_equally_well_are_both_told() {
        let near = nearest("a\nb\nc\n-\na\nb\nd\n", &["a", "b", "e"], None);
        let lines: Vec<(usize, &str)> =
            near.places.iter().map(|place| (place.line, place.found.as_str())).collect();
        assert_eq!(lines, [(3, "c"), (7, "d")]);
    }

    #[test]
    fn what_looks_the_same_is_shown_exactly() {
        let near = nearest("a\n\u{a0}b \nc\n", &[" b"], None);
        let place = &near.places[0];
        assert_eq!((place.line, place.looks_same), (2, true));
        assert_eq!(place.found, "<U+00A0 no-break space>b<1 blank at the end>");
    }

    #[test]
    fn a_line_of_which_none_is_equal_is_found_by_its_likeness() {
        let near = nearest("one\ntotal = items[0]\nthree\n", &["total = item[0]"], Some(0));
        assert_eq!((near.places[0].line, near.equal), (2, 0));
        assert!(nearest("one\n", &["quite different"], None).places.is_empty());
        assert_eq!(nearest("one\n", &["quite different"], Some(0)).places[0].found, "one");
    }
}
