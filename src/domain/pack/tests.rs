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

/// Output of a tool about line 1660 of a file.
#[derive(serde::Deserialize)]
struct Output {
    tool: String,
    file: String,
    output: String,
}

/// The file with the lines that an error names, packed beside it.
fn packed_beside(error: &str, path: &str) -> String {
    let named: Vec<usize> = mentions(std::iter::once(error))
        .into_iter()
        .filter(|mention| mention.means(path))
        .map(|mention| mention.line)
        .collect();
    let files = vec![file(path, 2_000, &named, 200)];
    pack(&Material { errors: vec![error.to_owned()], files, ..Material::default() }, limits(10_000)).text
}

#[test]
fn the_line_that_a_tool_names_is_shown_first() {
    let outputs: Vec<Output> =
        crate::domain::typed::from_yaml(include_str!("../../../tests/data/places.yaml")).unwrap();
    for Output { tool, file, output } in outputs {
        let indented = output.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n");
        for text in [output, indented] {
            let packed = packed_beside(&text, &file);
            assert!(
                packed.contains("1660 | text of 1660"),
                "{tool}: {:?}",
                mentions(std::iter::once(&*text))
            );
        }
    }
}

/// Words, times, versions and numbers of other things are no places in these files.
#[test]
fn what_is_no_place_names_no_line() {
    for (path, text) in [
        ("chapter", "see chapter line 3"),
        ("chapter", "see chapter: line 3"),
        ("cart.py", "cart.py has 1660 lines, and line 3 is wrong"),
        ("cart.py", "wrote cart.py (1,660 bytes)"),
        ("cart.py", "cart.py: 3 errors"),
        ("cart.py", "cart.py 2026-11-29 10:20:30"),
        ("cart.py", "saved cart.py at 10:20"),
        ("cart.py", "cart.py: done. Next: b.py: line 3: x"),
        ("cart.py", "cart.py: done. Next: Unexpected token in b.py (3:4)"),
        ("cart.py", "cart.py\n\n  3:4  error  x"),
        ("cart.py", "cart.py\nb.py\n  3:4  error  x"),
        ("cart.py", "> 3 | x = cart.py\n  4 | y"),
        ("cart.test.ts", " ✓ src/cart.test.ts (12 tests) 3ms"),
        ("cart.py", "cart.py:0"),
    ] {
        let named: Vec<_> =
            mentions(std::iter::once(text)).into_iter().filter(|mention| mention.means(path)).collect();
        assert_eq!(named, [], "{text}");
    }
}

/// A text that is made to be slow.
#[test]
fn a_long_line_of_places_is_read_at_once() {
    let started = std::time::Instant::now();
    for part in ["a.py:3 ", "file: file:3 ", "\"a.py:3", "a.py: x. 3", "x.y\n  3:4 e.f\n", "((([[["] {
        let text = part.repeat(400_000 / part.len());
        assert!(mentions(std::iter::once(text.as_str())).len() <= 200);
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
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

/// An error of which `lines` lines are shown.
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
            "not ok 13 - mean of three", "expected: 2", "actual: 3", "3 !== 2", "a.test.js:13:38",
            "not ok 14 - sorts names", "0: 'a'", "1: 'b'", "0: 'b'", "1: 'a'", "+   'b',", "a.test.js:14:38",
        ],
        &["node:internal", "\nok 3", "# pass 12", "duration_ms"],
    );
    // Whole, where there is room for all of it.
    assert_kept(&shortened(&tap(), 400), &["node:internal", "# pass 12", "ok 3 - passes 3"], &["omitted"]);
}

#[test]
fn frames_of_libraries_go_before_those_of_the_project() {
    /// A pattern repeated as a text; `N` is the number.
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
    // Two errors share the room, so that the second is seen as well.
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

/// The output of a runner: its beginning, a passed test, a failed one, and its end.
struct Runner {
    name: &'static str,
    begins: &'static str,
    passed: &'static str,
    /// `§` is the number of the failure; `LIBRARY` marks where frames of libraries stand.
    failed: &'static str,
    library: &'static str,
    ends: &'static str,
    /// Words of each failure that must be shown.
    kept: &'static [&'static str],
}

