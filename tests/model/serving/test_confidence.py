"""The weights of the confidence: read back as written, refused when malformed; what features are of."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import ModelError
from model.serving.confidence import NAMES, Confidence, Features, features, first_line
from model.serving.release import read_release
from model.tokenizer import Tokenizer

WEIGHTS = st.builds(Confidence, **dict.fromkeys([f.name for f in fields(Confidence)], st.floats(-100, 100)))
FEATURES = st.builds(Features, **dict.fromkeys(NAMES, st.floats(-12, 12)))
NOTHING = Features(**dict.fromkeys(NAMES, 0.0))


@given(weights=WEIGHTS)
def test_weights_are_read_back_as_written(weights: Confidence) -> None:
    assert Confidence.from_json(json.loads(json.dumps(weights.as_json()))) == weights


@pytest.mark.parametrize("value", [[], "weights", 3, True])
def test_weights_must_be_an_object(value: object) -> None:
    with pytest.raises(ModelError, match="must be an object"):
        Confidence.from_json(value)


def test_missing_and_unknown_weights_are_named() -> None:
    value = Confidence().as_json()
    del value["least"]
    with pytest.raises(ModelError, match=r"known here in least, moon$"):
        Confidence.from_json({**value, "moon": 1.0})


@pytest.mark.parametrize("number", [math.nan, math.inf, True, "1", None, 100.5])
def test_what_is_no_weight_is_refused(number: object) -> None:
    with pytest.raises(ModelError, match="the weight mean of the confidence is"):
        Confidence.from_json({**Confidence().as_json(), "mean": number})


@given(weights=WEIGHTS, known=FEATURES)
def test_what_comes_out_is_a_probability(weights: Confidence, known: Features) -> None:
    assert 0.0 <= weights.probability(known) <= 1.0


@pytest.mark.parametrize("name", NAMES)
def test_each_weight_moves_the_probability_by_its_own_feature(name: str) -> None:
    weights = replace(Confidence(odds=0.0), **{name: 1.0})
    assert weights.probability(NOTHING) == 0.5
    assert weights.probability(replace(NOTHING, **{name: math.log(3)})) == pytest.approx(0.75)


def test_unfitted_it_is_the_models_own_probability(tokenizer: Tokenizer) -> None:
    logprobs = [math.log(0.9)] * len(tokenizer.encode("return x\n"))
    known = features("return x\n", logprobs, tokenizer)
    assert Confidence().probability(known) == pytest.approx(math.exp(sum(logprobs)))


def test_only_the_first_line_and_its_end_count(tokenizer: Tokenizer) -> None:
    first = len(tokenizer.encode("return x\n"))
    more = len(tokenizer.encode("return x\nmore = 1\n")) - first
    known = features("return x\nmore = 1\n", [-0.1] * first + [-9.0] * more, tokenizer)
    assert known.least == -0.1
    assert known.mean == pytest.approx(-0.1)
    assert known.length == pytest.approx(math.log1p(len("return x")))


def test_tokens_that_only_spell_what_was_pending_are_not_the_suggestions(tokenizer: Tokenizer) -> None:
    whole, pending = "return x\n", "retu"
    carrying = sum(end > len(pending) for end in [*tokenizer.token_starts(whole)[1:], len(whole)])
    known = features("rn x\nmore", [-0.2] * carrying + [-5.0], tokenizer, pending=pending)
    assert known.least == -0.2


def test_the_copied_share_is_that_of_the_first_line(tokenizer: Tokenizer) -> None:
    known = features("\nabcd\nefgh", [-0.1] * 20, tokenizer, copied=[(0, 3), (6, 9)])
    assert known.copied == pytest.approx(0.5)


def test_a_suggestion_without_tokens_of_its_own_is_trusted_least(tokenizer: Tokenizer) -> None:
    assert features("x", [], tokenizer).odds == pytest.approx(-12.0, abs=1e-4)
    assert features("x", [-50.0], tokenizer).odds == -12.0


@pytest.mark.parametrize(
    ("text", "line"), [("a\nb", "a"), ("\n    a", "    a"), ("\n \n\tb\nc", "\tb"), ("a", "a"), ("", "")]
)
def test_the_first_line_is_the_first_visible_one(text: str, line: str) -> None:
    start, end = first_line(text)
    assert text[start:end] == line


@given(
    written=st.text("ab(\n é", max_size=20),
    pending=st.text("ab ", max_size=4),
    logprobs=st.lists(st.floats(-40, 0), max_size=12),
)
def test_features_are_finite(tokenizer: Tokenizer, written: str, pending: str, logprobs: list[float]) -> None:
    known = features(written, logprobs, tokenizer, pending=pending, copied=[(0, 2)], block=True)
    assert all(math.isfinite(value) for value in asdict(known).values())
    assert 0.0 <= known.copied <= 1.0


@pytest.fixture
def folder(release_folder: Path, tmp_path: Path) -> Path:
    """A copy of the release that a test may spoil."""
    return Path(shutil.copytree(release_folder, tmp_path / "model"))


def with_confidence(folder: Path, value: object) -> Path:
    path = folder / "meta.json"
    meta = json.loads(path.read_text("utf-8")) | {"confidence": value}
    path.write_text(json.dumps(meta), encoding="utf-8")
    return folder


def test_a_release_carries_its_weights_and_may_lack_them(folder: Path) -> None:
    assert read_release(folder).confidence is None
    weights = Confidence(bias=-1.5)
    assert read_release(with_confidence(folder, weights.as_json())).confidence == weights


def test_malformed_weights_of_a_release_are_named_with_the_way_out(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"'confidence' is malformed: .*in .*bias.*; remove it there, or"):
        read_release(with_confidence(folder, {}))
