"""A fake model API on loopback for the real CLIs.

It serves claude (`POST /v1/messages`), codex (`POST /v1/responses`) and gemini (`:generateContent`,
`:streamGenerateContent`), streaming and plain. It records every request. The last marker in the text
of a request chooses the answer:

    @@fake:mode=error,status=429@@

    served    the model that the answer names (any mode)
    mode      behaviour of the model                                  options
    ok        answers `text` (default ANSWER)                         text
    echo      length and sha256 of what it got between <<< and >>>
    huge      a long answer                                           bytes
    slow      one piece every `every` seconds                         pieces, every
    error     an HTTP error in the form of the service                status, quota, times
    hang      sends nothing
    drop      cuts the connection after `after` pieces, each time     after
    empty     ends without text
    cutoff    stops at the output limit within the answer
    tools     calls the tools of `FakeApi.plans[plan]`, turn by turn  plan

With `times=N`, only the first N requests fail; the others get ANSWER. A request with a JSON schema
gets the smallest instance of it unless `text` is given. With the option `schema` (any mode), a request
without a JSON schema gets the example from its text. `strict` refuses what the real services refuse:
a request without a key (401), an empty tool list of gemini (400) and a schema outside OpenAI's strict
subset (400).
"""

import gzip
import hashlib
import json
import re
import threading
import traceback
import uuid
import zlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = "FAKE_ANSWER_OK"
MARKER = re.compile(r"@@fake:([^@]*)@@")
PIECE = 4096


def marker(**options):
    return "@@fake:%s@@" % ",".join("%s=%s" % item for item in options.items())


@dataclass
class Request:
    """One request, and the status of the answer."""
    method: str
    path: str
    headers: dict
    raw: bytes
    body: dict
    api: str = None         # anthropic, openai, gemini; None if it is no model call
    status: int = None

    @property
    def text(self):
        return self.raw.decode("utf-8", "replace")

    @property
    def tools(self):
        """Names of all tools that the request offers."""
        found = list(self.body.get("tools") or [])
        for item in self.body.get("input") or []:       # codex puts tools into the input
            if isinstance(item, dict) and item.get("type") == "additional_tools":
                found += item.get("tools") or []
        names = []
        for tool in found:
            if inner := tool.get("functionDeclarations") or tool.get("tools"):
                names += [t.get("name") or t.get("type") for t in inner]
            elif "functionDeclarations" not in tool:
                names.append(tool.get("name") or tool.get("type") or next(iter(tool), "?"))
        return names

    @property
    def user_text(self):
        """Text of all turns of the user, as the model reads it."""
        turns = self.body.get("messages") or self.body.get("input") or self.body.get("contents") or []
        if isinstance(turns, str):
            return turns
        out = []
        for turn in turns:
            if turn.get("role", "user") != "user":
                continue
            content = turn.get("content", turn.get("parts"))
            out += [content] if isinstance(content, str) else [p.get("text") or "" for p in content or []]
        return "\n".join(out)

    @property
    def model(self):
        """The requested model."""
        return self.body.get("model")

    @property
    def effort(self):
        """Requested effort, in the terms of the service."""
        body = self.body
        said = [(body.get("output_config") or {}).get("effort"), (body.get("reasoning") or {}).get("effort"),
                ((body.get("generationConfig") or {}).get("thinkingConfig") or {}).get("thinkingLevel")]
        return next((word for word in said if word), None)

    @property
    def results(self):
        """Number of tool results in the conversation, which is the progress of a tool plan."""
        body, count = self.body, 0
        for turn in body.get("messages") or []:
            if isinstance(turn["content"], list):
                count += sum(p.get("type") == "tool_result" for p in turn["content"])
        for item in body.get("input") or []:
            count += isinstance(item, dict) and item.get("type", "").endswith("call_output")
        for turn in body.get("contents") or []:
            count += sum("functionResponse" in p for p in turn.get("parts") or [])
        return count

    @property
    def schema(self):
        """JSON schema of the answer, and the tool that submits the answer, if any."""
        for tool in self.body.get("tools") or []:
            if tool.get("name") == "StructuredOutput":
                return tool["input_schema"], tool["name"]
        form = (self.body.get("text") or {}).get("format") or {}
        config = self.body.get("generationConfig") or {}
        return form.get("schema") or config.get("responseJsonSchema"), None


