"""docs/your-own-model.md, done as it stands there: from a Hugging Face checkpoint to ghost text over LSP.

The checkpoint is a small network of the Qwen2 family as transformers saves it, with a byte-level BPE that was
trained here. It is random but for one chain of tokens, so that what comes out in the end shows that
everything between was right. Not covered: published checkpoints, and the download, which needs a network.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for command_here.py

import command_here

from eval.editor import Editor

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "your-own-model.md").read_text(encoding="utf-8")
HEADING = "## From a Hugging Face checkpoint to ghost text"
CODE = "def total(a, b):\n    return \n\n\ndef other(a, b):\n    return a + b\n"
NAMES = ("<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|file_sep|>")
CHAIN = ("<|fim_middle|>", "a", " +", " b", "<|endoftext|>")  # each token's successor, whatever came before


def commands() -> list[list[str]]:
    """The commands of the walk-through, in their order."""
    section = PAGE.partition(HEADING)[2].partition("\n## ")[0]
    lines = [
        line for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) for line in block.splitlines()
    ]
    return [shlex.split(line.removeprefix("tabwright ")) for line in lines]


def tabwright(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-m", "tabwright", *words],
        cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=280, check=False,
    )  # fmt: skip


def write_checkpoint(folder: Path, code: str) -> None:
    """As `hf download` would have left it."""
    import torch
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    from model.tokenizer import QWEN2_REGEX

    backend = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(QWEN2_REGEX), behavior="isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=480, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator([code, "    return a + b\n" * 50], trainer)
    backend.add_special_tokens([AddedToken(name, normalized=False) for name in NAMES])
    PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=NAMES[0]).save_pretrained(folder)

    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=512, hidden_size=128, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=False,
    )  # fmt: skip
    network = Qwen2ForCausalLM(config)
    ids = [backend.token_to_id(name.replace(" ", "\u0120")) for name in CHAIN]
    with torch.no_grad():
        embedding = network.model.embed_tokens.weight.normal_()
        for layer in network.model.layers:  # nearly nothing but the last token counts
            layer.self_attn.o_proj.weight.mul_(0.01)
            layer.mlp.down_proj.weight.mul_(0.01)
        for token, successor in itertools.pairwise(ids):
            network.lm_head.weight[successor] += 0.3 * embedding[token]
    network.save_pretrained(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where somebody stands who follows the page: the download is done, and there is some code."""
    folder = tmp_path_factory.mktemp("somewhere")
    source = (ROOT / "tests" / "data" / "real_code.txt").read_text(encoding="utf-8")
    for name in ("src", "another-project"):
        (folder / name).mkdir()
        (folder / name / "code.py").write_text(source[:8000], encoding="utf-8")
    (folder / "src" / "app.py").write_text(CODE, encoding="utf-8")
    write_checkpoint(folder / "Qwen2.5-Coder-0.5B", source)
    return folder


