#!/usr/bin/env python3
"""Turns a captured terminal screen into an SVG picture.

    tmux capture-pane -e -p -N | python3 docs/screenshot.py > docs/screen.svg

Reads text with SGR escape sequences on standard input and needs nothing but Python. Every run of
cells has its own x position and length, so that columns line up whatever font draws them, and
characters two cells wide take two cells.
"""

import re
import sys
import unicodedata
from dataclasses import dataclass, replace
from html import escape

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE, WIDE_FONT_SIZE = 8.4, 18, 14, 15.5
MARGIN = 14
FONTS = (
    "'DejaVu Sans Mono','Cascadia Mono',Menlo,Consolas,'Liberation Mono',"
    "'Noto Sans Mono CJK JP','Noto Sans CJK JP',monospace"
)
FOREGROUND, BACKGROUND, FRAME = "#d5d8de", "#16181d", "#2a2d35"
PALETTE = (
    "#3b4048 #e06c75 #98c379 #e5c07b #61afef #c678dd #56b6c2 #c8ccd4 "
    "#7f8794 #ef8a92 #b3d99a #f0d399 #8cc6f7 #d79ae8 #7fd0da #ffffff"
).split()

# SGR, or what leaves no mark (hyperlinks, character sets), or a character.
TOKEN = re.compile(r"\x1b\[(?P<sgr>[0-9;:]*)m|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x0e\x0f]|(?P<char>.)")


@dataclass(frozen=True)
class Style:
    """How a cell looks, as the escape sequences say it."""

    fg: str | None = None
    bg: str | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False

    def colours(self):
        fg, bg = self.fg or FOREGROUND, self.bg
        if self.reverse:
            fg, bg = bg or BACKGROUND, fg
        if self.dim:
            fg = mixed(fg, bg or BACKGROUND)
        return fg, bg


@dataclass(frozen=True)
class Cell:
    """One character with what combines with it."""

    text: str
    column: int
    width: int
    style: Style


