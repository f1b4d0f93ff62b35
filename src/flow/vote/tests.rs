//! Tests: votes over the understudy, which needs no process, and the budget that may stop them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::budget::{Reserved, SampleBudget, Unlimited};
use super::consensus::{ConsensusRequest, consensus};
use super::*;
use crate::domain::microstep::flags::{AnswerForm, Flag};
use crate::flow::pack::ContextRequest;
use crate::host::environment::Environment;
use crate::host::process::Supervisor;
use crate::provider::failure::{CliFailure, FailureKind};

/// A budget of so many samples.
struct Of(AtomicU32);

impl SampleBudget for Of {
    fn reserve(&self, samples: u32) -> Reserved<'_> {
        let taken =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(samples));
        let refusal = Error::InvalidArguments(format!("{samples} more are too many"));
        Box::pin(std::future::ready(taken.map(drop).map_err(|_| refusal)))
    }
}

fn session(directory: &tempfile::TempDir) -> Session {
    Session::new(Environment::default(), directory.path(), Supervisor::new(None))
}

fn question(prompt: &str) -> Question {
    Question {
        prompt: prompt.to_owned(),
        role: None,
        context: ContextRequest::default(),
        schema: None,
        model: None,
        timeout: None,
    }
}

/// A vote of the understudy, whose answers are flagged or not by turns.
async fn voted(k: u32, max: u32, flagged: &'static [bool], budget: &dyn SampleBudget) -> Vote {
    let directory = tempfile::tempdir().unwrap();
    let turn = Arc::new(AtomicU32::new(0));
    let check: Check = Arc::new(move |_| {
        let turn = usize::try_from(turn.fetch_add(1, Ordering::Relaxed)).unwrap();
        let is_flagged = flagged.get(turn).copied().unwrap_or(false);
        is_flagged.then(|| Flag { reason: "hedging", detail: String::new() }).into_iter().collect()
    });
    let providers = vec!["understudy".to_owned()];
    let request =
        VoteRequest { question: question("why?"), providers, rule: Rule::new(k, max).unwrap(), check };
    hold(&session(&directory), request, budget, &Progress::silent()).await.unwrap()
}

#[tokio::test]
async fn a_budget_is_asked_for_whole_rounds_and_may_end_the_vote() {
    let none = voted(3, 12, &[], &Of(AtomicU32::new(2))).await;
    assert_eq!((none.stop(), none.ballot.samples()), (Stop::Budget, 0));
    let reason = none.no_winner().unwrap();
    assert_eq!(reason.code(), "vote_over_budget");
    assert!(reason.to_string().contains("3 more are too many"), "{reason}");

    let enough = Of(AtomicU32::new(5));
    let some = voted(3, 12, &[true, true, false, true], &enough).await;
    // Three samples, of which one counts; then two more, of which one counts; then one is too many.
    assert_eq!((some.stop(), some.ballot.samples(), some.ballot.valid()), (Stop::Budget, 5, 2));
    assert_eq!(enough.0.load(Ordering::Relaxed), 0);
    assert_eq!(some.leader().map(|(_, votes)| votes), Some(2));
    assert!(some.winner().is_none());
}

#[tokio::test]
async fn flagged_samples_are_taken_again_until_the_lead_is_there() {
    let vote = voted(2, 12, &[true, false, true, false], &Unlimited).await;
    assert_eq!((vote.stop(), vote.ballot.samples(), vote.ballot.flagged()), (Stop::Unanimous, 4, 2));
    let never = voted(2, 3, &[true; 3], &Unlimited).await;
    assert_eq!((never.stop(), never.ballot.samples()), (Stop::NoValid, 3));
}

#[tokio::test]
async fn failures_are_told_apart_and_a_shutdown_cancels() {
    let mut vote = voted(1, 1, &[], &Unlimited).await;
    let cli = |kind| Error::Cli { provider: "codex".into(), failure: CliFailure::new(kind, "x") };
    vote.note_failure("codex".into(), cli(FailureKind::CliFailed));
    vote.note_failure("codex".into(), cli(FailureKind::CliFailed));
    vote.note_failure("codex".into(), cli(FailureKind::AnswerEmpty));
    assert_eq!(vote.failures.iter().map(|failure| failure.count).collect::<Vec<_>>(), [2, 1]);
    assert!(!vote.is_cancelled());
    vote.note_failure("codex".into(), Error::ShuttingDown);
    assert!(vote.is_cancelled());
}

#[tokio::test]
async fn a_consensus_says_what_it_is_worth() {
    let directory = tempfile::tempdir().unwrap();
    let request = ConsensusRequest {
        question: "why?".to_owned(),
        rule: Rule::new(3, 12).unwrap(),
        providers: Some(vec!["understudy".to_owned()]),
        form: AnswerForm::Text,
        max_chars: 15_000,
    };
    let result = consensus(&session(&directory), request, &Unlimited, &Progress::silent()).await.unwrap();
    assert!(result.ok && result.details.warning.is_some());
    assert_eq!((result.votes_for_winner, result.stop_reason), (3, Stop::Unanimous));
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
