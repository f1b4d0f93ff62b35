//! The arguments of the command line.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use super::install::Client;
use super::metrics::MetricsOptions;
use super::terminal::{read_bytes, read_time, read_whole};
use crate::domain::call_options::Effort;
use crate::domain::review::Severity;
use crate::domain::stage::{Role, SchemaName, Stage};
use crate::domain::typed::from_value;

/// An MCP server that lets Claude Code consult other LLM command lines.
///
/// Without a sub-command it serves MCP on standard input and output.
#[derive(Parser)]
#[command(name = "maestro-mcp", version = VERSION)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Serve MCP on standard input and output (the default)
    Serve,
    /// Show what works, what does not, and what to do about it
    Check {
        /// Show every setting in force and where it was set
        #[arg(long)]
        settings: bool,
    },
    /// Print the entry for a client's settings, to add it by hand
    McpConfig(InstallOptions),
    /// Register with Claude Code or another client
    Install(InstallOptions),
    /// Remove the registration and the slash commands
    Uninstall(InstallOptions),
    /// Ask one question from the terminal
    Consult(ConsultOptions),
    /// Review a change or files; the exit status tells a hook
    Review(ReviewOptions),
    /// Show a whole run on a small failing program; costs nothing
    Demo(DemoOptions),
    /// Confirm what this project's own files in .maestro would change
    Trust {
        /// Only show what would be confirmed; needs no terminal
        #[arg(long)]
        show: bool,
    },
    /// List the stages that wait for your decision, and decide
    #[command(args_conflicts_with_subcommands = true)]
    Approvals {
        #[command(subcommand)]
        command: Option<ApprovalsCommand>,
        /// List decided requests too, newest first
        #[arg(long)]
        all: bool,
    },
    /// Serve the local web page: read what a decision covers, and decide
    Page(PageOptions),
    /// List the runs of the workflow, show, resume or end one
    #[command(args_conflicts_with_subcommands = true)]
    Runs {
        #[command(subcommand)]
        command: Option<RunsCommand>,
    },
    /// List conversations with consultants, read, search or fork one
    #[command(args_conflicts_with_subcommands = true)]
    Threads {
        #[command(subcommand)]
        command: Option<ThreadsCommand>,
        /// List all, not only the latest 20
        #[arg(long)]
        all: bool,
    },
    /// Follow what happens in this project, until Ctrl-C
    Watch {
        /// Show only this run: its id, or a part of it
        #[arg(long, value_name = "ID")]
        run: Option<String>,
    },
    /// Show what a decision, patch, check or stage rests on
    Why {
        /// Event, run or backup: its id, or a part of it
        id: String,
        /// Show what followed from it instead
        #[arg(long)]
        forward: bool,
    },
    /// Check or export the log of what happened in this project
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Show what a run or the project cost and what came of it
    Metrics(MetricsOptions),
    /// List the patches that can be undone, or remove the oldest
    Backups {
        #[command(subcommand)]
        action: Option<BackupsAction>,
    },
    /// Explain the code of an error, or all of them
    Errors {
        /// The code from a result or a message [default: all codes in short]
        code: Option<String>,
        /// Print all as a Markdown document
        #[arg(long, conflicts_with_all = ["json", "code"])]
        markdown: bool,
    },
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Subcommand)]
pub(super) enum ApprovalsCommand {
    /// Print the report of a request
    Show {
        /// The id, or a part of it
        id: String,
    },
    /// Approve a stage: the run goes on
    Approve(CommentOptions),
    /// Ask for another version of a stage
    Revise(ReviseOptions),
    /// Reject a stage: the run stops
    Reject(CommentOptions),
}

#[derive(Args)]
pub(super) struct CommentOptions {
    /// The request: its id, or a part of it
    pub(super) id: String,
    /// Your comment
    #[arg(long, short, value_name = "TEXT")]
    pub(super) message: Option<String>,
    /// Answer to a question of the report; can be repeated. Unanswered critical questions are asked
    #[arg(long, short, value_name = "QUESTION=ANSWER")]
    pub(super) answer: Vec<String>,
    /// The choice of the report that goes on: its id
    #[arg(long, short, value_name = "ID")]
    pub(super) choose: Option<String>,
}

