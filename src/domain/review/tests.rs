use super::*;

const STATS: &str = "def mean(values):\n    total = 0\n    for i in range(1, len(values)):\n        total += values[i]\n    return total / len(values)\n";

fn claimed(file: &str, line: usize, quote: &str, claim: &str, scenario: &str, severity: &str) -> Claimed {
    Claimed {
        file: file.to_owned(),
        line: Some(line),
        quote: quote.to_owned(),
        claim: claim.to_owned(),
        scenario: scenario.to_owned(),
        severity: severity.to_owned(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "tests build them in place")]
fn hold(claimed: Claimed, by: &str) -> Result<Finding, Box<Discarded>> {
    let lines = Lines::of(STATS.to_owned());
    let removed = [(3, "    for i in range(len(values)):".to_owned())];
    verify_claim(
        &claimed,
        by,
        Ok(Reviewed { file: "stats.py", lines: &lines, removed: &removed, shown: None }),
    )
}

const SKIPS: &str = "the first value is never counted";
const CASE: &str = "mean([4]) returns 0.0 where 4.0 is right";

#[test]
fn a_finding_is_as_good_as_its_quote() {
    let exact =
        hold(claimed("stats.py", 3, "for i in range(1, len(values)):", SKIPS, CASE, "HIGH"), "a").unwrap();
    assert_eq!((exact.status, exact.line, exact.severity), (Status::Exact, 3, Severity::High));
    let moved = hold(claimed("stats.py", 90, "range(1,  len(values))", SKIPS, CASE, "major"), "a").unwrap();
    assert_eq!((moved.status, moved.line, moved.line_stated), (Status::Moved, 3, Some(90)));
    let block = "    for i in range(1, len(values)):\n        total += values[i]";
    assert_eq!(hold(claimed("stats.py", 4, block, SKIPS, CASE, "high"), "a").unwrap().status, Status::Exact);
    let gone =
        hold(claimed("stats.py", 3, "for i in range(len(values)):", SKIPS, CASE, "high"), "a").unwrap();
    assert!(gone.note.unwrap().contains("removes this line"));
    let both = "-    for i in range(len(values)):\n+    for i in range(1, len(values)):\n         total += values[i]";
    for (quote, line) in
        [(both, 3), ("+    for i in range(1, len(values)):", 3), ("- for i in range(len(values)):", 3)]
    {
        assert_eq!(
            hold(claimed("stats.py", 3, quote, SKIPS, CASE, "high"), "a").unwrap().line,
            line,
            "{quote}"
        );
    }
    for quote in ["while i < len(values):", "", "  }", ":", "+ while i < len(values):", "-\n+"] {
        let discarded = hold(claimed("stats.py", 3, quote, SKIPS, CASE, "high"), "a").unwrap_err();
        assert_eq!(discarded.status, Status::Absent, "{quote}");
    }
}

#[test]
fn a_quote_of_several_removed_lines_has_its_place() {
    let lines = Lines::of(STATS.to_owned());
    let removed = [(7, "if not values:"), (8, ""), (9, "    return None"), (20, "count = 0")];
    let removed = removed.map(|(line, text)| (line, text.to_owned()));
    let hold = |quote: &str| {
        let claimed = claimed("stats.py", 8, quote, SKIPS, CASE, "high");
        verify_claim(
            &claimed,
            "a",
            Ok(Reviewed { file: "stats.py", lines: &lines, removed: &removed, shown: None }),
        )
    };
    for quote in ["if not values:\n\n    return None", "-if not values:\n-\n-    return None\n"] {
        let found = hold(quote).unwrap();
        assert_eq!((found.line, found.status), (7, Status::Exact), "{quote}");
        assert!(found.note.unwrap().contains("removes this line"));
    }
    assert_eq!(hold("return None").unwrap().line, 9);
    // Lines that did not follow one another.
    assert!(hold("    return None\ncount = 0").is_err());
}

/// `close(db)` is in lines 3 and 120, `return None` in lines 2, 99, 148 and 190. Lines 98 to 104 and 150 to 240
/// are shown.
#[test]
fn a_line_that_nobody_was_shown_is_the_last_resort() {
    let text = |line| match line {
        3 | 120 => "close(db)".to_owned(),
        2 | 99 | 148 | 190 => "return None".to_owned(),
        line => format!("v{line} = {line}"),
    };
    let lines = Lines::of((1..=300).map(|line| text(line) + "\n").collect());
    let removed =
        [(101, "close(db)"), (102, "flush(log)"), (103, "close(db)"), (230, "v77 = 77"), (231, "v88 = 88")];
    let removed = removed.map(|(line, text)| (line, text.to_owned()));
    let hold = |line: Option<usize>, quote: &str, shown| {
        let claimed = Claimed { line, ..claimed("a.py", 1, quote, SKIPS, CASE, "high") };
        let reviewed = Reviewed { file: "a.py", lines: &lines, removed: &removed, shown };
        let found = verify_claim(&claimed, "a", Ok(reviewed)).unwrap();
        (found.line, found.status, found.note.unwrap_or_default())
    };
    let parts: Option<&[(usize, usize)]> = Some(&[(98, 104), (150, 240)]);
    for (line, quote, wanted) in [
        // The change removes the named line.
        (Some(101), "close(db)", (101, Status::Exact, REMOVED)),
        (Some(103), "close(db)", (103, Status::Exact, REMOVED)),
        (Some(102), "close(db)\nflush(log)", (101, Status::Exact, REMOVED)),
        (Some(102), "-close(db)\n-flush(log)", (101, Status::Exact, REMOVED)),
        (Some(231), "v88 = 88", (231, Status::Exact, REMOVED)),
        // It removes an equal line, or shows one.
        (Some(119), "close(db)", (103, Status::Moved, REMOVED)),
        (None, "close(db)", (101, Status::Moved, REMOVED)),
        (None, "return None", (99, Status::Moved, "")),
        (Some(147), "return None", (190, Status::Moved, "")),
        (Some(101), "return None", (99, Status::Moved, "")),
        // The named line has the quote, or no other line has it.
        (Some(3), "close(db)", (3, Status::Exact, UNSEEN)),
        (Some(2), "return None", (2, Status::Exact, UNSEEN)),
        (Some(2), "return None\nclose(db)", (2, Status::Exact, UNSEEN)),
        (Some(101), "v19 = 19", (19, Status::Moved, UNSEEN)),
        (None, "v19 = 19", (19, Status::Moved, UNSEEN)),
        (Some(100), "v100 = 100", (100, Status::Exact, "")),
    ] {
        let found = hold(line, quote, parts);
        assert_eq!((found.0, found.1, found.2.as_str()), wanted, "{line:?} {quote}");
    }
    // Without known parts, the file counts first.
    assert_eq!(hold(Some(101), "close(db)", None), (120, Status::Moved, String::new()));
}

#[test]
fn a_merged_finding_has_the_note_of_its_place() {
    let removed = "for i in range(len(values)):";
    let there = "for i in range(1, len(values)):";
    let note = |first: Claimed, second: Claimed| {
        let [one] =
            <[Finding; 1]>::try_from(merged(vec![hold(first, "a").unwrap(), hold(second, "b").unwrap()]))
                .unwrap();
        (one.quote, one.severity, one.note.unwrap_or_default())
    };
    let gone = "the change removes this line".to_owned();
    // The graver finding is elsewhere: its severity counts, and the place stays with its note.
    let (low, high) = (
        claimed("stats.py", 3, there, SKIPS, CASE, "low"),
        claimed("stats.py", 9, removed, SKIPS, CASE, "high"),
    );
    assert_eq!(note(low.clone(), high.clone()), (there.to_owned(), Severity::High, String::new()));
    // The other place is the better one: its note comes with it.
    assert_eq!(note(high, low), (there.to_owned(), Severity::High, String::new()));
    let (exact, vague) = (
        claimed("stats.py", 3, removed, SKIPS, CASE, "low"),
        claimed("stats.py", 9, there, SKIPS, "", "critical"),
    );
    let lowered = format!("{gone}; {LOWERED}");
    assert_eq!(note(vague.clone(), exact.clone()), (removed.to_owned(), Severity::High, lowered.clone()));
    assert_eq!(note(exact, vague), (removed.to_owned(), Severity::High, lowered));
}

#[test]
fn without_a_scenario_a_finding_weighs_less() {
    for (scenario, wanted) in
        [(CASE, Severity::Critical), ("", Severity::High), ("bad", Severity::High), (SKIPS, Severity::High)]
    {
        let found = hold(claimed("stats.py", 2, "total = 0", SKIPS, scenario, "critical"), "a").unwrap();
        assert_eq!(found.severity, wanted, "{scenario}");
        assert_eq!(found.severity_stated.is_some(), wanted == Severity::High);
    }
}

#[test]
fn equal_findings_become_one_and_single_ones_stay() {
    let loop_line = "for i in range(1, len(values)):";
    let all = vec![
        hold(claimed("stats.py", 3, loop_line, SKIPS, CASE, "medium"), "codex").unwrap(),
        hold(
            claimed(
                "stats.py",
                3,
                "range(1, len(values))",
                "loop skips the first of the values",
                "mean([4]) is 0.0",
                "high",
            ),
            "gemini",
        )
        .unwrap(),
        hold(
            claimed(
                "stats.py",
                5,
                "return total / len(values)",
                "empty input divides by zero",
                "mean([]) raises ZeroDivisionError",
                "high",
            ),
            "claude",
        )
        .unwrap(),
    ];
    let merged = ranked(merged(all));
    assert_eq!(merged.len(), 2, "{merged:#?}");
    assert_eq!(merged[0].found_by, ["codex", "gemini"]);
    assert_eq!(merged[0].severity, Severity::High);
    assert_eq!(merged[1].found_by, ["claude"]);
}

#[test]
fn the_order_is_by_verification_and_not_by_votes() {
    let one = |severity, status, found_by: &[&str]| Finding {
        status,
        severity,
        found_by: found_by.iter().map(|&name| name.to_owned()).collect(),
        ..hold(claimed("stats.py", 2, "total = 0", SKIPS, CASE, "low"), "a").unwrap()
    };
    let order = ranked(vec![
        one(Severity::Low, Status::Exact, &["a", "b", "c"]),
        one(Severity::Critical, Status::Moved, &["a", "b"]),
        one(Severity::High, Status::Exact, &["a"]),
    ]);
    let order: Vec<Severity> = order.iter().map(|finding| finding.severity).collect();
    assert_eq!(order, [Severity::High, Severity::Low, Severity::Critical]);
}

#[test]
fn answers_are_read_however_they_are_written() {
    let body = r#"{"findings": [{"file": "./src\\a.py", "line": "L12", "quote": "   12+| x = `y`", "title": "t", "severity": "P1"}]}"#;
    for answer in [
        body.to_owned(),
        format!("Here you are:\n```json\n{body}\n```\nDone."),
        format!("<think>hm</think>{body}"),
    ] {
        let (found, more) = findings(&answer).unwrap();
        assert_eq!((found.len(), more), (1, 0), "{answer}");
        assert_eq!((found[0].file.as_str(), found[0].line), ("./src/a.py", Some(12)));
        assert_eq!((found[0].quote.as_str(), found[0].claim.as_str()), ("x = `y`", "t"));
        assert_eq!(Severity::written(&found[0].severity), Severity::High);
    }
    let hostile = serde_json::json!({ "findings": [{ "file": "a.py:3", "quote": "\u{1b}[31mtotal = 0\u{1b}[0m\u{7}" }, 5, null] });
    let (found, _) = findings(&hostile.to_string()).unwrap();
    assert_eq!(
        (found[0].file.as_str(), found[0].line, found[0].quote.as_str()),
        ("a.py", Some(3), "total = 0")
    );
    let many: Vec<_> = (0..5_000).map(|line| serde_json::json!({ "file": "a", "line": line })).collect();
    let (found, more) = findings(&serde_json::json!({ "findings": many }).to_string()).unwrap();
    assert_eq!((found.len(), more), (MOST_FINDINGS, 5_000 - MOST_FINDINGS));
    assert!(findings("I found nothing wrong.").is_err());
}

#[test]
fn a_file_is_read_with_the_line_behind_its_name() {
    for (written, file, line) in [
        ("a.py", "a.py", None),
        ("a.py:3", "a.py", Some(3)),
        ("a.py:3:5", "a.py", Some(3)),
        ("a.py:3-4", "a.py", Some(3)),
        ("lib/a b.py:L3-L9", "lib/a b.py", Some(3)),
        ("a.py#L3", "a.py", Some(3)),
        ("a.py#L3-L5", "a.py", Some(3)),
        ("src/Main.java:[3,5]", "src/Main.java", Some(3)),
        ("a.py (line 3)", "a.py", Some(3)),
        ("a.py, lines 3-5", "a.py", Some(3)),
        ("`a.py`:3", "a.py", Some(3)),
        ("\"a.py\"", "a.py", None),
        ("**a.py**", "a.py", None),
        ("**`a.py:3`**", "a.py", Some(3)),
        ("src/[id]/page.tsx", "src/[id]/page.tsx", None),
        ("copy (1).txt", "copy (1).txt", None),
        ("C:\\a\\b.py:3", "C:/a/b.py", Some(3)),
        ("issue#12", "issue#12", None),
    ] {
        let answer = serde_json::json!({ "findings": [{ "file": written, "quote": "x" }] }).to_string();
        let (found, _) = findings(&answer).unwrap();
        assert_eq!((found[0].file.as_str(), found[0].line), (file, line), "{written}");
    }
}

#[test]
fn entries_that_are_no_objects_are_not_taken_for_nothing() {
    assert_eq!(findings(r#"{"findings": []}"#), Ok((Vec::new(), 0)));
    assert!(findings(r#"{"findings": ["src/auth.js:1: CRITICAL: a leak"]}"#).is_err());
    let (found, unread) = findings(r#"{"findings": [{"file": "a.py"}, "b.py:1: a leak", null]}"#).unwrap();
    assert_eq!((found.len(), unread), (1, 1));
}

#[test]
fn a_severity_is_read_in_usual_words() {
    use Severity::{Critical, High, Info, Low, Medium};
    for (word, severity) in [
        ("Blocking", Critical),
        ("urgent", High),
        ("sev-1", Critical),
        ("SEV2", High),
        ("심각", High),
        ("치명적", Critical),
        ("严重", High),
        ("重大", High),
        ("Crítico", Critical),
        ("낮음", Low),
        ("not critical", Medium),
        ("non-blocking", Medium),
        ("not critical, but high", High),
        ("low (not critical)", Low),
        ("critical", Critical),
        ("note: critical", Critical),
        ("nit", Info),
        ("warning", Medium),
        ("Medium", Medium),
    ] {
        assert_eq!(Severity::written(word), severity, "{word}");
    }
}

#[test]
fn two_places_of_one_reviewer_are_two_findings() {
    let leak = "an exception of the call is not caught";
    let one =
        |line, quote| claimed("stats.py", line, quote, leak, "the call raises and the caller crashes", "low");
    let (first, second) = (one(4, "total += values[i]"), one(5, "return total / len(values)"));
    let all = |by: &str| vec![hold(first.clone(), "a").unwrap(), hold(second.clone(), by).unwrap()];
    assert_eq!(merged(all("a")).len(), 2);
    let [both] = <[Finding; 1]>::try_from(merged(all("b"))).unwrap();
    assert_eq!(both.also, [format!("line 5: {leak}")]);
    // The same place twice is one finding.
    let twice = vec![hold(first.clone(), "a").unwrap(), hold(first.clone(), "a").unwrap()];
    assert_eq!(merged(twice).len(), 1);
}

#[test]
fn a_line_that_nobody_was_shown_has_a_note() {
    let lines = Lines::of(STATS.to_owned());
    let note = |line, quote| {
        let reviewed =
            Reviewed { file: "stats.py", lines: &lines, removed: &[], shown: Some(&[(1, 2), (4, 4)]) };
        verify_claim(&claimed("stats.py", line, quote, SKIPS, CASE, "high"), "a", Ok(reviewed)).unwrap().note
    };
    assert_eq!(note(2, "total = 0"), None);
    assert_eq!(note(4, "total += values[i]"), None);
    assert_eq!(note(5, "return total / len(values)").as_deref(), Some(UNSEEN));
}

#[test]
fn a_fix_is_read_however_it_is_written() {
    let diff = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-a\n+b\n";
    for id in ["\"F1\"", "\"f1\"", "\"1\"", "1", "\"#1\"", "\"Finding F1\""] {
        let answer = format!("{{\"fixes\": [{{\"id\": {id}, \"patch\": {}}}]}}", serde_json::json!(diff));
        let found = fixes(&answer);
        assert!(found[0].is_for("F1") && !found[0].is_for("F11") && found[0].patch == diff, "{id}");
    }
    let id = |id: &str| Fix { id: id.to_owned(), patch: String::new() };
    assert!(!id("F1 and F2").is_for("F1") && !id("").is_for("F1") && !id("F12").is_for("F1"));
    for answer in
        [diff.to_owned(), format!("Here it is:\n```diff\n{diff}```\nDone."), format!("~~~\n{diff}~~~")]
    {
        assert_eq!(fixes(&answer), [Fix { id: String::new(), patch: diff.to_owned() }], "{answer}");
    }
    assert_eq!(fixes("```\n*** Begin Patch\n*** End Patch\n```").len(), 1);
    for answer in
        ["I cannot fix this.", "```py\nx = 1\n```", &format!("```diff\n{diff}```\n```diff\n{diff}```")]
    {
        assert_eq!(fixes(answer), [], "{answer}");
    }
}
