//! A file as it was packed into the prompt: some of its lines, with their numbers.

/// The packed lines of one file.
pub(crate) struct PackedFile<'a> {
    pub(crate) path: &'a str,
    next: u32,
    /// Sorted by number, as long as the packer counts upwards.
    pub(crate) lines: Vec<(u32, &'a str)>,
}

impl<'a> PackedFile<'a> {
    pub(crate) fn new(path: &'a str, first_line: u32) -> Self {
        Self { path, next: first_line, lines: Vec::new() }
    }

    pub(crate) fn push(&mut self, number: u32, text: &'a str) {
        // A number that goes backwards would break the search; such a line is no packed line.
        if self.lines.last().is_none_or(|(last, _)| *last < number) {
            self.lines.push((number, text));
            self.next = number.saturating_add(1);
        }
    }

    pub(crate) fn push_next(&mut self, text: &'a str) {
        self.push(self.next, text);
    }

    pub(crate) fn line(&self, number: u32) -> Option<&'a str> {
        let index = self.lines.binary_search_by_key(&number, |(n, _)| *n).ok()?;
        self.lines.get(index).map(|(_, text)| *text)
    }

    /// Lines `from..=to`, those that were packed.
    pub(crate) fn span(&self, from: u32, to: u32) -> &[(u32, &'a str)] {
        let start = self.lines.partition_point(|(number, _)| *number < from);
        let end = self.lines.partition_point(|(number, _)| *number <= to);
        self.lines.get(start..end).unwrap_or_default()
    }
}
