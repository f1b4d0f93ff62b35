//! Binary for platforms without Unix calls: it says where Maestro runs, and does nothing.

use std::io::Write as _;
use std::process::ExitCode;

/// Says that Maestro needs Unix, and how to get there.
pub fn main() -> ExitCode {
    let text = "maestro-mcp needs Linux or macOS. On Windows, install it in WSL, together with the codex, gemini and claude command lines, and start your MCP client there.\n";
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::FAILURE
}
