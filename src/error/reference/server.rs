//! Codes of the server itself.

use super::{Entry, entry};

pub(super) const ENTRIES: [Entry; 5] = [
    entry(
        "cancelled",
        "The call was taken back. Nothing was kept of it.",
        "Call again if it is still wanted.",
        "Nothing: somebody wanted it so.",
    ),
    entry(
        "shutting_down",
        "The server is going down.",
        "Call again once the client has restarted it.",
        "Restart it in Claude Code with `/mcp` if it does not come back.",
    ),
    entry(
        "busy",
        "More calls wait than the server holds.",
        "Wait for the running calls to end, then call again.",
        "Look for a program that calls without end.",
    ),
    entry(
        "nested_consult",
        "This server was started inside a consultant, and a consultant does not consult.",
        "Answer from what the prompt holds.",
        "Nothing: that is meant so.",
    ),
    entry(
        "internal",
        "A defect of Maestro.",
        "Call again once; then tell the user.",
        "Report it, with the log of `MAESTRO_LOG_LEVEL=debug`.",
    ),
];
