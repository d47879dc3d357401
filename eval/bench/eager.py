"""transformers, eager float32, as the benchmark asks it: what a program gets that just loads the checkpoint.

Runs in a process of its own, started by driver.py; keys and values of the longest common start are kept by
cropping transformers' own cache. It has no speculation here.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache


class Adapter:
    """Options: `model`, a transformers folder, and `threads`."""

    def __init__(self, options: dict[str, Any]) -> None:
        torch.set_num_threads(options["threads"])
        torch.set_num_interop_threads(1)
        self._tokenizer = AutoTokenizer.from_pretrained(options["model"], local_files_only=True)
        self._network = AutoModelForCausalLM.from_pretrained(
            options["model"], dtype=torch.float32, attn_implementation="eager", local_files_only=True
        )
        self._network.train(False)
        self._tokens: list[int] = []
        self._cache = DynamicCache()

    def encode(self, text: str) -> list[int]:
        """Token ids of plain text; sentinels in it are text."""
        ids: list[int] = self._tokenizer(text, split_special_tokens=True, add_special_tokens=False)[
            "input_ids"
        ]
        return ids

    def prepare(self, tokens: list[int]) -> None:
        """Keep exactly these tokens in the cache."""
        self._reuse(tokens)
        if tokens[len(self._tokens) :]:
            self._step(tokens[len(self._tokens) :])

    def request(self, tokens: list[int], count: int, speculate: bool) -> dict[str, Any]:
        """Decode greedily, ends ignored."""
        self._reuse(tokens[:-1])
        reused = len(self._tokens)
        ids = [self._step(tokens[reused:])]
        while len(ids) < count:
            ids.append(self._step(ids[-1:]))
        return {"decoded": count, "reused": reused, "ids": ids}

    def _reuse(self, tokens: list[int]) -> None:
        most = min(len(tokens), len(self._tokens))
        # Comparing one by one takes Python longer than it may, and is not needed where all are equal.
        length = most if tokens[:most] == self._tokens[:most] else 0
        while length < most and self._tokens[length] == tokens[length]:
            length += 1
        if length < len(self._tokens):
            if length:
                self._cache.crop(length - len(self._tokens))
            else:
                self._cache = DynamicCache()
            del self._tokens[length:]

    def _step(self, new: list[int]) -> int:
        with torch.inference_mode():
            out = self._network(torch.tensor([new]), past_key_values=self._cache, logits_to_keep=1)
        self._tokens += new
        return int(out.logits[0, -1].argmax())
