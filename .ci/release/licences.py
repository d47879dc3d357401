"""third-party-licences.txt: the licence texts of what Tabwright contains, and of what pip installs beside it.

Not here: finding out which packages these are (packages.py, bill.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from data_pipeline.licenses import of_metadata

# All that a package's metadata keeps as licences; else by name, in the metadata or at the top of the package.
LICENCE_FILE = re.compile(
    r"[^/]+\.dist-info/licenses/.+"
    r"|[^/]+/(?:licen[cs]e|copying|notice|authors|third-?party)[^/]*(?<!\.py)",
    re.IGNORECASE,
)
RULE = "=" * 80
HEAD = """\
Licences of other people's work that comes with Tabwright.

1. Packages inside the VS Code extension (.vsix). Their code is in its JavaScript.
2. Packages that pip installs for the wheel with its extra `cpu`, at the versions that were tested, on the
   platform that the bill of materials names. Neither the wheel nor the .vsix contains them.
3. The projects that the model was trained, tuned and tested on. No package contains their files.
"""


def text_of_all(*, npm_notices: str, distributions: Sequence[metadata.Distribution], manifest: Path) -> str:
    """The whole file."""
    parts = [
        HEAD,
        _title("1. Inside the VS Code extension"),
        npm_notices.strip(),
        _title("2. Installed by pip"),
    ]
    parts += [_of_distribution(d) for d in distributions]
    parts += [_title("3. The corpus of the model"), "\n".join(_of_corpus(manifest))]
    return "\n\n".join(parts) + "\n"


def _title(text: str) -> str:
    return f"{RULE}\n{text}\n{RULE}"


def _of_distribution(distribution: metadata.Distribution) -> str:
    licence = of_metadata(distribution.read_text("METADATA") or "")
    head = f"{distribution.name} {distribution.version} ({licence})"
    texts = [
        f"[{file.as_posix()}]\n{_text(Path(str(distribution.locate_file(file))))}"
        for file in sorted(distribution.files or (), key=lambda file: file.as_posix())
        if LICENCE_FILE.fullmatch(file.as_posix())
    ]
    return "\n\n".join([f"{'-' * 80}\n{head}", *(texts or ["(the package brings no licence text)"])])


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="replace").strip()


def _of_corpus(manifest: Path) -> Iterator[str]:
    corpus = json.loads(manifest.read_text("utf-8"))
    for package in corpus["packages"]:
        yield f"{package['name']} {package['version']} ({package['split']}): {package['license']}"
