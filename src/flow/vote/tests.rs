//! Tests: votes over the understudy, which needs no process, and what the log has of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::consensus::{ConsensusRequest, consensus};
use super::measured::Checked;
use super::*;
use crate::domain::call_options::CallOptions;
use crate::domain::event::consult::Purpose;
use crate::domain::event::stage::{LowRisk, RunStarted};
use crate::domain::event::{Body, Draft, Event, Noted, Topic};
use crate::domain::redflag::AnswerForm;
use crate::domain::stage::Stage;
use crate::domain::vote::VoteRecord;
use crate::flow::account::Account;
use crate::host::environment::Environment;
use crate::host::process::Supervisor;
use crate::provider::failure::{CliFailure, FailureKind};

fn kit(directory: &tempfile::TempDir) -> Kit {
    let environment = [("MAESTRO_MAX_CONSULT_TOTAL", "5")].into_iter().collect::<Environment>();
    Kit::new(environment, directory.path(), Supervisor::new(None))
}

/// A project with a run of at most five consults.
async fn in_a_run(directory: &tempfile::TempDir, purpose: Purpose) -> (Kit, Account) {
    let kit = kit(directory);
    let body = RunStarted {
        task: "t".into(),
        start_stage: Stage::Analyze,
        low_risk: LowRisk::Ask,
        carried: 0,
        approvals: None,
        server: None,
    };
    kit.log.journal().record("r", vec![Draft::new("r", body)]).await.unwrap();
    // A resample counts in the run and in no stage.
    let account = Account { run: Some("r".to_owned()), ..Account::outside(purpose) };
    (kit, account)
}

fn question(prompt: &str, account: Account) -> Question {
    Question::new(prompt.to_owned(), account)
}

/// A vote of the understudy, whose answers are flagged or not by turns.
async fn vote_in(kit: &Kit, account: Account, rule: Rule, flagged: &'static [bool]) -> Vote {
    let turn = Arc::new(AtomicU32::new(0));
    let check: Check = Arc::new(move |answer| {
        let turn = usize::try_from(turn.fetch_add(1, Ordering::Relaxed)).unwrap();
        let is_flagged = flagged.get(turn).copied().unwrap_or(false);
        if is_flagged {
            Checked::flagged("hedging", "")
        } else {
            Checked::Valid { canonical: Canonical::of(answer), said: None }
        }
    });
    let providers = vec!["understudy".to_owned()];
    let question = question("why?", account);
    let request = VoteRequest { question, step_type: None, providers, rule, check };
    hold(kit, request, &Progress::silent()).await.unwrap()
}

async fn voted(k: u32, max: u32, flagged: &'static [bool]) -> Vote {
    let directory = tempfile::tempdir().unwrap();
    let account = Account::outside(Purpose::Vote);
    vote_in(&kit(&directory), account, Rule::new(k, max).unwrap(), flagged).await
}

fn reserved(events: &[Event]) -> Vec<Purpose> {
    let purpose = |event: &Event| match &event.body {
        Body::ConsultReserved(reserved) => Some(reserved.purpose),
        _ => None,
    };
    events.iter().filter_map(purpose).collect()
}

#[tokio::test]
async fn a_budget_is_asked_for_whole_rounds_and_may_end_the_vote() {
    let directory = tempfile::tempdir().unwrap();
    let (kit, account) = in_a_run(&directory, Purpose::Resample).await;
    let rule = Rule::new(3, 12).unwrap();
    // Three samples, of which one counts; then two more, of which one counts; then one is too many.
    let some = vote_in(&kit, account.clone(), rule, &[true, true, false, true]).await;
    assert_eq!((some.stop, some.ballot.samples(), some.ballot.valid()), (Stop::Budget, 5, 2));
    assert_eq!(some.leader().map(|(_, votes)| votes), Some(2));
    assert!(some.winner().is_none());
    let none = vote_in(&kit, account, rule, &[]).await;
    assert_eq!((none.stop, none.ballot.samples()), (Stop::Budget, 0));
    let reason = none.no_winner().unwrap();
    assert_eq!(reason.code(), "vote_over_budget");
    assert!(reason.to_string().contains("5 of 5"), "{reason}");
}

