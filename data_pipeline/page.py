"""A report as one page that needs nothing else: templates filled in strictly, everything escaped.

The page asks nothing of any network, and a content security policy inside it holds even the browser to that:
its style and its one script stand in it, the script by its hash. Style and script are the same for every
report (templates/report.css, report.js).

Not here: plots (drawing.py), what a page says (report.py, eval/report/page.py and their templates).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data_pipeline.drawing import plain

_SHARED = Path(__file__).parent / "templates"


def render(
    templates: Path,
    name: str,
    *,
    filters: Mapping[str, Callable[..., Any]],
    plots: Mapping[str, tuple[str, str]],
    more_style: str = "",
    **values: Any,
) -> str:
    """The page of a template, which finds `values`, and as markup `plots`, `style`, `script`, `script_hash`.

    Each plot is SVG made by drawing.py, wide and narrow. `more_style` comes behind the style that all reports
    share. The same values give the same text.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([templates, _SHARED]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        # Each value becomes one line of what a page can show, so no file name stops the encoder.
        finalize=lambda value: plain(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(filters)
    script = (_SHARED / "report.js").read_text(encoding="utf-8")
    return environment.get_template(name).render(
        plots={
            which: [Markup(svg) for svg in both]  # noqa: S704 - SVG of drawing.py, escaped there
            for which, both in plots.items()
        },
        style=Markup((_SHARED / "report.css").read_text(encoding="utf-8") + more_style),  # noqa: S704 - of ours
        script=Markup(script),  # noqa: S704 - a file of ours
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **values,
    )
