"""llama.cpp as the benchmark asks it: through its C interface, so that nothing of Python slows it down.

Started by driver.py in an environment that has llama-cpp-python; only that and numpy, which it brings, are
imported. Keys and values of the longest common start are kept (`llama_memory_seq_rm`), logits are asked for
where they are read, and speculation drafts with the very class our engine uses, loaded by its path.

With `wrapper` the same is asked of `Llama.generate`, the way most Python programs do.
"""

from __future__ import annotations

import ctypes
import itertools
import runpy
from typing import Any

import llama_cpp as api
import numpy as np

_FILE_TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15}


@api.llama_log_callback  # type: ignore[untyped-decorator]
def _silent(_level: int, _text: bytes, _data: Any) -> None:
    pass


def make(options: dict[str, Any]) -> dict[str, Any]:
    """Quantise the float32 file `source` to `kind` at `out`, as llama-quantize does."""
    api.llama_log_set(_silent, ctypes.c_void_p(0))
    wanted = api.llama_model_quantize_default_params()
    wanted.ftype = _FILE_TYPES[options["kind"]]
    wanted.nthread = 1
    failed = api.llama_model_quantize(options["source"].encode(), options["out"].encode(), wanted)
    if failed:
        raise RuntimeError(f"llama_model_quantize failed with {failed}")
    return {"version": api.__version__, "system": api.llama_print_system_info().decode()}


class Adapter:
    """Options: `file`, `threads`, `context`, `flash`, `kv`, `ubatch`, `speculate_file`, `wrapper`."""

    def __init__(self, options: dict[str, Any]) -> None:
        api.llama_log_set(_silent, ctypes.c_void_p(0))
        self._tokens: list[int] = []
        self._wrapped: Any = None
        # Loaded here, once, as our engine loads it: compiling it takes longer than a small model's step.
        self._drafts = runpy.run_path(options["speculate_file"])["PromptLookup"]
        context, threads = options["context"], options["threads"]
        flash = api.LLAMA_FLASH_ATTN_TYPE_ENABLED if options["flash"] else api.LLAMA_FLASH_ATTN_TYPE_DISABLED
        if options.get("wrapper"):
            self._wrapped = api.Llama(
                options["file"], n_ctx=context, n_batch=context, n_ubatch=options["ubatch"],
                n_threads=threads, n_threads_batch=threads, flash_attn=options["flash"], verbose=False,
                type_k=_FILE_TYPES[options["kv"]], type_v=_FILE_TYPES[options["kv"]],
            )  # fmt: skip
            self._model = self._wrapped.model
            return
        api.llama_backend_init()
        of_model = api.llama_model_default_params()
        of_model.n_gpu_layers = 0
        self._model = api.llama_model_load_from_file(options["file"].encode(), of_model)
        wanted = api.llama_context_default_params()
        wanted.n_ctx = wanted.n_batch = context
        wanted.n_ubatch = options["ubatch"]
        wanted.n_threads = wanted.n_threads_batch = threads
        wanted.flash_attn_type = flash
        wanted.no_perf = True
        wanted.type_k = wanted.type_v = _FILE_TYPES[options["kv"]]
        self._context = api.llama_init_from_model(self._model, wanted)
        if not self._model or not self._context:
            raise RuntimeError(f"llama.cpp cannot load {options['file']}")
        self._memory = api.llama_get_memory(self._context)
        self._vocabulary = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self._model))
        batch = self._batch = api.llama_batch_init(context, 0, 1)
        self._ids = np.ctypeslib.as_array(batch.token, (context,))
        self._positions = np.ctypeslib.as_array(batch.pos, (context,))
        self._wanted = np.ctypeslib.as_array(batch.logits, (context,))
        for i in range(context):
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0

    def encode(self, text: str) -> list[int]:
        """Token ids of plain text; sentinels in it are text."""
        data = text.encode()
        room = (api.llama_token * (len(data) + 8))()
        vocabulary = api.llama_model_get_vocab(self._model)
        count = api.llama_tokenize(vocabulary, data, len(data), room, len(room), False, False)
        return list(room[:count])

    def prepare(self, tokens: list[int]) -> None:
        """Keep exactly these tokens in memory."""
        if self._wrapped is not None:
            if tokens:
                next(self._wrapped.generate(tokens, temp=0.0))
            else:
                self._wrapped.reset()
            return
        if tokens:
            self._reuse(tokens)
            if tokens[len(self._tokens) :]:
                self._step(tokens[len(self._tokens) :], rows=1)
        else:
            self._rewind(0)

    def request(self, tokens: list[int], count: int, speculate: bool) -> dict[str, Any]:
        """Decode greedily; end tokens end nothing, so every request has its full length."""
        if self._wrapped is not None:
            ids = list(itertools.islice(self._wrapped.generate(tokens, temp=0.0), count))
            return {"decoded": len(ids), "reused": -1, "ids": ids}
        self._reuse(tokens[:-1])
        reused = len(self._tokens)
        best = self._step(tokens[reused:], rows=1)
        ids = self._speculated(tokens, best, count) if speculate else best
        while len(ids) < count:
            ids += self._step(ids[-1:], rows=1)
        return {"decoded": len(ids), "reused": reused, "ids": ids}

    def _speculated(self, tokens: list[int], best: list[int], count: int) -> list[int]:
        drafts = self._drafts(tokens, count + 1)
        ids = list(best)
        drafts.add(ids[0])
        while len(ids) < count:
            draft = drafts.propose(count - len(ids) - 1)
            found = self._step([ids[-1], *draft], rows=len(draft) + 1)
            kept = 0
            while kept < len(draft) and found[kept] == draft[kept]:
                kept += 1
            drafts.learn(len(draft), kept)
            self._rewind(len(self._tokens) - len(draft) + kept)
            for token in found[: kept + 1]:
                drafts.add(token)
                ids.append(token)
        return ids

    def _reuse(self, tokens: list[int]) -> None:
        most = min(len(tokens), len(self._tokens))
        # Comparing one by one takes Python longer than it may, and is not needed where all are equal.
        length = most if tokens[:most] == self._tokens[:most] else 0
        while length < most and self._tokens[length] == tokens[length]:
            length += 1
        self._rewind(length)

    def _rewind(self, length: int) -> None:
        if length < len(self._tokens):
            api.llama_memory_seq_rm(self._memory, 0, length, -1)
            del self._tokens[length:]

    def _step(self, new: list[int], rows: int) -> list[int]:
        """Append tokens; the best next token of each of the last `rows`."""
        count, past = len(new), len(self._tokens)
        self._ids[:count] = new
        self._positions[:count] = np.arange(past, past + count)
        self._wanted[:count] = 0
        self._wanted[count - rows : count] = 1
        self._batch.n_tokens = count
        failed = api.llama_decode(self._context, self._batch)
        if failed:
            raise RuntimeError(f"llama_decode failed with {failed}")
        self._tokens += new
        return [
            int(
                np.ctypeslib.as_array(
                    api.llama_get_logits_ith(self._context, at), (self._vocabulary,)
                ).argmax()
            )
            for at in range(count - rows, count)
        ]
