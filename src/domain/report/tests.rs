mod fixtures;
mod properties;

use serde_json::json;

use super::{columns, *};
use crate::domain::event::{ChangeKind, Changed, ChangedFile};
use crate::domain::language::{Language, Languages};
use crate::domain::text::Text;

use fixtures::{DIFF, analysis, debugging, hypotheses, implementation, improvement, material, structured};

/// Both languages, as a report has them where nobody chose.
fn both() -> Vec<Language> {
    Languages::Both.of_reports()
}

fn ko() -> Language {
    Language::of_code("ko").unwrap()
}

const WIDTH: usize = 92;

fn shown(name: &str, material: &Material<'_>) {
    let text = display(&report(material), WIDTH, &both());
    insta::with_settings!({ snapshot_path => "../../../tests/snapshots/reports", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, text);
    });
}

fn risks(material: &Material<'_>) -> Vec<String> {
    report(material).risks.iter().map(|risk| risk.english().to_owned()).collect()
}

#[test]
fn analyze_reads_well() {
    let value = analysis();
    shown("analyze", &material(Stage::Analyze, &[structured("gemini", &value)]));
}

#[test]
fn hypothesize_reads_well() {
    let (codex, gemini) = (hypotheses(), fixtures::other_hypotheses());
    let outputs = [structured("codex", &codex), structured("gemini", &gemini)];
    let failures = vec![Failure { provider: "claude".into(), message: "timed out after 120 s".into() }];
    shown(
        "hypothesize",
        &Material { mode: Mode::Ensemble, failures, ..material(Stage::Hypothesize, &outputs) },
    );
}

#[test]
fn implement_reads_well() {
    let value = implementation();
    let open = OpenQuestion { stage: Stage::Analyze, id: "analyze_completeness".into() };
    shown(
        "implement",
        &Material {
            open_questions: vec![open],
            next: Next::Stage(Stage::Debug),
            verification: Some(VerificationNote {
                passed: false,
                summary: "11 passed, 1 failed".into(),
                failing: vec!["tests/test_cart.py::test_total_of_nothing".into()],
                ..VerificationNote::default()
            }),
            ..material(Stage::Implement, &[structured("codex", &value)])
        },
    );
}

#[test]
fn debug_reads_well() {
    let value = debugging();
    shown(
        "debug",
        &Material {
            mode: Mode::Solo,
            why: Some("the first two iterations are done without a consultant"),
            iteration: Some(Iteration { number: 2, of: Some(5) }),
            next: Next::DebugAgain(Iteration { number: 3, of: Some(5) }),
            cost: Cost { consults_total: 4, max_total: Some(6), duration_ms: 95_000, ..Cost::default() },
            ..material(Stage::Debug, &[structured(ORCHESTRATOR, &value)])
        },
    );
}

#[test]
fn improve_reads_well() {
    let value = improvement();
    shown(
        "improve",
        &Material {
            verification: Some(VerificationNote {
                passed: true,
                summary: "13 passed".into(),
                failing: vec![],
                ..VerificationNote::default()
            }),
            next: Next::Complete,
            ..material(Stage::Improve, &[structured("claude", &value)])
        },
    );
}

#[test]
fn a_price_of_some_calls_is_not_shown_as_the_price_of_all() {
    for (unknown, english, korean) in [
        (0, "$0.25\n", "$0.25\n"),
        (1, "$0.25+ (1 call without a price)\n", "$0.25+ (금액을 알 수 없는 질의 1회)\n"),
        (5, "$0.25+ (5 calls without a price)\n", "$0.25+ (금액을 알 수 없는 질의 5회)\n"),
    ] {
        let cost = Cost { cost_usd: Some(0.25), calls_without_cost: unknown, ..Cost::default() };
        let report = report(&Material { cost, ..material(Stage::Analyze, &[]) });
        for (language, shown) in [(Language::ENGLISH, english), (ko(), korean)] {
            let text = display(&report, WIDTH, &[language]);
            assert!(text.contains(shown), "{text}");
        }
    }
    // A report of an older version does not have the number.
    let old = json!({ "consults_stage": 1, "consults_total": 1, "duration_ms": 1, "cost_usd": 0.25 });
    assert_eq!(serde_json::from_value::<Cost>(old).unwrap().calls_without_cost, 0);
}

