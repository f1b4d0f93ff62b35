//! Judges commands: permits those that a rule permits, and names the rule that refuses any other.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Kind;
use super::rules::{
    AllowRule, Inside, NoCommand, Options, ProjectRules, RefuseRule, Unfit, Value, VerificationRules,
    stays_inside, undoes, words,
};
use crate::domain::order::Order;
use crate::domain::rule::{RuleError, verdict};

/// A command that may be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permitted {
    /// The rule that permits it.
    pub rule: String,
    /// Its kind, by the rule.
    pub kind: Kind,
    /// The runner whose output it has, by the rule.
    pub runner: Option<String>,
    /// Program and arguments.
    pub words: Vec<String>,
    /// The words that are neither options nor values of options, after the program and its sub-command.
    pub arguments: Vec<String>,
    /// True if a rule of the project permits it.
    pub by_project: bool,
}

/// A refused command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    pub rule: String,
    pub reason: String,
}

/// The trust in a project's own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectState {
    /// A person has confirmed them.
    Confirmed,
    /// No person has confirmed them.
    Unconfirmed,
    /// A person has confirmed them, but they were changed since.
    Changed,
}

/// The compiled rules.
#[derive(Debug)]
pub struct Policy {
    refuse: Vec<RefuseRule>,
    allow: Vec<Allow>,
    project: Option<(ProjectState, Vec<Allow>)>,
    programs: Programs,
}

impl RefuseRule {
    fn compile(&self) -> Result<(), RuleError> {
        std::iter::once(&self.pattern).chain(&self.unless).try_for_each(|pattern| pattern.check(&self.name))
    }

    fn refuses(&self, joined: &str) -> bool {
        self.pattern.is_in(joined) && !self.unless.as_ref().is_some_and(|unless| unless.is_in(joined))
    }
}

impl Policy {
    /// Compiles the rules. Examples are not tried; see [`Policy::check`].
    ///
    /// # Errors
    ///
    /// The first rule that cannot be used.
    pub fn new(rules: &VerificationRules) -> Result<Self, RuleError> {
        let programs = Programs::new(rules)?;
        let allow = rules.rules.iter().map(Allow::new).collect::<Result<Vec<_>, _>>()?;
        for rule in &rules.rules {
            check_references(rule, &rules.rules)?;
        }
        rules.refuse.iter().try_for_each(RefuseRule::compile)?;
        Ok(Self { refuse: rules.refuse.clone(), allow, project: None, programs })
    }

    /// Adds the rules of a project.
    ///
    /// # Errors
    ///
    /// The first rule that cannot be used or disagrees with its examples.
    pub fn with_project(mut self, rules: &ProjectRules, state: ProjectState) -> Result<Self, RuleError> {
        let allow = rules.rules.iter().map(Allow::new).collect::<Result<Vec<_>, _>>()?;
        for (rule, compiled) in rules.rules.iter().zip(&allow) {
            Self::check_rule(rule, |words| self.fits(compiled, words, &stays_inside).arguments().is_some())?;
        }
        self.project = Some((state, allow));
        Ok(self)
    }

    /// Tries every example of the rules that this policy was made from.
    ///
    /// # Errors
    ///
    /// The first rule that disagrees with its examples.
    pub fn check(&self, rules: &VerificationRules) -> Result<(), RuleError> {
        for refuse in &self.refuse {
            let refuses = |text: &&String| refuse.refuses(text);
            examples(&refuse.name, &refuse.matching, &refuse.not_match, refuses)?;
        }
        for rule in &rules.rules {
            let permits = |words: &[String]| matches!(self.judge_words(words, &stays_inside), Ok(permitted) if permitted.rule == rule.name);
            Self::check_rule(rule, permits)?;
        }
        Ok(())
    }

    fn check_rule(rule: &AllowRule, permits: impl Fn(&[String]) -> bool) -> Result<(), RuleError> {
        examples(&rule.name, &rule.matching, &rule.not_match, |text| {
            words(text).is_ok_and(|words| !is_assignment(&words) && permits(&words))
        })
    }

