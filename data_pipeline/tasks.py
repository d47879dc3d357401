"""Function tasks for the last phase of training: what a documented function says, and what it does.

    body        signature and documentation -> the body
    comment     a comment -> the lines of code below it
    docstring   signature and body -> the documentation

Small models gain most from data that looks like documented functions (Gunasekar et al. 2023, Textbooks Are
All You Need): functions that stand on their own are drawn always, once more where their documentation has a
doctest, the others now and then. Every task is a Hole, so there is no second prompt format. The imports that
a function needs stand above it, as they would in a file of its own.

Not here: keeping benchmarks out, which happens before (decontaminate.py); holes in whole files (holes.py).
"""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from data_pipeline.document import Document
from model import outline, syntax
from model.errors import ConfigError
from model.fim import FimExample, Hole
from model.outline import Definition, Import

TaskKind = Literal["body", "comment", "docstring"]

_WORD = re.compile(r"[^\W\d]\w*")
_OPENER = re.compile(r"[rRuU]?(?:\"\"\"|'''|\"|')|/\*[*!]?|//[/!]?")
_DOCTEST = re.compile(r"^\s*(?:[*/]*\s*)>>> ", re.MULTILINE)
# What says too little of the function below it.
_NO_DOCUMENTATION = re.compile(
    r"(?i)\b(?:auto-?generated|see (?:the )?(?:base|parent|super)|same as|alias (?:for|of)|overrid(?:es?|den)"
    r"|not (?:yet )?implemented|internal use|inherit ?doc|todo|fixme)\b"
)
_STUB = re.compile(
    r"(?:pass|\.\.\.|return(?: (?:None|NotImplemented|null|nil))?;?|raise NotImplementedError\b.*"
    r"|throw new (?:Error|UnsupportedOperationException)\b.*|(?:unimplemented|todo)!\(.*\);?)",
    re.DOTALL,
)
# A comment that is for a tool, or code that was switched off.
_NO_COMMENT = re.compile(r"[=;{}]|[()]$|:$|\b(?:noqa|type:|pylint|pragma|mypy|TODO|FIXME|XXX|NOTE|HACK)\b")
_LONGEST_LINE = 160
_LEAST_COMMENT_WORDS = 4
_SUFFIX = 800  # characters of a function below a comment's code


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskConfig:
    """Which functions are good enough, and how often each task is drawn. Lengths are in characters."""

    least_words: int = 6  # of documentation
    body_lines: tuple[int, int] = (2, 40)
    longest: int = 3000
    longest_docstring: int = 1200
    longest_imports: int = 300
    dependent: float = 0.4  # of the documented functions that use other names of their file: bodies
    docstrings: float = 0.25  # of the documented functions
    comments: float = 0.2  # of the comments with code below them: there are many more than functions
    comment_lines: tuple[int, int] = (1, 12)

    def __post_init__(self) -> None:
        for name in ("dependent", "docstrings", "comments"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"the share `{name}` is {getattr(self, name)}; it must lie between 0 and 1")
        for name in ("body_lines", "comment_lines"):
            least, most = getattr(self, name)
            if not 1 <= least <= most:
                raise ConfigError(
                    f"`{name}` is {least} to {most}; give at least 1, and the smaller one first"
                )


class _Function(NamedTuple):
    """A documented function: begin <= code < code_end <= end, and its documentation's span."""

    definition: Definition
    begin: int  # start of the line that it begins with, documentation above included
    docstring: tuple[int, int]
    code: int  # the first character behind signature and documentation
    code_end: int


def function_examples(
    document: Document, rng: random.Random, config: TaskConfig | None = None
) -> Iterator[FimExample]:
    """The function tasks of a document, in the order of its text; often none."""
    for _, example in kinds_and_function_examples(document, rng, config):
        yield example


def kinds_and_function_examples(
    document: Document, rng: random.Random, config: TaskConfig | None = None
) -> Iterator[tuple[TaskKind, FimExample]]:
    """As `function_examples`, with the kind of each."""
    config = config or TaskConfig()
    tree = syntax.parse(document.text, document.language)
    found = outline.definitions(tree)
    imports = outline.imports(tree)
    at_top = frozenset(one.name for one in found if one.parent is None)
    classes = {one.qualified_name: one for one in found if one.kind == "class"}
    for one in found:
        function = _documented(document, one, config)
        if function is None:
            continue
        head = _head(document, function, imports, classes, config)
        copies = 1 + bool(_DOCTEST.search(document.text, *function.docstring))
        if not _stands_alone(document, function, at_top):
            copies = int(rng.random() < config.dependent)
        for _ in range(copies):
            yield "body", _body_task(document, function, head, rng)
        if rng.random() < config.docstrings:
            yield "docstring", _docstring_task(document, function, head)
    for example in _comment_tasks(document, tree, found, rng, config):
        yield "comment", example


