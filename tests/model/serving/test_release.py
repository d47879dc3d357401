"""A model folder that is not whole is refused in one sentence that names the file and the way out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import model
from model.errors import ModelError
from model.serving.engine import Engine
from model.serving.release import default_folder, file_sha256, read_release


@pytest.fixture
def folder(release_folder: Path, tmp_path: Path) -> Path:
    """A copy of the release that a test may spoil."""
    return Path(shutil.copytree(release_folder, tmp_path / "model"))


def edit_meta(folder: Path, **changes) -> None:
    """Set keys of meta.json; `...` removes one."""
    path = folder / "meta.json"
    meta = json.loads(path.read_text("utf-8")) | changes
    path.write_text(json.dumps({k: v for k, v in meta.items() if v is not ...}), encoding="utf-8")


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_release(folder)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "export the model again" in sentence
    return sentence


def test_whole_folder_is_read(folder):
    release = read_release(folder)
    assert (release.name, release.window, release.neighbours) == ("tiny", 320, True)
    assert release.languages == ("python",)
    assert release.created is None
    assert release.graph == folder / "model.onnx"


def test_missing_folder(tmp_path):
    assert f"no model folder {tmp_path / 'none'}" in refusal(tmp_path / "none")


def test_missing_meta(folder):
    (folder / "meta.json").unlink()
    assert f"{folder} holds no meta.json" in refusal(folder)


@pytest.mark.parametrize("text", [b"{", b"", b"\xff\xfe"])
def test_meta_that_is_not_json(folder, text):
    (folder / "meta.json").write_bytes(text)
    assert f"{folder / 'meta.json'} cannot be read as JSON" in refusal(folder)


def test_meta_that_is_no_object(folder):
    (folder / "meta.json").write_text("[]", encoding="utf-8")
    assert "meta.json cannot be read as JSON (it holds no JSON object)" in refusal(folder)


@pytest.mark.parametrize(
    "key",
    ["format", "name", "architecture", "parameters", "languages", "window", "neighbours", "tokenizer_sha256",
     "fim", "corpus", "licenses", "recipe", "curve", "validation", "parity", "variant", "variants", "files"],
)  # fmt: skip
def test_missing_key_is_named(folder, key):
    edit_meta(folder, **{key: ...})
    assert f"meta.json has no key '{key}'" in refusal(folder)


@pytest.mark.parametrize(
    ("key", "value"), [("window", "320"), ("window", True), ("files", []), ("name", None)]
)
def test_key_of_the_wrong_type_is_named(folder, key, value):
    edit_meta(folder, **{key: value})
    assert f"'{key}' has the wrong type" in refusal(folder)


@pytest.mark.parametrize("fim", [{}, {"order": "prefix_first", "tokens": {"fim_prefix": "<p>"}}])
def test_malformed_prompt_format_is_named(folder, fim):
    """Read as our own, another's model would be asked in an order that it never saw."""
    edit_meta(folder, fim=fim)
    assert "meta.json: 'fim' is malformed" in refusal(folder)


def test_unknown_format_names_both_numbers_and_says_upgrade(folder):
    edit_meta(folder, format=3)
    sentence = refusal(folder)
    assert "format 3" in sentence
    assert "reads format 2" in sentence
    assert "upgrade" in sentence


def test_format_1_is_read_as_float32(folder):
    """Its releases knew no variants; people have them on their disks."""
    edit_meta(folder, format=1, variant=..., variants=...)
    release = read_release(folder)
    assert (release.variant, release.variants) == ("fp32", {})


def test_variant_of_which_nothing_is_known_is_named(folder):
    """A meta.json beside a graph that is not its own."""
    edit_meta(folder, variant="int3")
    assert "'variants' says nothing of the variant 'int3'" in refusal(folder)


@pytest.mark.parametrize("window", [0, 1, 513])
def test_window_that_does_not_fit_the_graph_is_named(folder, window):
    """Every request beyond the rotary tables would fail, one by one."""
    edit_meta(folder, window=window)
    assert f"a window of {window} does not fit the network's 512 positions" in refusal(folder)


def test_unlisted_gpu_graph_is_named(folder):
    """It would be loaded without having been checked."""
    assert read_release(folder).gpu_graph is None
    shutil.copy(folder / "model.onnx", folder / "model.fp16.onnx")
    assert "lists no model.fp16.onnx" in refusal(folder)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_missing_file_is_named(folder, name):
    (folder / name).unlink()
    assert f"{folder / name} is missing" in refusal(folder)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_changed_file_is_named(folder, name):
    """A download that broke off, or files of two releases mixed up."""
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    sentence = refusal(folder)
    assert str(folder / name) in sentence
    assert "wrong checksum" in sentence


def test_file_that_meta_does_not_list_is_named(folder):
    """An unlisted file would be loaded without having been checked."""
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    edit_meta(folder, files={"tokenizer.json": meta["files"]["tokenizer.json"]})
    assert "lists no model.onnx" in refusal(folder)


@pytest.mark.parametrize("entry", ["../secret", "a/b"])
def test_file_names_stay_inside_the_folder(folder, entry):
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    edit_meta(folder, files=meta["files"] | {entry: {"sha256": "0"}})
    assert f"bad entry '{entry}'" in refusal(folder)


def test_a_tokenizer_of_another_model_is_named(folder):
    """With its own checksum beside it: every token would mean something else to the network."""
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    (folder / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes() + b"\n")
    meta["files"]["tokenizer.json"]["sha256"] = file_sha256(folder / "tokenizer.json")
    edit_meta(folder, files=meta["files"])
    sentence = refusal(folder)
    assert f"{folder / 'tokenizer.json'} is not the tokenizer that the model was trained with" in sentence


def test_corrupt_graph_is_named(folder, replace_file):
    replace_file(folder, "model.onnx", b"no graph")
    with pytest.raises(ModelError, match=r"model\.onnx is not a graph that .*export the model again"):
        Engine.load(folder)


def test_foreign_graph_is_named(folder, replace_file):
    """Some other ONNX model: loads, but has none of the inputs that are bound."""
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    foreign = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    replace_file(folder, "model.onnx", foreign.SerializeToString())
    with pytest.raises(ModelError, match=r"model\.onnx is not a graph that Tabwright writes"):
        Engine.load(folder)


def test_corrupt_tokenizer_is_named(folder, replace_file):
    replace_file(folder, "tokenizer.json", b"{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json has no list of added tokens"):
        Engine.load(folder)


def test_tokenizer_larger_than_the_graph_is_named(folder, source, replace_file):
    """Its last ids would read beyond the embedding."""
    from model.tokenizer import Tokenizer

    larger = Tokenizer.train(lambda: iter([source]), vocabulary=700)
    replace_file(folder, "tokenizer.json", larger.to_json().encode())
    with pytest.raises(ModelError, match=r"tokenizer\.json has 700 tokens, but the network knows 600"):
        Engine.load(folder)


def test_default_folder_lies_in_the_package():
    assert default_folder() == Path(model.__file__).resolve().parent / "pretrained"
