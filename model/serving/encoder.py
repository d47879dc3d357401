"""Text to token arrays for the memory: line by line, and each line once.

A typed character costs one line's encoding. Our pre-tokenizer never looks across a line end that is followed
by visible text, so the tokens are those of the whole text; one that does gives other tokens at these seams,
and the memory misses there.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict

import numpy as np

from model.serving.suffix_array import Tokens
from model.tokenizer import Tokenizer

# A line, with the blank ones behind it.
_LINE = re.compile(r"[^\n]*\n(?:[^\S\n]*[\r\n])*|[^\n]+")
_LINES_KEPT = 30_000
_LONGEST_KEPT = 1000  # characters: a longer one that is typed at would be kept anew at each key
_TEXTS_KEPT = 32


class LineEncoder:
    """Remembers the lines lately encoded. Safe to use from several threads."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        # The end token ends a text here: nothing is matched across it, and it is never copied.
        self.separator = tokenizer.end_of_text
        self.dtype: type[np.unsignedinteger] = np.uint16 if tokenizer.size <= 1 << 16 else np.uint32
        self._lines: dict[str, bytes] = {}
        self._texts: OrderedDict[str, Tokens] = OrderedDict()
        self._line_ends = np.array([piece.count(b"\n") for piece in tokenizer.token_bytes], np.int64)
        self._lock = threading.Lock()

    def encode(self, text: str) -> Tokens:
        """Tokens of a text (n,), as `Tokenizer.encode` gives them."""
        known, pieces = self._lines, []
        for line in _LINE.findall(text):
            piece = known.get(line)
            if piece is None:
                piece = np.array(self._tokenizer.encode(line), self.dtype).tobytes()
                if len(known) >= _LINES_KEPT:
                    known.clear()
                if len(line) <= _LONGEST_KEPT:
                    known[line] = piece
            pieces.append(piece)
        return np.frombuffer(b"".join(pieces), self.dtype)

    def encode_standing(self, text: str) -> Tokens:
        """The same for a text that will be asked for again as it is."""
        with self._lock:
            tokens = self._texts.get(text)
            if tokens is not None:
                self._texts.move_to_end(text)
                return tokens
        tokens = self.encode(text)
        with self._lock:
            self._texts[text] = tokens
            while len(self._texts) > _TEXTS_KEPT:
                self._texts.popitem(last=False)
        return tokens

    def line_ends(self, tokens: Tokens) -> int:
        """How many line ends the tokens spell."""
        return int(self._line_ends[tokens].sum())