    /// Judges a command.
    ///
    /// # Errors
    ///
    /// The rule that refuses it, with the reason.
    pub fn judge(&self, command: &str, inside: Inside) -> Result<Permitted, Refused> {
        match words(command) {
            Ok(words) => self.judge_words(&words, inside),
            Err(NoCommand::Empty) => Err(refused("empty_command", "there is no command")),
            Err(NoCommand::Unreadable) => {
                Err(refused("unreadable_command", "it has an open quote or a control character"))
            }
            Err(NoCommand::Operator(operator)) => Err(refused(
                "shell_operator",
                &format!(
                    "commands run without a shell, so `{operator}` has no effect; put one command in each entry, and quote literal characters"
                ),
            )),
        }
    }

    /// Judges a command by its words.
    ///
    /// # Errors
    ///
    /// The rule that refuses it, with the reason.
    pub fn judge_words(&self, words: &[String], inside: Inside) -> Result<Permitted, Refused> {
        if let Some(permitted) = self.by_project(words, inside)? {
            return Ok(permitted);
        }
        let joined = words.join(" ");
        if let Some(refuse) = self.refuse.iter().find(|refuse| refuse.refuses(&joined)) {
            return Err(refused(&refuse.name, &refuse.reason));
        }
        let mut reason = None;
        for allow in &self.allow {
            match self.fits(allow, words, inside) {
                Fit::Yes(arguments) => return Ok(allow.permitted(words, arguments, false)),
                Fit::No => {}
                // A path that leads out is a better reason than an option that another rule lacks.
                Fit::Unfit(_) if matches!(reason, Some((_, Unfit::Outside(_)))) => {}
                Fit::Unfit(unfit) => reason = Some((allow, unfit)),
            }
        }
        Err(match reason {
            Some((rule, unfit)) => explain(rule, unfit),
            None => self.unknown(words),
        })
    }

    /// The refusal of a command that no rule knows, with examples of permitted uses of its program.
    fn unknown(&self, words: &[String]) -> Refused {
        const MOST_FORMS: usize = 3;
        let program = words.first().map_or("", String::as_str);
        if program.contains('/') {
            return refused(
                "program_by_path",
                &format!(
                    "no rule names the path `{program}`; give the program by its name, or as .venv/bin/NAME, node_modules/.bin/NAME, vendor/bin/NAME, ./gradlew, ./mvnw"
                ),
            );
        }
        let example = |rule: &Allow| rule.example_of(program, &self.programs).map(|form| format!("`{form}`"));
        let forms: Vec<String> = self.allow.iter().filter_map(example).take(MOST_FORMS).collect();
        let permitted = match forms.as_slice() {
            [] => "; `maestro-mcp trust` lets the user add rules of the project".to_owned(),
            forms => format!("; permitted are for example {}", forms.join(", ")),
        };
        refused(
            "not_a_check",
            &format!("no rule of conf/verification.yaml permits this use of `{program}`{permitted}"),
        )
    }

    fn by_project(&self, words: &[String], inside: Inside) -> Result<Option<Permitted>, Refused> {
        let Some((state, rules)) = &self.project else { return Ok(None) };
        if is_assignment(words) {
            return Ok(None);
        }
        let fitting = |rule: &'_ Allow| self.fits(rule, words, inside).arguments();
        let Some((rule, arguments)) = rules.iter().find_map(|rule| Some((rule, fitting(rule)?))) else {
            return Ok(None);
        };
        let why = match state {
            ProjectState::Confirmed => return Ok(Some(rule.permitted(words, arguments, true))),
            ProjectState::Unconfirmed => "which is not confirmed",
            ProjectState::Changed => "which was changed after it was confirmed",
        };
        // A command that the shipped rules permit does not depend on the project's rules.
        if self.allow.iter().any(|allow| fitting(allow).is_some()) {
            return Ok(None);
        }
        Err(refused(
            "project_rules_unconfirmed",
            &format!(
                "rule `{}` of .maestro/verification.yaml would permit it, {why}; the user can read and confirm the file with `maestro-mcp trust` in a terminal",
                rule.name()
            ),
        ))
    }

