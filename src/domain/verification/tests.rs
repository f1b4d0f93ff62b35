//! The shipped rules against their examples, tables of honest and hostile commands, and the readers
//! against recorded output.

use serde_json::{Value, json};

use super::policy::{Policy, ProjectState};
use super::read::{Reading, read};
use super::rules::{ProjectRules, VerificationRules, stays_inside};
use super::status::{End, Told, judge};
use crate::domain::rule::RuleFile as _;

fn shipped() -> (VerificationRules, Policy) {
    let rules = VerificationRules::from_yaml(include_str!("../../../conf/verification.yaml")).unwrap();
    let policy = Policy::new(&rules).unwrap();
    (rules, policy)
}

fn table(text: &'static str) -> Vec<&'static str> {
    text.lines().filter(|line| !line.starts_with("## ")).collect()
}

#[test]
fn the_shipped_rules_do_what_their_examples_say() {
    let (rules, policy) = shipped();
    policy.check(&rules).unwrap();
}

#[test]
fn honest_commands_are_permitted() {
    let (_, policy) = shipped();
    let commands = table(include_str!("../../../tests/data/verification/honest.txt"));
    assert!(commands.len() >= 60, "{}", commands.len());
    let refused: Vec<_> = commands
        .iter()
        .filter_map(|command| policy.judge(command, &stays_inside).err().map(|why| (command, why)))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn bypass_attempts_are_refused_each_by_its_rule() {
    let (_, policy) = shipped();
    let lines = table(include_str!("../../../tests/data/verification/bypass.txt"));
    assert!(lines.len() >= 80, "{}", lines.len());
    let mut wrong = Vec::new();
    for line in lines {
        let (rule, command) = line.split_once(" => ").unwrap_or_else(|| panic!("{line}"));
        let command = command.replace("\\n", "\n");
        match policy.judge(&command, &stays_inside) {
            Err(refused) if refused.rule == rule => {}
            other => wrong.push(format!("{line}: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_the_defaults_say_is_permitted() {
    let (rules, policy) = shipped();
    for (language, commands) in &rules.defaults {
        for command in commands.values() {
            let command = command.replace("{args}", "");
            assert!(policy.judge(&command, &stays_inside).is_ok(), "{language}: {command}");
        }
    }
}

#[test]
fn a_projects_rules_count_once_they_are_confirmed() {
    let text = "rules:\n- name: own\n  type: custom\n  commands: [./check.sh]\n  match: [./check.sh]\n  not_match: [./other.sh]\n";
    let added = ProjectRules::from_yaml(text).unwrap();
    let judged = |state| shipped().1.with_project(&added, state).unwrap().judge("./check.sh", &stays_inside);
    assert!(judged(ProjectState::Confirmed).unwrap().by_project);
    for state in [ProjectState::Unconfirmed, ProjectState::Changed] {
        assert_eq!(judged(state).unwrap_err().rule, "project_rules_unconfirmed");
    }
    let wrong = ProjectRules::from_yaml(&text.replace("match: [./check.sh]", "match: [./else.sh]")).unwrap();
    assert!(shipped().1.with_project(&wrong, ProjectState::Confirmed).is_err());
}

/// `tests/scenarios/verify/NNN_name/`: what a real program printed, and what is read from it.
#[test]
fn recorded_outputs_are_read_as_expected() {
    let mut wrong = Vec::new();
    let mut count = 0;
    let directories = std::fs::read_dir("tests/scenarios/verify").unwrap();
    for directory in directories.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let text = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
        let name = directory.file_name().unwrap().to_str().unwrap();
        let runner = name.split('_').nth(1).unwrap();
        let (stdout, stderr) = (text("stdout.txt"), text("stderr.txt"));
        let (exit, output) = (text("exit").trim().parse().unwrap(), format!("{stdout}\n{stderr}"));
        let judged = |runner: Option<&str>| {
            let reading = read(runner, &stdout, &stderr);
            let told = Told { reading: reading.as_ref(), runner, output: &output };
            (judge(End::Code(exit), told), reading)
        };
        let (status, reading) = judged(Some(runner).filter(|runner| *runner != "script"));
        // Without knowing whose output it is, the same is read.
        let (unknown_status, unknown) = judged(None);
        let failing = |reading: &Option<Reading>| reading.as_ref().map(|reading| reading.failing.clone());
        let same = unknown_status == status && failing(&unknown) == failing(&reading);
        let seen = json!({ "status": status, "reading": reading, "same_without_a_name": same });
        let expected = directory.join("expected.json");
        if std::env::var_os("RECORD").is_some() {
            std::fs::write(&expected, format!("{seen:#}\n")).unwrap();
        }
        let wanted: Value = serde_json::from_str(&text("expected.json")).unwrap();
        if wanted != seen {
            wrong.push(format!("{name}: {seen:#}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty() && count >= 35, "{count} {}", wrong.join("\n"));
}

/// Swift counts skipped tests among those that it executed.
#[test]
fn skipped_tests_of_swift_did_not_pass() {
    let totals = |summary: &str| {
        let output =
            format!("Test Suite 'All tests' passed at 2026-11-30 10:00:00.000.\n\t Executed {summary}\n");
        let totals = read(Some("swift"), &output, "").unwrap().totals;
        (totals.passed, totals.failed, totals.skipped)
    };
    let took = "(0 unexpected) in 0.005 (0.006) seconds";
    assert_eq!(totals(&format!("3 tests, with 0 failures {took}")), (Some(3), Some(0), None));
    assert_eq!(
        totals(&format!("3 tests, with 1 test skipped and 0 failures {took}")),
        (Some(2), Some(0), Some(1))
    );
    assert_eq!(
        totals(&format!("5 tests, with 2 tests skipped and 1 failure {took}")),
        (Some(2), Some(1), Some(2))
    );
    assert_eq!(totals(&format!("1 test, with 1 failure {took}")), (Some(0), Some(1), None));
}
