"""The variants of a model, what each is worth, and which one ships: the fastest that loses under 1 %.

Not here: how matrices are stored (encodings.py), the release around a graph (write.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from model.errors import ConfigError, ModelError
from model.export.checkpoint import Architecture, Weights
from model.export.encodings import FP32, Blockwise, Dynamic, Ends, Plain
from model.export.latency import Latency, measure
from model.export.onnx_graph import Encoding, build
from model.export.parity import Parity, compare_all
from model.export.smooth import smooth, widest_inputs
from model.serving.session import Session

BEST = "best"
HALF = "fp16"
ENCODINGS: dict[str, Encoding] = {
    "fp32": FP32,
    "int8": Dynamic(),
    # The input of an MLP's last product has the widest outliers.
    "int8mixed": Dynamic(exceptions=("down",)),
    "int8w": Blockwise(bits=8),
    "int4": Ends(layers=Blockwise(bits=4, block=32), ends=Blockwise(bits=8)),
    HALF: Plain(floats="float16"),
}
# For any machine; HALF is for CUDA, and beside one of these.
CPU_VARIANTS = tuple(name for name in ENCODINGS if name != HALF)
# Only it profits from smooth.py; the others' activations have a scale for each block.
SMOOTHED = "int8"

LARGEST_LOSS = 0.01  # of perplexity, for a variant that is to be chosen by itself
LEAST_AGREEMENT = 0.999
# In logits. Rounding alone stays under 1e-3, even where large weights amplify it; a wrong graph is off by
# tenths.
LARGEST_DIFFERENCE = 5e-3
# A quantised graph this far off is broken, whatever was asked for.
_BROKEN = 0.7
# Faster by less than this is noise, and the smaller loss decides.
_TIE = 0.05
# Protocol buffers end there, and a little of a graph is not weights.
_LARGEST_FILE = 2**31 - 2**24


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One variant, built and compared; `latency` only where it was to be chosen by it."""

    bytes: int
    parity: Parity
    latency: Latency | None = None

    def as_json(self) -> dict[str, Any]:
        """Its entry under `variants` in meta.json."""
        kept = ("relative_error", "top1_agreement", "perplexity", "perplexity_loss")
        entry = {"bytes": self.bytes} | {key: getattr(self.parity, key) for key in kept}
        timings = {} if self.latency is None else asdict(self.latency)
        return entry | {key: round(value, 3) for key, value in timings.items()}


def wanted(variant: str, architecture: Architecture, weights: Weights) -> list[str]:
    """The variants to build for an export of `variant`: float32 too, because it proves the graph.

    Raises ConfigError for a name that is none, ModelError for a file that would be too large.
    """
    if variant != BEST and variant not in CPU_VARIANTS:
        raise ConfigError(f"there is no variant {variant!r}; use {', '.join((BEST, *CPU_VARIANTS))}")
    names = list(CPU_VARIANTS if variant == BEST else dict.fromkeys(("fp32", variant)))
    size = sum(weight.nbytes for weight in weights.values())
    if size <= _LARGEST_FILE:
        return names
    if variant == "fp32":
        raise ModelError(
            f"a float32 graph of this {architecture.model_type} would have {size / 1e9:.1f} GB, and ONNX "
            "files end at 2.1 GB; use --variant int8"
        )
    return [name for name in names if name != "fp32"]


def _save(graph: onnx.ModelProto, path: Path, name: str) -> None:
    size = sum(len(constant.raw_data) for constant in graph.graph.initializer)
    if size > _LARGEST_FILE:
        raise ModelError(
            f"the {name} graph would have {size / 1e9:.1f} GB, and ONNX files end at 2.1 GB; take a smaller "
            "network or a --variant with fewer bits, and leave --gpu out"
        )
    onnx.save(graph, str(path))


