#!/usr/bin/env python3
"""Checks with the real CLIs that a consultant is text-only. See README.md.

    python3 tests/clis/run.py [--short] [--only claude|codex|gemini] [--check NAME] [--maestro PATH]
"""

import argparse
import fcntl
import os
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import checks
import install
from bench import Bench

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INSIDE = "MAESTRO_TEST_CLIS_ISOLATED"


def isolate():
    """Restarts this program in a network namespace with only loopback. Prints a note if it cannot."""
    if os.environ.get(INSIDE):
        return loopback_up()
    for unshare in (["unshare", "-n"], ["unshare", "-rn"]):
        try:
            if subprocess.run(unshare + ["true"], capture_output=True).returncode == 0:
                os.environ[INSIDE] = "1"
                sys.stdout.flush()
                os.execvp("unshare", unshare + [sys.executable, os.path.abspath(__file__)] + sys.argv[1:])
        except OSError:
            pass
    print("NOT ISOLATED: no network namespace can be had here (unshare -n), so a request past the fake API\n"
          "would reach the network unseen. The checks themselves are the same.", flush=True)


def loopback_up():
    """Does the same as `ip link set lo up`, because `ip` may be missing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(s, 0x8913, request))[1]        # SIOCGIFFLAGS
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", flags | 1))            # SIOCSIFFLAGS, IFF_UP


def main():
    parser = argparse.ArgumentParser(description="the bench behind `make test-clis`")
    parser.add_argument("--short", action="store_true", help="only the checks of checks.SHORT, about a minute")
    parser.add_argument("--only", choices=install.PINS, action="append", help="this CLI only; may be repeated")
    parser.add_argument("--check", action="append", help="only checks whose name contains this; may be repeated")
    parser.add_argument("--maestro", default=os.path.join(ROOT, "target", "release", "maestro-mcp"), help="the server's binary")
    args = parser.parse_args()
    names = args.only or list(install.PINS)
    maestro = os.path.abspath(args.maestro)
    if not os.path.exists(maestro):
        print("FAIL no server at %s: `cargo build --release` makes it, --maestro names another" % maestro)
        print("\n0 passed, 1 failed")
        sys.exit(1)
    if not os.environ.get(INSIDE):
        faults = install.ensure(names)
        for name, fault in faults.items():
            print("FAIL %-7s cannot be installed: %s" % (name, fault))
    isolate()

    passed = failed = 0
    bench = Bench(maestro)
    try:
        round = checks.Round(bench)
        for name in names:
            if not install.installed(name):
                print("FAIL %-7s is not installed, none of its checks was run" % name, flush=True)
                failed += 1
                continue
            for check in checks.SHORT if args.short else checks.FULL:
                title = check.__doc__.splitlines()[0]
                if checks.ONLY_FOR.get(check, name) != name:
                    continue
                if args.check and not any(part in title or part in check.__name__ for part in args.check):
                    continue
                start = time.monotonic()
                try:
                    note = check(round, bench.clis[name])
                    verdict, passed = "ok  ", passed + 1
                except Exception as fault:
                    note = str(fault) if isinstance(fault, AssertionError) else "%s: %s" % (type(fault).__name__, fault)
                    verdict, failed = "FAIL", failed + 1
                    bench.api.take(), bench.traps.sprung(), bench.spawns(), bench.api.faults.clear()
                    if round.main.process.poll() is not None:
                        round = checks.Round(bench)
                took = time.monotonic() - start
                print("%s %-7s %s (%.1f s)%s" % (verdict, name, title, took, ": " + note if note else ""), flush=True)
    finally:
        bench.close()
    if passed + failed == 0:
        print("FAIL no check has that name")
        failed = 1
    print("\n%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
