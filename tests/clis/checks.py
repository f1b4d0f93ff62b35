"""The checks. Each takes the round and a CLI, and raises AssertionError with what it saw.

`SHORT` and `FULL` list them in the order they run. The first docstring line of a check is its title.
"""

import glob
import hashlib
import json
import os
import shlex
import subprocess
import time

import install
from bench import KEYS
from fake_api import ANSWER, example_in, marker, prose
from traps import CODEX_FILE_KEY, SECRETS, STEERING

INLINE_LIMIT = 40_000
SCHEMAS = ["stage1_output", "stage2_output", "stage3_output", "stage4_output", "stage5_output", "judge_output"]
# Variables of one provider, which the CLIs of other providers must not see
OWN = {"claude": ("ANTHROPIC_", "CLAUDE_"), "codex": ("OPENAI_", "CODEX_"), "gemini": ("GEMINI_", "GOOGLE_")}


def expect(condition, *what):
    assert condition, " ".join(w if isinstance(w, str) else repr(w)[:600] for w in what)


class Round:
    """The server that the checks of a round share, and calls to it."""

    def __init__(self, bench):
        self.bench = bench
        self.main = bench.server()

    def ask(self, cli, prompt, server=None, timeout=120, **arguments):
        """One consult that must leave no process and spring no trap. Returns (result, model requests)."""
        bench = self.bench
        bench.api.take()
        arguments = dict({"provider": cli.name, "prompt": prompt}, **arguments)
        result = (server or self.main).call("maestro_consult", arguments, timeout)
        left = bench.quiet()
        requests = bench.api.take()
        self.harmless(cli, requests, prompt)
        expect(not left, "still alive:", left)
        expect(not bench.api.faults, "the fake API failed:", bench.api.faults)
        shown = json.dumps(result)
        expect(not bench.traps.leaked(shown.replace(json.dumps(prompt)[1:-1], "")), "leaked into the result:", shown)
        return result, [r for r in requests if r.api]

    def harmless(self, cli, requests, prompt=""):
        sprung = self.bench.traps.sprung()
        expect(not sprung, "sprung:", sprung)
        for r in requests:
            leaks = self.bench.traps.leaked(r.text + r.path + str(r.headers))
            expect(not leaks, "leaked to the model:", leaks)
            expect(r.api or r.method == "HEAD", "a request that is no model request:", r.method, r.path)
            offered = set(r.tools) - ({"StructuredOutput"} if cli.name == "claude" else set())
            expect(offered <= cli.tools, "tools offered:", sorted(offered))

    def good(self, cli, prompt, **arguments):
        result, requests = self.ask(cli, prompt, **arguments)
        expect(result.get("ok") is True and not result["isError"], "not ok:", result)
        return result, requests

    def bad(self, cli, prompt, *codes, **arguments):
        result, requests = self.ask(cli, prompt, **arguments)
        expect(result.get("ok") is False and result["isError"], "should have failed:", result)
        expect(result.get("code") in codes, "code", result.get("code"), "not in", codes, result)
        expect(result.get("error"), "no error text:", result)
        return result, requests


# The basic checks: a hostile prompt, a hostile model, and the start of the CLI

def hostile_prompt(round, cli):
    """hostile prompt arrives as plain text; nothing started, read or leaked; own login used"""
    prompt = round.bench.traps.prompt()
    result, requests = round.good(cli, prompt)
    expect(result["content"] == ANSWER, "content:", result)
    expect(result["provider"] == cli.name and result.get("usage"), "provider, usage:", result)
    expect(len(requests) == 1, "model requests:", len(requests))
    request = requests[0]
    expect(prompt in request.user_text, "the prompt was changed:", request.user_text[:400])
    header, value = cli.login
    expect(request.headers.get(header) == value, "login:", request.headers.get(header))
    return "tools offered: %s, request %d bytes" % (request.tools or "none", len(request.raw))


