"""Answers as they come: a file of samples that a killed run goes on from, and the loop that fills it.

    samples.jsonl   a header that names model and settings, then one line a sample

A run that is started again asks only for what is missing; with another model or other settings it refuses.

Not here: what a problem asks (generate.py, infilling.py), running the answers (judging.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from eval.problems.generate import Sample
from eval.progress import progress_bar
from model.errors import ConfigError, DataError

if TYPE_CHECKING:
    from rich.console import Console

FORMAT = 1


class SampleFile:
    """samples.jsonl: a header line, then one line a sample. Opening it reads what an earlier run left."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        """Raises ConfigError for a file of another model or other settings, DataError for a broken one."""
        self.path = path
        self.samples: dict[tuple[str, int], Sample] = {}
        self._whole = 0  # bytes of complete lines
        expected = {"format": FORMAT, **header}
        if path.exists():
            self._read(expected)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("ab")
        # What a kill left of a last line goes; its sample is generated again.
        self._file.truncate(self._whole)
        if self._whole == 0:
            self._write(expected)

    def _read(self, expected: dict[str, Any]) -> None:
        for number, line in enumerate(self.path.read_bytes().splitlines(keepends=True), 1):
            if not line.endswith(b"\n"):
                break
            try:
                record = json.loads(line)
                if number == 1:
                    self._compare(record, expected)
                else:
                    sample = Sample(**record)
                    self.samples.setdefault((sample.task_id, sample.sample), sample)
            except (ValueError, TypeError) as error:
                if isinstance(error, ConfigError):
                    raise
                raise DataError(
                    f"{self.path}, line {number}, is not a sample: {error}; delete the file"
                ) from error
            self._whole += len(line)

    def _compare(self, found: dict[str, Any], expected: dict[str, Any]) -> None:
        if found == expected:
            return
        differences = [
            f"{key} {found.get(key, 'unset')} instead of {expected.get(key, 'unset')}"
            for key in {**expected, **found}
            if found.get(key) != expected.get(key)
        ]
        raise ConfigError(
            f"{self.path} was made with {', '.join(differences)}; choose another --out or delete it"
        )

    def append(self, sample: Sample) -> None:
        """Keep a sample: once this returns, a kill of this process cannot lose it."""
        self.samples[sample.task_id, sample.sample] = sample
        self._write(asdict(sample))

    def _write(self, record: dict[str, Any]) -> None:
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; what it holds stays readable in `samples`."""
        self._file.close()


def gather(
    wanted: Sequence[tuple[str, int]],
    ask: Callable[[str, int], Sample],
    file: SampleFile,
    *,
    console: Console,
) -> list[Sample]:
    """The samples (task id, number) in their order, taken from the file or asked for and appended to it."""
    left = [key for key in wanted if key not in file.samples]
    with progress_bar(console) as progress:
        task = progress.add_task("generating", total=len(wanted), completed=len(wanted) - len(left))
        for task_id, number in left:
            file.append(ask(task_id, number))
            progress.advance(task)
    return [file.samples[key] for key in wanted]
