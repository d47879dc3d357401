"""The fifth step: the attribution index of what the model is trained on.

    attribution/            what the server reads (model/attribution.py)
    attribution.json        the step's record

Only training documents are indexed: a model cannot have copied the others.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipeline import attribution, steps
from data_pipeline.attribution import Fingerprints, fingerprints
from data_pipeline.clean import documents_file
from data_pipeline.encode import project_ranges
from data_pipeline.engines import Engine
from data_pipeline.progress import Progress
from data_pipeline.store import read_documents
from model import winnowing
from model.attribution import FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexJob:
    """Rows of a documents file to take fingerprints of."""

    documents: Path
    rows: range

    @property
    def name(self) -> str:
        """How the job is called in messages."""
        return f"documents {self.rows.start} to {self.rows.stop} of {self.documents.name}"


def index(job: IndexJob) -> Fingerprints:
    """The fingerprints of a job's documents."""
    return fingerprints(read_documents(job.documents, job.rows))


def build(
    clean_folder: Path, out: Path, clean_record: dict[str, Any], engine: Engine, progress: Progress
) -> dict[str, Any] | None:
    """Write the index; returns its counts, or None where no document is long enough to be attributed."""
    stamp = out.with_suffix(".json")
    key = steps.fingerprint(
        "attribution",
        clean_record["fingerprint"],
        (attribution.MOST_PROJECTS, FORMAT, winnowing.GRAM, winnowing.WINDOW, winnowing.NAMES),
    )
    if (found := steps.read_record(stamp, key)) is not None:
        progress.skip("attribution")
        return found["counts"]  # type: ignore[no-any-return]
    steps.withdraw(stamp)
    # An older index names documents that may not be in the corpus any more; a kill may have left half of one.
    if out.exists():
        shutil.rmtree(out)
    documents = documents_file(clean_folder, "train")
    jobs = [IndexJob(documents=documents, rows=rows) for rows in project_ranges(documents)]
    with progress.task("attribution", sum(len(job.rows) for job in jobs), "files") as advance:
        parts = engine.map(index, jobs, on_done=lambda job: advance(len(job.rows)))
        counts = attribution.write(out, parts) if any(len(part.hashes) for part in parts) else None
    files = [f"{out.name}/{path.name}" for path in sorted(out.iterdir())] if counts else []
    steps.write_record(stamp, key, files, {"counts": counts})
    return counts