def hostile_model(round, cli):
    """a model that answers with tool calls gets nothing run, read or written"""
    result, requests = round.ask(cli, "x " + marker(mode="tools", plan=cli.name))
    expect(requests, "no request came:", result)
    expect(result.get("ok") is False or result.get("content") == ANSWER, "strange result:", result)
    return "%d requests, %s" % (len(requests), "ok" if result.get("ok") else result.get("code"))


def spawned(round, cli):
    """started with a bare environment in an empty directory, no prompt in argv, no memory file in its home"""
    server = round.bench.server(wrapped=True)
    prompt = "look at how you were started"
    round.good(cli, prompt, server=server)
    server.terminate()
    starts = round.bench.spawns()
    expect(starts, "the wrapper saw no start")
    for start in starts:
        env = start["env"]
        values = "\n".join(env.values())
        for key, value in {**SECRETS, **STEERING}.items():
            expect(env.get(key) != value and (len(value) < 8 or value not in values), "reached the CLI:", key)
        for other in set(KEYS) - {cli.name}:
            for key, value in KEYS[other].items():
                expect(value not in values, "another provider's key reached the CLI:", key)
            alien = [k for k in env if k.startswith(OWN[other])]
            expect(not alien, "another provider's variables:", alien)
        expect(int(env.get("MAESTRO_DEPTH", "0")) >= 1, "MAESTRO_DEPTH does not mark a consultant")
        ours = [k for k in env if k.startswith("MAESTRO_") and k != "MAESTRO_DEPTH"]
        expect(not ours, "maestro's own settings reached the CLI:", ours)
        expect(prompt not in " ".join(start["argv"]), "the prompt is in argv")
        own = (round.bench.traps.project, round.bench.traps.home)
        expect(not start["cwd"].startswith(own), "started in the project or the home:", start["cwd"])
        for where, files in start["homes"].items():
            real = {"CODEX_HOME": ".codex", "GEMINI_CLI_HOME": ".gemini"}[where]
            expect(env[where] != os.path.join(round.bench.traps.home, real), where, "is the user's own")
            expect(not [f for f in files if f.endswith((".md", ".rules", "hooks.json"))], where, "holds", files)
    consult = starts[-1]
    expect(set(consult["ls"]) <= {".gemini"}, "the working directory is not empty:", consult["ls"])
    return "%d variables, homes %s" % (len(consult["env"]), consult["homes"])


# The other checks

def escape(round, cli):
    """the plan-mode escape does not lead to a shell"""
    result, requests = round.ask(cli, "x " + marker(mode="tools", plan="escape"))
    expect(requests, "no request came:", result)
    for request in requests:
        expect("exit_plan_mode" not in request.tools, "plan mode was entered")
    return "%d requests" % len(requests)


def code_mode(round, cli):
    """the code-mode model (gpt-6.1-sol) reaches no file and no shell either"""
    _, requests = round.good(cli, round.bench.traps.prompt(), model="gpt-6.1-sol")
    offered = requests[0].tools
    round.ask(cli, "x " + marker(mode="tools", plan="codex"), model="gpt-6.1-sol")
    return "tools offered: %s" % (offered or "none")


def slash(round, cli):
    """/clear, /quit and !ls at the start reach the model as text"""
    for start in ("/clear", "/quit", "/", "!ls", "#x", "@/etc/passwd", "--help", "\\"):
        result, requests = round.good(cli, start)
        expect(start in requests[0].user_text, start, "was lost")


def exact_text(round, cli):
    """100 KB of awkward text arrive byte for byte"""
    text = "é@/etc/hostname 한국어 \U0001f600 @x.py <b>& \\u0041 \"q\" 'q' $HOME `id` %s {{x}} tab\there\n" * 1200
    result, _ = round.good(cli, "<<<%s>>> %s" % (text, marker(mode="echo")))
    expect(result["content"].strip() == echo(text), "arrived otherwise:", result["content"])


