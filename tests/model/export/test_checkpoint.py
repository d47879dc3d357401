"""What cannot be exported is refused in one sentence that names the file and the cause."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from model.errors import ModelError
from model.export.checkpoint import read_architecture, read_weights


@pytest.fixture(scope="module")
def config(checkpoint: Path) -> dict[str, Any]:
    return json.loads((checkpoint / "config.json").read_text("utf-8"))


def written(folder: Path, config: dict[str, Any]) -> Path:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}, "Qwen2ForCausalLM"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "LlamaForSequenceClassification"),
        ({"attention_bias": True}, "attention_bias"),
        ({"mlp_bias": True}, "mlp_bias"),
        ({"hidden_act": "gelu"}, "hidden_act gelu"),
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0}}, "llama3"),
        ({"rope_parameters": None, "rope_scaling": {"type": "linear", "factor": 2.0}}, "linear"),
        (
            {"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}},
            "partial_rotary_factor",
        ),
        ({"head_dim": 24}, "head_dim is 24"),
        ({"num_key_value_heads": 2}, "3 attention heads"),
    ],
)
def test_unsupported_network_is_refused_by_name(config, tmp_path, changes, said):
    with pytest.raises(ModelError, match=said) as caught:
        read_architecture(written(tmp_path, config | changes))
    assert "config.json" in str(caught.value)


def test_missing_setting_is_named(config, tmp_path):
    del config["intermediate_size"]
    with pytest.raises(ModelError, match="no 'intermediate_size'"):
        read_architecture(written(tmp_path, config))


@pytest.mark.parametrize(
    ("text", "said"), [("{", "as JSON"), ("[]", "no JSON object"), (None, "there is no")]
)
def test_config_that_is_no_json_object_is_named(tmp_path, text, said):
    if text is not None:
        (tmp_path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=said) as caught:
        read_architecture(tmp_path)
    assert str(tmp_path / "config.json") in str(caught.value)


def test_flat_rope_settings_of_older_transformers_are_read(checkpoint, tmp_path):
    """transformers 4 wrote rope_theta at the top level; ignoring it would rotate by the default."""
    config = json.loads((checkpoint / "config.json").read_text("utf-8"))
    del config["rope_parameters"]
    assert read_architecture(written(tmp_path, config | {"rope_theta": 321.0})).rope_theta == 321.0


def test_weights_that_do_not_fit_the_config_are_named(checkpoint, tmp_path):
    architecture = read_architecture(checkpoint)
    weights = load_file(checkpoint / "model.safetensors")
    wrong = weights | {"model.norm.weight": weights["model.norm.weight"][:-1].clone()}
    save_file(wrong, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=r"model.norm.weight has shape \(47,\)"):
        read_weights(tmp_path, architecture)
    del weights["lm_head.weight"]
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=r"no tensor lm_head.weight"):
        read_weights(tmp_path, architecture)


def test_missing_or_corrupt_weights_are_named(checkpoint, tmp_path):
    architecture = read_architecture(checkpoint)
    with pytest.raises(ModelError, match=r"there is no .*model\.safetensors"):
        read_weights(tmp_path, architecture)
    (tmp_path / "model.safetensors").write_bytes(b"no safetensors")
    with pytest.raises(ModelError, match=r"model\.safetensors cannot be read"):
        read_weights(tmp_path, architecture)
