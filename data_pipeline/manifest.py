"""The corpus manifest: which packages, at which versions, under which licences, in which split.

A manifest is a JSON file in the repository. It fixes the corpus to the byte (sha256 of every wheel) and the
split by project, so both are under version control before anything is trained.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from model.errors import DataError
from model.syntax import languages

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
# Every identifier of a package's SPDX expression must be on this list.
PERMISSIVE = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "MIT",
        "PSF-2.0",
        "Unlicense",
        "Zlib",
    }
)
DEFAULT_MANIFEST = Path(__file__).parent / "manifests" / "python.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One wheel: its name on PyPI, exact version, file name, SPDX licence, sha256 (hex) and split."""

    name: str
    version: str
    wheel: str
    license: str
    sha256: str
    split: Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A named list of packages for one language, resolved for one fixed platform."""

    name: str
    language: str
    python_version: str
    platforms: tuple[str, ...]
    packages: tuple[Package, ...]
    sha256: str

    def only(self, split: str) -> Manifest:
        """The same with the packages of one split."""
        return replace(self, packages=tuple(p for p in self.packages if p.split == split))


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest. Raises DataError that names the file, the package and the field."""
    try:
        raw = path.read_bytes()
        data = json.loads(raw)
    except FileNotFoundError:
        raise DataError(f"there is no manifest {path}; give its path with --manifest") from None
    except (OSError, ValueError) as error:
        raise DataError(f"the manifest {path} is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise DataError(f"the manifest {path} must be a JSON object with a list `packages`")
    for field in ("name", "language", "python_version"):
        if not isinstance(data.get(field), str):
            raise DataError(f"the manifest {path} lacks the text field `{field}`")
    if data["language"] not in languages():
        raise DataError(
            f"the manifest {path} names the language {data['language']!r}; known are {', '.join(languages())}"
        )
    platforms = data.get("platforms", [])
    if not isinstance(platforms, list) or not all(isinstance(p, str) for p in platforms):
        raise DataError(f"the manifest {path}: `platforms` must be a list of platform tags")
    entries = data.get("packages")
    if not isinstance(entries, list) or not entries:
        raise DataError(f"the manifest {path} lists no packages; add at least one to `packages`")
    packages = tuple(_package(entry, path) for entry in entries)
    # As PyPI compares names, so that no spelling puts one project into two splits.
    names = [re.sub(r"[-_.]+", "-", p.name).lower() for p in packages]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise DataError(f"the manifest {path} names {', '.join(twice)} twice; a project belongs to one split")
    return Manifest(
        name=data["name"],
        language=data["language"],
        python_version=data["python_version"],
        platforms=tuple(platforms),
        packages=packages,
        sha256=hashlib.sha256(raw).hexdigest(),
    )


def _package(entry: Any, path: Path) -> Package:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise DataError(f"the manifest {path} has a package without a `name`: {entry!r:.80}")
    name = entry["name"]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise DataError(f"the manifest {path}: {name!r:.80} is not the name of a PyPI project")
    for field in ("version", "wheel", "license", "sha256", "split"):
        if not isinstance(entry.get(field), str):
            raise DataError(f"the manifest {path}: package {name} lacks the text field `{field}`")
    if not re.fullmatch(r"[0-9a-f]{64}", entry["sha256"]):
        raise DataError(f"the manifest {path}: the sha256 of {name} is not 64 hex digits")
    if not entry["wheel"].endswith(".whl") or "/" in entry["wheel"] or "\\" in entry["wheel"]:
        raise DataError(f"the manifest {path}: {name} must name a wheel file (*.whl), not {entry['wheel']!r}")
    if entry["split"] not in SPLITS:
        raise DataError(
            f"the manifest {path}: the split of {name} is {entry['split']!r}; use {', '.join(SPLITS)}"
        )
    licenses = set(re.findall(r"[A-Za-z0-9.+-]+", entry["license"])) - {"AND", "OR", "WITH"}
    if not licenses or not licenses <= PERMISSIVE:
        raise DataError(
            f"the manifest {path}: {name} is under {entry['license']!r}, "
            "which is not on the permissive list; remove it"
        )
    return Package(**{f: entry[f] for f in ("name", "version", "wheel", "license", "sha256", "split")})
