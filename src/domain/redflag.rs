//! Red flags: signs that an answer is not worth counting. A flagged answer is discarded and sampled again,
//! never repaired.

mod inspect;
mod proposal;
mod reading;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::answer::{Unreadable, looks_like_json, spoken};
use super::cut::cut;
use super::pattern::Pattern;
use super::rule::{Example, RuleError, RuleFile, verdict};

pub use inspect::{AnswerForm, Findings, Inspector, RedFlag, VoteFlags, VoteRules};
use reading::Reading;

/// Detail of the flag for a diff that changes nothing.
const EMPTY_DIFF: &str = "a diff in which no line changes";

/// The most characters that a reason shows of the text from a forbidden phrase on.
const EXCERPT: usize = 120;

/// The content of `conf/redflags.yaml`: a section for each kind of answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedFlagRules {
    /// For answers that compete with others, as in an ensemble.
    pub candidate: CandidateRules,
    /// For answers to a question that is put to a vote.
    pub vote: VoteRules,
    /// For answers to a step.
    pub step: StepRules,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CandidateRules {
    /// The least length in characters.
    pub min_chars: usize,
    /// The greatest length in characters.
    pub max_chars: usize,
    /// The greatest length in characters of an answer with a diff.
    pub max_diff_chars: usize,
    /// An answer has a diff if each of these patterns matches in it.
    pub diff_markers: Vec<Pattern>,
    /// Phrases that refuse or evade: an answer without a definite clause beside one is flagged.
    pub forbidden: Vec<ForbiddenRule>,
    /// Whole clauses that announce, agree or report without content. An answer of nothing but these,
    /// refusals, counter-questions and errors cannot win. Case is ignored.
    #[serde(default)]
    pub empty: Vec<ForbiddenRule>,
}

/// A pattern that flags a phrase, with examples.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForbiddenRule {
    pub name: String,
    pub pattern: Pattern,
    /// Texts that the pattern matches.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Texts that the pattern does not match.
    #[serde(default)]
    pub not_match: Vec<String>,
}

impl RuleFile for RedFlagRules {
    /// Makes the patterns of phrases ignore case.
    fn completed(mut self) -> Result<Self, RuleError> {
        let StepRules { non_answers, elided, rules: flags, .. } = &mut self.step;
        let phrases = self.candidate.empty.iter_mut().chain(non_answers).chain(elided);
        phrases.for_each(|rule| rule.pattern.ignore_case());
        flags.values_mut().for_each(FlagRule::ignore_case);
        Ok(self)
    }

    fn check(&self) -> Result<(), RuleError> {
        self.candidate.compile()?;
        let phrases = self.candidate.forbidden.iter().chain(&self.vote.forbidden);
        phrases.chain(&self.candidate.empty).try_for_each(ForbiddenRule::check)?;
        self.step.check()
    }
}

impl CandidateRules {
    fn compile(&self) -> Result<(), RuleError> {
        self.diff_markers.iter().try_for_each(|marker| marker.check("diff_markers"))?;
        self.forbidden.iter().chain(&self.empty).try_for_each(ForbiddenRule::compile)
    }
}

impl ForbiddenRule {
    fn compile(&self) -> Result<(), RuleError> {
        self.pattern.check(&self.name)
    }

    /// Compiles the pattern and tries its examples.
    fn check(&self) -> Result<(), RuleError> {
        self.compile()?;
        let matches = |written: &&String| self.pattern.is_in(&Example::parse(written).text);
        let missed = self.matching.iter().find(|written| !matches(written));
        verdict(&self.name, missed.cloned(), self.not_match.iter().find(matches).cloned())
    }

    fn named(&self) -> Named<'_> {
        (&self.name, &self.pattern)
    }
}

/// The name of a rule and its pattern.
type Named<'a> = (&'a str, &'a Pattern);

/// Judges competing answers.
#[derive(Debug)]
pub struct RedFlags {
    pub(super) rules: CandidateRules,
    /// The rules that apply to answers of every kind.
    inspector: Inspector,
}

impl RedFlags {
    /// Compiles the rules for competing answers. This takes time, so it is best done when the first answer
    /// has arrived.
    ///
    /// # Errors
    ///
    /// A pattern that does not compile.
    pub fn candidate(rules: &RedFlagRules) -> Result<Self, RuleError> {
        rules.candidate.compile()?;
        Ok(Self { rules: rules.candidate.clone(), inspector: Inspector::new(&rules.step)? })
    }

