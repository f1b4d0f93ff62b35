//! Effects on this machine: configuration, trust, project files, the event log, changes, processes and the
//! sandbox.
//!
//! Begin with [`config`] (every setting and its origin), [`store`] (the event log), [`project`] (the files
//! that may be read) and [`process`] (programs that always end with their call).

pub(crate) mod ancestry;
pub(crate) mod answers;
pub(crate) mod browser;
pub(crate) mod change;
pub(crate) mod config;
pub(crate) mod environment;
mod file_stamp;
pub(crate) mod git;
pub(crate) mod guardian;
pub(crate) mod human;
pub(crate) mod library;
pub(crate) mod manifests;
pub(crate) mod own_files;
pub(crate) mod process;
#[cfg(target_os = "linux")]
mod process_stat;
pub(crate) mod project;
pub(crate) mod seal_key;
pub(crate) mod store;
pub(crate) mod trust;
pub(crate) mod wall;
pub(crate) mod worktree;
