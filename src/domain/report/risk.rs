//! Risks: those that the outputs name, and those that Maestro finds. Also the rule for a stage that is
//! harmless enough to be approved without a person.

use super::content::{self, Content, called};
use super::material::{self, Material, Next, ORCHESTRATOR, VerificationNote};
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say};

/// The most failing tests that a risk names.
const MAX_NAMED: usize = 5;

/// Every risk: first those that the outputs name, then those that Maestro finds.
pub(super) fn all(material: &Material<'_>, content: &Content) -> Vec<Text> {
    let mut risks = content.risks.clone();
    risks.extend(late_start(material));
    risks.extend(material::risks(&material.applied));
    risks.extend(not_applied(material));
    risks.extend(discarded(material));
    risks.extend(of_tests(material, content));
    risks.extend(of_the_verification(material));
    risks
}

/// The source that a risk names, with the rest of its text.
pub fn source_of<'r>(risk: &Text, sources: &'r [String]) -> Option<(&'r str, Text)> {
    let source = sources.iter().find(|source| {
        let en = risk.english();
        let en = en.strip_prefix("the ").filter(|_| *source == ORCHESTRATOR).unwrap_or(en);
        en.strip_prefix(source.as_str()).is_some_and(|rest| rest.starts_with(": "))
    })?;
    let rest = risk.map(|it| it.split_once(": ").map_or(it, |(_, rest)| rest).to_owned());
    Some((source, rest))
}

/// True if a source stated a risk; false if Maestro found it. A text that is the same in all languages is a
/// statement, because the words of a source have no translation.
pub fn is_stated(risk: &Text, sources: &[String]) -> bool {
    source_of(risk, sources).is_some_and(|(_, rest)| rest.is_the_same())
}

/// The risk of a run that skipped the first stages, which nobody reviewed.
fn late_start(material: &Material<'_>) -> Option<Text> {
    let skipped: Vec<&str> =
        Stage::ALL.iter().copied().take_while(|stage| *stage != material.began_at).map(Stage::name).collect();
    if skipped.is_empty() {
        return None;
    }
    let (began, skipped) = (material.began_at.name(), skipped.join(", "));
    Some(say!("late_start", began = began, skipped = skipped))
}

/// The risk that the files do not hold the approved change, because Maestro never applied it.
fn not_applied(material: &Material<'_>) -> Option<Text> {
    let is_due = material.stage == Stage::Improve && !material.unapplied.is_empty();
    is_due.then(|| say!("not_applied", paths = material.unapplied.join(", ")))
}

fn discarded(material: &Material<'_>) -> Vec<Text> {
    let of = |who: &str, text: Text, what: &[String]| {
        let mut parts = vec![called(who), text];
        parts.extend(Some(what.join("; ")).filter(|what| !what.is_empty()).map(Text::quoted));
        Text::join(&parts, ": ")
    };
    let flags = material.flags.iter();
    let flags = flags.map(|flagged| of(&flagged.provider, say!("flagged"), &flagged.reasons));
    let schema = material.schema_errors.iter();
    let schema = schema.map(|misfit| of(&misfit.provider, say!("misfit"), &misfit.errors));
    let failures = material
        .failures
        .iter()
        .map(|failure| of(&failure.provider, say!("gave_no_answer"), std::slice::from_ref(&failure.message)));
    flags.chain(schema).chain(failures).collect()
}

/// The risk of failing or missing tests. Before the change, and while debugging goes on, a failing test is
/// expected and no risk.
fn of_tests(material: &Material<'_>, content: &Content) -> Option<Text> {
    let goes_on = matches!(material.next, Next::DebugAgain(_));
    match material.stage {
        Stage::Analyze | Stage::Hypothesize => None,
        Stage::Debug if goes_on => None,
        Stage::Implement => match &material.verification {
            Some(note) => failed(note),
            None if content.claims.contains(&false) => Some(claimed_to_fail()),
            None if content.names_a_check => None,
            None => Some(say!("no_test_named")),
        },
        Stage::Debug | Stage::Improve => match &material.verification {
            Some(note) => failed(note),
            None if content.claims.contains(&false) => Some(claimed_to_fail()),
            None => Some(say!("not_verified")),
        },
    }
}

/// The gaps in a verification that passed, each as a risk.
fn of_the_verification(material: &Material<'_>) -> Vec<Text> {
    let Some(note) = material.verification.as_ref().filter(|note| note.passed) else { return Vec::new() };
    let mut risks = Vec::new();
    if note.is_claim {
        risks.push(say!("only_a_claim", summary = note.summary));
    }
    if let Some(idle) = &note.idle {
        risks.push(say!("no_test_ran", why = idle));
    }
    if note.is_old {
        risks.push(say!("changed_since"));
    }
    risks.extend(note.left_out.iter().map(|left| say!("tests_left_out", what = left)));
    risks.extend(note.missing.iter().map(|command| say!("check_not_run", command = command)));
    risks
}

fn claimed_to_fail() -> Text {
    say!("claims_failure")
}

fn failed(note: &VerificationNote) -> Option<Text> {
    if note.passed {
        return None;
    }
    let named = note.failing.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = note.failing.len().saturating_sub(MAX_NAMED);
    let what = match (named.is_empty(), more) {
        (true, _) => note.totals(),
        (false, 0) => Text::quoted(named),
        (false, more) => say!("named_and_more", named = named, n = more),
    };
    Some(say!("verification_failed", what = what))
}

/// Checks that a stage can be approved by policy: there must be no risk, no flagged or misfitting output and
/// no change. Implement can never be approved by policy.
///
/// # Errors
///
/// Every reason against it, in English.
pub fn is_low_risk(material: &Material<'_>) -> Result<(), Vec<String>> {
    let content = content::read(material);
    let mut reasons: Vec<String> =
        all(material, &content).iter().map(|risk| risk.english().to_owned()).collect();
    if !content.changes.is_empty() {
        reasons.push("A change is proposed.".to_owned());
    }
    if !material.applied.is_empty() {
        reasons.push("Files were changed since the last report.".to_owned());
    }
    if material.stage == Stage::Implement {
        reasons.push("An implementation is always reviewed by a person.".to_owned());
    }
    if reasons.is_empty() { Ok(()) } else { Err(reasons) }
}
