"""Which files of a project an import names, and where a name taken from them is defined.

A source root is guessed, never read from a configuration: the folder that an absolute import starts from is
one that is no package itself, and of several the one nearest to the importing file. Names that a package
takes over from its modules (`from .base import Model` in an `__init__.py`) are followed a few steps.

Modules of the standard library and of other projects are not found, which is the usual case.
Not here: reading imports out of a text (outline.py), choosing among what was found (neighbours.py).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from model.neighbourhood import File, Neighbourhood, folder, stem
from model.outline import Definition, Import

_MOST_STEPS = 3  # from a name to its definition, through files that only hand it on
_MOST_FOLLOWED = 200  # imports, for one name: files of nothing but `from x import *` may name each other
_SCRIPT_ENDINGS = (".ts", ".tsx", ".js", ".jsx", ".mts", ".mjs", ".cts", ".cjs", ".d.ts")
_RELATIVE = ("crate", "self", "super")


class Found(NamedTuple):
    """A definition and its file."""

    file: File
    definition: Definition


def files_of(one: Import, *, path: str, language: str, files: Neighbourhood) -> list[File]:
    """The files that an import in the file `path` names: several where a module is a folder; often none."""
    if language == "python":
        paths = _python(one.module, one.level, path, files)
    elif language in ("javascript", "typescript", "tsx", "jsx"):
        paths = _script(one.module, path, files)
    elif language == "rust":
        paths = _rust(one.module, path, files)
    elif language == "go":
        paths = _folder_by_end(one.module, files)
    elif language == "java":
        paths = _java(one, files)
    elif language in ("c", "cpp"):
        paths = _included(one.module, path, files)
    else:
        paths = []
    return [file for at in paths if at != path and (file := files.file(at)) is not None]


def definition_of(name: str, file: File, *, files: Neighbourhood, steps: int = _MOST_STEPS) -> Found | None:
    """The definition of a name that can be taken from a file, there or where the file has it from.

    Of several the one the fewest steps away: each file is asked once for a name, however many hand it on.
    """
    asked = {(file.path, name): None}
    turn = [(file, name)]
    followed = 0
    for left in range(steps, -1, -1):
        beyond: list[tuple[File, str]] = []
        for at, wanted in turn:
            own = at.top_level.get(wanted)
            if own is not None:
                return Found(at, own)
            for source, theirs in _handed_on(wanted, at, files) if left else ():
                followed += 1
                if followed > _MOST_FOLLOWED:
                    break
                if (source.path, theirs) not in asked:
                    asked[source.path, theirs] = None
                    beyond.append((source, theirs))
        turn = beyond
    return None


def _handed_on(name: str, file: File, files: Neighbourhood) -> Iterator[tuple[File, str]]:
    """The files that a file may have a name from, and what it is called there."""
    if file.language is None:
        return
    for one in file.imports:
        for taken in one.names:
            if taken.local == name or taken.name == "*":
                for source in files_of(one, path=file.path, language=file.language, files=files):
                    yield source, name if taken.name == "*" else taken.name


def submodule(name: str, file: File, *, files: Neighbourhood) -> File | None:
    """The module `name` in the package whose `__init__` is the file."""
    if stem(file.path) != "__init__":
        return None
    for path in _python(name, 1, file.path, files):
        return files.file(path)
    return None


def _python(module: str, level: int, path: str, files: Neighbourhood) -> list[str]:
    parts = [part for part in module.split(".") if part]
    if level:
        start = folder(path).split("/") if folder(path) else []
        if level - 1 > len(start):
            return []
        return _python_file([*start[: len(start) - level + 1], *parts], files)
    if not parts:
        return []
    tail = "/".join(parts)
    roots: list[tuple[int, int, str, str]] = []
    for at in files.called(parts[-1]):
        # A module is a file of its name, or the __init__ of a folder of its name.
        whole = folder(at) if stem(at) == "__init__" else at.rpartition(".")[0]
        if not _is_python(at) or not _ends(whole, tail):
            continue
        root = whole[: len(whole) - len(tail)].rstrip("/")
        if not root or not _python_file(root.split("/"), files):
            roots.append((-_common_depth(root, path), len(root), root, at))
    return [min(roots)[-1]] if roots else []


def _python_file(parts: Sequence[str], files: Neighbourhood) -> list[str]:
    base = "/".join(parts)
    inside = f"{base}/__init__" if base else "__init__"
    for candidate in (f"{inside}.py", f"{base}.py", f"{inside}.pyi", f"{base}.pyi"):
        if candidate in files:
            return [candidate]
    return []


def _is_python(path: str) -> bool:
    return path.endswith((".py", ".pyi"))


def _script(module: str, path: str, files: Neighbourhood) -> list[str]:
    if not module.startswith("."):
        return []
    base = posixpath.normpath(posixpath.join(folder(path), module))
    # TypeScript names the file that will be there after compilation: "./util.js" is util.ts.
    bases = [base, base.rpartition(".")[0]] if base.endswith((".js", ".mjs", ".cjs", ".jsx")) else [base]
    for at in bases:
        for candidate in (at, *(at + ending for ending in _SCRIPT_ENDINGS)):
            if candidate in files:
                return [candidate]
        for ending in _SCRIPT_ENDINGS:
            if f"{at}/index{ending}" in files:
                return [f"{at}/index{ending}"]
    return []


def _rust(module: str, path: str, files: Neighbourhood) -> list[str]:
    parts = module.split("::")
    here = folder(path)
    own = here if stem(path) in ("mod", "lib", "main") else posixpath.join(here, stem(path))
    if parts[0] == "crate":
        sources = path.split("/")
        root = "/".join(sources[: len(sources) - sources[::-1].index("src")]) if "src" in sources else here
        parts = parts[1:]
    else:
        root = own
        while parts and parts[0] in _RELATIVE:
            if parts[0] == "super":
                root = folder(root)
            parts = parts[1:]
    # The last parts may be names within a module: the longest path that is a file counts.
    for length in range(len(parts), -1, -1):
        base = posixpath.join(root, *parts[:length])
        for candidate in (f"{base}.rs", f"{base}/mod.rs", f"{base}/lib.rs"):
            if candidate.lstrip("/") in files:
                return [candidate.lstrip("/")]
    return []


def _folder_by_end(module: str, files: Neighbourhood) -> list[str]:
    """Files of the folder that the end of a module's path names: the longest end that is a folder."""
    parts = module.split("/")
    for first in range(len(parts)):
        tail = "/".join(parts[first:])
        fit = sorted((len(at), at) for at in files.folders() if _ends(at, tail))
        if fit:
            return files.in_folder(fit[0][1])
    return []


