use super::*;

fn claims(answer: &str) -> Vec<Claim> {
    super::claims(answer).0
}

fn places(answer: &str) -> Vec<String> {
    claims(answer).into_iter().filter(|claim| claim.form == Form::Place).map(|claim| claim.cited).collect()
}

#[test]
fn a_place_is_read_however_it_is_written() {
    for (answer, wanted) in [
        ("The bug is in src/stats.py:12.", "src/stats.py:12"),
        ("see `src/stats.py:12`", "src/stats.py:12"),
        ("**src/stats.py:12** is wrong", "src/stats.py:12"),
        ("`src/stats.py`:12 is wrong", "src/stats.py:12"),
        ("src/stats.py:12:5: error", "src/stats.py:12"),
        ("src/stats.py:12-14", "src/stats.py:12-14"),
        ("src/stats.py:12–14", "src/stats.py:12-14"),
        ("src/stats.py:L12-L14", "src/stats.py:12-14"),
        ("[stats](src/stats.py#L12)", "src/stats.py:12"),
        ("src/stats.py#L12-L14 holds it", "src/stats.py:12-14"),
        ("src/stats.py(12,2): error TS2304", "src/stats.py:12"),
        ("src/stats.py(12)", "src/stats.py:12"),
        ("line 12 of src/stats.py", "src/stats.py:12"),
        ("On lines 12-14 of the file `src/stats.py`, ...", "src/stats.py:12-14"),
        ("Lines 12 to 14 in \"src/stats.py\"", "src/stats.py:12-14"),
        ("In `src/stats.py`, line 12, the loop ends early", "src/stats.py:12"),
        ("src/stats.py line 12", "src/stats.py:12"),
        ("src/stats.py (lines 12 through 14)", "src/stats.py:12-14"),
        ("src/stats.py, at line 12", "src/stats.py:12"),
        ("- **src/stats.py** — **Line:** 12", "src/stats.py:12"),
        ("File \"src/stats.py\", line 12, in mean", "src/stats.py:12"),
        ("src\\stats.py:12", "src/stats.py:12"),
        (".\\src\\stats.py(12,2)", "./src/stats.py:12"),
        ("C:\\app\\src\\stats.py:12", "C:/app/src/stats.py:12"),
        ("/srv/app/src/stats.py:12", "/srv/app/src/stats.py:12"),
        ("app/[id]/page.tsx:3", "app/[id]/page.tsx:3"),
        ("app/(group)/page.tsx:3", "app/(group)/page.tsx:3"),
        ("Makefile:7 lacks a tab", "Makefile:7"),
        ("src/größe.py:3", "src/größe.py:3"),
        ("src/stats.py의 12행", "src/stats.py:12"),
        ("src/stats.py 12번째 줄", "src/stats.py:12"),
        ("src/stats.py 第12行", "src/stats.py:12"),
        ("src/stats.py 파일 12번째 줄", "src/stats.py:12"),
        ("src/stats.py 파일의 12번 줄", "src/stats.py:12"),
        ("src/stats.py의 12번 줄에서", "src/stats.py:12"),
        ("`src/stats.py` 12번째 라인", "src/stats.py:12"),
        ("src/stats.py 3번줄", "src/stats.py:3"),
        ("src/Main.java:[12,3] error: ';' expected", "src/Main.java:12"),
        ("ERROR /w/src/Main.java:[12,3] cannot find symbol", "/w/src/Main.java:12"),
        ("오류는 `src/stats.py`의 12번째 줄에 있다", "src/stats.py:12"),
        ("“src/stats.py:12”—see", "src/stats.py:12"),
        ("    at Foo.bar(Foo.java:12)", "Foo.java:12"),
        ("main.go:12 +0x1d", "main.go:12"),
        ("File: src/stats.py\nLine: 12", "src/stats.py:12"),
        ("- **File:** `src/stats.py`\n- **Lines:** 12-14", "src/stats.py:12-14"),
        ("{\"findings\": [{\"file\": \"src/stats.py\", \"line\": 12}]}", "src/stats.py:12"),
        ("```json\n{\"line\": \"L12\", \"note\": \"x\", \"file\": \"src/stats.py\"}\n```", "src/stats.py:12"),
        ("{\"why\": \"first\\nsrc/stats.py:12 is wrong\"}", "src/stats.py:12"),
    ] {
        assert_eq!(places(answer), [wanted], "{answer}");
    }
    assert_eq!(places("a.rs:10,20-30 and b.rs:5"), ["a.rs:10", "a.rs:20-30", "b.rs:5"]);
    for (answer, wanted) in [
        ("a.rs (lines 5, 6, and 99)", &["a.rs:5-6", "a.rs:99"][..]),
        ("a.rs lines 5-7, 9 and 12.", &["a.rs:5-7", "a.rs:9", "a.rs:12"]),
        ("a.rs lines 5, 6, and 3 others", &["a.rs:5-6"]),
        ("a.rs, line 5, and 9 calls of b.rs:3", &["a.rs:5", "b.rs:3"]),
        ("a.rs line 5, or 6 of them fail", &["a.rs:5"]),
        ("a.rs line 5, or 6 in 10 calls fail", &["a.rs:5"]),
        ("a.rs line 5, or 6 or 9", &["a.rs:5", "a.rs:6", "a.rs:9"]),
        ("lines 5 or 9, of a.rs", &[]),
        ("line 5 of a.rs, or 6 of them", &["a.rs:5"]),
    ] {
        assert_eq!(places(answer), wanted, "{answer}");
    }
}

