//! Changes of files: a tree that follows no link, and a journal that makes a change whole or undoes it,
//! whatever ends the process.

mod journal;
mod store;
mod tree;

pub use journal::{After, Change, Plan, Recovery, before, carry_out, roll_back};
pub use store::{Entry, Keep, Lock, Manifest, Permission, Pruned, Store, is_session, open_journals};
pub use tree::{FileState, Obstacle, Tree};

#[cfg(test)]
mod tests;
