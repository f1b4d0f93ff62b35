//! Counters of the whole test.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fault::Fault;
use super::leftovers::Holdings;

#[derive(Default)]
pub(crate) struct Tally {
    /// Number of consults by kind of CLI and by code.
    pub(crate) outcomes: BTreeMap<(Fault, String), usize>,
    /// Calls of other tools that were answered, by tool.
    pub(crate) calls: BTreeMap<&'static str, usize>,
    pub(crate) cancelled: usize,
    /// Consults refused because of the open run's budget. A debug round has one consult.
    pub(crate) refused: usize,
    /// Servers that were killed.
    pub(crate) killed: usize,
    /// Calls that a killed server did not answer.
    pub(crate) cut_off: usize,
    /// Servers whose input was closed in the middle of their work.
    pub(crate) closed: usize,
    /// Completed runs, on servers that were killed.
    pub(crate) runs: usize,
    /// Words that a server acknowledged, so they must be in the log.
    pub(crate) acknowledged: BTreeSet<String>,
    /// The holdings of the surviving server, after its last answer.
    pub(crate) at_rest: Option<Holdings>,
}

impl Tally {
    /// Counts an answered consult. A forbidden outcome fails the test.
    pub(crate) fn consulted(&mut self, provider: &str, reply: &Value) {
        let fault = Fault::of(provider);
        let code = reply["code"].as_str();
        assert!(fault.ends_with().contains(&code), "{provider}: {reply}");
        let code = code.unwrap_or("answered").to_owned();
        *self.outcomes.entry((fault, code)).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (key, count) in other.outcomes {
            *self.outcomes.entry(key).or_default() += count;
        }
        for (tool, count) in other.calls {
            *self.calls.entry(tool).or_default() += count;
        }
        self.cancelled += other.cancelled;
        self.refused += other.refused;
        self.killed += other.killed;
        self.cut_off += other.cut_off;
        self.closed += other.closed;
        self.runs += other.runs;
        self.acknowledged.extend(other.acknowledged);
        self.at_rest = self.at_rest.or(other.at_rest);
    }

    pub(crate) fn report(&self) -> String {
        let mut text = String::new();
        let mut line = |what: String, count: usize| text.push_str(&format!("  {what:<44} {count:>7}\n"));
        for ((fault, code), count) in &self.outcomes {
            line(format!("{fault:?}: {code}"), *count);
        }
        for (tool, count) in &self.calls {
            line((*tool).to_owned(), *count);
        }
        line("refused for the budget of the open run".into(), self.refused);
        line("calls cancelled".into(), self.cancelled);
        line("servers killed (SIGKILL)".into(), self.killed);
        line("calls cut off by a kill".into(), self.cut_off);
        line("servers closed in the middle of work".into(), self.closed);
        line("gated runs completed under kills".into(), self.runs);
        line("acknowledged, and found in the log".into(), self.acknowledged.len());
        text
    }
}
