//! Codes of patches and restores; nothing half-done is left behind.

use super::{Entry, entry};

pub(super) const ENTRIES: [Entry; 15] = [
    entry(
        "patch_invalid",
        "The text is no unified diff, or it could mean two things.",
        "Send one unified diff in a fence, without prose right below it; `error` names the line.",
        "Nothing: the model sends another diff.",
    ),
    entry(
        "context_mismatch",
        "The file does not hold what the patch expects.",
        "Read the file again, and make the diff from what it holds now.",
        "Nothing, unless you edit the same file meanwhile.",
    ),
    entry(
        "context_not_unique",
        "The lines of a hunk stand in several places of the file.",
        "Give the right line numbers, or more lines of context.",
        "Nothing: the model sends another diff.",
    ),
    entry(
        "path_refused",
        "The name may not be written: a link, a secret, `.git`, `.maestro`, or something outside the project.",
        "Name regular files inside the project.",
        "Make that change by hand, if it is meant.",
    ),
    entry(
        "file_missing",
        "There is no such file.",
        "Correct the name, or create the file with `--- /dev/null`.",
        "Nothing: the model corrects the name.",
    ),
    entry(
        "file_exists",
        "There is such a file already.",
        "Send a diff against the file that is there, or choose another name.",
        "Nothing: the model chooses another name.",
    ),
    entry(
        "file_too_large",
        "The file is larger than patches take (1,000,000 bytes).",
        "Edit the file with your own tools.",
        "Nothing: the limit is fixed.",
    ),
    entry(
        "file_changed",
        "The file changed between the check and the write. Nothing was written.",
        "Read the file again and send a new diff.",
        "Let one at a time edit the file: you, a formatter, or the model.",
    ),
    entry(
        "change_locked",
        "Another server is changing the project.",
        "Wait for it to end, then call again.",
        "Look which other session works in the project.",
    ),
    entry(
        "write_failed",
        "The system refused to write. Nothing was kept.",
        "Tell the user what `error` says.",
        "Make room, or correct the permissions.",
    ),
    entry(
        "backup_unknown",
        "There is no such backup, it is not whole, or it does not hold the file.",
        "Give the `backup_session` of a `maestro_apply_patch` result, and files that it changed.",
        "`maestro-mcp backups` lists what can be undone.",
    ),
    entry(
        "log_unavailable",
        "The log that knows of the run cannot be read, so nothing is changed.",
        "Tell the user what `error` says.",
        "Mend what the message says of the log in `.maestro`.",
    ),
    entry(
        "change_not_approved",
        "The run has no approved change yet, so nothing may be applied or restored in it.",
        "Go on with the run; hand the change in as the outputs of implement. `dry_run` is allowed.",
        "Nothing: the change is shown to you before it is applied.",
    ),
    entry(
        "change_differs",
        "It is another change than the one that was approved.",
        "Apply the approved diff as it is; hand another one in as stage debug with `maestro_request_approval`.",
        "Look at the change that is handed in next, and approve it if it is meant.",
    ),
    entry(
        "change_acts",
        "The file runs something by itself or permits it (settings of agents, hooks, CI, rc files, installed programs, scripts of a package), and no approved change names it.",
        "Leave it out, or hand the change in within a run; it is applied once it is approved.",
        "Make that change yourself, or approve it in a run: the report names it as a risk.",
    ),
];