def huge_prompt(round, cli):
    """a prompt of 4 MiB arrives whole through stdin"""
    line = "%d번째 줄은 가나다라마바사아자차카타파하 라고 말한다.\n"
    text = "".join(line % n for n in range(80_000)).encode()[:4 << 20].decode("utf-8", "ignore")
    result, requests = round.good(cli, "<<<%s>>> %s" % (text, marker(mode="echo")), timeout=180)
    expect(result["content"].strip() == echo(text), "arrived otherwise:", result["content"])
    return "%d bytes in a request of %d" % (len(text.encode()), len(requests[0].raw))


def echo(text):
    data = text.encode()
    return "ECHO %d %s" % (len(data), hashlib.sha256(data).hexdigest())


def too_long(round, cli):
    """a prompt beyond the CLI's limit is refused as too long, or arrives whole"""
    text = prose(5_000_000)
    result, _ = round.ask(cli, "<<<%s>>> %s" % (text, marker(mode="echo")), timeout=180)
    if result.get("ok"):
        expect(result["content"].strip() == echo(text), "arrived otherwise:", result["content"])
        return "arrived"
    expect(result["code"] in ("prompt_too_long", "context_too_long"), "code:", result)
    return "refused"


def huge_answer(round, cli):
    """an answer of 1 MB is complete in its file, cut inline"""
    size = 1_000_000
    result, _ = round.good(cli, "x " + marker(mode="huge", bytes=size), timeout=180)
    expect(result["truncated"] is True, "not marked as truncated:", {k: result[k] for k in result if k != "content"})
    expect(len(result["content"]) <= INLINE_LIMIT + 500, "inline:", len(result["content"]))
    path = os.path.join(round.bench.traps.project, result["content_file"])
    with open(path, encoding="utf-8") as f:
        whole = f.read()
    expect(whole.strip() == prose(size).strip(), "the file differs:", len(whole), whole[-80:])
    expect(whole.startswith(result["content"][:1000]), "inline is not the beginning")
    mode = os.stat(path).st_mode & 0o077
    expect(mode == 0, "others can read the file:", oct(mode))


def schema(round, cli):
    """each output schema is enforced and the answer comes back structured"""
    for name in SCHEMAS:
        result, requests = round.good(cli, "x " + marker(schema="text"), schema=name)
        expect(isinstance(result.get("structured"), dict) and not result.get("schema_errors"), name, result)
        first = requests[0]
        if cli.name == "claude":
            expect(first.tools == ["StructuredOutput"], name, "tools:", first.tools)
        elif cli.name == "codex":
            form = (first.body.get("text") or {}).get("format") or {}
            expect(form.get("type") == "json_schema" and form.get("strict") is True, name, "format:", form)
        else:
            expect("# Form of the answer" in first.user_text, name, "no form in the prompt")
            expect(example_in(first.user_text), name, "no example in the prompt")


def schema_ignored(round, cli):
    """prose where a schema was asked for is never passed off as structured"""
    result, _ = round.ask(cli, "x " + marker(text="plain prose"), schema="stage1_output")
    expect(not result.get("structured"), "structured:", result)
    expect(result.get("ok") is False or result.get("schema_errors"), "no schema_errors:", result)


ERRORS = {
    "429": (marker(mode="error", status=429), "rate_limited"),
    "500": (marker(mode="error", status=500), "overloaded", "cli_failed"),
    "overload": (marker(mode="error", status=529), "overloaded"),
    "401": (marker(mode="error", status=401), "login_missing"),
    "404": (marker(mode="error", status=404), "model_unavailable"),
    "over quota": (marker(mode="error", status=429, quota=1), "quota_exceeded"),
    "answer truncated": (marker(mode="cutoff"), "answer_truncated"),
    "empty": (marker(mode="empty"), "answer_empty"),
    "dropped": (marker(mode="drop", after=0), "network_unreachable", "cli_failed", "overloaded"),
}
# Services that report the failure in another form, or not at all (gemini hides MAX_TOKENS)
OTHERWISE = {
    ("claude", "over quota"): (marker(mode="error", status=400, quota=1), "quota_exceeded"),
    ("codex", "overload"): (marker(mode="error", status=503), "overloaded"),
    ("gemini", "overload"): (marker(mode="error", status=503), "overloaded"),
    ("gemini", "dropped"): (marker(mode="drop", after=0), "network_unreachable", "cli_failed", "overloaded", "answer_empty"),
    ("gemini", "answer truncated"): None,
}