    /// The red flags of an answer.
    pub fn verdict(&self, text: &str) -> Verdict {
        let spoken = spoken(text);
        let text = spoken.text().trim();
        let reading = Reading::of(text);
        let phrases = self.phrases(&reading);
        let others = self.others(text, &reading, phrases.is_empty());
        let reasons: Vec<Reason> = self.length(text).into_iter().chain(phrases).chain(others).collect();
        Verdict { flagged: !reasons.is_empty(), reasons }
    }

    /// True if an answer has content, so that it may win even without other evidence.
    pub fn is_answer(&self, text: &str) -> bool {
        let spoken = spoken(text);
        let text = spoken.text().trim();
        text.chars().any(char::is_alphanumeric) && self.inspector.no_answer(text, &self.rules.empty).is_none()
    }

    /// The forbidden phrases that flag an answer.
    pub fn forbidden(&self, text: &str) -> impl Iterator<Item = Reason> {
        self.phrases(&Reading::of(text)).into_iter()
    }

    /// The forbidden phrases of a reading. A phrase counts only if no clause beside it is definite.
    fn phrases(&self, reading: &Reading) -> Vec<Reason> {
        let around = std::iter::once(&reading.around);
        let forbidden: Vec<Named> = self.rules.forbidden.iter().map(ForbiddenRule::named).collect();
        let evades = |text: &&String| proposal::evasion(text, reading.has_code, &forbidden).is_some();
        let said: Vec<&String> = reading.statements.iter().chain(around).filter(evades).collect();
        let found = |(rule, pattern): &Named| {
            let excerpt = said.iter().find_map(|text| Some(excerpt(text, pattern.find(text)?.start())))?;
            Some(Reason::ForbiddenPattern { rule: (*rule).to_owned(), excerpt })
        };
        forbidden.iter().filter_map(found).collect()
    }

    /// The flags that an answer of any kind may raise. A stage's document has its own schema and may mention
    /// commands, so a document is checked for format errors only: omitted code, or no answer at all.
    fn others(&self, text: &str, reading: &Reading, may_hedge: bool) -> Vec<Reason> {
        let is_document =
            reading.document.as_ref().is_ok_and(|document| document.is_object() || document.is_array());
        let mut flags = vec![Flag::FormatError];
        if !is_document {
            flags.extend([Flag::Contradiction, Flag::DangerousCode, Flag::DangerousCommand]);
            flags.extend(may_hedge.then_some(Flag::Hedging));
        }
        let found = self.inspector.inspect(text, &flags, None).findings;
        let mut reasons: Vec<Reason> = found
            .into_iter()
            .map(|finding| Reason::ForbiddenPattern {
                rule: finding.reason.name().to_owned(),
                excerpt: finding.detail,
            })
            .collect();
        let cut = match &reading.document {
            Err(broken @ Unreadable::Broken { .. }) if looks_like_json(text) => {
                Some((Flag::InvalidJson, broken.to_string()))
            }
            Ok(_) | Err(_) => None,
        };
        // A diff that does not apply is found later, when it is tried.
        let is_empty_diff = !is_document && reading.changes_nothing();
        let empty = is_empty_diff.then(|| (Flag::InvalidDiff, EMPTY_DIFF.to_owned()));
        reasons.extend(
            cut.into_iter()
                .chain(empty)
                .map(|(flag, excerpt)| Reason::ForbiddenPattern { rule: flag.name().to_owned(), excerpt }),
        );
        reasons
    }

    fn length(&self, text: &str) -> Option<Reason> {
        let chars = text.chars().count();
        if chars < self.rules.min_chars {
            return Some(Reason::TooShort);
        }
        let is_diff = || self.rules.diff_markers.iter().all(|marker| marker.is_in(text));
        let too_long = chars > self.rules.max_chars && (chars > self.rules.max_diff_chars || !is_diff());
        too_long.then_some(Reason::TooLong)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// True if the answer must be discarded.
    pub flagged: bool,
    /// Every red flag: first the length, then the phrases in the order of the rules, then the others.
    pub reasons: Vec<Reason>,
}

/// One red flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Longer than an answer may be.
    TooLong,
    /// Too short to be an answer.
    TooShort,
    /// It raises the flag of a rule: a forbidden phrase, or a [`Flag`] for answers of every kind.
    ForbiddenPattern {
        rule: String,
        /// The text from the phrase on, or the detail of the flag.
        excerpt: String,
    },
}

