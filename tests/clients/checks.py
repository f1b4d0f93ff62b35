"""The checks, each with its own world. A check raises AssertionError with what it saw, or returns a note."""

import html
import json
import os
import re
import subprocess
import time

import plugin
from messages_api import text_of, tool_results
from world import PREFIX, ROOT, World, expect

LEGACY = {"MCP_PROTOCOL_NEGOTIATION": "legacy"}
NO_TASKS = {"CLAUDE_CODE_DISABLE_MCP_TASKS": "1"}     # the stateless protocol, without tasks
UP, DOWN, RIGHT, ESCAPE, ENTER = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b", "\r"
SCREENS = os.path.join(ROOT, "docs", "screens")


def call(tool, **arguments):
    return "CALL %s%s %s" % (PREFIX, tool, json.dumps(arguments))


BEGIN = call("workflow_with_hitl", task="mend the mean")
STAGE = call("run_stage_with_approval", stage="analyze", task="mend the mean")
CLAIM = call("submit_approval", request_id="@request_id", approved=True, feedback="the human agrees")


def result(requests, tool):
    """Last result of a tool, as the model saw it."""
    found = [(text, bad) for name, text, bad in tool_results(requests) if name.endswith("maestro_" + tool)]
    expect(found, "no result of", tool, "among", [name for name, _, _ in tool_results(requests)])
    return found[-1]


def outcome(world, tool, start):
    """Final result of a tool as the model saw it: of the call, or of the task that the call became."""
    text, bad = result(start, tool)
    if "started server-side task" not in text:
        return text, bad
    bodies, until = list(start), time.monotonic() + 30
    while time.monotonic() < until:
        bodies += world.api.take()
        said = "\n".join(text_of(m["content"]) for body in bodies for m in body.get("messages", []) if m["role"] == "user")
        ended = re.search(r"<task-notification>.*?</task-notification>", said, re.S)
        if ended:
            return ended[0], "<status>completed</status>" not in ended[0]
        time.sleep(0.2)
    raise AssertionError("the task reported no end: " + text[:300])


def decided(world):
    return [body["data"] for _, body in world.log("approval_decided")]


def keep(name, text, begin="─"):
    """Writes the screen to a file of the documentation. Text that differs from run to run is replaced."""
    os.makedirs(SCREENS, exist_ok=True)
    lines = [line.rstrip() for line in text.splitlines()]
    start = next((n for n, line in enumerate(lines) if line.lstrip().startswith(begin)), 0)
    text = "\n".join(lines[start:]).strip("\n")
    text = text.replace(ROOT, ".")
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "01234567-89ab-7cde-8f01-23456789abcd", text)
    with open(os.path.join(SCREENS, name + ".txt"), "w", encoding="utf-8") as f:
        f.write(text + "\n")


# Checks without a screen

def gated_without_screen(world, era, first):
    """The server connects, tool search finds it, a consult and a stage run. A model approves nothing."""
    prompt = "\n".join(["please", 'CALL ToolSearch {"query": "consult another model", "max_results": 5}',
                        call("consult", provider="codex", prompt="why?"), BEGIN, STAGE,
                        call("run_stage_with_approval", stage="hypothesize", task="mend the mean"), CLAIM])
    events, requests = world.ask(prompt, **era)
    status = [server for event in events if event.get("subtype") == "init" for server in event["mcp_servers"]]
    expect([s["status"] for s in status if s["name"] == "maestro"] == ["connected"], "not connected:", status)
    wire = [m for who, m in world.wire() if who == "client"]
    expect(wire and wire[0].get("method") == first, "the first message:", wire[:1])
    searched = next(text for name, text, _ in tool_results(requests) if name == "ToolSearch")
    expect(PREFIX + "consult" in searched, "tool search found:", searched)
    expect('"ok":true' in result(requests, "consult")[0], "the consult:", result(requests, "consult"))
    started = json.loads(result(requests, "workflow_with_hitl")[0])
    expect(started["state"] == "ready(analyze)", "the run:", started)
    stages = [(text, bad) for name, text, bad in tool_results(requests) if name.endswith("run_stage_with_approval")]
    expect(len(stages) == 2 and not stages[0][1] and '"status":"pending"' in stages[0][0], "the stage:", stages[0])
    expect(stages[1][1] and "approval_pending" in stages[1][0], "the next stage was not refused:", stages[1])
    expect(result(requests, "submit_approval")[1] and not world.calls("submit_approval"), "an approval by the model alone got through")
    expect(not decided(world), "decided:", decided(world))
    noise = [m for who, m in world.wire() if who == "server" and not isinstance(m, dict)]
    expect(not noise, "not JSON on the wire:", noise)
    expect(not (left := world.quiet()), "still alive:", left)
    return "first message %s, %d messages on the wire" % (first, len(world.wire()))


