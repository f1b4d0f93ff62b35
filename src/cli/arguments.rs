//! What the command line takes.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use super::build::VERSION;
use super::install::Client;
use super::metrics::MetricsOptions;
use super::quantity::{read_bytes, read_time};
use crate::domain::effort::Effort;
use crate::domain::review::Severity;
use crate::domain::stage::{Role, SchemaName, Stage};

/// An MCP server that lets Claude Code consult other LLM command lines.
///
/// Without a sub-command it serves MCP on standard input and output.
#[derive(Parser)]
#[command(
    name = "maestro-mcp",
    version = VERSION,
    after_help = "Example:\n  maestro-mcp install     # register it with Claude Code, then restart Claude Code"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Serve MCP on standard input and output (the default)
    #[command(after_help = "Example:\n  maestro-mcp serve < requests.jsonl")]
    Serve,
    /// Show what works, what does not, and what to do about it
    #[command(
        after_help = "Example:\n  maestro-mcp check --settings\n\nExit status: 2 where the configuration cannot be used, 3 where no consultant can."
    )]
    Check(CheckOptions),
    /// Print the entry for a client's settings, to add it by hand
    #[command(
        after_help = "Example:\n  maestro-mcp mcp-config > .mcp.json\n  maestro-mcp mcp-config --client codex"
    )]
    McpConfig(InstallOptions),
    /// Register with Claude Code or another client
    #[command(
        after_help = "Example:\n  maestro-mcp install                  # Claude Code, with the slash commands\n  maestro-mcp install --client codex\n  maestro-mcp install --project        # for everybody in this project"
    )]
    Install(InstallOptions),
    /// Take the registration and the slash commands out again
    #[command(after_help = "Example:\n  maestro-mcp uninstall --client codex")]
    Uninstall(InstallOptions),
    /// Ask one question from the terminal
    #[command(
        after_help = "Example:\n  maestro-mcp consult --provider codex --file src/a.py \"why does this fail?\"\n  pytest 2>&1 | maestro-mcp consult --provider claude -"
    )]
    Consult(ConsultOptions),
    /// Review a change or files; the exit status tells a hook
    #[command(
        after_help = "Exit status: 0 where nothing as grave as --fail-on was found, 1 where something was, 2 to 4 where no review came about.\n\nExample:\n  maestro-mcp review --staged --fail-on high\n  maestro-mcp review --range origin/main...HEAD --json"
    )]
    Review(ReviewOptions),
    /// Take a failing program through the stages; costs nothing
    #[command(
        after_help = "Example:\n  maestro-mcp demo                    # asks no model, costs nothing\n  maestro-mcp demo --live             # asks the CLIs that are installed"
    )]
    Demo(DemoOptions),
    /// Confirm what this project's own files in .maestro would change
    #[command(
        after_help = "Example:\n  maestro-mcp trust --show\n  maestro-mcp trust     # in a terminal of your own"
    )]
    Trust(TrustOptions),
    /// List the stages that wait for your decision, and decide
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Example:\n  maestro-mcp approvals show 4f2a\n  maestro-mcp approvals approve 4f2a -m \"good\"     # in a terminal of your own\n\nAny part of an id that no other has will do; its end tells it apart best."
    )]
    Approvals(ApprovalsOptions),
    /// Serve the local web page: read what a decision covers, and decide
    #[command(
        after_help = "Example:\n  maestro-mcp page --open     # in a terminal of your own\n  maestro-mcp page 4f2a       # opens at that request\n\nIt listens on this machine alone, and only while it runs."
    )]
    Page(PageOptions),
    /// List the runs of the workflow, show, resume or end one
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Example:\n  maestro-mcp runs --json | jq '.[] | select(.open)'\n  maestro-mcp runs stop 4f2a -m \"given up\"     # in a terminal of your own"
    )]
    Runs(RunsOptions),
    /// List conversations with consultants, read, search or fork one
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Example:\n  maestro-mcp threads show 4f2a81\n  maestro-mcp consult --thread 4f2a81 \"and if the pool is empty?\""
    )]
    Threads(ThreadsOptions),
    /// Follow what happens in this project, until Ctrl-C
    #[command(after_help = "Example:\n  maestro-mcp watch")]
    Watch(WatchOptions),
    /// Show what a decision, patch, check or stage rests on
    #[command(
        after_help = "Example:\n  maestro-mcp why 4f2a\n  maestro-mcp why RUN --forward     # everything that followed from its beginning"
    )]
    Why(WhyOptions),
    /// Check or export the log of what happened in this project
    #[command(
        subcommand,
        after_help = "Example:\n  maestro-mcp evidence verify --expect HASH     # the last hash as you noted it\n  maestro-mcp evidence export > events.jsonl"
    )]
    Evidence(EvidenceCommand),
    /// Show what a run or the project cost and what came of it
    #[command(after_help = "Example:\n  maestro-mcp metrics --all --json | jq .metrics.total_calls")]
    Metrics(MetricsOptions),
    /// List the patches that can be undone, or remove the oldest
    #[command(
        after_help = "Example:\n  maestro-mcp backups\n  maestro-mcp backups prune --older-than 30d --keep-bytes 500MB"
    )]
    Backups(BackupsOptions),
    /// Explain the code of an error, or all of them
    #[command(after_help = "Example:\n  maestro-mcp errors login_missing")]
    Errors(ErrorsOptions),
    /// Print the completions of a shell
    #[command(after_help = "Example:\n  maestro-mcp completions bash")]
    Completions(CompletionsOptions),
    /// Print the manual page
    #[command(after_help = "Example:\n  maestro-mcp man | man -l -")]
    Man,
}

