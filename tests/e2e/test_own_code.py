"""The model that ships is taught somebody's code by the commands of docs/your-own-model.md, in few steps."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest

from model.serving.release import META, default_folder, file_sha256

ROOT = Path(__file__).parents[2]
SHIPPED = default_folder()
TUNING = ["micro_rows=2", "batch_rows=2", "valid_rows=2"]

pytestmark = pytest.mark.e2e


def tabwright(folder: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tabwright.py"), *arguments], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def copied(package: str, to: Path) -> None:
    """Real code of a package that is installed anyway."""
    spec = util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    shutil.copytree(Path(spec.origin).parent, to, ignore=shutil.ignore_patterns("__pycache__"))


def test_the_model_that_ships_learns_ones_own_code(tmp_path: Path) -> None:
    copied("pygls", tmp_path / "shop")
    copied("typer", tmp_path / "bank")
    sources = ["--only-sources", "--source", "folder:shop", "--source-license", "LicenseRef-Private"]
    tokenizer = ["--tokenizer", str(SHIPPED / "tokenizer.json"), "--length", "256"]

    training = ["train", "--init", str(SHIPPED), "--no-compile", "--steps", "2", "--rate", "0.1"]
    training += [word for setting in TUNING for word in ("--set", setting)]

    measured = ["--validation-source", "folder:bank"]
    tabwright(tmp_path, "data", "build", *sources, *measured, *tokenizer, "--out", "own")
    manifest = json.loads((tmp_path / "own" / "shards" / "manifest.json").read_text(encoding="utf-8"))
    projects = manifest["corpus"]["projects"]
    assert (projects["train"], projects["validation"]) == (["shop"], ["bank"])
    tabwright(tmp_path, *training, "--data", "own/shards", "--out", "run")
    exporting = ["export", "run/checkpoint", "--out", "model", "--data", "own/shards", "--variant", "int8"]
    tabwright(tmp_path, *exporting)

    shown = tabwright(tmp_path, "model", "show", "model")
    assert f"tabwright-python-4m, sha256 {file_sha256(SHIPPED / META)}" in " ".join(shown.split())
    meta = json.loads((tmp_path / "model" / META).read_text(encoding="utf-8"))
    assert "LicenseRef-Private" in meta["licenses"]
    # Two steps of two rows change little: it still writes as well as the model that it began with.
    shipped = json.loads((SHIPPED / META).read_text(encoding="utf-8"))
    assert meta["validation"]["bits_per_byte"] < shipped["validation"]["bits_per_byte"] + 0.3
