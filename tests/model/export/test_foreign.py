"""Checkpoints of others: exported without a training.json, equal to transformers, served in their order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.errors import ConfigError, DataError, ModelError
from model.export.checkpoint import read_architecture, read_weights
from model.export.encodings import FP32
from model.export.foreign import adopt, rows_of_text
from model.export.onnx_graph import build
from model.export.parity import compare
from model.export.write import export
from model.fim import Hole, render
from model.serving.release import read_release
from model.serving.session import Session
from model.syntax import languages
from model.tokenizer import Tokenizer

# In logits of some tens; the test networks' large weights sharpen every softmax and so amplify rounding.
ROUNDING = 1e-3
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
}  # fmt: skip
YARN = {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 128}


def session_of(checkpoint: Path, to: Path, window: int) -> Session:
    import onnx

    architecture = read_architecture(checkpoint)
    onnx.save(build(architecture, read_weights(checkpoint, architecture), FP32), str(to))
    return Session(to, window=window)


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("llama", {}),
        ("llama", {"tie_word_embeddings": True}),
        ("llama", {"attention_bias": True, "mlp_bias": True}),
        ("llama", {"rope_parameters": LLAMA3}),
        ("llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0}}),
        ("qwen2", {"tie_word_embeddings": True}),
        ("qwen2", {"shards": "60KB"}),
        ("qwen2", {"rope_parameters": YARN}),
        ("qwen3", {}),
        ("qwen3", {"tie_word_embeddings": True, "attention_bias": True, "head_dim": 32}),
    ],
    ids=[
        "llama", "llama, tied", "granite: all biases", "llama 3.2: scaled positions", "deepseek: linear",
        "qwen2, tied", "qwen2 in several files", "qwen2, yarn", "qwen3", "qwen3, tied, with biases",
    ],
)  # fmt: skip
def test_graph_computes_what_the_family_does(make_foreign, tmp_path, rows, family, changes):
    """Whole rows in chunks, and single steps on remembered keys."""
    checkpoint = make_foreign(tmp_path, family, **changes)
    assert (tmp_path / "model.safetensors").exists() != ("shards" in changes)
    rows = [[token % 560 for token in row] for row in rows]
    parity = compare(checkpoint, session_of(checkpoint, tmp_path / "model.onnx", 400), rows)
    assert parity.max_difference < ROUNDING
    assert parity.step_max_difference < ROUNDING
    assert parity.top1_agreement == parity.step_top1_agreement == 1.0


@pytest.mark.parametrize(
    "wrong",
    ["self_attn.q_norm.weight", "self_attn.k_norm.weight", "self_attn.k_proj.bias", "self_attn.o_proj.bias"],
)
def test_a_weight_that_the_graph_ignores_would_be_noticed(make_foreign, tmp_path, rows, wrong):
    """Or the test above shows nothing: each of the families' extras moves the logits."""
    import onnx

    checkpoint = make_foreign(tmp_path, "qwen3", attention_bias=True)
    architecture = read_architecture(checkpoint)
    weights = read_weights(checkpoint, architecture)
    weights[f"model.layers.1.{wrong}"] = weights[f"model.layers.1.{wrong}"] * 0 + wrong.endswith("weight")
    onnx.save(build(architecture, weights, FP32), str(tmp_path / "m.onnx"))
    rows = [[token % 560 for token in row] for row in rows]
    parity = compare(checkpoint, Session(tmp_path / "m.onnx", window=64), rows)
    assert parity.max_difference > 20 * ROUNDING


def test_foreign_checkpoint_becomes_a_release_that_claims_nothing(make_foreign, tmp_path, source):
    checkpoint = make_foreign(tmp_path / "qwen", "qwen2", tie_word_embeddings=True)
    (tmp_path / "code.py").write_text(source, encoding="utf-8")
    adopted = adopt(checkpoint, window=200, license="Apache-2.0")
    rows = rows_of_text([tmp_path / "code.py"], adopted.tokenizer, length=200, count=3)
    export(checkpoint, tmp_path / "out", name="theirs", rows=rows, adopted=adopted)
    release = read_release(tmp_path / "out")
    assert (release.window, release.languages, release.neighbours) == (200, languages(), True)
    assert (release.licenses, release.corpus) == (["Apache-2.0"], {})
    assert (release.curve, release.validation) == ((), {})
    assert release.architecture["positions"] == 200, "tables of positions that nobody reaches"
    assert release.fim == adopted.tokenizer.fim
    served = Tokenizer.load(release.tokenizer, release.fim)
    assert served.sha256 == release.tokenizer_sha256
    hole = Hole(path="a.py", language="python", prefix="def f(", suffix="):\n", neighbours=())
    prompt = render(hole, served, 128)
    assert (prompt.tokens[-1], prompt.pending) == (served.fim_middle, "")
    session = Session(release.graph, window=release.window)
    assert session.step(prompt.tokens)[0].shape == (1, 560)


