//! The table of the `MAESTRO_*` variables: the schema by which they are read, and the source of the
//! tables in `README.md`.

use super::Form;

/// One variable.
#[derive(Clone, Copy)]
pub(in crate::host::config) struct Variable {
    /// Its name; of a provider's, what follows `MAESTRO_<PROVIDER>_`.
    pub(in crate::host::config) name: &'static str,
    /// The keys that it sets; none where something else than the configuration reads it.
    pub(in crate::host::config) path: &'static [&'static str],
    pub(in crate::host::config) form: Form,
    pub(in crate::host::config) meaning: &'static str,
    pub(in crate::host::config) usual: Usual,
}

/// Default where nobody sets a variable.
#[derive(Clone, Copy)]
pub(in crate::host::config) enum Usual {
    /// The value at its path in the files that ship.
    Shipped,
    /// Something that those files do not say, in words.
    Words(&'static str),
}

const fn shipped(
    name: &'static str,
    path: &'static [&'static str],
    form: Form,
    meaning: &'static str,
) -> Variable {
    Variable { name, path, form, meaning, usual: Usual::Shipped }
}

const fn worded(
    name: &'static str,
    path: &'static [&'static str],
    form: Form,
    usual: &'static str,
    meaning: &'static str,
) -> Variable {
    Variable { name, path, form, meaning, usual: Usual::Words(usual) }
}

