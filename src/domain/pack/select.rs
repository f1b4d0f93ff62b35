//! The lines of a long text that matter most.

use std::collections::HashSet;
use std::sync::OnceLock;

use regex::Regex;

/// Lines on each side of a mentioned line that matter more than the rest of the file.
const WINDOW: usize = 15;

/// The most important lines of a file, best first: those around the lines that an error names,
/// then its head and its tail, two lines to one. At most `limit` numbers, each in `1..=total`.
pub fn file_lines(total: usize, named: &[usize], limit: usize) -> Vec<usize> {
    let around = (0..=WINDOW).flat_map(|distance| {
        named
            .iter()
            .flat_map(move |line| [line.checked_sub(distance), Some(line + distance)].into_iter().flatten())
    });
    let head_and_tail = (0..total).flat_map(|step| [2 * step + 1, 2 * step + 2, total.saturating_sub(step)]);
    distinct(around.chain(head_and_tail), total, limit)
}

/// The most important lines of an error, best first: those that say what failed and with which
/// values, then the frames of the project nearest to them with the source below, then what stands
/// around and the rest, backwards. Totals and frames of libraries come last, so that they go first.
///
/// Java, .NET and JavaScript print the innermost frame first (`at ...`), Python and others last.
pub(super) fn error_lines(text: &str, limit: usize) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let total = lines.len();
    let kinds = kinds(&lines);
    let kind = |number: usize| number.checked_sub(1).and_then(|index| kinds.get(index)).copied();
    let of = |wanted: Kind| (1..=total).filter(move |number| kind(*number) == Some(wanted));
    let is_little = |number: &usize| matches!(kind(*number), Some(Kind::Library | Kind::Total));
    let ends = [total, 1].into_iter().filter(|number| !is_little(number));
    let upwards = of(Kind::Frame).rev().flat_map(|number| [number, number + 1, number + 2]);
    let frames = interleaved(upwards, of(Kind::FrameBelow)).filter(|number| !is_little(number));
    let around = of(Kind::Failure).rev().flat_map(|number| [number + 1, number.saturating_sub(1)]);
    let around = around.filter(|number| !is_little(number));
    let rest = of(Kind::Other).rev();
    let order = of(Kind::Failure)
        .rev()
        .chain(ends)
        .chain(of(Kind::Value).rev())
        .chain(frames)
        .chain(around)
        .chain(rest)
        .chain(of(Kind::Total).rev())
        .chain(of(Kind::Library).rev());
    distinct(order, total, limit)
}

/// The worth of a line of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It says what failed: an error, a test's name.
    Failure,
    /// It is part of what was expected or found instead.
    Value,
    /// A frame of the project in a stack that is printed outermost first, or a place in a file.
    Frame,
    /// One in a stack that is printed innermost first.
    FrameBelow,
    Other,
    /// A frame of a library or of the runtime.
    Library,
    /// Totals and times of what passed, and what passed.
    Total,
}

fn kinds(lines: &[&str]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::with_capacity(lines.len());
    let mut value: Option<(usize, usize)> = None;
    let mut is_below_library_frame = false;
    for line in lines {
        let depth = line.len() - line.trim_start().len();
        let plain = kind_of(line);
        // What is written below `expected:` or a list of differences belongs to it.
        let goes_on = value.is_some_and(|(at, left)| left > 0 && (depth > at || is_difference(line)));
        let kind = match plain {
            Kind::Other if goes_on => Kind::Value,
            // Python prints the source of a frame below it, whatever it says.
            _ if is_below_library_frame && depth >= 4 && !is_frame(line) => Kind::Library,
            plain => plain,
        };
        is_below_library_frame = plain == Kind::Library && line.trim_start().starts_with("File ");
        value = match plain {
            Kind::Value => Some((depth, MOST_OF_A_VALUE)),
            _ if goes_on => value.map(|(at, left)| (at, left - 1)),
            _ => None,
        };
        kinds.push(kind);
    }
    kinds
}

/// Lines that one value may take.
const MOST_OF_A_VALUE: usize = 12;

fn kind_of(line: &str) -> Kind {
    if is_total(line) {
        Kind::Total
    } else if is_of_a_library(line)
        && (is_frame(line) || is_frame_below_its_error(line) || is_bare_place(line))
    {
        Kind::Library
    } else if is_value(line) {
        Kind::Value
    } else if names_an_error(line) {
        Kind::Failure
    } else if is_frame_below_its_error(line) {
        Kind::FrameBelow
    } else if is_frame(line) {
        Kind::Frame
    } else {
        Kind::Other
    }
}

/// One of each in turn, as long as either has any.
fn interleaved(
    mut one: impl Iterator<Item = usize>,
    mut other: impl Iterator<Item = usize>,
) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || match (one.next(), other.next()) {
        (None, None) => None,
        pair => Some(pair),
    })
    .flat_map(|(left, right)| [left, right].into_iter().flatten())
}

/// A line that says what went wrong, or of which test.
fn names_an_error(line: &str) -> bool {
    static NAMED: OnceLock<Option<Regex>> = OnceLock::new();
    matches(
        &NAMED,
        r"(?x)
          (?:Error|Exception|Failure)\b
        | (?i:\berror(?:\[\w+\])?:)
        | (?i:\bpanic(?:ked)?\b)
        | (?i:\bassert\w*)
        | ^E\s\s                    # pytest: what was found
        | ^>\s                      # pytest: the line that failed
        | \bFAIL(?:ED|URE)?\b
        | \bFailed\b
        | \bCaused\sby\b
        | ^\s*not\sok\b            # TAP
        | ^\s*---\sFAIL:           # go
        | ^\s*-{2,}\s\S.*\s-{2,}\s*$ # cargo, node: a test's name between dashes
        | ^_{2,}\s.+\s_{2,}\s*$     # pytest: a test's name between lines
        | ^\s*[\u25CF\u2715\u2717\u2716\u00D7\u2718]\s  # jest, mocha, vitest, node
        | ^\s*\d+\)\s               # mocha, rspec, phpunit
        | \.\.\.\sFAILED\b
        | ^\s*(?:message|failureType|operator|location):\s
        ",
        line,
    )
}

