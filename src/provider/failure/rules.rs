//! Meaning of words in error messages, one rule a line, the more special first.
//!
//! Patterns see small letters, plain apostrophes and single blanks (`text::normalised`), and their dots
//! take anything: names of models, versions and hosts have dots. A new wording of a CLI is a new example
//! of the rule that knows it, or a new alternative in its pattern.

use std::borrow::Cow;
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

/// Way in which a rule knows words.
#[derive(Debug)]
enum Words {
    /// By a pattern.
    Pattern(&'static str),
    /// By a thing, and what is said of it near by, in either order.
    Near { things: &'static str, said: &'static str },
}

impl Words {
    fn pattern(&self) -> Cow<'static, str> {
        match self {
            Self::Pattern(pattern) => Cow::Borrowed(pattern),
            Self::Near { things, said } => {
                // Words end where no letter follows: an underscore stands between two of them.
                let (start, end) = ("(?:^|[^a-z0-9])", "(?:$|[^a-z0-9])");
                let between = "[^a-z0-9](?:.{0,40}?[^a-z0-9])??";
                Cow::Owned(format!(
                    "{start}(?:(?:{things})s?{between}(?:{said})|(?:{said}){between}(?:{things})s?){end}"
                ))
            }
        }
    }
}

/// Words and what they stand for.
pub(super) struct Rule {
    pub(super) says: Says,
    words: Words,
    /// Literal words of CLIs and services; each is taken by this rule and by none before it.
    #[cfg_attr(not(test), expect(dead_code, reason = "they document the rule, and the tests read them"))]
    pub(super) examples: &'static [&'static str],
}

const fn rule(says: Says, pattern: &'static str, examples: &'static [&'static str]) -> Rule {
    Rule { says, words: Words::Pattern(pattern), examples }
}

const fn near(
    says: Says,
    things: &'static str,
    said: &'static str,
    examples: &'static [&'static str],
) -> Rule {
    Rule { says, words: Words::Near { things, said }, examples }
}

use FailureKind as K;
use Says::{Class, Limit, Roughly};

