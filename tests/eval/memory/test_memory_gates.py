"""Figures of answers are computed from what stood there, over pairs, and say how sure they are."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from eval import positions
from eval.memory import gates as memory_gates
from eval.memory import tables as memory_tables
from eval.memory.gates import Answer, judge
from model import cursors
from model.cursors import Cursor

TEXT = "def f(a):\n    total = a + 1\n    return total\n\n\ndef g():\n    return f(2)\n"


def at(line: str, mode: str = "line", lines: int = 1) -> Cursor:
    start = TEXT.index(line)
    end = start
    for _ in range(lines):
        end = TEXT.index("\n", end + 1)
    return Cursor(mode=mode, start=start, end=end)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "exact", "saved", "errors"),
    [
        ("total = a + 1", True, 1.0, 0),
        ("total = a + 1  \n    return a", True, 1.0, 0),
        ("total = b", False, 8 / 13, 0),
        ("total = (", False, 8 / 13, 1),
        ("", False, 0.0, 0),
    ],
)
def test_one_line_is_judged_by_its_first_line(answer: str, exact: bool, saved: float, errors: int) -> None:
    facts = judge(answer, at("total = a"), TEXT)
    assert (facts["exact"], facts["saved"], facts["answered"]) == (exact, saved, bool(answer))
    assert (facts["errors"] > 0) == bool(errors)
    assert facts["similar"] == (1.0 if exact else pytest.approx(facts["similar"]))
    assert 0.0 <= facts["similar"] <= 1.0


def test_a_block_is_judged_whole() -> None:
    cursor = at("total = a", "block", 2)
    assert judge("total = a + 1\n    return total", cursor, TEXT)["exact"]
    assert not judge("total = a + 1", cursor, TEXT)["exact"]
    assert not judge("total = a + 1\n    return total\n    x = 1", cursor, TEXT)["exact"]


def answers(variant: str, values: list[bool], milliseconds: float = 10.0) -> list[Answer]:
    return [
        Answer(
            variant=variant, project="p", path=f"{i // 4}.py", mode=cursors.MODES[i % 4], match=i,
            answered=True,
            exact=value, similar=float(value), saved=float(value), errors=int(not value),
            milliseconds=milliseconds + i,
        )
        for i, value in enumerate(values)
    ]  # fmt: skip


def test_differences_are_of_pairs_with_an_interval_over_files() -> None:
    both, alone = [True] * 24 + [False] * 16, [False] * 40
    some = answers("both", both, 12.0) + answers("model", alone)
    mean, low, high = memory_gates.difference(some, "both", "model", "exact")
    assert mean == 0.6
    assert 0.2 < low < 0.6 < high < 0.95
    assert memory_gates.difference(some, "both", "both", "exact") == (0.0, 0.0, 0.0)
    assert memory_gates.added_milliseconds(some) == 2.0
    assert memory_gates.newly_broken(some) == 0
    some = [replace(one, errors=0) if one.variant == "model" else one for one in some]
    assert memory_gates.newly_broken(some) == 16


def test_answers_to_different_questions_are_not_compared() -> None:
    other = [replace(one, path="z.py") for one in answers("model", [True])]
    with pytest.raises(AssertionError):
        memory_gates.difference(answers("both", [True]) + other, "both", "model", "exact")


def test_summaries_count_what_fits() -> None:
    some = answers("both", [True, False, True, False])
    assert memory_gates.summary(some, "both", mode="line")["n"] == 1
    assert memory_gates.summary(some, "both", match=(1, 2))["exact"] == 0.5
    assert memory_gates.summary(some, "memory") == {"n": 0}
    assert memory_gates.summary(some, "both")["broken"] == 2


def test_tables_are_printed_for_all_variants_and_for_some() -> None:
    some = answers("both", [True, False] * 4) + answers("model", [False] * 8) + answers("memory", [True] * 8)
    console = Console(record=True, width=120, file=io.StringIO())
    memory_tables.show(console, some, ("model", "memory", "both"))
    shown = console.export_text()
    assert "both minus memory alone" in shown
    assert "+0.0 ms a request" in shown


def test_the_pinned_positions_are_many_in_both_splits() -> None:
    pinned = json.loads(positions.PINNED.read_text("utf-8"))
    for split in ("validation", "test"):
        modes = [
            place[0]
            for package in pinned["packages"]
            if package["split"] == split
            for file in package["files"]
            for place in file["at"]
        ]
        assert len(modes) >= 1000
        assert min(modes.count(mode) for mode in cursors.MODES) >= 200
