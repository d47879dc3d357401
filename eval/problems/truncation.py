"""Where an answer to an infilling problem is cut. Pure, and blind: no rule sees what was taken out.

A model that fills a hole well and does not stop gets no credit when all that it wrote is run, so benchmarks
of infilling give both figures: raw, and truncated by a rule that knows the kind of hole and the text around
it, as an editor does.

Not here: where a HumanEval function ends (generate.py), what an editor is shown (lsp_server/postprocess.py).
"""

from __future__ import annotations

import re

from eval.problems.generate import BodyEnd

# Bumped when a rule changes; results name it.
VERSION = 1
# What the answer must repeat of the text behind the hole to have reached it: whole lines until there are as
# many visible characters. Fewer (a bracket, `else:`) stand in good answers too.
_LEAST_REPEATED = 8
_LINE = re.compile(r"[^\n]*\n?")


def first_line(text: str) -> str:
    """The answer to a hole of one whole line: the first line that is not blank, with a line end.

    Blank lines before it stay, and a line end that is missing is added: the hole is known to be a whole line,
    so the text behind it begins on a line of its own.
    """
    start = len(text) - len(text.lstrip())
    if start == len(text):
        return text
    line, _, _ = text[start:].partition("\n")
    return f"{text[:start]}{line}\n"


def span(text: str, *, prefix: str, suffix: str, finished: bool) -> str:
    """The answer to a hole between two characters anywhere, cut at the first of these:

    - where it goes on as the text behind the hole does, for whole lines and eight visible characters or more;
    - where the function ends that the hole is in;
    - where its last line begins, if the limit fell into that line (`finished` is false) and it is not the
      only one.
    """
    ends = [len(text)]
    anchor = _anchor(suffix)
    if anchor and (found := re.search(re.escape(anchor) + r"(?=\n|\Z)", text)):
        ends.append(found.start())
    body = BodyEnd(prefix)(text)
    if body is not None:
        ends.append(body)
    cut = text[: min(ends)]
    if len(cut) == len(text) and not finished and "\n" in cut.strip("\n"):
        cut = cut[: cut.rstrip("\n").rfind("\n")]
    return cut


def _anchor(suffix: str) -> str:
    """The beginning of the text behind the hole: whole lines until enough is visible, or nothing."""
    end = visible = 0
    while visible < _LEAST_REPEATED and end < len(suffix):
        line = _LINE.match(suffix, end)
        assert line is not None
        visible += len("".join(line.group().split()))
        end = line.end()
    return suffix[:end].rstrip("\n") if visible >= _LEAST_REPEATED else ""