const RUNNERS: [Runner; 15] = [
    Runner {
        name: "pytest",
        begins: "============================= test session starts ==============================\nplatform linux -- Python 3.12.3, pytest-8.1.1\nrootdir: /srv/shop\n",
        passed: "tests/test_cart.py::test_passes_§ PASSED                    [ 12%]\n",
        failed: "______________________________ test_total_§ _______________________________\n\n    def test_total_§():\n        cart = Cart()\n        cart.add(plum)\n>       assert cart.total() == 10§\nE       AssertionError: assert 9§ == 10§\nE        +  where 9§ = total()\n\ntests/test_cart.py:4§: AssertionError\n----------------------------- Captured stdout call -----------------------------\nLIBRARY",
        library: "DEBUG urllib3.connectionpool connection to the shop\n",
        ends: "=========================== short test summary info ============================\nFAILED tests/test_cart.py::test_total_1 - AssertionError\n======================== 3 failed, 900 passed in 4.41s =========================\n",
        kept: &["test_total_§", "9§ == 10§", "tests/test_cart.py:4§"],
    },
    Runner {
        name: "unittest",
        begins: "",
        passed: "test_passes_§ (test_cart.Cart.test_passes_§) ... ok\n",
        failed: "======================================================================\nFAIL: test_total_§ (test_cart.Cart.test_total_§)\n----------------------------------------------------------------------\nTraceback (most recent call last):\nLIBRARY  File \"/srv/shop/test_cart.py\", line 4§, in test_total_§\n    self.assertEqual(cart.total(), 10§)\nAssertionError: 9§ != 10§\n\n",
        library: "  File \"/usr/lib/python3.12/unittest/mock.py\", line 1390, in patched\n    return func(*newargs, **newkeywargs)\n",
        ends: "----------------------------------------------------------------------\nRan 903 tests in 1.2s\n\nFAILED (failures=3)\n",
        kept: &["test_total_§", "9§ != 10§", "test_cart.py\", line 4§"],
    },
    Runner {
        name: "jest",
        begins: " FAIL  src/cart.test.js\n",
        passed: "    ✓ passes § (3 ms)\n",
        failed: "  ● cart › totals § items\n\n    expect(received).toBe(expected) // Object.is equality\n\n    Expected: 10§\n    Received: 9§\n\n      3 | const cart = new Cart();\n    > 4 | expect(cart.total()).toBe(10§);\n        |                      ^\n\n      at Object.<anonymous> (src/cart.test.js:4§:22)\nLIBRARY\n",
        library: "      at Promise.then.completed (node_modules/jest-circus/build/utils.js:298:28)\n      at new Promise (<anonymous>)\n",
        ends: "Test Suites: 1 failed, 1 total\nTests:       3 failed, 900 passed, 903 total\nSnapshots:   0 total\nTime:        1.2 s\n",
        kept: &["cart › totals § items", "Expected: 10§", "Received: 9§", "src/cart.test.js:4§"],
    },
    Runner {
        name: "vitest",
        begins: " RUN  v1.6.0 /srv/shop\n\n",
        passed: " ✓ src/cart.test.ts > cart > passes § 1ms\n",
        failed: " FAIL  src/cart.test.ts > cart > totals § items\nAssertionError: expected 9§ to be 10§ // Object.is equality\n\n- Expected\n+ Received\n\n- 10§\n+ 9§\n\n ❯ src/cart.test.ts:4§:22\nLIBRARY⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯[§/3]⎯\n\n",
        library: " ❯ node_modules/vitest/dist/chunk-runtime.js:11:12\n",
        ends: " Test Files  1 failed (1)\n      Tests  3 failed | 900 passed (903)\n   Start at  10:00:00\n   Duration  1.2s\n",
        kept: &["cart > totals § items", "expected 9§ to be 10§", "src/cart.test.ts:4§"],
    },
    Runner {
        name: "mocha",
        begins: "\n  cart\n",
        passed: "    ✔ passes §\n",
        failed: "  §) cart\n       totals § items:\n\n      AssertionError: expected 9§ to equal 10§\n      + expected - actual\n\n      -9§\n      +10§\n      \n      at Context.<anonymous> (test/cart.js:4§:30)\nLIBRARY\n",
        library: "      at process.processImmediate (node:internal/timers:476:21)\n",
        ends: "  900 passing (1s)\n  3 failing\n",
        kept: &["totals § items", "expected 9§ to equal 10§", "test/cart.js:4§"],
    },
    Runner {
        name: "go -v",
        begins: "",
        passed: "=== RUN   TestPasses/case_§\n    cart_test.go:99: adding a plum\n--- PASS: TestPasses/case_§ (0.00s)\n",
        failed: "=== RUN   TestTotal§\n    cart_test.go:4§: Total() = 9§, want 10§\n--- FAIL: TestTotal§ (0.00s)\nLIBRARY",
        library: "testing.tRunner(0xc000, 0x1)\n\t/usr/local/go/src/testing/testing.go:1595 +0xf4\n",
        ends: "FAIL\nFAIL\texample.com/shop\t0.004s\nFAIL\n",
        kept: &["TestTotal§", "cart_test.go:4§: Total() = 9§, want 10§"],
    },
    Runner {
        name: "cargo",
        begins: "running 903 tests\n",
        passed: "test cart::tests::passes_§ ... ok\n",
        failed: "---- cart::tests::total_§ stdout ----\n\nthread 'cart::tests::total_§' panicked at src/cart.rs:4§:9:\nassertion `left == right` failed: the total of §\n  left: 9§\n right: 10§\nstack backtrace:\nLIBRARY  14: shop::cart::total\n             at ./src/cart.rs:4§:9\nnote: Some details are omitted\n\n",
        library: "   3: core::panicking::panic_fmt\n             at /rustc/90b35a6/library/core/src/panicking.rs:75:14\n",
        ends: "failures:\n    cart::tests::total_1\n\ntest result: FAILED. 900 passed; 3 failed; 0 ignored\n",
        kept: &["cart::tests::total_§", "the total of §", "left: 9§", "right: 10§", "src/cart.rs:4§"],
    },
    Runner {
        name: "gradle",
        begins: "> Task :test FAILED\n\n",
        passed: "CartTest > passes§() PASSED\n\n",
        failed: "CartTest > total§() FAILED\n    org.opentest4j.AssertionFailedError: expected: <10§> but was: <9§>\nLIBRARY        at app//shop.CartTest.total§(CartTest.java:4§)\n\n",
        library: "        at app//org.junit.jupiter.api.AssertionFailureBuilder.build(AssertionFailureBuilder.java:151)\n",
        ends: "903 tests completed, 3 failed\nBUILD FAILED in 4s\n",
        kept: &["CartTest > total§() FAILED", "expected: <10§> but was: <9§>", "CartTest.java:4§"],
    },
    Runner {
        name: "maven",
        begins: "[INFO] Scanning for projects...\n[INFO] Running shop.CartTest\n[ERROR] Tests run: 903, Failures: 3, Errors: 0, Skipped: 0, Time elapsed: 0.05 s <<< FAILURE! -- in shop.CartTest\n",
        passed: "[INFO] Downloaded from central: https://repo.example/passes/§ (2 kB)\n",
        failed: "[ERROR] shop.CartTest.total§ -- Time elapsed: 0.003 s <<< FAILURE!\norg.opentest4j.AssertionFailedError: expected: <10§> but was: <9§>\nLIBRARY\tat shop.CartTest.total§(CartTest.java:4§)\n\n",
        library: "\tat org.junit.jupiter.api.AssertEquals.failNotEqual(AssertEquals.java:197)\n",
        ends: "[ERROR] Failures: \n[INFO] BUILD FAILURE\n[ERROR] -> [Help 1]\n[ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch.\n",
        kept: &["shop.CartTest.total§", "expected: <10§> but was: <9§>", "CartTest.java:4§"],
    },
    Runner {
        name: "dotnet",
        begins: "Starting test execution, please wait...\n",
        passed: "  Passed Shop.CartTests.Passes§ [< 1 ms]\n",
        failed: "  Failed Shop.CartTests.Total§ [12 ms]\n  Error Message:\n   Assert.Equal() Failure: Values differ\nExpected: 10§\nActual:   9§\n  Stack Trace:\n     at Shop.CartTests.Total§() in /srv/shop/CartTests.cs:line 4§\nLIBRARY",
        library: "   at System.Reflection.MethodBaseInvoker.InvokeWithNoArgs(Object obj, BindingFlags flags) in /_/src/1.cs:line 7\n",
        ends: "Failed!  - Failed:     3, Passed:   900, Skipped:     0, Total:   903\n",
        kept: &["Shop.CartTests.Total§ [12 ms]", "Expected: 10§", "Actual:   9§", "CartTests.cs:line 4§"],
    },
    Runner {
        name: "rspec",
        begins: "Randomized with seed 1\n\nFailures:\n\n",
        passed: "  passes §\n",
        failed: "  §) Cart totals § items\n     Failure/Error: expect(cart.total).to eq(10§)\n\n       expected: 10§\n            got: 9§\n\n       (compared using ==)\n     # ./spec/cart_spec.rb:4§:in `block (2 levels) in <top (required)>'\nLIBRARY\n",
        library: "     # /usr/lib/ruby/gems/3.2.0/gems/rspec-core-3.12/lib/rspec/core/example.rb:263:in `run'\n",
        ends: "Finished in 0.01 seconds\n903 examples, 3 failures\n",
        kept: &["§) Cart totals § items", "expected: 10§", "got: 9§", "spec/cart_spec.rb:4§"],
    },
    Runner {
        name: "phpunit",
        begins: "PHPUnit 10.5.1 by Sebastian Bergmann and contributors.\n\n",
        passed: "...............................................................  63 / 903 (§%)\n",
        failed: "§) Tests\\CartTest::testTotal§\nFailed asserting that 9§ matches expected 10§.\n\n/srv/shop/tests/CartTest.php:4§\nLIBRARY\n",
        library: "/srv/shop/vendor/phpunit/phpunit/src/Framework/TestCase.php:1188\n",
        ends: "FAILURES!\nTests: 903, Assertions: 903, Failures: 3.\n",
        kept: &["Tests\\CartTest::testTotal§", "9§ matches expected 10§", "tests/CartTest.php:4§"],
    },
    Runner {
        name: "googletest",
        begins: "[==========] Running 903 tests from 1 test suite.\n",
        passed: "[ RUN      ] Cart.Passes§\nadding a plum\n[       OK ] Cart.Passes§ (0 ms)\n",
        failed: "[ RUN      ] Cart.Total§\ncart_test.cc:4§: Failure\nExpected equality of these values:\n  cart.total()\n    Which is: 9§\n  10§\nLIBRARY\n[  FAILED  ] Cart.Total§ (0 ms)\n",
        library: "",
        ends: "[==========] 903 tests from 1 test suite ran. (9 ms total)\n[  PASSED  ] 900 tests.\n",
        kept: &["Cart.Total§", "Which is: 9§", "  10§", "cart_test.cc:4§"],
    },
    Runner {
        name: "ctest",
        begins: "Test project /srv/shop/build\n",
        passed: "        Start   §: passes_§\n  §/903 Test   #§: passes_§ .........................   Passed    0.00 sec\n",
        failed: "        Start 90§: total_§\n90§/903 Test #90§: total_§ .........................***Failed    0.00 sec\ncart_test.cc:4§: FAILED:\n  REQUIRE( cart.total() == 10§ )\nwith expansion:\n  9§ == 10§\nLIBRARY\n",
        library: "",
        ends: "99% tests passed, 3 tests failed out of 903\nErrors while running CTest\n",
        kept: &["total_§", "9§ == 10§", "cart_test.cc:4§"],
    },
    Runner {
        name: "tsc",
        begins: "> shop@1.0.0 build\n> tsc -p .\n\n",
        passed: "TSFILE: /srv/shop/dist/passes_§.js\n",
        failed: "src/cart.ts(4§,7): error TS2322: Type 'string' is not assignable to type 'Total9§'.\n  Types of property 'plum10§' are incompatible.\nLIBRARY",
        library: "",
        ends: "Found 3 errors in 1 file.\n",
        kept: &["src/cart.ts(4§,7)", "'Total9§'", "'plum10§'"],
    },
];

