"""What cannot be exported is refused in one sentence that names the file and the cause."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.errors import ModelError
from model.export.checkpoint import expected_shapes, read_architecture, read_weights, rotary_frequencies

QWEN2 = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}


@pytest.fixture(scope="module")
def config(checkpoint: Path) -> dict[str, Any]:
    return json.loads((checkpoint / "config.json").read_text("utf-8"))


def written(folder: Path, config: dict[str, Any]) -> Path:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architectures": ["MistralForCausalLM"], "model_type": "mistral"}, "MistralForCausalLM"),
        ({"architectures": ["Qwen2ForCausalLM"]}, "Qwen2ForCausalLM"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "LlamaForSequenceClassification"),
        ({"quantization_config": {"quant_method": "fp8"}}, "quantization_config"),
        ({"hidden_act": "gelu"}, "hidden_act gelu"),
        ({"rope_parameters": {"rope_type": "longrope", "rope_theta": 1e4, "factor": 8.0}}, "longrope"),
        ({"rope_parameters": None, "rope_scaling": {"type": "dynamic", "factor": 2.0}}, "dynamic"),
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0}}, "not complete"),
        ({"rope_parameters": {"full_attention": {"rope_type": "default"}}}, "different ways"),
        (QWEN2 | {"use_sliding_window": True, "max_window_layers": 1}, "use_sliding_window"),
        (
            QWEN2 | {"use_sliding_window": True, "layer_types": ["full_attention", "sliding_attention"]},
            "use_sliding_window",
        ),
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
    less = {key: value for key, value in config.items() if key != "intermediate_size"}
    with pytest.raises(ModelError, match="no 'intermediate_size'"):
        read_architecture(written(tmp_path, less))


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


@pytest.mark.parametrize(
    "changes",
    [
        {"use_sliding_window": False, "sliding_window": 64},
        {"use_sliding_window": True, "sliding_window": 64, "max_window_layers": 2},
        {"use_sliding_window": True, "sliding_window": None, "max_window_layers": 0},
    ],
    ids=["switched off", "from a layer that is not there", "no size"],
)
def test_a_sliding_window_that_no_layer_uses_is_no_reason_to_refuse(config, tmp_path, changes):
    """Every Qwen2.5 config carries a size for it, unused."""
    assert read_architecture(written(tmp_path, config | QWEN2 | changes)).qkv_bias


def test_family_and_switches_decide_on_biases_and_norms(config, tmp_path):
    llama = read_architecture(written(tmp_path, config))
    assert not any((llama.qkv_bias, llama.o_bias, llama.mlp_bias, llama.qk_norm))
    # Qwen2 reads no attention_bias: its three biases are always there, and never a fourth.
    qwen2 = read_architecture(written(tmp_path, config | QWEN2 | {"attention_bias": True}))
    assert (qwen2.qkv_bias, qwen2.o_bias, qwen2.qk_norm) == (True, False, False)
    qwen3 = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "attention_bias": True}
    found = read_architecture(written(tmp_path, config | qwen3))
    assert (found.qkv_bias, found.o_bias, found.mlp_bias, found.qk_norm) == (True, True, False, True)


def test_scaled_positions_do_not_depend_on_how_many_are_kept(config, tmp_path):
    """An export keeps the positions of its window only; yarn takes its factor from those of the config."""
    yarn = {"rope_theta": 500.0, "type": "yarn", "factor": None, "original_max_position_embeddings": 128}
    whole = read_architecture(written(tmp_path, config | {"rope_parameters": None, "rope_scaling": yarn}))
    assert whole.rope_parameters == {
        "rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 128,
    }  # fmt: skip
    frequencies, factor = rotary_frequencies(whole)
    cut, same = rotary_frequencies(replace(whole, positions=200))
    assert cut.tolist() == frequencies.tolist()
    assert factor == same != 1.0


def test_index_of_several_files_that_is_wrong_is_named(checkpoint, tmp_path):
    architecture = read_architecture(checkpoint)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match=r"index\.json has no weight_map"):
        read_weights(tmp_path, architecture)
    places = dict.fromkeys(expected_shapes(architecture), "../model.safetensors")
    index.write_text(json.dumps({"weight_map": places}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"no file beside it"):
        read_weights(tmp_path, architecture)
    index.write_text(json.dumps({"weight_map": {}}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"has no tensor model.embed_tokens.weight"):
        read_weights(tmp_path, architecture)
    places = dict.fromkeys(places, "model-00001-of-00002.safetensors")
    index.write_text(json.dumps({"weight_map": places}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"there is no .*00001-of-00002"):
        read_weights(tmp_path, architecture)


def test_weights_in_eight_bits_are_refused(checkpoint, tmp_path):
    """Their scales lie in tensors of other names: read as numbers they would be noise."""
    weights = load_file(checkpoint / "model.safetensors")
    name = "model.layers.0.mlp.up_proj.weight"
    save_file(weights | {name: weights[name].to(torch.float8_e4m3fn)}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=r"up_proj.weight is stored as torch.float8_e4m3fn"):
        read_weights(tmp_path, read_architecture(checkpoint))


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