#[test]
fn what_only_looks_like_a_place_is_none() {
    for answer in [
        "Open http://localhost:8080/index.html and https://example.com:443/a.py:12",
        "It starts at 12:30 and ends at 14:05:59.",
        "host:8080, 127.0.0.1:3000, [::1]:80, db.internal:5432",
        "docs.rs:443 and bun.sh:443",
        "python:3.12, node.js:18, Next.js:14, redis:7, ghcr.io/org/img:12",
        "version 1.2.3:4, v2.0:1, 1.5:1 odds",
        "ratio 3:1, John 3:16, key:10, std::fs:10",
        "git@github.com:22 and user@host.py:22",
        "mail a.b@c.rs:1",
        "lib.so:1.2 style.css:10px",
        "items:[2], f(3), time.sleep(99), com.acme.Main.run(12)",
        "파일 12번째 줄, 파일 3번 줄",
        "self.items[a.start:10], np.array[x.y:20]",
        "```diff\n-old\n+src/stats.py:12 is text\n```",
        "e.g.:10 i.e.:3 etc.:5",
    ] {
        assert_eq!(places(answer), Vec::<String>::new(), "{answer}");
    }
}

const STATS: &str = "def mean(values):\n    total = 0\n    for i in range(1, len(values)):\n        total += values[i]\n    return total / len(values)\n\n\ndef spread(values):\n    return max(values) - min(values)\n";

fn standing(answer: &str) -> (Standing, Option<usize>, bool) {
    let claims = claims(answer);
    assert_eq!(claims.len(), 1, "{answer}: {claims:?}");
    let citation = judged(&claims[0], "stats.py", &Lines::of(STATS.to_owned()), &mut SearchBudget::default());
    (citation.status, citation.found_line, citation.note.is_some())
}

