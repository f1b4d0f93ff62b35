use proptest::prelude::*;

use super::*;

fn file(path: &str, total: usize, named: &[usize], limit: usize) -> FileText {
    let ranking = file_lines(total, named, limit);
    FileText {
        path: path.to_owned(),
        total_lines: total,
        lines: ranking.iter().map(|line| (*line, format!("text of {line}"))).collect(),
        ranking,
    }
}

fn limits(total_chars: usize) -> PackLimits {
    PackLimits { error_lines: 50, total_chars }
}

#[test]
fn sections_come_in_the_order_of_their_importance() {
    let material = Material {
        constraints: vec!["no new dependency".into()],
        errors: vec!["ValueError: x".into()],
        facts: vec!["it worked yesterday".into()],
        files: vec![file("a.py", 2, &[], 10)],
    };
    let packed = pack(&material, limits(10_000));
    let places: Vec<_> = ["## Constraints", "## Errors", "## Facts", "## Files"]
        .iter()
        .map(|heading| packed.text.find(heading).expect("section"))
        .collect();
    assert!(places.is_sorted());
    assert!(packed.omitted.is_empty());
    assert!(packed.text.contains("   1 | text of 1\n   2 | text of 2\n"));
}

#[test]
fn line_numbers_stay_true_across_an_omission() {
    let packed = pack(
        &Material { files: vec![file("a.py", 1_000, &[500], 20)], ..Material::default() },
        limits(10_000),
    );
    assert!(packed.text.contains("  500 | text of 500") || packed.text.contains(" 500 | text of 500"));
    assert!(packed.text.contains("lines omitted ("));
    for line in packed.text.lines().filter(|line| line.contains(" | ")) {
        let (number, text) = line.split_once(" | ").expect("number");
        assert_eq!(text, format!("text of {}", number.trim()));
    }
}

#[test]
fn a_budget_of_no_line_shows_no_line() {
    for (limit, shown) in [(0, 0), (1, 1)] {
        let packed = pack(
            &Material { files: vec![file("a.py", 9, &[], limit)], ..Material::default() },
            limits(10_000),
        );
        assert_eq!(packed.text.matches("text of").count(), shown);
        assert!(packed.text.contains("omitted"));
    }
}

#[test]
fn a_long_error_keeps_its_frames_and_its_end() {
    let mut error = vec!["Traceback (most recent call last):".to_owned()];
    error.extend((0..200).map(|line| format!("noise {line}")));
    error.push("  File \"src/a.py\", line 7, in f".to_owned());
    error.push("    g(x)".to_owned());
    error.extend((200..300).map(|line| format!("noise {line}")));
    error.push("ValueError: bad".to_owned());
    let packed = pack(
        &Material { errors: vec![error.join("\n")], ..Material::default() },
        PackLimits { error_lines: 12, total_chars: 10_000 },
    );
    for kept in ["Traceback", "src/a.py", "g(x)", "ValueError: bad"] {
        assert!(packed.text.contains(kept), "{kept} is missing from {}", packed.text);
    }
    assert_eq!(packed.omitted.len(), 1);
}

#[test]
fn a_java_trace_keeps_its_head_and_the_frames_nearest_to_the_throw() {
    let mut error = vec!["Exception in thread \"main\" java.lang.IllegalStateException: outer".to_owned()];
    error.extend((0..80).map(|frame| format!("\tat a.A{frame}.run(A{frame}.java:{})", frame + 1)));
    error.push("Caused by: java.io.IOException: inner".to_owned());
    error.extend((0..80).map(|frame| format!("\tat b.B{frame}.run(B{frame}.java:{})", frame + 1)));
    error.extend((0..5).map(|line| format!("INFO {line}")));
    let packed = pack(
        &Material { errors: vec![error.join("\n")], ..Material::default() },
        PackLimits { error_lines: 30, total_chars: 10_000 },
    );
    for kept in ["outer", "Caused by", "A0.java", "A9.java"] {
        assert!(packed.text.contains(kept), "{kept} is missing from {}", packed.text);
    }
}

