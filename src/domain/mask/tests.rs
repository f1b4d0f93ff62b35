use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::domain::rule::{Example, RuleFile as _};
use crate::domain::secret_path::SecretRules;

/// That of `conf/maestro.yaml`.
const REPLACEMENT: &str = "[MASKED]";

const SECRETS: &str = include_str!("../../../tests/data/masking/secrets.txt");
const LOOKALIKES: &str = include_str!("../../../tests/data/masking/lookalikes.txt");

fn rules() -> MaskRules {
    SecretRules::from_yaml(include_str!("../../../conf/secrets.yaml")).unwrap().masking
}

pub(super) fn masker_with(
    variables: &[(&str, &str)],
    user: &[&str],
    replacement: &str,
) -> Result<Masker, MaskError> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let user: Vec<String> = user.iter().map(|pattern| (*pattern).to_owned()).collect();
    Masker::new(&rules(), variables, &user, replacement)
}

fn masker() -> Masker {
    masker_with(&[], &[], REPLACEMENT).unwrap()
}

fn cases(data: &str) -> Vec<Example> {
    let cases = data.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    cases.map(Example::parse).collect()
}

/// The text with its marked parts replaced, line by line.
fn expected(example: &Example) -> String {
    let known = example.marked.clone();
    Found { by_rule: Vec::new(), known }.redact(&example.text, REPLACEMENT).unwrap().0
}

fn assert_no_failures(failures: &[String]) {
    assert!(failures.is_empty(), "{} cases:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_secret_is_masked_and_nothing_around_it() {
    let masker = masker();
    let wrong = |example: &Example| {
        let (got, want) = (masker.mask(&example.text).text.into_owned(), expected(example));
        (got != want).then(|| format!("got  {got}\nwant {want}"))
    };
    let cases = cases(SECRETS);
    assert!(cases.len() >= 60);
    assert_no_failures(&cases.iter().filter_map(wrong).collect::<Vec<_>>());
}

#[test]
fn no_lookalike_is_touched() {
    let masker = masker();
    let cases = cases(LOOKALIKES);
    assert!(cases.len() >= 60);
    let wrong = |example: &Example| {
        let out = masker.mask(&example.text);
        (out.count > 0).then(|| format!("{} -> {}", example.text, out.text))
    };
    assert_no_failures(&cases.iter().filter_map(wrong).collect::<Vec<_>>());
}

#[test]
fn lines_are_masked_as_the_whole_is() {
    let masker = masker();
    for example in cases(SECRETS) {
        let mut lines = masker.lines();
        let by_line: Vec<_> = example.text.split('\n').map(|line| lines.mask_line(line).text).collect();
        assert_eq!(by_line.join("\n"), masker.mask(&example.text).text);
    }
}

#[test]
fn exact_values_are_masked_wherever_they_occur() {
    let variables = [
        ("MY_TOKEN", "plain-value"),
        ("MY_NAME", "other-value"),
        ("A_SECRET", "short"),
        ("B_SECRET", "plain-value-longer"),
    ];
    let masker = masker_with(&variables, &[], REPLACEMENT).unwrap();
    let out = masker.mask("xplain-valuey other-value short plain-value-longer");
    assert_eq!(out.text, "x[MASKED]y other-value short [MASKED]");
    assert_eq!(out.count, 2);
}

#[test]
fn values_of_several_lines_are_masked_by_line() {
    let masker = masker_with(&[("A_SECRET", "first line\nsecond line")], &[], REPLACEMENT).unwrap();
    assert_eq!(masker.mask("a first line\nsecond line").text, "a [MASKED]\n[MASKED]");
    assert_eq!(masker.lines().mask_line("second line").text, "[MASKED]");
}

#[test]
fn user_patterns_and_a_literal_replacement() {
    let masker = masker_with(&[], &[r"(CASE-\d+)", "^id$"], "<$1>").unwrap();
    assert_eq!(masker.mask("see CASE-7\nid\nids").text, "see <$1>\n<$1>\nids");
    let error = masker_with(&[], &["(x"], "-").unwrap_err().to_string();
    assert!(error.starts_with("bad masking pattern `(x`"), "{error}");
    assert!(matches!(masker_with(&[], &[], "a\nb"), Err(MaskError::Replacement)));
}

#[test]
fn ordinary_text_is_borrowed() {
    assert!(matches!(masker().mask("nothing here").text, Cow::Borrowed(_)));
}

#[test]
fn an_unchecked_broken_rule_masks_its_lines() {
    let mut rules = rules();
    rules.rules.truncate(1);
    rules.rules.iter_mut().for_each(|rule| rule.pattern = "(".to_owned());
    let masker = Masker::new(&rules, [], &[], "-").unwrap();
    assert_eq!(masker.mask("an akia line\nanother").text, "-\nanother");
}

/// Text made of what rules look for, so that random text meets them.
fn texts() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        "\\PC{0,12}",
        "[a-zA-Z0-9]{0,40}",
        Just("password=".to_owned()),
        Just("\"token\": \"".to_owned()),
        Just("-----BEGIN PRIVATE KEY-----".to_owned()),
        Just("-----END PRIVATE KEY-----".to_owned()),
        Just("sk-".to_owned()),
        Just("://a:".to_owned()),
        Just("[MASKED]".to_owned()),
        Just("\r\n".to_owned()),
        Just("\n".to_owned()),
        Just("\"".to_owned()),
        Just("\\n".to_owned()),
        Just("s3cretv4lue".to_owned()),
        Just("Authorization: Bearer ".to_owned()),
    ];
    proptest::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
}

