"""A suggestion's lines as its file indents: with tabs or spaces, on the levels there are. Pure.

Lines within brackets, strings and comments, and those behind a backslash, stand wherever their author put
them, and the cursor's own line stands already.

Not here: how deep a block is (trigger.py), where it ends (model/lines.py).
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from lsp_server.place import Place
from model import syntax
from model.fim import Hole
from model.languages.entry import Language

_READ = 6000  # characters on either side of the cursor
_INDENTED = re.compile(r"^([ \t]+)[^\s*]", re.MULTILINE)
_STEPS_TO_KNOW = 3  # blocks that tell how wide a level is
_WIDTHS = (4, 2, 8, 3)  # of a level in spaces, the most usual first


def as_the_file_indents(text: str, place: Place) -> str:
    """The text with tabs for spaces, or the reverse, as the file has them; cut where neither fits."""
    if "\n" not in text or place.inside == "string":
        return text
    near = _near(place)
    kinds = Counter("\t" if "\t" in one else " " for one in _INDENTED.findall(near))
    tabs = kinds["\t"] > kinds[" "]
    if not kinds or min(kinds["\t"], kinds[" "]) * 10 > sum(kinds.values()):
        return text  # the file has both
    starts = _starts(text, place)
    if not any(_strange(text, at, tabs=tabs) for at in starts):
        return text
    widths = (
        [width for width in _WIDTHS if _fits(text, starts, place, width)]
        if tabs
        else [_width(near, place.language)]
    )
    if not widths:
        return _cut(text, next(at for at in starts if _strange(text, at, tabs=tabs)))
    moved, done = [], 0
    for at in starts:
        blanks = _blanks(text, at)
        if tabs:
            columns = len(blanks.expandtabs(widths[0]))
            new = "\t" * (columns // widths[0]) + " " * (columns % widths[0])
        else:
            new = blanks.expandtabs(widths[0])
        moved += [text[done:at], new]
        done = at + len(blanks)
    return "".join([*moved, text[done:]])


def _near(place: Place) -> str:
    return _around(place.whole)


def _around(hole: Hole) -> str:
    return hole.prefix[-_READ:] + hole.suffix[:_READ]


def columns_of_a_tab(hole: Hole) -> int:
    """As how many columns a tab counts beside spaces: a level of the file's, else one of its formatter's.

    A file that is indented with tabs does not say; a model that writes spaces there writes the usual ones.
    """
    return _width(_around(hole), syntax.language(hole.language))


def _starts(text: str, place: Place) -> list[int]:
    """Where the text's own lines begin that are indented: not the first, none within brackets or strings."""
    seam = len(place.logical)
    whole = place.logical + text
    return [
        start - seam
        for start, end in syntax.logical_lines(whole, place.language.name)
        if start > seam
        and whole[start:end].strip()
        and whole[start:].lstrip()[0] != "*"
        and not whole[: start - 1].endswith("\\")
    ]


def _strange(text: str, at: int, *, tabs: bool) -> bool:
    blanks = _blanks(text, at)
    return blanks.startswith(" ") if tabs else "\t" in blanks


def _blanks(text: str, at: int) -> str:
    line = text[at : at + 200]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _cut(text: str, at: int) -> str:
    return text[: max(0, at - 1)]


def _fits(text: str, starts: list[int], place: Place, width: int) -> bool:
    """Whether with levels of this width the first new line stands where it may, and all on levels."""
    first, *_ = starts
    depth = len(_blanks(place.logical, 0).expandtabs(1))
    line = syntax.code_of(place.logical + text[: max(0, first - 1)], place.language.name)
    most = depth + line.endswith(place.language.opens_block)
    columns = [len(_blanks(text, at).expandtabs(width)) for at in starts]
    return all(one % width == 0 for one in columns) and columns[0] // width <= most


def _steps(text: str, entry: Language) -> Counter[int]:
    """By how many columns the first lines of blocks are deeper than what opens them."""
    lines = [line for line in text.split("\n") if line.strip()]
    return Counter(
        syntax.indentation(deep) - syntax.indentation(flat)
        for flat, deep in pairwise(lines)
        if _opens(flat, entry) and syntax.indentation(deep) > syntax.indentation(flat)
    )


