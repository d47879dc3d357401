"""Several continuations of one prompt, a token each in every step.

The prompt's keys and values are copied once for each branch; from then on one step of the graph, with the
branches as its batch, costs a small model little more than one of a single branch.

Not here: one continuation, with drafts (decoding.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from model.serving.decoding import Interrupted
from model.serving.sampling import Scores
from model.serving.session import Floats, Integers, Session
from model.serving.writer import StopReason, Writer

Done = tuple[Writer, StopReason, int]


def branch(
    session: Session, logits: Scores, writers: Sequence[Writer], room: int, interrupted: Interrupted
) -> list[Done]:
    """Write with each writer, from the best first tokens on: writer, what ended it, and the steps it took.

    `logits` (V,) follow the prompt, which the session has read; `room` is the most tokens of a completion.
    There are fewer results than writers where fewer tokens are allowed.
    """
    ids, chances = writers[0].distribution(logits)
    count = min(len(writers), len(ids))
    order = np.argsort(-chances, kind="stable")[:count]
    tokens = [int(ids[place]) for place in order]
    reasons = []
    for writer, token, place in zip(writers, tokens, order, strict=False):
        writer.attribute(token, logits)
        reasons.append(writer.take(token, float(chances[place])))
    steps = [0] * count
    branches = Branches(session, count, room) if None in reasons else None
    while branches is not None and None in reasons:
        reason = interrupted()
        if reason is not None:
            reasons = [known or reason for known in reasons]
            break
        # A branch that has ended is given its last token again: a row in the batch costs next to nothing.
        rows, best = branches.step(tokens)
        for i, writer in enumerate(writers[:count]):
            if reasons[i] is None:
                token, logprob = writer.pick(rows[i], int(best[i]))
                reasons[i] = writer.take(token, logprob)
                tokens[i] = token
                steps[i] += 1
    return [(w, r, n) for w, r, n in zip(writers, reasons, steps, strict=False) if r is not None]


class Branches:
    """Copies of a session's memory in use. The session itself stays as it is, and may not run meanwhile."""

    def __init__(self, session: Session, count: int, room: int) -> None:
        """`room` is the most tokens that each branch will be given."""
        self._session = session
        self._length = len(session.tokens)
        assert self._length + room <= session.window
        ids = np.zeros((count, 1), np.int64)
        self._ids = ids
        self._last = np.zeros(count, np.int32)
        self._total, logit_from = np.zeros((), np.int32), np.zeros(1, np.int64)
        self._logits = np.zeros((count, 1, session.vocabulary), np.float32)
        self._best = np.zeros((count, 1), np.int64)
        inputs: dict[str, Any] = {
            "input_ids": ids,
            "seqlens_k": self._last,
            "total_seq": self._total,
            "logit_from": logit_from,
        }
        outputs: dict[str, Any] = {"logits": self._logits, "next": self._best}
        for name, kept in session.kept().items():
            # (1, KV, P, D) becomes (count, KV, length + room, D).
            copies = np.zeros((count, kept.shape[1], self._length + room, kept.shape[3]), kept.dtype)
            copies[:, :, : self._length] = kept[:, :, : self._length]
            inputs[f"past_{name}"] = outputs[f"pres_{name}"] = copies
        self._run = session.bound(inputs, outputs)

    def step(self, tokens: Sequence[int]) -> tuple[Floats, Integers]:
        """Append one token to each branch: logits (count, V) and best token (count,), overwritten later."""
        self._ids[:, 0] = tokens
        self._last[:] = self._length
        self._length += 1
        self._total[...] = self._length
        self._run()
        return self._logits[:, 0], self._best[:, 0]