def error(kind):
    def check(round, cli):
        case = OTHERWISE.get((cli.name, kind), ERRORS[kind])
        if case is None:
            round.ask(cli, "x " + ERRORS[kind][0])
            return "not visible in this CLI's output"
        result, requests = round.bad(cli, "x " + case[0], *case[1:])
        expect(not result.get("content") or result.get("content") != ANSWER, "a made-up answer:", result)
        return "%s after %d requests" % (result["code"], len(requests))
    check.__doc__ = "failure with its own code: %s" % kind
    check.__name__ = "error_" + kind.replace(" ", "_")
    return check


def cut_short(round, cli):
    """a connection cut in mid-answer never passes for a whole answer"""
    result, _ = round.ask(cli, "x " + marker(mode="drop", after=3, text="z" * 40_000))
    expect(result.get("ok") is False or len(result["content"]) >= 40_000, "half an answer as ok:", result)
    return result.get("code") or "retried to the end"


def few_requests(round, cli):
    """no failure leads to more than three requests, whatever the CLI and Maestro try again"""
    counts = {}
    url = 'model_providers.maestro.base_url="%s/v1"' % round.bench.api.url
    server = round.bench.server(MAESTRO_CODEX_EXTRA_ARGS=shlex.join(["-c", url]))  # Maestro's own provider
    orders = {str(status): marker(mode="error", status=status) for status in (429, 500, 503, 529)}
    orders["cut at once"] = marker(mode="drop", after=0)
    orders["cut later"] = marker(mode="drop", after=2, text="z" * 40_000)
    for name, order in orders.items():
        result, requests = round.ask(cli, "x " + order, server=server)
        expect(result.get("ok") is False, name, "succeeded:", result)
        counts[name] = len(requests)
    server.terminate()
    # Without a model, some CLIs send a request to choose one. It counts too.
    server = user(round, "few-" + cli.name, {}, MAESTRO_CODEX_EXTRA_ARGS=shlex.join(["-c", url]))
    for status in (429, 503):
        result, requests = round.ask(cli, "x " + marker(mode="error", status=status), server=server)
        expect(result.get("ok") is False, status, "succeeded:", result)
        counts["%d, no model" % status] = len(requests)
    server.terminate()
    expect(max(counts.values()) <= 3, "requests:", counts)
    return str(counts)


def sent(round, cli):
    """what a model sends by its tool for messages is part of the answer"""
    round.bench.api.plans["sent"] = [[("send_message_to_user_async", {"message": "SENT_BY_A_TOOL"})]]
    result, _ = round.good(cli, "x " + marker(mode="tools", plan="sent"), model="gpt-6.2-sol")
    expect("SENT_BY_A_TOOL" in result["content"] and ANSWER in result["content"], "content:", result)
    return result.get("warning")


def passing(round, cli):
    """an overload that passes is not the end"""
    status = 529 if cli.name == "claude" else 503
    patient = shlex.join(round.bench.codex_args(retries=2))
    server = round.bench.server(MAESTRO_CODEX_EXTRA_ARGS=patient)
    _, requests = round.good(cli, "x " + marker(mode="error", status=status, times=1), server=server)
    server.terminate()
    statuses = [request.status for request in requests]
    expect(statuses[0] == status and statuses[-1] == 200, "the overload and the answer:", statuses)
    return "%d requests" % len(requests)