def _documented(document: Document, one: Definition, config: TaskConfig) -> _Function | None:
    """The function if it is documented, does something, and neither is too long."""
    text = document.text
    if one.kind not in ("function", "method") or one.body is None or one.docstring is None:
        return None
    if one.name.startswith("test"):
        return None
    documentation = text[slice(*one.docstring)]
    words = _WORD.findall(documentation.partition(">>>")[0])
    if len(words) < config.least_words or len(documentation) > config.longest_docstring:
        return None
    if _NO_DOCUMENTATION.search(documentation):
        return None
    behind = max(one.body[0], one.docstring[1] if one.docstring[0] >= one.body[0] else one.body[0])
    code_end = one.body[1]
    code = behind + len(text[behind:code_end]) - len(text[behind:code_end].lstrip())
    body = text[code:code_end]
    lines = [line for line in body.split("\n") if line.strip()]
    least, most = config.body_lines
    if not least <= len(lines) <= most or max(map(len, lines)) > _LONGEST_LINE or _is_stub(lines, document):
        return None
    begin = min(one.start, one.docstring[0])
    begin = text.rfind("\n", 0, begin) + 1
    if one.end - begin > config.longest or text[begin : min(one.start, one.docstring[0])].strip():
        return None
    return _Function(one, begin, one.docstring, code, code_end)


def _is_stub(lines: Sequence[str], document: Document) -> bool:
    comment = syntax.language(document.language).line_comment
    code = [line.strip() for line in lines if not line.lstrip().startswith(comment)]
    return not code or _STUB.fullmatch("\n".join(code)) is not None


def _stands_alone(document: Document, function: _Function, at_top: frozenset[str]) -> bool:
    """Whether a function can be understood without the rest of its file."""
    one = function.definition
    if one.parent is not None:
        return False
    used = set(_WORD.findall(document.text[one.start : one.header_end]))
    used.update(_WORD.findall(document.text[function.code : function.code_end]))
    return not (used & at_top) - {one.name}


def _head(
    document: Document,
    function: _Function,
    imports: Sequence[Import],
    classes: Mapping[str, Definition],
    config: TaskConfig,
) -> str:
    """What stands above the function: the imports that it uses, and the header of its class."""
    one = function.definition
    used = set(_WORD.findall(document.text[function.begin : function.code_end]))
    lines: list[str] = []
    for statement in imports:
        if statement.start >= one.start:
            break
        line = _import_line(document, statement, used)
        if line and line not in lines:
            lines.append(line)
    head = "\n".join(lines)
    head = f"{head}\n\n\n" if lines and len(head) <= config.longest_imports else ""
    around = classes.get(one.parent or "")
    if around is not None and around.start < one.start < around.end:
        first = document.text.rfind("\n", 0, around.start) + 1
        head += document.text[first : around.header_end] + "\n"
    return head


def _import_line(document: Document, statement: Import, used: set[str]) -> str:
    """The statement with those names that are used; empty where none is."""
    if statement.module == "__future__":
        return ""
    taken = [name for name in statement.names if name.local in used]
    if document.language != "python":
        text = document.text[statement.start : statement.end]
        local = statement.alias or re.split(r"[/.:]+", statement.module)[-1]
        return text if (taken or local in used) and "\n" not in text else ""
    if statement.names:
        parts = [n.name if n.name == n.local else f"{n.name} as {n.local}" for n in taken]
        return f"from {'.' * statement.level}{statement.module} import {', '.join(parts)}" if parts else ""
    local = statement.alias or statement.module.partition(".")[0]
    renamed = f" as {statement.alias}" if statement.alias else ""
    return f"import {statement.module}{renamed}" if local in used else ""


def _body_task(document: Document, function: _Function, head: str, rng: random.Random) -> FimExample:
    """The cursor stands behind the documentation's line, or behind the next line's indentation."""
    text = document.text
    start = function.code
    if rng.random() < 0.5:
        line = text.rfind("\n", 0, start) + 1
        start = line if not text[line:start].strip() else start
    rest = text[function.code_end : function.definition.end]
    return _example(document, head + text[function.begin : start], text[start : function.code_end], rest)


