//! The understudy against recorded outputs of real programs, against all schemas, and against noise.

use super::case::Case;
use super::{Form, NAME, answer};
use crate::domain::stage::{SchemaName, Stage};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const FORMS: [Form; 7] =
    [Form::Prose, Form::Stage1, Form::Stage2, Form::Stage3, Form::Stage4, Form::Stage5, Form::Judge];
/// Words that the red flags take for hedging; the rules' own sentences have none of them.
const HEDGES: [&str; 10] = [
    "i'm not sure",
    "i don't know",
    "maybe",
    "perhaps",
    "it might be",
    "could be",
    "i think",
    "uncertain",
    "cannot determine",
    "unclear",
];

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/understudy")
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every recorded scenario: its name, its prompt and what has to come out.
fn recorded() -> Vec<(String, String, Value)> {
    let mut found: Vec<_> = std::fs::read_dir(scenarios())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    let read = |dir: PathBuf| {
        let packed = dir.join("context.md");
        let prompt = if packed.exists() {
            text(&packed)
        } else {
            format!("## Errors\n```\n{}\n```\n", text(&dir.join("errors.txt")))
        };
        let expected = serde_json::from_str(&text(&dir.join("expected.json"))).unwrap();
        (dir.file_name().unwrap().to_string_lossy().into_owned(), prompt, expected)
    };
    found.into_iter().map(read).collect()
}

fn schemas() -> Vec<(Form, jsonschema::Validator)> {
    let validator = |name: SchemaName| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{}.json", name.name()));
        let schema = serde_json::from_str(&text(&path)).unwrap();
        (Form::of(Some(name), None), jsonschema::validator_for(&schema).unwrap())
    };
    SchemaName::ALL.map(validator).into()
}