    fn fits(&self, rule: &Allow, words: &[String], inside: Inside) -> Fit {
        rule.fits(words, &self.programs, &self.allow, inside)
    }
}

fn is_assignment(words: &[String]) -> bool {
    words.first().is_some_and(|word| word.contains('='))
}

fn check_references(rule: &AllowRule, all: &[AllowRule]) -> Result<(), RuleError> {
    let missing =
        rule.wraps.iter().chain(&rule.passes_to).find(|name| !all.iter().any(|other| other.name == **name));
    match missing {
        None => Ok(()),
        Some(name) => Err(RuleError::Incomplete {
            rule: rule.name.clone(),
            problem: format!("there is no rule `{name}`"),
        }),
    }
}

/// Tries the examples of a rule. There must be at least one `match` example.
fn examples(
    rule: &str,
    matching: &[String],
    not_match: &[String],
    fits: impl Fn(&&String) -> bool,
) -> Result<(), RuleError> {
    if matching.is_empty() {
        let problem = "it has no `match` example".to_owned();
        return Err(RuleError::Incomplete { rule: rule.to_owned(), problem });
    }
    let missed = matching.iter().find(|example| !fits(example));
    verdict(rule, missed.cloned(), not_match.iter().find(fits).cloned())
}

fn refused(rule: &str, reason: &str) -> Refused {
    Refused { rule: rule.to_owned(), reason: reason.to_owned() }
}

fn explain(rule: &Allow, unfit: Unfit) -> Refused {
    let name = rule.name();
    let form = rule.example().map_or_else(String::new, |form| format!("; a permitted form is `{form}`"));
    match unfit {
        Unfit::Outside(path) => refused(
            "outside_project",
            &format!("`{path}` leads out of the project root and MAESTRO_REPO_ROOTS"),
        ),
        Unfit::Option(option) => refused(
            name,
            &format!("this rule does not permit the option `{option}`, or not with this value{form}"),
        ),
        Unfit::Argument(word) => {
            refused(name, &format!("this rule does not permit the argument `{word}`{form}"))
        }
        Unfit::Missing(words) => refused(name, &format!("it needs one of {words}{form}")),
        Unfit::Count => refused(name, &format!("it has too few or too many arguments{form}")),
    }
}

/// The most levels to which commands may wrap other commands.
const MOST_WRAPPED: usize = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fit {
    /// The rule is about other commands.
    No,
    /// The rule permits the command. These words are its arguments.
    Yes(Vec<String>),
    /// The command begins as the rule says, but does not fit it.
    Unfit(Unfit),
}

impl Fit {
    /// The arguments of a command that the rule permits.
    fn arguments(self) -> Option<Vec<String>> {
        match self {
            Self::Yes(arguments) => Some(arguments),
            Self::No | Self::Unfit(_) => None,
        }
    }
}

/// Programs with several names, and the directories of families.
#[derive(Debug)]
struct Programs {
    places: BTreeMap<String, Vec<String>>,
    known: BTreeMap<String, (Vec<String>, Option<String>, Options)>,
}

