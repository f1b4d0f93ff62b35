//! Finds secrets by rules. One pass over the text finds the keywords of all rules. The pattern of a rule is
//! tried only on lines with one of its keywords, and compiles on first use.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::bytes::{Captures, Regex, RegexBuilder};

use super::letters::{in_both_cases, spellings};
use super::redact::{Span, line_around};
use super::rules::{MaskRule, MaskRules};
use super::{following, keyblock};
use crate::domain::rule::{Example, REGEX_SIZE_LIMIT, RuleError, problem};

/// The compiled [`MaskRules`].
#[derive(Debug)]
pub(super) struct Finder {
    words: Vec<String>,
    keywords: OnceLock<Option<AhoCorasick>>,
    /// Indexes of the rules of each keyword.
    rules_of: Vec<Vec<usize>>,
    rules: Vec<Rule>,
    shapes: Vec<Pattern>,
    parts: BTreeMap<String, String>,
}

/// Says which searches over several lines are needed for a text. Their words are found together with the
/// keywords, because each pass over a long text takes time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hints {
    /// The text may contain a private key.
    pub(super) key: bool,
    /// A secret may stand on another line than its name.
    pub(super) name: bool,
}

impl Hints {
    /// All searches are needed.
    pub(super) const ANY: Self = Self { key: true, name: true };
}

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    min_entropy: f64,
    unless: Vec<usize>,
    except: Vec<usize>,
}

impl Finder {
    /// Resolves the names of shapes only; the automaton and the patterns are built on first use.
    pub(super) fn new(rules: &MaskRules) -> Result<Self, RuleError> {
        let (mut words, rules_of) = keyword_table(&rules.rules);
        words.extend(keyblock::words().map(str::to_owned).chain(following::words()));
        let names: Vec<&String> = rules.shapes.keys().collect();
        Ok(Self {
            words,
            keywords: OnceLock::new(),
            rules_of,
            rules: rules.rules.iter().map(|rule| Rule::new(rule, &names)).collect::<Result<_, _>>()?,
            shapes: rules.shapes.iter().map(|(name, source)| Pattern::new(name, source)).collect(),
            parts: rules.parts.clone(),
        })
    }

    /// Compiles all patterns now, to find errors.
    pub(super) fn compile_all(&self) -> Result<(), RuleError> {
        let patterns = self.rules.iter().map(|rule| &rule.pattern).chain(&self.shapes);
        patterns.map(|pattern| pattern.compile(&self.parts)).try_for_each(|compiled| compiled.map(drop))
    }

    /// Adds the secrets of a text to `found`, in no particular order. The text starts at byte `offset`.
    pub(super) fn find(&self, text: &str, offset: usize, found: &mut Vec<Span>) -> Hints {
        let from = found.len();
        let hints = self.find_unmoved(text, found);
        for span in found.iter_mut().skip(from) {
            *span = span.start + offset..span.end + offset;
        }
        hints
    }

    fn find_unmoved(&self, text: &str, found: &mut Vec<Span>) -> Hints {
        let Some(keywords) = self.keywords() else {
            // The automaton could not be built. Mask the whole text rather than leak a secret.
            found.push(0..text.len());
            return Hints::ANY;
        };
        let mut line = 0..0;
        let mut rules = Vec::new();
        let mut hints = Hints::default();
        for hit in keywords.find_overlapping_iter(text) {
            let word = hit.pattern().as_usize();
            let Some(hit_rules) = self.rules_of.get(word) else {
                let is_key = word - self.rules_of.len() < keyblock::words().count();
                hints = Hints { key: hints.key || is_key, name: hints.name || !is_key };
                continue;
            };
            if hit.start() >= line.end {
                self.find_in_line(text, &line, &mut rules, found);
                line = line_around(text, hit.start());
            }
            for rule in hit_rules {
                if !rules.contains(rule) {
                    rules.push(*rule);
                }
            }
        }
        self.find_in_line(text, &line, &mut rules, found);
        hints
    }

    /// The secrets that one rule finds in a text of one or more lines.
    pub(super) fn find_with(&self, rule: usize, text: &str) -> Vec<Span> {
        let mut found = Vec::new();
        let mut at = 0;
        for line in text.split('\n') {
            let hits = self.keywords().into_iter().flat_map(|keywords| keywords.find_overlapping_iter(line));
            let mut hit_rules = hits.filter_map(|hit| self.rules_of.get(hit.pattern().as_usize()));
            let has_keyword = hit_rules.any(|rules| rules.contains(&rule));
            let mut rules = if has_keyword { vec![rule] } else { Vec::new() };
            self.find_in_line(text, &(at..at + line.len()), &mut rules, &mut found);
            at += line.len() + 1;
        }
        found
    }