def headless_modern(world):
    return gated_without_screen(world, {}, "server/discover")


def headless_legacy(world):
    return gated_without_screen(world, LEGACY, "initialize")


def mcp_list_says_connected(world):
    """After `maestro-mcp install --project`, the client lists the server as connected."""
    install(world)
    status, text = world.run("mcp", "list")
    expect(status == 0 and re.search(r"maestro: .*maestro-mcp.*Connected", text), text)
    expect(not (left := world.quiet()), "still alive:", left)
    return [line for line in text.splitlines() if line.startswith("maestro:")][0].replace(world.root, "")


def install(world):
    done = subprocess.run([world.maestro, "install", "--project"], cwd=world.project, env=world.env(), capture_output=True, text=True)
    expect(done.returncode == 0, "install --project:", done.stdout + done.stderr)
    world.write("project/.claude/settings.json", json.dumps({"enableAllProjectMcpServers": True}))


def commands_with_free_text(world):
    """Each installed slash command reaches the model with the words that follow it, and may use its tools."""
    install(world)
    for name in plugin.NAMES:
        slash(world, "/maestro-" + name, PREFIX, [])
    expect(not (left := world.quiet()), "still alive:", left)
    return ", ".join("/maestro-" + name for name in plugin.NAMES)


def slash(world, command, prefix, options):
    """The tools in a command's `allowed-tools` need no other permission rule."""
    words = 'why does "mean" of {1, 2} give $1? 평균이 왜 틀리죠'
    events, requests = world.ask("%s %s\nCALL %slist_providers {}" % (command, words, prefix), options, allow="ToolSearch")
    texts = [text_of(m["content"]) for body in requests for m in body.get("messages", []) if m["role"] == "user"]
    whole = "\n".join(texts)
    expect(words in whole, command, "its words did not reach the model:", whole[-1500:])
    expect("<request>" in whole and "in the language the user writes in" in whole, command, "its text did not reach the model")
    text, bad = result(requests, "list_providers")
    expect(not bad and '"ok":true' in text, command, "the tool:", text)
    expect(events[-1]["subtype"] == "success", command, events[-1])


def plugin_validates(world):
    """`claude plugin validate` finds no fault, and the plugin has the commands of the project."""
    expect(not plugin.differing(), "out of date, run `tests/clients/plugin.py --write`:", plugin.differing())
    with open(os.path.join(ROOT, "Cargo.toml"), encoding="utf-8") as f:
        version = re.search(r'^version = "(.*)"$', f.read(), re.M)[1]
    with open(os.path.join(ROOT, "plugin", ".claude-plugin", "plugin.json"), encoding="utf-8") as f:
        expect(json.load(f)["version"] == version, "the plugin's version is not", version)
    status, text = world.run("plugin", "validate", os.path.join(ROOT, "plugin"))
    expect(status == 0 and "Validation passed" in text, text)


def plugin_works(world):
    """The plugin connects, offers its commands and its skill, and its tools work under the plugin's names."""
    options = ["--plugin-dir", os.path.join(ROOT, "plugin")]
    prefix = "mcp__plugin_mconsult_maestro__maestro_"
    events, requests = world.ask("please\nCALL %sconsult %s" % (prefix, json.dumps({"provider": "codex", "prompt": "why?"})),
                                 options, allow="mcp__plugin_mconsult_maestro")
    init = next(event for event in events if event.get("subtype") == "init")
    expect([s["status"] for s in init["mcp_servers"] if "maestro" in s["name"]] == ["connected"], init["mcp_servers"])
    expect('"ok":true' in result(requests, "consult")[0], result(requests, "consult"))
    known = set(init.get("slash_commands", []))
    expect({"mconsult:" + name for name in plugin.NAMES} <= known, "commands:", sorted(known))
    expect("mconsult:maestro" in set(init.get("skills", [])) | known, "skills:", init.get("skills"))
    for name in plugin.NAMES:
        slash(world, "/mconsult:" + name, prefix, options)
    expect(not (left := world.quiet()), "still alive:", left)


# Checks on the screen