#[derive(Args)]
pub(super) struct ErrorsOptions {
    /// The code, as a result or a message gives it; without one, all in short
    pub(super) code: Option<String>,
    /// Print all as a Markdown document
    #[arg(long, conflicts_with_all = ["json", "code"])]
    pub(super) markdown: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct CompletionsOptions {
    /// Whose completions
    pub(super) shell: Shell,
}

#[derive(Args)]
pub(super) struct ApprovalsOptions {
    #[command(subcommand)]
    pub(super) command: Option<ApprovalsCommand>,
    /// Those that were decided as well, the newest first
    #[arg(long)]
    pub(super) all: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Subcommand)]
pub(super) enum ApprovalsCommand {
    /// Print the report of a request
    #[command(after_help = "Example:\n  maestro-mcp approvals show 4f2a | less -R")]
    Show(ShowOptions),
    /// Approve a stage: the run goes on
    #[command(
        after_help = "Example:\n  maestro-mcp approvals approve 4f2a -m \"good\" --answer QUESTION=ANSWER"
    )]
    Approve(CommentOptions),
    /// Have a stage done again, differently
    #[command(after_help = "Example:\n  maestro-mcp approvals revise 4f2a -m \"leave the parser alone\"")]
    Revise(ReviseOptions),
    /// Reject a stage: the run stops
    #[command(after_help = "Example:\n  maestro-mcp approvals reject 4f2a -m \"the wrong problem\"")]
    Reject(CommentOptions),
}

#[derive(Args)]
pub(super) struct ShowOptions {
    /// Which one, by a part of its id
    pub(super) id: String,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct WatchOptions {
    /// The events of this run alone, by a part of its id
    #[arg(long, value_name = "ID")]
    pub(super) run: Option<String>,
    /// Print one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct CommentOptions {
    /// The request, by a part of its id
    pub(super) id: String,
    /// Your comment
    #[arg(long, short, value_name = "TEXT")]
    pub(super) message: Option<String>,
    /// An answer to a question of the report; can be repeated. Critical ones without are asked
    #[arg(long, short, value_name = "QUESTION=ANSWER")]
    pub(super) answer: Vec<String>,
    /// Which of the report's choices goes on, by its id
    #[arg(long, short, value_name = "ID")]
    pub(super) choose: Option<String>,
}

#[derive(Args)]
pub(super) struct ReviseOptions {
    /// The request, by a part of its id
    pub(super) id: String,
    /// What is to be done differently
    #[arg(long, short, value_name = "TEXT")]
    pub(super) message: String,
    /// An answer to a question of the report; can be repeated. Critical ones without are asked
    #[arg(long, short, value_name = "QUESTION=ANSWER")]
    pub(super) answer: Vec<String>,
}

#[derive(Args)]
pub(super) struct PageOptions {
    /// The request to open at, by a part of its id; the queue where none is named
    pub(super) id: Option<String>,
    /// Open it in the browser as well
    #[arg(long)]
    pub(super) open: bool,
}

#[derive(Args)]
pub(super) struct RunsOptions {
    #[command(subcommand)]
    pub(super) command: Option<RunsCommand>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Subcommand)]