    /// The automaton of all keywords. It is a DFA, which takes a millisecond to build and is three times as
    /// fast as the default.
    fn keywords(&self) -> Option<&AhoCorasick> {
        let build = || {
            let mut builder = AhoCorasick::builder();
            builder
                .match_kind(MatchKind::Standard)
                .kind(Some(AhoCorasickKind::DFA))
                .ascii_case_insensitive(true);
            builder.build(&self.words).ok()
        };
        self.keywords.get_or_init(build).as_ref()
    }

    fn find_in_line(&self, text: &str, line: &Span, rules: &mut Vec<usize>, found: &mut Vec<Span>) {
        let bytes = text.as_bytes().get(line.clone()).unwrap_or_default();
        for rule in rules.drain(..).filter_map(|index| self.rules.get(index)) {
            let Some(regex) = rule.pattern.get(&self.parts) else {
                // The pattern does not compile, so the rules were not checked. Mask the line rather than leak
                // a secret.
                found.push(line.clone());
                continue;
            };
            if !regex.is_match(bytes) {
                continue;
            }
            let secrets = regex.captures_iter(bytes).filter_map(|captures| self.secret(rule, &captures));
            found.extend(
                secrets.map(|span| on_char_boundaries(text, line.start + span.start..line.start + span.end)),
            );
        }
    }

    fn secret(&self, rule: &Rule, captures: &Captures) -> Option<Span> {
        let whole = captures.get(0)?;
        let secret = captures.name("secret").unwrap_or(whole);
        let spared = secret.is_empty()
            || self.has_shape(&rule.unless, secret.as_bytes())
            || self.has_shape(&rule.except, whole.as_bytes())
            || (rule.min_entropy > 0.0 && entropy(secret.as_bytes()) < rule.min_entropy);
        (!spared).then(|| secret.range())
    }

    fn has_shape(&self, shapes: &[usize], value: &[u8]) -> bool {
        let mut patterns = shapes.iter().filter_map(|index| self.shapes.get(*index));
        patterns.any(|shape| shape.get(&self.parts).is_some_and(|regex| regex.is_match(value)))
    }
}

impl Rule {
    fn new(rule: &MaskRule, shapes: &[&String]) -> Result<Self, RuleError> {
        let find = |name: &String| {
            shapes.iter().position(|shape| *shape == name).ok_or_else(|| RuleError::Incomplete {
                rule: rule.name.clone(),
                problem: format!("there is no shape `{name}`"),
            })
        };
        Ok(Self {
            pattern: Pattern::new(&rule.name, &rule.pattern),
            min_entropy: rule.min_entropy.unwrap_or_default(),
            unless: rule.unless.iter().map(find).collect::<Result<_, _>>()?,
            except: rule.except.iter().map(find).collect::<Result<_, _>>()?,
        })
    }
}

/// Shannon entropy in bits for each byte: 0 for one repeated letter, about 4.5 for 40 random letters and
/// digits.
#[expect(clippy::cast_precision_loss, reason = "lengths of secrets are far below 2^52")]
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_usize; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = value.len() as f64;
    let seen = counts.into_iter().filter(|count| *count > 0);
    seen.map(|count| count as f64 / total).map(|share| -share * share.log2()).sum()
}

/// A regex that is compiled on first use.
#[derive(Debug)]
struct Pattern {
    name: String,
    source: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    fn new(name: &str, source: &str) -> Self {
        Self { name: name.to_owned(), source: source.to_owned(), compiled: OnceLock::new() }
    }

    fn get(&self, parts: &BTreeMap<String, String>) -> Option<&Regex> {
        self.compiled.get_or_init(|| self.compile(parts).ok()).as_ref()
    }

    /// Compiles the pattern for ASCII only. Secrets are ASCII, and Unicode classes and word boundaries would
    /// make the regex engine slow on every line with other characters. Letters beyond ASCII in the names of
    /// secrets match in both cases.
    fn compile(&self, parts: &BTreeMap<String, String>) -> Result<Regex, RuleError> {
        let source = parts.iter().fold(self.source.clone(), |source, (name, part)| {
            source.replace(&format!("(?&{name})"), &format!("(?:{part})"))
        });
        RegexBuilder::new(&in_both_cases(&source))
            .unicode(false)
            .size_limit(REGEX_SIZE_LIMIT)
            .build()
            .map_err(|error| RuleError::Pattern { rule: self.name.clone(), problem: problem(&error) })
    }
}

/// Every keyword once, and the indexes of its rules.
fn keyword_table(rules: &[MaskRule]) -> (Vec<String>, Vec<Vec<usize>>) {
    let mut seen = HashMap::new();
    let mut words = Vec::new();
    let mut rules_of: Vec<Vec<usize>> = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        for keyword in &rule.keywords {
            for word in spellings(&keyword.to_ascii_lowercase()) {
                let slot = *seen.entry(word.clone()).or_insert_with(|| {
                    words.push(word);
                    rules_of.push(Vec::new());
                    rules_of.len() - 1
                });
                if let Some(list) = rules_of.get_mut(slot) {
                    list.push(index);
                }
            }
        }
    }
    (words, rules_of)
}

