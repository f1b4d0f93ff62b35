//! Tests of the built binary over stdio, as a client uses it.

#![allow(
    clippy::expect_used, clippy::format_collect, clippy::items_after_statements, clippy::indexing_slicing,
    clippy::panic, clippy::print_stderr, clippy::string_slice, clippy::unwrap_used,
    clippy::needless_pass_by_value
)]

mod harness;

mod change;
mod cli;
mod config;
mod consensus;
mod consult;
mod coordination;
mod costs;
mod differences;
mod docs;
mod doctor;
mod ensemble;
mod evidence;
mod examples;
mod hostile;
mod human;
mod inventory;
mod jobs;
mod library;
mod load;
mod log;
mod metrics;
mod million;
mod models;
mod packaging;
mod packing;
mod page;
mod prompts;
mod requests;
mod resources;
mod review;
mod rings;
mod routing;
mod sandbox;
mod selection;
mod sizes;
mod store;
mod supervision;
mod sweep;
mod terminal;
mod threads;
mod varying;
mod verify;
mod wire;
mod workflow;
