//! Votes: who answered alike, which answers were discarded, and what decided.

use serde_json::{Value, json};

use super::parts::{colour, dollars};
use crate::domain::cut::head;
use crate::domain::vote::{FailureRecord, VoteRecord};
use crate::page::index::{Index, Sample, Voted};

/// Votes that are listed.
const MOST: usize = 60;

/// The chart, in its own units.
const WIDTH: u32 = 600;

/// For how long a sample may wait for the vote that it belongs to.
const UNDER_WAY: u64 = 15 * 60 * 1_000;

/// Votes, the latest first, with the samples of those that are under way.
pub(in crate::page) fn list(index: &Index, texts: &dyn Fn(&str) -> Option<String>, now: u64) -> Value {
    let all = index.votes.iter().rev().take(MOST).map(|vote| {
        let record = &vote.record;
        json!({
            "id": vote.id,
            "step": record.step_type,
            "stop": record.stop_reason,
            "winner": record.winner_provider,
            "samples": record.samples,
            "classes": record.options.len(),
            "lead": lead(record),
            "k": record.k,
            "age": now.saturating_sub(vote.at),
        })
    });
    let open = index.open_votes(now.saturating_sub(UNDER_WAY));
    let open = open.into_iter().map(|(run, samples)| {
        json!({ "run": run, "samples": samples.iter().map(|one| sample(one, texts)).collect::<Vec<_>>() })
    });
    json!({ "list": all.collect::<Vec<_>>(), "total": index.votes.len(), "open": open.collect::<Vec<_>>() })
}

fn sample(one: &Sample, texts: &dyn Fn(&str) -> Option<String>) -> Value {
    let text = one.response.as_deref().and_then(texts);
    json!({
        "name": one.provider,
        "model": one.model,
        "elapsed": one.elapsed_ms,
        "error": one.code,
        "text": text.map(|text| head(&text, 160).to_owned()),
    })
}

/// By how many votes the first is ahead of the second.
fn lead(record: &VoteRecord) -> u32 {
    let mut sums = sums(record);
    sums.sort_unstable_by(|one, other| other.cmp(one));
    sums.first().copied().unwrap_or(0).saturating_sub(sums.get(1).copied().unwrap_or(0))
}

fn sums(record: &VoteRecord) -> Vec<u32> {
    record.options.iter().map(|option| option.votes.values().sum()).collect()
}

pub(in crate::page) fn one(
    index: &Index,
    texts: &dyn Fn(&str) -> Option<String>,
    id: &str,
    now: u64,
) -> Option<Value> {
    let vote = index.votes.iter().find(|vote| vote.id == id)?;
    let record = &vote.record;
    let sums = sums(record);
    let most = sums.iter().copied().max().unwrap_or(0).max(record.k).max(1);
    let classes = record.options.iter().zip(&sums).zip(0_u32..).map(|((option, sum), place)| {
        json!({
            "name": class(place),
            "votes": sum,
            "split": option.votes,
            "is_winner": record.winner.as_ref() == Some(&option.mark),
            "bars": bars(&option.votes, most),
        })
    });
    let cost: f64 = vote.samples.iter().filter_map(|one| one.cost_usd).sum();
    let told = vote.samples.iter().filter(|one| one.cost_usd.is_some()).count();
    Some(json!({
        "id": vote.id,
        "vote": record,
        "lead": lead(record),
        "is_decision": record.stop_reason.is_decision(),
        "classes": classes.collect::<Vec<_>>(),
        "width": WIDTH,
        "line": record.k * WIDTH / most,
        "table": table(vote, texts),
        "cost": (told > 0).then(|| dollars(cost, told < vote.samples.len())),
        "run": vote.run,
        "age": now.saturating_sub(vote.at),
    }))
}

/// Letters as people count answers: A, B, ... then numbers.
fn class(place: u32) -> String {
    u8::try_from(place)
        .ok()
        .filter(|place| *place < 26)
        .map_or_else(|| format!("#{}", place + 1), |place| char::from(b'A' + place).to_string())
}

/// A class's votes in a row, by consultant.
fn bars(votes: &std::collections::BTreeMap<String, u32>, most: u32) -> Vec<Value> {
    let mut x = 0;
    votes
        .iter()
        .map(|(name, count)| {
            let w = count * WIDTH / most;
            let bar = json!({ "x": x, "w": w, "colour": colour(name) });
            x += w;
            bar
        })
        .collect()
}

fn table(vote: &Voted, texts: &dyn Fn(&str) -> Option<String>) -> Vec<Value> {
    vote.samples
        .iter()
        .zip(1_u32..)
        .map(|(one, number)| {
            json!({
                "number": number,
                "of": sample(one, texts),
                "tokens": one.tokens,
                "why": why(&vote.record, one),
                "digest": one.response,
            })
        })
        .collect()
}

/// The error of a failed call.
fn why<'a>(record: &'a VoteRecord, one: &Sample) -> Option<&'a str> {
    let code = one.code.as_deref()?;
    let is_its = |failure: &&FailureRecord| failure.provider == one.provider && failure.code == code;
    record.failures.iter().find(is_its).map(|failure| failure.error.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_letters() {
        assert_eq!((class(0).as_str(), class(25).as_str(), class(26).as_str()), ("A", "Z", "#27"));
    }
}