@dataclass
class Reply:
    """Answer of the model: pieces of text, or tool calls as (name, input)."""
    pieces: list = field(default_factory=list)
    calls: list = field(default_factory=list)
    pause: float = 0
    cut_after: int = None
    cutoff: bool = False
    tokens: tuple = (1, 1)
    model: str = None       # the model that the answer names

    @property
    def text(self):
        return "".join(self.pieces)


class FakeApi:
    """The server, in its own thread. `plans` maps a name to turns. A turn is a list of tool calls, or a
    function that makes one call from the request."""

    def __init__(self, strict=True):
        self.strict = strict
        self.requests = []
        self.plans = {}
        self.faults = []            # tracebacks of this server
        self.lock = threading.Lock()
        self.closing = threading.Event()
        api = self

        class Bound(Handler):
            fake = api

        self.server = Server(("127.0.0.1", 0), Bound)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def take(self):
        """Requests since the last call of `take`."""
        with self.lock:
            taken, self.requests = self.requests, []
        return taken


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass                                # a killed CLI closes the connection within the answer


class Cut(Exception):
    pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake = None

    def log_message(self, *args):
        pass

    def do_POST(self):
        raw = self.read_body()
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            body = {}
        path = self.path.split("?", 1)[0]
        headers = {k.lower(): v for k, v in self.headers.items()}
        self.req = Request(self.command, path, headers, raw, body if isinstance(body, dict) else {})
        with self.fake.lock:
            self.fake.requests.append(self.req)
        try:
            self.route(path)
        except (ConnectionError, Cut):
            self.close_connection = True
        except Exception:
            self.fake.faults.append(traceback.format_exc())
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            raw = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                raw += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        coding = self.headers.get("Content-Encoding", "")
        return gzip.decompress(raw) if coding == "gzip" else zlib.decompress(raw) if coding == "deflate" else raw

    def route(self, path):
        post = self.command == "POST"
        if post and (path.endswith("/count_tokens") or path.endswith(":countTokens")):
            count = len(self.req.raw) // 4
            self.send(200, {"input_tokens": count, "totalTokens": count})
        elif post and path.endswith("/messages"):
            self.model("anthropic", say_anthropic, self.req.body.get("stream"))
        elif post and path.endswith("/responses"):
            self.model("openai", say_openai, self.req.body.get("stream"))
        elif post and path.endswith((":generateContent", ":streamGenerateContent")):
            self.req.body["model"] = path.split("/models/")[-1].split(":")[0]
            self.model("gemini", say_gemini, path.endswith(":streamGenerateContent"))
        elif self.command == "HEAD" or path == "/":
            self.send(200, {})
        elif self.command == "GET" and path.endswith("/models"):
            self.send(200, {"object": "list", "data": [], "models": [], "has_more": False})
        else:
            self.send(404, {"error": {"type": "not_found_error", "message": "fake API: no " + path}})

    def send(self, status, body):
        self.req.status = status
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def model(self, api, say, stream):
        req, fake = self.req, self.fake
        req.api = api
        marks = MARKER.findall(req.user_text)
        order = dict(part.strip().split("=", 1) for part in marks[-1].split(",")) if marks else {}
        mode = order.get("mode", "ok")
        if "times" in order:
            with fake.lock:
                asked = sum(r.api is not None and marks[-1] in r.text for r in fake.requests)
            mode = mode if asked <= int(order["times"]) else "ok"
        if mode == "hang":
            fake.closing.wait(600)
            raise Cut
        if mode == "error":
            status = int(order["status"])
            return self.send(status, error_body(api, status, "quota" in order, None))
        if fake.strict and not {"authorization", "x-api-key", "x-goog-api-key"} & req.headers.keys():
            return self.send(401, error_body(api, 401, False, None))
        if fake.strict and (fault := refusal(req)):
            return self.send(400, error_body(api, 400, False, fault))
        reply = compose(req, order, mode, fake.plans)
        events = say(req, reply, stream)
        if not stream:
            if reply.cut_after is not None:
                self.connection.shutdown(2)
                raise Cut
            return self.send(200, events)
        self.stream(events, reply)

    def stream(self, events, reply):
        self.req.status = 200
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        said = 0
        for name, data, is_piece in events:
            if is_piece:
                if reply.cut_after is not None and said >= reply.cut_after:
                    self.wfile.flush()
                    self.connection.shutdown(2)
                    raise Cut
                if reply.pause and self.fake.closing.wait(reply.pause):
                    raise Cut
                said += 1
            head = "event: %s\n" % name if name else ""
            self.wfile.write((head + "data: " + json.dumps(data) + "\n\n").encode())
            self.wfile.flush()


