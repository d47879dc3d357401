from __future__ import annotations

from pathlib import Path

import pytest

from model.errors import ModelError
from model.export.checkpoint import read_architecture, read_weights
from model.export.hf import write_hf
from model.tokenizer import Tokenizer


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


def test_a_written_folder_is_a_source_again_and_may_be_replaced(checkpoint: Path, tmp_path: Path) -> None:
    _write(checkpoint, tmp_path / "out")
    assert read_architecture(tmp_path / "out") == read_architecture(checkpoint)
    _write(tmp_path / "out", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_something_else_is_left_alone(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("x")
    with pytest.raises(ModelError, match="will not be replaced"):
        _write(checkpoint, tmp_path / "out")
