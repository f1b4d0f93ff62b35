"""The world of a check: a home, a project, the fake model, Claude Code, its messages to and from Maestro."""

import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
KEY = "sk-ant-nobody-needs-this-key-00"
PROGRAM = "def mean(values):\n    return sum(values) // len(values)\n"
TEST = "import unittest\nimport stats\n\nclass Mean(unittest.TestCase):\n    def test_half(self):\n        self.assertEqual(stats.mean([1, 2]), 1.5)\n"
PREFIX = "mcp__maestro__maestro_"


def expect(condition, *what):
    assert condition, " ".join(w if isinstance(w, str) else repr(w)[:1500] for w in what)


class World:
    """One home and one project, new for every check."""

    def __init__(self, claude, folder, api):
        self.claude, self.folder, self.api = claude, folder, api
        self.maestro = os.path.join(folder, "maestro-mcp")
        self.root = os.path.realpath(tempfile.mkdtemp(prefix="maestro-clients-", dir="/var/tmp"))
        self.home, self.project = self.make("home"), self.make("project")
        self.wire_file = os.path.join(self.root, "wire")
        self.write("project/stats.py", PROGRAM)
        self.write("project/test_stats.py", TEST)
        subprocess.run(["git", "init", "-q", self.project], check=True)
        trusted = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True, "projectOnboardingSeenCount": 9}
        self.write("home/.claude.json", json.dumps({
            "hasCompletedOnboarding": True, "theme": "dark", "numStartups": 9, "projects": {self.project: trusted},
            "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []}}))
        self.screens = []
        api.take()

    def make(self, name):
        path = os.path.join(self.root, name)
        os.makedirs(path)
        return path

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        return path

    def consultant(self):
        return "%s %s --world %s" % (sys.executable, os.path.join(HERE, "consultant.py"), self.root)

    def env(self, **more):
        keep = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
        env = {**keep, "HOME": self.home, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "USER": "nobody", "SHELL": "/bin/sh",
               "ANTHROPIC_BASE_URL": self.api.url, "ANTHROPIC_API_KEY": KEY, "DISABLE_AUTOUPDATER": "1",
               "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "ENABLE_TOOL_SEARCH": "true", "NO_PROXY": "127.0.0.1",
               "MCP_CONNECTION_NONBLOCKING": "0", "MAESTRO_PAGE": "false",  # the dialogs of these checks are forms
               "MAESTRO_CODEX_CMD": self.consultant()}
        env["PATH"] = self.bin() + ":" + env.get("PATH", "/usr/bin:/bin")
        env.update(more)
        return env

    def bin(self):
        """Folder for PATH with the server, where the plugin finds it."""
        path = os.path.join(self.root, "bin")
        os.makedirs(path, exist_ok=True)
        link = os.path.join(path, "maestro-mcp")
        if not os.path.exists(link):
            os.symlink(self.maestro, link)
        return path

    def browser(self, decision, feedback=""):
        """Variables that make the client open a browser with this decision. `seen` returns what it saw."""
        words = [sys.executable, os.path.join(HERE, "browser.py"), decision, feedback, os.path.join(self.root, "seen")]
        script = self.write("bin/browser", '#!/bin/sh\nexec %s "$1" 2>>%s\n' % (shlex.join(words), os.path.join(self.root, "browser.err")))
        os.chmod(script, 0o755)
        return {"BROWSER": script, "MAESTRO_PAGE": "true"}

    def seen(self):
        """Pages that the browser saw, in order."""
        path = os.path.join(self.root, "seen")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def servers(self):
        """Option of Claude Code that names our server, with a log of its messages."""
        command = [os.path.join(HERE, "tee.py"), self.wire_file, self.maestro]
        entry = {"command": os.path.join(self.folder, "python3"), "args": command, "env": {"PYTHONHOME": sys.base_prefix}}
        path = self.write("mcp.json", json.dumps({"mcpServers": {"maestro": entry}}))
        return ["--mcp-config", path, "--strict-mcp-config"]

    def ask(self, prompt, options=None, allow="mcp__maestro", timeout=120, **env):
        """Runs `claude -p`. Returns the events of its stream and the requests to the model."""
        self.api.take()
        command = [self.claude, "-p", prompt, *(self.servers() if options is None else options),
                   "--allowedTools", allow, "--output-format", "stream-json", "--verbose"]
        run = subprocess.run(command, env=self.env(**env), cwd=self.project, capture_output=True, text=True,
                             timeout=timeout, stdin=subprocess.DEVNULL)
        events = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
        expect(run.returncode == 0 and events, "claude -p:", run.returncode, run.stderr, run.stdout[-600:])
        return events, self.api.take()

    def run(self, *arguments, timeout=60):
        run = subprocess.run([self.claude, *arguments], env=self.env(), cwd=self.project, capture_output=True, text=True,
                             timeout=timeout, stdin=subprocess.DEVNULL)
        return run.returncode, run.stdout + run.stderr

    def screen(self, options=None, columns=100, lines=40, allow="mcp__maestro", **env):
        """Screen of Claude Code at its prompt."""
        import screen       # needs pyte, unlike the checks without a screen
        self.api.take()
        command = [self.claude, *(self.servers() if options is None else options), "--allowedTools", allow]
        shown = screen.Screen(command, self.env(**env), self.project, columns, lines)
        self.screens.append(shown)
        shown.wait("❯", 30)
        shown.settle()
        return shown

    def wire(self):
        """Messages between Claude Code and the server: [(sender, message)]."""
        if not os.path.exists(self.wire_file):
            return []
        with open(self.wire_file) as f:
            return [(line["from"], line.get("message", line.get("noise"))) for line in map(json.loads, f)]

    def sent(self, method):
        """Params of every message of this method that the client sent."""
        return [m.get("params") or {} for who, m in self.wire() if who == "client" and isinstance(m, dict) and m.get("method") == method]

    def calls(self, tool):
        return [params for params in self.sent("tools/call") if params.get("name") == "maestro_" + tool]

    def log(self, kind=None):
        """Events of the project's log: [(kind, body)]."""
        path = os.path.join(self.project, ".maestro", "maestro.db")
        if not os.path.exists(path):
            return []
        with sqlite3.connect(path, timeout=5) as db:
            rows = db.execute("select kind, body from event order by rowid").fetchall()
        return [(name, json.loads(body)) for name, body in rows if kind is None or name == kind]

    def processes(self):
        """Live processes with the folder of this world in their command line or as their directory. The
        Claude Code of each screen is left out. Returns [(pid, command)]."""
        found, own = [], {screen.pid for screen in self.screens}
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) in own | {os.getpid()}:
                continue
            try:
                with open("/proc/%s/cmdline" % entry) as f:
                    command = f.read().replace("\0", " ").strip()
                where = os.readlink("/proc/%s/cwd" % entry)
            except OSError:
                continue
            if command and (self.root in command or where.startswith(self.root)):
                found.append((int(entry), command[:120]))
        return found

    def quiet(self, named="", seconds=6):
        """Waits until no process of this name is alive. Returns those that stay."""
        until = time.monotonic() + seconds
        while (left := [p for p in self.processes() if named in p[1]]) and time.monotonic() < until:
            time.sleep(0.05)
        return left

    def close(self):
        for screen in self.screens:
            if screen.alive:
                screen.close()
        shutil.rmtree(self.root, ignore_errors=True)
