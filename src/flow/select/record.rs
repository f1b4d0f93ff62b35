//! Record that the log keeps of a selection.

use super::outcome::Parts;
use crate::domain::coordination::record::Answer;
use crate::domain::event::Draft;
use crate::domain::event::record::{Noted, Topic};
use crate::domain::mask::Masker;
use crate::domain::select::Tests;
use crate::domain::select::record::{Basis, OptionRecord, SelectionRecord, voices};
use crate::flow::account::Account;
use crate::flow::journal::new_id;
use crate::flow::note::note_on;
use crate::flow::session::Session;

/// Records a selection on the account of its judge.
pub(super) async fn record(session: &Session, account: &Account, parts: &Parts<'_>) {
    // Ids of candidates are whatever the caller calls them, and no matter of the log.
    tracing::info!(
        decided = parts.ranking.winner.is_some(),
        basis = %serde_json::json!(parts.basis()),
        candidates = parts.candidates.len(),
        "selection ended"
    );
    let record = match session.masker() {
        Ok(masker) => masked(&masker, parts.record()),
        Err(error) => return tracing::warn!(%error, "a selection is not in the log"),
    };
    match serde_json::to_value(record) {
        Ok(content) => {
            let noted = Draft::new(new_id(), Noted { topic: Topic::Selection, content });
            note_on(session, account, vec![noted]).await;
        }
        Err(error) => tracing::warn!(%error, "a selection is not in the log"),
    }
}

/// Ids and providers of candidates are whatever the caller calls them.
fn masked(masker: &Masker, record: SelectionRecord) -> SelectionRecord {
    let mask = |text: String| masker.mask(&text).text.into_owned();
    let options = record.options.into_iter().map(|option| OptionRecord {
        id: mask(option.id),
        provider: option.provider.map(mask),
        ..option
    });
    let answers =
        record.answers.into_iter().map(|answer| Answer { provider: mask(answer.provider), ..answer });
    SelectionRecord {
        winner_id: record.winner_id.map(mask),
        winner_provider: record.winner_provider.map(mask),
        options: options.collect(),
        answers: answers.collect(),
        ..record
    }
}

impl Parts<'_> {
    fn record(&self) -> SelectionRecord {
        let winner = self.ranking.winner.and_then(|index| self.candidates.get(index));
        let known = self.candidates.iter().zip(&self.evidence);
        let options: Vec<OptionRecord> =
            known.map(|(one, known)| OptionRecord::new(&one.id, &one.content, known, &one.flags)).collect();
        let judge = self.judge.as_ref();
        SelectionRecord {
            mode: self.mode,
            basis: self.basis(),
            with_tests: self.has_tests(),
            winner_id: winner.map(|one| one.id.clone()),
            winner_provider: winner.and_then(|one| one.provider.clone()),
            candidates: u32::try_from(self.candidates.len()).unwrap_or(u32::MAX),
            answers: voices(&options),
            options,
            judge: judge.and_then(|note| note.provider.clone()),
            judge_verdict: judge.map(|note| note.verdict.to_owned()),
        }
    }

    fn has_tests(&self) -> bool {
        self.evidence.iter().any(|one| one.tests != Tests::Unknown)
    }

    /// Returns what decided: a judge only where it named a winner, and tests wherever there were any.
    fn basis(&self) -> Basis {
        let judged = self.judge.as_ref().is_some_and(|note| note.verdict == "winner");
        if self.has_tests() {
            Basis::Tests
        } else if judged {
            Basis::Judge
        } else if self.evidence.iter().any(|one| one.lint.is_some()) {
            Basis::StaticChecks
        } else {
            Basis::Rubric
        }
    }
}
