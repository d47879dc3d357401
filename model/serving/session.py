"""One onnxruntime session over the exported graph, and the keys and values of what it has read.

The graph (model/export/onnx_graph.py) reads and writes keys and values in place: the same buffers are bound
as past and as present, so nothing is copied, and going back is passing a smaller past. `tokens` are those
whose keys and values are valid.

One session for prefill and decode: two would fight over the cores. Not thread-safe.

Not here: which memory serves which prompt (kv_cache.py), how many threads are best (tuning.py), choosing
tokens, text, stopping (decoding.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.errors import ModelError, plain
from model.serving.kv_cache import MOST_MEMORIES, KVCache, Memory
from model.serving.runtime import default_threads, load_onnxruntime

# Tokens run at once in a prefill. Larger is not faster, and a request can be called off only between two.
CHUNK = 256
# Smaller chunks for models whose file has this many bytes or more, so that calling off stays quick.
_CHUNKS = ((400_000_000, 32), (100_000_000, 64), (40_000_000, 128), (0, CHUNK))
# Decoding, and the few tokens a keystroke adds, come back at these lengths: their bindings are kept, because
# making one takes as long as a small model's whole step.
_KEPT_LENGTHS = 64
_KEPT_ROWS = 16
_SPIN_MICROSECONDS = 1000
CUDA = "CUDAExecutionProvider"
# Bytes of all keys and values together.
KV_BUDGET = 48 << 20

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Binding:
    """The graph's inputs and outputs for one number of new tokens and of rows with logits."""

    io: Any
    ids: Integers  # (1, S)
    logits: Floats  # (1, R, V)
    best: Integers  # (1, R)
    values: tuple[Any, ...]  # keeps the OrtValues over these arrays alive


