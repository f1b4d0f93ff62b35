"""The pinned programs behind `make test-conformance`, installed once per machine outside the checkout.

The folder is $MAESTRO_TEST_CACHE/conformance, or ${XDG_CACHE_HOME:-~/.cache}/maestro/conformance. It takes
about 400 MB. The folder of a part has the versions in its name. A part counts as installed only if its stamp
exists, which is written last.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys

SUITE, INSPECTOR, NODE, SDK = "0.2.0-alpha.12", "2.12.0", "22.23.3", "2.3.0"
LEAST_NODE = 22


def root():
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(os.environ.get("MAESTRO_TEST_CACHE") or os.path.join(home, "maestro"), "conformance")


NPM = os.path.join(root(), "npm-" + SUITE + "-" + INSPECTOR)
VENV = os.path.join(root(), "python-" + SDK)


def binary(name):
    return os.path.join(NPM, "node_modules", ".bin", name)


def suite():
    return [node(), os.path.join(NPM, "node_modules", "@modelcontextprotocol", "conformance", "dist", "index.js")]


def inspector():
    return [node(), binary("mcp-inspector")]


def sdk():
    return [os.path.join(VENV, "bin", "python")]


def node():
    """The node of the machine if it is new enough, otherwise the fetched one."""
    own = shutil.which("node")
    if own:
        found = re.match(r"v(\d+)", subprocess.run([own, "--version"], capture_output=True, text=True).stdout)
        if found and int(found.group(1)) >= LEAST_NODE:
            return own
    return binary("node")


def fetch_npm():
    if not shutil.which("npm"):
        raise OSError("there is no npm")
    packages = ["@modelcontextprotocol/conformance@" + SUITE, "@modelcontextprotocol/inspector@" + INSPECTOR]
    if node() == binary("node"):
        packages.append("node@" + NODE)
    os.makedirs(NPM)
    subprocess.run(["npm", "install", "--no-fund", "--no-audit", "--save-exact", "--loglevel", "error", "--prefix", NPM]
                   + packages, check=True)
    subprocess.run([node(), "--version"], check=True, capture_output=True)


def fetch_sdk():
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    subprocess.run(sdk() + ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "mcp==" + SDK], check=True)


def ensure(folder, fetch):
    """Installs the part if it is missing. Returns None, or the error."""
    os.makedirs(root(), exist_ok=True)
    with open(os.path.join(root(), "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = os.path.join(folder, "installed")
        if os.path.exists(stamp):
            return None
        print("fetching %s" % folder, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            fetch()
        except (OSError, subprocess.SubprocessError) as fault:
            return str(fault)
        open(stamp, "w").close()
        return None
