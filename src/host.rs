//! Effects on this machine: configuration, files, the embedded library and processes.

pub mod ancestry;
pub mod answers;
pub mod browser;
pub mod change;
pub mod checkout;
pub mod config;
pub mod environment;
pub mod exhibit;
pub mod front_matter;
pub mod guardian;
pub mod human;
pub mod library;
pub mod manifests;
pub mod own_files;
pub mod process;
pub mod project;
pub mod seal_key;
pub mod store;
pub mod trust;
pub mod wall;
pub mod worktree;
