//! Record that the log keeps of a vote.

use super::{Candidate, Vote};
use crate::domain::coordination::record::Mark;
use crate::domain::event::Draft;
use crate::domain::event::record::{Noted, RedFlagged, Topic};
use crate::domain::microstep::StepType;
use crate::domain::vote::Tally;
use crate::domain::vote::canonical::Canonical;
use crate::domain::vote::record::{OptionRecord, VoteRecord};
use crate::flow::account::Account;
use crate::flow::journal::new_id;
use crate::flow::note::note_on;
use crate::flow::session::Session;

/// Records a vote on the account of its consults, and each answer that it discarded.
pub(super) async fn record(session: &Session, account: &Account, step_type: Option<StepType>, vote: &Vote) {
    let flagged = vote.flagged.iter().map(|(provider, reasons)| {
        let (provider, reasons) = (provider.clone(), reasons.clone());
        Draft::new(new_id(), RedFlagged { provider, stage: account.stage, reasons })
    });
    let record = vote.record(step_type);
    tracing::info!(
        winner = record.winner_provider,
        stop = %serde_json::json!(record.stop_reason),
        k = record.k,
        lead = record.lead,
        rounds = record.rounds,
        samples = record.samples,
        flagged = record.flagged,
        failed = record.failed,
        "vote ended"
    );
    let noted = serde_json::to_value(record);
    let noted = noted.map(|content| Draft::new(new_id(), Noted { topic: Topic::Vote, content }));
    match noted {
        Ok(noted) => note_on(session, account, flagged.chain([noted]).collect()).await,
        Err(error) => tracing::warn!(%error, "a vote is not in the log"),
    }
}

impl Vote {
    fn record(&self, step_type: Option<StepType>) -> VoteRecord {
        let ballot = &self.ballot;
        let winner = ballot.leader().filter(|_| self.stop.is_decision());
        let option = |(candidate, option): (&Candidate, &Tally<Canonical>)| OptionRecord {
            mark: Mark::of_canonical(&option.answer),
            votes: candidate.votes.clone(),
        };
        VoteRecord {
            step_type,
            k: ballot.rule().k(),
            lead: ballot.lead(),
            stop_reason: self.stop,
            winner: winner
                .and_then(|number| ballot.options().get(number))
                .map(|option| Mark::of_canonical(&option.answer)),
            winner_provider: self.winner().map(|(candidate, _)| candidate.provider.clone()),
            samples: ballot.samples(),
            valid: ballot.valid(),
            flagged: ballot.flagged(),
            failed: ballot.failed(),
            rounds: ballot.rounds(),
            options: self.candidates.iter().zip(ballot.options()).map(option).collect(),
            red_flags: self.discards.list(),
            answers: self.voices.clone(),
        }
    }
}
