use super::settings::BackupSettings;
use super::*;

fn load(variables: &[(&str, &str)]) -> Config {
    Config::load(&variables.iter().copied().collect(), &Library::new(None, None))
}

#[test]
fn the_shipped_files_hold_no_problem() {
    let config = load(&[]);
    assert_eq!(config.problems, []);
    let names: Vec<&str> = config.providers.keys().map(String::as_str).collect();
    assert_eq!(names[..4], ["codex", "gemini", "claude", "understudy"]);
    for template in ["agy", "copilot", "opencode", "qwen", "llm", "ollama"] {
        assert_eq!(config.providers[template].enabled, Enabled::No, "{template}");
    }
}

#[test]
fn every_limit_of_every_stage_is_the_documented_one() {
    use crate::domain::stage::Stage;
    let config = load(&[]);
    let limits = |stage| {
        let found = config.context_limits(stage);
        [found.max_files, found.max_lines_per_file, found.max_error_lines, found.max_total_chars]
    };
    assert_eq!(limits(None), [7, 200, 400, 40_000]);
    assert_eq!(limits(Some(Stage::Analyze)), [10, 300, 400, 50_000]);
    assert_eq!(limits(Some(Stage::Hypothesize)), [5, 150, 400, 40_000]);
    assert_eq!(limits(Some(Stage::Implement)), [3, 200, 400, 40_000]);
    assert_eq!(limits(Some(Stage::Debug)), [3, 100, 400, 40_000]);
    assert_eq!(limits(Some(Stage::Improve)), [5, 250, 400, 40_000]);
}

#[test]
fn the_turns_of_a_single_agent_are_the_users_or_the_papers() {
    let turns = |said: &str| {
        let config = load(&[("MAESTRO_SINGLE_AGENT_TURNS", said)]);
        (config.settings.policy.single_agent_turns, config.problems.len())
    };
    assert_eq!(turns(""), (None, 0));
    assert_eq!(turns("9.5"), (Some(9.5), 0));
    for bad in ["0", "-1", "inf", "nan", "many"] {
        assert_eq!(turns(bad), (None, 1), "{bad}");
    }
}

#[test]
fn a_file_takes_only_turns_above_none() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("conf")).unwrap();
    let file = home.path().join("conf/maestro.yaml");
    let load = |turns: &str| {
        std::fs::write(&file, format!("policy:\n  single_agent_turns: {turns}\n")).unwrap();
        Config::load(&Environment::default(), &Library::new(Some(home.path().to_owned()), None))
    };
    assert_eq!(load("5").settings.policy.single_agent_turns, Some(5.0));
    assert_eq!(load("null").problems, []);
    let problems = load("0").problems;
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("above 0"), "{}", problems[0].message);
}

#[test]
fn a_problem_concerns_no_more_than_it_must() {
    let config = load(&[("MAESTRO_CODEX_TIMEOUT", "x"), ("MAESTRO_UNHEARD_OF", "1")]);
    assert_eq!(config.problems.len(), 2);
    assert!(config.general_problems().is_empty());
    assert_eq!(config.problems_for("codex").len(), 1);
    assert!(config.problems_for("claude").is_empty());
}

#[test]
fn backups_are_kept_for_a_month_and_variables_change_that() {
    let kept = |variables: &[(&str, &str)]| load(variables).settings.backups;
    let shipped = BackupSettings { max_age_days: 30, max_bytes: 500_000_000, max_sessions: 200 };
    assert_eq!(kept(&[]), shipped);
    let large = kept(&[("MAESTRO_BACKUPS_MAX_BYTES", "50000000000"), ("MAESTRO_BACKUPS_MAX_AGE_DAYS", "0")]);
    assert_eq!(large, BackupSettings { max_age_days: 0, max_bytes: 50_000_000_000, ..shipped });
    let wrong = load(&[("MAESTRO_BACKUPS_MAX_AGE_DAYS", "a month")]);
    assert!(wrong.general_problems()[0].contains("whole number of days"), "{:?}", wrong.problems);
}
