//! One client with its server: calls side by side, some cancelled, and the server killed or closed
//! and started again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fault::Fault;
use super::leftovers::Holdings;
use super::tally::Tally;
use crate::harness::{Client, PATIENCE, Seeded, Server};

/// Number of parallel calls of one server.
const AT_ONCE: usize = 8;
/// Code of a consult that is refused because the open debug round has used its only consult.
const BUDGET_EXHAUSTED: &str = "budget_exhausted";
/// The pause after that refusal.
const REST: Duration = Duration::from_millis(300);

/// The life of a worker's server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It lives from the beginning to the end, and its memory is measured.
    Survives,
    /// It is killed or closed in the middle of its work, again and again.
    IsEnded,
}

/// A call under way.
struct Call {
    kind: Kind,
    since: Instant,
    /// The time of its cancellation, if it is cancelled.
    cancel_at: Option<Instant>,
}

enum Kind {
    Consult { provider: String, word: String },
    Ensemble { providers: BTreeSet<String> },
    Evidence { word: String },
    Read { tool: &'static str },
}

pub(crate) struct Worker {
    client: Client,
    providers: Vec<String>,
    random: Seeded,
    name: String,
    /// Number of words so far. A word identifies a call in the log.
    words: usize,
    under_way: BTreeMap<u64, Call>,
    /// No call begins before this time. A refusal comes at once, so the next call waits a little.
    rests_until: Instant,
    tally: Tally,
}

impl Worker {
    pub(crate) fn new(server: Server, providers: Vec<String>, number: u64) -> Self {
        Self {
            client: server.start(),
            providers,
            random: Seeded(20_261_121 + number),
            name: format!("ack-{number}"),
            words: 0,
            under_way: BTreeMap::new(),
            rests_until: Instant::now(),
            tally: Tally::default(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.client.pid()
    }

    /// Works until the deadline, waits for open calls, and ends its server.
    pub(crate) fn work(mut self, until: Instant, fate: Fate) -> Tally {
        let mut life = self.next_life();
        while Instant::now() < until {
            while self.under_way.len() < AT_ONCE && Instant::now() > self.rests_until {
                self.begin();
            }
            self.listen();
            if fate == Fate::IsEnded && Instant::now() > life {
                self.end_in_the_middle();
                life = self.next_life();
            }
        }
        while !self.under_way.is_empty() {
            self.listen();
        }
        if fate == Fate::Survives {
            self.tally.at_rest = Holdings::of(self.pid());
        }
        let (status, _) = self.client.close();
        assert!(status.success(), "{}: {status}", self.name);
        self.tally
    }

    fn next_life(&mut self) -> Instant {
        Instant::now() + Duration::from_millis(500) + self.random.pause(6_000)
    }

    fn word(&mut self) -> String {
        self.words += 1;
        format!("{}-{}", self.name, self.words)
    }

    fn provider(&mut self) -> String {
        loop {
            let provider = self.providers[self.random.below(self.providers.len())].clone();
            // A flood keeps a whole processor busy, so there are fewer floods.
            if Fault::of(&provider) != Fault::Floods || self.random.below(4) == 0 {
                return provider;
            }
        }
    }

    fn begin(&mut self) {
        let word = self.word();
        let question = format!("a question {word} @@fake {}@@", json!({ "text": word }));
        let (kind, tool, arguments) = match self.random.below(20) {
            0..14 => {
                let provider = self.provider();
                let arguments = json!({ "prompt": question, "provider": provider });
                (Kind::Consult { provider, word }, "maestro_consult", arguments)
            }
            14 => {
                let providers: BTreeSet<String> = (0..3).map(|_| self.provider()).collect();
                let arguments = json!({ "task": question, "providers": providers });
                (Kind::Ensemble { providers }, "maestro_ensemble_generate", arguments)
            }
            15..18 => {
                let arguments = json!({
                    "evidence_type": "observation", "stage": "analyze",
                    "content": { "said": word }, "source": "the load test",
                });
                (Kind::Evidence { word }, "maestro_log_evidence", arguments)
            }
            18 => (Kind::Read { tool: "maestro_get_metrics" }, "maestro_get_metrics", json!({})),
            _ => {
                let tool = "maestro_get_evidence_chain";
                (Kind::Read { tool }, tool, json!({ "limit": 5 }))
            }
        };
        let id = self.client.begin_call(tool, arguments);
        let since = Instant::now();
        let is_cancelled = self.random.below(10) == 0;
        let cancel_at = is_cancelled.then(|| since + self.random.pause(1_500));
        self.under_way.insert(id, Call { kind, since, cancel_at });
    }

    /// Reads messages for a moment, cancels due calls, and notices hanging ones.
    fn listen(&mut self) {
        if let Some(message) = self.client.line(Duration::from_millis(20)) {
            let id = message["id"].as_u64().filter(|_| message.get("method").is_none());
            if let Some(call) = id.and_then(|id| self.under_way.remove(&id)) {
                self.answered(&call.kind, &message["result"]["structuredContent"]);
            }
        }
        assert!(self.client.is_running(), "{}: the server ended by itself", self.name);
        let now = Instant::now();
        let is_due = |call: &Call| call.cancel_at.is_some_and(|at| at < now);
        let due: Vec<u64> =
            self.under_way.iter().filter(|(_, call)| is_due(call)).map(|(id, _)| *id).collect();
        for id in due {
            self.client.cancel(id);
            self.under_way.remove(&id);
            self.tally.cancelled += 1;
        }
        for call in self.under_way.values() {
            assert!(call.since.elapsed() < 2 * PATIENCE, "{}: no answer", self.name);
        }
    }

    fn answered(&mut self, kind: &Kind, reply: &Value) {
        if reply["code"] == BUDGET_EXHAUSTED {
            self.tally.refused += 1;
            self.rests_until = Instant::now() + REST;
            return;
        }
        match kind {
            Kind::Consult { provider, word } => {
                self.tally.consulted(provider, reply);
                if Fault::of(provider).says_what_it_is_told() {
                    assert_eq!(reply["content"], word.as_str(), "{reply}");
                    self.tally.acknowledged.insert(word.clone());
                }
            }
            Kind::Ensemble { providers } => {
                let candidates = reply["candidates"].as_array().unwrap_or_else(|| panic!("{reply}"));
                assert_eq!(candidates.len(), providers.len(), "{reply}");
                for candidate in candidates {
                    self.tally.consulted(candidate["provider"].as_str().unwrap(), candidate);
                }
                *self.tally.calls.entry("maestro_ensemble_generate").or_default() += 1;
            }
            Kind::Evidence { word } => {
                assert_eq!(reply["ok"], true, "{reply}");
                self.tally.acknowledged.insert(word.clone());
                self.tally.acknowledged.insert(reply["evidence_id"].as_str().unwrap().to_owned());
                *self.tally.calls.entry("maestro_log_evidence").or_default() += 1;
            }
            Kind::Read { tool } => {
                assert_eq!(reply["ok"], true, "{reply}");
                *self.tally.calls.entry(tool).or_default() += 1;
            }
        }
    }

    /// Kills the server, or closes its input; the open calls are lost to this client.
    fn end_in_the_middle(&mut self) {
        let lost = std::mem::take(&mut self.under_way).len();
        if self.random.below(4) == 0 {
            self.tally.closed += 1;
        } else {
            self.client.signal("KILL");
            self.tally.killed += 1;
            self.tally.cut_off += lost;
        }
        self.client.restart();
    }
}
