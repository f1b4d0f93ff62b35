//! Decides from the clock and the sizes of the output whether a run goes on. Pure: no process, no
//! file, no clock of its own.

use std::time::{Duration, Instant};

use super::{Activity, Ended, Limits};

/// The pause between two looks at the files while a run is young.
const YOUNG_RHYTHM: Duration = Duration::from_millis(100);
/// The pause later on.
const RHYTHM: Duration = Duration::from_millis(250);
const YOUTH: Duration = Duration::from_secs(2);
/// The pause between two reports.
const REPORT: Duration = Duration::from_secs(1);

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// Kill the tree for this reason.
    pub(super) stop: Option<Ended>,
    /// Tell the watcher.
    pub(super) report: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Stdout,
    Stderr,
}

/// The state between looks.
#[derive(Debug)]
pub(super) struct Meter {
    limits: Limits,
    started: Instant,
    sizes: [u64; 2],
    grown: Option<(Instant, Side)>,
    reported: Instant,
}

impl Meter {
    pub(super) fn new(limits: Limits, started: Instant) -> Self {
        Self { limits, started, sizes: [0; 2], grown: None, reported: started }
    }

    /// Takes in the sizes of stdout and stderr, in bytes, at `now`.
    pub(super) fn read(&mut self, now: Instant, sizes: [u64; 2]) -> Reading {
        let first = self.grown.is_none();
        self.notice_growth(now, sizes);
        let began = first && self.grown.is_some();
        let report = began || now.saturating_duration_since(self.reported) >= REPORT;
        if report {
            self.reported = now;
        }
        Reading { stop: self.verdict(now), report }
    }

    fn notice_growth(&mut self, now: Instant, sizes: [u64; 2]) {
        let [stdout, stderr] = sizes;
        let [old_stdout, old_stderr] = self.sizes;
        // Any change counts: a program that truncates its output is not stuck.
        if stderr != old_stderr {
            self.grown = Some((now, Side::Stderr));
        }
        if stdout != old_stdout {
            self.grown = Some((now, Side::Stdout));
        }
        self.sizes = sizes;
    }

    fn verdict(&self, now: Instant) -> Option<Ended> {
        if self.sizes.iter().any(|size| *size > self.limits.output_bytes) {
            Some(Ended::OutputTooLarge)
        } else if self.times_out().is_some_and(|at| now >= at) {
            Some(Ended::TimedOut)
        } else if self.stalls().is_some_and(|at| now >= at) {
            Some(Ended::Stalled)
        } else {
            None
        }
    }

    pub(super) fn next_look(&self, now: Instant) -> Instant {
        let young = now.saturating_duration_since(self.started) < YOUTH;
        let rhythm = now + if young { YOUNG_RHYTHM } else { RHYTHM };
        [self.times_out(), self.stalls()].into_iter().flatten().fold(rhythm, Instant::min)
    }

    // A limit so long that the clock cannot hold its end is no limit.
    fn times_out(&self) -> Option<Instant> {
        self.limits.timeout.and_then(|timeout| self.started.checked_add(timeout))
    }

    fn stalls(&self) -> Option<Instant> {
        let (grown, _) = self.grown?;
        self.limits.stall.and_then(|stall| grown.checked_add(stall))
    }

    /// The stream that grew last.
    pub(super) fn newest(&self) -> Option<Side> {
        self.grown.map(|(_, side)| side)
    }

    /// The report on the last look.
    pub(super) fn activity(&self, now: Instant, last_line: Option<String>) -> Activity {
        Activity {
            elapsed: now.saturating_duration_since(self.started),
            last_output: self.grown.map(|(at, _)| now.saturating_duration_since(at)),
            last_line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(timeout: u64, stall: u64, cap: u64) -> (Meter, Instant) {
        let started = Instant::now();
        let limits = Limits {
            timeout: Some(Duration::from_secs(timeout)),
            stall: Some(Duration::from_secs(stall)),
            output_bytes: cap,
            ..Limits::default()
        };
        (Meter::new(limits, started), started)
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn silence_before_the_first_byte_is_no_stall() {
        let (mut meter, start) = meter(100, 5, 10);
        assert_eq!(meter.read(after(start, 90), [0, 0]).stop, None);
        assert_eq!(meter.read(after(start, 91), [0, 1]).stop, None);
        assert_eq!(meter.read(after(start, 95), [0, 1]).stop, None);
        assert_eq!(meter.next_look(after(start, 96)), after(start, 96));
        assert_eq!(meter.read(after(start, 96), [0, 1]).stop, Some(Ended::Stalled));
    }

    #[test]
    fn the_timeout_comes_before_the_stall_and_the_cap_before_both() {
        let (mut meter, start) = meter(10, 5, 10);
        assert_eq!(meter.read(start, [1, 0]).stop, None);
        assert_eq!(meter.read(after(start, 10), [1, 0]).stop, Some(Ended::TimedOut));
        assert_eq!(meter.read(after(start, 11), [0, 11]).stop, Some(Ended::OutputTooLarge));
    }

    #[test]
    fn reports_come_with_the_first_output_and_then_each_second() {
        let (mut meter, start) = meter(100, 100, 10);
        let at = |millis| start + Duration::from_millis(millis);
        assert!(!meter.read(at(100), [0, 0]).report);
        assert!(meter.read(at(200), [1, 0]).report);
        assert!(!meter.read(at(300), [2, 0]).report);
        assert!(!meter.read(at(1100), [2, 0]).report);
        assert!(meter.read(at(1200), [2, 0]).report);
    }

    #[test]
    fn endless_limits_do_not_overflow() {
        let (mut meter, start) = meter(u64::MAX, u64::MAX, 10);
        assert_eq!(meter.read(after(start, 1), [1, 0]).stop, None);
        assert!(meter.next_look(start) > start);
    }
}
