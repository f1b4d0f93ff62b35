#!/usr/bin/env python3
"""Writes packaging/link-order.ld: the functions that a server runs, in the order in which it needs them.

A linker lays functions out as the compiler hands them over. Those that a server needs are scattered over
12 MB of code then, and the system reads 64 KB around each. Side by side they take 1 MB, so the server starts
faster and takes half the memory. build.rs hands the script to the linker.

A name ends in a hash that changes with the compiler, the features and the target. So each function stands
there with its hash, for `cargo build --release`, and once more without it, for every other build: that takes
the same function for other types along, and saves a third less.

Needs valgrind, and takes one build. Usage: packaging/link-order.py
"""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "packaging/link-order.ld"

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "order", "version": "1"}}
# Calls in the order of their urgency; later ones wait for a CLI anyway.
STEPS = [{"method": "initialize", "params": HELLO}, {"method": "tools/list", "params": {}}]


def run_server(binary, requests, directory):
    """Asks a server under callgrind, and returns the functions that it ran."""
    profile, home, project = directory / "profile", directory / "home", directory / "project"
    home.mkdir()
    project.mkdir()
    valgrind = ["valgrind", "--tool=callgrind", "--compress-strings=no", "--demangle=no",
                f"--callgrind-out-file={profile}", binary]
    server = subprocess.Popen(valgrind, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env={"PATH": "/usr/bin:/bin", "HOME": str(home)}, cwd=project, text=True)
    watchdog = threading.Timer(120, server.kill)
    watchdog.start()
    for number, request in enumerate(requests):
        server.stdin.write(json.dumps({"jsonrpc": "2.0", "id": number, **request}) + "\n")
        server.stdin.flush()
        while json.loads(server.stdout.readline()).get("id") != number:
            pass
    server.stdin.close()
    server.wait()
    watchdog.cancel()
    ran, is_ours = set(), False
    for line in profile.read_text(errors="replace").splitlines():
        if line.startswith("ob="):
            is_ours = line.rstrip().endswith("maestro-mcp")
        elif is_ours and line.startswith("fn="):
            ran.add(line[3:].split("'")[0])
    return ran


def same_code(binary):
    """All names of each function: the linker merges functions with the same machine code."""
    listed = subprocess.run(["nm", binary], check=True, capture_output=True, text=True).stdout
    symbols = [line.split() for line in listed.splitlines()]
    by_address = {}
    for address, _, name in (symbol for symbol in symbols if len(symbol) == 3):
        by_address.setdefault(address, []).append(name)
    return {name: names for names in by_address.values() for name in names}


def without_hash(name):
    """A pattern for a function in any build: names of both kinds of mangling hold a hash."""
    return re.sub(r"Cs[0-9A-Za-z]+_", "Cs*_", re.sub(r"17h[0-9a-f]{16}E", "17h*E", name))


def script(order, names):
    """A linker script that puts these functions before all others."""
    all_names = [other for name in order for other in names.get(name, [name])]
    patterns = list(dict.fromkeys(all_names + [without_hash(name) for name in order]))
    # The compiler puts rare code into `.text.unlikely`.
    lines = "".join(f"    *(.text*.{pattern})\n" for pattern in patterns)
    return f"SECTIONS\n{{\n  .text.first : {{\n{lines}  }}\n}}\nINSERT BEFORE .text;\n"


def main():
    os.chdir(ROOT)
    # Built without an order, because valgrind names only functions of `.text`.
    SCRIPT.unlink(missing_ok=True)
    # Built with names; the release is stripped.
    subprocess.run(["cargo", "rustc", "--release", "--locked", "--bin", "maestro-mcp", "--", "-C", "strip=none"],
                   check=True)
    binary = str(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target")).resolve() / "release/maestro-mcp")
    order = []
    for count, step in enumerate(STEPS, 1):
        with tempfile.TemporaryDirectory() as directory:
            ran = run_server(binary, STEPS[:count], pathlib.Path(directory).resolve())
        named = {name for name in ran if name.isidentifier() or name.startswith("_")}
        order += sorted(named.difference(order))
        print(len(order), "functions after", step["method"])
    SCRIPT.write_text(script(order, same_code(binary)))


main()