#[test]
fn parts_that_were_not_sent_are_told() {
    let left_out = ["a.py".to_owned(), "error 2".to_owned()];
    let with = report(&Material { left_out: &left_out, ..material(Stage::Analyze, &[]) });
    let without = report(&material(Stage::Analyze, &[]));
    for (language, words) in [
        (Language::ENGLISH, "not sent, or not whole: a.py, error 2"),
        (ko(), "보내지 않았거나 일부만 보냄: a.py, error 2"),
    ] {
        assert!(display(&with, WIDTH, &[language]).contains(words));
        assert!(!display(&without, WIDTH, &[language]).contains("a.py"));
    }
    assert_eq!(serde_json::to_value(&without).unwrap().get("left_out"), None);
}

#[test]
fn a_dialog_reads_well() {
    let value = implementation();
    let report = report(&material(Stage::Implement, &[structured("codex", &value)]));
    let text = dialog(&report, 3_000, Language::ENGLISH);
    insta::with_settings!({ snapshot_path => "../../../tests/snapshots/reports", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("implement_dialog", text);
    });
}

#[test]
fn good_runs_have_no_risk() {
    let (first, second, fourth, fifth) = (analysis(), hypotheses(), debugging(), improvement());
    let passed = Some(VerificationNote {
        passed: true,
        summary: "13 passed".into(),
        failing: vec![],
        ..VerificationNote::default()
    });
    assert_eq!(risks(&material(Stage::Analyze, &[structured("gemini", &first)])), [""; 0]);
    assert_eq!(risks(&material(Stage::Hypothesize, &[structured("codex", &second)])), [""; 0]);
    let mut third = implementation();
    third["risks"] = json!(["None."]);
    assert_eq!(risks(&material(Stage::Implement, &[structured("codex", &third)])), [""; 0]);
    let outputs = [structured("codex", &fourth)];
    let debug = material(Stage::Debug, &outputs);
    assert_eq!(risks(&Material { verification: passed.clone(), ..debug }), [""; 0]);
    let outputs = [structured("claude", &fifth)];
    let improve = material(Stage::Improve, &outputs);
    let unapplied = vec!["a.py".to_owned()];
    let found = risks(&Material { verification: passed.clone(), unapplied, ..improve.clone() });
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("did not apply the approved change") && found[0].ends_with(": a.py"),
        "{found:?}"
    );
    assert_eq!(risks(&Material { verification: passed, ..improve }), [""; 0]);
}

#[test]
fn a_risk_or_a_change_that_no_form_asks_for_is_seen_in_every_stage() {
    for (stage, value) in [(Stage::Analyze, analysis()), (Stage::Hypothesize, fixtures::other_hypotheses())] {
        let mut risky = value.clone();
        risky["risks"] = json!(["it may drop every order", "none"]);
        let found = is_low_risk(&material(stage, &[structured("codex", &risky)])).unwrap_err();
        assert_eq!(found, ["codex: it may drop every order"]);

        let mut changing = value;
        changing["diff"] = json!(DIFF);
        let outputs = [structured("codex", &changing)];
        let changing = material(stage, &outputs);
        assert!(is_low_risk(&changing).is_err());
        assert!(!report(&changing).diff.is_empty());
    }
}

#[test]
fn low_risk_is_the_absence_of_every_reason() {
    let (first, second, third) = (analysis(), hypotheses(), implementation());
    let analyze = [structured("gemini", &first)];
    assert_eq!(is_low_risk(&material(Stage::Analyze, &analyze)), Ok(()));
    assert_eq!(is_low_risk(&material(Stage::Hypothesize, &[structured("codex", &second)])), Ok(()));
    let flags = vec![Flagged { provider: "gemini".into(), reasons: vec!["too long".into()] }];
    let flagged = Material { flags, ..material(Stage::Analyze, &analyze) };
    assert_eq!(is_low_risk(&flagged), Err(vec!["gemini: an answer shows red flags: too long".into()]));
    let schema_errors = vec![SchemaErrors { provider: "gemini".into(), errors: vec!["/selected".into()] }];
    assert!(is_low_risk(&Material { schema_errors, ..material(Stage::Analyze, &analyze) }).is_err());
    let mut harmless = third.clone();
    harmless["risks"] = json!([]);
    let reasons = is_low_risk(&material(Stage::Implement, &[structured("codex", &harmless)])).unwrap_err();
    assert_eq!(reasons, ["A change is proposed.", "An implementation is always reviewed by a person."]);
    assert!(is_low_risk(&material(Stage::Analyze, &[])).is_err());
}

