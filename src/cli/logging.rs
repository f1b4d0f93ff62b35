//! The program's log. It goes to standard error, because standard output is for the protocol. An event is one
//! line without secrets: our code logs no questions and answers, dependencies log nothing, and every line is
//! masked.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, OnceLock};

use tracing::Event;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::domain::mask::{DEFAULT_REPLACEMENT, Masker};
use crate::domain::rule::RuleFile as _;
use crate::domain::secret_path::SecretRules;
use crate::flow::configuration::MadeMasker;
use crate::host::environment::Environment;
use crate::host::library::Library;

/// The reader of the log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// A client, a file or another program. Each line has its time and its level.
    Client,
    /// A person at a terminal who uses a sub-command. The lines are plain sentences.
    Person,
}

impl Reader {
    /// [`Self::Person`] if standard error is a terminal, else [`Self::Client`].
    pub(super) fn at_standard_error() -> Self {
        if io::stderr().is_terminal() { Self::Person } else { Self::Client }
    }
}

/// The format of an event for a person: `maestro-mcp: a consult is not in the log: why`.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut words = Words::default();
        event.record(&mut words);
        write!(out, "maestro-mcp: {}", words.message)?;
        for value in &words.values {
            write!(out, ": {value}")?;
        }
        if words.values.iter().any(|value| value.contains("cannot be written to")) {
            write!(out, ". Make that directory writable for you, or set MAESTRO_TRACE_DIR to another one")?;
        }
        writeln!(out)
    }
}

/// The message of an event and the values of its fields, without their names.
#[derive(Default)]
struct Words {
    message: String,
    values: Vec<String>,
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" { self.message = text } else { self.values.push(text) }
    }
}

/// Starts the log with the level `MAESTRO_LOG_LEVEL`, or `warn`. The configuration reports an invalid level;
/// the log starts anyway.
pub(super) fn start(environment: &Environment, masker: MadeMasker, reader: Reader) {
    let level = environment.get("MAESTRO_LOG_LEVEL").and_then(|level| level.parse().ok());
    let level = level.filter(|level| *level != LevelFilter::OFF).unwrap_or(LevelFilter::WARN);
    // Only this crate may log: at the level debug, rmcp logs whole requests with their secrets.
    let ours = Targets::new().with_target("maestro", level);
    let log = Arc::new(Log { masker, own: OnceLock::new(), environment: environment.clone(), reader });
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || Line(Arc::clone(&log)))
        .with_target(level > LevelFilter::INFO)
        // Colours would separate a name from its value, and the masker would not recognise them.
        .with_ansi(false);
    let registry = tracing_subscriber::registry().with(ours);
    let started = match reader {
        Reader::Client => tracing::subscriber::set_global_default(registry.with(lines)),
        Reader::Person => tracing::subscriber::set_global_default(registry.with(lines.event_format(Plain))),
    };
    // This fails only in tests, for a second subscriber in the same process, which they do not need.
    if started.is_ok() {
        std::panic::set_hook(Box::new(panicked));
    }
}

/// Logs a panic by its place, which is enough to find the defect. The usual hook would also print the
/// message, which may quote any text.
fn panicked(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "a defect: something panicked");
}

struct Log {
    /// The masker of the configuration. The log uses it when other code has loaded it.
    masker: MadeMasker,
    /// A masker with the built-in rules, used until then; None if it cannot be made.
    own: OnceLock<Option<Arc<Masker>>>,
    environment: Environment,
    reader: Reader,
}

impl Log {
    fn masker(&self) -> Option<Arc<Masker>> {
        let own = || self.own.get_or_init(|| built_in(&self.environment).map(Arc::new)).clone();
        self.masker.get().or_else(own)
    }

    fn print(&self, event: &str) {
        let line = match self.masker() {
            Some(masker) => one_line(&masker.mask(event.trim_end()).text),
            None => "a line that cannot be masked is left out of the log".to_owned(),
        };
        // If the log cannot be written, there is no place to report that, and no call may fail because of it.
        let mut out = io::stderr().lock();
        // The line of progress on a person's terminal is overwritten.
        let _ = match self.reader {
            Reader::Person => writeln!(out, "\r\x1b[2K{line}"),
            Reader::Client => writeln!(out, "{line}"),
        };
    }
}

fn built_in(environment: &Environment) -> Option<Masker> {
    let document = Library::embedded("conf/secrets.yaml")?;
    let rules = SecretRules::from_yaml(&document.text).ok()?;
    let variables = environment.text().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Masker::new(&rules.masking, variables, &[], DEFAULT_REPLACEMENT).ok()
}

/// Escapes control characters, so that an event stays on one line and its fields cannot forge another event.
fn one_line(event: &str) -> String {
    event.chars().fold(String::with_capacity(event.len()), |mut line, letter| {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
        line
    })
}

/// A writer for the subscriber, which writes each line with one call.
struct Line(Arc<Log>);

impl Write for Line {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.print(&String::from_utf8_lossy(event));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        assert_eq!(one_line("a=1 b=\"2\""), "a=1 b=\"2\"");
        assert_eq!(one_line("a\nINFO forged\u{1b}[2K"), "a\\nINFO forged\\u{1b}[2K");
    }

    #[test]
    fn lines_are_masked_before_there_is_a_session() {
        let environment: Environment = [("API_TOKEN", "sesame-open-0123")].into_iter().collect();
        let masker = built_in(&environment).unwrap();
        let line = masker.mask("why=\"sesame-open-0123\" key=sk-proj-abcdefghij0123456789ABCDEFGHIJ").text;
        assert!(!line.contains("sesame") && !line.contains("abcdefghij"), "{line}");
    }
}
