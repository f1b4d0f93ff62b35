#!/usr/bin/env python3
"""Runs the conformance suite, the Inspector's lint and the Python SDK with the built server. See README.md.

    python3 tests/conformance/run.py [--only WORD] [--must] [--verbose] [--target FOLDER]
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import tools
from bridge import Bridge

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
REVISIONS = ("2025-11-25", "2026-07-28")
# Failing scenarios that no set scores. Any other failing scenario is a fault, even if no set scores it.
UNSCORED = {
    "tasks-": "the extension for tasks is not offered",
    "http-custom-header-server-validation": "no tool asks for a header of its own, and a pipe has none",
}
ONLY_FIXTURES = {"json-schema-2020-12": "looks for a tool of the suite's own in the list"}
PATIENCE = 600          # seconds for one set of requirements
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Skipped(Exception):
    """A needed program cannot be installed here."""


class World:
    """Place of the servers: an empty project and an empty home."""

    def __init__(self, folder, target):
        self.project, self.home = os.path.join(folder, "project"), os.path.join(folder, "home")
        os.makedirs(self.project)
        os.makedirs(self.home)
        self.out = os.path.join(folder, "out")
        self.maestro = os.path.join(target, "debug", "maestro-mcp")
        self.fixtures = os.path.join(target, "debug", "examples", "conformance-fixtures")
        self.fake_cli = os.path.join(target, "debug", "examples", "fake-cli")
        self.env = {"HOME": self.home, "PATH": os.environ["PATH"]}


def need(folder, fetch):
    fault = tools.ensure(folder, fetch)
    if fault:
        raise Skipped(fault)


def unexpected(said, expected, unscored):
    """Failing scenarios without an explanation. The exit status of the suite covers only the scored ones."""
    with open(expected) as file:
        known = set(re.findall(r"^  - ([a-z0-9-]+)", file.read(), re.M))
    failed = re.findall(r"^✗ ([a-z0-9-]+): ", said, re.M)
    return [name for name in failed if name not in known and not name.startswith(tuple(unscored))]


def suite(world, server, revision, expected, unscored):
    """Runs one set of requirements. Returns the faults and the summary of the suite."""
    need(tools.NPM, tools.fetch_npm)
    bridge = Bridge([server], world.env, world.project)
    try:
        out = os.path.join(world.out, os.path.basename(server), revision)
        argv = tools.suite() + ["server", "--url", bridge.url, "--requirements", revision,
                                "--expected-failures", expected, "--timeout", "8000", "-o", out]
        run = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)
    finally:
        bridge.stop()
    said = COLOUR.sub("", run.stdout + run.stderr)
    summary = said[said.rfind("=== SUMMARY"):]
    faults = list(bridge.faults)
    if run.returncode != 0 or "=== SUMMARY" not in said:
        faults.append("the suite ended with status %d:\n%s" % (run.returncode, summary[-4000:]))
    faults += ["%s fails, and is not explained" % name for name in unexpected(summary, expected, unscored)]
    if "✓ " not in summary:
        faults.append("nothing passed")
    return faults, summary


def maestro_suite(revision):
    def check(world):
        expected = os.path.join(HERE, "expected-%s.yml" % revision)
        return suite(world, world.maestro, revision, expected, {**UNSCORED, **ONLY_FIXTURES})
    return check


def fixtures_suite(revision):
    def check(world):
        return suite(world, world.fixtures, revision, os.path.join(HERE, "expected-none.yml"), UNSCORED)
    return check


def lint(era):
    """`tools/list --strict`: every client must accept the schemas."""
    def check(world):
        need(tools.NPM, tools.fetch_npm)
        argv = tools.inspector() + ["--cli", world.maestro, "--method", "tools/list", "--strict", "--protocol-era", era]
        run = subprocess.run(argv, capture_output=True, text=True, timeout=120, cwd=world.project, env=world.env)
        names = set(re.findall(r'"name": *"(maestro_\w+)"', run.stdout))
        faults = []
        if run.returncode != 0:
            faults.append("status %d: %s" % (run.returncode, COLOUR.sub("", run.stderr or run.stdout)[-4000:]))
        if "Warning:" in run.stderr + run.stdout:
            faults.append("there are warnings: %s" % COLOUR.sub("", run.stderr)[-4000:])
        if not names:
            faults.append("no tool is listed")
        return faults, "%d tools\n%s" % (len(names), run.stderr)
    return check


def gated_run(era):
    def check(world):
        need(tools.VENV, tools.fetch_sdk)
        argv = tools.sdk() + [os.path.join(HERE, "gated_run.py"), world.maestro, world.fake_cli, era]
        run = subprocess.run(argv, capture_output=True, text=True, timeout=300)
        return ([(run.stdout + run.stderr)[-4000:]] if run.returncode else []), run.stdout
    return check


CHECKS = (
    [("suite %s, the server" % revision, maestro_suite(revision)) for revision in REVISIONS]
    + [("suite %s, the fixtures" % revision, fixtures_suite(revision)) for revision in REVISIONS]
    + [("inspector --strict, %s" % era, lint(era)) for era in ("legacy", "modern")]
    + [("Python SDK %s, %s" % (tools.SDK, era), gated_run(era)) for era in ("legacy", "modern")]
)


def main():
    parser = argparse.ArgumentParser(description="what is behind `make test-conformance`")
    parser.add_argument("--only", action="append", help="checks whose name contains this; may be repeated")
    parser.add_argument("--must", action="store_true", help="what is skipped has failed")
    parser.add_argument("--verbose", action="store_true", help="what the suite says, too")
    parser.add_argument("--target", default=os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target"),
                        help="cargo's target folder, with a debug build of binaries and examples")
    args = parser.parse_args()
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory(prefix="maestro-conformance-") as folder:
        world = World(folder, os.path.abspath(args.target))
        for built in (world.maestro, world.fixtures, world.fake_cli):
            if not os.path.exists(built):
                sys.exit("FAIL %s is not built: cargo build --bins --examples" % built)
        for name, check in CHECKS:
            if args.only and not any(word in name for word in args.only):
                continue
            try:
                faults, said = check(world)
            except Skipped as reason:
                skipped += 1
                print("SKIPPED %s: NOT TESTED, %s" % (name, reason), flush=True)
                continue
            except subprocess.TimeoutExpired as late:
                faults, said = ["no end within %d seconds" % late.timeout], ""
            passed, failed = passed + (not faults), failed + bool(faults)
            print("%s %s" % ("FAIL" if faults else "pass", name), flush=True)
            if args.verbose:
                print(said)
            for fault in faults:
                print("    " + fault.replace("\n", "\n    "), flush=True)
    print("\n%d passed, %d failed, %d SKIPPED" % (passed, failed, skipped))
    if skipped:
        print("What is skipped is not tested: it needs npm, python3 with venv, and the network once.")
    sys.exit(1 if failed or (args.must and skipped) else 0)


if __name__ == "__main__":
    main()
