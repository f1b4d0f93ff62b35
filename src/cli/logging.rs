//! The log, on standard error, because standard output is the protocol. An event is one line without
//! secrets: our code logs no questions and answers, dependencies log nothing, and every line is masked.

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
    /// A client, a file or another program: each line has its time and its level.
    Client,
    /// A person at a terminal who uses a sub-command: plain words.
    Person,
}

impl Reader {
    /// A person if standard error is a terminal.
    pub(super) fn at_standard_error() -> Self {
        if io::stderr().is_terminal() { Self::Person } else { Self::Client }
    }
}

/// An event for a person: `maestro-mcp: a consult is not in the log: why`.
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

/// Starts the log at `MAESTRO_LOG_LEVEL`, or `warn`. An invalid level is a problem of the configuration,
/// which reports it; the log starts anyway.
pub(super) fn start(environment: &Environment, masker: MadeMasker, reader: Reader) {
    let level = environment.get("MAESTRO_LOG_LEVEL").and_then(|level| level.parse().ok());
    let level = level.filter(|level| *level != LevelFilter::OFF).unwrap_or(LevelFilter::WARN);
    // Only this crate: at debug, rmcp logs whole requests with the secrets in them.
    let ours = Targets::new().with_target("maestro", level);
    let log = Arc::new(Log { masker, own: OnceLock::new(), environment: environment.clone(), reader });
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || Line(Arc::clone(&log)))
        .with_target(level > LevelFilter::INFO)
        // Colours would separate a name from its value, where the masker looks.
        .with_ansi(false);
    let registry = tracing_subscriber::registry().with(ours);
    let started = match reader {
        Reader::Client => tracing::subscriber::set_global_default(registry.with(lines)),
        Reader::Person => tracing::subscriber::set_global_default(registry.with(lines.event_format(Plain))),
    };
    // A second subscriber in one process is possible only in tests, which do not need it.
    if started.is_ok() {
        std::panic::set_hook(Box::new(panicked));
    }
}

/// The usual hook prints the panic's message, which may quote any text. Its place is enough to find the
/// defect.
fn panicked(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "a defect: something panicked");
}

struct Log {
    /// The masker, once it is loaded; the log does not load the configuration for it.
    masker: MadeMasker,
    /// A masker of the built-in rules until then; none if it cannot be made.
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
        // There is nowhere left to report that the log cannot be written, and no call may fail for it.
        let mut out = io::stderr().lock();
        // A person's line of progress gives way.
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

/// Keeps an event on one line whatever its fields hold, so that nobody can forge another.
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

/// A line to be written; the subscriber passes it whole.
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
