#!/usr/bin/env python3
"""Converts a screen with ANSI colors (tmux capture-pane -e -p) into a page, for a picture of a terminal.

    ansi-to-html.py < SCREEN > PAGE
"""
import html
import re
import sys

BASE = ["#1c1f26", "#e5636a", "#7fc27c", "#dbb45c", "#6aa6f0", "#c58fe0", "#5fc0c8", "#c9ced8",
        "#6b7385", "#ff8087", "#9be397", "#f5d37c", "#8fc1ff", "#e0b3f7", "#84e0e8", "#ffffff"]
FOREGROUND, BACKGROUND = "#d5dae3", "#14161b"


def indexed(number):
    """The colour of an index of the 256."""
    if number < 16:
        return BASE[number]
    if number >= 232:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    levels = [0, 95, 135, 175, 215, 255]
    number -= 16
    return "#" + "".join(f"{levels[part]:02x}" for part in (number // 36, number // 6 % 6, number % 6))


def apply(style, codes):
    """Changes a style as a sequence of SGR codes asks."""
    codes = iter(codes)
    for code in codes:
        if code == 0:
            style.clear()
        elif code in (1, 2, 3, 4, 7):
            style[{1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}[code]] = True
        elif code in (22, 23, 24, 27):
            for name in {22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["reverse"]}[code]:
                style.pop(name, None)
        elif code in (38, 48):
            side = "fg" if code == 38 else "bg"
            kind = next(codes, None)
            if kind == 5:
                style[side] = indexed(next(codes, 0))
            elif kind == 2:
                style[side] = "#" + "".join(f"{next(codes, 0):02x}" for _ in range(3))
        elif code in (39, 49):
            style.pop("fg" if code == 39 else "bg", None)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style["fg"] = BASE[code - 30 if code < 90 else code - 82]
        elif 40 <= code <= 47 or 100 <= code <= 107:
            style["bg"] = BASE[code - 40 if code < 100 else code - 92]


def css(style):
    fg, bg = style.get("fg", FOREGROUND), style.get("bg", BACKGROUND)
    if style.get("reverse"):
        fg, bg = bg, fg
    rules = [f"color:{fg}"]
    if bg != BACKGROUND:
        rules.append(f"background:{bg}")
    rules += [rule for name, rule in [("bold", "font-weight:bold"), ("dim", "opacity:.65"), ("italic", "font-style:italic"),
                                      ("underline", "text-decoration:underline")] if style.get(name)]
    return ";".join(rules)


def main():
    style, page = {}, []
    for part in re.split(r"(\x1b\[[0-9;:]*m)", sys.stdin.read().rstrip("\n")):
        if codes := re.fullmatch(r"\x1b\[([0-9;:]*)m", part):
            apply(style, [int(code or 0) for code in re.split("[;:]", codes[1])])
        elif part:
            page.append(f'<span style="{css(style)}">{html.escape(part)}</span>')
    print(f'<!doctype html><meta charset="utf-8"><style>body{{margin:0;padding:14px;background:{BACKGROUND}}}'
          'pre{margin:0;font:14px/18px "DejaVu Sans Mono",monospace;white-space:pre}</style><pre>' + "".join(page) + "</pre>")


main()
