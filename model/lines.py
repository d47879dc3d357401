"""Half-typed text, read line by line: what is open behind it, where a block ends, what may finish it.

A tree says little of a text that stops anywhere, so all of this goes by the language's lexicon, indentation
and brackets alone. Offsets are characters; line ends are LF.

Not here: what needs a tree (model/syntax.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from model.languages.entry import Language, words
from model.languages.registry import language

Inside = Literal["string", "comment"]
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_CONTROL = words("if else for while do switch catch with try match loop select return synchronized")
_QUOTE = re.compile(r"'''|\"{3}|[\"'`]")
_METHOD = re.compile(r"[^=;(){}]*\w[^=;(){}]*\([^={}]*\)[^=;(){}]*\{[^\n]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexical:
    """The state behind a text that ends anywhere: in a string or comment, and which brackets are open."""

    inside: Inside | None
    brackets: str


def lexical(text: str, language_name: str) -> Lexical:
    """Read a text from its start, by the lexicon alone: right for half-typed code, where a tree is not."""
    inside: Inside | None = None
    brackets: list[str] = []
    for match in language(language_name).lexicon.finditer(text):
        kind = match.lastgroup
        at_end = match.end() == len(text)
        if kind == "comment" and at_end:
            inside = "comment"
        elif kind == "unclosed" and at_end:
            inside = "string"
        elif kind == "opener":
            brackets.append(match.group())
        elif kind == "closer" and brackets:
            brackets.pop()
    return Lexical(inside=inside, brackets="".join(brackets))


def code_of(line: str, language_name: str) -> str:
    """A line without the comment that ends it and without blanks there; it begins outside of strings.

    A block comment that is still open ends nothing.
    """
    entry = language(language_name)
    opening = entry.block_comment[0] if entry.block_comment else entry.line_comment
    for match in entry.lexicon.finditer(line):
        if line[match.end() :].strip():
            continue
        is_block = match.group().startswith(opening) and opening != entry.line_comment
        if (match.lastgroup == "comment") != is_block:
            return line[: match.start()].rstrip()
    return line.rstrip()


def open_quote(text: str, language_name: str) -> str | None:
    """What closes the string that is open behind a text; None where none is, or a raw one with a fence."""
    for match in language(language_name).lexicon.finditer(text):
        if match.lastgroup == "unclosed" and match.end() == len(text):
            found = _QUOTE.match(match.group())
            return found.group() if found else None
    return None


def header_comment(text: str, language_name: str) -> tuple[int, int] | None:
    """The span of the comments at the top of a file, up to the first line that holds none; None without any.

    They may stand behind lines that must come first: `#!`, the encoding, a build tag. Comments at the margin
    count, and block comments that begin there, if no code follows on their last line.
    """
    entry = language(language_name)
    at = 0
    while at < len(text):
        end = _line_end(text, at)
        if text[at:end].strip() and not entry.preamble.match(text, at):
            break
        at = end + 1
    start = finish = at
    while at < len(text):
        opening, closing = entry.block_comment or ("\0", "\0")
        if text.startswith(entry.line_comment, at):
            finish = _line_end(text, at)
        elif text.startswith(opening, at):
            close = text.find(closing, at + len(opening))
            end = _line_end(text, close)
            if close < 0 or text[close + len(closing) : end].strip():
                break
            finish = end
        else:
            break
        at = finish + 1
    return (start, start + len(text[start:finish].rstrip())) if finish > start else None


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def indentation(line: str, tab: int = 8) -> int:
    """Columns before the first character that is not blank; a tab goes on to the next multiple of `tab`."""
    expanded = line.expandtabs(tab)
    return len(expanded) - len(expanded.lstrip(" "))


def block_end(before: str, text: str, language_name: str, *, tab: int = 8) -> int | None:
    """Where, in `text` that continues `before`, the block that begins at the seam is over.

    The offset is that of the line end before the first line outside; None while the block is still open.
    A tab counts as `tab` columns, which tells where lines with tabs stand among others with spaces.

    - Where the line at the seam opens a block, the block is all that is deeper than it; in a language of
      braces, all up to the brace that closes it, and the line of that brace belongs to it.
    - Otherwise it is all that is as deep as that line or, on an empty line, as the first code written.
    - A block that starts with a definition, or stands at the top level, ends with that first statement and
      its own body; plain statements at the top level end at the first blank line.

    Lines within brackets (in a language of braces: within round and square ones) or strings are not judged.
    """
    entry = language(language_name)
    if entry.braces:
        return _block_end_by_braces(before, text, entry, tab)
    head = before[before.rfind("\n") + 1 :]
    whole = head + text
    comment = head.lstrip().startswith(entry.line_comment)
    opens = code_of(head, language_name).endswith(":")
    outside = indentation(head, tab) - (not opens) if head.strip() else None  # this deep or less is outside
    first: int | None = None if comment or not head.strip() else -1  # depth of the first code line
    ends_with_first = deeper = False
    finish = 0  # where the block ends if the next line is outside
    for start, end in logical_lines(whole, entry.name):
        line = whole[start:end]
        if not line.strip():
            if first == 0 and not deeper and finish and whole[end + 1 :].strip():
                return finish
            continue
        if start > 0 or not head.strip():
            depth = indentation(line, tab)
            word = (re.match(r"\w*", line.lstrip()) or [""])[0]
            if start > len(head) and outside is not None and depth <= outside:
                return finish
            if first is None:
                outside = depth - 1 if outside is None else outside
                if not line.lstrip().startswith(entry.decorations):
                    first, ends_with_first = depth, depth == 0 or word in entry.definition_words
            elif depth > first:
                deeper = True
            elif ends_with_first and deeper and depth == first:
                half_typed = end == len(whole) and line.endswith(word)
                if not _carries_on(word, entry, half_typed=half_typed):
                    return finish
        finish = max(0, end - len(head))
    return None


def _carries_on(word: str, entry: Language, *, half_typed: bool) -> bool:
    """Whether a line that begins with the word carries on the statement above it."""
    if half_typed:
        return any(one.startswith(word) for one in entry.continuations)
    return word in entry.continuations


def _block_end_by_braces(before: str, text: str, entry: Language, tab: int) -> int | None:
    head = before[before.rfind("\n") + 1 :]
    whole, seam = head + text, len(head)
    at_seam = lexical(head, entry.name)
    brackets = list(at_seam.brackets)
    opens = at_seam.inside != "string" and code_of(head, entry.name).endswith(entry.opens_block)
    is_code = bool(head.strip()) and not head.lstrip().startswith(entry.decorations)
    first: int | None = -1 if is_code else None  # depth of the first code line
    ends_with_first = deeper = False
    finish = 0  # where the block ends if the next line is outside
    marks = _marks_from(whole, seam, entry)
    mark = next(marks, None)
    for start, end in logical_lines(whole, entry.name):
        line = whole[start:end]
        begun = line.lstrip()
        if not begun:
            if first == 0 and not deeper and not brackets and finish and whole[end + 1 :].strip():
                return finish
            continue
        if (start > 0 or not head.strip()) and not brackets and begun[0] not in ")]}":
            word = (re.match(r"\w*", begun) or [""])[0]
            if first is None:
                if not begun.startswith(entry.decorations):
                    first = indentation(line, tab)
                    ends_with_first = first == 0 or word in entry.definition_words or _is_method(begun, word)
            elif ends_with_first and deeper and begun[0] != "{":
                half_typed = end == len(whole) and line.endswith(word)
                if not _carries_on(word, entry, half_typed=half_typed):
                    return finish
        while mark is not None and mark.start() < end:
            at, bracket = mark.start(), mark.group()
            mark = next(marks, None)
            if bracket in _CLOSERS:
                brackets.append(bracket)
                deeper = deeper or bracket == "{"
                continue
            alone = not whole[max(start, seam) : at].strip()
            if not brackets:  # it closes what is around the block
                return finish if alone else len(whole[:at].rstrip()) - seam
            brackets.pop()
            if opens and not brackets:
                if start > 0 and alone and indentation(line, tab) < indentation(head, tab):
                    return finish
                behind = whole[at + 1 : end].lstrip(")];,")
                if behind.strip():
                    return end - len(behind) - seam
                return end - seam if end < len(whole) else None
        finish = max(0, end - seam)
    return None


def _is_method(line: str, word: str) -> bool:
    """Whether a line begins a function that no word announces: `name(...) {`, but not `if (...) {`."""
    return word not in _CONTROL and _METHOD.match(line) is not None


def _marks_from(text: str, start: int, entry: Language) -> Iterator[re.Match[str]]:
    """The brackets of a text, from an offset on."""
    for match in entry.lexicon.finditer(text):
        if match.start() >= start and match.lastgroup in ("opener", "closer"):
            yield match


def last_logical_line(text: str, language_name: str) -> str:
    """The last line from its beginning: a line break within brackets or a string does not begin one.

    In a language of braces, one within braces does.
    """
    *_, (start, _end) = logical_lines(text, language_name)
    return text[start:]


def logical_lines(text: str, language_name: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each line, where a line break within brackets or a string does not end it.

    In a language of braces, one within braces does.
    """
    entry = language(language_name)
    covered = _covered_by_round(text, entry) if entry.braces else _covered(text, entry)
    start = 0
    for newline in (match.start() for match in re.finditer("\n", text)):
        while covered and covered[-1][1] <= newline:
            covered.pop()
        if not (covered and covered[-1][0] <= newline):
            yield start, newline
            start = newline + 1
    yield start, len(text)


