//! Jobs in the log: calls that continue without their callers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::{Content, Topic};
use crate::domain::order::Order;

/// The reason why a call became a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Its caller asked for a job.
    Background,
    /// Its client runs long calls as tasks.
    Task,
    /// Its client stopped waiting.
    TimedOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It ended with a result that reports success.
    Done,
    /// It ended with a result that reports an error.
    Failed,
    Cancelled,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum JobNoted {
    Began {
        /// Id of the job.
        job: String,
        /// The tool that was called.
        tool: String,
        /// The arguments of the call, masked.
        arguments: Value,
        /// The server that runs it.
        server: String,
        /// The reason why it is a job.
        cause: Cause,
        /// Time of the call, in milliseconds since 1970.
        since: u64,
        /// The lost job that it replaces.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again_of: Option<String>,
    },
    /// A cancellation was requested.
    CancelAsked {
        /// Id of the job.
        job: String,
    },
    Ended {
        /// Id of the job.
        job: String,
        outcome: Outcome,
        /// The result of the tool, masked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<Value>,
    },
    /// Its caller received the result.
    Collected {
        /// Id of the job.
        job: String,
    },
    /// The result of another call reported that the job ended.
    Told {
        /// Id of the job.
        job: String,
    },
}

impl Content for JobNoted {
    const TOPIC: Topic = Topic::Job;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub id: String,
    /// The tool that was called.
    pub tool: String,
    /// The server that runs it.
    pub server: String,
    /// The reason why it is a job.
    pub cause: Cause,
    pub since: u64,
    /// Position in the log of the event that it began, which has the arguments.
    pub began_seq: u64,
    /// The lost job that it replaces.
    pub again_of: Option<String>,
    /// The job that replaces it.
    pub again_as: Option<String>,
    /// True if a cancellation was requested.
    pub cancel_asked: bool,
    /// Its outcome, the time of its end, and the position of its result in the log.
    pub ended: Option<(Outcome, u64, u64)>,
    /// True if its caller received the result.
    pub collected: bool,
    /// True if the result of another call reported that the job ended.
    pub told: bool,
}

/// All jobs of a project, by their ids.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Jobs {
    by_id: BTreeMap<String, Job>,
}

impl Jobs {
    /// Applies an event. Only the first end of a job counts.
    pub fn apply(&mut self, seq: u64, at: u64, noted: JobNoted) {
        match noted {
            JobNoted::Began { job: id, tool, server, cause, since, again_of, .. } => {
                if let Some(lost) = &again_of {
                    self.with(lost, |lost| lost.again_as = Some(id.clone()));
                }
                self.by_id.entry(id.clone()).or_insert(Job {
                    id,
                    tool,
                    server,
                    cause,
                    since,
                    began_seq: seq,
                    again_of,
                    again_as: None,
                    cancel_asked: false,
                    ended: None,
                    collected: false,
                    told: false,
                });
            }
            JobNoted::CancelAsked { job } => self.with(&job, |job| job.cancel_asked = true),
            JobNoted::Ended { job, outcome, .. } => {
                self.with(&job, |job| job.ended = job.ended.or(Some((outcome, at, seq))));
            }
            JobNoted::Collected { job } => self.with(&job, |job| job.collected = true),
            JobNoted::Told { job } => self.with(&job, |job| job.told = true),
        }
    }

    fn with(&mut self, id: &str, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.by_id.get_mut(id) {
            change(job);
        }
    }

    pub fn get(&self, id: &str) -> Option<&Job> {
        self.by_id.get(id)
    }

    /// The first job of a chain of replacements.
    pub fn first_of<'a>(&'a self, job: &'a Job) -> &'a Job {
        self.followed(job, |job| job.again_of.as_deref())
    }

    /// The last job of a chain of replacements.
    pub fn last_of<'a>(&'a self, job: &'a Job) -> &'a Job {
        self.followed(job, |job| job.again_as.as_deref())
    }

    /// Follows a chain of jobs to its end. A manipulated log may contain a ring, so the steps are limited.
    fn followed<'a>(&'a self, job: &'a Job, next: impl Fn(&Job) -> Option<&str>) -> &'a Job {
        let mut at = job;
        for _ in 0..self.by_id.len() {
            match next(at).and_then(|next| self.get(next)) {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    }

    /// All jobs, the latest first.
    pub fn latest_first(&self) -> Vec<&Job> {
        let mut all: Vec<&Job> = self.by_id.values().collect();
        all.order_by_key(|job| std::cmp::Reverse(job.began_seq));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn began(job: &str) -> JobNoted {
        JobNoted::Began {
            job: job.to_owned(),
            tool: "maestro_consult".to_owned(),
            arguments: Value::Null,
            server: "s".to_owned(),
            cause: Cause::Background,
            since: 1,
            again_of: None,
        }
    }

    #[test]
    fn the_first_end_counts_and_what_is_unknown_changes_nothing() {
        let mut jobs = Jobs::default();
        let ended = |outcome| JobNoted::Ended { job: "a".to_owned(), outcome, result: None };
        jobs.apply(1, 1, ended(Outcome::Done));
        assert!(jobs.get("a").is_none());
        jobs.apply(2, 2, began("a"));
        jobs.apply(3, 3, ended(Outcome::Cancelled));
        jobs.apply(4, 4, ended(Outcome::Done));
        jobs.apply(5, 5, began("a"));
        assert_eq!(jobs.get("a").unwrap().ended, Some((Outcome::Cancelled, 3, 3)));
        jobs.apply(6, 6, JobNoted::Collected { job: "a".to_owned() });
        jobs.apply(7, 7, began("b"));
        assert!(jobs.get("a").unwrap().collected);
        assert_eq!(jobs.latest_first()[0].id, "b");
    }
}