pub(super) const RULES: &[Rule] = &[
    // The machine's own limits are no limits of an account.
    rule(
        Class(K::CliFailed),
        r"enospc|no space left|disk (?:quota|is full|full)|disk quota|edquot|emfile|enfile|too many open files|cannot fork|enomem|cannot allocate memory|resource temporarily unavailable|read-only file system|erofs|system memory",
        &[
            "ENOSPC: no space left on device, write",
            "write error: Disk quota exceeded",
            "cannot fork: Resource temporarily unavailable",
            "EMFILE: too many open files, watch",
            "Error: model requires more system memory (52.1 GiB) than is available (7.3 GiB)",
        ],
    ),
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
        Class(K::RequestRejected),
        r"request contains an invalid argument",
        &["[API Error: Request contains an invalid argument.]"],
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
        r"env: .{0,30}: no such file or directory|bad interpreter|exec format error|cannot find (?:module|package) '|missing optional dependency|re-?install (?:codex|claude(?: code)?|(?:the )?gemini(?:[- ]cli)?)\b|err_module_not_found|err_require_esm|error while loading shared libraries|library not loaded|version '?glibc|syntaxerror: |unsupported (?:node|engine)|requires? (?:at least )?node(?:\.js)? (?:version )?[v>=\d]|node(?:\.js)? (?:version )?v?\d[\d.]* (?:is not supported|or (?:higher|later|newer))|modulenotfounderror|no module named|thread '.{0,60}panicked at|fatal error: .{0,60}heap|heap out of memory|segmentation fault|illegal instruction|core dumped|cannot execute(?: binary file|:)|qemu-.{0,20}could not open|importerror: |symbol lookup error|symbols? not found|error relocating|bad cpu type|wrong architecture|invalid elf header|incompatible (?:architecture|platform)|bus error|illegal hardware|trace/bpt trap|trace trap|has crashed|fatal (?:javascript|runtime) (?:error|invalid)|terminate called after|unhandled exception|node is not available|no version is set for|pyenv: .{0,60}command not found|node_module_version|module_not_found|distributionnotfound|attributeerror: |abort trap|check failed: |fatal error in|native (?:binary|binding|module).{0,60}(?:missing|not found|not installed|failed)|unsupported (?:platform|architecture)",
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
            "ImportError: cannot import name 'cli' from 'llm.cli'",
            "dyld[812]: Symbol not found: _clock_gettime",
            "zsh: bad CPU type in executable: codex",
            "Error relocating claude: backtrace: symbol not found",
            "Volta error: Node is not available.",
            "No version is set for command codex",
            "oh no: Bun has crashed. This indicates a bug in Bun, not your code.",
        ],
    ),
    rule(
        Class(K::Certificate),
        r"self[- ]signed certificate|unable to (?:verify|get) (?:the )?(?:first|local|leaf|issuer).{0,20}(?:certificate|issuer|signature)|unable_to_verify|unable_to_get_issuer|depth_zero_self|self_signed_cert|cert_(?:has_expired|not_yet|untrusted|revoked|signature)|err_tls_cert|certificate.{0,60}(?:could not|cannot|subject|expired|verif|trust|not valid|invalid|revoked|unknown|mismatch|altname|authority|chain|detected|required|error|problem|fail|weak|signature|hostname|\bpin|refused|rejected|not accepted|self|unable to)|(?:bad|untrusted|invalid|unknown|expired|wrong|unverified|unrecogni[sz]ed|self-issued) (?:\w+ ){0,2}(?:certificate|\bca\b)|pkix path|sec_error_|err_cert|trust anchor|unable to establish (?:a )?(?:ssl|tls|secure)|(?:ssl|tls) (?:certificate|handshake|error|alert)|invalid peer certificate|unknownissuer|x509: |hostname/ip does not match|err_ssl|wrong version number|ssl routines",
        &[
            "API Error: Unable to connect to API: Self-signed certificate detected. Check your proxy or corporate SSL certificates",
            "API Error: Unable to connect to API: SSL certificate verification failed. Check your proxy or corporate SSL certificates",
            "stream disconnected before completion: error sending request: invalid peer certificate: UnknownIssuer",
            "request failed, reason: unable to get local issuer certificate",
            "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate",
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "Hostname/IP does not match certificate's altnames",
            "API Error: Unable to connect to API: CA certificate signature algorithm is too weak",
            "javax.net.ssl.SSLHandshakeException: PKIX path building failed",
            "proxy presented an untrusted root CA",
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
        r"reduce the length|shorten (?:your|the) (?:prompt|input|message|conversation|request)|(?:longer|larger) than (?:the model|what fits|the context|its)|(?:conversation|request) too (?:long|large)|(?:prompt|input|request|message|conversation|context).{0,40}(?:is too (?:long|large|big)|exceeds? the.{0,30}(?:context|maximum))|(?:context|input)[_ ](?:length|window|token)s?.{0,60}(?:exceed|too (?:long|large|small|many)|limit|full|ran out)|(?:exceed\w*|ran out of).{0,60}context|input_too_large|maximum context|too many (?:input )?tokens|exceeds the maximum number of tokens|request_too_large|payload too large|context_length_exceeded",
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
        r"(?:organi[sz]ation|account|user|workspace|project|subscription|service) (?:has been |is |was )?(?:currently )?(?:disabled|suspended|deactivated|banned|blocked|terminated|deleted)|(?:disabled|suspended|deactivated) (?:your )?(?:account|organi[sz]ation)|does not have access to (?:claude|codex|gemini)|not (?:allowed|authorized|enabled) for (?:your|this) (?:organi[sz]ation|account|workspace)|(?:user location|country|region).{0,40}(?:is )?(?:not supported|unsupported|not available)|unsupported_country|must verify (?:your )?(?:organi[sz]ation|account|age|identity)",
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
        r"econnrefused|enotfound|eai_again|enetunreach|ehostunreach|connection refused|could not (?:resolve|connect)|couldn't (?:resolve|connect)|unable to connect to (?:the )?(?:ollama|server|host|local|proxy)|cannot connect|failed to connect|failed to lookup|name or service not known|temporary failure in name resolution|network is (?:unreachable|down)|no route to host|getaddrinfo|dns (?:error|lookup|resolution)|error sending request|(?:tcp|transport|socket) connect error|connecterror|proxy.{0,40}(?:refused|authentication required|unreachable|error)|host is down|no internet|offline|lookup .{0,60}no such host|connection attempt failed|is (?:the server|ollama) running|waiting for network|fetch failed",
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
        Class(K::Overloaded),
        r"retry limit|retries limit",
        &["exceeded retry limit, and nothing else is known"],
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
        r"stream (?:was )?(?:disconnected|ended|closed|reset|interrupted|error|idle|stalled)|(?:respond|response|answer|reply|finish)\w* (?:\w+ )?in time|premature close|prematurely|ended without a finish reason|incomplete (?:json segment|chunked|response|message)|unexpected (?:eof|end of (?:file|stream|json|input))|timed? ?out (?:waiting|while|after)|timeout (?:waiting|exceeded|error)|idle timeout|deadline[_ ]exceeded",
        &[
            "stream disconnected before completion: idle timeout waiting for SSE",
            "Model stream ended without a finish reason.",
            "Premature close",
            "504 DEADLINE_EXCEEDED",
        ],
    ),
    rule(
        Roughly(K::Overloaded),
        r"internal (?:server )?error|bad gateway|gateway time-?out|server error|api_error|server_error|upstream|(?:status(?: code)?|error code|http|error|returned|responded with|answered|response)[: ]{1,3}5\d\d\b|\b5\d\d (?:internal|bad gateway|service|gateway)|something went wrong|(?:try|retry|come back|check back) (?:again )?(?:later|shortly|soon|in a (?:few|moment|little|bit|while|minute))",
        &[
            "API Error: 500 {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"Internal server error\"}}",
            "Got status: 502 from the service",
            "An error occurred while processing your request. Please try again later.",
        ],
    ),
    rule(
        Roughly(K::RequestRejected),
        r"invalid[_ ]request|bad request|invalid[_ ]argument|invalid (?:json )?schema|unprocessable|malformed|validation[_ ]error|unsupported (?:parameter|value)|no prompt provided|not (?:a )?valid json|failed[_ ]precondition|content[_ ]?(?:policy|filter)|flagged|violat|safety (?:filter|setting|polic|system)|blocked by|schema .{0,30}not supported|moderation",
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
            "sh: 1: claude: not found",
            "bash: codex: command not found",
            "Error: EACCES: permission denied, mkdir '~/.gemini'",
        ],
    ),
    rule(
        Roughly(K::CliOutdated),
        r"(?:^| )usage:? .{0,60}(?:\[[a-z-]|<[a-z]|--[a-z])|(?:try|run|use|see|with) .{0,40}--help\b",
        &["Usage: codex exec [OPTIONS] [PROMPT]", "For more information, try '--help'."],
    ),
];

