"""Fit a release's memory numbers: how much each finding counts, and the memory against this very model.

Cursors are drawn in projects that the model was not trained on. At each token of what stood there the memory
is searched and the model asked, and the numbers are those under which the mixture gives what stood there the
highest likelihood (L-BFGS-B, Byrd et al. 1995, on numerical gradients: there are eighteen numbers).

Not here: the formula (model/serving/mixture.py).
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model import cursors, fim, syntax
from model.errors import DataError
from model.fim import Snippet
from model.serving.engine import Engine
from model.serving.memory import Found, Memory
from model.serving.mixture import Mixture, from_numbers, numbers
from model.serving.project import Project
from model.serving.release import META, read_meta
from model.serving.suffix_array import CONTEXT

_MOST_TOKENS = 24  # of one cursor
_OPEN_FILES = 3
_NOT_THE_PROJECT = ("node_modules", "site-packages", "__pycache__")
_LARGEST_FILE = 200_000  # characters
# A weak pull to the numbers begun with, so that one that explains nothing stays put.
_PULL = 1e-3
_BOUND = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One token that stood there: what the memory found before it, and what the model said of it."""

    found: Found
    token: int
    best: int
    certainty: float  # log probability of the model's best token
    logprob: float  # of the token that stood there


def read_project(folder: Path, languages: Sequence[str]) -> list[Snippet]:
    """The source files below a folder, in the order of their paths. Raises DataError where there are none."""
    files = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if any(part.startswith(".") or part in _NOT_THE_PROJECT for part in inside):
            continue
        if syntax.language_of(path.name) not in languages or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if text.strip() and len(text) <= _LARGEST_FILE:
            files.append(Snippet(path=path.relative_to(folder).as_posix(), text=text))
    if not files:
        raise DataError(f"{folder} holds no file in {', '.join(languages)}; name a folder of source code")
    return files


