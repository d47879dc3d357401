"""What flows through the pipeline: a Document, then its Chunks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One source file. `id` is unique in a corpus; line ends are LF; `license` is an SPDX expression."""

    id: str
    text: str
    path: str
    language: str
    repo: str
    license: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A contiguous piece of a document: characters [start, end) of its text, cut at syntax boundaries."""

    document_id: str
    text: str
    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """A document that was dropped, and why: every stage yields these and the report counts them."""

    document_id: str
    reason: str
    characters: int
