"""Whether to suggest anything at a place, and how much: nothing, a line or a block.

The rule, first match wins. `rest` is what stands behind the cursor on its line.

    nothing  the model does not know the language
    nothing  the cursor is within a word: word characters on both sides
    line     the rest holds anything but blanks; a block would push it away
    line     the cursor is within a string, such as a docstring
    block    the line is empty so far, blanks apart
    block    the line is a comment
    nothing  the line opens a block or ends a docstring, and the body stands below already
    block    the line opens a block or ends a docstring: on the next line, indented
    line     otherwise

A comment behind what opens a block does not hide it.

Pure. How a line and a block end is told in postprocess.py.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from model import syntax
from model.fim import Hole
from model.languages.entry import Language

Kind = Literal["none", "line", "block"]

_DOCSTRING = re.compile(r"\s*[rR]?('''|\"\"\")")
_ENDS_DOCSTRING = re.compile(r"('''|\"\"\")\s*$")
_READ_BACK = 8000  # characters
_WITHIN_WORD = re.compile(r"\w\Z")
_FILLED_LINE = re.compile(r"^[^\S\n]*\S[^\n]*", re.MULTILINE)
_STEP_READ = 50_000  # characters looked through for the first indented block, at each place where one may be


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How much to suggest, and why. `lead` is the line end and indentation that surely come first."""

    kind: Kind
    reason: str
    lead: str = ""


def decide(hole: Hole, languages: Collection[str]) -> Decision:
    """The rule of this module, for a model that was trained on `languages`."""
    if hole.language not in languages:
        known = ", ".join(sorted(languages)) or "no language"
        return Decision(
            kind="none", reason=f"the model knows {known}, not {hole.language or 'this language'}"
        )
    head, rest = hole_line(hole)
    if _WITHIN_WORD.search(head) and re.match(r"\w", rest):
        return Decision(kind="none", reason="the cursor is within a word")
    if rest.strip():
        return Decision(kind="line", reason="text follows on the line")
    state = state_at_cursor(hole)
    if state.inside == "string":
        return Decision(kind="line", reason="the cursor is within a string")
    if not head.strip():
        return Decision(kind="block", reason="the line is empty")
    entry = syntax.language(hole.language)
    if head.lstrip().startswith(entry.line_comment):
        return Decision(kind="block", reason="the line is a comment")
    logical = logical_line(hole)
    ends_open = syntax.code_of(logical, entry.name).endswith(entry.opens_block)
    begun = state.inside == "comment" and not ends_open
    if begun or (state.brackets and not (entry.braces and ends_open)):
        return Decision(kind="line", reason="the line has begun")
    indentation = _indentation(logical)
    word = (re.match(r"\w*", logical.lstrip()) or [""])[0]
    opens = ends_open and (not entry.block_openers or word in entry.block_openers)
    if not opens and not (_DOCSTRING.match(logical) and _ENDS_DOCSTRING.search(head)):
        return Decision(kind="line", reason="the line has begun")
    depth = syntax.indentation(logical) + opens
    below = _line_below(hole.suffix)
    if below and syntax.indentation(below) >= depth > 0:
        return Decision(kind="none", reason="the body stands below already")
    return Decision(
        kind="block",
        reason="the line opens a block" if opens else "the line ends a docstring",
        lead="\n" + indentation + (_indentation_step(hole, indentation) if opens else ""),
    )


def hole_line(hole: Hole) -> tuple[str, str]:
    """The line of the cursor, before and behind it."""
    end = hole.suffix.find("\n")
    return hole.prefix[hole.prefix.rfind("\n") + 1 :], hole.suffix if end < 0 else hole.suffix[:end]


def _line_below(suffix: str) -> str:
    """The first line that is not blank below the cursor's, or nothing."""
    found = _FILLED_LINE.search(suffix, suffix.find("\n") + 1) if "\n" in suffix else None
    return found.group() if found else ""


def state_at_cursor(hole: Hole) -> syntax.Lexical:
    """In a string or comment, and the open brackets, read from the last place that surely begins afresh."""
    return syntax.lexical(recent_text(hole), hole.language)


