#!/usr/bin/env python3
"""A consultant that words every answer differently: `varying.py SEED COUNT COMMAND ...`.

Runs the fake CLI and varies its answer: the order of keys, the opening of texts, the confidence (a little
higher or lower), a code fence, a block of reasoning before it, sentences around it, noise on both streams,
and a delayed exit. COUNT is a file with one byte per call, so that the same seed repeats the same answers.
"""

import json
import os
import random
import subprocess
import sys
import time

NOISE = ["mise: using node 22.1.0", "\x1b[2mnvm: v22 is active\x1b[0m", "(node:42) ExperimentalWarning: it may change", "warning: no tty", ""]
OPENINGS = ["", "In short: ", "As far as the files show, ", "Looking at it line by line, "]
BEFORE = ["Here is the document.", "The result follows.", "**Result**"]
AFTER = ["", "That is all.", "Every line above is from the files."]
TEXTS = {"fact", "claim", "description", "error_analysis", "details", "patch_plan", "rationale", "error_message"}


def reworded(rng, value, key=None):
    if isinstance(value, dict):
        items = [(k, reworded(rng, v, k)) for k, v in value.items()]
        rng.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return [reworded(rng, v, key) for v in value]
    if isinstance(value, str) and key in TEXTS:
        return rng.choice(OPENINGS) + value
    if isinstance(value, float) and key == "confidence":
        return round(min(0.95, max(0.5, value + rng.uniform(-0.05, 0.05))), 2)
    return value


def said(rng, text):
    thought = "<think>\n%s\n</think>\n" % rng.choice(["First the files, then the question.", "What would fail? { \"no\": 1 }"])
    thought = rng.choice(["", thought])
    try:
        document = json.loads(text)
    except ValueError:
        return thought + text
    if not isinstance(document, dict):
        return thought + text
    layout = rng.choice([{"indent": 2}, {"separators": (",", ":")}, {}])
    body = json.dumps(reworded(rng, document), ensure_ascii=rng.random() < 0.5, **layout)
    fence = rng.choice(["", "```json\n%s\n```", "~~~\n%s\n~~~"])
    body = fence % body if fence else body
    if rng.random() < 0.5:
        body = "%s\n\n%s\n\n%s" % (rng.choice(BEFORE), body, rng.choice(AFTER))
    return thought + body


def reword(rng, event, words):
    """Rewords the answer in an event of any of the three CLIs. Claude prints it twice, in the same words."""
    def once(text):
        return words.setdefault(text, said(rng, text))
    if event.get("item", {}).get("type") == "agent_message":
        event["item"]["text"] = once(event["item"]["text"])
    elif event.get("type") == "message" and event.get("role") == "assistant":
        event["content"] = once(event["content"])
    elif event.get("type") == "assistant":
        for part in event["message"]["content"]:
            part["text"] = once(part["text"])
    elif event.get("type") == "result" and isinstance(event.get("result"), str):
        event["result"] = once(event["result"])


def main():
    seed, count, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    if any(word in command for word in ("--version", "status", "debug")):
        os.execv(command[0], command)
    with open(count, "ab") as f:
        f.write(b".")
        call = f.tell()
    rng = random.Random("%s %d" % (seed, call))
    run = subprocess.run(command, input=sys.stdin.buffer.read(), capture_output=True)
    lines, words = [], {}
    for line in run.stdout.decode().splitlines():
        event = json.loads(line)
        reword(rng, event, words)
        noise = [rng.choice(NOISE)] if rng.random() < 0.4 else []
        lines += noise + [json.dumps(event)]
    if rng.random() < 0.3:
        lines.append(rng.choice(NOISE))
    sys.stderr.write("\n".join([rng.choice(NOISE)] + [run.stderr.decode()]))
    sys.stderr.flush()
    print("\n".join(lines), flush=True)
    time.sleep(rng.choice([0, 0, 0.2]))
    sys.exit(run.returncode)


main()