# The user's choice in the configuration of each CLI: ({file: text}, model, effort)
OWN_CHOICE = {
    "claude": ({".claude/settings.json": '{"model": "claude-sonnet-5", "effortLevel": "xhigh"}'}, "claude-sonnet-5", "xhigh"),
    "codex": ({".codex/config.toml": 'model = "gpt-5.5"\nmodel_reasoning_effort = "medium"\n'}, "gpt-5.5", "medium"),
    "gemini": ({".gemini/settings.json": '{"model": {"name": "gemini-3.1-pro-preview"}} // mine'}, "gemini-3.1-pro-preview", "high"),
}
# The same in a codex profile: in the form that codex accepts today, and in the old form that it refuses
PROFILES = {
    "a profile's file": {".codex/config.toml": 'model = "gpt-5.6-sol"\nprofile = "p"\n',
                         ".codex/p.config.toml": 'model = "gpt-5.5"\nmodel_reasoning_effort = "xhigh"\n'},
    "a profile's table": {".codex/config.toml": 'model = "gpt-5.6-sol"\nprofile = "p"\n[profiles.p]\nmodel = "gpt-5.5"\n'
                                                'model_reasoning_effort = "xhigh"\n'},
}
OTHER_MODEL = {"claude": "claude-opus-5-5", "codex": "gpt-6.2-sol", "gemini": "gemini-3.8-flash"}
MODEL_FLAGS = ("-m", "--model")


def user(round, name, files, **extra):
    """Server of a user with these files in the home and keys in the environment. MAESTRO_*_MODEL is unset."""
    bench, home = round.bench, os.path.join(round.bench.root, name)
    os.makedirs(home, exist_ok=True)
    for rel, text in files.items():
        path = os.path.join(home, rel)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    unset = ["CODEX_HOME"] + [name for cli in KEYS if (name := "MAESTRO_%s_MODEL" % cli.upper()) not in extra]
    return bench.server(wrapped=True, without=unset, HOME=home, CODEX_API_KEY="sk-codexenv0123456789", **extra)


def wire(round, cli, server, **arguments):
    """One successful consult: (result, (model, effort) of the request, arguments of the CLI)."""
    round.bench.spawns()
    result, requests = round.good(cli, "x", server=server, **arguments)
    expect(ANSWER in result["content"], "content:", result)
    asked = requests[-1]        # a request to choose a model comes before it
    argv = (round.bench.spawns() or [{"argv": []}])[-1]["argv"]
    return result, (asked.model, (asked.effort or "none").lower()), argv


def usual_model(round, cli):
    """without a configured model none is passed, and the model thinks hard"""
    server = user(round, "usual-" + cli.name, {})
    result, (model, effort), argv = wire(round, cli, server)
    expect(not set(argv) & set(MODEL_FLAGS), "a model was passed:", argv)
    expect(effort == "high", "effort:", effort)
    expect(result.get("model_asked") is None and result.get("effort") == "high", "result:", result)
    if cli.name != "codex":
        expect(result.get("model") == model and result.get("model_confirmed") is True, "model:", result)
    _, (_, low), _ = wire(round, cli, server, effort="low")
    expect(low == "low", "effort low arrived as", low)
    server.terminate()
    return "on the wire: %s, effort %s; result: model %s, effort %s" % (model, effort, result.get("model"), result.get("effort"))


