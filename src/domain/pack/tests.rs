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
