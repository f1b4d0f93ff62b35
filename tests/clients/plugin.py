#!/usr/bin/env python3
"""Makes the commands of the plugin from .claude/commands, with the names of the plugin.

    python3 tests/clients/plugin.py             # lists the commands that differ
    python3 tests/clients/plugin.py --write     # writes them again
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCE, TARGET = os.path.join(ROOT, ".claude", "commands"), os.path.join(ROOT, "plugin", "commands")
NAMES = ["analyze", "compare", "consult", "debug", "review", "workflow"]


def as_plugin(text):
    """In a plugin, the names of tools and commands begin with the plugin's name."""
    text = text.replace("mcp__maestro__", "mcp__plugin_mconsult_maestro__")
    for name in NAMES:
        text = text.replace("/maestro-" + name, "/mconsult:" + name)
    return text


def wanted():
    commands = {}
    for name in NAMES:
        with open(os.path.join(SOURCE, "maestro-%s.md" % name), encoding="utf-8") as f:
            commands[name + ".md"] = as_plugin(f.read())
    return commands


def differing():
    found = []
    for name, text in wanted().items():
        try:
            with open(os.path.join(TARGET, name), encoding="utf-8") as f:
                same = f.read() == text
        except OSError:
            same = False
        if not same:
            found.append(name)
    return found + [name for name in sorted(os.listdir(TARGET)) if name not in wanted()]


if __name__ == "__main__":
    if "--write" in sys.argv:
        for name, text in wanted().items():
            with open(os.path.join(TARGET, name), "w", encoding="utf-8") as f:
                f.write(text)
    left = differing()
    print("differs: " + ", ".join(left) if left else "the plugin's commands are those of .claude/commands")
    sys.exit(1 if left else 0)
