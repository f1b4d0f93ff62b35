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
mod coordination;
mod decision;
pub(crate) mod dialog;
mod job;
mod library;
mod polish;
mod records;
mod reply;
mod report;
mod review;
mod selection;
mod stage;
mod toolbox;
mod words;
mod workflow;

#[cfg(test)]
pub(crate) use polish::arguments;
pub(crate) use polish::{WRONG_ARGUMENTS, resource, with_links};
pub(crate) use reply::{failure, in_languages, reply, structured, with_notes, with_room, written};
#[cfg(test)]
pub(crate) use {polish::Parameters, report::reporting};
