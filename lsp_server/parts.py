"""The parts of the server that can be left out, to measure what each of them is worth. Pure.

    soundness         what does not parse is repaired, cut or not shown
    second opinion    the model alone is asked where what the memory led to does not parse
    rejections        what was turned down a moment ago is not shown again
    typed through     what is left of a suggestion is known while the person types it
    ahead             the next suggestion is computed as soon as one is taken
    neighbours        snippets of other files in the prompt
    memory            code of the files at hand is copied, and weighed against the model's
    mid-line rule     one line at most where text follows on the line, and nothing within a word

and each rule of postprocess.py, by its function's name. Only `--without` of `python -I -m lsp_server` leaves
one out: nobody gains by less, so there is no setting.

Not here: what depends on them (completer.py, postprocess.py, service.py), the measurement (eval/replay/).
"""

from __future__ import annotations

from collections.abc import Iterable

from lsp_server.postprocess import RULES
from model.errors import ConfigError

PARTS = (
    "soundness",
    "second opinion",
    "rejections",
    "typed through",
    "ahead",
    "neighbours",
    "memory",
    "mid-line rule",
    *(rule.__name__ for rule in RULES),
)


def left_out(names: Iterable[str]) -> frozenset[str]:
    """The names as a set. Raises ConfigError for one that no part has."""
    found = frozenset(names)
    for name in sorted(found.difference(PARTS)):
        raise ConfigError(f"the server has no part {name!r} to leave out; it has: {', '.join(PARTS)}")
    return found