#[test]
fn a_quote_is_held_against_its_line() {
    use Standing::{Absent, Exact, LineOnly, Moved};
    for (answer, wanted) in [
        ("stats.py:3 has `for i in range(1, len(values)):`", (Exact, None, false)),
        ("`range(1, len(values))` (stats.py:3) skips one", (Exact, None, false)),
        (
            "stats.py:3:\n```python\nfor i in range(1, len(values)):\n    total += values[i]\n```",
            (Exact, None, false),
        ),
        ("stats.py:3 reads:\n> for i in range(1, len(values)):", (Exact, None, false)),
        ("stats.py:3 `for i in range(...)`", (Exact, None, false)),
        ("stats.py:1-5 holds `return total / len(values)`", (Exact, None, false)),
        ("stats.py:3 says \"range(1,  len(values))\"", (Exact, None, false)),
        ("stats.py:4 has `for i in range(1, len(values)):`", (Moved, Some(3), false)),
        ("stats.py:400 has `for i in range(1, len(values)):`", (Moved, Some(3), true)),
        ("stats.py:3", (LineOnly, None, false)),
        ("stats.py:3 in `spread`", (LineOnly, None, false)),
        ("stats.py:3 should be `for i in range(len(values)):`", (LineOnly, None, false)),
        ("Change stats.py:3 to `for i in range(len(values)):`", (LineOnly, None, false)),
        ("stats.py:3 has `while i < len(values):`", (LineOnly, None, true)),
        ("stats.py:3 has `time.sleep(99)`", (LineOnly, None, true)),
        ("stats.py:3 has `x = time.sleep(99) + 1`", (LineOnly, None, true)),
        ("stats.py:3 `open(2)`", (LineOnly, None, false)),
        ("stats.py:3 in `stats.spread()`", (LineOnly, None, false)),
        ("stats.py:3-90", (LineOnly, None, true)),
        ("stats.py:99 divides", (Absent, None, true)),
        ("stats.py:0 divides", (Absent, None, true)),
    ] {
        assert_eq!(standing(answer), wanted, "{answer}");
    }
}

#[test]
fn a_name_and_a_number_in_code_hide_no_quote() {
    for quote in ["let d = {a:3};", "total = xs[lo:5] + 1", "retry(99) or host:8080"] {
        let found = claims(&format!("stats.py:2 sets `{quote}` there"));
        let of_place = found.iter().find(|claim| claim.path == "stats.py").unwrap();
        assert_eq!(of_place.quotes[0].text, quote);
    }
    // A place with words after it is no quote of another place.
    let found = claims("stats.py:2 is called at `tool:2 exits`");
    assert!(found[0].quotes.is_empty(), "{found:?}");
}

#[test]
fn a_quote_belongs_to_the_place_that_is_nearest() {
    let found = claims("stats.py:2 sets `total = 0`, while `return max(values)` is at stats.py:9");
    let quotes: Vec<_> = found.iter().map(|claim| claim.quotes[0].text.as_str()).collect();
    assert_eq!(quotes, ["total = 0", "return max(values)"]);
    let found = claims(
        "In `stats.py:3` is `for i in range(1, n):`. At stats.py:1 it has `total = 0`; src/gone.py:9 is not.",
    );
    let places: Vec<_> = found.iter().map(|claim| claim.cited.as_str()).collect();
    assert_eq!(places, ["stats.py:3", "stats.py:1", "src/gone.py:9"]);
    let quotes: Vec<_> =
        found.iter().map(|claim| claim.quotes.first().map(|quote| quote.text.as_str())).collect();
    assert_eq!(quotes, [Some("for i in range(1, n):"), Some("total = 0"), None]);
}

#[test]
fn a_moved_quote_is_where_it_is_nearest_however_it_is_spaced() {
    let lines: Vec<String> = (1..=100)
        .map(|number| match number {
            10 | 90 => "    total  =\ttotal + values[i]".to_owned(),
            50 => "total = total + values[i]; i += 1".to_owned(),
            _ => format!("line {number}"),
        })
        .collect();
    let lines = Lines::of(lines.join("\r\n"));
    let found = |quote: &str, line| lines.find(quote, line, line, &mut SearchBudget::default());
    for (quote, line, wanted) in [
        ("total = total + values[i]", 45, Sought::At(50)),
        ("total = total + values[i]", 90, Sought::At(90)),
        ("total =\ttotal + values[i]", 10, Sought::At(10)),
        ("total = total + values[j]", 50, Sought::Nowhere),
        ("line 89\ntotal = total + values[i]\n\nline 91", 3, Sought::At(89)),
        ("total = ... i += 1", 400, Sought::At(50)),
        ("", 1, Sought::Nowhere),
    ] {
        assert_eq!(found(quote, line), wanted, "{quote:?} near {line}");
    }
}

