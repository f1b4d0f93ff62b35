"""A small MCP client on stdio, for the protocol with `initialize` (2025-11-25)."""

import json
import queue
import signal
import subprocess
import threading


class Gone(Exception):
    """The server closed its output."""


class Maestro:
    """One running server. Requests may overlap: each caller gets its own answer."""

    def __init__(self, argv, env, cwd, stderr_path):
        self.stderr = open(stderr_path, "ab")
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr,
                                        env=env, cwd=cwd, start_new_session=True)
        self.lock = threading.Lock()
        self.last_id = 0
        self.waiting = {}
        self.progress = []          # params of all notifications/progress
        threading.Thread(target=self._read, daemon=True).start()
        self.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                                    "clientInfo": {"name": "test-clis", "version": "1"}})
        self._write({"method": "notifications/initialized"})

    def _write(self, message):
        line = json.dumps(dict(message, jsonrpc="2.0")) + "\n"
        with self.lock:
            self.process.stdin.write(line.encode())
            self.process.stdin.flush()

    def _read(self):
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("method") == "notifications/progress":
                self.progress.append(message["params"])
            elif "method" in message and "id" in message:
                self._write({"id": message["id"], "error": {"code": -32601, "message": "the bench offers nothing"}})
            elif "id" in message:
                with self.lock:
                    waiter = self.waiting.pop(message["id"], None)
                if waiter:
                    waiter.put(message)
        with self.lock:
            waiters, self.waiting = list(self.waiting.values()), {}
        for waiter in waiters:
            waiter.put(None)

    def begin(self, method, params):
        """Sends a request. Returns its id and the queue that will get its answer."""
        waiter = queue.Queue()
        with self.lock:
            self.last_id += 1
            request_id = self.last_id
            self.waiting[request_id] = waiter
        self._write({"id": request_id, "method": method, "params": params})
        return request_id, waiter

    def request(self, method, params, timeout=30):
        _, waiter = self.begin(method, params)
        return self.answer(waiter, timeout)

    @staticmethod
    def answer(waiter, timeout):
        try:
            message = waiter.get(timeout=timeout)
        except queue.Empty:
            raise Gone("no answer within %s s" % timeout) from None
        if message is None:
            raise Gone("the server closed its output")
        if "error" in message:
            raise Gone("JSON-RPC error: %s" % message["error"])
        return message["result"]

    def begin_call(self, tool, arguments):
        params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": "bench-%d" % (self.last_id + 1)}}
        return self.begin("tools/call", params)

    def call(self, tool, arguments, timeout=120):
        """Calls a tool. Returns its structured content with `isError` added."""
        _, waiter = self.begin_call(tool, arguments)
        result = self.answer(waiter, timeout)
        return dict(result.get("structuredContent") or {}, isError=result.get("isError", False))

    def cancel(self, request_id):
        self._write({"method": "notifications/cancelled", "params": {"requestId": request_id, "reason": "bench"}})

    def hang_up(self):
        self.process.stdin.close()

    def terminate(self, wait=10):
        """Sends SIGTERM. Returns the exit status, or None if the server had to be killed."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(wait)

    def wait(self, timeout=10):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None
        finally:
            self.stderr.close()