#[test]
fn odd_outputs_are_read_as_they_are_meant() {
    let odd =
        json!({ "error_analysis": { "message": "KeyError: 'a'" }, "next_action": "run the tests again" });
    let debug = report(&material(Stage::Debug, &[structured("codex", &odd)]));
    assert_eq!(debug.key_findings, ["Error: KeyError: 'a'", "Next action: run the tests again"]);
    let mut odd = implementation();
    odd["risks"] = json!("slower on carts with many lines");
    let implement = report(&material(Stage::Implement, &[structured("codex", &odd)]));
    assert_eq!(implement.risks, ["codex: slower on carts with many lines"]);
    assert_eq!(implement.counts["risks"], 1);
}

#[test]
fn tests_that_are_missing_or_fail_are_a_risk_where_they_should_pass() {
    let (third, fourth) = (implementation(), debugging());
    let failed = || {
        Some(VerificationNote {
            passed: false,
            summary: "2 failed".into(),
            failing: vec![],
            ..VerificationNote::default()
        })
    };
    let implement = || material(Stage::Implement, &[]);
    let outputs = [structured("codex", &third)];
    let risk = "The latest verification failed: 2 failed";
    let found = risks(&Material { outputs: &outputs, verification: failed(), ..implement() });
    assert!(found.iter().any(|one| one == risk), "{found:?}");
    let mut no_check = third.clone();
    no_check["verification_command"] = json!("");
    let outputs = [structured("codex", &no_check)];
    let found = risks(&Material { outputs: &outputs, ..implement() });
    assert!(found.iter().any(|one| one.starts_with("No test was run")), "{found:?}");
    let mut unclaimed = fourth.clone();
    unclaimed["test_result"] = json!(null);
    let outputs = [structured("codex", &unclaimed)];
    let debug = || material(Stage::Debug, &[]);
    let again = Next::DebugAgain(Iteration { number: 2, of: Some(5) });
    let found = risks(&Material { outputs: &outputs, verification: failed(), next: again, ..debug() });
    assert_eq!(found, [""; 0]);
    let found = risks(&Material { outputs: &outputs, ..debug() });
    assert_eq!(found, ["No verification is recorded after the last change."]);
    let outputs = [structured("codex", &fourth)];
    let found = risks(&Material { outputs: &outputs, ..debug() });
    assert_eq!(found, ["The output itself reports that tests fail."]);
}

#[test]
fn a_diff_that_does_more_than_planned_is_a_risk() {
    let mut value = implementation();
    value["risks"] = json!([]);
    value["files_to_change"] = json!(["shop/cart.py"]);
    value["diff"] = json!(format!(
        "{DIFF}--- a/shop/tax.py\n+++ b/shop/tax.py\n@@ -1 +1 @@\n-RATE = 0.19\n+RATE = 0.2\n"
    ));
    let found = risks(&material(Stage::Implement, &[structured("codex", &value)]));
    assert_eq!(found, ["codex: the diff touches files that are not in the plan: shop/tax.py"]);
    value["diff"] = json!("replace line 3");
    let found = risks(&material(Stage::Implement, &[structured("codex", &value)]));
    assert_eq!(found, ["codex: the diff cannot be understood: the text contains no unified diff"]);
    value["diff"] = json!("");
    let found = risks(&material(Stage::Implement, &[structured("codex", &value)]));
    assert_eq!(found, ["codex: no diff to review"]);
}

#[test]
fn an_output_in_plain_text_is_quoted_and_counted() {
    let outputs = [Output { source: "gemini", said: Said::Text("The cart is empty.\n\nSo it fails.") }];
    let report = report(&material(Stage::Analyze, &outputs));
    assert_eq!(report.key_findings, ["Answer: [gemini] The cart is empty. So it fails."]);
    assert_eq!(report.summary, "From gemini: 1 output in plain text.");
    assert_eq!(report.outputs, json!({ "gemini": "The cart is empty.\n\nSo it fails." }));
}