impl Programs {
    fn new(rules: &VerificationRules) -> Result<Self, RuleError> {
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

    /// True if a word names a program, by its name alone or by a path of its family.
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

    /// The number of words that this beginning takes in a command; None if the command begins otherwise.
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

/// A compiled rule.
#[derive(Debug)]
struct Allow {
    rule: AllowRule,
    beginnings: Vec<Vec<String>>,
    options: Options,
    arguments: Value,
    after: Option<(Options, Value)>,
}

impl Allow {
    fn new(rule: &AllowRule) -> Result<Self, RuleError> {
        let name = rule.name.as_str();
        let value = |written: Option<&str>| Value::parse(name, written.unwrap_or("none"));
        let mut beginnings: Vec<Vec<String>> = rule
            .commands
            .iter()
            .map(|command| command.split_whitespace().map(str::to_owned).collect())
            .collect();
        // Longest first, so that `python -m unittest discover` is not taken for `python -m unittest`.
        beginnings.order_by_key(|beginning| std::cmp::Reverse(beginning.len()));
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

    fn name(&self) -> &str {
        &self.rule.name
    }

    /// The first command among the examples that the rule permits.
    fn example(&self) -> Option<&str> {
        self.rule.matching.first().map(String::as_str)
    }

    /// The first permitted example that uses this program.
    fn example_of(&self, program: &str, programs: &Programs) -> Option<&str> {
        let is_it = |beginning: &Vec<String>| {
            beginning.first().is_some_and(|name| name == program || programs.is_one_of(program, name))
        };
        self.rule
            .matching
            .iter()
            .map(String::as_str)
            .find(|example| self.beginnings.iter().any(is_it) && example.split(' ').next() == Some(program))
    }

    fn permitted(&self, words: &[String], arguments: Vec<String>, by_project: bool) -> Permitted {
        let kind: Kind = self.rule.kind;
        let (rule, runner) = (self.rule.name.clone(), self.rule.runner.clone());
        Permitted { rule, kind, runner, words: words.to_vec(), arguments, by_project }
    }

    fn fits(&self, words: &[String], programs: &Programs, all: &[Self], inside: Inside) -> Fit {
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
            Ok(arguments) if self.has_required(words) => Fit::Yes(arguments),
            Ok(_) => Fit::Unfit(Unfit::Missing(self.rule.requires.join(", "))),
            Err(unfit) => Fit::Unfit(unfit),
        }
    }

    /// Checks that the rest is a command that one of the wrapped rules permits.
    fn wraps(&self, rest: &[String], programs: &Programs, all: &[Self], inside: Inside, depth: usize) -> Fit {
        let unfit = || Fit::Unfit(Unfit::Argument(rest.first().cloned().unwrap_or_default()));
        if depth >= MOST_WRAPPED {
            return unfit();
        }
        let mut result = unfit();
        for inner in all.iter().filter(|other| self.rule.wraps.contains(&other.rule.name)) {
            match inner.fits_at(rest, programs, all, inside, depth + 1) {
                fit @ Fit::Yes(_) => return fit,
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

    /// The arguments among words that the rule permits.
    fn check(&self, words: &[String], all: &[Self], inside: Inside) -> Result<Vec<String>, Unfit> {
        let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
        let (before, rest) = words.split_at_checked(end).unwrap_or((words, &[]));
        let mut arguments = take(before, &self.options, &self.arguments, inside)?;
        let count = arguments.len();
        if count < self.rule.least || self.rule.most.is_some_and(|most| count > most) {
            return Err(Unfit::Count);
        }
        if let Some((_, behind)) = rest.split_first() {
            arguments.extend(self.check_behind(behind, all, inside)?);
        }
        Ok(arguments)
    }

    /// Checks the words after `--`.
    fn check_behind(&self, words: &[String], all: &[Self], inside: Inside) -> Result<Vec<String>, Unfit> {
        if let Some((options, arguments)) = &self.after {
            return take(words, options, arguments, inside);
        }
        let mut result = Err(Unfit::Option("--".to_owned()));
        for other in all.iter().filter(|other| self.rule.passes_to.contains(&other.rule.name)) {
            match take(words, &other.options, &other.arguments, inside) {
                Ok(arguments) => return Ok(arguments),
                Err(unfit) if !matches!(result, Err(Unfit::Outside(_))) => result = Err(unfit),
                Err(_) => {}
            }
        }
        result
    }
}

/// Checks options and arguments, and returns the arguments.
fn take(
    words: &[String],
    options: &Options,
    arguments: &Value,
    inside: Inside,
) -> Result<Vec<String>, Unfit> {
    let (mut at, mut found) = (0, Vec::new());
    while let Some(word) = words.get(at) {
        if word.starts_with('-') {
            at += options.take(words.get(at..).unwrap_or_default(), inside)?;
            continue;
        }
        arguments.check(word, inside)?;
        // Any argument may be read as a path.
        if !inside(word.split("::").next().unwrap_or(word)) {
            return Err(Unfit::Outside(word.clone()));
        }
        found.push(word.clone());
        at += 1;
    }
    Ok(found)
}