#[test]
fn what_no_search_had_room_for_is_said() {
    let lines = Lines::of("let nothing = to_be_found(here);\n".repeat(30_000));
    let mut budget = SearchBudget::default();
    let notes: Vec<String> = (0..40)
        .map(|number| {
            let claims = claims(&format!("stats.py:3 has `while wanted_{number} < len(values):`"));
            judged(&claims[0], "stats.py", &lines, &mut budget).note.unwrap()
        })
        .collect();
    assert!(notes[0].contains("not found in the file"), "{}", notes[0]);
    assert!(notes[39].contains("was not searched"), "{}", notes[39]);
}

#[test]
fn places_beyond_the_limit_are_known_to_be_there() {
    let named = |count: usize| {
        let lines: Vec<String> = (0..count).map(|number| format!("src/a{number}.rs:1")).collect();
        lines.join("\n")
    };
    let (all, are_all) = super::claims(&named(MOST_CLAIMS - 1));
    assert_eq!((all.len(), are_all), (MOST_CLAIMS - 1, true));
    let (some, are_all) = super::claims(&named(MOST_CLAIMS + 9));
    assert_eq!((some.len(), are_all), (MOST_CLAIMS, false));
    // A very long answer is cut within a letter of three bytes.
    let long = format!("src/first.rs:1\n{}\nsrc/last.rs:1", "가".repeat(MOST_TEXT / 3));
    let (some, are_all) = super::claims(&long);
    assert_eq!((some.len(), are_all), (1, false));
    // No place is cut in two: line 12 of 1234 would be another one.
    for cut in 1..=20 {
        let long = format!("{}\nsrc/last.rs:1234 and more", "x".repeat(MOST_TEXT - cut));
        let (some, _) = super::claims(&long);
        assert!(some.iter().all(|claim| claim.line == 1234), "{cut}: {some:?}");
    }
}

#[test]
fn of_many_the_gravest_are_listed() {
    let one = |status| Citation {
        cited: "a.rs:1".to_owned(),
        file: None,
        line: 1,
        end_line: None,
        quote: None,
        status,
        found_line: None,
        note: None,
    };
    let mut all: Vec<Citation> = (0..100).map(|_| one(Standing::Exact)).collect();
    all.push(one(Standing::Absent));
    let listed = listed(all);
    assert_eq!(listed.len(), MOST_LISTED);
    assert_eq!(listed.iter().filter(|one| one.status == Standing::Absent).count(), 1);
}

#[test]
fn any_text_is_read_in_time() {
    let hostile = [
        "a/".repeat(20_000),
        "`".repeat(40_000),
        "a.rs:1".repeat(6_000),
        "a.rs:1 `x y z w` ".repeat(2_400),
        "line 1 of ".repeat(4_000),
        "\"a b\" ".repeat(6_000),
        "(a)/".repeat(10_000),
        format!("a.rs:1{}", ",2".repeat(20_000)),
        "a.rs:99999999999999999999 a.rs:1-99999999999".to_owned(),
        "\u{0}\u{1b}]8;;a.rs:1\u{7}".repeat(2_000),
    ];
    for text in hostile {
        let begun = std::time::Instant::now();
        let found = claims(&text);
        assert!(found.len() <= 20_001);
        assert!(begun.elapsed().as_millis() < 1_000, "{:?}", text.get(..40));
    }
}

#[test]
fn a_fence_ends_at_its_own_marks_only() {
    // A place inside of the change would be one of the tree if the inner line ended the block.
    for inner in ["```", "~~~", "~~~~", "```text"] {
        let answer = format!("````diff\n{inner}\n+src/a.py:12 is text\n````\nsrc/b.py:3 is wrong");
        assert_eq!(places(&answer), ["src/b.py:3"], "{inner}");
    }
    let answer = "src/a.py:12:\n````py\n```\nvalue = 1\n````\n";
    assert_eq!(claims(answer)[0].quotes[0].text, "```\nvalue = 1");
}
