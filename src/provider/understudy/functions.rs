//! Finds functions in packed files by their indentation, and what they can reach.

use super::code;
use super::packed::PackedFile;
use super::pattern::Pattern;
use std::collections::BTreeMap;

static WORD: Pattern = Pattern::new(
    r"^\s*(?:export |default |pub(?:\([^)]*\))? |async |static |const |unsafe |private |public |protected )*(?:def|fn|func|function\*?|fun)\s+(?:\([^)]*\)\s*)?([A-Za-z_]\w*)",
);
static ARROW: Pattern =
    Pattern::new(r"^\s*(?:export )?(?:const|let|var) ([A-Za-z_$][\w$]*) = (?:async )?(?:\([^)]*\)|\w+) =>");
static TYPED: Pattern = Pattern::new(
    r"^\s*(?:(?:public|private|protected|internal|static|final|async|override|virtual|inline|const|unsigned) )*[\w<>\[\],.*&]+\s+\**([A-Za-z_]\w*)\([^;]*$",
);
static METHOD: Pattern = Pattern::new(r"^\s+(?:async |static )*([A-Za-z_$][\w$]*)\([^;=]*\) \{$");
const NOT_A_TYPE: [&str; 8] = ["return", "else", "new", "throw", "await", "case", "assert", "elif"];
const NOT_A_NAME: [&str; 6] = ["if", "for", "while", "switch", "catch", "match"];
/// Names that any call may mean; to follow them would connect everything with everything.
const TOO_COMMON: [&str; 14] = [
    "new", "get", "set", "len", "push", "append", "add", "main", "__init__", "toString", "map", "items",
    "from", "default",
];

/// Nested functions read the same lines again; this keeps the work linear.
const MAX_LINES: usize = 40_000;

/// A function and the lines it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function<'a> {
    pub(crate) file: &'a str,
    pub(crate) name: &'a str,
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) head: &'a str,
    /// Marked as a test, by its name or by the line above it.
    pub(crate) is_test: bool,
}

/// All functions of all packed files.
pub(crate) fn find<'a>(files: &[PackedFile<'a>]) -> Vec<Function<'a>> {
    let mut found = Vec::new();
    for file in files {
        let mut open: Vec<(usize, Function<'a>)> = Vec::new();
        let mut above = "";
        for (number, line) in file.lines.iter().copied().filter(|(_, line)| !line.trim().is_empty()) {
            let indent = line.len() - line.trim_start().len();
            close(&mut open, indent, line, &mut found);
            for (_, function) in &mut open {
                function.end = number;
            }
            if let Some(name) = name_of(line).filter(|_| open.len() < 50) {
                let is_test = is_test(name, above);
                let head = line.trim();
                open.push((
                    indent,
                    Function { file: file.path, name, start: number, end: number, head, is_test },
                ));
            }
            above = line;
        }
        found.extend(open.into_iter().map(|(_, function)| function));
    }
    found.truncate(2_000);
    found
}

/// A line that is not indented further than a function's head is outside of it, but for its last bracket.
fn close<'a>(
    open: &mut Vec<(usize, Function<'a>)>,
    indent: usize,
    line: &str,
    found: &mut Vec<Function<'a>>,
) {
    let is_bracket = line.trim_start().starts_with(['}', ')', '{', ']']) || line.trim() == "end";
    while let Some((_, function)) = open.pop_if(|(at, _)| indent < *at || (indent == *at && !is_bracket)) {
        found.push(function);
    }
}

fn name_of(line: &str) -> Option<&str> {
    if let Some(found) = WORD.find(line).or_else(|| ARROW.find(line)) {
        return Some(found.text(1));
    }
    if !line.contains('(') || line.trim_end().ends_with([';', ',']) {
        return None;
    }
    let first = line.split_whitespace().next().unwrap_or("");
    let found = METHOD.find(line).or_else(|| TYPED.find(line).filter(|_| line.trim_end().ends_with('{')))?;
    let name = found.text(1);
    (!NOT_A_TYPE.contains(&first) && !NOT_A_NAME.contains(&name)).then_some(name)
}

fn is_test(name: &str, above: &str) -> bool {
    let marks =
        ["#[test]", "::test]", "::test(", "@Test", "[Fact]", "[Theory", "[Test", "@ParameterizedTest"];
    name.starts_with("test") || name.starts_with("Test") || marks.iter().any(|mark| above.contains(mark))
}

