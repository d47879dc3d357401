"""Token healing: which tokens may come next while half-typed text is still to be spelled.

A prompt ends at the last token boundary that typing cannot move; the text behind it, `pending`, must be what
the first decoded tokens begin with. At each step a token is allowed when its bytes start with what is left of
pending, or when they are themselves a start of it; so pending is spelled by the tokens the model would have
seen in training ("return"), and not by those the cursor happened to leave ("re", "tu").

Pure. Not here: which of the allowed tokens is chosen (sampling.py).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model.errors import ModelError


class Healer:
    """Tokens sorted by their bytes, so that a question costs two bisections and a few look-ups."""

    def __init__(self, token_bytes: Sequence[bytes]) -> None:
        """`token_bytes` by id, empty for sentinels. Raises ModelError when a byte has no token of its own."""
        spelled = sorted((piece, token) for token, piece in enumerate(token_bytes) if piece)
        self._token_bytes = token_bytes
        self._pieces = [piece for piece, _ in spelled]
        self._ids = np.array([token for _, token in spelled], np.int64)
        self._id_of = dict(spelled)
        # Tokens that may come before the first visible character: no sentinels, no line ends.
        self._not_empty = np.array([token for piece, token in spelled if _is_not_empty(piece)], np.int64)
        self._longest = max(map(len, self._pieces), default=0)
        # With every byte a token, no text is ever impossible to spell.
        for byte in range(256):
            if bytes([byte]) not in self._id_of:
                raise ModelError(
                    f"the tokenizer has no token for the single byte 0x{byte:02x}; use a byte-level tokenizer"
                )

    def piece(self, token: int) -> bytes:
        """The token's bytes: empty for sentinels, and for ids that only pad the network's vocabulary."""
        return self._token_bytes[token] if token < len(self._token_bytes) else b""

    def allowed(self, pending: bytes, *, may_be_empty: bool = True) -> npt.NDArray[np.int64]:
        """Ids of the tokens that may come next, without repeats.

        `pending` must not be empty, unless the completion must not be: then what lies beyond it is more than
        a line end, and no sentinel.
        """
        if not pending:
            assert not may_be_empty
            return self._not_empty
        first = bisect_left(self._pieces, pending)
        behind = _first_after(pending)
        last = len(self._pieces) if behind is None else bisect_left(self._pieces, behind)
        longest = min(len(pending) - 1, self._longest)
        starts = (self._id_of.get(pending[:length]) for length in range(1, longest + 1))
        beyond = self._ids[first:last]
        if not may_be_empty:
            pieces = self._pieces[first:last]
            keep = [piece == pending or _is_not_empty(piece[len(pending) :]) for piece in pieces]
            beyond = beyond[np.array(keep, bool)]
        return np.concatenate([beyond, [token for token in starts if token is not None]]).astype(np.int64)

    def spell(self, pending: bytes, token: int) -> tuple[bytes, bytes]:
        """After an allowed token: (what is left of pending, the token's bytes beyond it)."""
        piece = self._token_bytes[token]
        assert piece
        assert piece.startswith(pending[: len(piece)])
        return pending[len(piece) :], piece[len(pending) :]


def _is_not_empty(piece: bytes) -> bool:
    return bool(piece.strip()) or b"\n" not in piece


def _first_after(start: bytes) -> bytes | None:
    """The smallest bytes that sort behind everything starting with `start`; None when nothing does."""
    stem = start.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None
