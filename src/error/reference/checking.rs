//! Codes of checks, votes and selections that chose nothing.

use super::{Entry, entry};

pub(super) const ENTRIES: [Entry; 9] = [
    entry(
        "checks_failed",
        "A check ran and did not pass, or was refused.",
        "Read each result's `status`, `metadata.failing` and `metadata.refused`.",
        "Where a check of the project is refused, `maestro-mcp trust` shows and confirms its rules.",
    ),
    entry(
        "nothing_to_verify",
        "There was no check to run.",
        "Name a command in `commands`.",
        "Tell the model how the project is tested.",
    ),
    entry(
        "content_invalid",
        "The content is not fit to be used; `result` and `reason` say why.",
        "Ask for another answer; do not repair this one.",
        "Nothing: the model asks again.",
    ),
    entry(
        "vote_undecided",
        "No answer is k votes ahead, so none was chosen.",
        "Give a larger `max_rounds`, make the question narrower, or decide by a test.",
        "Nothing: an open vote is a result.",
    ),
    entry(
        "no_valid_vote",
        "No answer of the vote counted.",
        "Read `red_flags` and `failures`; ask for another form, or other providers.",
        "Where all failed the same way, look at that provider with `maestro-mcp check`.",
    ),
    entry(
        "vote_over_budget",
        "The budget allows no further sample.",
        "Decide from `vote_distribution` yourself, or by a test.",
        "Raise the limits of consults, if more samples are worth it.",
    ),
    entry(
        "oracle_unusable",
        "The command that is to tell right answers from wrong ones cannot do so.",
        "Give a check that `maestro_verify` would run, and that fails for wrong answers.",
        "Confirm the project's rules with `maestro-mcp trust` where the command needs them.",
    ),
    entry(
        "no_winner",
        "Every candidate failed its tests or shows a red flag, or the judge found none that deserves to win.",
        "Read what failed in `candidates`, and generate new ones with it in the task; apply none of these.",
        "Nothing: that none was chosen is the answer.",
    ),
    entry(
        "no_judgement",
        "No judge decided, and nothing else tells the candidates apart.",
        "Let tests decide (`verify`, `test_results`), or name a `judge_provider` that wrote none of them.",
        "Install a second CLI, if judges are wanted.",
    ),
];
