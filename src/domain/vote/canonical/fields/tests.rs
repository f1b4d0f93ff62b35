//! Tests: what of a step's answer is compared.

use serde_json::json;

use super::*;

fn by(fields: &[(&str, How)]) -> VoteBy {
    VoteBy(fields.iter().map(|(name, how)| ((*name).to_owned(), *how)).collect())
}

fn same(how: How, left: &str, right: &str) -> bool {
    let by = by(&[("x", how)]);
    by.project(&json!({ "x": left })) == by.project(&json!({ "x": right }))
}

#[test]
fn prose_and_confidence_are_not_compared() {
    let by = by(&[("suspected_file", How::Path), ("suspected_location", How::Place)]);
    let cause = |hypothesis: &str, file: &str, place: &str, confidence: f64| {
        by.project(&json!({ "hypothesis": hypothesis, "suspected_file": file, "suspected_location": place, "confidence": confidence })).unwrap()
    };
    let one = cause("the key lacks the tenant", "src/cache.py", "save()", 0.9);
    for (file, place) in [
        ("./src/cache.py", "save"),
        ("src/cache.py", "`save()`"),
        ("`src/cache.py`", "in save()"),
        ("src//cache.py", "function save"),
        ("src/./cache.py", "the save method"),
        ("src/cache.py:42", "src.cache.save"),
        ("src\\cache.py", "cache.save()"),
        ("src/cache.py", "cache::save"),
        ("src/cache.py", "src/cache.py:save"),
        ("src/cache.py", "save(self, key, value)"),
        ("src/cache.py", "\"save\""),
        ("src/x/../cache.py", "def save(key)"),
    ] {
        assert_eq!(cause("another wording", file, place, 0.4), one, "{file} {place}");
    }
    for (file, place) in [
        ("src/cache.py", "load()"),
        ("src/Cache.py", "save()"),
        ("cache.py", "save()"),
        ("src/cache.py", "Save()"),
        ("src/cache.py", "Other.save()"),
        ("src/cache.py", "line 42"),
        ("src/cache.py", "save() line 42"),
    ] {
        assert_ne!(cause("the key lacks the tenant", file, place, 0.9), one, "{file} {place}");
    }
    assert_eq!(one.form(), crate::domain::vote::canonical::Form::Fields);
}

#[test]
fn places_are_lines_and_names() {
    for (left, right) in [
        ("line 42", "42"),
        ("L42", "Line 42."),
        ("line 42", "(line 42)"),
        ("lines 42-44", "L42-L44"),
        ("line 42 in save()", "save(), line 42"),
        ("save:42", "save() at line 42"),
        ("total 함수 42번째 줄", "total() 42행"),
        ("total, 42번 줄", "total, line 42"),
        ("total 함수의 42줄에서", "total:42"),
        ("42行目", "line 42"),
        ("第42行", "L42"),
        ("total() 함수", "함수 total"),
        ("total関数", "total"),
        ("Zeile 42", "42"),
        ("(*Cart).Total", "Cart.Total"),
        ("func (c *Cart) Total()", "Cart.Total"),
        ("Vec::operator[]", "`Vec::operator[]`"),
        ("operator [](size_t i)", "operator[]"),
        ("total=", "the `total=` method"),
        ("line=42", "42"),
        ("합계", "함수 합계"),
        ("합계함수", "`합계함수`"),
        (".save()", "save"),
    ] {
        assert!(same(How::Place, left, right), "{left} / {right}");
    }
    for (left, right) in [
        ("line 42", "line 43"),
        ("42-44", "42"),
        ("a.b", "a.c"),
        ("save", "saved"),
        ("Vec::operator[]", "Vec::operator()"),
        ("Vec::operator=", "Vec::operator=="),
        ("operator+", "operator"),
        ("total=", "total"),
        ("42행", "43행"),
        ("합계함수", "합계"),
        ("total합계", "total"),
        ("(*Cart).Total", "Total"),
    ] {
        assert!(!same(How::Place, left, right), "{left} / {right}");
    }
    let by = by(&[("file", How::Path), ("place", How::Place)]);
    let of = |file: &str, place: &str| by.project(&json!({ "file": file, "place": place }));
    assert_ne!(of("a.css", ".btn"), of("a.css", "#btn"));
    assert_ne!(of("a.css", ".btn"), of("a.css", "btn"));
    assert_eq!(of("a.css", "`.btn` line 3"), of("a.css", ".btn:3"));
    assert_eq!(of("a.py", ".btn"), of("a.py", "btn"));
}

