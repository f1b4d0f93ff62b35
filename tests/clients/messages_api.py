"""A fake Messages API on loopback. Its model follows the commands in the user's text.

A line `CALL tool {json}` in a user's text becomes that tool call: one call per turn, in order, and then the
word DONE. In the arguments, `@request_id` stands for the last request_id and `@job` for the last job of the
conversation. `SHOW THE REPORT` makes the model print the last report before DONE.
"""

import http.server
import json
import re
import threading

CALL = re.compile(r"^\s*CALL (\S+) ?(.*)$")
REQUEST_ID = re.compile(r'request_id\\*"\s*:\s*\\*"([\w-]+)')
JOB = re.compile(r"job-[0-9a-f]{12}")


def text_of(content):
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content if part.get("type") == "text")


def report(body):
    """Last report of a tool in a fence if the user asked to `SHOW THE REPORT`, otherwise empty."""
    said = "\n".join(text_of(m["content"]) for m in body.get("messages", []) if m["role"] == "user")
    found = [value["approval"]["display"] for _, text, _ in tool_results([body])
             for value in [readable(text)] if isinstance(value.get("approval"), dict) and "display" in value["approval"]]
    return "```\n%s\n```\n" % found[-1] if found and "SHOW THE REPORT" in said else ""


def readable(text):
    """Object in a result, which may follow links; empty if there is none."""
    try:
        return json.loads(text[text.index("{"):])
    except ValueError:
        return {}


def blocks(body, number):
    """Next answer of the model: a tool call, or DONE."""
    calls, made = [], 0
    for message in body.get("messages", []):
        if message["role"] == "user":
            found = [CALL.match(line) for line in text_of(message["content"]).splitlines()]
            # The text holds the words of a slash command twice, and one copy ends with a tag.
            calls += [match.groups() for match in found if match and match[2].rstrip().endswith("}")]
        elif isinstance(message["content"], list):
            made += sum(part.get("type") == "tool_use" for part in message["content"])
    if made >= len(calls) or not body.get("tools"):
        return [{"type": "text", "text": report(body) + "DONE"}]
    name, arguments = calls[made]
    known = REQUEST_ID.findall(json.dumps(body["messages"]))
    jobs = JOB.findall(json.dumps(body["messages"]))
    arguments = arguments.replace("@request_id", known[-1] if known else "none").replace("@job", jobs[-1] if jobs else "none")
    arguments = json.loads(arguments or "{}")
    return [{"type": "tool_use", "id": "toolu_%05d" % number, "name": name, "input": arguments}]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self):
        self.answer(404, {"type": "error", "error": {"type": "not_found_error", "message": self.path}})

    def answer(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        if "count_tokens" in self.path:
            return self.answer(200, {"input_tokens": max(1, len(raw) // 4)})
        if "/v1/messages" not in self.path:
            return self.do_GET()
        body = json.loads(raw)
        with self.server.lock:
            self.server.bodies.append(body)
            number = len(self.server.bodies)
        content = blocks(body, number)
        stop = "tool_use" if content[0]["type"] == "tool_use" else "end_turn"
        message = {"id": "msg_%d" % number, "type": "message", "role": "assistant", "model": body.get("model", "m"),
                   "content": content, "stop_reason": stop, "stop_sequence": None,
                   "usage": {"input_tokens": len(raw) // 4, "output_tokens": 5,
                             "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}}
        if not body.get("stream"):
            return self.answer(200, message)
        self.stream(message)

    def stream(self, message):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.event("message_start", message={**message, "content": []})
        for index, block in enumerate(message["content"]):
            if block["type"] == "text":
                empty, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
            else:
                empty, delta = {**block, "input": {}}, {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            self.event("content_block_start", index=index, content_block=empty)
            self.event("content_block_delta", index=index, delta=delta)
            self.event("content_block_stop", index=index)
        self.event("message_delta", delta={"stop_reason": message["stop_reason"], "stop_sequence": None}, usage={"output_tokens": 5})
        self.event("message_stop")
        self.close_connection = True

    def event(self, kind, **fields):
        self.wfile.write(("event: %s\ndata: %s\n\n" % (kind, json.dumps({"type": kind, **fields}))).encode())
        self.wfile.flush()


class MessagesApi(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies, self.lock = [], threading.Lock()
        self.url = "http://127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self):
        """Requests since the last call of `take`."""
        with self.lock:
            taken, self.bodies[:] = list(self.bodies), []
        return taken

    def handle_error(self, *_):
        pass        # a client may hang up in the middle of an answer


def told(content):
    """A result as text. The references of a tool search stay JSON."""
    if isinstance(content, str):
        return content
    return text_of(content or []) or json.dumps(content)


def tool_results(bodies):
    """Results of tools as the model saw them, in order: [(tool, text, is_error)]."""
    names, seen = {}, {}
    for body in bodies:
        for message in body.get("messages", []):
            if isinstance(message["content"], str):
                continue
            for part in message["content"]:
                if part.get("type") == "tool_use":
                    names[part["id"]] = part["name"]
                elif part.get("type") == "tool_result":
                    seen[part["tool_use_id"]] = (told(part.get("content")), bool(part.get("is_error")))
    return [(names.get(key, "?"), *value) for key, value in seen.items()]
