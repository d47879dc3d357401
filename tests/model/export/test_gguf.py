from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import pytest

from model.errors import ConfigError, ModelError
from model.export.checkpoint import read_architecture, read_weights
from model.export.gguf import read_vocabulary, write_gguf
from model.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def written(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("gguf") / "model.gguf"
    architecture = read_architecture(checkpoint)
    weights = read_weights(checkpoint, architecture)
    write_gguf(architecture, weights, checkpoint / "tokenizer.json", out, name="tiny", type="f32")
    return out


def _field(reader: gguf.GGUFReader, key: str):
    return reader.fields[key].contents()


def test_every_weight_is_in_the_file_unchanged(written: Path, checkpoint: Path) -> None:
    stored = {t.name: np.asarray(t.data) for t in gguf.GGUFReader(written).tensors}
    architecture = read_architecture(checkpoint)
    weights = read_weights(checkpoint, architecture)
    assert len(stored) == len(weights)
    for ours, theirs in (
        ("model.embed_tokens.weight", "token_embd.weight"),
        ("lm_head.weight", "output.weight"),
        ("model.norm.weight", "output_norm.weight"),
        ("model.layers.1.self_attn.v_proj.weight", "blk.1.attn_v.weight"),
        ("model.layers.1.self_attn.o_proj.weight", "blk.1.attn_output.weight"),
        ("model.layers.0.post_attention_layernorm.weight", "blk.0.ffn_norm.weight"),
        ("model.layers.0.mlp.down_proj.weight", "blk.0.ffn_down.weight"),
    ):
        np.testing.assert_array_equal(stored[theirs].reshape(weights[ours].shape), weights[ours])


def test_queries_and_keys_rotate_as_llama_cpp_rotates(written: Path, checkpoint: Path) -> None:
    """Scores between two positions are equal: halves rotated by transformers, pairs by llama.cpp."""
    a = read_architecture(checkpoint)
    weights = read_weights(checkpoint, a)
    stored = {t.name: np.asarray(t.data) for t in gguf.GGUFReader(written).tensors}
    random = np.random.default_rng(0)
    x, y = random.standard_normal((2, a.hidden))
    angles = 7 * a.rope_theta ** (-np.arange(0, a.head_dim, 2) / a.head_dim)
    cos, sin = np.cos(angles), np.sin(angles)

    def halves(v):
        first, second = np.split(v.reshape(-1, a.head_dim), 2, axis=1)
        return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=1)

    def pairs(v):
        v = v.reshape(-1, a.head_dim // 2, 2)
        return np.stack([v[..., 0] * cos - v[..., 1] * sin, v[..., 1] * cos + v[..., 0] * sin], -1).reshape(
            len(v), -1
        )

    layer = "model.layers.0.self_attn"
    expected = (
        halves(weights[f"{layer}.q_proj.weight"] @ x)
        @ (weights[f"{layer}.k_proj.weight"] @ y).reshape(-1, a.head_dim).T
    )
    found = (
        pairs(stored["blk.0.attn_q.weight"].reshape(-1, a.hidden) @ x)
        @ (stored["blk.0.attn_k.weight"].reshape(-1, a.hidden) @ y).reshape(-1, a.head_dim).T
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_sizes_and_vocabulary(written: Path, checkpoint: Path, tokenizer: Tokenizer) -> None:
    reader, a = gguf.GGUFReader(written), read_architecture(checkpoint)
    assert _field(reader, "general.architecture") == "llama"
    for key, value in (
        ("block_count", a.layers),
        ("attention.head_count", a.heads),
        ("attention.head_count_kv", a.kv_heads),
        ("attention.key_length", a.head_dim),
        ("rope.dimension_count", a.head_dim),
        ("feed_forward_length", a.mlp),
        ("context_length", a.positions),
    ):
        assert _field(reader, f"llama.{key}") == value
    assert _field(reader, "llama.rope.freq_base") == pytest.approx(a.rope_theta)
    assert _field(reader, "llama.attention.layer_norm_rms_epsilon") == pytest.approx(a.epsilon)
    assert _field(reader, "tokenizer.ggml.model") == "gpt2"
    assert _field(reader, "tokenizer.ggml.pre") == "qwen2"
    assert _field(reader, "tokenizer.ggml.eos_token_id") == tokenizer.end_of_text
    assert _field(reader, "tokenizer.ggml.fim_pre_token_id") == tokenizer.fim_prefix
    assert _field(reader, "tokenizer.ggml.fim_suf_token_id") == tokenizer.fim_suffix
    assert _field(reader, "tokenizer.ggml.fim_mid_token_id") == tokenizer.fim_middle
    assert _field(reader, "tokenizer.ggml.add_bos_token") is False
    tokens, types = _field(reader, "tokenizer.ggml.tokens"), _field(reader, "tokenizer.ggml.token_type")
    assert len(tokens) == len(types) == tokenizer.size
    for i, piece in enumerate(tokenizer.token_bytes):
        assert (types[i] == gguf.TokenType.CONTROL) == (not piece)


@pytest.mark.parametrize("kind", ["f16", "q8_0"])
def test_smaller_types_round_matrices_and_leave_norms(checkpoint: Path, tmp_path: Path, kind: str) -> None:
    a = read_architecture(checkpoint)
    weights = read_weights(checkpoint, a)
    out = tmp_path / "m.gguf"
    write_gguf(a, weights, checkpoint / "tokenizer.json", out, name="tiny", type=kind)  # type: ignore[arg-type]
    stored = {t.name: t for t in gguf.GGUFReader(out).tensors}
    np.testing.assert_array_equal(stored["blk.0.attn_norm.weight"].data,
                                  weights["model.layers.0.input_layernorm.weight"])  # fmt: skip
    # 80 is no multiple of 32: such rows stay as they are, for every other reader's sake too
    down = stored["blk.0.ffn_down.weight"]
    assert down.tensor_type.name == ("F16" if kind == "f16" else "F32")
    # rows of 48 likewise
    head = stored["output.weight"]
    found = gguf.quants.dequantize(head.data, head.tensor_type).reshape(a.vocabulary, a.hidden)
    assert np.abs(found - weights["lm_head.weight"]).max() < 0.01
    assert [p.name for p in tmp_path.iterdir()] == ["m.gguf"]


def test_q8_0_is_used_where_rows_allow_it(make_checkpoint, tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "c", hidden_size=64, num_attention_heads=2)
    a = read_architecture(folder)
    weights = read_weights(folder, a)
    write_gguf(a, weights, folder / "tokenizer.json", tmp_path / "m.gguf", name="x", type="q8_0")
    head = next(t for t in gguf.GGUFReader(tmp_path / "m.gguf").tensors if t.name == "output.weight")
    assert head.tensor_type.name == "Q8_0"
    found = gguf.quants.dequantize(head.data, head.tensor_type).reshape(a.vocabulary, a.hidden)
    assert 0 < np.abs(found - weights["lm_head.weight"]).max() < 0.01


def test_a_tokenizer_that_llama_cpp_would_read_otherwise_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    stored = json.loads((checkpoint / "tokenizer.json").read_text())
    stored["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = r"\w+|\s+"
    (tmp_path / "tokenizer.json").write_text(json.dumps(stored))
    with pytest.raises(ModelError, match=r"llama\.cpp has no name for"):
        read_vocabulary(tmp_path / "tokenizer.json", 600)


def test_rows_without_a_token_are_unused_tokens(checkpoint: Path) -> None:
    vocabulary = read_vocabulary(checkpoint / "tokenizer.json", 610)
    assert vocabulary.tokens[609] == "[PAD609]"
    assert vocabulary.types[609] == gguf.TokenType.UNUSED
    with pytest.raises(ModelError, match="has 600 tokens, but the network only 599"):
        read_vocabulary(checkpoint / "tokenizer.json", 599)


def test_an_unknown_type_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    a = read_architecture(checkpoint)
    with pytest.raises(ConfigError, match="no GGUF type 'q9'"):
        write_gguf(a, {}, checkpoint / "tokenizer.json", tmp_path / "m", name="x", type="q9")  # type: ignore[arg-type]