def prose_at_cursor(hole: Hole) -> syntax.Inside | None:
    """Whether what is typed here is part of a string or a comment.

    Within the braces of an f-string and the `${}` of a template it is code, which may hold strings again.
    """
    text, entry = recent_text(hole), syntax.language(hole.language)
    at = 0
    while True:
        *_, last = [None, *_lexed(text, at, entry, within_code=at > 0)]
        if last is None or last.end() < len(text) or last.lastgroup not in ("comment", "unclosed"):
            return None
        if last.lastgroup == "comment":
            return "comment"
        code = _open_code(text, last.start(), entry)
        if code is None:
            return "string"
        at = code


def _open_code(text: str, start: int, entry: Language) -> int | None:
    """Where the code begins that ends the text, within the string from `start` on; None where prose does."""
    if entry.template is None or entry.substitution is None:
        return None
    if entry.template.search(text, max(0, start - 2), start + 1) is None:
        return None
    at = start + 1
    while (found := entry.substitution.search(text, at)) is not None:
        at = found.end()
        if found["code"] is not None:
            end = _end_of_code(text, at, entry)
            if end is None:
                return at
            at = end
    return None


def _end_of_code(text: str, start: int, entry: Language) -> int | None:
    """Behind the brace that closes code in a string, or None where nothing closes it."""
    depth = 0
    for found in _lexed(text, start, entry, within_code=True):
        if found.lastgroup == "opener":
            depth += 1
        elif found.lastgroup == "closer":
            if depth == 0:
                return found.end()
            depth -= 1
    return None


def _lexed(text: str, at: int, entry: Language, *, within_code: bool) -> Iterator[re.Match[str]]:
    """What the lexicon finds from an offset on; in code within a string, `{x:#x}` holds no comment."""
    while (found := entry.lexicon.search(text, at)) is not None:
        at = found.end()
        if within_code and found.lastgroup == "comment" and not text[found.start() - 1].isspace():
            at = found.start() + 1
            continue
        yield found


def logical_line(hole: Hole) -> str:
    """The line of the cursor from the beginning of its statement, up to the cursor."""
    return syntax.last_logical_line(recent_text(hole), hole.language)


def recent_text(hole: Hole) -> str:
    """The end of the prefix, from the last place that surely begins afresh."""
    recent = hole.prefix[-_READ_BACK:]
    return recent[_fresh_start(recent, hole.language, whole=len(recent) == len(hole.prefix)) :]


@lru_cache(maxsize=8)  # asked several times for each request, always of the same text
def _fresh_start(text: str, language: str, *, whole: bool) -> int:
    """Where the last statement begins that is outside every bracket and string; `whole`: a file's beginning.

    An example in a docstring looks like one, so strings are read from further above: from the beginning, or
    from a statement at the margin, where examples seldom stand.
    """
    entry = syntax.language(language)
    starts = [found.start() for found in entry.fresh_start.finditer(text)]
    if not starts:
        return 0
    first = 0 if whole else next((at for at in starts if not text[at].isspace()), starts[0])
    strings = [
        found.span()
        for found in entry.lexicon.finditer(text, first)
        if found.lastgroup in ("whole", "unclosed")
    ]
    ends = [end for _, end in strings]
    last = first
    for at in starts:
        following = bisect_right(ends, at)  # the first string that is not over there
        if at >= first and (following == len(ends) or strings[following][0] >= at):
            last = at
    return last


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _indentation_step(hole: Hole, indentation: str) -> str:
    """What one level of indentation is: that of the file's first indented block, else of its formatter."""
    entry = syntax.language(hole.language)
    comment = f"(?:{re.escape(entry.line_comment)}[^\\n]*)?"
    block = re.compile(
        rf"^([ \t]*){entry.opening_line}[ \t]*{comment}\n(?:[ \t]*\n)*(\1[ \t]+)\S", re.MULTILINE
    )
    # All of a long file would take longer than a small one.
    above = hole.prefix[-_STEP_READ:].partition("\n")[2]
    for text in (hole.prefix[:_STEP_READ], above, hole.suffix[:_STEP_READ]):
        found = block.search(text)
        if found is not None:
            return found.group(2)[len(found.group(1)) :]
    if "\t" in indentation:
        return "\t"
    return "    " if indentation and "\t" in entry.step else entry.step