/// Three failures among hundreds of tests take the little room there is, whatever the runner.
#[test]
fn the_failures_of_every_runner_are_kept_where_there_is_little_room() {
    for runner in RUNNERS {
        let numbered = |text: &str, number: usize| text.replace('§', &number.to_string());
        let library = runner.library.repeat(30);
        let passed = |from: usize| {
            (from..from + 600).map(|number| numbered(runner.passed, number)).collect::<String>()
        };
        let mut text = runner.begins.to_owned() + &passed(10);
        for number in 1..=3 {
            text += &numbered(runner.failed, number).replace(&numbered("LIBRARY", number), &library);
        }
        text += &passed(1_000);
        text += runner.ends;
        for total_chars in [2_200, 4_000] {
            let material = Material { errors: vec![text.clone()], ..Material::default() };
            let shown = pack(&material, PackLimits { error_lines: 400, total_chars }).text;
            for kept in (1..=3).flat_map(|number| runner.kept.iter().map(move |kept| numbered(kept, number)))
            {
                assert!(
                    shown.contains(&kept),
                    "{}: `{kept}` is missing at {total_chars}: {shown}",
                    runner.name
                );
            }
            let frame = runner.library.lines().next().filter(|_| runner.name != "pytest");
            assert!(!frame.is_some_and(|frame| shown.contains(frame)), "{}: {shown}", runner.name);
        }
    }
}

