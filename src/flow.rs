//! Sequences of effects: a consult from its question to its recorded answer, an ensemble, a packed
//! context.

pub mod change;
pub mod consult;
pub mod document;
pub mod ensemble;
pub mod inspect;
pub mod ledger;
mod off_thread;
pub mod pack;
pub mod progress;
pub mod providers;
pub mod select;
pub mod session;
pub mod slots;
pub mod spending;
pub mod state;
pub mod verify;
