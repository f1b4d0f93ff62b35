//! Competing explanations, each with the evidence it rests on. More evidence, more confidence; never much.

use super::case::{Case, Place};
use super::evidence::{Fault, clip};
use super::functions::Function;
use super::kind::{self, Kind};
use super::spectrum::{self, Shared, Spectrum};
use super::{clue, command, deviation, origin};

/// The contract takes no more.
const MOST: usize = 5;
const NO_COMMAND: &str = "run what printed this output again and compare the first error that it prints";

/// One explanation.
pub(crate) struct Suspect {
    pub(crate) claim: String,
    pub(crate) prediction: String,
    pub(crate) test: String,
    pub(crate) evidence: Vec<String>,
    pub(crate) against: Vec<String>,
    pub(crate) confidence: f64,
    /// Two suspects of the same place are one.
    key: String,
}

/// At least one, at most five, the best supported first.
pub(crate) fn find(case: &Case<'_>) -> Vec<Suspect> {
    let mut found = Vec::new();
    let faults = case.faults();
    for fault in faults.iter().take(4) {
        of_fault(case, fault, &mut found);
    }
    shared_functions(case, &mut found);
    if let Some(fault) = faults.iter().find(|fault| kind::of(fault) == Kind::Comparison) {
        found.push(wrong_expectation(case, fault));
    }
    if let Some(fault) = faults.first().filter(|fault| !fault.is_static && case.place(fault).is_some()) {
        found.push(wrong_input(case, fault));
    }
    if found.is_empty() {
        found.push(nothing(case));
    }
    // Stable: of equals the one that was found first stays first.
    found.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
    let mut kept: Vec<Suspect> = Vec::new();
    for suspect in found {
        if kept.len() < MOST && kept.iter().all(|other| other.key != suspect.key) {
            kept.push(suspect);
        }
    }
    kept
}

/// The place of a fault, and where the value there came from.
fn of_fault(case: &Case<'_>, fault: &Fault, found: &mut Vec<Suspect>) {
    let Some(place) = case.place(fault) else {
        found.push(nowhere(case, fault));
        return;
    };
    let clue = clue::find(case, fault, &place);
    let origin = clue
        .as_ref()
        .and_then(|clue| clue.about.as_deref())
        .and_then(|about| origin::of(case, fault, &place, about));
    if !(place.is_test && kind::of(fault) == Kind::Comparison) {
        found.push(at_place(case, fault, &place, clue.as_ref()));
    } else if let Some(suspect) = tested_function(case, fault, &place, clue.as_ref()) {
        found.push(suspect);
    }
    if let Some((at, sentence)) = origin.filter(|_| !place.is_test) {
        let what = fault.title();
        found.push(Suspect {
            claim: format!(
                "{} only shows the fault: {sentence}, and the wrong value is made there or before",
                place.label()
            ),
            prediction: format!("the value is already wrong at {at}, before {} is reached", place.label()),
            test: test_for(case, fault),
            evidence: vec![quoted(&place), format!("{} shows {what}", place.label())],
            against: Vec::new(),
            confidence: 0.35,
            key: at,
        });
    }
}

/// An error that came without a frame of the project.
fn nowhere(case: &Case<'_>, fault: &Fault) -> Suspect {
    let difference =
        fault.difference.as_ref().map(clue::described).map(|text| format!(": {text}")).unwrap_or_default();
    let test = fault.tests.first().map(|test| format!(" in `{}`", clip(test, 120))).unwrap_or_default();
    Suspect {
        claim: format!("{}{test}{difference}; the output shows no frame of the project", fault.title()),
        prediction: "a run with the whole stack names a line of the project".to_owned(),
        test: test_for(case, fault),
        evidence: vec![fault.title()],
        against: Vec::new(),
        confidence: 0.2,
        key: fault.title(),
    }
}

fn at_place(case: &Case<'_>, fault: &Fault, place: &Place<'_>, clue: Option<&clue::Clue>) -> Suspect {
    let says = clue.map_or_else(|| "the expression on this line fails".to_owned(), |clue| clue.says.clone());
    let check = clue.map_or_else(
        || "print the values on this line right before it".to_owned(),
        |clue| clue.check.clone(),
    );
    let mut evidence = vec![format!("the innermost frame of the project is {}", place.label())];
    if place.source.is_some() {
        evidence.push(quoted(place));
    }
    evidence.extend(same_spelling(case, fault));
    let support = [true, place.source.is_some(), clue.is_some(), !fault.tests.is_empty()];
    Suspect {
        claim: format!("{} at {}: {says}", fault.title(), place.label()),
        prediction: format!(
            "{check}: it shows the value that raises {}; with that value put right, the command passes",
            fault.class
        ),
        test: test_for(case, fault),
        evidence,
        against: Vec::new(),
        confidence: confidence(&support),
        key: format!("{}:{}", place.file, place.line),
    }
}

/// A missing key that is there in another spelling.
fn same_spelling(case: &Case<'_>, fault: &Fault) -> Option<String> {
    let is_key = kind::of(fault) == Kind::MissingKey;
    let (file, line, text) = clue::same_text(case.files(), &fault.message).filter(|_| is_key)?;
    Some(format!("{file}:{line} has the same text in another spelling: {text:?}"))
}

/// A comparison failed inside a test: the suspect is what the test calls.
fn tested_function(
    case: &Case<'_>,
    fault: &Fault,
    place: &Place<'_>,
    clue: Option<&clue::Clue>,
) -> Option<Suspect> {
    let clue = clue?;
    let name = clue.about.as_deref()?;
    let function = case.functions.iter().find(|function| function.name == name)?;
    let at = format!("{}:{}", function.file, function.start);
    Some(Suspect {
        claim: format!("`{name}` ({at}) gives the wrong result: {}", clue.says),
        prediction: format!(
            "{}: it differs from what the test wants before the assertion is reached",
            clue.check
        ),
        test: test_for(case, fault),
        evidence: vec![quoted(place), format!("`{}` is what {} compares", name, place.label())],
        against: Vec::new(),
        confidence: confidence(&[true, true, !fault.tests.is_empty()]),
        key: at,
    })
}

