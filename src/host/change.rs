//! Changes of files. The tree follows no link. The journal makes a change either complete or undone, however
//! the process ends.

mod journal;
mod store;
mod tree;

pub use journal::{After, Change, Plan, Recovery, before, carry_out, roll_back};
pub use store::{Entry, Keep, Lock, Manifest, Permission, Pruned, Store, is_session, open_journals};
pub use tree::{FileState, Obstacle, Tree};

#[cfg(test)]
mod tests;
