//! Stage 2: competing explanations with a command each.

use super::ANSWERED_BY;
use crate::provider::understudy::case::Case;
use crate::provider::understudy::evidence::clip;
use crate::provider::understudy::suspects::{self, Suspect};
use serde_json::{Value, json};

pub(crate) fn hypotheses(case: &Case<'_>) -> Value {
    let suspects = suspects::find(case);
    let test = suspects.first().map_or("", |suspect| suspect.test.as_str());
    let ids: Vec<String> = (1..=suspects.len()).map(|number| format!("H{number}")).collect();
    json!({
        "answered_by": ANSWERED_BY,
        "hypotheses": suspects.iter().zip(&ids).map(|(suspect, id)| one(id, suspect)).collect::<Vec<_>>(),
        "selected": "H1",
        "selection_reason": "the one with the most evidence in the output and the source; the test decides, not this order",
        "recommended_order": ids,
        "test_command": test,
        "verification_plan": {
            "test_command": test,
            "expected_result": "fails as reported before the change, passes after it",
        },
        "ensemble_used": false,
    })
}

fn one(id: &str, suspect: &Suspect) -> Value {
    let clipped = |texts: &[String]| texts.iter().take(4).map(|text| clip(text, 160)).collect::<Vec<_>>();
    json!({
        "id": id,
        "claim": clip(&suspect.claim, 400),
        "prediction": clip(&suspect.prediction, 260),
        "verification_test": clip(&suspect.test, 600),
        "confidence": suspect.confidence,
        "evidence_for": clipped(&suspect.evidence),
        "evidence_against": clipped(&suspect.against),
        "provider": "understudy",
    })
}