def at_the_dialog(world, era, *after, columns=100, lines=40, task="mend the mean"):
    """Screen with the open dialog of the analyze stage."""
    screen = world.screen(columns=columns, lines=lines, **era)
    stage = call("run_stage_with_approval", stage="analyze", task=task)
    screen.say("\n".join(["please", BEGIN, stage, *after]))
    screen.wait("requests your input", 40)
    screen.wait("Accept +Decline", 5)
    time.sleep(0.8)     # the client takes an immediate key for input to the prompt
    return screen


def choose(screen, down):
    """Moves the cursor down to an option of the decision, and accepts it."""
    screen.key(RIGHT)
    for _ in range(down):
        screen.key(DOWN)
    take_and_accept(screen)


def take_and_accept(screen):
    """Takes the option at the cursor, goes to the button, and accepts."""
    screen.key(ENTER)
    for _ in range(8):
        if re.search(r"❯ Accept", screen.text()):
            break
        screen.key(DOWN)
    screen.key(ENTER)


def leave(world, screen):
    expect(screen.close(), "Claude Code did not end at ctrl-c")
    expect(not (left := world.quiet()), "still alive:", left)


def approved_in_the_dialog(world, era, name):
    screen = at_the_dialog(world, era)
    shown = screen.text()
    keep("approval_dialog" + name, shown)
    for words in ("1/5 analyze", "Your decision"):
        expect(words in shown, "not on the screen:", words, "\n" + shown)
    screen.key(RIGHT)
    keep("approval_dialog_choices" + name, screen.settle())
    for words in ("Approve and go on", "Show me everything first", "Reject and stop"):
        expect(words in screen.text(), "not on the screen:", words, "\n" + screen.text())
    take_and_accept(screen)
    screen.wait("DONE", 20)
    verdict = decided(world)
    expect(len(verdict) == 1 and verdict[0]["decision"] == "approve", "decided:", verdict)
    expect(verdict[0]["decided_by"] == "elicitation", "decided by:", verdict)
    text, bad = outcome(world, "run_stage_with_approval", world.api.take())
    expect(not bad and re.search(r'"status":\s*"approved"', text.replace("\\", "")), "what the model saw:", text[:1500])
    leave(world, screen)


def dialog_approves_modern(world):
    """Stateless protocol: the human's answer in the dialog is the decision, with the keyboard alone."""
    approved_in_the_dialog(world, {}, "")


def dialog_approves_legacy(world):
    """The same with `initialize` and a request of the server."""
    approved_in_the_dialog(world, LEGACY, "_legacy")


def on_the_page(world, era, name):
    """The client opens the page in a browser. The decision there counts as the page's, and ends the call."""
    screen = world.screen(**era, **world.browser("approve", "seen on the page"))
    screen.say("\n".join(["please", BEGIN, STAGE]))
    shown = screen.wait("open a URL", 40)
    keep("url_dialog" + name, re.sub(r"http://127\.0\.0\.1:\d+/\S+(\s+│ [0-9a-f]+)?", "http://127.0.0.1:PORT/PREFIX/open?t=TOKEN", shown))
    expect("1/5 analyze" in shown, "the dialog does not name the decision:\n" + shown)
    time.sleep(0.8)
    screen.key(ENTER)
    for _ in range(3):      # the browser needs a moment
        if world.seen():
            break
        time.sleep(0.5)
    until = time.monotonic() + 20
    while not decided(world) and time.monotonic() < until:
        time.sleep(0.1)
    verdict = decided(world)
    said = os.path.join(world.root, "browser.err")
    said = open(said).read() if os.path.exists(said) else "the browser was not opened"
    expect([(v["decision"], v["decided_by"]) for v in verdict] == [("approve", "page")], "decided:", verdict, said, screen.text())
    expect(verdict[0]["feedback"] == "seen on the page", verdict)
    page = world.seen()[0]
    expect("mean([1, 2]) returns 1 where 1.5 was expected" in html.unescape(page["shown"]), "the page shows:", page["shown"][:3000])
    time.sleep(0.8)
    if re.search(r"I'm done|Skip|Reopen", screen.text()):
        screen.key(ENTER)
    screen.wait("DONE", 20)
    requests = world.api.take()
    token = re.search(r"t=([0-9a-f]{64})", page["address"])[1]
    expect(token not in json.dumps(requests), "the model saw the token of the page")
    text, bad = outcome(world, "run_stage_with_approval", requests)
    expect(not bad and re.search(r'"decided_by":\s*"page"', text.replace("\\", "")), "what the model saw:", text[:1500])
    leave(world, screen)


def page_decides_modern(world):
    """Stateless protocol: URL elicitation within a task."""
    on_the_page(world, {}, "")


