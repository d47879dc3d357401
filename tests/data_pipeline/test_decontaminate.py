"""Benchmark text is found in whatever file it hides; what only looks like it is not."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from data_pipeline import decontaminate
from data_pipeline.decontaminate import humaneval_file, overlapped_problems, overlaps, read_benchmark
from model.errors import DataError

OWN = Path(decontaminate.__file__).read_text(encoding="utf-8")
PROMPT = '''def closest(stations, x, y):
    """Return the name of the station nearest to the point, or None where no station is known.

    >>> closest({"a": (0, 1), "b": (4, 4)}, 0, 0)
    'a'
    """
'''
SOLUTION = """    best, least = None, float("inf")
    for name, (left, top) in stations.items():
        distance = (left - x) ** 2 + (top - y) ** 2
        if distance < least:
            best, least = name, distance
    return best
"""
NUMBERS = "def rows():\n    return [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]\n"


@pytest.fixture
def own(tmp_path: Path) -> decontaminate.Benchmark:
    path = tmp_path / "own.v1.jsonl.gz"
    records = [
        {"task_id": "own/0", "prompt": PROMPT, "canonical_solution": SOLUTION},
        {"task_id": "own/1", "prompt": NUMBERS, "canonical_solution": "    return None\n"},
        {
            "task_id": "own/2",
            "prompt": "def two():\n",
            "canonical_solution": "    return 2\n",
            "suffix": None,
        },
        {"task_id": "own/3", "prompt": "# near\u2028a line separator\n" + PROMPT},
    ]
    lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    path.write_bytes(gzip.compress(lines.encode()))
    return read_benchmark(path)


@pytest.mark.parametrize(
    "planted",
    [
        PROMPT + SOLUTION,
        SOLUTION,
        PROMPT,
        f"class Map:\n{PROMPT}{SOLUTION}".replace("\n", "\n        "),
        "# " + " ".join(PROMPT.split()),
        re.sub(r'""".*?"""', "# how far is it?", PROMPT, flags=re.DOTALL) + SOLUTION,
        SOLUTION.replace("    best, least = None", "    # start with nothing\n    best, least = None"),
        PROMPT.split("\n")[1],
    ],
    ids=["whole", "solution", "prompt", "indented", "comment", "other docstring", "commented", "a line"],
)
def test_a_planted_copy_is_found_in_a_file(planted: str, own: decontaminate.Benchmark) -> None:
    half = len(OWN) // 2
    assert overlaps(OWN[:half] + "\n" + planted + "\n" + OWN[half:], [own]) == ("own",)


def test_our_own_code_and_number_tables_overlap_nothing(own: decontaminate.Benchmark) -> None:
    assert overlaps(OWN, [own]) == ()
    assert overlaps("TABLE = [\n    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,\n]\n", [own]) == ()
    assert overlaps("", [own]) == ()


def test_problems_are_counted_named_and_never_silently_lost(own: decontaminate.Benchmark) -> None:
    assert own.problems == 4
    assert own.unwatched == ("own/1", "own/2")
    assert overlapped_problems(PROMPT, own) == ("own/0", "own/3")
    assert overlapped_problems(SOLUTION, own) == ("own/0",)
    assert overlapped_problems(OWN, own) == ()


def test_every_benchmark_that_overlaps_is_named_in_order(
    own: decontaminate.Benchmark, tmp_path: Path
) -> None:
    path = tmp_path / "second.jsonl"
    path.write_text(json.dumps({"prompt": "", "suffix": SOLUTION}) + "\n", encoding="utf-8")
    second = read_benchmark(path)
    assert overlaps(SOLUTION, [second, own]) == ("second", "own")
    assert overlaps(PROMPT, [second, own]) == ("own",)
    assert overlapped_problems(SOLUTION, second) == ("line 1",)


def test_every_problem_of_humaneval_is_found_by_its_prompt_and_most_by_their_solution() -> None:
    path = humaneval_file()
    benchmark = read_benchmark(path)
    assert benchmark.problems == 164
    assert benchmark.unwatched == ()
    records = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    for record in records:
        assert record["task_id"] in overlapped_problems(OWN + record["prompt"], benchmark)
    solutions = [record["canonical_solution"] for record in records]
    assert sum(overlaps(solution, [benchmark]) != () for solution in solutions) == 164 - 19 - 5


def test_a_bad_benchmark_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"b\.jsonl is not JSON lines"):
        read_benchmark(path)
    path.write_text("[1]", encoding="utf-8")
    with pytest.raises(DataError, match=r"b\.jsonl has a line that is no JSON object"):
        read_benchmark(path)
    path.write_text('{"question": "x"}', encoding="utf-8")
    with pytest.raises(DataError, match=r"no line with ten words .*it has the fields question"):
        read_benchmark(path)
    for name, raw in (("c.jsonl.gz", b"plain"), ("d.jsonl.gz", gzip.compress(b"{}" * 99)[:-20])):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(DataError, match="is not JSON lines"):
            read_benchmark(tmp_path / name)


@pytest.mark.parametrize(
    "fields", [("prompt", "code"), ("text", "code"), ("prompt", "answer"), ("text", "solution")]
)
def test_the_fields_of_other_benchmarks_are_read(fields: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    record = dict(
        zip(fields, ("Write a function that finds the nearest of some stations.", SOLUTION), strict=True)
    )
    path.write_text(json.dumps({"task_id": 2, **record}) + "\n", encoding="utf-8")
    assert overlaps(OWN + SOLUTION, [read_benchmark(path)]) == ("b",)
