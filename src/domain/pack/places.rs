//! The places that the output of a tool names: a file and a line.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::errors::bare;
use crate::domain::order::Order as _;
use crate::domain::pattern::Patterns;

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns::read("src/domain/pack/places.yaml"));

/// A place that a text names: a file and a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The path as the text writes it.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
}

impl Mention {
    /// None if there is no such line.
    fn new(path: &str, line: &str) -> Option<Self> {
        let line = line.parse().ok().filter(|line| *line > 0)?;
        Some(Self { path: path.to_owned(), line })
    }

    /// True if the mention means this file: one path is a tail of the other, by whole components.
    pub fn means(&self, path: &str) -> bool {
        let ours = path.split(['/', '\\']).rev();
        let theirs = self.path.split(['/', '\\']).filter(|part| *part != ".").rev();
        ours.zip(theirs).all(|(left, right)| left == right)
    }
}

/// The places that the texts name, last first (a Python stack ends with its innermost frame). At most 200.
pub fn mentions<'a>(texts: impl DoubleEndedIterator<Item = &'a str>) -> Vec<Mention> {
    const MOST: usize = 200;
    texts
        .rev()
        .flat_map(|text| {
            let mut found = in_text(text);
            found.reverse();
            found
        })
        .take(MOST)
        .collect()
}

/// The places of a text, in their order.
fn in_text(text: &str) -> Vec<Mention> {
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return Vec::new();
    }
    // The prefixes of a log would hide the indent that makes a list.
    let text = bare(text.lines().collect()).join("\n");
    let mut found: Vec<(usize, Mention)> = Vec::new();
    for regex in ["beside", "behind"].into_iter().filter_map(|name| PATTERNS.get(name)) {
        found.extend(regex.captures_iter(&text).filter_map(|caught| {
            let (path, line) = (part(regex, &caught, "path")?, part(regex, &caught, "line")?);
            Some((caught.get(0)?.start(), Mention::new(path, line)?))
        }));
    }
    if let (Some(list), Some(row)) = (PATTERNS.get("list"), PATTERNS.get("row")) {
        found.extend(list.captures_iter(&text).flat_map(|caught| in_list(row, &caught)));
    }
    found.order_by_key(|(start, _)| *start);
    found.into_iter().map(|(_, mention)| mention).collect()
}

/// The places of a list: a path, and a line in each row below it.
fn in_list(row: &Regex, list: &Captures<'_>) -> Vec<(usize, Mention)> {
    let (Some(path), Some(rows)) = (list.name("path"), list.name("rows")) else { return Vec::new() };
    row.captures_iter(rows.as_str())
        .filter_map(|caught| {
            let line = caught.name("line")?;
            Some((rows.start() + line.start(), Mention::new(path.as_str(), line.as_str())?))
        })
        .collect()
}

/// The text of the group of this name. Each alternative of a pattern has its own number behind the name.
fn part<'t>(regex: &Regex, caught: &Captures<'t>, name: &str) -> Option<&'t str> {
    let groups = regex.capture_names().zip(caught.iter());
    let mut parts = groups
        .filter(|(group, _)| group.is_some_and(|group| group.starts_with(name)))
        .filter_map(|(_, part)| part);
    parts.next().map(|part| part.as_str())
}
