#!/usr/bin/env python3
"""Counts the sources: code lines, comment lines, files, types and import circles.

    python3 tests/lint/count.py [DIRECTORY]

Code lines are the lines of `src/` without blank lines, comments and tests. An import is a path in the code
that begins with `crate::` or `super::`. It leads to the file of the longest module that the path names. A
file may use the modules below it by their names; this is no import, because they are parts of it. The line
"with parts" counts the circles with these uses. `tests/it/rings.rs` forbids circles.
"""

import re
import sys
from pathlib import Path


def without_tests(text):
    kept, lines = [], iter(text.splitlines())
    for line in lines:
        if line.strip() != "#[cfg(test)]":
            kept.append(line)
            continue
        item = next(lines, "")
        while item.strip().startswith("#["):
            item = next(lines, "")
        if item.endswith("{"):
            close = item[: len(item) - len(item.lstrip())] + "}"
            for line in lines:
                if line == close:
                    break
    return "\n".join(kept)


def is_test(path):
    return path.stem == "tests" or "tests" in path.parts


def sources(root):
    texts = {path.relative_to(root / "src"): path.read_text() for path in sorted((root / "src").rglob("*.rs"))}
    for_tests = {
        path.with_suffix("") / f"{name}.rs"
        for path, text in texts.items()
        for name in re.findall(r"^#\[cfg\(test\)\]\nmod (\w+);", text, re.M)
    }
    return {
        path.as_posix(): without_tests(text)
        for path, text in texts.items()
        if not is_test(path) and path not in for_tests
    }


def code(text):
    """Code without comments and without the text of strings."""
    text = re.sub(r'r(#*)".*?"\1', '""', text, flags=re.S)
    text = re.sub(r'"(?:\\.|[^"\\])*"', '""', text, flags=re.S)
    text = re.sub(r"//[^\n]*", "", text)
    # In an inline module, `super` is the file itself.
    inline = r"^((?:pub(?:\([^)]*\))? )?mod \w+ \{\n)(.*?)(^\})"
    return re.sub(inline, lambda it: it[1] + re.sub(r"\bsuper::", "", it[2]) + it[3], text, flags=re.S | re.M)


def code_lines(text):
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("//"))


def module(path):
    parts = path[:-3].split("/")
    if parts[-1] in ("lib", "main", "mod"):
        parts.pop()
    return tuple(parts)


def leaves(tree):
    """Paths that a tree such as `a::{b, c::{d, self}}` names."""
    tree = tree.strip()
    if "{" not in tree:
        return [tree.split(" as ")[0].strip()]
    head, rest = tree.split("{", 1)
    depth, part, parts = 0, "", []
    for letter in rest[: rest.rindex("}")]:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += letter
    return [head.strip() + leaf for one in parts + [part] if one.strip() for leaf in leaves(one)]


def imports(files, parts=False):
    modules = {module(path): path for path in files if path != "main.rs"}
    edges = {path: set() for path in files}
    for path, text in files.items():
        here, text = module(path), code(text)
        paths = [leaf for tree in re.findall(r"\buse\s+([^;]+);", text) for leaf in leaves(tree)]
        paths += re.findall(r"\b(?:crate|super)(?:::\w+)+", re.sub(r"\buse\s+[^;]+;", "", text))
        for one in paths:
            words = re.sub(r"\s", "", one).removeprefix("self::").split("::")
            if words[0] == "crate":
                target, words = (), words[1:]
            elif words[0] == "super":
                target = here
                while words and words[0] == "super":
                    target, words = target[:-1], words[1:]
            elif parts:
                target = here
            else:
                continue
            for word in words:
                if target + (word,) not in modules:
                    break
                target += (word,)
            other = modules.get(target)
            if other and other != path:
                edges[path].add(other)
    return edges


def circles(edges):
    """Groups of files that reach one another (Tarjan)."""
    index, low, stack, on, found, counter = {}, {}, [], set(), [], [0]
    sys.setrecursionlimit(10_000)

    def visit(node):
        index[node] = low[node] = counter[0]
        counter[0] += 1
        stack.append(node)
        on.add(node)
        for other in sorted(edges[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in on:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = []
            while True:
                other = stack.pop()
                on.discard(other)
                group.append(other)
                if other == node:
                    break
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return found


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    files = sources(root)
    total = sum(code_lines(text) for text in files.values())
    comments = sum(1 for text in files.values() for line in text.splitlines() if line.strip().startswith("//"))
    types = sum(len(re.findall(r"^\s*(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|union|type) \w", code(text), re.M)) for text in files.values())
    print(f"code lines     {total}")
    print(f"comment lines  {comments}")
    print(f"files          {len(files)}")
    print(f"types          {types}")
    rings = {}
    for path, text in files.items():
        ring = path.split("/")[0].removesuffix(".rs")
        lines, count = rings.get(ring, (0, 0))
        rings[ring] = (lines + code_lines(text), count + 1)
    for ring, (lines, count) in sorted(rings.items()):
        print(f"  {ring:<12} {lines:>6} lines {count:>4} files")
    for name, parts in (("circles", False), ("with parts", True)):
        found = circles(imports(files, parts))
        print(f"{name:<14} {len(found)} ({sum(map(len, found))} files)")
        for group in [] if parts else found:
            print("  " + ", ".join(group))


if __name__ == "__main__":
    main()