def test_what_is_unknown_stays_unknown(make_foreign, tmp_path):
    checkpoint = make_foreign(tmp_path, "llama", names=("<|end_of_text|>",), max_position_embeddings=4096)
    record = adopt(checkpoint).training
    assert record["window"] == 2048
    assert record["corpus"] == {"licenses": ["unknown"]}
    assert not record["neighbours"], "without a token between files there is no place for them"
    assert record["tokens_seen"] is record["flops"] is record["hardware"] is record["split"] is None


def test_options_out_of_range_are_named(make_foreign, tmp_path):
    checkpoint = make_foreign(tmp_path, "llama")
    for window in (0, 513):
        with pytest.raises(ConfigError, match=rf"window of {window} tokens .* allows 64 to 512"):
            adopt(checkpoint, window=window)
    with pytest.raises(DataError, match="'klingon' is not supported"):
        adopt(checkpoint, served=["klingon"])


def test_rows_take_turns_among_files_and_pass_over_what_is_no_code(adopted_tokenizer, tmp_path):
    t = adopted_tokenizer
    for name, text in {"a.py": "a = 1\n" * 9, "b.py": "b = 2\n" * 9, "c.bin": "c = 3\n" * 9}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "d.py").write_bytes(b"\xff\xff")
    rows = rows_of_text([tmp_path], t, length=8, count=3)
    assert [t.decode(row)[:1] for row in rows[:2]] == ["a", "b"]
    assert [len(row) for row in rows] == [8, 8, 8]
    assert t.decode(rows_of_text([tmp_path / "c.bin"], t, length=8, count=1)[0]).startswith("c")
    with pytest.raises(DataError, match=r"d\.py cannot be read as text"):
        rows_of_text([tmp_path / "d.py"], t, length=8, count=3)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="there is no code in"):
        rows_of_text([tmp_path / "empty"], t, length=8, count=3)


@pytest.fixture(scope="module")
def adopted_tokenizer(foreign_json, tmp_path_factory) -> Tokenizer:
    from model.export.foreign_tokenizer import adopt_tokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    (folder / "tokenizer.json").write_text(json.dumps(foreign_json()), encoding="utf-8")
    return adopt_tokenizer(folder)


def test_the_command_exports_anothers_checkpoint(make_foreign, checkpoint, tmp_path, source):
    import tabwright

    (tmp_path / "code.py").write_text(source[:3000], encoding="utf-8")
    theirs = make_foreign(tmp_path / "theirs", "qwen3")

    def run(folder: Path, *options: str) -> str:
        arguments = ["export", str(folder), "--out", str(tmp_path / "out"), *options]
        result = CliRunner().invoke(tabwright.app, arguments)
        return result.output + str(result.exception or "")

    assert "name some code with --text" in run(theirs)
    assert "leave out --window" in run(checkpoint, "--window", "64")
    out = run(theirs, "--text", str(tmp_path / "code.py"), "--window", "128", "--order", "left_to_right")
    assert "model folder:" in out
    release = read_release(tmp_path / "out")
    assert (release.window, release.fim.order) == (128, "left_to_right")


def test_a_quantised_or_unknown_checkpoint_is_refused_before_anything_is_read(make_foreign, tmp_path):
    checkpoint = make_foreign(tmp_path, "llama")
    config = json.loads((checkpoint / "config.json").read_text("utf-8"))
    (checkpoint / "config.json").write_text(json.dumps(config | {"model_type": "gemma2"}), encoding="utf-8")
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="model_type gemma2"):
        adopt(checkpoint)