#[tokio::test]
async fn votes_are_in_the_log_and_beyond_the_limits_of_the_run() {
    let directory = tempfile::tempdir().unwrap();
    let (kit, account) = in_a_run(&directory, Purpose::Vote).await;
    let flagged = &[true, true, true, true, true, true];
    let vote = vote_in(&kit, account, Rule::new(3, 12).unwrap(), flagged).await;
    assert_eq!((vote.stop, vote.ballot.samples()), (Stop::Unanimous, 9));
    let events = kit.log.journal().events(Some("r".to_owned())).await.unwrap();
    assert_eq!(reserved(&events), [Purpose::Vote; 9]);
    assert_eq!(events.iter().filter(|event| matches!(event.body, Body::ConsultSettled(_))).count(), 9);
    let flags = events.iter().filter(|event| matches!(event.body, Body::RedFlagged(_)));
    assert_eq!(flags.count(), 6);
    let Some(Body::Noted(Noted { topic: Topic::Vote, content })) = events.last().map(|event| &event.body)
    else {
        panic!("the vote is not the last event");
    };
    let record: VoteRecord = serde_json::from_value(content.clone()).unwrap();
    assert_eq!((record.k, record.valid, record.flagged), (3, 3, 6));
    assert_eq!((record.winner_provider.as_deref(), record.answers.len()), (Some("understudy"), 1));
    assert_eq!(record.winner.as_ref(), record.options.first().map(|option| &option.mark));
    assert_eq!(kit.log.journal().read(|history| history.questions.len()).await.unwrap(), 0);
}

#[tokio::test]
async fn flagged_samples_are_taken_again_until_the_lead_is_there() {
    let vote = voted(2, 12, &[true, false, true, false]).await;
    assert_eq!((vote.stop, vote.ballot.samples(), vote.ballot.flagged()), (Stop::Unanimous, 4, 2));
    let never = voted(2, 4, &[true; 4]).await;
    assert_eq!((never.stop, never.ballot.samples()), (Stop::NoValid, 4));
}

#[tokio::test]
async fn failures_are_told_apart_and_a_shutdown_cancels() {
    let mut vote = voted(1, 1, &[]).await;
    let cli = |kind| Error::Cli {
        provider: "codex".into(),
        failure: CliFailure::new(kind, "x"),
        others: Vec::new(),
    };
    vote.note_failure("codex".into(), cli(FailureKind::CliFailed));
    vote.note_failure("codex".into(), cli(FailureKind::CliFailed));
    vote.note_failure("codex".into(), cli(FailureKind::AnswerEmpty));
    assert_eq!(vote.failures.iter().map(|failure| failure.count).collect::<Vec<_>>(), [2, 1]);
    assert!(!vote.is_cancelled());
    vote.note_failure("codex".into(), Error::ShuttingDown);
    assert!(vote.is_cancelled());
}

#[tokio::test]
async fn rules_are_no_voter() {
    let directory = tempfile::tempdir().unwrap();
    let request = ConsensusRequest {
        call: CallOptions::default(),
        question: "why?".to_owned(),
        k: None,
        max_samples: None,
        options: None,
        providers: Some(vec!["understudy".to_owned()]),
        form: AnswerForm::Text,
        max_chars: 15_000,
        account: Account::outside(Purpose::Vote),
    };
    let refused = consensus(&kit(&directory), request, &Progress::silent()).await.unwrap_err();
    assert_eq!(refused.code(), "no_provider");
    assert!(refused.to_string().contains("rules"), "{refused}");
}

#[test]
fn costs_add_up_where_they_are_told() {
    let mut total = Usage::default();
    add_usage(&mut total, Usage::default());
    assert!(total.is_empty());
    let one = Usage { input_tokens: Some(2), output_tokens: None, cost_usd: Some(0.5) };
    add_usage(&mut total, one);
    add_usage(&mut total, one);
    assert_eq!(total, Usage { input_tokens: Some(4), output_tokens: None, cost_usd: Some(1.0) });
}
