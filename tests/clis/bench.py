"""The world of the checks: home and project with traps, the fake API, the tested server, its processes."""

import ctypes
import json
import os
import shlex
import shutil
import socket
import sys
import tempfile
import time

import install
from fake_api import FakeApi
from maestro_client import Maestro
from traps import CODEX_FILE_KEY, SECRETS, STEERING, Traps

PR_SET_CHILD_SUBREAPER = 36
KEYS = {"claude": {"ANTHROPIC_API_KEY": "sk-ant-api03-benchclaude0123456789"},
        "gemini": {"GEMINI_API_KEY": "AIzaBenchGemini0123456789abcdefghijklmn"},
        "codex": {"OPENAI_API_KEY": "sk-proj-benchopenai0123456789"}}
# Records how a CLI is started, then executes it.
WRAPPER = """#!%s
import json, os, sys, time
homes = {k: sorted(os.path.join(d, f)[len(os.environ[k]) + 1:] for d, _, fs in os.walk(os.environ[k]) for f in fs)
         for k in ("CODEX_HOME", "GEMINI_CLI_HOME") if k in os.environ}
with open("%s/%%d-%%d" %% (time.time_ns(), os.getpid()), "w") as f:
    json.dump({"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd(), "ls": os.listdir("."), "homes": homes}, f)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Cli:
    """One consultant: its model, the tools that it may offer, the calls that a hostile model tries."""

    def __init__(self, name, model, tools, plan, login):
        self.name, self.model, self.tools, self.plan, self.login = name, model, set(tools), plan, login


def clis(traps):
    touch, secret = "touch '%s'" % traps.touched, traps.secret
    patch = "*** Begin Patch\n*** Add File: %s\n+x\n*** End Patch\n" % traps.touched
    script = ('const r = await tools.exec_command({cmd: "cat %s"}); text(JSON.stringify(r));' % secret)
    reach = ('text(await (await import("node:fs")).promises.readFile("%s", "utf8"));' % secret)
    return {
        "claude": Cli("claude", "claude-sonnet-5", [], [[
            ("Bash", {"command": touch, "description": "x"}), ("Read", {"file_path": secret}),
            ("Write", {"file_path": traps.touched, "content": "x"}), ("mcp__trap__x", {}), ("Skill", {"skill": "trap"}),
            ("WebFetch", {"url": "http://127.0.0.1/", "prompt": "x"}), ("Agent", {"prompt": touch, "description": "x"})]],
            ("x-api-key", KEYS["claude"]["ANTHROPIC_API_KEY"])),
        # The last tool sends text to the user. Newer models add it, and no setting removes it.
        "codex": Cli("codex", "gpt-5.5", ["apply_patch", "exec", "wait", "send_message_to_user_async"], [[
            ("exec_command", {"cmd": "cat '%s'; %s" % (secret, touch)}), ("shell", {"command": ["sh", "-c", touch]}),
            ("local_shell", {"command": ["sh", "-c", touch]}), ("apply_patch", patch), ("exec", script), ("exec", reach),
            ("view_image", {"path": secret}), ("read_mcp_resource", {"server": "trap", "uri": "file://" + secret}),
            ("spawn_agent", {"message": touch})]],
            ("authorization", "Bearer " + CODEX_FILE_KEY)),
        "gemini": Cli("gemini", "gemini-2.5-flash", ["list_directory"], [[
            ("run_shell_command", {"command": touch}), ("read_file", {"file_path": secret}),
            ("read_many_files", {"include": [secret]}), ("write_file", {"file_path": traps.touched, "content": "x"}),
            ("list_directory", {"dir_path": traps.home}), ("web_fetch", {"prompt": "http://127.0.0.1/"}),
            ("activate_skill", {"name": "trap"}), ("mcp_trap_x", {})]],
            ("x-goog-api-key", KEYS["gemini"]["GEMINI_API_KEY"])),
    }


class Bench:
    def __init__(self, maestro):
        self.maestro = maestro
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)     # adopts orphans
        self.root = tempfile.mkdtemp(prefix="maestro-clis-", dir="/var/tmp")
        self.traps = Traps(self.root)
        self.api = FakeApi(strict=True)
        self.clis = clis(self.traps)
        shell = ("run_shell_command", {"command": "touch '%s'" % self.traps.touched})
        self.api.plans.update({name: cli.plan for name, cli in self.clis.items()})
        self.api.plans["escape"] = [[("enter_plan_mode", {"reason": "x"})],
                                    [("write_file", {"file_path": "plan.md", "content": "# plan"})],
                                    [("exit_plan_mode", {"plan_filename": "plan.md"})], [shell]]
        os.makedirs(os.path.join(self.root, "spawns"))
        self.wrapper = self.traps.write("bin/wrapper", WRAPPER % (sys.executable, os.path.join(self.root, "spawns")))
        os.chmod(self.wrapper, 0o755)
        self.tmp = os.path.join(self.root, "tmp")
        os.makedirs(self.tmp)
        self.servers = []

    def close(self):
        for server in self.servers:
            if server.process.poll() is None:
                server.terminate()
        self.api.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def base_env(self, url=None):
        """Environment of a user's shell: home, logins and the address of the fake API."""
        url = url or self.api.url
        return {"HOME": self.traps.home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "dumb",
                "TMPDIR": self.tmp,
                "CODEX_HOME": os.path.join(self.traps.home, ".codex"), "USER": "bench",
                "ANTHROPIC_BASE_URL": url, "GOOGLE_GEMINI_BASE_URL": url, "NO_PROXY": "127.0.0.1,localhost",
                **KEYS["claude"], **KEYS["codex"], **KEYS["gemini"]}

    def codex_args(self, url=None, retries=0):
        provider = ('model_providers.fake={name="fake",base_url="%s/v1",wire_api="responses",requires_openai_auth=true,'
                    'request_max_retries=%d,stream_max_retries=%d}' % (url or self.api.url, retries, retries))
        return ["-c", "model_provider=fake", "-c", provider]

    def server(self, url=None, wrapped=False, without=(), **extra):
        """A server in the world with traps. With `wrapped`, every start of a CLI is recorded for `spawns`."""
        env = dict(self.base_env(url), **SECRETS, **STEERING, CLAUDE_PROJECT_DIR=self.traps.project)
        for name, cli in self.clis.items():
            command = [self.wrapper] if wrapped else []
            env["MAESTRO_%s_CMD" % name.upper()] = shlex.join(command + [install.binary(name)])
            env["MAESTRO_%s_MODEL" % name.upper()] = cli.model
        env["MAESTRO_CODEX_EXTRA_ARGS"] = shlex.join(self.codex_args(url))
        env.update(extra)
        for key in without:
            env.pop(key, None)
        server = Maestro([self.maestro], env, self.traps.project, os.path.join(self.root, "server.err"))
        self.servers.append(server)
        return server

    def spawns(self):
        """Starts of CLIs that the wrapper recorded since the last call."""
        folder, found = os.path.join(self.root, "spawns"), []
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            with open(path) as f:
                found.append(json.load(f))
            os.unlink(path)
        return found

    @staticmethod
    def dead_url():
        """Loopback address that no process listens on."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return "http://127.0.0.1:%d" % s.getsockname()[1]

    def processes(self):
        """Live descendants of this process: [(pid, command)]. The servers and their guardians are left out,
        because a guardian lives as long as its server."""
        parents, names = {}, {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open("/proc/%s/stat" % entry) as f:
                        head, _, tail = f.read().rpartition(")")
                    state, parent = tail.split()[:2]
                    with open("/proc/%s/cmdline" % entry) as f:
                        names[int(entry)] = f.read().replace("\0", " ")[:90] or head
                except OSError:
                    continue
                if state != "Z":
                    parents[int(entry)] = int(parent)
        ours, below = {s.process.pid for s in self.servers}, []
        for pid in parents:
            up = parents[pid]
            while up in parents and up != os.getpid():
                up = parents[up]
            guardian = parents[pid] in ours and names[pid].startswith("maestro-guardian")
            if up == os.getpid() and pid not in ours and not guardian:
                below.append((pid, names[pid]))
        return below

    def reap(self):
        """Reaps orphans that became children of this process and ended."""
        own = {s.process.pid for s in self.servers}
        for entry in os.listdir("/proc"):
            if entry.isdigit() and int(entry) not in own:
                try:
                    with open("/proc/%s/stat" % entry) as f:
                        state, parent = f.read().rpartition(")")[2].split()[:2]
                    if state == "Z" and int(parent) == os.getpid():
                        os.waitpid(int(entry), os.WNOHANG)
                except OSError:
                    continue

    def quiet(self, seconds=6):
        """Waits at most `seconds` until no process is alive. Returns those that stay."""
        until = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.05)
        self.reap()
        return left