pub(super) enum RunsCommand {
    /// Show one run: where it is, what was done, what it spent
    #[command(after_help = "Example:\n  maestro-mcp runs show 4f2a")]
    Show(ShowOptions),
    /// Take up a parked run again, and say how to go on with it
    #[command(after_help = "Example:\n  maestro-mcp runs resume 4f2a")]
    Resume(ShowOptions),
    /// End a run before its last stage
    #[command(after_help = "Example:\n  maestro-mcp runs stop 4f2a -m \"given up\"")]
    Stop(StopOptions),
}

#[derive(Args)]
pub(super) struct StopOptions {
    /// The run, by a part of its id
    pub(super) id: String,
    /// Why it ends
    #[arg(long, short, value_name = "TEXT")]
    pub(super) message: String,
}

#[derive(Args)]
pub(super) struct ThreadsOptions {
    #[command(subcommand)]
    pub(super) command: Option<ThreadsCommand>,
    /// All of them, not the latest 20
    #[arg(long)]
    pub(super) all: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Subcommand)]
pub(super) enum ThreadsCommand {
    /// Print a conversation, question by question
    #[command(after_help = "Example:\n  maestro-mcp threads show 4f2a81 | less -R")]
    Show {
        /// The thread, by its id or a part of it
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Find the turns in which some words were said
    #[command(after_help = "Example:\n  maestro-mcp threads search lock order")]
    Search {
        /// The words; a turn must have all of them
        #[arg(required = true)]
        words: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Begin a thread with the turns of another
    #[command(after_help = "Example:\n  maestro-mcp threads fork 4f2a81 --turn 2")]
    Fork {
        /// The thread, by its id or a part of it
        id: String,
        /// The last turn that it has; the last one where none is given
        #[arg(long, value_name = "N")]
        turn: Option<usize>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(super) struct WhyOptions {
    /// An event, a run or the backup of a patch, by a part of its id
    pub(super) id: String,
    /// What rests on it, instead of what it rests on
    #[arg(long)]
    pub(super) forward: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Subcommand)]
pub(super) enum EvidenceCommand {
    /// Check the chain of hashes over all events
    #[command(
        after_help = "Example:\n  maestro-mcp evidence verify\n\nA log whose end was cut off looks whole; compare it with a hash that you noted somewhere else."
    )]
    Verify(VerifyOptions),
    /// Print the events, one JSON object a line
    #[command(after_help = "Example:\n  maestro-mcp evidence export --run ID | jq -r '.kind'")]
    Export(ExportOptions),
}

#[derive(Args)]
pub(super) struct VerifyOptions {
    /// A last hash that was noted before; the log must still hold it
    #[arg(long, value_name = "HASH")]
    pub(super) expect: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct ExportOptions {
    /// The events of this run alone
    #[arg(long, value_name = "ID")]
    pub(super) run: Option<String>,
}

#[derive(Args)]
pub(super) struct BackupsOptions {
    /// Print JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) action: Option<BackupsAction>,
}

#[derive(Subcommand)]
pub(super) enum BackupsAction {
    /// Remove the backups beyond the limits that are named, else beyond the configured ones
    #[command(after_help = "Example:\n  maestro-mcp backups prune --older-than 30d --keep-bytes 500MB")]
    Prune(PruneOptions),
}

#[derive(Args)]
pub(super) struct PruneOptions {
    /// Remove what is of this age or older, for example 30d
    #[arg(long, value_name = "AGE", value_parser = read_time)]
    pub(super) older_than: Option<Duration>,
    /// Keep the newest of no more than so much together, for example 500MB
    #[arg(long, value_name = "SIZE", value_parser = read_bytes)]
    pub(super) keep_bytes: Option<u64>,
    /// Keep so many, the newest
    #[arg(long, value_name = "COUNT")]
    pub(super) keep_sessions: Option<usize>,
}

#[derive(Args)]
pub(super) struct TrustOptions {
    /// Only show it; needs no terminal
    #[arg(long)]
    pub(super) show: bool,
}

#[derive(Args)]
pub(super) struct CheckOptions {
    /// Show every setting that is in force, and who said so
    #[arg(long)]
    pub(super) settings: bool,
    /// Print all of it as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct InstallOptions {
    /// The program that is to start Maestro
    #[arg(long, value_enum, default_value_t = Client::Claude)]
    pub(super) client: Client,
    /// The settings that everybody in this project shares, instead of your own
    #[arg(long)]
    pub(super) project: bool,
}

#[derive(Args)]
pub(super) struct ConsultOptions {
    /// Who is asked; the first installed one where nobody is named
    #[arg(long, short)]
    pub(super) provider: Option<String>,
    /// A model of that provider
    #[arg(long, short)]
    pub(super) model: Option<String>,
    /// How hard it is to think
    #[arg(long, value_parser = one_of::<Effort>(&Effort::ALL.map(Effort::name)))]
    pub(super) effort: Option<Effort>,
    /// A file or a pattern to send along; can be repeated
    #[arg(long, short, value_name = "PATH")]
    pub(super) file: Vec<String>,
    /// An error text to send along, `-` for standard input; can be repeated
    #[arg(long, short, value_name = "TEXT")]
    pub(super) error: Vec<String>,
    /// A persona to take
    #[arg(long, value_parser = one_of::<Role>(&Role::ALL.map(Role::name)))]
    pub(super) role: Option<Role>,
    /// The stage whose limits apply to what is sent
    #[arg(long, value_parser = one_of::<Stage>(&Stage::ALL.map(Stage::name)))]
    pub(super) stage: Option<Stage>,
    /// Ask for JSON of a schema
    #[arg(long, value_parser = one_of::<SchemaName>(&SchemaName::ALL.map(SchemaName::name)))]
    pub(super) schema: Option<SchemaName>,
    /// Seconds, where not the provider's own timeout
    #[arg(long, short, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) timeout: Option<NonZeroU64>,
    /// A conversation to go on with, as `maestro-mcp threads` lists them
    #[arg(long, value_name = "ID")]
    pub(super) thread: Option<String>,
    /// Print the whole result as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// The question; `-` reads it from standard input
    pub(super) question: String,
}

#[derive(Args)]
pub(super) struct ReviewOptions {
    /// Review what is staged
    #[arg(long, conflicts_with_all = ["range", "files"])]
    pub(super) staged: bool,
    /// Review what lies between revisions, such as main..HEAD
    #[arg(long, short, value_name = "REVISIONS", conflicts_with = "files")]
    pub(super) range: Option<String>,
    /// Who reviews, by commas or repeated; everybody installed where nobody is named
    #[arg(long, short, value_delimiter = ',')]
    pub(super) providers: Vec<String>,
    /// What to look for beside the ordinary; can be repeated
    #[arg(long, short, value_name = "TEXT")]
    pub(super) criteria: Vec<String>,
    /// The severity from which on the exit status is 1
    #[arg(long, value_name = "SEVERITY", default_value = "high", value_parser = one_of::<Severity>(&Severity::ALL.map(Severity::name)))]
    pub(super) fail_on: Severity,
    /// A model, where one provider is named
    #[arg(long, short)]
    pub(super) model: Option<String>,
    /// How hard they are to think
    #[arg(long, value_parser = one_of::<Effort>(&Effort::ALL.map(Effort::name)))]
    pub(super) effort: Option<Effort>,
    /// Seconds for each, where not the provider's own timeout
    #[arg(long, short, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) timeout: Option<NonZeroU64>,
    /// Ask for fixes of what holds, and try them in a copy with the project's checks
    #[arg(long)]
    pub(super) fixes: bool,
    /// Print the whole result as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Review these files or patterns as they are; without any, what differs from the last commit
    pub(super) files: Vec<String>,
}

#[derive(Args)]
pub(super) struct DemoOptions {
    /// Ask the installed CLIs, after saying how often and asking you
    #[arg(long)]
    pub(super) live: bool,
    /// Ask this provider; may be repeated. Without it and without --live, fixed rules answer
    #[arg(long, short)]
    pub(super) provider: Vec<String>,
    /// Spend without asking
    #[arg(long)]
    pub(super) yes: bool,
    /// A directory with a failing program of your own; a small broken one is used otherwise
    #[arg(long, value_name = "DIR", requires = "command")]
    pub(super) dir: Option<PathBuf>,
    /// The command that fails in that directory, as shell words
    #[arg(long, value_name = "COMMAND", requires = "dir")]
    pub(super) command: Option<String>,
}

/// A value by the name that the tools use for it.
fn one_of<T>(names: &[&'static str]) -> impl TypedValueParser<Value = T>
where
    T: serde::de::DeserializeOwned + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names)
        .try_map(|name| serde_json::from_value::<T>(serde_json::Value::from(name)))
}
