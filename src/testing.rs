//! Parts of the library that tests, benches and the fuzz target reach. It is no interface: anything
//! here may change or go at any time.

pub use crate::domain::approvals::DecidedBy;
pub use crate::domain::calibrate::{Accuracy, Task, expected_votes};
pub use crate::domain::calibrate::{selection, smallest_k, whole_task};
pub use crate::domain::chain::{Check as ChainCheck, Record, Stored};
pub use crate::domain::diff::parse as parse_diff;
pub use crate::domain::event::consult::{ConsultReserved, ConsultSettled, Kept, Purpose};
pub use crate::domain::event::stage::*;
pub use crate::domain::event::{
    ApprovalDecided, ApprovalRequested, Body, Changed, Check, Decision, Draft, EnsembleNoted, Noted, Verified,
};
pub use crate::domain::history::History;
pub use crate::domain::mask::Masker;
pub use crate::domain::measure::tally::PAPER_TURNS;
pub use crate::domain::pack::{FileText, Material, PackLimits, file_lines, pack};
pub use crate::domain::rule::RuleFile;
pub use crate::domain::secret_path::SecretRules;
pub use crate::domain::served::ModelNote;
pub use crate::domain::stage::Stage;
pub use crate::domain::tokens::Tokens;
pub use crate::domain::toolset::{Toolset, presets, toolsets};
pub use crate::domain::verification::Kind;
pub use crate::domain::verification::status::Status;
pub use crate::domain::vote::canonical::Canonical;
pub use crate::domain::vote::{Ballot, MOST_SAMPLES, Rule, Stop};
pub use crate::domain::words::grouped;
pub use crate::error::Error;
pub use crate::flow::approval::{Verdict, decide};
pub use crate::flow::change::{PatchOutcome, PatchRequest, RestoreRequest, apply_patch, restore};
pub use crate::flow::citations::citations;
pub use crate::flow::journal::{Journal, new_id};
pub use crate::flow::kit::Kit;
pub use crate::host::config::Config;
pub use crate::host::environment::Environment;
pub use crate::host::library::Library;
pub use crate::host::process::{Ended, Exit, Outcome, Supervisor};
pub use crate::host::seal_key::SealKey;
pub use crate::host::store::lease::{Lease, is_alive};
pub use crate::host::store::{EventStore, Expected, Marks, SqliteStore, StoreError};
pub use crate::host::wall::WallStanding;
pub use crate::provider::claude::parse as parse_claude;
pub use crate::provider::codex::parse as parse_codex;
pub use crate::server::stdio::serve_handler;
pub use crate::tools::arguments::aliases;

/// Tables behind `docs/configuration.md`.
pub mod settings {
    pub use crate::host::config::variables::{Form, Variable, variables};
    pub use crate::host::config::{AdapterKind, Config, ContextLimits, Enabled, ProviderSettings};
}

/// Table behind `docs/errors.md`.
pub mod errors {
    pub use crate::error::reference::{entries, find, markdown};
}