/// The prefix of a build log, of a container's log or of an indented paragraph hides no failure.
#[test]
fn what_stands_before_each_line_hides_no_failure() {
    let runner = RUNNERS.iter().find(|runner| runner.name == "go -v").unwrap();
    let numbered = |text: &str, number: usize| text.replace('§', &number.to_string());
    let mut text: String = (10..300).map(|number| numbered(runner.passed, number)).collect();
    text += &numbered(runner.failed, 1).replace("LIBRARY", runner.library);
    text += runner.ends;
    for before in [
        "2026-11-29T16:00:01.1234567Z ",
        "[16:00:01] ",
        "web-1  | ",
        "    ",
        "> ",
        "shop:test: ",
        "test\tRun tests\t2026-11-29T16:00:01Z ",
    ] {
        let text: String = text.lines().map(|line| before.to_owned() + line + "\n").collect();
        let material = Material { errors: vec![text], ..Material::default() };
        let shown = pack(&material, PackLimits { error_lines: 400, total_chars: 1_200 }).text;
        for kept in runner.kept {
            assert!(shown.contains(&numbered(kept, 1)), "{before:?}: `{kept}` is missing: {shown}");
        }
    }
    // Places of compilers are no such words.
    let errors: Vec<String> =
        (1..200).map(|line| format!("./main.go:{line}:2: undefined: total{line}\n")).collect();
    let errors = errors.concat();
    let material = Material { errors: vec![errors], ..Material::default() };
    let shown = pack(&material, PackLimits { error_lines: 400, total_chars: 1_200 }).text;
    assert!(shown.contains("./main.go:1:2: undefined: total1"), "{shown}");
}

