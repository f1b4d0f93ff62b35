//! One rule that permits commands.

use std::collections::BTreeMap;

use super::Permitted;
use crate::domain::rule::RuleError;
use crate::domain::verification::Kind;
use crate::domain::verification::option::{Inside, Options, Unfit, Value, undoes};
use crate::domain::verification::rules::{AllowRule, VerificationRules};

/// Depth to which one command may wrap another.
const MOST_WRAPPED: usize = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is another command.
    No,
    /// The rule permits it.
    Yes,
    /// It begins as the rule says, and goes on otherwise.
    Unfit(Unfit),
}

/// Programs with several names, and the places of families.
#[derive(Debug)]
pub(super) struct Programs {
    places: BTreeMap<String, Vec<String>>,
    known: BTreeMap<String, (Vec<String>, Option<String>, Options)>,
}

impl Programs {
    pub(super) fn new(rules: &VerificationRules) -> Result<Self, RuleError> {
        let compiled = rules.programs.iter().map(|(name, program)| {
            let options = Options::parse(name, &program.options, false)?;
            Ok((name.clone(), (program.names.clone(), program.family.clone(), options)))
        });
        Ok(Self { places: rules.places.clone(), known: compiled.collect::<Result<_, RuleError>>()? })
    }

    /// True if a word is one of a program's names.
    fn is_one_of(&self, word: &str, name: &str) -> bool {
        self.known.get(name).is_some_and(|(names, ..)| names.iter().any(|known| known == word))
    }

    /// True if a word names a program, bare or by a path of its family.
    fn is_named(&self, word: &str, name: &str, family: Option<&str>) -> bool {
        if word == name {
            return true;
        }
        let relative = word.strip_prefix("./").unwrap_or(word);
        let places = family.and_then(|family| self.places.get(family));
        places.into_iter().flatten().any(|place| {
            relative.strip_prefix(place.as_str()).and_then(|rest| rest.strip_prefix('/')) == Some(name)
        })
    }

    /// Returns how many words a command's beginning takes, if it is this one.
    fn begins(
        &self,
        words: &[String],
        beginning: &[String],
        family: Option<&str>,
        inside: Inside,
    ) -> Option<usize> {
        let (program, rest) = beginning.split_first()?;
        let word = words.first()?;
        let mut at = 1;
        if let Some((names, own, options)) = self.known.get(program) {
            let family = own.as_deref().or(family);
            if !names.iter().any(|name| self.is_named(word, name, family)) {
                return None;
            }
            while words.get(at) != rest.first() && words.get(at).is_some_and(|word| word.starts_with('-')) {
                at += options.take(words.get(at..)?, inside).ok()?;
            }
        } else if !self.is_named(word, program, family) {
            return None;
        }
        let end = at + rest.len();
        (words.get(at..end)? == rest).then_some(end)
    }
}

/// A rule, ready to judge.
#[derive(Debug)]
pub(super) struct Allow {
    rule: AllowRule,
    beginnings: Vec<Vec<String>>,
    options: Options,
    arguments: Value,
    after: Option<(Options, Value)>,
}

