"""Secrets and personal data are replaced by placeholders, so that they are neither learned nor suggested.

They stand in angle brackets, as in StarCoder's data (Li et al. 2023): `<SECRET>`, `<PRIVATE_KEY>`, `<EMAIL>`,
`<IP>`. One fixed word says what was there without inventing a value that looks real; scanners for
secrets know the brackets as a template; and a suggestion that contains one can be told from code at once.

Not here: what counts as a secret or as personal (model/secrets.py, model/personal.py).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from data_pipeline.document import Document
from model import personal, secrets, syntax

PLACEHOLDERS = {"e-mail": "<EMAIL>", "IP address": "<IP>", "Private Key": secrets.KEY_PLACEHOLDER}
_ADDRESSES = frozenset({"e-mail", "IP address"})
BROKEN = "does not parse without its secrets"


def redact(document: Document) -> tuple[Document, Counter[str]]:
    """The document with placeholders, and how many of each kind it took; the same object where none was.

    E-mail and IP addresses are replaced in comments and strings only, secrets anywhere.
    """
    text = document.text
    found = [(s.start, s.end, s.kind) for s in secrets.find(text)]
    addresses = [(p.start, p.end, str(p.kind)) for p in personal.find(text)]
    if addresses:
        inside = syntax.comments_and_strings(syntax.parse(text, document.language))
        found += _within(addresses, inside)
    if not found:
        return document, Counter()
    counts: Counter[str] = Counter()
    parts, at = [], 0
    for start, end, kind in _apart(found):
        parts += [text[at:start], PLACEHOLDERS.get(kind, secrets.PLACEHOLDER)]
        counts[kind] += 1
        at = end
    return replace(document, text="".join((*parts, text[at:]))), counts


def _apart(found: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """In order and without overlaps: of those that share characters the union, as a secret if one is."""
    apart: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(found, key=lambda f: (f[0], -f[1], f[2])):
        if apart and start < apart[-1][1]:
            first, last, of = apart[-1]
            apart[-1] = (first, max(last, end), kind if of in _ADDRESSES else of)
        else:
            apart.append((start, end, kind))
    return apart


def _within(
    addresses: list[tuple[int, int, str]], spans: list[tuple[int, int]]
) -> Iterator[tuple[int, int, str]]:
    """Those that lie wholly within one of the spans, which are in order and apart."""
    starts = [start for start, _ in spans]
    for start, end, kind in addresses:
        at = bisect_right(starts, start) - 1
        if at >= 0 and end <= spans[at][1]:
            yield start, end, kind


def broken_by(before: Document, after: Document) -> str | None:
    """A reason to drop the document if it parses less well than before: a secret stood outside strings."""
    if after.text == before.text:
        return None
    errors = [
        len(syntax.error_spans(syntax.parse(document.text, document.language)))
        for document in (before, after)
    ]
    return BROKEN if errors[1] > errors[0] else None