/// Headers of the standard library name the place of the error only where it is used.
#[test]
fn notes_in_headers_go_before_the_place_that_they_are_required_from() {
    let repeated = |line: &str| line.repeat(400);
    let error = format!(
        "{}/srv/shop/cart.cpp:42:17:   required from here\n/usr/include/c++/12/bits/predefined_ops.h:45:23: error: no match for 'operator<' (operand types are 'shop::Order')\n   45 |       {{ return *__it1 < *__it2; }}\n{}",
        repeated(
            "In file included from /usr/include/c++/12/bits/stl_algo.h:60:\n/usr/include/c++/12/bits/stl_heap.h:9:7: note:   template argument deduction failed:\n"
        ),
        repeated(
            "/usr/include/c++/12/bits/stl_iterator.h:9:5: note: candidate: 'template<class T> bool std::operator<(const T&)'\n"
        ),
    );
    let material = Material { errors: vec![error], ..Material::default() };
    let shown = pack(&material, PackLimits { error_lines: 400, total_chars: 1_200 }).text;
    for kept in ["cart.cpp:42:17", "no match for 'operator<'", "return *__it1"] {
        assert!(shown.contains(kept), "`{kept}` is missing: {shown}");
    }
}

#[test]
fn every_line_is_shown_where_there_is_room() {
    for runner in RUNNERS {
        let text = format!(
            "a.rs:3\n{}{}{}{}\n  at a.js:3\n",
            runner.begins, runner.passed, runner.failed, runner.ends
        );
        let material = Material { errors: vec![text.clone()], ..Material::default() };
        let shown = pack(&material, limits(100_000)).text;
        assert!(text.lines().all(|line| shown.contains(line)), "{}: {shown}", runner.name);
    }
}