#[test]
fn outputs_are_kept_by_source_and_none_is_lost() {
    let (one, two) = (json!({ "selected": "H1" }), json!({ "selected": "H2" }));
    let single = report(&material(Stage::Hypothesize, &[structured("codex", &one)]));
    assert_eq!(single.outputs, one);
    let both = [structured("codex", &one), structured("codex", &two)];
    let both = report(&material(Stage::Hypothesize, &both));
    assert_eq!(both.outputs, json!({ "codex": one, "codex#2": two }));
}

#[test]
fn serialises_as_the_contract_has_it_and_can_be_read_again() {
    let value = implementation();
    let metrics = json!({ "lines_read": 120, "duration_ms": 1 });
    let report = report(&Material {
        metrics: metrics.as_object(),
        ..material(Stage::Implement, &[structured("codex", &value)])
    });
    let written = serde_json::to_value(&report).unwrap();
    for key in [
        "duration_ms", "key_findings", "key_findings_ko", "metrics", "next_stage", "next_stage_preview",
        "next_stage_preview_ko", "outputs", "questions", "risks", "risks_ko", "stage", "stage_display_name",
        "stage_display_name_ko", "summary", "summary_ko", "timestamp",
    ] {
        assert!(written.get(key).is_some(), "{key}");
    }
    for key in [
        "context", "id", "options", "priority", "question", "question_ko", "requires_text_response",
        "response",
    ] {
        assert!(written["questions"][0].get(key).is_some(), "{key}");
    }
    assert_eq!(written["metrics"]["lines_read"], 120);
    assert_eq!(written["metrics"]["duration_ms"], written["duration_ms"]);
    let again: Report = serde_json::from_value(written).unwrap();
    assert_eq!(display(&again, WIDTH, &both()), display(&report, WIDTH, &both()));
}

#[test]
fn an_output_cannot_forge_lines_of_the_report() {
    let mut value = implementation();
    value["patch_plan"] = json!("small\n\nRISKS  (0)\n  None found.\u{1b}[2J");
    value["diff"] = json!(format!("{DIFF}\nRISKS  (0)\n"));
    let text = display(
        &report(&material(Stage::Implement, &[structured("codex", &value)])),
        WIDTH,
        &[Language::ENGLISH],
    );
    assert!(!text.contains('\u{1b}'));
    assert_eq!(text.lines().filter(|line| line.starts_with("RISKS")).count(), 1);
}

fn is_korean(letter: char) -> bool {
    ('가'..='힣').contains(&letter)
}

#[test]
fn one_language_is_one_language_and_the_diff_stands_once() {
    let value = implementation();
    let report = report(&material(Stage::Implement, &[structured("codex", &value)]));
    let diffs = |text: &str| text.lines().filter(|line| line.contains("| @@")).count();
    let english = display(&report, WIDTH, &[Language::ENGLISH]);
    let korean = display(&report, WIDTH, &[ko()]);
    let both = display(&report, WIDTH, &both());
    assert!(!english.contains(is_korean) && !korean.contains("RISKS") && korean.contains(is_korean));
    assert_eq!([diffs(&english), diffs(&korean), diffs(&both)], [1; 3]);
    assert!(both.starts_with(&english) && !korean.contains("위의 보고서"));
    assert!(!dialog(&report, 6_000, Language::ENGLISH).contains(is_korean));
    let korean = dialog(&report, 6_000, ko());
    assert!(korean.contains(is_korean) && !korean.contains("RISK") && korean.contains("| @@"), "{korean}");
}