def mixed(one, other):
    """Three parts of one colour with two of another."""
    channels = [(int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{(3 * a + 2 * b) // 5:02x}" for a, b in channels)


def indexed(number):
    """The colour with a number of the 256."""
    if number < 16:
        return PALETTE[number]
    if number < 232:
        steps = (0, 95, 135, 175, 215, 255)
        number -= 16
        return "#%02x%02x%02x" % tuple(steps[number // d % 6] for d in (36, 6, 1))
    return "#" + f"{8 + 10 * (number - 232):02x}" * 3


def styled(style, parameters):
    """The style after a sequence `ESC [ parameters m`."""
    codes = [int(code) if code else 0 for code in re.split("[;:]", parameters)]
    flags = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}
    while codes:
        code = codes.pop(0)
        if code == 0:
            style = Style()
        elif code in flags:
            style = replace(style, **{flags[code]: True})
        elif code == 22:
            style = replace(style, bold=False, dim=False)
        elif code - 20 in flags:
            style = replace(style, **{flags[code - 20]: False})
        elif code in (38, 48):
            which = "fg" if code == 38 else "bg"
            if codes[:1] == [5]:
                style = replace(style, **{which: indexed(codes[1])})
                del codes[:2]
            elif codes[:1] == [2]:
                style = replace(style, **{which: "#%02x%02x%02x" % tuple(codes[1:4])})
                del codes[:4]
        elif code in (39, 49):
            style = replace(style, **{"fg" if code == 39 else "bg": None})
        for first, which in ((30, "fg"), (40, "bg"), (90, "fg"), (100, "bg")):
            if first <= code < first + 8:
                bright = 8 if first >= 90 else 0
                style = replace(style, **{which: PALETTE[code - first + bright]})
    return style


def cell_width(character):
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def read(text):
    """The rows of the screen as lists of cells."""
    style, rows = Style(), []
    for line in text.rstrip("\n").split("\n"):
        column, row = 0, []
        for token in TOKEN.finditer(line):
            parameters, character = token["sgr"], token["char"]
            if parameters is not None:
                style = styled(style, parameters)
            if character is None:
                continue
            width = cell_width(character)
            if width == 0 and row:
                row[-1] = replace(row[-1], text=row[-1].text + character)
                continue
            row.append(Cell(character, column, width, style))
            column += width
        rows.append(row)
    return rows


def runs(row, key):
    """Neighbouring cells that have the same key, together."""
    found = []
    for cell in row:
        last = found[-1][-1] if found else None
        if last and key(last) == key(cell) and last.column + last.width == cell.column:
            found[-1].append(cell)
        else:
            found.append([cell])
    return found


def number(value):
    return f"{value:.1f}".rstrip("0").rstrip(".")


def box_drawing(cell, top):
    """Lines and blocks as shapes, because fonts leave gaps between rows; None for other text."""
    left, right = MARGIN + cell.column * CELL_WIDTH, MARGIN + (cell.column + 1) * CELL_WIDTH
    middle, centre, bottom = (left + right) / 2, top + CELL_HEIGHT / 2, top + CELL_HEIGHT
    ends = {
        "left": (left, centre),
        "right": (right, centre),
        "up": (middle, top),
        "down": (middle, bottom),
    }
    arms = {
        "─": "left right", "│": "up down", "┌": "right down", "┐": "left down", "└": "right up",
        "┘": "left up", "├": "up down right", "┤": "up down left", "┬": "left right down",
        "┴": "left right up", "┼": "left right up down", "╭": "right down", "╮": "left down",
        "╰": "right up", "╯": "left up", "━": "left right", "┃": "up down",
    }  # fmt: skip
    if cell.text not in arms:
        return None
    if cell.text in "╭╮╰╯":
        (ax, ay), (bx, by) = (ends[arm] for arm in arms[cell.text].split())
        path = f"M{number(ax)} {number(ay)}Q{number(middle)} {number(centre)} {number(bx)} {number(by)}"
    else:
        centre_point = f"M{number(middle)} {number(centre)}"
        path = "".join(
            f"{centre_point}L{number(ends[arm][0])} {number(ends[arm][1])}"
            for arm in arms[cell.text].split()
        )
    return path, 2 if cell.text in "━┃" else 1


def draw(rows, title):
    columns = max((row[-1].column + row[-1].width for row in rows if row), default=1)
    width, height = 2 * MARGIN + columns * CELL_WIDTH, 2 * MARGIN + len(rows) * CELL_HEIGHT
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{number(width)}" height="{number(height)}"'
        f' viewBox="0 0 {number(width)} {number(height)}" font-size="{FONT_SIZE}"'
        f' font-family="{FONTS}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}" stroke="{FRAME}"/>',
    ]
    lines = {}
    for index, row in enumerate(rows):
        top = MARGIN + index * CELL_HEIGHT
        for run in runs(row, lambda cell: cell.style.colours()[1]):
            background = run[0].style.colours()[1]
            if background:
                x, cells = run[0].column, sum(cell.width for cell in run)
                out.append(
                    f'<rect x="{number(MARGIN + x * CELL_WIDTH)}" y="{top}"'
                    f' width="{number(cells * CELL_WIDTH)}" height="{CELL_HEIGHT}"'
                    f' fill="{background}"/>'
                )
        text = []
        for run in runs(row, lambda cell: (cell.text, cell.style)):
            if run[0].text in HALVES:
                out.append(block(run, top))
        for cell in row:
            if cell.text in HALVES:
                continue
            shape = box_drawing(cell, top)
            if shape:
                path, thickness = shape
                colour = cell.style.colours()[0]
                lines.setdefault((colour, thickness), []).append(path)
            else:
                text.append(cell)
        for run in runs(text, lambda cell: (cell.style, cell.width)):
            out.extend(words(run, top))
    for (colour, thickness), paths in lines.items():
        out.append(
            f'<path d="{"".join(paths)}" stroke="{colour}" stroke-width="{thickness}" fill="none"/>'
        )
    return "\n".join([*out, "</svg>"]) + "\n"


# Parts of a cell, of which pictures are made: where they begin and how high they are.
HALVES = {"▀": (0, 0.5), "▄": (0.5, 0.5), "█": (0, 1)}


def block(run, top):
    """Equal blocks side by side, as one shape."""
    start, height = HALVES[run[0].text]
    return (
        f'<rect x="{number(MARGIN + run[0].column * CELL_WIDTH)}"'
        f' y="{number(top + start * CELL_HEIGHT)}" width="{number(len(run) * CELL_WIDTH)}"'
        f' height="{number(height * CELL_HEIGHT)}" fill="{run[0].style.colours()[0]}"/>'
    )


def words(run, top):
    """Text elements for cells of one style and width; long gaps part them."""
    style = run[0].style
    attributes = f' fill="{style.colours()[0]}"'
    attributes += ' font-weight="bold"' if style.bold else ""
    attributes += ' font-style="italic"' if style.italic else ""
    attributes += ' text-decoration="underline"' if style.underline else ""
    parts = [[]]
    for cell in run:
        blank = cell.text in (" ", "\u00a0") and not style.underline
        if blank and (not parts[-1] or parts[-1][-1].text == " "):
            parts.append([])
        else:
            parts[-1].append(cell)
    for part in parts:
        while part and part[-1].text == " " and not style.underline:
            part.pop()
        if not part:
            continue
        if part[0].width == 2:
            yield from (wide(cell, top, attributes) for cell in part)
            continue
        cells = sum(cell.width for cell in part)
        text = escape("".join(cell.text for cell in part), quote=False)
        yield (
            f'<text x="{number(MARGIN + part[0].column * CELL_WIDTH)}"'
            f' y="{number(top + CELL_HEIGHT * 0.73)}" textLength="{number(cells * CELL_WIDTH)}"'
            f' lengthAdjust="{"spacing" if len(part) > 1 else "spacingAndGlyphs"}"'
            f' xml:space="preserve"{attributes}>{text}</text>'
        )


def wide(cell, top, attributes):
    """A character in the middle of its two cells: fonts do not agree how wide it is."""
    return (
        f'<text x="{number(MARGIN + (cell.column + 1) * CELL_WIDTH)}"'
        f' y="{number(top + CELL_HEIGHT * 0.73)}" text-anchor="middle" font-size="{WIDE_FONT_SIZE}"{attributes}>'
        f"{escape(cell.text, quote=False)}</text>"
    )


if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8")
    sys.stdout.reconfigure(encoding="utf-8")
    title = sys.argv[1] if len(sys.argv) > 1 else "A terminal"
    sys.stdout.write(draw(read(sys.stdin.read()), title))
