#!/usr/bin/env python3
"""Records a run of the demo: docs/session.txt (whole) and docs/session.svg (a picture of it).

    python3 docs/record.py target/debug/maestro-mcp

The binary runs on a terminal of its own with an empty home, so that nothing of this machine is in the
record. Parts that differ from run to run become a placeholder of the same length where it can be wrapped:
two runs give the same bytes. A traceback looks as this machine's python3 prints it.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import unicodedata
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The address of a page would differ each time.
COMMAND = ["demo", "--no-page"]
COLUMNS, ROWS = 82, 60

# ---------------------------------------------------------------------------------------------------
# The run


def run(binary):
    """Everything that the demo writes to a terminal, as bytes."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    with tempfile.TemporaryDirectory() as home:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "TMPDIR": "/tmp",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        }
        process = subprocess.Popen(
            [binary, *COMMAND], stdin=theirs, stdout=theirs, stderr=theirs, cwd=home, env=environment
        )
        os.close(theirs)
        said = b""
        # Linux answers with an error where the other side of a terminal is closed, others with nothing.
        try:
            while piece := os.read(ours, 65536):
                said += piece
        except OSError:
            pass
        os.close(ours)
        if process.wait() != 0:
            sys.exit(f"the demo ended with {process.returncode}:\n{said.decode(errors='replace')}")
    return said.decode()


# ---------------------------------------------------------------------------------------------------
# The terminal: lines of (letter, attributes)

ESCAPE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


def screen(said):
    """The lines that are left on the terminal, each a list of letters with their attributes."""
    lines, line, column, attributes = [], [], 0, ()
    at = 0
    while at < len(said):
        sequence = ESCAPE.match(said, at)
        if sequence:
            at = sequence.end()
            parameters, kind = sequence.groups()
            if kind == "m":
                codes = [code for code in parameters.split(";") if code not in ("", "0")]
                attributes = tuple(codes) if codes else ()
            elif kind == "K" and parameters == "2":
                line = []
            else:
                sys.exit(f"the demo wrote {sequence.group()!r}, which this terminal does not know")
            continue
        letter = said[at]
        at += 1
        if letter == "\r":
            column = 0
        elif letter == "\n":
            lines.append(line)
            line, column = [], 0
        else:
            line += [(" ", ())] * (column - len(line))
            line[column : column + 1] = [(letter, attributes)]
            column += 1
    return [*lines, line] if line else lines


def text(line):
    return "".join(letter for letter, _ in line).rstrip()


def width(letter):
    """Columns of a letter."""
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


# ---------------------------------------------------------------------------------------------------
# What differs from run to run

SAME_LENGTH = [(re.compile(r"/tmp/tmp\w{8}/\.cache"), "~/.cache")]
IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def settled(lines):
    """The lines with placeholders; an id that comes twice has the same one twice."""
    known = {}

    def place(found):
        number = known.setdefault(found.group(), len(known) + 1)
        return f"00000000-0000-0000-0000-{number:012}"

    return [replaced(line, place) for line in lines]


def replaced(line, place):
    for pattern, placeholder in [*SAME_LENGTH, (IDENTIFIER, place)]:
        # From the end, so that places before stay where they are; what is put in looks as what was there.
        for found in reversed(list(pattern.finditer("".join(letter for letter, _ in line)))):
            new = placeholder(found) if callable(placeholder) else found.expand(placeholder)
            look = line[found.end() - 1][1]
            line = line[: found.start()] + [(letter, look) for letter in new] + line[found.end() :]
    return line


# ---------------------------------------------------------------------------------------------------
# The picture

CELL, LINE, SIZE, MARGIN, BAR = 8.4, 19, 14, 20, 40
PAPER, FRAME, INK, FAINT = "#0d1117", "#30363d", "#d6dde6", "#8b949e"
INKS = {
    "31": "#ff7b72",
    "32": "#7ee787",
    "33": "#e3b341",
    "34": "#79c0ff",
    "35": "#d2a8ff",
    "36": "#76e3ea",
}
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"


def wrapped(line):
    """A line as rows of the terminal."""
    rows, used = [[]], 0
    for letter, attributes in line:
        if used + width(letter) > COLUMNS:
            rows.append([])
            used = 0
        rows[-1].append((letter, attributes))
        used += width(letter)
    return rows


def runs(row):
    """(column, letters, columns, attributes) of what looks alike; a wide letter stands by itself."""
    found, column = [], 0
    for letter, attributes in row:
        columns = width(letter)
        joins = found and columns == 1 and found[-1][3] == attributes and found[-1][2] == len(found[-1][1])
        if joins:
            found[-1][1] += letter
            found[-1][2] += 1
        else:
            found.append([column, letter, columns, attributes])
        column += columns
    return found


def number(value):
    return f"{value:.1f}".removesuffix(".0")


def styled(attributes):
    ink = next((INKS[code] for code in attributes if code in INKS), None)
    if ink is None and "2" in attributes:
        ink = FAINT
    style = f' fill="{ink}"' if ink else ""
    return style + (' font-weight="bold"' if "1" in attributes else "")


def picture(lines, title):
    rows = [row for line in lines for row in wrapped(line)]
    wide = number(COLUMNS * CELL + 2 * MARGIN)
    high = number(len(rows) * LINE + BAR + MARGIN)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect x="0.5" y="0.5" width="{number(float(wide) - 1)}" height="{number(float(high) - 1)}" rx="9" fill="{PAPER}" stroke="{FRAME}"/>',
        *(f'<circle cx="{20 + 18 * place}" cy="18" r="5.5" fill="{FRAME}"/>' for place in range(3)),
        f'<g font-family="{FONTS}" font-size="{SIZE}" fill="{INK}">',
        f'<text x="{number(float(wide) / 2)}" y="23" text-anchor="middle" font-size="13" fill="{FAINT}">{escape(title)}</text>',
    ]
    for index, row in enumerate(rows):
        y = BAR + index * LINE + SIZE
        for column, letters, columns, attributes in runs(row):
            # Viewers make one blank of several, so each piece has its own place. Where a viewer has another
            # font, the letters are fitted into the columns that they have here.
            for piece in re.finditer(r"\S+(?: \S+)*", letters):
                x = number(MARGIN + (column + piece.start()) * CELL)
                fit = number((columns if columns > len(letters) else len(piece.group())) * CELL)
                out.append(
                    f'<text x="{x}" y="{y}" textLength="{fit}" lengthAdjust="spacingAndGlyphs"{styled(attributes)}>{escape(piece.group(), quote=False)}</text>'
                )
    return "\n".join([*out, "</g>", "</svg>", ""])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    typed = f"maestro-mcp {' '.join(COMMAND)}"
    lines = settled(screen(run(str(Path(sys.argv[1]).resolve()))))
    lines.insert(0, [(letter, ()) for letter in f"$ {typed}"])
    (ROOT / "docs/session.txt").write_text("".join(text(line) + "\n" for line in lines))
    (ROOT / "docs/session.svg").write_text(picture(lines, typed))


if __name__ == "__main__":
    main()
