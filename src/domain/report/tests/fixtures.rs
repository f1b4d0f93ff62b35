//! One fault on its way through the stages: the total of an empty cart.

use serde_json::{Value, json};

use super::super::*;

pub(super) const DIFF: &str = "\
--- a/shop/cart.py
+++ b/shop/cart.py
@@ -12,6 +12,8 @@
 def total(lines):
     \"\"\"Sum of the prices, in cents.\"\"\"
-    amount = lines[0].price
-    for line in lines[1:]:
+    if not lines:
+        return 0
+    amount = 0
+    for line in lines:
         amount += line.price
     return amount
";

pub(super) fn structured<'a>(source: &'a str, value: &'a Value) -> Output<'a> {
    Output { source, said: Said::Structured(value) }
}

pub(super) fn material<'a>(stage: Stage, outputs: &'a [Output<'a>]) -> Material<'a> {
    Material {
        stage,
        outputs,
        also: vec![],
        flags: vec![],
        schema_errors: vec![],
        failures: vec![],
        left_out: &[],
        verification: None,
        applied: vec![],
        unapplied: vec![],
        cost: Cost {
            consults_stage: 1,
            consults_total: 3,
            max_total: Some(6),
            input_tokens: Some(12_480),
            output_tokens: Some(1_935),
            cost_usd: Some(0.0431),
            calls_without_cost: 0,
            duration_ms: 18_400,
        },
        metrics: None,
        open_questions: vec![],
        began_at: Stage::Analyze,
        mode: Mode::Consult,
        why: None,
        iteration: None,
        next: match stage {
            Stage::Analyze => Next::Stage(Stage::Hypothesize),
            Stage::Hypothesize => Next::Stage(Stage::Implement),
            Stage::Implement | Stage::Debug => Next::Stage(Stage::Improve),
            Stage::Improve => Next::Complete,
        },
        at: "2026-03-02 14:05:09 UTC",
    }
}

pub(super) fn analysis() -> Value {
    json!({
        "observations": [
            { "fact": "GET /cart of a new customer answers 500", "source": "logs/web.log", "line_number": 4211, "certainty": "high" },
            { "fact": "`total` raises IndexError: list index out of range", "source": "shop/cart.py", "line_number": 14, "certainty": "high" },
            { "fact": "`total` is called with an empty list before the first product is added, as the template renders the sum on every page", "source": "shop/views.py", "line_number": 88, "certainty": "medium" },
            "the fault does not show for carts with one line or more",
        ],
        "repro_steps": ["git checkout main", "python -m pytest tests/test_cart.py -k nothing", "the test fails with IndexError"],
        "affected_modules": ["shop/cart.py", "shop/views.py"],
        "invariants": ["prices stay whole cents", "the signature of `total` stays, three callers use it"],
        "unknowns": ["whether the mobile API calls `total` with None"],
        "confidence": 0.85,
    })
}

pub(super) fn hypotheses() -> Value {
    json!({
        "hypotheses": [
            { "id": "H1", "claim": "`total` starts from the first line and so fails without lines", "prediction": "total([]) raises IndexError, total([line]) does not", "verification_test": "python -m pytest tests/test_cart.py -k nothing", "confidence": 0.9, "evidence_for": ["the traceback ends at lines[0]"], "evidence_against": [] },
            { "id": "H2", "claim": "the session hands out a cart that was not saved yet", "prediction": "the cart of a saved session is never empty", "verification_test": "log the id of the cart in views.py and load the page twice", "confidence": 0.25, "evidence_against": ["the fault also shows in a unit test without a session"] },
        ],
        "selected": "H1",
        "selection_reason": "its test runs in a second and tells it from H2",
        "recommended_order": ["H1", "H2"],
        "verification_plan": { "test_command": "python -m pytest tests/test_cart.py", "expected_result": "test_total_of_nothing fails before the change and passes after it" },
        "ensemble_used": false,
    })
}

pub(super) fn other_hypotheses() -> Value {
    json!({
        "hypotheses": [
            { "id": "H1", "claim": "an empty cart is passed to `total` although the view should not ask for it", "verification_test": "call the view with an empty cart and a stubbed `total`", "confidence": 0.55 },
            { "id": "H2", "claim": "`total` cannot handle an empty list", "verification_test": "call `total([])` in a unit test", "confidence": 0.8 },
        ],
        "selected": "H2",
    })
}

pub(super) fn implementation() -> Value {
    json!({
        "patch_plan": "Return 0 for an empty cart and sum from 0, so that no line is special. Nothing else is touched.",
        "files_to_change": ["shop/cart.py"],
        "diff": DIFF,
        "verification_command": "python -m pytest tests/test_cart.py",
        "risks": ["callers that relied on the IndexError to show the page for empty carts no longer get it"],
        "next_action": "proceed_to_improve",
        "rollback_command": "git checkout shop/cart.py",
    })
}

pub(super) fn debugging() -> Value {
    json!({
        "error_analysis": { "error_type": "AssertionError: 0 != Decimal('0.00')", "is_new_error": true, "is_related_to_change": true, "root_cause_theory": "the test of the invoice compares with a Decimal, and `total` now gives an int for an empty cart" },
        "hypothesis_update": { "id": "H1", "new_confidence": 0.95, "reason": "the IndexError is gone" },
        "next_action": { "type": "edit", "details": "return Decimal(0) in shop/cart.py, then run the tests again" },
        "should_try_alternative": false,
        "iteration": 2,
        "iterations_remaining": 3,
        "test_result": { "command": "python -m pytest", "passed": false, "output_summary": "1 failed, 12 passed", "compared_to_previous": "new_error" },
    })
}

pub(super) fn improvement() -> Value {
    json!({
        "improvements": [
            { "type": "test", "description": "keep test_total_of_nothing as a regression test", "risk": "low" },
            { "type": "docs", "description": "say in the docstring of `total` that an empty cart costs nothing", "risk": "low", "benefit": "the next caller need not read the code" },
        ],
        "ready_for_merge": true,
        "final_checklist": ["[x] all tests pass", "[x] no other caller of `total` indexes its argument", "[x] the change is three lines"],
        "regression_tests": [
            { "test_name": "test_total_of_nothing", "test_file": "tests/test_cart.py", "description": "the total of an empty cart is zero", "edge_case_covered": "no line" },
        ],
        "edge_cases_identified": [
            { "case": "an empty cart", "test_added": true, "risk_level": "high" },
            { "case": "a cart whose only line is free of charge", "test_added": false, "risk_level": "low" },
        ],
        "summary": { "root_cause": "`total` took the first line for granted", "fix_description": "the sum starts from zero" },
        "lessons": { "root_cause_category": "off_by_one", "prevention_checklist": ["test every sum with nothing to sum"] },
        "status": "complete",
    })
}