impl Allow {
    pub(super) fn new(rule: &AllowRule) -> Result<Self, RuleError> {
        let name = rule.name.as_str();
        let value = |written: Option<&str>| Value::parse(name, written.unwrap_or("none"));
        let mut beginnings: Vec<Vec<String>> = rule
            .commands
            .iter()
            .map(|command| command.split_whitespace().map(str::to_owned).collect())
            .collect();
        // The longest first: `python -m unittest discover` is no `python -m unittest`.
        beginnings.sort_by_key(|beginning| std::cmp::Reverse(beginning.len()));
        if beginnings.iter().any(Vec::is_empty) || beginnings.is_empty() {
            return Err(RuleError::Incomplete {
                rule: name.to_owned(),
                problem: "it names no command".to_owned(),
            });
        }
        let after = rule.after.as_ref().map(|after| {
            Ok((Options::parse(name, &after.options, false)?, value(after.arguments.as_deref())?))
        });
        Ok(Self {
            beginnings,
            options: Options::parse(name, &rule.options, rule.single_dash)?,
            arguments: value(rule.arguments.as_deref())?,
            after: after.transpose()?,
            rule: rule.clone(),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.rule.name
    }

    /// A command that it permits.
    pub(super) fn example(&self) -> Option<&str> {
        self.rule.matching.first().map(String::as_str)
    }

    /// A command of that program that it permits.
    pub(super) fn example_of(&self, program: &str, programs: &Programs) -> Option<&str> {
        let is_it = |beginning: &Vec<String>| {
            beginning.first().is_some_and(|name| name == program || programs.is_one_of(program, name))
        };
        self.rule
            .matching
            .iter()
            .map(String::as_str)
            .find(|example| self.beginnings.iter().any(is_it) && example.split(' ').next() == Some(program))
    }

    pub(super) fn permitted(&self, words: &[String], by_project: bool) -> Permitted {
        let kind: Kind = self.rule.kind;
        let words = words.to_vec();
        Permitted { rule: self.rule.name.clone(), kind, runner: self.rule.runner.clone(), words, by_project }
    }

    pub(super) fn fits(&self, words: &[String], programs: &Programs, all: &[Self], inside: Inside) -> Fit {
        self.fits_at(words, programs, all, inside, 0)
    }

    fn fits_at(
        &self,
        words: &[String],
        programs: &Programs,
        all: &[Self],
        inside: Inside,
        depth: usize,
    ) -> Fit {
        let family = self.rule.family.as_deref();
        let begins = |beginning: &Vec<String>| programs.begins(words, beginning, family, inside);
        let Some(rest) = self.beginnings.iter().find_map(begins).and_then(|end| words.get(end..)) else {
            return Fit::No;
        };
        if !self.rule.wraps.is_empty() {
            return self.wraps(rest, programs, all, inside, depth);
        }
        match self.check(rest, all, inside) {
            Ok(()) if self.has_required(words) => Fit::Yes,
            Ok(()) => Fit::Unfit(Unfit::Missing(self.rule.requires.join(", "))),
            Err(unfit) => Fit::Unfit(unfit),
        }
    }

    /// The rest is a command of its own, of one of the rules named.
    fn wraps(&self, rest: &[String], programs: &Programs, all: &[Self], inside: Inside, depth: usize) -> Fit {
        let unfit = || Fit::Unfit(Unfit::Argument(rest.first().cloned().unwrap_or_default()));
        if depth >= MOST_WRAPPED {
            return unfit();
        }
        let mut result = unfit();
        for inner in all.iter().filter(|other| self.rule.wraps.contains(&other.rule.name)) {
            match inner.fits_at(rest, programs, all, inside, depth + 1) {
                Fit::Yes => return Fit::Yes,
                Fit::No => {}
                unfit @ Fit::Unfit(_) => result = unfit,
            }
        }
        result
    }

    fn has_required(&self, words: &[String]) -> bool {
        let required = &self.rule.requires;
        let is_there = |wanted: &String| {
            words.iter().any(|word| {
                word == wanted
                    || word.split_once('=').is_some_and(|(name, value)| name == wanted && !undoes(value))
            })
        };
        required.is_empty() || required.iter().any(is_there)
    }

    fn check(&self, words: &[String], all: &[Self], inside: Inside) -> Result<(), Unfit> {
        let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
        let (before, rest) = words.split_at_checked(end).unwrap_or((words, &[]));
        let count = take(before, &self.options, &self.arguments, inside)?;
        if count < self.rule.least || self.rule.most.is_some_and(|most| count > most) {
            return Err(Unfit::Count);
        }
        match rest.split_first() {
            None => Ok(()),
            Some((_, behind)) => self.check_behind(behind, all, inside),
        }
    }

    /// Returns what stands behind `--`.
    fn check_behind(&self, words: &[String], all: &[Self], inside: Inside) -> Result<(), Unfit> {
        if let Some((options, arguments)) = &self.after {
            return take(words, options, arguments, inside).map(|_| ());
        }
        let mut result = Err(Unfit::Option("--".to_owned()));
        for other in all.iter().filter(|other| self.rule.passes_to.contains(&other.rule.name)) {
            match take(words, &other.options, &other.arguments, inside) {
                Ok(_) => return Ok(()),
                Err(unfit) if !matches!(result, Err(Unfit::Outside(_))) => result = Err(unfit),
                Err(_) => {}
            }
        }
        result
    }
}

/// Takes options and arguments, and counts the arguments.
fn take(words: &[String], options: &Options, arguments: &Value, inside: Inside) -> Result<usize, Unfit> {
    let (mut at, mut count) = (0, 0);
    while let Some(word) = words.get(at) {
        if word.starts_with('-') {
            at += options.take(words.get(at..).unwrap_or_default(), inside)?;
            continue;
        }
        arguments.check(word, inside)?;
        // Whatever an argument is called, it may be read as a path.
        if !inside(word.split("::").next().unwrap_or(word)) {
            return Err(Unfit::Outside(word.clone()));
        }
        count += 1;
        at += 1;
    }
    Ok(count)
}
