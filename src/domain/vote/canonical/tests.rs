//! Tests: what is the same answer, and what is not.

use proptest::prelude::*;

use super::*;

fn same(left: &str, right: &str) -> bool {
    Canonical::of(left) == Canonical::of(right)
}

fn form(text: &str) -> Form {
    Canonical::of(text).form()
}

#[test]
fn json_is_compared_by_value() {
    let one = r#"{"a": 1, "b": [true, null, 2.50], "c": {"y": "x", "z": 1e2}}"#;
    let other = "```json\n{ \"c\":{\"z\":100.0,\"y\":\"x\"},\n  \"b\":[true,null,2.5], \"a\":1.0 }\n```";
    assert!(same(one, other));
    assert_eq!(form(one), Form::Json);
    for different in [
        r#"{"a": 2, "b": [true, null, 2.5], "c": {"y": "x", "z": 100}}"#,
        r#"{"a": 1, "b": [null, true, 2.5], "c": {"y": "x", "z": 100}}"#,
        r#"{"a": 1, "b": [true, null, 2.5], "c": {"y": "X", "z": 100}}"#,
        r#"{"a": "1", "b": [true, null, 2.5], "c": {"y": "x", "z": 100}}"#,
        r#"{"a": 1, "b": [true, null, 2.5]}"#,
    ] {
        assert!(!same(one, different), "{different}");
    }
    assert!(!same(r#"{"n": 18446744073709551615}"#, r#"{"n": 18446744073709551614}"#));
}

#[test]
fn words_signs_units_and_names_count() {
    for (left, right) in [
        ("Option A", "option a"),
        ("a", "the"),
        ("the cache", "cache"),
        ("is empty", "empty"),
        ("An error", "error"),
        ("use A", "use a"),
        ("1.10", "1.1"),
        ("x == 1", "x = 1"),
        ("yes", "no"),
        (r#"{"x": "A"}"#, r#"{"x": "a"}"#),
        ("userId", "userid"),
        ("`Cache`", "`cache`"),
        ("MAX_SIZE", "max_size"),
        ("src/A.py", "src/a.py"),
        ("Foo.bar", "foo.bar"),
        ("use `Foo` here", "use `foo` here"),
        ("-5", "5"),
        ("5 ms", "5 s"),
        ("5 MB", "5 Mb"),
        ("5%", "5"),
        ("$5", "5"),
        ("5!", "5"),
        ("Python 3.10", "Python 3.1"),
        ("C++", "C"),
        ("C#", "C"),
        ("yes?", "yes"),
        ("not safe", "safe"),
        ("< 5", "5"),
        ("__init__", "init"),
        ("9007199254740993", "9007199254740992"),
        ("1/2", "1"),
        ("2024-01-02", "2024-01-03"),
    ] {
        assert!(!same(left, right), "{left} / {right}");
    }
}

#[test]
fn dress_does_not_count() {
    for dressed in [
        "option B", " option  B\n", "`option B`", "\"option B\"", "**option B**", "option B.",
        "```\noption B\n```", "**option B.**", "~~~text\noption B\n~~~",
    ] {
        assert!(same("option B", dressed), "{dressed:?}");
        assert_eq!(form(dressed), Form::Text);
    }
    assert!(!same("option B", "option \"B\""));
    assert!(!same("`a` or `b`", "a` or `b"));
    assert!(!same("what...", "what.."));
}

#[test]
fn one_answer_in_many_forms() {
    for forms in [
        &[
            "Yes", "yes", "Yes!", "YES", "**yes**", "`Yes`", "“Yes”", "(yes)", "- yes", "> Yes.",
            "Answer: yes", "The answer is Yes.", "My final answer: **yes**",
        ][..],
        &[
            "42", "42.0", "4.2e1", "42.", "**42**", "+42", "0042", "The answer is 42", "42.000", "4200e-2",
            "`42`",
        ],
        &["1000000", "1,000,000", "1e6", "10.0E5"],
        &["5 ms", "5ms", "5.0 ms", "5.0ms"],
        &["0.5", "0.50", ".5", "5e-1"],
        &["-3", "−3", "-3.0"],
        &["src/a.py", "./src/a.py", "src//a.py", "src/./a.py", "src/b/../a.py", "`src/a.py`", "src\\a.py"],
        &["caf\u{e9} au lait", "cafe\u{301} au lait", "Café au lait."],
        &["Use the cache", "use the cache.", "use  the\u{a0}cache"],
        &["it's the lock", "it’s the lock"],
        &["Redis", "redis", "REDIS"],
        &["save_row()", "`save_row()`"],
    ] {
        for form in forms {
            assert!(same(forms[0], form), "{} / {form}", forms[0]);
        }
    }
}

#[test]
fn lines_keep_their_indentation() {
    let code = "def f():\n    return 1\n";
    assert!(same(code, "```python\ndef f():  \n    return 1\n```"));
    assert!(same(code, "def f():\r\n    return 1"));
    assert!(!same(code, "def f():\n  return 1\n"));
    assert_eq!(form(code), Form::Lines);
    assert_eq!(form("```\na\n```\nor\n```\nb\n```"), Form::Lines);
}

const DIFF: &str = "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n";

#[test]
fn diffs_are_compared_by_their_changes() {
    assert_eq!(form(DIFF), Form::Diff);
    for same_change in [
        "diff --git a/x.py b/x.py\nindex 1111111..2222222 100644\n--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@ def f\n a\n-b\n+c\n",
        "```diff\n--- a/x.py\t2024-01-01 10:00:00\n+++ b/x.py\t2025-01-01 10:00:00\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n```\n",
        "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n a\n-b\n+c  \n",
        "--- a/x.py\n+++ b/x.py\n@@ -2 +2 @@\n-b\n+c\n",
        "--- a/x.py\n+++ b/x.py\n@@ -9,2 +9,2 @@\n a\n-b\n+c\n",
    ] {
        assert!(same(DIFF, same_change), "{same_change}");
    }
    for other_change in [DIFF.replace("+c", "+d"), DIFF.replace("x.py", "y.py"), DIFF.replace("-b\n+c", "-b")]
    {
        assert!(!same(DIFF, &other_change), "{other_change}");
    }
}

#[test]
fn a_diff_inside_json_is_compared_as_a_diff() {
    let with = |diff: &str| serde_json::json!({ "target_file": "x.py", "patch_diff": diff }).to_string();
    assert!(same(&with(DIFF), &with(&format!("index 1..2 100644\n{DIFF}"))));
    assert!(!same(&with(DIFF), &with(&DIFF.replace("+c", "+d"))));
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i32>().prop_map(serde_json::Value::from),
        "[a-zA-Z ]{0,8}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..4)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The same value with its keys the other way round.
fn turned(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(fields) => serde_json::Value::Object(
            fields.iter().rev().map(|(name, value)| (name.clone(), turned(value))).collect(),
        ),
        serde_json::Value::Array(items) => items.iter().map(turned).collect(),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn the_spelling_of_json_never_counts(value in json()) {
        let value = serde_json::json!({ "value": value });
        let pretty = serde_json::to_string_pretty(&turned(&value)).unwrap();
        let fenced = format!("```json\n{pretty}\n```");
        prop_assert!(same(&value.to_string(), &fenced));
    }

    #[test]
    fn options_of_different_words_never_collapse(
        left in "[A-Za-z0-9]{1,6}( [A-Za-z0-9]{1,6}){0,3}",
        right in "[A-Za-z0-9]{1,6}( [A-Za-z0-9]{1,6}){0,3}",
    ) {
        // Where they vote together, they differ in the case of words or the spelling of numbers alone.
        let words = |text: &str| text.to_lowercase().split(' ').map(|word| word.parse::<f64>().map_or(word.to_owned(), |number| number.to_string())).collect::<Vec<_>>();
        prop_assert!(left != right || same(&left, &right));
        prop_assert!(!same(&left, &right) || words(&left) == words(&right), "{} / {}", left, right);
    }

    #[test]
    fn any_text_has_a_form(text in any::<String>()) {
        prop_assert!(same(&text, &text));
    }

    #[test]
    fn white_space_around_never_counts(text in "[a-z{}\\[\\]\"`.\n ]{0,30}") {
        let padded = format!("\n  {text} \n\n");
        prop_assert!(same(&text, &padded));
    }
}
