//! Codes of a run that does not do what it is asked to.

use super::{Entry, entry};

pub(super) const ENTRIES: [Entry; 19] = [
    entry(
        "stage_out_of_order",
        "The stage is not the next one of the run.",
        "Run the stage that `hint` names.",
        "Nothing: the order is meant so.",
    ),
    entry(
        "stage_running",
        "The stage is being worked on.",
        "Make the same call again to wait for its result; in solo mode, hand in the outputs with `maestro_request_approval`.",
        "Wait, or end the run with `maestro-mcp runs stop ID`.",
    ),
    entry(
        "approval_pending",
        "A stage waits for a decision, and nothing goes on before it.",
        "Show the report to the user, then call `maestro_submit_approval`.",
        "Decide: in the conversation, or with `maestro-mcp approvals` in a terminal.",
    ),
    entry(
        "verification_missing",
        "Improve opens only after checks passed that ran after the last change.",
        "Call `maestro_verify`, or record a check with `maestro_log_evidence`.",
        "Nothing, unless there is no check: name a command that tells right from wrong.",
    ),
    entry(
        "debug_escalated",
        "The rounds of debug are used up, and the checks still fail.",
        "Stop changing things. Tell the user what was tried and learnt.",
        "Choose another hypothesis and begin a new run, or look yourself.",
    ),
    entry(
        "already_decided",
        "The request was decided before. The first decision is final.",
        "Call `maestro_workflow_state` for what comes next.",
        "`maestro-mcp approvals --all` shows who decided.",
    ),
    entry(
        "run_stopped",
        "The run was rejected or ended; nothing more happens in it.",
        "Tell the user; a new run begins with `maestro_workflow_with_hitl`.",
        "Ask for a new run if the task is still wanted.",
    ),
    entry(
        "run_complete",
        "The run went through all its stages.",
        "Begin a new run for a new task.",
        "Nothing: the work of this run is done.",
    ),
    entry(
        "change_unverified",
        "The last patch of the run was not verified, and changes are made one at a time.",
        "Call `maestro_verify`, or undo the patch with `maestro_restore_from_backup`.",
        "Nothing: the model verifies or undoes it.",
    ),
    entry(
        "budget_exhausted",
        "The consults of the stage or the run are used up.",
        "Do the stage yourself and hand it in with `maestro_request_approval`.",
        "Raise `MAESTRO_MAX_CONSULT_TOTAL` or `MAESTRO_MAX_CONSULT_PER_STAGE` and restart the server, if more are worth it.",
    ),
    entry(
        "human_wanted",
        "Only a person may decide this, and none could be asked this way.",
        "Ask the user to run the command that `hint` names; do not decide for them.",
        "Run `maestro-mcp approvals` in a terminal of your own.",
    ),
    entry(
        "second_server",
        "A command of an agent's started this server, and no client of a person's: it may read and consult, and does not decide, hand in or change.",
        "Use the Maestro tools that the client offers.",
        "Decide in a terminal of your own with `maestro-mcp approvals`. A server that your client reaches through a script of yours hands its input through (`exec`), so that the client feeds it.",
    ),
    entry(
        "dialog_open",
        "The request is open in a dialog before a person, and the model's word does not close that.",
        "Wait for the person's answer.",
        "Answer the dialog, or decide in a terminal with `maestro-mcp approvals`.",
    ),
    entry(
        "undecided",
        "The person who was asked did not decide.",
        "Go on with something else, or ask again with `maestro_submit_approval`.",
        "The request stays open: `maestro-mcp approvals` decides it at any time.",
    ),
    entry(
        "other_report",
        "The decision is about another report than the one that is open.",
        "Read the report again, show it, and ask anew.",
        "`maestro-mcp approvals show ID` prints the one that counts.",
    ),
    entry(
        "request_state_invalid",
        "The answer of a person does not belong to the call, is too old, or was used before.",
        "Call again with the same arguments, without `requestState` and `inputResponses`.",
        "Answer once more when you are asked.",
    ),
    entry(
        "no_valid_answer",
        "Every answer of the stage was discarded: it did not fit the schema or showed a red flag.",
        "Read each candidate's `red_flags` and `schema_errors`; ask more narrowly, or hand in the stage yourself.",
        "Name another provider or model for the stage if it repeats.",
    ),
    entry(
        "late_start",
        "A run begins at analyze: a later stage is an argument of the model's, and the user has not allowed that.",
        "Begin without `start_stage`.",
        "Set `late_start: true` in your own `maestro.yaml`, or `MAESTRO_LATE_START=true`, if runs may begin later; the report then says so.",
    ),
    entry(
        "answers_contradict",
        "The answers do not go with the decision, such as an approval of what is not mergeable, or a revision without words.",
        "Ask the user which of the two holds; submit the same with `is_meant: true` only if they say so again.",
        "Say which holds: the decision, or the answer.",
    ),
];
