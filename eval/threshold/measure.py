"""The show threshold: when is a suggestion likely enough to be put before somebody who did not ask?

Suggestions are made on the served path at held-out places. What is known of each, and whether its first line
is exactly what stood there, gives the weights of `model/serving/confidence.py`: logistic regression with a
weak pull to zero (ridge; Hoerl & Kennard 1970), by Newton's method, which for so few features is exact in a
dozen steps. How strong the pull is, is chosen among a few by cross-validation that leaves out whole projects
of the validation split; the weights are then fitted to all of it. The dial is read off at test projects:

    shown    share of all places where a suggestion is shown
    right    share of those shown whose first line is what stood there
    found    share of all suggestions with a right first line that are still shown
    said     mean probability that was claimed for those shown: to be held against `right`

The same suggestions tell what their further lines are worth (further.py).

Not here: the places (places.py), the command (cli.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eval import intervals
from eval.heldout.run import SERVED, Asker, Variant
from eval.intervals import Interval
from eval.threshold.further import Line, Reach, further, reaches
from eval.threshold.places import Ask, Project
from lsp_server.completer import Completer, Request, Silence, Suggestion
from model.errors import DataError
from model.fim import Hole
from model.serving.confidence import NAMES, Confidence, Features, first_line
from model.serving.engine import Engine
from model.serving.release import META, read_meta
from model.writing import replacing

Values = npt.NDArray[np.float64]

DIAL = (0, 5, *range(10, 100, 10))  # percent, as the setting showAbove
_VARIANT = Variant(name=SERVED, use="both")
PULLS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)  # of the ridge, on features in units of their own spread
_FOLDS = 8
_STEPS = 50
_SETTLED = 1e-8
_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One place: what is known of its suggestion (None: there was none), and if its first line is right.

    `further` are its lines behind the first, where it is known what stood there.
    """

    project: str
    file: str
    features: Features | None
    right: bool
    further: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notch:
    """What one value of showAbove (percent) gives; shares of 1, None where nothing is shown."""

    show_above: int
    shown: Interval
    right: Interval | None
    found: Interval | None
    said: float | None


class _Recording(Completer):
    """Remembers what it answered last, and answers as if nobody had been near."""

    last: Suggestion | Silence | None = None

    def complete(self, hole: Hole, request: Request, **rest: Any) -> Suggestion | Silence:
        self.forget()
        self.last = super().complete(hole, request, **rest)
        return self.last


class _Asker(Asker):
    """As `tabwright eval heldout` asks the served variant; gives the suggestion, and not only its text."""

    def __init__(self, engine: Engine, texts: Mapping[str, str]) -> None:
        super().__init__(engine, texts)
        self._recording = _Recording(engine)
        self._completers = {SERVED: self._recording}

    def suggestion(self, ask: Ask) -> Suggestion | Silence:
        self._suggest(_VARIANT, ask.hole, ask.file)
        assert self._recording.last is not None
        return self._recording.last


def gather(
    projects: Sequence[Project], engine: Engine, *, on_place: Callable[[], None] = lambda: None
) -> list[Outcome]:
    """Ask everywhere, project by project; the engine's release gets weights, so that features are taken."""
    engine.release = replace(engine.release, confidence=Confidence())
    outcomes = []
    for project in projects:
        asker = _Asker(engine, project.texts)
        for ask in project.asks:
            found = asker.suggestion(ask)
            outcomes.append(_outcome(ask, found))
            on_place()
    return outcomes


def _outcome(ask: Ask, found: Suggestion | Silence) -> Outcome:
    file = f"{ask.project}/{ask.file.path}"
    if isinstance(found, Silence):
        return Outcome(project=ask.project, file=file, features=None, right=False)
    start, end = first_line(found.text)
    return Outcome(
        project=ask.project,
        file=file,
        features=found.features,
        right=found.text[start:end].rstrip() == ask.truth.rstrip(),
        further=further(found.text, found.chances, ask.text) if ask.text else (),
    )


