#!/usr/bin/env python3
"""tee.py LOG COMMAND...: runs an MCP server and logs every message in both directions as one JSON line."""

import json
import signal
import subprocess
import sys
import threading

log = open(sys.argv[1], "a", buffering=1)
server = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def copy(source, target, sender):
    for line in source:
        try:
            log.write(json.dumps({"from": sender, "message": json.loads(line)}) + "\n")
        except ValueError:
            log.write(json.dumps({"from": sender, "noise": repr(line)}) + "\n")
        try:
            target.write(line)
            target.flush()
        except OSError:
            break
    if sender == "client":
        target.close()


for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, _: server.send_signal(number))
threading.Thread(target=copy, args=(sys.stdin.buffer, server.stdin, "client"), daemon=True).start()
down = threading.Thread(target=copy, args=(server.stdout, sys.stdout.buffer, "server"), daemon=True)
down.start()
status = server.wait()
down.join(1)
sys.exit(status if status >= 0 else 128 - status)
