//! Sequences of effects: a consult from its question to its recorded answer, an ensemble, a packed
//! context.

pub mod account;
pub mod approval;
pub mod calibrate;
pub mod change;
pub mod consult;
pub mod coordination;
pub mod document;
pub mod ensemble;
pub mod evidence;
pub mod inspect;
pub mod journal;
pub mod ledger;
pub mod metrics;
pub mod note;
mod off_thread;
pub mod oversize;
pub mod pack;
pub mod place;
pub mod progress;
pub mod providers;
pub mod resource;
pub mod select;
pub mod session;
pub mod slots;
pub mod stage;
pub mod state;
pub mod thread;
pub mod time;
mod told;
pub mod toolbox;
pub mod verify;
pub mod vote;
pub(crate) mod wall;
pub mod watch;
pub mod which_run;
pub mod workflow;
