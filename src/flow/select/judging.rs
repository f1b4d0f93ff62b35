//! Asking a judge who wrote none of the candidates, in both orders.

use serde::Serialize;

use super::intake::Candidate;
use crate::domain::judge::{Ballot, MOST_JUDGED, Opinion, Verdict, together};
use crate::domain::stage::{Role, SchemaName};
use crate::error::Error;
use crate::flow::account::{Account, Reservation, reserve};
use crate::flow::consult::{Consulted, Question, Turn, ask, prepare};
use crate::flow::pack::ContextRequest;
use crate::flow::progress::Progress;
use crate::flow::session::Session;

/// Characters of all candidates that a judge reads.
const MOST_CHARS: usize = 200_000;
/// Criteria of one call.
const MOST_CRITERIA: usize = 20;
/// Characters of one criterion.
const MOST_CRITERION: usize = 1_000;

/// What came of asking a judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JudgeNote {
    /// Who was asked; nobody where nobody could be, or needed to be.
    pub provider: Option<String>,
    /// How often.
    pub asked: usize,
    /// `winner`, `nobody`, `tie`, `none` (no judgement), or `not_needed`.
    pub verdict: &'static str,
    /// The judge's reasons, or why there is no judgement.
    pub reason: String,
}

impl JudgeNote {
    /// Whether tests left something to judge.
    #[must_use]
    pub fn was_needed(&self) -> bool {
        self.verdict != "not_needed"
    }

    fn none(provider: Option<String>, asked: usize, reason: String) -> (Self, Option<Verdict>) {
        (Self { provider, asked, verdict: "none", reason }, None)
    }
}

/// Refuses criteria that nobody reads to the end.
pub(super) fn check_criteria(criteria: &[String]) -> Result<(), Error> {
    let too_long = |criterion: &String| criterion.chars().count() > MOST_CRITERION;
    if criteria.len() <= MOST_CRITERIA && !criteria.iter().any(too_long) {
        return Ok(());
    }
    Err(Error::InvalidArguments(format!(
        "criteria takes at most {MOST_CRITERIA} entries of {MOST_CRITERION} characters"
    )))
}

/// What is needed to ask a judge.
pub(super) struct Judging<'a> {
    pub(super) session: &'a Session,
    pub(super) account: &'a Account,
    pub(super) progress: &'a Progress,
    pub(super) wanted: &'a str,
    pub(super) criteria: &'a [String],
}

