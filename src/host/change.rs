//! Changing files: a tree in which no link is followed, and a journal that makes a change whole or
//! undone, whatever ends the process.

mod journal;
mod store;
mod tree;

pub use journal::{After, Change, Plan, Recovery, before, carry_out, roll_back};
pub use store::{Entry, Keep, Lock, Manifest, Permission, Pruned, Store, is_session, open_journals};
pub use tree::{FileState, Obstacle, Tree};

#[cfg(test)]
mod tests;
