"""What is compared: a plan names a base and variants of it, each with seeds, and is checked when it is read.

A plan is a JSON file. `base` and every variant say what they change of the defaults, in five sections:

    shape       fields of model.training.config.Shape; of the base all are given
    training    fields of TrainConfig
    data        fields of data_pipeline.config.BuildConfig
    holes       fields of data_pipeline.holes.HoleConfig; their defaults are those that suit the rows' length
    tokenizer   across_spaces: merges may span single spaces inside a line

A comparison may have a `base` of its own, which changes the plan's for all its variants, and is then compared
with its variant called `reference` instead of the plan's base. Variants of equal settings are trained once.

Not here: how a trial is done (trial.py), in which folder things lie (run.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from data_pipeline import steps
from data_pipeline.config import BuildConfig, holes_for
from data_pipeline.holes import HoleConfig
from model.errors import ConfigError, DataError, TabwrightError
from model.training.config import Shape, TrainConfig

PLANS = Path(__file__).parent / "plans"
BASE = "base"
Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerOptions:
    """How the tokenizer is learnt, besides its size."""

    across_spaces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleOptions:
    """Which documents all variants are made of: whole projects of the train split, drawn once."""

    megabytes: int = 25
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOptions:
    """Where completion is measured: files of the validation split, drawn once. Lengths are in characters."""

    files: int = 160
    longest_middle: int = 240
    first_characters: int = 1000
    seed: int = 0


# The fields that a plan does not set: they are sections of their own, or the trial's seed.
_SECTIONS: dict[str, tuple[type, frozenset[str]]] = {
    "shape": (Shape, frozenset()),
    "training": (TrainConfig, frozenset({"shape", "seed"})),
    "data": (BuildConfig, frozenset({"holes", "seed"})),
    "holes": (HoleConfig, frozenset()),
    "tokenizer": (TokenizerOptions, frozenset()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides a trial but its seed: the sections of a plan, merged."""

    sections: Mapping[str, Record]

    def changed(self, record: Mapping[str, Record]) -> Settings:
        """These settings with some fields replaced."""
        merged = {name: {**self.sections[name], **record.get(name, {})} for name in _SECTIONS}
        return Settings(sections=merged)

    def train_config(self, seed: int) -> TrainConfig:
        """How a trial is trained. Raises ConfigError for values that do not go together."""
        shape = Shape(**self.sections["shape"])
        return TrainConfig(shape=shape, seed=seed, **self.sections["training"])

    def build_config(self, seed: int) -> BuildConfig:
        """How a trial's shards are built. Raises ConfigError for values that do not go together."""
        config = BuildConfig(seed=seed, **self.sections["data"])
        return replace(config, holes=replace(holes_for(config.length), **self.sections["holes"]))

    @property
    def tokenizer(self) -> TokenizerOptions:
        """How the tokenizer is learnt."""
        return TokenizerOptions(**self.sections["tokenizer"])

    def data_key(self, seed: int) -> str:
        """One name for all trials that read the same shards."""
        read = {name: self.sections[name] for name in ("data", "holes", "tokenizer")}
        return steps.fingerprint("experiment data", read, seed)[:16]

    def flops(self) -> float:
        """Floating-point operations of the training, to estimate its time by."""
        training, build = self.train_config(0), self.build_config(0)
        tokens = training.steps * training.batch_rows * build.length
        return tokens * training.shape.flops_per_token(build.vocabulary, build.length)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One side of a comparison."""

    name: str
    settings: Settings
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A question and the variants that answer it; `reference` is what they are compared with."""

    name: str
    question: str
    reference: Variant
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One variant with one seed. `comparison` is that which first asks for it."""

    comparison: str
    variant: str
    settings: Settings
    seed: int

    @property
    def name(self) -> str:
        """How the trial is called in messages."""
        return f"{self.comparison}: {self.variant}, seed {self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is compared with what, on which documents, measured where."""

    name: str
    sample: SampleOptions
    places: PlaceOptions
    base: Variant
    comparisons: tuple[Comparison, ...]
    settings: Record = field(repr=False)

    def trials(self, only: Sequence[str] = ()) -> Iterator[Trial]:
        """All trials in the order of their use: the base, the first variant of each comparison, their second
        ones, and so on; then all again with further seeds. A plan that is stopped early has asked everything.

        `only` names comparisons; the base is always wanted. Raises ConfigError for a name that there is not.
        """
        known = [one.name for one in self.comparisons]
        if unknown := [name for name in only if name not in known]:
            raise ConfigError(f"the plan has no comparison {unknown[0]!r}; use {', '.join(known)}")
        chosen = [one for one in self.comparisons if not only or one.name in only]
        ranked = [
            (rank, one.name, variant)
            for one in chosen
            for rank, variant in [(0, one.reference), *enumerate(one.variants)]
        ]
        variants = [(name, variant) for _, name, variant in sorted(ranked, key=lambda item: item[0])]
        wanted = [(BASE, self.base, seed) for seed in self.base.seeds]
        for turn in range(max((len(v.seeds) for _, v in variants), default=0)):
            wanted += [(name, v, v.seeds[turn]) for name, v in variants if turn < len(v.seeds)]
        seen: set[tuple[str, int]] = set()
        for comparison, variant, seed in wanted:
            identity = (_canonical(variant.settings.sections), seed)
            if identity not in seen:
                seen.add(identity)
                yield Trial(comparison=comparison, variant=variant.name, settings=variant.settings, seed=seed)


