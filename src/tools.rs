//! The MCP tools. They translate: arguments into a flow's question, its outcome into a result.
//!
//! A tool is a method with its name, in the router of its family. Everything that all tools share
//! (unknown names, panics, cancelling, the end of input) is in the server.

mod approval;
pub(crate) mod arguments;
pub(crate) mod catalogue;
mod change;
mod consensus;
mod consult;
mod context;
mod coordination;
mod coordination_record;
mod decision;
pub(crate) mod dialog;
mod evidence;
mod job;
mod library;
mod links;
mod metrics;
mod parameters;
mod polish;
mod reply;
mod report;
mod review;
mod selection;
mod stage;
mod threads;
mod toolbox;
mod verify;
mod waiting;
mod words;
mod workflow;

pub(crate) use links::{resource, with_links};
pub(crate) use parameters::WRONG_ARGUMENTS;
pub(crate) use reply::{failure, in_languages, reply, structured, with_notes, with_room};
#[cfg(test)]
pub(crate) use {parameters::Parameters, report::reporting};
