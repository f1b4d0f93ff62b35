"""A terminal for a program. A check sends keys and reads the screen as text."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import threading
import time

import pyte


class Screen:
    def __init__(self, command, env, cwd, columns=100, lines=40):
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.lock = threading.Lock()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execve(command[0], command, env)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.alive = True
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while self.alive:
            try:
                if not select.select([self.terminal], [], [], 0.2)[0]:
                    continue
                data = os.read(self.terminal, 65536)
            except (OSError, ValueError):
                break
            if not data:
                break
            with self.lock:
                self.stream.feed(data)
        self.alive = False

    def text(self):
        with self.lock:
            return "\n".join(line.rstrip() for line in self.screen.display).strip("\n")

    def wait(self, pattern, seconds=30):
        """Waits until the screen shows the pattern. Raises with the screen if it does not."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if re.search(pattern, self.text()):
                return self.text()
            time.sleep(0.05)
        raise AssertionError("the screen does not show %r after %d s:\n%s" % (pattern, seconds, self.text()))

    def settle(self, seconds=0.6):
        """Screen after it stopped changing. Spinners never stop, so the wait has a limit."""
        until, last = time.monotonic() + 5, None
        while time.monotonic() < until and (now := self.text()) != last:
            last = now
            time.sleep(seconds)
        return self.text()

    def key(self, keys):
        os.write(self.terminal, keys.encode())
        time.sleep(0.25)

    def say(self, text):
        """Pastes a text and sends it. Newlines in a pasted text do not send it."""
        self.key("\x1b[200~" + text + "\x1b[201~")
        time.sleep(0.4)
        self.key("\r")

    def close(self):
        """Ends the program with ctrl-c, and kills it if it stays. Returns true if it ended by itself."""
        for _ in range(3):
            try:
                self.key("\x03")
            except OSError:
                break
        gone = self.gone(8)
        if not gone:
            os.kill(self.pid, signal.SIGKILL)
            self.gone(5)
        self.alive = False
        os.close(self.terminal)
        return gone

    def gone(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if os.waitpid(self.pid, os.WNOHANG)[0]:
                    return True
            except ChildProcessError:
                return True
            time.sleep(0.05)
        return False
