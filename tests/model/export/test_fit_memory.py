"""Fitting the memory's numbers: the table is what serving computes, and a fit finds what is right."""

from __future__ import annotations

import json
import math
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import DataError, ModelError
from model.export import fit_memory as module
from model.export.fit_memory import Look, Table, fit, fit_memory, looks, read_project
from model.fim import Hole, Snippet
from model.serving.encoder import LineEncoder
from model.serving.engine import Engine
from model.serving.memory import Found, Memory
from model.serving.mixture import Mixture
from model.serving.recall import Recall
from model.serving.release import read_release
from model.tokenizer import MINIMUM_VOCABULARY, Tokenizer

MIXTURES = st.builds(
    Mixture,
    **dict.fromkeys(
        ("place_length", "place_distance", "place_open", "place_behind", "share", "share_count",
         "share_behind", "share_agreement", "share_certainty", "share_same", "share_open"),
        st.floats(-3, 3),
    ),
)  # fmt: skip
TEXT = st.text(st.sampled_from("abc\n"), max_size=40)


@pytest.fixture(scope="module")
def encoder() -> LineEncoder:
    """One token a byte."""
    return LineEncoder(Tokenizer.train(lambda: iter([""]), vocabulary=MINIMUM_VOCABULARY))


def served(memory: Memory, mixture: Mixture, logs: np.ndarray, token: int) -> float:
    """The chance of a token by model and memory together, from what a completion is offered."""
    offer = Recall(memory, mixture, 1).offer()
    assert offer is not None
    best = int(logs.argmax())
    share = mixture.share_of(
        length=offer.length,
        count=offer.count,
        behind=offer.behind,
        agreement=offer.agreement,
        certainty=logs[best],
        same=float(offer.tokens[offer.best] == best),
        layer=int(offer.layers[offer.best]),
    )
    remembered = float(offer.chances[offer.tokens == token].sum())
    return float((1 - share) * math.exp(logs[token]) + share * remembered)


@given(
    places=st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=6),
    mixture=MIXTURES,
    seed=st.integers(0, 99),
)
@settings(max_examples=150)
def test_the_table_computes_what_serving_does(encoder, places, mixture, seed):
    """Two programs for one formula: what is fitted by one is served by the other."""
    draw = np.random.default_rng(seed)
    seen, expected = [], []
    for above, below, opened in places:
        hole = Hole(path="a.py", language="python", prefix=above, suffix=below)
        # What is behind the hole stands there, too, so some places are told apart by it.
        file = Snippet(path="o.py", text=opened + below + "#" * 60 + opened)
        memory = Memory(encoder, hole, files=[file])
        logits = draw.normal(size=MINIMUM_VOCABULARY) * 2
        logs = logits - math.log(np.exp(logits).sum())
        found = memory.find(memory.context)
        best = int(logs.argmax())
        token = int(draw.choice([best, *found.following.tolist()]))
        seen.append(
            Look(found=found, token=token, best=best, certainty=float(logs[best]), logprob=float(logs[token]))
        )
        if len(found.places):
            offer = Recall(memory, mixture, 1).offer()
            ranked = np.sort(offer.chances)[::-1]
            if len(ranked) > 1 and ranked[0] - ranked[1] < 1e-9:
                seen.pop()  # either may be called the best
            else:
                expected.append(served(memory, mixture, logs, token))
    table = Table(seen)
    assert len(table) == len(expected)
    if expected:
        np.testing.assert_allclose(table.likelihoods(mixture), expected, rtol=1e-6)


def test_equally_good_tokens_are_told_apart_alike(encoder):
    """Of two tokens with one and the same chance both call the first the best."""
    hole = Hole(path="a.py", language="python", prefix="xy", suffix="")
    memory = Memory(encoder, hole, files=[Snippet(path="o.py", text="xyb\nxya\n")])
    mixture = Mixture(share=0.0, share_same=3.0)
    a, b = (int(token) for token in encoder.encode("ab"))
    for best in (a, b):
        logs = np.full(MINIMUM_VOCABULARY, -9.0)
        logs[best] = -0.1
        found = memory.find(memory.context)
        look = Look(found=found, token=a, best=best, certainty=-0.1, logprob=float(logs[a]))
        assert Table([look]).likelihoods(mixture)[0] == pytest.approx(served(memory, mixture, logs, a))


