//! The settings of `conf/maestro.yaml`.

use std::path::PathBuf;

use serde::Deserialize;

use crate::domain::budget::Caps;
use crate::domain::language::Languages;
use crate::domain::stage::Stage;

/// All settings except those of the providers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Maximum number of consultants that run at the same time.
    pub max_parallel: usize,
    /// Tools that are not served.
    pub disabled_tools: Vec<String>,
    /// The languages of reports. Dialogs and terminals use one of them.
    pub language: Languages,
    /// The served sets of tools; empty means all.
    pub toolsets: Vec<String>,
    /// Further directories whose files may be packed.
    pub repo_roots: Vec<PathBuf>,
    /// Limits of packed contexts.
    pub context: ContextSettings,
    /// Masking: patterns and their replacement.
    pub masking: MaskingSettings,
    /// The coordination policy.
    pub policy: PolicySettings,
    /// Caps on spending.
    pub(crate) caps: Caps,
    /// The record of calls.
    pub tracing: TracingSettings,
    /// How a stage is decided if no dialog can be shown.
    pub approvals: Approvals,
    /// True if the policy may approve stages of low risk when the caller asks for that. Only the user may
    /// set it.
    pub auto_approve_low_risk: bool,
    /// True if a run may begin after analyze when the caller asks for that. Only the user may set it.
    pub late_start: bool,
    /// True if the human is sent to the local page when the client can open an address.
    pub page: bool,
    /// Sandbox of checks and consultants. Only the user may set it.
    pub sandbox: Sandbox,
    /// Network of checks. Only the user may set it.
    pub network: Network,
    /// Days without work after which a run is parked; 0 means never.
    pub park_after_days: u64,
    pub backups: BackupSettings,
}

/// Sandbox of checks and consultants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sandbox {
    /// No sandbox.
    Off,
    /// A sandbox if the machine has one.
    #[default]
    Auto,
    /// Always a sandbox; if there is none, nothing runs.
    Required,
}

/// The network of checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// The network of the machine.
    #[default]
    On,
    /// Only loopback.
    Off,
}

pub use crate::domain::approvals::Approvals;

/// Limits of a packed context. A file may leave out any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContextLimits<Limit: Default = usize> {
    /// Number of files.
    pub max_files: Limit,
    /// Lines of one file.
    pub max_lines_per_file: Limit,
    /// Lines of one error.
    pub max_error_lines: Limit,
    /// Characters in total.
    pub max_total_chars: Limit,
}

type LimitOverrides = ContextLimits<Option<usize>>;

/// Limits by stage. Numbers from the environment (`everywhere`) override those of every stage.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContextSettings {
    default: LimitOverrides,
    analyze: LimitOverrides,
    hypothesize: LimitOverrides,
    implement: LimitOverrides,
    debug: LimitOverrides,
    improve: LimitOverrides,
    everywhere: LimitOverrides,
}

impl ContextSettings {
    pub(super) fn limits(&self, stage: Option<Stage>) -> ContextLimits {
        let own = match stage {
            None => LimitOverrides::default(),
            Some(Stage::Analyze) => self.analyze,
            Some(Stage::Hypothesize) => self.hypothesize,
            Some(Stage::Implement) => self.implement,
            Some(Stage::Debug) => self.debug,
            Some(Stage::Improve) => self.improve,
        };
        let pick = |of: fn(&LimitOverrides) -> Option<usize>| {
            of(&self.everywhere).or_else(|| of(&own)).or_else(|| of(&self.default)).unwrap_or_default()
        };
        ContextLimits {
            max_files: pick(|limits| limits.max_files),
            max_lines_per_file: pick(|limits| limits.max_lines_per_file),
            max_error_lines: pick(|limits| limits.max_error_lines),
            max_total_chars: pick(|limits| limits.max_total_chars),
        }
    }
}

/// Masking: patterns and their replacement.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaskingSettings {
    pub replacement: String,
    /// Patterns in addition to the shipped ones.
    pub regexes: Vec<String>,
}

pub use crate::domain::policy::PolicySettings;

/// The record of calls.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TracingSettings {
    pub enabled: bool,
    /// The directory of the event log, relative to the project root; `.maestro` by default.
    pub directory: Option<PathBuf>,
    /// True if questions are kept (masked). Otherwise only their hash and length are.
    pub save_prompts: bool,
    /// True if answers are kept (masked). Otherwise only their hash and length are.
    pub save_responses: bool,
}

/// Limits on backups of patches; 0 means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackupSettings {
    pub max_age_days: u64,
    /// Maximum size of all backups in bytes.
    pub max_bytes: u64,
    /// Maximum number of patches and restores.
    pub max_sessions: usize,
}