#[test]
fn long_values_are_shown_where_they_differ() {
    let numbers: Vec<String> = (0..4_000).map(|number| number.to_string()).collect();
    let left = numbers.join(", ");
    let right = left.replace(" 2777,", " -42,");
    let error = format!(
        "---- tests::vectors stdout ----\nthread 'tests::vectors' panicked at src/lib.rs:3:5:\nassertion `left == right` failed\n  left: [{left}]\n right: [{right}]\n"
    );
    for total_chars in [1_500, 10_000] {
        let material = Material { errors: vec![error.clone()], ..Material::default() };
        let shown = pack(&material, PackLimits { error_lines: 400, total_chars }).text;
        for kept in
            ["tests::vectors stdout", "src/lib.rs:3:5", "  left: ", " right: ", " 2777, 2778", " -42, 2778"]
        {
            assert!(shown.contains(kept), "`{kept}` is missing at {total_chars}: {shown}");
        }
    }
}

/// A deep recursion and a long list leave room for the failure, and for the only line in which two lists
/// differ.
#[test]
fn what_is_said_again_goes_before_what_is_said_once() {
    let frames = "\tat shop.Cart.deep(Cart.java:4)\n".repeat(900);
    let java = format!(
        "java.lang.IllegalArgumentException: outer\n{frames}\tat shop.Main.main(Main.java:9)\nCaused by: java.lang.RuntimeException: order 4711\n{frames}Caused by: java.io.IOException: row 17 is locked\n\tat shop.Repository.load(Repository.java:3)\n\t... 900 more\n"
    );
    let entries = |from: usize, to: usize| {
        let lines: Vec<String> = (from..to).map(|number| format!("E             {number},\n")).collect();
        lines.concat()
    };
    let pytest = format!(
        "____________ test_long_list ____________\n\n>       assert a == b\nE       assert [0, 1, 2] == [0, 1, 3]\nE         \nE         At index 1777 diff: 1777 != -4242\nE         \nE         Full diff:\nE           [\n{}E         -   -4242,\nE         +     1777,\n{}E           ]\n\ntests/test_a.py:7: AssertionError\n",
        entries(0, 1_777),
        entries(1_778, 3_000)
    );
    for (error, kept) in [
        (
            java,
            &["outer", "order 4711", "row 17 is locked", "Repository.java:3", "Cart.java:4", "Main.java:9"][..],
        ),
        (
            pytest,
            &[
                "test_long_list", "assert a == b", "1777 != -4242", "-   -4242", "+     1777",
                "tests/test_a.py:7",
            ],
        ),
    ] {
        let material = Material { errors: vec![error], ..Material::default() };
        let shown = pack(&material, PackLimits { error_lines: 400, total_chars: 1_500 }).text;
        for kept in kept {
            assert!(shown.contains(kept), "`{kept}` is missing: {shown}");
        }
    }
}

