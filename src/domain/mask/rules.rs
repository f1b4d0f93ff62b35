//! The masking rules as data: how a secret looks, and how to know it from what only looks so.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::finder::Finder;
use super::variables::VariableRules;
use crate::domain::rule::{Example, RuleError};

/// Section `masking` of `conf/secrets.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskRules {
    /// Which environment variables hold secrets.
    pub variables: VariableRules,
    /// Pieces of patterns, which patterns use as `(?&name)`.
    #[serde(default)]
    pub parts: BTreeMap<String, String>,
    /// Shapes of values that are no secrets, by the name under which rules refer to them.
    #[serde(default)]
    pub shapes: BTreeMap<String, String>,
    /// The rules, each tried on the lines that hold one of its keywords.
    pub rules: Vec<MaskRule>,
}

/// One kind of secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskRule {
    /// What errors call it.
    pub name: String,
    /// Literals, in any ASCII case, of which a line must hold one for the pattern to be tried.
    pub keywords: Vec<String>,
    /// An ASCII regex tried on single lines; its group `secret`, else all of it, is the secret.
    pub pattern: String,
    /// The least Shannon entropy, in bits a byte, of the secret.
    #[serde(default)]
    pub min_entropy: Option<f64>,
    /// Shapes that the secret must not have.
    #[serde(default)]
    pub unless: Vec<String>,
    /// Shapes that the whole match must not have.
    #[serde(default)]
    pub except: Vec<String>,
    /// Lines in which it finds a secret, exactly what `⟦⟧` encloses if they are there.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Lines in which it finds none.
    #[serde(default)]
    pub not_match: Vec<String>,
}

impl MaskRules {
    /// Compiles every pattern and tries every example.
    ///
    /// # Errors
    /// At the first rule that does not do what its examples say.
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
        assert!(problem("{name: r, keyword: [k]}").contains("unknown field `keyword`"));
    }

    #[test]
    fn shapes_and_entropy_spare() {
        let body =
            "{name: r, keywords: [k], pattern: 'k=(?P<secret>[^ ]+)', unless: [letters], min_entropy: 2,
            match: ['k=⟦a1b2c3⟧'], not_match: ['k=abcdef', 'k=1a1a1a']}";
        assert_eq!(rules(body).unwrap().check(), Ok(()));
    }
}