def own_model(round, cli):
    """the user's own model and effort are carried over, and nothing else; arguments and variables win"""
    files, model, effort = OWN_CHOICE[cli.name]
    server = user(round, "own-" + cli.name, files)
    result, seen, _ = wire(round, cli, server)
    expect(seen == (model, effort), "on the wire:", seen)
    expect(result.get("model") == model and result.get("effort", "").lower() == effort, "result:", result)
    other = OTHER_MODEL[cli.name]
    _, by_argument, _ = wire(round, cli, server, model=other, effort="low")
    expect(by_argument == (other, "low"), "by arguments:", by_argument)
    server.terminate()
    upper = cli.name.upper()
    server = user(round, "own-" + cli.name, files, **{"MAESTRO_%s_MODEL" % upper: other, "MAESTRO_%s_EFFORT" % upper: "low"})
    _, by_variable, _ = wire(round, cli, server)
    expect(by_variable == (other, "low"), "by variables:", by_variable)
    server.terminate()
    return "own %s, arguments %s" % (seen, by_argument)


def profile(round, cli):
    """model and effort of the user's codex profile are carried over, in either form"""
    for name, files in PROFILES.items():
        server = user(round, name.replace(" ", "-"), files)
        _, seen, _ = wire(round, cli, server)
        expect(seen == ("gpt-5.5", "xhigh"), name, "on the wire:", seen)
        server.terminate()


def served_model(round, cli):
    """the model that answers is named beside the one asked for, with a warning where they differ"""
    server = user(round, "served-" + cli.name, {})
    asked, other = OTHER_MODEL[cli.name], "another-model-9"
    result, requests = round.good(cli, "x " + marker(served=other), server=server, model=asked)
    server.terminate()
    expect(requests[-1].model == asked, "on the wire:", requests[-1].model)
    expect(result.get("model_asked") == asked, "model_asked:", result)
    if cli.name == "codex":                 # codex does not report the model that answered
        expect(result.get("model") == asked and result.get("model_confirmed") is False, "model:", result)
        return "asked %s, served %s: codex does not tell" % (asked, other)
    expect(result.get("model") == other and result.get("model_confirmed") is True, "model:", result)
    expect(other in (result.get("warning") or ""), "no warning:", result)
    return "asked %s, served %s: %s" % (asked, result["model"], result["warning"])


def no_login(round, cli):
    """without a login the code is login_missing"""
    empty = os.path.join(round.bench.root, "nobody")
    os.makedirs(empty, exist_ok=True)
    keys = [k for pair in KEYS.values() for k in pair]
    server = round.bench.server(without=keys + ["CODEX_HOME"], HOME=empty)
    result, _ = round.bad(cli, "x", "login_missing", server=server)
    server.terminate()
    return result.get("hint")


def env_login(round, cli):
    """a key in the environment is a login too"""
    empty = os.path.join(round.bench.root, "keyed")
    os.makedirs(empty, exist_ok=True)
    server = round.bench.server(without=["CODEX_HOME"], HOME=empty, CODEX_API_KEY="sk-codexenv0123456789")
    _, requests = round.good(cli, "x", server=server)
    server.terminate()
    if cli.name == "codex":
        expect(requests[0].headers.get("authorization") == "Bearer sk-codexenv0123456789", requests[0].headers)


def file_login(round, cli):
    """a login kept in the user's files is carried over, and its file is left alone"""
    bench = round.bench
    home = os.path.join(bench.root, "filed-" + cli.name)
    files, seen = FILE_LOGINS[cli.name]
    for rel, content in files.items():
        bench.traps.write(os.path.join(home, rel), content)
    before = {rel: os.stat(os.path.join(home, rel)).st_mtime_ns for rel in files}
    keys = [k for pair in KEYS.values() for k in pair]
    server = bench.server(wrapped=True, without=keys + ["CODEX_HOME"], HOME=home)
    result, requests = round.ask(cli, "x", server=server)
    server.terminate()
    start = (bench.spawns() or [{"homes": {}}])[-1]
    if cli.name == "gemini":                # Google cannot be reached here, so the file must be enough
        held = start["homes"].get("GEMINI_CLI_HOME", [])
        expect(seen in held, seen, "is not in", held, result)
    else:
        expect(result.get("ok") is True, "not ok:", result)
        expect(requests[0].headers.get("authorization") == "Bearer " + seen, "login:", requests[0].headers)
    after = {rel: os.stat(os.path.join(home, rel)).st_mtime_ns for rel in files}
    expect(before == after, "the login's files were changed:", before, after)


