"""The show threshold: places as people stand at them, weights that give a known truth back, the dial."""

from __future__ import annotations

import hashlib
import io
import json
import math
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from data_pipeline.document import Document
from data_pipeline.store import write_documents
from eval.threshold import cli as threshold_cli
from eval.threshold import measure as threshold
from eval.threshold import places as threshold_places
from eval.threshold.measure import DIAL, PULLS, Outcome, checksum_before, choose_pull, dial, fit, log_loss
from eval.threshold.places import variants
from model.errors import ConfigError, DataError
from model.serving.confidence import NAMES, Confidence, Features
from model.serving.engine import Engine
from model.serving.release import META, default_folder, file_sha256, read_meta, read_release

TEXT = """\
def total(items):
    result = 0
    for item in items:
        result += item.price
    return result


def count(items):
    result = 0
    for item in items:
        result += 1
    return result
"""
OTHER = "def price(item):\n    return item.price\n"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A corpus of one validation project with two files, and their pinned places."""
    folder = tmp_path / "corpus"
    (folder / "clean").mkdir(parents=True)
    documents = [
        Document(id=f"shop/{path}", text=text, path=path, language="python", repo="shop", license="MIT")
        for path, text in (("a.py", TEXT), ("b.py", OTHER), ("c.py", "mended = 1\n"))
    ]
    write_documents(folder / "clean" / "documents-validation.parquet", documents)
    start = TEXT.index("result += item")
    entries = [
        {
            "path": "a.py",
            "sha256": hashlib.sha256(TEXT.encode()).hexdigest()[:16],
            "beside": ["b.py", "gone.py"],
            "at": [
                ["line", start, start + len("result += item.price")],
                ["file-end", TEXT.index("return result"), TEXT.index("return result") + 13],
            ],
            "bodies": [[TEXT.rindex("result = 0"), TEXT.rindex("result\n") + 6]],
        },
        {"path": "c.py", "sha256": "0" * 16, "beside": [], "at": [["line", 0, 10]]},
    ]
    pinned = {"packages": [{"name": "shop", "split": "validation", "files": entries}]}
    (tmp_path / "pinned.json").write_text(json.dumps(pinned))
    return folder


def read(corpus: Path, split: str = "validation", limit: int | None = None) -> list[threshold_places.Project]:
    return threshold_places.read(corpus, split, limit=limit, pinned=corpus.parent / "pinned.json")


def test_each_pinned_place_is_asked_in_three_ways(corpus: Path) -> None:
    (project,) = read(corpus)
    assert 6 < len(project.asks) <= 9  # a part that is nothing but a blank is not asked
    assert set(project.texts) == {"a.py", "b.py", "c.py"}
    for ask in project.asks[:3]:
        assert ask.hole.prefix + ask.truth + ask.hole.suffix == TEXT
        assert ask.file.beside == ("b.py",)
    assert [ask.hole.suffix for ask in project.asks[6:8]] == ["", ""]


def test_a_file_that_the_corpus_has_mended_is_not_asked_in(corpus: Path) -> None:
    assert {ask.file.path for project in read(corpus) for ask in project.asks} == {"a.py"}


def test_a_limit_spreads_over_what_there_is_and_over_the_ways_to_ask(corpus: Path) -> None:
    (whole,), (project,) = read(corpus), read(corpus, limit=3)
    assert len(project.asks) == 3
    assert {whole.asks.index(ask) % 3 for ask in project.asks} == {0, 1, 2}


def test_without_a_corpus_the_way_out_is_named(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name a built corpus with --corpus"):
        read(corpus, "test")
    write_documents(corpus / "clean" / "documents-validation.parquet", [])
    with pytest.raises(DataError, match="has none of the pinned files"):
        read(corpus)


@given(line=st.text("ab = (.", min_size=1, max_size=20).filter(str.strip), seed=st.integers(0, 99))
def test_every_way_to_ask_is_the_same_file(line: str, seed: int) -> None:
    middle = line.strip() + "\n    more"
    for before, truth, behind in variants("x = 1\n    ", middle, "\ny", random.Random(seed)):
        assert truth.strip()
        rest = "" if behind == "\ny" else behind.removesuffix("\n    more\ny")
        assert before + truth + rest == "x = 1\n    " + line.strip()


def features(**known: float) -> Features:
    return Features(**{**dict.fromkeys(NAMES, 0.0), **known})


def outcomes(count: int, truth: Confidence, seed: int = 0) -> list[Outcome]:
    """Suggestions that are right as often as the truth says."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        known = features(odds=rng.uniform(-6, 6), copied=rng.random(), word=float(rng.random() < 0.3))
        right = rng.random() < truth.probability(known)
        found.append(Outcome(project=str(number % 10), file=str(number % 50), features=known, right=right))
    return found


TRUTH = Confidence(bias=-1.0, odds=0.7, copied=2.0, word=-1.5)


def test_a_fit_finds_the_weights_that_made_the_outcomes() -> None:
    found = fit(outcomes(4000, TRUTH), pull=10.0)
    for name in ("bias", "odds", "copied", "word"):
        assert getattr(found, name) == pytest.approx(getattr(TRUTH, name), abs=0.3)
    assert found.last == found.block == 0.0  # nothing can be learned of what is always the same


