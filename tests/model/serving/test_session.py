"""Remembered keys and values never change what is computed."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from model.errors import ModelError
from model.serving.session import CHUNK, Session

CLOSE = {"atol": 1e-3, "rtol": 0}


@pytest.fixture
def session(release_folder) -> Session:
    return Session(release_folder / "model.onnx", window=320)


def last_logits(session: Session, tokens: list[int]) -> np.ndarray:
    """Logits after `tokens`, using what the session remembers."""
    new = tokens[session.reuse(tokens) :]
    for start in range(0, len(new), CHUNK):
        logits, best = session.step(new[start : start + CHUNK])
    assert session.tokens == tokens
    assert best[0] == logits[0].argmax()
    return logits[0].copy()


def test_reuse_keeps_the_longest_common_start(session):
    session.step([5, 6, 7, 8])
    assert session.reuse([5, 6, 9, 8]) == 2
    assert session.tokens == [5, 6]


def test_reuse_always_leaves_a_token_to_run(session):
    """The same prompt again has no logits unless its last token runs again."""
    session.step([5, 6, 7, 8])
    assert session.reuse([5, 6, 7, 8]) == 3
    assert session.reuse([5]) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda ids: [*ids, 40, 41],
        lambda ids: ids[:-30],
        lambda ids: [*ids[:-30], 77, *ids[-20:]],
        lambda ids: [ids[0], 99, *ids[1:]],
        lambda ids: ids,
        lambda ids: ids[100:],
    ],
    ids=["typed on", "deleted", "edited above", "edited at the top", "asked again", "another place"],
)
def test_reused_memory_gives_what_a_fresh_session_gives(release_folder, session, rows, change):
    before, after = rows[1][:200], change(rows[1][:200])
    last_logits(session, before)
    warm = last_logits(session, after)
    cold = last_logits(Session(release_folder / "model.onnx", window=320), after)
    np.testing.assert_allclose(warm, cold, **CLOSE)


def test_window_can_be_filled_to_the_last_token(session, rows, reference):
    row = rows[0][:320]
    np.testing.assert_allclose(last_logits(session, row), reference.logits(row)[-1], **CLOSE)
    with pytest.raises(AssertionError):
        session.step([1])


def test_memory_survives_many_rewinds(session, rows, reference):
    """What lies behind a rewind is stale and must never be read."""
    row = rows[1][:120]
    for cut in (100, 3, 50, 1, 119):
        last_logits(session, [*row[:cut], 44, 45, 46])
    np.testing.assert_allclose(last_logits(session, row), reference.logits(row)[-1], **CLOSE)


def test_threads_do_not_change_the_result(release_folder, session, rows):
    other = Session(release_folder / "model.onnx", window=320, threads=2)
    np.testing.assert_allclose(last_logits(session, rows[1]), last_logits(other, rows[1]), **CLOSE)


def test_bindings_do_not_pile_up(session, rows):
    """Every prompt has another length; only the lengths that come back may stay in memory."""
    for length in range(70, 140):
        session.rewind(0)
        session.step(rows[1][:length])
        session.rewind(0)
        session.step(rows[1][:length], rows=length)
    assert len(session._cache.current.bindings) <= 1


def test_documents_are_remembered_side_by_side(release_folder, rows, reference):
    """Going to another file and back costs nothing, and mixes nothing up."""
    session = Session(release_folder / "model.onnx", window=320)
    one, other = rows[0][:150], rows[1][:150]
    last_logits(session, one)
    last_logits(session, other)
    assert session.memories == 2
    assert session.reuse([*one, 44]) == 150
    np.testing.assert_allclose(last_logits(session, [*one, 44]), reference.logits([*one, 44])[-1], **CLOSE)
    assert session.reuse([*other, 45]) == 150
    np.testing.assert_allclose(
        last_logits(session, [*other, 45]), reference.logits([*other, 45])[-1], **CLOSE
    )


@pytest.mark.parametrize(("memories", "expected"), [(0, 1), (1, 1), (2.5, 2), (1000, 8)])
def test_the_budget_bounds_the_memories(release_folder, rows, memories, expected):
    """Many open files must not fill the machine; a budget too small for one memory still gives one."""
    size = Session(release_folder / "model.onnx", window=320).bytes_per_memory
    assert size == 2 * 2 * 320 * 16 * 4  # layers, keys and values, window, width of a head, float32
    session = Session(release_folder / "model.onnx", window=320, kv_budget=int(size * memories))
    for n in range(12):
        last_logits(session, rows[0][n * 20 : n * 20 + 40])
    assert session.memories == expected


def test_a_session_goes_with_its_last_use(release_folder, rows):
    """A circle of references would keep large models until some later collection."""
    session = Session(release_folder / "model.onnx", window=320)
    last_logits(session, rows[1])
    alive = weakref.ref(session)
    gc.disable()
    try:
        del session
        assert alive() is None
    finally:
        gc.enable()


def test_kept_bindings_share_their_logits(session, rows):
    """With 150,000 tokens in a vocabulary, a buffer for each length would be hundreds of megabytes."""
    for document in rows[:2]:
        session.reuse(document)
        for count in range(1, 10):
            session.rewind(0)
            session.step(document[:count], rows=count)
    buffers = {
        binding.logits.__array_interface__["data"][0]
        for memory in session._cache._memories
        for binding in memory.bindings.values()
    }
    assert len(buffers) == 1


def test_a_provider_that_fails_is_an_error_and_prints_nothing(release_folder, capfd, monkeypatch):
    """onnxruntime's own fallback prints to standard output, where a language server speaks its protocol."""
    import onnxruntime

    real = onnxruntime.InferenceSession._create_inference_session

    def broken(self, providers, *rest):
        if "CUDAExecutionProvider" in str(providers):
            raise RuntimeError("CUDA failure 100: no CUDA-capable device is detected")
        return real(self, providers, *rest)

    monkeypatch.setattr(onnxruntime.InferenceSession, "_create_inference_session", broken)
    with pytest.raises(ModelError, match="no CUDA-capable device"):
        Session(release_folder / "model.onnx", window=320, device="cuda")
    assert capfd.readouterr().out == ""
