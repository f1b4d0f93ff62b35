//! Properties of the report of every output, even an odd one.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::*;
use super::fixtures::{analysis, debugging, hypotheses, implementation, improvement, material};
use crate::domain::language::Language;
use crate::domain::report::columns;
use crate::domain::text::Text;

/// Keys of the schemas, so that odd values stand where the readers look.
fn key() -> impl Strategy<Value = String> {
    let mut known: Vec<String> = Vec::new();
    for value in [analysis(), hypotheses(), implementation(), debugging(), improvement()] {
        collect(&value, &mut known);
    }
    prop_oneof![9 => proptest::sample::select(known), 1 => "[a-z_]{0,8}"]
}

fn collect(value: &Value, keys: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            keys.extend(object.keys().cloned());
            object.values().for_each(|inner| collect(inner, keys));
        }
        Value::Array(items) => items.iter().for_each(|inner| collect(inner, keys)),
        _ => {}
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,60}".prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        proptest::sample::select(vec![
            "H1",
            "edit",
            "escalate",
            "high",
            "no",
            "이 값은 비어 있습니다",
            super::DIFF
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..12).prop_map(Value::Array),
            proptest::collection::vec((key(), inner), 0..10)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_stage() -> impl Strategy<Value = Stage> {
    proptest::sample::select(Stage::ALL.to_vec())
}

/// How many items a reader must find under a key.
fn real(value: &Value, key: &str) -> usize {
    let blank = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    };
    match value.get(key) {
        Some(Value::Array(items)) => items.iter().filter(|item| !blank(item)).count(),
        Some(other) => usize::from(!blank(other)),
        None => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_output_gives_a_report_that_fits_and_adds_up(
        stage in any_stage(),
        values in proptest::collection::vec(any_value(), 0..3),
        text in ".{0,120}",
        width in 40_usize..130,
        most in 0_usize..4_000,
    ) {
        let mut outputs: Vec<_> =
            values.iter().map(|value| Output { source: "codex", said: Said::Structured(value) }).collect();
        outputs.push(Output { source: "gemini", said: Said::Text(&text) });
        let material = material(stage, &outputs);
        let report = report(&material);
        for line in lines(&report, width, &Language::all().collect::<Vec<_>>()) {
            let is_diff = matches!(line.kind, LineKind::DiffHeader | LineKind::DiffHunk | LineKind::DiffAdded | LineKind::DiffRemoved | LineKind::DiffContext);
            prop_assert!(is_diff || columns(&line.text) <= width, "{} > {width}: {}", columns(&line.text), line.text);
            let obeyed = line.text.contains('\u{1b}');
            prop_assert!(!obeyed, "{}", line.text);
        }
        prop_assert!(dialog(&report, most, Language::ENGLISH).chars().count() <= most);
        prop_assert_eq!(report.counts["key_findings"], report.key_findings.len());
        prop_assert_eq!(report.counts["risks"], report.risks.len());
        prop_assert_eq!(report.counts["outputs"], outputs.len());
        let labelled = |finding: &Text| Language::all().all(|language| finding.of(language).contains(": "));
        prop_assert!(report.key_findings.iter().all(labelled));
        prop_assert_eq!(is_low_risk(&material).is_ok(), report.risks.is_empty() && report.diff.is_empty() && stage != Stage::Implement);
    }

    #[test]
    fn every_count_is_the_real_one(
        stage in any_stage(),
        pairs in proptest::collection::vec((key(), any_value()), 0..12),
    ) {
        let counted: &[(&str, &str)] = match stage {
            Stage::Analyze => &[("observations", "observations"), ("repro_steps", "repro_steps"), ("affected_modules", "affected_modules"), ("invariants", "invariants"), ("unknowns", "unknowns")],
            Stage::Hypothesize => &[("hypotheses", "hypotheses")],
            Stage::Implement => &[("files_planned", "files_to_change")],
            Stage::Debug => &[],
            Stage::Improve => &[("improvements", "improvements"), ("regression_tests", "regression_tests"), ("edge_cases", "edge_cases_identified"), ("checklist_items", "final_checklist")],
        };
        // The last of these makes it an output of the stage, whatever else is in it.
        let mut object: Map<String, Value> = pairs.into_iter().collect();
        for (_, key) in counted.iter().take(1) {
            object.entry((*key).to_owned()).or_insert(Value::Null);
        }
        let value = Value::Object(object);
        let outputs = [Output { source: "codex", said: Said::Structured(&value) }];
        let report = report(&material(stage, &outputs));
        for (count, key) in counted {
            prop_assert_eq!(report.counts[*count], real(&value, key), "{}", key);
        }
        let files: usize = report.diff.iter().map(|change| change.files.len()).sum();
        if matches!(stage, Stage::Implement | Stage::Debug) {
            prop_assert_eq!(report.counts.get("files_changed").copied().unwrap_or_default(), files);
        }
    }
}