def choose_pull(outcomes: Sequence[Outcome]) -> float:
    """The pull under which projects left out of the fit surprise least; the strongest of those that tie.

    With a single project there is nothing to leave out: the middle one of those tried.
    """
    projects = sorted({one.project for one in outcomes})
    folds = [set(projects[at :: min(_FOLDS, len(projects))]) for at in range(min(_FOLDS, len(projects)))]
    losses: dict[float, float] = dict.fromkeys(PULLS, 0.0)
    for fold in folds:
        kept = [one for one in outcomes if one.project not in fold]
        left = [one for one in outcomes if one.project in fold and one.features is not None]
        rights = {one.right for one in kept if one.features is not None}
        if not left or len(rights) < 2:
            continue
        for pull in PULLS:
            losses[pull] += log_loss(left, fit(kept, pull=pull)) * len(left)
    if not any(losses.values()):
        return PULLS[len(PULLS) // 2]
    return min(reversed(PULLS), key=losses.__getitem__)


def fit(outcomes: Sequence[Outcome], *, pull: float) -> Confidence:
    """The weights under which what was right is likeliest, the ridge's `pull` included.

    Raises DataError where all suggestions are right, or none is: there is nothing to learn from.
    """
    known, right = _table(outcomes)
    if not 0 < right.sum() < len(right):
        raise DataError(
            f"{int(right.sum())} of {len(right)} suggestions are right, which says nothing of when they are; "
            "ask at more places"
        )
    middle, spread = known.mean(axis=0), known.std(axis=0)
    spread[spread == 0.0] = np.inf  # a feature that is always the same gets the weight 0
    design = np.column_stack([np.ones(len(known)), (known - middle) / spread])
    begun = np.array([0.0, *(getattr(Confidence(), name) for name in NAMES)])
    begun[1:] *= np.where(np.isinf(spread), 0.0, spread)
    weights = _newton(design, right, begun, pull)
    raw = weights[1:] / spread
    bias = weights[0] - raw @ middle
    values = [bias, *raw]
    return Confidence(
        **{name: round(float(value), _DIGITS) for name, value in zip(("bias", *NAMES), values, strict=True)}
    )


def _newton(design: Values, right: Values, begun: Values, pull: float) -> Values:
    """The weights of least loss, (k,), of a design (n, k), pulled to those begun with.

    The first column is the bias, which is not pulled.
    """
    pulls = np.full(design.shape[1], pull)
    pulls[0] = 0.0

    def loss(weights: Values) -> float:
        odds = design @ weights
        return float(np.logaddexp(0.0, odds).sum() - right @ odds + 0.5 * pulls @ np.square(weights - begun))

    weights = begun
    at = loss(weights)
    for _ in range(_STEPS):
        chances = _logistic(design @ weights)
        slope = design.T @ (chances - right) + pulls * (weights - begun)
        curvature = (design * (chances * (1.0 - chances))[:, None]).T @ design + np.diag(pulls + 1e-9)
        step = np.linalg.solve(curvature, slope)
        size = 1.0
        while (lower := loss(weights - size * step)) > at and size > 1e-6:
            size /= 2
        weights = weights - size * step
        if at - lower < _SETTLED:
            break
        at = lower
    return weights


def _logistic(odds: Values) -> Values:
    result: Values = 0.5 * (1.0 + np.tanh(0.5 * odds))
    return result


def _table(outcomes: Sequence[Outcome]) -> tuple[Values, Values]:
    """Features (n, k) and whether right (n,), of the places that have a suggestion."""
    kept = [one for one in outcomes if one.features is not None]
    known = np.array([[getattr(one.features, name) for name in NAMES] for one in kept], np.float64)
    return known.reshape(len(kept), len(NAMES)), np.array([one.right for one in kept], np.float64)


def log_loss(outcomes: Sequence[Outcome], weights: Confidence) -> float:
    """Nats a suggestion: how little surprise there is at what was right."""
    losses = []
    for one in outcomes:
        if one.features is not None:
            chance = weights.probability(one.features)
            losses.append(-np.log(max(1e-12, chance if one.right else 1.0 - chance)))
    return float(np.mean(losses))


def dial(outcomes: Sequence[Outcome], weights: Confidence) -> Iterator[Notch]:
    """For each value of showAbove what it gives at these places; intervals are drawn over files."""
    files = [one.file for one in outcomes]
    chances = [weights.probability(one.features) if one.features is not None else None for one in outcomes]
    right = [float(one.right) for one in outcomes]
    for show_above in DIAL:
        shown = [float(chance is not None and 100 * chance >= show_above) for chance in chances]
        both = [s * r for s, r in zip(shown, right, strict=True)]
        claimed = [chance for chance, s in zip(chances, shown, strict=True) if s and chance is not None]
        yield Notch(
            show_above=show_above,
            shown=intervals.mean(shown, files),
            right=intervals.ratio(both, shown, files),
            found=intervals.ratio(both, right, files),
            said=float(np.mean(claimed)) if claimed else None,
        )


def reach(outcomes: Sequence[Outcome], weights: Confidence, *, show_above: int) -> list[Reach]:
    """For each limit of further lines what it leaves of suggestions that `show_above` (percent) lets pass."""
    shown = [
        (one.file, one.further)
        for one in outcomes
        if one.features is not None and one.further and 100 * weights.probability(one.features) >= show_above
    ]
    return list(reaches(shown))


def write(folder: Path, weights: Confidence, facts: Mapping[str, Any]) -> None:
    """Put the weights, and how they were found, into a release's meta.json; it is whole or as it was.

    Raises ModelError for a folder that is no release.
    """
    meta = read_meta(folder)
    meta["confidence"] = weights.as_json()
    meta["confidence_fit"] = dict(facts)
    with replacing(folder / META) as file:
        file.write(_bytes(meta))


def _bytes(meta: Mapping[str, Any]) -> bytes:
    # As an export and a fit of the memory write it.
    return (json.dumps(meta, indent=1, ensure_ascii=False) + "\n").encode()


def checksum_before(meta: Mapping[str, Any]) -> str | None:
    """SHA-256 of a release's meta.json as it was before `write`; None where nothing was written.

    The weights decide what is shown and not what is generated: what was measured of generation holds on.
    """
    if "confidence" not in meta:
        return None
    rest = {key: value for key, value in meta.items() if key not in ("confidence", "confidence_fit")}
    return hashlib.sha256(_bytes(rest)).hexdigest()


def facts(
    fitted: Sequence[Outcome],
    weights: Confidence,
    measured: Sequence[Outcome],
    notches: Sequence[Notch],
    reached: Sequence[Reach] = (),
    *,
    pull: float,
) -> dict[str, Any]:
    """What a release says of its weights: on what they were fitted, and what they give elsewhere."""
    suggestions = [one for one in fitted if one.features is not None]
    return {
        "split": "validation",
        "pull": pull,
        "places": len(fitted),
        "suggestions": len(suggestions),
        "right": sum(one.right for one in suggestions),
        "nats": round(log_loss(fitted, weights), _DIGITS),
        "nats_unfitted": round(log_loss(fitted, Confidence()), _DIGITS),
        "test_places": len(measured),
        "test_nats": round(log_loss(measured, weights), _DIGITS),
        "dial": [asdict(one) for one in notches],
        "further": [asdict(one) for one in reached],
    }