def find(name: str) -> Path:
    """The file of a plan: a name of those that come with Tabwright, or a path."""
    path = Path(name)
    if path.suffix == ".json" or path.exists():
        return path
    known = sorted(file.stem for file in PLANS.glob("*.json"))
    if name not in known:
        raise ConfigError(f"there is no plan {name!r}; use {', '.join(known)}, or the path of a JSON file")
    return PLANS / f"{name}.json"


def read(path: Path) -> Plan:
    """Read and check a plan. Raises DataError or ConfigError that names the file and the field."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a plan ({error}); give --plan a JSON file") from error
    keys = {"name", "sample", "places", "base", "comparisons"}
    _names(record, keys, keys - {"sample", "places"}, str(path))
    if not isinstance(record["name"], str) or not isinstance(record["comparisons"], list):
        raise ConfigError(f"{path}: `name` must be a text and `comparisons` a list")
    base = _base(record["base"], f"{path}, base")
    comparisons = tuple(_comparison(one, base, path) for one in record["comparisons"])
    _unique([BASE, *(one.name for one in comparisons)], f"{path}: two comparisons are")
    sample = SampleOptions(**_fields(SampleOptions, record.get("sample", {}), f"{path}, sample"))
    places = PlaceOptions(**_fields(PlaceOptions, record.get("places", {}), f"{path}, places"))
    if sample.megabytes < 1 or places.files < 1 or places.longest_middle < 1 or places.first_characters < 1:
        raise ConfigError(f"{path}: sizes of `sample` and `places` must be at least 1")
    return Plan(
        name=record["name"],
        sample=sample,
        places=places,
        base=base,
        comparisons=comparisons,
        settings={"sample": asdict(sample), "places": asdict(places)},
    )


def _base(record: object, where: str) -> Variant:
    _names(record, {*_SECTIONS, "seeds"}, {"shape", "training", "seeds"}, where)
    assert isinstance(record, dict)
    empty = Settings(sections={name: {} for name in _SECTIONS})
    required = {one.name for one in fields(Shape)} - {"head_dim"}
    _names(record["shape"], {*required, "head_dim"}, required, f"{where}, shape")
    settings = _settings(empty, record, where)
    return Variant(name=BASE, settings=settings, seeds=_seeds(record["seeds"], where))


def _comparison(record: object, base: Variant, path: Path) -> Comparison:
    where = f"{path}, a comparison"
    _names(
        record,
        {"name", "question", "seeds", "base", "reference", "variants"},
        {"name", "question", "variants"},
        where,
    )
    assert isinstance(record, dict)
    where = f"{path}, comparison {record['name']!r}"
    seeds = _seeds(record.get("seeds", [0]), where)
    if not isinstance(record["variants"], dict) or not record["variants"]:
        raise ConfigError(f"{where}: `variants` must map names to what they change")
    own = _settings(base.settings, record.get("base", {}), f"{where}, base")
    variants = tuple(
        Variant(name=name, settings=_settings(own, changes, f"{where}, variant {name!r}"), seeds=seeds)
        for name, changes in record["variants"].items()
    )
    reference = base
    if "reference" in record:
        found = [one for one in variants if one.name == record["reference"]]
        if not found:
            raise ConfigError(f"{where}: the reference {record['reference']!r} is none of its variants")
        reference = found[0]
    elif "base" in record:
        raise ConfigError(f"{where}: with a `base` of its own it needs a `reference`, one of its variants")
    others = tuple(one for one in variants if one is not reference)
    return Comparison(
        name=record["name"], question=str(record["question"]), reference=reference, variants=others
    )


def _settings(base: Settings, record: object, where: str) -> Settings:
    if not isinstance(record, dict):
        raise ConfigError(f"{where}: it must be an object that says what it changes")
    sections = {name: value for name, value in record.items() if name != "seeds"}
    _names(sections, set(_SECTIONS), set(), where)
    checked = {
        name: _fields(_SECTIONS[name][0], value, f"{where}, {name}", _SECTIONS[name][1])
        for name, value in sections.items()
    }
    settings = base.changed(checked)
    try:
        settings.train_config(0)
        settings.build_config(0)
    except TabwrightError as error:
        raise ConfigError(f"{where}: {error}") from error
    return settings


def _seeds(value: object, where: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not value or not all(type(seed) is int for seed in value):
        raise ConfigError(f"{where}: `seeds` must be a list of whole numbers, at least one")
    _unique(value, f"{where}: two seeds are")
    return tuple(value)


def _unique(values: Sequence[object], what: str) -> None:
    if twice := [value for value in values if values.count(value) > 1]:
        raise ConfigError(f"{what} {twice[0]!r}; give each once")


def _names(record: object, known: set[str], needed: set[str], where: str) -> None:
    if not isinstance(record, dict):
        raise ConfigError(f"{where}: it must be an object with {', '.join(sorted(known))}")
    if unknown := sorted(set(record) - known):
        raise ConfigError(f"{where}: there is no {unknown[0]!r}; use {', '.join(sorted(known))}")
    if missing := sorted(needed - set(record)):
        raise ConfigError(f"{where}: {missing[0]!r} is missing")


def _fields(kind: type, record: object, where: str, barred: frozenset[str] = frozenset()) -> Record:
    """The record, if it names fields of the dataclass with values of their types."""
    hints = {name: hint for name, hint in get_type_hints(kind).items() if name not in barred}
    _names(record, set(hints), set(), where)
    assert isinstance(record, dict)
    for name, value in record.items():
        if not _fits(value, hints[name]):
            raise ConfigError(f"{where}: {value!r} is no value for `{name}`")
    return record


def _fits(value: object, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if hint is float:
        return type(value) in (int, float)
    return type(value) is hint


def _canonical(sections: Mapping[str, Record]) -> str:
    return json.dumps(sections, sort_keys=True)