/// Widens a span of bytes to whole characters.
fn on_char_boundaries(text: &str, span: Span) -> Span {
    let boundary = |at: &usize| text.is_char_boundary(*at);
    let start = (0..=span.start).rev().find(boundary).unwrap_or_default();
    let end = (span.end..text.len()).find(boundary).unwrap_or(text.len());
    start..end
}

impl MaskRules {
    /// Compiles every pattern and tries every example.
    ///
    /// # Errors
    /// A pattern does not compile, or a rule does not do what its examples say.
    pub fn check(&self) -> Result<(), RuleError> {
        self.variables.check()?;
        let finder = Finder::new(self)?;
        finder.compile_all()?;
        self.rules.iter().enumerate().try_for_each(|(index, rule)| check_rule(&finder, index, rule))
    }
}

fn check_rule(finder: &Finder, index: usize, rule: &MaskRule) -> Result<(), RuleError> {
    for (what, list) in [("keywords", &rule.keywords), ("match examples", &rule.matching)] {
        if list.is_empty() {
            return Err(RuleError::Incomplete {
                rule: rule.name.clone(),
                problem: format!("it has no {what}"),
            });
        }
    }
    for written in &rule.matching {
        check_match(finder, index, rule, written)?;
    }
    for written in &rule.not_match {
        if !finder.find_with(index, &Example::parse(written).text).is_empty() {
            return Err(RuleError::Overreached { rule: rule.name.clone(), example: written.clone() });
        }
    }
    Ok(())
}

fn check_match(finder: &Finder, index: usize, rule: &MaskRule, written: &str) -> Result<(), RuleError> {
    let example = Example::parse(written);
    let found = finder.find_with(index, &example.text);
    let as_marked = example.marked.is_empty() || example.marked == found;
    if !found.is_empty() && as_marked {
        return Ok(());
    }
    let parts: Vec<_> = found.into_iter().filter_map(|span| example.text.get(span)).collect();
    let detail = if parts.is_empty() { String::new() } else { format!(", but `{}`", parts.join("`, `")) };
    Err(RuleError::Missed { rule: rule.name.clone(), example: written.to_owned(), detail })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rule;

    fn rules(body: &str) -> Result<MaskRules, RuleError> {
        let variables = "variables: {words: [token], endings: [], match: [A_TOKEN], not_match: [A]}";
        rule::from_yaml(&format!(
            "{variables}\nparts: {{num: '[0-9]'}}\nshapes: {{letters: '^[a-z]+$'}}\nrules:\n- {body}"
        ))
    }

    fn problem(body: &str) -> String {
        rules(body).and_then(|rules| rules.check()).unwrap_err().to_string()
    }

    #[test]
    fn a_broken_example_names_its_rule() {
        let missed = problem("{name: r, keywords: [k], pattern: 'k(?&num)+', match: ['kx']}");
        assert_eq!(missed, "rule `r` does not match its example `kx`");
        let other = problem("{name: r, keywords: [k], pattern: 'k[0-9]', match: ['⟦k12⟧']}");
        assert_eq!(other, "rule `r` does not match its example `⟦k12⟧`, but `k1`");
        let over = problem("{name: r, keywords: [k], pattern: 'k.', match: [k1], not_match: [kx]}");
        assert_eq!(over, "rule `r` matches `kx`, which it must not");
    }

    #[test]
    fn a_broken_rule_is_named() {
        assert!(
            problem("{name: r, keywords: [k], pattern: '(', match: [k]}")
                .starts_with("rule `r`: bad pattern")
        );
        let unknown = problem("{name: r, keywords: [k], pattern: k, unless: [nope], match: [k]}");
        assert_eq!(unknown, "rule `r`: there is no shape `nope`");
        assert_eq!(
            problem("{name: r, keywords: [], pattern: k, match: [k]}"),
            "rule `r`: it has no keywords"
        );
        assert!(problem("{name: r, keyword: [k]}").contains("unknown key `keyword`"));
    }

    #[test]
    fn shapes_and_entropy_spare() {
        let body =
            "{name: r, keywords: [k], pattern: 'k=(?P<secret>[^ ]+)', unless: [letters], min_entropy: 2,
            match: ['k=⟦a1b2c3⟧'], not_match: ['k=abcdef', 'k=1a1a1a']}";
        assert_eq!(rules(body).unwrap().check(), Ok(()));
    }

    #[test]
    fn entropy_grows_with_variety() {
        assert!(entropy(b"") < f64::EPSILON);
        assert!(entropy(b"aaaaaaaa") < f64::EPSILON);
        assert!((entropy(b"abab") - 1.0).abs() < 1e-9);
        assert!((entropy(b"abcdefgh") - 3.0).abs() < 1e-9);
    }
}
