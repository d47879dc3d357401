"""Which keys are pressed when the feel of an editor is measured, and when: the same ones in every editor.

The code is the standard library's, of the Python that runs this: functions pinned by their names, each taken
out of its file and written again, the rest of the file around it. A newer Python may have written one of them
otherwise; `Plan.checksum` tells. The pauses are a person's (eval/replay/typist.py).

Editors are asked to keep the indentation of a line and nothing more. Where the next line has another one, as
many blanks or Backspaces follow Enter, quickly; only the last of them counts as a key that somebody waits
behind. Nothing is completed, no bracket closed.

Not here: pressing the keys (tests/editors/feel.py), what they led to (times.py).
"""

from __future__ import annotations

import hashlib
import json
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eval.replay.sample import functions
from eval.replay.typist import Typist
from model.errors import DataError

# Without blank lines: editors differ in what they leave of the indentation on one.
PINNED = (
    ("filecmp", "phase1"),
    ("pprint", "_pprint_dataclass"),
    ("heapq", "heappop"),
    ("csv", "_dict_to_list"),
    ("colorsys", "rgb_to_hls"),
    ("shlex", "sourcehook"),
    ("tabnanny", "not_equal_witness"),
    ("glob", "_glob1"),
)
KEYS_OF_A_PIECE = 100  # measured ones, at most
_STEP = 4  # blanks, which one Backspace takes back
_QUICK = 0.06  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: a character, `Enter` or `Backspace`, pressed `pause` seconds after the one before.

    `text` is what it writes, `typed` what then stands before the cursor on its line. Somebody waits for what
    is shown behind a `measured` one.
    """

    key: str
    pause: float
    text: str
    typed: str
    measured: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A file without one function, and the keys that write it at `line` (from 1) behind `indentation`."""

    name: str
    text: str
    line: int
    indentation: str
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is typed. `checksum` is of the pieces, pauses included."""

    pieces: tuple[Piece, ...]

    @property
    def checksum(self) -> str:
        """Of all that matters, as hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.as_json()).encode()).hexdigest()[:16]

    @property
    def measured(self) -> int:
        """How many keys somebody waits behind."""
        return sum(key.measured for piece in self.pieces for key in piece.keys)

    def as_json(self) -> list[dict[str, Any]]:
        """The pieces as plain objects."""
        return [asdict(piece) for piece in self.pieces]


def plan(count: int, *, typist: Typist | None = None) -> Plan:
    """`count` measured keys in as many pieces as that takes. Raises DataError for more than there are."""
    pieces: list[Piece] = []
    left = count
    for module, name in PINNED:
        if left <= 0:
            break
        pieces.append(_piece(module, name, min(left, KEYS_OF_A_PIECE), typist or Typist()))
        left -= sum(key.measured for key in pieces[-1].keys)
    if left > 0:
        raise DataError(f"the pinned functions have only {count - left} keys; ask for so many or fewer")
    return Plan(pieces=tuple(pieces))


def _piece(module: str, name: str, count: int, typist: Typist) -> Piece:
    path = Path(sysconfig.get_path("stdlib")) / f"{module}.py"
    text = path.read_text(encoding="utf-8")
    for start, end in functions(text, "python"):
        target = text[start:end]
        if target.startswith(f"def {name}(") and "\n\n" not in target:
            break
    else:
        raise DataError(
            f"{path} has no function {name} any more that is fit to be typed; pin another one in {__name__}"
        )
    indentation = text[text.rfind("\n", 0, start) + 1 : start]
    keys = _until(list(_keys(target, indentation, path.name, typist)), count)
    return Piece(
        name=path.name,
        text=text[:start] + text[end:],
        line=text.count("\n", 0, start) + 1,
        indentation=indentation,
        keys=tuple(keys),
    )


def _until(keys: Sequence[Key], count: int) -> Iterator[Key]:
    for key in keys:
        if count == 0:
            return
        yield key
        count -= key.measured


def _keys(target: str, indentation: str, name: str, typist: Typist) -> Iterator[Key]:
    line, place, thinks = indentation, 0, True
    while place < len(target):
        pause = typist.pause(name, place, thinks=thinks)
        thinks = target[place] == "\n"
        if not thinks:
            line += target[place]
            yield Key(key=target[place], pause=pause, text=target[place], typed=line, measured=True)
            place += 1
            continue
        rest = target[place + 1 :]
        wanted = rest[: len(rest) - len(rest.lstrip(" "))]
        line = line[: len(line) - len(line.lstrip(" "))]
        steps = list(_steps(line, wanted))
        yield Key(key="Enter", pause=pause, text="\n" + line, typed=line, measured=not steps)
        for number, (key, line) in enumerate(steps, 1):
            text = " " if key == " " else ""
            yield Key(key=key, pause=_QUICK, text=text, typed=line, measured=number == len(steps))
        place += 1 + len(wanted)


def _steps(line: str, wanted: str) -> Iterator[tuple[str, str]]:
    """The keys from one indentation to another, each with what it leaves."""
    while len(line) < len(wanted):
        line += " "
        yield " ", line
    while len(line) > len(wanted):
        line = line[: (len(line) - 1) // _STEP * _STEP]
        yield "Backspace", line
    assert line == wanted, "a pinned function is indented by fours"
