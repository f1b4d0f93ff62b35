//! Files that are refused by name, so that no secret is read, sent or overwritten.
//!
//! Names are compared whole, except for two words that are enough by themselves: `secret_santa.py` and
//! `tokenizer.json` are ordinary files, `team-secrets.txt` is not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use serde::{Deserialize, Deserializer};
use unicode_normalization::UnicodeNormalization as _;

use super::mask::{MaskRule, MaskRules, is_modest_pattern};
use super::packed;
use super::plain::is_hidden;
use super::rule::{self, RuleError, RuleFile};
use crate::domain::order::Gather;

/// The section `files` of `conf/secrets.yaml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRules {
    /// The rules. The first one that applies gives the reason.
    pub rules: Vec<FileRule>,
}

/// One kind of refused file. Case is ignored, so all lists are converted to lower case when read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRule {
    /// The reason that messages give.
    pub name: String,
    /// Whole file names.
    #[serde(default, deserialize_with = "lower")]
    pub names: BTreeSet<String>,
    /// Names with endings: `.env` means `.env` itself, and `.env.` with any ending that is not exempt.
    #[serde(default, deserialize_with = "lower")]
    pub dotted: BTreeSet<String>,
    /// Endings that make `dotted` names ordinary.
    #[serde(default, deserialize_with = "lower")]
    exempt: BTreeSet<String>,
    /// Beginnings of the names of JSON files.
    #[serde(default, deserialize_with = "lower")]
    pub prefixes: BTreeSet<String>,
    /// Text anywhere in a file name, unless its extension is one of `ordinary`.
    #[serde(default, deserialize_with = "lower")]
    pub contains: BTreeSet<String>,
    /// Extensions of files that are ordinary whatever `contains` says.
    #[serde(default, deserialize_with = "lower")]
    ordinary: BTreeSet<String>,
    /// Extensions: the text after the last dot of a file name.
    #[serde(default, deserialize_with = "lower")]
    pub extensions: BTreeSet<String>,
    /// Directories that are refused with their content. `a/b` is a `b` directly in an `a`.
    #[serde(default, deserialize_with = "paths")]
    pub directories: Vec<Vec<String>>,
    /// Paths in `directories` that are ordinary nevertheless, with their content.
    #[serde(default, deserialize_with = "paths")]
    allowed: Vec<Vec<String>>,
    /// Paths that the rule refuses.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Paths that the rule does not refuse.
    #[serde(default)]
    pub not_match: Vec<String>,
}

impl FileRules {
    /// Tries the examples.
    ///
    /// # Errors
    ///
    /// The first rule that disagrees with its examples.
    pub fn check(&self) -> Result<(), RuleError> {
        self.rules.iter().try_for_each(FileRule::check)
    }
}

/// The name of the only refusal without a rule: a file name with a line break.
const LINE_BREAK: &str = "line-break";

/// The reason for a refusal by a rule, as a message.
pub fn refusal(rule: &str) -> String {
    /// The only rule whose files hold no secret.
    const NO_SOURCE: &str = "installed-or-compiled";
    match rule {
        LINE_BREAK => "refused: its name holds a line break or another control character".to_owned(),
        NO_SOURCE => format!("refused as no source of the project by rule {rule}"),
        _ => format!("refused as a secret by rule {rule}"),
    }
}

impl FileRules {
    /// Checks that each rule refuses something: a rule that refuses nothing is a mistake. Examples are not
    /// tried; see [`FileRules::check`].
    pub fn check_that_they_refuse(&self) -> Result<(), RuleError> {
        self.rules.iter().try_for_each(FileRule::check_that_it_refuses)
    }

    /// The name of the rule that refuses a path; None if no rule does.
    pub fn refuse(&self, relative: &Path) -> Option<&str> {
        // Shown in a text, a line break in a name would begin a new line.
        if relative.to_string_lossy().chars().any(breaks_lines) {
            return Some(LINE_BREAK);
        }
        let parts = normal_parts(relative);
        self.rules.iter().find(|rule| rule.refuses(&parts)).map(|rule| rule.name.as_str())
    }
}

impl FileRule {
    fn check_that_it_refuses(&self) -> Result<(), RuleError> {
        let names = [&self.names, &self.prefixes, &self.dotted, &self.contains, &self.extensions];
        if names.iter().any(|names| !names.is_empty()) || !self.directories.is_empty() {
            return Ok(());
        }
        Err(RuleError::Incomplete { rule: self.name.clone(), problem: "it refuses nothing".to_owned() })
    }

    fn check(&self) -> Result<(), RuleError> {
        self.check_that_it_refuses()?;
        let refuses = |path: &&String| self.refuses(&normal_parts(Path::new(path)));
        let missed = self.matching.iter().find(|path| !refuses(path));
        rule::verdict(&self.name, missed.cloned(), self.not_match.iter().find(refuses).cloned())
    }

