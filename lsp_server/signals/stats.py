"""What kept signals say: how often suggestions are taken, how fast they come, how much they save. Pure.

Not here: where they are kept (store.py), how they look (stats_tables.py, stats_page.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from lsp_server.signals.store import Row
from lsp_server.signals.survival import MOSTLY


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of some suggestions. Latencies in milliseconds from the request to the answer, the wait for the
    next key included; None where nothing is known.

    `judged` are those that somebody had time to see. `survived_30` and `survived_300` are (of how many it is
    known, how many were mostly unchanged) so many seconds after they were accepted (survival.py).
    """

    name: str
    shown: int
    judged: int
    accepted: int
    partly: int
    rejected: int
    offered_characters: int
    saved_characters: int
    p50: float | None
    p95: float | None
    survived_30: tuple[int, int]
    survived_300: tuple[int, int]

    @property
    def acceptance(self) -> float | None:
        """The share of those that could be judged that were taken, whole or in part; None of none."""
        return (self.accepted + self.partly) / self.judged if self.judged else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Figures of everything, of each day and each language on which there was something."""

    total: Figures
    days: tuple[Figures, ...]  # the oldest first, named as in ISO 8601
    languages: tuple[Figures, ...]  # the most shown first
    days_and_languages: tuple[tuple[str, Figures], ...]  # (day, figures named by language)


def stats(rows: Sequence[Row], zone: tzinfo | None = None) -> Stats:
    """All figures. Days are those of `zone`; None: of this machine."""

    def day(row: Row) -> str:
        return datetime.fromtimestamp(row.at, zone).date().isoformat()

    def language(row: Row) -> str:
        return row.language or "unknown"

    by_day = _grouped(rows, day)
    return Stats(
        total=figures("all", rows),
        days=tuple(figures(name, by_day[name]) for name in sorted(by_day)),
        languages=_by_language(rows, language),
        days_and_languages=tuple(
            (name, one) for name in sorted(by_day) for one in _by_language(by_day[name], language)
        ),
    )


def _by_language(rows: Sequence[Row], language: Callable[[Row], str]) -> tuple[Figures, ...]:
    found = [figures(name, some) for name, some in _grouped(rows, language).items()]
    return tuple(sorted(found, key=lambda one: (-one.shown, one.name)))


def _grouped(rows: Iterable[Row], key: Callable[[Row], str]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def figures(name: str, rows: Sequence[Row]) -> Figures:
    """The figures of some rows."""
    outcomes = [row.outcome for row in rows]
    latencies = sorted(row.latency_ms for row in rows)
    return Figures(
        name=name,
        shown=len(rows),
        judged=len(rows) - outcomes.count("unseen"),
        accepted=outcomes.count("accepted"),
        partly=outcomes.count("partly"),
        rejected=outcomes.count("rejected"),
        offered_characters=sum(row.characters for row in rows),
        saved_characters=sum(row.accepted for row in rows),
        p50=_percentile(latencies, 50),
        p95=_percentile(latencies, 95),
        survived_30=_survived([row.survived_30 for row in rows]),
        survived_300=_survived([row.survived_300 for row in rows]),
    )


def _survived(shares: Iterable[float | None]) -> tuple[int, int]:
    known = [one for one in shares if one is not None]
    return len(known), sum(one > MOSTLY for one in known)


def _percentile(ordered: Sequence[float], percent: int) -> float | None:
    """By nearest rank: the least value that so many percent of all do not exceed."""
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
