//! A reader finds the right tool for a user's request from the names and descriptions of the tools alone. The
//! reader is a ranking rule, and a recorded judgement.

use std::collections::HashMap;

use serde::Deserialize;

use crate::harness::Server;
use crate::inventory::listed;

/// A user's request, and the tool that answers it, without `maestro_`.
#[derive(Deserialize)]
struct Request {
    request: String,
    tool: String,
    #[serde(default)]
    also: Vec<String>,
    picked: String,
}

impl Request {
    fn is_right(&self, tool: &str) -> bool {
        self.tool == tool || self.also.iter().any(|other| other == tool)
    }
}

fn requests() -> Vec<Request> {
    serde_yaml::from_str(include_str!("../data/requests.yaml")).unwrap()
}

/// Requests written after the descriptions.
fn fresh() -> Vec<Request> {
    serde_yaml::from_str(include_str!("../data/requests_fresh.yaml")).unwrap()
}

/// Okapi BM25 over the words of each tool's name and description.
struct Ranking {
    tools: Vec<(String, Vec<String>)>,
    holding: HashMap<String, usize>,
    mean_length: f64,
}

impl Ranking {
    fn of_the_served() -> Self {
        let words = |tool: &serde_json::Value| {
            let name = tool["name"].as_str().unwrap().trim_start_matches("maestro_").to_owned();
            let text = format!("{} {}", name.replace('_', " "), tool["description"].as_str().unwrap());
            (name, words(&text))
        };
        let tools: Vec<_> = listed(Server::new()).iter().map(words).collect();
        let mut holding: HashMap<String, usize> = HashMap::new();
        for (_, words) in &tools {
            let mut distinct = words.clone();
            distinct.sort_unstable();
            distinct.dedup();
            for word in distinct {
                *holding.entry(word).or_default() += 1;
            }
        }
        let mean_length = mean(tools.iter().map(|(_, words)| words.len()));
        Self { tools, holding, mean_length }
    }

    /// The tools' names, the best match first.
    fn of(&self, request: &str) -> Vec<&str> {
        let mut asked = words(request);
        asked.sort_unstable();
        asked.dedup();
        let mut scored: Vec<(f64, &str)> =
            self.tools.iter().map(|(name, words)| (self.score(&asked, words), name.as_str())).collect();
        scored.sort_by(|one, other| other.0.total_cmp(&one.0));
        scored.into_iter().map(|(_, name)| name).collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "a few hundred words")]
    fn score(&self, asked: &[String], words: &[String]) -> f64 {
        let (k, b, all) = (1.2, 0.75, self.tools.len() as f64);
        let length = 1.0 - b + b * words.len() as f64 / self.mean_length;
        let of_word = |word: &String| {
            let times = words.iter().filter(|other| *other == word).count() as f64;
            let holding = self.holding.get(word).copied().unwrap_or_default() as f64;
            let rarity = (1.0 + (all - holding + 0.5) / (holding + 0.5)).ln();
            rarity * times * (k + 1.0) / (times + k * length)
        };
        asked.iter().map(of_word).sum()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred words")]
fn mean(counts: impl ExactSizeIterator<Item = usize>) -> f64 {
    let all = counts.len() as f64;
    counts.sum::<usize>() as f64 / all
}

/// The words of a text, without common words and without common endings.
fn words(text: &str) -> Vec<String> {
    const COMMON: &str = "a an the of to in on for and or is are be was it its this that these with by as at \
        from do does did i me my you your we how what which who one all no not if so can would just let have \
        has here them they than there where when";
    const ENDINGS: [&str; 13] =
        ["ations", "ation", "ings", "ing", "ies", "ers", "er", "ed", "es", "s", "al", "e", "ly"];
    let lower = text.to_lowercase();
    let all = lower.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    all.filter(|word| COMMON.split_whitespace().all(|common| common != *word))
        .map(|word| {
            let ending =
                ENDINGS.iter().find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.len() > 2));
            ending.unwrap_or(word).to_owned()
        })
        .collect()
}

#[test]
fn the_words_of_the_descriptions_lead_to_the_right_tool() {
    let ranking = Ranking::of_the_served();
    let requests = requests();
    assert_eq!(requests.len(), 40);
    let (mut first, mut missed) = (0, vec![]);
    for request in &requests {
        let ranked = ranking.of(&request.request);
        let place = ranked.iter().position(|name| request.is_right(name)).unwrap();
        first += usize::from(place == 0);
        if place > 2 {
            missed.push((&request.request, place + 1, ranked[..3].to_vec()));
        }
    }
    assert!(missed.is_empty(), "not among the first three: {missed:#?}");
    assert!(first >= 36, "{first} of 40 are first");
}

/// These requests were not written for the ranking, so the right tool only has to be near the top.
#[test]
fn further_requests_lead_near_the_right_tool() {
    let ranking = Ranking::of_the_served();
    let (requests, mut first, mut missed) = (fresh(), 0, vec![]);
    for request in requests.iter().filter(|request| request.request.is_ascii()) {
        let ranked = ranking.of(&request.request);
        let place = ranked.iter().position(|name| request.is_right(name)).unwrap();
        first += usize::from(place == 0);
        if place > 5 {
            missed.push((&request.request, place + 1, ranked[..3].to_vec()));
        }
    }
    assert!(missed.is_empty(), "not among the first six: {missed:#?}");
    assert!(first >= 30, "{first} of 40 are first");
}

#[test]
fn the_recorded_judgement_names_tools_that_are_served() {
    let served = Ranking::of_the_served();
    let is_served = |name: &str| served.tools.iter().any(|(tool, _)| tool == name);
    let requests: Vec<Request> = requests().into_iter().chain(fresh()).collect();
    assert_eq!(requests.len(), 100);
    let right = requests.iter().filter(|request| request.is_right(&request.picked)).count();
    for request in &requests {
        assert!(is_served(&request.tool) && is_served(&request.picked), "{}", request.request);
    }
    assert!(right >= 98, "{right} of 100 were picked rightly");
}