def build_all(
    names: Sequence[str],
    checkpoint: Path,
    folder: Path,
    *,
    architecture: Architecture,
    weights: Weights,
    rows: Sequence[Sequence[int]],
    calibration: Sequence[Sequence[int]],
    window: int,
    threads: int,
    timed: bool,
) -> dict[str, Measured]:
    """Write each variant's graph as NAME.onnx into the folder, and measure it through a session.

    `calibration` are rows to smooth with, none for no smoothing; the float16 graph is never timed. Raises
    ModelError for a graph that strays from the network.
    """
    sessions = {}
    for name in names:
        used = weights
        if name == SMOOTHED and calibration:
            cut = [row[:window] for row in calibration]
            used = smooth(architecture, weights, widest_inputs(checkpoint, cut))
        _save(build(architecture, used, ENCODINGS[name]), draft(folder, name), name)
        sessions[name] = Session(draft(folder, name), window=window, threads=threads)
    measured = {
        name: Measured(bytes=draft(folder, name).stat().st_size, parity=parity)
        for name, parity in compare_all(checkpoint, sessions, rows).items()
    }
    for name, found in measured.items():
        refuse_stray(name, found.parity, checkpoint)
    if timed:
        row = max(rows, key=len)
        latencies = measure({name: s for name, s in sessions.items() if name in CPU_VARIANTS}, row)
        measured |= {name: replace(measured[name], latency=found) for name, found in latencies.items()}
    return measured


def draft(folder: Path, name: str) -> Path:
    """Where `build_all` puts a variant's graph."""
    return folder / f"{name}.onnx"


def refuse_stray(name: str, parity: Parity, checkpoint: Path) -> None:
    """Raise ModelError for a graph that is not the network: float32 strictly, the others when broken."""
    # All written so that NaN fails.
    if name == "fp32":
        agreement = min(parity.top1_agreement, parity.step_top1_agreement)
        differences = (parity.max_difference, parity.step_max_difference)
        fine = agreement >= LEAST_AGREEMENT and all(found <= LARGEST_DIFFERENCE for found in differences)
    else:
        fine = parity.relative_error <= _BROKEN and math.isfinite(parity.step_max_difference)
    if not fine:
        raise ModelError(
            f"the {name} graph exported from {checkpoint} strays from the network ({parity}); "
            "nothing was written, please report this"
        )


def choose(measured: Mapping[str, Measured]) -> str:
    """The variant with the best latency whose perplexity loss is small enough; all must have a latency."""
    scores = {
        name: found.latency.score
        for name, found in measured.items()
        if found.latency is not None and found.parity.perplexity_loss < LARGEST_LOSS
    }
    if not scores:
        losses = ", ".join(f"{name} {found.parity.perplexity_loss:.2%}" for name, found in measured.items())
        raise ModelError(
            f"every variant loses {LARGEST_LOSS:.0%} of perplexity or more ({losses}); "
            "name the one to take with --variant"
        )
    limit = min(scores.values()) * (1 + _TIE)
    tied = [name for name, score in scores.items() if score <= limit]
    return min(tied, key=lambda name: measured[name].parity.perplexity_loss)


def as_rows(variants: Mapping[str, Mapping[str, Any]]) -> Sequence[Sequence[str]]:
    """A table for people of what meta.json says of each variant; the first row holds the titles.

    `error` is the relative one of logits, `prefill` in tokens, `typed` the request of latency.py.
    """
    titles = ["variant", "MB", "error", "top-1", "perplexity", "loss"]
    timed = any("decode_ms" in entry for entry in variants.values())
    rows = [titles + ["prefill", "decode", "typed"] * timed]
    for name, v in variants.items():
        row = [
            name, f"{v['bytes'] / 1e6:.2f}", f"{v['relative_error']:.2g}", f"{v['top1_agreement']:.2%}",
            f"{v['perplexity']:.2f}", f"{v['perplexity_loss']:+.2%}",
        ]  # fmt: skip
        if "decode_ms" in v:
            speed, step, typing = v["prefill_tokens_per_second"], v["decode_ms"], v["typed_on_ms"]
            row += [f"{speed:.0f}/s", f"{step:.2f} ms", f"{typing:.1f} ms"]
        rows.append(row + [""] * (len(rows[0]) - len(row)))
    return rows