/// The functions that the failing tests share, as far as their reach tells them from the others.
fn shared_functions(case: &Case<'_>, found: &mut Vec<Suspect>) {
    let spectrum = spectrum::rank(case);
    let best = spectrum.shared.first().map_or(0.0, |shared| shared.score);
    let tied = spectrum.shared.iter().filter(|shared| shared.score >= best).count();
    // A rank that many functions share tells none of them apart.
    for shared in
        spectrum.shared.iter().take(2).filter(|shared| tied <= 2 && !is_named(case, &shared.function))
    {
        found.push(shared_suspect(case, &spectrum, shared));
    }
}

/// An error is raised inside of it: it is a suspect already, with more evidence than a rank.
fn is_named(case: &Case<'_>, function: &Function<'_>) -> bool {
    let places = case.evidence.faults.iter().filter_map(|fault| case.place(fault));
    places
        .filter_map(|place| case.function_at(&place))
        .any(|named| named.file == function.file && named.start == function.start)
}

fn shared_suspect(case: &Case<'_>, spectrum: &Spectrum<'_>, shared: &Shared<'_>) -> Suspect {
    let Function { file, name, start, .. } = shared.function;
    let Shared { failing, passing, .. } = *shared;
    let mut evidence = vec![
        format!(
            "read from the source, not run: {failing} of {} failing tests can reach `{name}`",
            spectrum.failing
        ),
        format!(
            "of the {} tests beside them that are not reported as failing, {passing} can reach it",
            spectrum.passing
        ),
    ];
    let deviation = deviation::of(case, &shared.function);
    let also = deviation.as_ref().map(|text| format!("; {text}")).unwrap_or_default();
    evidence.extend(deviation.clone());
    let is_common = failing > 1 && failing == spectrum.failing;
    // A deviation is evidence of its own, from another source than the tests: it counts twice.
    let support =
        [true, is_common, is_common && spectrum.passing > passing, deviation.is_some(), deviation.is_some()];
    let what = match (is_common, failing) {
        (true, _) => "is the one cause behind all failing tests",
        (false, 1) => "is behind one failing test",
        (false, _) => "is behind some of the failing tests",
    };
    Suspect {
        claim: format!("`{name}` ({file}:{start}) {what}{also}"),
        prediction: format!("after a change in `{name}` alone, the command passes"),
        test: command::for_all(case).unwrap_or_else(|| NO_COMMAND.to_owned()),
        evidence,
        against: if passing > 0 {
            vec![format!("tests that do not fail and can reach it too: {passing}")]
        } else {
            Vec::new()
        },
        confidence: confidence(&support),
        key: format!("{file}:{start}"),
    }
}

fn wrong_expectation(case: &Case<'_>, fault: &Fault) -> Suspect {
    let at = case.place(fault).map_or_else(|| "the assertion".to_owned(), |place| place.label());
    Suspect {
        claim: format!("the program is right and the expectation at {at} is wrong"),
        prediction: "the documentation or another caller states the value that the program gives now"
            .to_owned(),
        test: test_for(case, fault),
        evidence: vec![fault.title()],
        against: vec!["a test is more often right than the code it was written for".to_owned()],
        confidence: 0.12,
        key: "expectation".to_owned(),
    }
}

fn wrong_input(case: &Case<'_>, fault: &Fault) -> Suspect {
    let at = case.place(fault).map_or_else(|| fault.title(), |place| place.label());
    Suspect {
        claim: format!(
            "the code at {at} is right; the data or state that reaches it breaks what it relies on"
        ),
        prediction: "the same code passes when it is given values that keep its preconditions".to_owned(),
        test: test_for(case, fault),
        evidence: case
            .project_frames(fault)
            .skip(1)
            .take(3)
            .map(|frame| format!("called from {}", frame.label()))
            .collect(),
        against: Vec::new(),
        confidence: 0.15,
        key: "input".to_owned(),
    }
}

fn nothing(case: &Case<'_>) -> Suspect {
    let test = case.evidence.tests.first();
    let claim = test.map_or_else(
        || {
            "the packed context shows no error, no stack frame and no failing test: there is nothing to explain yet"
                .to_owned()
        },
        |test| format!("`{}` fails for a reason that the output does not show", clip(&test.name, 120)),
    );
    Suspect {
        claim,
        prediction: "a full run prints an error with its stack".to_owned(),
        test: command::for_all(case).unwrap_or_else(|| NO_COMMAND.to_owned()),
        evidence: Vec::new(),
        against: Vec::new(),
        confidence: 0.1,
        key: "nothing".to_owned(),
    }
}

fn test_for(case: &Case<'_>, fault: &Fault) -> String {
    command::for_fault(case, fault)
        .or_else(|| command::for_all(case))
        .unwrap_or_else(|| NO_COMMAND.to_owned())
}

fn quoted(place: &Place<'_>) -> String {
    match place.source {
        Some(source) => format!("{}:{} reads `{}`", place.file, place.line, clip(source.trim(), 120)),
        None => format!("{}:{} was not packed", place.file, place.line),
    }
}

/// 0.2, and a step for each kind of support; rules alone never get far above a half.
fn confidence(support: &[bool]) -> f64 {
    let steps = support.iter().filter(|is_there| **is_there).count();
    let steps = u32::try_from(steps).unwrap_or(0);
    (f64::from(20 + 8 * steps) / 100.0).min(0.6)
}
