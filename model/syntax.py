"""Syntax by tree-sitter: pure functions over a parsed text, the same for every language.

The pipeline cuts chunks and holes with it, the server decides with it where a completion may stand and
where it ends. All offsets are **characters** of the text as Python counts them; tree-sitter's UTF-8 bytes
stay in here.
Line ends are LF. Broken text parses too: tree-sitter always gives a tree, with ERROR nodes in it.

Not here: what is known of each language (model/languages/), half-typed text (model/lines.py, whose functions
are offered here too), what a file imports and defines (model/outline.py), what is done with a place
(data_pipeline/holes.py, lsp_server/trigger.py).
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import NamedTuple

import tree_sitter

from model.errors import ConfigError
from model.languages.entry import HoleKind, Language
from model.languages.registry import language, language_of, languages
from model.lines import (
    Inside,
    Lexical,
    block_end,
    code_of,
    endings,
    header_comment,
    indentation,
    last_logical_line,
    lexical,
    logical_lines,
    open_quote,
)

__all__ = [
    "HoleKind",
    "Inside",
    "Language",
    "Lexical",
    "Node",
    "Tree",
    "block_end",
    "boundaries",
    "code_of",
    "comment_share",
    "comments_and_strings",
    "documentation",
    "endings",
    "error_spans",
    "header_comment",
    "in_string_or_comment",
    "indentation",
    "language",
    "language_of",
    "languages",
    "last_logical_line",
    "lexical",
    "logical_lines",
    "nodes",
    "open_quote",
    "parse",
    "share_of_errors",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A parsed text. `character` and `byte` translate between tree-sitter's offsets and the text's."""

    text: str
    language: Language
    root: tree_sitter.Node
    # Where the bytes are that begin no character, in order; None where there are none.
    _continuing: array[int] | None = field(default=None, repr=False)

    def character(self, byte: int) -> int:
        """The character offset of a byte offset; within a character, that of its end."""
        return byte if self._continuing is None else byte - bisect_left(self._continuing, byte)

    def byte(self, character: int) -> int:
        """The byte offset of a character offset."""
        if self._continuing is None:
            return character
        return len(self.text[:character].encode("utf-8", "replace"))


@cache
def _grammar(name: str) -> tree_sitter.Language:
    module, function = language(name).grammar.split(":")
    try:
        capsule = getattr(import_module(module), function)()
    except ImportError:
        package = module.replace("_", "-")
        raise ConfigError(
            f"the grammar of {name} is not installed; install it with `pip install {package}`"
        ) from None
    return tree_sitter.Language(capsule)


def parse(text: str, language_name: str) -> Tree:
    """Parse a text; never fails on broken code.

    Raises DataError for an unknown language, ConfigError for one whose grammar is not installed.
    """
    entry = language(language_name)
    # A lone surrogate, which JSON can carry, becomes "?": one character stays one character.
    data = text.encode("utf-8", "replace")
    root = tree_sitter.Parser(_grammar(entry.name)).parse(data).root_node
    if len(data) == len(text):
        return Tree(text=text, language=entry, root=root)
    continuing = array("I", (match.start() for match in _CONTINUING.finditer(data)))
    return Tree(text=text, language=entry, root=root, _continuing=continuing)


_CONTINUING = re.compile(rb"[\x80-\xbf]")


class Node(NamedTuple):
    """A span of the text that a hole may cover: what a person could have been about to type."""

    kind: HoleKind
    start: int
    end: int


@cache
def _hole_kinds(language_name: str) -> dict[int, HoleKind]:
    """The kind of hole by the grammar's number of a node, which is read faster than its name."""
    grammar, entry = _grammar(language_name), language(language_name)
    kinds: dict[int, HoleKind] = {}
    for name, kind in entry.holes.items():
        number = grammar.id_for_node_kind(name, True)
        assert number is not None, f"the grammar of {language_name} has no node {name}"
        kinds[number] = kind
    return kinds


