"""The bill of materials of a release (CycloneDX 1.6, JSON): packages, what they need, the model, its corpus.

cyclonedx-py says what pip installs, npm what is inside the .vsix. The rest is added here, and the whole is
held against the schema. The same release gives the same bytes: its time is the commit's, its number comes of
its content.

Not here: the texts of the licences (licences.py); what only builds, tests or trains, and onnxruntime-gpu.
"""

from __future__ import annotations

import json
import platform
import sys
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packages import npm_command
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from steps import StepError, run, sha256

from data_pipeline.licenses import of_metadata

ROOT_REF = "tabwright"
CORPUS_REF = "corpus"
MODEL_REF = "model"
Part = dict[str, Any]


def of_python(
    interpreter: Path, distributions: Sequence[metadata.Distribution], *, environment: Mapping[str, str]
) -> Part:
    """cyclonedx-py's account of an environment, every licence an SPDX expression.

    Raises:
        StepError: a package names no licence that is known.
    """
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--spec-version", "1.6"]
    told = run(
        [*command, "--output-reproducible", "--short-PURLs", interpreter],
        folder=interpreter.parent,
        environment=environment,
    )
    bill: Part = json.loads(told)
    texts = {(d.name, d.version): d.read_text("METADATA") or "" for d in distributions}
    for component in bill["components"]:
        if not _is_spdx(component.get("licenses", [])):
            component["licenses"] = _understood(
                component["name"], texts[component["name"], component["version"]]
            )
    return bill


def _is_spdx(choices: Sequence[Part]) -> bool:
    return bool(choices) and all("expression" in c or "id" in c["license"] for c in choices)


def _understood(name: str, text: str) -> list[Part]:
    """Old metadata names a licence in words: the corpus's own reader of licences knows them."""
    expression = of_metadata(text)
    if expression is None:
        raise StepError(
            f"the metadata of the package {name} names no licence that data_pipeline/licenses.py knows"
        )
    return [{"expression": expression, "acknowledgement": "concluded"}]


def of_npm(extension: Path, *, environment: Mapping[str, str]) -> Part:
    """npm's account of the packages that the extension needs at work, its direct ones at the root.

    npm's own way to leave the build tools out, `--omit dev`, also leaves out what both need.
    """
    command = ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"]
    bill: Part = json.loads(run([*npm_command(), *command], folder=extension, environment=environment))
    asked = json.loads((extension / "package.json").read_text("utf-8"))["dependencies"]
    edges = {entry["ref"]: entry["dependsOn"] for entry in bill["dependencies"]}
    root = bill["metadata"]["component"]["bom-ref"]
    direct = [ref for ref in edges[root] if ref.rpartition("@")[0] in asked]
    at_work = _reached(direct, edges)
    return {
        "root": direct,
        "components": [
            {key: value for key, value in component.items() if value != []}
            for component in bill["components"]
            if component["bom-ref"] in at_work
        ],
        "dependencies": [entry for entry in bill["dependencies"] if entry["ref"] in at_work],
    }


def _reached(start: Sequence[str], edges: Mapping[str, Sequence[str]]) -> set[str]:
    found: set[str] = set()
    ahead = list(start)
    while ahead:
        ref = ahead.pop()
        if ref not in found:
            found.add(ref)
            ahead += edges[ref]
    return found


def of_corpus(manifest: Path) -> Part:
    """The projects that the model was trained, tuned and tested on.

    They are no dependencies and bear no package URL, so a search for weaknesses in what is installed passes
    them over.
    """
    corpus = json.loads(manifest.read_text("utf-8"))
    return {
        "bom-ref": CORPUS_REF,
        "type": "data",
        "name": corpus["name"],
        "description": "Projects of the Python package index, used as text; no package has their files.",
        "hashes": [_hash(sha256(manifest))],
        "licenses": [_license(expression) for expression in _of_all(corpus["packages"])],
        "components": [
            {
                "bom-ref": f"{CORPUS_REF}/{package['name']}",
                "type": "data",
                "name": package["name"],
                "version": package["version"],
                "hashes": [_hash(package["sha256"])],
                "licenses": [{"expression": package["license"]}],
                "properties": [{"name": "tabwright:split", "value": package["split"]}],
            }
            for package in corpus["packages"]
        ],
    }


def _of_all(packages: Sequence[Part]) -> list[str]:
    return sorted({package["license"] for package in packages})


