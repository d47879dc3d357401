"""The memory's numbers: read back as written, refused when malformed, one formula for one place or many."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import ModelError
from model.serving.mixture import Mixture, from_numbers, numbers
from model.serving.release import read_release

NAMES = [field.name for field in fields(Mixture)]
SIZES = st.floats(-12, 12)  # as far as a fit goes
MIXTURES = st.builds(Mixture, **dict.fromkeys(NAMES, SIZES))
KNOWN = st.fixed_dictionaries(
    {
        "length": st.integers(2, 32),
        "count": st.integers(1, 192),
        "behind": st.integers(0, 16),
        "agreement": st.floats(1e-6, 1),
        "certainty": st.floats(-11, 0),
        "same": st.sampled_from([0.0, 1.0]),
        "layer": st.integers(0, 2),
    }
)


@given(mixture=MIXTURES)
def test_json_and_numbers_are_read_back_as_written(mixture):
    assert Mixture.from_json(json.loads(json.dumps(mixture.as_json()))) == mixture
    assert from_numbers(numbers(mixture).tolist()) == mixture


def test_numbers_stand_in_the_order_of_their_names():
    assert numbers(from_numbers(range(len(NAMES)))).tolist() == list(range(len(NAMES)))
    assert list(asdict(from_numbers(range(len(NAMES))))) == NAMES


def test_too_few_numbers_are_a_bug():
    with pytest.raises(ValueError, match="shorter"):
        from_numbers([1.0])


@pytest.mark.parametrize("value", [[], "numbers", 3, True])
def test_numbers_must_be_an_object(value):
    with pytest.raises(ModelError, match="must be an object"):
        Mixture.from_json(value)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_number_is_named(name):
    value = Mixture().as_json()
    del value[name]
    with pytest.raises(ModelError, match=rf"differ from those known here in {name}$"):
        Mixture.from_json(value)


def test_unknown_numbers_are_named():
    with pytest.raises(ModelError, match="in place_moon, share_sun"):
        Mixture.from_json({**Mixture().as_json(), "share_sun": 1.0, "place_moon": 1.0})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, True, "1", None, [1.0]])
def test_what_is_no_number_is_refused(number):
    with pytest.raises(ModelError, match="number share_length is"):
        Mixture.from_json({**Mixture().as_json(), "share_length": number})


@given(mixture=MIXTURES, known=st.lists(KNOWN, min_size=1, max_size=6))
def test_shares_are_chances_for_one_and_for_many_alike(mixture, known):
    """The server asks for one, the fit for thousands at once."""
    one_by_one = [float(mixture.share_of(**one)) for one in known]
    assert all(0.0 <= share <= 1.0 for share in one_by_one)
    columns = {name: np.array([one[name] for one in known]) for name in known[0]}
    np.testing.assert_allclose(mixture.share_of(**columns), one_by_one, rtol=1e-12, atol=0)


def test_the_model_always_has_a_say():
    """Where the memory offers nothing that may come next, something must be left to choose from."""
    known = {"length": 32, "count": 1, "behind": 16, "agreement": 1.0, "certainty": -0.1, "same": 1.0}
    most = Mixture(**dict.fromkeys(NAMES, 20.0)).share_of(**known, layer=0)
    assert most == pytest.approx(1 - 1e-6, abs=1e-12)
    many = Mixture(share=20.0).share_of(
        **{name: np.full(3, value) for name, value in known.items()}, layer=[0, 1, 2]
    )
    assert many.tolist() == [most] * 3


def test_the_smallest_share_is_none_and_no_warning():
    """A warning on stderr for each token would be all a user sees of a release's odd numbers."""
    least = dict.fromkeys(NAMES, -20.0) | {"share_certainty": 20.0}
    known = {"length": 32, "count": 64, "behind": 16, "agreement": 1.0, "certainty": -8.0, "same": 1.0}
    assert Mixture(**least).share_of(**known, layer=1) == pytest.approx(0)


