//! Codes of calls that could not begin: arguments, names, configuration.

use super::{Entry, entry};

pub(super) const ENTRIES: [Entry; 13] = [
    entry(
        "invalid_arguments",
        "An argument is missing, unknown, of the wrong type or out of its range. `null` is an argument left out; the JSON text of a value (`\"5\"`) is that value where no text is wanted; nothing else is guessed.",
        "Correct the argument that `error` names; `maestro_help` with the tool's name shows them all.",
        "In a terminal, correct the option that the message names; `--help` shows them.",
    ),
    entry(
        "unknown_provider",
        "No provider goes by this name.",
        "Take one of the names in `hint`, or call `maestro_list_providers`.",
        "Where it is a CLI of your own, add it to `.maestro/cli_clients.yaml`.",
    ),
    entry(
        "unknown_topic",
        "`maestro_help` has no such topic.",
        "Take one of the topics in `hint`.",
        "Nothing: the model picks another topic.",
    ),
    entry(
        "unknown_workflow",
        "There is no run with this id in the project.",
        "Call `maestro_workflow_state` without an id, or begin a run with `maestro_workflow_with_hitl`.",
        "`maestro-mcp runs` lists the runs. The log belongs to a project: look whether you are in the right directory.",
    ),
    entry(
        "unknown_request",
        "There is no request for a decision with this id.",
        "Call `maestro_get_pending_approvals` and take an id from it.",
        "`maestro-mcp approvals --all` lists every request.",
    ),
    entry(
        "unknown_thread",
        "No conversation of this project goes by this id.",
        "Take one of the ids in `hint`, the nearest and the latest; `maestro_threads` lists and searches them. Without `thread` a new one begins.",
        "`maestro-mcp threads` lists them. The log belongs to a project: look whether you are in the right directory.",
    ),
    entry(
        "unknown_job",
        "No job of this project goes by this id.",
        "Take one of the ids in `hint`; `maestro_job` without arguments lists them.",
        "The log belongs to a project: look whether you are in the right directory.",
    ),
    entry(
        "unknown_evidence",
        "An id is linked or asked for that the log does not hold.",
        "Take ids from `maestro_get_evidence_chain`; every result that is recorded names its own.",
        "`maestro-mcp evidence export` prints what there is.",
    ),
    entry(
        "unknown_name",
        "Nothing of the kind goes by this name: a prompt, a skill, a persona, a schema or a step.",
        "Take one of the names in `hint`.",
        "In a terminal, take one of the names that the message lists.",
    ),
    entry(
        "ambiguous_name",
        "Several ids hold the part that was given.",
        "Give the whole id.",
        "Give more of it. The end tells ids apart best.",
    ),
    entry(
        "config_invalid",
        "A setting that the call depends on cannot be used. Maestro does not guess what was meant.",
        "Tell the user what `error` says, and do not try around it.",
        "Correct the file and line, or the variable, that the error names, and restart the server. `maestro-mcp check` shows what is in force.",
    ),
    entry(
        "document_invalid",
        "A skill, persona, schema, template, policy or rule file that replaces a built-in one cannot be used.",
        "Tell the user which file it is.",
        "Correct the file, or remove it: the built-in text is used then.",
    ),
    entry(
        "setup_failed",
        "Something on this machine is not as it must be: a directory, a settings file, a program.",
        "Tell the user what `error` and `hint` say.",
        "Do what the hint says; the message names the file or the program.",
    ),
];