FILE_LOGINS = {
    "claude": ({".claude/.credentials.json": {"claudeAiOauth": {
        "accessToken": "sk-ant-oat01-benchfile0123456789", "refreshToken": "sk-ant-ort01-benchfile0123456789",
        "expiresAt": 4102444800000, "scopes": ["user:inference", "user:profile"], "subscriptionType": "max"}}},
        "sk-ant-oat01-benchfile0123456789"),
    "codex": ({".codex/auth.json": {"OPENAI_API_KEY": CODEX_FILE_KEY}}, CODEX_FILE_KEY),
    "gemini": ({".gemini/oauth_creds.json": {"access_token": "ya29.bench", "refresh_token": "1//bench", "token_type": "Bearer",
                                             "expiry_date": 4102444800000},
                ".gemini/google_accounts.json": {"active": "bench@example.invalid", "old": []},
                ".gemini/settings.json": {"security": {"auth": {"selectedType": "oauth-personal"}}}},
               ".gemini/oauth_creds.json"),
}


def traces(round, cli):
    """no prompt stays behind in the user's home, in a temporary or a private folder, nor after an error"""
    bench = round.bench
    server = bench.server(wrapped=True)
    started = time.time()
    needle = "needle%dneedle" % time.time_ns()
    round.good(cli, needle, server=server)
    round.ask(cli, "%s %s" % (needle, marker(mode="error", status=400)), server=server)
    server.terminate()
    places = [bench.traps.home, bench.tmp, bench.traps.project]
    for start in bench.spawns():
        places += [start["cwd"]] + [start["env"][k] for k in ("CODEX_HOME", "GEMINI_CLI_HOME", "TMPDIR") if k in start["env"]]
    files = {f for f in glob.glob("/tmp/*") if os.path.isfile(f) and os.stat(f).st_mtime >= started}
    for place in places:
        for folder, inner, names in os.walk(place):
            if ".maestro" in inner:
                inner.remove(".maestro")    # Maestro's log of the project
            files.update(os.path.join(folder, name) for name in names)
    held = []
    for path in sorted(files):
        try:
            with open(path, "rb") as f:
                if needle.encode() in f.read():
                    held.append(path)
        except OSError:
            continue
    for path in held:
        if path.startswith("/tmp/"):
            os.unlink(path)                 # only this check writes the needle
    expect(not held, "the prompt stayed in", held)


def unreachable(round, cli):
    """a service nobody answers for is network_unreachable"""
    server = round.bench.server(url=round.bench.dead_url())
    round.bad(cli, "x", "network_unreachable", server=server)
    server.terminate()


def timeout(round, cli):
    """timeout_sec ends a model that says nothing"""
    start = time.monotonic()
    round.bad(cli, "x " + marker(mode="hang"), "timeout", "stalled", timeout_sec=6)
    took = time.monotonic() - start
    expect(took < 20, "took", took)


def cancel(round, cli):
    """notifications/cancelled leaves no process and a server that works on"""
    running(round, cli, lambda server, request_id: server.cancel(request_id), round.main)
    round.good(cli, "still there?")


def sigterm(round, cli):
    """SIGTERM of the server leaves no process"""
    server = round.bench.server()
    running(round, cli, lambda s, _: expect(s.terminate() is not None, "the server did not end"), server)


def hang_up(round, cli):
    """a client that hangs up in mid-consult leaves no process"""
    server = round.bench.server()

    def leave(s, _):
        s.hang_up()
        expect(s.wait() is not None, "the server did not end")
    running(round, cli, leave, server)


