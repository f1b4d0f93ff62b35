//! Maestro: an MCP server that lets Claude Code consult other LLM command lines.
//!
//! 1. Claude Code is the orchestrator: it alone edits files and decides. Codex, Gemini and
//!    Claude command lines are consultants: they give text, and nothing else.
//! 2. The project directory owns the truth: what must last is an append-only log beside the code,
//!    and every view of it is a pure fold.
//! 3. A command is load, fold, decide, append: several servers, a terminal and a team share one
//!    project with no daemon between them.
//! 4. Rules live in [`domain`], effects in [`host`] and [`provider`], sequences of effects in
//!    [`flow`]; [`tools`] only translates MCP, and [`page`] HTTP.
//! 5. Nothing in memory is durable, nothing durable is only in memory.
//!
//! # Rings
//!
//! ```text
//! domain <- host, provider <- flow <- page <- tools <- server <- cli
//! ```
//!
//! Each ring may use only those to its left; `tests/it/rings.rs` holds them to it.

// Process groups, signals, rights of files and paths beneath a root are promises that need Unix.
#[cfg(not(unix))]
compile_error!("maestro-mcp needs Linux or macOS; on Windows build and run it in WSL (docs/platforms.md)");

mod cli;
mod domain;
mod error;
mod flow;
mod host;
mod page;
mod provider;
mod server;
mod tools;

#[doc(hidden)]
pub mod testing;

pub use cli::main;
