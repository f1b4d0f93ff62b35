//! Effects on this machine: configuration, files, the embedded library and processes.

pub mod answers;
pub mod change;
pub mod config;
pub mod environment;
pub mod front_matter;
pub mod guardian;
pub mod library;
pub mod manifests;
pub mod process;
pub mod project;
pub mod trust;
pub mod worktree;