#[derive(Args)]
pub(super) struct ReviseOptions {
    /// The request: its id, or a part of it
    pub(super) id: String,
    /// The changes that you want
    #[arg(long, short, value_name = "TEXT")]
    pub(super) message: String,
    /// Answer to a question of the report; can be repeated. Unanswered critical questions are asked
    #[arg(long, short, value_name = "QUESTION=ANSWER")]
    pub(super) answer: Vec<String>,
}

#[derive(Args)]
pub(super) struct PageOptions {
    /// Request to open: its id, or a part of it [default: the queue]
    pub(super) id: Option<String>,
    /// Open the page in the browser
    #[arg(long)]
    pub(super) open: bool,
    /// Serve for N minutes without waiting for keys, then end
    #[arg(
        long, value_name = "N", conflicts_with = "open", allow_negative_numbers = true,
        value_parser = read_whole::<u64>(1, 120)
    )]
    pub(super) minutes: Option<u64>,
}

#[derive(Subcommand)]
pub(super) enum RunsCommand {
    /// Show one run: where it is, what was done, what it spent
    Show {
        /// The id, or a part of it
        id: String,
    },
    /// Resume a parked run and show the next step
    Resume {
        /// The id, or a part of it
        id: String,
    },
    /// End a run before its last stage
    Stop {
        /// The run: its id, or a part of it
        id: String,
        /// Why the run ends
        #[arg(long, short, value_name = "TEXT")]
        message: String,
    },
}

#[derive(Subcommand)]
pub(super) enum ThreadsCommand {
    /// Print a conversation, question by question
    Show {
        /// The thread: its id, or a part of it
        id: String,
    },
    /// Find turns that contain all of some words
    Search {
        /// Words to find; a turn must contain all of them
        #[arg(required = true)]
        words: Vec<String>,
    },
    /// Start a new thread with the turns of another
    Fork {
        /// The thread: its id, or a part of it
        id: String,
        /// Last turn to copy [default: the last one]
        #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = read_whole::<usize>(1, u64::MAX))]
        turn: Option<usize>,
    },
}

#[derive(Subcommand)]
pub(super) enum EvidenceCommand {
    /// Check the chain of hashes over all events
    Verify {
        /// Hash that you noted before; the log must still contain it
        #[arg(long, value_name = "HASH")]
        expect: Option<String>,
    },
    /// Print the events, one JSON object per line
    Export {
        /// Print only the events of this run
        #[arg(long, value_name = "ID")]
        run: Option<String>,
    },
}

#[derive(Subcommand)]
pub(super) enum BackupsAction {
    /// Remove backups beyond the given limits, else beyond the configured ones
    Prune(PruneOptions),
}

#[derive(Args)]
pub(super) struct PruneOptions {
    /// Remove backups of this age or older, for example 30d
    #[arg(long, value_name = "AGE", value_parser = read_time)]
    pub(super) older_than: Option<Duration>,
    /// Keep the newest up to this total size, for example 500MB
    #[arg(long, value_name = "SIZE", value_parser = read_bytes)]
    pub(super) keep_bytes: Option<u64>,
    /// Keep this many of the newest
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true, value_parser = read_whole::<usize>(0, u64::MAX))]
    pub(super) keep_sessions: Option<usize>,
}

#[derive(Args)]
pub(super) struct InstallOptions {
    /// The client to register with
    #[arg(long, value_enum, default_value_t = Client::Claude)]
    pub(super) client: Client,
    /// Use the settings that everybody in this project shares, not your own
    #[arg(long)]
    pub(super) project: bool,
}