impl Reason {
    /// The key under which counts list the reason.
    pub fn in_words(&self) -> String {
        match self {
            Self::TooLong => "too_long".to_owned(),
            Self::TooShort => "too_short".to_owned(),
            Self::ForbiddenPattern { rule, .. } => format!("forbidden_pattern: {rule}"),
        }
    }

    /// The stable name: of the length flag, or of the rule.
    pub fn name(&self) -> &str {
        match self {
            Self::TooLong => "too_long",
            Self::TooShort => "too_short",
            Self::ForbiddenPattern { rule, .. } => rule,
        }
    }
}

/// The first line with text from a position on, cut to [`EXCERPT`] characters.
fn excerpt(text: &str, at: usize) -> String {
    let rest = text.get(at..).unwrap_or_default().trim_start();
    cut(rest.lines().next().unwrap_or_default(), EXCERPT)
}

/// The section `step` of `conf/redflags.yaml`: the rules that flag an answer to a step.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRules {
    /// The least length in characters.
    pub min_chars: usize,
    /// The greatest length in characters.
    pub max_chars: usize,
    /// Lines that a patch may add and remove.
    pub max_diff_lines: usize,
    /// Files that a patch may change.
    pub max_files: usize,
    /// Clauses that commit to nothing. An answer without any definite clause is flagged as hedging, or as a
    /// format error if the clause is an error message.
    #[serde(default)]
    pub non_answers: Vec<ForbiddenRule>,
    /// Marks of omitted code, like `// ... rest unchanged`. Each is a format error.
    #[serde(default)]
    pub elided: Vec<ForbiddenRule>,
    /// One rule for each flag.
    pub rules: BTreeMap<Flag, FlagRule>,
}

/// The rule of one flag: patterns, exceptions and examples.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagRule {
    /// Regexes that find the flag; they ignore case. Empty for a flag that code finds.
    #[serde(default)]
    pub patterns: Vec<Pattern>,
    /// Text before a match, on its line, that makes it harmless: for example the `def` of a definition.
    pub not_after: Option<Pattern>,
    /// Text from the start of a match on, on its line, that makes it harmless.
    pub not_before: Option<Pattern>,
    /// Pairs of regexes. An answer in which both match contradicts itself.
    #[serde(default)]
    pub both: Vec<[Pattern; 2]>,
    /// Answers that the rule flags.
    #[serde(rename = "match")]
    pub matching: Vec<Sample>,
    /// Answers that the rule does not flag.
    pub not_match: Vec<Sample>,
}

/// An answer as an example.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Sample {
    /// The answer alone.
    Text(String),
    /// The answer, repeated `times` times, with the schema that it is checked against.
    Detailed {
        text: String,
        #[serde(default = "once")]
        times: usize,
        schema: Option<Value>,
    },
}

fn once() -> usize {
    1
}

/// The most characters of an example that an error shows.
const SHOWN: usize = 80;

impl Sample {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Detailed { text, times, .. } => text.repeat(*times),
        }
    }

    fn schema(&self) -> Option<&Value> {
        match self {
            Self::Text(_) => None,
            Self::Detailed { schema, .. } => schema.as_ref(),
        }
    }

    fn shown(&self) -> String {
        cut(&self.text(), SHOWN)
    }
}

/// A sign that an answer is not worth counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(Serialize, Deserialize, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// It is longer than an answer may be.
    TooLong,
    TooShort,
    /// Its document does not fit the schema of the step.
    MissingFields,
    /// It holds no JSON document.
    InvalidJson,
    /// It holds no valid diff, or one that changes nothing.
    InvalidDiff,
    /// It commits to nothing.
    Hedging,
    /// Its patch changes more files than one step may.
    MultiFile,
    /// It adds code that runs any code given to it, as `eval` does.
    DangerousCode,
    /// It proposes a command that destroys data or runs code from the network.
    DangerousCommand,
    /// It changes a file that no patch may change.
    ForbiddenFile,
    /// Its patch changes more lines than one step may.
    ExcessiveChanges,
    /// It contradicts itself.
    Contradiction,
    /// Its form is broken: an open fence, repetition, omitted code, a tool call, an error message.
    FormatError,
}

