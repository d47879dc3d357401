"""The deduplication benchmark: the same documents for all, truth by comparing all pairs, honest figures."""

from __future__ import annotations

import itertools
import random
import re
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from eval.bench import dedup, dedup_ours
from eval.bench import dedup_documents as documents
from eval.bench.dedup import Tool
from eval.bench.dedup_process import Run, run, tree_bytes
from eval.bench.dedup_truth import compare_all, judge
from model.errors import DataError

DRIVER = str(Path(__file__).with_name("dedup_driver.py"))


def _texts() -> dict[str, str]:
    """Forty texts in ten families of near and less near copies."""
    rng = random.Random(0)
    texts = {}
    for family in range(10):
        words = [f"word_{family}_{i}" for i in range(200)]
        for copy, changes in enumerate((0, 1, 4, 30)):
            own = list(words)
            for _ in range(changes):
                own[rng.randrange(200)] = f"other{rng.randrange(10**6)}"
            texts[f"p{family}/f{copy}.py"] = "\n".join(f"{a} = {b}" for a, b in itertools.pairwise(own))
    return texts


def _corpus(folder: Path, texts: dict[str, str], layout: str) -> Path:
    path = folder / layout
    path.parent.mkdir(parents=True)
    pq.write_table(
        pa.table({"id": list(texts), "text": list(texts.values()), "repo": ["p"] * len(texts)}), path
    )
    return folder


@pytest.mark.parametrize("layout", ["parts/one/run-000.parquet", "read/a.parquet", "a.parquet"])
def test_documents_are_read_from_a_built_corpus_or_plain_files(layout: str, tmp_path: Path) -> None:
    assert documents.read(_corpus(tmp_path / "corpus", _texts(), layout)) == _texts()


def test_a_folder_without_documents_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no documents; give --corpus"):
        documents.read(tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"a\.parquet holds no documents"):
        documents.read(tmp_path)


def test_the_sample_depends_on_the_ids_alone_and_fits() -> None:
    texts = _texts()
    turned = dict(reversed(texts.items()))
    assert documents.choose(texts) == documents.choose(turned) != sorted(texts)
    assert documents.choose(texts, documents=7) == documents.choose(texts)[:7]
    some = documents.choose(texts, megabytes=0.05)
    assert some == documents.choose(texts)[: len(some)]
    assert sum(len(texts[i]) for i in some) <= 0.05e6 < sum(map(len, texts.values()))


def test_all_tools_get_the_same_documents_in_the_same_order(tmp_path: Path) -> None:
    texts = _texts()
    prepared = documents.prepare(texts, documents.choose(texts), tmp_path)
    assert sum(prepared.documents) == len(texts)
    assert sum(prepared.megabytes) == pytest.approx(sum(map(len, texts.values())) / 1e6)
    for ours, theirs in zip(prepared.texts, prepared.words, strict=True):
        a, b = (pq.read_table(file).to_pydict() for file in (ours, theirs))
        assert a["id"] == b["id"]
        assert a["text"] == [texts[i] for i in a["id"]]
        assert [re.findall(r"\w+", t) for t in a["text"]] == [t.split(" ") for t in b["text"]]


def test_truth_is_what_comparing_sets_of_words_gives() -> None:
    texts = _texts()
    ids = documents.choose(texts)
    truth = compare_all(texts, ids)

    def grams(identity: str) -> set[tuple[str, ...]]:
        words = re.findall(r"[A-Za-z_0-9]+", texts[identity])
        return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}

    wanted = {}
    sets = [grams(identity) for identity in ids]
    for i, j in itertools.combinations(range(len(ids)), 2):
        a, b = sets[i], sets[j]
        if (similarity := len(a & b) / len(a | b)) >= 0.7:
            wanted[i, j] = similarity
    found = dict(zip(map(tuple, truth.pairs.tolist()), truth.similarity.tolist(), strict=True))
    assert found == pytest.approx(wanted)
    assert len(wanted) > 10


def test_recall_and_precision_count_pairs_and_drops() -> None:
    texts = {"a": "a b c d e f g h", "b": "a b c d e f g h", "c": "a b c d e f g h", "x": "u v w x y z"}
    truth = compare_all(texts, ["a", "b", "c", "x"])
    best = judge(truth, frozenset({"a", "x"}))
    assert (best.recall, best.precision, best.pairs, best.dropped) == (1.0, 1.0, 3, 2)
    half = judge(truth, frozenset({"a", "b"}))
    assert (half.recall, half.precision) == (pytest.approx(2 / 3), 0.5)
    idle = judge(truth, frozenset(texts))
    assert (idle.recall, idle.precision, idle.dropped) == (0.0, None, 0)


