//! Code fences of Markdown: which lines of a text are inside of one, and how to put a text into one.

/// The marks of a line that may open or close a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) struct Marks {
    mark: char,
    length: usize,
}

impl Marks {
    /// The marks of a line, and the text after them. None if no fence begins or ends with the line: it has
    /// fewer than three marks, or it is code between backticks.
    pub(in crate::domain) fn of(line: &str) -> Option<(Self, &str)> {
        let line = line.trim();
        let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let rest = line.trim_start_matches(mark);
        let length = line.len() - rest.len();
        let is_code = mark == '`' && rest.contains('`');
        (length >= 3 && !is_code).then_some((Self { mark, length }, rest.trim()))
    }

    /// True if a line closes the fence that these marks opened: it has at least as many of the same marks,
    /// and nothing else.
    pub(in crate::domain) fn are_closed_by(self, line: &str) -> bool {
        Self::of(line).is_some_and(|(other, rest)| {
            other.mark == self.mark && other.length >= self.length && rest.is_empty()
        })
    }
}

/// Reads a text line by line and tracks which lines are inside a fence.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::domain) struct FenceWalk {
    open: Option<Marks>,
}

/// The role of a line for the fences of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) enum FenceLine<'a> {
    /// It opens a fence with this label.
    Begins(&'a str),
    /// It is inside a fence.
    Inside,
    Ends,
    /// It is outside of any fence.
    Outside,
}

impl FenceWalk {
    /// Takes the next line and returns its role.
    pub(in crate::domain) fn step<'a>(&mut self, line: &'a str) -> FenceLine<'a> {
        match (self.open, Marks::of(line)) {
            (None, Some((marks, label))) => {
                self.open = Some(marks);
                FenceLine::Begins(label)
            }
            (None, None) => FenceLine::Outside,
            (Some(open), Some(_)) if open.are_closed_by(line) => {
                self.open = None;
                FenceLine::Ends
            }
            (Some(_), _) => FenceLine::Inside,
        }
    }

    /// True if a fence is open.
    pub(in crate::domain) fn is_open(self) -> bool {
        self.open.is_some()
    }
}

/// The inside of a fence that is the whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) struct Fenced<'a> {
    pub(in crate::domain) inside: &'a str,
    /// True if the last line closes the fence.
    pub(in crate::domain) is_closed: bool,
}

/// Reads a text that is one fence. None if it begins with something else, or goes on after the fence.
pub(in crate::domain) fn whole(text: &str) -> Option<Fenced<'_>> {
    let (first, rest) = text.split_once('\n')?;
    let (marks, _) = Marks::of(first)?;
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        if marks.are_closed_by(line) {
            let is_last = end + line.len() == rest.len();
            return is_last.then_some(Fenced { inside: rest.get(..end)?, is_closed: true });
        }
        end += line.len();
    }
    Some(Fenced { inside: rest, is_closed: false })
}

/// A fence longer than any run of backticks in the lines.
pub fn fence_for<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let runs = lines.flat_map(|line| line.split(|letter| letter != '`')).map(str::len);
    "`".repeat(runs.max().unwrap_or(0).max(2) + 1)
}

/// A text in a fence that it cannot close.
pub fn fenced(text: &str, label: &str) -> String {
    let fence = fence_for(text.lines());
    format!("{fence}{label}\n{}\n{fence}", text.trim_end_matches('\n'))
}

#[cfg(test)]
mod tests {
    use super::FenceLine::{Begins, Ends, Inside, Outside};
    use super::*;

    #[test]
    fn a_fence_ends_at_as_many_of_its_own_marks() {
        let mut walk = FenceWalk::default();
        let text = "a\n````md\n```\n~~~~\n````x\n `````\nb\n``` `code` ```\n~~~ a`b\n```\n~~~";
        let roles: Vec<FenceLine> = text.lines().map(|line| walk.step(line)).collect();
        assert_eq!(
            roles,
            [
                Outside,
                Begins("md"),
                Inside,
                Inside,
                Inside,
                Ends,
                Outside,
                Outside,
                Begins("a`b"),
                Inside,
                Ends
            ]
        );
        assert!(!walk.is_open());
    }

    #[test]
    fn a_text_that_is_one_fence_is_told_from_others() {
        let closed = |inside| Some(Fenced { inside, is_closed: true });
        assert_eq!(whole("```rust\na\n```"), closed("a\n"));
        assert_eq!(whole("````\n```\na\n```\n````\n"), closed("```\na\n```\n"));
        assert_eq!(whole("~~~\n```\n~~~"), closed("```\n"));
        assert_eq!(whole("```\na"), Some(Fenced { inside: "a", is_closed: false }));
        for text in ["a\n```\n```", "```\na\n```\nb", "```\na\n```\n```\nb\n```", "```a```", ""] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_cannot_close_its_fence() {
        assert_eq!(fenced("a\n\n", "text"), "```text\na\n```");
        assert_eq!(fenced("a ```` b", ""), "`````\na ```` b\n`````");
    }
}
