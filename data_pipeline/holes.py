"""Documents to Chunks to FimExamples: where a file is cut, and where its holes are drawn.

Chunks are cut first and holes drawn within them ("context-level" FIM, Bavarian et al. 2022, Efficient
Training of Language Models to Fill in the Middle), so a hole never loses its surroundings to a cut.
Neighbours are chosen for the hole in its whole file, as the server does, though the example shows a chunk.

Not here: the kinds of spans (spans.py), the order of an example's parts (model/fim.py; `prefix_first` is how
often the pipeline asks for the other one), functions for the last phase (tasks.py).
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from data_pipeline.document import Chunk, Document
from data_pipeline.spans import Span, SpanKind, cursor_span, random_span, syntax_span
from model import syntax
from model.errors import ConfigError
from model.fim import FimExample, Hole
from model.neighbourhood import Neighbourhood
from model.neighbours import choose

ExampleKind = SpanKind | Literal["text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoleConfig:
    """How holes are drawn. Shares are of all chunks (`fim`) or of all holes (the others)."""

    chunk_characters: int = 1500
    fim: float = 0.65
    random_spans: float = 0.25
    syntax_nodes: float = 0.25
    longest_middle: int = 400  # characters, about ten lines: longer than anyone waits for
    no_suffix: float = 0.15  # of the holes that end with their line: nothing is written below yet
    neighbours: float = 0.5
    neighbour_characters: int = 1200
    prefix_first: float = 0.2

    def __post_init__(self) -> None:
        for name in ("fim", "random_spans", "syntax_nodes", "no_suffix", "neighbours", "prefix_first"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"the share `{name}` is {getattr(self, name)}; it must lie between 0 and 1")
        if self.random_spans + self.syntax_nodes > 1.0:
            raise ConfigError("`random_spans` and `syntax_nodes` add up to more than 1")
        if self.chunk_characters < 200:
            raise ConfigError(f"chunks of {self.chunk_characters} characters are too short; use at least 200")
        if self.longest_middle < 20:
            raise ConfigError(f"middles of {self.longest_middle} characters are too short; use at least 20")
        if self.neighbour_characters < 0:
            raise ConfigError(f"`neighbour_characters` is {self.neighbour_characters}; use 0 or more")


def chunks(
    document: Document, longest: int, rng: random.Random, tree: syntax.Tree | None = None
) -> Iterator[Chunk]:
    """Cut a document into pieces of at most `longest` characters, at the shallowest boundary that fits.

    Each piece draws a limit between 35 % and all of `longest`: prompts of every length are served, and rows
    fill better with pieces of many sizes. A piece ends at the last boundary of the least depth in its second
    half, else at the last line end, else (one endless line) at its limit. Concatenated, the chunks are the
    document. `tree` is the document's, where the caller has it.
    """
    text = document.text
    places: list[tuple[int, int]] = []
    if len(text) > longest // 3:
        places = syntax.boundaries(tree or syntax.parse(text, document.language))
    start = 0
    while start < len(text):
        end, kind = len(text), "end"
        limit = int(longest * rng.uniform(0.35, 1.0))
        if len(text) - start > limit:
            first = bisect_left(places, (start + limit // 2, -1))
            last = bisect_left(places, (start + limit + 1, -1))
            near = [(depth, -at) for at, depth in places[first:last]]
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
    neighbourhood: Neighbourhood | None = None,
) -> Iterator[FimExample]:
    """One example a chunk. `neighbourhood` holds the files of the document's project."""
    for _, example in kinds_and_examples(document, config, rng, neighbourhood):
        yield example


def kinds_and_examples(
    document: Document,
    config: HoleConfig,
    rng: random.Random,
    neighbourhood: Neighbourhood | None = None,
) -> Iterator[tuple[ExampleKind, FimExample]]:
    """As `examples`, with the kind of each: that of its span, or `text` where there is no hole.

    The holes are the same with and without a neighbourhood.
    """
    tree = syntax.parse(document.text, document.language)
    nodes: Sequence[syntax.Node] | None = None
    for chunk in list(chunks(document, config.chunk_characters, rng, tree)):
        if not chunk.text.strip():
            continue
        # Ordinary text is shown whole, and ends only where the file does.
        kind: ExampleKind = "text"
        start, end, ends = chunk.start, chunk.end, chunk.end == len(document.text)
        behind = chunk.end
        if rng.random() < config.fim:
            if nodes is None:
                nodes = sorted(syntax.nodes(tree), key=lambda node: (node.start, -node.end))
            span = _draw(chunk, nodes, config, rng)
            kind, start, end, ends = span.kind, chunk.start + span.start, chunk.start + span.end, True
            at_line_end = kind == "whole-lines" or document.text[end : end + 1] in ("", "\n")
            if rng.random() < config.no_suffix and at_line_end and kind not in ("random", "finished"):
                behind = end
        hole = Hole(
            path=document.path,
            language=document.language,
            prefix=document.text[chunk.start : start],
            suffix=document.text[end:behind],
        )
        if rng.random() < config.neighbours and neighbourhood is not None and kind != "text":
            in_file = replace(
                hole,
                prefix=document.text[:start],
                suffix=document.text[end:] if behind > end else "",
            )
            chosen = choose(in_file, neighbourhood, characters=config.neighbour_characters)
            hole = replace(hole, neighbours=chosen)
        yield kind, FimExample(hole=hole, middle=document.text[start:end], ends=ends)


def _draw(chunk: Chunk, nodes: Sequence[syntax.Node], config: HoleConfig, rng: random.Random) -> Span:
    """A span of the chunk; offsets are the chunk's."""
    draw = rng.random()
    if draw < config.random_spans:
        return random_span(chunk.text, config.longest_middle, rng)
    first = bisect_left(nodes, chunk.start, key=lambda node: node.start)
    last = bisect_left(nodes, chunk.end, key=lambda node: node.start)
    inside = [
        syntax.Node(node.kind, node.start - chunk.start, node.end - chunk.start)
        for node in nodes[first:last]
        if node.end <= chunk.end
    ]
    if draw < config.random_spans + config.syntax_nodes:
        span = syntax_span(inside, config.longest_middle, rng)
        if span is not None:
            return span
    return cursor_span(chunk.text, inside, config.longest_middle, rng)