/// Things and what is said of them near by, in whatever words: only for what no rule above knows surely.
/// They see no lines of a log, which are full of things that went wrong on the way.
pub(super) const THINGS: &[Rule] = &[
    near(
        Class(K::CliOutdated),
        r"flag|option|argument|switch|positional|subcommand|command|variant|--[a-z][a-z-]+",
        r"unexpected|unknown|unrecogni[sz]ed|non-?existent|unsupported|extraneous|ambiguous|unaccepted|extra|stray|too many|not enough|expected|not provided|missing required|invalid values?|(?:not|\w+n't|no longer|never) (?:\w+ ){0,2}(?:valid|expected|recogni[sz]ed|known|allowed|supported|defined|available|permitted|exist)|(?:has been|was|were|is) (?:removed|renamed|deprecated)",
        &[
            "error: Found argument '--ephemeral' which wasn't expected, or isn't valid in this context",
            "Error: Nonexistent flag: --no-remote",
            "error: the following required arguments were not provided:",
            "Invalid values:\n  Argument: output-format, Given: \"stream-json\", Choices: \"text\", \"json\"",
            "option --admin-policy does not exist",
            "error: unknown variant `xhigh`, expected one of `low`, `medium`, `high`",
            "Unknown command: exec",
            "Flag --admin-policy has been removed",
        ],
    ),
    near(
        Class(K::CliOutdated),
        r"client|cli|app|program|version of \w+|this version|new version",
        r"too old|outdated|out of date|no longer (?:supported|works)|please (?:update|upgrade)|must be (?:updated|upgraded)|(?:is|be) required|minimum|newer",
        &["A new version is required. Please update claude.", "this app is outdated"],
    ),
    near(
        Class(K::CliBroken),
        r"node(?:\.js)?|python|glibc|libc|libstdc\S*|musl|bun|deno|java|jdk|interpreter|openssl|rosetta|cpu|kernel|macos|elf|stack|runtime|pointer",
        r"not supported|\w+n't supported|unsupported|too old|requires?|required|or (?:newer|later|higher|above|greater)|need(?:s|ed)?|not found|incompatible|older than|mismatch|overflow\w*|dereference|corrupt\w*|fatal|>= ?v?\d",
        &[
            "You are using Node.js 16.14.0. For this CLI you need >= 20",
            "Python 3.8 is not supported; 3.10 or newer is required",
            "sh: 1: node: not found",
            "panic: runtime error: invalid memory address or nil pointer dereference",
        ],
    ),
    near(
        Limit,
        r"credits?|quota|allowance|allotment|subscription|plan|prepaid|balance|funds|usage|messages|prompts|budget|billing|payment|wallet|trial|window|limit|cap|requests|calls|queries|rate",
        r"r[ua]n out|running out|exhausted|spent|used up|used all|depleted|gone|lapsed|insufficient|consumed|not cover|\w+n't cover|not include|\w+n't include|exceed\w*|too low|maxed out|expired|all out|out of|not enough|no more|no remaining|0 remaining|none left|afford|purchase|buy|upgrade|top[- ]up|refill|add (?:more )?funds|run dry|on hold|declined|overdue|paused|subscribe|cannot send|max \d+|too high|(?:is|are) (?:full|over)|hit|reached|burned|too (?:quickly|fast|often|frequent\w*)|allowed rate|slow down|back off",
        &[
            "Your subscription does not cover Claude Code; upgrade to Max to continue",
            "Your workspace\u{2019}s credits have run out. Ask an owner to refill.",
            "There are no more premium prompts on this account",
            "Your free trial credits are gone.",
            "You need to purchase credits to use it",
            "You are sending requests too quickly.",
            "Payment method declined: your usage is on hold",
            "Hold on: max 5 requests/second",
        ],
    ),
    near(
        Class(K::Overloaded),
        r"servers?|services?|model|backend|upstream|systems?|cluster|engine|traffic|demand|load|capacity|infrastructure|gpus?|anthropic|openai|google",
        r"busy|overwhelm\w*|strain\w*|saturat\w*|degraded|maintenance|outage|difficult\w*|not ready|restarting|warming|recovering|spik\w*|surg\w*|heavy|high|elevated|unusual\w*|peak|full|exceeded|constrain\w*|insufficient|limited|unhealthy|maximum|trouble|elevated errors|failed to respond|incident",
        &[
            "[API Error: The model gemini-3.8-pro is currently experiencing a spike in traffic. Try again in a few moments.]",
            "Our servers are overwhelmed right now",
            "The service is under maintenance until further notice",
        ],
    ),
    near(
        Class(K::ModelUnavailable),
        r"models?|deployment|checkpoint",
        r"cannot use|can't use|could not use|unable to (?:use|load|find)|not (?:allowed|permitted|able|enabled|offered|included|part of|known|valid|served|configured|recogni\w*)|(?:does not|doesn't) exist|no access|no such|named|unknown|invalid|unsupported|retired?|expired|(?:different|another|other|supported|available|newer|valid) model|available|supported|restricted|sunset|end[- ]of[- ]life|removed|manifest|no endpoint",
        &[
            "Cannot use this model: gpt-5.9. Available models: auto, composer-1",
            "the model you asked for is not part of this offer",
            "No model named 'sonnet-9'",
            "The deployment 'gpt-9.1' for this resource does not exist",
        ],
    ),
    near(
        Class(K::ModelUnavailable),
        r"(?:gpt|claude|gemini|gemma|llama|qwen|sonnet|opus|haiku|fable|grok|mistral|deepseek|kimi|glm)-?[-a-z.]*\d[-\w.:]*|o\d[-\w.:]*",
        r"deprecated|retired|shut down|not found|does not exist|not available|unavailable|not supported|no longer|discontinued|sunset|removed|decommissioned|unknown|no access|not permitted|not allowed|not enabled|there is no|no endpoint",
        &["gemini-1.5-pro is deprecated and has been shut down", "no access to claude-opus-9.1"],
    ),
    near(
        Class(K::AccountRefused),
        r"account|project|org|organi[sz]ation|workspace|tenant|seat|subscription|country|countries|region|territory|location|jurisdiction|admin\w*|owner|support|sales|phone number|identity|activity",
        r"banned|blocked|suspended|disabled|deactivated|locked|frozen|terminated|on hold|under review|ineligible|not eligible|inactive|closed|prohibited|restricted|not (?:permitted|allowed|available|offered|supported|enabled)|turned off|switched off|denied access|revoked|contact|verify|limited|unusual|flagged",
        &[
            "Your project is on hold. Please reach out.",
            "Codex is not offered in your country",
            "This seat is inactive; contact your workspace admin",
            "Access from your country is prohibited",
        ],
    ),
    near(
        Class(K::LoginMissing),
        r"re-?auth\w*|oauth|auth(?:en\w*|ori[sz]\w*)?|device code|sso|mfa|api[- ]?key|credentials?|log(?:ged)?[- ]?in|sign(?:ed)?[- ]?(?:in|out)|(?:access|auth|bearer|refresh|oauth|id|api|github|session) token|\w+_(?:api_key|token)|session|account|key(?:ring|chain)|jwt|signature|password|/login|logged out",
        r"no|not|missing|required|needed|expired|revoked|rejected|refused|invalid|denied|failed|must|please|disabled|ended|locked|logged out|could not|couldn't|cannot|unable|\w+n't|bad|stale|set|use|run|provide|connect|configure\w*|continue|currently|empty|corrupt\w*|timed out|withdrawn|completed|via|wrong|failure|error|again|found",
        &[
            "No auth type is selected. Please configure an auth type before running in non-interactive mode.",
            "Error: No authentication information found. Run 'copilot' and use /login",
            "Your stored credentials were not accepted by the server",
            "OPENROUTER_API_KEY must not be blank",
            "Login session timed out",
            "Please reauthenticate via gcloud",
            "You are currently signed out",
            "You've been logged out. Sign in to continue.",
        ],
    ),
    near(
        Roughly(K::NetworkUnreachable),
        r"network|internet|connection|connect\w*|host|proxy|tunnel|dns|socket|tcp|servers?|api|url|port=\d+",
        r"timed? ?out|timeout|unreachable|aborted|refused|down|could not reach|cannot reach|unable to reach|unable to connect|not reached|not be reached|retries|check your|lost|dropped|not resolved|connection failed|handshake failed",
        &[
            "dial tcp 10.0.0.1:443: i/o timeout",
            "HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url",
            "Unable to reach the Anthropic API.",
            "proxy connect aborted",
            "The server could not be reached",
            "SOCKS proxy handshake failed",
        ],
    ),
];

