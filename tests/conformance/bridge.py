"""Streamable HTTP in front of servers on stdio, for a suite that supports HTTP only.

With `initialize`, each session gets its own server. The protocol of 2026-07-28 has no sessions, so its
clients share one server. The bridge itself handles the HTTP part (sessions, headers, Host and Origin, status
codes), which proves nothing about the server. JSON-RPC messages pass unchanged except for their ids, because
two clients may use the same.
"""

import http.server
import json
import queue
import select
import socket
import subprocess
import threading
import urllib.parse
import uuid

VERSION = "io.modelcontextprotocol/protocolVersion"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
MODERN = "2026-07-28"
LISTEN = "subscriptions/listen"
LOCAL = ("localhost", "127.0.0.1", "::1")
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}    # Mcp-Name repeats it
BAD_REQUEST = (-32020, -32021, -32022, -32600)     # errors with status 400 in the newer protocol


class Exchange:
    """A request that waits for its answer and for messages before it."""

    def __init__(self, message):
        self.id = message["id"]
        self.method = message["method"]
        self.meta = (message.get("params") or {}).get("_meta") or {}
        self.events = queue.Queue()


class Child:
    """One running server."""

    def __init__(self, argv, env, cwd, faults):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, cwd=cwd)
        self.lock = threading.Lock()
        self.last_id = 0
        self.waiting = {}               # id of the bridge -> Exchange
        self.unasked = queue.Queue()    # messages that belong to no request
        self.faults = faults
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, message):
        line = json.dumps(message) + "\n"
        with self.lock:
            try:
                self.process.stdin.write(line.encode())
                self.process.stdin.flush()
            except OSError:
                self.faults.append("the server no longer reads")
            except ValueError:          # `stop` closed the input: the session is over
                pass

    def ask(self, message):
        exchange = Exchange(message)
        with self.lock:
            self.last_id += 1
            own = self.last_id
            self.waiting[own] = exchange
        self.send(dict(message, id=own))
        return own, exchange

    def forget(self, own):
        """Cancels a request whose client left before the answer."""
        with self.lock:
            exchange = self.waiting.pop(own, None)
        if exchange:
            params = {"requestId": own}
            if VERSION in exchange.meta:
                params["_meta"] = exchange.meta
            self.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})

    def stop(self):
        self.process.stdin.close()
        try:
            status = self.process.wait(5)
            if status != 0:
                self.faults.append("the server ended with status %d" % status)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.faults.append("the server did not end when its input did")

    def _read(self):
        for line in self.process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                self.faults.append("no JSON on standard output: %r" % line[:200])
                continue
            if "id" in message and "method" not in message:
                self._answer(message)
            else:
                self._event(message)
        with self.lock:
            left, self.waiting = list(self.waiting.values()), {}
        for exchange in left:
            gone = {"code": -32603, "message": "the server is gone"}
            exchange.events.put({"jsonrpc": "2.0", "id": exchange.id, "error": gone})

    def _answer(self, message):
        with self.lock:
            exchange = self.waiting.pop(message["id"], None)
        if exchange is None:
            return self.faults.append("an answer to nothing: %r" % message)
        message["id"] = exchange.id
        meta = (message.get("result") or {}).get("_meta") or {}
        if SUBSCRIPTION in meta:
            meta[SUBSCRIPTION] = exchange.id
        exchange.events.put(message)

    def _event(self, message):
        params = message.get("params") or {}
        meta = params.get("_meta") or {}
        with self.lock:
            waiting = dict(self.waiting)
        if SUBSCRIPTION in meta:
            exchange = waiting.get(meta[SUBSCRIPTION])
            if exchange:
                meta[SUBSCRIPTION] = exchange.id
                exchange.events.put(message)
            return
        token = params.get("progressToken")
        others = [exchange for exchange in waiting.values() if exchange.method != LISTEN]
        owners = [exchange for exchange in others if token is not None and exchange.meta.get("progressToken") == token]
        if owners or others:
            (owners or others)[-1].events.put(message)
        else:
            self.unasked.put(message)