def _docstring_task(document: Document, function: _Function, head: str) -> FimExample:
    """The quotes or the comment are opened, the rest is to be written; the body stands below."""
    text = document.text
    first, last = function.docstring
    opener = _OPENER.match(text, first)
    start = opener.end() if opener else first
    prefix = head + text[function.begin : start]
    return _example(document, prefix, text[start:last], text[last : function.definition.end])


def _example(document: Document, prefix: str, middle: str, suffix: str) -> FimExample:
    hole = Hole(path=document.path, language=document.language, prefix=prefix, suffix=suffix)
    return FimExample(hole=hole, middle=middle)


# --- comments ----------------------------------------------------------------------------------------------


def _comment_tasks(
    document: Document, tree: syntax.Tree, found: Sequence[Definition], rng: random.Random, config: TaskConfig
) -> Iterator[FimExample]:
    """Comments on lines of their own within functions, each with the code down to a blank line or comment."""
    text, marker = document.text, syntax.language(document.language).line_comment
    functions = [one for one in found if one.kind in ("function", "method") and one.body is not None]
    functions = [one for one in functions if not one.name.startswith("test")]
    if not functions or marker not in text:
        return
    # A line that looks like a comment may lie within a string.
    comments = {start for start, _ in syntax.comments_and_strings(tree) if text.startswith(marker, start)}
    # The code must be whole statements, or it would begin with an `else` and end within a string.
    statements = [one for one in syntax.nodes(tree) if one.kind in ("statement", "definition", "block")]
    begins, ends = {one.start for one in statements}, sorted({one.end for one in statements})
    lines = [found.span() for found in re.finditer(r"[^\n]*\n?", text) if found.end() > found.start()]
    number = 0
    while number < len(lines):
        first = number
        while number < len(lines) and _is_comment(text, lines[number], marker):
            number += 1
        if number == first:
            number += 1
            continue
        start, last = lines[first][0], _paragraph_end(text, lines, number, lines[first][0], marker)
        at = start + _indentation(text[start : lines[first][1]])
        around = next((one for one in reversed(functions) if one.start < start < one.end), None)
        if at not in comments or around is None or last is None:
            continue
        comment = " ".join(text[at : lines[number - 1][1]].replace(marker, " ").split())
        code = lines[number][0] + _indentation(text[slice(*lines[number])])
        middle = text[code : _statement_end(text, ends, min(last, around.end), marker)].rstrip()
        count = middle.count("\n") + 1
        if (
            code not in begins
            or len(_WORD.findall(comment)) < _LEAST_COMMENT_WORDS
            or _NO_COMMENT.search(comment)
            or not config.comment_lines[0] <= count <= config.comment_lines[1]
            or len(_WORD.findall(middle)) < 2
            or not _is_balanced(middle)
            or rng.random() >= config.comments
        ):
            continue
        top = max(text.rfind("\n", 0, around.start) + 1, code - config.longest // 2)
        top = top if top == 0 or text[top - 1] == "\n" else text.find("\n", top) + 1
        rest = text[code + len(middle) : around.end][:_SUFFIX]
        yield _example(document, text[top:code], middle, rest)


def _is_comment(text: str, line: tuple[int, int], marker: str) -> bool:
    return text[slice(*line)].lstrip().startswith(marker)


def _paragraph_end(
    text: str, lines: Sequence[tuple[int, int]], number: int, start: int, marker: str
) -> int | None:
    """Where the code that begins at a line ends: before a blank line, a comment or less indentation."""
    depth = _indentation(text[start : text.find("\n", start)])
    end = None
    for first, last in lines[number:]:
        line = text[first:last]
        if not line.strip() or line.lstrip().startswith(marker) or _indentation(line) < depth:
            break
        end = last
    return end


def _statement_end(text: str, ends: Sequence[int], last: int, marker: str) -> int:
    """The end of the last statement before a place, with a comment behind it on its line."""
    at = bisect_right(ends, last)
    if at == 0:
        return 0
    end = ends[at - 1]
    newline = text.find("\n", end)
    ends_line = min(last, len(text) if newline < 0 else newline)
    return ends_line if text[end:ends_line].lstrip().startswith(marker) else end


def _is_balanced(text: str) -> bool:
    return sum(map(text.count, "([{")) == sum(map(text.count, ")]}"))


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())
