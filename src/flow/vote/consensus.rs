//! A vote on any question.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::Serialize;

use super::report::Details;
use super::sample::{Check, Checked};
use super::{Vote, VoteRequest, hold};
use crate::domain::redflag::AnswerForm;
use crate::domain::vote::canonical::Canonical;
use crate::domain::vote::{Rule, Stop};
use crate::error::{Error, ErrorNote};
use crate::flow::account::Account;
use crate::flow::consult::Question;
use crate::flow::ensemble::chosen;
use crate::flow::pack::ContextRequest;
use crate::flow::progress::Progress;
use crate::flow::session::Session;

/// A question that is put to the vote.
#[derive(Clone, Debug)]
pub struct ConsensusRequest {
    /// The question.
    pub question: String,
    /// What decides.
    pub rule: Rule,
    /// Who is asked; everybody who is there where nobody is named.
    pub providers: Option<Vec<String>>,
    /// What form an answer has.
    pub form: AnswerForm,
    /// The greatest length of an answer in characters.
    pub max_chars: usize,
    /// On whose account it goes.
    pub account: Account,
}

/// The result of a vote.
#[derive(Clone, Debug, Serialize)]
pub struct Consensus {
    /// Whether an answer won.
    pub ok: bool,
    /// The answer that won, verbatim as it first came; none where nobody is k ahead.
    pub winner: Option<String>,
    /// Its votes.
    pub votes_for_winner: u32,
    /// Its share of the valid votes. Agreement is no accuracy: `maestro_calibrate` measures that.
    pub confidence: f64,
    /// Answers that came in, discarded ones included.
    pub total_votes: u32,
    /// Those that counted.
    pub total_valid_votes: u32,
    /// Those that did not.
    pub red_flagged_count: u32,
    /// Rounds; the samples of one run side by side.
    pub rounds: u32,
    /// Why it ended.
    pub stop_reason: Stop,
    /// Votes by answer.
    pub vote_distribution: IndexMap<String, u32>,
    /// What else is known.
    #[serde(flatten)]
    pub details: Details,
    /// Why nobody won.
    #[serde(flatten)]
    pub failure: Option<ErrorNote>,
}

/// Puts a question to the vote. A vote that nobody wins is `ok: false`, with everything that it found.
///
/// # Errors
///
/// Nobody can be asked, an unknown provider, or rules that cannot be used.
pub async fn consensus(
    session: &Session,
    request: ConsensusRequest,
    progress: &Progress,
) -> Result<Consensus, Error> {
    session.check_config()?;
    let providers = chosen(session, request.providers.clone())?;
    let flags = session.vote_flags()?;
    let (max_chars, form) = (request.max_chars, request.form);
    let check: Check = Arc::new(move |answer| {
        Checked::new(flags.of_answer(answer, max_chars, form), || Canonical::of(answer))
    });
    let question = request.prompt();
    let request = VoteRequest { question, step_type: None, providers, rule: request.rule, check };
    Ok(Consensus::of(&hold(session, request, progress).await?))
}

impl ConsensusRequest {
    fn prompt(&self) -> Question {
        let form = match self.form {
            AnswerForm::Text => "Answer with the answer alone, without an explanation",
            AnswerForm::Json => "Answer with JSON alone, without an explanation",
        };
        // An empty question stays empty, so that it is refused.
        let rest = if self.question.trim().is_empty() {
            String::new()
        } else {
            format!(
                "\n\n{form}, in at most {} characters: it is compared with other answers.",
                self.max_chars
            )
        };
        Question {
            prompt: format!("{}{rest}", self.question),
            role: None,
            context: ContextRequest::default(),
            schema: None,
            model: None,
            timeout: None,
            account: self.account.clone(),
        }
    }
}

impl Consensus {
    fn of(vote: &Vote) -> Self {
        let details = Details::of(vote);
        let (ballot, winner) = (&vote.ballot, vote.winner());
        let votes = winner.map_or(0, |(_, votes)| votes);
        Self {
            ok: winner.is_some(),
            winner: winner.map(|(candidate, _)| candidate.text.clone()),
            votes_for_winner: votes,
            confidence: f64::from(votes) / f64::from(ballot.valid().max(1)),
            total_votes: ballot.valid() + ballot.flagged(),
            total_valid_votes: ballot.valid(),
            red_flagged_count: ballot.flagged(),
            rounds: ballot.rounds(),
            stop_reason: vote.stop,
            vote_distribution: details.distribution(),
            failure: vote.no_winner().map(|reason| Error::Vote(reason).note()),
            details,
        }
    }
}