/// The first of [`RULES`] that knows these words, which are normalised.
pub(super) fn first(words: &str) -> Option<usize> {
    static SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| set(RULES));
    SET.as_ref()?.matches(words.as_bytes()).iter().next()
}

/// The first of [`THINGS`] of which these words, which are normalised, say something.
pub(super) fn thing(words: &str) -> Option<usize> {
    static SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| set(THINGS));
    SET.as_ref()?.matches(words.as_bytes()).iter().next()
}

fn set(rules: &[Rule]) -> Option<RegexSet> {
    let patterns = rules.iter().map(|rule| rule.words.pattern());
    let built = RegexSetBuilder::new(patterns).unicode(false).dot_matches_new_line(true).build();
    debug_assert!(built.is_ok(), "{built:?}");
    built.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::failure::normalised;

    type Find = fn(&str) -> Option<usize>;
    const TABLES: [(&[Rule], Find); 2] = [(RULES, first), (THINGS, thing)];

    /// Each rule takes its own examples: none is hidden behind one before it.
    #[test]
    fn every_rule_can_be_reached() {
        for (table, find) in TABLES {
            for (index, rule) in table.iter().enumerate() {
                assert!(!rule.examples.is_empty(), "{:?}", rule.words);
                for example in rule.examples {
                    let found = find(&normalised(example));
                    assert_eq!(found, Some(index), "{example}: by {:?}", found.map(|at| &table[at].words));
                }
            }
        }
        // Nor is a thing hidden behind a rule that is sure.
        for example in THINGS.iter().flat_map(|rule| rule.examples) {
            let sure = first(&normalised(example)).map(|at| &RULES[at]);
            assert!(sure.is_none_or(|rule| matches!(rule.says, Roughly(_))), "{example}");
        }
    }

    /// How a CLI wraps its lines, writes its capitals or its apostrophes makes no difference.
    #[test]
    fn the_look_of_words_makes_no_difference() {
        for (table, find) in TABLES {
            for (index, rule) in table.iter().enumerate() {
                for example in rule.examples {
                    for variant in [
                        example.to_uppercase(),
                        example.to_lowercase(),
                        example.replace(' ', "\n"),
                        example.replace('\'', "\u{2019}"),
                        example.replace('\u{2019}', "'"),
                        format!("2026-11-29T10:00:00Z ERROR x::y: {example}"),
                    ] {
                        assert_eq!(find(&normalised(&variant)), Some(index), "{variant}");
                    }
                }
            }
        }
    }
}
