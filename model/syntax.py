"""Syntax by tree-sitter: one registry entry per language, and pure functions over a parsed text.

The pipeline cuts chunks and holes with it, the server decides with it where a completion may stand and
where it ends. All offsets are **characters** of the text as Python counts them; tree-sitter's UTF-8 bytes
stay in here.
Line ends are LF. Broken text parses too: tree-sitter always gives a tree, with ERROR nodes in it.

Not here: what is done with a place (data_pipeline/holes.py, lsp_server/trigger.py).
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

import tree_sitter

from model.errors import DataError

HoleKind = Literal["definition", "block", "statement", "arguments", "expression", "docstring"]
Inside = Literal["string", "comment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """All that Tabwright knows of one language. To add a language, add an entry to `_LANGUAGES`.

    `lexicon` has the groups comment, string, unclosed (a string whose end is missing), opener and closer: it
    serves where a text is half-typed and a tree says little.
    """

    name: str
    extensions: tuple[str, ...]
    line_comment: str
    grammar: Callable[[], object]
    definitions: frozenset[str]
    blocks: frozenset[str]
    compounds: frozenset[str]  # nodes that can hold definitions without being one
    holes: Mapping[str, HoleKind]
    lexicon: re.Pattern[str]
    continuations: tuple[str, ...]  # words that carry a statement on at its own indentation
    definition_words: tuple[str, ...]
    decorations: tuple[str, ...]  # how lines begin that belong to the statement below
    tails: tuple[str, ...]  # what makes a statement whole whose last bracket is closed; lines as deep as it
    opener: str  # a line that any block may follow
    block_openers: frozenset[str]  # first words of the statements that a colon and a block may follow


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _python_grammar() -> object:
    import tree_sitter_python

    return tree_sitter_python.language()


_PYTHON = Language(
    name="python",
    extensions=(".py", ".pyi", ".pyw"),
    line_comment="#",
    grammar=_python_grammar,
    definitions=frozenset({"function_definition", "class_definition", "decorated_definition"}),
    blocks=frozenset({"block"}),
    compounds=_words(
        "if_statement elif_clause else_clause for_statement while_statement try_statement except_clause "
        "finally_clause with_statement match_statement case_clause ERROR"
    ),
    holes={
        "function_definition": "definition",
        "class_definition": "definition",
        "decorated_definition": "definition",
        "block": "block",
        "argument_list": "arguments",
        **dict.fromkeys(
            _words(
                "expression_statement return_statement assert_statement raise_statement delete_statement "
                "import_statement import_from_statement global_statement nonlocal_statement if_statement "
                "for_statement while_statement with_statement try_statement match_statement"
            ),
            "statement",
        ),
        **dict.fromkeys(
            _words(
                "call attribute subscript binary_operator boolean_operator comparison_operator not_operator "
                "unary_operator conditional_expression lambda list dictionary set tuple list_comprehension "
                "dictionary_comprehension set_comprehension generator_expression await keyword_argument"
            ),
            "expression",
        ),
    },
    lexicon=re.compile(
        r"""
        (?P<comment>\#[^\n]*)
        |(?P<string>'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''
                   |\"{3}[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*\"{3}
                   |(?!'''|\"{3})(?:'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"))
        |(?P<unclosed>'''.*|\"{3}.*|["'](?:\\.|[^\\\n])*\\?)
        |(?P<opener>[(\[{])
        |(?P<closer>[)\]}])
        """,
        re.VERBOSE | re.DOTALL,
    ),
    continuations=("elif", "else", "except", "finally"),
    definition_words=("def", "class", "async"),
    decorations=("#", "@"),
    tails=("", " pass", ": pass", " pass\nfinally: pass", "\ndef _(): pass"),
    opener="if True:",
    block_openers=_words("def class if elif else for while with try except finally async match case"),
)
_LANGUAGES = {entry.name: entry for entry in (_PYTHON,)}
_BY_EXTENSION = {ending: entry.name for entry in _LANGUAGES.values() for ending in entry.extensions}


def languages() -> tuple[str, ...]:
    """Names of all registered languages."""
    return tuple(_LANGUAGES)


def language(name: str) -> Language:
    """The entry of a language. Raises DataError for one that is not registered."""
    try:
        return _LANGUAGES[name]
    except KeyError:
        known = ", ".join(_LANGUAGES)
        raise DataError(f"the language {name!r} is not supported; supported are: {known}") from None


def language_of(path: str) -> str | None:
    """The language of a file by the end of its name, or None. Either kind of slash will do."""
    return _BY_EXTENSION.get(PurePosixPath(path.replace("\\", "/")).suffix.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A parsed text. `character` and `byte` translate between tree-sitter's offsets and the text's."""

    text: str
    language: Language
    root: tree_sitter.Node
    _characters: array[int] | None = field(
        default=None, repr=False
    )  # characters before each byte; None: ASCII

    def character(self, byte: int) -> int:
        """The character offset of a byte offset."""
        return byte if self._characters is None else self._characters[byte]

    def byte(self, character: int) -> int:
        """The byte offset of a character offset."""
        if self._characters is None:
            return character
        return len(self.text[:character].encode("utf-8", "replace"))


@cache
def _grammar(name: str) -> tree_sitter.Language:
    # The grammars hand out a capsule, which tree-sitter's stub calls object.
    return tree_sitter.Language(language(name).grammar())


def parse(text: str, language_name: str) -> Tree:
    """Parse a text; never fails on broken code. Raises DataError for an unknown language."""
    entry = language(language_name)
    # A lone surrogate, which JSON can carry, becomes "?": one character stays one character.
    data = text.encode("utf-8", "replace")
    root = tree_sitter.Parser(_grammar(entry.name)).parse(data).root_node
    if len(data) == len(text):
        return Tree(text=text, language=entry, root=root)
    characters = array("I", [0])
    characters.extend(accumulate((byte & 0xC0) != 0x80 for byte in data))
    # Within a character the count already includes it; tree-sitter never cuts there.
    return Tree(text=text, language=entry, root=root, _characters=characters)


class Node(NamedTuple):
    """A span of the text that a hole may cover: what a person could have been about to type."""

    kind: HoleKind
    start: int
    end: int


def nodes(tree: Tree) -> Iterator[Node]:
    """Every sensible hole, outer before inner, without holes in or around broken code.

    A block begins at its first comment or statement, behind the indentation. Docstrings are marked as such;
    other strings, comments and lone names are left out.
    """
    holes = tree.language.holes
    stack = [tree.root]
    while stack:
        node = stack.pop()
        kind = holes.get(node.type)
        if node.is_error:
            continue
        if kind is not None and not node.has_error and node.end_byte > node.start_byte:
            start = node.start_byte
            if node.type in tree.language.blocks:
                start = _with_comments(node)
            elif node.type == "expression_statement" and _is_string(node):
                kind = "docstring" if _is_first(node) else None
            if kind is not None:
                yield Node(kind, tree.character(start), tree.character(node.end_byte))
        stack += reversed(node.named_children)


def _is_string(statement: tree_sitter.Node) -> bool:
    return statement.named_child_count == 1 and statement.named_children[0].type == "string"


def _is_first(node: tree_sitter.Node) -> bool:
    previous = node.prev_named_sibling
    while previous is not None and previous.type == "comment":
        previous = previous.prev_named_sibling
    return previous is None


def _with_comments(block: tree_sitter.Node) -> int:
    """The byte where a block begins: the grammar leaves comments above the first statement outside."""
    first = block
    previous = block.prev_named_sibling
    while (
        previous is not None
        and previous.type == "comment"
        and previous.start_point.row < first.start_point.row
        and previous.start_point.column == block.start_point.column
    ):
        first = previous
        previous = first.prev_named_sibling
    return first.start_byte


def error_spans(tree: Tree) -> list[tuple[int, int]]:
    """Spans that do not parse, in order; a token that is missing is an empty span."""
    spans: list[tuple[int, int]] = []
    stack = [tree.root]
    while stack:
        node = stack.pop()
        if node.is_error or node.is_missing:
            spans.append((tree.character(node.start_byte), tree.character(node.end_byte)))
        elif node.has_error:
            stack += reversed(node.children)
    return spans


def share_of_errors(tree: Tree) -> float:
    """The share of characters that do not parse, 0 to 1; a missing token counts as one character."""
    broken = sum(max(1, end - start) for start, end in error_spans(tree))
    return min(1.0, broken / max(1, len(tree.text)))


def boundaries(tree: Tree) -> list[tuple[int, int]]:
    """Places to cut a text into chunks: (offset of a line start, number of blocks around it), in order.

    Every top-level statement and every definition has one. Decorators and comments that stand directly
    above, at the same column, belong to it and come behind the cut.
    """
    entry = tree.language
    found: list[tuple[tree_sitter.Node, int]] = []
    comments: dict[int, int] = {}  # row -> column
    stack = [(tree.root, 0)]
    while stack:
        parent, depth = stack.pop()
        for child in parent.named_children:
            if child.type == "comment":
                comments[child.start_point.row] = child.start_point.column
                continue
            # The definition under a decorator begins with the decorator.
            is_definition = child.type in entry.definitions and parent.type not in entry.definitions
            if is_definition or parent.id == tree.root.id:
                found.append((child, depth))
            if child.type in entry.blocks:
                stack.append((child, depth + 1))
            elif child.type in entry.definitions or child.type in entry.compounds:
                stack.append((child, depth))
    starts = [0, *(match.end() for match in re.finditer("\n", tree.text))]
    places: dict[int, int] = {}
    for node, depth in found:
        row, column = node.start_point
        if tree.text[starts[row] : tree.character(node.start_byte)].strip():
            continue  # a second statement on its line
        while comments.get(row - 1) == column and not tree.text[starts[row - 1] :][:column].strip():
            row -= 1
        places[starts[row]] = min(depth, places.get(starts[row], depth))
    return sorted(places.items())


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


def in_string_or_comment(tree: Tree, offset: int) -> Inside | None:
    """Whether text typed at this character offset would be part of a string or a comment.

    Inside the braces of an f-string it is code. The end of a comment is inside, the end of a string is not.
    """
    if tree.root.has_error:
        return lexical(tree.text[:offset], tree.language.name).inside
    at = tree.byte(offset)
    node: tree_sitter.Node | None = tree.root
    inside: Inside | None = None
    while node is not None:
        if node.type == "comment":
            return "comment"
        if node.type == "string":
            inside = "string"
        elif node.type == "interpolation":
            inside = None
        # A comment goes on to its line's end; a string is over behind its last quote.
        node = next(
            (c for c in node.children if c.start_byte < at < c.end_byte + (c.type == "comment")), None
        )
    return inside


def indentation(line: str) -> int:
    """Columns before the first character that is not blank; a tab goes on to the next multiple of 8."""
    expanded = line.expandtabs(8)
    return len(expanded) - len(expanded.lstrip(" "))


def block_end(before: str, text: str, language_name: str) -> int | None:
    """Where, in `text` that continues `before`, the block that begins at the seam is over.

    The offset is that of the line end before the first line outside; None while the block is still open.

    - Where the line at the seam opens a block (ends with a colon), the block is all that is deeper than it.
    - Otherwise it is all that is as deep as that line or, on an empty line, as the first code written.
    - A block that starts with a definition, or stands at the top level, ends with that first statement and
      its own body; plain statements at the top level end at the first blank line.

    Lines within brackets or strings are not judged.
    """
    entry = language(language_name)
    head = before[before.rfind("\n") + 1 :]
    whole = head + text
    comment = head.lstrip().startswith(entry.line_comment)
    opens = head.rstrip().endswith(":") and not comment
    outside = indentation(head) - (not opens) if head.strip() else None  # this deep or less is outside
    first: int | None = None if comment or not head.strip() else -1  # depth of the first code line
    ends_with_first = deeper = False
    finish = 0  # where the block ends if the next line is outside
    for start, end in _logical_lines(whole, entry):
        line = whole[start:end]
        if not line.strip():
            if first == 0 and not deeper and finish and whole[end + 1 :].strip():
                return finish
            continue
        if start > 0 or not head.strip():
            depth = indentation(line)
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
                words = entry.continuations
                if not (any(w.startswith(word) for w in words) if half_typed else word in words):
                    return finish
        finish = max(0, end - len(head))
    return None


def last_logical_line(text: str, language_name: str) -> str:
    """The last line from its beginning: a line break within brackets or a string does not begin one."""
    *_, (start, _end) = _logical_lines(text, language(language_name))
    return text[start:]


def _logical_lines(text: str, entry: Language) -> Iterator[tuple[int, int]]:
    """(start, end) of each line, where a line break within brackets or a string does not end it."""
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
        elif kind in ("string", "unclosed"):
            covered.append(match.span())
    if depth:
        covered.append((opened, len(text)))
    covered.sort(reverse=True)
    start = 0
    for newline in (match.start() for match in re.finditer("\n", text)):
        while covered and covered[-1][1] <= newline:
            covered.pop()
        if not (covered and covered[-1][0] <= newline):
            yield start, newline
            start = newline + 1
    yield start, len(text)
