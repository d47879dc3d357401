"""onnxruntime-genai as the benchmark asks it: its own model builder's graph, its own generator, rewound.

Started by driver.py in an environment that has onnxruntime-genai. It has no speculation here.
"""

from __future__ import annotations

import importlib
from typing import Any

_PACKAGE = "onnxruntime_genai"


class Adapter:
    """Options: `model`, a folder of its builder, `context` and `threads` (already in its configuration)."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._api = importlib.import_module(_PACKAGE)
        self._model = self._api.Model(options["model"])
        self._tokens: list[int] = []
        parameters = self._api.GeneratorParams(self._model)
        parameters.set_search_options(max_length=options["context"], do_sample=False)
        self._generator = self._api.Generator(self._model, parameters)

    def encode(self, text: str) -> list[int]:
        """Token ids of plain text."""
        return [int(i) for i in self._api.Tokenizer(self._model).encode(text)]

    def prepare(self, tokens: list[int]) -> None:
        """Keep exactly these tokens in memory."""
        self._reuse(tokens)
        if tokens[len(self._tokens) :]:
            self._append(tokens[len(self._tokens) :])

    def request(self, tokens: list[int], count: int, speculate: bool) -> dict[str, Any]:
        """Decode greedily; its generator stops at an end token, which `decoded` then shows."""
        self._reuse(tokens[:-1])
        reused = len(self._tokens)
        self._append(tokens[reused:])
        ids: list[int] = []
        while len(ids) < count and not self._generator.is_done():
            self._generator.generate_next_token()
            ids.append(int(self._generator.get_next_tokens()[0]))
        self._tokens += ids
        return {"decoded": len(ids), "reused": reused, "ids": ids}

    def _reuse(self, tokens: list[int]) -> None:
        most = min(len(tokens), len(self._tokens))
        # Comparing one by one takes Python longer than it may, and is not needed where all are equal.
        length = most if tokens[:most] == self._tokens[:most] else 0
        while length < most and self._tokens[length] == tokens[length]:
            length += 1
        if length < len(self._tokens):
            self._generator.rewind_to(length)
            del self._tokens[length:]

    def _append(self, new: list[int]) -> None:
        self._generator.append_tokens(new)
        self._tokens += new
