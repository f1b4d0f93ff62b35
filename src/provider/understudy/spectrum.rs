//! Which functions the failing tests have in common and the other tests have not.
//!
//! The tests are not run: what a test can reach is read from the packed source, and each function is
//! scored with Ochiai's coefficient, the usual one for fault localisation from test spectra.

use super::case::Case;
use super::functions::{Calls, Function};
use super::paths;

/// A function and who can reach it.
pub(crate) struct Shared<'a> {
    pub(crate) function: Function<'a>,
    pub(crate) failing: u32,
    pub(crate) passing: u32,
    pub(crate) score: f64,
}

/// The result, with the sizes of both groups.
#[derive(Default)]
pub(crate) struct Spectrum<'a> {
    pub(crate) shared: Vec<Shared<'a>>,
    pub(crate) failing: u32,
    pub(crate) passing: u32,
}

/// Ranks the functions outside of test files, most suspicious first.
pub(crate) fn rank<'a>(case: &Case<'a>) -> Spectrum<'a> {
    let functions = &case.functions;
    let (failing, passing) = tests(case);
    if failing.is_empty() {
        return Spectrum::default();
    }
    let calls = Calls::new(functions, case.files());
    let mut counts = vec![(0_u32, 0_u32); functions.len()];
    for (group, is_failing) in [(&failing, true), (&passing, false)] {
        for index in group.iter().flat_map(|test| calls.reach(*test)) {
            if let Some(count) = counts.get_mut(index) {
                if is_failing {
                    count.0 += 1;
                } else {
                    count.1 += 1;
                }
            }
        }
    }
    let total = u32::try_from(failing.len()).unwrap_or(u32::MAX);
    let scored = functions.iter().zip(counts).filter(|(function, count)| count.0 > 0 && !is_test(function));
    let mut shared: Vec<Shared<'a>> = scored
        .map(|(function, (failing, passing))| Shared {
            function: *function,
            failing,
            passing,
            score: ochiai(failing, passing, total),
        })
        .collect();
    shared.sort_by(|one, other| other.score.total_cmp(&one.score));
    Spectrum { shared, failing: total, passing: u32::try_from(passing.len()).unwrap_or(u32::MAX) }
}

fn ochiai(failing: u32, passing: u32, total: u32) -> f64 {
    let reached = f64::from(failing) + f64::from(passing);
    f64::from(failing) / (f64::from(total) * reached).sqrt().max(1.0)
}

/// Indexes of the failing tests, and of the tests beside them that are not among the failing ones.
fn tests(case: &Case<'_>) -> (Vec<usize>, Vec<usize>) {
    let names = failing_names(case);
    let is_failing = |function: &Function<'_>| names.contains(&function.name);
    let indexed = || case.functions.iter().enumerate().filter(|(_, function)| function.is_test);
    let failing: Vec<usize> =
        indexed().filter(|(_, f)| is_failing(f)).map(|(index, _)| index).take(60).collect();
    let has_failing = |file: &str| indexed().any(|(_, f)| f.file == file && is_failing(f));
    let passing = indexed().filter(|(_, f)| !is_failing(f) && has_failing(f.file)).map(|(index, _)| index);
    (failing, passing.take(200).collect())
}

/// `test_y` of `tests/x.py::C::test_y[a]`, `tests.test_x.C.test_y`, `tests::test_y`.
fn failing_names<'c>(case: &'c Case<'_>) -> Vec<&'c str> {
    let names = case.evidence.tests.iter().map(|test| {
        let name = test.name.split(['[', '(']).next().unwrap_or(&test.name);
        name.rsplit([':', '.', '#', '/']).next().unwrap_or(name)
    });
    names.filter(|name| !name.is_empty()).collect()
}

fn is_test(function: &Function<'_>) -> bool {
    function.is_test || paths::is_test_file(function.file)
}
