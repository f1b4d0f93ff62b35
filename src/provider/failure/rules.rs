//! Meaning of words in error messages, one rule a line, the more special first.
//!
//! Patterns see small letters, plain apostrophes and single blanks (`text::normalised`), and their dots
//! take anything: names of models, versions and hosts have dots. A new wording of a CLI is a new example
//! of the rule that knows it, or a new alternative in its pattern.

use std::sync::LazyLock;

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::FailureKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// The failure is of this class.
    Class(FailureKind),
    /// The same, unless another channel knows it better: the words fit many causes.
    Roughly(FailureKind),
    /// Some limit is reached: its end and further words tell whether a short one or the account's.
    Limit,
}

/// Words and what they stand for.
pub(super) struct Rule {
    pub(super) says: Says,
    pub(super) pattern: &'static str,
    /// Literal words of CLIs and services; each is taken by this rule and by none before it.
    #[cfg_attr(not(test), expect(dead_code, reason = "they document the rule, and the tests read them"))]
    pub(super) examples: &'static [&'static str],
}

const fn rule(says: Says, pattern: &'static str, examples: &'static [&'static str]) -> Rule {
    Rule { says, pattern, examples }
}

use FailureKind as K;
use Says::{Class, Limit, Roughly};

pub(super) const RULES: &[Rule] = &[
    rule(
        Class(K::ClientRefused),
        r"no longer supported for gemini code assist|migrate to the antigravity",
        &[
            "This client is no longer supported for Gemini Code Assist for individuals. To continue, please migrate to the Antigravity suite.",
        ],
    ),
    rule(
        Class(K::CliOutdated),
        r"requires a newer version|(?:please|must|to) (?:update|upgrade) (?:to (?:the|a) (?:latest|newer)|your cli|claude code|codex|gemini[- ]cli)|(?:cli|client|version).{0,60}(?:is (?:too old|outdated|out of date)|no longer supported)|minimum (?:required )?version|upgrade required",
        &[
            "The 'gpt-6-sol' model requires a newer version of Codex. Please upgrade to the latest app or CLI and try again.",
            "Your version of Claude Code (1.0.17) is no longer supported.",
            "426 Upgrade Required",
        ],
    ),
    rule(
        Class(K::CliOutdated),
        r"(?:unexpected|unknown|unrecogni[sz]ed|invalid|undefined|illegal|bad) (?:command[- ]line )?(?:arguments?|options?|flags?|switch|feature flag|shorthand flag|subcommand)\b|no such (?:option|flag|command|subcommand)|flag provided but not defined|(?:option|argument|flag) '?-{1,2}[a-z].{0,80}(?:is invalid|not (?:recogni[sz]ed|found|expected|supported))|invalid value '.{0,60}' for '-|unexpected value '.{0,60}' for '-|unrecogni[sz]ed subcommand|not recogni[sz]ed: -|invalid choice: ",
        &[
            "error: unexpected argument '--ignore-rules' found",
            "error: unknown option '--system-prompt-file'",
            "Unknown arguments: admin-policy, adminPolicy",
            "error: option '--effort <level>' argument 'max' is invalid. Allowed choices are low, medium, high.",
            "error: invalid value 'xhigh' for '--effort <EFFORT>'",
            "usage: x [-h]\nx: error: unrecognized arguments: --stream",
            "Error: No such option: --no-stream",
            "flag provided but not defined: -model",
            "unknown shorthand flag: 'x' in -x",
        ],
    ),
    rule(
        Roughly(K::NetworkUnreachable),
        r"syntaxerror.{0,120}(?:in json|is not valid json|json input|after json)|unexpected token '?<|<!doctype html",
        &["SyntaxError: Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON"],
    ),
    rule(
        Class(K::CliBroken),
        r"env: .{0,30}: no such file or directory|bad interpreter|exec format error|cannot find (?:module|package) '|missing optional dependency|re-?install (?:codex|claude(?: code)?|(?:the )?gemini(?:[- ]cli)?)\b|err_module_not_found|err_require_esm|error while loading shared libraries|library not loaded|version '?glibc|syntaxerror: |unsupported (?:node|engine)|requires? (?:at least )?node(?:\.js)? (?:version )?[v>=\d]|node(?:\.js)? (?:version )?v?\d[\d.]* (?:is not supported|or (?:higher|later|newer))|modulenotfounderror|no module named|thread '.{0,60}panicked at|fatal error: .{0,60}heap|heap out of memory|segmentation fault|illegal instruction|core dumped|cannot execute(?: binary file|:)|qemu-.{0,20}could not open",
        &[
            "env: 'node': No such file or directory",
            "/usr/bin/env: \u{2018}node\u{2019}: No such file or directory",
            "SyntaxError: Unexpected token '??='",
            "SyntaxError: The requested module 'node:util' does not provide an export named 'styleText'",
            "Error: Cannot find module '/usr/lib/node_modules/@google/gemini-cli/dist/index.js'",
            "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.39' not found",
            "Error: Missing optional dependency @openai/codex-linux-x64. Reinstall Codex: npm install -g @openai/codex@latest",
            "Error: claude native binary not installed. Please reinstall Claude Code.",
            "bash: /usr/local/bin/codex: cannot execute binary file: Exec format error",
            "gemini requires Node.js version 20 or higher",
            "thread 'main' panicked at src/main.rs:4:5:",
            "thread 'main' (24749) panicked at src/main.rs:4:5:",
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
        ],
    ),
    rule(
        Class(K::Certificate),
        r"self[- ]signed certificate|unable to (?:verify|get) (?:the )?(?:first|local|leaf|issuer).{0,20}(?:certificate|issuer|signature)|unable_to_verify|unable_to_get_issuer|depth_zero_self|self_signed_cert|cert_(?:has_expired|not_yet|untrusted|revoked|signature)|err_tls_cert|certificate.{0,60}(?:expired|verif|not trusted|untrusted|not valid|invalid|revoked|unknown|mismatch|altname|authority|chain|detected|required|error|problem|fail)|(?:ssl|tls) (?:certificate|handshake|error|alert)|invalid peer certificate|unknownissuer|x509: |hostname/ip does not match|err_ssl|wrong version number|ssl routines",
        &[
            "API Error: Unable to connect to API: Self-signed certificate detected. Check your proxy or corporate SSL certificates",
            "API Error: Unable to connect to API: SSL certificate verification failed. Check your proxy or corporate SSL certificates",
            "stream disconnected before completion: error sending request: invalid peer certificate: UnknownIssuer",
            "request failed, reason: unable to get local issuer certificate",
            "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate",
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "Hostname/IP does not match certificate's altnames",
        ],
    ),
    rule(
        Class(K::RateLimited),
        r"not your usage limit|temporarily (?:limiting|throttl|rate[- ]limit)",
        &["Server is temporarily limiting requests (not your usage limit)"],
    ),
    rule(
        Limit,
        r"throttlingexception|too many tokens(?: (?:per|this|for the|in) .{0,40})?[,.;:] ?(?:please )?(?:wait|try|retry|slow)",
        &[
            "ThrottlingException: please slow down",
            "Too many tokens, please wait before trying again.",
            "Too many tokens per day, please wait before trying again.",
        ],
    ),
    rule(
        Class(K::ContextTooLong),
        r"reduce the length|(?:conversation|request) too (?:long|large)|(?:prompt|input|request|message|conversation|context).{0,40}(?:is too (?:long|large|big)|exceeds? the.{0,30}(?:context|maximum))|(?:context|input)[_ ](?:length|window|token)s?.{0,60}(?:exceed|too (?:long|large|small|many)|limit|full|ran out)|(?:exceed\w*|ran out of).{0,60}context|input_too_large|maximum context|too many (?:input )?tokens|exceeds the maximum number of tokens|request_too_large|payload too large|context_length_exceeded",
        &[
            "Prompt is too long",
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 140031 tokens.",
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            "Codex ran out of room in the model's context window.",
            "{\"code\":\"input_too_large\",\"max_chars\":1048576}",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            "413 {\"type\":\"error\",\"error\":{\"type\":\"request_too_large\",\"message\":\"Request exceeds the maximum size\"}}",
        ],
    ),
    rule(
        Class(K::AnswerTruncated),
        r"max_output_tokens|output token (?:maximum|limit)|maximum output|max_tokens.{0,20}(?:reached|hit|exceeded)|(?:response|answer|output) (?:was|is) (?:truncated|cut)|finish_?reason.{0,6}(?:max_tokens|length)",
        &[
            "Claude's response exceeded the 32000 output token maximum",
            "Incomplete response returned, reason: max_output_tokens",
            "Response was truncated: finishReason: MAX_TOKENS",
        ],
    ),
    rule(
        Class(K::Overloaded),
        r"model (?:is )?(?:currently )?at capacity|no capacity (?:available )?for model|model_capacity|model(?: \S{1,60})? is (?:overloaded|(?:currently|temporarily) (?:overloaded|unavailable|busy))|\x22status\x22: ?\x22unavailable\x22",
        &[
            "{\"error\":{\"code\":503,\"message\":\"The model is overloaded. Please try again later.\",\"status\":\"UNAVAILABLE\"}}",
            "The model gemini-3.8-flash is temporarily unavailable.",
            "Selected model is at capacity. Please try a different model.",
            "No capacity available for model gemini-3.1-pro-preview on the server",
        ],
    ),
    rule(
        Class(K::QuotaExceeded),
        r"insufficient[_ ](?:quota|credits?|funds|balance)|check your plan and billing|credit balance|(?:usage|session|weekly|daily|monthly|hourly|\d+[- ]hour|spend(?:ing)?|plan|billing|free[- ]tier|subscription|opus|sonnet|haiku) (?:limit|cap|quota|allowance|window)|out of (?:\w+ ){0,3}(?:usage|credits?|quota|funds|requests|messages|prompts)|used (?:up )?(?:all (?:of )?)?(?:your|the) .{0,40}(?:messages|requests|prompts|usage|quota|credits)|no (?:more |remaining )?credits|spend cap|usage_limit_reached|usage_not_included|billing_(?:error|hard_limit)|payment required|(?:exceeded|exhausted|used up) (?:all )?(?:of )?your (?:current |daily |monthly |weekly )?(?:quota|credits?|allowance|requests)|usage is paused|doesn't include usage|does not include usage|terminalquotaerror.{0,200}daily|to use codex with your chatgpt plan|purchase more credits|run out of (?:messages|requests|tokens)|budget (?:has been |was )?exceeded|(?:trial|subscription) (?:has )?(?:ended|expired)|requests exhausted|add (?:more )?credits|top up|perday|per day",
        &[
            "You've hit your session limit \u{b7} resets 3:20pm (Asia/Seoul)",
            "You've hit your monthly spend limit",
            "You've hit your 5-hour limit \u{b7} resets 12am (UTC)",
            "You've hit your Opus limit \u{b7} resets Dec 1, 9:56pm (UTC)",
            "Claude AI usage limit reached|1760000400",
            "Credit balance is too low",
            "You're out of usage credits",
            "Your org is out of usage \u{b7} contact your admin",
            "Your seat type doesn't include usage",
            "Usage is paused for your organization",
            "You\u{2019}ve hit your usage limit. Upgrade to Pro (https://chatgpt.com/explore/pro) or try again at Aug 27th, 2026 5:05 AM.",
            "Your workspace is out of credits. Add credits to continue.",
            "You hit your spend cap set in your workspace.",
            "Quota exceeded. Check your plan and billing details.",
            "To use Codex with your ChatGPT plan, upgrade to Plus: https://chatgpt.com/explore/plus",
            "You have exhausted your daily quota on this model.",
            "402 Payment Required: insufficient balance",
            "Quota exceeded for metric: GenerateRequestsPerDayPerProjectPerModel",
            "You've used all of your plan's messages.",
            "You have run out of premium requests for this month.",
            "You have exceeded the 5-hour window. The next window opens at 14:30.",
        ],
    ),
    rule(
        Class(K::AccountRefused),
        r"(?:organi[sz]ation|account|user|workspace|project|api key|subscription|service) (?:has been |is |was )?(?:currently )?(?:disabled|suspended|deactivated|banned|blocked|terminated|deleted)|(?:disabled|suspended|deactivated) (?:your )?(?:account|organi[sz]ation)|does not have access to (?:claude|codex|gemini)|not (?:allowed|authorized|enabled) for (?:your|this) (?:organi[sz]ation|account|workspace)|(?:user location|country|region).{0,40}(?:is )?(?:not supported|unsupported|not available)|unsupported_country|must verify (?:your )?(?:organi[sz]ation|account|age|identity)",
        &[
            "API Error: 400 {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"This organization has been disabled.\"}}",
            "Your account was suspended",
            "Your organization does not have access to Claude. Please login again or contact your administrator.",
            "User location is not supported for the API use.",
            "unsupported_country_region_territory",
        ],
    ),
    rule(
        Class(K::ModelUnavailable),
        r"issue with the selected model|models?[ /'\x22].{0,120}(?:not found|could not be found|does(?: not|n't) exist|do(?: not|n't) have access|is(?: not|n't) (?:supported|available|accessible|allowed|enabled|a valid|recogni[sz]ed)|not (?:available|supported|installed|allowed)|no longer (?:available|supported|offered)|(?:is|has been|was) (?:deprecated|retired|removed|decommissioned|discontinued|shut down|sunset)|unavailable|unknown|invalid)|(?:unknown|invalid|no such|unsupported|unrecogni[sz]ed) model|model[_ ]?not[_ ]?(?:found|available|supported)|modelnotfound|try pulling it first|pull(?:ing)? (?:the )?model|no access to model|access to (?:the )?(?:requested )?model|no endpoints found|deprecated.{0,80}model|is no longer available.{0,80}model|(?:deprecated|retired|decommissioned) model",
        &[
            "There's an issue with the selected model (opus-9). It may not exist or you may not have access to it.",
            "The model gpt-5.5 does not exist or you do not have access to it",
            "{\"detail\": \"The 'gpt-5.1-codex-max' model is not supported when using Codex with a ChatGPT account.\"}",
            "models/gemini-9.9-pro is not found for API version v1beta, or is not supported for generateContent.",
            "Error: model 'llama3.2' not found, try pulling it first",
            "Error: Model not found: openrouter/x/y",
            "UnknownModelError: Unknown model: nonsense",
            "The model claude-2.1 is no longer available. Please switch to a newer model.",
            "gpt-4.5-preview is no longer available; choose another model",
            "The model `gpt-3.5-turbo-0301` has been deprecated",
            "{\"error\":{\"code\":\"model_not_found\"}}",
        ],
    ),
    rule(
        Class(K::NetworkUnreachable),
        r"proxy auth|proxy.{0,20}\b407\b",
        &["407 Proxy Authentication Required", "tunneling socket could not be established: proxy says 407"],
    ),
    rule(
        Class(K::LoginMissing),
        r"not logged in|not (?:signed|authenticated)|(?:must be|need to be|need to) (?:logged|log|signed|sign)|must specify the .{0,40}(?:key|variable)|authentication is .{0,30}not supported|disabled api|\bforbidden\b|please (?:run )?[/'\x22]?(?:\w+ )?(?:auth )?log ?in|please (?:sign|authenticate)|log ?in (?:required|again|first|expired)|run [/'\x22]?(?:\w+ )?(?:auth )?login|invalid[_ -]?(?:x-)?(?:api[_ -]?key|authentication|auth|token|credentials?|bearer)|(?:incorrect|missing|wrong|expired|bad|no|invalid|unauthori[sz]ed|provide an?|set an?|revoked) (?:openai |anthropic |gemini |google )?(?:api[_ ]?key|auth(?:entication)? (?:method|token|header)|bearer|credentials?|access token)|api[_ ]key.{0,60}(?:not valid|invalid|missing|required|expired|not set|not found|incorrect|is empty|revoked|leaked)|no key found|keys set|x-api-key|unauthori[sz]ed|unauthenticated|authentication(?:[_ ](?:error|failed|failure|required|token|method)|.{0,40}(?:invalid|expired|fail))|failed to authenticate|failed to (?:log|sign) in|could not authenticate|missing environment variable|set an auth method|token (?:has )?(?:been )?(?:expired|revoked|invalid)|token.{0,30}(?:has expired|is expired|is invalid|was revoked|has been (?:invalidated|revoked))|obtain a new token|(?:sign|signing|log|logging) in again|could not be refreshed|refresh[_ ]token|session (?:has )?expired|permission_(?:denied|error)|not have permission|access denied|invalid_grant|oauth.{0,40}(?:fail|expired|revoked|error|invalid)|default credentials|invalid auth method",
        &[
            "Not logged in \u{b7} Please run /login",
            "Invalid API key \u{b7} Please run /login",
            "Failed to authenticate. API Error: 401 invalid x-api-key",
            "Your authentication token has been invalidated. Please try signing in again.",
            "Missing environment variable: `FAKE_KEY`.",
            "OpenAI API Streaming Error: 401 Incorrect API key provided.",
            "No key found - add one using \"llm keys set openai\" or set the OPENAI_API_KEY environment variable",
            "API key not valid. Please pass a valid API key.",
            "Please set an Auth method in your settings or specify one of the following environment variables: GEMINI_API_KEY",
            "Your access token could not be refreshed because your refresh token was already used.",
            "OAuth token has expired. Please obtain a new token or refresh your existing token.",
            "Invalid auth method selected.",
            "You are not authenticated. Please run `copilot auth login`",
            "Could not load the default credentials.",
        ],
    ),
    rule(
        Limit,
        r"(?:rate|request|token|concurren\w*|quota|usage)[_ -]?limit|limit(?:s|_)? ?(?:has been |was |is )?(?:reached|hit|exceeded)|(?:hit|reached|exceeded|over|exhausted|spent|used up) (?:your|the|a|an|its|our) .{0,60}(?:limit|quota|capacity|allowance|budget|credits?)|quota.{0,40}(?:exceeded|exhausted|reached|reset|used up|depleted)|too many (?:concurrent )?requests|resource[_ ]?exhausted|resource has been exhausted|throttl|last status: 429|slow down|(?:credits|tokens|quota|budget).{0,30}(?:exhausted|depleted|used up|spent)|toomanyrequests|overage|\bquota\b",
        &[
            "Rate limit reached for organization org-XXXX on tokens per min (TPM): Limit 250000, Used 250000, Requested 58487. Please try again in 14.036s.",
            "You have exhausted your capacity on this model. Your quota will reset after 17h8m12s.",
            "exceeded retry limit, last status: 429 Too Many Requests",
            "Resource has been exhausted (e.g. check quota).",
            "You've reached your Fable limit",
            "All your credits are exhausted",
            "API Error: Request rejected (429) \u{b7} This request would exceed the rate limit for your organization",
        ],
    ),
    rule(
        Roughly(K::NetworkUnreachable),
        r"econnrefused|enotfound|eai_again|enetunreach|ehostunreach|connection refused|could not (?:resolve|connect)|couldn't (?:resolve|connect)|unable to connect to (?:the )?(?:ollama|server|host|local|proxy)|cannot connect|failed to connect|failed to lookup|name or service not known|temporary failure in name resolution|network is (?:unreachable|down)|no route to host|getaddrinfo|dns (?:error|lookup|resolution)|error sending request|proxy.{0,40}(?:refused|authentication required|unreachable|error)|host is down|no internet|offline|lookup .{0,60}no such host|connection attempt failed|is (?:the server|ollama) running|waiting for network|fetch failed",
        &[
            "API Error: Connection refused (ECONNREFUSED)",
            "stream disconnected before completion: error sending request for url (https://api.openai.com/v1/responses)",
            "Error: could not connect to ollama server, run 'ollama serve' to start it",
            "request to https://x failed, reason: getaddrinfo ENOTFOUND x",
            "TypeError: fetch failed",
            "Reconnecting... waiting for network",
            "dial tcp: lookup api.example.com: no such host",
        ],
    ),
    rule(
        Class(K::AnswerEmpty),
        r"empty (?:response|answer|stream|completion|message|content)|no (?:candidates|content|choices|output|response) (?:was |were )?(?:returned|found|received|generated)|model stream ended with (?:an )?(?:empty|invalid)|response (?:was|is) empty",
        &[
            "Model stream ended with empty response text.",
            "The model returned an empty response",
            "No candidates returned",
        ],
    ),
    rule(
        Class(K::Overloaded),
        r"overloaded|high demand|server (?:is )?(?:too )?busy|service unavailable|at capacity|over capacity|currently unavailable|\bunavailable\b|under heavy load|model is (?:currently )?(?:busy|loading)|temporarily unavailable",
        &[
            "API Error: 529 {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}",
            "We\u{2019}re currently experiencing high demand, which may cause temporary errors.",
            "The service is overloaded. Please try again later.",
        ],
    ),
    rule(
        Roughly(K::NetworkInterrupted),
        r"econnreset|epipe|etimedout|socket hang up|connection (?:to the api )?(?:was )?(?:closed|reset|aborted|lost|terminated|dropped)|streamtruncated|network (?:error|interrupted|connection was lost)|und_err|request timed out|read timed out|connection error|unable to connect to api",
        &[
            "API Error: Unable to connect to API (ECONNRESET)",
            "socket hang up",
            "API Error: Request timed out.",
            "API Error: Connection error.",
            "API Error: Connection to the API was lost (StreamTruncated). This is usually temporary \u{2014} try again.",
            "read tcp 10.0.0.2:443: connection reset by peer",
        ],
    ),
    rule(
        Roughly(K::Overloaded),
        r"stream (?:was )?(?:disconnected|ended|closed|reset|interrupted|error)|premature close|prematurely|ended without a finish reason|incomplete (?:json segment|chunked|response|message)|unexpected (?:eof|end of (?:file|stream|json|input))|timed? ?out (?:waiting|while|after)|timeout (?:waiting|exceeded|error)|idle timeout|deadline[_ ]exceeded",
        &[
            "stream disconnected before completion: idle timeout waiting for SSE",
            "Model stream ended without a finish reason.",
            "Premature close",
            "504 DEADLINE_EXCEEDED",
        ],
    ),
    rule(
        Roughly(K::Overloaded),
        r"internal (?:server )?error|bad gateway|gateway time-?out|server error|api_error|server_error|upstream|(?:status(?: code)?|error code|http|error)[: ]{1,3}5\d\d\b|\b5\d\d (?:internal|bad gateway|service|gateway)|something went wrong|try again later",
        &[
            "API Error: 500 {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"Internal server error\"}}",
            "Got status: 502 from the service",
            "An error occurred while processing your request. Please try again later.",
        ],
    ),
    rule(
        Roughly(K::RequestRejected),
        r"invalid[_ ]request|bad request|invalid[_ ]argument|invalid (?:json )?schema|unprocessable|malformed|validation[_ ]error|unsupported (?:parameter|value)|no prompt provided|not (?:a )?valid json|failed[_ ]precondition|content[_ ]?(?:policy|filter)|flagged|violat",
        &[
            "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Unsupported parameter: 'reasoning.effort'\"}}",
            "Invalid schema for response_format 'codex_output_schema'",
            "No prompt provided via stdin.",
            "This request was flagged as potentially violating our usage policy",
        ],
    ),
    rule(
        Roughly(K::CliBroken),
        r"command not found|: not found$|(?:reference|type)error: .{0,60}(?:is not (?:defined|a function))|no such file or directory|(?:eacces|^(?:error|env|exec|(?:ba|z|da)?sh)\b.{0,40}): .{0,120}permission denied|killed$",
        &[
            "sh: 1: node: not found",
            "bash: codex: command not found",
            "Error: EACCES: permission denied, mkdir '~/.gemini'",
        ],
    ),
];

/// The first rule that knows these words, which are normalised.
pub(super) fn first(words: &str) -> Option<usize> {
    static SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
        let patterns = RULES.iter().map(|rule| rule.pattern);
        let built = RegexSetBuilder::new(patterns).unicode(false).dot_matches_new_line(true).build();
        debug_assert!(built.is_ok(), "{built:?}");
        built.ok()
    });
    SET.as_ref()?.matches(words.as_bytes()).iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::failure::normalised;

    /// Each rule takes its own examples: none is hidden behind one before it.
    #[test]
    fn every_rule_can_be_reached() {
        for (index, rule) in RULES.iter().enumerate() {
            assert!(!rule.examples.is_empty(), "{}", rule.pattern);
            for example in rule.examples {
                let found = first(&normalised(example));
                assert_eq!(found, Some(index), "{example}: taken by {:?}", found.map(|at| RULES[at].pattern));
            }
        }
    }

    /// How a CLI wraps its lines, writes its capitals or its apostrophes makes no difference.
    #[test]
    fn the_look_of_words_makes_no_difference() {
        for (index, rule) in RULES.iter().enumerate() {
            for example in rule.examples {
                for variant in [
                    example.to_uppercase(),
                    example.to_lowercase(),
                    example.replace(' ', "\n"),
                    example.replace('\'', "\u{2019}"),
                    example.replace('\u{2019}', "'"),
                    format!("2026-11-29T10:00:00Z ERROR x::y: {example}"),
                ] {
                    assert_eq!(first(&normalised(&variant)), Some(index), "{variant}");
                }
            }
        }
    }
}
