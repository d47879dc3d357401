"""Results of measurements as files: what was measured, of which model, how sure it is.

One JSON file a result, `<folder>/<kind>-<first 12 digits of the model's checksum>.json`, whole or not there.
`tabwright eval report` draws any number of them as one page. A figure never goes without its n, and where it
can have an interval it has one. Shares are of 1, not percent.

Not here: how intervals are found (intervals.py, problems/passk.py), the page (report/page.py).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.errors import DataError
from model.writing import replacing

if TYPE_CHECKING:
    from eval.intervals import Interval
    from model.serving.engine import Engine

FORMAT = 1
_KIND = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SHORT = 12  # hex digits of a checksum


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number: its 95 % interval where there is one, of how many cases, and where it holds.

    `where` names what sets it apart from figures of the same name: {"mode": "line", "variant": "both"}.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What was measured. `checksum` is the hex SHA-256 of the release's meta.json, which fixes all its files.

    `curve` is the record of its training: step, tokens, train_loss, and at some steps valid_loss and
    bits_per_byte, as meta.json has them.
    """

    name: str
    checksum: str
    parameters: int
    curve: Sequence[Mapping[str, float]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything that one measurement found. `kind` is lower-case words with hyphens: "heldout".

    `split` is the corpus split that was asked ("test") or the benchmark's own name. `settings` are what
    another run would need to find the same, checksums of data included. `samples` are single cases as plain
    JSON objects.
    """

    kind: str
    model: Model
    split: str
    settings: Mapping[str, Any]
    figures: Sequence[Figure]
    samples: Sequence[Mapping[str, Any]] = ()

    def find(self, name: str, **where: str) -> Figure | None:
        """The figure of this name at exactly this place, or None."""
        return next((f for f in self.figures if f.name == name and dict(f.where) == where), None)


def figure(name: str, found: Interval, **where: str) -> Figure:
    """A figure of an interval."""
    return Figure(name=name, value=found.value, low=found.low, high=found.high, n=found.n, where=where)


def model_checksum(engine: Engine) -> str:
    """Hex SHA-256 of the release's meta.json, which in turn lists the checksum of every other file."""
    from model.serving.release import META, file_sha256

    return file_sha256(engine.release.folder / META)


def model_of(engine: Engine) -> Model:
    """The model that an engine serves."""
    release = engine.release
    return Model(
        name=release.name,
        checksum=model_checksum(engine),
        parameters=release.parameters,
        curve=release.curve,
    )


def path_of(kind: str, checksum: str, folder: Path) -> Path:
    """Where a result of this kind and model lies."""
    return folder / f"{kind}-{checksum[:_SHORT]}.json"


def write(result: Result, folder: Path) -> Path:
    """Write a result under its name, in place of one that was there; returns the file."""
    assert _KIND.fullmatch(result.kind), result.kind
    path = path_of(result.kind, result.model.checksum, folder)
    text = json.dumps({"format": FORMAT, **asdict(result)}, indent=1, allow_nan=False, ensure_ascii=False)
    with replacing(path) as file:
        file.write((text + "\n").encode())
    return path


def read(path: Path) -> Result:
    """Read a result back. Raises DataError for a file that is missing or is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"there is no result {path}; `tabwright eval heldout` and its siblings write them"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a result ({error}); measure again") from error
    if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
        raise DataError(f"{path} is not a result of format {FORMAT}; measure again, or leave it out")
    try:
        model = _model(found.pop("model"))
        figures = tuple(_figure(one) for one in found.pop("figures"))
        samples = tuple(found.pop("samples"))
        return Result(model=model, figures=figures, samples=samples, **found)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is not a whole result ({error!r}); measure again, or leave it out"
        ) from error


def _model(found: dict[str, Any]) -> Model:
    return Model(**{**found, "curve": tuple(found["curve"])})


def _figure(found: dict[str, Any]) -> Figure:
    numbers = [found["value"], *(b for b in (found["low"], found["high"]) if b is not None)]
    if not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
        raise ValueError(f"the figure {found['name']} is no number")
    return Figure(**found)
