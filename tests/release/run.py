#!/usr/bin/env python3
"""Installs the artefacts of packaging/release.py on a clean machine, and runs the server there.

    python3 tests/release/run.py [DIST]

The clean machine is an overlay over the system files of this one, with empty home directories and without the
checkout. It has no part of Maestro except the installed package. This needs root and overlay mounts. Without
them, the program prints that it skips everything. It also prints the ways to install that it cannot test.
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HELLO = "".join(json.dumps(message) + "\n" for message in [
    {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "release", "version": "1"}}},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
])
MACHINE = r"""
set -e
mount -t tmpfs tmpfs "$W"
mkdir "$W/upper" "$W/work" "$W/root"
mount -t overlay overlay -o lowerdir=/,upperdir="$W/upper",workdir="$W/work" "$W/root"
for hidden in /root /home /work /tmp "$CHECKOUT"; do
  [ -d "$W/root$hidden" ] && mount -t tmpfs tmpfs "$W/root$hidden"
done
mount -t proc proc "$W/root/proc"
mount --rbind /dev "$W/root/dev"
mkdir -p "$W/root/artefacts" "$W/root/tmp/project/.git"
cp "$DIST"/* "$W/root/artefacts/" 2>/dev/null || true
exec chroot "$W/root" /usr/bin/env -i HOME=/root USER=root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  /bin/sh -ec "cd /tmp/project; $STEPS"
"""
# Each kind of artefact, with commands that install it and put maestro-mcp on the PATH
WAYS = {
    "archive": ("maestro-mcp-*.tar.gz",
                "tar -xzf /artefacts/{0} -C /opt; ln -s /opt/*/maestro-mcp /usr/local/bin/"),
    "Debian package": ("maestro-mcp_*_amd64.deb",
                       "dpkg -i /artefacts/{0} >/dev/null; test -s /usr/share/man/man1/maestro-mcp.1.gz || "
                       "test -s /usr/share/man/man1/maestro-mcp.1"),
    "npm packages": ("maestro-consult-[0-9]*.tgz",
                     "npm install -g --offline --no-audit --no-fund --omit=optional /artefacts/{0} "
                     "/artefacts/maestro-consult-linux-x64-*.tgz >/dev/null"),
    "Python wheel": ("maestro_consult-*x86_64.whl",
                     "python3 -m venv /opt/venv >/dev/null; /opt/venv/bin/pip install -q --no-index /artefacts/{0}; "
                     "ln -s /opt/venv/bin/maestro-mcp /usr/local/bin/"),
}
TRY = ("if [ -e /root/.cargo ] || [ -e {checkout}/Cargo.toml ]; then echo 'this is no clean machine'; exit 9; fi; {install}; "
       "maestro-mcp --version; printf %s '{hello}' | maestro-mcp > /tmp/replies; "
       "maestro-mcp install >/dev/null; grep -q maestro /root/.claude.json; maestro-mcp uninstall >/dev/null; "
       "test ! -e /root/.claude.json; cat /tmp/replies")


def clean_machine(dist, steps):
    place = tempfile.mkdtemp(prefix="maestro-clean-")
    try:
        return subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", MACHINE], text=True,
                              env={"PATH": os.environ["PATH"], "W": place, "DIST": dist, "STEPS": steps, "CHECKOUT": ROOT},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def works(dist, artefact, install):
    hello = HELLO.replace("\n", "\\n").replace("'", "")
    install = install.format(artefact)
    steps = TRY.format(install=install, checkout=ROOT, hello=hello).replace("printf %s", "printf %b")
    done = clean_machine(dist, steps)
    lines = done.stdout.strip().splitlines()
    replies = {}
    for line in lines:
        try:
            reply = json.loads(line)
            replies[reply.get("id")] = reply
        except (ValueError, AttributeError):
            pass
    tools = len(replies.get(2, {}).get("result", {}).get("tools", []))
    version = next((line for line in lines if line.startswith("maestro-mcp ")), "")
    if done.returncode == 0 and version and tools > 40:
        return True, "%s, %d tools, install and uninstall" % (version.split(" (")[0], tools)
    return False, " / ".join(lines[-6:]) or "exit %d" % done.returncode


def main():
    dist = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "dist"))
    probe = clean_machine(dist, "true")
    if probe.returncode:
        print("release: SKIPPED, this machine allows no overlay of its own: %s" % probe.stdout.strip()[-200:])
        return 0
    failed = 0
    for what, (pattern, install) in WAYS.items():
        found = sorted(glob.glob(os.path.join(dist, pattern)))
        if not found:
            print("%-16s SKIPPED: there is no %s in %s" % (what, pattern, dist))
            continue
        for path in found:
            if what == "archive" and "x86_64" not in path:
                continue
            good, said = works(dist, os.path.basename(path), install)
            failed += not good
            print("%-16s %s %s: %s" % (what, "ok  " if good else "FAIL", os.path.basename(path), said), flush=True)
    print("%-16s SKIPPED: brew and cargo binstall take their files from a published release" % "others")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