#[test]
fn a_long_line_keeps_both_ends_and_is_said_to_be_cut() {
    let error = format!("begin{}Error: the end", "A".repeat(30_000));
    let packed = pack(&Material { errors: vec![error], ..Material::default() }, limits(10_000));
    assert!(packed.text.contains("begin") && packed.text.contains("Error: the end"));
    assert_eq!(packed.omitted[0].reason, "1 lines cut to 1000 characters");
}

#[test]
fn even_constraints_never_exceed_the_total() {
    let packed = pack(
        &Material { constraints: vec!["x".repeat(5_000), "y".repeat(5_000)], ..Material::default() },
        limits(300),
    );
    assert!(packed.text.chars().count() <= 300);
    assert_eq!(packed.omitted.len(), 2);
}

#[test]
fn a_fence_inside_a_file_does_not_end_its_block() {
    let mut with_fence = file("README.md", 1, &[], 10);
    with_fence.lines.insert(1, "```rust".to_owned());
    let packed = pack(&Material { files: vec![with_fence], ..Material::default() }, limits(1_000));
    assert!(packed.text.contains("\n````\n"));
}

#[test]
fn a_mention_means_a_file_by_whole_components() {
    let mention = Mention { path: "/srv/app/src/a.py".into(), line: 3 };
    assert!(mention.means("src/a.py"));
    assert!(mention.means("a.py"));
    assert!(!mention.means("other/a.py"));
    assert!(!mention.means("src/aa.py"));
}

#[test]
fn frames_of_several_languages_are_places() {
    let text = "  File \"src/a.py\", line 7, in f\n    at run (lib/b.js:12:5)\n --> src/c.rs:3:4\n\tat x.Y.z(Y.java:99)";
    let found: Vec<_> = mentions(std::iter::once(text)).into_iter().map(|m| (m.path, m.line)).collect();
    assert_eq!(
        found,
        [
            ("Y.java".to_owned(), 99),
            ("src/c.rs".to_owned(), 3),
            ("lib/b.js".to_owned(), 12),
            ("src/a.py".to_owned(), 7)
        ]
    );
}

proptest! {
    #[test]
    fn the_total_is_never_exceeded(
        constraints in proptest::collection::vec("(?s).{0,300}", 0..4),
        errors in proptest::collection::vec("(?s).{0,600}", 0..4),
        facts in proptest::collection::vec("(?s).{0,200}", 0..4),
        total in 0usize..400,
        named in proptest::collection::vec(0usize..500, 0..3),
        lines in 0usize..60,
        limit in 0usize..2_000,
    ) {
        let material = Material { constraints, errors, facts, files: vec![file("a.py", total, &named, lines)] };
        let packed = pack(&material, PackLimits { error_lines: lines, total_chars: limit });
        prop_assert!(packed.text.chars().count() <= limit);
        prop_assert_eq!(packed.text.chars().count(), packed.total_chars);
    }

    #[test]
    fn a_ranking_holds_distinct_lines_of_the_file(total in 0usize..500, named in proptest::collection::vec(0usize..900, 0..5), limit in 0usize..700) {
        let ranking = file_lines(total, &named, limit);
        let distinct: std::collections::HashSet<_> = ranking.iter().collect();
        prop_assert_eq!(distinct.len(), ranking.len());
        prop_assert_eq!(ranking.len(), limit.min(total));
        prop_assert!(ranking.iter().all(|line| (1..=total).contains(line)));
    }
}

/// An error of which only so many lines are shown.
fn shortened(error: &str, lines: usize) -> String {
    let material = Material { errors: vec![error.to_owned()], ..Material::default() };
    pack(&material, PackLimits { error_lines: lines, total_chars: 40_000 }).text
}

fn assert_kept(text: &str, kept: &[&str], gone: &[&str]) {
    for kept in kept {
        assert!(text.contains(kept), "`{kept}` is missing from {text}");
    }
    for gone in gone {
        assert!(!text.contains(gone), "`{gone}` is in {text}");
    }
}

