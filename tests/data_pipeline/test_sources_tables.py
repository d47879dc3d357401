"""Parquet and jsonl files: the layouts of The Stack, row by row, and what is no row."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_pipeline.document import Document, Drop
from data_pipeline.manifest import Table
from data_pipeline.sources import tables
from data_pipeline.sources.files import Reading
from model.errors import DataError

# The columns of the published layouts that have a say here, and some that have none.
STACK_1 = {
    "hexsha": "0a", "ext": "py", "lang": "Python", "max_stars_repo_path": "src/a.py",
    "max_stars_repo_name": "owner/thing", "max_stars_repo_head_hexsha": "0b",
    "max_stars_repo_licenses": ["MIT", "Apache-2.0"], "max_stars_count": 3.0, "content": "a = 1\r\n",
    "avg_line_length": 5.0, "alphanum_fraction": 0.5,
}  # fmt: skip
STACK_SMOL = {
    "content": "a = 1\n", "avg_line_length": 5.0, "licenses": ["mit"], "repository_name": "owner/thing",
    "path": "src/a.py", "size": 6, "lang": "Python",
}  # fmt: skip
STACK_2 = {
    "blob_id": "0a", "path": "/src/a.py", "detected_licenses": ["MIT", "BSD-3-Clause"],
    "license_type": "permissive", "repo_name": "owner/thing", "is_vendor": False, "is_generated": False,
    "src_encoding": "UTF-8", "language": "Python", "content": "a = 1\n",
}  # fmt: skip
CODEPARROT = {
    "repo_name": "owner/thing", "path": "src/a.py", "copies": "1", "size": "6", "content": "a = 1\n",
    "license": "bsd-3-clause",
}  # fmt: skip
LAYOUTS = [
    (STACK_1, "Apache-2.0 AND MIT"), (STACK_SMOL, "MIT"), (STACK_2, "BSD-3-Clause AND MIT"),
    (CODEPARROT, "BSD-3-Clause"),
]  # fmt: skip


def table(
    path: Path,
    *,
    kind: Literal["parquet", "jsonl"] | None = None,
    columns: dict[str, str] | None = None,
    license: str | None = None,  # noqa: A002
    accepted: bool = False,
) -> Table:
    return Table(
        kind=kind or ("parquet" if path.suffix == ".parquet" else "jsonl"),
        name="t",
        path=path,
        columns=tuple(sorted((columns or {}).items())),
        license=license,
        license_accepted=accepted,
        split="by-project",
    )


def parquet(path: Path, rows: Sequence[dict[str, Any]], *, group: int = 2) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=group)
    return path


def jsonl(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(stated: Table, languages: Sequence[str] = ("python",)) -> list[Document | Drop]:
    return list(tables.read_table(stated, stated.path, Reading(name=stated.name, languages=languages)))


def one(stated: Table) -> Document | Drop:
    (found,) = read(stated)
    return found


@pytest.mark.parametrize(("row", "license"), LAYOUTS)
def test_the_published_layouts_are_known(tmp_path: Path, row: dict[str, Any], license: str) -> None:  # noqa: A002
    expected = Document(
        id="t/owner/thing/src/a.py", text="a = 1\n", path="src/a.py", language="python",
        repo="owner/thing", license=license,
    )  # fmt: skip
    assert one(table(parquet(tmp_path / "a.parquet", [row]))) == expected
    assert one(table(jsonl(tmp_path / "a.jsonl", [row]))) == expected


def test_row_groups_are_read_in_order_and_repeated_places_are_numbered(tmp_path: Path) -> None:
    rows = [{**STACK_1, "content": f"n = {n}\n"} for n in range(200)]
    path = parquet(tmp_path / "a.parquet", rows, group=7)
    assert pq.ParquetFile(path).num_row_groups == 29
    found = [d for d in read(table(path)) if isinstance(d, Document)]
    assert [d.text for d in found] == [row["content"] for row in rows]
    assert [d.id for d in found][:3] == [f"t/owner/thing/src/a.py{mark}" for mark in ("", "#2", "#3")]
    assert len({d.id for d in found}) == 200


def test_a_numbered_name_never_meets_a_real_one() -> None:
    reading = Reading(name="t", languages=["python"])
    places = ["a.py#2", "a.py", "a.py", "a.py", "a.py#2"]
    assert len({reading.identity(place) for place in places}) == len(places)


def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    row = {**STACK_SMOL, "content": "x = 1\n" * 10_000}
    for path in (jsonl(tmp_path / "a.jsonl", [row] * 400), parquet(tmp_path / "a.parquet", [row] * 400)):
        tracemalloc.start()
        count = sum(1 for _ in tables.read_table(table(path), path, Reading(name="t", languages=["python"])))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == 400
        assert peak < 8_000_000, path  # of 24 MB of text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"licenses": ["MIT", "GPL-3.0-only"]}, "licence not permitted"),
        ({"licenses": []}, "licence not permitted"),
        ({"licenses": None}, "licence not permitted"),
        ({"licenses": "LicenseRef-scancode-unknown"}, "licence not permitted"),
        ({"content": None}, "no text"),
        ({"content": "a = '\ud800'\n"}, "not UTF-8"),
        ({"content": "a = 1\0"}, "not UTF-8"),
        ({"content": "x = 1\n" * 200_000}, "larger than 1 MB"),
        ({"path": "../../etc/cron.d/a.py"}, "unsafe path"),
        ({"path": "pkg/vendor/a.py"}, "vendored"),
        ({"is_vendor": True}, "vendored"),
        ({"repository_name": "a\x1b[2Jb"}, "unsafe path"),
    ],
)
def test_a_row_that_is_of_no_use_is_dropped_with_a_reason(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    found = one(table(jsonl(tmp_path / "a.jsonl", [{**STACK_SMOL, **change}]), license="MIT"))
    assert isinstance(found, Drop)
    assert found.reason == reason
    assert found.document_id.isprintable()


def test_a_rows_licence_is_never_mended_by_that_of_the_source(tmp_path: Path) -> None:
    bare = {name: value for name, value in STACK_SMOL.items() if name != "licenses"}
    whole = table(parquet(tmp_path / "a.parquet", [bare]), license="ISC")
    found = one(whole)
    assert isinstance(found, Document)
    assert found.license == "ISC"
    with pytest.raises(DataError, match="has no column with licences; state `license` for t"):
        read(table(whole.path))
    refused = jsonl(tmp_path / "a.jsonl", [bare])
    assert isinstance(one(table(refused)), Drop)
    found = one(table(refused, accepted=True))
    assert isinstance(found, Document)
    assert found.license == "LicenseRef-Private"


def test_languages_go_by_their_column_and_else_by_the_ending(tmp_path: Path) -> None:
    rows = [
        {**STACK_SMOL, "lang": "Python", "path": "script"},
        {**STACK_SMOL, "lang": "C++", "path": "a.h"},
        {**STACK_SMOL, "lang": "HTML", "path": "a.py"},
        {**STACK_SMOL, "lang": None, "path": "b.py"},
        {**STACK_SMOL, "path": None},
    ]
    found = read(table(jsonl(tmp_path / "a.jsonl", rows)))
    assert [d.path for d in found if isinstance(d, Document)] == ["script", "b.py", "row_5.py"]


def test_the_manifest_may_name_other_columns(tmp_path: Path) -> None:
    row = {"body": "a = 1\n", "content": "not this", "where": "a.py", "who": "o/n", "terms": "MIT"}
    path = parquet(tmp_path / "a.parquet", [row])
    columns = {"text": "body", "path": "where", "repo": "who", "license": "terms"}
    found = one(table(path, columns=columns))
    assert isinstance(found, Document)
    assert (found.text, found.id) == ("a = 1\n", "t/o/n/a.py")
    with pytest.raises(DataError, match="has no column 'bodies' for `text` of t; it has body, content"):
        read(table(path, columns={"text": "bodies"}))


def test_a_table_of_pointers_says_that_contents_must_be_fetched(tmp_path: Path) -> None:
    row = {name: value for name, value in STACK_2.items() if name != "content"}
    with pytest.raises(DataError, match="no column with text; its rows only point to contents, fetch those"):
        read(table(parquet(tmp_path / "a.parquet", [row])))


def test_a_bad_line_is_dropped_and_the_next_one_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_LONGEST_LINE", 2_000)
    good = json.dumps(STACK_SMOL).encode()
    lines = [
        b"\xff\xfe", b"{", b"[1]", b"", b"[" * 1_900, b"x" * 2_000, b"x" * 4_000, b"x" * 5_000,
        b'{"content": NaN}', good, b"{}", good,
    ]  # fmt: skip
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(lines))  # without a line end at the end
    found = read(table(path))
    assert [d.reason for d in found if isinstance(d, Drop)] == [
        "not JSON", "not JSON", "not a JSON object", "not JSON", *["line too long"] * 3, "no text",
    ]  # fmt: skip
    assert [d.id for d in found if isinstance(d, Document)] == [
        "t/owner/thing/src/a.py",
        "t/owner/thing/src/a.py#2",
    ]


def test_compressed_files_are_read_as_they_are(tmp_path: Path) -> None:
    plain = jsonl(tmp_path / "a.jsonl", [{**STACK_SMOL, "content": f"n = {n}\n"} for n in range(1_000)])
    zipped, zstandard = tmp_path / "a.jsonl.gz", tmp_path / "a.jsonl.zst"
    raw = plain.read_bytes()
    zipped.write_bytes(
        gzip.compress(raw[:1000]) + gzip.compress(raw[1000:])
    )  # two members, as some tools write
    with pa.output_stream(zstandard, compression="zstd") as stream:
        stream.write(raw)
    assert len(read(table(plain))) == 1_000
    assert read(table(zipped)) == read(table(zstandard)) == read(table(plain))
    for path in (zipped, zstandard):
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(DataError, match=r"cannot be read to its end .*fetch it again"):
            read(table(path))


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "middle"])
def test_a_file_that_is_no_parquet_is_named(tmp_path: Path, damage: str) -> None:
    path = parquet(tmp_path / "a.parquet", [{**STACK_1, "content": f"n = {n}\n" * 99} for n in range(500)])
    raw = path.read_bytes()
    path.write_bytes(
        {"cut": raw[:-100], "text": b"content,path\n" * 9, "empty": b"",
         "middle": raw[:4] + b"\xff" * 5_000 + raw[5_004:]}[damage]
    )  # fmt: skip
    with pytest.raises(DataError, match=r"a\.parquet of t is not a parquet file .*fetch it again"):
        read(table(path))


def test_a_folder_has_its_files_in_order(tmp_path: Path) -> None:
    for name in ("b/1.parquet", "a/2.parquet", "0.parquet", "x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    stated = table(tmp_path, kind="parquet")
    names = [p.relative_to(tmp_path).as_posix() for p in tables.files_of(stated)]
    assert names == ["0.parquet", "a/2.parquet", "b/1.parquet"]
    with pytest.raises(DataError, match=r"the path of t, is no file and no folder with \.jsonl files"):
        tables.files_of(table(tmp_path))


def test_a_file_without_any_text_says_how_its_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"body": f"x = {i}", "path": "a.py"}) + "\n" for i in range(100)))
    with pytest.raises(DataError, match=r"none of the first 100 rows has a text among body, path; name the"):
        read(table(path))