def compose(req, order, mode, plans):
    """Reply of the model that the marker orders."""
    schema, hand_in = req.schema
    text, calls = order.get("text", ANSWER), []
    if schema is None and "schema" in order:
        text = example_in(req.user_text) or text
    if mode == "echo":
        got = re.findall(r"<<<(.*?)>>>", req.user_text, re.S)
        data = (got[-1] if got else req.user_text).encode()
        text = "ECHO %d %s" % (len(data), hashlib.sha256(data).hexdigest())
    elif mode == "huge":
        text = prose(int(order["bytes"]))
    elif mode == "empty":
        text = ""
    elif mode == "tools":
        answered = req.results
        for turn in plans[order["plan"]]:
            turn = [turn(req)] if callable(turn) else turn
            if answered < len(turn):
                calls = turn
                break
            answered -= len(turn)
    elif schema is not None and "text" not in order:
        value = smallest(schema, schema)
        text = json.dumps(value)
        if hand_in and not req.results:
            calls = [(hand_in, value)]
    pieces = [text[i:i + PIECE] for i in range(0, len(text), PIECE)]
    pause = 0
    if mode == "slow":
        pieces = [text] + [" ."] * (int(order["pieces"]) - 1)
        pause = float(order["every"])
    cut = int(order.get("after", 0)) if mode == "drop" else None
    tokens = max(1, len(req.raw) // 4), max(1, len(text) // 4)
    return Reply(pieces, calls, pause, cut, mode == "cutoff", tokens, order.get("served") or req.body.get("model"))


def prose(size):
    """`size` bytes without repetition, because gemini stops a model that repeats itself."""
    lines, length, n = [], 0, 0
    while length < size:
        line = "Line %d says %s.\n" % (n, " ".join(hashlib.md5(b"%d" % n).hexdigest()[i:i + 5] for i in range(0, 30, 5)))
        lines.append(line)
        length += len(line)
        n += 1
    return "".join(lines)[:size]


def smallest(schema, root):
    """Smallest value that a (simple) JSON schema allows."""
    if "$ref" in schema:
        node = root
        for part in schema["$ref"].lstrip("#/").split("/"):
            node = node[part]
        return smallest(node, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return smallest(schema[key][0], root)
    kind = schema.get("type") or ("object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        known = schema.get("properties", {})
        return {key: smallest(known.get(key, {}), root) for key in schema.get("required", [])}
    if kind == "array":
        return [smallest(schema.get("items") or {}, root) for _ in range(schema.get("minItems", 0))]
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        return low + 1 if "exclusiveMinimum" in schema else low
    if kind in ("boolean", "null"):
        return True if kind == "boolean" else None
    tries = ["fake".ljust(schema.get("minLength", 0), "."), "H1", "1", "a", "A", "a1"]
    return next((t for t in tries if re.search(schema.get("pattern", ""), t)), tries[0])


def example_in(text):
    """Example of an answer in a prompt, for CLIs that send no schema."""
    found = re.findall(r"^# Example$.*?^```json\n(.*?)\n```", text, re.S | re.M)
    if not found and "winner_id" in text:           # the prompt of a judge has no example
        return json.dumps({"rationale": "r", "scores": {"A": 1, "B": 0}, "winner_id": "A"})
    return found[-1] if found else None


def refusal(req):
    """Message of the 400 with which the real service would refuse the body, or None."""
    if req.api == "gemini":
        for n, tool in enumerate(req.body.get("tools") or []):
            if not any(tool.values()):
                return ("* GenerateContentRequest.tools[%d].tool_type: required one_of 'tool_type' must have "
                        "one initialized field" % n)
    form = (req.body.get("text") or {}).get("format") or {}
    if req.api == "openai" and form.get("strict"):
        return loose(form.get("schema") or {}, "()")
    return None


BARRED = ("oneOf", "allOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "patternProperties")


def loose(schema, where):
    """First violation of the rules of OpenAI's strict mode in a schema, or None."""
    if not isinstance(schema, dict):
        return None
    fault = None
    known = schema.get("properties", {})
    barred = [key for key in BARRED if key in schema]
    missing = [key for key in known if key not in schema.get("required", [])]
    if where == "()" and schema.get("type") != "object":
        fault = "the top level must be of 'type: \"object\"'"
    elif barred:
        fault = "'%s' is not permitted" % barred[0]
    elif schema.get("type") == "object" or known:
        if schema.get("additionalProperties") is not False:
            fault = "'additionalProperties' is required to be supplied and to be false"
        elif missing:
            fault = "'required' must include every key in properties, missing '%s'" % missing[0]
    if fault:
        return "Invalid schema for response_format 'codex_output_schema': In context=%s, %s." % (where, fault)
    inner = dict(known, items=schema.get("items"))
    inner.update(schema.get("$defs") or {}, **(schema.get("definitions") or {}))
    inner.update(("anyOf%d" % n, s) for n, s in enumerate(schema.get("anyOf") or []))
    for key, value in inner.items():
        if fault := loose(value, "%s.%s" % (where, key)):
            return fault
    return None


WORDS = {400: "bad request", 401: "invalid api key", 403: "forbidden", 404: "model not found",
         429: "rate limit exceeded", 503: "the model is overloaded, try again later", 529: "overloaded"}
ANTHROPIC = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error",
             404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}
OPENAI = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
GOOGLE = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
          429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}


def error_body(api, status, quota, message):
    message = message or "fake: " + WORDS.get(status, "internal server error")
    if api == "anthropic":
        if quota:
            message = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."
        return {"type": "error", "error": {"type": ANTHROPIC.get(status, "api_error"), "message": message}}
    if api == "openai":
        code = OPENAI.get(status, "server_error")
        if quota:
            code, message = "insufficient_quota", "You exceeded your current quota, please check your plan."
        return {"error": {"message": message, "type": code, "code": code, "param": None}}
    details = []
    if quota:
        message = "You exceeded your current quota, please check your plan and billing details."
        violation = {"quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
                     "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}
        details = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}]
    return {"error": {"code": status, "message": message, "status": GOOGLE.get(status, "INTERNAL"), "details": details}}


# Each returns the plain body, or the events of a stream as (name, data, true if it is a piece of the answer).

def say_anthropic(req, reply, stream):
    stop = "tool_use" if reply.calls else "max_tokens" if reply.cutoff else "end_turn"
    usage = {"input_tokens": reply.tokens[0], "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
             "output_tokens": reply.tokens[1]}
    blocks = []                                     # (block, empty block at the start of a stream, deltas)
    for name, value in reply.calls:
        block = {"type": "tool_use", "id": "toolu_" + uuid.uuid4().hex[:20], "name": name, "input": value}
        blocks.append((block, dict(block, input={}), [{"type": "input_json_delta", "partial_json": json.dumps(value)}]))
    if not reply.calls:
        block = {"type": "text", "text": reply.text}
        blocks.append((block, dict(block, text=""), [{"type": "text_delta", "text": piece} for piece in reply.pieces]))
    message = {"id": "msg_" + uuid.uuid4().hex[:20], "type": "message", "role": "assistant",
               "model": reply.model, "content": [b[0] for b in blocks] if reply.calls or reply.text else [],
               "stop_reason": stop, "stop_sequence": None, "usage": usage}
    if not stream:
        return message
    start = dict(message, content=[], stop_reason=None, usage=dict(usage, output_tokens=1))
    events = [("message_start", {"message": start}, False)]
    for n, (_, empty, deltas) in enumerate(blocks):
        events.append(("content_block_start", {"index": n, "content_block": empty}, False))
        events += [("content_block_delta", {"index": n, "delta": delta}, True) for delta in deltas]
        events.append(("content_block_stop", {"index": n}, False))
    events += [("message_delta", {"delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage}, False),
               ("message_stop", {}, False)]
    return [(name, dict(data, type=name), piece) for name, data, piece in events]


def say_openai(req, reply, stream):
    key = uuid.uuid4().hex[:20]
    part = {"type": "output_text", "text": reply.text, "annotations": []}
    items = []
    for n, (name, value) in enumerate(reply.calls):
        item = {"id": "call_%s_%d" % (key, n), "call_id": "call_%s_%d" % (key, n), "name": name, "status": "completed"}
        if "::" in name:                            # a tool of an MCP server
            item["namespace"], item["name"] = name.split("::")
        if isinstance(value, str):                  # a free-form tool: apply_patch, or exec of code mode
            items.append(dict(item, type="custom_tool_call", input=value))
        else:
            items.append(dict(item, type="function_call", arguments=json.dumps(value)))
    if not items:
        items = [{"type": "message", "id": "msg_" + key, "role": "assistant", "status": "completed", "content": [part]}]
    usage = {"input_tokens": reply.tokens[0], "input_tokens_details": {"cached_tokens": 0},
             "output_tokens": reply.tokens[1], "output_tokens_details": {"reasoning_tokens": 0},
             "total_tokens": sum(reply.tokens)}
    final = {"id": "resp_" + key, "object": "response", "created_at": 0, "model": reply.model,
             "status": "completed", "output": items, "usage": usage, "error": None, "incomplete_details": None}
    if not stream:
        return final
    events = [("response.created", {"response": dict(final, status="in_progress", output=[], usage=None)}, False)]
    for n, item in enumerate(items):
        at = {"output_index": n, "content_index": 0, "item_id": item["id"]}
        begun = dict(item, status="in_progress")
        if not reply.calls:
            begun["content"] = []
        events.append(("response.output_item.added", {"output_index": n, "item": begun}, False))
        if not reply.calls:
            events.append(("response.content_part.added", dict(at, part=dict(part, text="")), False))
            events += [("response.output_text.delta", dict(at, delta=piece), True) for piece in reply.pieces]
            events.append(("response.output_text.done", dict(at, text=reply.text), False))
        events.append(("response.output_item.done", {"output_index": n, "item": item}, False))
    if reply.cutoff:
        short = dict(final, status="incomplete", incomplete_details={"reason": "max_output_tokens"})
        events.append(("response.incomplete", {"response": short}, False))
    else:
        events.append(("response.completed", {"response": final}, False))
    return [(name, dict(data, type=name, sequence_number=n), piece) for n, (name, data, piece) in enumerate(events)]


def say_gemini(req, reply, stream):
    def chunk(parts, last):
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
        usage = {"promptTokenCount": reply.tokens[0], "totalTokenCount": reply.tokens[0]}
        if last:
            candidate["finishReason"] = "MAX_TOKENS" if reply.cutoff else "STOP"
            usage.update(candidatesTokenCount=reply.tokens[1], totalTokenCount=sum(reply.tokens))
        return {"candidates": [candidate], "modelVersion": reply.model, "usageMetadata": usage}

    if reply.calls:
        chunks = [[{"functionCall": {"name": name, "args": value}} for name, value in reply.calls]]
    else:
        chunks = [[{"text": piece}] for piece in reply.pieces] or [[{"text": ""}]]
    if not stream:
        return chunk(chunks[0] if reply.calls else [{"text": reply.text}], True)
    return [(None, chunk(parts, n == len(chunks) - 1), True) for n, parts in enumerate(chunks)]
