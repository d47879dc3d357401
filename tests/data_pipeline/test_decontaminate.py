"""Benchmark text is found in whatever file it hides."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from data_pipeline import decontaminate
from data_pipeline.decontaminate import humaneval_file, read_benchmark
from data_pipeline.document import Document, Drop
from model.errors import DataError


def test_a_file_with_a_humaneval_docstring_is_dropped(make_document: Callable[..., Document]) -> None:
    benchmark = read_benchmark(humaneval_file())
    planted = make_document(
        '"""Check if in given list of numbers, are any two numbers closer to each other than"""\n'
    )
    clean = make_document(Path(decontaminate.__file__).read_text(encoding="utf-8"))
    found = list(decontaminate.decontaminate([planted, clean], [benchmark]))
    assert isinstance(found[0], Drop)
    assert found[0].reason == "overlaps HumanEval"
    assert found[1] is clean


def test_solutions_count_too(make_document: Callable[..., Document], tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    solution = "    total = sum(weights[i] * values[i] for i in range(len(values)))\n    return total / 2\n"
    path.write_text(
        json.dumps({"prompt": "def f(values, weights):\n", "canonical_solution": solution}), encoding="utf-8"
    )
    (found,) = decontaminate.decontaminate(
        [make_document("def g(values):\n" + solution)], [read_benchmark(path)]
    )
    assert isinstance(found, Drop)
    assert found.reason == "overlaps own"


def test_a_bad_benchmark_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"b\.jsonl is not JSON lines"):
        read_benchmark(path)
    path.write_text('{"question": "x"}', encoding="utf-8")
    with pytest.raises(DataError, match="no line with ten words of `prompt`"):
        read_benchmark(path)
