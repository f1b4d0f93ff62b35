"""Helpers for the tests of the page: a project, a server on stdio, a terminal and a browser."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def binary():
    """Path of the tested binary."""
    named = os.environ.get("MAESTRO_BINARY")
    if named:
        return named
    for kind in ("release", "debug"):
        path = ROOT / "target" / kind / "maestro-mcp"
        if path.exists():
            return str(path)
    sys.exit("no maestro-mcp was built: run `cargo build --release`, or name one in MAESTRO_BINARY")


class Project:
    """A project in a home of its own, away from the files of the user."""

    def __init__(self, name="inventory", language="en_US.UTF-8"):
        self.home = Path(tempfile.mkdtemp(prefix="maestro-page-"))
        self.root = self.home / name
        self.root.mkdir()
        (self.home / "bin").mkdir()
        self.environment = {
            "PATH": f"{self.home}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "LANG": language,
            "TERM": "xterm",
            # Lets a run begin at implement, because the tests need a change to decide on.
            "MAESTRO_LATE_START": "true",
        }

    def cli(self, name, script):
        """Adds a consultant that is a script."""
        path = self.home / "bin" / name
        path.write_text(script)
        path.chmod(0o755)

    def remove(self):
        shutil.rmtree(self.home, ignore_errors=True)


class Server:
    """A server of the project, called as a client of the stateless protocol calls it."""

    def __init__(self, project, capabilities=None):
        self.project = project
        self.capabilities = capabilities or {}
        self.child = subprocess.Popen(
            [binary()],
            cwd=project.root,
            env=project.environment | {"CLAUDE_PROJECT_DIR": str(project.root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.number = 0

    def begin(self, tool, arguments, more=None):
        return self.ask("tools/call", {"name": tool, "arguments": arguments} | (more or {}))

    def ask(self, method, params):
        """Sends a request and returns its number."""
        self.number += 1
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": self.capabilities,
            "io.modelcontextprotocol/clientInfo": {"name": "page-test", "version": "1"},
        }
        message = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": {"_meta": meta} | params}
        self.child.stdin.write((json.dumps(message) + "\n").encode())
        self.child.stdin.flush()
        return self.number

    def reply(self, number):
        while True:
            line = self.child.stdout.readline()
            if not line:
                raise EOFError("the server has ended")
            message = json.loads(line)
            if message.get("id") == number:
                return message.get("result", message)

    def call(self, tool, arguments):
        result = self.reply(self.begin(tool, arguments))
        return result.get("structuredContent", result)

    def kill(self):
        self.child.kill()
        self.child.wait()

    def close(self):
        self.child.stdin.close()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()


class Terminal:
    """`maestro-mcp page` in its own terminal."""

    def __init__(self, project, *arguments):
        self.child, self.screen = pty.fork()
        if self.child == 0:
            os.chdir(project.root)
            os.execve(binary(), ["maestro-mcp", "page", *arguments], project.environment)
        self.text = ""

    def address(self, seconds=20):
        """Next address that the terminal shows."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = re.search(r"http://127\.0\.0\.1:\d+/[0-9a-f]{32}/open\?t=[0-9a-f]{64}\s", self.text)
            if found:
                self.text = self.text[found.end():]
                return found.group().strip()
            if select.select([self.screen], [], [], 0.2)[0]:
                try:
                    self.text += os.read(self.screen, 65536).decode(errors="replace")
                except OSError:
                    break
        raise TimeoutError(f"no address is shown: {self.text!r}")

    def kill(self):
        os.kill(self.child, 9)
        os.waitpid(self.child, 0)
        os.close(self.screen)


def chromium():
    """Browser of the system, or None."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def launch(playwright):
    return playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
