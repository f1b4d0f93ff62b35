//! A vote on any question.

use std::sync::Arc;

use serde_json::{Value, json};

use super::measured::{Check, Checked};
use super::{Compared, Source, VoteRequest, hold, voters};
use crate::domain::answer::{document, spoken};
use crate::domain::call_options::CallOptions;
use crate::domain::prompt::prompt;
use crate::domain::redflag::AnswerForm;
use crate::domain::track_record::Work;
use crate::domain::vote::canonical::{Canonical, Form};
use crate::domain::vote::choice::{NoChoice, Options};
use crate::domain::vote::stated::{is_left_blank, stated};
use crate::domain::vote::{Rule, usual_k, usual_max};
use crate::error::Error;
use crate::flow::account::Account;
use crate::flow::consult::Question;
use crate::flow::kit::Kit;
use crate::flow::progress::Progress;

/// Lower bound of the default maximum number of samples.
const LEAST_MAX: u32 = 12;

/// A question that is put to the vote.
#[derive(Clone, Debug)]
pub struct ConsensusRequest {
    pub question: String,
    /// The lead that decides; by default it depends on the providers.
    pub k: Option<u32>,
    /// The maximum number of samples; by default it follows from k.
    pub max_samples: Option<u32>,
    /// The permitted answers; `None` permits any.
    pub options: Option<Options>,
    /// Providers that are asked; all available ones if none is named.
    pub providers: Option<Vec<String>>,
    pub form: AnswerForm,
    /// Maximum length of an answer in characters.
    pub max_chars: usize,
    pub call: CallOptions,
    /// The account that pays.
    pub account: Account,
}

/// Holds a vote on a question. A vote without a winner is `ok: false`, with everything that it found.
///
/// # Errors
///
/// No provider can be asked, a provider is unknown, or the rules cannot be used.
pub async fn consensus(kit: &Kit, request: ConsensusRequest, progress: &Progress) -> Result<Value, Error> {
    kit.config.check()?;
    let work = Work::at(request.account.stage);
    let (providers, note) = voters(kit, request.providers.clone(), work).await?;
    let how = How::of(&request)?;
    let k = request.k.unwrap_or_else(|| usual_k(providers.len()));
    let max = request.max_samples.unwrap_or_else(|| usual_max(k, LEAST_MAX));
    let rule = Rule::new(k, max).map_err(|error| Error::InvalidArguments(error.to_string()))?;
    let (k_source, max_source) = (Source::of(request.k), Source::of(request.max_samples));
    let flags = kit.config.vote_flags()?;
    let (max_chars, reading) = (request.max_chars, how.clone());
    let check: Check = Arc::new(move |answer| {
        let found = flags.of_answer(answer, max_chars, reading.form());
        if found.is_empty() { reading.read(answer) } else { Checked::Flagged(found) }
    });
    let question = request.prompt(&how);
    let request = VoteRequest { question, step_type: None, providers, rule, check };
    let vote = hold(kit, request, progress).await?;
    let (ballot, winner) = (&vote.ballot, vote.winner());
    let own = json!({
        "ok": winner.is_some(),
        // The `ANSWER:` line, the option or the whole answer, as the first sample wrote it.
        "winner": winner.map(|(candidate, _)| &candidate.text),
        "winner_text": winner.and_then(|(candidate, _)| candidate.whole.as_ref()),
        "votes_for_winner": winner.map_or(0, |(_, votes)| votes),
        // Agreement is no accuracy: `maestro_calibrate` measures that.
        "confidence": winner.map_or(0.0, |_| vote.confidence()),
        "total_votes": ballot.valid() + ballot.flagged(),
        "total_valid_votes": ballot.valid(),
        "rounds": ballot.rounds(),
        "k_source": k_source,
    });
    Ok(vote.result(own, &how.compared(), max_source, note))
}

#[derive(Clone, Debug)]
enum How {
    Options(Options),
    /// Compares the `ANSWER:` lines.
    Line,
    /// Compares the JSON documents.
    Json,
}

impl How {
    fn of(request: &ConsensusRequest) -> Result<Self, Error> {
        match (&request.options, request.form) {
            (Some(_), AnswerForm::Json) => Err(Error::InvalidArguments(
                "options and require_json exclude each other: an option is compared, or a document"
                    .to_owned(),
            )),
            (Some(options), AnswerForm::Text) => Ok(Self::Options(options.clone())),
            (None, AnswerForm::Json) => Ok(Self::Json),
            (None, AnswerForm::Text) => Ok(Self::Line),
        }
    }

    fn form(&self) -> AnswerForm {
        match self {
            Self::Json => AnswerForm::Json,
            Self::Options(_) | Self::Line => AnswerForm::Text,
        }
    }

    fn compared(&self) -> Compared {
        match self {
            Self::Options(options) => {
                Compared::Options { options: options.written().map(str::to_owned).collect() }
            }
            Self::Line => Compared::AnswerLine,
            Self::Json => Compared::Json,
        }
    }

    /// The vote of an answer that has no red flag.
    fn read(&self, answer: &str) -> Checked {
        let spoken = spoken(answer);
        let text = spoken.text();
        match self {
            Self::Options(options) => match options.chosen(text) {
                Ok(option) => {
                    Checked::Valid { canonical: Canonical::of_option(option), said: said(option, text) }
                }
                Err(NoChoice::None) => Checked::flagged("no_option", "it names none of the options"),
                Err(NoChoice::Several) => {
                    Checked::flagged("several_options", "it names more than one option")
                }
            },
            Self::Line => match stated(text) {
                Some(stated) => Checked::Valid { canonical: Canonical::of(stated), said: said(stated, text) },
                None if is_left_blank(text) => Checked::flagged("no_answer", "its `ANSWER:` line is empty"),
                None => Self::as_a_whole(text),
            },
            Self::Json => match document(text) {
                Ok(found) => Checked::Valid { canonical: Canonical::of_document(&found.value), said: None },
                Err(unreadable) => Checked::flagged("invalid_json", unreadable.to_string()),
            },
        }
    }

    /// The vote of an answer without the requested line: if it is a single line, that line. Several lines
    /// of prose never repeat word for word.
    fn as_a_whole(text: &str) -> Checked {
        let canonical = Canonical::of(text);
        let is_code = || text.trim().starts_with("```") || text.trim().starts_with("~~~");
        let is_comparable = match canonical.form() {
            Form::Lines => is_code(),
            Form::Json | Form::Diff | Form::Text | Form::Fields | Form::Choice => true,
        };
        if is_comparable {
            Checked::Valid { canonical, said: None }
        } else {
            Checked::flagged("no_answer_line", "several lines without an `ANSWER: ...` line")
        }
    }
}

/// The compared part of an answer, if that is not all of it.
fn said(part: &str, whole: &str) -> Option<String> {
    (part.trim() != whole.trim()).then(|| part.to_owned())
}

impl ConsensusRequest {
    fn prompt(&self, how: &How) -> Question {
        let form = match how {
            How::Options(options) => {
                let list: Vec<String> = options.written().map(|option| format!("- {option}")).collect();
                prompt("vote_options", &[("options", &list.join("\n"))])
            }
            How::Line => prompt("vote_line", &[]),
            How::Json => prompt("vote_json", &[]),
        };
        let chars = self.max_chars.to_string();
        // An empty question stays empty, so that it is refused.
        let text = match self.question.trim() {
            "" => String::new(),
            _ => prompt("vote", &[("question", &self.question), ("form", &form), ("chars", &chars)]),
        };
        Question { options: self.call.clone(), ..Question::new(text, self.account.clone()) }
    }
}
