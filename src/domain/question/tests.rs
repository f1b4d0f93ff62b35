use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Bearing, ResponseError, rows, *};
use crate::domain::language::Language;

/// Id, priority and number of choices (0: in one's own words).
type Asked = (&'static str, Priority, usize);

/// The questions of every stage.
const CONTRACT: [(Stage, &[Asked]); 5] = [
    (
        Stage::Analyze,
        &[
            ("analyze_completeness", Priority::Critical, 0),
            ("analyze_accuracy", Priority::Critical, 3),
            ("analyze_files", Priority::High, 3),
            ("analyze_repro", Priority::High, 0),
            ("analyze_invariants", Priority::Medium, 0),
        ],
    ),
    (
        Stage::Hypothesize,
        &[
            ("hypo_plausibility", Priority::Critical, 0),
            ("hypo_missing", Priority::Critical, 0),
            ("hypo_testability", Priority::High, 3),
            ("hypo_priority", Priority::Medium, 2),
            ("hypo_risk", Priority::Medium, 0),
        ],
    ),
    (
        Stage::Implement,
        &[
            ("impl_approach", Priority::Critical, 3),
            ("impl_scope", Priority::Critical, 3),
            ("impl_side_effects", Priority::Critical, 0),
            ("impl_tests", Priority::High, 3),
            ("impl_review", Priority::High, 0),
            ("impl_rollback", Priority::Medium, 2),
        ],
    ),
    (
        Stage::Debug,
        &[
            ("debug_analysis", Priority::Critical, 3),
            ("debug_hypothesis", Priority::Critical, 3),
            ("debug_action", Priority::High, 3),
            ("debug_iteration", Priority::Medium, 4),
            ("debug_insight", Priority::High, 0),
        ],
    ),
    (
        Stage::Improve,
        &[
            ("improve_necessary", Priority::Critical, 3),
            ("improve_priority", Priority::High, 0),
            ("improve_risk", Priority::High, 0),
            ("improve_tests", Priority::Medium, 3),
            ("improve_merge", Priority::Critical, 3),
        ],
    ),
];

fn given(pairs: &[(&str, Value)]) -> Map<String, Value> {
    pairs.iter().map(|(id, value)| ((*id).to_owned(), value.clone())).collect()
}

fn hangul(text: &str) -> bool {
    text.chars().any(|letter| ('가'..='힣').contains(&letter))
}

#[test]
fn every_question_is_the_one_of_the_contract() {
    for (stage, expected) in CONTRACT {
        let questions = for_stage(stage);
        let found: Vec<_> =
            questions.iter().map(|one| (one.id.as_str(), one.priority, one.options.len())).collect();
        assert_eq!(found, expected, "{}", stage.name());
        for question in &questions {
            assert_eq!(question.requires_text_response, question.options.is_empty());
            let ko = Language::of_code("ko").unwrap();
            let asked = &question.question;
            assert!(hangul(asked.of(ko)) && !hangul(asked.english()), "{}", question.id);
            assert!(question.options.iter().all(|option| hangul(option.of(ko))), "{}", question.id);
        }
    }
}

#[test]
fn options_can_be_told_apart_and_each_choice_has_a_way_out() {
    for &stage in Stage::ALL {
        for row in rows(stage).iter().filter(|row| !row.choices.is_empty()) {
            for language in Language::all() {
                let options = row.options();
                let texts = options.iter().map(|option| option.of(language).to_lowercase());
                assert_eq!(texts.collect::<BTreeSet<_>>().len(), row.choices.len(), "{}", row.id);
            }
            for is_fine in [true, false] {
                let is = |bearing: &Bearing| (*bearing == Bearing::Fine) == is_fine;
                assert!(row.choices.iter().any(is), "{}", row.id);
            }
        }
    }
}

#[test]
fn lists_as_the_contract_has_it() {
    let listed = serde_json::to_value(list(Stage::Debug)).unwrap();
    assert_eq!(listed["total_questions"], 5);
    assert_eq!(
        listed["summary"],
        json!({ "critical_count": 2, "high_count": 2, "medium_count": 1, "low_count": 0 })
    );
    assert_eq!(
        listed["by_priority"],
        json!({
            "critical": ["debug_analysis", "debug_hypothesis"],
            "high": ["debug_action", "debug_insight"],
            "medium": ["debug_iteration"],
            "low": [],
        })
    );
    assert_eq!((&listed["ok"], &listed["stage"]), (&json!(true), &json!("debug")));
    let keys: Vec<_> = listed["questions"][0].as_object().unwrap().keys().cloned().collect();
    let expected =
        ["id", "question", "question_ko", "priority", "options", "options_ko", "requires_text_response"];
    // A further language adds its own twins.
    let of_the_contract: Vec<_> = keys.iter().filter(|key| expected.contains(&key.as_str())).collect();
    assert_eq!(of_the_contract, expected);
}

#[test]
fn an_answer_is_taken_in_either_language_and_kept_in_english() {
    for answer in ["Some are wrong", "  SOME ARE WRONG ", "틀린 것이 있음"] {
        let responses = read(Stage::Analyze, &given(&[("analyze_accuracy", json!(answer))])).unwrap();
        assert_eq!(responses.get("analyze_accuracy"), Some("Some are wrong"));
        assert_eq!(responses.critical_concerns().len(), 1);
    }
}

#[test]
fn every_answer_that_cannot_be_accepted_is_named() {
    let errors = read(
        Stage::Improve,
        &given(&[
            ("improve_merge", json!("No way")),
            ("impl_scope", json!("Too large")),
            ("improve_tests", json!(true)),
            ("improve_risk", json!("the cache")),
        ]),
    )
    .unwrap_err();
    let said: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "the answer to `improve_merge` must be one of: Yes | After small corrections | No (got `No way`)",
            "improve has no question `impl_scope`; its questions are improve_necessary, improve_priority, improve_risk, improve_tests, improve_merge",
            "the answer to `improve_tests` must be a text",
        ]
    );
}