def synthetic(*, remembered_right: float, count: int = 300) -> list[Look]:
    """Looks at which the memory offers one token, right that often; the model gives the truth a tenth."""
    draw = random.Random(0)
    seen = []
    for _ in range(count):
        length = draw.randint(2, 20)
        following = [7 if draw.random() < remembered_right else 8] * draw.randint(1, 3)
        size = len(following)

        def same(value: int, size: int = size) -> np.ndarray:
            return np.full(size, value, np.int64)

        found = Found(
            places=np.arange(size),
            layers=same(draw.randint(0, 2)),
            lengths=same(length),
            distances=same(0),
            behind=same(0),
            following=np.array(following, np.int64),
        )
        seen.append(Look(found=found, token=7, best=9, certainty=-0.5, logprob=math.log(0.1)))
    return seen


@pytest.mark.parametrize(("right", "low", "high"), [(1.0, 0.97, 1.0), (0.0, 0.0, 0.03), (0.55, 0.4, 0.6)])
def test_the_memory_gets_the_share_that_it_deserves(right, low, high):
    """Always right, always wrong; and about half where a fair gambler would give it half."""
    seen = synthetic(remembered_right=right)
    table = Table(seen)
    mixture = fit(table)
    likelihoods = table.likelihoods(mixture)
    if right == 1.0:  # (1 - share) * 0.1 + share
        shares = (likelihoods - 0.1) / 0.9
    else:  # where it is wrong: (1 - share) * 0.1
        wrong = np.array([look.found.following[0] == 8 for look in seen])
        shares = 1 - likelihoods[wrong] / 0.1
    assert low <= shares.mean() <= high


def test_a_fit_is_never_worse_than_what_it_began_with():
    table = Table(synthetic(remembered_right=0.7))
    begun = np.log(table.likelihoods(Mixture())).mean()
    assert np.log(table.likelihoods(fit(table))).mean() > begun


def test_what_explains_nothing_stays_as_it_was():
    """All looks are in the document itself: nothing is known of a project."""
    seen = [
        replace(look, found=look.found._replace(layers=np.zeros_like(look.found.layers)))
        for look in synthetic(remembered_right=0.7)
    ]
    fitted = fit(Table(seen))
    assert fitted.share_project == Mixture().share_project
    assert fitted.share != Mixture().share


def test_nothing_to_fit_is_said():
    nothing = Found(*(np.zeros(0, np.int64) for _ in Found._fields))
    look = Look(found=nothing, token=1, best=1, certainty=-1.0, logprob=-1.0)
    for seen in ([], [look]):
        assert len(Table(seen)) == 0
        with pytest.raises(DataError, match="fit it on more or larger files"):
            fit(Table(seen))


@pytest.fixture
def folder(release_folder: Path, tmp_path: Path) -> Path:
    """A copy of the release that a test may change."""
    return Path(shutil.copytree(release_folder, tmp_path / "model"))


