//! The words to a person who starts the server by hand.

use std::io::{self, IsTerminal as _, Write as _};

const TEXT: &str = "\
maestro-mcp is an MCP server: a client such as Claude Code starts it and speaks to it.
It waits for a client on standard input now. Ctrl-D or Ctrl-C ends it.

  maestro-mcp install    register it with Claude Code (others: --client)
  maestro-mcp check      see which consultants are installed and logged in
  maestro-mcp demo       see what it does, on a small failing program
  maestro-mcp --help     everything else
";

/// Says how to go on where a person types. A client's input is no terminal, so a client never sees this.
pub(super) fn a_person() {
    if io::stdin().is_terminal() {
        let _ = io::stderr().lock().write_all(TEXT.as_bytes());
    }
}