class Bridge:
    """The HTTP side. It listens at `url`. `faults` lists faults of servers that no answer shows."""

    def __init__(self, argv, env, cwd):
        self.make_child = lambda: Child(argv, env, cwd, self.faults)
        self.faults = []
        self.lock = threading.Lock()
        self.sessions = {}
        self.shared = None
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"bridge": self}))
        self.http.daemon_threads = True
        self.url = "http://127.0.0.1:%d/mcp" % self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stateless(self):
        with self.lock:
            self.shared = self.shared or self.make_child()
            return self.shared

    def new_session(self):
        name, child = str(uuid.uuid4()), self.make_child()
        with self.lock:
            self.sessions[name] = child
        return name, child

    def end_session(self, name):
        with self.lock:
            child = self.sessions.pop(name, None)
        if child:
            child.stop()
        return child is not None

    def stop(self):
        self.http.shutdown()
        self.http.server_close()
        for child in [*self.sessions.values(), *([self.shared] if self.shared else [])]:
            child.stop()


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    bridge = None

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except ConnectionError:         # the client left, which `_exchange` notices itself
            pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if not self._is_local():
            return
        try:
            message = json.loads(body)
        except ValueError:
            return self._refuse(400, None, -32700, "no JSON")
        if self._is_modern(message):
            self._stateless(message)
        else:
            self._in_session(message)

    def do_GET(self):
        if not self._is_local():
            return
        child = self.bridge.sessions.get(self.headers.get("mcp-session-id"))
        if child is None:
            return self._reply(404 if self.headers.get("mcp-session-id") else 405, {})
        self._begin_stream()
        while not self._client_left():
            try:
                self._stream(child.unasked.get(timeout=0.2))
            except queue.Empty:
                pass

    def do_DELETE(self):
        if self._is_local():
            self._reply(200 if self.bridge.end_session(self.headers.get("mcp-session-id")) else 404, {})

    def _is_local(self):
        def local(address):
            return urllib.parse.urlsplit(address).hostname in LOCAL
        origin = self.headers.get("origin")
        if local("//" + (self.headers.get("host") or "")) and (not origin or local(origin)):
            return True
        self._refuse(403, None, -32600, "not from this machine")
        return False

    def _is_modern(self, message):
        if VERSION in ((message.get("params") or {}).get("_meta") or {}):
            return True
        if (self.headers.get("mcp-protocol-version") or "") >= MODERN:
            return True
        return not self.headers.get("mcp-session-id") and message.get("method") != "initialize"

    def _stateless(self, message):
        said = self.headers.get("mcp-protocol-version")
        meant = ((message.get("params") or {}).get("_meta") or {}).get(VERSION, said)
        if "id" not in message:
            self.bridge.stateless().send(message)
            return self._reply(202)
        if not said or said != meant:
            return self._refuse(400, message["id"], -32020, "the header MCP-Protocol-Version does not match")
        if self.headers.get("mcp-method", "").strip() != message.get("method"):
            return self._refuse(400, message["id"], -32020, "the header Mcp-Method does not match")
        named = NAMED.get(message.get("method"))
        name = (message.get("params") or {}).get(named)
        if isinstance(name, str) and self.headers.get("mcp-name", "").strip() != name:
            return self._refuse(400, message["id"], -32020, "the header Mcp-Name does not match")
        if message.get("method") == "initialize":
            return self._refuse(404, message["id"], -32601, "there is no initialize in this version")
        self._exchange(self.bridge.stateless(), message, modern=True)

    def _in_session(self, message):
        name, headers = self.headers.get("mcp-session-id"), {}
        if message.get("method") == "initialize":
            name, child = self.bridge.new_session()
            headers["mcp-session-id"] = name
        else:
            child = self.bridge.sessions.get(name)
        if child is None:
            return self._refuse(404 if name else 400, message.get("id"), -32600, "no such session")
        if "id" not in message or "method" not in message:
            child.send(message)
            return self._reply(202, headers=headers)
        self._exchange(child, message, modern=False, headers=headers)

    def _exchange(self, child, message, modern, headers=None):
        own, exchange = child.ask(message)
        streaming = False
        while True:
            try:
                event = exchange.events.get(timeout=0.1)
            except queue.Empty:
                if self._client_left():
                    child.forget(own)
                    return
                continue
            last = "id" in event and "method" not in event
            if last and not streaming:
                return self._reply(status(event) if modern else 200, event, headers)
            if not streaming:
                self._begin_stream(headers)
                streaming = True
            try:
                self._stream(event)
            except OSError:
                child.forget(own)
                return
            if last:
                return

    def _client_left(self):
        """True if the client closed the connection: it is readable and has no data."""
        if not select.select([self.connection], [], [], 0)[0]:
            return False
        try:
            return self.connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

    def _begin_stream(self, headers=None):
        self.close_connection = True
        self.send_response(200)
        for name, value in {"content-type": "text/event-stream", "connection": "close", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()

    def _stream(self, message):
        self.wfile.write(b"event: message\ndata: %s\n\n" % json.dumps(message).encode())
        self.wfile.flush()

    def _refuse(self, code, request_id, error, text):
        self._reply(code, {"jsonrpc": "2.0", "id": request_id, "error": {"code": error, "message": text}})

    def _reply(self, code, message=None, headers=None):
        body = b"" if message is None else json.dumps(message).encode()
        self.send_response(code)
        for name, value in {"content-type": "application/json", "content-length": len(body), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)


def status(answer):
    """HTTP status of an answer in the newer protocol."""
    error = answer.get("error") or {}
    if error.get("code") == -32601:
        return 404
    if error.get("code") in BAD_REQUEST or (error.get("code") == -32602 and "_meta" in error["message"]):
        return 400
    return 200
