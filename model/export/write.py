"""From a training checkpoint to a release folder, which is proven before it takes its name.

Everything is written into a temporary folder beside the target, compared with the network it came from, read
back as an engine would read it, and only then renamed. What stands under the target's name is therefore
either the old release or a whole new one.

Not here: the graph (onnx_graph.py), what parity means (parity.py), how a release is read
(serving/release.py).
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from model.errors import ModelError
from model.export.checkpoint import Architecture, expected_shapes, read_architecture, read_json, read_weights
from model.export.foreign import Adopted
from model.export.parity import Parity
from model.export.variants import BEST, HALF, build_all, choose, draft, wanted
from model.serving.release import (
    FORMAT,
    GPU_GRAPH,
    GRAPH,
    META,
    TOKENIZER,
    Release,
    file_sha256,
    read_meta,
    read_release,
)
from model.tokenizer import Tokenizer

TRAINING = "training.json"
# Carried over from training.json as they are; `corpus` gives up its licenses to a key of their own.
_CARRIED = (
    "languages", "window", "neighbours", "tokenizer_sha256", "corpus", "recipe", "curve", "tokens_seen",
    "flops", "hardware", "split", "validation",
)  # fmt: skip
# The same, where training.json has them: models of others do not.
_CARRIED_IF_KNOWN = ("weights", "seconds", "model_flop_utilization", "rollbacks", "began_with")


def export(
    checkpoint: Path,
    out: Path,
    *,
    name: str,
    rows: Sequence[Sequence[int]],
    variant: str = "fp32",
    gpu: bool = False,
    calibration: Sequence[Sequence[int]] = (),
    adopted: Adopted | None = None,
    created: str | None = None,
    threads: int = 0,
) -> Release:
    """Write the release folder `out`, replacing an older release, and return it as read back.

    `rows` are token ids of real code that the network was not made for, to prove the graph with, and
    `calibration` others, for variants that are fitted to activations. `variant` is a name of variants.py, or
    "best", which measures all of them here and takes the fastest good one; `gpu` adds a float16 graph.
    `adopted` stands in for the training.json and tokenizer of a checkpoint that is not ours (foreign.py).
    `created` is stored as it stands and left out when None, so that equal checkpoints give equal bytes where
    nothing is timed. Raises ConfigError for an unknown variant, ModelError for a checkpoint that cannot be
    exported, a graph that strays from the network, or an `out` that holds something else; `out` is then as
    it was. Raises RuntimeMissingError without onnxruntime.
    """
    architecture = read_architecture(checkpoint)
    if adopted is None:
        training = _read_training(checkpoint)
        tokenizer = _read_tokenizer(checkpoint, training)
    else:
        training, tokenizer = adopted.training, adopted.tokenizer
        # Others reach far: rotary tables for 131,072 positions would be as large as a small model.
        architecture = replace(architecture, positions=training["window"])
    _check_sizes(architecture, tokenizer, training, checkpoint)
    _check_target(out)
    weights = read_weights(checkpoint, architecture)
    names = [*wanted(variant, architecture, weights), *([HALF] if gpu else [])]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
        try:
            drafts = temporary / "drafts"
            drafts.mkdir()
            # Its sessions are gone when it returns: Windows renames no folder that has an open file.
            measured = build_all(
                names,
                checkpoint,
                drafts,
                architecture=architecture,
                weights=weights,
                rows=rows,
                calibration=calibration,
                window=training["window"],
                threads=threads,
                timed=variant == BEST,
            )
            chosen = choose(measured) if variant == BEST else variant
            draft(drafts, chosen).rename(temporary / GRAPH)
            if gpu:
                draft(drafts, HALF).rename(temporary / GPU_GRAPH)
            shutil.rmtree(drafts)
            (temporary / TOKENIZER).write_bytes(tokenizer.to_json().encode())
            parity = measured[chosen].parity
            meta = _meta(training, tokenizer, architecture, parity, name=name, created=created)
            meta["variant"] = chosen
            meta["variants"] = {key: found.as_json() for key, found in measured.items()}
            meta["files"] = {
                file: {"sha256": file_sha256(temporary / file), "bytes": (temporary / file).stat().st_size}
                for file in (GRAPH, *([GPU_GRAPH] if gpu else []), TOKENIZER)
            }
            text = json.dumps(meta, indent=1, ensure_ascii=False) + "\n"
            (temporary / META).write_bytes(text.encode())
            read_release(temporary)
            temporary.chmod(0o755)  # mkdtemp's folders are for their owner alone
            _put_in_place(temporary, out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise ModelError(
            f"{out} cannot be written ({error}); free it, or name another folder, and export again"
        ) from error
    return read_release(out)


def _read_training(checkpoint: Path) -> dict[str, Any]:
    path = checkpoint / TRAINING
    training = read_json(path)
    for key in _CARRIED:
        if key not in training:
            raise ModelError(f"{path} has no key '{key}'; write the checkpoint again")
    if not isinstance(training["corpus"], dict) or "licenses" not in training["corpus"]:
        raise ModelError(f"{path}: 'corpus' names no licenses; write the checkpoint again")
    return training


def _read_tokenizer(checkpoint: Path, training: dict[str, Any]) -> Tokenizer:
    path = checkpoint / TOKENIZER
    tokenizer = Tokenizer.load(path)
    if tokenizer.sha256 != training["tokenizer_sha256"]:
        raise ModelError(
            f"{path} is not the tokenizer the model was trained with ({TRAINING} names another checksum); "
            "copy the one beside the training shards"
        )
    return tokenizer


def _check_sizes(
    architecture: Architecture, tokenizer: Tokenizer, training: dict[str, Any], checkpoint: Path
) -> None:
    if tokenizer.size > architecture.vocabulary:
        raise ModelError(
            f"{checkpoint / TOKENIZER} has {tokenizer.size} tokens, but the network only "
            f"{architecture.vocabulary}; write the checkpoint again"
        )
    window = training["window"]
    if not isinstance(window, int) or not 2 <= window <= architecture.positions:
        raise ModelError(
            f"{checkpoint / TRAINING}: a window of {window} does not fit the network's "
            f"{architecture.positions} positions; write the checkpoint again"
        )


def _meta(
    training: dict[str, Any],
    tokenizer: Tokenizer,
    architecture: Architecture,
    parity: Parity,
    *,
    name: str,
    created: str | None,
) -> dict[str, Any]:
    carried = {key: training[key] for key in _CARRIED}
    carried |= {key: training[key] for key in _CARRIED_IF_KNOWN if key in training}
    corpus = dict(carried.pop("corpus"))
    licenses = corpus.pop("licenses")
    shapes = expected_shapes(architecture).values()
    return {
        "format": FORMAT,
        "name": name,
        **({} if created is None else {"created": created}),
        "architecture": asdict(architecture),
        "parameters": sum(math.prod(shape) for shape in shapes),
        **carried,
        "fim": tokenizer.fim.as_json(),
        "corpus": corpus,
        "licenses": licenses,
        "parity": asdict(parity),
    }


def _check_target(out: Path) -> None:
    """Only an older release, or nothing, may be replaced."""
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / META).is_file())):
        raise ModelError(f"{out} is not an exported model and will not be replaced; name another folder")


def _put_in_place(new: Path, out: Path) -> None:
    """Rename `new` to `out`; an old release stands aside until that has worked, and comes back if not."""
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}-old-", dir=out.parent))
    old = aside / out.name
    try:
        if out.exists():
            out.rename(old)
        new.rename(out)
    finally:
        if old.exists() and not out.exists():
            old.rename(out)
        if not old.exists():
            aside.rmdir()
    # Behind the `finally`: when a file cannot be carried over, the old folder still lies in `aside` with it.
    if old.exists():
        _keep_foreign_files(old, out)
        shutil.rmtree(aside, ignore_errors=True)


def _keep_foreign_files(old: Path, out: Path) -> None:
    """Carry over what people put beside a release (a README, a model card); its own files go."""
    if not (old / META).is_file():
        return
    try:
        ours = {META, GPU_GRAPH, *read_meta(old)["files"]}
    except ModelError:  # of another format: only the names known here
        ours = {META, GRAPH, GPU_GRAPH, TOKENIZER}
    for file in old.iterdir():
        if file.name not in ours and not (out / file.name).exists():
            file.rename(out / file.name)