def _java(one: Import, files: Neighbourhood) -> list[str]:
    package = one.module.replace(".", "/")
    if not one.names:
        return [at for at in files.called(stem(package)) if _ends(at, f"{package}.java")]
    found: list[str] = []
    for taken in one.names:
        if taken.name == "*":
            fit = sorted((len(at), at) for at in files.folders() if _ends(at, package))
            found += files.in_folder(fit[0][1]) if fit else []
        else:
            whole = f"{package}/{taken.name}.java"
            found += [at for at in files.called(taken.name) if _ends(at, whole)]
    if not found:  # a static import names a member of a class
        found = [at for at in files.called(package.rpartition("/")[2]) if _ends(at, f"{package}.java")]
    return list(dict.fromkeys(found))


def _included(module: str, path: str, files: Neighbourhood) -> list[str]:
    beside = posixpath.normpath(posixpath.join(folder(path), module))
    if beside in files:
        return [beside]
    fit = [at for at in files.called(stem(module)) if _ends(at, module)]
    return sorted(fit, key=lambda at: (-_common_depth(at, path), len(at), at))[:1]


def _ends(path: str, tail: str) -> bool:
    return path == tail or path.endswith("/" + tail)


def _common_depth(one: str, other: str) -> int:
    """How many folders two paths begin with in common."""
    depth = 0
    for left, right in zip(one.split("/"), other.split("/"), strict=False):
        if left != right:
            break
        depth += 1
    return depth