#[derive(Args)]
pub(super) struct ConsultOptions {
    /// Provider to ask [default: the first installed one]
    #[arg(long, short)]
    pub(super) provider: Option<String>,
    /// Model to use [default: the one that the CLI chooses]
    #[arg(long, short)]
    pub(super) model: Option<String>,
    /// How hard the model thinks
    #[arg(long, value_parser = one_of(Effort::ALL, Effort::name))]
    pub(super) effort: Option<Effort>,
    /// File or pattern to send; can be repeated
    #[arg(long, short, value_name = "PATH")]
    pub(super) file: Vec<String>,
    /// Error text to send, `-` reads standard input; can be repeated
    #[arg(long, short, value_name = "TEXT")]
    pub(super) error: Vec<String>,
    /// Persona of the consultant
    #[arg(long, value_parser = one_of(Role::ALL, Role::name))]
    pub(super) role: Option<Role>,
    /// Stage whose limits apply to what is sent
    #[arg(long, value_parser = one_of(Stage::ALL, Stage::name))]
    pub(super) stage: Option<Stage>,
    /// Ask for JSON that fits this schema
    #[arg(long, value_parser = one_of(SchemaName::ALL, SchemaName::name))]
    pub(super) schema: Option<SchemaName>,
    /// Seconds to wait [default: the provider's own timeout]
    #[arg(long, short, allow_negative_numbers = true, value_parser = read_whole::<NonZeroU64>(1, u64::MAX))]
    pub(super) timeout: Option<NonZeroU64>,
    /// Conversation to continue; `maestro-mcp threads` lists them
    #[arg(long, value_name = "ID")]
    pub(super) thread: Option<String>,
    /// The question; `-` reads it from standard input
    pub(super) question: String,
}

#[derive(Args)]
pub(super) struct ReviewOptions {
    /// Review what is staged
    #[arg(long, conflicts_with_all = ["range", "files"])]
    pub(super) staged: bool,
    /// Review the change between revisions, such as main..HEAD
    #[arg(long, short, value_name = "REVISIONS", conflicts_with = "files")]
    pub(super) range: Option<String>,
    /// Providers that review, separated by commas [default: all installed ones]
    #[arg(long, short, value_delimiter = ',')]
    pub(super) providers: Vec<String>,
    /// Additional point to look for; can be repeated
    #[arg(long, short, value_name = "TEXT")]
    pub(super) criteria: Vec<String>,
    /// Exit with status 1 on findings of at least this severity
    #[arg(long, value_name = "SEVERITY", default_value = "high", value_parser = one_of(Severity::ALL, Severity::name))]
    pub(super) fail_on: Severity,
    /// Model to use; needs exactly one provider
    #[arg(long, short)]
    pub(super) model: Option<String>,
    /// How hard the models think
    #[arg(long, value_parser = one_of(Effort::ALL, Effort::name))]
    pub(super) effort: Option<Effort>,
    /// Seconds to wait for each [default: the provider's own timeout]
    #[arg(long, short, allow_negative_numbers = true, value_parser = read_whole::<NonZeroU64>(1, u64::MAX))]
    pub(super) timeout: Option<NonZeroU64>,
    /// Ask for fixes and try them in a copy with the project's checks
    #[arg(long)]
    pub(super) fixes: bool,
    /// Files or patterns to review [default: what differs from the last commit]
    pub(super) files: Vec<String>,
}

#[derive(Args)]
pub(super) struct DemoOptions {
    /// Ask the installed CLIs, after showing how often and asking you
    #[arg(long)]
    pub(super) live: bool,
    /// Provider to ask; can be repeated [default: fixed rules, no model]
    #[arg(long, short)]
    pub(super) provider: Vec<String>,
    /// Do not ask before spending
    #[arg(long)]
    pub(super) yes: bool,
    /// Leave no page running (the default in a pipe and in CI)
    #[arg(long)]
    pub(super) no_page: bool,
    /// Directory with a failing program of your own [default: a small built-in one]
    #[arg(long, value_name = "DIR", requires = "command")]
    pub(super) dir: Option<PathBuf>,
    /// Command that fails in that directory
    #[arg(long, value_name = "COMMAND", requires = "dir")]
    pub(super) command: Option<String>,
}

/// A value by the name that the tools use for it.
fn one_of<T>(all: &[T], name: fn(T) -> &'static str) -> impl TypedValueParser<Value = T>
where
    T: serde::de::DeserializeOwned + Copy + Send + Sync + 'static,
{
    let names = all.iter().map(|one| name(*one));
    PossibleValuesParser::new(names).try_map(|name| from_value::<T>(serde_json::Value::from(name)))
}

// The sources of this binary.

/// Version, commit, target and profile, for example
/// `0.1.0 (1a2b3c4d5e6f, x86_64-unknown-linux-gnu, release)`. The commit ends in `+changes` where the
/// sources differed from it, and is `unknown` where they were no checkout.
pub(super) const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("BUILD_COMMIT"),
    ", ",
    env!("BUILD_TARGET"),
    ", ",
    env!("BUILD_PROFILE"),
    ")"
);