def test_a_run_reports_what_was_kept_and_the_memory_of_all_processes(tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("a b c")
    done = run(DRIVER, sys.executable, [tmp_path / "ids"], workers=1, work=tmp_path)
    assert (done.seconds, done.kept, done.stages) == (0.25, frozenset("bc"), {"read": 0.25})
    assert 50e6 < done.peak < 150e6
    assert 0 < done.cpu_seconds < 30
    assert [path.name for path in tmp_path.iterdir()] == ["ids"]


def test_a_tool_that_fails_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dedup_driver\.py failed \(no files at all\)"):
        run(DRIVER, sys.executable, [], workers=1, work=tmp_path)


def test_memory_of_a_process_that_is_gone_is_nothing() -> None:
    assert tree_bytes(2**22 + 1) == 0


def test_ours_keeps_one_of_each_family_and_times_its_stages(tmp_path: Path) -> None:
    texts = _texts()
    ids = documents.choose(texts)
    prepared = documents.prepare(texts, ids, tmp_path / "in")
    (tmp_path / "out").mkdir()
    result = dedup_ours.run([str(file) for file in prepared.texts], tmp_path / "out", workers=1)
    quality = judge(compare_all(texts, ids), frozenset(result["kept"]))
    assert quality.recall == quality.precision == 1.0
    assert quality.dropped > 10
    assert set(result["stages"]) == {"read", "sketch", "resolve", "write"}
    written = [
        pq.read_table(file).column("id").to_pylist() for file in sorted((tmp_path / "out").glob("*.parquet"))
    ]
    assert [i for part in written for i in part] == result["kept"]


def test_ratios_are_of_medians_against_the_faster_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[str] = []
    pace = {"ours": iter([1, 9, 2, *[1] * 9]), "slow": iter([40] * 9), "fast": iter([10, 11, 30, *[10] * 9])}

    def fake(self: Tool, prepared: documents.Prepared, *, files: int | None = None, **_: object) -> Run:
        turns.append(self.name)
        kept = {i for file in prepared.texts[:files] for i in pq.read_table(file).column("id").to_pylist()}
        seconds = float(next(pace[self.name]))
        stages = {"read": 0.5}
        return Run(seconds=seconds, cpu_seconds=seconds, kept=frozenset(kept), peak=10**6, stages=stages)

    monkeypatch.setattr(Tool, "run", fake)
    monkeypatch.setattr(dedup, "OURS", "ours")
    contenders = [
        Tool(name=name, driver="d", python=Path("p"), reads="texts", version="1")
        for name in ("ours", "slow", "fast")
    ]
    console = Console(quiet=True)
    result = dedup.measure(
        contenders, _texts(), megabytes=None, sample=20, rounds=3, workers=2, console=console
    )
    assert turns[:6] == ["fast", "slow", "ours", "ours", "slow", "fast"]
    assert result["ratio_to_fastest_peer"] == 11 / 2
    assert result["recall_at_0.8"] == 0.0
    assert [row["times"] for row in result["scaling"]] == [1, 2, 4]
    assert [row["kept"] for row in result["rows"]] == [40, 40, 40]
    assert [row["kept"] for row in result["scaling"]] == [10, 20, 40]
    first, *_ = dedup.sheets(result)
    assert [line[4] for line in first.lines] == ["1.0 x", "20.0 x", "5.5 x"]


def test_stages_are_measured_on_whole_projects_of_a_built_corpus(tmp_path: Path) -> None:
    from data_pipeline.document import Document
    from data_pipeline.store import write_documents
    from eval.bench import dedup_stages

    root = Path(__file__).parents[3]
    for project in ("data_pipeline", "lsp_server"):
        documents = [
            Document(
                id=f"{project}/{path.name}",
                text=path.read_text(encoding="utf-8"),
                path=f"{project}/{path.name}",
                language="python",
                repo=project,
                license="MIT",
            )
            for path in sorted((root / project).glob("*.py"))[:6]
            if path.stat().st_size
        ]
        write_documents(tmp_path / "parts" / project / "run-000.parquet", documents)
    rows = dedup_stages.measure(tmp_path)
    assert rows[0]["stage"] == "licence header, filters"
    assert len({row["megabytes"] for row in rows}) == 1
    assert all(row["mb_per_s"] > 0 for row in rows)
    assert len(dedup_stages.sheet(rows).lines) == len(rows)
    assert dedup_stages.measure(tmp_path / "nothing") == []
