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
//! 5. Memory holds nothing that must last. Everything that must last is in the log or in files.
//!
//! # Rings
//!
//! ```text
//! domain <- host <- provider <- flow <- page <- tools <- server <- cli
//! ```
//!
//! Each ring may use only those to its left; `tests/it/rings.rs` checks this.

// Maestro needs Unix for process groups, signals, file permissions and paths confined to a root.
#[cfg(unix)]
mod cli;
#[cfg(unix)]
mod domain;
#[cfg(not(unix))]
mod elsewhere;
#[cfg(unix)]
mod error;
#[cfg(unix)]
mod flow;
#[cfg(unix)]
mod host;
#[cfg(unix)]
mod page;
#[cfg(unix)]
mod provider;
#[cfg(unix)]
mod server;
#[cfg(unix)]
mod tools;

#[cfg(unix)]
#[doc(hidden)]
pub mod testing;

#[cfg(unix)]
pub use cli::main;
#[cfg(not(unix))]
pub use elsewhere::main;