#[test]
fn commands_are_their_words() {
    for (left, right) in [
        ("pytest -x tests/a.py", "pytest  -x \"tests/a.py\""),
        ("pytest -x tests/a.py", "$ pytest -x ./tests/a.py"),
        ("pytest -x tests/a.py", "```sh\npytest -x tests/a.py\n```"),
        ("pytest -k 'a b'", "pytest -k \"a b\""),
    ] {
        assert!(same(How::Words, left, right), "{left} / {right}");
    }
    for (left, right) in [
        ("pytest -x", "pytest -X"),
        ("pytest -k 'a b'", "pytest -k a b"),
        ("./run.sh", "run.sh"),
        ("cd a\nmake", "cd a make"),
        ("make test", "make tests"),
    ] {
        assert!(!same(How::Words, left, right), "{left} / {right}");
    }
}

#[test]
fn code_is_compared_without_comments() {
    for (left, right) in [
        ("import a\n\nprint(a.b)  # shows it\n", "import a\n# the module\nprint(a.b)"),
        ("```python\nimport a\nprint(a.b)\n```", "import a\nprint(a.b)"),
        ("let a = 1; // one\nf(a);", "/* sets a */\nlet a = 1;\nf(a);"),
        ("    x = 1\n    y = 2", "x = 1\ny = 2"),
    ] {
        assert!(same(How::Code, left, right), "{left} / {right}");
    }
    for (left, right) in [
        ("import a\nx = b // c", "import a\nx = b"),
        ("print('# a')", "print('# b')"),
        ("#include <a.h>\nint x;", "#include <b.h>\nint x;"),
        ("const u = \"http://a\";", "const u = \"http://b\";"),
        ("if a:\n    b()\nc()", "if a:\n    b()\n    c()"),
    ] {
        assert!(!same(How::Code, left, right), "{left} / {right}");
    }
}

#[test]
fn a_change_is_its_lines() {
    let wide = "--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n";
    for other in [
        "--- x.py\n+++ x.py\n@@ -2 +2 @@\n-b\n+c\n",
        "diff --git a/x.py b/x.py\nindex 1..2 100644\n--- a/x.py\n+++ b/x.py\n@@ -1,4 +1,4 @@ def f\n z\n a\n-b\n+c\n d\n",
        "--- a/./x.py\t2024-01-01\n+++ b/./x.py\t2024-01-02\n@@ -2,1 +2,1 @@\n-b\n+c\n",
    ] {
        assert!(same(How::ChangedLines, wide, other), "{other}");
    }
    for other in [wide.replace("+c", "+e"), wide.replace("-b\n+c", "-b"), wide.replace("x.py", "y.py")] {
        assert!(!same(How::ChangedLines, wide, &other), "{other}");
    }
}

#[test]
fn absent_null_and_empty_are_one_value_and_no_answer_by_themselves() {
    let by = by(&[("fix", How::ChangedLines), ("ok", How::Value)]);
    let of = |document: Value| by.project(&document);
    let one = of(json!({ "ok": true })).unwrap();
    for same in [
        json!({ "ok": true, "fix": null }),
        json!({ "fix": "", "ok": true }),
        json!({ "fix": "  ", "ok": true }),
    ] {
        assert_eq!(of(same).unwrap(), one);
    }
    assert_ne!(of(json!({ "ok": false })).unwrap(), one);
    assert!(of(json!({ "fix": null })).is_none());
    assert!(of(json!({})).is_none() && of(json!(["x"])).is_none());
}
