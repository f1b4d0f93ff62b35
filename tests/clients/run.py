#!/usr/bin/env python3
"""Checks that Maestro works in the real Claude Code. See README.md.

    python3 tests/clients/run.py [--maestro PATH] [--check WORD]
"""

import argparse
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(1, os.path.join(os.path.dirname(HERE), "clis"))
import install

PYTE = "0.8.2"


def terminal_emulator():
    """Makes pyte importable from a folder beside the CLIs. Returns the error, or None."""
    folder = os.path.join(install.cache(), "pyte-" + PYTE)
    sys.path.append(folder)
    try:
        import pyte
        return None
    except ImportError:
        pip = [sys.executable, "-m", "pip", "install", "-q", "--target", folder, "pyte==" + PYTE]
        run = subprocess.run(pip, capture_output=True, text=True)
        importlib.invalidate_caches()
        return run.stderr.strip().splitlines()[-1] if run.returncode else None


def beside(maestro):
    """Folder with the server and the interpreter of `tee.py`. The server refuses decisions from a process
    below an agent. A debug build accepts them from a program in its own folder, such as `tee.py`."""
    folder = os.path.realpath(tempfile.mkdtemp(prefix="maestro-clients-bin-", dir="/var/tmp"))
    shutil.copy(maestro, os.path.join(folder, "maestro-mcp"))
    shutil.copy(os.path.realpath(sys.executable), os.path.join(folder, "python3"))
    return folder


def main():
    parser = argparse.ArgumentParser(description="the bench behind `make test-clients`")
    parser.add_argument("--maestro", default=os.path.join(ROOT, "target", "debug", "maestro-mcp"), help="the server's binary, a debug build")
    parser.add_argument("--check", action="append", help="only checks whose name contains this; may be repeated")
    args = parser.parse_args()
    maestro = os.path.abspath(args.maestro)
    if not os.path.exists(maestro):
        sys.exit("FAILED no server at %s: `cargo build` makes it, --maestro names another" % maestro)
    import checks
    chosen = [c for c in checks.HEADLESS + checks.ON_SCREEN if not args.check or any(w in c.__name__ for w in args.check)]
    if not chosen:
        sys.exit("FAILED no check has that name")
    missing, not_run = install.ensure(["claude"]).get("claude"), []
    if missing:
        not_run, chosen = [(c, "Claude Code cannot be had: " + missing) for c in chosen], []
    on_screen = [c for c in chosen if c in checks.ON_SCREEN]
    missing = terminal_emulator() if on_screen else None
    if missing:
        not_run += [(c, "pyte cannot be had: " + missing) for c in on_screen]
        chosen = [c for c in chosen if c not in on_screen]
    failed = 0
    folder = beside(maestro)
    from messages_api import MessagesApi
    api = MessagesApi()
    for check in chosen:
        start, note = time.monotonic(), ""
        world = checks.World(install.binary("claude"), folder, api)
        try:
            note = check(world) or ""
            verdict = "ok    "
        except Exception as fault:
            note = str(fault) if isinstance(fault, AssertionError) else "%s: %s" % (type(fault).__name__, fault)
            verdict, failed = "FAILED", failed + 1
        finally:
            world.close()
        took = time.monotonic() - start
        print("%s %s (%.1f s)%s" % (verdict, check.__name__, took, ": " + note if note else ""), flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    for check, why in not_run:
        print("NOT RUN %s: %s" % (check.__name__, why))
    print("\n%d ok, %d failed, %d not run" % (len(chosen) - failed, failed, len(not_run)))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
