#!/usr/bin/env python3
"""Transcripts of conversations, background work, routing, reviews, citations and cost: docs/screens/talk.txt.

    python3 docs/transcripts.py [target/debug/maestro-mcp]

The real binary answers over stdio; its consultants are scripts that speak like codex and gemini, so that no
model is asked. Results are shown by the keys that matter, ids and times as placeholders.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "page"))
if len(sys.argv) > 1:
    os.environ["MAESTRO_BINARY"] = str(Path(sys.argv[1]).resolve())

from rig import Project, Server, binary      # noqa: E402

OUT = ROOT / "docs" / "screens" / "talk.txt"
MEAN = "def mean(numbers):\n    return sum(numbers) / 2\n"
FINDING = {"file": "mean.py", "line": 2, "quote": "return sum(numbers) / 2", "claim": "the divisor is a constant",
           "scenario": "mean([3]) returns 1.5", "severity": "high"}
INVENTED = dict(FINDING, line=9, quote="return 0", claim="an empty list returns nothing")

# Answers by what the question holds, the first that fits.
CONSULTANT = r'''#!/usr/bin/env python3
import json, sys, time
name, rules = %r, json.loads(%r)
if "--version" in sys.argv: print("%s 9.9.9"); sys.exit()
if sys.argv[-1] == "status": sys.exit()
prompt = sys.stdin.read()
text = next(text for word, text in rules if word in prompt)
if text == "QUOTA":
    say = "You've hit your usage limit. Try again at Aug 27th, 2099 5:05 AM."
    print(json.dumps({"type": "error", "message": say})); print(json.dumps({"type": "turn.failed", "error": {"message": say}})); sys.exit(1)
if text == "SLOW": time.sleep(2); text = "at last: the divisor in mean.py:2"
if name == "codex":
    print(json.dumps({"type": "item.completed", "item": {"type": "agent_message", "text": text}}))
    print(json.dumps({"type": "turn.completed", "usage": {"input_tokens": 1200, "output_tokens": 80}}))
else:
    print(json.dumps({"type": "message", "role": "assistant", "content": text}))
    print(json.dumps({"type": "result", "status": "success", "stats": {"models": {"fake-flash": {"tokens": {"prompt": 900, "candidates": 60}}}}}))
'''

lines = []


def plain(text):
    for pattern, word in [(r"thread-[0-9a-f]{12}", "thread-..."), (r"job-[0-9a-f]{12}", "job-..."),
                          (r"[0-9a-f]{8}-[0-9a-f-]{27}", "<id>"), (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<time>"),
                          (r"/tmp/maestro-page-[^/\s\"]+", "~"), (r'("elapsed_ms": )\d+', r"\1<ms>"), (r"\b(just now|\d+ s ago)", "<ago>")]:
        text = re.sub(pattern, lambda m: m.expand(word), text) if "\\1" in word else re.sub(pattern, word, text)
    return text


def title(text):
    lines.append("\n== %s ==\n" % text)


def at(result, path):
    """What a result has at `a.b`."""
    for key in path.split("."):
        result = result.get(key) if isinstance(result, dict) else None
    return result


def show(server, tool, arguments, *keys):
    result = server.call(tool, arguments)
    asked = plain(json.dumps(arguments, ensure_ascii=False))
    lines.append("> %s %s" % (tool, asked if len(asked) <= 160 else asked[:157] + "..."))
    found = {key: at(result, key) for key in ("ok", *keys)}
    shown = {key: value for key, value in found.items() if value not in (None, [])}
    lines.extend("  " + line for line in plain(json.dumps(shown, ensure_ascii=False, indent=1)).splitlines()[1:-1])
    return result


def command(server, name, argument, *calls):
    """A slash command: what the client hands to its model, and the calls that it tells the model to make."""
    title("/maestro-%s" % name)
    params = {"name": name, "arguments": argument}
    got = server.reply(server.ask("prompts/get", params))
    lines.append("> prompts/get %s" % json.dumps(params, ensure_ascii=False))
    lines.extend("  " + line for line in got["messages"][0]["content"]["text"].splitlines())
    result = {}
    for tool, arguments, *keys in calls:
        if tool not in got["messages"][0]["content"]["text"]:
            sys.exit("the prompt %s does not name %s" % (name, tool))
        arguments = {key: value(result) if callable(value) else value for key, value in arguments.items()}
        result = show(server, tool, arguments, *keys)


def run(project, *words):
    done = subprocess.run([binary(), *words], cwd=project.root, env=project.environment, capture_output=True, text=True)
    lines.append("$ maestro-mcp %s" % " ".join(words))
    lines.extend("  " + line for line in plain(done.stdout).rstrip().splitlines())
    lines.append("  (exit status %d)" % done.returncode)


def main():
    project = Project("mean")
    (project.root / "mean.py").write_text(MEAN)
    codex = [("# Under review", json.dumps({"findings": [FINDING, INVENTED]})), ("slowly", "SLOW"), ("spent", "QUOTA"),
             ("again", "As said: mean.py:2. gone.py:7 is no help."), ("", "The divisor is a constant: `return sum(numbers) / 2` in mean.py:2, as gone.py:7 shows.")]
    gemini = [("# Under review", json.dumps({"findings": [FINDING]})), ("", "I agree with what codex said of mean.py:2.")]
    for name, rules in (("codex", codex), ("gemini", gemini)):
        project.cli(name, CONSULTANT % (name, json.dumps(rules), name))
    project.environment.update({"GEMINI_API_KEY": "fake", "MAESTRO_SANDBOX": "off", "MAESTRO_CAP_DAY_TOKENS": "20000"})
    settings = project.home / ".config" / "maestro"
    settings.mkdir(parents=True)
    (settings / "cli_clients.yaml").write_text("providers:\n  codex:\n    fallback: [gemini]\n")
    server = Server(project)
    try:
        title("1. A conversation goes on with another provider, after a restart")
        ask = {"prompt": "Why is the mean wrong?", "provider": "codex", "context_files": ["mean.py"]}
        thread = show(server, "maestro_consult", ask, "provider", "content", "thread", "citations")["thread"]
        server.close()
        server = Server(project)
        show(server, "maestro_consult", {"prompt": "Do you agree?", "provider": "gemini", "thread": thread}, "provider", "content", "thread")
        run(project, "threads")
        title("2. A consult in the background")
        job = show(server, "maestro_consult", {"prompt": "Think slowly", "provider": "codex", "background": True}, "job", "state", "next")["job"]
        show(server, "maestro_job", {"job": job}, "state", "result")
        title("3. A review, and an invented quote")
        (project.root / "mean.py").write_text(MEAN + "\n\ndef total(numbers):\n    return sum(numbers)\n")
        show(server, "maestro_review", {"files": ["mean.py"], "providers": ["codex", "gemini"]}, "summary", "findings", "discarded", "reviewers")
        title("4. A spent quota, and who answers instead")
        show(server, "maestro_consult", {"prompt": "Is the quota spent?", "provider": "codex"}, "provider", "content", "stood_in_for")
        run(project, "check")
        title("5. A cap, and what was spent")
        show(server, "maestro_consult", {"prompt": "a very long question " * 4000, "provider": "gemini"}, "code", "error", "hint")
        run(project, "metrics", "--all")
    finally:
        server.close()
        project.remove()
    commands()
    OUT.write_text("\n".join(lines).lstrip() + "\n", encoding="utf-8")
    print(OUT)


def commands():
    """The six slash commands, in a project of their own."""
    project = Project("mean")
    (project.root / "mean.py").write_text(MEAN)
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=project.root, check=True)
    (project.root / "mean.py").write_text(MEAN.replace("/ 2", "/ 3"))
    finding = dict(FINDING, quote="return sum(numbers) / 3")
    analysis = {"observations": [{"fact": "the divisor is 3", "source": "mean.py:2", "certainty": "high"}], "unknowns": ["which tests there are"],
                "repro_steps": ["mean([3]) returns 1.0"], "affected_modules": ["mean.py"], "invariants": ["the mean of one number is that number"]}
    codex = [("# Under review", json.dumps({"findings": [finding]})), ("# Instructions", json.dumps(analysis)), ("", "The divisor is a constant: mean.py:2.")]
    gemini = [("# Under review", json.dumps({"findings": []})), ("", "It should be `len(numbers)`: mean.py:2.")]
    for name, rules in (("codex", codex), ("gemini", gemini)):
        project.cli(name, CONSULTANT % (name, json.dumps(rules), name))
    project.environment.update({"GEMINI_API_KEY": "fake", "MAESTRO_SANDBOX": "off"})
    server = Server(project)
    begun = ("maestro_workflow_with_hitl", {"task": "mend the mean"}, "continued", "state", "remaining_stages", "budget")
    stage = ("maestro_run_stage_with_approval", {"stage": "analyze", "task": "mend the mean", "providers": ["codex"], "context_files": ["mean.py"]},
             "from_log", "approval.status", "approval.request_id", "code", "error")
    decision = ("maestro_submit_approval", {"request_id": lambda before: at(before, "approval.request_id"), "approved": True}, "status", "decided_by", "code", "error")
    try:
        command(server, "consult", {"provider": "codex"}, ("maestro_consult", {"prompt": "Why is the mean wrong?", "provider": "codex", "context_files": ["mean.py"]},
                                                           "provider", "content", "citations"))
        command(server, "compare", {"question": "mean"}, ("maestro_ensemble_generate", {"task": "Why is the mean wrong?", "context_files": ["mean.py"]}, "providers_used", "count"))
        command(server, "review", {"change": "working"}, ("maestro_review", {"working": True}, "summary", "findings"))
        command(server, "analyze", {"subject": "mean.py"}, ("maestro_get_skill", {"stage": "analyze"}, "skill", "stage"),
                ("maestro_consult_with_role", {"role": "example_analyst", "prompt": "What is known?", "context_files": ["mean.py"], "provider": "codex"},
                 "provider", "content"),
                ("maestro_log_evidence", {"evidence_type": "observation", "stage": "analyze", "source": "mean.py:2", "content": {"fact": "it divides by 3"}}, "resource", "error"))
        command(server, "debug", {"failure": "mean"}, begun, stage)
        command(server, "workflow", {"task": "mean"}, begun, stage, decision)
    finally:
        server.close()
        project.remove()


if __name__ == "__main__":
    main()
