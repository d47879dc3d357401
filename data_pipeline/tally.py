"""Counting what a stage keeps and what it drops, by reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from data_pipeline.document import Document, Drop

# Document ids a reason that a report can show.
EXAMPLES = 5


@dataclass(slots=True, kw_only=True)
class Tally:
    """Documents and characters by what became of them; JSON all through, so that parts can be added up."""

    dropped: dict[str, dict[str, Any]] = field(default_factory=dict)
    stages: dict[str, dict[str, int]] = field(default_factory=dict)

    def sift(self, stream: Iterable[Document | Drop], stage: str) -> Iterator[Document]:
        """Pass the documents on, count them under the stage, and the drops under their reason."""
        passed = self.stages.setdefault(stage, {"documents": 0, "characters": 0})
        for item in stream:
            if isinstance(item, Drop):
                self.drop(item, stage)
            else:
                passed["documents"] += 1
                passed["characters"] += len(item.text)
                yield item

    def drop(self, drop: Drop, stage: str) -> None:
        """Count a drop."""
        entry = self.dropped.setdefault(
            drop.reason, {"stage": stage, "documents": 0, "characters": 0, "examples": []}
        )
        entry["documents"] += 1
        entry["characters"] += drop.characters
        if len(entry["examples"]) < EXAMPLES:
            entry["examples"].append(drop.document_id)

    def add(self, record: dict[str, Any]) -> None:
        """Add the counts of a part, as `to_json` gave them."""
        for name, passed in record["stages"].items():
            own = self.stages.setdefault(name, {"documents": 0, "characters": 0})
            for key, value in passed.items():
                own[key] += value
        for reason, entry in record["dropped"].items():
            mine = self.dropped.setdefault(
                reason, {"stage": entry["stage"], "documents": 0, "characters": 0, "examples": []}
            )
            mine["documents"] += entry["documents"]
            mine["characters"] += entry["characters"]
            mine["examples"] = (mine["examples"] + entry["examples"])[:EXAMPLES]

    def to_json(self) -> dict[str, Any]:
        """Stages in their order; reasons in the order of the alphabet."""
        return {"stages": self.stages, "dropped": {r: self.dropped[r] for r in sorted(self.dropped)}}
