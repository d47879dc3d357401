from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import pytest

from model.errors import ModelError
from model.export.checkpoint import expected_shapes, read_architecture, read_weights
from model.export.gguf import write_gguf
from model.export.hf import write_hf
from model.tokenizer import FimFormat, Tokenizer


def _write(checkpoint: Path, out: Path) -> None:
    architecture = read_architecture(checkpoint)
    write_hf(architecture, read_weights(checkpoint, architecture), checkpoint / "tokenizer.json", out)


@pytest.mark.parametrize("tied", [False, True])
def test_transformers_loads_the_same_network(make_checkpoint, tmp_path: Path, rows, tied: bool) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    source = make_checkpoint(tmp_path / "source", tie_word_embeddings=tied)
    _write(source, tmp_path / "out")
    ids = torch.tensor([rows[0]])
    logits = []
    for folder in (source, tmp_path / "out"):
        network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        with torch.inference_mode():
            logits.append(network(ids).logits)
    assert torch.equal(*logits)


def test_transformers_gives_the_same_ids(
    checkpoint: Path, tmp_path: Path, source: str, tokenizer: Tokenizer
) -> None:
    from transformers import AutoTokenizer

    _write(checkpoint, tmp_path / "out")
    theirs = AutoTokenizer.from_pretrained(tmp_path / "out", local_files_only=True)
    text = source.replace("<|", "< |") + "\r\n\tgrün = '…日本'  # 😀 1234\n\n\n    "
    assert theirs(text)["input_ids"] == tokenizer.encode(text)
    assert theirs.decode(tokenizer.encode(text)) == text
    assert theirs.eos_token_id == tokenizer.end_of_text


def test_a_written_folder_is_a_source_again(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    _write(checkpoint, tmp_path / "out")
    assert read_architecture(tmp_path / "out") == read_architecture(checkpoint)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["thesis.txt", "config.json", "training.json"])
def test_a_folder_that_holds_anything_is_left_alone(checkpoint: Path, tmp_path: Path, name: str) -> None:
    """Many projects have a config.json, and a checkpoint has a training.json that is nowhere else."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("{}")
    with pytest.raises(ModelError, match="will not be replaced"):
        _write(checkpoint, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == [name]


@pytest.mark.parametrize(
    "changes",
    [
        {"attention_bias": True, "mlp_bias": True},
        {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"},
        {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "attention_bias": True},
        {"rope_parameters": {"rope_type": "linear", "rope_theta": 5000.0, "factor": 2.0}},
    ],
)
def test_biases_norms_and_rotary_settings_are_written(checkpoint: Path, tmp_path: Path, changes) -> None:
    """What config.json says is what transformers computes; a forgotten key is another network."""
    import torch
    from transformers import AutoModelForCausalLM

    given = json.loads((checkpoint / "config.json").read_text("utf-8")) | changes
    (tmp_path / "config.json").write_text(json.dumps(given), encoding="utf-8")
    architecture = read_architecture(tmp_path)
    random = np.random.default_rng(0)
    shapes = expected_shapes(architecture).items()
    weights = {name: random.standard_normal(shape, np.float32) * np.float32(0.1) for name, shape in shapes}
    write_hf(architecture, weights, checkpoint / "tokenizer.json", tmp_path / "out")
    assert read_architecture(tmp_path / "out") == architecture
    network = AutoModelForCausalLM.from_pretrained(
        tmp_path / "out", dtype=torch.float32, local_files_only=True
    )
    loaded = network.state_dict()
    if architecture.tied:
        loaded.pop("lm_head.weight")
    assert loaded.keys() == weights.keys()
    assert all((loaded[name].numpy() == weights[name]).all() for name in weights)
    theirs = network.config.rope_parameters
    assert {key: theirs[key] for key in architecture.rope_parameters} == architecture.rope_parameters


def test_sentinels_of_another_family_are_named(checkpoint: Path, tmp_path: Path) -> None:
    stored = json.loads((checkpoint / "tokenizer.json").read_text("utf-8"))
    names = ("<END>", "<PRE>", "<SUF>", "<MID>", "<PAD>", "<SEP>", "<BEGIN>")
    for token, name in zip(stored["added_tokens"], names, strict=False):
        if token["content"] in stored["model"]["vocab"]:
            stored["model"]["vocab"][name] = stored["model"]["vocab"].pop(token["content"])
        token["content"] = name
    (tmp_path / "tokenizer.json").write_text(json.dumps(stored), encoding="utf-8")
    end, prefix, suffix, middle, pad, separator, begin = names
    fim = FimFormat(
        order="prefix_first", end_of_text=end, fim_prefix=prefix, fim_suffix=suffix, fim_middle=middle,
        fim_pad=pad, file_sep=separator, begin_of_text=begin,
    )  # fmt: skip
    architecture = read_architecture(checkpoint)
    weights = read_weights(checkpoint, architecture)
    write_hf(architecture, weights, tmp_path / "tokenizer.json", tmp_path / "out", fim=fim)
    written = json.loads((tmp_path / "out" / "config.json").read_text("utf-8"))
    assert [written[f"{role}_token_id"] for role in ("eos", "pad", "bos")] == [0, 4, 6]
    write_gguf(
        architecture, weights, tmp_path / "tokenizer.json", tmp_path / "m.gguf", name="x", type="f32", fim=fim
    )
    reader = gguf.GGUFReader(tmp_path / "m.gguf")
    roles = ("eos", "fim_pre", "fim_suf", "fim_mid", "fim_pad", "fim_sep", "bos")
    ids = [reader.fields[f"tokenizer.ggml.{role}_token_id"].contents() for role in roles]
    assert ids == [0, 1, 2, 3, 4, 5, 6]