class Session:
    """A loaded graph and the keys and values of the tokens it has read, at most `window` of them."""

    def __init__(
        self,
        path: Path,
        *,
        window: int,
        threads: int = 0,
        spin: bool = False,
        device: str = "cpu",
        kv_budget: int = KV_BUDGET,
    ) -> None:
        """Load the graph; `threads` 0 means one core fewer than there are.

        `spin` lets waiting threads look for work for a millisecond before they sleep. `device` is "cpu" or
        "cuda". `kv_budget` is in bytes; one memory is kept even when it is larger. Raises ModelError for a
        file that is no such graph, RuntimeMissingError without onnxruntime or without the device.
        """
        self._runtime = load_onnxruntime()
        self.threads = threads or default_threads()
        self.spin = spin
        self._session = _load(self._runtime, path, self.threads, spin=spin, device=device)
        self.provider = str(self._session.get_providers()[0])  # what runs it, whatever was asked for
        inputs = {value.name: value for value in self._session.get_inputs()}
        outputs = {value.name: value.shape for value in self._session.get_outputs()}
        needed = {"input_ids", "seqlens_k", "total_seq", "logit_from", "past_k0", "past_v0"}
        if not needed <= inputs.keys() or not {"logits", "next"} <= outputs.keys():
            raise ModelError(f"{path} is not a graph written by Tabwright; export the model again")
        # Graphs of format 1 take one continuation at a time; arrays on a GPU are not copied from here.
        self.can_branch = not isinstance(inputs["input_ids"].shape[0], int) and self.provider != CUDA
        self.window = window
        self.vocabulary = int(outputs["logits"][-1])
        size = path.stat().st_size
        self.chunk = next(chunk for least, chunk in _CHUNKS if size >= least)
        self._lengths = np.zeros(1, np.int32), np.zeros((), np.int32), np.zeros(1, np.int64)
        self._length_values = [self._value(array) for array in self._lengths]
        self._kv_type = np.float16 if inputs["past_k0"].type == "tensor(float16)" else np.float32
        self._kv_shapes = {
            name.removeprefix("past_"): (1, value.shape[1], window, value.shape[3])
            for name, value in inputs.items()
            if name.startswith("past_")
        }
        self.bytes_per_memory = sum(
            int(np.prod(shape)) * np.dtype(self._kv_type).itemsize for shape in self._kv_shapes.values()
        )
        limit = max(1, min(MOST_MEMORIES, kv_budget // self.bytes_per_memory))
        # A method of this object would make a circle, and large models would outlive their last use.
        make = partial(
            _new_memory, self._runtime, self._kv_shapes, self._kv_type, on_gpu=self.provider == CUDA
        )
        self._cache = KVCache(make, limit)
        # Shared by all bindings that are kept: with a large vocabulary these are megabytes.
        self._kept_logits = np.zeros((_KEPT_ROWS, self.vocabulary), np.float32)

    @property
    def tokens(self) -> list[int]:
        """The tokens whose keys and values are valid, in the memory in use."""
        return self._cache.current.tokens

    @property
    def memories(self) -> int:
        """How many memories there are; each takes at most `bytes_per_memory` bytes."""
        return len(self._cache)

    def reuse(self, prompt: Sequence[int]) -> int:
        """Turn to the memory that knows most of the prompt, rewind it to what they share; returns how much.

        Always leaves at least the prompt's last token to run, because its logits are not remembered.
        """
        length = min(self._cache.turn_to(prompt), len(prompt) - 1)
        self.rewind(length)
        return length

    def forget(self) -> None:
        """Forget all that was read, in every memory."""
        self._cache.clear()

    def rewind(self, length: int) -> None:
        """Forget all tokens from `length` on."""
        tokens = self._cache.current.tokens
        assert 0 <= length <= len(tokens)
        del tokens[length:]

    def step(self, new: Sequence[int], *, rows: int = 1) -> tuple[Floats, Integers]:
        """Append tokens. Returns logits (rows, V) and best token (rows,) of the last `rows` positions.

        Both are views into buffers that a later step overwrites.
        """
        memory = self._cache.current
        past, count = len(memory.tokens), len(new)
        assert 0 < rows <= count
        assert past + count <= self.window
        binding = memory.bindings.get((count, rows)) or self._bind(memory, count, rows)
        binding.ids[0] = new
        last, total, logit_from = self._lengths
        last[0], total[...], logit_from[0] = past + count - 1, past + count, count - rows
        self._session.run_with_iobinding(binding.io)
        memory.tokens += new
        return binding.logits[0], binding.best[0]

    def kept(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays of the memory in use by name (k0, v0 …), each (1, KV, window, D); on the CPU only."""
        assert self.can_branch
        return self._cache.current.arrays

    def bound(
        self, inputs: dict[str, npt.NDArray[Any]], outputs: dict[str, npt.NDArray[Any]]
    ) -> Callable[[], None]:
        """A run of the graph over arrays of the caller's own; one that is input and output is overwritten."""
        io = self._session.io_binding()
        # By identity: the same array must be the same OrtValue on both sides, or it would be copied.
        values = {id(array): self._value(array) for array in [*inputs.values(), *outputs.values()]}
        for name, array in inputs.items():
            io.bind_ortvalue_input(name, values[id(array)])
        for name, array in outputs.items():
            io.bind_ortvalue_output(name, values[id(array)])

        def run(kept: object = (inputs, outputs, values)) -> None:
            self._session.run_with_iobinding(io)

        return run

    def _bind(self, memory: Memory, count: int, rows: int) -> _Binding:
        ids = np.zeros((1, count), np.int64)
        kept = (rows == 1 and count == self.chunk) or (rows <= _KEPT_ROWS and count <= _KEPT_LENGTHS)
        logits = self._kept_logits[None, :rows] if kept else np.zeros((1, rows, self.vocabulary), np.float32)
        best = np.zeros((1, rows), np.int64)
        values = self._value(ids), self._value(logits), self._value(best)
        io = self._session.io_binding()
        io.bind_ortvalue_input("input_ids", values[0])
        for name, value in zip(("seqlens_k", "total_seq", "logit_from"), self._length_values, strict=True):
            io.bind_ortvalue_input(name, value)
        for name, value in memory.values.items():
            io.bind_ortvalue_input(f"past_{name}", value)
            io.bind_ortvalue_output(f"pres_{name}", value)
        io.bind_ortvalue_output("logits", values[1])
        io.bind_ortvalue_output("next", values[2])
        binding = _Binding(io=io, ids=ids, logits=logits, best=best, values=values)
        if kept:
            memory.bindings[count, rows] = binding
        return binding

    def _value(self, array: npt.NDArray[Any]) -> Any:
        return _value(self._runtime, array)


def _value(runtime: Any, array: npt.NDArray[Any], device: str = "cpu") -> Any:
    """On the CPU an OrtValue over the array's own memory: writing to one is writing to the other."""
    return runtime.OrtValue.ortvalue_from_numpy(array, device, 0)


def _new_memory(
    runtime: Any, shapes: Mapping[str, tuple[int, ...]], dtype: npt.DTypeLike, *, on_gpu: bool
) -> Memory:
    empty = {name: np.zeros(shape, dtype) for name, shape in shapes.items()}
    values = {name: _value(runtime, array, "cuda" if on_gpu else "cpu") for name, array in empty.items()}
    return Memory(values=values, arrays={} if on_gpu else empty)


def _load(runtime: Any, path: Path, threads: int, *, spin: bool, device: str) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised; onnxruntime need not print it too
    # Spinning threads are awake for the next operator, and for the next step; but they stall when any other
    # process is busy, so a measurement decides (tuning.py). They sleep again soon after the last step: a
    # server that waits for a keystroke must not burn a core.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spin else "0")
    options.add_session_config_entry("session.intra_op.spin_duration_us", str(_SPIN_MICROSECONDS))
    providers = [CUDA] if device == "cuda" else []
    try:
        # Without onnxruntime's own way back to the CPU: it prints to standard output, where a language server
        # speaks its protocol. placement.py has its own.
        return runtime.InferenceSession(
            str(path), options, providers=[*providers, "CPUExecutionProvider"], enable_fallback=0
        )
    except Exception as error:  # onnxruntime's exceptions share no base but this
        reason = plain(str(error).strip().partition("\n")[0])
        raise ModelError(
            f"{path} cannot be loaded as a model ({reason}); install or export the model again"
        ) from error