def _license(expression: str) -> Part:
    """A list of several licences may hold names and identifiers, never expressions."""
    return {"license": {"name" if " " in expression else "id": expression}}


def of_model(folder: Path) -> Part:
    """The model that ships, with the checksum of each of its files.

    Raises:
        StepError: a file is not the one that meta.json tells of.
    """
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): sha256(path) for path in paths}
    for name, told in meta["files"].items():
        if found.get(name) != told["sha256"]:
            raise StepError(f"{folder.name}/{name} is not the file with the checksum that meta.json tells of")
    files = [
        {"bom-ref": f"{MODEL_REF}/{name}", "type": "file", "name": name, "hashes": [_hash(digits)]}
        for name, digits in found.items()
    ]
    weights = found["model.onnx"]
    return {
        "bom-ref": MODEL_REF,
        "type": "machine-learning-model",
        "name": meta["name"],
        "version": weights[:12],
        "description": "Data only: network, tokenizer, description, index of where code comes from.",
        "hashes": [_hash(weights)],
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "modelCard": {
            "modelParameters": {
                "task": "code completion",
                "architectureFamily": meta["architecture"]["model_type"],
                "datasets": [{"ref": CORPUS_REF}],
            }
        },
        "components": files,
        "properties": [
            {"name": "tabwright:parameters", "value": str(meta["parameters"])},
            {"name": "tabwright:variant", "value": meta["variant"]},
            {"name": "tabwright:corpus-manifest-sha256", "value": meta["corpus"]["manifest_sha256"]},
        ],
    }


def together(
    *,
    project: Mapping[str, Any],
    packages: Mapping[str, Path],
    python: Part,
    npm: Part,
    model: Part,
    corpus: Part,
    needed: Sequence[str],
    epoch: int,
    commit: str,
    tools: Mapping[str, str],
) -> str:
    """The bill as text.

    Args:
        packages: `sdist`, `wheel` and `vsix`.
        needed: the requirements of `tabwright[cpu]`.
        tools: what it was built with, and which version; other versions may give other bytes.

    Raises:
        StepError: the schema of CycloneDX 1.6 does not hold.
    """
    refs = {canonicalize_name(component["name"]): component["bom-ref"] for component in python["components"]}
    asked = [Requirement(text) for text in needed]
    direct = [refs[canonicalize_name(r.name)] for r in asked if r.marker is None or r.marker.evaluate()]
    vsix_needs = sorted([packages["wheel"].name, *npm["root"]])
    own = [
        {"ref": ROOT_REF, "dependsOn": sorted(path.name for path in packages.values())},
        {"ref": packages["sdist"].name, "dependsOn": [MODEL_REF]},
        {"ref": packages["wheel"].name, "dependsOn": sorted([MODEL_REF, *direct])},
        {"ref": packages["vsix"].name, "dependsOn": vsix_needs},
        {"ref": MODEL_REF, "dependsOn": [CORPUS_REF]},
    ]
    of_others = [*python["dependencies"], *npm["dependencies"]]
    bill: Part = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "bom-ref": ROOT_REF,
                "type": "application",
                "name": project["name"],
                "version": project["version"],
                "description": project["description"],
                "licenses": [{"license": {"id": project["license"]}}],
                "purl": f"pkg:pypi/{project['name']}@{project['version']}",
                "components": [_package(path) for _, path in sorted(packages.items())],
            },
            "tools": {
                "components": [
                    {"type": "application", "name": name, "version": version}
                    for name, version in sorted(tools.items())
                ]
            },
            "properties": [
                {"name": "tabwright:commit", "value": commit},
                {"name": "tabwright:platform", "value": f"{sys.platform}-{platform.machine()}"},
                {"name": "tabwright:source-date-epoch", "value": str(epoch)},
            ],
        },
        "components": [model, corpus, *sorted((*python["components"], *npm["components"]), key=_order)],
        "dependencies": [*own, *sorted(of_others, key=lambda d: str(d["ref"]).lower())],
    }
    content = json.dumps(bill, sort_keys=True)
    bill["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, content).urn
    text = json.dumps(bill, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise StepError(f"the bill of materials does not hold to CycloneDX 1.6: {wrong}")
    return text


def _package(path: Path) -> Part:
    return {"bom-ref": path.name, "type": "file", "name": path.name, "hashes": [_hash(sha256(path))]}


def _hash(digits: str) -> Part:
    return {"alg": "SHA-256", "content": digits}


def _order(component: Part) -> tuple[str, str]:
    return component["name"].lower(), component["bom-ref"]
