"""The one check before anything of Tabwright's is imported: are the four packages ours?

Their names are common ones. A workspace with its own `model/` folder takes the place of ours when the server
is started with a plain `python -m`, which puts the working folder first. Imports nothing of ours.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

PACKAGES = ("model", "lsp_server", "data_pipeline", "eval")


def shadowed() -> str | None:
    """One sentence naming the package that lies elsewhere than this one and the way out, or None."""
    root = Path(__file__).resolve().parents[1]
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None:
            return f"Tabwright's package {name!r} is missing beside {root}; install tabwright again"
        places = [Path(place).resolve() for place in spec.submodule_search_locations or ()]
        if spec.origin is not None:
            places = places or [Path(spec.origin).resolve()]
        if not any(place.parent == root for place in places):
            found = places[0] if places else "an unknown place"
            return (
                f"the package {name!r} at {found} stands in the way of Tabwright's own in {root}; "
                "start the server with `python -I -m lsp_server` or the command `tabwright serve`"
            )
    return None
