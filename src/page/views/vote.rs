//! Votes: the classes of equal answers, the discarded answers, and the outcome.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::parts::{colour, dollars, with};
use crate::domain::answer::spoken;
use crate::domain::cut::{cut_line, head};
use crate::domain::vote::stated::stated;
use crate::domain::vote::{OptionRecord, VoteRecord};
use crate::flow::time::now;
use crate::page::index::{Index, Sample};

/// Maximum number of listed votes.
const MOST: usize = 60;

/// Maximum number of characters of an answer.
const MOST_LETTERS: usize = 160;

/// Width of the chart, in units of the chart.
const WIDTH: u32 = 600;

/// Maximum age in milliseconds of a sample whose vote counts as running.
const UNDER_WAY: u64 = 15 * 60 * 1_000;

/// All votes, the latest first, with the samples of running votes.
pub(in crate::page) fn list(index: &Index, texts: &dyn Fn(&str) -> Option<String>) -> Value {
    let all = index.votes.iter().rev().take(MOST);
    let all = all.map(|vote| json!({ "id": vote.id, "at": vote.at, "record": vote.record }));
    let open = index.open_votes(now().saturating_sub(UNDER_WAY));
    let open = open.into_iter().map(|(run, samples)| {
        json!({ "run": run, "samples": samples.iter().map(|one| sample(one, texts)).collect::<Vec<_>>() })
    });
    json!({
        "title": "votes", "list": all.collect::<Vec<_>>(), "total": index.votes.len(),
        "open": open.collect::<Vec<_>>(),
    })
}

fn sample(one: &Sample, texts: &dyn Fn(&str) -> Option<String>) -> Value {
    let text = one.response.as_deref().and_then(texts);
    with(one, json!({ "text": text.map(|text| head(&text, MOST_LETTERS).to_owned()) }))
}

pub(in crate::page) fn one(index: &Index, texts: &dyn Fn(&str) -> Option<String>, id: &str) -> Option<Value> {
    let vote = index.votes.iter().find(|vote| vote.id == id)?;
    let record = &vote.record;
    let sums: Vec<u32> = record.options.iter().map(|option| option.votes.values().sum()).collect();
    let most = sums.iter().copied().max().unwrap_or(0).max(record.k).max(1);
    let classes = record.options.iter().zip(&sums).enumerate().map(|(place, (option, sum))| {
        let (text, response) = said(option, &vote.samples, texts).unzip();
        json!({
            "name": class(place),
            "votes": sum,
            "split": option.votes,
            "is_winner": record.winner.as_ref() == Some(&option.mark),
            "bars": bars(&option.votes, most),
            "text": text,
            "response": response,
        })
    });
    let told: Vec<f64> = vote.samples.iter().filter_map(|one| one.cost_usd).collect();
    let samples = vote.samples.iter().map(|one| {
        let gave = |option: &OptionRecord| option.samples.contains(&one.id);
        let more = json!({
            "why": why(record, one),
            "class": record.options.iter().position(gave).map(class),
            "discarded": record.discarded.get(&one.id),
        });
        with(sample(one, texts), more)
    });
    Some(json!({
        "id": vote.id,
        "at": vote.at,
        "run": vote.run,
        "vote": record,
        "is_decision": record.stop_reason.is_decision(),
        "classes": classes.collect::<Vec<_>>(),
        "width": WIDTH,
        "line": record.k * WIDTH / most,
        "samples": samples.collect::<Vec<_>>(),
        "cost": (!told.is_empty()).then(|| dollars(told.iter().sum(), told.len() < vote.samples.len())),
    }))
}

/// The compared part of the first kept answer of a class, as far as the answer names it, and the hash of the
/// whole answer.
fn said<'s>(
    option: &OptionRecord,
    samples: &'s [Sample],
    texts: &dyn Fn(&str) -> Option<String>,
) -> Option<(String, &'s str)> {
    let mut own = samples.iter().filter(|one| option.samples.contains(&one.id));
    let (text, digest) = own.find_map(|one| {
        let digest = one.response.as_deref()?;
        Some((texts(digest)?, digest))
    })?;
    let spoken = spoken(&text);
    let whole = spoken.text();
    Some((cut_line(stated(whole).unwrap_or(whole), MOST_LETTERS), digest))
}

/// The name of a class of answers: A to Z, then numbers.
fn class(place: usize) -> String {
    ('A'..='Z').nth(place).map_or_else(|| format!("#{}", place + 1), String::from)
}

/// The bars for the votes of a class, one for each consultant, side by side.
fn bars(votes: &BTreeMap<String, u32>, most: u32) -> Vec<Value> {
    let mut x = 0;
    let bar = |(name, count): (&String, &u32)| {
        let w = count * WIDTH / most;
        let bar = json!({ "x": x, "w": w, "colour": colour(name) });
        x += w;
        bar
    };
    votes.iter().map(bar).collect()
}

/// The error of a failed call; None if it did not fail.
fn why<'a>(record: &'a VoteRecord, one: &Sample) -> Option<&'a str> {
    let code = one.code.as_deref()?;
    let mut failures = record.failures.iter();
    Some(&failures.find(|failure| failure.provider == one.provider && failure.code == code)?.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_letters() {
        assert_eq!((class(0).as_str(), class(25).as_str(), class(26).as_str()), ("A", "Z", "#27"));
    }
}
