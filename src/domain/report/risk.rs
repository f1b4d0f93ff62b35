//! What may go wrong: what the outputs show, and what is known about them. And the rule by which
//! a stage is harmless enough to be approved without a person.

use super::applied;
use super::content::{self, Content, called};
use super::material::{Material, Next, VerificationNote};
use super::text::Text;
use crate::domain::stage::Stage;

/// Number of failing tests a risk names.
const MAX_NAMED: usize = 5;

/// Every risk: first those of the outputs, then those about them.
pub(super) fn all(material: &Material<'_>, content: &Content) -> Vec<Text> {
    let mut risks = content.risks.clone();
    risks.extend(late_start(material));
    risks.extend(applied::risks(&material.applied));
    risks.extend(discarded(material));
    risks.extend(of_tests(material, content));
    risks.extend(of_the_verification(material));
    risks
}

/// A run that began later than others: nobody reviewed what would have come before.
fn late_start(material: &Material<'_>) -> Option<Text> {
    let skipped: Vec<&str> =
        Stage::ALL.into_iter().take_while(|stage| *stage != material.began_at).map(Stage::name).collect();
    if skipped.is_empty() {
        return None;
    }
    let (began, skipped) = (material.began_at.name(), skipped.join(", "));
    Some(Text::new(
        format!("The run began at {began}: {skipped} were skipped, so nobody reviewed them."),
        format!(
            "이 작업은 {began} 단계에서 시작되었습니다. {skipped} 단계는 수행되지도 검토되지도 않았습니다."
        ),
    ))
}

fn discarded(material: &Material<'_>) -> Vec<Text> {
    let of = |who: &str, (en, ko): (&str, &str), what: &[String]| {
        let what = what.join("; ");
        let who = called(who);
        let tail = if what.is_empty() { String::new() } else { format!(": {what}") };
        Text::new(format!("{}: {en}{tail}", who.en), format!("{}: {ko}{tail}", who.ko))
    };
    let flags = material.flags.iter().map(|flagged| {
        of(
            &flagged.provider,
            ("an answer shows red flags", "답변에서 위험 신호가 발견되었습니다"),
            &flagged.reasons,
        )
    });
    let schema = material.schema_errors.iter().map(|misfit| {
        of(
            &misfit.provider,
            ("an answer does not fit the schema", "답변이 스키마에 맞지 않습니다"),
            &misfit.errors,
        )
    });
    let failures = material.failures.iter().map(|failure| {
        let message = std::slice::from_ref(&failure.message);
        of(&failure.provider, ("gave no answer", "답변을 받지 못했습니다"), message)
    });
    flags.chain(schema).chain(failures).collect()
}

/// Tests that fail or are missing. Before the change, and while debugging goes on, a failing test
/// is what one works on and no risk.
fn of_tests(material: &Material<'_>, content: &Content) -> Option<Text> {
    let goes_on = matches!(material.next, Next::DebugAgain(_));
    match material.stage {
        Stage::Analyze | Stage::Hypothesize => None,
        Stage::Debug if goes_on => None,
        Stage::Implement => match &material.verification {
            Some(note) => failed(note),
            None if content.claims.contains(&false) => Some(claimed_to_fail()),
            None if content.names_a_check => None,
            None => Some(Text::new(
                "No test was run, and none is named that would show whether the change works.",
                "실행된 테스트가 없고, 변경이 제대로 동작하는지 확인할 방법도 제시되지 않았습니다.",
            )),
        },
        Stage::Debug | Stage::Improve => match &material.verification {
            Some(note) => failed(note),
            None if content.claims.contains(&false) => Some(claimed_to_fail()),
            None => Some(Text::new(
                "No verification is recorded after the last change.",
                "마지막 변경 이후 기록된 검증 결과가 없습니다.",
            )),
        },
    }
}

/// Returns what a verification does not show, though it passed.
fn of_the_verification(material: &Material<'_>) -> Vec<Text> {
    let Some(note) = material.verification.as_ref().filter(|note| note.passed) else { return Vec::new() };
    let mut risks = Vec::new();
    if note.is_claim {
        risks.push(Text::new(
            format!("That the tests pass is a claim: nothing ran here ({}).", note.summary),
            format!("테스트 통과는 주장일 뿐입니다. 여기에서 실행된 것이 없습니다 ({}).", note.summary),
        ));
    }
    if let Some(idle) = &note.idle {
        risks.push(Text::new(
            format!("No test ran in the last verification: {idle}"),
            format!("최근 검증에서 실행된 테스트가 없습니다: {idle}"),
        ));
    }
    if note.is_old {
        risks.push(Text::new(
            "Files were changed after the last verification.",
            "최근 검증 이후에 파일이 변경되었습니다.",
        ));
    }
    risks.extend(note.left_out.iter().map(|left| {
        Text::new(format!("Tests were left out: {left}"), format!("제외된 테스트가 있습니다: {left}"))
    }));
    risks.extend(note.missing.iter().map(|command| {
        Text::new(
            format!("A check of the project was not run: {command}"),
            format!("프로젝트의 검증이 실행되지 않았습니다: {command}"),
        )
    }));
    risks
}

fn claimed_to_fail() -> Text {
    Text::new("The output itself reports that tests fail.", "출력 자체에서 테스트 실패를 보고했습니다.")
}

fn failed(note: &VerificationNote) -> Option<Text> {
    if note.passed {
        return None;
    }
    let named = note.failing.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = note.failing.len().saturating_sub(MAX_NAMED);
    let (en, ko) = match (named.is_empty(), more) {
        (true, _) => (note.summary.clone(), note.summary.clone()),
        (false, 0) => (named.clone(), named),
        (false, more) => (format!("{named} and {more} more"), format!("{named} 외 {more}개")),
    };
    Some(Text::new(
        format!("The latest verification failed: {en}"),
        format!("최근 검증에 실패했습니다: {ko}"),
    ))
}

/// Returns whether a stage can be approved by policy: no output is flagged or misfits its schema, no risk
/// is found, and nothing is changed. Implement never can.
///
/// # Errors
///
/// Every reason against it, in English.
pub fn is_low_risk(material: &Material<'_>) -> Result<(), Vec<String>> {
    let content = content::read(material);
    let mut reasons: Vec<String> = all(material, &content).into_iter().map(|risk| risk.en).collect();
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