def nodes(tree: Tree) -> Iterator[Node]:
    """Every sensible hole, outer before inner, without holes in or around broken code.

    A block begins at its first comment or statement, behind the indentation, and braces around it are not
    part of it. Docstrings and, in languages without them, comments right above a definition are marked as
    docstrings; other strings, comments and lone names are left out.
    """
    entry = tree.language
    kinds = _hole_kinds(entry.name)
    broken = tree.root.has_error
    # A cursor makes one short-lived object for each node; lists of children would all be kept by the tree.
    cursor = tree.root.walk()
    while True:
        node = cursor.node
        assert node is not None
        kind = kinds.get(node.kind_id)
        if kind is not None and not (broken and node.has_error):
            start, end = node.start_byte, node.end_byte
            if kind == "block":
                start, end = _within_braces(node) if entry.braces else (_with_comments(node), end)
            elif kind == "statement":
                if node.type == entry.docstring and _is_string(node):
                    kind = "docstring" if _is_first(node) else None
            elif kind == "definition" and entry.docstring is None and not _is_wrapped(node, kinds):
                above = documentation(tree, node)
                if above is not None:
                    yield Node("docstring", *above)
            if kind is not None and end > start:
                start, end = tree.character(start), tree.character(end)
                while (
                    entry.braces and tree.text[end - 1].isspace()
                ):  # some grammars count a line end to a node
                    end -= 1
                yield Node(kind, start, end)
        if not (broken and node.is_error) and cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def _is_string(statement: tree_sitter.Node) -> bool:
    return statement.named_child_count == 1 and statement.named_children[0].type == "string"


def _is_first(node: tree_sitter.Node) -> bool:
    previous = node.prev_named_sibling
    while previous is not None and previous.type == "comment":
        previous = previous.prev_named_sibling
    return previous is None


def _is_wrapped(node: tree_sitter.Node, kinds: dict[int, HoleKind]) -> bool:
    """Whether the node around is the same definition with more before it: `export class`, `template`."""
    above = node.parent
    return above is not None and kinds.get(above.kind_id) == "definition"


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


def _within_braces(block: tree_sitter.Node) -> tuple[int, int]:
    """The bytes of what a block's braces hold, without blanks around it and comments behind the first."""
    inside = block.named_children
    row = block.start_point.row
    if block.end_point.row > row:
        inside = [one for one in inside if not (one.is_extra and one.start_point.row == row)]
    if not inside or block.children[0].type != "{":
        return block.start_byte, block.start_byte
    # Semicolons and commas behind the last node have no names of their own.
    last = inside[-1]
    after = last.next_sibling
    while after is not None and after.type in (";", ","):
        last, after = after, after.next_sibling
    return inside[0].start_byte, last.end_byte - (last.end_point.column == 0)


def documentation(tree: Tree, node: tree_sitter.Node) -> tuple[int, int] | None:
    """The span in characters of the comments right above a node, with no line between; None without any."""
    entry = tree.language
    row = node.start_point.row
    first = last = None
    above = node.prev_named_sibling
    while above is not None and _last_row(above) == row - 1:
        if above.type in entry.comments:
            before = above.prev_sibling
            if before is not None and _last_row(before) == above.start_point.row:
                break  # it stands behind code
            first, last = above, last or above
        elif above.type not in entry.attached or last is not None:
            break
        row = above.start_point.row
        above = above.prev_named_sibling
    if first is None or last is None:
        return None
    start, end = tree.character(first.start_byte), tree.character(last.end_byte)
    return start, end - (tree.text[end - 1] == "\n")


