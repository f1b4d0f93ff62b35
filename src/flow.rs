//! Flows: sequences of effects that do one thing for a caller, such as a consult from its question to its
//! recorded answer. A flow knows neither MCP nor HTTP nor a terminal. Most take a [`kit::Kit`] or some of
//! its four parts.
//!
//! Begin with [`consult`] (one question to one consultant), [`journal`] (load, fold, decide, append),
//! [`stage`] (one stage of a run) and [`approval`] (the decision on it).

pub(crate) mod account;
pub(crate) mod approval;
pub(crate) mod breaker;
pub(crate) mod calibrate;
pub(crate) mod change;
pub(crate) mod citations;
pub(crate) mod configuration;
pub(crate) mod consult;
pub(crate) mod consultant_state;
pub(crate) mod coordination;
pub(crate) mod document;
pub(crate) mod ensemble;
pub(crate) mod evidence;
pub(crate) mod health;
pub(crate) mod inspect;
pub(crate) mod job;
pub(crate) mod journal;
pub(crate) mod kit;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod note;
mod operator_log;
pub(crate) mod oversize;
pub(crate) mod pack;
pub(crate) mod processes;
pub(crate) mod progress;
pub(crate) mod project_files;
pub(crate) mod providers;
pub(crate) mod resource;
pub(crate) mod review;
pub(crate) mod rules_in_force;
pub(crate) mod scope;
pub(crate) mod select;
pub(crate) mod slots;
pub(crate) mod stage;
pub(crate) mod template;
pub(crate) mod thread;
pub(crate) mod time;
pub(crate) mod toolbox;
pub(crate) mod verify;
pub(crate) mod vote;
pub(crate) mod wall;
pub(crate) mod which_run;
pub(crate) mod workflow;
pub(crate) mod worktree_note;
