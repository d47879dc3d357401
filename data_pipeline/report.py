"""What was kept and what was dropped, counted by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from data_pipeline.document import Document, Drop


@dataclass(slots=True, kw_only=True)
class Tally:
    """Documents and characters by what became of them."""

    documents: Counter[str] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)

    def sift(self, stream: Iterable[Document | Drop]) -> Iterator[Document]:
        """Pass the documents on, count the drops."""
        for item in stream:
            if isinstance(item, Drop):
                self.documents[item.reason] += 1
                self.characters[item.reason] += item.characters
            else:
                yield item

    def to_json(self) -> dict[str, Any]:
        """Reasons in the order of the alphabet, each with its documents and characters."""
        return {
            reason: {"documents": self.documents[reason], "characters": self.characters[reason]}
            for reason in sorted(self.documents)
        }


def table(clean: dict[str, Any]) -> Table:
    """The final table of the clean step, from its JSON record."""
    out = Table(title="What the corpus kept, and what it dropped and why")
    for name, justify in (("", "left"), ("files", "right"), ("MB", "right"), ("share", "right")):
        out.add_column(name, justify="right" if justify == "right" else "left")
    kept, dropped = clean["kept"], clean["dropped"]
    total = sum(r["characters"] for r in (*kept.values(), *dropped.values())) or 1

    def row(name: str, record: dict[str, int], style: str) -> None:
        files, characters = record["documents"], record["characters"]
        out.add_row(name, f"{files:,}", f"{characters / 1e6:,.1f}", f"{characters / total:.1%}", style=style)

    for split, record in kept.items():
        row(f"kept: {split}", record, "green")
    for reason, record in sorted(dropped.items(), key=lambda item: -item[1]["characters"]):
        row(f"dropped: {reason}", record, "dim")
    return out
