"""One onnxruntime session over the exported graph, with a key-value memory that can be rewound.

The graph (model/export/onnx_graph.py) reads and writes keys and values in place: the same buffers are bound
as past and as present, so nothing is copied, and going back is passing a smaller past; what lies behind it is
overwritten or ignored. `tokens` are those whose keys and values are valid.

One session for prefill and decode: two would fight over the cores. Not thread-safe.

Not here: choosing tokens, text, stopping (engine.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.errors import ModelError
from model.serving.runtime import default_threads, load_onnxruntime

# Tokens run at once in a prefill. Larger is not faster, and a request can be called off only between two.
CHUNK = 256
# Decoding, and the few tokens a keystroke adds, come back at these lengths: their bindings are kept, because
# making one takes as long as a small model's whole step.
_KEPT_LENGTHS = 64

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


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

    def __init__(self, path: Path, *, window: int, threads: int = 0) -> None:
        """Load the graph; `threads` 0 means one core fewer than there are.

        Raises ModelError for a file that is no such graph, RuntimeMissingError without onnxruntime.
        """
        self._runtime = load_onnxruntime()
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = threads or default_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised; onnxruntime need not print it too
        # Spinning threads burn a core between keystrokes and stall when any other process is busy.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = self._runtime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions share no base but this
            reason = str(error).strip().partition("\n")[0]
            raise ModelError(
                f"{path} cannot be loaded as a model ({reason}); install or export the model again"
            ) from error
        shapes = {value.name: value.shape for value in self._session.get_inputs()}
        outputs = {value.name: value.shape for value in self._session.get_outputs()}
        needed = {"input_ids", "seqlens_k", "total_seq", "logit_from", "past_k0", "past_v0"}
        if not needed <= shapes.keys() or not {"logits", "next"} <= outputs.keys():
            raise ModelError(f"{path} is not a graph written by Tabwright; export the model again")
        self.window = window
        self.vocabulary = int(outputs["logits"][-1])
        self.tokens: list[int] = []
        self._lengths = np.zeros(1, np.int32), np.zeros((), np.int32), np.zeros(1, np.int64)
        self._length_values = [self._value(array) for array in self._lengths]
        self._memory = {
            name.removeprefix("past_"): self._value(np.zeros((1, shape[1], window, shape[3]), np.float32))
            for name, shape in shapes.items()
            if name.startswith("past_")
        }
        self._bindings: dict[tuple[int, int], _Binding] = {}

    def reuse(self, prompt: Sequence[int]) -> int:
        """Rewind to the longest common start with the prompt and return its length.

        Always leaves at least the prompt's last token to run, because its logits are not remembered.
        """
        length, most = 0, min(len(self.tokens), len(prompt) - 1)
        while length < most and self.tokens[length] == prompt[length]:
            length += 1
        self.rewind(length)
        return length

    def rewind(self, length: int) -> None:
        """Forget all tokens from `length` on."""
        assert 0 <= length <= len(self.tokens)
        del self.tokens[length:]

    def step(self, new: Sequence[int], *, rows: int = 1) -> tuple[Floats, Integers]:
        """Append tokens. Returns logits (rows, V) and best token (rows,) of the last `rows` positions.

        Both are views into buffers that a later step overwrites.
        """
        past, count = len(self.tokens), len(new)
        assert 0 < rows <= count
        assert past + count <= self.window
        binding = self._bindings.get((count, rows)) or self._bind(count, rows)
        binding.ids[0] = new
        last, total, logit_from = self._lengths
        last[0], total[...], logit_from[0] = past + count - 1, past + count, count - rows
        self._session.run_with_iobinding(binding.io)
        self.tokens += new
        return binding.logits[0], binding.best[0]

    def _bind(self, count: int, rows: int) -> _Binding:
        ids = np.zeros((1, count), np.int64)
        logits = np.zeros((1, rows, self.vocabulary), np.float32)
        best = np.zeros((1, rows), np.int64)
        values = self._value(ids), self._value(logits), self._value(best)
        io = self._session.io_binding()
        io.bind_ortvalue_input("input_ids", values[0])
        for name, value in zip(("seqlens_k", "total_seq", "logit_from"), self._length_values, strict=True):
            io.bind_ortvalue_input(name, value)
        for name, value in self._memory.items():
            io.bind_ortvalue_input(f"past_{name}", value)
            io.bind_ortvalue_output(f"pres_{name}", value)
        io.bind_ortvalue_output("logits", values[1])
        io.bind_ortvalue_output("next", values[2])
        binding = _Binding(io=io, ids=ids, logits=logits, best=best, values=values)
        if count == CHUNK or (rows == 1 and count <= _KEPT_LENGTHS):
            self._bindings[count, rows] = binding
        return binding

    def _value(self, array: npt.NDArray[Any]) -> Any:
        """An OrtValue over the array's own memory: writing to one is writing to the other."""
        return self._runtime.OrtValue.ortvalue_from_numpy(array)