@pytest.fixture(scope="module")
def said(folder: Path) -> dict[str, str]:
    """What each command of the page said that comes before the server."""
    *before, _ = commands()
    said = {}
    for words in before:
        done = tabwright(folder, *words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        said[words[1] if words[0] == "model" else words[0]] = done.stdout
    return said


async def test_the_page_leads_from_a_checkpoint_to_ghost_text(folder: Path, said: dict[str, str]) -> None:
    assert list(said) == ["export", "show", "doctor", "complete", "fit-memory"]
    serve = commands()[-1]
    assert "prompts are FimFormat(order='prefix_first'" in said["export"]
    assert "qwen-coder" in said["show"]
    assert "licence      Apache-2.0" in said["show"]
    assert "PROBLEM" not in said["doctor"]
    assert said["complete"] == "a + b\n"
    command = [sys.executable, "-I", "-m", "tabwright", *serve]
    async with Editor(folder, command=command, settings={"invokedDeadlineMs": 10_000}) as editor:
        editor.open("src/app.py", CODE)
        item = await editor.suggest("src/app.py", CODE.index("return ") + 7, invoked=True)
        assert item is not None
        assert item.insert_text == "a + b"
    assert editor.exit_status == 0, editor.stderr


# What may be wrong, by the commands that somebody would run


@pytest.fixture
def spoiled(folder: Path, said: dict[str, str], tmp_path: Path) -> Path:
    """A copy of the model that the page has made, which a test may spoil."""
    return Path(shutil.copytree(folder / "models" / "qwen", tmp_path / "spoiled"))


def refused(folder: Path, *words: str, run=tabwright) -> str:
    """The one sentence with which a command ends."""
    done = run(folder, *words)
    assert done.returncode == 1, (words, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr + done.stdout
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("tabwright: ")
    return line


def edit_meta(model: Path, **changes: object) -> None:
    meta = json.loads((model / "meta.json").read_text(encoding="utf-8"))
    (model / "meta.json").write_text(json.dumps(meta | changes), encoding="utf-8")


def replace_file(model: Path, name: str, data: bytes, **more: object) -> None:
    """With the right checksum: whoever makes a folder makes that, too."""
    from model.serving.release import file_sha256

    (model / name).write_bytes(data)
    meta = json.loads((model / "meta.json").read_text(encoding="utf-8"))
    checksum = file_sha256(model / name)
    tokenizer = {"tokenizer_sha256": checksum} if name == "tokenizer.json" else {}
    edit_meta(model, files=meta["files"] | {name: {"sha256": checksum}}, **tokenizer)


def wrong_tokenizer(model: Path) -> str:
    data = (model / "tokenizer.json").read_bytes()
    (model / "tokenizer.json").write_bytes(data.replace(b'"version":"1.0"', b'"version": "1.0"'))
    meta = json.loads((model / "meta.json").read_text(encoding="utf-8"))
    from model.serving.release import file_sha256

    checksum = {"sha256": file_sha256(model / "tokenizer.json")}
    edit_meta(model, files=meta["files"] | {"tokenizer.json": checksum})
    return "tokenizer.json is not the tokenizer that the model was trained with"


def missing_fim_tokens(model: Path) -> str:
    value = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    value["added_tokens"] = [one for one in value["added_tokens"] if "fim_middle" not in one["content"]]
    replace_file(model, "tokenizer.json", json.dumps(value).encode())
    return "tokenizer.json has no special token '<|fim_middle|>'"


def too_long_a_context(model: Path) -> str:
    edit_meta(model, window=1024)
    return "meta.json: a window of 1024 does not fit the network's 512 positions"


def a_context_that_only_meta_knows(model: Path) -> str:
    meta = json.loads((model / "meta.json").read_text(encoding="utf-8"))
    edit_meta(model, window=1024, architecture=meta["architecture"] | {"positions": 1024})
    return "model.onnx reaches 512 positions, but its window is 1024"


def a_tampered_graph(model: Path) -> str:
    data = bytearray((model / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (model / "model.onnx").write_bytes(bytes(data))
    return "model.onnx is not the file that meta.json describes (wrong checksum)"


def half_a_download(model: Path) -> str:
    data = (model / "model.onnx").read_bytes()
    replace_file(model, "model.onnx", data[: len(data) // 2])
    return "model.onnx is not a graph that Tabwright writes: it ends too early"


FAULTS = [
    wrong_tokenizer,
    missing_fim_tokens,
    too_long_a_context,
    a_context_that_only_meta_knows,
    a_tampered_graph,
    half_a_download,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_one_sentence_on_the_command_line(folder: Path, spoiled: Path, fault) -> None:
    says = fault(spoiled)
    line = refused(folder, "complete", "src/app.py", "2", "12", "--model", str(spoiled))
    assert says in line
    assert str(spoiled) in line
    assert "again" in line.rpartition(";")[2], "the way out"


@pytest.mark.parametrize("fault", [missing_fim_tokens, a_tampered_graph], ids=lambda fault: fault.__name__)
def test_the_doctor_finds_the_fault(folder: Path, spoiled: Path, fault) -> None:
    says = fault(spoiled)
    done = tabwright(folder, "doctor", "--model", str(spoiled), "--folder", "src")
    assert done.returncode == 1
    assert says in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("fault", [wrong_tokenizer, a_tampered_graph], ids=lambda fault: fault.__name__)
async def test_a_server_says_the_same_sentence_once_and_lives_on(folder: Path, spoiled: Path, fault) -> None:
    """An editor would start a server anew that ends at once, again and again."""
    says = fault(spoiled)
    command = [sys.executable, "-I", "-m", "tabwright", "serve", "--model", str(spoiled)]
    async with Editor(folder, command=command) as editor:
        await editor.wait_for_state("problem")
        assert says in editor.states[-1][1]
        editor.open("src/app.py", CODE)
        assert await editor.suggest("src/app.py", CODE.index("return ") + 7, invoked=True) is None
        assert [says in message for message in editor.messages] == [True]
    assert editor.exit_status == 0, editor.stderr


def test_a_checkpoint_is_refused_with_the_way_out(folder: Path, tmp_path: Path) -> None:
    """Each by the command of the page, on a checkpoint with one thing wrong."""
    theirs = Path(shutil.copytree(folder / "Qwen2.5-Coder-0.5B", tmp_path / "theirs"))
    export = ["export", str(theirs), "--out", str(tmp_path / "out"), "--text", "src"]
    assert "holds no meta.json" in refused(
        folder, "complete", "src/app.py", "2", "12", "--model", str(theirs)
    ), "a checkpoint is no model"
    assert "a window of 4096 tokens is out of range" in refused(
        folder, *export, "--window", "4096", run=command_here.run
    )
    value = json.loads((theirs / "tokenizer.json").read_text(encoding="utf-8"))
    fewer = [one for one in value["added_tokens"] if "fim_middle" not in one["content"]]
    (theirs / "tokenizer.json").write_text(json.dumps(value | {"added_tokens": fewer}), encoding="utf-8")
    line = refused(folder, *export, "--order", "prefix_first", run=command_here.run)
    assert "needs a token for fim_prefix, fim_suffix, fim_middle" in line
    assert "name the tokens, or take a model that has them" in line
    value["model"]["type"] = "WordLevel"
    (theirs / "tokenizer.json").write_text(json.dumps(value), encoding="utf-8")
    assert "only byte-level BPE can be exported" in refused(folder, *export)
    assert not (tmp_path / "out").exists()