impl Flag {
    /// Every flag, in the order of reports.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name used in parameters, results and the rule file.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// True if the rule of the flag is a list of patterns.
    fn has_patterns(self) -> bool {
        matches!(
            self,
            Self::Hedging
                | Self::DangerousCode
                | Self::DangerousCommand
                | Self::ForbiddenFile
                | Self::FormatError
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../conf/redflags.yaml");

    fn verdict(text: &str) -> Verdict {
        let rules = RedFlagRules::from_yaml(SHIPPED).unwrap();
        RedFlags::candidate(&rules).unwrap().verdict(text)
    }

    #[test]
    fn the_shipped_rules_do_what_their_examples_say() {
        assert_eq!(RedFlagRules::from_yaml(SHIPPED).unwrap().check(), Ok(()));
    }

    #[test]
    fn serialises_as_the_contract_has_it() {
        let json = serde_json::to_string(&verdict("First.\nWell, I don't know about that.\nEnd.")).unwrap();
        let expected = r#"{"flagged":true,"reasons":[{"reason":"forbidden_pattern","rule":"does_not_know","excerpt":"I don't know about that."}]}"#;
        assert_eq!(json, expected);
        assert_eq!(
            serde_json::to_string(&verdict("no")).unwrap(),
            r#"{"flagged":true,"reasons":[{"reason":"too_short"}]}"#
        );
        assert_eq!(
            serde_json::to_string(&verdict("A good answer.")).unwrap(),
            r#"{"flagged":false,"reasons":[]}"#
        );
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        assert!(verdict("  short \n").flagged);
        assert!(!verdict(&"답".repeat(10)).flagged);
        assert!(!verdict(&"답".repeat(15_000)).flagged);
        assert_eq!(verdict(&"답".repeat(15_001)).reasons, [Reason::TooLong]);
    }

    #[test]
    fn a_diff_may_be_longer() {
        let diff = |lines: usize| format!("--- a/x\n+++ b/x\n@@ -1 +1 @@\n{}", "+ a line\n".repeat(lines));
        assert!(!verdict(&diff(2_000)).flagged);
        assert_eq!(verdict(&diff(6_000)).reasons, [Reason::TooLong]);
    }

    #[test]
    fn a_diff_that_changes_nothing_is_flagged_and_one_that_moves_a_file_is_not() {
        let nothing = "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n a = 1\n b = 2\n";
        assert_eq!(verdict(nothing).reasons.first().map(Reason::name), Some("invalid_diff"));
        let moved = "diff --git a/x.py b/y.py\nsimilarity index 100%\nrename from x.py\nrename to y.py\n";
        let mode = "diff --git a/x.sh b/x.sh\nold mode 100644\nnew mode 100755\n";
        assert!(!verdict(moved).flagged && !verdict(mode).flagged);
    }

    #[test]
    fn every_reason_is_given() {
        let reasons = verdict("It's unclear, and I'm not sure. This could be wrong.").reasons.len();
        assert_eq!(reasons, 3);
    }

    #[test]
    fn broken_rules_are_named() {
        let broken = |from: &str, to: &str| {
            RedFlagRules::from_yaml(&SHIPPED.replace(from, to))
                .and_then(|rules| rules.check())
                .unwrap_err()
                .to_string()
        };
        assert!(broken("(unclear|", "(unclear(").starts_with("rule `unclear`: bad pattern"));
        assert_eq!(
            broken("'I cannot tell']", "'I see']"),
            "rule `cannot_tell` does not match its example `I see`"
        );
        assert_eq!(
            broken("'I do know']", "'I dont know']"),
            "rule `does_not_know` matches `I dont know`, which it must not"
        );
        assert!(broken("min_chars", "min_char").contains("did you mean `min_chars`?"));
    }

    #[test]
    fn a_refusal_or_a_mere_phrase_is_no_answer() {
        let rules = RedFlagRules::from_yaml(SHIPPED).unwrap();
        let flags = RedFlags::candidate(&rules).unwrap();
        for text in [
            "",
            " \n ",
            "...",
            "I'm sorry, but I can't help with that.",
            "I cannot see the file. Please provide src/cart.py.",
            "As an AI language model, I do not run code.",
            "Unfortunately the request could not be completed.",
            "Unfortunately, I am not able to open the repository from here. Could you paste the file?",
            "Could you share the failing test first?",
            "We are unable to comply with this request.",
            "This request cannot be fulfilled.",
            "My apologies, but that is nothing I can do.",
            "Done.",
            "**Done!**",
            "Sure!",
            "LGTM",
            "Looks good to me. Thanks!",
            "Sure, here is the fix:",
            "Here's your updated patch.",
            "Certainly! Below is the corrected version.",
            "I will look into it.",
            "I've fixed the issue.",
            "I have fixed the bug as requested.",
            "Let me know if you need anything else!",
            "TODO",
            "n/a",
            "It depends.",
            "Error: 429 Too Many Requests. Please try again later.",
            "죄송하지만 도와드릴 수 없습니다.",
            "<think>The sum is wrong, so I change line 3.</think>\nDone.",
        ] {
            assert!(!flags.is_answer(text), "{text}");
        }
        for text in [
            "42",
            "B",
            "some candidate content here",
            "candidate without id or provider",
            "Use a lock around the counter.",
            "No, the index is off by one: the loop ends at len(items).",
            "Here is the fix: replace `sum(items) + 1` by `sum(items)`.",
            "Sorry for the delay; see the patch:\n```diff\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n```",
            "The sorting is unfortunately unstable; use a key.",
            "Unfortunately the sorting is unstable, so compare the keys as well.",
            "Yes: the cache is never cleared.",
            "I fixed the issue by clearing the cache in load().",
            "{\"summary\": \"none\", \"file\": \"a.py\"}",
            "로그인 함수가 None을 돌려준다",
        ] {
            assert!(flags.is_answer(text), "{text}");
        }
    }

    /// Answers in our own words, good and bad; few may be judged wrongly.
    #[test]
    fn good_answers_pass_and_bad_ones_do_not() {
        let file = std::env::var("RED_FLAG_ANSWERS");
        let text = file.map_or_else(
            |_| include_str!("../../tests/data/red_flags.json").to_owned(),
            |file| std::fs::read_to_string(file).unwrap(),
        );
        let answers: serde_json::Value = serde_json::from_str(&text).unwrap();
        let rules = RedFlagRules::from_yaml(SHIPPED).unwrap();
        let (candidates, steps) =
            (RedFlags::candidate(&rules).unwrap(), Inspector::new(&rules.step).unwrap());
        let text_of = |answer: &serde_json::Value| match answer {
            serde_json::Value::String(text) => text.clone(),
            repeated => {
                let part = |name: &str| repeated[name].as_str().unwrap_or_default();
                let times = usize::try_from(repeated["times"].as_u64().unwrap()).unwrap();
                part("first").to_owned() + &part("repeat").repeat(times)
            }
        };
        let mut wrong = Vec::new();
        for (kind, is_bad) in [("good", false), ("bad", true)] {
            for answer in answers[kind].as_array().unwrap() {
                let text = text_of(answer);
                let found = steps.inspect(&text, &Inspector::usual(&text), None).findings;
                let verdict = candidates.verdict(&text);
                let shown: String = text.chars().take(70).collect();
                if found.is_empty() == is_bad {
                    wrong.push((kind, "step", format!("{shown:?} {found:?}")));
                }
                if verdict.flagged != is_bad {
                    wrong.push((kind, "candidate", format!("{shown:?} {:?}", verdict.reasons)));
                }
            }
        }
        for (kind, of_a_hundred) in [("good", 5), ("bad", 15)] {
            let most = answers[kind].as_array().unwrap().len() * of_a_hundred / 100;
            for by in ["step", "candidate"] {
                let these = wrong.iter().filter(|(of, rules, _)| (*of, *rules) == (kind, by)).count();
                println!(
                    "{kind} answers judged wrongly by the {by} rules: {these} of {}",
                    answers[kind].as_array().unwrap().len()
                );
                assert!(these <= most, "{kind}, {by}: {wrong:#?}");
            }
        }
        for one in &wrong {
            println!("{one:?}");
        }
    }

    #[test]
    fn names_are_those_of_the_data() {
        for &flag in Flag::ALL {
            assert_eq!(serde_json::to_value(flag).unwrap(), flag.name());
            assert_eq!(flag.name().parse(), Ok(flag));
        }
        assert!("unfalsifiable".parse::<Flag>().is_err());
    }
}