    fn refuses(&self, parts: &[String]) -> bool {
        let holds = |list: &[Vec<String>]| {
            list.iter().any(|path| parts.windows(path.len()).any(|window| window == path))
        };
        let in_directory = holds(&self.directories) && !holds(&self.allowed);
        // Only the last name is the file's: a package called `credentials` is an ordinary directory.
        in_directory || parts.last().is_some_and(|name| self.refuses_name(name))
    }

    fn refuses_name(&self, name: &str) -> bool {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        let is_ordinary = || extension.is_some_and(|extension| self.ordinary.contains(extension));
        let is_json = extension == Some("json");
        (is_json && self.prefixes.iter().any(|prefix| name.starts_with(prefix.as_str())))
            || (self.contains.iter().any(|part| name.contains(part.as_str())) && !is_ordinary())
            || self.names.contains(name)
            || extension.is_some_and(|extension| self.extensions.contains(extension))
            || self.dotted.iter().any(|prefix| self.is_dotted(name, prefix))
    }

    fn is_dotted(&self, name: &str, prefix: &str) -> bool {
        match name.strip_prefix(prefix) {
            Some("") => true,
            Some(rest) => rest
                .strip_prefix('.')
                .is_some_and(|rest| !rest.split('.').any(|part| self.exempt.contains(part))),
            None => false,
        }
    }
}

fn lower<'de, D: Deserializer<'de>>(list: D) -> Result<BTreeSet<String>, D::Error> {
    let list = Vec::<String>::deserialize(list)?;
    Ok(list.iter().map(|entry| entry.to_lowercase()).gather())
}