def running(round, cli, act, server):
    """Starts a long consult, acts after the first model request, and expects no process soon after."""
    bench = round.bench
    bench.api.take()
    prompt = "x " + marker(mode="slow", pieces=600, every=0.3)
    request_id, _ = server.begin_call("maestro_consult", {"provider": cli.name, "prompt": prompt})
    until = time.monotonic() + 30
    while not any(r.api for r in bench.api.requests) and time.monotonic() < until:
        time.sleep(0.05)
    expect(any(r.api for r in bench.api.requests), "no request came")
    expect(bench.processes(), "no process found while a consult runs")
    act(server, request_id)
    left = bench.quiet(8)
    expect(not left, "still alive:", left)
    round.harmless(cli, bench.api.take())


def in_a_row(round, cli):
    """consults one after another and side by side do not wait for each other's leftovers"""
    slowest = 0
    for _ in range(4):
        start = time.monotonic()
        round.good(cli, "x")
        slowest = max(slowest, time.monotonic() - start)
    expect(slowest < 10, "one took", slowest)
    waiters = [round.main.begin_call("maestro_consult", {"provider": cli.name, "prompt": "x"})[1] for _ in range(3)]
    start = time.monotonic()
    for waiter in waiters:
        result = round.main.answer(waiter, 120)["structuredContent"]
        expect(result.get("ok") is True, "side by side:", result)
    expect(time.monotonic() - start < 20, "side by side took", time.monotonic() - start)
    round.harmless(cli, round.bench.api.take())
    return "slowest %.1f s" % slowest


def control(round, cli):
    """control: with the CLI's default flags the traps do spring and leak"""
    bench, url = round.bench, round.bench.api.url
    env = bench.base_env()
    binary = install.binary(cli.name)
    plan = cli.name
    if cli.name == "claude":
        argv = [binary, "-p", "--model", cli.model, "--output-format", "json", "--max-turns", "3"]
        env.update(CLAUDE_CODE_MAX_RETRIES="0", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1")
    elif cli.name == "codex":
        argv = [binary, "exec", "--json", "-m", cli.model, "-s", "workspace-write", "-c", "analytics.enabled=false",
                "-c", 'sandbox_workspace_write.writable_roots=["%s"]' % bench.root] + bench.codex_args() + ["-"]
    else:
        argv = [binary, "-m", cli.model, "-o", "stream-json"]
        plan = "escape"
    bench.api.take()
    run = subprocess.run(argv, input="hello @CLAUDE.md " + marker(mode="tools", plan=plan), text=True, cwd=bench.traps.project,
                         env=env, capture_output=True, timeout=120)
    left = bench.quiet(15)
    sprung, requests = bench.traps.sprung(), bench.api.take()
    leaks = sorted({leak for r in requests for leak in bench.traps.leaked(r.text)})
    seen = "sprung %s, leaked %s" % (sprung, leaks)
    expect("TOUCHED" in sprung, "no tool call was run:", seen, run.stderr[-300:])
    expect(any(name.endswith("mcp") for name in sprung), "no MCP server was started:", seen)
    expect(any("home" in leak for leak in leaks) and any("project" in leak for leak in leaks), "no memory leaked:", seen)
    expect(set().union(*(r.tools for r in requests)) - cli.tools, "no tools offered")
    expect(not left, "still alive:", left)
    return "%d traps sprung, %d words leaked" % (len(sprung), len(leaks))


SHORT = [hostile_prompt, hostile_model, spawned, escape, code_mode, huge_prompt, huge_answer, cancel, control]
FULL = [hostile_prompt, hostile_model, spawned, escape, code_mode, slash, exact_text, huge_prompt, too_long, huge_answer,
        schema, schema_ignored,
        *(error(kind) for kind in ERRORS), cut_short, few_requests, sent, usual_model, own_model, profile, served_model, passing, no_login, env_login, file_login, traces, unreachable, timeout,
                cancel, sigterm, hang_up, in_a_row, control]
ONLY_FOR = {sent: "codex", profile: "codex", escape: "gemini", code_mode: "codex", huge_prompt: "claude", too_long: "claude"}
