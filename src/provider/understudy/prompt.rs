//! Takes a prompt apart: the lines that may hold errors, and the files that were packed with them.

use super::faults::head;

/// A longer line is read up to here: nothing that is looked for starts later.
const MAX_LINE: usize = 2_000;
const MAX_FILES: usize = 50;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Other,
    Constraints,
    Errors,
    Files,
}

/// The parts of a prompt.
#[derive(Default)]
pub(super) struct Prompt<'a> {
    /// `## Errors`, then `## Facts`.
    pub(super) errors: Vec<&'a str>,
    /// Everything that is in no section of the packed context.
    pub(super) other: Vec<&'a str>,
    pub(super) constraints: Vec<&'a str>,
    pub(super) files: Vec<PackedFile<'a>>,
}

/// A file as it was packed: some of its lines, with their numbers.
pub(super) struct PackedFile<'a> {
    pub(super) path: &'a str,
    /// Sorted by number, as long as the packer counts upwards.
    lines: Vec<(u32, &'a str)>,
}

impl<'a> PackedFile<'a> {
    fn push(&mut self, number: u32, text: &'a str) {
        // A number that goes backwards would break the search; such a line is no packed line.
        if self.lines.last().is_none_or(|(last, _)| *last < number) {
            self.lines.push((number, text));
        }
    }

    pub(super) fn line(&self, number: u32) -> Option<&'a str> {
        let index = self.lines.binary_search_by_key(&number, |(n, _)| *n).ok()?;
        self.lines.get(index).map(|(_, text)| *text)
    }
}

/// `  12 | text`, as the packer numbers lines.
fn numbered(line: &str) -> Option<(u32, &str)> {
    let (number, text) = line.split_once(['|', '│'])?;
    let text = text.strip_prefix(' ').unwrap_or(text);
    Some((number.trim().parse().ok()?, text))
}

/// Reads a prompt; text without any known section is all `other`.
pub(super) fn split(text: &str) -> Prompt<'_> {
    let mut splitter = Splitter { prompt: Prompt::default(), section: Section::Other, fence: 0, skip: false };
    for line in text.lines() {
        splitter.line(head(line, MAX_LINE));
    }
    splitter.prompt
}

struct Splitter<'a> {
    prompt: Prompt<'a>,
    section: Section,
    /// Ticks of the open fence; 0 outside.
    fence: usize,
    /// The open fence holds a schema or an example answer, not evidence.
    skip: bool,
}

impl<'a> Splitter<'a> {
    fn line(&mut self, line: &'a str) {
        if self.heading(line) || self.is_fence(line) || (self.section != Section::Files && is_omission(line))
        {
            return;
        }
        match self.section {
            Section::Files => self.file_line(line),
            Section::Constraints => keep_item(&mut self.prompt.constraints, line),
            Section::Errors => self.prompt.errors.push(line),
            Section::Other if self.skip => {}
            Section::Other => self.prompt.other.push(line),
        }
    }

    /// A known heading opens its section even inside a fence that was never closed.
    fn heading(&mut self, line: &'a str) -> bool {
        if !line.starts_with('#') {
            return false;
        }
        let known = line.strip_prefix("## ").and_then(section_of);
        let is_other = self.fence == 0 && (line.starts_with("# ") || line.starts_with("## "));
        match known {
            Some(section) => self.section = section,
            None if is_other => self.section = Section::Other,
            None => return self.file_heading(line),
        }
        self.fence = 0;
        self.skip = false;
        known.is_some()
    }

    /// `### path` opens a file; `### Error 2` is the packer's word, not the log's.
    fn file_heading(&mut self, line: &'a str) -> bool {
        let Some(rest) = line.strip_prefix("### ").filter(|_| self.fence == 0) else {
            return false;
        };
        if self.section != Section::Files {
            return self.section == Section::Errors && rest.starts_with("Error ");
        }
        let path = rest.split(" (").next().unwrap_or(rest).trim().trim_matches('`');
        if self.prompt.files.len() < MAX_FILES && !path.is_empty() {
            self.prompt.files.push(PackedFile { path, lines: Vec::new() });
        }
        true
    }

    fn is_fence(&mut self, line: &str) -> bool {
        let trimmed = line.trim_start();
        let ticks = trimmed.bytes().take_while(|byte| *byte == b'`').count();
        let info = trimmed.get(ticks..).unwrap_or("").trim();
        match self.fence {
            0 if ticks >= 3 => {
                self.fence = ticks;
                self.skip = info.starts_with("json");
            }
            open if open > 0 && ticks >= open && info.is_empty() => {
                self.fence = 0;
                self.skip = false;
            }
            _ => return false,
        }
        true
    }

    fn file_line(&mut self, line: &'a str) {
        let file = self.prompt.files.last_mut().filter(|_| self.fence > 0);
        if let (Some(file), Some((number, text))) = (file, numbered(line)) {
            file.push(number, text);
        }
    }
}

/// The packer's word for lines that it left out; a traceback goes on behind it.
fn is_omission(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("... ") && line.ends_with(" ...") && line.contains(" omitted")
}

fn section_of(heading: &str) -> Option<Section> {
    match heading.trim().trim_end_matches(':').to_ascii_lowercase().as_str() {
        "constraints" => Some(Section::Constraints),
        "errors" | "error" | "error output" | "error logs" | "facts" => Some(Section::Errors),
        "files" | "context files" => Some(Section::Files),
        _ => None,
    }
}

fn keep_item<'a>(items: &mut Vec<&'a str>, line: &'a str) {
    let item = line.trim_start_matches(['-', '*', ' ']).trim();
    if !item.is_empty() && items.len() < 20 {
        items.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_files_and_line_numbers_are_told_apart() {
        let text = "# Stage\ndo it\n```json\n{\"KeyError: 1\":2}\n```\n## Constraints\n- keep the API\n\n## Errors\n### Error 1\n```\nboom\n... 3 lines omitted (4-6) ...\n# not a heading\n```\n## Facts\n- seen\n## Files\n### a/b.py (lines 10-12 of 90)\n```python\n  10 | def f():\n  11 |     ```\n... 3 lines omitted ...\n  15 | ## Errors\n```\n### c.js\n```\n1 | let x;\n2 | let y;\n```\n## Answer\nplease\n";
        let prompt = split(text);
        assert_eq!(prompt.constraints, ["keep the API"]);
        assert_eq!(prompt.errors, ["boom", "# not a heading", "- seen"]);
        assert_eq!(prompt.files.len(), 2);
        assert_eq!(prompt.files[0].path, "a/b.py");
        assert_eq!(prompt.files[0].line(11), Some("    ```"));
        assert_eq!(prompt.files[0].line(15), Some("## Errors"));
        assert_eq!(prompt.files[1].line(2), Some("let y;"));
        assert!(prompt.other.contains(&"please"));
        assert!(!prompt.other.iter().any(|line| line.contains("KeyError")));
    }
}
