use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{from_value, from_yaml};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Plain,
    New(u8),
    Pair(u8, String),
    Named { size: u32 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Tagged {
    One { size: u32 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(f64),
    Text(String),
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Name(String);

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Everything {
    flag: bool,
    small: u8,
    signed: i64,
    real: f64,
    text: String,
    letter: Option<char>,
    nothing: (),
    maybe: Option<u32>,
    list: Vec<u16>,
    pair: Option<(u8, String)>,
    kinds: Vec<Kind>,
    tagged: Vec<Tagged>,
    either: Vec<Either>,
    by_number: BTreeMap<usize, f64>,
    by_sign: BTreeMap<i8, bool>,
    by_name: HashMap<Name, String>,
    by_kind: BTreeMap<String, Everything>,
    any: Value,
}

/// Each value as it is read here, and as `serde_json` reads it.
fn same(value: &Value) {
    let ours = from_value::<Everything>(value.clone()).ok();
    let theirs = serde_json::from_value::<Everything>(value.clone()).ok();
    assert_eq!(ours, theirs, "{value}");
}

#[test]
fn a_misfit_says_the_wanted_form_and_the_value() {
    for (value, said) in [
        (json!(3), "must be an object (got 3)"),
        (json!({ "flag": "yes" }), "must be true or false (got \"yes\")"),
        (json!({ "small": 256 }), "must be a whole number, 0 to 255 (got 256)"),
        (json!({ "small": -1 }), "must be a whole number, 0 to 255 (got -1)"),
        (json!({ "signed": 1.5 }), "must be a whole number (got 1.5)"),
        (json!({ "real": null }), "must be a number (got null)"),
        (json!({ "text": ["a"] }), "must be a string (got a list)"),
        (json!({ "list": {} }), "must be a list (got an object)"),
        (json!({ "maybe": 5_000_000_000_u64 }), "must be a whole number, 0 to 4294967295 (got 5000000000)"),
        (json!({ "kinds": ["plane"] }), "must be one of plain, new, pair, named (got \"plane\")"),
        (json!({ "kinds": [3] }), "must be a name (got 3)"),
        (json!({ "kinds": [{}] }), "must be an object with one key (got an object)"),
        (json!({ "kinds": ["named"] }), "must be an object with the key `named` (got \"named\")"),
        (json!({ "kinds": [{ "plain": 1 }] }), "must be empty (got 1)"),
        (json!({ "kinds": [{ "pair": 1 }] }), "must be a list (got 1)"),
        (json!({ "kinds": [{ "named": {} }] }), "`size` is missing"),
        (json!({ "smal": 3 }), "unknown key `smal`; did you mean `small`?"),
    ] {
        assert_eq!(from_value::<Everything>(value.clone()).unwrap_err().to_string(), said, "{value}");
    }
}

const VALUES: &str = r#"[null, true, 0, 7, -7, 256, 70000, 1.5, 1e400, 18446744073709551615, "", "a", "ab", "plain", "Plain",
    [], [1], [1, "a"], [1, "a", 2], ["a"], [null], [70000], ["plain"], [{"new": 3}], [{"new": "x"}], [{"new": 3, "pair": 1}], [{}],
    [{"pair": [1, "a"]}], [{"pair": [1]}], [{"pair": [1, "a", 3]}], [{"pair": 3}], [{"named": {"size": 3}}], [{"named": {}}],
    [{"named": 3}], ["named"], ["new"], ["pair"], [{"plain": null}], [{"type": "one", "size": 2}], [{"type": "two"}],
    [{"type": "one", "size": -2}], [1.5, "a"], [true],
    {}, {"1": 1.5}, {"-1": true}, {"a": 1.5}, {"1": "a"}, {"a": "b"}, {"a": {}}, {"a": {"small": 256}}, {"a": {"sma": 2}}]"#;

#[test]
fn values_are_read_as_serde_json_reads_them() {
    let values: Vec<Value> = serde_json::from_str(&VALUES.replace("1e400", "1e300")).unwrap();
    let empty = serde_json::to_value(Everything::default()).unwrap();
    let names: Vec<&String> = empty.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 18);
    for name in names {
        for value in &values {
            same(&json!({ name: value }));
        }
    }
    same(&empty);
    same(&json!(3));
    same(&json!({ "unknown": 3 }));
}

#[test]
fn the_place_of_what_does_not_fit_is_told() {
    for (value, place) in [
        (json!(3), "."),
        (json!({ "small": "x" }), "small"),
        (json!({ "smal": 3 }), "smal"),
        (json!({ "list": [1, 2, -3] }), "list[2]"),
        (json!({ "pair": [1, 2] }), "pair[1]"),
        (json!({ "kinds": ["plain", { "new": "x" }] }), "kinds[1].new"),
        (json!({ "kinds": ["plain", { "pair": [1, 2] }] }), "kinds[1].pair[1]"),
        (json!({ "kinds": ["plain", { "named": { "size": "x" } }] }), "kinds[1].named.size"),
        (json!({ "kinds": ["other"] }), "kinds[0]"),
        (
            json!({ "by_kind": { "a": { "by_kind": { "b.c": { "flag": 1 } } } } }),
            "by_kind.a.by_kind.b.c.flag",
        ),
    ] {
        assert_eq!(from_value::<Everything>(value.clone()).unwrap_err().place(), place, "{value}");
    }
}

#[test]
fn a_list_is_no_record() {
    #[derive(Debug, Deserialize)]
    struct Record {
        #[allow(dead_code)]
        size: u32,
    }
    let said = from_value::<Record>(json!([3])).unwrap_err().to_string();
    assert_eq!(said, "must be an object (got a list)");
}

#[test]
fn yaml_tells_the_place_too() {
    assert_eq!(from_yaml::<Vec<u8>>("[1, 2]").unwrap(), [1, 2]);
    assert_eq!(from_yaml::<Vec<u8>>("\u{feff}[1, 2]\n").unwrap(), [1, 2]);
    let said = |text| from_yaml::<Everything>(text).unwrap_err();
    assert_eq!(
        said("small: 1\nby_kind:\n  a: {}\n  b:\n    list: [1, 2, x]\n"),
        "by_kind.b.list[2]: must be a whole number, 0 to 65535 (got \"x\") at line 5 column 18"
    );
    assert!(said("small: 1\nbroad: 2\n").starts_with("unknown key `broad`; known: "));
    assert!(said("small: 1\nbroad: 2\n").ends_with(" at line 2 column 1"));
    let below = said("by_kind:\n  a:\n    small: 1\n    broad:\n      b: 2\n");
    assert!(
        below.starts_with("by_kind.a: unknown key `broad`") && below.ends_with(" at line 4 column 5"),
        "{below}"
    );
    assert!(said("- 1").starts_with("must be an object (got a list)"), "{}", said("- 1"));
}

#[test]
fn a_key_that_stands_twice_is_refused_wherever_it_stands() {
    for text in ["small: 1\nsmall: 2\n", "any: {a: 1, a: 2}\n", "by_name: {a: b, a: c}\n"] {
        let said = from_yaml::<Everything>(text).unwrap_err();
        assert!(said.contains("occurs twice"), "{text}: {said}");
    }
}
