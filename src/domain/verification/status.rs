//! What became of a check.

use serde::{Deserialize, Serialize};

use super::read::Reading;

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It ran, and what it checks holds.
    Passed,
    /// It ran, and a test failed or a linter found something.
    Failed,
    /// The code did not compile or load, so that nothing was tested.
    CompileError,
    /// It ran, and there was no test.
    NoTests,
    /// Its time was over; it was ended with all that it started.
    TimedOut,
    /// A signal ended it.
    Crashed,
    /// It wrote more than a check may; it was ended.
    OutputTooLarge,
    /// It ended with a failure that is none of a test: wrong arguments, a broken configuration.
    Error,
    /// It is not on this machine.
    NotFound,
    /// A rule refuses it; it was not run.
    Refused,
    /// The project has no such check.
    NothingToRun,
    /// An earlier one failed; it was not run.
    Skipped,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this code.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// Its time was over.
    TimedOut,
    /// It wrote too much.
    TooLarge,
}

/// Judges a run by its end and its output.
#[must_use]
pub fn judge(end: End, reading: Option<&Reading>) -> Status {
    // A shell or a runner reports the signal of its child this way.
    const BY_SIGNAL: std::ops::RangeInclusive<i32> = 129..=159;
    let code = match end {
        End::TimedOut => return Status::TimedOut,
        End::TooLarge => return Status::OutputTooLarge,
        End::Signal(_) => return Status::Crashed,
        End::Code(code) => code,
    };
    let Some(reading) = reading else {
        return match code {
            0 => Status::Passed,
            code if BY_SIGNAL.contains(&code) => Status::Crashed,
            _ => Status::Error,
        };
    };
    let found = reading.totals.bad() > 0 || !reading.failing.is_empty();
    match code {
        _ if reading.broken => Status::CompileError,
        // Whatever the exit code says: failing tests are no success.
        0 if reading.totals.failed.unwrap_or(0) > 0 || reading.runner == "gofmt" && found => Status::Failed,
        _ if reading.no_tests && !found => Status::NoTests,
        0 => Status::Passed,
        code if BY_SIGNAL.contains(&code) => Status::Crashed,
        _ if found => Status::Failed,
        _ => Status::Error,
    }
}