/// The innermost function around a line.
pub(crate) fn around<'f, 'a>(
    functions: &'f [Function<'a>],
    file: &str,
    line: u32,
) -> Option<&'f Function<'a>> {
    functions
        .iter()
        .filter(|function| function.file == file && function.start <= line && line <= function.end)
        .max_by_key(|function| function.start)
}

/// Which functions each function calls, by name, as far as the packed files show.
pub(crate) struct Calls<'a> {
    functions: &'a [Function<'a>],
    callees: Vec<Vec<usize>>,
}

impl<'a> Calls<'a> {
    pub(crate) fn new(functions: &'a [Function<'a>], files: &[PackedFile<'_>]) -> Self {
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, function) in functions.iter().enumerate() {
            if !TOO_COMMON.contains(&function.name) {
                by_name.entry(function.name).or_default().push(index);
            }
        }
        let mut budget = MAX_LINES;
        let callees =
            functions.iter().map(|function| callees(function, files, &by_name, &mut budget)).collect();
        Self { functions, callees }
    }

    /// Everything that can run when `start` runs, `start` not included.
    pub(crate) fn reach(&self, start: usize) -> Vec<usize> {
        let mut seen = vec![false; self.functions.len()];
        let mut todo = vec![start];
        let mut reached = Vec::new();
        while let Some(next) = todo.pop() {
            for callee in self.callees.get(next).into_iter().flatten().copied() {
                if let Some(flag) = seen.get_mut(callee).filter(|flag| !**flag) {
                    *flag = true;
                    reached.push(callee);
                    todo.push(callee);
                }
            }
        }
        reached.retain(|index| *index != start);
        reached.sort_unstable();
        reached
    }
}

fn callees(
    function: &Function<'_>,
    files: &[PackedFile<'_>],
    by_name: &BTreeMap<&str, Vec<usize>>,
    budget: &mut usize,
) -> Vec<usize> {
    let Some(file) = files.iter().find(|file| file.path == function.file) else {
        return Vec::new();
    };
    let lines = file.span(function.start.saturating_add(1), function.end);
    let taken = lines.len().min(400).min(*budget);
    *budget -= taken;
    let mut found: Vec<usize> = lines
        .iter()
        .take(taken)
        .flat_map(|(_, line)| code::calls(line))
        // A name with many definitions says nothing about which of them is meant.
        .filter_map(|name| by_name.get(name).filter(|indexes| indexes.len() <= 2))
        .flatten()
        .copied()
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &'static str, text: &'static str) -> PackedFile<'static> {
        let mut file = PackedFile::new(path, 1);
        text.lines().for_each(|line| file.push_next(line));
        file
    }

    #[test]
    fn functions_of_several_languages_are_found() {
        let files = [
            file(
                "a.py",
                "class A:\n    def one(self):\n        return two(1)\n\n    def last(self):\n        pass\n\ndef two(x):\n    return x\n",
            ),
            file(
                "b.js",
                "function one(a) {\n  if (a) {\n    two();\n  }\n}\nconst two = (x) => {\n  return x;\n};\n",
            ),
            file("c.go", "func (s *Shop) Total() int {\n\treturn 1\n}\n"),
            file("D.java", "class D {\n    int total(String id) {\n        return 1;\n    }\n}\n"),
        ];
        let mut found: Vec<_> =
            find(&files).iter().map(|f| format!("{}:{}:{}-{}", f.file, f.name, f.start, f.end)).collect();
        found.sort();
        assert_eq!(
            found,
            [
                "D.java:total:2-4",
                "a.py:last:5-6",
                "a.py:one:2-3",
                "a.py:two:8-9",
                "b.js:one:1-5",
                "b.js:two:6-8",
                "c.go:Total:1-3"
            ]
        );
    }

    #[test]
    fn reach_follows_calls() {
        let files =
            [file("a.py", "def a():\n    b()\ndef b():\n    c()\ndef c():\n    a()\ndef d():\n    pass\n")];
        let functions = find(&files);
        let calls = Calls::new(&functions, &files);
        let names = |index: usize| calls.reach(index).iter().map(|i| functions[*i].name).collect::<Vec<_>>();
        let a = functions.iter().position(|f| f.name == "a").unwrap();
        assert_eq!(names(a), ["b", "c"]);
    }
}