def _covered(text: str, entry: Language) -> list[tuple[int, int]]:
    """Spans in which a line break does not end a line, last first."""
    covered: list[tuple[int, int]] = []
    depth = opened = 0
    for match in entry.lexicon.finditer(text):
        kind = match.lastgroup
        if kind == "opener":
            opened = match.start() if depth == 0 else opened
            depth += 1
        elif kind == "closer" and depth:
            depth -= 1
            if depth == 0:
                covered.append((opened, match.start()))
        elif kind in ("whole", "unclosed"):
            covered.append(match.span())
    if depth:
        covered.append((opened, len(text)))
    covered.sort(reverse=True)
    return covered


def _covered_by_round(text: str, entry: Language) -> list[tuple[int, int]]:
    """As `_covered`, for a language of braces: spans directly within round or square brackets."""
    covered: list[tuple[int, int]] = []
    brackets: list[str] = []
    last = 0  # behind the last bracket
    for match in entry.lexicon.finditer(text):
        kind = match.lastgroup
        if kind in ("opener", "closer"):
            if brackets and brackets[-1] != "{":
                covered.append((last, match.start()))
            if kind == "opener":
                brackets.append(match.group())
            elif brackets:
                brackets.pop()
            last = match.start()
        elif kind in ("whole", "unclosed"):
            covered.append(match.span())
    if brackets and brackets[-1] != "{":
        covered.append((last, len(text)))
    covered.sort(reverse=True)
    return covered


def endings(text: str, language_name: str) -> list[str]:
    """What may finish a text that stops anywhere between two tokens, the empty text first."""
    entry = language(language_name)
    last = text[text.rstrip().rfind("\n") + 1 :]
    line = "\n" + last[: len(last) - len(last.lstrip())]
    state = lexical(text, language_name)
    closers = "".join(_CLOSERS[one] for one in reversed(state.brackets))
    if state.inside == "comment" and closers:  # behind a line's comment nothing closes
        closers = line + closers
    tails = [tail.replace("\n", line) for tail in entry.tails]
    if not entry.braces:
        return ["", *(closers + tail for tail in tails)]
    # The statement ends within its braces, and what these belong to may want a semicolon.
    inner = closers[: closers.find("}")] if "}" in closers else closers
    outer = closers[len(inner) :]
    found = [inner + tail + ("\n" if outer else "") + outer for tail in tails]
    return ["", *found, *(one + ";" for one in found if outer)]