def page_decides_in_a_call(world):
    """The same without tasks: the server answers the call with a question, and the client calls again."""
    on_the_page(world, NO_TASKS, "_call")


def page_decides_legacy(world):
    """The same with `initialize` and a request of the server."""
    on_the_page(world, LEGACY, "_legacy")


def long_call_is_a_task(world):
    """A long consult becomes a task of the client: the session goes on, and the result comes later, once."""
    screen = world.screen()
    screen.say("please\n" + call("consult", provider="codex", prompt="PAUSE 4 why?"))
    screen.wait("DONE", 20)
    text, _ = result(world.api.take(), "consult")
    expect("started server-side task" in text, "no task:", text)
    keep("task", screen.settle(), "❯ please")
    screen.say("meanwhile\n" + call("workflow_state"))
    until = time.monotonic() + 30
    told = []
    while not told and time.monotonic() < until:
        said = "\n".join(text_of(m["content"]) for body in world.api.take() for m in body.get("messages", []) if m["role"] == "user")
        told = re.findall(r"<task-notification>.*?</task-notification>", said, re.S)
        time.sleep(0.2)
    expect(told and "<status>completed</status>" in told[0] and "The divisor is floored" in told[0], "the end of the task:", told)
    screen.settle()
    polls, cancels = world.sent("tasks/get"), world.sent("tasks/cancel")
    expect(polls and not cancels, "polls and cancels:", len(polls), cancels)
    leave(world, screen)
    return "%d polls" % len(polls)


def time_out_loses_nothing(world):
    """Without tasks and with a limit of two seconds, the client gives up. The consult goes on as a job, and
    the user pays for one answer only."""
    options = world.servers()
    with open(os.path.join(world.root, "mcp.json")) as f:
        entry = json.load(f)
    entry["mcpServers"]["maestro"]["timeout"] = 2000
    world.write("mcp.json", json.dumps(entry))
    prompt = "\n".join(["please", call("consult", provider="codex", prompt="PAUSE 5 why?"), call("job", action="list"),
                        call("job", job="@job", wait_sec=1), call("job", job="@job", wait_sec=1), call("job", job="@job", wait_sec=1),
                        call("job", job="@job", wait_sec=1), call("job", job="@job", wait_sec=1)])
    _, requests = world.ask(prompt, options, timeout=90)
    text, bad = result(requests, "consult")
    expect(bad and re.search("timed? ?out", text, re.I), "the call did not time out:", text)
    text, bad = result(requests, "job")
    expect(not bad and "The divisor is floored" in text, "result of the job:", text)
    asked = [body for kind, body in world.log("consult_settled")]
    expect(len(asked) == 1, "asked more than once:", asked)
    reasons = [params.get("reason") for params in world.sent("notifications/cancelled")]
    return "the client said: %s" % reasons


def rejection_stands(world, era):
    """The human rejects in the dialog. The model claims an approval afterwards, and the server refuses it."""
    screen = at_the_dialog(world, era, CLAIM)
    choose(screen, 3)
    screen.wait(r"Do you want to|submit_approval|Submit approval|DONE", 20)
    screen.settle()
    if "DONE" not in screen.text():
        screen.key(ENTER)       # the rejection stands even if the human permits the call
    screen.wait("DONE", 20)
    verdict = decided(world)
    expect([v["decision"] for v in verdict] == ["reject"], "decided:", verdict)
    text, bad = result(world.api.take(), "submit_approval")
    expect(bad, "the claim of the model was accepted:", text)
    leave(world, screen)
    return "refused: " + (re.search(r'"code":"(\w+)"', text) or [text[:80], text[:80]])[1]


def rejection_stands_modern(world):
    return rejection_stands(world, NO_TASKS)


def rejection_stands_legacy(world):
    return rejection_stands(world, LEGACY)


def claimed_approval_needs_the_human(world):
    """The model claims an approval of an open decision, and the client asks its human. A no keeps the call
    from the server. A yes is logged as the decision of the human."""
    screen = at_the_dialog(world, NO_TASKS, CLAIM)
    for _ in range(3):
        if "requests your input" not in screen.text():
            break
        screen.key(ESCAPE)
        time.sleep(0.5)
    screen.wait(r"Do you want to proceed", 20)
    keep("claimed_approval", screen.settle())
    expect(not world.calls("submit_approval"), "the call went out before the human was asked")
    screen.key(ESCAPE)
    screen.settle()
    expect(not world.calls("submit_approval") and not decided(world), "a refused call got through:", decided(world))
    screen.say("and now\n" + CLAIM)
    screen.wait(r"Do you want to proceed", 20)
    time.sleep(0.8)
    screen.key(ENTER)
    screen.wait("DONE", 20)
    verdict = decided(world)
    expect([(v["decision"], v["decided_by"]) for v in verdict] == [("approve", "client_dialog")], "decided:", verdict)
    leave(world, screen)


