//! Changing files: a tree in which no link is followed, and a journal that makes a change whole or
//! undone, whatever ends the process.

mod journal;
mod keep;
mod manifest;
mod rollback;
mod store;
mod tree;

pub use journal::{After, Change, Plan, before, carry_out};
pub use keep::{Keep, Pruned};
pub use manifest::{Entry, Manifest, Permission};
pub use rollback::{Recovery, roll_back};
pub use store::{Listed, Lock, Store, is_session, open_journals};
pub use tree::{FileState, Obstacle, Tree};

#[cfg(test)]
mod tests;
