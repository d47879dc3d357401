"""The course of a run over its data: where in the shards it stands, what it left out, what it read before.

Here is also decided whether a command may go on with a saved state. Not here: the weights (loop.py), the
settings of a recipe that may change (config.py).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from model.errors import DataError
from model.training import spikes
from model.training.config import TrainConfig, continued, from_json
from model.training.start import Start


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Which batch each step reads, and the history that a record tells."""

    first_step: int = 0  # of those that read these shards
    skips: spikes.Skips = ()  # by the number of the step after `first_step`
    rollbacks: tuple[dict[str, Any], ...] = ()  # times that the loss rose and the run went back
    earlier: tuple[dict[str, Any], ...] = ()  # corpora read before these shards, with their recipes
    began_with: dict[str, Any] | None = None  # the finished model that the run took its first weights from

    def position(self, step: int) -> int:
        """The number of the batch of these shards that a step reads."""
        return spikes.position(self.skips, step - self.first_step)

    def skipped(self, step: int) -> int:
        """The number of batches left out before this step's."""
        return dict(self.skips).get(step - self.first_step, 0)

    def without(self, step: int, target: int) -> Course:
        """The course on which `step` reads batch `target`, as no step before it does."""
        return replace(self, skips=spikes.moved_on(self.skips, step - self.first_step, target))

    def corpus(self, own: dict[str, Any]) -> dict[str, Any]:
        """What the model has read: the corpus of these shards, and those before it with their last steps."""
        before = (one for e in self.earlier for one in e["corpus"].get("licenses", []))
        begun = () if self.began_with is None else self.began_with["corpus"].get("licenses", [])
        licenses = sorted({*own["licenses"], *before, *begun})
        return {**own, "licenses": licenses, **({"earlier": list(self.earlier)} if self.earlier else {})}

    def state(self) -> dict[str, Any]:
        """What is saved of it."""
        return {
            "first_step": self.first_step,
            "skips": list(self.skips),
            "rollbacks": json.dumps(self.rollbacks),
            "earlier": json.dumps(self.earlier),
            "began_with": json.dumps(self.began_with),
        }


def resumed(
    state: dict[str, Any],
    config: TrainConfig,
    *,
    out: Path,
    data: Path,
    manifest: dict[str, Any],
    new_data: bool,
) -> tuple[TrainConfig, Course]:
    """The config and the course to go on with from a saved state.

    Raises DataError where the shards in `data` are not those of the run in `out` and may not follow them,
    ConfigError where the config may not.
    """
    if state["tokenizer"] != manifest["tokenizer"]["sha256"]:
        raise DataError(
            f"{out} was trained with another tokenizer than that of {data}; "
            "build the data with --tokenizer, or use another --out folder"
        )
    old = from_json(json.loads(state["config"]))
    course = Course(
        first_step=state.get("first_step", 0),
        skips=tuple((step, batches) for step, batches in state.get("skips", ())),
        rollbacks=tuple(json.loads(state.get("rollbacks", "[]"))),
        earlier=tuple(json.loads(state.get("earlier", "[]"))),
        began_with=json.loads(state.get("began_with", "null")),
    )
    others = state.get("shards", manifest["fingerprint"]) != manifest["fingerprint"]
    if others:
        if not new_data:
            raise DataError(
                f"{out} was trained on other shards than {data}; say --new-data to go on with "
                "these, or use another --out folder"
            )
        if "corpus" not in state:
            raise DataError(
                f"{out} does not say what it was trained on; resume it once on its own shards "
                "before it goes on with others"
            )
        corpus = json.loads(state["corpus"])
        _not_seen(corpus, manifest["corpus"], out=out, data=data)
        stage = {"corpus": corpus, "until_step": state["step"], "recipe": asdict(old)}
        course = replace(course, first_step=state["step"], skips=(), earlier=(*course.earlier, stage))
    return continued(old, config, state["step"], new_data=others), course


def begun(start: Start, manifest: dict[str, Any], data: Path) -> Course:
    """The course of a new run that begins with a finished model.

    Raises DataError where the shards hold out what that model was trained on.
    """
    known = start.facts["corpus"]
    for corpus in (known, *(stage["corpus"] for stage in known.get("earlier", []))):
        _not_seen(corpus, manifest["corpus"], out=start.folder, data=data)
    return Course(began_with=start.facts)


def about_data(manifest: dict[str, Any], course: Course) -> dict[str, Any]:
    """What a checkpoint's record says of its data."""
    return {
        "tokenizer_sha256": manifest["tokenizer"]["sha256"],
        "corpus": course.corpus(manifest["corpus"]),
        "corpus_config": manifest["config"],
        "languages": manifest["corpus"]["languages"],
        "neighbours": manifest["config"]["holes"]["neighbours"] > 0,
        "split": "by project",
        **({} if course.began_with is None else {"began_with": course.began_with}),
    }


def _not_seen(seen: dict[str, Any], corpus: dict[str, Any], *, out: Path, data: Path) -> None:
    """Raise DataError where the new shards hold out what the run has already read."""
    projects = corpus.get("projects", {})
    held_out = {name for split in ("validation", "test") for name in projects.get(split, [])}
    if both := sorted(held_out & set(seen.get("projects", {}).get("train", []))):
        raise DataError(
            f"{data} holds out {', '.join(both)}, which {out} was trained on; put them "
            "into the train split, or begin with something else"
        )