/// A line that begins what was expected, or what was found instead.
fn is_value(line: &str) -> bool {
    static VALUE: OnceLock<Option<Regex>> = OnceLock::new();
    matches(
        &VALUE,
        r"(?xi)
          \b(?:expected|actual|received|but\s+was|but\s+got|which\s+is|value\s+of)\b
        | ^\s*(?:left|right|want|wanted|got|have|diff)\s*[:=]
        | ^\s*[+-]\s(?:actual|expected)\b
        | ^\s*error:\s*[|>]
        ",
        line,
    )
}

/// A line of a comparison: what is only on one side.
fn is_difference(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with(['+', '-', '?']) && !line.starts_with("---") && !line.starts_with("+++")
}

/// Returns what is told of all tests together, or of one that passed.
fn is_total(line: &str) -> bool {
    static TOTAL: OnceLock<Option<Regex>> = OnceLock::new();
    matches(
        &TOTAL,
        r"(?x)
          ^\s*\#\s(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms)\s\d  # node
        | ^\s*\u2139\s(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms)\s
        | ^\s*(?:duration_ms|type):\s                                  # TAP
        | ^\s*(?:---|\.\.\.)\s*$
        | ^\s*\#\sSubtest:
        | ^\s*\d+\.\.\d+\s*$
        | ^\s*ok\s\d+
        | ^TAP\sversion
        | ^\s*[\u2713\u2714\u221A]\s
        | \s\.\.\.\sok\s*$
        | ^ok\s+\S+\s+[\d.(]                                         # go
        | ^\s*---\sPASS:
        | ^=+\s.*\bin\s[\d.]+s                                       # pytest
        | ^=+\stest\ssession\sstarts
        | ^(?:platform|rootdir|plugins|configfile|cachedir|collected|collecting)\b
        | \bPASSED\b
        | ^PASS\b
        | ^(?:Test\sSuites|Tests|Snapshots|Time|Ran\sall\stest\ssuites)\b[:.]
        | ^Ran\s\d+\stests?\sin
        | ^test\sresult:
        | ^running\s\d+\stests?
        | ^\s*(?:Finished|Compiling|Running|Downloading|Doc-tests)\s
        ",
        line,
    )
}

/// A place in a library or in the runtime, which nobody here will change.
fn is_of_a_library(line: &str) -> bool {
    static LIBRARY: OnceLock<Option<Regex>> = OnceLock::new();
    matches(
        &LIBRARY,
        r"(?x)
          node:internal/ | \(node: | \snode:\w | \binternal/(?:modules|process|timers|test_runner)/
        | /node_modules/ | ^\s*node_modules/
        | (?:site|dist)-packages/ | /lib(?:64)?/python\d | \bpython\d[\d.]*/lib/ | <frozen\s
        | \.cargo[/\\](?:registry|git)/ | /rustc/[0-9a-f]+ | /rustlib/ | \bcore::(?:panicking|ops)
        | std::(?:panicking|rt|sys|thread) | __rust_
        | \b(?:java|javax|jdk|sun|kotlin|scala)\.[\w.$]+\( | java\.base/ | \borg\.(?:junit|gradle|apache\.maven|testng|hamcrest|mockito|springframework)\.
        | \bat\s(?:System|Microsoft|Xunit|NUnit)\. | \breflect\.
        | /usr/local/go/src/ | /go/src/(?:testing|runtime)/ | /go/pkg/mod/ | \$GOROOT
        | /gems/ | /vendor/(?:bundle|phpunit|symfony|laravel)/ | /lib/ruby/
        ",
        line,
    )
}

/// A frame in a form of its own: numbered as in Rust, or with its place at the end.
fn is_bare_place(line: &str) -> bool {
    static PLACE: OnceLock<Option<Regex>> = OnceLock::new();
    matches(&PLACE, r"^\s*(?:\d+:|at\s|from\s)|:\d+(?::\d+)?\)?(?:\s\+0x[0-9a-f]+)?[\s{]*$", line)
}

/// A frame of a stack that is printed outermost first, or a place in a file.
fn is_frame(line: &str) -> bool {
    static FRAME: OnceLock<Option<Regex>> = OnceLock::new();
    matches(
        &FRAME,
        r#"(?x)
          ^\s*File\s"            # Python
        | ^\s*-->\s              # rustc
        | \w\.\w+:\d+            # path:line
        "#,
        line,
    )
}

/// A frame of a stack that is printed innermost first.
fn is_frame_below_its_error(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("at ") && line.contains(|letter: char| letter.is_ascii_digit())
}

fn matches(pattern: &OnceLock<Option<Regex>>, source: &str, line: &str) -> bool {
    pattern.get_or_init(|| Regex::new(source).ok()).as_ref().is_some_and(|pattern| pattern.is_match(line))
}

fn distinct(order: impl Iterator<Item = usize>, total: usize, limit: usize) -> Vec<usize> {
    let wanted = limit.min(total);
    let mut seen = HashSet::new();
    order.filter(|line| (1..=total).contains(line) && seen.insert(*line)).take(wanted).collect()
}
