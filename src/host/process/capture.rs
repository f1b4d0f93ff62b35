//! Output of programs, in regular files, and the limits on it.
//!
//! Pipes would not do: some programs lose output beyond the 64 KiB of a pipe, and a background child that
//! holds a pipe open would delay the reader.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Activity, Ended, Finish, Limits};

/// Maximum size in bytes of a read on the runtime's thread. Larger ones go to a blocking thread.
const INLINE_READ: u64 = 128 * 1024;
/// Number of bytes at the end of a file that are searched for its last line.
const TAIL: u64 = 4096;
/// Number of bytes that are searched again, because a mark may arrive in two pieces. Longer than any mark.
const OVERLAP: u64 = 64;
/// Maximum length of a last line in characters.
const LAST_LINE: usize = 200;

/// The two files of a run.
#[derive(Debug)]
pub(super) struct Capture {
    pub(super) stdout: Stream,
    pub(super) stderr: Stream,
}

impl Capture {
    /// Creates the files `stdout` and `stderr` in `dir`, and replaces those of an earlier run.
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        let stdout = Stream::create(&dir.join("stdout"))?;
        let stderr = Stream::create(&dir.join("stderr"))?;
        Ok(Self { stdout, stderr })
    }

    /// The current sizes of stdout and stderr in bytes.
    pub(super) fn sizes(&self) -> [u64; 2] {
        [self.stdout.size(), self.stderr.size()]
    }
}

/// Creates a private file, and removes an older one in its place.
pub(super) fn anew(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.create_new(true).mode(0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(path)?;
            options.open(path)
        }
        made => made,
    }
}

/// The part of an output that has been searched for its end.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Size of the output at the last search.
    size: u64,
    /// Number of bytes at the start in which no mark begins.
    without_mark: u64,
}

/// Result of a search for the end of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    NoMark,
    Mark,
    Finished,
}

fn look(stream: &Stream, from: u64, size: u64, finish: Finish) -> io::Result<Look> {
    if !stream.has_mark(from, size, finish)? {
        return Ok(Look::NoMark);
    }
    let whole = stream.prefix(size)?;
    let finished = (finish.is_there)(&String::from_utf8_lossy(&whole));
    Ok(if finished { Look::Finished } else { Look::Mark })
}

/// The file of one output stream.
#[derive(Debug)]
pub(super) struct Stream {
    file: File,
}

impl Stream {
    fn create(path: &Path) -> io::Result<Self> {
        // Appending, so that the program does not overwrite the output of a descendant that reopens
        // /dev/stdout.
        Ok(Self { file: anew(OpenOptions::new().read(true).append(true), path)? })
    }

    /// The handle that the program writes to.
    pub(super) fn sink(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    fn size(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    /// Reads the first `cap` bytes, with true if there are more.
    pub(super) async fn read(self, cap: u64) -> io::Result<(Vec<u8>, bool)> {
        let size = self.size();
        let wanted = size.min(cap);
        let bytes = if wanted <= INLINE_READ {
            self.prefix(wanted)?
        } else {
            let read = tokio::task::spawn_blocking(move || self.prefix(wanted));
            read.await.map_err(io::Error::other)??
        };
        Ok((bytes, size > cap))
    }

    fn prefix(&self, wanted: u64) -> io::Result<Vec<u8>> {
        self.range(0, wanted)
    }

    /// Reads at an offset, because the file position is shared with the writer.
    fn range(&self, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let wanted = usize::try_from(to.saturating_sub(from)).map_err(io::Error::other)?;
        let mut bytes = vec![0; wanted];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, from + filled as u64) {
                // The file was truncated meanwhile.
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// True if the output is complete. A part that was searched is searched again only if it has a mark
    /// whose event was incomplete.
    pub(super) async fn is_finished(&self, finish: Finish, scanned: &mut Scanned) -> bool {
        let size = self.size();
        if size == scanned.size {
            return false;
        }
        scanned.size = size;
        let from = scanned.without_mark.min(size);
        let Ok(file) = self.file.try_clone() else { return false };
        let look = move || look(&Self { file }, from, size, finish).unwrap_or(Look::NoMark);
        let found = if size - from <= INLINE_READ && !self.has_mark(from, size, finish).unwrap_or(true) {
            Look::NoMark
        } else {
            tokio::task::spawn_blocking(look).await.unwrap_or(Look::NoMark)
        };
        if found == Look::NoMark {
            scanned.without_mark = size.saturating_sub(OVERLAP);
        }
        found == Look::Finished
    }

    fn has_mark(&self, from: u64, to: u64, finish: Finish) -> io::Result<bool> {
        let new = self.range(from, to)?;
        Ok(finish.marks.iter().any(|mark| memchr::memmem::find(&new, mark.as_bytes()).is_some()))
    }

    /// The last line with text, from the last bytes of the file.
    pub(super) fn last_line(&self) -> Option<String> {
        let size = self.size();
        let mut tail = vec![0; usize::try_from(size.min(TAIL)).ok()?];
        let count = self.file.read_at(&mut tail, size.saturating_sub(TAIL)).ok()?;
        tail.truncate(count);
        last_line(&String::from_utf8_lossy(&tail))
    }
}

/// The last line with visible text, without control characters and cut to [`LAST_LINE`].
fn last_line(text: &str) -> Option<String> {
    let plain = |line: &str| line.replace(char::is_control, "").trim().to_owned();
    let line = text.rsplit(['\n', '\r']).map(plain).find(|line| !line.is_empty())?;
    Some(line.chars().take(LAST_LINE).collect())
}

/// Pause between two looks at the files during the first seconds of a run.
const YOUNG_RHYTHM: Duration = Duration::from_millis(100);
/// Pause between two looks afterwards.
const RHYTHM: Duration = Duration::from_millis(250);
const YOUTH: Duration = Duration::from_secs(2);
/// Pause between two reports to the watcher.
const REPORT: Duration = Duration::from_secs(1);

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// The reason to kill the tree, if there is one.
    pub(super) stop: Option<Ended>,
    /// True if a report to the watcher is due.
    pub(super) report: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Stdout,
    Stderr,
}

/// Applies the limits to the sizes of the output, and keeps the state between two looks.
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

    /// Takes the sizes of stdout and stderr in bytes, as measured at `now`.
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
        // Any change counts as growth: a program that truncates its output is not stuck.
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

    // A limit that ends beyond the range of the clock counts as no limit.
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
    use super::{last_line, *};

    #[test]
    fn the_last_line_is_the_last_with_text() {
        assert_eq!(last_line("one\ntwo \u{7}\r\n\n  \n").as_deref(), Some("two"));
        assert_eq!(last_line("10%\r20%\r").as_deref(), Some("20%"));
        assert_eq!(last_line(" \n\n"), None);
        assert_eq!(last_line(&"é".repeat(500)).map(|line| line.chars().count()), Some(200));
    }

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