def report_on_screen(world):
    """Closing the dialog decides nothing. The model can show the whole report, and no line of it breaks at
    80 columns."""
    screen = at_the_dialog(world, NO_TASKS, "SHOW THE REPORT", columns=80, lines=120)
    for _ in range(3):
        if "requests your input" not in screen.text():
            break
        screen.key(ESCAPE)
        time.sleep(0.5)
    screen.wait("DONE", 20)
    shown = screen.settle()
    keep("report", shown, "❯ please")
    expect(not decided(world), "decided:", decided(world))
    expect(not re.search(r"^ *={1,9}$", shown, re.M), "broken lines:\n" + shown)
    for words in ("mean([1, 2]) returns 1 where 1.5 was expected", "평균 함수는 나눗셈에 // 연산자를 쓴다", "an empty list raises"):
        expect(words in shown, "not on the screen:", words, "\n" + shown)
    leave(world, screen)


def narrow_screen(world):
    """With 80 columns, 24 lines and a report of thirty facts, the screen shows the decision and its topic."""
    screen = at_the_dialog(world, {}, columns=80, lines=24, task="mend the mean, MANY FACTS")
    shown = screen.settle()
    keep("approval_dialog_80x24", shown)
    for words in ("1/5 analyze", "Your decision"):
        expect(words in shown, "not on the screen:", words, "\n" + shown)
    choose(screen, 0)
    screen.wait("DONE", 20)
    expect([v["decision"] for v in decided(world)] == ["approve"], "decided:", decided(world))
    leave(world, screen)


def progress_and_escape(world, era):
    """A long consult shows its progress. ESC ends the call and the consultant."""
    screen = world.screen(**era)
    screen.say("please\n" + call("consult", provider="codex", prompt="PAUSE 60 why?"))
    shown = screen.wait(r"codex.*(started|running)", 20)
    line = re.search(r".*codex.*(started|running).*", shown)[0].strip()
    keep("progress", shown, "❯ please")
    consultants = [p for p in world.processes() if "consultant.py" in p[1]]
    expect(consultants, "no consultant runs")
    start = time.monotonic()
    screen.key(ESCAPE)
    left = world.quiet("consultant.py", 8)
    took = time.monotonic() - start
    expect(not left, "alive after ESC:", left)
    cancelled = world.sent("notifications/cancelled")
    expect(cancelled, "the client sent no cancellation")
    screen.settle()
    screen.say("and now\n" + call("workflow_state"))
    screen.wait("DONE", 20)
    expect('"ok":true' in result(world.api.take(), "workflow_state")[0], "the server no longer answers")
    leave(world, screen)
    return "shown: %s; gone within %.2f s of ESC" % (line, took)


def escape_modern(world):
    return progress_and_escape(world, NO_TASKS)


def escape_legacy(world):
    return progress_and_escape(world, LEGACY)


def commands_on_screen(world):
    """On the screen, a slash command with free text works with the server that `install` registered."""
    install(world)
    screen = world.screen(options=[], allow="ToolSearch")
    words = "why is the mean of 1 and 2 wrong? 평균"
    screen.say("/maestro-debug %s\n%s" % (words, call("workflow_state")))
    screen.wait("DONE", 30)
    requests = world.api.take()
    whole = "\n".join(text_of(m["content"]) for body in requests for m in body.get("messages", []) if m["role"] == "user")
    expect(words in whole and "<request>" in whole, "what reached the model:", whole[-1500:])
    expect('"ok":true' in result(requests, "workflow_state")[0], result(requests, "workflow_state"))
    leave(world, screen)


HEADLESS = [headless_modern, headless_legacy, time_out_loses_nothing, mcp_list_says_connected, commands_with_free_text, plugin_validates, plugin_works]
ON_SCREEN = [dialog_approves_modern, dialog_approves_legacy, rejection_stands_modern, rejection_stands_legacy,
             page_decides_modern, page_decides_in_a_call, page_decides_legacy, long_call_is_a_task,
             claimed_approval_needs_the_human, report_on_screen, narrow_screen, escape_modern, escape_legacy, commands_on_screen]