def _last_row(node: tree_sitter.Node) -> int:
    """The row of a node's last character; some grammars count a line end to a comment."""
    row, column = node.end_point
    return row - (column == 0 and row > node.start_point.row)


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

    Every top-level statement and every definition has one. Decorators, attributes and comments that stand
    directly above, at the same column, belong to it and come behind the cut.
    """
    entry = tree.language
    above = entry.comments | entry.attached
    found: list[tuple[tree_sitter.Node, int]] = []
    attached: dict[int, tuple[int, int]] = {}  # last row -> (first row, column)
    stack = [(tree.root, 0)]
    while stack:
        parent, depth = stack.pop()
        inner = parent.type in entry.definitions
        for child in parent.named_children:
            kind = child.type
            if kind in above:
                attached[_last_row(child)] = child.start_point
                continue
            # The definition under a decorator begins with the decorator.
            if (kind in entry.definitions and not inner) or parent.id == tree.root.id:
                found.append((child, depth))
            if kind in entry.blocks:
                stack.append((child, depth + 1))
            elif kind in entry.definitions or kind in entry.compounds:
                stack.append((child, depth))
    starts = [0, *(match.end() for match in re.finditer("\n", tree.text))]
    places: dict[int, int] = {}
    for node, depth in found:
        row, column = node.start_point
        if tree.text[starts[row] : tree.character(node.start_byte)].strip():
            continue  # a second statement on its line
        while row - 1 in attached and attached[row - 1][1] == column:
            first = attached[row - 1][0]
            if tree.text[starts[first] :][:column].strip():
                break
            row = first
        places[starts[row]] = min(depth, places.get(starts[row], depth))
    return sorted(places.items())


def comments_and_strings(tree: Tree) -> list[tuple[int, int]]:
    """The spans of all comments and strings, in order, none within another."""
    return _merged(tree, _captures(tree).values())


def comment_share(tree: Tree) -> float:
    """The share of characters that stand in comments and docstrings, 0 to 1."""
    found = _captures(tree)
    spans = _merged(tree, [found["comment"], [one for one in found["docstring"] if _is_docstring(one)]])
    return sum(end - start for start, end in spans) / max(1, len(tree.text))


def _is_docstring(string: tree_sitter.Node) -> bool:
    statement = string.parent
    return statement is not None and _is_string(statement) and _is_first(statement)


@cache
def _query(language_name: str) -> tree_sitter.Query:
    entry = language(language_name)
    # A query names every node it knows; what two versions of a grammar call differently is left out.
    grammar = _grammar(language_name)

    def pattern(kinds: frozenset[str], name: str) -> str:
        known = [f"({kind})" for kind in sorted(kinds) if grammar.id_for_node_kind(kind, True) is not None]
        return f"[{' '.join(known)}] @{name}"

    docstring = f"({entry.docstring} (string) @docstring)" if entry.docstring else ""
    return tree_sitter.Query(
        grammar, pattern(entry.comments, "comment") + pattern(entry.strings, "string") + docstring
    )


def _captures(tree: Tree) -> dict[str, list[tree_sitter.Node]]:
    found = tree_sitter.QueryCursor(_query(tree.language.name)).captures(tree.root)
    return {name: found.get(name, []) for name in ("comment", "string", "docstring")}


def _merged(tree: Tree, found: Iterable[list[tree_sitter.Node]]) -> list[tuple[int, int]]:
    """The spans of nodes in characters, in order, without those that lie within another."""
    spans: list[tuple[int, int]] = []
    reached = 0
    for start, end in sorted((one.start_byte, one.end_byte) for group in found for one in group):
        if end > reached:
            spans.append((tree.character(max(start, reached)), tree.character(end)))
            reached = end
    return spans


def in_string_or_comment(tree: Tree, offset: int) -> Inside | None:
    """Whether text typed at this character offset would be part of a string or a comment.

    Inside the braces of an f-string it is code. The end of a line comment is inside; the end of a string or a
    block comment is not.
    """
    if tree.root.has_error:
        return lexical(tree.text[:offset], tree.language.name).inside
    entry = tree.language
    at = tree.byte(offset)
    node: tree_sitter.Node | None = tree.root
    inside: Inside | None = None
    while node is not None:
        if node.type in entry.comments:
            return "comment"
        if node.type in entry.strings:
            inside = "string"
        elif node.type in entry.interpolations:
            inside = None
        node = next(
            (c for c in node.children if c.start_byte < at <= c.end_byte and _holds(c, at, entry)), None
        )
    return inside


def _holds(node: tree_sitter.Node, at: int, entry: Language) -> bool:
    """Whether text typed at a byte offset within a node or at its end would be part of it.

    A line comment goes on to its line's end; a string is over behind its last quote.
    """
    if at < node.end_byte:
        return True
    while node.type not in entry.comments:
        inner = [
            child for child in node.children if child.end_byte > child.start_byte
        ]  # some bodies are empty
        if not inner:
            break
        node = inner[-1]
    is_line = node.type in entry.comments and (node.text or b"").startswith(entry.line_comment.encode())
    return is_line and node.end_point.column != 0
