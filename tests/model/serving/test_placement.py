"""Where a model runs is decided by what a session really has, and the log says so."""

from __future__ import annotations

import json
import logging
import shutil

import pytest

from model.errors import ModelError
from model.serving import placement
from model.serving.engine import Engine
from model.serving.release import GPU_GRAPH, META, file_sha256, read_release


class FakeSession:
    """A session that got, or did not get, the GPU it asked for."""

    vocabulary = 600

    def __init__(self, path, *, window, device="cpu", threads=1, spin=False):
        self.path, self.device = path, device
        self.provider = placement.CUDA if device == "cuda" and FakeSession.has_gpu else "CPUExecutionProvider"
        if device == "cuda" and FakeSession.broken:
            raise ModelError("libcudart.so is missing")

    has_gpu = True
    broken = False


@pytest.fixture
def with_gpu_graph(release_folder, tmp_path):
    folder = tmp_path / "release"
    shutil.copytree(release_folder, folder)
    (folder / GPU_GRAPH).write_bytes(b"graph")
    meta = json.loads((folder / META).read_text(encoding="utf-8"))
    meta["files"][GPU_GRAPH] = {"sha256": file_sha256(folder / GPU_GRAPH), "bytes": 5}
    (folder / META).write_text(json.dumps(meta), encoding="utf-8")
    return read_release(folder)


@pytest.fixture
def gpu(monkeypatch):
    """onnxruntime-gpu as it lists itself, on machines with and without a GPU."""

    class Runtime:
        __version__ = "1.0"

        @staticmethod
        def get_available_providers():
            return [placement.CUDA, "CPUExecutionProvider"]

    monkeypatch.setattr(placement, "load_onnxruntime", lambda: Runtime)
    monkeypatch.setattr(placement, "Session", FakeSession)
    monkeypatch.setattr(FakeSession, "has_gpu", True)
    monkeypatch.setattr(FakeSession, "broken", False)
    return monkeypatch


def test_a_gpu_that_is_there_is_used(gpu, with_gpu_graph, caplog):
    caplog.set_level(logging.INFO)
    session = placement.open_session(with_gpu_graph, threads=1)
    assert (session.device, session.path.name) == ("cuda", GPU_GRAPH)
    assert "runs on the GPU" in caplog.text


def test_cuda_that_is_only_listed_is_not_believed(gpu, with_gpu_graph, caplog):
    """The wheel imports and lists CUDA on any machine."""
    gpu.setattr(FakeSession, "has_gpu", False)
    session = placement.open_session(with_gpu_graph, threads=1)
    assert (session.device, session.path.name) == ("cpu", "model.onnx")
    assert "runs on the CPU: onnxruntime lists CUDA" in caplog.text


def test_a_gpu_that_fails_is_told_and_the_cpu_serves(gpu, with_gpu_graph, caplog):
    gpu.setattr(FakeSession, "broken", True)
    assert placement.open_session(with_gpu_graph, threads=1).device == "cpu"
    assert "libcudart.so is missing" in caplog.text


def test_a_release_without_a_gpu_graph_says_how_to_get_one(gpu, release_folder, caplog):
    caplog.set_level(logging.INFO)
    assert placement.open_session(read_release(release_folder), threads=1).device == "cpu"
    assert "export it with --gpu" in caplog.text


def test_this_machine_serves_on_what_its_session_has(release_folder):
    engine = Engine.load(release_folder, threads=1)
    assert engine._session.provider in ("CPUExecutionProvider", placement.CUDA)
    assert engine._session.threads == 1
