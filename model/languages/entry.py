"""What Tabwright knows of one language: the shape of a registry entry.

Node names are those of the language's tree-sitter grammar. An entry holds no code but the reader of its
import statements, and the grammar is named, not imported: it is loaded when the first text is parsed.

Not here: the entries (one file each beside this one, listed in registry.py), what is done with them
(model/syntax.py, model/lines.py, model/outline.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import tree_sitter

HoleKind = Literal["definition", "block", "statement", "arguments", "expression", "docstring"]
DefinitionKind = Literal["function", "method", "class", "constant"]


class ImportedName(NamedTuple):
    """A name taken from a module, and what this file calls it. All names of a module: "*" and "*"."""

    name: str
    local: str


class ImportedModule(NamedTuple):
    """What one import statement says of one module; the fields are those of `outline.Import`."""

    module: str
    level: int = 0
    names: tuple[ImportedName, ...] = ()
    alias: str | None = None


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """Which nodes define names, and which import modules.

    `defines` are definitions by node; a definition's name, body and value are in the grammar's fields of
    these names. `wrappers` hold a definition that begins where they do. `scopes` are not definitions
    themselves and give what lies in them a dotted name, that of the field given; in `class_scopes`,
    functions are methods. A constant whose value is one of `functions` is a function.
    """

    defines: Mapping[str, DefinitionKind]
    wrappers: frozenset[str] = frozenset()
    scopes: Mapping[str, str] = field(default_factory=dict)
    class_scopes: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    imports: frozenset[str]
    read_import: Callable[[tree_sitter.Node], Iterable[ImportedModule]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """All that Tabwright knows of one language.

    `lexicon` has the groups comment (also a block comment whose end is missing), whole (a string or block
    comment with its end), unclosed (a string whose end is missing), opener and closer: it serves where a
    text is half-typed and a tree says little.
    """

    name: str
    extensions: tuple[str, ...]
    grammar: str  # "module:function" of the grammar's package
    line_comment: str
    block_comment: tuple[str, str] | None = None
    braces: bool = False  # blocks stand in braces; otherwise a colon opens them and indentation ends them
    step: str = "    "  # a level of indentation where a file has none yet: that of the usual formatter
    comments: frozenset[str]
    strings: frozenset[str]  # also single characters, and prose that stands without quotes
    interpolations: frozenset[str] = frozenset()  # code within strings
    template: re.Pattern[str] | None = (
        None  # how a string begins that may hold code, its first quote included
    )
    # Within such a string: what opens code, in the group `code`, or looks as if it did.
    substitution: re.Pattern[str] | None = None
    docstring: str | None = None  # the statement that is a docstring where it is a string and comes first
    attached: frozenset[str] = frozenset()  # nodes that, like comments, belong to the node below them
    tolerated_errors: float = 0.0  # share of a text's characters that may fail to parse: macros of C do
    preamble: re.Pattern[str]  # a line at the top of a file that comes before its comment header
    definitions: frozenset[str]
    blocks: frozenset[str]
    compounds: frozenset[str]  # nodes that can hold definitions without being one
    holes: Mapping[str, HoleKind]
    outline: Outline
    lexicon: re.Pattern[str]
    fresh_start: re.Pattern[str]  # where a statement begins that is outside every bracket and string
    continuations: tuple[str, ...]  # words that carry a statement on at its own indentation
    definition_words: tuple[str, ...]
    decorations: tuple[str, ...]  # how lines begin that belong to the statement below
    tails: tuple[str, ...]  # what makes a statement whole whose last bracket is closed; lines as deep as it
    opener: str  # a line that any block may follow
    block_openers: frozenset[str]  # first words of lines that open a block; empty: any line may

    @property
    def opens_block(self) -> str:
        """What a line that opens a block ends with."""
        return "{" if self.braces else ":"

    @property
    def opening_line(self) -> str:
        """A regular expression: a line that opens a block, from behind its indentation to what opens it."""
        if not self.block_openers:
            return rf"[^\n]*{re.escape(self.opens_block)}"
        return rf"(?:{'|'.join(sorted(self.block_openers))})\b[^\n]*{re.escape(self.opens_block)}"


def text_of(node: tree_sitter.Node) -> str:
    """The text of a node."""
    return (node.text or b"").decode("utf-8", "replace")
