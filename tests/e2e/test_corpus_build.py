"""A real build as a process: killed at random, on a full disk, on a Ray cluster that loses a node."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
# Small, but with every step in it.
_OPTIONS = ("--vocabulary", "500", "--length", "256", "--epochs", "2", "--neighbours", "0.5")


KILLS = 20 if os.environ.get("TABWRIGHT_LONG") else 4  # `make long`


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(manifest, folder of wheels): six projects of this repository's own modules."""
    folder = tmp_path_factory.mktemp("inputs")
    splits = {
        "data_pipeline": "train", "model": "train", "model/serving": "train", "model/export": "train",
        "eval": "validation", "lsp_server": "test",
    }  # fmt: skip
    packages = []
    for number, (room, split) in enumerate(splits.items()):
        name = f"project{number}"
        wheel = folder / f"{name}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            sources = [p for p in sorted((ROOT / room).glob("*.py")) if p.stat().st_size > 2000]
            for path in sources[:6]:
                archive.writestr(zipfile.ZipInfo(f"{name}/{path.name}"), path.read_bytes())
            archive.writestr(
                zipfile.ZipInfo(f"{name}-1.0.dist-info/METADATA"),
                f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nLicense-Expression: MIT\n",
            )
        packages.append(
            {
                "name": name,
                "version": "1.0",
                "wheel": wheel.name,
                "license": "MIT",
                "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
                "split": split,
            }
        )
    manifest = folder / "manifest.json"
    manifest.write_text(
        json.dumps({"name": "t", "languages": ["python"], "python_version": "3.11", "packages": packages})
    )
    return manifest, folder


def _arguments(inputs: tuple[Path, Path]) -> list[str]:
    manifest, cache = inputs
    return ["data", "build", "--manifest", str(manifest), "--cache", str(cache), *_OPTIONS]


def _command(inputs: tuple[Path, Path], out: Path, *more: str) -> list[str]:
    program = [sys.executable, str(ROOT / "tabwright.py")]
    return [*program, *_arguments(inputs), "--out", str(out), *more]


def _run(inputs: tuple[Path, Path], out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(inputs, out, *more), capture_output=True, text=True, timeout=280, check=False, cwd=out.parent
    )


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A build that nothing disturbed."""

    digests: dict[str, str]
    seconds: float
    kilobytes: int


@pytest.fixture(scope="module")
def reference(inputs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Reference:
    out = tmp_path_factory.mktemp("reference") / "out"
    started = time.monotonic()
    done = _run(inputs, out, "--workers", "1")
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr[-3000:]
    size = sum(path.stat().st_size for path in out.rglob("*"))
    return Reference(digests=_digests(out), seconds=seconds, kilobytes=size // 1024)


def test_killed_at_random_points_a_build_ends_with_the_same_bytes(
    inputs: tuple[Path, Path], reference: Reference, tmp_path: Path
) -> None:
    """SIGKILL to the build and its workers, again and again, then one run to the end."""
    out, rng = tmp_path / "out", random.Random(7)
    longest = reference.seconds
    kills = 0
    for _ in range(3 * KILLS):
        if kills == KILLS:
            break
        process = subprocess.Popen(
            _command(inputs, out, "--workers", "2"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=tmp_path,
        )
        try:
            # Most of the first second is start-up, in which there is nothing to disturb.
            process.wait(rng.uniform(0.15, 0.8) * longest)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
            process.wait()
        else:  # it came to its end: the machine was busier when the reference was built
            longest *= 0.7
            shutil.rmtree(out)
    assert kills >= KILLS - 1, "the build was too fast to be killed"
    done = _run(inputs, out, "--workers", "2")
    assert done.returncode == 0, done.stderr[-3000:]
    assert _digests(out) == reference.digests


@contextlib.contextmanager
def _small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """A file system of this size at a folder."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no right to mount a small file system, which the test fills")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount program")
def test_a_full_disk_costs_nothing_but_another_run(
    inputs: tuple[Path, Path], reference: Reference, tmp_path: Path
) -> None:
    """On disks that are too small, first for the parts and then for the shards: each run says so in one
    sentence, and the last one goes on with what the earlier ones have left."""
    disk = tmp_path / "disk"
    left = tmp_path / "left"
    for share in (0.25, 0.65):
        with _small_disk(disk, int(share * reference.kilobytes)):
            if left.exists():
                with contextlib.suppress(shutil.Error):  # what no longer fits is what a full disk loses
                    shutil.copytree(left, disk / "out")
            done = _run(inputs, disk / "out", "--workers", "2")
            assert done.returncode == 1
            said = " ".join(done.stderr.split())
            assert "no room left" in said, done.stderr[-2000:]
            assert "Traceback" not in said
            assert "goes on where it stopped" in said
            if (disk / "out").exists():
                shutil.rmtree(left, ignore_errors=True)
                shutil.copytree(disk / "out", left)
        disk.rmdir()
    assert list((left / "parts").iterdir())
    done = _run(inputs, left, "--workers", "2")
    assert done.returncode == 0, done.stderr[-3000:]
    assert _digests(left) == reference.digests


_ON_RAY = """
import os, sys, time, warnings
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # all on loopback
os.environ["RAY_raylet_start_wait_time_s"] = "120"  # a node of a busy machine takes longer than 30
warnings.simplefilter("ignore")
import ray
from ray.cluster_utils import Cluster
import tabwright
from data_pipeline import engines

node = {"num_cpus": 1, "include_dashboard": False, "include_log_monitor": False}  # all that nobody looks at
cluster = Cluster(initialize_head=True, head_node_args={**node, "no_monitor": True})
second = cluster.add_node(**node)
ray.init(address=cluster.address, log_to_driver=False)
assert [n["NodeManagerAddress"] for n in ray.nodes() if n["Alive"]] == ["127.0.0.1"] * 2

arguments = sys.argv[1:]

def nodes():
    return len([n for n in ray.nodes() if n["Alive"]])

def build(out):
    sys.argv = ["tabwright", *arguments, "--out", out]
    try:
        code = tabwright.main()
    except SystemExit as end:
        code = end.code
    assert not code, code

build("kept")
print("nodes that were kept:", nodes())

# As soon as the first item is done, the second node goes, with what it is working on.
lost = []
real = engines.RayCluster.map
def map(self, function, items, *, on_done=lambda _: None):
    def noting(item):
        if not lost:
            lost.append(item)
            cluster.remove_node(second, allow_graceful=False)
        on_done(item)
    return real(self, function, items, on_done=noting)
engines.RayCluster.map = map
build("lost")
print("nodes lost:", len(lost))
ray.shutdown()
cluster.shutdown()
sys.stdout.flush()
os._exit(0)
"""


def test_two_nodes_of_ray_give_the_bytes_of_a_local_build(
    inputs: tuple[Path, Path], reference: Reference, tmp_path: Path
) -> None:
    """Also when one of them is lost half-way, together with what it was doing."""
    pytest.importorskip("ray", reason="ray is not installed")
    script = tmp_path / "on_ray.py"
    script.write_text(_ON_RAY)
    done = subprocess.run(
        [sys.executable, script, *_arguments(inputs), "--engine", "ray"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=290,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert "nodes that were kept: 2" in done.stdout
    assert "nodes lost: 1" in done.stdout
    for name in ("kept", "lost"):
        assert _digests(tmp_path / name) == reference.digests