def test_numbers_have_bounds():
    for number in (-20.0, 20.0, 20):
        value = {**Mixture().as_json(), "share_length": number}
        assert Mixture.from_json(value).share_length == number
    for number in (20.01, -21, 1e300):
        with pytest.raises(ModelError, match=r"number share_length is .*, not from -20 to 20$"):
            Mixture.from_json({**Mixture().as_json(), "share_length": number})


@pytest.mark.parametrize(
    ("number", "known", "more"),
    [
        ("share_length", "length", 12),
        ("share_log_length", "length", 12),
        ("share_count", "count", 9),
        ("share_behind", "behind", 5),
        ("share_agreement", "agreement", 0.9),
        ("share_certainty", "certainty", -0.1),
        ("share_same", "same", 1.0),
        ("share_open", "layer", 1),
        ("share_project", "layer", 2),
        ("share_renamed", "layer", 3),
    ],
)
def test_each_number_of_the_share_moves_it_by_its_own(number, known, more):
    less = {
        "length": 3,
        "count": 2,
        "behind": 0,
        "agreement": 0.3,
        "certainty": -2.0,
        "same": 0.0,
        "layer": 0,
    }
    still = from_numbers([0.0] * len(NAMES))
    moved = Mixture(**(asdict(still) | {number: 1.0}))
    assert still.share_of(**(less | {known: more})) == 0.5
    assert moved.share_of(**(less | {known: more})) > moved.share_of(**less)


@given(mixture=MIXTURES, data=st.data())
def test_places_are_weighed_one_by_one(mixture, data):
    size = data.draw(st.integers(1, 8))

    def column(low: int, high: int) -> np.ndarray:
        return np.array(data.draw(st.lists(st.integers(low, high), min_size=size, max_size=size)))

    columns = column(2, 32), column(0, 2), column(0, 60_000), column(0, 16)
    together = mixture.weigh(*columns)
    alone = [mixture.weigh(*(c[i : i + 1] for c in columns))[0] for i in range(size)]
    np.testing.assert_allclose(together, alone, rtol=1e-12, atol=1e-12)


def test_longer_nearer_and_in_nearer_layers_weighs_more():
    """By the numbers to begin with: what holds before anything is fitted."""

    def weight(length: int = 4, layer: int = 0, distance: int = 100, behind: int = 0) -> float:
        return float(Mixture().weigh(*(np.array([n]) for n in (length, layer, distance, behind)))[0])

    assert weight(length=5) > weight() > weight(distance=200)
    assert weight(layer=0) > weight(layer=1) > weight(layer=2)
    assert weight(behind=3) > weight()


@pytest.fixture
def folder(release_folder: Path, tmp_path: Path) -> Path:
    """A copy of the release that a test may spoil."""
    return Path(shutil.copytree(release_folder, tmp_path / "model"))


def with_memory(folder: Path, value: object) -> Path:
    path = folder / "meta.json"
    meta = json.loads(path.read_text("utf-8")) | {"memory": value}
    path.write_text(json.dumps(meta), encoding="utf-8")
    return folder


def test_a_release_carries_its_numbers(folder):
    assert read_release(folder).memory is None
    mixture = Mixture(share=1.5)
    assert read_release(with_memory(folder, mixture.as_json())).memory == mixture
    assert read_release(with_memory(folder, None)).memory is None


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ([1, 2], "must be an object"),
        (False, "must be an object"),
        ({}, "differ from those known here"),
        ({**Mixture().as_json(), "share": "much"}, "number share is 'much'"),
        ({**Mixture().as_json(), "share": -1e300}, "number share is -1e+300, not from -20 to 20"),
        ({**Mixture().as_json(), "place_length": 20.5}, "number place_length is 20.5"),
        ({**Mixture().as_json(), "share": True}, "number share is True"),
        ({**Mixture().as_json(), "share_moon": 1}, "share_moon"),
    ],
)
def test_malformed_numbers_in_a_release_are_refused(folder, value, wrong):
    """In one sentence with the file and the way out."""
    with pytest.raises(ModelError) as caught:
        read_release(with_memory(folder, value))
    sentence = str(caught.value)
    assert f"{folder / 'meta.json'}: 'memory' is malformed" in sentence
    assert wrong in sentence
    assert "remove it there, or install or export the model again" in sentence
    assert "\n" not in sentence
