"""Documents to Chunks to FimExamples: where a file is cut, and where its holes are drawn.

Chunks are cut first and holes drawn within them ("context-level" FIM, Bavarian et al. 2022), so a hole never
loses its surroundings to a cut. Span kinds: random characters teach holes anywhere, also inside words;
syntax nodes teach where a piece of code ends; cursor-like spans (from a place where a person types to the
end of the line or block) are what an editor asks.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data_pipeline.document import Chunk, Document
from model import syntax
from model.errors import ConfigError
from model.fim import FimExample, Hole, Snippet
from model.neighbours import choose


@dataclass(frozen=True, slots=True, kw_only=True)
class HoleConfig:
    """How holes are drawn. Shares are of all chunks (`fim`) or of all holes (the others)."""

    chunk_characters: int = 1500
    fim: float = 0.65
    random_spans: float = 0.5
    syntax_nodes: float = 0.25
    longest_node: int = 400  # characters: longer than anyone waits for
    neighbours: float = 0.0
    prefix_first: float = 0.1

    def __post_init__(self) -> None:
        for name in ("fim", "random_spans", "syntax_nodes", "neighbours", "prefix_first"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"the share `{name}` is {getattr(self, name)}; it must lie between 0 and 1")
        if self.random_spans + self.syntax_nodes > 1.0:
            raise ConfigError("`random_spans` and `syntax_nodes` add up to more than 1")
        if self.chunk_characters < 200:
            raise ConfigError(f"chunks of {self.chunk_characters} characters are too short; use at least 200")


def chunks(document: Document, longest: int, rng: random.Random) -> Iterator[Chunk]:
    """Cut a document into pieces of at most `longest` characters, at the shallowest boundary that fits.

    Each piece draws a limit between 35 % and all of `longest`: prompts of every length are served, and rows
    fill better with pieces of many sizes. A piece ends at the last boundary of the least depth in its second
    half, else at the last line end, else (one endless line) at its limit. Concatenated, the chunks are the
    document.
    """
    text = document.text
    places = syntax.boundaries(syntax.parse(text, document.language)) if len(text) > longest // 3 else []
    start = 0
    while start < len(text):
        end, kind = len(text), "end"
        limit = int(longest * rng.uniform(0.35, 1.0))
        if len(text) - start > limit:
            near = [(depth, -at) for at, depth in places if start + limit // 2 <= at <= start + limit]
            newline = text.rfind("\n", start, start + limit)
            if near:
                end, kind = -min(near)[1], "syntax"
            elif newline > start:
                end, kind = newline + 1, "line"
            else:
                end, kind = start + limit, "cut"
        yield Chunk(document_id=document.id, text=text[start:end], start=start, end=end, kind=kind)
        start = end


def examples(
    document: Document,
    config: HoleConfig,
    rng: random.Random,
    others: Sequence[Snippet] = (),
) -> Iterator[FimExample]:
    """One example a chunk. `others` are files of the same project, from which neighbours are chosen."""
    for chunk in chunks(document, config.chunk_characters, rng):
        if not chunk.text.strip():
            continue
        at_end = chunk.end == len(document.text)
        if rng.random() < config.fim:
            start, end = _span(chunk.text, document.language, config, rng)
            prefix, middle, suffix = chunk.text[:start], chunk.text[start:end], chunk.text[end:]
            ends = True
        else:
            # Ordinary text: it ends only where the file does.
            prefix, middle, suffix, ends = "", chunk.text, "", at_end
        hole = Hole(path=document.path, language=document.language, prefix=prefix, suffix=suffix)
        if others and rng.random() < config.neighbours:
            hole = Hole(
                path=hole.path,
                language=hole.language,
                prefix=prefix,
                suffix=suffix,
                neighbours=choose(hole, others),
            )
        yield FimExample(hole=hole, middle=middle, ends=ends)


def _span(text: str, language: str, config: HoleConfig, rng: random.Random) -> tuple[int, int]:
    draw = rng.random()
    if draw < config.random_spans:
        start, end = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        return start, end
    tree = syntax.parse(text, language)
    found = [n for n in syntax.nodes(tree) if 1 < n.end - n.start <= config.longest_node]
    if draw < config.random_spans + config.syntax_nodes and found:
        node = found[rng.randrange(len(found))]
        return node.start, node.end
    return _cursor_span(text, found, rng)


def _cursor_span(text: str, found: Sequence[syntax.Node], rng: random.Random) -> tuple[int, int]:
    """From a place where a person types: to the end of the block that begins there, or of the line."""
    blocks = [n for n in found if n.kind == "block"]
    if blocks and rng.random() < 0.5:
        block = blocks[rng.randrange(len(blocks))]
        # The cursor stands at the end of the line that opens the block as often as in the empty line below.
        line_end = text.rfind("\n", 0, block.start)
        return (line_end if line_end > 0 and rng.random() < 0.5 else block.start), block.end
    starts = [0] + [i + 1 for i, c in enumerate(text) if c == "\n"]
    line = starts[rng.randrange(len(starts))]
    end = text.find("\n", line)
    end = len(text) if end < 0 else end
    indented = line + (len(text[line:end]) - len(text[line:end].lstrip()))
    at = indented if rng.random() < 0.4 else rng.randint(indented, end)
    return at, end