#[test]
fn an_answer_is_given_once() {
    let twice = given(&[("improve_merge", json!("Yes")), (" Improve_Merge", json!("No"))]);
    assert_eq!(read(Stage::Improve, &twice), Err(vec![ResponseError::Twice { id: "improve_merge" }]));
}

#[test]
fn nothing_is_said_in_many_words() {
    let is_concern = |answer: &str| {
        let given = Map::from_iter([("analyze_completeness".to_owned(), json!(answer))]);
        !read(Stage::Analyze, &given).unwrap().concerns().is_empty()
    };
    for answer in [
        "all good",
        "All good!",
        "looks complete",
        "The record is complete.",
        "no concerns",
        "딱히 없어요",
        "특별히 없습니다",
        "더는 없는 것 같습니다",
        "아니요, 없습니다",
        "아니요, 기록은 충분합니다",
        "なし",
        "特になし。",
        "没有",
        "No, the record is complete",
        "none, it looks good to me",
    ] {
        assert!(!is_concern(answer), "{answer}");
    }
    for answer in [
        "Nothing here is good",
        "nothing is complete",
        "None of it looks good",
        "no cause is fine",
        "good to know: the cache",
        "없는 파일이 있습니다",
        "충분하지 않습니다",
        "complete the list of callers",
    ] {
        assert!(is_concern(answer), "{answer}");
    }
}

#[test]
fn a_word_with_no_in_it_is_no_concern() {
    let responses = read(
        Stage::Hypothesize,
        &given(&[
            ("hypo_plausibility", json!("No doubt H1; I know it now")),
            ("hypo_missing", json!("none that I know")),
            ("hypo_testability", json!("Yes")),
        ]),
    )
    .unwrap();
    assert_eq!(responses.concerns(), []);
    assert!(responses.unanswered_critical(Stage::Hypothesize).is_empty());
}

#[test]
fn a_concern_of_lesser_weight_is_not_a_critical_one() {
    let answers = given(&[("hypo_testability", json!("no")), ("hypo_missing", json!("   "))]);
    let responses = read(Stage::Hypothesize, &answers).unwrap();
    assert_eq!(
        responses.concerns().iter().map(|concern| concern.id).collect::<Vec<_>>(),
        ["hypo_testability"]
    );
    assert_eq!(responses.critical_concerns(), []);
    let open: Vec<_> =
        responses.unanswered_critical(Stage::Hypothesize).into_iter().map(|question| question.id).collect();
    assert_eq!(open, ["hypo_plausibility", "hypo_missing"]);
}

fn answers() -> impl Strategy<Value = Vec<(String, Value)>> {
    let known: Vec<&str> = CONTRACT.iter().flat_map(|(_, rows)| rows.iter().map(|row| row.0)).collect();
    let id = prop_oneof![4 => proptest::sample::select(known).prop_map(str::to_owned), 1 => "[a-z_]{0,12}"];
    let value = prop_oneof![
        Just(json!("Yes")),
        Just(json!("no")),
        Just(json!(1)),
        Just(json!(null)),
        ".{0,12}".prop_map(Value::String)
    ];
    proptest::collection::vec((id, value), 0..8)
}

proptest! {
    #[test]
    fn an_answer_is_accepted_only_where_it_was_asked_for(stage in proptest::sample::select(Stage::ALL.to_vec()), pairs in answers()) {
        let map: Map<String, Value> = pairs.into_iter().collect();
        let questions = for_stage(stage);
        match read(stage, &map) {
            Ok(responses) => {
                for (id, answer) in responses.iter() {
                    let question = questions.iter().find(|question| question.id == id).unwrap();
                    prop_assert!(question.options.is_empty() || question.options.iter().any(|option| option.english() == answer));
                }
                for id in map.keys() {
                    prop_assert!(questions.iter().any(|question| &question.id == id), "{id} was let pass");
                }
                let critical = questions.iter().filter(|question| question.priority == Priority::Critical).count();
                let answered = questions.iter()
                    .filter(|question| question.priority == Priority::Critical && responses.get(&question.id).is_some()).count();
                prop_assert_eq!(responses.unanswered_critical(stage).len(), critical - answered);
            }
            Err(errors) => prop_assert!(!errors.is_empty()),
        }
    }
}
