//! Codes of calls to other command lines.

use super::{Entry, entry};

pub(super) const ENTRIES: [Entry; 26] = [
    entry(
        "no_provider",
        "Nobody was named, and no CLI is installed that may be asked.",
        "Name the provider `understudy` (rules, no model), or go on without a consultant.",
        "Install codex, gemini or claude; `maestro-mcp check` shows what is missing.",
    ),
    entry(
        "provider_disabled",
        "The provider is switched off in the configuration.",
        "Ask another one (`maestro_list_providers`).",
        "Set `enabled: true` for it in `cli_clients.yaml`, or `MAESTRO_<PROVIDER>_ENABLED=true`.",
    ),
    entry(
        "cli_not_found",
        "The command of the provider is not on the server's `PATH`.",
        "Ask one of the providers in `hint`.",
        "Install it. Where it works in your terminal, Claude Code's `PATH` is shorter: set `MAESTRO_<PROVIDER>_CMD` to the full path in the server's `env`.",
    ),
    entry(
        "cli_not_executable",
        "The command is there and cannot be started.",
        "Ask another provider, and tell the user.",
        "Make the file executable, or install it again; `maestro-mcp check` shows which file is meant.",
    ),
    entry(
        "no_sandbox",
        "The setting `sandbox: required` holds, and this machine cannot raise the sandbox. Nothing was run.",
        "Tell the user; trying again changes nothing.",
        "Use a Linux kernel with Landlock (5.13 or newer), or set `sandbox: auto` in your own `maestro.yaml`.",
    ),
    entry(
        "prompt_too_long",
        "The prompt is longer than the CLI takes. Nothing was sent.",
        "Send fewer `context_files`, or ask a provider that takes more.",
        "In a terminal, send fewer files with `--file`.",
    ),
    entry(
        "timeout",
        "The CLI did not answer in the time it had, and was ended.",
        "Send less or ask for less first; then give a larger `timeout_sec`.",
        "`MAESTRO_<PROVIDER>_TIMEOUT` sets the usual time.",
    ),
    entry(
        "stalled",
        "The CLI began to answer and then fell silent for too long, and was ended.",
        "Ask again, or ask another provider.",
        "`MAESTRO_<PROVIDER>_STALL_TIMEOUT` sets the patience in seconds; 0 switches it off.",
    ),
    entry(
        "output_too_large",
        "The CLI wrote more than a call may hold, and was ended.",
        "Ask for a shorter answer.",
        "Where it repeats, look at what the CLI prints: a debug setting of its own may be on.",
    ),
    entry(
        "login_missing",
        "The CLI has no usable login.",
        "Ask another provider, and tell the user.",
        "Run the CLI once in a terminal and log in, or set its key.",
    ),
    entry(
        "client_refused",
        "Google no longer serves this kind of login through the gemini CLI.",
        "Ask another provider, and tell the user.",
        "Set `GEMINI_API_KEY`, or see docs/providers.md, *The Google problem*.",
    ),
    entry(
        "rate_limited",
        "Too many requests in a short time. Maestro tried again already, with pauses.",
        "Wait a minute, or ask another provider.",
        "Nothing, unless it happens often: then the account's limits are low for this work.",
    ),
    entry(
        "quota_exceeded",
        "The quota, the credit or a limit of the account is used up. Trying again does not help before `resets_at`, where that is known.",
        "Ask another provider, and tell the user.",
        "Look at the account, or switch the provider off until it is filled.",
    ),
    entry(
        "model_unavailable",
        "The model does not exist, or is not open to this account.",
        "Name another `model`, or none.",
        "Set `MAESTRO_<PROVIDER>_MODEL` to a model that the account has.",
    ),
    entry(
        "overloaded",
        "The service is overloaded or broken for now. Maestro tried again already, with pauses.",
        "Ask later, or ask another provider.",
        "Look at the service's status page if it lasts.",
    ),
    entry(
        "network_unreachable",
        "The service could not be reached, or the connection broke. Maestro tried a broken one again already.",
        "Tell the user; ask a provider that runs on this machine if there is one.",
        "Look at the connection, the proxy variables and the certificates.",
    ),
    entry(
        "certificate",
        "The CLI does not trust the certificate of the service, or of a proxy before it.",
        "Ask another provider, and tell the user.",
        "Behind a company's proxy: set `NODE_EXTRA_CA_CERTS` or `SSL_CERT_FILE` to its root certificate in the server's `env`.",
    ),
    entry(
        "cli_outdated",
        "The CLI does not know a flag that Maestro needs, or is too old for the service or the model. `error` names the version that is installed and the newest that Maestro is tried with.",
        "Ask another provider, and tell the user.",
        "Update the CLI. Where `extra_args` names the flag, remove it there.",
    ),
    entry(
        "cli_broken",
        "The CLI does not run: its interpreter (such as node) is missing or too old, a file of it is missing, or it crashed.",
        "Ask another provider, and tell the user.",
        "Run the CLI in a terminal. Where it works there, Claude Code's `PATH` is shorter: set `PATH`, or `MAESTRO_<PROVIDER>_CMD` to the full path, in the server's `env`. Else install it again.",
    ),
    entry(
        "context_too_long",
        "The prompt does not fit the model's context.",
        "Send less context, or name a model that takes more.",
        "In a terminal, send fewer files with `--file`.",
    ),
    entry(
        "request_rejected",
        "The service refused the request as malformed.",
        "Read `error`; leave a schema out if one was asked for.",
        "The CLI's version, its extra arguments or the schema may not fit the service: `maestro-mcp check`.",
    ),
    entry(
        "answer_truncated",
        "The answer was cut at the model's output limit.",
        "Ask for a shorter answer, or split the question.",
        "Nothing: the model asks for less.",
    ),
    entry(
        "answer_empty",
        "The CLI ended well and said nothing.",
        "Ask again, more concretely, or ask another provider.",
        "Try the CLI by hand if it happens often.",
    ),
    entry(
        "answer_unreadable",
        "The answer does not have the form that this CLI promises.",
        "Ask another provider, and tell the user.",
        "The CLI's version may be too new or too old: `maestro-mcp check`.",
    ),
    entry(
        "cli_failed",
        "The CLI failed in a way that Maestro knows no better name for.",
        "Read `error`, `stderr` and `exit_code`; ask another provider.",
        "Run the CLI by hand; `maestro-mcp check` shows its state.",
    ),
    entry(
        "every_candidate_failed",
        "Everybody who was asked failed.",
        "Read the code and hint of each candidate; ask others, or go on without a consultant.",
        "Look at the codes of the candidates: they name what to mend.",
    ),
];
