#!/usr/bin/env python3
"""Installs the pinned CLIs from npm into a cache folder outside the checkout, once per machine.

    python3 tests/clis/install.py [claude|codex|gemini ...]

The folder is $MAESTRO_TEST_CACHE, or ${XDG_CACHE_HOME:-~/.cache}/maestro/clis. It takes about 900 MB.
A CLI counts as installed only if its stamp names the version. The stamp is written last.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time

PINS = {
    "claude": ("@anthropic-ai/claude-code", "2.1.332"),
    "codex": ("@openai/codex", "0.171.0"),
    "gemini": ("@google/gemini-cli", "0.61.0"),
}
TRIES, PAUSE = 3, 10


def cache():
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("MAESTRO_TEST_CACHE") or os.path.join(home, "maestro", "clis")


def folder(name):
    return os.path.join(cache(), "%s-%s" % (name, PINS[name][1]))


def binary(name):
    return os.path.join(folder(name), "node_modules", ".bin", name)


def stamp(name):
    return os.path.join(folder(name), "installed")


def installed(name):
    try:
        with open(stamp(name)) as f:
            return f.read().strip() == PINS[name][1] and os.path.exists(binary(name))
    except OSError:
        return False


def version(name):
    """Version that the binary prints, run in an empty home."""
    home = os.path.join(cache(), "home")
    os.makedirs(home, exist_ok=True)
    env = {"HOME": home, "PATH": os.environ["PATH"]}
    run = subprocess.run([binary(name), "--version"], env=env, capture_output=True, text=True, timeout=60)
    return run.stdout.strip()


def fetch(name):
    package, pin = PINS[name]
    target = folder(name)
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    npm = ["npm", "install", "--no-fund", "--no-audit", "--save-exact", "--loglevel", "error", "--prefix", target]
    subprocess.run(npm + ["%s@%s" % (package, pin)], check=True)
    script = os.path.join(target, "node_modules", package, "install.cjs")
    if pin not in version(name) and os.path.exists(script):     # npm may run no install scripts
        subprocess.run(["node", script], check=True, cwd=os.path.dirname(script))
    if pin not in version(name):
        raise OSError("%s says %r, not %s" % (binary(name), version(name), pin))
    with open(stamp(name), "w") as f:
        f.write(pin + "\n")


def ensure(names=None):
    """Installs the missing CLIs. Returns {name: error} for those that cannot be installed."""
    faults = {}
    os.makedirs(cache(), exist_ok=True)
    with open(os.path.join(cache(), "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names or PINS:
            if installed(name):
                continue
            for attempt in range(1, TRIES + 1):
                print("installing %s@%s into %s (try %d of %d)" % (*PINS[name], folder(name), attempt, TRIES), flush=True)
                try:
                    fetch(name)
                    faults.pop(name, None)
                    break
                except (OSError, subprocess.SubprocessError) as fault:
                    faults[name] = str(fault)
                    print("  failed: %s" % fault, flush=True)
                    if attempt < TRIES:
                        time.sleep(PAUSE * attempt)
    return faults


if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - set(PINS)
    if unknown:
        sys.exit("no such CLI: %s; known: %s" % (", ".join(sorted(unknown)), ", ".join(PINS)))
    faults = ensure(sys.argv[1:])
    for name in sys.argv[1:] or PINS:
        print("%-7s %s" % (name, faults.get(name) or "%s in %s" % (PINS[name][1], folder(name))))
    sys.exit(1 if faults else 0)
