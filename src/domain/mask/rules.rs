//! The masking rules as data: how a secret looks, and how to know it from what only looks so.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::variables::VariableRules;

/// Section `masking` of `conf/secrets.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskRules {
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
    pub name: String,
    /// Literals, in any ASCII case, of which a line must hold one for the pattern to be tried.
    pub keywords: Vec<String>,
    /// An ASCII regex tried on single lines; its group `secret`, else all of it, is the secret.
    pub pattern: String,
    /// The least Shannon entropy, in bits a byte, of the secret.
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
