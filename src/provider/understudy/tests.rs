//! The understudy against recorded outputs of real programs, against all schemas, and against noise.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Case, Form, NAME, answer};
use crate::domain::stage::{SchemaName, Stage};

const STAGE1: Form = Form::Schema(SchemaName::Stage1Output);
const STAGE2: Form = Form::Schema(SchemaName::Stage2Output);
const STAGE3: Form = Form::Schema(SchemaName::Stage3Output);
const STAGE4: Form = Form::Schema(SchemaName::Stage4Output);
const STAGE5: Form = Form::Schema(SchemaName::Stage5Output);
/// Words that the red flags take for hedging; the rules' own sentences have none of them.
const HEDGES: [&str; 10] = [
    "i'm not sure", "i don't know", "maybe", "perhaps", "it might be", "could be", "i think", "uncertain",
    "cannot determine", "unclear",
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
    SchemaName::ALL.iter().copied().map(validator).collect()
}

fn assert_valid(schemas: &[(Form, jsonschema::Validator)], prompt: &str) {
    for (form, schema) in schemas {
        let document = answer(prompt, *form).text;
        assert!(document.len() < 10_000, "{form:?} is {} bytes long", document.len());
        let document: Value = serde_json::from_str(&document).unwrap();
        let errors: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{form:?}: {errors:?}\n{document:#}");
        assert!(document["answered_by"].as_str().unwrap().starts_with(NAME));
    }
    let prose = answer(prompt, Form::Prose).text;
    assert!(prose.starts_with("Understudy (rules, no model)"), "{prose}");
    assert!(prose.len() < 4_800 * 4 && prose.chars().count() <= 4_100);
}

/// Faults with their places, failing tests, and the command to run again.
fn seen(prompt: &str) -> Value {
    let case = Case::read(prompt, STAGE1);
    let faults: Vec<Value> = case
        .faults
        .iter()
        .map(|fault| json!([fault.error, fault.place().map(|frame| case.label(frame))]))
        .collect();
    json!({ "faults": faults, "tests": case.tests, "command": case.command() })
}

/// `UNDERSTUDY_UPDATE=1` writes down what is read now.
#[test]
fn recorded_outputs_are_read() {
    for (name, prompt, expected) in recorded() {
        let seen = seen(&prompt);
        if std::env::var_os("UNDERSTUDY_UPDATE").is_some() {
            let path = scenarios().join(&name).join("expected.json");
            std::fs::write(path, format!("{seen:#}\n")).unwrap();
        } else {
            assert_eq!(seen, expected, "{name}");
        }
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
fn recorded_outputs_are_answered_in_every_schema_without_hedging() {
    let schemas = schemas();
    for (name, prompt, _) in recorded() {
        assert_valid(&schemas, &prompt);
        for form in SchemaName::ALL.iter().copied().map(Form::Schema).chain([Form::Prose]) {
            let words = answer(&prompt, form).text.to_lowercase();
            let hedge = HEDGES.iter().find(|hedge| words.contains(**hedge));
            assert_eq!(hedge, None, "{name} {form:?}");
        }
    }
}

/// Every claim is that something stands in the output; none is a cause.
#[test]
fn hypotheses_name_places_and_no_causes() {
    for (name, prompt, _) in recorded() {
        let document: Value = serde_json::from_str(&answer(&prompt, STAGE2).text).unwrap();
        for one in document["hypotheses"].as_array().unwrap() {
            let claim = one["claim"].as_str().unwrap();
            assert!(claim.starts_with("The error shows here: "), "{name}: {claim}");
            assert!(claim.ends_with("Its cause is not known to rules."), "{name}: {claim}");
            assert!(one["confidence"].as_f64().unwrap() <= 0.2, "{name}");
            assert_eq!(one["provider"], NAME);
        }
    }
}

/// The schema wants a yes or a no; the words say that it is neither.
#[test]
fn merging_is_not_judged() {
    let (_, prompt, _) = recorded().swap_remove(0);
    let document: Value = serde_json::from_str(&answer(&prompt, STAGE5).text).unwrap();
    let words = document.to_string();
    assert!(words.contains("rules cannot judge whether to merge") && !words.contains("not ready"), "{words}");
    assert_eq!(document["regression_tests"].as_array().unwrap().len(), 2);
}

/// The demo shows the failing tests, the errors, their places and the command; nothing else is known.
#[test]
fn prose_is_short_and_says_what_stands_there() {
    let (_, prompt, _) = recorded().swap_remove(0);
    let text = answer(&prompt, Form::Prose).text;
    for part in [
        "- tests.test_report.ReportTest.test_low_items_are_reordered\n",
        "- KeyError: 'nut-m4' (inventory/report.py:19)\n  `name = names[movement.sku]`\n",
        "Run again:\n- python3 -m unittest tests.test_report.",
        "why it fails",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_schema_decides_before_a_stage() {
    assert_eq!(
        Form::of(Some(SchemaName::JudgeOutput), Some(Stage::Debug)),
        Form::Schema(SchemaName::JudgeOutput)
    );
    assert_eq!(Form::of(None, Some(Stage::Debug)), STAGE4);
    assert_eq!(Form::of(None, None), Form::Prose);
}

#[test]
fn nothing_is_answered_with_nothing() {
    let stage1: Value = serde_json::from_str(&answer("", STAGE1).text).unwrap();
    assert_eq!(stage1["confidence"], 0.1);
    assert_eq!(stage1["affected_modules"], json!([]));
    let stage3: Value = serde_json::from_str(&answer("hello", STAGE3).text).unwrap();
    assert_eq!(stage3["files_to_change"], json!(["unknown"]));
    assert_eq!(stage3["diff"], "");
    let stage4: Value = serde_json::from_str(&answer("hello", STAGE4).text).unwrap();
    assert_eq!(stage4["next_action"]["type"], "escalate");
    assert!(answer("What is a monad?", Form::Prose).text.contains("needs a provider with a model"));
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
        let document: Value = serde_json::from_str(&answer(prompt, STAGE4).text).unwrap();
        (document["error_analysis"]["is_new_error"].clone(), document["next_action"]["type"].clone())
    };
    assert_eq!(is_new(errors), (json!(true), json!("test")));
    let before = format!("Last attempt: ValueError: bad\n{errors}");
    assert_eq!(is_new(&before), (json!(false), json!("escalate")));
}

#[test]
fn the_same_error_in_a_task_without_sections_is_found() {
    let seen = seen("Please fix:\n\nthread 'main' panicked at src/a.rs:7:9:\nboom\n");
    assert_eq!(seen["faults"], json!([["boom", "src/a.rs:7"]]));
    // An example in a stage's instructions is no evidence.
    let case = Case::read(
        "Write the class, such as KeyError: 'x'.\n```json\n{\"a\": \"ValueError: b\"}\n```\n",
        STAGE1,
    );
    assert!(case.is_empty());
}

/// Shapes that no tool here could record; written after each tool's documentation.
#[test]
fn go_dotnet_ruby_and_build_tools_are_read() {
    let is = |text: &str, faults: Value, tests: Value| {
        let seen = seen(&format!("## Errors\n{text}"));
        assert_eq!((&seen["faults"], &seen["tests"]), (&faults, &tests), "{text}");
    };
    is(
        "=== RUN   TestTotal\n    cart_test.go:12: got 3, want 4\n--- FAIL: TestTotal (0.00s)\n=== RUN   TestB\n--- PASS: TestB (0.00s)\nFAIL\nFAIL\texample.com/shop\t0.002s\nFAIL\n",
        json!([["cart_test.go:12: got 3, want 4", "cart_test.go:12"]]),
        json!(["TestTotal"]),
    );
    is(
        "panic: runtime error: index out of range [3] with length 3\n\ngoroutine 7 [running]:\npanic({0x1, 0x2})\n\t/usr/local/go/src/runtime/panic.go:88 +0x1\nexample.com/shop.Total(...)\n\t/srv/me/shop/cart.go:9 +0x1d\nmain.main()\n\t/srv/me/shop/main.go:4 +0x2\n\n",
        json!([["panic: runtime error: index out of range [3] with length 3", "/srv/me/shop/cart.go:9"]]),
        json!([]),
    );
    is(
        "  Failed Shop.Tests.CartTests.Total [12 ms]\n  Error Message:\n   System.NullReferenceException : Object reference not set to an instance of an object.\n  Stack Trace:\n     at Shop.Cart.Total(Int32 x) in /src/Shop/Cart.cs:line 14\n     at Shop.Tests.CartTests.Total() in /src/Tests/CartTests.cs:line 9\n\nFailed!  - Failed:     1, Passed:     2, Skipped:     0, Total:     3, Duration: 20 ms - shop.dll\n",
        json!([[
            "System.NullReferenceException : Object reference not set to an instance of an object.",
            "/src/Shop/Cart.cs:14"
        ]]),
        json!(["Shop.Tests.CartTests.Total"]),
    );
    is(
        "lib/cart.rb:7:in `total': undefined method `price' for nil:NilClass (NoMethodError)\n\tfrom app.rb:3:in `<main>'\n",
        json!([[
            "lib/cart.rb:7:in `total': undefined method `price' for nil:NilClass (NoMethodError)",
            "lib/cart.rb:7"
        ]]),
        json!([]),
    );
    is(
        "  1) Cart totals\n     Failure/Error: expect(cart.total).to eq(3)\n\n       expected: 3\n            got: 2\n     # ./spec/cart_spec.rb:9:in `block (2 levels) in <top (required)>'\n\nFinished in 0.01 seconds (files took 0.1 seconds to load)\n1 example, 1 failure\n\nFailed examples:\n\nrspec ./spec/cart_spec.rb:8 # Cart totals\n",
        json!([["Failure/Error: expect(cart.total).to eq(3)", "spec/cart_spec.rb:9"]]),
        json!(["./spec/cart_spec.rb:8 Cart totals"]),
    );
    is(
        "[ERROR] shop.OrdersTest.total -- Time elapsed: 0.01 s <<< FAILURE!\norg.opentest4j.AssertionFailedError: expected: <3> but was: <4>\n\tat org.junit.jupiter.api.AssertionUtils.fail(AssertionUtils.java:55)\n\tat shop.OrdersTest.total(OrdersTest.java:12)\n\n[ERROR] Tests run: 1, Failures: 1, Errors: 0, Skipped: 0\n[INFO] BUILD FAILURE\n",
        json!([["org.opentest4j.AssertionFailedError: expected: <3> but was: <4>", "OrdersTest.java:12"]]),
        json!(["shop.OrdersTest.total"]),
    );
    for (line, place) in [
        ("./main.go:5:2: undefined: total", "main.go:5"),
        ("Cart.cs(3,5): error CS1002: ; expected", "Cart.cs:3"),
        ("2024-05-01T10:00:00.1234567Z Error: it broke at lib/x.php:12", "lib/x.php:12"),
    ] {
        let error = line.strip_prefix("2024-05-01T10:00:00.1234567Z ").unwrap_or(line);
        is(line, json!([[error, place]]), json!([]));
    }
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
        let _ = answer("TypeError: warm up", STAGE2).text;
        let start = Instant::now();
        let _ = answer(shape, STAGE2).text;
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
        prop_assert_eq!(answer(&prompt, STAGE2).text, answer(&prompt, STAGE2).text);
    }
}
