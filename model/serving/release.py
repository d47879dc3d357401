"""A released model: a folder with model.onnx, tokenizer.json and meta.json, which says what they are.

meta.json names every file with its SHA-256, so a half-copied or mixed-up folder is refused before it is
loaded. It also carries where the model came from: corpus, licenses, recipe, loss curve, validation, parity.

Checksums do not help against a folder that was made to do harm. So only plain files in the folder itself are
read, of bounded size, and graphs are looked through (`read_network`) before anything loads them. The folder
that ships is spared that: it is as trusted as the code beside it, and some installers link its files.

Not here: writing a release (model/export/write.py), loading the graph (session.py) and the tokenizer
(tokenizer_check.py).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model import plain_files
from model.errors import ModelError
from model.serving.confidence import Confidence
from model.serving.mixture import Mixture
from model.serving.strict_json import read_object, refuse_depth
from model.tokenizer import FimFormat

if TYPE_CHECKING:
    from model.serving.graph_check import Facts

FORMAT = 2
# Format 1 knew no variants, and no model but our own: all its graphs are float32.
_OLDER = {"variant": "fp32", "variants": {}, "fim": FimFormat().as_json()}
META = "meta.json"
GRAPH = "model.onnx"
GPU_GRAPH = "model.fp16.onnx"
TOKENIZER = "tokenizer.json"

_AGAIN = "install or export the model again"
_READ_AT_ONCE = 1 << 20
# Bytes. ONNX files end at 2 GB, as all protocol buffers do.
_LARGEST_META = 16 << 20
_LARGEST_FILE = 2 << 30
_MOST_FILES = 16
_DEEPEST = 16
_MOST_PARAMETERS = 10**12
_LONGEST_NAME = 200  # characters

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
    _check_files(folder, meta)
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


def read_network(release: Release) -> Facts | None:
    """What the release's graphs say of the network; None for the folder that ships, which is not looked at.

    Raises ModelError for a graph that Tabwright has not written, or that needs too much memory.
    """
    if ships(release.folder):
        return None
    # Late: the model that ships starts without them.
    from model.serving.graph_check import check_graph
    from model.serving.onnx_file import GraphError

    network = None
    for path in (release.gpu_graph, release.graph):
        if path is not None:
            try:
                network = check_graph(path.read_bytes())
            except GraphError as error:
                raise ModelError(
                    f"{path} is not a graph that Tabwright writes: it {error}; {_AGAIN}"
                ) from error
            except (OSError, MemoryError) as error:
                raise ModelError(
                    f"{path} cannot be read ({error or 'too little memory'}); {_AGAIN}"
                ) from error
            try:
                network.refuse_window(release.window)
            except GraphError as error:
                raise ModelError(f"{path} {error}; export the model again with a shorter --window") from error
    return network


def read_meta(folder: Path) -> dict[str, Any]:
    """meta.json with all required keys present and of the right kind; the files are not looked at."""
    path = folder / META
    try:
        if not folder.is_dir():
            raise ModelError(f"there is no model folder {folder}; {_AGAIN}, or name another folder")
        meta = read_object(place(folder, META), _LARGEST_META)
        refuse_depth(meta, _DEEPEST)
    except FileNotFoundError:
        raise ModelError(f"{folder} holds no {META}, so it is not an exported model; {_AGAIN}") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror or error}); {_AGAIN}") from error
    except ModelError:
        raise
    except ValueError as error:
        raise ModelError(f"{path} cannot be read as JSON ({error}); {_AGAIN}") from error
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
    _check_values(meta, path)
    positions = meta["architecture"].get("positions")
    if type(positions) is not int or not 2 <= meta["window"] <= positions:
        raise ModelError(
            f"{path}: a window of {meta['window']} does not fit the network's {positions} positions; {_AGAIN}"
        )
    return meta


def _check_values(meta: dict[str, Any], path: Path) -> None:
    """What is shown or counted with must be fit for it."""
    if meta["variants"] and meta["variant"] not in meta["variants"]:
        raise ModelError(f"{path}: 'variants' says nothing of the variant {meta['variant']!r}; {_AGAIN}")
    for key, named in {"name": [meta["name"]], "languages": meta["languages"]}.items():
        for one in named:
            if not isinstance(one, str) or not one.isprintable() or not 0 < len(one) <= _LONGEST_NAME:
                raise ModelError(f"{path}: '{key}' is no name of at most {_LONGEST_NAME} letters; {_AGAIN}")
    if not 0 <= meta["parameters"] <= _MOST_PARAMETERS:
        raise ModelError(f"{path}: 'parameters' is out of range; {_AGAIN}")


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


def ships(folder: Path) -> bool:
    """Whether it is the folder that comes with Tabwright."""
    return folder.resolve() == default_folder()


def place(folder: Path, name: str) -> Path:
    """Where a file of a release is to be read: only in the folder that ships is a link followed."""
    path = folder / name
    return path.resolve() if path.is_symlink() and ships(folder) else path


def is_file_name(name: str) -> bool:
    """Whether it names a file in its folder, on every system; paths and drives lead out of it."""
    return name.isprintable() and name not in ("", ".", "..") and not set(name) & set('/\\:*?"<>|')


def checksum_now(folder: Path, name: str) -> str:
    """Hex digest of a file of a release as it lies there. Raises ModelError for one that cannot be read."""
    assert is_file_name(name)
    path = folder / name
    try:
        _, _, size = plain_files.stamp(str(place(folder, name)))
        if size > _LARGEST_FILE:
            raise ModelError(f"{path} has {size:,} bytes, which is too large; {_AGAIN}")
        return file_sha256(place(folder, name))
    except OSError as error:
        why = error.strerror or "it is no plain file"
        raise ModelError(f"{path} is missing or cannot be read ({why}); {_AGAIN}") from error


def _check_files(folder: Path, meta: dict[str, Any]) -> None:
    files = meta["files"]
    if len(files) > _MOST_FILES:
        raise ModelError(f"{folder / META}: 'files' names more than {_MOST_FILES} files; {_AGAIN}")
    # A graph for a GPU is loaded when it is there, so it must have been checked as well.
    for name in (GRAPH, TOKENIZER, *([GPU_GRAPH] if os.path.lexists(folder / GPU_GRAPH) else [])):
        if name not in files:
            raise ModelError(f"{folder / META} lists no {name} under 'files'; {_AGAIN}")
    for name, facts in files.items():
        # A name that is a path would make the check read outside the folder.
        if not is_file_name(name) or not isinstance(facts, dict) or "sha256" not in facts:
            raise ModelError(f"{folder / META}: 'files' has a bad entry {name[:80]!r}; {_AGAIN}")
        if checksum_now(folder, name) != facts["sha256"]:
            raise ModelError(
                f"{folder / name} is not the file that {META} describes (wrong checksum); {_AGAIN}"
            )
    # Both are of one file, one beside it and one of the training, so that models cannot be mixed up.
    if files[TOKENIZER]["sha256"] != meta["tokenizer_sha256"]:
        raise ModelError(
            f"{folder / TOKENIZER} is not the tokenizer that the model was trained with ('tokenizer_sha256' "
            f"in {META}); {_AGAIN}"
        )