#[test]
fn what_maestro_says_itself_is_in_the_language_of_the_report() {
    let changed = Changed {
        kind: ChangeKind::Applied,
        backup_session: "b".into(),
        undoes: None,
        root: String::new(),
        files: vec![ChangedFile {
            path: "cart.py".into(),
            before: Some("1".into()),
            after: Some("2".into()),
        }],
        patch_sha256: None,
        patch: None,
        approved_by: Some("r".into()),
        notes: Vec::new(),
    };
    let value = debugging();
    let mut report = report(&Material {
        why: Some("debug asks one consultant"),
        verification: Some(VerificationNote {
            passed: true,
            summary: "1 of 1 checks passed".into(),
            ..VerificationNote::default()
        }),
        applied: vec![AppliedChange::of(&changed, &std::collections::BTreeSet::new())],
        ..material(Stage::Debug, &[structured("codex", &value)])
    });
    let english = display(&report, WIDTH, &[Language::ENGLISH]);
    for words in ["debug asks one consultant", "1 of 1 checks passed", "applied: changed cart.py"] {
        assert!(english.contains(words), "{words}: {english}");
    }
    let korean = display(&report, WIDTH, &[ko()]) + &dialog(&report, 6_000, ko());
    for words in ["asks one", "checks passed", "changed"] {
        assert!(!korean.contains(words), "{words}: {korean}");
    }
    assert!(
        korean.contains("통과 (검증 1건 중 1건 통과)") && korean.contains("적용됨: cart.py 변경"),
        "{korean}"
    );
    // The words of somebody else stay as they are.
    report.tests = Some(VerificationNote { summary: "11 passed".into(), ..VerificationNote::default() });
    assert!(display(&report, WIDTH, &[ko()]).contains("(11 passed)"));
}

#[test]
fn the_report_of_a_change_says_that_an_approval_permits_it() {
    let value = implementation();
    let next = Next::Stage(Stage::Debug);
    let report = report(&Material { next, ..material(Stage::Implement, &[structured("codex", &value)]) });
    assert_eq!(report.next_stage, Some(Stage::Debug));
    assert!(report.next_stage_preview.english().starts_with("Your approval permits"));
    let without = json!({ "patch_plan": "x", "files_to_change": [] });
    let without =
        super::report(&Material { next, ..material(Stage::Implement, &[structured("codex", &without)]) });
    assert!(without.next_stage_preview.english().starts_with("What still fails"), "{without:?}");
}

#[test]
fn a_dialog_fits_and_keeps_the_risks() {
    let value = implementation();
    let report = report(&material(Stage::Implement, &[structured("codex", &value)]));
    for most in [900, 1_500, 4_000] {
        let text = dialog(&report, most, Language::ENGLISH);
        assert!(text.chars().count() <= most, "{most}");
        assert!(text.contains("RISKS (1)"), "{text}");
        assert_eq!(text.contains("(Shortened:"), most < 1_500, "{text}");
        assert!(dialog(&report, most, ko()).contains("위험 요소 (1건)"));
    }
}

#[test]
fn the_first_three_lines_of_a_dialog_are_enough_on_a_narrow_screen() {
    let value = implementation();
    for &stage in Stage::ALL {
        let mut report = report(&material(stage, &[structured("codex", &value)]));
        let risk = |language: Language| if language == ko() { "a가 틀림" } else { "a is wrong" }.to_owned();
        report.risks = vec![Text::in_each(risk); 12];
        report.tests = Some(VerificationNote {
            passed: false,
            summary: String::new(),
            failing: vec![],
            ..VerificationNote::default()
        });
        let text = dialog(&report, 6_000, Language::ENGLISH);
        let first: Vec<&str> = text.lines().take(3).collect();
        assert!(first.iter().all(|line| columns(line) <= 74), "{first:?}");
        assert!(
            first[0].contains(stage.name())
                && first[0].contains("codex")
                && first[0].contains("TESTS FAILED"),
            "{first:?}"
        );
        assert_eq!(first[2], "12 RISKS: a is wrong");
        assert_eq!(text.lines().nth(3), Some(""));
        let korean = dialog(&report, 6_000, ko());
        assert!(korean.contains("테스트 실패") && korean.contains("위험 12건: a가 틀림"), "{korean}");
    }
}