def _opens(line: str, entry: Language) -> bool:
    if line.endswith(entry.opens_block):
        return True
    # Few lines are left for the lexicon, which takes far longer.
    if entry.opens_block not in line or entry.line_comment not in line:
        return False
    return syntax.code_of(line, entry.name).endswith(entry.opens_block)


def _width(text: str, entry: Language) -> int:
    """How many spaces a level has in a text, by its lines without tabs; the formatter's where none shows."""
    spaced = "\n".join(line for line in text.split("\n") if not line.startswith("\t"))
    steps = _steps(spaced, entry)
    if steps:
        return steps.most_common(1)[0][0]
    return _WIDTHS[0] if "\t" in entry.step else len(entry.step)


def on_levels(text: str, place: Place) -> str:
    """Lines that stand between levels moved onto one, in a language where indentation has a meaning.

    A line deeper than the one above is moved out unless that opens a block; one that is moved out of a block
    belongs to a level around it, the nearest. A block is deeper by as much as the file's blocks are.
    """
    if place.language.braces or place.inside == "string":
        return text
    text = _first_on_its_level(text, place)
    starts = _starts(text, place)
    if not starts:
        return text
    first = place.logical if place.logical.strip() else place.head + text.lstrip("\n")
    depth = syntax.indentation(first)
    levels = [*_levels_around(place.above, depth), depth]
    steps = _steps(_near(place), place.language)
    usual = max(steps, key=lambda step: steps[step], default=0)
    moved, done = [], 0
    meant: dict[int, int] = {}
    seam, begun = len(place.logical), 0
    whole = place.logical + text
    for at in starts:
        opens = syntax.code_of(whole[begun : seam + at - 1].rstrip(), place.language.name).endswith(":")
        begun = seam + at
        blanks = _blanks(text, at)
        depth = len(blanks.expandtabs(8))
        if depth > levels[-1] and opens:
            known = steps[depth - levels[-1]] or steps.total() < _STEPS_TO_KNOW
            levels.append(depth if known else levels[-1] + usual)
            meant = {} if known else {depth: levels[-1]}
        elif depth > levels[-1]:
            # Never deeper than the block around it now, wherever such a line was moved to before.
            meant[depth] = min(meant.get(depth, levels[-1]), levels[-1])
        elif depth not in levels:
            meant.setdefault(depth, min(levels, key=lambda level: abs(level - depth)))
        else:
            meant.pop(depth, None)
        wanted = meant.get(depth, depth)
        while levels[-1] > wanted:
            levels.pop()
        if wanted != depth:
            new = "\t" * (wanted // 8) if "\t" in blanks else " " * wanted
            moved += [text[done:at], new]
            done = at + len(blanks)
    return "".join([*moved, text[done:]])


def _first_on_its_level(text: str, place: Place) -> str:
    """Blanks before the first word go where the cursor stands as deep already as it may."""
    blanks = _blanks(text, 0)
    if not blanks or place.head.strip() or place.rest.strip() or place.brackets or not place.head:
        return text
    above = place.above.rstrip().rpartition("\n")[2]
    code = syntax.code_of(above, place.language.name)
    if code.endswith((":", "\\", ",")) or not code:
        return text
    deep_enough = syntax.indentation(place.head + "x") >= syntax.indentation(above)
    return text[len(blanks) :] if deep_enough else text


def _levels_around(above: str, depth: int) -> list[int]:
    """The depths of the blocks around a line of this depth, from the lines above it, the outermost first."""
    levels: list[int] = []
    for line in reversed(above.split("\n")):
        if line.strip() and syntax.indentation(line) < depth:
            depth = syntax.indentation(line)
            levels.append(depth)
            if depth == 0:
                break
    return levels[::-1] if levels[-1:] == [0] else [0, *levels[::-1]]


def without_trailing_blanks(text: str, place: Place) -> str:
    """No blanks at line ends, but within strings; the end of the text is a line end where nothing follows."""
    strings = [
        (at, at + len(found)) for group, found, at in place.lexed(text) if group in ("whole", "unclosed")
    ]
    kept, done = [], 0
    for found in re.finditer(r"[ \t]+(?=\n)", text):
        if not any(start < found.start() < end for start, end in strings):
            kept.append(text[done : found.start()])
            done = found.end()
    return "".join([*kept, text[done:]])