/// The output of `node --test` (TAP): many that pass, two that fail.
fn tap() -> String {
    let mut out = vec!["TAP version 13".to_owned()];
    for number in 1..=12 {
        out.push(format!(
            "# Subtest: passes {number}\nok {number} - passes {number}\n  ---\n  duration_ms: 0.1\n  ..."
        ));
    }
    let runtime = (0..6)
        .map(|line| format!("    Test.run (node:internal/test_runner/test:79{line}:25)"))
        .collect::<Vec<_>>()
        .join("\n");
    for (number, name, values) in [
        (
            13,
            "mean of three",
            "  error: |-\n    Expected values to be strictly equal:\n\n    3 !== 2\n\n  expected: 2\n  actual: 3",
        ),
        (
            14,
            "sorts names",
            "  error: |-\n    + actual - expected\n\n      [\n    +   'b',\n    -   'a'\n      ]\n  expected:\n    0: 'a'\n    1: 'b'\n  actual:\n    0: 'b'\n    1: 'a'",
        ),
    ] {
        out.push(format!(
            "# Subtest: {name}\nnot ok {number} - {name}\n  ---\n  duration_ms: 1.5\n  location: '/srv/a.test.js:{number}:1'\n{values}\n  operator: 'strictEqual'\n  stack: |-\n    TestContext.<anonymous> (/srv/a.test.js:{number}:38)\n{runtime}\n  ..."
        ));
    }
    out.push("1..14\n# tests 14\n# suites 0\n# pass 12\n# fail 2\n# duration_ms 444.8".to_owned());
    out.join("\n")
}

#[test]
fn both_failures_of_a_test_run_are_kept_and_the_runtime_goes_first() {
    let text = shortened(&tap(), 30);
    assert_kept(
        &text,
        &[
            "not ok 13 - mean of three",
            "expected: 2",
            "actual: 3",
            "3 !== 2",
            "a.test.js:13:38",
            "not ok 14 - sorts names",
            "0: 'a'",
            "1: 'b'",
            "0: 'b'",
            "1: 'a'",
            "+   'b',",
            "a.test.js:14:38",
        ],
        &["node:internal", "\nok 3", "# pass 12", "duration_ms"],
    );
    // Whole, where there is room for all of it.
    assert_kept(&shortened(&tap(), 400), &["node:internal", "# pass 12", "ok 3 - passes 3"], &["omitted"]);
}

