"""The workspace's files as one service has them: indexed for the memory, and for neighbours to be chosen.

They are read once a model is there to read them for, in the background, and as the settings say.

Not here: how they are found, read and followed (workspace.py), what is chosen from them (nearby.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lsp_server.nearby import Nearby
from lsp_server.workspace import State, Workspace

if TYPE_CHECKING:
    from lsp_server.engines import Engine
    from model.serving.project import Project
    from model.serving.shelf import Shelf


class ProjectIndex:
    """One service's. `project` is None until there is something to index."""

    def __init__(self, *, hide: Callable[[str], str]) -> None:
        """`hide` takes the secrets out of a file's text before anything is given it."""
        self.folders: list[str] = []  # file system paths
        self.nearby = Nearby()
        self.project: Project | None = None
        self._hide = hide
        self._workspace: Workspace | None = None

    def follow(self, folders: Sequence[str]) -> None:
        """The workspace's folders are these. `read` looks through them."""
        # As documents' paths are: the same file must have the same name in the index.
        self.folders = [os.path.realpath(folder) for folder in folders]

    def read(self, engine: Engine, *, wanted: bool) -> bool:
        """Index the folders in the background, or stop that; False where there is nothing to do."""
        if self._workspace is None:
            if not wanted or not self.folders:
                return False
            self.project = engine.new_project()
            self._workspace = Workspace(
                self.project,
                engine.release.languages,
                nearby=self.nearby,
                shelf=_shelf(engine),
                hide=self._hide,
            )
        self._workspace.follow(self.folders if wanted else [])
        return True

    def saved(self, path: str) -> None:
        """A file has changed on disk: it is read again."""
        if self._workspace is not None:
            self._workspace.changed(os.path.realpath(path))

    @property
    def state(self) -> State | None:
        """How far it is; None where nothing is indexed."""
        return None if self._workspace is None else self._workspace.state

    def close(self) -> None:
        """Stop reading soon."""
        if self._workspace is not None:
            self._workspace.close()


def _shelf(engine: Engine) -> Shelf | None:
    """Where the index of a workspace is kept from one start to the next, if there is one to keep."""
    if engine.encoder is None:
        return None
    from platformdirs import user_cache_path

    from model.serving.shelf import Shelf

    folder = user_cache_path("tabwright") / "index"
    return Shelf(folder, tokenizer_sha256=engine.tokenizer.sha256, dtype=engine.encoder.dtype)
