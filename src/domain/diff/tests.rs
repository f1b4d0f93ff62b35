use proptest::prelude::*;

use super::*;

/// Text that looks like a diff more often than not.
fn almost_a_diff() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("```diff".to_owned()),
        Just("```".to_owned()),
        Just("diff --git a/x b/x".to_owned()),
        Just("--- a/x".to_owned()),
        Just("+++ b/x".to_owned()),
        Just("--- /dev/null".to_owned()),
        Just("+++ /dev/null".to_owned()),
        Just("rename from ../x".to_owned()),
        Just("rename to /etc/y".to_owned()),
        Just("new file mode 100755".to_owned()),
        Just("deleted file mode 100644".to_owned()),
        Just("\\ No newline at end of file".to_owned()),
        Just("-- ".to_owned()),
        Just(String::new()),
        "[-+]{3} \"?[a./\\\\\"0-7é]{0,12}\"?",
        "diff --git [a-c./\" \\\\]{0,16}",
        "@@ -[0-9]{1,20},?[0-9]{0,3} \\+[0-9]{1,3},?[0-9]{0,3} @@.{0,4}",
        "[-+ ][a-c]{0,2}\r?",
        ".{0,12}",
    ];
    proptest::collection::vec(line, 0..40).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn nothing_panics_and_no_name_leads_out(text in almost_a_diff(), content in "([a-c]{0,2}\r?\n){0,8}[a-c]?") {
        if let Ok(patch) = parse(&text) {
            for file in &patch.files {
                for name in [&file.old, &file.new] {
                    prop_assert!(!name.is_empty() && !name.starts_with('/'));
                    prop_assert!(name.split('/').all(|part| !["", ".", ".."].contains(&part)), "{name}");
                }
                let _ = apply(content.as_bytes(), file);
            }
        }
    }

    #[test]
    fn a_change_of_one_line_is_applied_or_refused(lines in proptest::collection::vec("[ab]{1,2}", 1..12), at in 0_usize..12, stated in 0_usize..14) {
        let at = at % lines.len();
        let from = at.saturating_sub(1);
        let to = (at + 2).min(lines.len());
        let mut text = format!("--- a/f\n+++ b/f\n@@ -{stated} +1 @@\n");
        let mut expected = lines.clone();
        "changed".clone_into(&mut expected[at]);
        for (index, line) in lines.iter().enumerate().take(to).skip(from) {
            if index == at {
                text += &format!("-{line}\n+changed\n");
            } else {
                text += &format!(" {line}\n");
            }
        }
        let whole = |lines: &[String]| lines.join("\n") + "\n";
        let patch = parse(&text).unwrap();
        let places = lines.windows(to - from).filter(|window| *window == &lines[from..to]).count();
        match apply(whole(&lines).as_bytes(), &patch.files[0]) {
            Ok(applied) => {
                let there = applied.offsets.first().map_or(stated.max(1), |offset| offset.applied) - 1;
                prop_assert!(places == 1 || applied.offsets.is_empty());
                if there == from {
                    prop_assert_eq!(String::from_utf8(applied.content).unwrap(), whole(&expected));
                }
            }
            Err(failure) if failure.is_ambiguous() => prop_assert!(places > 1),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}

#[test]
fn a_million_equal_lines_take_no_time() {
    let content = "\n".repeat(1_000_000);
    let text = format!("--- a/f\n+++ b/f\n@@ -5 +5 @@\n{}-x\n+y\n", " \n".repeat(100_000));
    let started = std::time::Instant::now();
    let patch = parse(&text).unwrap();
    assert!(apply(content.as_bytes(), &patch.files[0]).is_err());
    assert!(started.elapsed().as_secs() < 10);
}

#[test]
fn a_line_of_a_million_blanks_takes_no_time() {
    let blanks = " ".repeat(1_000_000);
    let started = std::time::Instant::now();
    for start in ["diff --git a/x", "--- a/x", "+++ b/x", "rename from x", "@@ -1 +1 @@"] {
        let _ = parse(&format!("{start}{blanks}y\n@@ -1 +1 @@\n-a\n+b\n"));
        let _ = parse(&format!("--- a/f\n{start}{blanks}\n@@ -1 +1 @@\n-a\n+b\n"));
    }
    assert!(started.elapsed().as_secs() < 10);
}