/// A log names a file in each line, or is a list of `- ` lines: it hides neither value.
#[test]
fn a_long_log_of_a_test_hides_neither_value() {
    fn pytest(heading: &str, log: &str) -> String {
        let log: String = (0..800).map(|number| log.replace('§', &number.to_string())).collect();
        format!(
            "=================== FAILURES ===================\n____________ test_total ____________\n\ncaplog = <_pytest.logging.LogCaptureFixture object>\n\n    def test_total(caplog):\n        caplog.set_level(logging.INFO)\n>       assert total() == 180000, \"every item\"\nE       AssertionError: every item\nE       assert 179700 == 180000\n\ntests/test_cart.py:6: AssertionError\n------------ Captured {heading} call ------------\n{log}=========== short test summary info ===========\nFAILED tests/test_cart.py::test_total - AssertionError: every item\n"
        )
    }
    fn playwright(tests: usize, calls: usize) -> String {
        let call = |number| format!("      - {number} × locator resolved to <span>..</span>\n");
        let calls: String = (0..calls).map(call).collect();
        let test = |number| {
            format!(
                "  {number}) [chromium] › cart.spec.ts:12:5 › total {number} ─────\n\n    Error: expect(locator).toHaveText(expected) failed\n\n    Locator: getByTestId('total')\n    Expected string: \"12.5{number}\"\n    Received string: \"31.4{number}\"\n    Timeout:  5000ms\n\n    Call log:\n{calls}\n      12 | test('total', async ({{ page }}) => {{\n    > 13 |   await expect(total).toHaveText('..');\n        at /app/tests/cart.spec.ts:13:44\n\n"
            )
        };
        (1..=tests).map(test).collect::<String>() + "  failed\n"
    }
    let values = ["179700 == 180000", "AssertionError: every item", "tests/test_cart.py:6"];
    let all = (1..=20).flat_map(|number| {
        [format!("Expected string: \"12.5{number}\""), format!("Received string: \"31.4{number}\"")]
    });
    let all: Vec<String> = all.collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    for (error, kept) in [
        (pytest("log", "INFO     shop.cart:cart.py:5 adding §\n"), &values[..]),
        (pytest("log", "ERROR    shop.cart:cart.py:5 ValueError: §\n"), &values),
        (pytest("stdout", "- adding item §\n"), &values),
        (pytest("stdout", "expected: §\n"), &values),
        (pytest("stderr", "cart.py:12: got §\n"), &values),
        (playwright(20, 15), &all),
        (playwright(1, 600), &all[..2]),
    ] {
        for total_chars in [12_000, 40_000] {
            let material = Material { errors: vec![error.clone()], ..Material::default() };
            let shown = pack(&material, PackLimits { error_lines: 400, total_chars }).text;
            for kept in kept {
                assert!(shown.contains(kept), "`{kept}` is missing at {total_chars}: {shown}");
            }
        }
    }
}
