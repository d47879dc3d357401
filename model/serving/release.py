"""A released model: a folder with model.onnx, tokenizer.json and meta.json, which says what they are.

meta.json names every file with its SHA-256, so a half-copied or mixed-up folder is refused before it is
loaded. It also carries where the model came from: corpus, licenses, recipe, loss curve, validation, parity.

Not here: writing a release (model/export/write.py), loading the graph (session.py).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.errors import ModelError
from model.serving.confidence import Confidence
from model.serving.mixture import Mixture
from model.tokenizer import FimFormat

FORMAT = 2
# Format 1 knew no variants, and no model but our own: all its graphs are float32.
_OLDER = {"variant": "fp32", "variants": {}, "fim": FimFormat().as_json()}
META = "meta.json"
GRAPH = "model.onnx"
GPU_GRAPH = "model.fp16.onnx"
TOKENIZER = "tokenizer.json"

_AGAIN = "install or export the model again"
_READ_AT_ONCE = 1 << 20

_REQUIRED: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "architecture": dict,
    "parameters": int,
    "languages": list,
    "window": int,
    "neighbours": bool,
    "fim": dict,
    "tokenizer_sha256": str,
    "corpus": dict,
    "licenses": (list, dict),
    "recipe": dict,
    "curve": list,
    "validation": dict,
    "parity": dict,
    "variant": str,
    "variants": dict,
    "files": dict,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What meta.json says. `window` is in tokens, prompt and completion together.

    `memory` are the numbers by which the memory is weighed against this model, and `confidence` those that
    tell how likely a suggestion is right, where they were fitted. `variant` names how the graph's matrices
    are stored, `variants` what was measured of it and of others.
    """

    folder: Path
    name: str
    created: str | None
    architecture: dict[str, Any]
    parameters: int
    languages: tuple[str, ...]
    window: int
    neighbours: bool
    fim: FimFormat
    tokenizer_sha256: str
    corpus: dict[str, Any]
    licenses: list[Any] | dict[str, Any]
    recipe: dict[str, Any]
    curve: tuple[dict[str, Any], ...]
    validation: dict[str, Any]
    parity: dict[str, Any]
    variant: str
    variants: dict[str, dict[str, Any]]
    memory: Mixture | None = None
    confidence: Confidence | None = None

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        return self.folder / GRAPH

    @property
    def gpu_graph(self) -> Path | None:
        """The ONNX file for a GPU, in float16, where the release has one."""
        path = self.folder / GPU_GRAPH
        return path if path.is_file() else None

    @property
    def tokenizer(self) -> Path:
        """The tokenizer file."""
        return self.folder / TOKENIZER


def default_folder() -> Path:
    """Where the model that comes with Tabwright lies, inside the installed package."""
    return Path(__file__).resolve().parents[1] / "pretrained"


def read_release(folder: Path) -> Release:
    """Read meta.json and check every file it names.

    Raises ModelError for a folder, file or key that is missing, an unknown format, or a wrong checksum.
    """
    meta = read_meta(folder)
    _check_files(folder, meta["files"])
    return Release(
        folder=folder,
        name=meta["name"],
        created=meta.get("created"),
        architecture=meta["architecture"],
        parameters=meta["parameters"],
        languages=tuple(meta["languages"]),
        window=meta["window"],
        neighbours=meta["neighbours"],
        fim=_fim(meta["fim"], folder / META),
        tokenizer_sha256=meta["tokenizer_sha256"],
        corpus=meta["corpus"],
        licenses=meta["licenses"],
        recipe=meta["recipe"],
        curve=tuple(meta["curve"]),
        validation=meta["validation"],
        parity=meta["parity"],
        variant=meta["variant"],
        variants=meta["variants"],
        memory=_memory(meta.get("memory"), folder / META),
        confidence=_confidence(meta.get("confidence"), folder / META),
    )


def read_meta(folder: Path) -> dict[str, Any]:
    """meta.json with all required keys present and of the right kind; the files are not looked at."""
    if not folder.is_dir():
        raise ModelError(f"there is no model folder {folder}; {_AGAIN}, or name another folder")
    path = folder / META
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder} holds no {META}, so it is not an exported model; {_AGAIN}") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read as JSON ({error}); {_AGAIN}") from error
    if not isinstance(meta, dict):
        raise ModelError(f"{path} holds no JSON object; {_AGAIN}")
    if "format" not in meta:
        raise ModelError(f"{path} has no key 'format'; {_AGAIN}")
    if meta["format"] == 1:
        meta = {**_OLDER, **meta}
    elif meta["format"] != FORMAT:
        raise ModelError(
            f"{path} has format {meta['format']!r}, but this version of Tabwright reads format {FORMAT}; "
            "upgrade tabwright or export the model again"
        )
    for key, kind in _REQUIRED.items():
        if key not in meta:
            raise ModelError(f"{path} has no key '{key}'; {_AGAIN}")
        # bool is an int to Python, and not to us.
        if not isinstance(meta[key], kind) or (kind is int and isinstance(meta[key], bool)):
            raise ModelError(f"{path}: '{key}' has the wrong type; {_AGAIN}")
    if meta["variants"] and meta["variant"] not in meta["variants"]:
        raise ModelError(f"{path}: 'variants' says nothing of the variant {meta['variant']!r}; {_AGAIN}")
    positions = meta["architecture"].get("positions")
    if not isinstance(positions, int) or not 2 <= meta["window"] <= positions:
        raise ModelError(
            f"{path}: a window of {meta['window']} does not fit the network's {positions} positions; {_AGAIN}"
        )
    return meta


def _fim(value: object, path: Path) -> FimFormat:
    try:
        return FimFormat.from_json(value)
    except ModelError as error:
        raise ModelError(f"{path}: 'fim' is malformed: {error}; {_AGAIN}") from error


def _memory(value: object, path: Path) -> Mixture | None:
    if value is None:
        return None
    try:
        return Mixture.from_json(value)
    except ModelError as error:
        raise ModelError(f"{path}: 'memory' is malformed: {error}; remove it there, or {_AGAIN}") from error


def _confidence(value: object, path: Path) -> Confidence | None:
    if value is None:
        return None
    try:
        return Confidence.from_json(value)
    except ModelError as error:
        raise ModelError(
            f"{path}: 'confidence' is malformed: {error}; remove it there, or {_AGAIN}"
        ) from error


def file_sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()


def _check_files(folder: Path, files: dict[str, Any]) -> None:
    # A graph for a GPU is loaded when it is there, so it must have been checked as well.
    for name in (GRAPH, TOKENIZER, *([GPU_GRAPH] if (folder / GPU_GRAPH).exists() else [])):
        if name not in files:
            raise ModelError(f"{folder / META} lists no {name} under 'files'; {_AGAIN}")
    for name, facts in files.items():
        path = folder / name
        # A name that is a path would make the check read outside the folder.
        if Path(name).name != name or not isinstance(facts, dict) or "sha256" not in facts:
            raise ModelError(f"{folder / META}: 'files' has a bad entry {name!r}; {_AGAIN}")
        try:
            found = file_sha256(path)
        except OSError as error:
            raise ModelError(f"{path} is missing or cannot be read ({error.strerror}); {_AGAIN}") from error
        if found != facts["sha256"]:
            raise ModelError(f"{path} is not the file that {META} describes (wrong checksum); {_AGAIN}")
