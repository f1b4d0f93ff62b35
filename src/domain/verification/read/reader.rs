//! Readers as data: `readers.yaml` describes how to read the output of each runner.

use std::collections::HashMap;
use std::sync::LazyLock;

use indexmap::IndexMap;
use regex::Captures;
use serde::Deserialize;
use strum::EnumString;

use super::{Code, Does, NamesBy, Output, Reading, Seen, Totals, distinct, name_by, read_by, sum};
use crate::domain::order::Order;
use crate::domain::packed;
use crate::domain::pattern::Pattern;

static READERS: LazyLock<Readers> = LazyLock::new(|| packed::read("src/domain/verification/readers.yaml"));

/// The readers of all runners.
pub(super) fn all() -> &'static [Reader] {
    &READERS.readers
}

/// The outputs of the packages of a workspace, if each line begins with the name of its package. Lines of
/// packages that run at the same time are mixed.
pub(super) fn packages(output: &Output) -> Vec<Output> {
    let mut streams: IndexMap<&str, [String; 2]> = IndexMap::new();
    for (text, is_stderr) in [(&output.stdout, false), (&output.stderr, true)] {
        for line in READERS.package.all(text) {
            let Some(name) = line.get(1) else { continue };
            let [stdout, stderr] = streams.entry(name.as_str()).or_default();
            let stream = if is_stderr { stderr } else { stdout };
            stream.push_str(line.get(2).map_or("", |rest| rest.as_str()));
            stream.push('\n');
        }
    }
    streams.into_values().map(|[stdout, stderr]| Output::of(stdout, stderr)).collect()
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Readers {
    /// Matches a number with its word, in either order.
    number: Pattern,
    /// Matches a line of a package, with the package and the text of the line.
    package: Pattern,
    words: HashMap<Part, Vec<String>>,
    readers: Vec<Reader>,
}

/// A kind of number in a summary. `readers.yaml` describes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
enum Part {
    All,
    Run,
    Passed,
    Failed,
    Skipped,
    Errors,
    Warnings,
    Other,
    Beside,
    Unloaded,
    Suites,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reader {
    pub(super) runner: String,
    #[serde(default)]
    does: Does,
    /// True if the reader is used only when its runner is named.
    #[serde(default)]
    pub(super) is_alone: bool,
    /// True if the runner prints its summary to stdout only, so stderr, where tests may print anything, is
    /// ignored.
    #[serde(default)]
    is_on_stdout: bool,
    #[serde(default)]
    when: Vec<Pattern>,
    #[serde(default)]
    unless: Vec<Pattern>,
    #[serde(default)]
    names: Vec<Name>,
    #[serde(default)]
    dropped: Vec<Name>,
    names_by: Option<NamesBy>,
    #[serde(default)]
    cases: Vec<Case>,
    code: Option<Code>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Case {
    when: Vec<Pattern>,
    unless: Vec<Pattern>,
    totals: Option<Pattern>,
    every: bool,
    /// Each match is a skipped test that the summary counts as passed.
    skipped: Option<Pattern>,
    seen: Option<Seen>,
    signs: IndexMap<Seen, Pattern>,
    names: Vec<Name>,
    names_by: Option<NamesBy>,
    /// True if the number of names is the number of errors.
    counts_names: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Name {
    is: Pattern,
    #[serde(rename = "as", default = "first_group")]
    template: String,
    heading: Option<Pattern>,
    under: Option<Pattern>,
    not: Option<Pattern>,
}

fn first_group() -> String {
    "$1".to_owned()
}

fn fit(when: &[Pattern], unless: &[Pattern], text: &str) -> bool {
    when.iter().all(|pattern| pattern.is_in(text)) && !unless.iter().any(|pattern| pattern.is_in(text))
}

impl Reader {
    pub(super) fn read(&'static self, output: &Output) -> Option<Reading> {
        let text = self.text(output);
        if !fit(&self.when, &self.unless, text) {
            return None;
        }
        let by_case = self.cases.iter().find_map(|case| self.by_case(case, output));
        by_case.or_else(|| read_by(self.code?, &self.runner, output))
    }

    fn text<'o>(&self, output: &'o Output) -> &'o str {
        if self.is_on_stdout { &output.stdout } else { &output.both }
    }

    fn by_case(&'static self, case: &'static Case, output: &Output) -> Option<Reading> {
        let text = self.text(output);
        if !fit(&case.when, &case.unless, text) {
            return None;
        }
        let runs = case.totals.iter().flat_map(|pattern| pattern.all(text));
        let runs = runs.filter_map(|found| self.run(case, &found, text));
        let whole = if case.every { runs.reduce(Reading::and) } else { runs.last() };
        let is_sure = case.totals.is_none() || case.seen.is_some();
        let mut reading = whole.or_else(|| is_sure.then(|| Reading::of(&self.runner)))?;
        reading.does = self.does;
        let sign = case.signs.iter().find(|(_, pattern)| pattern.is_in(text)).map(|(seen, _)| *seen);
        reading.seen = case.seen.or(sign).unwrap_or(reading.seen);
        if reading.seen != Seen::NoTests {
            let names = if case.names.is_empty() { &self.names } else { &case.names };
            let dropped = all_names(&self.dropped, text);
            reading.failing = all_names(names, text);
            reading.failing.retain(|name| !dropped.contains(name));
        }
        if let Some(by) = case.names_by.or(self.names_by).filter(|_| case.names.is_empty()) {
            name_by(by, output, &mut reading);
        }
        if case.counts_names {
            reading.totals.errors = Some(reading.failing.len());
        }
        let is_bare = case.when.is_empty() && case.unless.is_empty() && case.totals.is_none();
        (!is_bare || reading.found()).then_some(reading)
    }

    /// Reads one summary. None if its totals do not add up.
    fn run(&'static self, case: &Case, found: &Captures, text: &str) -> Option<Reading> {
        let mut counts = Counts::default();
        for (name, group) in case.totals.as_ref()?.regex()?.capture_names().zip(found.iter()) {
            let (Some(name), Some(group)) = (name, group) else { continue };
            match name.trim_end_matches(|letter: char| letter.is_ascii_digit()) {
                "counts" => counts.add_words(group.as_str()),
                name => counts.add(name.parse().ok()?, group.as_str().parse().unwrap_or(1)),
            }
        }
        let skipped = case.skipped.iter().flat_map(|pattern| pattern.all(text)).count();
        if skipped > 0 {
            counts.add(Part::Skipped, skipped);
        }
        let totals = counts.totals()?;
        let seen = if self.does == Does::Look { Seen::End } else { counts.seen(&totals) };
        Some(Reading { totals, ..Reading::of(&self.runner).seen(seen) })
    }
}

/// The names that the patterns find, in the order of the text.
fn all_names(names: &'static [Name], text: &str) -> Vec<String> {
    let mut found: Vec<(usize, String)> = names.iter().flat_map(|name| name.all(text)).collect();
    found.order_by_key(|(at, _)| *at);
    distinct(found.into_iter().map(|(_, name)| name).collect())
}

impl Name {
    fn all(&self, text: &str) -> Vec<(usize, String)> {
        let place = |found: &Captures| {
            let whole = found.get_match();
            let named = found.get(1).unwrap_or(whole);
            (whole.start(), whole.range(), named.range())
        };
        let headings: Vec<_> =
            self.heading.iter().flat_map(|heading| heading.all(text)).map(|found| place(&found)).collect();
        let name = |found: Captures| {
            let at = found.get_match().start();
            let above = headings.partition_point(|(start, ..)| *start < at).checked_sub(1);
            let above = above.and_then(|above| headings.get(above));
            let part = |range: &std::ops::Range<usize>| text.get(range.clone()).unwrap_or_default();
            let (whole, named) = above.map_or(("", ""), |(_, whole, named)| (part(whole), part(named)));
            let is_it = (self.heading.is_none() || above.is_some())
                && self.under.as_ref().is_none_or(|under| under.is_in(whole))
                && !self.not.as_ref().is_some_and(|not| not.is_in(found.get_match().as_str()));
            let mut name = String::new();
            found.expand(&self.template, &mut name);
            // An empty group leaves the separator that follows it.
            let name = name.replace("{above}", named);
            let name = name.trim_start_matches(": ").trim();
            (is_it && !name.is_empty()).then(|| (at, name.to_owned()))
        };
        self.is.all(text).filter_map(name).collect()
    }
}

/// The numbers of a summary.
#[derive(Default)]
pub(super) struct Counts(HashMap<Part, usize>);

impl Counts {
    /// Reads each number with its word: `3 failed, 2 passed`, `Failures: 3`, `failures=3`.
    pub(super) fn of(text: &str) -> Self {
        let mut counts = Self::default();
        counts.add_words(text);
        counts
    }

    fn add(&mut self, part: Part, number: usize) {
        *self.0.entry(part).or_default() += number;
    }

    fn add_words(&mut self, text: &str) {
        for found in READERS.number.all(text) {
            let group = |one, other| found.get(one).or(found.get(other)).map(|group| group.as_str());
            let (number, word) = (group(1, 4), group(2, 3).unwrap_or_default().to_lowercase());
            let part = READERS.words.iter().find(|(_, words)| words.contains(&word));
            if let (Some((part, _)), Some(Ok(number))) = (part, number.map(str::parse)) {
                self.add(*part, number);
            }
        }
    }

    /// The number of tests that ran but count neither as passed nor as failed.
    pub(super) fn others(&self) -> usize {
        self.get(Part::Other).unwrap_or(0)
    }

    fn get(&self, part: Part) -> Option<usize> {
        self.0.get(&part).copied()
    }

    /// The totals. None if they do not add up.
    pub(super) fn totals(&self) -> Option<Totals> {
        let of = |part| self.get(part);
        let parts = sum([Part::Failed, Part::Skipped, Part::Errors, Part::Other].map(of)).unwrap_or(0);
        let passed = match (of(Part::Passed), of(Part::All).or(of(Part::Run))) {
            (None, Some(all)) if of(Part::Run).is_some() => Some(all.saturating_sub(parts)),
            (passed, Some(all)) if passed.unwrap_or(0) + parts != all => return None,
            (passed, _) => passed,
        };
        Some(Totals {
            passed,
            failed: of(Part::Failed),
            skipped: of(Part::Skipped),
            errors: sum([of(Part::Errors), of(Part::Beside)]),
            warnings: of(Part::Warnings),
        })
    }

    fn seen(&self, totals: &Totals) -> Seen {
        let ran = totals.ran() + self.others();
        let did_not_load = match self.get(Part::Unloaded) {
            Some(files) => totals.passed.unwrap_or(0) == 0 && totals.bad() == files,
            None => ran == 0 && self.get(Part::Suites).is_some(),
        };
        match (did_not_load, ran) {
            (true, _) => Seen::Broken,
            (false, 0) => Seen::NoTests,
            (false, _) => Seen::End,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_every_group_has_a_meaning() {
        let name = |name: &'static Name| {
            [Some(&name.is), name.heading.as_ref(), name.under.as_ref(), name.not.as_ref()]
        };
        assert!(all().len() >= 25 && READERS.words.len() == 8);
        for reader in all() {
            let mut patterns: Vec<&Pattern> = reader.when.iter().chain(&reader.unless).collect();
            patterns.extend(reader.names.iter().chain(&reader.dropped).flat_map(name).flatten());
            for case in &reader.cases {
                patterns
                    .extend(case.when.iter().chain(&case.unless).chain(&case.totals).chain(&case.skipped));
                patterns.extend(case.names.iter().flat_map(name).flatten());
                patterns.extend(case.signs.values());
            }
            for pattern in patterns {
                let regex = pattern.regex().unwrap_or_else(|| panic!("{pattern:?}"));
                for group in regex.capture_names().flatten() {
                    let group = group.trim_end_matches(|letter: char| letter.is_ascii_digit());
                    assert!(group == "counts" || group.parse::<Part>().is_ok(), "{group}");
                }
            }
        }
    }

    #[test]
    fn numbers_are_found_by_their_words() {
        let totals = |text: &str| Counts::of(text).totals().map(|all| (all.passed, all.failed, all.errors));
        assert_eq!(totals("3 failed, 2 passed, 5 total"), Some((Some(2), Some(3), None)));
        assert_eq!(totals("3 failed, 2 passed, 9 total"), None);
        assert_eq!(totals("Tests run: 5, Failures: 1, Errors: 2"), Some((Some(2), Some(1), Some(2))));
        assert_eq!(totals("failures=1, expected failures=12"), Some((None, Some(1), None)));
        assert_eq!(totals("2 in staging, see #12"), Some((None, None, None)));
    }
}