@pytest.fixture
def project(tmp_path: Path, source: str) -> Path:
    """A small repository of real code, beside which other things lie."""
    root = tmp_path / "repository"
    (root / "pkg").mkdir(parents=True)
    half = source.index("\n\n\n", len(source) // 2)
    (root / "pkg" / "one.py").write_text(source[:half], encoding="utf-8")
    (root / "two.py").write_text(source[half:], encoding="utf-8")
    (root / "notes.txt").write_text("some words", encoding="utf-8")
    (root / "empty.py").write_text("\n", encoding="utf-8")
    (root / "latin.py").write_bytes(b"name = '\xe9'\n")
    return root


def test_a_project_is_its_source_files(project, source):
    files = read_project(project, ["python"])
    assert [file.path for file in files] == ["pkg/one.py", "two.py"]
    assert "".join(file.text for file in files) == source


@pytest.mark.parametrize("name", ["missing", "prose"])
def test_a_folder_without_source_files_is_refused(tmp_path, name):
    (tmp_path / "prose").mkdir()
    (tmp_path / "prose" / "a.txt").write_text("words", encoding="utf-8")
    with pytest.raises(DataError, match=rf"{name} holds no file in python; name a folder of source code$"):
        read_project(tmp_path / name, ["python"])


def test_a_look_is_what_the_engine_says_of_what_stood_there(folder, project):
    """The scores are those of the truth's tokens, and the memory never knows the truth itself."""
    engine = Engine.load(folder)
    files = read_project(project, ["python"])
    for seen in looks(engine, [files], count=6, seed=1):
        assert 1 <= len(seen) <= 24
        for look in seen:
            assert look.logprob <= look.certainty <= 0
            assert (look.logprob == look.certainty) == (look.token == look.best)
            assert len({len(array) for array in look.found}) == 1
    first = [[look.token for look in seen] for seen in looks(engine, [files], count=6, seed=1)]
    assert first == [[look.token for look in seen] for seen in looks(engine, [files], count=6, seed=1)]


def test_as_many_cursors_as_asked_for(folder, project):
    engine = Engine.load(folder)
    files = read_project(project, ["python"])
    assert len(list(looks(engine, [files], count=1, seed=0))) == 1


def test_the_numbers_are_written_beside_what_was_there(folder, project):
    before = json.loads((folder / "meta.json").read_text("utf-8"))
    calls = []
    facts = fit_memory(folder, [project], count=12, seed=2, on_cursor=lambda: calls.append(1))
    after = json.loads((folder / "meta.json").read_text("utf-8"))
    assert {key: after[key] for key in before} == before
    assert after["memory_fit"] == facts
    assert set(after) - set(before) == {"memory", "memory_fit"}
    assert sorted(path.name for path in folder.iterdir()) == sorted({"meta.json", *before["files"]})
    assert facts["cursors"] == len(calls) >= 12
    assert 0 < facts["found"] <= facts["tokens"]
    assert facts["nats_per_token_both"] <= facts["nats_per_token_model"]
    (named,) = facts["projects"]
    assert (named["name"], named["files"], len(named["sha256"])) == ("repository", 2, 64)

    release = read_release(folder)
    assert release.memory == Mixture.from_json(after["memory"])
    engine = Engine.load(folder)
    hole = Hole(path="a.py", language="python", prefix="alpha = beta\nalpha = ", suffix="")
    prompt = module.fim.render(hole, engine.tokenizer, 100)
    memory = Memory(engine.encoder, hole, pending=prompt.pending)
    assert engine.generate(prompt, max_tokens=4, memory=memory).tokens <= 4


def test_a_failure_leaves_the_release_as_it_was(folder, project, tmp_path, monkeypatch):
    """Written aside first: no half of a meta.json, whatever happens."""
    before = (folder / "meta.json").read_bytes()
    with pytest.raises(DataError):
        fit_memory(folder, [project, tmp_path / "missing"], count=1)

    def fail(self: Path, target: Path) -> None:
        assert json.loads(self.read_text("utf-8"))["memory"]
        raise OSError("the disk is gone")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        fit_memory(folder, [project], count=1)
    assert (folder / "meta.json").read_bytes() == before


def test_no_release_no_fit(tmp_path, project):
    with pytest.raises(ModelError, match="no model folder"):
        fit_memory(tmp_path / "nowhere", [project], count=1)


def test_malformed_numbers_are_no_release_and_the_way_out_is_one(folder, project):
    """What the refusal names, removing them, must lead to a fit."""
    path = folder / "meta.json"
    meta = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(meta | {"memory": {"share": 1}}), encoding="utf-8")
    with pytest.raises(ModelError, match="remove it there, or install or export the model again"):
        fit_memory(folder, [project], count=4)
    path.write_text(json.dumps(meta), encoding="utf-8")
    fit_memory(folder, [project], count=4)
    assert read_release(folder).memory is not None
