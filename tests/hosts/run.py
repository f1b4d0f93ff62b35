#!/usr/bin/env python3
"""Codex, Gemini CLI and opencode as hosts: the real programs start the built server and call its tools.

    python3 tests/hosts/run.py [--binary PATH] [codex|gemini|opencode ...]

Each host gets an empty home. `install --client` registers the server, the host lists it, and a fake model on
loopback calls one tool. Then one consult takes longer than the host waits, and another runs in the
background. Both answers arrive, and the consultant runs once for each. At the end, `uninstall` leaves the
settings as they were. npm installs the programs into the cache of `make test-clis`, once per machine. A
program that cannot be installed is reported as skipped.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "clis"))

import install          # noqa: E402
from fake_api import FakeApi, marker        # noqa: E402

install.PINS["opencode"] = ("opencode-ai", "1.18.33")
TOPIC = {"topic": "maestro_consult"}
ASK = "Use the tool. " + marker(mode="tools", plan="help")
PATIENCE = 120
# Seconds: time limit of the host for a call, duration of the consult
LIMIT, WORK = 3, 6
SAID = "The divisor is floored"


class World:
    """An empty home, an empty project and a fake model."""

    def __init__(self, binary):
        self.root = tempfile.mkdtemp(prefix="maestro-hosts-")
        self.home, self.project = os.path.join(self.root, "home"), os.path.join(self.root, "project")
        os.makedirs(self.home)
        os.makedirs(os.path.join(self.project, ".git"))
        self.binary = binary
        self.api = FakeApi()

    def close(self):
        self.api.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def run(self, *words, **env):
        base = {"HOME": self.home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "dumb", "USER": "bench",
                "NO_PROXY": "127.0.0.1,localhost", "OPENAI_API_KEY": "sk-proj-hosts0123456789",
                "GEMINI_API_KEY": "hosts0123456789", "GOOGLE_GEMINI_BASE_URL": self.api.url,
                "OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}
        done = subprocess.run(words, env=dict(base, **env), cwd=self.project, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE)
        return done.stdout

    def maestro(self, *words):
        return self.run(self.binary, *words)

    def files(self):
        return sorted(os.path.relpath(os.path.join(at, name), self.home)
                      for at, _, names in os.walk(self.home) for name in names)

    def offered(self):
        """Our tools that the model was offered, and true if the result of its tool call came back."""
        tools, results = set(), []
        for request in self.api.take():
            tools |= {name for name in request.tools if "maestro" in str(name)}
            results.append(json.dumps(request.body))
        return tools, any("background" in text or "maestro_ensemble_generate" in text for text in results[1:])


def codex(world, program, check):
    listed = world.run(program, "mcp", "list")
    check("codex mcp list shows maestro", "maestro" in listed and world.binary in listed, listed)
    entry = world.run(program, "mcp", "get", "maestro", "--json")
    check("codex mcp get reads the time limit", '"tool_timeout_sec": 1800' in entry, entry)
    provider = ('model_providers.fake={name="fake",base_url="%s/v1",wire_api="responses",env_key="OPENAI_API_KEY",'
                'request_max_retries=0,stream_max_retries=0}' % world.api.url)

    def ask(prompt, limit=None):
        short = ["-c", "mcp_servers.maestro.tool_timeout_sec=%d" % limit] if limit else []
        return world.run(program, "exec", "--skip-git-repo-check", "-c", "model_provider=fake", "-c", provider,
                         "-c", 'mcp_servers.maestro.default_tools_approval_mode="approve"', *short, "-m", "fake-model",
                         prompt)
    return ask, "mcp__maestro::"


def gemini(world, program, check):
    trusted = {"GEMINI_CLI_TRUST_WORKSPACE": "true"}
    listed = world.run(program, "mcp", "list", **trusted)
    check("gemini mcp list is connected to maestro", "maestro" in listed and "Connected" in listed, listed)

    def ask(prompt, limit=None):
        place = os.path.join(world.home, ".gemini", "settings.json")
        text = read(world, ".gemini/settings.json")
        if limit:
            with open(place, "w") as f:
                f.write(re.sub(r'"timeout": *\d+', '"timeout": %d' % (limit * 1000), text))
        try:
            return world.run(program, "--skip-trust", "--yolo", "-m", "gemini-2.5-flash", "-p", prompt, **trusted)
        finally:
            with open(place, "w") as f:
                f.write(text)
    return ask, "mcp_maestro_"


def opencode(world, program, check):
    listed = world.run(program, "mcp", "list")
    check("opencode mcp list is connected to maestro", "maestro" in listed and "connected" in listed, listed)
    config = {"provider": {"fake": {"npm": "@ai-sdk/anthropic", "name": "fake",
                                    "options": {"baseURL": world.api.url + "/v1", "apiKey": "hosts"},
                                    "models": {"model": {"name": "model", "tool_call": True}}}}}

    def ask(prompt, limit=None):
        entry = {"type": "local", "command": [world.binary], "timeout": (limit or 0) * 1000}
        short = {"mcp": {"maestro": entry}} if limit else {}
        return world.run(program, "run", "-m", "fake/model", prompt, OPENCODE_CONFIG_CONTENT=json.dumps({**config, **short}))
    return ask, "maestro_"


# Settings of the user before the install. The uninstall must restore them byte for byte.
BEFORE = {"gemini": (".gemini/settings.json", """{
  // mine
  "security": { "auth": { "selectedType": "gemini-api-key" } }
}
""")}
HOSTS = {"codex": codex, "gemini": gemini, "opencode": opencode}


def jobs(world, ask, prefix, check):
    """One consult outlasts the time limit of the host, one runs in the background. Each is paid once."""
    calls = os.path.join(world.root, "calls")
    script = os.path.join(world.root, "consultant.sh")
    with open(script, "w") as f:
        f.write('#!/bin/sh\n[ "$1" = --version ] || [ "$1" = login ] || echo asked >>%s\nexec %s %s "$@"\n'
                % (calls, sys.executable, os.path.join(ROOT, "tests", "clients", "consultant.py")))
    settings = os.path.join(world.home, ".config", "maestro")
    os.makedirs(settings, exist_ok=True)
    with open(os.path.join(settings, "maestro.yaml"), "w") as f:
        f.write("sandbox: off\n")              # the consultant logs its calls outside the project
    with open(os.path.join(settings, "cli_clients.yaml"), "w") as f:
        f.write('providers:\n  codex: { command: "/bin/sh %s" }\n' % script)

    known = {"job-95bdac30a8c0"}                # the example in the tool's description

    def ids(text):
        return [job for job in re.findall(r"job-[0-9a-f]{12}", text) if job not in known]

    def wait(request):
        # A host takes repeated equal calls for a loop.
        job = (ids(request.text) or ["none"])[0]
        return prefix + "maestro_job", {"job": job, "wait_sec": 1 + request.results % 2}

    consult = {"prompt": "Why is the mean too small? PAUSE %d" % WORK, "provider": "codex"}
    for what, first in [
            ("a consult that outlasts the host's time limit", [[(prefix + "maestro_consult", consult)],
                                                               [(prefix + "maestro_job", {"action": "list"})]]),
            ("a consult in the background", [[(prefix + "maestro_consult", {**consult, "background": True})]])]:
        if os.path.exists(calls):
            os.remove(calls)
        world.api.take()
        world.api.plans["job"] = first + [wait] * (WORK + 3)
        said = ask("Use the tools. " + marker(mode="tools", plan="job"), LIMIT)
        heard = [request.text for request in world.api.take()]
        asked = 0
        if os.path.exists(calls):
            with open(calls) as f:
                asked = f.read().count("asked")
        last = heard[-1] if heard else said
        shown = "\n".join(re.findall(r'.{0,200}(?:job-[0-9a-f]{6}|"ok).{0,300}', last.replace("\\", ""))) or said
        # A host that extends its time limit at each progress message waits for the answer itself.
        waited = "background" not in first[0][0][1] and not any(map(ids, heard)) and SAID in last
        check(what + (" is waited for" if waited else " goes on as a job"), waited or any(map(ids, heard)), shown)
        check(what + " is collected", SAID in last, shown)
        check(what + " is asked once", asked == 1, "asked %d times" % asked)
        known.update(*map(ids, heard))
    shutil.rmtree(settings)


def try_host(name, binary):
    failed = []

    def check(what, holds, shown=""):
        print("  %s %s" % ("ok  " if holds else "FAIL", what), flush=True)
        if not holds:
            failed.append(what)
            print("      " + "\n      ".join(str(shown).strip().splitlines()[-25:]), flush=True)

    world = World(binary)
    try:
        file, text = BEFORE.get(name, (None, None))
        if file:
            os.makedirs(os.path.dirname(os.path.join(world.home, file)))
            with open(os.path.join(world.home, file), "w") as f:
                f.write(text)
        before = world.files()
        check("install", "registered maestro" in world.maestro("install", "--client", name))
        ask, prefix = HOSTS[name](world, install.binary(name), check)
        world.api.plans["help"] = [[(prefix + "maestro_help", TOPIC)]]
        said = ask(ASK)
        tools, answered = world.offered()
        check("the model is offered our tools, or a search for them (%d)" % len(tools), tools or answered, said)
        check("a tool call of the model reaches the server and its result comes back", answered, said)
        jobs(world, ask, prefix, check)
        gone = world.maestro("uninstall", "--client", name)
        check("uninstall", "error" not in gone and ("removed" in gone), gone)
        if file:
            check("the settings are as they were, comment included", read(world, file) == text, read(world, file))
        ours = [file for file in world.files() if file not in before and "maestro" in read(world, file)]
        ours = [file for file in ours if file.endswith(("settings.json", "config.toml", "opencode.json"))]
        check("uninstall leaves no word of it in the settings", not ours, ours)
    except subprocess.TimeoutExpired as late:
        check("ends within %d s" % PATIENCE, False, late.stdout)
    finally:
        world.close()
    return failed


def read(world, file):
    try:
        with open(os.path.join(world.home, file), errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def main():
    words = sys.argv[1:]
    binary = os.path.join(ROOT, "target", "release", "maestro-mcp")
    if "--binary" in words:
        at = words.index("--binary")
        binary = words[at + 1]
        del words[at:at + 2]
    names = words or list(HOSTS)
    faults = install.ensure(names)
    failed = {}
    for name in names:
        if name in faults:
            print("%s: SKIPPED, it could not be installed: %s" % (name, faults[name]))
            continue
        print("%s %s" % (name, install.PINS[name][1]), flush=True)
        failed[name] = try_host(name, os.path.realpath(binary))
    bad = [name for name, what in failed.items() if what]
    print("hosts: %d tried, %d failed, %d skipped" % (len(failed), len(bad), len(faults)))
    return 1 if bad or not failed else 0


if __name__ == "__main__":
    sys.exit(main())