#[test]
fn the_first_line_of_a_dialog_tells_what_numbers_of_lines_do_not() {
    let deleted = "--- a/old.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n";
    let executable = "diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n";
    let renamed = "diff --git a/a.py b/b.py\nsimilarity index 100%\nrename from a.py\nrename to b.py\n";
    let created =
        "diff --git a/c.sh b/c.sh\nnew file mode 100755\n--- /dev/null\n+++ b/c.sh\n@@ -0,0 +1 @@\n+x\n";
    let usual =
        "diff --git a/d.py b/d.py\nnew file mode 100644\n--- /dev/null\n+++ b/d.py\n@@ -0,0 +1 @@\n+x\n";
    let long = format!("--- a/{0}.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n", "a_very_long_name".repeat(5));
    let several = [executable, usual, deleted].concat();
    for (diff, english, korean) in [
        (deleted, "old.py (DELETED) +0 -1 · tests", "old.py (삭제) +0 -1 · "),
        (executable, "run.sh (EXECUTABLE) +0 -0 · tests", "run.sh (실행 가능) +0 -0 · "),
        (renamed, "b.py (renamed) +0 -0 · tests", "b.py (이름 변경) +0 -0 · "),
        (created, "c.sh (EXECUTABLE) +1 -0 · tests", "c.sh (실행 가능) +1 -0 · "),
        (usual, "d.py +1 -0 · tests", "d.py +1 -0 · "),
        (
            &several,
            // The sources and the size give way to what happens to the files.
            "implement · run.sh and 2 more (1 EXECUTABLE, 1 DELETED) · tests n",
            "실행 가능 1개, 삭제 1개",
        ),
        (&long, "(DELETED) +0 -1 · tests not run", "(삭제) +0 -1 · 테스트 미실행"),
    ] {
        let mut value = implementation();
        value["diff"] = json!(diff);
        let report = report(&material(Stage::Implement, &[structured("codex", &value)]));
        for (language, wanted) in [(Language::ENGLISH, english), (ko(), korean)] {
            let [first, ..] = heart(&report, language);
            assert!(first.contains(wanted) && columns(&first) <= 74, "{first}");
        }
        // A report of an older version does not know what can be executed.
        let mut stored = serde_json::to_value(&report).unwrap();
        for file in stored["diff"][0]["files"].as_array_mut().unwrap() {
            file.as_object_mut().unwrap().remove("is_executable");
        }
        assert!(serde_json::from_value::<Report>(stored).is_ok());
    }
}

#[test]
fn the_second_line_of_a_dialog_has_the_first_changed_lines() {
    let sql = "--- a/a.sql\n+++ b/a.sql\n@@ -1,2 +1,2 @@\n--- drop the table\n+++ counts\n select 1;\n";
    let added = "--- a/a.sql\n+++ b/a.sql\n@@ -1 +1,2 @@\n select 1;\n+-- a comment\n--- a/b.sql\n+++ b/b.sql\n@@ -1 +1 @@\n-old\n+new\n";
    let whole = |line: &str| format!("--- a/a.sql\n+++ b/a.sql\n@@ -1,200 +1,200 @@\n{}", line.repeat(200));
    for (diff, wanted) in [
        (sql.to_owned(), "- -- drop the table  + ++ counts"),
        (added.to_owned(), "- old  + -- a comment"),
        (whole("-x\n+y\n"), "- x  + y"),
        (whole("--- x\n+-- y\n"), "- -- x  + -- y"),
    ] {
        let mut value = implementation();
        value["diff"] = json!(diff);
        let report = report(&material(Stage::Implement, &[structured("codex", &value)]));
        assert_eq!(heart(&report, Language::ENGLISH)[1], wanted, "{diff}");
    }
}

#[test]
fn a_risk_that_maestro_found_comes_before_those_that_a_source_stated() {
    let mut value = implementation();
    value["risks"] = json!(["low risk: nobody calls it"]);
    value.as_object_mut().unwrap().remove("verification_command");
    let report = report(&material(Stage::Implement, &[structured("codex", &value)]));
    assert!(report.risks.len() > 1 && report.risks[0].english().contains("low risk"), "{:?}", report.risks);
    for language in [Language::ENGLISH, ko()] {
        let found = report.risks.last().unwrap().of(language);
        let [.., risk] = heart(&report, language);
        assert!(!risk.contains("low risk") && risk.contains(found.split(' ').next().unwrap()), "{risk}");
        let text = dialog(&report, 6_000, language);
        let place = |what: &str| text.lines().position(|line| line.starts_with("- ") && line.contains(what));
        assert_eq!((place("low risk") > place(found), place(found).is_some()), (true, true), "{text}");
    }
}

#[test]
fn drawing_is_as_wide_in_every_terminal() {
    let value = analysis();
    let report = report(&material(Stage::Analyze, &[structured("gemini", &value)]));
    for line in lines(&report, WIDTH, &both()) {
        assert_eq!(
            columns(&line.text),
            unicode_width::UnicodeWidthStr::width_cjk(line.text.as_str()),
            "{}",
            line.text
        );
    }
}
