"""An export is whole and proven, or it is not there."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

import model.export.variants as variants
import model.export.write as write
from model.errors import ConfigError, ModelError
from model.export.write import export
from model.serving.release import read_release


@pytest.fixture
def own(checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoint that a test may spoil."""
    return Path(shutil.copytree(checkpoint, tmp_path / "own"))


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Where releases are written to, with nothing else in it."""
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


def edit_training(checkpoint: Path, **changes) -> None:
    path = checkpoint / "training.json"
    training = json.loads(path.read_text("utf-8")) | changes
    path.write_text(json.dumps({k: v for k, v in training.items() if v is not ...}), encoding="utf-8")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_release_says_where_it_comes_from(checkpoint, shelf, rows):
    """Everything that a user needs to judge a model travels with it."""
    release = export(checkpoint, shelf / "m", name="tiny", rows=rows, created="2025-01-31")
    assert names_in(shelf) == ["m"]
    assert names_in(shelf / "m") == ["meta.json", "model.onnx", "tokenizer.json"]
    meta = json.loads((shelf / "m" / "meta.json").read_text("utf-8"))
    training = json.loads((checkpoint / "training.json").read_text("utf-8"))
    for key in ("languages", "window", "neighbours", "tokenizer_sha256", "recipe", "curve", "validation",
                "tokens_seen", "flops", "hardware", "split"):  # fmt: skip
        assert meta[key] == training[key], key
    assert meta["format"] == 2
    assert meta["variant"] == "fp32"
    assert meta["variants"].keys() == {"fp32"}
    assert meta["name"] == "tiny"
    assert meta["created"] == "2025-01-31"
    assert meta["licenses"] == ["MIT"]
    assert meta["corpus"] == {"manifest_sha256": "0" * 64, "manifest": "m.json", "projects": 3}
    assert meta["parity"]["top1_agreement"] == 1.0
    assert meta["architecture"]["kv_heads"] == 1
    assert meta["parameters"] == 600 * 48 * 2 + 48 + 2 * (2 * 48 + 2 * 48 * 48 + 2 * 16 * 48 + 3 * 48 * 80)
    for name in ("model.onnx", "tokenizer.json"):
        data = (shelf / "m" / name).read_bytes()
        assert meta["files"][name] == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    assert release == read_release(shelf / "m")


@pytest.mark.parametrize("variant", ["fp32", "int8", "int4"])
def test_equal_checkpoints_give_equal_bytes(make_checkpoint, tmp_path, shelf, rows, variant):
    """No clock, no random name: anyone can rebuild a release and compare."""
    checkpoint = make_checkpoint(tmp_path / "c", initializer_range=0.05)
    for name in "ab":
        export(checkpoint, shelf / name, name="tiny", rows=rows, variant=variant, calibration=[rows[1]])
    assert contents(shelf / "a") == contents(shelf / "b")
    assert b"created" not in (shelf / "a" / "meta.json").read_bytes()


def test_named_variant_is_written_and_what_it_is_worth(make_checkpoint, tmp_path, shelf, rows):
    checkpoint = make_checkpoint(tmp_path / "c", initializer_range=0.05)
    release = export(checkpoint, shelf / "m", name="tiny", rows=rows, variant="int8w")
    assert release.variant == "int8w"
    assert release.variants.keys() == {"fp32", "int8w"}
    assert release.variants["int8w"]["bytes"] == release.graph.stat().st_size
    assert release.variants["int8w"]["bytes"] < 0.5 * release.variants["fp32"]["bytes"]
    assert release.parity["relative_error"] == release.variants["int8w"]["relative_error"] > 1e-4
    assert "decode_ms" not in release.variants["int8w"]  # a time would make the bytes differ


def test_best_variant_is_measured_and_the_gpu_gets_its_own(make_checkpoint, tmp_path, shelf, rows):
    checkpoint = make_checkpoint(tmp_path / "c", initializer_range=0.05)
    release = export(checkpoint, shelf / "m", name="tiny", rows=rows, variant="best", gpu=True)
    assert names_in(shelf / "m") == ["meta.json", "model.fp16.onnx", "model.onnx", "tokenizer.json"]
    assert release.variant in variants.CPU_VARIANTS
    assert release.variants.keys() == variants.ENCODINGS.keys()
    assert release.variants[release.variant]["perplexity_loss"] < 0.01
    for name, entry in release.variants.items():
        assert ("decode_ms" in entry) == (name != "fp16")
    assert release.gpu_graph.stat().st_size == release.variants["fp16"]["bytes"]
    # The next export knows no GPU: its old graph must not stay behind, unlisted.
    export(checkpoint, shelf / "m", name="tiny", rows=rows)
    assert read_release(shelf / "m").gpu_graph is None


def test_unknown_variant_is_refused_before_any_work(checkpoint, shelf, rows):
    with pytest.raises(ConfigError, match="there is no variant 'int3'; use best, fp32"):
        export(checkpoint, shelf / "m", name="tiny", rows=rows, variant="int3")
    assert names_in(shelf) == []


@pytest.mark.parametrize(
    ("limit", "value"), [("LARGEST_DIFFERENCE", 1e-9), ("LEAST_AGREEMENT", 1.1)], ids=["logits", "top-1"]
)
def test_graph_that_strays_is_not_written(checkpoint, shelf, rows, monkeypatch, limit, value):
    monkeypatch.setattr(variants, limit, value)
    with pytest.raises(ModelError, match="strays from the network"):
        export(checkpoint, shelf / "m", name="tiny", rows=rows)
    assert names_in(shelf) == []


def test_graph_that_computes_nan_is_not_written(own, shelf, rows, monkeypatch):
    real = write.read_weights

    def spoilt(*arguments):
        weights = real(*arguments)
        weights["model.norm.weight"] = weights["model.norm.weight"] * float("nan")
        return weights

    monkeypatch.setattr(write, "read_weights", spoilt)
    with pytest.raises(ModelError, match="strays"):
        export(own, shelf / "m", name="tiny", rows=rows)
    assert names_in(shelf) == []


def test_newer_release_replaces_older(make_checkpoint, release_folder, tmp_path, shelf, rows):
    """What people put beside a release stays; the old release's own files do not."""
    shutil.copytree(release_folder, shelf / "m")
    (shelf / "m" / "README.md").write_text("a model card", encoding="utf-8")
    stale = shelf / "m" / "model-int8.onnx"
    stale.write_bytes(b"x")
    meta = json.loads((shelf / "m" / "meta.json").read_text("utf-8"))
    meta["files"]["model-int8.onnx"] = {"sha256": "", "bytes": 1}
    (shelf / "m" / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    export(make_checkpoint(tmp_path / "next", seed=7), shelf / "m", name="newer", rows=rows)
    assert read_release(shelf / "m").name == "newer"
    assert names_in(shelf / "m") == ["README.md", "meta.json", "model.onnx", "tokenizer.json"]
    assert names_in(shelf) == ["m"]


def test_failed_export_leaves_the_older_release_alone(own, release_folder, shelf, rows, monkeypatch):
    shutil.copytree(release_folder, shelf / "m")
    before = contents(shelf / "m")
    monkeypatch.setattr(variants, "LARGEST_DIFFERENCE", 1e-9)
    with pytest.raises(ModelError):
        export(own, shelf / "m", name="newer", rows=rows)
    assert contents(shelf / "m") == before
    assert names_in(shelf) == ["m"]


def test_older_release_comes_back_when_the_new_one_cannot_take_its_place(
    checkpoint, release_folder, shelf, rows, monkeypatch
):
    """The moment between the two renames is the dangerous one."""
    shutil.copytree(release_folder, shelf / "m")
    before = contents(shelf / "m")
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if (self / "meta.json").exists() and self.name.startswith(".m-"):
            raise PermissionError("in use")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(ModelError, match=r"m cannot be written \(in use\)"):
        export(checkpoint, shelf / "m", name="newer", rows=rows)
    assert contents(shelf / "m") == before
    assert names_in(shelf) == ["m"]


def test_folder_that_is_no_release_is_not_replaced(checkpoint, shelf, rows):
    """`--out src` must not cost anybody their sources."""
    (shelf / "src").mkdir()
    (shelf / "src" / "main.py").write_text("pass", encoding="utf-8")
    with pytest.raises(ModelError, match="src is not an exported model"):
        export(checkpoint, shelf / "src", name="tiny", rows=rows)
    assert names_in(shelf / "src") == ["main.py"]


def test_empty_folder_is_filled(checkpoint, shelf, rows):
    (shelf / "m").mkdir()
    export(checkpoint, shelf / "m", name="tiny", rows=rows)
    assert read_release(shelf / "m").name == "tiny"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tokenizer_sha256": "f" * 64}, r"tokenizer\.json is not the tokenizer"),
        ({"curve": ...}, r"training\.json has no key 'curve'"),
        ({"corpus": {"projects": 3}}, r"training\.json: 'corpus' names no licenses"),
        ({"window": 513}, r"a window of 513 does not fit the network's 512 positions"),
        ({"window": "long"}, r"a window of long"),
    ],
    ids=["tokenizer", "missing key", "licenses", "window too long", "window no number"],
)
def test_training_record_that_does_not_fit_is_refused(own, shelf, rows, changes, said):
    edit_training(own, **changes)
    with pytest.raises(ModelError, match=said):
        export(own, shelf / "m", name="tiny", rows=rows)
    assert names_in(shelf) == []


def test_missing_training_record_is_named(own, shelf, rows):
    (own / "training.json").unlink()
    with pytest.raises(ModelError, match=r"there is no .*training\.json"):
        export(own, shelf / "m", name="tiny", rows=rows)


def test_tokenizer_larger_than_the_network_is_refused(make_checkpoint, tmp_path, shelf, rows):
    small = make_checkpoint(tmp_path / "small", vocab_size=512)
    with pytest.raises(ModelError, match=r"tokenizer\.json has 600 tokens, but the network only 512"):
        export(small, shelf / "m", name="tiny", rows=rows)