#[test]
fn frames_of_libraries_go_before_those_of_the_project() {
    /// The same so often, `N` being the number.
    fn repeated(pattern: &str) -> String {
        (0..30).map(|number| pattern.replace('N', &number.to_string())).collect::<Vec<_>>().concat()
    }
    let python = repeated(
        "  File \"/usr/lib/python3.12/site-packages/flask/app.py\", line N, in f\n    raise Error(value)\n",
    );
    let java = repeated(
        "\tat org.junit.jupiter.engine.Runner.go(Runner.java:N)\n\tat java.base/java.lang.reflect.Method.invoke(Method.java:N)\n",
    );
    let rust = repeated(
        "  N: core::panicking::panic_fmt\n             at /rustc/90b35a6/library/core/src/panicking.rs:N:14\n",
    );
    let go = repeated("testing.tRunner(0xc000, 0x1)\n\t/usr/local/go/src/testing/testing.go:N +0xf4\n");
    let ruby = repeated(
        "     # /usr/lib/ruby/gems/3.2.0/gems/rspec-core-3.12/lib/rspec/core/example.rb:N:in `run'\n",
    );
    let npm = repeated("      at Object.run (/srv/node_modules/jest-circus/build/run.js:N:9)\n");
    let cases = [
        (
            format!(
                "Traceback (most recent call last):\n{python}  File \"/srv/shop/cart.py\", line 7, in total\n    return price[item]\nKeyError: 'plum'\n"
            ),
            &["shop/cart.py", "return price[item]", "KeyError: 'plum'"][..],
            "site-packages",
        ),
        (
            format!(
                "org.opentest4j.AssertionFailedError: expected: <3> but was: <4>\n{java}\tat shop.CartTest.total(CartTest.java:12)\n{java}"
            ),
            &["expected: <3> but was: <4>", "CartTest.java:12"],
            "org.junit.jupiter",
        ),
        (
            format!(
                "---- cart::tests::total stdout ----\nthread 'cart::tests::total' panicked at src/cart.rs:9:5:\nassertion `left == right` failed\n  left: 3\n right: 4\nstack backtrace:\n{rust}  21: shop::cart::total\n             at ./src/cart.rs:4:9\n{rust}test result: FAILED. 0 passed; 1 failed\n"
            ),
            &["cart::tests::total stdout", "left: 3", "right: 4", "src/cart.rs:4:9"],
            "panicking.rs",
        ),
        (
            format!(
                "--- FAIL: TestTotal (0.00s)\n    cart_test.go:8: got 4, want 3\npanic: boom\n{go}shop.Total(0x3)\n\t/srv/shop/cart.go:5 +0x1d\n{go}FAIL\tshop\t0.004s\n"
            ),
            &["--- FAIL: TestTotal", "got 4, want 3", "panic: boom", "shop/cart.go:5"],
            "testing.go",
        ),
        (
            format!(
                "  1) Cart totals its items\n     Failure/Error: expect(total).to eq 3\n\n       expected: 3\n            got: 4\n     # ./spec/cart_spec.rb:6:in `block'\n{ruby}"
            ),
            &["1) Cart totals its items", "expected: 3", "got: 4", "spec/cart_spec.rb:6"],
            "rspec-core",
        ),
        (
            format!(
                "  ● cart › totals its items\n\n    expect(received).toBe(expected)\n\n    Expected: 3\n    Received: 4\n\n      at Object.<anonymous> (src/cart.test.js:5:18)\n{npm}Tests:       1 failed, 9 passed, 10 total\n"
            ),
            &["● cart › totals its items", "Expected: 3", "Received: 4", "src/cart.test.js:5:18"],
            "jest-circus",
        ),
    ];
    for (error, kept, gone) in cases {
        let blocks = [&python, &java, &rust, &go, &ruby, &npm];
        let own = blocks.iter().fold(error.clone(), |error, block| error.replace(block.as_str(), ""));
        assert_kept(&shortened(&error, own.lines().count()), kept, &[gone]);
    }
}

#[test]
fn an_error_leaves_the_files_half_and_takes_what_they_leave() {
    let error = "a line of an error, quite long\n".repeat(380);
    let total = |lines: usize| {
        let files = vec![file("a.py", lines, &[], lines)];
        let material = Material { errors: vec![error.clone()], files, ..Material::default() };
        pack(&material, PackLimits { error_lines: 400, total_chars: 12_000 })
    };
    let (small, large) = (total(10), total(2_000));
    assert!(small.text.matches("a line of an error").count() > 320, "{}", small.text.len());
    let shown = large.text.matches("a line of an error").count();
    assert!((150..200).contains(&shown) && large.files[0].lines > 150, "{shown}");
    // Two errors share, so that the second is seen as well.
    let two = Material { errors: vec![error.clone(), "Error: the other".to_owned()], ..Material::default() };
    let packed = pack(&two, PackLimits { error_lines: 400, total_chars: 6_000 });
    assert!(packed.text.contains("Error: the other"));
}

#[test]
fn files_stand_in_another_order_for_another_reader() {
    let files = ["a.py", "b.py", "c.py"].map(|name| file(name, 3, &[], 3)).to_vec();
    let facts = vec!["it rains\n## Files\n### x".to_owned()];
    let text = pack(&Material { facts, files, ..Material::default() }, limits(10_000)).text;
    let order = |text: &str| {
        let places: Vec<_> =
            ["### a.py", "### b.py", "### c.py"].map(|name| text.find(name).unwrap()).to_vec();
        let mut order = vec!['a', 'b', 'c'];
        order.sort_by_key(|name| places[*name as usize - 'a' as usize]);
        order.into_iter().collect::<String>()
    };
    for (by, wanted) in [(0, "abc"), (1, "bca"), (2, "cab"), (3, "abc")] {
        let turned = with_files_turned(&text, by);
        assert_eq!((order(&turned).as_str(), turned.len()), (wanted, text.len()));
        assert!(turned.starts_with("## Facts\n- it rains"));
    }
    assert_eq!(with_files_turned("## Facts\n- x\n", 1), "## Facts\n- x\n");
}
