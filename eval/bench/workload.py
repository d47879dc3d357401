"""What every engine is asked: the same tokens of real code, the same numbers read and decoded.

A row is a request: so many tokens known before, so many new ones, so many decoded. The code is Python's own
standard library, which is on every machine and in no training corpus of ours. Our engine ends a completion
at an end token, others were told to go on, so places are taken where ours goes on as well.

Not here: running requests (engine.py).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.errors import ConfigError

_MODULE = "tarfile"  # about 3,000 lines of ordinary code
_DECODED = 32
_STRIDE = 97
_PLACES = 60
_LONGEST_BLOCK = 160
CANDIDATES = "candidates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A kind of request: of `context` tokens the last `new` are unknown, then `decoded` are written.

    `asked` is the context before the model's window cut it. With `of` "step" the row's value is the time of
    one decoded token, with "prefill" that of the whole prompt, with "request" that of everything. `texts`
    are that many completions of the same prompt. Contenders take part in a row `by_name` if they name it.
    """

    name: str
    of: str
    asked: int
    context: int
    new: int
    decoded: int
    speculate: bool = False
    texts: int = 1
    by_name: bool = False

    @property
    def label(self) -> str:
        """The row in words."""
        n = f"{self.context:,}"
        if self.of == "prefill":
            return f"prefill of {n} tokens"
        if self.of == "step":
            return f"decode at {n} tokens, a token"
        known = self.context - self.new
        start = f"{known:,} reused, {self.new} new" if known else f"cold, {n} new"
        times = f"{self.texts} x " if self.texts > 1 else ""
        return f"{start}, {times}{self.decoded} decoded" + (", speculating" if self.speculate else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of a row."""

    prepared: tuple[int, ...]
    tokens: tuple[int, ...]
    count: int


def code() -> str:
    """The text of all requests."""
    spec = importlib.util.find_spec(_MODULE)
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise ConfigError(f"this Python has no source of its module {_MODULE}; use a complete installation")
    return Path(spec.origin).read_text(encoding="utf-8")


def rows(window: int, *, block: int) -> list[Row]:
    """The rows that a model of this window can be asked; `block` is the tokens of a ten-line block."""

    def fit(asked: int, decoded: int) -> int:
        return min(asked, window - decoded - 1)

    found = [
        Row(name=f"prefill_{n}", of="prefill", asked=n, context=fit(n, 1), new=fit(n, 1), decoded=1)
        for n in (512, 1024, 2048)
    ]
    found += [
        Row(name=f"decode_{n}", of="step", asked=n, context=fit(n, _DECODED + 1), new=1, decoded=_DECODED + 1)
        for n in (256, 1024)
    ]
    block = min(block, window // 4)
    typed = Row(name="typed_on", of="request", asked=1005, context=fit(1005, 12), new=5, decoded=12)
    cold = fit(1024, 12)
    longest = Row(name="block", of="request", asked=1005, context=fit(1005, block), new=5, decoded=block)
    found += [
        typed,
        _speculating(typed),
        Row(name="cold", of="request", asked=1024, context=cold, new=cold, decoded=12),
        longest,
        _speculating(longest),
        Row(
            name=CANDIDATES, of="request", asked=1005, context=fit(1005, 24), new=5, decoded=24,
            texts=4, by_name=True,
        ),
    ]  # fmt: skip
    distinct: dict[tuple[str, int, int, int, bool, int], Row] = {}
    for row in found:
        distinct.setdefault((row.of, row.context, row.new, row.decoded, row.speculate, row.texts), row)
    return list(distinct.values())


def _speculating(row: Row) -> Row:
    return Row(
        name=f"{row.name}_speculating", of=row.of, asked=row.asked, context=row.context, new=row.new,
        decoded=row.decoded, speculate=True,
    )  # fmt: skip


def block_tokens(ids: Sequence[int], decode: Callable[[Sequence[int]], str], *, at: int) -> int:
    """How many tokens the ten lines after `at` have."""
    for count in range(1, _LONGEST_BLOCK):
        if decode(ids[at : at + count]).count("\n") >= 10:
            return count
    return _LONGEST_BLOCK


def requests(
    row: Row, ids: Sequence[int], *, wanted: int, runs_on: Callable[[Request], bool]
) -> list[Request]:
    """At most `wanted` requests of a row, from different places of the code, that our engine does not end.

    Those of a cold row, or of a prefill, share no first token, so no engine can have read them before.
    """
    found: list[Request] = []
    first: set[int] = set()
    for place in range(_PLACES):
        at = place * _STRIDE
        tokens = tuple(ids[at : at + row.context])
        known = row.context - row.new
        if len(tokens) < row.context or (not known and tokens[0] in first):
            continue
        request = Request(prepared=tokens[:known], tokens=tokens, count=row.decoded)
        if runs_on(request):
            first.add(tokens[0])
            found.append(request)
        if len(found) == wanted:
            break
    return found