/// Made once, as a masker compiles its patterns anew.
static MASKERS: LazyLock<Vec<&Masker>> = LazyLock::new(|| {
    let variables = [("MY_TOKEN", "s3cretv4lue")];
    let masker = |replacement| masker_with(&variables, &["q+[a-z]"], replacement).unwrap();
    let replacements = ["[MASKED]", "***", "", "a secret was here", "비밀"];
    replacements.map(|replacement| &*Box::leak(Box::new(masker(replacement)))).to_vec()
});

proptest! {
    #[test]
    fn masking_is_idempotent_and_keeps_lines(text in texts(), masker in proptest::sample::select(&MASKERS[..])) {
        let once = masker.mask(&text).text.into_owned();
        prop_assert_eq!(&masker.mask(&once).text, &once);
        prop_assert_eq!(masker.mask(&once).count, 0);
        prop_assert_eq!(once.matches('\n').count(), text.matches('\n').count());
        prop_assert!(!once.contains("s3cretv4lue"));
        let mut lines = masker.lines();
        for line in text.split('\n') {
            let out = lines.mask_line(line).text;
            prop_assert!(!out.contains("s3cretv4lue") && !out.contains('\n'));
        }
    }

    #[test]
    fn any_text_can_be_masked(text in any::<String>()) {
        let once = MASKERS[0].mask(&text).text.into_owned();
        prop_assert_eq!(MASKERS[0].mask(&once).text, once.as_str());
    }
}

/// Samples of which so many of a hundred must be masked; the rest is named, so that it can be seen.
#[test]
fn the_benchmark_is_masked_whole_and_line_by_line() {
    const BENCH: &str = include_str!("../../../tests/data/masking/bench.txt");
    const WANTED: usize = 95;
    let masker = masker();
    let cases = cases(BENCH);
    assert!(cases.len() >= 160, "{}", cases.len());
    let by_lines = |text: &str| {
        let mut lines = masker.lines();
        text.split('\n').map(|line| lines.mask_line(line).text.into_owned()).collect::<Vec<_>>().join("\n")
    };
    for (name, mask) in [
        ("whole", &(|text: &str| masker.mask(text).text.into_owned()) as &dyn Fn(&str) -> String),
        ("by lines", &by_lines),
    ] {
        let leaks = |example: &&Example| {
            let masked = mask(&example.text);
            example.marked.iter().any(|span| masked.contains(example.text.get(span.clone()).unwrap()))
        };
        let left: Vec<&str> = cases.iter().filter(leaks).map(|example| example.text.as_str()).collect();
        let share = 100 * (cases.len() - left.len()) / cases.len();
        println!("{name}: {share} of 100, {} of {} left:\n{}", left.len(), cases.len(), left.join("\n"));
        assert!(share >= WANTED, "{name}: {share} of 100 are masked; left:\n{}", left.join("\n"));
    }
}

/// Ordinary code is left alone: at most one line in a megabyte. `MASK_TREE=dir` reads another directory.
#[test]
fn ordinary_code_is_left_alone() {
    let root = std::env::var_os("MASK_TREE").unwrap_or_else(|| "src/flow".into());
    let masker = masker();
    let (mut bytes, mut hits) = (0_usize, Vec::new());
    let mut open = vec![std::path::PathBuf::from(root)];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            bytes += text.len();
            let masked = masker.mask(&text);
            if masked.count > 0 {
                let lines = text.lines().zip(masked.text.lines()).filter(|(before, after)| before != after);
                hits.extend(lines.map(|(before, _)| {
                    format!("{}: {}", path.display(), before.trim().chars().take(160).collect::<String>())
                }));
            }
        }
    }
    let most = bytes.div_ceil(1_000_000);
    assert!(hits.len() <= most, "{} lines in {bytes} bytes:\n{}", hits.len(), hits.join("\n"));
}