fn paths<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<Vec<String>>, D::Error> {
    let split = |path: &String| {
        path.to_lowercase().split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let list = Vec::<String>::deserialize(list)?;
    Ok(list.iter().map(split).filter(|path: &Vec<String>| !path.is_empty()).collect())
}

/// The names of a path in lower case, without the dots and spaces that Windows drops from their ends.
fn normal_parts(path: &Path) -> Vec<String> {
    let name = |component: Component| match component {
        Component::Normal(name) => Some(folded(&name.to_string_lossy())),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    };
    let names = path.components().filter_map(name);
    names.flat_map(|name| split_name(&name)).filter(|name| !name.is_empty()).collect()
}

/// A name as the most forgiving file system compares it: in lower case, in Unicode form NFKC, and without
/// invisible characters.
pub(crate) fn folded(name: &str) -> String {
    name.nfkc().filter(|letter| !is_hidden(*letter)).collect::<String>().to_lowercase()
}

/// True if a character begins a new line or acts on a terminal. A tab does not, and git allows it in names.
fn breaks_lines(letter: char) -> bool {
    letter.is_control() && letter != '\t' || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// Splits a name as Windows reads it: a backslash separates names, and a colon begins the name of a stream.
fn split_name(name: &str) -> Vec<String> {
    let clean = |part: &str| {
        let file = part.split_once(':').map_or(part, |(file, _)| file);
        file.trim_end_matches(['.', ' ']).trim_start().to_owned()
    };
    name.split('\\').map(clean).collect()
}

/// The content of `conf/secrets.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRules {
    pub masking: MaskRules,
    pub files: FileRules,
}

impl RuleFile for SecretRules {
    fn check(&self) -> Result<(), RuleError> {
        self.masking.check()?;
        self.files.check()
    }
}

/// A project's additions to the rules in force. They cannot weaken those rules: their exceptions apply to the
/// project's own rules only.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AddedRules {
    masking: AddedMasks,
    files: FileRules,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AddedMasks {
    variables: AddedVariables,
    parts: BTreeMap<String, String>,
    shapes: BTreeMap<String, String>,
    rules: Vec<MaskRule>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct AddedVariables {
    words: Vec<String>,
    endings: Vec<String>,
}

/// The prefix of the names of a project's patterns, which keeps them apart from the shipped ones.
const OWN: &str = "own_";

/// The most rules of a project that is not trusted.
const MOST_RULES: usize = 20;

impl RuleFile for AddedRules {}

impl AddedRules {
    /// Parses the file of a project that is not trusted: it may add few rules with small patterns only.
    ///
    /// # Errors
    ///
    /// The text is not of this form, or adds too much.
    pub fn modest(text: &str) -> Result<Self, RuleError> {
        let added = Self::from_yaml(text)?.without_ours();
        let pieces = added.masking.parts.len() + added.masking.shapes.len();
        let rules = added.masking.rules.len();
        let too_much =
            |problem: &str| RuleError::Incomplete { rule: "masking".to_owned(), problem: problem.to_owned() };
        if rules > MOST_RULES || pieces > 2 * MOST_RULES || added.files.rules.len() > MOST_RULES {
            return Err(too_much("a project that is not trusted adds at most 20 rules"));
        }
        let patterns = added.masking.rules.iter().map(|rule| &rule.pattern);
        let unfit = patterns.clone().any(|pattern| pattern.contains("(?&"))
            || patterns
                .chain(added.masking.parts.values())
                .chain(added.masking.shapes.values())
                .any(|pattern| !is_modest_pattern(pattern));
        if unfit && rules > 0 {
            return Err(too_much(
                "a project that is not trusted adds small patterns only, without `(?&parts)`",
            ));
        }
        Ok(added)
    }

    /// Removes the shipped rules, since many files began as a copy of the shipped one.
    fn without_ours(mut self) -> Self {
        if let Ok(ours) = SecretRules::from_yaml(&packed::text("conf/secrets.yaml").unwrap_or_default()) {
            let known = |rule: &MaskRule| {
                ours.masking.rules.iter().any(|our| our.name == rule.name && our.pattern == rule.pattern)
            };
            self.masking.rules.retain(|rule| !known(rule));
            self.files.rules.retain(|rule| {
                !ours.files.rules.iter().any(|our| our.name == rule.name && our.matching == rule.matching)
            });
        }
        if self.masking.rules.is_empty() {
            self.masking.parts.clear();
            self.masking.shapes.clear();
        }
        self
    }
}

impl SecretRules {
    /// These rules together with a project's additions.
    pub fn with(mut self, added: AddedRules) -> Self {
        let AddedRules { masking, files } = added.without_ours();
        self.files.rules.extend(files.rules);
        let AddedMasks { variables, parts, shapes, rules } = masking;
        self.masking.variables.words.extend(variables.words);
        self.masking.variables.endings.extend(variables.endings);
        let own = |name: &String| format!("{OWN}{name}");
        let renamed = |pattern: &str| {
            parts.keys().fold(pattern.to_owned(), |pattern, name| {
                pattern.replace(&format!("(?&{name})"), &format!("(?&{})", own(name)))
            })
        };
        let rename = |names: Vec<String>| {
            names.into_iter().map(|name| if shapes.contains_key(&name) { own(&name) } else { name }).collect()
        };
        self.masking.rules.extend(rules.into_iter().map(|rule| MaskRule {
            pattern: renamed(&rule.pattern),
            unless: rename(rule.unless),
            except: rename(rule.except),
            ..rule
        }));
        self.masking.parts.extend(parts.iter().map(|(name, pattern)| (own(name), renamed(pattern))));
        self.masking.shapes.extend(shapes.iter().map(|(name, pattern)| (own(name), renamed(pattern))));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> FileRules {
        let rules = SecretRules::from_yaml(include_str!("../../conf/secrets.yaml")).unwrap();
        rules.files
    }

    #[test]
    fn gives_the_reason() {
        let paths = shipped();
        for (path, rule) in [
            (".env", "env-file"),
            ("a/.ENV.production", "env-file"),
            (".env. ", "env-file"),
            (".env::$DATA", "env-file"),
            ("a\\.ssh\\config", "ssh-directory"),
            ("deploy/id_ed25519", "private-key"),
            ("x/../.aws/config", "cloud-directory"),
            (".git/config", "repository-internals"),
            (".maestro/maestro.db", "maestro-store"),
        ] {
            assert_eq!(paths.refuse(Path::new(path)), Some(rule), "{path}");
        }
    }

    #[test]
    fn ordinary_files_are_ordinary() {
        let paths = shipped();
        for path in [
            "secret_santa.py", "passwd_reset.py", "keyboard.key.ts", "tokenizer.json", "credentials_test.go",
            ".env.example", ".env.sample", ".env.template", "environment.py", "id_rsa.pub", "secrets/mod.rs",
            ".maestro/answers/1.md", ".gitignore", ".github/workflows/ci.yml", "src/env.rs",
            "docs/.env.production.example", "aws/main.tf", "key", "", "docker/config.json",
        ] {
            assert_eq!(paths.refuse(Path::new(path)), None, "{path}");
        }
    }

    /// A secret's name counts as a whole, or as an extension: never as a part of a word, but for the two
    /// words that tell by themselves.
    #[test]
    fn a_part_of_a_name_is_no_secret() {
        let rules = SecretRules::from_yaml(include_str!("../../conf/secrets.yaml")).unwrap().files;
        let paths = shipped();
        let names = rules.rules.iter().flat_map(|rule| rule.names.iter());
        let extensions: Vec<&String> = rules.rules.iter().flat_map(|rule| &rule.extensions).collect();
        assert!(extensions.len() > 10);
        for name in names {
            assert!(paths.refuse(Path::new(name)).is_some(), "{name}");
            let is_extension = |text: &str| extensions.iter().any(|end| text.ends_with(&format!(".{end}")));
            for longer in [format!("my_{name}"), format!("{name}_santa.py"), format!("{name}s")] {
                let refused = paths.refuse(Path::new(&longer)).is_some();
                let tells = ["secret", "credentials"].iter().any(|word| longer.contains(word));
                let expected = is_extension(&longer)
                    || (tells && Path::new(&longer).extension().is_none_or(|end| end != "py"));
                assert_eq!(refused, expected, "{longer}");
            }
        }
        for end in extensions {
            assert!(paths.refuse(Path::new(&format!("a.{end}"))).is_some(), "{end}");
            for ordinary in
                [format!("{end}.py"), format!("a{end}"), format!("a.{end}.rs"), format!("a.my{end}")]
            {
                assert_eq!(paths.refuse(Path::new(&ordinary)), None, "{ordinary}");
            }
        }
    }

    #[test]
    fn a_broken_rule_is_named() {
        let check = |yaml: &str| {
            rule::from_yaml::<FileRules>(yaml).and_then(|rules| rules.check()).unwrap_err().to_string()
        };
        assert_eq!(check("rules: [{name: r, match: [a]}]"), "rule `r`: it refuses nothing");
        assert_eq!(
            check("rules: [{name: r, names: [a], match: [b]}]"),
            "rule `r` does not match its example `b`"
        );
        assert_eq!(
            check("rules: [{name: r, names: [a], match: [a], not_match: [b/A]}]"),
            "rule `r` matches `b/A`, which it must not"
        );
    }

    #[test]
    fn a_name_is_judged_as_the_most_forgiving_file_system_takes_it() {
        let paths = shipped();
        for name in [
            ".g\u{200b}it/config", "\u{feff}.env", ".e\u{ad}nv", "id_r\u{2060}sa",
            ".\u{ff27}\u{ff29}\u{ff34}/x",
        ] {
            assert!(paths.refuse(Path::new(name)).is_some(), "{name:?}");
        }
        for name in ["a\n# heading\nb.txt", "a\rb.txt", "a\u{2028}b.txt", "a\u{1b}[2Jb.txt"] {
            assert_eq!(paths.refuse(Path::new(name)), Some(LINE_BREAK), "{name:?}");
        }
        for name in ["가.txt", "\u{1f469}\u{200d}\u{1f4bb}.md", "naïve.rs", "a b.txt", "a\tb.txt"] {
            assert_eq!(paths.refuse(Path::new(name)), None, "{name:?}");
        }
    }

    #[test]
    fn the_shipped_rules_do_what_their_examples_say() {
        let rules = SecretRules::from_yaml(include_str!("../../conf/secrets.yaml")).unwrap();
        assert_eq!(rules.check(), Ok(()));
    }

    #[test]
    fn a_project_adds_rules_and_takes_none_away() {
        let ours = SecretRules::from_yaml(include_str!("../../conf/secrets.yaml")).unwrap();
        let text = "masking:\n  variables: { words: [acme], never: [github_token] }\n  parts: { quote: 'x' }\n  shapes: { placeholder: '^.*$' }\n  rules:\n    - { name: own, keywords: [acme], pattern: 'acme_[0-9]{9}', match: ['⟦acme_123456789⟧'] }\nfiles:\n  rules:\n    - { name: plans, names: [plan.txt], match: [plan.txt] }\n";
        let all = ours.clone().with(AddedRules::modest(text).unwrap());
        assert_eq!(all.check(), Ok(()), "ours go on to do what their examples say");
        assert_eq!(all.masking.rules.len(), ours.masking.rules.len() + 1);
        assert_eq!(all.files.rules.len(), ours.files.rules.len() + 1);
        assert!(all.masking.variables.is_secret("ACME_X") && all.masking.variables.is_secret("GITHUB_TOKEN"));
        let copy = AddedRules::modest(include_str!("../../conf/secrets.yaml")).unwrap();
        assert_eq!(ours.clone().with(copy).masking.rules.len(), ours.masking.rules.len());
        for nothing in ["masking: {}\n", "files: { rules: [] }\n"] {
            let left = ours.clone().with(AddedRules::modest(nothing).unwrap());
            assert_eq!(left.masking.rules.len(), ours.masking.rules.len());
        }
        let heavy =
            "masking: { rules: [{ name: x, keywords: [a], pattern: '(a{1000}){1000}', match: [a] }] }\n";
        assert!(AddedRules::modest(heavy).is_err());
    }
}