def test_a_fit_is_better_than_what_it_began_with_where_it_was_not_fitted() -> None:
    fitted = fit(outcomes(1000, TRUTH), pull=10.0)
    elsewhere = outcomes(1000, TRUTH, seed=1)
    assert log_loss(elsewhere, fitted) < log_loss(elsewhere, Confidence())


def test_a_fit_holds_where_one_feature_tells_right_from_wrong() -> None:
    """Without the ridge the weights would grow without bound."""
    told = [
        Outcome(project="p", file="a", features=features(odds=float(n)), right=n > 0) for n in range(-5, 6)
    ]
    found = fit(told, pull=10.0)
    assert all(math.isfinite(value) for value in found.as_json().values())
    assert Confidence.from_json(found.as_json()) == found


def test_the_ridge_is_chosen_by_projects_left_out() -> None:
    """Where the model's own word is right and places are few, a strong pull to it; else a weak one."""
    assert choose_pull(outcomes(60, Confidence())) == PULLS[-1]
    assert choose_pull(outcomes(4000, TRUTH)) < PULLS[-1]


def test_the_ridge_of_a_single_project_is_the_middle_one() -> None:
    alone = [
        Outcome(project="p", file="a", features=features(odds=float(n)), right=n > 0) for n in range(-5, 6)
    ]
    assert choose_pull(alone) == PULLS[len(PULLS) // 2]


@pytest.mark.parametrize("right", [True, False])
def test_nothing_can_be_learned_of_places_that_are_all_alike(right: bool) -> None:
    with pytest.raises(DataError, match="ask at more places"):
        fit([Outcome(project="p", file="a", features=features(), right=right)] * 5, pull=10.0)


def test_the_dial_counts_places_without_a_suggestion_as_not_shown() -> None:
    likely, unlikely = features(odds=math.log(3)), features(odds=-math.log(3))  # 75 % and 25 %
    places = [
        Outcome(project="p", file="a", features=likely, right=True),
        Outcome(project="p", file="a", features=unlikely, right=True),
        Outcome(project="p", file="b", features=unlikely, right=False),
        Outcome(project="p", file="b", features=None, right=False),
    ]
    notches = {one.show_above: one for one in dial(places, Confidence())}
    assert tuple(notches) == DIAL
    assert notches[0].shown.value == 0.75
    assert notches[0].right is not None
    assert notches[0].right.value == pytest.approx(2 / 3)
    assert notches[50].shown.value == 0.25
    assert notches[50].right is not None
    assert notches[50].found is not None
    assert (notches[50].right.value, notches[50].found.value) == (1.0, 0.5)
    assert notches[50].said == pytest.approx(0.75)
    assert (notches[80].right, notches[80].said) == (None, None)


def test_a_higher_dial_never_shows_more() -> None:
    notches = list(dial(outcomes(300, TRUTH), TRUTH))
    shown = [one.shown.value for one in notches]
    assert shown == sorted(shown, reverse=True)
    right = [one.right.value for one in notches if one.right is not None]
    assert right[-1] > right[0]


def test_what_is_written_is_what_a_release_serves_with(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(default_folder(), tmp_path / "model"))
    before = read_release(folder)
    threshold.write(folder, TRUTH, {"places": 3})
    after = read_release(folder)
    assert after.confidence == TRUTH
    assert after.memory == before.memory
    assert json.loads((folder / "meta.json").read_text("utf-8"))["confidence_fit"] == {"places": 3}
    assert list(folder.glob("*.partial")) == []


def test_places_are_asked_on_the_served_path(corpus: Path) -> None:
    engine = Engine.load(threads=1)
    found = threshold.gather(read(corpus, limit=3), engine)
    assert len(found) == 3
    assert {one.file for one in found} == {"shop/a.py"}
    assert any(one.features is not None for one in found)
    known = threshold.facts(found, TRUTH, found, list(dial(found, TRUTH)), pull=3.0)
    assert json.loads(json.dumps(known))["places"] == 3


def test_the_checksum_before_the_fit_can_be_told_behind_it(tmp_path: Path) -> None:
    """What was measured of generation before a fit is known as this model's."""
    folder = tmp_path / "model"
    shutil.copytree(default_folder(), folder)
    meta = {key: value for key, value in read_meta(folder).items() if not key.startswith("confidence")}
    (folder / META).write_text(json.dumps(meta, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    before = file_sha256(folder / META)
    assert checksum_before(meta) is None
    for _ in range(2):
        threshold.write(folder, TRUTH, {"places": 3})
        assert checksum_before(read_meta(folder)) == before != file_sha256(folder / META)


def test_weights_of_a_part_of_the_places_are_never_written() -> None:
    with pytest.raises(ConfigError, match="leave out --limit or --write"):
        threshold_cli.threshold(write=True, limit=50)


def test_the_dial_fits_a_terminal_and_leaves_empty_what_nothing_is_known_of() -> None:
    console = Console(width=80, file=io.StringIO(), record=True)
    places = [
        Outcome(project="p", file=str(n), features=features(odds=n - 3.0), right=n > 2) for n in range(6)
    ]
    threshold_cli._show(console, list(dial(places, Confidence())))
    shown = console.export_text()
    assert "…" not in shown
    assert "n = 6" in shown
    assert "100.0" in shown
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(" % " in line for line in lines) >= len(DIAL)