def looks(
    engine: Engine, projects: Sequence[Sequence[Snippet]], *, count: int, seed: int
) -> Iterator[list[Look]]:
    """For each of `count` cursors, as many from each project, what was seen at its tokens."""
    rng = random.Random(seed)  # noqa: S311
    share = -(-count // len(projects))
    for files in projects:
        project = engine.new_project()
        project.add((file.path, file.text) for file in files)
        drawn = 0
        for file in _endlessly(files, rng):
            language = syntax.language_of(file.path)
            assert language is not None
            for cursor in cursors.draw(file.text, language, rng, cursors.MODES):
                hole = cursor.hole(file.text, path=file.path, language=language)
                others = cursors.others(file.path, files, rng, rng.randint(0, _OPEN_FILES))
                if drawn < share:
                    yield _look(engine, hole, file.text[cursor.start : cursor.end], others, project)
                    drawn += 1
            if drawn >= share:
                break


def _endlessly(files: Sequence[Snippet], rng: random.Random) -> Iterator[Snippet]:
    for _ in range(100):  # times over all files: those too short for a cursor must not keep us for ever
        yield from rng.sample(list(files), len(files))


def _look(
    engine: Engine, hole: fim.Hole, truth: str, others: Sequence[Snippet], project: Project
) -> list[Look]:
    window = engine.release.window
    prompt = fim.render(hole, engine.tokenizer, window - window // 4)
    memory = Memory(engine.encoder, hole, pending=prompt.pending, files=others, project=project)
    middle = engine.tokenizer.encode(prompt.pending + truth + "\n")[:_MOST_TOKENS]
    predicted = engine.predictions([*prompt.tokens, *middle], len(prompt.tokens))
    context = np.concatenate([memory.context, np.array(middle, memory.context.dtype)])
    seen = []
    for number, (token, row) in enumerate(zip(middle, predicted, strict=True)):
        end = len(memory.context) + number
        found = memory.find(context[max(0, end - CONTEXT) : end])
        best = int(row.argmax())
        seen.append(
            Look(found=found, token=token, best=best, certainty=float(row[best]), logprob=float(row[token]))
        )
    return seen


class Table:
    """Looks as flat arrays, for the likelihood of all of them at once; (p,) places, (g,) groups, (n,) looks.

    A group is the places of one look that were followed by the same token.
    """

    def __init__(self, looks: Sequence[Look]) -> None:
        """Looks at which nothing was found have the model's word only and do not bear on the fit."""
        kept = [look for look in looks if len(look.found.places)]
        orders = [np.argsort(look.found.following, kind="stable") for look in kept]

        def flat(name: str) -> npt.NDArray[np.int64]:
            arrays = [getattr(look.found, name)[order] for look, order in zip(kept, orders, strict=True)]
            return np.concatenate([np.zeros(0, np.int64), *arrays])

        self.lengths, self.layers, self.distances = flat("lengths"), flat("layers"), flat("distances")
        self.behind = flat("behind")
        following = flat("following")
        counts = np.array([len(order) for order in orders], np.int64)
        self.look_of_place = np.repeat(np.arange(len(kept)), counts)
        self.starts = np.cumsum([0, *counts[:-1]]).astype(np.int64)
        new = np.ones(len(following), bool)
        new[1:] = (following[1:] != following[:-1]) | (self.look_of_place[1:] != self.look_of_place[:-1])
        self.group_starts = np.flatnonzero(new)
        self.group_of_place = np.cumsum(new) - 1
        self.look_of_group = self.look_of_place[self.group_starts]
        self.token_of_group = following[self.group_starts]
        self.first_group = self.group_of_place[self.starts] if len(kept) else self.starts[:0]
        self.target = np.array([look.token for look in kept], np.int64)
        self.best = np.array([look.best for look in kept], np.int64)
        self.certainty = np.array([look.certainty for look in kept])
        self.chance = np.exp([look.logprob for look in kept])
        self.longest = np.maximum.reduceat(self.lengths, self.starts) if len(kept) else self.target
        self.count = np.bincount(
            self.look_of_place, self.lengths == self.longest[self.look_of_place], minlength=len(kept)
        )

    def __len__(self) -> int:
        return len(self.target)

    def likelihoods(self, mixture: Mixture) -> npt.NDArray[np.float64]:
        """The mixture's probability of what stood there, (n,)."""
        weights = mixture.weigh(self.lengths, self.layers, self.distances, self.behind)
        weights = np.exp(weights - np.maximum.reduceat(weights, self.starts)[self.look_of_place])
        sums = np.add.reduceat(weights, self.group_starts)
        sums /= np.add.reduceat(weights, self.starts)[self.look_of_group]
        agreement = np.maximum.reduceat(sums, self.first_group)
        top = _first_of(sums == agreement[self.look_of_group], self.look_of_group, len(self))
        heaviest = np.maximum.reduceat(weights, self.group_starts)
        standing = _first_of(weights == heaviest[self.group_of_place], self.group_of_place, len(sums))[top]
        share = mixture.share_of(
            self.longest,
            self.count,
            self.behind[standing],
            agreement,
            self.certainty,
            (self.token_of_group[top] == self.best).astype(np.float64),
            self.layers[standing],
        )
        right = self.token_of_group == self.target[self.look_of_group]
        remembered = np.zeros(len(self))
        remembered[self.look_of_group[right]] = sums[right]
        result: npt.NDArray[np.float64] = (1.0 - share) * self.chance + share * remembered
        return result


def _first_of(
    flags: npt.NDArray[np.bool_], owners: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.int64]:
    """The index of the first flag of each owner; owners are sorted and each has one."""
    indices = np.flatnonzero(flags)
    return indices[np.searchsorted(owners[indices], np.arange(count))]


def fit(table: Table, begin: Mixture | None = None) -> Mixture:
    """The numbers under which the table is likeliest. Raises DataError for an empty one."""
    from scipy.optimize import minimize

    if not len(table):
        raise DataError("nothing stood in the memory twice; fit it on more or larger files")
    start = numbers(begin or Mixture())

    def loss(values: npt.NDArray[np.float64]) -> float:
        chances = table.likelihoods(from_numbers(values.tolist()))
        return float(-np.log(chances + 1e-12).mean() + _PULL * np.square(values - start).mean())

    found = minimize(
        loss, start, method="L-BFGS-B", bounds=[(-_BOUND, _BOUND)] * len(start), options={"ftol": 1e-6}
    )
    return from_numbers([round(value, 4) for value in found.x.tolist()])


def fit_memory(
    folder: Path,
    projects: Sequence[Path],
    *,
    count: int,
    seed: int = 0,
    on_cursor: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Fit the numbers of the release in `folder` and write them into its meta.json; what was fitted, on what.

    Raises DataError for a project without source files, ModelError for a folder that is no release.
    """
    engine = Engine.load(folder)
    files = [read_project(project, engine.release.languages) for project in projects]
    seen: list[Look] = []
    drawn = 0
    for look in looks(engine, files, count=count, seed=seed):
        seen += look
        drawn += 1
        on_cursor()
    table = Table(seen)
    mixture = fit(table)
    alone = np.array([look.logprob for look in seen])
    both = float(
        np.log(table.likelihoods(mixture)).sum()
        + sum(look.logprob for look in seen if not len(look.found.places))
    )
    facts = {
        "projects": [
            {"name": project.name, "files": len(some), "sha256": _digest(some)}
            for project, some in zip(projects, files, strict=True)
        ],
        "cursors": drawn,
        "tokens": len(seen),
        "found": len(table),
        "nats_per_token_model": round(float(-alone.mean()), 4),
        "nats_per_token_both": round(-both / len(seen), 4),
        "seed": seed,
    }
    meta = read_meta(folder)
    meta["memory"] = mixture.as_json()
    meta["memory_fit"] = facts
    path = folder / META
    partial = path.with_suffix(".json.partial")
    partial.write_text(json.dumps(meta, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)
    return facts


def _digest(files: Sequence[Snippet]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.path}\0{file.text}\0".encode())
    return digest.hexdigest()
