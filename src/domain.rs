//! The rules: pure functions over plain data. No runtime, files, processes, clock or randomness.

pub mod change;
pub mod diff;
pub mod judge;
pub mod mask;
pub mod microstep;
pub mod pack;
pub mod policy;
pub mod redflag;
pub mod rule;
pub mod secret_path;
pub mod secret_rules;
pub mod select;
pub mod stage;
pub mod validate;
pub mod verification;
pub mod words;
