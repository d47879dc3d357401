"""A folder that was made to do harm: nothing outside of it is read, nothing waits, every fault is a sentence.

Not covered: the graph (test_hostile_graph.py) and the tokenizer (test_hostile_tokenizer.py) in it, folders
that are merely broken (test_release.py).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.errors import ModelError
from model.serving import release as release_module
from model.serving.card import describe
from model.serving.release import META, read_release

ROOT = Path(__file__).parents[3]
unix = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of Unix")


@pytest.fixture
def folder(release_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(release_folder, tmp_path / "model"))


def meta_of(folder: Path) -> dict:
    return json.loads((folder / META).read_text("utf-8"))


def edit_meta(folder: Path, **changes: object) -> None:
    (folder / META).write_text(json.dumps(meta_of(folder) | changes), encoding="utf-8")


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_release(folder)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 600
    assert "again" in sentence
    assert describe(folder).problem == sentence, "who asks what the model is hears the same"
    return sentence


@pytest.mark.parametrize(
    "name",
    ["../secret", "/etc/passwd", "a/b", "..", ".", "", "a\\b", "C:secret", "model.onnx\n", "x\x00", "\u202e"],
)
def test_a_name_that_is_no_plain_name_is_refused(folder, name):
    edit_meta(folder, files=meta_of(folder)["files"] | {name: {"sha256": "0"}})
    assert f"'files' has a bad entry {name!r}" in refusal(folder)


def test_very_many_files_are_not_read(folder):
    edit_meta(folder, files={f"file{number}": {"sha256": "0"} for number in range(10_000)})
    assert "names more than 16 files" in refusal(folder)


@unix
@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", META])
@pytest.mark.parametrize("target", ["/etc/passwd", "/dev/zero", "../elsewhere", "nowhere"])
def test_a_link_is_not_followed(folder, name, target):
    """With the right checksum: somebody who guesses a file's content could learn whether it is so."""
    (folder / name).rename(folder.parent / "elsewhere")
    (folder / name).symlink_to(target)
    sentence = refusal(folder)
    assert str(folder / name) in sentence
    assert "plain file" in sentence


@unix
def test_a_link_in_the_folder_that_ships_is_followed(folder, monkeypatch):
    """Some installers link all files of a package into a store of their own."""
    monkeypatch.setattr(release_module, "default_folder", lambda: folder.resolve())
    for name in ("model.onnx", "tokenizer.json", META):
        (folder / name).rename(folder.parent / name)
        (folder / name).symlink_to(folder.parent / name)
    assert read_release(folder).name == "tiny"


@unix
@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", META, "more"])
def test_a_pipe_is_not_waited_for(folder, name):
    edit_meta(folder, files=meta_of(folder)["files"] | {"more": {"sha256": "0"}})
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    assert "plain file" in refusal(folder)


@pytest.mark.parametrize("name", ["model.onnx", META])
def test_a_folder_in_the_place_of_a_file_is_refused(folder, name):
    (folder / name).unlink()
    (folder / name).mkdir()
    assert "plain file" in refusal(folder)


@unix
def test_a_graph_for_a_gpu_that_is_a_link_to_nowhere_is_refused(folder):
    """It could lead somewhere by the time that it is loaded."""
    (folder / "model.fp16.onnx").symlink_to(folder / "nowhere")
    assert "lists no model.fp16.onnx" in refusal(folder)


@pytest.mark.parametrize("name", [META, "model.onnx"])
def test_a_file_without_end_is_not_read(folder, name):
    """Sparse: it takes no room on the disk, and would take all memory."""
    with (folder / name).open("r+b") as file:
        file.truncate(1 << 42)
    assert "4,398,046,511,104 bytes" in refusal(folder)


@unix
def test_a_folder_that_may_not_be_read_is_refused(folder):
    """As somebody who is not root, whoever runs the tests."""
    folder.chmod(0o000)
    code = (
        "import os, sys; from pathlib import Path; from model.serving.release import read_release\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: read_release(Path(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    for parent in folder.parents:
        if parent != Path(parent.anchor) and parent.stat().st_uid == os.geteuid():
            parent.chmod(parent.stat().st_mode | 0o011)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        folder.chmod(0o755)
    assert done.stdout.startswith("ModelError"), done.stderr
    assert "Permission denied" in done.stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"format": NaN}', "NaN is no JSON number"),
        ('{"format": -Infinity}', "-Infinity is no JSON number"),
        ('{"format": 1e999}', "1e999 is too large a number"),
        ('{"format": ' + "9" * 10_000 + "}", "cannot be read as JSON"),
        ('{"format": 2, "format": 1}', "the key 'format' stands there twice"),
        ('{"a": {"b": 1, "b": 2}}', "the key 'b' stands there twice"),
        ("{" + "".join(f'"{n}":0,' for n in range(300_000)) + '"299999":0}', "'299999' stands there twice"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"a":' * 40 + "1" + "}" * 40, "nested too deeply"),
        ('{"format": 2} x', "cannot be read as JSON"),
    ],
    ids=[
        "NaN",
        "infinity",
        "1e999",
        "digits",
        "key twice",
        "twice inside",
        "of many",
        "deep",
        "40 deep",
        "more",
    ],
)
def test_json_that_readers_understand_differently_is_refused(folder, text, says):
    (folder / META).write_text(text, encoding="utf-8")
    assert says in refusal(folder)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("name", "\x1b[2J", "'name' is no name"),
        ("name", "two\nlines", "'name' is no name"),
        ("name", "", "'name' is no name"),
        ("name", "x" * 201, "'name' is no name"),
        ("name", "\ud800", "'name' is no name"),
        ("languages", [["python"]], "'languages' is no name"),
        ("languages", ["py\rthon"], "'languages' is no name"),
        ("parameters", 10**400, "'parameters' is out of range"),
        ("parameters", -1, "'parameters' is out of range"),
        ("window", 10**400, "does not fit the network's 512 positions"),
        ("architecture", {"positions": True}, "does not fit the network's"),
        ("architecture", {"positions": "many"}, "does not fit the network's"),
        ("memory", {"share": 1}, "'memory' is malformed"),
        ("memory", [], "'memory' is malformed"),
        ("confidence", 7, "'confidence' is malformed"),
        ("fim", {"order": ["suffix_first"], "tokens": {}}, "'fim' is malformed"),
        ("files", {"model.onnx": "0" * 64, "tokenizer.json": []}, "bad entry"),
    ],
)
def test_a_value_that_is_not_fit_for_use_is_named(folder, key, value, says):
    edit_meta(folder, **{key: value})
    assert says in refusal(folder)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_of_any_key_is_read_or_refused(folder, release_folder, data):
    """No error but a ModelError, whatever stands there; and whoever asks what it is gets JSON."""
    meta = meta_of(release_folder)
    for key in data.draw(st.lists(st.sampled_from(sorted(meta)), min_size=1, max_size=3)):
        meta[key] = data.draw(JSON)
    (folder / META).write_text(json.dumps(meta), encoding="utf-8")
    with suppress(ModelError):
        read_release(folder)
    json.dumps(describe(folder).as_json())
