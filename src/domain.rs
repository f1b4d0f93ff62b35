//! The rules: pure functions over plain data. No runtime, files, processes, clock or randomness.

pub mod budget;
pub mod chain;
pub mod change;
pub mod coordination;
pub mod diff;
pub mod event;
pub mod handover;
pub mod history;
pub mod mask;
pub mod measure;
pub mod outline;
pub mod pack;
pub mod policy;
pub mod question;
pub mod redflag;
pub mod report;
pub mod rule;
pub mod secret_path;
pub mod secret_rules;
pub mod stage;
pub mod toolbox;
pub mod toolset;
pub mod topology;
pub mod verification;
pub mod words;
pub mod workflow;