impl Judging<'_> {
    /// Has some of the candidates judged. A judge that cannot be had, read or paid for is no judge.
    ///
    /// # Errors
    ///
    /// There is no such provider, or the log of the run cannot be written.
    pub(super) async fn judge(
        &self,
        candidates: &[Candidate],
        level: &[usize],
    ) -> Result<(JudgeNote, Option<Verdict>), Error> {
        self.session.catalogue().get(self.wanted)?;
        let judged: Vec<&Candidate> = level.iter().filter_map(|index| candidates.get(*index)).collect();
        let differ =
            judged.windows(2).any(|pair| matches!(pair, [one, other] if one.content != other.content));
        if !differ {
            let reason = "there are no two different candidates that stand level".to_owned();
            return Ok((JudgeNote { provider: None, asked: 0, verdict: "not_needed", reason }, None));
        }
        let chars: usize = judged.iter().map(|one| one.content.chars().count()).sum();
        if judged.len() > MOST_JUDGED || chars > MOST_CHARS {
            let reason = format!(
                "a judge compares at most {MOST_JUDGED} candidates of {MOST_CHARS} characters in all"
            );
            return Ok(JudgeNote::none(None, 0, reason));
        }
        let (judge, instead) = match self.neutral(&judged) {
            Ok(found) => found,
            Err(reason) => return Ok(JudgeNote::none(None, 0, reason)),
        };
        // A consult that cannot be made is not taken from the budget.
        if let Err(error) = self.check_there(&judge) {
            let reason = format!("{error} ({})", error.code());
            return Ok(JudgeNote::none(Some(judge), 0, reason));
        }
        // Both orders or none: one alone decides nothing.
        let reserved = match reserve(self.session, self.account, &[judge.clone(), judge.clone()]).await {
            Err(error @ Error::BudgetExhausted(_)) => {
                let reason = format!("{error} ({})", error.code());
                return Ok(JudgeNote::none(Some(judge), 0, reason));
            }
            reserved => reserved?,
        };
        let contents: Vec<&str> = candidates.iter().map(|one| one.content.as_str()).collect();
        let opinions = self.both_orders(&judge, &contents, level, reserved).await?;
        Ok(match opinions {
            [Ok(first), Ok(second)] => {
                let verdict = together(first, &second);
                (described(judge, instead, &verdict), Some(verdict))
            }
            [Err(reason), _] | [_, Err(reason)] => {
                JudgeNote::none(Some(judge.clone()), 2, format!("{judge} gave no judgement: {reason}"))
            }
        })
    }

    fn check_there(&self, judge: &str) -> Result<(), Error> {
        let catalogue = self.session.catalogue();
        let provider = catalogue.get(judge)?;
        if provider.is_understudy() {
            return Ok(());
        }
        catalogue.program(provider, self.session.environment(), self.session.root()).map(drop)
    }

    /// The wanted judge if it wrote none of them, else another CLI that is there and did not; with
    /// what is to be said about it.
    fn neutral(&self, judged: &[&Candidate]) -> Result<(String, String), String> {
        let wrote = |name: &str| {
            let is_author = |one: &&Candidate| {
                one.provider.as_deref().is_some_and(|author| author.trim().eq_ignore_ascii_case(name))
            };
            judged.iter().any(is_author)
        };
        let wanted = self.wanted;
        if !wrote(wanted) {
            return Ok((wanted.to_owned(), String::new()));
        }
        let mut there = self.session.catalogue().installed(self.session.environment(), self.session.root());
        match there.find(|provider| !wrote(&provider.name)) {
            Some(other) => {
                let name = other.name.clone();
                let said = format!("{wanted} wrote one of the candidates, so {name} judged. ");
                Ok((name, said))
            }
            None => Err(format!(
                "{wanted} wrote one of the candidates and does not judge its own, and no other CLI is there that wrote none"
            )),
        }
    }

    async fn both_orders(
        &self,
        judge: &str,
        contents: &[&str],
        level: &[usize],
        reserved: Vec<Reservation>,
    ) -> Result<[Result<Opinion, String>; 2], Error> {
        let mut reserved = reserved.into_iter();
        let (Some(for_one), Some(for_other)) = (reserved.next(), reserved.next()) else {
            return Err(Error::Internal("two consults were not reserved".to_owned()));
        };
        let [one, other] = Ballot::both_orders(level);
        let (first, second) = futures_util::future::join(
            self.opinion(judge, contents, &one, for_one, "judge 1"),
            self.opinion(judge, contents, &other, for_other, "judge 2"),
        )
        .await;
        Ok([first?, second?])
    }

    async fn opinion(
        &self,
        judge: &str,
        contents: &[&str],
        ballot: &Ballot,
        reservation: Reservation,
        label: &str,
    ) -> Result<Result<Opinion, String>, Error> {
        let place = self.session.slots().place()?;
        let boundary = format!("==== {} ====", uuid::Uuid::now_v7().simple());
        let question = Question {
            prompt: ballot.task(contents, self.criteria, &boundary),
            role: Some(Role::Judge),
            context: ContextRequest::default(),
            schema: Some(SchemaName::JudgeOutput),
            model: None,
            timeout: None,
            account: self.account.clone(),
        };
        let prepared = prepare(self.session, question).await?;
        let progress = self.progress.labelled(label);
        let reply = ask(self.session, judge, &prepared, Turn { place, reservation }, &progress).await;
        progress.say(if reply.ok { "answered" } else { "failed" });
        Ok(read(&reply, ballot))
    }
}

/// An answer that fits the schema and names a candidate that there is; anything else is none.
fn read(reply: &Consulted, ballot: &Ballot) -> Result<Opinion, String> {
    if let Some(failure) = &reply.failure {
        return Err(format!("{} ({})", failure.error, failure.code));
    }
    if let Some(error) = reply.schema_errors.first() {
        return Err(format!("its answer does not fit the schema: {error}"));
    }
    let answer = reply.structured.as_ref().ok_or("its answer is not a JSON document")?;
    ballot.read(answer)
}

fn described(judge: String, instead: String, verdict: &Verdict) -> JudgeNote {
    let (verdict, reason) = match verdict {
        Verdict::Winner { rationale, .. } => ("winner", rationale.clone()),
        Verdict::Nobody { rationale } => ("nobody", rationale.clone()),
        Verdict::Tie => {
            ("tie", "its choice hung on the order in which it saw them, so it is none".to_owned())
        }
    };
    JudgeNote { provider: Some(judge), asked: 2, verdict, reason: instead + &reason }
}