/// Variables of the whole server, in the order in which the README shows them.
pub(in crate::host::config) const GENERAL: [Variable; 44] = [
    worded("MAESTRO_HOME", &[], Form::Text, "`~/.config/maestro`", "where your own configuration lies"),
    shipped(
        "MAESTRO_MAX_PARALLEL",
        &["max_parallel"],
        Form::Count,
        "consultants that run at the same time, 1 to 256",
    ),
    worded(
        "MAESTRO_LOG_LEVEL",
        &["log_level"],
        Form::Level,
        "warn",
        "error, warn, info, debug or trace, to stderr; info is a line for each call, consult, stage, decision, change and check, and no level prints what was asked or answered",
    ),
    shipped(
        "MAESTRO_LANGUAGE",
        &["language"],
        Form::Language,
        "the languages of reports and results: both, en or ko; with both, dialogs and the terminal use one, by `LANG`",
    ),
    worded(
        "MAESTRO_TOOLSETS",
        &["toolsets"],
        Form::Names,
        "all",
        "the [sets of tools](#sets-of-tools) that are offered, separated by commas: consult, change, workflow, evidence, consensus, coordination, toolbox, or the presets core, ask; `maestro_help` always is",
    ),
    shipped(
        "MAESTRO_DISABLED_TOOLS",
        &["disabled_tools"],
        Form::Names,
        "tools that are not offered, separated by commas",
    ),
    shipped(
        "MAESTRO_REPO_ROOTS",
        &["repo_roots"],
        Form::Directories,
        "directories beside the project whose files may be packed, separated by `:`",
    ),
    shipped(
        "MAESTRO_CONTEXT_MAX_FILES",
        &["context", "everywhere", "max_files"],
        Form::Count,
        "files of a packed context",
    ),
    shipped(
        "MAESTRO_CONTEXT_MAX_LINES_PER_FILE",
        &["context", "everywhere", "max_lines_per_file"],
        Form::Count,
        "lines of one file",
    ),
    worded(
        "MAESTRO_CONTEXT_MAX_LINES",
        &["context", "everywhere", "max_lines_per_file"],
        Form::Count,
        "",
        "the same, by its older name",
    ),
    shipped(
        "MAESTRO_CONTEXT_MAX_ERROR_LINES",
        &["context", "everywhere", "max_error_lines"],
        Form::Count,
        "lines of one error text",
    ),
    shipped(
        "MAESTRO_CONTEXT_MAX_TOTAL_CHARS",
        &["context", "everywhere", "max_total_chars"],
        Form::Count,
        "characters in all",
    ),
    worded(
        "MAESTRO_CONTEXT_MAX_CHARS",
        &["context", "everywhere", "max_total_chars"],
        Form::Count,
        "",
        "the same, by its older name",
    ),
    shipped(
        "MAESTRO_MASK_REGEXES",
        &["masking", "regexes"],
        Form::Patterns,
        "your own patterns of secrets: a JSON array, one a line, or separated by commas",
    ),
    shipped(
        "MAESTRO_MASK_REPLACEMENT",
        &["masking", "replacement"],
        Form::Text,
        "what stands where a secret stood",
    ),
    shipped(
        "MAESTRO_CAPABILITY_THRESHOLD",
        &["policy", "capability_threshold"],
        Form::Fraction,
        "measured success of a single agent from which on an ensemble is skipped, 0 to 1; a stated confidence skips nothing",
    ),
    shipped(
        "MAESTRO_MAX_CONSULT_PER_STAGE",
        &["policy", "max_consults_per_stage"],
        Form::Count,
        "consults of one stage of a run; a round of debug has 1 at most",
    ),
    shipped(
        "MAESTRO_MAX_CONSULT_TOTAL",
        &["policy", "max_consults_total"],
        Form::Count,
        "consults of one run",
    ),
    shipped(
        "MAESTRO_MAX_DEBUG_ITERATIONS",
        &["policy", "max_debug_iterations"],
        Form::Count,
        "iterations of debug before it escalates",
    ),
    shipped(
        "MAESTRO_PREFER_TESTS_FIRST",
        &["policy", "prefer_tests_first"],
        Form::Flag,
        "whether a selection puts what tests prove before everything else; off: a judge or the weights may prefer an untested candidate, never one that failed",
    ),
    shipped(
        "MAESTRO_ENSEMBLE_HYPOTHESES",
        &["policy", "ensemble_hypotheses"],
        Form::Flag,
        "whether hypothesize may ask several",
    ),
    shipped(
        "MAESTRO_ENSEMBLE_IMPL",
        &["policy", "ensemble_implementation"],
        Form::Flag,
        "whether implement may ask several",
    ),
    shipped(
        "MAESTRO_DEBUG_SINGLE_AGENT",
        &["policy", "debug_single_agent"],
        Form::Flag,
        "whether debug is held to a single agent",
    ),
    shipped(
        "MAESTRO_MAX_TOOLS",
        &["policy", "max_tools"],
        Form::Count,
        "tools that a stage or a skill loads at a time, the core among them",
    ),
    worded(
        "MAESTRO_SINGLE_AGENT_TURNS",
        &["policy", "single_agent_turns"],
        Form::Positive,
        "7.2",
        "turns that a single agent takes for one of your tasks: what overhead and efficiency are measured against",
    ),
    shipped(
        "MAESTRO_APPROVALS",
        &["approvals"],
        Form::Approvals,
        "whose word decides on a stage: `ask` asks the human where the client can, and takes a relayed word where it cannot; `human` refuses a relayed word; `relay` shows no form",
    ),
    shipped(
        "MAESTRO_AUTO_APPROVE_LOW_RISK",
        &["auto_approve_low_risk"],
        Form::Flag,
        "whether the argument `auto_approve_low_risk` of a run counts; never in a file of a project, and never where `approvals` is `human`",
    ),
    shipped(
        "MAESTRO_LATE_START",
        &["late_start"],
        Form::Flag,
        "whether the argument `start_stage` of a run counts; never in a file of a project, and never where `approvals` is `human`",
    ),
    shipped(
        "MAESTRO_PAGE",
        &["page"],
        Form::Flag,
        "whether a decision leads to the local page where the client can open an address; a form asks otherwise",
    ),
    shipped(
        "MAESTRO_SANDBOX",
        &["sandbox"],
        Form::Sandbox,
        "whether checks, candidates and consultants run in a sandbox: `auto` where the machine has one, `required` or not at all, `off` never",
    ),
    shipped(
        "MAESTRO_NETWORK",
        &["network"],
        Form::Network,
        "the network of checks and candidates: `on` is the machine's own, `off` is loopback only",
    ),
    shipped(
        "MAESTRO_PARK_AFTER_DAYS",
        &["park_after_days"],
        Form::Days,
        "days without activity after which a run is parked: it blocks nothing, and its name or task takes it up again; 0 is never",
    ),
    worded(
        "MAESTRO_CAP_RUN_USD",
        &["caps", "run_usd"],
        Form::Positive,
        "no cap",
        "US dollars that one run may spend; a consult that would pass it is refused ([what it costs](costs.md))",
    ),
    worded(
        "MAESTRO_CAP_RUN_TOKENS",
        &["caps", "run_tokens"],
        Form::Tokens,
        "no cap",
        "tokens, both ways, of one run",
    ),
    worded(
        "MAESTRO_CAP_DAY_USD",
        &["caps", "day_usd"],
        Form::Positive,
        "no cap",
        "US dollars of a day in this project, in runs and outside of them",
    ),
    worded(
        "MAESTRO_CAP_DAY_TOKENS",
        &["caps", "day_tokens"],
        Form::Tokens,
        "no cap",
        "tokens of a day in this project",
    ),
    shipped(
        "MAESTRO_TRACING_ENABLED",
        &["tracing", "enabled"],
        Form::Flag,
        "whether what belongs to no run is recorded; a run always is",
    ),
    worded(
        "MAESTRO_TRACE_DIR",
        &["tracing", "directory"],
        Form::Text,
        "`.maestro`",
        "the directory of the event log, relative to the project root",
    ),
    shipped(
        "MAESTRO_SAVE_PROMPTS",
        &["tracing", "save_prompts"],
        Form::Flag,
        "whether the log keeps what was asked, masked; else its length and digest",
    ),
    shipped(
        "MAESTRO_SAVE_RESPONSES",
        &["tracing", "save_responses"],
        Form::Flag,
        "the same for what was answered",
    ),
    shipped(
        "MAESTRO_BACKUPS_MAX_AGE_DAYS",
        &["backups", "max_age_days"],
        Form::Days,
        "days after which the backup of a patch goes; 0 is no limit",
    ),
    shipped(
        "MAESTRO_BACKUPS_MAX_BYTES",
        &["backups", "max_bytes"],
        Form::Bytes,
        "bytes of all backups together; 0 is no limit",
    ),
    shipped(
        "MAESTRO_BACKUPS_MAX_SESSIONS",
        &["backups", "max_sessions"],
        Form::Count,
        "backups; 0 is no limit",
    ),
    worded(
        "MAESTRO_DEPTH",
        &[],
        Form::Text,
        "",
        "set by Maestro for its consultants: a server that sees it refuses to consult",
    ),
];

/// Variables of a provider: `MAESTRO_<PROVIDER>_` and the name.
pub(in crate::host::config) const PER_PROVIDER: [Variable; 7] = [
    worded(
        "CMD",
        &["command"],
        Form::Text,
        "the provider's name",
        "program and leading arguments, as shell words; a path with a slash is relative to the project root",
    ),
    worded(
        "MODEL",
        &["model"],
        Form::Text,
        "your own choice in the CLI's configuration, else the CLI's",
        "the model asked for when a call names none",
    ),
    worded(
        "EFFORT",
        &["effort"],
        Form::Effort,
        "your own choice in the CLI's configuration, else `high`",
        "how hard it thinks when a call does not say: low, medium, high, xhigh or max",
    ),
    shipped("TIMEOUT", &["timeout_sec"], Form::Seconds, "seconds for a whole call"),
    shipped("ENABLED", &["enabled"], Form::Enabled, "whether it may be asked"),
    shipped(
        "STALL_TIMEOUT",
        &["stall_timeout_sec"],
        Form::Seconds,
        "seconds of silence after its first output; 0 turns it off",
    ),
    shipped("EXTRA_ARGS", &["extra_args"], Form::Words, "arguments in front of ours, as shell words"),
];
