//! Codes of the event log in `.maestro`.

use super::{Entry, entry};

pub(super) const ENTRIES: [Entry; 11] = [
    entry(
        "store_conflict",
        "Somebody else went on with the run meanwhile.",
        "Read the run's state again, then decide anew.",
        "Nothing: it happens where two sessions share a run.",
    ),
    entry(
        "store_replaced",
        "The log was deleted or replaced while it was in use.",
        "Call again: what is there now counts.",
        "Leave `.maestro` alone while a server runs.",
    ),
    entry(
        "store_busy",
        "Another process holds the log for too long.",
        "Call again.",
        "If it stays, see which program has `maestro.db` open.",
    ),
    entry(
        "store_read_only",
        "The log cannot be written to.",
        "Tell the user.",
        "Give write permission to its directory, or set `MAESTRO_TRACE_DIR`.",
    ),
    entry(
        "store_full",
        "There is no room for the log. What was stored before is whole.",
        "Tell the user, and call again once there is room.",
        "Make room on the disk.",
    ),
    entry(
        "store_corrupt",
        "The log is damaged. It was left as it is.",
        "Tell the user; do not delete it.",
        "Keep a copy, then put a backup in its place, or move it away to begin a new log.",
    ),
    entry(
        "store_newer",
        "A newer Maestro wrote the log. It was left as it is.",
        "Tell the user.",
        "Use that version, or a newer one.",
    ),
    entry(
        "store_went_back",
        "The log ends before what this user has seen of it, or goes on otherwise: an older copy, or one that was written anew. Nothing is decided or changed on it; consults go on.",
        "Tell the user.",
        "Put the log back that was there, or move this one away to begin a new one.",
    ),
    entry(
        "store_foreign",
        "The log is not this user's: git tracks it, another user owns it, or nobody on this account wrote it. Nothing is decided or changed on it; consults go on.",
        "Tell the user.",
        "Take it out of git or move it away. Your own log that you moved here is taken over with `maestro-mcp trust`.",
    ),
    entry(
        "store_not_ours",
        "Something else is in the log's place, or a link.",
        "Tell the user.",
        "Move it away, or set `MAESTRO_TRACE_DIR` to another directory.",
    ),
    entry(
        "store_unavailable",
        "The system refuses the log for another reason; `error` says which.",
        "Tell the user what `error` says.",
        "Look at the disk and at the permissions of the directory.",
    ),
];
