//! The places that an error names.

use std::sync::OnceLock;

use regex::Regex;

/// A file and a line that some text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The path as the text writes it.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
}

impl Mention {
    /// True if the mention means this file: one path is a tail of the other, by whole components.
    pub fn means(&self, path: &str) -> bool {
        let ours = path.split(['/', '\\']).rev();
        let theirs = self.path.split(['/', '\\']).filter(|part| *part != ".").rev();
        ours.zip(theirs).all(|(left, right)| left == right)
    }
}

/// The places that the texts name, innermost (last) first, at most 200.
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

fn in_text(text: &str) -> Vec<Mention> {
    static PLACE: OnceLock<Option<Regex>> = OnceLock::new();
    let Some(place) = PLACE.get_or_init(|| {
        Regex::new(
            r#"(?x)
              File\s"(?P<python>[^"\n]+)",\sline\s(?P<python_line>\d{1,7})
            | (?P<path>[\w./\\@+-]*\w\.\w+)[:(](?P<line>\d{1,7})
            "#,
        )
        .ok()
    }) else {
        return Vec::new();
    };
    place
        .captures_iter(text)
        .filter_map(|found| {
            let path = found.name("python").or_else(|| found.name("path"))?;
            let line = found.name("python_line").or_else(|| found.name("line"))?;
            Some(Mention {
                path: path.as_str().to_owned(),
                line: line.as_str().parse().ok().filter(|line| *line > 0)?,
            })
        })
        .collect()
}
