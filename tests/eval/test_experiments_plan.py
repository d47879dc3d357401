"""A plan says what it means or is refused in one sentence, and its trials come in the order of their use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.experiments import plan
from eval.experiments.plan import Plan
from model.errors import ConfigError, DataError


def record() -> dict[str, Any]:
    return {
        "name": "p",
        "base": {
            "shape": {"width": 64, "layers": 1, "heads": 2, "kv_heads": 1, "feed_forward": 96},
            "training": {"steps": 5},
            "data": {"vocabulary": 512, "length": 128},
            "seeds": [0, 1, 2],
        },
        "comparisons": [
            {
                "name": "vocabulary",
                "question": "How many?",
                "seeds": [0, 1],
                "variants": {
                    "same": {"data": {"vocabulary": 512}},
                    "600": {"data": {"vocabulary": 600}},
                    "700": {"data": {"vocabulary": 700}},
                },
            },
            {
                "name": "epochs",
                "question": "Which?",
                "base": {"data": {"epoch_megabytes": 1}},
                "reference": "plain",
                "variants": {"plain": {}, "decayed": {"training": {"weight_decay": 0.4}}},
            },
        ],
    }


def read(tmp_path: Path, content: object) -> Plan:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return plan.read(path)


def test_the_plans_that_come_with_tabwright_are_sound() -> None:
    for path in sorted(plan.PLANS.glob("*.json")):
        found = plan.read(path)
        assert len(found.base.seeds) >= 3, "the spread of the base's seeds is the noise"
        assert len(found.comparisons) >= 8
        names = [(one.name, one.seed) for one in found.trials()]
        assert len(set(names)) == len(names)


def test_the_base_comes_first_then_one_variant_of_each_comparison_and_equal_settings_are_one_trial(
    tmp_path: Path,
) -> None:
    found = [(one.comparison, one.variant, one.seed) for one in read(tmp_path, record()).trials()]
    assert found == [
        ("base", "base", 0),
        ("base", "base", 1),
        ("base", "base", 2),
        ("epochs", "plain", 0),
        ("epochs", "decayed", 0),
        ("vocabulary", "600", 0),
        ("vocabulary", "700", 0),
        ("vocabulary", "600", 1),
        ("vocabulary", "700", 1),
    ]


def test_a_variant_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    (_, epochs) = read(tmp_path, record()).comparisons
    (decayed,) = epochs.variants
    assert epochs.reference.name == "plain"
    training, build = decayed.settings.train_config(7), decayed.settings.build_config(7)
    assert (training.weight_decay, training.steps, training.seed) == (0.4, 5, 7)
    assert (build.epoch_megabytes, build.vocabulary, build.length, build.seed) == (1, 512, 128, 7)
    assert build.holes.chunk_characters == int(128 * 2.93), "holes suit the rows' length"
    assert decayed.settings.data_key(0) == epochs.reference.settings.data_key(0)
    assert decayed.settings.data_key(0) != decayed.settings.data_key(1)


def test_only_some_comparisons_may_be_asked_for(tmp_path: Path) -> None:
    found = read(tmp_path, record())
    assert {one.comparison for one in found.trials(["epochs"])} == {"base", "epochs"}
    with pytest.raises(ConfigError, match="no comparison 'depth'; use vocabulary, epochs"):
        list(found.trials(["depth"]))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda r: r.pop("base"), r"plan\.json: 'base' is missing"),
        (lambda r: r.update(bases=1), "there is no 'bases'; use base, comparisons"),
        (lambda r: r["base"].update(training={"step": 5}), "base, training: there is no 'step'; use "),
        (lambda r: r["base"].update(training={"steps": "5"}), "base, training: '5' is no value for `steps`"),
        (lambda r: r["base"].update(training={"seed": 5}), "there is no 'seed'"),
        (lambda r: r["base"].update(training={"steps": 0}), r"base: `steps` is 0; "),
        (lambda r: r["base"]["shape"].pop("width"), "base, shape: 'width' is missing"),
        (lambda r: r["base"].update(seeds=[1, 1]), "two seeds are 1; give each once"),
        (lambda r: r["base"].update(seeds=[]), "`seeds` must be a list of whole numbers"),
        (lambda r: r.update(sample={"megabytes": True}), "True is no value for `megabytes`"),
        (
            lambda r: r["comparisons"][0]["variants"].update(x={"holes": {"fim": 2.0}}),
            r"comparison 'vocabulary', variant 'x': the share `fim` is 2\.0",
        ),
        (lambda r: r["comparisons"][1].pop("reference"), "it needs a `reference`, one of its variants"),
        (lambda r: r["comparisons"][1].update(reference="y"), "the reference 'y' is none of its variants"),
        (lambda r: r["comparisons"][1].update(name="vocabulary"), "two comparisons are 'vocabulary'"),
    ],
)
def test_what_is_wrong_is_named_in_one_sentence(tmp_path: Path, change: Any, sentence: str) -> None:
    content = record()
    change(content)
    with pytest.raises((ConfigError, DataError), match=sentence):
        read(tmp_path, content)


def test_a_file_that_is_no_plan_is_named(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"plan\.json cannot be read as a plan"):
        plan.read(tmp_path / "plan.json")
    with pytest.raises(ConfigError, match=r"there is no plan 'smal'; use .*small"):
        plan.find("smal")