fn assert_valid(schemas: &[(Form, jsonschema::Validator)], prompt: &str) {
    for (form, schema) in schemas {
        let document = answer(prompt, *form);
        assert!(document.len() < 10_000, "{form:?} is {} bytes long", document.len());
        let document: Value = serde_json::from_str(&document).unwrap();
        let errors: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{form:?}: {errors:?}\n{document:#}");
        assert!(document["answered_by"].as_str().unwrap().starts_with(NAME));
    }
    let prose = answer(prompt, Form::Prose);
    assert!(prose.starts_with("Understudy (rules, no model)"), "{prose}");
    assert!(prose.len() < 4_800 * 4 && prose.chars().count() <= 4_100);
}

#[test]
fn recorded_outputs_are_read() {
    for (name, prompt, expected) in recorded() {
        let case = Case::read(&prompt, false);
        let seen: Vec<Value> = case
            .faults()
            .iter()
            .map(|fault| {
                let place = case.place(fault).map(|place| format!("{}:{}", place.file, place.line));
                json!([fault.class, place])
            })
            .collect();
        assert_eq!(json!(seen), expected["faults"], "{name}");
        let tests: Vec<&str> = case.evidence.tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(json!(tests), expected["tests"], "{name}");
        let command =
            serde_json::from_str::<Value>(&answer(&prompt, Form::Stage3)).unwrap()["verification_command"]
                .clone();
        assert_eq!(command, expected["command"], "{name}");
    }
}

#[test]
fn the_demo_is_the_program_that_was_recorded() {
    let (name, prompt, _) = recorded().swap_remove(0);
    assert_eq!(name, "001_unittest_demo");
    for source in
        [include_str!("../../../demo/inventory/report.py"), include_str!("../../../demo/inventory/stock.py")]
    {
        let missing = source.lines().find(|line| !prompt.contains(&format!("| {line}")));
        assert_eq!(missing, None, "record the scenario again");
    }
}

#[test]
fn recorded_outputs_get_the_clue_that_their_source_allows() {
    for (name, prompt, expected) in recorded() {
        let hypotheses: Value = serde_json::from_str(&answer(&prompt, Form::Stage2)).unwrap();
        for wanted in expected["claims"].as_array().into_iter().flatten().map(|claim| claim.as_str().unwrap())
        {
            let list = hypotheses["hypotheses"].as_array().unwrap();
            let found = list.iter().any(|one| one["claim"].as_str().unwrap().contains(wanted));
            assert!(found, "{name}: no claim says {wanted:?}\n{hypotheses:#}");
        }
    }
}

#[test]
fn recorded_outputs_are_answered_in_every_schema_without_hedging() {
    let schemas = schemas();
    for (name, prompt, _) in recorded() {
        assert_valid(&schemas, &prompt);
        for form in FORMS {
            let words = answer(&prompt, form).to_lowercase();
            let hedge = HEDGES.iter().find(|hedge| words.contains(**hedge));
            assert_eq!(hedge, None, "{name} {form:?}");
        }
    }
}

#[test]
fn hypotheses_compete_and_stay_modest() {
    for (name, prompt, _) in recorded() {
        let document: Value = serde_json::from_str(&answer(&prompt, Form::Stage2)).unwrap();
        for one in document["hypotheses"].as_array().unwrap() {
            let confidence = one["confidence"].as_f64().unwrap();
            assert!((0.1..=0.6).contains(&confidence), "{name}: {confidence}");
            assert_eq!(one["provider"], NAME);
        }
    }
}

#[test]
fn a_schema_decides_before_a_stage() {
    assert_eq!(Form::of(Some(SchemaName::JudgeOutput), Some(Stage::Debug)), Form::Judge);
    assert_eq!(Form::of(None, Some(Stage::Debug)), Form::Stage4);
    assert_eq!(Form::of(None, None), Form::Prose);
}

#[test]
fn nothing_is_answered_with_nothing() {
    let stage1: Value = serde_json::from_str(&answer("", Form::Stage1)).unwrap();
    assert_eq!(stage1["confidence"], 0.1);
    assert_eq!(stage1["affected_modules"], json!([]));
    let stage3: Value = serde_json::from_str(&answer("hello", Form::Stage3)).unwrap();
    assert_eq!(stage3["files_to_change"], json!(["unknown"]));
    assert_eq!(stage3["diff"], "");
    let stage4: Value = serde_json::from_str(&answer("hello", Form::Stage4)).unwrap();
    assert_eq!(stage4["next_action"]["type"], "escalate");
    assert!(answer("What is a monad?", Form::Prose).contains("needs a provider with a model"));
}

#[test]
fn long_names_make_no_long_answer() {
    let long = "x".repeat(900);
    let mut prompt = String::from("## Constraints\n");
    for number in 0..30 {
        writeln!(prompt, "- {number}{long}").unwrap();
    }
    prompt.push_str("## Errors\n");
    for number in 0..60 {
        let path = format!("{long}/a{number}.py");
        writeln!(prompt, "ERROR: test_{number}{long} (tests.T)").unwrap();
        writeln!(
            prompt,
            "Traceback (most recent call last):\n  File \"{path}\", line 1, in f{long}\n    {long}"
        )
        .unwrap();
        writeln!(prompt, "KeyError: 'é{long}{number}'").unwrap();
        writeln!(prompt, "AssertionError: {long} != {long}").unwrap();
    }
    prompt.push_str("## Files\n");
    for number in 0..20 {
        writeln!(
            prompt,
            "### {long}/a{number}.py\n```\n   1 | assert names['é{long}{number}'] == {long}\n```"
        )
        .unwrap();
    }
    assert_valid(&schemas(), &prompt);
}

#[test]
fn an_error_that_was_there_before_is_no_new_error() {
    let errors = "## Errors\nTraceback (most recent call last):\n  File \"a.py\", line 2, in f\n    g()\nValueError: bad\n";
    let is_new = |prompt: &str| {
        let document: Value = serde_json::from_str(&answer(prompt, Form::Stage4)).unwrap();
        (document["error_analysis"]["is_new_error"].clone(), document["hypothesis_update"]["id"].clone())
    };
    assert_eq!(is_new(errors), (json!(true), Value::Null));
    let before = format!("Last attempt: ValueError: bad\n\"selected\": \"H2\"\n{errors}");
    assert_eq!(is_new(&before), (json!(false), json!("H2")));
}

#[test]
fn the_same_error_in_a_task_without_sections_is_found() {
    let case = Case::read("Please fix:\n\nthread 'main' panicked at src/a.rs:7:9:\nboom\n", false);
    assert_eq!(case.faults()[0].title(), "panic: boom");
    // An example in a stage's instructions is no evidence.
    let case = Case::read(
        "Write the class, such as KeyError: 'x'.\n```json\n{\"a\": \"ValueError: b\"}\n```\n",
        false,
    );
    assert!(case.evidence.is_empty());
}

/// Shapes that no tool here could record; written after each tool's documentation.
#[test]
fn go_dotnet_ruby_and_build_tools_are_read() {
    let faults = |text: &str| {
        let prompt = format!("## Errors\n{text}");
        let case = Case::read(&prompt, false);
        let faults: Vec<String> = case
            .faults()
            .iter()
            .map(|fault| {
                let place = case.place(fault).map(|place| place.label()).unwrap_or_default();
                format!("{} @ {place}", fault.title())
            })
            .collect();
        let tests: Vec<String> = case.evidence.tests.iter().map(|test| test.name.clone()).collect();
        (faults, tests)
    };
    let go = "=== RUN   TestTotal\n    cart_test.go:12: got 3, want 4\n--- FAIL: TestTotal (0.00s)\n=== RUN   TestB\n--- PASS: TestB (0.00s)\npanic: runtime error: index out of range [3] with length 3\n\ngoroutine 7 [running]:\npanic({0x1, 0x2})\n\t/usr/local/go/src/runtime/panic.go:88 +0x1\nexample.com/shop.Total(...)\n\t/srv/me/shop/cart.go:9 +0x1d\nmain.main()\n\t/srv/me/shop/main.go:4 +0x2\n\n";
    assert_eq!(
        faults(go),
        (
            vec![
                "test failure: got 3, want 4 @ cart_test.go:12".into(),
                "panic: runtime error: index out of range [3] with length 3 @ /srv/me/shop/cart.go:9 in example.com/shop.Total".into()
            ],
            vec!["TestTotal".into()]
        )
    );
    let dotnet = "  Failed Shop.Tests.CartTests.Total [12 ms]\n  Error Message:\n   System.NullReferenceException : Object reference not set to an instance of an object.\n  Stack Trace:\n     at Shop.Cart.Total(Int32 x) in /src/Shop/Cart.cs:line 14\n     at Shop.Tests.CartTests.Total() in /src/Tests/CartTests.cs:line 9\n";
    assert_eq!(
        faults(dotnet),
        (
            vec!["System.NullReferenceException: Object reference not set to an instance of an object. @ /src/Shop/Cart.cs:14 in Shop.Cart.Total".into()],
            vec!["Shop.Tests.CartTests.Total".into()]
        )
    );
    let ruby = "lib/cart.rb:7:in `total': undefined method `price' for nil:NilClass (NoMethodError)\n\tfrom app.rb:3:in `<main>'\n";
    assert_eq!(
        faults(ruby).0,
        ["NoMethodError: undefined method `price' for nil:NilClass @ lib/cart.rb:7 in total"]
    );
    let rspec = "  1) Cart totals\n     Failure/Error: expect(cart.total).to eq(3)\n\n       expected: 3\n            got: 2\n     # ./spec/cart_spec.rb:9:in `block (2 levels) in <top (required)>'\n\nrspec ./spec/cart_spec.rb:8 # Cart totals\n";
    assert_eq!(faults(rspec).1, ["./spec/cart_spec.rb:8"]);
    let maven = "[ERROR] shop.OrdersTest.total -- Time elapsed: 0.01 s <<< FAILURE!\norg.opentest4j.AssertionFailedError: expected: <3> but was: <4>\n\tat org.junit.jupiter.api.AssertionUtils.fail(AssertionUtils.java:55)\n\tat shop.OrdersTest.total(OrdersTest.java:12)\n\n";
    assert_eq!(
        faults(maven),
        (
            vec!["org.opentest4j.AssertionFailedError: expected: <3> but was: <4> @ shop/OrdersTest.java:12 in shop.OrdersTest.total".into()],
            vec!["shop.OrdersTest.total".into()]
        )
    );
    assert_eq!(
        faults("./main.go:5:2: undefined: total\n").0,
        ["compile error: undefined: total @ main.go:5"]
    );
    assert_eq!(faults("Cart.cs(3,5): error CS1002: ; expected\n").0, ["CS1002: ; expected @ Cart.cs:3"]);
    assert_eq!(
        faults("2024-05-01T10:00:00.1234567Z Error: it broke at lib/x.php:12\n").0,
        ["Error: it broke at lib/x.php:12 @ "]
    );
}

/// Four megabytes in several shapes; the limit is for a release build, a debug build is some 20 times slower.
#[test]
fn four_megabytes_take_no_time() {
    let limit = if cfg!(debug_assertions) { Duration::from_secs(15) } else { Duration::from_millis(300) };
    let words = "Error: at File \"foo.py\", line 12 TypeError: x panicked expected got want _test.go:3: [1] --- FAIL ok test ... [0.1s] error E";
    let mut noise = String::new();
    let mut state = 1_usize;
    let list: Vec<&str> = words.split(' ').collect();
    while noise.len() < 4_000_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let gap = if (state >> 40).is_multiple_of(9) { '\n' } else { ' ' };
        write!(noise, "{}{gap}", list[(state >> 33) % list.len()]).unwrap();
    }
    let (_, demo, _) = recorded().swap_remove(0);
    let source = "def f(a):\n    return [g(a), (b / c)]\n".repeat(100_000);
    let shapes = [
        noise.clone(),
        format!("## Errors\n{}", demo.repeat(4_000_000 / demo.len())),
        format!("## Files\n### a.py\n```\n{source}\n```\n{demo}"),
        "([".repeat(2_000_000),
        noise.replace('\n', " "),
    ];
    for shape in &shapes {
        let _ = answer("TypeError: warm up", Form::Stage2);
        let start = Instant::now();
        let _ = answer(shape, Form::Stage2);
        let took = start.elapsed();
        assert!(took < limit, "{took:?} for {:?}", shape.get(..40));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_gets_a_valid_answer(prompt in "\\PC{0,400}") {
        assert_valid(&schemas(), &prompt);
    }

    #[test]
    fn mangled_recordings_get_a_valid_answer(which in 0_usize..100, cuts in prop::collection::vec(0_usize..6_000, 0..6), glue in "[\\n\\[\\](){}'\"`#| .:é]{0,4}") {
        let all = recorded();
        let (_, prompt, _) = &all[which % all.len()];
        let mut characters: Vec<char> = prompt.chars().collect();
        for cut in cuts {
            let at = cut % (characters.len() + 1);
            let end = (at + cut % 97).min(characters.len());
            characters.splice(at..end, glue.chars());
        }
        let prompt: String = characters.into_iter().collect();
        assert_valid(&schemas(), &prompt);
        // The same text is answered in the same words.
        prop_assert_eq!(answer(&prompt, Form::Stage2), answer(&prompt, Form::Stage2));
    }
}
