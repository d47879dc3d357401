"""A model whose corpus is known, for the window that looks at marks: `python -I planted_model.py FOLDER`.

FOLDER/model becomes the model that ships, as if it had been trained on one file; FOLDER/widgets.py is that
file. In a workspace that has a copy of it, the memory suggests what stands in the corpus.
"""

import shutil
import sys
from pathlib import Path

from data_pipeline import attribution
from data_pipeline.document import Document
from lsp_server.attribution import FOLDER
from model.serving.release import default_folder

LEARNT = '''def frobnicate(widget, *, threshold=17, brand="Glimmer", colours=None, again=False):
    """Turn a widget over."""
    widget.zorp_level = threshold + widget.zorp_offset(brand, again=again)
    if colours is not None and widget.accepts(colours, threshold):
        widget.paint(colours, layers=threshold // 4, glossy=not again)
    return widget.polish(seconds=threshold, brand=brand, carefully=widget.is_fragile)
'''


def plant(folder: Path) -> None:
    """Write the model and the file."""
    model = folder / "model"
    shutil.copytree(default_folder(), model, ignore=shutil.ignore_patterns(FOLDER))
    learnt = Document(
        id="1", text=LEARNT, path="widgets.py", language="python", repo="glimmer", license="BSD-2-Clause"
    )
    attribution.write(model / FOLDER, [attribution.fingerprints([learnt])])
    (folder / "widgets.py").write_text(LEARNT, encoding="utf-8")


if __name__ == "__main__":
    plant(Path(sys.argv[1]))
